// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VMM's e820 map, also against a plain model: a byte of type for each address of a small
 * space.
 */
#include <errno.h>
#include <string.h>
#include "unit.h"
#include "util.h"
#include "x86/e820.h"

TEST(any_order_is_sorted)
{
	struct e820_map map = { };
	unsigned int i;

	expect_eq(e820_add(&map, 0x3000, 0x1000, E820_KEPT), 0);
	expect_eq(e820_add(&map, 0x1000, 0x1000, E820_USABLE), 0);
	expect_eq(e820_add(&map, 0x2000, 0x1000, E820_ACPI_DATA), 0);
	expect_eq(e820_add(&map, 0, 0x1000, E820_ACPI_SAVED), 0);
	expect_eq(map.n, 4);
	for (i = 0; i < map.n; i++)
		expect_eq(map.entry[i].addr, i * 0x1000);
	expect_eq(e820_type(&map, 0xfff), E820_ACPI_SAVED);
	expect_eq(e820_type(&map, 0x1000), E820_USABLE);
	expect_eq(e820_type(&map, 0x3fff), E820_KEPT);
	expect_eq(e820_type(&map, 0x4000), 0);
}

TEST(overlaps_are_refused)
{
	static const struct { uint64_t addr, size; } bad[] = {
		{ 0x1000, 0x1000 }, { 0, 0x1001 }, { 0x1fff, 1 }, { 0x1800, 0x10 }, { 0, 0x10000 },
		{ 0, UINT64_MAX }, { 0x1fff, 0x5000 },
	};
	struct e820_map map = { }, before;
	unsigned int i;

	expect_eq(e820_add(&map, 0x1000, 0x1000, E820_USABLE), 0);
	before = map;
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		expect_eq(e820_add(&map, bad[i].addr, bad[i].size, E820_KEPT), -EEXIST);
	expect(!memcmp(&map, &before, sizeof(map)));
}

TEST(the_end_of_the_address_space)
{
	struct e820_map map = { };

	expect_eq(e820_add(&map, UINT64_MAX, 2, E820_USABLE), -EINVAL);
	expect_eq(e820_add(&map, 0x1000, UINT64_MAX - 0xffe, E820_USABLE), -EINVAL);
	expect_eq(e820_add(&map, 1, UINT64_MAX, E820_USABLE), 0);
	expect_eq(e820_add(&map, UINT64_MAX, 1, E820_USABLE), -EEXIST);
	expect_eq(e820_add(&map, 0, 1, E820_USABLE), 0);
	expect_eq(map.entry[0].size, 1);
	expect_eq(e820_type(&map, UINT64_MAX), E820_USABLE);
}

TEST(empty_and_unknown)
{
	struct e820_map map = { };

	expect_eq(e820_add(&map, 0x1000, 0, E820_USABLE), -EINVAL);
	expect_eq(e820_add(&map, 0x1000, 1, 0), -EINVAL);
	expect_eq(e820_add(&map, 0x1000, 1, E820_ACPI_SAVED + 1), -EINVAL);
	expect_eq(map.n, 0);
}

TEST(a_full_map)
{
	struct e820_map map = { };
	unsigned int i;

	for (i = 0; i < E820_MAX_ENTRIES_ZEROPAGE; i++)
		expect_eq(e820_add(&map, (200 - i) * 0x1000ULL, 0x1000, E820_USABLE), 0);
	expect_eq(e820_add(&map, 0x1000, 0x1000, E820_USABLE), -ENOSPC);
	expect_eq(e820_add(&map, 200 * 0x1000ULL, 1, E820_USABLE), -EEXIST);
}

#define SPACE	64

TEST(random_against_a_model)
{
	unsigned int round, i, j;

	for (round = 0; round < 2000; round++) {
		struct e820_map map = { };
		uint8_t model[SPACE] = { };

		for (i = 0; i < 20; i++) {
			unsigned int addr = unit_random() % SPACE, kind = 1 + unit_random() % 4;
			unsigned int size = 1 + unit_random() % 8;
			int want = 0;

			if (addr + size > SPACE)
				continue;
			for (j = addr; j < addr + size; j++)
				if (model[j])
					want = -EEXIST;
			expect_eq(e820_add(&map, addr, size, kind), want);
			for (j = addr; !want && j < addr + size; j++)
				model[j] = kind;
		}
		for (j = 0; j < SPACE; j++)
			expect_eq(e820_type(&map, j), model[j]);
		for (i = 1; i < map.n; i++)
			expect(map.entry[i - 1].addr < map.entry[i].addr);
	}
}
