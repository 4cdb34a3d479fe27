// SPDX-License-Identifier: GPL-2.0-only
/* Split virtqueues: see virtqueue.h. */
#include <endian.h>
#include <linux/virtio_ring.h>
#include <string.h>
#include "dev/virtqueue.h"

void vq_reset(struct virtqueue *vq)
{
	const struct guest_mem *mem = vq->mem;

	memset(vq, 0, sizeof(*vq));
	vq->mem = mem;
}

static bool break_queue(struct virtqueue *vq)
{
	vq->broken = true;
	return false;
}

static const void *area(const struct virtqueue *vq, uint64_t gpa, uint64_t size, uint64_t align)
{
	return gpa & (align - 1) ? NULL : mem_at(vq->mem, gpa, size);
}

/* Sizes and alignments are those of the table in 2.7. */
bool vq_enable(struct virtqueue *vq)
{
	const unsigned int n = vq->num;

	if (!n || n > VQ_MAX || (n & (n - 1)))
		return break_queue(vq);
	vq->desc = area(vq, vq->desc_gpa, sizeof(struct vring_desc) * n, 16);
	vq->avail = area(vq, vq->avail_gpa, 4 + 2 * n, 2);
	vq->used = (uint8_t *)area(vq, vq->used_gpa, 4 + 8 * n, 4);
	if (!vq->desc || !vq->avail || !vq->used)
		return break_queue(vq);
	vq->ready = true;
	return true;
}

static uint16_t load16(const uint16_t *p)
{
	return le16toh(__atomic_load_n(p, __ATOMIC_ACQUIRE));
}

/* One descriptor into the chain. */
static bool add_buffer(struct virtqueue *vq, struct vq_chain *c, const struct vring_desc *d)
{
	const unsigned int i = c->n_out + c->n_in;
	const uint32_t len = le32toh(d->len);
	void *host = mem_at(vq->mem, le64toh(d->addr), len);
	const bool in = le16toh(d->flags) & VRING_DESC_F_WRITE;

	if (!host || (c->n_in && !in))
		return false;
	c->iov[i] = (struct iovec){ host, len };
	if (in) {
		c->n_in++;
		c->in_bytes += len;
	} else {
		c->n_out++;
		c->out_bytes += len;
	}
	/* 2.7.5.2: no chain is longer than 2^32 bytes. */
	return c->in_bytes + c->out_bytes <= UINT32_MAX;
}

static bool walk(struct virtqueue *vq, struct vq_chain *c)
{
	unsigned int i = c->head, steps;
	struct vring_desc d;

	for (steps = 0; steps < vq->num; steps++) {
		if (i >= vq->num)
			return false;
		memcpy(&d, &vq->desc[i], sizeof(d));
		/* Indirect tables are not offered. */
		if ((le16toh(d.flags) & VRING_DESC_F_INDIRECT) || !add_buffer(vq, c, &d))
			return false;
		if (!(le16toh(d.flags) & VRING_DESC_F_NEXT))
			return true;
		i = le16toh(d.next);
	}
	return false;
}

bool vq_pop(struct virtqueue *vq, struct vq_chain *chain)
{
	uint16_t waiting;

	if (!vq->ready || vq->broken)
		return false;
	waiting = load16(&vq->avail[1]) - vq->next_avail;
	if (!waiting)
		return false;
	if (waiting > vq->num)
		return break_queue(vq);
	chain->head = load16(&vq->avail[2 + (vq->next_avail & (vq->num - 1))]);
	chain->n_out = 0;
	chain->n_in = 0;
	chain->out_bytes = 0;
	chain->in_bytes = 0;
	if (!walk(vq, chain))
		return break_queue(vq);
	vq->next_avail++;
	return true;
}

bool vq_push(struct virtqueue *vq, const struct vq_chain *chain, uint32_t written)
{
	const struct vring_used_elem entry = { htole32(chain->head), htole32(written) };
	uint16_t *index = (uint16_t *)(vq->used + 2);

	memcpy(vq->used + 4 + 8 * (vq->next_used & (vq->num - 1)), &entry, sizeof(entry));
	vq->next_used++;
	__atomic_store_n(index, htole16(vq->next_used), __ATOMIC_RELEASE);
	/* The driver sets its flag, then looks at our index; we the other way round (2.7.7.1). */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return !(load16(&vq->avail[0]) & VRING_AVAIL_F_NO_INTERRUPT);
}
