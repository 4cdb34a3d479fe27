// SPDX-License-Identifier: GPL-2.0-only
/*
 * The one walker of the direct MMU, and the one function that changes an entry.
 *
 * Under mmu_lock held for write, nobody but the hardware (accessed, dirty) and the lockless write
 * fix (fault.c) changes an entry; under the read lock faults do as well. So every change is a
 * cmpxchg against the value that was looked at, whatever the lock.
 *
 * A table is unlinked in this order: its pointer is replaced; each entry below is frozen, so that
 * nobody who stands in the table can add to it; TLBs are flushed, so that no CPU's paging-structure
 * cache leads into it; RCU waits for those who stand in it without a lock; the page is freed.
 */
#include "tdp.h"

static_assert(sizeof(atomic64_t) == sizeof(u64));

/* Faults count in parallel, so the counters that they share are changed atomically. */
void tdp_count(struct kvm *kvm, int level, long n)
{
	struct x86_vm *vm = to_x86_vm(kvm);
	u64 *of_level[] = { &vm->stat.pages_4k, &vm->stat.pages_2m, &vm->stat.pages_1g };

	if (!KVM_BUG_ON(level < 1 || level > ARRAY_SIZE(of_level), kvm))
		atomic64_add(n, (atomic64_t *)of_level[level - 1]);
}

/* A mapping goes, or its bits do: the host page keeps what they said. */
static void tell_host(u64 old, u64 new)
{
	u64 gone = old & ~new;

	if (gone & spte_format.accessed && !spte_present(new))
		kvm_pfn_set_accessed(spte_pfn(old));
	if (gone & spte_format.dirty)
		kvm_pfn_set_dirty(spte_pfn(old));
}

static void entry_changed(struct tdp_walk *w, int level, u64 old, u64 new);

/*
 * Another fault may hold an entry frozen for the moment that its flush takes; mmu_lock keeps it
 * from sleeping.
 */
static u64 freeze(u64 *sptep)
{
	u64 old;

	while ((old = xchg(sptep, SPTE_FROZEN)) == SPTE_FROZEN)
		cpu_relax();
	return old;
}

static void unlink_table(struct tdp_walk *w, u64 pointer)
{
	struct mmu_page *sp = mmu_page_of(pointer);
	unsigned int i;

	for (i = 0; i < SPTE_PER_TABLE; i++)
		entry_changed(w, sp->role.level, freeze(&sp->spt[i]), SPTE_FROZEN);
	atomic64_dec(&to_x86_vm(w->kvm)->mmu.tables);
	if (unlikely(sp->nx))
		mmu_nx_unlink(w->kvm, sp);
	list_add(&sp->link, &w->dead);
}

/*
 * An entry of @level was @old and is @new. A mapping never turns into one of another page, nor
 * loses a right, without having been taken away in between.
 */
static void entry_changed(struct tdp_walk *w, int level, u64 old, u64 new)
{
	bool was_leaf = spte_is_leaf(old, level), is_leaf = spte_is_leaf(new, level);

	KVM_BUG_ON(was_leaf && is_leaf && spte_hpa(old) != spte_hpa(new), w->kvm);
	KVM_BUG_ON(spte_is_table(old, level) && spte_present(new), w->kvm);

	if (was_leaf != is_leaf)
		tdp_count(w->kvm, level, is_leaf ? 1 : -1);
	if (was_leaf && !spte_is_table(new, level))
		tell_host(old, new);
	if (spte_needs_flush(old, new, level))
		w->flush = true;
	if (spte_is_table(old, level))
		unlink_table(w, old);
}

bool tdp_set(struct tdp_walk *w, struct tdp_entry *e, u64 new)
{
	u64 old = e->old;

	lockdep_assert_held(&w->kvm->mmu_lock);

	if (old == SPTE_FROZEN || !try_cmpxchg64(e->sptep, &e->old, new))
		return false;
	e->old = new;
	entry_changed(w, e->level, old, new);
	return true;
}

/*
 * The entry is ours since tdp_set(FROZEN): nobody else writes it, and hardware does not look at it.
 */
void tdp_thaw(struct tdp_walk *w, struct tdp_entry *e, u64 new)
{
	KVM_BUG_ON(e->old != SPTE_FROZEN || w->flush, w->kvm);
	e->old = new;
	entry_changed(w, e->level, SPTE_FROZEN, new);
	WRITE_ONCE(*e->sptep, new);
}

static void free_table_rcu(struct rcu_head *rcu)
{
	mmu_page_free(container_of(rcu, struct mmu_page, rcu));
}

void tdp_walk_settle(struct tdp_walk *w)
{
	struct mmu_page *sp, *next;

	if (w->flush || !list_empty(&w->dead))
		kvm_flush_remote_tlbs(w->kvm);
	w->flush = false;
	list_for_each_entry_safe(sp, next, &w->dead, link)
		call_rcu(&sp->rcu, free_table_rcu);
	INIT_LIST_HEAD(&w->dead);
}

/*
 * Let others at the lock and at the CPU, with nothing of ours left to flush. Tables may be gone
 * afterwards.
 */
static bool yield_lock(struct tdp_walk *w)
	__must_hold(RCU)
{
	rwlock_t *lock = &w->kvm->mmu_lock;

	if (!w->may_yield || (!need_resched() && !rwlock_needbreak(lock)))
		return false;
	tdp_walk_settle(w);
	rcu_read_unlock();
	if (w->shared)
		cond_resched_rwlock_read(lock);
	else
		cond_resched_rwlock_write(lock);
	rcu_read_lock();
	return true;
}

/* Show the entry to the visitor until it is content. Return: whether to go on. */
static bool visit(struct tdp_walk *w, struct tdp_entry *e)
{
	enum tdp_next next;

	do {
		e->old = READ_ONCE(*e->sptep);
		next = w->visit(w, e);
	} while (next == TDP_AGAIN);
	return next == TDP_ON;
}

/*
 * tables[] is the way down from the root to where the walk stands. After a yield the way may be
 * gone: the walk begins at the root again, at the next frame, and the visitor sees tables on the
 * way a second time.
 */
static void walk_root(struct tdp_walk *w, const struct mmu_page *root)
{
	u64 *tables[TDP_MAX_LEVEL + 1];
	int top = root->role.level, level = top;
	struct tdp_entry e;
	gfn_t gfn = w->start;
	gfn_t end = min(w->end, level_frames(top + 1));

	tables[top] = root->spt;
	while (gfn < end) {
		e.level = level;
		e.gfn = level_align(gfn, level);
		e.sptep = &tables[level][level_index(gfn, level)];
		if (!visit(w, &e))
			return;
		if (level > w->min_level && spte_is_table(e.old, level)) {
			tables[--level] = spte_to_table(e.old);
			continue;
		}
		gfn = e.gfn + level_frames(level);
		if (yield_lock(w))
			level = top;
		while (level < top && !level_index(gfn, level))
			level++;
	}
}

void tdp_walk_init(struct tdp_walk *w, struct kvm *kvm, gfn_t start, gfn_t end)
{
	*w = (struct tdp_walk) {
		.kvm		= kvm,
		.start		= start,
		.end		= end,
		.min_level	= 1,
	};
	INIT_LIST_HEAD(&w->dead);
}

void tdp_walk(struct tdp_walk *w, struct mmu_page *root)
{
	lockdep_assert_held(&w->kvm->mmu_lock);

	rcu_read_lock();
	w->root = root;
	walk_root(w, root);
	if (!w->share_flush && !list_empty(&w->dead))
		tdp_walk_settle(w);
	rcu_read_unlock();
}

void tdp_walk_roots(struct tdp_walk *w, int as_id)
{
	struct mmu_page *root = NULL;

	while ((root = tdp_root_next(w->kvm, root)))
		if (root->role.smm == as_id)
			tdp_walk(w, root);
}

void tdp_find(struct mmu_page *root, gfn_t gfn, struct tdp_entry *e)
{
	u64 *table = root->spt;

	for (e->level = root->role.level; ; e->level--) {
		e->sptep = &table[level_index(gfn, e->level)];
		e->gfn = level_align(gfn, e->level);
		e->old = READ_ONCE(*e->sptep);
		if (!spte_is_table(e->old, e->level))
			return;
		table = spte_to_table(e->old);
	}
}
