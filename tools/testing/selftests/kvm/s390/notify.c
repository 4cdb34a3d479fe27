// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a guest's CPUs ask of the host beside each other: notifications of virtio-ccw (DIAGNOSE 500,
 * subcode 3) while the ioeventfds that take them come and go, and yields to one another.
 */
#include <pthread.h>
#include <stdbool.h>
#include <sys/eventfd.h>

#include "s390.h"

#define SCHID	0x00010007

struct notifier {
	int fd;
	struct kvm_run *run;
	pthread_t thread;
	uint64_t to_user[2];		/* notifications that no ioeventfd took, by queue */
};

static void add_notifier(struct s390_vm *vm, struct notifier *cpu, int id)
{
	cpu->fd = id ? must(ioctl(vm->fd, KVM_CREATE_VCPU, id)) : vm->cpu;
	cpu->run = s390_map_run(vm, cpu->fd);
	cpu->run->psw_mask = PSW_64;
	cpu->run->psw_addr = CODE_AT;
}

/* Queue 0 and queue 1 in turn, counted in R10 and R11, until the word at DATA_AT is not 0. */
INSNS(notifies,
	"lghi %r1,3; llilh %r7,2; lghi %r10,0; lghi %r11,0\n"
	"1: llilh %r2,1; oill %r2,7; lghi %r3,0; diag %r0,%r0,0x500; aghi %r10,1\n"
	"llilh %r2,1; oill %r2,7; lghi %r3,1; diag %r0,%r0,0x500; aghi %r11,1\n"
	"ltg %r5,0(%r7); jz 1b\n" S390_END);

static void *run_notifier(void *arg)
{
	struct notifier *cpu = arg;
	struct kvm_run *run = cpu->run;

	for (;;) {
		must(ioctl(cpu->fd, KVM_RUN, 0));
		expect_eq(run->exit_reason, KVM_EXIT_S390_SIEIC);
		expect_eq(run->s390_sieic.icptcode, ICPT_INSTRUCTION);
		if (run->s390_sieic.ipb >> 16 == 0x777)
			return NULL;
		expect_eq(run->s390_sieic.ipb >> 16, 0x500);
		expect_eq(run->s.regs.gprs[2], SCHID);
		expect_le(run->s.regs.gprs[3], 1);
		cpu->to_user[run->s.regs.gprs[3]]++;
	}
}

/* Each queue's notifications to an eventfd of its own. */
static void events(struct s390_vm *vm, const int *fds, uint32_t flags)
{
	struct kvm_ioeventfd event = { .addr = SCHID, .len = 8 };
	unsigned int q;

	for (q = 0; q < 2; q++) {
		event.fd = fds[q];
		event.datamatch = q;
		event.flags = flags | KVM_IOEVENTFD_FLAG_VIRTIO_CCW_NOTIFY |
			      KVM_IOEVENTFD_FLAG_DATAMATCH;
		must(ioctl(vm->fd, KVM_IOEVENTFD, &event));
	}
}

/*
 * Two CPUs notify while the ioeventfds come and go: each notification is taken once, by the eventfd
 * of its queue or by user space.
 */
TEST_LIMIT(notify_while_ioeventfds_change, 120)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_S390_CSS_SUPPORT };
	struct s390_vm *vm = s390_vm_of(notifies);
	int fds[] = { must(eventfd(0, EFD_NONBLOCK)), must(eventfd(0, EFD_NONBLOCK)) };
	uint64_t end = now_ms() + 4000, changes = 0, taken, sent;
	struct notifier cpus[2] = { };
	unsigned int i, q;

	must(ioctl(vm->cpu, KVM_ENABLE_CAP, &cap));
	for (i = 0; i < 2; i++)
		add_notifier(vm, &cpus[i], i);
	for (i = 0; i < 2; i++)
		expect_eq(pthread_create(&cpus[i].thread, NULL, run_notifier, &cpus[i]), 0);
	for (; now_ms() < end; changes++) {
		events(vm, fds, 0);
		if (changes % 4 == 0)
			usleep(5000);
		events(vm, fds, KVM_IOEVENTFD_FLAG_DEASSIGN);
	}
	__atomic_store_n(s390_word(vm, DATA_AT), 1, __ATOMIC_SEQ_CST);
	for (i = 0; i < 2; i++)
		pthread_join(cpus[i].thread, NULL);
	for (q = 0; q < 2; q++) {
		sent = cpus[0].run->s.regs.gprs[10 + q] + cpus[1].run->s.regs.gprs[10 + q];
		taken = 0;
		expect(read(fds[q], &taken, sizeof(taken)) == sizeof(taken) || errno == EAGAIN);
		note("queue %u: %lu sent, %lu to its eventfd, %lu changes", q, (long)sent,
		     (long)taken, (long)changes);
		expect_ne(taken, 0);
		expect_eq(cpus[0].to_user[q] + cpus[1].to_user[q] + taken, sent);
	}
}

/*
 * Yields.
 */

static int64_t statistic(int cpu, const char *name)
{
	int fd = must(ioctl(cpu, KVM_GET_STATS_FD, 0));
	int64_t value = s390_stat(fd, name);

	close(fd);
	return value;
}

/* R6 yields to the CPU of R0's number. */
INSNS(yields, "1: diag %r0,%r0,0x9c; brctg %r6,1b; " S390_END);

static void yield_to(struct s390_vm *vm, unsigned int id, unsigned int times)
{
	vm->run->psw_mask = PSW_64;
	vm->run->psw_addr = CODE_AT;
	vm->run->s.regs.gprs[0] = id;
	vm->run->s.regs.gprs[6] = times;
	vm->run->kvm_dirty_regs = KVM_SYNC_GPRS;
	s390_expect_icpt(vm, ICPT_INSTRUCTION);
}

/* To itself, to a CPU that is not there, and to one that has no thread. */
TEST(yields_in_vain)
{
	struct s390_vm *vm = s390_vm_of(yields);

	must(ioctl(vm->fd, KVM_CREATE_VCPU, 1));
	yield_to(vm, 0, 3);
	yield_to(vm, 7, 3);
	yield_to(vm, 1, 3);
	expect_eq(statistic(vm->cpu, "instruction_diagnose_9c"), 9);
	expect_eq(statistic(vm->cpu, "diag_9c_ignored"), 9);
	expect_eq(statistic(vm->cpu, "diag_9c_forward"), 0);
}

/* On one processor a CPU that wants to run gets it. */
TEST_LIMIT(yields_to_another, 60)
{
	struct s390_vm *vm = s390_vm_of(yields);
	struct s390_cpu other;

	if (sysconf(_SC_NPROCESSORS_ONLN) != 1)
		skip("more than one processor");
	s390_add_cpu(vm, &other, 1, 0x30000);
	memcpy(vm->mem + 0x30000, s390_counts, s390_counts_end - s390_counts);
	s390_start_cpu(&other);
	usleep(50000);
	yield_to(vm, 1, 50);
	__atomic_store_n(s390_word(vm, DATA_AT), 1, __ATOMIC_SEQ_CST);
	pthread_join(other.thread, NULL);
	expect_eq(statistic(vm->cpu, "instruction_diagnose_9c"), 50);
	note("%lu of 50 ignored", (long)statistic(vm->cpu, "diag_9c_ignored"));
	expect_le(statistic(vm->cpu, "diag_9c_ignored"), 49);
}

INSNS(slices, "1: diag %r0,%r0,0x44; brctg %r6,1b; " S390_END);

TEST(time_slice_ends)
{
	struct s390_vm *vm = s390_vm_of(slices);

	yield_to(vm, 0, 20);
	expect_eq(statistic(vm->cpu, "instruction_diagnose_44"), 20);
	expect_eq(statistic(vm->cpu, "exit_instruction"), 21);
}
