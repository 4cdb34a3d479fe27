// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random requests, with arguments that are nearly right, on each kind of file, while two CPUs run.
 *
 * There is no expectation but survival: a new VM works afterwards, nothing hangs, and the runner
 * looks at the kernel's log. An argument is what the kernel has given out before, or small numbers,
 * with a few words changed: what is all noise gets no further than the first check. Pointers point
 * at a buffer of the test's, into the guest's memory or nowhere.
 *
 * FUZZ_SECONDS and FUZZ_SEED in the environment say how long and from where.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>

#include "s390.h"

#define DEFAULT_SEED	0x452821e638d01377
#define WORDS		64
#define BATCH_MS	500
#define BUFFER		0x200000UL	/* of as many keys as can be asked for, and more */

INSNS(worker, "0: diag %r0,%r0,0x44; stap 0x200(%r0); tprot 0(%r4),0; sigp %r6,%r7,1; j 0b");
INSNS(sound, S390_END);

enum { SYSTEM, VM, CPU, DEVICE, KINDS };

struct world {
	struct s390_vm	*vm;
	int		fds[KINDS], other;
	uint64_t	random;
	volatile int	stop;
};

static const struct {
	unsigned int	kind;
	unsigned long	request;
} requests[] = {
	{ SYSTEM, KVM_CHECK_EXTENSION }, { SYSTEM, KVM_GET_API_VERSION },
	{ SYSTEM, KVM_GET_VCPU_MMAP_SIZE },
	{ VM, KVM_CHECK_EXTENSION }, { VM, KVM_ENABLE_CAP }, { VM, KVM_GET_DIRTY_LOG },
	{ VM, KVM_CLEAR_DIRTY_LOG }, { VM, KVM_IOEVENTFD }, { VM, KVM_IRQFD },
	{ VM, KVM_SET_GSI_ROUTING }, { VM, KVM_IRQ_LINE }, { VM, KVM_SIGNAL_MSI },
	{ VM, KVM_CREATE_IRQCHIP }, { VM, KVM_S390_INTERRUPT }, { VM, KVM_S390_MEM_OP },
	{ VM, KVM_S390_GET_SKEYS }, { VM, KVM_S390_SET_SKEYS }, { VM, KVM_SET_DEVICE_ATTR },
	{ VM, KVM_GET_DEVICE_ATTR }, { VM, KVM_HAS_DEVICE_ATTR },
	{ VM, KVM_S390_GET_CMMA_BITS }, { VM, KVM_S390_SET_CMMA_BITS },
	{ CPU, KVM_ENABLE_CAP }, { CPU, KVM_GET_REGS }, { CPU, KVM_SET_REGS },
	{ CPU, KVM_GET_SREGS }, { CPU, KVM_SET_SREGS }, { CPU, KVM_GET_FPU }, { CPU, KVM_SET_FPU },
	{ CPU, KVM_GET_ONE_REG }, { CPU, KVM_SET_ONE_REG }, { CPU, KVM_GET_MP_STATE },
	{ CPU, KVM_SET_MP_STATE }, { CPU, KVM_SET_GUEST_DEBUG }, { CPU, KVM_S390_SET_INITIAL_PSW },
	{ CPU, KVM_S390_STORE_STATUS }, { CPU, KVM_S390_NORMAL_RESET },
	{ CPU, KVM_S390_INITIAL_RESET }, { CPU, KVM_S390_CLEAR_RESET },
	{ CPU, KVM_S390_GET_IRQ_STATE }, { CPU, KVM_S390_SET_IRQ_STATE },
	{ CPU, KVM_S390_INTERRUPT }, { CPU, KVM_S390_IRQ }, { CPU, KVM_S390_MEM_OP },
	{ CPU, KVM_S390_UCAS_MAP }, { CPU, KVM_S390_VCPU_FAULT },
	{ DEVICE, KVM_SET_DEVICE_ATTR }, { DEVICE, KVM_GET_DEVICE_ATTR },
	{ DEVICE, KVM_HAS_DEVICE_ATTR },
};

static uint64_t rnd(struct world *w)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return w->random * 0x2545f4914f6cdd1d;
}

static uint64_t word(struct world *w, void *buffer)
{
	switch (rnd(w) % 8) {
	case 0:
		return (uintptr_t)buffer;
	case 1:
		return (uintptr_t)w->vm->mem + rnd(w) % MEM_SIZE;
	case 2:
		return 1UL << rnd(w) % 64;
	case 3:
		return rnd(w);
	case 4:
		return 0xffff0000UL | rnd(w) % 0x10000;		/* types of interrupts */
	case 5:
		return (rnd(w) % 12) << 32 | rnd(w) % 12;
	default:
		return rnd(w) % 300;
	}
}

static void one_call(struct world *w, uint64_t *arg, uint8_t *buffer)
{
	unsigned int i = rnd(w) % ARRAY_SIZE(requests), n;
	unsigned long value = (uintptr_t)arg;
	int fd = w->fds[requests[i].kind];

	if (requests[i].kind == CPU && rnd(w) % 2)
		fd = w->other;
	if (rnd(w) % 8 == 0)
		memset(arg, 0, WORDS * 8);
	for (n = rnd(w) % 5; n; n--)
		arg[rnd(w) % (rnd(w) % 2 ? 6 : WORDS)] = word(w, buffer);
	if (rnd(w) % 16 == 0)
		value = word(w, buffer);
	ioctl(fd, requests[i].request, value);
}

/* Out of KVM_RUN now and then: the others wait for the CPU's lock. */
static void nothing(int sig)
{
	(void)sig;
}

static void *run(void *arg)
{
	struct world *w = arg;
	struct kvm_run *shared = w->vm->run;

	while (!w->stop) {
		ioctl(w->vm->cpu, KVM_RUN, 0);
		if (shared->exit_reason != KVM_EXIT_INTR) {
			shared->psw_mask = PSW_64;
			shared->psw_addr = CODE_AT;
		}
	}
	return NULL;
}

static struct world start(uint64_t seed)
{
	struct world w = { .vm = s390_vm_of(worker), .random = seed };

	w.other = must(ioctl(w.vm->fd, KVM_CREATE_VCPU, 1));
	w.fds[SYSTEM] = w.vm->kvm;
	w.fds[VM] = w.vm->fd;
	w.fds[CPU] = w.vm->cpu;
	w.fds[DEVICE] = s390_flic(w.vm);
	w.vm->run->s.regs.gprs[4] = DATA_AT;
	w.vm->run->s.regs.gprs[7] = 1;
	return w;
}

/* The kernel may write more there than one thinks: not beside the test's own memory. */
static void *far_memory(size_t size)
{
	void *p = mmap(NULL, 2 * BUFFER, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	expect(p != MAP_FAILED);
	must(mprotect(p, size, PROT_READ | PROT_WRITE));
	return p;
}

static void batch(uint64_t seed)
{
	uint8_t *buffer = far_memory(BUFFER);
	uint64_t *arg = far_memory(WORDS * 8);
	struct itimerval often = { { 0, 5000 }, { 0, 5000 } }, never = { };
	uint64_t end = now_ms() + BATCH_MS;
	struct world w = start(seed);
	pthread_t thread;
	sigset_t alarm;

	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	expect_eq(pthread_create(&thread, NULL, run, &w), 0);
	/* The thread that runs takes the signals. */
	pthread_sigmask(SIG_BLOCK, &alarm, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	while (now_ms() < end)
		one_call(&w, arg, buffer);
	w.stop = 1;
	pthread_join(thread, NULL);
	setitimer(ITIMER_REAL, &never, NULL);
	pthread_sigmask(SIG_UNBLOCK, &alarm, NULL);
	close(w.fds[DEVICE]);
	close(w.other);
	close(w.vm->cpu);
	close(w.vm->fd);
	close(w.vm->kvm);
	munmap(w.vm->mem, MEM_SIZE);
	munmap(buffer, 2 * BUFFER);
	munmap(arg, 2 * BUFFER);
}

TEST_LIMIT(random_requests, 3600)
{
	const char *text = getenv("FUZZ_SEED"), *seconds = getenv("FUZZ_SECONDS");
	uint64_t seed = text ? strtoull(text, NULL, 0) : DEFAULT_SEED;
	uint64_t end = now_ms() + 1000 * (seconds ? strtoul(seconds, NULL, 0) : 10);
	struct sigaction action = { .sa_handler = nothing };
	unsigned int n = 0;

	if (distro_modules())
		skip("keys that the emulator sets itself: there is no end");
	sigaction(SIGALRM, &action, NULL);
	note("FUZZ_SEED=%#llx", (unsigned long long)seed);
	do {
		batch(seed + n * 0x9e3779b97f4a7c15UL);
		n++;
	} while (now_ms() < end);
	note("%u batches", n);
	s390_run_to_end(s390_vm_of(sound));
}
