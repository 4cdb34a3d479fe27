// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VMM that pulls away what the kernel is using: descriptors and the run page while a vCPU runs,
 * memory by every system call that can, slots from several threads at once, its own life in the
 * middle of each request. Where the documents say what must come of it, that is expected; and a
 * guest that is not meddled with must not notice.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "agent.h"
#include "irq.h"

static uint64_t stop;

static void stop_guest(struct vm *vm)
{
	*(volatile uint64_t *)in_guest(vm, &stop) = 1;
}

static void guest_says_hello(void)
{
	guest_sync(0x1234);
}

static void expect_kvm_works(void)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_says_hello);

	expect_exit(vm_run(vm), GUEST_SYNC);
	expect_exit(vm_run(vm), GUEST_DONE);
	vm_free(vm);
}

/* ---- the run page ---------------------------------------------------------------------------- */

static void guest_reads_twice(void)
{
	uint64_t v;

	guest_expect_eq(inl(0x80), 0x11223344);
	guest_expect_eq(read64(HOLE_GPA + 8), 0x5566778899aabbcc);
	write64(HOLE_GPA + 16, 77);
	asm volatile("xor %%eax, %%eax; inb $0x81, %%al" : "=a"(v));
	guest_expect_eq(v, 0x5a);
}

/* All that is told of an exit, overwritten; the data of a port access is in a page of its own. */
static void lie(struct kvm_run *run, uint64_t with)
{
	uint64_t *words = (uint64_t *)&run->io;
	int i;

	run->exit_reason = with;
	for (i = 0; i < 8; i++)
		words[i] = with;
}

/* Of an answer only the data counts; what was asked the kernel knows by itself. */
TEST(run_page_lies)
{
	static const uint64_t lies[] = { 0, 1, ~0UL, 0x7fffffff, 0x1000, 255, 0xffffffff00000000 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(lies); i++) {
		struct vm *vm = vm_start(guest_reads_twice);
		struct kvm_run *run = vm->run;

		expect_exit(vm_run(vm), KVM_EXIT_IO);
		*(uint32_t *)((uint8_t *)run + run->io.data_offset) = 0x11223344;
		lie(run, lies[i]);
		expect_exit(vm_run(vm), KVM_EXIT_MMIO);
		expect_eq(run->mmio.phys_addr, HOLE_GPA + 8);
		run->mmio.phys_addr = lies[i];
		run->mmio.len = lies[i];
		run->mmio.is_write = lies[i];
		run->exit_reason = lies[i];
		*(uint64_t *)run->mmio.data = 0x5566778899aabbcc;
		expect_exit(vm_run(vm), KVM_EXIT_MMIO);
		expect_eq(run->mmio.phys_addr, HOLE_GPA + 16);
		lie(run, lies[i]);
		expect_exit(vm_run(vm), KVM_EXIT_IO);
		expect_eq(run->io.port, 0x81);
		*((uint8_t *)run + run->io.data_offset) = 0x5a;
		run->io.count = lies[i];
		run->io.size = lies[i];
		expect_exit(vm_run(vm), GUEST_DONE);
		vm_free(vm);
	}
}

static volatile int stop_toggling;

static void *toggle(void *arg)
{
	volatile uint8_t *flag = &((struct kvm_run *)arg)->immediate_exit;

	while (!stop_toggling)
		*flag = !*flag;
	return NULL;
}

static void guest_counts_out(void)
{
	uint32_t i;

	for (i = 0; i < 3000; i++)
		outl(0x70, i);
}

/* KVM_RUN goes on or comes back with EINTR, and no word of the guest is lost or told twice. */
TEST(immediate_exit_toggled)
{
	struct vm *vm = vm_start(guest_counts_out);
	uint32_t next = 0, interrupted = 0;
	pthread_t other;
	int r;

	pthread_create(&other, NULL, toggle, vm->run);
	while (next < 3000) {
		r = vcpu_try_run(&vm->vcpu[0]);
		if (r == -EINTR) {
			interrupted++;
			continue;
		}
		expect_eq(r, 0);
		expect_eq(vm->run->exit_reason, KVM_EXIT_IO);
		expect_eq(*(uint32_t *)((uint8_t *)vm->run + vm->run->io.data_offset), next);
		next++;
	}
	stop_toggling = 1;
	pthread_join(other, NULL);
	note("%u times interrupted", interrupted);
}

/* Nobody has the run page mapped: the vCPU runs all the same. */
static uint64_t seen;

static void guest_leaves_mark(void)
{
	GUEST_ONCE(seen) = 0x77;
	outb(0x70, 1);
	GUEST_ONCE(seen) = 0x78;
	outb(0x70, 1);
}

TEST(run_page_unmapped)
{
	struct vm *vm = vm_start(guest_leaves_mark);

	must(munmap(vm->run, vcpu_mmap_size()));
	must(ioctl(vm->vcpu[0].fd, KVM_RUN, 0));
	expect_eq(*in_guest(vm, &seen), 0x77);
	must(ioctl(vm->vcpu[0].fd, KVM_RUN, 0));
	expect_eq(*in_guest(vm, &seen), 0x78);
}

/* ---- descriptors ----------------------------------------------------------------------------- */

static void guest_spins_until_stopped(void)
{
	GUEST_ONCE(seen) = 1;
	while (!GUEST_ONCE(stop))
		cpu_relax();
	GUEST_ONCE(seen) = 2;
	outb(0x70, 1);
}

static void *run_once(void *arg)
{
	must(ioctl((long)arg, KVM_RUN, 0));
	return NULL;
}

/* Every descriptor and the run page go while the guest runs; it runs to its next exit. */
TEST(closed_while_running)
{
	int i;

	for (i = 0; i < 6; i++) {
		struct vm *vm = vm_start_with(i % 2 ? VM_IRQCHIP : 0, guest_spins_until_stopped);
		volatile uint64_t *mark = in_guest(vm, &seen);

		pthread_create(&vm->vcpu[0].thread, NULL, run_once, (void *)(long)vm->vcpu[0].fd);
		while (*mark != 1)
			usleep(500);
		must(munmap(vm->run, vcpu_mmap_size()));
		if (i & 2) {
			must(close(vm->vcpu[0].fd));
			must(close(vm->fd));
		} else {
			must(close(vm->fd));
			must(close(vm->vcpu[0].fd));
		}
		usleep(1000);
		stop_guest(vm);
		vcpu_join(&vm->vcpu[0]);
		expect_eq(*mark, 2);
		must(munmap(vm->mem, LOW_MEM_SIZE));
		free(vm);
	}
	expect_kvm_works();
}

/* The thread that ran a vCPU is gone; another runs it on. */
static void guest_syncs(void)
{
	uint64_t i;

	for (i = 0;; i++)
		guest_sync(i);
}

static void *run_one_sync(void *arg)
{
	expect_exit(vcpu_run(arg), GUEST_SYNC);
	return NULL;
}

TEST(a_new_thread_each_time)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_syncs);
	uint64_t i;

	for (i = 0; i < 40; i++) {
		pthread_create(&vm->vcpu[0].thread, NULL, run_one_sync, &vm->vcpu[0]);
		vcpu_join(&vm->vcpu[0]);
		expect_eq(vm->vcpu[0].sync, i);
	}
}

/* A child keeps everything open after its parent, whose VM it is, has died in the middle. */
static void child_left_alone(struct vm *vm, int stats)
{
	struct kvm_regs regs;
	uint64_t word;
	pid_t parent = getppid();

	while (getppid() == parent)
		usleep(1000);
	usleep(20000);
	expect_errno(ioctl(vm->vcpu[0].fd, KVM_RUN, 0), EIO);
	expect_errno(ioctl(vm->vcpu[0].fd, KVM_GET_REGS, &regs), EIO);
	expect_errno(ioctl(vm->fd, KVM_CREATE_VCPU, 5), EIO);
	expect_errno(vm_set_slot(vm->fd, 0, 0, 0, 0, NULL), EIO);
	expect_errno(ioctl(vm->fd, KVM_GET_STATS_FD, 0), EIO);
	expect_eq(must(pread(stats, &word, 8, 0)), 8);
	vm->run->immediate_exit = 1;
	expect_eq(vm->run->immediate_exit, 1);
	must(close(vm->fd));
	must(close(vm->vcpu[0].fd));
	expect_eq(must(pread(stats, &word, 8, 0)), 8);
	vm->run->immediate_exit = 0;
}

TEST(child_left_with_the_descriptors)
{
	int ready[2], i;
	char c;

	must(pipe(ready));
	for (i = 0; i < 3; i++) {
		if (!must(fork())) {
			struct vm *vm = vm_start_with(VM_IRQCHIP, guest_spins_until_stopped);
			int stats = must(ioctl(vm->fd, KVM_GET_STATS_FD, 0));

			vcpu_run_async(&vm->vcpu[0]);
			if (!must(fork())) {
				child_left_alone(vm, stats);
				must(write(ready[1], "x", 1));
				_exit(0);
			}
			usleep(10000);
			raise(SIGKILL);
		}
		expect_eq(must(read(ready[0], &c, 1)), 1);
	}
	expect_kvm_works();
}

/* ---- memory under running vCPUs -------------------------------------------------------------- */

#define REGION		(2 * SZ_2M)
#define PAGES		(REGION / SZ_4K)

/* Bochs lets interrupts end a guest that has them off when it has seen a CLI since the entry. */
static void guest_writes_all_over(void)
{
	uint64_t i, n;

	for (n = 1; !GUEST_ONCE(stop); n++, cli())
		for (i = 0; i < PAGES; i += 7)
			write64(SLOT_GPA + i * SZ_4K + 8 * guest_cpu(), n);
}

/* Memory that is just not there ends the run with EFAULT; the vCPU comes again. */
static void *run_through_faults(void *arg)
{
	struct vcpu *vcpu = arg;
	uint64_t faults = 0;
	int r;

	for (;;) {
		r = vcpu_try_run(vcpu);
		if (!r && vcpu->run->exit_reason == KVM_EXIT_IO)
			break;
		if (!r && vcpu->run->exit_reason == KVM_EXIT_MMIO)
			continue;
		expect_eq(-r, EFAULT);
		faults++;
	}
	vcpu->sync = faults;
	return NULL;
}

/* What was moved elsewhere is no more the guest's: it must not change. */
static void expect_left_alone(volatile uint64_t *at)
{
	uint64_t copy[PAGES / 64][2];
	unsigned int i, cpu;

	for (i = 0; i < PAGES / 64; i++)
		for (cpu = 0; cpu < 2; cpu++)
			copy[i][cpu] = at[i * 64 * 512 + cpu];
	usleep(2000);
	for (i = 0; i < PAGES / 64; i++)
		for (cpu = 0; cpu < 2; cpu++)
			expect_eq(at[i * 64 * 512 + cpu], copy[i][cpu]);
}

static void meddle(uint8_t *host, uint8_t *elsewhere, unsigned int how)
{
	const int rw = PROT_READ | PROT_WRITE, fixed = MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS;

	switch (how % 5) {
	case 0:
		must(mprotect(host, REGION, PROT_NONE));
		expect_left_alone((uint64_t *)elsewhere);
		must(mprotect(host, REGION, rw));
		break;
	case 1:
		must(mprotect(host, REGION, PROT_READ));
		expect_left_alone((uint64_t *)host);
		must(mprotect(host, REGION, rw));
		break;
	case 2:
		must(munmap(host, REGION));
		usleep(1000);
		expect(mmap(host, REGION, rw, fixed, -1, 0) == host);
		break;
	case 3:
		expect(mremap(host, REGION, REGION, MREMAP_MAYMOVE | MREMAP_FIXED, elsewhere) ==
		       elsewhere);
		expect_left_alone((uint64_t *)elsewhere);
		expect(mmap(host, REGION, rw, fixed, -1, 0) == host);
		break;
	case 4:
		must(madvise(host + SZ_2M / 2, SZ_2M, MADV_DONTNEED));
		break;
	}
}

TEST_LIMIT(memory_pulled_away, 60)
{
	struct vm *vm = vm_new(0);
	uint8_t *both = anon_memory(2 * REGION + SZ_2M), *host, *elsewhere;
	uint64_t end = now_ms() + 4000;
	unsigned int round, i;

	host = (uint8_t *)(((uintptr_t)both + SZ_2M - 1) & ~(SZ_2M - 1));
	elsewhere = host + REGION;
	must(vm_set_slot(vm->fd, 7, 0, SLOT_GPA, REGION, host));
	for (i = 0; i < 2; i++)
		pthread_create(&vcpu_start(vm, i, guest_writes_all_over)->thread, NULL,
			       run_through_faults, &vm->vcpu[i]);
	for (round = 0; round < 10 || now_ms() < end; round++) {
		usleep(1000);
		meddle(host, elsewhere, round);
	}
	stop_guest(vm);
	for (i = 0; i < 2; i++)
		vcpu_join(&vm->vcpu[i]);
	note("%u rounds, %llu faults", round,
	     (unsigned long long)(vm->vcpu[0].sync + vm->vcpu[1].sync));
	expect_kvm_works();
}

/* ---- a fault that waits for the VMM ---------------------------------------------------------- */

static int fault_descriptor(void *at, uint64_t size)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range = { (uintptr_t)at, size }, .mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	if (fd < 0)
		skip("no userfaultfd: %s", strerror(errno));
	must(ioctl(fd, UFFDIO_API, &api));
	must(ioctl(fd, UFFDIO_REGISTER, &reg));
	return fd;
}

static uint64_t wait_fault(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct uffd_msg msg;

	expect_eq(poll(&p, 1, 10000), 1);
	expect_eq(must(read(fd, &msg, sizeof(msg))), sizeof(msg));
	expect_eq(msg.event, UFFD_EVENT_PAGEFAULT);
	return msg.arg.pagefault.address & ~(SZ_4K - 1);
}

static void resolve_fault(int fd, uint64_t address, uint64_t value)
{
	uint64_t page[512] __attribute__((aligned(4096))) = { value };
	struct uffdio_copy copy = { .dst = address, .src = (uintptr_t)page, .len = SZ_4K };

	must(ioctl(fd, UFFDIO_COPY, &copy));
}

static void guest_reads_slot(void)
{
	guest_sync(read64(SLOT_GPA));
	guest_sync(read64(SLOT_GPA + SZ_4K));
}

static void *run_any(void *arg)
{
	return (void *)(long)vcpu_run(arg);
}

static void *delete_slot(void *arg)
{
	must(vm_set_slot(((struct vm *)arg)->fd, 7, 0, 0, 0, NULL));
	return NULL;
}

/* A vCPU waits for a page that the VMM brings; other requests that do not need it go on. */
TEST(fault_waits_for_the_vmm)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_reads_slot);
	uint8_t *host = anon_memory(SZ_64K);
	int fd = fault_descriptor(host, SZ_64K);
	struct kvm_clock_data clock;
	pthread_t deleter;
	void *exit;

	must(vm_set_slot(vm->fd, 7, 0, SLOT_GPA, SZ_64K, host));
	pthread_create(&vm->vcpu[0].thread, NULL, run_any, &vm->vcpu[0]);
	expect_eq(wait_fault(fd), (uintptr_t)host);
	must(ioctl(vm->fd, KVM_GET_CLOCK, &clock));
	must(ioctl(vm->fd, KVM_CREATE_VCPU, 7));
	irq_line(vm, 5, 1);
	resolve_fault(fd, (uintptr_t)host, 0x55);
	pthread_join(vm->vcpu[0].thread, &exit);
	expect_exit((long)exit, GUEST_SYNC);
	expect_eq(vm->vcpu[0].sync, 0x55);

	/* The slot goes while the vCPU waits: the writer waits for it, and both come to an end. */
	pthread_create(&vm->vcpu[0].thread, NULL, run_any, &vm->vcpu[0]);
	expect_eq(wait_fault(fd), (uintptr_t)host + SZ_4K);
	pthread_create(&deleter, NULL, delete_slot, vm);
	usleep(50000);
	resolve_fault(fd, (uintptr_t)host + SZ_4K, 0x66);
	pthread_join(deleter, NULL);
	pthread_join(vm->vcpu[0].thread, &exit);
	/* It saw the memory before the slot went, or nothing after. */
	if ((long)exit != GUEST_SYNC)
		expect_exit((long)exit, KVM_EXIT_MMIO);
}

/* ---- slots, from three threads --------------------------------------------------------------- */

static struct vm *raced;
static uint8_t *raced_memory;
static volatile int stop_racing;

static void *race_slots(void *arg)
{
	static uint64_t bitmaps[3][REGION / SZ_4K / 64];
	long me = (long)arg;
	struct kvm_dirty_log log = { .slot = 10 + me, .dirty_bitmap = bitmaps[me] };
	uint64_t x = 88172645463325252 + me, n = 0;

	while (!stop_racing) {
		uint64_t half = REGION / 2;
		int r = 0;

		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		switch (x % 5) {
		case 0:
		case 1:		/* create, move, or change of flags, as it comes */
			r = vm_set_slot(raced->fd, 10 + me, x >> 8 & KVM_MEM_LOG_DIRTY_PAGES,
					SLOT_GPA + (x >> 16 & 3) * half, half,
					raced_memory + me * half);
			break;
		case 2:
			r = vm_set_slot(raced->fd, 10 + me, 0, 0, 0, NULL);
			break;
		case 3:
			r = ioctl(raced->fd, KVM_GET_DIRTY_LOG, &log);
			break;
		case 4:
			madvise(raced_memory + me * half, half, MADV_DONTNEED);
			break;
		}
		if (r < 0 && errno != EEXIST && errno != EINVAL && errno != ENOENT)
			fail("thread %ld: %s", me, strerror(errno));
		n++;
	}
	return (void *)n;
}

static void guest_walks_wide(void)
{
	uint64_t i;

	while (!GUEST_ONCE(stop))
		for (i = 0; i < 5 * REGION / 2; i += 3 * SZ_4K)
			write64(SLOT_GPA + i + 8 * guest_cpu(), i);
}

TEST_LIMIT(slots_raced, 60)
{
	pthread_t threads[3];
	void *n;
	long i;

	raced = vm_new(0);
	raced_memory = anon_memory(2 * REGION);
	for (i = 0; i < 2; i++)
		pthread_create(&vcpu_start(raced, i, guest_walks_wide)->thread, NULL,
			       run_through_faults, &raced->vcpu[i]);
	for (i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, race_slots, (void *)i);
	usleep(4000000);
	stop_racing = 1;
	for (i = 0; i < 3; i++) {
		pthread_join(threads[i], &n);
		note("thread %ld: %ld changes", i, (long)n);
		vm_set_slot(raced->fd, 10 + i, 0, 0, 0, NULL);
	}
	stop_guest(raced);
	for (i = 0; i < 2; i++)
		vcpu_join(&raced->vcpu[i]);
	expect_kvm_works();
}

/* ---- state, while the guest runs ------------------------------------------------------------- */

#define SUM_PAGES	512

static uint64_t sums[4];

/* Work that any lost or repeated instruction, register or page would spoil. */
static void guest_sums(void)
{
	uint64_t me = guest_cpu(), sum = 0, n = 0, i;

	while (!GUEST_ONCE(stop)) {
		for (i = 0; i < SUM_PAGES; i++) {
			uint64_t *word = (uint64_t *)(SLOT_GPA + i * SZ_4K) + me;

			*(volatile uint64_t *)word += i;
			sum += i;
		}
		n++;
		guest_cpuid(0, 0);
	}
	for (i = 0; i < SUM_PAGES; i++)
		sum -= read64(SLOT_GPA + i * SZ_4K + 8 * me);
	guest_expect_eq(sum, 0);
	sums[me] = n;
}

/* Requests that give back what they were given, or add to the VM what the guest does not use. */
static void *race_states(void *arg)
{
	static const unsigned long pairs[][2] = {
		{ KVM_GET_SREGS, KVM_SET_SREGS }, { KVM_GET_FPU, KVM_SET_FPU },
		{ KVM_GET_XCRS, KVM_SET_XCRS }, { KVM_GET_DEBUGREGS, KVM_SET_DEBUGREGS },
		{ KVM_GET_LAPIC, KVM_SET_LAPIC }, { KVM_GET_MP_STATE, KVM_SET_MP_STATE },
		{ KVM_GET_XSAVE, KVM_SET_XSAVE },
	};
	static uint8_t buffers[2][2 * SZ_4K];
	long me = (long)arg;
	struct kvm_cpuid2 *list = supported_cpuid();
	struct kvm_irqchip chip = { 0 };
	struct kvm_pit_state2 pit;
	struct kvm_irqfd irqfd = { .fd = eventfd(0, EFD_CLOEXEC), .gsi = 20 + me };
	unsigned int n, i, next_id = 10 + me;

	for (n = 0; !stop_racing; n++) {
		int vcpu = raced->vcpu[n % 2].fd;

		for (i = 0; i < ARRAY_SIZE(pairs); i++)
			if (!ioctl(vcpu, pairs[i][0], buffers[me]))
				must(ioctl(vcpu, pairs[i][1], buffers[me]));
		list->nent = 256;
		must(ioctl(vcpu, KVM_GET_CPUID2, list));
		must(ioctl(vcpu, KVM_SET_CPUID2, list));
		chip.chip_id = n % 3;
		must(ioctl(raced->fd, KVM_GET_IRQCHIP, &chip));
		must(ioctl(raced->fd, KVM_SET_IRQCHIP, &chip));
		must(ioctl(raced->fd, KVM_GET_PIT2, &pit));
		must(ioctl(raced->fd, KVM_SET_PIT2, &pit));
		irqfd.flags = 0;
		must(ioctl(raced->fd, KVM_IRQFD, &irqfd));
		must(eventfd_write(irqfd.fd, 1));
		irqfd.flags = KVM_IRQFD_FLAG_DEASSIGN;
		must(ioctl(raced->fd, KVM_IRQFD, &irqfd));
		if (n % 8 == 0 && next_id < 60) {
			close(must(ioctl(raced->fd, KVM_CREATE_VCPU, next_id)));
			next_id += 2;
		}
	}
	return (void *)(long)n;
}

static void ignore(int sig)
{
	(void)sig;
}

/* A vCPU that is never out of the guest would keep all others from its lock. */
static void *run_through_signals(void *arg)
{
	struct vcpu *vcpu = arg;
	unsigned int exit;

	do {
		while (vcpu_try_run(vcpu) == -EINTR)
			;
		exit = vcpu->run->exit_reason;
	} while (exit != KVM_EXIT_IO);
	/* The guest's sums agree, or it has said why not: the next run tells. */
	expect(*(volatile uint64_t *)in_guest(vcpu->vm, &sums[vcpu->id]) || vcpu_run(vcpu) < 0);
	return NULL;
}

TEST_LIMIT(states_raced, 60)
{
	struct sigaction action = { .sa_handler = ignore };
	uint64_t end = now_ms() + 5000;
	pthread_t threads[2];
	void *n;
	long i;

	must(sigaction(SIGUSR1, &action, NULL));
	raced = vm_new(VM_IRQCHIP | VM_PIT);
	vm_add_slot(raced, SLOT_GPA, SUM_PAGES * SZ_4K, 0);
	for (i = 0; i < 2; i++)
		pthread_create(&vcpu_start(raced, i, guest_sums)->thread, NULL,
			       run_through_signals, &raced->vcpu[i]);
	for (i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, race_states, (void *)i);
	while (now_ms() < end) {
		usleep(2000);
		for (i = 0; i < 2; i++)
			pthread_kill(raced->vcpu[i].thread, SIGUSR1);
	}
	stop_racing = 1;
	stop_guest(raced);
	for (i = 0; i < 2; i++) {
		vcpu_join(&raced->vcpu[i]);
		note("vCPU %ld: %llu rounds", i,
		     (unsigned long long)*in_guest(raced, &sums[i]));
	}
	for (i = 0; i < 2; i++) {
		pthread_join(threads[i], &n);
		note("thread %ld: %ld rounds", i, (long)n);
	}
}

/* ---- death at work --------------------------------------------------------------------------- */

static void work_spin(struct vm *vm)
{
	vcpu_set_long_mode(&vm->vcpu[0], guest_writes_all_over);
	for (;;)
		vcpu_try_run(&vm->vcpu[0]);
}

static void work_halt(struct vm *vm)
{
	vcpu_set_long_mode(&vm->vcpu[0], hlt);
	for (;;)
		vcpu_try_run(&vm->vcpu[0]);
}

static void work_wait_for_sipi(struct vm *vm)
{
	struct vcpu *ap = vcpu_new(vm, 1);

	for (;;)
		vcpu_try_run(ap);
}

static void work_slots(struct vm *vm)
{
	uint8_t *host = anon_memory(REGION);
	uint64_t i;

	vcpu_set_long_mode(&vm->vcpu[0], guest_writes_all_over);
	pthread_create(&vm->vcpu[0].thread, NULL, run_through_faults, &vm->vcpu[0]);
	for (i = 0;; i++) {
		vm_set_slot(vm->fd, 7, i & 1, SLOT_GPA + i % 3 * SZ_2M, REGION, host);
		vm_set_slot(vm->fd, 7, 1, SLOT_GPA, REGION, host);
		vm_set_slot(vm->fd, 7, 0, 0, 0, NULL);
	}
}

static void work_vms(struct vm *vm)
{
	(void)vm;
	for (;;)
		expect_kvm_works();
}

static void work_irqfds(struct vm *vm)
{
	for (;;) {
		int fd = eventfd(1, EFD_CLOEXEC);
		struct kvm_irqfd irqfd = { .fd = fd, .gsi = 5 };

		if (fd < 0)
			syscall(SYS_close_range, vm->vcpu[0].fd + 1, ~0U, 0);
		ioctl(vm->fd, KVM_IRQFD, &irqfd);
		irqfd.flags = KVM_IRQFD_FLAG_DEASSIGN;
		if (fd & 1)
			ioctl(vm->fd, KVM_IRQFD, &irqfd);
		if (fd & 2)
			close(fd);
	}
}

static void work_memory(struct vm *vm)
{
	uint8_t *host = vm_add_slot(vm, SLOT_GPA, REGION, 0);

	vcpu_set_long_mode(&vm->vcpu[0], guest_writes_all_over);
	pthread_create(&vm->vcpu[0].thread, NULL, run_through_faults, &vm->vcpu[0]);
	for (;;)
		madvise(host, REGION, MADV_DONTNEED);
}

static void work_waiting_fault(struct vm *vm)
{
	uint8_t *host = anon_memory(SZ_64K);
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);
	pthread_t deleter;

	if (fd < 0)
		for (;;)
			pause();
	close(fd);
	fd = fault_descriptor(host, SZ_64K);
	must(vm_set_slot(vm->fd, 7, 0, SLOT_GPA, SZ_64K, host));
	vcpu_set_long_mode(&vm->vcpu[0], guest_reads_slot);
	pthread_create(&vm->vcpu[0].thread, NULL, run_any, &vm->vcpu[0]);
	wait_fault(fd);
	pthread_create(&deleter, NULL, delete_slot, vm);
	for (;;)
		pause();
}

/* SIGKILL wherever it is: the process ends within seconds, and the VM with it. */
TEST_LIMIT(killed_at_work, 120)
{
	static void (* const works[])(struct vm *vm) = {
		work_spin, work_halt, work_wait_for_sipi, work_slots, work_vms, work_irqfds,
		work_memory, work_waiting_fault,
	};
	unsigned int i, round;
	int status;
	pid_t pid;

	for (round = 0; round < 3; round++)
		for (i = 0; i < ARRAY_SIZE(works); i++) {
			uint64_t from;

			pid = must(fork());
			if (!pid) {
				works[i](vm_start_with(VM_IRQCHIP, guest_says_hello));
				_exit(0);
			}
			usleep(150000 + round * 33000);
			from = now_ms();
			must(kill(pid, SIGKILL));
			must(waitpid(pid, &status, 0));
			if (!WIFSIGNALED(status))
				fail("work %u ended by itself, status %#x", i, status);
			expect_le(now_ms() - from, 10000);
		}
	expect_kvm_works();
}
