// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-amd.ko: the SVM backend's table of operations, its parameters, and its life as a module.
 */
#define pr_fmt(fmt) "kvm_amd: " fmt

#include <linux/module.h>
#include <asm/cpu_device_id.h>
#include <asm/reboot.h>
#include "svm.h"
#include "../trace.h"
#include <asm/virtext.h>

static bool npt = true;
module_param(npt, bool, 0444);
MODULE_PARM_DESC(npt, "use nested paging; there is no other way yet");

struct svm_pause_filter svm_pause_filter = {
	.count	= 3000,
	.thresh	= 128,
	.grow	= 2,
	.shrink	= 0,
	.max	= U16_MAX,
};
module_param_named(pause_filter_count, svm_pause_filter.count, ushort, 0444);
MODULE_PARM_DESC(pause_filter_count, "PAUSEs in a row that make a guest yield; 0: none do");
module_param_named(pause_filter_thresh, svm_pause_filter.thresh, ushort, 0444);
MODULE_PARM_DESC(pause_filter_thresh, "cycles between two PAUSEs of one loop at most");
module_param_named(pause_filter_count_grow, svm_pause_filter.grow, ushort, 0444);
MODULE_PARM_DESC(pause_filter_count_grow, "how the count of a vCPU grows with each exit: a factor, or an amount");
module_param_named(pause_filter_count_shrink, svm_pause_filter.shrink, ushort, 0444);
MODULE_PARM_DESC(pause_filter_count_shrink, "how it shrinks when the vCPU was off its CPU; 0: to the first at once");
module_param_named(pause_filter_count_max, svm_pause_filter.max, ushort, 0444);
MODULE_PARM_DESC(pause_filter_count_max, "beyond which it does not grow");

static int vm_init(struct kvm *kvm)
{
	return 0;
}

static void vm_destroy(struct kvm *kvm)
{
}

static int hardware_setup(void)
{
	if (!npt) {
		pr_info("npt=0 was asked for, but only nested paging is there\n");
		return -ENODEV;
	}
	return svm_hardware_setup();
}

static const struct kvm_x86_ops svm_ops = {
	.name			= "kvm_amd",
	.isa			= KVM_ISA_SVM,
	.owner			= THIS_MODULE,
	.vcpu_size		= sizeof(struct vcpu_svm),

	.hardware_setup		= hardware_setup,
	.hardware_unsetup	= svm_hardware_unsetup,
	.cpu_enable		= svm_cpu_enable,
	.cpu_disable		= svm_cpu_disable,
	.vm_init		= vm_init,
	.vm_destroy		= vm_destroy,

	.vcpu_create		= svm_vcpu_create,
	.vcpu_destroy		= svm_vcpu_destroy,
	.vcpu_reset		= svm_vcpu_reset,
	.vcpu_load		= svm_vcpu_load,
	.vcpu_put		= svm_vcpu_put,
	.update_intercepts	= svm_update_intercepts,
	.flush_tlb		= svm_flush_tlb,
	.load_root		= svm_load_root,
	.write_tsc		= svm_write_tsc,

	.prepare_switch		= svm_prepare_switch,
	.enter			= svm_enter,
	.handle_exit_irqoff	= svm_handle_exit_irqoff,
	.handle_exit		= svm_handle_exit,
	.exit_info		= svm_exit_info,
	.insn_length		= svm_insn_length,
	.can_emulate		= svm_can_emulate,

	.cache_reg		= svm_cache_reg,
	.get_rflags		= svm_get_rflags,
	.set_rflags		= svm_set_rflags,
	.get_segment		= svm_get_segment,
	.set_segment		= svm_set_segment,
	.segment_base		= svm_segment_base,
	.get_cpl		= svm_get_cpl,
	.cs_bits		= svm_cs_bits,
	.get_dt			= svm_get_dt,
	.set_dt			= svm_set_dt,
	.set_cr0		= svm_set_cr0,
	.cr3_changed		= svm_cr3_changed,
	.set_cr4		= svm_set_cr4,
	.set_efer		= svm_set_efer,
	.set_dr7		= svm_set_dr7,
	.sync_drs		= svm_sync_drs,
	.get_msr		= svm_get_msr,
	.set_msr		= svm_set_msr,
	.has_msr		= svm_has_msr,

	.get_shadow		= svm_get_shadow,
	.set_shadow		= svm_set_shadow,
	.inject_exception	= svm_inject_exception,
	.inject_interrupt	= svm_inject_interrupt,
	.inject_nmi		= svm_inject_nmi,
	.cancel_injection	= svm_cancel_injection,
	.interrupt_allowed	= svm_interrupt_allowed,
	.nmi_allowed		= svm_nmi_allowed,
	.want_irq_window	= svm_want_irq_window,
	.want_nmi_window	= svm_want_nmi_window,
	.update_cr8_intercept	= svm_update_cr8_intercept,
	.get_nmi_mask		= svm_get_nmi_mask,
	.set_nmi_mask		= svm_set_nmi_mask,
};

/*
 * A crash or an emergency restart: INIT and NMI must get through, so GIF and SVM have to be off.
 * Any context.
 */
static void emergency_disable(void)
{
	kvm_rebooting = true;
	cpu_svm_disable();
}

static const struct x86_cpu_id svm_ids[] = {
	X86_MATCH_FEATURE(X86_FEATURE_SVM, NULL),
	{}
};
MODULE_DEVICE_TABLE(x86cpu, svm_ids);

static int __init svm_init(void)
{
	int r = kvm_x86_register(&svm_ops);

	if (r)
		return r;
	cpu_emergency_register_virt_callback(emergency_disable);
	return 0;
}

static void __exit svm_exit(void)
{
	cpu_emergency_unregister_virt_callback(emergency_disable);
	kvm_x86_unregister();
}

module_init(svm_init);
module_exit(svm_exit);

MODULE_DESCRIPTION("KVM on AMD processors (SVM)");
MODULE_LICENSE("GPL");
