// SPDX-License-Identifier: GPL-2.0-only
/*
 * The smallest guests: the library itself, real mode and 64-bit mode, halt and port I/O.
 *
 * When one of these fails, look at nothing else first.
 */
#include "vm.h"
#include "guest.h"

REAL_CODE(real_hlt, "hlt");
REAL_CODE(real_out, "movb $0x5a, %al; outb %al, $0x80; hlt");

/* Without an interrupt controller in the kernel, HLT is user space's affair. */
TEST(real_mode_hlt)
{
	struct vm *vm = vm_start_real(real_hlt, real_hlt_end);

	expect_exit(vm_run(vm), KVM_EXIT_HLT);
	expect_eq(vcpu_regs(&vm->vcpu[0]).rip, REAL_CODE_GPA + 1);
}

TEST(real_mode_port_out)
{
	struct vm *vm = vm_start_real(real_out, real_out_end);
	struct kvm_run *run = vm->run;

	expect_exit(vm_run(vm), KVM_EXIT_IO);
	expect_eq(run->io.direction, KVM_EXIT_IO_OUT);
	expect_eq(run->io.port, 0x80);
	expect_eq(run->io.size, 1);
	expect_eq(run->io.count, 1);
	expect_eq(*((uint8_t *)run + run->io.data_offset), 0x5a);
	expect_exit(vm_run(vm), KVM_EXIT_HLT);
}

static uint64_t word = 41;

static void guest_talk(void)
{
	guest_expect_eq(word, 42);
	guest_sync(word + 1);
	hlt();
	word = 7;
}

/*
 * The guest has its own copy of the program's data, and both sides see each other's writes to it.
 */
TEST(long_mode)
{
	struct vm *vm = vm_start(guest_talk);

	*in_guest(vm, &word) = 42;
	expect_exit(vm_run(vm), GUEST_SYNC);
	expect_eq(vm->vcpu[0].sync, 43);
	expect_exit(vm_run(vm), KVM_EXIT_HLT);
	expect_exit(vm_run(vm), GUEST_DONE);
	expect_eq(*in_guest(vm, &word), 7);
	expect_eq(word, 41);
	vm_free(vm);
}

static void guest_traps(void)
{
	guest_expect_eq(guest_try("ud2", :), VEC_UD);
	guest_expect_eq(guest_try("nop", :), NO_FAULT);
	guest_expect_eq(guest_cpu(), 0);
}

TEST(guest_fault_handlers)
{
	struct vm *vm = vm_start(guest_traps);

	expect_exit(vm_run(vm), GUEST_DONE);
}

static uint32_t arrived;

static void guest_many(void)
{
	fetch_add(&arrived, 1 << 8 * guest_cpu());
	while (GUEST_ONCE(arrived) != 0x01010101)
		cpu_relax();
}

/* Four vCPUs run at the same time on four threads: each waits for the others. */
TEST(four_vcpus)
{
	struct vm *vm = vm_new(0);
	int i;

	for (i = 0; i < 4; i++)
		vcpu_start(vm, i, guest_many);
	for (i = 0; i < 4; i++)
		vcpu_run_async(&vm->vcpu[i]);
	for (i = 0; i < 4; i++)
		vcpu_join(&vm->vcpu[i]);
	expect_eq(*in_guest(vm, &arrived), 0x01010101);
}
