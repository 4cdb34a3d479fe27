/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The border between host and guest, as the rest of the kernel needs to be told of it.
 *
 * Between guest_context_enter() and guest_context_exit() the CPU is, for RCU, in an extended quiescent state, and for
 * lockdep runs with interrupts on: only noinstr code of the backend may stand there. Time accounting has a wider
 * border (guest_time_*): a tick that ended the guest is charged to the guest when it is taken before guest_time_exit().
 */
#ifndef KVM_X86_GUEST_CONTEXT_H
#define KVM_X86_GUEST_CONTEXT_H

#include <linux/context_tracking.h>
#include <linux/ftrace.h>
#include <linux/instrumentation.h>
#include <linux/irqflags.h>
#include <linux/rcupdate.h>
#include <linux/vtime.h>

/* Context: irqs off. */
static __always_inline void guest_time_enter(void)
{
	instrumentation_begin();
	vtime_account_guest_enter();
	instrumentation_end();
}

static __always_inline void guest_time_exit(void)
{
	instrumentation_begin();
	vtime_account_guest_exit();
	instrumentation_end();
}

/* Context: irqs off, noinstr caller; the very next thing is the guest entry. */
static __always_inline void guest_context_enter(void)
{
	instrumentation_begin();
	trace_hardirqs_on_prepare();
	lockdep_hardirqs_on_prepare();
	instrumentation_end();

	if (!context_tracking_guest_enter()) {
		instrumentation_begin();
		rcu_virt_note_context_switch(smp_processor_id());
		instrumentation_end();
	}
	lockdep_hardirqs_on(CALLER_ADDR0);
}

static __always_inline void guest_context_exit(void)
{
	lockdep_hardirqs_off(CALLER_ADDR0);
	context_tracking_guest_exit();

	instrumentation_begin();
	trace_hardirqs_off_finish();
	instrumentation_end();
}

#endif /* KVM_X86_GUEST_CONTEXT_H */
