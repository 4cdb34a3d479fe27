// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hardware task switches (SDM vol 3, 7.3; APM vol 2, 12.2).
 *
 * There is a line in the middle. Before it, everything is read and checked, and a fault belongs to
 * the old task, which has not changed. Then the old task is saved, TR, CR3 and the registers become
 * the new task's, and that is committed: a fault while the new segments are loaded is the new
 * task's.
 */
#include "segment.h"

#define TSS_MAX		104

/* Where a TSS has what: in 32-bit ones fields have four bytes, in 16-bit ones two. */
struct tss_layout {
	u8 size;		/* the least limit is one less */
	u8 width;
	u8 ip, flags, regs;	/* offsets; eight registers in their usual order */
	u8 segs, nr_segs;	/* ES, CS, SS, DS, and FS, GS */
	u8 ldt, trap, cr3;	/* 0: has none */
};

static const struct tss_layout tss16 = { 44, 2, 14, 16, 18, 34, 4, 42, 0, 0 };
static const struct tss_layout tss32 = { 104, 4, 32, 36, 40, 72, 6, 96, 100, 28 };

static const struct tss_layout *layout_of(u8 type)
{
	return type & 8 ? &tss32 : &tss16;
}

static u32 tss_get(const struct tss_layout *l, const u8 *tss, unsigned int offset)
{
	u32 val = 0;

	memcpy(&val, tss + offset, l->width);
	return val;
}

static void tss_put(const struct tss_layout *l, u8 *tss, unsigned int offset, u32 val)
{
	memcpy(tss + offset, &val, l->width);
}

/* The new TSS' descriptor: in the GDT, of the right kind, present, long enough. */
static enum x86_op_result check_tss(struct x86_emu *emu, u16 sel, bool iret, struct emu_desc *d)
{
	unsigned int vector = iret ? X86_EMU_TS : X86_EMU_GP;
	struct x86_emu_seg seg;
	enum x86_op_result r;

	if (is_null(sel) || sel & 4)
		return emu_sel_fault(emu, vector, sel);
	r = emu_read_desc(emu, sel, vector, d);
	if (r)
		return r;
	if (d->s || (d->type & ~10) != SYS_TSS16 || !(d->type & 2) == iret)
		return emu_sel_fault(emu, vector, sel);
	if (!d->p)
		return emu_sel_fault(emu, X86_EMU_NP, sel);
	emu_desc_to_seg(d, &seg);
	if (seg.limit + 1ULL < layout_of(d->type)->size)
		return emu_sel_fault(emu, X86_EMU_TS, sel);
	return X86_OP_OK;
}

/* INT n, INT3 and INTO may use a gate only if its privilege lets them. */
static enum x86_op_result check_idt_gate(struct x86_emu *emu, int vector)
{
	struct x86_emu_table idt;
	enum x86_op_result r;
	u64 gate;

	if (vector < 0)
		return X86_OP_OK;
	emu->ops->get_dt(emu, X86_EMU_IDT, &idt);
	r = emu->ops->read(emu, (u32)(idt.base + 8 * vector), &gate, 8, X86_ACC_SYSTEM);
	if (!r && ((gate >> 45) & 3) < emu->cpl)
		return emu_gp(emu, vector << 3 | 2);
	return r;
}

/* The registers of the old task, from the instruction pointer to the last segment, in one write. */
static enum x86_op_result save_task(struct x86_emu *emu, bool iret)
{
	const struct x86_emu_seg *tr = emu_seg(emu, X86_EMU_TR);
	const struct tss_layout *l = layout_of(tr->type);
	u64 flags = iret ? emu->rflags & ~FL_NT : emu->rflags;
	unsigned int end = l->segs + l->nr_segs * l->width, i;
	u8 tss[TSS_MAX] = { 0 };

	tss_put(l, tss, l->ip, emu->rip);
	tss_put(l, tss, l->flags, flags);
	for (i = 0; i < 8; i++)
		tss_put(l, tss, l->regs + i * l->width, emu->regs[i]);
	for (i = 0; i < l->nr_segs; i++)
		tss_put(l, tss, l->segs + i * l->width, emu_seg(emu, i)->selector);
	return emu->ops->write(emu, tr->base + l->ip, tss + l->ip, end - l->ip,
			       X86_ACC_SYSTEM | X86_ACC_WRITE);
}

/* The busy bit says that a task runs or waits to be returned to. */
static enum x86_op_result mark_tss(struct x86_emu *emu, struct emu_desc *new,
				   enum x86_emu_switch_reason reason)
{
	u16 old_sel = emu_seg(emu, X86_EMU_TR)->selector;
	enum x86_op_result r = X86_OP_OK;
	struct emu_desc old;

	if (reason == X86_EMU_SWITCH_JMP || reason == X86_EMU_SWITCH_IRET) {
		r = emu_read_desc(emu, old_sel, X86_EMU_TS, &old);
		if (!r)
			r = emu_set_desc_type(emu, &old, old.type & ~2);
	}
	if (!r && reason != X86_EMU_SWITCH_IRET)
		r = emu_set_desc_type(emu, new, new->type | 2);
	return r;
}

/* Nested: the new task can return to the old one by its back link and NT. */
static bool is_nested(enum x86_emu_switch_reason reason)
{
	return reason == X86_EMU_SWITCH_CALL || reason == X86_EMU_SWITCH_GATE;
}

static enum x86_op_result write_link(struct x86_emu *emu, const struct x86_emu_seg *new)
{
	u16 link = emu_seg(emu, X86_EMU_TR)->selector;

	return emu->ops->write(emu, new->base, &link, 2, X86_ACC_SYSTEM | X86_ACC_WRITE);
}

/* The new task's registers; its segments get their selectors, and nothing that could be used. */
static enum x86_op_result load_registers(struct x86_emu *emu, const struct tss_layout *l,
					 const u8 *tss, bool nested)
{
	struct x86_emu_seg seg = { .unusable = true };
	enum x86_op_result r = X86_OP_OK;
	unsigned int i;
	u16 sel;

	if (l->cr3 && emu->ops->get_cr(emu, 0) >> 31)
		r = emu->ops->set_cr(emu, 3, tss_get(l, tss, l->cr3));
	if (r)
		return r;
	emu->rip = tss_get(l, tss, l->ip);
	emu->rflags = tss_get(l, tss, l->flags) | FL_FIXED | (nested ? FL_NT : 0);
	for (i = 0; i < 8; i++)
		emu->regs[i] = tss_get(l, tss, l->regs + i * l->width);
	for (i = 0; i <= X86_EMU_GS; i++) {
		seg.selector = i < l->nr_segs ? tss_get(l, tss, l->segs + i * l->width) : 0;
		emu_set_seg(emu, i, &seg);
	}
	sel = tss_get(l, tss, l->ldt);
	seg.selector = sel;
	emu_set_seg(emu, X86_EMU_LDTR, &seg);
	return X86_OP_OK;
}

static void load_vm86_segments(struct x86_emu *emu)
{
	struct x86_emu_seg seg;
	unsigned int i;

	emu->mode = X86_EMU_VM86;
	emu->cpl = 3;
	for (i = 0; i <= X86_EMU_GS; i++) {
		emu_real_seg(emu, i, emu_seg(emu, i)->selector, &seg);
		emu_set_seg(emu, i, &seg);
	}
}

/* CS of the new task says its privilege. */
static enum x86_op_result load_code_segment(struct x86_emu *emu, u16 sel)
{
	struct x86_emu_seg seg;
	enum x86_op_result r;
	struct emu_desc d;

	if (is_null(sel))
		return emu_exception(emu, X86_EMU_TS, true, 0);
	r = emu_read_desc(emu, sel, X86_EMU_TS, &d);
	if (r)
		return r;
	if (!is_code(&d) || (is_conforming(&d) ? d.dpl > (sel & 3) : d.dpl != (sel & 3)))
		return emu_sel_fault(emu, X86_EMU_TS, sel);
	if (!d.p)
		return emu_sel_fault(emu, X86_EMU_NP, sel);
	r = emu_mark_accessed(emu, &d);
	if (r)
		return r;
	emu_desc_to_seg(&d, &seg);
	seg.l = false;
	emu_set_seg(emu, X86_EMU_CS, &seg);
	emu->mode = seg.db ? X86_EMU_PROT32 : X86_EMU_PROT16;
	return X86_OP_OK;
}

static enum x86_op_result load_segments(struct x86_emu *emu)
{
	static const u8 data[] = { X86_EMU_ES, X86_EMU_DS, X86_EMU_FS, X86_EMU_GS };
	struct x86_emu_seg seg;
	enum x86_op_result r;
	unsigned int i;

	r = emu_check_ldt(emu, emu_seg(emu, X86_EMU_LDTR)->selector, X86_EMU_TS, &seg);
	if (r)
		return r;
	emu_set_seg(emu, X86_EMU_LDTR, &seg);
	if (emu->rflags & FL_VM) {
		load_vm86_segments(emu);
		return X86_OP_OK;
	}
	r = emu_check_stack_seg(emu, emu_seg(emu, X86_EMU_SS)->selector, emu->cpl, X86_EMU_TS,
				&seg);
	if (r)
		return r;
	emu_set_seg(emu, X86_EMU_SS, &seg);
	r = load_code_segment(emu, emu_seg(emu, X86_EMU_CS)->selector);
	for (i = 0; !r && i < ARRAY_SIZE(data); i++) {
		r = emu_check_data_seg(emu, data[i], emu_seg(emu, data[i])->selector, emu->cpl,
				       X86_EMU_TS, &seg);
		if (!r)
			emu_set_seg(emu, data[i], &seg);
	}
	return r;
}

/* In the new task: segments, the instruction pointer's check, the event's error code. */
static enum x86_op_result enter_task(struct x86_emu *emu, const struct tss_layout *l,
				     bool has_error, u32 error)
{
	enum x86_op_result r;

	r = load_segments(emu);
	if (r)
		return r;
	if (emu->rip > emu_seg(emu, X86_EMU_CS)->limit)
		return emu_gp(emu, 0);
	return has_error ? emu_push(emu, error, l->width) : X86_OP_OK;
}

/* Beyond the line: all that is left of the old task is in its TSS. */
static enum x86_op_result become_task(struct x86_emu *emu, struct x86_emu_seg *tr,
				      const struct tss_layout *l, const u8 *tss, bool nested)
{
	enum x86_op_result r;
	u64 cr0;

	tr->type |= 2;
	emu_set_seg(emu, X86_EMU_TR, tr);
	r = load_registers(emu, l, tss, nested);
	if (r)
		return r;
	cr0 = emu->ops->get_cr(emu, 0);
	r = emu->ops->set_cr(emu, 0, cr0 | CR0_TS);
	if (r)
		return r;
	emu->ops->set_dr(emu, 7, emu->ops->get_dr(emu, 7) & ~0x155ULL);	/* local breakpoints */
	emu->cpl = emu->rflags & FL_VM ? 3 : emu_seg(emu, X86_EMU_CS)->selector & 3;
	if (l->trap && tss[l->trap] & 1)
		emu->db_pending |= DR6_BT;
	emu_commit(emu);
	return X86_OP_OK;
}

/**
 * emu_switch_task - switch tasks, from an instruction or for the hardware
 * @emu: running; rip is what the old task goes on with
 * @sel: the new TSS
 * @reason: why
 * @has_error: push @error in the new task
 * @error: error code
 *
 * Return: as x86_emu_task_switch().
 */
enum x86_op_result emu_switch_task(struct x86_emu *emu, u16 sel,
				   enum x86_emu_switch_reason reason, bool has_error, u32 error)
{
	bool iret = reason == X86_EMU_SWITCH_IRET, nested = is_nested(reason);
	const struct tss_layout *l;
	enum x86_op_result r;
	struct x86_emu_seg tr;
	struct emu_desc d;
	u8 tss[TSS_MAX];

	r = check_tss(emu, sel, iret, &d);
	if (r)
		return r;
	l = layout_of(d.type);
	emu_desc_to_seg(&d, &tr);
	r = emu->ops->read(emu, tr.base, tss, l->size, X86_ACC_SYSTEM);
	if (!r && emu->ops->probe)
		r = emu->ops->probe(emu, emu_seg(emu, X86_EMU_TR)->base, l->size,
				    X86_ACC_SYSTEM | X86_ACC_WRITE);
	if (!r)
		r = save_task(emu, iret);
	if (!r && nested)
		r = write_link(emu, &tr);
	if (!r)
		r = mark_tss(emu, &d, reason);
	if (!r)
		r = become_task(emu, &tr, l, tss, nested);
	return r ? r : enter_task(emu, l, has_error, error);
}

enum x86_emu_outcome x86_emu_task_switch(struct x86_emu *emu, u16 selector, int idt_vector,
					 enum x86_emu_switch_reason reason, bool has_error,
					 u32 error)
{
	enum x86_op_result r;

	emu_begin(emu);
	r = check_idt_gate(emu, idt_vector);
	if (!r)
		r = emu_switch_task(emu, selector, reason, has_error, error);
	if (r)
		emu_roll_back(emu);
	return emu_outcome(r);
}
