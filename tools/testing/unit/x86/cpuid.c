// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tables of CPUID entries: what the instruction answers by tables that are whole, have gaps, are of
 * one vendor or the other, or are nonsense.
 */
#include <asm/kvm.h>
#include <string.h>
#include "../unit.h"
#include "../../../../arch/x86/kvm/cpuid_table.h"

#define MAX	32

static struct kvm_cpuid_entry2 table[MAX];
static unsigned int n;

static struct kvm_cpuid_entry2 *leaf(uint32_t function, uint32_t eax, uint32_t edx)
{
	table[n] = (struct kvm_cpuid_entry2) { .function = function, .eax = eax, .edx = edx };
	return &table[n++];
}

static void subleaf(uint32_t function, uint32_t index, uint32_t eax, uint32_t edx)
{
	struct kvm_cpuid_entry2 *e = leaf(function, eax, edx);

	e->index = index;
	e->flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
}

/* Basic leaves to 0xd, extended ones to 0x80000008, with gaps. */
static void begin(const char *vendor)
{
	struct kvm_cpuid_entry2 *e;

	n = 0;
	e = leaf(0, 0xd, 0);
	memcpy(&e->ebx, vendor, 4);
	memcpy(&e->edx, vendor + 4, 4);
	memcpy(&e->ecx, vendor + 8, 4);
	leaf(1, 0x600, 0);
	subleaf(4, 0, 0x40, 0);
	subleaf(4, 1, 0x41, 0);
	subleaf(0xb, 0, 1, 5);
	subleaf(0xb, 1, 2, 5);
	subleaf(0xd, 0, 0xd0, 0);
	subleaf(0xd, 1, 0xd1, 0);
	leaf(0x80000000, 0x80000008, 0);
	leaf(0x80000008, 48 << 8 | 40, 0);
}

static struct cpuid_answer ask(bool amd, uint32_t function, uint32_t index)
{
	return cpuid_table_read(table, n, amd, function, index);
}

TEST(no_entries)
{
	struct cpuid_answer a = cpuid_table_read(NULL, 0, false, 0, 0);
	uint32_t features = 1;

	expect_eq(a.eax | a.ebx | a.ecx | a.edx, 0);
	expect(!a.found && !a.used_limit);
	expect(!cpuid_table_is_amd(NULL, 0));
	expect_eq(cpuid_table_pv(NULL, 0, &features), 0);
	expect_eq(features, 0);
	expect_eq(cpuid_table_maxphyaddr(NULL, 0), 36);
	expect(cpuid_table_valid(NULL, 0));
}

TEST(leaves_and_subleaves)
{
	begin("GenuineIntel");
	expect_eq(ask(false, 1, 0).eax, 0x600);
	expect_eq(ask(false, 1, 77).eax, 0x600);	/* its index does not matter */
	expect(ask(false, 1, 77).found);
	expect_eq(ask(false, 4, 1).eax, 0x41);
	expect_eq(ask(false, 4, 2).eax, 0);		/* within the limit: nothing */
	expect(!ask(false, 4, 2).found);
	expect(!ask(false, 4, 2).used_limit);
	expect_eq(ask(false, 2, 0).eax, 0);
}

/* The first of two entries for one leaf counts. */
TEST(twice)
{
	begin("GenuineIntel");
	leaf(1, 0x999, 0);
	expect_eq(ask(false, 1, 0).eax, 0x600);
}

TEST(beyond_the_last_leaf)
{
	begin("GenuineIntel");
	expect_eq(ask(false, 0x20, 1).eax, 0xd1);	/* the highest basic leaf, same index */
	expect(ask(false, 0x20, 1).used_limit);
	expect_eq(ask(false, 0x80000009, 0).eax, 0xd0);
	expect_eq(ask(false, 0x80000004, 0).eax, 0);	/* a gap is not beyond */
	expect_eq(ask(false, 0x40000000, 0).eax, 0xd0);	/* a range that there is not */
	begin("AuthenticAMD");
	expect_eq(ask(true, 0x20, 1).eax, 0);
	expect_eq(ask(true, 0x80000009, 0).eax, 0);
	expect(!ask(true, 0x20, 1).used_limit);
}

/* Past the last level of topology: the index, and the x2APIC id. */
TEST(topology)
{
	begin("GenuineIntel");
	expect_eq(ask(false, 0xb, 0x107).ecx, 7);
	expect_eq(ask(false, 0xb, 0x107).edx, 5);
	expect_eq(ask(false, 0xb, 0x107).eax, 0);
	expect_eq(ask(true, 0xb, 9).edx, 5);
	expect_eq(ask(true, 0x1f, 9).edx, 0);		/* there is no such leaf */
}

TEST(vendors)
{
	begin("GenuineIntel");
	expect(!cpuid_table_is_amd(table, n));
	begin("AuthenticAMD");
	expect(cpuid_table_is_amd(table, n));
	begin("HygonGenuine");
	expect(cpuid_table_is_amd(table, n));
	begin("AuthenticAMd");
	expect(!cpuid_table_is_amd(table, n));
}

static void signature(uint32_t base, uint32_t features)
{
	struct kvm_cpuid_entry2 *e = leaf(base, base + 1, 'M');

	memcpy(&e->ebx, "KVMK", 4);
	memcpy(&e->ecx, "VMKV", 4);
	leaf(base + 1, features, 0);
}

TEST(paravirtual_leaves)
{
	uint32_t features;

	begin("GenuineIntel");
	expect_eq(cpuid_table_pv(table, n, &features), 0);
	leaf(0x40000000, 0x40000005, 'x');		/* another interface comes first */
	signature(0x40000100, 0x55);
	expect_eq(cpuid_table_pv(table, n, &features), 0x40000100);
	expect_eq(features, 0x55);
	n--;						/* the signature alone */
	expect_eq(cpuid_table_pv(table, n, &features), 0x40000100);
	expect_eq(features, 0);
	begin("GenuineIntel");
	signature(0x4000ff00, 1);			/* the last place to look */
	expect_eq(cpuid_table_pv(table, n, &features), 0x4000ff00);
	begin("GenuineIntel");
	signature(0x40010000, 1);
	expect_eq(cpuid_table_pv(table, n, &features), 0);
}

TEST(address_sizes)
{
	static const struct {
		uint32_t eax;
		unsigned int phys;
		bool valid;
	} rows[] = {
		{ 48 << 8 | 40, 40, true }, { 57 << 8 | 52, 52, true }, { 40, 40, true },
		{ 48 << 8, 36, true }, { 49 << 8 | 40, 40, false }, { 48 << 8 | 0xff, 52, true },
		{ 0xff << 8 | 1, 1, false }, { 0, 36, true },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		n = 0;
		leaf(0x80000008, rows[i].eax, 0);
		expect_eq(cpuid_table_maxphyaddr(table, n), rows[i].phys);
		expect_eq(cpuid_table_valid(table, n), rows[i].valid);
	}
}

/* Whatever is in a table: an answer is of an entry that has been asked for, or the limit's, or 0. */
TEST(random_tables)
{
	unsigned int round, i;

	for (round = 0; round < 20000 && !unit_failures; round++) {
		uint32_t function = unit_random() % 16 | (unit_random() & 1 ? 0x80000000 : 0);
		uint32_t index = unit_random() % 4;
		bool amd = unit_random() & 1, there = false;
		struct cpuid_answer a;

		n = 0;
		for (i = unit_random() % MAX; i; i--) {
			uint32_t f = unit_random() % 16 | (unit_random() & 1 ? 0x80000000 : 0);

			if (unit_random() & 1)
				subleaf(f, unit_random() % 4, f + 100, 0);
			else
				leaf(f, f + 100, 0);
		}
		for (i = 0; i < n; i++)
			there |= table[i].function == function &&
				 (!table[i].flags || table[i].index == index);
		a = ask(amd, function, index);
		expect_eq(a.found, there);
		if (there)
			expect_eq(a.eax, function + 100);
		else if (amd)
			expect_eq(a.eax, 0);
	}
}
