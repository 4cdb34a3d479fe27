// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VMCB's life: made with the vCPU, put into the state of power-on or INIT, loaded on a CPU; and
 * its intercepts.
 *
 * Intercepts that never change are rows of a table; those that hang on the VM's settings, on the
 * guest's CPUID or on what user space debugs are computed in svm_update_intercepts(); those of CR0,
 * CR4, CR8, interrupt windows and IRET belong to the code that needs them (state.c, inject.c).
 */
#include <linux/gfp.h>
#include <asm/nospec-branch.h>
#include "svm.h"

static_assert(sizeof(struct vmcb_control_area) == 0x400);
static_assert(offsetof(struct vmcb, save) == 0x400);
static_assert(offsetof(struct vmcb_control_area, asid) == 0x58);
static_assert(offsetof(struct vmcb_control_area, exit_code) == 0x70);
static_assert(offsetof(struct vmcb_control_area, nested_ctl) == 0x90);
static_assert(offsetof(struct vmcb_control_area, event_inj) == 0xa8);
static_assert(offsetof(struct vmcb_control_area, nested_cr3) == 0xb0);
static_assert(offsetof(struct vmcb_control_area, clean) == 0xc0);
static_assert(offsetof(struct vmcb_control_area, next_rip) == 0xc8);
static_assert(offsetof(struct vmcb_save_area, cpl) == 0xcb);
static_assert(offsetof(struct vmcb_save_area, efer) == 0xd0);
static_assert(offsetof(struct vmcb_save_area, cr0) == 0x158);
static_assert(offsetof(struct vmcb_save_area, rip) == 0x178);
static_assert(offsetof(struct vmcb_save_area, rax) == 0x1f8);
static_assert(offsetof(struct vmcb_save_area, cr2) == 0x240);
static_assert(offsetof(struct vmcb_save_area, g_pat) == 0x268);
static_assert(offsetof(struct vmcb_save_area, spec_ctrl) == 0x2e0);

static const u8 always_intercepted[] = {
	INTERCEPT_CR4_WRITE, INTERCEPT_SELECTIVE_CR0,
	INTERCEPT_DR0_READ, INTERCEPT_DR1_READ, INTERCEPT_DR2_READ, INTERCEPT_DR3_READ,
	INTERCEPT_DR4_READ, INTERCEPT_DR5_READ, INTERCEPT_DR6_READ, INTERCEPT_DR7_READ,
	INTERCEPT_DR0_WRITE, INTERCEPT_DR1_WRITE, INTERCEPT_DR2_WRITE, INTERCEPT_DR3_WRITE,
	INTERCEPT_DR4_WRITE, INTERCEPT_DR5_WRITE, INTERCEPT_DR6_WRITE, INTERCEPT_DR7_WRITE,
	/*
	 * #DB and #AC can be made to recur without end in their own delivery: the guest would never
	 * be left.
	 */
	INTERCEPT_EXCEPTION_OFFSET + X86_TRAP_DB,
	INTERCEPT_EXCEPTION_OFFSET + X86_TRAP_AC,
	INTERCEPT_EXCEPTION_OFFSET + X86_TRAP_UD,
	INTERCEPT_EXCEPTION_OFFSET + X86_TRAP_MC,
	INTERCEPT_INTR, INTERCEPT_NMI, INTERCEPT_SMI, INTERCEPT_INIT,
	INTERCEPT_RDPMC, INTERCEPT_CPUID, INTERCEPT_RSM, INTERCEPT_INVD, INTERCEPT_INVLPGA,
	INTERCEPT_IOIO_PROT, INTERCEPT_MSR_PROT, INTERCEPT_TASK_SWITCH, INTERCEPT_SHUTDOWN,
	INTERCEPT_VMRUN, INTERCEPT_VMMCALL, INTERCEPT_VMLOAD, INTERCEPT_VMSAVE,
	INTERCEPT_STGI, INTERCEPT_CLGI, INTERCEPT_SKINIT, INTERCEPT_WBINVD, INTERCEPT_XSETBV,
	INTERCEPT_RDPRU,
};

void svm_update_intercepts(struct kvm_vcpu *vcpu)
{
	const struct x86_vm *vm = to_x86_vm(vcpu->kvm);
	struct vcpu_svm *svm = to_svm(vcpu);

	svm_intercept(svm, INTERCEPT_HLT, !vm->hlt_in_guest);
	svm_intercept(svm, INTERCEPT_MONITOR, !vm->mwait_in_guest);
	svm_intercept(svm, INTERCEPT_MWAIT, !vm->mwait_in_guest);
	svm_intercept(svm, INTERCEPT_PAUSE, svm_pause_filter.count && !vm->pause_in_guest);
	/* Instructions that the hardware has and this guest's CPUID has not: they are #UD. */
	svm_intercept(svm, INTERCEPT_RDTSCP, boot_cpu_has(X86_FEATURE_RDTSCP) &&
		      !x86_guest_has(vcpu, X86_FEATURE_RDTSCP));
	svm_intercept(svm, INTERCEPT_INVPCID, boot_cpu_has(X86_FEATURE_INVPCID) &&
		      !x86_guest_has(vcpu, X86_FEATURE_INVPCID));
	svm_intercept(svm, INTERCEPT_EXCEPTION_OFFSET + X86_TRAP_BP,
		      vcpu->guest_debug & KVM_GUESTDBG_USE_SW_BP);
	svm_msrpm_update(svm);
}

/* A segment as power-on and INIT leave it: real mode, 64 KiB (14.1.3). */
static void reset_segment(struct vmcb_seg *s, u16 selector, u64 base, unsigned int type)
{
	s->selector = selector;
	s->base = base;
	s->limit = 0xffff;
	s->attrib = type;
}

#define ATTR_DATA	(SVM_SELECTOR_P_MASK | SVM_SELECTOR_S_MASK | SVM_SELECTOR_WRITE_MASK | 1)
#define ATTR_CODE	(ATTR_DATA | SVM_SELECTOR_CODE_MASK)
#define ATTR_LDT	(SVM_SELECTOR_P_MASK | 2)
#define ATTR_TSS	(SVM_SELECTOR_P_MASK | 3)

static void reset_save_area(struct vmcb_save_area *save)
{
	memset(save, 0, sizeof(*save));
	reset_segment(&save->es, 0, 0, ATTR_DATA);
	reset_segment(&save->ss, 0, 0, ATTR_DATA);
	reset_segment(&save->ds, 0, 0, ATTR_DATA);
	reset_segment(&save->fs, 0, 0, ATTR_DATA);
	reset_segment(&save->gs, 0, 0, ATTR_DATA);
	reset_segment(&save->cs, 0xf000, 0xffff0000, ATTR_CODE);
	reset_segment(&save->gdtr, 0, 0, 0);
	reset_segment(&save->idtr, 0, 0, 0);
	reset_segment(&save->ldtr, 0, 0, ATTR_LDT);
	reset_segment(&save->tr, 0, 0, ATTR_TSS);
	save->rflags = X86_EFLAGS_FIXED;
	save->dr6 = DR6_RESERVED;
	save->dr7 = DR7_FIXED_1;
	save->rip = 0xfff0;
}

static void init_control_area(struct vcpu_svm *svm)
{
	struct vmcb_control_area *ctl = &svm->vmcb->control;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(always_intercepted); i++)
		svm_intercept(svm, always_intercepted[i], true);
	/* Until the LAPIC here says better; one in user space has to see each change. */
	svm_intercept(svm, INTERCEPT_CR8_WRITE, true);
	ctl->iopm_base_pa = __pa(svm_iopm);
	ctl->msrpm_base_pa = __pa(svm->msrpm);
	ctl->int_ctl = V_INTR_MASKING_MASK;
	ctl->nested_ctl = SVM_NESTED_CTL_NP_ENABLE;
	ctl->pause_filter_count = svm->x86.pause_window;
	ctl->pause_filter_thresh = svm_pause_filter.thresh;
}

/*
 * Control and debug registers, EFER and the GPRs are common code's to set, through the ops; the
 * VMCB starts with their values of reset, so that the order does not matter.
 *
 * The control area is made anew as a whole too: after a shutdown the VMCB is undefined (15.14.3).
 */
void svm_vcpu_reset(struct kvm_vcpu *vcpu, bool init)
{
	struct vcpu_svm *svm = to_svm(vcpu);
	struct vmcb_control_area *ctl = &svm->vmcb->control;
	u64 tsc_offset = ctl->tsc_offset;
	u64 root = ctl->nested_cr3;

	memset(ctl, 0, sizeof(*ctl));
	init_control_area(svm);
	ctl->tsc_offset = tsc_offset;
	ctl->nested_cr3 = root;
	reset_save_area(&svm->vmcb->save);
	svm->vmcb->save.g_pat = svm->x86.pat;
	svm->nmi_masked = false;
	svm->iret_running = false;
	svm->nmi_step = false;
	svm->soft_injected = false;
	svm->asid_generation = 0;

	svm_set_efer(vcpu, svm->x86.efer);
	svm_set_cr0(vcpu, svm->x86.cr0);
	svm_set_cr4(vcpu, svm->x86.cr4);
	svm_cr3_changed(vcpu);
	if (!init)
		svm_msr_reset(svm);
	svm_update_intercepts(vcpu);
}

int svm_vcpu_create(struct kvm_vcpu *vcpu)
{
	struct vcpu_svm *svm = to_svm(vcpu);

	svm->vmcb = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!svm->vmcb)
		return -ENOMEM;
	svm->msrpm = (void *)__get_free_pages(GFP_KERNEL_ACCOUNT, SVM_MSRPM_ORDER);
	if (!svm->msrpm) {
		free_page((unsigned long)svm->vmcb);
		return -ENOMEM;
	}
	svm_msrpm_init(svm);
	svm->entry.regs = svm->x86.regs;
	svm->entry.vmcb_pa = __pa(svm->vmcb);
	svm->x86.regs_avail = ~0;
	svm->asid_cpu = -1;
	svm->tsc_ratio = SVM_TSC_RATIO_DEFAULT;
	svm->x86.pause_window = x86_pause_rule.base;
	return 0;
}

void svm_vcpu_destroy(struct kvm_vcpu *vcpu)
{
	struct vcpu_svm *svm = to_svm(vcpu);

	svm_forget_vmcb(svm->vmcb);
	free_pages((unsigned long)svm->msrpm, SVM_MSRPM_ORDER);
	free_page((unsigned long)svm->vmcb);
}

/* The group of clean bits is the intercepts' (15.15.3). */
void svm_put_pause_window(struct vcpu_svm *svm)
{
	svm->vmcb->control.pause_filter_count = svm->x86.pause_window;
	svm_dirty(svm, CLEAN_INTERCEPTS);
}

void svm_vcpu_load(struct kvm_vcpu *vcpu, int cpu)
{
	struct svm_cpu *c = per_cpu_ptr(&svm_cpu, cpu);
	struct vcpu_svm *svm = to_svm(vcpu);

	if (svm->asid_cpu != cpu) {
		svm->asid_cpu = cpu;
		svm->asid_generation = 0;	/* ASIDs are each CPU's own */
		svm->vmcb->control.clean = 0;	/* and so is what it keeps of VMCBs */
	}
	if (c->last_vmcb != svm->vmcb) {
		/* What one guest has trained must not steer another. */
		c->last_vmcb = svm->vmcb;
		indirect_branch_prediction_barrier();
	}
	if (x86_pause_window_shrink(vcpu))
		svm_put_pause_window(svm);
}

void svm_vcpu_put(struct kvm_vcpu *vcpu)
{
	to_svm(vcpu)->host_saved = false;
}

/*
 * Without FLUSH_ASID a new ASID is as good: no entry bears it yet. INVLPGA would do for one
 * address, but only for guest-virtual ones of this ASID, and is no cheaper than what follows it;
 * all kinds flush the whole ASID.
 */
void svm_flush_tlb(struct kvm_vcpu *vcpu, enum x86_flush what, gva_t gva)
{
	struct vcpu_svm *svm = to_svm(vcpu);

	if (boot_cpu_has(X86_FEATURE_FLUSHBYASID))
		svm->vmcb->control.tlb_ctl = TLB_CONTROL_FLUSH_ASID;
	else
		svm->asid_generation = 0;
}

void svm_load_root(struct kvm_vcpu *vcpu, hpa_t root, int level)
{
	struct vcpu_svm *svm = to_svm(vcpu);

	svm->vmcb->control.nested_cr3 = __sme_set(root);
	svm_dirty(svm, CLEAN_NPT);
}

void svm_write_tsc(struct kvm_vcpu *vcpu, u64 offset, u64 ratio)
{
	struct vcpu_svm *svm = to_svm(vcpu);

	svm->vmcb->control.tsc_offset = offset;
	svm_dirty(svm, CLEAN_INTERCEPTS);
	if (boot_cpu_has(X86_FEATURE_TSCRATEMSR))
		svm->tsc_ratio = ratio;
}
