// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of a vCPU, and what its file can be asked.
 *
 * A vCPU is made without any lock but a reservation under kvm->lock, and shown to the world in one
 * step when nothing can fail any more: its place in kvm->vcpus is stored, then online_vcpus rises
 * (release), then its file's number is installed. It is never taken away again: vCPUs die with
 * their VM, which each vCPU's file keeps alive. So whoever finds a vCPU may use it for as long as
 * it has the VM.
 *
 * "Loaded" means that this CPU holds the vCPU's hardware state for the thread that owns
 * vcpu->mutex. The scheduler takes it off and puts it back through the preempt notifier, so the
 * thread itself never notices.
 */
#include <linux/anon_inodes.h>
#include <linux/compat.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <kvm/trace.h>

#include "core.h"

static DEFINE_PER_CPU(struct kvm_vcpu *, running_vcpu);

struct kvm_vcpu *kvm_running_vcpu(void)
{
	struct kvm_vcpu *vcpu;

	/* a thread that moves takes its vCPU along: any CPU's answer is right for itself */
	preempt_disable();
	vcpu = __this_cpu_read(running_vcpu);
	preempt_enable();
	return vcpu;
}
EXPORT_SYMBOL_GPL(kvm_running_vcpu);

/* Preemption off. vcpu->cpu changes after the architecture has seen both numbers. */
static void load_here(struct kvm_vcpu *vcpu, int cpu)
{
	__this_cpu_write(running_vcpu, vcpu);
	kvm_arch->vcpu_load(vcpu, cpu);
	WRITE_ONCE(vcpu->cpu, cpu);
}

static void put_here(struct kvm_vcpu *vcpu)
{
	kvm_arch->vcpu_put(vcpu);
	__this_cpu_write(running_vcpu, NULL);
}

static void on_sched_in(struct preempt_notifier *notifier, int cpu)
{
	struct kvm_vcpu *vcpu = container_of(notifier, struct kvm_vcpu, preempt);

	WRITE_ONCE(vcpu->preempted, false);
	WRITE_ONCE(vcpu->ready, false);
	vcpu->scheduled = true;
	load_here(vcpu, cpu);
	vcpu->scheduled = false;
}

/*
 * A thread still on the run queue has lost its CPU against its will: it is who a spinning vCPU may
 * wait for.
 */
static void on_sched_out(struct preempt_notifier *notifier, struct task_struct *next)
{
	struct kvm_vcpu *vcpu = container_of(notifier, struct kvm_vcpu, preempt);

	if (current->on_rq) {
		WRITE_ONCE(vcpu->preempted, true);
		WRITE_ONCE(vcpu->ready, true);
	}
	put_here(vcpu);
}

static struct preempt_ops preempt_ops = {
	.sched_in	= on_sched_in,
	.sched_out	= on_sched_out,
};

/**
 * kvm_vcpu_load - make this thread the one that has @vcpu on its CPU
 * @vcpu: the vCPU
 *
 * Context: vcpu->mutex held, or the vCPU not yet published; not nested.
 */
void kvm_vcpu_load(struct kvm_vcpu *vcpu)
{
	int cpu = get_cpu();

	preempt_notifier_register(&vcpu->preempt);
	load_here(vcpu, cpu);
	put_cpu();
}
EXPORT_SYMBOL_GPL(kvm_vcpu_load);

void kvm_vcpu_put(struct kvm_vcpu *vcpu)
{
	preempt_disable();
	put_here(vcpu);
	preempt_notifier_unregister(&vcpu->preempt);
	preempt_enable();
}
EXPORT_SYMBOL_GPL(kvm_vcpu_put);

static struct kvm_vcpu *vcpu_alloc(struct kvm *kvm, int id)
{
	struct kvm_vcpu *vcpu = kzalloc(kvm_arch->vcpu_size, GFP_KERNEL_ACCOUNT);

	if (!vcpu)
		return NULL;

	vcpu->run = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!vcpu->run) {
		kfree(vcpu);
		return NULL;
	}

	vcpu->kvm = kvm;
	vcpu->id = id;
	vcpu->cpu = -1;
	vcpu->mode = VCPU_OUTSIDE;
	mutex_init(&vcpu->mutex);
	rcuwait_init(&vcpu->wait);
	spin_lock_init(&vcpu->async_pf.lock);
	preempt_notifier_init(&vcpu->preempt, &preempt_ops);
	snprintf(vcpu->stats_id, sizeof(vcpu->stats_id), "%s/vcpu-%d", kvm->stats_id, id);
	return vcpu;
}

static void vcpu_free(struct kvm_vcpu *vcpu)
{
	/* nobody else knows the vCPU any more */
	put_pid(rcu_dereference_protected(vcpu->pid, true));
	kvm_dirty_ring_free(vcpu);
	free_page((unsigned long)vcpu->run);
	kfree(vcpu);
}

static struct kvm_vcpu *vcpu_new(struct kvm *kvm, int id)
{
	struct kvm_vcpu *vcpu = vcpu_alloc(kvm, id);
	int r;

	if (!vcpu)
		return ERR_PTR(-ENOMEM);

	r = kvm_dirty_ring_create(vcpu);
	if (!r)
		r = kvm_arch->vcpu_create(vcpu);
	if (r) {
		vcpu_free(vcpu);
		return ERR_PTR(r);
	}
	return vcpu;
}

static void vcpu_destroy(struct kvm_vcpu *vcpu)
{
	kvm_arch->vcpu_destroy(vcpu);
	vcpu_free(vcpu);
}

/**
 * kvm_vcpus_destroy - free every vCPU of a VM that nobody can reach any more
 * @kvm: the VM
 */
void kvm_vcpus_destroy(struct kvm *kvm)
{
	struct kvm_vcpu *vcpu;
	unsigned long i;

	xa_for_each(&kvm->vcpus, i, vcpu)
		vcpu_destroy(vcpu);
	atomic_set(&kvm->online_vcpus, 0);
	xa_destroy(&kvm->vcpus);
}

static const struct file_operations vcpu_fops;

static struct file *vcpu_file(struct kvm_vcpu *vcpu)
{
	struct file *file;
	char name[24];

	snprintf(name, sizeof(name), "kvm-vcpu:%d", vcpu->id);
	kvm_get_kvm(vcpu->kvm);
	file = anon_inode_getfile(name, &vcpu_fops, vcpu, O_RDWR);
	if (IS_ERR(file))
		kvm_put_kvm_no_destroy(vcpu->kvm);
	return file;
}

/*
 * Everything that can fail first; after the store, others see the vCPU and there is no way back.
 * kvm->lock held.
 */
static long vcpu_publish(struct kvm *kvm, struct kvm_vcpu *vcpu)
{
	struct file *file;
	int fd, r;

	lockdep_assert_held(&kvm->lock);

	if (kvm_vcpu_by_id(kvm, vcpu->id))
		return -EEXIST;

	vcpu->index = kvm_online_vcpus(kvm);
	r = xa_reserve(&kvm->vcpus, vcpu->index, GFP_KERNEL_ACCOUNT);
	if (r)
		return r;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0) {
		xa_release(&kvm->vcpus, vcpu->index);
		return fd;
	}
	file = vcpu_file(vcpu);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		xa_release(&kvm->vcpus, vcpu->index);
		return PTR_ERR(file);
	}

	xa_store(&kvm->vcpus, vcpu->index, vcpu, GFP_KERNEL_ACCOUNT);
	atomic_set_release(&kvm->online_vcpus, vcpu->index + 1);
	if (kvm_arch->vcpu_created)
		kvm_arch->vcpu_created(vcpu);
	kvm_stats_vcpu_init(vcpu);
	fd_install(fd, file);
	return fd;
}

/*
 * Take one of the VM's places before the work is done: the count must not be passed by many callers
 * at once.
 */
static int vcpu_reserve(struct kvm *kvm, unsigned long id)
{
	int r = 0;

	mutex_lock(&kvm->lock);
	if (id >= kvm->max_vcpu_id || kvm->created_vcpus >= kvm_arch->max_vcpus)
		r = -EINVAL;
	if (!r && kvm_arch->vcpu_precreate)
		r = kvm_arch->vcpu_precreate(kvm, id);
	if (!r)
		kvm->created_vcpus++;
	mutex_unlock(&kvm->lock);
	return r;
}

static void vcpu_unreserve(struct kvm *kvm)
{
	mutex_lock(&kvm->lock);
	kvm->created_vcpus--;
	mutex_unlock(&kvm->lock);
}

/**
 * kvm_vm_create_vcpu - KVM_CREATE_VCPU
 * @kvm: the VM
 * @arg: value: the id
 *
 * Context: takes kvm->lock, twice; sleeps.
 * Return: the vCPU's file, -EINVAL (id out of range, too many), -EEXIST, -ENOMEM, -EMFILE.
 */
long kvm_vm_create_vcpu(struct kvm *kvm, struct kvm_arg *arg)
{
	struct kvm_vcpu *vcpu;
	long r;

	r = vcpu_reserve(kvm, arg->value);
	if (r)
		return r;

	vcpu = vcpu_new(kvm, arg->value);
	if (IS_ERR(vcpu)) {
		vcpu_unreserve(kvm);
		return PTR_ERR(vcpu);
	}

	mutex_lock(&kvm->lock);
	r = vcpu_publish(kvm, vcpu);
	mutex_unlock(&kvm->lock);
	if (r < 0) {
		vcpu_destroy(vcpu);
		vcpu_unreserve(kvm);
	}
	return r;
}

/*
 * Remember whose thread runs the vCPU. Readers are under RCU; a vCPU changes its thread rarely, so
 * that waiting for them here costs nothing that counts.
 */
static void note_thread(struct kvm_vcpu *vcpu)
{
	struct pid *old = rcu_dereference_protected(vcpu->pid, lockdep_is_held(&vcpu->mutex));

	if (likely(old == task_pid(current)))
		return;

	rcu_assign_pointer(vcpu->pid, get_task_pid(current, PIDTYPE_PID));
	if (old) {
		synchronize_rcu();
		put_pid(old);
	}
}

/*
 * For as long as the guest runs, the thread has the signal mask that user space chose for it. The
 * thread's own goes to real_blocked, as in sigtimedwait(): so that a signal which only the guest's
 * mask lets in ends KVM_RUN and stays pending, but is neither thrown away nor deadly because
 * nothing handles it.
 */
static void sigmask_enter(struct kvm_vcpu *vcpu)
{
	if (vcpu->sigset_active)
		sigprocmask(SIG_SETMASK, &vcpu->sigset, &current->real_blocked);
}

static void sigmask_leave(struct kvm_vcpu *vcpu)
{
	if (!vcpu->sigset_active)
		return;
	sigprocmask(SIG_SETMASK, &current->real_blocked, NULL);
	sigemptyset(&current->real_blocked);
}

static long vcpu_run(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	long r;

	note_thread(vcpu);
	kvm_vcpu_load(vcpu);
	sigmask_enter(vcpu);
	r = kvm_arch->vcpu_run(vcpu);
	sigmask_leave(vcpu);
	kvm_vcpu_put(vcpu);
	trace_kvm_userspace_exit(READ_ONCE(vcpu->run->exit_reason), r);
	return r;
}

static int copy_sigset(const struct kvm_arg *arg, sigset_t *set)
{
	struct kvm_signal_mask __user *user = arg->user;
	u32 len;

	if (get_user(len, &user->len))
		return -EFAULT;
#ifdef CONFIG_COMPAT
	if (arg->compat) {
		if (len != sizeof(compat_sigset_t))
			return -EINVAL;
		return get_compat_sigset(set, (compat_sigset_t __user *)user->sigset);
	}
#endif
	if (len != sizeof(*set))
		return -EINVAL;
	return copy_from_user(set, user->sigset, sizeof(*set)) ? -EFAULT : 0;
}

/* KVM API 4.21. A null pointer goes back to the thread's own mask. */
static long vcpu_set_signal_mask(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	sigset_t set;
	int r;

	if (!arg->user) {
		vcpu->sigset_active = false;
		return 0;
	}

	r = copy_sigset(arg, &set);
	if (r)
		return r;
	sigdelsetmask(&set, sigmask(SIGKILL) | sigmask(SIGSTOP));
	vcpu->sigset = set;
	vcpu->sigset_active = true;
	return 0;
}

/* KVM_RUN loads by itself, since it may have to wait for readers of the old thread before. */
static const struct kvm_ioctl rows[] = {
	KVM_VCPU_IOCTL(KVM_RUN, ARG_NONE, LOCK_VCPU_IDLE, vcpu_run),
	KVM_VCPU_IOCTL(KVM_SET_SIGNAL_MASK, ARG_USER, LOCK_VCPU_IDLE, vcpu_set_signal_mask),
	KVM_VCPU_IOCTL(KVM_GET_STATS_FD, ARG_NONE, LOCK_NONE, kvm_vcpu_stats_fd),
};

const struct kvm_ioctl_table kvm_vcpu_ioctls = KVM_IOCTL_TABLE(rows);

static long vcpu_request(struct file *file, unsigned int cmd, unsigned long arg, bool compat)
{
	struct kvm_vcpu *vcpu = file->private_data;
	const struct kvm_ioctl_target target = { .kvm = vcpu->kvm, .vcpu = vcpu };
	long r;

	if (vcpu->kvm->mm != current->mm || READ_ONCE(vcpu->kvm->dead))
		return -EIO;

	if (kvm_arch->vcpu_async_ioctl) {
		r = kvm_arch->vcpu_async_ioctl(vcpu, cmd, arg);
		if (r != -ENOIOCTLCMD)
			return r;
	}
	return kvm_ioctl_dispatch(&target, file, cmd, arg, compat);
}

static long vcpu_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return vcpu_request(file, cmd, arg, false);
}

static long __maybe_unused vcpu_compat_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return vcpu_request(file, cmd, arg, true);
}

static struct page *core_page(struct kvm_vcpu *vcpu, pgoff_t pgoff)
{
	if (pgoff == 0)
		return virt_to_page(vcpu->run);
	if (kvm_arch->coalesced_page && pgoff == kvm_arch->coalesced_page)
		return kvm_coalesced_page(vcpu->kvm);
	return kvm_dirty_ring_page(vcpu, pgoff);
}

static vm_fault_t vcpu_vma_fault(struct vm_fault *vmf)
{
	struct kvm_vcpu *vcpu = vmf->vma->vm_file->private_data;
	struct page *page = core_page(vcpu, vmf->pgoff);

	if (page) {
		get_page(page);
		vmf->page = page;
		return 0;
	}
	return kvm_arch->vcpu_fault ? kvm_arch->vcpu_fault(vcpu, vmf) : VM_FAULT_SIGBUS;
}

static const struct vm_operations_struct vcpu_vm_ops = {
	.fault	= vcpu_vma_fault,
};

static int vcpu_mmap(struct file *file, struct vm_area_struct *vma)
{
	if (!kvm_dirty_ring_mmap_ok(file->private_data, vma))
		return -EINVAL;
	vma->vm_ops = &vcpu_vm_ops;
	return 0;
}

static int vcpu_file_release(struct inode *inode, struct file *file)
{
	struct kvm_vcpu *vcpu = file->private_data;

	kvm_put_kvm(vcpu->kvm);
	return 0;
}

static const struct file_operations vcpu_fops = {
	.owner		= THIS_MODULE,
	.release	= vcpu_file_release,
	.unlocked_ioctl	= vcpu_ioctl,
#ifdef CONFIG_COMPAT
	.compat_ioctl	= vcpu_compat_ioctl,
#endif
	.mmap		= vcpu_mmap,
	.llseek		= noop_llseek,
};
