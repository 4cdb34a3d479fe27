// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPUID: what this KVM offers, what user space has given a vCPU, and what the guest reads.
 *
 * Three tables make the first: words[] says which leaf and register a word of the kernel's feature bits is, features[]
 * which bits are virtualized here at all (a bit that is not listed is never offered), leaves[] which leaves there are
 * and how each is filled in. Everything else is derived: the guest's own feature words, reserved bits of CR4, MAXPHYADDR
 * and the state components it may enable.
 */
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/cpuid.h>
#include <asm/processor.h>
#include <uapi/asm/kvm_para.h>
#include "cpuid_table.h"
#include "trace.h"
#include "vm.h"
#include "x86.h"

u32 x86_caps[NCAPINTS] __read_mostly;
EXPORT_SYMBOL_GPL(x86_caps);

enum cpuid_reg { EAX, EBX, ECX, EDX };

/* Where CPUID shows a word of feature bits; words that are the kernel's own inventions have no row. */
static const struct {
	u8	word;
	u32	function;
	u32	index;
	u8	reg;
} words[] = {
	{ CPUID_1_EDX,		0x00000001, 0, EDX },
	{ CPUID_1_ECX,		0x00000001, 0, ECX },
	{ CPUID_7_0_EBX,	0x00000007, 0, EBX },
	{ CPUID_7_ECX,		0x00000007, 0, ECX },
	{ CPUID_7_EDX,		0x00000007, 0, EDX },
	{ CPUID_7_1_EAX,	0x00000007, 1, EAX },
	{ CPUID_D_1_EAX,	0x0000000d, 1, EAX },
	{ CPUID_8000_0001_EDX,	0x80000001, 0, EDX },
	{ CPUID_8000_0001_ECX,	0x80000001, 0, ECX },
	{ CPUID_8000_0008_EBX,	0x80000008, 0, EBX },
};

#define F(name)	X86_FEATURE_##name

/* Offered when the host has it. */
static const u16 features[] = {
	F(FPU), F(VME), F(DE), F(PSE), F(TSC), F(MSR), F(PAE), F(MCE), F(CX8), F(APIC), F(SEP), F(MTRR), F(PGE),
	F(MCA), F(CMOV), F(PAT), F(PSE36), F(CLFLUSH), F(MMX), F(FXSR), F(XMM), F(XMM2),
	F(XMM3), F(PCLMULQDQ), F(SSSE3), F(FMA), F(CX16), F(XMM4_1), F(XMM4_2), F(MOVBE), F(POPCNT), F(AES), F(XSAVE),
	F(AVX), F(F16C), F(RDRAND), F(PCID),
	F(FSGSBASE), F(BMI1), F(AVX2), F(SMEP), F(BMI2), F(ERMS), F(AVX512F), F(AVX512DQ), F(RDSEED), F(ADX), F(SMAP),
	F(AVX512IFMA), F(CLFLUSHOPT), F(CLWB), F(AVX512PF), F(AVX512ER), F(AVX512CD), F(SHA_NI), F(AVX512BW),
	F(AVX512VL), F(INVPCID),
	F(AVX512VBMI), F(UMIP), F(PKU), F(AVX512_VBMI2), F(GFNI), F(VAES), F(VPCLMULQDQ), F(AVX512_VNNI),
	F(AVX512_BITALG), F(AVX512_VPOPCNTDQ), F(LA57), F(RDPID), F(CLDEMOTE), F(MOVDIRI), F(MOVDIR64B),
	F(AVX512_4VNNIW), F(AVX512_4FMAPS), F(AVX512_VP2INTERSECT), F(FSRM), F(SERIALIZE), F(MD_CLEAR),
	F(AVX_VNNI), F(AVX512_BF16),
	F(XSAVEOPT), F(XSAVEC), F(XGETBV1),
	F(SYSCALL), F(NX), F(MMXEXT), F(FXSR_OPT), F(GBPAGES), F(RDTSCP), F(LM), F(3DNOWEXT), F(3DNOW),
	F(LAHF_LM), F(CMP_LEGACY), F(CR8_LEGACY), F(ABM), F(SSE4A), F(MISALIGNSSE), F(3DNOWPREFETCH), F(OSVW),
	F(XOP), F(FMA4), F(TBM), F(TOPOEXT),
	F(CLZERO), F(XSAVEERPTR), F(WBNOINVD), F(AMD_IBPB), F(AMD_IBRS), F(AMD_SSBD), F(VIRT_SSBD), F(AMD_SSB_NO),
	F(AMD_STIBP), F(AMD_STIBP_ALWAYS_ON),
};

/*
 * Made here, in software: offered on every host. The TSC deadline timer is not among them: it
 * needs a LAPIC in the kernel, so user space adds it by KVM_CAP_TSC_DEADLINE_TIMER (KVM API 4.46).
 */
static const u16 emulated_features[] = {
	F(X2APIC), F(HYPERVISOR), F(TSC_ADJUST),
};

/* Shared between leaf 1 and leaf 0x80000001 on AMD: the second repeats the first's bits (APM vol 3, E.4.2). */
#define AMD_SHARED_EDX	0x0183f3ffu

static bool host_is_amd(void)
{
	return boot_cpu_data.x86_vendor == X86_VENDOR_AMD || boot_cpu_data.x86_vendor == X86_VENDOR_HYGON;
}

static void set_caps(const u16 *f, unsigned int n, bool ask_host)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if (!ask_host || boot_cpu_has(f[i]))
			x86_cap_set(f[i]);
}

void x86_cpuid_module_init(void)
{
	memset(x86_caps, 0, sizeof(x86_caps));
	set_caps(features, ARRAY_SIZE(features), true);
	set_caps(emulated_features, ARRAY_SIZE(emulated_features), false);
	/* The kernel may have cleared these for itself; a guest with tables of its own is not concerned. */
	if (cpuid_eax(0) >= 7 && (cpuid_ecx(7) & BIT(F(LA57) & 31)))
		x86_cap_set(F(LA57));
	if (host_is_amd())
		x86_caps[CPUID_8000_0001_EDX] |= x86_caps[CPUID_1_EDX] & AMD_SHARED_EDX;
}

static u32 *reg_of(struct kvm_cpuid_entry2 *e, u8 reg)
{
	switch (reg) {
	case EAX:
		return &e->eax;
	case EBX:
		return &e->ebx;
	case ECX:
		return &e->ecx;
	default:
		return &e->edx;
	}
}

/*
 * GET_SUPPORTED_CPUID: a list that grows.
 */
struct cpuid_list {
	struct kvm_cpuid_entry2	*entries;
	unsigned int		n, max;
};

static struct kvm_cpuid_entry2 *add_leaf(struct cpuid_list *l, u32 function, u32 index, bool indexed)
{
	struct kvm_cpuid_entry2 *e;
	unsigned int i;

	if (l->n == l->max)
		return NULL;
	e = &l->entries[l->n++];
	memset(e, 0, sizeof(*e));
	e->function = function;
	e->index = index;
	e->flags = indexed ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0;
	cpuid_count(function, index, &e->eax, &e->ebx, &e->ecx, &e->edx);
	for (i = 0; i < ARRAY_SIZE(words); i++)
		if (words[i].function == function && words[i].index == index)
			*reg_of(e, words[i].reg) = x86_caps[words[i].word];
	return e;
}

/* Fill-in functions: @e has the host's values, feature words cut already. 0, or -E2BIG when more leaves had no room. */
static int fill_max_basic(struct cpuid_list *l, struct kvm_cpuid_entry2 *e)
{
	e->eax = clamp(e->eax, 0xdu, 0x1fu);
	return 0;
}

static int fill_family(struct cpuid_list *l, struct kvm_cpuid_entry2 *e)
{
	e->ebx &= 0x0000ff00;	/* CLFLUSH size; the rest is the vCPU's: brand, count, APIC id */
	return 0;
}

static int fill_zero(struct cpuid_list *l, struct kvm_cpuid_entry2 *e)
{
	e->eax = 0;
	e->ebx = 0;
	e->ecx = 0;
	e->edx = 0;
	return 0;
}

/* Cache parameters: subleaves until one of type 0 (SDM vol 2, CPUID leaf 4; APM vol 3, leaf 8000_001D). */
static int fill_caches(struct cpuid_list *l, struct kvm_cpuid_entry2 *e)
{
	u32 function = e->function, i;

	e->flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
	for (i = 1; e->eax & 0x1f; i++) {
		e = add_leaf(l, function, i, true);
		if (!e)
			return -E2BIG;
	}
	return 0;
}

static int fill_power(struct cpuid_list *l, struct kvm_cpuid_entry2 *e)
{
	fill_zero(l, e);
	e->eax = BIT(2);	/* ARAT: the LAPIC timer never stops */
	return 0;
}

static int fill_structured(struct cpuid_list *l, struct kvm_cpuid_entry2 *e)
{
	e->flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
	e->eax = min(e->eax, 1u);
	if (!e->eax)
		return 0;
	e = add_leaf(l, 7, 1, true);
	if (!e)
		return -E2BIG;
	e->ebx = 0;
	e->ecx = 0;
	e->edx = 0;
	return 0;
}

#define XSAVE_LEGACY_SIZE	512
#define XSAVE_HEADER_SIZE	64

/* Size of the XSAVE area for @xcr0 in the standard format, or compacted (SDM vol 1, 13.4). */
static u32 xsave_size(u64 xfeatures, bool compacted)
{
	u32 size = XSAVE_LEGACY_SIZE + XSAVE_HEADER_SIZE, eax, ebx, ecx, edx, offset;
	unsigned int i;

	for (i = 2; i < 63; i++) {
		if (!(xfeatures & BIT_ULL(i)))
			continue;
		cpuid_count(0xd, i, &eax, &ebx, &ecx, &edx);
		if (compacted)
			offset = ecx & BIT(1) ? ALIGN(size, 64) : size;
		else
			offset = ebx;
		size = max(size, offset + eax);
	}
	return size;
}

static int fill_xsave(struct cpuid_list *l, struct kvm_cpuid_entry2 *e)
{
	u64 xcr0 = x86_can(X86_FEATURE_XSAVE) ? x86_xcr0_supported : 0;
	unsigned int i;

	e->flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
	e->eax = lower_32_bits(xcr0);
	e->edx = upper_32_bits(xcr0);
	e->ebx = xcr0 ? xsave_size(xcr0, false) : 0;
	e->ecx = e->ebx;
	if (!xcr0)
		return 0;
	e = add_leaf(l, 0xd, 1, true);
	if (!e)
		return -E2BIG;
	e->ebx = e->eax & BIT(F(XSAVEC) & 31) ? xsave_size(xcr0, true) : 0;
	e->ecx = 0;
	e->edx = 0;
	for (i = 2; i < 63; i++) {
		if (!(xcr0 & BIT_ULL(i)))
			continue;
		e = add_leaf(l, 0xd, i, true);
		if (!e)
			return -E2BIG;
		e->ecx &= BIT(1);	/* user state, aligned or not */
		e->edx = 0;
	}
	return 0;
}

static int fill_max_extended(struct cpuid_list *l, struct kvm_cpuid_entry2 *e)
{
	e->eax = min(e->eax, 0x80000021u);
	return 0;
}

static int fill_extended_features(struct cpuid_list *l, struct kvm_cpuid_entry2 *e)
{
	e->ebx &= ~0x0fffu;	/* brand id; package type stays */
	return 0;
}

static int fill_invariant(struct cpuid_list *l, struct kvm_cpuid_entry2 *e)
{
	e->eax = 0;
	e->ebx = 0;
	e->ecx = 0;
	e->edx = boot_cpu_has(X86_FEATURE_CONSTANT_TSC) ? e->edx & BIT(8) : 0;	/* invariant TSC */
	return 0;
}

static int fill_sizes(struct cpuid_list *l, struct kvm_cpuid_entry2 *e)
{
	u32 phys = boot_cpu_data.x86_phys_bits, virt = max((e->eax >> 8) & 0xff, 48u);

	e->eax = phys | virt << 8;
	e->ecx = 0;		/* cores and APIC id size are the vCPU's */
	e->edx = 0;
	return 0;
}

static int fill_amd_more(struct cpuid_list *l, struct kvm_cpuid_entry2 *e)
{
	e->eax &= BIT(2) | BIT(6);	/* LFENCE serializes; null selector clears the base */
	e->ebx = 0;
	e->ecx = 0;
	e->edx = 0;
	return 0;
}

static int fill_signature(struct cpuid_list *l, struct kvm_cpuid_entry2 *e)
{
	static const char signature[12] = "KVMKVMKVM\0\0";

	e->eax = KVM_CPUID_FEATURES;
	memcpy(&e->ebx, signature, 4);
	memcpy(&e->ecx, signature + 4, 4);
	memcpy(&e->edx, signature + 8, 4);
	return 0;
}

static int fill_pv(struct cpuid_list *l, struct kvm_cpuid_entry2 *e)
{
	e->eax = pv_supported_features();
	e->ebx = 0;
	e->ecx = 0;
	e->edx = 0;
	return 0;
}

/* The leaves there are. @fill NULL: as the host has it. @amd: only where the host is AMD's. */
static const struct leaf {
	u32	function;
	int	(*fill)(struct cpuid_list *l, struct kvm_cpuid_entry2 *e);
	bool	amd;
} leaves[] = {
	{ 0x00000000, fill_max_basic },
	{ 0x00000001, fill_family },
	{ 0x00000002, NULL },
	{ 0x00000004, fill_caches },
	{ 0x00000006, fill_power },
	{ 0x00000007, fill_structured },
	{ 0x0000000a, fill_zero },		/* no PMU */
	{ 0x0000000b, fill_zero },		/* topology is user space's */
	{ 0x0000000d, fill_xsave },
	{ 0x00000012, fill_zero },
	{ 0x00000014, fill_zero },
	{ 0x0000001f, fill_zero },
	{ KVM_CPUID_SIGNATURE, fill_signature },
	{ KVM_CPUID_FEATURES, fill_pv },
	{ 0x80000000, fill_max_extended },
	{ 0x80000001, fill_extended_features },
	{ 0x80000002, NULL },
	{ 0x80000003, NULL },
	{ 0x80000004, NULL },
	{ 0x80000005, NULL },
	{ 0x80000006, NULL },
	{ 0x80000007, fill_invariant },
	{ 0x80000008, fill_sizes },
	{ 0x80000019, NULL, true },
	{ 0x8000001a, NULL, true },
	{ 0x8000001d, fill_caches, true },
	{ 0x8000001e, fill_zero, true },
	{ 0x80000021, fill_amd_more, true },
};

static bool leaf_exists(const struct leaf *leaf)
{
	if (leaf->amd && !host_is_amd())
		return false;
	if (leaf->function >= 0x80000000)
		return leaf->function <= cpuid_eax(0x80000000);
	if (leaf->function >= 0x40000000)
		return true;
	return leaf->function <= cpuid_eax(0);
}

static int make_supported(struct cpuid_list *l)
{
	struct kvm_cpuid_entry2 *e;
	unsigned int i;
	int r = 0;

	for (i = 0; !r && i < ARRAY_SIZE(leaves); i++) {
		if (!leaf_exists(&leaves[i]))
			continue;
		e = add_leaf(l, leaves[i].function, 0, false);
		if (!e)
			return -E2BIG;
		if (leaves[i].fill)
			r = leaves[i].fill(l, e);
	}
	return r;
}

long x86_sys_get_supported_cpuid(struct kvm_arg *arg)
{
	struct kvm_cpuid2 __user *user = arg->user;
	struct cpuid_list l = { 0 };
	struct kvm_cpuid2 head;
	long r;

	if (copy_from_user(&head, user, sizeof(head)))
		return -EFAULT;
	l.max = min_t(u32, head.nent, X86_MAX_CPUID_ENTRIES);
	if (!l.max)
		return -E2BIG;
	l.entries = kvcalloc(l.max, sizeof(*l.entries), GFP_KERNEL_ACCOUNT);
	if (!l.entries)
		return -ENOMEM;
	r = make_supported(&l);
	if (r)
		goto out;
	head.nent = l.n;
	/* The count last: after a failure the caller's is as it was. */
	if (copy_to_user(user->entries, l.entries, l.n * sizeof(*l.entries)) ||
	    copy_to_user(user, &head, sizeof(head)))
		r = -EFAULT;
out:
	kvfree(l.entries);
	return r;
}

/* Nothing is emulated beyond what GET_SUPPORTED_CPUID reports: an empty list. */
long x86_sys_get_emulated_cpuid(struct kvm_arg *arg)
{
	struct kvm_cpuid2 __user *user = arg->user;
	struct kvm_cpuid2 head;

	if (copy_from_user(&head, user, sizeof(head)))
		return -EFAULT;
	if (!head.nent)
		return -E2BIG;
	head.nent = 0;
	return copy_to_user(user, &head, sizeof(head)) ? -EFAULT : 0;
}

/*
 * A vCPU's CPUID.
 */
struct kvm_cpuid_entry2 *x86_cpuid_find(struct kvm_vcpu *vcpu, u32 function, u32 index)
{
	struct x86_cpuid *c = &to_x86(vcpu)->cpuid;

	return cpuid_table_find(c->entries, c->n, function, index);
}
EXPORT_SYMBOL_GPL(x86_cpuid_find);

void x86_cpuid_query(struct kvm_vcpu *vcpu, u32 *eax, u32 *ebx, u32 *ecx, u32 *edx)
{
	const struct x86_cpuid *c = &to_x86(vcpu)->cpuid;
	u32 function = *eax, index = *ecx;
	struct cpuid_answer a = cpuid_table_read(c->entries, c->n, c->amd, function, index);

	*eax = a.eax;
	*ebx = a.ebx;
	*ecx = a.ecx;
	*edx = a.edx;
	trace_kvm_cpuid(function, index, a.eax, a.ebx, a.ecx, a.edx, a.found, a.used_limit);
}
EXPORT_SYMBOL_GPL(x86_cpuid_query);

static void mirror(u32 *reg, unsigned int feature, bool on)
{
	if (on)
		*reg |= BIT(feature & 31);
	else
		*reg &= ~BIT(feature & 31);
}

static void update_entries(struct kvm_vcpu *vcpu, struct kvm_cpuid_entry2 *entries, unsigned int n)
{
	struct x86_vcpu *v = to_x86(vcpu);
	struct kvm_cpuid_entry2 *e;

	e = cpuid_table_find(entries, n, 1, 0);
	if (e) {
		if (boot_cpu_has(X86_FEATURE_XSAVE))
			mirror(&e->ecx, X86_FEATURE_OSXSAVE, v->cr4 & X86_CR4_OSXSAVE);
		mirror(&e->edx, X86_FEATURE_APIC, v->apic_base & MSR_IA32_APICBASE_ENABLE);
		if (!x86_has_quirk(vcpu->kvm, MISC_ENABLE_NO_MWAIT))
			mirror(&e->ecx, X86_FEATURE_MWAIT,
			       v->misc_enable & MSR_IA32_MISC_ENABLE_MWAIT);
	}
	e = cpuid_table_find(entries, n, 7, 0);
	if (e && boot_cpu_has(X86_FEATURE_PKU))
		mirror(&e->ecx, X86_FEATURE_OSPKE, v->cr4 & X86_CR4_PKE);
	e = cpuid_table_find(entries, n, 0xd, 0);
	if (e)
		e->ebx = xsave_size(v->xcr0, false);
	e = cpuid_table_find(entries, n, 0xd, 1);
	if (e && (e->eax & BIT(F(XSAVEC) & 31)))
		e->ebx = xsave_size(v->xcr0 | v->xss, true);
}

void x86_cpuid_runtime_update(struct kvm_vcpu *vcpu)
{
	struct x86_cpuid *c = &to_x86(vcpu)->cpuid;

	update_entries(vcpu, c->entries, c->n);
}
EXPORT_SYMBOL_GPL(x86_cpuid_runtime_update);

static bool guest_has(struct kvm_vcpu *vcpu, unsigned int feature)
{
	return x86_guest_has(vcpu, feature);
}

/* All that follows from a new table. */
static void derive(struct kvm_vcpu *vcpu)
{
	struct x86_vcpu *v = to_x86(vcpu);
	struct x86_cpuid *c = &v->cpuid;
	struct kvm_cpuid_entry2 *e;
	unsigned int i;

	memset(c->words, 0, sizeof(c->words));
	for (i = 0; i < ARRAY_SIZE(words); i++) {
		e = cpuid_table_find(c->entries, c->n, words[i].function, words[i].index);
		if (e)
			c->words[words[i].word] = *reg_of(e, words[i].reg);
	}
	c->amd = cpuid_table_is_amd(c->entries, c->n);
	e = cpuid_table_find(c->entries, c->n, 0xd, 0);
	c->xcr0_allowed = e ? (e->eax | (u64)e->edx << 32) & x86_xcr0_supported : 0;
	c->pv_base = cpuid_table_pv(c->entries, c->n, &c->pv_features);
	v->maxphyaddr = cpuid_table_maxphyaddr(c->entries, c->n);
	v->reserved_gpa_bits = GENMASK_ULL(63, v->maxphyaddr);
	v->cr4_guest_reserved = x86_cr4_supported & ~x86_cr4_from_features(guest_has, vcpu);
}

/* Takes @entries over when it succeeds. */
static int set_table(struct kvm_vcpu *vcpu, struct kvm_cpuid_entry2 *entries, unsigned int n)
{
	struct x86_vcpu *v = to_x86(vcpu);
	struct x86_cpuid *c = &v->cpuid;

	if (!cpuid_table_valid(entries, n))
		return -EINVAL;
	update_entries(vcpu, entries, n);
	/* What the guest has seen must not change under it; the same table again is fine (KVM API 4.89). */
	if (v->has_run) {
		if (n != c->n || (n && memcmp(entries, c->entries, n * sizeof(*entries))))
			return -EINVAL;
		kvfree(entries);
		return 0;
	}
	kvfree(c->entries);
	c->entries = entries;
	c->n = n;
	derive(vcpu);
	if (v->lapic)
		lapic_cpuid_changed(vcpu);
	mmu_reset(vcpu);
	x86_cold(update_intercepts)(vcpu);
	return 0;
}

long x86_vcpu_set_cpuid2(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	struct kvm_cpuid2 __user *user = arg->user;
	struct kvm_cpuid_entry2 *entries = NULL;
	struct kvm_cpuid2 head;
	long r;

	if (copy_from_user(&head, user, sizeof(head)))
		return -EFAULT;
	if (head.nent > X86_MAX_CPUID_ENTRIES)
		return -E2BIG;
	if (head.nent) {
		entries = vmemdup_user(user->entries, array_size(sizeof(*entries), head.nent));
		if (IS_ERR(entries))
			return PTR_ERR(entries);
	}
	r = set_table(vcpu, entries, head.nent);
	if (r)
		kvfree(entries);
	return r;
}

/* The old form has no index (KVM API 4.20). */
long x86_vcpu_set_cpuid(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	struct kvm_cpuid __user *user = arg->user;
	struct kvm_cpuid_entry2 *entries = NULL;
	struct kvm_cpuid_entry *old = NULL;
	struct kvm_cpuid head;
	unsigned int i;
	long r;

	if (copy_from_user(&head, user, sizeof(head)))
		return -EFAULT;
	if (head.nent > X86_MAX_CPUID_ENTRIES)
		return -E2BIG;
	if (head.nent) {
		old = vmemdup_user(user->entries, array_size(sizeof(*old), head.nent));
		if (IS_ERR(old))
			return PTR_ERR(old);
		entries = kvcalloc(head.nent, sizeof(*entries), GFP_KERNEL_ACCOUNT);
		if (!entries) {
			kvfree(old);
			return -ENOMEM;
		}
	}
	for (i = 0; i < head.nent; i++)
		entries[i] = (struct kvm_cpuid_entry2){
			.function = old[i].function, .eax = old[i].eax, .ebx = old[i].ebx,
			.ecx = old[i].ecx, .edx = old[i].edx };
	kvfree(old);
	r = set_table(vcpu, entries, head.nent);
	if (r)
		kvfree(entries);
	return r;
}

long x86_vcpu_get_cpuid2(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	struct x86_cpuid *c = &to_x86(vcpu)->cpuid;
	struct kvm_cpuid2 __user *user = arg->user;
	struct kvm_cpuid2 head;

	if (copy_from_user(&head, user, sizeof(head)))
		return -EFAULT;
	if (head.nent < c->n)
		return -E2BIG;
	head.nent = c->n;
	/* The count last: after a failure the caller's is as it was. */
	if (copy_to_user(user->entries, c->entries, c->n * sizeof(*c->entries)) ||
	    copy_to_user(user, &head, sizeof(head)))
		return -EFAULT;
	return 0;
}

void x86_cpuid_free(struct kvm_vcpu *vcpu)
{
	kvfree(to_x86(vcpu)->cpuid.entries);
}
