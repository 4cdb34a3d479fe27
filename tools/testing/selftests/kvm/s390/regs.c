// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registers as the VMM gets and sets them, and as resets leave them.
 */
#include "s390.h"

INSNS(bare, S390_END);

static void one_reg(struct s390_vm *vm, uint64_t id, uint64_t value)
{
	uint64_t got = 0;
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)&value };

	must(ioctl(vm->cpu, KVM_SET_ONE_REG, &reg));
	reg.addr = (uintptr_t)&got;
	must(ioctl(vm->cpu, KVM_GET_ONE_REG, &reg));
	expect_eq(got, value);
}

TEST(one_reg_roundtrip)
{
	struct s390_vm *vm = s390_vm_of(bare);
	struct kvm_one_reg none = { .id = KVM_REG_S390 | KVM_REG_SIZE_U64 | 0x99 };

	one_reg(vm, KVM_REG_S390_CLOCK_COMP, 0x123456789abcdef0);
	one_reg(vm, KVM_REG_S390_PFTOKEN, 0x1111);
	one_reg(vm, KVM_REG_S390_PP, 0x2222222233333333);
	one_reg(vm, KVM_REG_S390_GBEA, 0x4444);
	expect_errno(ioctl(vm->cpu, KVM_GET_ONE_REG, &none), EINVAL);
	expect_errno(ioctl(vm->cpu, KVM_SET_ONE_REG, &none), EINVAL);
}

TEST(sregs_roundtrip)
{
	struct s390_vm *vm = s390_vm_of(bare);
	struct kvm_sregs in = { .acrs = { [3] = 7, [15] = 9 }, .crs = { [0] = 0xe0, [2] = 0x2000,
									[13] = 5 } };
	struct kvm_sregs out;

	must(ioctl(vm->cpu, KVM_SET_SREGS, &in));
	s390_expect_icpt(vm, ICPT_INSTRUCTION);
	must(ioctl(vm->cpu, KVM_GET_SREGS, &out));
	expect(!memcmp(&in, &out, sizeof(in)));
	expect(!memcmp(vm->run->s.regs.crs, in.crs, sizeof(in.crs)));
}

INSNS(floating, "ldr %f2,%f1; sfpc %r1; " S390_END);

TEST(fpu_roundtrip)
{
	struct s390_vm *vm = s390_vm_of(floating);
	struct kvm_fpu in = { .fprs = { [1] = 0x4000000000000000, [15] = 3 } }, out;
	struct kvm_regs regs = { .gprs = { [1] = 0x00080000 } };

	must(ioctl(vm->cpu, KVM_SET_FPU, &in));
	must(ioctl(vm->cpu, KVM_SET_REGS, &regs));
	/*
	 * floating-point registers beyond 0, 2, 4 and 6, and its control register, are the guest's
	 * to turn on
	 */
	vm->run->s.regs.crs[0] = 0x40000 | 0xe0;
	vm->run->kvm_dirty_regs = KVM_SYNC_CRS;
	s390_expect_icpt(vm, ICPT_INSTRUCTION);
	must(ioctl(vm->cpu, KVM_GET_FPU, &out));
	expect_eq(out.fprs[1], in.fprs[1]);
	expect_eq(out.fprs[2], in.fprs[1]);
	expect_eq(out.fprs[15], 3);
	expect_eq(out.fpc, 0x00080000);
	/* one that the machine would not load does not get there */
	in.fpc = 0xffffffff;
	must(ioctl(vm->cpu, KVM_SET_FPU, &in));
	vm->run->psw_addr = CODE_AT + 6;
	s390_expect_icpt(vm, ICPT_INSTRUCTION);
	must(ioctl(vm->cpu, KVM_GET_FPU, &out));
	expect_eq(out.fpc, 0);
}

/* The thread's own registers are untouched by the guest's. */
TEST(host_registers_kept)
{
	struct s390_vm *vm = s390_vm_of(floating);
	struct kvm_fpu in = { .fprs = { [1] = 1, [8] = 8 } };
	register double kept asm("f8") = 1.5;

	must(ioctl(vm->cpu, KVM_SET_FPU, &in));
	asm volatile("" : "+f"(kept));
	vm->run->s.regs.crs[0] = 0x40000 | 0xe0;
	vm->run->kvm_dirty_regs = KVM_SYNC_CRS;
	s390_expect_icpt(vm, ICPT_INSTRUCTION);
	asm volatile("" : "+f"(kept));
	expect(kept == 1.5);
}

TEST(sync_regs_dirty)
{
	struct s390_vm *vm = s390_vm_of(bare);
	struct kvm_sregs sregs;

	expect(vm->run->kvm_valid_regs == 0 || vm->run->kvm_valid_regs & KVM_SYNC_PREFIX);
	vm->run->s.regs.prefix = 0x200000;
	vm->run->s.regs.gprs[9] = 99;
	vm->run->s.regs.ckc = 0x777;
	vm->run->kvm_dirty_regs = KVM_SYNC_PREFIX | KVM_SYNC_GPRS | KVM_SYNC_ARCH0;
	s390_expect_icpt(vm, ICPT_INSTRUCTION);
	expect_eq(vm->run->s.regs.prefix, 0x200000);
	expect_eq(vm->run->s.regs.gprs[9], 99);
	expect_eq(vm->run->s.regs.ckc, 0x700);		/* the emulated machine keeps 56 bits */
	must(ioctl(vm->cpu, KVM_GET_SREGS, &sregs));
	vm->run->kvm_dirty_regs = 1 << 20;
	expect_errno(ioctl(vm->cpu, KVM_RUN, 0), EINVAL);
}

TEST(initial_reset)
{
	struct s390_vm *vm = s390_vm_of(bare);
	struct kvm_regs regs = { .gprs = { [5] = 55 } };
	struct kvm_sregs sregs;
	struct kvm_fpu fpu;

	must(ioctl(vm->cpu, KVM_SET_REGS, &regs));
	s390_expect_icpt(vm, ICPT_INSTRUCTION);
	must(ioctl(vm->cpu, KVM_S390_INITIAL_RESET, 0));
	must(ioctl(vm->cpu, KVM_GET_SREGS, &sregs));
	must(ioctl(vm->cpu, KVM_GET_REGS, &regs));
	must(ioctl(vm->cpu, KVM_GET_FPU, &fpu));
	expect_eq(sregs.crs[0], 0xe0);
	expect_eq(sregs.crs[14], 0xc2000000);
	expect_eq(sregs.crs[1], 0);
	expect_eq(fpu.fpc, 0);
	expect_eq(regs.gprs[5], 55);
	expect_eq(vm->run->psw_addr, 0);
	expect_eq(vm->run->s.regs.prefix, 0);
}

/* Registers by number, with what resets leave in them. */
static const struct {
	uint64_t	id;
	uint64_t	before, after;
} one_regs[] = {
	{ KVM_REG_S390_TODPR,		0x12345678,	0 },
	{ KVM_REG_S390_CPU_TIMER,	-0x1000UL,	0 },
	{ KVM_REG_S390_CLOCK_COMP,	0x1234500,	0 },
	{ KVM_REG_S390_GBEA,		0x5678,		1 },
	{ KVM_REG_S390_PP,		0x77,		0 },
	{ KVM_REG_S390_PFTOKEN,		0x3000,		-1UL },
};

static uint64_t reg_by_id(struct s390_vm *vm, unsigned long request, uint64_t id,
			  uint64_t value)
{
	uint32_t word = value;
	int narrow = (id & KVM_REG_SIZE_MASK) == KVM_REG_SIZE_U32;
	struct kvm_one_reg reg = { id, narrow ? (uintptr_t)&word : (uintptr_t)&value };

	must(ioctl(vm->cpu, request, &reg));
	return narrow ? word : value;
}

static void reset_of_registers(unsigned long request, int clear)
{
	struct s390_vm *vm = s390_vm_of(bare);
	struct kvm_sregs sregs = { .acrs = { [3] = 33 } };
	struct kvm_fpu fpu = { .fprs = { [7] = 77 } };
	unsigned int i;

	must(ioctl(vm->cpu, KVM_SET_SREGS, &sregs));
	must(ioctl(vm->cpu, KVM_SET_FPU, &fpu));
	for (i = 0; i < ARRAY_SIZE(one_regs); i++)
		reg_by_id(vm, KVM_SET_ONE_REG, one_regs[i].id, one_regs[i].before);
	must(ioctl(vm->cpu, request, 0));
	for (i = 0; i < ARRAY_SIZE(one_regs); i++)
		expect_eq(reg_by_id(vm, KVM_GET_ONE_REG, one_regs[i].id, 0), one_regs[i].after);
	must(ioctl(vm->cpu, KVM_GET_SREGS, &sregs));
	must(ioctl(vm->cpu, KVM_GET_FPU, &fpu));
	expect_eq(sregs.acrs[3], clear ? 0 : 33);
	expect_eq(fpu.fprs[7], clear ? 0 : 77);
}

TEST(reset_of_registers)
{
	reset_of_registers(KVM_S390_INITIAL_RESET, 0);
	reset_of_registers(KVM_S390_CLEAR_RESET, 1);
}

TEST(clear_reset)
{
	struct s390_vm *vm = s390_vm_of(bare);
	struct kvm_regs regs = { .gprs = { [5] = 55 } };

	must(ioctl(vm->cpu, KVM_SET_REGS, &regs));
	must(ioctl(vm->cpu, KVM_S390_CLEAR_RESET, 0));
	must(ioctl(vm->cpu, KVM_GET_REGS, &regs));
	expect_eq(regs.gprs[5], 0);
}

TEST(normal_reset_keeps)
{
	struct s390_vm *vm = s390_vm_of(bare);
	struct kvm_regs regs = { .gprs = { [5] = 55 } };
	struct kvm_s390_interrupt irq = { .type = KVM_S390_RESTART };
	uint64_t token = 1;
	struct kvm_one_reg reg = { .id = KVM_REG_S390_PFTOKEN, .addr = (uintptr_t)&token };

	must(ioctl(vm->cpu, KVM_SET_REGS, &regs));
	must(ioctl(vm->cpu, KVM_SET_ONE_REG, &reg));
	must(ioctl(vm->cpu, KVM_S390_INTERRUPT, &irq));
	must(ioctl(vm->cpu, KVM_S390_NORMAL_RESET, 0));
	must(ioctl(vm->cpu, KVM_GET_ONE_REG, &reg));
	must(ioctl(vm->cpu, KVM_GET_REGS, &regs));
	expect_eq(token, KVM_S390_PFAULT_TOKEN_INVALID);
	expect_eq(regs.gprs[5], 55);
	s390_expect_icpt(vm, ICPT_INSTRUCTION);		/* the restart is forgotten */
}

TEST(store_status)
{
	struct s390_vm *vm = s390_vm_of(bare);
	struct kvm_regs regs = { .gprs = { [5] = 55 } };

	must(ioctl(vm->cpu, KVM_SET_REGS, &regs));
	s390_expect_icpt(vm, ICPT_INSTRUCTION);
	must(ioctl(vm->cpu, KVM_S390_STORE_STATUS, KVM_S390_STORE_STATUS_NOADDR));
	expect_eq(*s390_word(vm, 0x1280 + 5 * 8), 55);
	expect_eq(*s390_word(vm, 0x1308), CODE_AT + 4);
	expect_eq(vm->mem[163], 1);
	must(ioctl(vm->cpu, KVM_S390_STORE_STATUS, DATA_AT));
	expect_eq(*s390_word(vm, DATA_AT + 0x80 + 5 * 8), 55);
	expect_errno(ioctl(vm->cpu, KVM_S390_STORE_STATUS, 2 * MEM_SIZE), EFAULT);
}

TEST(initial_psw)
{
	struct kvm_s390_psw psw = { .mask = PSW_64, .addr = CODE_AT };
	struct s390_vm *vm = s390_vm_of(bare);

	vm->run->psw_addr = 0x99999;
	must(ioctl(vm->cpu, KVM_S390_SET_INITIAL_PSW, &psw));
	s390_expect_icpt(vm, ICPT_INSTRUCTION);
	expect_errno(ioctl(vm->cpu, KVM_S390_SET_INITIAL_PSW, &psw), EBUSY);
}

/* From the first KVM_SET_MP_STATE on, the VMM says who runs. */
TEST(mp_state)
{
	struct s390_vm *vm = s390_vm_of(bare);
	struct kvm_mp_state state = { .mp_state = KVM_MP_STATE_STOPPED };

	expect_eq(s390_mp_state(vm), KVM_MP_STATE_STOPPED);
	must(ioctl(vm->cpu, KVM_SET_MP_STATE, &state));
	expect_errno(ioctl(vm->cpu, KVM_RUN, 0), EINVAL);
	state.mp_state = KVM_MP_STATE_RUNNABLE;
	expect_errno(ioctl(vm->cpu, KVM_SET_MP_STATE, &state), ENXIO);
	state.mp_state = KVM_MP_STATE_OPERATING;
	must(ioctl(vm->cpu, KVM_SET_MP_STATE, &state));
	s390_expect_icpt(vm, ICPT_INSTRUCTION);
}

TEST(immediate_exit)
{
	struct s390_vm *vm = s390_vm_of(bare);

	vm->run->immediate_exit = 1;
	expect_errno(ioctl(vm->cpu, KVM_RUN, 0), EINTR);
	vm->run->immediate_exit = 0;
	s390_expect_icpt(vm, ICPT_INSTRUCTION);
}
