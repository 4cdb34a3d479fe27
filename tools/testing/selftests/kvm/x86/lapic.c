// SPDX-License-Identifier: GPL-2.0-only
/*
 * The local APIC in the kernel: timers, inter-processor interrupts in every destination mode,
 * start-up of application processors, priorities, x2APIC mode (SDM vol 3, chapter 10).
 */
#include <signal.h>

#include "irq.h"

#define MSR_TSC_DEADLINE	0x6e0
#define X2(reg)			(0x800 + (reg) / 16)
#define X2_SELF_IPI		0x83f

#define LVT_PERIODIC		(1 << 17)
#define LVT_DEADLINE		(2 << 17)
#define LVT_MASKED		(1 << 16)

#define ICR_LOGICAL		(1 << 11)
#define ICR_LOWEST		(1 << 8)
#define ICR_NMI			(4 << 8)
#define ICR_INIT		(5 << 8)
#define ICR_SIPI		(6 << 8)
#define ICR_ASSERT		(1 << 14)
#define ICR_SELF		(1 << 18)
#define ICR_ALL			(2 << 18)
#define ICR_OTHERS		(3 << 18)

static uint64_t tsc_per_ms;

static void tell_tsc_speed(struct vm *vm)
{
	*in_guest(vm, &tsc_per_ms) = must(ioctl(vm->vcpu[0].fd, KVM_GET_TSC_KHZ, 0));
}

static void send_ipi(uint32_t dest, uint32_t icr)
{
	apic_write(APIC_ICR2, dest << 24);
	apic_write(APIC_ICR, icr);
}

/* ---- timers ---------------------------------------------------------------------------------- */

/* One tick of the timer is a nanosecond, times the divider. */
static void guest_one_shot(void)
{
	uint64_t begin;

	guest_on(0x70, on_apic_irq);
	apic_enable();
	apic_write(APIC_TDCR, 0);	/* divide by 2 */
	apic_write(APIC_LVTT, 0x70);
	begin = rdtsc();
	apic_write(APIC_TMICT, 5000000);
	guest_expect(apic_read(APIC_TMCCT) <= 5000000);
	wait_hits(0x70, 1);
	guest_expect(rdtsc() - begin >= 9 * tsc_per_ms);
	guest_expect_eq(apic_read(APIC_TMCCT), 0);
	/* Stopped before its time, it never comes. */
	apic_write(APIC_TMICT, 2000000);
	apic_write(APIC_TMICT, 0);
	begin = rdtsc();
	sti();
	while (rdtsc() - begin < 10 * tsc_per_ms)
		cpu_relax();
	guest_expect_eq(hit_count(0x70), 1);
	/* A masked one runs down and leaves no trace. */
	apic_write(APIC_LVTT, 0x70 | LVT_MASKED);
	apic_write(APIC_TMICT, 1000000);
	while (apic_read(APIC_TMCCT))
		cpu_relax();
	guest_expect_eq(hit_count(0x70), 1);
}

TEST(timer_one_shot)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_one_shot);

	tell_tsc_speed(vm);
	expect_exit(vm_run(vm), GUEST_DONE);
}

static void guest_periodic(void)
{
	uint64_t begin;

	guest_on(0x71, on_apic_irq);
	apic_enable();
	apic_write(APIC_TDCR, 11);	/* divide by 1 */
	apic_write(APIC_LVTT, 0x71 | LVT_PERIODIC);
	begin = rdtsc();
	apic_write(APIC_TMICT, 2000000);
	wait_hits(0x71, 10);
	guest_expect(rdtsc() - begin >= 19 * tsc_per_ms);
	apic_write(APIC_TMICT, 0);
	sti_and_cli();
	begin = hit_count(0x71);
	guest_sync(begin);
	sti_and_cli();
	guest_expect_eq(hit_count(0x71), begin);
}

TEST(timer_periodic)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_periodic);

	tell_tsc_speed(vm);
	expect_exit(vm_run(vm), GUEST_SYNC);
	usleep(20000);
	expect_exit(vm_run(vm), GUEST_DONE);
}

static void guest_deadline(void)
{
	uint64_t begin;

	guest_on(0x72, on_apic_irq);
	apic_enable();
	apic_write(APIC_LVTT, 0x72 | LVT_DEADLINE);
	guest_expect_eq(rdmsr(MSR_TSC_DEADLINE), 0);
	/* It reads as written until it has come; this one does not come. */
	begin = rdtsc();
	wrmsr(MSR_TSC_DEADLINE, begin + 60000 * tsc_per_ms);
	guest_expect_eq(rdmsr(MSR_TSC_DEADLINE), begin + 60000 * tsc_per_ms);
	begin = rdtsc();
	wrmsr(MSR_TSC_DEADLINE, begin + 5 * tsc_per_ms);
	wait_hits(0x72, 1);
	guest_expect(rdtsc() >= begin + 5 * tsc_per_ms);
	guest_expect_eq(rdmsr(MSR_TSC_DEADLINE), 0);
	/* One in the past comes at once; 0 disarms. */
	wrmsr(MSR_TSC_DEADLINE, 1);
	wait_hits(0x72, 2);
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + 50 * tsc_per_ms);
	wrmsr(MSR_TSC_DEADLINE, 0);
	begin = rdtsc();
	sti();
	while (rdtsc() - begin < 60 * tsc_per_ms)
		cpu_relax();
	cli();
	guest_expect_eq(hit_count(0x72), 2);
	/* The initial count means nothing in this mode. */
	apic_write(APIC_TMICT, 1000);
	guest_expect_eq(apic_read(APIC_TMCCT), 0);
}

/*
 * User space tells guests of the deadline timer, when KVM_CAP_TSC_DEADLINE_TIMER says it may (KVM
 * API 4.46).
 */
static void show_deadline_timer(struct vcpu *vcpu)
{
	struct kvm_cpuid2 *list = supported_cpuid();

	expect_eq(cpuid_find(list, 1, 0)->ecx >> 24 & 1, 0);
	cpuid_find(list, 1, 0)->ecx |= 1 << 24;
	must(ioctl(vcpu->fd, KVM_SET_CPUID2, list));
}

TEST(timer_deadline)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_deadline);

	REQUIRE_CAP(KVM_CAP_TSC_DEADLINE_TIMER);
	show_deadline_timer(&vm->vcpu[0]);
	tell_tsc_speed(vm);
	expect_exit(vm_run(vm), GUEST_DONE);
}

/* ---- priorities ------------------------------------------------------------------------------ */

static uint32_t nested_in_61, order[4], nr_order;

static void on_low(struct trap_frame *f)
{
	order[nr_order++] = f->vector;
	guest_expect_eq(apic_read(APIC_PPR), 0x60);
	guest_expect_eq(apic_read(APIC_ISR + 0x30) >> 1 & 1, 1);
	/* One of the same class waits, one of a higher class does not. */
	apic_write(APIC_ICR, ICR_SELF | 0x62);
	apic_write(APIC_ICR, ICR_SELF | 0x81);
	sti_and_cli();
	nested_in_61 = nr_order;
	guest_expect_eq(apic_read(APIC_IRR + 0x30) >> 2 & 1, 1);
	apic_eoi();
}

static void on_other(struct trap_frame *f)
{
	order[nr_order++] = f->vector;
	apic_eoi();
}

static void guest_priorities(void)
{
	uint64_t cr8;

	guest_on(0x61, on_low);
	guest_on(0x62, on_other);
	guest_on(0x81, on_other);
	apic_enable();
	/* Held back by the task priority, seen in the request register. */
	apic_write(APIC_TPR, 0x70);
	asm volatile("mov %%cr8, %0" : "=r"(cr8));
	guest_expect_eq(cr8, 7);
	guest_expect_eq(apic_read(APIC_PPR), 0x70);
	apic_write(APIC_ICR, ICR_SELF | 0x61);
	sti_and_cli();
	guest_expect_eq(GUEST_ONCE(nr_order), 0);
	guest_expect_eq(apic_read(APIC_IRR + 0x30) >> 1 & 1, 1);
	asm volatile("mov %0, %%cr8" : : "r"(6UL));
	guest_expect_eq(apic_read(APIC_TPR), 0x60);
	sti_and_cli();
	guest_expect_eq(GUEST_ONCE(nr_order), 0);
	asm volatile("mov %0, %%cr8" : : "r"(5UL));
	sti_and_cli();
	guest_expect_eq(GUEST_ONCE(nr_order), 3);
	guest_expect_eq(GUEST_ONCE(order[0]), 0x61);
	guest_expect_eq(GUEST_ONCE(order[1]), 0x81);
	guest_expect_eq(GUEST_ONCE(order[2]), 0x62);
	guest_expect_eq(GUEST_ONCE(nested_in_61), 2);
	guest_expect_eq(apic_read(APIC_PPR), 0x50);
}

TEST(priorities)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_priorities);

	expect_exit(vm_run(vm), GUEST_DONE);
}

static void guest_registers(void)
{
	guest_expect_eq(apic_read(APIC_ID) >> 24, 0);
	guest_expect_eq(apic_read(0x30) & 0xff, 0x14);
	guest_expect_eq(apic_read(APIC_SVR), 0xff);
	guest_expect_eq(apic_read(APIC_LVTT) & LVT_MASKED, LVT_MASKED);
	apic_enable();
	apic_write(APIC_LDR, 0x40ffffff);
	guest_expect_eq(apic_read(APIC_LDR), 0x40000000);
	apic_write(APIC_DFR, 0);
	guest_expect_eq(apic_read(APIC_DFR), 0x0fffffff);
	apic_write(APIC_TDCR, 0xff);
	guest_expect_eq(apic_read(APIC_TDCR) & ~0xf, 0);
	apic_write(APIC_LVTT, 0x33);
	guest_expect_eq(apic_read(APIC_LVTT), 0x33);
	/* Software disable masks the whole local vector table. */
	apic_write(APIC_SVR, 0xff);
	guest_expect_eq(apic_read(APIC_LVTT), 0x33 | LVT_MASKED);
}

TEST(registers)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_registers);

	expect_exit(vm_run(vm), GUEST_DONE);
}

/* ---- IPIs ------------------------------------------------------------------------------------ */

#define CPUS	3
#define IPI	0x90

static uint32_t got[CPUS], nmis[CPUS], ready, finish;

static void on_ipi(struct trap_frame *f)
{
	(void)f;
	fetch_add(&got[guest_cpu()], 1);
	apic_eoi();
}

static void on_nmi_ipi(struct trap_frame *f)
{
	(void)f;
	fetch_add(&nmis[guest_cpu()], 1);
}

/* The other vCPUs: flat logical id 1 << n; they wait in a halt. */
static void guest_target(void)
{
	apic_enable();
	apic_write(APIC_LDR, 1u << (24 + guest_cpu()));
	fetch_add(&ready, 1);
	while (!GUEST_ONCE(finish))
		sti_hlt_cli();
}

/* Send, wait until the expected ones have it, and see a little later that no other has. */
static void ipi_reaches(uint32_t dest, uint32_t icr, uint32_t mask)
{
	uint32_t before[CPUS], i;

	for (i = 0; i < CPUS; i++)
		before[i] = GUEST_ONCE(got[i]);
	send_ipi(dest, icr | IPI);
	sti();
	for (i = 0; i < CPUS; i++)
		while (GUEST_ONCE(got[i]) != before[i] + (mask >> i & 1))
			cpu_relax();
	cli();
	guest_sync(0);
	for (i = 0; i < CPUS; i++)
		guest_expect_eq(GUEST_ONCE(got[i]), before[i] + (mask >> i & 1));
}

static void guest_sender(void)
{
	uint32_t i, sum;

	guest_on(IPI, on_ipi);
	guest_on(VEC_NMI, on_nmi_ipi);
	apic_enable();
	apic_write(APIC_LDR, 1 << 24);
	while (GUEST_ONCE(ready) < CPUS - 1)
		cpu_relax();
	ipi_reaches(0, 0, 1);
	ipi_reaches(1, 0, 2);
	ipi_reaches(2, ICR_ASSERT, 4);
	ipi_reaches(0xff, 0, 7);
	ipi_reaches(0, ICR_SELF, 1);
	ipi_reaches(0, ICR_ALL, 7);
	ipi_reaches(0, ICR_OTHERS, 6);
	ipi_reaches(1 << 1, ICR_LOGICAL, 2);
	ipi_reaches(1 << 0 | 1 << 2, ICR_LOGICAL, 5);
	ipi_reaches(0xff, ICR_LOGICAL, 7);
	ipi_reaches(7, 0, 0);			/* nobody has this id */
	/* Lowest priority: exactly one of the two. */
	sum = GUEST_ONCE(got[1]) + GUEST_ONCE(got[2]);
	send_ipi(1 << 1 | 1 << 2, ICR_LOGICAL | ICR_LOWEST | IPI);
	while (GUEST_ONCE(got[1]) + GUEST_ONCE(got[2]) == sum)
		cpu_relax();
	guest_sync(0);
	guest_expect_eq(GUEST_ONCE(got[1]) + GUEST_ONCE(got[2]), sum + 1);
	send_ipi(1, ICR_NMI);
	while (!GUEST_ONCE(nmis[1]))
		cpu_relax();
	GUEST_ONCE(finish) = 1;
	for (i = 1; i < CPUS; i++)
		send_ipi(i, IPI);
}

/* The sender's exits give the others time to do what they should not. */
static void run_sender(struct vm *vm)
{
	int exit;

	while ((exit = vm_run(vm)) == GUEST_SYNC)
		usleep(2000);
	expect_exit(exit, GUEST_DONE);
}

TEST(ipis)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_sender);
	int i;

	for (i = 1; i < CPUS; i++)
		vcpu_run_async(vcpu_start(vm, i, guest_target));
	run_sender(vm);
	for (i = 1; i < CPUS; i++)
		vcpu_join(&vm->vcpu[i]);
}

/* Cluster model: upper four bits the cluster, lower four the member. */
static void guest_cluster_target(void)
{
	apic_enable();
	apic_write(APIC_DFR, 0x0fffffff);
	apic_write(APIC_LDR, (guest_cpu() == 1 ? 0x02u : 0x11u) << 24);
	fetch_add(&ready, 1);
	while (!GUEST_ONCE(finish))
		sti_hlt_cli();
}

static void guest_cluster_sender(void)
{
	uint32_t i;

	guest_on(IPI, on_ipi);
	apic_enable();
	apic_write(APIC_DFR, 0x0fffffff);
	apic_write(APIC_LDR, 0x01u << 24);
	while (GUEST_ONCE(ready) < CPUS - 1)
		cpu_relax();
	ipi_reaches(0x01, ICR_LOGICAL, 1);
	ipi_reaches(0x02, ICR_LOGICAL, 2);
	ipi_reaches(0x03, ICR_LOGICAL, 3);
	ipi_reaches(0x11, ICR_LOGICAL, 4);
	ipi_reaches(0x1f, ICR_LOGICAL, 4);
	ipi_reaches(0x21, ICR_LOGICAL, 0);
	GUEST_ONCE(finish) = 1;
	for (i = 1; i < CPUS; i++)
		send_ipi(i, IPI);
}

TEST(ipis_logical_cluster)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_cluster_sender);
	int i;

	for (i = 1; i < CPUS; i++)
		vcpu_run_async(vcpu_start(vm, i, guest_cluster_target));
	run_sender(vm);
	for (i = 1; i < CPUS; i++)
		vcpu_join(&vm->vcpu[i]);
}

/* ---- INIT and SIPI --------------------------------------------------------------------------- */

#define AP_PAGE		0x9000
#define AP_FLAG		0x9800

REAL_CODE(ap_start,
	  "movw %cs, %ax\n movw %ax, %ds\n movw %ax, (0x802)\n incw (0x800)\n cli\n 1: hlt\n jmp 1b");

static void wait_for_ap(uint16_t starts)
{
	while (*(volatile uint16_t *)AP_FLAG != starts)
		cpu_relax();
	guest_expect_eq(*(volatile uint16_t *)(AP_FLAG + 2), AP_PAGE >> 4);
}

static void guest_starts_ap(void)
{
	apic_enable();
	send_ipi(1, ICR_INIT | ICR_ASSERT);
	send_ipi(1, ICR_SIPI | AP_PAGE >> 12);
	wait_for_ap(1);
	/* A second SIPI without INIT is not heard; after an INIT it is. */
	send_ipi(1, ICR_SIPI | AP_PAGE >> 12);
	guest_sync(0);
	wait_for_ap(1);
	send_ipi(1, ICR_INIT | ICR_ASSERT);
	send_ipi(1, ICR_SIPI | AP_PAGE >> 12);
	wait_for_ap(2);
}

static void on_kick(int sig)
{
	(void)sig;
}

static void *run_ap(void *arg)
{
	struct vcpu *ap = arg;
	int r;

	/* A vCPU that leaves its wait for a SIPI may return with EAGAIN, to be run again. */
	do {
		r = vcpu_try_run(ap);
	} while ((r == -EINTR || r == -EAGAIN) && !ap->sync);
	return NULL;
}

TEST(init_sipi)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_starts_ap);
	struct vcpu *ap = vcpu_new(vm, 1);
	struct kvm_mp_state state;

	signal(SIGUSR1, on_kick);
	memcpy(vm->mem + AP_PAGE, ap_start, ap_start_end - ap_start);
	pthread_create(&ap->thread, NULL, run_ap, ap);
	run_sender(vm);
	/* It is on its way to the HLT. The distribution's does not answer while a vCPU runs. */
	while (!distro_modules() && !kvm_stat(ap->fd, "blocking"))
		usleep(1000);
	ap->sync = 1;
	ap->run->immediate_exit = 1;
	pthread_kill(ap->thread, SIGUSR1);
	pthread_join(ap->thread, NULL);
	must(ioctl(ap->fd, KVM_GET_MP_STATE, &state));
	expect_eq(state.mp_state, KVM_MP_STATE_HALTED);
	expect_eq(vcpu_sregs(ap).cs.base, AP_PAGE);
}

/* ---- x2APIC ---------------------------------------------------------------------------------- */

static void on_x2_irq(struct trap_frame *f)
{
	fetch_add(&hits[f->vector], 1);
	wrmsr(X2(0xb0), 0);
}

static void guest_x2apic(void)
{
	uint64_t base = rdmsr(MSR_APICBASE);

	guest_on(IPI, on_x2_irq);
	guest_on(IPI + 1, on_x2_irq);
	guest_expect_eq(base & (APICBASE_EN | APICBASE_X2), APICBASE_EN);
	guest_expect_eq(try_rdmsr(X2(APIC_ID)), VEC_GP);
	wrmsr(MSR_APICBASE, base | APICBASE_X2);
	guest_expect_eq(rdmsr(MSR_APICBASE) & APICBASE_X2, APICBASE_X2);
	wrmsr(X2(APIC_SVR), 0x1ff);
	guest_expect_eq(rdmsr(X2(APIC_ID)), guest_cpu());
	guest_expect_eq(rdmsr(X2(APIC_LDR)), 1UL << guest_cpu());
	wrmsr(X2_SELF_IPI, IPI);
	wait_hits(IPI, 1);
	wrmsr(X2(APIC_ICR), (uint64_t)guest_cpu() << 32 | IPI);
	wait_hits(IPI, 2);
	wrmsr(X2(APIC_ICR), 1UL << 32 | ICR_LOGICAL | (IPI + 1));	/* cluster 0, member 0 */
	wait_hits(IPI + 1, 1);
	guest_expect_eq(rdmsr(X2(APIC_ICR)), 1UL << 32 | ICR_LOGICAL | (IPI + 1));
	/* No DFR, read-only LDR and ID, reserved bits, and no way straight back to xAPIC. */
	guest_expect_eq(try_rdmsr(X2(APIC_DFR)), VEC_GP);
	guest_expect_eq(try_wrmsr(X2(APIC_LDR), 1), VEC_GP);
	guest_expect_eq(try_wrmsr(X2(APIC_ID), 1), VEC_GP);
	guest_expect_eq(try_rdmsr(X2(0xb0)), VEC_GP);
	guest_expect_eq(try_wrmsr(X2(APIC_SVR), 1UL << 32), VEC_GP);
	guest_expect_eq(try_wrmsr(MSR_APICBASE, base), VEC_GP);
	wrmsr(MSR_APICBASE, base & ~APICBASE_EN);
	guest_expect_eq(try_wrmsr(MSR_APICBASE, (base & ~APICBASE_EN) | APICBASE_X2), VEC_GP);
	wrmsr(MSR_APICBASE, base);
	apic_enable();
	guest_expect_eq(apic_read(APIC_ID) >> 24, guest_cpu());
}

TEST(x2apic)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_x2apic);

	expect_exit(vm_run(vm), GUEST_DONE);
}

static void x2_enable(void)
{
	wrmsr(MSR_APICBASE, rdmsr(MSR_APICBASE) | APICBASE_X2);
	wrmsr(X2(APIC_SVR), 0x1ff);
}

static void on_x2_ipi(struct trap_frame *f)
{
	(void)f;
	fetch_add(&got[guest_cpu()], 1);
	wrmsr(X2(0xb0), 0);
}

static void guest_x2_target(void)
{
	x2_enable();
	fetch_add(&ready, 1);
	while (!GUEST_ONCE(finish))
		sti_hlt_cli();
}

static void x2_reaches(uint64_t icr, uint32_t mask)
{
	uint32_t before[CPUS], i;

	for (i = 0; i < CPUS; i++)
		before[i] = GUEST_ONCE(got[i]);
	wrmsr(X2(APIC_ICR), icr | IPI);
	sti();
	for (i = 0; i < CPUS; i++)
		while (GUEST_ONCE(got[i]) != before[i] + (mask >> i & 1))
			cpu_relax();
	cli();
	guest_sync(0);
	for (i = 0; i < CPUS; i++)
		guest_expect_eq(GUEST_ONCE(got[i]), before[i] + (mask >> i & 1));
}

/* The vCPUs are 0, 1 and 17: the last is member 1 of cluster 1. */
static void guest_x2_sender(void)
{
	guest_on(IPI, on_x2_ipi);
	x2_enable();
	while (GUEST_ONCE(ready) < CPUS - 1)
		cpu_relax();
	x2_reaches(1UL << 32, 2);
	x2_reaches(17UL << 32, 4);
	x2_reaches(0xffffffffUL << 32, 7);
	x2_reaches(3UL << 32 | ICR_LOGICAL, 3);
	x2_reaches(0x10002UL << 32 | ICR_LOGICAL, 4);
	x2_reaches(0x10001UL << 32 | ICR_LOGICAL, 0);
	x2_reaches(ICR_OTHERS, 6);
	x2_reaches(ICR_ALL, 7);
	GUEST_ONCE(finish) = 1;
	wrmsr(X2(APIC_ICR), ICR_OTHERS | IPI);
}

TEST(x2apic_ipis)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_x2_sender);
	static const int ids[] = { 0, 1, 17 };
	int i;

	for (i = 1; i < CPUS; i++)
		vcpu_run_async(vcpu_start(vm, ids[i], guest_x2_target));
	run_sender(vm);
	for (i = 1; i < CPUS; i++)
		vcpu_join(&vm->vcpu[i]);
}

/* ---- a halted vCPU and its wake-ups ---------------------------------------------------------- */

static void guest_pings(void)
{
	uint32_t i;

	apic_enable();
	fetch_add(&ready, 1);
	while (GUEST_ONCE(ready) < 2)
		cpu_relax();
	for (i = 1; i <= 200; i++) {
		if (!guest_cpu())
			send_ipi(1, IPI);
		while (GUEST_ONCE(got[guest_cpu()]) < i)
			sti_hlt_cli();
		if (guest_cpu())
			send_ipi(0, IPI);
	}
}

/* Two vCPUs that sleep in turn: a single lost wake-up hangs them. */
TEST(ipi_ping_pong)
{
	struct vm *vm = vm_new(VM_IRQCHIP);
	int i;

	*in_guest(vm, &guest_handlers[IPI]) = on_ipi;
	for (i = 0; i < 2; i++)
		vcpu_start(vm, i, guest_pings);
	for (i = 0; i < 2; i++)
		vcpu_run_async(&vm->vcpu[i]);
	for (i = 0; i < 2; i++)
		vcpu_join(&vm->vcpu[i]);
}
