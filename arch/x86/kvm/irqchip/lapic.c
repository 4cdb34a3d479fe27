// SPDX-License-Identifier: GPL-2.0-only
/*
 * The local APIC: what waits (IRR), what is in service (ISR), and which of it may interrupt now.
 *
 * A sender, on any CPU and in any context, sets a bit of IRR and makes the request; everything else
 * is done by the vCPU's own thread, which looks at IRR before it enters the guest. So IRR is the
 * only meeting place, and needs no lock. Two small caches keep the common questions short:
 * irr_pending is false only while IRR is empty, and isr_highest is the vector that counts for PPR.
 *
 * References: SDM vol 3, chapter 10.
 */
#include "ioapic.h"
#include "lapic.h"
#include "../smm.h"

/* Version 0x14: an integrated xAPIC with ESR and, by its entry count, no LVT CMCI. */
#define LAPIC_VERSION		0x14
#define LAPIC_MAX_LVT		5

static int highest_vector(const struct lapic *a, u32 reg)
{
	int word;
	u32 bits;

	for (word = 7; word >= 0; word--) {
		bits = lapic_reg(a, reg + (word << 4));
		if (bits)
			return (word << 5) + __fls(bits);
	}
	return -1;
}

static unsigned int count_vectors(const struct lapic *a, u32 reg)
{
	unsigned int n = 0, word;

	for (word = 0; word < 8; word++)
		n += hweight32(lapic_reg(a, reg + (word << 4)));
	return n;
}

int lapic_highest_irr(struct lapic *a)
{
	if (!READ_ONCE(a->irr_pending))
		return -1;
	lapic_take_posted(a);
	return highest_vector(a, APIC_IRR);
}

int lapic_highest_isr(const struct lapic *a)
{
	return highest_vector(a, APIC_ISR);
}

static void recount_isr(struct lapic *a)
{
	a->isr_highest = highest_vector(a, APIC_ISR);
	a->isr_count = count_vectors(a, APIC_ISR);
}

/* The registers have been written as a whole: make what mirrors them true again. */
void lapic_recount(struct lapic *a)
{
	WRITE_ONCE(a->irr_pending, true);
	recount_isr(a);
	a->timer.mode = lapic_reg(a, APIC_LVTT) & LAPIC_LVT_TIMER_MODE;
	WRITE_ONCE(a->sw_enabled, lapic_reg(a, APIC_SPIV) & APIC_SPIV_APIC_ENABLED);
	lapic_update_ppr(a);
}

/* Processor priority: the task's, or that of the class in service if higher (10.8.3.1). */
void lapic_update_ppr(struct lapic *a)
{
	u32 tpr = lapic_reg(a, APIC_TASKPRI);
	u32 old = lapic_reg(a, APIC_PROCPRI);
	u32 isr, ppr;

	if (a->by_hardware)
		recount_isr(a);
	isr = a->isr_highest < 0 ? 0 : a->isr_highest & 0xf0;
	ppr = (tpr & 0xf0) >= isr ? tpr : isr;
	if (ppr == old)
		return;
	lapic_reg_set(a, APIC_PROCPRI, ppr);
	if (ppr < old && READ_ONCE(a->irr_pending))
		kvm_request(a->vcpu, KVM_REQ_EVENT);
}

/*
 * A task priority that rises matters to what waits as well: the backend must then see to it that it
 * notices the fall.
 */
void lapic_write_tpr(struct lapic *a, u8 tpr)
{
	if (tpr == lapic_reg(a, APIC_TASKPRI))
		return;
	lapic_reg_set(a, APIC_TASKPRI, tpr);
	lapic_update_ppr(a);
	if (READ_ONCE(a->irr_pending))
		kvm_request(a->vcpu, KVM_REQ_EVENT);
}

/*
 * Acceptance.
 */

void lapic_wake(struct lapic *a)
{
	kvm_request(a->vcpu, KVM_REQ_EVENT);
	kvm_vcpu_kick(a->vcpu);
}

/* TMR must be right by the time the vector can be taken. Return: whether the vector is accepted. */
static bool set_trigger(struct lapic *a, const struct apic_message *msg)
{
	u8 vector = msg->vector;

	/* Vectors below 16 are illegal; a level message that says "low" asks for nothing. */
	if (!lapic_enabled(a) || vector < 16 || (msg->level && !msg->assert))
		return false;
	if (lapic_vector_test(a, APIC_TMR, vector) == msg->level)
		return true;
	if (msg->level)
		set_bit(vector & 31, lapic_vector_word(a, APIC_TMR, vector));
	else
		clear_bit(vector & 31, lapic_vector_word(a, APIC_TMR, vector));
	return true;
}

static int into_irr(struct lapic *a, u8 vector)
{
	if (test_and_set_bit(vector & 31, lapic_vector_word(a, APIC_IRR, vector)))
		return 0;
	WRITE_ONCE(a->irr_pending, true);
	return 1;
}

static int accept_vector(struct lapic *a, const struct apic_message *msg)
{
	if (!set_trigger(a, msg))
		return -1;
	if (a->posts)
		return lapic_post(a, msg->vector);
	if (!into_irr(a, msg->vector))
		return 0;
	lapic_wake(a);
	return 1;
}

static int accept_init(struct lapic *a, const struct apic_message *msg)
{
	/* The level de-assert form only synchronized arbitration ids, long ago (10.6.1). */
	if (msg->level && !msg->assert)
		return -1;
	xchg(&a->init_sipi, BIT(LAPIC_INIT_PENDING));	/* forgets a SIPI that came before */
	lapic_wake(a);
	return 1;
}

static int accept_sipi(struct lapic *a, const struct apic_message *msg)
{
	WRITE_ONCE(a->sipi_vector, msg->vector);
	smp_mb__before_atomic();	/* pairs with the one in lapic_accept_init_sipi() */
	set_bit(LAPIC_SIPI_PENDING, &a->init_sipi);
	lapic_wake(a);
	return 1;
}

/**
 * lapic_accept - one LAPIC gets one message that is addressed to it
 * @a: the LAPIC
 * @msg: the message
 *
 * Context: any but NMI.
 * Return: 1 accepted, 0 the same vector was waiting already, -1 not accepted.
 */
int lapic_accept(struct lapic *a, const struct apic_message *msg)
{
	trace_kvm_apic_accept_irq(a->vcpu->id, msg->delivery << 8, msg->level, msg->vector);
	switch (msg->delivery << 8) {
	case APIC_DM_FIXED:
	case APIC_DM_LOWEST:
		return accept_vector(a, msg);
	case APIC_DM_NMI:
		x86_inject_nmi(a->vcpu);
		return 1;
	case APIC_DM_SMI:
		smm_send_smi(a->vcpu);
		return 1;
	case APIC_DM_INIT:
		return accept_init(a, msg);
	case APIC_DM_STARTUP:
		return accept_sipi(a, msg);
	case APIC_DM_EXTINT:	/* the vector is asked of the i8259 when it can be taken */
		lapic_wake(a);
		return 1;
	default:
		return -1;
	}
}

/*
 * The timer's interrupt, through its LVT entry, which knows fixed delivery only. The vCPU's thread
 * is about to look at its events anyway.
 */
void lapic_timer_deliver(struct lapic *a)
{
	u32 entry = lapic_reg(a, APIC_LVTT);
	const struct apic_message msg = {
		.vector	= entry & APIC_VECTOR_MASK,
		.assert	= true,
	};

	if (!(entry & APIC_LVT_MASKED) && set_trigger(a, &msg))
		into_irr(a, msg.vector);
}

/*
 * End of interrupt.
 */

/*
 * lapic_eoi_broadcast() - tell the IOAPICs that a vector's service has ended
 *
 * The IOAPIC wants to know of level-triggered vectors, and also of edge-triggered ones with an ack
 * notifier behind them; it keeps a bitmap of both. One in user space is told
 * of the level-triggered ones of its routes only.
 */
void lapic_eoi_broadcast(struct lapic *a, u8 vector)
{
	struct kvm *kvm = a->vcpu->kvm;
	bool level = lapic_vector_test(a, APIC_TMR, vector);

	if (!irqchip_eoi_wanted(kvm, vector))
		return;
	if (!irqchip_full(kvm)) {
		if (!level)
			return;
		a->eoi_vector = vector;
		kvm_request(a->vcpu, KVM_REQ_IOAPIC_EOI_EXIT);
		return;
	}
	if (lapic_reg(a, APIC_SPIV) & APIC_SPIV_DIRECTED_EOI)
		level = false;
	ioapic_eoi(kvm, vector, level);
}

void lapic_eoi(struct lapic *a)
{
	int vector;

	if (a->by_hardware) {
		recount_isr(a);
		kvm_request(a->vcpu, KVM_REQ_EVENT);	/* it must hear of it */
	}
	vector = a->isr_highest;
	trace_kvm_eoi(a->vcpu->vcpu_id, vector);
	if (vector < 0)
		return;
	__clear_bit(vector & 31, lapic_vector_word(a, APIC_ISR, vector));
	a->isr_count--;
	a->isr_highest = highest_vector(a, APIC_ISR);
	lapic_update_ppr(a);
	lapic_eoi_broadcast(a, vector);
}

/**
 * lapic_pending_eoi_vector - for KVM_REQ_IOAPIC_EOI_EXIT: what to put into kvm_run->eoi.vector
 * @vcpu: the vCPU
 */
int lapic_pending_eoi_vector(struct kvm_vcpu *vcpu)
{
	return to_lapic(vcpu)->eoi_vector;
}

/*
 * What the run loop asks.
 */

/* The highest vector that is above the processor's priority class, -1 none. */
static int lapic_next(struct lapic *a)
{
	int vector;

	if (!lapic_enabled(a))
		return -1;
	vector = lapic_highest_irr(a);
	if (vector < 0 || (vector & 0xf0) <= (lapic_reg(a, APIC_PROCPRI) & 0xf0))
		return -1;
	return vector;
}

int lapic_peek(struct kvm_vcpu *vcpu)
{
	return lapic_next(to_lapic(vcpu));
}

/*
 * From IRR to ISR. irr_pending goes down before the scan: whoever sets a bit behind the scan sets
 * it again afterwards.
 */
int lapic_take(struct kvm_vcpu *vcpu)
{
	struct lapic *a = to_lapic(vcpu);
	int vector = lapic_next(a);

	if (vector < 0)
		return -1;
	WRITE_ONCE(a->irr_pending, false);
	clear_bit(vector & 31, lapic_vector_word(a, APIC_IRR, vector));
	smp_mb__after_atomic();
	lapic_take_posted(a);
	if (highest_vector(a, APIC_IRR) >= 0)
		WRITE_ONCE(a->irr_pending, true);

	__set_bit(vector & 31, lapic_vector_word(a, APIC_ISR, vector));
	a->isr_count++;
	a->isr_highest = vector;	/* above PPR, hence above all others in service */
	lapic_update_ppr(a);
	return vector;
}

int irqchip_highest_irr(struct kvm_vcpu *vcpu)
{
	struct lapic *a = to_lapic(vcpu);

	return a && lapic_enabled(a) ? lapic_highest_irr(a) : -1;
}

bool lapic_hw_enabled(struct kvm_vcpu *vcpu)
{
	return READ_ONCE(to_x86(vcpu)->apic_base) & MSR_IA32_APICBASE_ENABLE;
}
EXPORT_SYMBOL_GPL(lapic_hw_enabled);

/* An i8259 is wired to LINT0. A LAPIC that is turned off passes it through (10.4.3). */
bool lapic_accepts_extint(struct kvm_vcpu *vcpu)
{
	struct lapic *a = to_lapic(vcpu);
	u32 lvt0;

	if (!a || !lapic_hw_enabled(vcpu))
		return true;
	lvt0 = lapic_reg(a, APIC_LVT0);
	return !(lvt0 & APIC_LVT_MASKED) && (lvt0 & APIC_MODE_MASK) == APIC_DM_EXTINT;
}

/* The i8254 as an NMI watchdog: LINT0 delivers its edges as NMIs. */
bool irqchip_nmi_from_pit(struct kvm_vcpu *vcpu)
{
	struct lapic *a = to_lapic(vcpu);
	u32 lvt0;

	if (!a || !lapic_hw_enabled(vcpu))
		return false;
	lvt0 = lapic_reg(a, APIC_LVT0);
	return !(lvt0 & APIC_LVT_MASKED) && (lvt0 & APIC_MODE_MASK) == APIC_DM_NMI;
}

u64 lapic_get_tpr(struct kvm_vcpu *vcpu)
{
	return (lapic_reg(to_lapic(vcpu), APIC_TASKPRI) & 0xf0) >> 4;
}

void lapic_set_tpr(struct kvm_vcpu *vcpu, unsigned long cr8)
{
	lapic_write_tpr(to_lapic(vcpu), (cr8 & 0xf) << 4);
}

/* The register page, for hardware that knows its layout; NULL without a LAPIC here. */
void *lapic_page(struct kvm_vcpu *vcpu)
{
	return to_lapic(vcpu) ? to_lapic(vcpu)->regs : NULL;
}
EXPORT_SYMBOL_GPL(lapic_page);

/* Such hardware has written the TPR there. If it delivers, it knows what that means. */
void lapic_tpr_changed(struct kvm_vcpu *vcpu)
{
	if (to_lapic(vcpu)->by_hardware)
		return;
	lapic_update_ppr(to_lapic(vcpu));
	if (READ_ONCE(to_lapic(vcpu)->irr_pending))
		kvm_request(vcpu, KVM_REQ_EVENT);
}
EXPORT_SYMBOL_GPL(lapic_tpr_changed);

/*
 * Split irqchip: the i8259 is user space's, which hands over a vector by KVM_INTERRUPT when asked
 * to. One at a time.
 */
bool lapic_user_extint_ready(struct kvm_vcpu *vcpu)
{
	return to_lapic(vcpu)->user_vector < 0 && lapic_accepts_extint(vcpu);
}

int lapic_user_extint(struct kvm_vcpu *vcpu, u8 vector)
{
	struct lapic *a = to_lapic(vcpu);

	if (a->user_vector >= 0)
		return -EEXIST;
	a->user_vector = vector;
	kvm_request(vcpu, KVM_REQ_EVENT);
	return 0;
}

/*
 * INIT and SIPI.
 */
bool lapic_init_sipi_pending(struct kvm_vcpu *vcpu)
{
	struct lapic *a = to_lapic(vcpu);

	return a && READ_ONCE(a->init_sipi) && !to_x86(vcpu)->events.in_smm;
}

/* An INIT that has come and not been taken, as KVM_GET/SET_VCPU_EVENTS show it. */
bool lapic_init_latched(struct kvm_vcpu *vcpu)
{
	return to_lapic(vcpu) && test_bit(LAPIC_INIT_PENDING, &to_lapic(vcpu)->init_sipi);
}

void lapic_latch_init(struct kvm_vcpu *vcpu, bool latched)
{
	if (to_lapic(vcpu))
		assign_bit(LAPIC_INIT_PENDING, &to_lapic(vcpu)->init_sipi, latched);
}

/* Begin at VV00:0000 in real mode (SDM vol 3, 8.4.3). */
static void start_at_sipi_vector(struct kvm_vcpu *vcpu, u8 vector)
{
	struct kvm_segment cs;

	x86_cold(get_segment)(vcpu, &cs, SEG_CS);
	cs.selector = vector << 8;
	cs.base = vector << 12;
	x86_cold(set_segment)(vcpu, &cs, SEG_CS);
	x86_set_rip(vcpu, 0);
}

/**
 * lapic_accept_init_sipi - take an INIT and a SIPI that have come
 * @vcpu: the vCPU
 *
 * Context: vCPU loaded, vcpu->mutex. In SMM an INIT stays pending and a SIPI is lost (SDM vol 3,
 * 31.3.1). A SIPI counts only for a processor that waits for one.
 * Return: 0.
 */
int lapic_accept_init_sipi(struct kvm_vcpu *vcpu)
{
	struct x86_vcpu *v = to_x86(vcpu);
	struct lapic *a = v->lapic;

	if (!a || !READ_ONCE(a->init_sipi))
		return 0;
	if (v->events.in_smm) {
		clear_bit(LAPIC_SIPI_PENDING, &a->init_sipi);
		return 0;
	}
	if (test_and_clear_bit(LAPIC_INIT_PENDING, &a->init_sipi)) {
		x86_vcpu_reset(vcpu, true);
		WRITE_ONCE(v->mp_state, vcpu->id == to_x86_vm(vcpu->kvm)->bsp_vcpu_id ?
			   KVM_MP_STATE_RUNNABLE : KVM_MP_STATE_INIT_RECEIVED);
	}
	if (test_and_clear_bit(LAPIC_SIPI_PENDING, &a->init_sipi) &&
	    v->mp_state == KVM_MP_STATE_INIT_RECEIVED) {
		start_at_sipi_vector(vcpu, READ_ONCE(a->sipi_vector));
		WRITE_ONCE(v->mp_state, KVM_MP_STATE_RUNNABLE);
	}
	return 0;
}

/* KVM_GET/SET_VCPU_EVENTS show the vector of the last SIPI. */
u8 lapic_sipi_vector(struct kvm_vcpu *vcpu)
{
	return to_lapic(vcpu) ? READ_ONCE(to_lapic(vcpu)->sipi_vector) : 0;
}

void lapic_set_sipi_vector(struct kvm_vcpu *vcpu, u8 vector)
{
	if (to_lapic(vcpu))
		WRITE_ONCE(to_lapic(vcpu)->sipi_vector, vector);
}

/*
 * IA32_APIC_BASE.
 */
static bool base_change_allowed(u64 old, u64 new)
{
	const u64 mode = MSR_IA32_APICBASE_ENABLE | X2APIC_ENABLE;

	switch (old & mode) {
	case 0:				/* off: to x2APIC only by way of xAPIC */
		return (new & mode) != mode;
	case MSR_IA32_APICBASE_ENABLE | X2APIC_ENABLE:	/* on only to off */
		return (new & mode) != MSR_IA32_APICBASE_ENABLE;
	default:
		return true;
	}
}

static void base_mode_changed(struct lapic *a, u64 new)
{
	u32 id = a->vcpu->id;

	if (new & X2APIC_ENABLE) {
		lapic_reg_set(a, APIC_ID, id);
		lapic_reg_set(a, APIC_LDR, x2apic_ldr(id));
	} else if (new & MSR_IA32_APICBASE_ENABLE) {
		lapic_reg_set(a, APIC_ID, id << 24);
		lapic_reg_set(a, APIC_LDR, 0);
		lapic_reg_set(a, APIC_DFR, APIC_DFR_FLAT);
	}
	apic_map_changed(a->vcpu->kvm);
	kvm_request(a->vcpu, KVM_REQ_EVENT);
	kvm_request(a->vcpu, KVM_REQ_INTERCEPTS);
}

/* Do all accesses to the address of reset mean our registers, and need none be reported? */
static bool is_at_page(const struct lapic *a)
{
	const u64 mask = MSR_IA32_APICBASE_BASE | MSR_IA32_APICBASE_ENABLE | X2APIC_ENABLE;

	return (lapic_base(a) & mask) == (APIC_DEFAULT_PHYS_BASE | MSR_IA32_APICBASE_ENABLE) &&
	       !to_x86(a->vcpu)->vapic.report_tpr;
}

void lapic_place_changed(struct lapic *a)
{
	bool no_page = !is_at_page(a);

	if (no_page == a->no_page)
		return;
	a->no_page = no_page;
	mmu_apic_page_hide(a->vcpu->kvm, no_page);
}

static bool base_valid(struct kvm_vcpu *vcpu, u64 value)
{
	u64 reserved = to_x86(vcpu)->reserved_gpa_bits | 0x2ff;

	if (!x86_guest_has(vcpu, X86_FEATURE_X2APIC))
		reserved |= X2APIC_ENABLE;
	return !(value & reserved) && (!(value & X2APIC_ENABLE) || value & MSR_IA32_APICBASE_ENABLE);
}

/**
 * lapic_set_base - write IA32_APIC_BASE
 * @vcpu: the vCPU
 * @value: what is written
 * @host: user space does: any mode may follow any other
 *
 * What it is already it may be, though the guest's CPUID has been changed since and has it no more.
 * Without an in-kernel LAPIC the value is kept for user space's.
 * Context: vcpu->mutex; sleeps (the APIC map is rebuilt).
 * Return: 0, or 1 for #GP: reserved bits, x2APIC without the feature, or a forbidden transition
 * (SDM vol 3, 10.12.5).
 */
int lapic_set_base(struct kvm_vcpu *vcpu, u64 value, bool host)
{
	struct x86_vcpu *v = to_x86(vcpu);
	u64 old = v->apic_base;
	u64 changed;

	if (value != old && !base_valid(vcpu, value))
		return 1;
	if (!host && !base_change_allowed(old, value))
		return 1;

	WRITE_ONCE(v->apic_base, value);
	changed = (old ^ value) & (MSR_IA32_APICBASE_ENABLE | X2APIC_ENABLE);
	if (changed & MSR_IA32_APICBASE_ENABLE)
		x86_cpuid_runtime_update(vcpu);
	if (v->lapic)
		lapic_place_changed(v->lapic);
	if (changed && v->lapic) {
		base_mode_changed(v->lapic, value);
		apic_map_update(vcpu->kvm);
	}
	return 0;
}

void lapic_set_spiv(struct lapic *a, u32 val)
{
	bool on = val & APIC_SPIV_APIC_ENABLED;
	u32 lvt;

	lapic_reg_set(a, APIC_SPIV, val);
	if (on == a->sw_enabled)
		return;
	WRITE_ONCE(a->sw_enabled, on);
	if (!on)	/* all LVT masks are set, and stay so (10.4.7.2) */
		for (lvt = APIC_LVTT; lvt <= APIC_LVTERR; lvt += 0x10)
			lapic_reg_set(a, lvt, lapic_reg(a, lvt) | APIC_LVT_MASKED);
	kvm_request(a->vcpu, KVM_REQ_EVENT);
}

/*
 * Directed EOI is offered with x2APIC when the IOAPIC is user space's: ours has version 0x11,
 * without an EOI register to direct it to.
 */
void lapic_set_version(struct lapic *a)
{
	u32 version = LAPIC_VERSION | LAPIC_MAX_LVT << 16;

	if (x86_guest_has(a->vcpu, X86_FEATURE_X2APIC) && !irqchip_full(a->vcpu->kvm))
		version |= APIC_LVR_DIRECTED_EOI;
	lapic_reg_set(a, APIC_LVR, version);
}

void lapic_cpuid_changed(struct kvm_vcpu *vcpu)
{
	struct lapic *a = to_lapic(vcpu);

	if (a)
		lapic_set_version(a);
}

/*
 * Life cycle.
 */

static void reset_registers(struct lapic *a, bool init)
{
	struct kvm_vcpu *vcpu = a->vcpu;
	u32 id = lapic_reg(a, APIC_ID);		/* INIT keeps it (10.4.7.3) */
	u32 lvt;

	lapic_take_posted(a);
	memset(a->regs, 0, APIC_SELF_IPI + 0x10);
	if (lapic_x2apic(a)) {
		lapic_reg_set(a, APIC_ID, vcpu->id);
		lapic_reg_set(a, APIC_LDR, x2apic_ldr(vcpu->id));
	} else {
		lapic_reg_set(a, APIC_ID, init ? id : vcpu->id << 24);
		lapic_reg_set(a, APIC_DFR, APIC_DFR_FLAT);
	}
	lapic_set_version(a);
	for (lvt = APIC_LVTT; lvt <= APIC_LVTERR; lvt += 0x10)
		lapic_reg_set(a, lvt, APIC_LVT_MASKED);
	/* Firmware that never programs LINT0 still wants the i8259: an old promise (a quirk). */
	if (vcpu->id == to_x86_vm(vcpu->kvm)->bsp_vcpu_id &&
	    !(to_x86_vm(vcpu->kvm)->disabled_quirks & KVM_X86_QUIRK_LINT0_REENABLED))
		lapic_reg_set(a, APIC_LVT0, APIC_DM_EXTINT);
	lapic_reg_set(a, APIC_SPIV, 0xff);
}

/**
 * lapic_reset - power-on or INIT
 * @vcpu: the vCPU
 * @init: INIT, not power-on
 *
 * Power-on also sets IA32_APIC_BASE, with or without an in-kernel LAPIC.
 * Context: vcpu->mutex; may sleep.
 */
void lapic_reset(struct kvm_vcpu *vcpu, bool init)
{
	struct x86_vcpu *v = to_x86(vcpu);
	struct lapic *a = v->lapic;
	u64 base = APIC_DEFAULT_PHYS_BASE | MSR_IA32_APICBASE_ENABLE;

	if (vcpu->id == to_x86_vm(vcpu->kvm)->bsp_vcpu_id)
		base |= MSR_IA32_APICBASE_BSP;
	if (!init)
		WRITE_ONCE(v->apic_base, base);
	if (!a)
		return;

	lapic_timer_stop(a);
	reset_registers(a, init);
	lapic_timer_set_divide(a, 0);
	a->eoi_vector = -1;
	a->user_vector = -1;
	v->pv.eoi.armed = false;
	lapic_recount(a);
	lapic_place_changed(a);
	apic_map_changed(vcpu->kvm);
	apic_map_update(vcpu->kvm);
}

/**
 * lapic_create - give the vCPU its LAPIC, if the VM has them in the kernel
 * @vcpu: the vCPU
 *
 * Return: 0, -ENOMEM.
 */
int lapic_create(struct kvm_vcpu *vcpu)
{
	struct lapic *a;

	if (!irqchip_has_lapic(vcpu->kvm))
		return 0;
	a = kzalloc(sizeof(*a), GFP_KERNEL_ACCOUNT);
	if (!a)
		return -ENOMEM;
	a->regs = (u8 *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!a->regs) {
		kfree(a);
		return -ENOMEM;
	}
	a->vcpu = vcpu;
	lapic_timer_init(a);
	to_x86(vcpu)->lapic = a;
	return 0;
}

/* The vCPU can no longer be found by senders, or never could. */
void lapic_free(struct kvm_vcpu *vcpu)
{
	struct lapic *a = to_lapic(vcpu);

	if (!a)
		return;
	lapic_timer_stop(a);
	if (a->no_page)
		mmu_apic_page_hide(vcpu->kvm, false);
	to_x86(vcpu)->lapic = NULL;
	free_page((unsigned long)a->regs);
	kfree(a);
}
