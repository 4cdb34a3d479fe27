// SPDX-License-Identifier: GPL-2.0-only
/*
 * The MP table (Intel MultiProcessor Specification 1.4), for kernels without ACPI.
 *
 * One ISA bus; its interrupts go to the IOAPIC's pins of the same number, but the timer's to pin 2.
 */
#include "x86/blob.h"
#include "x86/machine.h"

#define SPEC_1_4	4
#define ISA_BUS		0
#define APIC_VERSION	0x14
#define IOAPIC_VERSION	0x11
#define ALL_APICS	0xff
#define CPU_ENABLED	1
#define CPU_BOOT	2

enum { ENTRY_CPU, ENTRY_BUS, ENTRY_IOAPIC, ENTRY_INTERRUPT, ENTRY_LOCAL };
enum { TYPE_INT, TYPE_NMI, TYPE_SMI, TYPE_EXTINT };

static void put_cpu(struct blob *b, unsigned int id)
{
	blob_8(b, ENTRY_CPU);
	blob_8(b, id);
	blob_8(b, APIC_VERSION);
	blob_8(b, CPU_ENABLED | (id ? 0 : CPU_BOOT));
	blob_32(b, 0x600);	/* signature: family 6; kernels ask CPUID */
	blob_32(b, 0x201);	/* features: a local APIC, an FPU */
	blob_64(b, 0);
}

static void put_line(struct blob *b, uint8_t entry, uint8_t type, uint8_t irq, uint8_t apic,
		     uint8_t pin)
{
	blob_8(b, entry);
	blob_8(b, type);
	blob_16(b, 0);		/* polarity and trigger as ISA has them */
	blob_8(b, ISA_BUS);
	blob_8(b, irq);
	blob_8(b, apic);
	blob_8(b, pin);
}

static unsigned int put_entries(struct blob *b, const struct machine_layout *layout)
{
	const unsigned int ioapic = layout->cpus;
	unsigned int i, n = 0;

	for (i = 0; i < layout->cpus; i++, n++)
		put_cpu(b, i);
	blob_8(b, ENTRY_BUS);
	blob_8(b, ISA_BUS);
	blob_put(b, "ISA   ", 6);
	blob_8(b, ENTRY_IOAPIC);
	blob_8(b, ioapic);
	blob_8(b, IOAPIC_VERSION);
	blob_8(b, 1);		/* enabled */
	blob_32(b, IOAPIC_BASE);
	n += 2;
	for (i = 0; i < 16; i++) {
		if (i == 2)	/* the cascade of the two 8259s */
			continue;
		put_line(b, ENTRY_INTERRUPT, TYPE_INT, i, ioapic, i ? i : 2);
		n++;
	}
	put_line(b, ENTRY_LOCAL, TYPE_EXTINT, 0, ALL_APICS, 0);
	put_line(b, ENTRY_LOCAL, TYPE_NMI, 0, ALL_APICS, 1);
	return n + 2;
}

static void put_pointer(struct blob *b, uint64_t at)
{
	blob_put(b, "_MP_", 4);
	blob_32(b, at + 16);
	blob_8(b, 1);		/* 16 bytes */
	blob_8(b, SPEC_1_4);
	blob_8(b, 0);		/* checksum */
	blob_zero(b, 5);	/* a table follows; no IMCR */
	blob_checksum(b, 0, 16, 10);
}

size_t mp_table(uint8_t *to, size_t size, uint64_t at, const struct machine_layout *layout)
{
	struct blob b = { .data = to, .size = size };
	size_t end;

	put_pointer(&b, at);
	blob_put(&b, "PCMP", 4);
	blob_16(&b, 0);		/* length */
	blob_8(&b, SPEC_1_4);
	blob_8(&b, 0);		/* checksum */
	blob_put(&b, "KVM     VMM         ", 20);
	blob_32(&b, 0);		/* no table of the maker's */
	blob_16(&b, 0);
	blob_16(&b, 0);		/* number of entries */
	blob_32(&b, LAPIC_BASE);
	blob_32(&b, 0);
	if (b.full)
		return 0;
	to[16 + 34] = put_entries(&b, layout);
	if (b.full)
		return 0;
	end = b.n;
	to[16 + 4] = end - 16;
	to[16 + 5] = (end - 16) >> 8;
	blob_checksum(&b, 16, end, 16 + 7);
	return end;
}
