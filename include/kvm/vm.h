/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * struct kvm: one virtual machine.
 *
 * The architecture's VM object begins with a struct kvm and is as large as kvm_arch_ops.vm_size says. References are
 * held by the VM's file, by each vCPU's file, by devices, and by whoever called kvm_get_kvm() (vfio). The last put
 * tears down: notifier, vCPUs, devices, architecture, buses, routing, slots.
 *
 * Lock order (Documentation/locking.md): kvm->lock -> vcpu->mutex -> slots_lock -> irq_lock -> mmu_lock; srcu read
 * sections may be entered under any mutex, and synchronize_srcu() only under slots_lock or irq_lock's.
 */
#ifndef KVM_VM_H
#define KVM_VM_H

#include <linux/list.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/rcuwait.h>
#include <linux/refcount.h>
#include <linux/srcu.h>
#include <linux/xarray.h>
#include <kvm/memslot.h>
#include <kvm/stats.h>

struct kvm_io_bus;
struct kvm_irq_table;
struct kvm_coalesced;
struct kvm_stat_file;

enum kvm_bus {
	KVM_BUS_MMIO,
	KVM_BUS_PIO,
	KVM_BUS_FAST_MMIO,		/* ioeventfds without data match: found by address alone */
	KVM_BUS_VIRTIO_CCW,
	KVM_NR_BUSES,
};

struct kvm {
	rwlock_t		mmu_lock;	/* guards the guest's shadow of memory: see Documentation/mmu.md */
	struct mutex		lock;		/* LOCK_VM: vCPU creation, irqchip and clock set-up, capabilities */
	struct mutex		slots_lock;	/* writers of slots[] and buses[] */
	struct mutex		irq_lock;	/* writers of routing and ack notifiers */
	struct srcu_struct	srcu;		/* readers of slots[] and buses[] */
	struct srcu_struct	irq_srcu;	/* readers of routing and ack notifiers */
	refcount_t		users;
	struct mm_struct	*mm;		/* the VMM's; held by mmgrab; only its threads may call ioctls */
	bool			dead;		/* an assertion failed, or user space may not go on: ioctls give -EIO */

	struct kvm_slots __rcu	*slots[KVM_ADDRESS_SPACES];
	struct xarray		slot_ids[KVM_ADDRESS_SPACES];	/* id to slot; under slots_lock */
	struct kvm_slots	*slots_spare;	/* memory for the next table; under slots_lock */
	u64			slots_generation;	/* under slots_lock */
	u64			dirty_log_manual;	/* KVM_DIRTY_LOG_* flags of KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2 */

	u32			dirty_ring_bytes;	/* of each vCPU's dirty ring, 0: none; set before the first vCPU */

	struct xarray		vcpus;		/* by index, dense; entries are only added */
	atomic_t		online_vcpus;	/* entries of vcpus that readers may look at */
	unsigned int		created_vcpus;	/* under lock; counts those still being made */
	unsigned int		max_vcpu_id;	/* ids below this; under lock until the first vCPU */
	unsigned int		max_halt_poll_ns;
	bool			own_halt_poll;	/* KVM_CAP_HALT_POLL was enabled: max_halt_poll_ns counts, not the
						 * module parameter
						 */
	unsigned int		last_boosted;	/* index; directed yield goes on from here, a hint without lock */

	struct mmu_notifier	mn;
	spinlock_t		mn_lock;	/* guards the four below and the publication in slots[] */
	unsigned long		mn_seq;		/* rises with each invalidation that has ended */
	long			mn_active;	/* invalidations begun and not ended */
	hva_t			mn_start;	/* the hull of what is being invalidated */
	hva_t			mn_end;
	struct rcuwait		mn_wait;	/* the slots writer that waits for mn_active == 0 */

	struct kvm_io_bus __rcu	*buses[KVM_NR_BUSES];
	struct kvm_coalesced	*coalesced;	/* ring page and zones; virt/kvm/coalesced_io.c */
	struct list_head	ioeventfds;	/* under slots_lock */

	struct kvm_irq_table __rcu *routing;	/* under irq_lock, read under irq_srcu */
	struct hlist_head	ack_notifiers;	/* under irq_lock, read under irq_srcu */
	struct {
		spinlock_t		lock;
		struct list_head	items;		/* under lock */
		struct list_head	resamplers;	/* under resampler_lock */
		struct mutex		resampler_lock;
	} irqfds;

	struct list_head	devices;	/* under lock */
	atomic_t		noncoherent_groups;	/* VFIO groups whose DMA does not see caches */
	struct list_head	node;		/* of all VMs; under kvm_lock */
	struct kvm_vm_stats	stat;
	char			stats_id[KVM_STATS_NAME_SIZE];
	struct dentry		*debugfs;	/* of this VM; NULL without; virt/kvm/stats.c */
	struct kvm_stat_file	*stat_files;
	struct notifier_block	pm;
	int			async_pf_ended;	/* only its address counts: who waits for it to end */
};

/* All VMs, for the module's own rounds (CPU hotplug of clocks, statistics). kvm_lock may sleep. */
extern struct mutex kvm_lock;
extern struct list_head kvm_vms;

void kvm_get_kvm(struct kvm *kvm);
bool kvm_get_kvm_safe(struct kvm *kvm);
void kvm_put_kvm(struct kvm *kvm);
void kvm_put_kvm_no_destroy(struct kvm *kvm);
bool file_is_kvm(struct file *file);

/* The vCPU of index @i, which is below online_vcpus. */
static inline struct kvm_vcpu *kvm_vcpu_at(struct kvm *kvm, unsigned int i)
{
	return xa_load(&kvm->vcpus, i);
}

static inline unsigned int kvm_online_vcpus(struct kvm *kvm)
{
	return atomic_read_acquire(&kvm->online_vcpus);	/* pairs with the release after xa_insert */
}

struct kvm_vcpu *kvm_vcpu_by_id(struct kvm *kvm, int id);

/* @i: unsigned long, @vcpu: struct kvm_vcpu *; any context. */
#define kvm_for_each_vcpu(i, vcpu, kvm)						\
	for ((i) = 0; (i) < kvm_online_vcpus(kvm) && ((vcpu) = kvm_vcpu_at(kvm, i)); (i)++)

/**
 * kvm_vm_kill - a state that cannot be: this VM runs no more, the host goes on
 *
 * Context: any. All vCPUs are kicked; from now on every ioctl of the VM and of its vCPUs returns -EIO.
 */
void kvm_vm_kill(struct kvm *kvm);

/* Assert: true when @cond is true; then the VM is dead and one line is in the log. */
#define KVM_BUG_ON(cond, kvm) ({			\
	bool __bug = !!(cond);				\
	if (WARN_ON_ONCE(__bug && !(kvm)->dead))	\
		kvm_vm_kill(kvm);			\
	unlikely(__bug);				\
})

/* Requests to every vCPU; see vcpu.h. Returns whether any vCPU had to be interrupted. */
bool kvm_request_all(struct kvm *kvm, unsigned int req);

/* Make every vCPU that runs with this VM's translations drop them, and wait for it. Context: any but hard irq. */
void kvm_flush_remote_tlbs(struct kvm *kvm);

#endif /* KVM_VM_H */
