// SPDX-License-Identifier: GPL-2.0-only
/*
 * The floating interrupt controller: adapters, their suppression, the routes to them, and what bad
 * input is answered with.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/eventfd.h>

#include "s390.h"

INSNS(nothing, "diag %r0,%r0,0x777");

static int get(int fd, uint32_t group, uint64_t attr, void *addr)
{
	return s390_attr(fd, KVM_GET_DEVICE_ATTR, group, attr, addr);
}

static int set(int fd, uint32_t group, uint64_t attr, void *addr)
{
	return s390_attr(fd, KVM_SET_DEVICE_ATTR, group, attr, addr);
}

static int pending(int flic, struct kvm_s390_irq *irqs, unsigned int n)
{
	return must(get(flic, KVM_DEV_FLIC_GET_ALL_IRQS, n * sizeof(*irqs), irqs));
}

/*
 * Adapters.
 */

TEST(register_and_modify)
{
	struct s390_vm *vm = s390_vm_of(nothing);
	struct kvm_s390_io_adapter adapter = { .id = 3, .isc = 2, .maskable = 1 };
	struct kvm_s390_io_adapter_req req = {
		.id = 3, .type = KVM_S390_IO_ADAPTER_MASK, .mask = 1,
	};
	int flic = s390_flic(vm);

	must(set(flic, KVM_DEV_FLIC_ADAPTER_REGISTER, 0, &adapter));
	expect_errno(set(flic, KVM_DEV_FLIC_ADAPTER_REGISTER, 0, &adapter), EINVAL);
	expect_errno(set(flic, KVM_DEV_FLIC_ADAPTER_REGISTER, 0, NULL), EFAULT);
	adapter.id = 64;
	expect_errno(set(flic, KVM_DEV_FLIC_ADAPTER_REGISTER, 0, &adapter), EINVAL);
	adapter = (struct kvm_s390_io_adapter){ .id = 4, .flags = 0xfe };
	must(set(flic, KVM_DEV_FLIC_ADAPTER_REGISTER, 0, &adapter));
	/* A subclass is one of eight. The kernel's own does not look at it here. */
	adapter = (struct kvm_s390_io_adapter){ .id = 5, .isc = 8 };
	if (!distro_modules())
		expect_errno(set(flic, KVM_DEV_FLIC_ADAPTER_REGISTER, 0, &adapter), EINVAL);

	expect_eq(set(flic, KVM_DEV_FLIC_ADAPTER_MODIFY, 0, &req), 0);
	expect_eq(set(flic, KVM_DEV_FLIC_ADAPTER_MODIFY, 0, &req), 0);
	expect_errno(set(flic, KVM_DEV_FLIC_ADAPTER_MODIFY, 0, NULL), EFAULT);
	req.type = KVM_S390_IO_ADAPTER_MAP;
	expect_eq(set(flic, KVM_DEV_FLIC_ADAPTER_MODIFY, 0, &req), 0);
	req.type = KVM_S390_IO_ADAPTER_UNMAP;
	expect_eq(set(flic, KVM_DEV_FLIC_ADAPTER_MODIFY, 0, &req), 0);
	req.type = KVM_S390_IO_ADAPTER_UNMAP + 1;
	expect_errno(set(flic, KVM_DEV_FLIC_ADAPTER_MODIFY, 0, &req), EINVAL);
	req.type = 0;
	expect_errno(set(flic, KVM_DEV_FLIC_ADAPTER_MODIFY, 0, &req), EINVAL);
	req = (struct kvm_s390_io_adapter_req){ .id = 4, .type = KVM_S390_IO_ADAPTER_MASK };
	expect_errno(set(flic, KVM_DEV_FLIC_ADAPTER_MODIFY, 0, &req), EINVAL);	/* not maskable */
	req.id = 6;
	expect_errno(set(flic, KVM_DEV_FLIC_ADAPTER_MODIFY, 0, &req), EINVAL);
	req.id = 64;
	expect_errno(set(flic, KVM_DEV_FLIC_ADAPTER_MODIFY, 0, &req), EINVAL);
	expect_errno(set(flic, KVM_DEV_FLIC_AIRQ_INJECT, 6, NULL), EINVAL);
	expect_errno(set(flic, KVM_DEV_FLIC_AIRQ_INJECT, 64, NULL), EINVAL);
}

/*
 * Suppression.
 */

static struct s390_vm *ais_vm(int *flic)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_S390_AIS };
	struct s390_vm *vm = s390_vm_of(nothing);

	vm->fd = must(ioctl(vm->kvm, KVM_CREATE_VM, 0));
	must(ioctl(vm->fd, KVM_ENABLE_CAP, &cap));
	*flic = s390_flic(vm);
	return vm;
}

#define AIS_BIT	(1ULL << (63 - 72 % 64))

TEST(ais_enabled)
{
	static struct kvm_s390_vm_cpu_processor processor;
	static struct kvm_s390_vm_cpu_machine machine;
	struct kvm_enable_cap cap = { .cap = KVM_CAP_S390_AIS };
	struct kvm_s390_ais_req req = { .isc = 2 };
	struct kvm_s390_ais_all all = { };
	struct s390_vm *vm = s390_vm_of(nothing);
	int flic = s390_flic(vm);

	expect_eq(ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_S390_AIS), 1);
	expect_eq(ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_S390_AIS_MIGRATION), 1);
	expect_errno(ioctl(vm->fd, KVM_ENABLE_CAP, &cap), EBUSY);
	expect_errno(set(flic, KVM_DEV_FLIC_AISM, 0, &req), EOPNOTSUPP);
	expect_errno(set(flic, KVM_DEV_FLIC_AISM_ALL, 0, &all), EOPNOTSUPP);
	expect_errno(get(flic, KVM_DEV_FLIC_AISM_ALL, sizeof(all), &all), EOPNOTSUPP);
	expect_eq(s390_attr(flic, KVM_HAS_DEVICE_ATTR, KVM_DEV_FLIC_AISM, 0, NULL), 0);
	must(get(vm->fd, KVM_S390_VM_CPU_MODEL, KVM_S390_VM_CPU_PROCESSOR, &processor));
	expect_eq(processor.fac_list[1] & AIS_BIT, 0);

	vm = ais_vm(&flic);
	must(get(vm->fd, KVM_S390_VM_CPU_MODEL, KVM_S390_VM_CPU_PROCESSOR, &processor));
	must(get(vm->fd, KVM_S390_VM_CPU_MODEL, KVM_S390_VM_CPU_MACHINE, &machine));
	expect_eq(processor.fac_list[1] & AIS_BIT, AIS_BIT);
	expect_eq(machine.fac_mask[1] & AIS_BIT, AIS_BIT);
}

static void expect_modes(int flic, uint8_t simm, uint8_t nimm)
{
	struct kvm_s390_ais_all all = { 0x55, 0x55 };

	must(get(flic, KVM_DEV_FLIC_AISM_ALL, sizeof(all), &all));
	expect_eq(all.simm, simm);
	expect_eq(all.nimm, nimm);
}

TEST(ais_modes)
{
	struct kvm_s390_ais_req req = { .isc = 2, .mode = 1 };
	struct kvm_s390_ais_all all = { .simm = 0xf0, .nimm = 0x80 };
	int flic;

	ais_vm(&flic);
	expect_modes(flic, 0, 0);
	must(set(flic, KVM_DEV_FLIC_AISM, 0, &req));
	expect_modes(flic, 0x20, 0);
	req.isc = 8;
	expect_errno(set(flic, KVM_DEV_FLIC_AISM, 0, &req), EINVAL);
	req = (struct kvm_s390_ais_req){ .isc = 2, .mode = 2 };
	expect_errno(set(flic, KVM_DEV_FLIC_AISM, 0, &req), EINVAL);
	expect_errno(set(flic, KVM_DEV_FLIC_AISM, 0, NULL), EFAULT);
	expect_errno(get(flic, KVM_DEV_FLIC_AISM, 0, &req), EINVAL);
	expect_errno(get(flic, KVM_DEV_FLIC_AISM_ALL, 1, &all), EINVAL);
	expect_errno(get(flic, KVM_DEV_FLIC_AISM_ALL, sizeof(all), NULL), EFAULT);
	expect_errno(set(flic, KVM_DEV_FLIC_AISM_ALL, 0, NULL), EFAULT);
	expect_modes(flic, 0x20, 0);
	must(set(flic, KVM_DEV_FLIC_AISM_ALL, 0, &all));
	expect_modes(flic, 0xf0, 0x80);
	req = (struct kvm_s390_ais_req){ .isc = 0, .mode = 1 };
	must(set(flic, KVM_DEV_FLIC_AISM, 0, &req));
	expect_modes(flic, 0xf0, 0);
	req.mode = 0;
	must(set(flic, KVM_DEV_FLIC_AISM, 0, &req));
	expect_modes(flic, 0x70, 0);
}

TEST(ais_suppresses)
{
	struct kvm_s390_io_adapter adapter = {
		.id = 3, .isc = 2, .flags = KVM_S390_ADAPTER_SUPPRESSIBLE,
	};
	struct kvm_s390_ais_req req = { .isc = 2, .mode = 1 };
	struct kvm_s390_irq irqs[8];
	int flic;

	ais_vm(&flic);
	must(set(flic, KVM_DEV_FLIC_ADAPTER_REGISTER, 0, &adapter));
	adapter.id = 4;
	adapter.flags = 0;
	must(set(flic, KVM_DEV_FLIC_ADAPTER_REGISTER, 0, &adapter));
	must(set(flic, KVM_DEV_FLIC_AIRQ_INJECT, 3, NULL));
	must(set(flic, KVM_DEV_FLIC_AIRQ_INJECT, 3, NULL));
	expect_eq(pending(flic, irqs, ARRAY_SIZE(irqs)), 2);
	must(set(flic, KVM_DEV_FLIC_CLEAR_IRQS, 0, NULL));

	must(set(flic, KVM_DEV_FLIC_AISM, 0, &req));
	must(set(flic, KVM_DEV_FLIC_AIRQ_INJECT, 3, NULL));
	expect_modes(flic, 0x20, 0x20);
	must(set(flic, KVM_DEV_FLIC_AIRQ_INJECT, 3, NULL));
	must(set(flic, KVM_DEV_FLIC_AIRQ_INJECT, 3, NULL));
	expect_eq(pending(flic, irqs, ARRAY_SIZE(irqs)), 1);
	/* not of an adapter that is not subject to it */
	must(set(flic, KVM_DEV_FLIC_AIRQ_INJECT, 4, NULL));
	expect_eq(pending(flic, irqs, ARRAY_SIZE(irqs)), 2);
	must(set(flic, KVM_DEV_FLIC_AISM, 0, &req));
	must(set(flic, KVM_DEV_FLIC_AIRQ_INJECT, 3, NULL));
	expect_eq(pending(flic, irqs, ARRAY_SIZE(irqs)), 3);
}

/*
 * Lists.
 */

/* KVM_DEV_FLIC_CLEAR_IO_IRQ takes the oldest of one subchannel, and leaves those of others. */
TEST(interrupts_of_a_subchannel)
{
	struct s390_vm *vm = s390_vm_of(nothing);
	struct kvm_s390_irq irqs[4];
	int flic = s390_flic(vm);
	uint32_t schid = 0x00010006;

	must(s390_irq_floating(vm, KVM_S390_INT_IO(0, 0, 0, 5), 0x00010005, 11UL << 32));
	must(s390_irq_floating(vm, KVM_S390_INT_IO(0, 0, 0, 6), 0x00010006, 12UL << 32));
	must(s390_irq_floating(vm, KVM_S390_INT_IO(0, 0, 0, 6), 0x00010006, 13UL << 32));
	must(set(flic, KVM_DEV_FLIC_CLEAR_IO_IRQ, sizeof(schid), &schid));
	expect_eq(pending(flic, irqs, ARRAY_SIZE(irqs)), 2);
	expect_eq(irqs[0].u.io.io_int_parm, 11);
	expect_eq(irqs[1].u.io.io_int_parm, 13);
	schid = 0x00010007;
	must(set(flic, KVM_DEV_FLIC_CLEAR_IO_IRQ, sizeof(schid), &schid));
	expect_eq(pending(flic, irqs, ARRAY_SIZE(irqs)), 2);
}

TEST(bad_lists)
{
	struct kvm_s390_irq irqs[4] = { { .type = 0xfffe0009 } };
	struct s390_vm *vm = s390_vm_of(nothing);
	int flic = s390_flic(vm);
	uint32_t schid = 5;

	expect_errno(set(flic, KVM_DEV_FLIC_ENQUEUE, sizeof(*irqs), irqs), EINVAL);
	irqs[0].type = KVM_S390_RESTART;
	expect_errno(set(flic, KVM_DEV_FLIC_ENQUEUE, sizeof(*irqs), irqs), EINVAL);
	irqs[0].type = KVM_S390_INT_SERVICE;
	expect_errno(set(flic, KVM_DEV_FLIC_ENQUEUE, sizeof(*irqs) - 1, irqs), EINVAL);
	expect_errno(set(flic, KVM_DEV_FLIC_ENQUEUE, sizeof(*irqs), NULL), EFAULT);
	expect_errno(set(flic, KVM_DEV_FLIC_ENQUEUE, KVM_S390_FLIC_MAX_BUFFER + 72, irqs), EINVAL);
	expect_eq(set(flic, KVM_DEV_FLIC_ENQUEUE, 0, NULL), 0);
	expect_eq(pending(flic, irqs, ARRAY_SIZE(irqs)), 0);
	expect_eq(get(flic, KVM_DEV_FLIC_GET_ALL_IRQS, 1, irqs), 0);
	expect_errno(get(flic, KVM_DEV_FLIC_GET_ALL_IRQS, 0, irqs), EINVAL);
	expect_errno(get(flic, KVM_DEV_FLIC_GET_ALL_IRQS, KVM_S390_FLIC_MAX_BUFFER + 1, irqs),
		     EINVAL);
	/* What comes before a bad one stays. */
	irqs[0].type = KVM_S390_INT_SERVICE;
	irqs[1].type = 0xfffe0009;
	expect_errno(set(flic, KVM_DEV_FLIC_ENQUEUE, 2 * sizeof(*irqs), irqs), EINVAL);
	expect_errno(get(flic, KVM_DEV_FLIC_GET_ALL_IRQS, sizeof(*irqs) - 1, irqs), ENOMEM);
	expect_errno(get(flic, KVM_DEV_FLIC_GET_ALL_IRQS, sizeof(*irqs), NULL), EFAULT);
	expect_eq(pending(flic, irqs, ARRAY_SIZE(irqs)), 1);

	expect_eq(set(flic, KVM_DEV_FLIC_CLEAR_IO_IRQ, sizeof(schid), &schid), 0);
	expect_errno(set(flic, KVM_DEV_FLIC_CLEAR_IO_IRQ, sizeof(schid) - 1, &schid), EINVAL);
	expect_errno(set(flic, KVM_DEV_FLIC_CLEAR_IO_IRQ, sizeof(schid) + 4, &schid), EINVAL);
	expect_errno(set(flic, KVM_DEV_FLIC_CLEAR_IO_IRQ, sizeof(schid), NULL), EFAULT);
	expect_errno(set(flic, KVM_DEV_FLIC_GET_ALL_IRQS, sizeof(*irqs), irqs), EINVAL);
	expect_errno(get(flic, KVM_DEV_FLIC_ENQUEUE, sizeof(*irqs), irqs), EINVAL);
	expect_errno(get(flic, 99, sizeof(*irqs), irqs), EINVAL);
	expect_errno(s390_attr(flic, KVM_HAS_DEVICE_ATTR, 12, 0, NULL), ENXIO);
	expect_eq(pending(flic, irqs, ARRAY_SIZE(irqs)), 1);
}

/*
 * Routes. Indicators are in a slot of their own, behind the memory that s390_start() gives.
 */

#define SLOT_AT		MEM_SIZE
#define SLOT_SIZE	0x100000UL
#define GSI		7

struct route {
	uint64_t	ind_addr, summary_addr, ind_offset;
	uint32_t	summary_offset, adapter;
};

struct wired {
	struct s390_vm	*vm;
	uint8_t		*mem;		/* of the slot */
	int		flic, event;
	bool		stop;
};

static int set_route(struct wired *w, const struct route *route)
{
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry entry;
	} routing = {
		.head.nr = 1,
		.entry = {
			.gsi = GSI,
			.type = KVM_IRQ_ROUTING_S390_ADAPTER,
			.u.adapter = {
				.ind_addr = route->ind_addr,
				.summary_addr = route->summary_addr,
				.ind_offset = route->ind_offset,
				.summary_offset = route->summary_offset,
				.adapter_id = route->adapter,
			},
		},
	};

	return ioctl(w->vm->fd, KVM_SET_GSI_ROUTING, &routing);
}

static int set_slot(struct wired *w, uint64_t size, uint32_t flags)
{
	struct kvm_userspace_memory_region slot = {
		.slot = 1, .guest_phys_addr = SLOT_AT, .memory_size = size, .flags = flags,
		.userspace_addr = (uintptr_t)w->mem,
	};

	return ioctl(w->vm->fd, KVM_SET_USER_MEMORY_REGION, &slot);
}

/* Adapters 3, with bits from the left, and 4, from the right. */
static struct wired *wire(void)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_S390_IRQCHIP };
	struct kvm_s390_io_adapter adapter = { .id = 3, .isc = 2, .swap = 1, .maskable = 1 };
	struct kvm_irqfd irqfd = { .gsi = GSI };
	struct wired *w = calloc(1, sizeof(*w));
	uint8_t *area;

	w->vm = s390_vm_of(nothing);
	w->flic = s390_flic(w->vm);
	area = mmap(NULL, 2 * SLOT_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	expect(area != MAP_FAILED);
	w->mem = (uint8_t *)(((uintptr_t)area + SLOT_SIZE - 1) & ~(SLOT_SIZE - 1));
	must(set_slot(w, SLOT_SIZE, 0));
	must(ioctl(w->vm->fd, KVM_ENABLE_CAP, &cap));
	must(ioctl(w->vm->fd, KVM_CREATE_IRQCHIP, 0));
	must(set(w->flic, KVM_DEV_FLIC_ADAPTER_REGISTER, 0, &adapter));
	adapter.id = 4;
	adapter.swap = 0;
	must(set(w->flic, KVM_DEV_FLIC_ADAPTER_REGISTER, 0, &adapter));
	w->event = must(eventfd(0, EFD_NONBLOCK));
	irqfd.fd = w->event;
	must(ioctl(w->vm->fd, KVM_IRQFD, &irqfd));
	return w;
}

static void signal_event(struct wired *w)
{
	uint64_t one = 1;

	expect_eq(write(w->event, &one, sizeof(one)), sizeof(one));
}

/* The byte must become this; an irqfd does its work when it can. */
static void expect_byte(const uint8_t *at, uint8_t value)
{
	uint64_t end = now_ms() + 5000;

	while (__atomic_load_n(at, __ATOMIC_ACQUIRE) != value && now_ms() < end)
		usleep(1000);
	expect_eq(*at, value);
}

/* A summary indicator is a byte at any address, and an indicator a bit far behind its address. */
TEST(indicators_anywhere)
{
	struct wired *w = wire();

	must(set_route(w, &(struct route){ .ind_addr = SLOT_AT + 0x1003, .ind_offset = 11,
					   .summary_addr = SLOT_AT + 0x2005, .adapter = 3 }));
	signal_event(w);
	expect_byte(w->mem + 0x2005, 0x80);
	expect_eq(w->mem[0x1004], 0x10);

	must(set_route(w, &(struct route){ .ind_addr = SLOT_AT + 0x3000, .ind_offset = 0x40,
					   .summary_addr = SLOT_AT + 0x3010, .summary_offset = 9,
					   .adapter = 4 }));
	signal_event(w);
	expect_byte(w->mem + 0x3016, 0x02);
	expect_eq(w->mem[0x300f], 0x01);
}

/* Masked: the indicators tell, and no interrupt comes. */
TEST(masked_adapter)
{
	struct kvm_s390_io_adapter_req req = {
		.id = 3, .type = KVM_S390_IO_ADAPTER_MASK, .mask = 1,
	};
	struct wired *w = wire();
	struct kvm_s390_irq irqs[4];
	uint64_t end;

	must(set(w->flic, KVM_DEV_FLIC_ADAPTER_MODIFY, 0, &req));
	must(set_route(w, &(struct route){ .ind_addr = SLOT_AT, .summary_addr = SLOT_AT + 0x1000,
					   .adapter = 3 }));
	signal_event(w);
	expect_byte(w->mem + 0x1000, 0x80);
	usleep(100000);
	expect_eq(pending(w->flic, irqs, ARRAY_SIZE(irqs)), 0);
	req.mask = 0;
	must(set(w->flic, KVM_DEV_FLIC_ADAPTER_MODIFY, 0, &req));
	w->mem[0x1000] = 0;
	signal_event(w);
	expect_byte(w->mem + 0x1000, 0x80);
	end = now_ms() + 5000;
	while (!pending(w->flic, irqs, ARRAY_SIZE(irqs)) && now_ms() < end)
		usleep(1000);
	expect_eq(pending(w->flic, irqs, ARRAY_SIZE(irqs)), 1);
}

/* Pages that the VMM has lost are brought back; those that are written are in the dirty log. */
TEST(indicators_away_and_dirty)
{
	struct wired *w = wire();
	uint8_t bitmap[SLOT_SIZE / 4096 / 8], dirty[2] = { };
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = bitmap };
	uint64_t end;

	must(set_slot(w, SLOT_SIZE, KVM_MEM_LOG_DIRTY_PAGES));
	must(set_route(w, &(struct route){ .ind_addr = SLOT_AT + 0x5000,
					   .summary_addr = SLOT_AT + 0x9000, .adapter = 3 }));
	must(madvise(w->mem, SLOT_SIZE, MADV_REMOVE));
	must(ioctl(w->vm->fd, KVM_GET_DIRTY_LOG, &log));
	signal_event(w);
	expect_byte(w->mem + 0x9000, 0x80);
	expect_eq(w->mem[0x5000], 0x80);
	/* The kernel's own does not log what it writes here. */
	if (distro_modules())
		return;
	end = now_ms() + 5000;
	do {
		must(ioctl(w->vm->fd, KVM_GET_DIRTY_LOG, &log));
		dirty[0] |= bitmap[0];
		dirty[1] |= bitmap[1];
	} while (!(dirty[0] && dirty[1]) && now_ms() < end);
	expect_eq(dirty[0], 1 << 5);
	expect_eq(dirty[1], 1 << 1);
}

static const struct route races[] = {
	{ .ind_addr = SLOT_AT + 0x1000, .summary_addr = SLOT_AT + 0x2000, .adapter = 3 },
	{ .ind_addr = SLOT_AT + 0x3000, .summary_addr = SLOT_AT + 0x4000, .adapter = 4 },
	{ .ind_addr = DATA_AT + 0x1000, .summary_addr = DATA_AT + 0x2000, .adapter = 3 },
};

static bool stopped(struct wired *w)
{
	return __atomic_load_n(&w->stop, __ATOMIC_RELAXED);
}

static void *change_routes(void *arg)
{
	struct wired *w = arg;
	unsigned int i;

	for (i = 0; !stopped(w); i++)
		/* The kernel's own looks for the storage as it sets a route, we as it is used. */
		if (set_route(w, &races[i % ARRAY_SIZE(races)]) &&
		    !(distro_modules() && errno == EFAULT))
			fail("route: %s", strerror(errno));
	return NULL;
}

static void *change_slots(void *arg)
{
	struct wired *w = arg;

	while (!stopped(w)) {
		must(set_slot(w, 0, 0));
		must(set_slot(w, SLOT_SIZE, 0));
	}
	return NULL;
}

/* Of all the pages that hold indicators, nothing but these may have been written. */
static void expect_only(const uint8_t *page, unsigned int byte, uint8_t value)
{
	unsigned int i;

	for (i = 0; i < 4096; i++) {
		if (i == byte)
			expect((page[i] & ~value) == 0);
		else
			expect_eq(page[i], 0);
	}
}

/* The byte with the indicator of races[@i]; the second is counted from the right. */
static uint8_t *indicator(struct wired *w, unsigned int i)
{
	if (i == 2)
		return w->vm->mem + races[i].ind_addr;
	return w->mem + races[i].ind_addr - SLOT_AT + (i == 1 ? 7 : 0);
}

/* An irqfd fires while its route and the slot of its indicators change. */
TEST_LIMIT(routes_and_slots_change, 60)
{
	struct wired *w = wire();
	pthread_t threads[2];
	uint64_t end = now_ms() + 4000;
	unsigned int i;

	must(set_route(w, &races[0]));
	expect_eq(pthread_create(&threads[0], NULL, change_routes, w), 0);
	expect_eq(pthread_create(&threads[1], NULL, change_slots, w), 0);
	while (now_ms() < end) {
		signal_event(w);
		w->mem[0x2000] = 0;
		w->mem[0x4007] = 0;
		w->vm->mem[DATA_AT + 0x2000] = 0;
		must(set(w->flic, KVM_DEV_FLIC_CLEAR_IRQS, 0, NULL));
	}
	__atomic_store_n(&w->stop, true, __ATOMIC_RELAXED);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	for (i = 0; i < ARRAY_SIZE(races); i++) {
		must(set_route(w, &races[i]));
		*indicator(w, i) = 0;
		signal_event(w);
		expect_byte(indicator(w, i), i == 1 ? 0x01 : 0x80);
	}
	expect_only(w->mem + 0x1000, 0, 0x80);
	expect_only(w->mem + 0x2000, 0, 0x80);
	expect_only(w->mem + 0x3000, 7, 0x01);
	expect_only(w->mem + 0x4000, 7, 0x01);
	expect_only(w->vm->mem + DATA_AT + 0x1000, 0, 0x80);
}
