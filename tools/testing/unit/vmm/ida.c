// SPDX-License-Identifier: GPL-2.0-only
/*
 * Indirect data addresses of the s390 machine: lists of each form, and lists that cannot be.
 *
 * Words are in the guest's byte order, whatever this computer's is.
 */
#include <endian.h>
#include <string.h>
#include "unit.h"
#include "s390/ida.h"

#define SIZE	0x10000
#define LIST	0x100

static uint8_t memory[SIZE], data[IDA_MOST];
static struct guest_mem mem;

static const struct ida narrow = { .block = 2048 };
static const struct ida wide = { .wide = true, .block = 4096 };
static const struct ida wide_small = { .wide = true, .block = 2048 };

static void start(void)
{
	unsigned int i;

	if (!mem.n)
		mem_add(&mem, 0, SIZE, memory);
	for (i = 0; i < SIZE; i++)
		memory[i] = i * 7 + (i >> 8);
	memset(data, 0xee, sizeof(data));
}

static void put(const struct ida *ida, unsigned int i, uint64_t word)
{
	const uint32_t narrow_word = htobe32(word);
	const uint64_t wide_word = htobe64(word);

	if (ida->wide)
		memcpy(memory + LIST + 8 * i, &wide_word, 8);
	else
		memcpy(memory + LIST + 4 * i, &narrow_word, 4);
}

/* From within a block, over the next, and into a third. */
static void three_blocks(const struct ida *ida)
{
	const unsigned int block = ida->block, before = 100;

	start();
	put(ida, 0, 0x2000 + block - before);
	put(ida, 1, 0x8000);
	put(ida, 2, 0x4000);
	expect(ida_read(&mem, ida, LIST, data, before + block + 5));
	expect(!memcmp(data, memory + 0x2000 + block - before, before));
	expect(!memcmp(data + before, memory + 0x8000, block));
	expect(!memcmp(data + before + block, memory + 0x4000, 5));
	expect(data[before + block + 5] == 0xee);
	memset(data, 0x55, sizeof(data));
	expect(ida_write(&mem, ida, LIST, data, before + block + 5));
	expect(memory[0x2000 + block - 1] == 0x55 && memory[0x8000 + block - 1] == 0x55);
	expect(memory[0x4004] == 0x55 && memory[0x4005] != 0x55);
}

TEST(each_form)
{
	three_blocks(&narrow);
	three_blocks(&wide);
	three_blocks(&wide_small);
}

TEST(second_block_not_at_its_begin)
{
	start();
	put(&narrow, 0, 0x2000);
	put(&narrow, 1, 0x2801);
	expect(ida_read(&mem, &narrow, LIST, data, 2048));
	expect(!ida_read(&mem, &narrow, LIST, data, 2049));
}

TEST(words_nowhere)
{
	start();
	put(&wide, 0, 0x8000000000000000ULL);
	expect(!ida_read(&mem, &wide, LIST, data, 1));
	put(&narrow, 0, 0x80002000);
	expect(!ida_read(&mem, &narrow, LIST, data, 1));
	put(&narrow, 0, SIZE - 1);
	put(&narrow, 1, SIZE);
	expect(ida_read(&mem, &narrow, LIST, data, 1));
	expect(!ida_read(&mem, &narrow, LIST, data, 2));
}

TEST(list_nowhere_or_misaligned)
{
	start();
	expect(!ida_read(&mem, &narrow, SIZE, data, 1));
	expect(!ida_read(&mem, &narrow, 0xfffffffc, data, 1));
	expect(!ida_read(&mem, &narrow, LIST + 2, data, 1));
	expect(!ida_read(&mem, &wide, LIST + 4, data, 1));
}

TEST(most)
{
	unsigned int i;

	start();
	for (i = 0; i < 32; i++)
		put(&narrow, i, 0x2000);
	expect(ida_read(&mem, &narrow, LIST, data, IDA_MOST));
	expect(!memcmp(data, memory + 0x2000, 2048));
}
