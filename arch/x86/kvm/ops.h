/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * struct kvm_x86_ops: what x86 common asks of a backend (VMX or SVM).
 *
 * An op is named for what the caller wants. Those on the way of each exit are called through static_call; use
 * x86_op(name)(args) for all. Unless noted: vCPU loaded, vcpu->mutex held, may sleep.
 */
#ifndef KVM_X86_OPS_H
#define KVM_X86_OPS_H

#include <linux/static_call.h>
#include <kvm/vcpu.h>

struct x86_exception;
struct x86_msr;

/* What the backend says of the last exit, for tracepoints, internal errors and decisions common to both. */
struct x86_exit_info {
	u32	reason;
	u64	info1, info2;
	u32	intr_info, error_code;
};

/* After the guest was left, interrupts still off: need the whole exit path run, or may we go straight back? */
enum x86_fastpath {
	FASTPATH_NONE,
	FASTPATH_REENTER,	/* handled completely: enter again */
	FASTPATH_HANDLED,	/* handled, but look at requests and events first */
};

enum x86_flush {
	FLUSH_ALL,		/* every translation of this vCPU, of both levels */
	FLUSH_CURRENT,		/* those made from the root in use */
	FLUSH_GUEST,		/* as a guest's own flush of everything, global pages too */
	FLUSH_GVA,		/* as a guest's INVLPG of gva */
};

/* cs_bits */
#define CS_LONG		BIT(0)
#define CS_DEFAULT_32	BIT(1)

/* X86_OPS_HOT: X(return type, name, arguments) */
#define X86_OPS_HOT(X)										\
	/* Before the entry, preemption still on: host segment bases, ... saved once per load. */	\
	X(void, prepare_switch, (struct kvm_vcpu *vcpu))					\
	/* The guest, irqs off: host state kept, guest GPRs, CR2 and DR6 stored back. */	\
	X(enum x86_fastpath, enter, (struct kvm_vcpu *vcpu, bool immediate_exit))		\
	/* Exits that must be served with irqs off (NMI, machine check, external interrupt). */	\
	X(void, handle_exit_irqoff, (struct kvm_vcpu *vcpu))					\
	/* The exit table: enum kvm_outcome or a negative errno. */				\
	X(int, handle_exit, (struct kvm_vcpu *vcpu, enum x86_fastpath fastpath))		\
	X(void, vcpu_load, (struct kvm_vcpu *vcpu, int cpu))	/* preemption off */		\
	X(void, vcpu_put, (struct kvm_vcpu *vcpu))						\
	X(void, cache_reg, (struct kvm_vcpu *vcpu, unsigned int reg))				\
	X(unsigned long, get_rflags, (struct kvm_vcpu *vcpu))	/* the hardware's, with TF as set */	\
	X(void, set_rflags, (struct kvm_vcpu *vcpu, unsigned long rflags))			\
	/* Length of the instruction that exited if the hardware tells, else 0. */		\
	X(unsigned int, insn_length, (struct kvm_vcpu *vcpu))					\
	/* Interrupt shadow: KVM_X86_SHADOW_INT_* bits. */					\
	X(u32, get_shadow, (struct kvm_vcpu *vcpu))						\
	X(void, set_shadow, (struct kvm_vcpu *vcpu, u32 mask))					\
	/* Hand events[...] to the hardware for the next entry. */				\
	X(void, inject_exception, (struct kvm_vcpu *vcpu))					\
	X(void, inject_interrupt, (struct kvm_vcpu *vcpu, bool reinject))			\
	X(void, inject_nmi, (struct kvm_vcpu *vcpu))						\
	X(void, cancel_injection, (struct kvm_vcpu *vcpu))	/* entry abandoned: requeue */	\
	X(bool, interrupt_allowed, (struct kvm_vcpu *vcpu))					\
	X(bool, nmi_allowed, (struct kvm_vcpu *vcpu))						\
	X(void, want_irq_window, (struct kvm_vcpu *vcpu))	/* exit when IF and shadow allow */	\
	X(void, want_nmi_window, (struct kvm_vcpu *vcpu))					\
	/* TPR as CR8 changed, or the highest pending vector @irr (-1: none): intercept CR8 or not. */ \
	X(void, update_cr8_intercept, (struct kvm_vcpu *vcpu, int tpr, int irr))		\
	X(void, flush_tlb, (struct kvm_vcpu *vcpu, enum x86_flush what, gva_t gva))		\
	X(int, get_cpl, (struct kvm_vcpu *vcpu))						\
	/* CS.L and CS.D alone: asked at each exit. NULL: made of get_segment. */		\
	X(u32, cs_bits, (struct kvm_vcpu *vcpu))

struct kvm_x86_ops {
	const char	*name;
	u32		isa;			/* KVM_ISA_* of trace.h: whose exit reasons these are */
	struct module	*owner;
	size_t		vcpu_size;		/* of the object that begins with struct x86_vcpu */

#define X(ret, name, args) ret (*name) args;
	X86_OPS_HOT(X)
#undef X

	/* Module load: find features, fill x86_caps and the like. 0 or -ENODEV/-EIO with a message that says why. */
	int	(*hardware_setup)(void);
	void	(*hardware_unsetup)(void);
	int	(*cpu_enable)(void);		/* irqs off */
	void	(*cpu_disable)(void);

	/*
	 * In place of an entry while the vCPU's unfit is set: the hardware would refuse its state, or may. Goes around
	 * the run loop after EXIT_RESUME. As an exit handler. NULL where unfit is never set.
	 */
	int	(*run_unfit)(struct kvm_vcpu *vcpu);

	int	(*vm_init)(struct kvm *kvm);
	void	(*vm_destroy)(struct kvm *kvm);
	int	(*vcpu_create)(struct kvm_vcpu *vcpu);
	void	(*vcpu_destroy)(struct kvm_vcpu *vcpu);
	void	(*vcpu_reset)(struct kvm_vcpu *vcpu, bool init);

	/* State. set_cr0/4/efer: values are checked, vcpu fields still hold the old ones and are set by the op. */
	void	(*get_segment)(struct kvm_vcpu *vcpu, struct kvm_segment *out, int seg);
	void	(*set_segment)(struct kvm_vcpu *vcpu, const struct kvm_segment *in, int seg);
	u64	(*segment_base)(struct kvm_vcpu *vcpu, int seg);
	void	(*get_dt)(struct kvm_vcpu *vcpu, bool idt, struct kvm_dtable *out);
	void	(*set_dt)(struct kvm_vcpu *vcpu, bool idt, const struct kvm_dtable *in);
	void	(*set_cr0)(struct kvm_vcpu *vcpu, unsigned long cr0);
	void	(*set_cr4)(struct kvm_vcpu *vcpu, unsigned long cr4);
	void	(*set_efer)(struct kvm_vcpu *vcpu, u64 efer);
	void	(*cr3_changed)(struct kvm_vcpu *vcpu);		/* v->cr3 is new: tell the hardware */
	void	(*set_dr7)(struct kvm_vcpu *vcpu, unsigned long dr7);
	void	(*sync_drs)(struct kvm_vcpu *vcpu);	/* hardware's DRs into v->db, dr6, dr7 */
	/* The root of the second-level (or shadow) tables and its level; and the guest's cr3 with it. */
	void	(*load_root)(struct kvm_vcpu *vcpu, hpa_t root, int level);
	int	(*get_msr)(struct kvm_vcpu *vcpu, struct x86_msr *msr);	/* X86_MSR_UNKNOWN: not the backend's */
	int	(*set_msr)(struct kvm_vcpu *vcpu, const struct x86_msr *msr);
	bool	(*has_msr)(u32 index);			/* of those only a backend can tell */
	bool	(*get_nmi_mask)(struct kvm_vcpu *vcpu);
	void	(*set_nmi_mask)(struct kvm_vcpu *vcpu, bool masked);
	void	(*update_intercepts)(struct kvm_vcpu *vcpu);	/* CPUID, exceptions, debug or exit flags, MSR filter, logging changed */
	void	(*write_tsc)(struct kvm_vcpu *vcpu, u64 offset, u64 ratio);
	/* The LAPIC's interrupts are delivered by the hardware (lapic_by_hardware): this is what waits now. */
	void	(*show_interrupts)(struct kvm_vcpu *vcpu);
	/* To a vCPU in the guest: take over what was posted (lapic_set_by_hardware). Any context. */
	void	(*notify_posted)(struct kvm_vcpu *vcpu);
	/*
	 * From now on leave the guest when the host's TSC has reached @tsc, and call lapic_timer_hardware(); 0: no more.
	 * False: too far away, nothing is armed. NULL: no such timer.
	 */
	bool	(*timer_arm)(struct kvm_vcpu *vcpu, u64 tsc);
	void	(*exit_info)(struct kvm_vcpu *vcpu, struct x86_exit_info *info);
	/* Was the exit one whose instruction bytes are known to be fetchable? False: re-enter instead of emulating. */
	bool	(*can_emulate)(struct kvm_vcpu *vcpu, const u8 *bytes, unsigned int n);
};

extern struct kvm_x86_ops kvm_x86_ops;

#define X(ret, name, args) DECLARE_STATIC_CALL(kvm_x86_##name, *((struct kvm_x86_ops *)0)->name);
X86_OPS_HOT(X)
#undef X

/* Hot ops are static calls, the others plain pointers. */
#define x86_op(name)		static_call(kvm_x86_##name)
#define x86_cold(name)		(kvm_x86_ops.name)

#endif /* KVM_X86_OPS_H */
