// SPDX-License-Identifier: GPL-2.0-only
/* The core of a virtio device: see virtio.h. */
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <string.h>
#include "dev/virtio.h"
#include "loop.h"
#include "util.h"

/* Which queue has been notified; the loop's argument is one pointer. */
static struct queue_ref {
	struct virtio_dev	*dev;
	unsigned int		queue;
} refs[16];
static unsigned int n_refs;

static void interrupt(struct virtio_dev *dev, uint32_t why)
{
	dev->isr |= why;
	event_signal(dev->irq_fd);
}

/* 2.1.1: the device says that it can do no more, and if the driver is up, it hears of it. */
static void need_reset(struct virtio_dev *dev)
{
	if (dev->status & VIRTIO_CONFIG_S_NEEDS_RESET)
		return;
	dev->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	if (dev->status & VIRTIO_CONFIG_S_DRIVER_OK)
		interrupt(dev, VIRTIO_MMIO_INT_CONFIG);
}

void virtio_check_queue(struct virtio_dev *dev, unsigned int queue)
{
	if (dev->vq[queue].broken)
		need_reset(dev);
}

static void reset(struct virtio_dev *dev)
{
	unsigned int i;

	dev->status = 0;
	dev->driver_features = 0;
	dev->isr = 0;
	dev->used_queues = 0;
	for (i = 0; i < dev->n_queues; i++)
		vq_reset(&dev->vq[i]);
}

/* 3.1.1, step 5: the device has the last word on the features. No legacy drivers. */
static bool features_ok(const struct virtio_dev *dev)
{
	return !(dev->driver_features & ~dev->features) &&
	       (dev->driver_features & 1ULL << VIRTIO_F_VERSION_1);
}

void virtio_set_status(struct virtio_dev *dev, uint8_t status)
{
	const uint8_t kept = dev->status & VIRTIO_CONFIG_S_NEEDS_RESET;
	unsigned int i;

	if (!status) {
		reset(dev);
		return;
	}
	status &= ~VIRTIO_CONFIG_S_NEEDS_RESET;
	if (!features_ok(dev))
		status &= ~(VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK);
	if (!(status & VIRTIO_CONFIG_S_FEATURES_OK))
		status &= ~VIRTIO_CONFIG_S_DRIVER_OK;
	dev->status = status | kept;
	/* What was put into the queues before. */
	for (i = 0; i < dev->n_queues && (status & VIRTIO_CONFIG_S_DRIVER_OK); i++)
		event_signal(dev->notify_fd[i]);
}

void virtio_enable_queue(struct virtio_dev *dev, unsigned int queue)
{
	vq_enable(&dev->vq[queue]);
	virtio_check_queue(dev, queue);
}

void virtio_used(struct virtio_dev *dev, unsigned int queue, const struct vq_chain *chain,
		 uint32_t written)
{
	if (!vq_push(&dev->vq[queue], chain, written))
		return;
	dev->used_queues |= BIT(queue);
	interrupt(dev, VIRTIO_MMIO_INT_VRING);
}

void virtio_kick(struct virtio_dev *dev, unsigned int queue)
{
	pthread_mutex_lock(&dev->lock);
	if ((dev->status & VIRTIO_CONFIG_S_DRIVER_OK) &&
	    !(dev->status & VIRTIO_CONFIG_S_NEEDS_RESET) && dev->vq[queue].ready) {
		dev->notify(dev, queue);
		virtio_check_queue(dev, queue);
	}
	pthread_mutex_unlock(&dev->lock);
}

static void notified(void *arg)
{
	struct queue_ref *ref = arg;

	event_clear(ref->dev->notify_fd[ref->queue]);
	virtio_kick(ref->dev, ref->queue);
}

void virtio_init(struct virtio_dev *dev, const struct guest_mem *mem)
{
	unsigned int i;

	pthread_mutex_init(&dev->lock, NULL);
	for (i = 0; i < dev->n_queues; i++) {
		dev->vq[i].mem = mem;
		dev->notify_fd[i] = event_new();
		refs[n_refs] = (struct queue_ref){ dev, i };
		loop_add(dev->notify_fd[i], notified, &refs[n_refs++]);
	}
}
