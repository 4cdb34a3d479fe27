// SPDX-License-Identifier: GPL-2.0-only
/*
 * SIGNAL PROCESSOR, every order (PoP 4, CPU signaling and response): condition code, status, what
 * it does to the CPU that is addressed, and which orders are user space's.
 *
 * The CPU of the test's VM, 0, signals; another, 1, is addressed, which does not run meanwhile.
 */
#include "s390.h"

enum {
	SENSE			= 1,
	EXTERNAL_CALL		= 2,
	EMERGENCY		= 3,
	START			= 4,
	STOP			= 5,
	RESTART			= 6,
	STOP_AND_STORE		= 9,
	INITIAL_RESET		= 11,
	CPU_RESET		= 12,
	SET_PREFIX		= 13,
	STORE_STATUS		= 14,
	SET_ARCHITECTURE	= 18,
	COND_EMERGENCY		= 19,
	SENSE_RUNNING		= 21,
};

/* Status bits */
#define EXT_CALL_PENDING	0x80
#define STOPPED			0x40
#define INVALID_PARAMETER	0x100
#define INCORRECT_STATE		0x200
#define NOT_RUNNING		0x400

#define PSW_IO			0x0200000000000000UL

#define HIGH			0x1234567800000000UL	/* of the status register, which stays */

/* Order in R2, CPU in R3, status in R4, parameter in R5; then the condition code. */
INSNS(signal_code, "sigp %r4,%r3,0(%r2); ipm %r6\n" S390_END "\n j signal_code");

struct pair {
	struct s390_vm	*vm;
	int		other;
	struct kvm_run	*run;
};

static struct pair start(void)
{
	struct pair p = { .vm = s390_vm_of(signal_code) };

	p.other = must(ioctl(p.vm->fd, KVM_CREATE_VCPU, 1));
	p.run = s390_map_run(p.vm, p.other);
	return p;
}

static void give(struct pair *p, unsigned int order, unsigned int cpu, uint64_t parm)
{
	struct kvm_run *run = p->vm->run;

	run->psw_addr = CODE_AT;
	run->s.regs.gprs[2] = order;
	run->s.regs.gprs[3] = cpu;
	run->s.regs.gprs[4] = HIGH;
	run->s.regs.gprs[5] = parm;
}

/* An order that KVM carries out; its condition code. */
static unsigned int order(struct pair *p, unsigned int order, unsigned int cpu, uint64_t parm)
{
	give(p, order, cpu, parm);
	s390_run_to_end(p->vm);
	return s390_ipm(p->vm, 6);
}

static void expect_accepted(struct pair *p, unsigned int code, uint64_t parm)
{
	expect_eq(order(p, code, 1, parm), 0);
	expect_eq(s390_gpr(p->vm, 4), HIGH);
}

static void expect_status(struct pair *p, unsigned int code, uint64_t parm, uint64_t status)
{
	expect_eq(order(p, code, 1, parm), 1);
	expect_eq(s390_gpr(p->vm, 4), HIGH | status);
}

/* One that is user space's: the instruction, as it stands. */
static void expect_users(struct pair *p, unsigned int code, unsigned int cpu, uint64_t parm)
{
	give(p, code, cpu, parm);
	s390_expect_icpt(p->vm, ICPT_INSTRUCTION);
	expect_eq(p->vm->run->s390_sieic.ipa, 0xae43);
	expect_eq(p->vm->run->s390_sieic.ipb >> 16, 0x2000);
	expect_eq(s390_gpr(p->vm, 4), HIGH);
}

static void other_is(struct pair *p, unsigned int mp_state)
{
	struct kvm_mp_state state = { .mp_state = mp_state };

	must(ioctl(p->other, KVM_SET_MP_STATE, &state));
}

static void operating(struct pair *p)
{
	struct kvm_mp_state state = { .mp_state = KVM_MP_STATE_OPERATING };

	must(ioctl(p->vm->cpu, KVM_SET_MP_STATE, &state));
	other_is(p, KVM_MP_STATE_OPERATING);
}

TEST(sense)
{
	struct pair p = start();

	expect_status(&p, SENSE, 0, STOPPED);
	operating(&p);
	expect_accepted(&p, SENSE, 0);
	expect_eq(order(&p, SENSE, 0, 0), 0);
}

TEST(external_call)
{
	struct pair p = start();

	operating(&p);
	expect_accepted(&p, EXTERNAL_CALL, 0);
	expect_status(&p, SENSE, 0, EXT_CALL_PENDING);
	expect_status(&p, EXTERNAL_CALL, 0, EXT_CALL_PENDING);
}

/* A second emergency signal of the same CPU is the same one. */
TEST(emergency_signal)
{
	struct pair p = start();

	operating(&p);
	expect_accepted(&p, EMERGENCY, 0);
	expect_accepted(&p, EMERGENCY, 0);
	expect_accepted(&p, SENSE, 0);
}

TEST(conditional_emergency_signal)
{
	struct pair p = start();

	operating(&p);
	expect_accepted(&p, COND_EMERGENCY, 0);
}

/*
 * Refused: stopped, open to interruptions, and in a wait at 0. The stop has KVM take the PSW. The
 * kernel's own module accepts it.
 */
TEST(conditional_emergency_signal_refused)
{
	struct pair p = start();

	operating(&p);
	p.run->psw_mask = PSW_64 | PSW_EXTERNAL | PSW_IO | PSW_WAIT;
	p.run->psw_addr = 0;
	expect_accepted(&p, STOP, 0);
	must(ioctl(p.other, KVM_RUN, 0));
	other_is(&p, KVM_MP_STATE_STOPPED);
	if (!distro_modules())
		expect_status(&p, COND_EMERGENCY, 0, INCORRECT_STATE);
	other_is(&p, KVM_MP_STATE_OPERATING);
	expect_accepted(&p, COND_EMERGENCY, 0);
}

TEST(sense_running_status)
{
	struct pair p = start();

	operating(&p);
	expect_status(&p, SENSE_RUNNING, 0, NOT_RUNNING);
	/*
	 * The emulated machine does not mark a CPU as running: the kernel's own module relies on
	 * it.
	 */
	if (!distro_modules())
		expect_eq(order(&p, SENSE_RUNNING, 0, 0), 0);
}

TEST(no_such_cpu)
{
	static const uint8_t codes[] = {
		SENSE, EXTERNAL_CALL, EMERGENCY, COND_EMERGENCY, SENSE_RUNNING, SET_PREFIX, STOP,
	};
	struct pair p = start();
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(codes); i++) {
		expect_eq(order(&p, codes[i], 2, 0), 3);
		expect_eq(s390_gpr(p.vm, 4), HIGH);
		expect_eq(order(&p, codes[i], 0xffff, 0), 3);
	}
}

/* Only 16 bits of the register are a CPU's address. */
TEST(address_of_16_bits)
{
	struct pair p = start();

	operating(&p);
	give(&p, SENSE, 1, 0);
	p.vm->run->s.regs.gprs[3] = 0xffffffffabcd0001UL;
	s390_run_to_end(p.vm);
	expect_eq(s390_ipm(p.vm, 6), 0);
}

/* The order takes the CPU out of KVM_RUN with the interception of a stop. */
TEST(stop)
{
	struct pair p = start();

	operating(&p);
	expect_accepted(&p, STOP, 0);
	must(ioctl(p.other, KVM_RUN, 0));
	expect_eq(p.run->exit_reason, KVM_EXIT_S390_SIEIC);
	expect_eq(p.run->s390_sieic.icptcode, ICPT_STOP);
	other_is(&p, KVM_MP_STATE_STOPPED);
	expect_accepted(&p, STOP, 0);
	expect_status(&p, SENSE, 0, STOPPED);
}

TEST(stop_and_store_status)
{
	struct pair p = start();

	operating(&p);
	p.run->s.regs.gprs[7] = 0x777;
	expect_accepted(&p, STOP_AND_STORE, 0);
	must(ioctl(p.other, KVM_RUN, 0));
	expect_eq(p.run->s390_sieic.icptcode, ICPT_STOP);
	/* general registers are at 0x1280 of the prefix area's absolute place */
	expect_eq(*s390_word(p.vm, 0x1280 + 8 * 7), 0x777);
}

TEST(set_prefix)
{
	struct pair p = start();

	expect_accepted(&p, SET_PREFIX, 0x100000);
	expect_status(&p, SET_PREFIX, 0x40000000, INVALID_PARAMETER);
	must(ioctl(p.other, KVM_GET_SREGS, &(struct kvm_sregs){ }));
	operating(&p);
	expect_status(&p, SET_PREFIX, 0x100000, INCORRECT_STATE);
}

TEST(store_status_of_a_running_cpu)
{
	struct pair p = start();

	operating(&p);
	expect_status(&p, STORE_STATUS, DATA_AT, INCORRECT_STATE);
}

/* All are in z/Architecture mode already. */
TEST(set_architecture)
{
	struct pair p = start();

	give(&p, SET_ARCHITECTURE, 0, 1);
	s390_run_to_end(p.vm);
	expect_eq(s390_ipm(p.vm, 6), 1);
	expect_eq(s390_gpr(p.vm, 4), HIGH | INVALID_PARAMETER);
}

TEST(orders_of_user_space)
{
	static const uint8_t codes[] = { START, RESTART, INITIAL_RESET, CPU_RESET };
	struct pair p = start();
	unsigned int i;

	operating(&p);
	for (i = 0; i < ARRAY_SIZE(codes); i++)
		expect_users(&p, codes[i], 1, 0);
}

TEST(unknown_orders)
{
	static const uint8_t codes[] = { 0, 7, 8, 10, 15, 16, 17, 20, 22, 0x7f, 0xff };
	struct pair p = start();
	unsigned int i;

	operating(&p);
	for (i = 0; i < ARRAY_SIZE(codes); i++)
		expect_users(&p, codes[i], 1, 0);
}

/* With the capability all but the orders that are asked for often (KVM API 7.2). */
TEST(user_sigp)
{
	static const uint8_t theirs[] = {
		START, STOP, RESTART, STOP_AND_STORE, INITIAL_RESET, CPU_RESET, SET_PREFIX,
		STORE_STATUS, SET_ARCHITECTURE, 0x77,
	};
	struct kvm_enable_cap cap = { .cap = KVM_CAP_S390_USER_SIGP };
	struct pair p = start();
	unsigned int i;

	must(ioctl(p.vm->fd, KVM_ENABLE_CAP, &cap));
	operating(&p);
	for (i = 0; i < ARRAY_SIZE(theirs); i++) {
		expect_users(&p, theirs[i], 1, 0);
		expect_users(&p, theirs[i], 9, 0);
	}
	expect_accepted(&p, SENSE, 0);
	expect_accepted(&p, EXTERNAL_CALL, 0);
	expect_accepted(&p, EMERGENCY, 0);
	expect_accepted(&p, COND_EMERGENCY, 0);
	expect_eq(order(&p, SENSE_RUNNING, 9, 0), 3);
}
