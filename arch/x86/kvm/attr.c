// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attributes: values that are neither worth an ioctl of their own nor of a device, named by group
 * and number (KVM API 4.80, 4.81; devices/vcpu.rst).
 *
 * There is one of the system, the state components of XSAVE that a guest may be given, and one of a
 * vCPU, the offset of its TSC. Each travels as a u64 at the address in the attribute.
 */
#include <linux/uaccess.h>
#include "attr.h"
#include "x86.h"

struct x86_attr {
	u32	group;
	u64	attr;
	u64	(*get)(struct kvm_vcpu *vcpu);
	void	(*set)(struct kvm_vcpu *vcpu, u64 value);	/* NULL: cannot be set */
};

static u64 get_xcomp(struct kvm_vcpu *nobody)
{
	return x86_xcr0_supported;
}

static u64 get_tsc_offset(struct kvm_vcpu *vcpu)
{
	return to_x86(vcpu)->tsc.offset;
}

static const struct x86_attr sys_attrs[] = {
	{ 0, KVM_X86_XCOMP_GUEST_SUPP, get_xcomp },
};

static const struct x86_attr vcpu_attrs[] = {
	{ KVM_VCPU_TSC_CTRL, KVM_VCPU_TSC_OFFSET, get_tsc_offset, x86_tsc_set_offset },
};

static const struct x86_attr *attr_find(const struct x86_attr *rows, unsigned int n,
					const struct kvm_device_attr *in)
{
	for (; n; rows++, n--)
		if (rows->group == in->group && rows->attr == in->attr)
			return rows;
	return NULL;
}

static u64 __user *value_of(const struct kvm_device_attr *in)
{
	return u64_to_user_ptr(in->addr);
}

/* -ENXIO: no such attribute; -EINVAL: flags, of which none are known. */
static long attr_has(const struct x86_attr *row, const struct kvm_device_attr *in)
{
	if (in->flags)
		return -EINVAL;
	return row ? 0 : -ENXIO;
}

static long attr_get(const struct x86_attr *row, const struct kvm_device_attr *in,
		     struct kvm_vcpu *vcpu)
{
	long r = attr_has(row, in);

	return r ? r : put_user(row->get(vcpu), value_of(in));
}

/* KVM_HAS_DEVICE_ATTR on /dev/kvm */
long x86_sys_has_attr(struct kvm_arg *arg)
{
	return attr_has(attr_find(sys_attrs, ARRAY_SIZE(sys_attrs), arg->data), arg->data);
}

/* KVM_GET_DEVICE_ATTR on /dev/kvm */
long x86_sys_get_attr(struct kvm_arg *arg)
{
	return attr_get(attr_find(sys_attrs, ARRAY_SIZE(sys_attrs), arg->data), arg->data, NULL);
}

static const struct x86_attr *vcpu_attr(const struct kvm_arg *arg)
{
	return attr_find(vcpu_attrs, ARRAY_SIZE(vcpu_attrs), arg->data);
}

/* KVM_HAS_DEVICE_ATTR on a vCPU */
long x86_vcpu_has_attr(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	return attr_has(vcpu_attr(arg), arg->data);
}

/* KVM_GET_DEVICE_ATTR on a vCPU */
long x86_vcpu_get_attr(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	return attr_get(vcpu_attr(arg), arg->data, vcpu);
}

/* KVM_SET_DEVICE_ATTR on a vCPU */
long x86_vcpu_set_attr(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	const struct x86_attr *row = vcpu_attr(arg);
	long r = attr_has(row, arg->data);
	u64 value;

	if (r)
		return r;
	if (!row->set)
		return -ENXIO;
	if (get_user(value, value_of(arg->data)))
		return -EFAULT;
	row->set(vcpu, value);
	return 0;
}
