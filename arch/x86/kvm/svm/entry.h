/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What C hands to the assembly of entry.S: one structure, whose offsets both sides know.
 */
#ifndef KVM_SVM_ENTRY_H
#define KVM_SVM_ENTRY_H

#define ENTRY_REGS		0	/* x86_vcpu.regs */
#define ENTRY_VMCB_PA		8
#define ENTRY_HOST_PA		16
#define ENTRY_SPEC_CTRL		24
#define ENTRY_SPEC_CTRL_OPEN	32
#define ENTRY_SHADOW		40

#ifndef __ASSEMBLY__

#include <linux/build_bug.h>
#include <linux/stddef.h>
#include <linux/types.h>

struct svm_entry {
	unsigned long	*regs;
	u64		vmcb_pa;
	u64		host_pa;		/* this CPU's host VMCB */
	u64		spec_ctrl;		/* the guest's SPEC_CTRL, in and out */
	u64		spec_ctrl_open;		/* the guest may have changed it */
	u64		shadow;			/* not 0: the guest is in an interrupt shadow */
};

static_assert(offsetof(struct svm_entry, regs) == ENTRY_REGS);
static_assert(offsetof(struct svm_entry, vmcb_pa) == ENTRY_VMCB_PA);
static_assert(offsetof(struct svm_entry, host_pa) == ENTRY_HOST_PA);
static_assert(offsetof(struct svm_entry, spec_ctrl) == ENTRY_SPEC_CTRL);
static_assert(offsetof(struct svm_entry, spec_ctrl_open) == ENTRY_SPEC_CTRL_OPEN);
static_assert(offsetof(struct svm_entry, shadow) == ENTRY_SHADOW);

/* Run the guest once. Interrupts off, GIF set; on return the same. */
asmlinkage void svm_run_guest(struct svm_entry *entry);

#endif /* __ASSEMBLY__ */

#endif /* KVM_SVM_ENTRY_H */
