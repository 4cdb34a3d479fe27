// SPDX-License-Identifier: GPL-2.0-only
/*
 * MSRs that only VMX knows how to keep, and the bitmap of those that the guest touches without an
 * exit.
 *
 * Three kinds: those that the VMCS has a field for, those of SYSCALL and TSC_AUX, which stay in the
 * hardware until the return to user space (user_return.c), and KERNEL_GS_BASE, switched with the
 * host's state (host.c). The bitmap has a bit an MSR for reads and one for writes, of two ranges;
 * 1 means exit (SDM vol 3, 25.6.9).
 */
#include "vmx.h"
#include "../msr_filter.h"

enum {
	DIRECT		= BIT(0),	/* no exit */
	CANONICAL	= BIT(1),	/* WRMSR of anything else is #GP */
	NARROW		= BIT(2),	/* a field of 32 bits */
};

static const struct vmcs_msr {
	u32	index;
	u16	field;
	u16	flags;
} vmcs_msrs[] = {
	{ MSR_FS_BASE,			GUEST_FS_BASE,		DIRECT | CANONICAL },
	{ MSR_GS_BASE,			GUEST_GS_BASE,		DIRECT | CANONICAL },
	{ MSR_IA32_SYSENTER_CS,		GUEST_SYSENTER_CS,	DIRECT | NARROW },
	{ MSR_IA32_SYSENTER_ESP,	GUEST_SYSENTER_ESP,	DIRECT | CANONICAL },
	{ MSR_IA32_SYSENTER_EIP,	GUEST_SYSENTER_EIP,	DIRECT | CANONICAL },
};

static const struct vmcs_msr *find_row(u32 index)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vmcs_msrs); i++)
		if (vmcs_msrs[i].index == index)
			return &vmcs_msrs[i];
	return NULL;
}

static const u32 syscall_msrs[NR_SYSCALL_MSRS] = {
	[SYSCALL_STAR]	= MSR_STAR,
	[SYSCALL_LSTAR]	= MSR_LSTAR,
	[SYSCALL_MASK]	= MSR_SYSCALL_MASK,
};

static int syscall_slots[NR_SYSCALL_MSRS];

int vmx_msr_setup(void)
{
	unsigned int i;

	for (i = 0; i < NR_SYSCALL_MSRS; i++) {
		syscall_slots[i] = x86_user_return_add(syscall_msrs[i]);
		if (syscall_slots[i] < 0)
			return syscall_slots[i];
	}
	return 0;
}

static int find_syscall(u32 index)
{
	unsigned int i;

	for (i = 0; i < NR_SYSCALL_MSRS; i++)
		if (syscall_msrs[i] == index)
			return i;
	return -1;
}

/* SYSCALL is all that uses the first three, and without EFER.SCE there is none. Preemption off. */
void vmx_msrs_load(struct vcpu_vmx *vmx)
{
	unsigned int i;

	for (i = 0; vmx->x86.efer & EFER_SCE && i < NR_SYSCALL_MSRS; i++)
		x86_user_return_set(syscall_slots[i], vmx->syscall[i], ~0ULL);
	if (vmx_tsc_aux_slot >= 0)
		x86_user_return_set(vmx_tsc_aux_slot, vmx->tsc_aux, ~0ULL);
}

/* What is to be loaded has changed, and may be loaded. */
void vmx_msrs_changed(struct vcpu_vmx *vmx)
{
	preempt_disable();
	if (vmx->host_saved)
		vmx_msrs_load(vmx);
	preempt_enable();
}

/*
 * The bitmap: reads of the low range, reads of the high one, then the same for writes, 1 KiB each.
 */
void vmx_msr_bitmap_set(struct vcpu_vmx *vmx, u32 index, bool read_exits, bool write_exits)
{
	unsigned int bit = index & 0x1fff;

	if (index >= 0xc0000000)
		bit += 0x400 * 8;
	__assign_bit(bit, vmx->msr_bitmap, read_exits);
	__assign_bit(bit + 0x800 * 8, vmx->msr_bitmap, write_exits);
}

/* The guest goes at the MSR directly, as far as user space's filter lets it. */
static void bitmap_open(struct vcpu_vmx *vmx, u32 index)
{
	struct kvm_vcpu *vcpu = &vmx->x86.vcpu;

	vmx_msr_bitmap_set(vmx, index, !x86_msr_allowed(vcpu, index, KVM_MSR_FILTER_READ),
			   !x86_msr_allowed(vcpu, index, KVM_MSR_FILTER_WRITE));
}

void vmx_msr_bitmap_init(struct vcpu_vmx *vmx)
{
	memset(vmx->msr_bitmap, 0xff, PAGE_SIZE);
}

/* What may be direct, or the filter, has changed. */
void vmx_msr_bitmap_update(struct vcpu_vmx *vmx)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vmcs_msrs); i++)
		if (vmcs_msrs[i].flags & DIRECT)
			bitmap_open(vmx, vmcs_msrs[i].index);
	bitmap_open(vmx, MSR_KERNEL_GS_BASE);
	if (vmx->entry.spec_ctrl_open)
		bitmap_open(vmx, MSR_IA32_SPEC_CTRL);
}

void vmx_msr_reset(struct vcpu_vmx *vmx)
{
	memset(vmx->syscall, 0, sizeof(vmx->syscall));
	vmx->cstar = 0;
	vmx->tsc_aux = 0;
	vmx->umwait_control = 0;
	vmx->kernel_gs = 0;
	vmx->entry.spec_ctrl = 0;
	vmx->x86.spec_ctrl = 0;
	vmx->x86.pat = X86_PAT_RESET;
	vmcs_write64(GUEST_IA32_PAT, X86_PAT_RESET);
}

/*
 * SPEC_CTRL: each write exits until the first that sets something; from then on the guest uses it,
 * and has it.
 */
static bool guest_has_spec_ctrl(struct kvm_vcpu *vcpu)
{
	return x86_guest_has(vcpu, X86_FEATURE_SPEC_CTRL) ||
	       x86_guest_has(vcpu, X86_FEATURE_INTEL_STIBP) ||
	       x86_guest_has(vcpu, X86_FEATURE_SPEC_CTRL_SSBD);
}

static int get_spec_ctrl(struct kvm_vcpu *vcpu, struct x86_msr *msr)
{
	if (!boot_cpu_has(X86_FEATURE_MSR_SPEC_CTRL))
		return X86_MSR_UNKNOWN;
	if (!msr->host && !guest_has_spec_ctrl(vcpu))
		return X86_MSR_INVALID;
	msr->data = to_vmx(vcpu)->entry.spec_ctrl;
	return 0;
}

static int set_spec_ctrl(struct kvm_vcpu *vcpu, const struct x86_msr *msr)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);

	if (!boot_cpu_has(X86_FEATURE_MSR_SPEC_CTRL))
		return X86_MSR_UNKNOWN;
	if (!msr->host && !guest_has_spec_ctrl(vcpu))
		return X86_MSR_INVALID;
	if (msr->data & ~(u64)(SPEC_CTRL_IBRS | SPEC_CTRL_STIBP | SPEC_CTRL_SSBD))
		return X86_MSR_INVALID;
	vmx->entry.spec_ctrl = msr->data;
	if (msr->data && !vmx->entry.spec_ctrl_open) {
		vmx->entry.spec_ctrl_open = true;
		bitmap_open(vmx, MSR_IA32_SPEC_CTRL);
	}
	return 0;
}

static bool has_tsc_aux(struct kvm_vcpu *vcpu, bool host)
{
	return host || x86_guest_has(vcpu, X86_FEATURE_RDTSCP) ||
	       x86_guest_has(vcpu, X86_FEATURE_RDPID);
}

static int set_tsc_aux(struct kvm_vcpu *vcpu, const struct x86_msr *msr)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);

	if (vmx_tsc_aux_slot < 0)
		return X86_MSR_UNKNOWN;
	if (!has_tsc_aux(vcpu, msr->host) || msr->data >> 32)
		return X86_MSR_INVALID;
	vmx->tsc_aux = msr->data;
	preempt_disable();
	x86_user_return_set(vmx_tsc_aux_slot, vmx->tsc_aux, ~0ULL);
	preempt_enable();
	return 0;
}

static int get_tsc_aux(struct kvm_vcpu *vcpu, struct x86_msr *msr)
{
	if (vmx_tsc_aux_slot < 0)
		return X86_MSR_UNKNOWN;
	if (!has_tsc_aux(vcpu, msr->host))
		return X86_MSR_INVALID;
	msr->data = to_vmx(vcpu)->tsc_aux;
	return 0;
}

/* UMWAIT and TPAUSE: how long at most, and how deep (SDM vol 2, UMWAIT); run.c loads it. */
static bool has_umwait_control(struct kvm_vcpu *vcpu, bool host)
{
	return host || x86_guest_has(vcpu, X86_FEATURE_WAITPKG);
}

static int get_umwait_control(struct kvm_vcpu *vcpu, struct x86_msr *msr)
{
	if (!x86_can(X86_FEATURE_WAITPKG))
		return X86_MSR_UNKNOWN;
	if (!has_umwait_control(vcpu, msr->host))
		return X86_MSR_INVALID;
	msr->data = to_vmx(vcpu)->umwait_control;
	return 0;
}

static int set_umwait_control(struct kvm_vcpu *vcpu, const struct x86_msr *msr)
{
	if (!x86_can(X86_FEATURE_WAITPKG))
		return X86_MSR_UNKNOWN;
	if (!has_umwait_control(vcpu, msr->host))
		return X86_MSR_INVALID;
	if (msr->data >> 32 || msr->data & MSR_IA32_UMWAIT_CONTROL_RESERVED)
		return X86_MSR_INVALID;
	to_vmx(vcpu)->umwait_control = msr->data;
	return 0;
}

static int set_pat(struct kvm_vcpu *vcpu, const struct x86_msr *msr)
{
	if (!x86_pat_valid(msr->data))
		return X86_MSR_INVALID;
	to_x86(vcpu)->pat = msr->data;
	vmcs_write64(GUEST_IA32_PAT, msr->data);
	return 0;
}

static int set_syscall(struct kvm_vcpu *vcpu, unsigned int i, u64 value)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);

	if (i == SYSCALL_LSTAR && !x86_is_canonical(vcpu, value))
		return X86_MSR_INVALID;
	vmx->syscall[i] = i == SYSCALL_MASK ? (u32)value : value;
	vmx_msrs_changed(vmx);
	return 0;
}

/* In the MSR itself while the host's state is put aside. */
static u64 get_kernel_gs(struct vcpu_vmx *vmx)
{
	preempt_disable();
	if (vmx->host_saved)
		rdmsrl(MSR_KERNEL_GS_BASE, vmx->kernel_gs);
	preempt_enable();
	return vmx->kernel_gs;
}

static int set_kernel_gs(struct kvm_vcpu *vcpu, u64 value)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);

	if (!x86_is_canonical(vcpu, value))
		return X86_MSR_INVALID;
	preempt_disable();
	vmx->kernel_gs = value;
	if (vmx->host_saved)
		wrmsrl(MSR_KERNEL_GS_BASE, value);
	preempt_enable();
	return 0;
}

/* The base of FS or GS, which in real mode may be elsewhere. */
static bool is_real_base(const struct vcpu_vmx *vmx, const struct vmcs_msr *row)
{
	return unlikely(vmx->rm.on) && (row->index == MSR_FS_BASE || row->index == MSR_GS_BASE);
}

static int seg_of(const struct vmcs_msr *row)
{
	return row->index == MSR_FS_BASE ? SEG_FS : SEG_GS;
}

static void set_real_base(struct vcpu_vmx *vmx, const struct vmcs_msr *row, u64 base)
{
	struct vmx_seg s = vmx_real_segment(vmx, seg_of(row));

	s.base = base;
	vmx_real_set_segment(vmx, seg_of(row), &s);
}

int vmx_get_msr(struct kvm_vcpu *vcpu, struct x86_msr *msr)
{
	const struct vmcs_msr *row = find_row(msr->index);
	struct vcpu_vmx *vmx = to_vmx(vcpu);
	int syscall = find_syscall(msr->index);

	if (row) {
		msr->data = is_real_base(vmx, row) ? vmx_segment_base(vcpu, seg_of(row)) :
						     vmcs_read_any(row->field);
		return 0;
	}
	if (syscall >= 0) {
		msr->data = vmx->syscall[syscall];
		return 0;
	}
	switch (msr->index) {
	case MSR_KERNEL_GS_BASE:
		msr->data = get_kernel_gs(vmx);
		return 0;
	case MSR_CSTAR:
		msr->data = vmx->cstar;
		return 0;
	case MSR_IA32_CR_PAT:
		msr->data = vmx->x86.pat;
		return 0;
	case MSR_IA32_SPEC_CTRL:
		return get_spec_ctrl(vcpu, msr);
	case MSR_TSC_AUX:
		return get_tsc_aux(vcpu, msr);
	case MSR_IA32_UMWAIT_CONTROL:
		return get_umwait_control(vcpu, msr);
	case MSR_IA32_DEBUGCTLMSR:
		msr->data = vmcs_read64(GUEST_IA32_DEBUGCTL);
		return 0;
	case MSR_IA32_FEAT_CTL:
		msr->data = FEAT_CTL_LOCKED;	/* and VMX not offered */
		return 0;
	default:
		return X86_MSR_UNKNOWN;
	}
}

static int set_vmcs_msr(struct kvm_vcpu *vcpu, const struct x86_msr *msr,
			const struct vmcs_msr *row)
{
	if (row->flags & CANONICAL && !x86_is_canonical(vcpu, msr->data))
		return X86_MSR_INVALID;
	if (is_real_base(to_vmx(vcpu), row))
		set_real_base(to_vmx(vcpu), row, msr->data);
	else
		vmcs_write_any(row->field, row->flags & NARROW ? (u32)msr->data : msr->data);
	return 0;
}

static int set_cstar(struct kvm_vcpu *vcpu, u64 value)
{
	if (!x86_is_canonical(vcpu, value))
		return X86_MSR_INVALID;
	to_vmx(vcpu)->cstar = value;	/* SYSCALL outside 64-bit mode is #UD: nothing uses it */
	return 0;
}

/* No branch records are offered; a step over branches is. */
static int set_debugctl(u64 value)
{
	if (value & ~(u64)(DEBUGCTLMSR_LBR | DEBUGCTLMSR_BTF))
		return X86_MSR_INVALID;
	vmcs_write64(GUEST_IA32_DEBUGCTL, value & DEBUGCTLMSR_BTF);
	return 0;
}

int vmx_set_msr(struct kvm_vcpu *vcpu, const struct x86_msr *msr)
{
	const struct vmcs_msr *row = find_row(msr->index);
	int syscall = find_syscall(msr->index);

	if (row)
		return set_vmcs_msr(vcpu, msr, row);
	if (syscall >= 0)
		return set_syscall(vcpu, syscall, msr->data);
	switch (msr->index) {
	case MSR_KERNEL_GS_BASE:
		return set_kernel_gs(vcpu, msr->data);
	case MSR_CSTAR:
		return set_cstar(vcpu, msr->data);
	case MSR_IA32_CR_PAT:
		return set_pat(vcpu, msr);
	case MSR_IA32_SPEC_CTRL:
		return set_spec_ctrl(vcpu, msr);
	case MSR_TSC_AUX:
		return set_tsc_aux(vcpu, msr);
	case MSR_IA32_UMWAIT_CONTROL:
		return set_umwait_control(vcpu, msr);
	case MSR_IA32_DEBUGCTLMSR:
		return set_debugctl(msr->data);
	case MSR_IA32_FEAT_CTL:
		return msr->host && msr->data == FEAT_CTL_LOCKED ? 0 : X86_MSR_INVALID;
	default:
		return X86_MSR_UNKNOWN;
	}
}

bool vmx_has_msr(u32 index)
{
	switch (index) {
	case MSR_TSC_AUX:
		return vmx_tsc_aux_slot >= 0;
	case MSR_IA32_SPEC_CTRL:
		return boot_cpu_has(X86_FEATURE_MSR_SPEC_CTRL);
	case MSR_IA32_UMWAIT_CONTROL:
		return x86_can(X86_FEATURE_WAITPKG);
	case MSR_KERNEL_GS_BASE:
	case MSR_CSTAR:
	case MSR_IA32_CR_PAT:
	case MSR_IA32_DEBUGCTLMSR:
	case MSR_IA32_FEAT_CTL:
		return true;
	default:
		return find_row(index) || find_syscall(index) >= 0;
	}
}
