// SPDX-License-Identifier: GPL-2.0-only
/*
 * System management mode: what comes while a vCPU is in it, what an SMI comes upon, and the ways on
 * which one comes.
 */

#include "smm.h"

/*
 * What waits at the doors.
 */
static uint32_t nmis;

static void on_nmi(struct trap_frame *f)
{
	(void)f;
	GUEST_ONCE(nmis)++;
	if (GUEST_ONCE(nmis) == 1) {
		guest_outside();
		guest_expect_eq(GUEST_ONCE(nmis), 1);
	}
}

static void guest_nmis(void)
{
	guest_on(VEC_NMI, on_nmi);
	guest_outside();
	while (GUEST_ONCE(nmis) < 2)
		;
	guest_sync(GUEST_ONCE(nmis));
}

/* An NMI that comes in SMM is taken behind RSM, and one that is being handled masks the next. */
TEST(nmi_waits_for_rsm)
{
	struct vm *vm = smm_vm(0, guest_nmis);
	struct vcpu *vcpu = &vm->vcpu[0];

	fails_in_bochs("NMIs that one guest has masked in SMM stay masked for the next");
	run_to(vcpu, OUTSIDE);
	send_smi(vcpu);
	run_to(vcpu, INSIDE);
	must(ioctl(vcpu->fd, KVM_NMI, 0));
	expect_eq(events_of(vcpu).nmi.masked, 1);
	expect_eq(events_of(vcpu).nmi.pending, 1);
	expect_eq(events_of(vcpu).smi.smm_inside_nmi, 0);
	expect_eq(*in_guest(vm, &nmis), 0);
	run_to(vcpu, OUTSIDE);		/* the NMI handler */
	expect_eq(*in_guest(vm, &nmis), 1);
	send_smi(vcpu);
	must(ioctl(vcpu->fd, KVM_NMI, 0));
	run_to(vcpu, INSIDE);
	expect_eq(events_of(vcpu).smi.smm_inside_nmi, 1);
	expect_exit(vcpu_run(vcpu), GUEST_SYNC);
	expect_eq(vcpu->sync, 2);
	expect_eq(events_of(vcpu).nmi.masked, 0);
}

/* Both at once: SMM first, and in it neither the NMI nor a second SMI. */
TEST(smi_goes_before_nmi)
{
	struct vm *vm = smm_vm(0, guest_nmis);
	struct vcpu *vcpu = &vm->vcpu[0];

	fails_in_bochs("NMIs that one guest has masked in SMM stay masked for the next");
	run_to(vcpu, OUTSIDE);
	must(ioctl(vcpu->fd, KVM_NMI, 0));
	send_smi(vcpu);
	run_to(vcpu, INSIDE);
	expect_eq(events_of(vcpu).smi.smm_inside_nmi, 0);
	expect_eq(*in_guest(vm, &nmis), 0);
	send_smi(vcpu);
	send_smi(vcpu);			/* they do not add up */
	expect_eq(events_of(vcpu).smi.pending, 1);
	run_to(vcpu, INSIDE);
	expect_eq(*in_guest(vm, &nmis), 0);
	expect_eq(events_of(vcpu).smi.pending, 0);
	run_to(vcpu, OUTSIDE);
	expect_eq(*in_guest(vm, &nmis), 1);
	must(ioctl(vcpu->fd, KVM_NMI, 0));
	expect_exit(vcpu_run(vcpu), GUEST_SYNC);
	expect_eq(vcpu->sync, 2);
}

static void on_wake(struct trap_frame *f)
{
	(void)f;
	GUEST_ONCE(nmis)++;
}

static void guest_halts(void)
{
	guest_on(VEC_NMI, on_wake);
	guest_outside();
	cli();
	hlt();
	guest_sync(GUEST_ONCE(nmis));
}

/* Run for a while: nothing comes out, the vCPU sleeps. */
static void expect_sleep(struct vcpu *vcpu)
{
	expect_eq(vcpu_run_for(vcpu, 300), -EINTR);
}

static struct vcpu *halted_then_smi(void)
{
	struct vm *vm = smm_vm(VM_IRQCHIP, guest_halts);
	struct vcpu *vcpu = &vm->vcpu[0];

	run_to(vcpu, OUTSIDE);
	expect_sleep(vcpu);
	expect_eq(mp_state(vcpu), KVM_MP_STATE_HALTED);
	send_smi(vcpu);
	run_to(vcpu, INSIDE);
	expect_eq(mp_state(vcpu), KVM_MP_STATE_RUNNABLE);
	return vcpu;
}

/* An SMI ends a HLT; where the handler says so, RSM goes on behind it. */
TEST(smi_ends_halt)
{
	struct vcpu *vcpu = halted_then_smi();

	smram[WIDE_HALT] = 0;
	expect_exit(vcpu_run(vcpu), GUEST_SYNC);
	expect_eq(vcpu->sync, 0);
}

/* Else it goes back to sleep (APM vol 2, 10.3.3). */
TEST(rsm_goes_back_to_halt)
{
	struct vcpu *vcpu = halted_then_smi();

	fails_in_bochs("NMIs that one guest has masked in SMM stay masked for the next");
	expect_eq(events_of(vcpu).smi.smm_inside_nmi, 0);
	if (distro_modules() && !smram[WIDE_HALT])
		skip("the distribution's KVM never goes back");
	expect_eq(smram[WIDE_HALT], 1);
	expect_sleep(vcpu);
	expect_eq(mp_state(vcpu), KVM_MP_STATE_HALTED);
	expect_eq(vcpu->run->flags & KVM_RUN_X86_SMM, 0);
	must(ioctl(vcpu->fd, KVM_NMI, 0));
	expect_exit(vcpu_run(vcpu), GUEST_SYNC);
	expect_eq(vcpu->sync, 1);
}

/* The shadow of an STI is none of the handler's, and there again behind RSM. */
TEST(interrupt_shadow)
{
	struct vm *vm = smm_vm(0, guest_outside);
	struct vcpu *vcpu = &vm->vcpu[0];
	struct kvm_vcpu_events e;

	run_to(vcpu, OUTSIDE);
	/* What is left of the OUT is done first. */
	vcpu->run->immediate_exit = 1;
	expect_eq(vcpu_try_run(vcpu), -EINTR);
	vcpu->run->immediate_exit = 0;
	e = events_of(vcpu);
	e.interrupt.shadow = KVM_X86_SHADOW_INT_STI;
	e.smi.pending = 1;
	must(ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &e));
	run_to(vcpu, INSIDE);
	expect_eq(events_of(vcpu).interrupt.shadow, 0);
	expect_exit(vcpu_run(vcpu), GUEST_DONE);
}

/* INIT is latched; SIPI is lost. */
TEST(init_waits_for_rsm)
{
	struct vm *vm = vm_new(VM_IRQCHIP);
	struct kvm_msi init = { .address_lo = APIC_GPA | 1 << 12, .data = 5 << 8 | 1 << 14 };
	struct kvm_msi sipi = { .address_lo = APIC_GPA | 1 << 12, .data = 6 << 8 | 0x10 };
	struct vcpu *vcpu;
	uint64_t base;

	if (distro_modules())
		skip("the distribution's KVM accepts no INIT by KVM_SIGNAL_MSI");
	vcpu_start(vm, 0, guest_return);
	vcpu = vcpu_start(vm, 1, guest_outside);
	add_smram(vm, stopping_handler, sizeof(stopping_handler), 0);
	move_smbase(vcpu);
	run_to(vcpu, OUTSIDE);
	send_smi(vcpu);
	run_to(vcpu, INSIDE);
	expect_eq(events_of(vcpu).smi.latched_init, 0);
	expect_eq(ioctl(vm->fd, KVM_SIGNAL_MSI, &init), 1);
	expect_eq(ioctl(vm->fd, KVM_SIGNAL_MSI, &sipi), 1);
	expect_eq(events_of(vcpu).smi.latched_init, 1);
	expect_eq(mp_state(vcpu), KVM_MP_STATE_RUNNABLE);
	expect_sleep(vcpu);
	expect_eq(mp_state(vcpu), KVM_MP_STATE_INIT_RECEIVED);
	expect_eq(events_of(vcpu).smi.smm, 0);
	expect_eq(events_of(vcpu).smi.latched_init, 0);
	expect_eq(vcpu_get_msr(vcpu, MSR_SMBASE, &base), 1);
	expect_eq(base, SMRAM_GPA + SZ_64K);	/* INIT leaves it alone */
}

/*
 * SMIs by message.
 */
static uint32_t smis;

/* lock incl smis; rsm, in a segment without limits */
REAL_CODE(counting_handler, "lock addr32 incl smis\n rsm");

static struct vm *counting_vm(void (*guest)(void))
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest);

	add_smram(vm, counting_handler, counting_handler_end - counting_handler, 0);
	move_smbase(&vm->vcpu[0]);
	return vm;
}

static void guest_sends_smi(void)
{
	apic_only();
	apic_write(APIC_ICR2, 0);
	apic_write(APIC_ICR, 2 << 8);			/* to itself, by number */
	guest_expect_eq(GUEST_ONCE(smis), 1);
	apic_write(APIC_ICR, 1 << 18 | 2 << 8);		/* itself, by shorthand */
	guest_expect_eq(GUEST_ONCE(smis), 2);
}

TEST(smi_to_oneself)
{
	expect_exit(vm_run(counting_vm(guest_sends_smi)), GUEST_DONE);
}

static uint32_t ready, over;

static void guest_is_hit(void)
{
	sti();
	GUEST_ONCE(ready) = 1;
	while (!GUEST_ONCE(over))
		cpu_relax();
}

static void guest_hits_other(void)
{
	uint32_t n;

	apic_only();
	sti();		/* Bochs never leaves a guest that spins with interrupts off */
	while (!GUEST_ONCE(ready))
		cpu_relax();
	for (n = 1; n <= 100; n++) {
		apic_write(APIC_ICR2, 1 << 24);
		apic_write(APIC_ICR, 2 << 8);
		while (GUEST_ONCE(smis) < n)
			cpu_relax();
	}
	guest_expect_eq(GUEST_ONCE(smis), 100);
	GUEST_ONCE(over) = 1;
}

TEST(smi_to_another)
{
	struct vm *vm = counting_vm(guest_hits_other);
	struct vcpu *other = vcpu_start(vm, 1, guest_is_hit);

	move_smbase(other);
	vcpu_run_async(other);
	vcpu_run_async(&vm->vcpu[0]);
	vcpu_join(&vm->vcpu[0]);
	vcpu_join(other);
}

static void guest_waits_for_smis(void)
{
	uint32_t n;

	apic_only();
	ioapic_route(4, 0, 2 << 8);
	for (n = 1; n <= 3; n++) {
		guest_sync(n);
		guest_expect_eq(GUEST_ONCE(smis), n);
	}
}

TEST(smi_by_pin_and_message)
{
	struct vm *vm = counting_vm(guest_waits_for_smis);
	struct kvm_msi msi = { .address_lo = APIC_GPA, .data = 2 << 8 };

	expect_exit(vm_run(vm), GUEST_SYNC);
	irq_line(vm, 4, 1);
	irq_line(vm, 4, 0);
	expect_exit(vm_run(vm), GUEST_SYNC);
	must(ioctl(vm->fd, KVM_SIGNAL_MSI, &msi));
	expect_exit(vm_run(vm), GUEST_SYNC);
	send_smi(&vm->vcpu[0]);
	expect_exit(vm_run(vm), GUEST_DONE);
}
