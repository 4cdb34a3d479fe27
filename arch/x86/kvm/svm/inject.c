// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events into the guest, and the windows for those that must wait (APM vol 2, 15.20 and 15.21).
 *
 * One event an entry goes into event_inj. An exit in the middle of its delivery comes back with the
 * event in exit_int_info, and common code gets it again.
 *
 * Interrupt window: SVM has none. A dummy virtual interrupt of the highest priority is made
 * pending, and its intercept exits when the guest could take it. CR8 writes are intercepted
 * meanwhile: they make some implementations look at the pending virtual interrupt at an unfit
 * moment.
 *
 * NMI window: the hardware does not tell whether the guest is in its NMI handler, so we do: from
 * the injection until an IRET has been completed. The IRET intercept comes *before* the
 * instruction. NMIs stay masked until RIP has moved; if one is waiting, the IRET is stepped by our
 * TF, with #DB being intercepted anyway.
 */
#include "svm.h"

static void step_end(struct vcpu_svm *svm)
{
	svm->nmi_step = false;
	if (!(svm->step_rflags & X86_EFLAGS_TF))
		svm->vmcb->save.rflags &= ~X86_EFLAGS_TF;
}

static void event(struct vcpu_svm *svm, u32 type, u8 vector, bool has_error, u32 error)
{
	struct vmcb_control_area *ctl = &svm->vmcb->control;

	if (unlikely(svm->nmi_step)) {	/* see svm_want_nmi_window() */
		step_end(svm);
		svm->leave_at_once = true;
	}
	ctl->event_inj = SVM_EVTINJ_VALID | type | vector | (has_error ? SVM_EVTINJ_VALID_ERR : 0);
	ctl->event_inj_err = error;
}

/*
 * An event that belongs to an instruction returns behind it, and the injection pushes RIP as it
 * stands: move RIP over the instruction first. If the delivery is cut short the move is taken back,
 * and the guest executes it once more.
 */
static bool step_over_soft(struct kvm_vcpu *vcpu)
{
	struct vcpu_svm *svm = to_svm(vcpu);
	unsigned long rip = x86_rip(vcpu);

	if (x86_insn_skip(vcpu) != EXIT_RESUME)
		return false;
	svm->soft_injected = true;
	svm->soft_old = rip;
	svm->soft_new = x86_rip(vcpu);
	return true;
}

void svm_inject_exception(struct kvm_vcpu *vcpu)
{
	const struct x86_events *e = &to_x86(vcpu)->events;
	u8 vector = e->exception.vector;

	if ((vector == X86_TRAP_BP || vector == X86_TRAP_OF) && !step_over_soft(vcpu))
		return;
	event(to_svm(vcpu), SVM_EVTINJ_TYPE_EXEPT, vector, e->exception.has_error,
	      e->exception.error_code);
}

void svm_inject_interrupt(struct kvm_vcpu *vcpu, bool reinject)
{
	struct x86_vcpu *v = to_x86(vcpu);
	u32 type = SVM_EVTINJ_TYPE_INTR;

	/* What the window was for is now on its way; it is asked for again when more is waiting. */
	if (svm_intercepted(to_svm(vcpu), INTERCEPT_VINTR))
		svm_irq_window_close(to_svm(vcpu));
	if (v->events.interrupt.soft) {
		if (!step_over_soft(vcpu))
			return;
		type = SVM_EVTINJ_TYPE_SOFT;
	}
	event(to_svm(vcpu), type, v->events.interrupt.vector, false, 0);
}

void svm_inject_nmi(struct kvm_vcpu *vcpu)
{
	struct vcpu_svm *svm = to_svm(vcpu);

	event(svm, SVM_EVTINJ_TYPE_NMI, X86_TRAP_NMI, false, 0);
	svm_set_nmi_mask(vcpu, true);
}

/* A software event whose delivery did not happen: the guest shall execute its instruction. */
static void undo_soft(struct vcpu_svm *svm)
{
	if (svm->x86.regs[GPR_RIP] == svm->soft_new)
		svm->x86.regs[GPR_RIP] = svm->soft_old;
}

static void requeue(struct vcpu_svm *svm, u32 info, u32 error)
{
	struct kvm_vcpu *vcpu = &svm->x86.vcpu;
	u8 vector = info & SVM_EVTINJ_VEC_MASK;

	switch (info & SVM_EVTINJ_TYPE_MASK) {
	case SVM_EVTINJ_TYPE_NMI:
		x86_requeue_nmi(vcpu);
		break;
	case SVM_EVTINJ_TYPE_EXEPT:
		if (vector == X86_TRAP_BP || vector == X86_TRAP_OF)
			break;		/* RIP is still on the INT3 or INTO */
		x86_requeue_exception(vcpu, vector, info & SVM_EVTINJ_VALID_ERR, error);
		break;
	case SVM_EVTINJ_TYPE_INTR:
		x86_requeue_interrupt(vcpu, vector, false);
		break;
	case SVM_EVTINJ_TYPE_SOFT:	/* RIP is still on the INT n */
		break;
	}
}

void svm_requeue_undelivered(struct vcpu_svm *svm)
{
	const struct vmcb_control_area *ctl = &svm->vmcb->control;
	bool soft = svm->soft_injected;

	svm->soft_injected = false;
	x86_clear_injected(&svm->x86.vcpu);
	if (likely(!(ctl->exit_int_info & SVM_EXITINTINFO_VALID)))
		return;
	if (soft)
		undo_soft(svm);
	kvm_request(&svm->x86.vcpu, KVM_REQ_EVENT);
	requeue(svm, ctl->exit_int_info, ctl->exit_int_info_err);
}

void svm_cancel_injection(struct kvm_vcpu *vcpu)
{
	struct vcpu_svm *svm = to_svm(vcpu);
	struct vmcb_control_area *ctl = &svm->vmcb->control;
	u32 info = ctl->event_inj;

	if (!(info & SVM_EVTINJ_VALID))
		return;
	ctl->event_inj = 0;
	if (svm->soft_injected) {
		svm->soft_injected = false;
		undo_soft(svm);
	}
	x86_clear_injected(vcpu);
	requeue(svm, info, ctl->event_inj_err);
}

/*
 * Interrupts.
 */
u32 svm_get_shadow(struct kvm_vcpu *vcpu)
{
	/* STI and MOV SS look the same here. */
	return to_svm(vcpu)->vmcb->control.int_state & SVM_INTERRUPT_SHADOW_MASK ?
	       KVM_X86_SHADOW_INT_STI | KVM_X86_SHADOW_INT_MOV_SS : 0;
}

void svm_set_shadow(struct kvm_vcpu *vcpu, u32 mask)
{
	struct vmcb_control_area *ctl = &to_svm(vcpu)->vmcb->control;

	if (mask)
		ctl->int_state |= SVM_INTERRUPT_SHADOW_MASK;
	else
		ctl->int_state &= ~SVM_INTERRUPT_SHADOW_MASK;
}

bool svm_interrupt_allowed(struct kvm_vcpu *vcpu)
{
	const struct vmcb *vmcb = to_svm(vcpu)->vmcb;

	return vmcb->save.rflags & X86_EFLAGS_IF &&
	       !(vmcb->control.int_state & SVM_INTERRUPT_SHADOW_MASK);
}

void svm_want_irq_window(struct kvm_vcpu *vcpu)
{
	struct vcpu_svm *svm = to_svm(vcpu);

	svm->vmcb->control.int_ctl |= V_IRQ_INJECTION_BITS_MASK;
	svm->vmcb->control.int_vector = 0;
	svm_dirty(svm, CLEAN_INTR);
	svm_intercept(svm, INTERCEPT_VINTR, true);
	svm_intercept(svm, INTERCEPT_CR8_WRITE, true);
}

/*
 * CR8 stays intercepted until common code says what it wants of it, which it does before each entry
 * with events.
 */
void svm_irq_window_close(struct vcpu_svm *svm)
{
	svm_intercept(svm, INTERCEPT_VINTR, false);
	svm->vmcb->control.int_ctl &= ~V_IRQ_INJECTION_BITS_MASK;
	svm_dirty(svm, CLEAN_INTR);
}

/*
 * The guest must be seen lowering its TPR below a pending vector, and while a window is open at
 * all.
 */
void svm_update_cr8_intercept(struct kvm_vcpu *vcpu, int tpr, int irr)
{
	struct vcpu_svm *svm = to_svm(vcpu);
	bool held_back = irr >= 0 && tpr >= irr >> 4;

	svm_intercept(svm, INTERCEPT_CR8_WRITE, held_back || svm_intercepted(svm, INTERCEPT_VINTR));
}

/*
 * NMIs.
 */
bool svm_nmi_allowed(struct kvm_vcpu *vcpu)
{
	return !to_svm(vcpu)->nmi_masked && !svm_get_shadow(vcpu);
}

bool svm_get_nmi_mask(struct kvm_vcpu *vcpu)
{
	return to_svm(vcpu)->nmi_masked;
}

void svm_set_nmi_mask(struct kvm_vcpu *vcpu, bool masked)
{
	struct vcpu_svm *svm = to_svm(vcpu);

	svm->nmi_masked = masked;
	svm->iret_running = false;
	svm_intercept(svm, INTERCEPT_IRET, masked);
}

/*
 * After an exit: our TF goes, the guest's own stays. The exit may have come before the step was
 * made, by a host interrupt: then the window is to be asked for again.
 */
void svm_nmi_step_end(struct vcpu_svm *svm)
{
	svm->nmi_stepped = false;
	if (!svm->nmi_step)
		return;
	step_end(svm);
	svm->nmi_stepped = true;
	kvm_request(&svm->x86.vcpu, KVM_REQ_EVENT);
}

/*
 * Masked and before its IRET nothing is to do, since that exits. If another event takes this entry,
 * the exit right behind its delivery will do; our TF must not get into the flags that it pushes.
 * Held back by the IRET itself or by a shadow, one step ends it: the next exit, whatever it is,
 * takes the TF away again.
 */
void svm_want_nmi_window(struct kvm_vcpu *vcpu)
{
	struct vcpu_svm *svm = to_svm(vcpu);

	if ((svm->nmi_masked && !svm->iret_running) || svm->nmi_step)
		return;
	if (svm->vmcb->control.event_inj & SVM_EVTINJ_VALID) {
		svm->leave_at_once = true;
		return;
	}
	svm->nmi_step = true;
	svm->step_rflags = svm->vmcb->save.rflags;
	svm->vmcb->save.rflags |= X86_EFLAGS_TF;
}

void svm_iret_check(struct vcpu_svm *svm)
{
	if (likely(!svm->iret_running) || svm->x86.regs[GPR_RIP] == svm->iret_rip)
		return;
	svm->iret_running = false;
	svm->nmi_masked = false;
	kvm_request(&svm->x86.vcpu, KVM_REQ_EVENT);
}
