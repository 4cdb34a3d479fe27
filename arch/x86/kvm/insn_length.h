/* SPDX-License-Identifier: GPL-2.0-only */
/* Remembered lengths of instructions that exit: insn_length.c. */
#ifndef KVM_X86_INSN_LENGTH_H
#define KVM_X86_INSN_LENGTH_H

#include <linux/types.h>

struct kvm_vcpu;

#define INSN_LENGTH_BITS	3
#define INSN_LENGTH_WAYS	2	/* two that hash alike and take turns both stay */

struct insn_length {
	u64			linear;
	u64			cr3;
	u64			generation;	/* of the slots that hva comes from */
	const u64 __user	*hva;
	u64			bytes;		/* the instruction and what follows it */
	u8			len;		/* 0: nothing remembered here */
	u8			mode;
};

unsigned int insn_length_find(struct kvm_vcpu *vcpu, u64 linear, bool wide);
void insn_length_remember(struct kvm_vcpu *vcpu, u64 linear, bool wide, const u8 *bytes,
			  unsigned int len);

#endif /* KVM_X86_INSN_LENGTH_H */
