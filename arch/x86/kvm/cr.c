// SPDX-License-Identifier: GPL-2.0-only
/*
 * Control and debug registers, EFER, XCR0, RFLAGS: what a guest may write, and what a write changes elsewhere.
 *
 * The x86_*_valid() functions know the architecture's rules, the x86_set_*() functions apply a value that passed, in
 * the order: rules, backend, MMU role, TLB. Return 1 where the CPU would raise #GP(0).
 */
#include <linux/nospec.h>
#include "x86.h"
#include "trace.h"
#include "vm.h"

#define CR0_DEFINED	(X86_CR0_PE | X86_CR0_MP | X86_CR0_EM | X86_CR0_TS | X86_CR0_ET | X86_CR0_NE |	\
			 X86_CR0_WP | X86_CR0_AM | X86_CR0_NW | X86_CR0_CD | X86_CR0_PG)

/* SDM vol 3, 2.5: the combinations that do not exist. */
bool x86_cr0_valid(unsigned long cr0)
{
	if (cr0 >> 32)
		return false;
	if ((cr0 & X86_CR0_NW) && !(cr0 & X86_CR0_CD))
		return false;
	return !(cr0 & X86_CR0_PG) || (cr0 & X86_CR0_PE);
}
EXPORT_SYMBOL_GPL(x86_cr0_valid);

/* Turning paging on may enter long mode, off leaves it (SDM vol 3, 9.8.5). */
static int cr0_enters_long_mode(struct kvm_vcpu *vcpu, unsigned long cr0, bool *enter)
{
	struct x86_vcpu *v = to_x86(vcpu);
	struct kvm_segment cs;

	*enter = false;
	if (!(cr0 & X86_CR0_PG) || (v->cr0 & X86_CR0_PG))
		return 0;
	if (v->efer & EFER_LME) {
		x86_cold(get_segment)(vcpu, &cs, SEG_CS);
		if (!(v->cr4 & X86_CR4_PAE) || cs.l)
			return 1;
		*enter = true;
		return 0;
	}
	if ((v->cr4 & X86_CR4_PAE) && !mmu_load_pdptrs(vcpu, x86_cr3(vcpu)))
		return 1;
	return 0;
}

static void cr0_changed(struct kvm_vcpu *vcpu, unsigned long old, unsigned long cr0)
{
	if ((old ^ cr0) & X86_CR0_PG)
		x86_op(flush_tlb)(vcpu, FLUSH_GUEST, 0);
	if ((old ^ cr0) & (X86_CR0_PG | X86_CR0_WP | X86_CR0_PE))
		mmu_reset(vcpu);
}

int x86_set_cr0(struct kvm_vcpu *vcpu, unsigned long cr0)
{
	struct x86_vcpu *v = to_x86(vcpu);
	unsigned long old = v->cr0;
	bool long_mode;

	if (!x86_cr0_valid(cr0))
		return 1;
	cr0 = (cr0 & CR0_DEFINED) | X86_CR0_ET;
	if (cr0_enters_long_mode(vcpu, cr0, &long_mode))
		return 1;
	if ((old & X86_CR0_PG) && !(cr0 & X86_CR0_PG) && (x86_is_64bit_code(vcpu) || (v->cr4 & X86_CR4_PCIDE)))
		return 1;
	if (!(cr0 & X86_CR0_WP) && (v->cr4 & X86_CR4_CET))
		return 1;

	if (long_mode)
		x86_cold(set_efer)(vcpu, v->efer | EFER_LMA);
	else if (!(cr0 & X86_CR0_PG) && (v->efer & EFER_LMA))
		x86_cold(set_efer)(vcpu, v->efer & ~EFER_LMA);
	x86_cold(set_cr0)(vcpu, cr0);
	cr0_changed(vcpu, old, cr0);
	return 0;
}
EXPORT_SYMBOL_GPL(x86_set_cr0);

/* LMSW writes PE, MP, EM and TS, and cannot clear PE (SDM vol 2). */
void x86_lmsw(struct kvm_vcpu *vcpu, unsigned long msw)
{
	unsigned long cr0 = to_x86(vcpu)->cr0;

	x86_set_cr0(vcpu, (cr0 & ~0xeUL) | (msw & 0xf));
}
EXPORT_SYMBOL_GPL(x86_lmsw);

#define CR3_NO_FLUSH	BIT_ULL(63)	/* with CR4.PCIDE: keep the translations of this PCID */

int x86_set_cr3(struct kvm_vcpu *vcpu, unsigned long cr3)
{
	struct x86_vcpu *v = to_x86(vcpu);
	bool flush = true;

	if ((v->cr4 & X86_CR4_PCIDE) && (cr3 & CR3_NO_FLUSH)) {
		flush = false;
		cr3 &= ~CR3_NO_FLUSH;
	}
	if (x86_is_long_mode(vcpu) && (cr3 & v->reserved_gpa_bits))
		return 1;
	if (x86_is_pae_paging(vcpu) && !mmu_load_pdptrs(vcpu, cr3))
		return 1;
	x86_put_cr3(vcpu, cr3);
	x86_cold(cr3_changed)(vcpu);
	if (flush)
		x86_op(flush_tlb)(vcpu, FLUSH_GUEST, 0);
	return 0;
}
EXPORT_SYMBOL_GPL(x86_set_cr3);

bool x86_cr4_valid(struct kvm_vcpu *vcpu, unsigned long cr4)
{
	return !(cr4 & ~x86_cr4_supported) && !(cr4 & to_x86(vcpu)->cr4_guest_reserved);
}
EXPORT_SYMBOL_GPL(x86_cr4_valid);

/* SDM vol 3, 2.5 and 4.1.1: what a mode in use does not let go of. */
static bool cr4_change_allowed(struct kvm_vcpu *vcpu, unsigned long old, unsigned long cr4)
{
	if (x86_is_long_mode(vcpu)) {
		if (!(cr4 & X86_CR4_PAE) || ((old ^ cr4) & X86_CR4_LA57))
			return false;
	} else if (cr4 & X86_CR4_PCIDE) {
		return false;
	}
	if ((cr4 & X86_CR4_PCIDE) && !(old & X86_CR4_PCIDE) && (x86_cr3(vcpu) & X86_CR3_PCID_MASK))
		return false;
	return true;
}

#define CR4_PDPTR_BITS	(X86_CR4_PGE | X86_CR4_PSE | X86_CR4_PAE | X86_CR4_SMEP)
#define CR4_FLUSH_BITS	(X86_CR4_PGE | X86_CR4_PSE | X86_CR4_PAE | X86_CR4_SMEP | X86_CR4_PCIDE)
#define CR4_ROLE_BITS	(X86_CR4_PSE | X86_CR4_PAE | X86_CR4_SMEP | X86_CR4_SMAP | X86_CR4_PKE | X86_CR4_LA57)

int x86_set_cr4(struct kvm_vcpu *vcpu, unsigned long cr4)
{
	struct x86_vcpu *v = to_x86(vcpu);
	unsigned long old = v->cr4;

	if (!x86_cr4_valid(vcpu, cr4) || !cr4_change_allowed(vcpu, old, cr4))
		return 1;
	if (x86_is_paging(vcpu) && !x86_is_long_mode(vcpu) && (cr4 & X86_CR4_PAE) &&
	    ((old ^ cr4) & CR4_PDPTR_BITS) && !mmu_load_pdptrs(vcpu, x86_cr3(vcpu)))
		return 1;

	x86_cold(set_cr4)(vcpu, cr4);
	if ((old ^ cr4) & CR4_ROLE_BITS)
		mmu_reset(vcpu);
	if ((old ^ cr4) & CR4_FLUSH_BITS)
		x86_op(flush_tlb)(vcpu, FLUSH_GUEST, 0);
	if ((old ^ cr4) & (X86_CR4_OSXSAVE | X86_CR4_PKE))
		x86_cpuid_runtime_update(vcpu);
	return 0;
}
EXPORT_SYMBOL_GPL(x86_set_cr4);

int x86_set_cr8(struct kvm_vcpu *vcpu, unsigned long cr8)
{
	if (cr8 & ~0xfUL)
		return 1;
	if (to_x86(vcpu)->lapic)
		lapic_set_tpr(vcpu, cr8);
	else
		to_x86(vcpu)->cr8 = cr8;
	return 0;
}
EXPORT_SYMBOL_GPL(x86_set_cr8);

unsigned long x86_get_cr8(struct kvm_vcpu *vcpu)
{
	return to_x86(vcpu)->lapic ? lapic_get_tpr(vcpu) : to_x86(vcpu)->cr8;
}
EXPORT_SYMBOL_GPL(x86_get_cr8);

/* Each bit of EFER belongs to a CPUID feature (APM vol 2, 3.1.7). */
bool x86_efer_valid(struct kvm_vcpu *vcpu, u64 efer)
{
	if (efer & ~x86_efer_supported)
		return false;
	if ((efer & (EFER_LME | EFER_LMA)) && !x86_guest_has(vcpu, X86_FEATURE_LM))
		return false;
	if ((efer & EFER_NX) && !x86_guest_has(vcpu, X86_FEATURE_NX))
		return false;
	if ((efer & EFER_FFXSR) && !x86_guest_has(vcpu, X86_FEATURE_FXSR_OPT))
		return false;
	return !(efer & EFER_SVME) || x86_guest_has(vcpu, X86_FEATURE_SVM);
}

int x86_set_efer(struct kvm_vcpu *vcpu, u64 efer, bool host)
{
	struct x86_vcpu *v = to_x86(vcpu);
	u64 old = v->efer;

	if (efer & ~x86_efer_supported)
		return 1;
	if (!host) {
		if (!x86_efer_valid(vcpu, efer))
			return 1;
		if (x86_is_paging(vcpu) && ((old ^ efer) & EFER_LME))
			return 1;
		efer = (efer & ~EFER_LMA) | (old & EFER_LMA);	/* LMA is the CPU's; writes are ignored */
	}
	x86_cold(set_efer)(vcpu, efer);
	if ((old ^ efer) & (EFER_NX | EFER_LME | EFER_LMA)) {
		mmu_reset(vcpu);
		x86_op(flush_tlb)(vcpu, FLUSH_GUEST, 0);
	}
	return 0;
}
EXPORT_SYMBOL_GPL(x86_set_efer);

/* SDM vol 1, 13.3: the x87 bit is always set, YMM needs SSE, the AVX-512 three go together. */
int x86_set_xcr0(struct kvm_vcpu *vcpu, u64 xcr0)
{
	struct x86_vcpu *v = to_x86(vcpu);

	if (!(xcr0 & XFEATURE_MASK_FP))
		return 1;
	if ((xcr0 & XFEATURE_MASK_YMM) && !(xcr0 & XFEATURE_MASK_SSE))
		return 1;
	if (xcr0 & XFEATURE_MASK_AVX512) {
		if (!(xcr0 & XFEATURE_MASK_YMM) || (xcr0 & XFEATURE_MASK_AVX512) != XFEATURE_MASK_AVX512)
			return 1;
	}
	if (xcr0 & ~(v->cpuid.xcr0_allowed | XFEATURE_MASK_FP))
		return 1;
	if (v->xcr0 != xcr0) {
		v->xcr0 = xcr0;
		x86_cpuid_runtime_update(vcpu);
	}
	return 0;
}
EXPORT_SYMBOL_GPL(x86_set_xcr0);

/* What hardware gets: the debugger's breakpoints while user space debugs, else the guest's. */
void x86_update_dr7(struct kvm_vcpu *vcpu)
{
	struct x86_vcpu *v = to_x86(vcpu);
	bool debugger = vcpu->guest_debug & KVM_GUESTDBG_USE_HW_BP;

	if (!debugger)
		memcpy(v->eff_db, v->db, sizeof(v->eff_db));
	x86_cold(set_dr7)(vcpu, debugger ? v->guest_debug_dr7 : v->dr7);
}
EXPORT_SYMBOL_GPL(x86_update_dr7);

int x86_set_dr(struct kvm_vcpu *vcpu, int dr, unsigned long val)
{
	struct x86_vcpu *v = to_x86(vcpu);

	switch (dr) {
	case 0 ... 3:
		v->db[array_index_nospec(dr, 4)] = val;
		break;
	case 4:
	case 6:
		if (val >> 32)
			return 1;
		v->dr6 = (val & DR6_WRITABLE) | DR6_RESERVED;
		return 0;
	default:
		if (val >> 32)
			return 1;
		v->dr7 = (val & DR7_WRITABLE) | DR7_FIXED_1;
		break;
	}
	x86_update_dr7(vcpu);
	return 0;
}
EXPORT_SYMBOL_GPL(x86_set_dr);

unsigned long x86_get_dr(struct kvm_vcpu *vcpu, int dr)
{
	struct x86_vcpu *v = to_x86(vcpu);

	switch (dr) {
	case 0 ... 3:
		return v->db[array_index_nospec(dr, 4)];
	case 4:
	case 6:
		return v->dr6;
	default:
		return v->dr7;
	}
}
EXPORT_SYMBOL_GPL(x86_get_dr);

bool x86_is_64bit_code(struct kvm_vcpu *vcpu)
{
	return x86_is_long_mode(vcpu) && x86_op(cs_bits)(vcpu) & CS_LONG;
}
EXPORT_SYMBOL_GPL(x86_is_64bit_code);

unsigned long x86_linear_rip(struct kvm_vcpu *vcpu)
{
	if (x86_is_64bit_code(vcpu))
		return x86_rip(vcpu);
	return (u32)(x86_cold(segment_base)(vcpu, SEG_CS) + x86_rip(vcpu));
}
EXPORT_SYMBOL_GPL(x86_linear_rip);

unsigned long x86_rflags(struct kvm_vcpu *vcpu)
{
	unsigned long rflags = x86_op(get_rflags)(vcpu);

	if (vcpu->guest_debug & KVM_GUESTDBG_SINGLESTEP)
		rflags &= ~X86_EFLAGS_TF;
	return rflags;
}
EXPORT_SYMBOL_GPL(x86_rflags);

/* While user space single-steps, the instruction at singlestep_rip runs with TF set behind the guest's back. */
void x86_set_rflags(struct kvm_vcpu *vcpu, unsigned long rflags)
{
	if ((vcpu->guest_debug & KVM_GUESTDBG_SINGLESTEP) &&
	    x86_linear_rip(vcpu) == to_x86(vcpu)->singlestep_rip)
		rflags |= X86_EFLAGS_TF;
	x86_op(set_rflags)(vcpu, rflags);
	kvm_request(vcpu, KVM_REQ_EVENT);
}
EXPORT_SYMBOL_GPL(x86_set_rflags);
