// SPDX-License-Identifier: GPL-2.0-only
/*
 * Host MSRs that may hold a guest's value until this CPU returns to user space.
 *
 * The kernel itself does not use these MSRs (TSC_AUX, the SYSCALL ones on VMX), so between two
 * entries of the guest there is no need to switch them back. A backend names them once, and gets a
 * slot for each. The first guest value on a CPU registers a notifier there, which puts the host's
 * back on the way to user space.
 *
 * All is per CPU. It is touched with preemption off; the notifier's registration also from the
 * interrupt that turns virtualization off, hence with interrupts off.
 */
#include <linux/percpu.h>
#include <linux/user-return-notifier.h>
#include "x86.h"

#define MAX_SLOTS	16

static u32 slot_msr[MAX_SLOTS];
static unsigned int nr_slots;

struct cpu_slots {
	struct user_return_notifier	notifier;
	bool				registered;
	unsigned int			known;		/* bitmap: host value has been read */
	struct {
		u64	host, now;
	} slot[MAX_SLOTS];
};

static DEFINE_PER_CPU(struct cpu_slots, cpu_slots);

static void write_msr(u32 index, u64 value)
{
	wrmsr(index, (u32)value, (u32)(value >> 32));
}

static void restore_host(struct user_return_notifier *notifier)
{
	struct cpu_slots *c = container_of(notifier, struct cpu_slots, notifier);
	unsigned long flags;
	unsigned int i;

	local_irq_save(flags);
	if (c->registered) {
		c->registered = false;
		user_return_notifier_unregister(notifier);
	}
	local_irq_restore(flags);
	for (i = 0; i < nr_slots; i++) {
		if (!(c->known & BIT(i)) || c->slot[i].now == c->slot[i].host)
			continue;
		write_msr(slot_msr[i], c->slot[i].host);
		c->slot[i].now = c->slot[i].host;
	}
}

/**
 * x86_user_return_add - name an MSR that guests may leave their value in
 * @msr: its number
 *
 * Context: hardware set-up, before any guest.
 * Return: the slot, -ENODEV when this CPU has no such MSR, -ENOSPC.
 */
int x86_user_return_add(u32 msr)
{
	u64 value;

	if (nr_slots == MAX_SLOTS)
		return -ENOSPC;
	if (rdmsrl_safe(msr, &value) || wrmsrl_safe(msr, value))
		return -ENODEV;
	slot_msr[nr_slots] = msr;
	return nr_slots++;
}
EXPORT_SYMBOL_GPL(x86_user_return_add);

/* The bits in @mask of @value, the others of the host's. */
static u64 guest_value(const struct cpu_slots *c, unsigned int slot, u64 value, u64 mask)
{
	return (value & mask) | (c->slot[slot].host & ~mask);
}

/* Return: 0, or -EINVAL when the CPU does not take the value. */
static noinline int set_slowly(struct cpu_slots *c, unsigned int slot, u64 value, u64 mask)
{
	unsigned long flags;

	if (!(c->known & BIT(slot))) {
		rdmsrl(slot_msr[slot], c->slot[slot].host);
		c->slot[slot].now = c->slot[slot].host;
		c->known |= BIT(slot);
	}
	value = guest_value(c, slot, value, mask);
	if (value == c->slot[slot].now)
		return 0;
	if (wrmsrl_safe(slot_msr[slot], value))
		return -EINVAL;
	c->slot[slot].now = value;

	local_irq_save(flags);
	if (!c->registered) {
		c->notifier.on_user_return = restore_host;
		user_return_notifier_register(&c->notifier);
		c->registered = true;
	}
	local_irq_restore(flags);
	return 0;
}

/**
 * x86_user_return_set - a guest's value into the MSR of @slot, until the return to user space
 * @slot: of x86_user_return_add()
 * @value: the guest's
 * @mask: bits that are the guest's to choose; the others keep the host's value
 *
 * Context: preemption off.
 * Return: 0, or -EINVAL when the CPU does not take the value.
 */
int x86_user_return_set(unsigned int slot, u64 value, u64 mask)
{
	struct cpu_slots *c = this_cpu_ptr(&cpu_slots);

	if (likely(c->known & BIT(slot) &&
		   guest_value(c, slot, value, mask) == c->slot[slot].now))
		return 0;
	return set_slowly(c, slot, value, mask);
}
EXPORT_SYMBOL_GPL(x86_user_return_set);

/*
 * Virtualization goes off on this CPU: the host's values come back now, and may be others the next
 * time.
 */
void x86_user_return_cpu_off(void)
{
	struct cpu_slots *c = this_cpu_ptr(&cpu_slots);

	if (c->registered)
		restore_host(&c->notifier);
	c->known = 0;
}

int x86_user_return_init(void)
{
	nr_slots = 0;
	return 0;
}

void x86_user_return_exit(void)
{
	nr_slots = 0;
}
