// SPDX-License-Identifier: GPL-2.0-only
/*
 * The modules under test; see modules.h.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness.h"
#include "modules.h"

struct module modules[MODULES_MOST];
int modules_count;

void module_open(struct module *m, const char *path, const char *args)
{
	const char *file = strrchr(path, '/') + 1;
	char *c;

	m->fd = must(open(path, O_RDONLY | O_CLOEXEC));
	snprintf(m->args, sizeof(m->args), "%s", args);
	snprintf(m->name, sizeof(m->name), "%.*s", (int)strcspn(file, "."), file);
	for (c = m->name; *c; c++)
		*c = *c == '-' ? '_' : *c;
}

void modules_read(void)
{
	const char *dir = getenv("MACHINE_FILES");
	char path[512], line[512], file[128], args[256];
	FILE *list;

	snprintf(path, sizeof(path), "%s/modules/list", dir ? dir : "");
	list = fopen(path, "r");
	if (!list)
		skip("no modules to load in MACHINE_FILES");
	while (modules_count < MODULES_MOST && fgets(line, sizeof(line), list)) {
		args[0] = 0;
		if (sscanf(line, "%127s %255[^\n]", file, args) < 1)
			continue;
		snprintf(path, sizeof(path), "%s/modules/%s", dir, file);
		module_open(&modules[modules_count++], path, args);
	}
	fclose(list);
	expect_ge(modules_count, 1);
	modules_unload_all();
}

struct module *module_core(void)
{
	int i;

	for (i = 0; i < modules_count - 1; i++) {
		if (!strcmp(modules[i].name, "kvm"))
			break;
	}
	return &modules[i];
}

struct module *module_backend(void)
{
	return &modules[modules_count - 1];
}

int module_load_with(const struct module *m, const char *args)
{
	return syscall(SYS_finit_module, m->fd, args, 0);
}

int module_load(const struct module *m)
{
	return module_load_with(m, m->args);
}

int module_unload(const struct module *m)
{
	return syscall(SYS_delete_module, m->name, O_NONBLOCK);
}

void module_must_unload(const struct module *m)
{
	int tries;

	for (tries = 0; module_unload(m) < 0; tries++) {
		if (errno != EAGAIN || tries == 50)
			fail("%s does not unload: %s", m->name, strerror(errno));
		usleep(100000);
	}
}

int module_is_loaded(const struct module *m)
{
	char *path;
	int r;

	must(asprintf(&path, "/sys/module/%s/initstate", m->name));
	r = access(path, F_OK);
	free(path);
	return !r;
}

void modules_load_before(const struct module *m)
{
	const struct module *each;

	for (each = modules; each < m; each++)
		must(module_load(each));
}

void modules_unload_all(void)
{
	int i;

	for (i = modules_count - 1; i >= 0; i--) {
		if (module_is_loaded(&modules[i]))
			module_must_unload(&modules[i]);
	}
}

static int no_dots(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static void put_directory(FILE *to, const char *path)
{
	struct dirent **names;
	int i, n = scandir(path, &names, no_dots, alphasort);

	for (i = 0; i < n; i++) {
		fprintf(to, "%s/%s\n", path, names[i]->d_name);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
}

static void put_lines(FILE *to, const char *path, const char *format)
{
	char line[512], word[128];
	FILE *from = fopen(path, "r");

	while (from && fgets(line, sizeof(line), from)) {
		if (sscanf(line, format, word) == 1)
			fprintf(to, "%s: %s\n", path, word);
	}
	if (from)
		fclose(from);
}

char *traces_now(void)
{
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	put_lines(to, "/proc/modules", "%127s");
	put_lines(to, "/proc/misc", "%*d %127s");
	put_lines(to, "/proc/slabinfo", "%127s");
	put_lines(to, "/sys/devices/system/cpu/hotplug/states", "%127[^\n]");
	put_directory(to, "/sys/class/misc");
	put_directory(to, "/sys/devices/virtual/misc");
	put_directory(to, "/sys/kernel/debug");
	put_directory(to, "/sys/kernel/tracing/events");
	fprintf(to, "/dev/kvm: %d\n", access("/dev/kvm", F_OK));
	fclose(to);
	return text;
}

/* The first line that one has and the other has not. */
void traces_expect(const char *before, const char *when)
{
	char *now = traces_now();
	const char *a = before, *b = now;

	while (*a && *a == *b) {
		a++;
		b++;
	}
	if (*a != *b) {
		while (a > before && a[-1] != '\n') {
			a--;
			b--;
		}
		fail("%s: \"%.*s\" where \"%.*s\" was", when, (int)strcspn(b, "\n"), b,
		     (int)strcspn(a, "\n"), a);
	}
	free(now);
}
