// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shifts, rotates, bit tests and bit scans.
 *
 * Counts are taken modulo 32, or 64 for 64-bit operands; a count of zero changes no flag at all
 * (SDM vol 2, SAL/SAR/SHL/SHR and RCL/RCR/ROL/ROR). OF is defined for a count of one only: here it
 * is always what the last one-bit step gives.
 */
#include "internal.h"

static unsigned int bits_of(const struct x86_emu *emu)
{
	return 8 * emu->dst.size;
}

static unsigned int shift_count(const struct x86_emu *emu, u64 raw)
{
	return raw & (emu->dst.size == 8 ? 63 : 31);
}

static bool top_bit(const struct x86_emu *emu, u64 val)
{
	return (val >> (bits_of(emu) - 1)) & 1;
}

static void set_shift_result(struct x86_emu *emu, u64 res, bool cf, bool of)
{
	u64 fl = emu_result_flags(res, emu->dst.size);

	emu->dst.val = res & emu_mask(emu->dst.size);
	emu_set_flags(emu, FL_ARITH, fl | (cf ? FL_CF : 0) | (of ? FL_OF : 0));
}

static void set_rotate_result(struct x86_emu *emu, u64 res, bool cf, bool of)
{
	emu->dst.val = res & emu_mask(emu->dst.size);
	emu_set_flags(emu, FL_CF | FL_OF, (cf ? FL_CF : 0) | (of ? FL_OF : 0));
}

enum x86_op_result op_shl(struct x86_emu *emu)
{
	unsigned int n = shift_count(emu, emu->src.val), bits = bits_of(emu);
	u64 val = emu->dst.val, res;
	bool cf;

	if (!n)
		return X86_OP_OK;
	res = val << n;
	cf = n <= bits && (val >> (bits - n)) & 1;
	set_shift_result(emu, res, cf, cf != top_bit(emu, res));
	return X86_OP_OK;
}

enum x86_op_result op_shr(struct x86_emu *emu)
{
	unsigned int n = shift_count(emu, emu->src.val);
	u64 val = emu->dst.val, res;

	if (!n)
		return X86_OP_OK;
	res = val >> n;
	set_shift_result(emu, res, (val >> (n - 1)) & 1, top_bit(emu, res << 1));
	return X86_OP_OK;
}

enum x86_op_result op_sar(struct x86_emu *emu)
{
	unsigned int n = shift_count(emu, emu->src.val);
	s64 val = emu_sext(emu->dst.val, emu->dst.size);

	if (!n)
		return X86_OP_OK;
	set_shift_result(emu, val >> n, (val >> (n - 1)) & 1, false);
	return X86_OP_OK;
}

static u64 rotate_left(u64 val, unsigned int n, unsigned int bits)
{
	return n ? val << n | val >> (bits - n) : val;
}

enum x86_op_result op_rol(struct x86_emu *emu)
{
	unsigned int n = shift_count(emu, emu->src.val), bits = bits_of(emu);
	u64 res;

	if (!n)
		return X86_OP_OK;
	res = rotate_left(emu->dst.val, n % bits, bits);
	set_rotate_result(emu, res, res & 1, (res & 1) != top_bit(emu, res));
	return X86_OP_OK;
}

enum x86_op_result op_ror(struct x86_emu *emu)
{
	unsigned int n = shift_count(emu, emu->src.val), bits = bits_of(emu);
	u64 res;

	if (!n)
		return X86_OP_OK;
	res = rotate_left(emu->dst.val, (bits - n % bits) % bits, bits);
	set_rotate_result(emu, res, top_bit(emu, res), top_bit(emu, res) != top_bit(emu, res << 1));
	return X86_OP_OK;
}

/* Through the carry: a ring of one bit more than the operand has. */
static unsigned int carry_count(struct x86_emu *emu)
{
	return shift_count(emu, emu->src.val) % (bits_of(emu) + 1);
}

enum x86_op_result op_rcl(struct x86_emu *emu)
{
	unsigned int n = carry_count(emu);
	u64 val = emu->dst.val;
	bool cf = emu->rflags & FL_CF, out;

	if (!shift_count(emu, emu->src.val))
		return X86_OP_OK;
	while (n--) {
		out = top_bit(emu, val);
		val = val << 1 | cf;
		cf = out;
	}
	set_rotate_result(emu, val, cf, cf != top_bit(emu, val));
	return X86_OP_OK;
}

enum x86_op_result op_rcr(struct x86_emu *emu)
{
	unsigned int n = carry_count(emu);
	u64 val = emu->dst.val;
	bool cf = emu->rflags & FL_CF, out;

	if (!shift_count(emu, emu->src.val))
		return X86_OP_OK;
	while (n--) {
		out = val & 1;
		val = (val & emu_mask(emu->dst.size)) >> 1 | (u64)cf << (bits_of(emu) - 1);
		cf = out;
	}
	set_rotate_result(emu, val, cf, top_bit(emu, val) != top_bit(emu, val << 1));
	return X86_OP_OK;
}

/*
 * Double shifts take their new bits from src. A 16-bit one by more than 16 is undefined: it is done
 * as if the destination followed the source, as many CPUs do.
 */
static enum x86_op_result double_shift(struct x86_emu *emu, bool left)
{
	unsigned int n = shift_count(emu, emu->src2.val), bits = bits_of(emu);
	u64 dst = emu->dst.val, src = emu->src.val, t;
	bool cf;

	if (!n)
		return X86_OP_OK;
	if (n > bits) {
		n -= bits;
		t = dst;
		dst = src;
		src = t;
	}
	if (left) {
		cf = (dst >> (bits - n)) & 1;
		t = n == bits ? src : dst << n | src >> (bits - n);
	} else {
		cf = (dst >> (n - 1)) & 1;
		t = n == bits ? src : dst >> n | src << (bits - n);
	}
	set_shift_result(emu, t, cf, top_bit(emu, t) != top_bit(emu, dst));
	return X86_OP_OK;
}

enum x86_op_result op_shld(struct x86_emu *emu)
{
	return double_shift(emu, true);
}

enum x86_op_result op_shrd(struct x86_emu *emu)
{
	return double_shift(emu, false);
}

/* The bit of dst that src names, its old value put in CF. */
static u64 test_bit_of_dst(struct x86_emu *emu)
{
	u64 bit = 1ULL << (emu->src.val & (bits_of(emu) - 1));

	emu_set_flags(emu, FL_CF, emu->dst.val & bit ? FL_CF : 0);
	return bit;
}

enum x86_op_result op_bt(struct x86_emu *emu)
{
	test_bit_of_dst(emu);
	return X86_OP_OK;
}

enum x86_op_result op_bts(struct x86_emu *emu)
{
	emu->dst.val |= test_bit_of_dst(emu);
	return X86_OP_OK;
}

enum x86_op_result op_btr(struct x86_emu *emu)
{
	emu->dst.val &= ~test_bit_of_dst(emu);
	return X86_OP_OK;
}

enum x86_op_result op_btc(struct x86_emu *emu)
{
	emu->dst.val ^= test_bit_of_dst(emu);
	return X86_OP_OK;
}

/* The lowest set bit's number; @val is not 0. */
static unsigned int lowest_bit(u64 val)
{
	unsigned int n = 0;

	while (!(val >> n & 1))
		n++;
	return n;
}

static unsigned int highest_bit(u64 val)
{
	unsigned int n = 63;

	while (!(val >> n & 1))
		n--;
	return n;
}

/* TZCNT and LZCNT: defined for zero, where they give the operand's width and set CF. */
static enum x86_op_result set_count(struct x86_emu *emu, u64 count)
{
	u64 fl = (emu->src.val ? 0 : FL_CF) | (count ? 0 : FL_ZF);

	emu->dst.val = count;
	emu_set_flags(emu, FL_CF | FL_ZF, fl);
	return X86_OP_OK;
}

/* BSF and BSR: with a zero source the destination stays as it is, in its upper half, too. */
static enum x86_op_result set_scan(struct x86_emu *emu, u64 index)
{
	emu->own_writeback = !emu->src.val;
	emu->dst.val = index;
	emu_set_flags(emu, FL_ZF, emu->src.val ? 0 : FL_ZF);
	return X86_OP_OK;
}

enum x86_op_result op_bsf(struct x86_emu *emu)
{
	u64 val = emu->src.val;
	unsigned int n = val ? lowest_bit(val) : bits_of(emu);

	return emu->insn.rep == 0xf3 ? set_count(emu, n) : set_scan(emu, n);
}

enum x86_op_result op_bsr(struct x86_emu *emu)
{
	u64 val = emu->src.val;

	if (emu->insn.rep == 0xf3)
		return set_count(emu, val ? bits_of(emu) - 1 - highest_bit(val) : bits_of(emu));
	return set_scan(emu, val ? highest_bit(val) : 0);
}

enum x86_op_result op_popcnt(struct x86_emu *emu)
{
	u64 val = emu->src.val;
	unsigned int n = 0;

	for (; val; val &= val - 1)
		n++;
	emu->dst.val = n;
	emu_set_flags(emu, FL_ARITH, n ? 0 : FL_ZF);
	return X86_OP_OK;
}
