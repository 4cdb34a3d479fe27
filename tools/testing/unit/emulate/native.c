// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every integer instruction, run by the emulator and by this machine's CPU from the same state:
 * registers, defined flags, memory and the way on must be the same.
 *
 * A row gives an instruction's encoding, the operand forms to try, and which flags the manual
 * leaves undefined. Each form runs over random operands, edge values among them, with register and
 * memory operands, all operand sizes, and both address sizes of 64-bit mode.
 */
#include <signal.h>
#include <string.h>
#include "env.h"
#include "run_native.h"
#include "unit.h"

#define CF 1UL
#define PF 4UL
#define AF 0x10UL
#define ZF 0x40UL
#define SF 0x80UL
#define DF 0x400UL
#define OF 0x800UL
#define ALL (CF | PF | AF | ZF | SF | OF)

#define DATA	(ARENA_BASE + 0x40000)	/* where memory operands are */
#define WINDOW	0x4000			/* bytes around it that are compared */

enum {
	BYTE	= 0x1,		/* only 8-bit operands */
	RM	= 0x2,		/* has a ModRM: reg random, or as ->ext says */
	NOMEM	= 0x4,
	NOREG	= 0x8,
	LOCKS	= 0x10,		/* try with LOCK, too */
	IMM8	= 0x20,
	IMMZ	= 0x40,
	IMMV	= 0x80,
	STACK	= 0x100,	/* rsp must point into memory */
	NO32	= 0x200,	/* no 32-bit form */
	BITS	= 0x400,	/* the register is a bit offset: near */
	COUNT	= 0x800,	/* a shift: undefined flags depend on the count, */
	BYCL	= 0x1000,	/* which is CL */
	BYONE	= 0x2000,
	ROT	= 0x4000,
	DOUBLE	= 0x8000,	/* SHLD, SHRD */
	STRING	= 0x10000,	/* rsi and rdi point into memory */
	REP	= 0x20000,	/* try with F2 and F3, rcx small */
	OPREG	= 0x40000,	/* a register in the opcode */
	REL8	= 0x80000,	/* a branch */
	REL32	= 0x100000,
	RBX	= 0x200000,	/* rbx points into memory */
	NO16	= 0x400000,
	FIXED	= 0x800000,	/* one operand size */
	NOIFEQ	= 0x1000000,	/* dst undefined when the source is zero */
	COUNTRCX = 0x2000000,	/* rcx: small numbers more often */
	FRAME	= 0x4000000,	/* rbp points into memory, too */
};

struct row {
	const char *name;
	u8 prefix;		/* a mandatory prefix, or 0 */
	u8 op[3], nop;
	int ext;		/* ModRM.reg of a group, or -1 */
	u64 undef;
	u32 how;
};

#define OP1(a)		{ a }, 1
#define OP2(a, b)	{ a, b }, 2
#define OP3(a, b, c)	{ a, b, c }, 3

#define ALU8(n, base)							\
	{ n, 0, OP1((base) + 0), -1, 0, RM | BYTE | LOCKS },		\
	{ n, 0, OP1((base) + 1), -1, 0, RM | LOCKS },			\
	{ n, 0, OP1((base) + 2), -1, 0, RM | BYTE },			\
	{ n, 0, OP1((base) + 3), -1, 0, RM },				\
	{ n, 0, OP1((base) + 4), -1, 0, BYTE | IMM8 },			\
	{ n, 0, OP1((base) + 5), -1, 0, IMMZ },				\
	{ n, 0, OP1(0x80), (base) / 8, 0, RM | BYTE | IMM8 | LOCKS },	\
	{ n, 0, OP1(0x81), (base) / 8, 0, RM | IMMZ | LOCKS },		\
	{ n, 0, OP1(0x83), (base) / 8, 0, RM | IMM8 | LOCKS }

#define LOGIC8(n, base)							\
	{ n, 0, OP1((base) + 0), -1, AF, RM | BYTE | LOCKS },		\
	{ n, 0, OP1((base) + 1), -1, AF, RM | LOCKS },			\
	{ n, 0, OP1((base) + 2), -1, AF, RM | BYTE },			\
	{ n, 0, OP1((base) + 3), -1, AF, RM },				\
	{ n, 0, OP1((base) + 4), -1, AF, BYTE | IMM8 },			\
	{ n, 0, OP1((base) + 5), -1, AF, IMMZ },			\
	{ n, 0, OP1(0x80), (base) / 8, AF, RM | BYTE | IMM8 | LOCKS },	\
	{ n, 0, OP1(0x81), (base) / 8, AF, RM | IMMZ | LOCKS },		\
	{ n, 0, OP1(0x83), (base) / 8, AF, RM | IMM8 | LOCKS }

#define SHIFT6(n, ext, how)						\
	{ n, 0, OP1(0xc0), ext, 0, RM | BYTE | IMM8 | COUNT | (how) },	\
	{ n, 0, OP1(0xc1), ext, 0, RM | IMM8 | COUNT | (how) },		\
	{ n, 0, OP1(0xd0), ext, 0, RM | BYTE | COUNT | BYONE | (how) },	\
	{ n, 0, OP1(0xd1), ext, 0, RM | COUNT | BYONE | (how) },	\
	{ n, 0, OP1(0xd2), ext, 0, RM | BYTE | COUNT | BYCL | (how) },	\
	{ n, 0, OP1(0xd3), ext, 0, RM | COUNT | BYCL | (how) }

#define MULS (SF | ZF | AF | PF)
#define BITF (OF | SF | AF | PF)
#define SCANF (CF | OF | SF | AF | PF)

static const struct row alu[] = {
	ALU8("add", 0x00), LOGIC8("or", 0x08), ALU8("adc", 0x10), ALU8("sbb", 0x18),
	LOGIC8("and", 0x20), ALU8("sub", 0x28), LOGIC8("xor", 0x30),
	{ "cmp", 0, OP1(0x38), -1, 0, RM | BYTE },
	{ "cmp", 0, OP1(0x39), -1, 0, RM },
	{ "cmp", 0, OP1(0x3a), -1, 0, RM | BYTE },
	{ "cmp", 0, OP1(0x3b), -1, 0, RM },
	{ "cmp", 0, OP1(0x3c), -1, 0, BYTE | IMM8 },
	{ "cmp", 0, OP1(0x3d), -1, 0, IMMZ },
	{ "cmp", 0, OP1(0x80), 7, 0, RM | BYTE | IMM8 },
	{ "cmp", 0, OP1(0x81), 7, 0, RM | IMMZ },
	{ "cmp", 0, OP1(0x83), 7, 0, RM | IMM8 },
	{ "test", 0, OP1(0x84), -1, AF, RM | BYTE },
	{ "test", 0, OP1(0x85), -1, AF, RM },
	{ "test", 0, OP1(0xa8), -1, AF, BYTE | IMM8 },
	{ "test", 0, OP1(0xa9), -1, AF, IMMZ },
	{ "test", 0, OP1(0xf6), 0, AF, RM | BYTE | IMM8 },
	{ "test", 0, OP1(0xf7), 0, AF, RM | IMMZ },
	{ "not", 0, OP1(0xf6), 2, 0, RM | BYTE | LOCKS },
	{ "not", 0, OP1(0xf7), 2, 0, RM | LOCKS },
	{ "neg", 0, OP1(0xf6), 3, 0, RM | BYTE | LOCKS },
	{ "neg", 0, OP1(0xf7), 3, 0, RM | LOCKS },
	{ "inc", 0, OP1(0xfe), 0, 0, RM | BYTE | LOCKS },
	{ "inc", 0, OP1(0xff), 0, 0, RM | LOCKS },
	{ "dec", 0, OP1(0xfe), 1, 0, RM | BYTE | LOCKS },
	{ "dec", 0, OP1(0xff), 1, 0, RM | LOCKS },
	{ "xadd", 0, OP2(0x0f, 0xc0), -1, 0, RM | BYTE | LOCKS },
	{ "xadd", 0, OP2(0x0f, 0xc1), -1, 0, RM | LOCKS },
	{ "cmpxchg", 0, OP2(0x0f, 0xb0), -1, 0, RM | BYTE | LOCKS },
	{ "cmpxchg", 0, OP2(0x0f, 0xb1), -1, 0, RM | LOCKS },
	{ "cmpxchg8b", 0, OP2(0x0f, 0xc7), 1, 0, RM | NOREG | LOCKS },
};

static const struct row muldiv[] = {
	{ "mul", 0, OP1(0xf6), 4, MULS, RM | BYTE },
	{ "mul", 0, OP1(0xf7), 4, MULS, RM },
	{ "imul", 0, OP1(0xf6), 5, MULS, RM | BYTE },
	{ "imul", 0, OP1(0xf7), 5, MULS, RM },
	{ "imul", 0, OP2(0x0f, 0xaf), -1, MULS, RM },
	{ "imul", 0, OP1(0x69), -1, MULS, RM | IMMZ },
	{ "imul", 0, OP1(0x6b), -1, MULS, RM | IMM8 },
	{ "div", 0, OP1(0xf6), 6, ALL, RM | BYTE },
	{ "div", 0, OP1(0xf7), 6, ALL, RM },
	{ "idiv", 0, OP1(0xf6), 7, ALL, RM | BYTE },
	{ "idiv", 0, OP1(0xf7), 7, ALL, RM },
};

static const struct row shifts[] = {
	SHIFT6("rol", 0, ROT), SHIFT6("ror", 1, ROT), SHIFT6("rcl", 2, ROT), SHIFT6("rcr", 3, ROT),
	SHIFT6("shl", 4, 0), SHIFT6("shr", 5, 0), SHIFT6("sal", 6, 0), SHIFT6("sar", 7, 0),
	{ "shld", 0, OP2(0x0f, 0xa4), -1, 0, RM | IMM8 | COUNT | DOUBLE },
	{ "shld", 0, OP2(0x0f, 0xa5), -1, 0, RM | COUNT | BYCL | DOUBLE },
	{ "shrd", 0, OP2(0x0f, 0xac), -1, 0, RM | IMM8 | COUNT | DOUBLE },
	{ "shrd", 0, OP2(0x0f, 0xad), -1, 0, RM | COUNT | BYCL | DOUBLE },
};

static const struct row bits[] = {
	{ "bt", 0, OP2(0x0f, 0xa3), -1, BITF, RM | BITS },
	{ "bts", 0, OP2(0x0f, 0xab), -1, BITF, RM | BITS | LOCKS },
	{ "btr", 0, OP2(0x0f, 0xb3), -1, BITF, RM | BITS | LOCKS },
	{ "btc", 0, OP2(0x0f, 0xbb), -1, BITF, RM | BITS | LOCKS },
	{ "bt", 0, OP2(0x0f, 0xba), 4, BITF, RM | IMM8 },
	{ "bts", 0, OP2(0x0f, 0xba), 5, BITF, RM | IMM8 | LOCKS },
	{ "btr", 0, OP2(0x0f, 0xba), 6, BITF, RM | IMM8 | LOCKS },
	{ "btc", 0, OP2(0x0f, 0xba), 7, BITF, RM | IMM8 | LOCKS },
	{ "bsf", 0, OP2(0x0f, 0xbc), -1, SCANF, RM | NOIFEQ },
	{ "bsr", 0, OP2(0x0f, 0xbd), -1, SCANF, RM | NOIFEQ },
	{ "tzcnt", 0xf3, OP2(0x0f, 0xbc), -1, OF | SF | AF | PF, RM },
	{ "lzcnt", 0xf3, OP2(0x0f, 0xbd), -1, OF | SF | AF | PF, RM },
	{ "popcnt", 0xf3, OP2(0x0f, 0xb8), -1, 0, RM },
};

static const struct row moves[] = {
	{ "mov", 0, OP1(0x88), -1, 0, RM | BYTE },
	{ "mov", 0, OP1(0x89), -1, 0, RM },
	{ "mov", 0, OP1(0x8a), -1, 0, RM | BYTE },
	{ "mov", 0, OP1(0x8b), -1, 0, RM },
	{ "mov", 0, OP1(0xb0), -1, 0, BYTE | OPREG | IMM8 },
	{ "mov", 0, OP1(0xb8), -1, 0, OPREG | IMMV },
	{ "mov", 0, OP1(0xc6), 0, 0, RM | BYTE | IMM8 },
	{ "mov", 0, OP1(0xc7), 0, 0, RM | IMMZ },
	{ "movzx", 0, OP2(0x0f, 0xb6), -1, 0, RM },
	{ "movzx", 0, OP2(0x0f, 0xb7), -1, 0, RM },
	{ "movsx", 0, OP2(0x0f, 0xbe), -1, 0, RM },
	{ "movsx", 0, OP2(0x0f, 0xbf), -1, 0, RM },
	{ "movsxd", 0, OP1(0x63), -1, 0, RM | NO16 },
	{ "movnti", 0, OP2(0x0f, 0xc3), -1, 0, RM | NOREG | NO16 },
	{ "movbe", 0, OP3(0x0f, 0x38, 0xf0), -1, 0, RM | NOREG },
	{ "movbe", 0, OP3(0x0f, 0x38, 0xf1), -1, 0, RM | NOREG },
	{ "xchg", 0, OP1(0x86), -1, 0, RM | BYTE | LOCKS },
	{ "xchg", 0, OP1(0x87), -1, 0, RM | LOCKS },
	{ "xchg", 0, OP1(0x90), -1, 0, OPREG },
	{ "nop", 0, OP1(0x90), -1, 0, FIXED },
	{ "pause", 0xf3, OP1(0x90), -1, 0, FIXED },
	{ "lea", 0, OP1(0x8d), -1, 0, RM | NOREG },
	{ "cbw", 0, OP1(0x98), -1, 0, 0 },
	{ "cwd", 0, OP1(0x99), -1, 0, 0 },
	{ "bswap", 0, OP2(0x0f, 0xc8), -1, 0, OPREG | NO16 },
	{ "xlat", 0, OP1(0xd7), -1, 0, RBX | FIXED },
	{ "lahf", 0, OP1(0x9f), -1, 0, FIXED },
	{ "sahf", 0, OP1(0x9e), -1, 0, FIXED },
	{ "cmc", 0, OP1(0xf5), -1, 0, FIXED },
	{ "clc", 0, OP1(0xf8), -1, 0, FIXED },
	{ "stc", 0, OP1(0xf9), -1, 0, FIXED },
	{ "cld", 0, OP1(0xfc), -1, 0, FIXED },
	{ "std", 0, OP1(0xfd), -1, 0, FIXED },
};

static const struct row stack[] = {
	{ "push", 0, OP1(0x50), -1, 0, OPREG | STACK | NO32 },
	{ "pop", 0, OP1(0x58), -1, 0, OPREG | STACK | NO32 },
	{ "push", 0, OP1(0x68), -1, 0, IMMZ | STACK | NO32 },
	{ "push", 0, OP1(0x6a), -1, 0, IMM8 | STACK | NO32 },
	{ "push", 0, OP1(0xff), 6, 0, RM | STACK | NO32 },
	{ "pop", 0, OP1(0x8f), 0, 0, RM | STACK | NO32 },
	{ "pushf", 0, OP1(0x9c), -1, 0, STACK | NO32 },
	{ "popf", 0, OP1(0x9d), -1, 0, STACK | NO32 },
	{ "leave", 0, OP1(0xc9), -1, 0, STACK | FRAME | NO32 },
};

static const struct row strings[] = {
	{ "movs", 0, OP1(0xa4), -1, 0, STRING | BYTE | REP },
	{ "movs", 0, OP1(0xa5), -1, 0, STRING | REP },
	{ "cmps", 0, OP1(0xa6), -1, 0, STRING | BYTE | REP },
	{ "cmps", 0, OP1(0xa7), -1, 0, STRING | REP },
	{ "stos", 0, OP1(0xaa), -1, 0, STRING | BYTE | REP },
	{ "stos", 0, OP1(0xab), -1, 0, STRING | REP },
	{ "lods", 0, OP1(0xac), -1, 0, STRING | BYTE | REP },
	{ "lods", 0, OP1(0xad), -1, 0, STRING | REP },
	{ "scas", 0, OP1(0xae), -1, 0, STRING | BYTE | REP },
	{ "scas", 0, OP1(0xaf), -1, 0, STRING | REP },
};

static const struct row branches[] = {
	{ "jmp", 0, OP1(0xeb), -1, 0, REL8 | FIXED },
	{ "jmp", 0, OP1(0xe9), -1, 0, REL32 | FIXED },
	{ "call", 0, OP1(0xe8), -1, 0, REL32 | STACK | FIXED },
	{ "loopne", 0, OP1(0xe0), -1, 0, REL8 | FIXED | COUNTRCX },
	{ "loope", 0, OP1(0xe1), -1, 0, REL8 | FIXED | COUNTRCX },
	{ "loop", 0, OP1(0xe2), -1, 0, REL8 | FIXED | COUNTRCX },
	{ "jrcxz", 0, OP1(0xe3), -1, 0, REL8 | FIXED | COUNTRCX },
};

/* One case while it is made up: the bytes, and the state that both sides start from. */
struct trial {
	u8 bytes[X86_EMU_MAX_INSN];
	unsigned int n;
	unsigned int size;
	bool memory;
	u64 imm;
	unsigned int modrm_reg, rm;
	struct native_regs start;
};

static u64 random_value(void)
{
	static const u64 edges[] = {
		0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000,
		0xffffffff, 0x7fffffffffffffff, 0x8000000000000000, ~0ULL, 0x100000000, 9, 0x10,
	};
	u64 r = unit_random();

	if (r & 3)
		return unit_random();
	return edges[(r >> 8) % ARRAY_SIZE(edges)];
}

static void put(struct trial *t, u64 val, unsigned int n)
{
	memcpy(t->bytes + t->n, &val, n);
	t->n += n;
}

/* A memory operand in the data window: [base + index * scale + disp], some parts left out. */
static void put_memory(struct trial *t, const struct row *row, unsigned int reg, bool sib,
		       u8 base, u8 index)
{
	u64 target = DATA + unit_random() % 256;
	s8 disp8 = (s8)unit_random();
	s32 disp32 = (s32)unit_random();
	u8 scale = unit_random() & 3, mod = 1 + (unit_random() & 1);
	s64 disp = mod == 1 ? disp8 : disp32;
	u64 off = 0;

	if (row->ext == 1 && row->op[1] == 0xc7)
		target &= ~15ULL;
	if (sib && index != X86_EMU_RSP) {
		t->start.regs[index] = unit_random() & 0xff;
		off = t->start.regs[index] << scale;
	}
	put(t, mod << 6 | (reg & 7) << 3 | (sib ? 4 : base & 7), 1);
	if (sib)
		put(t, scale << 6 | (index & 7) << 3 | (base & 7), 1);
	put(t, (u64)disp, mod == 1 ? 1 : 4);
	t->start.regs[base] = target - off - (u64)disp;
}

static u8 choose_base(const struct row *row, bool *sib, u8 *index)
{
	static const u8 bases[] = { 3, 5, 6, 7, 8, 9, 10, 11, 14, 15 };
	u8 base = bases[unit_random() % ARRAY_SIZE(bases)];

	*sib = unit_random() & 1;
	do
		*index = unit_random() & 15;
	while (*index == base || *index == 1 || *index == 0 || *index == 2 ||
	       (row->how & STACK && *index == X86_EMU_RSP));
	if (*index == X86_EMU_RSP || row->how & STACK)
		*index = X86_EMU_RSP;
	return base;
}

static u32 relative(const struct trial *t, unsigned int n)
{
	return native_target() - (native_code() + t->n + n);
}

static void put_immediate(struct trial *t, const struct row *row)
{
	unsigned int z = t->size == 2 ? 2 : 4;

	if (row->how & IMM8)
		put(t, t->imm, 1);
	if (row->how & IMMZ)
		put(t, t->imm, z);
	if (row->how & IMMV)
		put(t, t->imm, t->size);
	if (row->how & REL8)
		put(t, relative(t, 1), 1);
	if (row->how & REL32)
		put(t, relative(t, 4), 4);
}

static void random_state(struct trial *t)
{
	unsigned int i;

	for (i = 0; i < 16; i++)
		t->start.regs[i] = random_value();
	t->start.rflags = 2 | (unit_random() & ALL);
	t->imm = random_value();
}

static void special_registers(struct trial *t, const struct row *row)
{
	u64 *regs = t->start.regs;

	if (row->how & STACK)
		regs[X86_EMU_RSP] = DATA + 0x1000 + (unit_random() & 0xff);
	if (row->how & FRAME)
		regs[X86_EMU_RBP] = DATA + 0x800 + (unit_random() & 0xff);
	if (row->how & RBX)
		regs[X86_EMU_RBX] = DATA + 0x100;
	if (row->how & STRING) {
		regs[X86_EMU_RSI] = DATA + (unit_random() & 0xff);
		regs[X86_EMU_RDI] = DATA + (unit_random() & 0xff);
		if (unit_random() & 1)
			t->start.rflags |= DF;
	}
	if (row->how & (REP | COUNTRCX))
		regs[X86_EMU_RCX] = unit_random() % 5;
}

static void put_prefixes(struct trial *t, const struct row *row, u8 rex, bool adsize)
{
	if (row->how & REP && unit_random() % 3)
		put(t, 0xf2 + (unit_random() & 1), 1);
	if (row->prefix)
		put(t, row->prefix, 1);
	if (adsize)
		put(t, 0x67, 1);
	if (t->size == 2)
		put(t, 0x66, 1);
	if (row->how & LOCKS && t->memory && unit_random() & 1)
		put(t, 0xf0, 1);
	if (t->size == 8 && !(row->how & (NO32 | FIXED)))
		rex |= 0x48;
	if (rex)
		put(t, rex, 1);
}

/* The address is cut to 32 bits by 67, so the base register may as well hold garbage above. */
static void put_operands(struct trial *t, const struct row *row, bool sib, u8 base, u8 index)
{
	u8 op[3];

	memcpy(op, row->op, 3);
	if (row->how & OPREG)
		op[row->nop - 1] |= t->rm & 7;
	memcpy(t->bytes + t->n, op, row->nop);
	t->n += row->nop;
	if (!(row->how & RM))
		return;
	if (t->memory)
		put_memory(t, row, t->modrm_reg, sib, base, index);
	else
		put(t, 0xc0 | (t->modrm_reg & 7) << 3 | (t->rm & 7), 1);
}

static void make_trial(struct trial *t, const struct row *row, unsigned int size)
{
	bool sib = false, adsize;
	u8 base = 0, index = X86_EMU_RSP, rex = 0;

	memset(t, 0, sizeof(*t));
	t->size = row->how & BYTE ? 1 : size;
	random_state(t);
	t->memory = row->how & RM && !(row->how & NOMEM) &&
		    (row->how & NOREG || unit_random() & 1);
	t->modrm_reg = row->ext >= 0 ? (unsigned int)row->ext : unit_random() & 15;
	do
		t->rm = unit_random() & 15;
	while (row->how & STACK && t->rm == X86_EMU_RSP && row->op[0] == 0xff);
	special_registers(t, row);
	if (t->memory) {
		base = choose_base(row, &sib, &index);
		rex |= base >> 3 | (sib ? (index >> 3) << 1 : 0);
	} else if (row->how & (RM | OPREG)) {
		rex |= t->rm >> 3;
	}
	if (row->how & RM)
		rex |= (t->modrm_reg >> 3) << 2;
	if (rex || unit_random() & 1)
		rex |= 0x40;
	if (row->nop == 1 && row->op[0] == 0x90 && !(row->how & OPREG))
		rex = 0;
	adsize = t->memory && !(unit_random() & 7);
	put_prefixes(t, row, rex, adsize);
	if (row->how & BITS && t->memory)
		t->start.regs[t->modrm_reg] = (u64)(s64)(s16)(unit_random() % 8192 - 4096);
	put_operands(t, row, sib, base, index);
	put_immediate(t, row);
	special_registers(t, row);
}

/* The memory operand's address as the test meant it may be gone: a register served twice. */
static bool sane(const struct trial *t, const struct row *row)
{
	struct x86_emu *emu;
	static struct env env;
	u64 ea;

	if (!t->memory || row->op[0] == 0x8d)
		return true;
	env_init(&env, X86_EMU_LONG64);
	emu = &env.emu;
	memcpy(emu->regs, t->start.regs, sizeof(emu->regs));
	env_code(&env, native_code(), t->bytes, t->n);
	if (x86_emu_decode(emu, NULL, 0))
		return true;
	ea = emu->insn.disp + (emu->insn.base < 16 ? emu->regs[emu->insn.base] : 0) +
	     (emu->insn.index < 16 ? emu->regs[emu->insn.index] << emu->insn.scale : 0);
	if (emu->insn.ad_bytes == 4)
		ea = (u32)ea;
	if (row->how & BITS)
		return ea - DATA < 0x200 && t->start.regs[emu->insn.reg] + 4096 < 8192;
	return ea - DATA < 0x200;
}

static u64 undefined_flags(const struct trial *t, const struct row *row)
{
	unsigned int bits = 8 * t->size, n;

	if (!(row->how & COUNT))
		return row->undef;
	n = row->how & BYONE ? 1 : row->how & BYCL ? t->start.regs[X86_EMU_RCX] : t->imm;
	n &= t->size == 8 ? 63 : 31;
	if (!n)
		return 0;
	if (row->how & ROT)
		return n == 1 ? 0 : OF;
	if (row->how & DOUBLE && n > bits)
		return ALL;
	return AF | (n == 1 ? 0 : OF) | (n >= bits ? CF : 0);
}

/* Cases whose result the manual leaves open. */
static bool undefined_result(const struct trial *t, const struct row *row)
{
	unsigned int n = row->how & BYCL ? t->start.regs[X86_EMU_RCX] : t->imm;

	return row->how & DOUBLE && t->size == 2 && (n & 31) > 16;
}

static void report(const struct trial *t, const struct row *row, const char *what, u64 emulated,
		   u64 native)
{
	char hex[64] = "";
	unsigned int i;

	for (i = 0; i < t->n; i++)
		sprintf(hex + 3 * i, "%02x ", t->bytes[i]);
	unit_fail(__FILE__, __LINE__, "%s [%s] %s: emulated %llx, native %llx; rflags %llx",
		  row->name,
		  hex, what, (unsigned long long)emulated, (unsigned long long)native,
		  (unsigned long long)t->start.rflags);
	if (unit_failures < 4)
		for (i = 0; i < 16; i++)
			printf("#   r%u = %llx\n", i, (unsigned long long)t->start.regs[i]);
}

static int expected_signal(const struct x86_emu *emu, enum x86_emu_outcome out)
{
	if (out == X86_EMU_DONE)
		return 0;
	if (out != X86_EMU_FAULT)
		return -(int)out;
	switch (emu->exception.vector) {
	case X86_EMU_DE:
		return SIGFPE;
	case X86_EMU_UD:
		return SIGILL;
	default:
		return SIGSEGV;
	}
}

static void compare(const struct trial *t, const struct row *row, const struct env *env,
		    const struct native_regs *native, u64 native_rip)
{
	/* popf may not set IF natively as the emulator does at CPL 0, nor TF. */
	u64 mask = (ALL | DF | 0x40000) & ~undefined_flags(t, row);
	const struct x86_emu *emu = &env->emu;
	unsigned int i;

	for (i = 0; i < 16; i++) {
		if (row->how & NOIFEQ && emu->rflags & ZF)
			break;
		if (emu->regs[i] != native->regs[i])
			report(t, row, "register", emu->regs[i], native->regs[i]);
	}
	if ((emu->rflags ^ native->rflags) & mask)
		report(t, row, "flags", emu->rflags & mask, native->rflags & mask);
	if (emu->rip != native_rip)
		report(t, row, "rip", emu->rip, native_rip);
}

static u8 before[WINDOW], after[WINDOW];

static void fill_window(const struct trial *t, const struct row *row)
{
	u64 *p = (u64 *)(DATA - WINDOW / 2), val;
	unsigned int i;

	for (i = 0; i < WINDOW / 8; i++)
		p[i] = unit_random() & 3 ? unit_random() : random_value();
	if (row->op[0] == 0x9d) {		/* popf: flags that neither trap nor fault */
		val = 2 | (unit_random() & (ALL | DF));
		memcpy((void *)t->start.regs[X86_EMU_RSP], &val, 8);
	}
	if (row->how & REP && unit_random() & 1)
		memset((void *)(DATA - WINDOW / 2), 0x55, WINDOW);
	memcpy(before, (void *)(DATA - WINDOW / 2), WINDOW);
}

/* Make some compare-and-exchanges succeed: the accumulator gets what the operand holds. */
static void maybe_equal(struct trial *t, const struct row *row)
{
	u64 *regs = t->start.regs;

	if (row->op[0] == 0x0f && (row->op[1] & 0xfe) == 0xb0 && !t->memory && unit_random() & 1)
		regs[X86_EMU_RAX] = regs[t->rm];
	if (row->op[0] == 0x0f && row->op[1] == 0xc7 && unit_random() & 1) {
		memset((void *)DATA, 0, 0x200);
		memcpy(before, (void *)(DATA - WINDOW / 2), WINDOW);
		regs[X86_EMU_RAX] = 0;
		regs[X86_EMU_RDX] = 0;
	}
}

static void run_trial(struct trial *t, const struct row *row)
{
	static struct env env;
	struct native_regs native;
	struct native_result res;
	enum x86_emu_outcome out;
	int sig;

	fill_window(t, row);
	maybe_equal(t, row);
	native = t->start;
	res = native_run(t->bytes, t->n, &native);
	memcpy(after, (void *)(DATA - WINDOW / 2), WINDOW);
	memcpy((void *)(DATA - WINDOW / 2), before, WINDOW);

	env_init(&env, X86_EMU_LONG64);
	env.emu.amd = true;
	memcpy(env.emu.regs, t->start.regs, sizeof(env.emu.regs));
	env.emu.rflags = t->start.rflags | (row->op[0] == 0x9c ? 0x200 : 0);
	env.emu.rip = native_code();
	out = env_step(&env);
	sig = expected_signal(&env.emu, out);
	if (sig != res.signal) {
		report(t, row, "signal", (u64)(s64)sig, (u64)res.signal);
		return;
	}
	if (sig || undefined_result(t, row))
		return;
	compare(t, row, &env, &native, res.rip);
	if (memcmp(after, (void *)(DATA - WINDOW / 2), WINDOW))
		report(t, row, "memory", 0, 0);
}

static void run_rows(const struct row *rows, unsigned int n, unsigned int rounds)
{
	static const unsigned int sizes[] = { 4, 2, 8 };
	struct env env;
	struct trial t;
	unsigned int i, s, k;

	env_init(&env, X86_EMU_LONG64);
	for (i = 0; i < n; i++) {
		for (s = 0; s < (rows[i].how & (BYTE | FIXED) ? 1 : 3); s++) {
			if ((sizes[s] == 4 && rows[i].how & NO32) ||
			    (sizes[s] == 2 && rows[i].how & NO16))
				continue;
			for (k = 0; k < rounds; k++) {
				make_trial(&t, &rows[i], sizes[s]);
				if (sane(&t, &rows[i]))
					run_trial(&t, &rows[i]);
			}
		}
	}
}

#define ROUNDS 300

TEST(arithmetic_and_logic)
{
	run_rows(alu, ARRAY_SIZE(alu), ROUNDS);
}

TEST(multiplication_and_division)
{
	run_rows(muldiv, ARRAY_SIZE(muldiv), 2 * ROUNDS);
}

TEST(shifts_and_rotates)
{
	run_rows(shifts, ARRAY_SIZE(shifts), ROUNDS);
}

TEST(bit_tests_and_scans)
{
	run_rows(bits, ARRAY_SIZE(bits), ROUNDS);
}

TEST(moves_and_conversions)
{
	run_rows(moves, ARRAY_SIZE(moves), ROUNDS);
}

TEST(pushes_and_pops)
{
	run_rows(stack, ARRAY_SIZE(stack), ROUNDS);
}

TEST(string_instructions)
{
	run_rows(strings, ARRAY_SIZE(strings), ROUNDS);
}

TEST(branches)
{
	run_rows(branches, ARRAY_SIZE(branches), ROUNDS);
}

TEST(conditions)
{
	struct row row = { "cc", 0, { 0 }, 1, -1, 0, 0 };
	unsigned int cc;

	for (cc = 0; cc < 16; cc++) {
		row = (struct row) { "jcc", 0, { 0x70 + cc }, 1, -1, 0, REL8 | FIXED };
		run_rows(&row, 1, ROUNDS / 4);
		row = (struct row) { "jcc", 0, { 0x0f, 0x80 + cc }, 2, -1, 0, REL32 | FIXED };
		run_rows(&row, 1, ROUNDS / 4);
		row = (struct row) { "setcc", 0, { 0x0f, 0x90 + cc }, 2, -1, 0, RM | BYTE };
		run_rows(&row, 1, ROUNDS / 4);
		row = (struct row) { "cmovcc", 0, { 0x0f, 0x40 + cc }, 2, -1, 0, RM };
		run_rows(&row, 1, ROUNDS / 4);
	}
}

/* ENTER, over its levels and sizes. */
TEST(enter)
{
	static const struct row row = { "enter", 0, OP1(0xc8), -1, 0, STACK | FRAME | NO32 };
	struct trial t;
	unsigned int level, i;
	struct env env;

	env_init(&env, X86_EMU_LONG64);
	for (level = 0; level < 64; level++) {
		for (i = 0; i < 8; i++) {
			make_trial(&t, &row, i & 1 ? 2 : 8);
			t.start.regs[X86_EMU_RBP] = t.start.regs[X86_EMU_RSP] - 0x400;
			put(&t, unit_random() & 0x1ff, 2);
			put(&t, level, 1);
			run_trial(&t, &row);
		}
	}
}

/* CALL, JMP and RET through memory and registers. */
TEST(indirect_branches)
{
	static const struct row row = { "indirect", 0, OP2(0xff, 0xe0), -1, 0, STACK | FIXED };
	static const u8 code[][3] = {
		{ 0xff, 0xd0 }, { 0xff, 0xe0 }, { 0xff, 0x13 }, { 0xff, 0x23 }, { 0xc3, 0x90 },
		{ 0xc2, 0x10, 0x00 },
	};
	unsigned int i, n;
	static struct env env;
	struct native_regs native;
	struct native_result res;
	struct trial t;
	u64 target;

	for (i = 0; i < ARRAY_SIZE(code); i++) {
		env_init(&env, X86_EMU_LONG64);
		n = code[i][0] == 0xc3 ? 1 : code[i][0] == 0xc2 ? 3 : 2;
		memset(&t, 0, sizeof(t));
		memcpy(t.bytes, code[i], 3);
		t.n = n;
		random_state(&t);
		special_registers(&t, &row);
		target = native_target();
		t.start.regs[X86_EMU_RAX] = target;
		t.start.regs[X86_EMU_RBX] = DATA;
		memcpy((void *)DATA, &target, 8);
		memcpy((void *)t.start.regs[X86_EMU_RSP], &target, 8);
		native = t.start;
		res = native_run(t.bytes, t.n, &native);
		expect_eq(res.signal, 0);
		memcpy((void *)t.start.regs[X86_EMU_RSP], &target, 8);
		memcpy(env.emu.regs, t.start.regs, sizeof(env.emu.regs));
		env.emu.rflags = t.start.rflags;
		env.emu.rip = native_code();
		expect_eq(env_step(&env), X86_EMU_DONE);
		expect_eq(env.emu.rip, target);
		compare(&t, &row, &env, &native, res.rip);
	}
}
