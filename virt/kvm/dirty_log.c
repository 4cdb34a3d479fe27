// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty logging: which pages of a slot have been written since user space last asked.
 *
 * A page is marked when its bit goes up, and then the next write to it costs nothing. To report it
 * clean, the bit is taken down and the page is write-protected, both under mmu_lock, so that no
 * write falls between the two; and TLBs are flushed before user space may look at the page, or a
 * write through a stale entry would never be reported. The flush therefore happens on every way
 * out, also when the bitmap cannot be copied to user space.
 *
 * With KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE, GET_DIRTY_LOG only reports, and CLEAR_DIRTY_LOG
 * protects in steps that user space chooses. ioctls hold slots_lock, so a slot and its bitmap stay
 * while they work.
 */
#include <linux/nospec.h>
#include <linux/uaccess.h>

#include "core.h"
#include "dirty_bitmap.h"

void kvm_mark_dirty(struct kvm *kvm, const struct kvm_slot *slot, gfn_t gfn)
{
	if (!kvm_slot_logs_dirty(slot))
		return;
	if (unlikely(READ_ONCE(kvm->dirty_ring_bytes)))
		kvm_dirty_ring_mark(kvm, slot, gfn);
	else
		set_bit_le(gfn - slot->base_gfn, slot->dirty_bitmap);
}
EXPORT_SYMBOL_GPL(kvm_mark_dirty);

/* KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2: args[0] has the flags; INITIALLY_SET needs the other. */
int kvm_dirty_log_enable_manual(struct kvm *kvm, struct kvm_enable_cap *cap)
{
	u64 allowed = KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE;

	lockdep_assert_held(&kvm->slots_lock);

	if (cap->args[0] & KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE)
		allowed |= KVM_DIRTY_LOG_INITIALLY_SET;
	if (cap->flags || cap->args[0] & ~allowed || kvm->dirty_ring_bytes)
		return -EINVAL;
	kvm->dirty_log_manual = cap->args[0];
	return 0;
}

/*
 * The slot that user space names, if it logs. -EINVAL for a name that cannot be, -ENOENT for one
 * that is not, -ENXIO where rings take the bitmap's place.
 */
static struct kvm_slot *logging_slot(struct kvm *kvm, u32 name)
{
	u32 as_id = name >> 16;
	u16 id = name;
	struct kvm_slot *slot;

	lockdep_assert_held(&kvm->slots_lock);

	if (kvm->dirty_ring_bytes)
		return ERR_PTR(-ENXIO);	/* the rings have it */
	if (as_id >= kvm_arch->address_spaces || id >= KVM_USER_SLOTS)
		return ERR_PTR(-EINVAL);
	slot = kvm_slot_by_id(kvm, as_id, id);
	if (!kvm_slot_logs_dirty(slot))
		return ERR_PTR(-ENOENT);
	if (kvm_arch->sync_dirty)
		kvm_arch->sync_dirty(kvm, slot);
	return slot;
}

/*
 * Let others at mmu_lock, but never with a page protected whose old translation may still be
 * cached.
 */
void kvm_dirty_breathe(struct kvm *kvm, bool *flush)
{
	if (!need_resched() && !rwlock_needbreak(&kvm->mmu_lock))
		return;
	if (*flush)
		kvm_flush_remote_tlbs(kvm);
	*flush = false;
	cond_resched_rwlock_write(&kvm->mmu_lock);
}

/* Others get at mmu_lock at least after so many words. */
#define BREATHE_WORDS	1024ul

/*
 * From word @i on, the first with a bit to take down, or @end. Most words have none: this loop is
 * what the log of a large slot costs.
 */
static unsigned long next_dirty(const unsigned long *bitmap, const unsigned long *wanted,
				unsigned long *taken, unsigned long i, unsigned long end)
{
	if (wanted) {
		while (i < end && !(wanted[i] & READ_ONCE(bitmap[i])))
			i++;
	} else {
		for (; i < end && !READ_ONCE(bitmap[i]); i++)
			taken[i] = 0;
	}
	return i;
}

/*
 * Take down the bits of @wanted in @n words of the bitmap from word @first on and protect their
 * pages; or, when it is NULL, all bits, which are then put into @taken.
 */
static void take_dirty(struct kvm *kvm, const struct kvm_slot *slot, unsigned long first,
		       unsigned long n, const unsigned long *wanted, unsigned long *taken)
{
	unsigned long *bitmap = slot->dirty_bitmap + first;
	unsigned long i = 0, end, mask;
	bool flush = false;

	write_lock(&kvm->mmu_lock);
	while (i < n) {
		kvm_dirty_breathe(kvm, &flush);
		end = min(i + BREATHE_WORDS, n);
		i = next_dirty(bitmap, wanted, taken, i, end);
		if (i == end)
			continue;
		mask = wanted ? wanted[i] : ~0UL;
		mask &= atomic_long_fetch_andnot(mask, (atomic_long_t *)(bitmap + i));
		if (!wanted)
			taken[i] = mask;
		kvm_arch->protect_dirty(kvm, slot, slot->base_gfn + (first + i) * BITS_PER_LONG,
					dirty_mask(mask));
		flush = true;
		i++;
	}
	if (flush)
		kvm_flush_remote_tlbs(kvm);
	write_unlock(&kvm->mmu_lock);
}

/*
 * User space has not heard of what was taken: it is dirty still. The pages are protected, which
 * costs each a fault and no more.
 */
static void give_back_dirty(const struct kvm_slot *slot, const unsigned long *taken)
{
	unsigned long i;

	for (i = 0; i < dirty_words(slot->npages); i++)
		atomic_long_or(taken[i], (atomic_long_t *)(slot->dirty_bitmap + i));
}

/*
 * KVM_GET_DIRTY_LOG (KVM API 4.8): the whole bitmap; pages are reported once, unless clearing is
 * manual.
 */
long kvm_vm_get_dirty_log(struct kvm *kvm, struct kvm_arg *arg)
{
	const struct kvm_dirty_log *log = arg->data;
	struct kvm_slot *slot = logging_slot(kvm, log->slot);
	unsigned long *out;

	if (IS_ERR(slot))
		return PTR_ERR(slot);

	if (kvm->dirty_log_manual) {
		out = slot->dirty_bitmap;
	} else {
		out = dirty_snapshot(slot);
		take_dirty(kvm, slot, 0, dirty_words(slot->npages), NULL, out);
	}
	if (!copy_to_user(log->dirty_bitmap, out, dirty_bytes(slot->npages)))
		return 0;
	if (!kvm->dirty_log_manual)
		give_back_dirty(slot, out);
	return -EFAULT;
}

/* KVM_CLEAR_DIRTY_LOG (KVM API 4.117): the pages that user space names are clean from now on. */
long kvm_vm_clear_dirty_log(struct kvm *kvm, struct kvm_arg *arg)
{
	const struct kvm_clear_dirty_log *log = arg->data;
	struct kvm_slot *slot = logging_slot(kvm, log->slot);
	unsigned long *wanted;

	if (IS_ERR(slot))
		return PTR_ERR(slot);
	if (!dirty_clear_range_ok(slot->npages, log->first_page, log->num_pages))
		return -EINVAL;

	wanted = dirty_snapshot(slot);
	if (copy_from_user(wanted, log->dirty_bitmap, dirty_bytes(log->num_pages)))
		return -EFAULT;
	take_dirty(kvm, slot, log->first_page / BITS_PER_LONG, dirty_words(log->num_pages), wanted,
		   NULL);
	return 0;
}
