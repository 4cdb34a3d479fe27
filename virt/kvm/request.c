// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests and kicks: how one thread makes a vCPU notice something.
 *
 * Two sides, four steps, in opposite order. Who asks sets the request bit, then looks at
 * vcpu->mode. The vCPU sets its mode to VCPU_IN_GUEST, then (a full barrier, interrupts off from
 * here to the entry) looks at its requests. So either the vCPU finds the bit and does not enter, or
 * the asker finds VCPU_IN_GUEST and sends an interrupt, which ends the guest's turn or waits,
 * pending, until the entry and ends it at once. No request is ever missed. (An architecture that
 * enters with interrupts on has another way to keep its vCPU from the entry, or to end its turn:
 * vcpu_bar, asked before the interrupt is sent.)
 *
 * VCPU_EXITING is written by whoever sends the interrupt, so that a second asker need not send
 * another. It waits all the same when its request says KVM_REQ_WAIT: the first one's interrupt may
 * still be on its way. Waiting means that the call function interrupt has been taken, that is, that
 * the vCPU is not in the guest, and not in a section that it marked VCPU_READING_TABLES, with
 * interrupts off.
 */
#include <linux/cpumask.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/smp.h>

#include "core.h"

/*
 * Too large for the stack where there may be thousands of CPUs; used with preemption off, in
 * process context.
 */
static DEFINE_PER_CPU(cpumask_var_t, targets);

int kvm_request_init(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		if (!zalloc_cpumask_var_node(&per_cpu(targets, cpu), GFP_KERNEL,
					     cpu_to_node(cpu))) {
			kvm_request_exit();
			return -ENOMEM;
		}
	}
	return 0;
}

void kvm_request_exit(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		free_cpumask_var(per_cpu(targets, cpu));
#ifdef CONFIG_CPUMASK_OFFSTACK
		per_cpu(targets, cpu) = NULL;
#endif
	}
}

/* Tell a vCPU in the guest that it is to leave; returns where it was. A full barrier. */
static int mark_exiting(struct kvm_vcpu *vcpu)
{
	int mode = cmpxchg(&vcpu->mode, VCPU_IN_GUEST, VCPU_EXITING);

	if (mode == VCPU_IN_GUEST && kvm_arch->vcpu_bar)
		kvm_arch->vcpu_bar(vcpu);
	return mode;
}

/* Must the maker of @req interrupt @vcpu, given where it is? */
static bool needs_interrupt(struct kvm_vcpu *vcpu, unsigned int req)
{
	int mode = mark_exiting(vcpu);

	return req & KVM_REQ_WAIT ? mode != VCPU_OUTSIDE : mode == VCPU_IN_GUEST;
}

/* The interrupt itself is the message; once it has been taken, the guest has been left. */
static void nothing(void *data)
{
}

static bool interrupt_all(const struct cpumask *mask, bool wait)
{
	if (cpumask_empty(mask))
		return false;

	smp_call_function_many(mask, nothing, NULL, wait);
	return true;
}

/**
 * kvm_request_all - make a request of every vCPU
 * @kvm: the VM
 * @req: KVM_REQ_*, with its flags
 *
 * Context: process context, interrupts on; may hold spinlocks. With KVM_REQ_WAIT no vCPU is in the
 * guest, with what it knew before the request, when this returns.
 * Return: whether any vCPU had to be interrupted.
 */
bool kvm_request_all(struct kvm *kvm, unsigned int req)
{
	struct kvm_vcpu *vcpu;
	struct cpumask *mask;
	unsigned long i;
	int me, cpu;
	bool sent;

	me = get_cpu();
	mask = this_cpu_cpumask_var_ptr(targets);
	cpumask_clear(mask);

	kvm_for_each_vcpu(i, vcpu, kvm) {
		kvm_request(vcpu, req);
		if (!(req & KVM_REQ_NO_WAKE) && kvm_vcpu_wake_up(vcpu))
			continue;
		if (!needs_interrupt(vcpu, req))
			continue;
		/*
		 * Stable while the vCPU is in the guest; if it has left since, an interrupt too
		 * many does no harm.
		 */
		cpu = READ_ONCE(vcpu->cpu);
		if (cpu >= 0 && cpu != me)
			__cpumask_set_cpu(cpu, mask);
	}

	sent = interrupt_all(mask, req & KVM_REQ_WAIT);
	put_cpu();
	return sent;
}
EXPORT_SYMBOL_GPL(kvm_request_all);

/*
 * The architecture may know a way that spares the exits (a hypervisor below us that flushes on
 * request).
 */
void kvm_flush_remote_tlbs(struct kvm *kvm)
{
	kvm->stat.remote_tlb_flush_requests++;

	if (kvm_arch->flush_remote_tlbs && !kvm_arch->flush_remote_tlbs(kvm))
		kvm->stat.remote_tlb_flush++;
	else if (kvm_request_all(kvm, KVM_REQ_TLB_FLUSH))
		kvm->stat.remote_tlb_flush++;
}
EXPORT_SYMBOL_GPL(kvm_flush_remote_tlbs);

/**
 * kvm_vcpu_wake_up - end a vCPU's sleep in kvm_vcpu_block()
 * @vcpu: the vCPU
 *
 * Context: any.
 * Return: whether it slept. What the caller wrote before is seen by the vCPU when it asks whether
 * to sleep on.
 */
bool kvm_vcpu_wake_up(struct kvm_vcpu *vcpu)
{
	if (!rcuwait_wake_up(&vcpu->wait))
		return false;

	WRITE_ONCE(vcpu->ready, true);
	vcpu->stat.halt_wakeup++;
	return true;
}
EXPORT_SYMBOL_GPL(kvm_vcpu_wake_up);

/*
 * A vCPU that its own thread kicks, from an interrupt, has left the guest by that: its mode says
 * the rest.
 */
void kvm_vcpu_kick(struct kvm_vcpu *vcpu)
{
	int me, cpu;

	if (kvm_vcpu_wake_up(vcpu))
		return;

	me = get_cpu();
	if (mark_exiting(vcpu) == VCPU_IN_GUEST) {
		cpu = READ_ONCE(vcpu->cpu);
		if (cpu != me && cpu >= 0 && cpu_online(cpu) && kvm_arch->vcpu_interrupt)
			kvm_arch->vcpu_interrupt(vcpu, cpu);
	}
	put_cpu();
}
EXPORT_SYMBOL_GPL(kvm_vcpu_kick);
