// SPDX-License-Identifier: GPL-2.0-only
/*
 * MSR accesses that user space keeps for itself (KVM API 4.97 and 7.21).
 *
 * KVM_X86_SET_MSR_FILTER takes MSRs away from the guest, range by range, a bit an MSR. What is
 * refused, by the filter or because the register does not exist or does not take the value, is #GP
 * for the guest; or, for the kinds of refusal that KVM_CAP_X86_USER_SPACE_MSR names, an exit: then
 * user space says what the access gives.
 *
 * A filter never changes once it is published, and is read in kvm->srcu sections: an access sees
 * the one before the change or the one after it. MSRs that a backend lets the guest touch without
 * an exit are its own to take back, when KVM_REQ_INTERCEPTS has it look at x86_msr_allowed() anew.
 */
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "msr_filter.h"
#include "x86.h"

#define ACCESSES	(KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE)

struct x86_msr_range {
	u32		access;		/* KVM_MSR_FILTER_READ, _WRITE */
	u32		base;
	u32		n;
	unsigned long	*allowed;	/* bit i: of @base + i */
};

struct x86_msr_filter {
	bool			deny;	/* what no range covers */
	unsigned int		n;
	struct x86_msr_range	ranges[KVM_MSR_FILTER_MAX_RANGES];
};

static bool allows(const struct x86_msr_filter *f, u32 index, u32 access)
{
	unsigned int i;

	for (i = 0; i < f->n; i++) {
		const struct x86_msr_range *r = &f->ranges[i];
		u32 bit = index - r->base;

		if ((r->access & access) && bit < r->n)
			return test_bit(array_index_nospec(bit, r->n), r->allowed);
	}
	return !f->deny;
}

/* x86_msr_allowed(), where there is a filter, or was a moment ago. A srcu section of its own. */
bool x86_msr_filter_allows(struct kvm_vcpu *vcpu, u32 index, u32 access)
{
	const struct x86_msr_filter *f;
	struct kvm *kvm = vcpu->kvm;
	bool allowed = true;
	int idx;

	if (index - APIC_BASE_MSR < 0x100)
		return true;
	idx = srcu_read_lock(&kvm->srcu);
	f = srcu_dereference(to_x86_vm(kvm)->msr_filter, &kvm->srcu);
	if (f)
		allowed = allows(f, index, access);
	srcu_read_unlock(&kvm->srcu, idx);
	return allowed;
}
EXPORT_SYMBOL_GPL(x86_msr_filter_allows);

/*
 * Exits.
 */
static int complete_refused(struct kvm_vcpu *vcpu)
{
	if (!READ_ONCE(vcpu->run->msr.error))
		return x86_insn_skip(vcpu);
	x86_queue_gp(vcpu);
	return EXIT_RESUME;
}

static int complete_refused_read(struct kvm_vcpu *vcpu)
{
	u64 data = READ_ONCE(vcpu->run->msr.data);

	if (!READ_ONCE(vcpu->run->msr.error)) {
		x86_reg_write(vcpu, GPR_RAX, lower_32_bits(data));
		x86_reg_write(vcpu, GPR_RDX, upper_32_bits(data));
	}
	return complete_refused(vcpu);
}

static u32 reason_of(int refusal)
{
	switch (refusal) {
	case X86_MSR_FILTERED:
		return KVM_MSR_EXIT_REASON_FILTER;
	case X86_MSR_UNKNOWN:
		return KVM_MSR_EXIT_REASON_UNKNOWN;
	default:
		return KVM_MSR_EXIT_REASON_INVAL;
	}
}

/**
 * x86_msr_refused - RDMSR or WRMSR exits and cannot be done
 * @vcpu: at the instruction
 * @msr: the register, and what was to be written to it
 * @refusal: X86_MSR_*
 * @write: WRMSR
 *
 * Return: EXIT_TO_USER when user space has asked to be told of such, else EXIT_RESUME with #GP
 * queued.
 */
int x86_msr_refused(struct kvm_vcpu *vcpu, const struct x86_msr *msr, int refusal, bool write)
{
	u32 reason = reason_of(refusal);
	struct kvm_run *run = vcpu->run;

	if (!(READ_ONCE(to_x86_vm(vcpu->kvm)->user_msr_mask) & reason)) {
		x86_queue_gp(vcpu);
		return EXIT_RESUME;
	}
	run->exit_reason = write ? KVM_EXIT_X86_WRMSR : KVM_EXIT_X86_RDMSR;
	run->msr.error = 0;
	memset(run->msr.pad, 0, sizeof(run->msr.pad));
	run->msr.reason = reason;
	run->msr.index = msr->index;
	run->msr.data = write ? msr->data : 0;
	to_x86(vcpu)->complete_user = write ? complete_refused : complete_refused_read;
	return EXIT_TO_USER;
}

/**
 * x86_vm_user_msrs - KVM_CAP_X86_USER_SPACE_MSR is enabled
 * @kvm: the VM
 * @reasons: KVM_MSR_EXIT_REASON_*: the kinds of refusal that user space wants to be told of
 *
 * Return: 0, -EINVAL for a kind that there is not.
 */
int x86_vm_user_msrs(struct kvm *kvm, u64 reasons)
{
	if (reasons & ~(u64)X86_USER_MSR_REASONS)
		return -EINVAL;
	WRITE_ONCE(to_x86_vm(kvm)->user_msr_mask, reasons);
	return 0;
}

/*
 * KVM_X86_SET_MSR_FILTER.
 */
static void free_filter(struct x86_msr_filter *f)
{
	unsigned int i;

	if (!f)
		return;
	for (i = 0; i < f->n; i++)
		kfree(f->ranges[i].allowed);
	kfree(f);
}

static int take_range(struct x86_msr_filter *f, const struct kvm_msr_filter_range *in)
{
	size_t size = BITS_TO_LONGS((size_t)in->nmsrs) * sizeof(long);
	unsigned long *allowed;

	if (!in->nmsrs)
		return 0;
	if (!in->flags || in->flags & ~ACCESSES || size > KVM_MSR_FILTER_MAX_BITMAP_SIZE)
		return -EINVAL;
	allowed = memdup_user((const void __user *)in->bitmap, size);
	if (IS_ERR(allowed))
		return PTR_ERR(allowed);
	f->ranges[f->n++] = (struct x86_msr_range) {
		.access = in->flags, .base = in->base, .n = in->nmsrs, .allowed = allowed,
	};
	return 0;
}

/* NULL: nothing is filtered. */
static struct x86_msr_filter *make_filter(const struct kvm_msr_filter *in)
{
	struct x86_msr_filter *f = kzalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);
	unsigned int i;
	int r = 0;

	if (!f)
		return ERR_PTR(-ENOMEM);
	f->deny = in->flags & KVM_MSR_FILTER_DEFAULT_DENY;
	for (i = 0; !r && i < ARRAY_SIZE(in->ranges); i++)
		r = take_range(f, &in->ranges[i]);
	if (!r && !f->n && f->deny)
		r = -EINVAL;		/* not even the firmware would run */
	if (!r && f->n)
		return f;
	free_filter(f);
	return ERR_PTR(r);		/* of 0: NULL */
}

/**
 * x86_vm_set_msr_filter - KVM_X86_SET_MSR_FILTER (KVM API 4.97)
 * @kvm: the VM; kvm->lock held
 * @arg: struct kvm_msr_filter; bitmaps are read from user memory
 *
 * vCPUs that run see the old filter or the new one.
 * Return: 0; -EINVAL flags, size of a bitmap, or everything denied; -EFAULT, -ENOMEM: the filter
 * stays as it was.
 */
long x86_vm_set_msr_filter(struct kvm *kvm, struct kvm_arg *arg)
{
	const struct kvm_msr_filter *in = arg->data;
	struct x86_vm *vm = to_x86_vm(kvm);
	struct x86_msr_filter *next, *old;

	lockdep_assert_held(&kvm->lock);
	if (in->flags & ~KVM_MSR_FILTER_DEFAULT_DENY)
		return -EINVAL;
	next = make_filter(in);
	if (IS_ERR(next))
		return PTR_ERR(next);

	old = rcu_dereference_protected(vm->msr_filter, lockdep_is_held(&kvm->lock));
	rcu_assign_pointer(vm->msr_filter, next);
	synchronize_srcu_expedited(&kvm->srcu);
	kvm_request_all(kvm, KVM_REQ_INTERCEPTS);
	free_filter(old);
	return 0;
}

/* Nobody has the VM any more. */
void x86_msr_filter_destroy(struct kvm *kvm)
{
	free_filter(rcu_dereference_protected(to_x86_vm(kvm)->msr_filter, true));
}
