// SPDX-License-Identifier: GPL-2.0-only
/* The kernel's image: see image.h. */
#include <endian.h>
#include <string.h>
#include "s390/image.h"

#define PAGE		4096ULL
/* Where the initrd goes when there is room: behind what a kernel that unpacks itself needs. */
#define INITRD_WANTED	(32ULL << 20)

/* The command line is written over what the image has there. */
static uint64_t command_line_max(const uint8_t *data)
{
	uint64_t max;

	memcpy(&max, data + COMMAND_LINE_MAX_AT, sizeof(max));
	max = be64toh(max);
	return max ?: COMMAND_LINE_OLD_MAX;
}

const char *image_parse(const uint8_t *data, size_t size, size_t words)
{
	if (size < COMMAND_LINE_AT)
		return "is too short for a kernel of s390";
	if (memcmp(data + IMAGE_MARK_AT, IMAGE_MARK, strlen(IMAGE_MARK)))
		return "is no kernel of s390: it lacks the mark S390EP";
	if (size - COMMAND_LINE_AT < command_line_max(data))
		return "is shorter than its command line";
	if (words >= command_line_max(data))
		return "the command line is longer than the kernel takes";
	return NULL;
}

const char *image_place(size_t size, size_t initrd_size, uint64_t memory,
			struct image_layout *layout)
{
	const uint64_t end = (size + PAGE - 1) & ~(PAGE - 1);

	if (end > memory || initrd_size > memory - end)
		return "kernel and initrd do not fit into the memory";
	/* The kernel moves it out of its own way; at the end it is least in it. */
	layout->initrd_at = (memory - initrd_size) & ~(PAGE - 1);
	if (layout->initrd_at < end)
		return "kernel and initrd do not fit into the memory";
	if (layout->initrd_at > INITRD_WANTED && end <= INITRD_WANTED)
		layout->initrd_at = INITRD_WANTED;
	return NULL;
}
