// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_CHECK_EXTENSION: what the core can do, one row a capability.
 *
 * The architecture's rows are asked first, so it may answer for a VM where the core knows only a
 * maximum. What no row names is not there: 0. A capability whose code is in the core but needs
 * something of the architecture is reported only where the architecture has given it.
 */
#include "core.h"

static int cap_nr_vcpus(struct kvm *kvm)
{
	return min(num_online_cpus(), kvm_arch->max_vcpus);
}

static int cap_max_vcpus(struct kvm *kvm)
{
	return kvm_arch->max_vcpus;
}

static int cap_max_vcpu_id(struct kvm *kvm)
{
	return kvm_arch->max_vcpu_ids;
}

static int cap_address_spaces(struct kvm *kvm)
{
	return kvm_arch->address_spaces;
}

static int cap_readonly_mem(struct kvm *kvm)
{
	return !!(kvm_arch->slot_flags & KVM_MEM_READONLY);
}

static int cap_coalesced_mmio(struct kvm *kvm)
{
	return kvm_arch->coalesced_page;
}

static int cap_coalesced_pio(struct kvm *kvm)
{
	return !!kvm_arch->coalesced_page;
}

static int cap_irqfd(struct kvm *kvm)
{
	return !!kvm_arch->irqchip_in_kernel;
}

static int cap_irq_routing(struct kvm *kvm)
{
	return kvm_arch->route_set ? KVM_MAX_IRQ_ROUTES : 0;
}

static int cap_signal_msi(struct kvm *kvm)
{
	return !!kvm_arch->signal_msi;
}

static const struct kvm_cap rows[] = {
	/* Memory. */
	{ KVM_CAP_USER_MEMORY,				1 },
	{ KVM_CAP_DESTROY_MEMORY_REGION_WORKS,		1 },
	{ KVM_CAP_JOIN_MEMORY_REGIONS_WORKS,		1 },
	{ KVM_CAP_SYNC_MMU,				1 },
	{ KVM_CAP_NR_MEMSLOTS,				KVM_USER_SLOTS },
	{ KVM_CAP_MULTI_ADDRESS_SPACE,			.get = cap_address_spaces },
	{ KVM_CAP_READONLY_MEM,				.get = cap_readonly_mem },
	{ KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,		KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE |
							KVM_DIRTY_LOG_INITIALLY_SET },
	{ KVM_CAP_DIRTY_LOG_RING,			.get = kvm_dirty_ring_cap },
	{ KVM_CAP_DIRTY_LOG_RING_ACQ_REL,		.get = kvm_dirty_ring_cap },
	/* vCPUs. */
	{ KVM_CAP_NR_VCPUS,				.get = cap_nr_vcpus },
	{ KVM_CAP_MAX_VCPUS,				.get = cap_max_vcpus },
	{ KVM_CAP_MAX_VCPU_ID,				.get = cap_max_vcpu_id },
	{ KVM_CAP_IMMEDIATE_EXIT,			1 },
	{ KVM_CAP_INTERNAL_ERROR_DATA,			1 },
	{ KVM_CAP_HALT_POLL,				1 },
	/* Buses. */
	{ KVM_CAP_IOEVENTFD,				1 },
	{ KVM_CAP_IOEVENTFD_NO_LENGTH,			1 },
	{ KVM_CAP_IOEVENTFD_ANY_LENGTH,			1 },
	{ KVM_CAP_COALESCED_MMIO,			.get = cap_coalesced_mmio },
	{ KVM_CAP_COALESCED_PIO,			.get = cap_coalesced_pio },
	/* Interrupts and devices. */
	{ KVM_CAP_IRQFD,				.get = cap_irqfd },
	{ KVM_CAP_IRQFD_RESAMPLE,			.get = cap_irqfd },
	{ KVM_CAP_IRQ_ROUTING,				.get = cap_irq_routing },
	{ KVM_CAP_IRQ_INJECT_STATUS,			.get = cap_irqfd },
	{ KVM_CAP_SIGNAL_MSI,				.get = cap_signal_msi },
	{ KVM_CAP_DEVICE_CTRL,				1 },
	/* The interface itself. */
	{ KVM_CAP_CHECK_EXTENSION_VM,			1 },
	{ KVM_CAP_ENABLE_CAP_VM,			1 },
	{ KVM_CAP_BINARY_STATS_FD,			1 },
};

static const struct kvm_cap *cap_find(const struct kvm_cap *row, unsigned int n, unsigned int cap)
{
	for (; n; row++, n--) {
		if (row->cap == cap)
			return row;
	}
	return NULL;
}

/**
 * kvm_cap_get - what KVM_CHECK_EXTENSION answers
 * @kvm: the VM that is asked, NULL on the system file
 * @cap: KVM_CAP_*
 *
 * Return: 0 for what is not there or not known, else the capability's number (KVM API 4.4).
 */
int kvm_cap_get(struct kvm *kvm, unsigned int cap)
{
	const struct kvm_cap *row = cap_find(kvm_arch->caps.rows, kvm_arch->caps.n, cap);

	if (!row)
		row = cap_find(rows, ARRAY_SIZE(rows), cap);
	if (!row)
		return 0;
	return row->get ? row->get(kvm) : row->value;
}
