// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_S390_MEM_OP: the VMM reads and writes guest storage (KVM API 4.89).
 *
 * Of a vCPU: by logical addresses, with the exceptions that the guest's instruction would have had,
 * told as a positive result or also given to the guest. Of a VM: by absolute addresses. Either may
 * be with a key, and then storage keys are looked at. All of the range is, before any is written.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "s390.h"

#define FLAGS_ABSOLUTE	(KVM_S390_MEMOP_F_CHECK_ONLY | KVM_S390_MEMOP_F_SKEY_PROTECTION)
#define FLAGS_LOGICAL	(FLAGS_ABSOLUTE | KVM_S390_MEMOP_F_INJECT_EXCEPTION)

static bool keyed(const struct kvm_s390_mem_op *op)
{
	return op->flags & KVM_S390_MEMOP_F_SKEY_PROTECTION;
}

static int check(const struct kvm_s390_mem_op *op, u32 read, u32 write, u64 flags)
{
	if (op->op != read && op->op != write)
		return -EINVAL;
	if (op->flags & ~flags || !op->size || (keyed(op) && op->key > 15))
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

/* The bits of a TEID that say that a protection exception was a suppression (PoP 3). */
#define TEID_SUPPRESSED	0x8c

/*
 * By a key behind the first page, when what is before may have been written: the TEID does not say
 * that nothing was (KVM API 4.89).
 */
static void unsuppress(const struct kvm_s390_mem_op *op, struct kvm_s390_pgm_info *pgm)
{
	if (op->op == KVM_S390_MEMOP_LOGICAL_WRITE && keyed(op) &&
	    (pgm->trans_exc_code ^ op->gaddr) & PAGE_MASK)
		pgm->trans_exc_code &= ~(u64)TEID_SUPPRESSED;
}

static long mem_op(struct s390_vcpu *v, const struct kvm_s390_mem_op *op)
{
	const struct s390_access a = {
		.addr = op->gaddr, .ar = op->ar, .write = op->op == KVM_S390_MEMOP_LOGICAL_WRITE,
		.keyed = keyed(op), .key = op->key,
	};
	struct kvm_s390_irq irq = { .type = KVM_S390_PROGRAM_INT };
	long r;

	if (op->flags & KVM_S390_MEMOP_F_CHECK_ONLY)
		r = s390_check_access(v, &a, op->size, &irq.u.pgm);
	else
		r = transfer(v, op, &a, &irq.u.pgm);
	if (r == PGM_PROTECTION)
		unsuppress(op, &irq.u.pgm);
	if (r > 0 && op->flags & KVM_S390_MEMOP_F_INJECT_EXCEPTION)
		s390_inject_local(v, &irq);
	return r;
}

/* The PSW that counts is the one in kvm_run, as the VMM sees it. */
long s390_vcpu_mem_op(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	struct s390_vcpu *v = to_s390(vcpu);
	const struct kvm_s390_mem_op *op = arg->data;
	long ret;
	int idx, r;

	r = check(op, KVM_S390_MEMOP_LOGICAL_READ, KVM_S390_MEMOP_LOGICAL_WRITE, FLAGS_LOGICAL);
	if (!r && op->ar > 15)
		r = -EINVAL;
	if (r)
		return r;
	s390_psw_in(v);
	idx = srcu_read_lock(&vcpu->kvm->srcu);
	ret = mem_op(v, op);
	srcu_read_unlock(&vcpu->kvm->srcu, idx);
	return ret;
}

/*
 * Absolute addresses.
 */

/* May all of the range be accessed? Return: 0, a program-interruption code, -EFAULT. */
static long check_absolute(struct kvm *kvm, const struct kvm_s390_mem_op *op, bool write)
{
	gpa_t at = op->gaddr & PAGE_MASK;
	int r;
	u8 key;

	if (op->gaddr + op->size < op->gaddr)
		return PGM_ADDRESSING;
	for (; at < op->gaddr + op->size; at += PAGE_SIZE) {
		if (!kvm_slot_visible(kvm_slot_find(kvm, gpa_to_gfn(at))))
			return PGM_ADDRESSING;
		if (!keyed(op))
			continue;
		r = s390_key_at(kvm, at, &key);
		if (r)
			return r == -ENOENT ? PGM_ADDRESSING : r;
		if (!s390_key_fits(key, op->key, write))
			return PGM_PROTECTION;
	}
	return 0;
}

static long copy_absolute(struct kvm *kvm, const struct kvm_s390_mem_op *op, bool write)
{
	void __user *user = u64_to_user_ptr(op->buf);
	void *buf = vmalloc(op->size);
	long r = 0;

	if (!buf)
		return -ENOMEM;
	if (write && copy_from_user(buf, user, op->size))
		r = -EFAULT;
	else if (write)
		r = kvm_write_guest(kvm, op->gaddr, buf, op->size);
	else
		r = kvm_read_guest(kvm, op->gaddr, buf, op->size);
	if (r == -ENOENT)
		r = PGM_ADDRESSING;
	if (!r && !write && copy_to_user(user, buf, op->size))
		r = -EFAULT;
	vfree(buf);
	return r;
}

long s390_vm_mem_op(struct kvm *kvm, struct kvm_arg *arg)
{
	const struct kvm_s390_mem_op *op = arg->data;
	bool write = op->op == KVM_S390_MEMOP_ABSOLUTE_WRITE;
	int idx, r;
	long ret;

	r = check(op, KVM_S390_MEMOP_ABSOLUTE_READ, KVM_S390_MEMOP_ABSOLUTE_WRITE, FLAGS_ABSOLUTE);
	if (r)
		return r;
	idx = srcu_read_lock(&kvm->srcu);
	ret = check_absolute(kvm, op, write);
	if (!ret && !(op->flags & KVM_S390_MEMOP_F_CHECK_ONLY))
		ret = copy_absolute(kvm, op, write);
	srcu_read_unlock(&kvm->srcu, idx);
	return ret;
}
