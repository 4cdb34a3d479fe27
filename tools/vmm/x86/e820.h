/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The e820 map: which addresses are memory, and of what type (ACPI 6.4, 15).
 *
 * Entries are added in any order and kept in that of their addresses. No two overlap, none is
 * empty or passes the end of the address space: what would break that is refused and changes
 * nothing.
 */
#ifndef E820_H
#define E820_H

#include <stdint.h>
#include <asm/bootparam.h>

enum e820_kind {
	E820_USABLE	= 1,
	E820_KEPT	= 2,		/* "reserved" */
	E820_ACPI_DATA	= 3,
	E820_ACPI_SAVED	= 4,		/* "NVS" */
};

struct e820_map {
	unsigned int		n;
	struct boot_e820_entry	entry[E820_MAX_ENTRIES_ZEROPAGE];
};

/* 0; -EINVAL: empty, wrapping, or of no known type; -EEXIST: overlaps one; -ENOSPC. */
int e820_add(struct e820_map *map, uint64_t addr, uint64_t size, enum e820_kind kind);

/* The type at an address, 0 where nothing is. */
unsigned int e820_type(const struct e820_map *map, uint64_t addr);

#endif
