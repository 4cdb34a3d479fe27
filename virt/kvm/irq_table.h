/* SPDX-License-Identifier: GPL-2.0-only */
/* A routing table as data: see irq_table.c. */
#ifndef KVM_IRQ_TABLE_H
#define KVM_IRQ_TABLE_H

#include <kvm/irq.h>

struct kvm_irq_routing_entry;

struct kvm_irq_pin {
	u32	irqchip;
	u32	pin;
	u32	gsi;
};

struct kvm_irq_table {
	unsigned int		n;
	unsigned int		n_pins;
	unsigned int		n_gsis;		/* those from here on have no route */
	/* n_gsis + 1: GSI g has routes first[g] .. first[g + 1] - 1 */
	u16			*first;
	struct kvm_irq_pin	*pins;		/* sorted by irqchip, then pin */
	struct kvm_irq_route	routes[];	/* sorted by GSI */
};

typedef int (*kvm_irq_route_fn)(struct kvm *kvm, struct kvm_irq_route *route,
				const struct kvm_irq_routing_entry *entry);

struct kvm_irq_table *kvm_irq_table_make(struct kvm *kvm,
					 const struct kvm_irq_routing_entry *entries,
					 unsigned int n, kvm_irq_route_fn fill);
void kvm_irq_table_free(struct kvm_irq_table *table);
unsigned int kvm_irq_table_routes(struct kvm_irq_table *table, u32 gsi,
				  struct kvm_irq_route **routes);
int kvm_irq_table_pin_to_gsi(const struct kvm_irq_table *table, u32 irqchip, u32 pin);

#endif /* KVM_IRQ_TABLE_H */
