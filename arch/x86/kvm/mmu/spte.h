/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * SPTEs: the entries of the tables that the hardware walks from gpa to hpa.
 *
 * A table has 512 entries of 8 bytes. Its level counts from 1 (entries map 4K) upwards; an entry of
 * level n maps 1 << 9(n - 1) frames. What the bits of a present entry mean differs between NPT,
 * which has the format of long mode's page tables (APM vol 2, 15.25.5), and EPT (SDM vol 3,
 * 29.3.2); struct spte_format has one table of masks for each.
 *
 * Two bits that both formats leave to software say what may be given back without asking anybody:
 * HOST_WRITABLE, the VMM's mapping could be written when the entry was made; MMU_WRITABLE, the
 * entry is write-protected only to catch the next write for the dirty log.
 *
 * Not present is an entry none of whose format's "present" bits are set. Hardware then ignores all
 * others, so they tell:
 *	NONE	nothing is known
 *	MMIO	no slot was here when the slot table had the generation in the upper bits; the
 *		frame is told by the place, so the number has room enough never to wrap
 *	FROZEN	somebody takes the table away, or is about to put something else here: hands
 *		off, fault again
 */
#ifndef KVM_X86_MMU_SPTE_H
#define KVM_X86_MMU_SPTE_H

#include <kvm/types.h>
#include "tdp_config.h"

#define TDP_MAX_LEVEL		5
#define SPTE_BITS		9
#define SPTE_PER_TABLE		(1U << SPTE_BITS)
#define SPTE_PFN_BITS		GENMASK_ULL(51, 12)

#define SPTE_HOST_WRITABLE	BIT_ULL(52)
#define SPTE_MMU_WRITABLE	BIT_ULL(53)

#define SPTE_NONE		0ULL
#define SPTE_MMIO		BIT_ULL(3)
#define SPTE_FROZEN		BIT_ULL(4)
#define SPTE_MMIO_GEN_SHIFT	8

/* Masks of one format; zero where it has no such bit. */
struct spte_format {
	u64	present;	/* any of them: hardware uses the entry */
	u64	table;		/* set in a pointer to a table */
	u64	leaf;		/* set in a mapping */
	u64	write;
	u64	exec;		/* set: instructions may be fetched; as in leaf */
	u64	no_exec;	/* set: they may not */
	u64	large;		/* in a mapping above level 1 */
	u64	accessed;
	u64	dirty;
	u64	ram;		/* memory type of ordinary memory */
	u64	device;		/* and of what is not RAM */
	u64	encrypted;	/* SME: in every address of RAM */
};

extern struct spte_format spte_format;

/* What a mapping shall be. */
struct spte_want {
	kvm_pfn_t	pfn;		/* of the first frame */
	int		level;
	bool		host_writable;	/* slot and VMM's mapping let the guest write */
	bool		logged;		/* writable only once the page is marked dirty */
	bool		listed;		/* logged, and the hardware lists the first write */
	bool		write;		/* it is about to be written, and has been marked */
	bool		device;
	bool		no_exec;	/* where it is large: nx_huge.c */
	u8		nx_level;	/* that it would have were it not for a fetch; or 0 */
};

/* Choose the format; called once, before the first table is made. */
void spte_setup(const struct mmu_tdp_config *c);

u64 spte_make(const struct spte_want *want);
u64 spte_make_table(hpa_t table);
/* The mapping of level - 1 that is part @i of @huge, a mapping of @level. */
u64 spte_make_part(u64 huge, int level, unsigned int i);
/*
 * Would a CPU that has @spte cached let an access through that @next forbids, or send it elsewhere?
 */
bool spte_needs_flush(u64 spte, u64 next, int level);

static inline u64 spte_make_mmio(u64 generation)
{
	return SPTE_MMIO | generation << SPTE_MMIO_GEN_SHIFT;
}

/* Frames below one entry of @level; the index in its table of the entry that maps @gfn. */
static inline gfn_t level_frames(int level)
{
	return 1ULL << (SPTE_BITS * (level - 1));
}

static inline gfn_t level_align(gfn_t gfn, int level)
{
	return gfn & ~(level_frames(level) - 1);
}

static inline unsigned int level_index(gfn_t gfn, int level)
{
	return (gfn >> (SPTE_BITS * (level - 1))) & (SPTE_PER_TABLE - 1);
}

static inline bool spte_present(u64 spte)
{
	return spte & spte_format.present;
}

static inline bool spte_is_leaf(u64 spte, int level)
{
	return spte_present(spte) && (level == 1 || spte & spte_format.large);
}

static inline bool spte_is_table(u64 spte, int level)
{
	return spte_present(spte) && level > 1 && !(spte & spte_format.large);
}

static inline bool spte_is_mmio(u64 spte, u64 generation)
{
	return spte == spte_make_mmio(generation);
}

static inline hpa_t spte_hpa(u64 spte)
{
	return spte & SPTE_PFN_BITS & ~spte_format.encrypted;
}

static inline kvm_pfn_t spte_pfn(u64 spte)
{
	return spte_hpa(spte) >> PAGE_SHIFT;
}

static inline bool spte_writable(u64 spte)
{
	return spte & spte_format.write;
}

static inline bool spte_executable(u64 spte)
{
	return (spte & (spte_format.exec | spte_format.no_exec)) == spte_format.exec;
}

/* May a write be let through without looking at the VMM's mapping again? */
static inline bool spte_write_deferred(u64 spte)
{
	const u64 both = SPTE_HOST_WRITABLE | SPTE_MMU_WRITABLE;

	return !spte_writable(spte) && (spte & both) == both;
}

#endif /* KVM_X86_MMU_SPTE_H */
