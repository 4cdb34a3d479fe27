// SPDX-License-Identifier: GPL-2.0-only
/*
 * The native side of differential tests.
 *
 * A page of the arena gets a stretch of code: load flags and all sixteen registers, rsp among them,
 * from a block at a fixed address; the instruction; store them all; return. The block is addressed
 * absolutely, so that no register is needed for it, and no stack is used while rsp is the test's. A
 * signal is caught on its own stack, and ends the run.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "env.h"
#include "run_native.h"

#define CODE_PAGE	(ARENA_BASE + 0xf0000)
#define BLOCK		(ARENA_BASE + 0xf8000)	/* regs, rflags, host rsp, where */
#define OFF_FLAGS	128
#define OFF_HOST_RSP	136
#define OFF_EXIT	144
#define INSN_AT		0x200
#define TARGET_AT	(INSN_AT + 0x40)

static sigjmp_buf escape;
static u8 *at;

static void emit(const void *bytes, unsigned int n)
{
	memcpy(at, bytes, n);
	at += n;
}

#define EMIT(...) emit((const u8[]) { __VA_ARGS__ }, sizeof((const u8[]) { __VA_ARGS__ }))

/* mov between a register and [BLOCK + off] */
static void emit_mov(u8 opcode, unsigned int reg, unsigned int off)
{
	u32 addr = BLOCK + off;

	EMIT(0x48 | (reg >> 3) << 2, opcode, 4 | (reg & 7) << 3, 0x25);
	emit(&addr, 4);
}

static void emit_push_mem(unsigned int off)
{
	u32 addr = BLOCK + off;

	EMIT(0xff, 0x34, 0x25);
	emit(&addr, 4);
}

static void emit_pop_mem(unsigned int off)
{
	u32 addr = BLOCK + off;

	EMIT(0x8f, 0x04, 0x25);
	emit(&addr, 4);
}

static void emit_prologue(void)
{
	unsigned int i;

	EMIT(0x53, 0x55, 0x41, 0x54, 0x41, 0x55, 0x41, 0x56, 0x41, 0x57);
	emit_mov(0x89, X86_EMU_RSP, OFF_HOST_RSP);
	emit_push_mem(OFF_FLAGS);
	EMIT(0x9d);
	for (i = 0; i < 16; i++)
		emit_mov(0x8b, i, 8 * i);
	EMIT(0xe9);			/* jmp INSN_AT */
	i = (u32)(CODE_PAGE + INSN_AT - ((u64)at + 4));
	emit(&i, 4);
}

static void emit_epilogue(u32 where)
{
	u32 addr = BLOCK + OFF_EXIT;
	unsigned int i;

	for (i = 0; i < 16; i++)
		emit_mov(0x89, i, 8 * i);
	emit_mov(0x8b, X86_EMU_RSP, OFF_HOST_RSP);
	EMIT(0x9c);
	emit_pop_mem(OFF_FLAGS);
	EMIT(0xc7, 0x04, 0x25);
	emit(&addr, 4);
	emit(&where, 4);
	EMIT(0xfc, 0x41, 0x5f, 0x41, 0x5e, 0x41, 0x5d, 0x41, 0x5c, 0x5d, 0x5b, 0xc3);
}

static void on_signal(int sig)
{
	siglongjmp(escape, sig);
}

static void set_up(void)
{
	static const int signals[] = { SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGTRAP };
	static char stack[65536];
	stack_t ss = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK | SA_NODEFER };
	unsigned int i;

	sigaltstack(&ss, NULL);
	for (i = 0; i < ARRAY_SIZE(signals); i++)
		sigaction(signals[i], &sa, NULL);
	at = (u8 *)CODE_PAGE;
	emit_prologue();
	at = (u8 *)(CODE_PAGE + INSN_AT + X86_EMU_MAX_INSN);
	EMIT(0xe9);			/* jmp to the fall-through's epilogue */
	i = 0x400 - (INSN_AT + X86_EMU_MAX_INSN + 5);
	emit(&i, 4);
	at = (u8 *)(CODE_PAGE + TARGET_AT);
	EMIT(0xe9);
	i = 0x600 - (TARGET_AT + 5);
	emit(&i, 4);
	at = (u8 *)(CODE_PAGE + 0x400);
	emit_epilogue(0);
	at = (u8 *)(CODE_PAGE + 0x600);
	emit_epilogue(1);
}

u64 native_code(void)
{
	return CODE_PAGE + INSN_AT;
}

u64 native_target(void)
{
	return CODE_PAGE + TARGET_AT;
}

struct native_result native_run(const u8 *insn, unsigned int n, struct native_regs *r)
{
	static bool ready;
	struct native_result res = { 0 };
	u8 *code = (u8 *)native_code();
	u64 *block = (u64 *)BLOCK;

	if (!ready)
		set_up();
	ready = true;
	memset(code, 0x90, X86_EMU_MAX_INSN);
	memcpy(code, insn, n);
	memcpy(block, r->regs, sizeof(r->regs));
	block[OFF_FLAGS / 8] = r->rflags;
	block[OFF_EXIT / 8] = 0;
	res.signal = sigsetjmp(escape, 1);
	if (!res.signal)
		((void (*)(void))CODE_PAGE)();
	memcpy(r->regs, block, sizeof(r->regs));
	r->rflags = block[OFF_FLAGS / 8];
	res.rip = block[OFF_EXIT / 8] ? native_target() : native_code() + n;
	return res;
}
