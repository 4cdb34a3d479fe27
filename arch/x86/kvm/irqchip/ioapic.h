/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The IOAPIC and the i8259 pair, as the files of this room see them.
 */
#ifndef KVM_X86_IOAPIC_H
#define KVM_X86_IOAPIC_H

#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <kvm/io_bus.h>
#include <kvm/trace.h>
#include "../x86.h"
#include "../trace.h"

struct ioapic {
	spinlock_t		lock;		/* guards all below; irqs off */
	struct kvm		*kvm;
	struct kvm_io_device	dev;
	u32			ioregsel;
	u32			id;
	u32			irr;		/* pins that are asserted */
	u64			rte[KVM_IOAPIC_NUM_PINS];
	unsigned long		sources[KVM_IOAPIC_NUM_PINS];	/* who holds the pin high */
	/* EOIs in a row that found it high */
	u16			storm[KVM_IOAPIC_NUM_PINS];
	DECLARE_BITMAP(vectors, 256);		/* whose EOI is wanted; read without the lock */
	struct delayed_work	reinject;
};

/* One place of the pair on the port bus. */
struct i8259_ports {
	struct kvm_io_device	dev;
	struct i8259		*pic;
};

#define I8259_PLACES	3	/* master, slave, ELCR */

struct i8259 {
	spinlock_t		lock;		/* guards all below; irqs off */
	struct kvm		*kvm;
	struct kvm_pic_state	chip[2];	/* master, slave */
	unsigned long		sources[16];
	bool			output;		/* INT of the master; read without the lock */
	/* pins whose ack notifiers wait for the lock's end */
	u16			acked;
	unsigned int		places;		/* on the bus; the last to go frees the whole */
	struct i8259_ports	ports[I8259_PLACES];
};

static inline bool irqchip_eoi_wanted(struct kvm *kvm, u8 vector)
{
	struct x86_irqchip *chip = &to_x86_vm(kvm)->irqchip;

	return test_bit(vector, chip->ioapic ? chip->ioapic->vectors : chip->split_vectors);
}

/* ioapic.c */
int ioapic_create(struct kvm *kvm);
void ioapic_stop(struct kvm *kvm);
void ioapic_undo(struct kvm *kvm);
int ioapic_set_pin(struct kvm *kvm, unsigned int pin, int source, bool level);
void ioapic_eoi(struct kvm *kvm, u8 vector, bool level);
void ioapic_listeners_changed(struct kvm *kvm);
void ioapic_get_state(struct ioapic *io, struct kvm_ioapic_state *s);
void ioapic_set_state(struct ioapic *io, const struct kvm_ioapic_state *s);

/* i8259.c */
int i8259_create(struct kvm *kvm);
void i8259_undo(struct kvm *kvm);
int i8259_set_pin(struct kvm *kvm, unsigned int pin, int source, bool level);
int i8259_acknowledge(struct kvm *kvm);
void i8259_get_state(struct i8259 *pic, unsigned int chip, struct kvm_pic_state *s);
void i8259_set_state(struct i8259 *pic, unsigned int chip, const struct kvm_pic_state *s);

/* lapic.c: the LAPIC's part of the questions in irqchip.h. */
int lapic_peek(struct kvm_vcpu *vcpu);
int lapic_take(struct kvm_vcpu *vcpu);

/* i8254.c */
void i8254_stop(struct kvm *kvm);

#endif /* KVM_X86_IOAPIC_H */
