// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attributes of a VM (Documentation/virt/kvm/devices/vm.rst of the kernel): one row an attribute.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/facility.h>

#include "s390.h"

/* Each: @user is attr->addr. NULL in a row: not this way (-ENXIO). */
struct vm_attr {
	u32	group;
	u64	attr;
	int	(*get)(struct s390_vm *vm, void __user *user);
	int	(*set)(struct s390_vm *vm, void __user *user);
};

static u64 clock_now(const struct s390_vm *vm)
{
	return get_tod_clock_fast() + READ_ONCE(vm->epoch);
}

static int clock_set(struct s390_vm *vm, u64 tod)
{
	mutex_lock(&vm->kvm.lock);
	s390_clock_set(&vm->kvm, tod);
	mutex_unlock(&vm->kvm.lock);
	return 0;
}

static int tod_low_get(struct s390_vm *vm, void __user *user)
{
	return put_user(clock_now(vm), (u64 __user *)user);
}

static int tod_low_set(struct s390_vm *vm, void __user *user)
{
	u64 tod;

	return get_user(tod, (u64 __user *)user) ? -EFAULT : clock_set(vm, tod);
}

/*
 * The extension to the left of the clock: no guest has it (multiple epochs, facility 139), so it is
 * 0.
 */
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
	const struct kvm_s390_vm_tod_clock clock = { .tod = clock_now(vm) };

	return copy_to_user(user, &clock, sizeof(clock)) ? -EFAULT : 0;
}

static int tod_ext_set(struct s390_vm *vm, void __user *user)
{
	struct kvm_s390_vm_tod_clock clock;

	if (copy_from_user(&clock, user, sizeof(clock)))
		return -EFAULT;
	return clock.epoch_idx ? -EINVAL : clock_set(vm, clock.tod);
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
	memcpy(machine->fac_mask, s390_facility_mask, sizeof(machine->fac_mask));
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
	memcpy(processor->fac_list, vm->facilities, sizeof(processor->fac_list));
	mutex_unlock(&vm->kvm.lock);
	r = copy_to_user(user, processor, sizeof(*processor)) ? -EFAULT : 0;
	kfree(processor);
	return r;
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
	{ KVM_S390_VM_CPU_MODEL, KVM_S390_VM_CPU_MACHINE_FEAT, machine_feat_get },
	{ KVM_S390_VM_CPU_MODEL, KVM_S390_VM_CPU_PROCESSOR_FEAT, processor_feat_get,
	  processor_feat_set },
	{ KVM_S390_VM_CPU_MODEL, KVM_S390_VM_CPU_MACHINE, machine_get },
	{ KVM_S390_VM_CPU_MODEL, KVM_S390_VM_CPU_PROCESSOR, processor_get, processor_set },
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
	return find(arg->data) ? 0 : -ENXIO;
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
