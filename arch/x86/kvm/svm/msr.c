// SPDX-License-Identifier: GPL-2.0-only
/*
 * MSRs that only SVM knows how to keep, and the map of those that the guest touches without an
 * exit.
 *
 * Most stand in the VMCB, switched by VMLOAD and VMSAVE: a table says where, whether the value has
 * to be a canonical address, and whether the guest may go at it directly. The permission map has
 * two bits an MSR, read and write, in four ranges of 2 KiB (APM vol 2, 15.11); 1 means exit.
 */
#include <linux/nospec.h>
#include "../msr_filter.h"
#include "svm.h"

enum {
	DIRECT		= BIT(0),	/* no exit */
	CANONICAL	= BIT(1),	/* WRMSR of anything else is #GP */
	LOW_HALF	= BIT(2),	/* the upper 32 bits do not exist */
};

struct vmcb_msr {
	u32	index;
	u16	offset;		/* of a u64 in the save area */
	u16	flags;
};

#define ROW(_index, _field, _flags) \
	{ .index = (_index), .offset = offsetof(struct vmcb_save_area, _field), .flags = (_flags) }

static const struct vmcb_msr vmcb_msrs[] = {
	ROW(MSR_FS_BASE,		fs.base,	DIRECT | CANONICAL),
	ROW(MSR_GS_BASE,		gs.base,	DIRECT | CANONICAL),
	ROW(MSR_KERNEL_GS_BASE,		kernel_gs_base,	DIRECT | CANONICAL),
	ROW(MSR_STAR,			star,		DIRECT),
	ROW(MSR_LSTAR,			lstar,		DIRECT | CANONICAL),
	ROW(MSR_CSTAR,			cstar,		DIRECT | CANONICAL),
	ROW(MSR_SYSCALL_MASK,		sfmask,		DIRECT | LOW_HALF),
	ROW(MSR_IA32_SYSENTER_CS,	sysenter_cs,	DIRECT),
	ROW(MSR_IA32_SYSENTER_ESP,	sysenter_esp,	DIRECT | CANONICAL),
	ROW(MSR_IA32_SYSENTER_EIP,	sysenter_eip,	DIRECT | CANONICAL),
};

static const struct vmcb_msr *find_row(u32 index)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vmcb_msrs); i++)
		if (vmcb_msrs[i].index == index)
			return &vmcb_msrs[i];
	return NULL;
}

static u64 *row_field(struct vcpu_svm *svm, const struct vmcb_msr *row)
{
	return (void *)&svm->vmcb->save + row->offset;
}

/*
 * The permission map.
 */
static void msrpm_set(struct vcpu_svm *svm, u32 index, bool read_exits, bool write_exits)
{
	static const u32 ranges[] = { 0, 0xc0000000, 0xc0010000 };
	unsigned int i, bit;

	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		if (index - ranges[i] >= 0x2000)
			continue;
		bit = i * 0x2000 * 2 + (index - ranges[i]) * 2;
		__assign_bit(bit, (unsigned long *)svm->msrpm, read_exits);
		__assign_bit(bit + 1, (unsigned long *)svm->msrpm, write_exits);
		svm_dirty(svm, CLEAN_PERM_MAPS);
		return;
	}
}

/* The guest goes at the MSR directly, as far as user space's filter lets it. */
static void msrpm_open(struct vcpu_svm *svm, u32 index)
{
	struct kvm_vcpu *vcpu = &svm->x86.vcpu;

	msrpm_set(svm, index, !x86_msr_allowed(vcpu, index, KVM_MSR_FILTER_READ),
		  !x86_msr_allowed(vcpu, index, KVM_MSR_FILTER_WRITE));
}

void svm_msrpm_init(struct vcpu_svm *svm)
{
	memset(svm->msrpm, 0xff, PAGE_SIZE << SVM_MSRPM_ORDER);
}

/* What may be direct, or the filter, has changed. */
void svm_msrpm_update(struct vcpu_svm *svm)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vmcb_msrs); i++)
		if (vmcb_msrs[i].flags & DIRECT)
			msrpm_open(svm, vmcb_msrs[i].index);
	/*
	 * Where the hardware switches SPEC_CTRL by itself, the VMCB's copy is the guest's from the
	 * start (15.38).
	 */
	if (boot_cpu_has(X86_FEATURE_V_SPEC_CTRL) || svm->entry.spec_ctrl_open)
		msrpm_open(svm, MSR_IA32_SPEC_CTRL);
}

void svm_msr_reset(struct vcpu_svm *svm)
{
	svm->virt_spec_ctrl = 0;
	svm->tsc_aux = 0;
	svm->debugctl = 0;
	svm->entry.spec_ctrl = 0;
	svm->x86.spec_ctrl = 0;
	svm->x86.pat = X86_PAT_RESET;
	svm->vmcb->save.g_pat = X86_PAT_RESET;
}

/*
 * SPEC_CTRL: each write exits until the first that sets something; from then on the guest uses it,
 * and has it.
 */
static bool guest_has_spec_ctrl(struct kvm_vcpu *vcpu)
{
	return x86_guest_has(vcpu, X86_FEATURE_SPEC_CTRL) ||
	       x86_guest_has(vcpu, X86_FEATURE_AMD_IBRS) ||
	       x86_guest_has(vcpu, X86_FEATURE_AMD_STIBP) ||
	       x86_guest_has(vcpu, X86_FEATURE_AMD_SSBD);
}

static int get_spec_ctrl(struct kvm_vcpu *vcpu, struct x86_msr *msr)
{
	struct vcpu_svm *svm = to_svm(vcpu);

	if (!boot_cpu_has(X86_FEATURE_MSR_SPEC_CTRL))
		return X86_MSR_UNKNOWN;
	if (!msr->host && !guest_has_spec_ctrl(vcpu))
		return X86_MSR_INVALID;
	msr->data = boot_cpu_has(X86_FEATURE_V_SPEC_CTRL) ? svm->vmcb->save.spec_ctrl :
							    svm->entry.spec_ctrl;
	return 0;
}

static int set_spec_ctrl(struct kvm_vcpu *vcpu, const struct x86_msr *msr)
{
	struct vcpu_svm *svm = to_svm(vcpu);

	if (!boot_cpu_has(X86_FEATURE_MSR_SPEC_CTRL))
		return X86_MSR_UNKNOWN;
	if (!msr->host && !guest_has_spec_ctrl(vcpu))
		return X86_MSR_INVALID;
	if (msr->data & ~(u64)(SPEC_CTRL_IBRS | SPEC_CTRL_STIBP | SPEC_CTRL_SSBD))
		return X86_MSR_INVALID;
	if (boot_cpu_has(X86_FEATURE_V_SPEC_CTRL)) {
		svm->vmcb->save.spec_ctrl = msr->data;
		return 0;
	}
	svm->entry.spec_ctrl = msr->data;
	if (msr->data && !svm->entry.spec_ctrl_open) {
		svm->entry.spec_ctrl_open = true;
		msrpm_open(svm, MSR_IA32_SPEC_CTRL);
	}
	return 0;
}

/* The way to SSBD that a hypervisor offers where the bare MSR is a model's own. */
static int set_virt_spec_ctrl(struct kvm_vcpu *vcpu, const struct x86_msr *msr)
{
	if (!msr->host && !x86_guest_has(vcpu, X86_FEATURE_VIRT_SSBD))
		return X86_MSR_INVALID;
	if (msr->data & ~(u64)SPEC_CTRL_SSBD)
		return X86_MSR_INVALID;
	to_svm(vcpu)->virt_spec_ctrl = msr->data;
	return 0;
}

static int get_virt_spec_ctrl(struct kvm_vcpu *vcpu, struct x86_msr *msr)
{
	if (!msr->host && !x86_guest_has(vcpu, X86_FEATURE_VIRT_SSBD))
		return X86_MSR_INVALID;
	msr->data = to_svm(vcpu)->virt_spec_ctrl;
	return 0;
}

static bool has_tsc_aux(struct kvm_vcpu *vcpu, bool host)
{
	return host || x86_guest_has(vcpu, X86_FEATURE_RDTSCP) ||
	       x86_guest_has(vcpu, X86_FEATURE_RDPID);
}

static int set_tsc_aux(struct kvm_vcpu *vcpu, const struct x86_msr *msr)
{
	struct vcpu_svm *svm = to_svm(vcpu);

	if (svm_tsc_aux_slot < 0)
		return X86_MSR_UNKNOWN;
	if (!has_tsc_aux(vcpu, msr->host) || msr->data >> 32)
		return X86_MSR_INVALID;
	svm->tsc_aux = msr->data;
	preempt_disable();
	x86_user_return_set(svm_tsc_aux_slot, svm->tsc_aux, ~0ULL);
	preempt_enable();
	return 0;
}

static int get_tsc_aux(struct kvm_vcpu *vcpu, struct x86_msr *msr)
{
	if (svm_tsc_aux_slot < 0)
		return X86_MSR_UNKNOWN;
	if (!has_tsc_aux(vcpu, msr->host))
		return X86_MSR_INVALID;
	msr->data = to_svm(vcpu)->tsc_aux;
	return 0;
}

static int set_pat(struct kvm_vcpu *vcpu, const struct x86_msr *msr)
{
	struct vcpu_svm *svm = to_svm(vcpu);

	if (!x86_pat_valid(msr->data))
		return X86_MSR_INVALID;
	svm->x86.pat = msr->data;
	svm->vmcb->save.g_pat = msr->data;
	svm_dirty(svm, CLEAN_NPT);
	return 0;
}

/*
 * LFENCE is made serializing by the host's own DE_CFG, and stays so: the guest sees the bit as the
 * host has it, and cannot change it.
 */
static u64 de_cfg(void)
{
	return boot_cpu_has(X86_FEATURE_LFENCE_RDTSC) ? MSR_AMD64_DE_CFG_LFENCE_SERIALIZE : 0;
}

int svm_get_msr(struct kvm_vcpu *vcpu, struct x86_msr *msr)
{
	const struct vmcb_msr *row = find_row(msr->index);
	struct vcpu_svm *svm = to_svm(vcpu);

	if (row) {
		msr->data = *row_field(svm, row);
		return 0;
	}
	switch (msr->index) {
	case MSR_IA32_CR_PAT:
		msr->data = svm->x86.pat;
		return 0;
	case MSR_IA32_SPEC_CTRL:
		return get_spec_ctrl(vcpu, msr);
	case MSR_AMD64_VIRT_SPEC_CTRL:
		return get_virt_spec_ctrl(vcpu, msr);
	case MSR_TSC_AUX:
		return get_tsc_aux(vcpu, msr);
	case MSR_IA32_DEBUGCTLMSR:
		msr->data = svm->debugctl;
		return 0;
	case MSR_IA32_LASTBRANCHFROMIP:	/* without LBR virtualization nothing is recorded */
	case MSR_IA32_LASTBRANCHTOIP:
	case MSR_IA32_LASTINTFROMIP:
	case MSR_IA32_LASTINTTOIP:
	case MSR_VM_CR:
	case MSR_VM_HSAVE_PA:
		msr->data = 0;
		return 0;
	case MSR_AMD64_DE_CFG:
		msr->data = de_cfg();
		return 0;
	default:
		return X86_MSR_UNKNOWN;
	}
}

static int set_vmcb_msr(struct kvm_vcpu *vcpu, const struct x86_msr *msr,
			const struct vmcb_msr *row)
{
	if (row->flags & CANONICAL && !x86_is_canonical(vcpu, msr->data))
		return X86_MSR_INVALID;
	*row_field(to_svm(vcpu), row) = row->flags & LOW_HALF ? (u32)msr->data : msr->data;
	return 0;
}

int svm_set_msr(struct kvm_vcpu *vcpu, const struct x86_msr *msr)
{
	const struct vmcb_msr *row = find_row(msr->index);

	if (row)
		return set_vmcb_msr(vcpu, msr, row);
	switch (msr->index) {
	case MSR_IA32_CR_PAT:
		return set_pat(vcpu, msr);
	case MSR_IA32_SPEC_CTRL:
		return set_spec_ctrl(vcpu, msr);
	case MSR_AMD64_VIRT_SPEC_CTRL:
		return set_virt_spec_ctrl(vcpu, msr);
	case MSR_TSC_AUX:
		return set_tsc_aux(vcpu, msr);
	case MSR_IA32_DEBUGCTLMSR:
		/*
		 * LBR and BTF are kept but do nothing, as on a CPU without LBR virtualization no
		 * guest has them.
		 */
		if (msr->data & ~(u64)(DEBUGCTLMSR_LBR | DEBUGCTLMSR_BTF))
			return X86_MSR_INVALID;
		to_svm(vcpu)->debugctl = msr->data;
		return 0;
	case MSR_VM_CR:
	case MSR_VM_HSAVE_PA:
		return msr->data ? X86_MSR_INVALID : 0;
	case MSR_AMD64_DE_CFG:
		return msr->data == de_cfg() || (msr->host && !msr->data) ? 0 : X86_MSR_INVALID;
	default:
		return X86_MSR_UNKNOWN;
	}
}

bool svm_has_msr(u32 index)
{
	switch (index) {
	case MSR_TSC_AUX:
		return svm_tsc_aux_slot >= 0;
	case MSR_IA32_SPEC_CTRL:
		return boot_cpu_has(X86_FEATURE_MSR_SPEC_CTRL);
	case MSR_AMD64_VIRT_SPEC_CTRL:
		return x86_can(X86_FEATURE_VIRT_SSBD);
	case MSR_VM_CR:
	case MSR_VM_HSAVE_PA:
	case MSR_IA32_CR_PAT:
	case MSR_IA32_DEBUGCTLMSR:
	case MSR_AMD64_DE_CFG:
		return true;
	default:
		return find_row(index);
	}
}
