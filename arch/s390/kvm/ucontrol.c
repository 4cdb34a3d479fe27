// SPDX-License-Identifier: GPL-2.0-only
/*
 * User-controlled VMs (KVM_VM_S390_UCONTROL): user space has the state description and the address
 * space of each CPU in its own hands, and KVM does no more than to enter SIE.
 *
 * Such a VM has no slots. Each CPU has an address space of its own, filled by KVM_S390_UCAS_MAP. A
 * fault that the host cannot resolve leaves as KVM_EXIT_S390_UCONTROL, every interception as
 * KVM_EXIT_S390_SIEIC: nothing is interpreted, nothing is delivered. The state description is
 * mapped at page KVM_S390_SIE_PAGE_OFFSET of the vCPU's file; it holds addresses of the host's,
 * which is why the making of such a VM takes CAP_SYS_ADMIN.
 */
#include <linux/mm.h>
#include <asm/pgtable.h>

#include "s390.h"

/* Host program-interruption code of a segment that is not there, whichever table it was. */
#define FAULT_CODE	PGM_SEGMENT

/* The CPU's address space: the VM's, or its own. Context: kvm->lock not held; sleeps. */
int s390_vcpu_gmap_init(struct s390_vcpu *v)
{
	struct s390_vm *vm = vm_of(v);

	if (!vm->ucontrol) {
		v->gmap = vm->gmap;
		return 0;
	}
	v->gmap = s390_gmap_new(&vm->kvm, KVM_S390_NO_MEM_LIMIT);
	return v->gmap ? 0 : -ENOMEM;
}

void s390_vcpu_gmap_exit(struct s390_vcpu *v)
{
	if (vm_of(v)->ucontrol)
		gmap_remove(v->gmap);
}

/* KVM API 4.65: all in units of a segment. -EINVAL also in a VM that has slots. */
static int check_mapping(struct s390_vcpu *v, u64 bits)
{
	return !vm_of(v)->ucontrol || bits & ~PMD_MASK ? -EINVAL : 0;
}

long s390_ucas_map(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	const struct kvm_s390_ucas_mapping *map = arg->data;
	struct s390_vcpu *v = to_s390(vcpu);
	int r = check_mapping(v, map->user_addr | map->vcpu_addr | map->length);

	return r ? r : gmap_map_segment(v->gmap, map->user_addr, map->vcpu_addr, map->length);
}

long s390_ucas_unmap(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	const struct kvm_s390_ucas_mapping *map = arg->data;
	struct s390_vcpu *v = to_s390(vcpu);
	int r = check_mapping(v, map->vcpu_addr | map->length);

	return r ? r : gmap_unmap_segment(v->gmap, map->vcpu_addr, map->length);
}

/* KVM API 4.67, of any VM. */
long s390_vcpu_fault_ioctl(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	return gmap_fault(to_s390(vcpu)->gmap, arg->value, 0);
}

/* mmap() of the vCPU's file behind kvm_run. */
vm_fault_t s390_vcpu_mmap_fault(struct kvm_vcpu *vcpu, struct vm_fault *vmf)
{
	struct s390_vcpu *v = to_s390(vcpu);

	if (vmf->pgoff != KVM_S390_SIE_PAGE_OFFSET || !vm_of(v)->ucontrol)
		return VM_FAULT_SIGBUS;
	vmf->page = virt_to_page(v->sie);
	get_page(vmf->page);
	return 0;
}

/**
 * s390_ucontrol_turn_end - SIE has been left
 * @v: CPU of a user-controlled VM
 * @fault: what sie64a() returned
 *
 * Return: as an exit handler.
 */
int s390_ucontrol_turn_end(struct s390_vcpu *v, int fault)
{
	struct kvm_run *run = v->vcpu.run;

	if (!fault)
		return v->sie->icpt_code == SIE_CODE_HOST ? EXIT_RESUME : s390_exit_sieic(v);
	if (!current->thread.gmap_int_code)
		return -EFAULT;
	run->exit_reason = KVM_EXIT_S390_UCONTROL;
	run->s390_ucontrol.trans_exc_code = current->thread.gmap_addr;
	run->s390_ucontrol.pgm_code = FAULT_CODE;
	return EXIT_TO_USER;
}
