// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exceptions, interrupts and NMIs on their way into the guest: the right vector, error code and
 * CR2, once, also when the delivery itself faults on memory that KVM has yet to map; and
 * instructions that KVM must step over exactly.
 */
#include "agent.h"
#include "guest.h"

#define PF_P	1
#define PF_W	2
#define PF_U	4
#define PF_RSV	8
#define PF_I	16

/* Pages made by the host in the guest's page tables, above what identity mapping covers. */
#define ABSENT		(HOLE_GPA + 0 * SZ_4K)
#define READ_ONLY	(HOLE_GPA + 1 * SZ_4K)
#define NO_EXEC		(HOLE_GPA + 2 * SZ_4K)
#define RESERVED	(HOLE_GPA + 3 * SZ_4K)
#define PRESENT		(HOLE_GPA + 4 * SZ_4K)
#define TARGET_GPA	(LOW_MEM_SIZE - 16 * SZ_4K)

#define expect_fault(fault, vec, code)							\
	do {										\
		guest_expect_eq(fault, vec);						\
		guest_expect_eq(guest_fault.error, code);				\
	} while (0)

static void guest_page_faults(void)
{
	expect_fault(guest_try("movb (%0), %%al", : : "r"(ABSENT + 5) : "rax"), VEC_PF, 0);
	guest_expect_eq(guest_fault.cr2, ABSENT + 5);
	expect_fault(guest_try("movb $1, (%0)", : : "r"(ABSENT + 6) : "memory"), VEC_PF, PF_W);
	guest_expect_eq(guest_fault.cr2, ABSENT + 6);
	expect_fault(guest_try("movb $1, (%0)", : : "r"(READ_ONLY) : "memory"), VEC_PF,
		     PF_W | PF_P);
	/* QEMU's TCG leaves P out of a reserved-bit fault; KVM is not asked. */
	guest_expect_eq(guest_try("movb (%0), %%al", : : "r"(RESERVED) : "rax"), VEC_PF);
	guest_expect_eq(guest_fault.error | PF_P, PF_RSV | PF_P);
	guest_expect_eq(guest_try("movq (%0), %%rax", : : "r"(PRESENT - 4) : "rax"), VEC_PF);
	guest_expect_eq(guest_fault.error | PF_P, PF_RSV | PF_P);
	guest_expect_eq(guest_fault.cr2, PRESENT - 4);
	guest_expect_eq(guest_try("movb $1, (%0)", : : "r"(PRESENT) : "memory"), NO_FAULT);
	expect_fault(guest_try("jmp *%0", : : "r"(NO_EXEC) : "memory"), VEC_PF, PF_I | PF_P);
	guest_expect_eq(guest_fault.rip, NO_EXEC);
	guest_expect_eq(guest_fault.cr2, NO_EXEC);
}

static void map_fault_pages(struct vm *vm)
{
	vm_map(vm, ABSENT, TARGET_GPA, 0);
	vm_map(vm, READ_ONLY, TARGET_GPA, PTE_P);
	vm_map(vm, NO_EXEC, TARGET_GPA, PTE_P | PTE_W | PTE_NX);
	vm_map(vm, RESERVED, TARGET_GPA | 1UL << 51, PTE_P | PTE_W);
	vm_map(vm, PRESENT, TARGET_GPA, PTE_P | PTE_W);
}

TEST(page_fault_codes)
{
	struct vm *vm = vm_start(guest_page_faults);

	if (cpuid_find(supported_cpuid(), 0x80000008, 0)->eax % 256 == 52)
		skip("no reserved address bits in this CPU's page tables");
	map_fault_pages(vm);
	expect_exit(vm_run(vm), GUEST_DONE);
}

static void guest_exceptions(void)
{
	guest_expect_eq(guest_try("ud2", :), VEC_UD);
	guest_expect_eq(guest_try("xor %%ecx, %%ecx; div %%ecx", : : : "rax", "rcx", "rdx"),
			VEC_DE);
	guest_expect_eq(guest_try("int3", :), VEC_BP);
	expect_fault(guest_try("movb (%0), %%al", : : "r"(1UL << 62) : "rax"), VEC_GP, 0);
	expect_fault(guest_try("movw %w0, %%ds", : : "r"(0x7f8)), VEC_GP, 0x7f8);
}

TEST(exceptions)
{
	struct vm *vm = vm_start(guest_exceptions);

	expect_exit(vm_run(vm), GUEST_DONE);
}

/* The emulator finds the fault here: the source is a device, the destination is not mapped. */
static void guest_fault_in_emulator(void)
{
	expect_fault(guest_try("movsb", : : "S"(HOLE_GPA + SZ_2M), "D"(ABSENT + 9) : "memory"),
		     VEC_PF, PF_W);
	guest_expect_eq(guest_fault.cr2, ABSENT + 9);
	expect_fault(guest_try("movsb", : : "S"(HOLE_GPA + SZ_2M), "D"(READ_ONLY + 1) : "memory"),
		     VEC_PF, PF_W | PF_P);
}

TEST(page_fault_of_an_emulated_instruction)
{
	struct vm *vm = vm_start(guest_fault_in_emulator);
	int exit;

	map_fault_pages(vm);
	while ((exit = vm_run(vm)) == KVM_EXIT_MMIO)
		expect_eq(vm->run->mmio.phys_addr, HOLE_GPA + SZ_2M);
	expect_exit(exit, GUEST_DONE);
}

static void guest_msr_faults(void)
{
	expect_fault(try_rdmsr(0x1234), VEC_GP, 0);
	expect_fault(try_wrmsr(0x1234, 0), VEC_GP, 0);
	expect_fault(try_rdmsr(0xc0001234), VEC_GP, 0);
	expect_fault(try_rdmsr(0x4b564dff), VEC_GP, 0);
	expect_fault(try_wrmsr(0x277, 0x0202020202020202), VEC_GP, 0);	/* PAT has no type 2 */
	expect_fault(try_wrmsr(MSR_APICBASE, 1UL << 62), VEC_GP, 0);
	expect_fault(try_wrmsr(0xc0000080, 1UL << 9), VEC_GP, 0);	/* EFER: a reserved bit */
	guest_expect_eq(try_rdmsr(0xc0000082), NO_FAULT);
}

TEST(bad_msrs_fault)
{
	struct vm *vm = vm_start(guest_msr_faults);

	expect_exit(vm_run(vm), GUEST_DONE);
}

static void guest_bad_control_registers(void)
{
	uint64_t cr4;

	asm volatile("mov %%cr4, %0" : "=r"(cr4));
	/* PAE off */
	expect_fault(guest_try("mov %0, %%cr4", : : "r"(cr4 & ~(1UL << 5))), VEC_GP, 0);
	expect_fault(guest_try("mov %0, %%cr4", : : "r"(cr4 | 1UL << 31)), VEC_GP, 0);
	expect_fault(guest_try("mov %0, %%cr8", : : "r"(16UL)), VEC_GP, 0);
	guest_expect_eq(guest_try("mov %0, %%cr8; mov %%cr8, %0", : : "r"(5UL)), NO_FAULT);
	guest_expect_eq(guest_try("vmmcall", : : "a"(0xdead) : "memory"), NO_FAULT);
	guest_expect_eq(guest_try("vmload %%rax", : : "a"(0)), VEC_UD);
	guest_expect_eq(guest_try("vmrun %%rax", : : "a"(0)), VEC_UD);
	guest_expect_eq(guest_try("wbinvd", :), NO_FAULT);
	guest_expect_eq(guest_try("invlpg (%0)", : : "r"(SLOT_GPA)), NO_FAULT);
}

/*
 * What the CPU must refuse is refused the same way when KVM does the instruction in the CPU's
 * place. CR0 is not among them: with nested paging its writes need not be intercepted, and QEMU's
 * TCG checks none of its bits.
 */
TEST(bad_control_registers_fault)
{
	struct vm *vm = vm_start(guest_bad_control_registers);

	expect_exit(vm_run(vm), GUEST_DONE);
}

/* ---- stepping over instructions -------------------------------------------------------------- */

/* Call code that ends in RET and clobbers what CPUID does. */
static uint32_t call_cpuid(uint64_t code, uint32_t leaf)
{
	uint32_t eax = leaf, ecx = 0;

	asm volatile("call *%2" : "+a"(eax), "+c"(ecx) : "r"(code) : "rbx", "rdx", "memory");
	return eax;
}

static uint64_t code_at;

static void guest_calls_cpuid(void)
{
	uint32_t want = guest_cpuid(0, 0).eax;

	for (;;) {
		guest_barrier();
		guest_expect_eq(call_cpuid(code_at, 0), want);
		guest_sync(0);
	}
}

/*
 * CPUID with prefixes, and at every position relative to the end of a page, is stepped over by its
 * exact length.
 */
TEST(cpuid_lengths)
{
	static const struct {
		uint8_t bytes[8], len;
	} forms[] = {
		{ { 0x0f, 0xa2 }, 2 },
		{ { 0x66, 0x0f, 0xa2 }, 3 },
		{ { 0x48, 0x0f, 0xa2 }, 3 },
		{ { 0x2e, 0x66, 0x0f, 0xa2 }, 4 },
		{ { 0x3e, 0x67, 0x4f, 0x0f, 0xa2 }, 5 },
	};
	struct vm *vm = vm_start(guest_calls_cpuid);
	uint8_t *code = vm_add_slot(vm, SLOT_GPA, 64 * SZ_4K, 0);
	unsigned int f, before, n = 0;

	for (f = 0; f < ARRAY_SIZE(forms); f++)
		for (before = 0; before <= forms[f].len + 1; before++) {
			uint64_t off = ++n * SZ_4K * 2 - before;

			expect_le(off + SZ_4K, 64 * SZ_4K * 2);
			off = n % 2 ? off % (63 * SZ_4K) : off % (63 * SZ_4K);
			memcpy(code + off, forms[f].bytes, forms[f].len);
			code[off + forms[f].len] = 0xc3;
			*in_guest(vm, &code_at) = SLOT_GPA + off;
			expect_exit(vm_run(vm), GUEST_SYNC);
		}
}

/* ---- delivery that faults -------------------------------------------------------------------- */

static uint32_t hits[256];

static void count_hit(struct trap_frame *f)
{
	hits[f->vector]++;
}

static void skip_ud2(struct trap_frame *f)
{
	hits[f->vector]++;
	f->rip += 2;
}

static void use_idt_of(uint64_t base, uint16_t limit)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) idtr = { limit, base };

	asm volatile("lidt %0" : : "m"(idtr));
}

static void use_idt(uint64_t base)
{
	use_idt_of(base, 4095);
}

/*
 * Each event finds an IDT, and the last ones a stack too, in a page that no access of the guest has
 * touched.
 */
static void guest_events_on_untouched_pages(void)
{
	guest_on(VEC_UD, skip_ud2);
	guest_on(VEC_BP, count_hit);
	guest_on(0x80, count_hit);
	guest_on(VEC_NMI, count_hit);
	guest_on(0x40, count_hit);
	use_idt(SLOT_GPA);
	asm volatile("ud2");
	guest_expect_eq(GUEST_ONCE(hits[VEC_UD]), 1);
	use_idt(SLOT_GPA + 1 * SZ_4K);
	asm volatile("int3");
	guest_expect_eq(GUEST_ONCE(hits[VEC_BP]), 1);
	use_idt(SLOT_GPA + 2 * SZ_4K);
	asm volatile("int $0x80");
	guest_expect_eq(GUEST_ONCE(hits[0x80]), 1);
	use_idt(SLOT_GPA + 3 * SZ_4K);
	guest_sync(VEC_NMI);
	guest_expect_eq(GUEST_ONCE(hits[VEC_NMI]), 1);
	use_idt(SLOT_GPA + 4 * SZ_4K);
	sti();
	guest_sync(0x40);
	guest_expect_eq(GUEST_ONCE(hits[0x40]), 1);
	use_idt(SLOT_GPA + 5 * SZ_4K);
	asm volatile("mov %%rsp, %%rbx; mov %0, %%rsp; ud2; int $0x80; mov %%rbx, %%rsp"
		     : : "r"(SLOT_GPA + 8 * SZ_4K) : "rbx", "memory");
	guest_expect_eq(GUEST_ONCE(hits[VEC_UD]), 2);
	guest_expect_eq(GUEST_ONCE(hits[0x80]), 2);
}

TEST(delivery_on_untouched_pages)
{
	struct vm *vm = vm_start(guest_events_on_untouched_pages);
	struct kvm_interrupt irq = { .irq = 0x40 };
	uint8_t *pages = vm_add_slot(vm, SLOT_GPA, 8 * SZ_4K, 0);
	int i;

	for (i = 0; i < 6; i++)
		memcpy(pages + i * SZ_4K, in_guest(vm, &guest_idt[0]), SZ_4K);
	expect_exit(vm_run(vm), GUEST_SYNC);
	expect_eq(vm->vcpu[0].sync, VEC_NMI);
	must(ioctl(vm->vcpu[0].fd, KVM_NMI, 0));
	expect_exit(vm_run(vm), GUEST_SYNC);
	expect_eq(vm->vcpu[0].sync, 0x40);
	must(ioctl(vm->vcpu[0].fd, KVM_INTERRUPT, &irq));
	expect_exit(vm_run(vm), GUEST_DONE);
}

/* A delivery that faults for the guest itself is a double fault. */
static void guest_double_fault(void)
{
	guest_fault.vector = NO_FAULT;
	use_idt(ABSENT);
	/* Nothing to catch it: the double fault's own gate is absent as well. */
	asm volatile("ud2");
}

TEST(triple_fault_by_absent_idt)
{
	struct vm *vm = vm_start(guest_double_fault);

	map_fault_pages(vm);
	expect_exit(vm_run(vm), KVM_EXIT_SHUTDOWN);
}

static void on_double_fault(struct trap_frame *f)
{
	guest_expect_eq(f->error, 0);
	guest_sync(VEC_DF);
}

/* An IDT that ends before #GP: its delivery faults with #GP again (SDM vol 3, table 6-5). */
static void guest_short_idt(void)
{
	guest_on(VEC_DF, on_double_fault);
	use_idt_of((uintptr_t)guest_idt, VEC_GP * 16 - 1);
	read8(1UL << 62);
}

TEST(double_fault)
{
	struct vm *vm = vm_start(guest_short_idt);

	expect_exit(vm_run(vm), GUEST_SYNC);
	expect_eq(vm->vcpu[0].sync, VEC_DF);
}

/* ---- interrupts from user space -------------------------------------------------------------- */

static void guest_takes_interrupts(void)
{
	cli();
	guest_on(0x50, count_hit);
	guest_on(0x51, count_hit);
	guest_sync(0);
	guest_expect_eq(GUEST_ONCE(hits[0x50]), 0);
	sti();
	guest_expect_eq(GUEST_ONCE(hits[0x50]), 1);
	guest_sync(1);
	guest_expect_eq(GUEST_ONCE(hits[0x51]), 1);
	cli();
	guest_sync(2);
	hlt();
}

TEST(interrupt_window)
{
	struct vm *vm = vm_start(guest_takes_interrupts);
	struct kvm_interrupt irq = { .irq = 0x50 };
	struct kvm_run *run = vm->run;
	int cpu = vm->vcpu[0].fd;

	expect_exit(vm_run(vm), GUEST_SYNC);
	expect_eq(run->if_flag, 0);
	expect_eq(run->ready_for_interrupt_injection, 0);
	run->request_interrupt_window = 1;
	expect_exit(vm_run(vm), KVM_EXIT_IRQ_WINDOW_OPEN);
	expect_eq(run->if_flag, 1);
	expect_eq(run->ready_for_interrupt_injection, 1);
	must(ioctl(cpu, KVM_INTERRUPT, &irq));
	run->request_interrupt_window = 0;
	expect_exit(vm_run(vm), GUEST_SYNC);
	expect_eq(vm->vcpu[0].sync, 1);
	expect_eq(run->ready_for_interrupt_injection, 1);
	irq.irq = 0x51;
	must(ioctl(cpu, KVM_INTERRUPT, &irq));
	expect_exit(vm_run(vm), GUEST_SYNC);
	expect_eq(vm->vcpu[0].sync, 2);
	expect_eq(run->if_flag, 0);
	expect_exit(vm_run(vm), KVM_EXIT_HLT);
}

TEST(bad_interrupts)
{
	struct vm *vm = vm_start(hlt), *with_chip = vm_start_with(VM_IRQCHIP, hlt);
	struct kvm_interrupt irq = { .irq = 256 };

	expect_errno(ioctl(vm->vcpu[0].fd, KVM_INTERRUPT, &irq), EINVAL);
	irq.irq = -1;
	expect_errno(ioctl(vm->vcpu[0].fd, KVM_INTERRUPT, &irq), EINVAL);
	irq.irq = 0x40;
	expect_errno(ioctl(with_chip->vcpu[0].fd, KVM_INTERRUPT, &irq), ENXIO);
}

static void guest_takes_nmis(void)
{
	guest_on(VEC_NMI, count_hit);
	guest_sync(0);
	guest_expect_eq(GUEST_ONCE(hits[VEC_NMI]), 1);
	guest_sync(1);
}

TEST(nmi)
{
	struct vm *vm = vm_start(guest_takes_nmis);

	expect_exit(vm_run(vm), GUEST_SYNC);
	must(ioctl(vm->vcpu[0].fd, KVM_NMI, 0));
	expect_exit(vm_run(vm), GUEST_SYNC);
	expect_eq(vm->vcpu[0].sync, 1);
	expect_exit(vm_run(vm), GUEST_DONE);
}

static void on_nmi(struct trap_frame *f)
{
	uint32_t depth = hits[f->vector]++;

	if (depth)
		return;
	guest_sync(1);		/* the host sends two more here */
	guest_expect_eq(GUEST_ONCE(hits[VEC_NMI]), 1);
}

static void guest_nmi_in_nmi(void)
{
	guest_on(VEC_NMI, on_nmi);
	guest_sync(0);
	guest_expect_eq(GUEST_ONCE(hits[VEC_NMI]), 2);
}

/* An NMI waits until the handler of the one before it returns, and no more than one can wait. */
TEST(nmi_during_nmi)
{
	struct vm *vm = vm_start(guest_nmi_in_nmi);
	int i;

	expect_exit(vm_run(vm), GUEST_SYNC);
	must(ioctl(vm->vcpu[0].fd, KVM_NMI, 0));
	expect_exit(vm_run(vm), GUEST_SYNC);
	expect_eq(vm->vcpu[0].sync, 1);
	for (i = 0; i < 2; i++)
		must(ioctl(vm->vcpu[0].fd, KVM_NMI, 0));
	expect_exit(vm_run(vm), GUEST_DONE);
}

/*
 * An NMI ends a halt even without an interrupt controller in the kernel, once user space runs the
 * vCPU again.
 */
static void guest_halts_for_nmi(void)
{
	guest_on(VEC_NMI, count_hit);
	hlt();
	guest_expect_eq(GUEST_ONCE(hits[VEC_NMI]), 1);
}

TEST(nmi_after_halt)
{
	struct vm *vm = vm_start(guest_halts_for_nmi);

	expect_exit(vm_run(vm), KVM_EXIT_HLT);
	must(ioctl(vm->vcpu[0].fd, KVM_NMI, 0));
	expect_exit(vm_run(vm), GUEST_DONE);
}

/* ---- interrupt shadow ------------------------------------------------------------------------ */

static volatile uint64_t interrupted_rip;
extern const char shadowed_insn[], after_shadow[];

static void on_irq_in_shadow(struct trap_frame *f)
{
	interrupted_rip = f->rip;
	apic_eoi();
}

static void guest_gets_a_shadow(void)
{
	guest_on(0x44, on_irq_in_shadow);
	apic_enable();
	asm volatile("sti; nop; outl %%eax, %%dx\n"
		     "shadowed_insn: nop\n"
		     "after_shadow: nop; nop; cli" : :
		     "a"(OP_SYNC), "d"(GUEST_PORT), "S"(0UL) : "memory");
	guest_expect_eq(interrupted_rip, (uint64_t)after_shadow);
}

/*
 * An interrupt waits for the one instruction that a shadow covers, also when the entry is what puts
 * the guest into it: else a guest that was interrupted between STI and HLT halts with its wake-up
 * behind it.
 */
TEST(interrupt_waits_for_shadow)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_gets_a_shadow);
	struct kvm_msi msi = { .address_lo = APIC_GPA, .data = 0x44 };
	struct kvm_vcpu_events events;

	expect_exit(vm_run(vm), GUEST_SYNC);
	vm->run->immediate_exit = 1;	/* completes the OUT, whose end would end a shadow as well */
	expect_eq(vcpu_try_run(&vm->vcpu[0]), -EINTR);
	vm->run->immediate_exit = 0;
	must(ioctl(vm->vcpu[0].fd, KVM_GET_VCPU_EVENTS, &events));
	expect_eq(events.interrupt.shadow, 0);
	events.interrupt.shadow = KVM_X86_SHADOW_INT_STI;
	events.flags |= KVM_VCPUEVENT_VALID_SHADOW;
	must(ioctl(vm->vcpu[0].fd, KVM_SET_VCPU_EVENTS, &events));
	expect_eq(vcpu_regs(&vm->vcpu[0]).rip, (uint64_t)shadowed_insn);
	expect_ge((int)must(ioctl(vm->fd, KVM_SIGNAL_MSI, &msi)), 1);
	expect_exit(vm_run(vm), GUEST_DONE);
}

#define WAKE_UPS	20000

static void count_wake_up(struct trap_frame *f)
{
	hits[f->vector]++;
	wrmsr(0x80b, 0);
}

/*
 * The interrupt waits for each STI already; HLT must end at once. Nothing else would wake it. (Two
 * hits for one are QEMU's TCG: it delivers an injected event again if its thread is kicked before
 * the next exit.)
 */
static void guest_halts_often(void)
{
	uint32_t i, before;

	guest_on(0x45, count_wake_up);
	wrmsr(MSR_APICBASE, rdmsr(MSR_APICBASE) | APICBASE_X2);
	wrmsr(0x80f, 0x1ff);
	for (i = 0; i < WAKE_UPS; i++) {
		before = GUEST_ONCE(hits[0x45]);
		wrmsr(0x83f, 0x45);
		sti_hlt_cli();
		guest_expect(GUEST_ONCE(hits[0x45]) > before);
	}
}

TEST(no_wake_up_is_lost)
{
	expect_exit(vm_run(vm_start_with(VM_IRQCHIP, guest_halts_often)), GUEST_DONE);
}

/* ---- ring 3 ---------------------------------------------------------------------------------- */

static uint8_t user_stack[SZ_4K] __attribute__((aligned(16)));
static volatile uint64_t user_rip;

/* In ring 3: a privileged instruction, then a call of the kernel. */
static void user_code(void)
{
	asm volatile("hlt");
	asm volatile("int $0x81");
}

static void on_user_gp(struct trap_frame *f)
{
	guest_expect_eq(f->cs, SEL_USER_CODE);
	guest_expect_eq(*(uint8_t *)f->rip, 0xf4);
	f->rip++;
	hits[VEC_GP]++;
}

static void on_user_call(struct trap_frame *f)
{
	(void)f;
	guest_expect_eq(GUEST_ONCE(hits[VEC_GP]), 1);
	for (;;)
		guest_done();
}

static void guest_enters_user_mode(void)
{
	guest_on(VEC_GP, on_user_gp);
	guest_on(0x81, on_user_call);
	guest_idt[0x81][0] |= 3UL << 45;
	asm volatile("push %0; push %1; push $2; push %2; push %3; iretq" : :
		     "r"((uint64_t)SEL_USER_DATA), "r"(user_stack + SZ_4K - 8),
		     "r"((uint64_t)SEL_USER_CODE), "r"(user_code) : "memory");
}

TEST(ring3)
{
	struct vm *vm = vm_start(guest_enters_user_mode);

	expect_exit(vm_run(vm), GUEST_DONE);
}
