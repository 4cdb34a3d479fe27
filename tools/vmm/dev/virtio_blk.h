/* SPDX-License-Identifier: GPL-2.0-only */
/* A virtio disk (Virtual I/O Device 1.2, 5.2) in a file of ours. */
#ifndef VIRTIO_BLK_H
#define VIRTIO_BLK_H

#include <linux/virtio_blk.h>
#include "dev/virtio.h"

struct virtio_disk {
	struct virtio_dev		dev;
	int				fd;
	bool				read_only;
	uint64_t			sectors;
	struct virtio_blk_config	config;
	char				serial[VIRTIO_BLK_ID_BYTES];
};

/* @fd is an open file of @size bytes; what is more than whole sectors is not seen by the guest. */
void virtio_blk_init(struct virtio_disk *disk, const struct guest_mem *mem, int fd, uint64_t size,
		     bool read_only, const char *serial);

#endif
