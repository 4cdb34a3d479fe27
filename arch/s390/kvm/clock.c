// SPDX-License-Identifier: GPL-2.0-only
/*
 * Time: the VM's TOD clock, and a CPU that waits for its timers.
 *
 * The guest's clock is the host's plus the VM's epoch, which each CPU's state description has a
 * copy of. In SIE the machine compares the clock comparator and steps the CPU timer. In a wait we
 * do: a host timer is set for what comes first, and the CPU timer is charged with the time slept.
 */
#include <linux/hrtimer.h>
#include <asm/facility.h>
#include <asm/timex.h>

#include "s390.h"

#define CR0_CLOCK_COMP	0x0800
#define CR0_CPU_TIMER	0x0400

static enum hrtimer_restart timer_expired(struct hrtimer *timer)
{
	struct s390_vcpu *v = container_of(timer, struct s390_vcpu, timer);

	kvm_request(&v->vcpu, KVM_REQ_UNBLOCK);
	kvm_vcpu_wake_up(&v->vcpu);
	return HRTIMER_NORESTART;
}

void s390_clock_init(struct s390_vcpu *v)
{
	hrtimer_init(&v->timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	v->timer.function = timer_expired;
}

/* Units of the TOD clock until a timer interrupts, if the guest lets it; U64_MAX: none will. */
static u64 until_timer(const struct s390_vcpu *v)
{
	u64 left = U64_MAX, now = s390_guest_tod(v);

	if (!(v->sie->psw.mask & PSW_MASK_EXT))
		return left;
	if (v->sie->cr[0] & CR0_CLOCK_COMP && v->sie->clock_comp >= now)
		left = v->sie->clock_comp - now + 1;
	if (v->sie->cr[0] & CR0_CPU_TIMER && (s64)v->sie->cpu_timer >= 0)
		left = min(left, v->sie->cpu_timer + 1);
	return left;
}

/*
 * So long a wait at most before we look again: what a host timer can hold, and more than any guest
 * will notice.
 */
#define LONGEST_NS	(3600ULL * NSEC_PER_SEC)

/*
 * An enabled wait: sleep until something is deliverable. Returns in the wait; the interrupt is
 * delivered on the way to the next entry, and if there is none (a signal, a request) SIE says again
 * that the guest waits.
 */
int s390_wait(struct s390_vcpu *v)
	__must_hold(&v->vcpu.kvm->srcu)
{
	u64 left = until_timer(v), begun = get_tod_clock_fast();

	WRITE_ONCE(v->waiting, true);
	/* pairs with an interrupt's being made pending before its maker looks who waits */
	smp_mb();
	if (s390_irq_deliverable(v))
		goto out;
	if (left != U64_MAX)
		hrtimer_start(&v->timer, ns_to_ktime(min_t(u64, tod_to_ns(left), LONGEST_NS)),
			      HRTIMER_MODE_REL);
	kvm_vcpu_srcu_unlock(&v->vcpu);
	kvm_vcpu_halt(&v->vcpu);
	kvm_vcpu_srcu_lock(&v->vcpu);
	hrtimer_cancel(&v->timer);
	v->sie->cpu_timer -= get_tod_clock_fast() - begun;
out:
	WRITE_ONCE(v->waiting, false);
	return EXIT_RESUME;
}

/*
 * With multiple epochs (facility 139) the clock has 8 bits more to its left, the epoch index, and
 * so has the difference.
 */
static u8 host_index(const union tod_clock *now)
{
	return test_facility(FACILITY_MULTI_EPOCH) ? now->ei : 0;
}

/*
 * The VM's clock shows @tod, @index to its left, from now on, at all of its CPUs. Context:
 * kvm->lock held; sleeps.
 */
void s390_clock_set(struct kvm *kvm, u8 index, u64 tod)
{
	struct s390_vm *vm = to_s390_vm(kvm);
	union tod_clock now;

	lockdep_assert_held(&kvm->lock);
	store_tod_clock_ext(&now);
	WRITE_ONCE(vm->epoch, tod - (u64)now.tod);
	if (s390_has(vm, FACILITY_MULTI_EPOCH))
		WRITE_ONCE(vm->epoch_index, index - host_index(&now) - (tod < (u64)now.tod));
	kvm_request_all(kvm, KVM_REQ_CLOCK);
}

/* Context: kvm->lock held. */
void s390_clock_get(const struct s390_vm *vm, u8 *index, u64 *tod)
{
	union tod_clock now;

	store_tod_clock_ext(&now);
	*tod = (u64)now.tod + vm->epoch;
	*index = 0;
	if (s390_has(vm, FACILITY_MULTI_EPOCH))
		*index = host_index(&now) + vm->epoch_index + (*tod < (u64)now.tod);
}
