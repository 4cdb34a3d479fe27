// SPDX-License-Identifier: GPL-2.0-only
/* The console: see console.h. Only the main thread touches what is static here, but for room_fd. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
#include "console.h"
#include "loop.h"
#include "vmm.h"

#define PREFIX	1	/* Ctrl-A */

static console_sink sink;
static void *sink_dev;
static int room_fd = -1;
static uint8_t held[1024];
static size_t n_held;
static bool reading;		/* standard input is watched */
static bool at_end;		/* it has ended */
static bool prefixed;		/* the last key was the prefix */
static bool raw;
static struct termios before;

static void input_ready(void *arg);

static void watch_input(bool on)
{
	if (on == reading)
		return;
	reading = on;
	if (on)
		loop_add(STDIN_FILENO, input_ready, NULL);
	else
		loop_remove(STDIN_FILENO);
}

static void hand_on(void)
{
	size_t taken = n_held ? sink(sink_dev, held, n_held) : 0;

	n_held -= taken;
	memmove(held, held + taken, n_held);
	watch_input(!at_end && !n_held);
}

static void room_ready(void *arg)
{
	event_clear(room_fd);
	hand_on();
}

/* A key on a terminal; those for us do not reach the guest. */
static bool for_us(uint8_t key)
{
	if (!prefixed) {
		prefixed = key == PREFIX;
		return prefixed;
	}
	prefixed = false;
	if (key == 'x')
		vm_end(&vmm, VM_STOPPED, "ended from the keyboard");
	return key != PREFIX;
}

static void input_ready(void *arg)
{
	ssize_t n = read(STDIN_FILENO, held, sizeof(held));
	ssize_t i;

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		at_end = true;
		watch_input(false);
		return;
	}
	n_held = 0;
	for (i = 0; i < n; i++)
		if (!raw || !for_us(held[i]))
			held[n_held++] = held[i];
	hand_on();
}

static void make_raw(void)
{
	struct termios t;

	if (tcgetattr(STDIN_FILENO, &before))
		return;
	t = before;
	cfmakeraw(&t);
	/* Our own lines still want their carriage return. */
	t.c_oflag = before.c_oflag;
	raw = !tcsetattr(STDIN_FILENO, TCSANOW, &t);
	atexit(console_restore);
}

void console_start(console_sink to, void *dev)
{
	sink = to;
	sink_dev = dev;
	room_fd = event_new();
	loop_add(room_fd, room_ready, NULL);
	make_raw();
	watch_input(true);
}

void console_room(void)
{
	if (room_fd >= 0)
		event_signal(room_fd);
}

void console_restore(void)
{
	if (raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &before);
	raw = false;
}

/*
 * Standard output may be set not to block, by whoever shares it with us. What nobody reads must not
 * keep the VM from its end: the end interrupts the threads.
 */
static bool wait_for_output(void)
{
	struct pollfd out = { .fd = STDOUT_FILENO, .events = POLLOUT };

	if (errno == EAGAIN && poll(&out, 1, -1) >= 0)
		return true;
	return errno == EINTR && !stopping();
}

void console_write(const uint8_t *data, size_t n)
{
	while (n) {
		ssize_t done = write(STDOUT_FILENO, data, n);

		if (done > 0) {
			data += done;
			n -= done;
		} else if (!wait_for_output()) {
			return;
		}
	}
}
