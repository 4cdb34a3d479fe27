// SPDX-License-Identifier: GPL-2.0-only
/*
 * Storage keys, and the instructions that look at storage without an access (PoP 3 and 10): ISKE,
 * SSKE with each of its conditions, RRBE, PFMF, TEST PROTECTION with all results, TEST BLOCK; and
 * IPTE, after which a page is gone.
 *
 * The kernel's own module has the emulator set keys, which does not get through it: not run there.
 */
#include "s390.h"

#define CR0_LOW_PROT	(1UL << 28)

enum { REFERENCED = 4, CHANGED = 2, FETCH_PROTECTED = 8 };

static struct s390_vm *start(const char *code, const char *end)
{
	if (distro_modules())
		skip("keys that the emulator sets itself");
	return s390_start(code, end);
}

#define vm_of(name)	start(name, name##_end)

/* The key in R1 to the frame in R4; what it is, in R2. */
INSNS(key_code, "sske %r1,%r4; iske %r2,%r4\n" S390_END);

TEST(key_of_seven_bits)
{
	struct s390_vm *vm = vm_of(key_code);
	unsigned int key;

	for (key = 0; key < 256; key += 5) {
		vm->run->psw_addr = CODE_AT;
		vm->run->s.regs.gprs[1] = 0xffffff00 | key;
		vm->run->s.regs.gprs[2] = 0x1122334455667788UL;
		vm->run->s.regs.gprs[4] = DATA_AT + 0x123;	/* bits within the frame do not count */
		s390_run_to_end(vm);
		expect_eq(s390_gpr(vm, 2), 0x1122334455667700UL | (key & 0xfe));
	}
}

/*
 * Conditional SSKE: M3 4 spares the reference bit, 2 the change bit. CC 0: not set, since all else
 * is as it was; 1: set; and the old key in bits 48-55 of R1.
 */
INSNS(conditional_code, "sske %r8,%r4\n .insn rrf,0xb22b0000,%r1,%r4,6,0\n"
	"ipm %r6; iske %r2,%r4\n" S390_END);

static void set_if(struct s390_vm *vm, unsigned int old, unsigned int key, unsigned int cc,
		   unsigned int then)
{
	vm->run->psw_addr = CODE_AT;
	vm->run->s.regs.gprs[1] = key;
	vm->run->s.regs.gprs[2] = 0;
	vm->run->s.regs.gprs[4] = DATA_AT;
	vm->run->s.regs.gprs[8] = old;
	s390_run_to_end(vm);
	expect_eq(s390_ipm(vm, 6), cc);
	expect_eq(s390_gpr(vm, 1) >> 8 & 0xff, old);
	expect_eq(s390_gpr(vm, 2), then);
}

TEST(conditional_key)
{
	struct s390_vm *vm = vm_of(conditional_code);

	set_if(vm, 0x10, 0x30, 1, 0x30);
	set_if(vm, 0x30, 0x30 | REFERENCED, 0, 0x30);
	set_if(vm, 0x30 | CHANGED, 0x30, 0, 0x30 | CHANGED);
	set_if(vm, 0x30 | FETCH_PROTECTED, 0x30, 1, 0x30);
}

INSNS(rrbe_code, "sske %r1,%r4; rrbe %r0,%r4; ipm %r6; iske %r2,%r4; rrbe %r0,%r4; ipm %r7\n"
	S390_END);

/* CC: 2 for referenced, 1 for changed; after it the reference bit is zero, and nothing else. */
TEST(reference_bit)
{
	struct s390_vm *vm = vm_of(rrbe_code);
	unsigned int bits;

	for (bits = 0; bits < 8; bits += 2) {
		vm->run->psw_addr = CODE_AT;
		vm->run->s.regs.gprs[1] = 0x70 | bits;
		vm->run->s.regs.gprs[2] = 0;
		vm->run->s.regs.gprs[4] = DATA_AT;
		s390_run_to_end(vm);
		expect_eq(s390_ipm(vm, 6), bits >> 1);
		expect_eq(s390_gpr(vm, 2), 0x70 | (bits & CHANGED));
		expect_eq(s390_ipm(vm, 7), (bits & CHANGED) >> 1);
	}
}

INSNS(pfmf_code, ".insn rre,0xb9af0000,%r1,%r4\n iske %r2,%r5\n" S390_END);

static struct s390_vm *pfmf(uint64_t op, uint64_t at, uint64_t look)
{
	struct s390_vm *vm = vm_of(pfmf_code);

	memset(vm->mem + MEM_SIZE / 2, 0x77, 0x200000);
	vm->run->s.regs.gprs[1] = op;
	vm->run->s.regs.gprs[2] = 0;
	vm->run->s.regs.gprs[4] = at;
	vm->run->s.regs.gprs[5] = look;
	return vm;
}

#define HALF		(MEM_SIZE / 2)
#define PFMF_KEY	0x20000
#define PFMF_CLEAR	0x10000
#define PFMF_1M		0x1000

TEST(frame_is_cleared)
{
	struct s390_vm *vm = pfmf(PFMF_CLEAR, HALF + 0x1008, HALF + 0x1000);

	s390_run_to_end(vm);
	expect_eq(*s390_word(vm, HALF + 0xff8), 0x7777777777777777UL);
	expect_eq(*s390_word(vm, HALF + 0x1000), 0);
	expect_eq(*s390_word(vm, HALF + 0x1ff8), 0);
	expect_eq(*s390_word(vm, HALF + 0x2000), 0x7777777777777777UL);
	expect_eq(s390_gpr(vm, 4), HALF + 0x1008);
}

/* Of a megabyte: from the frame in R2 to its end, where R2 is then. */
TEST(frames_to_the_end_of_a_megabyte)
{
	struct s390_vm *vm = pfmf(PFMF_CLEAR | PFMF_KEY | PFMF_1M | 0x90, HALF + 0x80000,
				  HALF + 0xff000);

	s390_run_to_end(vm);
	expect_eq(*s390_word(vm, HALF + 0x7fff8), 0x7777777777777777UL);
	expect_eq(*s390_word(vm, HALF + 0x80000), 0);
	expect_eq(*s390_word(vm, HALF + 0xffff8), 0);
	expect_eq(*s390_word(vm, HALF + 0x100000), 0x7777777777777777UL);
	expect_eq(s390_gpr(vm, 4), HALF + 0x100000);
	expect_eq(s390_gpr(vm, 2), 0x90);
}

TEST(frame_functions_that_are_not)
{
	static const uint64_t bad[] = { 0x3000, 0x7000, 0x100, 0x1, 0x80000000, 0x80000 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		s390_expect_pgm(pfmf(bad[i], HALF, HALF), 6);
}

/* The key in bits 56-59 of the second operand's address: here from R5. */
INSNS(tprot_code, "sske %r1,%r4; tprot 0(%r4),0(%r5); ipm %r6\n" S390_END);

static unsigned int tprot(struct s390_vm *vm, unsigned int storage_key, unsigned int key)
{
	vm->run->psw_addr = CODE_AT;
	vm->run->s.regs.gprs[1] = storage_key;
	vm->run->s.regs.gprs[4] = DATA_AT;
	vm->run->s.regs.gprs[5] = key << 4;
	s390_run_to_end(vm);
	return s390_ipm(vm, 6);
}

TEST(protection_by_key)
{
	struct s390_vm *vm = vm_of(tprot_code);

	expect_eq(tprot(vm, 0x30, 0), 0);
	expect_eq(tprot(vm, 0x30, 3), 0);
	expect_eq(tprot(vm, 0x30, 4), 1);
	expect_eq(tprot(vm, 0x30 | FETCH_PROTECTED, 3), 0);
	expect_eq(tprot(vm, 0x30 | FETCH_PROTECTED, 4), 2);
	expect_eq(tprot(vm, 0xf0 | FETCH_PROTECTED, 0), 0);
}

/* A segment of pages that are where they are: but one protected, one invalid, one nowhere. */
INSNS(tprot_dat_code, "tprot 0(%r4),0; ipm %r6\n" S390_END);

static struct s390_vm *translated(uint64_t operand)
{
	struct s390_vm *vm = s390_vm_of(tprot_dat_code);

	s390_make_tables(vm, 1);
	*s390_page_entry(vm, 0x80000) |= PAGE_PROTECTED;
	*s390_page_entry(vm, 0x81000) |= PAGE_INVALID;
	*s390_page_entry(vm, 0x82000) = 0x40000000;
	s390_translate(vm);
	vm->run->s.regs.crs[0] |= CR0_LOW_PROT;
	vm->run->s.regs.gprs[4] = operand;
	return vm;
}

static void expect_protection(uint64_t operand, int cc)
{
	struct s390_vm *vm = translated(operand);

	s390_run_to_end(vm);
	expect_eq(s390_ipm(vm, 6), cc);
}

/* By the tables and by low-address protection; without a translation; with one to nowhere. */
TEST(protection_by_tables)
{
	expect_protection(0x83000, 0);
	expect_protection(0x80000, 1);
	expect_protection(0x100, 1);
	expect_protection(0x81000, 3);
	expect_protection(0x100000, 3);
	expect_protection(0xffffffff00000000UL, 3);
	s390_expect_pgm(translated(0x82000), 5);
}

INSNS(tb_code, "lghi %r0,-1; tb %r0,%r4; ipm %r6\n" S390_END);

/* The frame is cleared, and usable. */
TEST(block)
{
	struct s390_vm *vm = vm_of(tb_code);

	memset(vm->mem + DATA_AT, 0x77, 0x2000);
	vm->run->s.regs.gprs[4] = DATA_AT + 0x10;
	s390_run_to_end(vm);
	expect_eq(s390_ipm(vm, 6), 0);
	expect_eq(*s390_word(vm, DATA_AT), 0);
	expect_eq(*s390_word(vm, DATA_AT + 0xff8), 0);
	expect_eq(*s390_word(vm, DATA_AT + 0x1000), 0x7777777777777777UL);
}

/* A page that was just used: invalidated by IPTE, of page table R4 and address R5. */
INSNS(ipte_code, "lg %r2,0(%r5); ipte %r4,%r5; lg %r2,0(%r5)\n" S390_END);

TEST(page_is_gone)
{
	struct s390_vm *vm = translated(PAGES_AT);
	const char *code = ipte_code;

	memcpy(vm->mem + CODE_AT, code, ipte_code_end - ipte_code);
	vm->run->s.regs.gprs[5] = 0x83000;
	s390_expect_pgm(vm, 0x11);
	expect(*s390_page_entry(vm, 0x83000) & PAGE_INVALID);
	expect_eq(*s390_word(vm, LC_PGM_OLD + 8), CODE_AT + 10);
}
