/* SPDX-License-Identifier: GPL-2.0-only */
/* Attributes of the system and of a vCPU (attr.c): functions of ioctl rows. */
#ifndef KVM_X86_ATTR_H
#define KVM_X86_ATTR_H

struct kvm_arg;
struct kvm_vcpu;

long x86_sys_has_attr(struct kvm_arg *arg);
long x86_sys_get_attr(struct kvm_arg *arg);
long x86_vcpu_has_attr(struct kvm_vcpu *vcpu, struct kvm_arg *arg);
long x86_vcpu_get_attr(struct kvm_vcpu *vcpu, struct kvm_arg *arg);
long x86_vcpu_set_attr(struct kvm_vcpu *vcpu, struct kvm_arg *arg);

#endif /* KVM_X86_ATTR_H */
