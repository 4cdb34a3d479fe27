// SPDX-License-Identifier: GPL-2.0-only
/*
 * The frame of the benchmark; see frame.h. It also stands for the runner of tests that the
 * selftests' library speaks to.
 */
#include <stdarg.h>

#include "frame.h"

static uint64_t samples[MAX_SAMPLES];
static unsigned int nr_samples;

/* Here the first failure ends it all. */
void fail_at(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fprintf(stderr, "%s:%d: ", file, line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(EXIT_FAILURE);
}

void skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(EXIT_FAILURE);
}

/* It measures whatever is loaded, and makes no difference. */
int distro_modules(void)
{
	return 0;
}

void sample(uint64_t ticks)
{
	expect_op(nr_samples, <, MAX_SAMPLES);
	samples[nr_samples++] = ticks;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void report(const struct bench_row *row)
{
	expect(nr_samples);
	qsort(samples, nr_samples, sizeof(samples[0]), by_value);
	printf("bench: %s %llu %llu %llu\n", row->name,
	       (unsigned long long)samples[nr_samples / 2], (unsigned long long)samples[0],
	       (unsigned long long)samples[nr_samples - 1]);
	fflush(stdout);
}

static int chosen(const char *name, char **names)
{
	if (!*names)
		return 1;
	for (; *names; names++)
		if (!strcmp(*names, name))
			return 1;
	return 0;
}

void measure_rows(const struct bench_row *row, char **names)
{
	for (; row->name; row++) {
		if (!chosen(row->name, names))
			continue;
		nr_samples = 0;
		row->measure();
		report(row);
	}
}
