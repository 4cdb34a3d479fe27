// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exceptions, interrupts and NMIs on their way into the guest.
 *
 * Three states: pending (wanted), injected (handed to the hardware for the next entry), gone. The exit decides between
 * the last two: what the hardware could not deliver it hands back, and the backend requeues it as injected. So an
 * injected event is older than any pending one and goes first; there is never more than one injected.
 */
#include <linux/kernel.h>
#include "smm.h"
#include "x86.h"
#include "trace.h"

static struct x86_events *events_of(struct kvm_vcpu *vcpu)
{
	return &to_x86(vcpu)->events;
}

/* SDM vol 3, table 6-4: how exceptions combine when one is raised during the delivery of another. */
enum exception_class { BENIGN, CONTRIBUTORY, PAGE_FAULT };

static enum exception_class class_of(u8 vector)
{
	switch (vector) {
	case X86_TRAP_PF:
		return PAGE_FAULT;
	case X86_TRAP_DE:
	case X86_TRAP_TS:
	case X86_TRAP_NP:
	case X86_TRAP_SS:
	case X86_TRAP_GP:
		return CONTRIBUTORY;
	default:
		return BENIGN;
	}
}

static bool makes_double_fault(u8 first, u8 second)
{
	enum exception_class a = class_of(first), b = class_of(second);

	return (a == CONTRIBUTORY && b == CONTRIBUTORY) || (a == PAGE_FAULT && b != BENIGN);
}

static void set_exception(struct kvm_vcpu *vcpu, const struct x86_exception *in, bool has_payload)
{
	struct x86_events *e = events_of(vcpu);

	e->exception.pending = true;
	e->exception.injected = false;
	e->exception.vector = in->vector;
	/* Real mode has no error codes (SDM vol 3, 20.1.4). */
	e->exception.has_error = in->has_error && x86_is_protected(vcpu);
	e->exception.error_code = in->error_code;
	e->exception.has_payload = has_payload;
	e->exception.payload = in->address;
}

void x86_queue(struct kvm_vcpu *vcpu, const struct x86_exception *in)
{
	static const struct x86_exception double_fault = { .vector = X86_TRAP_DF, .has_error = true };
	struct x86_events *e = events_of(vcpu);
	u8 first = e->exception.vector;

	kvm_request(vcpu, KVM_REQ_EVENT);
	if (!e->exception.pending && !e->exception.injected) {
		set_exception(vcpu, in, in->has_address || in->vector == X86_TRAP_DB);
		return;
	}
	if (first == X86_TRAP_DF) {
		e->exception.pending = false;
		e->exception.injected = false;
		kvm_request(vcpu, KVM_REQ_TRIPLE_FAULT);
		return;
	}
	if (makes_double_fault(first, in->vector))
		set_exception(vcpu, &double_fault, false);
	else	/* the second is handled first; the first comes again when its instruction runs again */
		set_exception(vcpu, in, in->has_address || in->vector == X86_TRAP_DB);
}
EXPORT_SYMBOL_GPL(x86_queue);

void x86_queue_exception(struct kvm_vcpu *vcpu, u8 vector)
{
	x86_queue(vcpu, &(struct x86_exception){ .vector = vector });
}
EXPORT_SYMBOL_GPL(x86_queue_exception);

void x86_queue_exception_error(struct kvm_vcpu *vcpu, u8 vector, u32 error_code)
{
	x86_queue(vcpu, &(struct x86_exception){
		.vector = vector, .has_error = true, .error_code = error_code });
}
EXPORT_SYMBOL_GPL(x86_queue_exception_error);

void x86_queue_page_fault(struct kvm_vcpu *vcpu, u64 address, u32 error_code)
{
	to_x86(vcpu)->stat.pf_guest++;
	x86_queue(vcpu, &(struct x86_exception){
		.vector = X86_TRAP_PF, .has_error = true, .error_code = error_code,
		.has_address = true, .address = address });
}
EXPORT_SYMBOL_GPL(x86_queue_page_fault);

void x86_queue_db(struct kvm_vcpu *vcpu, unsigned long dr6_bits)
{
	x86_queue(vcpu, &(struct x86_exception){ .vector = X86_TRAP_DB, .address = dr6_bits });
}
EXPORT_SYMBOL_GPL(x86_queue_db);

void x86_requeue_exception(struct kvm_vcpu *vcpu, u8 vector, bool has_error, u32 error_code)
{
	struct x86_events *e = events_of(vcpu);

	e->exception.pending = false;
	e->exception.injected = true;
	e->exception.vector = vector;
	e->exception.has_error = has_error;
	e->exception.error_code = error_code;
	e->exception.has_payload = false;
	kvm_request(vcpu, KVM_REQ_EVENT);
}
EXPORT_SYMBOL_GPL(x86_requeue_exception);

void x86_requeue_interrupt(struct kvm_vcpu *vcpu, u8 vector, bool soft)
{
	struct x86_events *e = events_of(vcpu);

	e->interrupt.injected = true;
	e->interrupt.soft = soft;
	e->interrupt.vector = vector;
	kvm_request(vcpu, KVM_REQ_EVENT);
}
EXPORT_SYMBOL_GPL(x86_requeue_interrupt);

void x86_requeue_nmi(struct kvm_vcpu *vcpu)
{
	events_of(vcpu)->nmi_injected = true;
	kvm_request(vcpu, KVM_REQ_EVENT);
}
EXPORT_SYMBOL_GPL(x86_requeue_nmi);

void x86_clear_injected(struct kvm_vcpu *vcpu)
{
	struct x86_events *e = events_of(vcpu);

	e->exception.injected = false;
	e->interrupt.injected = false;
	e->nmi_injected = false;
}
EXPORT_SYMBOL_GPL(x86_clear_injected);

void x86_inject_nmi(struct kvm_vcpu *vcpu)
{
	atomic_inc(&events_of(vcpu)->nmi_queued);
	kvm_request(vcpu, KVM_REQ_NMI);
	kvm_vcpu_kick(vcpu);
}
EXPORT_SYMBOL_GPL(x86_inject_nmi);

/* An NMI latches one more while it is handled, or while it is held off; further ones are lost (SDM vol 3, 6.7.1). */
static void collect_nmis(struct kvm_vcpu *vcpu)
{
	struct x86_events *e = events_of(vcpu);
	unsigned int limit = x86_cold(get_nmi_mask)(vcpu) || e->nmi_injected ? 1 : 2;

	e->nmi_pending = min_t(unsigned int, e->nmi_pending + atomic_xchg(&e->nmi_queued, 0), limit);
}

/* CR2 or DR6 take their value when the exception is delivered, not when it is raised. */
static void deliver_payload(struct kvm_vcpu *vcpu)
{
	struct x86_vcpu *v = to_x86(vcpu);
	struct x86_events *e = &v->events;

	if (!e->exception.has_payload)
		return;
	e->exception.has_payload = false;
	if (e->exception.vector == X86_TRAP_PF) {
		v->cr2 = e->exception.payload;
	} else if (e->exception.vector == X86_TRAP_DB) {
		v->dr6 &= ~DR_TRAP_BITS;
		/* BLD (bit 11) and RTM (bit 16) are active low (SDM vol 3, 17.2.3). */
		v->dr6 |= DR6_RESERVED | (e->exception.payload & ~(u64)(BIT(11) | BIT(16)));
		if (e->exception.payload & BIT(16))
			v->dr6 &= ~BIT(16);
	}
}

/* Faults set RF in the saved flags, so that an instruction breakpoint is not hit twice (SDM vol 3, 17.3.1.1). */
static bool is_fault(u8 vector)
{
	switch (vector) {
	case X86_TRAP_DB:
	case X86_TRAP_BP:
	case X86_TRAP_OF:
	case X86_TRAP_NMI:
	case X86_TRAP_DF:
	case X86_TRAP_MC:
		return false;
	default:
		return true;
	}
}

static void inject_pending_exception(struct kvm_vcpu *vcpu)
{
	struct x86_vcpu *v = to_x86(vcpu);
	struct x86_events *e = &v->events;

	deliver_payload(vcpu);
	if (is_fault(e->exception.vector))
		x86_op(set_rflags)(vcpu, x86_op(get_rflags)(vcpu) | X86_EFLAGS_RF);
	if (e->exception.vector == X86_TRAP_DB && v->dr7 & DR7_GENERAL_DETECT) {
		v->dr7 &= ~DR7_GENERAL_DETECT;
		x86_update_dr7(vcpu);
	}
	e->exception.pending = false;
	e->exception.injected = true;
	trace_kvm_inj_exception(e->exception.vector, e->exception.has_error, e->exception.error_code, false);
	x86_op(inject_exception)(vcpu);
}

/* The one older event. Returns whether there was one. */
static bool inject_again(struct kvm_vcpu *vcpu)
{
	struct x86_events *e = events_of(vcpu);

	if (e->exception.injected) {
		trace_kvm_inj_exception(e->exception.vector, e->exception.has_error, e->exception.error_code, true);
		x86_op(inject_exception)(vcpu);
	} else if (e->exception.pending) {
		return false;		/* it came up while the older event was delivered: first this one */
	} else if (e->nmi_injected) {
		x86_op(inject_nmi)(vcpu);
	} else if (e->interrupt.injected) {
		trace_kvm_inj_virq(e->interrupt.vector, e->interrupt.soft, true);
		x86_op(inject_interrupt)(vcpu, true);
	} else {
		return false;
	}
	return true;
}

static void inject_nmi_or_wait(struct kvm_vcpu *vcpu)
{
	struct x86_events *e = events_of(vcpu);

	if (!e->nmi_pending)
		return;
	if (!x86_event_injected(e) && x86_op(nmi_allowed)(vcpu)) {
		e->nmi_pending--;
		e->nmi_injected = true;
		to_x86(vcpu)->stat.nmi_injections++;
		x86_op(inject_nmi)(vcpu);
	}
	if (e->nmi_pending)
		x86_op(want_nmi_window)(vcpu);
}

static void inject_irq_or_wait(struct kvm_vcpu *vcpu)
{
	struct x86_events *e = events_of(vcpu);
	int vector;

	if (!irqchip_has_injection(vcpu))
		return;
	if (!x86_event_injected(e) && x86_op(interrupt_allowed)(vcpu)) {
		vector = irqchip_take_interrupt(vcpu);
		if (vector >= 0) {
			e->interrupt.injected = true;
			e->interrupt.soft = false;
			e->interrupt.vector = vector;
			to_x86(vcpu)->stat.irq_injections++;
			trace_kvm_inj_virq(vector, false, false);
			x86_op(inject_interrupt)(vcpu, false);
		}
	}
	if (irqchip_has_injection(vcpu))
		x86_op(want_irq_window)(vcpu);
}

int x86_inject_events(struct kvm_vcpu *vcpu, bool *immediate_exit)
{
	struct x86_events *e = events_of(vcpu);
	bool again;
	int r;

	collect_nmis(vcpu);
	again = inject_again(vcpu);
	if (e->exception.pending) {
		if (again)
			*immediate_exit = true;	/* one at a time: the other right after */
		else
			inject_pending_exception(vcpu);
	}
	/* User space single-steps and wants no interrupts in between (KVM API, KVM_GUESTDBG_BLOCKIRQ). */
	if (vcpu->guest_debug & KVM_GUESTDBG_BLOCKIRQ)
		return 0;
	if (unlikely(e->smi_pending) && !e->in_smm) {
		r = smm_take_smi(vcpu, immediate_exit);
		if (r)
			return r;
	}
	inject_nmi_or_wait(vcpu);
	inject_irq_or_wait(vcpu);
	return 0;
}

bool x86_irq_window_open(struct kvm_vcpu *vcpu)
{
	struct x86_events *e = events_of(vcpu);

	return !x86_event_on_its_way(e) && x86_op(interrupt_allowed)(vcpu);
}

long x86_vcpu_nmi(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	x86_inject_nmi(vcpu);
	return 0;
}

long x86_vcpu_interrupt(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	const struct kvm_interrupt *irq = arg->data;
	struct x86_events *e = events_of(vcpu);

	if (irq->irq >= 256)
		return -EINVAL;
	if (irqchip_full(vcpu->kvm))
		return -ENXIO;
	if (irqchip_has_lapic(vcpu->kvm))	/* split: only the PIC is in user space */
		return lapic_user_extint(vcpu, irq->irq);
	if (e->interrupt.injected)
		return -EEXIST;
	x86_requeue_interrupt(vcpu, irq->irq, false);
	return 0;
}

/* With the payload capability an exception that is not delivered yet is shown as it is; else as if delivered. */
static void show_exception(struct kvm_vcpu *vcpu, struct kvm_vcpu_events *out)
{
	struct x86_events *e = events_of(vcpu);
	bool soft = e->exception.vector == X86_TRAP_BP || e->exception.vector == X86_TRAP_OF;

	if (to_x86_vm(vcpu->kvm)->exception_payload) {
		out->exception.injected = e->exception.injected;
		out->exception.pending = e->exception.pending;
		out->exception_has_payload = e->exception.has_payload;
		out->exception_payload = e->exception.has_payload ? e->exception.payload : 0;
		out->flags |= KVM_VCPUEVENT_VALID_PAYLOAD;
	} else {
		deliver_payload(vcpu);
		/* Raised by INT3 or INTO: the instruction is run again after a migration. */
		out->exception.injected = (e->exception.pending || e->exception.injected) && !soft;
	}
	out->exception.nr = e->exception.vector;
	out->exception.has_error_code = e->exception.has_error;
	out->exception.error_code = e->exception.error_code;
}

long x86_vcpu_get_events(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	struct x86_events *e = events_of(vcpu);
	struct kvm_vcpu_events *out = arg->data;

	collect_nmis(vcpu);
	show_exception(vcpu, out);
	out->interrupt.injected = e->interrupt.injected && !e->interrupt.soft;
	out->interrupt.nr = e->interrupt.vector;
	out->interrupt.shadow = x86_op(get_shadow)(vcpu);
	out->nmi.injected = e->nmi_injected;
	out->nmi.pending = e->nmi_pending;
	out->nmi.masked = x86_cold(get_nmi_mask)(vcpu);
	out->flags |= KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SHADOW;
	smm_get_events(vcpu, out);
	if (to_x86_vm(vcpu->kvm)->triple_fault_event) {
		out->triple_fault.pending = kvm_request_test(vcpu, KVM_REQ_TRIPLE_FAULT);
		out->flags |= KVM_VCPUEVENT_VALID_TRIPLE_FAULT;
	}
	return 0;
}

#define VCPUEVENT_FLAGS	(KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SIPI_VECTOR |	\
			 KVM_VCPUEVENT_VALID_SHADOW | KVM_VCPUEVENT_VALID_PAYLOAD |		\
			 KVM_VCPUEVENT_VALID_TRIPLE_FAULT | KVM_VCPUEVENT_VALID_SMM)

static bool events_valid(struct kvm_vcpu *vcpu, const struct kvm_vcpu_events *in)
{
	bool payload = in->flags & KVM_VCPUEVENT_VALID_PAYLOAD;

	if (in->flags & ~VCPUEVENT_FLAGS)
		return false;
	if (payload && !to_x86_vm(vcpu->kvm)->exception_payload)
		return false;
	if (in->flags & KVM_VCPUEVENT_VALID_TRIPLE_FAULT && !to_x86_vm(vcpu->kvm)->triple_fault_event)
		return false;
	if (payload && in->exception.pending && in->exception.injected)
		return false;
	if ((in->exception.injected || (payload && in->exception.pending)) &&
	    (in->exception.nr > 31 || in->exception.nr == X86_TRAP_NMI))
		return false;
	return smm_events_valid(vcpu, in);
}

static void take_triple_fault(struct kvm_vcpu *vcpu, const struct kvm_vcpu_events *in)
{
	if (!(in->flags & KVM_VCPUEVENT_VALID_TRIPLE_FAULT))
		return;
	if (in->triple_fault.pending)
		kvm_request(vcpu, KVM_REQ_TRIPLE_FAULT);
	else
		kvm_request_drop(vcpu, KVM_REQ_TRIPLE_FAULT);
}

static void take_exception(struct kvm_vcpu *vcpu, const struct kvm_vcpu_events *in)
{
	struct x86_events *e = events_of(vcpu);
	bool payload = in->flags & KVM_VCPUEVENT_VALID_PAYLOAD;

	e->exception.injected = in->exception.injected;
	e->exception.pending = payload && in->exception.pending;
	e->exception.vector = in->exception.nr;
	e->exception.has_error = in->exception.has_error_code;
	e->exception.error_code = in->exception.error_code;
	e->exception.has_payload = payload && in->exception_has_payload;
	e->exception.payload = payload ? in->exception_payload : 0;
}

long x86_vcpu_set_events(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	const struct kvm_vcpu_events *in = arg->data;
	struct x86_events *e = events_of(vcpu);

	if (!events_valid(vcpu, in))
		return -EINVAL;
	collect_nmis(vcpu);
	take_exception(vcpu, in);
	e->interrupt.injected = in->interrupt.injected;
	e->interrupt.vector = in->interrupt.nr;
	e->interrupt.soft = in->interrupt.soft;
	if (in->flags & KVM_VCPUEVENT_VALID_SHADOW)
		x86_op(set_shadow)(vcpu, in->interrupt.shadow);
	e->nmi_injected = in->nmi.injected;
	if (in->flags & KVM_VCPUEVENT_VALID_NMI_PENDING) {
		e->nmi_pending = 0;
		atomic_set(&e->nmi_queued, in->nmi.pending);
		if (in->nmi.pending)
			kvm_request(vcpu, KVM_REQ_NMI);
	}
	x86_cold(set_nmi_mask)(vcpu, in->nmi.masked);
	if (in->flags & KVM_VCPUEVENT_VALID_SIPI_VECTOR)
		lapic_set_sipi_vector(vcpu, in->sipi_vector);
	smm_set_events(vcpu, in);
	take_triple_fault(vcpu, in);
	kvm_request(vcpu, KVM_REQ_EVENT);
	return 0;
}
