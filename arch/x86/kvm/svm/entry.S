/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Into the guest and back (APM vol 2, 15.5).
 *
 * Between CLGI and STGI nothing can interrupt us, not even an NMI: there the segment bases, TR and
 * the return stack are the guest's, and no handler of the host could run. VMRUN keeps of the host
 * only what it needs itself; VMLOAD and VMSAVE switch FS, GS, TR, LDTR, KernelGSBase and the
 * SYSCALL and SYSENTER MSRs. The host's were saved in prepare (run.c) and do not change while the
 * vCPU is loaded.
 *
 * The guest's RAX, RSP, RIP and RFLAGS are in the VMCB; all other registers are ours to switch.
 * RFLAGS.IF is set around VMRUN so that with V_INTR_MASKING a host interrupt ends the guest
 * (15.21.1).
 *
 * Speculation: before anything returns, the return stack is stuffed, SPEC_CTRL is the host's again
 * and the return predictor is untrained, as the kernel has asked for at boot by CPU features.
 */
#include <linux/linkage.h>
#include <asm/asm.h>
#include <asm/nospec-branch.h>
#include <asm/percpu.h>
#include "entry.h"

/* Offsets in x86_vcpu.regs; asserted in run.c. */
#define REG(n)		((n) * 8)
#define RCX	1
#define RDX	2
#define RBX	3
#define RBP	5
#define RSI	6
#define RDI	7

/*
 * An instruction of SVM that faults when a reboot has turned SVM off under us; else it is a bug of
 * ours.
 */
.macro SVM_INSN insn:vararg
.Linsn_\@:
	\insn
.Lnext_\@:
	.pushsection .text.svm_fixup, "ax"
.Lfix_\@:
	cmpb	$0, kvm_rebooting(%rip)
	jne	.Lnext_\@
	ud2
	.popsection
	_ASM_EXTABLE(.Linsn_\@, .Lfix_\@)
.endm

	.text

/*
 * void svm_run_guest(struct svm_entry *entry)
 */
SYM_FUNC_START(svm_run_guest)
	push	%rbp
	push	%r15
	push	%r14
	push	%r13
	push	%r12
	push	%rbx
	push	%rdi

	SVM_INSN clgi

	/* The guest's SPEC_CTRL, unless the hardware switches it by itself. */
	ALTERNATIVE_2 "jmp .Lguest_spec_ctrl_done", "", X86_FEATURE_MSR_SPEC_CTRL, \
		"jmp .Lguest_spec_ctrl_done", X86_FEATURE_V_SPEC_CTRL
	mov	ENTRY_SPEC_CTRL(%rdi), %rax
	cmp	PER_CPU_VAR(x86_spec_ctrl_current), %rax
	je	.Lguest_spec_ctrl_done
	mov	%rax, %rdx
	shr	$32, %rdx
	mov	$MSR_IA32_SPEC_CTRL, %ecx
	wrmsr
.Lguest_spec_ctrl_done:

	mov	ENTRY_VMCB_PA(%rdi), %rax
	SVM_INSN vmload	%rax

	/*
	 * IF for the time in the guest. Not right before VMRUN: that would run in the shadow of
	 * STI, and some processors let the shadow last for the guest's first instruction. Only a
	 * guest that is in a shadow itself is entered so: there are processors, QEMU's TCG for one,
	 * that do not take it from the VMCB, and would let an interrupt in between STI and HLT.
	 */
	sti
	cmpq	$0, ENTRY_SHADOW(%rdi)		/* MOV leaves the flags alone */
	mov	ENTRY_REGS(%rdi), %rdi
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
	jne	.Lin_shadow

	VM_CLEAR_CPU_BUFFERS

	SVM_INSN vmrun	%rax
.Lback:
	cli

	/* RAX is what it was at VMRUN, RSP the host's; every other register is the guest's. */
	SVM_INSN vmsave	%rax
	mov	(%rsp), %rax
	push	%rdi
	mov	ENTRY_REGS(%rax), %rdi
	mov	%rcx, REG(RCX)(%rdi)
	mov	%rdx, REG(RDX)(%rdi)
	mov	%rbx, REG(RBX)(%rdi)
	mov	%rbp, REG(RBP)(%rdi)
	mov	%rsi, REG(RSI)(%rdi)
	mov	%r8, REG(8)(%rdi)
	mov	%r9, REG(9)(%rdi)
	mov	%r10, REG(10)(%rdi)
	mov	%r11, REG(11)(%rdi)
	mov	%r12, REG(12)(%rdi)
	mov	%r13, REG(13)(%rdi)
	mov	%r14, REG(14)(%rdi)
	mov	%r15, REG(15)(%rdi)
	pop	%rcx
	mov	%rcx, REG(RDI)(%rdi)

	mov	%rax, %rdi
	mov	ENTRY_HOST_PA(%rdi), %rax
	SVM_INSN vmload	%rax

	/* The guest must not steer the host's returns. */
	FILL_RETURN_BUFFER %rax, RSB_CLEAR_LOOPS, X86_FEATURE_RSB_VMEXIT

	/*
	 * Nor leave values of its own for the host to speculate with. The seven below come off the
	 * stack.
	 */
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%esi, %esi
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

	/*
	 * The host's SPEC_CTRL. What the guest left is read only when it could write it without an
	 * exit.
	 */
	ALTERNATIVE_2 "jmp .Lhost_spec_ctrl_done", "", X86_FEATURE_MSR_SPEC_CTRL, \
		"jmp .Lhost_spec_ctrl_done", X86_FEATURE_V_SPEC_CTRL
	mov	$MSR_IA32_SPEC_CTRL, %ecx
	cmpq	$0, ENTRY_SPEC_CTRL_OPEN(%rdi)
	je	.Lguest_kept_spec_ctrl
	rdmsr
	shl	$32, %rdx
	or	%rdx, %rax
	mov	%rax, ENTRY_SPEC_CTRL(%rdi)
.Lguest_kept_spec_ctrl:
	mov	PER_CPU_VAR(x86_spec_ctrl_current), %rax
	cmp	ENTRY_SPEC_CTRL(%rdi), %rax
	je	.Lhost_spec_ctrl_done
	mov	%rax, %rdx
	shr	$32, %rdx
	wrmsr
.Lhost_spec_ctrl_done:

	UNTRAIN_RET
	ALTERNATIVE "", "call entry_ibpb", X86_FEATURE_IBPB_ON_VMEXIT

	SVM_INSN stgi

	pop	%rdi
	pop	%rbx
	pop	%r12
	pop	%r13
	pop	%r14
	pop	%r15
	pop	%rbp
	RET

.Lin_shadow:
	VM_CLEAR_CPU_BUFFERS
	sti
	SVM_INSN vmrun	%rax
	jmp	.Lback
SYM_FUNC_END(svm_run_guest)
