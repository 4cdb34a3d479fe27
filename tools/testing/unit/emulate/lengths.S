/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Instructions for the decoder to measure: the assembler encodes them, and notes each one's length
 * in a table beside them. Three lists: 64-bit, 32-bit and 16-bit code.
 */
	.intel_syntax noprefix

	.macro I insn:vararg
771:	\insn
772:	.pushsection .rodata.lengths, "a"
	.byte	772b - 771b
	.popsection
	.endm

	.macro list name
	.section .rodata, "a"
	.globl	\name\()_code
\name\()_code:
	.pushsection .rodata.lengths, "a"
	.globl	\name\()_lengths
\name\()_lengths:
	.popsection
	.endm

	.macro end_list
	.pushsection .rodata.lengths, "a"
	.byte	0
	.popsection
	.endm

/* Every form of address, of 32 or 64 bits. */
	.macro addresses op:req, b:req, i:req, rest
	I \op	[\b] \rest
	I \op	[\b + 1] \rest
	I \op	[\b - 128] \rest
	I \op	[\b + 0x12345] \rest
	I \op	[\b + \i] \rest
	I \op	[\b + \i * 4 + 5] \rest
	I \op	[\b + \i * 8 + 0x1234567] \rest
	I \op	[\i * 2 + 0x1234567] \rest
	.endm

/* What all modes have. */
	.macro common b:req, i:req
	addresses "add eax,", \b, \i
	addresses "mov byte ptr", \b, \i, ", 1"
	addresses "mov word ptr", \b, \i, ", 0x1234"
	addresses "mov dword ptr", \b, \i, ", 0x12345678"
	addresses "test dword ptr", \b, \i, ", 0x12345678"
	addresses "test byte ptr", \b, \i, ", 0x12"
	addresses "not dword ptr", \b, \i
	addresses "imul ecx,", \b, \i, ", 3"
	addresses "imul ecx,", \b, \i, ", 0x3000"
	addresses "shl word ptr", \b, \i, ", 3"
	addresses "lea eax,", \b, \i
	addresses "lock xadd", \b, \i, ", ecx"
	addresses "movzx eax, byte ptr", \b, \i
	addresses "movsx ax, byte ptr", \b, \i
	addresses "bts dword ptr", \b, \i, ", 7"
	addresses "fld qword ptr", \b, \i
	addresses "fnstcw", \b, \i
	addresses "movups xmm1,", \b, \i
	addresses "movdqa", \b, \i, ", xmm1"
	addresses "pshufd xmm1,", \b, \i, ", 3"
	addresses "palignr xmm1,", \b, \i, ", 3"
	addresses "pshufb xmm1,", \b, \i
	addresses "movbe eax,", \b, \i
	addresses "crc32 eax, dword ptr", \b, \i
	addresses "popcnt eax, dword ptr", \b, \i
	addresses "cmpxchg8b", \b, \i
	addresses "prefetcht0", \b, \i
	addresses "prefetchw", \b, \i
	addresses "invlpg", \b, \i
	addresses "lgdt", \b, \i
	addresses "fxsave", \b, \i
	addresses "xsave", \b, \i
	addresses "clflush", \b, \i
	addresses "mov ds, word ptr", \b, \i
	addresses "ltr word ptr", \b, \i
	addresses "call", \b, \i
	I add	al, 1
	I add	ax, 0x1234
	I add	eax, 0x12345678
	I or	ecx, 1
	I or	cx, 0x1234
	I or	ecx, 0x12345678
	I xor	ch, 3
	I mov	al, 1
	I mov	cx, 0x1234
	I mov	ecx, 0x12345678
	I push	1
	I push	0x1234
	I enter	0x1234, 5
	I leave
	I ret
	I ret	8
	I retfw	8
	I int3
	I int	0x80
	I iretd
	I in	al, 0x12
	I in	eax, dx
	I out	0x12, ax
	I insb
	I rep outsw
	I rep movsb
	I rep movsd
	I repne scasb
	I xlatb
	I loop	.
	I jecxz	.
	I jmp	.
	I jmp	. + 0x1000
	I call	. + 0x1000
	I jne	.
	I jne	. + 0x1000
	I setne	al
	I cmovne eax, ecx
	I bswap	ecx
	I cpuid
	I rdtsc
	I rdtscp
	I rdmsr
	I wrmsr
	I rdpmc
	I hlt
	I pause
	I wbinvd
	I invd
	I clts
	I sti
	I monitor
	I mwait
	I vmcall
	I vmmcall
	I vmrun
	I vmload
	I vmsave
	I stgi
	I clgi
	I invlpga
	I skinit
	I xgetbv
	I xsetbv
	I clac
	I stac
	I rdpkru
	I wrpkru
	I syscall
	I sysretd
	I sysenter
	.byte 0x0f, 0x35
	.pushsection .rodata.lengths, "a"
	.byte 2
	.popsection
	I lmsw	ax
	I smsw	eax
	I str	ax
	I rdrand eax
	I rdseed eax
	I lfence
	I mfence
	I emms
	I fninit
	I fwait
	I fnstsw ax
	I faddp
	I nop	dword ptr [\b + \i * 1 + 0x0]
	I maskmovdqu xmm1, xmm2
	I extractps eax, xmm1, 1
	I pinsrw xmm1, eax, 1
	I pextrw eax, xmm1, 1
	I psrldq xmm1, 4
	I psllw	mm1, 4
	I cmpps	xmm1, xmm2, 1
	I shufps xmm1, xmm2, 1
	I extrq	xmm1, 1, 2
	I insertq xmm1, xmm2, 1, 2
	I insertq xmm1, xmm2
	I movntq [\b], mm1
	I pfadd	mm1, mm2
	I aesenc xmm1, xmm2
	I aeskeygenassist xmm1, xmm2, 3
	I pclmulqdq xmm1, xmm2, 3
	I sha1rnds4 xmm1, xmm2, 3
	I getsec
	.endm

/* Under VEX, XOP and EVEX. */
	.macro vex b:req, i:req
	addresses "vmovups ymm1,", \b, \i
	addresses "vmovdqa xmm1,", \b, \i
	addresses "vpshufd xmm1,", \b, \i, ", 3"
	addresses "vpshufb xmm1, xmm2,", \b, \i
	addresses "vpalignr xmm1, xmm2,", \b, \i, ", 3"
	addresses "vfmadd213pd xmm1, xmm2,", \b, \i
	addresses "andn eax, ecx,", \b, \i
	addresses "rorx eax,", \b, \i, ", 3"
	addresses "bextr eax,", \b, \i, ", ecx"
	I vzeroupper
	I vcmpps xmm1, xmm2, xmm3, 1
	I vpsrldq xmm1, xmm2, 4
	I vpinsrw xmm1, xmm2, eax, 1
	I vmovups zmm1, [\b]
	I vmovups zmm1, [\b + 64]
	I vmovups zmm1, [\b + 0x12345]
	I vpternlogd zmm1, zmm2, [\b + \i * 8 + 64], 3
	I vpaddd zmm1{k1}{z}, zmm2, zmm3
	I vpshufd zmm1, zmm2, 3
	I vprold zmm1, zmm2, 3
	I vfmaddpd xmm1, xmm2, xmm3, xmm4
	I vpcomb xmm1, xmm2, [\b + \i * 2 + 5], 3
	I vfrczpd xmm1, [\b + \i * 2 + 5]
	I bextr eax, [\b + \i * 2 + 5], 0x12345678
	I blcfill eax, ecx
	.endm

	list	lengths64
	.code64
	common	rax, rcx
	common	r12, r13
	common	rbp, r12
	common	esi, edi
	vex	rbx, rsi
	vex	r13, r15
	I mov	rax, 0x123456789abcdef0
	I mov	rax, -5
	I movabs al, [0x123456789abcdef0]
	I movabs [0x123456789abcdef0], rax
	I mov	eax, [rip + 0x1234]
	I cmp	dword ptr [rip + 0x1234], 0x12345678
	I mov	eax, [rsp]
	I mov	eax, [0x1234]
	I mov	rax, cr0
	I mov	dr7, r9
	I mov	r15, cr8
	I mov	cr8, r15
	I push	r12
	I push	fs
	I pop	gs
	I push	word ptr [rax]
	I swapgs
	I sysretq
	I iretq
	I cmpxchg16b [rax + 5]
	I rdfsbase rax
	I wrgsbase r9
	I movsxd rax, ecx
	I retfq
	I jrcxz	.
	I fs mov rax, [0]
	I data16 call . + 0x1000
	I vmread rax, rcx
	I vmwrite rcx, [rax + 5]
	I vmlaunch
	I vmptrld [rax]
	I vmxon	[rax]
	I invept rax, [rcx]
	I invpcid rax, [rcx + 8]
	I kmovw	k1, eax
	end_list

	list	lengths32
	.code32
	common	eax, ecx
	common	ebp, edi
	vex	ebx, esi
	I mov	eax, [0x12345678]
	I mov	al, [0x12345678]
	I mov	eax, [bx + si]
	I mov	eax, [bp + 5]
	I mov	eax, [bp + 0x1234]
	I mov	ax, word ptr [di]
	I cmp	word ptr [0x1234], 3
	I inc	eax
	I dec	edi
	I pusha
	I popaw
	I push	es
	I pop	ds
	I push	fs
	I bound	eax, [ecx]
	I arpl	[eax + 1], cx
	I les	eax, [ecx]
	I lds	ecx, [eax + 0x1234]
	I lss	esp, [eax]
	I mov	eax, cr0
	I mov	dr7, ecx
	I daa
	I aam
	I aad	5
	I into
	.byte	0x9a, 1, 2, 3, 4, 5, 6
	.pushsection .rodata.lengths, "a"
	.byte	7
	.popsection
	.byte	0x66, 0xea, 1, 2, 3, 4
	.pushsection .rodata.lengths, "a"
	.byte	6
	.popsection
	end_list

	list	lengths16
	.code16
	common	eax, ecx
	common	edi, ebx
	I mov	eax, [bx + si]
	I mov	ax, [bx + di + 1]
	I mov	ax, [bp + si + 0x1234]
	I mov	byte ptr [0x1234], 5
	I mov	word ptr [si], 0x1234
	I mov	dword ptr [bp], 0x12345678
	I test	word ptr [bp + di], 0x1234
	I mov	ax, [0x1234]
	I mov	al, [0x1234]
	I les	ax, [bx]
	I pushad
	I pushd	0x12345678
	I retfd
	I lgdtd	[0x1234]
	.byte	0xea, 1, 2, 3, 4
	.pushsection .rodata.lengths, "a"
	.byte	5
	.popsection
	.byte	0x66, 0x9a, 1, 2, 3, 4, 5, 6
	.pushsection .rodata.lengths, "a"
	.byte	8
	.popsection
	end_list

	.section .note.GNU-stack, "", @progbits
