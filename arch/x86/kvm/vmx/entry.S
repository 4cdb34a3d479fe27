/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Into the guest and back (SDM vol 3, chapters 27 and 28).
 *
 * The VMCS switches RSP, RIP, RFLAGS, segments, control registers and some MSRs. All other
 * registers are ours to switch. Interrupts are off on both sides: one for the host ends the guest,
 * and is taken when common code enables them.
 *
 * Speculation: before anything returns, the return stack is stuffed, SPEC_CTRL is the host's again
 * and the return predictor is untrained, as the kernel has asked for at boot by CPU features.
 */
#include <linux/linkage.h>
#include <asm/asm.h>
#include <asm/nospec-branch.h>
#include <asm/percpu.h>
#include <asm/segment.h>
#include <asm/unwind_hints.h>
#include "entry.h"

/* Offsets in x86_vcpu.regs; asserted in run.c. */
#define REG(n)		((n) * 8)
#define RAX	0
#define RCX	1
#define RDX	2
#define RBX	3
#define RBP	5
#define RSI	6
#define RDI	7

/* The VMCS field, whose number C knows from an enumeration; asserted in run.c. */
#define HOST_RSP_FIELD	0x6c14

	.section .noinstr.text, "ax"

/*
 * bool vmx_run_guest(struct vmx_entry *entry)
 */
SYM_FUNC_START(vmx_run_guest)
	push	%rbp
	push	%r15
	push	%r14
	push	%r13
	push	%r12
	push	%rbx
	push	%rdi

	/* An exit comes back with this stack. */
	cmp	%rsp, ENTRY_HOST_RSP(%rdi)
	je	.Lhost_rsp_done
	mov	%rsp, ENTRY_HOST_RSP(%rdi)
	mov	$HOST_RSP_FIELD, %eax
.Lwrite_rsp:
	vmwrite	%rsp, %rax
	jbe	.Lrefused
	_ASM_EXTABLE(.Lwrite_rsp, .Lfault)
.Lhost_rsp_done:

	ALTERNATIVE "jmp .Lguest_spec_ctrl_done", "", X86_FEATURE_MSR_SPEC_CTRL
	mov	ENTRY_SPEC_CTRL(%rdi), %rax
	cmp	PER_CPU_VAR(x86_spec_ctrl_current), %rax
	je	.Lguest_spec_ctrl_done
	mov	%rax, %rdx
	shr	$32, %rdx
	mov	$MSR_IA32_SPEC_CTRL, %ecx
	wrmsr
.Lguest_spec_ctrl_done:

	/* Into CF, which nothing changes from here to the branch. */
	btl	$0, ENTRY_LAUNCHED(%rdi)

	mov	ENTRY_REGS(%rdi), %rdi
	mov	REG(RAX)(%rdi), %rax
	mov	REG(RCX)(%rdi), %rcx
	mov	REG(RDX)(%rdi), %rdx
	mov	REG(RBX)(%rdi), %rbx
	mov	REG(RBP)(%rdi), %rbp
	mov	REG(RSI)(%rdi), %rsi
	mov	REG(8)(%rdi), %r8
	mov	REG(9)(%rdi), %r9
	mov	REG(10)(%rdi), %r10
	mov	REG(11)(%rdi), %r11
	mov	REG(12)(%rdi), %r12
	mov	REG(13)(%rdi), %r13
	mov	REG(14)(%rdi), %r14
	mov	REG(15)(%rdi), %r15
	mov	REG(RDI)(%rdi), %rdi

	VM_CLEAR_CPU_BUFFERS		/* VERW changes ZF only */

	UNWIND_HINT_SAVE
	jnc	.Llaunch
.Lresume:
	vmresume
	jmp	.Lrefused
.Llaunch:
	vmlaunch
	jmp	.Lrefused

	_ASM_EXTABLE(.Lresume, .Lfault)
	_ASM_EXTABLE(.Llaunch, .Lfault)

SYM_INNER_LABEL(vmx_exit_point, SYM_L_GLOBAL)
	UNWIND_HINT_RESTORE
	ANNOTATE_NOENDBR

	/* RSP is what it was; every other register is the guest's. */
	push	%rax
	mov	8(%rsp), %rax
	mov	ENTRY_REGS(%rax), %rax
	mov	%rcx, REG(RCX)(%rax)
	mov	%rdx, REG(RDX)(%rax)
	mov	%rbx, REG(RBX)(%rax)
	mov	%rbp, REG(RBP)(%rax)
	mov	%rsi, REG(RSI)(%rax)
	mov	%rdi, REG(RDI)(%rax)
	mov	%r8, REG(8)(%rax)
	mov	%r9, REG(9)(%rax)
	mov	%r10, REG(10)(%rax)
	mov	%r11, REG(11)(%rax)
	mov	%r12, REG(12)(%rax)
	mov	%r13, REG(13)(%rax)
	mov	%r14, REG(14)(%rax)
	mov	%r15, REG(15)(%rax)
	pop	%rcx
	mov	%rcx, REG(RAX)(%rax)
	mov	$0, %esi		/* not refused */

.Lout:
	/* The guest must not steer the host's returns. */
	FILL_RETURN_BUFFER %rcx, RSB_CLEAR_LOOPS, X86_FEATURE_RSB_VMEXIT, \
		X86_FEATURE_RSB_VMEXIT_LITE

	/*
	 * Nor leave values of its own for the host to speculate with. The seven below come off the
	 * stack.
	 */
	xor	%eax, %eax
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d
	xor	%ebx, %ebx
	xor	%ebp, %ebp
	xor	%r12d, %r12d
	xor	%r13d, %r13d
	xor	%r14d, %r14d
	xor	%r15d, %r15d
	mov	(%rsp), %rdi

	/*
	 * The host's SPEC_CTRL. What the guest left is read only when it could write it without an
	 * exit. With enhanced IBRS the host's must be written even if it is the same, for what the
	 * guest has trained to be out of reach.
	 */
	ALTERNATIVE "jmp .Lhost_spec_ctrl_done", "", X86_FEATURE_MSR_SPEC_CTRL
	mov	$MSR_IA32_SPEC_CTRL, %ecx
	cmpq	$0, ENTRY_SPEC_CTRL_OPEN(%rdi)
	je	.Lguest_kept_spec_ctrl
	rdmsr
	shl	$32, %rdx
	or	%rdx, %rax
	mov	%rax, ENTRY_SPEC_CTRL(%rdi)
.Lguest_kept_spec_ctrl:
	mov	PER_CPU_VAR(x86_spec_ctrl_current), %rax
	ALTERNATIVE "jmp .Lcompare_spec_ctrl", "jmp .Lwrite_spec_ctrl", X86_FEATURE_KERNEL_IBRS
.Lcompare_spec_ctrl:
	cmp	ENTRY_SPEC_CTRL(%rdi), %rax
	je	.Lhost_spec_ctrl_done
.Lwrite_spec_ctrl:
	mov	%rax, %rdx
	shr	$32, %rdx
	wrmsr
.Lhost_spec_ctrl_done:

	CLEAR_BRANCH_HISTORY_VMEXIT

	UNTRAIN_RET
	ALTERNATIVE "", "call entry_ibpb", X86_FEATURE_IBPB_ON_VMEXIT

	mov	%esi, %eax
	pop	%rdi
	pop	%rbx
	pop	%r12
	pop	%r13
	pop	%r14
	pop	%r15
	pop	%rbp
	RET

	/* An instruction of VMX faulted: a reboot has switched it off; else it is a bug of ours. */
.Lfault:
	cmpb	$0, kvm_rebooting(%rip)
	jne	.Lrefused
	ud2
.Lrefused:
	mov	$1, %esi
	jmp	.Lout
SYM_FUNC_END(vmx_run_guest)

	/* The frame that an event would have pushed here; the handler's IRET comes back. */
	.macro CALL_AS_EVENT call:vararg
	push	%rbp
	mov	%rsp, %rbp
	and	$-16, %rsp
	push	$__KERNEL_DS
	push	%rbp
	pushf
	push	$__KERNEL_CS
	\call
	mov	%rbp, %rsp		/* for tools: IRET has taken the frame already */
	pop	%rbp
	.endm

/*
 * void vmx_host_nmi(void)
 *
 * The IRET lets NMIs through again, which the exit has blocked (SDM vol 3, 28.5.6).
 */
SYM_FUNC_START(vmx_host_nmi)
	CALL_AS_EVENT call asm_exc_nmi_noist
	RET
SYM_FUNC_END(vmx_host_nmi)

/*
 * void vmx_host_interrupt(unsigned long handler)
 *
 * One that the exit has acknowledged, interrupts off.
 */
SYM_FUNC_START(vmx_host_interrupt)
	CALL_AS_EVENT CALL_NOSPEC rdi
	RET
SYM_FUNC_END(vmx_host_interrupt)
