// SPDX-License-Identifier: GPL-2.0-only
/*
 * The virtio disk: see virtio_blk.h.
 *
 * A request is a chain: a header of 16 bytes, data, and a last byte for the status (5.2.6).
 * Where the driver draws the lines between its buffers is its own affair, so header and status
 * are found by bytes, not by buffers.
 */
#include <endian.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "dev/virtio_blk.h"

#define SECTOR		512
#define HEADER		sizeof(struct virtio_blk_outhdr)

/* Drop @n bytes at the beginning. */
static void skip_front(struct iovec *iov, unsigned int n_iov, size_t n)
{
	unsigned int i;

	for (i = 0; i < n_iov && n; i++) {
		size_t some = iov[i].iov_len < n ? iov[i].iov_len : n;

		iov[i].iov_base = (uint8_t *)iov[i].iov_base + some;
		iov[i].iov_len -= some;
		n -= some;
	}
}

/* Take the header off the readable buffers; false when there is none. */
static bool take_header(struct vq_chain *c, struct virtio_blk_outhdr *header)
{
	uint8_t *to = (uint8_t *)header;
	size_t got = 0;
	unsigned int i;

	if (c->out_bytes < HEADER)
		return false;
	for (i = 0; i < c->n_out && got < HEADER; i++) {
		size_t some = c->iov[i].iov_len;

		if (some > HEADER - got)
			some = HEADER - got;
		memcpy(to + got, c->iov[i].iov_base, some);
		got += some;
	}
	skip_front(c->iov, c->n_out, HEADER);
	c->out_bytes -= HEADER;
	return true;
}

/* Take the status byte, the last that can be written; NULL when there is none. */
static uint8_t *take_status(struct vq_chain *c)
{
	struct iovec *last = &c->iov[c->n_out + c->n_in - 1];

	if (!c->n_in)
		return NULL;
	last->iov_len--;
	c->in_bytes--;
	return (uint8_t *)last->iov_base + last->iov_len;
}

static bool in_range(const struct virtio_disk *disk, uint64_t sector, uint64_t bytes)
{
	return !(bytes % SECTOR) && sector <= disk->sectors &&
	       bytes / SECTOR <= disk->sectors - sector;
}

/* All of it, or false; the end of a file that has shrunk is an error, too. */
static bool transfer(int fd, bool write, struct iovec *iov, unsigned int n, uint64_t bytes,
		     uint64_t at)
{
	while (bytes) {
		ssize_t done = write ? pwritev(fd, iov, n, at) : preadv(fd, iov, n, at);

		if (done <= 0)
			return false;
		skip_front(iov, n, done);
		bytes -= done;
		at += done;
	}
	return true;
}

static uint8_t read_disk(struct virtio_disk *disk, struct vq_chain *c, uint64_t sector,
			 uint32_t *written)
{
	if (!in_range(disk, sector, c->in_bytes) ||
	    !transfer(disk->fd, false, c->iov + c->n_out, c->n_in, c->in_bytes, sector * SECTOR))
		return VIRTIO_BLK_S_IOERR;
	*written = c->in_bytes;
	return VIRTIO_BLK_S_OK;
}

static uint8_t write_disk(struct virtio_disk *disk, struct vq_chain *c, uint64_t sector)
{
	if (disk->read_only || !in_range(disk, sector, c->out_bytes) ||
	    !transfer(disk->fd, true, c->iov, c->n_out, c->out_bytes, sector * SECTOR))
		return VIRTIO_BLK_S_IOERR;
	return VIRTIO_BLK_S_OK;
}

static uint8_t get_id(struct virtio_disk *disk, struct vq_chain *c, uint32_t *written)
{
	struct iovec *iov = &c->iov[c->n_out];

	if (c->in_bytes < sizeof(disk->serial) || iov->iov_len < sizeof(disk->serial))
		return VIRTIO_BLK_S_IOERR;
	memcpy(iov->iov_base, disk->serial, sizeof(disk->serial));
	*written = sizeof(disk->serial);
	return VIRTIO_BLK_S_OK;
}

static uint8_t serve(struct virtio_disk *disk, struct vq_chain *c,
		     const struct virtio_blk_outhdr *header, uint32_t *written)
{
	const uint64_t sector = le64toh(header->sector);

	switch (le32toh(header->type)) {
	case VIRTIO_BLK_T_IN:
		return read_disk(disk, c, sector, written);
	case VIRTIO_BLK_T_OUT:
		return write_disk(disk, c, sector);
	case VIRTIO_BLK_T_FLUSH:
		return fdatasync(disk->fd) ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK;
	case VIRTIO_BLK_T_GET_ID:
		return get_id(disk, c, written);
	default:
		return VIRTIO_BLK_S_UNSUPP;
	}
}

static void notify(struct virtio_dev *dev, unsigned int queue)
{
	struct virtio_disk *disk = (struct virtio_disk *)dev;
	struct virtio_blk_outhdr header;
	static struct vq_chain chain;	/* the main thread's alone */
	uint8_t *status;

	while (vq_pop(&dev->vq[queue], &chain)) {
		uint32_t written = 0;

		status = take_status(&chain);
		/* A chain that is no request has no place for an error. */
		if (!status || !take_header(&chain, &header)) {
			dev->vq[queue].broken = true;
			return;
		}
		*status = serve(disk, &chain, &header, &written);
		virtio_used(dev, queue, &chain, written + 1);
	}
}

void virtio_blk_init(struct virtio_disk *disk, const struct guest_mem *mem, int fd, uint64_t size,
		     bool read_only, const char *serial)
{
	disk->fd = fd;
	disk->read_only = read_only;
	disk->sectors = size / SECTOR;
	disk->config.capacity = htole64(disk->sectors);
	/* Header and status take two of a chain's descriptors. */
	disk->config.seg_max = htole32(VQ_MAX - 2);
	snprintf(disk->serial, sizeof(disk->serial), "%s", serial);
	disk->dev.id = VIRTIO_ID_BLOCK;
	disk->dev.features = 1ULL << VIRTIO_F_VERSION_1 | 1ULL << VIRTIO_BLK_F_SEG_MAX |
			     1ULL << VIRTIO_BLK_F_FLUSH | (uint64_t)read_only << VIRTIO_BLK_F_RO;
	disk->dev.n_queues = 1;
	disk->dev.config = &disk->config;
	disk->dev.config_size = sizeof(disk->config);
	disk->dev.notify = notify;
	virtio_init(&disk->dev, mem);
}
