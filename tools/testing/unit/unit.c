// SPDX-License-Identifier: GPL-2.0-only
/* The frame of a test program: see unit.h. */
#include <stdarg.h>
#include <string.h>
#include "unit.h"

static struct unit_test *first, **last = &first;
static unsigned int count;
unsigned int unit_failures;
static uint64_t random_state;

#define MAX_MESSAGES	20	/* of one test; the rest is only counted */

void unit_add(struct unit_test *t)
{
	*last = t;
	last = &t->next;
	count++;
}

void unit_fail(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	if (unit_failures++ >= MAX_MESSAGES)
		return;
	printf("# %s:%d: ", file, line);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
}

void unit_seed(uint64_t seed)
{
	random_state = seed;
}

/* splitmix64 */
uint64_t unit_random(void)
{
	uint64_t z = random_state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

/* Names on the command line choose tests. */
static int chosen(const struct unit_test *t, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++)
		if (!strcmp(argv[i], t->name))
			return 1;
	return argc < 2;
}

int main(int argc, char **argv)
{
	const char *env = getenv("UNIT_SEED");
	uint64_t seed = env ? strtoull(env, NULL, 0) : 20221113;
	unsigned int n = 0, bad = 0;
	struct unit_test *t;

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("TAP version 13\n1..%u\n# UNIT_SEED=%llu\n", count, (unsigned long long)seed);
	for (t = first; t; t = t->next) {
		n++;
		if (!chosen(t, argc, argv)) {
			printf("ok %u %s # SKIP not chosen\n", n, t->name);
			continue;
		}
		unit_seed(seed);
		unit_failures = 0;
		t->fn();
		if (unit_failures)
			printf("# %u expectations failed\n", unit_failures);
		printf("%sok %u %s\n", unit_failures ? "not " : "", n, t->name);
		bad += unit_failures != 0;
	}
	return bad ? 1 : 0;
}
