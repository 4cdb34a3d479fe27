/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Destinations: whom a message means, as plain logic. Compiled in user space as well, where a test
 * compares the table below with asking each LAPIC.
 *
 * A LAPIC is known by its address: what of its state destinations are compared with (SDM vol 3,
 * 10.6.2). The table answers with at most 16 neighbours of an array and a mask of them, or that it
 * cannot tell: then every LAPIC is asked.
 */
#ifndef KVM_X86_APIC_DEST_H
#define KVM_X86_APIC_DEST_H

#include <kvm/types.h>

struct lapic;

struct apic_address {
	u32	id;		/* of the mode it is in */
	bool	x2apic;
	bool	flat;		/* xAPIC: destination format */
	u8	ldr;		/* xAPIC: logical id */
};

enum logical_mode {
	LOGICAL_NONE,		/* no LAPIC has a logical id */
	LOGICAL_FLAT,
	LOGICAL_CLUSTER,
	LOGICAL_X2APIC,
	LOGICAL_MIXED,		/* the table cannot tell */
};

#define APIC_CLUSTERS	16
#define APIC_ROW	8

struct apic_table {
	enum logical_mode	logical_mode;
	bool			unique;		/* no two LAPICs have one id */
	bool			silent;		/* an xAPIC without logical id stands in by_id */
	u32			n;		/* entries of by_id */
	struct lapic		*logical[APIC_CLUSTERS][APIC_ROW];	/* flat: row 0 */
	struct lapic		*by_id[];
};

/* Some of up to 16 LAPICs that stand in a row. */
struct apic_slice {
	struct lapic *const	*at;
	unsigned long		mask;
};

/* Logical id of x2APIC mode: cluster in the high half, a bit in the low (SDM vol 3, 10.12.10.2). */
static inline u32 x2apic_ldr(u32 id)
{
	return (id >> 4) << 16 | 1u << (id & 15);
}

/* Does @dest mean the LAPIC at @addr? Broadcasts of x2APIC senders are the caller's. */
bool apic_dest_match(const struct apic_address *addr, u32 dest, bool logical);

/* A table begins zeroed, with n set and unique true; ids must be below n. */
void apic_table_add(struct apic_table *t, struct lapic *a, const struct apic_address *addr);

/* False: it cannot tell. An empty slice means nobody. 0xff is never to be looked up. */
bool apic_table_find(const struct apic_table *t, u32 dest, bool logical, struct apic_slice *out);

#endif /* KVM_X86_APIC_DEST_H */
