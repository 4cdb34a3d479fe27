// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an emulated machine needs so as not to stand still: a module that only test machines load. Hardware has none of
 * these faults; Documentation/testing.md says how they show.
 *
 * Patching. The first preempt notifier of the system makes the kernel patch its own code in the middle of every context
 * switch, and the last one makes it patch that back; so each start and each end of a VM does, where it is the only one.
 * QEMU's TCG before 8.1 can translate such a place on one processor while another is patching it, keep the breakpoint of
 * the patching in its translation, and then take it over and over: all processors of the machine stand still in
 * finish_task_switch(). So this module counts as one user of the notifiers for as long as the machine runs, and the code
 * is patched once: with one processor, before the others are brought up.
 *
 * Interrupts. TCG's VMRUN of a guest with a virtual interrupt pending (what a hypervisor does that waits for the guest's
 * interrupt window) marks that in the word where other threads mark the processor's own interrupts, without their lock
 * and not atomically: such a mark can be lost. The local APIC has the interrupt then, but the processor does not look
 * for it before its APIC gets another one. If it was the timer's, which is set anew by its handler alone, the processor
 * has no ticks from then on. So each processor sends all others a reschedule interrupt, which needs nothing done, all
 * the time.
 */
#include <linux/cpuhotplug.h>
#include <linux/hrtimer.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/smp.h>

/* Far below what anything in the kernel takes for a stall. */
#define NUDGE_NS	(20 * NSEC_PER_MSEC)

static DEFINE_PER_CPU(struct hrtimer, nudge);
static int hotplug_state;

static enum hrtimer_restart nudge_others(struct hrtimer *timer)
{
	int cpu;

	for_each_online_cpu(cpu)
		if (cpu != smp_processor_id())
			smp_send_reschedule(cpu);
	hrtimer_forward_now(timer, NUDGE_NS);
	return HRTIMER_RESTART;
}

/* Context: a thread of @cpu. */
static int nudge_start(unsigned int cpu)
{
	struct hrtimer *timer = per_cpu_ptr(&nudge, cpu);

	hrtimer_init(timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED_HARD);
	timer->function = nudge_others;
	hrtimer_start(timer, NUDGE_NS, HRTIMER_MODE_REL_PINNED_HARD);
	return 0;
}

static int nudge_stop(unsigned int cpu)
{
	hrtimer_cancel(per_cpu_ptr(&nudge, cpu));
	return 0;
}

static int __init steady_init(void)
{
	hotplug_state = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "steady", nudge_start, nudge_stop);
	if (hotplug_state < 0)
		return hotplug_state;
	preempt_notifier_inc();
	return 0;
}
module_init(steady_init);

static void __exit steady_exit(void)
{
	preempt_notifier_dec();
	cpuhp_remove_state(hotplug_state);
}
module_exit(steady_exit);

MODULE_DESCRIPTION("Keep an emulated machine going");
MODULE_LICENSE("GPL");
