// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VMX-preemption timer counts down while the guest runs, and exits at 0 (SDM vol 3, 26.5.1).
 *
 * Two uses. An exit is wanted as soon as an event has been delivered: then it starts at 0. Or the
 * guest's own timer is due at a time of the host's TSC (timer_tsc, set by irqchip/lapic_timer.c),
 * which costs no interrupt of the host's then. It counts every 2^n-th tick of the TSC (n: bits 4:0
 * of IA32_VMX_MISC), only in the guest: so what is left is written before each entry.
 */
#include <asm/tsc.h>
#include "vmx.h"

static unsigned int timer_shift(void)
{
	return vmx_caps.misc & VMX_MISC_PREEMPTION_TIMER_RATE_MASK;
}

static void timer_control(struct vcpu_vmx *vmx, bool on)
{
	vmx_control_set(vmx, WORD_PIN, PIN_BASED_VMX_PREEMPTION_TIMER, on);
}

/* Context: the vCPU's VMCS is current; also with a run queue's lock held. */
bool vmx_timer_arm(struct kvm_vcpu *vcpu, u64 tsc)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);
	u64 now = rdtsc();

	if (!vmx_can(WORD_PIN, PIN_BASED_VMX_PREEMPTION_TIMER))
		return false;
	if (tsc > now && (tsc - now) >> timer_shift() >= U32_MAX)
		tsc = 0;
	vmx->timer_tsc = tsc;
	timer_control(vmx, tsc);
	return tsc;
}

/* Context: irqs off, right before an entry. */
void vmx_timer_before_entry(struct vcpu_vmx *vmx, bool immediate_exit)
{
	u64 now = rdtsc();
	u32 ticks = 0;

	if (!vmx_can(WORD_PIN, PIN_BASED_VMX_PREEMPTION_TIMER)) {
		smp_send_reschedule(smp_processor_id());	/* held back until the guest runs */
		return;
	}
	if (!immediate_exit && vmx->timer_tsc > now)
		ticks = ((vmx->timer_tsc - now) >> timer_shift()) + 1;
	timer_control(vmx, true);
	vmcs_write32(VMX_PREEMPTION_TIMER_VALUE, ticks);
}

/* That one exit has been; the guest's timer may go on. */
void vmx_timer_after_exit(struct vcpu_vmx *vmx)
{
	if (!vmx->timer_tsc)
		timer_control(vmx, false);
}

int vmx_exit_timer(struct kvm_vcpu *vcpu)
{
	if (to_vmx(vcpu)->timer_tsc && rdtsc() >= to_vmx(vcpu)->timer_tsc)
		lapic_timer_hardware(vcpu);
	return EXIT_RESUME;
}
