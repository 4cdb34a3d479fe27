/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Arithmetic of dirty bitmaps: bit n of the bitmap is frame base_gfn + n.
 *
 * User space sees an array of little-endian bytes, so bits are set by the _le operations and a
 * word's mask is turned before it is looked at. Behind the bitmap proper lies a second of the same
 * size, in which GET_DIRTY_LOG collects what it will copy out and CLEAR_DIRTY_LOG what it has
 * copied in; it belongs to the holder of slots_lock. Pure logic; compiled in user space as well.
 */
#ifndef KVM_DIRTY_BITMAP_H
#define KVM_DIRTY_BITMAP_H

#include <kvm/memslot.h>

static inline unsigned long dirty_words(unsigned long npages)
{
	return DIV_ROUND_UP(npages, BITS_PER_LONG);
}

/* What user space reads and writes: whole words. */
static inline unsigned long dirty_bytes(unsigned long npages)
{
	return dirty_words(npages) * sizeof(long);
}

static inline unsigned long *dirty_snapshot(const struct kvm_slot *slot)
{
	return slot->dirty_bitmap + dirty_words(slot->npages);
}

/* A word of the bitmap as a mask in which bit n is frame n of the word. */
static inline unsigned long dirty_mask(unsigned long word)
{
	return BITS_PER_LONG == 64 ? (unsigned long)le64_to_cpu((__force __le64)word) :
				     (unsigned long)le32_to_cpu((__force __le32)word);
}

/*
 * All pages dirty; bits beyond the last page stay clear. Not atomic: nobody has seen the bitmap
 * yet.
 */
static inline void dirty_set_all(unsigned long *bitmap, unsigned long npages)
{
	unsigned long i;

	memset(bitmap, 0xff, npages / 8);
	for (i = round_down(npages, 8); i < npages; i++)
		((u8 *)bitmap)[i / 8] |= 1 << (i % 8);
}

/* KVM API 4.117: begins on a multiple of 64, and ends on one or at the slot's end. */
static inline bool dirty_clear_range_ok(unsigned long npages, u64 first, u64 num)
{
	if (first % 64 || first > npages || num > npages - first)
		return false;
	return num % 64 == 0 || num == npages - first;
}

#endif /* KVM_DIRTY_BITMAP_H */
