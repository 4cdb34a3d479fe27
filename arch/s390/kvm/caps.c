// SPDX-License-Identifier: GPL-2.0-only
/*
 * What this architecture says to KVM_CHECK_EXTENSION, and the capabilities of a VM that are turned
 * on.
 */
#include "s390.h"

static int cap_cow(struct kvm *kvm)
{
	return MACHINE_HAS_ESOP;
}

static int cap_vcpus(struct kvm *kvm)
{
	return S390_MAX_VCPUS;
}

static const struct kvm_cap rows[] = {
	{ KVM_CAP_S390_PSW,		1 },
	{ KVM_CAP_S390_GMAP,		1 },
	{ KVM_CAP_S390_COW,		.get = cap_cow },
	{ KVM_CAP_NR_VCPUS,		.get = cap_vcpus },
	{ KVM_CAP_ENABLE_CAP,		1 },
	{ KVM_CAP_S390_CSS_SUPPORT,	1 },
	{ KVM_CAP_ONE_REG,		1 },
	{ KVM_CAP_SYNC_REGS,		1 },
	{ KVM_CAP_MP_STATE,		1 },
	{ KVM_CAP_VM_ATTRIBUTES,	1 },
	{ KVM_CAP_S390_INJECT_IRQ,	1 },
	{ KVM_CAP_S390_IRQ_STATE,	1 },
	{ KVM_CAP_S390_IRQCHIP,		1 },
	{ KVM_CAP_IRQFD_RESAMPLE,	0 },
	{ KVM_CAP_S390_USER_SIGP,	1 },
	{ KVM_CAP_S390_USER_STSI,	1 },
	{ KVM_CAP_S390_USER_INSTR0,	1 },
	{ KVM_CAP_S390_VCPU_RESETS,	1 },
	{ KVM_CAP_S390_SKEYS,		1 },
	{ KVM_CAP_S390_MEM_OP,		S390_MEM_OP_MAX },
	{ KVM_CAP_S390_MEM_OP_EXTENSION, 1 },
};

const struct kvm_cap_table s390_caps = KVM_CAP_TABLE(rows);

/* Switches without parameters. Context: kvm->lock held. */
int s390_vm_enable_cap(struct kvm *kvm, struct kvm_enable_cap *cap)
{
	struct s390_vm *vm = to_s390_vm(kvm);

	if (cap->flags)
		return -EINVAL;
	switch (cap->cap) {
	case KVM_CAP_S390_USER_SIGP:
		WRITE_ONCE(vm->user_sigp, true);
		return 0;
	case KVM_CAP_S390_IRQCHIP:
		WRITE_ONCE(vm->irqchip, true);
		return 0;
	case KVM_CAP_S390_USER_STSI:
		WRITE_ONCE(vm->user_stsi, true);
		return 0;
	case KVM_CAP_S390_USER_INSTR0:
		WRITE_ONCE(vm->user_instr0, true);
		return 0;
	default:
		return -EINVAL;
	}
}
