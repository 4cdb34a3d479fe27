// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loads and unloads that are refused, for other reasons than want of memory (fail_nth_load): each
 * with its errno, and none leaves or takes away anything.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness.h"
#include "modules.h"

/* Where the backend does not load, there is nothing to refuse but the backend. */
static void load_all(void)
{
	modules_read();
	modules_load_before(module_backend());
	if (module_load(module_backend()) < 0) {
		expect_eq(errno, ENODEV);
		skip("this machine runs no guests");
	}
}

static void expect_works(void)
{
	int kvm = must(open("/dev/kvm", O_RDWR | O_CLOEXEC));

	close(must(ioctl(kvm, KVM_CREATE_VM, 0)));
	close(kvm);
}

/* A module's file, to be read and changed. */
struct image {
	char *at;
	size_t size;
};

static struct image image_of(const struct module *m)
{
	struct image image;
	struct stat st;

	must(fstat(m->fd, &st));
	image.size = st.st_size;
	image.at = mmap(NULL, image.size, PROT_READ | PROT_WRITE, MAP_PRIVATE, m->fd, 0);
	expect(image.at != MAP_FAILED);
	return image;
}

/* Of its words, each ended by 0, the next behind @after (NULL: the first) that begins with @key. */
static char *next_word(const struct image *image, char *after, const char *key)
{
	size_t len = strlen(key);
	char *at = after ? after + 1 : image->at;

	for (;;) {
		at = memmem(at, image->at + image->size - at, key, len);
		if (!at || at == image->at || !at[-1])
			return at;
		at++;
	}
}

/* Of a numeric or logical parameter neither a word nor a number beyond all sizes is taken. */
static void wrong_values_of(const struct module *m, const char *name, const char *type)
{
	static const char * const values[] = { "maybe?", "99999999999999999999999" };
	char args[128], when[256];
	char *before = traces_now();
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(values); i++) {
		snprintf(args, sizeof(args), "%s=%s", name, values[i]);
		snprintf(when, sizeof(when), "%s %s (%s)", m->name, args, type);
		if (!module_load_with(m, args))
			fail("%s is taken", when);
		/* of the kernel's parsers some say ERANGE of what is too big */
		if (errno != EINVAL && !(i && errno == ERANGE))
			fail("%s: %s", when, strerror(errno));
		traces_expect(before, when);
	}
	free(before);
}

static unsigned int wrong_values_each(const struct module *m)
{
	struct image image = image_of(m);
	char name[64], type[16], *at = NULL;
	unsigned int n = 0;

	while ((at = next_word(&image, at, "parmtype="))) {
		expect_eq(sscanf(at, "parmtype=%63[^:]:%15s", name, type), 2);
		if (!strcmp(type, "charp"))
			continue;
		wrong_values_of(m, name, type);
		n++;
	}
	munmap(image.at, image.size);
	return n;
}

TEST(wrong_values)
{
	unsigned int n;

	modules_read();
	modules_load_before(module_core());
	n = wrong_values_each(module_core());
	if (module_backend() != module_core()) {
		must(module_load(module_core()));
		n += wrong_values_each(module_backend());
	}
	note("%u parameters", n);
	expect_ge(n, 3);
	modules_unload_all();
}

/* Values that are understood, and ask for what is not there. */
TEST(impossible_values)
{
	static const struct {
		const char	*module, *args;
	} rows[] = {
		{ "kvm_amd", "npt=0" },
	};
	struct module *m;
	char *before;
	unsigned int i;

	modules_read();
	m = module_backend();
	modules_load_before(m);
	before = traces_now();
	for (i = 0; i < ARRAY_SIZE(rows) && !distro_modules(); i++) {
		if (strcmp(rows[i].module, m->name))
			continue;
		expect_errno(module_load_with(m, rows[i].args), ENODEV);
		traces_expect(before, rows[i].args);
	}
	modules_unload_all();
}

TEST(loaded_twice)
{
	char *before;
	int i;

	load_all();
	before = traces_now();
	for (i = 0; i < modules_count; i++) {
		expect_errno(module_load(&modules[i]), EEXIST);
		traces_expect(before, modules[i].name);
	}
	expect_works();
	modules_unload_all();
}

/* Wherever the name stands, with its end, it gets another last letter. */
static void rename_image(struct image *image, const char *name)
{
	size_t len = strlen(name);
	char *end = image->at + image->size, *at = image->at;

	while ((at = memmem(at, end - at, name, len + 1)))
		at[len - 1] = 'Z';
}

/* The backend again, under another name: the core has one. */
TEST(second_backend)
{
	struct module *m;
	struct image image;
	char *before;

	load_all();
	m = module_backend();
	if (m == module_core() || distro_modules())
		skip("not how the distribution's modules say it");
	image = image_of(m);
	rename_image(&image, m->name);
	before = traces_now();
	expect_errno(syscall(SYS_init_module, image.at, image.size, ""), EBUSY);
	traces_expect(before, "a second backend");
	expect_works();
	modules_unload_all();
	expect_errno(open("/dev/kvm", O_RDWR), ENOENT);
}

/* Another backend, of hardware that this machine has not: alone, and beside the one that works. */
TEST(foreign_backend)
{
	struct module foreign;
	char *before, *path;

	modules_read();
	must(asprintf(&path, "%s/kvm-intel.ko", getenv("MACHINE_FILES")));
	if (access(path, R_OK))
		skip("no kvm-intel.ko in MACHINE_FILES");
	module_open(&foreign, path, "");
	modules_load_before(module_backend());
	if (distro_modules())
		skip("kvm-intel.ko is not of the distribution's kvm");
	before = traces_now();
	expect_errno(module_load(&foreign), ENODEV);
	traces_expect(before, "kvm_intel");

	must(module_load(module_backend()));
	before = traces_now();
	expect_errno(module_load(&foreign), EBUSY);
	traces_expect(before, "kvm_intel beside the other");
	expect_works();
	modules_unload_all();
}

static void expect_stays(const struct module *m, const char *before)
{
	expect_errno(module_unload(m), EAGAIN);
	traces_expect(before, m->name);
}

/* A backend stays while /dev/kvm, a VM or a vCPU is open; and the core while there is a backend. */
TEST(unloaded_in_use)
{
	int kvm, vm, vcpu, fds[3];
	char *before;
	unsigned int i;

	load_all();
	before = traces_now();
	if (module_core() != module_backend())
		expect_stays(module_core(), before);
	kvm = must(open("/dev/kvm", O_RDWR | O_CLOEXEC));
	vm = must(ioctl(kvm, KVM_CREATE_VM, 0));
	vcpu = must(ioctl(vm, KVM_CREATE_VCPU, 0));
	memcpy(fds, (int []) { kvm, vm, vcpu }, sizeof(fds));
	before = traces_now();		/* with what there is while there is a VM */
	for (i = 0; i < ARRAY_SIZE(fds); i++) {
		expect_stays(module_backend(), before);
		close(fds[i]);
	}
	modules_unload_all();
	expect_errno(open("/dev/kvm", O_RDWR), ENOENT);
}

/* Of a machine without SIE or SVM. */
TEST(no_hardware)
{
	char *before;

	modules_read();
	modules_load_before(module_backend());
	before = traces_now();
	if (!module_load(module_backend())) {
		modules_unload_all();
		skip("this machine runs guests");
	}
	expect_eq(errno, ENODEV);
	traces_expect(before, "the backend");
	expect_errno(open("/dev/kvm", O_RDWR), ENOENT);
	modules_unload_all();
}
