// SPDX-License-Identifier: GPL-2.0-only
/*
 * The interrupt controllers in the kernel, as a guest programs them: 8259 pair, IOAPIC, 8254; and
 * their state as user space reads and writes it. Local APICs have a program of their own (lapic.c),
 * event descriptors too (eventfd.c).
 */
#include "irq.h"

static void nothing(void)
{
}

/* ---- making them ----------------------------------------------------------------------------- */

TEST(creation)
{
	struct kvm_pit_config pit = { 0 };
	int vm = vm_bare(), late = vm_bare();

	must(ioctl(vm, KVM_CREATE_IRQCHIP, 0));
	expect_errno(ioctl(vm, KVM_CREATE_IRQCHIP, 0), EEXIST);
	must(ioctl(vm, KVM_CREATE_PIT2, &pit));
	expect_errno(ioctl(vm, KVM_CREATE_PIT2, &pit), EEXIST);
	/* Too late once a vCPU is there: it would have no local APIC. */
	must(ioctl(late, KVM_CREATE_VCPU, 0));
	expect_errno(ioctl(late, KVM_CREATE_IRQCHIP, 0), EINVAL);
}

TEST(no_lines_without_irqchip)
{
	struct kvm_irq_level line = { .irq = 3, .level = 1 };
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };
	int vm = vm_bare();

	expect_errno(ioctl(vm, KVM_IRQ_LINE, &line), ENXIO);
	expect_errno(ioctl(vm, KVM_GET_IRQCHIP, &chip), ENXIO);
	expect_errno(ioctl(vm, KVM_SET_IRQCHIP, &chip), ENXIO);
}

/* ---- PIC ------------------------------------------------------------------------------------- */

#define PIC1	0x20
#define PIC2	0xa0
#define ELCR1	0x4d0
#define ELCR2	0x4d1

static void pic_setup(uint8_t mask1, uint8_t mask2)
{
	outb(PIC1, 0x11);
	outb(PIC1 + 1, 0x20);
	outb(PIC1 + 1, 4);
	outb(PIC1 + 1, 1);
	outb(PIC2, 0x11);
	outb(PIC2 + 1, 0x28);
	outb(PIC2 + 1, 2);
	outb(PIC2 + 1, 1);
	outb(PIC1 + 1, mask1);
	outb(PIC2 + 1, mask2);
	apic_enable();
	apic_write(APIC_LVT0, 0x700);	/* ExtINT: the PIC's interrupts pass */
}

static void on_pic_irq(struct trap_frame *f)
{
	hits[f->vector]++;
	if (f->vector >= 0x28)
		outb(PIC2, 0x20);
	outb(PIC1, 0x20);
}

static void guest_pic_edge(void)
{
	guest_on(0x23, on_pic_irq);
	guest_on(0x2a, on_pic_irq);
	guest_on(0x24, on_pic_irq);
	pic_setup(0xff & ~(1 << 3 | 1 << 2), 0xff & ~(1 << 2));
	guest_sync(0);
	wait_hits(0x23, 1);
	guest_sync(1);		/* line 3 is still high: no second edge */
	sti_and_cli();
	guest_expect_eq(hit_count(0x23), 1);
	guest_sync(2);		/* lowered and raised */
	wait_hits(0x23, 2);
	guest_sync(3);		/* line 10, through the second PIC */
	wait_hits(0x2a, 1);
	guest_sync(4);		/* line 4 is masked, its edge is remembered */
	sti_and_cli();
	guest_expect_eq(hit_count(0x24), 0);
	outb(PIC1 + 1, 0xff & ~(1 << 4 | 1 << 2));
	wait_hits(0x24, 1);
}

TEST(pic_edge)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_pic_edge);

	run_to_sync(vm, 0);
	irq_line(vm, 3, 1);
	run_to_sync(vm, 1);
	irq_line(vm, 3, 1);
	run_to_sync(vm, 2);
	irq_line(vm, 3, 0);
	irq_line(vm, 3, 1);
	run_to_sync(vm, 3);
	irq_line(vm, 10, 1);
	run_to_sync(vm, 4);
	irq_line(vm, 4, 1);
	expect_exit(vm_run(vm), GUEST_DONE);
}

/* The handler of a level interrupt tells the host, which lowers the line at the third time. */
static void on_pic_level(struct trap_frame *f)
{
	hits[f->vector]++;
	guest_sync(100 + hits[f->vector]);
	outb(PIC2, 0x20);
	outb(PIC1, 0x20);
}

static void guest_pic_level(void)
{
	guest_on(0x2b, on_pic_level);
	pic_setup(0xff & ~(1 << 2), 0xff & ~(1 << 3));
	outb(ELCR2, 1 << 3);
	guest_expect_eq(inb(ELCR2), 1 << 3);
	guest_sync(0);
	wait_hits(0x2b, 3);
	sti_and_cli();
	guest_expect_eq(hit_count(0x2b), 3);
}

TEST(pic_level)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_pic_level);

	run_to_sync(vm, 0);
	irq_line(vm, 11, 1);
	run_to_sync(vm, 101);
	run_to_sync(vm, 102);
	run_to_sync(vm, 103);
	irq_line(vm, 11, 0);
	expect_exit(vm_run(vm), GUEST_DONE);
}

static void guest_pic_registers(void)
{
	pic_setup(0xa5, 0x5a);
	guest_expect_eq(inb(PIC1 + 1), 0xa5);
	guest_expect_eq(inb(PIC2 + 1), 0x5a);
	guest_sync(0);		/* line 0, which is masked */
	outb(PIC1, 0x0a);	/* read requests */
	guest_expect_eq(inb(PIC1), 1 << 0);
	outb(PIC1, 0x0b);	/* read in-service */
	guest_expect_eq(inb(PIC1), 0);
}

TEST(pic_registers)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_pic_registers);

	run_to_sync(vm, 0);
	irq_line(vm, 0, 1);
	expect_exit(vm_run(vm), GUEST_DONE);
}

TEST(pic_state)
{
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_PIC_MASTER }, again;
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_pic_registers);

	run_to_sync(vm, 0);
	must(ioctl(vm->fd, KVM_GET_IRQCHIP, &chip));
	expect_eq(chip.chip.pic.imr, 0xa5);
	expect_eq(chip.chip.pic.irq_base, 0x20);
	expect_eq(chip.chip.pic.irr, 0);
	chip.chip.pic.irr = 1 << 0;
	must(ioctl(vm->fd, KVM_SET_IRQCHIP, &chip));
	again.chip_id = KVM_IRQCHIP_PIC_SLAVE;
	must(ioctl(vm->fd, KVM_GET_IRQCHIP, &again));
	expect_eq(again.chip.pic.imr, 0x5a);
	expect_eq(again.chip.pic.irq_base, 0x28);
	/* The request that user space put there is the one that the guest finds. */
	expect_exit(vm_run(vm), GUEST_DONE);
	again.chip_id = 3;
	expect_errno(ioctl(vm->fd, KVM_GET_IRQCHIP, &again), EINVAL);
	expect_errno(ioctl(vm->fd, KVM_SET_IRQCHIP, &again), EINVAL);
}

/* ---- IOAPIC ---------------------------------------------------------------------------------- */

static void guest_ioapic_edge(void)
{
	guest_on(0x61, on_apic_irq);
	apic_only();
	ioapic_route(11, 0x61, 0);
	guest_sync(0);
	wait_hits(0x61, 1);
	guest_sync(1);		/* still high */
	sti_and_cli();
	guest_expect_eq(hit_count(0x61), 1);
	ioapic_route(11, 0x61, IOAPIC_MASKED);
	/* Lowered, raised and lowered while masked: nothing is left of it */
	guest_sync(2);
	ioapic_route(11, 0x61, 0);
	sti_and_cli();
	guest_expect_eq(hit_count(0x61), 1);
	guest_sync(3);
	wait_hits(0x61, 2);
}

TEST(ioapic_edge)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_ioapic_edge);

	run_to_sync(vm, 0);
	irq_line(vm, 11, 1);
	run_to_sync(vm, 1);
	run_to_sync(vm, 2);
	irq_line(vm, 11, 0);
	irq_line(vm, 11, 1);
	irq_line(vm, 11, 0);
	run_to_sync(vm, 3);
	irq_line(vm, 11, 1);
	expect_exit(vm_run(vm), GUEST_DONE);
}

static void on_ioapic_level(struct trap_frame *f)
{
	hits[f->vector]++;
	guest_expect_eq(ioapic_read(0x10 + 2 * 12) & IOAPIC_REMOTE_IRR, IOAPIC_REMOTE_IRR);
	guest_sync(100 + hits[f->vector]);
	apic_eoi();
}

static void guest_ioapic_level(void)
{
	guest_on(0x62, on_ioapic_level);
	apic_only();
	ioapic_route(12, 0x62, IOAPIC_LEVEL | IOAPIC_MASKED);
	guest_sync(0);		/* raised while masked: it is there when the mask goes */
	ioapic_route(12, 0x62, IOAPIC_LEVEL);
	wait_hits(0x62, 3);
	sti_and_cli();
	guest_expect_eq(hit_count(0x62), 3);
	guest_expect_eq(ioapic_read(0x10 + 2 * 12) & IOAPIC_REMOTE_IRR, 0);
}

TEST(ioapic_level)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_ioapic_level);

	run_to_sync(vm, 0);
	irq_line(vm, 12, 1);
	run_to_sync(vm, 101);
	run_to_sync(vm, 102);
	run_to_sync(vm, 103);
	irq_line(vm, 12, 0);
	expect_exit(vm_run(vm), GUEST_DONE);
}

static void guest_ioapic_registers(void)
{
	guest_expect_eq(ioapic_read(1) >> 16 & 0xff, 23);	/* 24 pins */
	ioapic_write(0, 5 << 24);
	guest_expect_eq(ioapic_read(0) >> 24 & 15, 5);
	ioapic_write(0x10 + 2 * 20, 0x10000 | 0x77);
	ioapic_write(0x11 + 2 * 20, 3 << 24);
	guest_expect_eq(ioapic_read(0x10 + 2 * 20), 0x10077);
	guest_expect_eq(ioapic_read(0x11 + 2 * 20), 3 << 24);
	guest_sync(0);
	guest_expect_eq(ioapic_read(0x10 + 2 * 20), 0x10078);
}

TEST(ioapic_state)
{
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_ioapic_registers);

	run_to_sync(vm, 0);
	must(ioctl(vm->fd, KVM_GET_IRQCHIP, &chip));
	expect_eq(chip.chip.ioapic.base_address, 0xfec00000);
	expect_eq(chip.chip.ioapic.id, 5);
	expect_eq(chip.chip.ioapic.redirtbl[20].fields.vector, 0x77);
	expect_eq(chip.chip.ioapic.redirtbl[20].fields.dest_id, 3);
	expect_eq(chip.chip.ioapic.redirtbl[20].fields.mask, 1);
	expect_eq(chip.chip.ioapic.redirtbl[21].fields.mask, 1);
	chip.chip.ioapic.redirtbl[20].fields.vector = 0x78;
	must(ioctl(vm->fd, KVM_SET_IRQCHIP, &chip));
	expect_exit(vm_run(vm), GUEST_DONE);
}

/*
 * A line raised while the vCPU sleeps in the kernel wakes it, and one raised while it runs
 * interrupts it.
 */
static void guest_waits_for_line(void)
{
	guest_on(0x61, on_apic_irq);
	apic_only();
	ioapic_route(11, 0x61, 0);
	guest_sync(0);
	wait_hits(0x61, 1);
	guest_sync(1);
	sti();
	while (hit_count(0x61) < 2)
		cpu_relax();
}

static void *raise_later(void *arg)
{
	usleep(50000);
	irq_line(arg, 11, 1);
	return NULL;
}

TEST(line_wakes_and_interrupts)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_waits_for_line);
	pthread_t other;

	run_to_sync(vm, 0);
	pthread_create(&other, NULL, raise_later, vm);
	run_to_sync(vm, 1);
	pthread_join(other, NULL);
	irq_line(vm, 11, 0);
	pthread_create(&other, NULL, raise_later, vm);
	expect_exit(vm_run(vm), GUEST_DONE);
}

TEST(irq_line_status)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_ioapic_edge);
	struct kvm_irq_level line = { .irq = 11, .level = 1 };

	REQUIRE_CAP(KVM_CAP_IRQ_INJECT_STATUS);
	run_to_sync(vm, 0);
	must(ioctl(vm->fd, KVM_IRQ_LINE_STATUS, &line));
	expect_ge((int)line.status, 1);
	run_to_sync(vm, 1);
	line.irq = 5000;
	line.level = 1;
	if (ioctl(vm->fd, KVM_IRQ_LINE_STATUS, &line) == 0)
		expect((int)line.status <= 0);		/* nothing there to take it */
}

/* ---- PIT ------------------------------------------------------------------------------------- */

static void guest_pit(void)
{
	unsigned int a, b;

	guest_on(0x20, on_pic_irq);
	pic_setup(0xfe, 0xff);
	outb(0x43, 0x34);		/* channel 0, both bytes, rate generator */
	outb(0x40, 0xa9);
	outb(0x40, 0x04);		/* 1193 ticks: 1 ms */
	wait_hits(0x20, 5);
	/* Channel 2, both bytes, one shot; its gate is bit 0 of port 0x61 */
	outb(0x43, 0xb0);
	outb(0x61, 1);
	outb(0x42, 0xff);
	outb(0x42, 0xff);
	outb(0x43, 0x80);		/* latch */
	a = inb(0x42);
	a |= inb(0x42) << 8;
	outb(0x43, 0x80);
	b = inb(0x42);
	b |= inb(0x42) << 8;
	guest_expect(b <= a);
	guest_expect_eq(inb(0x61) & 0x20, 0);
	while (!(inb(0x61) & 0x20))	/* its output goes high after 55 ms */
		cpu_relax();
}

TEST(pit_ticks)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP | VM_PIT, guest_pit);

	expect_exit(vm_run(vm), GUEST_DONE);
}

TEST(pit_state)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP | VM_PIT, nothing);
	struct vm *none = vm_start_with(VM_IRQCHIP, nothing);
	struct kvm_pit_state2 s, again;

	expect_errno(ioctl(none->fd, KVM_GET_PIT2, &s), ENXIO);
	expect_errno(ioctl(none->fd, KVM_SET_PIT2, &s), ENXIO);
	must(ioctl(vm->fd, KVM_GET_PIT2, &s));
	s.channels[2].count = 0x1234;
	s.channels[2].mode = 3;
	s.channels[2].gate = 1;
	s.channels[2].rw_mode = 3;
	must(ioctl(vm->fd, KVM_SET_PIT2, &s));
	must(ioctl(vm->fd, KVM_GET_PIT2, &again));
	expect_eq(again.channels[2].count, 0x1234);
	expect_eq(again.channels[2].mode, 3);
	expect_eq(again.channels[2].gate, 1);
}
