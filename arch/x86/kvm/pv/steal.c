// SPDX-License-Identifier: GPL-2.0-only
/*
 * Steal time: how long the vCPU was ready and did not run; and whether it is running now.
 *
 * The guest gives us a struct kvm_steal_time in its memory. When the vCPU is put away we set
 * "preempted" there; another vCPU that wants its TLB flushed may then set KVM_VCPU_FLUSH_TLB in the
 * same byte, by an atomic operation that expects "preempted", instead of sending an IPI. So the
 * byte is taken back by an atomic exchange, before the next entry, and the flush done if it was
 * asked for.
 *
 * Such a flush comes late, at the next entry. So "preempted" is said only between two instructions
 * of the guest: an instruction that is being emulated may have translated an address and not yet
 * used it, and would use it after the other vCPU believes it forgotten.
 */
#include <linux/sched.h>
#include <linux/uaccess.h>
#include "../x86.h"

/* May the cache's pointers be used directly? srcu held. */
static bool page_current(struct kvm *kvm, const struct kvm_gpa_cache *page)
{
	u64 generation = kvm_slots_generation(kvm, 0);

	return page->slot && !(page->slot->flags & KVM_MEM_READONLY) &&
	       page->generation == generation && !(generation & KVM_SLOTS_CHANGING);
}

static u8 __user *preempted_byte(struct x86_pv *pv)
{
	return (u8 __user *)(pv->steal.page.hva + offsetof(struct kvm_steal_time, preempted));
}

/**
 * pv_steal_msr_set - write MSR_KVM_STEAL_TIME
 * @vcpu: loaded, srcu held
 * @data: address, 64-byte aligned, with bit 0 as the switch
 *
 * Return: 0, or 1 for #GP.
 */
int pv_steal_msr_set(struct kvm_vcpu *vcpu, u64 data)
{
	struct x86_pv *pv = &to_x86(vcpu)->pv;

	if (data & KVM_STEAL_RESERVED_MASK)
		return 1;
	pv->steal.msr = data;
	pv->steal.usable = false;
	if (!(data & KVM_MSR_ENABLED))
		return 0;
	pv->steal.usable = !kvm_gpa_cache_init(vcpu->kvm, &pv->steal.page,
					       data & KVM_STEAL_VALID_BITS,
					       sizeof(struct kvm_steal_time));
	pv->steal.thread = NULL;
	kvm_request(vcpu, KVM_REQ_STEAL_UPDATE);
	return 0;
}

/* Set the byte to 0 and say what it was. */
static int take_preempted(struct x86_pv *pv, u8 *old)
{
	u8 __user *byte = preempted_byte(pv);
	int r;

	if (get_user(*old, byte))
		return -EFAULT;
	do {
		r = __try_cmpxchg_user(byte, old, (u8)0, fault);
	} while (r > 0);
	return r;
}

/* Version odd, time, version even. After an error the version may be odd: write again. */
static int write_steal(struct kvm_vcpu *vcpu, struct kvm_steal_time *st)
{
	struct kvm_gpa_cache *page = &to_x86(vcpu)->pv.steal.page;
	const unsigned int version_at = offsetof(struct kvm_steal_time, version);
	struct kvm *kvm = vcpu->kvm;
	int r;

	st->version = (st->version | 1) + 2;
	r = kvm_write_guest_cached(kvm, page, version_at, &st->version, sizeof(st->version));
	if (r)
		return r;
	smp_wmb();
	r = kvm_write_guest_cached(kvm, page, 0, &st->steal, sizeof(st->steal));
	if (r)
		return r;
	smp_wmb();
	st->version++;
	return kvm_write_guest_cached(kvm, page, version_at, &st->version, sizeof(st->version));
}

/**
 * pv_steal_update - KVM_REQ_STEAL_UPDATE: report, and take "preempted" back
 * @vcpu: in its own thread, srcu held; may sleep
 *
 * A thread's delay says nothing of another's: if the VMM has the vCPU run by a new one, its time
 * counts from then on.
 *
 * Return: 0, or -EFAULT when the VMM's memory is not there: the request is made again, for the next
 * KVM_RUN.
 */
int pv_steal_update(struct kvm_vcpu *vcpu)
{
	struct x86_pv *pv = &to_x86(vcpu)->pv;
	struct kvm_steal_time st;
	u64 delay;
	u8 old;
	int r;

	if (!pv->steal.usable)
		return 0;
	r = kvm_read_guest_cached(vcpu->kvm, &pv->steal.page, 0, &st, sizeof(st));
	if (r)
		goto out;
	if (pv->steal.page.slot->flags & KVM_MEM_READONLY)
		return 0;
	/* Slots are changing: at the next try, outside this read section, they have changed. */
	r = page_current(vcpu->kvm, &pv->steal.page) ? take_preempted(pv, &old) : -EAGAIN;
	if (r)
		goto out;
	pv->steal.preempted_set = false;
	if (old & KVM_VCPU_FLUSH_TLB)
		kvm_request(vcpu, KVM_REQ_TLB_FLUSH_GUEST);

	delay = current->sched_info.run_delay;
	if (pv->steal.thread == current && delay >= pv->steal.last)
		st.steal += delay - pv->steal.last;
	r = write_steal(vcpu, &st);
	if (!r) {
		pv->steal.last = delay;
		pv->steal.thread = current;
	}
out:
	/*
	 * Not without it: others that take this vCPU for preempted would leave their flushes in a
	 * byte that nobody looks at.
	 */
	if (r == -EFAULT || r == -EAGAIN)
		kvm_request(vcpu, KVM_REQ_STEAL_UPDATE);
	return r == -EFAULT ? r : 0;
}

/* Whether nothing of the guest's translations is in use; counted either way. */
static bool may_be_flushed(struct x86_vcpu *v)
{
	if (v->between_insns)
		v->stat.preemption_reported++;
	else
		v->stat.preemption_other++;
	return v->between_insns;
}

static void set_preempted(struct kvm_vcpu *vcpu)
{
	struct x86_pv *pv = &to_x86(vcpu)->pv;
	struct kvm_gpa_cache *page = &pv->steal.page;
	struct kvm *kvm = vcpu->kvm;
	u8 val = KVM_VCPU_PREEMPTED;
	int idx;

	idx = srcu_read_lock(&kvm->srcu);
	if (page_current(kvm, page) &&
	    !copy_to_user_nofault(preempted_byte(pv), &val, sizeof(val))) {
		pv->steal.preempted_set = true;
		kvm_mark_dirty(kvm, page->slot, gpa_to_gfn(page->gpa));
	}
	srcu_read_unlock(&kvm->srcu, idx);
}

/**
 * pv_steal_put - the vCPU is put away: it does not run, tell the others
 * @vcpu: being put away
 *
 * Context: preemption off, so nothing may fault: a page that is not there is left alone. Then
 * nobody takes this vCPU for preempted, and they send their IPIs.
 */
void pv_steal_put(struct kvm_vcpu *vcpu)
{
	struct x86_pv *pv = &to_x86(vcpu)->pv;

	if (may_be_flushed(to_x86(vcpu)) && pv->steal.usable && !pv->steal.preempted_set &&
	    current->mm == vcpu->kvm->mm)
		set_preempted(vcpu);
}
