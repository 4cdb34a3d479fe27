/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tracepoints kvm:* that every architecture has. The kernel's own header declares them, so that perf, trace-cmd
 * and bpftrace find the names and fields they know; it wants to see the dirty ring, which is declared here only for
 * it.
 */
#ifndef KVM_TRACE_H
#define KVM_TRACE_H

#include <kvm/vcpu.h>
#include <uapi/linux/kvm.h>

/* What the dirty ring's tracepoints read. */
struct kvm_dirty_ring {
	u32	dirty_index;
	u32	reset_index;
	int	index;
};

#include <trace/events/kvm.h>

#endif /* KVM_TRACE_H */
