// SPDX-License-Identifier: GPL-2.0-only
/* The virtio devices: see devices.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "dev/virtio_blk.h"
#include "dev/virtio_console.h"
#include "devices.h"

static struct virtio_disk disks[MAX_DISKS];
static struct virtio_console console;

unsigned int devices_count(const struct options *opt)
{
	return opt->n_disks + opt->virtio_console;
}

/* "FILE" or "FILE,ro" */
static void open_disk(struct vmm *vm, unsigned int i)
{
	const char *text = vm->opt.disks[i], *comma = strrchr(text, ',');
	const bool read_only = comma && !strcmp(comma, ",ro");
	char path[4096], serial[20];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%.*s",
		 (int)(read_only ? comma - text : (ptrdiff_t)strlen(text)), text);
	fd = open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		die(VM_SETUP, "--disk %s: %s", path, strerror(errno));
	/* A block device has its size elsewhere, and we are for small things. */
	if (!S_ISREG(st.st_mode) || st.st_size < 512)
		die(VM_SETUP, "--disk %s: is no file of at least one sector", path);
	snprintf(serial, sizeof(serial), "disk%u", i);
	virtio_blk_init(&disks[i], &vm->mem, fd, st.st_size, read_only, serial);
}

void devices_make(struct vmm *vm, struct virtio_dev *devs[MAX_DEVICES])
{
	unsigned int i;

	for (i = 0; i < vm->opt.n_disks; i++) {
		open_disk(vm, i);
		devs[i] = &disks[i].dev;
	}
	if (!vm->opt.virtio_console)
		return;
	virtio_console_init(&console, &vm->mem, console_write, console_room);
	devs[i] = &console.dev;
}

void devices_start_console(struct vmm *vm, console_sink serial, void *dev)
{
	if (vm->opt.virtio_console)
		console_start(virtio_console_input, &console);
	else
		console_start(serial, dev);
}
