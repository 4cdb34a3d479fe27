// SPDX-License-Identifier: GPL-2.0-only
/*
 * Walking through failures; see walk.h.
 */
#include "walk.h"

#define MOST	3000		/* no call asks that often */

static void nothing(void)
{
}

static void scene_open(struct scene *s, const struct walk *w)
{
	fail_nth_open();
	*s = (struct scene) { .sys = kvm_open() };
	s->vm = vm_start_with(w->options, w->guest ? w->guest : nothing);
	s->vcpu = &s->vm->vcpu[0];
	if (w->prepare)
		w->prepare(s);
}

/* The call with its @n'th request failing, and once more if that made it fail; gives @hit. */
static int step(struct scene *s, const struct walk *w, unsigned int n, unsigned int *failures)
{
	int hit, err;
	long r;

	errno = 0;
	fail_nth_arm(n);
	r = w->call(s);
	err = errno;
	hit = fail_nth_disarm();
	if (r < 0) {
		if (!hit || w->cannot_fail || !is_made_failure(err))
			fail("failure %u%s: %s", n, hit ? "" : " did not come", strerror(err));
		++*failures;
		if (w->failed)
			w->failed(s);
		r = w->call(s);
		if (r < 0)
			fail("again, after failure %u: %s", n, strerror(errno));
	}
	s->made = r;
	if (w->done)
		w->done(s);
	return hit;
}

/*
 * Undisturbed first: what the program itself touches for the first time would else take the failures
 * of one try, in page faults of its own, and not those of the next.
 */
static void warm_up(struct scene *s, const struct walk *w)
{
	s->made = must(w->call(s));
	if (w->done)
		w->done(s);
}

void walk(const struct walk *w)
{
	unsigned int n, failures = 0;
	struct scene s;

	scene_open(&s, w);
	warm_up(&s, w);
	for (n = 1; step(&s, w, n, &failures); n++) {
		if (n == MOST)
			fail("no end after %u", n);
	}
	note("%u could fail, %u of them made the call fail", n - 1, failures);
	vm_free(s.vm);
	close(s.sys);
}
