/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A test program in user space: functions marked TEST() run in the order they stand in, each with
 * its line of TAP. An expectation that fails says where and goes on; the test then is "not ok", and
 * the program's exit status is 1.
 */
#ifndef UNIT_H
#define UNIT_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct unit_test {
	const char *name;
	void (*fn)(void);
	struct unit_test *next;
};

void unit_add(struct unit_test *t);
void unit_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((__format__(__printf__, 3, 4)));
extern unsigned int unit_failures;	/* of the running test */

#define TEST(id)							\
	static void test_##id(void);					\
	static struct unit_test unit_##id = { #id, test_##id, NULL };	\
	__attribute__((__constructor__))				\
	static void unit_add_##id(void) { unit_add(&unit_##id); }	\
	static void test_##id(void)

#define expect(cond)							\
	do {								\
		if (!(cond))						\
			unit_fail(__FILE__, __LINE__, "%s", #cond);	\
	} while (0)

#define expect_eq(a, b)							\
	do {								\
		uint64_t a_ = (uint64_t)(a), b_ = (uint64_t)(b);	\
		if (a_ != b_)						\
			unit_fail(__FILE__, __LINE__, "%s is 0x%llx, %s is 0x%llx", #a,	\
				  (unsigned long long)a_, #b, (unsigned long long)b_);	\
	} while (0)

/* Random numbers that a run prints the seed of (UNIT_SEED) and another can repeat. */
uint64_t unit_random(void);
void unit_seed(uint64_t seed);

#endif
