// SPDX-License-Identifier: GPL-2.0-only
/*
 * Module load: can this host run guests with VMX, and which of its features shall they see?
 *
 * What is missing is said in one line of the log. Which controls there are is controls.c's; here
 * stands what hangs on them.
 */
#define pr_fmt(fmt) "kvm_intel: " fmt

#include <linux/cc_platform.h>
#include "vmx.h"

int vmx_tsc_aux_slot = -1;

static int check_host(void)
{
	if (boot_cpu_data.x86_vendor != X86_VENDOR_INTEL &&
	    boot_cpu_data.x86_vendor != X86_VENDOR_CENTAUR &&
	    boot_cpu_data.x86_vendor != X86_VENDOR_ZHAOXIN) {
		pr_info("no virtualization here: the processor is not Intel's\n");
		return -ENODEV;
	}
	if (!(cpuid_ecx(1) & BIT(5))) {
		pr_info("no virtualization here: the processor has no VMX\n");
		return -ENODEV;
	}
	/* The kernel takes the feature away where the firmware has locked it. */
	if (!boot_cpu_has(X86_FEATURE_MSR_IA32_FEAT_CTL) || !boot_cpu_has(X86_FEATURE_VMX)) {
		pr_info("VMX is switched off by the firmware (IA32_FEATURE_CONTROL)\n");
		return -ENODEV;
	}
	if (cc_platform_has(CC_ATTR_GUEST_MEM_ENCRYPT)) {
		pr_info("an encrypted guest cannot have guests of its own\n");
		return -ENODEV;
	}
	return 0;
}

static bool ept_cap(u64 bits)
{
	return (vmx_caps.ept_vpid & bits) == bits;
}

/* What of EPT and VPID we cannot do without, and what makes VPID of no use. */
static int check_ept(void)
{
	if (!ept_cap(VMX_EPT_PAGE_WALK_4_BIT | VMX_EPTP_WB_BIT | VMX_EPT_INVEPT_BIT) ||
	    !(vmx_caps.ept_vpid & (VMX_EPT_EXTENT_CONTEXT_BIT | VMX_EPT_EXTENT_GLOBAL_BIT))) {
		pr_info("the processor's extended page tables lack what is needed\n");
		return -ENODEV;
	}
	if (!ept_cap(VMX_EPT_AD_BIT))
		vmx_ept_ad_on = false;
	if (!vmx_ept_ad_on)	/* what is listed is the setting of a dirty bit */
		vmx_pml_on = false;
	if (vmx_vpid_on && (!(vmx_caps.ept_vpid >> 32 & VMX_VPID_INVVPID_BIT) ||
			    !(vmx_caps.ept_vpid >> 32 & (VMX_VPID_EXTENT_SINGLE_CONTEXT_BIT |
							 VMX_VPID_EXTENT_GLOBAL_CONTEXT_BIT)))) {
		vmx_vpid_on = false;
		vmx_caps.initial[WORD_CPU2] &= ~SECONDARY_EXEC_ENABLE_VPID;
	}
	return 0;
}

/* Five levels only where the guest may have addresses that four do not reach. */
static void configure_mmu(void)
{
	struct mmu_tdp_config c = {
		.enabled	= true,
		.max_level	= 4,
		.max_page_level	= 1,
		.ept		= true,
		.ept_ad		= vmx_ept_ad_on,
		.ept_exec_only	= ept_cap(VMX_EPT_EXECUTE_ONLY_BIT),
		.apic_page	= vmx_flexpriority,
		.lists_writes	= vmx_pml_on,
	};

	if (ept_cap(VMX_EPT_PAGE_WALK_5_BIT) && boot_cpu_data.x86_phys_bits > 48)
		c.max_level = 5;
	if (ept_cap(VMX_EPT_2MB_PAGE_BIT))
		c.max_page_level = ept_cap(VMX_EPT_1GB_PAGE_BIT) ? 3 : 2;
	mmu_configure(&c);
}

static void configure_tsc(void)
{
	if (!vmx_can(WORD_CPU2, SECONDARY_EXEC_TSC_SCALING))
		return;
	x86_tsc_ratio_one = BIT_ULL(48);	/* 16.48 fixed point (26.3) */
	x86_tsc_ratio_frac_bits = 48;
	x86_tsc_ratio_max = ~0ULL;
}

/* What the CPU has, but a guest only with a control. */
static void configure_features(void)
{
	vmx_tsc_aux_slot = x86_user_return_add(MSR_TSC_AUX);
	if (vmx_tsc_aux_slot < 0 || !vmx_can(WORD_CPU2, SECONDARY_EXEC_ENABLE_RDTSCP)) {
		x86_cap_clear(X86_FEATURE_RDTSCP);
		x86_cap_clear(X86_FEATURE_RDPID);
	}
	if (!vmx_can(WORD_CPU2, SECONDARY_EXEC_ENABLE_INVPCID))
		x86_cap_clear(X86_FEATURE_INVPCID);
	if (!vmx_can(WORD_CPU2, SECONDARY_EXEC_XSAVES))
		x86_cap_clear(X86_FEATURE_XSAVES);
	/* UMONITOR, UMWAIT, TPAUSE: the MSR that bounds them has to be switched (run.c). */
	if (boot_cpu_has(X86_FEATURE_WAITPKG) &&
	    vmx_can(WORD_CPU2, SECONDARY_EXEC_ENABLE_USR_WAIT_PAUSE))
		x86_cap_set(X86_FEATURE_WAITPKG);
	x86_can_exit_on_bus_lock = vmx_can(WORD_CPU2, SECONDARY_EXEC_BUS_LOCK_DETECTION);
	x86_can_notify = vmx_can(WORD_CPU2, SECONDARY_EXEC_NOTIFY_VM_EXITING);
	if (!vmx_can(WORD_CPU2, SECONDARY_EXEC_PAUSE_LOOP_EXITING))
		vmx_ple_gap = 0;
	x86_pause_rule = vmx_ple_window;
}

int vmx_hardware_setup(void)
{
	int r = check_host();

	if (r)
		return r;
	r = vmx_read_caps();
	if (r)
		return r;
	r = check_ept();
	if (r)
		return r;
	r = vmx_cpus_alloc();
	if (r)
		return r;
	r = vmx_l1d_setup();
	if (r)
		goto no_l1d;
	r = vmx_msr_setup();
	if (r)
		goto no_msrs;
	vmx_apicv_setup();
	configure_features();
	configure_tsc();
	configure_mmu();
	return 0;

no_msrs:
	vmx_l1d_unsetup();
no_l1d:
	vmx_cpus_free();
	return r;
}

void vmx_hardware_unsetup(void)
{
	vmx_l1d_unsetup();
	vmx_cpus_free();
}
