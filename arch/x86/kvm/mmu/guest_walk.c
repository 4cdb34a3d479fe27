// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's page tables: see guest_walk.h.
 *
 * A walk reads one entry a level. It ends early at an entry that is not present or has a reserved
 * bit set, each with its own error code, or at a large page. The rights are what all entries
 * together grant; whether they suffice is looked at once, at the end. Only then are accessed and
 * dirty bits set, from the top down.
 */
#include "guest_walk.h"

#define PTE_P		0x1ull
#define PTE_W		0x2ull
#define PTE_U		0x4ull
#define PTE_A		0x20ull
#define PTE_D		0x40ull
#define PTE_PS		0x80ull
#define PTE_G		0x100ull
#define PTE_NX		0x8000000000000000ull
#define PTE_PKEY_SHIFT	59

/* Bits @low to @high. */
#define BITS(high, low)	((~0ull >> (63 - (high))) & (~0ull << (low)))

static unsigned int entry_size(const struct guest_paging *p)
{
	return p->levels == 2 ? 4 : 8;
}

static unsigned int index_bits(const struct guest_paging *p)
{
	return p->levels == 2 ? 10 : 9;
}

/* log2 of what an entry of @level maps. */
static unsigned int level_shift(const struct guest_paging *p, int level)
{
	return 12 + index_bits(p) * (level - 1);
}

/* Physical address bits that this guest's CPU does not have, up to the last an entry could hold. */
static u64 beyond_maxphyaddr(const struct guest_paging *p, unsigned int top)
{
	return p->maxphyaddr > top ? 0 : BITS(top, p->maxphyaddr);
}

static bool is_large(const struct guest_paging *p, u64 entry, int level)
{
	if (!(entry & PTE_PS))
		return false;
	if (level == 2)
		return p->levels > 2 || p->pse;
	return level == 3 && p->levels > 3 && p->gb_pages;
}

/*
 * 32-bit entries have reserved bits in 4M pages only: bits 13 to 20 are address bits 32 to 39
 * (PSE-36).
 */
static u64 reserved_32(const struct guest_paging *p, u64 entry, int level)
{
	if (!is_large(p, entry, level))
		return 0;
	if (p->maxphyaddr >= 40)
		return BITS(21, 21);
	if (p->maxphyaddr <= 32)
		return BITS(21, 13);
	return BITS(21, p->maxphyaddr - 19);
}

/*
 * 64-bit entries: SDM vol 3, tables 4-8 to 4-20. PAE has no use for bits 52 to 62; long mode leaves
 * them to software.
 */
static u64 reserved_64(const struct guest_paging *p, u64 entry, int level)
{
	u64 bits = beyond_maxphyaddr(p, p->levels == 3 ? 62 : 51);

	if (!p->nx)
		bits |= PTE_NX;
	if (is_large(p, entry, level))
		return bits | BITS(level_shift(p, level) - 1, 13);
	if (level > 2)
		bits |= PTE_PS;
	if (p->amd && level >= 4 && level == p->levels)
		bits |= PTE_G;
	return bits;
}

static u64 reserved(const struct guest_paging *p, u64 entry, int level)
{
	return p->levels == 2 ? reserved_32(p, entry, level) : reserved_64(p, entry, level);
}

/* Where an entry points: a table, or a page of its level. */
static u64 address(const struct guest_paging *p, u64 entry, int level)
{
	bool large = is_large(p, entry, level);

	if (p->levels == 2 && large)
		return (entry & BITS(31, 22)) | (entry & BITS(20, 13)) << (32 - 13);
	return entry & BITS(p->levels == 2 ? 31 : 51, large ? level_shift(p, level) : 12);
}

static u64 root_of(const struct guest_paging *p)
{
	if (p->levels == 3)
		return p->cr3 & BITS(31, 5);
	return p->cr3 & BITS(p->levels == 2 ? 31 : 51, 12);
}

/*
 * Key protection restricts data accesses to user-mode pages, whoever makes them (SDM vol 3, 4.6.2).
 * Returns the error code's bit.
 */
static u32 key_forbids(const struct guest_walk *w)
{
	const struct guest_paging *p = w->p;
	unsigned int key = w->entries[w->level - 1] >> PTE_PKEY_SHIFT & 0xf;
	u32 rights = p->pkru >> (2 * key);

	if (!p->pke || p->levels < 4 || !w->user || w->access & WALK_FETCH)
		return 0;
	if (rights & 1)
		return WALK_PK;
	if (rights & 2 && w->access & WALK_WRITE && (w->access & WALK_USER || p->wp))
		return WALK_PK;
	return 0;
}

/*
 * A supervisor may not touch user pages under SMAP, unless EFLAGS.AC says so and the access is an
 * explicit one.
 */
static bool supervisor_forbidden(const struct guest_walk *w)
{
	const struct guest_paging *p = w->p;

	if (w->access & WALK_FETCH)
		return (w->user && p->smep) || (w->nx && p->nx);
	if (w->user && p->smap && (w->access & WALK_IMPLICIT || !p->ac))
		return true;
	return w->access & WALK_WRITE && p->wp && !w->write;
}

static bool user_forbidden(const struct guest_walk *w)
{
	if (!w->user)
		return true;
	if (w->access & WALK_FETCH)
		return w->nx && w->p->nx;
	return w->access & WALK_WRITE && !w->write;
}

/*
 * The access's own bits go with @why into the error code; I/D only exists with a feature that makes
 * fetches special.
 */
static bool fail(struct guest_walk *w, u32 why)
{
	const struct guest_paging *p = w->p;

	w->error_code = (w->access & (WALK_WRITE | WALK_USER)) | why;
	if (w->access & WALK_FETCH && (p->smep || (p->nx && p->levels > 2)))
		w->error_code |= WALK_FETCH;
	return false;
}

/* The top level of PAE is not in memory but in the CPU: four entries that grant everything. */
static bool is_pdptr(const struct guest_walk *w, int level)
{
	return w->p->levels == 3 && level == 3;
}

/* The entry that the walk needs at @level; @table is the address of its table. */
static bool read_entry(struct guest_walk *w, int level, u64 table)
{
	unsigned int index = w->va >> level_shift(w->p, level) & ((1u << index_bits(w->p)) - 1);
	unsigned int size = entry_size(w->p);
	u64 *entry = &w->entries[level - 1];
	enum guest_walk_io io;

	if (is_pdptr(w, level)) {
		*entry = w->p->pdptrs[index & 3];
		return true;
	}
	w->where[level - 1] = table + index * size;
	io = w->ops->read(w->ctx, w->where[level - 1], size, entry);
	w->host_error = io == WALK_IO_ERROR;
	return io == WALK_IO_OK;
}

static void add_rights(struct guest_walk *w, u64 entry, int level)
{
	if (is_pdptr(w, level))
		return;
	w->user = w->user && entry & PTE_U;
	w->write = w->write && entry & PTE_W;
	w->nx = w->nx || (w->p->levels > 2 && entry & PTE_NX);
}

/* From the root to the entry that maps. */
static bool descend(struct guest_walk *w)
{
	const struct guest_paging *p = w->p;
	u64 table = root_of(p), entry;
	int level;

	w->user = true;
	w->write = true;
	w->nx = false;
	for (level = p->levels; ; level--) {
		w->level = level;
		if (!read_entry(w, level, table))
			return fail(w, 0);
		entry = w->entries[level - 1];
		if (!(entry & PTE_P))
			return fail(w, 0);
		if (!is_pdptr(w, level) && entry & reserved(p, entry, level))
			return fail(w, WALK_PRESENT | WALK_RSVD);
		add_rights(w, entry, level);
		if (level == 1 || is_large(p, entry, level))
			return true;
		table = address(p, entry, level);
	}
}

static bool check_rights(struct guest_walk *w)
{
	bool user = w->access & WALK_USER;
	u32 key = key_forbids(w);

	if (key || (user ? user_forbidden(w) : supervisor_forbidden(w)))
		return fail(w, WALK_PRESENT | key);
	return true;
}

/* WALK_IO_CHANGED when an entry has changed under us. */
static enum guest_walk_io set_bits(struct guest_walk *w)
{
	enum guest_walk_io io;
	int level;

	for (level = w->p->levels; level >= w->level; level--) {
		u64 old = w->entries[level - 1];
		u64 new = old | PTE_A;

		if (is_pdptr(w, level))
			continue;
		if (level == w->level && w->access & WALK_WRITE)
			new |= PTE_D;
		if (new == old)
			continue;
		io = w->ops->set_bits(w->ctx, w->where[level - 1], entry_size(w->p), old, new);
		if (io == WALK_IO_CHANGED || io == WALK_IO_ERROR)
			return io;
	}
	return WALK_IO_OK;
}

bool guest_walk(struct guest_walk *w)
{
	const struct guest_paging *p = w->p;
	enum guest_walk_io io = WALK_IO_OK;

	w->host_error = false;
	if (!p->levels) {
		w->gpa = w->va;
		w->level = 0;
		return true;
	}
	do {
		if (!descend(w) || !check_rights(w))
			return false;
		if (w->ops->set_bits)
			io = set_bits(w);
	} while (io == WALK_IO_CHANGED);
	w->host_error = io == WALK_IO_ERROR;
	if (w->host_error)
		return false;

	w->gpa = address(p, w->entries[w->level - 1], w->level) |
		 (w->va & BITS(level_shift(p, w->level) - 1, 0));
	return true;
}

bool guest_pdptrs_valid(const u64 pdptrs[4], unsigned int maxphyaddr)
{
	u64 bits = BITS(2, 1) | BITS(8, 5) | (maxphyaddr > 63 ? 0 : BITS(63, maxphyaddr));
	int i;

	for (i = 0; i < 4; i++)
		if (pdptrs[i] & PTE_P && pdptrs[i] & bits)
			return false;
	return true;
}
