// SPDX-License-Identifier: GPL-2.0-only
/*
 * The run loop: requests, interrupts, SIE, exit.
 *
 * SIE runs with the host's interrupts on: any of them ends it, is handled where it stands, and
 * returns behind it. So a request that is made between our last look and the instruction is not
 * found by an interrupt, as it would be with interrupts off. Whoever makes one sets SIE_BAR_REQUEST
 * as well (s390_vcpu_bar), which sie64a tests in the stretch of code that interrupts return from to
 * its end; and SIE_FLAG_STOP, which ends SIE by itself. We clear both before we announce
 * VCPU_IN_GUEST and then look at the requests: either we find the request, or its maker finds us in
 * the guest.
 *
 * The guest's access and floating-point registers are in the machine all through KVM_RUN, those of
 * the thread wait in v->host. The host saves floating-point registers to where
 * current->thread.fpu.regs says and by CIF_FPU remembers that it did; sie64a does not enter before
 * they are loaded again.
 */
#include <linux/sched.h>
#include <linux/context_tracking.h>
#include <linux/vtime.h>
#include <asm/fpu/api.h>
#include <asm/switch_to.h>
#include <kvm/host_work.h>
#include <kvm/trace.h>

#include "s390.h"

/* Any context: make SIE end, or not begin. */
void s390_vcpu_bar(struct kvm_vcpu *vcpu)
{
	struct sie_block *sie = to_s390(vcpu)->sie;

	atomic_or(SIE_BAR_REQUEST, (atomic_t *)&sie->bar);
	sie_flags_set(sie, SIE_FLAG_STOP);
}

/*
 * The same, and wait until it is out. Context: any but inside SIE's own stretch; may hold
 * spinlocks.
 */
void s390_vcpu_leave(struct kvm_vcpu *vcpu)
{
	struct sie_block *sie = to_s390(vcpu)->sie;

	s390_vcpu_bar(vcpu);
	while (READ_ONCE(sie->in_sie) & SIE_IN_SIE)
		cpu_relax();
}

static void unbar(struct sie_block *sie)
{
	atomic_andnot(SIE_BAR_REQUEST, (atomic_t *)&sie->bar);
	sie_flags_clear(sie, SIE_FLAG_STOP);
}

static int req_dead(struct s390_vcpu *v)
{
	return -EIO;
}

static int req_prefix(struct s390_vcpu *v)
{
	int r = s390_prefix_map(v);

	if (r)
		kvm_request(&v->vcpu, KVM_REQ_PREFIX);
	return r ? r : EXIT_RESUME;
}

static int req_clock(struct s390_vcpu *v)
{
	v->sie->epoch = READ_ONCE(vm_of(v)->epoch);
	return EXIT_RESUME;
}

static int req_nothing(struct s390_vcpu *v)
{
	return EXIT_RESUME;
}

/*
 * The machine keeps no translations of the guest's beyond the host's own invalidations: a flush is
 * to have left.
 */
static const struct {
	unsigned int	req;
	int		(*serve)(struct s390_vcpu *v);
} requests[] = {
	{ KVM_REQ_VM_DEAD | KVM_REQ_NO_CLEAR,	req_dead },
	{ KVM_REQ_CLOCK,			req_clock },
	{ KVM_REQ_PREFIX,			req_prefix },
	{ KVM_REQ_STARTED,			req_nothing },
	{ KVM_REQ_IRQ,				req_nothing },
	{ KVM_REQ_TLB_FLUSH,			req_nothing },
	{ KVM_REQ_OUTSIDE,			req_nothing },
	{ KVM_REQ_UNBLOCK,			req_nothing },
};

static int serve_requests(struct s390_vcpu *v)
{
	unsigned int i;
	int r;

	for (i = 0; i < ARRAY_SIZE(requests); i++) {
		if (!kvm_request_take(&v->vcpu, requests[i].req))
			continue;
		r = requests[i].serve(v);
		if (r != EXIT_RESUME)
			return r;
	}
	return EXIT_RESUME;
}

static int sie(struct s390_vcpu *v)
{
	int r;

	if (test_cpu_flag(CIF_FPU))
		load_fpu_regs();
	v->sie->gr14 = v->gprs[14];
	v->sie->gr15 = v->gprs[15];

	local_irq_disable();
	vtime_account_guest_enter();
	local_irq_enable();
	r = sie64a(v->sie, v->gprs);
	local_irq_disable();
	vtime_account_guest_exit();
	local_irq_enable();

	v->gprs[14] = v->sie->gr14;
	v->gprs[15] = v->sie->gr15;
	return r;
}

/* One turn. Return: what sie64a does. */
static int enter(struct s390_vcpu *v)
	__must_hold(&v->vcpu.kvm->srcu)
{
	struct kvm_vcpu *vcpu = &v->vcpu;
	int r = 0;

	v->sie->icpt_code = SIE_CODE_HOST;
	current->thread.gmap_int_code = 0;
	unbar(v->sie);
	/*
	 * pairs with the full barrier between a request and the look at the mode
	 * (virt/kvm/request.c)
	 */
	smp_store_mb(vcpu->mode, VCPU_IN_GUEST);
	kvm_vcpu_srcu_unlock(vcpu);
	if (!kvm_request_pending(vcpu) && READ_ONCE(vcpu->mode) == VCPU_IN_GUEST &&
	    !kvm_host_work_pending())
		r = sie(v);
	WRITE_ONCE(vcpu->mode, VCPU_OUTSIDE);
	smp_wmb();	/* whoever waits for OUTSIDE sees what we did in the guest */
	kvm_vcpu_srcu_lock(vcpu);
	v->stat.exits++;
	return r;
}

static int turn(struct s390_vcpu *v)
{
	int r = serve_requests(v);

	if (r != EXIT_RESUME)
		return r;
	if (s390_stop_wanted(v))
		return s390_exit_stopped(v);
	r = s390_deliver(v);
	if (r != EXIT_RESUME)
		return r;
	s390_irq_windows(v);
	if (enter(v))
		return s390_host_fault(v);
	return s390_handle_exit(v);
}

static int between_turns(struct s390_vcpu *v)
	__must_hold(&v->vcpu.kvm->srcu)
{
	int r;

	kvm_request_drop(&v->vcpu, KVM_REQ_UNBLOCK);
	if (likely(!kvm_host_work_pending()))
		return EXIT_RESUME;
	kvm_vcpu_srcu_unlock(&v->vcpu);
	r = kvm_host_work(&v->vcpu);
	kvm_vcpu_srcu_lock(&v->vcpu);
	return r ? r : EXIT_RESUME;
}

static int run_loop(struct s390_vcpu *v)
{
	int r;

	for (;;) {
		r = turn(v);
		if (r != EXIT_RESUME)
			return r;
		r = between_turns(v);
		if (r != EXIT_RESUME)
			return r;
	}
}

/* The thread's registers out of the machine, the guest's in. */
static void registers_enter(struct s390_vcpu *v)
{
	save_fpu_regs();
	v->host.fpc = current->thread.fpu.fpc;
	v->host.fpregs = current->thread.fpu.regs;
	current->thread.fpu.fpc = v->fpc;
	current->thread.fpu.regs = v->vrs;
	save_access_regs(v->host.acrs);
	restore_access_regs(v->acrs);
	v->host.saved = true;
}

static void registers_leave(struct s390_vcpu *v)
{
	v->host.saved = false;
	save_access_regs(v->acrs);
	restore_access_regs(v->host.acrs);
	save_fpu_regs();
	v->fpc = current->thread.fpu.fpc;
	current->thread.fpu.fpc = v->host.fpc;
	current->thread.fpu.regs = v->host.fpregs;
}

/* During KVM_RUN: a copy of what the machine has of the guest's registers. */
void s390_registers_fetch(struct s390_vcpu *v)
{
	save_access_regs(v->acrs);
	save_fpu_regs();
	v->fpc = current->thread.fpu.fpc;
}

/* KVM_RUN of a CPU that the VMM has stopped is its mistake; else KVM_RUN is what starts a CPU. */
static int must_operate(struct s390_vcpu *v)
{
	if (!v->stopped)
		return 0;
	if (READ_ONCE(vm_of(v)->user_cpu_state))
		return -EINVAL;
	s390_start(v);
	return 0;
}

int s390_vcpu_run(struct kvm_vcpu *vcpu)
{
	struct s390_vcpu *v = to_s390(vcpu);
	int r;

	if (READ_ONCE(vcpu->run->immediate_exit))
		return -EINTR;
	r = must_operate(v);
	if (!r)
		r = s390_sync_in(v);
	if (r)
		return r;

	registers_enter(v);
	kvm_vcpu_srcu_lock(vcpu);
	r = run_loop(v);
	kvm_vcpu_srcu_unlock(vcpu);
	registers_leave(v);
	s390_sync_out(v);
	v->stat.exit_userspace++;
	return r;
}

bool s390_vcpu_runnable(struct kvm_vcpu *vcpu)
{
	struct s390_vcpu *v = to_s390(vcpu);

	return !v->waiting || s390_irq_deliverable(v) || s390_stop_wanted(v) || v->stopped;
}

/* A guess, for directed yield. */
bool s390_vcpu_wanted(struct kvm_vcpu *vcpu)
{
	return READ_ONCE(to_s390(vcpu)->irq.pending);
}

bool s390_vcpu_in_kernel(struct kvm_vcpu *vcpu)
{
	return !in_problem_state(to_s390(vcpu));
}
