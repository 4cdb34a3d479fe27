// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts and I/O by event descriptors, MSIs and the routing between them: KVM_IRQFD,
 * KVM_IOEVENTFD, KVM_SET_GSI_ROUTING, KVM_SIGNAL_MSI, the split irqchip, coalesced MMIO.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <sys/eventfd.h>

#include "irq.h"

#define PAGE_SIZE	SZ_4K		/* named by KVM_COALESCED_MMIO_MAX */
#define MSI_ADDR	0xfee00000u
#define PORT		0x500
#define MMIO		HOLE_GPA

static void nothing(void)
{
}

static int new_eventfd(void)
{
	return must(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
}

static void signal_event(int fd)
{
	uint64_t one = 1;

	expect_eq(write(fd, &one, sizeof(one)), sizeof(one));
}

/* How often it was signalled since last asked. */
static uint64_t take_event(int fd)
{
	uint64_t n = 0;

	return read(fd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

/* ---- irqfd ----------------------------------------------------------------------------------- */

static int try_irqfd(struct vm *vm, int fd, uint32_t gsi, uint32_t flags, int resample)
{
	struct kvm_irqfd irqfd = { .fd = fd, .gsi = gsi, .flags = flags, .resamplefd = resample };

	return ioctl(vm->fd, KVM_IRQFD, &irqfd);
}

static void guest_takes_irqfd(void)
{
	guest_on(0x61, on_apic_irq);
	apic_only();
	ioapic_route(11, 0x61, 0);
	guest_sync(0);
	wait_hits(0x61, 1);
	guest_sync(1);
	wait_hits(0x61, 2);
	guest_sync(2);
	sti_and_cli();
	guest_expect_eq(hit_count(0x61), 2);
}

TEST(irqfd)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_takes_irqfd);
	int fd = new_eventfd();

	run_to_sync(vm, 0);
	must(try_irqfd(vm, fd, 11, 0, 0));
	signal_event(fd);
	run_to_sync(vm, 1);
	signal_event(fd);
	run_to_sync(vm, 2);
	must(try_irqfd(vm, fd, 11, KVM_IRQFD_FLAG_DEASSIGN, 0));
	signal_event(fd);
	expect_eq(take_event(fd), 1);		/* nobody took it */
	expect_exit(vm_run(vm), GUEST_DONE);
}

/* What was signalled before the assignment is delivered with it. */
TEST(irqfd_signalled_before)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_takes_irqfd);
	int fd = new_eventfd();

	run_to_sync(vm, 0);
	signal_event(fd);
	must(try_irqfd(vm, fd, 11, 0, 0));
	run_to_sync(vm, 1);
}

TEST(bad_irqfds)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, nothing), *none = vm_start(nothing);
	int fd = new_eventfd(), other = new_eventfd();

	expect_errno(try_irqfd(vm, 9999, 11, 0, 0), EBADF);
	expect_errno(try_irqfd(vm, vm->fd, 11, 0, 0), EINVAL);
	expect_errno(try_irqfd(vm, fd, 11, 1 << 7, 0), EINVAL);
	expect_errno(try_irqfd(vm, fd, 11, KVM_IRQFD_FLAG_RESAMPLE, 9999), EBADF);
	must(try_irqfd(vm, fd, 11, 0, 0));
	expect_errno(try_irqfd(vm, fd, 11, 0, 0), EBUSY);
	expect_errno(try_irqfd(vm, fd, 12, 0, 0), EBUSY);
	must(try_irqfd(vm, other, 11, 0, 0));
	/* To take away what is not there is no error. */
	must(try_irqfd(vm, fd, 13, KVM_IRQFD_FLAG_DEASSIGN, 0));
	must(try_irqfd(vm, fd, 11, KVM_IRQFD_FLAG_DEASSIGN, 0));
	must(try_irqfd(vm, fd, 12, 0, 0));
	expect_errno(try_irqfd(none, new_eventfd(), 11, 0, 0), EINVAL);
}

/*
 * The descriptor is closed while it is assigned; and the VM goes while one is signalled again and
 * again.
 */
static void *signal_for_ever(void *arg)
{
	for (;;)
		signal_event((long)arg);
	return NULL;
}

TEST(irqfd_goes_first_or_last)
{
	long fd = new_eventfd();
	pthread_t other;
	int i;

	pthread_create(&other, NULL, signal_for_ever, (void *)fd);
	for (i = 0; i < 8; i++) {
		struct vm *vm = vm_start_with(VM_IRQCHIP, nothing);
		int first = new_eventfd();

		must(try_irqfd(vm, first, 10, 0, 0));
		must(try_irqfd(vm, fd, 11, 0, 0));
		close(first);
		expect_exit(vm_run(vm), GUEST_DONE);
		vm_free(vm);
	}
}

static void on_level(struct trap_frame *f)
{
	hits[f->vector]++;
	guest_sync(100 + hits[f->vector]);
	apic_eoi();
}

static void guest_takes_level(void)
{
	guest_on(0x62, on_level);
	apic_only();
	ioapic_route(12, 0x62, IOAPIC_LEVEL);
	guest_sync(0);
	wait_hits(0x62, 1);
	guest_sync(1);
	sti_and_cli();
	guest_expect_eq(hit_count(0x62), 1);
	guest_sync(2);
	wait_hits(0x62, 2);
}

/* A resampling irqfd raises the line, lowers it at the guest's EOI, and says so (KVM API 4.75). */
TEST(irqfd_resample)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_takes_level);
	int fd = new_eventfd(), resample = new_eventfd();

	REQUIRE_CAP(KVM_CAP_IRQFD_RESAMPLE);
	run_to_sync(vm, 0);
	must(try_irqfd(vm, fd, 12, KVM_IRQFD_FLAG_RESAMPLE, resample));
	signal_event(fd);
	run_to_sync(vm, 101);
	expect_eq(take_event(resample), 0);
	run_to_sync(vm, 1);
	expect_eq(take_event(resample), 1);
	run_to_sync(vm, 2);
	expect_eq(take_event(resample), 0);
	signal_event(fd);
	run_to_sync(vm, 102);
	expect_exit(vm_run(vm), GUEST_DONE);
	expect_eq(take_event(resample), 1);
	must(try_irqfd(vm, fd, 12, KVM_IRQFD_FLAG_DEASSIGN, 0));
}

/* ---- MSI and routing ------------------------------------------------------------------------- */

static int signal_msi(struct vm *vm, uint32_t addr, uint32_t data)
{
	struct kvm_msi msi = { .address_lo = addr, .data = data };

	return ioctl(vm->fd, KVM_SIGNAL_MSI, &msi);
}

static void guest_takes_msi(void)
{
	guest_on(0x77, on_apic_irq);
	guest_on(VEC_NMI, on_apic_irq);
	apic_only();
	guest_sync(0);
	wait_hits(0x77, 1);
	guest_sync(1);
	guest_expect_eq(hit_count(VEC_NMI), 1);
}

TEST(signal_msi)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_takes_msi), *none = vm_start(nothing);
	struct kvm_msi bad = { .address_lo = MSI_ADDR, .data = 0x77, .flags = 1 << 5 };

	REQUIRE_CAP(KVM_CAP_SIGNAL_MSI);
	run_to_sync(vm, 0);
	expect_ge((int)must(signal_msi(vm, MSI_ADDR, 0x77)), 1);
	run_to_sync(vm, 1);
	must(signal_msi(vm, MSI_ADDR, 4 << 8));		/* as NMI */
	expect_exit(vm_run(vm), GUEST_DONE);
	expect_errno(ioctl(vm->fd, KVM_SIGNAL_MSI, &bad), EINVAL);
	expect_errno(signal_msi(none, MSI_ADDR, 0x77), EINVAL);
}

struct routes {
	struct kvm_irq_routing head;
	struct kvm_irq_routing_entry e[4];
};

static int set_routes(struct vm *vm, struct routes *r)
{
	return ioctl(vm->fd, KVM_SET_GSI_ROUTING, r);
}

static void guest_takes_routed(void)
{
	guest_on(0x61, on_apic_irq);
	guest_on(0x78, on_apic_irq);
	guest_on(0x79, on_apic_irq);
	apic_only();
	ioapic_route(11, 0x61, 0);
	guest_sync(0);
	wait_hits(0x78, 1);
	guest_sync(1);
	wait_hits(0x61, 1);
	guest_sync(2);
	wait_hits(0x79, 1);
	guest_expect_eq(hit_count(0x78), 1);
}

/* GSI 40 is an MSI, later another one, GSI 41 an IOAPIC pin; the irqfds behind them follow. */
TEST(gsi_routing)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_takes_routed);
	struct routes r = {
		.head.nr = 2,
		.e = {
			{ .gsi = 40, .type = KVM_IRQ_ROUTING_MSI,
			  .u.msi = { .address_lo = MSI_ADDR, .data = 0x78 } },
			{ .gsi = 41, .type = KVM_IRQ_ROUTING_IRQCHIP,
			  .u.irqchip = { .irqchip = KVM_IRQCHIP_IOAPIC, .pin = 11 } },
		},
	};
	int fd = new_eventfd();

	must(try_irqfd(vm, fd, 40, 0, 0));
	run_to_sync(vm, 0);
	must(set_routes(vm, &r));
	signal_event(fd);
	run_to_sync(vm, 1);
	irq_line(vm, 41, 1);
	run_to_sync(vm, 2);
	r.e[0].u.msi.data = 0x79;
	must(set_routes(vm, &r));
	signal_event(fd);
	expect_exit(vm_run(vm), GUEST_DONE);
}

TEST(bad_gsi_routing)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, nothing);
	struct kvm_irq_routing *many = calloc(1, sizeof(*many) + 5000 * sizeof(many->entries[0]));
	const struct routes good = {
		.head.nr = 1,
		.e = { { .gsi = 40, .type = KVM_IRQ_ROUTING_MSI, .u.msi.address_lo = MSI_ADDR } },
	};
	struct routes r = good;

	must(set_routes(vm, &r));
	r.head.flags = 1;
	expect_errno(set_routes(vm, &r), EINVAL);
	r = good;
	r.e[0].type = 77;
	expect_errno(set_routes(vm, &r), EINVAL);
	r = good;
	r.e[0].flags = 1 << 9;
	expect_errno(set_routes(vm, &r), EINVAL);
	r = good;
	r.e[0].gsi = 1 << 20;
	expect_errno(set_routes(vm, &r), EINVAL);
	r = good;
	r.e[0].type = KVM_IRQ_ROUTING_IRQCHIP;
	r.e[0].u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC;
	r.e[0].u.irqchip.pin = 24;
	expect_errno(set_routes(vm, &r), EINVAL);
	r.e[0].u.irqchip.irqchip = 9;
	r.e[0].u.irqchip.pin = 0;
	expect_errno(set_routes(vm, &r), EINVAL);
	many->nr = 5000;
	expect_errno(ioctl(vm->fd, KVM_SET_GSI_ROUTING, many), EINVAL);
	/* Two routes of one GSI to the same chip. */
	r = good;
	r.head.nr = 2;
	r.e[1] = r.e[0];
	expect_errno(set_routes(vm, &r), EINVAL);
	r.head.nr = 0;
	must(set_routes(vm, &r));
}

/* ---- split irqchip --------------------------------------------------------------------------- */

static void on_split(struct trap_frame *f)
{
	hits[f->vector]++;
	apic_eoi();
}

static void guest_split(void)
{
	guest_on(0x65, on_split);
	guest_on(0x66, on_split);
	apic_enable();
	guest_sync(0);
	wait_hits(0x65, 1);
	wait_hits(0x66, 1);
}

/*
 * The EOI of a level interrupt whose route is one of the reserved GSIs goes to user space's IOAPIC;
 * an edge's does not.
 */
TEST(split_irqchip_eoi)
{
	struct vm *vm;
	struct routes r = {
		.head.nr = 2,
		.e = {
			{ .gsi = 3, .type = KVM_IRQ_ROUTING_MSI,
			  .u.msi = { .address_lo = MSI_ADDR, .data = 0x65 | 1 << 15 | 1 << 14 } },
			{ .gsi = 4, .type = KVM_IRQ_ROUTING_MSI,
			  .u.msi = { .address_lo = MSI_ADDR, .data = 0x66 } },
		},
	};

	REQUIRE_CAP(KVM_CAP_SPLIT_IRQCHIP);
	vm = vm_start_with(VM_SPLIT, guest_split);
	must(set_routes(vm, &r));
	run_to_sync(vm, 0);
	must(signal_msi(vm, MSI_ADDR, 0x65 | 1 << 15 | 1 << 14));
	expect_exit(vm_run(vm), KVM_EXIT_IOAPIC_EOI);
	expect_eq(vm->run->eoi.vector, 0x65);
	must(signal_msi(vm, MSI_ADDR, 0x66));
	expect_exit(vm_run(vm), GUEST_DONE);
}

static void guest_split_pic(void)
{
	guest_on(0x30, on_split);
	apic_enable();
	apic_write(APIC_LVT0, 0x700);
	guest_sync(0);
	wait_hits(0x30, 1);
}

/* User space's PIC: KVM_INTERRUPT goes through LVT0 as ExtINT, and wakes a halted vCPU. */
TEST(split_irqchip_pic)
{
	struct kvm_interrupt irq = { .irq = 0x30 };
	struct vm *vm;

	REQUIRE_CAP(KVM_CAP_SPLIT_IRQCHIP);
	vm = vm_start_with(VM_SPLIT, guest_split_pic);
	run_to_sync(vm, 0);
	must(ioctl(vm->vcpu[0].fd, KVM_INTERRUPT, &irq));
	expect_errno(ioctl(vm->vcpu[0].fd, KVM_INTERRUPT, &irq), EEXIST);
	expect_exit(vm_run(vm), GUEST_DONE);
	expect_errno(ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0), EEXIST);
}

static void guest_split_masked(void)
{
	int i;

	apic_enable();
	apic_write(APIC_LVT0, 0x10700);
	sti();
	guest_sync(0);
	for (i = 0; i < 1000; i++)
		cpu_relax();
	guest_sync(1);
	cli();
	apic_write(APIC_LVT0, 0x700);
	sti();
	for (;;)
		cpu_relax();
}

/* While LINT0 is masked the guest runs, and no window opens that user space could use; then one does. */
TEST(split_irqchip_window)
{
	struct vm *vm;

	REQUIRE_CAP(KVM_CAP_SPLIT_IRQCHIP);
	vm = vm_start_with(VM_SPLIT, guest_split_masked);
	run_to_sync(vm, 0);
	expect_eq(vm->run->ready_for_interrupt_injection, 0);
	vm->run->request_interrupt_window = 1;
	run_to_sync(vm, 1);
	expect_exit(vm_run(vm), KVM_EXIT_IRQ_WINDOW_OPEN);
	expect_eq(vm->run->ready_for_interrupt_injection, 1);
}

/* ---- ioeventfd ------------------------------------------------------------------------------- */

static int try_ioeventfd(struct vm *vm, int fd, uint64_t addr, uint32_t len, uint64_t match,
			 uint32_t flags)
{
	struct kvm_ioeventfd e = {
		.fd = fd, .addr = addr, .len = len, .datamatch = match, .flags = flags,
	};

	return ioctl(vm->fd, KVM_IOEVENTFD, &e);
}

static void guest_writes_events(void)
{
	outw(PORT, 1);			/* any value */
	outb(PORT, 1);			/* another length: user space */
	outl(PORT + 8, 0x1234);		/* matches */
	outl(PORT + 8, 0x1235);		/* does not: user space */
	write32(MMIO, 5);		/* any value */
	write64(MMIO + 8, 0x1122334455667788);	/* matches */
	write64(MMIO + 8, 0);		/* does not: user space */
	write8(MMIO + 0x20, 1);		/* any length */
	write64(MMIO + 0x20, 2);
	(void)read32(MMIO);		/* a read is none of its business: user space */
	guest_sync(1);
	write32(MMIO, 5);		/* taken away: user space */
}

TEST(ioeventfd)
{
	const uint32_t pio = KVM_IOEVENTFD_FLAG_PIO, match = KVM_IOEVENTFD_FLAG_DATAMATCH;
	struct vm *vm = vm_start(guest_writes_events);
	int fd[5], i;

	for (i = 0; i < 5; i++)
		fd[i] = new_eventfd();
	must(try_ioeventfd(vm, fd[0], PORT, 2, 0, pio));
	must(try_ioeventfd(vm, fd[1], PORT + 8, 4, 0x1234, pio | match));
	must(try_ioeventfd(vm, fd[2], MMIO, 4, 0, 0));
	must(try_ioeventfd(vm, fd[3], MMIO + 8, 8, 0x1122334455667788, match));
	must(try_ioeventfd(vm, fd[4], MMIO + 0x20, 0, 0, 0));
	expect_exit(vm_run(vm), KVM_EXIT_IO);
	expect_eq(vm->run->io.size, 1);
	expect_eq(take_event(fd[0]), 1);
	expect_exit(vm_run(vm), KVM_EXIT_IO);
	expect_eq(vm->run->io.port, PORT + 8);
	expect_eq(take_event(fd[1]), 1);
	expect_exit(vm_run(vm), KVM_EXIT_MMIO);
	expect_eq(vm->run->mmio.phys_addr, MMIO + 8);
	expect_eq(take_event(fd[2]), 1);
	expect_eq(take_event(fd[3]), 1);
	expect_exit(vm_run(vm), KVM_EXIT_MMIO);
	expect_eq(vm->run->mmio.phys_addr, MMIO);
	expect_eq(vm->run->mmio.is_write, 0);
	expect_eq(take_event(fd[4]), 2);
	run_to_sync(vm, 1);
	must(try_ioeventfd(vm, fd[2], MMIO, 4, 0, KVM_IOEVENTFD_FLAG_DEASSIGN));
	expect_exit(vm_run(vm), KVM_EXIT_MMIO);
	expect_eq(vm->run->mmio.is_write, 1);
	expect_exit(vm_run(vm), GUEST_DONE);
	for (i = 0; i < 5; i++)
		expect_eq(take_event(fd[i]), 0);
}

TEST(bad_ioeventfds)
{
	const uint32_t pio = KVM_IOEVENTFD_FLAG_PIO, match = KVM_IOEVENTFD_FLAG_DATAMATCH;
	struct vm *vm = vm_start(nothing);
	int fd = new_eventfd();

	expect_errno(try_ioeventfd(vm, 9999, MMIO, 4, 0, 0), EBADF);
	expect_errno(try_ioeventfd(vm, vm->fd, MMIO, 4, 0, 0), EINVAL);
	expect_errno(try_ioeventfd(vm, fd, MMIO, 3, 0, 0), EINVAL);
	expect_errno(try_ioeventfd(vm, fd, MMIO, 16, 0, 0), EINVAL);
	expect_errno(try_ioeventfd(vm, fd, ~0UL - 1, 8, 0, 0), EINVAL);
	expect_errno(try_ioeventfd(vm, fd, MMIO, 4, 0, 1 << 9), EINVAL);
	/* No length, nothing to match */
	expect_errno(try_ioeventfd(vm, fd, MMIO, 0, 5, match), EINVAL);
	expect_errno(try_ioeventfd(vm, fd, MMIO, 4, 0, KVM_IOEVENTFD_FLAG_DEASSIGN), ENOENT);
	must(try_ioeventfd(vm, fd, MMIO, 4, 7, match));
	expect_errno(try_ioeventfd(vm, new_eventfd(), MMIO, 4, 7, match), EEXIST);
	expect_errno(try_ioeventfd(vm, fd, MMIO, 4, 8, match | KVM_IOEVENTFD_FLAG_DEASSIGN),
		     ENOENT);
	must(try_ioeventfd(vm, new_eventfd(), MMIO, 4, 8, match));
	must(try_ioeventfd(vm, fd, MMIO, 4, 7, pio | match));
	must(try_ioeventfd(vm, fd, MMIO, 4, 7, match | KVM_IOEVENTFD_FLAG_DEASSIGN));
}

/* ---- coalesced MMIO -------------------------------------------------------------------------- */

static void guest_writes_zone(void)
{
	uint32_t i;

	for (i = 0; i < 10; i++)
		write32(MMIO + 4 * i, i);
	outb(PORT, 0x33);
	/* Outside the zone: the exit that lets user space look at the ring */
	write32(MMIO + SZ_4K, 0);
}

/* Writes into a zone gather in a ring beside the run page (KVM API 4.116). */
TEST(coalesced)
{
	struct kvm_coalesced_mmio_zone zone = { .addr = MMIO, .size = SZ_4K };
	struct vm *vm = vm_start(guest_writes_zone);
	int page = kvm_cap(KVM_CAP_COALESCED_MMIO), pio = kvm_cap(KVM_CAP_COALESCED_PIO);
	struct kvm_coalesced_mmio_ring *ring;
	uint32_t i;

	if (!page)
		skip("KVM_CAP_COALESCED_MMIO is not reported");
	ring = (void *)((uint8_t *)vm->run + page * SZ_4K);
	must(ioctl(vm->fd, KVM_REGISTER_COALESCED_MMIO, &zone));
	if (pio) {
		zone = (struct kvm_coalesced_mmio_zone){ .addr = PORT, .size = 1, .pio = 1 };
		must(ioctl(vm->fd, KVM_REGISTER_COALESCED_MMIO, &zone));
	} else {
		expect_exit(vm_run(vm), KVM_EXIT_IO);
	}
	expect_exit(vm_run(vm), KVM_EXIT_MMIO);
	expect_eq(vm->run->mmio.phys_addr, MMIO + SZ_4K);
	for (i = 0; i < 10; i++) {
		struct kvm_coalesced_mmio *m = &ring->coalesced_mmio[ring->first + i];

		expect_eq(m->phys_addr, MMIO + 4 * i);
		expect_eq(m->len, 4);
		expect_eq(*(uint32_t *)m->data, i);
		expect_eq(m->pio, 0);
	}
	if (pio) {
		expect_eq(ring->coalesced_mmio[10].phys_addr, PORT);
		expect_eq(ring->coalesced_mmio[10].pio, 1);
		expect_eq(ring->coalesced_mmio[10].data[0], 0x33);
	}
	expect_eq(ring->last - ring->first, 10 + !!pio);
	zone = (struct kvm_coalesced_mmio_zone){ .addr = MMIO, .size = SZ_4K };
	must(ioctl(vm->fd, KVM_UNREGISTER_COALESCED_MMIO, &zone));
	expect_exit(vm_run(vm), GUEST_DONE);
}

/*
 * A full ring loses nothing: the write leaves as an ordinary exit. Nonsense in its indices harms
 * user space alone.
 */
static void guest_writes_for_ever(void)
{
	uint32_t i;

	for (i = 0;; i++)
		write32(MMIO, i);
}

TEST(coalesced_ring_full_or_broken)
{
	struct kvm_coalesced_mmio_zone zone = { .addr = MMIO, .size = SZ_4K };
	struct vm *vm = vm_start(guest_writes_for_ever);
	int page = kvm_cap(KVM_CAP_COALESCED_MMIO);
	struct kvm_coalesced_mmio_ring *ring;
	uint32_t next, i;

	if (!page)
		skip("KVM_CAP_COALESCED_MMIO is not reported");
	ring = (void *)((uint8_t *)vm->run + page * SZ_4K);
	must(ioctl(vm->fd, KVM_REGISTER_COALESCED_MMIO, &zone));
	expect_exit(vm_run(vm), KVM_EXIT_MMIO);
	memcpy(&next, vm->run->mmio.data, 4);
	/* The distribution's modules take a ring that starts at 0 for full when it is half full. */
	expect_ge(next, KVM_COALESCED_MMIO_MAX / 2);
	expect_eq(ring->last - ring->first, next);
	for (i = 0; i < next; i++)
		expect_eq(*(uint32_t *)ring->coalesced_mmio[ring->first + i].data, i);
	ring->last = 0xffffffff;
	expect_exit(vm_run(vm), KVM_EXIT_MMIO);
	ring->last = 0x7fffff00;
	ring->first = 0x12345678;
	expect_exit(vm_run(vm), KVM_EXIT_MMIO);
}
