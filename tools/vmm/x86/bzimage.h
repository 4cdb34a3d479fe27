/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel image (Documentation/x86/boot.rst of the kernel): what its header says, and where
 * things go.
 *
 * The header comes from a file that may be anything. Each field that is used is checked, alone and
 * against the file's size and the memory that there is; nothing here touches guest memory.
 */
#ifndef BZIMAGE_H
#define BZIMAGE_H

#include <stddef.h>
#include <stdint.h>
#include <asm/bootparam.h>

struct bzimage {
	struct setup_header	header;		/* as much of it as the image has, then zeroes */
	size_t			code_offset;	/* of the 64-bit kernel in the file */
	size_t			code_size;
};

struct boot_layout {
	uint64_t	kernel, entry;
	uint64_t	initrd;			/* 0 when there is none */
};

#define BOOT_ENTRY_64	0x200	/* from the beginning of the 64-bit kernel */

#define BZIMAGE_HEADER_AT	0x1f1	/* in the file */

/* How much of struct setup_header the file has; at least two sectors of it are there. */
size_t bzimage_header_size(const uint8_t *file);

/* NULL, or what is wrong with it. */
const char *bzimage_parse(struct bzimage *image, const uint8_t *file, size_t size);

/**
 * bzimage_place - choose the addresses of kernel and initrd
 * @image: as bzimage_parse() has left it
 * @low_end: the end of the memory that begins at 1 MiB; at most 4 GiB
 * @initrd_size: bytes, 0 for none
 * @command_size: bytes of the command line, without its end
 * @layout: what is found
 *
 * Return: NULL, or why it does not go.
 */
const char *bzimage_place(const struct bzimage *image, uint64_t low_end, uint64_t initrd_size,
			  size_t command_size, struct boot_layout *layout);

#endif
