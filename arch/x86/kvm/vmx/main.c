// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-intel.ko: the VMX backend's table of operations, its parameters, and its life as a module.
 */
#define pr_fmt(fmt) "kvm_intel: " fmt

#include <linux/module.h>
#include <asm/cpu_device_id.h>
#include <asm/reboot.h>
#include "vmx.h"
#include "../trace.h"

static bool ept = true;
module_param(ept, bool, 0444);
MODULE_PARM_DESC(ept, "use extended page tables; there is no other way yet");

bool vmx_ept_ad_on = true;
module_param_named(eptad, vmx_ept_ad_on, bool, 0444);
MODULE_PARM_DESC(eptad, "let the processor keep accessed and dirty bits in them");

bool vmx_vpid_on = true;
module_param_named(vpid, vmx_vpid_on, bool, 0444);
MODULE_PARM_DESC(vpid, "tag translations with the vCPU they are of");

bool vmx_vnmi_on = true;
module_param_named(vnmi, vmx_vnmi_on, bool, 0444);
MODULE_PARM_DESC(vnmi, "let the processor keep account of the NMI handler that a guest is in");

bool vmx_unrestricted = true;
module_param_named(unrestricted_guest, vmx_unrestricted, bool, 0444);
MODULE_PARM_DESC(unrestricted_guest, "let the processor run real mode, rather than virtual-8086 mode and the emulator");

bool vmx_timer_on = true;
module_param_named(preemption_timer, vmx_timer_on, bool, 0444);
MODULE_PARM_DESC(preemption_timer, "leave the guest by a timer of the processor's");

bool vmx_pml_on = true;
module_param_named(pml, vmx_pml_on, bool, 0444);
MODULE_PARM_DESC(pml, "let the processor list the pages that a guest writes while they are logged");

bool vmx_flexpriority = true;
module_param_named(flexpriority, vmx_flexpriority, bool, 0444);
MODULE_PARM_DESC(flexpriority, "let the processor recognize accesses to the local APIC's registers");

bool vmx_apicv_on = true;
module_param_named(enable_apicv, vmx_apicv_on, bool, 0444);
MODULE_PARM_DESC(enable_apicv, "let the processor deliver the local APIC's interrupts");

unsigned int vmx_ple_gap = 128;
module_param_named(ple_gap, vmx_ple_gap, uint, 0444);
MODULE_PARM_DESC(ple_gap, "cycles between two PAUSEs of one loop at most; 0: do not look for loops");

struct pause_rule vmx_ple_window = {
	.base	= 4096,
	.grow	= 2,
	.shrink	= 0,
	.max	= UINT_MAX,
};
module_param_named(ple_window, vmx_ple_window.base, uint, 0444);
MODULE_PARM_DESC(ple_window, "cycles in a loop of PAUSEs that make a guest yield");
module_param_named(ple_window_grow, vmx_ple_window.grow, uint, 0444);
MODULE_PARM_DESC(ple_window_grow, "how the window of a vCPU grows with each exit: a factor, or an amount");
module_param_named(ple_window_shrink, vmx_ple_window.shrink, uint, 0444);
MODULE_PARM_DESC(ple_window_shrink, "how it shrinks when the vCPU was off its CPU; 0: to the first at once");
module_param_named(ple_window_max, vmx_ple_window.max, uint, 0444);
MODULE_PARM_DESC(ple_window_max, "beyond which it does not grow");

static int vm_init(struct kvm *kvm)
{
	return 0;
}

static void vm_destroy(struct kvm *kvm)
{
	vmx_identity_destroy(kvm);
}

static int hardware_setup(void)
{
	if (!ept) {
		pr_info("ept=0 was asked for, but only extended page tables are there\n");
		return -ENODEV;
	}
	return vmx_hardware_setup();
}

static const struct kvm_x86_ops vmx_ops = {
	.name			= "kvm_intel",
	.isa			= KVM_ISA_VMX,
	.owner			= THIS_MODULE,
	.vcpu_size		= sizeof(struct vcpu_vmx),

	.hardware_setup		= hardware_setup,
	.hardware_unsetup	= vmx_hardware_unsetup,
	.cpu_enable		= vmx_cpu_enable,
	.cpu_disable		= vmx_cpu_disable,
	.vm_init		= vm_init,
	.vm_destroy		= vm_destroy,

	.vcpu_create		= vmx_vcpu_create,
	.vcpu_destroy		= vmx_vcpu_destroy,
	.vcpu_reset		= vmx_vcpu_reset,
	.vcpu_load		= vmx_vcpu_load,
	.vcpu_put		= vmx_vcpu_put,
	.update_intercepts	= vmx_update_intercepts,
	.flush_tlb		= vmx_flush_tlb,
	.load_root		= vmx_load_root,
	.write_tsc		= vmx_write_tsc,
	.show_interrupts	= vmx_show_interrupts,
	.notify_posted		= vmx_notify_posted,
	.timer_arm		= vmx_timer_arm,

	.prepare_switch		= vmx_prepare_switch,
	.run_unfit		= vmx_run_unfit,
	.enter			= vmx_enter,
	.handle_exit_irqoff	= vmx_handle_exit_irqoff,
	.handle_exit		= vmx_handle_exit,
	.exit_info		= vmx_exit_info,
	.insn_length		= vmx_insn_length,
	.can_emulate		= vmx_can_emulate,

	.cache_reg		= vmx_cache_reg,
	.get_rflags		= vmx_get_rflags,
	.set_rflags		= vmx_set_rflags,
	.get_segment		= vmx_get_segment,
	.set_segment		= vmx_set_segment,
	.segment_base		= vmx_segment_base,
	.cs_bits		= vmx_cs_bits,
	.get_cpl		= vmx_get_cpl,
	.get_dt			= vmx_get_dt,
	.set_dt			= vmx_set_dt,
	.set_cr0		= vmx_set_cr0,
	.cr3_changed		= vmx_cr3_changed,
	.set_cr4		= vmx_set_cr4,
	.set_efer		= vmx_set_efer,
	.set_dr7		= vmx_set_dr7,
	.sync_drs		= vmx_sync_drs,
	.get_msr		= vmx_get_msr,
	.set_msr		= vmx_set_msr,
	.has_msr		= vmx_has_msr,

	.get_shadow		= vmx_get_shadow,
	.set_shadow		= vmx_set_shadow,
	.inject_exception	= vmx_inject_exception,
	.inject_interrupt	= vmx_inject_interrupt,
	.inject_nmi		= vmx_inject_nmi,
	.cancel_injection	= vmx_cancel_injection,
	.interrupt_allowed	= vmx_interrupt_allowed,
	.nmi_allowed		= vmx_nmi_allowed,
	.want_irq_window	= vmx_want_irq_window,
	.want_nmi_window	= vmx_want_nmi_window,
	.update_cr8_intercept	= vmx_update_cr8_intercept,
	.get_nmi_mask		= vmx_get_nmi_mask,
	.set_nmi_mask		= vmx_set_nmi_mask,
};

/* A crash or an emergency restart: INIT must get through, which VMX blocks. Any context. */
static void emergency_disable(void)
{
	kvm_rebooting = true;
	vmx_emergency_disable();
}

static const struct x86_cpu_id vmx_ids[] = {
	X86_MATCH_FEATURE(X86_FEATURE_VMX, NULL),
	{}
};
MODULE_DEVICE_TABLE(x86cpu, vmx_ids);

static int __init vmx_init(void)
{
	int r = kvm_x86_register(&vmx_ops);

	if (r)
		return r;
	cpu_emergency_register_virt_callback(emergency_disable);
	return 0;
}

static void __exit vmx_exit(void)
{
	cpu_emergency_unregister_virt_callback(emergency_disable);
	kvm_x86_unregister();
}

module_init(vmx_init);
module_exit(vmx_exit);

MODULE_DESCRIPTION("KVM on Intel processors (VMX)");
MODULE_LICENSE("GPL");
