// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attributes of a VM (Documentation/virt/kvm/devices/vm.rst of the kernel): one row an attribute.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/facility.h>
#include <asm/sclp.h>

#include "s390.h"

/*
 * Each: @user is attr->addr. NULL in a row: not this way (-ENXIO), and of there: always. Only
 * KVM_HAS_DEVICE_ATTR asks there; get and set have answers of their own.
 */
struct vm_attr {
	u32	group;
	u64	attr;
	int	(*get)(struct s390_vm *vm, void __user *user);
	int	(*set)(struct s390_vm *vm, void __user *user);
	bool	(*there)(struct s390_vm *vm);
};

static void clock_now(struct s390_vm *vm, u8 *index, u64 *tod)
{
	mutex_lock(&vm->kvm.lock);
	s390_clock_get(vm, index, tod);
	mutex_unlock(&vm->kvm.lock);
}

/* -EINVAL: an index that the guest's clock has no room for. */
static int clock_set(struct s390_vm *vm, u8 index, u64 tod)
{
	int r = -EINVAL;

	mutex_lock(&vm->kvm.lock);
	if (!index || s390_has(vm, FACILITY_MULTI_EPOCH)) {
		s390_clock_set(&vm->kvm, index, tod);
		r = 0;
	}
	mutex_unlock(&vm->kvm.lock);
	return r;
}

static int tod_low_get(struct s390_vm *vm, void __user *user)
{
	u8 index;
	u64 tod;

	clock_now(vm, &index, &tod);
	return put_user(tod, (u64 __user *)user);
}

static int tod_low_set(struct s390_vm *vm, void __user *user)
{
	u64 tod;

	return get_user(tod, (u64 __user *)user) ? -EFAULT : clock_set(vm, 0, tod);
}

/* Superseded by TOD_EXT: always 0, as there it is set together with the rest. */
static int tod_high_get(struct s390_vm *vm, void __user *user)
{
	return put_user((u8)0, (u8 __user *)user);
}

static int tod_high_set(struct s390_vm *vm, void __user *user)
{
	u8 high;

	if (get_user(high, (u8 __user *)user))
		return -EFAULT;
	return high ? -EINVAL : 0;
}

static int tod_ext_get(struct s390_vm *vm, void __user *user)
{
	struct kvm_s390_vm_tod_clock clock = { };

	clock_now(vm, &clock.epoch_idx, &clock.tod);
	return copy_to_user(user, &clock, sizeof(clock)) ? -EFAULT : 0;
}

static int tod_ext_set(struct s390_vm *vm, void __user *user)
{
	struct kvm_s390_vm_tod_clock clock;

	if (copy_from_user(&clock, user, sizeof(clock)))
		return -EFAULT;
	return clock_set(vm, clock.epoch_idx, clock.tod);
}

static int limit_get(struct s390_vm *vm, void __user *user)
{
	return put_user(READ_ONCE(vm->mem_limit), (u64 __user *)user);
}

static int limit_set(struct s390_vm *vm, void __user *user)
{
	u64 limit;
	int r;

	if (get_user(limit, (u64 __user *)user))
		return -EFAULT;
	if (!limit)
		return -EINVAL;
	if (limit != KVM_S390_NO_MEM_LIMIT && limit > TASK_SIZE_MAX)
		return -E2BIG;
	mutex_lock(&vm->kvm.lock);
	mutex_lock(&vm->kvm.slots_lock);
	if (vm->ucontrol)
		r = -EINVAL;
	else
		r = vm->kvm.created_vcpus ? -EBUSY : s390_limit_change(vm, limit);
	mutex_unlock(&vm->kvm.slots_lock);
	mutex_unlock(&vm->kvm.lock);
	return r;
}

static int machine_get(struct s390_vm *vm, void __user *user)
{
	struct kvm_s390_vm_cpu_machine *machine = kzalloc(sizeof(*machine), GFP_KERNEL_ACCOUNT);
	int r;

	if (!machine)
		return -ENOMEM;
	machine->cpuid = s390_host_cpuid();
	machine->ibc = sclp.ibc;
	mutex_lock(&vm->kvm.lock);
	memcpy(machine->fac_mask, vm->fac_mask, sizeof(machine->fac_mask));
	if (vm->has_ais)
		machine->fac_mask[S390_FACILITY_AIS / 64] |= facility_bit(S390_FACILITY_AIS);
	mutex_unlock(&vm->kvm.lock);
	memcpy(machine->fac_list, stfle_fac_list, min(sizeof(machine->fac_list),
						      sizeof(stfle_fac_list)));
	r = copy_to_user(user, machine, sizeof(*machine)) ? -EFAULT : 0;
	kfree(machine);
	return r;
}

static int processor_get(struct s390_vm *vm, void __user *user)
{
	struct kvm_s390_vm_cpu_processor *processor = kzalloc(sizeof(*processor),
							      GFP_KERNEL_ACCOUNT);
	int r;

	if (!processor)
		return -ENOMEM;
	mutex_lock(&vm->kvm.lock);
	processor->cpuid = vm->cpuid;
	processor->ibc = vm->ibc;
	memcpy(processor->fac_list, vm->facilities, sizeof(processor->fac_list));
	mutex_unlock(&vm->kvm.lock);
	r = copy_to_user(user, processor, sizeof(*processor)) ? -EFAULT : 0;
	kfree(processor);
	return r;
}

/* The level asked for, or the nearest that the machine can show; 0 asks for none. */
static u16 ibc_within(u16 ibc)
{
	u16 lowest = (sclp.ibc >> 16) & SIE_IBC_MASK, highest = sclp.ibc & SIE_IBC_MASK;

	return lowest && ibc ? clamp(ibc, lowest, highest) : 0;
}

static int processor_set(struct s390_vm *vm, void __user *user)
{
	struct kvm_s390_vm_cpu_processor *processor = memdup_user(user, sizeof(*processor));
	int r = -EBUSY;

	if (IS_ERR(processor))
		return PTR_ERR(processor);
	mutex_lock(&vm->kvm.lock);
	if (!vm->kvm.created_vcpus) {
		vm->cpuid = processor->cpuid;
		vm->ibc = ibc_within(processor->ibc);
		memcpy(vm->facilities, processor->fac_list, sizeof(processor->fac_list));
		r = 0;
	}
	mutex_unlock(&vm->kvm.lock);
	kfree(processor);
	return r;
}

/*
 * Features of the interpretation itself. All but one are for guests that run guests, of which there
 * are none: what is left is to have host protection told apart from the guest's.
 */
static void feat_available(struct kvm_s390_vm_cpu_feat *feat)
{
	*feat = (struct kvm_s390_vm_cpu_feat){ };
	if (MACHINE_HAS_ESOP)
		feat->feat[0] = 1ULL << (63 - KVM_S390_VM_CPU_FEAT_ESOP);
}

static int machine_feat_get(struct s390_vm *vm, void __user *user)
{
	struct kvm_s390_vm_cpu_feat feat;

	feat_available(&feat);
	return copy_to_user(user, &feat, sizeof(feat)) ? -EFAULT : 0;
}

static int processor_feat_get(struct s390_vm *vm, void __user *user)
{
	const struct kvm_s390_vm_cpu_feat feat = { .feat = { READ_ONCE(vm->feat) } };

	return copy_to_user(user, &feat, sizeof(feat)) ? -EFAULT : 0;
}

static int processor_feat_set(struct s390_vm *vm, void __user *user)
{
	struct kvm_s390_vm_cpu_feat feat, available;
	int i, r = 0;

	if (copy_from_user(&feat, user, sizeof(feat)))
		return -EFAULT;
	feat_available(&available);
	for (i = 0; i < ARRAY_SIZE(feat.feat); i++) {
		if (feat.feat[i] & ~available.feat[i])
			return -EINVAL;
	}
	mutex_lock(&vm->kvm.lock);
	if (vm->kvm.created_vcpus)
		r = -EBUSY;
	else
		WRITE_ONCE(vm->feat, feat.feat[0]);
	mutex_unlock(&vm->kvm.lock);
	return r;
}

static const struct vm_attr rows[] = {
	{ KVM_S390_VM_TOD, KVM_S390_VM_TOD_LOW, tod_low_get, tod_low_set },
	{ KVM_S390_VM_TOD, KVM_S390_VM_TOD_HIGH, tod_high_get, tod_high_set },
	{ KVM_S390_VM_TOD, KVM_S390_VM_TOD_EXT, tod_ext_get, tod_ext_set },
	{ KVM_S390_VM_MEM_CTRL, KVM_S390_VM_MEM_LIMIT_SIZE, limit_get, limit_set },
	{ KVM_S390_VM_MEM_CTRL, KVM_S390_VM_MEM_ENABLE_CMMA, NULL, s390_cmma_enable },
	{ KVM_S390_VM_MEM_CTRL, KVM_S390_VM_MEM_CLR_CMMA, NULL, s390_cmma_clear },
	{ KVM_S390_VM_MIGRATION, KVM_S390_VM_MIGRATION_START, NULL, s390_migration_start_set },
	{ KVM_S390_VM_MIGRATION, KVM_S390_VM_MIGRATION_STOP, NULL, s390_migration_stop_set },
	{ KVM_S390_VM_MIGRATION, KVM_S390_VM_MIGRATION_STATUS, s390_migration_status_get },
	{ KVM_S390_VM_CPU_MODEL, KVM_S390_VM_CPU_MACHINE_FEAT, machine_feat_get },
	{ KVM_S390_VM_CPU_MODEL, KVM_S390_VM_CPU_PROCESSOR_FEAT, processor_feat_get,
	  processor_feat_set },
	{ KVM_S390_VM_CPU_MODEL, KVM_S390_VM_CPU_MACHINE_SUBFUNC, s390_machine_subfunc_get },
	{ KVM_S390_VM_CPU_MODEL, KVM_S390_VM_CPU_PROCESSOR_SUBFUNC, s390_processor_subfunc_get,
	  s390_processor_subfunc_set },
	{ KVM_S390_VM_CPU_MODEL, KVM_S390_VM_CPU_MACHINE, machine_get },
	{ KVM_S390_VM_CPU_MODEL, KVM_S390_VM_CPU_PROCESSOR, processor_get, processor_set },
	{ KVM_S390_VM_CPU_TOPOLOGY, 0, s390_topology_get, s390_topology_clear,
	  s390_topology_there },
	{ KVM_S390_VM_CPU_TOPOLOGY, 1, s390_topology_get, s390_topology_set,
	  s390_topology_there },
	{ KVM_S390_VM_CRYPTO, KVM_S390_VM_CRYPTO_ENABLE_AES_KW, NULL, s390_crypto_aes_on },
	{ KVM_S390_VM_CRYPTO, KVM_S390_VM_CRYPTO_DISABLE_AES_KW, NULL, s390_crypto_aes_off },
	{ KVM_S390_VM_CRYPTO, KVM_S390_VM_CRYPTO_ENABLE_DEA_KW, NULL, s390_crypto_dea_on },
	{ KVM_S390_VM_CRYPTO, KVM_S390_VM_CRYPTO_DISABLE_DEA_KW, NULL, s390_crypto_dea_off },
	{ KVM_S390_VM_CRYPTO, KVM_S390_VM_CRYPTO_ENABLE_APIE, NULL, s390_crypto_apie_on,
	  s390_crypto_has_ap },
	{ KVM_S390_VM_CRYPTO, KVM_S390_VM_CRYPTO_DISABLE_APIE, NULL, s390_crypto_apie_off,
	  s390_crypto_has_ap },
};

static const struct vm_attr *find(const struct kvm_device_attr *attr)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].group == attr->group && rows[i].attr == attr->attr)
			return &rows[i];
	}
	return NULL;
}

long s390_vm_has_attr(struct kvm *kvm, struct kvm_arg *arg)
{
	const struct vm_attr *row = find(arg->data);

	return row && (!row->there || row->there(to_s390_vm(kvm))) ? 0 : -ENXIO;
}

long s390_vm_get_attr(struct kvm *kvm, struct kvm_arg *arg)
{
	const struct kvm_device_attr *attr = arg->data;
	const struct vm_attr *row = find(attr);

	if (attr->flags)
		return -EINVAL;
	return row && row->get ? row->get(to_s390_vm(kvm), u64_to_user_ptr(attr->addr)) : -ENXIO;
}

long s390_vm_set_attr(struct kvm *kvm, struct kvm_arg *arg)
{
	const struct kvm_device_attr *attr = arg->data;
	const struct vm_attr *row = find(attr);

	if (attr->flags)
		return -EINVAL;
	return row && row->set ? row->set(to_s390_vm(kvm), u64_to_user_ptr(attr->addr)) : -ENXIO;
}
