/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Descriptors and the segment registers they are loaded into; shared by segment.c, far.c and
 * task.c.
 */
#ifndef KVM_X86_EMULATE_SEGMENT_H
#define KVM_X86_EMULATE_SEGMENT_H

#include "internal.h"

/* Types of system descriptors (SDM vol 3, 3.5; APM vol 2, 4.8.3). */
enum {
	SYS_TSS16	= 1,
	SYS_LDT		= 2,
	SYS_TSS16_BUSY	= 3,
	SYS_CALL16	= 4,
	SYS_TASK_GATE	= 5,
	SYS_TSS		= 9,
	SYS_TSS_BUSY	= 11,
	SYS_CALL	= 12,
};

/* Bits of a code or data segment's type. */
#define TYPE_ACCESSED	1
#define TYPE_WRITE	2	/* of data; of code: readable */
#define TYPE_DOWN	4	/* of data: expand-down; of code: conforming */
#define TYPE_CODE	8

/* A descriptor as it was read, once, and where it stands. */
struct emu_desc {
	u64 lo, hi;		/* hi: the upper half that system descriptors have in long mode */
	u64 addr;
	u16 sel;
	u8 type, dpl;
	bool s, p, l, db;
};

static inline bool is_null(u16 sel)
{
	return !(sel & ~3);
}

static inline bool is_code(const struct emu_desc *d)
{
	return d->s && d->type & TYPE_CODE;
}

static inline bool is_conforming(const struct emu_desc *d)
{
	return is_code(d) && d->type & TYPE_DOWN;
}

/* A fault whose error code is a selector. */
static inline enum x86_op_result emu_sel_fault(struct x86_emu *emu, unsigned int vector, u16 sel)
{
	return emu_exception(emu, vector, true, sel & ~3);
}

bool emu_lma(struct x86_emu *emu);
enum x86_op_result emu_read_desc(struct x86_emu *emu, u16 sel, unsigned int vector,
				 struct emu_desc *d);
enum x86_op_result emu_read_desc_upper(struct x86_emu *emu, unsigned int vector,
				       struct emu_desc *d);
enum x86_op_result emu_set_desc_type(struct x86_emu *emu, struct emu_desc *d, u8 type);
enum x86_op_result emu_mark_accessed(struct x86_emu *emu, struct emu_desc *d);
void emu_desc_to_seg(const struct emu_desc *d, struct x86_emu_seg *seg);
void emu_null_seg(struct x86_emu *emu, unsigned int index, u16 sel, struct x86_emu_seg *seg);
void emu_real_seg(struct x86_emu *emu, unsigned int index, u16 sel, struct x86_emu_seg *seg);
void emu_flat_seg(u16 sel, bool code, bool long_mode, u8 dpl, struct x86_emu_seg *seg);
enum x86_op_result emu_check_stack_seg(struct x86_emu *emu, u16 sel, u8 cpl, unsigned int vector,
				       struct x86_emu_seg *seg);
enum x86_op_result emu_check_data_seg(struct x86_emu *emu, unsigned int index, u16 sel, u8 cpl,
				      unsigned int vector, struct x86_emu_seg *seg);
enum x86_op_result emu_check_ldt(struct x86_emu *emu, u16 sel, unsigned int vector,
				 struct x86_emu_seg *seg);

/* task.c */
enum x86_op_result emu_switch_task(struct x86_emu *emu, u16 sel,
				   enum x86_emu_switch_reason reason, bool has_error, u32 error);

#endif
