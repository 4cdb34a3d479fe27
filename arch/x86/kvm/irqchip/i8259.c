// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pair of i8259 interrupt controllers: master at 0x20, slave at 0xa0 on the master's input 2,
 * and the edge/level control registers of the ISA bridge at 0x4d0.
 *
 * The state is struct kvm_pic_state itself, which is the chip's. Every change ends in
 * update_output(), which works out both INT lines; a vCPU whose LINT0 lets the i8259 through is
 * then woken. Acknowledgements that happen under the lock are gathered in ->acked, and their
 * notifiers called after it is released.
 *
 * Reference: Intel 8259A data sheet.
 */
#include <linux/slab.h>
#include "ioapic.h"
#include "lapic.h"

#define MASTER			0
#define SLAVE			1
#define CASCADE			2	/* the master's input where the slave is */
#define SPURIOUS		7

/* Inputs that the bridge lets be level-triggered: not the timer, keyboard, cascade, RTC, FPU. */
#define ELCR_MASTER		0xf8
#define ELCR_SLAVE		0xde

#define ICW1			BIT(4)
#define OCW3			BIT(3)

/* init_state: which initialization word the odd port expects next. */
enum init_word { INIT_DONE, EXPECT_ICW2, EXPECT_ICW3, EXPECT_ICW4 };

/* OCW2 bits 7 to 5. */
enum ocw2 {
	OCW2_ROTATE_AEOI_OFF, OCW2_EOI, OCW2_NOP, OCW2_EOI_SPECIFIC,
	OCW2_ROTATE_AEOI_ON, OCW2_ROTATE_EOI, OCW2_SET_PRIORITY, OCW2_ROTATE_EOI_SPECIFIC,
};

static struct i8259 *vm_pic(struct kvm *kvm)
{
	return to_x86_vm(kvm)->irqchip.pic;
}

/*
 * Priorities. They go round: priority_add is the input that is highest now.
 */

/* The number of the highest input in @inputs, counted from priority_add; 8: none. */
static unsigned int rank(const struct kvm_pic_state *s, u8 inputs)
{
	unsigned int turn = s->priority_add & 7;
	u32 twice = inputs | inputs << 8;

	return inputs ? __ffs(twice >> turn) : 8;
}

static unsigned int input_of_rank(const struct kvm_pic_state *s, unsigned int r)
{
	return (r + s->priority_add) & 7;
}

/* The input that may interrupt now, or -1. */
static int requesting(const struct i8259 *pic, int chip)
{
	const struct kvm_pic_state *s = &pic->chip[chip];
	unsigned int wants = rank(s, s->irr & ~s->imr);
	u8 serving = s->isr;

	if (wants == 8)
		return -1;
	if (s->special_mask)
		serving &= ~s->imr;
	/* Special fully nested: a better one of the slave passes one of the slave in service. */
	if (s->special_fully_nested_mode && chip == MASTER)
		serving &= ~BIT(CASCADE);
	return wants < rank(s, serving) ? input_of_rank(s, wants) : -1;
}

/* As kvm_irq_route.set. An edge is latched in IRR until it is acknowledged. */
static int drive_input(struct kvm_pic_state *s, unsigned int input, bool level)
{
	u8 mask = BIT(input);
	int r = 1;

	if (s->elcr & mask) {
		s->irr = level ? s->irr | mask : s->irr & ~mask;
	} else if (level && !(s->last_irr & mask)) {
		r = !(s->irr & mask);
		s->irr |= mask;
	}
	s->last_irr = level ? s->last_irr | mask : s->last_irr & ~mask;
	return s->imr & mask ? -1 : r;
}

/* Work out INT of both; true when the master's has come up. */
static bool update_output(struct i8259 *pic)
{
	bool before = pic->output;

	lockdep_assert_held(&pic->lock);
	if (requesting(pic, SLAVE) >= 0) {
		drive_input(&pic->chip[MASTER], CASCADE, true);
		drive_input(&pic->chip[MASTER], CASCADE, false);
	}
	WRITE_ONCE(pic->output, requesting(pic, MASTER) >= 0);
	return pic->output && !before;
}

static void wake_receivers(struct kvm *kvm)
{
	struct kvm_vcpu *vcpu;
	unsigned long i;

	kvm_for_each_vcpu(i, vcpu, kvm) {
		if (!lapic_accepts_extint(vcpu))
			continue;
		kvm_request(vcpu, KVM_REQ_EVENT);
		kvm_vcpu_kick(vcpu);
	}
}

/* Every change ends here: what it means for vCPUs and for ack notifiers. */
static void unlock_and_tell(struct i8259 *pic, unsigned long flags)
	__releases(&pic->lock)
{
	bool wake = update_output(pic);
	unsigned long acked = pic->acked;
	unsigned int pin;

	pic->acked = 0;
	spin_unlock_irqrestore(&pic->lock, flags);
	if (wake)
		wake_receivers(pic->kvm);
	for_each_set_bit(pin, &acked, 16)
		kvm_irq_acked(pic->kvm, pin < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE,
			      pin & 7);
}

/**
 * i8259_set_pin - a source drives one of the 16 inputs
 * @kvm: the VM
 * @pin: its number
 * @source: KVM_IRQ_SOURCE_*
 * @level: high or low
 *
 * Context: any but NMI.
 * Return: 1 delivered, 0 coalesced with an edge that waits, -1 masked.
 */
int i8259_set_pin(struct kvm *kvm, unsigned int pin, int source, bool level)
{
	struct i8259 *pic = vm_pic(kvm);
	struct kvm_pic_state *s = &pic->chip[pin >> 3];
	unsigned long flags;
	int r;

	spin_lock_irqsave(&pic->lock, flags);
	if (level)
		__set_bit(source, &pic->sources[pin]);
	else
		__clear_bit(source, &pic->sources[pin]);
	r = drive_input(s, pin & 7, pic->sources[pin]);
	trace_kvm_pic_set_irq(pin >> 3, pin & 7, s->elcr, s->imr, r == 0);
	unlock_and_tell(pic, flags);
	return r;
}

/*
 * Acknowledge and EOI.
 */
static void end_of_interrupt(struct i8259 *pic, int chip, unsigned int input)
{
	pic->chip[chip].isr &= ~BIT(input);
	pic->acked |= BIT(input + chip * 8);
}

static void acknowledge_input(struct i8259 *pic, int chip, unsigned int input)
{
	struct kvm_pic_state *s = &pic->chip[chip];

	s->isr |= BIT(input);
	if (!(s->elcr & BIT(input)))
		s->irr &= ~BIT(input);
	if (s->auto_eoi) {
		if (s->rotate_on_auto_eoi)
			s->priority_add = (input + 1) & 7;
		end_of_interrupt(pic, chip, input);
	}
}

/* One chip's answer to INTA: the vector; number 7 when the request has gone meanwhile. */
static int acknowledge_chip(struct i8259 *pic, int chip)
{
	int input = requesting(pic, chip);

	if (input < 0)
		return pic->chip[chip].irq_base + SPURIOUS;
	acknowledge_input(pic, chip, input);
	if (chip == MASTER && input == CASCADE)
		return acknowledge_chip(pic, SLAVE);
	return pic->chip[chip].irq_base + input;
}

/* INTA: the vector of the highest request, which is in service from now on. */
int i8259_acknowledge(struct kvm *kvm)
{
	struct i8259 *pic = vm_pic(kvm);
	unsigned long flags;
	int vector;

	spin_lock_irqsave(&pic->lock, flags);
	vector = acknowledge_chip(pic, MASTER);
	unlock_and_tell(pic, flags);
	return vector;
}

/*
 * Command words.
 */

/*
 * ICW1 begins the initialization. Edges that wait and interrupts in service are forgotten; who
 * waits for their end must not wait for ever.
 */
static void write_icw1(struct i8259 *pic, int chip, u8 val)
{
	struct kvm_pic_state *s = &pic->chip[chip];
	u8 lost = s->isr | (s->irr & ~s->elcr);

	pic->acked |= lost << (chip * 8);
	s->irr &= s->elcr;
	s->last_irr = 0;
	s->imr = 0;
	s->isr = 0;
	s->priority_add = 0;
	s->special_mask = 0;
	s->read_reg_select = 0;
	s->auto_eoi = 0;
	s->rotate_on_auto_eoi = 0;
	s->special_fully_nested_mode = 0;
	s->init4 = val & 1;
	s->init_state = EXPECT_ICW2;
}

static void write_ocw3(struct kvm_pic_state *s, u8 val)
{
	if (val & BIT(2))
		s->poll = 1;
	if (val & BIT(1))
		s->read_reg_select = val & 1;
	if (val & BIT(6))
		s->special_mask = (val >> 5) & 1;
}

static void write_ocw2(struct i8259 *pic, int chip, u8 val)
{
	struct kvm_pic_state *s = &pic->chip[chip];
	enum ocw2 command = val >> 5;
	unsigned int input = val & 7, r;

	switch (command) {
	case OCW2_ROTATE_AEOI_OFF:
	case OCW2_ROTATE_AEOI_ON:
		s->rotate_on_auto_eoi = command == OCW2_ROTATE_AEOI_ON;
		return;
	case OCW2_NOP:
		return;
	case OCW2_SET_PRIORITY:
		s->priority_add = (input + 1) & 7;
		return;
	case OCW2_EOI:
	case OCW2_ROTATE_EOI:
		r = rank(s, s->isr);
		if (r == 8)
			return;
		input = input_of_rank(s, r);
		break;
	default:
		break;
	}
	end_of_interrupt(pic, chip, input);
	if (command == OCW2_ROTATE_EOI || command == OCW2_ROTATE_EOI_SPECIFIC)
		s->priority_add = (input + 1) & 7;
}

static void write_odd(struct kvm_pic_state *s, u8 val)
{
	switch (s->init_state) {
	case INIT_DONE:
		s->imr = val;
		break;
	case EXPECT_ICW2:
		s->irq_base = val & 0xf8;
		s->init_state = EXPECT_ICW3;
		break;
	case EXPECT_ICW3:	/* the wiring is what it is */
		s->init_state = s->init4 ? EXPECT_ICW4 : INIT_DONE;
		break;
	case EXPECT_ICW4:
		s->special_fully_nested_mode = (val >> 4) & 1;
		s->auto_eoi = (val >> 1) & 1;
		s->init_state = INIT_DONE;
		break;
	}
}

static void write_chip(struct i8259 *pic, int chip, unsigned int odd, u8 val)
{
	if (odd)
		write_odd(&pic->chip[chip], val);
	else if (val & ICW1)
		write_icw1(pic, chip, val);
	else if (val & OCW3)
		write_ocw3(&pic->chip[chip], val);
	else
		write_ocw2(pic, chip, val);
}

static u8 read_chip(struct i8259 *pic, int chip, unsigned int odd)
{
	struct kvm_pic_state *s = &pic->chip[chip];
	int input;

	if (s->poll) {		/* this read stands for INTA */
		s->poll = 0;
		input = requesting(pic, chip);
		if (input < 0)
			return 0;
		acknowledge_input(pic, chip, input);
		return BIT(7) | input;
	}
	if (odd)
		return s->imr;
	return s->read_reg_select ? s->isr : s->irr;
}

/*
 * Ports. One byte wide; the three places are told apart by the address.
 */
static u8 read_port(struct i8259 *pic, gpa_t port)
{
	int chip = port >> 7 & 1;

	if (port >= 0x4d0)
		return pic->chip[port & 1].elcr;
	return read_chip(pic, chip, port & 1);
}

static void write_port(struct i8259 *pic, gpa_t port, u8 val)
{
	struct kvm_pic_state *s = &pic->chip[port & 1];

	if (port >= 0x4d0)
		s->elcr = val & s->elcr_mask;
	else
		write_chip(pic, port >> 7 & 1, port & 1, val);
}

static int port_read(struct kvm_vcpu *vcpu, struct kvm_io_device *dev, gpa_t port, int len,
		     void *val)
{
	struct i8259 *pic = container_of(dev, struct i8259_ports, dev)->pic;
	unsigned long flags;

	memset(val, 0, len);
	if (len != 1)
		return 0;
	spin_lock_irqsave(&pic->lock, flags);
	*(u8 *)val = read_port(pic, port);
	unlock_and_tell(pic, flags);
	return 0;
}

static int port_write(struct kvm_vcpu *vcpu, struct kvm_io_device *dev, gpa_t port, int len,
		      const void *val)
{
	struct i8259 *pic = container_of(dev, struct i8259_ports, dev)->pic;
	unsigned long flags;

	if (len != 1)
		return 0;
	spin_lock_irqsave(&pic->lock, flags);
	write_port(pic, port, *(const u8 *)val);
	unlock_and_tell(pic, flags);
	return 0;
}

/* The bus drops the places one by one; with the last the whole goes. */
static void bus_gone(struct kvm_io_device *dev)
{
	struct i8259 *pic = container_of(dev, struct i8259_ports, dev)->pic;

	if (!--pic->places)
		kfree(pic);
}

static const struct kvm_io_ops i8259_ops = {
	.read		= port_read,
	.write		= port_write,
	.destroy	= bus_gone,
};

/*
 * State for user space.
 */
void i8259_get_state(struct i8259 *pic, unsigned int chip, struct kvm_pic_state *s)
{
	spin_lock_irq(&pic->lock);
	*s = pic->chip[chip];
	spin_unlock_irq(&pic->lock);
}

void i8259_set_state(struct i8259 *pic, unsigned int chip, const struct kvm_pic_state *s)
{
	unsigned long flags;
	u8 mask = chip ? ELCR_SLAVE : ELCR_MASTER;

	spin_lock_irqsave(&pic->lock, flags);
	pic->chip[chip] = *s;
	pic->chip[chip].elcr_mask = mask;
	pic->chip[chip].elcr &= mask;
	pic->chip[chip].priority_add &= 7;
	unlock_and_tell(pic, flags);
}

/*
 * Life cycle.
 */
static const struct {
	u16	port;
	u8	n;
} places[I8259_PLACES] = {
	{ 0x20, 2 },
	{ 0xa0, 2 },
	{ 0x4d0, 2 },
};

static void leave_bus(struct i8259 *pic)
{
	while (pic->places)
		kvm_io_bus_unregister(pic->kvm, KVM_BUS_PIO, &pic->ports[--pic->places].dev);
}

static int join_bus(struct i8259 *pic)
{
	unsigned int i;
	int r;

	for (i = 0; i < I8259_PLACES; i++) {
		pic->ports[i].dev.ops = &i8259_ops;
		pic->ports[i].pic = pic;
		r = kvm_io_bus_register(pic->kvm, KVM_BUS_PIO, places[i].port, places[i].n,
					&pic->ports[i].dev);
		if (r) {
			leave_bus(pic);
			return r;
		}
		pic->places++;
	}
	return 0;
}

/**
 * i8259_create - give the VM its pair of i8259
 * @kvm: the VM
 *
 * Context: kvm->slots_lock held.
 * Return: 0, -ENOMEM, -ENOSPC.
 */
int i8259_create(struct kvm *kvm)
{
	struct i8259 *pic = kzalloc(sizeof(*pic), GFP_KERNEL_ACCOUNT);
	int r;

	if (!pic)
		return -ENOMEM;
	spin_lock_init(&pic->lock);
	pic->kvm = kvm;
	pic->chip[MASTER].elcr_mask = ELCR_MASTER;
	pic->chip[SLAVE].elcr_mask = ELCR_SLAVE;
	r = join_bus(pic);
	if (r) {
		kfree(pic);
		return r;
	}
	to_x86_vm(kvm)->irqchip.pic = pic;
	return 0;
}

/* The creation of something after it has failed. slots_lock held. */
void i8259_undo(struct kvm *kvm)
{
	struct i8259 *pic = vm_pic(kvm);

	to_x86_vm(kvm)->irqchip.pic = NULL;
	leave_bus(pic);
	kfree(pic);
}
