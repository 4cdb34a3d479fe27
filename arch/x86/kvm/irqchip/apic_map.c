// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who is meant by a destination: from APIC ids and logical destinations to LAPICs, and the sending
 * of messages.
 *
 * A message names its receivers in one of several ways (SDM vol 3, 10.6.2). The answer is at most a
 * slice of 16 neighbours of an array and a mask of them, when it can be looked up: that is the map,
 * read under RCU. It is built anew when an id, a logical id, a format or a mode has changed: who
 * changes one calls apic_map_changed(), and apic_map_update() once at the end of a batch. Where the
 * map has no answer (broadcasts, shorthands, LAPICs in mixed logical formats, two LAPICs that claim
 * one id) every LAPIC is asked whether it is meant; that is always right, and only slower.
 */
#include <linux/slab.h>
#include "lapic.h"

#define DELIVERY(mode)	((mode) >> 8)

enum logical_mode {
	LOGICAL_NONE,		/* no LAPIC has a logical id */
	LOGICAL_FLAT,
	LOGICAL_CLUSTER,
	LOGICAL_X2APIC,
	LOGICAL_MIXED,		/* the map does not know: ask each */
};

struct apic_map {
	struct rcu_head		rcu;
	enum logical_mode	logical_mode;
	bool			unique;		/* no two LAPICs have one id */
	u32			n;		/* entries of by_id */
	struct lapic		*logical[16][8];	/* flat: row 0; cluster: row = cluster */
	struct lapic		*by_id[];
};

/* Up to 16 LAPICs that stand in a row, and which of them. */
struct apic_slice {
	struct lapic *const	*at;
	unsigned long		mask;
};

/*
 * Is one LAPIC meant?
 */
static bool logical_match_xapic(const struct lapic *a, u32 dest)
{
	u32 id = lapic_reg(a, APIC_LDR) >> 24;

	if (lapic_reg(a, APIC_DFR) == APIC_DFR_FLAT)
		return id & dest & 0xff;
	return (id >> 4) == (dest >> 4) && (id & dest & 0xf);
}

static bool apic_match(const struct lapic *a, const struct apic_message *msg)
{
	u32 dest = msg->dest, ldr;

	if (!lapic_x2apic(a)) {
		if (dest == 0xff)
			return true;
		return msg->logical ? logical_match_xapic(a, dest) : dest == lapic_id(a);
	}
	if (!msg->logical)
		return dest == a->vcpu->id;
	ldr = lapic_x2apic_ldr(a->vcpu->id);
	return (ldr >> 16) == (dest >> 16) && (ldr & dest & 0xffff);
}

/*
 * Does the destination name everybody? An IPI speaks the language of its sender's mode. A message
 * from a device has 0xff for everybody even when LAPICs are in x2APIC mode, unless user space told
 * us by KVM_CAP_X2APIC_API that it means the id 255 by that.
 */
static bool is_broadcast(struct kvm *kvm, const struct lapic *source,
			 const struct apic_message *msg)
{
	if (msg->dest == U32_MAX)
		return true;
	if (msg->dest != 0xff)
		return false;
	if (source)
		return !lapic_x2apic(source);
	return !(to_x86_vm(kvm)->irqchip.x2apic_format & KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK);
}

/*
 * Look up in the map. False: it cannot tell. An empty slice means nobody.
 */
static bool find_physical(const struct apic_map *map, u32 dest, struct apic_slice *out)
{
	if (!map->unique)
		return false;
	out->mask = 0;
	if (dest < map->n) {
		out->at = &map->by_id[dest];
		out->mask = 1;
	}
	return true;
}

static bool find_logical(const struct apic_map *map, u32 dest, struct apic_slice *out)
{
	u32 first;

	out->mask = 0;
	switch (map->logical_mode) {
	case LOGICAL_NONE:
		return true;
	case LOGICAL_FLAT:
		out->at = map->logical[0];
		out->mask = dest & 0xff;
		return true;
	case LOGICAL_CLUSTER:
		out->at = map->logical[(dest >> 4) & 0xf];
		out->mask = dest & 0xf;
		return true;
	case LOGICAL_X2APIC:
		first = (dest >> 16) << 4;
		if (first >= map->n)
			return true;
		out->at = &map->by_id[first];
		out->mask = dest & 0xffff & (BIT_ULL(min(map->n - first, 16u)) - 1);
		return true;
	default:
		return false;
	}
}

static bool apic_find(const struct apic_map *map, const struct apic_message *msg,
		      struct apic_slice *out)
{
	return msg->logical ? find_logical(map, msg->dest, out) :
			      find_physical(map, msg->dest, out);
}

/*
 * Sending.
 */

/* The result of several: how many took it, else 0 if it was coalesced somewhere, else -1. */
static int add_result(int sum, int r)
{
	if (r < 0)
		return sum;
	return sum < 0 ? r : sum + r;
}

/*
 * Lowest priority goes to one only. Which one is ours to say (10.6.2.4 leaves it open): by vector, so
 * that one source's interrupts stay on one vCPU.
 */
static struct lapic *pick_lowest(const struct apic_slice *slice, u8 vector)
{
	struct lapic *found[16];
	unsigned long bit;
	unsigned int n = 0;

	for_each_set_bit(bit, &slice->mask, 16) {
		if (slice->at[bit] && lapic_enabled(slice->at[bit]))
			found[n++] = slice->at[bit];
	}
	return n ? found[vector % n] : NULL;
}

static bool to_lowest(const struct apic_message *msg)
{
	return msg->delivery == DELIVERY(APIC_DM_LOWEST) || msg->msi_redir_hint;
}

static int send_slice(const struct apic_slice *slice, const struct apic_message *msg)
{
	unsigned long bit;
	struct lapic *a;
	int r = -1;

	if (to_lowest(msg)) {
		a = pick_lowest(slice, msg->vector);
		return a ? lapic_accept(a, msg) : -1;
	}
	for_each_set_bit(bit, &slice->mask, 16) {
		a = slice->at[bit];
		if (a)
			r = add_result(r, lapic_accept(a, msg));
	}
	return r;
}

static bool shorthand_match(const struct lapic *a, const struct lapic *source,
			    const struct apic_message *msg, bool everybody)
{
	if (msg->shorthand == 3)
		return a != source;
	return msg->shorthand == 2 || everybody || apic_match(a, msg);
}

/* Ask each; of a lowest-priority message's receivers take the (vector modulo their number)th. */
static int send_search(struct kvm *kvm, struct lapic *source, const struct apic_message *msg,
		       bool everybody)
{
	bool lowest = to_lowest(msg);
	unsigned int n = 0, skip = 0;
	struct kvm_vcpu *vcpu;
	struct lapic *a;
	unsigned long i;
	int r = -1;

	if (lowest) {
		kvm_for_each_vcpu(i, vcpu, kvm) {
			a = to_lapic(vcpu);
			if (shorthand_match(a, source, msg, everybody) && lapic_enabled(a))
				n++;
		}
		skip = n ? msg->vector % n : 0;
	}
	kvm_for_each_vcpu(i, vcpu, kvm) {
		a = to_lapic(vcpu);
		if (!shorthand_match(a, source, msg, everybody))
			continue;
		if (lowest && (!lapic_enabled(a) || skip--))
			continue;
		r = add_result(r, lapic_accept(a, msg));
		if (lowest)
			break;
	}
	return r;
}

/**
 * apic_send - send a message to all LAPICs that it addresses
 * @kvm: the VM
 * @source: the sending LAPIC, NULL for a device
 * @msg: the message
 *
 * Context: any but NMI.
 * Return: how many accepted it; 0 when it was coalesced with one that waits; -1 nobody.
 */
int apic_send(struct kvm *kvm, struct lapic *source, const struct apic_message *msg)
{
	struct apic_slice slice;
	struct apic_map *map;
	bool everybody;
	int r;

	if (msg->shorthand == 1)
		return lapic_accept(source, msg);
	everybody = !msg->shorthand && is_broadcast(kvm, source, msg);
	if (msg->shorthand || msg->dest == 0xff || everybody)	/* 0xff: xAPICs always listen */
		return send_search(kvm, source, msg, everybody);

	rcu_read_lock();
	map = rcu_dereference(to_x86_vm(kvm)->irqchip.map);
	if (map && apic_find(map, msg, &slice))
		r = send_slice(&slice, msg);
	else
		r = send_search(kvm, source, msg, false);
	rcu_read_unlock();
	return r;
}

/* The LAPIC that answers to @id; rcu held. */
struct lapic *apic_by_id(struct kvm *kvm, u32 id)
{
	struct apic_map *map = rcu_dereference(to_x86_vm(kvm)->irqchip.map);

	return map && id < map->n ? map->by_id[id] : NULL;
}

struct kvm_vcpu *apic_id_to_vcpu(struct kvm *kvm, u32 apic_id)
{
	struct lapic *a;

	rcu_read_lock();
	a = apic_by_id(kvm, apic_id);
	rcu_read_unlock();
	return a ? a->vcpu : NULL;
}

/*
 * Building.
 */
static void map_add_id(struct apic_map *map, struct lapic *a)
{
	u32 id = lapic_id(a);

	if (map->by_id[id])
		map->unique = false;
	else
		map->by_id[id] = a;
}

static enum logical_mode logical_mode_of(const struct lapic *a)
{
	if (lapic_x2apic(a))
		return LOGICAL_X2APIC;
	return lapic_reg(a, APIC_DFR) == APIC_DFR_FLAT ? LOGICAL_FLAT : LOGICAL_CLUSTER;
}

/* An xAPIC's logical id may have any bits set; only those of one bit, used once, can be looked up. */
static bool map_add_xapic_ldr(struct apic_map *map, struct lapic *a, enum logical_mode mode)
{
	u32 ldr = lapic_reg(a, APIC_LDR) >> 24;
	u32 row = mode == LOGICAL_CLUSTER ? ldr >> 4 : 0;
	u32 bits = mode == LOGICAL_CLUSTER ? ldr & 0xf : ldr;
	struct lapic **slot;

	if (!is_power_of_2(bits))
		return !bits;
	slot = &map->logical[row][__ffs(bits)];
	if (*slot)
		return false;
	*slot = a;
	return true;
}

static void map_add_logical(struct apic_map *map, struct lapic *a)
{
	enum logical_mode mode = logical_mode_of(a);

	/* Without a logical id, or not enabled, it takes part in no logical destination. */
	if (mode != LOGICAL_X2APIC && (!lapic_reg(a, APIC_LDR) || !lapic_enabled(a)))
		return;
	if (map->logical_mode == LOGICAL_NONE)
		map->logical_mode = mode;
	if (map->logical_mode != mode ||
	    (mode != LOGICAL_X2APIC && !map_add_xapic_ldr(map, a, mode)))
		map->logical_mode = LOGICAL_MIXED;
}

static bool takes_part(struct lapic *a)
{
	return a && (lapic_base(a) & MSR_IA32_APICBASE_ENABLE);
}

static struct apic_map *map_alloc(struct kvm *kvm)
{
	struct apic_map *map;
	struct kvm_vcpu *vcpu;
	unsigned long i;
	u32 n = 256;		/* xAPIC ids are the guest's to choose */

	kvm_for_each_vcpu(i, vcpu, kvm)
		n = max_t(u32, n, vcpu->id + 1);
	map = kvzalloc(struct_size(map, by_id, n), GFP_KERNEL_ACCOUNT);
	if (map) {
		map->n = n;
		map->unique = true;
	}
	return map;
}

/* A vCPU that comes between the count and the walk asks for the next round itself. */
static struct apic_map *map_build(struct kvm *kvm)
{
	struct apic_map *map = map_alloc(kvm);
	struct kvm_vcpu *vcpu;
	unsigned long i;

	if (!map)
		return NULL;
	kvm_for_each_vcpu(i, vcpu, kvm) {
		struct lapic *a = to_lapic(vcpu);

		if (!takes_part(a) || lapic_id(a) >= map->n)
			continue;
		map_add_id(map, a);
		map_add_logical(map, a);
	}
	return map;
}

/* A map that is out of date is not used meanwhile: without memory for a new one there is none. */
void apic_map_changed(struct kvm *kvm)
{
	atomic_set_release(&to_x86_vm(kvm)->irqchip.map_dirty, 1);
}

/**
 * apic_map_update - build the map anew if a change asked for it
 * @kvm: the VM
 *
 * Context: process context, may sleep; not under irq_lock or a spinlock.
 */
void apic_map_update(struct kvm *kvm)
{
	struct x86_irqchip *chip = &to_x86_vm(kvm)->irqchip;
	struct apic_map *old, *map;

	if (!atomic_read(&chip->map_dirty))
		return;
	mutex_lock(&chip->map_lock);
	while (atomic_xchg(&chip->map_dirty, 0)) {
		map = map_build(kvm);
		old = rcu_replace_pointer(chip->map, map, lockdep_is_held(&chip->map_lock));
		if (old)
			kvfree_rcu(old, rcu);
	}
	mutex_unlock(&chip->map_lock);
}

/* No sender is left. */
void apic_map_destroy(struct kvm *kvm)
{
	struct x86_irqchip *chip = &to_x86_vm(kvm)->irqchip;

	kvfree(rcu_dereference_protected(chip->map, true));
	RCU_INIT_POINTER(chip->map, NULL);
}
