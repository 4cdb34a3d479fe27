// SPDX-License-Identifier: GPL-2.0-only
/*
 * Failures on the way (see lib/walk.h) of what makes and unmakes things: files, VMs, vCPUs, slots,
 * interrupt lines, eventfds. State that goes in and out is fail_nth_state's, the guest fail_nth_run's.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/eventfd.h>

#include "agent.h"
#include "irq.h"
#include "walk.h"

#define SLOT		7
#define OTHER_SLOT	8
#define SLOT_SIZE	SZ_64K
#define PAGE_SIZE	SZ_4K		/* named by KVM_COALESCED_MMIO_MAX */

/*
 * Files.
 */

static void close_made(struct scene *s)
{
	must(close(s->made));
}

WALK(open_kvm, .done = close_made)
{
	return open("/dev/kvm", O_RDWR | O_CLOEXEC);
}

WALK(create_vm, .done = close_made)
{
	return ioctl(s->sys, KVM_CREATE_VM, 0);
}

/* What needs no memory and copies nothing: nothing can fail, and no first failure is ever met. */
WALK(what_needs_nothing, .options = VM_IRQCHIP, .cannot_fail = 1)
{
	must(ioctl(s->sys, KVM_GET_API_VERSION, 0));
	must(ioctl(s->sys, KVM_GET_VCPU_MMAP_SIZE, 0));
	must(ioctl(s->sys, KVM_CHECK_EXTENSION, KVM_CAP_IRQCHIP));
	must(ioctl(s->vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_IRQCHIP));
	must(ioctl(s->vm->fd, KVM_SET_TSS_ADDR, 0xfffbd000));
	must(ioctl(s->vcpu->fd, KVM_GET_TSC_KHZ, 0));
	must(ioctl(s->vcpu->fd, KVM_SET_TSC_KHZ, ioctl(s->vcpu->fd, KVM_GET_TSC_KHZ, 0)));
	must(ioctl(s->vcpu->fd, KVM_NMI, 0));
	must(ioctl(s->vcpu->fd, KVM_SMI, 0));
	return 0;
}

/*
 * What a VM can have once, and not lose again: each try has a VM of its own, prepared by @first.
 * After a failure the same call succeeds: the id, the place or the chip is free still.
 */
static unsigned long once_first, once_cmd;
static void *once_arg;
static int once_vm = -1;

/* The VM for the next try. */
static void once_renew(struct scene *s)
{
	if (s->made > 0)
		close(s->made);		/* the file that the call has made */
	if (once_vm >= 0)
		close(once_vm);
	once_vm = must(ioctl(s->sys, KVM_CREATE_VM, 0));
	if (once_first)
		must(ioctl(once_vm, once_first, 0));
}

static long once_call(struct scene *s __attribute__((unused)))
{
	return ioctl(once_vm, once_cmd, once_arg);
}

static void walk_new_vm(unsigned long first, unsigned long cmd, void *arg)
{
	once_first = first;
	once_cmd = cmd;
	once_arg = arg;
	walk(&(struct walk) { .prepare = once_renew, .call = once_call, .done = once_renew });
}

#define ONCE(name, first, cmd, ...)						\
	TEST_LIMIT(name, WALK_SECONDS)						\
	{									\
		walk_new_vm(first, cmd, (void *)(__VA_ARGS__));			\
	}

#define ENABLE(...)	&(struct kvm_enable_cap) { __VA_ARGS__ }

ONCE(create_vcpu, 0, KVM_CREATE_VCPU, 0)
ONCE(create_vcpu_with_lapic, KVM_CREATE_IRQCHIP, KVM_CREATE_VCPU, 3)
ONCE(create_irqchip, 0, KVM_CREATE_IRQCHIP, 0)
ONCE(create_pit, KVM_CREATE_IRQCHIP, KVM_CREATE_PIT, 0)
ONCE(create_pit2, KVM_CREATE_IRQCHIP, KVM_CREATE_PIT2, &(struct kvm_pit_config) { 0 })
ONCE(set_boot_cpu_id, 0, KVM_SET_BOOT_CPU_ID, 1)
ONCE(set_identity_map_addr, 0, KVM_SET_IDENTITY_MAP_ADDR, &(uint64_t) { 0xfffbc000 })
ONCE(enable_split_irqchip, 0, KVM_ENABLE_CAP, ENABLE(.cap = KVM_CAP_SPLIT_IRQCHIP, .args = { 24 }))
ONCE(enable_x2apic_api, 0, KVM_ENABLE_CAP, ENABLE(.cap = KVM_CAP_X2APIC_API, .args = { 1 }))
ONCE(enable_halt_poll, 0, KVM_ENABLE_CAP, ENABLE(.cap = KVM_CAP_HALT_POLL, .args = { 1000 }))

WALK(vm_stats, .done = close_made)
{
	return ioctl(s->vm->fd, KVM_GET_STATS_FD, 0);
}

WALK(vcpu_stats, .done = close_made)
{
	return ioctl(s->vcpu->fd, KVM_GET_STATS_FD, 0);
}

static int stats[2];

static void open_stats(struct scene *s)
{
	stats[0] = must(ioctl(s->vm->fd, KVM_GET_STATS_FD, 0));
	stats[1] = must(ioctl(s->vcpu->fd, KVM_GET_STATS_FD, 0));
}

WALK(read_stats, .prepare = open_stats)
{
	char header[sizeof(struct kvm_stats_header)], values[4096];
	int i;

	for (i = 0; i < 2; i++) {
		if (pread(stats[i], header, sizeof(header), 0) != sizeof(header) ||
		    pread(stats[i], values, sizeof(values), 0) < 0)
			return -1;
	}
	return 0;
}

/* The class may not be there; then the copy of the argument is all that can fail. */
WALK(create_device)
{
	static const unsigned long cmds[] = {
		KVM_HAS_DEVICE_ATTR, KVM_SET_DEVICE_ATTR, KVM_GET_DEVICE_ATTR,
	};
	struct kvm_create_device device = { .type = KVM_DEV_TYPE_VFIO };
	struct kvm_device_attr attr = { .group = ~0U };
	int r = ioctl(s->vm->fd, KVM_CREATE_DEVICE, &device);
	unsigned int i;

	if (r < 0)
		return errno == ENODEV ? 0 : r;
	/* Nothing has such a group; what fails is the copy. */
	for (i = 0; i < ARRAY_SIZE(cmds) && !r; i++) {
		r = ioctl(device.fd, cmds[i], &attr);
		if (r < 0 && !is_made_failure(errno))
			r = 0;
	}
	close(device.fd);
	return r;
}

/* The pages of a vCPU come into the mapping when they are touched: by the program, so nothing is lost. */
static void unmap_made(struct scene *s)
{
	must(munmap((void *)s->made, vcpu_mmap_size()));
}

WALK(mmap_run, .done = unmap_made)
{
	long size = 3 * SZ_4K, i;
	volatile char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, s->vcpu->fd, 0);

	if (p == MAP_FAILED)
		return -1;
	for (i = 0; i < size; i += SZ_4K)
		p[i] = 0;
	return (long)p;
}

/*
 * A VM with something of everything is closed, its files in the order of @close_order: nothing that
 * fails on the way keeps it from going.
 */
static int closing[4], last_first;

static void make_all(struct scene *s)
{
	struct kvm_pit_config pit = { 0 };
	struct kvm_irqfd irqfd = { .gsi = 11, .flags = KVM_IRQFD_FLAG_RESAMPLE };
	struct kvm_ioeventfd io = { .addr = HOLE_GPA + SZ_4K };
	struct kvm_coalesced_mmio_zone zone = { .addr = HOLE_GPA, .size = SZ_4K };
	static void *memory;
	int vm = must(ioctl(s->sys, KVM_CREATE_VM, 0));

	if (!memory)
		memory = anon_memory(SLOT_SIZE);
	must(ioctl(vm, KVM_CREATE_IRQCHIP, 0));
	must(ioctl(vm, KVM_CREATE_PIT2, &pit));
	must(vm_set_slot(vm, SLOT, KVM_MEM_LOG_DIRTY_PAGES, SLOT_GPA, SLOT_SIZE, memory));
	closing[0] = vm;
	closing[1] = must(ioctl(vm, KVM_CREATE_VCPU, 0));
	closing[2] = irqfd.resamplefd = must(eventfd(0, 0));
	closing[3] = irqfd.fd = io.fd = must(eventfd(0, 0));
	must(ioctl(vm, KVM_IRQFD, &irqfd));
	must(ioctl(vm, KVM_IOEVENTFD, &io));
	must(ioctl(vm, KVM_REGISTER_COALESCED_MMIO, &zone));
}

static long close_all(struct scene *s __attribute__((unused)))
{
	int i;

	for (i = 0; i < 4; i++) {
		if (close(closing[last_first ? 3 - i : i]) < 0)
			return -1;
	}
	return 0;
}

static void walk_close(int order)
{
	last_first = order;
	walk(&(struct walk) {
		.prepare = make_all, .call = close_all, .done = make_all, .cannot_fail = 1,
	});
}

TEST_LIMIT(close_vm_first, WALK_SECONDS)
{
	walk_close(0);
}

TEST_LIMIT(close_vm_last, WALK_SECONDS)
{
	walk_close(1);
}

/*
 * Memory: KVM_SET_USER_MEMORY_REGION, by vm_set_slot().
 */

static void *memory;

static void need_memory(struct scene *s __attribute__((unused)))
{
	memory = anon_memory(SLOT_SIZE);
}

static long set_slot(struct scene *s, uint32_t flags, uint64_t gpa, uint64_t size)
{
	return vm_set_slot(s->vm->fd, SLOT, flags, gpa, size, memory);
}

/* Whether any slot is at @gpa, told by whether another may be. */
static int occupied(struct scene *s, uint64_t gpa)
{
	if (vm_set_slot(s->vm->fd, OTHER_SLOT, 0, gpa, SZ_4K, memory) < 0) {
		expect_eq(errno, EEXIST);
		return 1;
	}
	must(vm_set_slot(s->vm->fd, OTHER_SLOT, 0, gpa, 0, memory));
	return 0;
}

static int logs(struct scene *s)
{
	uint64_t bitmap[1];
	struct kvm_dirty_log log = { .slot = SLOT, .dirty_bitmap = bitmap };

	if (ioctl(s->vm->fd, KVM_GET_DIRTY_LOG, &log) < 0) {
		expect_eq(errno, ENOENT);
		return 0;
	}
	return 1;
}

static void expect_slot(struct scene *s, int here, int there, int logging)
{
	expect_eq(occupied(s, SLOT_GPA), here);
	expect_eq(occupied(s, SLOT_GPA + SLOT_SIZE), there);
	expect_eq(logs(s), logging);
}

static void expect_none(struct scene *s)
{
	expect_slot(s, 0, 0, 0);
}

static void expect_plain(struct scene *s)
{
	expect_slot(s, 1, 0, 0);
}

static void slot_delete(struct scene *s)
{
	expect_plain(s);
	must(set_slot(s, 0, SLOT_GPA, 0));
}

static void slot_delete_logged(struct scene *s)
{
	expect_slot(s, 1, 0, 1);
	must(set_slot(s, 0, SLOT_GPA, 0));
}

static void slot_create(struct scene *s)
{
	need_memory(s);
	must(set_slot(s, 0, SLOT_GPA, SLOT_SIZE));
}

static void slot_recreate(struct scene *s)
{
	expect_none(s);
	must(set_slot(s, 0, SLOT_GPA, SLOT_SIZE));
}

static void slot_move_back(struct scene *s)
{
	expect_slot(s, 0, 1, 0);
	must(set_slot(s, 0, SLOT_GPA, SLOT_SIZE));
}

static void slot_log_off(struct scene *s)
{
	expect_slot(s, 1, 0, 1);
	must(set_slot(s, 0, SLOT_GPA, SLOT_SIZE));
}

WALK(slot_create, .prepare = need_memory, .failed = expect_none, .done = slot_delete)
{
	return set_slot(s, 0, SLOT_GPA, SLOT_SIZE);
}

WALK(slot_create_logged, .prepare = need_memory, .failed = expect_none, .done = slot_delete_logged)
{
	return set_slot(s, KVM_MEM_LOG_DIRTY_PAGES, SLOT_GPA, SLOT_SIZE);
}

WALK(slot_delete, .prepare = slot_create, .failed = expect_plain, .done = slot_recreate)
{
	return set_slot(s, 0, SLOT_GPA, 0);
}

WALK(slot_move, .prepare = slot_create, .failed = expect_plain, .done = slot_move_back)
{
	return set_slot(s, 0, SLOT_GPA + SLOT_SIZE, SLOT_SIZE);
}

WALK(slot_log, .prepare = slot_create, .failed = expect_plain, .done = slot_log_off)
{
	return set_slot(s, KVM_MEM_LOG_DIRTY_PAGES, SLOT_GPA, SLOT_SIZE);
}

/* The log of a guest that has written its third page: no failure may lose that. */
#define DIRTY	(1UL << 3)

static uint64_t bitmap[1];

static void dirty_third(struct scene *s)
{
	agent_write(s->vm, SLOT_GPA + 3 * SZ_4K, 1);
}

static void start_log(struct scene *s)
{
	need_memory(s);
	expect_exit(vm_run(s->vm), GUEST_SYNC);
	must(set_slot(s, KVM_MEM_LOG_DIRTY_PAGES, SLOT_GPA, SLOT_SIZE));
	dirty_third(s);
}

static long get_log(struct scene *s)
{
	struct kvm_dirty_log log = { .slot = SLOT, .dirty_bitmap = bitmap };

	bitmap[0] = 0;
	return ioctl(s->vm->fd, KVM_GET_DIRTY_LOG, &log);
}

static void got_log(struct scene *s)
{
	expect_eq(bitmap[0], DIRTY);
	must(get_log(s));
	expect_eq(bitmap[0], 0);
	dirty_third(s);
}

WALK(get_dirty_log, .guest = guest_agent, .prepare = start_log, .done = got_log)
{
	return get_log(s);
}

static void start_manual_log(struct scene *s)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
		.args = { KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE },
	};

	must(ioctl(s->vm->fd, KVM_ENABLE_CAP, &cap));
	start_log(s);
}

static void expect_dirty(struct scene *s)
{
	must(get_log(s));
	expect_eq(bitmap[0], DIRTY);
}

static void cleared_log(struct scene *s)
{
	must(get_log(s));
	expect_eq(bitmap[0], 0);
	dirty_third(s);
}

WALK(clear_dirty_log, .guest = guest_agent, .prepare = start_manual_log, .failed = expect_dirty,
     .done = cleared_log)
{
	uint64_t third = DIRTY;
	struct kvm_clear_dirty_log log = {
		.slot = SLOT, .num_pages = SLOT_SIZE / SZ_4K, .dirty_bitmap = &third,
	};

	return ioctl(s->vm->fd, KVM_CLEAR_DIRTY_LOG, &log);
}

/* A vCPU with a dirty ring: in a VM of its own, since rings come before the first vCPU. */
static int ring_vm, ring_vcpu;

static void make_ring_vm(struct scene *s)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_DIRTY_LOG_RING, .args = { SZ_64K },
	};

	(void)s;
	ring_vm = vm_bare();
	must(ioctl(ring_vm, KVM_ENABLE_CAP, &cap));
}

static void expect_rings(struct scene *s)
{
	(void)s;
	expect_eq(must(ioctl(ring_vm, KVM_RESET_DIRTY_RINGS, 0)), 0);
}

static void close_ring_vcpu(struct scene *s)
{
	expect_rings(s);
	close(s->made);
	ring_vcpu++;
}

WALK(create_vcpu_with_ring, .prepare = make_ring_vm, .failed = expect_rings,
     .done = close_ring_vcpu)
{
	return ioctl(ring_vm, KVM_CREATE_VCPU, ring_vcpu);
}

/* The host takes the memory behind a slot away: the MMU notifier can not fail. */
static void touch_slot(struct scene *s)
{
	agent_write(s->vm, SLOT_GPA, 1);
}

static void start_slot(struct scene *s)
{
	slot_create(s);
	expect_exit(vm_run(s->vm), GUEST_SYNC);
	touch_slot(s);
}

static void found_empty(struct scene *s)
{
	expect_eq(agent_read(s->vm, SLOT_GPA), 0);
	touch_slot(s);
}

WALK(memory_taken, .guest = guest_agent, .prepare = start_slot, .done = found_empty)
{
	return madvise(memory, SLOT_SIZE, MADV_DONTNEED);
}

/*
 * Lines and eventfds. What came in is to be seen in the PIC, on whose master pin 3 GSI 3 is and,
 * with a routing of the test, GSI 40 as well.
 */

#define PIN	3
#define NEW_GSI	40

static struct kvm_irqchip pic_at_rest = { .chip_id = KVM_IRQCHIP_PIC_MASTER };
static int event, resample;

static void need_pic(struct scene *s)
{
	must(ioctl(s->vm->fd, KVM_GET_IRQCHIP, &pic_at_rest));
	event = must(eventfd(0, EFD_NONBLOCK));
	resample = must(eventfd(0, EFD_NONBLOCK));
}

static int raised(struct scene *s)
{
	struct kvm_irqchip pic = { .chip_id = KVM_IRQCHIP_PIC_MASTER };

	must(ioctl(s->vm->fd, KVM_GET_IRQCHIP, &pic));
	return !!(pic.chip.pic.irr & 1 << PIN);
}

static void lower(struct scene *s)
{
	irq_line(s->vm, PIN, 0);
	must(ioctl(s->vm->fd, KVM_SET_IRQCHIP, &pic_at_rest));
	expect(!raised(s));
}

static void expect_low(struct scene *s)
{
	expect(!raised(s));
}

static void expect_raised(struct scene *s)
{
	expect(raised(s));
	lower(s);
}

WALK(irq_line, .options = VM_IRQCHIP, .prepare = need_pic, .failed = expect_low,
     .done = expect_raised)
{
	struct kvm_irq_level line = { .irq = PIN, .level = 1 };

	return ioctl(s->vm->fd, KVM_IRQ_LINE, &line);
}

/* The answer is what fails last, when the line is up: to raise it again is no second interrupt. */
WALK(irq_line_status, .options = VM_IRQCHIP, .prepare = need_pic, .done = expect_raised)
{
	struct kvm_irq_level line = { .irq = PIN, .level = 1 };

	return ioctl(s->vm->fd, KVM_IRQ_LINE_STATUS, &line);
}

static struct {
	struct kvm_irq_routing head;
	struct kvm_irq_routing_entry entry[2];
} routing;

static void route(unsigned int i, uint32_t gsi)
{
	routing.entry[i] = (struct kvm_irq_routing_entry) {
		.gsi = gsi, .type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = { .irqchip = KVM_IRQCHIP_PIC_MASTER, .pin = PIN },
	};
}

static long set_routing(struct scene *s, unsigned int n)
{
	routing.head.nr = n;
	route(0, PIN);
	route(1, NEW_GSI);
	return ioctl(s->vm->fd, KVM_SET_GSI_ROUTING, &routing);
}

static void start_routing(struct scene *s)
{
	need_pic(s);
	must(set_routing(s, 1));
}

static void expect_old_routing(struct scene *s)
{
	irq_line(s->vm, NEW_GSI, 1);
	expect_low(s);
	irq_line(s->vm, PIN, 1);
	expect_raised(s);
}

static void routed(struct scene *s)
{
	irq_line(s->vm, NEW_GSI, 1);
	expect(raised(s));
	irq_line(s->vm, NEW_GSI, 0);
	lower(s);
	must(set_routing(s, 1));
	expect_old_routing(s);
}

WALK(set_gsi_routing, .options = VM_IRQCHIP, .prepare = start_routing, .failed = expect_old_routing,
     .done = routed)
{
	return set_routing(s, 2);
}

static long irqfd_call(struct scene *s, uint32_t flags)
{
	struct kvm_irqfd irqfd = { .fd = event, .gsi = PIN, .flags = flags, .resamplefd = resample };

	return ioctl(s->vm->fd, KVM_IRQFD, &irqfd);
}

/* Does a signal raise the line? An irqfd takes it, else it is there to be read. */
static int irqfd_lives(struct scene *s)
{
	uint64_t n = 1;

	must(write(event, &n, sizeof(n)));
	if (read(event, &n, sizeof(n)) == sizeof(n)) {
		expect_low(s);
		return 0;
	}
	while (!raised(s))
		;	/* a resampling one raises it in a work item */
	return 1;
}

static void expect_no_irqfd(struct scene *s)
{
	expect(!irqfd_lives(s));
}

static void irqfd_undo(struct scene *s)
{
	expect(irqfd_lives(s));
	must(irqfd_call(s, KVM_IRQFD_FLAG_DEASSIGN));
	lower(s);
	expect_no_irqfd(s);
}

WALK(irqfd, .options = VM_IRQCHIP, .prepare = need_pic, .failed = expect_no_irqfd,
     .done = irqfd_undo)
{
	return irqfd_call(s, 0);
}

WALK(irqfd_resample, .options = VM_IRQCHIP, .prepare = need_pic, .failed = expect_no_irqfd,
     .done = irqfd_undo)
{
	return irqfd_call(s, KVM_IRQFD_FLAG_RESAMPLE);
}

static void need_irqfd(struct scene *s)
{
	need_pic(s);
	must(irqfd_call(s, 0));
}

static void expect_irqfd(struct scene *s)
{
	expect(irqfd_lives(s));
	lower(s);
}

static void irqfd_redo(struct scene *s)
{
	expect_no_irqfd(s);
	must(irqfd_call(s, 0));
}

WALK(irqfd_deassign, .options = VM_IRQCHIP, .prepare = need_irqfd, .failed = expect_irqfd,
     .done = irqfd_redo)
{
	return irqfd_call(s, KVM_IRQFD_FLAG_DEASSIGN);
}

WALK(irqfd_signal, .options = VM_IRQCHIP, .prepare = need_irqfd, .done = expect_raised)
{
	uint64_t one = 1;

	return write(event, &one, sizeof(one));
}

static long ioeventfd_call(struct scene *s, uint32_t flags)
{
	/* Without a length, so that it is on two buses. */
	struct kvm_ioeventfd io = { .addr = HOLE_GPA, .fd = event, .flags = flags };

	return ioctl(s->vm->fd, KVM_IOEVENTFD, &io);
}

static void start_agent(struct scene *s)
{
	event = must(eventfd(0, EFD_NONBLOCK));
	expect_exit(vm_run(s->vm), GUEST_SYNC);
}

static void expect_no_ioeventfd(struct scene *s)
{
	uint64_t n;

	agent_expect_mmio(s->vm, AGENT_WRITE, HOLE_GPA, 5);
	expect_errno(read(event, &n, sizeof(n)), EAGAIN);
}

static void expect_ioeventfd(struct scene *s)
{
	uint64_t n;

	agent_write(s->vm, HOLE_GPA, 5);
	expect_eq(must(read(event, &n, sizeof(n))), sizeof(n));
}

static void ioeventfd_undo(struct scene *s)
{
	expect_ioeventfd(s);
	must(ioeventfd_call(s, KVM_IOEVENTFD_FLAG_DEASSIGN));
	expect_no_ioeventfd(s);
}

WALK(ioeventfd, .guest = guest_agent, .prepare = start_agent, .failed = expect_no_ioeventfd,
     .done = ioeventfd_undo)
{
	return ioeventfd_call(s, 0);
}

static void start_ioeventfd(struct scene *s)
{
	start_agent(s);
	must(ioeventfd_call(s, 0));
}

static void ioeventfd_redo(struct scene *s)
{
	expect_no_ioeventfd(s);
	must(ioeventfd_call(s, 0));
	expect_ioeventfd(s);
}

WALK(ioeventfd_deassign, .guest = guest_agent, .prepare = start_ioeventfd,
     .failed = expect_ioeventfd, .done = ioeventfd_redo)
{
	return ioeventfd_call(s, KVM_IOEVENTFD_FLAG_DEASSIGN);
}

static long coalesced_call(struct scene *s, unsigned long cmd)
{
	struct kvm_coalesced_mmio_zone zone = { .addr = HOLE_GPA, .size = SZ_4K };

	return ioctl(s->vm->fd, cmd, &zone);
}

static void expect_no_zone(struct scene *s)
{
	agent_expect_mmio(s->vm, AGENT_WRITE, HOLE_GPA, 5);
}

/* The write goes into the ring, which is emptied for the next. */
static void expect_zone(struct scene *s)
{
	struct kvm_coalesced_mmio_ring *ring =
		(void *)((char *)s->vm->run + KVM_COALESCED_MMIO_PAGE_OFFSET * SZ_4K);

	agent_write(s->vm, HOLE_GPA, 5);
	expect_ne(ring->first, ring->last);
	ring->first = ring->last;
}

static void zone_undo(struct scene *s)
{
	expect_zone(s);
	must(coalesced_call(s, KVM_UNREGISTER_COALESCED_MMIO));
	expect_no_zone(s);
}

WALK(register_coalesced, .guest = guest_agent, .prepare = start_agent, .failed = expect_no_zone,
     .done = zone_undo)
{
	return coalesced_call(s, KVM_REGISTER_COALESCED_MMIO);
}

static void start_zone(struct scene *s)
{
	start_agent(s);
	must(coalesced_call(s, KVM_REGISTER_COALESCED_MMIO));
}

static void zone_redo(struct scene *s)
{
	expect_no_zone(s);
	must(coalesced_call(s, KVM_REGISTER_COALESCED_MMIO));
	expect_zone(s);
}

WALK(unregister_coalesced, .guest = guest_agent, .prepare = start_zone, .failed = expect_zone,
     .done = zone_redo)
{
	return coalesced_call(s, KVM_UNREGISTER_COALESCED_MMIO);
}
