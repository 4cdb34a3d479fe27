// SPDX-License-Identifier: GPL-2.0-only
/*
 * Code bytes for the emulator.
 *
 * Where the hardware does not hand over the bytes of an instruction that exits, the guest's page
 * tables have to be walked for them, and that was most of what such an exit cost. A driver's access
 * to its device comes from the same few places all the time. So the last walk is remembered, not as
 * its result but as what it has read: the entries, each with its value, and where the VMM has them
 * mapped. A walk that begins from the same registers and finds the same values in all entries has
 * the same result; so they are read again each time, and any change makes the walk begin anew. It
 * needs no invalidation, and is never older than what a walk would find.
 *
 * The generation of the slot table says that guest memory still lies at the same host addresses.
 */
#include <linux/uaccess.h>
#include "guest_walk.h"
#include "tdp.h"

#define WORDS	2		/* read at a time; more than the longest instruction */

#define PTE_A	0x20ull

static u64 cr3_of(struct kvm_vcpu *vcpu)
{
	return x86_cr3(vcpu);
}

/* Neighbours have one each, for an instruction that crosses from one to the other. */
static struct mmu_code *code_of(struct kvm_vcpu *vcpu, gva_t linear)
{
	struct x86_mmu *mmu = &to_x86(vcpu)->mmu;

	return &mmu->code[(linear >> PAGE_SHIFT) % ARRAY_SIZE(mmu->code)];
}

/* Is a walk for @linear what it was when @c was filled in? */
static bool walk_holds(struct kvm_vcpu *vcpu, const struct mmu_code *c, gva_t linear, u32 access)
{
	const struct x86_vcpu *v = to_x86(vcpu);
	unsigned int i;
	u64 entry;

	if (c->page != (linear & PAGE_MASK) || c->access != access || c->cr3 != cr3_of(vcpu) ||
	    c->cr0 != v->cr0 || c->cr4 != v->cr4 || c->efer != v->efer)
		return false;
	if (c->generation != kvm_slots_generation(vcpu->kvm, vcpu->as_id))
		return false;
	for (i = 0; i < c->n; i++)
		if (__get_user(entry, c->entries[i].hva) || entry != c->entries[i].value)
			return false;
	return true;
}

static bool read_code(const struct mmu_code *c, gva_t linear, void *buf, unsigned int len)
{
	unsigned int offset = offset_in_page(linear);
	const u64 __user *p = (const u64 __user *)(c->hva + offset);
	u64 words[WORDS];

	if (len > sizeof(words) || offset + sizeof(words) > PAGE_SIZE)
		return !__copy_from_user(buf, p, len);
	if (__get_user(words[0], p) || __get_user(words[1], p + 1))
		return false;
	memcpy(buf, words, len);
	return true;
}

static const u64 __user *entry_hva(struct kvm_vcpu *vcpu, gpa_t gpa)
{
	hva_t hva = kvm_vcpu_gfn_to_hva(vcpu, gpa_to_gfn(gpa), NULL);
	const u64 __user *p = (const u64 __user *)(hva + offset_in_page(gpa));

	return hva != KVM_HVA_ERROR && access_ok(p, sizeof(*p)) ? p : NULL;
}

/*
 * An entry is remembered as the walk has read it, with the accessed bit that the walk has set. If
 * that is not what stands there, another CPU writes to it at this moment.
 */
static bool remember_entries(struct kvm_vcpu *vcpu, struct mmu_code *c, const struct guest_walk *w)
{
	int level;
	u64 now;

	c->n = 0;
	for (level = w->p->levels; level && level >= w->level; level--, c->n++) {
		c->entries[c->n].value = w->entries[level - 1] | PTE_A;
		c->entries[c->n].hva = entry_hva(vcpu, w->where[level - 1]);
		if (!c->entries[c->n].hva || __get_user(now, c->entries[c->n].hva) ||
		    now != c->entries[c->n].value)
			return false;
	}
	return true;
}

/* Formats of today only: PAE's top entries are in the CPU, and 32-bit entries are smaller. */
static void remember(struct kvm_vcpu *vcpu, const struct guest_walk *w, u64 generation)
{
	struct x86_vcpu *v = to_x86(vcpu);
	struct mmu_code *c = code_of(vcpu, w->va);

	c->generation = 0;		/* no table has this number */
	if (w->p->levels == 2 || w->p->levels == 3 || generation & KVM_SLOTS_CHANGING)
		return;
	if (!remember_entries(vcpu, c, w))
		return;
	c->hva = kvm_vcpu_gfn_to_hva(vcpu, gpa_to_gfn(w->gpa), NULL);
	if (c->hva == KVM_HVA_ERROR || !access_ok((void __user *)c->hva, PAGE_SIZE))
		return;
	c->page = w->va & PAGE_MASK;
	c->access = w->access;
	c->cr0 = v->cr0;
	c->cr3 = x86_cr3(vcpu);
	c->cr4 = v->cr4;
	c->efer = v->efer;
	c->generation = generation;
}

void mmu_code_forget(struct kvm_vcpu *vcpu)
{
	struct x86_mmu *mmu = &to_x86(vcpu)->mmu;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(mmu->code); i++)
		mmu->code[i].generation = 0;
}

/* Out of the way of the fast path, which has no use for so large a frame. */
static noinline int fetch_slow(struct kvm_vcpu *vcpu, gva_t linear, u32 access, void *buf,
			       unsigned int len, struct x86_exception *e)
{
	struct guest_paging p;
	struct guest_walk w = { .p = &p, .va = linear, .access = access };
	/* Before the lookups: a change after them shows as another generation. */
	u64 generation = kvm_slots_generation(vcpu->kvm, vcpu->as_id);

	if (!mmu_walk(vcpu, &w, &p, e))
		return -EACCES;
	remember(vcpu, &w, generation);
	return kvm_vcpu_read_guest(vcpu, w.gpa, buf, len);
}

int mmu_fetch(struct kvm_vcpu *vcpu, gva_t linear, u32 access, void *buf, unsigned int len,
	      struct x86_exception *e)
{
	const struct mmu_code *c = code_of(vcpu, linear);

	if (walk_holds(vcpu, c, linear, access) && read_code(c, linear, buf, len))
		return 0;
	return fetch_slow(vcpu, linear, access, buf, len, e);
}
