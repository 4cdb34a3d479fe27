/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest's CPUID, and which features this KVM can offer at all (cpuid.c).
 *
 * x86_caps[] holds, word by word as in the kernel's cpufeatures.h, what GET_SUPPORTED_CPUID reports: the host's
 * features, cut by a table of what is virtualized here, and changed by the backend in its hardware_setup().
 */
#ifndef KVM_X86_CPUID_H
#define KVM_X86_CPUID_H

#include <asm/cpufeature.h>
#include <kvm/vcpu.h>

struct kvm_cpuid_entry2;
struct kvm_arg;

#define X86_MAX_CPUID_ENTRIES	256

struct x86_cpuid {
	struct kvm_cpuid_entry2	*entries;	/* as set by user space, fixed up at run time (OSXSAVE, APIC, ...) */
	unsigned int		n;
	u32			pv_features;	/* leaf KVM_CPUID_FEATURES, 0 without the signature leaf */
	u32			pv_base;	/* the leaf of the signature, 0x40000000 usually; 0: none */
	u32			words[NCAPINTS];	/* the guest's features, for x86_guest_has() */
	bool			amd;		/* vendor string is AuthenticAMD or HygonGenuine */
	u64			xcr0_allowed;	/* bits of XCR0 that leaf 0xd gives the guest and the host has */
};

extern u32 x86_caps[NCAPINTS];

/* Does this KVM offer @feature (X86_FEATURE_*, of the kernel's words)? */
static inline bool x86_can(unsigned int feature)
{
	return x86_caps[feature / 32] & BIT(feature % 32);
}
static inline void x86_cap_set(unsigned int feature)
{
	x86_caps[feature / 32] |= BIT(feature % 32);
}
static inline void x86_cap_clear(unsigned int feature)
{
	x86_caps[feature / 32] &= ~BIT(feature % 32);
}

/* Does the guest's CPUID have @feature? */
#define x86_guest_has(vcpu, feature)	\
	(!!(to_x86(vcpu)->cpuid.words[(feature) / 32] & BIT((feature) % 32)))

void x86_cpuid_module_init(void);	/* before the backend's hardware_setup */
void x86_cpuid_free(struct kvm_vcpu *vcpu);
/* CPUID as the guest executes it, with the rules for absent leaves. */
void x86_cpuid_query(struct kvm_vcpu *vcpu, u32 *eax, u32 *ebx, u32 *ecx, u32 *edx);
struct kvm_cpuid_entry2 *x86_cpuid_find(struct kvm_vcpu *vcpu, u32 function, u32 index);
/* CR4.OSXSAVE, CR4.PKE, XCR0, the APIC base or MISC_ENABLE changed: bits of the table that mirror them follow. */
void x86_cpuid_runtime_update(struct kvm_vcpu *vcpu);

long x86_sys_get_supported_cpuid(struct kvm_arg *arg);
long x86_sys_get_emulated_cpuid(struct kvm_arg *arg);
long x86_vcpu_set_cpuid2(struct kvm_vcpu *vcpu, struct kvm_arg *arg);
long x86_vcpu_get_cpuid2(struct kvm_vcpu *vcpu, struct kvm_arg *arg);
long x86_vcpu_set_cpuid(struct kvm_vcpu *vcpu, struct kvm_arg *arg);

#endif /* KVM_X86_CPUID_H */
