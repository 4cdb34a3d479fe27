// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupt messages, and where GSIs lead.
 *
 * A route ends at a pin of an i8259 or of the IOAPIC, or it is a message (MSI), which is a write to
 * the LAPICs' address range that says receiver and vector (SDM vol 3, 10.11). All three can be
 * delivered in any context, so that an irqfd needs no work queue.
 *
 * With a user-space IOAPIC (split irqchip) the routes of GSIs below split_pins are its entries.
 * From those that are level-triggered comes the bitmap of vectors whose EOI user space must see.
 */
#include <linux/bitfield.h>
#include <linux/nospec.h>
#include "ioapic.h"
#include "lapic.h"

/* Address and data, low halves. */
#define MSI_DEST		GENMASK(19, 12)
#define MSI_REDIRECT		BIT(3)
#define MSI_LOGICAL		BIT(2)
#define MSI_VECTOR		GENMASK(7, 0)
#define MSI_DELIVERY		GENMASK(10, 8)
#define MSI_ASSERT		BIT(14)
#define MSI_LEVEL		BIT(15)

static bool wide_dest(struct kvm *kvm)
{
	return to_x86_vm(kvm)->irqchip.x2apic_format & KVM_X2APIC_API_USE_32BIT_IDS;
}

/* Bits 31 to 8 of a wide destination are those of address_hi; bits 7 to 0 of that are reserved. */
static bool msi_valid(struct kvm *kvm, u32 address_hi)
{
	return !wide_dest(kvm) || !(address_hi & 0xff);
}

static struct apic_message decode(struct kvm *kvm, const struct kvm_msi_msg *msi)
{
	const u32 lowest = MSI_REDIRECT | MSI_LOGICAL;
	u32 wide = wide_dest(kvm) ? msi->address_hi & ~0xff : 0;

	return (struct apic_message) {
		.dest		= wide | FIELD_GET(MSI_DEST, msi->address_lo),
		.vector		= FIELD_GET(MSI_VECTOR, msi->data),
		.delivery	= FIELD_GET(MSI_DELIVERY, msi->data),
		.logical	= msi->address_lo & MSI_LOGICAL,
		.level		= msi->data & MSI_LEVEL,
		.assert		= msi->data & MSI_ASSERT,
		/*
		 * The hint makes a logical message lowest-priority; a physical one has one
		 * receiver.
		 */
		.msi_redir_hint	= (msi->address_lo & lowest) == lowest,
	};
}

static int msi_send(struct kvm *kvm, const struct kvm_msi_msg *msi)
{
	struct apic_message msg = decode(kvm, msi);

	trace_kvm_msi_set_irq(msi->address_lo | (u64)msi->address_hi << 32, msi->data);
	/*
	 * A message has no low level to send; user space's level-triggered ones come without bit
	 * 14.
	 */
	msg.assert = true;
	return apic_send(kvm, NULL, &msg);
}

/**
 * irqchip_signal_msi - KVM_SIGNAL_MSI
 * @kvm: the VM
 * @msi: from user space
 *
 * Return: > 0 delivered, 0 blocked by the guest, -EINVAL, -1 nobody accepts it.
 */
int irqchip_signal_msi(struct kvm *kvm, const struct kvm_msi *msi)
{
	const struct kvm_msi_msg msg = {
		.address_lo	= msi->address_lo,
		.address_hi	= msi->address_hi,
		.data		= msi->data,
	};

	if (!irqchip_has_lapic(kvm) || msi->flags || !msi_valid(kvm, msi->address_hi))
		return -EINVAL;
	return msi_send(kvm, &msg);
}

/*
 * Routes.
 */
static int set_msi(struct kvm *kvm, struct kvm_irq_route *route, int source, int level,
		   bool line_status)
{
	return level ? msi_send(kvm, &route->msi) : -1;
}

static int set_msi_atomic(struct kvm *kvm, struct kvm_irq_route *route, int source, int level)
{
	return set_msi(kvm, route, source, level, false);
}

static int set_ioapic(struct kvm *kvm, struct kvm_irq_route *route, int source, int level,
		      bool line_status)
{
	return ioapic_set_pin(kvm, route->chip.pin, source, level);
}

static int set_pic(struct kvm *kvm, struct kvm_irq_route *route, int source, int level,
		   bool line_status)
{
	unsigned int first = route->chip.irqchip == KVM_IRQCHIP_PIC_SLAVE ? 8 : 0;

	return i8259_set_pin(kvm, first + route->chip.pin, source, level);
}

static int set_ioapic_atomic(struct kvm *kvm, struct kvm_irq_route *route, int source, int level)
{
	return set_ioapic(kvm, route, source, level, false);
}

static int set_pic_atomic(struct kvm *kvm, struct kvm_irq_route *route, int source, int level)
{
	return set_pic(kvm, route, source, level, false);
}

static const struct chip {
	unsigned int	pins;
	int		(*set)(struct kvm *kvm, struct kvm_irq_route *route, int source, int level,
			       bool line_status);
	int		(*set_atomic)(struct kvm *kvm, struct kvm_irq_route *route, int source,
				      int level);
} chips[KVM_NR_IRQCHIPS] = {
	[KVM_IRQCHIP_PIC_MASTER]	= { 8, set_pic, set_pic_atomic },
	[KVM_IRQCHIP_PIC_SLAVE]		= { 8, set_pic, set_pic_atomic },
	[KVM_IRQCHIP_IOAPIC]		= { KVM_IOAPIC_NUM_PINS, set_ioapic, set_ioapic_atomic },
};

static int route_to_chip(struct kvm *kvm, struct kvm_irq_route *route,
			 const struct kvm_irq_routing_irqchip *to)
{
	const struct chip *chip;

	/* While KVM_CREATE_IRQCHIP sets its default routes, the mode is not published yet. */
	if (!to_x86_vm(kvm)->irqchip.ioapic)
		return -EINVAL;
	if (to->irqchip >= KVM_NR_IRQCHIPS)
		return -EINVAL;
	chip = &chips[array_index_nospec(to->irqchip, KVM_NR_IRQCHIPS)];
	if (to->pin >= chip->pins)
		return -EINVAL;
	route->chip.irqchip = to->irqchip;
	route->chip.pin = to->pin;
	route->set = chip->set;
	route->set_atomic = chip->set_atomic;
	return 0;
}

static int route_to_msi(struct kvm *kvm, struct kvm_irq_route *route,
			const struct kvm_irq_routing_msi *to)
{
	if (!msi_valid(kvm, to->address_hi))
		return -EINVAL;
	route->msi = (struct kvm_msi_msg) {
		.address_lo	= to->address_lo,
		.address_hi	= to->address_hi,
		.data		= to->data,
	};
	route->set = set_msi;
	route->set_atomic = set_msi_atomic;
	return 0;
}

/**
 * irqchip_route_set - what one entry of KVM_SET_GSI_ROUTING means
 * @kvm: the VM
 * @route: to be filled in
 * @entry: what user space says
 *
 * Context: process context.
 * Return: 0 with type, destination and deliverers filled in; -EINVAL for an unknown type, chip or
 * pin, or a malformed message.
 */
int irqchip_route_set(struct kvm *kvm, struct kvm_irq_route *route,
		      const struct kvm_irq_routing_entry *entry)
{
	route->type = entry->type;
	switch (entry->type) {
	case KVM_IRQ_ROUTING_IRQCHIP:
		return route_to_chip(kvm, route, &entry->u.irqchip);
	case KVM_IRQ_ROUTING_MSI:
		return route_to_msi(kvm, route, &entry->u.msi);
	default:
		return -EINVAL;
	}
}

/*
 * Split irqchip: which vectors' EOI user space's IOAPIC waits for.
 */
static void note_split_route(struct kvm *kvm, const struct kvm_irq_route *route, void *data)
{
	if (route->type != KVM_IRQ_ROUTING_MSI ||
	    route->gsi >= to_x86_vm(kvm)->irqchip.split_pins || !(route->msi.data & MSI_LEVEL))
		return;
	set_bit(FIELD_GET(MSI_VECTOR, route->msi.data), data);
}

/*
 * A vector that has just lost its route may still be in service; its EOI is then of no use to
 * anybody, since the entry it would have freed is gone too.
 */
void irqchip_routing_changed(struct kvm *kvm)
{
	struct x86_irqchip *chip = &to_x86_vm(kvm)->irqchip;
	DECLARE_BITMAP(vectors, 256) = { 0 };
	int idx;

	if (chip->mode == IRQCHIP_KERNEL)
		ioapic_listeners_changed(kvm);
	if (chip->mode != IRQCHIP_SPLIT)
		return;
	idx = srcu_read_lock(&kvm->irq_srcu);
	kvm_irq_routing_walk(kvm, note_split_route, vectors);
	srcu_read_unlock(&kvm->irq_srcu, idx);
	bitmap_copy(chip->split_vectors, vectors, 256);
	irqchip_eoi_vectors_changed(kvm);
}
