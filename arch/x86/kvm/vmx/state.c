// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest state in the VMCS: segments, descriptor tables, control and debug registers, RFLAGS.
 *
 * x86_vcpu holds what the guest believes, the VMCS what the hardware gets. They differ in CR0 (CD
 * and NW, which would make all of the guest's memory uncached; NE, which VMX demands) and in CR4
 * (MCE, since a machine check is the host's; VMXE, which VMX demands). The guest reads them from
 * the read shadows, without an exit; each write of another value exits. Without unrestricted guest
 * they differ in more, and so do the segments in real mode: realmode.c.
 */
#include <asm/tlbflush.h>
#include "vmx.h"

/* The rows of segment fields are in another order at the end: LDTR, then TR. */
static unsigned int row(int seg)
{
	switch (seg) {
	case SEG_TR:
		return 7;
	case SEG_LDTR:
		return 6;
	default:
		return seg;
	}
}

static u32 access_rights(struct vcpu_vmx *vmx, int seg)
{
	switch (seg) {
	case SEG_CS:
		return VMX_CACHED(vmx, CACHED_CS_AR, vmcs_read32(GUEST_CS_AR_BYTES));
	case SEG_SS:
		return VMX_CACHED(vmx, CACHED_SS_AR, vmcs_read32(GUEST_SS_AR_BYTES));
	default:
		return vmcs_read32_at(GUEST_ES_AR_BYTES, row(seg));
	}
}

static void put_access_rights(struct vcpu_vmx *vmx, int seg, u32 ar)
{
	vmcs_write32_at(GUEST_ES_AR_BYTES, row(seg), ar);
	vmx->cached &= ~(BIT(CACHED_CS_AR) | BIT(CACHED_SS_AR));
}

struct vmx_seg vmx_read_segment(struct vcpu_vmx *vmx, int seg)
{
	unsigned int i = row(seg);

	return (struct vmx_seg){
		.base = vmcs_readn_at(GUEST_ES_BASE, i),
		.limit = vmcs_read32_at(GUEST_ES_LIMIT, i),
		.ar = access_rights(vmx, seg),
		.selector = vmcs_read16_at(GUEST_ES_SELECTOR, i),
	};
}

void vmx_put_segment(struct vcpu_vmx *vmx, int seg, const struct vmx_seg *s)
{
	unsigned int i = row(seg);

	vmcs_writen_at(GUEST_ES_BASE, i, s->base);
	vmcs_write32_at(GUEST_ES_LIMIT, i, s->limit);
	vmcs_write16_at(GUEST_ES_SELECTOR, i, s->selector);
	put_access_rights(vmx, seg, s->ar);
}

/* Of those that virtual-8086 mode shapes after itself the guest's are elsewhere. */
static bool in_realmode(const struct vcpu_vmx *vmx, int seg)
{
	return unlikely(vmx->rm.on) && seg != SEG_LDTR;
}

void vmx_get_segment(struct kvm_vcpu *vcpu, struct kvm_segment *out, int seg)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);
	struct vmx_seg s = in_realmode(vmx, seg) ? vmx_real_segment(vmx, seg) :
						   vmx_read_segment(vmx, seg);
	u32 ar = s.ar;

	memset(out, 0, sizeof(*out));
	out->base = s.base;
	out->limit = s.limit;
	out->selector = s.selector;
	out->type = ar & VMX_AR_TYPE_MASK;
	out->s = !!(ar & VMX_AR_S_MASK);
	out->dpl = VMX_AR_DPL(ar);
	out->unusable = !!(ar & VMX_AR_UNUSABLE_MASK);
	out->present = !out->unusable;
	out->avl = ar >> 12 & 1;
	out->l = !!(ar & VMX_AR_L_MASK);
	out->db = !!(ar & VMX_AR_DB_MASK);
	out->g = !!(ar & VMX_AR_G_MASK);
}

/*
 * VM entry is strict where a VMM may be sloppy (27.3.1.2): a segment that is loaded has been
 * accessed, a TSS that is loaded is busy, and G agrees with the limit, which is in bytes.
 */
static u32 rights_of(const struct kvm_segment *in, int seg)
{
	u32 ar = in->type & VMX_AR_TYPE_MASK;

	if (seg == SEG_TR)
		ar |= 2;
	else if (in->unusable || !in->present)
		return VMX_AR_UNUSABLE_MASK;
	if (seg < SEG_TR)
		ar |= VMX_AR_TYPE_ACCESSES_MASK;
	ar |= in->s ? VMX_AR_S_MASK : 0;
	ar |= (in->dpl & 3) << VMX_AR_DPL_SHIFT;
	ar |= VMX_AR_P_MASK;
	ar |= (in->avl & 1) << 12;
	ar |= in->l ? VMX_AR_L_MASK : 0;
	ar |= in->db ? VMX_AR_DB_MASK : 0;
	if (in->limit >> 20 || (in->g && (in->limit & 0xfff) == 0xfff))
		ar |= VMX_AR_G_MASK;
	return ar;
}

void vmx_set_segment(struct kvm_vcpu *vcpu, const struct kvm_segment *in, int seg)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);
	const struct vmx_seg s = {
		.base = in->base,
		.limit = in->limit,
		.selector = in->selector,
		.ar = rights_of(in, seg),
	};

	if (in_realmode(vmx, seg)) {
		vmx_real_set_segment(vmx, seg, &s);
		return;
	}
	vmx_put_segment(vmx, seg, &s);
	vmx->x86.unfit = !vmx_unrestricted;
}

u64 vmx_segment_base(struct kvm_vcpu *vcpu, int seg)
{
	if (in_realmode(to_vmx(vcpu), seg))
		return vmx_real_segment(to_vmx(vcpu), seg).base;
	return vmcs_readn_at(GUEST_ES_BASE, row(seg));
}

u32 vmx_cs_bits(struct kvm_vcpu *vcpu)
{
	u32 ar = access_rights(to_vmx(vcpu), SEG_CS);

	return (ar & VMX_AR_L_MASK ? CS_LONG : 0) | (ar & VMX_AR_DB_MASK ? CS_DEFAULT_32 : 0);
}

/* The CPL is SS.DPL, but real mode's is 0 whatever stands there. */
int vmx_get_cpl(struct kvm_vcpu *vcpu)
{
	if (!x86_is_protected(vcpu))
		return 0;
	return VMX_AR_DPL(access_rights(to_vmx(vcpu), SEG_SS));
}

void vmx_get_dt(struct kvm_vcpu *vcpu, bool idt, struct kvm_dtable *out)
{
	memset(out, 0, sizeof(*out));
	out->base = idt ? vmcs_readn(GUEST_IDTR_BASE) : vmcs_readn(GUEST_GDTR_BASE);
	out->limit = idt ? vmcs_read32(GUEST_IDTR_LIMIT) : vmcs_read32(GUEST_GDTR_LIMIT);
}

void vmx_set_dt(struct kvm_vcpu *vcpu, bool idt, const struct kvm_dtable *in)
{
	if (idt) {
		vmcs_writen(GUEST_IDTR_BASE, in->base);
		vmcs_write32(GUEST_IDTR_LIMIT, in->limit);
	} else {
		vmcs_writen(GUEST_GDTR_BASE, in->base);
		vmcs_write32(GUEST_GDTR_LIMIT, in->limit);
	}
}

/* Without paging, and unless the hardware can do that, CR3 in the VMCS is not the guest's. */
static bool owns_cr3(const struct vcpu_vmx *vmx)
{
	return vmx_unrestricted || vmx->x86.cr0 & X86_CR0_PG;
}

/*
 * PE or PG of the guest has changed, which without unrestricted guest decides on the rest: what the
 * hardware gets of CR3, CR4 and EFER, and who sees CR3.
 */
static void put_restricted_mode(struct vcpu_vmx *vmx)
{
	struct kvm_vcpu *vcpu = &vmx->x86.vcpu;
	bool owns = owns_cr3(vmx);

	vmx_control_set(vmx, WORD_CPU, CPU_BASED_CR3_LOAD_EXITING | CPU_BASED_CR3_STORE_EXITING,
			!owns);
	vmcs_writen(GUEST_CR3, owns ? vmx->x86.cr3 : to_x86_vm(vcpu->kvm)->identity_map_addr);
	vmx_set_cr4(vcpu, vmx->x86.cr4);
	vmx_set_efer(vcpu, vmx->x86.efer);
}

void vmx_set_cr0(struct kvm_vcpu *vcpu, unsigned long cr0)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);
	unsigned long hw = cr0 | X86_CR0_NE;

	if (!(to_x86_vm(vcpu->kvm)->disabled_quirks & KVM_X86_QUIRK_CD_NW_CLEARED))
		hw &= ~(X86_CR0_CD | X86_CR0_NW);
	if (!vmx_unrestricted) {
		hw = vmx_restricted_cr0(vmx, hw);
		x86_cr3(vcpu);		/* read it while it is there */
		vmx_real_switch(vmx, cr0 & X86_CR0_PE);
	}
	vmcs_writen(GUEST_CR0, hw);
	vmcs_writen(CR0_READ_SHADOW, cr0);
	vmx->x86.cr0 = cr0;

	/* Long mode becomes active when paging is turned on with LME set (10.8.5). */
	if (vmx->x86.efer & EFER_LME && !(cr0 & X86_CR0_PG) != !(vmx->x86.efer & EFER_LMA))
		vmx_set_efer(vcpu, vmx->x86.efer ^ EFER_LMA);
	if (!vmx_unrestricted)
		put_restricted_mode(vmx);
}

/* The guest writes CR3 without an exit; this is for what writes it on its behalf. */
void vmx_cr3_changed(struct kvm_vcpu *vcpu)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);

	vmx->x86.regs_avail |= BIT(REG_CACHE_CR3);
	if (owns_cr3(vmx))
		vmcs_writen(GUEST_CR3, vmx->x86.cr3);
}

void vmx_set_cr4(struct kvm_vcpu *vcpu, unsigned long cr4)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);
	unsigned long hw = vmx_unrestricted ? cr4 : vmx_restricted_cr4(vmx, cr4);

	hw |= vmx_caps.cr4_fixed0 | (cr4_read_shadow() & X86_CR4_MCE);
	vmcs_writen(GUEST_CR4, hw);
	vmcs_writen(CR4_READ_SHADOW, cr4);
	vmx->x86.cr4 = cr4;
}

/* In long mode a busy TSS has another type than it may have had before (27.3.1.2). */
static void fix_tss(struct vcpu_vmx *vmx)
{
	u32 ar = access_rights(vmx, SEG_TR);

	if ((ar & VMX_AR_TYPE_MASK) != VMX_AR_TYPE_BUSY_64_TSS)
		put_access_rights(vmx, SEG_TR, (ar & ~VMX_AR_TYPE_MASK) | VMX_AR_TYPE_BUSY_64_TSS);
}

void vmx_set_efer(struct kvm_vcpu *vcpu, u64 efer)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);
	bool syscalls = efer & ~vmx->x86.efer & EFER_SCE;

	vmx->x86.efer = efer;
	if (syscalls)
		vmx_msrs_changed(vmx);
	vmcs_write64(GUEST_IA32_EFER, vmx_unrestricted ? efer : vmx_restricted_efer(vmx, efer));
	vmx_control_set(vmx, WORD_ENTRY, VM_ENTRY_IA32E_MODE, efer & EFER_LMA);
	if (efer & EFER_LMA && !vmx->rm.on)
		fix_tss(vmx);
}

void vmx_set_dr7(struct kvm_vcpu *vcpu, unsigned long dr7)
{
	vmcs_writen(GUEST_DR7, dr7);
}

/*
 * Every access to a debug register exits, and so does every #DB, before DR6 has changed: x86_vcpu
 * is always current.
 */
void vmx_sync_drs(struct kvm_vcpu *vcpu)
{
}

static void read_pdptrs(struct x86_vcpu *v)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(v->mmu.pdptrs); i++)
		v->mmu.pdptrs[i] = vmcs_read64_at(GUEST_PDPTR0, i);
}

/* What the exit left in the VMCS. */
void vmx_cache_reg(struct kvm_vcpu *vcpu, unsigned int reg)
{
	struct x86_vcpu *v = to_x86(vcpu);

	switch (reg) {
	case GPR_RSP:
		v->regs[GPR_RSP] = vmcs_readn(GUEST_RSP);
		break;
	case GPR_RIP:
		v->regs[GPR_RIP] = vmcs_readn(GUEST_RIP);
		break;
	case REG_CACHE_CR3:
		if (owns_cr3(to_vmx(vcpu)))
			v->cr3 = vmcs_readn(GUEST_CR3);
		break;
	case REG_CACHE_PDPTR:
		if (x86_is_pae_paging(vcpu))
			read_pdptrs(v);
		break;
	default:
		KVM_BUG_ON(1, vcpu->kvm);
		return;
	}
	v->regs_avail |= BIT(reg);
}

static unsigned long read_rflags(struct vcpu_vmx *vmx)
{
	unsigned long hw = vmcs_readn(GUEST_RFLAGS);

	return unlikely(vmx->rm.on) ? vmx_real_rflags(vmx, hw) : hw;
}

unsigned long vmx_get_rflags(struct kvm_vcpu *vcpu)
{
	return VMX_CACHED(to_vmx(vcpu), CACHED_RFLAGS, read_rflags(to_vmx(vcpu)));
}

/*
 * A single step that begins in the shadow of STI or MOV SS is pending behind the next instruction;
 * VM entry wants to be told so, unless steps are to be branches (27.3.1.5).
 */
void vmx_step_in_shadow(struct vcpu_vmx *vmx)
{
	bool step = vmx_get_rflags(&vmx->x86.vcpu) & X86_EFLAGS_TF &&
		    !(vmcs_read64(GUEST_IA32_DEBUGCTL) & DEBUGCTLMSR_BTF);

	vmcs_writen(GUEST_PENDING_DBG_EXCEPTIONS, step ? DR_STEP : 0);
}

void vmx_set_rflags(struct kvm_vcpu *vcpu, unsigned long rflags)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);
	unsigned long old = vmx_get_rflags(vcpu);

	if ((old ^ rflags) & X86_EFLAGS_VM)
		vmx->x86.unfit = !vmx_unrestricted;
	vmx_cache_put(vmx, CACHED_RFLAGS, rflags);
	vmcs_writen(GUEST_RFLAGS,
		    unlikely(vmx->rm.on) ? vmx_real_set_rflags(vmx, rflags) : rflags);
	if ((old | rflags) & X86_EFLAGS_TF && vmx_get_shadow(vcpu))
		vmx_step_in_shadow(vmx);
}
