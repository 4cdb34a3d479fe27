// SPDX-License-Identifier: GPL-2.0-only
/*
 * Routing tables: what may be routed where, both ways of looking it up, and random tables against a
 * plain search of the entries.
 */
#include "../unit.h"
#include <linux/err.h>
#include <uapi/linux/kvm.h>
#include "irq_table.h"

#define MAX_ENTRIES	200

int unit_allocs_left = -1;

static struct kvm_irq_routing_entry entries[MAX_ENTRIES];
static unsigned int n;

/* As an architecture does it: chips 0 to 2, with 24 pins; messages; nothing else. */
static int fill(struct kvm *kvm, struct kvm_irq_route *route, const struct kvm_irq_routing_entry *e)
{
	switch (e->type) {
	case KVM_IRQ_ROUTING_IRQCHIP:
		if (e->u.irqchip.irqchip > 2 || e->u.irqchip.pin >= 24)
			return -EINVAL;
		route->chip.irqchip = e->u.irqchip.irqchip;
		route->chip.pin = e->u.irqchip.pin;
		return 0;
	case KVM_IRQ_ROUTING_MSI:
		route->msi.data = e->u.msi.data;
		return 0;
	default:
		return -EINVAL;
	}
}

static void begin(void)
{
	memset(entries, 0, sizeof(entries));
	n = 0;
}

static void pin(uint32_t gsi, uint32_t chip, uint32_t p)
{
	entries[n++] = (struct kvm_irq_routing_entry) {
		.gsi = gsi, .type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = { .irqchip = chip, .pin = p },
	};
}

static void message(uint32_t gsi, uint32_t data, uint32_t flags)
{
	entries[n++] = (struct kvm_irq_routing_entry) {
		.gsi = gsi, .type = KVM_IRQ_ROUTING_MSI, .flags = flags, .u.msi.data = data,
	};
}

static struct kvm_irq_table *make(void)
{
	struct kvm_irq_table *t = kvm_irq_table_make(NULL, entries, n, fill);

	expect(!IS_ERR(t));
	return t;
}

static void expect_refused(int err)
{
	struct kvm_irq_table *t = kvm_irq_table_make(NULL, entries, n, fill);

	expect_eq(PTR_ERR(t), err);
	if (!IS_ERR(t))
		kvm_irq_table_free(t);
}

TEST(no_table)
{
	struct kvm_irq_route *r;

	expect_eq(kvm_irq_table_routes(NULL, 0, &r), 0);
	expect_eq(kvm_irq_table_pin_to_gsi(NULL, 0, 0), -1);
	kvm_irq_table_free(NULL);
}

TEST(empty_table)
{
	struct kvm_irq_route *r;
	struct kvm_irq_table *t;

	begin();
	t = make();
	expect_eq(kvm_irq_table_routes(t, 0, &r), 0);
	expect_eq(kvm_irq_table_routes(t, ~0u, &r), 0);
	expect_eq(kvm_irq_table_pin_to_gsi(t, 0, 0), -1);
	kvm_irq_table_free(t);
}

/* A GSI at a pin of the PIC and one of the IOAPIC, a message, and a GSI in between with nothing. */
TEST(both_ways)
{
	struct kvm_irq_route *r;
	struct kvm_irq_table *t;

	begin();
	message(7, 0x1234, 0);
	pin(3, 2, 19);
	pin(3, 0, 3);
	t = make();
	expect_eq(kvm_irq_table_routes(t, 3, &r), 2);
	expect(r[0].chip.irqchip != r[1].chip.irqchip);
	expect_eq(kvm_irq_table_routes(t, 7, &r), 1);
	expect_eq(r->msi.data, 0x1234);
	expect_eq(kvm_irq_table_routes(t, 5, &r), 0);
	expect_eq(kvm_irq_table_routes(t, 8, &r), 0);
	expect_eq(kvm_irq_table_pin_to_gsi(t, 2, 19), 3);
	expect_eq(kvm_irq_table_pin_to_gsi(t, 0, 3), 3);
	expect_eq(kvm_irq_table_pin_to_gsi(t, 1, 3), -1);
	expect_eq(kvm_irq_table_pin_to_gsi(t, 9, 1000), -1);
	kvm_irq_table_free(t);
}

TEST(what_excludes_each_other)
{
	begin();
	pin(4, 0, 4);
	pin(4, 0, 5);			/* two pins of one chip */
	expect_refused(-EINVAL);
	begin();
	pin(4, 0, 4);
	message(4, 1, 0);
	expect_refused(-EINVAL);
	begin();
	message(4, 1, 0);
	message(4, 1, 0);
	expect_refused(-EINVAL);
	begin();
	pin(4, 0, 4);
	pin(4, 1, 4);
	pin(4, 2, 4);
	kvm_irq_table_free(make());	/* as many as a GSI may have */
}

TEST(bad_entries)
{
	begin();
	pin(KVM_MAX_IRQ_ROUTES - 1, 0, 0);
	kvm_irq_table_free(make());
	entries[0].gsi = KVM_MAX_IRQ_ROUTES;
	expect_refused(-EINVAL);
	entries[0].gsi = ~0u;
	expect_refused(-EINVAL);
	begin();
	pin(1, 0, 1);
	entries[0].flags = KVM_MSI_VALID_DEVID;	/* is for messages */
	expect_refused(-EINVAL);
	begin();
	message(1, 0, KVM_MSI_VALID_DEVID);
	kvm_irq_table_free(make());
	entries[0].flags = 1 << 5;
	expect_refused(-EINVAL);
	begin();
	pin(1, 7, 0);			/* what the architecture refuses */
	expect_refused(-EINVAL);
	entries[0].type = 99;
	expect_refused(-EINVAL);
}

/* The lowest line answers for a pin at which several end. */
TEST(lines_that_share_a_pin)
{
	struct kvm_irq_table *t;

	begin();
	pin(9, 2, 5);
	pin(2, 2, 5);
	pin(6, 2, 5);
	t = make();
	expect_eq(kvm_irq_table_pin_to_gsi(t, 2, 5), 2);
	kvm_irq_table_free(t);
}

TEST(out_of_memory)
{
	int i;

	begin();
	pin(1, 0, 1);
	for (i = 0; i < 3; i++) {
		unit_allocs_left = i;
		expect_refused(-ENOMEM);
	}
	unit_allocs_left = -1;
}

/* As few or as many of each kind as chance will have; a GSI is taken by one message or by pins. */
static void random_entries(void)
{
	static uint8_t used[64], chips[64];
	unsigned int want = unit_random() % 64, i, chip, gsi;

	memset(used, 0, sizeof(used));
	memset(chips, 0, sizeof(chips));
	begin();
	for (i = 0; i < want; i++) {
		gsi = unit_random() % 64;
		chip = unit_random() % 4;
		if (chip == 3 && !used[gsi]) {
			message(gsi, i, 0);
			used[gsi] = 2;
		} else if (chip < 3 && used[gsi] != 2 && !(chips[gsi] & 1 << chip)) {
			pin(gsi, chip, unit_random() % 24);
			used[gsi] = 1;
			chips[gsi] |= 1 << chip;
		}
	}
}

static unsigned int count(uint32_t gsi)
{
	unsigned int i, found = 0;

	for (i = 0; i < n; i++)
		found += entries[i].gsi == gsi;
	return found;
}

static int lowest(uint32_t chip, uint32_t p)
{
	unsigned int i;
	int gsi = -1;

	for (i = 0; i < n; i++)
		if (entries[i].type == KVM_IRQ_ROUTING_IRQCHIP &&
		    entries[i].u.irqchip.irqchip == chip && entries[i].u.irqchip.pin == p &&
		    (gsi < 0 || (int)entries[i].gsi < gsi))
			gsi = entries[i].gsi;
	return gsi;
}

TEST(random_tables)
{
	struct kvm_irq_route *r;
	struct kvm_irq_table *t;
	unsigned int round, gsi, chip, p, i, found;

	for (round = 0; round < 2000 && !unit_failures; round++) {
		random_entries();
		t = make();
		if (IS_ERR(t))
			return;
		for (gsi = 0; gsi < 70; gsi++) {
			found = kvm_irq_table_routes(t, gsi, &r);
			expect_eq(found, count(gsi));
			for (i = 0; i < found; i++)
				expect_eq(r[i].gsi, gsi);
		}
		for (chip = 0; chip < 3; chip++)
			for (p = 0; p < 24; p++)
				expect_eq(kvm_irq_table_pin_to_gsi(t, chip, p), lowest(chip, p));
		kvm_irq_table_free(t);
	}
}
