// SPDX-License-Identifier: GPL-2.0-only
/*
 * Data movement: MOV and its kin, the stack, conversions, and what touches RFLAGS alone.
 */
#include "internal.h"

enum x86_op_result op_nop(struct x86_emu *emu)
{
	emu->own_writeback = true;
	return X86_OP_OK;
}

/* Also MOVZX: sources are loaded zero-extended. */
enum x86_op_result op_mov(struct x86_emu *emu)
{
	emu->dst.val = emu->src.val;
	return X86_OP_OK;
}

enum x86_op_result op_movsx(struct x86_emu *emu)
{
	emu->dst.val = (u64)emu_sext(emu->src.val, emu->src.size);
	return X86_OP_OK;
}

static u64 swap_bytes(u64 val, unsigned int size)
{
	u64 res = 0;

	for (; size; size--, val >>= 8)
		res = res << 8 | (val & 0xff);
	return res;
}

enum x86_op_result op_movbe(struct x86_emu *emu)
{
	emu->dst.val = swap_bytes(emu->src.val, emu->dst.size);
	return X86_OP_OK;
}

/* Of 16 bits the result is undefined; CPUs give 0. */
enum x86_op_result op_bswap(struct x86_emu *emu)
{
	unsigned int size = emu->dst.size;

	emu->dst.val = size == 2 ? 0 : swap_bytes(emu->dst.val, size);
	return X86_OP_OK;
}

/*
 * The memory operand, if there is one, is dst, and is exchanged under LOCK whether asked for or
 * not; it is written before the register changes. 90 without REX.B is NOP: it does not clear upper
 * halves.
 */
enum x86_op_result op_xchg(struct x86_emu *emu)
{
	u64 old = emu->dst.val;
	enum x86_op_result r;

	if (emu->insn.opcode == 0x90 && !(emu->insn.rex & 1))
		return op_nop(emu);
	emu->dst.val = emu->src.val;
	r = emu_store_dst(emu);
	emu->own_writeback = true;
	if (!r)
		emu_set_reg(emu, emu->src.reg, emu->src.size, old);
	return r;
}

enum x86_op_result op_lea(struct x86_emu *emu)
{
	emu->dst.val = emu->ea;
	return X86_OP_OK;
}

/* CBW, CWDE, CDQE. */
enum x86_op_result op_cbw(struct x86_emu *emu)
{
	unsigned int size = emu->insn.op_bytes;

	emu_set_reg(emu, X86_EMU_RAX, size, (u64)emu_sext(emu->regs[X86_EMU_RAX], size / 2));
	return X86_OP_OK;
}

/* CWD, CDQ, CQO. */
enum x86_op_result op_cwd(struct x86_emu *emu)
{
	unsigned int size = emu->insn.op_bytes;
	bool negative = emu_sext(emu->regs[X86_EMU_RAX], size) < 0;

	emu_set_reg(emu, X86_EMU_RDX, size, negative ? ~0ULL : 0);
	return X86_OP_OK;
}

enum x86_op_result op_xlat(struct x86_emu *emu)
{
	enum x86_op_result r;
	u8 al;

	emu->ea = emu->regs[X86_EMU_RBX] + (u8)emu->regs[X86_EMU_RAX];
	r = emu_read_operand(emu, 0, &al, 1);
	if (!r)
		emu_set_reg(emu, X86_EMU_RAX, 1, al);
	return r;
}

enum x86_op_result op_setcc(struct x86_emu *emu)
{
	emu->dst.val = emu_condition(emu->rflags, emu->insn.opcode);
	return X86_OP_OK;
}

/* The source is read, and a 32-bit destination's upper half cleared, whatever the condition. */
enum x86_op_result op_cmovcc(struct x86_emu *emu)
{
	if (emu_condition(emu->rflags, emu->insn.opcode))
		emu->dst.val = emu->src.val;
	return X86_OP_OK;
}

enum x86_op_result op_lahf(struct x86_emu *emu)
{
	u8 ah = (emu->rflags & (FL_SF | FL_ZF | FL_AF | FL_PF | FL_CF)) | FL_FIXED;
	u64 ax = (emu->regs[X86_EMU_RAX] & 0xff) | (u64)ah << 8;

	emu_set_reg(emu, X86_EMU_RAX, 2, ax);
	return X86_OP_OK;
}

enum x86_op_result op_sahf(struct x86_emu *emu)
{
	emu_set_flags(emu, FL_SF | FL_ZF | FL_AF | FL_PF | FL_CF, emu->regs[X86_EMU_RAX] >> 8);
	return X86_OP_OK;
}

enum x86_op_result op_salc(struct x86_emu *emu)
{
	emu_set_reg(emu, X86_EMU_RAX, 1, emu->rflags & FL_CF ? 0xff : 0);
	return X86_OP_OK;
}

enum x86_op_result op_cmc(struct x86_emu *emu)
{
	emu->rflags ^= FL_CF;
	return X86_OP_OK;
}

enum x86_op_result op_clc(struct x86_emu *emu)
{
	emu->rflags &= ~FL_CF;
	return X86_OP_OK;
}

enum x86_op_result op_stc(struct x86_emu *emu)
{
	emu->rflags |= FL_CF;
	return X86_OP_OK;
}

enum x86_op_result op_cld(struct x86_emu *emu)
{
	emu->rflags &= ~FL_DF;
	return X86_OP_OK;
}

enum x86_op_result op_std(struct x86_emu *emu)
{
	emu->rflags |= FL_DF;
	return X86_OP_OK;
}

enum x86_op_result op_push(struct x86_emu *emu)
{
	return emu_push(emu, emu->dst.val, emu->insn.op_bytes);
}

/* Of POP rSP the value popped stands: dst is written after rSP has moved. */
enum x86_op_result op_pop(struct x86_emu *emu)
{
	return emu_pop(emu, &emu->dst.val, emu->insn.op_bytes);
}

/* Eight registers as one block: rDI lowest; what stands for rSP is its value from before. */
enum x86_op_result op_pusha(struct x86_emu *emu)
{
	unsigned int size = emu->insn.op_bytes, i;
	u8 block[32];

	for (i = 0; i < 8; i++)
		memcpy(block + i * size, &emu->regs[7 - i], size);
	return emu_push_block(emu, block, 8 * size, size);
}

enum x86_op_result op_popa(struct x86_emu *emu)
{
	unsigned int size = emu->insn.op_bytes, i;
	enum x86_op_result r;
	u64 val;

	for (i = 0; i < 8; i++) {
		r = emu_pop(emu, &val, size);
		if (r)
			return r;
		if (i != 7 - X86_EMU_RSP)
			emu_set_reg(emu, 7 - i, size, val);
	}
	return X86_OP_OK;
}

/* In virtual-8086 mode PUSHF and POPF need IOPL 3 (the VME way around it is not offered). */
static bool flags_forbidden(const struct x86_emu *emu)
{
	return emu->mode == X86_EMU_VM86 && emu_iopl(emu) < 3;
}

enum x86_op_result op_pushf(struct x86_emu *emu)
{
	enum x86_op_result r;

	if (flags_forbidden(emu))
		return emu_gp(emu, 0);
	r = emu_intercept(emu, X86_EMU_STAGE_CHECKED);
	if (r)
		return r;
	return emu_push(emu, emu->rflags & ~(FL_VM | FL_RF), emu->insn.op_bytes);
}

/* IOPL changes at CPL 0 only, IF only with CPL at or below IOPL; else both silently stay. */
enum x86_op_result op_popf(struct x86_emu *emu)
{
	u64 mask = FL_ARITH | FL_TF | FL_DF | FL_NT;
	enum x86_op_result r;
	u64 val;

	if (flags_forbidden(emu))
		return emu_gp(emu, 0);
	r = emu_intercept(emu, X86_EMU_STAGE_CHECKED);
	if (!r)
		r = emu_pop(emu, &val, emu->insn.op_bytes);
	if (r)
		return r;
	if (emu->insn.op_bytes > 2)
		mask |= FL_AC | FL_ID;
	if (!emu->cpl)
		mask |= FL_IOPL;
	if (emu->cpl <= emu_iopl(emu))
		mask |= FL_IF;
	emu_set_flags(emu, mask, val);
	return X86_OP_OK;
}

/*
 * ENTER (SDM vol 2): push rBP, copy level - 1 frame pointers from the old frame, push the new one,
 * make room. All reads come first, then one write.
 */
enum x86_op_result op_enter(struct x86_emu *emu)
{
	unsigned int size = emu->insn.op_bytes, level = emu->insn.imm2 & 31, i;
	unsigned int total = (level + 1) * size;
	u64 smask = emu_mask(emu_stack_bytes(emu));
	u64 bp = emu->regs[X86_EMU_RBP], frame = emu->regs[X86_EMU_RSP] - size;
	u8 block[32 * 8];
	enum x86_op_result r;

	memcpy(block + total - size, &bp, size);
	for (i = 1; i < level; i++) {
		r = emu_read(emu, X86_EMU_SS, (bp - i * size) & smask,
			     block + total - (i + 1) * size, size, X86_ACC_STACK);
		if (r)
			return r;
	}
	frame = (emu->regs[X86_EMU_RSP] & ~smask) | (frame & smask);
	if (level)
		memcpy(block, &frame, size);
	r = emu_push_block(emu, block, total, size);
	if (r)
		return r;
	emu_add_rsp(emu, -(s64)emu->insn.imm);
	emu_set_reg(emu, X86_EMU_RBP, emu_stack_bytes(emu), frame);
	return X86_OP_OK;
}

enum x86_op_result op_leave(struct x86_emu *emu)
{
	unsigned int bytes = emu_stack_bytes(emu), size = emu->insn.op_bytes;
	enum x86_op_result r;
	u64 val;

	emu_set_reg(emu, X86_EMU_RSP, bytes, emu->regs[X86_EMU_RBP]);
	r = emu_pop(emu, &val, size);
	if (!r)
		emu_set_reg(emu, X86_EMU_RBP, size, val);
	return r;
}

/* BOUND: the index lies between two signed numbers in memory, else #BR. */
enum x86_op_result op_bound(struct x86_emu *emu)
{
	unsigned int size = emu->insn.op_bytes;
	s64 index = emu_sext(emu->dst.val, size);
	enum x86_op_result r;
	u64 low = 0, high = 0;

	r = emu_read_operand(emu, 0, &low, size);
	if (!r)
		r = emu_read_operand(emu, size, &high, size);
	if (r)
		return r;
	if (index < emu_sext(low, size) || index > emu_sext(high, size))
		return emu_exception(emu, X86_EMU_BR, false, 0);
	return X86_OP_OK;
}
