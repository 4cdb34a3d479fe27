// SPDX-License-Identifier: GPL-2.0-only
/*
 * The local APIC's timer: one-shot, periodic and TSC-deadline, each on one hrtimer.
 *
 * The hrtimer's interrupt only says "it is time" and wakes the vCPU; the vCPU's thread then puts
 * the LVT's vector into IRR, before it looks for interrupts. So the LVT needs no lock, and ticks
 * that come while one is waiting fold into it, as they do in IRR.
 *
 * The timer counts at 1 GHz (a bus clock of one nanosecond), divided as TDCR says. It is pinned to
 * the CPU the vCPU runs on, where its interrupt is an exit already, and follows the vCPU.
 *
 * A backend whose hardware has a timer that ends the guest's turn (ops.timer_arm) is given each
 * expiry when it is set, by the vCPU's thread, and the hrtimer only keeps the time. It is queued
 * when the vCPU halts, is put away or emulated, and stays so until it has fired or is set anew. So
 * what the hardware has is always of this CPU's TSC, and of a vCPU that runs.
 */
#include <linux/math64.h>
#include <asm/tsc.h>
#include "lapic.h"

#define MODE			HRTIMER_MODE_ABS_PINNED_HARD

/* A guest must not be able to keep the host busy with a timer of a microsecond. */
#define MIN_PERIOD_NS		(200 * NSEC_PER_USEC)

static u32 timer_mode(const struct lapic *a)
{
	return lapic_reg(a, APIC_LVTT) & LAPIC_LVT_TIMER_MODE;
}

static bool mode_is_deadline(const struct lapic *a)
{
	return timer_mode(a) == APIC_LVT_TIMER_TSCDEADLINE;
}

/*
 * Nanoseconds until the guest's TSC has reached the deadline, 0 when it has. Rounded up, so that
 * the guest does not find itself too early; capped at years, so that nothing overflows.
 */
static u64 deadline_ns(struct lapic *a)
{
	u64 now = x86_tsc_read_guest(a->vcpu, rdtsc());
	u64 khz = READ_ONCE(to_x86(a->vcpu)->tsc.khz);
	u64 deadline = READ_ONCE(a->timer.deadline);
	u64 delta;

	if (!khz || deadline <= now)
		return 0;
	delta = min(deadline - now, khz << 36);
	return mul_u64_u64_div_u64(delta, NSEC_PER_MSEC, khz) + 1;
}

static void timer_came(struct lapic *a)
{
	WRITE_ONCE(a->timer.pending, true);
	kvm_request(a->vcpu, KVM_REQ_EVENT);
}

/* It has come: when next? Return: whether again. */
static bool set_next(struct lapic *a)
{
	struct lapic_timer *t = &a->timer;

	if (timer_mode(a) != APIC_LVT_TIMER_PERIODIC || !t->period)
		return false;
	hrtimer_forward_now(&t->hrtimer, t->period);
	return true;
}

static enum hrtimer_restart timer_fires(struct hrtimer *hrtimer)
{
	struct lapic_timer *t = container_of(hrtimer, struct lapic_timer, hrtimer);
	struct lapic *a = container_of(t, struct lapic, timer);
	u64 early;

	if (mode_is_deadline(a)) {
		early = deadline_ns(a);
		if (early) {	/* the two clocks do not run quite alike */
			hrtimer_forward_now(hrtimer, early);
			return HRTIMER_RESTART;
		}
	}
	timer_came(a);
	kvm_vcpu_kick(a->vcpu);
	return set_next(a) ? HRTIMER_RESTART : HRTIMER_NORESTART;
}

/*
 * In the hardware.
 */
static bool arm_hardware(struct lapic *a, u64 ns)
{
	u64 tsc;

	if (!x86_cold(timer_arm) || ns > NSEC_PER_SEC * 3600 || to_x86(a->vcpu)->unfit)
		return false;
	tsc = rdtsc() + mul_u64_u64_div_u64(ns, tsc_khz, NSEC_PER_MSEC) + 1;
	a->timer.in_hardware = x86_cold(timer_arm)(a->vcpu, tsc);
	return a->timer.in_hardware;
}

static void disarm_hardware(struct lapic *a)
{
	x86_cold(timer_arm)(a->vcpu, 0);
	a->timer.in_hardware = false;
}

/* How much is left, by the clock that the mode counts. */
static u64 early_ns(struct lapic *a)
{
	s64 left;

	if (mode_is_deadline(a))
		return deadline_ns(a);
	left = ktime_to_ns(hrtimer_get_remaining(&a->timer.hrtimer));
	return max_t(s64, left, 0);
}

/* The expiry is in the hrtimer, which is not queued. */
static void start_set(struct lapic *a, u64 ns)
{
	if (!arm_hardware(a, ns))
		hrtimer_start_expires(&a->timer.hrtimer, MODE);
}

/* Context: the vCPU's thread. */
void lapic_timer_hardware(struct kvm_vcpu *vcpu)
{
	struct lapic *a = to_lapic(vcpu);
	u64 early;

	if (!a || !a->timer.in_hardware)
		return;
	early = early_ns(a);
	if (!early) {
		disarm_hardware(a);
		timer_came(a);
		if (!set_next(a))
			return;
		early = early_ns(a);
	}
	start_set(a, early);
}
EXPORT_SYMBOL_GPL(lapic_timer_hardware);

/* The vCPU's thread, also with a run queue's lock held. */
void irqchip_timer_to_host(struct kvm_vcpu *vcpu)
{
	struct lapic *a = to_lapic(vcpu);

	if (!a || !a->timer.in_hardware)
		return;
	disarm_hardware(a);
	hrtimer_start_expires(&a->timer.hrtimer, MODE);
}

/*
 * Nothing is to come any more. What is due in the hardware, and was not seen yet, has come. Return:
 * whether there was something.
 */
static bool timer_cancel(struct lapic *a)
{
	if (!a->timer.in_hardware)
		return hrtimer_cancel(&a->timer.hrtimer);
	disarm_hardware(a);
	if (!early_ns(a))
		timer_came(a);
	return true;
}

void lapic_timer_init(struct lapic *a)
{
	hrtimer_init(&a->timer.hrtimer, CLOCK_MONOTONIC, MODE);
	a->timer.hrtimer.function = timer_fires;
	a->timer.divide = 2;
}

/* Forget the timer and a tick that has not been delivered. */
void lapic_timer_stop(struct lapic *a)
{
	timer_cancel(a);
	a->timer.deadline = 0;
	a->timer.pending = false;
}

static void start_in(struct lapic *a, u64 ns)
{
	hrtimer_set_expires(&a->timer.hrtimer, ktime_add_ns(ktime_get(), ns));
	start_set(a, ns);
}

static u64 count_to_ns(const struct lapic *a, u32 count)
{
	return (u64)count * a->timer.divide;
}

/* @first: counts until the first expiry; after that the initial count is the period. */
static void start_counting(struct lapic *a, u32 first)
{
	u64 ns = count_to_ns(a, first);

	if (timer_mode(a) == APIC_LVT_TIMER_PERIODIC) {
		a->timer.period = max_t(u64, count_to_ns(a, lapic_reg(a, APIC_TMICT)),
					MIN_PERIOD_NS);
		if (first == lapic_reg(a, APIC_TMICT))
			ns = a->timer.period;
	}
	if (first)
		start_in(a, ns);
}

static void start_deadline(struct lapic *a)
{
	u64 ns = deadline_ns(a);

	if (ns) {
		start_in(a, ns);
		return;
	}
	timer_came(a);
}

/* TMICT is written: 0 stops. In TSC-deadline mode the write is ignored (SDM vol 3, 10.5.4.1). */
void lapic_timer_set_initial(struct lapic *a, u32 count)
{
	if (mode_is_deadline(a)) {
		lapic_reg_set(a, APIC_TMICT, 0);
		return;
	}
	timer_cancel(a);
	lapic_reg_set(a, APIC_TMICT, count);
	start_counting(a, count);
}

/* What is left of the current count, in ns. */
static u64 left_ns(struct lapic *a)
{
	s64 left = ktime_to_ns(hrtimer_get_remaining(&a->timer.hrtimer));
	s64 period = a->timer.period;

	if (left > 0)
		return left;
	if (timer_mode(a) != APIC_LVT_TIMER_PERIODIC || !period)
		return 0;
	div64_u64_rem(-left, period, (u64 *)&left);
	return period - left;
}

/* TMCCT. */
u32 lapic_timer_current(struct lapic *a)
{
	if (!lapic_reg(a, APIC_TMICT) || mode_is_deadline(a))
		return 0;
	return div_u64(left_ns(a), a->timer.divide);
}

/* The state has been set by user space: go on from its current count, or from the deadline MSR. */
void lapic_timer_resume(struct lapic *a)
{
	u32 left = lapic_reg(a, APIC_TMCCT);

	lapic_timer_set_divide(a, lapic_reg(a, APIC_TDCR));
	if (mode_is_deadline(a) || !lapic_reg(a, APIC_TMICT))
		return;
	if (!left && timer_mode(a) == APIC_LVT_TIMER_PERIODIC)
		left = lapic_reg(a, APIC_TMICT);
	start_counting(a, min(left, lapic_reg(a, APIC_TMICT)));
}

/* Between the deadline mode and the other two the timer is disarmed (10.5.4.1). */
void lapic_timer_set_mode(struct lapic *a)
{
	u32 changed = a->timer.mode ^ timer_mode(a);

	a->timer.mode = timer_mode(a);
	if (changed & APIC_LVT_TIMER_TSCDEADLINE) {
		lapic_timer_stop(a);
		lapic_reg_set(a, APIC_TMICT, 0);
	} else if ((changed & APIC_LVT_TIMER_PERIODIC) && lapic_reg(a, APIC_TMICT)) {
		u32 left = div_u64(left_ns(a), a->timer.divide);

		timer_cancel(a);
		start_counting(a, left);
	}
}

/* TDCR: bits 0, 1 and 3 are the power of two, 111 divides by one (figure 10-10). */
void lapic_timer_set_divide(struct lapic *a, u32 tdcr)
{
	u32 shift = ((tdcr & 3) | (tdcr & 8) >> 1) + 1;
	u32 divide = 1 << (shift & 7);
	u32 left;

	lapic_reg_set(a, APIC_TDCR, tdcr);
	if (divide == a->timer.divide)
		return;
	/* The count stays, only its speed changes. */
	left = lapic_timer_current(a);
	a->timer.divide = divide;
	if (timer_cancel(a) && !mode_is_deadline(a))
		start_counting(a, left);
}

/*
 * MSR_IA32_TSC_DEADLINE: reads as 0 when disarmed or fired, and in the other modes.
 */
u64 lapic_tscdeadline_get(struct kvm_vcpu *vcpu)
{
	struct lapic *a = to_lapic(vcpu);

	return a && mode_is_deadline(a) && !READ_ONCE(a->timer.pending) ? a->timer.deadline : 0;
}

void lapic_tscdeadline_set(struct kvm_vcpu *vcpu, u64 tsc)
{
	struct lapic *a = to_lapic(vcpu);

	if (!a || !mode_is_deadline(a))
		return;
	timer_cancel(a);
	irqchip_deliver_timers(vcpu);	/* one that has fired is not taken back */
	WRITE_ONCE(a->timer.deadline, tsc);
	if (tsc)
		start_deadline(a);
}

/* A periodic timer has been with the host while the vCPU was away: it runs now. */
static void move_to_hardware(struct lapic *a)
{
	if (!x86_cold(timer_arm) || to_x86(a->vcpu)->mp_state != KVM_MP_STATE_RUNNABLE)
		return;
	if (!a->timer.in_hardware && hrtimer_cancel(&a->timer.hrtimer))
		start_set(a, early_ns(a));
}

/*
 * For the run loop.
 */
void irqchip_deliver_timers(struct kvm_vcpu *vcpu)
{
	struct lapic *a = to_lapic(vcpu);

	if (!a || !READ_ONCE(a->timer.pending))
		return;
	WRITE_ONCE(a->timer.pending, false);
	lapic_timer_deliver(a);
	if (mode_is_deadline(a))
		a->timer.deadline = 0;
	else
		move_to_hardware(a);
}

bool irqchip_timer_pending(struct kvm_vcpu *vcpu)
{
	struct lapic *a = to_lapic(vcpu);

	return a && READ_ONCE(a->timer.pending);
}

/* vCPU loaded on another CPU than before; preemption off. */
void irqchip_vcpu_moved(struct kvm_vcpu *vcpu)
{
	struct lapic *a = to_lapic(vcpu);

	if (a && hrtimer_cancel(&a->timer.hrtimer))
		hrtimer_start_expires(&a->timer.hrtimer, MODE);
}
