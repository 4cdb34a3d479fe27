// SPDX-License-Identifier: GPL-2.0-only
/*
 * One instruction from its decoded form to its outcome.
 *
 * The registers in struct x86_emu are working copies while an instruction runs; what is committed
 * stands in the saved_ fields. Whatever ends the instruction early puts them back, so the caller
 * never sees half an instruction, and a replay starts from the same state.
 */
#include "internal.h"

void x86_emu_init(struct x86_emu *emu, const struct x86_emu_ops *ops)
{
	emu->ops = ops;
	emu->va_bits = 48;
	emu->amd = false;
	emu->from_fault = false;
	emu->has_gva = false;
	emu->seg_cached = 0;
	emu->db_pending = 0;
	emu->interrupt_shadow = false;
	emu->msr_explicit = false;
	emu->insn.row = NULL;
	emu->insn.rex = 0;
}

enum x86_op_result emu_exception(struct x86_emu *emu, unsigned int vector, bool has_error,
				 u32 error)
{
	emu->exception = (struct x86_emu_exception) {
		.vector = vector,
		.has_error = has_error,
		.error_code = error,
	};
	return X86_OP_FAULT;
}

enum x86_op_result emu_intercept(struct x86_emu *emu, enum x86_emu_stage stage)
{
	if (!emu->ops->intercept)
		return X86_OP_OK;
	return emu->ops->intercept(emu, stage);
}

enum x86_emu_outcome emu_outcome(enum x86_op_result r)
{
	static const u8 outcomes[] = {
		[X86_OP_OK] = X86_EMU_DONE,
		[X86_OP_FAULT] = X86_EMU_FAULT,
		[X86_OP_USER] = X86_EMU_USER,
		[X86_OP_RETRY] = X86_EMU_RETRY,
		[X86_OP_INTERCEPTED] = X86_EMU_INTERCEPTED,
		[X86_OP_ERROR] = X86_EMU_DEAD,
		[X86_OP_UNHANDLED] = X86_EMU_UNHANDLED,
	};

	return r < ARRAY_SIZE(outcomes) ? outcomes[r] : X86_EMU_DEAD;
}

/* Remember what is committed. */
void emu_commit(struct x86_emu *emu)
{
	memcpy(emu->saved_regs, emu->regs, sizeof(emu->regs));
	emu->saved_rip = emu->rip;
	emu->saved_rflags = emu->rflags;
	emu->saved_cpl = emu->cpl;
}

/* Begin: also the caller may have changed registers since. */
void emu_begin(struct x86_emu *emu)
{
	emu_commit(emu);
	emu->db_pending = 0;
	emu->interrupt_shadow = false;
	emu->own_writeback = false;
}

void emu_roll_back(struct x86_emu *emu)
{
	memcpy(emu->regs, emu->saved_regs, sizeof(emu->regs));
	emu->rip = emu->saved_rip;
	emu->rflags = emu->saved_rflags;
	emu->cpl = emu->saved_cpl;
	emu->seg_cached = 0;
	emu->interrupt_shadow = false;
}

static enum x86_op_result check_privilege(struct x86_emu *emu)
{
	if (!(emu->insn.row->flags & F_PRIV))
		return X86_OP_OK;		/* or by conditions that the function knows */
	if (emu->cpl)
		return emu_gp(emu, 0);
	return emu_intercept(emu, X86_EMU_STAGE_CHECKED);
}

static enum x86_op_result run(struct x86_emu *emu, bool *again)
{
	const struct x86_emu_row *row = emu->insn.row;
	enum x86_op_result r;

	r = emu_intercept(emu, X86_EMU_STAGE_DECODED);
	if (!r)
		r = check_privilege(emu);
	if (r)
		return r;
	emu->rip = emu->next_rip;
	if (row->flags & F_STRING)
		return emu_string(emu, again);
	r = emu_load_operands(emu);
	if (!r)
		r = row->fn(emu);
	if (!r)
		r = emu_store_dst(emu);
	return r;
}

enum x86_emu_outcome x86_emu_execute(struct x86_emu *emu)
{
	bool trap = emu->rflags & FL_TF;
	enum x86_op_result r;
	bool again = false;

	if (!x86_emu_implemented(emu))
		return X86_EMU_UNHANDLED;
	emu_begin(emu);
	r = run(emu, &again);
	if (r) {
		emu_roll_back(emu);
		return emu_outcome(r);
	}
	if (trap)
		emu->db_pending |= DR6_BS;
	if (again)
		return X86_EMU_AGAIN;
	emu->rflags &= ~FL_RF;
	return X86_EMU_DONE;
}

void x86_emu_skip(struct x86_emu *emu)
{
	emu->rip = emu->next_rip;
	emu->db_pending = emu->rflags & FL_TF ? DR6_BS : 0;
	emu->interrupt_shadow = false;
	emu->rflags &= ~FL_RF;
}
