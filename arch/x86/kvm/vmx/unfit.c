// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest in a state that VM entry would refuse: the emulator runs it until it is fit again.
 *
 * Without "unrestricted guest" the segments must be as protected mode loads them, or as
 * virtual-8086 mode has them (SDM vol 3, 27.3.1.2). On the way from real to protected mode and
 * back, and in "big" real mode, they are neither. x86_vcpu's unfit says that something has changed
 * and has to be looked at before the next entry; the guest by itself cannot get from a fit state
 * into one that is not.
 *
 * TR and LDTR are not looked at: no instruction that a guest would run next makes them right, so
 * the entry is tried and fails with the hardware's reason.
 */
#include <kvm/host_work.h>
#include "vmx.h"

#define TYPE_READ_WRITE		2	/* data: may be written; code: may be read */
#define TYPE_CONFORMING		4	/* code; of data: expands down */

static u8 type_of(const struct vmx_seg *s)
{
	return s->ar & VMX_AR_TYPE_MASK;
}

static u8 rpl_of(const struct vmx_seg *s)
{
	return s->selector & 3;
}

static bool is_code_or_data(const struct vmx_seg *s)
{
	return s->ar & VMX_AR_S_MASK && s->ar & VMX_AR_P_MASK;
}

static bool cs_fit(const struct vmx_seg *cs, const struct vmx_seg *ss)
{
	u8 dpl = VMX_AR_DPL(cs->ar), cpl = VMX_AR_DPL(ss->ar);

	if (cs->ar & VMX_AR_UNUSABLE_MASK || !is_code_or_data(cs) ||
	    !(type_of(cs) & VMX_AR_TYPE_CODE_MASK) || cs->base >> 32)
		return false;
	if (rpl_of(cs) != rpl_of(ss))
		return false;
	return type_of(cs) & TYPE_CONFORMING ? dpl <= cpl : dpl == cpl;
}

static bool ss_fit(const struct vmx_seg *ss)
{
	if (VMX_AR_DPL(ss->ar) != rpl_of(ss))
		return false;
	if (ss->ar & VMX_AR_UNUSABLE_MASK)
		return true;
	return is_code_or_data(ss) && !(type_of(ss) & VMX_AR_TYPE_CODE_MASK) &&
	       type_of(ss) & TYPE_READ_WRITE && !(ss->base >> 32);
}

static bool data_fit(const struct vmx_seg *s, bool wide_base)
{
	bool code = type_of(s) & VMX_AR_TYPE_CODE_MASK;

	if (s->ar & VMX_AR_UNUSABLE_MASK)
		return true;
	if (!is_code_or_data(s) || (!wide_base && s->base >> 32))
		return false;
	if (code && !(type_of(s) & TYPE_READ_WRITE))
		return false;
	if (code && type_of(s) & TYPE_CONFORMING)
		return true;
	return VMX_AR_DPL(s->ar) >= rpl_of(s);
}

static bool protected_fit(struct vcpu_vmx *vmx)
{
	const struct vmx_seg cs = vmx_read_segment(vmx, SEG_CS);
	const struct vmx_seg ss = vmx_read_segment(vmx, SEG_SS);
	struct vmx_seg s;
	int seg;

	if (!cs_fit(&cs, &ss) || !ss_fit(&ss))
		return false;
	for (seg = SEG_ES; seg <= SEG_GS; seg++) {
		if (seg == SEG_CS || seg == SEG_SS)
			continue;
		s = vmx_read_segment(vmx, seg);
		if (!data_fit(&s, seg == SEG_FS || seg == SEG_GS))
			return false;
	}
	return true;
}

/* The guest's own virtual-8086 mode: one form only. */
static bool vm86_fit(struct vcpu_vmx *vmx)
{
	struct vmx_seg s;
	int seg;

	for (seg = SEG_ES; seg <= SEG_GS; seg++) {
		s = vmx_read_segment(vmx, seg);
		if (s.base != (u64)s.selector << 4 || s.limit != 0xffff || s.ar != 0xf3)
			return false;
	}
	return true;
}

/* Context: vCPU loaded, not unrestricted. */
bool vmx_is_fit(struct vcpu_vmx *vmx)
{
	if (vmx->rm.on)
		return vmx_real_fit(vmx);
	if (vmx_get_rflags(&vmx->x86.vcpu) & X86_EFLAGS_VM)
		return vm86_fit(vmx);
	return protected_fit(vmx);
}

/* What is left to do between two instructions has the common loop around us to do it. */
static bool called_away(struct kvm_vcpu *vcpu)
{
	return kvm_request_pending(vcpu) || kvm_host_work_pending() ||
	       READ_ONCE(to_x86(vcpu)->mp_state) != KVM_MP_STATE_RUNNABLE;
}

/*
 * An exception in protected mode, with segments that no entry could deliver it with: the emulator
 * knows the vector table of real mode only. Interrupts wait until the state is fit.
 */
static bool stuck(struct vcpu_vmx *vmx)
{
	return vmx->event && vmx->x86.events.exception.injected && !vmx->rm.on;
}

/**
 * vmx_run_unfit - instead of an entry: instructions by the emulator, until the state is fit for one
 * @vcpu: with x86_vcpu's unfit set; events are prepared
 *
 * Context: as exit handlers: interrupts on, srcu held, sleeps. One instruction or event at least;
 * ends early when there are requests to serve or signals to take.
 * Return: as exit handlers. After EXIT_RESUME the caller goes around its loop.
 */
int vmx_run_unfit(struct kvm_vcpu *vcpu)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);
	int r;

	if (vmx->rm.event.noted)
		return vmx_real_deliver(vmx);
	while (!vmx_is_fit(vmx)) {
		if (stuck(vmx))
			return x86_exit_internal_error(vcpu, KVM_INTERNAL_ERROR_EMULATION, 1,
						       (u64[]){ 0 });
		vmx->x86.has_run = true;
		r = x86_insn_emulate(vcpu, 0, 0, 0, NULL, 0);
		if (r != EXIT_RESUME)
			return r;
		if (called_away(vcpu))
			return EXIT_RESUME;
	}
	if (vmx->rm.on)
		vmx_real_to_hw(vmx);
	vmx->x86.unfit = false;
	return EXIT_RESUME;
}
