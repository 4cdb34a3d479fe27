// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts that wake a vCPU which has halted, and those that it sends to itself.
 *
 * The machine has one processor. Which of two threads runs is settled by their priorities, so that
 * every round goes the same way; see each row.
 */
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>

#include "bench.h"
#include "irq.h"

#define X2APIC_ICR	0x830
#define X2APIC_LVTT	0x832
#define X2APIC_TMICT	0x838
#define X2APIC_TDCR	0x83e
#define X2APIC_SELF_IPI	0x83f
#define X2APIC_SVR	0x80f
#define X2APIC_EOI	0x80b
#define DIVIDE_BY_1	0xb

#define VEC_WAKE	0x60
#define VEC_ANSWER	0x61
#define TIMER_TICKS	50000	/* of the TSC; the APIC's timer counts nanoseconds */
#define MSI_GSI		24
#define PORT		0x2f8

static uint64_t woken_at;	/* the guest's */
static uint64_t timer_ns;	/* that make TIMER_TICKS */

GUEST_CODE on_wake(struct trap_frame *f)
{
	(void)f;
	GUEST_ONCE(woken_at) = rdtsc();
	wrmsr(X2APIC_EOI, 0);
}

static inline void guest_interrupts_on(void)
{
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	wrmsr(MSR_APICBASE, rdmsr(MSR_APICBASE) | APICBASE_X2);
	wrmsr(X2APIC_SVR, 0x1ff);
	guest_on(VEC_WAKE, on_wake);
	guest_on(VEC_ANSWER, on_wake);
}

/*
 * An APIC timer, from its programming to its handler, less the time that it was programmed for.
 * With an otherwise idle host the vCPU's thread polls meanwhile; with a busy one it sleeps.
 */
GUEST_CODE guest_timer(void)
{
	uint64_t begin;
	int i;

	guest_interrupts_on();
	wrmsr(X2APIC_TDCR, DIVIDE_BY_1);
	wrmsr(X2APIC_LVTT, VEC_WAKE);
	for (i = -WARM_UP; i < REPEATS; i++) {
		begin = rdtsc();
		wrmsr(X2APIC_TMICT, GUEST_ONCE(timer_ns));
		sti_hlt_cli();
		if (i >= 0)
			guest_samples[i] = GUEST_ONCE(woken_at) - begin - TIMER_TICKS;
	}
}

static void hlt_timer(void)
{
	struct vm *vm;
	int khz;

	vm = vm_new(VM_IRQCHIP);
	khz = must(ioctl(vcpu_new(vm, 0)->fd, KVM_GET_TSC_KHZ, 0));
	vm_free(vm);
	/* The machine's rate is a round one, which its kernel has measured. */
	timer_ns = TIMER_TICKS * 1000 / ((khz + 500) / 1000);
	vm = vm_start_with(VM_IRQCHIP, guest_timer);
	run_to_done(&vm->vcpu[0]);
	take_guest_samples(vm, REPEATS);
	vm_free(vm);
}

static void hlt_timer_busy(void)
{
	busy_begin();
	hlt_timer();
	busy_end();
}

/* An interrupt to itself, by the x2APIC's register for that, until its handler. */
GUEST_CODE guest_self_ipi(void)
{
	uint64_t begin;
	int i;

	guest_interrupts_on();
	sti();
	for (i = -WARM_UP; i < REPEATS; i++) {
		begin = rdtsc();
		wrmsr(X2APIC_SELF_IPI, VEC_WAKE);
		if (i >= 0)
			guest_samples[i] = GUEST_ONCE(woken_at) - begin;
	}
}

static void self_ipi(void)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_self_ipi);

	run_to_done(&vm->vcpu[0]);
	take_guest_samples(vm, REPEATS);
	vm_free(vm);
}

/*
 * An eventfd that is an interrupt, written by another thread, until the vCPU's thread is back in
 * user space with what the handler wrote to a port. That thread has the higher priority: it runs as
 * soon as it can, and the writer goes on when the guest has halted again.
 */
GUEST_CODE on_irqfd(struct trap_frame *f)
{
	(void)f;
	outb(PORT, 0);
	wrmsr(X2APIC_EOI, 0);
}

GUEST_CODE guest_irqfd(void)
{
	int i;

	guest_interrupts_on();
	guest_on(VEC_WAKE, on_irqfd);
	for (i = -WARM_UP; i < REPEATS; i++)
		sti_hlt_cli();
}

static volatile uint64_t irqfd_back_at;

static void *irqfd_vcpu(void *arg)
{
	struct vcpu *vcpu = arg;

	set_realtime(2);
	while (vcpu_run(vcpu) == KVM_EXIT_IO)
		irqfd_back_at = rdtsc();
	return NULL;
}

static void route_msi(struct vm *vm)
{
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry entry;
	} routing = {
		.head.nr = 1,
		.entry = {
			.gsi = MSI_GSI,
			.type = KVM_IRQ_ROUTING_MSI,
			.u.msi = { .address_lo = APIC_GPA, .data = VEC_WAKE },
		},
	};

	must(ioctl(vm->fd, KVM_SET_GSI_ROUTING, &routing));
}

static void hlt_irqfd(void)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_irqfd);
	struct kvm_irqfd irqfd = { .fd = must(eventfd(0, 0)), .gsi = MSI_GSI };
	uint64_t one = 1, begin;
	int i;

	route_msi(vm);
	must(ioctl(vm->fd, KVM_IRQFD, &irqfd));
	set_realtime(1);
	busy_begin();
	pthread_create(&vm->vcpu[0].thread, NULL, irqfd_vcpu, &vm->vcpu[0]);
	sched_yield();		/* until it has halted */
	for (i = -WARM_UP; i < REPEATS; i++) {
		begin = rdtsc();
		must(write(irqfd.fd, &one, sizeof(one)));
		expect_op(irqfd_back_at, >, begin);
		if (i >= 0)
			sample(irqfd_back_at - begin);
	}
	vcpu_join(&vm->vcpu[0]);
	busy_end();
	set_realtime(0);
	close(irqfd.fd);
	vm_free(vm);
}

/*
 * Two vCPUs, each asleep while the other runs: an interrupt there and one back, until its handler.
 * Their threads have the same priority, so each runs until it halts.
 */
static void send_ipi(uint32_t to, uint32_t vector)
{
	wrmsr(X2APIC_ICR, (uint64_t)to << 32 | vector);
}

GUEST_CODE guest_asks(void)
{
	uint64_t begin;
	int i;

	guest_interrupts_on();
	for (i = -WARM_UP; i < REPEATS; i++) {
		begin = rdtsc();
		send_ipi(1, VEC_WAKE);
		sti_hlt_cli();
		if (i >= 0)
			guest_samples[i] = GUEST_ONCE(woken_at) - begin;
	}
}

GUEST_CODE guest_answers(void)
{
	int i;

	guest_interrupts_on();
	for (i = -WARM_UP; i < REPEATS; i++) {
		sti_hlt_cli();
		send_ipi(0, VEC_ANSWER);
	}
}

static void ipi_round_trip(void)
{
	struct vm *vm = vm_new(VM_IRQCHIP);
	struct vcpu *asks = vcpu_start(vm, 0, guest_asks);
	struct vcpu *answers = vcpu_start(vm, 1, guest_answers);

	set_realtime(1);
	busy_begin();
	vcpu_run_async(answers);
	sched_yield();		/* until it has halted */
	run_to_done(asks);
	vcpu_join(answers);
	busy_end();
	set_realtime(0);
	take_guest_samples(vm, REPEATS);
	vm_free(vm);
}

const struct bench_row wake_rows[] = {
	{ "hlt_timer",		hlt_timer },
	{ "hlt_timer_busy",	hlt_timer_busy },
	{ "hlt_irqfd",		hlt_irqfd },
	{ "self_ipi",		self_ipi },
	{ "ipi_round_trip",	ipi_round_trip },
	{ }
};
