// SPDX-License-Identifier: GPL-2.0-only
/*
 * States that no sane VMM or guest makes. Whatever they lead to, it is an exit, a documented error
 * or an interruption of the guest, and the VM and its CPU can still be used afterwards.
 */
#include <signal.h>
#include <sys/time.h>

#include "s390.h"

INSNS(good, "lghi %r2,42; " S390_END);

static uint64_t seed = 0x9e3779b97f4a7c15;

static uint64_t noise(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static void nothing(int sig __attribute__((unused)))
{
}

/* A guest that goes on for ever is left by a signal. */
static void set_alarm(unsigned int ms)
{
	/* Again and again, as the first may be over before KVM_RUN begins. */
	const struct itimerval when = { { .tv_usec = ms * 1000 }, { .tv_usec = ms * 1000 } };
	const struct sigaction act = { .sa_handler = nothing };

	sigaction(SIGALRM, &act, NULL);
	setitimer(ITIMER_REAL, &when, NULL);
}

/* The CPU as at the start: it must still do what it is told. */
static void expect_usable(struct s390_vm *vm)
{
	int i;

	must(ioctl(vm->cpu, KVM_S390_INITIAL_RESET, 0));
	for (i = 0; i < 2; i++) {
		memcpy(vm->mem + CODE_AT, good, good_end - good);
		vm->run->psw_mask = PSW_64;
		vm->run->psw_addr = CODE_AT;
		s390_expect_icpt(vm, ICPT_INSTRUCTION);
		expect_eq(vm->run->s390_sieic.ipb >> 16, 0x777);
		expect_eq(vm->run->s.regs.gprs[2], 42);
	}
}

static void run_for(struct s390_vm *vm, unsigned int ms)
{
	set_alarm(ms);
	if (ioctl(vm->cpu, KVM_RUN, 0) < 0)
		expect(errno == EINTR || errno == EFAULT || errno == EOPNOTSUPP);
	set_alarm(0);
}

TEST_LIMIT(random_psws, 120)
{
	struct s390_vm *vm = s390_vm_of(good);
	int i;

	for (i = 0; i < 150; i++) {
		vm->run->psw_mask = noise();
		vm->run->psw_addr = i & 1 ? noise() : CODE_AT;
		vm->run->s.regs.prefix = noise();
		vm->run->s.regs.fpc = noise();
		vm->run->kvm_dirty_regs = i & 2 ? KVM_SYNC_PREFIX : 0;
		run_for(vm, 5);
	}
	expect_usable(vm);
}

TEST_LIMIT(random_control_registers, 120)
{
	struct s390_vm *vm = s390_vm_of(good);
	int i, j;

	for (i = 0; i < 150; i++) {
		for (j = 0; j < 16; j++)
			vm->run->s.regs.crs[j] = noise();
		vm->run->s.regs.crs[1] &= 0xffffffff;
		vm->run->s.regs.ckc = noise();
		vm->run->s.regs.cputm = noise();
		vm->run->kvm_dirty_regs = KVM_SYNC_CRS | KVM_SYNC_ARCH0;
		vm->run->psw_mask = PSW_64 | (noise() & 0x0706c00000000000);
		vm->run->psw_addr = CODE_AT;
		run_for(vm, 5);
	}
	expect_usable(vm);
}

/* Instructions at random, half of them of the opcodes that come to KVM. */
TEST_LIMIT(random_instructions, 240)
{
	static const uint16_t ours[] = {
		0xb202, 0xb204, 0xb210, 0xb211, 0xb212, 0xb221, 0xb229, 0xb22a, 0xb22b, 0xb22c,
		0xb234,
		0xb235, 0xb236, 0xb27d, 0xb2b0, 0xb2b1, 0xb2b2, 0xb9af, 0xe501, 0x8200, 0x8300,
		0xae00,
		0xb600, 0xb700, 0x0104, 0x0107,
	};
	struct s390_vm *vm = s390_vm_of(good);
	uint16_t *code = (uint16_t *)(vm->mem + CODE_AT);
	int i, j;

	for (i = 0; i < 300; i++) {
		for (j = 0; j < 32; j++)
			code[j] = noise();
		code[0] = ours[i % ARRAY_SIZE(ours)];
		if (!(code[0] & 0xff) && code[0] != 0x8300)
			code[0] |= noise() & 0xff;
		for (j = 0; j < 16; j++)
			vm->run->s.regs.gprs[j] = i & 1 ? noise() : noise() & 0xfffff8;
		vm->run->psw_mask = PSW_64 | (i % 5 ? 0 : 0x0001000000000000);
		vm->run->psw_addr = CODE_AT;
		run_for(vm, 10);
	}
	expect_usable(vm);
}

/* Every vCPU request with an argument that points nowhere. */
TEST(bad_pointers)
{
	static const unsigned long requests[] = {
		KVM_SET_REGS, KVM_GET_REGS, KVM_SET_SREGS, KVM_GET_SREGS, KVM_SET_FPU, KVM_GET_FPU,
		KVM_GET_ONE_REG, KVM_SET_ONE_REG, KVM_GET_MP_STATE, KVM_SET_MP_STATE,
		KVM_S390_SET_INITIAL_PSW, KVM_S390_INTERRUPT, KVM_S390_IRQ, KVM_S390_MEM_OP,
		KVM_S390_GET_IRQ_STATE, KVM_S390_SET_IRQ_STATE, KVM_ENABLE_CAP,
	};
	struct s390_vm *vm = s390_vm_of(good);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(requests); i++) {
		/*
		 * the kernel's own does not look at the argument of this one: see s390_mp_state()
		 */
		if (requests[i] == KVM_GET_MP_STATE && distro_modules())
			continue;
		expect_errno(ioctl(vm->cpu, requests[i], -8L), EFAULT);
	}
	expect_usable(vm);
}

TEST(unknown_requests)
{
	struct s390_vm *vm = s390_vm_of(good);

	expect_errno(ioctl(vm->cpu, _IO(KVMIO, 0xfe), 0), ENOTTY);
	expect_errno(ioctl(vm->fd, _IO(KVMIO, 0xfe), 0), ENOTTY);
	/* of the system file the kernel's own says EINVAL, on this architecture alone */
	if (!distro_modules())
		expect_errno(ioctl(vm->kvm, _IO(KVMIO, 0xfe), 0), ENOTTY);
	expect_errno(ioctl(vm->kvm, KVM_CREATE_VM, 2), EINVAL);
}
