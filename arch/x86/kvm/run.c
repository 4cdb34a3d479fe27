// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_RUN on x86: the loop around the guest.
 *
 *	finish what user space was asked	complete_user
 *	loop:	not runnable?			wait: halted, or an AP before its SIPI
 *		serve requests, inject events	preemption on: may sleep
 *		prepare, irqs off, mode IN_GUEST, look at requests once more
 *		the guest			backend's enter
 *		irqs on, exit handler		preemption on, srcu held
 *		signals, resched, IRQ window	between two entries
 *
 * Whoever makes a request sets the bit, then looks at vcpu->mode; the vCPU sets its mode, then looks at the bits: one of
 * the two sees the other. So after IN_GUEST is set nothing that another thread may change is read but the requests.
 */
#include <linux/hw_breakpoint.h>
#include <linux/kernel.h>
#include <linux/sched/signal.h>
#include <kvm/host_work.h>
#include <kvm/trace.h>
#include "guest_context.h"
#include "smm.h"
#include "trace.h"
#include "vm.h"
#include "x86.h"

/*
 * Requests: one row each. A function returns EXIT_RESUME to go on with the entry, else what KVM_RUN shall return.
 */
static int req_dead(struct kvm_vcpu *vcpu)
{
	return -EIO;
}

static int req_triple_fault(struct kvm_vcpu *vcpu)
{
	vcpu->run->exit_reason = KVM_EXIT_SHUTDOWN;
	return EXIT_TO_USER;
}

static int req_eoi_exit(struct kvm_vcpu *vcpu)
{
	vcpu->run->exit_reason = KVM_EXIT_IOAPIC_EOI;
	vcpu->run->eoi.vector = lapic_pending_eoi_vector(vcpu);
	return EXIT_TO_USER;
}

static int req_report_tpr(struct kvm_vcpu *vcpu)
{
	vcpu->run->exit_reason = KVM_EXIT_TPR_ACCESS;	/* kvm_run.tpr_access was filled in at the access */
	return EXIT_TO_USER;
}

static int req_mmu_reload(struct kvm_vcpu *vcpu)
{
	mmu_unload(vcpu);
	return EXIT_RESUME;
}

static int req_masterclock(struct kvm_vcpu *vcpu)
{
	kvmclock_master_update(vcpu->kvm);
	return EXIT_RESUME;
}

static int req_clock(struct kvm_vcpu *vcpu)
{
	return kvmclock_update(vcpu) < 0 ? -EFAULT : EXIT_RESUME;
}

static int req_steal(struct kvm_vcpu *vcpu)
{
	return pv_steal_update(vcpu) ? -EFAULT : EXIT_RESUME;
}

static int req_flush(struct kvm_vcpu *vcpu)
{
	to_x86(vcpu)->stat.tlb_flush++;
	x86_op(flush_tlb)(vcpu, FLUSH_ALL, 0);
	return EXIT_RESUME;
}

static int req_flush_current(struct kvm_vcpu *vcpu)
{
	to_x86(vcpu)->stat.tlb_flush++;
	x86_op(flush_tlb)(vcpu, FLUSH_CURRENT, 0);
	return EXIT_RESUME;
}

static int req_flush_guest(struct kvm_vcpu *vcpu)
{
	to_x86(vcpu)->stat.tlb_flush++;
	x86_op(flush_tlb)(vcpu, FLUSH_GUEST, 0);
	return EXIT_RESUME;
}

static int req_nmi(struct kvm_vcpu *vcpu)
{
	kvm_request(vcpu, KVM_REQ_EVENT);
	return EXIT_RESUME;
}

static int req_smi(struct kvm_vcpu *vcpu)
{
	smm_smi_came(vcpu);
	return EXIT_RESUME;
}

static int req_dirty_ring(struct kvm_vcpu *vcpu)
{
	if (!kvm_dirty_ring_full(vcpu))
		return EXIT_RESUME;
	kvm_request(vcpu, KVM_REQ_DIRTY_RING);	/* look again next time */
	vcpu->run->exit_reason = KVM_EXIT_DIRTY_RING_FULL;
	return EXIT_TO_USER;
}

static int req_intercepts(struct kvm_vcpu *vcpu)
{
	x86_cold(update_intercepts)(vcpu);
	return EXIT_RESUME;
}

static int req_nothing(struct kvm_vcpu *vcpu)
{
	return EXIT_RESUME;
}

/* In the order in which they are served: the clock before its pages, the root before the flush of what it left. */
static const struct {
	unsigned int	req;
	int		(*serve)(struct kvm_vcpu *vcpu);
} requests[] = {
	{ KVM_REQ_VM_DEAD | KVM_REQ_NO_CLEAR,	req_dead },
	{ KVM_REQ_MMU_RELOAD,			req_mmu_reload },
	{ KVM_REQ_MASTERCLOCK,			req_masterclock },
	{ KVM_REQ_CLOCK_UPDATE,			req_clock },
	{ KVM_REQ_STEAL_UPDATE,			req_steal },
	{ KVM_REQ_TLB_FLUSH,			req_flush },
	{ KVM_REQ_TLB_FLUSH_CURRENT,		req_flush_current },
	{ KVM_REQ_TLB_FLUSH_GUEST,		req_flush_guest },
	{ KVM_REQ_TRIPLE_FAULT,			req_triple_fault },
	{ KVM_REQ_IOAPIC_EOI_EXIT,		req_eoi_exit },
	{ KVM_REQ_REPORT_TPR,			req_report_tpr },
	{ KVM_REQ_NMI,				req_nmi },
	{ KVM_REQ_INTERCEPTS,			req_intercepts },
	{ KVM_REQ_SMI,				req_smi },
	{ KVM_REQ_DIRTY_RING,			req_dirty_ring },
	{ KVM_REQ_SCAN_IOAPIC,			req_intercepts },
	{ KVM_REQ_OUTSIDE,			req_nothing },
	{ KVM_REQ_UNBLOCK,			req_nothing },
};

static int serve_requests(struct kvm_vcpu *vcpu)
{
	unsigned int i;
	int r;

	for (i = 0; i < ARRAY_SIZE(requests); i++) {
		if (!kvm_request_take(vcpu, requests[i].req))
			continue;
		r = requests[i].serve(vcpu);
		if (r != EXIT_RESUME)
			return r;
	}
	return EXIT_RESUME;
}

/* User space's i8259, if it has one: would the vCPU take a vector of it once its window is open? */
static bool takes_user_interrupt(struct kvm_vcpu *vcpu)
{
	return !irqchip_has_lapic(vcpu->kvm) || lapic_user_extint_ready(vcpu);
}

/*
 * User space has asked for an exit as soon as an interrupt could be delivered. As long as the LAPIC
 * holds LINT0 off that is not when the window opens: to wait for it would end each entry before its
 * first instruction.
 */
static bool window_wanted(struct kvm_vcpu *vcpu)
{
	return READ_ONCE(vcpu->run->request_interrupt_window) && !irqchip_full(vcpu->kvm) &&
	       takes_user_interrupt(vcpu);
}

static bool ready_for_interrupt(struct kvm_vcpu *vcpu)
{
	if (irqchip_full(vcpu->kvm))
		return true;
	return takes_user_interrupt(vcpu) && x86_irq_window_open(vcpu);
}

static int prepare_events(struct kvm_vcpu *vcpu, bool *immediate_exit)
{
	struct x86_vcpu *v = to_x86(vcpu);
	int r;

	v->stat.req_event++;
	if (v->lapic) {
		r = lapic_accept_init_sipi(vcpu);
		if (r < 0)
			return r;
		if (v->mp_state != KVM_MP_STATE_RUNNABLE)
			return 0;	/* stopped by INIT */
		irqchip_deliver_timers(vcpu);	/* the one whose request brought us here */
	}
	r = x86_inject_events(vcpu, immediate_exit);
	if (r)
		return r;
	if (window_wanted(vcpu))
		x86_op(want_irq_window)(vcpu);
	if (v->lapic) {
		if (lapic_by_hardware(vcpu))
			x86_cold(show_interrupts)(vcpu);
		else
			x86_op(update_cr8_intercept)(vcpu, lapic_get_tpr(vcpu),
						     irqchip_highest_irr(vcpu));
		vapic_before_entry(vcpu);
		lapic_pv_eoi_before_entry(vcpu);
	}
	return 0;
}

/* The guest's breakpoints, or those of user space's debugger, into the hardware. DR6 and DR7 are the backend's. */
static void load_debug_registers(struct x86_vcpu *v)
{
	set_debugreg(0, 7);
	set_debugreg(v->eff_db[0], 0);
	set_debugreg(v->eff_db[1], 1);
	set_debugreg(v->eff_db[2], 2);
	set_debugreg(v->eff_db[3], 3);
}

static bool uses_debug_registers(const struct x86_vcpu *v)
{
	return (v->vcpu.guest_debug & KVM_GUESTDBG_USE_HW_BP) || (v->dr7 & DR7_ENABLE_BITS);
}

void x86_host_debug_restore(struct kvm_vcpu *vcpu)
{
	/* A stale DR6 of the guest must not be taken for the cause of a host #DB. */
	set_debugreg(0, 6);
}

/*
 * A guest that exits and is entered again, with interrupts off all the time, goes the long way now
 * and then: the host's interrupts do not depend on the processor's noticing them at the entry.
 */
#define MAX_REENTRIES	64

/* Context: irqs off, mode IN_GUEST. */
static enum x86_fastpath enter_and_exit(struct kvm_vcpu *vcpu, bool immediate_exit)
{
	struct x86_vcpu *v = to_x86(vcpu);
	enum x86_fastpath fastpath;
	unsigned int n = 0;

	if (immediate_exit)
		kvm_request(vcpu, KVM_REQ_EVENT);
	fpregs_assert_state_consistent();
	if (test_thread_flag(TIF_NEED_FPU_LOAD))
		switch_fpu_return();
	if (unlikely(uses_debug_registers(v)))
		load_debug_registers(v);

	guest_time_enter();
	for (;;) {
		fastpath = x86_op(enter)(vcpu, immediate_exit);
		if (fastpath != FASTPATH_REENTER || kvm_request_pending(vcpu) ||
		    kvm_host_work_pending() || n++ == MAX_REENTRIES)
			break;
		v->stat.exits++;	/* the last one's count is the caller's */
	}

	if (unlikely(v->dr_dirty))
		x86_cold(sync_drs)(vcpu);
	/*
	 * The host's own breakpoints back, if it has any: each exit disables them in DR7 (APM vol 2, 15.6; SDM vol 3,
	 * 28.5.1). Else what the guest left in the others does no harm.
	 */
	if (unlikely(hw_breakpoint_active()))
		hw_breakpoint_restore();
	return fastpath;
}

/* The last look before the entry: irqs off, mode IN_GUEST. */
static bool must_stay_out(struct kvm_vcpu *vcpu)
{
	return READ_ONCE(vcpu->mode) == VCPU_EXITING || kvm_request_pending(vcpu) || kvm_host_work_pending();
}

static void leave_guest_mode(struct kvm_vcpu *vcpu)
{
	WRITE_ONCE(vcpu->mode, VCPU_OUTSIDE);
	smp_wmb();	/* whoever waits for OUTSIDE sees what we did in the guest */
}

static void trace_exit(struct kvm_vcpu *vcpu)
{
	struct x86_exit_info info;

	x86_cold(exit_info)(vcpu, &info);
	trace_kvm_exit(vcpu->id, x86_rip(vcpu), kvm_x86_ops.isa, &info);
}

/*
 * What was prepared for an entry that does not come about is taken back: user space may be next, and
 * save the vCPU. A PV EOI left armed in the guest's memory would be taken there for an EOI by nobody.
 */
static void entry_given_up(struct kvm_vcpu *vcpu)
{
	x86_op(cancel_injection)(vcpu);
	if (to_x86(vcpu)->pv.eoi.armed)
		lapic_pv_eoi_after_exit(vcpu);
}

static int run_guest_once(struct kvm_vcpu *vcpu, bool immediate_exit)
	__must_hold(&vcpu->kvm->srcu)
{
	struct x86_vcpu *v = to_x86(vcpu);
	enum x86_fastpath fastpath;

	preempt_disable();
	x86_op(prepare_switch)(vcpu);
	local_irq_disable();
	/* Pairs with the barrier between setting a request and reading mode in kvm_vcpu_kick() and its like. */
	smp_store_mb(vcpu->mode, VCPU_IN_GUEST);
	kvm_vcpu_srcu_unlock(vcpu);
	if (must_stay_out(vcpu)) {
		leave_guest_mode(vcpu);
		local_irq_enable();
		preempt_enable();
		kvm_vcpu_srcu_lock(vcpu);
		entry_given_up(vcpu);
		return EXIT_RESUME;
	}
	trace_kvm_entry(vcpu->id, x86_rip(vcpu), immediate_exit);
	fastpath = enter_and_exit(vcpu, immediate_exit);
	leave_guest_mode(vcpu);
	if (trace_kvm_exit_enabled())
		trace_exit(vcpu);
	x86_op(handle_exit_irqoff)(vcpu);
	v->has_run = true;
	/*
	 * A tick that was due is taken in this window, and charged to the guest. STI holds interrupts
	 * off for one more instruction (SDM vol 2, STI), which must not be the CLI.
	 */
	local_irq_enable();
	v->stat.exits++;
	local_irq_disable();
	guest_time_exit();
	local_irq_enable();
	preempt_enable();
	kvm_vcpu_srcu_lock(vcpu);
	if (unlikely(v->vapic.active))
		vapic_after_exit(vcpu);
	if (v->pv.eoi.armed)
		lapic_pv_eoi_after_exit(vcpu);
	return x86_op(handle_exit)(vcpu, fastpath);
}

/* The hardware would not have the guest in this state: what was prepared for an entry is for the next round. */
static int run_unfit(struct kvm_vcpu *vcpu, bool immediate_exit)
{
	int r;

	irqchip_timer_to_host(vcpu);	/* it may be long before the hardware runs the guest */
	r = x86_cold(run_unfit)(vcpu);

	entry_given_up(vcpu);
	if (immediate_exit)
		kvm_request(vcpu, KVM_REQ_EVENT);
	return r;
}

/* One round: requests, events, the guest, its exit. EXIT_RESUME: go on. */
static int enter_guest(struct kvm_vcpu *vcpu)
{
	bool immediate_exit = false;
	int r;

	if (kvm_request_pending(vcpu)) {
		r = serve_requests(vcpu);
		if (r != EXIT_RESUME)
			return r;
	}
	if (kvm_request_take(vcpu, KVM_REQ_EVENT) || window_wanted(vcpu)) {
		r = prepare_events(vcpu, &immediate_exit);
		if (r)
			return r;
		if (to_x86(vcpu)->mp_state != KVM_MP_STATE_RUNNABLE)
			return EXIT_RESUME;
	}
	r = mmu_load(vcpu);
	if (unlikely(r)) {
		entry_given_up(vcpu);
		return r;
	}
	if (unlikely(to_x86(vcpu)->unfit))
		return run_unfit(vcpu, immediate_exit);
	return run_guest_once(vcpu, immediate_exit);
}

static bool has_events(struct kvm_vcpu *vcpu)
{
	struct x86_vcpu *v = to_x86(vcpu);
	struct x86_events *e = &v->events;

	if (e->exception.pending || e->exception.injected || kvm_request_test(vcpu, KVM_REQ_TRIPLE_FAULT))
		return true;
	if (v->pv.unhalted || smm_smi_waits(vcpu))
		return true;
	if ((e->nmi_pending || atomic_read(&e->nmi_queued)) && x86_op(nmi_allowed)(vcpu))
		return true;
	if (e->interrupt.injected)
		return true;
	return irqchip_has_interrupt(vcpu) && x86_op(interrupt_allowed)(vcpu);
}

/* Context: the vCPU's own thread, loaded. */
bool x86_vcpu_runnable(struct kvm_vcpu *vcpu)
{
	struct x86_vcpu *v = to_x86(vcpu);

	if (v->mp_state == KVM_MP_STATE_RUNNABLE)
		return true;
	if (v->lapic && lapic_init_sipi_pending(vcpu))
		return true;
	if (v->mp_state != KVM_MP_STATE_HALTED)
		return false;
	return irqchip_timer_pending(vcpu) || has_events(vcpu);
}

/* Context: any thread; a guess for directed yield. */
bool x86_vcpu_wanted(struct kvm_vcpu *vcpu)
{
	struct x86_vcpu *v = to_x86(vcpu);

	return READ_ONCE(v->pv.unhalted) || kvm_request_test(vcpu, KVM_REQ_NMI) ||
	       kvm_request_test(vcpu, KVM_REQ_SMI) || kvm_request_test(vcpu, KVM_REQ_EVENT);
}

/* Not to be run now: sleep until something comes, then find out what it was. */
static int wait_runnable(struct kvm_vcpu *vcpu)
	__must_hold(&vcpu->kvm->srcu)
{
	struct x86_vcpu *v = to_x86(vcpu);
	int r;

	irqchip_timer_to_host(vcpu);
	if (!x86_vcpu_runnable(vcpu)) {
		kvm_vcpu_srcu_unlock(vcpu);
		v->between_insns = true;
		if (v->mp_state == KVM_MP_STATE_HALTED)
			kvm_vcpu_halt(vcpu);
		else
			kvm_vcpu_block(vcpu);
		kvm_vcpu_srcu_lock(vcpu);
	}
	if (v->lapic) {
		r = lapic_accept_init_sipi(vcpu);
		if (r < 0)
			return r;
		irqchip_deliver_timers(vcpu);
	}
	if (v->mp_state == KVM_MP_STATE_HALTED && has_events(vcpu)) {
		v->pv.unhalted = false;
		v->events.smi_in_halt = smm_smi_waits(vcpu);
		WRITE_ONCE(v->mp_state, KVM_MP_STATE_RUNNABLE);
		/* Inject now. An open window would cost an exit, and the guest may be ahead of it with a CLI. */
		kvm_request(vcpu, KVM_REQ_EVENT);
	}
	return EXIT_RESUME;
}

static int between_entries(struct kvm_vcpu *vcpu)
	__must_hold(&vcpu->kvm->srcu)
{
	int r;

	kvm_request_drop(vcpu, KVM_REQ_UNBLOCK);
	if (to_x86(vcpu)->lapic)
		irqchip_deliver_timers(vcpu);
	if (window_wanted(vcpu) && ready_for_interrupt(vcpu)) {
		vcpu->run->exit_reason = KVM_EXIT_IRQ_WINDOW_OPEN;
		to_x86(vcpu)->stat.request_irq_exits++;
		return EXIT_TO_USER;
	}
	if (likely(!kvm_host_work_pending()))
		return EXIT_RESUME;
	kvm_vcpu_srcu_unlock(vcpu);
	r = kvm_host_work(vcpu);
	kvm_vcpu_srcu_lock(vcpu);
	if (r == -EINTR)
		to_x86(vcpu)->stat.signal_exits++;
	return r ? r : EXIT_RESUME;
}

static int run_loop(struct kvm_vcpu *vcpu)
{
	struct x86_vcpu *v = to_x86(vcpu);
	int r;

	for (;;) {
		v->between_insns = false;
		if (likely(v->mp_state == KVM_MP_STATE_RUNNABLE))
			r = enter_guest(vcpu);
		else if (kvm_request_test(vcpu, KVM_REQ_VM_DEAD))
			r = -EIO;
		else
			r = wait_runnable(vcpu);
		if (r != EXIT_RESUME)
			return r;
		r = between_entries(vcpu);
		if (r != EXIT_RESUME)
			return r;
	}
}

/* An AP that was never started gives its thread back after each wait, so that user space can set its state. */
static int wait_for_sipi(struct kvm_vcpu *vcpu)
	__must_hold(&vcpu->kvm->srcu)
{
	int r;

	if (READ_ONCE(vcpu->run->immediate_exit))
		return -EINTR;
	kvm_vcpu_srcu_unlock(vcpu);
	kvm_vcpu_block(vcpu);
	kvm_vcpu_srcu_lock(vcpu);
	r = to_x86(vcpu)->lapic ? lapic_accept_init_sipi(vcpu) : 0;
	if (r < 0)
		return r;
	if (signal_pending(current)) {
		vcpu->run->exit_reason = KVM_EXIT_INTR;
		to_x86(vcpu)->stat.signal_exits++;
		return -EINTR;
	}
	return -EAGAIN;
}

/* What user space has left in kvm_run for us. */
static int take_from_run(struct kvm_vcpu *vcpu)
{
	int r = x86_sync_regs_load(vcpu);

	if (r)
		return r;
	if (!to_x86(vcpu)->lapic && x86_set_cr8(vcpu, READ_ONCE(vcpu->run->cr8)))
		return -EINVAL;
	return 0;
}

static int complete_and_run(struct kvm_vcpu *vcpu)
{
	int (*complete)(struct kvm_vcpu *vcpu) = to_x86(vcpu)->complete_user;
	int r;

	if (complete) {
		to_x86(vcpu)->complete_user = NULL;
		r = complete(vcpu);
		if (r != EXIT_RESUME)
			return r;
	}
	if (READ_ONCE(vcpu->run->immediate_exit))
		return -EINTR;
	return run_loop(vcpu);
}

static void give_to_run(struct kvm_vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	run->if_flag = !!(x86_rflags(vcpu) & X86_EFLAGS_IF);
	run->cr8 = x86_get_cr8(vcpu);
	run->apic_base = to_x86(vcpu)->apic_base;
	run->flags = to_x86(vcpu)->events.in_smm ? KVM_RUN_X86_SMM : 0;
	if (unlikely(to_x86(vcpu)->bus_locked)) {
		run->flags |= KVM_RUN_X86_BUS_LOCK;
		to_x86(vcpu)->bus_locked = false;
	}
	run->ready_for_interrupt_injection = ready_for_interrupt(vcpu);
	x86_sync_regs_store(vcpu);
}

int x86_vcpu_run(struct kvm_vcpu *vcpu)
{
	int r;

	kvm_vcpu_srcu_lock(vcpu);
	x86_fpu_load(vcpu);
	vcpu->run->flags = 0;
	if (to_x86(vcpu)->mp_state == KVM_MP_STATE_UNINITIALIZED) {
		r = wait_for_sipi(vcpu);
	} else {
		r = take_from_run(vcpu);
		if (!r)
			r = complete_and_run(vcpu);
	}
	x86_fpu_put(vcpu);
	give_to_run(vcpu);
	kvm_vcpu_srcu_unlock(vcpu);
	return r;
}
