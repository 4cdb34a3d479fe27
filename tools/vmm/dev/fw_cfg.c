// SPDX-License-Identifier: GPL-2.0-only
/* The firmware configuration device: see fw_cfg.h. */
#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <linux/qemu_fw_cfg.h>
#include <string.h>
#include "dev/fw_cfg.h"

static_assert(sizeof(struct fw_cfg_file) == 64, "an entry of the directory");
static_assert(FW_CFG_FILE_FIRST == 0x20, "FW_CFG_KEYS counts on it");

static const char signature[] = "QEMU";

void fw_cfg_init(struct fw_cfg *f, const struct guest_mem *mem)
{
	memset(f, 0, sizeof(*f));
	pthread_mutex_init(&f->lock, NULL);
	f->mem = mem;
	f->key = FW_CFG_INVALID;
	fw_cfg_add(f, FW_CFG_SIGNATURE, signature, 4);
	fw_cfg_add_number(f, FW_CFG_ID, FW_CFG_VERSION | FW_CFG_VERSION_DMA, 4);
	fw_cfg_add(f, FW_CFG_FILE_DIR, f->directory, 4);
}

int fw_cfg_add(struct fw_cfg *f, unsigned int key, const void *data, uint32_t size)
{
	if (key >= FW_CFG_KEYS || (!data && size))
		return -EINVAL;
	if (f->item[key].data)
		return -EEXIST;
	f->item[key].data = data;
	f->item[key].size = size;
	return 0;
}

int fw_cfg_add_number(struct fw_cfg *f, unsigned int key, uint32_t value, unsigned int bytes)
{
	const uint32_t le = htole32(value);

	if (key >= FW_CFG_KEYS || bytes > 4)
		return -EINVAL;
	memcpy(f->numbers[key], &le, 4);
	return fw_cfg_add(f, key, f->numbers[key], bytes);
}

static struct fw_cfg_file *directory_row(struct fw_cfg *f, unsigned int i)
{
	return (struct fw_cfg_file *)(f->directory + 4) + i;
}

int fw_cfg_add_file(struct fw_cfg *f, const char *name, const void *data, uint32_t size)
{
	struct fw_cfg_file *row = directory_row(f, f->n_files);
	const unsigned int key = FW_CFG_FILE_FIRST + f->n_files;
	uint32_t count;
	unsigned int i;
	int err;

	if (!*name || strlen(name) >= FW_CFG_MAX_FILE_PATH || !data)
		return -EINVAL;
	for (i = 0; i < f->n_files; i++)
		if (!strcmp(directory_row(f, i)->name, name))
			return -EEXIST;
	if (f->n_files == FW_CFG_MAX_FILES)
		return -ENOSPC;
	err = fw_cfg_add(f, key, data, size);
	if (err)
		return err;
	row->size = htobe32(size);
	row->select = htobe16(key);
	strcpy(row->name, name);
	f->n_files++;
	count = htobe32(f->n_files);
	memcpy(f->directory, &count, 4);
	f->item[FW_CFG_FILE_DIR].size = 4 + f->n_files * sizeof(*row);
	return 0;
}

/* The write bit chooses no other item. There are none of the architecture's own. */
static void select_key(struct fw_cfg *f, uint16_t key)
{
	f->key = key & ~FW_CFG_WRITE_CHANNEL;
	f->offset = 0;
}

static uint32_t bytes_left(const struct fw_cfg *f)
{
	return f->key < FW_CFG_KEYS ? f->item[f->key].size - f->offset : 0;
}

/* What is behind the item's end reads as 0. */
static void copy_out(struct fw_cfg *f, uint8_t *to, uint32_t len)
{
	uint32_t n = bytes_left(f);

	if (n > len)
		n = len;
	if (n)
		memcpy(to, (const uint8_t *)f->item[f->key].data + f->offset, n);
	memset(to + n, 0, len - n);
	f->offset += n;
}

void fw_cfg_select(struct fw_cfg *f, uint16_t key)
{
	pthread_mutex_lock(&f->lock);
	select_key(f, key);
	pthread_mutex_unlock(&f->lock);
}

void fw_cfg_read(struct fw_cfg *f, uint8_t *data, unsigned int len)
{
	pthread_mutex_lock(&f->lock);
	copy_out(f, data, len);
	pthread_mutex_unlock(&f->lock);
}

uint32_t fw_cfg_dma_read(unsigned int half)
{
	return half ? (uint32_t)FW_CFG_DMA_SIGNATURE : FW_CFG_DMA_SIGNATURE >> 32;
}

void fw_cfg_dma_high(struct fw_cfg *f, uint32_t high)
{
	pthread_mutex_lock(&f->lock);
	f->dma_high = high;
	pthread_mutex_unlock(&f->lock);
}

/* Nothing can be written; a request with no operation only selects. */
static uint32_t dma_run(struct fw_cfg *f, uint32_t control, uint32_t len, uint64_t address)
{
	void *to;

	if (control & FW_CFG_DMA_CTL_SELECT)
		select_key(f, control >> 16);
	if (control & FW_CFG_DMA_CTL_READ) {
		to = len ? mem_at(f->mem, address, len) : NULL;
		if (len && !to)
			return FW_CFG_DMA_CTL_ERROR;
		if (len)
			copy_out(f, to, len);
	} else if (control & FW_CFG_DMA_CTL_WRITE) {
		return FW_CFG_DMA_CTL_ERROR;
	} else if (control & FW_CFG_DMA_CTL_SKIP) {
		f->offset += len < bytes_left(f) ? len : bytes_left(f);
	}
	return 0;
}

void fw_cfg_dma_low(struct fw_cfg *f, uint32_t low)
{
	struct fw_cfg_dma_access dma;
	uint32_t result;
	uint64_t gpa;

	pthread_mutex_lock(&f->lock);
	gpa = (uint64_t)f->dma_high << 32 | low;
	f->dma_high = 0;
	/* A request that is not in memory can get no answer. */
	if (mem_read(f->mem, gpa, &dma, sizeof(dma))) {
		result = htobe32(dma_run(f, be32toh(dma.control), be32toh(dma.length),
					 be64toh(dma.address)));
		mem_write(f->mem, gpa, &result, sizeof(result));
	}
	pthread_mutex_unlock(&f->lock);
}
