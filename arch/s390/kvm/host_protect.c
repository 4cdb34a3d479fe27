// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host's write protection of guest pages, on machines that cannot tell it from the guest's own
 * (without enhanced suppression on protection, ESOP).
 *
 * There a store to a page that the host protects, say for copy-on-write, is a protection exception
 * of the guest's. If such exceptions come to us (SIE_EXEC_PROT_TO_GUEST off), the host's can be
 * sorted out and mended; but every page that a guest's own kernel copies on write costs an exit.
 * So they go to the guest as long as no slot has memory behind it that the host could protect:
 * shared mappings of files that are never written back, which is why KVM_CAP_S390_COW being 0 tells
 * a VMM to use such. Whether it is so is looked at when slots are made, and again by each vCPU
 * after any change of the VMM's page tables there (KVM_REQ_PROTECTION); a hole counts as one that
 * could, since nobody tells us of what is mapped into it. Once it is not so, it is never again.
 */
#include <linux/backing-dev.h>
#include <linux/hugetlb.h>
#include <linux/mm.h>
#include <linux/pagemap.h>

#include "s390.h"

/* The host has no reason to take write access to a page away and leave the page. */
static bool never_protected(struct vm_area_struct *vma)
{
	const struct vm_operations_struct *ops = vma->vm_ops;

	if ((vma->vm_flags & (VM_SHARED | VM_WRITE)) != (VM_SHARED | VM_WRITE))
		return false;
	if (vma->vm_flags & (VM_IO | VM_PFNMAP | VM_MIXEDMAP) || !vma->vm_file || !ops)
		return false;
	/* segments of huge pages are, for the dirty log */
	return !is_vm_hugetlb_page(vma) && !ops->page_mkwrite && !ops->pfn_mkwrite &&
	       !mapping_can_writeback(vma->vm_file->f_mapping);
}

static bool range_never_protected(struct mm_struct *mm, unsigned long at, unsigned long end)
{
	struct vm_area_struct *vma;

	lockdep_assert_held(&mm->mmap_lock);	/* mmap_assert_locked() is not for modules */

	for (; at < end; at = vma->vm_end) {
		vma = vma_lookup(mm, at);
		if (!vma || !never_protected(vma))
			return false;
	}
	return true;
}

static bool slot_never_protected(struct kvm *kvm, const struct kvm_slot *slot)
{
	return range_never_protected(kvm->mm, slot->hva,
				     slot->hva + (slot->npages << PAGE_SHIFT));
}

/**
 * s390_protection_check - a slot is about to be mapped
 * @kvm: the VM
 * @slot: the slot, not yet to be seen by the guest
 *
 * When this returns no vCPU is in the guest that would take a protection by the host of @slot's
 * pages for the guest's own.
 *
 * Context: kvm->slots_lock held; sleeps.
 */
void s390_protection_check(struct kvm *kvm, const struct kvm_slot *slot)
{
	struct s390_vm *vm = to_s390_vm(kvm);
	bool never;

	lockdep_assert_held(&kvm->slots_lock);

	if (MACHINE_HAS_ESOP || vm->host_protects)
		return;
	mmap_read_lock(kvm->mm);
	never = slot_never_protected(kvm, slot);
	mmap_read_unlock(kvm->mm);
	if (never)
		return;
	WRITE_ONCE(vm->host_protects, true);
	kvm_request_all(kvm, KVM_REQ_PROTECTION);
}

/* The VMM's page tables change, or the slots have. Context: as of kvm_request_all(). */
void s390_protection_recheck(struct kvm *kvm)
{
	if (!MACHINE_HAS_ESOP && !READ_ONCE(to_s390_vm(kvm)->host_protects))
		kvm_request_all(kvm, KVM_REQ_PROTECTION);
}

/**
 * s390_protection_update - choose who gets the guest's protection exceptions
 * @v: the vCPU, about to enter
 *
 * Context: its own thread, kvm->srcu held; sleeps.
 */
void s390_protection_update(struct s390_vcpu *v)
{
	struct kvm *kvm = v->vcpu.kvm;
	struct s390_vm *vm = to_s390_vm(kvm);
	struct kvm_slot *slot;
	unsigned int i;

	if (MACHINE_HAS_ESOP)
		return;
	if (!READ_ONCE(vm->host_protects)) {
		mmap_read_lock(kvm->mm);
		kvm_for_each_slot(slot, i, kvm_slots(kvm, 0)) {
			if (!slot_never_protected(kvm, slot))
				WRITE_ONCE(vm->host_protects, true);
		}
		mmap_read_unlock(kvm->mm);
	}
	if (READ_ONCE(vm->host_protects))
		v->sie->exec_ctl &= ~SIE_EXEC_PROT_TO_GUEST;
	else
		v->sie->exec_ctl |= SIE_EXEC_PROT_TO_GUEST;
}

/*
 * The PSW's key at @abs. A huge page's segment may be protected in the guest's tables alone, which
 * the VMM's do not show.
 */
static bool key_lets_write(struct s390_vcpu *v, gpa_t abs)
{
	u8 key;

	return !s390_key_at(v->vcpu.kvm, abs, &key) &&
	       s390_key_fits(key, (v->sie->psw.mask >> 52) & 0xf, true);
}

/**
 * s390_host_protected - was an exception due to the host's protection alone?
 * @v: left SIE by a program interception
 *
 * Return: true when it was, and the page can be written to now.
 */
bool s390_host_protected(struct s390_vcpu *v)
{
	struct s390_access a = {
		.addr	= v->sie->trans_exc_code & PAGE_MASK,
		.ar	= v->sie->exc_access_id & 0xf,
		.asce	= ACCESS_TEID | (v->sie->trans_exc_code & 3),
		.write	= true,
	};
	struct kvm_s390_pgm_info pgm;
	struct kvm_slot *slot;
	struct kvm_pfn pfn;
	bool other;
	gpa_t abs;
	int r;

	if (v->sie->pgm_code != PGM_PROTECTION || v->sie->exec_ctl & SIE_EXEC_PROT_TO_GUEST)
		return false;
	if (s390_translate(v, &a, &abs, &pgm))
		return false;	/* the guest's own tables forbid it */
	slot = kvm_slot_find(v->vcpu.kvm, gpa_to_gfn(abs));
	r = kvm_pfn_get(v->vcpu.kvm, slot, gpa_to_gfn(abs), KVM_PFN_ATOMIC, &pfn);
	if (!r) {
		other = pfn.writable && !(pfn.page && PageHuge(pfn.page) && key_lets_write(v, abs));
		kvm_pfn_put(&pfn, false);
		if (other)
			return false;	/* by a storage key, then */
	} else if (r != -EAGAIN) {
		return false;
	}
	return !s390_gmap_fault(v, abs, true);
}
