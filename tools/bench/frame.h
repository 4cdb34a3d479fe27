/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The frame of the benchmark: rows, and the samples of the row that is being measured.
 *
 * A row is one operation, repeated. Its figure is the median of its samples: in a machine that
 * counts time in instructions all but a few of them are equal, and the few are those that a tick
 * of the host's clock fell into, or for which an allocator had to refill its cache.
 */
#ifndef BENCH_FRAME_H
#define BENCH_FRAME_H

#include <stdint.h>

#include "harness.h"

#define MAX_SAMPLES	8192

struct bench_row {
	const char *name;
	void (*measure)(void);
};

/* One more sample of the row, in instructions. */
void sample(uint64_t ticks);

/*
 * Measure the rows, of which the last has no name, or those of them that are named, and print of
 * each a line "bench: NAME MEDIAN LEAST MOST".
 */
void measure_rows(const struct bench_row *row, char **names);

#endif
