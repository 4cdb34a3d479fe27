/* SPDX-License-Identifier: GPL-2.0-only */
/* A virtio console (Virtual I/O Device 1.2, 5.3): one port, which Linux calls hvc0. */
#ifndef VIRTIO_CONSOLE_H
#define VIRTIO_CONSOLE_H

#include "dev/virtio.h"

struct virtio_console {
	struct virtio_dev	dev;
	void			(*send)(const uint8_t *data, size_t n);
	void			(*room)(void);
};

/* @send and @room are called with the device's lock held. */
void virtio_console_init(struct virtio_console *c, const struct guest_mem *mem,
			 void (*send)(const uint8_t *data, size_t n), void (*room)(void));

/* A console_sink (console.h). */
size_t virtio_console_input(void *dev, const uint8_t *data, size_t n);

#endif
