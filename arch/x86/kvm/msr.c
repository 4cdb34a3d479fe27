// SPDX-License-Identifier: GPL-2.0-only
/*
 * Model-specific registers.
 *
 * A row is a range of MSRs and how it is read and written. The backend is asked first, for it has those that hardware
 * switches; then these rows. A register that no row knows is unknown: #GP for the guest, "not done" for user space,
 * unless ignore_msrs says otherwise.
 */
#include <linux/kernel.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/mce.h>
#include <asm/mtrr.h>
#include <asm/nospec-branch.h>
#include "msr_filter.h"
#include "trace.h"
#include "vm.h"
#include "x86.h"

#define MAX_MSRS_A_CALL	4096	/* KVM_GET_MSRS and KVM_SET_MSRS */

struct msr_row {
	u32	first, last;
	int	(*get)(struct kvm_vcpu *vcpu, struct x86_msr *msr);
	int	(*set)(struct kvm_vcpu *vcpu, const struct x86_msr *msr);	/* NULL: read-only */
	bool	saved;		/* in KVM_GET_MSR_INDEX_LIST: state that user space has to carry */
};

/* Only user space may write; the guest's write is #GP. */
static int host_only(const struct x86_msr *msr)
{
	return msr->host ? 0 : X86_MSR_INVALID;
}

static int get_zero(struct kvm_vcpu *vcpu, struct x86_msr *msr)
{
	msr->data = 0;
	return 0;
}

static int set_ignored(struct kvm_vcpu *vcpu, const struct x86_msr *msr)
{
	return 0;
}

static int set_zero_only(struct kvm_vcpu *vcpu, const struct x86_msr *msr)
{
	return msr->data ? X86_MSR_INVALID : 0;
}

/* Each byte of PAT is a memory type, and 2 and 3 are none (SDM vol 3, 12.12.2; APM vol 2, 7.8.1). */
bool x86_pat_valid(u64 pat)
{
	int i;

	for (i = 0; i < 64; i += 8) {
		unsigned int type = pat >> i & 0xff;

		if (type > 7 || type == 2 || type == 3)
			return false;
	}
	return true;
}
EXPORT_SYMBOL_GPL(x86_pat_valid);

static int get_x2apic(struct kvm_vcpu *vcpu, struct x86_msr *msr)
{
	return lapic_x2apic_read(vcpu, msr->index, &msr->data);
}

static int set_x2apic(struct kvm_vcpu *vcpu, const struct x86_msr *msr)
{
	return lapic_x2apic_write(vcpu, msr->index, msr->data);
}

static int get_deadline(struct kvm_vcpu *vcpu, struct x86_msr *msr)
{
	msr->data = lapic_tscdeadline_get(vcpu);
	return 0;
}

static int set_deadline(struct kvm_vcpu *vcpu, const struct x86_msr *msr)
{
	lapic_tscdeadline_set(vcpu, msr->data);
	return 0;
}

static int get_tsc(struct kvm_vcpu *vcpu, struct x86_msr *msr)
{
	msr->data = x86_tsc_read_guest(vcpu, rdtsc());
	return 0;
}

static int set_tsc(struct kvm_vcpu *vcpu, const struct x86_msr *msr)
{
	x86_tsc_write(vcpu, msr->data, msr->host);
	return 0;
}

static int get_tsc_adjust(struct kvm_vcpu *vcpu, struct x86_msr *msr)
{
	msr->data = to_x86(vcpu)->tsc.adjust;
	return 0;
}

static int set_tsc_adjust(struct kvm_vcpu *vcpu, const struct x86_msr *msr)
{
	if (!msr->host && !x86_guest_has(vcpu, X86_FEATURE_TSC_ADJUST))
		return X86_MSR_INVALID;
	x86_tsc_adjust_write(vcpu, msr->data, msr->host);
	return 0;
}

static int get_efer(struct kvm_vcpu *vcpu, struct x86_msr *msr)
{
	msr->data = to_x86(vcpu)->efer;
	return 0;
}

static int set_efer(struct kvm_vcpu *vcpu, const struct x86_msr *msr)
{
	return x86_set_efer(vcpu, msr->data, msr->host);
}

static int get_apic_base(struct kvm_vcpu *vcpu, struct x86_msr *msr)
{
	msr->data = to_x86(vcpu)->apic_base;
	return 0;
}

static int set_apic_base(struct kvm_vcpu *vcpu, const struct x86_msr *msr)
{
	return lapic_set_base(vcpu, msr->data, msr->host);
}

static int get_pv(struct kvm_vcpu *vcpu, struct x86_msr *msr)
{
	return pv_msr_get(vcpu, msr->index, &msr->data, msr->host);
}

static int set_pv(struct kvm_vcpu *vcpu, const struct x86_msr *msr)
{
	return pv_msr_set(vcpu, msr->index, msr->data, msr->host);
}

#define MISC_ENABLE_BITS (MSR_IA32_MISC_ENABLE_FAST_STRING | MSR_IA32_MISC_ENABLE_PEBS_UNAVAIL |	\
			  MSR_IA32_MISC_ENABLE_BTS_UNAVAIL | MSR_IA32_MISC_ENABLE_MWAIT |		\
			  MSR_IA32_MISC_ENABLE_LIMIT_CPUID | MSR_IA32_MISC_ENABLE_ENHANCED_SPEEDSTEP |	\
			  MSR_IA32_MISC_ENABLE_EMON | MSR_IA32_MISC_ENABLE_XD_DISABLE)

static int get_misc_enable(struct kvm_vcpu *vcpu, struct x86_msr *msr)
{
	msr->data = to_x86(vcpu)->misc_enable;
	return 0;
}

static int set_misc_enable(struct kvm_vcpu *vcpu, const struct x86_msr *msr)
{
	struct x86_vcpu *v = to_x86(vcpu);
	u64 changed = v->misc_enable ^ msr->data;

	if (!msr->host && msr->data & ~(u64)MISC_ENABLE_BITS)
		return X86_MSR_INVALID;
	v->misc_enable = msr->data;
	if (changed & MSR_IA32_MISC_ENABLE_MWAIT)
		x86_cpuid_runtime_update(vcpu);
	return 0;
}

static int get_ucode_rev(struct kvm_vcpu *vcpu, struct x86_msr *msr)
{
	msr->data = to_x86(vcpu)->microcode_version;
	return 0;
}

/* The guest writes 0 to have the CPU report the revision: nothing to do. */
static int set_ucode_rev(struct kvm_vcpu *vcpu, const struct x86_msr *msr)
{
	if (msr->host)
		to_x86(vcpu)->microcode_version = msr->data;
	return 0;
}

static int get_arch_capabilities(struct kvm_vcpu *vcpu, struct x86_msr *msr)
{
	if (!msr->host && !x86_guest_has(vcpu, X86_FEATURE_ARCH_CAPABILITIES))
		return X86_MSR_INVALID;
	msr->data = to_x86(vcpu)->arch_capabilities;
	return 0;
}

static int set_arch_capabilities(struct kvm_vcpu *vcpu, const struct x86_msr *msr)
{
	if (host_only(msr))
		return X86_MSR_INVALID;
	to_x86(vcpu)->arch_capabilities = msr->data;
	return 0;
}

/* IA32_PRED_CMD: a command, not a register; bit 0 is IBPB. */
static int set_pred_cmd(struct kvm_vcpu *vcpu, const struct x86_msr *msr)
{
	if (!msr->host && !x86_guest_has(vcpu, X86_FEATURE_SPEC_CTRL) && !x86_guest_has(vcpu, X86_FEATURE_AMD_IBPB))
		return X86_MSR_INVALID;
	if (msr->data & ~(u64)PRED_CMD_IBPB || !boot_cpu_has(X86_FEATURE_IBPB))
		return X86_MSR_INVALID;
	if (msr->data)
		wrmsrl(MSR_IA32_PRED_CMD, PRED_CMD_IBPB);
	return 0;
}

static int get_write_only(struct kvm_vcpu *vcpu, struct x86_msr *msr)
{
	msr->data = 0;
	return msr->host ? 0 : X86_MSR_INVALID;
}

static int get_xss(struct kvm_vcpu *vcpu, struct x86_msr *msr)
{
	if (!msr->host && !x86_guest_has(vcpu, X86_FEATURE_XSAVES))
		return X86_MSR_INVALID;
	msr->data = to_x86(vcpu)->xss;
	return 0;
}

/* No supervisor state component is virtualized. */
static int set_xss(struct kvm_vcpu *vcpu, const struct x86_msr *msr)
{
	if (!msr->host && !x86_guest_has(vcpu, X86_FEATURE_XSAVES))
		return X86_MSR_INVALID;
	return set_zero_only(vcpu, msr);
}

static int get_smbase(struct kvm_vcpu *vcpu, struct x86_msr *msr)
{
	if (!msr->host && !to_x86(vcpu)->events.in_smm)	/* SDM vol 4, table 2-2 */
		return X86_MSR_INVALID;
	msr->data = to_x86(vcpu)->smbase;
	return 0;
}

static int set_smbase(struct kvm_vcpu *vcpu, const struct x86_msr *msr)
{
	if (host_only(msr) || msr->data >> 32)
		return X86_MSR_INVALID;
	to_x86(vcpu)->smbase = msr->data;
	return 0;
}

static int get_smi_count(struct kvm_vcpu *vcpu, struct x86_msr *msr)
{
	msr->data = to_x86(vcpu)->smi_count;
	return 0;
}

static int set_smi_count(struct kvm_vcpu *vcpu, const struct x86_msr *msr)
{
	if (host_only(msr))
		return X86_MSR_INVALID;
	to_x86(vcpu)->smi_count = msr->data;
	return 0;
}

/*
 * MTRRs: kept for the guest to read back. The memory type is the host's: guest RAM is write-back, and what a guest
 * must see uncached is device memory, which is not cached anyway.
 */
#define VAR_MTRRS	8
#define MTRR_FIXED_INDEX (2 * VAR_MTRRS)		/* then 11 fixed ones, then the default type */
#define MTRR_DEF_INDEX	(MTRR_FIXED_INDEX + 11)

static int mtrr_index(u32 msr)
{
	switch (msr) {
	case MTRRphysBase_MSR(0) ... MTRRphysMask_MSR(VAR_MTRRS - 1):
		return msr - MTRRphysBase_MSR(0);
	case MSR_MTRRfix64K_00000:
		return MTRR_FIXED_INDEX;
	case MSR_MTRRfix16K_80000:
		return MTRR_FIXED_INDEX + 1;
	case MSR_MTRRfix16K_A0000:
		return MTRR_FIXED_INDEX + 2;
	case MSR_MTRRfix4K_C0000 ... MSR_MTRRfix4K_F8000:
		return MTRR_FIXED_INDEX + 3 + msr - MSR_MTRRfix4K_C0000;
	case MSR_MTRRdefType:
		return MTRR_DEF_INDEX;
	default:
		return -1;
	}
}

/* SDM vol 3, table 11-8: 0 UC, 1 WC, 4 WT, 5 WP, 6 WB. */
static bool mtrr_type_valid(u8 type)
{
	return type < 8 && (BIT(type) & 0x73);
}

static bool fixed_types_valid(u64 data)
{
	int i;

	for (i = 0; i < 8; i++, data >>= 8)
		if (!mtrr_type_valid(data & 0xff))
			return false;
	return true;
}

static bool mtrr_valid(struct kvm_vcpu *vcpu, u32 msr, int index, u64 data)
{
	u64 reserved = to_x86(vcpu)->reserved_gpa_bits;

	if (index == MTRR_DEF_INDEX)
		return !(data & ~0xcffULL) && mtrr_type_valid(data & 0xff);
	if (index >= MTRR_FIXED_INDEX)
		return fixed_types_valid(data);
	if (index & 1)			/* mask: V and the address */
		return !(data & (reserved | 0x7ff));
	return !(data & (reserved | 0xf00)) && mtrr_type_valid(data & 0xff);
}

static int get_mtrr(struct kvm_vcpu *vcpu, struct x86_msr *msr)
{
	int i = mtrr_index(msr->index);

	if (i < 0)
		return X86_MSR_UNKNOWN;
	msr->data = to_x86(vcpu)->mtrr[array_index_nospec(i, MTRR_DEF_INDEX + 1)];
	return 0;
}

static int set_mtrr(struct kvm_vcpu *vcpu, const struct x86_msr *msr)
{
	int i = mtrr_index(msr->index);

	if (i < 0)
		return X86_MSR_UNKNOWN;
	if (!mtrr_valid(vcpu, msr->index, i, msr->data))
		return X86_MSR_INVALID;
	to_x86(vcpu)->mtrr[array_index_nospec(i, MTRR_DEF_INDEX + 1)] = msr->data;
	return 0;
}

static int get_mtrr_cap(struct kvm_vcpu *vcpu, struct x86_msr *msr)
{
	msr->data = VAR_MTRRS | BIT(8) | BIT(10);	/* fixed ranges, write-combining */
	return 0;
}

/*
 * Machine check: MCG_CAP says how many banks there are; without KVM_X86_SETUP_MCE none.
 */
static int get_mcg(struct kvm_vcpu *vcpu, struct x86_msr *msr)
{
	struct x86_vcpu *v = to_x86(vcpu);

	switch (msr->index) {
	case MSR_IA32_MCG_CAP:
		msr->data = v->mcg_cap;
		return 0;
	case MSR_IA32_MCG_STATUS:
		msr->data = v->mcg_status;
		return 0;
	default:
		if (!(v->mcg_cap & MCG_CTL_P) && !msr->host)
			return X86_MSR_INVALID;
		msr->data = v->mcg_ctl;
		return 0;
	}
}

static int set_mcg(struct kvm_vcpu *vcpu, const struct x86_msr *msr)
{
	struct x86_vcpu *v = to_x86(vcpu);

	switch (msr->index) {
	case MSR_IA32_MCG_CAP:
		/* Read-only; KVM_X86_SETUP_MCE makes it. User space may write back what it has read. */
		return msr->host && msr->data == v->mcg_cap ? 0 : X86_MSR_INVALID;
	case MSR_IA32_MCG_STATUS:
		v->mcg_status = msr->data;
		return 0;
	default:
		if (!(v->mcg_cap & MCG_CTL_P) && (msr->data || !msr->host))
			return X86_MSR_INVALID;
		if (msr->data != 0 && msr->data != ~0ULL)
			return X86_MSR_INVALID;
		v->mcg_ctl = msr->data;
		return 0;
	}
}

static int get_mc_bank(struct kvm_vcpu *vcpu, struct x86_msr *msr)
{
	u32 n = (to_x86(vcpu)->mcg_cap & MCG_BANKCNT_MASK) * 4, i = msr->index - MSR_IA32_MC0_CTL;

	if (i >= n)
		return X86_MSR_UNKNOWN;
	msr->data = to_x86(vcpu)->mce_banks[array_index_nospec(i, n)];
	return 0;
}

static int set_mc_bank(struct kvm_vcpu *vcpu, const struct x86_msr *msr)
{
	u32 n = (to_x86(vcpu)->mcg_cap & MCG_BANKCNT_MASK) * 4, i = msr->index - MSR_IA32_MC0_CTL;

	if (i >= n)
		return X86_MSR_UNKNOWN;
	/* CTL is all or nothing; the guest may only clear a STATUS (SDM vol 3, 15.3.2). */
	if ((i & 3) == 0 && msr->data != 0 && (msr->data | BIT(10) | BIT(0)) != ~0ULL)
		return X86_MSR_INVALID;
	if ((i & 3) == 1 && !msr->host && msr->data)
		return X86_MSR_INVALID;
	to_x86(vcpu)->mce_banks[array_index_nospec(i, n)] = msr->data;
	return 0;
}

/* HWCR (APM vol 2, 3.2.10): only bits that change nothing here; TscFreqSel reads as set by firmware. */
static int set_hwcr(struct kvm_vcpu *vcpu, const struct x86_msr *msr)
{
	return msr->data & ~(BIT_ULL(24) | BIT_ULL(18) | BIT_ULL(6) | BIT_ULL(3) | BIT_ULL(8)) ? X86_MSR_INVALID : 0;
}

#define ROW(_first, _last, _get, _set, _saved) \
	{ .first = (_first), .last = (_last), .get = (_get), .set = (_set), .saved = (_saved) }
#define ONE(_msr, _get, _set, _saved)	ROW(_msr, _msr, _get, _set, _saved)

/* Those a guest uses often come first. */
static const struct msr_row rows[] = {
	ROW(APIC_BASE_MSR, APIC_BASE_MSR + 0xff,	get_x2apic, set_x2apic, false),
	ONE(MSR_IA32_TSC_DEADLINE,	get_deadline, set_deadline, true),
	ONE(MSR_IA32_TSC,		get_tsc, set_tsc, true),
	ONE(MSR_EFER,			get_efer, set_efer, false),
	ONE(MSR_IA32_TSC_ADJUST,	get_tsc_adjust, set_tsc_adjust, true),
	ONE(MSR_IA32_APICBASE,		get_apic_base, set_apic_base, false),
	ROW(MSR_KVM_WALL_CLOCK_NEW, MSR_KVM_WALL_CLOCK_NEW + 0xff, get_pv, set_pv, false),
	ROW(MSR_KVM_WALL_CLOCK, MSR_KVM_SYSTEM_TIME, get_pv, set_pv, false),
	ONE(MSR_IA32_PRED_CMD,		get_write_only, set_pred_cmd, false),
	ONE(MSR_IA32_MISC_ENABLE,	get_misc_enable, set_misc_enable, true),
	ONE(MSR_IA32_UCODE_REV,		get_ucode_rev, set_ucode_rev, true),
	ONE(MSR_IA32_UCODE_WRITE,	get_write_only, set_ignored, false),
	ONE(MSR_AMD64_PATCH_LOADER,	get_write_only, set_ignored, false),
	ONE(MSR_IA32_ARCH_CAPABILITIES,	get_arch_capabilities, set_arch_capabilities, true),
	ONE(MSR_IA32_XSS,		get_xss, set_xss, false),
	ONE(MSR_IA32_SMBASE,		get_smbase, set_smbase, true),
	ONE(MSR_SMI_COUNT,		get_smi_count, set_smi_count, true),
	ONE(MSR_MTRRcap,		get_mtrr_cap, NULL, false),
	ROW(MTRRphysBase_MSR(0), MSR_MTRRdefType, get_mtrr, set_mtrr, false),
	ROW(MSR_IA32_MCG_CAP, MSR_IA32_MCG_CTL,	get_mcg, set_mcg, true),
	ROW(MSR_IA32_MC0_CTL, MSR_IA32_MCx_CTL(32) - 1, get_mc_bank, set_mc_bank, false),
	ONE(MSR_K7_HWCR,		get_zero, set_hwcr, false),
	/* What firmware and Linux look at on AMD and that is nothing here. */
	ONE(MSR_IA32_PLATFORM_ID,	get_zero, NULL, false),
	ONE(MSR_IA32_EBL_CR_POWERON,	get_zero, set_zero_only, false),
	ONE(MSR_AMD64_SYSCFG,		get_zero, set_zero_only, false),
	ROW(MSR_K8_TSEG_ADDR, MSR_K8_TSEG_MASK,	get_zero, set_zero_only, false),
	ONE(MSR_K8_INT_PENDING_MSG,	get_zero, set_zero_only, false),
	ONE(MSR_AMD64_NB_CFG,		get_zero, set_zero_only, false),
	ONE(MSR_FAM10H_MMIO_CONF_BASE,	get_zero, set_zero_only, false),
	ONE(MSR_AMD64_BU_CFG2,		get_zero, set_zero_only, false),
	ONE(MSR_AMD64_DC_CFG,		get_zero, set_zero_only, false),
	ONE(MSR_AMD64_TW_CFG,		get_zero, set_zero_only, false),
	ONE(MSR_F15H_EX_CFG,		get_zero, set_zero_only, false),
	ROW(MSR_K7_EVNTSEL0, MSR_K7_PERFCTR3,	get_zero, set_zero_only, false),
	ROW(MSR_AMD64_OSVW_ID_LENGTH, MSR_AMD64_OSVW_STATUS, get_zero, set_zero_only, false),
};

/* What KVM_GET_MSR_INDEX_LIST says beside the rows marked as saved, if the backend has them. */
static const u32 backend_msrs[] = {
	MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SYSCALL_MASK, MSR_KERNEL_GS_BASE,
	MSR_IA32_SYSENTER_CS, MSR_IA32_SYSENTER_ESP, MSR_IA32_SYSENTER_EIP,
	MSR_IA32_CR_PAT, MSR_TSC_AUX, MSR_IA32_SPEC_CTRL, MSR_AMD64_VIRT_SPEC_CTRL, MSR_VM_HSAVE_PA,
	MSR_AMD64_TSC_RATIO, MSR_IA32_UMWAIT_CONTROL,
};

/* Registers that describe the host: KVM_GET_MSR_FEATURE_INDEX_LIST. */
static const u32 feature_msrs[] = {
	MSR_IA32_UCODE_REV, MSR_IA32_ARCH_CAPABILITIES,
};

static const struct msr_row *row_of(u32 index)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		if (index >= rows[i].first && index <= rows[i].last)
			return &rows[i];
	return NULL;
}

int x86_msr_get(struct kvm_vcpu *vcpu, struct x86_msr *msr)
{
	int r = x86_cold(get_msr)(vcpu, msr);
	const struct msr_row *row;

	if (r != X86_MSR_UNKNOWN)
		return r;
	row = row_of(msr->index);
	if (row)
		r = row->get(vcpu, msr);
	if (r == X86_MSR_UNKNOWN && x86_ignore_msrs) {
		if (x86_report_ignored_msrs)
			pr_debug_ratelimited("kvm: read of unknown MSR 0x%x gives 0\n", msr->index);
		msr->data = 0;
		r = 0;
	}
	return r;
}
EXPORT_SYMBOL_GPL(x86_msr_get);

int x86_msr_set(struct kvm_vcpu *vcpu, const struct x86_msr *msr)
{
	int r = x86_cold(set_msr)(vcpu, msr);
	const struct msr_row *row;

	if (r != X86_MSR_UNKNOWN)
		return r;
	row = row_of(msr->index);
	if (row) {
		struct x86_msr old = { .index = msr->index, .host = msr->host };

		/* User space writes back what it has read: a read-only register takes its own value. */
		if (row->set)
			r = row->set(vcpu, msr);
		else if (msr->host && !row->get(vcpu, &old) && old.data == msr->data)
			r = 0;
		else
			r = X86_MSR_INVALID;
	}
	if (r == X86_MSR_UNKNOWN && x86_ignore_msrs) {
		if (x86_report_ignored_msrs)
			pr_debug_ratelimited("kvm: write of unknown MSR 0x%x is ignored\n", msr->index);
		r = 0;
	}
	return r;
}
EXPORT_SYMBOL_GPL(x86_msr_set);

/* RDMSR and WRMSR of the guest: user space's filter comes first. */
static int guest_get(struct kvm_vcpu *vcpu, struct x86_msr *msr)
{
	if (!x86_msr_allowed(vcpu, msr->index, KVM_MSR_FILTER_READ))
		return X86_MSR_FILTERED;
	return x86_msr_get(vcpu, msr);
}

static int guest_set(struct kvm_vcpu *vcpu, const struct x86_msr *msr)
{
	if (!x86_msr_allowed(vcpu, msr->index, KVM_MSR_FILTER_WRITE))
		return X86_MSR_FILTERED;
	return x86_msr_set(vcpu, msr);
}

int x86_exit_rdmsr(struct kvm_vcpu *vcpu)
{
	struct x86_msr msr = { .index = x86_reg_read(vcpu, GPR_RCX) };
	int r = guest_get(vcpu, &msr);

	trace_kvm_msr(0, msr.index, msr.data, r);
	if (unlikely(r))
		return x86_msr_refused(vcpu, &msr, r, false);
	x86_reg_write(vcpu, GPR_RAX, lower_32_bits(msr.data));
	x86_reg_write(vcpu, GPR_RDX, upper_32_bits(msr.data));
	return x86_insn_skip(vcpu);
}
EXPORT_SYMBOL_GPL(x86_exit_rdmsr);

int x86_exit_wrmsr(struct kvm_vcpu *vcpu)
{
	struct x86_msr msr = { .index = x86_reg_read(vcpu, GPR_RCX), .data = x86_edx_eax(vcpu) };
	int r = guest_set(vcpu, &msr);

	trace_kvm_msr(1, msr.index, msr.data, r);
	if (unlikely(r == -EFAULT))	/* the VMM's memory, not the guest's mistake */
		return r;
	if (unlikely(r))
		return x86_msr_refused(vcpu, &msr, r, true);
	return x86_insn_skip(vcpu);
}
EXPORT_SYMBOL_GPL(x86_exit_wrmsr);

void x86_msr_reset(struct kvm_vcpu *vcpu, bool init)
{
	struct x86_vcpu *v = to_x86(vcpu);

	v->misc_enable = MSR_IA32_MISC_ENABLE_PEBS_UNAVAIL | MSR_IA32_MISC_ENABLE_BTS_UNAVAIL;
	v->xcr0 = XFEATURE_MASK_FP;
	v->xss = 0;
	v->mcg_status = 0;
	memset(v->mtrr, 0, sizeof(v->mtrr));
	if (!v->has_run)
		v->microcode_version = 0x01000065;	/* one that no erratum work-around objects to */
}

static int feature_msr(u32 index, u64 *data)
{
	switch (index) {
	case MSR_IA32_UCODE_REV:
		return rdmsrl_safe(index, data) ? -EINVAL : 0;
	case MSR_IA32_ARCH_CAPABILITIES:
		*data = 0;
		return 0;
	default:
		return -EINVAL;
	}
}

/* Entry by entry until one fails; gives how many were done. */
static unsigned int walk_msrs(struct kvm_vcpu *vcpu, struct kvm_msr_entry *entries, unsigned int n,
			      int (*one)(struct kvm_vcpu *vcpu, struct kvm_msr_entry *e))
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if (one(vcpu, &entries[i]))
			break;
	return i;
}

/* MSRs that name guest memory look its slots up: srcu, as in KVM_RUN. */
static unsigned int walk_vcpu_msrs(struct kvm_vcpu *vcpu, struct kvm_msr_entry *entries,
				   unsigned int n,
				   int (*one)(struct kvm_vcpu *vcpu, struct kvm_msr_entry *e))
{
	unsigned int done;

	kvm_vcpu_srcu_lock(vcpu);
	done = walk_msrs(vcpu, entries, n, one);
	kvm_vcpu_srcu_unlock(vcpu);
	return done;
}

/*
 * KVM_GET_MSRS and KVM_SET_MSRS: the result says how many were done (KVM API 4.18). Without @vcpu
 * they are features of the system.
 */
static long for_each_msr(struct kvm_arg *arg, struct kvm_vcpu *vcpu,
			 int (*one)(struct kvm_vcpu *vcpu, struct kvm_msr_entry *e), bool write_back)
{
	struct kvm_msrs __user *user = arg->user;
	struct kvm_msr_entry *entries;
	struct kvm_msrs head;
	size_t size;
	long r;

	if (copy_from_user(&head, user, sizeof(head)))
		return -EFAULT;
	if (head.nmsrs >= MAX_MSRS_A_CALL)
		return -E2BIG;
	if (!head.nmsrs)
		return 0;
	size = head.nmsrs * sizeof(*entries);
	entries = vmemdup_user(user->entries, size);
	if (IS_ERR(entries))
		return PTR_ERR(entries);
	r = vcpu ? walk_vcpu_msrs(vcpu, entries, head.nmsrs, one) :
		   walk_msrs(NULL, entries, head.nmsrs, one);
	if (write_back && copy_to_user(user->entries, entries, size))
		r = -EFAULT;
	kvfree(entries);
	return r;
}

static int get_one(struct kvm_vcpu *vcpu, struct kvm_msr_entry *e)
{
	struct x86_msr msr = { .index = e->index, .host = true };
	int r = x86_msr_get(vcpu, &msr);

	if (!r)
		e->data = msr.data;
	return r;
}

static int set_one(struct kvm_vcpu *vcpu, struct kvm_msr_entry *e)
{
	struct x86_msr msr = { .index = e->index, .host = true, .data = e->data };

	return x86_msr_set(vcpu, &msr);
}

static int get_feature(struct kvm_vcpu *vcpu, struct kvm_msr_entry *e)
{
	u64 data;
	int r = feature_msr(e->index, &data);

	if (!r)
		e->data = data;
	return r;
}

long x86_vcpu_get_msrs(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	return for_each_msr(arg, vcpu, get_one, true);
}

long x86_vcpu_set_msrs(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	return for_each_msr(arg, vcpu, set_one, false);
}

long x86_sys_get_msrs(struct kvm_arg *arg)
{
	return for_each_msr(arg, NULL, get_feature, true);
}

/* The list is made once, when the backend can say what it has. */
static u32 *index_list;
static unsigned int index_count;

static unsigned int fill_index_list(u32 *out)
{
	unsigned int i, n = 0;
	u32 msr;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!rows[i].saved)
			continue;
		for (msr = rows[i].first; msr <= rows[i].last; msr++) {
			if (out)
				out[n] = msr;
			n++;
		}
	}
	for (i = 0; i < pv_nr_msrs; i++, n++)
		if (out)
			out[n] = pv_msrs[i];
	for (i = 0; i < ARRAY_SIZE(backend_msrs); i++) {
		if (!x86_cold(has_msr)(backend_msrs[i]))
			continue;
		if (out)
			out[n] = backend_msrs[i];
		n++;
	}
	return n;
}

int x86_msr_module_init(void)
{
	index_count = fill_index_list(NULL);
	index_list = kcalloc(index_count, sizeof(*index_list), GFP_KERNEL);
	if (!index_list)
		return -ENOMEM;
	fill_index_list(index_list);
	return 0;
}

void x86_msr_module_exit(void)
{
	kfree(index_list);
	index_list = NULL;
}

static long give_list(struct kvm_arg *arg, const u32 *list, unsigned int count)
{
	struct kvm_msr_list __user *user = arg->user;
	struct kvm_msr_list head;
	u32 room;

	if (copy_from_user(&head, user, sizeof(head)))
		return -EFAULT;
	room = head.nmsrs;
	head.nmsrs = count;
	if (copy_to_user(user, &head, sizeof(head)))	/* also when it is too small: says how many there are */
		return -EFAULT;
	if (room < count)
		return -E2BIG;
	return copy_to_user(user->indices, list, count * sizeof(u32)) ? -EFAULT : 0;
}

long x86_sys_get_msr_index_list(struct kvm_arg *arg)
{
	return give_list(arg, index_list, index_count);
}

long x86_sys_get_msr_feature_list(struct kvm_arg *arg)
{
	return give_list(arg, feature_msrs, ARRAY_SIZE(feature_msrs));
}
