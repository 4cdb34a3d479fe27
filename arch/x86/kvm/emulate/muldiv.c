// SPDX-License-Identifier: GPL-2.0-only
/*
 * Multiplication and division, up to 64 by 64 to 128 bits and back.
 *
 * A double-width number is a pair of u64, so that neither a 128-bit type nor its library routines
 * are needed. Narrower operands take the same path with their halves joined.
 */
#include "internal.h"

struct wide {
	u64 lo, hi;
};

static struct wide mul_u64(u64 a, u64 b)
{
	u64 al = (u32)a, ah = a >> 32, bl = (u32)b, bh = b >> 32;
	u64 mid = ah * bl + (al * bl >> 32);
	u64 mid2 = al * bh + (u32)mid;

	return (struct wide) {
		.lo = a * b,
		.hi = ah * bh + (mid >> 32) + (mid2 >> 32),
	};
}

static struct wide mul_s64(s64 a, s64 b)
{
	struct wide w = mul_u64(a, b);

	if (a < 0)
		w.hi -= (u64)b;
	if (b < 0)
		w.hi -= (u64)a;
	return w;
}

static struct wide negate(struct wide w)
{
	w.lo = -w.lo;
	w.hi = ~w.hi + !w.lo;
	return w;
}

/* Bit by bit: rare enough not to be clever. False if the quotient has more than 64 bits. */
static bool div_u64(struct wide n, u64 d, u64 *quotient, u64 *remainder)
{
	unsigned int i;
	bool top;

	if (n.hi >= d)			/* also when d is 0 */
		return false;
	for (i = 0; i < 64; i++) {
		top = n.hi >> 63;
		n.hi = n.hi << 1 | n.lo >> 63;
		n.lo <<= 1;
		if (top || n.hi >= d) {
			n.hi -= d;
			n.lo |= 1;
		}
	}
	*quotient = n.lo;
	*remainder = n.hi;
	return true;
}

/* The double-width operand: AX, DX:AX, EDX:EAX or RDX:RAX. */
static struct wide double_acc(struct x86_emu *emu, unsigned int size, bool is_signed)
{
	u64 lo = emu_reg(emu, X86_EMU_RAX, size == 1 ? 2 : size);
	u64 hi = emu_reg(emu, X86_EMU_RDX, size);

	if (size == 8)
		return (struct wide) { lo, hi };
	if (size > 1)
		lo |= hi << (8 * size);
	if (is_signed)
		lo = (u64)emu_sext(lo, 2 * size);
	return (struct wide) { lo, is_signed && (s64)lo < 0 ? ~0ULL : 0 };
}

static void set_double_acc(struct x86_emu *emu, unsigned int size, u64 lo, u64 hi)
{
	if (size == 1) {
		emu_set_reg(emu, X86_EMU_RAX, 2, hi << 8 | (lo & 0xff));
		return;
	}
	emu_set_reg(emu, X86_EMU_RAX, size, lo);
	emu_set_reg(emu, X86_EMU_RDX, size, hi);
}

/* The upper half of a product that fits 64 bits in full. */
static u64 upper_half(struct wide w, unsigned int size)
{
	return size == 8 ? w.hi : w.lo >> (8 * size);
}

/* CF and OF say that the upper half counts; the rest is undefined and left as it was. */
static void set_mul_flags(struct x86_emu *emu, bool overflow)
{
	emu_set_flags(emu, FL_CF | FL_OF, overflow ? FL_CF | FL_OF : 0);
}

enum x86_op_result op_mul(struct x86_emu *emu)
{
	unsigned int size = emu->dst.size;
	struct wide w = mul_u64(emu->dst.val, emu_reg(emu, X86_EMU_RAX, size));
	u64 hi = upper_half(w, size) & emu_mask(size);

	set_double_acc(emu, size, w.lo, hi);
	set_mul_flags(emu, hi);
	return X86_OP_OK;
}

/* Does a signed product fit the operand size? */
static bool signed_overflow(struct wide w, unsigned int size)
{
	s64 cut = emu_sext(w.lo, size);

	return (u64)cut != w.lo || (cut < 0 ? ~0ULL : 0) != w.hi;
}

static struct wide signed_product(u64 a, u64 b, unsigned int size)
{
	return mul_s64(emu_sext(a, size), emu_sext(b, size));
}

enum x86_op_result op_imul(struct x86_emu *emu)
{
	unsigned int size = emu->dst.size;
	struct wide w = signed_product(emu->dst.val, emu_reg(emu, X86_EMU_RAX, size), size);

	set_double_acc(emu, size, w.lo, upper_half(w, size));
	set_mul_flags(emu, signed_overflow(w, size));
	return X86_OP_OK;
}

static enum x86_op_result imul_to_dst(struct x86_emu *emu, u64 a, u64 b)
{
	struct wide w = signed_product(a, b, emu->dst.size);

	emu->dst.val = w.lo;
	set_mul_flags(emu, signed_overflow(w, emu->dst.size));
	return X86_OP_OK;
}

enum x86_op_result op_imul2(struct x86_emu *emu)
{
	return imul_to_dst(emu, emu->dst.val, emu->src.val);
}

enum x86_op_result op_imul3(struct x86_emu *emu)
{
	return imul_to_dst(emu, emu->src.val, emu->src2.val);
}

static enum x86_op_result divide_error(struct x86_emu *emu)
{
	return emu_exception(emu, X86_EMU_DE, false, 0);
}

enum x86_op_result op_div(struct x86_emu *emu)
{
	unsigned int size = emu->dst.size;
	u64 q, rem;

	if (!div_u64(double_acc(emu, size, false), emu->dst.val, &q, &rem) || q > emu_mask(size))
		return divide_error(emu);
	set_double_acc(emu, size, q, rem);
	return X86_OP_OK;
}

/* The quotient is cut towards zero; the remainder has the sign of the dividend. */
enum x86_op_result op_idiv(struct x86_emu *emu)
{
	unsigned int size = emu->dst.size;
	struct wide n = double_acc(emu, size, true);
	s64 d = emu_sext(emu->dst.val, size);
	bool n_neg = (s64)n.hi < 0, neg = n_neg != (d < 0);
	u64 most = (emu_mask(size) >> 1) + neg;		/* the largest magnitude of that sign */
	u64 q, rem;

	if (n_neg)
		n = negate(n);
	if (!div_u64(n, d < 0 ? -(u64)d : (u64)d, &q, &rem) || q > most)
		return divide_error(emu);
	set_double_acc(emu, size, neg ? -q : q, n_neg ? -rem : rem);
	return X86_OP_OK;
}
