// SPDX-License-Identifier: GPL-2.0-only
/*
 * Segment loads and far transfers: descriptor checks with their error codes, gates, returns to
 * outer levels, interrupts in real mode, SYSCALL and SYSENTER, task switches.
 */
#include <string.h>
#include "env.h"
#include "unit.h"

static struct env env;
static struct x86_emu *const emu = &env.emu;
static u64 *const regs = env.emu.regs;

#define GDT	(ARENA_BASE + 0x10000)
#define IDT	(ARENA_BASE + 0x11000)
#define TSS	(ARENA_BASE + 0x12000)
#define TSS2	(ARENA_BASE + 0x13000)
#define STACK	(ARENA_BASE + 0x20000)
#define STACK0	(ARENA_BASE + 0x21000)
#define CODE	(ARENA_BASE + 0x100)

/* Selectors of the table that start() makes. */
enum {
	CODE0 = 0x08, DATA0 = 0x10, CODE3 = 0x18, DATA3 = 0x20, CONF = 0x28, ABSENT = 0x30,
	RODATA = 0x38, XONLY = 0x40, GATE0 = 0x48, GATE3 = 0x58, TSSD = 0x68, TSSD2 = 0x78,
	CODE16 = 0x88, LDTD = 0x90, CODE64 = 0xa0, DOWN = 0xa8, TASKG = 0xb0, ABSENTCODE = 0xb8,
};

#define LIMIT 0xbf

static u64 *desc(u16 sel)
{
	return (u64 *)(GDT + (sel & ~7));
}

/* Flat, 4 GiB: @access is the byte with type, S, DPL, P; @flags G, D, L, AVL. */
static void put_desc(u16 sel, u8 access, u8 flags)
{
	*desc(sel) = 0x000f00000000ffff | (u64)access << 40 | (u64)flags << 52;
}

static void put_system(u16 sel, u8 access, u64 base, u32 limit)
{
	*desc(sel) = (limit & 0xffff) | (base & 0xffffff) << 16 | (u64)access << 40 |
		     (u64)(limit >> 16) << 48 | (base >> 24 & 0xff) << 56;
	desc(sel)[1] = base >> 32;
}

static void put_gate(u16 sel, u8 access, u16 target, u64 offset, unsigned int params)
{
	*desc(sel) = (offset & 0xffff) | (u64)target << 16 | (u64)params << 32 |
		     (u64)access << 40 | (offset >> 16 & 0xffff) << 48;
	if ((access & 15) == 12)
		desc(sel)[1] = offset >> 32;
}

static void start(enum x86_emu_mode mode, u8 cpl)
{
	env_init(&env, mode);
	memset((void *)GDT, 0, 0x4000);
	memset((void *)STACK - 0x1000, 0, 0x3000);
	put_desc(CODE0, 0x9a, mode == X86_EMU_LONG64 ? 0xa : 0xc);
	put_desc(DATA0, 0x92, 0xc);
	put_desc(CODE3, 0xfa, mode == X86_EMU_LONG64 ? 0xa : 0xc);
	put_desc(DATA3, 0xf2, 0xc);
	put_desc(CONF, 0x9e, mode == X86_EMU_LONG64 ? 0xa : 0xc);
	put_desc(ABSENT, 0x72, 0xc);
	put_desc(RODATA, 0x90, 0xc);
	put_desc(XONLY, 0x98, 0xc);
	put_desc(CODE16, 0x9a, 0x8);
	put_desc(CODE64, 0x9a, 0xa);
	put_desc(DOWN, 0x96, 0xc);
	put_desc(ABSENTCODE, 0x1a, 0xc);
	put_gate(GATE0, 0x8c, CODE0, CODE + 0x40, 0);
	put_gate(GATE3, 0xec, CODE0, CODE + 0x80, 0);
	put_system(TSSD, 0x8b, TSS, 0x67);
	env.dt[X86_EMU_GDT] = (struct x86_emu_table) { GDT, LIMIT };
	env.dt[X86_EMU_IDT] = (struct x86_emu_table) { IDT, 0x3ff };
	env.segs[X86_EMU_TR] = (struct x86_emu_seg) {
		.base = TSS, .limit = 0x67, .type = 11, .p = true, .selector = TSSD,
	};
	emu->cpl = cpl;
	emu->rip = mode <= X86_EMU_VM86 ? 0x100 : CODE;
	env.segs[X86_EMU_CS].selector = cpl ? CODE3 | 3 : CODE0;
	env.segs[X86_EMU_CS].dpl = cpl;
	env.segs[X86_EMU_SS].selector = cpl ? DATA3 | 3 : DATA0;
	env.segs[X86_EMU_SS].dpl = cpl;
	regs[X86_EMU_RSP] = STACK;
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

/* mov SEG, ax */
static enum x86_emu_outcome load(unsigned int seg, u16 sel)
{
	regs[X86_EMU_RAX] = sel;
	return RUN(&env, 0x8e, 0xc0 | seg << 3);
}

#define expect_load_fault(vec, err, seg, sel)	\
	check_fault(__LINE__, load(X86_EMU_##seg, sel), X86_EMU_##vec, err)

TEST(load_data_segment)
{
	start(X86_EMU_PROT32, 0);
	expect_eq(load(X86_EMU_DS, DATA0), X86_EMU_DONE);
	expect_eq(env.segs[X86_EMU_DS].selector, DATA0);
	expect_eq(env.segs[X86_EMU_DS].limit, ~0U);
	expect_eq(env.segs[X86_EMU_DS].type, 3);
	expect_eq(*desc(DATA0) >> 40 & 0xff, 0x93);		/* accessed now */
	expect_eq(load(X86_EMU_ES, CODE0), X86_EMU_DONE);	/* readable code */
	expect_load_fault(GP, XONLY, DS, XONLY);
	expect_load_fault(GP, GATE0, DS, GATE0);
	expect_load_fault(NP, ABSENT, FS, ABSENT | 3);
	expect_load_fault(GP, LIMIT + 1, GS, LIMIT + 1);
	expect_load_fault(GP, 0x0c, GS, 0x0c);			/* no LDT */
	expect_eq(load(X86_EMU_DS, 0), X86_EMU_DONE);
	expect(env.segs[X86_EMU_DS].unusable);
	expect_eq(load(X86_EMU_DS, 3), X86_EMU_DONE);
	expect_fault(UD, -1, 0x8e, 0xc8);			/* mov cs, ax */
	expect_fault(UD, -1, 0x8e, 0xf0);
	/* Privilege: of the code and of the selector. */
	start(X86_EMU_PROT32, 3);
	expect_load_fault(GP, DATA0, DS, DATA0);
	expect_eq(load(X86_EMU_DS, DATA3), X86_EMU_DONE);
	expect_eq(load(X86_EMU_DS, CONF), X86_EMU_DONE);
	start(X86_EMU_PROT32, 0);
	expect_load_fault(GP, DATA0, DS, DATA0 | 3);
}

TEST(load_stack_segment)
{
	start(X86_EMU_PROT32, 0);
	expect_eq(load(X86_EMU_SS, DATA0), X86_EMU_DONE);
	expect(emu->interrupt_shadow);
	expect_load_fault(GP, 0, SS, 0);
	expect_load_fault(GP, RODATA, SS, RODATA);
	expect_load_fault(GP, CODE0, SS, CODE0);
	expect_load_fault(GP, DATA3, SS, DATA3 | 3);
	expect_load_fault(GP, DATA0, SS, DATA0 | 1);
	put_desc(ABSENT, 0x12, 0xc);
	expect_load_fault(SF, ABSENT, SS, ABSENT);
	expect(!emu->interrupt_shadow);
	start(X86_EMU_LONG64, 0);
	expect_eq(load(X86_EMU_SS, 0), X86_EMU_DONE);
	start(X86_EMU_LONG64, 3);
	expect_load_fault(GP, 0, SS, 3);
}

TEST(load_from_ldt)
{
	u64 *ldt = (u64 *)(ARENA_BASE + 0x14000);

	start(X86_EMU_PROT32, 0);
	put_system(LDTD, 0x82, (u64)ldt, 15);
	ldt[1] = *desc(DATA0);
	regs[X86_EMU_RAX] = LDTD;
	expect_eq(RUN(&env, 0x0f, 0x00, 0xd0), X86_EMU_DONE);	/* lldt ax */
	expect_eq(env.segs[X86_EMU_LDTR].base, (u64)ldt);
	expect_eq(load(X86_EMU_DS, 0x0c), X86_EMU_DONE);
	expect_load_fault(GP, 0x14, DS, 0x14);
	regs[X86_EMU_RAX] = DATA0;
	expect_fault(GP, DATA0, 0x0f, 0x00, 0xd0);
	regs[X86_EMU_RAX] = 0x0c;
	expect_fault(GP, 0x0c, 0x0f, 0x00, 0xd0);
	regs[X86_EMU_RAX] = 0;
	expect_eq(RUN(&env, 0x0f, 0x00, 0xd0), X86_EMU_DONE);
	expect(env.segs[X86_EMU_LDTR].unusable);
	expect_load_fault(GP, 0x0c, DS, 0x0c);
}

TEST(load_task_register)
{
	start(X86_EMU_PROT32, 0);
	regs[X86_EMU_RAX] = TSSD;
	expect_fault(GP, TSSD, 0x0f, 0x00, 0xd8);		/* ltr ax: busy */
	put_system(TSSD, 0x89, TSS, 0x67);
	expect_eq(RUN(&env, 0x0f, 0x00, 0xd8), X86_EMU_DONE);
	expect_eq(*desc(TSSD) >> 40 & 0xff, 0x8b);
	expect_eq(env.segs[X86_EMU_TR].type, 11);
	regs[X86_EMU_RAX] = 0;
	expect_fault(GP, 0, 0x0f, 0x00, 0xd8);
	put_system(TSSD, 0x09, TSS, 0x67);
	regs[X86_EMU_RAX] = TSSD;
	expect_fault(NP, TSSD, 0x0f, 0x00, 0xd8);
	/* 16 bytes in long mode */
	start(X86_EMU_LONG64, 0);
	put_system(TSSD, 0x89, 0xffff888012345678, 0x67);
	regs[X86_EMU_RAX] = TSSD;
	expect_eq(RUN(&env, 0x0f, 0x00, 0xd8), X86_EMU_DONE);
	expect_eq(env.segs[X86_EMU_TR].base, 0xffff888012345678);
	put_system(TSSD, 0x81, TSS, 0x67);
	expect_fault(GP, TSSD, 0x0f, 0x00, 0xd8);
	emu->cpl = 3;
	expect_fault(GP, 0, 0x0f, 0x00, 0xd8);
}

TEST(looking_at_selectors)
{
	start(X86_EMU_PROT32, 3);
	regs[X86_EMU_RCX] = DATA3 | 3;
	regs[X86_EMU_RAX] = 0;
	expect_eq(RUN(&env, 0x0f, 0x02, 0xc1), X86_EMU_DONE);	/* lar eax, ecx */
	expect(emu->rflags & 0x40);
	expect_eq(regs[X86_EMU_RAX], 0x00cff200);
	expect_eq(RUN(&env, 0x0f, 0x03, 0xc1), X86_EMU_DONE);	/* lsl eax, ecx */
	expect_eq(regs[X86_EMU_RAX], 0xffffffff);
	expect_eq(RUN(&env, 0x0f, 0x00, 0xe1), X86_EMU_DONE);	/* verr cx */
	expect(emu->rflags & 0x40);
	expect_eq(RUN(&env, 0x0f, 0x00, 0xe9), X86_EMU_DONE);	/* verw cx */
	expect(emu->rflags & 0x40);
	regs[X86_EMU_RCX] = CODE3 | 3;
	expect_eq(RUN(&env, 0x0f, 0x00, 0xe9), X86_EMU_DONE);
	expect(!(emu->rflags & 0x40));
	regs[X86_EMU_RCX] = DATA0;				/* not visible */
	regs[X86_EMU_RAX] = 0x55;
	expect_eq(RUN(&env, 0x0f, 0x02, 0xc1), X86_EMU_DONE);
	expect(!(emu->rflags & 0x40));
	expect_eq(regs[X86_EMU_RAX], 0x55);
	regs[X86_EMU_RCX] = 0xfff8;
	emu->rflags |= 0x40;
	expect_eq(RUN(&env, 0x0f, 0x03, 0xc1), X86_EMU_DONE);
	expect(!(emu->rflags & 0x40));
	regs[X86_EMU_RAX] = 0x11;
	regs[X86_EMU_RCX] = 0x13;
	expect_eq(RUN(&env, 0x63, 0xc8), X86_EMU_DONE);		/* arpl ax, cx */
	expect_eq(regs[X86_EMU_RAX], 0x13);
	expect(emu->rflags & 0x40);
}

TEST(real_mode_far)
{
	start(X86_EMU_REAL, 0);
	regs[X86_EMU_RSP] = 0x8000;
	expect_eq(RUN(&env, 0xea, 0x00, 0x02, 0x10, 0x10), X86_EMU_DONE);
	expect_eq(emu->rip, 0x200);
	expect_eq(env.segs[X86_EMU_CS].selector, 0x1010);
	expect_eq(env.segs[X86_EMU_CS].base, 0x10100);

	start(X86_EMU_REAL, 0);
	regs[X86_EMU_RSP] = 0x8000;
	expect_eq(RUN(&env, 0x9a, 0x00, 0x02, 0x10, 0x10), X86_EMU_DONE);
	expect_eq(regs[X86_EMU_RSP], 0x7ffc);
	expect_eq(*(u16 *)(arena + 0x7ffc), 0x105);
	expect_eq(*(u16 *)(arena + 0x7ffe), CODE0);

	start(X86_EMU_REAL, 0);
	regs[X86_EMU_RSP] = 0x7ffc;
	*(u32 *)(arena + 0x7ffc) = 0x12340300;
	expect_eq(RUN(&env, 0xca, 0x06, 0x00), X86_EMU_DONE);	/* retf 6 */
	expect_eq(emu->rip, 0x300);
	expect_eq(env.segs[X86_EMU_CS].base, 0x12340);
	expect_eq(regs[X86_EMU_RSP], 0x8006);

	start(X86_EMU_REAL, 0);
	regs[X86_EMU_RSP] = 0x8000;
	*(u16 *)(arena + 0x7ff8) = 0;
	memcpy(arena + 0x8000, (u16[]) { 0x400, 0x2000, 0x3ed7 }, 6);
	expect_eq(RUN(&env, 0xcf), X86_EMU_DONE);		/* iret */
	expect_eq(emu->rip, 0x400);
	expect_eq(emu->rflags, 0x3ed7);
	expect_eq(regs[X86_EMU_RSP], 0x8006);
	expect(env.nmi_unmasked);
}

TEST(real_mode_interrupt)
{
	start(X86_EMU_REAL, 0);
	env.dt[X86_EMU_IDT] = (struct x86_emu_table) { ARENA_BASE + 0x9000, 0x3ff };
	memcpy(arena + 0x9000 + 4 * 0x10, (u16[]) { 0x1234, 0xf000 }, 4);
	regs[X86_EMU_RSP] = 0x8000;
	emu->rflags = 0x302;
	expect_eq(RUN(&env, 0xcd, 0x10), X86_EMU_DONE);
	expect_eq(emu->rip, 0x1234);
	expect_eq(env.segs[X86_EMU_CS].base, 0xf0000);
	expect_eq(emu->rflags, 2);
	expect_eq(*(u16 *)(arena + 0x7ffe), 0x302);
	expect_eq(*(u16 *)(arena + 0x7ffc), CODE0);
	expect_eq(*(u16 *)(arena + 0x7ffa), 0x102);
	/* Delivered for the hardware: rip is the return address. */
	start(X86_EMU_REAL, 0);
	env.dt[X86_EMU_IDT] = (struct x86_emu_table) { ARENA_BASE + 0x9000, 0x43 };
	regs[X86_EMU_RSP] = 0x8000;
	expect_eq(x86_emu_int_real(emu, 0x10), X86_EMU_DONE);
	expect_eq(*(u16 *)(arena + 0x7ffa), 0x100);
	start(X86_EMU_REAL, 0);
	env.dt[X86_EMU_IDT].limit = 0x42;
	check_fault(__LINE__, x86_emu_int_real(emu, 0x10), X86_EMU_GP, 0);
	/* Elsewhere it is for the hardware to deliver. */
	start(X86_EMU_PROT32, 0);
	expect_fault(BP, -1, 0xcc);
	expect(emu->exception.software);
	expect_eq(emu->next_rip, CODE + 1);
}

/* jmp or call far to an immediate selector, 32-bit */
#define BYTES4(v)	(v) & 0xff, (v) >> 8 & 0xff, (v) >> 16 & 0xff, (v) >> 24
#define JMPF(sel, off)	0xea, BYTES4(off), (sel) & 0xff, (sel) >> 8
#define CALLF(sel, off)	0x9a, BYTES4(off), (sel) & 0xff, (sel) >> 8

TEST(protected_jmp)
{
	start(X86_EMU_PROT32, 0);
	expect_eq(RUN(&env, JMPF(CODE0, 0x12345678)), X86_EMU_DONE);
	expect_eq(emu->rip, 0x12345678);
	expect_eq(env.segs[X86_EMU_CS].selector, CODE0);
	start(X86_EMU_PROT32, 0);
	expect_eq(RUN(&env, JMPF(CODE16, 0x1234)), X86_EMU_DONE);
	expect(!env.segs[X86_EMU_CS].db);
	start(X86_EMU_PROT32, 0);
	expect_fault(GP, 0, JMPF(0, 0));
	expect_fault(GP, DATA0, JMPF(DATA0, 0));
	expect_fault(GP, CODE3, JMPF(CODE3 | 3, 0));
	expect_fault(GP, CODE0, JMPF(CODE0 | 3, 0));
	expect_fault(NP, ABSENTCODE, JMPF(ABSENTCODE, 0));
	expect_fault(GP, LIMIT + 1, JMPF(LIMIT + 1, 0));
}

TEST(protected_jmp_limit)
{
	start(X86_EMU_PROT32, 0);
	*desc(CODE0) = 0x00409a0000000fff;			/* 4 KiB */
	expect_fault(GP, 0, JMPF(CODE0, 0x1000));
	expect_eq(*desc(CODE0) >> 40 & 1, 0);
	expect_eq(RUN(&env, JMPF(CODE0, 0xfff)), X86_EMU_DONE);
}

TEST(conforming_code)
{
	start(X86_EMU_PROT32, 3);
	expect_eq(RUN(&env, JMPF(CONF, 0x1000)), X86_EMU_DONE);
	expect_eq(emu->cpl, 3);
	expect_eq(env.segs[X86_EMU_CS].selector, CONF | 3);
}

TEST(protected_call_and_ret)
{
	start(X86_EMU_PROT32, 0);
	expect_eq(RUN(&env, CALLF(CODE0, 0x12345678)), X86_EMU_DONE);
	expect_eq(regs[X86_EMU_RSP], STACK - 8);
	expect_eq(*(u32 *)(STACK - 8), CODE + 7);
	expect_eq(*(u32 *)(STACK - 4), CODE0);
	emu->rip = CODE;
	expect_eq(RUN(&env, 0xca, 0x04, 0x00), X86_EMU_DONE);
	expect_eq(emu->rip, CODE + 7);
	expect_eq(regs[X86_EMU_RSP], STACK + 4);
	/* Through memory. */
	start(X86_EMU_PROT32, 0);
	memcpy((void *)STACK, (u8[]) { 0x78, 0x56, 0x34, 0x12, CODE0, 0 }, 6);
	regs[X86_EMU_RAX] = STACK;
	expect_eq(RUN(&env, 0xff, 0x28), X86_EMU_DONE);		/* jmp far [eax] */
	expect_eq(emu->rip, 0x12345678);
}

/* From user code through a gate to level 0, and back by RETF and by IRET. */
TEST(call_gate)
{
	start(X86_EMU_PROT32, 3);
	*(u32 *)(TSS + 4) = STACK0;
	*(u16 *)(TSS + 8) = DATA0;
	put_gate(GATE3, 0xec, CODE0, CODE + 0x80, 2);
	memcpy((void *)STACK, (u32[]) { 0x11, 0x22 }, 8);
	expect_fault(GP, GATE0, CALLF(GATE0, 0));		/* its DPL is 0 */
	expect_fault(GP, CODE0, JMPF(GATE3, 0));		/* no JMP inwards */
	expect_eq(RUN(&env, CALLF(GATE3, 0)), X86_EMU_DONE);
	expect_eq(emu->cpl, 0);
	expect_eq(emu->rip, CODE + 0x80);
	expect_eq(env.segs[X86_EMU_CS].selector, CODE0);
	expect_eq(env.segs[X86_EMU_SS].selector, DATA0);
	expect_eq(regs[X86_EMU_RSP], STACK0 - 24);
	expect(!memcmp((u32 *)(STACK0 - 24),
		       (u32[]) { CODE + 7, CODE3 | 3, 0x11, 0x22, STACK, DATA3 | 3 }, 24));
	/* retf 8: parameters go from both stacks, inner data segments become null */
	env.segs[X86_EMU_DS].dpl = 0;
	env.segs[X86_EMU_ES].dpl = 3;
	expect_eq(RUN(&env, 0xca, 0x08, 0x00), X86_EMU_DONE);
	expect_eq(emu->cpl, 3);
	expect_eq(emu->rip, CODE + 7);
	expect_eq(regs[X86_EMU_RSP], STACK + 8);
	expect_eq(env.segs[X86_EMU_SS].selector, DATA3 | 3);
	expect(env.segs[X86_EMU_DS].unusable);
	expect(!env.segs[X86_EMU_ES].unusable);
}

TEST(call_gate_faults)
{
	start(X86_EMU_PROT32, 3);
	*(u32 *)(TSS + 4) = STACK0;
	expect_fault(TS, 0, CALLF(GATE3, 0));			/* SS0 is null */
	*(u16 *)(TSS + 8) = DATA3;
	expect_fault(TS, DATA3, CALLF(GATE3, 0));
	*(u16 *)(TSS + 8) = DATA0;
	env.segs[X86_EMU_TR].limit = 8;
	expect_fault(TS, TSSD, CALLF(GATE3, 0));
	env.segs[X86_EMU_TR].limit = 0x67;
	put_gate(GATE3, 0x6c, CODE0, CODE, 0);
	expect_fault(NP, GATE3, CALLF(GATE3, 0));
	put_gate(GATE3, 0xec, 0, CODE, 0);
	expect_fault(GP, 0, CALLF(GATE3, 0));
	put_gate(GATE3, 0xec, DATA0, CODE, 0);
	expect_fault(GP, DATA0, CALLF(GATE3, 0));
	put_gate(GATE3, 0xec, CODE0, CODE, 0);
	*(u32 *)(TSS + 4) = 0x1000;
	expect_fault(PF, 2, CALLF(GATE3, 0));			/* the inner stack is not there */
	expect_eq(emu->cpl, 3);
	expect_eq(env.segs[X86_EMU_SS].selector, DATA3 | 3);
	expect_eq(regs[X86_EMU_RSP], STACK);
}

TEST(call_gate_long)
{
	start(X86_EMU_LONG64, 3);
	*(u64 *)(TSS + 4) = STACK0;
	put_gate(GATE3, 0xec, CODE0, 0xffffffff80001000, 0);
	memcpy((void *)(STACK + 0x100), (u8[]) { 0, 0, 0, 0, GATE3, 0 }, 6);
	regs[X86_EMU_RAX] = STACK + 0x100;
	expect_eq(RUN(&env, 0xff, 0x18), X86_EMU_DONE);		/* call far [rax] */
	expect_eq(emu->rip, 0xffffffff80001000);
	expect_eq(emu->cpl, 0);
	expect_eq(regs[X86_EMU_RSP], STACK0 - 32);
	expect(!memcmp((u64 *)(STACK0 - 32),
		       (u64[]) { CODE + 2, CODE3 | 3, STACK, DATA3 | 3 }, 32));
	expect(env.segs[X86_EMU_SS].unusable);
	expect(env.segs[X86_EMU_CS].l);
}

TEST(iret_protected)
{
	start(X86_EMU_PROT32, 0);
	regs[X86_EMU_RSP] = STACK - 12;
	memcpy((void *)STACK - 12, (u32[]) { 0x1000, CODE0, 0x3202 }, 12);
	expect_eq(RUN(&env, 0xcf), X86_EMU_DONE);
	expect_eq(emu->rip, 0x1000);
	expect_eq(emu->rflags, 0x3202);
	expect_eq(regs[X86_EMU_RSP], STACK);
	/* to user code */
	start(X86_EMU_PROT32, 0);
	regs[X86_EMU_RSP] = STACK0 - 20;
	memcpy((void *)STACK0 - 20, (u32[]) { 0x1000, CODE3 | 3, 0x202, STACK, DATA3 | 3 }, 20);
	expect_eq(RUN(&env, 0xcf), X86_EMU_DONE);
	expect_eq(emu->cpl, 3);
	expect_eq(regs[X86_EMU_RSP], STACK);
	expect(env.segs[X86_EMU_DS].unusable);
	/* user code changes neither IOPL nor IF, and cannot go inwards */
	start(X86_EMU_PROT32, 3);
	regs[X86_EMU_RSP] = STACK - 12;
	memcpy((void *)STACK - 12, (u32[]) { 0x1000, CODE3 | 3, 0x3202 }, 12);
	expect_eq(RUN(&env, 0xcf), X86_EMU_DONE);
	expect_eq(emu->rflags, 2);
	start(X86_EMU_PROT32, 3);
	regs[X86_EMU_RSP] = STACK - 12;
	memcpy((void *)STACK - 12, (u32[]) { 0x1000, CODE0, 0x3202 }, 12);
	expect_fault(GP, CODE0, 0xcf);
	expect_eq(regs[X86_EMU_RSP], STACK - 12);
}

TEST(iret_to_vm86)
{
	start(X86_EMU_PROT32, 0);
	regs[X86_EMU_RSP] = STACK0 - 36;
	memcpy((void *)STACK0 - 36, (u32[]) { 0x100, 0x1000, 0x23202, 0xfff0, 0x2000, 0x3000,
					      0x4000, 0x5000, 0x6000 }, 36);
	expect_eq(RUN(&env, 0xcf), X86_EMU_DONE);
	expect_eq(emu->rip, 0x100);
	expect_eq(emu->cpl, 3);
	expect_eq(emu->rflags, 0x23202);
	expect_eq(regs[X86_EMU_RSP], 0xfff0);
	expect_eq(env.segs[X86_EMU_CS].base, 0x10000);
	expect_eq(env.segs[X86_EMU_SS].base, 0x20000);
	expect_eq(env.segs[X86_EMU_GS].base, 0x60000);
	expect_eq(env.segs[X86_EMU_DS].limit, 0xffff);
	expect_eq(env.segs[X86_EMU_DS].dpl, 3);
}

TEST(iret_long)
{
	start(X86_EMU_LONG64, 0);
	regs[X86_EMU_RSP] = STACK0 - 40;
	memcpy((void *)STACK0 - 40, (u64[]) { CODE + 8, CODE3 | 3, 0x202, STACK, DATA3 | 3 }, 40);
	expect_eq(RUN(&env, 0x48, 0xcf), X86_EMU_DONE);
	expect_eq(emu->cpl, 3);
	expect_eq(emu->rip, CODE + 8);
	expect_eq(regs[X86_EMU_RSP], STACK);
	/* the stack is popped even at the same level, where SS may be null */
	start(X86_EMU_LONG64, 0);
	regs[X86_EMU_RSP] = STACK0 - 40;
	memcpy((void *)STACK0 - 40, (u64[]) { CODE + 8, CODE0, 0x202, STACK, 0 }, 40);
	expect_eq(RUN(&env, 0x48, 0xcf), X86_EMU_DONE);
	expect_eq(regs[X86_EMU_RSP], STACK);
	/* not canonical; NT */
	start(X86_EMU_LONG64, 0);
	regs[X86_EMU_RSP] = STACK0 - 40;
	*(u64 *)(STACK0 - 40) = 0x800000000000;
	expect_fault(GP, 0, 0x48, 0xcf);
	emu->rflags |= 0x4000;
	expect_fault(GP, 0, 0x48, 0xcf);
	/* L and D together, in long mode */
	start(X86_EMU_LONG64, 0);
	put_desc(CODE0, 0x9a, 0xe);
	regs[X86_EMU_RSP] = STACK0 - 40;
	memcpy((void *)STACK0 - 40, (u64[]) { CODE + 8, CODE0, 0x202, STACK, 0 }, 40);
	expect_fault(GP, CODE0, 0x48, 0xcf);
}

TEST(syscall)
{
	start(X86_EMU_LONG64, 3);
	emu->amd = true;
	env.star = (u64)CODE0 << 32 | (u64)(CODE3 - 16 + 0) << 48;
	env.lstar = 0xffffffff81000000;
	env.sfmask = 0x47700;
	emu->rflags = 0x10246;
	expect_eq(RUN(&env, 0x0f, 0x05), X86_EMU_DONE);
	expect_eq(emu->rip, 0xffffffff81000000);
	expect_eq(regs[X86_EMU_RCX], CODE + 2);
	expect_eq(regs[X86_EMU_R11], 0x246);
	expect_eq(emu->rflags, 0x46);
	expect_eq(emu->cpl, 0);
	expect(env.segs[X86_EMU_CS].l);
	expect_eq(env.segs[X86_EMU_SS].selector, DATA0);
	emu->rip = CODE;
	expect_eq(RUN(&env, 0x48, 0x0f, 0x07), X86_EMU_DONE);	/* sysretq */
	expect_eq(emu->rip, CODE + 2);
	expect_eq(emu->cpl, 3);
	expect_eq(emu->rflags, 0x246);
	expect_eq(env.segs[X86_EMU_CS].selector, CODE3 | 3);
	emu->rip = CODE;
	expect_fault(GP, 0, 0x48, 0x0f, 0x07);
	env.efer &= ~1;
	expect_fault(UD, -1, 0x0f, 0x05);
}

TEST(sysenter)
{
	start(X86_EMU_PROT32, 3);
	expect_fault(GP, 0, 0x0f, 0x34);			/* no CS set up */
	env.sysenter[0] = CODE0;
	env.sysenter[1] = STACK0;
	env.sysenter[2] = 0xc0001000;
	expect_eq(RUN(&env, 0x0f, 0x34), X86_EMU_DONE);
	expect_eq(emu->rip, 0xc0001000);
	expect_eq(regs[X86_EMU_RSP], STACK0);
	expect_eq(emu->cpl, 0);
	emu->rip = CODE;
	regs[X86_EMU_RDX] = CODE + 0x10;
	regs[X86_EMU_RCX] = STACK;
	expect_eq(RUN(&env, 0x0f, 0x35), X86_EMU_DONE);
	expect_eq(emu->rip, CODE + 0x10);
	expect_eq(emu->cpl, 3);
	expect_eq(env.segs[X86_EMU_CS].selector, CODE3 | 3);
	start(X86_EMU_LONG64, 3);
	emu->amd = true;
	expect_fault(UD, -1, 0x0f, 0x34);
}

TEST(control_registers)
{
	start(X86_EMU_LONG64, 0);
	env.cr[3] = 0x1234000;
	expect_eq(RUN(&env, 0x0f, 0x20, 0xd8), X86_EMU_DONE);	/* mov rax, cr3 */
	expect_eq(regs[X86_EMU_RAX], 0x1234000);
	regs[X86_EMU_R9] = 5;
	expect_eq(RUN(&env, 0x45, 0x0f, 0x22, 0xc1), X86_EMU_DONE);	/* mov cr8, r9 */
	expect_eq(env.cr[8], 5);
	expect_fault(UD, -1, 0x0f, 0x20, 0xc8);			/* cr1 */
	expect_eq(RUN(&env, 0x0f, 0x06), X86_EMU_DONE);		/* clts */
	env.cr[0] = 0x80000011;
	regs[X86_EMU_RAX] = 0xfffe;
	expect_eq(RUN(&env, 0x0f, 0x01, 0xf0), X86_EMU_DONE);	/* lmsw ax */
	expect_eq(env.cr[0], 0x8000001f);
	expect_eq(RUN(&env, 0x0f, 0x01, 0xe1), X86_EMU_DONE);	/* smsw ecx */
	expect_eq(regs[X86_EMU_RCX], 0x8000001f);
	emu->cpl = 3;
	expect_fault(GP, 0, 0x0f, 0x20, 0xd8);
	env.cr[4] |= 0x800;
	expect_fault(GP, 0, 0x0f, 0x01, 0xe1);			/* UMIP */
}

TEST(debug_registers)
{
	start(X86_EMU_LONG64, 0);
	regs[X86_EMU_RAX] = 0x400;
	expect_eq(RUN(&env, 0x0f, 0x23, 0xf8), X86_EMU_DONE);	/* mov dr7, rax */
	expect_eq(env.dr[7], 0x400);
	expect_eq(RUN(&env, 0x0f, 0x21, 0xe9), X86_EMU_DONE);	/* mov rcx, dr5 */
	expect_eq(regs[X86_EMU_RCX], 0x400);
	env.cr[4] |= 8;
	expect_fault(UD, -1, 0x0f, 0x21, 0xe9);
	regs[X86_EMU_RAX] = 0x100000400;
	expect_fault(GP, 0, 0x0f, 0x23, 0xf8);
	env.dr[7] = 0x2000;
	expect_fault(DB, -1, 0x0f, 0x21, 0xf9);
	expect_eq(emu->db_pending, 0x2000);
}

TEST(model_specific_registers)
{
	start(X86_EMU_LONG64, 0);
	regs[X86_EMU_RCX] = 0xc0000082;
	regs[X86_EMU_RAX] = 0xffffffff89abcdef;
	regs[X86_EMU_RDX] = 0x01234567;
	expect_eq(RUN(&env, 0x0f, 0x30), X86_EMU_DONE);
	expect(emu->msr_explicit);
	expect_eq(env.lstar, 0x0123456789abcdef);
	regs[X86_EMU_RAX] = ~0ULL;
	expect_eq(RUN(&env, 0x0f, 0x32), X86_EMU_DONE);
	expect_eq(regs[X86_EMU_RAX], 0x89abcdef);
	expect_eq(RUN(&env, 0x0f, 0x31), X86_EMU_DONE);
	expect_eq(regs[X86_EMU_RDX], 0x11223344);
	env.kernel_gs_base = 0x123456;
	env.segs[X86_EMU_GS].base = 0x654321;
	expect_eq(RUN(&env, 0x0f, 0x01, 0xf8), X86_EMU_DONE);	/* swapgs */
	expect_eq(env.kernel_gs_base, 0x654321);
	expect_eq(env.segs[X86_EMU_GS].base, 0x123456);
	emu->cpl = 3;
	expect_fault(GP, 0, 0x0f, 0x32);
	env.cr[4] |= 4;
	expect_fault(GP, 0, 0x0f, 0x31);
}

TEST(descriptor_tables)
{
	start(X86_EMU_LONG64, 0);
	regs[X86_EMU_RAX] = STACK;
	expect_eq(RUN(&env, 0x0f, 0x01, 0x00), X86_EMU_DONE);	/* sgdt [rax] */
	expect_eq(*(u16 *)STACK, LIMIT);
	expect_eq(*(u64 *)(STACK + 2), GDT);
	*(u64 *)(STACK + 2) = 0xffff888000001000;
	expect_eq(RUN(&env, 0x0f, 0x01, 0x18), X86_EMU_DONE);	/* lidt [rax] */
	expect_eq(env.dt[1].base, 0xffff888000001000);
	expect_eq(env.dt[1].limit, LIMIT);
	*(u64 *)(STACK + 2) = 0x888000001000;
	expect_fault(GP, 0, 0x0f, 0x01, 0x18);
	start(X86_EMU_PROT32, 0);
	regs[X86_EMU_RAX] = STACK;
	memcpy((void *)STACK, (u8[]) { 0xff, 0, 0x78, 0x56, 0x34, 0x12 }, 6);
	expect_eq(RUN(&env, 0x66, 0x0f, 0x01, 0x10), X86_EMU_DONE);	/* lgdt, 24 bits of base */
	expect_eq(env.dt[0].base, 0x345678);
}

static void put_task(u64 tss, u32 eip, u32 eflags, u16 cs, u16 ss)
{
	u32 *t = (u32 *)tss;

	memset(t, 0, 104);
	t[8] = eip;
	t[9] = eflags;
	t[10] = 0xaaaa;			/* eax */
	t[14] = STACK0;			/* esp */
	t[18] = DATA0;			/* es */
	t[19] = cs;
	t[20] = ss;
	t[21] = DATA0;
}

TEST(task_switch)
{
	u32 *old = (u32 *)TSS, *new = (u32 *)TSS2;

	start(X86_EMU_PROT32, 0);
	put_system(TSSD2, 0x89, TSS2, 0x67);
	put_task(TSS2, 0x5000, 0x202, CODE0, DATA0);
	new[7] = 0x777000;
	regs[X86_EMU_RAX] = 0x1111;
	emu->rflags = 0x246;
	expect_eq(RUN(&env, CALLF(TSSD2, 0)), X86_EMU_DONE);
	expect_eq(emu->rip, 0x5000);
	expect_eq(regs[X86_EMU_RAX], 0xaaaa);
	expect_eq(regs[X86_EMU_RSP], STACK0);
	expect_eq(emu->rflags, 0x4202);				/* NT */
	expect_eq(env.cr[3], 0x777000);
	expect(env.cr[0] & 8);
	expect_eq(new[0] & 0xffff, TSSD);			/* the back link */
	expect_eq(old[8], CODE + 7);
	expect_eq(old[9], 0x246);
	expect_eq(old[10], 0x1111);
	expect_eq(old[19] & 0xffff, CODE0);
	expect_eq(*desc(TSSD) >> 40 & 0xff, 0x8b);
	expect_eq(*desc(TSSD2) >> 40 & 0xff, 0x8b);
	expect_eq(env.segs[X86_EMU_TR].selector, TSSD2);
	expect_eq(env.segs[X86_EMU_DS].selector, DATA0);
	/* and back */
	emu->rip = CODE;
	expect_eq(RUN(&env, 0xcf), X86_EMU_DONE);
	expect_eq(emu->rip, CODE + 7);
	expect_eq(regs[X86_EMU_RAX], 0x1111);
	expect_eq(emu->rflags, 0x246);
	expect_eq(*desc(TSSD2) >> 40 & 0xff, 0x89);
	expect_eq(new[9], 0x202);				/* NT was cleared */
}

TEST(task_switch_faults)
{
	start(X86_EMU_PROT32, 0);
	expect_fault(GP, TSSD, JMPF(TSSD, 0));			/* busy */
	put_system(TSSD2, 0x89, TSS2, 0x66);
	expect_fault(TS, TSSD2, JMPF(TSSD2, 0));		/* too short */
	put_system(TSSD2, 0x09, TSS2, 0x67);
	expect_fault(NP, TSSD2, JMPF(TSSD2, 0));
	/* A fault in the new task: it has been switched to. */
	put_system(TSSD2, 0x89, TSS2, 0x67);
	put_task(TSS2, 0x5000, 0x202, DATA0, DATA0);
	expect_fault(TS, DATA0, JMPF(TSSD2, 0));
	expect_eq(emu->rip, 0x5000);
	expect_eq(env.segs[X86_EMU_TR].selector, TSSD2);
	expect_eq(*desc(TSSD) >> 40 & 0xff, 0x89);
}

TEST(task_switch_by_event)
{
	start(X86_EMU_PROT32, 3);
	put_system(TSSD2, 0x89, TSS2, 0x67);
	put_task(TSS2, 0x5000, 0x2, CODE0, DATA0);
	*(u16 *)(TSS2 + 100) = 1;				/* T */
	expect_eq(x86_emu_task_switch(emu, TSSD2, -1, X86_EMU_SWITCH_GATE, true, 0x1234),
		  X86_EMU_DONE);
	expect_eq(emu->cpl, 0);
	expect_eq(regs[X86_EMU_RSP], STACK0 - 4);
	expect_eq(*(u32 *)(STACK0 - 4), 0x1234);
	expect_eq(emu->db_pending, 0x8000);
	expect_eq(*(u32 *)(TSS + 32), CODE);
	/* INT n through a task gate that is not for users */
	start(X86_EMU_PROT32, 3);
	put_system(TSSD2, 0x89, TSS2, 0x67);
	*(u64 *)(IDT + 8 * 5) = (u64)TSSD2 << 16 | 0x850000000000;
	check_fault(__LINE__, x86_emu_task_switch(emu, TSSD2, 5, X86_EMU_SWITCH_GATE, false, 0),
		    X86_EMU_GP, 5 << 3 | 2);
}

TEST(task_switch_16)
{
	u16 *new = (u16 *)TSS2;

	start(X86_EMU_PROT32, 0);
	put_system(TSSD2, 0x81, TSS2, 0x2b);
	new[7] = 0x500;			/* ip */
	new[8] = 0x202;
	new[9] = 0xaaaa;		/* ax */
	new[17] = DATA0;		/* es */
	new[18] = CODE16;
	new[19] = DATA0;
	expect_eq(RUN(&env, JMPF(TSSD2, 0)), X86_EMU_DONE);
	expect_eq(emu->rip, 0x500);
	expect_eq(regs[X86_EMU_RAX], 0xaaaa);
	expect_eq(env.segs[X86_EMU_CS].selector, CODE16);
	expect_eq(env.segs[X86_EMU_TR].type, 3);
	expect(env.segs[X86_EMU_FS].unusable);
}

TEST(push_and_pop_segments)
{
	start(X86_EMU_PROT32, 0);
	expect_eq(RUN(&env, 0x0f, 0xa0), X86_EMU_DONE);		/* push fs */
	expect_eq(regs[X86_EMU_RSP], STACK - 4);
	*(u32 *)(STACK - 4) = DATA3;
	expect_eq(RUN(&env, 0x1f), X86_EMU_DONE);		/* pop ds */
	expect_eq(env.segs[X86_EMU_DS].selector, DATA3);
	expect_eq(regs[X86_EMU_RSP], STACK);
	*(u32 *)STACK = XONLY;
	expect_fault(GP, XONLY, 0x07);				/* pop es */
	expect_eq(regs[X86_EMU_RSP], STACK);
	*(u32 *)STACK = DATA0;
	expect_eq(RUN(&env, 0x17), X86_EMU_DONE);		/* pop ss */
	expect(emu->interrupt_shadow);
	memcpy((void *)STACK, (u8[]) { 0x78, 0x56, 0x34, 0x12, DATA0, 0 }, 6);
	regs[X86_EMU_RAX] = STACK;
	expect_eq(RUN(&env, 0xc4, 0x08), X86_EMU_DONE);		/* les ecx, [eax] */
	expect_eq(regs[X86_EMU_RCX], 0x12345678);
	expect_eq(env.segs[X86_EMU_ES].selector, DATA0);
}
