// SPDX-License-Identifier: GPL-2.0-only
/*
 * Module load: can this host run guests with SVM, and which of its features shall they see?
 *
 * What is missing is said in one line of the log. Features that only make things faster (NRIPS,
 * decode assists, clean bits, flush by ASID, pause filter) are looked up where they are used.
 */
#define pr_fmt(fmt) "kvm_amd: " fmt

#include <linux/cc_platform.h>
#include <linux/gfp.h>
#include <linux/mem_encrypt.h>
#include "svm.h"
#include <asm/virtext.h>

#define IOPM_ORDER	2	/* 12 KiB are used, 4 KiB aligned (15.10.1) */
#define IOPM_SIZE	(3 * PAGE_SIZE)

void *svm_iopm;			/* every port exits, for every guest */
int svm_tsc_aux_slot = -1;

static int check_host(void)
{
	const char *why = NULL;
	u64 vm_cr;

	if (!cpu_has_svm(&why)) {
		pr_info("no virtualization here: %s\n", why);
		return -ENODEV;
	}
	if (rdmsrl_safe(MSR_VM_CR, &vm_cr) || (vm_cr & BIT(SVM_VM_CR_SVM_DISABLE))) {
		pr_info("SVM is switched off by the firmware (VM_CR.SVMDIS)\n");
		return -ENODEV;
	}
	if (cc_platform_has(CC_ATTR_GUEST_MEM_ENCRYPT)) {
		pr_info("an encrypted guest cannot have guests of its own\n");
		return -ENODEV;
	}
	if (!boot_cpu_has(X86_FEATURE_NPT)) {
		pr_info("the processor has no nested paging, which is needed\n");
		return -ENODEV;
	}
	if (cpuid_ebx(SVM_CPUID_FUNC) < 2) {
		pr_info("the processor has no ASID for guests\n");
		return -ENODEV;
	}
	return 0;
}

/*
 * Nested tables have as many levels as the host's own: VMRUN takes the host's CR4.LA57 for both
 * (15.25.3).
 */
static void configure_mmu(void)
{
	const struct mmu_tdp_config c = {
		.enabled	= true,
		.max_level	= pgtable_l5_enabled() ? 5 : 4,
		.max_page_level	= boot_cpu_has(X86_FEATURE_GBPAGES) ? 3 : 2,
		.npt_nx		= x86_host_efer & EFER_NX,
		.sme_mask	= sme_me_mask,
	};

	mmu_configure(&c);
}

static void configure_tsc(void)
{
	if (!boot_cpu_has(X86_FEATURE_TSCRATEMSR))
		return;
	x86_tsc_ratio_one = SVM_TSC_RATIO_DEFAULT;	/* 8.32 fixed point (15.30.5) */
	x86_tsc_ratio_frac_bits = 32;
	x86_tsc_ratio_max = SVM_TSC_RATIO_MAX;
}

static void configure_features(void)
{
	svm_tsc_aux_slot = x86_user_return_add(MSR_TSC_AUX);
	if (svm_tsc_aux_slot < 0) {
		x86_cap_clear(X86_FEATURE_RDTSCP);
		x86_cap_clear(X86_FEATURE_RDPID);
	}
	if (boot_cpu_has(X86_FEATURE_FXSR_OPT))
		x86_efer_supported |= EFER_FFXSR;
	/* A guest's SSBD goes through the kernel's own way of doing it on this CPU. */
	if (boot_cpu_has(X86_FEATURE_LS_CFG_SSBD) || boot_cpu_has(X86_FEATURE_AMD_SSBD))
		x86_cap_set(X86_FEATURE_VIRT_SSBD);
}

/* Without a filter there is no threshold either. */
static void configure_pause_filter(void)
{
	struct svm_pause_filter *f = &svm_pause_filter;

	if (!boot_cpu_has(X86_FEATURE_PAUSEFILTER))
		f->count = 0;
	if (!f->count || !boot_cpu_has(X86_FEATURE_PFTHRESHOLD))
		f->thresh = 0;
	x86_pause_rule = (struct pause_rule) {
		.base = f->count, .grow = f->grow, .shrink = f->shrink, .max = f->max,
	};
}

int svm_hardware_setup(void)
{
	int r = check_host();

	if (r)
		return r;
	svm_iopm = (void *)__get_free_pages(GFP_KERNEL, IOPM_ORDER);
	if (!svm_iopm)
		return -ENOMEM;
	memset(svm_iopm, 0xff, IOPM_SIZE);
	r = svm_cpus_alloc();
	if (r)
		goto no_cpus;

	configure_pause_filter();
	configure_features();
	configure_tsc();
	configure_mmu();
	return 0;

no_cpus:
	free_pages((unsigned long)svm_iopm, IOPM_ORDER);
	svm_iopm = NULL;
	return r;
}

void svm_hardware_unsetup(void)
{
	svm_cpus_free();
	free_pages((unsigned long)svm_iopm, IOPM_ORDER);
	svm_iopm = NULL;
}
