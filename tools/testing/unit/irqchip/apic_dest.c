// SPDX-License-Identifier: GPL-2.0-only
/*
 * Destinations of interrupt messages: some by hand, then the table against asking each LAPIC, on
 * random machines.
 */
#include "../unit.h"
#include "apic_dest.h"

#define MAX_LAPICS	40
#define MAX_IDS		300

struct lapic {
	struct apic_address addr;
};

static struct lapic lapics[MAX_LAPICS];
static unsigned int n_lapics;

static struct apic_table *build(void)
{
	struct apic_table *t = calloc(1, sizeof(*t) + MAX_IDS * sizeof(t->by_id[0]));
	unsigned int i;

	t->n = MAX_IDS;
	t->unique = true;
	for (i = 0; i < n_lapics; i++)
		apic_table_add(t, &lapics[i], &lapics[i].addr);
	return t;
}

static bool in_slice(const struct apic_slice *s, const struct lapic *a)
{
	unsigned int i;

	for (i = 0; i < 16; i++) {
		if ((s->mask >> i & 1) && s->at[i] == a)
			return true;
	}
	return false;
}

/* A table's answer is exactly those that say "me" when asked. */
static void compare(const struct apic_table *t, uint32_t dest, bool logical)
{
	struct apic_slice s;
	unsigned int i;

	if (dest == 0xff || !apic_table_find(t, dest, logical, &s))
		return;
	expect(!(s.mask >> 16));
	for (i = 0; i < n_lapics; i++)
		expect_eq(in_slice(&s, &lapics[i]), apic_dest_match(&lapics[i].addr, dest,
								    logical));
}

static bool knows(const struct apic_table *t, bool logical)
{
	struct apic_slice s;

	return apic_table_find(t, 1, logical, &s);
}

static void set(unsigned int i, uint32_t id, bool x2apic, bool flat, uint8_t ldr)
{
	lapics[i].addr = (struct apic_address) { .id = id, .x2apic = x2apic, .flat = flat,
						 .ldr = ldr };
	n_lapics = i + 1;
}

TEST(match_xapic)
{
	struct apic_address flat = { .id = 3, .flat = true, .ldr = 0x08 };
	struct apic_address cluster = { .id = 3, .ldr = 0x24 };

	expect(apic_dest_match(&flat, 3, false));
	expect(!apic_dest_match(&flat, 2, false));
	expect(apic_dest_match(&flat, 0xff, false));
	expect(!apic_dest_match(&flat, 0x103, false));
	expect(apic_dest_match(&flat, 0x0c, true));
	expect(!apic_dest_match(&flat, 0x07, true));
	expect(apic_dest_match(&cluster, 0x2c, true));
	expect(!apic_dest_match(&cluster, 0x2b, true));
	expect(!apic_dest_match(&cluster, 0x14, true));
	expect(apic_dest_match(&cluster, 0xff, true));
}

TEST(match_x2apic)
{
	struct apic_address a = { .id = 0x25, .x2apic = true };

	expect_eq(x2apic_ldr(0x25), 0x20020);
	expect(apic_dest_match(&a, 0x25, false));
	expect(!apic_dest_match(&a, 0xff, false));
	expect(apic_dest_match(&a, 0x20020, true));
	expect(apic_dest_match(&a, 0x2ffff, true));
	expect(!apic_dest_match(&a, 0x2ffdf, true));
	expect(!apic_dest_match(&a, 0x10020, true));
}

TEST(what_the_table_cannot_tell)
{
	struct apic_table *t;

	set(0, 0, false, true, 1);
	set(1, 1, false, true, 2);
	t = build();
	expect(knows(t, true) && knows(t, false));
	free(t);

	set(1, 0, false, true, 2);	/* one id twice */
	t = build();
	expect(knows(t, true) && !knows(t, false));
	free(t);

	set(1, 1, false, true, 1);	/* one logical id twice */
	t = build();
	expect(!knows(t, true) && knows(t, false));
	free(t);

	set(1, 1, false, true, 6);	/* two bits */
	t = build();
	expect(!knows(t, true));
	free(t);

	set(1, 1, false, false, 0x12);	/* another format */
	t = build();
	expect(!knows(t, true));
	free(t);

	set(1, 1, false, false, 0);	/* no logical id: its format does not count */
	t = build();
	expect(knows(t, true));
	free(t);
}

static uint32_t below(uint32_t n)
{
	return unit_random() % n;
}

enum kind { FLAT, CLUSTER, X2APIC, X2APIC_SPREAD, KINDS };

static void set_as_systems_do(enum kind kind, unsigned int i)
{
	switch (kind) {
	case FLAT:
		set(i, i, false, true, i < 8 ? 1u << i : 0);
		break;
	case CLUSTER:
		set(i, i, false, false, (i / 4) << 4 | 1u << i % 4);
		break;
	default:
		set(i, kind == X2APIC ? i : i + below(6) * 40, true, true, 0);
	}
}

static void random_machine(void)
{
	unsigned int n = 1 + below(MAX_LAPICS), i;
	enum kind kind = below(KINDS);

	for (i = 0; i < n; i++) {
		if (below(60))
			set_as_systems_do(kind, i);
		else
			set(i, below(256), below(2), below(2), unit_random());
	}
}

TEST(table_agrees_with_asking)
{
	unsigned int round, i;

	for (round = 0; round < 3000; round++) {
		struct apic_table *t;

		random_machine();
		t = build();
		for (i = 0; i < 300; i++) {
			compare(t, i, false);
			compare(t, i, true);
		}
		for (i = 0; i < 64; i++) {
			compare(t, below(20) << 16 | below(0x10000), true);
			compare(t, unit_random(), below(2));
		}
		free(t);
	}
}
