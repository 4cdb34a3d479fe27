/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The x86 machine: addresses, ports and interrupt lines, in one place.
 *
 * Memory goes up to 3 GiB, then from 4 GiB on. Between the two are the devices: virtio, the
 * IOAPIC, the local APIC, and four pages that KVM needs on Intel processors. There is no PCI and
 * no firmware: the kernel finds its tables below 1 MiB.
 */
#ifndef X86_MACHINE_H
#define X86_MACHINE_H

#include "vmm.h"
#include "x86/e820.h"

#define LOW_MEMORY_MAX		0xc0000000ULL
#define HIGH_MEMORY_BASE	0x100000000ULL

/*
 * In the first MiB. All but EBDA and TABLES is memory that the kernel may take when it has
 * read it.
 */
#define GDT_AT			0x500
#define BOOT_PARAMS_AT		0x7000
#define PAGE_TABLES_AT		0x9000		/* six pages, to 0xf000 */
#define COMMAND_LINE_AT		0x20000		/* up to 60 KiB */
#define SETUP_AT		0x10000		/* 16-bit code, heap and stack: 64 KiB */
#define EBDA_AT			0x9fc00
#define BIOS_AT			0x9fe00		/* what there is of one */
#define VIDEO_AT		0xa0000
#define TABLES_AT		0xe0000		/* RSDP first; the rest of the ACPI tables follow */
#define TABLES_SIZE		0x10000
#define MPTABLE_AT		0xf0000
#define MPTABLE_SIZE		0x10000
#define KERNEL_MEMORY_AT	0x100000

#define VIRTIO_BASE		0xd0000000
#define VIRTIO_STRIDE		0x1000
#define MAX_VIRTIO		8
#define IOAPIC_BASE		0xfec00000
#define LAPIC_BASE		0xfee00000
#define IDENTITY_MAP_AT		0xfffbc000
#define TSS_AT			0xfffbd000	/* three pages */

#define PORT_RTC		0x70
#define PORT_KEYBOARD_COMMAND	0x64
#define PORT_SERIAL		0x3f8
#define PORT_FW_CFG		0x510
#define PORT_FW_CFG_DMA		0x514
#define PORT_PM_EVENT		0x600
#define PORT_PM_CONTROL		0x604
#define PORT_PM_TIMER		0x608
#define PORT_RESET		0xcf9
#define PORT_SHUTDOWN		0x8900

#define IRQ_SERIAL		4
#define IRQ_SCI			9
#define N_GSI			24

/*
 * Virtio devices have ISA interrupts, since a kernel without ACPI knows no others. What is left out
 * belongs to the timer, keyboard, second port, clock, SCI or coprocessor.
 */
extern const uint8_t virtio_irqs[MAX_VIRTIO];

/* acpi.c, mptable.c: from numbers to bytes, pure. */
struct machine_layout {
	unsigned int	cpus;
	unsigned int	n_virtio;
};

/*
 * How many bytes, 0 when @size does not suffice. @at is the tables' guest address; the RSDP
 * is first.
 */
size_t acpi_tables(uint8_t *to, size_t size, uint64_t at, const struct machine_layout *layout);
size_t mp_table(uint8_t *to, size_t size, uint64_t at, const struct machine_layout *layout);

/* cpu.c */
void cpu_setup(struct vcpu *vcpu);
void cpu_enter_64(struct vcpu *vcpu, uint64_t rip, uint64_t rsi);
/* The other segments are @segment, too; CS is @offset bytes further, and IP 0. */
void cpu_enter_real(struct vcpu *vcpu, uint16_t segment, uint16_t offset, uint16_t sp);

/* legacy.c: the ports without which a PC is none. */
struct bus;
void legacy_init(struct vmm *vm, struct bus *ports);

#endif
