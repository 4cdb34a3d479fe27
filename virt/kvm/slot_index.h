/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The shape of a slot table: two sorted arrays over the same slots.
 *
 * by_gfn answers guest faults, by_hva the MMU notifier. A table is built in one go from the one
 * before it and never changes after it is published, but for the hint of the last hit and its
 * generation. Nothing here takes a lock or allocates, so the same file is compiled in user space
 * and tested there.
 */
#ifndef KVM_SLOT_INDEX_H
#define KVM_SLOT_INDEX_H

#include <kvm/memslot.h>

/*
 * Ranges of guest frames never overlap; ranges of host addresses may (two slots on the same
 * memory). So by_hva, sorted by where a slot begins, has reach beside it, the greatest end of all
 * slots up to here: a search for what reaches into a range walks down from the range's end and
 * stops where nothing below can reach it any more.
 */
struct kvm_slots {
	/* KVM_SLOTS_CHANGING: readers of the table before may be about */
	u64			generation;
	unsigned int		n;
	unsigned int		capacity;	/* how many there is room for */
	/* of by_gfn: the last hit, written by readers, any value < n is right */
	unsigned int		hint;
	struct kvm_slot		**by_gfn;
	struct kvm_slot		**by_hva;
	hva_t			*reach;
};

static inline hva_t slot_hva_end(const struct kvm_slot *slot)
{
	return slot->hva + (slot->npages << PAGE_SHIFT);
}

static inline gfn_t slot_gfn_end(const struct kvm_slot *slot)
{
	return slot->base_gfn + slot->npages;
}

/* Bytes of a table of @n slots, arrays and all. */
size_t kvm_slots_bytes(unsigned int n);

/**
 * kvm_slots_derive - fill @next: the slots of @cur without @drop and with @add
 * @next: kvm_slots_bytes() long for as many slots as it will have, or longer; all of it is filled
 *	in but generation, hint and capacity
 * @cur: NULL is an empty table
 * @drop: a slot of @cur, or NULL
 * @add: overlaps no other, or NULL
 */
void kvm_slots_derive(struct kvm_slots *next, const struct kvm_slots *cur,
		      const struct kvm_slot *drop, struct kvm_slot *add);

/* Does [@base, @base + @npages) touch a slot other than @except? */
bool kvm_slots_overlap(const struct kvm_slots *slots, gfn_t base, unsigned long npages,
		       const struct kvm_slot *except);

/* Index in by_hva of the next slot below @i that reaches beyond @start; -1 when there is none. */
int kvm_slots_hva_below(const struct kvm_slots *slots, int i, hva_t start);
/* How many slots begin below @end: where the walk down by kvm_slots_hva_below() starts. */
int kvm_slots_hva_top(const struct kvm_slots *slots, hva_t end);

/* Each slot with host addresses in [@start, @end), from high to low; @i is an int. */
#define kvm_for_each_slot_in_hva(slot, i, slots, start, end)					\
	for ((i) = kvm_slots_hva_below(slots, kvm_slots_hva_top(slots, end), start);		\
	     (i) >= 0 && ((slot) = (slots)->by_hva[i], true)	;				\
	     (i) = kvm_slots_hva_below(slots, i, start))

/*
 * The frames of @slot whose host addresses lie, if only in part, in [@start, @end), which touches
 * the slot.
 */
struct kvm_gfn_range kvm_slot_gfn_range(const struct kvm_slot *slot, hva_t start, hva_t end);

/*
 * What turning @old (NULL: none) into @new (npages 0: nothing) is: enum kvm_slot_change, SLOT_SAME,
 * or -EINVAL for what may not change: size, host address or KVM_MEM_READONLY of a slot that is
 * there.
 */
#define SLOT_SAME	(-1000)
int kvm_slot_change_of(const struct kvm_slot *old, const struct kvm_slot *new);

#endif /* KVM_SLOT_INDEX_H */
