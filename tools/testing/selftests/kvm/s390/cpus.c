// SPDX-License-Identifier: GPL-2.0-only
/*
 * Several CPUs: SIGNAL PROCESSOR, and two of them in SIE at once.
 */
#include <pthread.h>

#include "s390.h"

static uint64_t gpr(struct s390_vm *vm, int i)
{
	return vm->run->s.regs.gprs[i];
}

/* Sense (1) CPUs 0, 1 and 5: R2, R4 and R6 get the conditions, R3 and so on the status. */
INSNS(sense,
	"lghi %r2,0; lghi %r3,0; lghi %r8,0; sigp %r2,%r8,1; ipm %r9\n"
	"lghi %r4,0; lghi %r8,1; sigp %r4,%r8,1; ipm %r10; lghi %r8,5; sigp %r6,%r8,1\n"
	"ipm %r11\n" S390_END);

TEST(sense)
{
	struct s390_vm *vm = s390_vm_of(sense);
	struct s390_cpu other;

	s390_add_cpu(vm, &other, 1, CODE_AT);
	s390_run_to_end(vm);
	expect_eq((gpr(vm, 9) >> 28) & 3, 0);
	expect_eq((gpr(vm, 10) >> 28) & 3, 1);
	expect_eq(gpr(vm, 4), 0x40);
	expect_eq((gpr(vm, 11) >> 28) & 3, 3);
}

/* An external call (2) stays pending while the other is disabled; a second is refused. */
INSNS(call, "lghi %r8,1; sigp %r2,%r8,2; ipm %r9; lghi %r4,0; sigp %r4,%r8,2; ipm %r10\n" S390_END);

TEST(external_call_pending)
{
	struct s390_vm *vm = s390_vm_of(call);
	struct s390_cpu other;

	s390_add_cpu(vm, &other, 1, CODE_AT);
	s390_run_to_end(vm);
	expect_eq((gpr(vm, 9) >> 28) & 3, 0);
	expect_eq((gpr(vm, 10) >> 28) & 3, 1);
	expect_eq(gpr(vm, 4), 0x80);
}

/* Set prefix (13) of a stopped CPU; of one that runs, and to where there is nothing. */
INSNS(prefix,
	"lghi %r8,1; llilh %r3,0x10; sigp %r2,%r8,13; ipm %r9; lghi %r2,0; llilh %r3,0x4000\n"
	"sigp %r2,%r8,13\n"
	"ipm %r10; lgr %r4,%r2; lghi %r2,0; lghi %r8,0; llilh %r3,0x10; sigp %r2,%r8,13\n"
	"ipm %r11\n" S390_END);
INSNS(store_low, "lghi %r1,5; stg %r1,0x300(%r0); " S390_END);

TEST(set_prefix)
{
	struct s390_vm *vm = s390_vm_of(prefix);
	struct s390_cpu other;

	s390_add_cpu(vm, &other, 1, DATA_AT);
	memcpy(vm->mem + DATA_AT, store_low, store_low_end - store_low);
	s390_run_to_end(vm);
	expect_eq((gpr(vm, 9) >> 28) & 3, 0);
	expect_eq((gpr(vm, 10) >> 28) & 3, 1);
	expect_eq(gpr(vm, 4), 0x100);
	expect_eq((gpr(vm, 11) >> 28) & 3, 1);
	expect_eq(gpr(vm, 2), 0x200);
	must(ioctl(other.fd, KVM_RUN, 0));
	expect_eq(other.run->exit_reason, KVM_EXIT_S390_SIEIC);
	expect_eq(*s390_word(vm, 0x100300), 5);
}

/* Orders that the VMM does: start (4). */
INSNS(start, "lghi %r8,1; sigp %r2,%r8,4; " S390_END);

TEST(start_is_user_spaces)
{
	struct s390_vm *vm = s390_vm_of(start);
	struct s390_cpu other;

	s390_add_cpu(vm, &other, 1, CODE_AT);
	s390_expect_icpt(vm, ICPT_INSTRUCTION);
	expect_eq(vm->run->s390_sieic.ipa >> 8, 0xae);
}

/* With the capability, slow ones that the kernel could do (stop, 5) as well; sense never. */
INSNS(stop_self, "lghi %r8,0; sigp %r2,%r8,1; sigp %r2,%r8,5; 1: j 1b");

TEST(all_slow_orders_to_user_space)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_S390_USER_SIGP };
	struct s390_vm *vm = s390_vm_of(stop_self);

	must(ioctl(vm->fd, KVM_ENABLE_CAP, &cap));
	s390_expect_icpt(vm, ICPT_INSTRUCTION);
	expect_eq(vm->run->s390_sieic.ipa >> 8, 0xae);
	expect_eq(vm->run->s390_sieic.ipb >> 16, 5);
}

TEST(stop_self)
{
	struct s390_vm *vm = s390_vm_of(stop_self);

	s390_expect_icpt(vm, ICPT_STOP);
	expect_eq(s390_mp_state(vm), KVM_MP_STATE_STOPPED);
}

/*
 * Two CPUs hand a number to and fro through memory, each spinning until it is its turn, up to what
 * R6 has. On a host of two CPUs both are in SIE at once; on one they take turns, a tick each.
 */
INSNS(even,
	"llilh %r4,2; lghi %r5,0\n"
	"1: lg %r1,0(%r4); cgr %r1,%r5; jne 1b; aghi %r5,2; aghi %r1,1; stg %r1,0(%r4)\n"
	"cgr %r5,%r6; jl 1b\n" S390_END);
INSNS(odd,
	"llilh %r4,2; lghi %r5,1\n"
	"1: lg %r1,0(%r4); cgr %r1,%r5; jne 1b; aghi %r5,2; aghi %r1,1; stg %r1,0(%r4)\n"
	"cgr %r5,%r6; jl 1b\n" S390_END);

TEST_LIMIT(two_at_once, 120)
{
	unsigned int turns = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? 20000 : 200;
	struct s390_vm *vm = s390_vm_of(even);
	struct s390_cpu other;

	s390_add_cpu(vm, &other, 1, 0x30000);
	memcpy(vm->mem + 0x30000, odd, odd_end - odd);
	vm->run->s.regs.gprs[6] = turns;
	other.run->s.regs.gprs[6] = turns;
	s390_start_cpu(&other);
	s390_run_to_end(vm);
	pthread_join(other.thread, NULL);
	expect_eq(*s390_word(vm, DATA_AT), turns);
}

/*
 * CPU 0 sends an emergency signal (3) to a CPU that waits, and waits itself for the answer: 200
 * times. Each new PSW for external interrupts is the next step; prefix areas are apart.
 */
INSNS(pinger,
	"larl %r1,9f; lctlg %c0,%c0,0(%r1); lghi %r5,200; lghi %r8,1\n"
	"1: sigp %r2,%r8,3; jnz 1b; lpswe 8(%r1)\n"
	".org pinger+0x20; 2: brctg %r5,1b; " S390_END "\n"
	".balign 8; 9: .quad 0x4000; .quad 0x0102000180000000,0");
INSNS(ponger,
	"larl %r1,9f; lctlg %c0,%c0,0(%r1); lghi %r8,0; lghi %r5,200; j 3f\n"
	".org ponger+0x20; 2: sigp %r2,%r8,3; jnz 2b; aghi %r5,-1; jz 4f; 3: lpswe 8(%r1)\n"
	"4: " S390_END "\n"
	".balign 8; 9: .quad 0x4000; .quad 0x0102000180000000,0");

TEST_LIMIT(emergency_ping_pong, 120)
{
	struct s390_vm *vm = s390_vm_of(pinger);
	struct s390_cpu other;

	s390_add_cpu(vm, &other, 1, 0x30000);
	memcpy(vm->mem + 0x30000, ponger, ponger_end - ponger);
	other.run->s.regs.prefix = 0x100000;
	other.run->kvm_dirty_regs = KVM_SYNC_PREFIX;
	*s390_word(vm, LC_EXT_NEW) = PSW_64;
	*s390_word(vm, LC_EXT_NEW + 8) = CODE_AT + 0x20;
	*s390_word(vm, 0x100000 + LC_EXT_NEW) = PSW_64;
	*s390_word(vm, 0x100000 + LC_EXT_NEW + 8) = 0x30000 + 0x20;
	s390_start_cpu(&other);
	s390_run_to_end(vm);
	pthread_join(other.thread, NULL);
	expect_eq(other.run->exit_reason, KVM_EXIT_S390_SIEIC);
	expect_eq(other.run->s390_sieic.ipb >> 16, 0x777);
}

TEST(ids)
{
	struct s390_vm *vm = s390_vm_of(start);
	int max = ioctl(vm->kvm, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);

	expect(max > 0);
	expect_errno(ioctl(vm->fd, KVM_CREATE_VCPU, 0), EEXIST);
	expect_errno(ioctl(vm->fd, KVM_CREATE_VCPU, 4096), EINVAL);
	must(ioctl(vm->fd, KVM_CREATE_VCPU, max - 1));
}
