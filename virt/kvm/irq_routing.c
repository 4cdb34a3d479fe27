// SPDX-License-Identifier: GPL-2.0-only
/*
 * GSI routing: from a line's number to who delivers it, and back from a pin to the line; and who
 * wants to hear when the guest acknowledges.
 *
 * The table (irq_table.c) is immutable, and replaced as a whole. Readers hold kvm->irq_srcu, also
 * while they deliver; writers hold kvm->irq_lock to publish and let it go before they wait for
 * readers, since a reader may come to a place that wants it.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "core.h"
#include "irq_table.h"
#include <kvm/trace.h>

static struct kvm_irq_table *routing(struct kvm *kvm)
{
	return srcu_dereference_check(kvm->routing, &kvm->irq_srcu,
				      lockdep_is_held(&kvm->irq_lock));
}

/* The routes of @gsi in place; returns how many. irq_srcu held. */
static unsigned int routes_of(struct kvm *kvm, u32 gsi, struct kvm_irq_route **routes)
{
	return kvm_irq_table_routes(routing(kvm), gsi, routes);
}

/* A message has no falling edge. */
static bool nothing_to_do(const struct kvm_irq_route *route, int level)
{
	return route->type == KVM_IRQ_ROUTING_MSI && !level;
}

int kvm_irq_set(struct kvm *kvm, int source, u32 gsi, int level, bool line_status)
{
	struct kvm_irq_route *routes;
	unsigned int i, n;
	int idx, best = -1;

	trace_kvm_set_irq(gsi, level, source);

	idx = srcu_read_lock(&kvm->irq_srcu);
	n = routes_of(kvm, gsi, &routes);
	for (i = 0; i < n; i++) {
		if (!nothing_to_do(&routes[i], level))
			best = max(best, routes[i].set(kvm, &routes[i], source, level,
						       line_status));
	}
	srcu_read_unlock(&kvm->irq_srcu, idx);
	return best;
}
EXPORT_SYMBOL_GPL(kvm_irq_set);

static bool all_atomic(const struct kvm_irq_route *routes, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (!routes[i].set_atomic)
			return false;
	}
	return true;
}

static int set_all_atomic(struct kvm *kvm, int source, struct kvm_irq_route *routes, unsigned int n,
			  int level)
{
	int best = -1, r;
	unsigned int i;

	if (!all_atomic(routes, n))
		return -EWOULDBLOCK;
	for (i = 0; i < n; i++) {
		if (nothing_to_do(&routes[i], level))
			continue;
		r = routes[i].set_atomic(kvm, &routes[i], source, level);
		if (r == -EWOULDBLOCK)
			return r;
		best = max(best, r);
	}
	return best;
}

int kvm_irq_set_atomic(struct kvm *kvm, int source, u32 gsi, int level)
{
	struct kvm_irq_route *routes;
	unsigned int n;
	int idx, r;

	trace_kvm_set_irq(gsi, level, source);

	idx = srcu_read_lock(&kvm->irq_srcu);
	n = routes_of(kvm, gsi, &routes);
	r = set_all_atomic(kvm, source, routes, n, level);
	srcu_read_unlock(&kvm->irq_srcu, idx);
	return r;
}
EXPORT_SYMBOL_GPL(kvm_irq_set_atomic);

int kvm_irq_routes(struct kvm *kvm, u32 gsi, struct kvm_irq_route *routes)
{
	struct kvm_irq_route *there;
	unsigned int n = routes_of(kvm, gsi, &there);

	if (n)
		memcpy(routes, there, n * sizeof(*there));
	return n;
}
EXPORT_SYMBOL_GPL(kvm_irq_routes);

int kvm_irq_pin_to_gsi(struct kvm *kvm, u32 irqchip, u32 pin)
{
	return kvm_irq_table_pin_to_gsi(routing(kvm), irqchip, pin);
}
EXPORT_SYMBOL_GPL(kvm_irq_pin_to_gsi);

void kvm_irq_routing_walk(struct kvm *kvm,
			  void (*fn)(struct kvm *kvm, const struct kvm_irq_route *route,
				     void *data),
			  void *data)
{
	int idx = srcu_read_lock(&kvm->irq_srcu);
	const struct kvm_irq_table *table = routing(kvm);
	unsigned int i;

	for (i = 0; table && i < table->n; i++)
		fn(kvm, &table->routes[i], data);
	srcu_read_unlock(&kvm->irq_srcu, idx);
}
EXPORT_SYMBOL_GPL(kvm_irq_routing_walk);

/*
 * Acknowledgement.
 */

/* Who watches for the guest's EOI only where it is wanted must look again. */
static void wanted_changed(struct kvm *kvm)
{
	lockdep_assert_held(&kvm->irq_lock);

	if (kvm_arch->routing_changed)
		kvm_arch->routing_changed(kvm);
}

void kvm_irq_ack_register(struct kvm *kvm, struct kvm_irq_ack_notifier *n)
{
	mutex_lock(&kvm->irq_lock);
	hlist_add_head_rcu(&n->link, &kvm->ack_notifiers);
	wanted_changed(kvm);
	mutex_unlock(&kvm->irq_lock);
}
EXPORT_SYMBOL_GPL(kvm_irq_ack_register);

void kvm_irq_ack_unregister(struct kvm *kvm, struct kvm_irq_ack_notifier *n)
{
	mutex_lock(&kvm->irq_lock);
	hlist_del_init_rcu(&n->link);
	wanted_changed(kvm);
	mutex_unlock(&kvm->irq_lock);
	synchronize_srcu_expedited(&kvm->irq_srcu);
}
EXPORT_SYMBOL_GPL(kvm_irq_ack_unregister);

bool kvm_irq_ack_wanted(struct kvm *kvm, u32 irqchip, u32 pin)
{
	struct kvm_irq_ack_notifier *n;
	bool wanted = false;
	int idx, gsi;

	idx = srcu_read_lock(&kvm->irq_srcu);
	gsi = kvm_irq_pin_to_gsi(kvm, irqchip, pin);
	if (gsi >= 0) {
		hlist_for_each_entry_srcu(n, &kvm->ack_notifiers, link,
					  srcu_read_lock_held(&kvm->irq_srcu))
			wanted |= n->gsi == gsi;
	}
	srcu_read_unlock(&kvm->irq_srcu, idx);
	return wanted;
}
EXPORT_SYMBOL_GPL(kvm_irq_ack_wanted);

void kvm_irq_acked(struct kvm *kvm, u32 irqchip, u32 pin)
{
	struct kvm_irq_ack_notifier *n;
	int idx, gsi;

	trace_kvm_ack_irq(irqchip, pin);

	idx = srcu_read_lock(&kvm->irq_srcu);
	gsi = kvm_irq_pin_to_gsi(kvm, irqchip, pin);
	if (gsi >= 0) {
		hlist_for_each_entry_srcu(n, &kvm->ack_notifiers, link,
					  srcu_read_lock_held(&kvm->irq_srcu)) {
			if (n->gsi == gsi)
				n->acked(n);
		}
	}
	srcu_read_unlock(&kvm->irq_srcu, idx);
}
EXPORT_SYMBOL_GPL(kvm_irq_acked);

int kvm_irq_routing_set(struct kvm *kvm, const struct kvm_irq_routing_entry *entries,
			unsigned int n)
{
	struct kvm_irq_table *table, *old;

	if (n > KVM_MAX_IRQ_ROUTES || !kvm_arch->route_set)
		return -EINVAL;
	table = kvm_irq_table_make(kvm, entries, n, kvm_arch->route_set);
	if (IS_ERR(table))
		return PTR_ERR(table);

	mutex_lock(&kvm->irq_lock);
	old = routing(kvm);
	rcu_assign_pointer(kvm->routing, table);
	kvm_irqfd_routing_changed(kvm);
	wanted_changed(kvm);
	mutex_unlock(&kvm->irq_lock);

	synchronize_srcu_expedited(&kvm->irq_srcu);
	kvm_irq_table_free(old);
	return 0;
}
EXPORT_SYMBOL_GPL(kvm_irq_routing_set);

int kvm_irq_routing_init(struct kvm *kvm)
{
	RCU_INIT_POINTER(kvm->routing, NULL);	/* no table: no GSI has a route */
	INIT_HLIST_HEAD(&kvm->ack_notifiers);
	return 0;
}

/* Nobody has the VM any more. */
void kvm_irq_routing_destroy(struct kvm *kvm)
{
	kvm_irq_table_free(rcu_dereference_protected(kvm->routing, true));
	RCU_INIT_POINTER(kvm->routing, NULL);
}

/*
 * ioctls.
 */

static bool lines_work(struct kvm *kvm)
{
	return kvm_arch->irqchip_in_kernel && kvm_arch->irqchip_in_kernel(kvm);
}

/* KVM_SET_GSI_ROUTING (KVM API 4.52). */
long kvm_vm_set_gsi_routing(struct kvm *kvm, struct kvm_arg *arg)
{
	struct kvm_irq_routing __user *user = arg->user;
	struct kvm_irq_routing_entry *entries;
	struct kvm_irq_routing head;
	int r;

	if (copy_from_user(&head, user, sizeof(head)))
		return -EFAULT;
	if (!lines_work(kvm) || head.nr > KVM_MAX_IRQ_ROUTES || head.flags)
		return -EINVAL;
	if (!head.nr)
		return kvm_irq_routing_set(kvm, NULL, 0);

	entries = vmemdup_user(user->entries, array_size(head.nr, sizeof(*entries)));
	if (IS_ERR(entries))
		return PTR_ERR(entries);
	r = kvm_irq_routing_set(kvm, entries, head.nr);
	kvfree(entries);
	return r;
}

/* KVM_IRQ_LINE (KVM API 4.25). */
long kvm_vm_irq_line(struct kvm *kvm, struct kvm_arg *arg)
{
	const struct kvm_irq_level *line = arg->data;

	if (!lines_work(kvm))
		return -ENXIO;
	kvm_irq_set(kvm, KVM_IRQ_SOURCE_USER, line->irq, !!line->level, false);
	return 0;
}

/* The same, telling what became of it: how many got it, 0 it was pending already, -1 nobody. */
long kvm_vm_irq_line_status(struct kvm *kvm, struct kvm_arg *arg)
{
	struct kvm_irq_level *line = arg->data;

	if (!lines_work(kvm))
		return -ENXIO;
	line->status = kvm_irq_set(kvm, KVM_IRQ_SOURCE_USER, line->irq, !!line->level, true);
	return 0;
}

/* KVM_SIGNAL_MSI (KVM API 4.70): > 0 delivered, 0 the guest blocked it. */
long kvm_vm_signal_msi(struct kvm *kvm, struct kvm_arg *arg)
{
	const struct kvm_msi *msi = arg->data;

	if (!kvm_arch->signal_msi)
		return -ENOTTY;
	if (!lines_work(kvm) || msi->flags & ~KVM_MSI_VALID_DEVID)
		return -EINVAL;
	return kvm_arch->signal_msi(kvm, msi);
}
