// SPDX-License-Identifier: GPL-2.0-only
/* Faults: which one, with which error code, and nothing changed. */
#include <string.h>
#include "env.h"
#include "unit.h"

static struct env env;
static struct x86_emu *const emu = &env.emu;
static u64 *const regs = env.emu.regs;

static void start(enum x86_emu_mode mode)
{
	env_init(&env, mode);
	emu->rip = mode <= X86_EMU_VM86 ? 0x100 : ARENA_BASE + 0x100;
}

static void check_fault(int line, enum x86_emu_outcome out, unsigned int vector, int error)
{
	if (out != X86_EMU_FAULT || emu->exception.vector != vector ||
	    emu->exception.has_error != (error >= 0) ||
	    (error >= 0 && emu->exception.error_code != (u32)error))
		unit_fail(__FILE__, line, "outcome %d, vector %u, error %x (%d)", (int)out,
			  emu->exception.vector, emu->exception.error_code,
			  emu->exception.has_error);
}

#define expect_fault(vec, err, ...)	\
	check_fault(__LINE__, RUN(&env, __VA_ARGS__), X86_EMU_##vec, err)

TEST(divide_error)
{
	start(X86_EMU_LONG64);
	regs[X86_EMU_RAX] = 0x100;
	expect_fault(DE, -1, 0xf6, 0xf1);			/* div cl */
	regs[X86_EMU_RCX] = 1;
	expect_fault(DE, -1, 0xf6, 0xf1);			/* the quotient is 256 */
	regs[X86_EMU_RAX] = 0x8000000000000000;
	regs[X86_EMU_RDX] = ~0ULL;
	regs[X86_EMU_RCX] = ~0ULL;
	expect_fault(DE, -1, 0x48, 0xf7, 0xf9);			/* idiv rcx */
	expect_eq(regs[X86_EMU_RAX], 0x8000000000000000);
	start(X86_EMU_PROT32);
	expect_fault(DE, -1, 0xd4, 0x00);			/* aam 0 */
}

TEST(not_canonical)
{
	start(X86_EMU_LONG64);
	regs[X86_EMU_RAX] = 0x800000000000;
	expect_fault(GP, 0, 0x8b, 0x08);
	regs[X86_EMU_RAX] = 0x7ffffffffffd;			/* its last byte is */
	expect_fault(GP, 0, 0x8b, 0x08);
	regs[X86_EMU_RBP] = 0x800000000000;
	expect_fault(SF, 0, 0x8b, 0x4d, 0x00);
	regs[X86_EMU_RSP] = 0x800000000000;
	expect_fault(SF, 0, 0x58);
	expect_fault(GP, 0, 0xff, 0xe0 | X86_EMU_RBP);		/* jmp rbp */
	emu->va_bits = 57;
	regs[X86_EMU_RAX] = 0x800000000000;
	expect_fault(PF, 0, 0x8b, 0x08);
	expect_eq(emu->exception.address, 0x800000000000);
}

TEST(segment_limits)
{
	start(X86_EMU_REAL);
	regs[X86_EMU_RBX] = 0xffff;
	expect_fault(GP, 0, 0x8b, 0x07);			/* mov ax, [bx] */
	expect_eq(RUN(&env, 0x8a, 0x07), X86_EMU_DONE);
	regs[X86_EMU_RSP] = 1;
	expect_fault(SF, 0, 0x50);				/* push ax at 0xffff */
	regs[X86_EMU_RBX] = 0x10000;
	expect_fault(GP, 0, 0x67, 0x8b, 0x03);			/* mov ax, [ebx] */
	env.segs[X86_EMU_DS].limit = ~0U;			/* "unreal" */
	expect_eq(RUN(&env, 0x67, 0x8b, 0x03), X86_EMU_DONE);
	expect_fault(GP, 0, 0x66, 0xe9, 0, 0, 1, 0);		/* jmp beyond 64K */
}

TEST(segment_types)
{
	start(X86_EMU_PROT32);
	regs[X86_EMU_RAX] = ARENA_BASE + 0x2000;
	expect_fault(GP, 0, 0x2e, 0x89, 0x08);			/* write to code */
	expect_eq(RUN(&env, 0x2e, 0x8b, 0x08), X86_EMU_DONE);
	env.segs[X86_EMU_CS].type = 9;
	expect_fault(GP, 0, 0x2e, 0x8b, 0x08);			/* read of execute-only */
	env.segs[X86_EMU_DS].type = 1;
	expect_eq(RUN(&env, 0x8b, 0x08), X86_EMU_DONE);
	expect_fault(GP, 0, 0x89, 0x08);			/* read-only data */
	expect_fault(GP, 0, 0x01, 0x08);
	env.segs[X86_EMU_DS].unusable = true;
	expect_fault(GP, 0, 0x8b, 0x08);
	env.segs[X86_EMU_DS].unusable = false;
	env.segs[X86_EMU_DS].type = 7;				/* expand-down */
	env.segs[X86_EMU_DS].limit = ARENA_BASE + 0x2000;
	expect_fault(GP, 0, 0x8b, 0x08);
	regs[X86_EMU_RAX]++;
	expect_eq(RUN(&env, 0x8b, 0x08), X86_EMU_DONE);
}

TEST(privilege)
{
	start(X86_EMU_PROT32);
	emu->cpl = 3;
	expect_fault(GP, 0, 0xf4);
	expect_fault(GP, 0, 0xfa);
	expect_fault(GP, 0, 0xfb);
	emu->rflags |= 0x3000;
	expect_eq(RUN(&env, 0xfa), X86_EMU_DONE);
	expect_eq(RUN(&env, 0xfb), X86_EMU_DONE);
	expect(emu->interrupt_shadow);
	expect_eq(RUN(&env, 0xfb), X86_EMU_DONE);
	expect(!emu->interrupt_shadow);
	expect_fault(GP, 0, 0xf4);
}

/* IOPL, then the bitmap: absent, too short, with the port's bit clear, set. */
TEST(port_permission)
{
	u8 *tss = arena + 0x3000;

	start(X86_EMU_PROT32);
	emu->cpl = 3;
	memset(tss, 0, 0x100);
	env.segs[X86_EMU_TR].base = ARENA_BASE + 0x3000;
	env.segs[X86_EMU_TR].limit = 0x67;
	tss[0x66] = 0x68;
	regs[X86_EMU_RDX] = 0x1f;
	expect_fault(GP, 0, 0xee);
	env.segs[X86_EMU_TR].limit = 0x68 + 4;
	expect_eq(RUN(&env, 0xee), X86_EMU_DONE);
	tss[0x68 + 3] = 0x80;
	expect_fault(GP, 0, 0xee);
	regs[X86_EMU_RDX] = 0x1d;
	expect_fault(GP, 0, 0xef);				/* four ports from 1d on */
	expect_eq(RUN(&env, 0xee), X86_EMU_DONE);
	regs[X86_EMU_RDX] = 0x20;
	expect_fault(GP, 0, 0xee);				/* its second byte is beyond */
	emu->rflags |= 0x3000;
	expect_eq(RUN(&env, 0xee), X86_EMU_DONE);
	start(X86_EMU_VM86);
	emu->rflags |= 0x3000;
	env.segs[X86_EMU_TR].base = ARENA_BASE + 0x3000;
	expect_fault(GP, 0, 0xee);				/* the bitmap always counts there */
}

TEST(flags_in_vm86)
{
	start(X86_EMU_VM86);
	regs[X86_EMU_RSP] = 0x4000;
	expect_fault(GP, 0, 0x9c);
	expect_fault(GP, 0, 0x9d);
	emu->rflags |= 0x3000;
	expect_eq(RUN(&env, 0x9c), X86_EMU_DONE);
	expect_eq(RUN(&env, 0x9d), X86_EMU_DONE);
}

/* What POPF changes depends on who does it. */
TEST(popf_privilege)
{
	start(X86_EMU_PROT32);
	regs[X86_EMU_RSP] = ARENA_BASE + 0x2000;
	*(u32 *)(arena + 0x2000) = 0x3202;
	*(u32 *)(arena + 0x2004) = 0x0002;
	expect_eq(RUN(&env, 0x9d), X86_EMU_DONE);
	expect_eq(emu->rflags, 0x3202);
	emu->cpl = 3;
	expect_eq(RUN(&env, 0x9d), X86_EMU_DONE);		/* IF goes, IOPL stays */
	expect_eq(emu->rflags, 0x3002);
	emu->rflags = 2;
	regs[X86_EMU_RSP] = ARENA_BASE + 0x2000;
	expect_eq(RUN(&env, 0x9d), X86_EMU_DONE);		/* neither comes */
	expect_eq(emu->rflags, 2);
}

TEST(bound)
{
	start(X86_EMU_PROT32);
	*(s32 *)(arena + 0x2000) = -5;
	*(s32 *)(arena + 0x2004) = 5;
	regs[X86_EMU_RAX] = ARENA_BASE + 0x2000;
	regs[X86_EMU_RCX] = (u32)-5;
	expect_eq(RUN(&env, 0x62, 0x08), X86_EMU_DONE);
	regs[X86_EMU_RCX] = (u32)-6;
	expect_fault(BR, -1, 0x62, 0x08);
	regs[X86_EMU_RCX] = 6;
	expect_fault(BR, -1, 0x62, 0x08);
}

/* A write that faults after the reads: the registers are as before, and so is memory. */
TEST(fault_commits_nothing)
{
	start(X86_EMU_LONG64);
	*(u64 *)(arena + 0x2000) = 1;
	env.read_only_from = ARENA_BASE + 0x2000;
	regs[X86_EMU_RAX] = ARENA_BASE + 0x2000;
	regs[X86_EMU_RCX] = 2;
	regs[X86_EMU_RSP] = ARENA_BASE + 0x2008;
	expect_fault(PF, 3, 0x48, 0x0f, 0xc1, 0x08);		/* xadd [rax], rcx */
	expect_fault(PF, 3, 0x48, 0x87, 0x08);			/* xchg */
	expect_fault(PF, 3, 0x50);
	expect_fault(PF, 3, 0xff, 0xd0);			/* call rax */
	expect_fault(PF, 3, 0xc8, 0x10, 0x00, 0x00);		/* enter */
	expect_eq(regs[X86_EMU_RCX], 2);
	expect_eq(regs[X86_EMU_RSP], ARENA_BASE + 0x2008);
	expect_eq(emu->rip, ARENA_BASE + 0x100);
	expect_eq(emu->rflags, 2);
	expect_eq(*(u64 *)(arena + 0x2000), 1);
}

/* Results of 16- and 32-bit code that 64-bit code cannot be compared with natively. */
TEST(legacy_arithmetic)
{
	start(X86_EMU_PROT32);
	regs[X86_EMU_RAX] = 0xae;
	emu->rflags = 0x2;
	expect_eq(RUN(&env, 0x27), X86_EMU_DONE);		/* daa: AE -> 14, CF AF PF */
	expect_eq(regs[X86_EMU_RAX], 0x14);
	expect_eq(emu->rflags & 0x11, 0x11);
	regs[X86_EMU_RAX] = 0xee;
	emu->rflags = 0x3;
	expect_eq(RUN(&env, 0x2f), X86_EMU_DONE);		/* das: EE, CF -> 88, CF AF */
	expect_eq(regs[X86_EMU_RAX], 0x88);
	expect_eq(emu->rflags & 0x91, 0x91);
	regs[X86_EMU_RAX] = 0x20f;
	emu->rflags = 2;
	expect_eq(RUN(&env, 0x37), X86_EMU_DONE);		/* aaa */
	expect_eq(regs[X86_EMU_RAX], 0x305);
	regs[X86_EMU_RAX] = 0x2ff;
	emu->rflags = 2;
	expect_eq(RUN(&env, 0x3f), X86_EMU_DONE);		/* aas */
	expect_eq(regs[X86_EMU_RAX], 0x109);
	regs[X86_EMU_RAX] = 0x5f;
	expect_eq(RUN(&env, 0xd4, 0x0a), X86_EMU_DONE);		/* aam: 95 */
	expect_eq(regs[X86_EMU_RAX], 0x905);
	expect_eq(RUN(&env, 0xd5, 0x0a), X86_EMU_DONE);		/* aad */
	expect_eq(regs[X86_EMU_RAX], 0x5f);
	regs[X86_EMU_RAX] = 0xffffffff;
	expect_eq(RUN(&env, 0x40), X86_EMU_DONE);		/* inc eax */
	expect_eq(regs[X86_EMU_RAX], 0);
	expect(emu->rflags & 0x40);
}

TEST(legacy_stack)
{
	unsigned int i;

	start(X86_EMU_PROT32);
	for (i = 0; i < 8; i++)
		regs[i] = 0x1000 + i;
	regs[X86_EMU_RSP] = ARENA_BASE + 0x2000;
	expect_eq(RUN(&env, 0x60), X86_EMU_DONE);		/* pusha */
	expect_eq(regs[X86_EMU_RSP], ARENA_BASE + 0x2000 - 32);
	expect_eq(*(u32 *)(arena + 0x2000 - 4), 0x1000);
	expect_eq(*(u32 *)(arena + 0x2000 - 20), ARENA_BASE + 0x2000);
	expect_eq(*(u32 *)(arena + 0x2000 - 32), 0x1000 + X86_EMU_RDI);
	memset(regs, 0, 4 * 8);
	expect_eq(RUN(&env, 0x61), X86_EMU_DONE);		/* popa */
	for (i = 0; i < 8; i++)
		expect_eq(regs[i], i == X86_EMU_RSP ? ARENA_BASE + 0x2000 : 0x1000 + i);
}

/* 16-bit stacks wrap at 64K and leave the upper half of esp alone. */
TEST(stack_wrap)
{
	start(X86_EMU_REAL);
	regs[X86_EMU_RSP] = 0x12340000;
	regs[X86_EMU_RAX] = 0xabcd;
	expect_eq(RUN(&env, 0x50), X86_EMU_DONE);
	expect_eq(regs[X86_EMU_RSP], 0x1234fffe);
	expect_eq(*(u16 *)(arena + 0xfffe), 0xabcd);
	regs[X86_EMU_RSP] = 0x12340004;
	expect_eq(RUN(&env, 0x60), X86_EMU_DONE);		/* pusha over the wrap */
	expect_eq(regs[X86_EMU_RSP], 0x1234fff4);
	expect_eq(*(u16 *)(arena + 2), 0xabcd);
}

TEST(string_segments)
{
	start(X86_EMU_REAL);
	env.segs[X86_EMU_FS].base = ARENA_BASE + 0x2000;
	env.segs[X86_EMU_ES].base = ARENA_BASE + 0x3000;
	arena[0x2010] = 0x5a;
	regs[X86_EMU_RSI] = 0x10;
	regs[X86_EMU_RDI] = 0xffff;
	expect_eq(RUN(&env, 0x64, 0xa4), X86_EMU_DONE);
	expect_eq(arena[0x3000 + 0xffff], 0x5a);
	expect_eq(regs[X86_EMU_RDI], 0);			/* di wraps */
	expect_eq(regs[X86_EMU_RSI], 0x11);
}

TEST(intercepts)
{
	start(X86_EMU_LONG64);
	env.icpt = X86_ICPT_CPUID;
	expect_eq(RUN(&env, 0x0f, 0xa2), X86_EMU_INTERCEPTED);
	expect_eq(emu->rip, ARENA_BASE + 0x100);
	env.icpt = 0;
	regs[X86_EMU_RAX] = 0xffffffff00000007;
	expect_eq(RUN(&env, 0x0f, 0xa2), X86_EMU_DONE);
	expect_eq(regs[X86_EMU_RBX], 8);
	expect_eq(regs[X86_EMU_RAX], 0xa);
}
