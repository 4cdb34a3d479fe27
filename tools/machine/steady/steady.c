// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keep the scheduler's code as it is while virtual machines come and go.
 *
 * The first preempt notifier of the system makes the kernel patch its own code in the middle of every context switch, and
 * the last one makes it patch that back; so each start and each end of a VM does, where it is the only one. QEMU's TCG
 * before 8.1 can translate such a place on one processor while another is patching it, keep the breakpoint of the
 * patching in its translation, and then take it over and over: all processors of the machine stand still in
 * finish_task_switch(). Hardware has no such fault.
 *
 * This module, which only a test machine loads, counts as one user of the notifiers for as long as the machine runs, so
 * that the code is patched once: with one processor, before the others are brought up.
 */
#include <linux/module.h>
#include <linux/preempt.h>

static int __init steady_init(void)
{
	preempt_notifier_inc();
	return 0;
}
module_init(steady_init);

static void __exit steady_exit(void)
{
	preempt_notifier_dec();
}
module_exit(steady_exit);

MODULE_DESCRIPTION("Keep preempt notifiers enabled in an emulated machine");
MODULE_LICENSE("GPL");
