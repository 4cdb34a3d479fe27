/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Buses: who answers an access to a port or to an address where there is no memory.
 *
 * A bus is an immutable sorted array of ranges, read under kvm->srcu, replaced under
 * kvm->slots_lock. An access is offered to each device whose range has all of it, until one takes
 * it: of ranges that overlap, to the one that begins last first. A range of length 0 is for
 * accesses of any length that begin at its address.
 */
#ifndef KVM_IO_BUS_H
#define KVM_IO_BUS_H

#include <kvm/vcpu.h>

struct kvm_io_device;

/*
 * read and write return 0 when the device took the access, -EOPNOTSUPP when it is not for it; NULL:
 * never its own.
 */
struct kvm_io_ops {
	int (*read)(struct kvm_vcpu *vcpu, struct kvm_io_device *dev, gpa_t addr, int len,
		    void *val);
	int (*write)(struct kvm_vcpu *vcpu, struct kvm_io_device *dev, gpa_t addr, int len,
		     const void *val);
	/* the VM goes away with the device on the bus; NULL ok */
	void (*destroy)(struct kvm_io_device *dev);
	/* does not count towards -ENOSPC: something else limits how many there are */
	bool uncounted;
};

struct kvm_io_device {
	const struct kvm_io_ops *ops;
};

/*
 * Return: 0 a device took it, -EOPNOTSUPP none did: user space must. Context: kvm->srcu held; may
 * sleep.
 */
int kvm_io_bus_read(struct kvm_vcpu *vcpu, enum kvm_bus bus, gpa_t addr, int len, void *val);
int kvm_io_bus_write(struct kvm_vcpu *vcpu, enum kvm_bus bus, gpa_t addr, int len, const void *val);

/*
 * Context: kvm->slots_lock held; sleeps. Register: 0, -ENOSPC (too many devices), -EEXIST (a device
 * is on one bus once), -ENOMEM. Unregister waits until no reader can see @dev, and does not fail
 * but with -ENOENT when it is not there.
 */
int kvm_io_bus_register(struct kvm *kvm, enum kvm_bus bus, gpa_t addr, int len,
			struct kvm_io_device *dev);
int kvm_io_bus_unregister(struct kvm *kvm, enum kvm_bus bus, struct kvm_io_device *dev);

int kvm_io_buses_init(struct kvm *kvm);
void kvm_io_buses_destroy(struct kvm *kvm);

#endif /* KVM_IO_BUS_H */
