/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The virtio devices that the options ask for. The architecture gives each its place in the
 * machine, with whatever transport it has.
 */
#ifndef DEVICES_H
#define DEVICES_H

#include "console.h"
#include "dev/virtio.h"
#include "vmm.h"

#define MAX_DEVICES	(MAX_DISKS + 1)

/* How many there will be; known as soon as the options are. */
unsigned int devices_count(const struct options *opt);

/* Make them. Disks come first, as they stand on the command line. */
void devices_make(struct vmm *vm, struct virtio_dev *devs[MAX_DEVICES]);

/* Where typed input goes: the virtio console if there is one, else to @serial. */
void devices_start_console(struct vmm *vm, console_sink serial, void *dev);

#endif
