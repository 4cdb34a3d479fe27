/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A machine for the emulator to run on in a test: memory, ports, segments, control registers.
 *
 * Linear addresses are addresses of this process, in one arena below 4 GiB, so that the same
 * instruction can run natively on the same memory. Everything else raises a page fault, but for a
 * window of device memory and all ports, which "user space" answers: the first access says
 * X86_OP_USER, and env_answer() supplies the value that the repeated call then finds in a log.
 */
#ifndef ENV_H
#define ENV_H

#include "emulate.h"

#define ARENA_BASE	0x10000000ULL
#define ARENA_SIZE	0x100000ULL		/* the page behind it is not there */
#define ARENA_END	(ARENA_BASE + ARENA_SIZE)
#define DEVICE_BASE	0x30000000ULL		/* device memory, for the emulator only */
#define DEVICE_SIZE	0x10000ULL

struct env_event {
	enum { EV_NONE, EV_READ, EV_WRITE, EV_IN, EV_OUT } kind;
	u64 addr;
	unsigned int size, count;
	u8 data[64];			/* as much of it as fits */
};

struct env {
	struct x86_emu emu;
	struct x86_emu_seg segs[X86_EMU_NR_SEGS];
	struct x86_emu_table dt[2];
	u64 cr[16], dr[8], xcr0;
	u64 efer, star, lstar, cstar, sfmask, sysenter[3], kernel_gs_base, last_msr, last_msr_value;

	/* The log of answers: reads from devices, in order. */
	struct env_event answers[64];
	unsigned int nr_answers, next_answer;
	struct env_event waiting;	/* what the last X86_OP_USER asked for */
	/* answer at once: reads give their address, writes are taken */
	bool inline_devices;

	struct env_event posted[64];	/* device writes, in order */
	unsigned int nr_posted;

	unsigned int reads, writes, cmpxchgs, fetches, iterations;
	unsigned int last_acc;		/* flags of the last access */
	unsigned int stop_after;	/* iteration_done says stop after that many, 0: never */
	bool fail_cmpxchg;		/* memory "changed" */
	bool read_only;			/* the arena cannot be written */
	bool halted, nmi_unmasked;
	/* linear addresses from here up to the arena's end cannot be written */
	u64 read_only_from;
	u64 vec[32][4];
	u64 mmx[8];
	u8 fx[512];
	u16 fpu_word;
	int fpu_last;
	u64 invlpg;
	u8 icpt;			/* intercept this, if not 0 */
};

extern u8 *const arena;		/* mapped by env_init() */

/* A machine in @mode with flat segments, everything else zero. */
void env_init(struct env *env, enum x86_emu_mode mode);
/* Set rip to @rip in the arena, put @bytes there, forget the last instruction. */
void env_code(struct env *env, u64 rip, const u8 *bytes, unsigned int n);
/* Decode and execute what stands at rip. */
enum x86_emu_outcome env_step(struct env *env);
/* The same for @bytes at the current rip. */
enum x86_emu_outcome env_run(struct env *env, const u8 *bytes, unsigned int n);
/* Answer what the last step waits for. */
void env_answer(struct env *env, const void *data, unsigned int size);

#define RUN(env, ...)	\
	env_run(env, (const u8[]) { __VA_ARGS__ }, sizeof((const u8[]) { __VA_ARGS__ }))

#endif
