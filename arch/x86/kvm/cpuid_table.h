/* SPDX-License-Identifier: GPL-2.0-only */
/* What a table of CPUID entries says, for a vCPU or for nobody: see cpuid_table.c. */
#ifndef KVM_X86_CPUID_TABLE_H
#define KVM_X86_CPUID_TABLE_H

#include <kvm/types.h>

struct kvm_cpuid_entry2;

/* What the instruction gives, and where it comes from. */
struct cpuid_answer {
	u32	eax, ebx, ecx, edx;
	bool	found;		/* there is an entry for the leaf itself */
	bool	used_limit;	/* it is the answer for leaves beyond the last */
};

struct kvm_cpuid_entry2 *cpuid_table_find(struct kvm_cpuid_entry2 *e, unsigned int n, u32 function,
					  u32 index);
struct cpuid_answer cpuid_table_read(struct kvm_cpuid_entry2 *e, unsigned int n, bool amd,
				     u32 function, u32 index);
bool cpuid_table_is_amd(struct kvm_cpuid_entry2 *e, unsigned int n);
u32 cpuid_table_pv(struct kvm_cpuid_entry2 *e, unsigned int n, u32 *features);
unsigned int cpuid_table_maxphyaddr(struct kvm_cpuid_entry2 *e, unsigned int n);
bool cpuid_table_valid(struct kvm_cpuid_entry2 *e, unsigned int n);

#endif /* KVM_X86_CPUID_TABLE_H */
