// SPDX-License-Identifier: GPL-2.0-only
/*
 * Building and searching slot tables: see slot_index.h. Pure logic; tools/testing/unit compiles it
 * as well.
 */
#include "slot_index.h"

size_t kvm_slots_bytes(unsigned int n)
{
	return sizeof(struct kvm_slots) +
	       n * (2 * sizeof(struct kvm_slot *) + sizeof(hva_t));
}

typedef bool (*slot_order)(const struct kvm_slot *a, const struct kvm_slot *b);

/* Comes @a before @b? One function an array; equal keys keep the order in which the slots came. */
static bool gfn_before(const struct kvm_slot *a, const struct kvm_slot *b)
{
	return a->base_gfn < b->base_gfn;
}

static bool hva_before(const struct kvm_slot *a, const struct kvm_slot *b)
{
	return a->hva < b->hva;
}

/* How many of @n sorted slots come before @slot or are equal to it. */
static unsigned int count_before(struct kvm_slot *const *slots, unsigned int n,
				 const struct kvm_slot *slot, slot_order before)
{
	unsigned int low = 0, high = n;

	while (low < high) {
		unsigned int mid = low + (high - low) / 2;

		if (before(slot, slots[mid]))
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

/* Where @slot is, which is one of them: the last of its equals, or some before that. */
static unsigned int place_of(struct kvm_slot *const *slots, unsigned int n,
			     const struct kvm_slot *slot, slot_order before)
{
	unsigned int i = count_before(slots, n, slot, before);

	while (slots[--i] != slot)
		;
	return i;
}

/*
 * A table of hundreds of slots is copied at each change. By words and without memcpy(): the runs
 * are short, and string instructions are slow to begin. An architecture where they are not says so
 * in its Kbuild.
 */
#ifdef KVM_QUICK_MEMCPY
static void copy_words(void *to, const void *from, unsigned int n)
{
	if (n)
		memcpy(to, from, n * sizeof(unsigned long));
}
#else
static void copy_words(void *to, const void *from, unsigned int n)
{
	const unsigned long *src = from;
	unsigned long *dst = to;
	unsigned int i;

	static_assert(sizeof(unsigned long) == sizeof(struct kvm_slot *));
	static_assert(sizeof(unsigned long) == sizeof(hva_t));
#pragma GCC unroll 8
	for (i = 0; i < n; i++)
		dst[i] = READ_ONCE(src[i]);
}
#endif

/* What derive_order() has changed: from @first on, up to @last in the old array. */
struct changed {
	unsigned int first, last;
};

/* The slots of @from in the same order, without @drop and with @add. */
static struct changed derive_order(struct kvm_slot **to, struct kvm_slot *const *from,
				   unsigned int n, const struct kvm_slot *drop,
				   struct kvm_slot *add, slot_order before)
{
	unsigned int out = drop ? place_of(from, n, drop, before) : n;
	unsigned int in = add ? count_before(from, n, add, before) : n;
	struct changed c = { .first = min(in, out), .last = n };
	unsigned int i = c.first;

	if (drop && add)
		c.last = max(in, out + 1);
	else if (drop || add)
		c.last = drop ? out + 1 : in;
	copy_words(to, from, i);
	to += i;
	if (add && in <= out) {
		*to++ = add;
		add = NULL;
	}
	if (drop) {
		copy_words(to, from + i, out - i);
		to += out - i;
		i = out + 1;
	}
	if (add) {
		copy_words(to, from + i, in - i);
		to += in - i;
		*to++ = add;
		i = in;
	}
	copy_words(to, from + i, n - i);
	return c;
}

/* Behind the last change, once the reach is what it was, the rest is as well. */
static void derive_reach(struct kvm_slots *next, const struct kvm_slots *cur, struct changed c)
{
	unsigned int n = cur ? cur->n : 0, i = c.first;
	/* modulo 2^32: where an entry behind the changes was before */
	unsigned int shift = n - next->n;
	hva_t reach = i ? cur->reach[i - 1] : 0;

	if (i)
		copy_words(next->reach, cur->reach, i);
	for (; i < next->n; i++) {
		reach = max(reach, slot_hva_end(next->by_hva[i]));
		if (i + shift >= c.last && i + shift < n && reach == cur->reach[i + shift])
			break;
		next->reach[i] = reach;
	}
	if (i < next->n)
		copy_words(next->reach + i, &cur->reach[i + shift], next->n - i);
}

void kvm_slots_derive(struct kvm_slots *next, const struct kvm_slots *cur,
		      const struct kvm_slot *drop, struct kvm_slot *add)
{
	unsigned int n = cur ? cur->n : 0;
	struct changed c;

	next->n = n - !!drop + !!add;
	next->by_gfn = (struct kvm_slot **)(next + 1);
	next->by_hva = next->by_gfn + next->n;
	next->reach = (hva_t *)(next->by_hva + next->n);
	derive_order(next->by_gfn, cur ? cur->by_gfn : NULL, n, drop, add, gfn_before);
	c = derive_order(next->by_hva, cur ? cur->by_hva : NULL, n, drop, add, hva_before);
	derive_reach(next, cur, c);
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
