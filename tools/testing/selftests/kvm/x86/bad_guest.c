// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guests that do what no sane one does: run out of their memory, put tables and stacks where none
 * is, name such places to the paravirtual services, move the APIC about, execute on a device what
 * nobody emulates. Each must end in the exit that the API documents, or go on; the host must not
 * suffer, nor the VMM be kept from interrupting it.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <time.h>

#include "agent.h"
#include "irq.h"

#define MEMORY_END	LOW_MEM_SIZE

static void ignore(int sig)
{
	(void)sig;
}

/*
 * Run for @ms at most; the exit, or -EINTR when it was still going. A signal every 5 ms must get
 * through to whatever the guest does.
 */
static int run_for(struct vm *vm, unsigned int ms)
{
	struct sigaction action = { .sa_handler = ignore };
	const struct itimerspec tick = {
		.it_value.tv_nsec = 5000000, .it_interval.tv_nsec = 5000000,
	}, off = { 0 };
	uint64_t end = now_ms() + ms;
	timer_t timer;
	int r;

	must(sigaction(SIGALRM, &action, NULL));
	must(timer_create(CLOCK_MONOTONIC, NULL, &timer));
	must(timer_settime(timer, 0, &tick, NULL));
	do
		r = vcpu_try_run(&vm->vcpu[0]);
	while (r == -EINTR && now_ms() < end);
	must(timer_settime(timer, 0, &off, NULL));
	timer_delete(timer);
	return r ? r : (int)vm->run->exit_reason;
}

/* KVM API, KVM_CAP_EXIT_ON_EMULATION_FAILURE: what the exit holds; the guest stands still. */
static void expect_emulation_failure(struct vm *vm, uint64_t rip)
{
	struct kvm_run *run = vm->run;
	const uint8_t *code = vm->mem + rip;
	unsigned int n;

	expect_eq(run->exit_reason, KVM_EXIT_INTERNAL_ERROR);
	expect_eq(run->internal.suberror, KVM_INTERNAL_ERROR_EMULATION);
	expect_le(run->internal.ndata, ARRAY_SIZE(run->internal.data));
	expect_eq(vcpu_regs(&vm->vcpu[0]).rip, rip);
	if (!run->internal.ndata ||
	    !(run->emulation_failure.flags & KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES))
		return;
	expect_ge(run->internal.ndata, 3);
	n = run->emulation_failure.insn_size;
	expect(n >= 1 && n <= 15);
	expect(rip + n <= MEMORY_END && !memcmp(run->emulation_failure.insn_bytes, code, n));
}

/* ---- out of memory --------------------------------------------------------------------------- */

static void guest_runs_to_the_end(void)
{
	((void (*)(void))(MEMORY_END - 16))();
}

TEST(execution_over_the_end)
{
	struct vm *vm = vm_start(guest_runs_to_the_end);

	memset(vm->mem + MEMORY_END - 16, 0x90, 16);
	expect_exit(vm_run(vm), KVM_EXIT_INTERNAL_ERROR);
	expect_emulation_failure(vm, MEMORY_END);
}

/* The last byte of memory begins an instruction that goes on where none is. */
TEST(instruction_over_the_end)
{
	struct vm *vm = vm_start(guest_runs_to_the_end);

	memset(vm->mem + MEMORY_END - 16, 0x90, 15);
	vm->mem[MEMORY_END - 1] = 0x0f;
	expect_exit(vm_run(vm), KVM_EXIT_INTERNAL_ERROR);
	expect_emulation_failure(vm, MEMORY_END - 1);
}

/* Execution of what the VMM cannot read: not the guest's fault, and so the VMM's EFAULT. */
static void guest_executes_slot(void)
{
	((void (*)(void))SLOT_GPA)();
}

TEST(execution_of_protected_memory)
{
	struct vm *vm = vm_start(guest_executes_slot);
	uint8_t *host = vm_add_slot(vm, SLOT_GPA, SZ_4K, 0);

	*host = 0xc3;
	must(mprotect(host, SZ_4K, PROT_NONE));
	expect_eq(-vcpu_try_run(&vm->vcpu[0]), EFAULT);
	expect_eq(-vcpu_try_run(&vm->vcpu[0]), EFAULT);
	must(mprotect(host, SZ_4K, PROT_READ | PROT_WRITE));
	expect_exit(vm_run(vm), GUEST_DONE);
}

/*
 * Tables and stacks of the processor itself in no memory. What the hardware's own accesses find
 * there is nothing that a VMM could answer, so that the guest ends by a shutdown or an emulation
 * failure; one that loops instead can be interrupted.
 */
static void use_table(const char *insn, uint64_t base)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) table = { 0xfff, base };

	if (*insn == 'i')
		asm volatile("lidt %0" : : "m"(table) : "memory");
	else
		asm volatile("lgdt %0" : : "m"(table) : "memory");
}

static void guest_idt_nowhere(void)
{
	use_table("idt", HOLE_GPA);
	asm volatile("ud2");
}

static void guest_idt_nowhere_int(void)
{
	use_table("idt", HOLE_GPA);
	asm volatile("int $0x80");
}

static void guest_gdt_nowhere(void)
{
	use_table("gdt", HOLE_GPA);
	asm volatile("mov %0, %%ds; ud2" : : "r"(SEL_DATA));
}

static void guest_stack_nowhere(void)
{
	asm volatile("mov %0, %%rsp; ud2" : : "r"(HOLE_GPA + 0x800));
}

static void guest_stack_nowhere_int(void)
{
	asm volatile("mov %0, %%rsp; int3" : : "r"(HOLE_GPA + 0x800));
}

static void guest_cr3_nowhere(void)
{
	asm volatile("mov %0, %%cr3; ud2" : : "r"(HOLE_GPA) : "memory");
}

static void guest_cr3_beyond_the_slots(void)
{
	asm volatile("mov %0, %%cr3; ud2" : : "r"(1UL << 38) : "memory");
}

static void guest_task_nowhere(void)
{
	struct {
		uint32_t offset;
		uint16_t selector;
	} far = { 0, 0x7f0 };

	asm volatile("ljmp *%0; ud2" : : "m"(far));
}

TEST_LIMIT(tables_and_stacks_nowhere, 60)
{
	static const struct {
		const char *what;
		void (*guest)(void);
		int delivery;		/* of an event: nothing but an internal error is right */
	} rows[] = {
		{ "IDT, exception", guest_idt_nowhere, 1 },
		{ "IDT, software interrupt", guest_idt_nowhere_int, 1 },
		{ "GDT", guest_gdt_nowhere, 0 },
		{ "stack, exception", guest_stack_nowhere, 1 },
		{ "stack, INT3", guest_stack_nowhere_int, 1 },
		{ "CR3", guest_cr3_nowhere, 0 },
		{ "CR3, far away", guest_cr3_beyond_the_slots, 0 },
		{ "selector of no table", guest_task_nowhere, 0 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct vm *vm = vm_start(rows[i].guest);
		int r = run_for(vm, 400);

		note("%s: %s", rows[i].what, r < 0 ? strerror(-r) : exit_name(r));
		/* An exit to the guest's own port is how a fault is reported that was delivered. */
		expect(r == KVM_EXIT_SHUTDOWN || r == KVM_EXIT_INTERNAL_ERROR ||
		       r == KVM_EXIT_MMIO || r == KVM_EXIT_IO || r == -EINTR);
		if (rows[i].delivery) {
			expect_exit(r, KVM_EXIT_INTERNAL_ERROR);
			expect(vm->run->internal.suberror == KVM_INTERNAL_ERROR_DELIVERY_EV ||
			       vm->run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION);
		}
		vm_free(vm);
	}
}

/* The entry of the page directory for @va. */
static uint64_t *directory_entry(struct vm *vm, uint64_t va)
{
	uint64_t *table = in_guest(vm, &guest_pml4[0]);
	int shift;

	for (shift = 39; shift > 21; shift -= 9)
		table = (uint64_t *)(vm->mem + (table[va >> shift & 511] & 0x000ffffffffff000));
	return &table[va >> 21 & 511];
}

/* A page table that the guest may not write: the accessed and dirty bits have no place to go. */
TEST(page_table_in_read_only_memory)
{
	const uint64_t window = HOLE_GPA + SZ_1G / 4, table = SLOT_GPA + SZ_2M;
	struct vm *vm = agent_vm(0);
	uint64_t *rom = vm_add_slot(vm, table, SZ_4K, KVM_MEM_READONLY);
	uint64_t *page = vm_add_slot(vm, SLOT_GPA, SZ_4K, 0);
	uint64_t *entry = directory_entry(vm, window);
	int r;

	/* The distribution's modules take the table itself for what is to be read. */
	if (distro_modules())
		skip("the modules take a table for the instruction's operand");
	rom[0] = SLOT_GPA | PTE_P | PTE_W | PTE_A | PTE_D;
	rom[1] = SLOT_GPA | PTE_P | PTE_W;
	*entry = table | PTE_P | PTE_W | PTE_A;
	page[0] = 0x77;
	/* Both bits are set already. */
	expect_eq(agent_read(vm, window), 0x77);
	agent_write(vm, window, 0x78);
	expect_eq(page[0], 0x78);
	/* They are not: whatever comes of it, the table stays as it is. */
	r = agent_try(vm, AGENT_READ, window + SZ_4K, 0);
	note("accessed bit: %s", r ? strerror(-r) : exit_name(vm->run->exit_reason));
	expect_eq(rom[1], SLOT_GPA | PTE_P | PTE_W);
}

/* ---- loops ----------------------------------------------------------------------------------- */

static void on_ud_again(struct trap_frame *f)
{
	(void)f;	/* returns to the UD2 */
}

static void guest_faults_for_ever(void)
{
	guest_on(VEC_UD, on_ud_again);
	asm volatile("ud2");
}

static void guest_page_fault_storm(void)
{
	guest_on(VEC_PF, on_ud_again);
	(void)read8(1UL << 40);
}

static void guest_spins_with_interrupts_off(void)
{
	for (;;)
		cli();
}

static void guest_halts_with_interrupts_off(void)
{
	for (;;) {
		cli();
		hlt();
	}
}

static void guest_interrupts_itself(void)
{
	guest_on(0x61, on_apic_irq);
	apic_only();
	sti();
	for (;;)
		apic_write(APIC_ICR, 1 << 18 | 0x61);
}

static void guest_timer_of_nothing(void)
{
	guest_on(0x62, on_apic_irq);
	apic_only();
	apic_write(APIC_TDCR, 0xb);
	apic_write(APIC_LVTT, 0x62 | 1 << 17);
	apic_write(APIC_TMICT, 1);
	for (;;)
		sti_hlt_cli();
}

static void guest_resets_itself(void)
{
	apic_enable();
	for (;;)
		apic_write(APIC_ICR, 1 << 18 | 5 << 8 | 1 << 14);	/* INIT to itself */
}

/* What never ends by itself can be interrupted, always. */
TEST_LIMIT(endless_guests, 60)
{
	static void (* const guests[])(void) = {
		guest_faults_for_ever, guest_page_fault_storm, guest_spins_with_interrupts_off,
		guest_halts_with_interrupts_off, guest_interrupts_itself, guest_timer_of_nothing,
		guest_resets_itself,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(guests); i++) {
		struct vm *vm = vm_start_with(VM_IRQCHIP, guests[i]);
		int r = run_for(vm, 300);

		if (r != -EINTR && guests[i] != guest_resets_itself)
			fail("guest %u: %s", i, r < 0 ? strerror(-r) : exit_name(r));
		vm_free(vm);
	}
}

/* ---- paravirtual services that point nowhere ------------------------------------------------- */

#define MSR_WALL	0x4b564d00
#define MSR_CLOCK	0x4b564d01
#define MSR_STEAL	0x4b564d03
#define MSR_PV_EOI	0x4b564d04

static const uint64_t nowhere[] = {
	HOLE_GPA,			/* no slot */
	MEMORY_END - 4,			/* begins in one and ends in none */
	MEMORY_END - 64,		/* just inside */
	1UL << 45,
	(1UL << 52) - 64,		/* beyond what the processor can address */
	0x000ffffffffff000,
	~0UL << 2,
	SLOT_GPA,			/* read-only */
	SLOT_GPA + SZ_2M,		/* the VMM has no memory there */
	0,
	0xfee00000,
};

static uint32_t taken;

/*
 * To the guest's next word. Where there is a slot and the VMM has no memory behind it the run may
 * end with EFAULT, as with any access there: it goes on when the VMM has mended that.
 */
static void run_and_mend(struct vm *vm, uint64_t value, void *gone)
{
	int r, tries;

	for (tries = 0; tries < 10; tries++) {
		r = vcpu_try_run(&vm->vcpu[0]);
		if (r != -EFAULT)
			break;
		expect(mmap(gone, SZ_4K, PROT_READ | PROT_WRITE,
			    MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == gone);
	}
	expect_eq(r, 0);
	expect_eq(vm->run->exit_reason, KVM_EXIT_IO);
	expect_eq(vm->run->io.port, GUEST_PORT);
	expect_eq(vcpu_regs(&vm->vcpu[0]).rsi, value);
}

/* A #GP is right for what cannot be an address; then nothing is enabled. */
static void try_all(uint64_t where)
{
	try_wrmsr(MSR_CLOCK, where | 1);
	try_wrmsr(MSR_WALL, where);
	try_wrmsr(MSR_STEAL, (where & ~63UL) | 1);
	taken += try_wrmsr(MSR_PV_EOI, (where & ~3UL) | 1) == NO_FAULT;
}

static void guest_points_nowhere(void)
{
	unsigned int i;

	guest_on(0x61, on_apic_irq);
	apic_only();
	for (i = 0; i < ARRAY_SIZE(nowhere); i++) {
		try_all(nowhere[i]);
		guest_sync(i);
		apic_write(APIC_ICR, 1 << 18 | 0x61);
		sti_and_cli();
		guest_cpuid(0, 0);
		guest_expect_eq(hit_count(0x61), i + 1);
		guest_sync(i);
	}
	try_wrmsr(MSR_CLOCK, 0);
	try_wrmsr(MSR_STEAL, 0);
	try_wrmsr(MSR_PV_EOI, 0);
}

TEST(services_point_nowhere)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_points_nowhere);
	uint8_t *gone;
	unsigned int i;

	vm_add_slot(vm, SLOT_GPA, SZ_4K, KVM_MEM_READONLY);
	gone = vm_add_slot(vm, SLOT_GPA + SZ_2M, SZ_4K, 0);
	must(munmap(gone, SZ_4K));
	for (i = 0; i < ARRAY_SIZE(nowhere); i++) {
		run_and_mend(vm, i, gone);
		usleep(2000);		/* the vCPU is put away, and says so in memory */
		run_and_mend(vm, i, gone);
	}
	expect_exit(vm_run(vm), GUEST_DONE);
}

/* They pointed to memory, and then that was taken away, moved, made read-only, put back. */
static uint64_t rounds;

static void guest_uses_services(void)
{
	guest_on(0x61, on_apic_irq);
	apic_only();
	wrmsr(MSR_CLOCK, SLOT_GPA | 1);
	wrmsr(MSR_STEAL, (SLOT_GPA + 0x100) | 1);
	wrmsr(MSR_PV_EOI, (SLOT_GPA + 0x200) | 1);
	for (;;) {
		rounds++;
		apic_write(APIC_ICR, 1 << 18 | 0x61);
		sti_and_cli();
		guest_sync(GUEST_ONCE(rounds));
	}
}

TEST(memory_of_services_goes)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_uses_services);
	struct kvm_clock_data clock = { 0 };
	uint64_t *host = anon_memory(SZ_4K), round = 1;
	int i;

	for (i = 0; i < 4; i++) {
		must(vm_set_slot(vm->fd, 7, 0, SLOT_GPA, SZ_4K, host));
		run_to_sync(vm, round++);
		usleep(1000);
		run_to_sync(vm, round++);
		must(vm_set_slot(vm->fd, 7, 0, SLOT_GPA + SZ_2M, SZ_4K, host));
		must(ioctl(vm->fd, KVM_SET_CLOCK, &clock));	/* the page is to be written anew */
		run_to_sync(vm, round++);
		must(vm_set_slot(vm->fd, 7, 0, 0, 0, NULL));
		must(ioctl(vm->fd, KVM_SET_CLOCK, &clock));
		usleep(1000);
		run_to_sync(vm, round++);
		must(vm_set_slot(vm->fd, 7, KVM_MEM_READONLY, SLOT_GPA, SZ_4K, host));
		must(ioctl(vm->fd, KVM_SET_CLOCK, &clock));
		run_to_sync(vm, round++);
		must(vm_set_slot(vm->fd, 7, 0, 0, 0, NULL));
		must(vm_set_slot(vm->fd, 7, 0, SLOT_GPA, SZ_4K, host));
		must(mprotect(host, SZ_4K, PROT_NONE));
		must(ioctl(vm->fd, KVM_SET_CLOCK, &clock));
		run_and_mend(vm, round++, host);
		must(mprotect(host, SZ_4K, PROT_READ | PROT_WRITE));
		must(vm_set_slot(vm->fd, 7, 0, 0, 0, NULL));
	}
}

/* ---- the APIC page anywhere ------------------------------------------------------------------ */

static void guest_moves_apic(void)
{
	uint32_t version = apic_read(0x30);
	uint64_t base = rdmsr(MSR_APICBASE) & 0xfff;

	/* To a hole: it answers there, and no more at its old place. */
	wrmsr(MSR_APICBASE, HOLE_GPA | base);
	guest_expect_eq(read32(HOLE_GPA + 0x30), version);
	guest_sync(read32(APIC_GPA + 0x30));
	/* Over memory; whichever of the two answers, nothing breaks. */
	wrmsr(MSR_APICBASE, SLOT_GPA | base);
	(void)read32(SLOT_GPA + 0x30);
	write32(SLOT_GPA + 0xb0, 0);
	wrmsr(MSR_APICBASE, SZ_4K | base);
	(void)read32(SZ_4K + 0x30);
	/* Where no address goes. */
	guest_expect_eq(try_wrmsr(MSR_APICBASE, 1UL << 60 | base), VEC_GP);
	guest_expect_eq(try_wrmsr(MSR_APICBASE, APIC_GPA | base | 1 << 9), VEC_GP);
	/* x2APIC without being on; on by way of off. */
	guest_expect_eq(try_wrmsr(MSR_APICBASE, (APIC_GPA | APICBASE_X2 | base) & ~APICBASE_EN),
			VEC_GP);
	wrmsr(MSR_APICBASE, APIC_GPA | (base & ~APICBASE_EN));
	guest_expect_eq(try_wrmsr(MSR_APICBASE, APIC_GPA | base | APICBASE_X2), VEC_GP);
	wrmsr(MSR_APICBASE, APIC_GPA | base);
	guest_expect_eq(apic_read(0x30), version);
}

TEST(apic_base_anywhere)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_moves_apic);

	vm_add_slot(vm, SLOT_GPA, SZ_4K, 0);
	expect_exit(vm_run(vm), KVM_EXIT_MMIO);
	expect_eq(vm->run->mmio.phys_addr, APIC_GPA + 0x30);
	*(uint32_t *)vm->run->mmio.data = 0x1234;
	run_to_sync(vm, 0x1234);
	expect_exit(vm_run(vm), GUEST_DONE);
}

/* ---- what nobody emulates -------------------------------------------------------------------- */

#define ON_DEVICE(name, insn)							\
	static void name(void)							\
	{									\
		asm volatile(insn : : "r"(HOLE_GPA) : "memory");		\
	}

ON_DEVICE(fist, "fistl (%0)")
ON_DEVICE(fnsave, "fnsave (%0)")
ON_DEVICE(fldenv, "fldenv (%0)")
ON_DEVICE(pshufb, ".byte 0x66; pshufb (%0), %%mm0")
ON_DEVICE(aesenc, "aesenc (%0), %%xmm0")
ON_DEVICE(crc32, "crc32q (%0), %%rax")

TEST(not_emulated)
{
	static void (* const guests[])(void) = { fist, fnsave, fldenv, pshufb, aesenc, crc32 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(guests); i++) {
		struct vm *vm = vm_start(guests[i]);
		int r = vm_run(vm);

		note("%u: %s", i, exit_name(r));
		/* Whoever can do one of them asks the device. */
		if (r == KVM_EXIT_MMIO)
			continue;
		expect_exit(r, KVM_EXIT_INTERNAL_ERROR);
		expect_emulation_failure(vm, vcpu_regs(&vm->vcpu[0]).rip);
		vm_free(vm);
	}
}

/*
 * A process of the guest that was given a device must not be able to end its VM by an instruction:
 * it gets #UD, unless the VMM has asked to see all failures.
 */
static uint8_t user_stack[SZ_4K] __attribute__((aligned(16)));

static void user_code(void)
{
	asm volatile("fildl (%0); int $0x81" : : "r"(HOLE_GPA));
}

static void on_user_ud(struct trap_frame *f)
{
	guest_expect_eq(f->cs, SEL_USER_CODE);
	guest_expect_eq(*(uint8_t *)f->rip, 0xdb);
	for (;;)
		guest_done();
}

static void guest_has_process(void)
{
	guest_on(VEC_UD, on_user_ud);
	asm volatile("fninit; push %0; push %1; push $2; push %2; push %3; iretq" : :
		     "r"((uint64_t)SEL_USER_DATA), "r"(user_stack + SZ_4K - 8),
		     "r"((uint64_t)SEL_USER_CODE), "r"(user_code) : "memory");
}

TEST(not_emulated_for_a_process)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_EXIT_ON_EMULATION_FAILURE, .args = { 1 },
	};
	struct vm *vm = vm_start(guest_has_process);

	expect_exit(vm_run(vm), GUEST_DONE);
	if (!kvm_cap(KVM_CAP_EXIT_ON_EMULATION_FAILURE))
		return;
	vm = vm_start(guest_has_process);
	must(ioctl(vm->fd, KVM_ENABLE_CAP, &cap));
	expect_exit(vm_run(vm), KVM_EXIT_INTERNAL_ERROR);
	expect_eq(vm->run->emulation_failure.flags,
		  KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES);
	expect_emulation_failure(vm, vcpu_regs(&vm->vcpu[0]).rip);
	cap.args[0] = 2;
	expect_errno(ioctl(vm->fd, KVM_ENABLE_CAP, &cap), EINVAL);
}

/* ---- read-only memory ------------------------------------------------------------------------ */

static void guest_writes_rom(void)
{
	uint64_t v, n, to;

	asm volatile("lock orl $1, (%0)" : : "r"(SLOT_GPA) : "memory");
	v = 0;
	asm volatile("lock cmpxchgq %1, (%2)" : "+a"(v) : "r"(7UL), "r"(SLOT_GPA + 8) : "memory");
	asm volatile("mov %%rsp, %%rbx; mov %0, %%rsp; push $5; mov %%rbx, %%rsp"
		     : : "r"(SLOT_GPA + 0x100) : "rbx", "memory");
	n = 2, to = SLOT_GPA + 0x200;
	asm volatile("rep stosl" : "+c"(n), "+D"(to) : "a"(9) : "memory");
	n = 2, to = SLOT_GPA + 0x300;
	asm volatile("rep insb" : "+c"(n), "+D"(to) : "d"(0x77) : "memory");
	guest_expect_eq(read64(SLOT_GPA), 0x5555555555555555);
}

/* However the guest writes, it is told to the VMM as MMIO, and the memory is as before. */
TEST(writes_to_read_only_memory)
{
	struct vm *vm = vm_start(guest_writes_rom);
	uint8_t *rom = vm_add_slot(vm, SLOT_GPA, SZ_4K, KVM_MEM_READONLY);
	unsigned int i, writes = 0;
	int exit;

	memset(rom, 0x55, SZ_4K);
	while ((exit = vm_run(vm)) == KVM_EXIT_MMIO || exit == KVM_EXIT_IO)
		if (exit == KVM_EXIT_MMIO && vm->run->mmio.is_write)
			writes++;
	expect_exit(exit, GUEST_DONE);
	expect_ge(writes, 6);
	for (i = 0; i < SZ_4K; i++)
		expect_eq(rom[i], 0x55);
}

/* ---- hypercalls ------------------------------------------------------------------------------ */

static long hypercall(long nr, long a, long b, long c, long d)
{
	long r;

	asm volatile("vmmcall" : "=a"(r) : "a"(nr), "b"(a), "c"(b), "d"(c), "S"(d) : "memory");
	return r;
}

static void guest_calls_nonsense(void)
{
	static const uint64_t args[] = { 0, 1, ~0UL, 1UL << 63, 0x7fffffff, HOLE_GPA, 255 };
	uint64_t nr, i, j;

	for (nr = 0; nr < 16; nr++)
		for (i = 0; i < ARRAY_SIZE(args); i++)
			for (j = 0; j < ARRAY_SIZE(args); j++)
				hypercall(nr, args[i], args[j], args[(i + j) % 7],
					  args[j] & ~0x700UL);
	guest_expect_eq(hypercall(~0UL, 0, 0, 0, 0), -1000L);
	guest_expect_eq(hypercall(1UL << 32, 0, 0, 0, 0), -1000L);
}

TEST(nonsense_hypercalls)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_calls_nonsense);

	expect_exit(vm_run(vm), GUEST_DONE);
	vm = vm_start(guest_calls_nonsense);
	expect_exit(vm_run(vm), GUEST_DONE);
}
