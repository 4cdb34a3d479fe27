// SPDX-License-Identifier: GPL-2.0-only
/*
 * Help for a VMM that patches a guest's TPR accesses (KVM_SET_VAPIC_ADDR,
 * KVM_TPR_ACCESS_REPORTING).
 *
 * Old 32-bit Windows writes the TPR at every change of its interrupt level. The VMM is told of each
 * access, patches the instruction into a call of its own code, and that code keeps the TPR in a
 * word of guest memory, which we read after an exit and write before an entry: TPR, highest vector
 * in service, highest requested, a byte each (bits 7:0, 15:8, 31:24).
 */
#include <kvm/guest_access.h>
#include "lapic.h"

void vapic_before_entry(struct kvm_vcpu *vcpu)
{
	struct x86_vcpu *v = to_x86(vcpu);
	struct lapic *a = v->lapic;
	int isr, irr;
	u32 word;

	if (!v->vapic.active)
		return;
	isr = max(lapic_highest_isr(a), 0);
	irr = max(lapic_highest_irr(a), 0);
	word = (lapic_reg(a, APIC_TASKPRI) & 0xff) | (isr & 0xf0) << 8 | irr << 24;
	/* The guest may have taken the page away: then it goes without. */
	if (kvm_write_guest_cached(vcpu->kvm, &v->vapic.page, 0, &word, sizeof(word)))
		v->vapic.active = false;
}

void vapic_after_exit(struct kvm_vcpu *vcpu)
{
	struct x86_vcpu *v = to_x86(vcpu);
	u32 word;

	if (kvm_read_guest_cached(vcpu->kvm, &v->vapic.page, 0, &word, sizeof(word)))
		return;
	lapic_write_tpr(v->lapic, word & 0xff);
}

void vapic_tpr_accessed(struct kvm_vcpu *vcpu, bool write)
{
	if (!to_x86(vcpu)->vapic.report_tpr)
		return;
	vcpu->run->tpr_access.rip = x86_rip(vcpu);
	vcpu->run->tpr_access.is_write = write;
	kvm_request(vcpu, KVM_REQ_REPORT_TPR);
}

/**
 * vapic_vcpu_set_addr - KVM_SET_VAPIC_ADDR: the word of guest memory, 0 for none
 * @vcpu: loaded
 * @arg: struct kvm_vapic_addr
 *
 * Return: 0, -EINVAL without a LAPIC here or without memory there; then the old word stays.
 */
long vapic_vcpu_set_addr(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	const struct kvm_vapic_addr *addr = arg->data;
	struct x86_vcpu *v = to_x86(vcpu);
	struct kvm_gpa_cache page;
	int r = 0;

	if (!v->lapic)
		return -EINVAL;
	if (!addr->vapic_addr) {
		v->vapic.active = false;
		return 0;
	}
	kvm_vcpu_srcu_lock(vcpu);
	if (kvm_gpa_cache_init(vcpu->kvm, &page, addr->vapic_addr, sizeof(u32)))
		r = -EINVAL;
	kvm_vcpu_srcu_unlock(vcpu);
	if (!r) {
		v->vapic.page = page;
		v->vapic.active = true;
		kvm_request(vcpu, KVM_REQ_EVENT);	/* which writes it */
	}
	return r;
}

/* KVM_TPR_ACCESS_REPORTING: -EINVAL for flags. */
long vapic_vcpu_report_tpr(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	const struct kvm_tpr_access_ctl *ctl = arg->data;

	if (ctl->flags)
		return -EINVAL;
	to_x86(vcpu)->vapic.report_tpr = ctl->enabled;
	if (to_lapic(vcpu))
		lapic_place_changed(to_lapic(vcpu));
	return 0;
}
