// SPDX-License-Identifier: GPL-2.0-only
/*
 * Building and searching slot tables: see slot_index.h. Pure logic; tools/testing/unit compiles it
 * as well.
 */
#include "slot_index.h"

size_t kvm_slots_bytes(unsigned int n)
{
	return sizeof(struct kvm_slots) +
	       n * (3 * sizeof(struct kvm_slot *) + sizeof(hva_t));
}

/* Comes @a before @b? One function an array; equal keys keep the order in which the slots came. */
static bool gfn_before(const struct kvm_slot *a, const struct kvm_slot *b)
{
	return a->base_gfn < b->base_gfn;
}

static bool id_before(const struct kvm_slot *a, const struct kvm_slot *b)
{
	return a->id < b->id;
}

static bool hva_before(const struct kvm_slot *a, const struct kvm_slot *b)
{
	return a->hva < b->hva;
}

/* Copy @n slots of @from to @to in order, without @drop and with @add in its place. */
static void merge_slots(struct kvm_slot **to, struct kvm_slot *const *from, unsigned int n,
			const struct kvm_slot *drop, struct kvm_slot *add,
			bool (*before)(const struct kvm_slot *a, const struct kvm_slot *b))
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (from[i] == drop)
			continue;
		if (add && before(add, from[i])) {
			*to++ = add;
			add = NULL;
		}
		*to++ = from[i];
	}
	if (add)
		*to = add;
}

static void set_reach(struct kvm_slots *slots)
{
	hva_t reach = 0;
	unsigned int i;

	for (i = 0; i < slots->n; i++) {
		reach = max(reach, slot_hva_end(slots->by_hva[i]));
		slots->reach[i] = reach;
	}
}

void kvm_slots_derive(struct kvm_slots *next, const struct kvm_slots *cur,
		      const struct kvm_slot *drop, struct kvm_slot *add)
{
	unsigned int n = cur ? cur->n : 0;

	next->n = n - !!drop + !!add;
	next->by_gfn = (struct kvm_slot **)(next + 1);
	next->by_id = next->by_gfn + next->n;
	next->by_hva = next->by_id + next->n;
	next->reach = (hva_t *)(next->by_hva + next->n);
	merge_slots(next->by_gfn, cur ? cur->by_gfn : NULL, n, drop, add, gfn_before);
	merge_slots(next->by_id, cur ? cur->by_id : NULL, n, drop, add, id_before);
	merge_slots(next->by_hva, cur ? cur->by_hva : NULL, n, drop, add, hva_before);
	set_reach(next);
}

/* How many slots of by_gfn begin at or below @gfn. */
static unsigned int count_up_to(const struct kvm_slots *slots, gfn_t gfn)
{
	unsigned int low = 0, high = slots->n;

	while (low < high) {
		unsigned int mid = low + (high - low) / 2;

		if (slots->by_gfn[mid]->base_gfn <= gfn)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool slot_has(const struct kvm_slot *slot, gfn_t gfn)
{
	/* below the base wraps around to a great number */
	return gfn - slot->base_gfn < slot->npages;
}

struct kvm_slot *kvm_slots_find(struct kvm_slots *slots, gfn_t gfn)
{
	unsigned int i = READ_ONCE(slots->hint);

	if (likely(i < slots->n && slot_has(slots->by_gfn[i], gfn)))
		return slots->by_gfn[i];

	i = count_up_to(slots, gfn);
	if (!i || !slot_has(slots->by_gfn[i - 1], gfn))
		return NULL;
	WRITE_ONCE(slots->hint, i - 1);
	return slots->by_gfn[i - 1];
}

struct kvm_slot *kvm_slots_by_id(struct kvm_slots *slots, int id)
{
	unsigned int low = 0, high = slots->n;

	while (low < high) {
		unsigned int mid = low + (high - low) / 2;
		int there = slots->by_id[mid]->id;

		if (there == id)
			return slots->by_id[mid];
		if (there < id)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

bool kvm_slots_overlap(const struct kvm_slots *slots, gfn_t base, unsigned long npages,
		       const struct kvm_slot *except)
{
	/*
	 * From the last slot that begins in the range downward. Slots do not overlap, so below one
	 * that ends too low every other does.
	 */
	unsigned int i = count_up_to(slots, base + npages - 1);

	while (i-- && slot_gfn_end(slots->by_gfn[i]) > base) {
		if (slots->by_gfn[i] != except)
			return true;
	}
	return false;
}

int kvm_slots_hva_top(const struct kvm_slots *slots, hva_t end)
{
	unsigned int low = 0, high = slots->n;

	while (low < high) {
		unsigned int mid = low + (high - low) / 2;

		if (slots->by_hva[mid]->hva < end)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

int kvm_slots_hva_below(const struct kvm_slots *slots, int i, hva_t start)
{
	while (--i >= 0 && slots->reach[i] > start) {
		if (slot_hva_end(slots->by_hva[i]) > start)
			return i;
	}
	return -1;
}

struct kvm_gfn_range kvm_slot_gfn_range(const struct kvm_slot *slot, hva_t start, hva_t end)
{
	hva_t first = max(start, slot->hva) - slot->hva;
	hva_t last = min(end, slot_hva_end(slot)) - 1 - slot->hva;

	return (struct kvm_gfn_range) {
		.slot	= slot,
		.start	= slot->base_gfn + (first >> PAGE_SHIFT),
		.end	= slot->base_gfn + (last >> PAGE_SHIFT) + 1,
	};
}

int kvm_slot_change_of(const struct kvm_slot *old, const struct kvm_slot *new)
{
	if (!new->npages)
		return old ? SLOT_DELETE : -EINVAL;
	if (!old)
		return SLOT_CREATE;
	if (new->npages != old->npages || new->hva != old->hva ||
	    (new->flags ^ old->flags) & KVM_MEM_READONLY)
		return -EINVAL;
	if (new->base_gfn != old->base_gfn)
		return SLOT_MOVE;
	return new->flags != old->flags ? SLOT_FLAGS : SLOT_SAME;
}

unsigned int kvm_slots_count(const struct kvm_slots *slots)
{
	return slots->n;
}

struct kvm_slot *kvm_slots_at(const struct kvm_slots *slots, unsigned int i)
{
	return slots->by_gfn[i];
}
