/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the direct MMU say to each other: its tables and roots, the one walker, the one
 * setter.
 *
 * Who may do what, and why no stale translation survives, is in Documentation/mmu.md.
 */
#ifndef KVM_X86_MMU_TDP_H
#define KVM_X86_MMU_TDP_H

#include "../x86.h"
#include "spte.h"

/* The header of one table. The page itself points back by its page_private(). */
struct mmu_page {
	u64			*spt;
	gfn_t			gfn;	/* the first one below it */
	union mmu_role		role;	/* level: of the entries; of a root also smm, invalid */
	bool			nx;	/* here for a fetch: see nx_huge.c */
	u8			nx_listed;	/* enum nx_listed */
	refcount_t		refs;	/* of a root: the VM's, and one of each who uses it */
	struct list_head	link;	/* of a root: in roots; of an unlinked table: in dead */
	struct list_head	nx_link;
	struct rcu_head		rcu;
};

enum nx_listed { NX_UNLISTED, NX_LISTED, NX_GONE };

/* Part of a slot that this architecture adds. */
struct kvm_slot_arch {
	int	max_level;	/* hva and gpa agree in all bits below a page of this level */
};

extern struct mmu_tdp_config mmu_tdp;

/* mmu.c: levels of the guest's own paging: 0 (off), 2, 3, 4 or 5. */
unsigned int mmu_guest_levels(const struct x86_vcpu *v);

/* walk.c: a walk whose steps the caller wants to see; p is the caller's, for w to point to. */
struct guest_walk;
struct guest_paging;
bool mmu_walk(struct kvm_vcpu *vcpu, struct guest_walk *w, struct guest_paging *p,
	      struct x86_exception *e);

/*
 * mmu.c: tables ready for use, zeroed. new may sleep unless @gfp forbids; free is for one that was
 * never linked.
 */
struct mmu_page *mmu_page_new(gfp_t gfp);
void mmu_page_free(struct mmu_page *sp);
int mmu_cache_fill(struct x86_mmu *mmu);
struct mmu_page *mmu_cache_take(struct x86_mmu *mmu);
void mmu_cache_return(struct x86_mmu *mmu, struct mmu_page *sp);

static inline struct mmu_page *mmu_page_of(u64 table_spte)
{
	return (struct mmu_page *)page_private(pfn_to_page(spte_pfn(table_spte)));
}

static inline u64 *spte_to_table(u64 table_spte)
{
	return __va(spte_hpa(table_spte));
}

/* Does the mapping let an access (ACC_*) through? Reads are never forbidden. */
static inline bool spte_allows(u64 spte, u32 access)
{
	if (!(access & (ACC_WRITE | ACC_FETCH)))
		return true;
	return access & ACC_WRITE ? spte_writable(spte) : spte_executable(spte);
}

/*
 * One entry on the way of a walk.
 */
struct tdp_entry {
	u64	*sptep;
	u64	old;		/* its value as last read */
	gfn_t	gfn;		/* the first frame it maps */
	int	level;
};

/* What a visitor says. */
enum tdp_next {
	TDP_ON,			/* go on; below the entry if it is a table now */
	TDP_AGAIN,		/* somebody else changed it: read it again and come back */
	TDP_STOP,
};

/*
 * A walk in pre-order over what maps [start, end), down to min_level. The visitor sees each entry,
 * tables before what is below them, and may change it by tdp_set(). flush is true while a CPU may
 * still use what was there before; the walker flushes before it lets go of mmu_lock, and before it
 * frees a table. What is left of it at the end is the caller's: several walks may share one flush.
 */
struct tdp_walk {
	struct kvm		*kvm;
	struct mmu_page		*root;
	gfn_t			start;
	gfn_t			end;
	int			min_level;
	bool			shared;		/* mmu_lock is held for read, else for write */
	bool			may_yield;
	bool			flush;
	bool			share_flush;	/* the caller settles, still under the lock */
	struct list_head	dead;		/* tables unlinked and not yet freed */
	enum tdp_next		(*visit)(struct tdp_walk *w, struct tdp_entry *e);
};

/* tdp_iter.c */
void tdp_walk_init(struct tdp_walk *w, struct kvm *kvm, gfn_t start, gfn_t end);
void tdp_walk(struct tdp_walk *w, struct mmu_page *root);
/* The same over every root of address space @as_id. */
void tdp_walk_roots(struct tdp_walk *w, int as_id);
/* Flush if need be, and free what was unlinked. mmu_lock held. */
void tdp_walk_settle(struct tdp_walk *w);
/*
 * The lowest entry for @gfn, without a lock. Context: RCU read section, which *@e must not outlive.
 */
void tdp_find(struct mmu_page *root, gfn_t gfn, struct tdp_entry *e);

/**
 * tdp_set - change an entry, and everything that hangs on it
 * @w: the walk that found it
 * @e: e->old is what it is believed to be; afterwards what it is
 * @new: FROZEN keeps others away until tdp_thaw()
 *
 * Counts pages, tells the host page of accesses and writes when a mapping goes, unlinks a table
 * that is replaced, and notes in @w that a flush is due.
 *
 * Return: false when the entry was changed by another, or is frozen: nothing is done.
 */
bool tdp_set(struct tdp_walk *w, struct tdp_entry *e, u64 new);
void tdp_thaw(struct tdp_walk *w, struct tdp_entry *e, u64 new);
/* @n mappings of @level are there that were not made one by one. */
void tdp_count(struct kvm *kvm, int level, long n);

/*
 * tdp.c: roots. get: find or make the root of @role; the caller holds a reference then. NULL: no
 * memory. Sleeps. next: for loops over the list; takes a reference on what it returns and gives
 * back @prev's; mmu_lock held.
 */
struct mmu_page *tdp_root_get(struct kvm *kvm, union mmu_role role);
void tdp_root_put(struct kvm *kvm, struct mmu_page *root);
struct mmu_page *tdp_root_next(struct kvm *kvm, struct mmu_page *prev);
void tdp_roots_invalidate(struct kvm *kvm);

static inline bool tdp_root_usable(const struct mmu_page *root)
{
	return root && !root->role.invalid;
}

/* A mapping to be made by a fault. */
enum tdp_map_result {
	TDP_MAP_DONE,
	TDP_MAP_SPURIOUS,	/* what is there allows the access */
	TDP_MAP_RETRY,		/* an entry on the way is frozen: fault again */
};

/* Map @gfn as @want says. mmu_lock held for read, caches filled, root usable. */
enum tdp_map_result tdp_map(struct kvm_vcpu *vcpu, gfn_t gfn, const struct spte_want *want,
			    u32 access);
/* Remember that @gfn had no slot when the slot table had number @generation. Context as above. */
void tdp_map_mmio(struct kvm_vcpu *vcpu, gfn_t gfn, u64 generation);
bool tdp_split(struct tdp_walk *w, struct tdp_entry *e, struct mmu_page *sp, bool nx);

/*
 * Take every mapping of [start, end) away; with @tables also the tables all of whose frames are in
 * it.
 */
bool tdp_zap(struct kvm *kvm, int as_id, gfn_t start, gfn_t end, bool tables, bool may_yield);

/* nx_huge.c */
extern bool mmu_nx_on;
void mmu_nx_link(struct kvm *kvm, struct mmu_page *sp);
void mmu_nx_unlink(struct kvm *kvm, struct mmu_page *sp);
void mmu_nx_vm_init(struct kvm *kvm);
void mmu_nx_module_init(void);

/* Do large mappings of this VM lack the right to execute? */
static inline bool mmu_nx_wanted(const struct kvm *kvm)
{
	return unlikely(READ_ONCE(mmu_nx_on)) && !to_x86_vm(kvm)->mmu.nx.off;
}

/* apic_page.c */
int apic_page_create(struct kvm *kvm);
void apic_page_free(struct kvm *kvm);
bool apic_page_at(struct kvm_vcpu *vcpu, gfn_t gfn);
bool apic_page_map(struct kvm_vcpu *vcpu, gfn_t gfn, u32 access);
bool apic_page_covers(const struct kvm_slot *slot);

/* tdp_dirty.c: a slot begins to be logged, or is no longer. Sleep; slots_lock held. */
void tdp_log_start(struct kvm *kvm, const struct kvm_slot *slot);
void tdp_log_stop(struct kvm *kvm, const struct kvm_slot *slot);
/* The first slot begins to be logged, or the last no longer is. slots_lock held. */
void tdp_list_writes(struct kvm *kvm, bool on);

/*
 * slot.c: the largest level at which @gfn of @slot may be mapped; and at which the VMM maps it now.
 */
int mmu_slot_level(const struct kvm_slot *slot, gfn_t gfn);
int mmu_host_level(struct mm_struct *mm, hva_t hva, int max);

#endif /* KVM_X86_MMU_TDP_H */
