// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvmclock: the page of system time that the guest computes its clock from, the wall clock, and
 * KVM_SET/GET_CLOCK (Documentation/virt/kvm/x86/msr.rst and cpuid.rst; KVM API 4.29, 4.30).
 */
#include <stdbool.h>
#include <time.h>

#include "irq.h"
#include "kvmclock.h"

#define MSR_WALL_CLOCK		0x11
#define MSR_SYSTEM_TIME		0x12
#define MSR_WALL_CLOCK_NEW	0x4b564d00
#define NSEC			1000000000UL

struct wall_page {
	uint32_t version, sec, nsec;
} __attribute__((packed));

static struct time_page pages[MAX_VCPUS] __attribute__((aligned(4096)));
static struct wall_page wall __attribute__((aligned(64)));

static void nothing(void)
{
}

static void guest_signature(void)
{
	struct cpuid_regs r = guest_cpuid(0x40000000, 0);

	guest_expect_eq(r.ebx, 0x4b4d564b);	/* KVMK */
	guest_expect_eq(r.ecx, 0x564b4d56);	/* VMKV */
	guest_expect_eq(r.edx, 0x4d);		/* M */
	guest_expect(r.eax >= 0x40000001);
	r = guest_cpuid(0x40000001, 0);
	guest_expect_eq(r.eax >> 0 & 1, 1);	/* the old MSRs */
	guest_expect_eq(r.eax >> 3 & 1, 1);	/* the new MSRs */
}

TEST(signature)
{
	struct vm *vm = vm_start(guest_signature);

	expect_exit(vm_run(vm), GUEST_DONE);
}

static void guest_one_page(void)
{
	volatile struct time_page *t = &pages[0];
	uint64_t last, now;
	int i;

	wrmsr(MSR_SYSTEM_TIME_NEW, (uintptr_t)t | TIME_ENABLE);
	guest_expect_eq(rdmsr(MSR_SYSTEM_TIME_NEW), (uintptr_t)t | TIME_ENABLE);
	guest_expect(t->version != 0);
	guest_expect_eq(t->version & 1, 0);
	guest_expect(t->mul != 0);
	guest_expect(t->shift > -32 && t->shift < 32);
	last = clock_ns(t);
	for (i = 0; i < 1000; i++) {
		now = clock_ns(t);
		guest_expect(now >= last);
		last = now;
	}
	guest_sync(clock_ns(t));
	guest_sync(clock_ns(t));
	/* Off again: the page stays as it is from then on. */
	wrmsr(MSR_SYSTEM_TIME_NEW, 0);
	now = t->version;
	guest_sync(0);
	guest_expect_eq(t->version, now);
}

static uint64_t host_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NSEC + ts.tv_nsec;
}

/* It goes as fast as the host's clock. */
TEST(system_time)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_one_page);
	uint64_t guest, host;

	expect_exit(vm_run(vm), GUEST_SYNC);
	host = host_ns();
	guest = vm->vcpu[0].sync;
	usleep(300000);
	expect_exit(vm_run(vm), GUEST_SYNC);
	host = host_ns() - host;
	guest = vm->vcpu[0].sync - guest;
	expect_ge(guest, 300000000);
	expect_le(guest, host + host / 5 + 50000000);
	expect_exit(vm_run(vm), GUEST_SYNC);
	expect_exit(vm_run(vm), GUEST_DONE);
}

static void guest_old_msr(void)
{
	wrmsr(MSR_SYSTEM_TIME, (uintptr_t)&pages[0] | TIME_ENABLE);
	guest_expect_eq(rdmsr(MSR_SYSTEM_TIME), (uintptr_t)&pages[0] | TIME_ENABLE);
	guest_expect(pages[0].mul != 0);
}

TEST(system_time_old_msr)
{
	struct vm *vm = vm_start(guest_old_msr);

	expect_exit(vm_run(vm), GUEST_DONE);
}

/* An address with no memory behind it: the guest goes on, and so does the host. */
static void guest_bad_page(void)
{
	wrmsr(MSR_SYSTEM_TIME_NEW, HOLE_GPA | TIME_ENABLE);
	guest_sync(0);
	wrmsr(MSR_WALL_CLOCK_NEW, HOLE_GPA);
	guest_sync(0);
	wrmsr(MSR_SYSTEM_TIME_NEW, 0xfffffffffffff001);
}

TEST(system_time_without_memory)
{
	struct vm *vm = vm_start(guest_bad_page);

	expect_exit(vm_run(vm), GUEST_SYNC);
	expect_exit(vm_run(vm), GUEST_SYNC);
	expect_exit(vm_run(vm), GUEST_DONE);
}

static void guest_wall_clock(void)
{
	wrmsr(MSR_SYSTEM_TIME_NEW, (uintptr_t)&pages[0] | TIME_ENABLE);
	wrmsr(MSR_WALL_CLOCK_NEW, (uintptr_t)&wall);
	guest_expect_eq(wall.version & 1, 0);
	guest_expect(wall.version != 0);
	guest_sync(wall.sec + (wall.nsec + clock_ns(&pages[0])) / NSEC);
}

/* Wall clock at boot plus time since boot is the host's time of day. */
TEST(wall_clock)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_wall_clock);
	uint64_t before = time(NULL);

	expect_exit(vm_run(vm), GUEST_SYNC);
	expect_ge(vm->vcpu[0].sync + 1, before);
	expect_le(vm->vcpu[0].sync, time(NULL) + 1);
}

static void guest_is_stable(void)
{
	wrmsr(MSR_SYSTEM_TIME_NEW, (uintptr_t)&pages[0] | TIME_ENABLE);
	guest_sync(pages[0].flags & FLAG_TSC_STABLE);
}

/*
 * The flag is for user space to offer (CPUID bit 24) and for KVM to set where the host's clock is
 * its TSC.
 */
TEST(stable_bit)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_is_stable);
	struct kvm_clock_data clock;
	char source[32] = "";
	bool tsc;
	FILE *f = fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "r");

	expect(f && fgets(source, sizeof(source), f));
	expect_exit(vm_run(vm), GUEST_SYNC);
	tsc = !strncmp(source, "tsc", 3);	/* or tsc-early */
	expect_eq(vm->vcpu[0].sync, tsc);
	must(ioctl(vm->fd, KVM_GET_CLOCK, &clock));
	expect_eq(!!(clock.flags & KVM_CLOCK_TSC_STABLE), tsc);
	expect_eq(!!(kvm_cap(KVM_CAP_ADJUST_CLOCK) & KVM_CLOCK_TSC_STABLE), 1);
}

/* ---- several vCPUs --------------------------------------------------------------------------- */

static uint64_t latest;
static uint32_t running, went_back;

/* Each reads its own page, and compares with the latest reading that any vCPU has published. */
static void guest_compares(void)
{
	volatile struct time_page *t = &pages[guest_cpu()];
	uint64_t mine, seen;
	int i;

	wrmsr(MSR_SYSTEM_TIME_NEW, (uintptr_t)t | TIME_ENABLE);
	fetch_add(&running, 1);
	while (GUEST_ONCE(running) < 2)
		cpu_relax();
	for (i = 0; i < 20000; i++) {
		seen = GUEST_ONCE(latest);
		guest_barrier();
		mine = clock_ns(t);
		if ((t->flags & FLAG_TSC_STABLE) && mine < seen)
			fetch_add(&went_back, 1);
		while (seen < mine) {
			asm volatile("lock cmpxchg %2, %1"
				     : "+a"(seen), "+m"(latest) : "r"(mine) : "memory");
			if (GUEST_ONCE(latest) >= mine)
				break;
		}
	}
}

/*
 * With the stable flag, time never goes back from one vCPU to the next; without it guests must see
 * to that.
 */
TEST(monotonic_across_vcpus)
{
	struct vm *vm = vm_new(VM_IRQCHIP);
	int i;

	for (i = 0; i < 2; i++)
		vcpu_start(vm, i, guest_compares);
	for (i = 0; i < 2; i++)
		vcpu_run_async(&vm->vcpu[i]);
	for (i = 0; i < 2; i++)
		vcpu_join(&vm->vcpu[i]);
	expect_eq(*in_guest(vm, &went_back), 0);
	if (!(in_guest(vm, &pages[0])->flags & FLAG_TSC_STABLE))
		note("the host's TSC is not its clock: nothing was promised");
}

/* ---- from user space ------------------------------------------------------------------------- */

static void guest_reads_clock(void)
{
	wrmsr(MSR_SYSTEM_TIME_NEW, (uintptr_t)&pages[0] | TIME_ENABLE);
	for (;;)
		guest_sync(clock_ns(&pages[0]));
}

TEST(set_and_get_clock)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_reads_clock);
	struct kvm_clock_data clock = { .clock = 12345 * NSEC };

	must(ioctl(vm->fd, KVM_SET_CLOCK, &clock));
	must(ioctl(vm->fd, KVM_GET_CLOCK, &clock));
	expect_ge(clock.clock, 12345 * NSEC);
	expect_le(clock.clock, 12365 * NSEC);
	expect_exit(vm_run(vm), GUEST_SYNC);
	expect_ge(vm->vcpu[0].sync, 12345 * NSEC);
	expect_le(vm->vcpu[0].sync, 12365 * NSEC);
	/* Set under a guest that has its page already: it is told. */
	memset(&clock, 0, sizeof(clock));
	clock.clock = 99 * NSEC;
	must(ioctl(vm->fd, KVM_SET_CLOCK, &clock));
	expect_exit(vm_run(vm), GUEST_SYNC);
	expect_exit(vm_run(vm), GUEST_SYNC);
	expect_ge(vm->vcpu[0].sync, 99 * NSEC);
	expect_le(vm->vcpu[0].sync, 119 * NSEC);
}

static void guest_has_a_page(void)
{
	wrmsr(MSR_SYSTEM_TIME_NEW, (uintptr_t)&pages[guest_cpu()] | TIME_ENABLE);
	guest_sync(clock_ns(&pages[guest_cpu()]));
}

/*
 * The time that was set stands in every page before any vCPU runs again: Linux reads the first
 * one's from user mode on all of them.
 */
TEST(set_clock_reaches_pages_at_rest)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_has_a_page);
	struct vcpu *other = vcpu_start(vm, 1, guest_has_a_page);
	struct kvm_clock_data c = { .clock = 1000 * NSEC };
	int i;

	must(ioctl(other->fd, KVM_SET_MP_STATE, &(struct kvm_mp_state){ KVM_MP_STATE_RUNNABLE }));
	expect_exit(vm_run(vm), GUEST_SYNC);
	expect_exit(vcpu_run(other), GUEST_SYNC);
	must(ioctl(vm->fd, KVM_SET_CLOCK, &c));
	for (i = 0; i < 2; i++) {
		expect_eq(in_guest(vm, &pages[i])->version & 1, 0);
		expect_ge(in_guest(vm, &pages[i])->system_time, 900 * NSEC);
	}
}

TEST(set_clock_bad_flags)
{
	struct kvm_clock_data clock = { .clock = 1, .flags = 1 << 20 };
	int vm = vm_bare();

	expect_errno(ioctl(vm, KVM_SET_CLOCK, &clock), EINVAL);
}

/* A new VM's clock begins at about 0. */
TEST(clock_of_a_new_vm)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, nothing);
	struct kvm_clock_data clock;

	must(ioctl(vm->fd, KVM_GET_CLOCK, &clock));
	expect_le(clock.clock, 20 * NSEC);
}

/*
 * KVMCLOCK_CTRL tells the guest, once, that it was stopped; only a guest that has its page can be
 * told.
 */
static void guest_was_stopped(void)
{
	volatile struct time_page *t = &pages[0];

	guest_sync(0);
	wrmsr(MSR_SYSTEM_TIME_NEW, (uintptr_t)t | TIME_ENABLE);
	guest_sync(1);
	guest_expect_eq(t->flags & FLAG_GUEST_STOPPED, FLAG_GUEST_STOPPED);
}

TEST(kvmclock_ctrl)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_was_stopped);

	REQUIRE_CAP(KVM_CAP_KVMCLOCK_CTRL);
	run_to_sync(vm, 0);
	expect_errno(ioctl(vm->vcpu[0].fd, KVM_KVMCLOCK_CTRL, 0), EINVAL);
	run_to_sync(vm, 1);
	must(ioctl(vm->vcpu[0].fd, KVM_KVMCLOCK_CTRL, 0));
	expect_exit(vm_run(vm), GUEST_DONE);
}
