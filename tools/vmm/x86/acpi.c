// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ACPI tables (ACPI 6.4): RSDP, XSDT, FADT, FACS, MADT, and a DSDT with what cannot be probed.
 *
 * They are written as bytes in the order of the specification's tables. The DSDT's AML has three
 * things in it: the virtio devices, fw_cfg, and the value that switches the machine off.
 */
#include <linux/qemu_fw_cfg.h>
#include "dev/virtio_mmio.h"
#include "util.h"
#include "x86/blob.h"
#include "x86/machine.h"
#include "x86/power.h"

#define HEADER		36	/* of each table but RSDP and FACS */
#define FADT_SIZE	276
#define FADT_REVISION	6

/* 5.2.9: features of fixed hardware */
#define FADT_WBINVD		BIT(0)
#define FADT_C1			BIT(2)
#define FADT_NO_POWER_BUTTON	BIT(4)
#define FADT_NO_SLEEP_BUTTON	BIT(5)
#define FADT_NO_RTC_WAKE	BIT(6)
#define FADT_TIMER_32		BIT(8)
#define FADT_RESET		BIT(10)

#define BOOT_LEGACY_DEVICES	BIT(0)	/* and no 8042: bit 1 */
#define BOOT_NO_VGA		BIT(2)

/* Begin a table; its length and checksum come with end_table(). */
static size_t begin_table(struct blob *b, const char *signature, uint8_t revision)
{
	size_t at;

	blob_align(b, 64);
	at = b->n;
	blob_put(b, signature, 4);
	blob_32(b, 0);
	blob_8(b, revision);
	blob_8(b, 0);
	blob_put(b, "KVM   VMM     ", 14);
	blob_32(b, 1);
	blob_put(b, "KVM ", 4);
	blob_32(b, 1);
	return at;
}

static void end_table(struct blob *b, size_t at)
{
	struct blob length = { .data = b->data + at + 4, .size = 4 };

	if (b->full)
		return;
	blob_32(&length, b->n - at);
	blob_checksum(b, at, b->n, at + 9);
}

/* ---- AML (ACPI 6.4, 20) ---------------------------------------------------------------------- */

/* A package length in two bytes, for up to 4095 (20.2.4); the place for it, and then its value. */
static size_t aml_open(struct blob *b)
{
	blob_16(b, 0);
	return b->n - 2;
}

static void aml_close(struct blob *b, size_t at)
{
	size_t length = b->n - at;

	if (length > 4095)
		b->full = true;
	if (b->full)
		return;
	b->data[at] = 0x40 | (length & 0xf);
	b->data[at + 1] = length >> 4;
}

static void aml_name(struct blob *b, const char *name)
{
	blob_8(b, 0x08);
	blob_put(b, name, 4);
}

static void aml_byte(struct blob *b, uint8_t value)
{
	blob_8(b, 0x0a);
	blob_8(b, value);
}

static void aml_string(struct blob *b, const char *text)
{
	blob_8(b, 0x0d);
	blob_put(b, text, strlen(text) + 1);
}

/* Device (@name) { Name (_HID, @hid) Name (_UID, @uid); what follows is the caller's. */
static size_t aml_device(struct blob *b, const char *name, const char *hid, uint8_t uid)
{
	size_t at;

	blob_8(b, 0x5b);
	blob_8(b, 0x82);
	at = aml_open(b);
	blob_put(b, name, 4);
	aml_name(b, "_HID");
	aml_string(b, hid);
	aml_name(b, "_UID");
	aml_byte(b, uid);
	return at;
}

/* Name (_CRS, Buffer (@n) { @resources, end tag }) */
static void aml_resources(struct blob *b, const uint8_t *resources, size_t n)
{
	size_t at;

	aml_name(b, "_CRS");
	blob_8(b, 0x11);
	at = aml_open(b);
	aml_byte(b, n + 2);
	blob_put(b, resources, n);
	blob_8(b, 0x79);	/* end, without a checksum */
	blob_8(b, 0);
	aml_close(b, at);
}

static void put_virtio(struct blob *b, unsigned int i)
{
	const char name[4] = { 'V', 'R', '0', '0' + i };
	uint8_t data[32];
	struct blob r = { .data = data, .size = sizeof(data) };
	size_t at = aml_device(b, name, "LNRO0005", i);

	blob_8(&r, 0x86);	/* 32-bit memory, fixed (6.4.3.4) */
	blob_16(&r, 9);
	blob_8(&r, 1);		/* can be written */
	blob_32(&r, VIRTIO_BASE + i * VIRTIO_STRIDE);
	blob_32(&r, VIRTIO_MMIO_SIZE);
	blob_8(&r, 0x89);	/* an interrupt (6.4.3.6): consumed, edge, high */
	blob_16(&r, 6);
	blob_8(&r, 0x03);
	blob_8(&r, 1);
	blob_32(&r, virtio_irqs[i]);
	aml_resources(b, data, r.n);
	aml_close(b, at);
}

static void put_fw_cfg(struct blob *b)
{
	uint8_t data[8];
	struct blob r = { .data = data, .size = sizeof(data) };
	size_t at = aml_device(b, "FWCF", FW_CFG_ACPI_DEVICE_ID, 0);

	blob_8(&r, 0x47);	/* ports (6.4.2.5): 16 bits decoded, from, to, alignment, length */
	blob_8(&r, 1);
	blob_16(&r, PORT_FW_CFG);
	blob_16(&r, PORT_FW_CFG);
	blob_8(&r, 1);
	blob_8(&r, PORT_FW_CFG_DMA + 8 - PORT_FW_CFG);
	aml_resources(b, data, r.n);
	aml_close(b, at);
}

/* Name (\_S5, Package (2) { S5_TYPE, S5_TYPE }): what to write into the PM1 control registers. */
static void put_s5(struct blob *b)
{
	size_t at;

	aml_name(b, "_S5_");
	blob_8(b, 0x12);
	at = aml_open(b);
	blob_8(b, 2);
	aml_byte(b, S5_TYPE);
	aml_byte(b, S5_TYPE);
	aml_close(b, at);
}

static size_t put_dsdt(struct blob *b, const struct machine_layout *layout)
{
	size_t table = begin_table(b, "DSDT", 2), scope;
	unsigned int i;

	put_s5(b);
	blob_8(b, 0x10);	/* Scope (\_SB) */
	scope = aml_open(b);
	blob_put(b, "\\_SB_", 5);
	put_fw_cfg(b);
	for (i = 0; i < layout->n_virtio; i++)
		put_virtio(b, i);
	aml_close(b, scope);
	end_table(b, table);
	return table;
}

/* ---- tables ---------------------------------------------------------------------------------- */

static size_t put_facs(struct blob *b)
{
	size_t at;

	blob_align(b, 64);
	at = b->n;
	blob_put(b, "FACS", 4);
	blob_32(b, 64);
	blob_zero(b, 24);
	blob_8(b, 2);
	blob_zero(b, 31);
	return at;
}

/* A generic address (5.2.3.2) that is a port. */
static void put_port(struct blob *b, uint16_t port, uint8_t bytes)
{
	blob_8(b, port ? 1 : 0);
	blob_8(b, bytes * 8);
	blob_8(b, 0);
	blob_8(b, bytes == 4 ? 3 : bytes);
	blob_64(b, port);
}

/* The fixed hardware's ports in their old form, up to the flags (5.2.9, offsets 46 to 112). */
static void put_fadt_ports(struct blob *b)
{
	blob_16(b, IRQ_SCI);
	blob_32(b, 0);			/* no SMI port: ACPI is always on */
	blob_32(b, 0);			/* enable, disable, S4, P-states */
	blob_32(b, PORT_PM_EVENT);
	blob_32(b, 0);
	blob_32(b, PORT_PM_CONTROL);
	blob_32(b, 0);
	blob_32(b, 0);
	blob_32(b, PORT_PM_TIMER);
	blob_64(b, 0);			/* no general-purpose events */
	blob_8(b, 4);
	blob_8(b, 2);
	blob_8(b, 0);
	blob_8(b, 4);
	blob_32(b, 0);
	blob_16(b, 0xffff);		/* no C2, no C3 */
	blob_16(b, 0xffff);
	blob_32(b, 0);			/* no flushing by reads */
	blob_8(b, 0);			/* no duty cycle */
	blob_8(b, 0);
	blob_8(b, 0);			/* the clock has no day and no month of alarm */
	blob_8(b, 0);
	blob_8(b, RTC_CENTURY);
	blob_16(b, BOOT_LEGACY_DEVICES | BOOT_NO_VGA);
	blob_8(b, 0);
	blob_32(b, FADT_WBINVD | FADT_C1 | FADT_NO_POWER_BUTTON | FADT_NO_SLEEP_BUTTON |
		   FADT_NO_RTC_WAKE | FADT_TIMER_32 | FADT_RESET);
}

static size_t put_fadt(struct blob *b, uint64_t at, size_t facs, size_t dsdt)
{
	size_t table = begin_table(b, "FACP", FADT_REVISION);

	blob_32(b, at + facs);
	blob_32(b, at + dsdt);
	blob_8(b, 0);
	blob_8(b, 0);			/* profile: unspecified */
	put_fadt_ports(b);
	put_port(b, PORT_RESET, 1);
	blob_8(b, RESET_VALUE);
	blob_16(b, 0);
	blob_8(b, 0);
	blob_64(b, 0);			/* facs: the 32-bit field counts */
	blob_64(b, at + dsdt);
	put_port(b, PORT_PM_EVENT, 4);
	put_port(b, 0, 0);
	put_port(b, PORT_PM_CONTROL, 2);
	put_port(b, 0, 0);
	put_port(b, 0, 0);
	put_port(b, PORT_PM_TIMER, 4);
	blob_zero(b, table + FADT_SIZE - b->n);
	end_table(b, table);
	return table;
}

/* 5.2.12.5: an ISA interrupt that has a pin or a trigger of its own. */
static void put_override(struct blob *b, uint8_t irq, uint32_t gsi, uint16_t flags)
{
	blob_8(b, 2);
	blob_8(b, 10);
	blob_8(b, 0);
	blob_8(b, irq);
	blob_32(b, gsi);
	blob_16(b, flags);
}

static size_t put_madt(struct blob *b, const struct machine_layout *layout)
{
	size_t table = begin_table(b, "APIC", 4);
	unsigned int i;

	blob_32(b, LAPIC_BASE);
	blob_32(b, 1);			/* 8259s as well */
	for (i = 0; i < layout->cpus; i++) {
		blob_8(b, 0);
		blob_8(b, 8);
		blob_8(b, i);		/* the processor's number here, and its APIC's */
		blob_8(b, i);
		blob_32(b, 1);
	}
	blob_8(b, 1);			/* the IOAPIC */
	blob_8(b, 12);
	blob_8(b, layout->cpus);
	blob_8(b, 0);
	blob_32(b, IOAPIC_BASE);
	blob_32(b, 0);
	put_override(b, 0, 2, 0);
	put_override(b, IRQ_SCI, IRQ_SCI, 0xd);	/* level, high */
	blob_8(b, 4);			/* NMI at LINT1 of all */
	blob_8(b, 6);
	blob_8(b, 0xff);
	blob_16(b, 0);
	blob_8(b, 1);
	end_table(b, table);
	return table;
}

static size_t put_xsdt(struct blob *b, uint64_t at, size_t fadt, size_t madt)
{
	size_t table = begin_table(b, "XSDT", 1);

	blob_64(b, at + fadt);
	blob_64(b, at + madt);
	end_table(b, table);
	return table;
}

/* 5.2.5.3; the first checksum is over the part that ACPI 1.0 had. */
static void put_rsdp(struct blob *b, uint64_t xsdt)
{
	blob_put(b, "RSD PTR ", 8);
	blob_8(b, 0);
	blob_put(b, "KVM   ", 6);
	blob_8(b, 2);
	blob_32(b, 0);
	blob_32(b, 36);
	blob_64(b, xsdt);
	blob_32(b, 0);
	blob_checksum(b, 0, 20, 8);
	blob_checksum(b, 0, 36, 32);
}

size_t acpi_tables(uint8_t *to, size_t size, uint64_t at, const struct machine_layout *layout)
{
	struct blob b = { .data = to, .size = size }, rsdp = { .data = to, .size = 36 };
	size_t facs, dsdt, fadt, madt;

	blob_zero(&b, 36);
	facs = put_facs(&b);
	dsdt = put_dsdt(&b, layout);
	fadt = put_fadt(&b, at, facs, dsdt);
	madt = put_madt(&b, layout);
	put_rsdp(&rsdp, at + put_xsdt(&b, at, fadt, madt));
	return b.full ? 0 : b.n;
}
