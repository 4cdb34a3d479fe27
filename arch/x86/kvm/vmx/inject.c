// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events into the guest, and the windows for those that must wait (SDM vol 3, 27.6 and 27.7).
 *
 * One event an entry goes into VM_ENTRY_INTR_INFO_FIELD, which the processor clears. An exit in the
 * middle of its delivery comes back with the event in IDT_VECTORING_INFO_FIELD, and common code
 * gets it again. Events of an instruction (INT n, INT3, INTO) do not: RIP is still on it then, and
 * the guest executes it once more.
 *
 * The processor keeps account of the NMI handler the guest is in: with virtual NMIs, blocking lasts
 * from the delivery to the next IRET, and the NMI window exits when it ends. Without them nothing
 * tells of that IRET; see nmi_block_by_guess().
 */
#include "vmx.h"

static void event(struct vcpu_vmx *vmx, u32 info)
{
	vmx->event = true;
	vmx->event_info = info & EVENT_MASK;
	vmcs_write32(VM_ENTRY_INTR_INFO_FIELD, INTR_INFO_VALID_MASK | info);
}

/* RIP stays on the instruction; the processor pushes what is behind it. */
static void soft_event(struct vcpu_vmx *vmx, u32 info, unsigned int length)
{
	vmcs_write32(VM_ENTRY_INSTRUCTION_LEN, length);
	event(vmx, info);
}

void vmx_inject_exception(struct kvm_vcpu *vcpu)
{
	const struct x86_events *e = &to_x86(vcpu)->events;
	struct vcpu_vmx *vmx = to_vmx(vcpu);
	u8 vector = e->exception.vector;
	bool software = vector == X86_TRAP_BP || vector == X86_TRAP_OF;

	if (unlikely(vmx->rm.on)) {
		vmx_real_note_event(vmx, vector, software);
		return;
	}
	if (software) {
		soft_event(vmx, INTR_TYPE_SOFT_EXCEPTION | vector, 1);
		return;
	}
	if (e->exception.has_error) {
		vmcs_write32(VM_ENTRY_EXCEPTION_ERROR_CODE, e->exception.error_code);
		event(vmx, INTR_TYPE_HARD_EXCEPTION | INTR_INFO_DELIVER_CODE_MASK | vector);
		return;
	}
	event(vmx, INTR_TYPE_HARD_EXCEPTION | vector);
}

void vmx_inject_interrupt(struct kvm_vcpu *vcpu, bool reinject)
{
	const struct x86_events *e = &to_x86(vcpu)->events;
	struct vcpu_vmx *vmx = to_vmx(vcpu);

	if (unlikely(vmx->rm.on))
		vmx_real_note_event(vmx, e->interrupt.vector, e->interrupt.soft ? 2 : 0);
	else if (e->interrupt.soft)
		soft_event(vmx, INTR_TYPE_SOFT_INTR | e->interrupt.vector, 2);
	else
		event(vmx, INTR_TYPE_EXT_INTR | e->interrupt.vector);
}

void vmx_inject_nmi(struct kvm_vcpu *vcpu)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);

	if (unlikely(vmx->rm.on)) {
		vmx_real_note_event(vmx, X86_TRAP_NMI, 0);
		return;
	}
	event(vmx, INTR_TYPE_NMI_INTR | X86_TRAP_NMI);
	if (!vmx_vnmi_on)
		vmx_set_nmi_mask(vcpu, true);
}

static void requeue(struct vcpu_vmx *vmx, u32 info, u32 error)
{
	struct kvm_vcpu *vcpu = &vmx->x86.vcpu;
	u8 vector = info & INTR_INFO_VECTOR_MASK;

	switch (info & INTR_INFO_INTR_TYPE_MASK) {
	case INTR_TYPE_NMI_INTR:
		/* Its delivery has begun to block NMIs, itself among them (28.3.4.3). */
		vmx_set_nmi_mask(vcpu, false);
		x86_requeue_nmi(vcpu);
		break;
	case INTR_TYPE_HARD_EXCEPTION:
		x86_requeue_exception(vcpu, vector, info & INTR_INFO_DELIVER_CODE_MASK, error);
		break;
	case INTR_TYPE_EXT_INTR:
		x86_requeue_interrupt(vcpu, vector, false);
		break;
	}
}

/*
 * Exits that can come in the middle of a delivery (28.2.4): the others are not worth a VMREAD,
 * unless we had something delivered.
 */
#define MAY_CUT_SHORT							\
	(BIT_ULL(EXIT_REASON_EXCEPTION_NMI) | BIT_ULL(EXIT_REASON_TRIPLE_FAULT) |	\
	 BIT_ULL(EXIT_REASON_TASK_SWITCH) | BIT_ULL(EXIT_REASON_APIC_ACCESS) |		\
	 BIT_ULL(EXIT_REASON_EPT_VIOLATION) | BIT_ULL(EXIT_REASON_EPT_MISCONFIG) |	\
	 BIT_ULL(EXIT_REASON_PML_FULL) | BIT_ULL(EXIT_REASON_APIC_WRITE))

static bool may_cut_short(u16 reason)
{
	return reason < 64 ? MAY_CUT_SHORT & BIT_ULL(reason) : reason == EXIT_REASON_NOTIFY;
}

void vmx_requeue_undelivered(struct vcpu_vmx *vmx)
{
	bool injected = vmx->event;
	u32 error = 0;

	vmx->vectoring = 0;
	if (likely(!injected && !may_cut_short(vmx_reason(vmx))))
		return;
	if (injected)
		x86_clear_injected(&vmx->x86.vcpu);
	vmx->event = false;
	vmx->vectoring = vmcs_read32(IDT_VECTORING_INFO_FIELD);
	if (!(vmx->vectoring & VECTORING_INFO_VALID_MASK)) {
		vmx->vectoring = 0;
		return;
	}
	if (lapic_by_hardware(&vmx->x86.vcpu))
		vmx->vectoring = vmx_apicv_vectoring(vmx, vmx->vectoring, injected);
	if (vmx->vectoring & VECTORING_INFO_DELIVER_CODE_MASK)
		error = vmcs_read32(IDT_VECTORING_ERROR_CODE);
	kvm_request(&vmx->x86.vcpu, KVM_REQ_EVENT);
	requeue(vmx, vmx->vectoring, error);
}

/* To common code it is still injected: it asks again before the next entry. */
void vmx_cancel_injection(struct kvm_vcpu *vcpu)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);

	if (!vmx->event && !vmx->rm.event.noted)
		return;
	if (vmx->event) {
		vmcs_write32(VM_ENTRY_INTR_INFO_FIELD, 0);
		if (!vmx_vnmi_on && (vmx->event_info & INTR_INFO_INTR_TYPE_MASK) == INTR_TYPE_NMI_INTR)
			vmx_set_nmi_mask(vcpu, false);
	}
	vmx->event = false;
	vmx->rm.event.noted = false;
	kvm_request(vcpu, KVM_REQ_EVENT);
}

/*
 * Interrupts.
 */
static void put_interruptibility(struct vcpu_vmx *vmx, u32 value)
{
	if (vmx_interruptibility(vmx) == value)
		return;
	vmx_cache_put(vmx, CACHED_INTERRUPTIBILITY, value);
	vmcs_write32(GUEST_INTERRUPTIBILITY_INFO, value);
}

#define SHADOWS		(GUEST_INTR_STATE_STI | GUEST_INTR_STATE_MOV_SS)

u32 vmx_get_shadow(struct kvm_vcpu *vcpu)
{
	u32 state = vmx_interruptibility(to_vmx(vcpu));

	return (state & GUEST_INTR_STATE_STI ? KVM_X86_SHADOW_INT_STI : 0) |
	       (state & GUEST_INTR_STATE_MOV_SS ? KVM_X86_SHADOW_INT_MOV_SS : 0);
}

void vmx_set_shadow(struct kvm_vcpu *vcpu, u32 mask)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);
	u32 state = vmx_interruptibility(vmx) & ~SHADOWS;

	/* Never both (27.3.1.5). */
	if (mask & KVM_X86_SHADOW_INT_MOV_SS)
		state |= GUEST_INTR_STATE_MOV_SS;
	else if (mask & KVM_X86_SHADOW_INT_STI)
		state |= GUEST_INTR_STATE_STI;
	put_interruptibility(vmx, state);
	if (mask)
		vmx_step_in_shadow(vmx);
}

/* In protected mode only the hardware can deliver something. */
static bool deliverable(struct vcpu_vmx *vmx)
{
	return likely(!vmx->x86.unfit) || vmx->rm.on || vmx_is_fit(vmx);
}

static bool takes_interrupts(struct vcpu_vmx *vmx)
{
	return vmx_get_rflags(&vmx->x86.vcpu) & X86_EFLAGS_IF && !(vmx_interruptibility(vmx) & SHADOWS);
}

bool vmx_interrupt_allowed(struct kvm_vcpu *vcpu)
{
	return takes_interrupts(to_vmx(vcpu)) && deliverable(to_vmx(vcpu));
}

void vmx_want_irq_window(struct kvm_vcpu *vcpu)
{
	vmx_control_set(to_vmx(vcpu), WORD_CPU, CPU_BASED_INTR_WINDOW_EXITING, true);
}

/* The guest must be seen lowering its TPR below a pending vector. */
void vmx_update_cr8_intercept(struct kvm_vcpu *vcpu, int tpr, int irr)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);
	u32 threshold = irr >= 0 && tpr >= irr >> 4 ? irr >> 4 : 0;

	if (!vmx->vtpr || vmx->vmcs.tpr_threshold == threshold)
		return;
	vmx->vmcs.tpr_threshold = threshold;
	vmcs_write32(TPR_THRESHOLD, threshold);
}

/*
 * NMIs.
 *
 * Without virtual NMIs they are blocked by guess: from the delivery until the guest is seen to take
 * interrupts, which handlers of NMIs do not, or for a second if it never does. The guest is not
 * looked at but at exits, of which the host's timer makes some; blocking may therefore last longer
 * than on a machine, and it ends too early for a handler that enables interrupts.
 */
#define NMI_BLOCKED_NS	NSEC_PER_SEC

static void nmi_block_by_guess(struct vcpu_vmx *vmx, bool blocked)
{
	vmx->nmi.blocked = blocked;
	if (blocked)
		vmx->nmi.until = ktime_get_ns() + NMI_BLOCKED_NS;
}

void vmx_nmi_look(struct vcpu_vmx *vmx)
{
	struct kvm_vcpu *vcpu = &vmx->x86.vcpu;

	if (vmx->nmi.blocked && !vmx->x86.events.in_smm &&
	    (takes_interrupts(vmx) || ktime_get_ns() >= vmx->nmi.until))
		vmx->nmi.blocked = false;
	if (!vmx->nmi.wanted || !vmx_nmi_allowed(vcpu))
		return;
	vmx->nmi.wanted = false;
	kvm_request(vcpu, KVM_REQ_EVENT);
}

bool vmx_nmi_allowed(struct kvm_vcpu *vcpu)
{
	return !vmx_get_nmi_mask(vcpu) && !(vmx_interruptibility(to_vmx(vcpu)) & SHADOWS) &&
	       deliverable(to_vmx(vcpu));
}

bool vmx_get_nmi_mask(struct kvm_vcpu *vcpu)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);

	if (!vmx_vnmi_on)
		return vmx->nmi.blocked;
	return vmx_interruptibility(vmx) & GUEST_INTR_STATE_NMI;
}

void vmx_set_nmi_mask(struct kvm_vcpu *vcpu, bool masked)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);
	u32 state;

	if (!vmx_vnmi_on) {
		nmi_block_by_guess(vmx, masked);
		return;
	}
	state = vmx_interruptibility(vmx) & ~GUEST_INTR_STATE_NMI;
	put_interruptibility(vmx, masked ? state | GUEST_INTR_STATE_NMI : state);
}

/* The window for NMIs does not wait for the shadow of STI to end; that for interrupts does. */
void vmx_want_nmi_window(struct kvm_vcpu *vcpu)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);
	bool shadow = vmx_interruptibility(vmx) & GUEST_INTR_STATE_STI;

	vmx->nmi.wanted = !vmx_vnmi_on;
	vmx_control_set(vmx, WORD_CPU, shadow || !vmx_vnmi_on ? CPU_BASED_INTR_WINDOW_EXITING :
								CPU_BASED_NMI_WINDOW_EXITING, true);
}

/*
 * The fault of an IRET from the NMI handler comes with blocking already ended, though the IRET will
 * be executed again (28.2.3). Not where the fault is one of a delivery: that is of another event.
 * Without virtual NMIs the bit that says so is undefined.
 */
void vmx_nmi_unblocked(struct vcpu_vmx *vmx)
{
	if (!vmx->vectoring && vmx_vnmi_on)
		vmx_set_nmi_mask(&vmx->x86.vcpu, true);
}
