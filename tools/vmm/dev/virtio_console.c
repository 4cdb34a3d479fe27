// SPDX-License-Identifier: GPL-2.0-only
/* The virtio console: see virtio_console.h. */
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <string.h>
#include "dev/virtio_console.h"

enum { RECEIVE, TRANSMIT };

static void transmit(struct virtio_console *c)
{
	static struct vq_chain chain;	/* the main thread's alone */
	unsigned int i;

	while (vq_pop(&c->dev.vq[TRANSMIT], &chain)) {
		for (i = 0; i < chain.n_out; i++)
			c->send(chain.iov[i].iov_base, chain.iov[i].iov_len);
		virtio_used(&c->dev, TRANSMIT, &chain, 0);
	}
}

static void notify(struct virtio_dev *dev, unsigned int queue)
{
	struct virtio_console *c = (struct virtio_console *)dev;

	if (queue == TRANSMIT)
		transmit(c);
	else
		c->room();
}

/* As much as fits into one chain of the driver's; returns how much that was. */
static size_t fill(struct virtio_console *c, const uint8_t *data, size_t n)
{
	static struct vq_chain chain;	/* the main thread's alone */
	size_t done = 0;
	unsigned int i;

	if (!vq_pop(&c->dev.vq[RECEIVE], &chain))
		return 0;
	for (i = chain.n_out; i < chain.n_out + chain.n_in && done < n; i++) {
		size_t some = chain.iov[i].iov_len < n - done ? chain.iov[i].iov_len : n - done;

		memcpy(chain.iov[i].iov_base, data + done, some);
		done += some;
	}
	virtio_used(&c->dev, RECEIVE, &chain, done);
	return done;
}

size_t virtio_console_input(void *dev, const uint8_t *data, size_t n)
{
	struct virtio_console *c = dev;
	size_t taken = 0, some = 1;

	pthread_mutex_lock(&c->dev.lock);
	while ((c->dev.status & VIRTIO_CONFIG_S_DRIVER_OK) && taken < n && some) {
		some = fill(c, data + taken, n - taken);
		taken += some;
	}
	virtio_check_queue(&c->dev, RECEIVE);
	pthread_mutex_unlock(&c->dev.lock);
	return taken;
}

void virtio_console_init(struct virtio_console *c, const struct guest_mem *mem,
			 void (*send)(const uint8_t *data, size_t n), void (*room)(void))
{
	c->send = send;
	c->room = room;
	c->dev.id = VIRTIO_ID_CONSOLE;
	c->dev.features = 1ULL << VIRTIO_F_VERSION_1;
	c->dev.n_queues = 2;
	c->dev.notify = notify;
	virtio_init(&c->dev, mem);
}
