// SPDX-License-Identifier: GPL-2.0-only
/*
 * The decoder: lengths of instructions in all modes, taken from the assembler; what is undefined;
 * prefixes; fetches up to and over page ends.
 */
#include <string.h>
#include "env.h"
#include "unit.h"

extern const u8 lengths64_code[], lengths32_code[], lengths16_code[];
extern const u8 lengths64_lengths[], lengths32_lengths[], lengths16_lengths[];

static struct env env;

static void print_bytes(const u8 *p)
{
	unsigned int i;

	printf("# bytes:");
	for (i = 0; i < 15; i++)
		printf(" %02x", p[i]);
	printf("\n");
}

static void measure(enum x86_emu_mode mode, const u8 *code, const u8 *lengths)
{
	enum x86_emu_outcome out;
	unsigned int n = 0;

	for (; *lengths; code += *lengths, lengths++, n++) {
		env_init(&env, mode);
		env_code(&env, ARENA_BASE, code, 15);
		env.emu.amd = true;		/* 66 counts for near branches */
		out = x86_emu_decode(&env.emu, NULL, 0);
		expect_eq(out, X86_EMU_DONE);
		expect_eq(env.emu.insn.len, *lengths);
		expect_eq(env.emu.next_rip, ARENA_BASE + *lengths);
		if (out || env.emu.insn.len != *lengths)
			print_bytes(code);
	}
	printf("# %u instructions\n", n);
	expect(n > 300);
}

TEST(lengths_64)
{
	measure(X86_EMU_LONG64, lengths64_code, lengths64_lengths);
}

TEST(lengths_32)
{
	measure(X86_EMU_PROT32, lengths32_code, lengths32_lengths);
}

TEST(lengths_16)
{
	measure(X86_EMU_PROT16, lengths16_code, lengths16_lengths);
}

static enum x86_emu_outcome decode(enum x86_emu_mode mode, const u8 *bytes, unsigned int n)
{
	env_init(&env, mode);
	env_code(&env, mode <= X86_EMU_VM86 ? 0 : ARENA_BASE, bytes, n);
	return x86_emu_decode(&env.emu, NULL, 0);
}

#define DECODE(mode, ...)	\
	decode(X86_EMU_##mode, (const u8[]) { __VA_ARGS__ }, sizeof((const u8[]) { __VA_ARGS__ }))

#define expect_ud(mode, ...)						\
	do {								\
		expect_eq(DECODE(mode, __VA_ARGS__), X86_EMU_FAULT);	\
		expect_eq(env.emu.exception.vector, X86_EMU_UD);	\
		expect(!env.emu.exception.has_error);			\
	} while (0)

#define expect_len(len_, mode, ...)					\
	do {								\
		expect_eq(DECODE(mode, __VA_ARGS__), X86_EMU_DONE);	\
		expect_eq(env.emu.insn.len, len_);			\
	} while (0)

TEST(undefined_opcodes)
{
	expect_ud(LONG64, 0x0f, 0x0b);				/* ud2 */
	expect_ud(LONG64, 0x0f, 0xb9, 0xc0);			/* ud1 */
	expect_ud(LONG64, 0x0f, 0xff, 0xc0);			/* ud0 */
	expect_ud(LONG64, 0x0f, 0x04);
	expect_ud(LONG64, 0x0f, 0x24, 0xc0);
	expect_ud(LONG64, 0x06);				/* push es */
	expect_ud(LONG64, 0x27);				/* daa */
	expect_ud(LONG64, 0x60);				/* pusha */
	expect_ud(LONG64, 0x82, 0xc0, 0x01);
	expect_ud(LONG64, 0x9a, 1, 2, 3, 4, 5, 6);
	expect_ud(LONG64, 0xea, 1, 2, 3, 4, 5, 6);
	expect_ud(LONG64, 0xce);				/* into */
	expect_ud(LONG64, 0xd4, 0x0a);
	expect_ud(LONG64, 0x8f, 0xe0);				/* group 1A, reg 4 */
	expect_ud(LONG64, 0xff, 0xf8);				/* group 5, reg 7 */
	expect_ud(LONG64, 0xfe, 0xd0);				/* group 4, reg 2 */
	expect_ud(LONG64, 0xc6, 0xc8, 0x00);			/* group 11, reg 1 */
	expect_ud(LONG64, 0x0f, 0xba, 0xc0, 0x01);		/* group 8, reg 0 */
	expect_ud(LONG64, 0x8d, 0xc0);				/* lea of a register */
	expect_ud(LONG64, 0x0f, 0xc3, 0xc0);			/* movnti to a register */
	expect_ud(LONG64, 0x0f, 0xc7, 0xc8);			/* cmpxchg8b of a register */
	expect_ud(PROT32, 0x0f, 0x01, 0xf8);			/* swapgs outside 64-bit mode */
	expect_ud(PROT32, 0x62, 0x00 | 0xc0, 0, 0, 0);		/* EVEX of map 0 */
	expect_ud(REAL, 0x62, 0xc0);				/* bound of a register */
	expect_ud(REAL, 0xc5, 0xf8, 0x77);			/* VEX in real mode */
	expect_ud(REAL, 0x0f, 0x00, 0xc0);			/* sldt in real mode */
	expect_ud(VM86, 0x0f, 0x02, 0xc0);			/* lar in virtual-8086 mode */
	expect_ud(VM86, 0x63, 0xc0);				/* arpl */
}

TEST(lock_prefix)
{
	expect_len(3, LONG64, 0xf0, 0x01, 0x08);		/* add [rax], ecx */
	expect_len(3, LONG64, 0xf0, 0x87, 0x08);
	expect_len(5, LONG64, 0xf0, 0x0f, 0xba, 0x28, 1);
	expect_len(4, LONG64, 0xf0, 0x0f, 0xc7, 0x08);
	expect_ud(LONG64, 0xf0, 0x01, 0xc8);			/* a register */
	expect_ud(LONG64, 0xf0, 0x03, 0x08);			/* memory is the source */
	expect_ud(LONG64, 0xf0, 0x39, 0x08);			/* cmp */
	expect_ud(LONG64, 0xf0, 0x89, 0x08);			/* mov */
	expect_ud(LONG64, 0xf0, 0x0f, 0xba, 0x20, 1);		/* bt */
	expect_ud(LONG64, 0xf0, 0x90);
	expect_ud(LONG64, 0xf0, 0xa4);
	expect_ud(LONG64, 0xf0, 0xd3, 0x20);			/* shl */
	expect_ud(LONG64, 0xf0, 0xc5, 0xf8, 0x77);
	expect_ud(LONG64, 0x66, 0xc5, 0xf8, 0x77);
	expect_ud(LONG64, 0x48, 0xc5, 0xf8, 0x77);
}

/* AMD's way to CR8 outside 64-bit mode. */
TEST(lock_mov_cr0)
{
	static const u8 code[] = { 0xf0, 0x0f, 0x20, 0xc0 };

	expect_ud(PROT32, 0xf0, 0x0f, 0x20, 0xc0);
	env_init(&env, X86_EMU_PROT32);
	env.emu.amd = true;
	env_code(&env, ARENA_BASE, code, sizeof(code));
	expect_eq(x86_emu_decode(&env.emu, NULL, 0), X86_EMU_DONE);
	expect_eq(env.emu.insn.reg, 8);
	expect_eq(env.emu.insn.len, 4);
	expect(!env.emu.insn.lock);
}

/* REX counts only right before the opcode; of several segment prefixes the last one does. */
TEST(prefixes)
{
	expect_len(3, LONG64, 0x48, 0x66, 0x90);
	expect_eq(env.emu.insn.op_bytes, 2);
	expect_eq(env.emu.insn.rex, 0);
	expect_len(3, LONG64, 0x66, 0x48, 0x90);
	expect_eq(env.emu.insn.op_bytes, 8);
	expect_len(4, LONG64, 0x64, 0x65, 0x8b, 0x00);
	expect_eq(env.emu.insn.seg, X86_EMU_GS);
	expect_len(4, LONG64, 0x64, 0x3e, 0x8b, 0x00);
	expect_eq(env.emu.insn.seg, X86_EMU_FS);
	expect_len(4, PROT32, 0x64, 0x3e, 0x8b, 0x00);
	expect_eq(env.emu.insn.seg, X86_EMU_DS);
	expect_len(3, LONG64, 0x8b, 0x45, 0x00);		/* [rbp] */
	expect_eq(env.emu.insn.seg, X86_EMU_SS);
	expect_len(4, LONG64, 0x41, 0x8b, 0x45, 0x00);		/* [r13] */
	expect_eq(env.emu.insn.seg, X86_EMU_DS);
	expect_len(2, REAL, 0x8b, 0x02);			/* [bp + si] */
	expect_eq(env.emu.insn.seg, X86_EMU_SS);
	expect_len(4, REAL, 0x8b, 0x06, 0x34, 0x12);
	expect_eq(env.emu.insn.seg, X86_EMU_DS);
	expect_eq(env.emu.insn.disp, 0x1234);
	expect_len(4, LONG64, 0xf3, 0xf2, 0x66, 0xa5);
	expect_eq(env.emu.insn.rep, 0xf2);
	expect_eq(env.emu.insn.op_bytes, 2);
}

TEST(fifteen_bytes)
{
	u8 code[32];
	unsigned int i;

	for (i = 0; i < 20; i++) {
		memset(code, 0x66, sizeof(code));
		code[i] = 0x90;
		if (i < 15) {
			expect_eq(decode(X86_EMU_LONG64, code, 32), X86_EMU_DONE);
			expect_eq(env.emu.insn.len, i + 1);
			continue;
		}
		expect_eq(decode(X86_EMU_LONG64, code, 32), X86_EMU_FAULT);
		expect_eq(env.emu.exception.vector, X86_EMU_GP);
		expect_eq(env.emu.exception.error_code, 0);
		expect(env.emu.exception.has_error);
	}
}

/* At @left bytes before the end of a page, the last one of the arena or not. */
static enum x86_emu_outcome decode_at_end(u64 end, unsigned int left, const u8 *code,
					  unsigned int n)
{
	env_init(&env, X86_EMU_LONG64);
	env_code(&env, end - left, code, n < left || end < ARENA_END ? n : left);
	return x86_emu_decode(&env.emu, NULL, 0);
}

/* A fetch goes over the page only if the instruction does, and then faults there. */
TEST(page_crossing)
{
	static const u8 code[] = { 0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8 };
	u64 mid = ARENA_BASE + 0x2000;
	unsigned int left;

	for (left = 1; left < 16; left++) {
		expect_eq(decode_at_end(mid, left, code, 10), X86_EMU_DONE);
		expect_eq(env.emu.insn.len, 10);
		expect_eq(env.emu.insn.imm, 0x0807060504030201);
		expect_eq(env.fetches, left < 10 ? 2 : 1);
		expect_eq(decode_at_end(ARENA_END, left, code, 10),
			  left < 10 ? X86_EMU_FAULT : X86_EMU_DONE);
		if (left >= 10)
			continue;
		expect_eq(env.emu.exception.vector, X86_EMU_PF);
		expect_eq(env.emu.exception.address, ARENA_END);
		expect_eq(env.emu.exception.error_code, 0x10);
	}
}

/* Bytes that hardware has fetched are not fetched again. */
TEST(prefetched_bytes)
{
	static const u8 code[] = { 0xb8, 1, 2, 3, 4 };
	unsigned int n;

	for (n = 0; n <= 15; n++) {
		u8 buf[15] = { 0xb8, 1, 2, 3, 4 };

		env_init(&env, X86_EMU_LONG64);
		env_code(&env, ARENA_BASE, code, 5);
		expect_eq(x86_emu_decode(&env.emu, buf, n), X86_EMU_DONE);
		expect_eq(env.emu.insn.len, 5);
		expect_eq(env.emu.insn.imm, 0x04030201);
		expect_eq(env.fetches, n < 5);
	}
}

TEST(code_segment_limit)
{
	static const u8 code[] = { 0xb8, 1, 2, 3, 4 };

	env_init(&env, X86_EMU_PROT32);
	env.segs[X86_EMU_CS].limit = ARENA_BASE + 4;
	env_code(&env, ARENA_BASE, code, 5);
	expect_eq(x86_emu_decode(&env.emu, NULL, 0), X86_EMU_DONE);
	env.emu.seg_cached = 0;
	env.segs[X86_EMU_CS].limit = ARENA_BASE + 3;
	expect_eq(x86_emu_decode(&env.emu, NULL, 0), X86_EMU_FAULT);
	expect_eq(env.emu.exception.vector, X86_EMU_GP);
	env.emu.mode = X86_EMU_LONG64;
	env.emu.rip = 0x800000000000;
	expect_eq(x86_emu_decode(&env.emu, NULL, 0), X86_EMU_FAULT);
	expect_eq(env.emu.exception.vector, X86_EMU_GP);
}

TEST(hints)
{
	DECODE(LONG64, 0x89, 0x08);
	expect(x86_emu_has_memory(&env.emu) && x86_emu_writes_memory(&env.emu));
	expect(x86_emu_one_memory_operand(&env.emu));
	DECODE(LONG64, 0x8b, 0x08);
	expect(x86_emu_has_memory(&env.emu) && !x86_emu_writes_memory(&env.emu));
	DECODE(LONG64, 0x89, 0xc8);
	expect(!x86_emu_has_memory(&env.emu));
	DECODE(LONG64, 0x39, 0x08);
	expect(!x86_emu_writes_memory(&env.emu));
	DECODE(LONG64, 0xa5);
	expect(x86_emu_writes_memory(&env.emu) && !x86_emu_one_memory_operand(&env.emu));
	DECODE(LONG64, 0xff, 0x30);				/* push [rax] */
	expect(!x86_emu_writes_memory(&env.emu) && !x86_emu_one_memory_operand(&env.emu));
	DECODE(LONG64, 0x0f, 0xc7, 0x08);
	expect(x86_emu_writes_memory(&env.emu));
	DECODE(LONG64, 0xa2, 0, 0, 0, 0, 0, 0, 0, 0);
	expect(x86_emu_writes_memory(&env.emu));
}

TEST(skip)
{
	DECODE(LONG64, 0x0f, 0xa2);
	env.emu.rflags |= 0x10100;
	x86_emu_skip(&env.emu);
	expect_eq(env.emu.rip, ARENA_BASE + 2);
	expect_eq(env.emu.rflags, 0x102);
	expect_eq(env.emu.db_pending, 0x4000);
}
