// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who is meant by a destination: from APIC ids and logical destinations to LAPICs, and the sending
 * of messages.
 *
 * A message names its receivers in one of several ways (SDM vol 3, 10.6.2). Mostly the answer can
 * be looked up: that is the map (apic_dest.h), read under RCU. It is built anew when an id, a
 * logical id, a format or a mode has changed: who changes one calls apic_map_changed(), and
 * apic_map_update() once at the end of a batch. Where the map has no answer (broadcasts,
 * shorthands, LAPICs in mixed formats, two LAPICs that claim one id) every LAPIC is asked whether
 * it is meant; that is always right, and only slower.
 */
#include <linux/slab.h>
#include "apic_dest.h"
#include "lapic.h"

#define DELIVERY(mode)	((mode) >> 8)

struct apic_map {
	struct rcu_head		rcu;
	struct apic_table	table;
};

/* What @a is addressed by just now; of another vCPU it is a snapshot. */
static struct apic_address apic_address(const struct lapic *a)
{
	return (struct apic_address) {
		.id	= lapic_id(a),
		.x2apic	= lapic_x2apic(a),
		.flat	= lapic_reg(a, APIC_DFR) == APIC_DFR_FLAT,
		.ldr	= lapic_reg(a, APIC_LDR) >> 24,
	};
}

static bool apic_match(const struct lapic *a, const struct apic_message *msg)
{
	struct apic_address addr = apic_address(a);

	return apic_dest_match(&addr, msg->dest, msg->logical);
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
 * Lowest priority goes to one only. Which one is ours to say (10.6.2.4 leaves it open): by vector,
 * so that one source's interrupts stay on one vCPU.
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
	if (map && apic_table_find(&map->table, msg->dest, msg->logical, &slice))
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

	return map && id < map->table.n ? map->table.by_id[id] : NULL;
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
	map = kvzalloc(struct_size(map, table.by_id, n), GFP_KERNEL_ACCOUNT);
	if (map) {
		map->table.n = n;
		map->table.unique = true;
	}
	return map;
}

/* A vCPU that comes between the count and the walk asks for the next round itself. */
static struct apic_map *map_build(struct kvm *kvm)
{
	struct apic_map *map = map_alloc(kvm);
	struct apic_address addr;
	struct kvm_vcpu *vcpu;
	unsigned long i;

	if (!map)
		return NULL;
	kvm_for_each_vcpu(i, vcpu, kvm) {
		if (!takes_part(to_lapic(vcpu)))
			continue;
		addr = apic_address(to_lapic(vcpu));
		if (addr.id < map->table.n)
			apic_table_add(&map->table, to_lapic(vcpu), &addr);
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
