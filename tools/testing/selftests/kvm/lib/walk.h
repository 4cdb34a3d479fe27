/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every allocation and every copy from or to user space fails once.
 *
 * /proc/thread-self/fail-nth makes the Nth that this thread asks for fail. A walk makes its call
 * with N = 1, 2, 3 ... until it ends before its Nth: then all of them have failed once. A call that
 * met a failure either gets over it or says so, by -ENOMEM for memory and -EFAULT for a copy, and
 * then has changed nothing; and the same call again, undisturbed, succeeds. That nothing is lost is
 * for the machine to find.
 */
#ifndef SELFTEST_WALK_H
#define SELFTEST_WALK_H

#include "fail_nth.h"
#include "vm.h"

#define WALK_SECONDS	600

/* What the calls work on. A test is a process: what else it needs is in its own static variables. */
struct scene {
	struct vm *vm;
	struct vcpu *vcpu;		/* the first */
	int sys;			/* /dev/kvm */
	long made;			/* what the call that succeeded has returned */
};

struct walk {
	unsigned int options;		/* of the VM (vm.h) */
	void (*guest)(void);		/* NULL: none will run */
	void (*prepare)(struct scene *s);
	/* The call: < 0 and errno, or its result. */
	long (*call)(struct scene *s);
	/* After a failure: what the call was to change is as it was. */
	void (*failed)(struct scene *s);
	/*
	 * After success: what the call was to change has changed; and is taken back, so that the
	 * next call finds what this one found.
	 */
	void (*done)(struct scene *s);
	int cannot_fail;		/* whatever fails on its way */
};

void walk(const struct walk *w);

/* One call, one test: the fields of struct walk but the call, and then the call's body. */
#define WALK(name, ...)								\
	static long call_##name(struct scene *s);				\
	TEST_LIMIT(name, WALK_SECONDS)						\
	{									\
		walk(&(struct walk) { .call = call_##name, __VA_ARGS__ });	\
	}									\
	static long call_##name(struct scene *s __attribute__((unused)))

#endif
