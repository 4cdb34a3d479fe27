/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tracepoints kvm:* that only s390 has: what a CPU leaves SIE for, and the instructions that we
 * do. perf, trace-cmd and bpftrace know them by these names and fields. All begin with the CPU and
 * its PSW, which is behind the instruction.
 */
#if !defined(KVM_S390_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define KVM_S390_TRACE_H

#include <linux/tracepoint.h>
#include <uapi/asm/sie.h>
#include "s390.h"

#undef TRACE_SYSTEM
#define TRACE_SYSTEM kvm

#undef CPU_FIELDS
#define CPU_FIELDS						\
	__field(int, id)					\
	__field(unsigned long, pswmask)				\
	__field(unsigned long, pswaddr)

#undef CPU_ASSIGN
#define CPU_ASSIGN						\
	__entry->id = v->vcpu.id;				\
	__entry->pswmask = v->sie->psw.mask;			\
	__entry->pswaddr = v->sie->psw.addr

#undef CPU_PRINTK
#define CPU_PRINTK(format, ...)					\
	TP_printk("%02d[%016lx-%016lx]: " format, __entry->id,	\
		  __entry->pswmask, __entry->pswaddr, ##__VA_ARGS__)

/* Those that say no more than that it happened. */
#undef CPU_EVENT
#define CPU_EVENT(name, what)					\
TRACE_EVENT(name,						\
	TP_PROTO(const struct s390_vcpu *v),			\
	TP_ARGS(v),						\
	TP_STRUCT__entry(CPU_FIELDS),				\
	TP_fast_assign(CPU_ASSIGN;),				\
	CPU_PRINTK("%s", what)					\
)

CPU_EVENT(kvm_s390_sie_fault, "fault in sie instruction");
CPU_EVENT(kvm_s390_skey_related_inst, "storage key related instruction");
CPU_EVENT(kvm_s390_major_guest_pfault, "major fault, maybe applicable for pfault");

TRACE_EVENT(kvm_s390_sie_enter,
	TP_PROTO(const struct s390_vcpu *v),
	TP_ARGS(v),
	TP_STRUCT__entry(
		CPU_FIELDS
		__field(int, cpuflags)
	),
	TP_fast_assign(
		CPU_ASSIGN;
		__entry->cpuflags = v->sie->flags;
	),
	CPU_PRINTK("entering sie flags %x", __entry->cpuflags)
);

TRACE_EVENT(kvm_s390_sie_exit,
	TP_PROTO(const struct s390_vcpu *v),
	TP_ARGS(v),
	TP_STRUCT__entry(
		CPU_FIELDS
		__field(u8, icptcode)
	),
	TP_fast_assign(
		CPU_ASSIGN;
		__entry->icptcode = v->sie->icpt_code;
	),
	CPU_PRINTK("exit sie icptcode %d (%s)", __entry->icptcode,
		   __print_symbolic(__entry->icptcode, sie_intercept_code))
);

/* An instruction from the left, as it stands in ipa and ipb. */
DECLARE_EVENT_CLASS(kvm_s390_instruction,
	TP_PROTO(const struct s390_vcpu *v),
	TP_ARGS(v),
	TP_STRUCT__entry(
		CPU_FIELDS
		__field(__u64, instruction)
	),
	TP_fast_assign(
		CPU_ASSIGN;
		__entry->instruction = (u64)v->sie->ipa << 48 | (u64)v->sie->ipb << 16;
	),
	CPU_PRINTK("intercepted instruction %016llx (%s)", __entry->instruction,
		   __print_symbolic(icpt_insn_decoder(__entry->instruction), icpt_insn_codes))
);

DEFINE_EVENT(kvm_s390_instruction, kvm_s390_intercept_instruction,
	TP_PROTO(const struct s390_vcpu *v),
	TP_ARGS(v)
);

DEFINE_EVENT_PRINT(kvm_s390_instruction, kvm_s390_handle_operexc,
	TP_PROTO(const struct s390_vcpu *v),
	TP_ARGS(v),
	CPU_PRINTK("operation exception on instruction %016llx (%s)", __entry->instruction,
		   __print_symbolic(icpt_insn_decoder(__entry->instruction), icpt_insn_codes))
);

TRACE_EVENT(kvm_s390_intercept_prog,
	TP_PROTO(const struct s390_vcpu *v),
	TP_ARGS(v),
	TP_STRUCT__entry(
		CPU_FIELDS
		__field(__u16, code)
	),
	TP_fast_assign(
		CPU_ASSIGN;
		__entry->code = v->sie->pgm_code;
	),
	CPU_PRINTK("intercepted program interruption %04x (%s)", __entry->code,
		   __print_symbolic(__entry->code, icpt_prog_codes))
);

/* @viwhy: the machine's reason, in the left half of ipb. */
TRACE_EVENT(kvm_s390_intercept_validity,
	TP_PROTO(const struct s390_vcpu *v),
	TP_ARGS(v),
	TP_STRUCT__entry(
		CPU_FIELDS
		__field(__u16, viwhy)
	),
	TP_fast_assign(
		CPU_ASSIGN;
		__entry->viwhy = v->sie->ipb >> 16;
	),
	CPU_PRINTK("got validity intercept %04x", __entry->viwhy)
);

TRACE_EVENT(kvm_s390_handle_diag,
	TP_PROTO(const struct s390_vcpu *v, u16 code),
	TP_ARGS(v, code),
	TP_STRUCT__entry(
		CPU_FIELDS
		__field(__u16, code)
	),
	TP_fast_assign(
		CPU_ASSIGN;
		__entry->code = code;
	),
	CPU_PRINTK("handle diagnose call %04x (%s)", __entry->code,
		   __print_symbolic(__entry->code, diagnose_codes))
);

TRACE_EVENT(kvm_s390_handle_sigp,
	TP_PROTO(const struct s390_vcpu *v, u8 order, u16 cpu, u32 parameter),
	TP_ARGS(v, order, cpu, parameter),
	TP_STRUCT__entry(
		CPU_FIELDS
		__field(__u8, order_code)
		__field(__u16, cpu_addr)
		__field(__u32, parameter)
	),
	TP_fast_assign(
		CPU_ASSIGN;
		__entry->order_code = order;
		__entry->cpu_addr = cpu;
		__entry->parameter = parameter;
	),
	CPU_PRINTK("handle sigp order %02x (%s), cpu address %04x, parameter %08x",
		   __entry->order_code, __print_symbolic(__entry->order_code, sigp_order_codes),
		   __entry->cpu_addr, __entry->parameter)
);

TRACE_EVENT(kvm_s390_handle_sigp_pei,
	TP_PROTO(const struct s390_vcpu *v, u8 order, u16 cpu),
	TP_ARGS(v, order, cpu),
	TP_STRUCT__entry(
		CPU_FIELDS
		__field(__u8, order_code)
		__field(__u16, cpu_addr)
	),
	TP_fast_assign(
		CPU_ASSIGN;
		__entry->order_code = order;
		__entry->cpu_addr = cpu;
	),
	CPU_PRINTK("handle sigp pei order %02x (%s), cpu address %04x", __entry->order_code,
		   __print_symbolic(__entry->order_code, sigp_order_codes), __entry->cpu_addr)
);

TRACE_EVENT(kvm_s390_handle_stsi,
	TP_PROTO(const struct s390_vcpu *v, int fc, int sel1, int sel2, u64 addr),
	TP_ARGS(v, fc, sel1, sel2, addr),
	TP_STRUCT__entry(
		CPU_FIELDS
		__field(int, fc)
		__field(int, sel1)
		__field(int, sel2)
		__field(u64, addr)
	),
	TP_fast_assign(
		CPU_ASSIGN;
		__entry->fc = fc;
		__entry->sel1 = sel1;
		__entry->sel2 = sel2;
		__entry->addr = addr;
	),
	CPU_PRINTK("STSI %d.%d.%d information stored to %016llx", __entry->fc, __entry->sel1,
		   __entry->sel2, __entry->addr)
);

TRACE_EVENT(kvm_s390_handle_stfl,
	TP_PROTO(const struct s390_vcpu *v, u32 list),
	TP_ARGS(v, list),
	TP_STRUCT__entry(
		CPU_FIELDS
		__field(unsigned int, facility_list)
	),
	TP_fast_assign(
		CPU_ASSIGN;
		__entry->facility_list = list;
	),
	CPU_PRINTK("store facility list value %08x", __entry->facility_list)
);

TRACE_EVENT(kvm_s390_handle_stap,
	TP_PROTO(const struct s390_vcpu *v, u64 address),
	TP_ARGS(v, address),
	TP_STRUCT__entry(
		CPU_FIELDS
		__field(u64, address)
	),
	TP_fast_assign(
		CPU_ASSIGN;
		__entry->address = address;
	),
	CPU_PRINTK("storing cpu address to %016llx", __entry->address)
);

TRACE_EVENT(kvm_s390_handle_prefix,
	TP_PROTO(const struct s390_vcpu *v, bool set, u32 address),
	TP_ARGS(v, set, address),
	TP_STRUCT__entry(
		CPU_FIELDS
		__field(int, set)
		__field(u32, address)
	),
	TP_fast_assign(
		CPU_ASSIGN;
		__entry->set = set;
		__entry->address = address;
	),
	CPU_PRINTK("%s prefix to %08x", __entry->set ? "setting" : "storing", __entry->address)
);

/* Control registers, from and to storage. @g: all 64 bits of them. */
DECLARE_EVENT_CLASS(kvm_s390_control,
	TP_PROTO(const struct s390_vcpu *v, bool g, int reg1, int reg3, u64 addr),
	TP_ARGS(v, g, reg1, reg3, addr),
	TP_STRUCT__entry(
		CPU_FIELDS
		__field(int, g)
		__field(int, reg1)
		__field(int, reg3)
		__field(u64, addr)
	),
	TP_fast_assign(
		CPU_ASSIGN;
		__entry->g = g;
		__entry->reg1 = reg1;
		__entry->reg3 = reg3;
		__entry->addr = addr;
	),
	CPU_PRINTK("%s: loading cr %x-%x from %016llx", __entry->g ? "lctlg" : "lctl",
		   __entry->reg1, __entry->reg3, __entry->addr)
);

DEFINE_EVENT(kvm_s390_control, kvm_s390_handle_lctl,
	TP_PROTO(const struct s390_vcpu *v, bool g, int reg1, int reg3, u64 addr),
	TP_ARGS(v, g, reg1, reg3, addr)
);

DEFINE_EVENT_PRINT(kvm_s390_control, kvm_s390_handle_stctl,
	TP_PROTO(const struct s390_vcpu *v, bool g, int reg1, int reg3, u64 addr),
	TP_ARGS(v, g, reg1, reg3, addr),
	CPU_PRINTK("%s: storing cr %x-%x to %016llx", __entry->g ? "stctg" : "stctl",
		   __entry->reg1, __entry->reg3, __entry->addr)
);

/* Both halves of a page fault that the guest need not wait for. */
DECLARE_EVENT_CLASS(kvm_s390_pfault,
	TP_PROTO(const struct s390_vcpu *v, long token),
	TP_ARGS(v, token),
	TP_STRUCT__entry(
		CPU_FIELDS
		__field(long, pfault_token)
	),
	TP_fast_assign(
		CPU_ASSIGN;
		__entry->pfault_token = token;
	),
	CPU_PRINTK("init pfault token %ld", __entry->pfault_token)
);

DEFINE_EVENT(kvm_s390_pfault, kvm_s390_pfault_init,
	TP_PROTO(const struct s390_vcpu *v, long token),
	TP_ARGS(v, token)
);

DEFINE_EVENT_PRINT(kvm_s390_pfault, kvm_s390_pfault_done,
	TP_PROTO(const struct s390_vcpu *v, long token),
	TP_ARGS(v, token),
	CPU_PRINTK("done pfault token %ld", __entry->pfault_token)
);

#endif /* KVM_S390_TRACE_H */

#undef TRACE_INCLUDE_PATH
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_PATH .
#define TRACE_INCLUDE_FILE trace

#include <trace/define_trace.h>
