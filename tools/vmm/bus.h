/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A bus: ranges of addresses (or ports), each with the device that answers there.
 *
 * It is filled before the guest runs and then only read, so there is no lock; a device guards
 * its own state, since several vCPUs can be in it at once.
 */
#ifndef BUS_H
#define BUS_H

#include <stdbool.h>
#include <stdint.h>

/* @offset from the range's beginning; @len is 1 to 8, all of it inside the range. */
typedef void (*bus_fn)(void *dev, uint64_t offset, uint8_t *data, unsigned int len, bool write);

#define MAX_BUS_RANGES	32

struct bus {
	unsigned int	n;
	struct bus_range {
		uint64_t	base, len;
		bus_fn		fn;
		void		*dev;
	} range[MAX_BUS_RANGES];
};

/* 0; -EINVAL when empty or wrapping, -EEXIST for an overlap, -ENOSPC. */
int bus_add(struct bus *bus, uint64_t base, uint64_t len, bus_fn fn, void *dev);

/* Where nobody answers, reads give ones and writes go nowhere; then false. */
bool bus_access(const struct bus *bus, uint64_t addr, uint8_t *data, unsigned int len, bool write);

/* Little-endian values in an access. */
uint64_t bus_get(const uint8_t *data, unsigned int len);
void bus_put(uint8_t *data, unsigned int len, uint64_t value);

#endif
