// SPDX-License-Identifier: GPL-2.0-only
/*
 * Coalesced I/O: writes that can wait are put into a ring, and the vCPU runs on.
 *
 * User space names zones of addresses or ports. A write into one is stored in a page that all
 * vCPUs' mappings share; user space empties it at the next exit. A full ring makes the write an
 * ordinary exit, so nothing is lost or out of order. User space owns "first", this file owns
 * "last"; both are in the page, so both are read once and bounded before they are used.
 */
#include <linux/nospec.h>
#include <linux/slab.h>

#include "core.h"

struct kvm_coalesced {
	spinlock_t		lock;	/* writers of the ring */
	struct page		*page;
	struct list_head	zones;	/* under slots_lock */
};

struct io_zone {
	struct kvm_io_device		dev;
	struct list_head		node;
	struct kvm			*kvm;
	struct kvm_coalesced_mmio_zone	at;
};

static struct io_zone *dev_to_zone(struct kvm_io_device *dev)
{
	return container_of(dev, struct io_zone, dev);
}

static enum kvm_bus io_zone_bus(const struct kvm_coalesced_mmio_zone *at)
{
	return at->pio ? KVM_BUS_PIO : KVM_BUS_MMIO;
}

/*
 * Where the next write goes, or NULL when the ring is full; its index in *@last. The lock is held.
 */
static struct kvm_coalesced_mmio *free_entry(struct kvm_coalesced_mmio_ring *ring, u32 *last)
{
	*last = READ_ONCE(ring->last);
	if (*last >= KVM_COALESCED_MMIO_MAX)
		return NULL;
	*last = array_index_nospec(*last, KVM_COALESCED_MMIO_MAX);
	if ((*last + 1) % KVM_COALESCED_MMIO_MAX == READ_ONCE(ring->first))
		return NULL;
	return &ring->coalesced_mmio[*last];
}

static int io_zone_write(struct kvm_vcpu *vcpu, struct kvm_io_device *dev, gpa_t addr, int len,
		      const void *val)
{
	struct io_zone *zone = dev_to_zone(dev);
	struct kvm_coalesced *c = zone->kvm->coalesced;
	struct kvm_coalesced_mmio_ring *ring = page_address(c->page);
	struct kvm_coalesced_mmio *entry;
	u32 last;

	if (len <= 0 || len > sizeof(entry->data))
		return -EOPNOTSUPP;

	spin_lock(&c->lock);
	entry = free_entry(ring, &last);
	if (entry) {
		entry->phys_addr = addr;
		entry->len = len;
		entry->pio = zone->at.pio;
		memcpy(entry->data, val, len);
		smp_wmb();	/* the entry before the index that shows it to user space */
		WRITE_ONCE(ring->last, (last + 1) % KVM_COALESCED_MMIO_MAX);
	}
	spin_unlock(&c->lock);
	return entry ? 0 : -EOPNOTSUPP;
}

static void io_zone_destroy(struct kvm_io_device *dev)
{
	struct io_zone *zone = dev_to_zone(dev);

	list_del(&zone->node);
	kfree(zone);
}

static const struct kvm_io_ops io_zone_ops = {
	.write		= io_zone_write,
	.destroy	= io_zone_destroy,
};

/* KVM_REGISTER_COALESCED_MMIO (KVM API 4.116). */
long kvm_vm_register_coalesced(struct kvm *kvm, struct kvm_arg *arg)
{
	const struct kvm_coalesced_mmio_zone *at = arg->data;
	struct io_zone *zone;
	int r;

	if (!kvm_arch->coalesced_page)
		return -ENOTTY;
	if (at->pio > 1 || !at->size || at->size > INT_MAX ||
	    at->addr + at->size < at->addr)
		return -EINVAL;

	zone = kzalloc(sizeof(*zone), GFP_KERNEL_ACCOUNT);
	if (!zone)
		return -ENOMEM;
	zone->dev.ops = &io_zone_ops;
	zone->kvm = kvm;
	zone->at = *at;

	r = kvm_io_bus_register(kvm, io_zone_bus(at), at->addr, at->size, &zone->dev);
	if (r) {
		kfree(zone);
		return r;
	}
	list_add_tail(&zone->node, &kvm->coalesced->zones);
	return 0;
}

static bool io_zone_has(const struct io_zone *zone, const struct kvm_coalesced_mmio_zone *at)
{
	return zone->at.pio == at->pio && at->addr >= zone->at.addr &&
	       at->addr + at->size <= zone->at.addr + zone->at.size;
}

/* Every zone that has all of the one named goes; that there is none is no error (KVM API 4.116). */
long kvm_vm_unregister_coalesced(struct kvm *kvm, struct kvm_arg *arg)
{
	const struct kvm_coalesced_mmio_zone *at = arg->data;
	struct io_zone *zone, *next;

	if (!kvm_arch->coalesced_page)
		return -ENOTTY;
	if (at->pio > 1 || at->addr + at->size < at->addr)
		return -EINVAL;

	list_for_each_entry_safe(zone, next, &kvm->coalesced->zones, node) {
		if (!io_zone_has(zone, at))
			continue;
		kvm_io_bus_unregister(kvm, io_zone_bus(at), &zone->dev);
		io_zone_destroy(&zone->dev);
	}
	return 0;
}

struct page *kvm_coalesced_page(struct kvm *kvm)
{
	return kvm->coalesced->page;
}

int kvm_coalesced_init(struct kvm *kvm)
{
	struct kvm_coalesced *c = kzalloc(sizeof(*c), GFP_KERNEL_ACCOUNT);

	static_assert(sizeof(struct kvm_coalesced_mmio_ring) +
		      KVM_COALESCED_MMIO_MAX * sizeof(struct kvm_coalesced_mmio) <= PAGE_SIZE);

	if (!c)
		return -ENOMEM;
	c->page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!c->page) {
		kfree(c);
		return -ENOMEM;
	}
	spin_lock_init(&c->lock);
	INIT_LIST_HEAD(&c->zones);
	kvm->coalesced = c;
	return 0;
}

/* After the buses, which destroy the zones that are left. */
void kvm_coalesced_destroy(struct kvm *kvm)
{
	struct kvm_coalesced *c = kvm->coalesced;

	if (!c)
		return;
	WARN_ON(!list_empty(&c->zones));
	__free_page(c->page);
	kfree(c);
	kvm->coalesced = NULL;
}
