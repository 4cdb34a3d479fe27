// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's FPU and extended state.
 *
 * Each vCPU has a whole XSAVE image of its own, kept by the kernel's FPU code (asm/fpu/api.h).
 * KVM_RUN swaps it with the VMM thread's at its start and end, so the registers are the guest's all
 * the time between, and the kernel saves and loads them across the scheduler as it does for any
 * task. Three things the kernel keeps as the host's meanwhile, and they are switched just around
 * each entry: XCR0, XSS and PKRU.
 *
 * User space sees the image in the standard format of XSAVE (SDM vol 1, 13.4). It is converted into
 * a buffer of our own and copied from or to there.
 */
#include <linux/slab.h>
#include <asm/fpu/xcr.h>
#include <asm/special_insns.h>
#include <kvm/trace.h>
#include "x86.h"

#define LEGACY_SIZE	sizeof(struct fxregs_state)

static_assert(sizeof(struct kvm_xsave) == 4096);
static_assert(sizeof(struct fxregs_state) == 512);

static u64 host_xss;	/* the same on every CPU, for as long as the kernel runs */

int x86_fpu_create(struct kvm_vcpu *vcpu)
{
	if (boot_cpu_has(X86_FEATURE_XSAVES))
		rdmsrl(MSR_IA32_XSS, host_xss);
	return fpu_alloc_guest_fpstate(&to_x86(vcpu)->fpu) ? 0 : -ENOMEM;
}

void x86_fpu_free(struct kvm_vcpu *vcpu)
{
	fpu_free_guest_fpstate(&to_x86(vcpu)->fpu);
}

/*
 * The image is new, and so in its initial state; INIT leaves FPU registers and XCR0 alone (SDM vol
 * 3, table 9-1).
 */
void x86_fpu_reset(struct kvm_vcpu *vcpu, bool init)
{
	if (init)
		return;
	to_x86(vcpu)->xcr0 = XFEATURE_MASK_FP;
	to_x86(vcpu)->xss = 0;
	to_x86(vcpu)->pkru = 0;
}

void x86_fpu_load(struct kvm_vcpu *vcpu)
{
	fpu_swap_kvm_fpstate(&to_x86(vcpu)->fpu, true);
	trace_kvm_fpu(1);
}

void x86_fpu_put(struct kvm_vcpu *vcpu)
{
	fpu_swap_kvm_fpstate(&to_x86(vcpu)->fpu, false);
	to_x86(vcpu)->stat.fpu_reload++;
	trace_kvm_fpu(0);
}

/*
 * XCR0, XSS, PKRU. A guest without CR4.OSXSAVE cannot use what XCR0 and XSS enable. PKRU counts for
 * a guest that has turned protection keys on, and is kept for one that has it in XCR0.
 */
static __always_inline bool uses_pkru(const struct x86_vcpu *v)
{
	return cpu_feature_enabled(X86_FEATURE_OSPKE) &&
	       (v->xcr0 & XFEATURE_MASK_PKRU || v->cr4 & X86_CR4_PKE);
}

static __always_inline void switch_xcr0_xss(const struct x86_vcpu *v, bool guest)
{
	if (!(v->cr4 & X86_CR4_OSXSAVE))
		return;
	if (v->xcr0 != x86_host_xcr0)
		xsetbv(XCR_XFEATURE_ENABLED_MASK, guest ? v->xcr0 : x86_host_xcr0);
	if (boot_cpu_has(X86_FEATURE_XSAVES) && v->xss != host_xss)
		wrmsrl(MSR_IA32_XSS, guest ? v->xss : host_xss);
}

/**
 * x86_guest_xsave_load - XCR0, XSS and PKRU become the guest's
 * @vcpu: loaded, its FPU state in the registers
 *
 * Context: irqs off, right before the entry.
 */
void x86_guest_xsave_load(struct kvm_vcpu *vcpu)
{
	struct x86_vcpu *v = to_x86(vcpu);

	switch_xcr0_xss(v, true);
	if (uses_pkru(v)) {
		v->host_pkru = rdpkru();
		if (v->pkru != v->host_pkru)
			wrpkru(v->pkru);
	}
}
EXPORT_SYMBOL_GPL(x86_guest_xsave_load);

/**
 * x86_host_xsave_load - and the host's again, the guest's PKRU being kept
 * @vcpu: that was entered
 *
 * Context: irqs off, right after the exit, before XCR0 or CR4 of the guest can change.
 */
void x86_host_xsave_load(struct kvm_vcpu *vcpu)
{
	struct x86_vcpu *v = to_x86(vcpu);

	if (uses_pkru(v)) {
		v->pkru = rdpkru();
		if (v->pkru != v->host_pkru)
			wrpkru(v->host_pkru);
	}
	switch_xcr0_xss(v, false);
}
EXPORT_SYMBOL_GPL(x86_host_xsave_load);

/*
 * ioctls. The vCPU is not in KVM_RUN, so the image is in memory.
 */
static u64 user_xfeatures(struct x86_vcpu *v)
{
	return v->cpuid.xcr0_allowed | XFEATURE_MASK_FPSSE;
}

/* The state in the standard format, @size bytes at least; the caller frees. */
static void *image_get(struct x86_vcpu *v, unsigned int size)
{
	unsigned int n = max(size, v->fpu.uabi_size);
	void *buf = kvzalloc(n, GFP_KERNEL_ACCOUNT);

	if (buf)
		fpu_copy_guest_fpstate_to_uabi(&v->fpu, buf, n, user_xfeatures(v), v->pkru);
	return buf;
}

static int image_set(struct x86_vcpu *v, const void *buf)
{
	return fpu_copy_uabi_to_guest_fpstate(&v->fpu, buf, x86_xcr0_supported, &v->pkru);
}

long x86_vcpu_get_fpu(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	struct kvm_fpu *out = arg->data;
	struct fxregs_state *fx = image_get(to_x86(vcpu), 0);

	if (!fx)
		return -ENOMEM;
	memcpy(out->fpr, fx->st_space, sizeof(out->fpr));
	out->fcw = fx->cwd;
	out->fsw = fx->swd;
	out->ftwx = fx->twd;
	out->last_opcode = fx->fop;
	out->last_ip = fx->rip;
	out->last_dp = fx->rdp;
	memcpy(out->xmm, fx->xmm_space, sizeof(out->xmm));
	out->mxcsr = fx->mxcsr;
	kvfree(fx);
	return 0;
}

long x86_vcpu_set_fpu(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	const struct kvm_fpu *in = arg->data;
	struct x86_vcpu *v = to_x86(vcpu);
	union fpregs_state *image = image_get(v, 0);
	struct fxregs_state *fx = (void *)image;
	int r;

	if (!image)
		return -ENOMEM;
	memcpy(fx->st_space, in->fpr, sizeof(in->fpr));
	fx->cwd = in->fcw;
	fx->swd = in->fsw;
	fx->twd = in->ftwx;
	fx->fop = in->last_opcode;
	fx->rip = in->last_ip;
	fx->rdp = in->last_dp;
	memcpy(fx->xmm_space, in->xmm, sizeof(in->xmm));
	fx->mxcsr = in->mxcsr;
	/* The two parts are there now, even if they were in their initial state before. */
	if (v->fpu.uabi_size > LEGACY_SIZE)
		image->xsave.header.xfeatures |= XFEATURE_MASK_FPSSE;
	r = image_set(v, image);
	kvfree(image);
	return r;
}

static long xsave_to_user(struct kvm_vcpu *vcpu, void __user *user, unsigned int size)
{
	void *buf = image_get(to_x86(vcpu), size);
	long r;

	if (!buf)
		return -ENOMEM;
	r = copy_to_user(user, buf, size) ? -EFAULT : 0;
	kvfree(buf);
	return r;
}

long x86_vcpu_get_xsave(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	if (to_x86(vcpu)->fpu.uabi_size > sizeof(struct kvm_xsave))
		return -EINVAL;		/* it does not fit: KVM_GET_XSAVE2 is for that */
	return xsave_to_user(vcpu, arg->user, sizeof(struct kvm_xsave));
}

long x86_vcpu_get_xsave2(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	return xsave_to_user(vcpu, arg->user, max_t(unsigned int, to_x86(vcpu)->fpu.uabi_size,
						    sizeof(struct kvm_xsave)));
}

long x86_vcpu_set_xsave(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	unsigned int size = max_t(unsigned int, to_x86(vcpu)->fpu.uabi_size,
				  sizeof(struct kvm_xsave));
	void *buf = kvmalloc(size, GFP_KERNEL_ACCOUNT);
	long r = -EFAULT;

	if (!buf)
		return -ENOMEM;
	if (!copy_from_user(buf, arg->user, size))
		r = image_set(to_x86(vcpu), buf);
	kvfree(buf);
	return r;
}

long x86_vcpu_get_xcrs(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	struct kvm_xcrs *out = arg->data;

	if (!boot_cpu_has(X86_FEATURE_XSAVE))
		return -EINVAL;
	out->nr_xcrs = 1;
	out->xcrs[0].xcr = XCR_XFEATURE_ENABLED_MASK;
	out->xcrs[0].value = to_x86(vcpu)->xcr0;
	return 0;
}

long x86_vcpu_set_xcrs(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	const struct kvm_xcrs *in = arg->data;
	unsigned int i;

	if (!boot_cpu_has(X86_FEATURE_XSAVE) || in->nr_xcrs > KVM_MAX_XCRS || in->flags)
		return -EINVAL;
	for (i = 0; i < in->nr_xcrs; i++) {
		if (in->xcrs[i].xcr != XCR_XFEATURE_ENABLED_MASK)
			continue;
		return x86_set_xcr0(vcpu, in->xcrs[i].value) ? -EINVAL : 0;
	}
	return 0;
}

/* KVM_CAP_XSAVE2: bytes that KVM_GET_XSAVE2 gives, from the layout of CPUID leaf 0xd. */
int x86_cap_xsave2(struct kvm *kvm)
{
	u64 features = x86_xcr0_supported & xstate_get_guest_group_perm();
	unsigned int end = sizeof(struct kvm_xsave);
	u32 size, offset, ecx, edx;
	int i;

	for (i = 2; i < 63; i++) {
		if (!(features & BIT_ULL(i)))
			continue;
		cpuid_count(0xd, i, &size, &offset, &ecx, &edx);
		end = max(end, offset + size);
	}
	return end;
}
