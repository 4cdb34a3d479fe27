/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The service-call logical processor: what the machine has, and its console.
 *
 * A guest puts a block (SCCB) into a page of its memory, names it and a command by the instruction
 * SERVICE CALL, and is told by an external interruption that the block has been answered. The
 * console is the ASCII one (event type 0x1a): its output is a command that writes events, its
 * input events that wait here until the guest reads them; the interruption's lowest bit says that
 * there are some. Lines of the operator's console (event type 0x02, EBCDIC) go to the same place.
 *
 * Input goes to one of the two, which alone the guest is told of as a source of it. The operator's
 * (event type 0x01) is lines: what is typed is kept until its line has ended, and a backspace takes
 * a byte of it back. A line that is too long goes in pieces with "^n" at their ends, by which Linux
 * knows that there is more; a control character ends a line in the same way, and is then a line of
 * its own: "^c".
 *
 * The block is read once, checked, answered in a copy of our own and written back: other CPUs of
 * the guest may write it meanwhile.
 */
#ifndef S390_SCLP_H
#define S390_SCLP_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "memory.h"

#define SCLP_INPUT	1024

struct sclp {
	const struct guest_mem	*mem;
	bool			operator;	/* the console that takes input */
	unsigned int		cpus;
	uint64_t		memory;		/* bytes */
	void			(*send)(const uint8_t *data, size_t n);
	void			(*room)(void);
	/* Input has come that the guest wants to hear of. Called without the lock. */
	void			(*attention)(void *ctx);
	void			*ctx;

	pthread_mutex_t		lock;		/* guards what follows */
	uint64_t		guest_receives;	/* event types, the leftmost bit is type 1 */
	uint8_t			input[SCLP_INPUT];
	size_t			n_input;
};

void sclp_init(struct sclp *s);

/*
 * Serve a command; @sccb is an absolute address. Returns 0, or the code of the program interruption
 * that the instruction ends with.
 */
unsigned int sclp_service(struct sclp *s, uint32_t command, uint64_t sccb);

/* Events wait that the guest wants: what the interruption says. */
bool sclp_pending(struct sclp *s);

/* A console_sink. */
size_t sclp_input(void *dev, const uint8_t *data, size_t n);

#endif
