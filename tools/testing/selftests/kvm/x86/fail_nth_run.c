// SPDX-License-Identifier: GPL-2.0-only
/*
 * Failures on the way (see lib/walk.h) of KVM_RUN.
 *
 * The host has no memory, or cannot copy, while the guest does something once. KVM_RUN may end with
 * -ENOMEM or -EFAULT; run again, the guest goes on and has seen nothing: what it did has been done
 * once, with the right result, by the guest's own account and by the host's.
 */
#define _GNU_SOURCE
#include <fcntl.h>

#include "irq.h"
#include "walk.h"

#define SLOT		7
#define SLOT_SIZE	(2 * SZ_2M)
#define PORT		0x510
#define BYTES		24

static uint8_t *memory;			/* of the slot, at a multiple of 2 MiB */
static uint8_t out_bytes[2 * BYTES];	/* what came out by port and MMIO, in order */
static unsigned int out_n, in_n;

static void take_out(const uint8_t *data, unsigned int n)
{
	if (out_n + n > sizeof(out_bytes)) {
		fail_nth_arm(0);
		fail("more comes out than went in");
	}
	memcpy(out_bytes + out_n, data, n);
	out_n += n;
}

/* The n'th byte that the guest reads is n. */
static void give_in(uint8_t *data, unsigned int n)
{
	while (n--)
		*data++ = in_n++;
}

static void serve_port(struct kvm_run *run)
{
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	unsigned int n = run->io.size * run->io.count;

	if (run->io.direction == KVM_EXIT_IO_OUT)
		take_out(data, n);
	else
		give_in(data, n);
}

static void serve_mmio(struct kvm_run *run)
{
	if (run->mmio.phys_addr < HOLE_GPA) {
		fail_nth_arm(0);
		fail("memory at %#llx is taken for a device", run->mmio.phys_addr);
	}
	if (run->mmio.is_write)
		take_out(run->mmio.data, run->mmio.len);
	else
		give_in(run->mmio.data, run->mmio.len);
}

/* Gives 1 when the guest has come to its guest_sync(). */
static int spoken(struct scene *s, struct kvm_run *run)
{
	struct kvm_regs regs;

	if (*(uint32_t *)((uint8_t *)run + run->io.data_offset) == OP_SYNC)
		return 1;
	fail_nth_arm(0);
	regs = vcpu_regs(s->vcpu);
	fail_at((const char *)regs.rsi, (int)regs.rdi, "guest: %s, got %#llx and %#llx",
		(const char *)regs.r8, regs.r9, regs.r10);
}

static long run_round(struct scene *s)
{
	struct kvm_run *run = s->vcpu->run;
	int r;

	for (;;) {
		r = vcpu_try_run(s->vcpu);
		if (r) {
			errno = -r;
			return -1;
		}
		switch (run->exit_reason) {
		case KVM_EXIT_IO:
			if (run->io.port != GUEST_PORT)
				serve_port(run);
			else if (spoken(s, run))
				return 0;
			break;
		case KVM_EXIT_MMIO:
			serve_mmio(run);
			break;
		default:
			fail_nth_arm(0);
			fail("exit %s", exit_name(run->exit_reason));
		}
	}
}

/* A guest that does one thing for ever, each time between two words to the host. */
#define GUEST_LOOP(name)							\
	static void name##_once(void);						\
	static void name(void)							\
	{									\
		for (;;) {							\
			name##_once();						\
			guest_sync(0);						\
		}								\
	}									\
	static void name##_once(void)

#define RUN(name, ...)								\
	TEST_LIMIT(name, WALK_SECONDS)						\
	{									\
		walk(&(struct walk) { .call = run_round, ##__VA_ARGS__ });	\
	}

/*
 * Faults.
 */

static void need_memory(struct scene *s __attribute__((unused)))
{
	uint8_t *p = anon_memory(SLOT_SIZE + SZ_2M);

	memory = (uint8_t *)(((uintptr_t)p + SZ_2M - 1) & ~(SZ_2M - 1));
}

static void set_slot(struct scene *s, uint32_t flags)
{
	must(vm_set_slot(s->vm->fd, SLOT, flags, SLOT_GPA, SLOT_SIZE, memory));
}

static void take_away(void)
{
	must(madvise(memory, SLOT_SIZE, MADV_DONTNEED));
}

static void small_pages(struct scene *s)
{
	need_memory(s);
	must(madvise(memory, SLOT_SIZE, MADV_NOHUGEPAGE));
	set_slot(s, 0);
}

static void huge_pages(struct scene *s)
{
	need_memory(s);
	madvise(memory, SLOT_SIZE, MADV_HUGEPAGE);
	set_slot(s, 0);
}

GUEST_LOOP(guest_writes)
{
	write64(SLOT_GPA, 0x1122334455667788);
	write64(SLOT_GPA + SZ_2M + 5 * SZ_4K, 0x99aabbccddeeff00);
}

static void expect_written(struct scene *s __attribute__((unused)))
{
	expect_eq(*(uint64_t *)memory, 0x1122334455667788);
	expect_eq(*(uint64_t *)(memory + SZ_2M + 5 * SZ_4K), 0x99aabbccddeeff00);
	take_away();
}

RUN(fresh_pages, .guest = guest_writes, .prepare = small_pages, .done = expect_written)
RUN(fresh_huge_pages, .guest = guest_writes, .prepare = huge_pages, .done = expect_written)

GUEST_LOOP(guest_reads)
{
	guest_expect_eq(read64(SLOT_GPA + 7 * SZ_4K), 0);
}

static void nothing_there(struct scene *s __attribute__((unused)))
{
	take_away();
}

RUN(fresh_page_read, .guest = guest_reads, .prepare = small_pages, .done = nothing_there)

/*
 * When logging begins, what is mapped large is split at once, or where there is no memory for that, by
 * the write that comes upon it. One write, one bit, in either case.
 */
static int logging;

static void log_off(struct scene *s)
{
	set_slot(s, 0);
	logging = 0;
	must(run_round(s));		/* large again */
}

static void map_huge_pages(struct scene *s)
{
	huge_pages(s);
	memset(memory, 0, SLOT_SIZE);
	must(run_round(s));
}

static void expect_two_bits(struct scene *s)
{
	uint64_t bitmap[SLOT_SIZE / SZ_4K / 64] = { 0 };
	struct kvm_dirty_log log = { .slot = SLOT, .dirty_bitmap = bitmap };
	unsigned int i;

	must(ioctl(s->vm->fd, KVM_GET_DIRTY_LOG, &log));
	for (i = 0; i < ARRAY_SIZE(bitmap); i++)
		expect_eq(bitmap[i], i == 0 ? 1 : i == 8 ? 1 << 5 : 0);
	log_off(s);
}

WALK(logged_write, .guest = guest_writes, .prepare = map_huge_pages, .done = expect_two_bits)
{
	if (!logging && vm_set_slot(s->vm->fd, SLOT, KVM_MEM_LOG_DIRTY_PAGES, SLOT_GPA, SLOT_SIZE,
				    memory) < 0)
		return -1;
	logging = 1;
	return run_round(s);
}

/* The tables and the first page of a vCPU that has never run. */
static void new_vm(struct scene *s)
{
	vm_free(s->vm);
	s->vm = vm_start_with(VM_IRQCHIP, guest_reads);
	s->vcpu = &s->vm->vcpu[0];
	if (!memory)
		need_memory(s);
	set_slot(s, 0);
}

RUN(first_run, .guest = guest_reads, .prepare = new_vm, .done = new_vm)

/*
 * Emulation: the instruction, the guest's tables and the operands are read through the VMM's memory.
 */

static uint8_t text[BYTES] = "what goes out and in ...";
static uint8_t answer[BYTES];

/* By a string instruction, by a plain one, and by one whose access crosses a page. */
GUEST_LOOP(guest_mmio)
{
	void *to = (void *)HOLE_GPA;
	void *from = text;
	uint64_t n = BYTES;

	asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
	write64(HOLE_GPA + SZ_4K - 3, 0x0807060504030201);
	guest_expect_eq(read32(HOLE_GPA), 0x03020100);
	guest_expect_eq(read64(HOLE_GPA + SZ_4K - 3), 0x0b0a090807060504);
	to = answer;
	from = (void *)(HOLE_GPA + 16);
	n = BYTES;
	asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
	for (n = 0; n < BYTES; n++)
		guest_expect_eq(GUEST_ONCE(answer[n]), 12 + n);
}

/* Each byte was given out once and taken in once: what a device has given is not to be had again. */
static void expect_out(struct scene *s __attribute__((unused)))
{
	static const uint8_t last[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };

	expect_eq(out_n, BYTES + 8);
	expect(!memcmp(out_bytes, text, BYTES));
	expect(!memcmp(out_bytes + BYTES, last, 8));
	out_n = 0;
	in_n = 0;
}

RUN(mmio, .guest = guest_mmio, .done = expect_out)

GUEST_LOOP(guest_ports)
{
	void *to = answer, *from = text;
	uint64_t n = BYTES;

	asm volatile("rep outsb" : "+S"(from), "+c"(n) : "d"(PORT) : "memory");
	outl(PORT, 0x04030201);
	n = BYTES;
	asm volatile("rep insb" : "+D"(to), "+c"(n) : "d"(PORT) : "memory");
	for (n = 0; n < BYTES; n++)
		guest_expect_eq(GUEST_ONCE(answer[n]), n);
	guest_expect_eq(inw(PORT), (BYTES + 1) << 8 | BYTES);
}

static void expect_ports(struct scene *s __attribute__((unused)))
{
	static const uint8_t last[4] = { 1, 2, 3, 4 };

	expect_eq(out_n, BYTES + 4);
	expect(!memcmp(out_bytes, text, BYTES));
	expect(!memcmp(out_bytes + BYTES, last, 4));
	out_n = 0;
	in_n = 0;
}

RUN(ports, .guest = guest_ports, .done = expect_ports)

/*
 * An SMI and its RSM: the registers travel through memory that is not there yet, by tables that are
 * not there yet. The SMI is taken once, and the guest goes on where it was.
 */
#define SMRAM_GPA	0x20000000UL
#define MSR_SMBASE	0x9e

static uint32_t smis;
REAL_CODE(counting_handler, "addr32 incl smis\n rsm");

GUEST_LOOP(guest_smi)
{
	uint32_t before = GUEST_ONCE(smis);

	apic_write(APIC_ICR2, 0);
	apic_write(APIC_ICR, 2 << 8);
	guest_expect_eq(GUEST_ONCE(smis), before + 1);
}

static void add_smram(struct scene *s)
{
	memory = anon_memory(SZ_64K);
	memcpy(memory + 0x8000, counting_handler, counting_handler_end - counting_handler);
	must(vm_set_slot(s->vm->fd, 1 << 16, 0, 0, LOW_MEM_SIZE, s->vm->mem));
	must(vm_set_slot(s->vm->fd, 1 << 16 | SLOT, 0, SMRAM_GPA, SZ_64K, memory));
	expect_eq(vcpu_set_msr(s->vcpu, MSR_SMBASE, SMRAM_GPA), 1);
}

static void smram_away(struct scene *s)
{
	must(madvise(memory + 0xf000, SZ_4K, MADV_DONTNEED));
	must(vm_set_slot(s->vm->fd, 1 << 16 | SLOT, 0, SMRAM_GPA, 0, memory));
	must(vm_set_slot(s->vm->fd, 1 << 16 | SLOT, 0, SMRAM_GPA, SZ_64K, memory));
}

RUN(smi_and_rsm, .options = VM_IRQCHIP, .guest = guest_smi, .prepare = add_smram,
    .done = smram_away)

/* A write to a read-only slot is the VMM's, and a read is none of its business. */
static void read_only_slot(struct scene *s)
{
	need_memory(s);
	*(uint64_t *)memory = 0x0123456789abcdef;
	set_slot(s, KVM_MEM_READONLY);
}

GUEST_LOOP(guest_reads_rom)
{
	uint64_t copy = 0;
	void *to = (void *)HOLE_GPA, *from = (void *)SLOT_GPA;

	/* From ROM to a device: the emulator's read. */
	asm volatile("movsq" : "+D"(to), "+S"(from) : : "memory");
	to = &copy;
	from = (void *)SLOT_GPA;
	asm volatile("movsq" : "+D"(to), "+S"(from) : : "memory");
	guest_expect_eq(GUEST_ONCE(copy), 0x0123456789abcdef);
}

static void expect_rom_out(struct scene *s __attribute__((unused)))
{
	expect_eq(out_n, 8);
	expect(!memcmp(out_bytes, memory, 8));
	out_n = 0;
}

RUN(read_only, .guest = guest_reads_rom, .prepare = read_only_slot, .done = expect_rom_out)

/*
 * What the guest and the host share.
 */

#define MSR_WALL_CLOCK	0x4b564d00
#define MSR_SYSTEM_TIME	0x4b564d01
#define MSR_STEAL	0x4b564d03
#define MSR_PV_EOI	0x4b564d04

static struct {
	uint32_t version, sec, nsec;
} wall __attribute__((aligned(64)));

static struct {
	uint32_t version, pad;
	uint64_t tsc, time;
	uint32_t mul;
	uint8_t shift, flags;
} time_page __attribute__((aligned(64)));

static struct {
	uint64_t steal;
	uint32_t version, flags;
	uint8_t preempted, pad[47];
} steal __attribute__((aligned(64)));

/* A version that stayed odd would keep a guest waiting for ever. */
GUEST_LOOP(guest_clock)
{
	uint32_t last = GUEST_ONCE(time_page.version);
	uint64_t time;

	wrmsr(MSR_WALL_CLOCK, (uintptr_t)&wall);
	guest_expect_eq(GUEST_ONCE(wall.version) & 1, 0);
	guest_expect(GUEST_ONCE(wall.sec));
	wrmsr(MSR_SYSTEM_TIME, (uintptr_t)&time_page | 1);
	time = GUEST_ONCE(time_page.version);
	guest_expect_eq(time & 1, 0);
	guest_expect(time != last);
	guest_expect(GUEST_ONCE(time_page.mul));
	last = GUEST_ONCE(steal.version);
	wrmsr(MSR_STEAL, (uintptr_t)&steal | 1);
	guest_expect_eq(GUEST_ONCE(steal.version) & 1, 0);
	guest_expect(GUEST_ONCE(steal.version) != last);
	guest_expect_eq(GUEST_ONCE(steal.preempted), 0);
}

RUN(clock_pages, .guest = guest_clock)

/* Interrupts with a PV EOI: each comes once, whatever becomes of the word that says it is done. */
#define VECTOR	0x51

static uint32_t pv_eoi __attribute__((aligned(4)));
static uint32_t came;

static void on_irq(struct trap_frame *f __attribute__((unused)))
{
	uint32_t was = 0;

	fetch_add(&came, 1);
	asm volatile("btrl $0, %0; setc %b1" : "+m"(pv_eoi), "+q"(was) : : "memory");
	if (!was)
		apic_eoi();
}

GUEST_LOOP(guest_irqs)
{
	uint32_t i, before = GUEST_ONCE(came);

	guest_on(VECTOR, on_irq);
	apic_only();
	wrmsr(MSR_PV_EOI, (uintptr_t)&pv_eoi | 1);
	for (i = 1; i <= 3; i++) {
		apic_write(APIC_ICR2, 0);
		apic_write(APIC_ICR, VECTOR);		/* to itself */
		sti_and_cli();
		guest_expect_eq(GUEST_ONCE(came), before + i);
	}
	/* An end that could not be seen at one exit is seen at the next. */
	apic_read(APIC_ID);
	guest_expect_eq(apic_read(APIC_ISR + VECTOR / 32 * 16) >> VECTOR % 32 & 1, 0);
}

RUN(interrupts, .options = VM_IRQCHIP, .guest = guest_irqs)

/* The map from ids to LAPICs is made anew at each change of mode. */
GUEST_LOOP(guest_modes)
{
	uint32_t before = GUEST_ONCE(came);
	uint64_t base = rdmsr(MSR_APICBASE);

	guest_on(VECTOR, on_irq);
	wrmsr(MSR_APICBASE, (base & ~APICBASE_X2) & ~APICBASE_EN);
	wrmsr(MSR_APICBASE, base | APICBASE_EN);
	wrmsr(MSR_APICBASE, base | APICBASE_EN | APICBASE_X2);
	wrmsr(0x80f, 0x1ff);				/* SVR */
	wrmsr(0x830, VECTOR);				/* ICR: to id 0, itself */
	sti();
	cli();
	guest_expect(GUEST_ONCE(came) > before);
	wrmsr(0x80b, 0);				/* EOI */
	wrmsr(MSR_APICBASE, (base & ~APICBASE_X2) & ~APICBASE_EN);
	wrmsr(MSR_APICBASE, base | APICBASE_EN);
}

static void forget_eoi(struct scene *s)
{
	*in_guest(s->vm, &pv_eoi) = 1;		/* the handler then writes no EOI */
}

RUN(apic_modes, .options = VM_IRQCHIP, .guest = guest_modes, .prepare = forget_eoi,
    .done = forget_eoi)

/* Exits that need the instruction's length, and one that sleeps. */
static void guest_exits_once(void)
{
	struct cpuid_regs id = guest_cpuid(0x80000000, 0);

	guest_expect(id.eax > 0x80000000);
	guest_expect(rdmsr(0xc0000080) & 0x500);
	wrmsr(0xc0000102, 0x1234);
	guest_expect_eq(rdmsr(0xc0000102), 0x1234);
	apic_write(APIC_TDCR, 0xb);
	apic_write(APIC_LVTT, VECTOR);
	apic_write(APIC_TMICT, 100000);
	sti_hlt_cli();
}

GUEST_LOOP(guest_sleeps)
{
	uint32_t before = GUEST_ONCE(hits[VECTOR]);

	guest_on(VECTOR, on_apic_irq);
	apic_only();
	guest_exits_once();
	guest_expect_eq(GUEST_ONCE(hits[VECTOR]), before + 1);
}

RUN(exits, .options = VM_IRQCHIP, .guest = guest_sleeps)
