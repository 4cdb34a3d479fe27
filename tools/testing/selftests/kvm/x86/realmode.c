// SPDX-License-Identifier: GPL-2.0-only
/*
 * Real mode, the way into protected mode and back, and protected mode without paging.
 *
 * A processor may run all this by itself in a guest, or not (VMX without unrestricted guest): then
 * it is virtual-8086 mode, an identity map and the emulator in turns. A guest must not see which;
 * nor must user space, in the registers.
 */
#include "vm.h"
#include "guest.h"

#define HANDLERS	0x3000	/* of vector n: OUT to port n, IRET */
#define DATA_GPA	0x2000
#define CR0_PE		1UL
#define CR0_TS		(1UL << 3)
#define CR0_PG		(1UL << 31)
#define CR4_PAE		(1UL << 5)
#define FLAG_TF		(1 << 8)
#define FLAG_IF		(1 << 9)
#define FLAG_OF		(1 << 11)
#define FLAG_IOPL	(3 << 12)
#define MSR_FS_BASE	0xc0000100

/* What an interrupt leaves on the stack. */
struct frame {
	uint16_t ip, cs, flags;
};

static void set_vector(struct vm *vm, uint64_t table, uint8_t vector, uint16_t ip)
{
	const uint16_t entry[2] = { ip, 0 };

	memcpy(vm->mem + table + 4 * vector, entry, sizeof(entry));
}

static void install_handlers(struct vm *vm)
{
	unsigned int v;

	for (v = 0; v < 0x40; v++) {
		const uint8_t code[] = { 0xe6, v, 0xcf };

		set_vector(vm, 0, v, HANDLERS + 4 * v);
		memcpy(vm->mem + HANDLERS + 4 * v, code, sizeof(code));
	}
}

static struct vm *start(const void *code, const void *end)
{
	struct vm *vm = vm_start_real(code, end);

	install_handlers(vm);
	return vm;
}

#define START(name)	start(name, name##_end)

static void expect_out(struct vm *vm, unsigned int port)
{
	expect_exit(vm_run(vm), KVM_EXIT_IO);
	expect_eq(vm->run->io.direction, KVM_EXIT_IO_OUT);
	expect_eq(vm->run->io.port, port);
}

static struct frame *frame_of(struct vm *vm)
{
	struct kvm_sregs s = vcpu_sregs(&vm->vcpu[0]);

	return (void *)vm->mem + s.ss.base + (vcpu_regs(&vm->vcpu[0]).rsp & 0xffff);
}

/* The handler of @vector runs; it was reached from @ip. */
static struct frame *expect_vector(struct vm *vm, uint8_t vector, uint16_t ip)
{
	struct frame *f;

	expect_out(vm, vector);
	f = frame_of(vm);
	expect_eq(f->ip, ip);
	return f;
}

/* ---- exceptions and software interrupts ------------------------------------------------------ */

static const struct event_case {
	const char *what;
	const char *code;		/* @len bytes at REAL_CODE_GPA */
	unsigned int len;
	uint8_t vector;
	unsigned int returns_behind;	/* how far from the instruction */
	uint64_t rax, rcx, cr0, flags;
	int limit;			/* a segment's, which QEMU's TCG does not look at */
} event_cases[] = {
#define CODE(bytes)	.code = (bytes), .len = sizeof(bytes) - 1
	{ "DIV by 0", CODE("\xf6\xf3"), .vector = VEC_DE },
	{ "INT3", CODE("\xcc"), .vector = VEC_BP, .returns_behind = 1 },
	{ "INTO", CODE("\xce"), .vector = VEC_OF, .returns_behind = 1, .flags = FLAG_OF },
	{ "BOUND", CODE("\x62\x07"), .vector = 5, .rax = 5 },
	{ "UD2", CODE("\x0f\x0b"), .vector = VEC_UD },
	{ "LLDT", CODE("\x0f\x00\xd0"), .vector = VEC_UD },
	{ "STR", CODE("\x0f\x00\xc8"), .vector = VEC_UD },
	{ "FLD1 with TS", CODE("\xd9\xe8"), .vector = 7, .cr0 = CR0_TS },
	{ "a word at the segment's end", CODE("\xa1\xff\xff"), .vector = VEC_GP, .limit = 1 },
	{ "a word at the stack's end", CODE("\x36\xa1\xff\xff"), .vector = VEC_SS, .limit = 1 },
	{ "CR0 with NW but not CD", CODE("\x0f\x22\xc0"), .vector = VEC_GP, .rax = 0x20000010 },
	{ "an MSR that is not there", CODE("\x0f\x32"), .vector = VEC_GP, .rcx = 0x12345678 },
	{ "16 bytes", CODE("\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x90"),
	  .vector = VEC_GP },
	{ "INT", CODE("\xcd\x21"), .vector = 0x21, .returns_behind = 2 },
	{ "INT with interrupts on", CODE("\xcd\x21"), .vector = 0x21, .returns_behind = 2,
	  .flags = FLAG_IF },
};

static void try_event(struct vm *vm, const struct event_case *c)
{
	struct vcpu *vcpu = &vm->vcpu[0];
	struct kvm_sregs s = vcpu_sregs(vcpu);
	struct kvm_regs regs = {
		.rip = REAL_CODE_GPA, .rsp = 0xf000, .rflags = 2 | c->flags,
		.rax = c->rax, .rcx = c->rcx, .rbx = DATA_GPA,
	};
	struct frame *f;

	note("%s", c->what);
	memcpy(vm->mem + REAL_CODE_GPA, c->code, c->len);
	s.cr0 = (s.cr0 & ~CR0_TS) | c->cr0;
	must(ioctl(vcpu->fd, KVM_SET_SREGS, &s));
	vcpu_set_regs(vcpu, &regs);
	f = expect_vector(vm, c->vector, REAL_CODE_GPA + c->returns_behind);
	expect_eq(f->cs, 0);
	expect_eq(f->flags & (FLAG_IF | FLAG_OF | FLAG_IOPL), c->flags);
	regs = vcpu_regs(vcpu);
	expect_eq(regs.rsp, 0xf000 - sizeof(*f));	/* no error code */
	expect_eq(regs.rflags & FLAG_IF, 0);
	expect_eq(vcpu_sregs(vcpu).cr0 & (CR0_PE | CR0_PG), 0);
	/* The OUT is finished before anything is set anew. */
	vm->run->immediate_exit = 1;
	expect_eq(vcpu_try_run(vcpu), -EINTR);
	vm->run->immediate_exit = 0;
}

REAL_CODE(real_nothing, "hlt");

TEST(events_by_the_vector_table)
{
	struct vm *vm = START(real_nothing);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(event_cases); i++)
		if (!(event_cases[i].limit && is_amd()))
			try_event(vm, &event_cases[i]);
}

/* IRET from a handler, with flags that it has changed; a table elsewhere; a vector beyond it. */
REAL_CODE(real_other_table,
	  "xorw %ax, %ax\n movw %ax, %ds\n lidtl (3f - real_other_table + 0x1000)\n"
	  "int $0x21\n pushfw\n popw %ax\n outw %ax, $0x70\n"
	  "int $0x22\n hlt\n"
	  "3: .word 0x21 * 4 + 3\n .long 0x4000");

TEST(vector_table_elsewhere)
{
	struct vm *vm = START(real_other_table);
	struct frame *f;

	set_vector(vm, 0x4000, 0x21, HANDLERS + 4 * 0x30);	/* unlike the first table */
	set_vector(vm, 0x4000, VEC_GP, HANDLERS + 4 * VEC_GP);
	expect_out(vm, 0x30);
	f = frame_of(vm);
	expect_eq(f->flags & 0x8c1, 0x40);
	f->flags |= 0x801;		/* OF and CF */
	expect_out(vm, 0x70);
	expect_eq(*(uint16_t *)((uint8_t *)vm->run + vm->run->io.data_offset) & 0x8c1, 0x841);
	expect_out(vm, VEC_GP);
	expect_eq(vcpu_sregs(&vm->vcpu[0]).idt.base, 0x4000);
	expect_eq(vcpu_sregs(&vm->vcpu[0]).idt.limit, 0x21 * 4 + 3);
}

/* ---- flags ----------------------------------------------------------------------------------- */

REAL_CODE(real_flags,
	  "xorw %ax, %ax\n movw %ax, %ds\n movw %ax, %es\n movw $0x2000, %di\n cld\n"
	  "pushfw\n popw %ax\n stosw\n"
	  "pushw $0x3002\n popfw\n pushfw\n popw %ax\n stosw\n"
	  "pushw $0x0002\n popfw\n pushfw\n popw %ax\n stosw\n"
	  "sti\n pushfw\n popw %ax\n stosw\n"
	  "cli\n pushfw\n popw %ax\n stosw\n"
	  "pushw $0x0202\n popfw\n pushfw\n popw %ax\n stosw\n"
	  "pushfw\n pushw $0\n pushw $(1f - real_flags + 0x1000)\n iretw\n"
	  "1: pushfw\n popw %ax\n stosw\n"
	  "pushfl\n popl %eax\n stosl\n"
	  "hlt");

TEST(flags_are_the_guests)
{
	struct vm *vm = START(real_flags);
	const uint16_t *seen = (void *)vm->mem + DATA_GPA;
	/* The distribution's show IOPL 3 to a guest in virtual-8086 mode; no real mode does. */
	uint16_t ignore = distro_modules() ? FLAG_IOPL : 0;
	static const uint16_t want[] = { 0, 0x3000, 0, FLAG_IF, 0, FLAG_IF, FLAG_IF, FLAG_IF, 0 };
	unsigned int i;

	expect_exit(vm_run(vm), KVM_EXIT_HLT);
	for (i = 0; i < ARRAY_SIZE(want); i++)
		if ((seen[i] ^ want[i]) & (FLAG_IF | FLAG_IOPL) & ~ignore)
			fail("flags %u: %#x, expected %#x", i, seen[i], want[i]);
	expect_eq(seen[8], 0);		/* neither VM nor RF of the 32 bits */
	expect_eq(vcpu_regs(&vm->vcpu[0]).rflags & (FLAG_IF | FLAG_IOPL | 1 << 17), FLAG_IF);
}

/* POPF with TF: a #DB after each of the following instructions. */
REAL_CODE(real_step, "pushw $0x0102\n popfw\n nop\n 1: nop\n 2: hlt");

TEST(single_steps)
{
	struct vm *vm = START(real_step);
	struct frame *f;

	f = expect_vector(vm, VEC_DB, REAL_CODE_GPA + 5);	/* behind the first NOP */
	expect_eq(f->flags & FLAG_TF, FLAG_TF);
	f->flags &= ~FLAG_TF;
	expect_exit(vm_run(vm), KVM_EXIT_HLT);
	expect_eq(vcpu_regs(&vm->vcpu[0]).rip, REAL_CODE_GPA + 7);
}

/* ---- interrupts ------------------------------------------------------------------------------ */

static void interrupt(struct vm *vm, unsigned int vector)
{
	struct kvm_interrupt irq = { .irq = vector };

	must(ioctl(vm->vcpu[0].fd, KVM_INTERRUPT, &irq));
}

REAL_CODE(real_wait, "cli\n outb %al, $0x70\n sti\n nop\n 1: hlt\n 2: hlt\n 3: hlt");

TEST(external_interrupts)
{
	struct vm *vm = START(real_wait);
	struct frame *f;

	expect_out(vm, 0x70);
	expect_eq(vm->run->ready_for_interrupt_injection, 0);
	vm->run->request_interrupt_window = 1;
	expect_exit(vm_run(vm), KVM_EXIT_IRQ_WINDOW_OPEN);
	expect_eq(vcpu_regs(&vm->vcpu[0]).rip, REAL_CODE_GPA + 5);	/* not in STI's shadow */
	vm->run->request_interrupt_window = 0;
	interrupt(vm, 0x30);
	f = expect_vector(vm, 0x30, REAL_CODE_GPA + 5);
	expect_eq(f->flags & FLAG_IF, FLAG_IF);
	expect_eq(vm->run->if_flag, 0);
	expect_exit(vm_run(vm), KVM_EXIT_HLT);
	expect_eq(vcpu_regs(&vm->vcpu[0]).rip, REAL_CODE_GPA + 6);
	expect_eq(vm->run->ready_for_interrupt_injection, 1);
	interrupt(vm, 0x31);
	expect_vector(vm, 0x31, REAL_CODE_GPA + 6);
	expect_exit(vm_run(vm), KVM_EXIT_HLT);
	expect_eq(vcpu_regs(&vm->vcpu[0]).rip, REAL_CODE_GPA + 7);
}

/* A second NMI waits for the IRET of the first. */
TEST(nmis)
{
	struct vm *vm = START(real_wait);

	expect_out(vm, 0x70);
	must(ioctl(vm->vcpu[0].fd, KVM_NMI));
	expect_vector(vm, VEC_NMI, REAL_CODE_GPA + 3);
	must(ioctl(vm->vcpu[0].fd, KVM_NMI));
	expect_vector(vm, VEC_NMI, REAL_CODE_GPA + 3);
	expect_exit(vm_run(vm), KVM_EXIT_HLT);
	expect_eq(vcpu_regs(&vm->vcpu[0]).rip, REAL_CODE_GPA + 6);
}

/* ---- ports ----------------------------------------------------------------------------------- */

REAL_CODE(real_ports,
	  "xorw %ax, %ax\n movw %ax, %ds\n movw %ax, %es\n cld\n"
	  "movw $0x123, %dx\n inb %dx, %al\n outb %al, $0x71\n"
	  "inw %dx, %ax\n outw %ax, $0x72\n inl %dx, %eax\n outl %eax, $0x74\n"
	  "movw $0x2000, %di\n movw $3, %cx\n rep insw\n"
	  "movw $0x2000, %si\n movw $3, %cx\n rep outsw\n hlt");

static void answer(struct vm *vm, unsigned int size, uint64_t value)
{
	struct kvm_run *run = vm->run;
	unsigned int i;

	expect_exit(vm_run(vm), KVM_EXIT_IO);
	expect_eq(run->io.direction, KVM_EXIT_IO_IN);
	expect_eq(run->io.port, 0x123);
	expect_eq(run->io.size, size);
	for (i = 0; i < run->io.count; i++)
		memcpy((uint8_t *)run + run->io.data_offset + i * size, &value, size);
}

static uint32_t taken(struct vm *vm, unsigned int port, unsigned int size)
{
	uint32_t value = 0;

	expect_out(vm, port);
	expect_eq(vm->run->io.size, size);
	memcpy(&value, (uint8_t *)vm->run + vm->run->io.data_offset, size);
	return value;
}

TEST(ports)
{
	struct vm *vm = START(real_ports);
	unsigned int n;

	answer(vm, 1, 0x11);
	expect_eq(taken(vm, 0x71, 1), 0x11);
	answer(vm, 2, 0x2222);
	expect_eq(taken(vm, 0x72, 2), 0x2222);
	answer(vm, 4, 0x33333333);
	expect_eq(taken(vm, 0x74, 4), 0x33333333);
	for (n = 0; n < 3; n += vm->run->io.count)
		answer(vm, 2, 0x4444);
	for (n = 0; n < 3; n += vm->run->io.count)
		expect_eq(taken(vm, 0x123, 2), 0x4444);
	expect_exit(vm_run(vm), KVM_EXIT_HLT);
	expect_eq(*(uint16_t *)(vm->mem + DATA_GPA + 4), 0x4444);
}

/* ---- what user space sees -------------------------------------------------------------------- */

REAL_CODE(real_state,
	  "movw $0x1234, %ax\n movw %ax, %ds\n movw $0x2345, %ax\n movw %ax, %es\n"
	  "movw $0x3456, %ax\n movw %ax, %fs\n movw $0x4567, %ax\n movw %ax, %gs\n"
	  "movw $0x0800, %ax\n movw %ax, %ss\n movw $0x100, %sp\n"
	  "ljmpw $0x100, $(1f - real_state)\n"
	  "1: movl $0x5000, %eax\n movl %eax, %cr3\n movl $0x20, %eax\n movl %eax, %cr4\n"
	  "sti\n outb %al, $0x70\n"
	  "movl %cr3, %eax\n outl %eax, $0x71\n movl %cr4, %eax\n outl %eax, $0x72\n"
	  "smsww %ax\n outw %ax, $0x73\n movw %ds:(0), %ax\n outw %ax, $0x74\n hlt");

static void expect_segment(const struct kvm_segment *s, uint16_t selector)
{
	expect_eq(s->selector, selector);
	expect_eq(s->base, (uint64_t)selector << 4);
	expect_eq(s->limit, 0xffff);
	expect_eq(s->s, 1);
	expect_eq(s->present, 1);
	expect_eq(s->dpl, 0);
	expect_eq(s->db, 0);
	expect_eq(s->type & 2, 2);
}

static void expect_real_state(struct vcpu *vcpu)
{
	struct kvm_sregs s = vcpu_sregs(vcpu);
	uint64_t base;

	expect_segment(&s.cs, 0x100);
	expect_segment(&s.ss, 0x800);
	expect_segment(&s.ds, 0x1234);
	expect_segment(&s.es, 0x2345);
	expect_segment(&s.fs, 0x3456);
	expect_segment(&s.gs, 0x4567);
	expect_eq(s.cr0 & (CR0_PE | CR0_PG), 0);
	expect_eq(s.cr3, 0x5000);
	expect_eq(s.cr4, CR4_PAE);
	expect_eq(s.tr.type & 7, 3);
	expect_eq(s.tr.limit, 0xffff);
	expect_eq(vcpu_regs(vcpu).rflags & (FLAG_IF | FLAG_IOPL | 1 << 17), FLAG_IF);
	expect(vcpu_get_msr(vcpu, MSR_FS_BASE, &base));
	expect_eq(base, 0x34560);
}

static void finish_state(struct vm *vm)
{
	expect_eq(taken(vm, 0x71, 4), 0x5000);
	expect_eq(taken(vm, 0x72, 4), CR4_PAE);
	expect_eq(taken(vm, 0x73, 2) & CR0_PE, 0);
	expect_eq(taken(vm, 0x74, 2), 0xbeef);
	expect_exit(vm_run(vm), KVM_EXIT_HLT);
}

TEST(state_is_the_guests)
{
	struct vm *vm = START(real_state);

	*(uint16_t *)(vm->mem + 0x12340) = 0xbeef;
	expect_out(vm, 0x70);
	expect_real_state(&vm->vcpu[0]);
	finish_state(vm);
}

/* Saved in the middle, and continued by another vCPU of another VM. */
TEST(state_moves)
{
	struct vm *vm = START(real_state), *other = START(real_state);
	struct vcpu *from = &vm->vcpu[0], *to = &other->vcpu[0];
	struct kvm_vcpu_events events;
	struct kvm_sregs s;
	struct kvm_regs r;

	expect_out(vm, 0x70);
	vm->run->immediate_exit = 1;
	expect_eq(vcpu_try_run(from), -EINTR);
	s = vcpu_sregs(from);
	r = vcpu_regs(from);
	must(ioctl(from->fd, KVM_GET_VCPU_EVENTS, &events));

	memcpy(other->mem, vm->mem, 0x10000);
	*(uint16_t *)(other->mem + 0x12340) = 0xbeef;
	must(ioctl(to->fd, KVM_SET_SREGS, &s));
	vcpu_set_regs(to, &r);
	must(ioctl(to->fd, KVM_SET_VCPU_EVENTS, &events));
	expect_real_state(to);
	finish_state(other);
}

/* ---- big real mode --------------------------------------------------------------------------- */

#define GDT_AND_POINTER(name)								\
	".balign 8\n 8: .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff\n"		\
	".quad 0x00009b000000ffff, 0x000093000000ffff, 0x0000930100000fff\n"		\
	"9: .word 47\n .long (8b - " #name " + 0x1000)"

REAL_CODE(real_big,
	  "cli\n xorw %ax, %ax\n movw %ax, %ds\n lgdtl (9f - real_big + 0x1000)\n"
	  "movl %cr0, %eax\n incl %eax\n movl %eax, %cr0\n"
	  "movw $16, %bx\n movw %bx, %es\n"
	  "decl %eax\n movl %eax, %cr0\n"
	  "movw $0x40, %bx\n movw %bx, %es\n"		/* base 0x400, the limit stays */
	  "addr32 movl $0x1234567, %es:0x300000\n"
	  "addr32 movl %es:0x300000, %eax\n outl %eax, $0x70\n"
	  "int $0x21\n outb %al, $0x72\n sti\n nop\n nop\n nop\n outb %al, $0x71\n"
	  "movw $0x300, %cx\n 1: incw %di\n loop 1b\n hlt\n"
	  GDT_AND_POINTER(real_big));

TEST(big_real_mode)
{
	struct vm *vm = START(real_big);
	struct kvm_sregs s;
	uint64_t rip;

	expect_eq(taken(vm, 0x70, 4), 0x1234567);
	expect_eq(*(uint32_t *)(vm->mem + 0x300400), 0x1234567);
	s = vcpu_sregs(&vm->vcpu[0]);
	expect_eq(s.es.base, 0x400);
	expect_eq(s.es.limit, 0xffffffff);
	expect_eq(s.cr0 & CR0_PE, 0);
	expect_out(vm, 0x21);
	expect_out(vm, 0x72);
	vm->run->request_interrupt_window = 1;
	expect_exit(vm_run(vm), KVM_EXIT_IRQ_WINDOW_OPEN);
	rip = vcpu_regs(&vm->vcpu[0]).rip;
	expect_eq(vm->mem[rip - 1], 0x90);	/* a NOP, not STI */
	expect_eq(vm->mem[rip], 0x90);
	vm->run->request_interrupt_window = 0;
	expect_out(vm, 0x71);
	interrupt(vm, 0x30);
	expect_out(vm, 0x30);
	expect_exit(vm_run(vm), KVM_EXIT_HLT);
	expect_eq(vcpu_regs(&vm->vcpu[0]).rdi & 0xffff, 0x300);
}

/* ---- protected mode of 16 bits --------------------------------------------------------------- */

REAL_CODE(real_prot16,
	  "cli\n xorw %ax, %ax\n movw %ax, %ds\n lgdtl (9f - real_prot16 + 0x1000)\n"
	  "movl %cr0, %eax\n incl %eax\n movl %eax, %cr0\n"
	  "movw $5, %cx\n 5: incw %di\n loop 5b\n"	/* with what was loaded in real mode */
	  "ljmpw $24, $(1f - real_prot16 + 0x1000)\n"
	  "1: movw $32, %ax\n movw %ax, %ss\n movw %ax, %ds\n movw $0x8000, %sp\n"
	  "movw $40, %ax\n movw %ax, %es\n"		/* 4 KiB from 0x10000 */
	  "pushw %ds\n callw 3f\n popw %fs\n movw %fs, %es:(0x10)\n"
	  "outb %al, $0x70\n"
	  "movl %cr0, %eax\n decl %eax\n movl %eax, %cr0\n"
	  "ljmpw $0, $(2f - real_prot16 + 0x1000)\n"
	  "2: xorw %ax, %ax\n movw %ax, %ds\n movw %ax, %es\n movw %ax, %ss\n"
	  "movw %ax, %fs\n outb %al, $0x71\n int $0x21\n hlt\n"
	  "3: movw $0x5678, %es:(0x20)\n retw\n"
	  GDT_AND_POINTER(real_prot16));

TEST(protected_mode_of_16_bits)
{
	struct vm *vm = START(real_prot16);
	struct kvm_sregs s;

	expect_out(vm, 0x70);
	s = vcpu_sregs(&vm->vcpu[0]);
	expect_eq(s.cr0 & CR0_PE, CR0_PE);
	expect_eq(s.cs.selector, 24);
	expect_eq(s.cs.db, 0);
	expect_eq(s.es.base, 0x10000);
	expect_eq(s.es.limit, 0xfff);
	expect_eq(s.fs.selector, 32);
	expect_eq(vcpu_regs(&vm->vcpu[0]).rdi, 5);
	expect_eq(*(uint16_t *)(vm->mem + 0x10010), 32);
	expect_eq(*(uint16_t *)(vm->mem + 0x10020), 0x5678);
	expect_out(vm, 0x71);
	s = vcpu_sregs(&vm->vcpu[0]);
	expect_eq(s.cr0 & CR0_PE, 0);
	expect_eq(s.es.base, 0);
	expect_eq(s.es.limit, 0xfff);		/* what was loaded last from a descriptor */
	expect_out(vm, 0x21);
	expect_exit(vm_run(vm), KVM_EXIT_HLT);
}

/* With selectors in real mode whose low bits would ask for other privileges in protected mode. */
TEST(protected_mode_with_odd_selectors)
{
	struct vm *vm = START(real_prot16);
	struct vcpu *vcpu = &vm->vcpu[0];
	struct kvm_sregs s = vcpu_sregs(vcpu);
	struct kvm_regs r = vcpu_regs(vcpu);

	if (!is_amd() && is_unrestricted())
		skip("Bochs refuses these selectors, with the distribution's modules too");
	/* Far jumps and the GDT's pointer go to where the code was before. */
	memcpy(vm->mem + 0x18020, real_prot16, real_prot16_end - real_prot16);
	s.cs.selector = 0x1802;
	s.cs.base = 0x18020;
	s.ss.selector = 0x201;
	s.ss.base = 0x2010;
	s.fs.selector = 0x303;
	s.fs.base = 0x3030;
	must(ioctl(vcpu->fd, KVM_SET_SREGS, &s));
	r.rip = 0;
	vcpu_set_regs(vcpu, &r);
	expect_out(vm, 0x70);
	expect_eq(vcpu_sregs(vcpu).ss.selector, 32);
	expect_out(vm, 0x71);
	expect_out(vm, 0x21);
	expect_exit(vm_run(vm), KVM_EXIT_HLT);
}

/* ---- protected mode without paging, and PAE -------------------------------------------------- */

REAL_CODE(real_unpaged,
	  "cli\n xorw %ax, %ax\n movw %ax, %ds\n lgdtl (9f - real_unpaged + 0x1000)\n"
	  "movl %cr0, %eax\n orl $1, %eax\n movl %eax, %cr0\n"
	  "ljmpl $8, $(1f - real_unpaged + 0x1000)\n"
	  ".code32\n 1: movw $16, %ax\n movw %ax, %ds\n movw %ax, %es\n movw %ax, %ss\n"
	  "movl $0x8000, %esp\n movl $0x6000, %eax\n movl %eax, %cr3\n movl %cr3, %ebx\n"
	  "movl $0x20, %eax\n movl %eax, %cr4\n movl %cr4, %ecx\n"
	  "movl $0x77, 0xd00000\n"
	  "outb %al, $0x70\n"
	  "movl %cr0, %eax\n orl $0x80000000, %eax\n movl %eax, %cr0\n"
	  "movl 0x40000000, %edx\n outb %al, $0x71\n"
	  "movl %cr0, %eax\n andl $0x7fffffff, %eax\n movl %eax, %cr0\n"
	  "movl 0x40000000, %edx\n hlt\n .code16\n"
	  GDT_AND_POINTER(real_unpaged));

/* Four PDPTEs at 0x6000: the first GiB one to one by large pages, the second begins at 12 MiB. */
static void make_pae_tables(struct vm *vm)
{
	uint64_t *pdpt = (void *)vm->mem + 0x6000, *pd = (void *)vm->mem + 0x7000;

	pdpt[0] = 0x7000 | PTE_P;
	pdpt[1] = 0xa000 | PTE_P;
	pd[0] = PTE_P | PTE_W | PTE_PS;
	pd = (void *)vm->mem + 0xa000;
	pd[0] = 0xc00000 | PTE_P | PTE_W | PTE_PS;
	*(uint32_t *)(vm->mem + 0xc00000) = 0x4242;
}

TEST(protected_mode_without_paging)
{
	struct vm *vm = START(real_unpaged);
	struct vcpu *vcpu = &vm->vcpu[0];
	struct kvm_sregs s;

	make_pae_tables(vm);
	expect_out(vm, 0x70);
	expect_eq(vcpu_regs(vcpu).rbx, 0x6000);
	expect_eq(vcpu_regs(vcpu).rcx, CR4_PAE);
	s = vcpu_sregs(vcpu);
	expect_eq(s.cr3, 0x6000);
	expect_eq(s.cr4, CR4_PAE);
	expect_eq(s.cr0 & (CR0_PE | CR0_PG), CR0_PE);
	expect_eq(*(uint32_t *)(vm->mem + 0xd00000), 0x77);
	expect_out(vm, 0x71);
	expect_eq(vcpu_regs(vcpu).rdx, 0x4242);
	expect_eq(vcpu_sregs(vcpu).cr3, 0x6000);
	/* Without paging 1 GiB is where nothing is. */
	expect_exit(vm_run(vm), KVM_EXIT_MMIO);
	expect_eq(vm->run->mmio.phys_addr, 0x40000000);
	memcpy(vm->run->mmio.data, &(uint32_t) { 0x99 }, 4);
	expect_exit(vm_run(vm), KVM_EXIT_HLT);
	expect_eq(vcpu_regs(vcpu).rdx, 0x99);
	expect_eq(vcpu_sregs(vcpu).cr3, 0x6000);
}

/* Reserved bits in a PDPTE: #GP at the MOV to CR0, of which nobody knows what to do. */
TEST(bad_pdpte)
{
	struct vm *vm = START(real_unpaged);

	make_pae_tables(vm);
	((uint64_t *)(vm->mem + 0x6000))[3] = PTE_P | PTE_W;
	expect_out(vm, 0x70);
	expect_exit(vm_run(vm), KVM_EXIT_SHUTDOWN);
}

/*
 * PDPTEs are registers: what memory holds later does not matter until CR3 is loaded again. SVM with
 * nested paging reads them when it needs them (APM vol 2, 15.25.10).
 */
TEST(pdptes_are_kept)
{
	struct vm *vm = START(real_unpaged);
	struct vcpu *vcpu = &vm->vcpu[0];
	struct kvm_sregs2 s;

	REQUIRE_CAP(KVM_CAP_SREGS2);
	if (is_amd())
		skip("SVM does not keep PDPTEs");
	make_pae_tables(vm);
	expect_out(vm, 0x70);
	must(ioctl(vcpu->fd, KVM_GET_SREGS2, &s));
	expect_eq(s.flags & KVM_SREGS2_FLAGS_PDPTRS_VALID, 0);
	expect_out(vm, 0x71);
	memset(vm->mem + 0x6000, 0, 32);
	must(ioctl(vcpu->fd, KVM_GET_SREGS2, &s));
	expect_eq(s.flags & KVM_SREGS2_FLAGS_PDPTRS_VALID, 1);
	expect_eq(s.pdptrs[0], 0x7000 | PTE_P);
	expect_eq(s.pdptrs[1], 0xa000 | PTE_P);
	expect_eq(s.pdptrs[2], 0);
	expect_exit(vm_run(vm), KVM_EXIT_MMIO);
}

/* ---- from power-on --------------------------------------------------------------------------- */

/* The reset vector: a code segment that no other way leads to. */
TEST(reset_vector)
{
	struct vm *vm = vm_new(0);
	struct vcpu *vcpu = vcpu_new(vm, 0);
	uint8_t *rom = vm_add_slot(vm, 0xfffff000, SZ_4K, 0);
	static const uint8_t code[] = {
		0xb0, 0x5a, 0xe6, 0x70,			/* mov $0x5a, %al; out %al, $0x70 */
		0xea, 0x00, 0x10, 0x00, 0x00,		/* ljmp $0, $0x1000 */
	};

	install_handlers(vm);
	memcpy(rom + 0xff0, code, sizeof(code));
	memcpy(vm->mem + REAL_CODE_GPA, "\xe6\x71\xcd\x21\xf4", 5);	/* out, int, hlt */
	expect_eq(taken(vm, 0x70, 1), 0x5a);
	expect_eq(vcpu_sregs(vcpu).cs.base, 0xffff0000);
	expect_out(vm, 0x71);
	expect_eq(vcpu_sregs(vcpu).cs.base, 0);
	expect_out(vm, 0x21);
	expect_exit(vm_run(vm), KVM_EXIT_HLT);
}

/* What SET_TSS_ADDR and SET_IDENTITY_MAP_ADDR name, or would, is no hindrance to a VM. */
TEST(private_pages)
{
	struct vm *vm = vm_new(0);
	uint64_t addr = 0xfeffc000;

	REQUIRE_CAP(KVM_CAP_SET_IDENTITY_MAP_ADDR);
	expect_errno(ioctl(vm->fd, KVM_SET_TSS_ADDR, 0xfffff000UL), EINVAL);
	addr = 1UL << 32;
	if (!distro_modules())	/* theirs takes any; the page has to be below 4 GiB to be of use */
		expect_errno(ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &addr), EINVAL);
	addr = 0xfeffc000;
	must(ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &addr));
	must(ioctl(vm->fd, KVM_SET_TSS_ADDR, 0xfeffd000UL));
	install_handlers(vm);
	memcpy(vm->mem + REAL_CODE_GPA, "\xcd\x21\xf4", 3);
	vcpu_set_real_mode(vcpu_new(vm, 0), REAL_CODE_GPA);
	expect_errno(ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &addr), EINVAL);
	expect_out(vm, 0x21);
	expect_exit(vm_run(vm), KVM_EXIT_HLT);
}
