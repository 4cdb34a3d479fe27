/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A serial port, as a 16550A has it: registers, both FIFOs, the interrupt line.
 *
 * Sending takes no time. What is typed is taken only while the driver has its receive interrupt
 * on: a driver that starts empties the FIFO, and words typed ahead would be lost with it.
 */
#ifndef SERIAL_H
#define SERIAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SERIAL_FIFO	16
#define SERIAL_PORTS	8	/* addresses it takes */

struct serial {
	/* Set by the owner; called with the lock held. */
	void		(*set_irq)(void *ctx, bool level);
	void		(*send)(const uint8_t *data, size_t n);
	void		(*room)(void);		/* there is room for input again */
	void		*ctx;

	pthread_mutex_t	lock;			/* guards all below */
	uint8_t		ier, fcr, lcr, mcr, scratch, dll, dlm;
	bool		thr_empty_event;	/* not yet seen by the driver */
	bool		overrun;
	bool		irq;
	uint8_t		fifo[SERIAL_FIFO];
	unsigned int	n_fifo;
};

void serial_init(struct serial *s);

/* A bus_fn (bus.h): a register for each address. */
void serial_access(void *dev, uint64_t offset, uint8_t *data, unsigned int len, bool write);

/* A console_sink (console.h). */
size_t serial_input(void *dev, const uint8_t *data, size_t n);

#endif
