// SPDX-License-Identifier: GPL-2.0-only
/*
 * Second-level faults: the guest touched a frame that our tables do not map, or not for this.
 *
 * Device memory that the last access was to goes to the emulator. Else the tables are first looked
 * at without any lock, since many faults need nothing more: device memory that is known as such
 * goes to the emulator as well; a page that another vCPU has mapped in the meantime needs nothing;
 * one that is only write-protected for the dirty log is made writable.
 *
 * Otherwise, in this order, which is what keeps a page that the VMM is losing from being mapped:
 *	the generation of the slot table, then the slot;
 *	the notifier's sequence, then the page, then its size in the VMM's page tables;
 *	mmu_lock for read; root and sequence again; the entry, and the dirty log's bit;
 *	mmu_lock and page are given back.
 *
 * Whatever makes an attempt void lets the guest run and fault again: KVM_RUN's loop is the one that
 * looks at signals, and that leaves the srcu section for which a writer of slots may be waiting.
 */
#include <linux/sched/signal.h>
#include <kvm/mmu_notifier.h>
#include "tdp.h"

enum fast {
	FAST_NO,
	FAST_MMIO,
	FAST_DONE,
};

/* One attempt. */
struct attempt {
	const struct mmu_fault	*f;
	gfn_t			gfn;
	u64			generation;
	const struct kvm_slot	*slot;
	hva_t			hva;
	unsigned long		seq;
	struct kvm_pfn		page;
	struct spte_want	want;
};

/*
 * The processor met a device while it delivered an event: its IDT or the stack is there. No
 * instruction can be emulated for that, least of all the one the event came before.
 */
static int delivery_failed(struct kvm_vcpu *vcpu, const struct mmu_fault *f)
{
	const u64 data[] = { f->event, f->access, f->gpa };

	return x86_exit_internal_error(vcpu, KVM_INTERNAL_ERROR_DELIVERY_EV, ARRAY_SIZE(data),
				       data);
}

/*
 * Hand the access to the emulator. The hardware's own accesses to the guest's page tables are none
 * of the instruction's operands: it is emulated with a walk of the tables in software.
 */
static int emulate(struct kvm_vcpu *vcpu, const struct mmu_fault *f)
{
	to_x86(vcpu)->stat.pf_emulate++;
	if (f->on_guest_table)
		return x86_insn_emulate(vcpu, 0, 0, 0, f->insn, f->insn_len);
	if (f->event)
		return delivery_failed(vcpu, f);
	return x86_insn_emulate(vcpu, INSN_FAULT, f->gpa, f->has_gva ? f->gva : 0, f->insn,
				f->insn_len);
}

/*
 * The write is let through first and marked then: had the log been read in between, it protects the
 * page again, and the mark stands in the next log. The other way round the mark could be taken
 * before the write.
 */
static bool fix_write(struct kvm_vcpu *vcpu, gfn_t gfn, struct tdp_entry *e)
{
	const struct kvm_slot *slot = kvm_vcpu_slot_find(vcpu, gfn);
	u64 spte = e->old | spte_format.write | spte_format.dirty | spte_format.accessed;

	if (!kvm_slot_visible(slot) || slot->flags & KVM_MEM_READONLY)
		return false;
	if (e->level > 1 && kvm_slot_logs_dirty(slot))
		return false;
	if (!try_cmpxchg64(e->sptep, &e->old, spte))
		return false;
	kvm_mark_dirty(vcpu->kvm, slot, gfn);
	to_x86(vcpu)->stat.pf_fast++;
	return true;
}

/*
 * Look at the entry without a lock. RCU keeps the table, and a frozen or changed entry the cmpxchg
 * from succeeding.
 */
static enum fast fault_fast(struct kvm_vcpu *vcpu, const struct mmu_fault *f)
{
	struct mmu_page *root = to_x86(vcpu)->mmu.root_page;
	gfn_t gfn = gpa_to_gfn(f->gpa);
	enum fast fast = FAST_NO;
	struct tdp_entry e;

	rcu_read_lock();
	tdp_find(root, gfn, &e);
	if (!spte_is_leaf(e.old, e.level)) {
		if (spte_is_mmio(e.old, kvm_slots_generation(vcpu->kvm, vcpu->as_id))) {
			mmu_mmio_remember(vcpu, f->gva, gfn, f->access);
			fast = FAST_MMIO;
		}
	} else if (spte_allows(e.old, f->access)) {
		to_x86(vcpu)->stat.pf_spurious++;
		fast = FAST_DONE;
	} else if (f->access & ACC_WRITE && spte_write_deferred(e.old) &&
		   fix_write(vcpu, gfn, &e)) {
		fast = FAST_DONE;
	}
	rcu_read_unlock();
	return fast;
}

/* No memory there: remember that until the slots change. */
static int fault_mmio(struct kvm_vcpu *vcpu, const struct attempt *a)
{
	struct kvm *kvm = vcpu->kvm;

	if (apic_page_at(vcpu, a->gfn))
		return apic_page_map(vcpu, a->gfn, a->f->access) ? EXIT_RESUME :
								  emulate(vcpu, a->f);
	mmu_mmio_remember(vcpu, a->f->gva, a->gfn, a->f->access);
	read_lock(&kvm->mmu_lock);
	if (tdp_root_usable(to_x86(vcpu)->mmu.root_page)) {
		tdp_map_mmio(vcpu, a->gfn, a->generation);
		to_x86(vcpu)->stat.pf_mmio_spte_created++;
	}
	read_unlock(&kvm->mmu_lock);
	return emulate(vcpu, a->f);
}

static int fault_no_page(struct kvm_vcpu *vcpu, const struct attempt *a, int error)
{
	switch (error) {
	case -ENOENT:
		return fault_mmio(vcpu, a);
	case -EROFS:	/* the emulator's write ends as one to a device */
		return emulate(vcpu, a->f);
	case -EHWPOISON:
		send_sig_mceerr(BUS_MCEERR_AR, (void __user *)a->hva, PAGE_SHIFT, current);
		return EXIT_RESUME;
	case -EAGAIN:
	case -EINTR:	/* a signal is pending: the run loop finds it */
		return EXIT_RESUME;
	default:
		return error;
	}
}

/*
 * As large as slot, VMM and log allow, and 4K where code must not be in a large one; then the page
 * begins where the large one does.
 */
static void choose_level(struct kvm *kvm, struct attempt *a)
{
	struct spte_want *want = &a->want;

	want->level = 1;
	if (a->page.page)
		want->level = mmu_host_level(kvm->mm, a->hva, mmu_slot_level(a->slot, a->gfn));
	if (want->level > 1 && mmu_nx_wanted(kvm)) {
		want->no_exec = true;
		if (a->f->access & ACC_FETCH) {
			want->nx_level = want->level;
			want->level = 1;
		}
	}
	want->pfn = level_align(a->page.pfn, want->level);
}

static int resolve(struct kvm_vcpu *vcpu, struct attempt *a)
{
	bool write = a->f->access & ACC_WRITE;
	int r;

	a->seq = kvm_mn_seq(vcpu->kvm);
	r = kvm_pfn_get(vcpu->kvm, a->slot, a->gfn, KVM_PFN_KILLABLE | (write ? KVM_PFN_WRITE : 0),
			&a->page);
	if (r)
		return r;
	a->want.host_writable = a->page.writable && !(a->slot->flags & KVM_MEM_READONLY);
	a->want.logged = kvm_slot_logs_dirty(a->slot);
	a->want.listed = a->want.logged && READ_ONCE(to_x86_vm(vcpu->kvm)->mmu.lists_writes);
	a->want.write = write;
	a->want.device = kvm_pfn_is_device(a->page.pfn);
	choose_level(vcpu->kvm, a);
	return 0;
}

/* Under the lock: is everything still as it was found, and then make it so. */
static enum tdp_map_result install(struct kvm_vcpu *vcpu, struct attempt *a)
{
	struct kvm *kvm = vcpu->kvm;
	enum tdp_map_result result = TDP_MAP_RETRY;

	read_lock(&kvm->mmu_lock);
	if (tdp_root_usable(to_x86(vcpu)->mmu.root_page) && !kvm_mn_retry(kvm, a->seq, a->hva)) {
		result = tdp_map(vcpu, a->gfn, &a->want, a->f->access);
		if (result == TDP_MAP_DONE && a->want.write)
			kvm_mark_dirty(kvm, a->slot, a->gfn);
	}
	read_unlock(&kvm->mmu_lock);
	return result;
}

/* Where the hardware has no dirty bit, a page that can be written counts as written. */
static bool dirties_page(const struct spte_want *want)
{
	return want->write || (want->host_writable && !spte_format.dirty);
}

static int fault_slow(struct kvm_vcpu *vcpu, const struct mmu_fault *f)
{
	struct x86_vcpu *v = to_x86(vcpu);
	struct attempt a = {
		.f		= f,
		.gfn		= gpa_to_gfn(f->gpa),
		.generation	= kvm_slots_generation(vcpu->kvm, vcpu->as_id),
	};
	int r;

	a.slot = kvm_vcpu_slot_find(vcpu, a.gfn);
	if (a.slot && !kvm_slot_visible(a.slot))
		return EXIT_RESUME;
	if (a.slot) {
		a.hva = kvm_slot_hva(a.slot, a.gfn);
		if (kvm_mn_busy(vcpu->kvm, a.hva))
			return EXIT_RESUME;
	}
	if (mmu_cache_fill(&v->mmu))
		return -ENOMEM;
	r = resolve(vcpu, &a);
	if (r)
		return fault_no_page(vcpu, &a, r);

	switch (install(vcpu, &a)) {
	case TDP_MAP_DONE:
		v->stat.pf_fixed++;
		break;
	case TDP_MAP_SPURIOUS:
		v->stat.pf_spurious++;
		break;
	case TDP_MAP_RETRY:
		break;
	}
	kvm_pfn_put(&a.page, dirties_page(&a.want));
	return EXIT_RESUME;
}

/* Frames that the tables cannot reach have no slot either, or one that the guest cannot get at. */
static bool beyond_tables(struct kvm_vcpu *vcpu, gpa_t gpa)
{
	return gpa_to_gfn(gpa) >= level_frames(to_x86(vcpu)->mmu.role.level + 1);
}

int mmu_fault(struct kvm_vcpu *vcpu, const struct mmu_fault *f)
{
	struct x86_vcpu *v = to_x86(vcpu);

	v->stat.pf_taken++;
	/* Our entries have no reserved bits set, in either format. */
	if (KVM_BUG_ON(f->access & ACC_RSVD || !mmu_has_root(&v->mmu), vcpu->kvm))
		return -EIO;
	if (beyond_tables(vcpu, f->gpa) || mmu_mmio_match_gpa(vcpu, f->gpa))
		return emulate(vcpu, f);

	switch (fault_fast(vcpu, f)) {
	case FAST_MMIO:
		return emulate(vcpu, f);
	case FAST_DONE:
		return EXIT_RESUME;
	case FAST_NO:
		break;
	}
	return fault_slow(vcpu, f);
}
EXPORT_SYMBOL_GPL(mmu_fault);

/*
 * What the last access to a device was. With two-dimensional paging the guest changes its page
 * tables without our knowledge, so only the gpa is kept; the address space and the generation of
 * the slot table say how long.
 */

void mmu_mmio_remember(struct kvm_vcpu *vcpu, gva_t gva, gfn_t gfn, u32 access)
{
	struct x86_mmu *mmu = &to_x86(vcpu)->mmu;

	mmu->mmio_gen = kvm_slots_generation(vcpu->kvm, vcpu->as_id);
	mmu->mmio_gva = mmu->role.direct ? 0 : gva & PAGE_MASK;
	mmu->mmio_gfn = gfn;
	mmu->mmio_access = access & (ACC_WRITE | ACC_USER | ACC_FETCH | ACC_IMPLICIT);
}

void mmu_mmio_forget(struct kvm_vcpu *vcpu)
{
	to_x86(vcpu)->mmu.mmio_gen = 0;		/* no table has this number */
}

static bool mmio_current(struct kvm_vcpu *vcpu)
{
	u64 gen = to_x86(vcpu)->mmu.mmio_gen;

	return gen && gen == kvm_slots_generation(vcpu->kvm, vcpu->as_id);
}

bool mmu_mmio_match_gva(struct kvm_vcpu *vcpu, gva_t gva, u32 access, gpa_t *gpa)
{
	const struct x86_mmu *mmu = &to_x86(vcpu)->mmu;
	u32 may = mmu->mmio_access;

	access &= ACC_WRITE | ACC_USER | ACC_FETCH | ACC_IMPLICIT;
	if (mmu->role.direct || (gva & PAGE_MASK) != mmu->mmio_gva || !mmio_current(vcpu))
		return false;
	if (access != may && (access | ACC_WRITE) != may)
		return false;
	*gpa = gfn_to_gpa(mmu->mmio_gfn) | offset_in_page(gva);
	return true;
}

bool mmu_mmio_match_gpa(struct kvm_vcpu *vcpu, gpa_t gpa)
{
	return gpa_to_gfn(gpa) == to_x86(vcpu)->mmu.mmio_gfn && mmio_current(vcpu);
}
