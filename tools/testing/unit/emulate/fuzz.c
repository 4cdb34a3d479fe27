// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random bytes, registers and segments, in all modes: the emulator must not crash, must not touch
 * what the machine of env.c does not give it (which aborts on an access of a wrong size), and must
 * keep its promises: an outcome that commits nothing leaves registers as they were.
 */
#include <string.h>
#include "env.h"
#include "unit.h"

static struct env env;

static u64 address(void)
{
	u64 r = unit_random();

	switch (r & 7) {
	case 0:
		return unit_random();
	case 1:
		return DEVICE_BASE + (r >> 8) % DEVICE_SIZE;
	case 2:
		return ARENA_END - (r >> 8) % 32;
	case 3:
		return (r >> 8) & 0xff;
	default:
		return ARENA_BASE + 0x1000 + (r >> 8) % 0x8000;
	}
}

static void random_segment(struct x86_emu_seg *s)
{
	u64 r = unit_random();

	if (r & 15)
		return;
	s->limit = r >> 32;
	s->type = (r >> 8) & 15;
	s->p = r & 0x1000;
	s->db = r & 0x2000;
	s->unusable = r & 0x4000;
	if (r & 0x8000)
		s->base = ARENA_BASE;
}

static void random_tables(void)
{
	u64 *p = (u64 *)(ARENA_BASE + 0x20000);
	unsigned int i;

	for (i = 0; i < 512; i++)
		p[i] = unit_random();
	env.dt[0] = (struct x86_emu_table) { ARENA_BASE + 0x20000, 0xfff };
	env.dt[1] = (struct x86_emu_table) { ARENA_BASE + 0x20000, 0xfff };
	env.segs[X86_EMU_TR].base = ARENA_BASE + 0x20000;
	env.segs[X86_EMU_TR].limit = unit_random() & 0xfff;
	env.segs[X86_EMU_LDTR] = (struct x86_emu_seg) {
		.base = ARENA_BASE + 0x20000, .limit = 0xfff, .type = 2, .p = true,
	};
}

/* Opcodes that the emulator executes, more often than chance would bring them. */
static void random_code(u8 *code)
{
	u64 r = unit_random();
	unsigned int i, at = 0;

	for (i = 0; i < 16; i++)
		code[i] = unit_random();
	if (r & 1)
		code[at++] = (const u8[]) { 0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x2e, 0x64, 0x48 }
			     [(r >> 8) & 7];
	if (r & 2)
		code[at++] = 0x0f;
	if (r & 4 && r & 2)
		code[at] = (r >> 16) & 0x3f;
}

static void random_machine(void)
{
	enum x86_emu_mode mode = unit_random() % 5;
	unsigned int i;

	env_init(&env, mode);
	env.inline_devices = true;
	for (i = 0; i < 16; i++)
		env.emu.regs[i] = address();
	env.emu.rflags = 2 | (unit_random() & 0x247fd5) | (mode == X86_EMU_VM86 ? 0x20000 : 0);
	env.emu.cpl = mode == X86_EMU_REAL ? 0 : mode == X86_EMU_VM86 ? 3 : unit_random() & 3;
	env.emu.from_fault = unit_random() & 1;
	env.emu.amd = unit_random() & 1;
	if (unit_random() & 1)
		env.efer |= 0x501;
	for (i = 0; i <= X86_EMU_GS; i++)
		if (i != X86_EMU_CS)
			random_segment(&env.segs[i]);
	random_tables();
}

static bool commits(enum x86_emu_outcome out)
{
	return out == X86_EMU_DONE || out == X86_EMU_AGAIN;
}

TEST(random_bytes)
{
	u64 rip, outcomes[8] = { 0 }, regs[16], rflags;
	enum x86_emu_outcome out;
	unsigned int i, rep;
	u8 code[16];

	for (i = 0; i < 400000; i++) {
		random_machine();
		random_code(code);
		rip = ARENA_BASE + 0x40000 + (unit_random() & 0xfff);
		if (env.emu.mode <= X86_EMU_VM86)
			rip = unit_random() & 0x7fff;
		env_code(&env, rip, code, 16);
		memcpy(regs, env.emu.regs, sizeof(regs));
		rflags = env.emu.rflags;
		out = env_step(&env);
		if (out >= ARRAY_SIZE(outcomes)) {
			expect(out < ARRAY_SIZE(outcomes));
			return;
		}
		outcomes[out]++;
		expect(env.emu.insn.len <= 15);
		expect(env.emu.insn.fetched <= 15);
		rep = env.emu.insn.rep;
		if (commits(out) || rep)
			continue;
		expect_eq(env.emu.rip, rip);
		expect_eq(env.emu.rflags, rflags);
		expect(!memcmp(regs, env.emu.regs, sizeof(regs)));
	}
	printf("# done %llu, fault %llu, unhandled %llu, again %llu, retry %llu\n",
	       (unsigned long long)outcomes[X86_EMU_DONE],
	       (unsigned long long)outcomes[X86_EMU_FAULT],
	       (unsigned long long)outcomes[X86_EMU_UNHANDLED],
	       (unsigned long long)outcomes[X86_EMU_AGAIN],
	       (unsigned long long)outcomes[X86_EMU_RETRY]);
	expect(outcomes[X86_EMU_DONE] > 10000);
	expect(outcomes[X86_EMU_FAULT] > 10000);
	expect_eq(outcomes[X86_EMU_USER], 0);
	expect_eq(outcomes[X86_EMU_DEAD], 0);
}

/* Decoding alone, over bytes without any order, at the end of memory: never beyond 15 bytes. */
TEST(random_decode)
{
	unsigned int i, k, len = 0;
	u8 code[16];

	for (i = 0; i < 400000; i++) {
		env_init(&env, i % 5);
		env.emu.rip = env.emu.mode <= X86_EMU_VM86 ? 0x1ff0 : ARENA_BASE + 0x1ff0;
		for (k = 0; k < 16; k++)
			code[k] = unit_random();
		env_code(&env, env.emu.rip, code, 16);
		if (!x86_emu_decode(&env.emu, NULL, 0))
			len += env.emu.insn.len;
		expect(env.emu.insn.len <= 15);
	}
	expect(len > 400000);
}

/*
 * Whether a device answers at once or user space answers later, one read at a time, must make no
 * difference: not to registers, nor to memory, nor to what devices are told.
 */
static enum x86_emu_outcome run_with_replay(void)
{
	enum x86_emu_outcome out = env_step(&env);
	u8 data[64];

	while (out == X86_EMU_USER) {
		if (env.waiting.size * env.waiting.count > sizeof(data))
			return X86_EMU_UNHANDLED;
		memset(data, (int)env.waiting.addr, sizeof(data));
		env_answer(&env, data, env.waiting.size * env.waiting.count);
		out = x86_emu_execute(&env.emu);
	}
	return out;
}

static void device_registers(void)
{
	unsigned int i;

	for (i = 0; i < 16; i++)
		if (unit_random() & 1)
			env.emu.regs[i] = DEVICE_BASE + 0x100 + (unit_random() & 0xff);
}

static bool same_result(const struct env *a, const struct env *b)
{
	return !memcmp(a->emu.regs, b->emu.regs, sizeof(a->emu.regs)) && a->emu.rip == b->emu.rip &&
	       a->emu.rflags == b->emu.rflags && a->nr_posted == b->nr_posted &&
	       !memcmp(a->posted, b->posted, sizeof(a->posted)) &&
	       !memcmp(a->segs, b->segs, sizeof(a->segs)) &&
	       !memcmp(a->vec, b->vec, sizeof(a->vec));
}

TEST(replay_changes_nothing)
{
	static u8 memory[ARENA_SIZE], result[ARENA_SIZE];
	static struct env start, at_once;
	enum x86_emu_outcome out, out2;
	unsigned int i, k, replayed = 0;
	u8 code[16];

	for (i = 0; i < 6000; i++) {
		random_machine();
		device_registers();
		random_code(code);
		env_code(&env, env.emu.mode <= X86_EMU_VM86 ? 0x100 : ARENA_BASE + 0x40000, code,
			 16);
		memcpy(memory, arena, ARENA_SIZE);
		start = env;
		out = env_step(&env);
		memcpy(result, arena, ARENA_SIZE);
		at_once = env;
		memcpy(arena, memory, ARENA_SIZE);
		env = start;
		env.inline_devices = false;
		out2 = run_with_replay();
		if (out == X86_EMU_UNHANDLED || out2 == X86_EMU_UNHANDLED || out2 == X86_EMU_DEAD)
			continue;
		replayed += env.waiting.kind != EV_NONE;
		if (out == out2 && same_result(&at_once, &env) &&
		    !memcmp(result, arena, ARENA_SIZE))
			continue;
		unit_fail(__FILE__, __LINE__, "outcome %d at once, %d replayed", (int)out,
			  (int)out2);
		printf("# mode %d:", (int)env.emu.mode);
		for (k = 0; k < 15; k++)
			printf(" %02x", code[k]);
		printf("\n");
	}
	printf("# %u with answers\n", replayed);
	expect(replayed > 100);
}
