// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module of s390: is there SIE, and the table by which the core asks us.
 *
 * Whether the machine interprets guests is in what its service processor says of each CPU (SIEF2).
 * Nothing has to be turned on.
 */
#include <linux/jiffies.h>
#include <linux/module.h>
#include <asm/asm-offsets.h>
#include <asm/lowcore.h>
#include <asm/sclp.h>

#include <kvm/device.h>
#include "s390.h"

MODULE_AUTHOR("The authors of this KVM");
MODULE_DESCRIPTION("Kernel-based Virtual Machine on s390");
MODULE_LICENSE("GPL");

/* The two words that the host's sie64a (arch/s390/kernel/entry.S) knows of a state description. */
static_assert(offsetof(struct sie_block, in_sie) == __SIE_PROG0C);
static_assert(offsetof(struct sie_block, bar) == __SIE_PROG20);

static int cpu_enable(void)
{
	return 0;
}

static void cpu_disable(void)
{
}

static u8 halt_poll_max_steal = 10;
module_param(halt_poll_max_steal, byte, 0644);
MODULE_PARM_DESC(halt_poll_max_steal, "percentage of steal time from which on halts do not poll");

/*
 * Where the host is itself a guest: a CPU that polls is one that its hypervisor cannot give to
 * others. The host keeps an average of what was stolen of each tick, in units of the CPU timer,
 * 4096 of which are a microsecond (arch/s390/kernel/vtime.c).
 */
static bool halt_poll_ok(struct kvm_vcpu *vcpu)
{
	if (S390_lowcore.avg_steal_timer * 100 / (TICK_USEC << 12) <
	    READ_ONCE(halt_poll_max_steal))
		return true;
	to_s390(vcpu)->stat.halt_no_poll_steal++;
	return false;
}

static bool never_young(struct kvm *kvm, const struct kvm_gfn_range *range)
{
	/* a guest's pages are entered in the VMM's own tables, whose marks the host reads itself */
	return false;
}

static struct kvm_arch_ops s390_arch = {
	.owner		= THIS_MODULE,
	.vm_size	= sizeof(struct s390_vm),
	.vcpu_size	= sizeof(struct s390_vcpu),
	.address_spaces	= 1,
	.run_pages	= 1,

	.cpu_enable	= cpu_enable,
	.cpu_disable	= cpu_disable,

	.vm_init	= s390_vm_init,
	.vm_destroy	= s390_vm_destroy,
	.vm_enable_cap	= s390_vm_enable_cap,

	.vcpu_precreate	= s390_vcpu_precreate,
	.vcpu_create	= s390_vcpu_create,
	.vcpu_created	= s390_vcpu_created,
	.vcpu_destroy	= s390_vcpu_destroy,
	.vcpu_load	= s390_vcpu_load,
	.vcpu_put	= s390_vcpu_put,
	.vcpu_run	= s390_vcpu_run,
	.vcpu_runnable	= s390_vcpu_runnable,
	.vcpu_wanted	= s390_vcpu_wanted,
	.vcpu_in_kernel	= s390_vcpu_in_kernel,
	.vcpu_bar	= s390_vcpu_bar,
	.vcpu_fault	= s390_vcpu_mmap_fault,
	.vcpu_halt_poll_ok = halt_poll_ok,
	.async_pf_done	= s390_async_pf_done,
	.vcpu_async_ioctl = s390_vcpu_async_ioctl,

	.route_set	= s390_route_set,
	.irqchip_in_kernel = s390_irqchip,
	.irqfd_allowed	= s390_irqfd_allowed,

	.slot_prepare	= s390_slot_prepare,
	.slot_commit	= s390_slot_commit,
	.slot_free	= s390_slot_free,
	.slot_flush	= s390_slot_flush,
	.flush_all	= s390_flush_all,
	.unmap		= s390_unmap,
	.age		= never_young,
	.test_age	= never_young,
	.protect_dirty	= s390_protect_dirty,
	.sync_dirty	= s390_sync_dirty,
};

static int __init s390_init(void)
{
	int r;

	if (!sclp.has_sief2) {
		pr_info("kvm_s390: this machine has no SIE: no guests here\n");
		return -ENODEV;
	}
	s390_facilities_init();
	s390_subfunc_init();
	s390_memory_init();

	s390_arch.max_vcpus = s390_max_vcpus();
	s390_arch.max_vcpu_ids = s390_arch.max_vcpus;
	s390_arch.vm_ioctls = s390_vm_ioctls;
	s390_arch.vcpu_ioctls = s390_vcpu_ioctls;
	s390_arch.vm_stats = s390_vm_stats;
	s390_arch.vcpu_stats = s390_vcpu_stats;
	s390_arch.caps = s390_caps;
	r = kvm_device_class_register(&s390_flic_class, KVM_DEV_TYPE_FLIC);
	if (r)
		goto no_flic;
	r = kvm_register_arch(&s390_arch);
	if (r)
		goto no_arch;
	return 0;

no_arch:
	kvm_device_class_unregister(KVM_DEV_TYPE_FLIC);
no_flic:
	s390_memory_exit();
	return r;
}

static void __exit s390_exit(void)
{
	kvm_unregister_arch();
	kvm_device_class_unregister(KVM_DEV_TYPE_FLIC);
	s390_memory_exit();
}

module_init(s390_init);
module_exit(s390_exit);
