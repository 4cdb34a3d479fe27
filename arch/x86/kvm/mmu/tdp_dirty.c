// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty logging in the direct MMU.
 *
 * The log is kept by write protection: a write fault marks the page and makes the one entry
 * writable again, by a cmpxchg without the lock (fault.c). Pages are logged one by one, so a slot
 * that logs gets only 4K mappings. Large ones that are there when logging begins are split: all at
 * once before the guest would trip over them (eager), or each by the write fault that hits it.
 *
 * Hardware that lists the frames whose dirty bit it sets needs no faults (PML; SDM vol 3, 29.3.6):
 * of a 4K mapping the dirty bit is taken away instead, once every vCPU of the VM makes such a list.
 * Both ways live side by side: an entry that is write-protected still marks its page by a fault.
 * Not with dirty rings, whose reserve is made for a few pages between two entries, not for a list.
 *
 * When logging ends, small mappings of memory that the host has in huge pages are taken away: the
 * next fault maps the whole. What is write-protected then stays so until it is written.
 */
#include <linux/module.h>
#include "tdp.h"

/* Split large mappings when logging begins, rather than one by one when they are written. */
bool x86_eager_page_split = true;
module_param_named(eager_page_split, x86_eager_page_split, bool, 0644);

struct protect_walk {
	struct tdp_walk	walk;
	gfn_t		base;
	unsigned long	mask;
	bool		masked;
	bool		listed;
};

/* Is some page of a mapping one of the mask? A large one is protected for any of its pages. */
static bool wanted(const struct protect_walk *p, const struct tdp_entry *e)
{
	if (!p->masked || e->level > 1)
		return true;
	return p->mask & BIT(e->gfn - p->base);
}

static enum tdp_next protect_visit(struct tdp_walk *w, struct tdp_entry *e)
{
	struct protect_walk *p = container_of(w, struct protect_walk, walk);
	u64 bit = p->listed && e->level == 1 ? spte_format.dirty : spte_format.write;

	if (!spte_is_leaf(e->old, e->level) || !spte_writable(e->old) || !wanted(p, e))
		return TDP_ON;
	if (!(e->old & bit))
		return TDP_ON;
	return tdp_set(w, e, e->old & ~bit) ? TDP_ON : TDP_AGAIN;
}

static bool writes_are_listed(struct kvm *kvm)
{
	return READ_ONCE(to_x86_vm(kvm)->mmu.lists_writes);
}

/* The caller flushes: several words of the bitmap share one flush. */
void mmu_protect_dirty(struct kvm *kvm, const struct kvm_slot *slot, gfn_t base, unsigned long mask)
{
	struct protect_walk p = {
		.base = base, .mask = mask, .masked = true, .listed = writes_are_listed(kvm),
	};

	lockdep_assert_held_write(&kvm->mmu_lock);

	if (!mask)
		return;
	tdp_walk_init(&p.walk, kvm, base + __ffs(mask), base + __fls(mask) + 1);
	p.walk.visit = protect_visit;
	tdp_walk_roots(&p.walk, slot->as_id);
}

static void protect_slot(struct kvm *kvm, const struct kvm_slot *slot)
{
	struct protect_walk p = { .listed = writes_are_listed(kvm) };

	tdp_walk_init(&p.walk, kvm, slot->base_gfn, slot->base_gfn + slot->npages);
	p.walk.visit = protect_visit;
	p.walk.may_yield = true;
	write_lock(&kvm->mmu_lock);
	tdp_walk_roots(&p.walk, slot->as_id);
	tdp_walk_settle(&p.walk);
	write_unlock(&kvm->mmu_lock);
}

/**
 * tdp_list_writes - have the hardware list writes, or no longer
 * @kvm: its VM
 * @on: a slot logs now, and none did before
 *
 * Entries without a dirty bit are no part of the log before every vCPU lists; and none are made
 * that rely on it once one may not.
 *
 * Context: slots_lock held; waits for vCPUs to leave the guest.
 */
void tdp_list_writes(struct kvm *kvm, bool on)
{
	struct x86_mmu_vm *m = &to_x86_vm(kvm)->mmu;

	if (!mmu_tdp.lists_writes || kvm->dirty_ring_bytes)
		return;
	if (!on)
		WRITE_ONCE(m->lists_writes, false);
	WRITE_ONCE(m->list_writes, on);
	kvm_request_all(kvm, KVM_REQ_INTERCEPTS | KVM_REQ_WAIT | KVM_REQ_NO_WAKE);
	if (on)
		WRITE_ONCE(m->lists_writes, true);
}

/* What a vCPU has listed it hands over when it leaves the guest. */
void mmu_sync_dirty(struct kvm *kvm, const struct kvm_slot *slot)
{
	if (writes_are_listed(kvm))
		kvm_request_all(kvm, KVM_REQ_OUTSIDE);
}

void mmu_write_listed(struct kvm_vcpu *vcpu, gpa_t gpa)
{
	gfn_t gfn = gpa_to_gfn(gpa);

	kvm_mark_dirty(vcpu->kvm, kvm_vcpu_slot_find(vcpu, gfn), gfn);
}
EXPORT_SYMBOL_GPL(mmu_write_listed);

/*
 * Eager splitting: with mmu_lock for read, so that faults go on beside it.
 */
struct split_walk {
	struct tdp_walk	walk;
	struct mmu_page	*spare;
	gfn_t		stopped;	/* where memory ran out under the lock */
	bool		hungry;
};

static enum tdp_next split_visit(struct tdp_walk *w, struct tdp_entry *e)
{
	struct split_walk *s = container_of(w, struct split_walk, walk);

	if (w->root->role.invalid)
		return TDP_STOP;
	if (e->level == 1 || !spte_is_leaf(e->old, e->level))
		return TDP_ON;
	if (!s->spare)
		s->spare = mmu_page_new(GFP_NOWAIT | __GFP_ACCOUNT | __GFP_NOWARN);
	if (!s->spare) {
		s->hungry = true;
		s->stopped = max(e->gfn, w->start);
		return TDP_STOP;
	}
	if (!tdp_split(w, e, s->spare, false))
		return TDP_AGAIN;
	s->spare = NULL;
	return TDP_ON;
}

static bool split_some(struct kvm *kvm, struct split_walk *s, struct mmu_page *root)
{
	s->hungry = false;
	tdp_walk(&s->walk, root);
	return s->hungry;
}

/* Split what is large in one root; out of memory is no error, as faults split as well. */
static void split_root(struct kvm *kvm, struct split_walk *s, struct mmu_page *root)
{
	while (split_some(kvm, s, root)) {
		read_unlock(&kvm->mmu_lock);
		s->spare = mmu_page_new(GFP_KERNEL_ACCOUNT);
		read_lock(&kvm->mmu_lock);
		if (!s->spare)
			return;
		s->walk.start = s->stopped;
	}
}

static void split_slot(struct kvm *kvm, const struct kvm_slot *slot)
{
	struct mmu_page *root = NULL;
	struct split_walk s = {};

	tdp_walk_init(&s.walk, kvm, slot->base_gfn, slot->base_gfn + slot->npages);
	s.walk.visit = split_visit;
	s.walk.min_level = 2;
	s.walk.shared = true;
	s.walk.may_yield = true;
	read_lock(&kvm->mmu_lock);
	while ((root = tdp_root_next(kvm, root))) {
		s.walk.start = slot->base_gfn;
		if (root->role.smm == slot->as_id)
			split_root(kvm, &s, root);
	}
	read_unlock(&kvm->mmu_lock);
	if (s.spare)
		mmu_page_free(s.spare);
}

/**
 * tdp_log_start - @slot logs from now on: the next write to each page must be seen
 * @kvm: its VM
 * @slot: as published, with a bitmap
 *
 * With KVM_DIRTY_LOG_INITIALLY_SET all pages are reported dirty first, and are protected as user
 * space clears them: then large mappings stay until that protects them.
 *
 * Context: slots_lock held, no fault knows the slot without its bitmap any more; sleeps.
 */
void tdp_log_start(struct kvm *kvm, const struct kvm_slot *slot)
{
	if (kvm->dirty_log_manual & KVM_DIRTY_LOG_INITIALLY_SET)
		return;
	protect_slot(kvm, slot);
	if (x86_eager_page_split)	/* after it: the parts are protected as the whole is */
		split_slot(kvm, slot);
}

/*
 * Collapse.
 */
struct collapse_walk {
	struct tdp_walk		walk;
	const struct kvm_slot	*slot;
};

static enum tdp_next collapse_visit(struct tdp_walk *w, struct tdp_entry *e)
{
	struct collapse_walk *c = container_of(w, struct collapse_walk, walk);

	if (e->level > c->slot->arch->max_level || !spte_is_table(e->old, e->level) ||
	    mmu_slot_level(c->slot, max(e->gfn, w->start)) < e->level)
		return TDP_ON;
	if (mmu_host_level(w->kvm->mm, kvm_slot_hva(c->slot, e->gfn), e->level) < e->level)
		return TDP_ON;
	if (mmu_page_of(e->old)->nx)	/* has its own end */
		return TDP_ON;
	return tdp_set(w, e, SPTE_NONE) ? TDP_ON : TDP_AGAIN;
}

/**
 * tdp_log_stop - @slot logs no more: let it have large mappings again
 * @kvm: its VM
 * @slot: as published, without a bitmap
 *
 * Context: slots_lock held; sleeps.
 */
void tdp_log_stop(struct kvm *kvm, const struct kvm_slot *slot)
{
	struct collapse_walk c = { .slot = slot };

	tdp_walk_init(&c.walk, kvm, slot->base_gfn, slot->base_gfn + slot->npages);
	c.walk.visit = collapse_visit;
	c.walk.min_level = 2;
	c.walk.may_yield = true;
	write_lock(&kvm->mmu_lock);
	tdp_walk_roots(&c.walk, slot->as_id);
	tdp_walk_settle(&c.walk);
	write_unlock(&kvm->mmu_lock);
}
