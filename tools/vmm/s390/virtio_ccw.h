/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The transport of virtio over channels (Virtual I/O Device 1.2, 4.3), revisions 1 and 2.
 *
 * The driver configures a device by channel commands, and notifies it by DIAGNOSE 500. The device
 * sets bits in indicators, words of the guest's memory that the driver has named, and makes the
 * subchannel's interruption pending. Adapter interruptions are not offered.
 */
#ifndef S390_VIRTIO_CCW_H
#define S390_VIRTIO_CCW_H

#include "dev/virtio.h"
#include "s390/css.h"

struct virtio_ccw {
	struct ccw_device	ccw;
	struct virtio_dev	*dev;
	struct vmm		*vm;
	/* Guarded by the device's lock. */
	uint16_t		revision;
	uint64_t		indicators, config_indicators;	/* addresses, 0: none */
};

void virtio_ccw_add(struct vmm *vm, struct virtio_ccw *t, struct virtio_dev *dev);

/* DIAGNOSE 500, function 3: false when there is no such device or queue. */
bool virtio_ccw_notify(uint32_t subchannel, uint64_t queue);

#endif
