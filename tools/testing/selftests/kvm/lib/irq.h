/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What tests of interrupts share: guest handlers that count, waiting for a count, the controllers'
 * registers.
 *
 * The guest waits with interrupts off and lets them in only where it halts, so that "this many so
 * far" can be said.
 */
#ifndef SELFTEST_IRQ_H
#define SELFTEST_IRQ_H

#include "vm.h"
#include "guest.h"

#define APIC_ID		0x20
#define APIC_TPR	0x80
#define APIC_PPR	0xa0
#define APIC_LDR	0xd0
#define APIC_DFR	0xe0
#define APIC_SVR	0xf0
#define APIC_ISR	0x100
#define APIC_IRR	0x200
#define APIC_ICR	0x300
#define APIC_ICR2	0x310
#define APIC_LVTT	0x320
#define APIC_LVT0	0x350
#define APIC_TMICT	0x380
#define APIC_TMCCT	0x390
#define APIC_TDCR	0x3e0

#define IOAPIC_GPA		0xfec00000UL
#define IOAPIC_REMOTE_IRR	(1 << 14)
#define IOAPIC_LEVEL		(1 << 15)
#define IOAPIC_MASKED		(1 << 16)

static uint32_t hits[256] __attribute__((unused));

/* Hits may come on any vCPU. */
static inline uint32_t hit_count(int vector)
{
	return GUEST_ONCE(hits[vector]);
}

static inline void on_apic_irq(struct trap_frame *f)
{
	fetch_add(&hits[f->vector], 1);
	apic_eoi();
}

/*
 * Interrupts come by the local APIC alone. The default routing gives every line to the PICs as
 * well.
 */
static inline void apic_only(void)
{
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	apic_enable();
}

static inline void sti_and_cli(void)
{
	sti();
	cli();
}

static inline void wait_hits(int vector, uint32_t n)
{
	while (hit_count(vector) < n)
		sti_hlt_cli();
}

static inline uint32_t ioapic_read(uint32_t reg)
{
	write32(IOAPIC_GPA, reg);
	return read32(IOAPIC_GPA + 0x10);
}

static inline void ioapic_write(uint32_t reg, uint32_t v)
{
	write32(IOAPIC_GPA, reg);
	write32(IOAPIC_GPA + 0x10, v);
}

/* Pin to vector of the vCPU with APIC id 0. */
static inline void ioapic_route(unsigned int pin, uint8_t vector, uint32_t flags)
{
	ioapic_write(0x11 + 2 * pin, 0);
	ioapic_write(0x10 + 2 * pin, vector | flags);
}

static inline void irq_line(struct vm *vm, uint32_t gsi, uint32_t level)
{
	struct kvm_irq_level line = { .irq = gsi, .level = level };

	must(ioctl(vm->fd, KVM_IRQ_LINE, &line));
}

static inline void run_to_sync(struct vm *vm, uint64_t value)
{
	expect_exit(vm_run(vm), GUEST_SYNC);
	expect_eq(vm->vcpu[0].sync, value);
}

#endif
