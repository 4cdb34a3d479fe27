// SPDX-License-Identifier: GPL-2.0-only
/*
 * What VMX has to make a guest exit less, or an exit cheaper: seen to be at work by statistics and
 * counts, since to a guest nothing else is different. Where a control is absent, or switched off by
 * its parameter, its tests say so and are skipped.
 */
#include "irq.h"
#include "vmx.h"

#define MSR_TSC_DEADLINE	0x6e0
#define LVT_PERIODIC		(1 << 17)
#define LVT_DEADLINE		(2 << 17)

/* ---- accesses to the VMCS -------------------------------------------------------------------- */

static unsigned long count(const char *name)
{
	char text[32];

	if (!parameter(name, text, sizeof(text))) {
		/* Where they are meant to count, not to do so is a failure. */
		if (getenv("VMCS_COUNTED"))
			fail("no %s", name);
		skip("no %s: needs kvm_intel, built with KVM_VMCS_COUNT=y", name);
	}
	return strtoul(text, NULL, 10);
}

#define ROUNDS	2000

static uint64_t cost;

static void guest_rounds_of_cpuid(void)
{
	uint64_t i, begin;

	for (;;) {
		begin = rdtsc();
		for (i = 0; i < ROUNDS; i++)
			asm volatile("cpuid" : : "a"(0), "c"(0) : "ebx", "edx");
		cost = (rdtsc() - begin) / ROUNDS;
		guest_sync(0);
	}
}

/*
 * Read: reason, RIP, length, flags and interruptibility, which are what an instruction's end hangs
 * on. Written: RIP. What the host's own interrupts add is far less than one a round.
 */
TEST(vmcs_accesses_of_cpuid)
{
	unsigned long reads = count("vmcs_reads"), writes;
	struct vm *vm = vm_start(guest_rounds_of_cpuid);

	expect_exit(vm_run(vm), GUEST_SYNC);
	reads = count("vmcs_reads");
	writes = count("vmcs_writes");
	expect_exit(vm_run(vm), GUEST_SYNC);
	reads = count("vmcs_reads") - reads;
	writes = count("vmcs_writes") - writes;
	note("a CPUID exit: %lu.%02lu VMREADs, %lu.%02lu VMWRITEs, %lu cycles",
	     reads / ROUNDS, reads * 100 / ROUNDS % 100, writes / ROUNDS,
	     writes * 100 / ROUNDS % 100, *in_guest(vm, &cost));
	expect_ge(reads, ROUNDS);
	expect_ge(writes, ROUNDS);
	expect_le((reads + ROUNDS / 2) / ROUNDS, 5);
	expect_le((writes + ROUNDS / 2) / ROUNDS, 1);
}

/* Not a limit, but a figure to look at: what one exit takes on this machine. */
TEST(cost_of_cpuid)
{
	struct vm *vm = vm_start(guest_rounds_of_cpuid);

	expect_exit(vm_run(vm), GUEST_SYNC);
	expect_exit(vm_run(vm), GUEST_SYNC);
	note("a CPUID exit: %lu cycles of the guest's TSC", *in_guest(vm, &cost));
	expect_ne(*in_guest(vm, &cost), 0);
}

/* ---- page-modification logging --------------------------------------------------------------- */

#define PAGES		1200		/* more than two lists of 512 hold */
#define WORDS		((PAGES + 63) / 64)
#define LOG_SLOT	3

static uint64_t stride = 1;

static void guest_writer(void)
{
	uint64_t i;

	for (;;) {
		for (i = 0; i < PAGES; i += GUEST_ONCE(stride))
			write64(SLOT_GPA + i * SZ_4K, i);
		guest_sync(0);
	}
}

static void set_log_slot(struct vm *vm, uint32_t flags, void *host)
{
	must(vm_set_slot(vm->fd, LOG_SLOT, flags, SLOT_GPA, PAGES * SZ_4K, host));
}

/* The guest writes each @every-th page; gives the second-level faults that this has cost. */
static uint64_t faults_of_writing(struct vm *vm, uint64_t every)
{
	uint64_t before = kvm_stat(vm->vcpu[0].fd, "pf_taken");

	*in_guest(vm, &stride) = every;
	expect_exit(vm_run(vm), GUEST_SYNC);
	return kvm_stat(vm->vcpu[0].fd, "pf_taken") - before;
}

static void expect_log(struct vm *vm, uint64_t every)
{
	uint64_t bits[WORDS] = { 0 };
	struct kvm_dirty_log log = { .slot = LOG_SLOT, .dirty_bitmap = bits };
	unsigned int i;

	must(ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log));
	for (i = 0; i < PAGES; i++)
		if ((bits[i / 64] >> i % 64 & 1) != (every && i % every == 0))
			fail("page %u: bit %lu", i, bits[i / 64] >> i % 64 & 1);
}

/* Writes are in the log without a fault for each page, also past the end of the list. */
TEST(pml_logs_without_faults)
{
	struct vm *vm = vm_start(guest_writer);
	void *host = anon_memory(PAGES * SZ_4K);
	uint64_t faults;

	require("pml");
	madvise(host, PAGES * SZ_4K, MADV_NOHUGEPAGE);
	memset(host, 1, PAGES * SZ_4K);
	set_log_slot(vm, 0, host);
	faults_of_writing(vm, 1);
	set_log_slot(vm, KVM_MEM_LOG_DIRTY_PAGES, host);
	expect_log(vm, 0);
	faults = faults_of_writing(vm, 1);
	note("%lu faults for %u pages", faults, PAGES);
	expect_le(faults, 16);
	expect_log(vm, 1);
	expect_log(vm, 0);
	expect_le(faults_of_writing(vm, 7), 16);
	expect_log(vm, 7);
	/* Written twice, and one of them not since the log was read. */
	faults_of_writing(vm, 7);
	faults_of_writing(vm, 14);
	expect_log(vm, 7);
	faults_of_writing(vm, 100);
	expect_log(vm, 100);
}

/* The log begins anew with a slot's flag, and other slots that log meanwhile are none of its. */
TEST(pml_begins_and_ends_with_the_log)
{
	struct vm *vm = vm_start(guest_writer);
	void *host = anon_memory(PAGES * SZ_4K), *other = anon_memory(SZ_64K);
	int i;

	require("pml");
	must(vm_set_slot(vm->fd, 5, 0, SLOT_GPA + SZ_1G, SZ_64K, other));
	for (i = 0; i < 3; i++) {
		set_log_slot(vm, 0, host);
		faults_of_writing(vm, 1);
		if (i == 1)
			must(vm_set_slot(vm->fd, 5, KVM_MEM_LOG_DIRTY_PAGES, SLOT_GPA + SZ_1G,
					 SZ_64K, other));
		faults_of_writing(vm, 3);
		set_log_slot(vm, KVM_MEM_LOG_DIRTY_PAGES, host);
		expect_log(vm, 0);
		faults_of_writing(vm, 5);
		expect_log(vm, 5);
	}
	/* A slot that logs from its first page on. */
	must(vm_set_slot(vm->fd, LOG_SLOT, 0, SLOT_GPA, 0, host));
	set_log_slot(vm, KVM_MEM_LOG_DIRTY_PAGES, host);
	faults_of_writing(vm, 9);
	expect_log(vm, 9);
	faults_of_writing(vm, 11);
	expect_log(vm, 11);
}

/* Pages are clean only once user space says so, and then one by one. */
TEST(pml_manual_protect)
{
	struct vm *vm = vm_start(guest_writer);
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
		.args[0] = KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE,
	};
	uint64_t word = ~0UL;
	struct kvm_clear_dirty_log clear = {
		.slot = LOG_SLOT, .num_pages = 64, .dirty_bitmap = &word,
	};
	uint64_t bits[WORDS];
	struct kvm_dirty_log log = { .slot = LOG_SLOT, .dirty_bitmap = bits };

	require("pml");
	must(ioctl(vm->fd, KVM_ENABLE_CAP, &cap));
	set_log_slot(vm, KVM_MEM_LOG_DIRTY_PAGES, anon_memory(PAGES * SZ_4K));
	faults_of_writing(vm, 1);
	expect_log(vm, 1);
	expect_log(vm, 1);
	must(ioctl(vm->fd, KVM_CLEAR_DIRTY_LOG, &clear));
	must(ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log));
	expect_eq(bits[0], 0);
	expect_eq(bits[1], ~0UL);
	expect_le(faults_of_writing(vm, 32), 16);
	must(ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log));
	expect_eq(bits[0], 0x100000001UL);
}

/* ---- the timer ------------------------------------------------------------------------------- */

#define TICKS	100
#define TICK_NS	250000

static uint64_t tick_tsc;
static uint32_t timer_lvt;

static void start_timer(void)
{
	if (timer_lvt & LVT_DEADLINE)
		wrmsr(MSR_TSC_DEADLINE, rdtsc() + tick_tsc);
	else
		apic_write(APIC_TMICT, TICK_NS);
}

/* Never halts: with its interrupts on it waits for each tick by looking. */
static void guest_ticks(void)
{
	uint64_t begin;
	uint32_t i;

	guest_on(0x70, on_apic_irq);
	apic_only();
	apic_write(APIC_TDCR, 0xb);	/* divide by 1: nanoseconds */
	apic_write(APIC_LVTT, 0x70 | timer_lvt);
	sti();
	begin = rdtsc();
	for (i = 1; i <= TICKS; i++) {
		if (i == 1 || !(timer_lvt & LVT_PERIODIC))
			start_timer();
		while (hit_count(0x70) < i)
			cpu_relax();
		if (!(timer_lvt & LVT_PERIODIC))
			guest_expect_eq(hit_count(0x70), i);
	}
	/* Not one before its time. */
	guest_expect(rdtsc() - begin >= (TICKS - 1) * tick_tsc);
	if (timer_lvt & LVT_DEADLINE)
		guest_expect_eq(rdmsr(MSR_TSC_DEADLINE), 0);
	guest_done();
}

/* As long, and without a timer. */
static void guest_idles(void)
{
	uint64_t begin = rdtsc();

	sti();
	while (rdtsc() - begin < TICKS * tick_tsc)
		cpu_relax();
	guest_done();
}

static void show_deadline_timer(struct vcpu *vcpu)
{
	struct kvm_cpuid2 *list = supported_cpuid();

	cpuid_find(list, 1, 0)->ecx |= 1 << 24;
	must(ioctl(vcpu->fd, KVM_SET_CPUID2, list));
}

static uint64_t host_interrupts(void (*guest)(void), uint32_t lvt)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest);
	uint64_t khz = must(ioctl(vm->vcpu[0].fd, KVM_GET_TSC_KHZ, 0)), n;

	show_deadline_timer(&vm->vcpu[0]);
	*in_guest(vm, &tick_tsc) = khz * TICK_NS / 1000000;
	*in_guest(vm, &timer_lvt) = lvt;
	expect_exit(vm_run(vm), GUEST_DONE);
	n = kvm_stat(vm->vcpu[0].fd, "irq_exits");
	vm_free(vm);		/* or its periodic timer would go on */
	return n;
}

/* The guest's ticks cost no interrupt of the host's; what is left is the host's own clock. */
TEST(timer_costs_no_host_interrupt)
{
	static const uint32_t modes[] = { 0, LVT_PERIODIC, LVT_DEADLINE };
	uint64_t own, n;
	unsigned int i;

	require("preemption_timer");
	own = host_interrupts(guest_idles, 0);
	if (own > TICKS / 2)
		skip("the host has %lu interrupts of its own in that time", own);
	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		n = host_interrupts(guest_ticks, modes[i]);
		note("mode %#x: %lu interrupts of the host in %u ticks, %lu without", modes[i], n,
		     TICKS, own);
		expect_le(n, 2 * own + TICKS / 4);
	}
}

/*
 * A timer that the processor had comes all the same when the vCPU is not in the guest as it is due:
 * halted, or out in user space.
 */
static void guest_is_elsewhere(void)
{
	guest_on(0x70, on_apic_irq);
	apic_only();
	apic_write(APIC_TDCR, 0xb);
	apic_write(APIC_LVTT, 0x70);
	apic_write(APIC_TMICT, 3000000);
	wait_hits(0x70, 1);		/* halted */
	apic_write(APIC_TMICT, 3000000);
	guest_sync(1);			/* in user space, which waits longer */
	guest_expect_eq(apic_read(APIC_TMCCT), 0);
	sti_and_cli();
	guest_expect_eq(hit_count(0x70), 2);
	apic_write(APIC_TMICT, 1000000000);
	guest_sync(2);			/* saved and restored */
	guest_expect(apic_read(APIC_TMCCT) > 1000000);
	guest_expect(apic_read(APIC_TMCCT) < 1000000000);
	apic_write(APIC_TMICT, 0);
	sti_and_cli();
	guest_expect_eq(hit_count(0x70), 2);
	guest_done();
}

TEST(timer_outside_the_guest)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_is_elsewhere);
	struct kvm_lapic_state state;

	run_to_sync(vm, 1);
	usleep(10000);
	run_to_sync(vm, 2);
	must(ioctl(vm->vcpu[0].fd, KVM_GET_LAPIC, &state));
	must(ioctl(vm->vcpu[0].fd, KVM_SET_LAPIC, &state));
	expect_exit(vm_run(vm), GUEST_DONE);
}

/* ---- the local APIC's registers -------------------------------------------------------------- */

#define ACCESSES	500

static uint32_t last_tpr;

static void guest_writes_tpr(void)
{
	uint32_t i;

	apic_only();
	guest_sync(0);
	for (i = 0; i < ACCESSES; i++) {
		apic_write(APIC_TPR, (i & 0xf) << 4);
		guest_expect_eq(apic_read(APIC_TPR), (i & 0xf) << 4);
	}
	guest_sync(1);
	guest_expect_eq(apic_read(APIC_PPR), ((ACCESSES - 1) & 0xf) << 4);
	/* What is waiting behind the TPR comes when it falls. */
	guest_on(0x45, on_apic_irq);
	apic_write(APIC_TPR, 0x60);
	apic_write(APIC_ICR, (1 << 18) | 0x45);
	sti_and_cli();
	guest_expect_eq(hit_count(0x45), 0);
	sti();
	apic_write(APIC_TPR, 0x30);
	cli();
	guest_expect_eq(hit_count(0x45), 1);
	guest_done();
}

/* The TPR is read and written in the page of registers without an exit. */
TEST(tpr_costs_no_exit)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_writes_tpr);
	uint64_t exits;

	require("flexpriority");
	run_to_sync(vm, 0);
	exits = exits_of(vm, 1);
	note("%lu exits for %u writes and reads", exits, ACCESSES);
	expect_le(exits, ACCESSES / 10);
	expect_exit(vm_run(vm), GUEST_DONE);
}

/*
 * Where the LAPIC is not at its address of reset, that is a device's, which is user space's; also
 * when the registers had been there before.
 */
static void guest_moves_its_apic(void)
{
	uint64_t base = rdmsr(MSR_APICBASE);

	apic_enable();
	last_tpr = 0x20;
	apic_write(APIC_TPR, last_tpr);
	wrmsr(MSR_APICBASE, (base & 0xfff) | HOLE_GPA);
	guest_expect_eq(read32(APIC_GPA + APIC_TPR), 0x12345678);
	guest_expect_eq(read32(HOLE_GPA + APIC_TPR), last_tpr);
	write32(HOLE_GPA + APIC_TPR, 0x30);
	wrmsr(MSR_APICBASE, base);
	guest_expect_eq(apic_read(APIC_TPR), 0x30);
	wrmsr(MSR_APICBASE, base & ~APICBASE_EN);
	guest_expect_eq(read32(APIC_GPA + APIC_TPR), 0x12345678);
	wrmsr(MSR_APICBASE, base);
	apic_enable();
	apic_write(APIC_TPR, 0x40);
	guest_expect_eq(apic_read(APIC_TPR), 0x40);
	guest_done();
}

TEST(apic_page_moves)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_moves_its_apic);
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_DISABLE_QUIRKS, .args[0] = KVM_X86_QUIRK_LAPIC_MMIO_HOLE,
	};
	uint32_t data = 0x12345678;
	int i;

	must(ioctl(vm->fd, KVM_ENABLE_CAP, &cap));
	for (i = 0; i < 2; i++) {
		expect_exit(vm_run(vm), KVM_EXIT_MMIO);
		expect_eq(vm->run->mmio.phys_addr, APIC_GPA + APIC_TPR);
		expect_eq(vm->run->mmio.is_write, 0);
		memcpy(vm->run->mmio.data, &data, sizeof(data));
	}
	expect_exit(vm_run(vm), GUEST_DONE);
}

/* A slot at that address is memory, and once it is gone the registers are there again. */
static void guest_finds_a_slot(void)
{
	apic_enable();
	apic_write(APIC_TPR, 0x50);
	guest_sync(0);
	guest_expect_eq(read32(APIC_GPA + APIC_TPR), 0x77);
	guest_sync(1);
	guest_expect_eq(apic_read(APIC_TPR), 0x50);
	guest_done();
}

TEST(apic_page_under_a_slot)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_finds_a_slot);
	uint32_t *host = anon_memory(SZ_4K);

	if (distro_modules())
		skip("the distribution's modules have a slot of their own there");
	host[APIC_TPR / 4] = 0x77;
	run_to_sync(vm, 0);
	must(vm_set_slot(vm->fd, 5, 0, APIC_GPA, SZ_4K, host));
	run_to_sync(vm, 1);
	must(vm_set_slot(vm->fd, 5, 0, APIC_GPA, 0, host));
	expect_exit(vm_run(vm), GUEST_DONE);
}
