/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KVM_CREATE_DEVICE: devices with attributes, each with its own file.
 */
#ifndef KVM_DEVICE_H
#define KVM_DEVICE_H

#include <kvm/vm.h>

struct kvm_device;

struct kvm_device_class {
	const char *name;
	int (*create)(struct kvm_device *dev, u32 type);	/* kvm->lock held */
	void (*init)(struct kvm_device *dev);			/* after the fd exists; no lock */
	/* with the VM; frees nothing of struct kvm_device */
	void (*destroy)(struct kvm_device *dev);
	/* with the file instead, if set; kvm->lock held */
	void (*release)(struct kvm_device *dev);
	int (*set_attr)(struct kvm_device *dev, struct kvm_device_attr *attr);
	int (*get_attr)(struct kvm_device *dev, struct kvm_device_attr *attr);
	int (*has_attr)(struct kvm_device *dev, struct kvm_device_attr *attr);
	long (*ioctl)(struct kvm_device *dev, unsigned int cmd, unsigned long arg);
};

struct kvm_device {
	const struct kvm_device_class	*class;
	struct kvm			*kvm;
	void				*private;
	struct list_head		node;	/* of kvm->devices; kvm->lock */
};

/* @type: KVM_DEV_TYPE_*. Return 0, -ENOSPC out of range, -EEXIST. */
int kvm_device_class_register(const struct kvm_device_class *ops, u32 type);
void kvm_device_class_unregister(u32 type);
void kvm_devices_destroy(struct kvm *kvm);

#endif /* KVM_DEVICE_H */
