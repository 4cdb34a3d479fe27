// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host is suspended under running guests, as far as the kernel's own test of it goes: tasks
 * frozen, all CPUs but one off, interrupts off, virtualization off; then a second, and all the
 * way back (Documentation/power/basic-pm-debugging.rst, level "core").
 *
 * Run where the host's files are not shared by 9p: that device does not come back from it.
 */
#include <fcntl.h>

#include "irq.h"
#include "kvmclock.h"

#define PM_TEST			"/sys/power/pm_test"
#define PM_STATE		"/sys/power/state"
#define PM_MEM_SLEEP		"/sys/power/mem_sleep"
#define PM_TEST_DELAY		"/sys/module/suspend/parameters/pm_test_delay"
#define VCPUS			2

static struct time_page pages[VCPUS] __attribute__((aligned(4096)));
static uint64_t rounds[VCPUS], stops[VCPUS];

/* Neither clock goes back; what says that the guest was stopped is taken back as a guest does. */
static void guest_keeps_time(void)
{
	unsigned int id = apic_read(APIC_ID) >> 24;
	volatile struct time_page *t = &pages[id];
	uint64_t tsc, ns, last_tsc = 0, last_ns = 0;

	wrmsr(MSR_SYSTEM_TIME_NEW, (uintptr_t)t | TIME_ENABLE);
	for (;;) {
		tsc = rdtsc();
		ns = clock_ns(t);
		guest_expect(tsc >= last_tsc);
		guest_expect(ns >= last_ns);
		last_tsc = tsc;
		last_ns = ns;
		if (t->flags & FLAG_GUEST_STOPPED) {
			t->flags &= ~FLAG_GUEST_STOPPED;
			GUEST_ONCE(stops[id])++;
		}
		GUEST_ONCE(rounds[id])++;
		guest_cpuid(0, 0);
	}
}

static void *runs(void *arg)
{
	struct vcpu *vcpu = arg;
	int r;

	for (;;) {
		r = vcpu_try_run(vcpu);
		if (r != -EINTR)	/* which is the freezer's doing */
			fail("KVM_RUN: %d, exit %u", r, vcpu->run->exit_reason);
	}
	return NULL;
}

static int file_has(const char *path, const char *word)
{
	char words[4096] = "";
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		return 0;
	if (read(fd, words, sizeof(words) - 1) < 0)
		words[0] = 0;
	close(fd);
	return strstr(words, word) != NULL;
}

static void suspend_the_host(void)
{
	if (!file_has(PM_TEST, "core") || !file_has(PM_MEM_SLEEP, "deep"))
		skip("the kernel has no test of suspending");
	if (file_has("/proc/mounts", " 9p "))
		skip("the machine has a share of files, which would be lost");
	must(write_file(PM_TEST_DELAY, "1"));
	must(write_file(PM_MEM_SLEEP, "deep"));
	must(write_file(PM_TEST, "core"));
	must(write_file(PM_STATE, "mem"));
	must(write_file(PM_TEST, "none"));
}

static void expect_progress(struct vm *vm)
{
	uint64_t before[VCPUS], limit = now_ms() + 5000;
	unsigned int i;

	for (i = 0; i < VCPUS; i++)
		before[i] = GUEST_ONCE(*in_guest(vm, &rounds[i]));
	for (i = 0; i < VCPUS; i++)
		while (GUEST_ONCE(*in_guest(vm, &rounds[i])) < before[i] + 10) {
			expect(now_ms() < limit);
			usleep(1000);
		}
}

static void guest_says_hello(void)
{
	guest_sync(0x1234);
}

/* Two vCPUs at work, one that was made before and has not run, and one that is made afterwards. */
TEST_LIMIT(guests_go_on, 90)
{
	struct vm *vm = vm_new(VM_IRQCHIP), *rests = vm_start_with(VM_IRQCHIP, guest_says_hello);
	pthread_t threads[VCPUS];
	unsigned int i;

	for (i = 0; i < VCPUS; i++)
		pthread_create(&threads[i], NULL, runs, vcpu_start(vm, i, guest_keeps_time));
	expect_progress(vm);
	suspend_the_host();
	expect_progress(vm);
	for (i = 0; i < VCPUS; i++)
		expect_eq(*in_guest(vm, &stops[i]), 1);
	expect_exit(vm_run(rests), GUEST_SYNC);
	expect_exit(vm_run(vm_start_with(VM_IRQCHIP, guest_says_hello)), GUEST_SYNC);
}
