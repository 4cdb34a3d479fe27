// SPDX-License-Identifier: GPL-2.0-only
/*
 * Segment registers: reading and checking descriptors, and the instructions that load and look at
 * them (SDM vol 3, chapters 3 and 5; vol 2 for each instruction).
 *
 * A load has two halves. The first reads the descriptor, checks it and sets its accessed bit; it
 * may fault, and has no effect on registers. The second hands the result to set_seg(), and cannot
 * fail. An instruction that does more than one thing does all its first halves first.
 */
#include "segment.h"

bool emu_lma(struct x86_emu *emu)
{
	if (emu_long64(emu))
		return true;
	return emu_protected(emu) && emu_msr(emu, MSR_EFER_NR) & EFER_LMA;
}

static void unpack(struct emu_desc *d)
{
	d->type = (d->lo >> 40) & 15;
	d->s = (d->lo >> 44) & 1;
	d->dpl = (d->lo >> 45) & 3;
	d->p = (d->lo >> 47) & 1;
	d->l = (d->lo >> 53) & 1;
	d->db = (d->lo >> 54) & 1;
}

/* Where a selector's descriptor stands; false when its table is not there or ends before. */
static bool desc_address(struct x86_emu *emu, u16 sel, unsigned int bytes, u64 *addr)
{
	unsigned int offset = sel & ~7;
	const struct x86_emu_seg *ldt;
	struct x86_emu_table gdt;

	if (sel & 4) {
		ldt = emu_seg(emu, X86_EMU_LDTR);
		if (ldt->unusable || offset + bytes - 1 > ldt->limit)
			return false;
		*addr = ldt->base + offset;
	} else {
		emu->ops->get_dt(emu, X86_EMU_GDT, &gdt);
		if (offset + bytes - 1 > gdt.limit)
			return false;
		*addr = gdt.base + offset;
	}
	if (!emu_long64(emu))
		*addr = (u32)*addr;
	return true;
}

/**
 * emu_read_desc - read a selector's descriptor
 * @emu: running
 * @sel: not null
 * @vector: the fault when it lies outside its table: #GP, #TS ...
 * @d: the result
 *
 * Return: X86_OP_OK, X86_OP_FAULT, or what the read met.
 */
enum x86_op_result emu_read_desc(struct x86_emu *emu, u16 sel, unsigned int vector,
				 struct emu_desc *d)
{
	enum x86_op_result r;

	memset(d, 0, sizeof(*d));
	d->sel = sel;
	if (!desc_address(emu, sel, 8, &d->addr))
		return emu_sel_fault(emu, vector, sel);
	r = emu->ops->read(emu, d->addr, &d->lo, 8, X86_ACC_SYSTEM);
	if (!r)
		unpack(d);
	return r;
}

/* In long mode system descriptors have 16 bytes; the second type field must be 0. */
enum x86_op_result emu_read_desc_upper(struct x86_emu *emu, unsigned int vector,
				       struct emu_desc *d)
{
	enum x86_op_result r;
	u64 addr;

	if (!desc_address(emu, d->sel, 16, &addr))
		return emu_sel_fault(emu, vector, d->sel);
	r = emu->ops->read(emu, addr + 8, &d->hi, 8, X86_ACC_SYSTEM);
	if (!r && (d->hi >> 40) & 31)
		return emu_sel_fault(emu, vector, d->sel);
	return r;
}

/* Change the type in memory: atomically, since other CPUs read and change descriptors as well. */
enum x86_op_result emu_set_desc_type(struct x86_emu *emu, struct emu_desc *d, u8 type)
{
	u8 old = d->lo >> 40, new = (old & 0xf0) | type;
	enum x86_op_result r;

	r = emu->ops->compare_swap(emu, d->addr + 5, &old, &new, 1,
			      X86_ACC_SYSTEM | X86_ACC_WRITE | X86_ACC_LOCKED);
	if (r)
		return r;
	d->lo = (d->lo & ~(0xffULL << 40)) | (u64)new << 40;
	d->type = type;
	return X86_OP_OK;
}

enum x86_op_result emu_mark_accessed(struct x86_emu *emu, struct emu_desc *d)
{
	if (d->type & TYPE_ACCESSED)
		return X86_OP_OK;
	return emu_set_desc_type(emu, d, d->type | TYPE_ACCESSED);
}

static u32 desc_limit(const struct emu_desc *d)
{
	u32 limit = (d->lo & 0xffff) | ((d->lo >> 32) & 0xf0000);

	return (d->lo >> 55) & 1 ? limit << 12 | 0xfff : limit;
}

void emu_desc_to_seg(const struct emu_desc *d, struct x86_emu_seg *seg)
{
	*seg = (struct x86_emu_seg) {
		.base = ((d->lo >> 16) & 0xffffff) | ((d->lo >> 32) & 0xff000000) | d->hi << 32,
		.limit = desc_limit(d),
		.selector = d->sel,
		.type = d->type,
		.dpl = d->dpl,
		.s = d->s,
		.p = d->p,
		.avl = (d->lo >> 52) & 1,
		.l = d->l,
		.db = d->db,
		.g = (d->lo >> 55) & 1,
	};
}

/* AMD CPUs leave a null segment's base as it was, Intel's clear it. */
void emu_null_seg(struct x86_emu *emu, unsigned int index, u16 sel, struct x86_emu_seg *seg)
{
	*seg = (struct x86_emu_seg) {
		.base = emu->amd ? emu_seg(emu, index)->base : 0,
		.selector = sel,
		.unusable = true,
	};
}

/*
 * Real mode changes selector and base and nothing else, so a big limit survives; virtual-8086 mode
 * has fixed rights.
 */
void emu_real_seg(struct x86_emu *emu, unsigned int index, u16 sel, struct x86_emu_seg *seg)
{
	if (emu->mode == X86_EMU_REAL)
		*seg = *emu_seg(emu, index);
	else
		*seg = (struct x86_emu_seg) {
			.limit = 0xffff, .type = 3, .s = true, .p = true, .dpl = 3,
		};
	seg->selector = sel;
	seg->base = (u32)sel << 4;
}

/* What SYSCALL and its kin load without looking at any table. */
void emu_flat_seg(u16 sel, bool code, bool long_mode, u8 dpl, struct x86_emu_seg *seg)
{
	*seg = (struct x86_emu_seg) {
		.limit = ~0U,
		.selector = sel,
		.type = code ? 11 : 3,
		.dpl = dpl,
		.s = true,
		.p = true,
		.l = code && long_mode,
		.db = !(code && long_mode),
		.g = true,
	};
}

/**
 * emu_check_stack_seg - first half of a load of SS
 * @emu: running
 * @sel: the new selector
 * @cpl: the privilege it must have
 * @vector: #GP, or #TS in a task switch and on the way to an inner stack
 * @seg: the result
 *
 * Return: X86_OP_OK, X86_OP_FAULT, or what an access met.
 */
enum x86_op_result emu_check_stack_seg(struct x86_emu *emu, u16 sel, u8 cpl, unsigned int vector,
				       struct x86_emu_seg *seg)
{
	enum x86_op_result r;
	struct emu_desc d;

	if (is_null(sel)) {
		/* A 64-bit kernel, and only it, may run without a stack segment. */
		if (!emu_long64(emu) || cpl == 3 || (sel & 3) != cpl)
			return emu_exception(emu, vector, true, 0);
		emu_null_seg(emu, X86_EMU_SS, sel, seg);
		seg->dpl = cpl;
		return X86_OP_OK;
	}
	r = emu_read_desc(emu, sel, vector, &d);
	if (r)
		return r;
	if ((sel & 3) != cpl || d.dpl != cpl || !d.s ||
	    (d.type & (TYPE_CODE | TYPE_WRITE)) != TYPE_WRITE)
		return emu_sel_fault(emu, vector, sel);
	if (!d.p)
		return emu_sel_fault(emu, X86_EMU_SF, sel);
	r = emu_mark_accessed(emu, &d);
	emu_desc_to_seg(&d, seg);
	return r;
}

/* First half of a load of DS, ES, FS or GS: as emu_check_stack_seg(). */
enum x86_op_result emu_check_data_seg(struct x86_emu *emu, unsigned int index, u16 sel, u8 cpl,
				      unsigned int vector, struct x86_emu_seg *seg)
{
	enum x86_op_result r;
	struct emu_desc d;

	if (is_null(sel)) {
		emu_null_seg(emu, index, sel, seg);
		return X86_OP_OK;
	}
	r = emu_read_desc(emu, sel, vector, &d);
	if (r)
		return r;
	if (!d.s || (d.type & (TYPE_CODE | TYPE_WRITE)) == TYPE_CODE)
		return emu_sel_fault(emu, vector, sel);
	if (!is_conforming(&d) && ((sel & 3) > d.dpl || cpl > d.dpl))
		return emu_sel_fault(emu, vector, sel);
	if (!d.p)
		return emu_sel_fault(emu, X86_EMU_NP, sel);
	r = emu_mark_accessed(emu, &d);
	emu_desc_to_seg(&d, seg);
	return r;
}

static enum x86_op_result load_seg(struct x86_emu *emu, unsigned int index, u16 sel)
{
	enum x86_op_result r = X86_OP_OK;
	struct x86_emu_seg seg;

	if (!emu_protected(emu))
		emu_real_seg(emu, index, sel, &seg);
	else if (index == X86_EMU_SS)
		r = emu_check_stack_seg(emu, sel, emu->cpl, X86_EMU_GP, &seg);
	else
		r = emu_check_data_seg(emu, index, sel, emu->cpl, X86_EMU_GP, &seg);
	if (!r)
		emu_set_seg(emu, index, &seg);
	return r;
}

enum x86_op_result op_mov_from_sreg(struct x86_emu *emu)
{
	emu->dst.val = emu_seg(emu, emu->insn.reg & 7)->selector;
	return X86_OP_OK;
}

enum x86_op_result op_mov_to_sreg(struct x86_emu *emu)
{
	unsigned int index = emu->insn.reg & 7;

	emu->interrupt_shadow = index == X86_EMU_SS;
	return load_seg(emu, index, emu->src.val);
}

/* The register is in the opcode: 06, 0E, 16, 1E, and 0F A0, 0F A8. */
static unsigned int sreg_of_opcode(const struct x86_emu *emu)
{
	return (emu->insn.opcode >> 3) & 7;
}

enum x86_op_result op_push_sreg(struct x86_emu *emu)
{
	return emu_push(emu, emu_seg(emu, sreg_of_opcode(emu))->selector, emu->insn.op_bytes);
}

enum x86_op_result op_pop_sreg(struct x86_emu *emu)
{
	unsigned int index = sreg_of_opcode(emu), size = emu->insn.op_bytes;
	enum x86_op_result r;
	u64 val;

	r = emu_pop(emu, &val, size);		/* by the width of the old stack segment */
	if (r)
		return r;
	emu->interrupt_shadow = index == X86_EMU_SS;
	return load_seg(emu, index, val);
}

/* LES, LDS, LSS, LFS, LGS: a far pointer from memory. */
enum x86_op_result op_load_far(struct x86_emu *emu)
{
	static const u8 index[8] = {
		[0xb2 & 7] = X86_EMU_SS, [0xb4 & 7] = X86_EMU_FS, [0xb5 & 7] = X86_EMU_GS,
	};
	unsigned int size = emu->insn.op_bytes;
	enum x86_op_result r;
	unsigned int seg;
	u8 ptr[10];
	u64 off = 0;
	u16 sel;

	if (size == 8 && emu->amd)		/* REX.W has no effect there */
		size = 4;
	r = emu_read_operand(emu, 0, ptr, size + 2);
	if (r)
		return r;
	memcpy(&off, ptr, size);
	memcpy(&sel, ptr + size, 2);
	if (emu->insn.map)
		seg = index[emu->insn.opcode & 7];
	else
		seg = emu->insn.opcode == 0xc4 ? X86_EMU_ES : X86_EMU_DS;
	r = load_seg(emu, seg, sel);
	if (!r)
		emu_set_reg(emu, emu->insn.reg, size, off);
	emu->own_writeback = true;
	return r;
}

/* User-mode instruction prevention: SGDT, SIDT, SLDT, STR, SMSW. */
static enum x86_op_result check_umip(struct x86_emu *emu)
{
	if (emu->cpl && emu->ops->get_cr(emu, 4) & CR4_UMIP)
		return emu_gp(emu, 0);
	return emu_intercept(emu, X86_EMU_STAGE_CHECKED);
}

enum x86_op_result op_sldt(struct x86_emu *emu)
{
	emu->dst.val = emu_seg(emu, X86_EMU_LDTR)->selector;
	return check_umip(emu);
}

enum x86_op_result op_str(struct x86_emu *emu)
{
	emu->dst.val = emu_seg(emu, X86_EMU_TR)->selector;
	return check_umip(emu);
}

/* First half of a load of LDTR: from the GDT, an LDT, present; or null. */
enum x86_op_result emu_check_ldt(struct x86_emu *emu, u16 sel, unsigned int vector,
				 struct x86_emu_seg *seg)
{
	enum x86_op_result r;
	struct emu_desc d;

	if (is_null(sel)) {
		emu_null_seg(emu, X86_EMU_LDTR, sel, seg);
		return X86_OP_OK;
	}
	if (sel & 4)
		return emu_sel_fault(emu, vector, sel);
	r = emu_read_desc(emu, sel, vector, &d);
	if (r)
		return r;
	if (d.s || d.type != SYS_LDT)
		return emu_sel_fault(emu, vector, sel);
	if (!d.p)
		return emu_sel_fault(emu, vector == X86_EMU_TS ? vector : X86_EMU_NP, sel);
	if (emu_lma(emu))
		r = emu_read_desc_upper(emu, vector, &d);
	emu_desc_to_seg(&d, seg);
	return r;
}

enum x86_op_result op_lldt(struct x86_emu *emu)
{
	struct x86_emu_seg seg;
	enum x86_op_result r;

	r = emu_check_ldt(emu, emu->src.val, X86_EMU_GP, &seg);
	if (!r)
		emu_set_seg(emu, X86_EMU_LDTR, &seg);
	return r;
}

/* LTR: an available TSS, which becomes busy. Long mode knows no 16-bit ones. */
enum x86_op_result op_ltr(struct x86_emu *emu)
{
	u16 sel = emu->src.val;
	struct x86_emu_seg seg;
	enum x86_op_result r;
	struct emu_desc d;
	bool lma;

	if (is_null(sel))
		return emu_gp(emu, 0);
	if (sel & 4)
		return emu_sel_fault(emu, X86_EMU_GP, sel);
	lma = emu_lma(emu);
	r = emu_read_desc(emu, sel, X86_EMU_GP, &d);
	if (r)
		return r;
	if (d.s || (d.type != SYS_TSS && (lma || d.type != SYS_TSS16)))
		return emu_sel_fault(emu, X86_EMU_GP, sel);
	if (!d.p)
		return emu_sel_fault(emu, X86_EMU_NP, sel);
	if (lma)
		r = emu_read_desc_upper(emu, X86_EMU_GP, &d);
	if (!r)
		r = emu_set_desc_type(emu, &d, d.type | 2);
	if (r)
		return r;
	emu_desc_to_seg(&d, &seg);
	emu_set_seg(emu, X86_EMU_TR, &seg);
	return X86_OP_OK;
}

/*
 * The looking instructions (LAR, LSL, VERR, VERW) never fault for a bad selector: they clear ZF.
 * So what reading the descriptor says is turned into false, but for a page fault.
 */
static enum x86_op_result look_at(struct x86_emu *emu, u16 sel, struct emu_desc *d, bool *ok)
{
	enum x86_op_result r;
	u64 addr;

	emu->rflags &= ~FL_ZF;
	*ok = !is_null(sel) && desc_address(emu, sel, 8, &addr);
	if (!*ok)
		return X86_OP_OK;
	r = emu_read_desc(emu, sel, X86_EMU_GP, d);
	if (!r && !is_conforming(d) && (emu->cpl > d->dpl || (sel & 3) > d->dpl))
		*ok = false;
	return r;
}

/* Which system types LAR and LSL accept: a bit each; fewer of them in long mode. */
#define LAR_TYPES	0x1a3e		/* 1 2 3 4 5 9 11 12 */
#define LAR_TYPES_LONG	0x1a04		/* 2 9 11 12 */
#define LSL_TYPES	0x0a0e		/* 1 2 3 9 11 */
#define LSL_TYPES_LONG	0x0a04		/* 2 9 11 */

enum x86_op_result op_lar(struct x86_emu *emu)
{
	u32 types = emu_lma(emu) ? LAR_TYPES_LONG : LAR_TYPES;
	enum x86_op_result r;
	struct emu_desc d;
	bool ok;

	r = look_at(emu, emu->src.val, &d, &ok);
	if (r || !ok || !(d.s || types >> d.type & 1)) {
		emu->own_writeback = true;
		return r;
	}
	emu->dst.val = (d.lo >> 32) & 0x00ffff00;
	emu->rflags |= FL_ZF;
	return X86_OP_OK;
}

enum x86_op_result op_lsl(struct x86_emu *emu)
{
	u32 types = emu_lma(emu) ? LSL_TYPES_LONG : LSL_TYPES;
	enum x86_op_result r;
	struct emu_desc d;
	bool ok;

	r = look_at(emu, emu->src.val, &d, &ok);
	if (r || !ok || !(d.s || types >> d.type & 1)) {
		emu->own_writeback = true;
		return r;
	}
	emu->dst.val = desc_limit(&d);
	emu->rflags |= FL_ZF;
	return X86_OP_OK;
}

static enum x86_op_result verify(struct x86_emu *emu, bool write)
{
	enum x86_op_result r;
	struct emu_desc d;
	bool ok;

	r = look_at(emu, emu->src.val, &d, &ok);
	if (r || !ok || !d.s)
		return r;
	if (write)
		ok = (d.type & (TYPE_CODE | TYPE_WRITE)) == TYPE_WRITE;
	else
		ok = !(d.type & TYPE_CODE) || d.type & TYPE_WRITE;
	if (ok)
		emu->rflags |= FL_ZF;
	return X86_OP_OK;
}

enum x86_op_result op_verr(struct x86_emu *emu)
{
	return verify(emu, false);
}

enum x86_op_result op_verw(struct x86_emu *emu)
{
	return verify(emu, true);
}

enum x86_op_result op_arpl(struct x86_emu *emu)
{
	u64 rpl = emu->src.val & 3;

	if ((emu->dst.val & 3) < rpl) {
		emu->dst.val = (emu->dst.val & ~3ULL) | rpl;
		emu->rflags |= FL_ZF;
	} else {
		emu->own_writeback = emu->dst.kind == X86_EMU_OPND_REG;
		emu->rflags &= ~FL_ZF;
	}
	return X86_OP_OK;
}

static enum x86_op_result store_table(struct x86_emu *emu, enum x86_emu_dt dt)
{
	unsigned int size = emu_long64(emu) ? 8 : 4;
	struct x86_emu_table t;
	enum x86_op_result r;
	u8 buf[10];

	r = check_umip(emu);
	if (r)
		return r;
	emu->ops->get_dt(emu, dt, &t);
	memcpy(buf, &t.limit, 2);
	memcpy(buf + 2, &t.base, size);
	return emu_write_operand(emu, 0, buf, size + 2);
}

enum x86_op_result op_sgdt(struct x86_emu *emu)
{
	return store_table(emu, X86_EMU_GDT);
}

enum x86_op_result op_sidt(struct x86_emu *emu)
{
	return store_table(emu, X86_EMU_IDT);
}

/* With 16-bit operands the base has 24 bits. */
static enum x86_op_result load_table(struct x86_emu *emu, enum x86_emu_dt dt)
{
	unsigned int size = emu_long64(emu) ? 8 : 4;
	struct x86_emu_table t = { 0 };
	enum x86_op_result r;
	u8 buf[10];

	r = emu_read_operand(emu, 0, buf, size + 2);
	if (r)
		return r;
	memcpy(&t.limit, buf, 2);
	memcpy(&t.base, buf + 2, size);
	if (size == 4 && emu->insn.op_bytes == 2)
		t.base &= 0xffffff;
	if (!emu_canonical(emu, t.base))
		return emu_gp(emu, 0);
	emu->ops->set_dt(emu, dt, &t);
	return X86_OP_OK;
}

enum x86_op_result op_lgdt(struct x86_emu *emu)
{
	return load_table(emu, X86_EMU_GDT);
}

enum x86_op_result op_lidt(struct x86_emu *emu)
{
	return load_table(emu, X86_EMU_IDT);
}
