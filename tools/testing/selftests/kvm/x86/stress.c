// SPDX-License-Identifier: GPL-2.0-only
/*
 * User space that does what it should not: scribbles on the run page while the vCPU runs, changes
 * the memory map under several vCPUs, calls whatever with whatever. The kernel must refuse or obey,
 * and live; the guest may die.
 *
 * Each test's verdict is that the machine still works: a new VM runs afterwards, and the runner
 * looks at the kernel's log and unloads the modules.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>

#include "agent.h"
#include "guest.h"

static uint64_t random_state = 0x243f6a8885a308d3;

/* xorshift: the same numbers in every run. */
static uint64_t rnd(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static void guest_says_hello(void)
{
	guest_sync(0x1234);
}

static void expect_kvm_works(void)
{
	struct vm *vm = vm_start(guest_says_hello);

	expect_exit(vm_run(vm), GUEST_SYNC);
	expect_eq(vm->vcpu[0].sync, 0x1234);
	expect_exit(vm_run(vm), GUEST_DONE);
	vm_free(vm);
}

/* ---- the run page ---------------------------------------------------------------------------- */

static volatile int stop;

static void *scribble(void *arg)
{
	volatile uint32_t *words = arg;
	const unsigned int n = vcpu_mmap_size() / 4;
	uint64_t x = 88172645463325252;

	while (!stop) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		words[(x >> 8) % n] = x >> 32;
		/* The head, with small and negative numbers */
		words[(x >> 40) % 64] = (int64_t)x >> 60;
	}
	return NULL;
}

static uint8_t buffer[3 * SZ_4K];

static void guest_does_everything(void)
{
	uint64_t i, n, p;

	for (i = 0;; i++) {
		outb(0x80, i);
		(void)inl(0x84);
		write64(HOLE_GPA + i % 4096, i);
		(void)read32(HOLE_GPA + SZ_4K - 2);
		n = 500;
		p = (uintptr_t)buffer;
		asm volatile("rep outsb" : "+c"(n), "+S"(p) : "d"(0x88) : "memory");
		n = 500;
		p = (uintptr_t)buffer;
		asm volatile("rep insl" : "+c"(n), "+D"(p) : "d"(0x88) : "memory");
		guest_cpuid(i % 32, 0);
	}
}

TEST(run_page_scribbled)
{
	struct vm *vm = vm_start(guest_does_everything);
	uint64_t end = now_ms() + 3000;
	pthread_t other;

	pthread_create(&other, NULL, scribble, vm->run);
	while (now_ms() < end)
		vcpu_try_run(&vm->vcpu[0]);
	stop = 1;
	pthread_join(other, NULL);
	expect_kvm_works();
}

/*
 * Offered registers through the run page (KVM_CAP_SYNC_REGS), valid bits and all, changed at random
 * times.
 */
TEST(run_page_scribbled_with_interrupts)
{
	struct vm *vm = vm_start(guest_does_everything);
	struct kvm_interrupt irq = { .irq = 0x40 };
	uint64_t end = now_ms() + 2000;
	pthread_t other;

	pthread_create(&other, NULL, scribble, vm->run);
	while (now_ms() < end) {
		vcpu_try_run(&vm->vcpu[0]);
		ioctl(vm->vcpu[0].fd, KVM_INTERRUPT, &irq);
		ioctl(vm->vcpu[0].fd, KVM_NMI, 0);
	}
	stop = 1;
	pthread_join(other, NULL);
	expect_kvm_works();
}

/* ---- the memory map -------------------------------------------------------------------------- */

#define REGION		(4UL << 20)
#define SLOTS		4

static uint64_t end_of_work;

static void guest_walks(void)
{
	uint64_t i;

	while (!GUEST_ONCE(end_of_work))
		for (i = 0; i < REGION; i += SZ_4K)
			write64(SLOT_GPA + i + 8 * guest_cpu(), i);
}

/* An access to a slot that is gone just now is an MMIO exit; the vCPU runs on. */
static void *run_through_mmio(void *arg)
{
	int exit;

	while ((exit = vcpu_run(arg)) == KVM_EXIT_MMIO)
		;
	expect_exit(exit, GUEST_DONE);
	return NULL;
}

TEST_LIMIT(slots_change_under_vcpus, 60)
{
	struct vm *vm = vm_new(0);
	uint8_t *host = anon_memory(REGION);
	const uint64_t size = REGION / SLOTS;
	static uint64_t bitmap[REGION / SZ_4K / 64];
	struct kvm_dirty_log log = { .dirty_bitmap = bitmap };
	uint64_t end = now_ms() + 4000;
	int i, present[SLOTS] = { 0 };

	for (i = 0; i < 3; i++)
		pthread_create(&vcpu_start(vm, i, guest_walks)->thread, NULL, run_through_mmio,
			       &vm->vcpu[i]);
	while (now_ms() < end) {
		int s = rnd() % SLOTS;
		uint32_t flags = rnd() % 3 ? 0 : KVM_MEM_LOG_DIRTY_PAGES;

		switch (rnd() % 4) {
		case 0:
			if (present[s])
				must(vm_set_slot(vm->fd, 1 + s, 0, 0, 0, NULL));
			present[s] = 0;
			break;
		case 1:
			must(vm_set_slot(vm->fd, 1 + s, flags, SLOT_GPA + s * size, size,
					 host + s * size));
			present[s] = 1;
			break;
		case 2:
			log.slot = 1 + s;
			ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log);
			break;
		case 3:
			madvise(host + s * size, size, MADV_DONTNEED);
			break;
		}
	}
	for (i = 0; i < SLOTS; i++)
		vm_set_slot(vm->fd, 1 + i, 0, SLOT_GPA + i * size, size, host + i * size);
	*(volatile uint64_t *)in_guest(vm, &end_of_work) = 1;
	for (i = 0; i < 3; i++)
		vcpu_join(&vm->vcpu[i]);
	expect_kvm_works();
}

/* ---- nonsense -------------------------------------------------------------------------------- */

/* Every number of KVM's space, each direction and a few sizes, with pointers good and bad. */
static void fuzz(int fd, unsigned int rounds)
{
	static const uint16_t sizes[] = { 0, 4, 8, 16, 24, 32, 64, 144, 312, 4096 };
	uint8_t *arg = anon_memory(16 * SZ_4K);
	unsigned int i, j;

	for (i = 0; i < rounds; i++) {
		uint32_t nr = rnd() % 256, dir = rnd() % 4, size = sizes[rnd() % ARRAY_SIZE(sizes)];
		unsigned long request = (unsigned long)dir << 30 | size << 16 | KVMIO << 8 | nr;
		unsigned long value;

		if (nr == 0x80)		/* KVM_RUN may well take for ever */
			continue;
		for (j = 0; j < 64; j++)
			((uint64_t *)arg)[j] = rnd() % 3 ? rnd() % 8 : rnd();
		switch (rnd() % 4) {
		case 0:
			value = rnd() % 100;
			break;
		case 1:
			value = rnd();
			break;
		default:
			value = (uintptr_t)arg;
		}
		ioctl(fd, request, value);
	}
	munmap(arg, 16 * SZ_4K);
}

/* The same with the requests that exist, so that their arguments are looked at. */
static const unsigned long known[] = {
	KVM_SET_USER_MEMORY_REGION, KVM_GET_DIRTY_LOG, KVM_CLEAR_DIRTY_LOG, KVM_IRQFD,
	KVM_IOEVENTFD, KVM_SET_GSI_ROUTING, KVM_SIGNAL_MSI, KVM_IRQ_LINE, KVM_SET_IRQCHIP,
	KVM_GET_IRQCHIP, KVM_SET_PIT2, KVM_GET_PIT2, KVM_SET_CLOCK, KVM_GET_CLOCK,
	KVM_CREATE_DEVICE, KVM_ENABLE_CAP, KVM_REGISTER_COALESCED_MMIO,
	KVM_UNREGISTER_COALESCED_MMIO, KVM_SET_TSS_ADDR, KVM_SET_IDENTITY_MAP_ADDR,
	KVM_SET_BOOT_CPU_ID, KVM_CREATE_IRQCHIP, KVM_CREATE_PIT2, KVM_CREATE_VCPU,
	KVM_CHECK_EXTENSION, KVM_X86_SET_MSR_FILTER, KVM_SET_NR_MMU_PAGES, KVM_REINJECT_CONTROL,
	KVM_GET_STATS_FD,
};

static const unsigned long known_vcpu[] = {
	KVM_GET_REGS, KVM_SET_REGS, KVM_GET_SREGS, KVM_SET_SREGS, KVM_GET_SREGS2, KVM_SET_SREGS2,
	KVM_GET_FPU, KVM_SET_FPU, KVM_GET_MSRS, KVM_SET_MSRS, KVM_SET_CPUID, KVM_SET_CPUID2,
	KVM_GET_CPUID2, KVM_GET_LAPIC, KVM_SET_LAPIC, KVM_INTERRUPT, KVM_NMI, KVM_TRANSLATE,
	KVM_SET_SIGNAL_MASK, KVM_GET_MP_STATE, KVM_SET_MP_STATE, KVM_GET_VCPU_EVENTS,
	KVM_SET_VCPU_EVENTS, KVM_GET_DEBUGREGS, KVM_SET_DEBUGREGS, KVM_GET_XSAVE, KVM_SET_XSAVE,
	KVM_GET_XCRS, KVM_SET_XCRS, KVM_SET_TSC_KHZ, KVM_GET_TSC_KHZ, KVM_KVMCLOCK_CTRL,
	KVM_SET_GUEST_DEBUG, KVM_ENABLE_CAP, KVM_TPR_ACCESS_REPORTING, KVM_SET_VAPIC_ADDR,
	KVM_X86_SETUP_MCE, KVM_X86_SET_MCE, KVM_SMI, KVM_GET_STATS_FD, KVM_GET_NESTED_STATE,
	KVM_SET_NESTED_STATE, KVM_SET_DEVICE_ATTR, KVM_GET_DEVICE_ATTR, KVM_HAS_DEVICE_ATTR,
	KVM_GET_SUPPORTED_HV_CPUID,
};

/*
 * A slot that lands on this program's own memory would let the guest write there: keep such regions
 * small and high.
 */
static void tame(unsigned long request, uint64_t *arg)
{
	if (request == KVM_SET_USER_MEMORY_REGION)
		arg[3] = (uintptr_t)arg & ~(SZ_4K - 1);
}

static void fuzz_known(int fd, const unsigned long *list, unsigned int n, unsigned int rounds)
{
	uint64_t *arg = anon_memory(16 * SZ_4K);
	unsigned int i, j;

	for (i = 0; i < rounds; i++) {
		unsigned long request = list[rnd() % n];

		/* Sometimes what the kernel itself wrote, with one word changed. */
		if (rnd() % 2)
			for (j = 0; j < 128; j++)
				arg[j] = rnd() % 4 ? rnd() % 16 : rnd();
		else
			arg[rnd() % 64] = rnd() % 2 ? rnd() % 300 : rnd();
		tame(request, arg);
		ioctl(fd, request, rnd() % 16 ? (uintptr_t)arg : rnd() % 64);
	}
	munmap(arg, 16 * SZ_4K);
}

static void close_from(int first)
{
	syscall(SYS_close_range, first, ~0U, 0);
}

TEST_LIMIT(random_requests, 60)
{
	int round, kvm, vm, vcpu, base = dup(1);

	close(base);
	for (round = 0; round < 10; round++) {
		kvm = kvm_open();
		vm = must(ioctl(kvm, KVM_CREATE_VM, 0));
		vcpu = must(ioctl(vm, KVM_CREATE_VCPU, 0));
		fuzz(kvm, 2000);
		fuzz(vm, 2000);
		fuzz(vcpu, 2000);
		close_from(base);	/* descriptors that the requests made, too */
	}
	expect_kvm_works();
}

static void ignore(int sig)
{
	(void)sig;
}

TEST_LIMIT(random_arguments, 90)
{
	struct sigaction action = { .sa_handler = ignore };
	const struct itimerspec tick = {
		.it_value.tv_nsec = 20000000, .it_interval.tv_nsec = 20000000,
	};
	const struct itimerspec off = { 0 };
	timer_t timer;
	int round, base = dup(1);

	close(base);
	must(sigaction(SIGALRM, &action, NULL));
	must(timer_create(CLOCK_MONOTONIC, NULL, &timer));
	for (round = 0; round < 12; round++) {
		struct vm *vm = vm_new(round % 3 ? VM_IRQCHIP | (round % 2 ? VM_PIT : 0) : 0);
		struct vcpu *vcpu = vcpu_start(vm, 0, guest_does_everything);
		int i;

		must(timer_settime(timer, 0, &tick, NULL));
		for (i = 0; i < 30; i++) {
			fuzz_known(vcpu->fd, known_vcpu, ARRAY_SIZE(known_vcpu), 20);
			fuzz_known(vm->fd, known, ARRAY_SIZE(known), 5);
			ioctl(vcpu->fd, KVM_RUN, 0);	/* until the next tick at most */
		}
		must(timer_settime(timer, 0, &off, NULL));
		close_from(base);
	}
	expect_kvm_works();
}

/* Limits of the process: what cannot be allocated is refused, and nothing is half made. */
TEST(descriptor_limit)
{
	int vm = vm_bare(), kvm = kvm_open(), fd, last = -1;

	while ((fd = dup(1)) >= 0)
		last = fd;
	expect_eq(errno, EMFILE);
	expect_errno(ioctl(kvm, KVM_CREATE_VM, 0), EMFILE);
	expect_errno(ioctl(vm, KVM_CREATE_VCPU, 5), EMFILE);
	close(last);
	/* The id is still free. */
	must(ioctl(vm, KVM_CREATE_VCPU, 5));
}

/* Modules cannot go while a VM is there. */
TEST(modules_stay_while_in_use)
{
	const char *backend = access("/sys/module/kvm_amd", F_OK) ? "kvm_intel" : "kvm_amd";
	struct vm *vm = vm_start(guest_says_hello);

	expect(syscall(SYS_delete_module, backend, O_NONBLOCK) < 0);
	expect(syscall(SYS_delete_module, "kvm", O_NONBLOCK) < 0);
	expect_exit(vm_run(vm), GUEST_SYNC);
}
