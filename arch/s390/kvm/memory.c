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
#include <asm/pgtable.h>
#include <asm/sclp.h>

#include "s390.h"

#define SEGMENT_PAGES	(PMD_SIZE / PAGE_SIZE)

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

/* An address space with the slots that there are. */
static struct gmap *make_gmap(struct kvm *kvm, u64 limit)
{
	struct gmap *gmap = gmap_create(kvm->mm, min_t(u64, limit, TASK_SIZE_MAX) - 1);
	struct kvm_slot *slot;
	unsigned int i;
	int r = 0;

	if (!gmap)
		return ERR_PTR(-ENOMEM);
	gmap->private = kvm;
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

/* The address space of a new VM: as large as the machine's CPUs can address for a guest. */
int s390_gmap_init(struct s390_vm *vm)
{
	u64 limit = sclp.hamax == U64_MAX ? KVM_S390_NO_MEM_LIMIT : sclp.hamax + 1;
	struct gmap *gmap = gmap_create(vm->kvm.mm, min_t(u64, limit, TASK_SIZE_MAX) - 1);

	if (!gmap)
		return -ENOMEM;
	gmap->private = &vm->kvm;
	vm->gmap = gmap;
	vm->mem_limit = limit;
	return 0;
}

/**
 * s390_limit_change - addresses from @limit on are no storage any more
 * @vm: the VM, which has no vCPU
 * @limit: the first address that is too high, or KVM_S390_NO_MEM_LIMIT
 *
 * Context: kvm->lock and slots_lock held; sleeps.
 * Return: 0, -ENOMEM, -E2BIG more than the machine has, -EINVAL a slot lies beyond.
 */
int s390_limit_change(struct s390_vm *vm, u64 limit)
{
	struct kvm_slot *slot;
	struct gmap *gmap;
	unsigned int i;

	if (limit > vm->mem_limit && vm->mem_limit != KVM_S390_NO_MEM_LIMIT)
		return -E2BIG;
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
	return gmap_mprotect_notify(vm_of(v)->gmap, s390_prefix(v), 2 * PAGE_SIZE, PROT_WRITE);
}

/*
 * Make the page of @gpa be there in the guest. Context: sleeps. Return: 0, -EFAULT the VMM has
 * nothing there, -ENOMEM.
 */
int s390_gmap_fault(struct s390_vm *vm, gpa_t gpa, bool write)
{
	return gmap_fault(vm->gmap, gpa, write ? FAULT_FLAG_WRITE : 0);
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
	if (change == SLOT_DELETE || change == SLOT_FLAGS)
		return 0;
	if ((new->hva | slot_start(new) | slot_bytes(new)) & ~PMD_MASK)
		return -EINVAL;
	if (slot_start(new) + slot_bytes(new) > to_s390_vm(kvm)->mem_limit)
		return -EINVAL;
	return change == SLOT_CREATE ? map_slot(to_s390_vm(kvm)->gmap, new) : 0;
}

void s390_slot_commit(struct kvm *kvm, const struct kvm_slot *old, const struct kvm_slot *new,
		      enum kvm_slot_change change)
{
	if (change == SLOT_MOVE)
		KVM_BUG_ON(map_slot(to_s390_vm(kvm)->gmap, new), kvm);
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

bool s390_unmap(struct kvm *kvm, const struct kvm_gfn_range *range)
{
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
