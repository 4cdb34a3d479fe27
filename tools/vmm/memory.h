/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest memory: which bytes of ours stand behind a guest physical address.
 *
 * The map is made before the guest runs and never changes, so it is read without a lock. Every
 * address that comes from the guest passes mem_at(), which gives out no byte beyond a region.
 */
#ifndef MEMORY_H
#define MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#define MAX_REGIONS	8

struct mem_region {
	uint64_t	gpa, size;
	uint8_t		*host;
};

struct guest_mem {
	unsigned int		n;
	struct mem_region	region[MAX_REGIONS];
};

/* 0; -EINVAL for an empty region or one that wraps, -EEXIST for an overlap, -ENOSPC. */
int mem_add(struct guest_mem *mem, uint64_t gpa, uint64_t size, uint8_t *host);

/* @len bytes (not 0) at @gpa, all in one region; else NULL. */
void *mem_at(const struct guest_mem *mem, uint64_t gpa, uint64_t len);

/* Copies; false, and nothing done, when not all of it is memory. */
bool mem_read(const struct guest_mem *mem, uint64_t gpa, void *to, uint64_t len);
bool mem_write(const struct guest_mem *mem, uint64_t gpa, const void *from, uint64_t len);

/*
 * Fresh zeroed memory, aligned for huge pages; NULL when there is none. @shared: it is not copied
 * on write.
 */
uint8_t *mem_reserve(uint64_t size, bool shared);

#endif
