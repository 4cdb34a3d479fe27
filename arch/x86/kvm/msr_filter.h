/* SPDX-License-Identifier: GPL-2.0-only */
/* MSRs that user space takes away from the guest, or answers itself (msr_filter.c). */
#ifndef KVM_X86_MSR_FILTER_H
#define KVM_X86_MSR_FILTER_H

#include "x86.h"

/* Beside the outcomes of x86_msr_get(): user space's filter refuses the access. */
#define X86_MSR_FILTERED	3

/* What KVM_CAP_X86_USER_SPACE_MSR may ask for. */
#define X86_USER_MSR_REASONS	(KVM_MSR_EXIT_REASON_INVAL | KVM_MSR_EXIT_REASON_UNKNOWN | \
				 KVM_MSR_EXIT_REASON_FILTER)

bool x86_msr_filter_allows(struct kvm_vcpu *vcpu, u32 index, u32 access);

/**
 * x86_msr_allowed - does user space let the guest at an MSR?
 * @vcpu: any of the VM
 * @index: number of the MSR; those of the x2APIC are never filtered
 * @access: KVM_MSR_FILTER_READ or KVM_MSR_FILTER_WRITE
 *
 * Context: process context.
 */
static inline bool x86_msr_allowed(struct kvm_vcpu *vcpu, u32 index, u32 access)
{
	return likely(!rcu_access_pointer(to_x86_vm(vcpu->kvm)->msr_filter)) ||
	       x86_msr_filter_allows(vcpu, index, access);
}

int x86_msr_refused(struct kvm_vcpu *vcpu, const struct x86_msr *msr, int refusal, bool write);
int x86_vm_user_msrs(struct kvm *kvm, u64 reasons);
long x86_vm_set_msr_filter(struct kvm *kvm, struct kvm_arg *arg);
void x86_msr_filter_destroy(struct kvm *kvm);

#endif /* KVM_X86_MSR_FILTER_H */
