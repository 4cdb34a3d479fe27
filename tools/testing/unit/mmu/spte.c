// SPDX-License-Identifier: GPL-2.0-only
/*
 * Entries of second-level tables, against the bits that the manuals give them.
 */
#include "spte.h"
#include "unit.h"

/* APM vol 2, 15.25.5 and figures 5-17 to 5-29. */
#define NPT_P		(1ull << 0)
#define NPT_W		(1ull << 1)
#define NPT_U		(1ull << 2)
#define NPT_PCD		(1ull << 4)
#define NPT_A		(1ull << 5)
#define NPT_D		(1ull << 6)
#define NPT_PS		(1ull << 7)
#define NPT_NX		(1ull << 63)
#define C_BIT		(1ull << 47)

/* SDM vol 3, tables 29-1 to 29-7. */
#define EPT_RWX		7ull
#define EPT_WB		(6ull << 3)
#define EPT_IPAT	(1ull << 6)

#define PFN		0x123456ull

static const struct mmu_tdp_config npt = { .enabled = true, .max_level = 4, .npt_nx = true };
static const struct mmu_tdp_config npt_sme = { .enabled = true, .sme_mask = C_BIT, .npt_nx = true };
static const struct mmu_tdp_config ept = { .enabled = true, .ept = true };
static const struct mmu_tdp_config *const configs[] = { &npt, &npt_sme, &ept };

#define for_each_format() \
	for (unsigned int f_ = 0; f_ < 3 && (spte_setup(configs[f_]), true); f_++)

static uint64_t software_bits(void)
{
	return SPTE_HOST_WRITABLE | SPTE_MMU_WRITABLE;
}

TEST(npt_bits)
{
	struct spte_want want = { .pfn = PFN, .level = 1 };

	spte_setup(&npt);
	expect_eq(spte_make(&want), PFN << 12 | NPT_P | NPT_U | NPT_A);
	want.host_writable = true;
	expect_eq(spte_make(&want) & ~software_bits(), PFN << 12 | NPT_P | NPT_W | NPT_U | NPT_A);
	want.write = true;
	expect_eq(spte_make(&want) & ~software_bits(),
		  PFN << 12 | NPT_P | NPT_W | NPT_U | NPT_A | NPT_D);
	want.device = true;
	expect(spte_make(&want) & NPT_PCD);
	want.level = 2;
	want.pfn = 0x123400;
	expect(spte_make(&want) & NPT_PS);
	/* Rights of a table are those of what is below it, so it must grant all. */
	expect_eq(spte_make_table(0x5000) & (NPT_P | NPT_W | NPT_U | NPT_PS),
		  NPT_P | NPT_W | NPT_U);
}

TEST(ept_bits)
{
	struct spte_want want = { .pfn = PFN, .level = 1 };

	spte_setup(&ept);
	expect_eq(spte_make(&want), PFN << 12 | 5 | EPT_WB | EPT_IPAT);
	want.device = true;
	expect_eq(spte_make(&want) & 0x7f, 5);
	expect_eq(spte_make_table(0x5000), 0x5000 | EPT_RWX);
}

TEST(only_ram_is_encrypted)
{
	struct spte_want want = { .pfn = PFN, .level = 1 };

	spte_setup(&npt_sme);
	expect(spte_make(&want) & C_BIT);
	expect(spte_make_table(0x5000) & C_BIT);
	expect_eq(spte_pfn(spte_make(&want)), PFN);
	expect_eq(spte_hpa(spte_make_table(0x5000)), 0x5000);
	want.device = true;
	expect(!(spte_make(&want) & C_BIT));
}

/* A page of the log may be written only by who has marked it; a read-only one never. */
TEST(when_a_mapping_lets_write)
{
	int n;

	for_each_format() {
		for (n = 0; n < 8; n++) {
			const struct spte_want want = {
				.pfn = PFN, .level = 1, .host_writable = n & 1, .logged = n & 2,
				.write = n & 4,
			};
			uint64_t spte = spte_make(&want);
			bool w = want.host_writable && (!want.logged || want.write);

			expect_eq(spte_writable(spte), w);
			expect_eq(spte_write_deferred(spte), want.host_writable && !w);
		}
	}
}

TEST(kinds_are_told_apart)
{
	static const uint64_t generations[] = { 1, 2, 1ull << 31, (1ull << 55) + 1 };
	const struct spte_want want = { .pfn = PFN, .level = 1 };
	const struct spte_want large = { .pfn = 512, .level = 2 };
	unsigned int i;

	for_each_format() {
		uint64_t leaf = spte_make(&want), huge = spte_make(&large);
		uint64_t table = spte_make_table(0x5000);

		expect(!spte_present(SPTE_NONE) && !spte_present(SPTE_FROZEN));
		expect(spte_is_leaf(leaf, 1) && !spte_is_table(leaf, 1));
		expect(spte_is_leaf(huge, 2) && !spte_is_table(huge, 2));
		expect(!spte_is_leaf(table, 2) && spte_is_table(table, 2));
		for (i = 0; i < ARRAY_SIZE(generations); i++) {
			uint64_t mmio = spte_make_mmio(generations[i]);

			expect(!spte_present(mmio) && mmio != SPTE_FROZEN);
			expect(spte_is_mmio(mmio, generations[i]));
			expect(!spte_is_mmio(mmio, generations[i] + 1));
		}
	}
}

TEST(parts_make_the_whole)
{
	unsigned int i;
	int level;

	for_each_format() {
		for (level = 2; level <= 3; level++) {
			const struct spte_want want = {
				.pfn = 0x40000000 >> 12, .level = level, .host_writable = true,
				.write = true,
			};
			uint64_t huge = spte_make(&want);

			for (i = 0; i < SPTE_PER_TABLE; i++) {
				uint64_t part = spte_make_part(huge, level, i);

				expect(spte_is_leaf(part, level - 1));
				expect_eq(spte_pfn(part), want.pfn + i * level_frames(level - 1));
				expect_eq(part & 0xf7f, huge & 0xf7f);
				expect_eq(part & software_bits(), software_bits());
				expect_eq(!!(part & NPT_PS), level - 1 > 1);
			}
			expect(!spte_needs_flush(huge, spte_make_table(0x5000), level));
		}
	}
}

/* Of what is large alone the right to execute is withheld; what it is split into has it at 4K. */
TEST(no_code_in_large_mappings)
{
	static const struct mmu_tdp_config without = { .enabled = true };
	struct spte_want want = { .pfn = 0x40000000 >> 12, .no_exec = true };
	uint64_t spte;
	unsigned int i;

	for_each_format() {
		for (want.level = 1; want.level <= 3; want.level++)
			expect_eq(spte_executable(spte_make(&want)), want.level == 1);
		for (i = 0; i < SPTE_PER_TABLE; i++) {
			uint64_t part = spte_make_part(spte_make(&want), 3, i);

			expect(!spte_executable(part) && spte_present(part));
			part = spte_make_part(part, 2, i);
			expect(spte_executable(part));
			expect_eq(spte_pfn(part), want.pfn + 513 * i);
		}
		expect(spte_executable(spte_make_table(0x5000)));
		want.level = 2;
		spte = spte_make(&want);
		want.no_exec = false;
		expect(spte_executable(spte_make(&want)));
		expect(spte_needs_flush(spte_make(&want), spte, 2));
		expect(!spte_needs_flush(spte, spte_make(&want), 2));
		want.no_exec = true;
	}
	want.level = 2;
	spte_setup(&ept);
	expect_eq(spte_make(&want) & EPT_RWX, 1);
	spte_setup(&npt);
	expect(spte_make(&want) & NPT_NX);
	/* A host without the bit would find it reserved. */
	spte_setup(&without);
	expect(!(spte_make(&want) & NPT_NX));
}

TEST(what_must_be_flushed)
{
	const struct spte_want read = { .pfn = PFN, .level = 1 };
	const struct spte_want write = { .pfn = PFN, .level = 1, .host_writable = true };
	const struct spte_want other = { .pfn = PFN + 1, .level = 1 };

	for_each_format() {
		uint64_t r = spte_make(&read), w = spte_make(&write);
		uint64_t table = spte_make_table(0x5000);

		expect(spte_needs_flush(r, SPTE_NONE, 1));
		expect(spte_needs_flush(r, SPTE_FROZEN, 1));
		expect(spte_needs_flush(r, spte_make(&other), 1));
		expect(spte_needs_flush(w, w & ~spte_format.write, 1));
		expect(spte_needs_flush(table, SPTE_FROZEN, 2));
		expect(!spte_needs_flush(r, w, 1));
		expect(!spte_needs_flush(r, r & ~spte_format.accessed, 1));
		expect(!spte_needs_flush(SPTE_NONE, w, 1));
		expect(!spte_needs_flush(spte_make_mmio(2), w, 1));
		expect(!spte_needs_flush(SPTE_FROZEN, SPTE_NONE, 1));
	}
}

TEST(places)
{
	expect_eq(level_frames(1), 1);
	expect_eq(level_frames(2), 512);
	expect_eq(level_frames(3), 512 * 512);
	expect_eq(level_align(0x12345678, 2), 0x12345600);
	expect_eq(level_index(0x12345678, 1), 0x78);
	expect_eq(level_index(0x12345678, 2), 0x12345678 >> 9 & 511);
	expect_eq(level_index(~0ull >> 12, 5), 511 & (~0ull >> 12 >> 36));
}
