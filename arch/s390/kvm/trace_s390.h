/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tracepoints kvm-s390:*: the life of VMs and CPUs, and interrupts as they become pending and
 * are delivered. The system's name has a dash, which its C names cannot have.
 */
#if !defined(KVM_S390_TRACE_S390_H) || defined(TRACE_HEADER_MULTI_READ)
#define KVM_S390_TRACE_S390_H

#include <linux/tracepoint.h>
#include "s390.h"

#undef TRACE_SYSTEM
#define TRACE_SYSTEM kvm-s390
#undef TRACE_SYSTEM_VAR
#define TRACE_SYSTEM_VAR kvm_s390

#ifndef kvm_s390_irq_types
#define kvm_s390_irq_types					\
	{ KVM_S390_RESTART,		"sigp restart" },	\
	{ KVM_S390_SIGP_SET_PREFIX,	"sigp set prefix" },	\
	{ KVM_S390_SIGP_STOP,		"sigp stop" },		\
	{ KVM_S390_PROGRAM_INT,		"program interrupt" },	\
	{ KVM_S390_MCHK,		"machine check" },	\
	{ KVM_S390_INT_CPU_TIMER,	"cpu timer" },		\
	{ KVM_S390_INT_CLOCK_COMP,	"clock comparator" },	\
	{ KVM_S390_INT_EXTERNAL_CALL,	"sigp ext call" },	\
	{ KVM_S390_INT_EMERGENCY,	"sigp emergency" },	\
	{ KVM_S390_INT_SERVICE,		"sclp interrupt" },	\
	{ KVM_S390_INT_VIRTIO,		"virtio interrupt" },	\
	{ KVM_S390_INT_PFAULT_DONE,	"pfault done" },	\
	{ KVM_S390_INT_PFAULT_INIT,	"pfault init" }

/* All types up to that of the last subchannel are I/O interrupts. */
#define kvm_s390_irq_name(type)							\
	((type) > KVM_S390_INT_IO_MAX ? __print_symbolic(type, kvm_s390_irq_types) :	\
	 (type) & KVM_S390_INT_IO_AI_MASK ? "adapter I/O interrupt" : "subchannel I/O interrupt")

#define kvm_s390_ais_mode(mode)							\
	((mode) == AIS_ALL ? "ALL-Interruptions Mode" :			\
	 (mode) == AIS_SINGLE ? "Single-Interruption Mode" :		\
				    "No-Interruptions Mode")
#endif

/* The kernel's name of a state description, whose address is all that is told. */
struct kvm_s390_sie_block;

/* An event that tells one value. */
#undef VALUE_EVENT
#define VALUE_EVENT(name, type, field, format, shown)	\
TRACE_EVENT(name,					\
	TP_PROTO(type field),				\
	TP_ARGS(field),					\
	TP_STRUCT__entry(__field(type, field)),		\
	TP_fast_assign(__entry->field = field;),	\
	TP_printk(format, shown)			\
)

VALUE_EVENT(kvm_s390_create_vm, unsigned long, type, "create vm%s",
	    __entry->type & KVM_VM_S390_UCONTROL ? " (UCONTROL)" : "");
VALUE_EVENT(kvm_s390_destroy_vcpu, unsigned int, id, "destroy cpu %d", __entry->id);
VALUE_EVENT(kvm_s390_enable_css, void *, kvm, "enabling channel I/O support (kvm @ %p)\n",
	    __entry->kvm);
VALUE_EVENT(kvm_s390_request_resets, __u64, resets, "requesting userspace resets %llx",
	    __entry->resets);

TRACE_EVENT(kvm_s390_create_vcpu,
	TP_PROTO(struct s390_vcpu *v),
	TP_ARGS(v),
	TP_STRUCT__entry(
		__field(unsigned int, id)
		__field(struct kvm_vcpu *, vcpu)
		__field(struct kvm_s390_sie_block *, sie_block)
	),
	TP_fast_assign(
		__entry->id = v->vcpu.id;
		__entry->vcpu = &v->vcpu;
		__entry->sie_block = (void *)v->sie;
	),
	TP_printk("create cpu %d at 0x%p, sie block at 0x%p", __entry->id, __entry->vcpu,
		  __entry->sie_block)
);

TRACE_EVENT(kvm_s390_vcpu_start_stop,
	TP_PROTO(unsigned int id, bool started),
	TP_ARGS(id, started),
	TP_STRUCT__entry(
		__field(unsigned int, id)
		__field(int, state)
	),
	TP_fast_assign(
		__entry->id = id;
		__entry->state = started;
	),
	TP_printk("%s cpu %d", __entry->state ? "starting" : "stopping", __entry->id)
);

/* @stop: a stop is pending; @flags: KVM_S390_STOP_FLAG_* of it. */
TRACE_EVENT(kvm_s390_stop_request,
	TP_PROTO(unsigned char stop, unsigned char flags),
	TP_ARGS(stop, flags),
	TP_STRUCT__entry(
		__field(unsigned char, stop_irq)
		__field(unsigned char, flags)
	),
	TP_fast_assign(
		__entry->stop_irq = stop;
		__entry->flags = flags;
	),
	TP_printk("stop request, stop irq = %u, flags = %08x", __entry->stop_irq, __entry->flags)
);

/* An interrupt as KVM_S390_INTERRUPT packs it (KVM API 4.77). */
#undef PACKED_FIELDS
#define PACKED_FIELDS						\
	__field(__u32, inttype)					\
	__field(__u32, parm)					\
	__field(__u64, parm64)

#undef PACKED_ASSIGN
#define PACKED_ASSIGN						\
	__entry->inttype = irq->type;				\
	__entry->parm = irq->parm;				\
	__entry->parm64 = irq->parm64

#undef PACKED_PRINTK
#define PACKED_PRINTK(begin, ...)				\
	TP_printk("inject" begin ": type:%x (%s) parm:%x parm64:%llx", ##__VA_ARGS__,	\
		  __entry->inttype, kvm_s390_irq_name(__entry->inttype), __entry->parm,	\
		  __entry->parm64)

/* @who: S390_BY_*. */
TRACE_EVENT(kvm_s390_inject_vm,
	TP_PROTO(const struct kvm_s390_interrupt *irq, int who),
	TP_ARGS(irq, who),
	TP_STRUCT__entry(
		PACKED_FIELDS
		__field(int, who)
	),
	TP_fast_assign(
		PACKED_ASSIGN;
		__entry->who = who;
	),
	PACKED_PRINTK("%s", __entry->who == S390_BY_USER ? " (from user)" :
			    __entry->who == S390_BY_KERNEL ? " (from kernel)" : "")
);

TRACE_EVENT(kvm_s390_inject_vcpu,
	TP_PROTO(const struct s390_vcpu *v, const struct kvm_s390_interrupt *irq),
	TP_ARGS(v, irq),
	TP_STRUCT__entry(
		__field(int, id)
		PACKED_FIELDS
	),
	TP_fast_assign(
		__entry->id = v->vcpu.id;
		PACKED_ASSIGN;
	),
	PACKED_PRINTK(" (vcpu %d)", __entry->id)
);

/* @data: depends on the type. */
TRACE_EVENT(kvm_s390_deliver_interrupt,
	TP_PROTO(const struct s390_vcpu *v, u32 type, u64 data, u64 more),
	TP_ARGS(v, type, data, more),
	TP_STRUCT__entry(
		__field(int, id)
		__field(__u32, inttype)
		__field(__u64, data0)
		__field(__u64, data1)
	),
	TP_fast_assign(
		__entry->data1 = more;
		__entry->data0 = data;
		__entry->inttype = type;
		__entry->id = v->vcpu.id;
	),
	TP_printk("deliver interrupt (vcpu %d): type:%x (%s) data:%08llx %016llx", __entry->id,
		  __entry->inttype, kvm_s390_irq_name(__entry->inttype), __entry->data0,
		  __entry->data1)
);

/* From one mode, AIS_*, to another. */
TRACE_EVENT(kvm_s390_modify_ais_mode,
	TP_PROTO(u8 isc, u16 from, u16 to),
	TP_ARGS(isc, from, to),
	TP_STRUCT__entry(
		__field(__u8, isc)
		__field(__u16, from)
		__field(__u16, to)
	),
	TP_fast_assign(
		__entry->isc = isc;
		__entry->from = from;
		__entry->to = to;
	),
	TP_printk("for isc %x, modifying interruption mode from %s to %s", __entry->isc,
		  kvm_s390_ais_mode(__entry->from), kvm_s390_ais_mode(__entry->to))
);

TRACE_EVENT(kvm_s390_airq_suppressed,
	TP_PROTO(u32 id, u8 isc),
	TP_ARGS(id, isc),
	TP_STRUCT__entry(
		__field(__u32, id)
		__field(__u8, isc)
	),
	TP_fast_assign(
		__entry->id = id;
		__entry->isc = isc;
	),
	TP_printk("adapter I/O interrupt suppressed (id:%x isc:%x)", __entry->id, __entry->isc)
);

#endif /* KVM_S390_TRACE_S390_H */

#undef TRACE_INCLUDE_PATH
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_PATH .
#define TRACE_INCLUDE_FILE trace_s390

#include <trace/define_trace.h>
