/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The console: what is typed goes to one device, what devices say goes to standard output.
 *
 * Input that the device has no room for stays here, and as long as there is such, nothing more
 * is read: a pipe is slowed down, and a terminal keeps what is typed. On a terminal, which is
 * put into raw mode for the time of the run, Ctrl-A is a prefix for commands to us.
 */
#ifndef CONSOLE_H
#define CONSOLE_H

#include <stddef.h>
#include <stdint.h>

/* How many of @n bytes the device has taken. */
typedef size_t (*console_sink)(void *dev, const uint8_t *data, size_t n);

/* In the main thread, before the VM runs. */
void console_start(console_sink sink, void *dev);

/* The device has room again. From any thread, also with the device's lock held. */
void console_room(void);

/* From any thread; returns when all is written, or never will be. */
void console_write(const uint8_t *data, size_t n);

/* As the terminal was before; more than once does no harm. */
void console_restore(void);

#endif
