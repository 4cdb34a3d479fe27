/* SPDX-License-Identifier: GPL-2.0-only */
/* What main.c and vm.c of x86 have between them. */
#ifndef KVM_X86_VM_H
#define KVM_X86_VM_H

#include "x86.h"

/* Fill in the core's table for the backend and register it. */
int x86_register_arch(const struct kvm_x86_ops *ops);

/* CR4 bits that the features told by @has allow; for the host's limits and a guest's. */
unsigned long x86_cr4_from_features(bool (*has)(struct kvm_vcpu *vcpu, unsigned int feature),
				    struct kvm_vcpu *vcpu);

/* Rows of the statistics (stats.c). */
extern const struct kvm_stat_table x86_vm_stat_table, x86_vcpu_stat_table;

/* caps.c */
#define X86_MAX_VCPUS		1024
#define X86_MAX_VCPU_IDS	4096
extern const struct kvm_cap_table x86_cap_table;
int x86_vm_enable_cap(struct kvm *kvm, struct kvm_enable_cap *cap);	/* kvm->lock held */
long x86_vcpu_enable_cap(struct kvm_vcpu *vcpu, struct kvm_arg *arg);

/* vcpu.c */
#define X86_MCE_BANKS	32
extern const struct kvm_ioctl_table x86_vcpu_ioctl_table;
int x86_vcpu_precreate(struct kvm *kvm, unsigned int id);
bool x86_vcpu_in_kernel(struct kvm_vcpu *vcpu);
vm_fault_t x86_vcpu_fault(struct kvm_vcpu *vcpu, struct vm_fault *vmf);
void x86_cpu_disable(void);

/* mce.c */
long x86_sys_get_mce_cap(struct kvm_arg *arg);
long x86_vcpu_setup_mce(struct kvm_vcpu *vcpu, struct kvm_arg *arg);
long x86_vcpu_set_mce(struct kvm_vcpu *vcpu, struct kvm_arg *arg);

/* run.c: forget that hardware's debug registers hold a guest's; preemption off. */
void x86_host_debug_restore(struct kvm_vcpu *vcpu);

#endif /* KVM_X86_VM_H */
