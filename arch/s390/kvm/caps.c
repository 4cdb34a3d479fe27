// SPDX-License-Identifier: GPL-2.0-only
/*
 * What this architecture says to KVM_CHECK_EXTENSION, and the capabilities of a VM that are turned
 * on.
 */
#include <asm/facility.h>
#include <asm/sclp.h>

#include "s390.h"

static int cap_cow(struct kvm *kvm)
{
	return MACHINE_HAS_ESOP;
}

static int cap_hpage(struct kvm *kvm)
{
	return s390_hpage_offered(kvm ? to_s390_vm(kvm) : NULL);
}

static int cap_vectors(struct kvm *kvm)
{
	return MACHINE_HAS_VX;
}

static int cap_ri(struct kvm *kvm)
{
	return test_facility(FACILITY_RI);
}

static int cap_gs(struct kvm *kvm)
{
	return test_facility(FACILITY_GS);
}

static int cap_topology(struct kvm *kvm)
{
	return test_facility(FACILITY_TOPOLOGY);
}

static int cap_bpb(struct kvm *kvm)
{
	return test_facility(FACILITY_BPB);
}

static int cap_debug(struct kvm *kvm)
{
	return sclp.has_gpere;
}

static int cap_debug_flags(struct kvm *kvm)
{
	return sclp.has_gpere ? S390_GUESTDBG_FLAGS : 0;
}

static const struct kvm_cap rows[] = {
	{ KVM_CAP_S390_PSW,		1 },
	{ KVM_CAP_S390_GMAP,		1 },
	{ KVM_CAP_S390_UCONTROL,	1 },
	{ KVM_CAP_S390_COW,		.get = cap_cow },
	{ KVM_CAP_ENABLE_CAP,		1 },
	{ KVM_CAP_S390_CSS_SUPPORT,	1 },
	{ KVM_CAP_ONE_REG,		1 },
	{ KVM_CAP_S390_VECTOR_REGISTERS, .get = cap_vectors },
	{ KVM_CAP_S390_RI,		.get = cap_ri },
	{ KVM_CAP_S390_GS,		.get = cap_gs },
	{ KVM_CAP_S390_BPB,		.get = cap_bpb },
	{ KVM_CAP_S390_CPU_TOPOLOGY,	.get = cap_topology },
	{ KVM_CAP_S390_DIAG318,		1 },
	{ KVM_CAP_SET_GUEST_DEBUG,	.get = cap_debug },
	{ KVM_CAP_SET_GUEST_DEBUG2,	.get = cap_debug_flags },
	{ KVM_CAP_SYNC_REGS,		1 },
	{ KVM_CAP_ASYNC_PF,		1 },
	{ KVM_CAP_MP_STATE,		1 },
	{ KVM_CAP_VM_ATTRIBUTES,	1 },
	{ KVM_CAP_S390_INJECT_IRQ,	1 },
	{ KVM_CAP_S390_IRQ_STATE,	1 },
	{ KVM_CAP_S390_IRQCHIP,		1 },
	{ KVM_CAP_IRQFD_RESAMPLE,	0 },
	{ KVM_CAP_IRQ_INJECT_STATUS,	0 },
	{ KVM_CAP_S390_AIS,		1 },
	{ KVM_CAP_S390_AIS_MIGRATION,	1 },
	{ KVM_CAP_S390_USER_SIGP,	1 },
	{ KVM_CAP_S390_USER_STSI,	1 },
	{ KVM_CAP_S390_USER_INSTR0,	1 },
	{ KVM_CAP_S390_VCPU_RESETS,	1 },
	{ KVM_CAP_S390_SKEYS,		1 },
	{ KVM_CAP_S390_CMMA_MIGRATION,	1 },
	{ KVM_CAP_S390_HPAGE_1M,	.get = cap_hpage },
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
		if (vm->ucontrol)
			return -EINVAL;
		WRITE_ONCE(vm->irqchip, true);
		return 0;
	case KVM_CAP_S390_HPAGE_1M:
		return s390_hpage_enable(vm);
	case KVM_CAP_S390_AIS:
		return s390_ais_enable(vm);
	case KVM_CAP_S390_USER_STSI:
		WRITE_ONCE(vm->user_stsi, true);
		return 0;
	case KVM_CAP_S390_USER_INSTR0:
		WRITE_ONCE(vm->user_instr0, true);
		return 0;
	default:
		return s390_feature_enable(vm, cap->cap);
	}
}
