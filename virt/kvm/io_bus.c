// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buses: finding the device that answers a port or an address.
 *
 * A bus is an array of ranges sorted by where they begin, each with the greatest end of all ranges
 * up to it. An access walks down from the last range that begins at or below it, and stops where no
 * range further down can reach it. The array is never changed while readers may see it, with one
 * exception: a range whose device must go when there is no memory for a shorter array gets a device
 * that takes nothing. So taking a device off a bus always succeeds.
 *
 * Readers hold kvm->srcu; writers kvm->slots_lock, and wait for readers before the old array, or
 * the device, may go.
 */
#include <linux/slab.h>

#include "core.h"

/* How many devices that count; ioeventfds are limited by file descriptors instead. */
#define BUS_MAX_DEVICES	1000

struct bus_range {
	gpa_t			addr;
	int			len;	/* 0: an access of any length that begins here */
	gpa_t			reach;	/* the greatest last address up to here */
	struct kvm_io_device	*dev;	/* READ_ONCE: may become &nobody */
	/* From its ops, for the end of the VM: a device without destroy may be gone by then. */
	void			(*destroy)(struct kvm_io_device *dev);
	bool			counted;
};

struct kvm_io_bus {
	unsigned int		n;
	unsigned int		counted;
	struct bus_range	range[];
};

static const struct kvm_io_ops nobody_ops = { };
static struct kvm_io_device nobody = { .ops = &nobody_ops };

static gpa_t range_last(const struct bus_range *r)
{
	return r->addr + (r->len ? r->len - 1 : 0);
}

/* Does @r have all of an access? */
static bool range_takes(const struct bus_range *r, gpa_t addr, int len)
{
	if (!r->len || !len)
		return r->addr == addr;
	return addr + len - 1 <= range_last(r) && addr + len - 1 >= addr;
}

/* How many ranges begin at or below @addr. */
static unsigned int count_up_to(const struct kvm_io_bus *bus, gpa_t addr)
{
	unsigned int low = 0, high = bus->n;

	while (low < high) {
		unsigned int mid = low + (high - low) / 2;

		if (bus->range[mid].addr <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct bus_access {
	gpa_t		addr;
	int		len;
	bool		write;
	void		*val;
};

static int offer(struct kvm_vcpu *vcpu, struct kvm_io_device *dev, const struct bus_access *a)
{
	const struct kvm_io_ops *ops = dev->ops;

	if (a->write)
		return ops->write ? ops->write(vcpu, dev, a->addr, a->len, a->val) : -EOPNOTSUPP;
	return ops->read ? ops->read(vcpu, dev, a->addr, a->len, a->val) : -EOPNOTSUPP;
}

static int bus_access(struct kvm_vcpu *vcpu, enum kvm_bus nr, const struct bus_access *a)
{
	const struct kvm_io_bus *bus = srcu_dereference(vcpu->kvm->buses[nr], &vcpu->kvm->srcu);
	unsigned int i;

	if (!bus)
		return -EOPNOTSUPP;
	i = count_up_to(bus, a->addr);
	while (i-- && bus->range[i].reach >= a->addr) {
		const struct bus_range *r = &bus->range[i];

		if (range_takes(r, a->addr, a->len) && !offer(vcpu, READ_ONCE(r->dev), a))
			return 0;
	}
	return -EOPNOTSUPP;
}

int kvm_io_bus_read(struct kvm_vcpu *vcpu, enum kvm_bus bus, gpa_t addr, int len, void *val)
{
	const struct bus_access a = { .addr = addr, .len = len, .val = val };

	return bus_access(vcpu, bus, &a);
}
EXPORT_SYMBOL_GPL(kvm_io_bus_read);

int kvm_io_bus_write(struct kvm_vcpu *vcpu, enum kvm_bus bus, gpa_t addr, int len, const void *val)
{
	const struct bus_access a = { .addr = addr, .len = len, .write = true, .val = (void *)val };

	return bus_access(vcpu, bus, &a);
}
EXPORT_SYMBOL_GPL(kvm_io_bus_write);

static struct kvm_io_bus *current_bus(struct kvm *kvm, enum kvm_bus nr)
{
	return rcu_dereference_protected(kvm->buses[nr], lockdep_is_held(&kvm->slots_lock));
}

static struct kvm_io_bus *alloc_bus(unsigned int n)
{
	struct kvm_io_bus *bus;

	bus = kvzalloc(struct_size(bus, range, n), GFP_KERNEL_ACCOUNT);
	if (bus)
		bus->n = n;
	return bus;
}

/* What follows from the ranges. */
static void seal_bus(struct kvm_io_bus *bus)
{
	gpa_t reach = 0;
	unsigned int i;

	for (i = 0; i < bus->n; i++) {
		reach = max(reach, range_last(&bus->range[i]));
		bus->range[i].reach = reach;
		bus->counted += bus->range[i].counted;
	}
}

static void publish_bus(struct kvm *kvm, enum kvm_bus nr, struct kvm_io_bus *next)
{
	struct kvm_io_bus *old = current_bus(kvm, nr);

	rcu_assign_pointer(kvm->buses[nr], next);
	synchronize_srcu_expedited(&kvm->srcu);
	kvfree(old);
}

static int index_of(const struct kvm_io_bus *bus, const struct kvm_io_device *dev)
{
	unsigned int i;

	for (i = 0; i < bus->n; i++) {
		if (bus->range[i].dev == dev)
			return i;
	}
	return -1;
}

int kvm_io_bus_register(struct kvm *kvm, enum kvm_bus nr, gpa_t addr, int len,
			struct kvm_io_device *dev)
{
	struct kvm_io_bus *bus = current_bus(kvm, nr), *next;
	unsigned int at;

	lockdep_assert_held(&kvm->slots_lock);

	if (index_of(bus, dev) >= 0)
		return -EEXIST;
	if (!dev->ops->uncounted && bus->counted >= BUS_MAX_DEVICES)
		return -ENOSPC;
	next = alloc_bus(bus->n + 1);
	if (!next)
		return -ENOMEM;

	at = count_up_to(bus, addr);
	memcpy(next->range, bus->range, at * sizeof(bus->range[0]));
	next->range[at] = (struct bus_range) {
		.addr		= addr,
		.len		= len,
		.dev		= dev,
		.destroy	= dev->ops->destroy,
		.counted	= !dev->ops->uncounted,
	};
	memcpy(next->range + at + 1, bus->range + at, (bus->n - at) * sizeof(bus->range[0]));
	seal_bus(next);
	publish_bus(kvm, nr, next);
	return 0;
}
EXPORT_SYMBOL_GPL(kvm_io_bus_register);

int kvm_io_bus_unregister(struct kvm *kvm, enum kvm_bus nr, struct kvm_io_device *dev)
{
	struct kvm_io_bus *bus = current_bus(kvm, nr), *next;
	int at;

	lockdep_assert_held(&kvm->slots_lock);

	at = index_of(bus, dev);
	if (at < 0)
		return -ENOENT;
	next = alloc_bus(bus->n - 1);
	if (!next) {
		bus->counted -= bus->range[at].counted;
		bus->range[at].counted = false;
		bus->range[at].destroy = NULL;
		WRITE_ONCE(bus->range[at].dev, &nobody);
		synchronize_srcu_expedited(&kvm->srcu);
		return 0;
	}

	memcpy(next->range, bus->range, at * sizeof(bus->range[0]));
	memcpy(next->range + at, bus->range + at + 1, (next->n - at) * sizeof(bus->range[0]));
	seal_bus(next);
	publish_bus(kvm, nr, next);
	return 0;
}
EXPORT_SYMBOL_GPL(kvm_io_bus_unregister);

int kvm_io_buses_init(struct kvm *kvm)
{
	int i;

	for (i = 0; i < KVM_NR_BUSES; i++) {
		struct kvm_io_bus *bus = alloc_bus(0);

		if (!bus) {
			kvm_io_buses_destroy(kvm);
			return -ENOMEM;
		}
		rcu_assign_pointer(kvm->buses[i], bus);
	}
	return 0;
}

static void destroy_devices(struct kvm_io_bus *bus)
{
	unsigned int i;

	for (i = 0; i < bus->n; i++) {
		if (bus->range[i].destroy)
			bus->range[i].destroy(bus->range[i].dev);
	}
}

/*
 * Nobody has the VM any more. Downwards: an ioeventfd that is on two buses has its second device,
 * which destroys nothing, on KVM_BUS_FAST_MMIO, and its first, which does, on a bus below.
 */
void kvm_io_buses_destroy(struct kvm *kvm)
{
	int i;

	static_assert(KVM_BUS_FAST_MMIO > KVM_BUS_MMIO);

	for (i = KVM_NR_BUSES - 1; i >= 0; i--) {
		struct kvm_io_bus *bus = rcu_dereference_protected(kvm->buses[i], true);

		if (!bus)
			continue;
		destroy_devices(bus);
		RCU_INIT_POINTER(kvm->buses[i], NULL);
		kvfree(bus);
	}
}
