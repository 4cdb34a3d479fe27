// SPDX-License-Identifier: GPL-2.0-only
/*
 * Failures by order; see fail_nth.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fail_nth.h"
#include "harness.h"

static int nth_file = -1;

void fail_nth_open(void)
{
	nth_file = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (nth_file < 0)
		skip("the kernel has no fault injection");
}

void fail_nth_arm(unsigned int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);

	/* The file's own copying may be what fails. */
	while (pwrite(nth_file, text, len, 0) != len)
		;
}

int fail_nth_disarm(void)
{
	char text[16] = "";
	ssize_t len = pread(nth_file, text, sizeof(text) - 1, 0);

	fail_nth_arm(0);
	return len > 0 && atoi(text) == 0;
}

int is_made_failure(int err)
{
	return err == ENOMEM || err == EFAULT;
}
