// SPDX-License-Identifier: GPL-2.0-only
/*
 * Why the guest was left, and what is done about it: one table indexed by exit reason, one function
 * a reason.
 *
 * Handlers run with interrupts on and may sleep. They return EXIT_RESUME, EXIT_TO_USER with kvm_run
 * filled in, or a negative errno that ends KVM_RUN. What the exit says is in the exit qualification
 * (SDM vol 3, 28.2.1); where that is not enough the emulator carries the instruction out.
 */
#define pr_fmt(fmt) "kvm_intel: " fmt

#include <linux/nospec.h>
#include <linux/ratelimit.h>
#include "vmx.h"

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
	vmx_control_set(to_vmx(vcpu), WORD_CPU, CPU_BASED_INTR_WINDOW_EXITING, false);
	to_x86(vcpu)->stat.irq_window_exits++;
	kvm_request(vcpu, KVM_REQ_EVENT);
	return EXIT_RESUME;
}

static int exit_nmi_window(struct kvm_vcpu *vcpu)
{
	vmx_control_set(to_vmx(vcpu), WORD_CPU, CPU_BASED_NMI_WINDOW_EXITING, false);
	to_x86(vcpu)->stat.nmi_window_exits++;
	kvm_request(vcpu, KVM_REQ_EVENT);
	return EXIT_RESUME;
}

/* The guest's TPR has fallen below the threshold: what it held back may come. */
static int exit_tpr(struct kvm_vcpu *vcpu)
{
	kvm_request(vcpu, KVM_REQ_EVENT);
	return EXIT_RESUME;
}

/*
 * Exceptions.
 */
static int exit_debug(struct kvm_vcpu *vcpu, unsigned int vector, u64 dr6)
{
	struct kvm_run *run = vcpu->run;

	run->exit_reason = KVM_EXIT_DEBUG;
	run->debug.arch.exception = vector;
	run->debug.arch.pc = vmx_segment_base(vcpu, SEG_CS) + x86_rip(vcpu);
	run->debug.arch.dr6 = dr6;
	run->debug.arch.dr7 = vmcs_readn(GUEST_DR7);
	return EXIT_TO_USER;
}

/* The qualification has what would have gone into DR6 (28.2.1). */
static int exit_db(struct kvm_vcpu *vcpu)
{
	u64 bits = vmx_qualification(to_vmx(vcpu));

	if (vcpu->guest_debug & (KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_USE_HW_BP))
		return exit_debug(vcpu, X86_TRAP_DB, bits | DR6_RESERVED);
	x86_queue_db(vcpu, bits);
	return EXIT_RESUME;
}

/*
 * Real mode in virtual-8086 mode (realmode.c), where every exception comes here. What the
 * instruction does in real mode the emulator knows; what it does not know of, an exception of the
 * processor's own finding, goes to the guest. Traps of INT3 and INTO are those instructions' own.
 */
static int exit_exception_real(struct kvm_vcpu *vcpu, u8 vector)
{
	switch (vector) {
	case X86_TRAP_BP:
	case X86_TRAP_OF:
	case X86_TRAP_SS:
	case X86_TRAP_GP:
		return emulate(vcpu);
	case X86_TRAP_DE:
	case X86_TRAP_BR:
	case X86_TRAP_NM:
	case X86_TRAP_MF:
	case X86_TRAP_XF:
		x86_queue_exception(vcpu, vector);
		return EXIT_RESUME;
	default:	/* what only tables of protected mode, or pages, can cause */
		return x86_exit_internal_error(vcpu, KVM_INTERNAL_ERROR_SIMUL_EX, 1,
					       (u64[]){ vmx_intr_info(to_vmx(vcpu)) });
	}
}

static int exit_exception(struct kvm_vcpu *vcpu)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);
	u32 info = vmx_intr_info(vmx);
	u8 vector = info & INTR_INFO_VECTOR_MASK;

	if ((info & INTR_INFO_INTR_TYPE_MASK) == INTR_TYPE_NMI_INTR || vector == X86_TRAP_MC)
		return EXIT_RESUME;	/* the host's, served already */
	if (info & INTR_INFO_UNBLOCK_NMI && vector != X86_TRAP_DF)
		vmx_nmi_unblocked(vmx);
	switch (vector) {
	case X86_TRAP_DB:
		return exit_db(vcpu);
	case X86_TRAP_BP:
		if (!(vcpu->guest_debug & KVM_GUESTDBG_USE_SW_BP))
			break;
		return exit_debug(vcpu, X86_TRAP_BP, DR6_RESERVED);
	case X86_TRAP_UD:
		return x86_insn_emulate(vcpu, INSN_TRAP_UD, 0, 0, NULL, 0);
	case X86_TRAP_AC:
		x86_queue_exception_error(vcpu, X86_TRAP_AC, 0);
		return EXIT_RESUME;
	}
	if (vmx->rm.on)
		return exit_exception_real(vcpu, vector);
	return x86_exit_internal_error(vcpu, KVM_INTERNAL_ERROR_SIMUL_EX, 1, (u64[]){ info });
}

/*
 * Instructions.
 */
static int skip_or_gp(struct kvm_vcpu *vcpu, int bad)
{
	if (!bad)
		return x86_insn_skip(vcpu);
	x86_queue_gp(vcpu);
	return EXIT_RESUME;
}

static int write_cr8(struct kvm_vcpu *vcpu, unsigned long value)
{
	unsigned long before = x86_get_cr8(vcpu);
	int r = skip_or_gp(vcpu, x86_set_cr8(vcpu, value));

	/*
	 * User space keeps the controllers: it may have something to deliver once the priority
	 * falls.
	 */
	if (r != EXIT_RESUME || irqchip_has_lapic(vcpu->kvm) || x86_get_cr8(vcpu) >= before)
		return r;
	vcpu->run->exit_reason = KVM_EXIT_SET_TPR;
	return EXIT_TO_USER;
}

/* Outside 64-bit mode a MOV to or from a control register has 32 bits. */
static unsigned long operand(struct kvm_vcpu *vcpu, unsigned int reg)
{
	unsigned long value = x86_reg_read(vcpu, reg);

	return x86_is_64bit_code(vcpu) ? value : (u32)value;
}

static int write_cr(struct kvm_vcpu *vcpu, unsigned int cr, unsigned long value)
{
	switch (cr) {
	case 0:
		return skip_or_gp(vcpu, x86_set_cr0(vcpu, value));
	case 3:
		return skip_or_gp(vcpu, x86_set_cr3(vcpu, value));
	case 4:
		return skip_or_gp(vcpu, x86_set_cr4(vcpu, value));
	default:
		return write_cr8(vcpu, value);
	}
}

/* The qualification as table 28-3 has it. Of the reads only CR3's and CR8's can exit. */
static int exit_cr(struct kvm_vcpu *vcpu)
{
	enum { TO_CR, FROM_CR, CLTS, LMSW };
	unsigned long q = vmx_qualification(to_vmx(vcpu));
	unsigned int cr = q & 15, reg = q >> 8 & 15;

	switch (q >> 4 & 3) {
	case TO_CR:
		return write_cr(vcpu, cr, operand(vcpu, reg));
	case FROM_CR:
		x86_reg_write(vcpu, reg, cr == 8 ? x86_get_cr8(vcpu) : x86_cr3(vcpu));
		return x86_insn_skip(vcpu);
	case CLTS:
		return skip_or_gp(vcpu, x86_set_cr0(vcpu, to_x86(vcpu)->cr0 & ~X86_CR0_TS));
	default:
		x86_lmsw(vcpu, q >> LMSW_SOURCE_DATA_SHIFT & 0xffff);
		return x86_insn_skip(vcpu);
	}
}

/* The qualification as table 28-5 has it. Strings need the guest's memory, and so the emulator. */
static int exit_io(struct kvm_vcpu *vcpu)
{
	unsigned long q = vmx_qualification(to_vmx(vcpu));

	if (q & BIT(4)) {
		to_x86(vcpu)->stat.io_exits++;
		return emulate(vcpu);
	}
	return x86_fast_pio(vcpu, q >> 16, (q & 7) + 1, q & BIT(3));
}

static int exit_pause(struct kvm_vcpu *vcpu)
{
	if (x86_pause_window_grow(vcpu))
		vmcs_write32(PLE_WINDOW, to_x86(vcpu)->pause_window);
	return x86_exit_pause(vcpu);
}

/*
 * The event in whose delivery the task gate was met has been put back in the queue: the switch is
 * its delivery.
 */
static void task_gate_took(struct kvm_vcpu *vcpu, bool *has_error, u32 *error)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);

	if (vmx->vectoring & VECTORING_INFO_DELIVER_CODE_MASK) {
		*has_error = true;
		*error = vmcs_read32(IDT_VECTORING_ERROR_CODE);
	}
	if ((vmx->vectoring & VECTORING_INFO_TYPE_MASK) == INTR_TYPE_NMI_INTR)
		vmx_set_nmi_mask(vcpu, true);
	x86_clear_injected(vcpu);
}

/* The qualification as table 28-2 has it. */
static int exit_task_switch(struct kvm_vcpu *vcpu)
{
	enum { CALL, IRET, JMP, GATE };	/* numbered as enum x86_emu_switch_reason */
	struct vcpu_vmx *vmx = to_vmx(vcpu);
	unsigned long q = vmx_qualification(vmx);
	u32 type = vmx->vectoring & VECTORING_INFO_TYPE_MASK;
	int why = q >> 30 & 3, vector = vmx->vectoring & VECTORING_INFO_VECTOR_MASK;
	bool has_error = false, software;
	u32 error = 0;

	if (why == GATE && vmx->vectoring)
		task_gate_took(vcpu, &has_error, &error);
	/* What an instruction caused returns behind it. */
	software = why != GATE || type == INTR_TYPE_SOFT_INTR || type == INTR_TYPE_SOFT_EXCEPTION ||
		   type == INTR_TYPE_PRIV_SW_EXCEPTION;
	if (software && x86_insn_skip(vcpu) != EXIT_RESUME)
		return x86_emulation_failed(vcpu);
	/* Only an instruction needs the privilege to use the gate. */
	if (why != GATE || !software)
		vector = -1;
	return x86_task_switch(vcpu, q, vector, why, has_error, error);
}

/* What the qualification of a violation says (table 28-7), as an access. */
static u32 violation_access(unsigned long q)
{
	u32 access = 0;

	if (q & EPT_VIOLATION_ACC_WRITE)
		access |= ACC_WRITE;
	if (q & EPT_VIOLATION_ACC_INSTR)
		access |= ACC_FETCH;
	if (q & EPT_VIOLATION_RWX_MASK)
		access |= ACC_PRESENT;
	return access;
}

/* No entry for the frame, or no permission in it. */
static int exit_ept_violation(struct kvm_vcpu *vcpu)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);
	unsigned long q = vmx_qualification(vmx);
	const struct mmu_fault fault = {
		.gpa		= vmcs_read64(GUEST_PHYSICAL_ADDRESS),
		.access		= violation_access(q),
		.on_guest_table	= (q & EPT_VIOLATION_GVA_IS_VALID) &&
				  !(q & EPT_VIOLATION_GVA_TRANSLATED),
		.event		= vmx->vectoring,
	};

	if (q & INTR_INFO_UNBLOCK_NMI)
		vmx_nmi_unblocked(vmx);
	return mmu_fault(vcpu, &fault);
}

/* The list is full; it has been collected already. Bit 12 as of a violation (28.2.1). */
static int exit_pml_full(struct kvm_vcpu *vcpu)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);

	if (vmx_qualification(vmx) & INTR_INFO_UNBLOCK_NMI)
		vmx_nmi_unblocked(vmx);
	return EXIT_RESUME;
}

/* No entry of ours is one. */
static int exit_ept_misconfig(struct kvm_vcpu *vcpu)
{
	KVM_BUG_ON(1, vcpu->kvm);
	return -EIO;
}

/*
 * For as long as the notify window the guest has let in no event: it may hold on to the CPU by an
 * exception that recurs in its own delivery. Bit 0 of the qualification: what the VMCS has of the
 * guest is not valid, and to enter it again is not for us to try.
 */
static int exit_notify(struct kvm_vcpu *vcpu)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);
	unsigned long q = vmx_qualification(vmx);
	bool broken = q & NOTIFY_VM_CONTEXT_INVALID;
	struct kvm_run *run = vcpu->run;

	vmx->x86.stat.notify_window_exits++;
	if (q & INTR_INFO_UNBLOCK_NMI && !broken)
		vmx_nmi_unblocked(vmx);
	if (!broken && !to_x86_vm(vcpu->kvm)->notify.to_user)
		return EXIT_RESUME;
	run->exit_reason = KVM_EXIT_NOTIFY;
	run->notify.flags = broken ? KVM_NOTIFY_CONTEXT_INVALID : 0;
	return EXIT_TO_USER;
}

static int exit_triple_fault(struct kvm_vcpu *vcpu)
{
	vcpu->run->exit_reason = KVM_EXIT_SHUTDOWN;
	return EXIT_TO_USER;
}

static int (*const exit_table[])(struct kvm_vcpu *vcpu) = {
	[EXIT_REASON_EXCEPTION_NMI]		= exit_exception,
	[EXIT_REASON_EXTERNAL_INTERRUPT]	= exit_intr,
	[EXIT_REASON_TRIPLE_FAULT]		= exit_triple_fault,
	[EXIT_REASON_INIT_SIGNAL]		= exit_done,
	[EXIT_REASON_INTERRUPT_WINDOW]		= exit_irq_window,
	[EXIT_REASON_NMI_WINDOW]		= exit_nmi_window,
	[EXIT_REASON_TASK_SWITCH]		= exit_task_switch,
	[EXIT_REASON_CPUID]			= x86_exit_cpuid,
	[EXIT_REASON_HLT]			= x86_exit_hlt,
	[EXIT_REASON_INVD]			= x86_exit_as_nop,
	[EXIT_REASON_RDPMC]			= x86_exit_rdpmc,
	[EXIT_REASON_VMCALL]			= x86_exit_hypercall,
	[EXIT_REASON_VMCLEAR ... EXIT_REASON_VMON]	= x86_exit_ud,
	[EXIT_REASON_CR_ACCESS]			= exit_cr,
	[EXIT_REASON_DR_ACCESS]			= emulate,
	[EXIT_REASON_IO_INSTRUCTION]		= exit_io,
	[EXIT_REASON_MSR_READ]			= x86_exit_rdmsr,
	[EXIT_REASON_MSR_WRITE]			= x86_exit_wrmsr,
	[EXIT_REASON_MWAIT_INSTRUCTION]		= x86_exit_mwait,
	[EXIT_REASON_MONITOR_INSTRUCTION]	= x86_exit_mwait,
	[EXIT_REASON_PAUSE_INSTRUCTION]		= exit_pause,
	[EXIT_REASON_TPR_BELOW_THRESHOLD]	= exit_tpr,
	[EXIT_REASON_APIC_ACCESS]		= vmx_exit_apic_access,
	[EXIT_REASON_EOI_INDUCED]		= vmx_exit_eoi,
	[EXIT_REASON_APIC_WRITE]		= vmx_exit_apic_write,
	[EXIT_REASON_EPT_VIOLATION]		= exit_ept_violation,
	[EXIT_REASON_EPT_MISCONFIG]		= exit_ept_misconfig,
	[EXIT_REASON_INVEPT]			= x86_exit_ud,
	[EXIT_REASON_PREEMPTION_TIMER]		= vmx_exit_timer,
	[EXIT_REASON_INVVPID]			= x86_exit_ud,
	[EXIT_REASON_WBINVD]			= x86_exit_wbinvd,
	[EXIT_REASON_XSETBV]			= x86_exit_xsetbv,
	[EXIT_REASON_VMFUNC]			= x86_exit_ud,
	[EXIT_REASON_PML_FULL]			= exit_pml_full,
	[EXIT_REASON_BUS_LOCK]			= exit_done,	/* see report_bus_lock() */
	[EXIT_REASON_NOTIFY]			= exit_notify,
};

/* After these the L1 data cache holds nothing that the guest must not see: see l1d.c. */
#define LEAVES_L1D_CLEAN						\
	(BIT_ULL(EXIT_REASON_EXTERNAL_INTERRUPT) | BIT_ULL(EXIT_REASON_CPUID) |		\
	 BIT_ULL(EXIT_REASON_INTERRUPT_WINDOW) | BIT_ULL(EXIT_REASON_NMI_WINDOW) |	\
	 BIT_ULL(EXIT_REASON_TPR_BELOW_THRESHOLD) | BIT_ULL(EXIT_REASON_PREEMPTION_TIMER))

/*
 * VM entry found the VMCS not as it wants it: in the controls or the host's state (VMLAUNCH or
 * VMRESUME failed, 31.4), or in the guest's (an exit with bit 31 set, 27.8). User space has set
 * what is wrong, and may set it right: it is nothing to log.
 */
static noinline int entry_failed(struct kvm_vcpu *vcpu)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);
	struct kvm_run *run = vcpu->run;
	u32 why = vmx->refused ? vmcs_read32(VM_INSTRUCTION_ERROR) : vmx->exit_reason;

	run->exit_reason = KVM_EXIT_FAIL_ENTRY;
	run->fail_entry.hardware_entry_failure_reason = why;
	run->fail_entry.cpu = vcpu->cpu;
	vmx_dump_refused(vmx, why);
	return EXIT_TO_USER;
}

static noinline int unexpected(struct kvm_vcpu *vcpu, u32 reason)
{
	const u64 data[] = { reason, vcpu->cpu };

	pr_warn_ratelimited("exit %#x of vCPU %d has no handler\n", reason, vcpu->id);
	return x86_exit_internal_error(vcpu, KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON,
				       ARRAY_SIZE(data), data);
}

/*
 * The bus was locked before the exit, be it for that alone or for another reason that came first
 * (bit 26, 28.2.1). What the exit asks for has been done. User space sees the lock with the exit
 * that it gets, or gets one of its own.
 */
static int report_bus_lock(struct kvm_vcpu *vcpu, int r)
{
	to_x86(vcpu)->bus_locked = true;
	if (r != EXIT_RESUME)
		return r;
	vcpu->run->exit_reason = KVM_EXIT_X86_BUS_LOCK;
	return EXIT_TO_USER;
}

static int dispatch(struct kvm_vcpu *vcpu)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);
	unsigned int reason = vmx_reason(vmx);

	if (reason >= ARRAY_SIZE(exit_table))
		return unexpected(vcpu, vmx->exit_reason);
	reason = array_index_nospec(reason, ARRAY_SIZE(exit_table));
	if (!exit_table[reason])
		return unexpected(vcpu, vmx->exit_reason);
	if (reason >= 64 || !(LEAVES_L1D_CLEAN & BIT_ULL(reason)))
		vmx->l1d_stale = true;
	return exit_table[reason](vcpu);
}

int vmx_handle_exit(struct kvm_vcpu *vcpu, enum x86_fastpath fastpath)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);
	int r;

	if (unlikely(vmx_control_has(vmx, WORD_CPU2, SECONDARY_EXEC_ENABLE_PML)))
		vmx_pml_collect(vmx);
	if (unlikely(vmx->refused || vmx->exit_reason & VMX_EXIT_REASONS_FAILED_VMENTRY))
		return entry_failed(vcpu);
	if (fastpath != FASTPATH_NONE)
		return EXIT_RESUME;
	if (unlikely(!vmx_vnmi_on))
		vmx_nmi_look(vmx);
	r = dispatch(vcpu);
	return unlikely(vmx->exit_reason & VMX_EXIT_BUS_LOCKED) ? report_bus_lock(vcpu, r) : r;
}

void vmx_exit_info(struct kvm_vcpu *vcpu, struct x86_exit_info *info)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);

	info->reason = vmx->exit_reason;
	info->info1 = vmx_qualification(vmx);
	info->info2 = vmx->vectoring;
	info->intr_info = vmx_intr_info(vmx);
	info->error_code = 0;
	if (info->intr_info & INTR_INFO_VALID_MASK && info->intr_info & INTR_INFO_DELIVER_CODE_MASK)
		info->error_code = vmcs_read32(VM_EXIT_INTR_ERROR_CODE);
}

/* Exits that are an instruction's own doing, and so tell its length (28.2.5). */
#define TELLS_LENGTH							\
	(BIT_ULL(EXIT_REASON_TASK_SWITCH) | BIT_ULL(EXIT_REASON_CPUID) |		\
	 BIT_ULL(EXIT_REASON_HLT) | BIT_ULL(EXIT_REASON_INVD) |				\
	 BIT_ULL(EXIT_REASON_INVLPG) | BIT_ULL(EXIT_REASON_RDPMC) |			\
	 GENMASK_ULL(EXIT_REASON_MSR_WRITE, EXIT_REASON_VMCALL) |			\
	 BIT_ULL(EXIT_REASON_MWAIT_INSTRUCTION) | BIT_ULL(EXIT_REASON_MONITOR_INSTRUCTION) | \
	 BIT_ULL(EXIT_REASON_PAUSE_INSTRUCTION) |					\
	 GENMASK_ULL(EXIT_REASON_LDTR_TR, EXIT_REASON_GDTR_IDTR) |			\
	 BIT_ULL(EXIT_REASON_INVEPT) | BIT_ULL(EXIT_REASON_RDTSCP) |			\
	 GENMASK_ULL(EXIT_REASON_XSETBV, EXIT_REASON_INVVPID) |				\
	 BIT_ULL(EXIT_REASON_RDRAND) | BIT_ULL(EXIT_REASON_INVPCID))

unsigned int vmx_insn_length(struct kvm_vcpu *vcpu)
{
	const struct vcpu_vmx *vmx = to_vmx(vcpu);

	if (vmx->x86.regs_dirty & BIT(GPR_RIP))
		return 0;		/* no longer the instruction that exited */
	if (vmx_reason(vmx) >= 64 || !(TELLS_LENGTH & BIT_ULL(vmx_reason(vmx))))
		return 0;
	return vmcs_read32(VM_EXIT_INSTRUCTION_LEN);
}

/* No encrypted guests: their memory is the only that we could not read. */
bool vmx_can_emulate(struct kvm_vcpu *vcpu, const u8 *bytes, unsigned int n)
{
	return true;
}
