// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest virtual to guest physical: guest_walk() on a vCPU.
 *
 * Entries are read and their accessed and dirty bits set through the VMM's mapping of guest memory.
 * The bits are set by a compare-and-exchange in user memory, so that a guest CPU that changes its
 * tables meanwhile loses nothing.
 */
#include <linux/uaccess.h>
#include "guest_walk.h"
#include "tdp.h"

static_assert(WALK_PRESENT == ACC_PRESENT && WALK_WRITE == ACC_WRITE && WALK_USER == ACC_USER &&
	      WALK_RSVD == ACC_RSVD && WALK_FETCH == ACC_FETCH && WALK_PK == ACC_PK &&
	      WALK_IMPLICIT == ACC_IMPLICIT);

static enum guest_walk_io read_guest_entry(void *ctx, u64 gpa, unsigned int size, u64 *entry)
{
	int r;

	*entry = 0;
	r = kvm_vcpu_read_guest(ctx, gpa, entry, size);
	if (r == -EFAULT)
		return WALK_IO_ERROR;
	return r ? WALK_IO_NONE : WALK_IO_OK;
}

static int cmpxchg_user_u32(u32 __user *p, u32 old, u32 new)
{
	return __try_cmpxchg_user(p, &old, new, fault);
}

static int cmpxchg_user_u64(u64 __user *p, u64 old, u64 new)
{
	return __try_cmpxchg_user(p, &old, new, fault);
}

static enum guest_walk_io set_guest_bits(void *ctx, u64 gpa, unsigned int size, u64 old, u64 new)
{
	struct kvm_vcpu *vcpu = ctx;
	gfn_t gfn = gpa_to_gfn(gpa);
	bool writable;
	hva_t hva = kvm_vcpu_gfn_to_hva(vcpu, gfn, &writable);
	void __user *p;
	int r;

	if (hva == KVM_HVA_ERROR || !writable)
		return WALK_IO_NONE;
	p = (void __user *)(hva + offset_in_page(gpa));
	if (!access_ok(p, size))
		return WALK_IO_NONE;

	r = size == 4 ? cmpxchg_user_u32(p, old, new) : cmpxchg_user_u64(p, old, new);
	if (r < 0)
		return WALK_IO_ERROR;
	kvm_mark_dirty(vcpu->kvm, kvm_vcpu_slot_find(vcpu, gfn), gfn);
	return r ? WALK_IO_CHANGED : WALK_IO_OK;
}

static const struct guest_walk_ops guest_memory = {
	.read		= read_guest_entry,
	.set_bits	= set_guest_bits,
};

static void paging_of(struct kvm_vcpu *vcpu, struct guest_paging *p)
{
	struct x86_vcpu *v = to_x86(vcpu);

	*p = (struct guest_paging) {
		.levels		= mmu_guest_levels(v),
		.maxphyaddr	= v->maxphyaddr,
		.wp		= v->cr0 & X86_CR0_WP,
		.pse		= v->cr4 & X86_CR4_PSE,
		.smep		= v->cr4 & X86_CR4_SMEP,
		.smap		= v->cr4 & X86_CR4_SMAP,
		.pke		= v->cr4 & X86_CR4_PKE,
		.nx		= v->efer & EFER_NX,
		.gb_pages	= x86_guest_has(vcpu, X86_FEATURE_GBPAGES),
		.amd		= v->cpuid.amd,
		.pkru		= v->pkru,
	};
	if (!p->levels)
		return;
	p->cr3 = x86_cr3(vcpu);
	if (p->smap)
		p->ac = x86_rflags(vcpu) & X86_EFLAGS_AC;
	if (p->levels == 3) {
		x86_reg_need(vcpu, REG_CACHE_PDPTR);
		memcpy(p->pdptrs, v->mmu.pdptrs, sizeof(p->pdptrs));
	}
}

/**
 * mmu_walk - a walk whose steps the caller wants to see
 * @vcpu: whose tables
 * @w: address and access are filled in
 * @p: the caller's, for @w to point to
 * @e: filled in with the #PF when the guest's tables forbid the access, or with host_error
 *
 * Context: srcu held; sleeps.
 * Return: whether it is allowed.
 */
bool mmu_walk(struct kvm_vcpu *vcpu, struct guest_walk *w, struct guest_paging *p,
	      struct x86_exception *e)
{
	paging_of(vcpu, p);
	w->p = p;
	w->ops = &guest_memory;
	w->ctx = vcpu;
	if (guest_walk(w))
		return true;

	if (w->host_error) {
		*e = (struct x86_exception) { .host_error = true };
		return false;
	}
	to_x86(vcpu)->stat.pf_guest++;
	*e = (struct x86_exception) {
		.vector		= X86_TRAP_PF,
		.has_error	= true,
		.has_address	= true,
		.error_code	= w->error_code,
		.address	= w->va,
	};
	return false;
}

gpa_t mmu_gva_to_gpa(struct kvm_vcpu *vcpu, gva_t gva, u32 access, struct x86_exception *e)
{
	struct guest_paging p;
	struct guest_walk w = { .va = gva, .access = access };

	return mmu_walk(vcpu, &w, &p, e) ? w.gpa : INVALID_GPA;
}

void mmu_put_pdptrs(struct kvm_vcpu *vcpu, const u64 *pdptrs)
{
	struct x86_vcpu *v = to_x86(vcpu);

	memcpy(v->mmu.pdptrs, pdptrs, sizeof(v->mmu.pdptrs));
	v->regs_avail |= BIT(REG_CACHE_PDPTR);
	v->regs_dirty |= BIT(REG_CACHE_PDPTR);
}

bool mmu_load_pdptrs(struct kvm_vcpu *vcpu, unsigned long cr3)
{
	u64 pdptrs[4];

	if (!mmu_read_pdptrs(vcpu, cr3, pdptrs) ||
	    !guest_pdptrs_valid(pdptrs, to_x86(vcpu)->maxphyaddr))
		return false;
	mmu_put_pdptrs(vcpu, pdptrs);
	return true;
}
EXPORT_SYMBOL_GPL(mmu_load_pdptrs);
