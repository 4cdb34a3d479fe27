// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's TSC.
 *
 * A guest's TSC is the host's, scaled where hardware can, plus an offset. Software in the guest
 * takes it for granted that the TSCs of all CPUs agree, but user space sets them one by one, each a
 * little later than the one before. So writes are matched: one that is what an earlier write would
 * have become by now (or 0, what a new vCPU starts with) means "the same TSC", and gets the same
 * offset. vCPUs whose TSCs were matched are of one generation; when all are, the VM can have a
 * master clock (pv/kvmclock.c).
 *
 * Where the guest wants a faster TSC than the host's and hardware cannot scale, the offset is moved
 * forward now and then instead (catch-up). A host whose TSCs do not agree gets the same treatment.
 */
#include <linux/math64.h>
#include <linux/ktime.h>
#include <asm/tsc.h>
#include "x86.h"

/* A frequency this near to the host's is the host's. */
#define TOLERANCE_PPM		250

u64 x86_tsc_ratio_one;
EXPORT_SYMBOL_GPL(x86_tsc_ratio_one);
u8 x86_tsc_ratio_frac_bits;
EXPORT_SYMBOL_GPL(x86_tsc_ratio_frac_bits);
u64 x86_tsc_ratio_max;
EXPORT_SYMBOL_GPL(x86_tsc_ratio_max);

/* Cycles by which the host's TSC has fallen back in suspends; written with one CPU running. */
u64 x86_tsc_lost;
static u64 tsc_at_suspend;

static struct x86_clock *vm_clock(struct kvm_vcpu *vcpu)
{
	return &to_x86_vm(vcpu->kvm)->clock;
}

static u64 scale(u64 tsc, u64 ratio)
{
	if (ratio == x86_tsc_ratio_one)
		return tsc;
	return mul_u64_u64_shr(tsc, ratio, x86_tsc_ratio_frac_bits);
}

u64 x86_tsc_read_guest(struct kvm_vcpu *vcpu, u64 host_tsc)
{
	const struct x86_tsc *t = &to_x86(vcpu)->tsc;

	return scale(host_tsc, READ_ONCE(t->ratio)) + READ_ONCE(t->offset);
}

u64 x86_tsc_to_host_delta(struct kvm_vcpu *vcpu, u64 guest_delta)
{
	u64 ratio = to_x86(vcpu)->tsc.ratio;

	if (ratio == x86_tsc_ratio_one)
		return guest_delta;
	return mul_u64_u64_div_u64(guest_delta, x86_tsc_ratio_one, ratio);
}

/* The frequency that the guest's TSC really has: the host's, scaled. */
u32 x86_tsc_hardware_khz(struct kvm_vcpu *vcpu)
{
	return scale(tsc_khz, to_x86(vcpu)->tsc.ratio);
}

static u64 ns_to_cycles(u64 ns, u32 khz)
{
	return mul_u64_u32_div(ns, khz, USEC_PER_SEC);
}

/* vCPU loaded. Its kvmclock page holds the guest's TSC. */
static void set_offset(struct kvm_vcpu *vcpu, u64 offset)
{
	struct x86_tsc *t = &to_x86(vcpu)->tsc;

	WRITE_ONCE(t->offset, offset);
	x86_cold(write_tsc)(vcpu, offset, t->ratio);
	kvm_request(vcpu, KVM_REQ_CLOCK_UPDATE);
}

/*
 * Matching of writes by user space.
 */

/* Is @value what the last write has become after @elapsed ns, give or take a second? */
static bool continues_last(const struct x86_clock *c, const struct x86_tsc *t, u64 value,
			   u64 elapsed)
{
	u64 expected = c->last_write + ns_to_cycles(elapsed, t->khz);
	u64 second = (u64)t->khz * 1000;

	return value < expected + second && value + second > expected;
}

static void new_generation(struct x86_clock *c, u64 offset, u64 value, u64 ns)
{
	c->generation++;
	c->gen_offset = offset;
	c->gen_lost = READ_ONCE(x86_tsc_lost);
	c->gen_write = value;
	c->gen_nsec = ns;
	c->gen_matched = 0;
}

/* An offset of now is worth what one of the generation is: no restart of the host's TSC between. */
static bool may_continue(const struct x86_clock *c, const struct x86_tsc *t)
{
	return c->generation && c->last_khz == t->khz && c->gen_lost == READ_ONCE(x86_tsc_lost);
}

/* The last write is the one that gave @offset; the vCPU is of the generation that there now is. */
static void note_write(struct x86_clock *c, struct x86_tsc *t, u64 offset, u64 ns)
{
	lockdep_assert_held(&c->tsc_lock);
	c->last_khz = t->khz;
	c->last_nsec = ns;
	c->last_write = offset + scale(rdtsc(), t->ratio);
	if (t->generation != c->generation) {
		t->generation = c->generation;
		c->gen_matched++;
	}
}

/* The offset that @value gets, as of @ns; tsc_lock held. */
static u64 match_write(struct kvm_vcpu *vcpu, u64 value, u64 ns)
{
	struct x86_clock *c = vm_clock(vcpu);
	struct x86_tsc *t = &to_x86(vcpu)->tsc;
	u64 offset = value - scale(rdtsc(), t->ratio);
	u64 elapsed = ns - c->last_nsec;
	bool same;

	lockdep_assert_held(&c->tsc_lock);
	same = may_continue(c, t) && (!value || continues_last(c, t, value, elapsed));
	if (same && !check_tsc_unstable())
		offset = c->gen_offset;
	else if (same)		/* the host's TSCs cannot be compared: go by time */
		offset += ns_to_cycles(elapsed, t->khz) + c->last_write - value;
	else
		new_generation(c, offset, value, ns);

	note_write(c, t, offset, ns);
	return offset;
}

/**
 * x86_tsc_set_offset - KVM_VCPU_TSC_OFFSET: what is added to the host's TSC
 * @vcpu: loaded
 * @offset: in cycles of the guest's TSC
 *
 * vCPUs that are given the same offset have the same TSC.
 */
void x86_tsc_set_offset(struct kvm_vcpu *vcpu, u64 offset)
{
	struct x86_clock *c = vm_clock(vcpu);
	struct x86_tsc *t = &to_x86(vcpu)->tsc;
	u64 ns = ktime_get_raw_ns();
	unsigned long flags;

	raw_spin_lock_irqsave(&c->tsc_lock, flags);
	if (!may_continue(c, t) || c->gen_offset != offset)
		new_generation(c, offset, offset + scale(rdtsc(), t->ratio), ns);
	note_write(c, t, offset, ns);
	raw_spin_unlock_irqrestore(&c->tsc_lock, flags);
	set_offset(vcpu, offset);
	kvm_request(vcpu, KVM_REQ_MASTERCLOCK);
}

static void write_by_user(struct kvm_vcpu *vcpu, u64 value)
{
	struct x86_clock *c = vm_clock(vcpu);
	unsigned long flags;
	u64 offset;

	raw_spin_lock_irqsave(&c->tsc_lock, flags);
	offset = match_write(vcpu, value, ktime_get_raw_ns());
	raw_spin_unlock_irqrestore(&c->tsc_lock, flags);
	set_offset(vcpu, offset);
	kvm_request(vcpu, KVM_REQ_MASTERCLOCK);
}

/* The guest moves its own TSC away from the others': it is of no generation any more. */
static void move_by_guest(struct kvm_vcpu *vcpu, u64 delta)
{
	struct x86_clock *c = vm_clock(vcpu);
	struct x86_tsc *t = &to_x86(vcpu)->tsc;
	unsigned long flags;

	if (!delta)
		return;
	raw_spin_lock_irqsave(&c->tsc_lock, flags);
	if (t->generation == c->generation && c->gen_matched)
		c->gen_matched--;
	t->generation = 0;
	raw_spin_unlock_irqrestore(&c->tsc_lock, flags);
	set_offset(vcpu, t->offset + delta);
	kvm_request(vcpu, KVM_REQ_MASTERCLOCK);
}

void x86_tsc_write(struct kvm_vcpu *vcpu, u64 value, bool host)
{
	u64 delta;

	if (host) {
		write_by_user(vcpu, value);
		return;
	}
	delta = value - x86_tsc_read_guest(vcpu, rdtsc());
	to_x86(vcpu)->tsc.adjust += delta;	/* SDM vol 3, 17.17.3 */
	move_by_guest(vcpu, delta);
}

/* IA32_TSC_ADJUST: from the guest it moves the TSC, from user space it is only stored. */
void x86_tsc_adjust_write(struct kvm_vcpu *vcpu, u64 value, bool host)
{
	struct x86_tsc *t = &to_x86(vcpu)->tsc;
	u64 delta = value - t->adjust;

	t->adjust = value;
	if (!host)
		move_by_guest(vcpu, delta);
}

/*
 * Frequency.
 */
static bool near_host_khz(u32 khz)
{
	u32 tolerance = mul_u64_u32_div(tsc_khz, TOLERANCE_PPM, USEC_PER_SEC);

	return khz >= tsc_khz - tolerance && khz <= tsc_khz + tolerance;
}

/* Set ratio and catch-up for @khz; does not tell the hardware. */
static int choose_ratio(struct x86_tsc *t, u32 khz)
{
	u64 ratio = x86_tsc_ratio_one;
	bool catchup = false;

	if (!khz)
		khz = tsc_khz;
	if (!near_host_khz(khz) && x86_tsc_ratio_one) {
		ratio = mul_u64_u32_div(x86_tsc_ratio_one, khz, tsc_khz);
		if (!ratio || ratio > x86_tsc_ratio_max)
			return -EINVAL;
	} else if (!near_host_khz(khz)) {
		if (khz < tsc_khz)
			return -EINVAL;		/* time can be made up for, not held back */
		catchup = true;
	}
	WRITE_ONCE(t->ratio, ratio);
	WRITE_ONCE(t->khz, khz);
	t->catchup = catchup;
	return 0;
}

/**
 * x86_tsc_set_khz - choose the frequency of a vCPU's TSC
 * @vcpu: loaded
 * @khz: 0 means the host's
 *
 * Its value goes on from where it is.
 * Return: 0, -EINVAL when hardware can neither scale to it nor software catch up with it.
 */
int x86_tsc_set_khz(struct kvm_vcpu *vcpu, u32 khz)
{
	struct x86_tsc *t = &to_x86(vcpu)->tsc;
	u64 host = rdtsc(), guest = x86_tsc_read_guest(vcpu, host);
	u64 old_ratio = t->ratio;
	int r;

	r = choose_ratio(t, khz);
	if (r)
		return r;
	if (t->ratio != old_ratio)
		set_offset(vcpu, guest - scale(host, t->ratio));
	return 0;
}

long x86_vcpu_set_tsc_khz(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	if (arg->value > U32_MAX)
		return -EINVAL;
	return x86_tsc_set_khz(vcpu, arg->value);
}

long x86_vcpu_get_tsc_khz(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	return to_x86(vcpu)->tsc.khz;
}

/**
 * x86_vm_set_tsc_khz - KVM_SET_TSC_KHZ on a VM: the frequency that its next vCPUs begin with
 * @kvm: the VM; kvm->lock held
 * @arg: kHz; 0 means the host's
 *
 * Return: 0, -EINVAL when no vCPU could have it.
 */
long x86_vm_set_tsc_khz(struct kvm *kvm, struct kvm_arg *arg)
{
	struct x86_tsc sample = {};
	int r;

	if (arg->value > U32_MAX)
		return -EINVAL;
	r = choose_ratio(&sample, arg->value);
	if (!r)
		WRITE_ONCE(to_x86_vm(kvm)->clock.default_khz, sample.khz);
	return r;
}

long x86_vm_get_tsc_khz(struct kvm *kvm, struct kvm_arg *arg)
{
	return to_x86_vm(kvm)->clock.default_khz;
}

/*
 * Suspend. On many machines the TSC begins again at 0. The guest's must go on: each vCPU's offset
 * grows by what was lost when the vCPU is loaded for the first time after it.
 */

/* Context: the last CPU, irqs off. */
void x86_tsc_suspend(void)
{
	tsc_at_suspend = rdtsc();
}

void x86_tsc_resume(void)
{
	u64 now = rdtsc();

	if (now < tsc_at_suspend)
		WRITE_ONCE(x86_tsc_lost, x86_tsc_lost + tsc_at_suspend - now);
	kvmclock_resume();
}

static void make_up_for_suspend(struct kvm_vcpu *vcpu, u64 lost)
{
	struct x86_clock *c = vm_clock(vcpu);
	struct x86_tsc *t = &to_x86(vcpu)->tsc;
	u64 delta = scale(lost - t->lost, t->ratio);
	unsigned long flags;

	raw_spin_lock_irqsave(&c->tsc_lock, flags);
	if (t->generation == c->generation && c->gen_lost != lost) {
		c->gen_offset += delta;
		c->gen_lost = lost;
	}
	raw_spin_unlock_irqrestore(&c->tsc_lock, flags);
	t->lost = lost;
	set_offset(vcpu, t->offset + delta);
	kvm_request(vcpu, KVM_REQ_MASTERCLOCK);
}

/*
 * Catch-up and hosts whose TSC is not to be trusted.
 */

/* What the TSC should be by now, if time since its generation's write is the measure. */
static void catch_up(struct kvm_vcpu *vcpu)
{
	struct x86_clock *c = vm_clock(vcpu);
	struct x86_tsc *t = &to_x86(vcpu)->tsc;
	u64 now = x86_tsc_read_guest(vcpu, rdtsc());
	u64 due = c->gen_write + ns_to_cycles(ktime_get_raw_ns() - c->gen_nsec, t->khz);

	if ((s64)(due - now) > 0)
		set_offset(vcpu, t->offset + due - now);
}

static noinline void adjust(struct kvm_vcpu *vcpu, int cpu, u64 lost)
{
	struct x86_tsc *t = &to_x86(vcpu)->tsc;

	if (t->lost != lost)
		make_up_for_suspend(vcpu, lost);
	if (check_tsc_unstable() && t->last_guest && t->last_cpu != cpu) {
		set_offset(vcpu, t->last_guest - scale(rdtsc(), t->ratio));
		t->catchup = true;
	}
	if (t->catchup)
		catch_up(vcpu);
	/* Without a master clock a page is as good as the CPU it was made on. */
	if (t->last_cpu != cpu && !READ_ONCE(vm_clock(vcpu)->use_master))
		kvm_request(vcpu, KVM_REQ_CLOCK_UPDATE);
	t->last_cpu = cpu;
}

/**
 * x86_tsc_load - the vCPU comes to a CPU
 * @vcpu: being loaded
 * @cpu: where it runs now
 *
 * On a host with an unstable TSC the guest's goes on from what it was when the vCPU was put away,
 * and catches up by time. Context: preemption off.
 */
void x86_tsc_load(struct kvm_vcpu *vcpu, int cpu)
{
	const struct x86_tsc *t = &to_x86(vcpu)->tsc;
	u64 lost = READ_ONCE(x86_tsc_lost);

	if (unlikely(t->last_cpu != cpu || t->lost != lost || t->catchup))
		adjust(vcpu, cpu, lost);
}

void x86_tsc_put(struct kvm_vcpu *vcpu)
{
	if (unlikely(check_tsc_unstable()))
		to_x86(vcpu)->tsc.last_guest = x86_tsc_read_guest(vcpu, rdtsc());
}

/* Before the hardware part of the vCPU exists for others; its first write follows when it does. */
int x86_tsc_vcpu_init(struct kvm_vcpu *vcpu)
{
	struct x86_tsc *t = &to_x86(vcpu)->tsc;

	t->last_cpu = -1;
	t->lost = READ_ONCE(x86_tsc_lost);
	return choose_ratio(t, vm_clock(vcpu)->default_khz);
}
