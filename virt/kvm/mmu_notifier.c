// SPDX-License-Identifier: GPL-2.0-only
/*
 * The MMU notifier: the VMM's page tables change, and the guest's translations follow.
 *
 * An invalidation is a round: start, the host changes its page tables, end. From start to end the
 * round is counted in mn_active with its range added to the hull [mn_start, mn_end), whether or not
 * a slot is touched: no fault in the hull may install, and no slot table is published. Faults ask
 * under mmu_lock, so a fault either sees the round or has installed before the round takes mmu_lock
 * to unmap. A round that touches no slot takes mmu_lock not at all: no fault can resolve a page in
 * it, since the table it looked at stays current until the round has ended.
 *
 * Ageing and its tests change no mapping and are no rounds.
 *
 * Callbacks come with page-table locks or mmap_lock held, from any thread of the host, also from
 * reclaim under a lock of ours: they take mn_lock, kvm->srcu for reading, and mmu_lock, and nothing
 * else.
 */
#include "core.h"
#include "slot_index.h"
#include <kvm/trace.h>

/* One callback's question to the architecture about each range of frames behind [start, end). */
struct hva_visit {
	hva_t	start;
	hva_t	end;
	bool	(*visit)(struct kvm *kvm, const struct kvm_gfn_range *range);
	bool	flush;		/* TLBs, when a visit says yes */
	bool	may_block;
};

static struct kvm *mn_to_kvm(struct mmu_notifier *mn)
{
	return container_of(mn, struct kvm, mn);
}

/*
 * Is any slot touched? Most changes of the VMM's memory touch none, and shall not wait for
 * mmu_lock.
 */
static bool touches_slot(struct kvm *kvm, const struct hva_visit *v)
{
	struct kvm_slots *slots;
	unsigned int as_id;

	for (as_id = 0; as_id < kvm_arch->address_spaces; as_id++) {
		slots = kvm_slots(kvm, as_id);
		if (kvm_slots_hva_below(slots, kvm_slots_hva_top(slots, v->end), v->start) >= 0)
			return true;
	}
	return false;
}

static bool visit_space(struct kvm *kvm, const struct hva_visit *v, unsigned int as_id)
{
	struct kvm_slots *slots = kvm_slots(kvm, as_id);
	struct kvm_slot *slot;
	bool yes = false;
	int i;

	lockdep_assert_held_write(&kvm->mmu_lock);

	kvm_for_each_slot_in_hva(slot, i, slots, v->start, v->end) {
		struct kvm_gfn_range range = kvm_slot_gfn_range(slot, v->start, v->end);

		range.may_block = v->may_block;
		yes |= v->visit(kvm, &range);
	}
	return yes;
}

/*
 * No table is published during a round, so both searches of one see the same. mmu_lock is held over
 * the flush as well: whoever finds an entry gone or protected may rely on it.
 */
static bool visit_slots(struct kvm *kvm, const struct hva_visit *v)
{
	int idx = srcu_read_lock(&kvm->srcu);
	unsigned int as_id;
	bool yes = false;

	if (touches_slot(kvm, v)) {
		write_lock(&kvm->mmu_lock);
		for (as_id = 0; as_id < kvm_arch->address_spaces; as_id++)
			yes |= visit_space(kvm, v, as_id);
		if (yes && v->flush)
			kvm_flush_remote_tlbs(kvm);
		write_unlock(&kvm->mmu_lock);
	}
	srcu_read_unlock(&kvm->srcu, idx);
	return yes;
}

static void round_begin(struct kvm *kvm, hva_t start, hva_t end)
{
	spin_lock(&kvm->mn_lock);
	/*
	 * The hull only grows while rounds overlap: more faults than need be come again, but none
	 * installs wrongly.
	 */
	if (!kvm->mn_active) {
		WRITE_ONCE(kvm->mn_start, start);
		WRITE_ONCE(kvm->mn_end, end);
	} else {
		WRITE_ONCE(kvm->mn_start, min(kvm->mn_start, start));
		WRITE_ONCE(kvm->mn_end, max(kvm->mn_end, end));
	}
	WRITE_ONCE(kvm->mn_active, kvm->mn_active + 1);
	spin_unlock(&kvm->mn_lock);
}

static void round_end(struct kvm *kvm)
{
	bool last;

	spin_lock(&kvm->mn_lock);
	/* pairs with kvm_mn_seq(): who reads the new sequence reads the new page tables */
	smp_wmb();
	WRITE_ONCE(kvm->mn_seq, kvm->mn_seq + 1);
	/* pairs with kvm_mn_retry(): who no longer sees the round sees the new sequence */
	smp_wmb();
	KVM_BUG_ON(kvm->mn_active <= 0, kvm);
	WRITE_ONCE(kvm->mn_active, kvm->mn_active - 1);
	last = !kvm->mn_active;
	spin_unlock(&kvm->mn_lock);

	if (last)
		rcuwait_wake_up(&kvm->mn_wait);
}

static int mn_invalidate_start(struct mmu_notifier *mn, const struct mmu_notifier_range *range)
{
	struct kvm *kvm = mn_to_kvm(mn);
	const struct hva_visit v = {
		.start		= range->start,
		.end		= range->end,
		.visit		= kvm_arch->unmap,
		.flush		= true,
		.may_block	= mmu_notifier_range_blockable(range),
	};

	trace_kvm_unmap_hva_range(range->start, range->end);
	round_begin(kvm, range->start, range->end);
	visit_slots(kvm, &v);
	return 0;
}

static void mn_invalidate_end(struct mmu_notifier *mn, const struct mmu_notifier_range *range)
{
	round_end(mn_to_kvm(mn));
}

/*
 * Reclaim asks whether the pages were used since it last asked, and wants to be told of the next
 * use.
 */
static int mn_clear_flush_young(struct mmu_notifier *mn, struct mm_struct *mm, unsigned long start,
				unsigned long end)
{
	const struct hva_visit v = {
		.start = start, .end = end, .visit = kvm_arch->age, .flush = true,
	};

	trace_kvm_age_hva(start, end);
	return visit_slots(mn_to_kvm(mn), &v);
}

/* The same for statistics: a stale TLB entry that hides a use does no harm. */
static int mn_clear_young(struct mmu_notifier *mn, struct mm_struct *mm, unsigned long start,
			  unsigned long end)
{
	const struct hva_visit v = { .start = start, .end = end, .visit = kvm_arch->age };

	trace_kvm_age_hva(start, end);
	return visit_slots(mn_to_kvm(mn), &v);
}

static int mn_test_young(struct mmu_notifier *mn, struct mm_struct *mm, unsigned long address)
{
	const struct hva_visit v = {
		.start = address, .end = address + 1, .visit = kvm_arch->test_age,
	};

	trace_kvm_test_age_hva(address);
	return visit_slots(mn_to_kvm(mn), &v);
}

/*
 * The VMM's last thread is gone while others still hold the VM: no page of its may be reached any
 * more.
 */
static void mn_release(struct mmu_notifier *mn, struct mm_struct *mm)
{
	struct kvm *kvm = mn_to_kvm(mn);
	int idx = srcu_read_lock(&kvm->srcu);

	kvm_arch->flush_all(kvm);
	srcu_read_unlock(&kvm->srcu, idx);
}

static const struct mmu_notifier_ops mn_ops = {
	.invalidate_range_start	= mn_invalidate_start,
	.invalidate_range_end	= mn_invalidate_end,
	.clear_flush_young	= mn_clear_flush_young,
	.clear_young		= mn_clear_young,
	.test_young		= mn_test_young,
	.release		= mn_release,
};

int kvm_mn_register(struct kvm *kvm)
{
	kvm->mn.ops = &mn_ops;
	return mmu_notifier_register(&kvm->mn, kvm->mm);
}

void kvm_mn_unregister(struct kvm *kvm)
{
	mmu_notifier_unregister(&kvm->mn, kvm->mm);

	/*
	 * A round whose start was seen and whose end will not be: a slot that is still changed must
	 * not wait for it.
	 */
	WARN_ON(rcuwait_active(&kvm->mn_wait));
	kvm->mn_active = 0;
}
