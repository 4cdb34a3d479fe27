// SPDX-License-Identifier: GPL-2.0-only
/* The kernel image: see bzimage.h. */
#include <assert.h>
#include <string.h>
#include "x86/bzimage.h"

#define MAGIC		0x53726448	/* "HdrS" */
#define BOOT_FLAG	0xaa55
#define SECTOR		512
#define HIGH_MEMORY	0x100000
#define PAGE		0x1000

static_assert(sizeof(struct setup_header) == 0x26c - BZIMAGE_HEADER_AT, "the header's layout");

/* The header ends where the jump at its beginning leads to (boot.rst, "32-bit Boot Protocol"). */
size_t bzimage_header_size(const uint8_t *file)
{
	size_t size = 0x202 + file[0x201] - BZIMAGE_HEADER_AT;

	return size < sizeof(struct setup_header) ? size : sizeof(struct setup_header);
}

/* Fields of a later version than the image's would not be fields. */
static const char *check_version(const struct setup_header *h)
{
	if (h->boot_flag != BOOT_FLAG || h->header != MAGIC)
		return "is no bzImage";
	if (h->version < 0x20c)
		return "has a boot protocol before 2.12, without a 64-bit entry";
	if (!(h->loadflags & LOADED_HIGH))
		return "is a zImage, which is not loaded high";
	if (!(h->xloadflags & XLF_KERNEL_64))
		return "has no 64-bit entry";
	return NULL;
}

static const char *check_size(struct bzimage *image, size_t size)
{
	const struct setup_header *h = &image->header;
	const uint64_t claimed = (uint64_t)h->syssize * 16;

	image->code_offset = ((h->setup_sects ?: 4) + 1) * SECTOR;
	if (image->code_offset >= size)
		return "ends before its 64-bit code";
	image->code_size = size - image->code_offset;
	/* More may come behind it: a signature. */
	if (claimed > image->code_size)
		return "is shorter than its header says";
	if (image->code_size <= BOOT_ENTRY_64)
		return "ends before its 64-bit entry";
	if (h->init_size < image->code_size)
		return "says that it needs less memory than it has bytes";
	return NULL;
}

static const char *check_address(const struct setup_header *h)
{
	const uint32_t align = h->kernel_alignment;

	if (h->pref_address < HIGH_MEMORY || h->pref_address > UINT32_MAX)
		return "wants to be loaded below 1 MiB or above 4 GiB";
	if (h->relocatable_kernel && (!align || (align & (align - 1)) || h->pref_address % align))
		return "has an alignment that cannot be";
	if (!h->cmdline_size || h->cmdline_size > PAGE * 15)
		return "has an impossible limit for its command line";
	return NULL;
}

const char *bzimage_parse(struct bzimage *image, const uint8_t *file, size_t size)
{
	const char *wrong;

	memset(image, 0, sizeof(*image));
	if (size < 2 * SECTOR)
		return "is too short for a bzImage";
	memcpy(&image->header, file + BZIMAGE_HEADER_AT, bzimage_header_size(file));
	wrong = check_version(&image->header);
	if (!wrong)
		wrong = check_size(image, size);
	if (!wrong)
		wrong = check_address(&image->header);
	return wrong;
}

/* As high as it may be, for the kernel unpacks itself upwards. */
static const char *place_initrd(const struct bzimage *image, uint64_t low_end, uint64_t size,
				struct boot_layout *layout)
{
	const uint64_t kernel_end = layout->kernel + image->header.init_size;
	uint64_t end = (uint64_t)image->header.initrd_addr_max + 1;

	if (end > low_end)
		end = low_end;
	if (end < size || ((end - size) & ~(PAGE - 1ULL)) < kernel_end)
		return "kernel and initrd do not fit into the memory";
	layout->initrd = (end - size) & ~(PAGE - 1ULL);
	return NULL;
}

const char *bzimage_place(const struct bzimage *image, uint64_t low_end, uint64_t initrd_size,
			  size_t command_size, struct boot_layout *layout)
{
	const struct setup_header *h = &image->header;

	memset(layout, 0, sizeof(*layout));
	if (command_size > h->cmdline_size)
		return "the command line is longer than the kernel takes";
	if (h->init_size > low_end || h->pref_address > low_end - h->init_size)
		return "the kernel does not fit into the memory";
	layout->kernel = h->pref_address;
	layout->entry = layout->kernel + BOOT_ENTRY_64;
	return initrd_size ? place_initrd(image, low_end, initrd_size, layout) : NULL;
}
