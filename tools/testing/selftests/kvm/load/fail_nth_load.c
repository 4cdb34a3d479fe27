// SPDX-License-Identifier: GPL-2.0-only
/*
 * Each of our modules is loaded with its first, second, third ... allocation or user copy failing,
 * until the load ends before its failure comes; and unloaded in the same way.
 *
 * A load that fails says that memory failed, or a copy, and leaves nothing that can be seen; the
 * same load succeeds when it is done again. One that gets over its failure gives a /dev/kvm as
 * ever. An unload that fails has not begun; all others leave nothing. What cannot be seen, such as
 * memory, is for the machine to find.
 *
 * Most of the places are the kernel's, above all for the events of tracepoints, without which a
 * module loads as well; and a load takes up to a second in an emulated machine. So of a long row of
 * places that the load gets over every LOAD_STRIDE'th is tried (13; 1: all are); before one that
 * makes the load fail none is left out.
 *
 * On a machine that cannot run guests the backend's load never succeeds: then the walk ends with
 * the first that says so.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "fail_nth.h"
#include "harness.h"
#include "modules.h"

#define MOST	5000
#define STRIDE	"13"
#define LONG	6		/* a row of places */

enum outcome { END, FAILED, GOT_OVER };

typedef enum outcome (*step_fn)(const struct module *m, int refused, unsigned int n);

static char *before;		/* what there was to be seen before the first load */

/* Called with @m loaded: with the backend come VMs, with the core none. */
static void works(const struct module *m)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (m != module_backend()) {
		expect(kvm < 0);
		return;
	}
	must(kvm);
	expect_eq(ioctl(kvm, KVM_GET_API_VERSION, 0), KVM_API_VERSION);
	close(must(ioctl(kvm, KVM_CREATE_VM, 0)));
	close(kvm);
}

static void expect_nothing_left(const struct module *m, unsigned int n, const char *what)
{
	char when[64];

	snprintf(when, sizeof(when), "after %s %u", what, n);
	traces_expect(before, when);
	if (module_is_loaded(m))
		fail("%s stays %s", m->name, when);
}

/* The load with its @n'th request failing. */
static enum outcome load_step(const struct module *m, int refused, unsigned int n)
{
	int hit, err, r;

	fail_nth_arm(n);
	r = module_load(m);
	err = errno;
	hit = fail_nth_disarm();
	if (r < 0) {
		if (err != refused && (!hit || !is_made_failure(err)))
			fail("%s, failure %u%s: %s", m->name, n, hit ? "" : " did not come",
			     strerror(err));
		expect_nothing_left(m, n, "failed load");
		if (refused)
			return !hit ? END : err == refused ? GOT_OVER : FAILED;
		must(module_load(m));
	}
	expect(!refused);
	works(m);
	module_must_unload(m);
	expect_nothing_left(m, n, "load");
	return r < 0 ? FAILED : hit ? GOT_OVER : END;
}

static enum outcome unload_step(const struct module *m, int refused __attribute__((unused)),
				unsigned int n)
{
	int hit, err, r;

	must(module_load(m));
	fail_nth_arm(n);
	r = module_unload(m);
	err = errno;
	hit = fail_nth_disarm();
	if (r < 0) {
		if (!hit || !is_made_failure(err))
			fail("unload of %s, failure %u%s: %s", m->name, n,
			     hit ? "" : " did not come", strerror(err));
		works(m);
		module_must_unload(m);
	}
	expect_nothing_left(m, n, "unload");
	return r < 0 ? FAILED : hit ? GOT_OVER : END;
}

/* Gives how many of the places made the call fail. */
static unsigned int walk_steps(const char *what, step_fn step, const struct module *m, int refused)
{
	unsigned int stride = atoi(getenv("LOAD_STRIDE") ?: STRIDE);
	unsigned int n = 1, last = 0, back = 0, row = 0, tried = 0, failures = 0;
	enum outcome outcome;

	for (;;) {
		expect_le(n, MOST);
		outcome = step(m, refused, n);
		tried++;
		if (outcome != GOT_OVER && n > last + 1) {
			back = n;		/* up to here one by one */
			n = last + 1;
			continue;
		}
		if (outcome == END)
			break;
		last = n;
		failures += outcome == FAILED;
		row = outcome == FAILED ? 0 : row + 1;
		n += row > LONG && n > back ? stride : 1;
	}
	note("%s of %s: %u could fail, %u tried, %u of them made it fail", what, m->name, n - 1,
	     tried, failures);
	return failures;
}

/* What the load ends with in the best of cases: 0, or what says that the machine runs no guests. */
static int refusal(const struct module *m)
{
	if (!module_load(m)) {
		works(m);
		module_must_unload(m);
		return 0;
	}
	expect_eq(errno, ENODEV);
	return ENODEV;
}

static void walk_module(struct module *m)
{
	int refused;

	fail_nth_open();
	modules_load_before(m);
	before = traces_now();
	refused = refusal(m);
	traces_expect(before, "the first time");
	expect_ge(walk_steps("load", load_step, m, refused), 10);
	if (!refused)
		walk_steps("unload", unload_step, m, 0);
	modules_unload_all();
}

TEST_LIMIT(core, 1200)
{
	modules_read();
	walk_module(module_core());
}

TEST_LIMIT(backend, 1200)
{
	modules_read();
	if (module_backend() == module_core())
		skip("the backend is in kvm itself");
	walk_module(module_backend());
}
