// SPDX-License-Identifier: GPL-2.0-only
/*
 * Slot tables, against a model that looks at every slot.
 *
 * A random walk creates, deletes, moves and marks slots; after each step the new table is asked for
 * frames and host ranges, mostly at the edges of slots, and must say what the model says.
 */
#include <assert.h>
#include "slot_index.h"
#include "unit.h"

#define IDS	24
#define SPACE	256	/* guest frames, and host pages, that slots lie in */
#define HVA	0x7f0000000000UL

static struct kvm_slot model[IDS];	/* npages 0: not there */
static struct kvm_slots *table;

static struct kvm_slots *derive(const struct kvm_slot *drop, struct kvm_slot *add)
{
	unsigned int n = (table ? table->n : 0) - !!drop + !!add;
	struct kvm_slots *next = calloc(1, kvm_slots_bytes(n));

	assert(next);
	kvm_slots_derive(next, table, drop, add);
	expect_eq(next->n, n);
	return next;
}

static void replace(const struct kvm_slot *drop, struct kvm_slot *add)
{
	struct kvm_slots *next = derive(drop, add);

	free(table);
	table = next;
}

static void start_empty(void)
{
	free(table);
	table = NULL;
	memset(model, 0, sizeof(model));
	replace(NULL, NULL);
}

static bool model_overlaps(gfn_t base, unsigned long npages, const struct kvm_slot *except)
{
	int i;

	for (i = 0; i < IDS; i++) {
		const struct kvm_slot *s = &model[i];

		if (s != except && s->npages && base < s->base_gfn + s->npages &&
		    s->base_gfn < base + npages)
			return true;
	}
	return false;
}

static struct kvm_slot *model_find(gfn_t gfn)
{
	int i;

	for (i = 0; i < IDS; i++) {
		if (gfn >= model[i].base_gfn && gfn < model[i].base_gfn + model[i].npages)
			return &model[i];
	}
	return NULL;
}

static void check_frames(void)
{
	gfn_t gfn;

	for (gfn = 0; gfn < SPACE + 4; gfn++)
		expect(kvm_slots_find(table, gfn) == model_find(gfn));
	for (gfn = SPACE + 4; gfn--;)	/* the hint is now at the other end */
		expect(kvm_slots_find(table, gfn) == model_find(gfn));
	expect(!kvm_slots_find(table, ~0ULL));
}

static void check_order(void)
{
	unsigned int i;

	for (i = 1; i < table->n; i++) {
		expect(table->by_gfn[i - 1]->base_gfn + table->by_gfn[i - 1]->npages <=
		       table->by_gfn[i]->base_gfn);
		expect(table->by_hva[i - 1]->hva <= table->by_hva[i]->hva);
	}
}

/* Each slot that the range touches is met once, and no other. */
static void check_range(hva_t start, hva_t end)
{
	bool met[IDS] = { false };
	struct kvm_slot *slot;
	int i;

	kvm_for_each_slot_in_hva(slot, i, table, start, end) {
		expect(!met[slot->id]);
		met[slot->id] = true;
	}
	for (i = 0; i < IDS; i++) {
		bool touched = model[i].npages && model[i].hva < end &&
			       start < model[i].hva + (model[i].npages << PAGE_SHIFT);

		expect_eq(met[i], touched);
	}
}

static void check_ranges(void)
{
	int i;

	for (i = 0; i < 20; i++) {
		hva_t start = HVA + (unit_random() % SPACE << PAGE_SHIFT) - unit_random() % 2;
		hva_t len = 1 + unit_random() % (unit_random() % 2 ? 2 : SPACE << PAGE_SHIFT);

		check_range(start, start + len);
	}
	check_range(0, ~0UL);
	check_range(0, HVA);
}

static void check_overlaps(void)
{
	int i;

	for (i = 0; i < 20; i++) {
		gfn_t base = unit_random() % SPACE;
		unsigned long npages = 1 + unit_random() % 32;
		struct kvm_slot *except = &model[unit_random() % IDS];

		if (!except->npages)
			except = NULL;
		expect_eq(kvm_slots_overlap(table, base, npages, except),
			  model_overlaps(base, npages, except));
	}
}

static void step(void)
{
	struct kvm_slot *slot = &model[unit_random() % IDS];
	gfn_t base = unit_random() % SPACE;
	unsigned long npages = 1 + unit_random() % 16;
	struct kvm_slot copy;

	if (!slot->npages) {
		if (model_overlaps(base, npages, NULL))
			return;
		*slot = (struct kvm_slot) {
			.base_gfn = base, .npages = npages, .id = slot - model,
			.hva = HVA + (unit_random() % SPACE << PAGE_SHIFT),
		};
		replace(NULL, slot);
		return;
	}
	if (unit_random() % 2) {
		replace(slot, NULL);
		slot->npages = 0;
		return;
	}
	if (model_overlaps(base, slot->npages, slot))
		return;
	/* A move, as the core makes it: a copy takes the slot's place, then the new one the copy's. */
	copy = *slot;
	replace(slot, &copy);
	expect(kvm_slots_find(table, copy.base_gfn) == &copy);
	slot->base_gfn = base;
	replace(&copy, slot);
}

TEST(empty_table_has_nothing)
{
	struct kvm_slot *slot;
	int i, met = 0;

	start_empty();
	expect_eq(kvm_slots_count(table), 0);
	expect(!kvm_slots_find(table, 0));
	expect(!kvm_slots_overlap(table, 0, 1, NULL));
	kvm_for_each_slot_in_hva(slot, i, table, 0, ~0UL)
		met += slot->npages;
	expect_eq(met, 0);
}

TEST(random_walk_agrees_with_the_model)
{
	int i;

	start_empty();
	for (i = 0; i < 3000; i++) {
		step();
		check_order();
		check_frames();
		check_ranges();
		check_overlaps();
	}
}

/* Frame 0 and the last frame there is: neither end of the numbers wraps. */
TEST(ends_of_the_address_space)
{
	struct kvm_slot low = { .base_gfn = 0, .npages = 1, .hva = HVA, .id = 1 };
	struct kvm_slot high = {
		.base_gfn = (1ULL << 52) - 2, .npages = 2, .hva = HVA + 0x1000, .id = 2,
	};

	start_empty();
	replace(NULL, &high);
	replace(NULL, &low);
	expect(kvm_slots_find(table, 0) == &low);
	expect(!kvm_slots_find(table, 1));
	expect(!kvm_slots_find(table, (1ULL << 52) - 3));
	expect(kvm_slots_find(table, (1ULL << 52) - 2) == &high);
	expect(kvm_slots_find(table, (1ULL << 52) - 1) == &high);
	expect(!kvm_slots_find(table, 1ULL << 52));
	expect(!kvm_slots_find(table, ~0ULL));
	start_empty();
}

/* Two slots on the same host memory, and one that lies within another: all are found. */
TEST(host_ranges_may_overlap)
{
	struct kvm_slot big = { .base_gfn = 0, .npages = 64, .hva = HVA, .id = 0 };
	struct kvm_slot twin = { .base_gfn = 100, .npages = 64, .hva = HVA, .id = 1 };
	struct kvm_slot inner = { .base_gfn = 200, .npages = 2, .hva = HVA + 0x8000, .id = 2 };
	struct kvm_slot *slot;
	unsigned int ids = 0;
	int i;

	start_empty();
	replace(NULL, &inner);
	replace(NULL, &big);
	replace(NULL, &twin);
	kvm_for_each_slot_in_hva(slot, i, table, HVA + 0x3f000, HVA + 0x40000)
		ids |= 1 << slot->id;
	expect_eq(ids, 3);
	ids = 0;
	kvm_for_each_slot_in_hva(slot, i, table, HVA + 0x9000, HVA + 0x9001)
		ids |= 1 << slot->id;
	expect_eq(ids, 7);
	start_empty();
}

TEST(frames_behind_a_host_range)
{
	struct kvm_slot slot = { .base_gfn = 1000, .npages = 16, .hva = HVA };
	struct {
		hva_t start, end;
		gfn_t first, last;
	} rows[] = {
		{ HVA,		HVA + 0x10000,	1000, 1016 },	/* all of it */
		{ 0,		~0UL,		1000, 1016 },	/* more than it */
		{ HVA,		HVA + 1,	1000, 1001 },	/* one byte: its page */
		{ HVA + 0xfff,	HVA + 0x1001,	1000, 1002 },	/* a byte on each side */
		{ HVA - 1,	HVA + 1,	1000, 1001 },
		{ HVA + 0xffff,	HVA + 0x10001,	1015, 1016 },
		{ HVA + 0x2000,	HVA + 0x4000,	1002, 1004 },
	};
	unsigned int i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct kvm_gfn_range r = kvm_slot_gfn_range(&slot, rows[i].start, rows[i].end);

		expect(r.slot == &slot);
		expect_eq(r.start, rows[i].first);
		expect_eq(r.end, rows[i].last);
	}
}

TEST(what_a_change_is)
{
	const struct kvm_slot old = { .base_gfn = 8, .npages = 4, .hva = HVA };
	struct kvm_slot new = old;

	expect_eq(kvm_slot_change_of(NULL, &old), SLOT_CREATE);
	expect_eq(kvm_slot_change_of(&old, &old), SLOT_SAME);
	new.base_gfn = 16;
	expect_eq(kvm_slot_change_of(&old, &new), SLOT_MOVE);
	new.flags = KVM_MEM_LOG_DIRTY_PAGES;
	expect_eq(kvm_slot_change_of(&old, &new), SLOT_MOVE);
	new.base_gfn = old.base_gfn;
	expect_eq(kvm_slot_change_of(&old, &new), SLOT_FLAGS);
	new.flags = KVM_MEM_READONLY;
	expect_eq(kvm_slot_change_of(&old, &new), -EINVAL);
	new = old;
	new.npages = 5;
	expect_eq(kvm_slot_change_of(&old, &new), -EINVAL);
	new = old;
	new.hva += 0x1000;
	expect_eq(kvm_slot_change_of(&old, &new), -EINVAL);
	new.npages = 0;
	expect_eq(kvm_slot_change_of(&old, &new), SLOT_DELETE);
	expect_eq(kvm_slot_change_of(NULL, &new), -EINVAL);
}
