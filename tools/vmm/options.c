// SPDX-License-Identifier: GPL-2.0-only
/*
 * The command line, and the files it names.
 *
 * Everything that can be wrong with them is found here, before anything is started, and said in one
 * line that names the option.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "arch.h"
#include "util.h"

#define MAX_IMAGE	BIT_ULL(31)	/* the boot protocols count in 32 bits, some signed */

static struct options *options;

uint64_t parse_number(const char *name, const char *text, uint64_t min, uint64_t max)
{
	unsigned long long n;
	char *end;

	errno = 0;
	n = strtoull(text, &end, 10);
	/* strtoull() takes a sign and leading blanks. */
	if (*text < '0' || *text > '9' || *end || errno || n < min || n > max)
		die(VM_USAGE, "%s: '%s' is no number from %llu to %llu", name, text,
		    (unsigned long long)min, (unsigned long long)max);
	return n;
}

static void set_kernel(const char *value)
{
	options->kernel.path = value;
}

static void set_initrd(const char *value)
{
	options->initrd.path = value;
}

static void set_append(const char *value)
{
	options->append = value;
}

static void set_mem(const char *value)
{
	options->mem = parse_number("--mem", value, 16, 1 << 20) << 20;
}

static void set_cpus(const char *value)
{
	options->cpus = parse_number("--cpus", value, 1, MAX_CPUS);
}

static void set_timeout(const char *value)
{
	options->timeout = parse_number("--timeout", value, 1, 1000000);
}

static void set_disk(const char *value)
{
	if (options->n_disks == MAX_DISKS)
		die(VM_USAGE, "--disk: no more than %d", MAX_DISKS);
	options->disks[options->n_disks++] = value;
}

static void set_console(const char *value)
{
	options->virtio_console = !strcmp(value, "virtio");
	options->arch_console = arch_console && !strcmp(value, arch_console);
	if (!options->virtio_console && !options->arch_console && strcmp(value, "serial"))
		die(VM_USAGE, "--console: '%s' is none of serial, virtio%s%s", value,
		    arch_console ? ", " : "", arch_console ?: "");
}

static void set_stats(const char *value)
{
	options->stats = true;
}

static void print_rows(const struct arch_option *row)
{
	char name[40];

	for (; row->name; row++) {
		snprintf(name, sizeof(name), "%s %s", row->name, row->value ?: "");
		printf("  %-20s %s\n", name, row->help);
	}
}

static void set_help(const char *value);

static const struct arch_option common_options[] = {
	{ "--kernel",  "FILE",	"the kernel to boot",				set_kernel },
	{ "--initrd",  "FILE",	"its initial RAM disk",				set_initrd },
	{ "--append",  "WORDS",	"its command line",				set_append },
	{ "--mem",     "MIB",	"memory (256)",					set_mem },
	{ "--cpus",    "N",	"virtual CPUs (1)",				set_cpus },
	{ "--disk",    "FILE",	"a virtio disk; FILE,ro cannot be written",	set_disk },
	{ "--console", "KIND",	"where typed input goes: serial or virtio (serial)", set_console },
	{ "--timeout", "S",	"end the VM after S seconds",			set_timeout },
	{ "--stats",   NULL,	"at the end, counts of exits and times",	set_stats },
	{ "--help",    NULL,	"this list",					set_help },
	{ }
};

static void set_help(const char *value)
{
	printf("usage: vmm --kernel FILE [OPTION]...\n\n");
	print_rows(common_options);
	print_rows(arch_options);
	if (arch_console)
		printf("  --console %-10s typed input goes there, in lines\n", arch_console);
	printf("\nOn a terminal, Ctrl-A x ends the VM, and Ctrl-A twice types one Ctrl-A.\n");
	exit(VM_OK);
}

static const struct arch_option *find_option(const char *name)
{
	const struct arch_option *row;

	for (row = common_options; row->name; row++)
		if (!strcmp(row->name, name))
			return row;
	for (row = arch_options; row->name; row++)
		if (!strcmp(row->name, name))
			return row;
	die(VM_USAGE, "no option '%s'; --help lists them", name);
}

void options_parse(struct options *opt, int argc, char **argv)
{
	const struct arch_option *row;
	int i;

	options = opt;
	opt->append = "";
	opt->mem = 256 << 20;
	opt->cpus = 1;
	for (i = 1; i < argc; i++) {
		row = find_option(argv[i]);
		if (row->value && ++i == argc)
			die(VM_USAGE, "%s: wants %s", row->name, row->value);
		row->set(row->value ? argv[i] : NULL);
	}
	if (!opt->kernel.path)
		die(VM_USAGE, "no --kernel; --help lists the options");
}

static bool read_all(int fd, uint8_t *to, size_t size)
{
	ssize_t n;

	while (size) {
		n = read(fd, to, size);
		if (n <= 0)
			return false;
		to += n;
		size -= n;
	}
	return true;
}

/* Into memory of our own: a file that changes later cannot hurt. */
void image_load(struct image *image, const char *what)
{
	struct stat st;
	int fd;

	if (!image->path)
		return;
	fd = open(image->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		die(VM_SETUP, "%s %s: %s", what, image->path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		die(VM_SETUP, "%s %s: is no regular file", what, image->path);
	if (!st.st_size || (uint64_t)st.st_size > MAX_IMAGE)
		die(VM_SETUP, "%s %s: is %s", what, image->path, st.st_size ? "too big" : "empty");
	image->size = st.st_size;
	image->data = malloc(image->size);
	if (!image->data || !read_all(fd, image->data, image->size))
		die(VM_SETUP, "%s %s: cannot be read whole", what, image->path);
	close(fd);
}
