/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's image: is it one, and where do it and the rest go.
 *
 * An image for s390 is what lies in memory from address 0 on. A loader enters it at 0x10000, behind
 * which its mark stands; in the area of parameters at 0x10400 it is told where the initrd is, how
 * big, and its command line, for which it says how much room it has.
 */
#ifndef S390_IMAGE_H
#define S390_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#define IMAGE_ENTRY		0x10000
#define IMAGE_MARK_AT		0x10008
#define IMAGE_MARK		"S390EP"
#define INITRD_WORDS_AT		0x10408		/* address, size */
#define COMMAND_LINE_MAX_AT	0x10430		/* a word, 0 in kernels that know 896 bytes alone */
#define COMMAND_LINE_AT		0x10480

#define COMMAND_LINE_OLD_MAX	896

/* Where what does not belong to the image goes. */
struct image_layout {
	uint64_t	initrd_at;
};

/* NULL, or what is wrong. @words is the command line's length. */
const char *image_parse(const uint8_t *data, size_t size, size_t words);

/* NULL, or what is wrong. */
const char *image_place(size_t size, size_t initrd_size, uint64_t memory,
			struct image_layout *layout);

#endif
