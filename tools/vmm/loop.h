/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The main thread's loop: file descriptors, and what to do when one can be read.
 *
 * All calls are made by the main thread, but for loop_wake(), which any thread may call.
 */
#ifndef LOOP_H
#define LOOP_H

#include <stdbool.h>

void loop_init(void);
void loop_add(int fd, void (*ready)(void *arg), void *arg);
void loop_remove(int fd);

/* Make loop_run() look at its condition again; safe in a signal handler. */
void loop_wake(void);

/* Serve what is ready until @ended says so; false when @seconds (0: no limit) are over before. */
bool loop_run(bool (*ended)(void *arg), void *arg, unsigned int seconds);

/* An eventfd, which never blocks; dies when there is none. */
int event_new(void);
void event_signal(int fd);
void event_clear(int fd);

#endif
