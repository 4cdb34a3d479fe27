/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Loading and unloading the modules under test, and what of them is to be seen in the machine.
 *
 * The machine has been told to load none (--no-modules). The modules lie in its directory, in the
 * order of loading: what ours need of the kernel's, kvm, and last the backend.
 */
#ifndef SELFTEST_MODULES_H
#define SELFTEST_MODULES_H

#include <stddef.h>

#define MODULES_MOST	8

struct module {
	char name[64];		/* as the kernel has it: with _ for - */
	char args[256];
	int fd;			/* its file */
};

extern struct module modules[MODULES_MOST];
extern int modules_count;

/* Read the list; what a test before this one has left loaded is unloaded. */
void modules_read(void);
void module_open(struct module *m, const char *path, const char *args);
struct module *module_core(void);
struct module *module_backend(void);

/* -1 and errno, or 0; one call of the kernel's and nothing else. */
int module_load(const struct module *m);
int module_load_with(const struct module *m, const char *args);
int module_unload(const struct module *m);
/* The last close of a file of somebody who is gone may come a little later: tries for a while. */
void module_must_unload(const struct module *m);
int module_is_loaded(const struct module *m);

/* All before @m, then all that are loaded. */
void modules_load_before(const struct module *m);
void modules_unload_all(void);

/*
 * Names that modules can leave behind: of modules, devices, directories of debugfs and tracefs,
 * slab caches, states of CPU hotplug. The test fails where they are no longer the same.
 */
char *traces_now(void);
void traces_expect(const char *before, const char *when);

#endif
