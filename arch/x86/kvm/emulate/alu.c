// SPDX-License-Identifier: GPL-2.0-only
/*
 * Addition, subtraction, logic and decimal adjustment, with their flags (SDM vol 1, appendix A).
 *
 * Values are u64 cut to the operand size. Carries come from comparing the result with an operand,
 * overflow and auxiliary carry from the exclusive or of operands and result. Where the manual
 * leaves a flag undefined it is cleared.
 */
#include "internal.h"

static u64 sign_bit(unsigned int size)
{
	return 1ULL << (8 * size - 1);
}

/* SF, ZF and PF of a result; PF looks at the low byte alone. */
u64 emu_result_flags(u64 res, unsigned int size)
{
	u64 fl = 0;
	u8 p = res;

	p ^= p >> 4;
	p ^= p >> 2;
	p ^= p >> 1;
	if (!(p & 1))
		fl |= FL_PF;
	if (!(res & emu_mask(size)))
		fl |= FL_ZF;
	if (res & sign_bit(size))
		fl |= FL_SF;
	return fl;
}

static u64 add(struct x86_emu *emu, u64 a, u64 b, unsigned int carry, unsigned int size)
{
	u64 mask = emu_mask(size);
	u64 res = (a + b + carry) & mask;
	u64 fl = emu_result_flags(res, size);

	if (res < (a & mask) || (carry && res == (a & mask)))
		fl |= FL_CF;
	if ((a ^ b ^ res) & 0x10)
		fl |= FL_AF;
	if ((a ^ res) & (b ^ res) & sign_bit(size))
		fl |= FL_OF;
	emu_set_flags(emu, FL_ARITH, fl);
	return res;
}

static u64 sub(struct x86_emu *emu, u64 a, u64 b, unsigned int borrow, unsigned int size)
{
	u64 mask = emu_mask(size);
	u64 res = (a - b - borrow) & mask;
	u64 fl = emu_result_flags(res, size);

	if ((a & mask) < (b & mask) || (borrow && (a & mask) == (b & mask)))
		fl |= FL_CF;
	if ((a ^ b ^ res) & 0x10)
		fl |= FL_AF;
	if ((a ^ b) & (a ^ res) & sign_bit(size))
		fl |= FL_OF;
	emu_set_flags(emu, FL_ARITH, fl);
	return res;
}

static enum x86_op_result logic(struct x86_emu *emu, u64 res)
{
	emu_set_flags(emu, FL_ARITH, emu_result_flags(res, emu->dst.size));
	emu->dst.val = res;
	return X86_OP_OK;
}

static unsigned int carry_in(const struct x86_emu *emu)
{
	return emu->rflags & FL_CF ? 1 : 0;
}

enum x86_op_result op_add(struct x86_emu *emu)
{
	emu->dst.val = add(emu, emu->dst.val, emu->src.val, 0, emu->dst.size);
	return X86_OP_OK;
}

enum x86_op_result op_adc(struct x86_emu *emu)
{
	emu->dst.val = add(emu, emu->dst.val, emu->src.val, carry_in(emu), emu->dst.size);
	return X86_OP_OK;
}

enum x86_op_result op_sub(struct x86_emu *emu)
{
	emu->dst.val = sub(emu, emu->dst.val, emu->src.val, 0, emu->dst.size);
	return X86_OP_OK;
}

enum x86_op_result op_sbb(struct x86_emu *emu)
{
	emu->dst.val = sub(emu, emu->dst.val, emu->src.val, carry_in(emu), emu->dst.size);
	return X86_OP_OK;
}

enum x86_op_result op_cmp(struct x86_emu *emu)
{
	sub(emu, emu->dst.val, emu->src.val, 0, emu->dst.size);
	return X86_OP_OK;
}

enum x86_op_result op_and(struct x86_emu *emu)
{
	return logic(emu, emu->dst.val & emu->src.val);
}

enum x86_op_result op_or(struct x86_emu *emu)
{
	return logic(emu, emu->dst.val | emu->src.val);
}

enum x86_op_result op_xor(struct x86_emu *emu)
{
	return logic(emu, emu->dst.val ^ emu->src.val);
}

enum x86_op_result op_test(struct x86_emu *emu)
{
	emu_set_flags(emu, FL_ARITH, emu_result_flags(emu->dst.val & emu->src.val, emu->dst.size));
	return X86_OP_OK;
}

/* INC and DEC leave CF alone. */
enum x86_op_result op_inc(struct x86_emu *emu)
{
	u64 cf = emu->rflags & FL_CF;

	emu->dst.val = add(emu, emu->dst.val, 1, 0, emu->dst.size);
	emu_set_flags(emu, FL_CF, cf);
	return X86_OP_OK;
}

enum x86_op_result op_dec(struct x86_emu *emu)
{
	u64 cf = emu->rflags & FL_CF;

	emu->dst.val = sub(emu, emu->dst.val, 1, 0, emu->dst.size);
	emu_set_flags(emu, FL_CF, cf);
	return X86_OP_OK;
}

enum x86_op_result op_not(struct x86_emu *emu)
{
	emu->dst.val = ~emu->dst.val;
	return X86_OP_OK;
}

enum x86_op_result op_neg(struct x86_emu *emu)
{
	emu->dst.val = sub(emu, 0, emu->dst.val, 0, emu->dst.size);
	return X86_OP_OK;
}

/* The source gets the old destination first: XADD of a register with itself keeps the sum. */
enum x86_op_result op_xadd(struct x86_emu *emu)
{
	u64 old = emu->dst.val;
	enum x86_op_result r;

	emu->dst.val = add(emu, old, emu->src.val, 0, emu->dst.size);
	if (emu->dst.kind == X86_EMU_OPND_MEM) {
		r = emu_store_dst(emu);
		emu->own_writeback = true;
		if (r)
			return r;
	}
	emu_set_reg(emu, emu->src.reg, emu->src.size, old);
	return X86_OP_OK;
}

/*
 * Unequal, memory is written with what it held (SDM vol 2, CMPXCHG); of a register destination
 * nothing changes then, and the accumulator takes its value.
 */
enum x86_op_result op_cmpxchg(struct x86_emu *emu)
{
	unsigned int size = emu->dst.size;
	u64 acc = emu_reg(emu, X86_EMU_RAX, size);

	sub(emu, acc, emu->dst.val, 0, size);
	if (acc == emu->dst.val) {
		emu->dst.val = emu->src.val;
		return X86_OP_OK;
	}
	emu_set_reg(emu, X86_EMU_RAX, size, emu->dst.val);
	emu->own_writeback = emu->dst.kind == X86_EMU_OPND_REG;
	return X86_OP_OK;
}

/* CMPXCHG8B; with REX.W CMPXCHG16B, which wants its operand aligned. */
enum x86_op_result op_cmpxchg8b(struct x86_emu *emu)
{
	unsigned int half = emu->insn.op_bytes == 8 ? 8 : 4;
	u8 old[16] = { 0 }, new[16];
	u64 lo = 0, hi = 0, val;
	enum x86_op_result r;
	u64 linear;
	unsigned int acc = emu_acc(emu) | X86_ACC_WRITE;

	r = emu_linear(emu, emu->insn.seg, emu->ea, 2 * half, acc, &linear);
	if (!r && half == 8 && linear & 15)
		r = emu_gp(emu, 0);
	if (!r)
		r = emu->ops->read(emu, linear, old, 2 * half, acc);
	if (r)
		return r;
	memcpy(new, old, sizeof(new));
	memcpy(&lo, old, half);
	memcpy(&hi, old + half, half);
	if (lo == emu_reg(emu, X86_EMU_RAX, half) && hi == emu_reg(emu, X86_EMU_RDX, half)) {
		val = emu->regs[X86_EMU_RBX];
		memcpy(new, &val, half);
		val = emu->regs[X86_EMU_RCX];
		memcpy(new + half, &val, half);
		emu->rflags |= FL_ZF;
	} else {
		emu_set_reg(emu, X86_EMU_RAX, half, lo);
		emu_set_reg(emu, X86_EMU_RDX, half, hi);
		emu->rflags &= ~FL_ZF;
	}
	if (acc & X86_ACC_LOCKED)
		return emu->ops->compare_swap(emu, linear, old, new, 2 * half, acc);
	return emu->ops->write(emu, linear, new, 2 * half, acc);
}

/* DAA and DAS: SDM vol 2. @sign is 1 to add the adjustments and -1 to subtract them. */
static void decimal_adjust(struct x86_emu *emu, int sign)
{
	u8 old = emu->regs[X86_EMU_RAX], al = old;
	u64 fl = 0;

	if ((old & 15) > 9 || emu->rflags & FL_AF) {
		al += sign * 6;
		fl |= FL_AF;
		if (sign < 0 && old < 6)
			fl |= FL_CF;
	}
	if (old > 0x99 || emu->rflags & FL_CF) {
		al += sign * 0x60;
		fl |= FL_CF;
	}
	emu_set_reg(emu, X86_EMU_RAX, 1, al);
	emu_set_flags(emu, FL_ARITH, fl | emu_result_flags(al, 1));
}

enum x86_op_result op_daa(struct x86_emu *emu)
{
	decimal_adjust(emu, 1);
	return X86_OP_OK;
}

enum x86_op_result op_das(struct x86_emu *emu)
{
	decimal_adjust(emu, -1);
	return X86_OP_OK;
}

/* AAA and AAS: AX moves by 0x106, and AL keeps its low digit. */
static void ascii_adjust(struct x86_emu *emu, int sign)
{
	u16 ax = emu->regs[X86_EMU_RAX];
	u64 fl = 0;

	if ((ax & 15) > 9 || emu->rflags & FL_AF) {
		ax += sign * 0x106;
		fl = FL_AF | FL_CF;
	}
	ax &= 0xff0f;
	emu_set_reg(emu, X86_EMU_RAX, 2, ax);
	emu_set_flags(emu, FL_ARITH, fl | emu_result_flags(ax & 0xff, 1));
}

enum x86_op_result op_aaa(struct x86_emu *emu)
{
	ascii_adjust(emu, 1);
	return X86_OP_OK;
}

enum x86_op_result op_aas(struct x86_emu *emu)
{
	ascii_adjust(emu, -1);
	return X86_OP_OK;
}

enum x86_op_result op_aam(struct x86_emu *emu)
{
	u8 al = emu->regs[X86_EMU_RAX], base = emu->src.val;

	if (!base)
		return emu_exception(emu, X86_EMU_DE, false, 0);
	emu_set_reg(emu, X86_EMU_RAX, 2, (al / base) << 8 | al % base);
	emu_set_flags(emu, FL_ARITH, emu_result_flags(al % base, 1));
	return X86_OP_OK;
}

enum x86_op_result op_aad(struct x86_emu *emu)
{
	u16 ax = emu->regs[X86_EMU_RAX];
	u8 al = (ax >> 8) * (u8)emu->src.val + ax;

	emu_set_reg(emu, X86_EMU_RAX, 2, al);
	emu_set_flags(emu, FL_ARITH, emu_result_flags(al, 1));
	return X86_OP_OK;
}
