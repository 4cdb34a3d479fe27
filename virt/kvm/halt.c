// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a vCPU does that has nothing to do: poll for a while, then sleep.
 *
 * Going to sleep and being woken costs tens of microseconds. A vCPU whose waits are mostly shorter
 * spins instead, up to vcpu->halt_poll_ns, a limit that follows what has been seen: it grows when a
 * sleep turns out to have been short enough to poll for, and shrinks when one was so long that
 * polling before it was a waste. The policy and its four parameters are those of
 * Documentation/virt/kvm/halt-polling.rst of the kernel.
 *
 * The sleep: the thread first announces itself in vcpu->wait, then looks for work, then sleeps. Who
 * makes work for it first makes it, then looks at vcpu->wait. The barriers of rcuwait make one of
 * the two see the other.
 */
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/stat.h>
#include <kvm/trace.h>

#include "core.h"

/* An architecture may bring another default, in its Kbuild. */
#ifndef HALT_POLL_NS
#define HALT_POLL_NS	200000
#endif

static unsigned int halt_poll_ns = HALT_POLL_NS;
module_param(halt_poll_ns, uint, 0644);
MODULE_PARM_DESC(halt_poll_ns, "longest time in ns that a halted vCPU polls; 0: never");

static unsigned int halt_poll_ns_grow = 2;
module_param(halt_poll_ns_grow, uint, 0644);
MODULE_PARM_DESC(halt_poll_ns_grow, "factor by which polling grows; 0: it does not");

static unsigned int halt_poll_ns_grow_start = 10000;
module_param(halt_poll_ns_grow_start, uint, 0644);
MODULE_PARM_DESC(halt_poll_ns_grow_start, "where growing begins, in ns");

static unsigned int halt_poll_ns_shrink;
module_param(halt_poll_ns_shrink, uint, 0644);
MODULE_PARM_DESC(halt_poll_ns_shrink, "divisor by which polling shrinks; 0: to nothing at once");

/*
 * A VM that was given its own limit keeps it; the others follow the parameter, also when it
 * changes.
 */
static unsigned int poll_limit(struct kvm *kvm)
{
	if (smp_load_acquire(&kvm->own_halt_poll))	/* pairs with KVM_CAP_HALT_POLL in vm.c */
		return READ_ONCE(kvm->max_halt_poll_ns);
	return READ_ONCE(halt_poll_ns);
}

static void poll_grow(struct kvm_vcpu *vcpu, unsigned int limit)
{
	unsigned int factor = READ_ONCE(halt_poll_ns_grow), old = vcpu->halt_poll_ns;
	u64 ns = (u64)old * factor;

	if (!factor)
		return;

	ns = max_t(u64, ns, READ_ONCE(halt_poll_ns_grow_start));
	vcpu->halt_poll_ns = min_t(u64, ns, limit);
	trace_kvm_halt_poll_ns_grow(vcpu->id, vcpu->halt_poll_ns, old);
}

static void poll_shrink(struct kvm_vcpu *vcpu)
{
	unsigned int divisor = READ_ONCE(halt_poll_ns_shrink), old = vcpu->halt_poll_ns;
	unsigned int ns = divisor ? old / divisor : 0;

	/* Below its start a limit would not come back by multiplication. */
	vcpu->halt_poll_ns = ns < READ_ONCE(halt_poll_ns_grow_start) ? 0 : ns;
	trace_kvm_halt_poll_ns_shrink(vcpu->id, vcpu->halt_poll_ns, old);
}

/* @ns: how long this halt was, polling included; @polled: it ended while polling. */
static void poll_adapt(struct kvm_vcpu *vcpu, u64 ns, bool polled)
{
	unsigned int limit = poll_limit(vcpu->kvm);

	if (!limit)
		vcpu->halt_poll_ns = 0;
	else if (polled && vcpu->valid_wakeup)
		return;
	else if (!vcpu->valid_wakeup)
		poll_shrink(vcpu);
	else if (vcpu->halt_poll_ns && ns > limit)
		poll_shrink(vcpu);
	else if (vcpu->halt_poll_ns < limit && ns < limit)
		poll_grow(vcpu, limit);
}

/*
 * Bucket 0 of a logarithmic histogram is 0, bucket n is 2^(n-1) up to 2^n, the last takes the rest
 * (KVM API 4.133).
 */
static void hist_add(u64 *hist, u64 value)
{
	hist[min_t(int, fls64(value), KVM_STAT_HIST_BUCKETS - 1)]++;
}

/*
 * Is there a reason not to sleep? Also says whether it is work, or only somebody who wants the
 * thread.
 */
static bool must_wake(struct kvm_vcpu *vcpu)
{
	vcpu->valid_wakeup = kvm_arch->vcpu_runnable(vcpu);

	return vcpu->valid_wakeup || signal_pending(current) ||
	       kvm_request_take(vcpu, KVM_REQ_UNBLOCK) ||
	       kvm_request_test(vcpu, KVM_REQ_VM_DEAD);
}

/**
 * kvm_vcpu_block - sleep until there is work, a request, or a signal
 * @vcpu: the vCPU
 *
 * Context: the vCPU's own thread, vCPU loaded; sleeps, so srcu must not be held.
 * Return: whether the vCPU has become runnable; if not, look at signals and requests.
 */
bool kvm_vcpu_block(struct kvm_vcpu *vcpu)
{
	vcpu->stat.blocking = 1;

	preempt_disable();
	if (kvm_arch->vcpu_blocking)
		kvm_arch->vcpu_blocking(vcpu);
	prepare_to_rcuwait(&vcpu->wait);
	preempt_enable();

	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (must_wake(vcpu))
			break;
		schedule();
	}

	preempt_disable();
	finish_rcuwait(&vcpu->wait);
	if (kvm_arch->vcpu_unblocking)
		kvm_arch->vcpu_unblocking(vcpu);
	preempt_enable();

	vcpu->stat.blocking = 0;
	return vcpu->valid_wakeup;
}
EXPORT_SYMBOL_GPL(kvm_vcpu_block);

/*
 * Spin until work comes or @limit ns have gone by, or somebody else could use this CPU. Returns:
 * need not sleep.
 */
static bool poll(struct kvm_vcpu *vcpu, ktime_t start, unsigned int limit)
{
	ktime_t stop = ktime_add_ns(start, limit);

	do {
		if (must_wake(vcpu))
			return true;
		cpu_relax();
	} while (single_task_running() && !need_resched() && ktime_before(ktime_get(), stop));
	return false;
}

static void count_poll(struct kvm_vcpu *vcpu, u64 ns, bool woken)
{
	struct kvm_vcpu_stats *stat = &vcpu->stat;

	stat->halt_attempted_poll++;
	if (woken) {
		stat->halt_successful_poll++;
		stat->halt_poll_success_ns += ns;
		hist_add(stat->halt_poll_success_hist, ns);
		if (!vcpu->valid_wakeup)
			stat->halt_poll_invalid++;
	} else {
		stat->halt_poll_fail_ns += ns;
		hist_add(stat->halt_poll_fail_hist, ns);
	}
}

static void count_wait(struct kvm_vcpu *vcpu, u64 ns)
{
	vcpu->stat.halt_wait_ns += ns;
	hist_add(vcpu->stat.halt_wait_hist, ns);
}

static u64 ns_since(ktime_t start)
{
	return ktime_to_ns(ktime_sub(ktime_get(), start));
}

static bool poll_allowed(struct kvm_vcpu *vcpu)
{
	return !kvm_arch->vcpu_halt_poll_ok || kvm_arch->vcpu_halt_poll_ok(vcpu);
}

/**
 * kvm_vcpu_halt - the guest has halted: poll if that has paid, then sleep
 * @vcpu: the vCPU
 *
 * Context: as kvm_vcpu_block(). Returns for any of its reasons; the caller asks the architecture
 * what to do next.
 */
void kvm_vcpu_halt(struct kvm_vcpu *vcpu)
{
	unsigned int limit = min(vcpu->halt_poll_ns, poll_limit(vcpu->kvm));
	bool allowed = poll_allowed(vcpu), polled = false;
	ktime_t start = ktime_get(), slept;

	if (allowed && limit) {
		polled = poll(vcpu, start, limit);
		count_poll(vcpu, ns_since(start), polled);
	}
	if (!polled) {
		slept = ktime_get();
		kvm_vcpu_block(vcpu);
		count_wait(vcpu, ns_since(slept));
	}

	if (allowed)
		poll_adapt(vcpu, ns_since(start), polled);
	else
		vcpu->halt_poll_ns = 0;
	trace_kvm_vcpu_wakeup(ns_since(start), !polled, vcpu->valid_wakeup);
}
EXPORT_SYMBOL_GPL(kvm_vcpu_halt);
