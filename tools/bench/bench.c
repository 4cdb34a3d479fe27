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
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "bench.h"

static const struct bench_row * const groups[] = {
	exit_rows, wake_rows, memory_rows, life_rows,
};

static uint64_t samples[MAX_SAMPLES];
static unsigned int nr_samples;
uint64_t guest_samples[MAX_SAMPLES];

/* The library speaks to a test's runner; here the first failure ends it all. */
void fail_at(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fprintf(stderr, "%s:%d: ", file, line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(EXIT_FAILURE);
}

void skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(EXIT_FAILURE);
}

void sample(uint64_t ticks)
{
	expect_op(nr_samples, <, MAX_SAMPLES);
	samples[nr_samples++] = ticks;
}

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

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void report(const struct bench_row *row)
{
	expect(nr_samples);
	qsort(samples, nr_samples, sizeof(samples[0]), by_value);
	printf("bench: %s %llu %llu %llu\n", row->name,
	       (unsigned long long)samples[nr_samples / 2], (unsigned long long)samples[0],
	       (unsigned long long)samples[nr_samples - 1]);
	fflush(stdout);
}

static int chosen(const char *name, char **names)
{
	if (!*names)
		return 1;
	for (; *names; names++)
		if (!strcmp(*names, name))
			return 1;
	return 0;
}

int main(int argc, char **argv)
{
	const struct bench_row *row;
	struct vm *held = vm_new(VM_IRQCHIP);
	unsigned int i;

	(void)argc;
	vcpu_new(held, 0);
	for (i = 0; i < ARRAY_SIZE(groups); i++) {
		for (row = groups[i]; row->name; row++) {
			if (!chosen(row->name, argv + 1))
				continue;
			nr_samples = 0;
			row->measure();
			report(row);
		}
	}
	vm_free(held);
	return 0;
}
