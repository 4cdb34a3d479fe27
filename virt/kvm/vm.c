// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of a VM.
 *
 * A VM belongs to the mm that made it: the translations behind its memory slots are that mm's, so a
 * call from any other (a child after fork, a process the file was passed to) gets -EIO. It lives
 * until its last reference is put: that of its own file, of each vCPU's and device's file, and of
 * who called kvm_get_kvm(). Closing the VM's file alone stops nothing but the irqfds, which would
 * otherwise keep each other's files open for ever.
 *
 * Tear-down is set-up in reverse. First whoever could find the VM by itself (the list of VMs,
 * debugfs, the MMU notifier) is sent away; from then on this thread is alone with it.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "core.h"

DEFINE_MUTEX(kvm_lock);
EXPORT_SYMBOL_GPL(kvm_lock);

LIST_HEAD(kvm_vms);
EXPORT_SYMBOL_GPL(kvm_vms);

/*
 * What cannot fail. The mm is pinned but may lose its memory: who reads it takes mmget_not_zero()
 * or is of it.
 */
static void vm_init_fields(struct kvm *kvm)
{
	rwlock_init(&kvm->mmu_lock);
	mutex_init(&kvm->lock);
	mutex_init(&kvm->slots_lock);
	mutex_init(&kvm->irq_lock);
	spin_lock_init(&kvm->mn_lock);
	rcuwait_init(&kvm->mn_wait);
	refcount_set(&kvm->users, 1);
	xa_init(&kvm->vcpus);
	INIT_LIST_HEAD(&kvm->ioeventfds);
	INIT_LIST_HEAD(&kvm->devices);
	INIT_HLIST_HEAD(&kvm->ack_notifiers);
	kvm_irqfd_vm_init(kvm);
	kvm->max_vcpu_id = kvm_arch->max_vcpu_ids;
	snprintf(kvm->stats_id, sizeof(kvm->stats_id), "kvm-%d", task_pid_nr(current));
	kvm->mm = current->mm;
	mmgrab(kvm->mm);
}

/* The memory of the object, and the module whose size it has. */
static struct kvm *vm_alloc(void)
{
	struct kvm *kvm;

	if (!try_module_get(kvm_arch->owner))
		return ERR_PTR(-ENODEV);

	kvm = kvzalloc(kvm_arch->vm_size, GFP_KERNEL_ACCOUNT);
	if (!kvm) {
		module_put(kvm_arch->owner);
		return ERR_PTR(-ENOMEM);
	}
	vm_init_fields(kvm);
	return kvm;
}

static void vm_free(struct kvm *kvm)
{
	struct module *owner = kvm_arch->owner;

	mmdrop(kvm->mm);
	kvfree(kvm);
	module_put(owner);
}

static int vm_init_srcu(struct kvm *kvm)
{
	int r = init_srcu_struct(&kvm->srcu);

	if (r)
		return r;
	r = init_srcu_struct(&kvm->irq_srcu);
	if (r)
		cleanup_srcu_struct(&kvm->srcu);
	return r;
}

static void vm_exit_srcu(struct kvm *kvm)
{
	cleanup_srcu_struct(&kvm->irq_srcu);
	cleanup_srcu_struct(&kvm->srcu);
}

/* Slots, buses, routing: what the core keeps for the architecture to use. */
static int vm_init_rooms(struct kvm *kvm)
{
	int r = kvm_slots_init(kvm);

	if (r)
		return r;
	r = kvm_coalesced_init(kvm);
	if (r)
		goto no_coalesced;
	r = kvm_io_buses_init(kvm);
	if (r)
		goto no_buses;
	r = kvm_irq_routing_init(kvm);
	if (r)
		goto no_routing;
	return 0;

no_routing:
	kvm_io_buses_destroy(kvm);
no_buses:
	kvm_coalesced_destroy(kvm);
no_coalesced:
	kvm_slots_destroy(kvm);
	return r;
}

static void vm_exit_rooms(struct kvm *kvm)
{
	kvm_irq_routing_destroy(kvm);
	kvm_io_buses_destroy(kvm);	/* with the coalesced zones that are on them */
	kvm_coalesced_destroy(kvm);
	kvm_slots_destroy(kvm);
}

static void vm_exit_arch(struct kvm *kvm)
{
	if (kvm_arch->vm_release)
		kvm_arch->vm_release(kvm);
	kvm_vcpus_destroy(kvm);
	kvm_devices_destroy(kvm);
	kvm_arch->vm_destroy(kvm);
}

/**
 * kvm_vm_create - a new VM of the calling process, with no memory and no vCPU
 * @type: the argument of KVM_CREATE_VM, for the architecture
 * @fd: number of the file that will stand for it
 *
 * Context: sleeps.
 * Return: the VM with one reference, or -ENOMEM, -ENODEV (the module is going away), -EINVAL
 * (@type), or what turning a CPU on returned.
 */
struct kvm *kvm_vm_create(unsigned long type, int fd)
{
	struct kvm *kvm = vm_alloc();
	int r;

	if (IS_ERR(kvm))
		return kvm;

	r = vm_init_srcu(kvm);
	if (r)
		goto no_srcu;
	r = vm_init_rooms(kvm);
	if (r)
		goto no_rooms;
	r = kvm_hw_get();
	if (r)
		goto no_hw;
	r = kvm_arch->vm_init(kvm, type);
	if (r)
		goto no_arch;
	r = kvm_mn_register(kvm);
	if (r)
		goto no_notifier;
	r = kvm_stats_vm_init(kvm, fd);
	if (r)
		goto no_stats;

	mutex_lock(&kvm_lock);
	list_add_tail(&kvm->node, &kvm_vms);
	mutex_unlock(&kvm_lock);
	return kvm;

no_stats:
	kvm_mn_unregister(kvm);
no_notifier:
	vm_exit_arch(kvm);
no_arch:
	kvm_hw_put();
no_hw:
	vm_exit_rooms(kvm);
no_rooms:
	vm_exit_srcu(kvm);
no_srcu:
	vm_free(kvm);
	return ERR_PTR(r);
}

static void vm_destroy(struct kvm *kvm)
{
	mutex_lock(&kvm_lock);
	list_del(&kvm->node);
	mutex_unlock(&kvm_lock);

	kvm_stats_vm_exit(kvm);
	kvm_mn_unregister(kvm);
	vm_exit_arch(kvm);
	kvm_hw_put();
	vm_exit_rooms(kvm);
	vm_exit_srcu(kvm);
	vm_free(kvm);
}

/**
 * kvm_get_kvm - one more reference; the caller has one
 * @kvm: the VM
 */
void kvm_get_kvm(struct kvm *kvm)
{
	refcount_inc(&kvm->users);
}
EXPORT_SYMBOL_GPL(kvm_get_kvm);

/**
 * kvm_get_kvm_safe - a reference to a VM that may be going away
 * @kvm: the VM
 *
 * Context: any; something else keeps the memory of @kvm (its file's own pointer, kvm_lock).
 * Return: false when it is too late.
 */
bool kvm_get_kvm_safe(struct kvm *kvm)
{
	return refcount_inc_not_zero(&kvm->users);
}
EXPORT_SYMBOL_GPL(kvm_get_kvm_safe);

/**
 * kvm_put_kvm - give a reference back; the last one destroys the VM
 * @kvm: the VM
 *
 * Context: sleeps; holds none of the VM's locks.
 */
void kvm_put_kvm(struct kvm *kvm)
{
	if (refcount_dec_and_test(&kvm->users))
		vm_destroy(kvm);
}
EXPORT_SYMBOL_GPL(kvm_put_kvm);

/**
 * kvm_put_kvm_no_destroy - give back a reference that is known not to be the last
 * @kvm: the VM
 *
 * For error paths that hold locks of the VM. Context: any.
 */
void kvm_put_kvm_no_destroy(struct kvm *kvm)
{
	WARN_ON(refcount_dec_and_test(&kvm->users));
}
EXPORT_SYMBOL_GPL(kvm_put_kvm_no_destroy);

/*
 * Which may hold locks that a waiting request would deadlock on: so only ask and kick, and wait for
 * nobody.
 */
void kvm_vm_kill(struct kvm *kvm)
{
	struct kvm_vcpu *vcpu;
	unsigned long i;

	WRITE_ONCE(kvm->dead, true);
	kvm_for_each_vcpu(i, vcpu, kvm) {
		kvm_request(vcpu, KVM_REQ_VM_DEAD);
		kvm_vcpu_kick(vcpu);
	}
}
EXPORT_SYMBOL_GPL(kvm_vm_kill);

/**
 * kvm_vcpu_by_id - the vCPU that user space calls @id
 * @kvm: the VM
 * @id: user space's number
 *
 * Context: any. Most programs number their vCPUs in order of creation, so that place is tried
 * first.
 * Return: NULL when there is none.
 */
struct kvm_vcpu *kvm_vcpu_by_id(struct kvm *kvm, int id)
{
	struct kvm_vcpu *vcpu;
	unsigned long i;

	if (id < 0)
		return NULL;
	if (id < kvm_online_vcpus(kvm)) {
		vcpu = kvm_vcpu_at(kvm, id);
		if (vcpu && vcpu->id == id)
			return vcpu;
	}
	kvm_for_each_vcpu(i, vcpu, kvm) {
		if (vcpu->id == id)
			return vcpu;
	}
	return NULL;
}
EXPORT_SYMBOL_GPL(kvm_vcpu_by_id);

static long vm_check_extension(struct kvm *kvm, struct kvm_arg *arg)
{
	return kvm_cap_get(kvm, arg->value);
}

static int enable_manual_dirty_log(struct kvm *kvm, struct kvm_enable_cap *cap)
{
	int r;

	mutex_lock(&kvm->slots_lock);
	r = kvm_dirty_log_enable_manual(kvm, cap);
	mutex_unlock(&kvm->slots_lock);
	return r;
}

/*
 * The limit is in nanoseconds; 0 turns polling off for this VM (KVM API 7.22). Halts read it
 * without a lock.
 */
static int enable_halt_poll(struct kvm *kvm, struct kvm_enable_cap *cap)
{
	if (cap->flags || cap->args[0] != (unsigned int)cap->args[0])
		return -EINVAL;

	WRITE_ONCE(kvm->max_halt_poll_ns, cap->args[0]);
	smp_store_release(&kvm->own_halt_poll, true);	/* pairs with the acquire in halt.c */
	return 0;
}

static int enable_arch(struct kvm *kvm, struct kvm_enable_cap *cap)
{
	int r;

	if (!kvm_arch->vm_enable_cap)
		return -EINVAL;
	mutex_lock(&kvm->lock);
	r = kvm_arch->vm_enable_cap(kvm, cap);
	mutex_unlock(&kvm->lock);
	return r;
}

static const struct {
	u32	cap;
	int	(*enable)(struct kvm *kvm, struct kvm_enable_cap *cap);
} switches[] = {
	{ KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,	enable_manual_dirty_log },
	{ KVM_CAP_HALT_POLL,			enable_halt_poll },
	{ KVM_CAP_DIRTY_LOG_RING,		kvm_dirty_ring_enable },
	{ KVM_CAP_DIRTY_LOG_RING_ACQ_REL,	kvm_dirty_ring_enable },
};

static long vm_enable_cap(struct kvm *kvm, struct kvm_arg *arg)
{
	struct kvm_enable_cap *cap = arg->data;
	int i;

	for (i = 0; i < ARRAY_SIZE(switches); i++) {
		if (switches[i].cap == cap->cap)
			return switches[i].enable(kvm, cap);
	}
	return enable_arch(kvm, cap);
}

static const struct kvm_ioctl rows[] = {
	KVM_VM_IOCTL(KVM_CHECK_EXTENSION, ARG_VALUE, LOCK_NONE, vm_check_extension),
	KVM_VM_IOCTL(KVM_ENABLE_CAP, ARG_IN, LOCK_NONE, vm_enable_cap),
	KVM_VM_IOCTL(KVM_CREATE_VCPU, ARG_VALUE, LOCK_NONE, kvm_vm_create_vcpu),
	KVM_VM_IOCTL(KVM_GET_STATS_FD, ARG_NONE, LOCK_NONE, kvm_vm_stats_fd),
	KVM_VM_IOCTL(KVM_CREATE_DEVICE, ARG_USER, LOCK_NONE, kvm_vm_create_device),

	KVM_VM_IOCTL(KVM_SET_USER_MEMORY_REGION, ARG_IN, LOCK_SLOTS, kvm_vm_set_memory_region),
	KVM_VM_IOCTL(KVM_GET_DIRTY_LOG, ARG_IN, LOCK_SLOTS, kvm_vm_get_dirty_log),
	KVM_VM_IOCTL(KVM_CLEAR_DIRTY_LOG, ARG_IN, LOCK_SLOTS, kvm_vm_clear_dirty_log),
	KVM_VM_IOCTL(KVM_RESET_DIRTY_RINGS, ARG_NONE, LOCK_SLOTS, kvm_vm_reset_dirty_rings),

	KVM_VM_IOCTL(KVM_REGISTER_COALESCED_MMIO, ARG_IN, LOCK_SLOTS, kvm_vm_register_coalesced),
	KVM_VM_IOCTL(KVM_UNREGISTER_COALESCED_MMIO, ARG_IN, LOCK_SLOTS,
		     kvm_vm_unregister_coalesced),
	KVM_VM_IOCTL(KVM_IOEVENTFD, ARG_IN, LOCK_NONE, kvm_vm_ioeventfd),

	KVM_VM_IOCTL(KVM_IRQFD, ARG_IN, LOCK_NONE, kvm_vm_irqfd),
	KVM_VM_IOCTL(KVM_SET_GSI_ROUTING, ARG_USER, LOCK_NONE, kvm_vm_set_gsi_routing),
	KVM_VM_IOCTL(KVM_IRQ_LINE, ARG_IN, LOCK_NONE, kvm_vm_irq_line),
	KVM_VM_IOCTL(KVM_IRQ_LINE_STATUS, ARG_INOUT, LOCK_NONE, kvm_vm_irq_line_status),
	KVM_VM_IOCTL(KVM_SIGNAL_MSI, ARG_IN, LOCK_NONE, kvm_vm_signal_msi),
};

const struct kvm_ioctl_table kvm_vm_ioctls = KVM_IOCTL_TABLE(rows);

static long vm_request(struct file *file, unsigned int cmd, unsigned long arg, bool compat)
{
	const struct kvm_ioctl_target target = { .kvm = file->private_data };

	if (target.kvm->mm != current->mm || READ_ONCE(target.kvm->dead))
		return -EIO;
	return kvm_ioctl_dispatch(&target, file, cmd, arg, compat);
}

static long vm_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return vm_request(file, cmd, arg, false);
}

static long __maybe_unused vm_compat_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return vm_request(file, cmd, arg, true);
}

static int vm_file_release(struct inode *inode, struct file *file)
{
	struct kvm *kvm = file->private_data;

	kvm_irqfd_vm_release(kvm);
	kvm_put_kvm(kvm);
	return 0;
}

const struct file_operations kvm_vm_fops = {
	.owner		= THIS_MODULE,
	.release	= vm_file_release,
	.unlocked_ioctl	= vm_ioctl,
#ifdef CONFIG_COMPAT
	.compat_ioctl	= vm_compat_ioctl,
#endif
	.llseek		= noop_llseek,
};

/**
 * file_is_kvm - is this the file of a VM? For vfio, which is given one by number.
 * @file: any file, or NULL
 */
bool file_is_kvm(struct file *file)
{
	return file && file->f_op == &kvm_vm_fops;
}
EXPORT_SYMBOL_GPL(file_is_kvm);
