// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page directory that guests without paging run on, where the hardware cannot do without: one
 * page of guest physical memory with 1024 entries of 4 MiB, address for address.
 *
 * It lies where KVM_SET_IDENTITY_MAP_ADDR has said (KVM API 4.41), in a slot of our own, whose
 * memory is mapped into the VMM as all guest memory is. What the guest or the VMM writes there is
 * the guest's own loss.
 */
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/uaccess.h>
#include "vmx.h"

#define IDENTITY_SLOT	KVM_USER_SLOTS
#define ENTRIES		1024
/* Accessed and dirty, so that no walk has to write. */
#define ENTRY_FLAGS	(_PAGE_PRESENT | _PAGE_RW | _PAGE_USER | _PAGE_ACCESSED | _PAGE_DIRTY | \
			 _PAGE_PSE)

static int fill(hva_t hva)
{
	u32 __user *entry = (u32 __user *)hva;
	u32 i;

	for (i = 0; i < ENTRIES; i++)
		if (put_user(i << 22 | (u32)ENTRY_FLAGS, entry + i))
			return -EFAULT;
	return 0;
}

static int set_slot(struct kvm *kvm, hva_t hva)
{
	const struct kvm_userspace_memory_region region = {
		.slot			= IDENTITY_SLOT,
		.guest_phys_addr	= to_x86_vm(kvm)->identity_map_addr,
		.memory_size		= PAGE_SIZE,
		.userspace_addr		= hva,
	};

	return kvm_set_memory_region(kvm, &region);
}

static int make(struct kvm *kvm)
{
	hva_t hva = vm_mmap(NULL, 0, PAGE_SIZE, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, 0);
	int r;

	if (IS_ERR_VALUE(hva))
		return (int)(long)hva;
	r = fill(hva);
	if (!r)
		r = set_slot(kvm, hva);
	if (r)
		vm_munmap(hva, PAGE_SIZE);
	else
		to_x86_vm(kvm)->identity_map_hva = hva;
	return r;
}

/**
 * vmx_identity_create - with the first vCPU: the page and its slot
 * @kvm: the VM, of the calling process
 *
 * Context: takes slots_lock; sleeps.
 * Return: 0, -ENOMEM, or -EEXIST when user space has put memory there.
 */
int vmx_identity_create(struct kvm *kvm)
{
	int r = 0;

	if (vmx_unrestricted)
		return 0;
	mutex_lock(&kvm->slots_lock);
	if (!to_x86_vm(kvm)->identity_map_hva)
		r = make(kvm);
	mutex_unlock(&kvm->slots_lock);
	return r;
}

/* The VM goes. Its process may have gone before, and the mapping with it. */
void vmx_identity_destroy(struct kvm *kvm)
{
	hva_t hva = to_x86_vm(kvm)->identity_map_hva;

	if (hva && current->mm == kvm->mm)
		vm_munmap(hva, PAGE_SIZE);
}
