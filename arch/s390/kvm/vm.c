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

static int alloc_low_pages(struct s390_vm *vm)
{
	vm->sca = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT | GFP_DMA);
	vm->facilities = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT | GFP_DMA);
	return vm->sca && vm->facilities ? 0 : -ENOMEM;
}

static void free_low_pages(struct s390_vm *vm)
{
	free_page((unsigned long)vm->facilities);
	free_page((unsigned long)vm->sca);
}

/*
 * There are no types but 0: user-controlled VMs are a configuration of the kernel's that is not
 * ours.
 */
int s390_vm_init(struct kvm *kvm, unsigned long type)
{
	struct s390_vm *vm = to_s390_vm(kvm);
	int i, r;

	if (type)
		return -EINVAL;
	/*
	 * page tables with room for storage keys and states beside each entry; -EINVAL when the
	 * program has none
	 */
	r = s390_enable_sie();
	if (r)
		return r;

	spin_lock_init(&vm->irq.lock);
	for (i = 0; i < S390_ISCS; i++)
		INIT_LIST_HEAD(&vm->irq.io[i]);
	r = alloc_low_pages(vm);
	if (!r)
		r = s390_gmap_init(vm);
	if (r) {
		free_low_pages(vm);
		return r;
	}
	s390_facilities_default(vm);
	vm->cpuid = s390_host_cpuid();
	return 0;
}

void s390_vm_destroy(struct kvm *kvm)
{
	struct s390_vm *vm = to_s390_vm(kvm);

	s390_float_clear(kvm);
	s390_adapters_free(vm);
	gmap_remove(vm->gmap);
	free_low_pages(vm);
}

static const struct kvm_ioctl rows[] = {
	KVM_VM_IOCTL(KVM_S390_INTERRUPT,	ARG_IN,	  LOCK_NONE,	s390_vm_interrupt),
	KVM_VM_IOCTL(KVM_CREATE_IRQCHIP,	ARG_ANY,  LOCK_VM,	s390_vm_create_irqchip),
	KVM_VM_IOCTL(KVM_S390_MEM_OP,		ARG_IN,	  LOCK_NONE,	s390_vm_mem_op),
	KVM_VM_IOCTL(KVM_S390_GET_SKEYS,	ARG_IN,	  LOCK_NONE,	s390_get_skeys),
	KVM_VM_IOCTL(KVM_S390_SET_SKEYS,	ARG_IN,	  LOCK_NONE,	s390_set_skeys),
	KVM_VM_IOCTL(KVM_SET_DEVICE_ATTR,	ARG_IN,	  LOCK_NONE,	s390_vm_set_attr),
	KVM_VM_IOCTL(KVM_GET_DEVICE_ATTR,	ARG_IN,	  LOCK_NONE,	s390_vm_get_attr),
	KVM_VM_IOCTL(KVM_HAS_DEVICE_ATTR,	ARG_IN,	  LOCK_NONE,	s390_vm_has_attr),
};

const struct kvm_ioctl_table s390_vm_ioctls = KVM_IOCTL_TABLE(rows);

#define COUNTER(name)	KVM_STAT_COUNTER(struct s390_vcpu, stat.name, #name)

static const struct kvm_stat_row vcpu_stats[] = {
	COUNTER(exits),
	COUNTER(exit_null),
	COUNTER(exit_instruction),
	COUNTER(exit_program_interruption),
	COUNTER(exit_external_request),
	COUNTER(exit_external_interrupt),
	COUNTER(exit_io_request),
	COUNTER(exit_stop_request),
	COUNTER(exit_validity),
	COUNTER(exit_wait_state),
	COUNTER(exit_operation_exception),
	COUNTER(exit_userspace),
	COUNTER(host_faults),
};

const struct kvm_stat_table s390_vcpu_stats = KVM_STAT_TABLE(vcpu_stats);
