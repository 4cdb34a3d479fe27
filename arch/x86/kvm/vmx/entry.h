/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What C hands to the assembly of entry.S: one structure, whose offsets both sides know.
 */
#ifndef KVM_VMX_ENTRY_H
#define KVM_VMX_ENTRY_H

#define ENTRY_REGS		0	/* x86_vcpu.regs */
#define ENTRY_HOST_RSP		8
#define ENTRY_SPEC_CTRL		16
#define ENTRY_SPEC_CTRL_OPEN	24
#define ENTRY_LAUNCHED		32

#ifndef __ASSEMBLY__

#include <linux/build_bug.h>
#include <linux/stddef.h>
#include <linux/types.h>

struct vmx_entry {
	unsigned long	*regs;
	unsigned long	host_rsp;		/* as the VMCS has it */
	u64		spec_ctrl;		/* the guest's SPEC_CTRL, in and out */
	u64		spec_ctrl_open;		/* the guest may have changed it */
	u32		launched;		/* VMRESUME, else VMLAUNCH */
};

static_assert(offsetof(struct vmx_entry, regs) == ENTRY_REGS);
static_assert(offsetof(struct vmx_entry, host_rsp) == ENTRY_HOST_RSP);
static_assert(offsetof(struct vmx_entry, spec_ctrl) == ENTRY_SPEC_CTRL);
static_assert(offsetof(struct vmx_entry, spec_ctrl_open) == ENTRY_SPEC_CTRL_OPEN);
static_assert(offsetof(struct vmx_entry, launched) == ENTRY_LAUNCHED);

/* Run the guest once. Interrupts off. Return: true when the CPU refused VMLAUNCH or VMRESUME. */
asmlinkage bool vmx_run_guest(struct vmx_entry *entry);

/* Where an exit goes: HOST_RIP. */
void vmx_exit_point(void);

/* Hand an NMI that ended the guest to the host's own handler. Interrupts off. */
asmlinkage void vmx_host_nmi(void);
/* The same for an interrupt that the exit has acknowledged. */
asmlinkage void vmx_host_interrupt(unsigned long handler);

#endif /* __ASSEMBLY__ */

#endif /* KVM_VMX_ENTRY_H */
