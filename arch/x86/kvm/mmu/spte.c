// SPDX-License-Identifier: GPL-2.0-only
/*
 * SPTEs: how they are made. See spte.h for what they are; nothing here touches a table.
 */
#include "spte.h"

/*
 * Nested page tables have the format of the host's own. Every access of a guest counts as one of
 * user mode, so U is set everywhere (APM vol 2, 15.25.5). Device memory is marked PCD, which the
 * PAT of a Linux host makes UC-: the guest may still choose write combining, but never caching
 * (15.25.8).
 */
static const struct spte_format npt_format = {
	.present	= BIT_ULL(0),
	.table		= BIT_ULL(0) | BIT_ULL(1) | BIT_ULL(2) | BIT_ULL(5),	/* P W U A */
	.leaf		= BIT_ULL(0) | BIT_ULL(2),
	.write		= BIT_ULL(1),
	.no_exec	= BIT_ULL(63),
	.large		= BIT_ULL(7),
	.accessed	= BIT_ULL(5),
	.dirty		= BIT_ULL(6),
	.device		= BIT_ULL(4),
};

/*
 * EPT: read, write and execute are bits 0 to 2, the memory type bits 3 to 5 (SDM vol 3, tables 29-1
 * to 29-7).
 */
static const struct spte_format ept_format = {
	.present	= GENMASK_ULL(2, 0),
	.table		= GENMASK_ULL(2, 0),
	.leaf		= BIT_ULL(0) | BIT_ULL(2),
	.write		= BIT_ULL(1),
	.exec		= BIT_ULL(2),
	.large		= BIT_ULL(7),
	.accessed	= BIT_ULL(8),
	.dirty		= BIT_ULL(9),
	.ram		= 6ULL << 3 | BIT_ULL(6),	/* write-back, the guest's PAT ignored */
	.device		= 0,				/* uncacheable */
};

/* What tells the kinds of not-present entries apart must not make one present in either format. */
static_assert(!((SPTE_MMIO | SPTE_FROZEN | ~0ULL << SPTE_MMIO_GEN_SHIFT) & GENMASK_ULL(2, 0)));
static_assert(!((SPTE_HOST_WRITABLE | SPTE_MMU_WRITABLE) & SPTE_PFN_BITS));

struct spte_format spte_format __read_mostly;

void spte_setup(const struct mmu_tdp_config *c)
{
	spte_format = c->ept ? ept_format : npt_format;
	spte_format.encrypted = c->sme_mask;
	if (!c->ept && !c->npt_nx)
		spte_format.no_exec = 0;
	if (c->ept && !c->ept_ad) {
		spte_format.accessed = 0;
		spte_format.dirty = 0;
	}
}

/*
 * Accessed is set at once, since somebody waits for the page; dirty too where a write comes, which
 * saves the hardware its locked cycle.
 */
u64 spte_make(const struct spte_want *want)
{
	const struct spte_format *f = &spte_format;
	u64 spte = pfn_to_hpa(want->pfn) | f->leaf | f->accessed;

	spte |= want->device ? f->device : f->ram | f->encrypted;
	if (want->level > 1) {
		spte |= f->large;
		if (want->no_exec)
			spte = (spte & ~f->exec) | f->no_exec;
	}
	if (!want->host_writable)
		return spte;

	spte |= SPTE_HOST_WRITABLE | SPTE_MMU_WRITABLE;
	if (!want->logged || want->listed || want->write)
		spte |= f->write;
	if (want->write)
		spte |= f->dirty;
	return spte;
}

u64 spte_make_table(hpa_t table)
{
	return table | spte_format.table | spte_format.encrypted;
}

/*
 * Accessed, dirty and rights are the whole's, but for execution, which a 4K one always allows: a
 * CPU that has the whole cached need not be told.
 */
u64 spte_make_part(u64 huge, int level, unsigned int i)
{
	u64 part = huge + (i * level_frames(level - 1) << PAGE_SHIFT);

	if (level - 1 == 1) {
		part &= ~(spte_format.large | spte_format.no_exec);
		part |= spte_format.exec;
	}
	return part;
}

/*
 * A mapping made smaller but otherwise the same (split into parts) needs none; and hardware never
 * caches what is not present. A dirty bit is taken away so that the next write is listed, which a
 * CPU that has it cached would not do.
 */
bool spte_needs_flush(u64 spte, u64 next, int level)
{
	if (!spte_present(spte))
		return false;
	if (spte_is_leaf(spte, level) && spte_is_table(next, level))
		return false;
	if (!spte_present(next) || spte_hpa(spte) != spte_hpa(next))
		return true;
	if (spte_executable(spte) && !spte_executable(next))
		return true;
	return spte_writable(spte) &&
	       (!spte_writable(next) || spte & ~next & spte_format.dirty);
}
