// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operands: registers by size, segmentation, memory, the stack.
 *
 * All memory goes through emu_linear(), which applies a segment's base, limit and type, or in
 * 64-bit mode the canonical form (SDM vol 3, 5.3 and 5.4; vol 1, 3.3.7.1). So nothing reaches an op
 * that the segment does not allow.
 */
#include "internal.h"

u64 emu_mask(unsigned int bytes)
{
	return bytes >= 8 ? ~0ULL : (1ULL << (8 * bytes)) - 1;
}

s64 emu_sext(u64 val, unsigned int bytes)
{
	switch (bytes) {
	case 0:
		return 0;
	case 1:
		return (s8)val;
	case 2:
		return (s16)val;
	case 4:
		return (s32)val;
	}
	return (s64)val;
}

/* Without REX, byte registers 4 to 7 are AH, CH, DH, BH. */
static bool is_high_byte(const struct x86_emu *emu, unsigned int reg, unsigned int size)
{
	return size == 1 && reg >= 4 && reg < 8 && !emu->insn.rex;
}

u64 emu_reg(const struct x86_emu *emu, unsigned int reg, unsigned int size)
{
	if (is_high_byte(emu, reg, size))
		return (emu->regs[reg & 3] >> 8) & 0xff;
	return emu->regs[reg & 15] & emu_mask(size);
}

/* A 32-bit result clears the upper half, smaller ones leave the rest alone (SDM vol 1, 3.4.1.1). */
void emu_set_reg(struct x86_emu *emu, unsigned int reg, unsigned int size, u64 val)
{
	u64 mask = emu_mask(size);

	if (is_high_byte(emu, reg, size)) {
		reg &= 3;
		mask <<= 8;
		val <<= 8;
	} else if (size == 4) {
		val &= mask;
		mask = ~0ULL;
	}
	reg &= 15;
	emu->regs[reg] = (emu->regs[reg] & ~mask) | (val & mask);
}

const struct x86_emu_seg *emu_seg(struct x86_emu *emu, unsigned int seg)
{
	if (!(emu->seg_cached & (1U << seg))) {
		emu->ops->get_seg(emu, seg, &emu->segs[seg]);
		emu->seg_cached |= 1U << seg;
	}
	return &emu->segs[seg];
}

void emu_set_seg(struct x86_emu *emu, unsigned int seg, const struct x86_emu_seg *val)
{
	emu->segs[seg] = *val;
	emu->seg_cached |= 1U << seg;
	emu->ops->set_seg(emu, seg, val);
}

/* An MSR that the CPU reads by itself: this cannot fail. */
u64 emu_msr(struct x86_emu *emu, u32 index)
{
	u64 val = 0;

	emu->msr_explicit = false;
	return emu->ops->read_msr(emu, index, &val) ? 0 : val;
}

bool emu_canonical(const struct x86_emu *emu, u64 addr)
{
	unsigned int shift = 64 - emu->va_bits;

	return (u64)((s64)(addr << shift) >> shift) == addr;
}

/* Type checks of protected mode; real and virtual-8086 mode have only limits. */
static bool seg_type_allows(const struct x86_emu *emu, const struct x86_emu_seg *s, bool write)
{
	bool code = s->type & 8;

	if (!emu_protected(emu))
		return true;
	if (s->unusable || !s->p)
		return false;
	if (write)
		return !code && s->type & 2;
	return !code || s->type & 2;
}

static bool seg_limit_allows(const struct x86_emu *emu, const struct x86_emu_seg *s, u64 ea,
			     unsigned int size)
{
	u64 last = ea + size - 1;

	if (emu_protected(emu) && (s->type & 0xc) == 4)		/* expand-down data */
		return ea > s->limit && last <= (s->db ? 0xffffffffU : 0xffffU);
	return last <= s->limit;
}

/**
 * emu_linear - from an offset in a segment to a linear address
 * @emu: running
 * @seg: which segment
 * @ea: offset in it, already cut to the address size
 * @size: bytes from there that will be accessed, at least 1
 * @acc: X86_ACC_*; WRITE says which rights are needed
 * @linear: the result
 *
 * Return: X86_OP_OK, or X86_OP_FAULT: #SS(0) for the stack segment, else #GP(0).
 */
enum x86_op_result emu_linear(struct x86_emu *emu, unsigned int seg, u64 ea, unsigned int size,
			      unsigned int acc, u64 *linear)
{
	const struct x86_emu_seg *s;
	bool ok;

	if (emu_long64(emu)) {
		*linear = ea;
		if (seg == X86_EMU_FS || seg == X86_EMU_GS)
			*linear += emu_seg(emu, seg)->base;
		ok = emu_canonical(emu, *linear) && emu_canonical(emu, *linear + size - 1);
	} else {
		s = emu_seg(emu, seg);
		*linear = (u32)(s->base + ea);
		ok = seg_type_allows(emu, s, acc & X86_ACC_WRITE) &&
		     seg_limit_allows(emu, s, ea, size);
	}
	if (ok)
		return X86_OP_OK;
	return emu_exception(emu, seg == X86_EMU_SS ? X86_EMU_SF : X86_EMU_GP, true, 0);
}

enum x86_op_result emu_read(struct x86_emu *emu, unsigned int seg, u64 ea, void *buf,
			    unsigned int size, unsigned int acc)
{
	enum x86_op_result r;
	u64 linear;

	r = emu_linear(emu, seg, ea, size, acc, &linear);
	return r ? r : emu->ops->read(emu, linear, buf, size, acc);
}

enum x86_op_result emu_write(struct x86_emu *emu, unsigned int seg, u64 ea, const void *buf,
			     unsigned int size, unsigned int acc)
{
	enum x86_op_result r;
	u64 linear;

	acc |= X86_ACC_WRITE;
	r = emu_linear(emu, seg, ea, size, acc, &linear);
	return r ? r : emu->ops->write(emu, linear, buf, size, acc);
}

/* The flags of an access to the explicit memory operand. */
unsigned int emu_acc(const struct x86_emu *emu)
{
	unsigned int acc = 0;

	if (emu->from_fault && x86_emu_one_memory_operand(emu))
		acc |= X86_ACC_FAULTED;
	if (emu->insn.lock || emu->insn.row->flags & F_LOCKED)
		acc |= X86_ACC_LOCKED;
	return acc;
}

/* For what does not fit an integer operand: @size bytes of the memory operand, from @offset on. */
enum x86_op_result emu_read_operand(struct x86_emu *emu, unsigned int offset, void *buf,
				    unsigned int size)
{
	u64 ea = (emu->ea + offset) & emu_mask(emu->insn.ad_bytes);

	return emu_read(emu, emu->insn.seg, ea, buf, size, emu_acc(emu));
}

enum x86_op_result emu_write_operand(struct x86_emu *emu, unsigned int offset, const void *buf,
				     unsigned int size)
{
	u64 ea = (emu->ea + offset) & emu_mask(emu->insn.ad_bytes);

	return emu_write(emu, emu->insn.seg, ea, buf, size, emu_acc(emu));
}

static void compute_address(struct x86_emu *emu)
{
	const struct x86_emu_insn *insn = &emu->insn;
	const struct x86_emu_row *row = insn->row;
	u64 ea = insn->disp;

	if (row->dst == OP_OB || row->dst == OP_OV || row->src == OP_OB || row->src == OP_OV)
		ea = insn->imm;
	if (insn->rip_relative)
		ea += emu->next_rip;
	if (insn->base < X86_EMU_NR_REGS)
		ea += emu->regs[insn->base];
	if (insn->base == X86_EMU_RSP && row->flags & F_POP)
		ea += insn->op_bytes;
	if (insn->index < X86_EMU_NR_REGS)
		ea += emu->regs[insn->index] << insn->scale;
	emu->ea = ea & emu_mask(insn->ad_bytes);
}

/* BT and the like with a register: the offset may reach any byte of memory, signed. */
static void move_by_bit_offset(struct x86_emu *emu)
{
	unsigned int size = emu->insn.op_bytes;
	s64 bit = emu_sext(emu->src.val, size);
	s64 unit = bit >> (size == 8 ? 6 : size == 4 ? 5 : 4);

	emu->ea = (emu->ea + unit * size) & emu_mask(emu->insn.ad_bytes);
}

struct operand_spec {
	u8 from;
	u8 size;		/* 0: the operand size */
};

enum operand_source { FROM_NONE, FROM_RM, FROM_REG, FROM_OPCODE, FROM_FIXED, FROM_MEM, FROM_IMM };

static const struct operand_spec specs[OP_NR_CODES] = {
	[OP_EB] = { FROM_RM, 1 }, [OP_EW] = { FROM_RM, 2 }, [OP_ED] = { FROM_RM, 4 },
	[OP_EV] = { FROM_RM, 0 }, [OP_EY] = { FROM_RM, 0 }, [OP_RV_MW] = { FROM_RM, 0 },
	[OP_GB] = { FROM_REG, 1 }, [OP_GW] = { FROM_REG, 2 }, [OP_GV] = { FROM_REG, 0 },
	[OP_GY] = { FROM_REG, 0 },
	[OP_ZB] = { FROM_OPCODE, 1 }, [OP_ZV] = { FROM_OPCODE, 0 },
	[OP_AL] = { FROM_FIXED, 1 }, [OP_AX] = { FROM_FIXED, 0 },
	[OP_AX16] = { FROM_FIXED, 2 }, [OP_CL] = { FROM_FIXED, 1 },
	[OP_DX] = { FROM_FIXED, 2 },
	[OP_OB] = { FROM_MEM, 1 }, [OP_OV] = { FROM_MEM, 0 },
	[OP_1] = { FROM_IMM, 1 }, [OP_IB] = { FROM_IMM, 1 }, [OP_IBS] = { FROM_IMM, 0 },
	[OP_IW] = { FROM_IMM, 2 }, [OP_IZ] = { FROM_IMM, 0 }, [OP_IV] = { FROM_IMM, 0 },
	[OP_JB] = { FROM_IMM, 8 }, [OP_JZ] = { FROM_IMM, 8 }, [OP_AP] = { FROM_IMM, 8 },
	[OP_IB2] = { FROM_IMM, 1 },
};

static unsigned int operand_size(const struct x86_emu *emu, u8 code)
{
	const struct x86_emu_insn *insn = &emu->insn;

	if (code == OP_RV_MW && insn->mod != 3)
		return 2;
	if ((code == OP_GY || code == OP_EY) && insn->op_bytes == 2)
		return 4;
	return specs[code].size ? specs[code].size : insn->op_bytes;
}

/* Where an operand is and how wide; immediates get their value at once. */
static void locate_operand(struct x86_emu *emu, struct x86_emu_operand *o, u8 code)
{
	const struct x86_emu_insn *insn = &emu->insn;

	o->size = operand_size(emu, code);
	o->kind = X86_EMU_OPND_REG;
	switch (specs[code].from) {
	case FROM_RM:
		o->reg = insn->rm;
		if (insn->mod != 3)
			o->kind = X86_EMU_OPND_MEM;
		break;
	case FROM_REG:
		o->reg = insn->reg;
		break;
	case FROM_OPCODE:
		o->reg = (insn->opcode & 7) | ((insn->rex & 1) << 3);
		break;
	case FROM_FIXED:
		o->reg = code == OP_CL ? X86_EMU_RCX : code == OP_DX ? X86_EMU_RDX : X86_EMU_RAX;
		break;
	case FROM_MEM:
		o->kind = X86_EMU_OPND_MEM;
		break;
	default:
		o->kind = X86_EMU_OPND_VALUE;
		o->val = code == OP_1 ? 1 : code == OP_IB2 ? insn->imm2 : insn->imm;
		o->val &= emu_mask(o->size);
	}
}

static enum x86_op_result load_value(struct x86_emu *emu, struct x86_emu_operand *o,
				     unsigned int acc)
{
	enum x86_op_result r = X86_OP_OK;

	if (o->kind == X86_EMU_OPND_REG) {
		o->val = emu_reg(emu, o->reg, o->size);
	} else if (o->kind == X86_EMU_OPND_MEM) {
		acc |= emu_acc(emu);
		r = emu_linear(emu, emu->insn.seg, emu->ea, o->size, acc, &emu->linear);
		o->val = 0;
		if (!r)
			r = emu->ops->read(emu, emu->linear, &o->val, o->size, acc);
	}
	o->old = o->val;
	return r;
}

static enum x86_op_result load_operand(struct x86_emu *emu, struct x86_emu_operand *o, u8 code)
{
	if (specs[code].from == FROM_NONE) {
		o->kind = X86_EMU_OPND_VALUE;
		return X86_OP_OK;
	}
	locate_operand(emu, o, code);
	return load_value(emu, o, 0);
}

/* The destination: read unless it is only written, and then its segment is checked for that. */
static enum x86_op_result load_dst(struct x86_emu *emu, u8 code)
{
	struct x86_emu_operand *o = &emu->dst;
	u32 flags = emu->insn.row->flags;
	unsigned int acc = flags & F_RO ? 0 : X86_ACC_WRITE;

	o->kind = X86_EMU_OPND_VALUE;
	if (specs[code].from == FROM_NONE)
		return X86_OP_OK;
	locate_operand(emu, o, code);
	if (!(flags & F_WO))
		return load_value(emu, o, acc);
	if (o->kind == X86_EMU_OPND_MEM)
		return emu_linear(emu, emu->insn.seg, emu->ea, o->size, acc, &emu->linear);
	return X86_OP_OK;
}

enum x86_op_result emu_load_operands(struct x86_emu *emu)
{
	const struct x86_emu_row *row = emu->insn.row;
	enum x86_op_result r;

	compute_address(emu);
	r = load_operand(emu, &emu->src2, row->src2);
	if (!r)
		r = load_operand(emu, &emu->src, row->src);
	if (r)
		return r;
	if (row->flags & F_BITOFF && emu->insn.mod != 3)
		move_by_bit_offset(emu);
	return load_dst(emu, row->dst);
}

/*
 * Write dst back where it came from. A locked one goes by compare and exchange with what was read.
 */
enum x86_op_result emu_store_dst(struct x86_emu *emu)
{
	struct x86_emu_operand *o = &emu->dst;
	u32 flags = emu->insn.row->flags;
	unsigned int acc;

	if (flags & F_RO || emu->own_writeback || o->kind == X86_EMU_OPND_VALUE)
		return X86_OP_OK;
	if (o->kind == X86_EMU_OPND_REG) {
		emu_set_reg(emu, o->reg, o->size, o->val);
		return X86_OP_OK;
	}
	acc = emu_acc(emu) | X86_ACC_WRITE;
	if (acc & X86_ACC_LOCKED && !(flags & F_WO))
		return emu->ops->compare_swap(emu, emu->linear, &o->old, &o->val, o->size, acc);
	return emu->ops->write(emu, emu->linear, &o->val, o->size, acc);
}

/* How wide the stack pointer is: SS.B, or 64 bits (SDM vol 1, 6.2.3). */
unsigned int emu_stack_bytes(struct x86_emu *emu)
{
	if (emu_long64(emu))
		return 8;
	return emu_seg(emu, X86_EMU_SS)->db ? 4 : 2;
}

void emu_add_rsp(struct x86_emu *emu, s64 delta)
{
	u64 mask = emu_mask(emu_stack_bytes(emu));
	u64 rsp = emu->regs[X86_EMU_RSP];

	emu->regs[X86_EMU_RSP] = (rsp & ~mask) | ((rsp + (u64)delta) & mask);
}

static u64 stack_top(struct x86_emu *emu)
{
	return emu->regs[X86_EMU_RSP] & emu_mask(emu_stack_bytes(emu));
}

enum x86_op_result emu_push(struct x86_emu *emu, u64 val, unsigned int size)
{
	emu_add_rsp(emu, -(s64)size);
	return emu_write(emu, X86_EMU_SS, stack_top(emu), &val, size, X86_ACC_STACK);
}

/*
 * Push @bytes at once, so that all or none of it is written. Only where the stack pointer wraps
 * around in between is it done by units of @unit bytes, the last one first, as the CPU does.
 */
enum x86_op_result emu_push_block(struct x86_emu *emu, const void *buf, unsigned int bytes,
				  unsigned int unit)
{
	enum x86_op_result r = X86_OP_OK;
	u64 top = stack_top(emu);
	unsigned int at = bytes;

	if (!top || top >= bytes) {
		emu_add_rsp(emu, -(s64)bytes);
		return emu_write(emu, X86_EMU_SS, stack_top(emu), buf, bytes, X86_ACC_STACK);
	}
	while (at && !r) {
		at -= unit;
		emu_add_rsp(emu, -(s64)unit);
		r = emu_write(emu, X86_EMU_SS, stack_top(emu), (const u8 *)buf + at, unit,
			      X86_ACC_STACK);
	}
	return r;
}

/* Read from the stack, @offset bytes above its top, and leave it there. */
enum x86_op_result emu_peek(struct x86_emu *emu, unsigned int offset, u64 *val, unsigned int size)
{
	u64 ea = (emu->regs[X86_EMU_RSP] + offset) & emu_mask(emu_stack_bytes(emu));

	*val = 0;
	return emu_read(emu, X86_EMU_SS, ea, val, size, X86_ACC_STACK);
}

enum x86_op_result emu_pop(struct x86_emu *emu, u64 *val, unsigned int size)
{
	enum x86_op_result r = emu_peek(emu, 0, val, size);

	if (!r)
		emu_add_rsp(emu, size);
	return r;
}
