// SPDX-License-Identifier: GPL-2.0-only
/*
 * Life cycles, and what happens to a CPU that is in SIE while its memory, its slots and its thread
 * are interfered with.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "s390.h"

#define MB	0x100000UL

INSNS(bare, "lghi %r2,42; " S390_END);

TEST_LIMIT(many_vms, 120)
{
	struct s390_vm *vm;
	int i;

	for (i = 0; i < 60; i++) {
		vm = s390_vm_of(bare);
		if (i & 1)
			s390_expect_icpt(vm, ICPT_INSTRUCTION);
		munmap(vm->run, 4096);
		close(i & 2 ? vm->fd : vm->cpu);
		close(i & 2 ? vm->cpu : vm->fd);
		close(vm->kvm);
		munmap(vm->mem, MEM_SIZE);
		free(vm);
	}
}

/* A CPU's file keeps its VM. */
TEST(cpu_outlives_the_vms_file)
{
	struct s390_vm *vm = s390_vm_of(bare);

	close(vm->fd);
	close(vm->kvm);
	s390_expect_icpt(vm, ICPT_INSTRUCTION);
	expect_eq(vm->run->s.regs.gprs[2], 42);
}

TEST(not_after_fork)
{
	struct s390_vm *vm = s390_vm_of(bare);
	pid_t child = must(fork());
	int status;

	if (!child)
		_exit(ioctl(vm->cpu, KVM_RUN, 0) == -1 && errno == EIO ? 0 : 1);
	must(waitpid(child, &status, 0));
	expect_eq(status, 0);
	s390_expect_icpt(vm, ICPT_INSTRUCTION);
}

/*
 * Guests that go on until the word at DATA_AT is not 0, and count in R3: one touches its prefix
 * area, one the megabyte at 2 MB.
 */
INSNS(prefix_loop,
	"llilh %r4,2; lghi %r3,0; 1: lg %r1,0x300(%r0); stg %r3,0x308(%r0); aghi %r3,1\n"
	"lg %r2,0(%r4)\n"
	"ltgr %r2,%r2; jz 1b; " S390_END);
INSNS(memory_loop,
	"llilh %r4,2; llilh %r5,0x20; lghi %r3,0; 1: lg %r1,0(%r5); stg %r3,8(%r5); aghi %r3,1\n"
	"lg %r2,0(%r4)\n"
	"ltgr %r2,%r2; jz 1b; " S390_END);
INSNS(wild_loop, "1: j 1b");

static void *run(void *arg)
{
	struct s390_vm *vm = arg;

	must(ioctl(vm->cpu, KVM_RUN, 0));
	return NULL;
}

/* Run @fn so often while the guest runs, then let it come to its end, which it must. */
static void interfere(struct s390_vm *vm, void (*fn)(struct s390_vm *vm, int i), int times)
{
	pthread_t thread;
	int i;

	expect_eq(pthread_create(&thread, NULL, run, vm), 0);
	for (i = 0; i < times; i++)
		fn(vm, i);
	*(volatile uint64_t *)s390_word(vm, DATA_AT) = 1;
	pthread_join(thread, NULL);
	expect_eq(vm->run->exit_reason, KVM_EXIT_S390_SIEIC);
	expect_eq(vm->run->s390_sieic.icptcode, ICPT_INSTRUCTION);
	expect_eq(vm->run->s390_sieic.ipb >> 16, 0x777);
	expect_ne(vm->run->s.regs.gprs[3], 0);
}

/* The two pages at 0 go from the page tables and come again: SIE has them by heart meanwhile. */
static void drop_prefix(struct s390_vm *vm, int i)
{
	must(madvise(vm->mem, 8192, MADV_DONTNEED));
	if (i % 16 == 0)
		usleep(1000);
}

TEST_LIMIT(prefix_pages_go, 120)
{
	interfere(s390_vm_of(prefix_loop), drop_prefix, 500);
}

static void drop_memory(struct s390_vm *vm, int i)
{
	must(madvise(vm->mem + 2 * MB, MB, MADV_DONTNEED));
	if (i % 16 == 0)
		usleep(1000);
}

TEST_LIMIT(memory_goes, 120)
{
	interfere(s390_vm_of(memory_loop), drop_memory, 500);
}

static void protect_memory(struct s390_vm *vm, int i)
{
	must(mprotect(vm->mem + 2 * MB, MB, PROT_READ | PROT_WRITE));
	must(madvise(vm->mem + 2 * MB, MB, i & 1 ? MADV_DONTNEED : MADV_WILLNEED));
	if (i % 16 == 0)
		usleep(1000);
}

TEST_LIMIT(memory_is_advised, 120)
{
	interfere(s390_vm_of(memory_loop), protect_memory, 300);
}

/* Other slots come and go; the dirty log of this one is read. */
static void change_slots(struct s390_vm *vm, int i)
{
	static uint8_t *host;
	uint8_t bitmap[MEM_SIZE / 4096 / 8];
	struct kvm_dirty_log log = { .dirty_bitmap = bitmap };
	struct kvm_userspace_memory_region slot = {
		.slot = 1, .guest_phys_addr = 2 * MEM_SIZE, .memory_size = i & 1 ? 0 : MB,
	};
	struct kvm_userspace_memory_region first = {
		.flags = KVM_MEM_LOG_DIRTY_PAGES, .memory_size = MEM_SIZE,
		.userspace_addr = (uintptr_t)vm->mem,
	};

	if (!host) {
		host = mmap(NULL, 2 * MB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
			    0);
		host = (uint8_t *)(((uintptr_t)host + MB - 1) & ~(MB - 1));
		must(ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &first));
	}
	slot.userspace_addr = (uintptr_t)host;
	must(ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &slot));
	must(ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log));
}

TEST_LIMIT(slots_change, 120)
{
	interfere(s390_vm_of(memory_loop), change_slots, 60);
}

/* Interrupts that the guest does not let in, and clocks that are set. */
static void inject(struct s390_vm *vm, int i)
{
	struct kvm_s390_interrupt irq = { .type = KVM_S390_INT_SERVICE, .parm = 0x1000 };
	uint64_t tod = i;
	struct kvm_device_attr attr = {
		.group = KVM_S390_VM_TOD, .attr = KVM_S390_VM_TOD_LOW, .addr = (uintptr_t)&tod,
	};

	must(ioctl(vm->fd, KVM_S390_INTERRUPT, &irq));
	irq.type = KVM_S390_INT_EMERGENCY;
	irq.parm = 0;
	must(ioctl(vm->cpu, KVM_S390_INTERRUPT, &irq));
	must(ioctl(vm->fd, KVM_SET_DEVICE_ATTR, &attr));
}

TEST_LIMIT(interrupts_and_clocks, 120)
{
	interfere(s390_vm_of(memory_loop), inject, 300);
}

static void nothing(int sig __attribute__((unused)))
{
}

static void *run_until_signal(void *arg)
{
	struct s390_vm *vm = arg;
	long left = 0;

	while (left < 100) {
		expect_errno(ioctl(vm->cpu, KVM_RUN, 0), EINTR);
		expect_eq(vm->run->exit_reason, KVM_EXIT_INTR);
		__atomic_store_n(s390_word(vm, DATA_AT), ++left, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

/* A signal ends KVM_RUN, each time. */
TEST_LIMIT(signals, 120)
{
	const struct sigaction act = { .sa_handler = nothing };
	struct s390_vm *vm = s390_vm_of(wild_loop);
	pthread_t thread;

	sigaction(SIGUSR1, &act, NULL);
	expect_eq(pthread_create(&thread, NULL, run_until_signal, vm), 0);
	while (__atomic_load_n(s390_word(vm, DATA_AT), __ATOMIC_SEQ_CST) < 100) {
		pthread_kill(thread, SIGUSR1);
		usleep(2000);
	}
	pthread_join(thread, NULL);
}
