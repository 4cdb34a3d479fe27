// SPDX-License-Identifier: GPL-2.0-only
/*
 * The walker of the guest's page tables: every format and level, each fault with its error code,
 * against small tables built here.
 */
#include <string.h>

#include "guest_walk.h"
#include "unit.h"

#define P	0x01ull
#define W	0x02ull
#define U	0x04ull
#define A	0x20ull
#define D	0x40ull
#define PS	0x80ull
#define NX	(1ull << 63)
#define PAGES	8

/* Guest memory: tables only. What they map need not exist. */
static uint8_t memory[PAGES * 4096];
static bool read_only;
static int change_at;			/* the set_bits call that finds a change; 0: none */
static uint64_t change_to;
static int io_error_at;			/* the call of either that the host fails; 0: none */

static enum guest_walk_io mem_read(void *ctx, u64 gpa, unsigned int size, u64 *entry)
{
	expect(gpa % size == 0);
	*entry = 0;
	if (io_error_at && !--io_error_at)
		return WALK_IO_ERROR;
	if (gpa + size > sizeof(memory))
		return WALK_IO_NONE;
	memcpy(entry, memory + gpa, size);
	return WALK_IO_OK;
}

static enum guest_walk_io mem_set_bits(void *ctx, u64 gpa, unsigned int size, u64 old, u64 new)
{
	u64 now = 0;

	if (io_error_at && !--io_error_at)
		return WALK_IO_ERROR;
	if (read_only)
		return WALK_IO_NONE;
	if (change_at && !--change_at)
		memcpy(memory + gpa, &change_to, size);
	memcpy(&now, memory + gpa, size);
	if (now != old)
		return WALK_IO_CHANGED;
	memcpy(memory + gpa, &new, size);
	return WALK_IO_OK;
}

static const struct guest_walk_ops ops = { mem_read, mem_set_bits };

/* One mapping of @va at level @leaf. The table of level n is page n, the root's too. */
struct map {
	struct guest_paging p;
	struct guest_walk w;
	int leaf;
	uint64_t va, to;
};

static unsigned int shift(const struct map *m, int level)
{
	return 12 + (m->p.levels == 2 ? 10 : 9) * (level - 1);
}

static uint8_t *entry_at(struct map *m, int level)
{
	unsigned int size = m->p.levels == 2 ? 4 : 8;
	uint64_t index = m->va >> shift(m, level) & (4096 / size - 1);

	if (m->p.levels == 3 && level == 3)
		return (uint8_t *)&m->p.pdptrs[index & 3];
	return memory + level * 4096 + index * size;
}

static uint64_t get(struct map *m, int level)
{
	uint64_t v = 0;

	memcpy(&v, entry_at(m, level), m->p.levels == 2 ? 4 : 8);
	return v;
}

static void put(struct map *m, int level, uint64_t v)
{
	memcpy(entry_at(m, level), &v, m->p.levels == 2 ? 4 : 8);
}

static void map(struct map *m, unsigned int levels, int leaf)
{
	int level;

	memset(memory, 0, sizeof(memory));
	memset(m, 0, sizeof(*m));
	read_only = false;
	change_at = 0;
	io_error_at = 0;
	m->leaf = leaf;
	m->p = (struct guest_paging) {
		.levels = levels, .cr3 = levels * 4096, .maxphyaddr = 40,
		.wp = true, .nx = levels > 2, .pse = true, .gb_pages = true,
	};
	m->va = levels <= 3 ? 0xc5a7b123 : levels == 4 ? 0x5a5a97654321 : 0x5a5a5a97654321;
	m->to = 0x87654000 & ~((1ull << shift(m, leaf)) - 1);
	for (level = levels; level > leaf; level--)
		put(m, level, (level - 1) * 4096ull | P | (levels == 3 && level == 3 ? 0 : W | U));
	put(m, leaf, m->to | P | W | U | (leaf > 1 ? PS : 0));
}

static bool walk(struct map *m, uint32_t access)
{
	m->w = (struct guest_walk) {
		.p = &m->p, .ops = &ops, .va = m->va, .access = access,
	};
	return guest_walk(&m->w);
}

static void expect_maps(struct map *m)
{
	uint64_t mask = (1ull << shift(m, m->leaf)) - 1;

	expect_eq(m->w.gpa, m->to | (m->va & mask));
	expect_eq(m->w.level, m->leaf);
}

/* Every format with every size of page it has. */
static const struct { int levels, leaf; } formats[] = {
	{ 2, 1 }, { 2, 2 }, { 3, 1 }, { 3, 2 },
	{ 4, 1 }, { 4, 2 }, { 4, 3 }, { 5, 1 }, { 5, 2 }, { 5, 3 },
};

#define for_each_format(m)								\
	for (unsigned int f_ = 0;							\
	     f_ < ARRAY_SIZE(formats) && (map(m, formats[f_].levels, formats[f_].leaf), true); f_++)

static bool in_memory(const struct map *m, int level)
{
	return !(m->p.levels == 3 && level == 3);
}

TEST(no_paging_is_identity)
{
	struct map m;

	map(&m, 4, 1);
	m.p.levels = 0;
	expect(walk(&m, WALK_WRITE | WALK_USER));
	expect_eq(m.w.gpa, m.va);
}

TEST(every_size_of_page_maps)
{
	struct map m;

	for_each_format(&m) {
		expect(walk(&m, 0));
		expect_maps(&m);
	}
}

TEST(a_read_sets_accessed_and_a_write_dirty)
{
	struct map m;
	int level;

	for_each_format(&m) {
		expect(walk(&m, 0));
		for (level = m.leaf; level <= m.p.levels; level++)
			expect_eq(get(&m, level) & (A | D), in_memory(&m, level) ? A : 0);
		expect(walk(&m, WALK_WRITE));
		for (level = m.leaf; level <= m.p.levels; level++)
			expect_eq(get(&m, level) & D, level == m.leaf ? D : 0);
	}
}

TEST(a_fault_sets_nothing)
{
	struct map m;
	int level;

	for_each_format(&m) {
		put(&m, m.leaf, get(&m, m.leaf) & ~W);
		expect(!walk(&m, WALK_WRITE | WALK_USER));
		expect_eq(m.w.error_code, WALK_PRESENT | WALK_WRITE | WALK_USER);
		for (level = m.leaf; level <= m.p.levels; level++)
			expect(!(get(&m, level) & (A | D)));
	}
}

TEST(not_present_at_each_level)
{
	static const uint32_t accesses[] = {
		0, WALK_WRITE, WALK_USER, WALK_USER | WALK_WRITE, WALK_FETCH,
		WALK_FETCH | WALK_USER,
	};
	struct map m;
	unsigned int i;
	int level;

	for_each_format(&m) {
		for (level = m.leaf; level <= m.p.levels; level++) {
			uint64_t entry = get(&m, level);

			put(&m, level, entry & ~P);
			for (i = 0; i < ARRAY_SIZE(accesses); i++) {
				uint32_t code = accesses[i];

				/* No NX, no SMEP: fetches are not told apart. */
				if (m.p.levels == 2)
					code &= ~WALK_FETCH;
				expect(!walk(&m, accesses[i]));
				expect_eq(m.w.error_code, code);
				expect_eq(m.w.level, level);
			}
			put(&m, level, entry);
		}
	}
}

TEST(a_table_where_there_is_no_memory_is_not_present)
{
	struct map m;
	int level;

	for_each_format(&m) {
		for (level = m.leaf + 1; level <= m.p.levels; level++) {
			uint64_t entry = get(&m, level);

			put(&m, level, entry | PAGES * 4096);
			expect(!walk(&m, WALK_WRITE));
			expect_eq(m.w.error_code, WALK_WRITE);
			put(&m, level, entry);
		}
	}
}

/*
 * Reserved bits with MAXPHYADDR 40 and NX on, as the manual's figures have them (SDM vol 3, 4-4 to
 * 4-11); [levels][level][is the leaf].
 */
#define LM_HIGH	0x000fff0000000000ull
#define PAE_HIGH	0x7fffff0000000000ull
static const uint64_t reserved_bits[6][6][2] = {
	[2] = { [1] = { 0, 0 }, [2] = { 0, 0x200000 } },
	[3] = { [1] = { 0, PAE_HIGH }, [2] = { PAE_HIGH, PAE_HIGH | 0x1fe000 } },
	[4] = {
		[1] = { 0, LM_HIGH }, [2] = { LM_HIGH, LM_HIGH | 0x1fe000 },
		[3] = { LM_HIGH, LM_HIGH | 0x3fffe000 }, [4] = { LM_HIGH | PS, 0 },
	},
	[5] = {
		[1] = { 0, LM_HIGH }, [2] = { LM_HIGH, LM_HIGH | 0x1fe000 },
		[3] = { LM_HIGH, LM_HIGH | 0x3fffe000 }, [4] = { LM_HIGH | PS, 0 },
		[5] = { LM_HIGH | PS, 0 },
	},
};

static void expect_reserved(struct map *m, int level, uint64_t bit, bool is_reserved)
{
	uint64_t entry = get(m, level);
	bool ok;

	put(m, level, entry | bit);
	ok = walk(m, WALK_USER);
	if (is_reserved) {
		expect(!ok);
		expect_eq(m->w.error_code, WALK_PRESENT | WALK_RSVD | WALK_USER);
		expect_eq(m->w.level, level);
	} else {
		expect(ok || !(m->w.error_code & WALK_RSVD));
	}
	put(m, level, entry);
}

TEST(reserved_bits_of_each_entry)
{
	struct map m;
	int level, bit;

	for_each_format(&m) {
		for (level = m.leaf; level <= m.p.levels; level++) {
			uint64_t bits = reserved_bits[m.p.levels][level][level == m.leaf];

			if (!in_memory(&m, level))
				continue;
			for (bit = 0; bit < (m.p.levels == 2 ? 32 : 64); bit++) {
				/* PS makes a table a page: judged by the bits of that, below. */
				if (1ull << bit == PS && level > m.leaf && level < 4)
					continue;
				/* Address bits of tables lead elsewhere. */
				if (level > m.leaf && bit >= 12 && !(bits >> bit & 1) && bit < 52)
					continue;
				expect_reserved(&m, level, 1ull << bit, bits >> bit & 1);
			}
		}
	}
}

TEST(nx_is_reserved_while_it_is_off)
{
	struct map m;
	int level;

	for_each_format(&m) {
		m.p.nx = false;
		for (level = m.leaf; m.p.levels > 2 && level <= m.p.levels; level++)
			if (in_memory(&m, level))
				expect_reserved(&m, level, NX, true);
	}
}

TEST(large_pages_that_the_cpu_does_not_have)
{
	struct map m;

	map(&m, 4, 3);
	m.p.gb_pages = false;
	expect(!walk(&m, 0));
	expect_eq(m.w.error_code, WALK_PRESENT | WALK_RSVD);

	/* Without CR4.PSE bit 7 of a 32-bit directory entry means nothing. */
	map(&m, 2, 1);
	m.p.pse = false;
	put(&m, 2, get(&m, 2) | PS);
	expect(walk(&m, 0));
	expect_maps(&m);
}

TEST(amd_reserves_bit_8_at_the_top)
{
	struct map m;

	map(&m, 4, 1);
	expect_reserved(&m, 4, 0x100, false);
	m.p.amd = true;
	expect_reserved(&m, 4, 0x100, true);
	expect_reserved(&m, 3, 0x100, false);
	map(&m, 5, 1);
	m.p.amd = true;
	expect_reserved(&m, 5, 0x100, true);
	expect_reserved(&m, 4, 0x100, false);
}

TEST(pse36_reaches_beyond_4g)
{
	struct map m;
	int bit;

	map(&m, 2, 2);
	put(&m, 2, 0x87400000 | 0xa5 << 13 | P | W | U | PS);
	expect(walk(&m, 0));
	expect_eq(m.w.gpa, 0xa587400000ull | (m.va & 0x3fffff));

	/* Bits 13 up stand for address bits 32 up; those the CPU does not have are reserved. */
	map(&m, 2, 2);
	for (m.p.maxphyaddr = 32; m.p.maxphyaddr <= 44; m.p.maxphyaddr++)
		for (bit = 13; bit <= 21; bit++)
			expect_reserved(&m, 2, 1ull << bit,
					bit == 21 || bit - 13 + 32 >= m.p.maxphyaddr);
}

/* The manual's list of what may be done (SDM vol 3, 4.6.1), sentence by sentence. */
static bool may(const struct guest_paging *p, uint32_t access, bool user_page, bool writable,
		bool nx)
{
	bool write = access & WALK_WRITE, fetch = access & WALK_FETCH;

	if (access & WALK_USER) {
		if (!user_page)
			return false;
		if (fetch)
			return !(p->nx && nx);
		return !write || writable;
	}
	if (fetch) {
		if (user_page && p->smep)
			return false;
		return !(p->nx && nx);
	}
	if (user_page && p->smap && !(p->ac && !(access & WALK_IMPLICIT)))
		return false;
	return !write || writable || !p->wp;
}

static void expect_rights(struct map *m, uint32_t access, bool user, bool write, bool nx)
{
	uint32_t code = WALK_PRESENT | (access & (WALK_WRITE | WALK_USER));
	bool ok = walk(m, access);

	expect_eq(ok, may(&m->p, access, user, write, nx));
	if (access & WALK_FETCH && (m->p.smep || (m->p.nx && m->p.levels > 2)))
		code |= WALK_FETCH;
	if (!ok)
		expect_eq(m->w.error_code, code);
}

static const uint32_t all_accesses[] = {
	0, WALK_WRITE, WALK_FETCH, WALK_IMPLICIT, WALK_IMPLICIT | WALK_WRITE,
	WALK_USER, WALK_USER | WALK_WRITE, WALK_USER | WALK_FETCH,
};

/* Each right is taken away at each level, under each combination of what the CPU has on. */
static void rights_at(struct map *m, int level, unsigned int taken)
{
	uint64_t entry = get(m, level), e = entry;
	bool user = !(taken & 1), write = !(taken & 2), nx = taken & 4;
	unsigned int on, i;

	e &= ~((user ? 0 : U) | (write ? 0 : W));
	put(m, level, e | (nx ? NX : 0));
	for (on = 0; on < 32; on++) {
		m->p.wp = on & 1;
		m->p.smep = on & 2;
		m->p.smap = on & 4;
		m->p.ac = on & 8;
		m->p.nx = nx || on & 16;
		for (i = 0; i < ARRAY_SIZE(all_accesses); i++)
			expect_rights(m, all_accesses[i], user, write, nx);
	}
	put(m, level, entry);
}

TEST(rights)
{
	struct map m;
	unsigned int taken;
	int level;

	for_each_format(&m)
		for (level = m.leaf; level <= m.p.levels; level++)
			for (taken = 0; taken < (m.p.levels == 2 ? 4 : 8); taken++)
				if (in_memory(&m, level))
					rights_at(&m, level, taken);
}

/* Keys guard data accesses to user pages in long mode; the error code says so. */
static void key_case(struct map *m, unsigned int rights, uint32_t access, bool wp, bool user_page)
{
	bool write = access & WALK_WRITE, guarded = user_page && !(access & WALK_FETCH);
	bool no_write = rights & 2 && (access & WALK_USER || wp);
	bool denied = guarded && (rights & 1 || (no_write && write));
	uint64_t leaf = get(m, m->leaf) & ~(U | 0xfull << 59);
	bool otherwise_ok;

	m->p.wp = wp;
	m->p.pke = true;
	m->p.pkru = rights << (2 * 11);
	put(m, m->leaf, leaf | (user_page ? U : 0) | 11ull << 59);
	otherwise_ok = may(&m->p, access, user_page, true, false);
	expect_eq(walk(m, access), otherwise_ok && !denied);
	if (denied)
		expect(m->w.error_code & WALK_PK && m->w.error_code & WALK_PRESENT);
	else if (!otherwise_ok)
		expect(!(m->w.error_code & WALK_PK));
}

TEST(protection_keys)
{
	struct map m;
	unsigned int i, n;

	for_each_format(&m)
		for (n = 0; m.p.levels > 3 && n < 16; n++)
			for (i = 0; i < ARRAY_SIZE(all_accesses); i++)
				key_case(&m, n & 3, all_accesses[i], n & 4, n & 8);
}

TEST(keys_mean_nothing_while_off_or_in_pae)
{
	struct map m;

	map(&m, 4, 1);
	m.p.pkru = ~0u;
	expect(walk(&m, WALK_USER | WALK_WRITE));
	map(&m, 3, 1);
	m.p.pkru = ~0u;
	m.p.pke = true;
	expect(walk(&m, WALK_USER | WALK_WRITE));
}

/* Another CPU takes the page away between the read and the setting of a bit: the walk sees that. */
TEST(an_entry_that_changes_is_read_again)
{
	struct map m;

	map(&m, 4, 1);
	change_at = 4;			/* the leaf */
	change_to = 0x12345000 | P | U;
	expect(walk(&m, WALK_USER));
	expect_eq(m.w.gpa, 0x12345000 | (m.va & 0xfff));

	map(&m, 4, 1);
	change_at = 2;
	change_to = 0;
	expect(!walk(&m, WALK_USER | WALK_WRITE));
	expect_eq(m.w.error_code, WALK_USER | WALK_WRITE);
	expect_eq(m.w.level, 3);
}

/* Whatever the host cannot do in a walk, it is not the guest that is told; and it can be done again. */
TEST(a_failure_of_the_host_is_no_fault)
{
	struct map m;
	int n;

	for (n = 1; n <= 8; n++) {
		map(&m, 4, 1);
		io_error_at = n;	/* four reads, then four bits to set */
		expect(!walk(&m, WALK_USER | WALK_WRITE));
		expect(m.w.host_error);
		expect_eq(io_error_at, 0);
		expect(walk(&m, WALK_USER | WALK_WRITE));
		expect(!m.w.host_error);
		expect_maps(&m);
	}
	map(&m, 4, 1);
	io_error_at = 9;
	expect(walk(&m, WALK_USER | WALK_WRITE));
}

TEST(tables_in_rom_keep_their_bits)
{
	struct map m;

	for_each_format(&m) {
		read_only = true;
		expect(walk(&m, WALK_WRITE));
		expect_maps(&m);
		expect(!(get(&m, m.leaf) & (A | D)));
	}
}

TEST(pdptrs)
{
	uint64_t e[4] = { P, 0xfffff000 | P, 0, P | 0xe00 };
	int bit;

	expect(guest_pdptrs_valid(e, 40));
	for (bit = 1; bit < 64; bit++) {
		bool reserved = bit == 1 || bit == 2 || (bit >= 5 && bit <= 8) || bit >= 40;

		e[3] = P | 1ull << bit;
		expect_eq(guest_pdptrs_valid(e, 40), !reserved);
		e[3] &= ~P;		/* an absent one may hold anything */
		expect(guest_pdptrs_valid(e, 40));
	}
}
