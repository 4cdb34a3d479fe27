/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The benchmark of x86: what its rows measure with. A figure includes the two readings of the clock,
 * about ten instructions.
 */
#ifndef BENCH_H
#define BENCH_H

#include "frame.h"
#include "guest.h"
#include "vm.h"

#define WARM_UP		64	/* repetitions that are not counted */
#define REPEATS		513

/* Each file's rows, in the order of the table; the last has no name. */
extern const struct bench_row exit_rows[], wake_rows[], memory_rows[], life_rows[];

/* What the guest writes: sample number @n of this row. */
extern uint64_t guest_samples[MAX_SAMPLES];
void take_guest_samples(struct vm *vm, unsigned int n);

/* Let a guest run until it is done; whatever it wants from user space is answered with nothing. */
void run_to_done(struct vcpu *vcpu);

/*
 * Be of a real-time class with this priority, or of none (0). With two threads and one processor
 * this says which of them runs.
 */
void set_realtime(int priority);

/*
 * Keep the processor from going idle: the machine's time would then go on by the clock of the
 * computer that it is emulated on.
 */
void busy_begin(void);
void busy_end(void);

/*
 * For functions of the guest: no page ends in them. An instruction that crosses into another page,
 * or lies at the end of one, is a case of its own, and must not be met by the accident of where the
 * compiler puts things.
 */
#define GUEST_CODE	static void __attribute__((aligned(1024)))

/* Measure @statement in the guest, after a warm-up. */
#define GUEST_MEASURE(statement)						\
	do {									\
		uint64_t t_;							\
		int i_;								\
										\
		for (i_ = -WARM_UP; i_ < REPEATS; i_++) {			\
			t_ = rdtsc();						\
			statement;						\
			t_ = rdtsc() - t_;					\
			if (i_ >= 0)						\
				guest_samples[i_] = t_;				\
		}								\
	} while (0)

/* Measure @statement on this side. */
#define MEASURE(statement)							\
	do {									\
		uint64_t t_ = rdtsc();						\
										\
		statement;							\
		sample(rdtsc() - t_);						\
	} while (0)

#endif
