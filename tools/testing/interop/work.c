// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest's work that notices when its computer does not stay the same computer.
 *
 * It runs in a guest whose VMM saves, restores or moves it meanwhile, and knows nothing of that. On
 * each CPU it keeps
 *
 *   memory	a field of words that follow from one another, renewed all the time: before a pass
 *		writes the next generation of a page, the present one has to stand there word by
 *		word. A page that was lost, is stale or was not sent again after it was written is
 *		found in the pass that follows.
 *   registers	vectors that nothing changes while interrupts come and go.
 *   a clock	CLOCK_MONOTONIC never goes back, neither on one CPU nor as seen from another.
 *   a timer	of 10 ms, whose expiries must keep pace with that clock, and which must not stop.
 *
 * Once a second a line "work: N ..." goes out, N being one more than in the last. A finding is a
 * line "work: BAD ...". The work ends when a line comes in, or after the seconds that are its
 * argument.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define PAGE_WORDS	512
#define FIELD_PAGES	1024		/* 4 MiB a CPU */
#define MAX_CPUS	16
#define TICK_NS		10000000LL
#define SECOND_NS	1000000000LL
/* How late a timer may be by the guest's own clock: the host of an emulated machine is busy. */
#define LATE_NS		(5 * SECOND_NS)

static atomic_llong latest_ns;		/* what any CPU has seen of the clock */
static atomic_bool stop;
static atomic_int findings;
static atomic_ulong passes[MAX_CPUS], ticks[MAX_CPUS];

static void bad(const char *format, ...)
{
	char text[200];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	/* A few are as good as many. */
	if (atomic_fetch_add(&findings, 1) < 20)
		printf("work: BAD %s\n", text);
}

/* The clock; and that it has not gone back behind what has been seen before, here or elsewhere. */
static long long clock_ns(int cpu)
{
	long long before = atomic_load(&latest_ns), now;
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	now = t.tv_sec * SECOND_NS + t.tv_nsec;
	if (now < before)
		bad("clock: %lld ns back, seen on CPU %d", before - now, cpu);
	while (before < now && !atomic_compare_exchange_weak(&latest_ns, &before, now))
		;
	return now;
}

/* The word at a place: no two pages, and no two generations of one, have anything in common. */
static uint64_t word_of(uint64_t generation, uint64_t place)
{
	uint64_t x = generation * 0x9e3779b97f4a7c15 ^ place * 0xbf58476d1ce4e5b9;

	x ^= x >> 29;
	return x * 0x94d049bb133111eb;
}

/* One page: it has to be of this generation; make it of the next. */
static void renew_page(int cpu, uint64_t *page, unsigned int number, uint64_t generation)
{
	unsigned int i;

	for (i = 0; i < PAGE_WORDS; i++) {
		uint64_t place = (uint64_t)number * PAGE_WORDS + i;
		uint64_t want = word_of(generation, place);

		if (page[i] != want)
			bad("memory: CPU %d page %u word %u generation %lu: %lx, should be %lx",
			    cpu, number, i, (unsigned long)generation, (unsigned long)page[i],
			    (unsigned long)want);
		page[i] = word_of(generation + 1, place);
	}
}

/* Values stand in eight vector registers while this CPU is interrupted many times. */
static void hold_registers(int cpu)
{
	uint64_t in[16], out[16];
	unsigned int i;

	for (i = 0; i < 16; i++)
		in[i] = word_of(atomic_load(&passes[cpu]), i);
	asm volatile("movups 0(%0), %%xmm8\n\tmovups 16(%0), %%xmm9\n\tmovups 32(%0), %%xmm10\n\t"
		     "movups 48(%0), %%xmm11\n\tmovups 64(%0), %%xmm12\n\tmovups 80(%0), %%xmm13\n\t"
		     "movups 96(%0), %%xmm14\n\tmovups 112(%0), %%xmm15\n\t"
		     "mov $2000000, %%ecx\n1:\tdec %%ecx\n\tjnz 1b\n\t"
		     "movups %%xmm8, 0(%1)\n\tmovups %%xmm9, 16(%1)\n\tmovups %%xmm10, 32(%1)\n\t"
		     "movups %%xmm11, 48(%1)\n\tmovups %%xmm12, 64(%1)\n\tmovups %%xmm13, 80(%1)\n\t"
		     "movups %%xmm14, 96(%1)\n\tmovups %%xmm15, 112(%1)\n\t"
		     : : "r"(in), "r"(out) : "ecx", "memory", "cc", "xmm8", "xmm9", "xmm10",
		     "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
	if (memcmp(in, out, sizeof(in)))
		bad("registers: CPU %d", cpu);
}

static void on_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		bad("no CPU %d", cpu);
}

static void *keep_memory(void *arg)
{
	int cpu = (intptr_t)arg;
	uint64_t generation, *field;
	unsigned int i;

	on_cpu(cpu);
	field = mmap(NULL, FIELD_PAGES * PAGE_WORDS * 8, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (field == MAP_FAILED) {
		bad("no memory");
		return NULL;
	}
	for (i = 0; i < FIELD_PAGES * PAGE_WORDS; i++)
		field[i] = word_of(0, i);
	for (generation = 0; !atomic_load(&stop); generation++) {
		for (i = 0; i < FIELD_PAGES; i++) {
			renew_page(cpu, field + (uint64_t)i * PAGE_WORDS, i, generation);
			clock_ns(cpu);
		}
		hold_registers(cpu);
		atomic_fetch_add(&passes[cpu], 1);
	}
	return NULL;
}

/*
 * The timer counts by the clock that is looked at here. One that was set to a wrong time after a
 * move counts too few or too many; one that is lost is missed by the line of each second.
 */
static void *keep_timer(void *arg)
{
	struct itimerspec every = { { 0, TICK_NS }, { 0, TICK_NS } };
	int cpu = (intptr_t)arg, fd = timerfd_create(CLOCK_MONOTONIC, 0);
	long long begin = clock_ns(cpu), last = begin, now, due;
	uint64_t n;

	on_cpu(cpu);
	if (fd < 0 || timerfd_settime(fd, 0, &every, NULL)) {
		bad("no timer");
		return NULL;
	}
	while (!atomic_load(&stop)) {
		if (read(fd, &n, sizeof(n)) != sizeof(n)) {
			bad("timer: no read");
			break;
		}
		atomic_fetch_add(&ticks[cpu], n);
		now = clock_ns(cpu);
		due = (now - begin) / TICK_NS - (long long)atomic_load(&ticks[cpu]);
		if (now - last > LATE_NS || due * TICK_NS > LATE_NS || due < -1)
			bad("timer: CPU %d: %lld ms since the last, %lld behind", cpu,
			    (now - last) / 1000000, due);
		last = now;
	}
	close(fd);
	return NULL;
}

/* Seconds in which a count stays as it was until its thread is taken for lost. */
#define STILL	10

struct watched {
	unsigned long seen;
	int still;
};

static void watch_count(const char *what, int cpu, unsigned long now, struct watched *w)
{
	w->still = now == w->seen ? w->still + 1 : 0;
	w->seen = now;
	if (w->still == STILL)
		bad("%s: CPU %d stands still at %lu", what, cpu, now);
}

static void check_progress(int cpus, unsigned long *pass_sum, unsigned long *tick_sum)
{
	static struct watched pass_watch[MAX_CPUS], tick_watch[MAX_CPUS];
	int cpu;

	*pass_sum = *tick_sum = 0;
	for (cpu = 0; cpu < cpus; cpu++) {
		*pass_sum += atomic_load(&passes[cpu]);
		*tick_sum += atomic_load(&ticks[cpu]);
		watch_count("passes", cpu, atomic_load(&passes[cpu]), &pass_watch[cpu]);
		watch_count("ticks", cpu, atomic_load(&ticks[cpu]), &tick_watch[cpu]);
	}
}

static bool line_came(void)
{
	struct pollfd in = { .fd = 0, .events = POLLIN };
	char text[80];

	return poll(&in, 1, 0) == 1 && (in.revents & POLLIN) && read(0, text, sizeof(text)) > 0;
}

static void wait_second(long long begin, int n)
{
	long long until = begin + n * SECOND_NS;
	struct timespec t = { until / SECOND_NS, until % SECOND_NS };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

int main(int argc, char **argv)
{
	int cpus = sysconf(_SC_NPROCESSORS_ONLN), limit = argc > 1 ? atoi(argv[1]) : 0, n, cpu;
	unsigned long pass_sum, tick_sum;
	pthread_t threads[2 * MAX_CPUS];
	long long begin = clock_ns(-1);

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (cpus > MAX_CPUS)
		cpus = MAX_CPUS;
	for (cpu = 0; cpu < cpus; cpu++)
		if (pthread_create(&threads[2 * cpu], NULL, keep_memory, (void *)(intptr_t)cpu) ||
		    pthread_create(&threads[2 * cpu + 1], NULL, keep_timer, (void *)(intptr_t)cpu))
			bad("no thread");
	for (n = 1; !limit || n <= limit; n++) {
		wait_second(begin, n);
		check_progress(cpus, &pass_sum, &tick_sum);
		printf("work: %d: %lu passes, %lu ticks, %lld ms\n", n, pass_sum, tick_sum,
		       (clock_ns(-1) - begin) / 1000000);
		if (line_came())
			break;
	}
	atomic_store(&stop, true);
	for (cpu = 0; cpu < 2 * cpus; cpu++)
		pthread_join(threads[cpu], NULL);
	printf("work: ended after %d lines, %d findings\n", n, atomic_load(&findings));
	return atomic_load(&findings) != 0;
}
