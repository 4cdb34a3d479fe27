// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory slots as the MMU sees them: how large a page may be, and what a change of a slot or of the
 * VMM's page tables does to the translations.
 *
 * A large page needs three things: the slot covers all of it; gpa and hva agree in the bits below
 * its size, so that the host's huge page is the guest's; and the VMM has it mapped as one. The
 * first two are arithmetic on the slot; the third is looked up in the VMM's page tables at each
 * fault, and the notifier's sequence tells whether it still holds when the entry is made.
 */
#include <linux/slab.h>
#include <linux/pgtable.h>
#include "tdp.h"

/* The largest level whose pages begin at the same place of a page in gpa and in hva. */
static int congruent_level(const struct kvm_slot *slot)
{
	gfn_t differ = slot->base_gfn ^ (slot->hva >> PAGE_SHIFT);
	int level = mmu_tdp.max_page_level;

	while (level > 1 && differ & (level_frames(level) - 1))
		level--;
	return level;
}

int mmu_slot_level(const struct kvm_slot *slot, gfn_t gfn)
{
	int level;

	if (kvm_slot_logs_dirty(slot))
		return 1;
	for (level = slot->arch->max_level; level > 1; level--) {
		gfn_t first = level_align(gfn, level);

		if (first >= slot->base_gfn &&
		    first + level_frames(level) <= slot->base_gfn + slot->npages)
			break;
	}
	return level;
}

/*
 * Interrupts off hold back the IPI that a CPU which frees page tables waits for, as in the kernel's
 * own lockless look-ups. Each entry is read once.
 */
static int host_level_irqs_off(struct mm_struct *mm, hva_t hva)
{
	pgd_t pgd = READ_ONCE(*pgd_offset(mm, hva));
	p4d_t p4d;
	pud_t pud;
	pmd_t pmd;

	if (pgd_none(pgd))
		return 1;
	p4d = READ_ONCE(*p4d_offset(&pgd, hva));
	if (p4d_none(p4d) || !p4d_present(p4d))
		return 1;
	pud = READ_ONCE(*pud_offset(&p4d, hva));
	if (pud_none(pud) || !pud_present(pud))
		return 1;
	if (pud_leaf(pud))
		return 3;
	pmd = READ_ONCE(*pmd_offset(&pud, hva));
	if (pmd_none(pmd) || !pmd_present(pmd))
		return 1;
	return pmd_leaf(pmd) ? 2 : 1;
}

/**
 * mmu_host_level - how large is the page that the VMM has mapped at @hva?
 * @mm: the VMM's
 * @hva: an address in it
 * @max: no need to look for more
 *
 * Context: any. The answer may be out of date at once: use it between kvm_mn_seq() and
 * kvm_mn_retry().
 */
int mmu_host_level(struct mm_struct *mm, hva_t hva, int max)
{
	unsigned long flags;
	int level;

	if (max <= 1)
		return 1;
	local_irq_save(flags);
	level = host_level_irqs_off(mm, hva);
	local_irq_restore(flags);
	return min(level, max);
}

/*
 * The core's slot ops.
 */

int mmu_slot_prepare(struct kvm *kvm, const struct kvm_slot *old, struct kvm_slot *new,
		     enum kvm_slot_change change)
{
	switch (change) {
	case SLOT_CREATE:
	case SLOT_MOVE:
		new->arch = kzalloc(sizeof(*new->arch), GFP_KERNEL_ACCOUNT);
		if (!new->arch)
			return -ENOMEM;
		new->arch->max_level = congruent_level(new);
		return 0;
	case SLOT_FLAGS:
		new->arch = old->arch;
		return 0;
	case SLOT_DELETE:
		break;
	}
	return 0;
}

void mmu_slot_free(struct kvm *kvm, struct kvm_slot *slot)
{
	kfree(slot->arch);
	slot->arch = NULL;
}

static void count_logging(struct kvm *kvm, const struct kvm_slot *old, const struct kvm_slot *new)
{
	struct x86_mmu_vm *m = &to_x86_vm(kvm)->mmu;
	unsigned int before = m->logging;

	lockdep_assert_held(&kvm->slots_lock);
	m->logging += kvm_slot_logs_dirty(new);
	m->logging -= kvm_slot_logs_dirty(old);
	if (!before != !m->logging)
		tdp_list_writes(kvm, m->logging);
}

/* Slots that are new or gone have no translations; what the flags change is the log. */
void mmu_slot_commit(struct kvm *kvm, const struct kvm_slot *old, const struct kvm_slot *new,
		     enum kvm_slot_change change)
{
	count_logging(kvm, old, new);
	if (apic_page_covers(old) != apic_page_covers(new))
		mmu_apic_page_hide(kvm, apic_page_covers(new));
	if (change != SLOT_FLAGS || kvm_slot_logs_dirty(old) == kvm_slot_logs_dirty(new))
		return;
	if (kvm_slot_logs_dirty(new))
		tdp_log_start(kvm, new);
	else
		tdp_log_stop(kvm, new);
}

void mmu_slot_flush(struct kvm *kvm, const struct kvm_slot *slot)
{
	write_lock(&kvm->mmu_lock);
	if (tdp_zap(kvm, slot->as_id, slot->base_gfn, slot->base_gfn + slot->npages, true, true))
		kvm_flush_remote_tlbs(kvm);
	write_unlock(&kvm->mmu_lock);
}

void mmu_flush_all(struct kvm *kvm)
{
	tdp_roots_invalidate(kvm);
}

/*
 * The notifier's ops. Tables stay: what is unmapped is mostly mapped again soon.
 */

bool mmu_unmap(struct kvm *kvm, const struct kvm_gfn_range *range)
{
	return tdp_zap(kvm, range->slot->as_id, range->start, range->end, false, range->may_block);
}

struct age_walk {
	struct tdp_walk	walk;
	bool		clear;
	bool		young;
};

/* Without accessed bits a mapping that is there has been used: it was made for an access. */
static bool spte_used(u64 spte, int level)
{
	return spte_is_leaf(spte, level) && (!spte_format.accessed || spte & spte_format.accessed);
}

static enum tdp_next age_visit(struct tdp_walk *w, struct tdp_entry *e)
{
	struct age_walk *a = container_of(w, struct age_walk, walk);

	if (!spte_used(e->old, e->level))
		return TDP_ON;
	a->young = true;
	if (!a->clear)
		return TDP_STOP;
	return tdp_set(w, e, e->old & ~spte_format.accessed) ? TDP_ON : TDP_AGAIN;
}

static bool age(struct kvm *kvm, const struct kvm_gfn_range *range, bool clear)
{
	struct age_walk a = { .clear = clear };

	lockdep_assert_held_write(&kvm->mmu_lock);

	tdp_walk_init(&a.walk, kvm, range->start, range->end);
	a.walk.visit = age_visit;
	tdp_walk_roots(&a.walk, range->slot->as_id);
	return a.young;
}

/*
 * Without accessed bits the mapping goes, so that the next access makes it anew. The flush cannot
 * wait: once the entry is gone nobody would know that a CPU may have it cached.
 */
bool mmu_age(struct kvm *kvm, const struct kvm_gfn_range *range)
{
	if (spte_format.accessed)
		return age(kvm, range, true);
	if (!age(kvm, range, false))
		return false;
	if (tdp_zap(kvm, range->slot->as_id, range->start, range->end, false, false))
		kvm_flush_remote_tlbs(kvm);
	return true;
}

bool mmu_test_age(struct kvm *kvm, const struct kvm_gfn_range *range)
{
	return age(kvm, range, false);
}
