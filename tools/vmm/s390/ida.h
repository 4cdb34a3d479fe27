/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Indirect data addresses (Principles of Operation, chapter 15): a command's data lie in blocks,
 * whose addresses are a list of words. The first may point into its block, each other has to be a
 * block's begin.
 */
#ifndef S390_IDA_H
#define S390_IDA_H

#include "memory.h"

/* As the ORB says: words of 4 bytes for blocks of 2 KiB, of 8 bytes for those or for 4 KiB. */
struct ida {
	bool		wide;
	unsigned int	block;
};

#define IDA_MOST	65535		/* bytes of one command's data */

/* All @count bytes; false when a word or what it names is not what it has to be. */
bool ida_read(const struct guest_mem *mem, const struct ida *ida, uint32_t list, uint8_t *to,
	      unsigned int count);
bool ida_write(const struct guest_mem *mem, const struct ida *ida, uint32_t list,
	       const uint8_t *from, unsigned int count);

#endif
