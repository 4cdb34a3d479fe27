// SPDX-License-Identifier: GPL-2.0-only
/*
 * Instructions that change translation tables and purge what was made of them (PoP 10): IPTE, IDTE,
 * CSP, CSPG; and SCKPF. Each guest uses a translation, takes it away and is to miss it.
 */
#include "s390.h"

#define SEGMENT		0x100000UL

enum { PGM_SPECIFICATION = 6, PGM_SEGMENT = 0x10, PGM_PAGE = 0x11 };

static uint64_t *segment_entry(struct s390_vm *vm, int i)
{
	return s390_word(vm, SEGMENTS_AT + 8 * i);
}

/* Four segments that are the first megabyte each. */
static struct s390_vm *translated(const char *code, const char *end)
{
	struct s390_vm *vm = s390_start(code, end);

	s390_make_tables(vm, 4);
	s390_translate(vm);
	return vm;
}

#define translated_vm_of(name)	translated(name, name##_end)

/* What is at R5 goes with the page table R4. */
INSNS(ipte_code, "lg %r7,0(%r5); ipte %r4,%r5; lg %r7,0(%r5)\n" S390_END);

TEST(ipte)
{
	struct s390_vm *vm = translated_vm_of(ipte_code);

	vm->run->s.regs.gprs[4] = PAGES_AT;
	vm->run->s.regs.gprs[5] = 0x83000;
	s390_expect_pgm(vm, PGM_PAGE);
	expect_eq(*s390_page_entry(vm, 0x83000), 0x83000 | PAGE_INVALID);
	expect_eq(*s390_page_entry(vm, 0x82000), 0x82000);
	expect_eq(*s390_page_entry(vm, 0x84000), 0x84000);
	expect_eq(*s390_word(vm, LC_PGM_OLD + 8), CODE_AT + 10);
}

/* The same of the segment table R4, whose entry is in R2, with the table's ASCE in R6. */
INSNS(idte_code, "lg %r7,0(%r5); idte %r4,%r6,%r2; lg %r7,0(%r5)\n" S390_END);

static struct s390_vm *idte_vm(uint64_t index)
{
	struct s390_vm *vm = translated_vm_of(idte_code);

	vm->run->s.regs.gprs[2] = index;
	vm->run->s.regs.gprs[4] = SEGMENTS_AT;
	vm->run->s.regs.gprs[5] = SEGMENT + 0x83000;
	vm->run->s.regs.gprs[6] = SEGMENTS_AT | 3;
	return vm;
}

TEST(idte)
{
	struct s390_vm *vm = idte_vm(SEGMENT);

	s390_expect_pgm(vm, PGM_SEGMENT);
	expect_eq(*segment_entry(vm, 0), PAGES_AT);
	expect_eq(*segment_entry(vm, 1), PAGES_AT | SEGMENT_INVALID);
	expect_eq(*segment_entry(vm, 2), PAGES_AT);
	expect_eq(*s390_word(vm, LC_PGM_OLD + 8), CODE_AT + 10);
}

/* Bits 53-63 of the index: so many entries more. */
TEST(idte_of_some_entries)
{
	struct s390_vm *vm = idte_vm(SEGMENT | 1);

	s390_expect_pgm(vm, PGM_SEGMENT);
	expect_eq(*segment_entry(vm, 0), PAGES_AT);
	expect_eq(*segment_entry(vm, 1), PAGES_AT | SEGMENT_INVALID);
	expect_eq(*segment_entry(vm, 2), PAGES_AT | SEGMENT_INVALID);
	expect_eq(*segment_entry(vm, 3), PAGES_AT);
}

/* Bit 52: what was made of the ASCE in R6 is purged, and no entry changed. */
INSNS(idte_purge_code, "lg %r7,0(%r5); stg %r1,0(%r4); idte %r0,%r6,%r2; lg %r7,0(%r5)\n" S390_END);

TEST(idte_by_asce)
{
	struct s390_vm *vm = translated_vm_of(idte_purge_code);

	vm->run->s.regs.gprs[1] = PAGES_AT | SEGMENT_INVALID;
	vm->run->s.regs.gprs[2] = 0x800;
	vm->run->s.regs.gprs[4] = SEGMENTS_AT + 8;
	vm->run->s.regs.gprs[5] = SEGMENT + 0x83000;
	vm->run->s.regs.gprs[6] = SEGMENTS_AT | 3;
	s390_expect_pgm(vm, PGM_SEGMENT);
	expect_eq(*segment_entry(vm, 0), PAGES_AT);
	expect_eq(*segment_entry(vm, 2), PAGES_AT);
	expect_eq(*s390_word(vm, LC_PGM_OLD + 8), CODE_AT + 16);
}

/* Bits 44-51 of R2 are to be zero. */
TEST(idte_reserved_bits)
{
	struct s390_vm *vm = idte_vm(SEGMENT | 0x1000);

	s390_expect_pgm(vm, PGM_SPECIFICATION);
	expect_eq(*segment_entry(vm, 1), PAGES_AT);
}

/* R2 is compared, R3 stored, at the address in R4, whose last bit says that translations go. */
INSNS(csp_code, "csp %r2,%r4; ipm %r6\n" S390_END);
INSNS(cspg_code, "cspg %r2,%r4; ipm %r6\n" S390_END);
INSNS(csp_odd_code, "csp %r3,%r4\n" S390_END);
INSNS(cspg_odd_code, "cspg %r3,%r4\n" S390_END);
INSNS(cspg_purge_code, "lg %r7,0(%r5); cspg %r2,%r4; lg %r7,0(%r5)\n" S390_END);

#define OLD	0x1122334455667788UL
#define NEW	0x99aabbccddeeff00UL

static void swap(struct s390_vm *vm, uint64_t compare, uint64_t bits)
{
	*s390_word(vm, DATA_AT) = OLD;
	*s390_word(vm, DATA_AT + 8) = OLD;
	vm->run->psw_addr = CODE_AT;
	vm->run->s.regs.gprs[2] = compare;
	vm->run->s.regs.gprs[3] = NEW;
	vm->run->s.regs.gprs[4] = DATA_AT | bits;
	s390_run_to_end(vm);
	expect_eq(*s390_word(vm, DATA_AT + 8), OLD);
	expect_eq(s390_gpr(vm, 3), NEW);
}

/* A word, of the registers' right halves. */
TEST(csp)
{
	struct s390_vm *vm = s390_vm_of(csp_code);
	uint64_t bits;

	for (bits = 0; bits < 4; bits++) {
		swap(vm, 0xffffffff11223344UL, bits);
		expect_eq(s390_ipm(vm, 6), 0);
		expect_eq(*s390_word(vm, DATA_AT), 0xddeeff0055667788UL);
		expect_eq(s390_gpr(vm, 2), 0xffffffff11223344UL);
	}
	swap(vm, 0xffffffff11223345UL, 1);
	expect_eq(s390_ipm(vm, 6), 1);
	expect_eq(*s390_word(vm, DATA_AT), OLD);
	expect_eq(s390_gpr(vm, 2), 0xffffffff11223344UL);
}

TEST(cspg)
{
	struct s390_vm *vm = s390_vm_of(cspg_code);
	uint64_t bits;

	for (bits = 0; bits < 4; bits++) {
		swap(vm, OLD, bits);
		expect_eq(s390_ipm(vm, 6), 0);
		expect_eq(*s390_word(vm, DATA_AT), NEW);
		expect_eq(s390_gpr(vm, 2), OLD);
	}
	swap(vm, OLD + (1UL << 32), 1);
	expect_eq(s390_ipm(vm, 6), 1);
	expect_eq(*s390_word(vm, DATA_AT), OLD);
	expect_eq(s390_gpr(vm, 2), OLD);
}

TEST(cspg_takes_a_page_away)
{
	struct s390_vm *vm = translated_vm_of(cspg_purge_code);

	vm->run->s.regs.gprs[2] = 0x83000;
	vm->run->s.regs.gprs[3] = 0x83000 | PAGE_INVALID;
	vm->run->s.regs.gprs[4] = (PAGES_AT + 8 * 0x83) | 1;
	vm->run->s.regs.gprs[5] = 0x83000;
	s390_expect_pgm(vm, PGM_PAGE);
	expect_eq(*s390_page_entry(vm, 0x83000), 0x83000 | PAGE_INVALID);
	expect_eq(*s390_word(vm, LC_PGM_OLD + 8), CODE_AT + 10);
}

TEST(pair_of_registers_is_even)
{
	s390_expect_pgm(s390_vm_of(csp_odd_code), PGM_SPECIFICATION);
	s390_expect_pgm(s390_vm_of(cspg_odd_code), PGM_SPECIFICATION);
}

/* The field is in the clock's last two bytes; user space has it as a register. */
INSNS(sckpf_code, "sckpf; stcke 0(%r4)\n" S390_END);

static uint64_t programmable_field(struct s390_vm *vm)
{
	uint32_t value = 0;
	struct kvm_one_reg reg = { .id = KVM_REG_S390_TODPR, .addr = (uintptr_t)&value };

	must(ioctl(vm->cpu, KVM_GET_ONE_REG, &reg));
	return value;
}

TEST(sckpf)
{
	struct s390_vm *vm = s390_vm_of(sckpf_code);

	vm->run->s.regs.gprs[0] = 0x5555555500001234UL;
	vm->run->s.regs.gprs[4] = DATA_AT;
	s390_run_to_end(vm);
	expect_eq(*(uint16_t *)(vm->mem + DATA_AT + 14), 0x1234);
	expect_eq(programmable_field(vm), 0x1234);
	vm->run->psw_addr = CODE_AT;
	vm->run->s.regs.gprs[0] = 0x10005;
	s390_expect_pgm(vm, PGM_SPECIFICATION);
	expect_eq(programmable_field(vm), 0x1234);
}
