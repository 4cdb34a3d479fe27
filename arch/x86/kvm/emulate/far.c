// SPDX-License-Identifier: GPL-2.0-only
/*
 * Far control flow: JMP, CALL, RET and IRET that change CS, and interrupts in real mode.
 *
 * Each transfer collects what it will load (struct landing) while it reads and checks, writes to
 * the stack, and only then, in land(), loads CS, SS, rSP and rIP: from there on nothing can fail.
 * The checks are in the order of SDM vol 2 and of vol 3, 5.8.
 */
#include "segment.h"

#define TSS16_STACKS	2	/* offset of SP0 in a 16-bit TSS; 4 bytes a level */
#define TSS32_STACKS	4	/* of ESP0 and RSP0; 8 bytes a level */

/* Where a transfer goes. */
struct landing {
	struct x86_emu_seg cs, ss;
	bool has_ss;		/* the stack changes as well */
	u64 rip, rsp;
	u8 cpl;
};

static void land(struct x86_emu *emu, const struct landing *to)
{
	emu->cpl = to->cpl;
	emu_set_seg(emu, X86_EMU_CS, &to->cs);
	if (to->has_ss) {
		emu_set_seg(emu, X86_EMU_SS, &to->ss);
		if (to->cs.l || to->ss.db)
			emu->regs[X86_EMU_RSP] = to->rsp;
		else
			emu_set_reg(emu, X86_EMU_RSP, 2, to->rsp);
	}
	emu->rip = to->rip;
}

static u16 cs_selector(struct x86_emu *emu)
{
	return emu_seg(emu, X86_EMU_CS)->selector;
}

/* Is @rip inside of the new code segment? */
static bool rip_valid(struct x86_emu *emu, const struct landing *to)
{
	if (to->cs.l)
		return emu_canonical(emu, to->rip);
	return (u32)to->rip == to->rip && to->rip <= to->cs.limit;
}

/* The new CS: its selector gets the privilege it runs with. */
static enum x86_op_result take_code(struct x86_emu *emu, struct emu_desc *d, u8 cpl,
				    struct landing *to)
{
	bool lma = emu_lma(emu);
	enum x86_op_result r;

	if (!d->p)
		return emu_sel_fault(emu, X86_EMU_NP, d->sel);
	if (d->l && d->db && lma)
		return emu_sel_fault(emu, X86_EMU_GP, d->sel);
	d->sel = (d->sel & ~3) | cpl;
	emu_desc_to_seg(d, &to->cs);
	to->cs.l = d->l && lma;
	to->cpl = cpl;
	if (!rip_valid(emu, to))
		return emu_gp(emu, 0);
	r = emu_mark_accessed(emu, d);
	to->cs.type = d->type;
	return r;
}

/* Real and virtual-8086 mode: CS:IP is all there is. */
static enum x86_op_result real_landing(struct x86_emu *emu, u16 sel, u64 rip, struct landing *to)
{
	emu_real_seg(emu, X86_EMU_CS, sel, &to->cs);
	to->rip = rip;
	to->cpl = emu->cpl;
	return rip > to->cs.limit ? emu_gp(emu, 0) : X86_OP_OK;
}

static enum x86_op_result push_return(struct x86_emu *emu, unsigned int size)
{
	u64 cs = cs_selector(emu);
	u8 block[16];

	memcpy(block, &emu->next_rip, size);
	memcpy(block + size, &cs, size);
	return emu_push_block(emu, block, 2 * size, size);
}

/* A code segment named directly by JMP or CALL: privilege stays as it is. */
static enum x86_op_result direct_code(struct x86_emu *emu, struct emu_desc *d, struct landing *to)
{
	if (is_conforming(d)) {
		if (d->dpl > emu->cpl)
			return emu_sel_fault(emu, X86_EMU_GP, d->sel);
	} else if ((d->sel & 3) > emu->cpl || d->dpl != emu->cpl) {
		return emu_sel_fault(emu, X86_EMU_GP, d->sel);
	}
	return take_code(emu, d, emu->cpl, to);
}

/* A gate: check that it may be used, and read its target's descriptor. */
static enum x86_op_result open_gate(struct x86_emu *emu, struct emu_desc *gate, bool lma,
				    struct emu_desc *code)
{
	enum x86_op_result r;
	u16 sel = gate->lo >> 16;

	if (gate->dpl < emu->cpl || gate->dpl < (gate->sel & 3))
		return emu_sel_fault(emu, X86_EMU_GP, gate->sel);
	if (!gate->p)
		return emu_sel_fault(emu, X86_EMU_NP, gate->sel);
	if (lma) {
		r = emu_read_desc_upper(emu, X86_EMU_GP, gate);
		if (r)
			return r;
	}
	if (is_null(sel))
		return emu_gp(emu, 0);
	r = emu_read_desc(emu, sel, X86_EMU_GP, code);
	if (r)
		return r;
	if (!is_code(code) || code->dpl > emu->cpl || (lma && (!code->l || code->db)))
		return emu_sel_fault(emu, X86_EMU_GP, sel);
	return X86_OP_OK;
}

static u64 gate_offset(const struct emu_desc *gate)
{
	u64 off = gate->lo & 0xffff;

	if (gate->type == SYS_CALL16)
		return off;
	return off | ((gate->lo >> 32) & 0xffff0000) | gate->hi << 32;
}

/* The inner stack that the TSS has for level @cpl. */
static enum x86_op_result stack_from_tss(struct x86_emu *emu, u8 cpl, bool lma, struct landing *to)
{
	const struct x86_emu_seg *tr = emu_seg(emu, X86_EMU_TR);
	bool wide = tr->type & 8;
	unsigned int at = lma || wide ? TSS32_STACKS + 8 * cpl : TSS16_STACKS + 4 * cpl;
	unsigned int size = lma ? 8 : wide ? 6 : 4;
	u8 buf[8] = { 0 };
	enum x86_op_result r;
	u16 sel;

	if (at + size - 1 > tr->limit)
		return emu_sel_fault(emu, X86_EMU_TS, tr->selector);
	r = emu->ops->read(emu, tr->base + at, buf, size, X86_ACC_SYSTEM);
	if (r)
		return r;
	to->has_ss = true;
	to->rsp = 0;
	if (lma) {
		memcpy(&to->rsp, buf, 8);
		emu_null_seg(emu, X86_EMU_SS, cpl, &to->ss);
		to->ss.dpl = cpl;
		return X86_OP_OK;
	}
	memcpy(&to->rsp, buf, wide ? 4 : 2);
	memcpy(&sel, buf + (wide ? 4 : 2), 2);
	if (is_null(sel))
		return emu_exception(emu, X86_EMU_TS, true, 0);
	return emu_check_stack_seg(emu, sel, cpl, X86_EMU_TS, &to->ss);
}

/* Write a frame on the stack that is being switched to, with its privilege. */
static enum x86_op_result write_frame(struct x86_emu *emu, struct landing *to, const void *frame,
				      unsigned int bytes)
{
	struct x86_emu_seg old_ss = *emu_seg(emu, X86_EMU_SS);
	u64 mask = to->cs.l ? ~0ULL : to->ss.db ? 0xffffffff : 0xffff;
	enum x86_emu_mode old_mode = emu->mode;
	u8 old_cpl = emu->cpl;
	enum x86_op_result r;

	to->rsp = (to->rsp & ~mask) | ((to->rsp - bytes) & mask);
	/* the cache only: set_seg() comes when all is well */
	emu->segs[X86_EMU_SS] = to->ss;
	emu->cpl = to->cpl;
	if (to->cs.l)
		emu->mode = X86_EMU_LONG64;
	r = emu_write(emu, X86_EMU_SS, to->rsp & mask, frame, bytes, X86_ACC_STACK);
	emu->mode = old_mode;
	emu->cpl = old_cpl;
	emu->segs[X86_EMU_SS] = old_ss;
	return r;
}

/* CALL through a gate to more privilege: parameters, old stack and return address move over. */
static enum x86_op_result call_inner(struct x86_emu *emu, const struct emu_desc *gate, bool lma,
				     struct landing *to)
{
	unsigned int size = lma ? 8 : gate->type == SYS_CALL16 ? 2 : 4;
	unsigned int params = lma ? 0 : (gate->lo >> 32) & 31, i;
	u64 ss = emu_seg(emu, X86_EMU_SS)->selector, cs = cs_selector(emu), val;
	unsigned int bytes = (4 + params) * size;
	enum x86_op_result r;
	u8 frame[35 * 8];

	memcpy(frame, &emu->next_rip, size);
	memcpy(frame + size, &cs, size);
	for (i = 0; i < params; i++) {
		r = emu_peek(emu, i * size, &val, size);
		if (r)
			return r;
		memcpy(frame + (2 + i) * size, &val, size);
	}
	memcpy(frame + bytes - 2 * size, &emu->regs[X86_EMU_RSP], size);
	memcpy(frame + bytes - size, &ss, size);
	return write_frame(emu, to, frame, bytes);
}

static enum x86_op_result through_gate(struct x86_emu *emu, struct emu_desc *gate, bool call,
				       bool lma)
{
	struct landing to = { 0 };
	struct emu_desc code;
	enum x86_op_result r;
	bool inner;
	u8 cpl;

	r = open_gate(emu, gate, lma, &code);
	if (r)
		return r;
	inner = !is_conforming(&code) && code.dpl < emu->cpl;
	if (inner && !call)
		return emu_sel_fault(emu, X86_EMU_GP, code.sel);
	cpl = inner ? code.dpl : emu->cpl;
	to.rip = gate_offset(gate);
	if (!code.p)
		return emu_sel_fault(emu, X86_EMU_NP, code.sel);
	if (inner)
		r = stack_from_tss(emu, cpl, lma, &to);
	if (!r)
		r = take_code(emu, &code, cpl, &to);
	if (!r && inner)
		r = call_inner(emu, gate, lma, &to);
	else if (!r && call)
		r = push_return(emu, lma ? 8 : gate->type == SYS_CALL16 ? 2 : 4);
	if (!r)
		land(emu, &to);
	return r;
}

/* A TSS or task gate named by JMP or CALL. */
static enum x86_op_result through_task(struct x86_emu *emu, const struct emu_desc *d, bool call)
{
	enum x86_emu_switch_reason why = call ? X86_EMU_SWITCH_CALL : X86_EMU_SWITCH_JMP;
	u16 sel = d->type == SYS_TASK_GATE ? (u16)(d->lo >> 16) : d->sel;

	if (d->dpl < emu->cpl || d->dpl < (d->sel & 3))
		return emu_sel_fault(emu, X86_EMU_GP, d->sel);
	if (!d->p)
		return emu_sel_fault(emu, X86_EMU_NP, d->sel);
	return emu_switch_task(emu, sel, why, false, 0);
}

static enum x86_op_result through_system(struct x86_emu *emu, struct emu_desc *d, bool call)
{
	bool lma = emu_lma(emu);

	switch (d->type) {
	case SYS_CALL:
		return through_gate(emu, d, call, lma);
	case SYS_CALL16:
		if (lma)
			break;
		return through_gate(emu, d, call, false);
	case SYS_TSS16: case SYS_TSS: case SYS_TASK_GATE:
		if (lma)
			break;
		return through_task(emu, d, call);
	}
	return emu_sel_fault(emu, X86_EMU_GP, d->sel);
}

/* JMP or CALL to @sel:@rip. */
static enum x86_op_result far_transfer(struct x86_emu *emu, u16 sel, u64 rip, unsigned int size,
				       bool call)
{
	struct landing to = { .rip = rip };
	enum x86_op_result r;
	struct emu_desc d;

	if (!emu_protected(emu)) {
		r = real_landing(emu, sel, rip, &to);
	} else {
		if (is_null(sel))
			return emu_gp(emu, 0);
		r = emu_read_desc(emu, sel, X86_EMU_GP, &d);
		if (r)
			return r;
		if (!d.s)
			return through_system(emu, &d, call);
		if (!is_code(&d))
			return emu_sel_fault(emu, X86_EMU_GP, sel);
		r = direct_code(emu, &d, &to);
	}
	if (!r && call)
		r = push_return(emu, size);
	if (!r)
		land(emu, &to);
	return r;
}

enum x86_op_result op_jmp_far(struct x86_emu *emu)
{
	return far_transfer(emu, emu->insn.imm2, emu->insn.imm, emu->insn.op_bytes, false);
}

enum x86_op_result op_call_far(struct x86_emu *emu)
{
	return far_transfer(emu, emu->insn.imm2, emu->insn.imm, emu->insn.op_bytes, true);
}

/* The pointer is in memory: offset, then selector. AMD has no 64-bit offsets there. */
static enum x86_op_result far_from_memory(struct x86_emu *emu, bool call)
{
	unsigned int size = emu->insn.op_bytes;
	enum x86_op_result r;
	u64 rip = 0;
	u8 ptr[10];
	u16 sel;

	if (size == 8 && emu->amd)
		size = 4;
	r = emu_read_operand(emu, 0, ptr, size + 2);
	if (r)
		return r;
	memcpy(&rip, ptr, size);
	memcpy(&sel, ptr + size, 2);
	return far_transfer(emu, sel, rip, size, call);
}

enum x86_op_result op_jmp_far_mem(struct x86_emu *emu)
{
	return far_from_memory(emu, false);
}

enum x86_op_result op_call_far_mem(struct x86_emu *emu)
{
	return far_from_memory(emu, true);
}

/* The code segment that RET or IRET goes back to: never to more privilege. */
static enum x86_op_result return_code(struct x86_emu *emu, u16 sel, struct landing *to)
{
	u8 rpl = sel & 3;
	enum x86_op_result r;
	struct emu_desc d;

	if (is_null(sel))
		return emu_gp(emu, 0);
	r = emu_read_desc(emu, sel, X86_EMU_GP, &d);
	if (r)
		return r;
	if (!is_code(&d) || rpl < emu->cpl || (is_conforming(&d) ? d.dpl > rpl : d.dpl != rpl))
		return emu_sel_fault(emu, X86_EMU_GP, sel);
	return take_code(emu, &d, rpl, to);
}

/* Back to less privilege, and 64-bit IRET always: SS:rSP as well. */
static enum x86_op_result return_stack(struct x86_emu *emu, u16 sel, u64 rsp, struct landing *to)
{
	enum x86_op_result r;
	enum x86_emu_mode old = emu->mode;

	/* Whether a null selector will do depends on the mode that is returned to. */
	emu->mode = to->cs.l ? X86_EMU_LONG64 : X86_EMU_PROT32;
	r = emu_check_stack_seg(emu, sel, to->cpl, X86_EMU_GP, &to->ss);
	emu->mode = old;
	to->has_ss = true;
	to->rsp = rsp;
	return r;
}

/* Data segments that the outer level must not see become null (SDM vol 2, RET). */
static void drop_inner_segments(struct x86_emu *emu, u8 cpl)
{
	static const u8 indices[] = { X86_EMU_ES, X86_EMU_DS, X86_EMU_FS, X86_EMU_GS };
	const struct x86_emu_seg *s;
	struct x86_emu_seg null;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(indices); i++) {
		s = emu_seg(emu, indices[i]);
		if (s->unusable || s->dpl >= cpl ||
		    (s->type & (TYPE_CODE | TYPE_DOWN)) == (TYPE_CODE | TYPE_DOWN))
			continue;
		emu_null_seg(emu, indices[i], 0, &null);
		emu_set_seg(emu, indices[i], &null);
	}
}

/* Land at less privilege, or the same. */
static void land_outer(struct x86_emu *emu, const struct landing *to)
{
	bool outer = to->cpl > emu->cpl;

	land(emu, to);
	if (outer)
		drop_inner_segments(emu, to->cpl);
}

static enum x86_op_result ret_far(struct x86_emu *emu, unsigned int release)
{
	unsigned int size = emu->insn.op_bytes;
	struct landing to = { 0 };
	enum x86_op_result r;
	u64 sel, ss, rsp;

	r = emu_peek(emu, 0, &to.rip, size);
	if (!r)
		r = emu_peek(emu, size, &sel, size);
	if (r)
		return r;
	if (!emu_protected(emu))
		r = real_landing(emu, sel, to.rip, &to);
	else
		r = return_code(emu, sel, &to);
	if (r)
		return r;
	if (to.cpl == emu->cpl) {
		emu_add_rsp(emu, 2 * size + release);
		land(emu, &to);
		return X86_OP_OK;
	}
	r = emu_peek(emu, 2 * size + release, &rsp, size);
	if (!r)
		r = emu_peek(emu, 3 * size + release, &ss, size);
	if (!r)
		r = return_stack(emu, ss, rsp, &to);
	if (r)
		return r;
	land_outer(emu, &to);
	emu_add_rsp(emu, release);
	return X86_OP_OK;
}

enum x86_op_result op_ret_far(struct x86_emu *emu)
{
	return ret_far(emu, emu->insn.opcode == 0xca ? emu->insn.imm : 0);
}

/* What IRET may change of RFLAGS, by privilege and size. */
static u64 iret_flags(const struct x86_emu *emu, unsigned int size)
{
	u64 mask = FL_ARITH | FL_TF | FL_DF | FL_NT;

	if (size > 2)
		mask |= FL_RF | FL_AC | FL_ID;
	if (emu->cpl <= emu_iopl(emu))
		mask |= FL_IF;
	if (!emu->cpl)
		mask |= FL_IOPL | (size > 2 ? FL_VIF | FL_VIP : 0);
	return mask;
}

static enum x86_op_result iret_real(struct x86_emu *emu)
{
	unsigned int size = emu->insn.op_bytes;
	u64 mask = FL_ARITH | FL_TF | FL_IF | FL_DF | FL_NT | FL_IOPL;
	struct landing to = { 0 };
	enum x86_op_result r;
	u64 sel, flags;

	if (emu->mode == X86_EMU_VM86) {
		if (emu_iopl(emu) < 3)
			return emu_gp(emu, 0);
		mask &= ~FL_IOPL;
	}
	if (size > 2)
		mask |= FL_RF | FL_AC | FL_ID;
	r = emu_peek(emu, 0, &to.rip, size);
	if (!r)
		r = emu_peek(emu, size, &sel, size);
	if (!r)
		r = emu_peek(emu, 2 * size, &flags, size);
	if (!r)
		r = real_landing(emu, sel, to.rip, &to);
	if (r)
		return r;
	emu_add_rsp(emu, 3 * size);
	emu_set_flags(emu, mask, flags);
	land(emu, &to);
	return X86_OP_OK;
}

/* From level 0 to virtual-8086 mode: the frame has all segment registers. */
static enum x86_op_result iret_to_vm86(struct x86_emu *emu, u32 eip, u16 cs, u32 flags)
{
	static const u8 order[] = { X86_EMU_SS, X86_EMU_ES, X86_EMU_DS, X86_EMU_FS, X86_EMU_GS };
	struct x86_emu_seg seg;
	u64 vals[6];
	unsigned int i;
	enum x86_op_result r;

	for (i = 0; i < 6; i++) {		/* ESP, then the five of order[] */
		r = emu_peek(emu, 12 + 4 * i, &vals[i], 4);
		if (r)
			return r;
	}
	emu_set_flags(emu, FL_ARITH | FL_TF | FL_IF | FL_DF | FL_IOPL | FL_NT | FL_RF | FL_VM |
		      FL_AC | FL_VIF | FL_VIP | FL_ID, flags);
	emu->mode = X86_EMU_VM86;
	emu->cpl = 3;
	emu_real_seg(emu, X86_EMU_CS, cs, &seg);
	emu_set_seg(emu, X86_EMU_CS, &seg);
	for (i = 0; i < 5; i++) {
		emu_real_seg(emu, order[i], vals[i + 1], &seg);
		emu_set_seg(emu, order[i], &seg);
	}
	emu->regs[X86_EMU_RSP] = vals[0];
	emu->rip = eip & 0xffff;
	return X86_OP_OK;
}

/* IRET with NT set goes back to the task that the back link names. */
static enum x86_op_result iret_task(struct x86_emu *emu)
{
	enum x86_op_result r;
	u16 link;

	if (emu_lma(emu))
		return emu_gp(emu, 0);
	r = emu->ops->read(emu, emu_seg(emu, X86_EMU_TR)->base, &link, 2, X86_ACC_SYSTEM);
	if (r)
		return r;
	return emu_switch_task(emu, link, X86_EMU_SWITCH_IRET, false, 0);
}

static enum x86_op_result iret_protected(struct x86_emu *emu)
{
	unsigned int size = emu->insn.op_bytes;
	u64 mask = iret_flags(emu, size), sel, flags, rsp, ss;
	struct landing to = { 0 };
	enum x86_op_result r;

	r = emu_peek(emu, 0, &to.rip, size);
	if (!r)
		r = emu_peek(emu, size, &sel, size);
	if (!r)
		r = emu_peek(emu, 2 * size, &flags, size);
	if (r)
		return r;
	if (flags & FL_VM && size == 4 && !emu->cpl && !emu_lma(emu))
		return iret_to_vm86(emu, to.rip, sel, flags);
	r = return_code(emu, sel, &to);
	if (r)
		return r;
	if (to.cpl == emu->cpl && !emu_long64(emu)) {
		emu_add_rsp(emu, 3 * size);
	} else {
		r = emu_peek(emu, 3 * size, &rsp, size);
		if (!r)
			r = emu_peek(emu, 4 * size, &ss, size);
		if (!r)
			r = return_stack(emu, ss, rsp, &to);
		if (r)
			return r;
	}
	emu_set_flags(emu, mask, flags);
	land_outer(emu, &to);
	return X86_OP_OK;
}

enum x86_op_result op_iret(struct x86_emu *emu)
{
	enum x86_op_result r;

	r = emu_intercept(emu, X86_EMU_STAGE_CHECKED);
	if (r)
		return r;
	if (!emu_protected(emu))
		r = iret_real(emu);
	else if (emu->rflags & FL_NT)
		r = iret_task(emu);
	else
		r = iret_protected(emu);
	if (!r && emu->ops->nmi_unmask)
		emu->ops->nmi_unmask(emu);
	return r;
}

/* An interrupt in real mode: FLAGS, CS and IP on the stack, CS:IP from the vector table. */
static enum x86_op_result int_real(struct x86_emu *emu, u8 vector, u64 return_ip)
{
	struct landing to = { 0 };
	struct x86_emu_table idt;
	enum x86_op_result r;
	u16 frame[3], entry[2];

	emu->ops->get_dt(emu, X86_EMU_IDT, &idt);
	if (4 * vector + 3 > idt.limit)
		return emu_gp(emu, 0);
	r = emu->ops->read(emu, (u32)(idt.base + 4 * vector), entry, 4, X86_ACC_SYSTEM);
	if (!r)
		r = real_landing(emu, entry[1], entry[0], &to);
	if (r)
		return r;
	frame[0] = return_ip;
	frame[1] = cs_selector(emu);
	frame[2] = emu->rflags;
	r = emu_push_block(emu, frame, sizeof(frame), 2);
	if (r)
		return r;
	emu->rflags &= ~(FL_IF | FL_TF | FL_AC | FL_RF);
	land(emu, &to);
	return X86_OP_OK;
}

enum x86_emu_outcome x86_emu_int_real(struct x86_emu *emu, u8 vector)
{
	enum x86_op_result r;

	emu_begin(emu);
	r = int_real(emu, vector, emu->rip);
	if (r)
		emu_roll_back(emu);
	return emu_outcome(r);
}

/* Outside real mode the hardware delivers it: the caller injects a software interrupt. */
static enum x86_op_result software_int(struct x86_emu *emu, u8 vector)
{
	if (emu->mode == X86_EMU_REAL)
		return int_real(emu, vector, emu->next_rip);
	emu_exception(emu, vector, false, 0);
	emu->exception.software = true;
	return X86_OP_FAULT;
}

enum x86_op_result op_int(struct x86_emu *emu)
{
	enum x86_op_result r;

	if (emu->mode == X86_EMU_VM86 && emu_iopl(emu) < 3)
		return emu_gp(emu, 0);
	r = emu_intercept(emu, X86_EMU_STAGE_CHECKED);
	return r ? r : software_int(emu, emu->insn.imm);
}

enum x86_op_result op_int3(struct x86_emu *emu)
{
	return software_int(emu, X86_EMU_BP);
}

enum x86_op_result op_into(struct x86_emu *emu)
{
	return emu->rflags & FL_OF ? software_int(emu, X86_EMU_OF) : X86_OP_OK;
}
