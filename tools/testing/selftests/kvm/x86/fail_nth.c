// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every allocation and every copy from or to user space fails once.
 *
 * /proc/thread-self/fail-nth makes the Nth that this thread asks for fail. A call is made with N =
 * 1, 2, 3 ... until it ends before its Nth: then all of them have failed once. A call that met a
 * failure either gets over it or says so by the errno of a failure of that kind; and then the same
 * call again, undisturbed, succeeds: nothing is half done. That nothing is lost is for the machine
 * to find.
 *
 * Only the debug machine's kernel has the file.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/eventfd.h>

#include "irq.h"

#define MOST		3000		/* no call asks that often */
#define SECONDS		600
#define SLOT_SIZE	SZ_64K
#define PAGE_SIZE	SZ_4K		/* named by KVM_COALESCED_MMIO_MAX */

/* What the calls work on. */
struct scene {
	struct vm *vm;
	int sys, event, resample, made;
	void *memory;
	struct kvm_cpuid2 *cpuid;
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry entry[8];
	} routing;
	union {
		struct kvm_lapic_state lapic;
		struct kvm_irqchip chip;
		struct kvm_pit_state2 pit;
		struct kvm_xsave xsave;
		struct kvm_fpu fpu;
		struct kvm_sregs sregs;
		struct kvm_regs regs;
		struct kvm_vcpu_events events;
		struct kvm_debugregs debugregs;
		struct {
			struct kvm_msrs head;
			struct kvm_msr_entry entry[4];
		} msrs;
		char bytes[8192];
	} state;
	uint64_t bitmap[8];
};

static int nth_file = -1;

static void arm(unsigned int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);

	/* The file's own copying may be what fails. */
	while (pwrite(nth_file, text, len, 0) != len)
		;
}

/* Gives 1 when the failure has come about. */
static int disarm(void)
{
	char text[16] = "";
	ssize_t len = pread(nth_file, text, sizeof(text) - 1, 0);

	arm(0);
	return len > 0 && atoi(text) == 0;
}

static int is_failure(int err)
{
	return err == ENOMEM || err == EFAULT || err == ENFILE;
}

/* @again: a call that has succeeded is undone, so that the next finds what this one found. */
static void walk(struct scene *s, long (*call)(struct scene *), void (*undo)(struct scene *))
{
	unsigned int n, failures = 0;
	int hit, err;
	long r;

	for (n = 1; n < MOST; n++) {
		arm(n);
		r = call(s);
		err = errno;
		hit = disarm();
		if (r < 0) {
			if (!hit || !is_failure(err))
				fail("failure %u: %s", n, strerror(err));
			failures++;
			r = call(s);
			if (r < 0)
				fail("again, after failure %u: %s", n, strerror(errno));
		}
		s->made = r;
		if (undo)
			undo(s);
		if (!hit) {
			note("%u could fail, %u of them made the call fail", n - 1, failures);
			return;
		}
	}
	fail("no end after %u", MOST);
}

static void nothing(void)
{
}

static void scene_open(struct scene *s, unsigned int options, void (*guest)(void))
{
	nth_file = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (nth_file < 0)
		skip("the kernel has no fault injection");
	memset(s, 0, sizeof(*s));
	s->sys = kvm_open();
	s->vm = vm_start_with(options, guest);
	s->event = must(eventfd(0, EFD_NONBLOCK));
	s->resample = must(eventfd(0, EFD_NONBLOCK));
	s->memory = anon_memory(SLOT_SIZE);
	s->cpuid = supported_cpuid();
}

/* One call, one test. */
#define WALK(name, options, undo)						\
	static long call_##name(struct scene *s);				\
	TEST_LIMIT(name, SECONDS)						\
	{									\
		struct scene s;							\
										\
		scene_open(&s, options, nothing);				\
		walk(&s, call_##name, undo);					\
		vm_free(s.vm);							\
	}									\
	static long call_##name(struct scene *s __attribute__((unused)))

/*
 * Files.
 */

static void close_made(struct scene *s)
{
	close(s->made);
}

WALK(open_kvm, 0, close_made)
{
	return open("/dev/kvm", O_RDWR | O_CLOEXEC);
}

WALK(create_vm, 0, close_made)
{
	return ioctl(s->sys, KVM_CREATE_VM, 0);
}

/* What a VM can have once, and not lose again: each try has a VM of its own, prepared by @first. */
static void walk_new_vm(unsigned long first, unsigned long cmd, void *arg)
{
	struct scene s;
	unsigned int n;
	int vm, hit = 1;
	long r;

	scene_open(&s, 0, nothing);
	for (n = 1; hit && n < MOST; n++) {
		vm = must(ioctl(s.sys, KVM_CREATE_VM, 0));
		if (first)
			must(ioctl(vm, first, 0));
		arm(n);
		r = ioctl(vm, cmd, arg);
		hit = disarm();
		if (r < 0) {
			expect(hit && is_failure(errno));
			r = must(ioctl(vm, cmd, arg));
		}
		if (r > 0)
			close(r);	/* the file that the call has made */
		close(vm);
	}
	expect(n < MOST);
}

TEST_LIMIT(create_vcpu, SECONDS)
{
	walk_new_vm(0, KVM_CREATE_VCPU, NULL);
}

TEST_LIMIT(create_vcpu_with_lapic, SECONDS)
{
	walk_new_vm(KVM_CREATE_IRQCHIP, KVM_CREATE_VCPU, NULL);
}

TEST_LIMIT(create_irqchip, SECONDS)
{
	walk_new_vm(0, KVM_CREATE_IRQCHIP, NULL);
}

TEST_LIMIT(create_pit, SECONDS)
{
	struct kvm_pit_config config = { 0 };

	walk_new_vm(KVM_CREATE_IRQCHIP, KVM_CREATE_PIT2, &config);
}

TEST_LIMIT(split_irqchip, SECONDS)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_SPLIT_IRQCHIP, .args = { 24 } };

	walk_new_vm(0, KVM_ENABLE_CAP, &cap);
}

WALK(vm_stats, 0, close_made)
{
	return ioctl(s->vm->fd, KVM_GET_STATS_FD, 0);
}

WALK(vcpu_stats, 0, close_made)
{
	return ioctl(s->vm->vcpu[0].fd, KVM_GET_STATS_FD, 0);
}

/*
 * Memory.
 */

static void slot_delete(struct scene *s)
{
	must(vm_set_slot(s->vm->fd, 7, 0, SLOT_GPA, 0, s->memory));
}

WALK(slot_create, 0, slot_delete)
{
	return vm_set_slot(s->vm->fd, 7, 0, SLOT_GPA, SLOT_SIZE, s->memory);
}

WALK(slot_create_logged, 0, slot_delete)
{
	return vm_set_slot(s->vm->fd, 7, KVM_MEM_LOG_DIRTY_PAGES, SLOT_GPA, SLOT_SIZE, s->memory);
}

static void slot_recreate(struct scene *s)
{
	must(vm_set_slot(s->vm->fd, 7, 0, SLOT_GPA, SLOT_SIZE, s->memory));
}

/* One change of a slot that is there. */
static void walk_slot(long (*call)(struct scene *), void (*undo)(struct scene *), uint32_t flags)
{
	struct scene s;

	scene_open(&s, 0, nothing);
	must(vm_set_slot(s.vm->fd, 7, flags, SLOT_GPA, SLOT_SIZE, s.memory));
	walk(&s, call, undo);
}

static long delete_it(struct scene *s)
{
	return vm_set_slot(s->vm->fd, 7, 0, SLOT_GPA, 0, s->memory);
}

static long move_it(struct scene *s)
{
	return vm_set_slot(s->vm->fd, 7, 0, SLOT_GPA + SLOT_SIZE, SLOT_SIZE, s->memory);
}

static long log_it(struct scene *s)
{
	return vm_set_slot(s->vm->fd, 7, KVM_MEM_LOG_DIRTY_PAGES, SLOT_GPA, SLOT_SIZE, s->memory);
}

static long get_log(struct scene *s)
{
	struct kvm_dirty_log log = { .slot = 7, .dirty_bitmap = s->bitmap };

	return ioctl(s->vm->fd, KVM_GET_DIRTY_LOG, &log);
}

TEST_LIMIT(slot_delete, SECONDS)
{
	walk_slot(delete_it, slot_recreate, 0);
}

TEST_LIMIT(slot_move, SECONDS)
{
	walk_slot(move_it, slot_recreate, 0);
}

TEST_LIMIT(slot_log, SECONDS)
{
	walk_slot(log_it, slot_recreate, 0);
}

TEST_LIMIT(dirty_log, SECONDS)
{
	walk_slot(get_log, NULL, KVM_MEM_LOG_DIRTY_PAGES);
}

/*
 * Interrupts and I/O.
 */

static long irqfd_call(struct scene *s, uint32_t flags)
{
	struct kvm_irqfd irqfd = {
		.fd = s->event, .gsi = 11, .flags = flags, .resamplefd = s->resample,
	};

	return ioctl(s->vm->fd, KVM_IRQFD, &irqfd);
}

static void irqfd_undo(struct scene *s)
{
	must(irqfd_call(s, KVM_IRQFD_FLAG_DEASSIGN));
}

WALK(irqfd, VM_IRQCHIP, irqfd_undo)
{
	return irqfd_call(s, 0);
}

WALK(irqfd_resample, VM_IRQCHIP, irqfd_undo)
{
	return irqfd_call(s, KVM_IRQFD_FLAG_RESAMPLE);
}

static long ioeventfd_call(struct scene *s, uint32_t flags)
{
	struct kvm_ioeventfd io = { .addr = 0x500, .len = 2, .fd = s->event };

	io.flags = flags | KVM_IOEVENTFD_FLAG_PIO;
	return ioctl(s->vm->fd, KVM_IOEVENTFD, &io);
}

static void ioeventfd_undo(struct scene *s)
{
	must(ioeventfd_call(s, KVM_IOEVENTFD_FLAG_DEASSIGN));
}

WALK(ioeventfd, 0, ioeventfd_undo)
{
	return ioeventfd_call(s, 0);
}

static long coalesced_call(struct scene *s, unsigned long cmd)
{
	struct kvm_coalesced_mmio_zone zone = { .addr = HOLE_GPA, .size = SZ_4K };

	return ioctl(s->vm->fd, cmd, &zone);
}

static void coalesced_undo(struct scene *s)
{
	must(coalesced_call(s, KVM_UNREGISTER_COALESCED_MMIO));
}

WALK(coalesced_mmio, 0, coalesced_undo)
{
	return coalesced_call(s, KVM_REGISTER_COALESCED_MMIO);
}

WALK(gsi_routing, VM_IRQCHIP, NULL)
{
	unsigned int i;

	s->routing.head.nr = 8;
	for (i = 0; i < 8; i++) {
		s->routing.head.entries[i].gsi = i;
		s->routing.head.entries[i].type = KVM_IRQ_ROUTING_IRQCHIP;
		s->routing.head.entries[i].u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC;
		s->routing.head.entries[i].u.irqchip.pin = i;
	}
	return ioctl(s->vm->fd, KVM_SET_GSI_ROUTING, &s->routing);
}

/*
 * State of a vCPU, out and in.
 */

#define STATE(name, get, set)							\
	WALK(get_##name, VM_IRQCHIP, NULL)					\
	{									\
		return ioctl(s->vm->vcpu[0].fd, get, &s->state);		\
	}									\
	WALK(set_##name, VM_IRQCHIP, NULL)					\
	{									\
		long r = ioctl(s->vm->vcpu[0].fd, get, &s->state);		\
										\
		return r < 0 ? r : ioctl(s->vm->vcpu[0].fd, set, &s->state);	\
	}

STATE(regs, KVM_GET_REGS, KVM_SET_REGS)
STATE(sregs, KVM_GET_SREGS, KVM_SET_SREGS)
STATE(fpu, KVM_GET_FPU, KVM_SET_FPU)
STATE(xsave, KVM_GET_XSAVE, KVM_SET_XSAVE)
STATE(lapic, KVM_GET_LAPIC, KVM_SET_LAPIC)
STATE(events, KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS)
STATE(debugregs, KVM_GET_DEBUGREGS, KVM_SET_DEBUGREGS)

WALK(get_msrs, 0, NULL)
{
	s->state.msrs.head.nmsrs = 2;
	s->state.msrs.head.entries[0].index = 0x10;		/* TSC */
	s->state.msrs.head.entries[1].index = 0xc0000080;	/* EFER */
	return ioctl(s->vm->vcpu[0].fd, KVM_GET_MSRS, &s->state);
}

WALK(set_cpuid, VM_IRQCHIP, NULL)
{
	return ioctl(s->vm->vcpu[0].fd, KVM_SET_CPUID2, s->cpuid);
}

WALK(get_cpuid, VM_IRQCHIP, NULL)
{
	return ioctl(s->vm->vcpu[0].fd, KVM_GET_CPUID2, s->cpuid);
}

WALK(supported_cpuid, 0, NULL)
{
	return ioctl(s->sys, KVM_GET_SUPPORTED_CPUID, s->cpuid);
}

/*
 * The guest.
 */

static void guest_touches(void)
{
	for (;;) {
		*(volatile uint64_t *)SLOT_GPA = 1;
		*(volatile uint8_t *)HOLE_GPA = 2;
		guest_sync(1);
	}
}

/* A fresh page, so that the access is a fault with all it takes; the MMIO exit ends the call. */
static long touch(struct scene *s)
{
	int r;

	madvise(s->memory, SLOT_SIZE, MADV_DONTNEED);
	r = vcpu_try_run(&s->vm->vcpu[0]);
	if (r < 0) {
		errno = -r;
		return -1;
	}
	expect_eq(s->vm->run->exit_reason, KVM_EXIT_MMIO);
	return 0;
}

static void to_the_loop_s_begin(struct scene *s)
{
	expect_exit(vm_run(s->vm), GUEST_SYNC);
}

TEST_LIMIT(page_fault, SECONDS)
{
	struct scene s;

	scene_open(&s, 0, guest_touches);
	must(vm_set_slot(s.vm->fd, 7, 0, SLOT_GPA, SLOT_SIZE, s.memory));
	walk(&s, touch, to_the_loop_s_begin);
}
