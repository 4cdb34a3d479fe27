// SPDX-License-Identifier: GPL-2.0-only
/* The e820 map: see e820.h. */
#include <errno.h>
#include <string.h>
#include "x86/e820.h"

/* Last bytes are compared, not ends: an entry may reach to the very end of the address space. */
static uint64_t last(uint64_t addr, uint64_t size)
{
	return addr + (size - 1);
}

int e820_add(struct e820_map *map, uint64_t addr, uint64_t size, enum e820_kind kind)
{
	unsigned int i, at = 0;

	if (!size || last(addr, size) < addr || kind < E820_USABLE || kind > E820_ACPI_SAVED)
		return -EINVAL;
	for (i = 0; i < map->n; i++) {
		const struct boot_e820_entry *e = &map->entry[i];

		if (addr <= last(e->addr, e->size) && e->addr <= last(addr, size))
			return -EEXIST;
		if (e->addr < addr)
			at = i + 1;
	}
	if (map->n == E820_MAX_ENTRIES_ZEROPAGE)
		return -ENOSPC;
	memmove(&map->entry[at + 1], &map->entry[at], (map->n - at) * sizeof(map->entry[0]));
	map->entry[at] = (struct boot_e820_entry){ addr, size, kind };
	map->n++;
	return 0;
}

unsigned int e820_type(const struct e820_map *map, uint64_t addr)
{
	unsigned int i;

	for (i = 0; i < map->n; i++)
		if (addr >= map->entry[i].addr && addr - map->entry[i].addr < map->entry[i].size)
			return map->entry[i].type;
	return 0;
}
