// SPDX-License-Identifier: GPL-2.0-only
/*
 * One fault of each kind that the debug machine's checkers look for.
 *
 * A test bench that finds nothing may have nothing to find, or may not be looking. This module, which
 * only a test of the bench loads, does on loading what its parameter names, and every report must be
 * seen outside the machine.
 */
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/timer.h>

static char *what = "";
module_param(what, charp, 0444);

/* Values that the compiler cannot know. */
static int shift_by = 40, index_of = 9, zero;
module_param(shift_by, int, 0444);
module_param(index_of, int, 0444);
module_param(zero, int, 0444);

/* KASAN: a byte behind an object, and an object that is gone. */
static void out_of_bounds(void)
{
	char *p = kmalloc(24, GFP_KERNEL);

	if (!p)
		return;
	OPTIMIZER_HIDE_VAR(p);
	p[24] = 1;
	kfree(p);
}

static void use_after_free(void)
{
	char *p = kmalloc(24, GFP_KERNEL);

	if (!p)
		return;
	kfree(p);
	OPTIMIZER_HIDE_VAR(p);
	WRITE_ONCE(p[0], 1);
}

static void ubsan_shift(void)
{
	pr_info("faulty: %d\n", 1 << shift_by);
}

static void ubsan_bounds(void)
{
	static int a[8];

	a[index_of] = zero;
}

/* kmemleak: nobody keeps the address. */
static void leak(void)
{
	int i;

	/* The last one's address may be left somewhere on a stack. */
	for (i = 0; i < 16; i++) {
		char *p = kmalloc(200, GFP_KERNEL);

		OPTIMIZER_HIDE_VAR(p);
	}
}

/* Debug objects: a timer that is freed while it runs. */
static void expired(struct timer_list *t)
{
}

static void free_active(void)
{
	struct timer_list *t = kzalloc(sizeof(*t), GFP_KERNEL);

	if (!t)
		return;
	timer_setup(t, expired, 0);
	mod_timer(t, jiffies + 1000 * HZ);
	kfree(t);
}

static void sleep_in_atomic(void)
{
	static DEFINE_SPINLOCK(lock);

	spin_lock(&lock);
	might_sleep();
	spin_unlock(&lock);
}

static int __rcu *shared;

static void rcu_unprotected(void)
{
	pr_info("faulty: %p\n", rcu_dereference(shared));
}

static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);

static void lock_order(void)
{
	mutex_lock(&first);
	mutex_lock(&second);
	mutex_unlock(&second);
	mutex_unlock(&first);
	mutex_lock(&second);
	mutex_lock(&first);
	mutex_unlock(&first);
	mutex_unlock(&second);
}

static void warning(void)
{
	WARN_ON(!zero);
}

static const struct {
	const char	*name;
	void		(*commit)(void);
} faults[] = {
	{ "out-of-bounds",	out_of_bounds },
	{ "use-after-free",	use_after_free },
	{ "ubsan-shift",	ubsan_shift },
	{ "ubsan-bounds",	ubsan_bounds },
	{ "leak",		leak },
	{ "free-active",	free_active },
	{ "sleep-in-atomic",	sleep_in_atomic },
	{ "rcu",		rcu_unprotected },
	{ "warning",		warning },
	{ "lock-order",		lock_order },
};

static int __init faulty_init(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(faults); i++) {
		if (!strcmp(faults[i].name, what)) {
			faults[i].commit();
			return 0;
		}
	}
	return -EINVAL;
}
module_init(faulty_init);

static void __exit faulty_exit(void)
{
}
module_exit(faulty_exit);

MODULE_DESCRIPTION("Faults for the checkers of the debug machine to find");
MODULE_LICENSE("GPL");
