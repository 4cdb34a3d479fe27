// SPDX-License-Identifier: GPL-2.0-only
/*
 * Directed yield: a guest that spins for a lock gives its CPU to the vCPU that may hold it.
 *
 * The hardware says that a vCPU spins (PAUSE loops), never for whom. The best guess is a vCPU that
 * lost its CPU while it ran, or was just woken and has not run yet: those are marked vcpu->ready.
 * Another that spins as well is the worst choice and comes last. The search goes round, on from
 * whom it helped last, so that no vCPU is starved by its neighbour. All that is read here is a hint
 * and may be stale by the time it is used: a wrong guess costs time only.
 */
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/sched/task.h>

#include "core.h"

/* How many yields may fail before the search gives up: each takes two run queues' locks. */
#define MAX_FAILED_YIELDS	3

static struct task_struct *vcpu_task(struct kvm_vcpu *vcpu)
{
	struct task_struct *task;

	rcu_read_lock();
	task = get_pid_task(rcu_dereference(vcpu->pid), PIDTYPE_PID);
	rcu_read_unlock();
	return task;
}

/*
 * > 0: done; 0: not possible with this target; < 0: with none, our own queue has nobody to make
 * room for.
 */
static int yield_to_vcpu(struct kvm_vcpu *target)
{
	struct task_struct *task = vcpu_task(target);
	int r;

	if (!task)
		return 0;
	r = yield_to(task, true);
	put_task_struct(task);
	return r;
}

/**
 * kvm_vcpu_yield_to - let @target's thread run instead of this one
 * @target: the vCPU to run
 *
 * Context: a vCPU's thread; may schedule.
 * Return: whether that was possible.
 */
bool kvm_vcpu_yield_to(struct kvm_vcpu *target)
{
	return yield_to_vcpu(target) > 0;
}
EXPORT_SYMBOL_GPL(kvm_vcpu_yield_to);

/* Could @vcpu use a CPU, and does it lack one? */
static bool can_use_cpu(struct kvm_vcpu *vcpu)
{
	if (!READ_ONCE(vcpu->ready))
		return false;
	return !rcuwait_active(&vcpu->wait) || kvm_arch->vcpu_wanted(vcpu);
}

/* A vCPU preempted in user mode holds none of the kernel's locks. */
static bool is_candidate(struct kvm_vcpu *me, struct kvm_vcpu *vcpu, bool in_kernel_only)
{
	if (vcpu == me || !can_use_cpu(vcpu))
		return false;
	return !in_kernel_only || !READ_ONCE(vcpu->preempted) || kvm_arch->vcpu_in_kernel(vcpu);
}

/*
 * One round over all others. Returns whether the search is over, by success or because it is
 * hopeless.
 */
static bool yield_round(struct kvm_vcpu *me, bool in_kernel_only, bool spinners, int *tries)
{
	struct kvm *kvm = me->kvm;
	unsigned int n = kvm_online_vcpus(kvm), from = READ_ONCE(kvm->last_boosted), i;
	struct kvm_vcpu *vcpu;
	int r;

	for (i = 1; i <= n; i++) {
		vcpu = kvm_vcpu_at(kvm, (from + i) % n);
		if (READ_ONCE(vcpu->spinning) != spinners ||
		    !is_candidate(me, vcpu, in_kernel_only))
			continue;
		r = yield_to_vcpu(vcpu);
		if (r > 0)
			WRITE_ONCE(kvm->last_boosted, vcpu->index);
		if (r || !--*tries)
			return true;
	}
	return false;
}

/**
 * kvm_vcpu_on_spin - @me burns its time waiting for another vCPU
 * @me: the vCPU that spins
 * @in_kernel_only: the guest spins in its kernel, so the other one was stopped there too
 *
 * Context: @me's own thread, vCPU loaded; may schedule.
 */
void kvm_vcpu_on_spin(struct kvm_vcpu *me, bool in_kernel_only)
{
	int tries = MAX_FAILED_YIELDS;

	WRITE_ONCE(me->spinning, true);
	if (!yield_round(me, in_kernel_only, false, &tries))
		yield_round(me, in_kernel_only, true, &tries);
	WRITE_ONCE(me->spinning, false);
}
EXPORT_SYMBOL_GPL(kvm_vcpu_on_spin);
