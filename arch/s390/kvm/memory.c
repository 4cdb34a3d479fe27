// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's address space: the host's gmap (arch/s390/mm/gmap.c), filled from the slots.
 *
 * A gmap has tables of its own down to the segment, and from there on shares the page tables of the
 * VMM: a page that is mapped in the VMM is mapped in the guest, and one that goes is gone in both
 * by the same invalidation. So there is nothing to unmap by notifier and nothing to age. What is
 * entered is segments of 1 MB (gmap_map_segment), whence the alignment of slots; the tables
 * themselves are filled by faults. A fault of the guest's is handled by the host's own fault
 * handler before SIE is even left, unless no segment is entered there or the VMM has nothing behind
 * it.
 *
 * The two pages of each CPU's prefix are different: SIE looks them up at the entry and keeps what
 * it found. They are brought in before the entry (s390_prefix_map), which leaves a mark at their
 * entries, and before one with a mark changes the host calls prefix_notify(): it gets the CPU out
 * of SIE and asks for them to be brought in again.
 */
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <asm/pgtable.h>
#include <asm/sclp.h>

#include "s390.h"

#define SEGMENT_PAGES	(PMD_SIZE / PAGE_SIZE)

static int hpage;
module_param(hpage, int, 0444);
MODULE_PARM_DESC(hpage, "memory of guests may be in huge pages of 1 MB, where KVM_CAP_S390_HPAGE_1M is enabled");

/* Is there anything to enable? A user-controlled VM has no part in it. */
bool s390_hpage_offered(const struct s390_vm *vm)
{
	return hpage && MACHINE_HAS_EDAT1 && !(vm && vm->ucontrol);
}

/*
 * KVM_CAP_S390_HPAGE_1M (KVM API 7.14): the host maps its segments of huge pages into the guest.
 * They have no states beside page-table entries, whence no CMMA.
 *
 * Context: kvm->lock held; sleeps.
 */
int s390_hpage_enable(struct s390_vm *vm)
{
	struct mm_struct *mm = vm->kvm.mm;

	lockdep_assert_held(&vm->kvm.lock);

	if (vm->kvm.created_vcpus)
		return -EBUSY;
	if (!s390_hpage_offered(vm) || vm->cmma.on)
		return -EINVAL;
	mmap_write_lock(mm);
	mm->context.allow_gmap_hpage_1m = 1;
	mmap_write_unlock(mm);
	return 0;
}

/*
 * Context: page-table locks held, the invalidation comes next. The CPU must be out of SIE when we
 * return.
 */
static void prefix_notify(struct gmap *gmap, unsigned long start, unsigned long end)
{
	struct kvm *kvm = gmap->private;
	struct kvm_vcpu *vcpu;
	unsigned long i;
	u32 prefix;

	if (gmap_is_shadow(gmap) || start >= 1UL << 31)
		return;
	kvm_for_each_vcpu(i, vcpu, kvm) {
		if (to_s390(vcpu)->gmap != gmap)
			continue;
		prefix = s390_prefix(to_s390(vcpu));
		if (prefix > end || prefix + 2 * PAGE_SIZE <= start)
			continue;
		kvm_request(vcpu, KVM_REQ_PREFIX);
		s390_vcpu_leave(vcpu);
	}
}

static struct gmap_notifier notifier = {
	.notifier_call = prefix_notify,
};

void s390_memory_init(void)
{
	gmap_register_pte_notifier(&notifier);
}

void s390_memory_exit(void)
{
	gmap_unregister_pte_notifier(&notifier);
}

static gpa_t slot_start(const struct kvm_slot *slot)
{
	return gfn_to_gpa(slot->base_gfn);
}

static unsigned long slot_bytes(const struct kvm_slot *slot)
{
	return slot->npages << PAGE_SHIFT;
}

static int map_slot(struct gmap *gmap, const struct kvm_slot *slot)
{
	return gmap_map_segment(gmap, slot->hva, slot_start(slot),
				slot_bytes(slot));
}

/* An empty address space up to @limit, or NULL. */
struct gmap *s390_gmap_new(struct kvm *kvm, u64 limit)
{
	struct gmap *gmap = gmap_create(kvm->mm, min_t(u64, limit, TASK_SIZE_MAX) - 1);

	if (gmap)
		gmap->private = kvm;
	return gmap;
}

/* An address space with the slots that there are. */
static struct gmap *make_gmap(struct kvm *kvm, u64 limit)
{
	struct gmap *gmap = s390_gmap_new(kvm, limit);
	struct kvm_slot *slot;
	unsigned int i;
	int r = 0;

	if (!gmap)
		return ERR_PTR(-ENOMEM);
	kvm_for_each_slot(slot, i, kvm_slots(kvm, 0)) {
		r = map_slot(gmap, slot);
		if (r)
			break;
	}
	if (!r)
		return gmap;
	gmap_remove(gmap);
	return ERR_PTR(r);
}

/* The first address that the machine's CPUs cannot address for a guest. */
static u64 machine_limit(void)
{
	return sclp.hamax == U64_MAX ? KVM_S390_NO_MEM_LIMIT : sclp.hamax + 1;
}

/* What tables can address that are to reach up to @limit: it goes with their levels. */
static u64 tables_limit(u64 limit)
{
	static const u64 levels[] = { _REGION3_SIZE, _REGION2_SIZE, _REGION1_SIZE };
	int i;

	for (i = 0; i < ARRAY_SIZE(levels); i++) {
		if (limit <= levels[i])
			return min(levels[i], machine_limit());
	}
	return machine_limit();
}

/* The address space of a new VM: as large as there is. */
int s390_gmap_init(struct s390_vm *vm)
{
	vm->mem_limit = machine_limit();
	if (vm->ucontrol)
		return 0;
	vm->gmap = s390_gmap_new(&vm->kvm, vm->mem_limit);
	return vm->gmap ? 0 : -ENOMEM;
}

/**
 * s390_limit_change - addresses from @limit on are no storage any more
 * @vm: the VM, which has no vCPU
 * @limit: the first address that is too high, or KVM_S390_NO_MEM_LIMIT; rounded up to what the
 *	tables can address
 *
 * Context: kvm->lock and slots_lock held; sleeps.
 * Return: 0, -ENOMEM, -E2BIG more than the machine has, -EINVAL a slot lies beyond.
 */
int s390_limit_change(struct s390_vm *vm, u64 limit)
{
	struct kvm_slot *slot;
	struct gmap *gmap;
	unsigned int i;

	lockdep_assert_held(&vm->kvm.lock);
	lockdep_assert_held(&vm->kvm.slots_lock);
	if (limit > machine_limit())
		return -E2BIG;
	limit = tables_limit(limit);
	kvm_for_each_slot(slot, i, kvm_slots(&vm->kvm, 0)) {
		if (slot_start(slot) + slot_bytes(slot) > limit)
			return -EINVAL;
	}
	gmap = make_gmap(&vm->kvm, limit);
	if (IS_ERR(gmap))
		return PTR_ERR(gmap);
	gmap_remove(vm->gmap);
	vm->gmap = gmap;
	vm->mem_limit = limit;
	return 0;
}

/* -EFAULT when the prefix is where there is no memory. */
int s390_prefix_map(struct s390_vcpu *v)
{
	return gmap_mprotect_notify(v->gmap, s390_prefix(v), 2 * PAGE_SIZE, PROT_WRITE);
}

/*
 * Make the page of @gpa be there in the guest. Context: sleeps. Return: 0, -EFAULT the VMM has
 * nothing there, -ENOMEM.
 */
int s390_gmap_fault(struct s390_vcpu *v, gpa_t gpa, bool write)
{
	return gmap_fault(v->gmap, gpa, write ? FAULT_FLAG_WRITE : 0);
}

static void unmap_slot(struct kvm *kvm, const struct kvm_slot *slot)
{
	gmap_unmap_segment(to_s390_vm(kvm)->gmap, slot_start(slot), slot_bytes(slot));
}

/*
 * The last step that can fail, so a new slot may be mapped here: nobody else has its addresses. One
 * that moves is mapped when it has left its old place, which may overlap the new.
 */
int s390_slot_prepare(struct kvm *kvm, const struct kvm_slot *old, struct kvm_slot *new,
		      enum kvm_slot_change change)
{
	if (to_s390_vm(kvm)->ucontrol)
		return -EINVAL;
	if (change == SLOT_DELETE || change == SLOT_FLAGS)
		return 0;
	if ((new->hva | slot_start(new) | slot_bytes(new)) & ~PMD_MASK)
		return -EINVAL;
	if (slot_start(new) + slot_bytes(new) > to_s390_vm(kvm)->mem_limit)
		return -EINVAL;
	s390_protection_check(kvm, new);
	return change == SLOT_CREATE ? map_slot(to_s390_vm(kvm)->gmap, new) : 0;
}

void s390_slot_commit(struct kvm *kvm, const struct kvm_slot *old, const struct kvm_slot *new,
		      enum kvm_slot_change change)
{
	if (change != SLOT_FLAGS || !kvm_slot_logs_dirty(new))
		s390_migration_stop(to_s390_vm(kvm));
	if (change == SLOT_MOVE)
		KVM_BUG_ON(map_slot(to_s390_vm(kvm)->gmap, new), kvm);
	if (change == SLOT_CREATE || change == SLOT_MOVE)
		s390_protection_recheck(kvm);
}

void s390_slot_free(struct kvm *kvm, struct kvm_slot *slot)
{
}

void s390_slot_flush(struct kvm *kvm, const struct kvm_slot *slot)
{
	unmap_slot(kvm, slot);
}

/* The VMM's mm goes, and its page tables with it, which are the guest's. */
void s390_flush_all(struct kvm *kvm)
{
}

/* Has the guest all of these @n frames? Context: kvm->srcu or kvm->slots_lock held. */
bool s390_has_frames(struct kvm *kvm, gfn_t gfn, u64 n)
{
	const struct kvm_slot *slot;
	u64 here;

	for (; n; gfn += here, n -= here) {
		slot = kvm_slot_find(kvm, gfn);
		if (!kvm_slot_visible(slot))
			return false;
		here = min_t(u64, n, slot->base_gfn + slot->npages - gfn);
	}
	return true;
}

/* The guest has lost its translations already: only what the VMM's memory is may be different. */
bool s390_unmap(struct kvm *kvm, const struct kvm_gfn_range *range)
{
	s390_protection_recheck(kvm);
	return false;
}

/* Reading the marks has cleared them and write-protected the pages: there is nothing left to do. */
void s390_protect_dirty(struct kvm *kvm, const struct kvm_slot *slot, gfn_t base,
			unsigned long mask)
{
}

static void sync_segment(struct kvm *kvm, const struct kvm_slot *slot, gfn_t gfn)
{
	DECLARE_BITMAP(dirty, SEGMENT_PAGES) = { };
	unsigned int i;

	gmap_sync_dirty_log_pmd(to_s390_vm(kvm)->gmap, dirty, gfn_to_gpa(gfn), kvm_slot_hva(slot,
											    gfn));
	for_each_set_bit(i, dirty, SEGMENT_PAGES)
		kvm_mark_dirty(kvm, slot, gfn + i);
}

/* The machine's marks, one a page beside its entry, are what counts: collect them. */
void s390_sync_dirty(struct kvm *kvm, const struct kvm_slot *slot)
{
	int idx = srcu_read_lock(&kvm->srcu);
	gfn_t gfn;

	static_assert(SEGMENT_PAGES == 256);	/* gmap_sync_dirty_log_pmd() wants four longs */

	for (gfn = slot->base_gfn; gfn < slot->base_gfn + slot->npages; gfn += SEGMENT_PAGES) {
		sync_segment(kvm, slot, gfn);
		if (fatal_signal_pending(current))
			break;
		cond_resched();
	}
	srcu_read_unlock(&kvm->srcu, idx);
}
