// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VM: its address space, its system control area, its list of facilities; and the ioctls of its
 * file.
 *
 * The system control area and the facility list are named in state descriptions by 32-bit
 * addresses, so they come from below 2 GB.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "s390.h"
#include "trace_s390.h"

static int alloc_low_pages(struct s390_vm *vm)
{
	vm->facilities = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT | GFP_DMA);
	if (!vm->facilities || s390_sca_init(vm) || s390_crypto_init(vm))
		return -ENOMEM;
	vm->fac_mask = vm->facilities + S390_FACILITY_WORDS;
	return 0;
}

static void free_low_pages(struct s390_vm *vm)
{
	free_page((unsigned long)vm->facilities);
	s390_sca_free(vm);
	s390_crypto_free(vm);
}

/* A user-controlled VM hands addresses of the host's to user space. */
int s390_vm_init(struct kvm *kvm, unsigned long type)
{
	struct s390_vm *vm = to_s390_vm(kvm);
	int i, r;

	if (type & ~(unsigned long)KVM_VM_S390_UCONTROL || (type && !capable(CAP_SYS_ADMIN)))
		return -EINVAL;
	vm->ucontrol = type;
	/*
	 * page tables with room for storage keys and states beside each entry; -EINVAL when the
	 * program has none
	 */
	r = s390_enable_sie();
	if (r)
		return r;

	spin_lock_init(&vm->irq.lock);
	mutex_init(&vm->ais.lock);
	for (i = 0; i < S390_ISCS; i++)
		INIT_LIST_HEAD(&vm->irq.io[i]);
	INIT_LIST_HEAD(&vm->irq.ext);
	r = alloc_low_pages(vm);
	if (!r)
		r = s390_gmap_init(vm);
	if (r) {
		free_low_pages(vm);
		return r;
	}
	s390_facilities_default(vm);
	vm->cpuid = s390_host_cpuid();
	vm->ibc = s390_host_ibc();
	trace_kvm_s390_create_vm(type);
	return 0;
}

void s390_vm_destroy(struct kvm *kvm)
{
	struct s390_vm *vm = to_s390_vm(kvm);

	s390_float_clear(kvm);
	kvfree(vm->cmma.dirty);
	s390_adapters_free(vm);
	if (vm->gmap)
		gmap_remove(vm->gmap);
	kfree(vm->subfunc);
	free_low_pages(vm);
}

static const struct kvm_ioctl rows[] = {
	KVM_VM_IOCTL(KVM_S390_INTERRUPT,	ARG_IN,	  LOCK_NONE,	s390_vm_interrupt),
	KVM_VM_IOCTL(KVM_CREATE_IRQCHIP,	ARG_ANY,  LOCK_VM,	s390_vm_create_irqchip),
	KVM_VM_IOCTL(KVM_S390_MEM_OP,		ARG_IN,	  LOCK_NONE,	s390_vm_mem_op),
	KVM_VM_IOCTL(KVM_S390_GET_SKEYS,	ARG_IN,	  LOCK_NONE,	s390_get_skeys),
	KVM_VM_IOCTL(KVM_S390_GET_CMMA_BITS,	ARG_INOUT, LOCK_NONE,	s390_get_cmma_bits),
	KVM_VM_IOCTL(KVM_S390_SET_CMMA_BITS,	ARG_IN,	  LOCK_NONE,	s390_set_cmma_bits),
	KVM_VM_IOCTL(KVM_S390_SET_SKEYS,	ARG_IN,	  LOCK_NONE,	s390_set_skeys),
	KVM_VM_IOCTL(KVM_SET_DEVICE_ATTR,	ARG_IN,	  LOCK_NONE,	s390_vm_set_attr),
	KVM_VM_IOCTL(KVM_GET_DEVICE_ATTR,	ARG_IN,	  LOCK_NONE,	s390_vm_get_attr),
	KVM_VM_IOCTL(KVM_HAS_DEVICE_ATTR,	ARG_IN,	  LOCK_NONE,	s390_vm_has_attr),
};

const struct kvm_ioctl_table s390_vm_ioctls = KVM_IOCTL_TABLE(rows);
