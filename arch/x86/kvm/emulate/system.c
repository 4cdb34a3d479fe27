// SPDX-License-Identifier: GPL-2.0-only
/*
 * System instructions: control of the CPU rather than of data.
 */
#include "internal.h"

enum x86_op_result op_cpuid(struct x86_emu *emu)
{
	u32 eax = emu->regs[X86_EMU_RAX], ebx = 0, ecx = emu->regs[X86_EMU_RCX], edx = 0;

	emu->ops->cpuid(emu, &eax, &ebx, &ecx, &edx);
	emu->regs[X86_EMU_RAX] = eax;
	emu->regs[X86_EMU_RBX] = ebx;
	emu->regs[X86_EMU_RCX] = ecx;
	emu->regs[X86_EMU_RDX] = edx;
	return X86_OP_OK;
}

enum x86_op_result op_hlt(struct x86_emu *emu)
{
	return emu->ops->hlt ? emu->ops->hlt(emu) : X86_OP_UNHANDLED;
}

/* May this code change RFLAGS.IF? */
static enum x86_op_result check_if(struct x86_emu *emu)
{
	return emu->cpl > emu_iopl(emu) ? emu_gp(emu, 0) : X86_OP_OK;
}

enum x86_op_result op_cli(struct x86_emu *emu)
{
	enum x86_op_result r = check_if(emu);

	if (!r)
		emu->rflags &= ~FL_IF;
	return r;
}

/* Interrupts stay blocked for one instruction more, if it was STI that enabled them. */
enum x86_op_result op_sti(struct x86_emu *emu)
{
	enum x86_op_result r = check_if(emu);

	if (r)
		return r;
	emu->interrupt_shadow = !(emu->rflags & FL_IF);
	emu->rflags |= FL_IF;
	return X86_OP_OK;
}
