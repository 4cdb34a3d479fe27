// SPDX-License-Identifier: GPL-2.0-only
/*
 * Near control flow: jumps, calls and returns that leave CS alone, and the conditions.
 */
#include "internal.h"

/* The sixteen conditions of Jcc, SETcc and CMOVcc (SDM vol 1, appendix B); bit 0 negates. */
bool emu_condition(u64 rflags, unsigned int cc)
{
	bool lt = !(rflags & FL_SF) != !(rflags & FL_OF);
	bool res;

	switch ((cc >> 1) & 7) {
	case 0:
		res = rflags & FL_OF;
		break;
	case 1:
		res = rflags & FL_CF;
		break;
	case 2:
		res = rflags & FL_ZF;
		break;
	case 3:
		res = rflags & (FL_CF | FL_ZF);
		break;
	case 4:
		res = rflags & FL_SF;
		break;
	case 5:
		res = rflags & FL_PF;
		break;
	case 6:
		res = lt;
		break;
	default:
		res = lt || rflags & FL_ZF;
	}
	return res != (cc & 1);
}

/**
 * emu_jump - let rip go to @target, if CS has it
 * @emu: running
 * @target: offset in CS
 * @size: operand size, to which the target is cut
 *
 * Return: X86_OP_OK, or X86_OP_FAULT: #GP(0) beyond the limit or not canonical.
 */
enum x86_op_result emu_jump(struct x86_emu *emu, u64 target, unsigned int size)
{
	target &= emu_mask(size);
	if (emu_long64(emu) ? !emu_canonical(emu, target) :
			      target > emu_seg(emu, X86_EMU_CS)->limit)
		return emu_gp(emu, 0);
	emu->rip = target;
	return X86_OP_OK;
}

static enum x86_op_result jump_relative(struct x86_emu *emu)
{
	return emu_jump(emu, emu->next_rip + emu->dst.val, emu->insn.op_bytes);
}

enum x86_op_result op_jmp(struct x86_emu *emu)
{
	return jump_relative(emu);
}

enum x86_op_result op_jmp_abs(struct x86_emu *emu)
{
	return emu_jump(emu, emu->dst.val, emu->insn.op_bytes);
}

enum x86_op_result op_jcc(struct x86_emu *emu)
{
	if (!emu_condition(emu->rflags, emu->insn.opcode))
		return X86_OP_OK;
	return jump_relative(emu);
}

static enum x86_op_result call(struct x86_emu *emu, u64 target)
{
	unsigned int size = emu->insn.op_bytes;
	enum x86_op_result r;

	r = emu_jump(emu, target, size);
	return r ? r : emu_push(emu, emu->next_rip, size);
}

enum x86_op_result op_call(struct x86_emu *emu)
{
	return call(emu, emu->next_rip + emu->dst.val);
}

enum x86_op_result op_call_abs(struct x86_emu *emu)
{
	return call(emu, emu->dst.val);
}

/* With an immediate (dst), it releases that many bytes of parameters. */
enum x86_op_result op_ret(struct x86_emu *emu)
{
	unsigned int size = emu->insn.op_bytes;
	enum x86_op_result r;
	u64 target;

	r = emu_pop(emu, &target, size);
	if (!r)
		r = emu_jump(emu, target, size);
	if (!r && emu->insn.opcode == 0xc2)
		emu_add_rsp(emu, emu->insn.imm);
	return r;
}

/* LOOPNE (E0), LOOPE (E1), LOOP (E2): the count has the address size. */
enum x86_op_result op_loop(struct x86_emu *emu)
{
	unsigned int size = emu->insn.ad_bytes;
	u64 count = (emu->regs[X86_EMU_RCX] - 1) & emu_mask(size);
	bool zf = emu->rflags & FL_ZF, go = count;

	emu_set_reg(emu, X86_EMU_RCX, size, count);
	if (emu->insn.opcode != 0xe2)
		go = go && zf == (emu->insn.opcode & 1);
	return go ? jump_relative(emu) : X86_OP_OK;
}

enum x86_op_result op_jcxz(struct x86_emu *emu)
{
	if (emu->regs[X86_EMU_RCX] & emu_mask(emu->insn.ad_bytes))
		return X86_OP_OK;
	return jump_relative(emu);
}
