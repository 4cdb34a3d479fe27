// SPDX-License-Identifier: GPL-2.0-only
/*
 * The protocol between emulator and glue: an access that user space must answer ends the call with
 * nothing changed, and the repeated call finds the answer in the log; writes to devices are posted;
 * repeated string instructions commit one iteration at a time.
 */
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
	memset(arena + 0x1000, 0, 0x8000);
}

TEST(mmio_read)
{
	u64 rip;

	start(X86_EMU_LONG64);
	rip = emu->rip;
	regs[X86_EMU_RAX] = DEVICE_BASE + 0x10;
	regs[X86_EMU_RCX] = ~0ULL;
	expect_eq(RUN(&env, 0x8b, 0x48, 0x04), X86_EMU_USER);	/* mov ecx, [rax + 4] */
	expect_eq(env.waiting.kind, EV_READ);
	expect_eq(env.waiting.addr, DEVICE_BASE + 0x14);
	expect_eq(env.waiting.size, 4);
	expect_eq(regs[X86_EMU_RCX], ~0ULL);
	expect_eq(emu->rip, rip);
	env_answer(&env, &(u32) { 0xdeadbeef }, 4);
	expect_eq(x86_emu_execute(emu), X86_EMU_DONE);
	expect_eq(regs[X86_EMU_RCX], 0xdeadbeef);
	expect_eq(emu->rip, rip + 3);
	expect_eq(env.fetches, 1);
}

TEST(mmio_write)
{
	start(X86_EMU_LONG64);
	regs[X86_EMU_RAX] = DEVICE_BASE;
	regs[X86_EMU_RCX] = 0x1122334455667788;
	expect_eq(RUN(&env, 0x48, 0x89, 0x08), X86_EMU_DONE);	/* mov [rax], rcx */
	expect_eq(env.nr_posted, 1);
	expect_eq(env.posted[0].addr, DEVICE_BASE);
	expect_eq(env.posted[0].size, 8);
	expect(!memcmp(env.posted[0].data, &regs[X86_EMU_RCX], 8));
}

/* Read, modify, write of a device register: one answer, then one write. */
TEST(mmio_modify)
{
	static const u8 lock_or[] = { 0xf0, 0x83, 0x08, 0x01 };
	unsigned int locked;

	for (locked = 0; locked < 2; locked++) {
		start(X86_EMU_LONG64);
		regs[X86_EMU_RAX] = DEVICE_BASE;
		expect_eq(env_run(&env, lock_or + !locked, 3 + locked), X86_EMU_USER);
		expect_eq(env.nr_posted, 0);
		env_answer(&env, &(u32) { 0x70 }, 4);
		expect_eq(x86_emu_execute(emu), X86_EMU_DONE);
		expect_eq(env.nr_posted, 1);
		expect_eq(env.posted[0].data[0], 0x71);
		expect_eq(env.cmpxchgs, locked);
	}
}

/* Two reads in one instruction: two answers, in order; nothing happens before the second. */
TEST(two_answers)
{
	start(X86_EMU_LONG64);
	regs[X86_EMU_RSI] = DEVICE_BASE;
	regs[X86_EMU_RDI] = DEVICE_BASE + 0x100;
	expect_eq(RUN(&env, 0xa7), X86_EMU_USER);		/* cmpsd */
	env_answer(&env, &(u32) { 5 }, 4);
	expect_eq(x86_emu_execute(emu), X86_EMU_USER);
	expect_eq(env.waiting.addr, DEVICE_BASE + 0x100);
	expect_eq(regs[X86_EMU_RSI], DEVICE_BASE);
	env_answer(&env, &(u32) { 6 }, 4);
	expect_eq(x86_emu_execute(emu), X86_EMU_DONE);
	expect(emu->rflags & 1);
	expect_eq(regs[X86_EMU_RSI], DEVICE_BASE + 4);
	expect_eq(regs[X86_EMU_RDI], DEVICE_BASE + 0x104);
}

TEST(push_from_device)
{
	start(X86_EMU_PROT32);
	regs[X86_EMU_RAX] = DEVICE_BASE;
	regs[X86_EMU_RSP] = ARENA_BASE + 0x2000;
	expect_eq(RUN(&env, 0xff, 0x30), X86_EMU_USER);
	expect_eq(env.writes, 0);
	expect_eq(regs[X86_EMU_RSP], ARENA_BASE + 0x2000);
	env_answer(&env, &(u32) { 0x55 }, 4);
	expect_eq(x86_emu_execute(emu), X86_EMU_DONE);
	expect_eq(regs[X86_EMU_RSP], ARENA_BASE + 0x1ffc);
	expect_eq(arena[0x1ffc], 0x55);
}

/* A copy from a device to memory: one iteration an answer, the log emptied in between. */
TEST(rep_from_device)
{
	unsigned int i;

	start(X86_EMU_LONG64);
	regs[X86_EMU_RSI] = DEVICE_BASE;
	regs[X86_EMU_RDI] = ARENA_BASE + 0x2000;
	regs[X86_EMU_RCX] = 3;
	expect_eq(RUN(&env, 0xf3, 0xa5), X86_EMU_USER);
	for (i = 0; i < 3; i++) {
		expect_eq(regs[X86_EMU_RCX], 3 - i);
		expect_eq(env.waiting.addr, DEVICE_BASE + 4 * i);
		expect_eq(env.nr_answers, 0);
		env_answer(&env, &(u32) { 0x100 + i }, 4);
		expect_eq(x86_emu_execute(emu), i == 2 ? X86_EMU_DONE : X86_EMU_USER);
	}
	expect_eq(((u32 *)(arena + 0x2000))[0], 0x100);
	expect_eq(((u32 *)(arena + 0x2000))[2], 0x102);
	expect_eq(regs[X86_EMU_RCX], 0);
	expect_eq(emu->rip, ARENA_BASE + 0x102);
}

/* The glue stops a repetition after each posted write. */
TEST(rep_stops_when_told)
{
	start(X86_EMU_LONG64);
	env.stop_after = 1;
	regs[X86_EMU_RDI] = DEVICE_BASE;
	regs[X86_EMU_RCX] = 2;
	expect_eq(RUN(&env, 0xf3, 0xab), X86_EMU_AGAIN);
	expect_eq(regs[X86_EMU_RCX], 1);
	expect_eq(emu->rip, ARENA_BASE + 0x100);
	expect_eq(env.nr_posted, 1);
	expect_eq(x86_emu_execute(emu), X86_EMU_DONE);
	expect_eq(env.nr_posted, 2);
	expect_eq(env.posted[1].addr, DEVICE_BASE + 4);
	expect_eq(emu->rip, ARENA_BASE + 0x102);
}

TEST(rep_is_bounded)
{
	start(X86_EMU_LONG64);
	regs[X86_EMU_RDI] = ARENA_BASE + 0x2000;
	regs[X86_EMU_RCX] = 5000;
	expect_eq(RUN(&env, 0xf3, 0xaa), X86_EMU_AGAIN);
	expect(regs[X86_EMU_RCX] < 5000 && regs[X86_EMU_RCX] > 1);
	while (x86_emu_execute(emu) == X86_EMU_AGAIN)
		;
	expect_eq(regs[X86_EMU_RCX], 0);
	expect_eq(regs[X86_EMU_RDI], ARENA_BASE + 0x2000 + 5000);
}

/* A fault in the middle keeps what was done, and points at the instruction. */
TEST(rep_fault)
{
	start(X86_EMU_LONG64);
	regs[X86_EMU_RDI] = ARENA_END - 8;
	regs[X86_EMU_RCX] = 5;
	expect_eq(RUN(&env, 0xf3, 0xab), X86_EMU_FAULT);
	expect_eq(emu->exception.vector, X86_EMU_PF);
	expect_eq(emu->exception.address, ARENA_END);
	expect_eq(regs[X86_EMU_RCX], 3);
	expect_eq(regs[X86_EMU_RDI], ARENA_END);
	expect_eq(emu->rip, ARENA_BASE + 0x100);
}

TEST(rep_single_step)
{
	start(X86_EMU_LONG64);
	regs[X86_EMU_RDI] = ARENA_BASE + 0x2000;
	regs[X86_EMU_RCX] = 2;
	emu->rflags |= 0x100;
	expect_eq(RUN(&env, 0xf3, 0xab), X86_EMU_AGAIN);
	expect_eq(emu->db_pending, 0x4000);
	expect_eq(regs[X86_EMU_RCX], 1);
	expect_eq(x86_emu_execute(emu), X86_EMU_DONE);
	expect_eq(emu->db_pending, 0x4000);
	expect_eq(emu->rip, ARENA_BASE + 0x102);
}

TEST(rep_zero_count)
{
	start(X86_EMU_LONG64);
	regs[X86_EMU_RDI] = 0;
	expect_eq(RUN(&env, 0xf3, 0xab), X86_EMU_DONE);
	expect_eq(env.writes, 0);
	/* A 32-bit count of zero looks at ecx alone. */
	regs[X86_EMU_RCX] = 0x100000000;
	expect_eq(RUN(&env, 0x67, 0xf3, 0xab), X86_EMU_DONE);
	expect_eq(env.writes, 0);
}

TEST(port_in)
{
	start(X86_EMU_PROT32);
	regs[X86_EMU_RAX] = 0xffffffff;
	expect_eq(RUN(&env, 0xe4, 0x71), X86_EMU_USER);		/* in al, 0x71 */
	expect_eq(env.waiting.kind, EV_IN);
	expect_eq(env.waiting.addr, 0x71);
	expect_eq(env.waiting.size, 1);
	env_answer(&env, &(u8) { 0x26 }, 1);
	expect_eq(x86_emu_execute(emu), X86_EMU_DONE);
	expect_eq(regs[X86_EMU_RAX], 0xffffff26);
	regs[X86_EMU_RDX] = 0xcfc;
	expect_eq(RUN(&env, 0xed), X86_EMU_USER);		/* in eax, dx */
	expect_eq(env.waiting.addr, 0xcfc);
	expect_eq(env.waiting.size, 4);
}

TEST(port_out)
{
	start(X86_EMU_REAL);
	regs[X86_EMU_RDX] = 0x3f8;
	regs[X86_EMU_RAX] = 0x1234;
	expect_eq(RUN(&env, 0xef), X86_EMU_DONE);		/* out dx, ax */
	expect_eq(env.nr_posted, 1);
	expect_eq(env.posted[0].kind, EV_OUT);
	expect_eq(env.posted[0].addr, 0x3f8);
	expect_eq(env.posted[0].size, 2);
	expect_eq(env.posted[0].data[0] | env.posted[0].data[1] << 8, 0x1234);
}

/* A disk sector: as many words at once as the page of the destination has. */
TEST(port_in_string)
{
	u8 data[1024];

	start(X86_EMU_REAL);
	memset(data, 0xa5, sizeof(data));
	regs[X86_EMU_RDX] = 0x1f0;
	regs[X86_EMU_RDI] = 0x2ff0;
	regs[X86_EMU_RCX] = 256;
	expect_eq(RUN(&env, 0xf3, 0x6d), X86_EMU_USER);		/* rep insw */
	expect_eq(env.waiting.count, 8);
	expect_eq(env.waiting.size, 2);
	env_answer(&env, data, 16);
	expect_eq(x86_emu_execute(emu), X86_EMU_USER);
	expect_eq(regs[X86_EMU_RCX], 248);
	expect_eq(regs[X86_EMU_RDI], 0x3000);
	expect_eq(env.waiting.count, 248);
	expect_eq(arena[0x2fff], 0xa5);
	expect_eq(emu->rip, 0x100);
}

/* Backwards, and where the destination cannot be written, the device is not asked for more. */
TEST(port_in_string_edges)
{
	start(X86_EMU_PROT32);
	regs[X86_EMU_RDX] = 0x1f0;
	regs[X86_EMU_RDI] = ARENA_BASE + 0x2000;
	regs[X86_EMU_RCX] = 4;
	emu->rflags |= 0x400;
	expect_eq(RUN(&env, 0xf3, 0x6d), X86_EMU_USER);
	expect_eq(env.waiting.count, 1);
	env_answer(&env, &(u32) { 1 }, 4);
	expect_eq(x86_emu_execute(emu), X86_EMU_USER);
	expect_eq(regs[X86_EMU_RDI], ARENA_BASE + 0x1ffc);

	start(X86_EMU_PROT32);
	env.waiting.kind = EV_NONE;
	env.read_only = true;
	regs[X86_EMU_RDI] = ARENA_BASE + 0x2000;
	regs[X86_EMU_RCX] = 4;
	expect_eq(RUN(&env, 0xf3, 0x6d), X86_EMU_FAULT);
	expect_eq(emu->exception.vector, X86_EMU_PF);
	expect_eq(env.waiting.kind, EV_NONE);
	expect_eq(regs[X86_EMU_RCX], 4);
}

TEST(port_out_string)
{
	start(X86_EMU_PROT32);
	memcpy(arena + 0x2000, "hello, world", 12);
	regs[X86_EMU_RDX] = 0x402;
	regs[X86_EMU_RSI] = ARENA_BASE + 0x2000;
	regs[X86_EMU_RCX] = 12;
	expect_eq(RUN(&env, 0xf3, 0x6e), X86_EMU_DONE);
	expect_eq(env.nr_posted, 1);
	expect_eq(env.posted[0].count, 12);
	expect(!memcmp(env.posted[0].data, "hello, world", 12));
	expect_eq(regs[X86_EMU_RCX], 0);
	expect_eq(regs[X86_EMU_RSI], ARENA_BASE + 0x200c);
}

TEST(locked_retry)
{
	start(X86_EMU_LONG64);
	env.fail_cmpxchg = true;
	regs[X86_EMU_RAX] = ARENA_BASE + 0x2000;
	regs[X86_EMU_RCX] = 7;
	expect_eq(RUN(&env, 0xf0, 0x0f, 0xc1, 0x08), X86_EMU_RETRY);	/* lock xadd [rax], ecx */
	expect_eq(regs[X86_EMU_RCX], 7);
	expect_eq(emu->rip, ARENA_BASE + 0x100);
	env.fail_cmpxchg = false;
	expect_eq(x86_emu_execute(emu), X86_EMU_DONE);
	expect_eq(regs[X86_EMU_RCX], 0);
	expect_eq(arena[0x2000], 7);
	/* XCHG is locked without being told. */
	env.cmpxchgs = 0;
	expect_eq(RUN(&env, 0x87, 0x08), X86_EMU_DONE);
	expect_eq(env.cmpxchgs, 1);
}

/* The fault's own operand is marked, others are not. */
TEST(fault_operand)
{
	start(X86_EMU_LONG64);
	emu->from_fault = true;
	regs[X86_EMU_RAX] = ARENA_BASE + 0x2000;
	regs[X86_EMU_RSP] = ARENA_BASE + 0x3000;
	regs[X86_EMU_RSI] = ARENA_BASE + 0x2000;
	regs[X86_EMU_RDI] = ARENA_BASE + 0x3000;
	RUN(&env, 0x89, 0x08);
	expect(env.last_acc & X86_ACC_FAULTED);
	emu->from_fault = true;
	RUN(&env, 0xff, 0x30);				/* push [rax] */
	expect(!(env.last_acc & X86_ACC_FAULTED));
	emu->from_fault = true;
	RUN(&env, 0xa5);
	expect(!(env.last_acc & X86_ACC_FAULTED));
	emu->from_fault = true;
	regs[X86_EMU_RCX] = 2;
	RUN(&env, 0xf3, 0xab);				/* the second element is elsewhere */
	expect(!(env.last_acc & X86_ACC_FAULTED));
}
