// SPDX-License-Identifier: GPL-2.0-only
/* The channel-subsystem call of the s390 machine; its words are in the guest's byte order. */
#include <endian.h>
#include <string.h>
#include "unit.h"
#include "s390/chsc.h"

#define PAGE	4096

static uint8_t memory[3 * PAGE];
static struct guest_mem mem;

static uint16_t *half(unsigned int at)
{
	return (uint16_t *)(memory + PAGE + at);
}

static bool call(uint16_t length, uint16_t command)
{
	if (!mem.n)
		mem_add(&mem, 0, sizeof(memory), memory);
	memset(memory, 0xee, sizeof(memory));
	*half(0) = htobe16(length);
	*half(2) = htobe16(command);
	return chsc_serve(&mem, PAGE);
}

static bool untouched_beside(void)
{
	return memory[PAGE - 1] == 0xee && memory[2 * PAGE] == 0xee;
}

TEST(characteristics)
{
	expect(call(16, 0x10));
	expect_eq(be16toh(*half(16)), PAGE - 16);
	expect_eq(be16toh(*half(18)), 1);
	expect_eq(*half(20), 0);
	expect_eq(*half(PAGE - 2), 0);
	expect(untouched_beside());
}

TEST(unknown_command)
{
	expect(call(32, 0x77));
	expect_eq(be16toh(*half(32)), 8);
	expect_eq(be16toh(*half(34)), 2);
	expect_eq(*half(40), 0xeeee);
}

TEST(known_command_of_another_length)
{
	expect(call(24, 0x10));
	expect_eq(be16toh(*half(26)), 3);
}

TEST(lengths_that_cannot_be)
{
	static const uint16_t bad[] = { 0, 4, 12, 4089, 4090, 4096, 0xfff8, 0xffff };
	unsigned int i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect(!call(bad[i], 0x77));
	expect(call(4088, 0x77));
	expect(untouched_beside());
}

TEST(page_nowhere)
{
	expect(call(16, 0x10));
	expect(!chsc_serve(&mem, sizeof(memory)));
}
