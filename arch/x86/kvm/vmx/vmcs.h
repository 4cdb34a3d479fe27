/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The VMCS and how it is read and written (SDM vol 3, chapter 25).
 *
 * VMREAD and VMWRITE work on the VMCS that is current on this CPU: every accessor here wants the
 * vCPU loaded. A field's number has its width in bits 13 and 14 (25.11.2); an accessor of another
 * width does not compile. Where the field is one of a row of equal ones, as a segment's are, the
 * accessors that end in _at take the first of the row and an index.
 *
 * Control words are shadowed in memory for each VMCS, so that one is written only when a bit of it
 * changes; see vmx_control_set().
 */
#ifndef KVM_VMX_VMCS_H
#define KVM_VMX_VMCS_H

#include <linux/build_bug.h>
#include <linux/list.h>
#include <linux/types.h>
#include <asm/asm.h>
#include <asm/vmx.h>

enum vmcs_width { VMCS_16, VMCS_64, VMCS_32, VMCS_NATURAL };

#define VMCS_WIDTH(field)	((field) >> 13 & 3)

/* Holds for constants only; of anything else the compiler complains. Odd are the upper halves. */
static __always_inline void vmcs_check(unsigned long field, enum vmcs_width width)
{
	BUILD_BUG_ON_MSG(VMCS_WIDTH(field) != width || field & 1, "VMCS field of another width");
}

/* A field that this CPU does not have, or VMX was switched off under us. Return: 0. */
unsigned long vmcs_read_failed(unsigned long field);
void vmcs_write_failed(unsigned long field, unsigned long value);

/*
 * A build with KVM_VMCS_COUNT=y in make's environment counts accesses, for a test that says what an
 * exit may cost: parameters vmcs_reads and vmcs_writes. Not to be trusted with several CPUs.
 */
#ifdef KVM_VMCS_COUNT
extern unsigned long vmcs_reads, vmcs_writes;
#define vmcs_tally(what)	((void)((what)++))
#else
#define vmcs_tally(what)	((void)0)
#endif

/*
 * Without VMX, VMREAD and VMWRITE fault: then the flags are what they were, and the value is 0. In
 * a reboot that is of no consequence, else the exit path's next look at the vCPU reports it.
 */
static __always_inline unsigned long vmcs_read_any(unsigned long field)
{
	unsigned long value;
	bool failed;

	vmcs_tally(vmcs_reads);
	asm volatile("1: vmread %2, %0\n"
		     "2:\n"
		     _ASM_EXTABLE_TYPE_REG(1b, 2b, EX_TYPE_ZERO_REG, %0)
		     : "=r" (value), "=@ccna" (failed)
		     : "r" (field));
	return unlikely(failed) ? vmcs_read_failed(field) : value;
}

static __always_inline void vmcs_write_any(unsigned long field, unsigned long value)
{
	bool failed;

	vmcs_tally(vmcs_writes);
	asm volatile("1: vmwrite %[value], %[field]\n"
		     "2:\n"
		     _ASM_EXTABLE(1b, 2b)
		     : "=@ccna" (failed)
		     : [field] "r" (field), [value] "rm" (value)
		     : "memory");
	if (unlikely(failed))
		vmcs_write_failed(field, value);
}

#define VMCS_ACCESSORS(name, type, width)						\
static __always_inline type vmcs_read##name(unsigned long field)			\
{											\
	vmcs_check(field, width);							\
	return vmcs_read_any(field);							\
}											\
static __always_inline type vmcs_read##name##_at(unsigned long first, unsigned int i)	\
{											\
	vmcs_check(first, width);							\
	return vmcs_read_any(first + 2 * i);						\
}											\
static __always_inline void vmcs_write##name(unsigned long field, type value)		\
{											\
	vmcs_check(field, width);							\
	vmcs_write_any(field, value);							\
}											\
static __always_inline void vmcs_write##name##_at(unsigned long first, unsigned int i,	\
						  type value)				\
{											\
	vmcs_check(first, width);							\
	vmcs_write_any(first + 2 * i, value);						\
}

VMCS_ACCESSORS(16, u16, VMCS_16)
VMCS_ACCESSORS(32, u32, VMCS_32)
VMCS_ACCESSORS(64, u64, VMCS_64)
VMCS_ACCESSORS(n, unsigned long, VMCS_NATURAL)

/* The control words. */
enum vmx_control {
	WORD_PIN,		/* pin-based */
	WORD_CPU,		/* primary processor-based */
	WORD_CPU2,		/* secondary */
	WORD_EXIT,
	WORD_ENTRY,
	NR_WORDS,
};

/* A VMCS, and what we know to be in it. */
struct vmx_vmcs {
	void			*page;
	int			cpu;		/* that may keep parts of it; -1: none */
	struct list_head	link;		/* in that CPU's list */
	u32			ctl[NR_WORDS];
	u32			exceptions;	/* intercepted, by vector */
	u32			tpr_threshold;
	/* The host's, which is written when it changes. */
	unsigned long		host_cr3, host_cr4;
	unsigned long		host_fs_base, host_gs_base;
	u16			host_fs, host_gs, host_ds, host_es;
};

/* The instructions on a VMCS's address. Return false when the CPU refused, or VMX is off. */
static inline bool vmcs_clear(u64 pa)
{
	bool ok;

	asm volatile("1:	vmclear %[pa]\n"
		     "2:\n"
		     _ASM_EXTABLE(1b, 2b)
		     : "=@cca" (ok) : [pa] "m" (pa) : "memory");
	return ok;
}

static inline bool vmcs_load(u64 pa)
{
	bool ok;

	asm volatile("1:	vmptrld %[pa]\n"
		     "2:\n"
		     _ASM_EXTABLE(1b, 2b)
		     : "=@cca" (ok) : [pa] "m" (pa) : "memory");
	return ok;
}

#endif /* KVM_VMX_VMCS_H */
