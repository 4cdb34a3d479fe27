// SPDX-License-Identifier: GPL-2.0-only
/* Moves between vector registers and memory, FXSAVE and FXRSTOR, x87 control. */
#include <string.h>
#include "env.h"
#include "unit.h"

static struct env env;
static struct x86_emu *const emu = &env.emu;
static u64 *const regs = env.emu.regs;

#define DATA	(ARENA_BASE + 0x2000)

static void start(void)
{
	unsigned int i;

	env_init(&env, X86_EMU_LONG64);
	emu->rip = ARENA_BASE + 0x100;
	env.cr[4] |= 0x40000;
	env.xcr0 = 7;
	regs[X86_EMU_RAX] = DATA;
	for (i = 0; i < 4; i++)
		env.vec[1][i] = 0x1111111111111111 * (i + 1);
	for (i = 0; i < 8; i++)
		((u64 *)DATA)[i] = 0x0102030405060708 * (i + 1);
}

static void check_fault(int line, enum x86_emu_outcome out, unsigned int vector)
{
	if (out != X86_EMU_FAULT || emu->exception.vector != vector)
		unit_fail(__FILE__, line, "outcome %d, vector %u", (int)out,
			  emu->exception.vector);
}

#define expect_fault(vec, ...)	check_fault(__LINE__, RUN(&env, __VA_ARGS__), X86_EMU_##vec)

/* After a load of xmm1 from [rax]: what each half is; bits 128 up are as before, or 0. */
static void expect_loaded(int line, enum x86_emu_outcome out, u64 lo, u64 hi, bool vex)
{
	if (out || env.vec[1][0] != lo || env.vec[1][1] != hi ||
	    env.vec[1][2] != (vex ? 0 : 0x3333333333333333))
		unit_fail(__FILE__, line, "outcome %d: %llx %llx %llx", (int)out,
			  (unsigned long long)env.vec[1][0], (unsigned long long)env.vec[1][1],
			  (unsigned long long)env.vec[1][2]);
	start();
}

#define M0	0x0102030405060708ULL
#define M1	(2 * M0)
#define R0	0x1111111111111111ULL
#define R1	0x2222222222222222ULL
#define LOADED(lo, hi, ...)	expect_loaded(__LINE__, RUN(&env, __VA_ARGS__), lo, hi, false)
#define VLOADED(lo, hi, ...)	expect_loaded(__LINE__, RUN(&env, __VA_ARGS__), lo, hi, true)

TEST(loads)
{
	start();
	LOADED(M0, M1, 0x0f, 0x10, 0x08);			/* movups */
	LOADED(M0, M1, 0x66, 0x0f, 0x10, 0x08);			/* movupd */
	LOADED((u32)M0, 0, 0xf3, 0x0f, 0x10, 0x08);		/* movss */
	LOADED(M0, 0, 0xf2, 0x0f, 0x10, 0x08);			/* movsd */
	LOADED(M0, R1, 0x0f, 0x12, 0x08);			/* movlps */
	LOADED(R0, M0, 0x66, 0x0f, 0x16, 0x08);			/* movhpd */
	LOADED(M0, M1, 0x0f, 0x28, 0x08);			/* movaps */
	LOADED(M0, M1, 0x66, 0x0f, 0x6f, 0x08);			/* movdqa */
	LOADED(M0, M1, 0xf3, 0x0f, 0x6f, 0x08);			/* movdqu */
	LOADED((u32)M0, 0, 0x66, 0x0f, 0x6e, 0x08);		/* movd */
	LOADED(M0, 0, 0x66, 0x48, 0x0f, 0x6e, 0x08);		/* movq */
	LOADED(M0, 0, 0xf3, 0x0f, 0x7e, 0x08);			/* movq */
	LOADED(M0, M1, 0xf2, 0x0f, 0xf0, 0x08);			/* lddqu */
	LOADED(M0, M1, 0x66, 0x0f, 0x38, 0x2a, 0x08);		/* movntdqa */
}

TEST(vex_loads)
{
	start();
	VLOADED(M0, M1, 0xc5, 0xf8, 0x10, 0x08);		/* vmovups xmm1, [rax] */
	VLOADED(M0, M1, 0xc5, 0xfa, 0x6f, 0x08);		/* vmovdqu */
	VLOADED(M0, 0, 0xc5, 0xfa, 0x7e, 0x08);			/* vmovq */
	VLOADED(M0, 0, 0xc4, 0xe1, 0xf9, 0x6e, 0x08);		/* vmovq, VEX.W */
	env.vec[2][0] = 5;
	env.vec[2][1] = 6;
	VLOADED(M0, 6, 0xc5, 0xe8, 0x12, 0x08);			/* vmovlps xmm1, xmm2, [rax] */
	expect_eq(RUN(&env, 0xc5, 0xfc, 0x28, 0x08), X86_EMU_DONE);	/* vmovaps ymm1, [rax] */
	expect(!memcmp(env.vec[1], (void *)DATA, 32));
	expect_fault(UD, 0xc5, 0xe8, 0x10, 0x08);		/* vvvv used */
	expect_fault(UD, 0xc5, 0xec, 0x12, 0x08);		/* vmovlps with L */
	env.xcr0 = 3;
	expect_fault(UD, 0xc5, 0xf8, 0x10, 0x08);
	env.xcr0 = 7;
	env.cr[4] &= ~0x40000ULL;
	expect_fault(UD, 0xc5, 0xf8, 0x10, 0x08);
}

static void expect_stored(int line, enum x86_emu_outcome out, unsigned int size, unsigned int at)
{
	u8 want[64];
	unsigned int i;

	for (i = 0; i < 8; i++)
		((u64 *)want)[i] = M0 * (i + 1);
	memcpy(want, (u8 *)env.vec[1] + at, size);
	if (out || memcmp(want, (void *)DATA, sizeof(want)))
		unit_fail(__FILE__, line, "outcome %d: %llx %llx", (int)out,
			  (unsigned long long)((u64 *)DATA)[0],
			  (unsigned long long)((u64 *)DATA)[1]);
	start();
}

#define STORED(size, at, ...)	expect_stored(__LINE__, RUN(&env, __VA_ARGS__), size, at)

TEST(stores)
{
	start();
	STORED(16, 0, 0x0f, 0x11, 0x08);
	STORED(4, 0, 0xf3, 0x0f, 0x11, 0x08);
	STORED(8, 0, 0xf2, 0x0f, 0x11, 0x08);
	STORED(8, 0, 0x0f, 0x13, 0x08);
	STORED(8, 8, 0x0f, 0x17, 0x08);
	STORED(16, 0, 0x0f, 0x29, 0x08);
	STORED(16, 0, 0x66, 0x0f, 0x2b, 0x08);
	STORED(4, 0, 0x66, 0x0f, 0x7e, 0x08);
	STORED(8, 0, 0x66, 0x48, 0x0f, 0x7e, 0x08);
	STORED(16, 0, 0x66, 0x0f, 0x7f, 0x08);
	STORED(16, 0, 0xf3, 0x0f, 0x7f, 0x08);
	STORED(8, 0, 0x66, 0x0f, 0xd6, 0x08);
	STORED(16, 0, 0x66, 0x0f, 0xe7, 0x08);
	STORED(32, 0, 0xc5, 0xfe, 0x7f, 0x08);			/* vmovdqu [rax], ymm1 */
	STORED(16, 0, 0xc5, 0xf9, 0xe7, 0x08);			/* vmovntdq [rax], xmm1 */
}

TEST(mmx)
{
	start();
	expect_eq(RUN(&env, 0x0f, 0x6f, 0x18), X86_EMU_DONE);	/* movq mm3, [rax] */
	expect_eq(env.mmx[3], M0);
	expect_eq(RUN(&env, 0x0f, 0x6e, 0x18), X86_EMU_DONE);	/* movd mm3, [rax] */
	expect_eq(env.mmx[3], (u32)M0);
	env.mmx[3] = 0x99;
	expect_eq(RUN(&env, 0x0f, 0xe7, 0x18), X86_EMU_DONE);	/* movntq [rax], mm3 */
	expect_eq(*(u64 *)DATA, 0x99);
	expect_fault(UD, 0xc5, 0xf8, 0x6f, 0x18);
}

TEST(vector_faults)
{
	start();
	regs[X86_EMU_RAX] = DATA + 8;
	expect_fault(GP, 0x0f, 0x28, 0x08);
	expect_eq(RUN(&env, 0x0f, 0x10, 0x08), X86_EMU_DONE);
	expect_fault(GP, 0x66, 0x0f, 0x7f, 0x08);
	env.cr[0] |= 8;
	expect_fault(NM, 0x0f, 0x10, 0x08);
	env.cr[0] = 0x80000015;
	expect_fault(UD, 0x0f, 0x10, 0x08);
	env.cr[0] = 0x80000011;
	env.cr[4] &= ~0x200ULL;
	expect_fault(UD, 0x0f, 0x10, 0x08);
	/* Registers only: not for the emulator. */
	start();
	expect_eq(RUN(&env, 0x0f, 0x10, 0xc8), X86_EMU_UNHANDLED);
	expect_eq(RUN(&env, 0x0f, 0x58, 0x08), X86_EMU_UNHANDLED);	/* addps */
}

/* From a device: 16 bytes are one access, answered once. */
TEST(vector_mmio)
{
	start();
	regs[X86_EMU_RAX] = DEVICE_BASE;
	expect_eq(RUN(&env, 0x0f, 0x10, 0x08), X86_EMU_USER);
	expect_eq(env.waiting.size, 16);
	env_answer(&env, (u64[]) { 7, 8 }, 16);
	expect_eq(x86_emu_execute(emu), X86_EMU_DONE);
	expect_eq(env.vec[1][0], 7);
	expect_eq(env.vec[1][1], 8);
	expect_eq(RUN(&env, 0x0f, 0x29, 0x08), X86_EMU_DONE);
	expect_eq(env.posted[0].size, 16);
}

TEST(fxsave)
{
	unsigned int i;

	start();
	for (i = 0; i < 512; i++)
		env.fx[i] = i * 7 + 1;
	memset((void *)DATA, 0xee, 512);
	expect_eq(RUN(&env, 0x0f, 0xae, 0x00), X86_EMU_DONE);
	expect(!memcmp((void *)DATA, env.fx, 416));
	expect_eq(*(u8 *)(DATA + 416), 0xee);
	regs[X86_EMU_RAX]++;
	expect_fault(GP, 0x0f, 0xae, 0x00);
	/* Restore: MXCSR is checked, what memory does not bring stays. */
	start();
	memset((void *)DATA, 0x11, 512);
	*(u32 *)(env.fx + 28) = 0xffff;
	*(u32 *)(DATA + 24) = 0x1f80;
	env.fx[500] = 0x77;
	expect_eq(RUN(&env, 0x0f, 0xae, 0x08), X86_EMU_DONE);
	expect_eq(env.fx[0], 0x11);
	expect_eq(env.fx[415], 0x11);
	expect_eq(env.fx[500], 0x77);
	*(u32 *)(DATA + 24) = 0x10000;
	expect_fault(GP, 0x0f, 0xae, 0x08);
	env.cr[0] |= 8;
	expect_fault(NM, 0x0f, 0xae, 0x00);
}

TEST(x87_control)
{
	start();
	env.fpu_word = 0x37f;
	expect_eq(RUN(&env, 0xdb, 0xe3), X86_EMU_DONE);
	expect_eq(env.fpu_last, X86_EMU_FNINIT);
	expect_eq(RUN(&env, 0xdb, 0xe2), X86_EMU_DONE);
	expect_eq(env.fpu_last, X86_EMU_FNCLEX);
	expect_eq(RUN(&env, 0xd9, 0x38), X86_EMU_DONE);		/* fnstcw [rax] */
	expect_eq(*(u16 *)DATA, 0x37f);
	expect_eq(((u16 *)DATA)[1], (u16)(M0 >> 16));
	regs[X86_EMU_RAX] = 0xffff0000;
	expect_eq(RUN(&env, 0xdf, 0xe0), X86_EMU_DONE);		/* fnstsw ax */
	expect_eq(regs[X86_EMU_RAX], 0xffff037f);
	regs[X86_EMU_RAX] = DATA;
	*(u16 *)DATA = 0x27f;
	expect_eq(RUN(&env, 0xd9, 0x28), X86_EMU_DONE);		/* fldcw [rax] */
	expect_eq(env.fpu_word, 0x27f);
	expect_eq(RUN(&env, 0xd8, 0x00), X86_EMU_UNHANDLED);	/* fadd */
	env.cr[0] |= 4;
	expect_fault(NM, 0xdb, 0xe3);
	env.cr[0] = 0x8000001b;
	expect_fault(NM, 0x9b);					/* fwait: MP and TS */
}
