// SPDX-License-Identifier: GPL-2.0-only
/*
 * One entry into the guest and the exit from it: C's part around entry.S.
 *
 * Before: x86_vcpu's registers, CR2, CR3, DR6 and the TPR go into the VMCB, the ASID is checked.
 * After: they come back, the events that were not delivered are queued again, and what has to be
 * said of the exit lies in the VMCB until the next entry, for handle_exit and for whoever asks.
 */
#include <linux/context_tracking.h>
#include <asm/asm.h>
#include <asm/spec-ctrl.h>
#include "svm.h"
#include "../guest_context.h"

static_assert(GPR_RCX == 1 && GPR_RDX == 2 && GPR_RBX == 3);
static_assert(GPR_RBP == 5 && GPR_RSI == 6 && GPR_RDI == 7);
static_assert(GPR_R8 == 8 && GPR_R15 == 15);

/*
 * The host's half of VMLOAD's state, once a load: it cannot change before the vCPU is put away, as
 * until then this thread does not return to user space and nobody else uses this CPU's segment
 * registers.
 */
void svm_prepare_switch(struct kvm_vcpu *vcpu)
{
	struct vcpu_svm *svm = to_svm(vcpu);
	struct svm_cpu *c = this_cpu_ptr(&svm_cpu);

	if (likely(svm->host_saved))
		return;
	svm->entry.host_pa = __pa(c->host);
	asm volatile("1: vmsave %0\n"
		     "2:\n"
		     _ASM_EXTABLE(1b, 2b)	/* SVM is off: a reboot; the entry will notice */
		     : : "a" (svm->entry.host_pa) : "memory");
	svm_tsc_ratio_load(svm->tsc_ratio);
	if (svm_tsc_aux_slot >= 0)
		x86_user_return_set(svm_tsc_aux_slot, svm->tsc_aux, ~0ULL);
	svm->host_saved = true;
	svm->x86.stat.host_state_reload++;
}

/*
 * The virtual TPR is CR8 as long as its writes are not intercepted. The processor writes the word it
 * is in when it leaves the guest; under QEMU's TCG it came back without V_INTR_MASKING, by which the
 * host lost its interrupts to the guest's RFLAGS.IF. So nothing of that bit is taken from there.
 */
static void tpr_to_guest(struct vcpu_svm *svm)
{
	struct vmcb_control_area *ctl = &svm->vmcb->control;

	svm->entry_tpr = x86_get_cr8(&svm->x86.vcpu) & V_TPR_MASK;
	ctl->int_ctl = (ctl->int_ctl & ~V_TPR_MASK) | V_INTR_MASKING_MASK | svm->entry_tpr;
}

static void tpr_from_guest(struct vcpu_svm *svm)
{
	u8 tpr = svm->vmcb->control.int_ctl & V_TPR_MASK;

	if (unlikely(tpr != svm->entry_tpr))
		x86_set_cr8(&svm->x86.vcpu, tpr);
}

static void state_to_guest(struct vcpu_svm *svm)
{
	struct vmcb_save_area *save = &svm->vmcb->save;
	struct x86_vcpu *v = &svm->x86;

	save->rax = v->regs[GPR_RAX];
	save->rsp = v->regs[GPR_RSP];
	save->rip = v->regs[GPR_RIP];
	save->cr2 = v->cr2;
	svm->entry.shadow = svm->vmcb->control.int_state & SVM_INTERRUPT_SHADOW_MASK;
	if (save->dr6 != v->dr6) {
		save->dr6 = v->dr6;
		svm_dirty(svm, CLEAN_DR);
	}
	tpr_to_guest(svm);
}

static void state_from_guest(struct vcpu_svm *svm)
{
	const struct vmcb_save_area *save = &svm->vmcb->save;
	struct vmcb_control_area *ctl = &svm->vmcb->control;
	struct x86_vcpu *v = &svm->x86;

	v->regs[GPR_RAX] = save->rax;
	v->regs[GPR_RSP] = save->rsp;
	v->regs[GPR_RIP] = save->rip;
	v->cr2 = save->cr2;
	v->cr3 = save->cr3;
	v->regs_avail &= ~BIT(REG_CACHE_PDPTR);
	if (!svm->cr0_shadowed)
		v->cr0 = save->cr0;	/* TS and MP, which do not exit */
	if (!v->vcpu.guest_debug)
		v->dr6 = save->dr6;	/* else they are user space's, told by the #DB exit */
	ctl->event_inj = 0;
	ctl->tlb_ctl = TLB_CONTROL_DO_NOTHING;
	ctl->clean = CLEAN_AFTER_RUN;
	tpr_from_guest(svm);
}

/* Nothing in here but the entry may be instrumented: RCU does not watch. */
static noinstr void enter_guest(struct vcpu_svm *svm)
{
	guest_context_enter();
	svm_run_guest(&svm->entry);
	guest_context_exit();
}

/*
 * One trip is wanted, and an exit as soon as it is over: by an IPI to ourselves, held back until
 * the guest runs.
 */
static void exit_at_once(void)
{
	smp_send_reschedule(smp_processor_id());
}

enum x86_fastpath svm_enter(struct kvm_vcpu *vcpu, bool immediate_exit)
{
	struct vcpu_svm *svm = to_svm(vcpu);

	state_to_guest(svm);
	svm_asid_check(svm);
	if (unlikely(immediate_exit || svm->leave_at_once)) {
		svm->leave_at_once = false;
		kvm_request(vcpu, KVM_REQ_EVENT);
		exit_at_once();
	}

	x86_guest_xsave_load(vcpu);
	if (!boot_cpu_has(X86_FEATURE_V_SPEC_CTRL))
		x86_spec_ctrl_set_guest(svm->virt_spec_ctrl);
	enter_guest(svm);
	if (!boot_cpu_has(X86_FEATURE_V_SPEC_CTRL))
		x86_spec_ctrl_restore_host(svm->virt_spec_ctrl);
	x86_host_xsave_load(vcpu);
	/*
	 * The VMM must not run on predictions that the guest has trained: barrier on its way to
	 * user space.
	 */
	if (cpu_feature_enabled(X86_FEATURE_IBPB_EXIT_TO_USER))
		this_cpu_write(x86_ibpb_exit_to_user, true);

	state_from_guest(svm);
	svm_nmi_step_end(svm);
	svm_requeue_undelivered(svm);
	svm_iret_check(svm);
	return FASTPATH_NONE;
}

/*
 * NMIs and external interrupts stay pending when their intercept ends the guest: the host took the
 * first when GIF was set, and takes the second when interrupts go on. A machine check does not.
 */
void svm_handle_exit_irqoff(struct kvm_vcpu *vcpu)
{
	u32 code = to_svm(vcpu)->vmcb->control.exit_code;

	if (code == SVM_EXIT_EXCP_BASE + X86_TRAP_MC)
		x86_machine_check();
	else if (code == SVM_EXIT_INTR)
		to_x86(vcpu)->between_insns = true;
}
