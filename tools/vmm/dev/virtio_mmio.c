// SPDX-License-Identifier: GPL-2.0-only
/* The memory-mapped transport: see virtio_mmio.h. */
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <string.h>
#include "bus.h"
#include "dev/virtio_mmio.h"
#include "loop.h"

#define MAGIC	0x74726976	/* "virt" */
#define VENDOR	0x204d4d56	/* "VMM " */

static struct virtqueue *selected(struct virtio_mmio *t)
{
	return t->queue_sel < t->dev->n_queues ? &t->dev->vq[t->queue_sel] : NULL;
}

static uint32_t read_register(struct virtio_mmio *t, unsigned int reg)
{
	const struct virtqueue *vq = selected(t);
	const struct virtio_dev *dev = t->dev;

	switch (reg) {
	case VIRTIO_MMIO_MAGIC_VALUE:
		return MAGIC;
	case VIRTIO_MMIO_VERSION:
		return 2;
	case VIRTIO_MMIO_DEVICE_ID:
		return dev->id;
	case VIRTIO_MMIO_VENDOR_ID:
		return VENDOR;
	case VIRTIO_MMIO_DEVICE_FEATURES:
		return t->features_sel < 2 ? dev->features >> 32 * t->features_sel : 0;
	case VIRTIO_MMIO_QUEUE_NUM_MAX:
		return vq ? VQ_MAX : 0;
	case VIRTIO_MMIO_QUEUE_READY:
		return vq ? vq->ready : 0;
	case VIRTIO_MMIO_INTERRUPT_STATUS:
		return dev->isr;
	case VIRTIO_MMIO_STATUS:
		return dev->status;
	/* There is no shared memory: its length is that of all ones (4.2.2). */
	case VIRTIO_MMIO_SHM_LEN_LOW:
	case VIRTIO_MMIO_SHM_LEN_HIGH:
		return UINT32_MAX;
	default:
		return 0;
	}
}

static void set_half(uint64_t *value, bool high, uint32_t half)
{
	*value = high ? (*value & UINT32_MAX) | (uint64_t)half << 32 :
			(*value & ~(uint64_t)UINT32_MAX) | half;
}

static void set_driver_features(struct virtio_mmio *t, uint32_t half)
{
	/* They are settled once the device has agreed; what does not exist cannot be agreed to. */
	if (!(t->dev->status & VIRTIO_CONFIG_S_FEATURES_OK) && t->driver_features_sel < 2)
		set_half(&t->dev->driver_features, t->driver_features_sel, half);
}

/* The selected queue's registers; they are closed while it is in use. */
static void write_queue(struct virtio_mmio *t, unsigned int reg, uint32_t value)
{
	struct virtqueue *vq = selected(t);

	if (!vq || vq->ready)
		return;
	switch (reg) {
	case VIRTIO_MMIO_QUEUE_NUM:
		/* More than fits is too much for vq_enable() as well. */
		vq->num = value <= VQ_MAX ? value : 0;
		break;
	case VIRTIO_MMIO_QUEUE_DESC_LOW:
	case VIRTIO_MMIO_QUEUE_DESC_HIGH:
		return set_half(&vq->desc_gpa, reg == VIRTIO_MMIO_QUEUE_DESC_HIGH, value);
	case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
	case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
		return set_half(&vq->avail_gpa, reg == VIRTIO_MMIO_QUEUE_AVAIL_HIGH, value);
	case VIRTIO_MMIO_QUEUE_USED_LOW:
	case VIRTIO_MMIO_QUEUE_USED_HIGH:
		return set_half(&vq->used_gpa, reg == VIRTIO_MMIO_QUEUE_USED_HIGH, value);
	}
}

static void set_ready(struct virtio_mmio *t, bool ready)
{
	struct virtqueue *vq = selected(t);

	if (!vq || ready == vq->ready)
		return;
	if (ready)
		virtio_enable_queue(t->dev, t->queue_sel);
	else
		vq_reset(vq);
}

static void write_register(struct virtio_mmio *t, unsigned int reg, uint32_t value)
{
	struct virtio_dev *dev = t->dev;

	switch (reg) {
	case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
		t->features_sel = value;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
		t->driver_features_sel = value;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES:
		return set_driver_features(t, value);
	case VIRTIO_MMIO_QUEUE_SEL:
		t->queue_sel = value;
		break;
	case VIRTIO_MMIO_QUEUE_READY:
		return set_ready(t, value & 1);
	case VIRTIO_MMIO_QUEUE_NOTIFY:
		/* KVM turns it into an event itself, where it can. */
		if (value < dev->n_queues)
			event_signal(dev->notify_fd[value]);
		break;
	case VIRTIO_MMIO_INTERRUPT_ACK:
		dev->isr &= ~value;
		break;
	case VIRTIO_MMIO_STATUS:
		return virtio_set_status(dev, value);
	default:
		return write_queue(t, reg, value);
	}
}

/* Configuration is read in any width; no device here lets it be written. */
static void read_config(const struct virtio_dev *dev, uint64_t offset, uint8_t *data,
			unsigned int len)
{
	unsigned int i;

	for (i = 0; i < len; i++)
		data[i] = offset + i < dev->config_size ?
			  ((const uint8_t *)dev->config)[offset + i] : 0;
}

void virtio_mmio_access(void *arg, uint64_t offset, uint8_t *data, unsigned int len, bool write)
{
	struct virtio_mmio *t = arg;

	/* 4.2.2.2: registers are read and written in 32 bits. */
	if (!write)
		memset(data, 0, len);
	pthread_mutex_lock(&t->dev->lock);
	if (offset >= VIRTIO_MMIO_CONFIG && !write)
		read_config(t->dev, offset - VIRTIO_MMIO_CONFIG, data, len);
	else if (offset < VIRTIO_MMIO_CONFIG && len == 4 && !(offset & 3) && write)
		write_register(t, offset, bus_get(data, len));
	else if (offset < VIRTIO_MMIO_CONFIG && len == 4 && !(offset & 3))
		bus_put(data, len, read_register(t, offset));
	pthread_mutex_unlock(&t->dev->lock);
}
