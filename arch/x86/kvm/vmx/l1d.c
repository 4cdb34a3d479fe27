// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a guest could read from the L1 data cache behind the back of its page tables (L1TF): flushed
 * before entries, as the host asks for at boot and the parameter vmentry_l1d_flush says.
 *
 * "cond" leaves the flush out where nothing but a short, known piece of the kernel has run since
 * the last one. What has is told by l1d_stale (the vCPU was loaded, or its exit was more than
 * that), and by the kernel for interrupts.
 */
#define pr_fmt(fmt) "kvm_intel: " fmt

#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <asm/hardirq.h>
#include <asm/msr.h>
#include <asm/processor.h>
#include "vmx.h"

#define FLUSH_ORDER	4	/* 64 KiB: more than any L1 data cache of an affected CPU, twice */
#define FLUSH_SIZE	(PAGE_SIZE << FLUSH_ORDER)

static void *flush_pages;	/* read through where the CPU has no command for it */

static char *wanted = "auto";
module_param_named(vmentry_l1d_flush, wanted, charp, 0444);
MODULE_PARM_DESC(vmentry_l1d_flush, "flush the L1 data cache before entries: auto, never, cond, always");

static const struct {
	const char			*name;
	enum vmx_l1d_flush_state	state;
} names[] = {
	{ "auto",	VMENTER_L1D_FLUSH_AUTO },
	{ "never",	VMENTER_L1D_FLUSH_NEVER },
	{ "cond",	VMENTER_L1D_FLUSH_COND },
	{ "always",	VMENTER_L1D_FLUSH_ALWAYS },
};

/* The boot option l1tf= */
static enum vmx_l1d_flush_state host_wants(void)
{
	switch (l1tf_mitigation) {
	case L1TF_MITIGATION_OFF:
		return VMENTER_L1D_FLUSH_NEVER;
	case L1TF_MITIGATION_FULL:
	case L1TF_MITIGATION_FULL_FORCE:
		return VMENTER_L1D_FLUSH_ALWAYS;
	default:
		return VMENTER_L1D_FLUSH_COND;
	}
}

static int choose(enum vmx_l1d_flush_state *state)
{
	u64 caps = 0;
	int i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (sysfs_streq(names[i].name, wanted))
			break;
	if (i == ARRAY_SIZE(names)) {
		pr_info("vmentry_l1d_flush=%s means nothing\n", wanted);
		return -EINVAL;
	}
	*state = names[i].state == VMENTER_L1D_FLUSH_AUTO ? host_wants() : names[i].state;
	if (boot_cpu_has(X86_FEATURE_ARCH_CAPABILITIES))
		rdmsrl(MSR_IA32_ARCH_CAPABILITIES, caps);
	if (!boot_cpu_has_bug(X86_BUG_L1TF) || caps & ARCH_CAP_SKIP_VMENTRY_L1DFLUSH)
		*state = VMENTER_L1D_FLUSH_NOT_REQUIRED;
	return 0;
}

static bool flushes(void)
{
	return l1tf_vmx_mitigation == VMENTER_L1D_FLUSH_COND ||
	       l1tf_vmx_mitigation == VMENTER_L1D_FLUSH_ALWAYS;
}

int vmx_l1d_setup(void)
{
	enum vmx_l1d_flush_state state;
	int r = choose(&state);

	if (r)
		return r;
	l1tf_vmx_mitigation = state;	/* told in sysfs: vulnerabilities/l1tf */
	if (!flushes() || boot_cpu_has(X86_FEATURE_FLUSH_L1D))
		return 0;
	flush_pages = (void *)__get_free_pages(GFP_KERNEL | __GFP_ZERO, FLUSH_ORDER);
	if (!flush_pages) {
		l1tf_vmx_mitigation = VMENTER_L1D_FLUSH_AUTO;
		return -ENOMEM;
	}
	/* Not all alike: pages that are could be merged by a hypervisor below us. */
	for (r = 0; r < 1 << FLUSH_ORDER; r++)
		memset(flush_pages + r * PAGE_SIZE, r + 1, PAGE_SIZE);
	return 0;
}

void vmx_l1d_unsetup(void)
{
	l1tf_vmx_mitigation = VMENTER_L1D_FLUSH_AUTO;
	free_pages((unsigned long)flush_pages, FLUSH_ORDER);
	flush_pages = NULL;
}

/* One read a page first, so that the TLB has them; then one a line. */
static void read_through(void)
{
	const u8 *p = flush_pages;
	unsigned int i;

	for (i = 0; i < FLUSH_SIZE; i += PAGE_SIZE)
		(void)READ_ONCE(p[i]);
	rmb();	/* the walks are over */
	for (i = 0; i < FLUSH_SIZE; i += 64)
		(void)READ_ONCE(p[i]);
	rmb();	/* and so are the reads */
}

/* Context: irqs off. */
void vmx_l1d_flush(struct vcpu_vmx *vmx)
{
	bool stale = vmx->l1d_stale;

	if (likely(!flushes()))
		return;
	vmx->l1d_stale = false;
	if (l1tf_vmx_mitigation == VMENTER_L1D_FLUSH_COND) {
		stale |= kvm_get_cpu_l1tf_flush_l1d();
		kvm_clear_cpu_l1tf_flush_l1d();
		if (!stale)
			return;
	}
	vmx->x86.stat.l1d_flush++;
	if (boot_cpu_has(X86_FEATURE_FLUSH_L1D))
		wrmsrl(MSR_IA32_FLUSH_CMD, L1D_FLUSH);
	else
		read_through();
}
