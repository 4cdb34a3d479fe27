// SPDX-License-Identifier: GPL-2.0-only
/*
 * What --stats shows at the end: time, exits to this program by reason, and KVM's own counts.
 *
 * KVM's come from the binary statistics file of each vCPU (KVM API 4.133), which describes
 * itself: the same code shows them on every architecture.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include "arch.h"

static struct timespec begin;

static const char *const exit_names[MAX_EXIT_REASONS] = {
	[KVM_EXIT_IO]			= "io",
	[KVM_EXIT_MMIO]			= "mmio",
	[KVM_EXIT_HLT]			= "hlt",
	[KVM_EXIT_INTR]			= "intr",
	[KVM_EXIT_SHUTDOWN]		= "shutdown",
	[KVM_EXIT_FAIL_ENTRY]		= "fail_entry",
	[KVM_EXIT_INTERNAL_ERROR]	= "internal_error",
	[KVM_EXIT_SYSTEM_EVENT]		= "system_event",
	[KVM_EXIT_UNKNOWN]		= "unknown",
};

void stats_begin(void)
{
	clock_gettime(CLOCK_MONOTONIC, &begin);
}

static uint64_t since_begin_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - begin.tv_sec) * 1000000LL + (now.tv_nsec - begin.tv_nsec) / 1000;
}

/* By the vCPU's own thread, at its end. */
void stats_collect(struct vcpu *vcpu)
{
	struct rusage use;

	getrusage(RUSAGE_THREAD, &use);
	vcpu->user_us = use.ru_utime.tv_sec * 1000000ULL + use.ru_utime.tv_usec;
	vcpu->system_us = use.ru_stime.tv_sec * 1000000ULL + use.ru_stime.tv_usec;
}

static const char *exit_name(unsigned int reason)
{
	return arch_exit_name(reason) ?: exit_names[reason] ?: "other";
}

static void print_exits(const struct vmm *vm)
{
	unsigned int reason, i;

	for (reason = 0; reason < MAX_EXIT_REASONS; reason++) {
		uint64_t sum = 0;

		for (i = 0; i < vm->opt.cpus; i++)
			sum += vm->vcpus[i].exits[reason];
		if (sum)
			fprintf(stderr, "stats: exit %-24s %12llu\n", exit_name(reason),
				(unsigned long long)sum);
	}
}

static void print_times(const struct vmm *vm, uint64_t us)
{
	unsigned int i;

	fprintf(stderr, "stats: %.3f s\n", us / 1e6);
	for (i = 0; i < vm->opt.cpus; i++)
		fprintf(stderr, "stats: CPU %u: %.3f s in guest and VMM, %.3f s in KVM\n", i,
			vm->vcpus[i].user_us / 1e6, vm->vcpus[i].system_us / 1e6);
}

/* The descriptors of one statistics file, which are the same for each vCPU. */
struct kvm_stats {
	struct kvm_stats_header	head;
	size_t			row_size;
	uint8_t			*rows;
};

static bool stats_open(struct kvm_stats *s, int fd)
{
	if (pread(fd, &s->head, sizeof(s->head), 0) != sizeof(s->head) || s->head.num_desc > 4096 ||
	    s->head.name_size > 4096)
		return false;
	s->row_size = sizeof(struct kvm_stats_desc) + s->head.name_size;
	s->rows = calloc(s->head.num_desc, s->row_size);
	return s->rows && pread(fd, s->rows, s->head.num_desc * s->row_size, s->head.desc_offset) ==
			  (ssize_t)(s->head.num_desc * s->row_size);
}

static const struct kvm_stats_desc *row(const struct kvm_stats *s, unsigned int i)
{
	return (const void *)(s->rows + i * s->row_size);
}

/* Add one vCPU's counts to @sums; histograms are left out. */
static void add_counts(const struct kvm_stats *s, int fd, uint64_t *sums)
{
	uint64_t value;
	unsigned int i;

	for (i = 0; i < s->head.num_desc; i++)
		if (row(s, i)->size == 1 &&
		    (row(s, i)->flags & KVM_STATS_TYPE_MASK) == KVM_STATS_TYPE_CUMULATIVE &&
		    pread(fd, &value, sizeof(value), s->head.data_offset + row(s, i)->offset) ==
		    sizeof(value))
			sums[i] += value;
}

static void print_kvm(const struct vmm *vm)
{
	struct kvm_stats s = { };
	uint64_t *sums = NULL;
	unsigned int i;

	for (i = 0; i < vm->opt.cpus; i++) {
		int fd = ioctl(vm->vcpus[i].fd, KVM_GET_STATS_FD, 0);

		if (fd < 0)
			return;
		if (!sums && stats_open(&s, fd))
			sums = calloc(s.head.num_desc, sizeof(*sums));
		if (sums)
			add_counts(&s, fd, sums);
		close(fd);
	}
	for (i = 0; sums && i < s.head.num_desc; i++)
		if (sums[i])
			fprintf(stderr, "stats: kvm %-25.40s %12llu\n", row(&s, i)->name,
				(unsigned long long)sums[i]);
	free(sums);
	free(s.rows);
}

void stats_print(struct vmm *vm)
{
	print_times(vm, since_begin_us());
	print_exits(vm);
	arch_print_exits();
	print_kvm(vm);
}
