// SPDX-License-Identifier: GPL-2.0-only
/*
 * Windows of PAUSEs: what becomes of them with each kind of parameter, also the ones that make no
 * sense.
 */
#include "../unit.h"
#include "../../../../arch/x86/kvm/pause_window.h"

static const struct pause_rule vmx = { .base = 4096, .grow = 2, .max = UINT32_MAX };
static const struct pause_rule svm = { .base = 3000, .grow = 2, .max = UINT16_MAX };

/* From exit to exit until it is as large as it may be; there it stays. */
static unsigned int exits_to(const struct pause_rule *rule, unsigned int limit)
{
	unsigned int window = rule->base, next, n = 0;

	while (window != limit && n < 100) {
		next = pause_window_grown(rule, window);
		expect(next > window);
		window = next;
		n++;
	}
	expect_eq(pause_window_grown(rule, window), limit);
	return n;
}

TEST(defaults_double_up_to_the_limit)
{
	expect_eq(pause_window_grown(&vmx, 4096), 8192);
	expect_eq(exits_to(&vmx, UINT32_MAX), 20);
	expect_eq(pause_window_grown(&svm, 3000), 6000);
	expect_eq(exits_to(&svm, UINT16_MAX), 5);
}

TEST(defaults_begin_anew)
{
	expect_eq(pause_window_shrunk(&vmx, 4096), 4096);
	expect_eq(pause_window_shrunk(&vmx, UINT32_MAX), 4096);
	expect_eq(pause_window_shrunk(&svm, UINT16_MAX), 3000);
}

TEST(factors)
{
	const struct pause_rule r = { .base = 100, .grow = 3, .shrink = 4, .max = 1000 };

	expect_eq(pause_window_grown(&r, 100), 300);
	expect_eq(pause_window_grown(&r, 300), 900);
	expect_eq(pause_window_grown(&r, 900), 1000);
	expect_eq(pause_window_shrunk(&r, 1000), 250);
	expect_eq(pause_window_shrunk(&r, 250), 100);
	expect_eq(pause_window_shrunk(&r, 100), 100);
}

/* What is not below the base is no factor. */
TEST(amounts)
{
	const struct pause_rule r = { .base = 100, .grow = 100, .shrink = 150, .max = 1000 };

	expect_eq(pause_window_grown(&r, 100), 200);
	expect_eq(pause_window_grown(&r, 950), 1000);
	expect_eq(pause_window_shrunk(&r, 1000), 850);
	expect_eq(pause_window_shrunk(&r, 200), 100);
	expect_eq(pause_window_shrunk(&r, 100), 100);
}

TEST(fixed)
{
	const struct pause_rule off = { .base = 100, .max = 1000 };
	const struct pause_rule one = { .base = 100, .grow = 1, .shrink = 1, .max = 1000 };

	expect_eq(pause_window_grown(&off, 100), 100);
	expect_eq(pause_window_grown(&off, 500), 100);
	expect_eq(pause_window_grown(&one, 100), 100);
	expect_eq(pause_window_shrunk(&one, 500), 500);
}

/* A limit below the base counts for nothing; no sum or product comes out smaller for its size. */
TEST(nonsense)
{
	const struct pause_rule low = { .base = 100, .grow = 2, .shrink = 2, .max = 10 };
	const struct pause_rule sum = { .base = 4096, .grow = UINT32_MAX, .shrink = UINT32_MAX,
					.max = UINT32_MAX };
	const struct pause_rule product = { .base = UINT32_MAX, .grow = UINT32_MAX - 1,
					    .max = UINT32_MAX };
	const struct pause_rule none = { .base = 0, .grow = 2, .shrink = 2, .max = 10 };

	expect_eq(pause_window_grown(&low, 100), 100);
	expect_eq(pause_window_shrunk(&low, 100), 100);
	expect_eq(pause_window_grown(&sum, 4096), UINT32_MAX);
	expect_eq(pause_window_shrunk(&sum, UINT32_MAX), 4096);
	expect_eq(pause_window_grown(&product, UINT32_MAX), UINT32_MAX);
	expect_eq(pause_window_shrunk(&product, UINT32_MAX), UINT32_MAX);
	expect_eq(pause_window_grown(&none, 0), 2);
	expect_eq(pause_window_shrunk(&none, 10), 8);
}

/* Whatever the parameters: between base and limit. */
TEST(never_outside)
{
	unsigned int i;

	for (i = 0; i < 100000; i++) {
		unsigned int shift = unit_random() % 32;
		const struct pause_rule r = {
			.base = (uint32_t)unit_random() >> shift,
			.grow = (uint32_t)unit_random() >> unit_random() % 32,
			.shrink = (uint32_t)unit_random() >> unit_random() % 32,
			.max = UINT32_MAX >> unit_random() % (shift + 1),
		};
		unsigned int w = r.base + (r.max - r.base) / 7 * (unit_random() % 8);
		unsigned int grown = pause_window_grown(&r, w), less = pause_window_shrunk(&r, w);

		expect(grown >= (r.grow ? w : r.base) && grown <= r.max);
		expect(less >= r.base && less <= w);
	}
}
