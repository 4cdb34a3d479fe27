/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The firmware configuration device of QEMU: numbered items, named files, read by port or by DMA.
 * Its specification is QEMU's docs/specs/fw_cfg; numbers are in <linux/qemu_fw_cfg.h>.
 *
 * The machine decides where its registers are, and calls one function for each. Items are
 * referred to, not copied: what the owner adds must stay. All of it is read-only for the guest.
 */
#ifndef FW_CFG_H
#define FW_CFG_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include "memory.h"

#define FW_CFG_MAX_FILES	16
#define FW_CFG_KEYS		(0x20 + FW_CFG_MAX_FILES)	/* numbered items, then files */

struct fw_cfg {
	const struct guest_mem	*mem;
	struct {
		const void	*data;
		uint32_t	size;
	} item[FW_CFG_KEYS];
	unsigned int		n_files;
	uint8_t			directory[4 + 64 * FW_CFG_MAX_FILES];
	uint8_t			numbers[FW_CFG_KEYS][4];	/* what fw_cfg_add_number() adds */

	pthread_mutex_t		lock;	/* guards all below */
	uint16_t		key;
	uint32_t		offset;	/* never beyond the item's end */
	uint32_t		dma_high;
};

void fw_cfg_init(struct fw_cfg *f, const struct guest_mem *mem);

/* 0; -EINVAL for a key or a name that cannot be, -EEXIST, -ENOSPC. Before the guest runs. */
int fw_cfg_add(struct fw_cfg *f, unsigned int key, const void *data, uint32_t size);
int fw_cfg_add_number(struct fw_cfg *f, unsigned int key, uint32_t value, unsigned int bytes);
int fw_cfg_add_file(struct fw_cfg *f, const char *name, const void *data, uint32_t size);

/* The registers, in the processor's byte order; the machine has swapped where its bus does. */
void fw_cfg_select(struct fw_cfg *f, uint16_t key);
void fw_cfg_read(struct fw_cfg *f, uint8_t *data, unsigned int len);
uint32_t fw_cfg_dma_read(unsigned int half);
void fw_cfg_dma_high(struct fw_cfg *f, uint32_t high);
void fw_cfg_dma_low(struct fw_cfg *f, uint32_t low);

#endif
