// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of destinations: see apic_dest.h.
 *
 * An xAPIC's logical id is the guest's to choose, with any bits set; only ids of one bit, each used
 * once, and all LAPICs in one format, can be looked up. In x2APIC mode the logical id follows from
 * the id, so that a cluster is 16 neighbours of by_id. Everything else makes the table say that it
 * cannot tell.
 */
#include "apic_dest.h"

bool apic_dest_match(const struct apic_address *addr, u32 dest, bool logical)
{
	u32 ldr;

	if (addr->x2apic) {
		if (!logical)
			return dest == addr->id;
		ldr = x2apic_ldr(addr->id);
		return (ldr >> 16) == (dest >> 16) && (ldr & dest & 0xffff);
	}
	if (dest == 0xff)
		return true;
	if (!logical)
		return dest == addr->id;
	if (dest > 0xff)
		return false;
	if (addr->flat)
		return addr->ldr & dest;
	return (addr->ldr >> 4) == (dest >> 4) && (addr->ldr & dest & 0xf);
}

static enum logical_mode mode_of(const struct apic_address *addr)
{
	if (addr->x2apic)
		return LOGICAL_X2APIC;
	return addr->flat ? LOGICAL_FLAT : LOGICAL_CLUSTER;
}

/* False when the logical id cannot be looked up. */
static bool add_xapic_ldr(struct apic_table *t, struct lapic *a, const struct apic_address *addr)
{
	unsigned int row = addr->flat ? 0 : addr->ldr >> 4;
	unsigned int bits = addr->flat ? addr->ldr : addr->ldr & 0xf;
	struct lapic **slot;

	if (!bits)
		return true;		/* no destination means it */
	if (bits & (bits - 1))
		return false;
	slot = &t->logical[row][__builtin_ctz(bits)];
	if (*slot)
		return false;
	*slot = a;
	return true;
}

static void add_logical(struct apic_table *t, struct lapic *a, const struct apic_address *addr)
{
	enum logical_mode mode = mode_of(addr);

	if (mode != LOGICAL_X2APIC && !addr->ldr) {
		t->silent = true;
		return;
	}
	if (t->logical_mode == LOGICAL_NONE)
		t->logical_mode = mode;
	if (t->logical_mode != mode || (mode != LOGICAL_X2APIC && !add_xapic_ldr(t, a, addr)))
		t->logical_mode = LOGICAL_MIXED;
}

void apic_table_add(struct apic_table *t, struct lapic *a, const struct apic_address *addr)
{
	if (t->by_id[addr->id])
		t->unique = false;
	else
		t->by_id[addr->id] = a;
	add_logical(t, a, addr);
}

static bool find_physical(const struct apic_table *t, u32 dest, struct apic_slice *out)
{
	if (!t->unique)
		return false;
	if (dest < t->n) {
		out->at = &t->by_id[dest];
		out->mask = 1;
	}
	return true;
}

static bool find_logical(const struct apic_table *t, u32 dest, struct apic_slice *out)
{
	u32 first = (dest >> 16) << 4;

	switch (t->logical_mode) {
	case LOGICAL_NONE:
		return true;
	case LOGICAL_FLAT:
		out->at = t->logical[0];
		out->mask = dest <= 0xff ? dest : 0;
		return true;
	case LOGICAL_CLUSTER:
		out->at = t->logical[(dest >> 4) & 0xf];
		out->mask = dest <= 0xff ? dest & 0xf : 0;
		return true;
	case LOGICAL_X2APIC:
		if (!t->unique || t->silent)
			return false;
		if (first < t->n) {
			out->at = &t->by_id[first];
			out->mask = dest & 0xffff & ((1ul << min(t->n - first, 16u)) - 1);
		}
		return true;
	default:
		return false;
	}
}

bool apic_table_find(const struct apic_table *t, u32 dest, bool logical, struct apic_slice *out)
{
	out->mask = 0;
	return logical ? find_logical(t, dest, out) : find_physical(t, dest, out);
}
