/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * struct kvm_arch_ops: what the core asks of an architecture.
 *
 * The architecture registers one table; the core then creates /dev/kvm. An op that is NULL is one the architecture
 * has no use for, where its comment says that it may be.
 */
#ifndef KVM_ARCH_OPS_H
#define KVM_ARCH_OPS_H

#include <kvm/ioctl.h>
#include <kvm/irq.h>
#include <kvm/vcpu.h>

struct kvm_arch_ops {
	struct module	*owner;		/* pinned by every VM */
	size_t		vm_size;	/* of the object that begins with struct kvm */
	size_t		vcpu_size;	/* of the object that begins with struct kvm_vcpu */
	unsigned int	max_vcpus;
	unsigned int	max_vcpu_ids;
	unsigned int	address_spaces;	/* 1 or 2 */
	unsigned int	run_pages;	/* that a vCPU's file has: kvm_run, then the architecture's (vcpu_fault) */
	unsigned int	coalesced_page;	/* which of them is the ring of coalesced I/O; 0: accesses do not coalesce */
	u32		slot_flags;	/* KVM_MEM_* it can do beside KVM_MEM_LOG_DIRTY_PAGES */

	/* Virtualization on and off on this CPU; irqs off. On: 0 or -EIO. The first VM turns on, the last off. */
	int	(*cpu_enable)(void);
	void	(*cpu_disable)(void);
	/* The machine sleeps and wakes: on the last CPU, irqs off. NULL ok. */
	void	(*suspend)(void);
	void	(*resume)(void);

	/* VM. init: @type of KVM_CREATE_VM; -EINVAL if unknown. release: notifier gone, vCPUs still there. */
	int	(*vm_init)(struct kvm *kvm, unsigned long type);
	void	(*vm_release)(struct kvm *kvm);	/* before each vm_destroy; NULL ok */
	void	(*vm_destroy)(struct kvm *kvm);	/* after the vCPUs are gone */
	int	(*vm_enable_cap)(struct kvm *kvm, struct kvm_enable_cap *cap);	/* kvm->lock held; NULL ok */

	/* vCPU. create: kvm->lock not held. created: it can be found by others from now on. */
	int	(*vcpu_precreate)(struct kvm *kvm, unsigned int id);	/* kvm->lock held */
	int	(*vcpu_create)(struct kvm_vcpu *vcpu);
	void	(*vcpu_created)(struct kvm_vcpu *vcpu);
	void	(*vcpu_destroy)(struct kvm_vcpu *vcpu);
	void	(*vcpu_load)(struct kvm_vcpu *vcpu, int cpu);	/* preemption off */
	void	(*vcpu_put)(struct kvm_vcpu *vcpu);		/* preemption off */
	/*
	 * KVM_RUN. The vCPU is loaded, signals are masked, immediate_exit has not been looked at. Returns 0 with
	 * kvm_run filled in, or -EINTR with KVM_EXIT_INTR set, or another errno.
	 */
	int	(*vcpu_run)(struct kvm_vcpu *vcpu);
	bool	(*vcpu_runnable)(struct kvm_vcpu *vcpu);	/* has work; asked by the blocked vCPU itself */
	bool	(*vcpu_wanted)(struct kvm_vcpu *vcpu);		/* the same, asked by others: a hint, no locks */
	bool	(*vcpu_in_kernel)(struct kvm_vcpu *vcpu);	/* guest was in kernel mode; a hint */
	bool	(*vcpu_halt_poll_ok)(struct kvm_vcpu *vcpu);	/* may be NULL: polling is always fine */
	void	(*vcpu_blocking)(struct kvm_vcpu *vcpu);	/* may be NULL */
	void	(*vcpu_unblocking)(struct kvm_vcpu *vcpu);	/* may be NULL */
	/*
	 * To get it out of the guest. Any context; it is in the guest, or between the last look at its requests and the
	 * entry. bar: it shall not enter, or not stay; asked before any interrupt is sent. NULL where that look and the
	 * entry are one with interrupts off. interrupt: it runs on @cpu, which is another; NULL where bar is enough.
	 */
	void	(*vcpu_bar)(struct kvm_vcpu *vcpu);
	void	(*vcpu_interrupt)(struct kvm_vcpu *vcpu, int cpu);
	vm_fault_t (*vcpu_fault)(struct kvm_vcpu *vcpu, struct vm_fault *vmf);	/* mmap pages beyond the core's; NULL ok */
	/* A page that kvm_async_pf_start() was told of is there. In a worker; sleeps. NULL when it never is. */
	void	(*async_pf_done)(struct kvm_vcpu *vcpu, u64 token);
	/* ioctls that must not wait for vcpu->mutex (KVM_INTERRUPT on s390); -ENOIOCTLCMD when not one. NULL ok. */
	long	(*vcpu_async_ioctl)(struct kvm_vcpu *vcpu, unsigned int cmd, unsigned long arg);

	/*
	 * Memory slots; slots_lock held. prepare: allocate @new->arch (for DELETE nothing; for FLAGS it is taken over
	 * from @old). commit: the new table is published, readers of the old are gone. free_slot: of one whose prepare
	 * succeeded. flush: no translation of @slot may be left, or be made anew, when it returns (the slot is
	 * KVM_SLOT_INVALID now). @old or @new is NULL for CREATE or DELETE.
	 */
	int	(*slot_prepare)(struct kvm *kvm, const struct kvm_slot *old, struct kvm_slot *new,
				enum kvm_slot_change change);
	void	(*slot_commit)(struct kvm *kvm, const struct kvm_slot *old, const struct kvm_slot *new,
			       enum kvm_slot_change change);
	void	(*slot_free)(struct kvm *kvm, struct kvm_slot *slot);
	void	(*slot_flush)(struct kvm *kvm, const struct kvm_slot *slot);
	void	(*flush_all)(struct kvm *kvm);		/* the VMM's mm goes away: drop every translation */

	/*
	 * MMU notifier and dirty log. unmap: mmu_lock held for write; returns whether TLBs must be flushed by the
	 * caller. age, test_age: mmu_lock held for write; whether a page was young. protect_dirty: the pages of @mask
	 * (bit n = gfn @base + n) will be reported clean: catch the next write; mmu_lock held for write, caller
	 * flushes.
	 */
	bool	(*unmap)(struct kvm *kvm, const struct kvm_gfn_range *range);
	bool	(*age)(struct kvm *kvm, const struct kvm_gfn_range *range);
	bool	(*test_age)(struct kvm *kvm, const struct kvm_gfn_range *range);
	void	(*protect_dirty)(struct kvm *kvm, const struct kvm_slot *slot, gfn_t base, unsigned long mask);
	void	(*sync_dirty)(struct kvm *kvm, const struct kvm_slot *slot);	/* before the bitmap is read; NULL ok */
	/* TLB flush of the whole VM by something better than requests; NULL, or -EOPNOTSUPP: use requests. */
	int	(*flush_remote_tlbs)(struct kvm *kvm);

	/* Interrupt routing; NULL when the architecture has none. route_set fills type, set and union from @entry. */
	int	(*route_set)(struct kvm *kvm, struct kvm_irq_route *route,
			     const struct kvm_irq_routing_entry *entry);
	bool	(*irqchip_in_kernel)(struct kvm *kvm);		/* may irqfds and KVM_IRQ_LINE work? */
	bool	(*irqfd_allowed)(struct kvm *kvm, struct kvm_irqfd *args);
	int	(*signal_msi)(struct kvm *kvm, const struct kvm_msi *msi);
	void	(*routing_changed)(struct kvm *kvm);		/* or ack notifiers; irq_lock held; NULL ok */
	/*
	 * Host interrupt @host_irq feeds the irqfd of @gsi: from now on it may go straight to the guest (@on), or no
	 * more. Called anew when the routing has changed. Under a spinlock. NULL: nothing bypasses the irqfd.
	 */
	int	(*irq_bypass)(struct kvm *kvm, unsigned int host_irq, u32 gsi, bool on);

	/* Tables. */
	struct kvm_ioctl_table	sys_ioctls;
	struct kvm_ioctl_table	vm_ioctls;
	struct kvm_ioctl_table	vcpu_ioctls;
	struct kvm_cap_table	caps;
	struct kvm_stat_table	vm_stats;
	struct kvm_stat_table	vcpu_stats;
	/* Files in a vCPU's debugfs directory; may be NULL. */
	void	(*vcpu_debugfs)(struct kvm_vcpu *vcpu, struct dentry *dir);
};

extern const struct kvm_arch_ops *kvm_arch;	/* set while registered */

/**
 * kvm_register_arch - hand the core its architecture; /dev/kvm appears
 *
 * Context: module init; sleeps. No CPU is enabled before the first VM: whether they can do
 * virtualization is the caller's to find out.
 * Return: 0, -EBUSY when one is registered already, -EINVAL for a contradiction in the tables,
 * -ENOMEM.
 */
int kvm_register_arch(const struct kvm_arch_ops *ops);
void kvm_unregister_arch(void);

/*
 * The machine goes down, and virtualization has been turned off under vCPUs that may still run: an
 * instruction of the hardware's that faults now is no error. Never false again.
 */
extern bool kvm_rebooting;

/* Every CPU is enabled while one VM lives; for parameters that must not change then. */
bool kvm_has_vms(void);

#endif /* KVM_ARCH_OPS_H */
