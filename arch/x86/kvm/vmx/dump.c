// SPDX-License-Identifier: GPL-2.0-only
/*
 * A refused VM entry in words, with what the processor may have taken exception to: for whoever
 * writes a VMM, by the parameter dump_invalid_vmcs. The VMM gets the number in any case.
 */
#define pr_fmt(fmt) "kvm_intel: " fmt

#include <linux/module.h>
#include <linux/ratelimit.h>
#include "vmx.h"

static bool dump_invalid_vmcs;
module_param(dump_invalid_vmcs, bool, 0644);
MODULE_PARM_DESC(dump_invalid_vmcs, "log what was in a VMCS that the processor would not enter");

/* VMLAUNCH or VMRESUME failed (SDM vol 3, 31.4). Those that the two can give. */
static const char * const refused[] = {
	[4]	= "VMLAUNCH with a VMCS that is not clear",
	[5]	= "VMRESUME with a VMCS that has not been launched",
	[6]	= "VMRESUME after VMXOFF",
	[7]	= "invalid control fields",
	[8]	= "invalid host-state fields",
	[16]	= "invalid executive-VMCS pointer",
	[17]	= "the executive VMCS has not been launched",
	[18]	= "the executive-VMCS pointer is not that of VMXON",
	[25]	= "invalid controls in the executive VMCS",
	[26]	= "events blocked by MOV SS",
};

/* The entry began and failed: the basic exit reason (27.8). */
static const char *failed(u16 reason)
{
	switch (reason) {
	case EXIT_REASON_INVALID_STATE:
		return "invalid guest state";
	case EXIT_REASON_MSR_LOAD_FAIL:
		return "an MSR could not be loaded";
	case EXIT_REASON_MCE_DURING_VMENTRY:
		return "a machine check";
	default:
		return "a reason without a name";
	}
}

static const char *in_words(const struct vcpu_vmx *vmx, u32 why)
{
	if (!vmx->refused)
		return failed(why);
	return why < ARRAY_SIZE(refused) && refused[why] ? refused[why] : "an error without a name";
}

static void dump_segments(void)
{
	static const char names[][5] = { "ES", "CS", "SS", "DS", "FS", "GS", "LDTR", "TR" };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		pr_warn("  %-4s %04x base %016lx limit %08x rights %05x\n", names[i],
			vmcs_read16_at(GUEST_ES_SELECTOR, i), vmcs_readn_at(GUEST_ES_BASE, i),
			vmcs_read32_at(GUEST_ES_LIMIT, i), vmcs_read32_at(GUEST_ES_AR_BYTES, i));
	pr_warn("  GDT base %016lx limit %08x, IDT base %016lx limit %08x\n",
		vmcs_readn(GUEST_GDTR_BASE), vmcs_read32(GUEST_GDTR_LIMIT),
		vmcs_readn(GUEST_IDTR_BASE), vmcs_read32(GUEST_IDTR_LIMIT));
}

/**
 * vmx_dump_refused - say in the log why an entry did not come about, if that was asked for
 * @vmx: its VMCS is loaded, and as it was for the entry
 * @why: VM_INSTRUCTION_ERROR where @vmx->refused, else the exit reason
 *
 * Context: vcpu->mutex held, may sleep.
 */
void vmx_dump_refused(struct vcpu_vmx *vmx, u32 why)
{
	static DEFINE_RATELIMIT_STATE(limit, DEFAULT_RATELIMIT_INTERVAL, DEFAULT_RATELIMIT_BURST);
	const u32 *ctl = vmx->vmcs.ctl;

	if (!READ_ONCE(dump_invalid_vmcs) || !__ratelimit(&limit))
		return;
	pr_warn("vCPU %d is not entered: %s (%#x)\n", vmx->x86.vcpu.id, in_words(vmx, why), why);
	pr_warn("  controls: pin %08x, processor %08x and %08x, exit %08x, entry %08x\n",
		ctl[WORD_PIN], ctl[WORD_CPU], ctl[WORD_CPU2], ctl[WORD_EXIT], ctl[WORD_ENTRY]);
	pr_warn("  RIP %016lx RSP %016lx RFLAGS %08lx DR7 %lx\n", vmcs_readn(GUEST_RIP),
		vmcs_readn(GUEST_RSP), vmcs_readn(GUEST_RFLAGS), vmcs_readn(GUEST_DR7));
	pr_warn("  CR0 %08lx CR3 %016lx CR4 %08lx EFER %llx PAT %016llx\n", vmcs_readn(GUEST_CR0),
		vmcs_readn(GUEST_CR3), vmcs_readn(GUEST_CR4), vmcs_read64(GUEST_IA32_EFER),
		vmcs_read64(GUEST_IA32_PAT));
	pr_warn("  activity %x, interruptibility %x, event %08x, debug exceptions %lx, DEBUGCTL %llx\n",
		vmcs_read32(GUEST_ACTIVITY_STATE), vmcs_read32(GUEST_INTERRUPTIBILITY_INFO),
		vmcs_read32(VM_ENTRY_INTR_INFO_FIELD), vmcs_readn(GUEST_PENDING_DBG_EXCEPTIONS),
		vmcs_read64(GUEST_IA32_DEBUGCTL));
	dump_segments();
}
