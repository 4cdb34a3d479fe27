// SPDX-License-Identifier: GPL-2.0-only
/*
 * The interrupts that wait for one CPU, all at once, for a VMM that moves the guest (KVM API 4.94,
 * 4.95).
 *
 * Each is told as the struct kvm_s390_irq that made it pending; one of each sender for emergency
 * signals. What is set must find nothing pending, and becomes so as a whole or not at all.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "s390.h"

/* Kinds other than emergency signals, and those. */
#define MAX_LOCAL	(IRQ_STOP + S390_MAX_VCPUS)
/* What user space may hand in: KVM API 4.95 */
#define MAX_BYTES	((S390_MAX_VCPUS + 32) * sizeof(struct kvm_s390_irq))

static void add_emergencies(const struct s390_vcpu *v, struct kvm_s390_irq **next)
{
	unsigned int from;

	for_each_set_bit(from, v->irq.emergency, S390_MAX_VCPUS) {
		(*next)->type = KVM_S390_INT_EMERGENCY;
		(*next)->u.emerg.code = from;
		(*next)++;
	}
}

/* One kind that is pending; irq.lock held. */
static void tell(const struct s390_vcpu *v, enum s390_irq kind, struct kvm_s390_irq *irq)
{
	static const u32 types[] = {
		[IRQ_PROG]	 = KVM_S390_PROGRAM_INT,
		[IRQ_MCHK]	 = KVM_S390_MCHK,
		[IRQ_EXT_CALL]	 = KVM_S390_INT_EXTERNAL_CALL,
		[IRQ_CLOCK_COMP] = KVM_S390_INT_CLOCK_COMP,
		[IRQ_CPU_TIMER]	 = KVM_S390_INT_CPU_TIMER,
		[IRQ_RESTART]	 = KVM_S390_RESTART,
		[IRQ_SET_PREFIX] = KVM_S390_SIGP_SET_PREFIX,
		[IRQ_PFAULT_INIT] = KVM_S390_INT_PFAULT_INIT,
		[IRQ_STOP]	 = KVM_S390_SIGP_STOP,
	};

	irq->type = types[kind];
	if (kind == IRQ_PROG)
		irq->u.pgm = v->irq.pgm;
	else if (kind == IRQ_MCHK)
		irq->u.mchk = v->irq.mchk;
	else if (kind == IRQ_EXT_CALL)
		irq->u.extcall.code = v->irq.ext_call_from;
	else if (kind == IRQ_SET_PREFIX)
		irq->u.prefix.address = v->irq.new_prefix;
	else if (kind == IRQ_PFAULT_INIT)
		irq->u.ext.ext_params2 = v->irq.pfault_token;
	else if (kind == IRQ_STOP && v->irq.stop_store)
		irq->u.stop.flags = KVM_S390_STOP_FLAG_STORE_STATUS;
}

/* Room for MAX_LOCAL at @irqs. Return: how many. */
static unsigned int collect(struct s390_vcpu *v, struct kvm_s390_irq *irqs)
{
	struct kvm_s390_irq *next = irqs;
	unsigned int kind;

	spin_lock(&v->irq.lock);
	for_each_set_bit(kind, &v->irq.pending, IRQ_STOP + 1) {
		if (kind == IRQ_EMERGENCY)
			add_emergencies(v, &next);
		else
			tell(v, kind, next++);
	}
	spin_unlock(&v->irq.lock);
	return next - irqs;
}

long s390_get_irq_state(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	const struct kvm_s390_irq_state *state = arg->data;
	struct kvm_s390_irq *irqs;
	size_t size;
	long r;

	if (!state->len)
		return -EINVAL;
	irqs = kvcalloc(MAX_LOCAL, sizeof(*irqs), GFP_KERNEL_ACCOUNT);
	if (!irqs)
		return -ENOMEM;
	size = collect(to_s390(vcpu), irqs) * sizeof(*irqs);
	r = size;
	if (size > state->len)
		r = -ENOBUFS;
	else if (copy_to_user(u64_to_user_ptr(state->buf), irqs, size))
		r = -EFAULT;
	kvfree(irqs);
	return r;
}

long s390_set_irq_state(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	const struct kvm_s390_irq_state *state = arg->data;
	struct kvm_s390_irq *irqs;
	int r;

	if (!state->len || state->len > MAX_BYTES || state->len % sizeof(*irqs))
		return -EINVAL;
	irqs = vmemdup_user(u64_to_user_ptr(state->buf), state->len);
	if (IS_ERR(irqs))
		return PTR_ERR(irqs);
	r = s390_inject_state(to_s390(vcpu), irqs, state->len / sizeof(*irqs));
	kvfree(irqs);
	return r;
}
