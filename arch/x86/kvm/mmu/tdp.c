// SPDX-License-Identifier: GPL-2.0-only
/*
 * The direct MMU: its roots, and how mappings come and go.
 *
 * A root is a top-level table with everything below it: what the guest's physical memory is in one
 * address space. All vCPUs of one role share it, and the VM keeps it while no vCPU has it loaded,
 * since the guest comes back from SMM. A root is given up in two steps: marked invalid under
 * mmu_lock held for write, after which no fault adds to it; then emptied, and the VM's reference
 * dropped. It stays on the list until its last user is gone, so a loop over roots that holds one
 * may always go on from it.
 *
 * Faults map under mmu_lock held for read, each entry by one cmpxchg; whoever loses looks again.
 * Zapping takes mmu_lock for write.
 */
#include <linux/rculist.h>
#include "tdp.h"

/*
 * Roots.
 */

static void free_root_rcu(struct rcu_head *rcu)
{
	mmu_page_free(container_of(rcu, struct mmu_page, rcu));
}

void tdp_root_put(struct kvm *kvm, struct mmu_page *root)
{
	struct x86_mmu_vm *m = &to_x86_vm(kvm)->mmu;

	if (!refcount_dec_and_test(&root->refs))
		return;
	spin_lock(&m->roots_lock);
	list_del_rcu(&root->link);
	spin_unlock(&m->roots_lock);

	KVM_BUG_ON(!root->role.invalid, kvm);
	atomic64_dec(&m->tables);
	call_rcu(&root->rcu, free_root_rcu);
}

struct mmu_page *tdp_root_next(struct kvm *kvm, struct mmu_page *prev)
{
	struct list_head *head = &to_x86_vm(kvm)->mmu.roots;
	struct list_head *at = prev ? &prev->link : head;
	struct mmu_page *root = NULL;

	lockdep_assert_held(&kvm->mmu_lock);

	rcu_read_lock();
	while ((at = rcu_dereference(list_next_rcu(at))) != head) {
		root = list_entry(at, struct mmu_page, link);
		if (refcount_inc_not_zero(&root->refs))
			break;
		root = NULL;
	}
	rcu_read_unlock();
	if (prev)
		tdp_root_put(kvm, prev);
	return root;
}

/* Call with mmu_lock held: for write where a root may be added. */
static struct mmu_page *find_root(struct kvm *kvm, union mmu_role role)
{
	struct mmu_page *root = NULL;

	while ((root = tdp_root_next(kvm, root)))
		if (root->role.word == role.word)
			break;
	return root;
}

static struct mmu_page *add_root(struct kvm *kvm, union mmu_role role, struct mmu_page *sp)
{
	struct x86_mmu_vm *m = &to_x86_vm(kvm)->mmu;

	sp->gfn = 0;
	sp->role = role;
	refcount_set(&sp->refs, 2);	/* the VM's, and the caller's */
	atomic64_inc(&m->tables);
	spin_lock(&m->roots_lock);
	list_add_rcu(&sp->link, &m->roots);
	spin_unlock(&m->roots_lock);
	return sp;
}

struct mmu_page *tdp_root_get(struct kvm *kvm, union mmu_role role)
{
	struct mmu_page *root, *sp;

	read_lock(&kvm->mmu_lock);
	root = find_root(kvm, role);
	read_unlock(&kvm->mmu_lock);
	if (root)
		return root;

	sp = mmu_page_new(GFP_KERNEL_ACCOUNT);
	if (!sp)
		return NULL;
	write_lock(&kvm->mmu_lock);
	root = find_root(kvm, role);
	if (!root) {
		root = add_root(kvm, role, sp);
		sp = NULL;
	}
	write_unlock(&kvm->mmu_lock);
	if (sp)
		mmu_page_free(sp);
	return root;
}

/*
 * Zapping.
 */

struct zap_walk {
	struct tdp_walk	walk;
	bool		tables;
};

/*
 * Only a table of 4K mappings goes as a whole: below a larger one hang too many entries for one go
 * without a yield. Larger ones are few; they go with their root.
 */
static enum tdp_next zap_visit(struct tdp_walk *w, struct tdp_entry *e)
{
	struct zap_walk *z = container_of(w, struct zap_walk, walk);
	bool whole = e->gfn >= w->start && e->gfn + level_frames(e->level) <= w->end;

	if (!spte_present(e->old))
		return TDP_ON;
	if (spte_is_table(e->old, e->level) && !(z->tables && whole && e->level == 2))
		return TDP_ON;
	return tdp_set(w, e, SPTE_NONE) ? TDP_ON : TDP_AGAIN;
}

bool tdp_zap(struct kvm *kvm, int as_id, gfn_t start, gfn_t end, bool tables, bool may_yield)
{
	struct zap_walk z = { .tables = tables };

	lockdep_assert_held_write(&kvm->mmu_lock);

	tdp_walk_init(&z.walk, kvm, start, end);
	z.walk.visit = zap_visit;
	z.walk.may_yield = may_yield;
	tdp_walk_roots(&z.walk, as_id);
	return z.walk.flush;
}

static enum tdp_next zap_top_visit(struct tdp_walk *w, struct tdp_entry *e)
{
	if (!spte_present(e->old))
		return TDP_ON;
	return tdp_set(w, e, SPTE_NONE) ? TDP_ON : TDP_AGAIN;
}

/*
 * Empty an invalid root: first what is below the large tables, with yields; then the large tables,
 * bare by now.
 */
static void zap_root(struct kvm *kvm, struct mmu_page *root)
{
	struct zap_walk z = { .tables = true };

	tdp_walk_init(&z.walk, kvm, 0, level_frames(root->role.level + 1));
	z.walk.visit = zap_visit;
	z.walk.may_yield = true;
	tdp_walk(&z.walk, root);

	z.walk.visit = zap_top_visit;
	z.walk.min_level = root->role.level;
	tdp_walk(&z.walk, root);
	tdp_walk_settle(&z.walk);
}

/**
 * tdp_roots_invalidate - give up every root, and with it every translation of the VM
 * @kvm: of which the caller has the slots, the mm or the last reference
 *
 * Context: takes mmu_lock for write and may let go of it on the way; sleeps not. vCPUs find new
 * roots at their next entry. When this returns no CPU has a translation of what was mapped before:
 * so what another has begun to give up, and not yet emptied, is emptied here as well.
 */
void tdp_roots_invalidate(struct kvm *kvm)
{
	struct mmu_page *root = NULL;

	write_lock(&kvm->mmu_lock);
	while ((root = tdp_root_next(kvm, root))) {
		bool ours = !root->role.invalid;

		root->role.invalid = 1;
		kvm_request_all(kvm, KVM_REQ_MMU_RELOAD);
		zap_root(kvm, root);
		if (ours)
			tdp_root_put(kvm, root);	/* the VM's */
	}
	write_unlock(&kvm->mmu_lock);
}

/*
 * Mapping.
 */

struct map_walk {
	struct tdp_walk		walk;
	struct x86_mmu		*mmu;		/* whose cached tables are used */
	u32			access;
	u64			spte;
	int			level;
	u8			nx_level;	/* of spte_want */
	enum tdp_map_result	result;
};

static void link_ready(struct mmu_page *sp, const struct tdp_walk *w, const struct tdp_entry *e)
{
	sp->gfn = e->gfn;
	sp->role = w->root->role;
	sp->role.level = e->level - 1;
}

/* Put an empty table where nothing is. */
static enum tdp_next map_table(struct map_walk *m, struct tdp_entry *e)
{
	struct mmu_page *sp = mmu_cache_take(m->mmu);

	if (!sp)
		return TDP_STOP;
	link_ready(sp, &m->walk, e);
	if (unlikely(e->level <= m->nx_level))
		sp->nx = true;
	if (!tdp_set(&m->walk, e, spte_make_table(__pa(sp->spt)))) {
		mmu_cache_return(m->mmu, sp);
		return TDP_AGAIN;
	}
	atomic64_inc(&to_x86_vm(m->walk.kvm)->mmu.tables);
	if (unlikely(sp->nx))
		mmu_nx_link(m->walk.kvm, sp);
	return TDP_ON;
}

/**
 * tdp_split - put a table of smaller mappings in the place of a large one
 * @w: the walk that found it
 * @e: of a large mapping
 * @sp: an unused table; taken when the result is true, else to be cleared
 * @nx: it is split for a fetch
 *
 * Nothing changes for the guest, so no TLB is flushed: until one is, a CPU may go on with the large
 * translation, and whoever takes rights away from a part flushes.
 *
 * Return: false when the entry was changed by another.
 */
bool tdp_split(struct tdp_walk *w, struct tdp_entry *e, struct mmu_page *sp, bool nx)
{
	u64 huge = e->old;
	unsigned int i;

	link_ready(sp, w, e);
	if (nx)
		sp->nx = true;
	for (i = 0; i < SPTE_PER_TABLE; i++)
		sp->spt[i] = spte_make_part(huge, e->level, i);
	if (!tdp_set(w, e, spte_make_table(__pa(sp->spt))))
		return false;
	atomic64_inc(&to_x86_vm(w->kvm)->mmu.tables);
	tdp_count(w->kvm, e->level - 1, SPTE_PER_TABLE);
	if (nx)
		mmu_nx_link(w->kvm, sp);
	return true;
}

static enum tdp_next map_split(struct map_walk *m, struct tdp_entry *e)
{
	struct mmu_page *sp = mmu_cache_take(m->mmu);

	if (!sp)
		return TDP_STOP;
	if (tdp_split(&m->walk, e, sp, e->level <= m->nx_level))
		return TDP_ON;
	mmu_cache_return(m->mmu, sp);
	return TDP_AGAIN;
}

/*
 * Small pages give way to a large one: after dirty logging, or when the host has made a huge page
 * of them. No CPU may have a translation of both sizes, so the entry stays frozen over the flush.
 */
static enum tdp_next map_over_table(struct map_walk *m, struct tdp_entry *e)
{
	if (!tdp_set(&m->walk, e, SPTE_FROZEN))
		return TDP_AGAIN;
	tdp_walk_settle(&m->walk);
	tdp_thaw(&m->walk, e, m->spte);
	m->result = TDP_MAP_DONE;
	return TDP_STOP;
}

/* The table is there for a fetch: of what was wanted only the part in which the access is. */
static enum tdp_next map_smaller(struct map_walk *m, const struct tdp_entry *e)
{
	m->level = e->level - 1;
	m->spte = spte_make_part(m->spte, e->level, level_index(m->walk.start, m->level));
	return TDP_ON;
}

static enum tdp_next map_leaf(struct map_walk *m, struct tdp_entry *e)
{
	if (spte_is_table(e->old, e->level))
		return mmu_page_of(e->old)->nx ? map_smaller(m, e) : map_over_table(m, e);
	if (!tdp_set(&m->walk, e, m->spte))
		return TDP_AGAIN;
	m->result = TDP_MAP_DONE;
	return TDP_STOP;
}

static enum tdp_next map_visit(struct tdp_walk *w, struct tdp_entry *e)
{
	struct map_walk *m = container_of(w, struct map_walk, walk);

	if (e->old == SPTE_FROZEN)
		return TDP_STOP;
	if (spte_is_leaf(e->old, e->level) && spte_allows(e->old, m->access)) {
		/* It may have been split for this fetch a moment ago. */
		m->result = m->nx_level ? TDP_MAP_DONE : TDP_MAP_SPURIOUS;
		return TDP_STOP;
	}
	if (e->level == m->level)
		return map_leaf(m, e);
	if (spte_is_table(e->old, e->level))
		return TDP_ON;
	return spte_present(e->old) ? map_split(m, e) : map_table(m, e);
}

static void map_walk_init(struct map_walk *m, struct kvm_vcpu *vcpu, gfn_t gfn)
{
	lockdep_assert_held_read(&vcpu->kvm->mmu_lock);

	tdp_walk_init(&m->walk, vcpu->kvm, gfn, gfn + 1);
	m->walk.shared = true;
	m->walk.visit = map_visit;
	m->mmu = &to_x86(vcpu)->mmu;
	m->result = TDP_MAP_RETRY;
}

enum tdp_map_result tdp_map(struct kvm_vcpu *vcpu, gfn_t gfn, const struct spte_want *want,
			    u32 access)
{
	struct map_walk m = {};

	map_walk_init(&m, vcpu, gfn);
	m.access = access;
	m.spte = spte_make(want);
	m.level = want->level;
	m.nx_level = want->nx_level;
	tdp_walk(&m.walk, m.mmu->root_page);
	if (m.walk.flush)
		tdp_walk_settle(&m.walk);
	return m.result;
}

void tdp_map_mmio(struct kvm_vcpu *vcpu, gfn_t gfn, u64 generation)
{
	struct map_walk m = {};

	map_walk_init(&m, vcpu, gfn);
	m.spte = spte_make_mmio(generation);
	m.level = 1;
	tdp_walk(&m.walk, m.mmu->root_page);
}
