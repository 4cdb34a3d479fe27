/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tracepoints kvm:* that only x86 has. perf, trace-cmd and bpftrace know them by these names and fields.
 */
#if !defined(KVM_X86_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define KVM_X86_TRACE_H

#include <linux/tracepoint.h>
#include <uapi/asm/svm.h>
#include <uapi/asm/vmx.h>
#include "ops.h"

#undef TRACE_SYSTEM
#define TRACE_SYSTEM kvm

#define KVM_ISA_VMX	1
#define KVM_ISA_SVM	2

#define kvm_exit_name(isa, reason)							\
	((isa) == KVM_ISA_VMX ? __print_symbolic((reason) & 0xffff, VMX_EXIT_REASONS)	\
			      : __print_symbolic(reason, SVM_EXIT_REASONS))

TRACE_EVENT(kvm_entry,
	TP_PROTO(unsigned int vcpu_id, unsigned long rip, bool immediate_exit),
	TP_ARGS(vcpu_id, rip, immediate_exit),
	TP_STRUCT__entry(
		__field(unsigned int, vcpu_id)
		__field(unsigned long, rip)
		__field(bool, immediate_exit)
	),
	TP_fast_assign(
		__entry->vcpu_id = vcpu_id;
		__entry->rip = rip;
		__entry->immediate_exit = immediate_exit;
	),
	TP_printk("vcpu %u, rip 0x%lx%s", __entry->vcpu_id, __entry->rip,
		  __entry->immediate_exit ? "[immediate exit]" : "")
);

TRACE_EVENT(kvm_exit,
	TP_PROTO(unsigned int vcpu_id, unsigned long rip, u32 isa, const struct x86_exit_info *info),
	TP_ARGS(vcpu_id, rip, isa, info),
	TP_STRUCT__entry(
		__field(unsigned int, exit_reason)
		__field(unsigned long, guest_rip)
		__field(u32, isa)
		__field(u64, info1)
		__field(u64, info2)
		__field(u32, intr_info)
		__field(u32, error_code)
		__field(unsigned int, vcpu_id)
	),
	TP_fast_assign(
		__entry->exit_reason = info->reason;
		__entry->guest_rip = rip;
		__entry->isa = isa;
		__entry->info1 = info->info1;
		__entry->info2 = info->info2;
		__entry->intr_info = info->intr_info;
		__entry->error_code = info->error_code;
		__entry->vcpu_id = vcpu_id;
	),
	TP_printk("vcpu %u reason %s rip 0x%lx info1 0x%016llx info2 0x%016llx intr_info 0x%08x error_code 0x%08x",
		  __entry->vcpu_id, kvm_exit_name(__entry->isa, __entry->exit_reason), __entry->guest_rip,
		  __entry->info1, __entry->info2, __entry->intr_info, __entry->error_code)
);

TRACE_EVENT(kvm_hypercall,
	TP_PROTO(unsigned long nr, unsigned long a0, unsigned long a1, unsigned long a2, unsigned long a3),
	TP_ARGS(nr, a0, a1, a2, a3),
	TP_STRUCT__entry(
		__field(unsigned long, nr)
		__field(unsigned long, a0)
		__field(unsigned long, a1)
		__field(unsigned long, a2)
		__field(unsigned long, a3)
	),
	TP_fast_assign(
		__entry->nr = nr;
		__entry->a0 = a0;
		__entry->a1 = a1;
		__entry->a2 = a2;
		__entry->a3 = a3;
	),
	TP_printk("nr 0x%lx a0 0x%lx a1 0x%lx a2 0x%lx a3 0x%lx",
		  __entry->nr, __entry->a0, __entry->a1, __entry->a2, __entry->a3)
);

#define KVM_PIO_IN	0
#define KVM_PIO_OUT	1

TRACE_EVENT(kvm_pio,
	TP_PROTO(unsigned int rw, unsigned int port, unsigned int size, unsigned int count, const void *data),
	TP_ARGS(rw, port, size, count, data),
	TP_STRUCT__entry(
		__field(unsigned int, rw)
		__field(unsigned int, port)
		__field(unsigned int, size)
		__field(unsigned int, count)
		__field(unsigned int, val)
	),
	TP_fast_assign(
		__entry->rw = rw;
		__entry->port = port;
		__entry->size = size;
		__entry->count = count;
		__entry->val = 0;
		memcpy(&__entry->val, data, min(size, 4u));
	),
	TP_printk("pio_%s at 0x%x size %d count %d val 0x%x", __entry->rw ? "write" : "read", __entry->port,
		  __entry->size, __entry->count, __entry->val)
);

TRACE_EVENT(kvm_cpuid,
	TP_PROTO(unsigned int function, unsigned int index, unsigned long rax, unsigned long rbx, unsigned long rcx,
		 unsigned long rdx, bool found, bool used_max_basic),
	TP_ARGS(function, index, rax, rbx, rcx, rdx, found, used_max_basic),
	TP_STRUCT__entry(
		__field(unsigned int, function)
		__field(unsigned int, index)
		__field(unsigned long, rax)
		__field(unsigned long, rbx)
		__field(unsigned long, rcx)
		__field(unsigned long, rdx)
		__field(bool, found)
		__field(bool, used_max_basic)
	),
	TP_fast_assign(
		__entry->function = function;
		__entry->index = index;
		__entry->rax = rax;
		__entry->rbx = rbx;
		__entry->rcx = rcx;
		__entry->rdx = rdx;
		__entry->found = found;
		__entry->used_max_basic = used_max_basic;
	),
	TP_printk("func %x idx %x rax %lx rbx %lx rcx %lx rdx %lx, cpuid entry %s%s", __entry->function,
		  __entry->index, __entry->rax, __entry->rbx, __entry->rcx, __entry->rdx,
		  __entry->found ? "found" : "not found", __entry->used_max_basic ? ", used max basic" : "")
);

TRACE_EVENT(kvm_msr,
	TP_PROTO(unsigned int write, u32 ecx, u64 data, bool exception),
	TP_ARGS(write, ecx, data, exception),
	TP_STRUCT__entry(
		__field(unsigned int, write)
		__field(u32, ecx)
		__field(u64, data)
		__field(u8, exception)
	),
	TP_fast_assign(
		__entry->write = write;
		__entry->ecx = ecx;
		__entry->data = data;
		__entry->exception = exception;
	),
	TP_printk("msr_%s %x = 0x%llx%s", __entry->write ? "write" : "read", __entry->ecx, __entry->data,
		  __entry->exception ? " (#GP)" : "")
);

TRACE_EVENT(kvm_cr,
	TP_PROTO(unsigned int rw, unsigned int cr, unsigned long val),
	TP_ARGS(rw, cr, val),
	TP_STRUCT__entry(
		__field(unsigned int, rw)
		__field(unsigned int, cr)
		__field(unsigned long, val)
	),
	TP_fast_assign(
		__entry->rw = rw;
		__entry->cr = cr;
		__entry->val = val;
	),
	TP_printk("cr_%s %x = 0x%lx", __entry->rw ? "write" : "read", __entry->cr, __entry->val)
);

TRACE_EVENT(kvm_inj_virq,
	TP_PROTO(unsigned int vector, bool soft, bool reinjected),
	TP_ARGS(vector, soft, reinjected),
	TP_STRUCT__entry(
		__field(unsigned int, vector)
		__field(bool, soft)
		__field(bool, reinjected)
	),
	TP_fast_assign(
		__entry->vector = vector;
		__entry->soft = soft;
		__entry->reinjected = reinjected;
	),
	TP_printk("%s 0x%x%s", __entry->soft ? "Soft/INTn" : "IRQ", __entry->vector,
		  __entry->reinjected ? " [reinjected]" : "")
);

TRACE_EVENT(kvm_inj_exception,
	TP_PROTO(unsigned int exception, bool has_error, unsigned int error_code, bool reinjected),
	TP_ARGS(exception, has_error, error_code, reinjected),
	TP_STRUCT__entry(
		__field(u8, exception)
		__field(u8, has_error)
		__field(u32, error_code)
		__field(bool, reinjected)
	),
	TP_fast_assign(
		__entry->exception = exception;
		__entry->has_error = has_error;
		__entry->error_code = error_code;
		__entry->reinjected = reinjected;
	),
	TP_printk("#%u (0x%x)%s", __entry->exception, __entry->has_error ? __entry->error_code : 0,
		  __entry->reinjected ? " [reinjected]" : "")
);

TRACE_EVENT(kvm_page_fault,
	TP_PROTO(unsigned int vcpu_id, unsigned long rip, u64 fault_address, u64 error_code),
	TP_ARGS(vcpu_id, rip, fault_address, error_code),
	TP_STRUCT__entry(
		__field(unsigned int, vcpu_id)
		__field(unsigned long, guest_rip)
		__field(u64, fault_address)
		__field(u64, error_code)
	),
	TP_fast_assign(
		__entry->vcpu_id = vcpu_id;
		__entry->guest_rip = rip;
		__entry->fault_address = fault_address;
		__entry->error_code = error_code;
	),
	TP_printk("vcpu %u rip 0x%lx address 0x%016llx error_code 0x%llx", __entry->vcpu_id, __entry->guest_rip,
		  __entry->fault_address, __entry->error_code)
);

TRACE_EVENT(kvm_emulate_insn,
	TP_PROTO(unsigned long rip, u32 csbase, const u8 *insn, u8 len, u8 flags, bool failed),
	TP_ARGS(rip, csbase, insn, len, flags, failed),
	TP_STRUCT__entry(
		__field(__u64, rip)
		__field(__u32, csbase)
		__field(__u8, len)
		__array(__u8, insn, 15)
		__field(__u8, flags)
		__field(__u8, failed)
	),
	TP_fast_assign(
		__entry->csbase = csbase;
		__entry->len = len;
		__entry->rip = rip;
		memcpy(__entry->insn, insn, 15);
		__entry->flags = flags;
		__entry->failed = failed;
	),
	TP_printk("%x:%llx:%s%s", __entry->csbase, __entry->rip,
		  __print_hex(__entry->insn, min_t(int, __entry->len, 15)), __entry->failed ? " failed" : "")
);

#define KVM_APIC_READ	0
#define KVM_APIC_WRITE	1

#define kvm_apic_reg_names								\
	{ 0x20, "APIC_ID" }, { 0x30, "APIC_LVR" }, { 0x80, "APIC_TASKPRI" }, { 0x90, "APIC_ARBPRI" },	\
	{ 0xa0, "APIC_PROCPRI" }, { 0xb0, "APIC_EOI" }, { 0xc0, "APIC_RRR" }, { 0xd0, "APIC_LDR" },	\
	{ 0xe0, "APIC_DFR" }, { 0xf0, "APIC_SPIV" }, { 0x100, "APIC_ISR" }, { 0x180, "APIC_TMR" },	\
	{ 0x200, "APIC_IRR" }, { 0x280, "APIC_ESR" }, { 0x300, "APIC_ICR" }, { 0x310, "APIC_ICR2" },	\
	{ 0x320, "APIC_LVTT" }, { 0x330, "APIC_LVTTHMR" }, { 0x340, "APIC_LVTPC" },			\
	{ 0x350, "APIC_LVT0" }, { 0x360, "APIC_LVT1" }, { 0x370, "APIC_LVTERR" },			\
	{ 0x380, "APIC_TMICT" }, { 0x390, "APIC_TMCCT" }, { 0x3e0, "APIC_TDCR" },			\
	{ 0x3f0, "APIC_SELF_IPI" }

TRACE_EVENT(kvm_apic,
	TP_PROTO(unsigned int rw, unsigned int reg, u64 val),
	TP_ARGS(rw, reg, val),
	TP_STRUCT__entry(
		__field(unsigned int, rw)
		__field(unsigned int, reg)
		__field(u64, val)
	),
	TP_fast_assign(
		__entry->rw = rw;
		__entry->reg = reg;
		__entry->val = val;
	),
	TP_printk("apic_%s %s = 0x%llx", __entry->rw ? "write" : "read",
		  __print_symbolic(__entry->reg, kvm_apic_reg_names), __entry->val)
);

#define trace_kvm_apic_read(reg, val)	trace_kvm_apic(KVM_APIC_READ, reg, val)
#define trace_kvm_apic_write(reg, val)	trace_kvm_apic(KVM_APIC_WRITE, reg, val)

#define kvm_delivery_names								\
	{ 0, "Fixed" }, { 1, "LowPrio" }, { 2, "SMI" }, { 3, "Res3" },			\
	{ 4, "NMI" }, { 5, "INIT" }, { 6, "SIPI" }, { 7, "ExtINT" }

TRACE_EVENT(kvm_apic_ipi,
	TP_PROTO(u32 icr_low, u32 dest_id),
	TP_ARGS(icr_low, dest_id),
	TP_STRUCT__entry(
		__field(u32, icr_low)
		__field(u32, dest_id)
	),
	TP_fast_assign(
		__entry->icr_low = icr_low;
		__entry->dest_id = dest_id;
	),
	TP_printk("dst %x vec %u (%s|%s|%s|%s|%s)", __entry->dest_id, (u8)__entry->icr_low,
		  __print_symbolic(__entry->icr_low >> 8 & 7, kvm_delivery_names),
		  __entry->icr_low & BIT(11) ? "logical" : "physical",
		  __entry->icr_low & BIT(14) ? "assert" : "de-assert",
		  __entry->icr_low & BIT(15) ? "level" : "edge",
		  __print_symbolic(__entry->icr_low >> 18 & 3,
				   { 0, "dst" }, { 1, "self" }, { 2, "all" }, { 3, "all-but-self" }))
);

TRACE_EVENT(kvm_apic_accept_irq,
	TP_PROTO(u32 apicid, u16 dm, u16 tm, u8 vec),
	TP_ARGS(apicid, dm, tm, vec),
	TP_STRUCT__entry(
		__field(u32, apicid)
		__field(u16, dm)
		__field(u16, tm)
		__field(u8, vec)
	),
	TP_fast_assign(
		__entry->apicid = apicid;
		__entry->dm = dm;
		__entry->tm = tm;
		__entry->vec = vec;
	),
	TP_printk("apicid %x vec %u (%s|%s)", __entry->apicid, __entry->vec,
		  __print_symbolic(__entry->dm >> 8 & 7, kvm_delivery_names), __entry->tm ? "level" : "edge")
);

TRACE_EVENT(kvm_ple_window_update,
	TP_PROTO(unsigned int vcpu_id, unsigned int new, unsigned int old),
	TP_ARGS(vcpu_id, new, old),
	TP_STRUCT__entry(
		__field(unsigned int, vcpu_id)
		__field(unsigned int, new)
		__field(unsigned int, old)
	),
	TP_fast_assign(
		__entry->vcpu_id = vcpu_id;
		__entry->new = new;
		__entry->old = old;
	),
	TP_printk("vcpu %u old %u new %u (%s)", __entry->vcpu_id, __entry->old, __entry->new,
		  __entry->old < __entry->new ? "growed" : "shrinked")
);

TRACE_EVENT(kvm_enter_smm,
	TP_PROTO(unsigned int vcpu_id, u64 smbase, bool entering),
	TP_ARGS(vcpu_id, smbase, entering),
	TP_STRUCT__entry(
		__field(unsigned int, vcpu_id)
		__field(u64, smbase)
		__field(bool, entering)
	),
	TP_fast_assign(
		__entry->vcpu_id = vcpu_id;
		__entry->smbase = smbase;
		__entry->entering = entering;
	),
	TP_printk("vcpu %u: %s SMM, smbase 0x%llx", __entry->vcpu_id,
		  __entry->entering ? "entering" : "leaving", __entry->smbase)
);

TRACE_EVENT(kvm_eoi,
	TP_PROTO(unsigned int apicid, int vector),
	TP_ARGS(apicid, vector),
	TP_STRUCT__entry(
		__field(u32, apicid)
		__field(int, vector)
	),
	TP_fast_assign(
		__entry->apicid = apicid;
		__entry->vector = vector;
	),
	TP_printk("apicid %x vector %d", __entry->apicid, __entry->vector)
);

TRACE_EVENT(kvm_pv_eoi,
	TP_PROTO(unsigned int apicid, int vector),
	TP_ARGS(apicid, vector),
	TP_STRUCT__entry(
		__field(u32, apicid)
		__field(int, vector)
	),
	TP_fast_assign(
		__entry->apicid = apicid;
		__entry->vector = vector;
	),
	TP_printk("apicid %x vector %d", __entry->apicid, __entry->vector)
);

TRACE_EVENT(kvm_pic_set_irq,
	TP_PROTO(u8 chip, u8 pin, u8 elcr, u8 imr, bool coalesced),
	TP_ARGS(chip, pin, elcr, imr, coalesced),
	TP_STRUCT__entry(
		__field(u8, chip)
		__field(u8, pin)
		__field(u8, elcr)
		__field(u8, imr)
		__field(bool, coalesced)
	),
	TP_fast_assign(
		__entry->chip = chip;
		__entry->pin = pin;
		__entry->elcr = elcr;
		__entry->imr = imr;
		__entry->coalesced = coalesced;
	),
	TP_printk("chip %u pin %u (%s%s)%s", __entry->chip, __entry->pin,
		  __entry->elcr & BIT(__entry->pin) ? "level" : "edge",
		  __entry->imr & BIT(__entry->pin) ? "|masked" : "", __entry->coalesced ? " (coalesced)" : "")
);

#endif /* KVM_X86_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
