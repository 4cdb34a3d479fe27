/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Test harness: named tests, each in a process of its own, reported as KTAP.
 *
 * A test ends at its first failed expectation. Because it is a process, a crash, a hang or a leaked
 * descriptor is that test's alone, and whatever it left behind (a VM, threads, children) is gone
 * before the next one starts.
 */
#ifndef SELFTEST_HARNESS_H
#define SELFTEST_HARNESS_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define SZ_4K		0x1000UL
#define SZ_64K		0x10000UL
#define SZ_2M		0x200000UL
#define SZ_1G		0x40000000UL

struct test {
	const char *name;
	void (*body)(void);
	unsigned int seconds;
	struct test *next;
};

void test_register(struct test *t);

/* Define a test; the second form gives it a time limit other than the default of 30 seconds. */
#define TEST(name)		TEST_LIMIT(name, 30)
#define TEST_LIMIT(id, limit)						\
	static void body_of_##id(void);					\
	static struct test test_##id = {				\
		.name = #id, .body = body_of_##id, .seconds = (limit),	\
	};								\
	static void __attribute__((constructor)) add_##id(void)		\
	{								\
		test_register(&test_##id);				\
	}								\
	static void body_of_##id(void)

/* A line of diagnostics, shown as a KTAP comment. */
void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* End the test: as skipped for want of a named feature, or as failed at a place in the source. */
void skip(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

/*
 * From here on the test's failure is what Bochs, the emulator of the VMX machine, is known to do
 * wrong: it is reported as expected there (KTAP's TODO), with @why; elsewhere nothing changes.
 */
void fails_in_bochs(const char *why);

/*
 * Whether the modules under test are the distribution's own rather than these. A test asks only to
 * allow them what the documents do not: it must say in a comment where they differ, and what the
 * documents promise.
 */
int distro_modules(void);

void fail_at(const char *file, int line, const char *fmt, ...)
	__attribute__((noreturn, format(printf, 3, 4)));

#define fail(...)	fail_at(__FILE__, __LINE__, __VA_ARGS__)

#define expect(cond)							\
	do {								\
		if (!(cond))						\
			fail("expected: %s", #cond);			\
	} while (0)

#define expect_op(a, op, b)						\
	do {								\
		unsigned long long a_ = (a), b_ = (b);			\
		if (!(a_ op b_))					\
			fail("expected: %s %s %s, got %#llx and %#llx",	\
			     #a, #op, #b, a_, b_);			\
	} while (0)

#define expect_eq(a, b)		expect_op(a, ==, b)
#define expect_ne(a, b)		expect_op(a, !=, b)
#define expect_ge(a, b)		expect_op(a, >=, b)
#define expect_le(a, b)		expect_op(a, <=, b)

/* The call must succeed; gives its value. */
#define must(call)							\
	({								\
		long r_ = (long)(call);					\
		if (r_ < 0)						\
			fail("%s: %s", #call, strerror(errno));		\
		r_;							\
	})

/* The call must give -1 with this errno. */
#define expect_errno(call, err)						\
	do {								\
		long r_ = (long)(call);					\
		if (r_ != -1)						\
			fail("%s: got %ld, expected %s", #call, r_, #err); \
		if (errno != (err))					\
			fail("%s: got %s, expected %s", #call,		\
			     strerror(errno), #err);			\
	} while (0)

/*
 * Write @text to a file of the kernel's; how much it took, or -1 with errno: it is not there, or does
 * not take it.
 */
int write_file(const char *path, const char *text);

/* A clock for tests that go on for so long, whatever the machine gets done meanwhile. */
uint64_t now_ms(void);

/* Run in a child; gives what waitpid() reports. The child's own fail() makes the status 1. */
int in_child(void (*body)(void *), void *arg);

#endif
