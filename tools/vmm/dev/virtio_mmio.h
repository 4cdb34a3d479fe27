/* SPDX-License-Identifier: GPL-2.0-only */
/* The memory-mapped transport of virtio (Virtual I/O Device 1.2, 4.2), version 2 alone. */
#ifndef VIRTIO_MMIO_H
#define VIRTIO_MMIO_H

#include "dev/virtio.h"

#define VIRTIO_MMIO_SIZE	0x200

struct virtio_mmio {
	struct virtio_dev	*dev;
	/* Guarded by the device's lock; any value may be in them. */
	uint32_t		features_sel, driver_features_sel, queue_sel;
};

/* A bus_fn (bus.h); @dev is a struct virtio_mmio. */
void virtio_mmio_access(void *dev, uint64_t offset, uint8_t *data, unsigned int len, bool write);

#endif
