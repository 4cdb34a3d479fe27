// SPDX-License-Identifier: GPL-2.0-only
/*
 * The one object in which the tracepoints kvm:* of <trace/events/kvm.h> are defined; others only
 * fire them.
 */
#include <kvm/vcpu.h>
#include <uapi/linux/kvm.h>

#define CREATE_TRACE_POINTS
#include <kvm/trace.h>
