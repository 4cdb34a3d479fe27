/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /proc/thread-self/fail-nth: the Nth allocation, or copy from or to user space, that this thread
 * asks for fails. Only the debug machines' kernels have the file.
 */
#ifndef SELFTEST_FAIL_NTH_H
#define SELFTEST_FAIL_NTH_H

/* See that failures can be ordered (else the test is skipped). */
void fail_nth_open(void);
/* 0: no longer. */
void fail_nth_arm(unsigned int n);
/* Stop ordering them; 1 when the failure has come about. */
int fail_nth_disarm(void);
/* May a call end with this errno for want of memory, or because a copy failed? */
int is_made_failure(int err);

#endif
