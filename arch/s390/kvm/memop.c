// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_S390_MEM_OP: the VMM reads and writes guest storage by the guest's own addresses (KVM API
 * 4.89).
 *
 * Of a vCPU: logical addresses, with the exceptions that the guest's instruction would have had,
 * told as a positive result or also given to the guest. Access by storage keys is not offered, and
 * KVM_CAP_S390_MEM_OP_EXTENSION is 0.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "s390.h"

#define FLAGS	(KVM_S390_MEMOP_F_CHECK_ONLY | KVM_S390_MEMOP_F_INJECT_EXCEPTION)

static int check(const struct kvm_s390_mem_op *op)
{
	if (op->op != KVM_S390_MEMOP_LOGICAL_READ && op->op != KVM_S390_MEMOP_LOGICAL_WRITE)
		return -EINVAL;
	if (op->flags & ~FLAGS || op->ar > 15 || !op->size)
		return -EINVAL;
	return op->size > S390_MEM_OP_MAX ? -E2BIG : 0;
}

static long transfer(struct s390_vcpu *v, const struct kvm_s390_mem_op *op,
		     const struct s390_access *a,
		     struct kvm_s390_pgm_info *pgm)
{
	void __user *user = u64_to_user_ptr(op->buf);
	void *buf = vmalloc(op->size);
	long r = 0;

	if (!buf)
		return -ENOMEM;
	if (a->write && copy_from_user(buf, user, op->size))
		r = -EFAULT;
	if (!r)
		r = s390_guest_access(v, a, buf, op->size, pgm);
	if (!r && !a->write && copy_to_user(user, buf, op->size))
		r = -EFAULT;
	vfree(buf);
	return r;
}

static long mem_op(struct s390_vcpu *v, const struct kvm_s390_mem_op *op)
{
	const struct s390_access a = {
		.addr = op->gaddr, .ar = op->ar, .write = op->op == KVM_S390_MEMOP_LOGICAL_WRITE,
	};
	struct kvm_s390_irq irq = { .type = KVM_S390_PROGRAM_INT };
	long r;

	if (op->flags & KVM_S390_MEMOP_F_CHECK_ONLY)
		r = s390_check_access(v, &a, op->size, &irq.u.pgm);
	else
		r = transfer(v, op, &a, &irq.u.pgm);
	if (r > 0 && op->flags & KVM_S390_MEMOP_F_INJECT_EXCEPTION)
		s390_inject_local(v, &irq);
	return r;
}

/* The PSW that counts is the one in kvm_run, as the VMM sees it. */
long s390_vcpu_mem_op(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	struct s390_vcpu *v = to_s390(vcpu);
	int idx, r = check(arg->data);
	long ret;

	if (r)
		return r;
	s390_psw_in(v);
	idx = srcu_read_lock(&vcpu->kvm->srcu);
	ret = mem_op(v, arg->data);
	srcu_read_unlock(&vcpu->kvm->srcu, idx);
	return ret;
}
