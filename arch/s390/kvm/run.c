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
#include "trace.h"

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

/* What is set from now on keeps SIE from beginning, once; there is no need to find it here. */
static void unbar(struct sie_block *sie)
{
	if (unlikely(READ_ONCE(sie->bar) & SIE_BAR_REQUEST))
		atomic_andnot(SIE_BAR_REQUEST, (atomic_t *)&sie->bar);
	if (unlikely(READ_ONCE(sie->flags) & SIE_FLAG_STOP))
		sie_flags_clear(sie, SIE_FLAG_STOP);
}

static int req_dead(struct s390_vcpu *v)
{
	return -EIO;
}

static int req_prefix(struct s390_vcpu *v)
{
	int r = s390_prefix_map(v);

	if (r == -EFAULT && vm_of(v)->ucontrol)
		return EXIT_RESUME;	/* a validity interception will say so */
	if (r)
		kvm_request(&v->vcpu, KVM_REQ_PREFIX);
	return r ? r : EXIT_RESUME;
}

static int req_clock(struct s390_vcpu *v)
{
	v->sie->epoch = READ_ONCE(vm_of(v)->epoch);
	v->sie->epoch_index = READ_ONCE(vm_of(v)->epoch_index);
	return EXIT_RESUME;
}

static int req_controls(struct s390_vcpu *v)
{
	s390_sca_controls(v);
	s390_crypto_controls(v);
	return EXIT_RESUME;
}

static int req_protection(struct s390_vcpu *v)
{
	s390_protection_update(v);
	return EXIT_RESUME;
}

static int req_interlock(struct s390_vcpu *v)
{
	s390_walk_wait(vm_of(v));
	return EXIT_RESUME;
}

static int req_irq(struct s390_vcpu *v)
{
	v->told = true;
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
	{ KVM_REQ_IRQ,				req_irq },
	{ KVM_REQ_CLOCK,			req_clock },
	{ KVM_REQ_CONTROLS,			req_controls },
	{ KVM_REQ_INTERLOCK,			req_interlock },
	{ KVM_REQ_PREFIX,			req_prefix },
	{ KVM_REQ_PROTECTION,			req_protection },
	{ KVM_REQ_STARTED,			req_nothing },
	{ KVM_REQ_TLB_FLUSH,			req_nothing },
	{ KVM_REQ_OUTSIDE,			req_nothing },
	{ KVM_REQ_UNBLOCK,			req_nothing },
};

/* Those that are made meanwhile are for the next turn: they keep this one from the entry. */
static int serve_requests(struct s390_vcpu *v)
{
	u64 made = READ_ONCE(v->vcpu.requests), bit;
	unsigned int i;
	int r;

	for (i = 0; made && i < ARRAY_SIZE(requests); i++) {
		bit = BIT_ULL(requests[i].req & KVM_REQ_NR_MASK);
		if (!(made & bit))
			continue;
		made &= ~bit;
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

	if (unlikely(v->debug.on))
		s390_debug_enter(v);
	local_irq_disable();
	vtime_account_guest_enter();
	local_irq_enable();
	r = sie64a(v->sie, v->gprs);
	local_irq_disable();
	vtime_account_guest_exit();
	local_irq_enable();

	if (unlikely(v->debug.on))
		s390_debug_leave(v);
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
	if (likely(!kvm_request_pending(vcpu) && READ_ONCE(vcpu->mode) == VCPU_IN_GUEST)) {
		trace_kvm_s390_sie_enter(v);
		r = sie(v);
		trace_kvm_s390_sie_exit(v);
	}
	WRITE_ONCE(vcpu->mode, VCPU_OUTSIDE);
	smp_wmb();	/* whoever waits for OUTSIDE sees what we did in the guest */
	kvm_vcpu_srcu_lock(vcpu);
	v->stat.exits++;
	return r;
}

static void pass_on(struct s390_vcpu *v)
{
	v->told = false;
	s390_float_pass_on(v);
}

/* Is there anything to do that most entries have not? One test for all of do_errands(). */
static bool has_errands(struct s390_vcpu *v)
{
	return kvm_request_pending(&v->vcpu) || v->debug.on || v->windows || s390_irq_waits(v);
}

/* Before an entry: all that there may be to do. */
static int do_errands(struct s390_vcpu *v)
{
	int r = serve_requests(v);

	if (r != EXIT_RESUME || vm_of(v)->ucontrol)	/* its owner sees to the rest */
		return r;
	if (s390_stop_wanted(v))
		return s390_exit_stopped(v);
	r = s390_debug_hit(v);
	if (r != EXIT_RESUME)
		return r;
	r = s390_deliver(v);
	if (r != EXIT_RESUME)
		return r;
	if (unlikely(v->debug.on)) {
		r = s390_debug_breakpoint(v);
		if (r != EXIT_RESUME)
			return r;
	}
	s390_irq_windows(v);
	if (v->told)
		pass_on(v);
	return EXIT_RESUME;
}

static int host_work(struct s390_vcpu *v)
	__must_hold(&v->vcpu.kvm->srcu)
{
	int r;

	kvm_vcpu_srcu_unlock(&v->vcpu);
	r = kvm_host_work(&v->vcpu);
	kvm_vcpu_srcu_lock(&v->vcpu);
	return r ? r : EXIT_RESUME;
}

static int turn(struct s390_vcpu *v)
{
	int r;

	if (unlikely(has_errands(v))) {
		r = do_errands(v);
		if (r != EXIT_RESUME)
			return r;
	}
	if (unlikely(kvm_host_work_pending()))
		return host_work(v);
	r = enter(v);
	if (unlikely(vm_of(v)->ucontrol))
		return s390_ucontrol_turn_end(v, r);
	return unlikely(r) ? s390_host_fault(v) : s390_handle_exit(v);
}

static int run_loop(struct s390_vcpu *v)
{
	int r;

	do
		r = turn(v);
	while (r == EXIT_RESUME);
	return r;
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
	if (unlikely(v->has_gs))
		s390_gs_enter(v);
	v->host.saved = true;
}

static void registers_leave(struct s390_vcpu *v)
{
	v->host.saved = false;
	if (unlikely(v->has_gs))
		s390_gs_leave(v);
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
	if (v->told || kvm_request_test(vcpu, KVM_REQ_IRQ))
		pass_on(v);
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
