/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * struct kvm_vcpu: one virtual CPU, its requests, and how it is woken and kicked.
 *
 * The architecture's vCPU object begins with a struct kvm_vcpu and is as large as kvm_arch_ops.vcpu_size says. A vCPU
 * is "loaded" on a physical CPU between vcpu_load and vcpu_put; a preempt notifier keeps that true across the
 * scheduler.
 */
#ifndef KVM_VCPU_H
#define KVM_VCPU_H

#include <linux/preempt.h>
#include <kvm/async_pf.h>
#include <kvm/vm.h>

/* Where the vCPU's thread is; written by itself, read by who sends requests. */
enum kvm_vcpu_mode {
	VCPU_OUTSIDE,		/* in host code: it will look at its requests before it enters */
	VCPU_IN_GUEST,		/* in the guest, or so near that an IPI is needed to get it out */
	VCPU_EXITING,		/* an IPI is on its way */
	VCPU_READING_TABLES,	/* walks guest-visible tables without a lock: whoever frees them must wait */
};

/*
 * Requests: bits in vcpu->requests, looked at before each guest entry. The low 8 bits are the number; the flags say
 * what making the request does.
 */
#define KVM_REQ_NR_MASK		GENMASK(7, 0)
#define KVM_REQ_WAIT		BIT(8)	/* the maker waits until the vCPU has left the guest */
#define KVM_REQ_NO_WAKE		BIT(9)	/* do not wake a vCPU that is blocked */
#define KVM_REQ_NO_CLEAR	BIT(10)	/* stays set (dead VM) */

#define KVM_REQ_TLB_FLUSH	(0 | KVM_REQ_WAIT | KVM_REQ_NO_WAKE)
#define KVM_REQ_VM_DEAD		(1 | KVM_REQ_WAIT)
#define KVM_REQ_UNBLOCK		2	/* wake and look: something may have become runnable */
#define KVM_REQ_OUTSIDE		(3 | KVM_REQ_WAIT | KVM_REQ_NO_WAKE)	/* only: leave the guest once */
#define KVM_REQ_DIRTY_RING	4	/* its ring was full: see kvm_dirty_ring_full() */
#define KVM_REQ_ARCH		8	/* first number of the architecture's own; up to 63 */

struct kvm_vcpu {
	struct kvm		*kvm;
	union {
		int		id;		/* user space's number */
		int		vcpu_id;	/* the same, as <trace/events/kvm.h> calls it */
	};
	unsigned int		index;		/* dense, order of creation */
	int			cpu;		/* loaded or last loaded here; -1 never */
	int			srcu_idx;
	u64			requests;	/* atomic bit operations */
	int			mode;		/* enum kvm_vcpu_mode */
	struct kvm_run		*run;		/* shared with the VMM: read once, trust nothing */
	struct mutex		mutex;		/* LOCK_VCPU; held in every vCPU ioctl */
	struct pid __rcu	*pid;		/* who ran it last; for directed yield */
	struct rcuwait		wait;		/* the thread that is blocked in kvm_vcpu_block() */
	struct preempt_notifier	preempt;
	bool			preempted;	/* scheduled out while runnable */
	bool			scheduled;	/* loaded since its thread has a CPU again */
	bool			ready;		/* woken and not run yet: a good target for a directed yield */
	bool			spinning;	/* in a directed yield itself: a bad target */
	bool			valid_wakeup;	/* the last poll or block ended because of work */
	bool			sigset_active;
	sigset_t		sigset;
	unsigned int		halt_poll_ns;
	unsigned long		guest_debug;	/* KVM_GUESTDBG_* */
	u8			as_id;		/* address space now in use: 1 in SMM */

	/* MMIO that user space completes in pieces, and stale-coalescing: arch run loops use it as they see fit */
	int			mmio_needed;

	struct kvm_dirty_ring	*dirty_ring;	/* NULL: the VM has none */
	struct kvm_async_pfs	async_pf;
	struct kvm_vcpu_stats	stat;
	char			stats_id[KVM_STATS_NAME_SIZE];
};

/**
 * kvm_request - ask @vcpu to do @req before it enters the guest again
 *
 * Only sets the bit, with the barrier that makes what was written before visible to the one who finds it; follow with
 * kvm_vcpu_kick() unless the caller is the vCPU's own thread.
 */
static inline void kvm_request(struct kvm_vcpu *vcpu, unsigned int req)
{
	smp_wmb();	/* pairs with the full barrier in kvm_request_take() */
	set_bit(req & KVM_REQ_NR_MASK, (unsigned long *)&vcpu->requests);
}

static inline bool kvm_request_pending(struct kvm_vcpu *vcpu)
{
	return READ_ONCE(vcpu->requests);
}

static inline bool kvm_request_test(struct kvm_vcpu *vcpu, unsigned int req)
{
	return test_bit(req & KVM_REQ_NR_MASK, (unsigned long *)&vcpu->requests);
}

static inline void kvm_request_drop(struct kvm_vcpu *vcpu, unsigned int req)
{
	clear_bit(req & KVM_REQ_NR_MASK, (unsigned long *)&vcpu->requests);
}

/* Was @req made? It is taken. What its maker wrote before is then visible. */
static inline bool kvm_request_take(struct kvm_vcpu *vcpu, unsigned int req)
{
	if (!kvm_request_test(vcpu, req))
		return false;
	if (!(req & KVM_REQ_NO_CLEAR))
		kvm_request_drop(vcpu, req);
	smp_mb__after_atomic();
	return true;
}

/* The vCPU of the calling thread while loaded, else NULL; usable in interrupt context. */
struct kvm_vcpu *kvm_running_vcpu(void);

/* Load on this CPU and put away again; vcpu->mutex held. */
void kvm_vcpu_load(struct kvm_vcpu *vcpu);
void kvm_vcpu_put(struct kvm_vcpu *vcpu);

/* Wake if blocked; returns whether it was. Any context. */
bool kvm_vcpu_wake_up(struct kvm_vcpu *vcpu);
/* Wake if blocked, else interrupt if it is in the guest on another CPU. Any context. */
void kvm_vcpu_kick(struct kvm_vcpu *vcpu);
/* Halt: poll a while if that pays, then sleep until runnable, kicked or signalled. vCPU loaded; srcu not held. */
void kvm_vcpu_halt(struct kvm_vcpu *vcpu);
/* Sleep without polling. Returns whether it was because it became runnable. */
bool kvm_vcpu_block(struct kvm_vcpu *vcpu);
/* The guest spins: give the CPU to a vCPU of this VM that can use it. */
void kvm_vcpu_on_spin(struct kvm_vcpu *vcpu, bool in_kernel_only);
bool kvm_vcpu_yield_to(struct kvm_vcpu *target);

/* SRCU around everything in KVM_RUN but the guest itself and sleeping. */
static inline void kvm_vcpu_srcu_lock(struct kvm_vcpu *vcpu)
{
	vcpu->srcu_idx = srcu_read_lock(&vcpu->kvm->srcu);
}

static inline void kvm_vcpu_srcu_unlock(struct kvm_vcpu *vcpu)
{
	srcu_read_unlock(&vcpu->kvm->srcu, vcpu->srcu_idx);
}

#endif /* KVM_VCPU_H */
