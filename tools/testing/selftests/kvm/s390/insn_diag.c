// SPDX-License-Identifier: GPL-2.0-only
/*
 * DIAGNOSE (Documentation/virt/kvm/s390/s390-diag.rst of the kernel): 10, 44, 9C, 258, 308 and 500,
 * and codes that nobody has; the code is the second operand's address, of which sixteen bits count.
 */
#include "s390.h"

static void diagnose(struct s390_vm *vm, uint64_t r2, uint64_t r3)
{
	vm->run->psw_addr = CODE_AT;
	vm->run->s.regs.gprs[2] = r2;
	vm->run->s.regs.gprs[3] = r3;
}

INSNS(release_code, "diag %r2,%r3,0x10\n" S390_END);

static void expect_refused(uint64_t first, uint64_t last)
{
	struct s390_vm *vm = s390_vm_of(release_code);

	diagnose(vm, first, last);
	s390_expect_pgm(vm, 6);
}

/* Pages not aligned, in the wrong order, or of the first two, which are the prefix area's. */
TEST(release_of_bad_ranges)
{
	expect_refused(DATA_AT + 1, DATA_AT);
	expect_refused(DATA_AT, DATA_AT + 8);
	expect_refused(DATA_AT + 0x2000, DATA_AT);
	expect_refused(0, 0x1000);
	expect_refused(0x1000, 0x4000);
}

/* A megabyte behind the VM's memory, of which the first pages have something in them. */
static uint8_t *private_memory(struct s390_vm *vm)
{
	struct kvm_userspace_memory_region slot = {
		.slot = 1, .guest_phys_addr = MEM_SIZE, .memory_size = 0x100000,
	};
	uint8_t *area = mmap(NULL, 0x200000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			     -1, 0);

	expect(area != MAP_FAILED);
	area = (uint8_t *)(((uintptr_t)area + 0xfffff) & ~0xfffffUL);
	slot.userspace_addr = (uintptr_t)area;
	must(ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &slot));
	memset(area, 0x77, 0x8000);
	return area;
}

/* From the first to the last, and none beside. Pages of anonymous memory are zero again. */
TEST(release_of_pages)
{
	struct s390_vm *vm = s390_vm_of(release_code);
	uint8_t *area = private_memory(vm);
	unsigned int i;

	diagnose(vm, MEM_SIZE + 0x2000, MEM_SIZE + 0x4000);
	s390_run_to_end(vm);
	/*
	 * What the guest gave back the host drops when it needs memory: it is as it was, or zero.
	 */
	for (i = 0; i < 8; i++) {
		uint8_t byte = area[i * 0x1000];

		if (i < 2 || i > 4)
			expect_eq(byte, 0x77);
		else
			expect(byte == 0x77 || byte == 0);
	}
}

/* The pages at the prefix are not among those that are given back, whatever the range. */
TEST(release_around_the_prefix)
{
	struct s390_vm *vm = s390_vm_of(release_code);
	uint8_t *area = private_memory(vm);
	unsigned int i;

	vm->run->s.regs.prefix = MEM_SIZE + 0x2000;
	vm->run->kvm_dirty_regs = KVM_SYNC_PREFIX;
	diagnose(vm, MEM_SIZE, MEM_SIZE + 0x5000);
	s390_run_to_end(vm);
	for (i = 2; i < 8; i++) {
		if (i == 2 || i == 3 || i > 5)
			expect_eq(area[i * 0x1000 + 0x800], 0x77);
	}
}

INSNS(yield_code, "diag %r0,%r0,0x44; lghi %r5,1; diag %r5,%r0,0x9c; lghi %r5,0\n"
	"diag %r5,%r0,0x9c; lghi %r5,99; diag %r5,%r0,0x9c\n" S390_END);

/* To anybody, to a CPU that is there, to itself, to none: no more than a hint. */
TEST(yields)
{
	struct s390_vm *vm = s390_vm_of(yield_code);

	must(ioctl(vm->fd, KVM_CREATE_VCPU, 1));
	s390_run_to_end(vm);
	expect_eq(s390_gpr(vm, 5), 99);
}

/* The code is an address: a base counts, and only sixteen bits. */
INSNS(based_code, "llilh %r5,0xabc; oill %r5,0x40; diag %r0,%r0,4(%r5)\n" S390_END);

TEST(code_by_base_and_displacement)
{
	struct s390_vm *vm = s390_vm_of(based_code);

	s390_run_to_end(vm);
}

INSNS(ipl_code, "diag %r2,%r3,0x308\n" S390_END);

static void expect_reset(uint64_t subcode, unsigned int flags)
{
	struct s390_vm *vm = s390_vm_of(ipl_code);

	diagnose(vm, 0, subcode);
	expect_eq(s390_run(vm), KVM_EXIT_S390_RESET);
	expect_eq(vm->run->s390_reset_flags, flags);
}

TEST(ipl_resets)
{
	const unsigned int both = KVM_S390_RESET_SUBSYSTEM | KVM_S390_RESET_CPU_INIT |
				  KVM_S390_RESET_IPL;

	expect_reset(3, both | KVM_S390_RESET_CLEAR);
	expect_reset(4, both);
}

/* The rest of the subcodes are user space's. */
TEST(ipl_to_user_space)
{
	static const uint8_t subcodes[] = { 0, 1, 2, 5, 6, 7, 8, 9, 10 };
	struct s390_vm *vm = s390_vm_of(ipl_code);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(subcodes); i++) {
		diagnose(vm, 4, subcodes[i]);	/* it is R3 that counts */
		s390_expect_icpt(vm, ICPT_INSTRUCTION);
		expect_eq(vm->run->s390_sieic.ipa, 0x8323);
		expect_eq(vm->run->s390_sieic.ipb >> 16, 0x308);
	}
}

INSNS(virtio_code, "diag %r2,%r3,0x500\n" S390_END);

/* Without a channel subsystem, or of another subcode, or of a subchannel nobody listens to. */
TEST(virtio_to_user_space)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_S390_CSS_SUPPORT };
	struct s390_vm *vm = s390_vm_of(virtio_code);
	int i;

	for (i = 0; i < 6; i++) {
		diagnose(vm, 0x10001, 0);
		vm->run->s.regs.gprs[1] = i % 3 + 1;
		s390_expect_icpt(vm, ICPT_INSTRUCTION);
		expect_eq(vm->run->s390_sieic.ipb >> 16, 0x500);
		expect_eq(s390_gpr(vm, 2), 0x10001);
		if (i == 2)
			must(ioctl(vm->cpu, KVM_ENABLE_CAP, &cap));
	}
}

INSNS(unknown_code, "diag %r2,%r3,0x4; diag %r2,%r3,0x288; diag %r2,%r3,0xffe\n" S390_END);

TEST(unknown_codes_to_user_space)
{
	static const uint16_t codes[] = { 0x4, 0x288, 0xffe };
	struct s390_vm *vm = s390_vm_of(unknown_code);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(codes); i++) {
		s390_expect_icpt(vm, ICPT_INSTRUCTION);
		expect_eq(vm->run->s390_sieic.ipb >> 16, codes[i]);
	}
	s390_run_to_end(vm);
}
