// SPDX-License-Identifier: GPL-2.0-only
/* Virtio over channels: see virtio_ccw.h. */
#include <endian.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <string.h>
#include "loop.h"
#include "s390/virtio_ccw.h"

#define CU_TYPE		0x3832
#define LAST_REVISION	2

enum {
	WRITE_FEATURES		= 0x11,
	READ_FEATURES		= 0x12,
	SET_QUEUE		= 0x13,
	WRITE_CONFIG		= 0x21,
	READ_CONFIG		= 0x22,
	WRITE_STATUS		= 0x31,
	READ_QUEUE_CONFIG	= 0x32,
	RESET			= 0x33,
	SET_INDICATORS		= 0x43,
	SET_CONFIG_INDICATORS	= 0x53,
	READ_STATUS		= 0x72,
	SET_REVISION		= 0x83,
};

struct features {
	uint32_t	bits;		/* little-endian */
	uint8_t		index;
};

struct queue_config {
	uint16_t	index, size;
};

struct queue_block {
	uint64_t	desc;
	uint32_t	reserved;
	uint16_t	index, size;
	uint64_t	avail, used;
};

struct revision {
	uint16_t	revision, length;
};

/* ---- commands: with the device's lock; each returns false for a command reject --------------- */

static bool set_revision(struct virtio_ccw *t, void *data, unsigned int count)
{
	const struct revision *r = data;

	/* Revision 0 is of drivers before virtio 1.0. Another one has to come before all else. */
	if (t->dev->status || !r->revision || r->revision > LAST_REVISION)
		return false;
	t->revision = r->revision;
	return true;
}

static bool read_features(struct virtio_ccw *t, void *data, unsigned int count)
{
	struct features *f = data;

	f->bits = f->index < 2 ? htole32(t->dev->features >> 32 * f->index) : 0;
	return true;
}

static bool write_features(struct virtio_ccw *t, void *data, unsigned int count)
{
	const struct features *f = data;
	const unsigned int index = f->index;
	const uint64_t bits = le32toh(f->bits);

	/* They are settled once the device has agreed. */
	if (t->dev->status & VIRTIO_CONFIG_S_FEATURES_OK)
		return false;
	if (index < 2)
		t->dev->driver_features = (t->dev->driver_features &
					   ~(0xffffffffULL << 32 * index)) | bits << 32 * index;
	return true;
}

static bool read_config(struct virtio_ccw *t, void *data, unsigned int count)
{
	const unsigned int n = count < t->dev->config_size ? count : t->dev->config_size;

	memset(data, 0, count);
	memcpy(data, t->dev->config, n);
	return true;
}

/* No device here has anything that can be written. */
static bool write_config(struct virtio_ccw *t, void *data, unsigned int count)
{
	return true;
}

static bool read_queue_config(struct virtio_ccw *t, void *data, unsigned int count)
{
	struct queue_config *q = data;

	q->size = q->index < t->dev->n_queues ? VQ_MAX : 0;
	return true;
}

/* The block is read once. Descriptors at 0 take a queue out of use. */
static bool set_queue(struct virtio_ccw *t, void *data, unsigned int count)
{
	struct queue_block q;
	struct virtqueue *vq;

	memcpy(&q, data, sizeof(q));
	if (q.index >= t->dev->n_queues || q.size > VQ_MAX)
		return false;
	vq = &t->dev->vq[q.index];
	vq_reset(vq);
	if (!q.desc)
		return true;
	vq->num = q.size;
	vq->desc_gpa = q.desc;
	vq->avail_gpa = q.avail;
	vq->used_gpa = q.used;
	virtio_enable_queue(t->dev, q.index);
	return true;
}

static bool reset(struct virtio_ccw *t, void *data, unsigned int count)
{
	virtio_set_status(t->dev, 0);
	t->indicators = 0;
	t->config_indicators = 0;
	return true;
}

static bool write_status(struct virtio_ccw *t, void *data, unsigned int count)
{
	virtio_set_status(t->dev, *(uint8_t *)data);
	return true;
}

static bool read_status(struct virtio_ccw *t, void *data, unsigned int count)
{
	*(uint8_t *)data = t->dev->status;
	return true;
}

/* An address of 64 bits that can be changed as a whole. */
static bool set_address(struct virtio_ccw *t, const void *data, uint64_t *to)
{
	uint64_t at;

	memcpy(&at, data, sizeof(at));
	if ((at & 7) || !mem_at(&t->vm->mem, at, sizeof(at)))
		return false;
	*to = at;
	return true;
}

static bool set_indicators(struct virtio_ccw *t, void *data, unsigned int count)
{
	return set_address(t, data, &t->indicators);
}

static bool set_config_indicators(struct virtio_ccw *t, void *data, unsigned int count)
{
	return set_address(t, data, &t->config_indicators);
}

/* @least bytes have to be there; @uses are what is looked at, 0: all. */
static const struct row {
	uint8_t		code;
	unsigned int	least, uses;
	bool		(*serve)(struct virtio_ccw *t, void *data, unsigned int count);
} rows[] = {
	{ WRITE_FEATURES,	5,	5,	write_features },
	{ READ_FEATURES,	5,	5,	read_features },
	{ SET_QUEUE,		32,	32,	set_queue },
	{ WRITE_CONFIG,		1,	0,	write_config },
	{ READ_CONFIG,		1,	0,	read_config },
	{ WRITE_STATUS,		1,	1,	write_status },
	{ READ_QUEUE_CONFIG,	4,	4,	read_queue_config },
	{ RESET,		0,	0,	reset },
	{ SET_INDICATORS,	8,	8,	set_indicators },
	{ SET_CONFIG_INDICATORS, 8,	8,	set_config_indicators },
	{ READ_STATUS,		1,	1,	read_status },
	{ SET_REVISION,		4,	4,	set_revision },
};

static const struct row *find(uint8_t code)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].code == code)
			return &rows[i];
	return NULL;
}

static struct ccw_answer command(struct ccw_device *ccw, uint8_t code, uint8_t *data,
				 unsigned int count)
{
	struct virtio_ccw *t = (struct virtio_ccw *)ccw;
	const struct row *row = find(code);
	struct ccw_answer answer = { .sense = SENSE_COMMAND_REJECT };

	if (!row || count < row->least)
		return answer;
	pthread_mutex_lock(&t->dev->lock);
	if (row->serve(t, data, count))
		answer = (struct ccw_answer){ .used = row->uses ?: count };
	pthread_mutex_unlock(&t->dev->lock);
	return answer;
}

/* ---- notifications --------------------------------------------------------------------------- */

static bool set_bits(struct virtio_ccw *t, uint64_t at, uint64_t bits)
{
	uint64_t *word = at ? mem_at(&t->vm->mem, at, sizeof(*word)) : NULL;

	if (word && bits)
		__atomic_fetch_or(word, bits, __ATOMIC_SEQ_CST);
	return word && bits;
}

/* In the main thread: the device has signalled. */
static void signalled(void *arg)
{
	struct virtio_ccw *t = arg;
	struct virtio_dev *dev = t->dev;
	bool tell;

	event_clear(dev->irq_fd);
	pthread_mutex_lock(&dev->lock);
	tell = set_bits(t, t->indicators, dev->used_queues);
	dev->used_queues = 0;
	tell |= set_bits(t, t->config_indicators, dev->isr & VIRTIO_MMIO_INT_CONFIG ? 1 : 0);
	dev->isr = 0;
	pthread_mutex_unlock(&dev->lock);
	if (tell)
		css_attention(t->vm, &t->ccw);
}

bool virtio_ccw_notify(uint32_t subchannel, uint64_t queue)
{
	struct virtio_ccw *t = (struct virtio_ccw *)css_device(subchannel);

	if (!t || queue >= t->dev->n_queues)
		return false;
	event_signal(t->dev->notify_fd[queue]);
	return true;
}

void virtio_ccw_add(struct vmm *vm, struct virtio_ccw *t, struct virtio_dev *dev)
{
	unsigned int q;
	uint32_t id;

	t->ccw.cu_type = CU_TYPE;
	t->ccw.cu_model = dev->id;
	t->ccw.command = command;
	t->dev = dev;
	t->vm = vm;
	dev->irq_fd = event_new();
	loop_add(dev->irq_fd, signalled, t);
	id = css_add(vm, &t->ccw);
	/* A notification goes past us, to the main thread, where KVM can do it; else it exits. */
	for (q = 0; q < dev->n_queues; q++)
		vm_ioeventfd(vm, KVM_IOEVENTFD_FLAG_VIRTIO_CCW_NOTIFY, id, 8, q,
			     dev->notify_fd[q]);
}
