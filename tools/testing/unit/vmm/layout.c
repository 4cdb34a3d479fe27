// SPDX-License-Identifier: GPL-2.0-only
/* The VMM's guest memory and buses, and the sums and lengths of its tables. */
#include <errno.h>
#include <string.h>
#include "unit.h"
#include "bus.h"
#include "memory.h"
#include "x86/machine.h"

const uint8_t virtio_irqs[MAX_VIRTIO] = { 5, 6, 7, 10, 11, 12, 14, 15 };

TEST(memory_gives_out_no_byte_beyond)
{
	static uint8_t low[0x1000], high[0x1000];
	struct guest_mem mem = { };

	expect_eq(mem_add(&mem, 0, 0x1000, low), 0);
	expect_eq(mem_add(&mem, 0x1000, 0x1000, high), 0);
	expect_eq(mem_add(&mem, 0xfff, 1, high), -EEXIST);
	expect_eq(mem_add(&mem, 0x800, 0x10000, high), -EEXIST);
	expect_eq(mem_add(&mem, 0x5000, 0, high), -EINVAL);
	expect_eq(mem_add(&mem, UINT64_MAX, 2, high), -EINVAL);
	expect(mem_at(&mem, 0, 0x1000) == low);
	expect(mem_at(&mem, 0xfff, 1) == low + 0xfff);
	expect(mem_at(&mem, 0x1fff, 1) == high + 0xfff);
	/* Neighbours here are none in our address space. */
	expect(!mem_at(&mem, 0xfff, 2));
	expect(!mem_at(&mem, 0, 0));
	expect(!mem_at(&mem, 0x2000, 1));
	expect(!mem_at(&mem, 0x1fff, UINT64_MAX));
	expect(!mem_at(&mem, UINT64_MAX, 1));
	expect(!mem_at(&mem, UINT64_MAX, UINT64_MAX));
}

static uint64_t seen;
static unsigned int seen_len;

static void device(void *dev, uint64_t offset, uint8_t *data, unsigned int len, bool write)
{
	seen = offset;
	seen_len = len;
	if (!write)
		bus_put(data, len, 0x1122334455667788);
}

TEST(buses)
{
	struct bus bus = { };
	uint8_t data[8];

	expect_eq(bus_add(&bus, 0x100, 8, device, NULL), 0);
	expect_eq(bus_add(&bus, 0x107, 1, device, NULL), -EEXIST);
	expect_eq(bus_add(&bus, 0x108, 0, device, NULL), -EINVAL);
	expect_eq(bus_add(&bus, UINT64_MAX, 2, device, NULL), -EINVAL);
	expect(bus_access(&bus, 0x104, data, 4, false));
	expect_eq(seen, 4);
	expect_eq(bus_get(data, 4), 0x55667788);
	/* An access that leaves the range does not reach it. */
	seen_len = 0;
	expect(!bus_access(&bus, 0x106, data, 4, false));
	expect_eq(bus_get(data, 4), 0xffffffff);
	expect(!bus_access(&bus, 0xff, data, 2, true));
	expect(!bus_access(&bus, UINT64_MAX, data, 8, false));
	expect_eq(seen_len, 0);
}

static uint8_t sum(const uint8_t *p, size_t n)
{
	uint8_t s = 0;

	while (n--)
		s += *p++;
	return s;
}

static uint64_t number(const uint8_t *p, unsigned int bytes)
{
	return bus_get(p, bytes);
}

/* Every table that the XSDT leads to has its signature, length and sum; the FADT leads on. */
static void check_acpi(const uint8_t *t, size_t size, uint64_t at)
{
	static const char *const names[] = { "FACP", "APIC" };
	const uint8_t *xsdt = t + (number(t + 24, 8) - at), *fadt, *dsdt;
	unsigned int i;

	expect(!memcmp(t, "RSD PTR ", 8));
	expect_eq(sum(t, 20), 0);
	expect_eq(sum(t, 36), 0);
	expect(!memcmp(xsdt, "XSDT", 4));
	expect_eq(number(xsdt + 4, 4), 36 + 8 * 2);
	expect_eq(sum(xsdt, 52), 0);
	for (i = 0; i < 2; i++) {
		const uint8_t *table = t + (number(xsdt + 36 + 8 * i, 8) - at);

		expect(!memcmp(table, names[i], 4));
		expect(table + number(table + 4, 4) <= t + size);
		expect_eq(sum(table, number(table + 4, 4)), 0);
	}
	fadt = t + (number(xsdt + 36, 8) - at);
	expect_eq(number(fadt + 4, 4), 276);
	expect_eq(number(fadt + 46, 2), IRQ_SCI);
	expect_eq(number(fadt + 64, 4), PORT_PM_CONTROL);
	expect_eq(number(fadt + 120, 8), PORT_RESET);
	dsdt = t + (number(fadt + 140, 8) - at);
	expect(!memcmp(dsdt, "DSDT", 4));
	expect_eq(sum(dsdt, number(dsdt + 4, 4)), 0);
	expect(!memcmp(t + (number(fadt + 36, 4) - at), "FACS", 4));
	expect_eq(number(fadt + 36, 4) % 64, 0);
}

TEST(acpi)
{
	static uint8_t t[TABLES_SIZE];
	struct machine_layout m;
	size_t size;

	for (m.cpus = 1; m.cpus <= MAX_CPUS; m.cpus++)
		for (m.n_virtio = 0; m.n_virtio <= MAX_VIRTIO; m.n_virtio++) {
			memset(t, 0xee, sizeof(t));
			size = acpi_tables(t, sizeof(t), TABLES_AT, &m);
			expect(size);
			check_acpi(t, size, TABLES_AT);
			expect_eq(t[size], 0xee);
		}
}

TEST(mp)
{
	static uint8_t t[MPTABLE_SIZE];
	struct machine_layout m = { };
	size_t size, n;

	for (m.cpus = 1; m.cpus <= MAX_CPUS; m.cpus++) {
		const uint8_t *p = t + 16 + 44;

		size = mp_table(t, sizeof(t), MPTABLE_AT, &m);
		expect_eq(number(t + 4, 4), MPTABLE_AT + 16);
		expect_eq(sum(t, 16), 0);
		expect_eq(number(t + 20, 2), size - 16);
		expect_eq(sum(t + 16, size - 16), 0);
		/* Processors have 20 bytes, all else 8; the count is right. */
		for (n = 0; p < t + size; n++)
			p += *p ? 8 : 20;
		expect(p == t + size);
		expect_eq(number(t + 16 + 34, 2), n);
	}
}

TEST(tables_that_do_not_fit)
{
	static uint8_t t[0x2000];
	struct machine_layout m = { .cpus = 4, .n_virtio = 3 };
	size_t whole = acpi_tables(t, sizeof(t), TABLES_AT, &m), i;

	for (i = 36; i < whole; i++) {
		memset(t, 0xee, sizeof(t));
		expect_eq(acpi_tables(t, i, TABLES_AT, &m), 0);
		expect_eq(t[i], 0xee);
	}
	whole = mp_table(t, sizeof(t), MPTABLE_AT, &m);
	for (i = 0; i < whole; i++) {
		memset(t, 0xee, sizeof(t));
		expect_eq(mp_table(t, i, MPTABLE_AT, &m), 0);
		expect_eq(t[i], 0xee);
	}
}
