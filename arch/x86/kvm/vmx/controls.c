// SPDX-License-Identifier: GPL-2.0-only
/*
 * The control words: what this CPU lets us set, what we cannot do without, and what a parameter of
 * the module switches off.
 *
 * For each word an MSR says which bits must be 1 (lower half) and which may be (upper half; SDM vol
 * 3, A.3 to A.5). A row for each bit that we have a use for says what it is to us. What the rows
 * leave out is set only where the CPU insists.
 */
#define pr_fmt(fmt) "kvm_intel: " fmt

#include <linux/kernel.h>
#include "vmx.h"

struct vmx_caps vmx_caps __read_mostly;

enum use {
	NEEDED,			/* set from the start; without it there is no VMX for us */
	NEEDED_LATER,		/* set when the time comes; else as above */
	WANTED,			/* set from the start if it is there and its parameter says so */
	WANTED_LATER,
	AT_TIMES,		/* needed for a while, else unwanted */
	UNWANTED,		/* would take from the guest what it shall have */
};

struct row {
	enum vmx_control	word;
	u32			bit;
	enum use		use;
	bool			*parameter;	/* false: not wanted, or not there */
	const char		*name;
};

#define ROW(_word, _bit, _use, _parameter) \
	{ .word = (_word), .bit = (_bit), .use = (_use), .parameter = (_parameter), .name = #_bit }

static const struct row rows[] = {
	ROW(WORD_PIN, PIN_BASED_EXT_INTR_MASK,			NEEDED, NULL),
	ROW(WORD_PIN, PIN_BASED_NMI_EXITING,			NEEDED, NULL),
	/* Both or none: the first that is not there switches the other off. */
	ROW(WORD_CPU, CPU_BASED_NMI_WINDOW_EXITING,		WANTED_LATER, &vmx_vnmi_on),
	ROW(WORD_PIN, PIN_BASED_VIRTUAL_NMIS,			WANTED, &vmx_vnmi_on),
	ROW(WORD_PIN, PIN_BASED_POSTED_INTR,			WANTED_LATER, NULL),
	ROW(WORD_PIN, PIN_BASED_VMX_PREEMPTION_TIMER,		WANTED_LATER, &vmx_timer_on),

	ROW(WORD_CPU, CPU_BASED_HLT_EXITING,			NEEDED, NULL),
	ROW(WORD_CPU, CPU_BASED_MWAIT_EXITING,			NEEDED, NULL),
	ROW(WORD_CPU, CPU_BASED_MONITOR_EXITING,			NEEDED, NULL),
	ROW(WORD_CPU, CPU_BASED_RDPMC_EXITING,			NEEDED, NULL),
	ROW(WORD_CPU, CPU_BASED_MOV_DR_EXITING,			NEEDED, NULL),
	ROW(WORD_CPU, CPU_BASED_UNCOND_IO_EXITING,		NEEDED, NULL),
	ROW(WORD_CPU, CPU_BASED_USE_TSC_OFFSETTING,		NEEDED, NULL),
	ROW(WORD_CPU, CPU_BASED_USE_MSR_BITMAPS,			NEEDED, NULL),
	ROW(WORD_CPU, CPU_BASED_ACTIVATE_SECONDARY_CONTROLS,	NEEDED, NULL),
	ROW(WORD_CPU, CPU_BASED_INTR_WINDOW_EXITING,		NEEDED_LATER, NULL),
	ROW(WORD_CPU, CPU_BASED_CR8_LOAD_EXITING,		NEEDED_LATER, NULL),
	ROW(WORD_CPU, CPU_BASED_CR8_STORE_EXITING,		NEEDED_LATER, NULL),
	ROW(WORD_CPU, CPU_BASED_TPR_SHADOW,			WANTED_LATER, NULL),
	ROW(WORD_CPU, CPU_BASED_CR3_LOAD_EXITING,		AT_TIMES, NULL),
	ROW(WORD_CPU, CPU_BASED_CR3_STORE_EXITING,		AT_TIMES, NULL),
	ROW(WORD_CPU, CPU_BASED_INVLPG_EXITING,			UNWANTED, NULL),
	ROW(WORD_CPU, CPU_BASED_RDTSC_EXITING,			UNWANTED, NULL),

	ROW(WORD_CPU2, SECONDARY_EXEC_ENABLE_EPT,		NEEDED, NULL),
	ROW(WORD_CPU2, SECONDARY_EXEC_UNRESTRICTED_GUEST,	WANTED, &vmx_unrestricted),
	ROW(WORD_CPU2, SECONDARY_EXEC_ENABLE_VPID,		WANTED, &vmx_vpid_on),
	ROW(WORD_CPU2, SECONDARY_EXEC_WBINVD_EXITING,		WANTED, NULL),
	ROW(WORD_CPU2, SECONDARY_EXEC_PAUSE_LOOP_EXITING,	WANTED_LATER, NULL),
	ROW(WORD_CPU2, SECONDARY_EXEC_ENABLE_PML,		WANTED_LATER, &vmx_pml_on),
	ROW(WORD_CPU2, SECONDARY_EXEC_VIRTUALIZE_APIC_ACCESSES,	WANTED_LATER, &vmx_flexpriority),
	ROW(WORD_CPU2, SECONDARY_EXEC_VIRTUAL_INTR_DELIVERY,	WANTED_LATER, &vmx_apicv_on),
	ROW(WORD_CPU2, SECONDARY_EXEC_APIC_REGISTER_VIRT,	WANTED_LATER, NULL),
	ROW(WORD_CPU2, SECONDARY_EXEC_VIRTUALIZE_X2APIC_MODE,	WANTED_LATER, NULL),
	ROW(WORD_CPU2, SECONDARY_EXEC_TSC_SCALING,		WANTED, NULL),
	ROW(WORD_CPU2, SECONDARY_EXEC_ENABLE_RDTSCP,		WANTED_LATER, NULL),
	ROW(WORD_CPU2, SECONDARY_EXEC_ENABLE_INVPCID,		WANTED_LATER, NULL),
	ROW(WORD_CPU2, SECONDARY_EXEC_XSAVES,			WANTED_LATER, NULL),
	ROW(WORD_CPU2, SECONDARY_EXEC_ENABLE_USR_WAIT_PAUSE,	WANTED_LATER, NULL),
	ROW(WORD_CPU2, SECONDARY_EXEC_BUS_LOCK_DETECTION,	WANTED_LATER, NULL),
	ROW(WORD_CPU2, SECONDARY_EXEC_NOTIFY_VM_EXITING,		WANTED_LATER, NULL),

	ROW(WORD_EXIT, VM_EXIT_HOST_ADDR_SPACE_SIZE,		NEEDED, NULL),
	ROW(WORD_EXIT, VM_EXIT_LOAD_IA32_EFER,			NEEDED, NULL),
	ROW(WORD_EXIT, VM_EXIT_LOAD_IA32_PAT,			NEEDED, NULL),
	ROW(WORD_EXIT, VM_EXIT_ACK_INTR_ON_EXIT,			WANTED_LATER, NULL),

	ROW(WORD_ENTRY, VM_ENTRY_LOAD_DEBUG_CONTROLS,		NEEDED, NULL),
	ROW(WORD_ENTRY, VM_ENTRY_LOAD_IA32_EFER,			NEEDED, NULL),
	ROW(WORD_ENTRY, VM_ENTRY_LOAD_IA32_PAT,			NEEDED, NULL),
	ROW(WORD_ENTRY, VM_ENTRY_IA32E_MODE,			NEEDED_LATER, NULL),
};

/* The MSR of each word; with bit 55 of VMX_BASIC one that tells more (A.2). */
static const struct {
	u32 msr, true_msr;
} word_msrs[NR_WORDS] = {
	[WORD_PIN]	= { MSR_IA32_VMX_PINBASED_CTLS, MSR_IA32_VMX_TRUE_PINBASED_CTLS },
	[WORD_CPU]	= { MSR_IA32_VMX_PROCBASED_CTLS, MSR_IA32_VMX_TRUE_PROCBASED_CTLS },
	[WORD_CPU2]	= { MSR_IA32_VMX_PROCBASED_CTLS2, MSR_IA32_VMX_PROCBASED_CTLS2 },
	[WORD_EXIT]	= { MSR_IA32_VMX_EXIT_CTLS, MSR_IA32_VMX_TRUE_EXIT_CTLS },
	[WORD_ENTRY]	= { MSR_IA32_VMX_ENTRY_CTLS, MSR_IA32_VMX_TRUE_ENTRY_CTLS },
};

static int read_word(enum vmx_control word, u32 *must, u32 *may)
{
	bool more = vmx_caps.basic & BIT_ULL(55);
	u64 allowed;

	if (rdmsrl_safe(more ? word_msrs[word].true_msr : word_msrs[word].msr, &allowed))
		return -EIO;
	*must = allowed;
	*may = allowed >> 32;
	return 0;
}

static int reconcile_row(const struct row *row, const u32 *must, const u32 *may)
{
	bool there = may[row->word] & row->bit, forced = must[row->word] & row->bit;
	bool wanted = there && (!row->parameter || *row->parameter);

	if (forced && (row->use == UNWANTED || row->use == AT_TIMES)) {
		pr_info("the processor does not let %s be\n", row->name);
		return -ENODEV;
	}
	if (row->use == UNWANTED)
		return 0;
	if (!there && row->use != WANTED && row->use != WANTED_LATER) {
		pr_info("the processor has no %s, which is needed\n", row->name);
		return -ENODEV;
	}
	if (row->parameter)
		*row->parameter = wanted;
	if (!wanted)
		return 0;
	vmx_caps.available[row->word] |= row->bit;
	if (row->use == NEEDED || row->use == WANTED)
		vmx_caps.initial[row->word] |= row->bit;
	return 0;
}

/**
 * vmx_read_caps - read what the CPU offers, and choose of it
 *
 * Context: module load. Return: 0, or -ENODEV or -EIO with a line in the log that says why.
 */
int vmx_read_caps(void)
{
	u32 must[NR_WORDS], may[NR_WORDS];
	unsigned int i;
	int r;

	memset(&vmx_caps, 0, sizeof(vmx_caps));
	rdmsrl(MSR_IA32_VMX_BASIC, vmx_caps.basic);
	rdmsrl(MSR_IA32_VMX_MISC, vmx_caps.misc);
	rdmsrl(MSR_IA32_VMX_CR0_FIXED1, vmx_caps.cr0_fixed1);
	rdmsrl(MSR_IA32_VMX_CR4_FIXED0, vmx_caps.cr4_fixed0);
	rdmsrl(MSR_IA32_VMX_CR4_FIXED1, vmx_caps.cr4_fixed1);
	for (i = 0; i < NR_WORDS; i++) {
		r = read_word(i, &must[i], &may[i]);
		if (r) {
			pr_info("the processor does not tell its controls\n");
			return r;
		}
		vmx_caps.initial[i] = must[i];
		vmx_caps.available[i] = must[i];
	}
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		r = reconcile_row(&rows[i], must, may);
		if (r)
			return r;
	}
	/* There only where EPT or VPID is (A.10). */
	rdmsrl(MSR_IA32_VMX_EPT_VPID_CAP, vmx_caps.ept_vpid);
	return 0;
}
