// SPDX-License-Identifier: GPL-2.0-only
/* Indirect data addresses: see ida.h. */
#include <endian.h>
#include "s390/ida.h"

#define LIMIT_31	0x80000000U

static bool read_word(const struct guest_mem *mem, const struct ida *ida, uint64_t at,
		      uint64_t *word)
{
	uint64_t wide;
	uint32_t narrow;

	if (ida->wide) {
		if ((at & 7) || !mem_read(mem, at, &wide, sizeof(wide)))
			return false;
		*word = be64toh(wide);
		return true;
	}
	if ((at & 3) || !mem_read(mem, at, &narrow, sizeof(narrow)))
		return false;
	*word = be32toh(narrow);
	return *word < LIMIT_31;
}

/* Each block's part: where it is, how long, and which bytes of the data it is. */
typedef bool (*part_fn)(const struct guest_mem *mem, uint64_t at, unsigned int n, uint8_t *data);

static bool each_part(const struct guest_mem *mem, const struct ida *ida, uint64_t list,
		      uint8_t *data, unsigned int count, part_fn fn)
{
	unsigned int done, n;
	uint64_t at;

	for (done = 0; done < count; done += n, list += ida->wide ? 8 : 4) {
		if (!read_word(mem, ida, list, &at) || (done && at % ida->block))
			return false;
		n = ida->block - at % ida->block;
		if (n > count - done)
			n = count - done;
		if (!fn(mem, at, n, data + done))
			return false;
	}
	return true;
}

static bool part_read(const struct guest_mem *mem, uint64_t at, unsigned int n, uint8_t *data)
{
	return mem_read(mem, at, data, n);
}

static bool part_write(const struct guest_mem *mem, uint64_t at, unsigned int n, uint8_t *data)
{
	return mem_write(mem, at, data, n);
}

bool ida_read(const struct guest_mem *mem, const struct ida *ida, uint32_t list, uint8_t *to,
	      unsigned int count)
{
	return each_part(mem, ida, list, to, count, part_read);
}

bool ida_write(const struct guest_mem *mem, const struct ida *ida, uint32_t list,
	       const uint8_t *from, unsigned int count)
{
	return each_part(mem, ida, list, (uint8_t *)from, count, part_write);
}
