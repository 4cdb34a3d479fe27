// SPDX-License-Identifier: GPL-2.0-only
/*
 * What leaves KVM_RUN, with every field of kvm_run that user space needs, and that the guest goes
 * on rightly after it.
 */
#include "agent.h"
#include "guest.h"

static void *io_data(struct vm *vm)
{
	return (uint8_t *)vm->run + vm->run->io.data_offset;
}

static void expect_io(struct vm *vm, int direction, uint16_t port, int size, uint32_t count)
{
	expect_exit(vm_run(vm), KVM_EXIT_IO);
	expect_eq(vm->run->io.direction, direction);
	expect_eq(vm->run->io.port, port);
	expect_eq(vm->run->io.size, size);
	expect_eq(vm->run->io.count, count);
}

static void expect_mmio(struct vm *vm, int is_write, uint64_t gpa, uint32_t len)
{
	expect_exit(vm_run(vm), KVM_EXIT_MMIO);
	expect_eq(vm->run->mmio.phys_addr, gpa);
	expect_eq(vm->run->mmio.len, len);
	expect_eq(vm->run->mmio.is_write, is_write);
}

/* ---- ports ----------------------------------------------------------------------------------- */

static void guest_ports(void)
{
	uint64_t rax;

	outb(0x10, 0x11);
	outw(0x200, 0x2233);
	outl(0x3000, 0x44556677);
	guest_expect_eq(inb(0xffff), 0x88);
	guest_expect_eq(inw(0xfffe), 0x99aa);
	guest_expect_eq(inl(0xfffc), 0xbbccddee);
	/* A byte leaves the rest of RAX alone; four bytes clear the upper half. */
	asm volatile("mov $-1, %0; inb $0x42, %%al" : "=&a"(rax));
	guest_expect_eq(rax, 0xffffffffffffff12);
	asm volatile("mov $-1, %0; inl $0x42, %%eax" : "=&a"(rax));
	guest_expect_eq(rax, 0x34567890);
}

TEST(port_io)
{
	struct vm *vm = vm_start(guest_ports);

	expect_io(vm, KVM_EXIT_IO_OUT, 0x10, 1, 1);
	expect_eq(*(uint8_t *)io_data(vm), 0x11);
	expect_io(vm, KVM_EXIT_IO_OUT, 0x200, 2, 1);
	expect_eq(*(uint16_t *)io_data(vm), 0x2233);
	expect_io(vm, KVM_EXIT_IO_OUT, 0x3000, 4, 1);
	expect_eq(*(uint32_t *)io_data(vm), 0x44556677);
	expect_io(vm, KVM_EXIT_IO_IN, 0xffff, 1, 1);
	*(uint8_t *)io_data(vm) = 0x88;
	expect_io(vm, KVM_EXIT_IO_IN, 0xfffe, 2, 1);
	*(uint16_t *)io_data(vm) = 0x99aa;
	expect_io(vm, KVM_EXIT_IO_IN, 0xfffc, 4, 1);
	*(uint32_t *)io_data(vm) = 0xbbccddee;
	expect_io(vm, KVM_EXIT_IO_IN, 0x42, 1, 1);
	*(uint8_t *)io_data(vm) = 0x12;
	expect_io(vm, KVM_EXIT_IO_IN, 0x42, 4, 1);
	*(uint32_t *)io_data(vm) = 0x34567890;
	expect_exit(vm_run(vm), GUEST_DONE);
}

#define STRING_BYTES	10000
static uint8_t string[STRING_BYTES + 8];
static uint64_t done_rcx, done_rsi, done_rdi;

static void guest_string_out(void)
{
	done_rcx = STRING_BYTES / 2;
	done_rsi = (uintptr_t)string;
	asm volatile("cld; rep outsw" : "+c"(done_rcx), "+S"(done_rsi) : "d"(0x70) : "memory");
	guest_expect_eq(done_rcx, 0);
	guest_expect_eq(done_rsi, (uintptr_t)string + STRING_BYTES);
}

/* However KVM cuts it into exits, all of the string arrives once and in order. */
TEST(rep_outs)
{
	struct vm *vm = vm_start(guest_string_out);
	uint8_t got[STRING_BYTES];
	unsigned int n = 0, i, bytes, page_bytes = vcpu_mmap_size();
	int exit;

	for (i = 0; i < STRING_BYTES; i++)
		in_guest(vm, &string[0])[i] = i * 7 + i / 256;
	while ((exit = vm_run(vm)) == KVM_EXIT_IO) {
		expect_eq(vm->run->io.direction, KVM_EXIT_IO_OUT);
		expect_eq(vm->run->io.port, 0x70);
		expect_eq(vm->run->io.size, 2);
		bytes = 2 * vm->run->io.count;
		expect_le(n + bytes, STRING_BYTES);
		expect_le(vm->run->io.data_offset + bytes, page_bytes);
		memcpy(got + n, io_data(vm), bytes);
		n += bytes;
	}
	expect_exit(exit, GUEST_DONE);
	expect_eq(n, STRING_BYTES);
	expect_eq(memcmp(got, in_guest(vm, &string[0]), STRING_BYTES), 0);
}

static void guest_string_in(void)
{
	done_rcx = STRING_BYTES / 4;
	done_rdi = (uintptr_t)string;
	asm volatile("cld; rep insl" : "+c"(done_rcx), "+D"(done_rdi) : "d"(0x74) : "memory");
	guest_expect_eq(done_rcx, 0);
	guest_expect_eq(done_rdi, (uintptr_t)string + STRING_BYTES);
	guest_sync(0);
	done_rcx = 3;
	done_rdi = (uintptr_t)string + 8;
	asm volatile("std; rep insb; cld" : "+c"(done_rcx), "+D"(done_rdi) : "d"(0x74) : "memory");
	guest_expect_eq(done_rdi, (uintptr_t)string + 5);
}

/* Answer port reads with consecutive bytes until the guest speaks. */
static int feed_input(struct vm *vm, uint8_t *next)
{
	unsigned int i;
	int exit;

	while ((exit = vm_run(vm)) == KVM_EXIT_IO) {
		expect_eq(vm->run->io.direction, KVM_EXIT_IO_IN);
		expect_eq(vm->run->io.port, 0x74);
		for (i = 0; i < vm->run->io.count * vm->run->io.size; i++)
			((uint8_t *)io_data(vm))[i] = (*next)++;
	}
	return exit;
}

TEST(rep_ins)
{
	struct vm *vm = vm_start(guest_string_in);
	uint8_t next = 3, *mem = in_guest(vm, &string[0]);
	unsigned int i;

	expect_exit(feed_input(vm, &next), GUEST_SYNC);
	for (i = 0; i < STRING_BYTES; i++)
		expect_eq(mem[i], (uint8_t)(i + 3));
	expect_eq(mem[STRING_BYTES], 0);
	/* Downwards: the first byte goes to the highest address. */
	next = 100;
	expect_exit(feed_input(vm, &next), GUEST_DONE);
	expect_eq(mem[8], 100);
	expect_eq(mem[7], 101);
	expect_eq(mem[6], 102);
	expect_eq(mem[5], (uint8_t)(5 + 3));
}

/* ---- MMIO ------------------------------------------------------------------------------------ */

static void guest_mmio(void)
{
	uint64_t v;

	write8(HOLE_GPA + 1, 0x11);
	write16(HOLE_GPA + 2, 0x2233);
	write32(HOLE_GPA + 4, 0x44556677);
	write64(HOLE_GPA + 8, 0x8899aabbccddeeff);
	guest_expect_eq(read8(HOLE_GPA + 0x11), 0xa1);
	guest_expect_eq(read16(HOLE_GPA + 0x12), 0xa2a3);
	guest_expect_eq(read32(HOLE_GPA + 0x14), 0xa4a5a6a7);
	guest_expect_eq(read64(HOLE_GPA + 0x18), 0xa8a9aaabacadaeaf);
	asm volatile("movsbq %1, %0" : "=r"(v) : "m"(*(uint8_t *)(HOLE_GPA + 0x20)));
	guest_expect_eq(v, 0xffffffffffffff80);
	asm volatile("movzwl %1, %k0" : "=r"(v) : "m"(*(uint16_t *)(HOLE_GPA + 0x22)));
	guest_expect_eq(v, 0x8182);
	asm volatile("movl $0x12345678, %0" : "=m"(*(uint32_t *)(HOLE_GPA + 0x24)));
}

static void answer(struct vm *vm, uint64_t gpa, uint32_t len, uint64_t value)
{
	expect_mmio(vm, 0, gpa, len);
	memcpy(vm->run->mmio.data, &value, len);
}

static void expect_store(struct vm *vm, uint64_t gpa, uint32_t len, uint64_t value)
{
	uint64_t got = 0;

	expect_mmio(vm, 1, gpa, len);
	memcpy(&got, vm->run->mmio.data, len);
	expect_eq(got, value);
}

TEST(mmio)
{
	struct vm *vm = vm_start(guest_mmio);

	expect_store(vm, HOLE_GPA + 1, 1, 0x11);
	expect_store(vm, HOLE_GPA + 2, 2, 0x2233);
	expect_store(vm, HOLE_GPA + 4, 4, 0x44556677);
	expect_store(vm, HOLE_GPA + 8, 8, 0x8899aabbccddeeff);
	answer(vm, HOLE_GPA + 0x11, 1, 0xa1);
	answer(vm, HOLE_GPA + 0x12, 2, 0xa2a3);
	answer(vm, HOLE_GPA + 0x14, 4, 0xa4a5a6a7);
	answer(vm, HOLE_GPA + 0x18, 8, 0xa8a9aaabacadaeaf);
	answer(vm, HOLE_GPA + 0x20, 1, 0x80);
	answer(vm, HOLE_GPA + 0x22, 2, 0x8182);
	expect_store(vm, HOLE_GPA + 0x24, 4, 0x12345678);
	expect_exit(vm_run(vm), GUEST_DONE);
}

static void guest_mmio_across_pages(void)
{
	write64(HOLE_GPA + SZ_4K - 3, 0x1122334455667788);
	guest_expect_eq(read64(HOLE_GPA + SZ_4K - 3), 0x1122334455667788);
	/* The first half is memory, the second a device. */
	write64(SLOT_GPA + SZ_4K - 4, 0x0102030405060708);
	guest_expect_eq(read64(SLOT_GPA + SZ_4K - 4), 0xaabbccdd05060708);
}

/*
 * One page's part of an access. It may come in pieces, since kvm_run only says how many bytes an
 * exit carries, but in order of addresses and without a byte of the other page.
 */
static void expect_part(struct vm *vm, int is_write, uint64_t gpa, uint32_t len, uint64_t value)
{
	struct kvm_run *run = vm->run;
	uint64_t got;

	while (len) {
		expect_exit(vm_run(vm), KVM_EXIT_MMIO);
		expect_eq(run->mmio.is_write, is_write);
		expect_eq(run->mmio.phys_addr, gpa);
		expect(run->mmio.len >= 1 && run->mmio.len <= len);
		got = value;
		if (is_write)
			memcpy(&got, run->mmio.data, run->mmio.len);
		else
			memcpy(run->mmio.data, &value, run->mmio.len);
		expect_eq(got, value);
		gpa += run->mmio.len;
		len -= run->mmio.len;
		value >>= 8 * run->mmio.len;
	}
}

/* An access across a page border is done for each page by itself. */
TEST(mmio_across_pages)
{
	struct vm *vm = vm_start(guest_mmio_across_pages);
	uint8_t *page = vm_add_slot(vm, SLOT_GPA, SZ_4K, 0);

	expect_part(vm, 1, HOLE_GPA + SZ_4K - 3, 3, 0x667788);
	expect_part(vm, 1, HOLE_GPA + SZ_4K, 5, 0x1122334455);
	expect_part(vm, 0, HOLE_GPA + SZ_4K - 3, 3, 0x667788);
	expect_part(vm, 0, HOLE_GPA + SZ_4K, 5, 0x1122334455);
	expect_store(vm, SLOT_GPA + SZ_4K, 4, 0x01020304);
	expect_eq(*(uint32_t *)(page + SZ_4K - 4), 0x05060708);
	answer(vm, SLOT_GPA + SZ_4K, 4, 0xaabbccdd);
	expect_exit(vm_run(vm), GUEST_DONE);
}

static void guest_rmw(void)
{
	uint64_t v, flags;

	asm volatile("orl $0xf0, %0" : "+m"(*(uint32_t *)HOLE_GPA));
	asm volatile("lock incw %0" : "+m"(*(uint16_t *)HOLE_GPA));
	v = 5;
	asm volatile("xchgq %0, %1" : "+r"(v), "+m"(*(uint64_t *)HOLE_GPA));
	guest_expect_eq(v, 77);
	v = 3;
	asm volatile("lock xaddl %k0, %1" : "+r"(v), "+m"(*(uint32_t *)HOLE_GPA));
	guest_expect_eq(v, 40);
	asm volatile("cmpl $9, %1; pushf; pop %0" : "=r"(flags) : "m"(*(uint32_t *)HOLE_GPA));
	guest_expect_eq(flags & 0x41, 0x40);
	asm volatile("cmpl $9, %1; pushf; pop %0" : "=r"(flags) : "m"(*(uint32_t *)HOLE_GPA));
	guest_expect_eq(flags & 0x41, 1);
	asm volatile("testb $1, %1; pushf; pop %0" : "=r"(flags) : "m"(*(uint8_t *)HOLE_GPA));
	guest_expect_eq(flags & 0x40, 0);
}

/*
 * Read, modify, write: a read exit and a write exit with the result, and the flags of the
 * operation.
 */
TEST(mmio_read_modify_write)
{
	struct vm *vm = vm_start(guest_rmw);

	answer(vm, HOLE_GPA, 4, 0x100f);
	expect_store(vm, HOLE_GPA, 4, 0x10ff);
	answer(vm, HOLE_GPA, 2, 0xffff);
	expect_store(vm, HOLE_GPA, 2, 0);
	answer(vm, HOLE_GPA, 8, 77);
	expect_store(vm, HOLE_GPA, 8, 5);
	answer(vm, HOLE_GPA, 4, 40);
	expect_store(vm, HOLE_GPA, 4, 43);
	answer(vm, HOLE_GPA, 4, 9);
	answer(vm, HOLE_GPA, 4, 8);
	answer(vm, HOLE_GPA, 1, 1);
	expect_exit(vm_run(vm), GUEST_DONE);
}

static void guest_string_mmio(void)
{
	uint64_t rcx = 3, rsi = (uintptr_t)string, rdi = HOLE_GPA;

	asm volatile("cld; rep movsl" : "+c"(rcx), "+S"(rsi), "+D"(rdi) : : "memory");
	guest_expect_eq(rdi, HOLE_GPA + 12);
	rcx = 2;
	rsi = HOLE_GPA;
	rdi = (uintptr_t)string + 100;
	asm volatile("rep movsq" : "+c"(rcx), "+S"(rsi), "+D"(rdi) : : "memory");
	guest_expect_eq(read64((uintptr_t)string + 100), 0x1111);
	guest_expect_eq(read64((uintptr_t)string + 108), 0x2222);
	rcx = 2;
	rdi = HOLE_GPA;
	asm volatile("rep stosb" : "+c"(rcx), "+D"(rdi) : "a"(0x5a) : "memory");
	guest_expect_eq(rcx, 0);
}

TEST(mmio_string)
{
	struct vm *vm = vm_start(guest_string_mmio);
	int i;

	for (i = 0; i < 12; i++)
		in_guest(vm, &string[0])[i] = i;
	expect_store(vm, HOLE_GPA, 4, 0x03020100);
	expect_store(vm, HOLE_GPA + 4, 4, 0x07060504);
	expect_store(vm, HOLE_GPA + 8, 4, 0x0b0a0908);
	answer(vm, HOLE_GPA, 8, 0x1111);
	answer(vm, HOLE_GPA + 8, 8, 0x2222);
	expect_store(vm, HOLE_GPA, 1, 0x5a);
	expect_store(vm, HOLE_GPA + 1, 1, 0x5a);
	expect_exit(vm_run(vm), GUEST_DONE);
}

/* The stack itself in a device: push and pop, and a call through a device's pointer. */
static void guest_stack_mmio(void)
{
	uint64_t v;

	asm volatile("mov %%rsp, %%rbx; mov %1, %%rsp; push $0x1234; pop %0; mov %%rbx, %%rsp"
		     : "=&r"(v) : "r"(HOLE_GPA + 0x100) : "rbx", "memory");
	guest_expect_eq(v, 0x4321);
}

TEST(mmio_stack)
{
	struct vm *vm = vm_start(guest_stack_mmio);

	expect_store(vm, HOLE_GPA + 0xf8, 8, 0x1234);
	answer(vm, HOLE_GPA + 0xf8, 8, 0x4321);
	expect_exit(vm_run(vm), GUEST_DONE);
}

/* ---- the ends of a guest --------------------------------------------------------------------- */

static void guest_triple_fault(void)
{
	static const struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) no_idt;

	asm volatile("lidt %0; ud2" : : "m"(no_idt));
}

TEST(triple_fault)
{
	struct vm *vm = vm_start(guest_triple_fault);

	expect_exit(vm_run(vm), KVM_EXIT_SHUTDOWN);
}

/*
 * A guest that executes where no memory is cannot be emulated either: documented as an internal
 * error.
 */
static void guest_runs_off(void)
{
	((void (*)(void))HOLE_GPA)();
}

TEST(execution_outside_memory)
{
	struct vm *vm = vm_start(guest_runs_off);

	expect_exit(vm_run(vm), KVM_EXIT_INTERNAL_ERROR);
	expect_eq(vm->run->internal.suberror, KVM_INTERNAL_ERROR_EMULATION);
	/* Nothing of the guest was changed: the VMM may look, and end it. */
	expect_eq(vcpu_regs(&vm->vcpu[0]).rip, HOLE_GPA);
}

/* An instruction that no emulator has, on a device. */
static void guest_cannot_be_emulated(void)
{
	asm volatile("fildl %0" : : "m"(*(uint32_t *)HOLE_GPA));
}

TEST(emulation_impossible)
{
	struct vm *vm = vm_start(guest_cannot_be_emulated);
	uint64_t rip;

	expect_exit(vm_run(vm), KVM_EXIT_INTERNAL_ERROR);
	expect_eq(vm->run->internal.suberror, KVM_INTERNAL_ERROR_EMULATION);
	rip = vcpu_regs(&vm->vcpu[0]).rip;
	/* FILD's first byte: still in front of it */
	expect_eq(*(uint8_t *)(vm->mem + rip), 0xdb);
}

/* ---- real mode ------------------------------------------------------------------------------- */

REAL_CODE(real_sum,
	  "xorw %ax, %ax\n movw $10, %cx\n 1: addw %cx, %ax\n loop 1b\n outw %ax, $0x80\n"
	  "movw $0x2000, %bx\n movw %bx, %ds\n movw $0xbeef, (0x10)\n hlt");

TEST(real_mode_program)
{
	struct vm *vm = vm_start_real(real_sum, real_sum_end);

	expect_io(vm, KVM_EXIT_IO_OUT, 0x80, 2, 1);
	expect_eq(*(uint16_t *)io_data(vm), 55);
	expect_exit(vm_run(vm), KVM_EXIT_HLT);
	expect_eq(*(uint16_t *)(vm->mem + 0x20010), 0xbeef);
	expect_eq(vcpu_sregs(&vm->vcpu[0]).ds.base, 0x20000);
}

/* Interrupt vectors of real mode lie at address 0: vector 6 catches UD2, vector 0x21 an INT. */
REAL_CODE(real_int,
	  "movw $0, %ax\n movw %ax, %ds\n movw %ax, %ss\n movw $0x8000, %sp\n"
	  "movw $(2f - real_int + 0x1000), (6 * 4)\n movw $0, (6 * 4 + 2)\n"
	  "movw $(3f - real_int + 0x1000), (0x21 * 4)\n movw $0, (0x21 * 4 + 2)\n"
	  "int $0x21\n ud2\n 1: hlt\n"
	  "2: movb $6, %al\n outb %al, $0x80\n popw %ax\n addw $2, %ax\n pushw %ax\n iretw\n"
	  "3: movb $0x21, %al\n outb %al, $0x80\n iretw");

TEST(real_mode_vectors)
{
	struct vm *vm = vm_start_real(real_int, real_int_end);

	expect_io(vm, KVM_EXIT_IO_OUT, 0x80, 1, 1);
	expect_eq(*(uint8_t *)io_data(vm), 0x21);
	expect_io(vm, KVM_EXIT_IO_OUT, 0x80, 1, 1);
	expect_eq(*(uint8_t *)io_data(vm), 6);
	expect_exit(vm_run(vm), KVM_EXIT_HLT);
}

/* From real mode to protected mode and back, with segment loads in both. */
REAL_CODE(real_to_protected,
	  "cli\n xorw %ax, %ax\n movw %ax, %ds\n"
	  "lgdtl (6f - real_to_protected + 0x1000)\n"
	  "movl %cr0, %eax\n orl $1, %eax\n movl %eax, %cr0\n"
	  "ljmpl $8, $(1f - real_to_protected + 0x1000)\n"
	  ".code32\n 1: movw $16, %ax\n movw %ax, %ds\n movl $0xcafe, %ebx\n movl %ebx, (0x200000)\n"
	  "outb %al, $0x80\n"
	  "ljmpl $24, $(2f - real_to_protected + 0x1000)\n"
	  ".code16\n 2: movl %cr0, %eax\n andl $~1, %eax\n movl %eax, %cr0\n"
	  "ljmpw $0, $(3f - real_to_protected + 0x1000)\n"
	  "3: xorw %ax, %ax\n movw %ax, %ds\n movw $0x77, (0x600)\n hlt\n"
	  ".balign 8\n 5: .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00009b000000ffff\n"
	  "6: .word 31\n .long (5b - real_to_protected + 0x1000)");

TEST(real_mode_to_protected_and_back)
{
	struct vm *vm = vm_start_real(real_to_protected, real_to_protected_end);
	struct kvm_sregs s;

	expect_io(vm, KVM_EXIT_IO_OUT, 0x80, 1, 1);
	s = vcpu_sregs(&vm->vcpu[0]);
	expect_eq(s.cr0 & 1, 1);
	expect_eq(s.cs.selector, 8);
	expect_eq(s.cs.db, 1);
	expect_eq(s.ds.selector, 16);
	expect_eq(s.ds.limit, 0xffffffff);
	expect_exit(vm_run(vm), KVM_EXIT_HLT);
	expect_eq(*(uint32_t *)(vm->mem + 0x200000), 0xcafe);
	expect_eq(*(uint16_t *)(vm->mem + 0x600), 0x77);
	expect_eq(vcpu_sregs(&vm->vcpu[0]).cr0 & 1, 0);
}
