/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interrupt lines: GSI routing, acknowledgement notifiers, irqfd.
 *
 * A GSI is routed to one or more destinations: a pin of an in-kernel controller, a message (MSI),
 * or what the architecture adds. Each destination has one function that delivers. The routing table
 * is immutable, read under kvm->irq_srcu, replaced under kvm->irq_lock.
 */
#ifndef KVM_IRQ_H
#define KVM_IRQ_H

#include <kvm/vcpu.h>

/* Who drives a line; a pin is high while any source holds it high. */
#define KVM_IRQ_SOURCE_USER	0	/* KVM_IRQ_LINE and irqfd */
#define KVM_IRQ_SOURCE_RESAMPLE	1	/* level-triggered irqfds */
#define KVM_IRQ_SOURCE_ARCH	2	/* from here on: the architecture's devices (i8254) */

struct kvm_msi_msg {
	u32	address_lo;
	u32	address_hi;
	u32	data;
	u32	flags;		/* KVM_MSI_* */
	u32	devid;
};

/*
 * Deliver @level on @route. Return: > 0 delivered (how many), 0 coalesced with one still pending, <
 * 0 masked or lost. -EWOULDBLOCK from an atomic deliverer: try again from process context.
 */
struct kvm_irq_route {
	u32	gsi;
	u32	type;		/* KVM_IRQ_ROUTING_* */
	int	(*set)(struct kvm *kvm, struct kvm_irq_route *route, int source, int level,
		       bool line_status);
	/* The same without sleeping, or NULL when it always may have to. */
	int	(*set_atomic)(struct kvm *kvm, struct kvm_irq_route *route, int source, int level);
	union {
		struct {
			u32	irqchip;
			u32	pin;
		} chip;
		struct kvm_msi_msg msi;
		struct {
			u64	ind_addr;
			u64	summary_addr;
			u64	ind_offset;
			u32	summary_offset;
			u32	adapter_id;
		} adapter;
		struct {
			u32	vcpu;
			u32	sint;
		} hv_sint;
	};
};

#define KVM_MAX_IRQ_ROUTES	4096	/* KVM_CAP_IRQ_ROUTING */

/**
 * kvm_irq_set - drive GSI @gsi from @source
 *
 * Context: process context, may sleep in the architecture's deliverers; takes irq_srcu.
 * Return: as kvm_irq_route.set, the best of all destinations; -1 when the GSI has none.
 */
int kvm_irq_set(struct kvm *kvm, int source, u32 gsi, int level, bool line_status);
/*
 * The same for irqfds from atomic context: -EWOULDBLOCK when a destination needs process context.
 */
int kvm_irq_set_atomic(struct kvm *kvm, int source, u32 gsi, int level);

/*
 * Routes of @gsi copied to @routes (room for KVM_MAX_GSI_ROUTES); returns how many. irq_srcu held.
 */
/* PIC, IOAPIC, and what the architecture adds: destinations of one GSI */
#define KVM_MAX_GSI_ROUTES	3
int kvm_irq_routes(struct kvm *kvm, u32 gsi, struct kvm_irq_route *routes);
/* The GSI that ends at @pin of @irqchip, or -1. irq_srcu held. */
int kvm_irq_pin_to_gsi(struct kvm *kvm, u32 irqchip, u32 pin);

/* Replace the whole routing; takes irq_lock. @entries may be NULL with @n 0. */
int kvm_irq_routing_set(struct kvm *kvm, const struct kvm_irq_routing_entry *entries,
			unsigned int n);
void kvm_irq_routing_destroy(struct kvm *kvm);

/* Walk all routes under irq_srcu (for the architecture's EOI scans): calls @fn for each. */
void kvm_irq_routing_walk(struct kvm *kvm,
			  void (*fn)(struct kvm *kvm, const struct kvm_irq_route *route,
				     void *data),
			  void *data);

/* Called when the guest acknowledges (EOIs) the pin that @gsi leads to. */
struct kvm_irq_ack_notifier {
	struct hlist_node	link;
	u32			gsi;
	void			(*acked)(struct kvm_irq_ack_notifier *n);
};
void kvm_irq_ack_register(struct kvm *kvm, struct kvm_irq_ack_notifier *n);
void kvm_irq_ack_unregister(struct kvm *kvm, struct kvm_irq_ack_notifier *n);
bool kvm_irq_ack_wanted(struct kvm *kvm, u32 irqchip, u32 pin);
/* The architecture's controllers call this at EOI; any context that may take irq_srcu. */
void kvm_irq_acked(struct kvm *kvm, u32 irqchip, u32 pin);

/* Life cycle of irqfd (virt/kvm/irqfd.c). */
struct kvm_arg;
void kvm_irqfd_vm_init(struct kvm *kvm);
void kvm_irqfd_vm_release(struct kvm *kvm);	/* the VM's file is closed: shut every irqfd down */
int kvm_irqfd_module_init(void);
void kvm_irqfd_module_exit(void);
void kvm_irqfd_routing_changed(struct kvm *kvm);	/* irq_lock held */

#endif /* KVM_IRQ_H */
