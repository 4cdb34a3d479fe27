// SPDX-License-Identifier: GPL-2.0-only
/*
 * No code in large pages: the mitigation of iTLB multihit.
 *
 * On some processors a fetch that finds two translations of different size in the instruction TLB
 * stops the machine, and a guest that changes its own page tables at the right moment can bring
 * that about. With only 4K pages to fetch from there are never two (the kernel's documentation,
 * admin-guide/hw-vuln/multihit.rst). So large mappings lack the right to execute; a fetch splits
 * the one it hits into 4K ones, which have it.
 *
 * A table that is there for a fetch alone (sp->nx) is remembered, and no large mapping is put over
 * it; else code and data in one large page would take turns at faulting. As what was code once need
 * not be so for ever, a work item takes a share of these tables away from time to time, the oldest
 * first: the next access, if it is no fetch, finds a large page again.
 *
 * Whether the mitigation is on may change while VMs run. Who maps looks at it before mmu_lock is
 * taken; to change it all roots are given up after it is written, and a fault that has still seen
 * the old value finds its root invalid.
 *
 * sp->nx is set before the table is linked, and stays. The list, and sp->nx_listed, are under
 * nx.lock, the innermost: tables are linked, and large mappings put over others, with mmu_lock held
 * for read.
 */
#include <linux/capability.h>
#include <linux/cpu.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/workqueue.h>
#include <asm/cpufeature.h>
#include <kvm/compat.h>
#include "tdp.h"

/* What was asked for; NX_AUTO has become one of the others when a backend is there. */
enum nx_mode { NX_OFF, NX_ON, NX_AUTO, NX_NEVER };

static enum nx_mode nx_mode = NX_AUTO;
bool mmu_nx_on __read_mostly;		/* nx_mode is NX_ON, for who maps */

static unsigned int nx_recovery_ratio = 60;
static unsigned int nx_recovery_period_ms;

/*
 * Recovery.
 */

#define HOUR_MS		(60 * 60 * 1000)

/* 0: tables stay. Without a period of its own a table stays for an hour on average. */
static unsigned int recovery_period_ms(void)
{
	unsigned int ratio = READ_ONCE(nx_recovery_ratio);
	unsigned int period = READ_ONCE(nx_recovery_period_ms);

	if (!ratio)
		return 0;
	return period ? period : max(HOUR_MS / ratio, 1U);
}

/* Context: any; mmu_lock held, or the VM is on the list of all and kvm_lock held. */
static void recovery_queue(struct x86_mmu_vm *m)
{
	unsigned int ms = recovery_period_ms();

	if (ms)
		queue_delayed_work(system_unbound_wq, &m->nx.recovery, msecs_to_jiffies(ms));
}

struct recover_walk {
	struct tdp_walk	walk;
	struct mmu_page	*sp;
};

static enum tdp_next recover_visit(struct tdp_walk *w, struct tdp_entry *e)
{
	const struct recover_walk *r = container_of(w, struct recover_walk, walk);

	if (e->level != w->min_level || !spte_is_table(e->old, e->level) ||
	    mmu_page_of(e->old) != r->sp)
		return TDP_ON;
	return tdp_set(w, e, SPTE_NONE) ? TDP_STOP : TDP_AGAIN;
}

/* While its slot logs no large mapping could take the table's place. */
static bool worth_recovering(struct kvm *kvm, const struct mmu_page *sp)
{
	return !kvm_slot_logs_dirty(kvm_slots_find(kvm_slots(kvm, sp->role.smm), sp->gfn));
}

/*
 * The table's entry is no longer there for others, but its memory is until the walk is settled. A
 * root that is being given up has its tables taken by who does that.
 */
static void recover(struct recover_walk *r, struct mmu_page *sp)
{
	struct kvm *kvm = r->walk.kvm;
	struct mmu_page *root = NULL;

	r->sp = sp;
	r->walk.start = sp->gfn;
	r->walk.end = sp->gfn + 1;
	r->walk.min_level = sp->role.level + 1;
	while ((root = tdp_root_next(kvm, root)))
		if (root->role.smm == sp->role.smm)
			tdp_walk(&r->walk, root);
}

/* The oldest that is still to be looked at in this turn; it becomes the youngest. */
static struct mmu_page *next_to_recover(struct x86_mmu_vm *m)
{
	struct mmu_page *sp;

	spin_lock(&m->nx.lock);
	sp = list_first_entry_or_null(&m->nx.tables, struct mmu_page, nx_link);
	if (sp)
		list_move_tail(&sp->nx_link, &m->nx.tables);
	spin_unlock(&m->nx.lock);
	return sp;
}

/* @n: how many tables to look at. They share flushes. */
static void recover_some(struct kvm *kvm, u64 n)
{
	struct x86_mmu_vm *m = &to_x86_vm(kvm)->mmu;
	struct recover_walk r = {};
	struct mmu_page *sp;

	tdp_walk_init(&r.walk, kvm, 0, 0);
	r.walk.visit = recover_visit;
	r.walk.share_flush = true;
	write_lock(&kvm->mmu_lock);
	for (; n && (sp = next_to_recover(m)); n--) {
		if (worth_recovering(kvm, sp))
			recover(&r, sp);
		if (need_resched() || rwlock_needbreak(&kvm->mmu_lock)) {
			tdp_walk_settle(&r.walk);
			cond_resched_rwlock_write(&kvm->mmu_lock);
		}
	}
	tdp_walk_settle(&r.walk);
	write_unlock(&kvm->mmu_lock);
}

/* One part in @ratio of the tables that there are, at least one. */
static void recovery_work(struct work_struct *work)
{
	struct x86_mmu_vm *m = container_of(work, struct x86_mmu_vm, nx.recovery.work);
	struct x86_vm *vm = container_of(m, struct x86_vm, mmu);
	unsigned int ratio = READ_ONCE(nx_recovery_ratio);
	int idx;

	if (!ratio)
		return;
	idx = srcu_read_lock(&vm->kvm.srcu);
	recover_some(&vm->kvm, DIV_ROUND_UP_ULL(READ_ONCE(vm->stat.nx_lpage_splits), ratio));
	srcu_read_unlock(&vm->kvm.srcu, idx);
	if (READ_ONCE(vm->stat.nx_lpage_splits))
		recovery_queue(m);
}

/*
 * Tables that are there for a fetch.
 */

/**
 * mmu_nx_link - @sp has been linked, and is to be recovered one day
 * @kvm: its VM
 * @sp: of which nx is set
 *
 * Context: mmu_lock held, in the RCU section of the walk: another fault may have unlinked the table
 * already, but it is not freed.
 */
void mmu_nx_link(struct kvm *kvm, struct mmu_page *sp)
{
	struct x86_vm *vm = to_x86_vm(kvm);
	struct x86_mmu_vm *m = &vm->mmu;
	bool first = false;

	lockdep_assert_held(&kvm->mmu_lock);

	spin_lock(&m->nx.lock);
	if (sp->nx_listed == NX_UNLISTED) {
		sp->nx_listed = NX_LISTED;
		list_add_tail(&sp->nx_link, &m->nx.tables);
		first = !vm->stat.nx_lpage_splits;
		WRITE_ONCE(vm->stat.nx_lpage_splits, vm->stat.nx_lpage_splits + 1);
	}
	spin_unlock(&m->nx.lock);
	if (first)
		recovery_queue(m);
}

/* @sp has been unlinked. Context: mmu_lock held. */
void mmu_nx_unlink(struct kvm *kvm, struct mmu_page *sp)
{
	struct x86_vm *vm = to_x86_vm(kvm);
	struct x86_mmu_vm *m = &vm->mmu;

	spin_lock(&m->nx.lock);
	if (sp->nx_listed == NX_LISTED) {
		list_del(&sp->nx_link);
		WRITE_ONCE(vm->stat.nx_lpage_splits, vm->stat.nx_lpage_splits - 1);
	}
	sp->nx_listed = NX_GONE;
	spin_unlock(&m->nx.lock);
}

/*
 * A VM's part.
 */

void mmu_nx_vm_init(struct kvm *kvm)
{
	struct x86_mmu_vm *m = &to_x86_vm(kvm)->mmu;

	spin_lock_init(&m->nx.lock);
	INIT_LIST_HEAD(&m->nx.tables);
	INIT_DELAYED_WORK(&m->nx.recovery, recovery_work);
}

/* No vCPU runs any more, and the VM is on no list: nobody queues it again. */
void mmu_nx_vm_release(struct kvm *kvm)
{
	cancel_delayed_work_sync(&to_x86_vm(kvm)->mmu.nx.recovery);
}

/**
 * mmu_nx_disable - KVM_CAP_VM_DISABLE_NX_HUGE_PAGES (KVM API 8.38)
 * @kvm: the VM; kvm->lock held
 * @cap: as user space gave it
 */
int mmu_nx_disable(struct kvm *kvm, struct kvm_enable_cap *cap)
{
	lockdep_assert_held(&kvm->lock);

	if (!capable(CAP_SYS_BOOT))
		return -EPERM;
	if (cap->args[0] || kvm->created_vcpus)
		return -EINVAL;
	to_x86_vm(kvm)->mmu.nx.off = true;
	return 0;
}

/*
 * Parameters. Written with the lock of the kernel's parameters held, so one at a time.
 */

static bool host_needs_it(void)
{
	return boot_cpu_has_bug(X86_BUG_ITLB_MULTIHIT) && !cpu_mitigations_off();
}

/* The VMs' list does not change, so none goes away meanwhile. Context: kvm_lock held. */
static void change_mode(enum nx_mode mode)
{
	bool was_on = mmu_nx_on, on;
	struct kvm *kvm;

	if (mode == NX_AUTO)
		mode = host_needs_it() ? NX_ON : NX_OFF;
	on = mode == NX_ON;
	nx_mode = mode;
	WRITE_ONCE(mmu_nx_on, on);
	itlb_multihit_kvm_mitigation = on;	/* what sysfs reports */
	if (on == was_on)
		return;
	list_for_each_entry(kvm, &kvm_vms, node)
		tdp_roots_invalidate(kvm);
}

/* Before the first VM: what auto means here. */
void mmu_nx_module_init(void)
{
	mutex_lock(&kvm_lock);
	change_mode(nx_mode);
	mutex_unlock(&kvm_lock);
}

static int parse_mode(const char *val, enum nx_mode *mode)
{
	static const struct {
		const char	*word;
		enum nx_mode	mode;
	} words[] = {
		{ "auto",	NX_AUTO },
		{ "off",	NX_OFF },
		{ "force",	NX_ON },
		{ "never",	NX_NEVER },
	};
	unsigned int i;
	bool on;
	int r;

	for (i = 0; i < ARRAY_SIZE(words); i++) {
		if (sysfs_streq(val, words[i].word)) {
			*mode = words[i].mode;
			return 0;
		}
	}
	r = kstrtobool(val, &on);
	*mode = !r && on ? NX_ON : NX_OFF;
	return r;
}

/* Never is a promise that holds for as long as the module is loaded, and for every VM. */
static int nx_mode_set(const char *val, const struct kernel_param *kp)
{
	enum nx_mode mode;
	int r;

	if (nx_mode == NX_NEVER)
		return -EPERM;
	r = parse_mode(val, &mode);
	if (r)
		return r;
	mutex_lock(&kvm_lock);
	if (mode == NX_NEVER && !list_empty(&kvm_vms))
		r = -EBUSY;
	else
		change_mode(mode);
	mutex_unlock(&kvm_lock);
	return r;
}

static int nx_mode_get(char *buffer, const struct kernel_param *kp)
{
	static const char * const words[] = {
		[NX_OFF] = "N", [NX_ON] = "Y", [NX_AUTO] = "N", [NX_NEVER] = "never",
	};

	return sysfs_emit(buffer, "%s\n", words[nx_mode]);
}

static const struct kernel_param_ops nx_mode_ops = {
	.set	= nx_mode_set,
	.get	= nx_mode_get,
};

/* A wait that has begun by the old numbers is begun anew. */
static int recovery_set(const char *val, const struct kernel_param *kp)
{
	struct kvm *kvm;
	int r;

	if (nx_mode == NX_NEVER)
		return -EPERM;
	r = param_set_uint(val, kp);
	if (r)
		return r;
	mutex_lock(&kvm_lock);
	list_for_each_entry(kvm, &kvm_vms, node) {
		struct x86_vm *vm = to_x86_vm(kvm);

		cancel_delayed_work_sync(&vm->mmu.nx.recovery);
		if (READ_ONCE(vm->stat.nx_lpage_splits))
			recovery_queue(&vm->mmu);
	}
	mutex_unlock(&kvm_lock);
	return 0;
}

static const struct kernel_param_ops recovery_ops = {
	.set	= recovery_set,
	.get	= param_get_uint,
};

__MODULE_PARM_TYPE(nx_huge_pages, "bool");
module_param_cb(nx_huge_pages, &nx_mode_ops, &nx_mode, 0644);
MODULE_PARM_DESC(nx_huge_pages, "no code in large pages: auto, off, force, or never");
__MODULE_PARM_TYPE(nx_huge_pages_recovery_ratio, "uint");
module_param_cb(nx_huge_pages_recovery_ratio, &recovery_ops, &nx_recovery_ratio, 0644);
MODULE_PARM_DESC(nx_huge_pages_recovery_ratio,
		 "one part in so many of the pages split for code is made large again at a time; 0: none");
__MODULE_PARM_TYPE(nx_huge_pages_recovery_period_ms, "uint");
module_param_cb(nx_huge_pages_recovery_period_ms, &recovery_ops, &nx_recovery_period_ms, 0644);
MODULE_PARM_DESC(nx_huge_pages_recovery_period_ms,
		 "time between two such times; 0: so that a page is split for an hour on average");
