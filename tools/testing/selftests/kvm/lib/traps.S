/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Guest entry points of the 256 vectors. Each stub is 16 bytes, so that the host finds stub N at N
 * * 16, and makes the stack the same whether or not the CPU pushed an error code (SDM vol 3, 6.13;
 * vectors 8, 10-14, 17, 21, 29 and 30 do).
 */
	.text
	.balign	16
	.globl	guest_trap_stubs
guest_trap_stubs:
	.set	v, 0
	.rept	256
	.balign	16
	.if	v == 8 || (v >= 10 && v <= 14) || v == 17 || v == 21 || v == 29 || v == 30
	.else
	pushq	$0
	.endif
	pushq	$v
	jmp	save
	.set	v, v + 1
	.endr

save:
	push	%rax
	push	%rbx
	push	%rcx
	push	%rdx
	push	%rsi
	push	%rdi
	push	%rbp
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, %rdi
	mov	%rsp, %rbp
	and	$-16, %rsp
	cld
	call	guest_trap
	mov	%rbp, %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rbp
	pop	%rdi
	pop	%rsi
	pop	%rdx
	pop	%rcx
	pop	%rbx
	pop	%rax
	add	$16, %rsp
	iretq

	.section .note.GNU-stack, "", @progbits
