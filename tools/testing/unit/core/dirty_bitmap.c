// SPDX-License-Identifier: GPL-2.0-only
/*
 * The arithmetic of dirty bitmaps: sizes, masks, and the ranges that KVM_CLEAR_DIRTY_LOG takes.
 */
#include "dirty_bitmap.h"
#include "unit.h"

TEST(size_is_whole_words)
{
	expect_eq(dirty_bytes(1), 8);
	expect_eq(dirty_bytes(63), 8);
	expect_eq(dirty_bytes(64), 8);
	expect_eq(dirty_bytes(65), 16);
	expect_eq(dirty_bytes(INT_MAX), (1UL << 31) / 8);
	expect_eq(dirty_bytes(0), 0);
}

TEST(snapshot_follows_the_bitmap)
{
	unsigned long words[4];
	struct kvm_slot slot = { .npages = 65, .dirty_bitmap = words };

	expect(dirty_snapshot(&slot) == words + 2);
	expect_eq(2 * dirty_bytes(slot.npages), sizeof(words));
}

/* All bits up to the last page, none beyond: a page that is not there is never reported. */
TEST(set_all_ends_with_the_slot)
{
	unsigned long npages, i;

	for (npages = 1; npages <= 300; npages++) {
		u8 bytes[48] = { 0 };

		dirty_set_all((unsigned long *)bytes, npages);
		for (i = 0; i < 8 * sizeof(bytes); i++)
			expect_eq(bytes[i / 8] >> (i % 8) & 1, i < npages);
	}
}

/* Bit n of a word's mask is page n, whatever the byte order: user space sees bytes. */
TEST(mask_is_in_order_of_pages)
{
	unsigned long word;
	int n;

	for (n = 0; n < BITS_PER_LONG; n++) {
		u8 bytes[sizeof(word)] = { 0 };

		bytes[n / 8] = 1 << (n % 8);
		memcpy(&word, bytes, sizeof(word));
		expect_eq(dirty_mask(word), 1UL << n);
	}
}

TEST(clear_range)
{
	const struct {
		unsigned long npages;
		u64 first, num;
		bool ok;
	} rows[] = {
		{ 256,	0,	256,		true },
		{ 256,	64,	64,		true },
		{ 256,	64,	192,		true },
		{ 256,	0,	0,		true },
		{ 256,	256,	0,		true },
		{ 256,	1,	64,		false },	/* first is not a multiple */
		{ 256,	0,	63,		false },	/* neither is num, nor at the end */
		{ 256,	0,	320,		false },	/* beyond the end */
		{ 256,	192,	128,		false },
		{ 256,	320,	0,		false },
		{ 256,	64,	~0ULL,		false },	/* the sum wraps */
		{ 256,	64,	~0ULL - 63,	false },
		{ 100,	64,	36,		true },		/* the odd end of the slot */
		{ 100,	0,	100,		true },
		{ 100,	64,	35,		false },
		{ 100,	64,	64,		false },
		{ 100,	0,	64,		true },
		{ 1,	0,	1,		true },
	};
	unsigned int i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (dirty_clear_range_ok(rows[i].npages, rows[i].first, rows[i].num) != rows[i].ok)
			unit_fail(__FILE__, __LINE__, "row %u", i);
	}
}
