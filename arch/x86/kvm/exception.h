/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Events on their way into the guest: exceptions, interrupts, NMIs (events.c).
 *
 * An event is *pending* until it is handed to the hardware, then *injected* until the entry has delivered it. An exit
 * in the middle of a delivery hands it back to us (the backend calls x86_requeue_*), and it is injected again before
 * anything else. An injected event never turns back into a pending one.
 */
#ifndef KVM_X86_EXCEPTION_H
#define KVM_X86_EXCEPTION_H

#include <kvm/vcpu.h>
#include <asm/trapnr.h>

struct x86_exception {
	u8	vector;
	bool	has_error;
	bool	has_address;	/* a page fault: address goes to CR2 when it is delivered */
	bool	nested_page_fault;	/* the fault was in the second level; not for this guest's CR2 */
	bool	host_error;	/* no exception at all: the host could not read the guest's memory */
	u32	error_code;
	u64	address;	/* linear address; of a nested page fault: gpa */
};

struct x86_events {
	/* One exception. payload: CR2 of #PF or DR6 bits of #DB, applied when it is injected. */
	struct {
		bool	pending, injected, has_error, has_payload;
		u8	vector;
		u32	error_code;
		u64	payload;
	} exception;
	struct {
		bool	injected;
		bool	soft;		/* INT n being redelivered */
		u8	vector;
	} interrupt;			/* acknowledged from a controller, or from KVM_INTERRUPT */
	atomic_t	nmi_queued;	/* made by others, folded into nmi_pending by the vCPU: at most 2 wait */
	u8		nmi_pending;
	bool		nmi_injected;
	bool		smi_pending, in_smm;
	bool		smi_in_halt;	/* it ended a HLT */
	bool		smm_inside_nmi;	/* in SMM: NMIs were masked before, and are again behind RSM */
};

/* The next entry delivers one already. */
static inline bool x86_event_injected(const struct x86_events *e)
{
	return e->exception.injected || e->nmi_injected || e->interrupt.injected;
}

/* An interrupt, an NMI or an SMI that comes now has to wait for one that is on its way. */
static inline bool x86_event_on_its_way(const struct x86_events *e)
{
	return e->exception.pending || x86_event_injected(e);
}

/*
 * Queue an exception for the instruction at RIP. With one already queued the two combine as the CPU combines them:
 * benign ones are replaced, contributory ones make #DF, and #DF with another a triple fault (SDM vol 3, table 6-5).
 * vcpu->mutex.
 */
void x86_queue_exception(struct kvm_vcpu *vcpu, u8 vector);
void x86_queue_exception_error(struct kvm_vcpu *vcpu, u8 vector, u32 error_code);
void x86_queue_page_fault(struct kvm_vcpu *vcpu, u64 address, u32 error_code);
void x86_queue_db(struct kvm_vcpu *vcpu, unsigned long dr6_bits);
void x86_queue(struct kvm_vcpu *vcpu, const struct x86_exception *e);

static inline void x86_queue_gp(struct kvm_vcpu *vcpu)
{
	x86_queue_exception_error(vcpu, X86_TRAP_GP, 0);
}

static inline void x86_queue_ud(struct kvm_vcpu *vcpu)
{
	x86_queue_exception(vcpu, X86_TRAP_UD);
}

/* The backend found that a delivery was cut short by the exit: inject again at the next entry. */
void x86_requeue_exception(struct kvm_vcpu *vcpu, u8 vector, bool has_error, u32 error_code);
void x86_requeue_interrupt(struct kvm_vcpu *vcpu, u8 vector, bool soft);
void x86_requeue_nmi(struct kvm_vcpu *vcpu);
/* The entry went through: nothing is injected any more (the backend then requeues what was not delivered). */
void x86_clear_injected(struct kvm_vcpu *vcpu);

/* An NMI from an IPI, KVM_NMI or the watchdog; any context. */
void x86_inject_nmi(struct kvm_vcpu *vcpu);

/**
 * x86_inject_events - hand the next event to the hardware, open windows for those that must wait
 *
 * Context: vCPU loaded, preemption may be on; called on KVM_REQ_EVENT and before each entry with an injected event.
 * Return: 0; -EFAULT when an SMI could not save the state.
 */
int x86_inject_events(struct kvm_vcpu *vcpu, bool *immediate_exit);

/* May an interrupt from user space or a controller be delivered now (IF, shadow, nothing queued)? */
bool x86_irq_window_open(struct kvm_vcpu *vcpu);

struct kvm_arg;
long x86_vcpu_get_events(struct kvm_vcpu *vcpu, struct kvm_arg *arg);
long x86_vcpu_set_events(struct kvm_vcpu *vcpu, struct kvm_arg *arg);
long x86_vcpu_interrupt(struct kvm_vcpu *vcpu, struct kvm_arg *arg);	/* KVM_INTERRUPT */
long x86_vcpu_nmi(struct kvm_vcpu *vcpu, struct kvm_arg *arg);

#endif /* KVM_X86_EXCEPTION_H */
