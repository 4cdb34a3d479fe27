// SPDX-License-Identifier: GPL-2.0-only
/*
 * irqfd: a signal on an eventfd raises a guest interrupt (KVM API 4.75).
 *
 * Each irqfd waits on its eventfd's wait queue. The wake-up comes with that queue's lock held and
 * interrupts off; it delivers at once when every destination can do so, else a work item does.
 *
 * Life: an irqfd is on kvm->irqfds.items from its assignment until someone takes it off under
 * irqfds.lock: deassign, the hang-up when the eventfd's last file closes, or the closing of the
 * VM's file. Who takes it off, and only he, queues its shutdown, which runs in a workqueue because
 * it waits for wake-ups and deliveries that may be under way; the hang-up itself comes as a
 * wake-up. The module flushes that queue before anyone may rely on an irqfd being gone.
 *
 * A resampling irqfd drives its line high and leaves it so until the guest acknowledges; then the
 * line goes low and all irqfds of the GSI are told by their second eventfd, so that a device that
 * still wants service signals again. Irqfds of one GSI share one resampler, which is one
 * acknowledgement notifier.
 */
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/irqbypass.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "core.h"

struct resampler {
	struct kvm_irq_ack_notifier	ack;
	struct kvm			*kvm;
	struct list_head		irqfds;	/* resampler_lock; irq_srcu to read */
	struct list_head		node;	/* of kvm->irqfds.resamplers */
};

struct irqfd {
	struct kvm			*kvm;
	struct eventfd_ctx		*ctx;
	u32				gsi;
	bool				ready;	/* irqfds.lock: its maker is done */
	struct list_head		node;	/* of items; empty: taken off */

	wait_queue_entry_t		wait;
	poll_table			pt;
	struct work_struct		inject;
	struct work_struct		shutdown;

	struct resampler		*resampler;	/* NULL: an edge */
	struct eventfd_ctx		*resample_ctx;
	struct list_head		resampler_node;

	struct irq_bypass_consumer	consumer;
	struct irq_bypass_producer	*producer;	/* under irqfds.lock */
};

static struct workqueue_struct *shutdown_wq;

/*
 * Delivery.
 */

static void inject(struct work_struct *work)
{
	struct irqfd *irqfd = container_of(work, struct irqfd, inject);
	struct kvm *kvm = irqfd->kvm;

	if (irqfd->resampler) {
		kvm_irq_set(kvm, KVM_IRQ_SOURCE_RESAMPLE, irqfd->gsi, 1, false);
		return;
	}
	kvm_irq_set(kvm, KVM_IRQ_SOURCE_USER, irqfd->gsi, 1, false);
	kvm_irq_set(kvm, KVM_IRQ_SOURCE_USER, irqfd->gsi, 0, false);
}

static bool inject_atomic(struct irqfd *irqfd)
{
	struct kvm *kvm = irqfd->kvm;

	if (irqfd->resampler)
		return false;
	if (kvm_irq_set_atomic(kvm, KVM_IRQ_SOURCE_USER, irqfd->gsi, 1) == -EWOULDBLOCK)
		return false;
	return kvm_irq_set_atomic(kvm, KVM_IRQ_SOURCE_USER, irqfd->gsi, 0) != -EWOULDBLOCK;
}

/* Take @irqfd off and see to its shutdown; who calls it twice does no harm. */
static void deactivate(struct irqfd *irqfd)
{
	lockdep_assert_held(&irqfd->kvm->irqfds.lock);

	if (list_empty(&irqfd->node))
		return;
	list_del_init(&irqfd->node);
	queue_work(shutdown_wq, &irqfd->shutdown);
}

/* The eventfd's queue lock is held and interrupts are off. */
static int wakeup(wait_queue_entry_t *wait, unsigned int mode, int sync, void *key)
{
	struct irqfd *irqfd = container_of(wait, struct irqfd, wait);
	struct kvm *kvm = irqfd->kvm;
	__poll_t events = key_to_poll(key);
	unsigned long flags;
	u64 count;

	if (events & EPOLLIN) {
		eventfd_ctx_do_read(irqfd->ctx, &count);
		if (!inject_atomic(irqfd))
			schedule_work(&irqfd->inject);
	}
	if (events & EPOLLHUP) {
		spin_lock_irqsave(&kvm->irqfds.lock, flags);
		deactivate(irqfd);
		spin_unlock_irqrestore(&kvm->irqfds.lock, flags);
	}
	return 0;
}

static void queue_on(struct file *file, wait_queue_head_t *wqh, poll_table *pt)
{
	struct irqfd *irqfd = container_of(pt, struct irqfd, pt);

	add_wait_queue_priority(wqh, &irqfd->wait);
}

/*
 * Resampling.
 */

/* The guest has acknowledged. irq_srcu is held. */
static void resampler_acked(struct kvm_irq_ack_notifier *ack)
{
	struct resampler *r = container_of(ack, struct resampler, ack);
	struct irqfd *irqfd;

	kvm_irq_set(r->kvm, KVM_IRQ_SOURCE_RESAMPLE, ack->gsi, 0, false);
	list_for_each_entry_srcu(irqfd, &r->irqfds, resampler_node,
				 srcu_read_lock_held(&r->kvm->irq_srcu))
		eventfd_signal(irqfd->resample_ctx, 1);
}

static struct resampler *resampler_of(struct kvm *kvm, u32 gsi)
{
	struct resampler *r;

	lockdep_assert_held(&kvm->irqfds.resampler_lock);

	list_for_each_entry(r, &kvm->irqfds.resamplers, node) {
		if (r->ack.gsi == gsi)
			return r;
	}
	r = kzalloc(sizeof(*r), GFP_KERNEL_ACCOUNT);
	if (!r)
		return NULL;
	r->kvm = kvm;
	r->ack.gsi = gsi;
	r->ack.acked = resampler_acked;
	INIT_LIST_HEAD(&r->irqfds);
	list_add(&r->node, &kvm->irqfds.resamplers);
	kvm_irq_ack_register(kvm, &r->ack);
	return r;
}

static int resampler_join(struct irqfd *irqfd, int fd)
{
	struct kvm *kvm = irqfd->kvm;
	struct eventfd_ctx *ctx = eventfd_ctx_fdget(fd);
	struct resampler *r;

	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	mutex_lock(&kvm->irqfds.resampler_lock);
	r = resampler_of(kvm, irqfd->gsi);
	if (r) {
		irqfd->resample_ctx = ctx;
		irqfd->resampler = r;
		list_add_rcu(&irqfd->resampler_node, &r->irqfds);
	}
	mutex_unlock(&kvm->irqfds.resampler_lock);
	if (!r) {
		eventfd_ctx_put(ctx);
		return -ENOMEM;
	}
	return 0;
}

/* The last one lowers the line: nobody would any more. */
static void resampler_leave(struct irqfd *irqfd)
{
	struct kvm *kvm = irqfd->kvm;
	struct resampler *r = irqfd->resampler;

	if (!r)
		return;
	mutex_lock(&kvm->irqfds.resampler_lock);
	list_del_rcu(&irqfd->resampler_node);
	if (list_empty(&r->irqfds)) {
		list_del(&r->node);
		kvm_irq_ack_unregister(kvm, &r->ack);	/* waits for readers */
		kvm_irq_set(kvm, KVM_IRQ_SOURCE_RESAMPLE, r->ack.gsi, 0, false);
		kfree(r);
	} else {
		synchronize_srcu_expedited(&kvm->irq_srcu);
	}
	mutex_unlock(&kvm->irqfds.resampler_lock);
	eventfd_ctx_put(irqfd->resample_ctx);
	irqfd->resampler = NULL;
}

/*
 * Bypass: a host interrupt that would signal our eventfd goes straight to the guest. Who has both
 * ends in hand is irqbypass; how, the architecture knows.
 */

static int bypass_add(struct irq_bypass_consumer *consumer, struct irq_bypass_producer *producer)
{
	struct irqfd *irqfd = container_of(consumer, struct irqfd, consumer);
	struct kvm *kvm = irqfd->kvm;
	int r;

	spin_lock_irq(&kvm->irqfds.lock);
	r = kvm_arch->irq_bypass(kvm, producer->irq, irqfd->gsi, true);
	if (!r)
		irqfd->producer = producer;
	spin_unlock_irq(&kvm->irqfds.lock);
	return r;
}

static void bypass_del(struct irq_bypass_consumer *consumer, struct irq_bypass_producer *producer)
{
	struct irqfd *irqfd = container_of(consumer, struct irqfd, consumer);
	struct kvm *kvm = irqfd->kvm;

	spin_lock_irq(&kvm->irqfds.lock);
	kvm_arch->irq_bypass(kvm, producer->irq, irqfd->gsi, false);
	irqfd->producer = NULL;
	spin_unlock_irq(&kvm->irqfds.lock);
}

static void bypass_offer(struct irqfd *irqfd)
{
	if (!IS_ENABLED(CONFIG_IRQ_BYPASS_MANAGER) || !kvm_arch->irq_bypass)
		return;
	irqfd->consumer.token = irqfd->ctx;
	irqfd->consumer.add_producer = bypass_add;
	irqfd->consumer.del_producer = bypass_del;
	if (irq_bypass_register_consumer(&irqfd->consumer)) {
		/* another has the eventfd: the long way works as well */
		irqfd->consumer.token = NULL;
		pr_debug("irqfd: no bypass for GSI %u\n", irqfd->gsi);
	}
}

static void bypass_withdraw(struct irqfd *irqfd)
{
	if (IS_ENABLED(CONFIG_IRQ_BYPASS_MANAGER) && irqfd->consumer.token)
		irq_bypass_unregister_consumer(&irqfd->consumer);
}

void kvm_irqfd_routing_changed(struct kvm *kvm)
{
	struct irqfd *irqfd;

	lockdep_assert_held(&kvm->irq_lock);

	if (!IS_ENABLED(CONFIG_IRQ_BYPASS_MANAGER) || !kvm_arch->irq_bypass)
		return;
	spin_lock_irq(&kvm->irqfds.lock);
	list_for_each_entry(irqfd, &kvm->irqfds.items, node) {
		if (irqfd->producer)
			kvm_arch->irq_bypass(kvm, irqfd->producer->irq, irqfd->gsi, true);
	}
	spin_unlock_irq(&kvm->irqfds.lock);
}

/*
 * Assignment and shutdown.
 */

/*
 * Off the list already. What is under way ends first: wake-ups, then the delivery that one may have
 * queued.
 */
static void shutdown(struct work_struct *work)
{
	struct irqfd *irqfd = container_of(work, struct irqfd, shutdown);
	u64 count;

	eventfd_ctx_remove_wait_queue(irqfd->ctx, &irqfd->wait, &count);
	flush_work(&irqfd->inject);
	resampler_leave(irqfd);
	bypass_withdraw(irqfd);
	eventfd_ctx_put(irqfd->ctx);
	kfree(irqfd);
}

static struct irqfd *irqfd_make(struct kvm *kvm, const struct kvm_irqfd *args, struct file *file)
{
	struct eventfd_ctx *ctx = eventfd_ctx_fileget(file);
	struct irqfd *irqfd;
	int r;

	if (IS_ERR(ctx))
		return ERR_CAST(ctx);
	irqfd = kzalloc(sizeof(*irqfd), GFP_KERNEL_ACCOUNT);
	if (!irqfd) {
		r = -ENOMEM;
		goto no_memory;
	}
	irqfd->kvm = kvm;
	irqfd->ctx = ctx;
	irqfd->gsi = args->gsi;
	INIT_LIST_HEAD(&irqfd->node);
	INIT_WORK(&irqfd->inject, inject);
	INIT_WORK(&irqfd->shutdown, shutdown);
	init_waitqueue_func_entry(&irqfd->wait, wakeup);
	init_poll_funcptr(&irqfd->pt, queue_on);

	if (args->flags & KVM_IRQFD_FLAG_RESAMPLE) {
		r = resampler_join(irqfd, args->resamplefd);
		if (r)
			goto no_resampler;
	}
	return irqfd;

no_resampler:
	kfree(irqfd);
no_memory:
	eventfd_ctx_put(ctx);
	return ERR_PTR(r);
}

/* One eventfd feeds one line: it could not tell two who has read it. */
static int irqfd_add(struct irqfd *irqfd)
{
	struct kvm *kvm = irqfd->kvm;
	struct irqfd *other;
	int r = 0;

	spin_lock_irq(&kvm->irqfds.lock);
	list_for_each_entry(other, &kvm->irqfds.items, node) {
		if (other->ctx == irqfd->ctx)
			r = -EBUSY;
	}
	if (!r)
		list_add_tail(&irqfd->node, &kvm->irqfds.items);
	spin_unlock_irq(&kvm->irqfds.lock);
	return r;
}

/*
 * On the wait queue it goes, and what was signalled before is delivered now. Until it is ready
 * nobody takes it off: deassign passes over it, and the caller's reference to the file keeps the
 * hang-up away. Afterwards it may be gone at any time.
 */
static void irqfd_start(struct irqfd *irqfd, struct file *file)
{
	struct kvm *kvm = irqfd->kvm;

	if (vfs_poll(file, &irqfd->pt) & EPOLLIN)
		schedule_work(&irqfd->inject);
	bypass_offer(irqfd);

	spin_lock_irq(&kvm->irqfds.lock);
	irqfd->ready = true;
	spin_unlock_irq(&kvm->irqfds.lock);
}

static int assign(struct kvm *kvm, const struct kvm_irqfd *args)
{
	struct fd f = fdget(args->fd);
	struct irqfd *irqfd;
	int r;

	if (!f.file)
		return -EBADF;
	irqfd = irqfd_make(kvm, args, f.file);
	r = PTR_ERR_OR_ZERO(irqfd);
	if (r)
		goto out;
	r = irqfd_add(irqfd);
	if (r) {
		resampler_leave(irqfd);
		eventfd_ctx_put(irqfd->ctx);
		kfree(irqfd);
		goto out;
	}
	irqfd_start(irqfd, f.file);
out:
	fdput(f);
	return r;
}

/*
 * That there is none such is no error. When this returns, no interrupt comes from the eventfd any
 * more.
 */
static int deassign(struct kvm *kvm, const struct kvm_irqfd *args)
{
	struct eventfd_ctx *ctx = eventfd_ctx_fdget(args->fd);
	struct irqfd *irqfd, *next;

	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	spin_lock_irq(&kvm->irqfds.lock);
	list_for_each_entry_safe(irqfd, next, &kvm->irqfds.items, node) {
		if (irqfd->ready && irqfd->ctx == ctx && irqfd->gsi == args->gsi)
			deactivate(irqfd);
	}
	spin_unlock_irq(&kvm->irqfds.lock);
	eventfd_ctx_put(ctx);
	flush_workqueue(shutdown_wq);
	return 0;
}

/* KVM_IRQFD. */
long kvm_vm_irqfd(struct kvm *kvm, struct kvm_arg *arg)
{
	struct kvm_irqfd *args = arg->data;

	if (args->flags & ~(KVM_IRQFD_FLAG_DEASSIGN | KVM_IRQFD_FLAG_RESAMPLE))
		return -EINVAL;
	if (args->flags & KVM_IRQFD_FLAG_DEASSIGN)
		return deassign(kvm, args);
	if (!kvm_arch->irqfd_allowed || !kvm_arch->irqfd_allowed(kvm, args))
		return -EINVAL;
	return assign(kvm, args);
}

void kvm_irqfd_vm_init(struct kvm *kvm)
{
	spin_lock_init(&kvm->irqfds.lock);
	INIT_LIST_HEAD(&kvm->irqfds.items);
	INIT_LIST_HEAD(&kvm->irqfds.resamplers);
	mutex_init(&kvm->irqfds.resampler_lock);
}

/* No ioctl can be under way, so all are ready. */
void kvm_irqfd_vm_release(struct kvm *kvm)
{
	struct irqfd *irqfd, *next;

	spin_lock_irq(&kvm->irqfds.lock);
	list_for_each_entry_safe(irqfd, next, &kvm->irqfds.items, node)
		deactivate(irqfd);
	spin_unlock_irq(&kvm->irqfds.lock);

	flush_workqueue(shutdown_wq);
}

int kvm_irqfd_module_init(void)
{
	shutdown_wq = alloc_workqueue("kvm-irqfd-shutdown", 0, 0);
	return shutdown_wq ? 0 : -ENOMEM;
}

void kvm_irqfd_module_exit(void)
{
	destroy_workqueue(shutdown_wq);
}
