// SPDX-License-Identifier: GPL-2.0-only
/*
 * One entry into the guest and the exit from it: C's part around entry.S.
 *
 * Before: what has changed of RIP, RSP and the PDPTEs goes into the VMCS, and so does what has of
 * the host's CR3 and CR4. After: they count as unknown until somebody asks, the events that were
 * not delivered are queued again, and what has to be said of the exit lies in the VMCS until the
 * next entry, for handle_exit and for whoever asks.
 */
#include <linux/context_tracking.h>
#include <asm/desc.h>
#include <asm/mmu_context.h>
#include <asm/nospec-branch.h>
#include "vmx.h"
#include "../guest_context.h"
#include "../trace.h"

static_assert(GPR_RAX == 0 && GPR_RCX == 1 && GPR_RDX == 2 && GPR_RBX == 3);
static_assert(GPR_RBP == 5 && GPR_RSI == 6 && GPR_RDI == 7);
static_assert(GPR_R8 == 8 && GPR_R15 == 15);
static_assert(HOST_RSP == 0x6c14);

/* The host's half of what is switched by hand, once a load: see host.c. */
void vmx_prepare_switch(struct kvm_vcpu *vcpu)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);

	if (likely(vmx->host_saved))
		return;
	vmx_host_state_save(vmx);
	vmx_msrs_load(vmx);
	vmx->host_saved = true;
	vmx->x86.stat.host_state_reload++;
}

static void host_registers(struct vmx_vmcs *vmcs)
{
	unsigned long cr3 = __get_current_cr3_fast(), cr4 = cr4_read_shadow();

	if (unlikely(cr3 != vmcs->host_cr3)) {
		vmcs->host_cr3 = cr3;
		vmcs_writen(HOST_CR3, cr3);
	}
	if (unlikely(cr4 != vmcs->host_cr4)) {
		vmcs->host_cr4 = cr4;
		vmcs_writen(HOST_CR4, cr4);
	}
}

static void write_pdptrs(struct x86_vcpu *v)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(v->mmu.pdptrs); i++)
		vmcs_write64_at(GUEST_PDPTR0, i, v->mmu.pdptrs[i]);
}

static void state_to_guest(struct vcpu_vmx *vmx)
{
	struct x86_vcpu *v = &vmx->x86;

	if (v->regs_dirty & BIT(GPR_RIP))
		vmcs_writen(GUEST_RIP, v->regs[GPR_RIP]);
	if (v->regs_dirty & BIT(GPR_RSP))
		vmcs_writen(GUEST_RSP, v->regs[GPR_RSP]);
	if (v->regs_dirty & BIT(REG_CACHE_PDPTR) && x86_is_pae_paging(&v->vcpu))
		write_pdptrs(v);
	v->regs_dirty = 0;
	if (vmx->vtpr)
		vmx->entry_tpr = *vmx->vtpr;
}

#define LEFT_IN_VMCS \
	(BIT(GPR_RIP) | BIT(GPR_RSP) | BIT(REG_CACHE_CR3) | BIT(REG_CACHE_PDPTR))

static void state_from_guest(struct vcpu_vmx *vmx)
{
	struct x86_vcpu *v = &vmx->x86;

	v->regs_avail &= ~LEFT_IN_VMCS;
	vmx->cached = 0;
	if (vmx->vtpr && unlikely(*vmx->vtpr != vmx->entry_tpr))
		lapic_tpr_changed(&v->vcpu);
}

/*
 * What bounds UMWAIT has no field in the VMCS. The host's is read anew each time: the administrator
 * changes it on all CPUs, by an interrupt.
 */
static u64 umwait_to_guest(const struct vcpu_vmx *vmx)
{
	u64 host;

	rdmsrl(MSR_IA32_UMWAIT_CONTROL, host);
	if (host != vmx->umwait_control)
		wrmsrl(MSR_IA32_UMWAIT_CONTROL, vmx->umwait_control);
	return host;
}

static void umwait_to_host(const struct vcpu_vmx *vmx, u64 host)
{
	if (host != vmx->umwait_control)
		wrmsrl(MSR_IA32_UMWAIT_CONTROL, host);
}

/* Nothing in here but the entry may be instrumented: RCU does not watch. */
static noinstr void enter_guest(struct vcpu_vmx *vmx)
{
	guest_context_enter();
	if (vmx->x86.cr2 != native_read_cr2())
		native_write_cr2(vmx->x86.cr2);
	vmx->refused = vmx_run_guest(&vmx->entry);
	vmx->x86.cr2 = native_read_cr2();
	guest_context_exit();
}

/*
 * A refused entry has left the VMCS as it was. After a failed one the guest's state is as it was
 * set, and the VMCS is not launched (SDM, VMLAUNCH: the launch state changes last); neither has
 * delivered the event.
 */
static void after_entry(struct vcpu_vmx *vmx)
{
	if (unlikely(vmx->refused)) {
		vmx->exit_reason = U16_MAX;
		vmx->cached = 0;
		vmx_cancel_injection(&vmx->x86.vcpu);
		return;
	}
	state_from_guest(vmx);
	vmx->exit_reason = vmcs_read32(VM_EXIT_REASON);
	if (unlikely(vmx->exit_reason & VMX_EXIT_REASONS_FAILED_VMENTRY)) {
		vmx_cancel_injection(&vmx->x86.vcpu);
		return;
	}
	vmx->entry.launched = true;
	vmx_requeue_undelivered(vmx);
}

/*
 * CPUID takes nothing but the vCPU's registers and its table, and the CPU tells its length: it is
 * answered here and now, unless somebody watches exits or steps through the guest.
 */
static enum x86_fastpath fast_exit(struct kvm_vcpu *vcpu)
{
	if (to_vmx(vcpu)->exit_reason != EXIT_REASON_CPUID || unlikely(vcpu->guest_debug) ||
	    trace_kvm_exit_enabled() || trace_kvm_entry_enabled() ||
	    unlikely(vmx_get_rflags(vcpu) & X86_EFLAGS_TF))
		return FASTPATH_NONE;
	return x86_exit_cpuid(vcpu) == EXIT_RESUME ? FASTPATH_REENTER : FASTPATH_NONE;
}

enum x86_fastpath vmx_enter(struct kvm_vcpu *vcpu, bool immediate_exit)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);
	bool umwait = vmx_control_has(vmx, WORD_CPU2, SECONDARY_EXEC_ENABLE_USR_WAIT_PAUSE);
	u64 host_umwait = 0;

	state_to_guest(vmx);
	host_registers(&vmx->vmcs);
	if (unlikely(vmx->flush))
		vmx_flush_pending(vmx);
	if (unlikely(immediate_exit || vmx->timer_tsc))
		vmx_timer_before_entry(vmx, immediate_exit);

	x86_guest_xsave_load(vcpu);
	if (unlikely(umwait))
		host_umwait = umwait_to_guest(vmx);
	vmx_l1d_flush(vmx);
	if (static_branch_unlikely(&mmio_stale_data_clear))
		x86_clear_cpu_buffers();
	enter_guest(vmx);
	if (unlikely(umwait))
		umwait_to_host(vmx, host_umwait);
	x86_host_xsave_load(vcpu);
	/*
	 * The VMM must not run on predictions that the guest has trained: barrier on its way to
	 * user space.
	 */
	if (cpu_feature_enabled(X86_FEATURE_IBPB_EXIT_TO_USER))
		this_cpu_write(x86_ibpb_exit_to_user, true);

	if (unlikely(immediate_exit))
		vmx_timer_after_exit(vmx);
	after_entry(vmx);
	return fast_exit(vcpu);
}

/*
 * An external interrupt stays pending when it ends the guest, and is taken when interrupts go on;
 * with posted interrupts the exit has acknowledged it. An NMI and a machine check do not stay
 * either: all three go to the host's own handlers, here.
 */
static void interrupt_irqoff(struct vcpu_vmx *vmx)
{
	u32 info = vmx_intr_info(vmx);
	struct desc_ptr idt;

	if (!(info & INTR_INFO_VALID_MASK))	/* not acknowledged */
		return;
	store_idt(&idt);
	vmx_host_interrupt(gate_offset((gate_desc *)idt.address + (info & INTR_INFO_VECTOR_MASK)));
}

static void exception_irqoff(struct vcpu_vmx *vmx)
{
	u32 info = vmx_intr_info(vmx);

	if ((info & INTR_INFO_INTR_TYPE_MASK) == INTR_TYPE_NMI_INTR)
		vmx_host_nmi();
	else if ((info & INTR_INFO_VECTOR_MASK) == X86_TRAP_MC)
		x86_machine_check();
}

void vmx_handle_exit_irqoff(struct kvm_vcpu *vcpu)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);

	switch (vmx_reason(vmx)) {
	case EXIT_REASON_EXCEPTION_NMI:
		exception_irqoff(vmx);
		break;
	case EXIT_REASON_EXTERNAL_INTERRUPT:
		if (vmx->vmcs.ctl[WORD_EXIT] & VM_EXIT_ACK_INTR_ON_EXIT)
			interrupt_irqoff(vmx);
		vmx->x86.between_insns = true;
		break;
	case EXIT_REASON_MCE_DURING_VMENTRY:
		x86_machine_check();
		break;
	}
}
