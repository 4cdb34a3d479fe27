// SPDX-License-Identifier: GPL-2.0-only
/*
 * Why the guest was left, and what is done about it: one table indexed by exit code, one function a
 * reason.
 *
 * Handlers run with interrupts on and may sleep. They return EXIT_RESUME, EXIT_TO_USER with kvm_run
 * filled in, or a negative errno that ends KVM_RUN. Where the hardware does not decode the
 * instruction for us (no decode assists), the emulator carries it out.
 */
#define pr_fmt(fmt) "kvm_amd: " fmt

#include <linux/nospec.h>
#include <linux/ratelimit.h>
#include "svm.h"
#include "../trace.h"

static const struct vmcb_control_area *control(struct kvm_vcpu *vcpu)
{
	return &to_svm(vcpu)->vmcb->control;
}

static int emulate(struct kvm_vcpu *vcpu)
{
	return x86_insn_emulate(vcpu, 0, 0, 0, NULL, 0);
}

/* Served with interrupts off, or by the host's own handler; or one that asks for nothing. */
static int exit_done(struct kvm_vcpu *vcpu)
{
	return EXIT_RESUME;
}

static int exit_intr(struct kvm_vcpu *vcpu)
{
	to_x86(vcpu)->stat.irq_exits++;
	return EXIT_RESUME;
}

static int exit_irq_window(struct kvm_vcpu *vcpu)
{
	svm_irq_window_close(to_svm(vcpu));
	to_x86(vcpu)->stat.irq_window_exits++;
	kvm_request(vcpu, KVM_REQ_EVENT);
	return EXIT_RESUME;
}

/*
 * The guest is about to execute the IRET that ends its NMI handler: see inject.c.
 */
static int exit_iret(struct kvm_vcpu *vcpu)
{
	struct vcpu_svm *svm = to_svm(vcpu);

	svm_intercept(svm, INTERCEPT_IRET, false);
	svm->iret_running = true;
	svm->iret_rip = x86_rip(vcpu);
	to_x86(vcpu)->stat.nmi_window_exits++;
	kvm_request(vcpu, KVM_REQ_EVENT);
	return EXIT_RESUME;
}

/*
 * Exceptions.
 */
static int exit_debug(struct kvm_vcpu *vcpu, unsigned int vector)
{
	struct kvm_run *run = vcpu->run;
	const struct vmcb_save_area *save = &to_svm(vcpu)->vmcb->save;

	run->exit_reason = KVM_EXIT_DEBUG;
	run->debug.arch.exception = vector;
	run->debug.arch.pc = save->cs.base + save->rip;
	run->debug.arch.dr6 = save->dr6;
	run->debug.arch.dr7 = save->dr7;
	return EXIT_TO_USER;
}

/*
 * DR6 has been written when the intercept comes (15.12.2). Which #DB it is: user space's, our
 * step's, or the guest's.
 */
static int exit_db(struct kvm_vcpu *vcpu)
{
	struct vcpu_svm *svm = to_svm(vcpu);
	u64 dr6 = svm->vmcb->save.dr6;

	if (vcpu->guest_debug & (KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_USE_HW_BP))
		return exit_debug(vcpu, X86_TRAP_DB);
	if (svm->nmi_stepped) {
		svm->nmi_stepped = false;
		if (!(svm->step_rflags & X86_EFLAGS_TF))
			dr6 &= ~DR_STEP;
		svm->x86.dr6 &= ~DR_STEP;
		if (!((dr6 ^ DR6_RESERVED) & ~(u64)DR6_RESERVED))
			return EXIT_RESUME;
	}
	x86_queue_db(vcpu, dr6 ^ DR6_RESERVED);
	return EXIT_RESUME;
}

static int exit_bp(struct kvm_vcpu *vcpu)
{
	return exit_debug(vcpu, X86_TRAP_BP);
}

static int exit_ud(struct kvm_vcpu *vcpu)
{
	return x86_insn_emulate(vcpu, INSN_TRAP_UD, 0, 0, NULL, 0);
}

static int exit_ac(struct kvm_vcpu *vcpu)
{
	x86_queue_exception_error(vcpu, X86_TRAP_AC, 0);
	return EXIT_RESUME;
}

/*
 * Instructions.
 */
static int exit_cr8_write(struct kvm_vcpu *vcpu)
{
	unsigned long before = x86_get_cr8(vcpu);
	int r = emulate(vcpu);

	/*
	 * User space keeps the controllers: it may have something to deliver once the priority
	 * falls.
	 */
	if (r != EXIT_RESUME || irqchip_has_lapic(vcpu->kvm) || x86_get_cr8(vcpu) >= before)
		return r;
	vcpu->run->exit_reason = KVM_EXIT_SET_TPR;
	return EXIT_TO_USER;
}

/* EXITINFO1 as 15.10.2 has it. Strings need the guest's memory, and so the emulator. */
static int exit_ioio(struct kvm_vcpu *vcpu)
{
	u32 info = control(vcpu)->exit_info_1;
	unsigned int size = (info & SVM_IOIO_SIZE_MASK) >> SVM_IOIO_SIZE_SHIFT;

	if (info & SVM_IOIO_STR_MASK) {
		to_x86(vcpu)->stat.io_exits++;
		return emulate(vcpu);
	}
	return x86_fast_pio(vcpu, info >> 16, size, info & SVM_IOIO_TYPE_MASK);
}

static int exit_msr(struct kvm_vcpu *vcpu)
{
	return control(vcpu)->exit_info_1 ? x86_exit_wrmsr(vcpu) : x86_exit_rdmsr(vcpu);
}

static int exit_pause(struct kvm_vcpu *vcpu)
{
	if (x86_pause_window_grow(vcpu))
		svm_put_pause_window(to_svm(vcpu));
	return x86_exit_pause(vcpu);
}

/*
 * The event in whose delivery the task gate was met has been put back in the queue: the switch is
 * its delivery.
 */
static void task_gate_took(struct kvm_vcpu *vcpu, u32 type, bool *has_error, u32 *error)
{
	const struct vmcb_control_area *ctl = control(vcpu);

	if (type == SVM_EXITINTINFO_TYPE_EXEPT &&
	    ctl->exit_info_2 & BIT_ULL(SVM_EXITINFOSHIFT_TS_HAS_ERROR_CODE)) {
		*has_error = true;
		*error = ctl->exit_info_2;
	}
	x86_clear_injected(vcpu);
}

/* EXITINFO2 as 15.14.1 has it. */
static int exit_task_switch(struct kvm_vcpu *vcpu)
{
	enum { CALL, IRET, JMP, GATE } why;	/* numbered as enum x86_emu_switch_reason */
	const struct vmcb_control_area *ctl = control(vcpu);
	u32 type = ctl->exit_int_info & SVM_EXITINTINFO_TYPE_MASK;
	u8 vector = ctl->exit_int_info & SVM_EXITINTINFO_VEC_MASK;
	bool has_error = false, software;
	u32 error = 0;

	if (ctl->exit_info_2 & BIT_ULL(SVM_EXITINFOSHIFT_TS_REASON_IRET))
		why = IRET;
	else if (ctl->exit_info_2 & BIT_ULL(SVM_EXITINFOSHIFT_TS_REASON_JMP))
		why = JMP;
	else
		why = ctl->exit_int_info & SVM_EXITINTINFO_VALID ? GATE : CALL;

	if (why == GATE)
		task_gate_took(vcpu, type, &has_error, &error);
	/* What an instruction caused returns behind it. */
	software = why != GATE || type == SVM_EXITINTINFO_TYPE_SOFT ||
		   (type == SVM_EXITINTINFO_TYPE_EXEPT &&
		    (vector == X86_TRAP_BP || vector == X86_TRAP_OF));
	if (software && x86_insn_skip(vcpu) != EXIT_RESUME)
		return x86_emulation_failed(vcpu);
	/* Only an instruction needs the privilege to use the gate. */
	return x86_task_switch(vcpu, ctl->exit_info_1, why == GATE && software ? vector : -1, why,
			       has_error, error);
}

#define NPF_ACCESS	(ACC_PRESENT | ACC_WRITE | ACC_USER | ACC_RSVD | ACC_FETCH)

/*
 * The nested walk failed, or found no permission. EXITINFO1 is the page-fault error code of that
 * walk, EXITINFO2 the guest physical address (15.25.6).
 */
static int exit_npf(struct kvm_vcpu *vcpu)
{
	const struct vmcb_control_area *ctl = control(vcpu);
	bool delivering = ctl->exit_int_info & SVM_EXITINTINFO_VALID;
	const struct mmu_fault fault = {
		.gpa		= ctl->exit_info_2,
		.access		= ctl->exit_info_1 & NPF_ACCESS,
		.on_guest_table	= ctl->exit_info_1 & BIT_ULL(33),
		.event		= delivering ? ctl->exit_int_info : 0,
		.insn		= boot_cpu_has(X86_FEATURE_DECODEASSISTS) ? ctl->insn_bytes : NULL,
		.insn_len	= boot_cpu_has(X86_FEATURE_DECODEASSISTS) ? ctl->insn_len & 0xf : 0,
	};

	trace_kvm_page_fault(vcpu->id, x86_rip(vcpu), fault.gpa, ctl->exit_info_1);
	return mmu_fault(vcpu, &fault);
}

/* The VMCB's state is undefined after a shutdown (15.14.3): it is made anew, as by an INIT. */
static int exit_shutdown(struct kvm_vcpu *vcpu)
{
	x86_vcpu_reset(vcpu, true);
	vcpu->run->exit_reason = KVM_EXIT_SHUTDOWN;
	return EXIT_TO_USER;
}

static int (*const exit_table[])(struct kvm_vcpu *vcpu) = {
	[SVM_EXIT_READ_CR0 ... SVM_EXIT_READ_CR8]	= emulate,
	[SVM_EXIT_WRITE_CR0 ... SVM_EXIT_WRITE_CR4]	= emulate,
	[SVM_EXIT_WRITE_CR8]				= exit_cr8_write,
	[SVM_EXIT_CR0_SEL_WRITE]			= emulate,
	[SVM_EXIT_READ_DR0 ... SVM_EXIT_READ_DR7]	= emulate,
	[SVM_EXIT_WRITE_DR0 ... SVM_EXIT_WRITE_DR7]	= emulate,
	[SVM_EXIT_EXCP_BASE + X86_TRAP_DB]		= exit_db,
	[SVM_EXIT_EXCP_BASE + X86_TRAP_BP]		= exit_bp,
	[SVM_EXIT_EXCP_BASE + X86_TRAP_UD]		= exit_ud,
	[SVM_EXIT_EXCP_BASE + X86_TRAP_AC]		= exit_ac,
	[SVM_EXIT_EXCP_BASE + X86_TRAP_MC]		= exit_done,
	[SVM_EXIT_INTR]					= exit_intr,
	[SVM_EXIT_NMI]					= exit_done,
	[SVM_EXIT_SMI]					= exit_done,
	[SVM_EXIT_INIT]					= exit_done,
	[SVM_EXIT_VINTR]				= exit_irq_window,
	[SVM_EXIT_RDPMC]				= x86_exit_rdpmc,
	[SVM_EXIT_CPUID]				= x86_exit_cpuid,
	[SVM_EXIT_RSM]					= x86_exit_rsm,
	[SVM_EXIT_IRET]					= exit_iret,
	[SVM_EXIT_INVD]					= x86_exit_as_nop,
	[SVM_EXIT_PAUSE]				= exit_pause,
	[SVM_EXIT_HLT]					= x86_exit_hlt,
	[SVM_EXIT_INVLPG]				= emulate,
	[SVM_EXIT_INVLPGA]				= x86_exit_ud,
	[SVM_EXIT_IOIO]					= exit_ioio,
	[SVM_EXIT_MSR]					= exit_msr,
	[SVM_EXIT_TASK_SWITCH]				= exit_task_switch,
	[SVM_EXIT_SHUTDOWN]				= exit_shutdown,
	[SVM_EXIT_VMRUN]				= x86_exit_ud,
	[SVM_EXIT_VMMCALL]				= x86_exit_hypercall,
	[SVM_EXIT_VMLOAD ... SVM_EXIT_SKINIT]		= x86_exit_ud,
	[SVM_EXIT_RDTSCP]				= x86_exit_ud,
	[SVM_EXIT_WBINVD]				= x86_exit_wbinvd,
	[SVM_EXIT_MONITOR]				= x86_exit_mwait,
	[SVM_EXIT_MWAIT]				= x86_exit_mwait,
	[SVM_EXIT_XSETBV]				= x86_exit_xsetbv,
	[SVM_EXIT_RDPRU]				= x86_exit_ud,
	[SVM_EXIT_INVPCID]				= x86_exit_ud,
	[SVM_EXIT_NPF]					= exit_npf,
};

/*
 * Nothing was run: the VMCB is not as VMRUN wants it (15.5.1), or the CPU found no event it could
 * inject.
 */
static int entry_failed(struct kvm_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	pr_warn_ratelimited("VMRUN refused the state of vCPU %d\n", vcpu->id);
	run->exit_reason = KVM_EXIT_FAIL_ENTRY;
	run->fail_entry.hardware_entry_failure_reason = control(vcpu)->exit_code;
	run->fail_entry.cpu = vcpu->cpu;
	return EXIT_TO_USER;
}

static int unexpected(struct kvm_vcpu *vcpu, u32 code)
{
	const u64 data[] = { code, vcpu->cpu };

	pr_warn_ratelimited("exit %#x of vCPU %d has no handler\n", code, vcpu->id);
	return x86_exit_internal_error(vcpu, KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON,
				       ARRAY_SIZE(data), data);
}

int svm_handle_exit(struct kvm_vcpu *vcpu, enum x86_fastpath fastpath)
{
	u32 code = control(vcpu)->exit_code;

	if (unlikely(code == (u32)SVM_EXIT_ERR))
		return entry_failed(vcpu);
	if (fastpath != FASTPATH_NONE)
		return EXIT_RESUME;
	if (code >= ARRAY_SIZE(exit_table))
		return unexpected(vcpu, code);
	code = array_index_nospec(code, ARRAY_SIZE(exit_table));
	if (!exit_table[code])
		return unexpected(vcpu, code);
	return exit_table[code](vcpu);
}

void svm_exit_info(struct kvm_vcpu *vcpu, struct x86_exit_info *info)
{
	const struct vmcb_control_area *ctl = control(vcpu);

	info->reason = ctl->exit_code;
	info->info1 = ctl->exit_info_1;
	info->info2 = ctl->exit_info_2;
	info->intr_info = 0;
	info->error_code = 0;
	if (!(ctl->exit_int_info & SVM_EXITINTINFO_VALID))
		return;
	info->intr_info = ctl->exit_int_info;
	if (ctl->exit_int_info & SVM_EXITINTINFO_VALID_ERR)
		info->error_code = ctl->exit_int_info_err;
}

/*
 * The hardware tells where the next instruction is: with NRIPS for intercepted instructions, and
 * always for IN and OUT.
 */
unsigned int svm_insn_length(struct kvm_vcpu *vcpu)
{
	const struct vmcb *vmcb = to_svm(vcpu)->vmcb;
	u64 next = 0, length;

	if (vmcb->save.rip != x86_rip(vcpu))
		return 0;		/* no longer the instruction that exited */
	if (boot_cpu_has(X86_FEATURE_NRIPS))
		next = vmcb->control.next_rip;
	else if (vmcb->control.exit_code == SVM_EXIT_IOIO)
		next = vmcb->control.exit_info_2;
	length = next - vmcb->save.rip;
	return next && length <= 15 ? length : 0;
}

/* No encrypted guests: their memory is the only that we could not read. */
bool svm_can_emulate(struct kvm_vcpu *vcpu, const u8 *bytes, unsigned int n)
{
	return true;
}
