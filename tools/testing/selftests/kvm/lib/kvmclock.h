/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The page of system time, and the clock that a guest computes from it
 * (Documentation/virt/kvm/x86/msr.rst).
 */
#ifndef SELFTEST_KVMCLOCK_H
#define SELFTEST_KVMCLOCK_H

#include "guest.h"

#define MSR_SYSTEM_TIME_NEW	0x4b564d01
#define TIME_ENABLE		1
#define FLAG_TSC_STABLE		1
#define FLAG_GUEST_STOPPED	2

/* Must not cross a page: an array of them that begins at one never does. */
struct time_page {
	uint32_t version, pad;
	uint64_t tsc, system_time;
	uint32_t mul;
	int8_t shift;
	uint8_t flags, pad2[2];
} __attribute__((packed));

_Static_assert(sizeof(struct time_page) == 32, "ABI");

/* The formula of the documentation; the version is odd while the host writes. */
static inline uint64_t clock_ns(volatile struct time_page *t)
{
	uint32_t version;
	uint64_t ns, delta;

	do {
		version = t->version;
		guest_barrier();
		delta = rdtsc() - t->tsc;
		if (t->shift >= 0)
			delta <<= t->shift;
		else
			delta >>= -t->shift;
		ns = t->system_time + (uint64_t)(((unsigned __int128)delta * t->mul) >> 32);
		guest_barrier();
	} while ((version & 1) || version != t->version);
	return ns;
}

#endif
