// SPDX-License-Identifier: GPL-2.0-only
/* The main thread's loop: see loop.h. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include "loop.h"
#include "vmm.h"

#define MAX_WATCHES	32

static struct watch {
	void	(*ready)(void *arg);
	void	*arg;
} watches[MAX_WATCHES];
static struct pollfd polls[MAX_WATCHES];
static unsigned int count;
static int wake_fd;

int event_new(void)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	if (fd < 0)
		die(VM_SETUP, "no eventfd: %s", strerror(errno));
	return fd;
}

void event_signal(int fd)
{
	const uint64_t one = 1;
	/* It fails only when 2^64 - 2 signals wait already, which is as good. */
	ssize_t n = write(fd, &one, sizeof(one));

	(void)n;
}

void event_clear(int fd)
{
	uint64_t value;
	ssize_t n = read(fd, &value, sizeof(value));

	(void)n;
}

static void woken(void *arg)
{
	event_clear(wake_fd);
}

void loop_init(void)
{
	wake_fd = event_new();
	loop_add(wake_fd, woken, NULL);
}

void loop_wake(void)
{
	event_signal(wake_fd);
}

void loop_add(int fd, void (*ready)(void *arg), void *arg)
{
	if (count == MAX_WATCHES)
		die(VM_SETUP, "more than %d file descriptors to watch", MAX_WATCHES);
	watches[count] = (struct watch){ ready, arg };
	polls[count++] = (struct pollfd){ .fd = fd, .events = POLLIN };
}

void loop_remove(int fd)
{
	unsigned int i;

	for (i = 0; i < count && polls[i].fd != fd; i++)
		;
	if (i == count)
		return;
	count--;
	polls[i] = polls[count];
	watches[i] = watches[count];
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* One at a time, and then from the beginning: a function may add and remove descriptors. */
static void serve(void)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		if (!polls[i].revents)
			continue;
		polls[i].revents = 0;
		watches[i].ready(watches[i].arg);
		i = -1;
	}
}

bool loop_run(bool (*ended)(void *arg), void *arg, unsigned int seconds)
{
	const int64_t limit = now_ms() + seconds * 1000LL;
	int wait = -1;

	while (!ended(arg)) {
		if (seconds) {
			int64_t left = limit - now_ms();

			if (left <= 0)
				return false;
			wait = left < 60000 ? left : 60000;
		}
		if (poll(polls, count, wait) > 0)
			serve();
	}
	return true;
}
