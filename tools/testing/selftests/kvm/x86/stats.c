// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_GET_STATS_FD (KVM API 4.134): a file of header, id, descriptors and data, which must tell a
 * reader that knows nothing else where each statistic is.
 */
#include <fcntl.h>
#include <sys/syscall.h>

#include "agent.h"
#include "guest.h"

struct stats_file {
	struct kvm_stats_header head;
	uint8_t *all;
	size_t bytes;
};

static void guest_exits(void)
{
	int i;

	for (i = 0; i < 10; i++)
		guest_sync(i);
}

static struct stats_file read_all(int fd)
{
	struct stats_file f = { .all = calloc(1, SZ_64K) };
	ssize_t n;

	expect_eq(pread(fd, &f.head, sizeof(f.head), 0), sizeof(f.head));
	while ((n = pread(fd, f.all + f.bytes, SZ_64K - f.bytes, f.bytes)) > 0)
		f.bytes += n;
	expect_eq(n, 0);
	return f;
}

static const struct kvm_stats_desc *desc(const struct stats_file *f, unsigned int i)
{
	return (void *)(f->all + f->head.desc_offset +
			i * (sizeof(struct kvm_stats_desc) + f->head.name_size));
}

static void check_desc(const struct stats_file *f, const struct kvm_stats_desc *d,
		       uint32_t data_bytes)
{
	expect_eq(d->flags & ~(KVM_STATS_TYPE_MASK | KVM_STATS_UNIT_MASK | KVM_STATS_BASE_MASK), 0);
	expect_le(d->flags & KVM_STATS_TYPE_MASK, KVM_STATS_TYPE_MAX);
	expect_le(d->flags & KVM_STATS_UNIT_MASK, KVM_STATS_UNIT_MAX);
	expect_le(d->flags & KVM_STATS_BASE_MASK, KVM_STATS_BASE_MAX);
	expect(d->exponent <= 10 && d->exponent >= -10);
	expect_ge(d->size, 1);
	expect_le(d->offset + d->size * sizeof(uint64_t), data_bytes);
	expect_ge(strnlen(d->name, f->head.name_size), 1);
	expect_le(strnlen(d->name, f->head.name_size), f->head.name_size - 1);
	if ((d->flags & KVM_STATS_TYPE_MASK) == KVM_STATS_TYPE_LINEAR_HIST)
		expect_ne(d->bucket_size, 0);
}

static void check_file(const struct stats_file *f)
{
	const size_t desc_bytes = sizeof(struct kvm_stats_desc) + f->head.name_size;
	unsigned int i, j;

	expect_eq(f->head.flags, 0);
	expect_ge(f->head.name_size, 1);
	expect_ge(f->head.num_desc, 1);
	expect_ge(f->head.id_offset, sizeof(f->head));
	expect_ge(f->head.desc_offset, sizeof(f->head));
	expect_ge(f->head.data_offset, f->head.desc_offset + f->head.num_desc * desc_bytes);
	expect_ge(f->bytes, f->head.data_offset + 8);
	expect_ge(strnlen((char *)f->all + f->head.id_offset, f->head.name_size), 1);
	for (i = 0; i < f->head.num_desc; i++) {
		check_desc(f, desc(f, i), f->bytes - f->head.data_offset);
		for (j = 0; j < i; j++) {
			const struct kvm_stats_desc *a = desc(f, i), *b = desc(f, j);

			expect(strcmp(a->name, b->name));
			expect(a->offset + a->size * 8 <= b->offset ||
			       b->offset + b->size * 8 <= a->offset);
		}
	}
}

static uint64_t value(const struct stats_file *f, const char *name)
{
	unsigned int i;

	for (i = 0; i < f->head.num_desc; i++)
		if (!strcmp(desc(f, i)->name, name))
			return *(uint64_t *)(f->all + f->head.data_offset + desc(f, i)->offset);
	fail("no statistic %s", name);
}

TEST(vm_stats)
{
	struct vm *vm = vm_start(guest_exits);
	struct stats_file f;

	REQUIRE_CAP(KVM_CAP_BINARY_STATS_FD);
	expect_exit(vm_run(vm), GUEST_SYNC);
	f = read_all(must(ioctl(vm->fd, KVM_GET_STATS_FD, 0)));
	check_file(&f);
}

TEST(vcpu_stats)
{
	struct vm *vm = vm_start(guest_exits);
	struct stats_file f;
	uint64_t before;
	int fd, i;

	REQUIRE_CAP(KVM_CAP_BINARY_STATS_FD);
	fd = must(ioctl(vm->vcpu[0].fd, KVM_GET_STATS_FD, 0));
	f = read_all(fd);
	check_file(&f);
	before = value(&f, "exits");
	for (i = 0; i < 5; i++)
		expect_exit(vm_run(vm), GUEST_SYNC);
	f = read_all(fd);
	expect_ge(value(&f, "exits"), before + 5);
	expect_ge(value(&f, "io_exits"), 5);
}

/* Any part may be read alone; beyond the end there is nothing; the file cannot be written. */
TEST(partial_reads)
{
	struct vm *vm = vm_start(guest_exits);
	struct stats_file f;
	uint8_t byte;
	size_t i;
	int fd;

	REQUIRE_CAP(KVM_CAP_BINARY_STATS_FD);
	fd = must(ioctl(vm->fd, KVM_GET_STATS_FD, 0));
	f = read_all(fd);
	for (i = 0; i < f.head.data_offset; i += 7) {
		expect_eq(pread(fd, &byte, 1, i), 1);
		expect_eq(byte, f.all[i]);
	}
	expect_eq(pread(fd, &byte, 1, f.bytes), 0);
	expect_eq(pread(fd, &byte, 1, f.bytes + SZ_1G), 0);
	expect(write(fd, &byte, 1) < 0);
	expect_errno(syscall(SYS_pread64, fd, 8L, 8L, 0L), EFAULT);
}

/* The statistics' descriptors outlive those of VM and vCPU. */
TEST(stats_outlive_the_fds)
{
	struct vm *vm = vm_start(guest_exits);
	struct stats_file f;
	int a, b;

	REQUIRE_CAP(KVM_CAP_BINARY_STATS_FD);
	a = must(ioctl(vm->fd, KVM_GET_STATS_FD, 0));
	b = must(ioctl(vm->vcpu[0].fd, KVM_GET_STATS_FD, 0));
	vm_free(vm);
	f = read_all(a);
	check_file(&f);
	f = read_all(b);
	check_file(&f);
}

static int write_stat(const char *name)
{
	char path[80];

	snprintf(path, sizeof(path), "/sys/kernel/debug/kvm/%s", name);
	return write_file(path, "0");
}

/* What has been counted can be set to 0; what is there now cannot (root may open its file all the same). */
TEST(cleared_by_debugfs)
{
	struct vm *vm = agent_vm(0);
	struct stats_file f;
	int fd;

	REQUIRE_CAP(KVM_CAP_BINARY_STATS_FD);
	fd = must(ioctl(vm->vcpu[0].fd, KVM_GET_STATS_FD, 0));
	if (access("/sys/kernel/debug/kvm", F_OK))
		skip("no debugfs");
	if (distro_modules())
		skip("the distribution's modules let root clear what is there now");
	agent_read(vm, 0);
	expect_errno(write_stat("pages_4k"), EPERM);
	f = read_all(fd);
	expect_ge(value(&f, "exits"), 1);
	must(write_stat("exits"));
	f = read_all(fd);
	expect_eq(value(&f, "exits"), 0);
}
