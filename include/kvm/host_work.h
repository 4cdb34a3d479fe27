/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the host wants of a vCPU's thread before it enters the guest: reschedule, take a signal, run task work.
 *
 * A thread that returns to user space gets all of this done on the way; one that stays in KVM_RUN must see to it
 * itself. Signals end KVM_RUN. Task work (and reclaim owed to a memory cgroup) is run on the way to user mode only, so
 * the thread goes there, and the ioctl is restarted before the VMM notices: see restart_syscall().
 *
 * The kernel's own xfer_to_guest_mode_handle_work() is of no use here: it writes to a struct kvm_vcpu of the kernel's
 * layout.
 */
#ifndef KVM_HOST_WORK_H
#define KVM_HOST_WORK_H

#include <linux/sched/signal.h>
#include <linux/task_work.h>
#include <kvm/vcpu.h>
#include <uapi/linux/kvm.h>

static inline bool kvm_task_work_pending(void)
{
#ifdef CONFIG_MEMCG
	if (unlikely(current->memcg_nr_pages_over_high))
		return true;
#endif
	return unlikely(task_work_pending(current));
}

/* Any context; authoritative only with irqs off, just before the entry. */
static inline bool kvm_host_work_pending(void)
{
	return need_resched() || signal_pending(current) || kvm_task_work_pending();
}

/**
 * kvm_host_work - do what the host wants, or say that KVM_RUN must end
 *
 * Context: vCPU loaded, srcu not held; sleeps.
 * Return: 0; -EINTR with KVM_EXIT_INTR in kvm_run; -ERESTARTNOINTR to come back at once.
 */
static inline int kvm_host_work(struct kvm_vcpu *vcpu)
{
	if (signal_pending(current)) {
		WRITE_ONCE(vcpu->run->exit_reason, KVM_EXIT_INTR);
		return -EINTR;
	}
	if (kvm_task_work_pending())
		return restart_syscall();
	cond_resched();
	return 0;
}

#endif /* KVM_HOST_WORK_H */
