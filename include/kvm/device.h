/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KVM_CREATE_DEVICE: devices with attributes, each with its own file.
 */
#ifndef KVM_DEVICE_H
#define KVM_DEVICE_H

#include <kvm/vm.h>

struct kvm_device;

/* Life: create under kvm->lock, init once the fd exists; gone with the file (release) or else with the VM (destroy). */
struct kvm_device_class {
	const char *name;
	int (*create)(struct kvm_device *dev, u32 type);
	void (*init)(struct kvm_device *dev);
	void (*release)(struct kvm_device *dev);	/* kvm->lock held; NULL: it lives as long as the VM */
	void (*destroy)(struct kvm_device *dev);	/* frees what create made, not @dev */

	/* Attributes: KVM_HAS, KVM_GET and KVM_SET_DEVICE_ATTR; no lock held. NULL: there are none. */
	int (*has_attr)(struct kvm_device *dev, struct kvm_device_attr *attr);
	int (*get_attr)(struct kvm_device *dev, struct kvm_device_attr *attr);
	int (*set_attr)(struct kvm_device *dev, struct kvm_device_attr *attr);
	long (*ioctl)(struct kvm_device *dev, unsigned int cmd, unsigned long arg);	/* any other; NULL: none */
};

struct kvm_device {
	const struct kvm_device_class	*class;
	struct kvm			*kvm;
	void				*private;
	struct list_head		node;	/* of kvm->devices; kvm->lock */
};

/*
 * @type: KVM_DEV_TYPE_*. Return 0, -ENOSPC out of range, -EBUSY where there is one: it comes from a
 * module's start, whose -EEXIST would say that the very module is loaded.
 */
int kvm_device_class_register(const struct kvm_device_class *ops, u32 type);
void kvm_device_class_unregister(u32 type);
void kvm_devices_destroy(struct kvm *kvm);

#endif /* KVM_DEVICE_H */
