// SPDX-License-Identifier: GPL-2.0-only
/*
 * A routing table as data: made once, looked up from both ends, never changed. No locks and no VM:
 * irq_routing.c publishes it.
 *
 * Routes are sorted by GSI, and first[] says where each GSI's begin, so that driving a line costs
 * two loads and the delivery. The way back, at an end of interrupt, is a search in a sorted array of
 * pins.
 */
#include <linux/err.h>
#include <linux/nospec.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <uapi/linux/kvm.h>

#include "irq_table.h"

static_assert(KVM_MAX_IRQ_ROUTES <= U16_MAX);

/**
 * kvm_irq_table_routes - where a GSI leads
 * @table: or NULL: nowhere
 * @gsi: any number
 * @routes: the first of them, in place
 *
 * Return: how many.
 */
unsigned int kvm_irq_table_routes(struct kvm_irq_table *table, u32 gsi,
				  struct kvm_irq_route **routes)
{
	if (!table || gsi >= table->n_gsis)
		return 0;
	gsi = array_index_nospec(gsi, table->n_gsis);
	*routes = table->routes + table->first[gsi];
	return table->first[gsi + 1] - table->first[gsi];
}

static int cmp_pins(const void *a, const void *b)
{
	const struct kvm_irq_pin *x = a, *y = b;

	if (x->irqchip != y->irqchip)
		return x->irqchip < y->irqchip ? -1 : 1;
	if (x->pin != y->pin)
		return x->pin < y->pin ? -1 : 1;
	return 0;
}

/**
 * kvm_irq_table_pin_to_gsi - which line ends at a pin
 * @table: or NULL
 * @irqchip: KVM_IRQCHIP_*
 * @pin: any number
 *
 * Return: the GSI, the lowest if there are several; -1 for none.
 */
int kvm_irq_table_pin_to_gsi(const struct kvm_irq_table *table, u32 irqchip, u32 pin)
{
	const struct kvm_irq_pin key = { .irqchip = irqchip, .pin = pin };
	unsigned int low = 0, high = table ? table->n_pins : 0, mid;

	while (low < high) {
		mid = low + (high - low) / 2;
		if (cmp_pins(&table->pins[mid], &key) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	if (!table || low == table->n_pins || cmp_pins(&table->pins[low], &key))
		return -1;
	return table->pins[low].gsi;
}

/*
 * Building a table.
 */

static int check_entry(const struct kvm_irq_routing_entry *e)
{
	u32 known = e->type == KVM_IRQ_ROUTING_MSI ? KVM_MSI_VALID_DEVID : 0;

	if (e->flags & ~known || e->gsi >= KVM_MAX_IRQ_ROUTES)
		return -EINVAL;
	return 0;
}

static int cmp_gsi(const void *a, const void *b)
{
	const struct kvm_irq_route *x = a, *y = b;

	return x->gsi < y->gsi ? -1 : x->gsi > y->gsi;
}

/* A GSI may end at one pin of each controller; anything else it has to itself. */
static bool may_share(const struct kvm_irq_route *a, const struct kvm_irq_route *b)
{
	return a->type == KVM_IRQ_ROUTING_IRQCHIP && b->type == KVM_IRQ_ROUTING_IRQCHIP &&
	       a->chip.irqchip != b->chip.irqchip;
}

/* The routes of one GSI, which are @n in a row. */
static bool group_ok(const struct kvm_irq_route *routes, unsigned int n)
{
	unsigned int i, j;

	if (n > KVM_MAX_GSI_ROUTES)
		return false;
	for (i = 0; i < n; i++) {
		for (j = i + 1; j < n; j++) {
			if (!may_share(&routes[i], &routes[j]))
				return false;
		}
	}
	return true;
}

/* Lines that end at one pin stand in their own order. */
static int order_pins(const void *a, const void *b)
{
	const struct kvm_irq_pin *x = a, *y = b;
	int c = cmp_pins(a, b);

	return c ? c : x->gsi < y->gsi ? -1 : x->gsi > y->gsi;
}

static void index_pins(struct kvm_irq_table *table)
{
	unsigned int i;

	for (i = 0; i < table->n; i++) {
		const struct kvm_irq_route *r = &table->routes[i];

		if (r->type == KVM_IRQ_ROUTING_IRQCHIP)
			table->pins[table->n_pins++] = (struct kvm_irq_pin) {
				.irqchip = r->chip.irqchip, .pin = r->chip.pin, .gsi = r->gsi,
			};
	}
	sort(table->pins, table->n_pins, sizeof(table->pins[0]), order_pins, NULL);
}

/* first[] from the sorted routes; -EINVAL when routes of one GSI exclude each other. */
static int index_gsis(struct kvm_irq_table *table)
{
	unsigned int gsi, i = 0, begin;

	for (gsi = 0; gsi < table->n_gsis; gsi++) {
		begin = i;
		table->first[gsi] = i;
		while (i < table->n && table->routes[i].gsi == gsi)
			i++;
		if (!group_ok(table->routes + begin, i - begin))
			return -EINVAL;
	}
	table->first[gsi] = i;
	return 0;
}

void kvm_irq_table_free(struct kvm_irq_table *table)
{
	if (!table)
		return;
	kvfree(table->first);
	kvfree(table->pins);
	kvfree(table);
}

static struct kvm_irq_table *alloc_table(unsigned int n, unsigned int n_gsis)
{
	struct kvm_irq_table *table;

	table = kvzalloc(struct_size(table, routes, n), GFP_KERNEL_ACCOUNT);
	if (!table)
		return NULL;
	table->n = n;
	table->n_gsis = n_gsis;
	table->first = kvcalloc(n_gsis + 1, sizeof(*table->first), GFP_KERNEL_ACCOUNT);
	table->pins = kvcalloc(n + 1, sizeof(*table->pins), GFP_KERNEL_ACCOUNT);
	if (!table->first || !table->pins) {
		kvm_irq_table_free(table);
		return NULL;
	}
	return table;
}

static int fill_table(struct kvm *kvm, struct kvm_irq_table *table,
		      const struct kvm_irq_routing_entry *entries, kvm_irq_route_fn fill)
{
	unsigned int i;
	int r;

	for (i = 0; i < table->n; i++) {
		struct kvm_irq_route *route = &table->routes[i];

		route->gsi = entries[i].gsi;
		route->type = entries[i].type;
		r = fill(kvm, route, &entries[i]);
		if (r)
			return r;
	}
	sort(table->routes, table->n, sizeof(table->routes[0]), cmp_gsi, NULL);
	index_pins(table);
	return index_gsis(table);
}

/**
 * kvm_irq_table_make - a table of what user space or the architecture wants routed
 * @kvm: for @fill
 * @entries: @n of them, in any order
 * @n: at most KVM_MAX_IRQ_ROUTES
 * @fill: fills in what an entry means to the architecture: type, deliverers and their part of the
 *	  union; 0 or -EINVAL
 *
 * Context: sleeps.
 * Return: the table; -EINVAL for a GSI too high, flags that are not known, destinations of one GSI
 * that exclude each other, or what @fill said; -ENOMEM.
 */
struct kvm_irq_table *kvm_irq_table_make(struct kvm *kvm,
					 const struct kvm_irq_routing_entry *entries,
					 unsigned int n, kvm_irq_route_fn fill)
{
	unsigned int i, n_gsis = 0;
	struct kvm_irq_table *table;
	int r;

	for (i = 0; i < n; i++) {
		r = check_entry(&entries[i]);
		if (r)
			return ERR_PTR(r);
		n_gsis = max(n_gsis, entries[i].gsi + 1);
	}
	table = alloc_table(n, n_gsis);
	if (!table)
		return ERR_PTR(-ENOMEM);
	r = fill_table(kvm, table, entries, fill);
	if (r) {
		kvm_irq_table_free(table);
		return ERR_PTR(r);
	}
	return table;
}
