// SPDX-License-Identifier: GPL-2.0-only
/* The VMM's fw_cfg device: by port and by DMA, and with requests that point anywhere. */
#include <endian.h>
#include <errno.h>
#include <linux/qemu_fw_cfg.h>
#include <string.h>
#include "unit.h"
#include "util.h"
#include "dev/fw_cfg.h"

#define MEM_SIZE	0x10000

static uint8_t memory[MEM_SIZE];
static struct guest_mem mem;
static struct fw_cfg f;

static void start(void)
{
	memset(memory, 0xaa, sizeof(memory));
	memset(&mem, 0, sizeof(mem));
	mem_add(&mem, 0x100000000ULL, MEM_SIZE, memory);
	fw_cfg_init(&f, &mem);
}

static uint32_t read32(void)
{
	uint32_t value;

	fw_cfg_read(&f, (uint8_t *)&value, 4);
	return le32toh(value);
}

/* A request at guest offset @at; returns the control word as the guest reads it afterwards. */
static uint32_t dma(uint32_t at, uint32_t control, uint32_t len, uint64_t address)
{
	struct fw_cfg_dma_access request = { htobe32(control), htobe32(len), htobe64(address) };

	memcpy(memory + at, &request, sizeof(request));
	fw_cfg_dma_high(&f, 1);
	fw_cfg_dma_low(&f, at);
	memcpy(&request, memory + at, sizeof(request));
	return be32toh(request.control);
}

TEST(signature_and_features)
{
	uint8_t word[6];

	start();
	fw_cfg_select(&f, FW_CFG_SIGNATURE);
	fw_cfg_read(&f, word, 6);
	expect(!memcmp(word, "QEMU\0\0", 6));
	fw_cfg_select(&f, FW_CFG_ID);
	expect_eq(read32(), FW_CFG_VERSION | FW_CFG_VERSION_DMA);
	expect_eq(fw_cfg_dma_read(0), 0x51454d55);
	expect_eq(fw_cfg_dma_read(1), 0x20434647);
}

TEST(selecting_begins_anew)
{
	uint8_t a, b;

	start();
	fw_cfg_select(&f, FW_CFG_SIGNATURE);
	fw_cfg_read(&f, &a, 1);
	fw_cfg_read(&f, &b, 1);
	expect_eq(a, 'Q');
	expect_eq(b, 'E');
	fw_cfg_select(&f, FW_CFG_SIGNATURE | FW_CFG_WRITE_CHANNEL);
	fw_cfg_read(&f, &a, 1);
	expect_eq(a, 'Q');
}

TEST(keys_that_are_none_read_zero)
{
	static const uint16_t keys[] = { FW_CFG_KEYS, 0x3fff, 0x8000, 0xbfff, 0xffff, 0x02, 0x2f };
	unsigned int i;

	start();
	for (i = 0; i < ARRAY_SIZE(keys); i++) {
		fw_cfg_select(&f, keys[i]);
		expect_eq(read32(), 0);
		expect_eq(dma(0, FW_CFG_DMA_CTL_READ, 64, 0x100001000ULL), 0);
		expect_eq(memory[0x1000], 0);
		expect_eq(dma(0, FW_CFG_DMA_CTL_SKIP, UINT32_MAX, 0), 0);
	}
}

TEST(numbers)
{
	start();
	expect_eq(fw_cfg_add_number(&f, FW_CFG_NB_CPUS, 4, 2), 0);
	expect_eq(fw_cfg_add_number(&f, FW_CFG_NB_CPUS, 4, 2), -EEXIST);
	expect_eq(fw_cfg_add_number(&f, FW_CFG_KEYS, 4, 2), -EINVAL);
	expect_eq(fw_cfg_add_number(&f, FW_CFG_MAX_CPUS, 4, 5), -EINVAL);
	expect_eq(fw_cfg_add(&f, FW_CFG_MAX_CPUS, NULL, 5), -EINVAL);
	fw_cfg_select(&f, FW_CFG_NB_CPUS);
	expect_eq(read32(), 4);
}

TEST(files_and_their_directory)
{
	struct fw_cfg_file row;
	char name[60];
	uint32_t count;
	unsigned int i;

	start();
	memset(name, 'n', sizeof(name));
	name[55] = 0;
	expect_eq(fw_cfg_add_file(&f, "opt/a", "hello", 5), 0);
	expect_eq(fw_cfg_add_file(&f, "opt/a", "again", 5), -EEXIST);
	expect_eq(fw_cfg_add_file(&f, name, "x", 1), 0);
	name[55] = 'n';
	name[56] = 0;
	expect_eq(fw_cfg_add_file(&f, name, "x", 1), -EINVAL);
	expect_eq(fw_cfg_add_file(&f, "", "x", 1), -EINVAL);
	fw_cfg_select(&f, FW_CFG_FILE_DIR);
	fw_cfg_read(&f, (uint8_t *)&count, 4);
	expect_eq(be32toh(count), 2);
	fw_cfg_read(&f, (uint8_t *)&row, sizeof(row));
	expect_eq(be32toh(row.size), 5);
	expect(!strcmp(row.name, "opt/a"));
	fw_cfg_select(&f, be16toh(row.select));
	expect_eq(read32(), 0x6c6c6568);
	for (i = 2; i < FW_CFG_MAX_FILES; i++) {
		snprintf(name, sizeof(name), "opt/%u", i);
		expect_eq(fw_cfg_add_file(&f, name, "x", 1), 0);
	}
	expect_eq(fw_cfg_add_file(&f, "one more", "x", 1), -ENOSPC);
}

TEST(dma_reads_skips_and_selects)
{
	start();
	fw_cfg_add_file(&f, "opt/a", "0123456789", 10);
	expect_eq(dma(0, FW_CFG_FILE_FIRST << 16 | FW_CFG_DMA_CTL_SELECT | FW_CFG_DMA_CTL_SKIP, 4,
		      0), 0);
	expect_eq(dma(0, FW_CFG_DMA_CTL_READ, 8, 0x100002000ULL), 0);
	expect(!memcmp(memory + 0x2000, "456789\0\0\xaa", 9));
	expect_eq(dma(0, FW_CFG_DMA_CTL_SKIP, UINT32_MAX, 0), 0);
	expect_eq(dma(0, FW_CFG_DMA_CTL_READ, 1, 0x100002000ULL), 0);
	expect_eq(memory[0x2000], 0);
}

TEST(dma_to_nowhere)
{
	start();
	fw_cfg_add_file(&f, "opt/a", "0123456789", 10);
	fw_cfg_select(&f, FW_CFG_FILE_FIRST);
	expect_eq(dma(0, FW_CFG_DMA_CTL_READ, 8, 0), FW_CFG_DMA_CTL_ERROR);
	expect_eq(dma(0, FW_CFG_DMA_CTL_READ, 8, 0x100000000ULL + MEM_SIZE - 7),
		  FW_CFG_DMA_CTL_ERROR);
	expect_eq(dma(0, FW_CFG_DMA_CTL_READ, 8, UINT64_MAX - 3), FW_CFG_DMA_CTL_ERROR);
	expect_eq(dma(0, FW_CFG_DMA_CTL_READ, UINT32_MAX, 0x100000000ULL), FW_CFG_DMA_CTL_ERROR);
	expect_eq(dma(0, FW_CFG_DMA_CTL_WRITE, 1, 0x100002000ULL), FW_CFG_DMA_CTL_ERROR);
	expect_eq(dma(0, FW_CFG_DMA_CTL_READ, 0, 0), 0);
	/* None of them has moved the offset. */
	expect_eq(dma(0, FW_CFG_DMA_CTL_READ, 1, 0x100002000ULL), 0);
	expect_eq(memory[0x2000], '0');
}

/* A request that is not wholly in memory is none. The address is forgotten after each. */
TEST(dma_request_outside_memory)
{
	uint8_t before[MEM_SIZE];

	start();
	memcpy(before, memory, MEM_SIZE);
	fw_cfg_dma_high(&f, 1);
	fw_cfg_dma_low(&f, MEM_SIZE - 15);
	fw_cfg_dma_low(&f, 0);
	fw_cfg_dma_high(&f, UINT32_MAX);
	fw_cfg_dma_low(&f, UINT32_MAX);
	expect(!memcmp(before, memory, MEM_SIZE));
}

/* The answer may be where the request is. */
TEST(dma_onto_itself)
{
	start();
	fw_cfg_add_file(&f, "opt/a", "0123456789abcdef", 16);
	fw_cfg_select(&f, FW_CFG_FILE_FIRST);
	expect_eq(dma(0x80, FW_CFG_DMA_CTL_READ, 16, 0x100000080ULL), 0);
	expect(!memcmp(memory + 0x84, "456789abcdef", 12));
}
