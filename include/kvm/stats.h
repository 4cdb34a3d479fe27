/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Statistics: counters in the VM and vCPU objects, described once in a table of rows.
 *
 * From the rows come the binary descriptors of KVM_GET_STATS_FD (KVM API 4.133) and the debugfs files. A counter is a
 * u64 written without a lock by its owner.
 */
#ifndef KVM_STATS_H
#define KVM_STATS_H

#include <linux/kvm_types.h>	/* KVM_STATS_NAME_SIZE, HALT_POLL_HIST_COUNT */
#include <uapi/linux/kvm.h>

#define KVM_STAT_HIST_BUCKETS	32

/* What every architecture counts. The names are those of the kernel's statistics, so that tools find them. */
struct kvm_vm_stats {
	u64 remote_tlb_flush;
	u64 remote_tlb_flush_requests;
};

struct kvm_vcpu_stats {
	u64 halt_successful_poll;
	u64 halt_attempted_poll;
	u64 halt_poll_invalid;
	u64 halt_wakeup;
	u64 halt_poll_success_ns;
	u64 halt_poll_fail_ns;
	u64 halt_wait_ns;
	u64 halt_poll_success_hist[KVM_STAT_HIST_BUCKETS];
	u64 halt_poll_fail_hist[KVM_STAT_HIST_BUCKETS];
	u64 halt_wait_hist[KVM_STAT_HIST_BUCKETS];
	u64 blocking;
};

/* One row. @offset: from the start of the VM or vCPU object (struct kvm / struct kvm_vcpu come first in it). */
struct kvm_stat_row {
	const char	*name;
	u32		offset;
	u32		flags;		/* KVM_STATS_TYPE_* | KVM_STATS_UNIT_* | KVM_STATS_BASE_* */
	s16		exponent;
	u16		n;		/* values: 1, or the buckets of a histogram */
	u32		bucket_size;
};

struct kvm_stat_table {
	const struct kvm_stat_row	*rows;
	unsigned int			n;
};

#define KVM_STAT_TABLE(_rows)	{ .rows = (_rows), .n = ARRAY_SIZE(_rows) }

#define KVM_STAT_COUNTER(_type, _path, _name) {					\
	.name = _name, .offset = offsetof(_type, _path), .n = 1,		\
	.flags = KVM_STATS_TYPE_CUMULATIVE | KVM_STATS_UNIT_NONE | KVM_STATS_BASE_POW10 }
#define KVM_STAT_INSTANT(_type, _path, _name) {					\
	.name = _name, .offset = offsetof(_type, _path), .n = 1,		\
	.flags = KVM_STATS_TYPE_INSTANT | KVM_STATS_UNIT_NONE | KVM_STATS_BASE_POW10 }
#define KVM_STAT_PEAK(_type, _path, _name) {					\
	.name = _name, .offset = offsetof(_type, _path), .n = 1,		\
	.flags = KVM_STATS_TYPE_PEAK | KVM_STATS_UNIT_NONE | KVM_STATS_BASE_POW10 }
#define KVM_STAT_NSEC(_type, _path, _name) {					\
	.name = _name, .offset = offsetof(_type, _path), .n = 1, .exponent = -9,	\
	.flags = KVM_STATS_TYPE_CUMULATIVE | KVM_STATS_UNIT_SECONDS | KVM_STATS_BASE_POW10 }
#define KVM_STAT_LOGHIST_NSEC(_type, _path, _name) {				\
	.name = _name, .offset = offsetof(_type, _path), .n = KVM_STAT_HIST_BUCKETS, .exponent = -9, \
	.flags = KVM_STATS_TYPE_LOG_HIST | KVM_STATS_UNIT_SECONDS | KVM_STATS_BASE_POW10 }

#endif /* KVM_STATS_H */
