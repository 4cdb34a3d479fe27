// SPDX-License-Identifier: GPL-2.0-only
/*
 * Instructions that ask what the machine is, or set its clock (PoP 10): STSI with all function
 * codes and selectors, STFLE by the room it is given, STIDP, STAP, EPSW, PTFF, SCK; and the loads
 * of PSWs and control registers.
 */
#include <time.h>

#include "s390.h"

#define PSW_PROBLEM	0x0001000000000000UL
#define PSW_31		0x0000000080000000UL

/* R0 and R1 are the test's; the block is at DATA_AT. */
INSNS(stsi_code, "llilh %r4,2\n .insn s,0xb27d0000,0(%r4)\n ipm %r6\n" S390_END "\n j stsi_code");

static unsigned int stsi(struct s390_vm *vm, uint64_t r0, uint64_t r1)
{
	memset(vm->mem + DATA_AT, 0xee, 4096);
	vm->run->psw_addr = CODE_AT;
	vm->run->s.regs.gprs[0] = r0;
	vm->run->s.regs.gprs[1] = r1;
	s390_run_to_end(vm);
	return s390_ipm(vm, 6);
}

static int untouched(struct s390_vm *vm)
{
	unsigned int i;

	for (i = 0; i < 512; i++)
		if (*s390_word(vm, DATA_AT + 8 * i) != 0xeeeeeeeeeeeeeeeeUL)
			return 0;
	return 1;
}

TEST(stsi_blocks)
{
	static const struct {
		unsigned int fc, sel1, sel2;
	} blocks[] = {
		{ 1, 1, 1 }, { 1, 2, 1 }, { 1, 2, 2 }, { 2, 2, 1 }, { 2, 2, 2 }, { 3, 2, 2 },
	};
	struct s390_vm *vm = s390_vm_of(stsi_code);
	unsigned int i, cc;

	for (i = 0; i < ARRAY_SIZE(blocks); i++) {
		cc = stsi(vm, blocks[i].fc << 28 | blocks[i].sel1, blocks[i].sel2);
		if (cc == 3 && blocks[i].fc != 3) {
			expect(untouched(vm));		/* the machine has no such block */
			continue;
		}
		expect_eq(cc, 0);
		expect(!untouched(vm));
		expect_eq(s390_gpr(vm, 0), 0);
	}
}

TEST(stsi_no_block)
{
	static const struct {
		unsigned int fc, sel1, sel2;
	} none[] = {
		{ 1, 0, 0 }, { 1, 9, 1 }, { 2, 9, 9 }, { 3, 0, 0 }, { 3, 2, 1 }, { 3, 1, 2 },
		{ 3, 2, 3 }, { 4, 1, 1 }, { 15, 2, 2 },
	};
	struct s390_vm *vm = s390_vm_of(stsi_code);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(none); i++) {
		expect_eq(stsi(vm, none[i].fc << 28 | none[i].sel1, none[i].sel2), 3);
		expect(untouched(vm));
		expect_eq(s390_gpr(vm, 0), none[i].fc << 28 | none[i].sel1);
	}
}

/* Of function code 0 nothing but the level counts, and the high half stays. */
TEST(stsi_level)
{
	struct s390_vm *vm = s390_vm_of(stsi_code);

	expect_eq(stsi(vm, 0xabcd000000000000UL, 0), 0);
	expect_eq((uint32_t)s390_gpr(vm, 0) >> 28, 3);
	expect(untouched(vm));
}

TEST(stsi_reserved_bits)
{
	static const uint64_t bad[][2] = {
		{ 0x30000102, 2 }, { 0x38000002, 2 }, { 0x30000002, 0x10002 }, { 0x10000101, 1 },
	};
	struct s390_vm *vm;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		vm = s390_vm_of(stsi_code);
		vm->run->s.regs.gprs[0] = bad[i][0];
		vm->run->s.regs.gprs[1] = bad[i][1];
		s390_expect_pgm(vm, 6);
	}
}

/*
 * A list with room for N doublewords gets as many, CC 3 if that is not all, and R0 says how many.
 */
INSNS(stfle_code, "llilh %r4,2\n .insn s,0xb2b00000,0(%r4)\n ipm %r6\n" S390_END "\n j stfle_code");

static unsigned int stfle(struct s390_vm *vm, uint64_t r0)
{
	memset(vm->mem + DATA_AT, 0xee, 4096);
	vm->run->psw_addr = CODE_AT;
	vm->run->s.regs.gprs[0] = r0;
	s390_run_to_end(vm);
	return s390_ipm(vm, 6);
}

TEST(stfle_room)
{
	struct s390_vm *vm = s390_vm_of(stfle_code);
	unsigned int n;

	expect_eq(stfle(vm, 0xff), 0);
	n = (s390_gpr(vm, 0) & 0xff) + 1;
	expect_ge(n, 1);
	expect_ne(*s390_word(vm, DATA_AT), 0xeeeeeeeeeeeeeeeeUL);
	expect_eq(*s390_word(vm, DATA_AT + 8 * n), 0xeeeeeeeeeeeeeeeeUL);
	expect_eq(stfle(vm, 0x1200 | (n - 1)), 0);
	expect_eq(s390_gpr(vm, 0), 0x1200 | (n - 1));	/* the rest of R0 stays */
	if (n > 1) {
		expect_eq(stfle(vm, 0), 3);
		expect_eq(s390_gpr(vm, 0), n - 1);
		expect_eq(*s390_word(vm, DATA_AT + 8), 0xeeeeeeeeeeeeeeeeUL);
	}
}

INSNS(who_code, "llilh %r4,2; stidp 0(%r4); stap 8(%r4); epsw %r5,%r6; epsw %r7,%r0\n" S390_END);

/* STIDP's machine type is not zero; the address is the CPU's; EPSW gives both halves, or one. */
TEST(who_and_where)
{
	struct s390_vm *vm = s390_vm_of(who_code);
	int i;

	for (i = 5; i < 8; i++)
		vm->run->s.regs.gprs[i] = 0x1122334455667788UL;
	vm->run->s.regs.gprs[0] = 0x99;
	s390_run_to_end(vm);
	expect_ne((*s390_word(vm, DATA_AT) >> 16) & 0xffff, 0);
	expect_eq(*(uint16_t *)(vm->mem + DATA_AT + 8), 0);
	expect_eq(s390_gpr(vm, 5) >> 32, 0x11223344);
	expect_eq(s390_gpr(vm, 5) & 1, PSW_64 >> 32);
	expect_eq(s390_gpr(vm, 6), 0x1122334480000000UL);
	expect_eq(s390_gpr(vm, 7) & 1, PSW_64 >> 32);
	expect_eq(s390_gpr(vm, 0), 0x99);
}

/*
 * R0 0: which functions there are, at R1. A function that is not there is condition code 3. The
 * kernel's own module leaves it to the emulator, which has no function and no exception.
 */
INSNS(ptff_code, ".short 0x0104; ipm %r6\n" S390_END "\n j ptff_code");

static struct s390_vm *ptff_vm(void)
{
	if (distro_modules())
		skip("PTFF of the emulator");
	return s390_vm_of(ptff_code);
}

TEST(ptff_query_and_unknown)
{
	struct s390_vm *vm = ptff_vm();

	memset(vm->mem + DATA_AT, 0xee, 16);
	vm->run->s.regs.gprs[0] = 0;
	vm->run->s.regs.gprs[1] = DATA_AT;
	s390_run_to_end(vm);
	expect_eq(s390_ipm(vm, 6), 0);
	expect(vm->mem[DATA_AT] & 0x80);		/* the query itself */
	expect_ne(*s390_word(vm, DATA_AT + 8), 0xeeeeeeeeeeeeeeeeUL);
	vm->run->psw_addr = CODE_AT;
	vm->run->s.regs.gprs[0] = 0x7f;
	s390_run_to_end(vm);
	expect_eq(s390_ipm(vm, 6), 3);
}

TEST(ptff_reserved_bit)
{
	struct s390_vm *vm = ptff_vm();

	vm->run->s.regs.gprs[0] = 0x80;
	vm->run->s.regs.gprs[1] = DATA_AT;
	s390_expect_pgm(vm, 6);
}

/* The clock of the VM is set for all its CPUs; the VMM sees it. */
INSNS(sck_code, "llilh %r4,2; sck 0(%r4); ipm %r6; stck 8(%r4); stcke 16(%r4)\n" S390_END);

TEST(set_clock)
{
	uint64_t tod = 0x7000000000000000UL, now = 0;
	struct kvm_device_attr attr = {
		.group = KVM_S390_VM_TOD, .attr = KVM_S390_VM_TOD_LOW, .addr = (uintptr_t)&now,
	};
	struct s390_vm *vm = s390_vm_of(sck_code);

	*s390_word(vm, DATA_AT) = tod;
	s390_run_to_end(vm);
	expect_eq(s390_ipm(vm, 6), 0);
	expect_eq(*s390_word(vm, DATA_AT + 8) >> 36, tod >> 36);
	must(ioctl(vm->fd, KVM_GET_DEVICE_ATTR, &attr));
	expect_ge(now, *s390_word(vm, DATA_AT + 8));
	expect_le(now, tod + (60UL << 32));
}

/* Control registers: from R1 on to R3, past 15 to 0; LCTL leaves the left halves. */
INSNS(crs_code,
	"llilh %r4,2; lctlg %c15,%c1,0(%r4); stctg %c0,%c15,256(%r4)\n"
	"lctl %c2,%c3,64(%r4); stctg %c2,%c3,512(%r4); stctl %c15,%c1,640(%r4)\n" S390_END);

TEST(control_registers)
{
	struct s390_vm *vm = s390_vm_of(crs_code);

	*s390_word(vm, DATA_AT) = 0x1511111122222222UL;
	*s390_word(vm, DATA_AT + 8) = 0xe0;
	*s390_word(vm, DATA_AT + 16) = 0x3333333344444000UL;
	*s390_word(vm, DATA_AT + 64) = 0x5555000066660000UL;
	vm->run->s.regs.crs[2] = 0x1234567800000000UL;
	vm->run->s.regs.crs[0] = 0xe0;
	vm->run->kvm_dirty_regs = KVM_SYNC_CRS;
	s390_run_to_end(vm);
	expect_eq(*s390_word(vm, DATA_AT + 256), 0xe0);
	expect_eq(*s390_word(vm, DATA_AT + 256 + 8), 0x3333333344444000UL);
	expect_eq(*s390_word(vm, DATA_AT + 256 + 120), 0x1511111122222222UL);
	expect_eq(*s390_word(vm, DATA_AT + 512), 0x1234567855550000UL);
	expect_eq(*s390_word(vm, DATA_AT + 520), 0x66660000UL);
	expect_eq(*s390_word(vm, DATA_AT + 640), 0x22222222000000e0UL);
	expect_eq(*(uint32_t *)(vm->mem + DATA_AT + 648), 0x44444000);
	expect_eq(vm->run->s.regs.crs[15], 0x1511111122222222UL);
}

/* The same while an interrupt waits for a subclass: KVM has the loads then (s390.md). */
TEST(control_registers_with_a_window)
{
	const struct kvm_s390_irq irq = { .type = KVM_S390_INT_EMERGENCY };
	struct s390_vm *vm = s390_vm_of(crs_code);

	must(ioctl(vm->cpu, KVM_S390_IRQ, &irq));
	*s390_word(vm, DATA_AT) = 0x1511111122222222UL;
	*s390_word(vm, DATA_AT + 8) = 0xe0;
	*s390_word(vm, DATA_AT + 16) = 0x3333333344444000UL;
	*s390_word(vm, DATA_AT + 64) = 0x5555000066660000UL;
	vm->run->psw_mask |= PSW_EXTERNAL;
	vm->run->s.regs.crs[2] = 0x1234567800000000UL;
	vm->run->s.regs.crs[0] = 0xe0;
	vm->run->kvm_dirty_regs = KVM_SYNC_CRS;
	s390_run_to_end(vm);
	expect_eq(*s390_word(vm, DATA_AT + 256), 0xe0);
	expect_eq(*s390_word(vm, DATA_AT + 512), 0x1234567855550000UL);
	expect_eq(*s390_word(vm, DATA_AT + 520), 0x66660000UL);
	expect_eq(vm->run->s.regs.crs[15], 0x1511111122222222UL);
}

/* A load of control register 0 that opens the subclass lets the interrupt in behind it. */
INSNS(open_code, "llilh %r4,2; lctlg %c0,%c0,0(%r4); lghi %r2,1\n" S390_END);

TEST(load_opens_a_subclass)
{
	const struct kvm_s390_irq irq = { .type = KVM_S390_INT_EMERGENCY };
	struct s390_vm *vm = s390_vm_of(open_code);

	must(ioctl(vm->cpu, KVM_S390_IRQ, &irq));
	*s390_word(vm, DATA_AT) = 0xe0 | 0x4000;
	vm->run->psw_mask |= PSW_EXTERNAL;
	vm->run->s.regs.crs[0] = 0xe0;
	vm->run->kvm_dirty_regs = KVM_SYNC_CRS;
	s390_expect_wait(vm, WAIT_OF(LC_EXT_NEW));
	expect_eq(*(uint16_t *)(vm->mem + LC_EXT_CODE), 0x1201);
	expect_eq(s390_gpr(vm, 2), 0);
	expect_eq(*s390_word(vm, LC_EXT_OLD + 8), CODE_AT + 10);
}

/* LPSW's eight bytes become sixteen: 31-bit mode, and bit 12 of the short form is a one. */
INSNS(lpsw_code, "llilh %r4,2; lpsw 0(%r4)\n .org lpsw_code+0x20\n ipm %r6; basr %r7,%r0\n"
	S390_END);

TEST(load_psw_short)
{
	struct s390_vm *vm = s390_vm_of(lpsw_code);

	*s390_word(vm, DATA_AT) = 0x0008200080000000UL | (CODE_AT + 0x20);
	s390_run_to_end(vm);
	expect_eq(vm->run->psw_mask & 0x180000000UL, PSW_31);
	expect_eq(s390_ipm(vm, 6), 2);
	expect_eq((uint32_t)s390_gpr(vm, 7), 0x80000000 | (CODE_AT + 0x26));
}

TEST(load_psw_short_without_bit_12)
{
	struct s390_vm *vm = s390_vm_of(lpsw_code);

	*s390_word(vm, DATA_AT) = 0x0000000080000000UL | (CODE_AT + 0x20);
	s390_expect_pgm(vm, 6);		/* before or after it is loaded: as the machine likes */
}

INSNS(lpswe_code, "llilh %r4,2; lpswe 0(%r4)\n .org lpswe_code+0x20\n" S390_END);

/* What cannot be a PSW is loaded, and then is an exception whose old PSW it is (PoP 6). */
TEST(load_psw_that_cannot_be)
{
	static const uint64_t bad[][2] = {
		{ 0x8000000180000000UL, 0x1000 }, { 0x0000000180000001UL, 0x1000 },
		{ 0x0000000100000000UL, 0x1000 }, { 0x0000000080000000UL, 0x80001000 },
		{ 0x0000000000000000UL, 0x1001000 }, { 0x0008000180000000UL, 0x1000 },
	};
	struct s390_vm *vm;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		vm = s390_vm_of(lpswe_code);
		*s390_word(vm, DATA_AT) = bad[i][0];
		*s390_word(vm, DATA_AT + 8) = bad[i][1];
		s390_expect_pgm(vm, 6);
		expect_eq(*s390_word(vm, LC_PGM_OLD), bad[i][0]);
		expect_eq(*s390_word(vm, LC_PGM_OLD + 8), bad[i][1]);
	}
}

/* To the problem state, and on. */
TEST(load_psw_extended)
{
	struct s390_vm *vm = s390_vm_of(lpswe_code);

	*s390_word(vm, DATA_AT) = PSW_64 | PSW_PROBLEM;
	*s390_word(vm, DATA_AT + 8) = CODE_AT + 0x20;
	s390_expect_pgm(vm, 2);			/* DIAGNOSE is privileged */
	expect_eq(*s390_word(vm, LC_PGM_OLD), PSW_64 | PSW_PROBLEM);
}
