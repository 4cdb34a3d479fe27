/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Paravirtual services: what a guest that knows it runs on KVM may ask for. Each is a file of this
 * room, a bit of the CPUID leaf KVM_CPUID_FEATURES (reported only when the file is there) and an
 * MSR or a hypercall.
 */
#ifndef KVM_X86_PV_H
#define KVM_X86_PV_H

#include "../tsc.h"
#include <asm/kvm_para.h>

struct x86_pv {
	struct x86_kvmclock	clock;
	struct {
		u64			msr;	/* MSR_KVM_STEAL_TIME */
		struct kvm_gpa_cache	page;
		u64			last;	/* run_delay of @thread at the last report, ns */
		const struct task_struct *thread;	/* only to be compared */
		bool			usable;		/* enabled, and there is memory */
		bool			preempted_set;
	} steal;
	struct {
		u64			msr;	/* MSR_KVM_PV_EOI_EN */
		struct kvm_gpa_cache	page;
		bool			armed;	/* the bit is set in the guest's word */
	} eoi;
	u64				poll_control;	/* MSR_KVM_POLL_CONTROL */
	u64				migration_control;
	bool				enforce_features;	/* KVM_CAP_ENFORCE_PV_FEATURE_CPUID */
	bool				unhalted;	/* KVM_HC_KICK_CPU came */
};

/* Features of KVM_CPUID_FEATURES.EAX that are implemented. */
u32 pv_supported_features(void);

/* MSRs 0x4b564d00... and the old clock numbers; as x86_msr_get/set. */
int pv_msr_get(struct kvm_vcpu *vcpu, u32 index, u64 *data, bool host);
int pv_msr_set(struct kvm_vcpu *vcpu, u32 index, u64 data, bool host);
extern const u32 pv_msrs[];	/* the numbers, for KVM_GET_MSR_INDEX_LIST */
extern const unsigned int pv_nr_msrs;

/* Hypercall by registers; returns the value for RAX. @handled false: KVM_ENOSYS. */
long pv_hypercall(struct kvm_vcpu *vcpu, unsigned long nr, unsigned long a0, unsigned long a1,
		  unsigned long a2,
		  unsigned long a3, bool op_64_bit);

int pv_steal_msr_set(struct kvm_vcpu *vcpu, u64 data);	/* 0, or 1 for #GP */
bool pv_halt_poll_ok(struct kvm_vcpu *vcpu);
void pv_vcpu_reset(struct kvm_vcpu *vcpu);
int pv_steal_update(struct kvm_vcpu *vcpu);		/* KVM_REQ_STEAL_UPDATE */
void pv_steal_put(struct kvm_vcpu *vcpu);		/* vcpu_put: mark preempted */

#endif /* KVM_X86_PV_H */
