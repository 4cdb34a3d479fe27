/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Split virtqueues (Virtual I/O Device 1.2, 2.7), the device's side.
 *
 * The driver is not trusted. The rings lie in memory that it can change at any moment, so each
 * field is read once, into a local, and that is checked and used. A chain is as long as the
 * queue at most, which ends every loop; each buffer is in guest memory as a whole; what the
 * driver reads back comes after what it wrote. Whatever breaks a rule breaks the queue: it gives
 * nothing more until the device is reset. A buffer's contents can still change while a device
 * works on it.
 */
#ifndef VIRTQUEUE_H
#define VIRTQUEUE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>
#include "memory.h"

#define VQ_MAX	256	/* entries of the biggest queue */

struct virtqueue {
	const struct guest_mem	*mem;
	/* As the driver sets them, before it is ready. */
	uint16_t		num;
	uint64_t		desc_gpa, avail_gpa, used_gpa;

	bool			ready, broken;
	uint16_t		next_avail, next_used;
	/* Checked: num entries of each are there. */
	const struct vring_desc	*desc;
	const uint16_t		*avail;		/* flags, index, ring */
	uint8_t			*used;		/* flags, index, ring of 8-byte entries */
};

struct vq_chain {
	uint16_t	head;
	unsigned int	n_out, n_in;	/* buffers to read, then buffers to write */
	uint64_t	out_bytes, in_bytes;
	struct iovec	iov[VQ_MAX];
};

void vq_reset(struct virtqueue *vq);

/* The driver says the queue is set up; false (and broken) when it cannot be. */
bool vq_enable(struct virtqueue *vq);

/* The next chain. False when there is none, or the queue is or just became broken. */
bool vq_pop(struct virtqueue *vq, struct vq_chain *chain);

/* Give a chain back with @written bytes in it. True when the driver wants an interrupt. */
bool vq_push(struct virtqueue *vq, const struct vq_chain *chain, uint32_t written);

#endif
