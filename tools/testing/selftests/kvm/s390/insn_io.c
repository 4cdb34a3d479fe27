// SPDX-License-Identifier: GPL-2.0-only
/*
 * The I/O instructions (PoP 14): user space's once KVM_CAP_S390_CSS_SUPPORT is on, condition code 3
 * before; TPI and TSCH, which take a pending interrupt with them; SERVC.
 */
#include "s390.h"

#define SCHID		0x00010007
#define PARM		0x12345678
#define ISC(n)		(0x80000000U >> (n))
#define WORD(isc)	((isc) << 27)		/* of an interruption: its subclass */

static void css_on(struct s390_vm *vm)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_S390_CSS_SUPPORT };

	must(ioctl(vm->cpu, KVM_ENABLE_CAP, &cap));
}

/* An I/O interrupt of the subchannel, of subclass @isc, which CR6 has open or not. */
static void interrupt(struct s390_vm *vm, unsigned int isc)
{
	struct kvm_s390_interrupt irq = {
		.type = KVM_S390_INT_IO(0, 0, 0, 7),
		.parm = SCHID,
		.parm64 = (uint64_t)PARM << 32 | WORD(isc),
	};

	must(ioctl(vm->fd, KVM_S390_INTERRUPT, &irq));
}

static void open_classes(struct s390_vm *vm, uint64_t classes)
{
	vm->run->s.regs.crs[0] = 0xe0;
	vm->run->s.regs.crs[6] = classes;
	vm->run->kvm_dirty_regs = KVM_SYNC_CRS;
}

/* Each of them four bytes, at its place, and an end behind it. */
INSNS(io_code,
	"csch; hsch; msch 0(%r4); ssch 0(%r4); stsch 0(%r4); sal; rsch; stcrw 0(%r4)\n"
	"stcps 0(%r4); rchp; schm\n .insn s,0xb2760000,0\n"
	".insn rre,0xb25f0000,%r4,%r0\n" S390_END);

static const uint16_t io_opcodes[] = {
	0xb230, 0xb231, 0xb232, 0xb233, 0xb234, 0xb237, 0xb238, 0xb239, 0xb23a, 0xb23b, 0xb23c,
	0xb276, 0xb25f,
};

/* SAL, STCPS, RCHP, SCHM and CHSC are in the table for the channel subsystem too. */
TEST(io_to_user_space)
{
	struct s390_vm *vm = s390_vm_of(io_code);
	unsigned int i;

	css_on(vm);
	vm->run->s.regs.gprs[4] = DATA_AT;
	for (i = 0; i < ARRAY_SIZE(io_opcodes); i++) {
		s390_expect_icpt(vm, ICPT_INSTRUCTION);
		expect_eq(vm->run->s390_sieic.ipa, io_opcodes[i]);
		expect_eq(vm->run->psw_addr, CODE_AT + 4 * (i + 1));
	}
	s390_run_to_end(vm);
}

INSNS(end_code, S390_END);

TEST(io_without_css)
{
	struct s390_vm *vm;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(io_opcodes); i++) {
		vm = s390_start(io_code + 4 * i, io_code + 4 * (i + 1));
		memcpy(vm->mem + CODE_AT + 4, end_code, end_code_end - end_code);
		vm->run->s.regs.gprs[4] = DATA_AT;
		s390_run_to_end(vm);
		expect_eq(s390_cc(vm), 3);
	}
}

INSNS(tpi_code, "tpi 0(%r4); ipm %r6; tpi 0(%r4); ipm %r7\n" S390_END);

/* Taken once, and told in twelve bytes at real 184 or in eight at the operand. */
TEST(tpi_at_an_operand)
{
	struct s390_vm *vm = s390_vm_of(tpi_code);

	css_on(vm);
	interrupt(vm, 3);
	open_classes(vm, ISC(3));
	memset(vm->mem + DATA_AT, 0xee, 16);
	vm->run->s.regs.gprs[4] = DATA_AT;
	s390_run_to_end(vm);
	expect_eq(s390_ipm(vm, 6), 1);
	expect_eq(*s390_word(vm, DATA_AT), (uint64_t)SCHID << 32 | PARM);
	expect_eq(*s390_word(vm, DATA_AT + 8), 0xeeeeeeeeeeeeeeeeUL);
	expect_eq(s390_ipm(vm, 7), 0);
}

TEST(tpi_in_the_prefix_area)
{
	struct s390_vm *vm = s390_vm_of(tpi_code);

	css_on(vm);
	interrupt(vm, 3);
	open_classes(vm, ISC(3));
	vm->run->s.regs.gprs[4] = 0;
	s390_run_to_end(vm);
	expect_eq(s390_ipm(vm, 6), 1);
	expect_eq(*s390_word(vm, 0xb8), (uint64_t)SCHID << 32 | PARM);
	expect_eq(*(uint32_t *)(vm->mem + 0xc0), WORD(3));
	expect_eq(s390_ipm(vm, 7), 0);
}

/* A subclass that control register 6 has closed does not count. */
TEST(tpi_of_a_closed_subclass)
{
	struct s390_vm *vm = s390_vm_of(tpi_code);

	css_on(vm);
	interrupt(vm, 3);
	open_classes(vm, ISC(4));
	vm->run->s.regs.gprs[4] = DATA_AT;
	s390_run_to_end(vm);
	expect_eq(s390_ipm(vm, 6), 0);
}

/* What cannot be stored is not taken. */
TEST(tpi_with_an_operand_nowhere)
{
	struct s390_vm *vm = s390_vm_of(tpi_code);

	css_on(vm);
	interrupt(vm, 3);
	open_classes(vm, ISC(3));
	vm->run->s.regs.gprs[4] = 0x40000000;
	s390_expect_pgm(vm, 5);
	vm->run->psw_addr = CODE_AT;
	vm->run->psw_mask = PSW_64;
	vm->run->s.regs.gprs[4] = DATA_AT;
	s390_run_to_end(vm);
	expect_eq(s390_ipm(vm, 6), 1);
}

INSNS(tsch_code, "tsch 0(%r4)\n" S390_END);

static void expect_tsch(struct s390_vm *vm, unsigned int dequeued)
{
	css_on(vm);
	vm->run->s.regs.gprs[1] = SCHID;
	vm->run->s.regs.gprs[4] = DATA_AT;
	expect_eq(s390_run(vm), KVM_EXIT_S390_TSCH);
	expect_eq(vm->run->s390_tsch.ipb >> 16, 0x4000);
	expect_eq(!!vm->run->s390_tsch.dequeued, dequeued);
}

/* The interrupt of this subchannel goes with it (KVM API 5, KVM_EXIT_S390_TSCH). */
TEST(tsch_takes_its_interrupt)
{
	struct s390_vm *vm = s390_vm_of(tsch_code);

	interrupt(vm, 3);
	open_classes(vm, ISC(3));
	expect_tsch(vm, 1);
	expect_eq(vm->run->s390_tsch.subchannel_id, SCHID >> 16);
	expect_eq(vm->run->s390_tsch.subchannel_nr, SCHID & 0xffff);
	expect_eq(vm->run->s390_tsch.io_int_parm, PARM);
	expect_eq(vm->run->s390_tsch.io_int_word, WORD(3));
	s390_run_to_end(vm);
}

TEST(tsch_without_interrupt)
{
	struct s390_vm *vm = s390_vm_of(tsch_code);

	open_classes(vm, ISC(3));
	expect_tsch(vm, 0);
}

TEST(tsch_leaves_other_interrupts)
{
	struct s390_vm *vm = s390_vm_of(tsch_code);

	interrupt(vm, 3);
	open_classes(vm, ISC(3));
	css_on(vm);
	vm->run->s.regs.gprs[1] = SCHID + 1;
	vm->run->s.regs.gprs[4] = DATA_AT;
	expect_eq(s390_run(vm), KVM_EXIT_S390_TSCH);
	expect(!vm->run->s390_tsch.dequeued);
}

TEST(tsch_without_css)
{
	struct s390_vm *vm = s390_vm_of(tsch_code);

	vm->run->s.regs.gprs[1] = SCHID;
	vm->run->s.regs.gprs[4] = DATA_AT;
	s390_run_to_end(vm);
	expect_eq(s390_cc(vm), 3);
}

INSNS(servc_code, ".insn rre,0xb2200000,%r5,%r4\n" S390_END);

TEST(service_call_to_user_space)
{
	struct s390_vm *vm = s390_vm_of(servc_code);

	s390_expect_icpt(vm, ICPT_INSTRUCTION);
	expect_eq(vm->run->s390_sieic.ipa, 0xb220);
	expect_eq(vm->run->s390_sieic.ipb >> 16, 0x54);
	s390_run_to_end(vm);
}
