// SPDX-License-Identifier: GPL-2.0-only
/*
 * What KVM's own CPUID leaves offer (cpuid.rst, msr.rst and hypercalls.rst of the kernel's
 * documents), beyond the clock, which clock.c has: that each service does what it is for, and only
 * what CPUID shows when the VMM wants that enforced.
 */
#define _GNU_SOURCE
#include <sched.h>

#include "irq.h"

#define MSR_WALL_OLD	0x11
#define MSR_CLOCK_OLD	0x12
#define MSR_WALL	0x4b564d00
#define MSR_CLOCK	0x4b564d01
#define MSR_ASYNC_PF	0x4b564d02
#define MSR_STEAL	0x4b564d03
#define MSR_PV_EOI	0x4b564d04
#define MSR_POLL	0x4b564d05

#define HC_KICK_CPU	5
#define HC_CLOCK_PAIR	9
#define HC_SEND_IPI	10
#define HC_SCHED_YIELD	11

#define ENOSYS_KVM	(-1000L)
#define EINVAL_KVM	(-22L)

enum feature {
	F_CLOCK = 0, F_CLOCK2 = 3, F_ASYNC_PF = 4, F_STEAL = 5, F_PV_EOI = 6, F_UNHALT = 7,
	F_TLB_FLUSH = 9, F_SEND_IPI = 11, F_POLL = 12, F_YIELD = 13, F_ASYNC_PF_INT = 14,
};

static uint32_t features(void)
{
	struct kvm_cpuid2 *list = supported_cpuid();
	struct kvm_cpuid_entry2 *e = cpuid_find(list, 0x40000001, 0);
	uint32_t eax = e ? e->eax : 0;

	free(list);
	return eax;
}

static void require_feature(enum feature f, const char *name)
{
	if (!(features() >> f & 1))
		skip("KVM_FEATURE_%s is not reported", name);
}

static long hypercall(long nr, long a, long b, long c, long d)
{
	long r;

	asm volatile("vmmcall" : "=a"(r) : "a"(nr), "b"(a), "c"(b), "d"(c), "S"(d) : "memory");
	return r;
}

/* ---- which of them there are ----------------------------------------------------------------- */

static const struct {
	enum feature feature;
	uint32_t msr;
} msrs[] = {
	{ F_CLOCK, MSR_WALL_OLD }, { F_CLOCK, MSR_CLOCK_OLD }, { F_CLOCK2, MSR_WALL },
	{ F_CLOCK2, MSR_CLOCK }, { F_STEAL, MSR_STEAL }, { F_PV_EOI, MSR_PV_EOI },
	{ F_POLL, MSR_POLL }, { F_ASYNC_PF, MSR_ASYNC_PF },
};

static const struct {
	enum feature feature;
	long nr;
} calls[] = {
	{ F_UNHALT, HC_KICK_CPU }, { F_SEND_IPI, HC_SEND_IPI }, { F_YIELD, HC_SCHED_YIELD },
};

/* The guest finds what this mask of features says, and nothing of the rest. */
static uint64_t mask_for_guest;

static void guest_finds(void)
{
	uint64_t mask = GUEST_ONCE(mask_for_guest), v;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(msrs); i++) {
		int there = mask >> msrs[i].feature & 1;

		guest_expect_eq(try_rdmsr(msrs[i].msr), there ? NO_FAULT : VEC_GP);
		v = there ? rdmsr(msrs[i].msr) : 0;
		guest_expect_eq(try_wrmsr(msrs[i].msr, v), there ? NO_FAULT : VEC_GP);
	}
	for (i = 0; i < ARRAY_SIZE(calls); i++) {
		long r = hypercall(calls[i].nr, 0, 0, 0, 0);

		guest_expect_eq(r == ENOSYS_KVM, !(mask >> calls[i].feature & 1));
	}
}

static void finds(uint32_t offered, int enforce)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_ENFORCE_PV_FEATURE_CPUID, .args = { 1 },
	};
	struct vm *vm = vm_new(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_start(vm, 0, guest_finds);
	struct kvm_cpuid2 *list = supported_cpuid();
	struct kvm_cpuid_entry2 *e = cpuid_find(list, 0x40000001, 0);

	expect(e);
	*in_guest(vm, &mask_for_guest) = enforce ? offered : e->eax;
	e->eax = offered;
	must(ioctl(vcpu->fd, KVM_SET_CPUID2, list));
	if (enforce)
		must(ioctl(vcpu->fd, KVM_ENABLE_CAP, &cap));
	expect_exit(vcpu_run(vcpu), GUEST_DONE);
	vm_free(vm);
}

/* What is not reported does not exist, and what is exists whatever the VMM's CPUID shows. */
TEST(features_exist_as_reported)
{
	finds(features(), 0);
	finds(0, 0);
}

TEST_LIMIT(features_enforced, 90)
{
	uint32_t all = features();
	int bit;

	REQUIRE_CAP(KVM_CAP_ENFORCE_PV_FEATURE_CPUID);
	finds(all, 1);
	finds(0, 1);
	for (bit = 0; bit < 16; bit++)
		if (all >> bit & 1)
			finds(all & ~(1u << bit), 1);
}

/* ---- PV EOI ---------------------------------------------------------------------------------- */

static uint32_t eoi_word, saved, unsaved;

static int take_eoi_bit(void)
{
	uint8_t was_set;

	asm volatile("btrl $0, %0; setc %1" : "+m"(eoi_word), "=qm"(was_set) : : "memory");
	return was_set;
}

static void on_irq_pv(struct trap_frame *f)
{
	hits[f->vector]++;
	if (take_eoi_bit()) {
		saved++;
	} else {
		unsaved++;
		apic_eoi();
	}
}

static void on_irq_exits_inside(struct trap_frame *f)
{
	guest_sync(f->vector);
	on_irq_pv(f);
}

static void guest_pv_eoi_rules(void)
{
	guest_on(0x61, on_irq_pv);
	guest_on(0x71, on_irq_pv);
	guest_on(0x62, on_irq_exits_inside);
	apic_only();
	guest_expect_eq(try_wrmsr(MSR_PV_EOI, (uintptr_t)&eoi_word | 3), VEC_GP);
	wrmsr(MSR_PV_EOI, (uintptr_t)&eoi_word | 1);
	guest_expect_eq(rdmsr(MSR_PV_EOI), (uintptr_t)&eoi_word | 1);

	/* Two at once: the end of the first must be seen, for the second waits for it. */
	apic_write(APIC_ICR, 1 << 18 | 0x71);
	apic_write(APIC_ICR, 1 << 18 | 0x61);
	sti_and_cli();
	sti_and_cli();
	guest_expect_eq(hit_count(0x71), 1);
	guest_expect_eq(hit_count(0x61), 1);
	guest_expect(GUEST_ONCE(unsaved) >= 1);
	guest_expect_eq(apic_read(APIC_ISR + 0x30), 0);

	/* An exit to user space in between takes the bit back: its LAPIC state must be whole. */
	apic_write(APIC_ICR, 1 << 18 | 0x62);
	sti_and_cli();
	guest_expect_eq(hit_count(0x62), 1);
	guest_expect_eq(apic_read(APIC_ISR + 0x30), 0);

	/* Level-triggered: the IOAPIC waits for the end. */
	guest_sync(1);
	GUEST_ONCE(saved) = 0;
	ioapic_route(10, 0x61, IOAPIC_LEVEL);
	guest_sync(2);
	wait_hits(0x61, 2);
	guest_expect_eq(GUEST_ONCE(saved), 0);

	/* Turned off: the word is the guest's own. */
	wrmsr(MSR_PV_EOI, 0);
	GUEST_ONCE(eoi_word) = 0;
	apic_write(APIC_ICR, 1 << 18 | 0x61);
	sti_and_cli();
	guest_expect_eq(GUEST_ONCE(saved), 0);
	guest_expect_eq(GUEST_ONCE(eoi_word), 0);
}

TEST(pv_eoi_rules)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_pv_eoi_rules);
	struct kvm_lapic_state lapic;

	require_feature(F_PV_EOI, "PV_EOI");
	run_to_sync(vm, 0x62);
	expect_eq(*in_guest(vm, &eoi_word) & 1, 0);
	must(ioctl(vm->vcpu[0].fd, KVM_GET_LAPIC, &lapic));
	expect_eq(*(uint32_t *)(lapic.regs + APIC_ISR + 0x30), 1 << 2);
	run_to_sync(vm, 1);
	run_to_sync(vm, 2);
	irq_line(vm, 10, 1);
	usleep(1000);
	irq_line(vm, 10, 0);
	expect_exit(vm_run(vm), GUEST_DONE);
}

/* ---- steal time ------------------------------------------------------------------------------ */

static struct {
	uint64_t steal;
	uint32_t version, flags;
	uint8_t preempted, rest[47];
} steal __attribute__((aligned(64)));

static uint64_t stop;

static void guest_works(void)
{
	wrmsr(MSR_STEAL, (uintptr_t)&steal | 1);
	guest_sync(0);
	while (!GUEST_ONCE(stop)) {
		uint32_t version = GUEST_ONCE(steal.version);

		guest_barrier();
		if (GUEST_ONCE(steal.version) == version)
			guest_expect_eq(version & 1, 0);
		guest_cpuid(0, 0);
	}
}

static void pin_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	must(sched_setaffinity(0, sizeof(set), &set));
}

static volatile int stop_competing, cpu_competed_for;

static void *compete(void *arg)
{
	pin_to(cpu_competed_for);
	while (!stop_competing)
		;
	return arg;
}

static void *run_pinned(void *arg)
{
	pin_to(cpu_competed_for);
	expect_exit(vcpu_run(arg), GUEST_DONE);
	return NULL;
}

/* Another thread on the same CPU: the vCPU is ready and does not run about half of the time. */
TEST(steal_time_is_measured)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_works);
	volatile uint64_t *ns = (volatile uint64_t *)&in_guest(vm, &steal)->steal;
	uint64_t before, end;
	pthread_t other;

	require_feature(F_STEAL, "STEAL_TIME");
	run_to_sync(vm, 0);
	cpu_competed_for = sched_getcpu();
	pthread_create(&vm->vcpu[0].thread, NULL, run_pinned, &vm->vcpu[0]);
	usleep(20000);
	before = *ns;
	pthread_create(&other, NULL, compete, NULL);
	end = now_ms() + 5000;
	while (*ns - before < 50000000 && now_ms() < end)
		usleep(5000);
	stop_competing = 1;
	*(volatile uint64_t *)in_guest(vm, &stop) = 1;
	pthread_join(other, NULL);
	vcpu_join(&vm->vcpu[0]);
	note("%llu ms stolen", (unsigned long long)(*ns - before) / 1000000);
	expect_ge(*ns - before, 50000000);
	/* The first run was another thread's, whose waiting is none of this one's. */
	expect_le(*ns, 60000000000);
}

/*
 * KVM_VCPU_PREEMPTED (1) while the vCPU does not run; KVM_VCPU_FLUSH_TLB (2), set by another vCPU,
 * is taken and obeyed before it runs again.
 */
#define NAPS	5

static void guest_is_put_away(void)
{
	int i;

	guest_on(0x61, on_apic_irq);
	apic_only();
	wrmsr(MSR_STEAL, (uintptr_t)&steal | 1);
	for (i = 1; i <= NAPS; i++) {
		wait_hits(0x61, i);
		guest_expect_eq(GUEST_ONCE(steal.preempted), 0);
	}
	wrmsr(MSR_STEAL, 0);
	GUEST_ONCE(steal.preempted) = 0x55;
	wait_hits(0x61, NAPS + 1);
	guest_expect_eq(GUEST_ONCE(steal.preempted), 0x55);
}

static int wait_byte(volatile uint8_t *byte, uint8_t value)
{
	uint64_t end = now_ms() + 5000;

	while (*byte != value && now_ms() < end)
		usleep(500);
	return *byte == value;
}

static void send_vector(struct vm *vm, uint8_t vector)
{
	struct kvm_msi msi = { .address_lo = APIC_GPA, .data = vector };

	must(ioctl(vm->fd, KVM_SIGNAL_MSI, &msi));
}

TEST(preempted_and_flush)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_is_put_away);
	volatile uint8_t *preempted = &in_guest(vm, &steal)->preempted;
	uint64_t flushes;
	int i;

	require_feature(F_TLB_FLUSH, "PV_TLB_FLUSH");
	vcpu_run_async(&vm->vcpu[0]);
	for (i = 1; i <= NAPS; i++) {
		if (!wait_byte(preempted, 1)) {
			/* Allowed, and then other vCPUs send IPIs as ever. */
			if (distro_modules())
				skip("a halted vCPU is not said to be preempted");
			fail("a halted vCPU is not said to be preempted");
		}
		flushes = kvm_stat(vm->vcpu[0].fd, "tlb_flush");
		__atomic_fetch_or(preempted, 2, __ATOMIC_SEQ_CST);
		send_vector(vm, 0x61);
		while (GUEST_ONCE(*in_guest(vm, &hits[0x61])) < (uint32_t)i)
			usleep(500);
		expect_ge(kvm_stat(vm->vcpu[0].fd, "tlb_flush"), flushes + 1);
	}
	expect(wait_byte(preempted, 0x55));
	send_vector(vm, 0x61);
	vcpu_join(&vm->vcpu[0]);
}

/*
 * Not while an instruction is under way: it may have translated an address that it has not used
 * yet, and a flush that is put off until it is done would come too late.
 */
static void guest_reads_device(void)
{
	int i;

	wrmsr(MSR_STEAL, (uintptr_t)&steal | 1);
	for (i = 0; i < 5; i++)
		(void)read64(HOLE_GPA);
}

TEST(not_preempted_within_an_instruction)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_reads_device);
	int exit;

	require_feature(F_TLB_FLUSH, "PV_TLB_FLUSH");
	while ((exit = vm_run(vm)) == KVM_EXIT_MMIO) {
		expect_eq(in_guest(vm, &steal)->preempted, 0);
		usleep(2000);
		expect_eq(in_guest(vm, &steal)->preempted, 0);
	}
	expect_exit(exit, GUEST_DONE);
}

/* ---- hypercalls between vCPUs ---------------------------------------------------------------- */

#define CPUS	4
#define IPI	0x90

static uint32_t got[CPUS], ready, finish;

static void on_ipi(struct trap_frame *f)
{
	(void)f;
	fetch_add(&got[guest_cpu()], 1);
	apic_eoi();
}

static void guest_target(void)
{
	apic_enable();
	fetch_add(&ready, 1);
	while (!GUEST_ONCE(finish))
		sti_hlt_cli();
}

static void pv_ipi(uint64_t low, uint64_t high, uint32_t from, long want, uint32_t mask)
{
	uint32_t before[CPUS], i;

	for (i = 0; i < CPUS; i++)
		before[i] = GUEST_ONCE(got[i]);
	guest_expect_eq(hypercall(HC_SEND_IPI, low, high, from, IPI), want);
	sti();
	for (i = 0; i < CPUS; i++)
		while (GUEST_ONCE(got[i]) != before[i] + (mask >> i & 1))
			cpu_relax();
	cli();
	guest_sync(0);
	for (i = 0; i < CPUS; i++)
		guest_expect_eq(GUEST_ONCE(got[i]), before[i] + (mask >> i & 1));
}

static void guest_pv_sender(void)
{
	guest_on(IPI, on_ipi);
	apic_enable();
	while (GUEST_ONCE(ready) < CPUS - 1)
		cpu_relax();
	pv_ipi(1 << 1, 0, 0, 1, 1 << 1);
	pv_ipi(0xe, 0, 0, 3, 0xe);
	pv_ipi(0xf, 0, 0, 4, 0xf);
	pv_ipi(3, 0, 2, 2, 3 << 2);		/* ids from 2 on */
	pv_ipi(1, 0, 3, 1, 1 << 3);
	pv_ipi(0, 0, 0, 0, 0);
	pv_ipi(1UL << 63, ~0UL, 0, 0, 0);	/* none of these ids is there */
	pv_ipi(0xff, 0, 1000, 0, 0);
	pv_ipi(~0UL, ~0UL, 0, 4, 0xf);
	/* A shorthand or a logical destination is no ICR for this call. */
	guest_expect_eq(hypercall(HC_SEND_IPI, 2, 0, 0, IPI | 1 << 18), EINVAL_KVM);
	guest_expect_eq(hypercall(HC_SEND_IPI, 2, 0, 0, IPI | 1 << 11), EINVAL_KVM);
	GUEST_ONCE(finish) = 1;
	hypercall(HC_SEND_IPI, 0xe, 0, 0, IPI);
}

TEST(send_ipi)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_pv_sender);
	int i, exit;

	require_feature(F_SEND_IPI, "PV_SEND_IPI");
	for (i = 1; i < CPUS; i++)
		vcpu_run_async(vcpu_start(vm, i, guest_target));
	while ((exit = vm_run(vm)) == GUEST_SYNC)
		usleep(2000);
	expect_exit(exit, GUEST_DONE);
	for (i = 1; i < CPUS; i++)
		vcpu_join(&vm->vcpu[i]);
}

/*
 * A vCPU that halts with interrupts off is woken by a kick, and by a kick that came before it
 * halted.
 */
static uint32_t asleep, woken;

static void guest_sleeper(void)
{
	int i;

	apic_enable();
	for (i = 0; i < 20; i++) {
		cli();
		GUEST_ONCE(asleep) = i + 1;
		hlt();
		GUEST_ONCE(woken) = i + 1;
	}
}

static void guest_kicker(void)
{
	int i;

	apic_enable();
	for (i = 0; i < 20; i++) {
		while (GUEST_ONCE(asleep) != i + 1)
			cpu_relax();
		if (i % 2)
			guest_sync(i);		/* time to fall asleep */
		guest_expect_eq(hypercall(HC_KICK_CPU, 0, 1, 0, 0), 0);
		while (GUEST_ONCE(woken) != i + 1)
			cpu_relax();
	}
	/* Nobody, and itself. */
	guest_expect_eq(hypercall(HC_KICK_CPU, 0, 77, 0, 0), 0);
	guest_expect_eq(hypercall(HC_KICK_CPU, 0, -1, 0, 0), 0);
	guest_expect_eq(hypercall(HC_KICK_CPU, 0, 0, 0, 0), 0);
	cli();
	hlt();
}

TEST(kick_cpu)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_kicker);
	int exit;

	require_feature(F_UNHALT, "PV_UNHALT");
	vcpu_run_async(vcpu_start(vm, 1, guest_sleeper));
	while ((exit = vm_run(vm)) == GUEST_SYNC)
		usleep(2000);
	expect_exit(exit, GUEST_DONE);
	vcpu_join(&vm->vcpu[1]);
}

static void guest_yields(void)
{
	int i;

	for (i = 0; i < 50; i++) {
		guest_expect_eq(hypercall(HC_SCHED_YIELD, 1, 0, 0, 0), 0);
		guest_expect_eq(hypercall(HC_SCHED_YIELD, i * 1000, 0, 0, 0), 0);
	}
}

TEST(sched_yield)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_yields);
	struct vcpu *other = vcpu_start(vm, 1, guest_yields);

	require_feature(F_YIELD, "PV_SCHED_YIELD");
	vcpu_run_async(other);
	expect_exit(vm_run(vm), GUEST_DONE);
	vcpu_join(other);
	expect_ge(kvm_stat(vm->vcpu[0].fd, "directed_yield_attempted"), 50);
}

/* ---- halt polling ---------------------------------------------------------------------------- */

/* Naps of a length that polling would cover. */
static void naps(unsigned int n)
{
	uint32_t before = hit_count(0x62);

	apic_write(APIC_TDCR, 0xb);
	while (hit_count(0x62) < before + n) {
		apic_write(APIC_LVTT, 0x62);
		apic_write(APIC_TMICT, 300000);
		sti_hlt_cli();
	}
}

static void guest_naps(void)
{
	guest_on(0x62, on_apic_irq);
	apic_only();
	guest_expect_eq(rdmsr(MSR_POLL), 1);
	guest_expect_eq(try_wrmsr(MSR_POLL, 2), VEC_GP);
	guest_expect_eq(try_wrmsr(MSR_POLL, 1UL << 32), VEC_GP);
	naps(40);
	guest_sync(0);
	wrmsr(MSR_POLL, 0);
	guest_expect_eq(rdmsr(MSR_POLL), 0);
	guest_sync(1);
	naps(40);
	guest_sync(2);
	wrmsr(MSR_POLL, 1);
}

/* A guest that polls by itself tells the host not to. */
TEST(poll_control)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_HALT_POLL, .args = { 2000000 } };
	struct vm *vm = vm_new(VM_IRQCHIP);
	uint64_t polls, v;
	int fd;

	require_feature(F_POLL, "POLL_CONTROL");
	REQUIRE_CAP(KVM_CAP_HALT_POLL);
	must(ioctl(vm->fd, KVM_ENABLE_CAP, &cap));
	fd = vcpu_start(vm, 0, guest_naps)->fd;
	run_to_sync(vm, 0);
	note("%llu polls", (unsigned long long)kvm_stat(fd, "halt_attempted_poll"));
	expect_ge(kvm_stat(fd, "halt_attempted_poll"), 1);
	run_to_sync(vm, 1);
	expect_eq(vcpu_get_msr(&vm->vcpu[0], MSR_POLL, &v), 1);
	expect_eq(v, 0);
	polls = kvm_stat(fd, "halt_attempted_poll");
	run_to_sync(vm, 2);
	expect_eq(kvm_stat(fd, "halt_attempted_poll"), polls);
	expect_exit(vm_run(vm), GUEST_DONE);
}

/* ---- clock pairing --------------------------------------------------------------------------- */

static struct {
	int64_t sec, nsec;
	uint64_t tsc;
	uint32_t flags, pad[9];
} pair;

static void guest_pairs(void)
{
	uint64_t before = rdtsc();
	long r = hypercall(HC_CLOCK_PAIR, (uintptr_t)&pair, 0, 0, 0);

	guest_sync(r);
	if (!r) {
		guest_expect(GUEST_ONCE(pair.tsc) >= before && GUEST_ONCE(pair.tsc) <= rdtsc());
		guest_expect(hypercall(HC_CLOCK_PAIR, HOLE_GPA, 0, 0, 0) < 0);
	}
	guest_expect(hypercall(HC_CLOCK_PAIR, (uintptr_t)&pair, 1, 0, 0) < 0);
}

TEST(clock_pairing)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_pairs);
	struct timespec now;

	expect_exit(vm_run(vm), GUEST_SYNC);
	if (!vm->vcpu[0].sync) {
		clock_gettime(CLOCK_REALTIME, &now);
		expect_le(in_guest(vm, &pair)->sec, now.tv_sec);
		expect_ge(in_guest(vm, &pair)->sec, now.tv_sec - 20);
	}
	expect_exit(vm_run(vm), GUEST_DONE);
}
