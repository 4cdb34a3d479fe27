/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Time: the guest's TSC (tsc.c) and the VM's clock that kvmclock shows (pv/kvmclock.c).
 *
 * The guest's TSC is the host's, scaled by ratio where hardware can, plus offset. The VM's clock is
 * nanoseconds since the VM was made, of CLOCK_MONOTONIC_RAW plus an offset that KVM_SET_CLOCK
 * changes. While the host runs on its TSC and all vCPUs' TSCs agree, the VM has a "master clock":
 * one (TSC, ns) pair for all vCPUs, and the guest may trust the pages of different vCPUs to be
 * comparable (the stable bit).
 */
#ifndef KVM_X86_TSC_H
#define KVM_X86_TSC_H

#include <linux/ratelimit.h>
#include <linux/workqueue.h>
#include <kvm/vcpu.h>
#include <kvm/guest_access.h>
#include <asm/pvclock-abi.h>

struct kvm_arg;

struct x86_clock {
	raw_spinlock_t	tsc_lock;		/* guards matching of TSC writes: the next block */
	u64		last_write, last_nsec;
	u32		last_khz;
	u64		generation;		/* of TSCs that agree */
	u64		gen_write, gen_nsec, gen_offset;
	u64		gen_lost;		/* x86_tsc_lost when gen_offset was right */
	unsigned int	gen_matched;		/* vCPUs of this generation */
	u32		default_khz;		/* KVM_SET_TSC_KHZ on the VM; 0: the host's */

	/* readers of the rest retry; writers hold tsc_lock */
	seqcount_raw_spinlock_t seq;
	bool		use_master;
	u64		master_ns;		/* VM clock's host time at master_tsc */
	u64		master_tsc;		/* host TSC */
	u64		master_lost;		/* x86_tsc_lost then */
	s64		offset_ns;		/* VM clock = host ns + offset_ns */
	gpa_t		wall_gpa;		/* MSR_KVM_WALL_CLOCK(_NEW), as written */
	struct delayed_work resync;		/* one a VM, not one a vCPU */
};

struct x86_tsc {
	u64		offset;			/* guest TSC = scale(host TSC, ratio) + offset */
	/* in the backend's fixed point; 1.0 is x86_tsc_ratio_one */
	u64		ratio;
	u32		khz;			/* the guest's frequency */
	/* hardware does not keep it right: moved forward by time */
	bool		catchup;
	u64		lost;			/* x86_tsc_lost that the offset makes up for */
	u64		generation;
	u64		adjust;			/* IA32_TSC_ADJUST */
	/* at the last put; only while the host's TSC is unstable */
	u64		last_guest;
	int		last_cpu;
};

/* kvmclock of one vCPU (pv/kvmclock.c); in struct x86_pv. */
struct x86_kvmclock {
	u64			msr;		/* MSR_KVM_SYSTEM_TIME(_NEW) as written */
	bool			active;
	struct kvm_gpa_cache	page;
	struct pvclock_vcpu_time_info info;	/* the last that was written */
	/* KVM_KVMCLOCK_CTRL: tell the guest that it was stopped */
	bool			pause_flag;
};

/* fixed-point 1.0; set by hardware_setup; 0 when there is no scaling */
extern u64 x86_tsc_ratio_one;
extern u8 x86_tsc_ratio_frac_bits;
extern u64 x86_tsc_ratio_max;

void x86_tsc_vm_init(struct kvm *kvm);
void x86_tsc_vm_destroy(struct kvm *kvm);
int x86_tsc_vcpu_init(struct kvm_vcpu *vcpu);
u64 x86_tsc_read_guest(struct kvm_vcpu *vcpu, u64 host_tsc);	/* host TSC value -> this guest's */
/* what the TSC really runs at: the host's, scaled */
u32 x86_tsc_hardware_khz(struct kvm_vcpu *vcpu);
u64 x86_tsc_to_host_delta(struct kvm_vcpu *vcpu, u64 guest_delta);
/*
 * Guest or host writes MSR_IA32_TSC; @host: user space does (matching with the other vCPUs'
 * writes).
 */
void x86_tsc_write(struct kvm_vcpu *vcpu, u64 value, bool host);
void x86_tsc_adjust_write(struct kvm_vcpu *vcpu, u64 value, bool host);
/* vcpu_load: another CPU, or time stood still */
void x86_tsc_load(struct kvm_vcpu *vcpu, int cpu);
void x86_tsc_put(struct kvm_vcpu *vcpu);
int x86_tsc_set_khz(struct kvm_vcpu *vcpu, u32 khz);
void x86_tsc_set_offset(struct kvm_vcpu *vcpu, u64 offset);	/* KVM_VCPU_TSC_OFFSET */
long x86_vm_set_tsc_khz(struct kvm *kvm, struct kvm_arg *arg);
long x86_vm_get_tsc_khz(struct kvm *kvm, struct kvm_arg *arg);
/* The last CPU, irqs off: the host's TSC may begin again in between. */
void x86_tsc_suspend(void);
void x86_tsc_resume(void);
extern u64 x86_tsc_lost;
long x86_vcpu_set_tsc_khz(struct kvm_vcpu *vcpu, struct kvm_arg *arg);
long x86_vcpu_get_tsc_khz(struct kvm_vcpu *vcpu, struct kvm_arg *arg);

/* The VM's clock. */
u64 kvmclock_vm_ns(struct kvm *kvm);		/* any context */
/* KVM_REQ_CLOCK_UPDATE: write the page; 0, or 1: guest TSC unknown */
int kvmclock_update(struct kvm_vcpu *vcpu);
void kvmclock_master_update(struct kvm *kvm);	/* KVM_REQ_MASTERCLOCK */
int kvmclock_msr_set(struct kvm_vcpu *vcpu, u64 data, bool old_msr, bool host);
int kvmclock_wall_msr_set(struct kvm_vcpu *vcpu, u64 data);
/* KVM_HC_CLOCK_PAIRING: wall clock and guest TSC of one moment, written at @gpa; value for RAX. */
long kvmclock_pair(struct kvm_vcpu *vcpu, gpa_t gpa);
void kvmclock_reset(struct kvm_vcpu *vcpu);
void kvmclock_resume(void);			/* after a suspend; any context */
int kvmclock_module_init(void);
void kvmclock_module_exit(void);
long kvmclock_vm_get_clock(struct kvm *kvm, struct kvm_arg *arg);
long kvmclock_vm_set_clock(struct kvm *kvm, struct kvm_arg *arg);
long kvmclock_vcpu_ctrl(struct kvm_vcpu *vcpu, struct kvm_arg *arg);	/* KVM_KVMCLOCK_CTRL */

#endif /* KVM_X86_TSC_H */
