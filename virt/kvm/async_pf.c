// SPDX-License-Identifier: GPL-2.0-only
/*
 * Asynchronous page faults (include/kvm/async_pf.h).
 *
 * Each is a work item that faults one page of the VMM in, from outside its threads. It holds a
 * reference of the VM, not only of the mm: what brings the page may be the VMM's own
 * (userfaultfd), and if it dies instead, its files are closed in any order. So nothing that ends a
 * VM may wait for a page; the VM ends when the last page has come or failed, which the end of the
 * VMM sees to.
 *
 * The page is not entered into the guest's tables. The guest will fault again, and find it.
 */
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>
#include <linux/workqueue.h>
#include <kvm/async_pf.h>

#include "core.h"

struct async_pf {
	struct work_struct	work;
	struct kvm_vcpu		*vcpu;
	hva_t			hva;
	u64			token;
	u64			round;		/* of the vCPU's when it began */
};

static struct workqueue_struct *workers;

/* Whether it succeeds is not asked: the guest's next fault will be told. */
static void bring_in(struct mm_struct *mm, hva_t hva)
{
	int locked = 1;

	if (!mmget_not_zero(mm))
		return;
	mmap_read_lock(mm);
	get_user_pages_remote(mm, hva, 1, FOLL_WRITE, NULL, NULL, &locked);
	if (locked)
		mmap_read_unlock(mm);
	mmput(mm);
}

static void async_pf_work(struct work_struct *work)
{
	struct async_pf *pf = container_of(work, struct async_pf, work);
	struct kvm_vcpu *vcpu = pf->vcpu;
	struct kvm *kvm = vcpu->kvm;

	bring_in(kvm->mm, pf->hva);
	if (READ_ONCE(vcpu->async_pf.round) == pf->round)
		kvm_arch->async_pf_done(vcpu, pf->token);

	spin_lock(&vcpu->async_pf.lock);
	vcpu->async_pf.n--;
	spin_unlock(&vcpu->async_pf.lock);
	wake_up_var(&kvm->async_pf_ended);
	kfree(pf);
	kvm_put_kvm(kvm);
}

static bool take_place(struct kvm_vcpu *vcpu, u64 *round)
{
	bool room;

	spin_lock(&vcpu->async_pf.lock);
	room = vcpu->async_pf.n < KVM_ASYNC_PF_PER_VCPU;
	vcpu->async_pf.n += room;
	*round = vcpu->async_pf.round;
	spin_unlock(&vcpu->async_pf.lock);
	return room;
}

bool kvm_async_pf_start(struct kvm_vcpu *vcpu, hva_t hva, u64 token)
{
	struct async_pf *pf = kmalloc(sizeof(*pf), GFP_KERNEL_ACCOUNT);

	if (!pf)
		return false;
	if (!take_place(vcpu, &pf->round)) {
		kfree(pf);
		return false;
	}
	pf->vcpu = vcpu;
	pf->hva = hva;
	pf->token = token;
	kvm_get_kvm(vcpu->kvm);
	INIT_WORK(&pf->work, async_pf_work);
	queue_work(workers, &pf->work);
	return true;
}
EXPORT_SYMBOL_GPL(kvm_async_pf_start);

void kvm_async_pf_forget(struct kvm_vcpu *vcpu)
{
	spin_lock(&vcpu->async_pf.lock);
	WRITE_ONCE(vcpu->async_pf.round, vcpu->async_pf.round + 1);
	spin_unlock(&vcpu->async_pf.lock);
}
EXPORT_SYMBOL_GPL(kvm_async_pf_forget);

static bool none_under_way(struct kvm *kvm)
{
	struct kvm_vcpu *vcpu;
	unsigned long i;

	kvm_for_each_vcpu(i, vcpu, kvm) {
		if (READ_ONCE(vcpu->async_pf.n))
			return false;
	}
	return true;
}

int kvm_async_pf_wait(struct kvm *kvm)
{
	might_sleep();
	return wait_var_event_interruptible(&kvm->async_pf_ended, none_under_way(kvm)) ? -EINTR : 0;
}
EXPORT_SYMBOL_GPL(kvm_async_pf_wait);

/* Unbound: a worker mostly sleeps, and should not be waited for by others of its CPU. */
int kvm_async_pf_module_init(void)
{
	workers = alloc_workqueue("kvm-async-pf", WQ_UNBOUND, 0);
	return workers ? 0 : -ENOMEM;
}

/* No VM is left: the last work item may still have to return. */
void kvm_async_pf_module_exit(void)
{
	destroy_workqueue(workers);
}
