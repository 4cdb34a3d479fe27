/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A virtio device without its transport: status, features, queues, configuration.
 *
 * A transport (virtio_mmio.c) calls it from vCPU threads; notifications of queues come to the
 * main thread, through an eventfd for each, and the device's work is done there. The lock keeps
 * the two apart. A driver that breaks a rule finds DEVICE_NEEDS_RESET in the status, and nothing
 * more is done for it until it resets the device.
 */
#ifndef VIRTIO_H
#define VIRTIO_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include "dev/virtqueue.h"

#define VIRTIO_QUEUES	2

struct virtio_dev {
	/* Constant. */
	uint32_t		id;		/* <linux/virtio_ids.h> */
	uint64_t		features;	/* offered */
	unsigned int		n_queues;
	const void		*config;	/* little-endian; read-only for the driver */
	unsigned int		config_size;
	/*
	 * Serve a queue, in the main thread, locked; only with DRIVER_OK and a queue that is ready.
	 */
	void			(*notify)(struct virtio_dev *dev, unsigned int queue);
	int			notify_fd[VIRTIO_QUEUES];
	int			irq_fd;		/* an edge on the interrupt line */

	pthread_mutex_t		lock;		/* guards all below */
	uint8_t			status;
	uint64_t		driver_features;
	uint32_t		isr;		/* VIRTIO_MMIO_INT_* */
	uint32_t		used_queues;	/* a bit for each that has news */
	struct virtqueue	vq[VIRTIO_QUEUES];
};

/* The constants are set; makes the eventfds and watches them. */
void virtio_init(struct virtio_dev *dev, const struct guest_mem *mem);

/* The transport's part; all with the lock held. */
void virtio_set_status(struct virtio_dev *dev, uint8_t status);
void virtio_enable_queue(struct virtio_dev *dev, unsigned int queue);

/* The device's part; with the lock held. */
void virtio_used(struct virtio_dev *dev, unsigned int queue, const struct vq_chain *chain,
		 uint32_t written);
void virtio_check_queue(struct virtio_dev *dev, unsigned int queue);

/* Serve a queue now, if it may be. Takes the lock. */
void virtio_kick(struct virtio_dev *dev, unsigned int queue);

#endif
