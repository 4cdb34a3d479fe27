// SPDX-License-Identifier: GPL-2.0-only
/*
 * The smallest guests of s390: the library itself, a wait, an exit, registers, memory,
 * interruptions.
 *
 * When one of these fails, look at nothing else first.
 */
#include "s390.h"

/* A wait that nothing can end is user space's affair; its PSW is in the run page. */
INSNS(wait, "larl %r1,1f; lpswe 0(%r1); .balign 8; 1: .quad 0x0002000180000000,0x1234");

TEST(disabled_wait)
{
	struct s390_vm *vm = s390_vm_of(wait);

	s390_expect_wait(vm, 0x1234);
	expect_eq(vm->run->psw_mask, PSW_64 | PSW_WAIT);
}

INSNS(diagnose, "lghi %r3,0x155; diag %r2,%r3,0x777; lghi %r4,1; diag %r4,%r4,0x778");

/* A function of DIAGNOSE that KVM has not comes out; what follows it runs with the next KVM_RUN. */
TEST(diagnose_exits)
{
	struct s390_vm *vm = s390_vm_of(diagnose);
	struct kvm_regs regs;

	s390_expect_icpt(vm, ICPT_INSTRUCTION);
	expect_eq(vm->run->s390_sieic.ipa, 0x8323);
	expect_eq(vm->run->s390_sieic.ipb >> 16, 0x777);
	expect_eq(vm->run->psw_addr, CODE_AT + 8);
	must(ioctl(vm->cpu, KVM_GET_REGS, &regs));
	expect_eq(regs.gprs[3], 0x155);
	expect_eq(regs.gprs[4], 0);
	s390_expect_icpt(vm, ICPT_INSTRUCTION);
	expect_eq(vm->run->s390_sieic.ipa, 0x8344);
	must(ioctl(vm->cpu, KVM_GET_REGS, &regs));
	expect_eq(regs.gprs[4], 1);
}

INSNS(add, "agr %r2,%r3; llilh %r4,2; stg %r2,0(%r4); diag %r0,%r0,0x777");

TEST(registers_and_memory)
{
	struct s390_vm *vm = s390_vm_of(add);
	struct kvm_regs regs = { .gprs = { [2] = 40, [3] = 2, [15] = ~0UL } };

	must(ioctl(vm->cpu, KVM_SET_REGS, &regs));
	s390_expect_icpt(vm, ICPT_INSTRUCTION);
	must(ioctl(vm->cpu, KVM_GET_REGS, &regs));
	expect_eq(regs.gprs[2], 42);
	expect_eq(regs.gprs[4], DATA_AT);
	expect_eq(regs.gprs[15], ~0UL);
	expect_eq(*s390_word(vm, DATA_AT), 42);
}

/* A page at a time, from DATA_AT to the end: none of them has been touched before. */
INSNS(sweep,
	"llilh %r1,2; llilh %r2,0x100\n"
	"1: stg %r1,8(%r1); aghi %r1,4096; clgr %r1,%r2; jl 1b\n"
	"diag %r0,%r0,0x777");

TEST(every_page)
{
	struct s390_vm *vm = s390_vm_of(sweep);
	uint64_t at;

	s390_expect_icpt(vm, ICPT_INSTRUCTION);
	for (at = DATA_AT; at < MEM_SIZE; at += 4096)
		expect_eq(*s390_word(vm, at + 8), at);
}

INSNS(invalid, "lghi %r1,1; .short 0x0000; lghi %r1,2");

/* The guest's own errors are the guest's. */
TEST(operation_exception)
{
	struct s390_vm *vm = s390_vm_of(invalid);

	s390_expect_wait(vm, WAIT_OF(LC_PGM_NEW));
	expect_eq(*(uint16_t *)(vm->mem + LC_PGM_CODE), 1);
	expect_eq(*(uint16_t *)(vm->mem + LC_PGM_ILC), 2);
	expect_eq(*s390_word(vm, LC_PGM_OLD + 8), CODE_AT + 6);
}

INSNS(beyond, "llilh %r1,0x4000; lg %r2,0(%r1)");

TEST(addressing_exception)
{
	struct s390_vm *vm = s390_vm_of(beyond);

	s390_expect_wait(vm, WAIT_OF(LC_PGM_NEW));
	expect_eq(*(uint16_t *)(vm->mem + LC_PGM_CODE), 5);
}

INSNS(supervisor, "svc 7");

TEST(supervisor_call)
{
	struct s390_vm *vm = s390_vm_of(supervisor);

	s390_expect_wait(vm, WAIT_OF(LC_SVC_NEW));
	expect_eq(*s390_word(vm, LC_SVC_OLD + 8), CODE_AT + 2);
}

/* Control register 0 opens the subclass; then a wait that external interruptions can end. */
INSNS(enabled,
	"larl %r1,1f; lctlg %c0,%c0,0(%r1); lpswe 8(%r1)\n"
	".balign 8; 1: .quad 0x200; .quad 0x0102000180000000,0x4444");

TEST(service_signal)
{
	struct kvm_s390_interrupt irq = { .type = KVM_S390_INT_SERVICE, .parm = 0x12345678 };
	struct s390_vm *vm = s390_vm_of(enabled);

	must(ioctl(vm->fd, KVM_S390_INTERRUPT, &irq));
	s390_expect_wait(vm, WAIT_OF(LC_EXT_NEW));
	expect_eq(*(uint16_t *)(vm->mem + LC_EXT_CODE), 0x2401);
	expect_eq(*(uint32_t *)(vm->mem + LC_EXT_PARAMETER), 0x12345678);
	expect_eq(*s390_word(vm, LC_EXT_OLD + 8), 0x4444);
}

/* The clock is set to pass a little from now; the wait ends when it does, without an exit. */
INSNS(reads_clock,
	"larl %r1,1f; stck 24(%r1); lg %r2,24(%r1); algf %r2,32(%r1); stg %r2,24(%r1)\n"
	"sckc 24(%r1)\n"
	"lctlg %c0,%c0,0(%r1); lpswe 8(%r1)\n"
	".balign 8; 1: .quad 0x800; .quad 0x0102000180000000,0x5555; .quad 0; .long 0x2000000");

TEST(clock_comparator)
{
	struct s390_vm *vm = s390_vm_of(reads_clock);

	s390_expect_wait(vm, WAIT_OF(LC_EXT_NEW));
	expect_eq(*(uint16_t *)(vm->mem + LC_EXT_CODE), 0x1004);
	expect_eq(*s390_word(vm, LC_EXT_OLD + 8), 0x5555);
}
