/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bytes put one after another, for tables. One that is full takes nothing more and remembers it;
 * the owner looks once, at the end.
 */
#ifndef BLOB_H
#define BLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct blob {
	uint8_t	*data;
	size_t	size, n;
	bool	full;
};

static inline void blob_put(struct blob *b, const void *data, size_t n)
{
	if (b->full || n > b->size - b->n) {
		b->full = true;
		return;
	}
	memcpy(b->data + b->n, data, n);
	b->n += n;
}

/* Little-endian, @bytes wide. */
static inline void blob_number(struct blob *b, unsigned int bytes, uint64_t value)
{
	for (; bytes; bytes--, value >>= 8)
		blob_put(b, &(uint8_t){ value }, 1);
}

static inline void blob_8(struct blob *b, uint8_t value)
{
	blob_number(b, 1, value);
}

static inline void blob_16(struct blob *b, uint16_t value)
{
	blob_number(b, 2, value);
}

static inline void blob_32(struct blob *b, uint32_t value)
{
	blob_number(b, 4, value);
}

static inline void blob_64(struct blob *b, uint64_t value)
{
	blob_number(b, 8, value);
}

static inline void blob_zero(struct blob *b, size_t n)
{
	while (n--)
		blob_8(b, 0);
}

static inline void blob_align(struct blob *b, size_t align)
{
	while (b->n % align && !b->full)
		blob_8(b, 0);
}

/* Make all bytes from @from to @to (offsets) sum up to 0, by the one at @at. */
static inline void blob_checksum(struct blob *b, size_t from, size_t to, size_t at)
{
	uint8_t sum = 0;

	if (b->full)
		return;
	for (b->data[at] = 0; from < to; from++)
		sum += b->data[from];
	b->data[at] = -sum;
}

#endif
