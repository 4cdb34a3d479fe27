/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory in large pages of the host's, and its files that say so.
 */
#ifndef SELFTEST_HUGE_H
#define SELFTEST_HUGE_H

#include <stdint.h>

/* Bytes of the mapping at @p that are @field in /proc/self/smaps; 0 also if the kernel does not tell. */
uint64_t smaps_bytes(void *p, const char *field);

/* Pages of 1 << @shift bytes of hugetlbfs; the test is skipped if there are none. */
uint8_t *hugetlb_memory(uint64_t size, int shift);

#endif
