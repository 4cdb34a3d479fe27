// SPDX-License-Identifier: GPL-2.0-only
/* Buses: see bus.h. */
#include <errno.h>
#include <string.h>
#include "bus.h"

int bus_add(struct bus *bus, uint64_t base, uint64_t len, bus_fn fn, void *dev)
{
	unsigned int i;

	if (!len || base + len < base)
		return -EINVAL;
	for (i = 0; i < bus->n; i++)
		if (base < bus->range[i].base + bus->range[i].len &&
		    bus->range[i].base < base + len)
			return -EEXIST;
	if (bus->n == MAX_BUS_RANGES)
		return -ENOSPC;
	bus->range[bus->n++] = (struct bus_range){ base, len, fn, dev };
	return 0;
}

bool bus_access(const struct bus *bus, uint64_t addr, uint8_t *data, unsigned int len, bool write)
{
	unsigned int i;

	for (i = 0; i < bus->n; i++) {
		const struct bus_range *r = &bus->range[i];

		if (addr < r->base || addr - r->base >= r->len || len > r->len - (addr - r->base))
			continue;
		r->fn(r->dev, addr - r->base, data, len, write);
		return true;
	}
	if (!write)
		memset(data, 0xff, len);
	return false;
}

uint64_t bus_get(const uint8_t *data, unsigned int len)
{
	uint64_t value = 0;

	while (len--)
		value = value << 8 | data[len];
	return value;
}

void bus_put(uint8_t *data, unsigned int len, uint64_t value)
{
	unsigned int i;

	for (i = 0; i < len; i++, value >>= 8)
		data[i] = value;
}
