// SPDX-License-Identifier: GPL-2.0-only
/*
 * Real mode on a processor that cannot run it in a guest: in virtual-8086 mode, with paging on.
 *
 * Without "unrestricted guest" VM entry wants CR0.PE and CR0.PG set (SDM vol 3, 24.8). So:
 *
 * - While the guest's PG is clear the hardware's is set, and its CR3 points to a page directory of
 *   ours that maps the first 4 GiB one to one (KVM API 4.41). CR3 is then the guest's in x86_vcpu
 *   alone, and every access to it exits.
 * - While the guest's PE is clear the hardware is in virtual-8086 mode. VM entry wants the segments
 *   in the form of that mode (27.3.1.2): base = 16 * selector, limit 64 KiB - 1, rights 0xf3. Of a
 *   segment the guest can change nothing there but selector and base, so limit and rights of the
 *   real one are kept in vmx->rm.seg, and rm.in_hw says which selectors and bases are in the VMCS.
 *   A segment of another form is not fit for entry (see unfit.c).
 *
 * IOPL is 0 there and CR4.VME clear. So CLI, STI, PUSHF, POPF, IRET and INT n fault, as does every
 * privileged instruction; and the TSS is one of 16 bits, which has no map of ports, so IN and OUT
 * fault too (SDM vol 1, 19.5.2). All exceptions exit. The emulator carries out the instruction as
 * real mode has it, with the guest's own IDTR, IOPL and flags. Nothing of this needs memory of the
 * guest's: what KVM_SET_TSS_ADDR names is left alone.
 *
 * Events are delivered by the emulator as well: the ops of inject.c only note them here, and a
 * vCPU with one is not fit for entry.
 */
#include "vmx.h"

#define REAL_LIMIT	0xffff
#define VM86_RIGHTS	(VMX_AR_P_MASK | 3 << VMX_AR_DPL_SHIFT | VMX_AR_S_MASK | 3)
#define ALL_IN_HW	GENMASK(SEG_GS, SEG_ES)

static_assert(VM86_RIGHTS == 0xf3);
/* The rows of the VMCS and our array are in the same order up to GS. */
static_assert(SEG_ES == 0 && SEG_CS == 1 && SEG_SS == 2 && SEG_DS == 3 && SEG_FS == 4 &&
	      SEG_GS == 5 && SEG_TR == 6);

/* The guest's, whichever of the two places it is in. */
struct vmx_seg vmx_real_segment(struct vcpu_vmx *vmx, int seg)
{
	struct vmx_seg s = vmx->rm.seg[seg];

	if (vmx->rm.in_hw & BIT(seg)) {
		s.selector = vmcs_read16_at(GUEST_ES_SELECTOR, seg);
		s.base = vmcs_readn_at(GUEST_ES_BASE, seg);
	}
	return s;
}

void vmx_real_set_segment(struct vcpu_vmx *vmx, int seg, const struct vmx_seg *s)
{
	vmx->rm.seg[seg] = *s;
	if (seg == SEG_TR)
		return;
	vmx->rm.in_hw &= ~BIT(seg);
	vmx->x86.unfit = true;
}

/*
 * Would virtual-8086 mode do to it what real mode does? In real mode the rights of a descriptor
 * that was loaded in protected mode stay.
 */
static bool has_real_form(const struct vmx_seg *s, int seg)
{
	if (s->base != (u64)s->selector << 4 || s->limit != REAL_LIMIT)
		return false;
	if (s->ar & VMX_AR_UNUSABLE_MASK || !(s->ar & VMX_AR_S_MASK))
		return false;
	if (seg == SEG_CS)
		return !(s->ar & VMX_AR_DB_MASK);
	if (seg == SEG_SS && s->ar & VMX_AR_DB_MASK)
		return false;
	return (s->ar & (VMX_AR_TYPE_CODE_MASK | 6)) == 2;	/* written, and not expand-down */
}

bool vmx_real_fit(const struct vcpu_vmx *vmx)
{
	int seg;

	if (vmx->rm.event.noted)
		return false;
	for (seg = SEG_ES; seg <= SEG_GS; seg++)
		if (!(vmx->rm.in_hw & BIT(seg)) && !has_real_form(&vmx->rm.seg[seg], seg))
			return false;
	return true;
}

/* What vmx_real_fit() has found to be fit goes to the hardware. */
void vmx_real_to_hw(struct vcpu_vmx *vmx)
{
	const struct vmx_seg *s;
	int seg;

	for (seg = SEG_ES; seg <= SEG_GS; seg++) {
		if (vmx->rm.in_hw & BIT(seg))
			continue;
		s = &vmx->rm.seg[seg];
		vmcs_write16_at(GUEST_ES_SELECTOR, seg, s->selector);
		vmcs_writen_at(GUEST_ES_BASE, seg, s->base);
		vmcs_write32_at(GUEST_ES_LIMIT, seg, REAL_LIMIT);
		vmcs_write32_at(GUEST_ES_AR_BYTES, seg, VM86_RIGHTS);
	}
	vmx->rm.in_hw = ALL_IN_HW;
	vmx->cached &= ~(BIT(CACHED_CS_AR) | BIT(CACHED_SS_AR));
}

/* A TSS of 16 bits, which no instruction of the guest's makes the processor look into. */
static void put_plain_tss(struct vcpu_vmx *vmx)
{
	static const struct vmx_seg tss = {
		.limit = 0x2b, .ar = VMX_AR_P_MASK | VMX_AR_TYPE_BUSY_16_TSS,
	};

	vmx_put_segment(vmx, SEG_TR, &tss);
}

/* The flags that are not the guest's own in virtual-8086 mode. */
#define HIDDEN_FLAGS	(X86_EFLAGS_IOPL | X86_EFLAGS_VM)

unsigned long vmx_real_rflags(const struct vcpu_vmx *vmx, unsigned long hw)
{
	return (hw & ~HIDDEN_FLAGS) | vmx->rm.iopl;
}

/* Return: what the hardware is to have. VM means nothing in real mode. */
unsigned long vmx_real_set_rflags(struct vcpu_vmx *vmx, unsigned long rflags)
{
	vmx->rm.iopl = rflags & X86_EFLAGS_IOPL;
	return (rflags & ~HIDDEN_FLAGS) | X86_EFLAGS_VM;
}

static void enter_real(struct vcpu_vmx *vmx)
{
	struct kvm_vcpu *vcpu = &vmx->x86.vcpu;
	unsigned long rflags = vmx_get_rflags(vcpu);
	int seg;

	for (seg = SEG_ES; seg <= SEG_TR; seg++)
		vmx->rm.seg[seg] = vmx_read_segment(vmx, seg);
	vmx->rm.in_hw = 0;
	vmx->rm.on = true;
	put_plain_tss(vmx);
	vmx_set_rflags(vcpu, rflags);
}

static void leave_real(struct vcpu_vmx *vmx)
{
	struct kvm_vcpu *vcpu = &vmx->x86.vcpu;
	unsigned long rflags = vmx_get_rflags(vcpu);
	struct vmx_seg s;
	int seg;

	for (seg = SEG_ES; seg <= SEG_TR; seg++) {
		s = vmx_real_segment(vmx, seg);
		vmx_put_segment(vmx, seg, &s);
	}
	vmx->rm.on = false;
	vmx_set_rflags(vcpu, rflags);
}

/**
 * vmx_real_switch - CR0.PE changes: bring segments and flags into the form that goes with it
 * @vmx: the vCPU
 * @pe: what PE is to be
 *
 * Context: vCPU loaded; x86_vcpu's cr0 is still the old one. Nothing happens where the hardware
 * runs real mode, or runs it already.
 */
void vmx_real_switch(struct vcpu_vmx *vmx, bool pe)
{
	if (vmx_unrestricted)
		return;
	vmx->x86.unfit = true;
	if (vmx->rm.on != pe)
		return;
	if (pe)
		leave_real(vmx);
	else
		enter_real(vmx);
	vmx_update_exceptions(vmx);
}

/* Reset, or INIT: the VMCS's segments are about to be written, and PE is clear afterwards. */
void vmx_real_reset(struct vcpu_vmx *vmx)
{
	vmx->rm.on = false;
	vmx->rm.event.noted = false;
}

/*
 * Control registers. The hardware's, of the guest's.
 */
unsigned long vmx_restricted_cr0(struct vcpu_vmx *vmx, unsigned long cr0)
{
	if (!(cr0 & X86_CR0_PE))
		cr0 &= ~X86_CR0_AM;	/* alignment checks are for level 3; real mode is 0 */
	return cr0 | X86_CR0_PE | X86_CR0_PG;
}

/* What the identity map cannot stand, and what is of no effect at level 0. */
unsigned long vmx_restricted_cr4(struct vcpu_vmx *vmx, unsigned long cr4)
{
	if (!(vmx->x86.cr0 & X86_CR0_PG)) {
		cr4 &= ~(X86_CR4_PAE | X86_CR4_SMEP | X86_CR4_SMAP | X86_CR4_PKE);
		cr4 |= X86_CR4_PSE;
	}
	if (!(vmx->x86.cr0 & X86_CR0_PE))
		cr4 &= ~(X86_CR4_VME | X86_CR4_TSD | X86_CR4_UMIP);
	return cr4;
}

/* LME with PG set, as it is in hardware, is long mode (27.3.1.1). */
u64 vmx_restricted_efer(struct vcpu_vmx *vmx, u64 efer)
{
	return vmx->x86.cr0 & X86_CR0_PG ? efer : efer & ~(u64)EFER_LME;
}

/*
 * Events.
 */
void vmx_real_note_event(struct vcpu_vmx *vmx, u8 vector, u8 insn_length)
{
	vmx->rm.event.noted = true;
	vmx->rm.event.vector = vector;
	vmx->rm.event.insn_length = insn_length;
	vmx->x86.unfit = true;
}

/*
 * Deliver what was noted, by the guest's vector table. A fault in it is queued; the event that met
 * it is gone, as on bare metal.
 *
 * Return: EXIT_RESUME, EXIT_TO_USER when table or stack are no memory, or a negative errno; in the
 * last two cases the event is still to be delivered.
 */
int vmx_real_deliver(struct vcpu_vmx *vmx)
{
	struct kvm_vcpu *vcpu = &vmx->x86.vcpu;
	struct x86_events *e = &vmx->x86.events;
	int r = x86_int_real(vcpu, vmx->rm.event.vector, vmx->rm.event.insn_length);

	if (r != EXIT_RESUME)
		return r;
	vmx->rm.event.noted = false;
	if (e->nmi_injected && !e->exception.pending)
		vmx_set_nmi_mask(vcpu, true);
	x86_clear_injected(vcpu);
	kvm_request(vcpu, KVM_REQ_EVENT);
	return EXIT_RESUME;
}
