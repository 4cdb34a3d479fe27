// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest state in the VMCB's save area: segments, descriptor tables, control and debug registers,
 * RFLAGS.
 *
 * x86_vcpu holds what the guest believes, the VMCB what the hardware gets. They differ in CR0 (CD
 * and NW, which would make all of the guest's memory uncached), in CR4 (MCE, since a machine check
 * is the host's), in EFER (SVME, which VMRUN demands), and in RFLAGS while we step over an IRET.
 * Where the guest could see a difference, its reads exit.
 */
#include <asm/tlbflush.h>
#include "svm.h"

static struct vmcb_seg *segment(struct kvm_vcpu *vcpu, int seg)
{
	struct vmcb_save_area *save = &to_svm(vcpu)->vmcb->save;

	switch (seg) {
	case SEG_ES:	return &save->es;
	case SEG_CS:	return &save->cs;
	case SEG_SS:	return &save->ss;
	case SEG_DS:	return &save->ds;
	case SEG_FS:	return &save->fs;
	case SEG_GS:	return &save->gs;
	case SEG_TR:	return &save->tr;
	default:	return &save->ldtr;
	}
}

/*
 * SVM has no "unusable" bit: a segment that is not present is that. The CPU leaves some attributes
 * as it finds them, where the architecture, and a VMM that moves the guest to another machine,
 * knows only one value: made so here.
 */
void svm_get_segment(struct kvm_vcpu *vcpu, struct kvm_segment *out, int seg)
{
	const struct vmcb_seg *s = segment(vcpu, seg);
	const u16 attrib = s->attrib;

	memset(out, 0, sizeof(*out));
	out->base = s->base;
	out->limit = s->limit;
	out->selector = s->selector;
	out->type = attrib & SVM_SELECTOR_TYPE_MASK;
	out->s = attrib >> SVM_SELECTOR_S_SHIFT & 1;
	out->dpl = attrib >> SVM_SELECTOR_DPL_SHIFT & 3;
	out->present = attrib >> SVM_SELECTOR_P_SHIFT & 1;
	out->avl = attrib >> SVM_SELECTOR_AVL_SHIFT & 1;
	out->l = attrib >> SVM_SELECTOR_L_SHIFT & 1;
	out->db = attrib >> SVM_SELECTOR_DB_SHIFT & 1;
	out->g = s->limit > 0xfffff;	/* the hardware does not keep it: the limit is in bytes */
	out->unusable = !out->present;

	switch (seg) {
	case SEG_TR:
		out->type |= 2;		/* a loaded TSS is busy */
		break;
	case SEG_SS:
		out->dpl = to_svm(vcpu)->vmcb->save.cpl;
		fallthrough;
	case SEG_DS:
	case SEG_ES:
	case SEG_FS:
	case SEG_GS:
		if (out->unusable)
			out->db = 0;
		else
			out->type |= 1;	/* a loaded segment has been accessed */
		break;
	}
}

void svm_set_segment(struct kvm_vcpu *vcpu, const struct kvm_segment *in, int seg)
{
	struct vcpu_svm *svm = to_svm(vcpu);
	struct vmcb_seg *s = segment(vcpu, seg);
	u16 attrib = in->type & SVM_SELECTOR_TYPE_MASK;

	attrib |= (in->s & 1) << SVM_SELECTOR_S_SHIFT;
	attrib |= (in->dpl & 3) << SVM_SELECTOR_DPL_SHIFT;
	attrib |= (in->present && !in->unusable) << SVM_SELECTOR_P_SHIFT;
	attrib |= (in->avl & 1) << SVM_SELECTOR_AVL_SHIFT;
	attrib |= (in->l & 1) << SVM_SELECTOR_L_SHIFT;
	attrib |= (in->db & 1) << SVM_SELECTOR_DB_SHIFT;
	attrib |= (in->g & 1) << SVM_SELECTOR_G_SHIFT;

	s->base = in->base;
	s->limit = in->limit;
	s->selector = in->selector;
	s->attrib = attrib;
	if (seg == SEG_SS)
		svm->vmcb->save.cpl = in->dpl & 3;	/* the CPL is SS.DPL (15.5.1) */
	svm_dirty(svm, CLEAN_SEG);
}

u64 svm_segment_base(struct kvm_vcpu *vcpu, int seg)
{
	return segment(vcpu, seg)->base;
}

u32 svm_cs_bits(struct kvm_vcpu *vcpu)
{
	u16 attrib = to_svm(vcpu)->vmcb->save.cs.attrib;

	return (attrib & SVM_SELECTOR_L_MASK ? CS_LONG : 0) |
	       (attrib & SVM_SELECTOR_DB_MASK ? CS_DEFAULT_32 : 0);
}

int svm_get_cpl(struct kvm_vcpu *vcpu)
{
	return to_svm(vcpu)->vmcb->save.cpl;
}

static struct vmcb_seg *table(struct kvm_vcpu *vcpu, bool idt)
{
	struct vmcb_save_area *save = &to_svm(vcpu)->vmcb->save;

	return idt ? &save->idtr : &save->gdtr;
}

void svm_get_dt(struct kvm_vcpu *vcpu, bool idt, struct kvm_dtable *out)
{
	const struct vmcb_seg *s = table(vcpu, idt);

	memset(out, 0, sizeof(*out));
	out->base = s->base;
	out->limit = s->limit;
}

void svm_set_dt(struct kvm_vcpu *vcpu, bool idt, const struct kvm_dtable *in)
{
	struct vmcb_seg *s = table(vcpu, idt);

	s->base = in->base;
	s->limit = in->limit;
	svm_dirty(to_svm(vcpu), CLEAN_DT);
}

/*
 * Only changes of bits beside TS and MP need us: those the selective intercept catches. When the
 * hardware's value is not the guest's, every access does.
 */
void svm_set_cr0(struct kvm_vcpu *vcpu, unsigned long cr0)
{
	struct vcpu_svm *svm = to_svm(vcpu);
	unsigned long hw = cr0;

	if (!(to_x86_vm(vcpu->kvm)->disabled_quirks & KVM_X86_QUIRK_CD_NW_CLEARED))
		hw &= ~(X86_CR0_CD | X86_CR0_NW);
	svm->cr0_shadowed = hw != cr0;
	svm_intercept(svm, INTERCEPT_CR0_READ, svm->cr0_shadowed);
	svm_intercept(svm, INTERCEPT_CR0_WRITE, svm->cr0_shadowed);
	svm->vmcb->save.cr0 = hw;
	svm->x86.cr0 = cr0;
	svm_dirty(svm, CLEAN_CR);

	/* Long mode becomes active when paging is turned on with LME set (14.6.2). */
	if (svm->x86.efer & EFER_LME && !(cr0 & X86_CR0_PG) != !(svm->x86.efer & EFER_LMA))
		svm_set_efer(vcpu, svm->x86.efer ^ EFER_LMA);
}

/* The guest writes CR3 without an exit; this is for what writes it on its behalf. */
void svm_cr3_changed(struct kvm_vcpu *vcpu)
{
	struct vcpu_svm *svm = to_svm(vcpu);

	svm->vmcb->save.cr3 = svm->x86.cr3;
	svm_dirty(svm, CLEAN_CR);
}

void svm_set_cr4(struct kvm_vcpu *vcpu, unsigned long cr4)
{
	struct vcpu_svm *svm = to_svm(vcpu);
	unsigned long hw = cr4 | (cr4_read_shadow() & X86_CR4_MCE);

	svm_intercept(svm, INTERCEPT_CR4_READ, hw != cr4);
	svm->vmcb->save.cr4 = hw;
	svm->x86.cr4 = cr4;
	svm_dirty(svm, CLEAN_CR);
}

void svm_set_efer(struct kvm_vcpu *vcpu, u64 efer)
{
	struct vcpu_svm *svm = to_svm(vcpu);

	svm->x86.efer = efer;
	svm->vmcb->save.efer = efer | EFER_SVME;
	svm_dirty(svm, CLEAN_CR);
}

void svm_set_dr7(struct kvm_vcpu *vcpu, unsigned long dr7)
{
	struct vcpu_svm *svm = to_svm(vcpu);

	svm->vmcb->save.dr7 = dr7;
	svm_dirty(svm, CLEAN_DR);
}

/*
 * Every access to a debug register exits, and DR6 comes back with each exit: x86_vcpu is always
 * current.
 */
void svm_sync_drs(struct kvm_vcpu *vcpu)
{
}

/*
 * All else is read at each exit, or is in the VMCB. PAE's top entries are not: with nested paging
 * the processor reads them from the guest's memory as any others (15.25.10), and MOV CR3 does not
 * exit. Nor does it check them as MOV CR3 would (TCG even sets an accessed bit in them). What
 * cannot be read maps nothing.
 */
void svm_cache_reg(struct kvm_vcpu *vcpu, unsigned int reg)
{
	struct x86_vcpu *v = to_x86(vcpu);

	if (KVM_BUG_ON(reg != REG_CACHE_PDPTR, vcpu->kvm))
		return;
	if (!mmu_read_pdptrs(vcpu, v->cr3, v->mmu.pdptrs))
		memset(v->mmu.pdptrs, 0, sizeof(v->mmu.pdptrs));
	v->regs_avail |= BIT(REG_CACHE_PDPTR);
}

unsigned long svm_get_rflags(struct kvm_vcpu *vcpu)
{
	const struct vcpu_svm *svm = to_svm(vcpu);
	unsigned long rflags = svm->vmcb->save.rflags;

	if (svm->nmi_step && !(svm->step_rflags & X86_EFLAGS_TF))
		rflags &= ~X86_EFLAGS_TF;
	return rflags;
}

void svm_set_rflags(struct kvm_vcpu *vcpu, unsigned long rflags)
{
	struct vcpu_svm *svm = to_svm(vcpu);

	if (svm->nmi_step) {
		svm->step_rflags = rflags;
		rflags |= X86_EFLAGS_TF;
	}
	svm->vmcb->save.rflags = rflags;
}
