// SPDX-License-Identifier: GPL-2.0-only
/*
 * x86 as one architecture: a backend (VMX or SVM) registers here, and x86 with it registers with the core.
 *
 * One backend at a time: its ops are copied into kvm_x86_ops, its hot ones bound to static calls, before the core can
 * make a first VM; they are never unbound while a VM lives, for the backend's module is pinned by each VM.
 */
#include <linux/module.h>
#include <linux/mutex.h>
#include "x86.h"
#include "vm.h"

MODULE_DESCRIPTION("Kernel-based Virtual Machine: core and x86");
MODULE_LICENSE("GPL");

struct kvm_x86_ops kvm_x86_ops __read_mostly;
EXPORT_SYMBOL_GPL(kvm_x86_ops);

#define X(ret, name, args)						\
	DEFINE_STATIC_CALL_NULL(kvm_x86_##name, *((struct kvm_x86_ops *)0)->name);	\
	EXPORT_STATIC_CALL_GPL(kvm_x86_##name);
X86_OPS_HOT(X)
#undef X

u64 x86_efer_supported __read_mostly;
EXPORT_SYMBOL_GPL(x86_efer_supported);
unsigned long x86_cr4_supported __read_mostly;
EXPORT_SYMBOL_GPL(x86_cr4_supported);
u64 x86_xcr0_supported __read_mostly;
EXPORT_SYMBOL_GPL(x86_xcr0_supported);
u64 x86_host_efer __read_mostly, x86_host_xcr0 __read_mostly;
EXPORT_SYMBOL_GPL(x86_host_efer);
EXPORT_SYMBOL_GPL(x86_host_xcr0);

bool x86_ignore_msrs, x86_report_ignored_msrs = true;
module_param_named(ignore_msrs, x86_ignore_msrs, bool, 0644);
module_param_named(report_ignored_msrs, x86_report_ignored_msrs, bool, 0644);

static DEFINE_MUTEX(backend_lock);	/* guards registration */

static u32 cs_bits_of_segment(struct kvm_vcpu *vcpu)
{
	struct kvm_segment cs;

	x86_cold(get_segment)(vcpu, &cs, SEG_CS);
	return (cs.l ? CS_LONG : 0) | (cs.db ? CS_DEFAULT_32 : 0);
}

static void bind_ops(const struct kvm_x86_ops *ops)
{
	kvm_x86_ops = *ops;
	if (!kvm_x86_ops.cs_bits)
		kvm_x86_ops.cs_bits = cs_bits_of_segment;
#define X(ret, name, args) static_call_update(kvm_x86_##name, kvm_x86_ops.name);
	X86_OPS_HOT(X)
#undef X
}

/* A CPU-wide view of what the host has, before the backend adds and takes away. */
static void read_host(void)
{
	rdmsrl(MSR_EFER, x86_host_efer);
	x86_efer_supported = x86_host_efer & (EFER_SCE | EFER_LME | EFER_LMA | EFER_NX | EFER_FFXSR);
	x86_host_xcr0 = boot_cpu_has(X86_FEATURE_OSXSAVE) ? xgetbv(XCR_XFEATURE_ENABLED_MASK) : 0;
	x86_xcr0_supported = x86_host_xcr0 & (XFEATURE_MASK_FP | XFEATURE_MASK_SSE | XFEATURE_MASK_YMM |
					      XFEATURE_MASK_AVX512 | XFEATURE_MASK_PKRU);
	x86_cpuid_module_init();
}

/*
 * CR4 bits that a guest may be offered, each with the feature that makes it real. 0: every host with
 * long mode has it, and a guest gets it whatever its CPUID says: those of VMMs are often incomplete.
 */
static const struct {
	unsigned long	bit;
	unsigned int	feature;
} cr4_bits[] = {
	{ X86_CR4_VME,		0 },
	{ X86_CR4_PVI,		0 },
	{ X86_CR4_TSD,		0 },
	{ X86_CR4_DE,		0 },
	{ X86_CR4_PSE,		0 },
	{ X86_CR4_PAE,		0 },
	{ X86_CR4_MCE,		0 },
	{ X86_CR4_PGE,		0 },
	{ X86_CR4_PCE,		0 },
	{ X86_CR4_OSFXSR,	0 },
	{ X86_CR4_OSXMMEXCPT,	0 },
	{ X86_CR4_UMIP,		X86_FEATURE_UMIP },
	{ X86_CR4_LA57,		X86_FEATURE_LA57 },
	{ X86_CR4_FSGSBASE,	X86_FEATURE_FSGSBASE },
	{ X86_CR4_PCIDE,	X86_FEATURE_PCID },
	{ X86_CR4_OSXSAVE,	X86_FEATURE_XSAVE },
	{ X86_CR4_SMEP,		X86_FEATURE_SMEP },
	{ X86_CR4_SMAP,		X86_FEATURE_SMAP },
	{ X86_CR4_PKE,		X86_FEATURE_PKU },
};

/* Bits of CR4 that CPUID as told by @has allows. */
unsigned long x86_cr4_from_features(bool (*has)(struct kvm_vcpu *vcpu, unsigned int feature), struct kvm_vcpu *vcpu)
{
	unsigned long cr4 = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cr4_bits); i++)
		if (!cr4_bits[i].feature || has(vcpu, cr4_bits[i].feature))
			cr4 |= cr4_bits[i].bit;
	return cr4;
}

static bool host_can(struct kvm_vcpu *vcpu, unsigned int feature)
{
	return x86_can(feature);
}

int kvm_x86_register(const struct kvm_x86_ops *ops)
{
	int r;

	mutex_lock(&backend_lock);
	if (kvm_x86_ops.name) {
		pr_err("kvm: %s is loaded already, %s cannot be as well\n", kvm_x86_ops.name, ops->name);
		r = -EBUSY;
		goto out;
	}
	bind_ops(ops);
	read_host();
	r = x86_user_return_init();
	if (r)
		goto unbind;
	r = ops->hardware_setup();
	if (r)
		goto no_setup;
	x86_cr4_supported = x86_cr4_from_features(host_can, NULL);
	r = mmu_module_init();
	if (r)
		goto no_mmu;
	r = kvmclock_module_init();
	if (r)
		goto no_clock;
	r = x86_msr_module_init();
	if (r)
		goto no_msrs;
	r = x86_register_arch(ops);
	if (r)
		goto no_core;
	goto out;

no_core:
	x86_msr_module_exit();
no_msrs:
	kvmclock_module_exit();
no_clock:
	mmu_module_exit();
no_mmu:
	ops->hardware_unsetup();
no_setup:
	x86_user_return_exit();
unbind:
	kvm_x86_ops.name = NULL;
out:
	mutex_unlock(&backend_lock);
	return r;
}
EXPORT_SYMBOL_GPL(kvm_x86_register);

void kvm_x86_unregister(void)
{
	mutex_lock(&backend_lock);
	kvm_unregister_arch();
	x86_msr_module_exit();
	kvmclock_module_exit();
	mmu_module_exit();
	kvm_x86_ops.hardware_unsetup();
	x86_user_return_exit();
	kvm_x86_ops.name = NULL;
	mutex_unlock(&backend_lock);
}
EXPORT_SYMBOL_GPL(kvm_x86_unregister);
