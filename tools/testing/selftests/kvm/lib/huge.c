// SPDX-License-Identifier: GPL-2.0-only
/*
 * Large pages of the host's; see huge.h.
 */
#define _GNU_SOURCE
#include <fcntl.h>

#include "huge.h"
#include "vm.h"

uint8_t *hugetlb_memory(uint64_t size, int shift)
{
	char path[96], number[16];
	uint8_t *p;

	snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%lukB/nr_hugepages",
		 1UL << (shift - 10));
	snprintf(number, sizeof(number), "%lu", size >> shift);
	write_file(path, number);
	p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | shift << 26, -1, 0);
	if (p == MAP_FAILED)
		skip("no page of 2^%d bytes to be had", shift);
	return p;
}

uint64_t smaps_bytes(void *p, const char *field)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	unsigned long start, end, kb;
	char line[256], name[32];
	int here = 0;

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2 && strchr(line, '-') < line + 17)
			here = (uintptr_t)p >= start && (uintptr_t)p < end;
		else if (here && sscanf(line, "%31[^:]: %lu kB", name, &kb) == 2 &&
			 !strcmp(name, field)) {
			fclose(f);
			return kb << 10;
		}
	}
	if (f)
		fclose(f);
	return 0;
}
