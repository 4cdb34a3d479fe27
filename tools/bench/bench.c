// SPDX-License-Identifier: GPL-2.0-only
/*
 * What operations cost on the KVM that is loaded: a line "bench: NAME MEDIAN LEAST MOST" for each
 * row.
 *
 * All is one process, on the library of the selftests. One VM is kept from the beginning to the
 * end, so that no row pays for what the first and the last VM of a host do.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "bench.h"

static const struct bench_row * const groups[] = {
	exit_rows, wake_rows, memory_rows, life_rows,
};

uint64_t guest_samples[MAX_SAMPLES];

void take_guest_samples(struct vm *vm, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		sample(*in_guest(vm, &guest_samples[i]));
}

void run_to_done(struct vcpu *vcpu)
{
	int reason;

	do {
		reason = vcpu_run(vcpu);
		if (reason != KVM_EXIT_IO && reason != KVM_EXIT_MMIO && reason != GUEST_DONE)
			fail("exit %s", exit_name(reason));
	} while (reason != GUEST_DONE);
}

void set_realtime(int priority)
{
	struct sched_param param = { .sched_priority = priority };

	expect_eq(sched_setscheduler(0, priority ? SCHED_FIFO : SCHED_OTHER, &param), 0);
}

static pid_t busy;

void busy_begin(void)
{
	struct sched_param param = { .sched_priority = 0 };

	busy = must(fork());
	if (busy)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sched_setscheduler(0, SCHED_IDLE, &param);
	for (;;)
		guest_barrier();
}

void busy_end(void)
{
	kill(busy, SIGKILL);
	waitpid(busy, NULL, 0);
}

int main(int argc, char **argv)
{
	struct vm *held = vm_new(VM_IRQCHIP);
	unsigned int i;

	(void)argc;
	vcpu_new(held, 0);
	for (i = 0; i < ARRAY_SIZE(groups); i++)
		measure_rows(groups[i], argv + 1);
	vm_free(held);
	return 0;
}
