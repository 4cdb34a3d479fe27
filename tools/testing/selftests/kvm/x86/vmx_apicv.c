// SPDX-License-Identifier: GPL-2.0-only
/*
 * The local APIC by the processor (enable_apicv): interrupts that it delivers and ends by itself,
 * seen in the count of exits; EOIs that somebody has to hear of; deliveries that are cut short; and
 * what KVM_GET_LAPIC has of it all.
 */
#include "irq.h"
#include "vmx.h"

#define X2(reg)		(0x800 + (reg) / 16)
#define X2_EOI		X2(0xb0)
#define X2_SELF_IPI	0x83f
#define IPIS		300
#define ROUNDS		200

static uint32_t by_msr;

static void on_x2_irq(struct trap_frame *f)
{
	fetch_add(&hits[f->vector], 1);
	wrmsr(X2_EOI, 0);
}

static void self_ipi(uint8_t vector)
{
	if (by_msr)
		wrmsr(X2_SELF_IPI, vector);
	else
		apic_write(APIC_ICR, 1 << 18 | vector);
}

/* With interrupts on each comes at once; with them off, when they are let in, the highest first. */
static void guest_sends_to_itself(void)
{
	uint32_t i;

	apic_only();
	if (by_msr)
		wrmsr(MSR_APICBASE, rdmsr(MSR_APICBASE) | APICBASE_X2);
	guest_on(0x51, by_msr ? on_x2_irq : on_apic_irq);
	guest_on(0x62, by_msr ? on_x2_irq : on_apic_irq);
	guest_sync(0);
	sti();
	for (i = 0; i < IPIS; i++) {
		self_ipi(0x51);
		while (hit_count(0x51) == i)
			cpu_relax();
	}
	for (i = 0; i < IPIS; i++) {
		cli();
		self_ipi(0x51);
		self_ipi(0x62);
		sti();
	}
	cli();
	guest_sync(1);
	guest_expect_eq(hit_count(0x51), 2 * IPIS);
	guest_expect_eq(hit_count(0x62), IPIS);
	guest_done();
}

static struct vm *start_in_mode(int msr, void (*guest)(void))
{
	struct vm *vm;

	require("enable_apicv");
	vm = vm_start_with(VM_IRQCHIP, guest);
	*in_guest(vm, &by_msr) = msr;
	must(ioctl(vm->vcpu[0].fd, KVM_SET_CPUID2, supported_cpuid()));
	run_to_sync(vm, 0);
	return vm;
}

static void expect_few_exits(int msr)
{
	struct vm *vm = start_in_mode(msr, guest_sends_to_itself);
	uint64_t exits = exits_of(vm, 1);

	note("%lu exits for %u interrupts", exits, 3 * IPIS);
	expect_le(exits, IPIS / 4);
	expect_exit(vm_run(vm), GUEST_DONE);
}

/* IPI to oneself, delivery and EOI all take place in the guest. */
TEST(interrupts_cost_no_exit)
{
	expect_few_exits(0);
}

TEST(interrupts_of_x2apic_cost_no_exit)
{
	expect_few_exits(1);
}

/* Some ticks of the host long, and without an exit of its own. */
static void spin_for_long(void)
{
	uint32_t i;

	for (i = 0; i < 2000000; i++)
		asm volatile("");
}

static void guest_keeps_interrupts_off(void)
{
	uint32_t i;

	apic_only();
	guest_on(0x51, on_apic_irq);
	guest_sync(0);
	for (i = 0; i < 10; i++) {
		sti_and_cli();
		self_ipi(0x51);
		spin_for_long();
		guest_expect_eq(hit_count(0x51), i);
		sti_and_cli();
		guest_expect_eq(hit_count(0x51), i + 1);
	}
	guest_done();
}

/* What is pending waits for IF, also when an interrupt of the host ends the guest meanwhile. */
TEST(pending_waits_for_if)
{
	struct vm *vm;

	fails_in_bochs("an interrupt of the host delivers what is pending, though IF is clear");
	vm = start_in_mode(0, guest_keeps_interrupts_off);
	expect_exit(vm_run(vm), GUEST_DONE);
}

/* ---- lines ----------------------------------------------------------------------------------- */

#define PIN		5
#define LINE_VECTOR	0x55

static uint32_t level;

static void guest_takes_lines(void)
{
	uint32_t i;

	guest_on(LINE_VECTOR, on_apic_irq);
	apic_only();
	ioapic_route(PIN, LINE_VECTOR, level ? IOAPIC_LEVEL : 0);
	guest_sync(0);
	for (i = 1; i <= ROUNDS; i++) {
		sti_and_cli();
		guest_expect_eq(hit_count(LINE_VECTOR), i);
		guest_sync(i);
	}
	guest_done();
}

static struct vm *start_lines(int is_level)
{
	struct vm *vm;

	require("enable_apicv");
	vm = vm_start_with(VM_IRQCHIP, guest_takes_lines);
	*in_guest(vm, &level) = is_level;
	run_to_sync(vm, 0);
	return vm;
}

/* Each round the guest comes out once, to have its line raised; that is all. */
TEST(edge_costs_no_exit)
{
	struct vm *vm = start_lines(0);
	uint64_t exits = 0;
	int i;

	for (i = 1; i <= ROUNDS; i++) {
		irq_line(vm, PIN, 1);
		irq_line(vm, PIN, 0);
		exits += exits_of(vm, i);
	}
	note("%lu exits for %u interrupts and as many calls", exits, ROUNDS);
	expect_le(exits, ROUNDS + ROUNDS / 4);
	expect_exit(vm_run(vm), GUEST_DONE);
}

/*
 * The IOAPIC hears of the end of a level-triggered one: a line that is up still interrupts again,
 * and one that is down does so when it rises the next time.
 */
static uint32_t level_rounds;

static void on_level(struct trap_frame *f)
{
	if (fetch_add(&hits[f->vector], 1) % 3 == 2)
		guest_sync(100 + ++level_rounds);	/* the host takes the line down */
	apic_eoi();
}

static void guest_takes_levels(void)
{
	uint32_t i;

	guest_on(LINE_VECTOR, on_level);
	apic_only();
	ioapic_route(PIN, LINE_VECTOR, IOAPIC_LEVEL);
	guest_sync(0);
	for (i = 1; i <= 3; i++) {
		sti_and_cli();
		sti_and_cli();
		sti_and_cli();
		sti_and_cli();
		guest_expect_eq(hit_count(LINE_VECTOR), 3 * i);
		guest_expect_eq(ioapic_read(0x10 + 2 * PIN) & IOAPIC_REMOTE_IRR, 0);
		guest_sync(i);
	}
	guest_done();
}

TEST(level_comes_again)
{
	struct vm *vm;
	uint64_t exits;
	int i;

	require("enable_apicv");
	vm = vm_start_with(VM_IRQCHIP, guest_takes_levels);
	run_to_sync(vm, 0);
	for (i = 1; i <= 3; i++) {
		irq_line(vm, PIN, 1);
		exits = exits_of(vm, 100 + i);
		expect_ge(exits, 3);		/* the EOIs of two, and the call */
		irq_line(vm, PIN, 0);
		run_to_sync(vm, i);
	}
	expect_exit(vm_run(vm), GUEST_DONE);
}

/* What was an edge becomes a level while the guest runs: its EOIs exit from then on. */
static void guest_changes_the_trigger(void)
{
	guest_on(LINE_VECTOR, on_apic_irq);
	apic_only();
	ioapic_route(PIN, LINE_VECTOR, 0);
	guest_sync(0);
	sti_and_cli();
	guest_expect_eq(hit_count(LINE_VECTOR), 1);
	ioapic_route(PIN, LINE_VECTOR, IOAPIC_LEVEL);
	sti_and_cli();
	sti_and_cli();
	guest_expect(hit_count(LINE_VECTOR) >= 3);
	guest_done();
}

TEST(edge_becomes_level)
{
	struct vm *vm;

	require("enable_apicv");
	vm = vm_start_with(VM_IRQCHIP, guest_changes_the_trigger);
	run_to_sync(vm, 0);
	irq_line(vm, PIN, 1);
	expect_exit(vm_run(vm), GUEST_DONE);
}

/* ---- deliveries that are cut short ----------------------------------------------------------- */

/*
 * An IDT in a page that nobody has touched yet ends a delivery with an exit. Each event must come
 * once, whatever came before it; also an exception of a handler whose interrupt is in service.
 */
#define TABLES		SLOT_GPA
#define NR_TABLES	64

static uint32_t table;

static void fresh_table(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) idtr = { SZ_4K - 1, TABLES + table++ * SZ_4K };

	asm volatile("lidt %0" : : "m"(idtr) : "memory");
}

static void on_count(struct trap_frame *f)
{
	fetch_add(&hits[f->vector], 1);
}

/* Behind the two bytes of a DIV or of an UD2. */
static void on_fault(struct trap_frame *f)
{
	fetch_add(&hits[f->vector], 1);
	f->rip += 2;
}

static void divide_by_zero(void)
{
	asm volatile("div %%cl" : : "a"(1), "c"(0) : "cc");
}

static void nothing(void)
{
}

static void soft_interrupt(void)
{
	asm volatile("int $0x44" : : : "memory");
}

static void breakpoint(void)
{
	asm volatile("int3" : : : "memory");
}

static void injected_fault(void)
{
	asm volatile("rdmsr" : : "c"(0x12345678) : "eax", "edx");	/* #GP, by the host */
}

static void (*const befores[])(void) = {
	nothing, soft_interrupt, breakpoint, divide_by_zero, injected_fault,
};

#define NR_BEFORES	(sizeof(befores) / sizeof(befores[0]))

static void (*in_handler)(void);

static void on_cut_short(struct trap_frame *f)
{
	fetch_add(&hits[f->vector], 1);
	if (in_handler) {
		sti();
		fresh_table();
		in_handler();
		cli();
	}
	apic_eoi();
}

static uint32_t all_faults(void)
{
	return hit_count(VEC_DE) + hit_count(VEC_BP) + hit_count(VEC_GP) + hit_count(0x44);
}

static void guest_is_cut_short(void)
{
	uint32_t i, faults;

	guest_on(VEC_DE, on_fault);
	guest_on(VEC_GP, on_fault);
	guest_on(VEC_BP, on_count);
	guest_on(0x44, on_count);
	guest_on(0x71, on_cut_short);
	apic_only();
	sti();
	for (i = 0; i < NR_BEFORES; i++) {
		befores[i]();
		faults = all_faults();
		fresh_table();
		self_ipi(0x71);
		guest_expect_eq(hit_count(0x71), i + 1);
		guest_expect_eq(all_faults(), faults);
	}
	for (i = 0; i < NR_BEFORES; i++) {
		in_handler = befores[i];
		faults = all_faults();
		self_ipi(0x71);
		guest_expect_eq(hit_count(0x71), NR_BEFORES + i + 1);
		guest_expect_eq(all_faults(), faults + (i > 0));
		guest_expect_eq(apic_read(APIC_PPR), 0);
	}
	guest_done();
}

TEST(deliveries_are_cut_short)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_is_cut_short);
	uint8_t *tables = vm_add_slot(vm, TABLES, NR_TABLES * SZ_4K, 0);
	int i;

	for (i = 0; i < NR_TABLES; i++)
		memcpy(tables + i * SZ_4K, in_guest(vm, &guest_idt[0]), SZ_4K);
	/* Or a page of 2M would bring them all. */
	must(madvise(tables, NR_TABLES * SZ_4K, MADV_NOHUGEPAGE));
	expect_exit(vm_run(vm), GUEST_DONE);
}

/* ---- registers ------------------------------------------------------------------------------- */

/* What /proc/cpuinfo has in its line of VMX flags. */
static int has_vmx_flag(const char *flag)
{
	char line[4096], *word;
	FILE *f = fopen("/proc/cpuinfo", "r");
	int found = 0;

	expect(f);
	while (!found && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "vmx flags", 9))
			continue;
		for (word = strtok(line, " \t\n"); word; word = strtok(NULL, " \t\n"))
			found |= !strcmp(word, flag);
	}
	fclose(f);
	return found;
}

/* Registers that can be read in both modes, and have what was written or what reset left. */
static const struct {
	uint32_t reg, value;
} readable[] = {
	{ APIC_TPR, 0x30 }, { APIC_SVR, 0x1ff }, { APIC_ISR + 0x20, 0 }, { 0x1a0, 0 },
	{ APIC_IRR + 0x20, 0 }, { 0x280, 0 }, { 0x330, 0x10000 }, { 0x340, 0x100f2 },
	{ 0x360, 0x10000 }, { 0x370, 0x10000 }, { APIC_LVTT, 0x10070 }, { APIC_TDCR, 0xb },
	{ APIC_TMICT, 0 },
};

#define NR_READABLE	(sizeof(readable) / sizeof(readable[0]))

static void set_register(uint32_t reg, uint32_t value)
{
	if (by_msr)
		wrmsr(X2(reg), value);
	else
		apic_write(reg, value);
}

static uint64_t get_register(uint32_t reg)
{
	return by_msr ? rdmsr(X2(reg)) : apic_read(reg);
}

static void guest_reads_registers(void)
{
	uint32_t i, j;

	apic_only();
	if (by_msr)
		wrmsr(MSR_APICBASE, rdmsr(MSR_APICBASE) | APICBASE_X2);
	set_register(APIC_TPR, 0x30);
	set_register(APIC_LVTT, 0x10070);
	set_register(0x340, 0x100f2);
	set_register(APIC_TDCR, 0xb);
	guest_sync(0);
	for (i = 0; i < ROUNDS; i++)
		for (j = 0; j < NR_READABLE; j++)
			guest_expect_eq(get_register(readable[j].reg), readable[j].value);
	guest_sync(1);
	/* These are read otherwise, and are right. */
	guest_expect_eq(get_register(APIC_PPR), 0x30);
	set_register(APIC_TMICT, 1000000000);
	guest_expect(get_register(APIC_TMCCT) - 1 < 1000000000);
	set_register(APIC_TMICT, 0);
	guest_expect_eq(get_register(APIC_TMCCT), 0);
	if (!by_msr)
		guest_done();
	wrmsr(X2(APIC_ICR), 2UL << 32 | 0x4000);	/* to nobody */
	guest_expect_eq(rdmsr(X2(APIC_ICR)), 2UL << 32 | 0x4000);
	guest_expect_eq(try_rdmsr(X2(APIC_DFR)), VEC_GP);
	guest_expect_eq(try_rdmsr(X2_EOI), VEC_GP);
	guest_expect_eq(try_wrmsr(X2_EOI, 1), VEC_GP);
	guest_expect_eq(try_wrmsr(X2(APIC_TPR), 0x100), VEC_GP);
	guest_done();
}

static void expect_reads_without_exit(int msr)
{
	struct vm *vm;
	uint64_t exits;

	if (!has_vmx_flag("vapic_reg"))
		skip("the processor has no APIC-register virtualization");
	vm = start_in_mode(msr, guest_reads_registers);
	exits = exits_of(vm, 1);
	note("%lu exits for %lu reads", exits, ROUNDS * NR_READABLE);
	expect_le(exits, ROUNDS);
	expect_exit(vm_run(vm), GUEST_DONE);
}

TEST(reads_cost_no_exit)
{
	expect_reads_without_exit(0);
}

TEST(reads_of_x2apic_cost_no_exit)
{
	expect_reads_without_exit(1);
}

/*
 * A write of what must not be written so stands in the page for a moment: what is read is what the
 * register can hold, and what the register does has been done.
 */
static void guest_writes_registers(void)
{
	apic_only();
	apic_write(APIC_LVTT, 0xffffff70);
	guest_expect_eq(apic_read(APIC_LVTT) & ~0x60000, 0x10070);
	apic_write(0x340, 0xffffffff);
	guest_expect_eq(apic_read(0x340), 0x107ff);
	apic_write(APIC_DFR, 0);
	guest_expect_eq(apic_read(APIC_DFR), 0x0fffffff);
	apic_write(APIC_DFR, ~0U);
	apic_write(APIC_LDR, 0x04ffffff);
	guest_expect_eq(apic_read(APIC_LDR), 0x04000000);
	apic_write(0x280, 0xff);
	guest_expect_eq(apic_read(0x280), 0);
	apic_write(0x30, 0);
	guest_expect_eq(apic_read(0x30) & 0xff, 0x14);
	/* The logical destination is in force. */
	guest_on(0x61, on_apic_irq);
	apic_write(APIC_ICR2, 0x04000000);
	apic_write(APIC_ICR, 0x861);
	sti_and_cli();
	guest_expect_eq(hit_count(0x61), 1);
	/* Switched off by software, its LVT is masked and stays so. */
	apic_write(APIC_SVR, 0xff);
	apic_write(APIC_LVTT, 0x70);
	guest_expect_eq(apic_read(APIC_LVTT), 0x10070);
	apic_write(APIC_SVR, 0x1ff);
	guest_done();
}

TEST(writes_are_cut_to_size)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_writes_registers);

	expect_exit(vm_run(vm), GUEST_DONE);
}

/* ---- saved and restored ---------------------------------------------------------------------- */

/*
 * What is in service and what waits goes with the state of the LAPIC, into another vCPU that has
 * never had them.
 */
static uint32_t order[4], nr_order;

static void on_saved(struct trap_frame *f)
{
	order[nr_order++] = f->vector;
	if (f->vector == 0x81)
		guest_sync(0x81);
	apic_eoi();
}

static void guest_is_saved(void)
{
	apic_only();
	guest_on(0x51, on_saved);
	guest_on(0x81, on_saved);
	guest_on(0x92, on_saved);
	apic_write(APIC_ICR, 1 << 18 | 0x51);
	apic_write(APIC_ICR, 1 << 18 | 0x81);
	sti_and_cli();
	sti_and_cli();
	guest_expect_eq(nr_order, 3);
	guest_expect_eq(order[0], 0x81);
	guest_expect_eq(order[1], 0x92);
	guest_expect_eq(order[2], 0x51);
	guest_expect_eq(apic_read(APIC_ISR + 0x40), 0);
	guest_expect_eq(apic_read(APIC_PPR), 0);
	guest_done();
}

static uint32_t *vector_word(struct kvm_lapic_state *s, unsigned int reg, unsigned int vector)
{
	return (uint32_t *)(s->regs + reg + vector / 32 * 16);
}

TEST(interrupts_are_saved_and_restored)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_is_saved);
	struct kvm_lapic_state state, empty;

	must(ioctl(vm->vcpu[0].fd, KVM_GET_LAPIC, &empty));
	run_to_sync(vm, 0x81);
	must(ioctl(vm->vcpu[0].fd, KVM_GET_LAPIC, &state));
	expect_eq(*vector_word(&state, APIC_ISR, 0x81) >> (0x81 % 32) & 1, 1);
	expect_eq(*vector_word(&state, APIC_IRR, 0x51) >> (0x51 % 32) & 1, 1);
	expect_eq(*vector_word(&state, APIC_IRR, 0x81) >> (0x81 % 32) & 1, 0);
	must(ioctl(vm->vcpu[0].fd, KVM_SET_LAPIC, &empty));
	*vector_word(&state, APIC_IRR, 0x92) |= 1U << 0x92 % 32;
	must(ioctl(vm->vcpu[0].fd, KVM_SET_LAPIC, &state));
	expect_exit(vm_run(vm), GUEST_DONE);
}
