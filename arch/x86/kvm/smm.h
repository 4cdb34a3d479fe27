/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * System management mode (smm.c), as the rest of x86 sees it.
 */
#ifndef KVM_X86_SMM_H
#define KVM_X86_SMM_H

#include "x86.h"

/* An SMI from KVM_SMI or a message of an APIC; any context. */
void smm_send_smi(struct kvm_vcpu *vcpu);
long smm_vcpu_smi(struct kvm_vcpu *vcpu, struct kvm_arg *arg);	/* KVM_SMI */

/*
 * KVM_REQ_SMI was made, and taken: an SMI is pending; and the same if it was made. The vCPU's own
 * thread, as all that follows.
 */
void smm_smi_came(struct kvm_vcpu *vcpu);
void smm_collect(struct kvm_vcpu *vcpu);

/* Has an SMI come that can be taken, as soon as no other event is on its way? */
static inline bool smm_smi_waits(struct kvm_vcpu *vcpu)
{
	const struct x86_events *e = &to_x86(vcpu)->events;

	return (e->smi_pending || kvm_request_test(vcpu, KVM_REQ_SMI)) && !e->in_smm;
}

int smm_take_smi(struct kvm_vcpu *vcpu, bool *immediate_exit);

/* Reset, or INIT after a shutdown: out of SMM. The registers are the caller's to set. */
void smm_reset(struct kvm_vcpu *vcpu);

/* The part of KVM_GET/SET_VCPU_EVENTS. */
void smm_get_events(struct kvm_vcpu *vcpu, struct kvm_vcpu_events *out);
bool smm_events_valid(struct kvm_vcpu *vcpu, const struct kvm_vcpu_events *in);
void smm_set_events(struct kvm_vcpu *vcpu, const struct kvm_vcpu_events *in);

#endif /* KVM_X86_SMM_H */
