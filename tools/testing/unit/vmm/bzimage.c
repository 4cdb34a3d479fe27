// SPDX-License-Identifier: GPL-2.0-only
/* The VMM's look at kernel images: every field of the header hostile, alone and at random. */
#include <stddef.h>
#include <string.h>
#include "unit.h"
#include "util.h"
#include "x86/bzimage.h"

#define CODE		0x4000
#define SETUP_SECTS	3
#define FILE_SIZE	((SETUP_SECTS + 1) * 512 + CODE)
#define LOW_END		0x10000000ULL

static uint8_t file[FILE_SIZE];
static struct setup_header *const h = (struct setup_header *)(file + 0x1f1);
static struct bzimage image;
static struct boot_layout layout;

static void good(void)
{
	memset(file, 0, sizeof(file));
	h->setup_sects = SETUP_SECTS;
	h->syssize = CODE / 16;
	h->boot_flag = 0xaa55;
	h->jump = 0x6aeb;
	h->header = 0x53726448;
	h->version = 0x20f;
	h->loadflags = LOADED_HIGH;
	h->initrd_addr_max = 0x7fffffff;
	h->kernel_alignment = 0x200000;
	h->relocatable_kernel = 1;
	h->xloadflags = XLF_KERNEL_64;
	h->cmdline_size = 2047;
	h->pref_address = 0x1000000;
	h->init_size = 0x800000;
}

static const char *parse(void)
{
	return bzimage_parse(&image, file, sizeof(file));
}

static const char *place(uint64_t low_end, uint64_t initrd)
{
	return bzimage_place(&image, low_end, initrd, 0, &layout);
}

TEST(a_good_one)
{
	good();
	expect(!parse());
	expect_eq(image.code_offset, 4 * 512);
	expect_eq(image.code_size, CODE);
	expect(!place(LOW_END, 0x12345));
	expect_eq(layout.kernel, 0x1000000);
	expect_eq(layout.entry, 0x1000200);
	expect_eq(layout.initrd, (LOW_END - 0x12345) & ~0xfffULL);
}

/* One field at a time; each must be refused. */
#define FIELD(name)	offsetof(struct setup_header, name), sizeof(((struct setup_header *)0)->name)

TEST(each_field)
{
	static const struct { size_t at, size; uint64_t value; } bad[] = {
		{ FIELD(boot_flag), 0 },
		{ FIELD(header), 0 },
		{ FIELD(version), 0 },
		{ FIELD(version), 0x20b },
		{ FIELD(loadflags), 0 },
		{ FIELD(xloadflags), (uint16_t)~XLF_KERNEL_64 },
		{ FIELD(setup_sects), 255 },
		{ FIELD(setup_sects), FILE_SIZE / 512 },
		{ FIELD(syssize), CODE / 16 + 1 },
		{ FIELD(syssize), UINT32_MAX },
		{ FIELD(init_size), 0 },
		{ FIELD(init_size), CODE - 1 },
		{ FIELD(pref_address), 0 },
		{ FIELD(pref_address), 0xfffff },
		{ FIELD(pref_address), 0x100000000ULL },
		{ FIELD(pref_address), UINT64_MAX },
		{ FIELD(pref_address), 0x1000001 },
		{ FIELD(kernel_alignment), 0 },
		{ FIELD(kernel_alignment), 3 },
		{ FIELD(cmdline_size), 0 },
		{ FIELD(cmdline_size), UINT32_MAX },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		good();
		memcpy((uint8_t *)h + bad[i].at, &bad[i].value, bad[i].size);
		expect(parse());
	}
}

/* A header that says it ends early has no fields behind that: they count as 0. */
TEST(a_short_header)
{
	good();
	h->jump = 0x00eb;
	expect(parse());
	h->jump = 0x10eb;
	expect(parse());
	h->jump = 0xffeb;
	expect(!parse());
}

TEST(each_length_of_file)
{
	size_t size;

	good();
	for (size = 0; size < FILE_SIZE; size++)
		expect(bzimage_parse(&image, file, size));
	h->syssize = 0;
	for (size = 0; size <= 4 * 512 + BOOT_ENTRY_64; size++)
		expect(bzimage_parse(&image, file, size));
	expect(!bzimage_parse(&image, file, size));
}

TEST(memory_that_does_not_suffice)
{
	good();
	expect(!parse());
	expect(!place(0x1800000, 0));
	expect(place(0x17fffff, 0));
	expect(place(0x1000, 0));
	expect(place(0, 0));
	expect(!place(0x1801000, 0x1000));
	expect(place(0x1801000, 0x1001));
	expect(place(LOW_END, LOW_END));
	expect(place(LOW_END, UINT64_MAX));
	expect(bzimage_place(&image, LOW_END, 0, 2048, &layout));
	expect(!bzimage_place(&image, LOW_END, 0, 2047, &layout));
	h->init_size = UINT32_MAX;
	expect(!parse());
	expect(place(LOW_END, 0));
	expect(place(0x100000000ULL, 0));
}

TEST(an_initrd_has_its_limit)
{
	good();
	h->initrd_addr_max = 0x1ffffff;
	expect(!parse());
	expect(!place(LOW_END, 0x1000));
	expect_eq(layout.initrd, 0x1fff000);
	h->initrd_addr_max = 0;
	expect(!parse());
	expect(place(LOW_END, 1));
	h->initrd_addr_max = UINT32_MAX;
	expect(!parse());
	expect(!place(LOW_END, 1));
	expect_eq(layout.initrd, LOW_END - 0x1000);
}

/* What passes is sound, whatever the header says. */
TEST(random_headers)
{
	unsigned int round, i, passed = 0;

	for (round = 0; round < 300000; round++) {
		good();
		for (i = unit_random() % 4; i < 5; i++)
			file[0x1f1 + unit_random() % sizeof(*h)] = unit_random();
		if (parse() || place(LOW_END, 0x5000))
			continue;
		passed++;
		expect(image.code_offset + image.code_size <= FILE_SIZE);
		expect(image.code_size > BOOT_ENTRY_64);
		expect(layout.kernel >= 0x100000);
		expect(layout.kernel + image.header.init_size <= layout.initrd);
		expect(image.code_size <= image.header.init_size);
		expect(layout.initrd + 0x5000 <= LOW_END);
		expect(layout.initrd + 0x5000 <= (uint64_t)image.header.initrd_addr_max + 1);
	}
	expect(passed > 1000);
}
