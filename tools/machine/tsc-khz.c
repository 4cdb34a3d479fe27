// SPDX-License-Identifier: GPL-2.0-only
/*
 * Print the rate of this computer's time stamp counter in kHz.
 *
 * The emulated machine's counter is this one. Its kernel would measure it against an emulated timer, and on a busy host find
 * ten times too little or too much; then its clock is wrong by as much for the whole run. Here each reading of the clock
 * lies between two of the counter, and the closest pairs are taken.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

static double now_ms(uint64_t *tsc)
{
	uint64_t best = UINT64_MAX, begin, end;
	struct timespec t;
	double ms = 0;
	int i;

	for (i = 0; i < 100; i++) {
		begin = __rdtsc();
		clock_gettime(CLOCK_MONOTONIC_RAW, &t);
		end = __rdtsc();
		if (end - begin < best) {
			best = end - begin;
			*tsc = begin + best / 2;
			ms = t.tv_sec * 1e3 + t.tv_nsec / 1e6;
		}
	}
	return ms;
}

int main(void)
{
	struct timespec pause = { .tv_nsec = 100 * 1000 * 1000 };
	uint64_t first, last;
	double begin, end;

	begin = now_ms(&first);
	nanosleep(&pause, NULL);
	end = now_ms(&last);
	printf("%.0f\n", (last - first) / (end - begin));
	return 0;
}
