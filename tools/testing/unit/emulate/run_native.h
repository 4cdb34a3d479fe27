/* SPDX-License-Identifier: GPL-2.0-only */
/* Run one instruction on the CPU of this machine. */
#ifndef RUN_NATIVE_H
#define RUN_NATIVE_H

#include "emulate.h"

struct native_regs {
	u64 regs[X86_EMU_NR_REGS];
	u64 rflags;
};

struct native_result {
	int signal;		/* 0, or what the instruction raised: nothing else is valid then */
	u64 rip;		/* where it went on: after itself, or native_target() */
};

/* Where the instruction stands: its address, and a second place that a branch may go to. */
u64 native_code(void);
u64 native_target(void);

/*
 * Run the @n bytes of one instruction with @r loaded, and store what it left there. It may go to
 * the next instruction or to native_target(); its memory operands must be in the arena, which needs
 * env_init() before.
 */
struct native_result native_run(const u8 *insn, unsigned int n, struct native_regs *r);

#endif
