// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module: registration of an architecture, /dev/kvm, and virtualization on the physical CPUs.
 *
 * kvm.ko alone offers nothing. When an architecture's module registers, everything is made ready,
 * and last /dev/kvm appears; its file pins the architecture's module, and so does each VM. So it
 * can unregister only when there is neither.
 *
 * CPUs are turned on for the first VM and off after the last, so that other hypervisors may have
 * them in between. CPU hotplug keeps it true for those that come and go: its callbacks run on the
 * CPU itself, before the scheduler gives it tasks and after it has taken them away. The last CPU,
 * which hotplug does not ask, is served by the syscore hooks around suspend; and before a reboot
 * they turn all off for good, for firmware and the next kernel find a CPU with virtualization on a
 * surprise.
 */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/syscore_ops.h>

#include "core.h"

MODULE_AUTHOR("The authors of this KVM");
MODULE_DESCRIPTION("Kernel-based Virtual Machine");
MODULE_LICENSE("GPL");
MODULE_ALIAS_MISCDEV(KVM_MINOR);
MODULE_ALIAS("devname:kvm");

const struct kvm_arch_ops *kvm_arch;
EXPORT_SYMBOL_GPL(kvm_arch);

bool kvm_rebooting;
EXPORT_SYMBOL_GPL(kvm_rebooting);

static DEFINE_MUTEX(register_lock);	/* guards kvm_arch and what is made with it */

/*
 * Virtualization on the CPUs.
 */

static DEFINE_MUTEX(hw_lock);		/* guards the two below; taken before cpus_read_lock() */
static unsigned int hw_users;		/* VMs */
static int hw_state;			/* of CPU hotplug, while there are users */
static DEFINE_PER_CPU(bool, hw_on);	/* written by its CPU, interrupts off */

static int cpu_on(void)
{
	int r;

	if (__this_cpu_read(hw_on) || READ_ONCE(kvm_rebooting))
		return 0;
	r = kvm_arch->cpu_enable();
	__this_cpu_write(hw_on, !r);
	return r;
}

static void cpu_off(void *unused)
{
	if (!__this_cpu_read(hw_on))
		return;
	kvm_arch->cpu_disable();
	__this_cpu_write(hw_on, false);
}

static int hotplug_up(unsigned int cpu)
{
	unsigned long flags;
	int r;

	local_irq_save(flags);
	r = cpu_on();
	local_irq_restore(flags);
	if (r)
		pr_err("kvm: CPU %u cannot be enabled: %d\n", cpu, r);
	return r;
}

static int hotplug_down(unsigned int cpu)
{
	unsigned long flags;

	local_irq_save(flags);
	cpu_off(NULL);
	local_irq_restore(flags);
	return 0;
}

/**
 * kvm_hw_get - one more VM: every CPU can run guests when this returns
 *
 * Context: sleeps.
 * Return: 0, or what the architecture said of a CPU that cannot; none is on for our sake then.
 */
int kvm_hw_get(void)
{
	int r = 0;

	mutex_lock(&hw_lock);
	if (!hw_users) {
		r = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "virt/kvm:online",
				      hotplug_up, hotplug_down);
		if (r >= 0) {
			hw_state = r;
			r = 0;
		}
	}
	if (!r)
		hw_users++;
	mutex_unlock(&hw_lock);
	return r;
}

void kvm_hw_put(void)
{
	mutex_lock(&hw_lock);
	if (!--hw_users)
		cpuhp_remove_state(hw_state);
	mutex_unlock(&hw_lock);
}

bool kvm_has_vms(void)
{
	return READ_ONCE(hw_users);
}
EXPORT_SYMBOL_GPL(kvm_has_vms);

/*
 * The last CPU, interrupts off, all tasks frozen. hw_on stays as it is: it says what to do on
 * resume. A CPU that was on and cannot be turned on again leaves guests that would fault at their
 * next entry.
 */
static int last_cpu_suspend(void)
{
	if (__this_cpu_read(hw_on))
		kvm_arch->cpu_disable();
	if (kvm_arch->suspend)
		kvm_arch->suspend();
	return 0;
}

static void last_cpu_resume(void)
{
	if (__this_cpu_read(hw_on))
		WARN_ON_ONCE(kvm_arch->cpu_enable());
	if (kvm_arch->resume)
		kvm_arch->resume();
}

/* Tasks still run, and vCPUs among them: their next entry faults, and kvm_rebooting says why. */
static void shutdown_all(void)
{
	if (kvm_has_vms())
		pr_info("kvm: turning virtualization off under running VMs\n");
	WRITE_ONCE(kvm_rebooting, true);
	on_each_cpu(cpu_off, NULL, true);
}

static struct syscore_ops syscore_ops = {
	.suspend	= last_cpu_suspend,
	.resume		= last_cpu_resume,
	.shutdown	= shutdown_all,
};

/*
 * Registration.
 */

/* kvm_sys_fops with the owner set; does not change while registered. */
static struct file_operations dev_fops;

static struct miscdevice dev_kvm = {
	.minor	= KVM_MINOR,
	.name	= "kvm",
	.fops	= &dev_fops,
};

static bool ops_valid(const struct kvm_arch_ops *ops)
{
	return ops->vm_size >= sizeof(struct kvm) && ops->vcpu_size >= sizeof(struct kvm_vcpu) &&
	       ops->max_vcpus && ops->max_vcpus <= ops->max_vcpu_ids &&
	       ops->max_vcpu_ids <= INT_MAX &&
	       ops->run_pages && ops->coalesced_page < ops->run_pages &&
	       ops->address_spaces && ops->address_spaces <= KVM_ADDRESS_SPACES;
}

/*
 * What stands between the tables and the device, in this order.
 *
 * The scheduler asks for preempt notifiers from here on, not from the first VM: to ask costs it
 * next to nothing, but to begin and to end it rewrites the scheduler's code under all CPUs, which
 * is no thing to do for each VM that comes and goes.
 */
static int core_init(const struct kvm_arch_ops *ops)
{
	int r = kvm_request_init();

	if (r)
		return r;
	r = kvm_irqfd_module_init();
	if (r)
		goto no_irqfd;
	r = kvm_ioctl_init(ops);
	if (r)
		goto no_ioctl;
	r = kvm_stats_init(ops);
	if (r)
		goto no_stats;
	r = kvm_vfio_init();
	if (r)
		goto no_vfio;
	r = kvm_async_pf_module_init();
	if (r)
		goto no_async_pf;
	preempt_notifier_inc();
	return 0;

no_async_pf:
	kvm_vfio_exit();
no_vfio:
	kvm_stats_exit();
no_stats:
	kvm_ioctl_exit();
no_ioctl:
	kvm_irqfd_module_exit();
no_irqfd:
	kvm_request_exit();
	return r;
}

static void core_exit(void)
{
	preempt_notifier_dec();
	kvm_async_pf_module_exit();
	kvm_vfio_exit();
	kvm_stats_exit();
	kvm_ioctl_exit();
	kvm_irqfd_module_exit();
	kvm_request_exit();
}

static int device_init(const struct kvm_arch_ops *ops)
{
	int r;

	dev_fops = kvm_sys_fops;
	dev_fops.owner = ops->owner;
	register_syscore_ops(&syscore_ops);
	r = misc_register(&dev_kvm);
	if (r)
		unregister_syscore_ops(&syscore_ops);
	return r;
}

static int register_locked(const struct kvm_arch_ops *ops)
{
	int r;

	if (kvm_arch)
		return -EBUSY;
	if (!ops_valid(ops))
		return -EINVAL;

	r = core_init(ops);
	if (r)
		return r;
	kvm_arch = ops;
	r = device_init(ops);
	if (r) {
		kvm_arch = NULL;
		core_exit();
	}
	return r;
}

int kvm_register_arch(const struct kvm_arch_ops *ops)
{
	int r;

	mutex_lock(&register_lock);
	r = register_locked(ops);
	mutex_unlock(&register_lock);
	return r;
}
EXPORT_SYMBOL_GPL(kvm_register_arch);

/**
 * kvm_unregister_arch - take /dev/kvm away
 *
 * Context: exit of the architecture's module, so that no file of /dev/kvm and no VM can be there;
 * sleeps.
 */
void kvm_unregister_arch(void)
{
	mutex_lock(&register_lock);
	misc_deregister(&dev_kvm);
	unregister_syscore_ops(&syscore_ops);
	core_exit();
	kvm_arch = NULL;
	mutex_unlock(&register_lock);
}
EXPORT_SYMBOL_GPL(kvm_unregister_arch);
