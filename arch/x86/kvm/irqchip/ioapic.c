// SPDX-License-Identifier: GPL-2.0-only
/*
 * The IOAPIC: 24 pins, each with an entry that says what message its assertion sends.
 *
 * An edge-triggered pin sends once when it rises. A level-triggered pin sends while it is high, and
 * then holds back (remote IRR) until the vector's EOI comes; if the pin is still high, it sends
 * again. A pin is high while any of its sources holds it high.
 *
 * A guest that ends such an interrupt without quieting its device would be interrupted for ever and
 * get nothing else done. After STORM_EOIS such rounds in a row the next one is put off a little, as
 * a real IOAPIC's slower bus would.
 *
 * Ack notifiers are called without the lock, since they may set pins.
 *
 * Reference: Intel 82093AA data sheet.
 */
#include <linux/nospec.h>
#include <linux/slab.h>
#include "ioapic.h"
#include "lapic.h"

#define IOAPIC_SPAN		0x100
#define IOREGSEL		0x00
#define IOWIN			0x10

#define REG_ID			0
#define REG_VERSION		1
#define REG_ARBITRATION		2
#define REG_RTE			0x10	/* two a pin: low half, high half */

/* 24 entries, and no EOI register (that came with 0x20). */
#define IOAPIC_VERSION		(0x11 | (KVM_IOAPIC_NUM_PINS - 1) << 16)

#define RTE_VECTOR		GENMASK_ULL(7, 0)
#define RTE_DELIVERY_SHIFT	8
#define RTE_LOGICAL		BIT_ULL(11)
#define RTE_STATUS		BIT_ULL(12)
#define RTE_REMOTE_IRR		BIT_ULL(14)
#define RTE_LEVEL		BIT_ULL(15)
#define RTE_MASKED		BIT_ULL(16)
#define RTE_DEST_SHIFT		56
#define RTE_READ_ONLY		(RTE_STATUS | RTE_REMOTE_IRR)

#define STORM_EOIS		10000
#define STORM_PAUSE		(HZ / 100)

static struct ioapic *vm_ioapic(struct kvm *kvm)
{
	return to_x86_vm(kvm)->irqchip.ioapic;
}

/*
 * Sending.
 */

/* Send what pin @pin's entry says. As kvm_irq_route.set. */
static int service_pin(struct ioapic *io, unsigned int pin)
{
	u64 rte = io->rte[pin];
	struct apic_message msg = {
		.dest		= rte >> RTE_DEST_SHIFT,
		.vector		= rte & RTE_VECTOR,
		.delivery	= (rte >> RTE_DELIVERY_SHIFT) & 7,
		.logical	= rte & RTE_LOGICAL,
		.level		= rte & RTE_LEVEL,
		.assert		= true,
	};
	int r;

	lockdep_assert_held(&io->lock);
	if (rte & RTE_MASKED)
		return -1;
	if (msg.level && (rte & RTE_REMOTE_IRR))
		return 0;
	r = apic_send(io->kvm, NULL, &msg);
	if (r >= 0 && msg.level)
		io->rte[pin] |= RTE_REMOTE_IRR;
	return r;
}

/* The lines that @source drives are combined by OR. */
static bool pin_level(struct ioapic *io, unsigned int pin, int source, bool level)
{
	if (level)
		__set_bit(source, &io->sources[pin]);
	else
		__clear_bit(source, &io->sources[pin]);
	return io->sources[pin];
}

/**
 * ioapic_set_pin - a source drives a pin
 * @kvm: the VM
 * @pin: its number
 * @source: KVM_IRQ_SOURCE_*
 * @level: high or low
 *
 * Context: any but NMI. Return: > 0 delivered; 0 coalesced: an edge on a pin that was high, a level
 * that has been sent and not been served; -1 masked, or nobody listens.
 */
int ioapic_set_pin(struct kvm *kvm, unsigned int pin, int source, bool level)
{
	struct ioapic *io = vm_ioapic(kvm);
	u32 mask = BIT(pin);
	unsigned long flags;
	int r = 1;
	bool rose;

	spin_lock_irqsave(&io->lock, flags);
	level = pin_level(io, pin, source, level);
	rose = level && !(io->irr & mask);
	if (level)
		io->irr |= mask;
	else
		io->irr &= ~mask;
	if (rose || (level && (io->rte[pin] & RTE_LEVEL)))
		r = service_pin(io, pin);
	else if (level)
		r = 0;
	if (level)
		trace_kvm_ioapic_set_irq(io->rte[pin], pin, r == 0);
	spin_unlock_irqrestore(&io->lock, flags);
	return r;
}

/*
 * EOI.
 */

/* A level-triggered pin's vector has been served: send again if the pin is still high. */
static void pin_served(struct ioapic *io, unsigned int pin)
{
	lockdep_assert_held(&io->lock);
	io->rte[pin] &= ~RTE_REMOTE_IRR;
	if ((io->rte[pin] & RTE_MASKED) || !(io->irr & BIT(pin))) {
		io->storm[pin] = 0;
		return;
	}
	if (++io->storm[pin] < STORM_EOIS) {
		service_pin(io, pin);
		return;
	}
	io->storm[pin] = 0;
	trace_kvm_ioapic_delayed_eoi_inj(io->rte[pin]);
	schedule_delayed_work(&io->reinject, STORM_PAUSE);
}

static void reinject_work(struct work_struct *work)
{
	struct ioapic *io = container_of(to_delayed_work(work), struct ioapic, reinject);
	unsigned int pin;

	spin_lock_irq(&io->lock);
	for (pin = 0; pin < KVM_IOAPIC_NUM_PINS; pin++) {
		if ((io->rte[pin] & RTE_LEVEL) && (io->irr & BIT(pin)))
			service_pin(io, pin);
	}
	spin_unlock_irq(&io->lock);
}

/**
 * ioapic_eoi - a LAPIC has ended the service of @vector
 * @kvm: the VM
 * @vector: whose service has ended
 * @level: the vector was level-triggered, and the guest has not taken over telling us by directed
 * EOI
 *
 * Every pin of that vector is told, whoever its receiver is: so does the bus (SDM vol 3, 10.8.5).
 * Context: process context, irq_srcu is taken by the notifiers.
 */
void ioapic_eoi(struct kvm *kvm, u8 vector, bool level)
{
	struct ioapic *io = vm_ioapic(kvm);
	unsigned int pin;

	for (pin = 0; pin < KVM_IOAPIC_NUM_PINS; pin++) {
		if ((READ_ONCE(io->rte[pin]) & RTE_VECTOR) != vector)
			continue;
		kvm_irq_acked(kvm, KVM_IRQCHIP_IOAPIC, pin);
		if (!level)
			continue;
		spin_lock_irq(&io->lock);
		if ((io->rte[pin] & RTE_VECTOR) == vector && (io->rte[pin] & RTE_LEVEL))
			pin_served(io, pin);
		spin_unlock_irq(&io->lock);
	}
}

/*
 * Registers.
 */

/* The EOI of a pin's vector means something: a level has been served, or somebody listens. */
static void refresh_vectors(struct ioapic *io)
{
	DECLARE_BITMAP(now, 256) = { 0 };
	unsigned int pin;

	for (pin = 0; pin < KVM_IOAPIC_NUM_PINS; pin++)
		if (io->rte[pin] & RTE_LEVEL ||
		    kvm_irq_ack_wanted(io->kvm, KVM_IRQCHIP_IOAPIC, pin))
			__set_bit(io->rte[pin] & RTE_VECTOR, now);
	if (bitmap_equal(io->vectors, now, 256))
		return;
	bitmap_copy(io->vectors, now, 256);
	irqchip_eoi_vectors_changed(io->kvm);
}

/* Routes lead elsewhere, or other ack notifiers are there. Context: irq_lock held. */
void ioapic_listeners_changed(struct kvm *kvm)
{
	struct ioapic *io = vm_ioapic(kvm);

	if (!io)	/* the VM is coming to its end */
		return;
	spin_lock_irq(&io->lock);
	refresh_vectors(io);
	spin_unlock_irq(&io->lock);
}

static void write_rte(struct ioapic *io, unsigned int reg, u32 val)
{
	unsigned int pin = reg >> 1;
	u64 old, new;

	if (pin >= KVM_IOAPIC_NUM_PINS)
		return;
	pin = array_index_nospec(pin, KVM_IOAPIC_NUM_PINS);
	old = io->rte[pin];
	if (reg & 1)
		new = (old & U32_MAX) | ((u64)val << 32 & GENMASK_ULL(63, RTE_DEST_SHIFT));
	else
		new = (old & ~(u64)U32_MAX) | (val & GENMASK_ULL(16, 0) & ~RTE_READ_ONLY) |
		      (old & RTE_READ_ONLY);
	/* An edge-triggered pin has no remote IRR; Linux clears one so that is stuck. */
	if (!(new & RTE_LEVEL))
		new &= ~RTE_REMOTE_IRR;
	WRITE_ONCE(io->rte[pin], new);
	refresh_vectors(io);
	if ((new & RTE_LEVEL) && (io->irr & BIT(pin)))
		service_pin(io, pin);
}

static void write_window(struct ioapic *io, u32 val)
{
	if (io->ioregsel == REG_ID)
		io->id = (val >> 24) & 0xf;
	else if (io->ioregsel >= REG_RTE)
		write_rte(io, io->ioregsel - REG_RTE, val);
}

static u32 read_window(struct ioapic *io)
{
	unsigned int reg = io->ioregsel, pin;

	switch (reg) {
	case REG_ID:
	case REG_ARBITRATION:
		return io->id << 24;
	case REG_VERSION:
		return IOAPIC_VERSION;
	}
	pin = (reg - REG_RTE) >> 1;
	if (reg < REG_RTE || pin >= KVM_IOAPIC_NUM_PINS)
		return U32_MAX;
	pin = array_index_nospec(pin, KVM_IOAPIC_NUM_PINS);
	return reg & 1 ? io->rte[pin] >> 32 : io->rte[pin];
}

/* Registers are 32 bits wide at multiples of 16; narrower accesses reach their low bytes. */
static bool is_ours(gpa_t addr)
{
	return addr >= IO_APIC_DEFAULT_PHYS_BASE && addr < IO_APIC_DEFAULT_PHYS_BASE + IOAPIC_SPAN;
}

static int mmio_read(struct kvm_vcpu *vcpu, struct kvm_io_device *dev, gpa_t addr, int len,
		     void *val)
{
	struct ioapic *io = container_of(dev, struct ioapic, dev);
	u32 data = 0;

	if (!is_ours(addr))
		return -EOPNOTSUPP;
	spin_lock_irq(&io->lock);
	if ((addr & 0xff) == IOREGSEL)
		data = io->ioregsel;
	else if ((addr & 0xff) == IOWIN)
		data = read_window(io);
	spin_unlock_irq(&io->lock);
	memset(val, 0, len);
	memcpy(val, &data, min_t(int, len, sizeof(data)));
	return 0;
}

static int mmio_write(struct kvm_vcpu *vcpu, struct kvm_io_device *dev, gpa_t addr, int len,
		      const void *val)
{
	struct ioapic *io = container_of(dev, struct ioapic, dev);
	u32 data = 0;

	if (!is_ours(addr))
		return -EOPNOTSUPP;
	memcpy(&data, val, min_t(int, len, sizeof(data)));
	spin_lock_irq(&io->lock);
	if ((addr & 0xff) == IOREGSEL)
		io->ioregsel = data & 0xff;
	else if ((addr & 0xff) == IOWIN)
		write_window(io, data);
	spin_unlock_irq(&io->lock);
	return 0;
}

static void bus_gone(struct kvm_io_device *dev)
{
	kfree(container_of(dev, struct ioapic, dev));
}

static const struct kvm_io_ops ioapic_ops = {
	.read		= mmio_read,
	.write		= mmio_write,
	.destroy	= bus_gone,
};

/*
 * State for user space. struct kvm_ioapic_state has the entries in the register's own layout.
 */
void ioapic_get_state(struct ioapic *io, struct kvm_ioapic_state *s)
{
	unsigned int pin;

	memset(s, 0, sizeof(*s));
	spin_lock_irq(&io->lock);
	s->base_address = IO_APIC_DEFAULT_PHYS_BASE;
	s->ioregsel = io->ioregsel;
	s->id = io->id;
	s->irr = io->irr;
	for (pin = 0; pin < KVM_IOAPIC_NUM_PINS; pin++)
		s->redirtbl[pin].bits = io->rte[pin];
	spin_unlock_irq(&io->lock);
}

/*
 * Pins that were high and not yet served interrupt again; the devices' sources will say later what
 * they really drive.
 */
void ioapic_set_state(struct ioapic *io, const struct kvm_ioapic_state *s)
{
	unsigned int pin;

	spin_lock_irq(&io->lock);
	io->ioregsel = s->ioregsel & 0xff;
	io->id = s->id & 0xf;
	io->irr = s->irr & GENMASK(KVM_IOAPIC_NUM_PINS - 1, 0);
	for (pin = 0; pin < KVM_IOAPIC_NUM_PINS; pin++) {
		WRITE_ONCE(io->rte[pin], s->redirtbl[pin].bits);
		io->sources[pin] = io->irr & BIT(pin) ? BIT(KVM_IRQ_SOURCE_USER) : 0;
		io->storm[pin] = 0;
	}
	refresh_vectors(io);
	for (pin = 0; pin < KVM_IOAPIC_NUM_PINS; pin++) {
		if (io->irr & BIT(pin))
			service_pin(io, pin);
	}
	spin_unlock_irq(&io->lock);
}

/*
 * Life cycle.
 */

/**
 * ioapic_create - give the VM its IOAPIC, on the bus at the address every PC has it
 * @kvm: the VM
 *
 * Context: kvm->slots_lock held.
 * Return: 0, -ENOMEM, -ENOSPC.
 */
int ioapic_create(struct kvm *kvm)
{
	struct ioapic *io = kzalloc(sizeof(*io), GFP_KERNEL_ACCOUNT);
	unsigned int pin;
	int r;

	if (!io)
		return -ENOMEM;
	spin_lock_init(&io->lock);
	INIT_DELAYED_WORK(&io->reinject, reinject_work);
	io->kvm = kvm;
	io->dev.ops = &ioapic_ops;
	for (pin = 0; pin < KVM_IOAPIC_NUM_PINS; pin++)
		io->rte[pin] = RTE_MASKED;
	refresh_vectors(io);
	r = kvm_io_bus_register(kvm, KVM_BUS_MMIO, IO_APIC_DEFAULT_PHYS_BASE, IOAPIC_SPAN,
				&io->dev);
	if (r) {
		kfree(io);
		return r;
	}
	to_x86_vm(kvm)->irqchip.ioapic = io;
	return 0;
}

/* The creation of something after it has failed. slots_lock held. */
void ioapic_undo(struct kvm *kvm)
{
	struct ioapic *io = vm_ioapic(kvm);

	to_x86_vm(kvm)->irqchip.ioapic = NULL;
	kvm_io_bus_unregister(kvm, KVM_BUS_MMIO, &io->dev);
	kfree(io);
}

void ioapic_stop(struct kvm *kvm)
{
	struct ioapic *io = vm_ioapic(kvm);

	if (io)
		cancel_delayed_work_sync(&io->reinject);
}
