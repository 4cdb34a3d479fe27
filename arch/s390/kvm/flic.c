// SPDX-License-Identifier: GPL-2.0-only
/*
 * The floating interrupt controller, a device of which a VM has one (Documentation/virt/kvm/
 * devices/s390_flic.rst of the kernel): the VMM's access to the floating interrupts that wait, and
 * to the adapters (adapter.c).
 */
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <kvm/device.h>

#include "s390.h"

static int flic_create(struct kvm_device *dev, u32 type)
{
	struct s390_vm *vm = to_s390_vm(dev->kvm);

	if (vm->has_flic)
		return -EINVAL;
	vm->has_flic = true;
	return 0;
}

static void flic_destroy(struct kvm_device *dev)
{
	to_s390_vm(dev->kvm)->has_flic = false;
}

/* attr->addr has attr->attr bytes: interrupts in a row; those before a bad one stay. */
static int enqueue(struct kvm_device *dev, struct kvm_device_attr *attr)
{
	const struct kvm_s390_irq __user *user = u64_to_user_ptr(attr->addr);
	struct kvm_s390_irq irq;
	u64 left;
	int r;

	if (attr->attr % sizeof(irq))
		return -EINVAL;
	if (attr->attr > KVM_S390_FLIC_MAX_BUFFER)
		return -EINVAL;
	for (left = attr->attr; left; left -= sizeof(irq)) {
		if (copy_from_user(&irq, user++, sizeof(irq)))
			return -EFAULT;
		r = s390_inject_float(dev->kvm, &irq, S390_BY_USER);
		if (r)
			return r;
		cond_resched();
	}
	return 0;
}

static int clear_irqs(struct kvm_device *dev, struct kvm_device_attr *attr)
{
	s390_float_clear(dev->kvm);
	return 0;
}

static int clear_io_irq(struct kvm_device *dev, struct kvm_device_attr *attr)
{
	struct s390_io_irq ignored;
	u32 schid;

	if (attr->flags || attr->attr != sizeof(schid))
		return -EINVAL;
	if (get_user(schid, (u32 __user *)u64_to_user_ptr(attr->addr)))
		return -EFAULT;
	if (!schid)
		return -EINVAL;
	s390_float_io_take(to_s390_vm(dev->kvm), 0xff, schid, &ignored);
	return 0;
}

/* The size of the buffer is in attr->attr. Return: how many were copied. */
static int get_all_irqs(struct kvm_device *dev, struct kvm_device_attr *attr)
{
	u64 room = attr->attr / sizeof(struct kvm_s390_irq);
	struct kvm_s390_irq *irqs;
	int n, r;

	if (!attr->attr || attr->attr > KVM_S390_FLIC_MAX_BUFFER)
		return -EINVAL;
	irqs = kvcalloc(max_t(u64, room, 1), sizeof(*irqs), GFP_KERNEL_ACCOUNT);
	if (!irqs)
		return -ENOBUFS;
	n = s390_float_list(to_s390_vm(dev->kvm), irqs, room);
	r = n;
	if (n > 0 && copy_to_user(u64_to_user_ptr(attr->addr), irqs, n * sizeof(*irqs)))
		r = -EFAULT;
	kvfree(irqs);
	return r;
}

static int adapter_register(struct kvm_device *dev, struct kvm_device_attr *attr)
{
	struct kvm_s390_io_adapter info;

	if (copy_from_user(&info, u64_to_user_ptr(attr->addr), sizeof(info)))
		return -EFAULT;
	return s390_adapter_add(to_s390_vm(dev->kvm), &info);
}

static int adapter_modify(struct kvm_device *dev, struct kvm_device_attr *attr)
{
	struct kvm_s390_io_adapter_req req;
	struct s390_adapter *adapter;

	if (copy_from_user(&req, u64_to_user_ptr(attr->addr), sizeof(req)))
		return -EFAULT;
	adapter = s390_adapter_of(to_s390_vm(dev->kvm), req.id);
	if (!adapter)
		return -EINVAL;
	switch (req.type) {
	case KVM_S390_IO_ADAPTER_MASK:
		if (!adapter->maskable)
			return -EINVAL;
		WRITE_ONCE(adapter->masked, req.mask);
		return 0;
	case KVM_S390_IO_ADAPTER_MAP:
	case KVM_S390_IO_ADAPTER_UNMAP:
		return 0;	/* documented to do nothing any more */
	default:
		return -EINVAL;
	}
}

/* attr->attr is the adapter's number. */
static int airq_inject(struct kvm_device *dev, struct kvm_device_attr *attr)
{
	struct s390_vm *vm = to_s390_vm(dev->kvm);
	const struct s390_adapter *adapter = s390_adapter_of(vm, attr->attr);

	return adapter ? s390_adapter_interrupt(vm, attr->attr, adapter) : -EINVAL;
}

static int aism_set(struct kvm_device *dev, struct kvm_device_attr *attr)
{
	struct s390_vm *vm = to_s390_vm(dev->kvm);
	struct kvm_s390_ais_req req;

	if (!READ_ONCE(vm->has_ais))
		return -EOPNOTSUPP;
	if (copy_from_user(&req, u64_to_user_ptr(attr->addr), sizeof(req)))
		return -EFAULT;
	return s390_ais_set(vm, &req);
}

static int aism_all_set(struct kvm_device *dev, struct kvm_device_attr *attr)
{
	struct s390_vm *vm = to_s390_vm(dev->kvm);
	struct kvm_s390_ais_all all;

	if (!READ_ONCE(vm->has_ais))
		return -EOPNOTSUPP;
	if (copy_from_user(&all, u64_to_user_ptr(attr->addr), sizeof(all)))
		return -EFAULT;
	s390_ais_set_all(vm, &all);
	return 0;
}

/* attr->attr is the size of the buffer. */
static int aism_all_get(struct kvm_device *dev, struct kvm_device_attr *attr)
{
	struct s390_vm *vm = to_s390_vm(dev->kvm);
	struct kvm_s390_ais_all all;

	if (attr->attr < sizeof(all))
		return -EINVAL;
	if (!READ_ONCE(vm->has_ais))
		return -EOPNOTSUPP;
	s390_ais_get_all(vm, &all);
	return copy_to_user(u64_to_user_ptr(attr->addr), &all, sizeof(all)) ? -EFAULT : 0;
}

static int apf_enable(struct kvm_device *dev, struct kvm_device_attr *attr)
{
	return s390_pfault_enable(to_s390_vm(dev->kvm));
}

static int apf_disable(struct kvm_device *dev, struct kvm_device_attr *attr)
{
	return s390_pfault_disable(to_s390_vm(dev->kvm));
}

static const struct flic_group {
	int	(*get)(struct kvm_device *dev, struct kvm_device_attr *attr);
	int	(*set)(struct kvm_device *dev, struct kvm_device_attr *attr);
} groups[] = {
	[KVM_DEV_FLIC_GET_ALL_IRQS]	= { .get = get_all_irqs },
	[KVM_DEV_FLIC_ENQUEUE]		= { .set = enqueue },
	[KVM_DEV_FLIC_CLEAR_IRQS]	= { .set = clear_irqs },
	[KVM_DEV_FLIC_APF_ENABLE]	= { .set = apf_enable },
	[KVM_DEV_FLIC_APF_DISABLE_WAIT]	= { .set = apf_disable },
	[KVM_DEV_FLIC_ADAPTER_REGISTER]	= { .set = adapter_register },
	[KVM_DEV_FLIC_ADAPTER_MODIFY]	= { .set = adapter_modify },
	[KVM_DEV_FLIC_CLEAR_IO_IRQ]	= { .set = clear_io_irq },
	[KVM_DEV_FLIC_AISM]		= { .set = aism_set },
	[KVM_DEV_FLIC_AIRQ_INJECT]	= { .set = airq_inject },
	[KVM_DEV_FLIC_AISM_ALL]		= { .get = aism_all_get, .set = aism_all_set },
};

static const struct flic_group *group_of(const struct kvm_device_attr *attr)
{
	static const struct flic_group none;

	if (attr->group >= ARRAY_SIZE(groups))
		return &none;
	return &groups[array_index_nospec(attr->group, ARRAY_SIZE(groups))];
}

static int flic_has_attr(struct kvm_device *dev, struct kvm_device_attr *attr)
{
	const struct flic_group *group = group_of(attr);

	return group->get || group->set ? 0 : -ENXIO;
}

/* A group that is not there is -EINVAL, says the device's documentation. */
static int flic_get_attr(struct kvm_device *dev, struct kvm_device_attr *attr)
{
	const struct flic_group *group = group_of(attr);

	return group->get ? group->get(dev, attr) : -EINVAL;
}

static int flic_set_attr(struct kvm_device *dev, struct kvm_device_attr *attr)
{
	const struct flic_group *group = group_of(attr);

	return group->set ? group->set(dev, attr) : -EINVAL;
}

const struct kvm_device_class s390_flic_class = {
	.name		= "kvm-flic",
	.create		= flic_create,
	.destroy	= flic_destroy,
	.has_attr	= flic_has_attr,
	.get_attr	= flic_get_attr,
	.set_attr	= flic_set_attr,
};
