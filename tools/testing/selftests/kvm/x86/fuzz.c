// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random requests, with arguments that are nearly right, on every kind of descriptor, while vCPUs
 * run.
 *
 * There is no expectation but survival: a new VM works afterwards, nothing hangs, and the runner
 * looks at the kernel's log, for leaks, and unloads the modules. An argument is mostly what the
 * kernel itself has given out, with a few words changed: what is all noise gets no further than the
 * first check.
 *
 * FUZZ_SECONDS and FUZZ_SEED in the environment set how long and from where. Each thread draws its
 * own numbers from the seed, so a run with the same seed does the same things, though not always in
 * the same order.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "irq.h"

#define DEFAULT_SEED	0x452821e638d01377
#define DEFAULT_SECONDS	10
#define ROUND_MS	700
#define SANDBOX		(8UL << 20)	/* the only memory that slots made here may show */
#define ARG_BYTES	(8 * SZ_4K)
/*
 * Both lie far from everything else of the process: a pointer of which a half was changed, or a
 * hole that a call has left in the sandbox, must not come to be one of the program's own stacks.
 */
#define SANDBOX_HVA	0x200000000000
#define ARG_HVA(thread)	(0x100000000000 + ((uintptr_t)(thread) << 32))
#define MAX_FDS		64
#define RUNNERS		2
#define CALLERS		2

enum fd_kind { FD_SYS, FD_VM, FD_VCPU, FD_OTHER, FD_KINDS };

struct world {
	struct vm *vm;
	struct kvm_segment tr;		/* of a new vCPU */
	uint8_t *sandbox;
	struct {
		int fd;
		enum fd_kind kind;
	} files[MAX_FDS];
	unsigned int nr_files;		/* only rises, by an atomic addition */
	uint64_t seed;
	volatile int stop;
};

struct fuzzer {
	struct world *w;
	uint64_t random;
	uint8_t *arg;			/* ARG_BYTES, and nothing behind them */
};

static uint64_t rnd(struct fuzzer *f)
{
	f->random ^= f->random << 13;
	f->random ^= f->random >> 7;
	f->random ^= f->random << 17;
	return f->random * 0x2545f4914f6cdd1d;
}

static int one_in(struct fuzzer *f, unsigned int n)
{
	return rnd(f) % n == 0;
}

static const uint32_t msr_numbers[] = {
	0x10, 0x1b, 0x3a, 0x3b, 0x34, 0x48, 0x49, 0x8b, 0x9e, 0x174, 0x179, 0x17a, 0x17b, 0x1a0, 0x1d9, 0x200,
	0x250, 0x277, 0x2ff, 0x400, 0x401, 0x6e0, 0x808, 0x80b, 0x80d, 0x830, 0x838, 0x83f, 0xda0,
	0x4b564d00, 0x4b564d01, 0x4b564d02, 0x4b564d03, 0x4b564d04, 0x4b564d05, 0x4b564d06, 0x11,
	0x12, 0xc0000080, 0xc0000081, 0xc0000082, 0xc0000100, 0xc0000102, 0xc0000103, 0xc0000104,
	0xc0010015, 0xc001001f, 0xc0010114, 0xc0010117, 0xc001011f, 0x40000000, 0x40000020,
};

/* The program is linked to low addresses, where a request would write its answer over it. */
static int is_own_memory(uintptr_t at)
{
	extern char __executable_start[];

	return at >= (uintptr_t)__executable_start && at <= (uintptr_t)sbrk(0);
}

/* A number that code is likely to treat in a way of its own. */
static uint64_t spicy(struct fuzzer *f)
{
	uint64_t at;

	switch (rnd(f) % 14) {
	case 0:
		return 0;
	case 1:
		return rnd(f) % 4;
	case 2:
		return 1UL << rnd(f) % 64;
	case 3:
		return ~(1UL << rnd(f) % 64);
	case 4:
		return (1UL << rnd(f) % 64) - 1;
	case 5:
		at = rnd(f) % LOW_MEM_SIZE & ~(SZ_4K - 1);
		return is_own_memory(at) ? 0 : at;
	case 6:
		return SLOT_GPA + (rnd(f) % SANDBOX & ~7UL);
	case 7:
		return HOLE_GPA + rnd(f) % SZ_4K;
	case 8:
		return (uintptr_t)f->w->sandbox + (rnd(f) % SANDBOX & ~(SZ_4K - 1));
	case 9:
		return APIC_GPA | (rnd(f) & 0xfff);
	case 10:
		return msr_numbers[rnd(f) % ARRAY_SIZE(msr_numbers)] + rnd(f) % 2;
	case 11:
		return f->w->files[rnd(f) % f->w->nr_files].fd;
	case 12:
		return rnd(f) % 300;
	}
	return rnd(f);
}

/* ---- arguments ------------------------------------------------------------------------------- */

static void change_words(struct fuzzer *f, unsigned int bytes, unsigned int n)
{
	for (; n; n--) {
		unsigned int at = rnd(f) % bytes & ~3u;
		uint64_t v = spicy(f);

		memcpy(f->arg + at, &v, one_in(f, 2) || at + 8 > ARG_BYTES ? 4 : 8);
	}
}

static void fill_small(struct fuzzer *f, unsigned int bytes)
{
	uint32_t *words = (uint32_t *)f->arg;
	unsigned int i;

	for (i = 0; i < bytes / 4; i++)
		words[i] = one_in(f, 6) ? spicy(f) : rnd(f) % 3;
}

/* In SMM's address space now and then, and rarely in one that is not there. */
static uint32_t some_slot(struct fuzzer *f)
{
	uint32_t space = one_in(f, 3) ? 1 : one_in(f, 20) ? 2 : 0;

	return space << 16 | rnd(f) % 6;
}

/* A slot may only show the sandbox, and be small enough for the machine to keep a log of it. */
static void tame_slot(struct fuzzer *f)
{
	struct kvm_userspace_memory_region *r = (void *)f->arg;
	uint64_t first = rnd(f) % (SANDBOX / SZ_4K);

	if (!one_in(f, 8)) {
		r->slot = some_slot(f);
		r->flags = one_in(f, 2) ? 0 : rnd(f) % 4;
		r->guest_phys_addr = SLOT_GPA + (rnd(f) % SANDBOX & ~(SZ_4K - 1));
		r->memory_size = one_in(f, 4) ? 0 : (1 + rnd(f) % (SANDBOX / SZ_4K)) * SZ_4K;
	}
	r->userspace_addr = (uintptr_t)f->w->sandbox + first * SZ_4K;
	if (r->memory_size > SANDBOX - first * SZ_4K)
		r->memory_size = SANDBOX - first * SZ_4K;
}

/* The threads rely on their signals to come out of KVM_RUN. */
static void tame_sigmask(struct fuzzer *f)
{
	memset(f->arg, 0, 16);
	*(uint32_t *)f->arg = one_in(f, 4) ? rnd(f) % 16 : 8;
}

static void tame_msrs(struct fuzzer *f)
{
	struct kvm_msrs *m = (void *)f->arg;
	unsigned int i, n = rnd(f) % 6;

	for (i = 0; i < n; i++) {
		m->entries[i].index = msr_numbers[rnd(f) % ARRAY_SIZE(msr_numbers)] + rnd(f) % 2;
		m->entries[i].data = spicy(f) | rnd(f) % 2;
	}
	m->nmsrs = one_in(f, 16) ? spicy(f) : n;
}

/*
 * QEMU's TCG, should it be the machine's processor, aborts when an event takes a guest from level 3
 * to a stack out of a TSS that is none. TR is next to the other segments in every form of the registers.
 */
static void keep_tss(struct fuzzer *f, struct kvm_sregs *s)
{
	s->tr = f->w->tr;
}

static void tame_cpuid(struct fuzzer *f)
{
	struct kvm_cpuid2 *c = (void *)f->arg;

	c->nent = one_in(f, 16) ? spicy(f) : rnd(f) % 100;
}

static void tame_log(struct fuzzer *f)
{
	struct kvm_clear_dirty_log *l = (void *)f->arg;

	l->slot = some_slot(f);
	l->num_pages = rnd(f) % 256 & ~63u;
	l->first_page = rnd(f) % 2048 & ~63UL;
	l->dirty_bitmap = f->arg + SZ_4K;
}

static void tame_routing(struct fuzzer *f)
{
	struct kvm_irq_routing *r = (void *)f->arg;
	unsigned int i, n = rnd(f) % 32;

	for (i = 0; i < n; i++) {
		r->entries[i].gsi = rnd(f) % 40;
		r->entries[i].type = 1 + rnd(f) % 4;
		r->entries[i].flags = one_in(f, 16);
		r->entries[i].u.irqchip.irqchip = rnd(f) % 4;
		r->entries[i].u.irqchip.pin = rnd(f) % 26;
		if (r->entries[i].type == KVM_IRQ_ROUTING_MSI)
			r->entries[i].u.msi.address_lo = 0xfee00000 | rnd(f) % 4 << 12;
	}
	r->nr = one_in(f, 16) ? spicy(f) : n;
	r->flags = one_in(f, 16);
}

static void tame_irqfd(struct fuzzer *f)
{
	struct kvm_irqfd *i = (void *)f->arg;

	i->fd = f->w->files[rnd(f) % f->w->nr_files].fd;
	i->gsi = rnd(f) % 40;
	i->flags = rnd(f) % 4;
	i->resamplefd = f->w->files[rnd(f) % f->w->nr_files].fd;
}

static void tame_ioeventfd(struct fuzzer *f)
{
	struct kvm_ioeventfd *i = (void *)f->arg;

	i->addr = one_in(f, 2) ? 0x80 + rnd(f) % 8 : HOLE_GPA + rnd(f) % 16;
	i->len = 1 << rnd(f) % 4;
	i->fd = f->w->files[rnd(f) % f->w->nr_files].fd;
	i->flags = rnd(f) % 8;
}

static void tame_cap(struct fuzzer *f)
{
	static const uint32_t caps[] = {
		KVM_CAP_SPLIT_IRQCHIP, KVM_CAP_X2APIC_API, KVM_CAP_X86_DISABLE_EXITS,
		KVM_CAP_EXCEPTION_PAYLOAD, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, KVM_CAP_HALT_POLL,
		KVM_CAP_MAX_VCPU_ID, KVM_CAP_X86_USER_SPACE_MSR, KVM_CAP_ENFORCE_PV_FEATURE_CPUID,
		KVM_CAP_EXIT_ON_EMULATION_FAILURE, KVM_CAP_X86_TRIPLE_FAULT_EVENT,
		KVM_CAP_EXIT_HYPERCALL, KVM_CAP_DISABLE_QUIRKS2, KVM_CAP_HYPERV_SYNIC2,
	};
	struct kvm_enable_cap *c = (void *)f->arg;

	memset(c, 0, sizeof(*c));
	c->cap = one_in(f, 8) ? rnd(f) % 240 : caps[rnd(f) % ARRAY_SIZE(caps)];
	c->args[0] = one_in(f, 4) ? spicy(f) : rnd(f) % 8;
	c->flags = one_in(f, 16);
}

static void tame_chip(struct fuzzer *f)
{
	struct kvm_irqchip *c = (void *)f->arg;

	c->chip_id = one_in(f, 8) ? spicy(f) : rnd(f) % 3;
}

/* ---- requests -------------------------------------------------------------------------------- */

struct request {
	enum fd_kind kind;
	int by_value;
	unsigned long set, get;		/* @get fills what @set takes */
	void (*tame)(struct fuzzer *f);
};

static const struct request requests[] = {
	{ .kind = FD_SYS, .set = KVM_GET_SUPPORTED_CPUID, .tame = tame_cpuid },
	{ .kind = FD_SYS, .set = KVM_GET_EMULATED_CPUID, .tame = tame_cpuid },
	{ .kind = FD_SYS, .set = KVM_GET_MSR_INDEX_LIST, .tame = tame_cpuid },
	{ .kind = FD_SYS, .set = KVM_GET_MSR_FEATURE_INDEX_LIST, .tame = tame_cpuid },
	{ .kind = FD_SYS, .set = KVM_GET_MSRS, .tame = tame_msrs },
	{ .kind = FD_SYS, .set = KVM_CHECK_EXTENSION, .by_value = 1 },
	{ .kind = FD_SYS, .set = KVM_CREATE_VM, .by_value = 1 },
	{ .kind = FD_VM, .set = KVM_SET_USER_MEMORY_REGION, .tame = tame_slot },
	{ .kind = FD_VM, .set = KVM_SET_USER_MEMORY_REGION, .tame = tame_slot },
	{ .kind = FD_VM, .set = KVM_GET_DIRTY_LOG, .tame = tame_log },
	{ .kind = FD_VM, .set = KVM_CLEAR_DIRTY_LOG, .tame = tame_log },
	{ .kind = FD_VM, .set = KVM_IRQFD, .tame = tame_irqfd },
	{ .kind = FD_VM, .set = KVM_IOEVENTFD, .tame = tame_ioeventfd },
	{ .kind = FD_VM, .set = KVM_SET_GSI_ROUTING, .tame = tame_routing },
	{ .kind = FD_VM, .set = KVM_SIGNAL_MSI },
	{ .kind = FD_VM, .set = KVM_IRQ_LINE },
	{ .kind = FD_VM, .set = KVM_IRQ_LINE_STATUS },
	{ .kind = FD_VM, .set = KVM_GET_IRQCHIP, .tame = tame_chip },
	{ .kind = FD_VM, .set = KVM_SET_IRQCHIP, .get = KVM_GET_IRQCHIP, .tame = tame_chip },
	{ .kind = FD_VM, .set = KVM_SET_PIT, .get = KVM_GET_PIT },
	{ .kind = FD_VM, .set = KVM_SET_PIT2, .get = KVM_GET_PIT2 },
	{ .kind = FD_VM, .set = KVM_REINJECT_CONTROL },
	{ .kind = FD_VM, .set = KVM_SET_CLOCK, .get = KVM_GET_CLOCK },
	{ .kind = FD_VM, .set = KVM_CREATE_DEVICE },
	{ .kind = FD_VM, .set = KVM_ENABLE_CAP, .tame = tame_cap },
	{ .kind = FD_VM, .set = KVM_REGISTER_COALESCED_MMIO },
	{ .kind = FD_VM, .set = KVM_UNREGISTER_COALESCED_MMIO },
	{ .kind = FD_VM, .set = KVM_SET_IDENTITY_MAP_ADDR },
	{ .kind = FD_VM, .set = KVM_CREATE_PIT2 },
	{ .kind = FD_VM, .set = KVM_X86_SET_MSR_FILTER },
	{ .kind = FD_VM, .set = KVM_SET_TSS_ADDR, .by_value = 1 },
	{ .kind = FD_VM, .set = KVM_SET_BOOT_CPU_ID, .by_value = 1 },
	{ .kind = FD_VM, .set = KVM_CREATE_IRQCHIP, .by_value = 1 },
	{ .kind = FD_VM, .set = KVM_CREATE_VCPU, .by_value = 1 },
	{ .kind = FD_VM, .set = KVM_SET_NR_MMU_PAGES, .by_value = 1 },
	{ .kind = FD_VM, .set = KVM_GET_NR_MMU_PAGES, .by_value = 1 },
	{ .kind = FD_VM, .set = KVM_GET_STATS_FD, .by_value = 1 },
	{ .kind = FD_VM, .set = KVM_SET_TSC_KHZ, .by_value = 1 },
	{ .kind = FD_VCPU, .set = KVM_SET_REGS, .get = KVM_GET_REGS },
	{ .kind = FD_VCPU, .set = KVM_SET_SREGS, .get = KVM_GET_SREGS },
	{ .kind = FD_VCPU, .set = KVM_SET_SREGS2, .get = KVM_GET_SREGS2 },
	{ .kind = FD_VCPU, .set = KVM_SET_FPU, .get = KVM_GET_FPU },
	{ .kind = FD_VCPU, .set = KVM_SET_XSAVE, .get = KVM_GET_XSAVE },
	{ .kind = FD_VCPU, .set = KVM_GET_XSAVE2 },
	{ .kind = FD_VCPU, .set = KVM_SET_XCRS, .get = KVM_GET_XCRS },
	{ .kind = FD_VCPU, .set = KVM_SET_DEBUGREGS, .get = KVM_GET_DEBUGREGS },
	{ .kind = FD_VCPU, .set = KVM_SET_LAPIC, .get = KVM_GET_LAPIC },
	{ .kind = FD_VCPU, .set = KVM_SET_MP_STATE, .get = KVM_GET_MP_STATE },
	{ .kind = FD_VCPU, .set = KVM_SET_VCPU_EVENTS, .get = KVM_GET_VCPU_EVENTS },
	{ .kind = FD_VCPU, .set = KVM_SET_CPUID },
	{ .kind = FD_VCPU, .set = KVM_SET_CPUID2, .get = KVM_GET_CPUID2, .tame = tame_cpuid },
	{ .kind = FD_VCPU, .set = KVM_GET_MSRS, .tame = tame_msrs },
	{ .kind = FD_VCPU, .set = KVM_SET_MSRS, .tame = tame_msrs },
	{ .kind = FD_VCPU, .set = KVM_SET_MSRS, .tame = tame_msrs },
	{ .kind = FD_VCPU, .set = KVM_INTERRUPT },
	{ .kind = FD_VCPU, .set = KVM_TRANSLATE },
	{ .kind = FD_VCPU, .set = KVM_SET_SIGNAL_MASK, .tame = tame_sigmask },
	{ .kind = FD_VCPU, .set = KVM_SET_GUEST_DEBUG },
	{ .kind = FD_VCPU, .set = KVM_ENABLE_CAP, .tame = tame_cap },
	{ .kind = FD_VCPU, .set = KVM_TPR_ACCESS_REPORTING },
	{ .kind = FD_VCPU, .set = KVM_SET_VAPIC_ADDR },
	{ .kind = FD_VCPU, .set = KVM_X86_SETUP_MCE },
	{ .kind = FD_VCPU, .set = KVM_X86_SET_MCE },
	{ .kind = FD_VCPU, .set = KVM_SET_NESTED_STATE, .get = KVM_GET_NESTED_STATE },
	{ .kind = FD_VCPU, .set = KVM_SET_DEVICE_ATTR },
	{ .kind = FD_VCPU, .set = KVM_NMI, .by_value = 1 },
	{ .kind = FD_VCPU, .set = KVM_SMI, .by_value = 1 },
	{ .kind = FD_VCPU, .set = KVM_SET_TSC_KHZ, .by_value = 1 },
	{ .kind = FD_VCPU, .set = KVM_KVMCLOCK_CTRL, .by_value = 1 },
	{ .kind = FD_VCPU, .set = KVM_GET_STATS_FD, .by_value = 1 },
	{ .kind = FD_VCPU, .set = KVM_RUN, .by_value = 1 },
	{ .kind = FD_OTHER, .set = KVM_SET_DEVICE_ATTR },
	{ .kind = FD_OTHER, .set = KVM_GET_DEVICE_ATTR },
	{ .kind = FD_OTHER, .set = KVM_HAS_DEVICE_ATTR },
};

static void add_file(struct world *w, int fd, enum fd_kind kind)
{
	unsigned int n;

	if (fd < 0)
		return;
	n = __atomic_load_n(&w->nr_files, __ATOMIC_ACQUIRE);
	do {
		if (n == MAX_FDS) {
			close(fd);
			return;
		}
	} while (!__atomic_compare_exchange_n(&w->nr_files, &n, n + 1, 0, __ATOMIC_ACQ_REL,
					      __ATOMIC_ACQUIRE));
	w->files[n].kind = kind;
	w->files[n].fd = fd;
}

static int file_of(struct fuzzer *f, enum fd_kind kind)
{
	struct world *w = f->w;
	unsigned int i, n = w->nr_files, at = rnd(f) % n;

	for (i = 0; i < n; i++)
		if (w->files[(at + i) % n].kind == kind)
			return w->files[(at + i) % n].fd;
	return w->files[at].fd;
}

/* What the request made, if it is one that makes something. */
static void keep_result(struct fuzzer *f, unsigned long request, long r)
{
	if (r < 0)
		return;
	if (request == KVM_CREATE_VM)
		add_file(f->w, r, FD_VM);
	else if (request == KVM_CREATE_VCPU)
		add_file(f->w, r, FD_VCPU);
	else if (request == KVM_GET_STATS_FD)
		add_file(f->w, r, FD_OTHER);
}

/* Mostly the start of the buffer; now and then so near its end that not all of it can be read. */
static unsigned long place_argument(struct fuzzer *f, unsigned int bytes)
{
	if (one_in(f, 32))
		return (uintptr_t)f->arg + ARG_BYTES - rnd(f) % (bytes + 8);
	if (one_in(f, 64))
		return spicy(f);
	return (uintptr_t)f->arg;
}

static void call_known(struct fuzzer *f)
{
	const struct request *q = &requests[rnd(f) % ARRAY_SIZE(requests)];
	unsigned int bytes = _IOC_SIZE(q->set) ? _IOC_SIZE(q->set) : 8;
	int fd = file_of(f, one_in(f, 32) ? rnd(f) % FD_KINDS : q->kind);

	if (q->by_value) {
		keep_result(f, q->set, ioctl(fd, q->set, one_in(f, 2) ? rnd(f) % 4 : spicy(f)));
		return;
	}
	if (bytes < 64)
		bytes = 64;
	if (one_in(f, 6))
		fill_small(f, bytes);
	if (q->tame)
		q->tame(f);
	if (q->get && !one_in(f, 6) && ioctl(fd, q->get, f->arg) < 0)
		fill_small(f, bytes);
	if (q->set != KVM_SET_USER_MEMORY_REGION && q->set != KVM_SET_SIGNAL_MASK)
		change_words(f, bytes, rnd(f) % 4);
	if (q->set == KVM_SET_SREGS || q->set == KVM_SET_SREGS2)
		keep_tss(f, (void *)f->arg);
	ioctl(fd, q->set, place_argument(f, bytes));
}

/* Any number of KVM's space, and any direction and size. */
static void call_unknown(struct fuzzer *f)
{
	static const uint16_t sizes[] = { 0, 4, 8, 16, 24, 32, 64, 144, 312, 1024, 4096 };
	uint32_t nr = rnd(f) % 256, size = sizes[rnd(f) % ARRAY_SIZE(sizes)];
	unsigned long request = (rnd(f) % 4) << 30 | size << 16 | KVMIO << 8 | nr;
	enum fd_kind kind = rnd(f) % FD_KINDS;

	if (nr == _IOC_NR(KVM_SET_USER_MEMORY_REGION) || nr == _IOC_NR(KVM_SET_SIGNAL_MASK))
		return;
	fill_small(f, 128);
	ioctl(file_of(f, kind), request, one_in(f, 2) ? spicy(f) : (uintptr_t)f->arg);
}

/* System calls that no file of KVM's expects, and some that statistics do. */
static void call_file(struct fuzzer *f)
{
	int fd = file_of(f, rnd(f) % FD_KINDS);
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };
	unsigned long size = (1 + rnd(f) % 4) * SZ_4K;
	void *map;

	switch (rnd(f) % 7) {
	case 0:
		pread(fd, f->arg, rnd(f) % ARG_BYTES, one_in(f, 2) ? rnd(f) % 8192 : spicy(f));
		break;
	case 1:
		if (file_of(f, FD_OTHER) == fd)
			write(fd, f->arg, 8);
		break;
	case 2:
		map = mmap(NULL, size, PROT_READ | PROT_WRITE,
			   one_in(f, 2) ? MAP_SHARED : MAP_PRIVATE, fd, rnd(f) % 4 * SZ_4K);
		if (map != MAP_FAILED)
			munmap(map, size);
		break;
	case 3:
		lseek(fd, spicy(f), rnd(f) % 3);
		break;
	case 4:
		poll(&p, 1, 0);
		break;
	case 5:
		close(dup(fd));
		break;
	case 6:
		add_file(f->w, eventfd(rnd(f) % 2, EFD_NONBLOCK | EFD_CLOEXEC), FD_OTHER);
		break;
	}
}

/* The sandbox is what slots show: taken away, protected, moved about. */
static void call_memory(struct fuzzer *f)
{
	static const int advice[] = {
		MADV_DONTNEED, MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_COLD, MADV_PAGEOUT, MADV_FREE,
		MADV_WILLNEED, MADV_MERGEABLE, MADV_POPULATE_WRITE,
	};
	static const int prot[] = { PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE };
	uint64_t size = (1 + rnd(f) % 512) * SZ_4K;
	uint8_t *at = f->w->sandbox + (rnd(f) % (SANDBOX - size + 1) & ~(SZ_4K - 1));
	uint8_t *to = f->w->sandbox + (rnd(f) % (SANDBOX - size + 1) & ~(SZ_4K - 1));

	switch (rnd(f) % 6) {
	case 0:
		mprotect(at, size, prot[rnd(f) % ARRAY_SIZE(prot)]);
		break;
	case 1:
		mmap(at, size, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_ANONYMOUS | MAP_NORESERVE |
		     (one_in(f, 2) ? MAP_SHARED : MAP_PRIVATE), -1, 0);
		break;
	case 2:
		mremap(at, size, size, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, to);
		break;
	default:
		madvise(at, size, advice[rnd(f) % ARRAY_SIZE(advice)]);
		break;
	}
}

/* ---- threads --------------------------------------------------------------------------------- */

static void ignore(int sig)
{
	(void)sig;
}

/* A signal every 10 ms to this very thread, so that nothing in KVM_RUN is for ever. */
static timer_t tick_me(void)
{
	struct sigevent event = {
		.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGALRM,
		._sigev_un._tid = syscall(SYS_gettid),
	};
	const struct itimerspec tick = {
		.it_value.tv_nsec = 10000000, .it_interval.tv_nsec = 10000000,
	};
	timer_t timer;

	must(timer_create(CLOCK_MONOTONIC, &event, &timer));
	must(timer_settime(timer, 0, &tick, NULL));
	return timer;
}

static void *memory_at(uintptr_t at, size_t bytes)
{
	void *p = mmap((void *)at, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS |
		       MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);

	if (p == MAP_FAILED)
		fail("no memory at %#lx: %s", at, strerror(errno));
	return p;
}

static struct fuzzer fuzzer_of(struct world *w, unsigned int thread)
{
	struct fuzzer f = { .w = w, .random = (w->seed + thread * 0x9e3779b97f4a7c15) | 1 };

	f.arg = memory_at(ARG_HVA(thread), ARG_BYTES);
	return f;
}

static unsigned int next_thread;

static void *caller(void *arg)
{
	struct fuzzer f = fuzzer_of(arg, __atomic_fetch_add(&next_thread, 1, __ATOMIC_RELAXED) % 64);
	timer_t timer = tick_me();

	while (!f.w->stop) {
		switch (rnd(&f) % 16) {
		case 0:
			call_unknown(&f);
			break;
		case 1:
			call_file(&f);
			break;
		case 2:
			call_memory(&f);
			break;
		default:
			call_known(&f);
			break;
		}
	}
	timer_delete(timer);
	munmap(f.arg, ARG_BYTES);
	return NULL;
}

static uint8_t buffer[2 * SZ_4K];

static void guest_does_much(void)
{
	uint64_t x = rdtsc() | 1, n, p;

	for (;;) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		switch (x % 12) {
		case 0:
			outb(0x80 + x / 16 % 8, x);
			break;
		case 1:
			(void)inl(0x84);
			break;
		case 2:
			write64(HOLE_GPA + x / 16 % 64, x);
			break;
		case 3:
			(void)read32(HOLE_GPA + SZ_4K - 2);
			break;
		case 4:
			write64(SLOT_GPA + (x / 16 % SANDBOX & ~7UL), x);
			break;
		case 5:
			(void)read64(SLOT_GPA + x / 16 % (2 * SANDBOX));
			break;
		case 6:
			n = 300, p = (uintptr_t)buffer;
			asm volatile("rep outsb" : "+c"(n), "+S"(p) : "d"(0x88) : "memory");
			break;
		case 7:
			n = 300, p = (uintptr_t)buffer;
			asm volatile("rep insl" : "+c"(n), "+D"(p) : "d"(0x88) : "memory");
			break;
		case 8:
			guest_cpuid(x / 16 % 32, 0);
			break;
		case 9:
			apic_write(x / 16 % 64 * 16, x >> 20);
			break;
		case 10:
			asm volatile("vmmcall" : "=a"(n) : "a"(x / 16 % 16), "b"(x >> 8),
				     "c"(x >> 40), "d"(0), "S"(x >> 30) : "memory");
			break;
		case 11:
			if (x & 0x100)
				asm volatile("sti; nop; cli" : : : "memory");
			break;
		}
	}
}

/* Runs one vCPU; puts it back to a state in which it does something when it has lost its way. */
static void *runner(void *arg)
{
	struct vcpu *vcpu = arg;
	struct kvm_regs regs = { 0 };
	timer_t timer = tick_me();
	unsigned int i;

	for (i = 1; !*(volatile int *)&vcpu->sync; i++) {
		ioctl(vcpu->fd, KVM_RUN, 0);
		if (i % 200)
			continue;
		regs.rip = (uintptr_t)guest_does_much;
		regs.rsp = 0x7ff000 - vcpu->id * SZ_64K - 8;
		regs.rflags = 2;
		ioctl(vcpu->fd, KVM_SET_REGS, &regs);
	}
	timer_delete(timer);
	return NULL;
}

/* The run page: the head, where the small fields are, and the copies of registers. */
static void *scribbler(void *arg)
{
	struct world *w = arg;
	struct fuzzer f = fuzzer_of(w, 64);
	volatile uint32_t *words = (void *)w->vm->run;
	unsigned int size = vcpu_mmap_size() / 4;

	while (!w->stop) {
		switch (rnd(&f) % 4) {
		case 0:
			words[rnd(&f) % 16] = spicy(&f);
			break;
		case 1:
			w->vm->run->kvm_valid_regs = rnd(&f) % 8;
			w->vm->run->kvm_dirty_regs = rnd(&f) % 8;
			break;
		case 2:
			words[offsetof(struct kvm_run, s) / 4 + rnd(&f) % 160] = spicy(&f);
			break;
		case 3:
			words[rnd(&f) % size] = rnd(&f);
			break;
		}
		keep_tss(&f, &w->vm->run->s.regs.sregs);
		if (one_in(&f, 64))
			usleep(rnd(&f) % 300);
	}
	munmap(f.arg, ARG_BYTES);
	return NULL;
}

/* ---- rounds ---------------------------------------------------------------------------------- */

static const unsigned int kinds_of_vm[] = {
	VM_IRQCHIP | VM_PIT, 0, VM_IRQCHIP, VM_SPLIT,
};

/* in $0x80, %al; rsm: where SMBASE is after a reset */
static const uint8_t smi_handler[] = { 0xe4, 0x80, 0x0f, 0xaa };

static void world_make(struct world *w, unsigned int round, uint64_t seed)
{
	struct kvm_sregs sregs;
	unsigned int i;

	memset(w, 0, sizeof(*w));
	w->seed = seed + round * 0x6a09e667f3bcc909;
	w->vm = vm_new(kinds_of_vm[round % ARRAY_SIZE(kinds_of_vm)]);
	w->sandbox = memory_at(SANDBOX_HVA, SANDBOX);
	for (i = 0; i < RUNNERS; i++)
		vcpu_start(w->vm, i, guest_does_much);
	must(ioctl(w->vm->vcpu[0].fd, KVM_GET_SREGS, &sregs));
	w->tr = sregs.tr;
	must(vm_set_slot(w->vm->fd, 1, 0, SLOT_GPA, SANDBOX, w->sandbox));
	must(vm_set_slot(w->vm->fd, 1 << 16, 0, 0, LOW_MEM_SIZE, w->vm->mem));
	must(vm_set_slot(w->vm->fd, 1 << 16 | 1, 0, SLOT_GPA, SANDBOX, w->sandbox));
	memcpy(w->vm->mem + 0x38000, smi_handler, sizeof(smi_handler));
	add_file(w, kvm_open(), FD_SYS);
	add_file(w, w->vm->fd, FD_VM);
	for (i = 0; i < RUNNERS; i++)
		add_file(w, w->vm->vcpu[i].fd, FD_VCPU);
	add_file(w, ioctl(w->vm->fd, KVM_GET_STATS_FD, 0), FD_OTHER);
	add_file(w, eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), FD_OTHER);
	add_file(w, eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), FD_OTHER);
}

static void one_round(unsigned int round, uint64_t seed)
{
	static struct world w;
	pthread_t callers[CALLERS], scribbles;
	int i, base = dup(1), does_scribble = round & 4 || round % 3 == 1;

	close(base);
	world_make(&w, round, seed);
	for (i = 0; i < RUNNERS; i++) {
		w.vm->vcpu[i].sync = 0;
		pthread_create(&w.vm->vcpu[i].thread, NULL, runner, &w.vm->vcpu[i]);
	}
	for (i = 0; i < CALLERS; i++)
		pthread_create(&callers[i], NULL, caller, &w);
	if (does_scribble)
		pthread_create(&scribbles, NULL, scribbler, &w);
	usleep(ROUND_MS * 1000);
	w.stop = 1;
	if (does_scribble)
		pthread_join(scribbles, NULL);
	for (i = 0; i < CALLERS; i++)
		pthread_join(callers[i], NULL);
	for (i = 0; i < RUNNERS; i++) {
		*(volatile uint64_t *)&w.vm->vcpu[i].sync = 1;
		pthread_join(w.vm->vcpu[i].thread, NULL);
	}
	syscall(SYS_close_range, base, ~0U, 0);
	for (i = 0; i < RUNNERS; i++)
		munmap(w.vm->vcpu[i].run, vcpu_mmap_size());
	munmap(w.sandbox, SANDBOX);
	munmap(w.vm->mem, LOW_MEM_SIZE);
	free(w.vm);
}

static void prepare(void)
{
	struct sigaction action = { .sa_handler = ignore };
	struct rlimit files = { 256, 256 };

	must(sigaction(SIGALRM, &action, NULL));
	must(setrlimit(RLIMIT_NOFILE, &files));
}

static uint64_t number_from(const char *variable, uint64_t otherwise)
{
	const char *s = getenv(variable);

	return s && *s ? strtoull(s, NULL, 0) : otherwise;
}

/* ---- a guest that pokes at everything -------------------------------------------------------- */

static uint64_t poke_seed;

static void shrug(struct trap_frame *f)
{
	(void)f;
}

static void poke_port(uint64_t x)
{
	static const uint16_t ports[] = {
		0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1, 0x40, 0x41, 0x42, 0x43, 0x61, 0x4d0, 0x70,
	};
	uint16_t port = ports[x % ARRAY_SIZE(ports)];

	switch (x >> 8 & 7) {
	case 0:
		outw(port, x >> 16);
		break;
	case 1:
		outl(port, x >> 16);
		break;
	case 2:
		(void)inw(port);
		break;
	case 3:
		(void)inb(port);
		break;
	default:
		outb(port, x >> 16);
		break;
	}
}

static void poke_memory(uint64_t x)
{
	uint64_t page = x & 1 ? APIC_GPA : x & 2 ? IOAPIC_GPA : HOLE_GPA;
	uint64_t at = page + (x >> 8 & 0xfff);

	if (x & 4)
		at &= page == IOAPIC_GPA ? ~0xfefUL : ~0xfUL;
	switch (x >> 4 & 7) {
	case 0:
		(void)read64(at);
		break;
	case 1:
		(void)read16(at);
		break;
	case 2:
		write8(at, x >> 32);
		break;
	case 3:
		write64(at, x * 77);
		break;
	case 4:
		(void)read32(at);
		break;
	default:
		write32(at, x >> 24);
		break;
	}
}

static void poke_msr(uint64_t x)
{
	uint32_t index = msr_numbers[x % ARRAY_SIZE(msr_numbers)] + (x >> 8 & 1);
	uint64_t value = x >> 9 & 1 ? x >> 40 : 1UL << (x >> 16 & 63);

	if (x >> 10 & 1)
		index = 0x800 + (x >> 24 & 0x3f);
	if (x >> 11 & 1)
		try_rdmsr(index);
	else
		try_wrmsr(index, value);
}

static void poke_register(uint64_t x)
{
	uint64_t v, bit = 1UL << (x >> 8 & 31);

	switch (x & 7) {
	case 0:
		asm volatile("mov %%cr4, %0" : "=r"(v));
		guest_try("mov %0, %%cr4", : : "r"(v ^ bit) : "memory");
		break;
	case 1:
		asm volatile("mov %%cr0, %0" : "=r"(v));
		guest_try("mov %0, %%cr0", : : "r"(v ^ bit) : "memory");
		break;
	case 2:
		guest_try("mov %0, %%dr7", : : "r"(x >> 16 & 0xffff));
		break;
	case 3:
		guest_try("mov %0, %%dr6", : : "r"(x >> 16));
		break;
	case 4:
		guest_try("mov %0, %%cr8", : : "r"(x >> 16 & 31));
		break;
	case 5:
		guest_try("xsetbv", : : "c"(x >> 16 & 1), "a"(x >> 24), "d"(0));
		break;
	case 6:
		guest_try("vmmcall", : : "a"(x >> 8 & 15), "b"(x >> 12), "c"(x >> 20), "d"(0),
			  "S"(x >> 30 & 0xff) : "memory");
		break;
	case 7:
		guest_try("rdpmc", : : "c"(x >> 16 & 7) : "rax", "rdx");
		break;
	}
}

static void guest_pokes(void)
{
	static void (* const pokes[])(uint64_t x) = {
		poke_port, poke_memory, poke_msr, poke_register, poke_port, poke_memory, poke_msr,
		poke_memory,
	};
	uint64_t x;

	guest_on(VEC_NMI, shrug);
	guest_on(VEC_DB, shrug);
	for (;;) {
		x = GUEST_ONCE(poke_seed);
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		GUEST_ONCE(poke_seed) = x;
		x *= 0x2545f4914f6cdd1d;
		pokes[x >> 60 & 7](x);
	}
}

/* Devices, MSRs and registers with any value; whatever becomes of the guest, it is set up anew. */
TEST_LIMIT(guest_pokes_at_everything, 1200)
{
	uint64_t seed = number_from("FUZZ_SEED", DEFAULT_SEED);
	uint64_t ms = 400 * number_from("FUZZ_SECONDS", DEFAULT_SECONDS) / ARRAY_SIZE(kinds_of_vm);
	struct kvm_mp_state runnable = { .mp_state = KVM_MP_STATE_RUNNABLE };
	unsigned int i, runs, anew;
	timer_t timer;

	prepare();
	timer = tick_me();
	for (i = 0; i < ARRAY_SIZE(kinds_of_vm); i++) {
		struct vm *vm = vm_start_with(kinds_of_vm[i], guest_pokes);
		struct vcpu *vcpu = &vm->vcpu[0];
		uint64_t end = now_ms() + ms;

		*in_guest(vm, &poke_seed) = seed + i;
		for (runs = anew = 0; now_ms() < end; runs++) {
			int r = vcpu_try_run(vcpu);

			if (!r && (vm->run->exit_reason == KVM_EXIT_MMIO ||
				   (vm->run->exit_reason == KVM_EXIT_IO &&
				    vm->run->io.port != GUEST_PORT)))
				continue;
			if (r == -EINTR && runs % 8)
				continue;
			anew++;
			vcpu_set_long_mode(vcpu, guest_pokes);
			must(ioctl(vcpu->fd, KVM_SET_MP_STATE, &runnable));
		}
		note("VM %u: %u exits, %u times anew", i, runs, anew);
		vm_free(vm);
	}
	timer_delete(timer);
}

/* ---------------------------------------------------------------------------------------------- */

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

TEST_LIMIT(requests, 7200)
{
	uint64_t seed = number_from("FUZZ_SEED", DEFAULT_SEED);
	uint64_t seconds = number_from("FUZZ_SECONDS", DEFAULT_SECONDS);
	uint64_t end = now_ms() + 1000 * seconds;
	unsigned int round;

	prepare();
	note("FUZZ_SEED=%#llx FUZZ_SECONDS=%llu", (unsigned long long)seed,
	     (unsigned long long)seconds);
	for (round = 0; round < 2 || now_ms() < end; round++)
		one_round(round, seed);
	note("%u rounds", round);
	expect_kvm_works();
}

/* The same, each time ended by SIGKILL wherever it is. */
TEST_LIMIT(killed_in_the_middle, 120)
{
	uint64_t seed = number_from("FUZZ_SEED", DEFAULT_SEED);
	unsigned int i;
	int status;
	pid_t pid;

	for (i = 0; i < 8; i++) {
		pid = must(fork());
		if (!pid) {
			prepare();
			one_round(i, seed + i);
			_exit(0);
		}
		usleep(20000 + i * 60000);
		must(kill(pid, SIGKILL));
		must(waitpid(pid, &status, 0));
	}
	expect_kvm_works();
}
