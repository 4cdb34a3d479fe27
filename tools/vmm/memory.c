// SPDX-License-Identifier: GPL-2.0-only
/* Guest memory: see memory.h. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include "memory.h"

#define HUGE_PAGE	(2ULL << 20)

static bool overlap(const struct mem_region *r, uint64_t gpa, uint64_t size)
{
	return gpa < r->gpa + r->size && r->gpa < gpa + size;
}

int mem_add(struct guest_mem *mem, uint64_t gpa, uint64_t size, uint8_t *host)
{
	unsigned int i;

	if (!size || gpa + size < gpa)
		return -EINVAL;
	for (i = 0; i < mem->n; i++)
		if (overlap(&mem->region[i], gpa, size))
			return -EEXIST;
	if (mem->n == MAX_REGIONS)
		return -ENOSPC;
	mem->region[mem->n++] = (struct mem_region){ gpa, size, host };
	return 0;
}

void *mem_at(const struct guest_mem *mem, uint64_t gpa, uint64_t len)
{
	unsigned int i;

	for (i = 0; len && i < mem->n; i++) {
		const struct mem_region *r = &mem->region[i];

		/* In this order no sum can wrap. */
		if (gpa >= r->gpa && gpa - r->gpa < r->size)
			return len <= r->size - (gpa - r->gpa) ? r->host + (gpa - r->gpa) : NULL;
	}
	return NULL;
}

bool mem_read(const struct guest_mem *mem, uint64_t gpa, void *to, uint64_t len)
{
	const void *from = mem_at(mem, gpa, len);

	if (!from)
		return false;
	memcpy(to, from, len);
	return true;
}

bool mem_write(const struct guest_mem *mem, uint64_t gpa, const void *from, uint64_t len)
{
	void *to = mem_at(mem, gpa, len);

	if (!to)
		return false;
	memcpy(to, from, len);
	return true;
}

uint8_t *mem_reserve(uint64_t size, bool shared)
{
	uint8_t *area = mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE,
			     (shared ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (area == MAP_FAILED)
		return NULL;
	area = (uint8_t *)(((uintptr_t)area + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1));
	/* Where the host has none, small pages serve as well. */
	madvise(area, size, MADV_HUGEPAGE);
	return area;
}
