// SPDX-License-Identifier: GPL-2.0-only
/*
 * The MMU of a vCPU: which root it runs on, and the tables it keeps ready for its faults.
 *
 * The role says what the guest's paging is now. Of that only little shapes a direct root (its
 * level, the address space); so when the guest changes CR0, CR4 or EFER the root nearly always
 * stays.
 *
 * A fault may not allocate under mmu_lock: each vCPU has a few zeroed tables with their headers,
 * filled up before the lock is taken.
 */
#include <linux/slab.h>
#include "tdp.h"

struct mmu_tdp_config mmu_tdp __read_mostly;
static struct kmem_cache *mmu_page_cache;

/**
 * mmu_configure - the backend's hardware set-up says what the second-level tables are like
 * @c: copied
 *
 * Context: module load; no VM exists.
 */
void mmu_configure(const struct mmu_tdp_config *c)
{
	mmu_tdp = *c;
	spte_setup(c);
}
EXPORT_SYMBOL_GPL(mmu_configure);

int mmu_module_init(void)
{
	mmu_page_cache = KMEM_CACHE(mmu_page, 0);
	if (!mmu_page_cache)
		return -ENOMEM;
	mmu_nx_module_init();
	return 0;
}

/* Tables are freed after RCU: the last VM is gone, but not yet its tables. */
void mmu_module_exit(void)
{
	rcu_barrier();
	kmem_cache_destroy(mmu_page_cache);
}

/*
 * Tables.
 */

static struct mmu_page *join(void *header, void *table)
{
	struct mmu_page *sp = header;

	memset(sp, 0, sizeof(*sp));
	INIT_LIST_HEAD(&sp->link);
	sp->spt = table;
	set_page_private(virt_to_page(table), (unsigned long)sp);
	return sp;
}

struct mmu_page *mmu_page_new(gfp_t gfp)
{
	void *header = kmem_cache_alloc(mmu_page_cache, gfp);
	void *table = (void *)get_zeroed_page(gfp);

	if (header && table)
		return join(header, table);
	free_page((unsigned long)table);
	if (header)
		kmem_cache_free(mmu_page_cache, header);
	return NULL;
}

void mmu_page_free(struct mmu_page *sp)
{
	set_page_private(virt_to_page(sp->spt), 0);
	free_page((unsigned long)sp->spt);
	kmem_cache_free(mmu_page_cache, sp);
}

/* One fault needs a table for each level below the root, and no more. */
#define MMU_CACHE_MIN	(TDP_MAX_LEVEL - 1)

static_assert(MMU_CACHE_SIZE >= MMU_CACHE_MIN);

int mmu_cache_fill(struct x86_mmu *mmu)
{
	struct mmu_page *sp;

	if (likely(mmu->tables.n >= MMU_CACHE_MIN))
		return 0;
	while (mmu->tables.n < MMU_CACHE_SIZE) {
		sp = mmu_page_new(GFP_KERNEL_ACCOUNT);
		if (!sp)
			return mmu->tables.n >= MMU_CACHE_MIN ? 0 : -ENOMEM;
		mmu->tables.objects[mmu->tables.n++] = sp;
	}
	return 0;
}

/* NULL only if mmu_cache_fill() was forgotten. */
struct mmu_page *mmu_cache_take(struct x86_mmu *mmu)
{
	if (WARN_ON_ONCE(!mmu->tables.n))
		return NULL;
	return mmu->tables.objects[--mmu->tables.n];
}

/* One that was taken and not linked, since another CPU was faster. */
void mmu_cache_return(struct x86_mmu *mmu, struct mmu_page *sp)
{
	clear_page(sp->spt);
	sp->nx = false;
	mmu->tables.objects[mmu->tables.n++] = sp;
}

/*
 * Roles and roots.
 */

unsigned int mmu_guest_levels(const struct x86_vcpu *v)
{
	if (!(v->cr0 & X86_CR0_PG))
		return 0;
	if (v->efer & EFER_LMA)
		return v->cr4 & X86_CR4_LA57 ? 5 : 4;
	return v->cr4 & X86_CR4_PAE ? 3 : 2;
}

static union mmu_role role_of(struct kvm_vcpu *vcpu)
{
	const struct x86_vcpu *v = to_x86(vcpu);
	union mmu_role role = {
		.level		= mmu_tdp.max_level,
		.direct		= mmu_tdp.enabled,
		.smm		= vcpu->as_id,
		.ad_disabled	= !spte_format.accessed,
		.paging		= !!(v->cr0 & X86_CR0_PG),
		.guest_levels	= mmu_guest_levels(v),
		.cr0_wp		= !!(v->cr0 & X86_CR0_WP),
		.cr4_pse	= !!(v->cr4 & X86_CR4_PSE),
		.cr4_smep	= !!(v->cr4 & X86_CR4_SMEP),
		.cr4_smap	= !!(v->cr4 & X86_CR4_SMAP),
		.cr4_pke	= !!(v->cr4 & X86_CR4_PKE),
		.efer_nx	= !!(v->efer & EFER_NX),
		.efer_lma	= !!(v->efer & EFER_LMA),
	};

	return role;
}

/* What of a role a direct root depends on. */
static union mmu_role root_role(union mmu_role role)
{
	union mmu_role r = {
		.level		= role.level,
		.direct		= 1,
		.smm		= role.smm,
		.ad_disabled	= role.ad_disabled,
	};

	return r;
}

void mmu_reset(struct kvm_vcpu *vcpu)
{
	struct x86_mmu *mmu = &to_x86(vcpu)->mmu;
	union mmu_role role = role_of(vcpu);

	if (mmu_has_root(mmu) && root_role(role).word != mmu->root_page->role.word)
		mmu_unload(vcpu);
	if (role.smm != mmu->role.smm)
		mmu_mmio_forget(vcpu);
	mmu_code_forget(vcpu);		/* what CPUID says of the formats may be new */
	mmu->role = role;
}

/*
 * A CPU keeps translations by the vCPU's tag, not by the root: those of the root before are
 * flushed.
 */
int mmu_load(struct kvm_vcpu *vcpu)
{
	struct x86_mmu *mmu = &to_x86(vcpu)->mmu;

	if (likely(tdp_root_usable(mmu->root_page)))
		return 0;

	mmu_unload(vcpu);
	mmu->root_page = tdp_root_get(vcpu->kvm, root_role(mmu->role));
	if (!mmu->root_page)
		return -ENOMEM;
	mmu->root = __pa(mmu->root_page->spt);
	x86_cold(load_root)(vcpu, mmu->root, mmu->role.level);
	x86_op(flush_tlb)(vcpu, FLUSH_CURRENT, 0);
	return 0;
}

void mmu_unload(struct kvm_vcpu *vcpu)
{
	struct x86_mmu *mmu = &to_x86(vcpu)->mmu;
	struct mmu_page *root = mmu->root_page;

	mmu->root_page = NULL;
	mmu->root = INVALID_PAGE;
	if (root)
		tdp_root_put(vcpu->kvm, root);
}

/*
 * Life cycles.
 */

int mmu_vm_init(struct kvm *kvm)
{
	struct x86_mmu_vm *m = &to_x86_vm(kvm)->mmu;

	if (WARN_ON_ONCE(!mmu_tdp.enabled))
		return -EOPNOTSUPP;
	INIT_LIST_HEAD(&m->roots);
	spin_lock_init(&m->roots_lock);
	atomic64_set(&m->tables, 0);
	mmu_nx_vm_init(kvm);
	return apic_page_create(kvm);
}

/* Nobody else has the VM any more. */
void mmu_vm_destroy(struct kvm *kvm)
{
	struct x86_mmu_vm *m = &to_x86_vm(kvm)->mmu;

	tdp_roots_invalidate(kvm);
	WARN_ON_ONCE(!list_empty(&m->roots) || atomic64_read(&m->tables));
	apic_page_free(kvm);
}

int mmu_vcpu_create(struct kvm_vcpu *vcpu)
{
	struct x86_mmu *mmu = &to_x86(vcpu)->mmu;

	mmu->root = INVALID_PAGE;
	mmu->root_page = NULL;
	mmu->role = role_of(vcpu);
	mmu_mmio_forget(vcpu);
	return 0;
}

void mmu_vcpu_destroy(struct kvm_vcpu *vcpu)
{
	struct x86_mmu *mmu = &to_x86(vcpu)->mmu;

	mmu_unload(vcpu);
	while (mmu->tables.n)
		mmu_page_free(mmu->tables.objects[--mmu->tables.n]);
}

void mmu_invlpg(struct kvm_vcpu *vcpu, gva_t gva)
{
	to_x86(vcpu)->stat.invlpg++;
	mmu_mmio_forget(vcpu);
	x86_op(flush_tlb)(vcpu, FLUSH_GVA, gva);
}
