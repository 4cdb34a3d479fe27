// SPDX-License-Identifier: GPL-2.0-only
/*
 * SYSCALL, SYSRET, SYSENTER and SYSEXIT: transfers between levels that look at MSRs instead of
 * tables (SDM vol 2; APM vol 2, 6.1).
 *
 * The vendors differ: AMD has SYSCALL in all protected modes and SYSENTER outside long mode only,
 * Intel has SYSCALL in 64-bit mode only and SYSENTER in all protected modes.
 */
#include "segment.h"

#define MSR_SYSENTER_CS_NR	0x174
#define MSR_SYSENTER_ESP_NR	0x175
#define MSR_SYSENTER_EIP_NR	0x176
#define MSR_STAR_NR		0xc0000081
#define MSR_LSTAR_NR		0xc0000082
#define MSR_CSTAR_NR		0xc0000083
#define MSR_SFMASK_NR		0xc0000084

static void load_cs_ss(struct x86_emu *emu, u16 cs, u16 ss, bool long_mode, u8 cpl)
{
	struct x86_emu_seg seg;

	emu->cpl = cpl;
	emu_flat_seg(cs, true, long_mode, cpl, &seg);
	emu_set_seg(emu, X86_EMU_CS, &seg);
	emu_flat_seg(ss, false, false, cpl, &seg);
	emu_set_seg(emu, X86_EMU_SS, &seg);
}

/* May SYSCALL or SYSRET be executed here at all? */
static bool syscall_defined(struct x86_emu *emu)
{
	if (!emu_protected(emu))
		return false;
	if (!emu->amd && !emu_long64(emu))
		return false;
	return emu_msr(emu, MSR_EFER_NR) & EFER_SCE;
}

enum x86_op_result op_syscall(struct x86_emu *emu)
{
	u16 cs;
	u64 star;

	if (!syscall_defined(emu))
		return emu_ud(emu);
	star = emu_msr(emu, MSR_STAR_NR);
	cs = (star >> 32) & ~3;
	emu->regs[X86_EMU_RCX] = emu->next_rip;
	if (emu_lma(emu)) {
		emu->rip = emu_msr(emu, emu_long64(emu) ? MSR_LSTAR_NR : MSR_CSTAR_NR);
		emu->regs[X86_EMU_R11] = emu->rflags & ~FL_RF;
		emu->rflags &= ~(emu_msr(emu, MSR_SFMASK_NR) | FL_RF);
		emu->rflags |= FL_FIXED;
		load_cs_ss(emu, cs, cs + 8, true, 0);
		return X86_OP_OK;
	}
	emu->rip = (u32)star;
	emu->rflags &= ~(FL_VM | FL_IF | FL_RF);
	load_cs_ss(emu, cs, cs + 8, false, 0);
	return X86_OP_OK;
}

enum x86_op_result op_sysret(struct x86_emu *emu)
{
	bool to_long = emu_long64(emu) && emu->insn.op_bytes == 8;
	u16 sel;

	if (!syscall_defined(emu))
		return emu_ud(emu);
	if (emu->cpl)
		return emu_gp(emu, 0);
	if (to_long && !emu->amd && !emu_canonical(emu, emu->regs[X86_EMU_RCX]))
		return emu_gp(emu, 0);
	sel = (emu_msr(emu, MSR_STAR_NR) >> 48) & ~3;
	emu->rip = to_long ? emu->regs[X86_EMU_RCX] : (u32)emu->regs[X86_EMU_RCX];
	if (emu_long64(emu))
		emu_set_flags(emu, FL_ARITH | FL_TF | FL_IF | FL_DF | FL_IOPL | FL_NT | FL_AC |
			      FL_VIF | FL_VIP | FL_ID | FL_RF, emu->regs[X86_EMU_R11]);
	else
		emu->rflags |= FL_IF;
	load_cs_ss(emu, (sel + (to_long ? 16 : 0)) | 3, (sel + 8) | 3, to_long, 3);
	return X86_OP_OK;
}

enum x86_op_result op_sysenter(struct x86_emu *emu)
{
	bool lma;
	u16 cs;

	if (emu->mode == X86_EMU_REAL)
		return emu_gp(emu, 0);
	lma = emu_lma(emu);
	if (lma && emu->amd)
		return emu_ud(emu);
	cs = emu_msr(emu, MSR_SYSENTER_CS_NR);
	if (is_null(cs))
		return emu_gp(emu, 0);
	cs &= ~3;
	emu->rflags &= ~(FL_VM | FL_IF | FL_RF);
	emu->rip = emu_msr(emu, MSR_SYSENTER_EIP_NR);
	emu->regs[X86_EMU_RSP] = emu_msr(emu, MSR_SYSENTER_ESP_NR);
	if (!lma) {
		emu->rip = (u32)emu->rip;
		emu->regs[X86_EMU_RSP] = (u32)emu->regs[X86_EMU_RSP];
	}
	load_cs_ss(emu, cs, cs + 8, lma, 0);
	return X86_OP_OK;
}

enum x86_op_result op_sysexit(struct x86_emu *emu)
{
	bool to_long = emu_long64(emu) && emu->insn.op_bytes == 8;
	u64 rip = emu->regs[X86_EMU_RDX], rsp = emu->regs[X86_EMU_RCX];
	u16 cs;

	if (!emu_protected(emu) || emu->cpl)
		return emu_gp(emu, 0);
	if (emu->amd && emu_lma(emu))
		return emu_ud(emu);
	cs = emu_msr(emu, MSR_SYSENTER_CS_NR);
	if (is_null(cs))
		return emu_gp(emu, 0);
	cs = (cs & ~3) + (to_long ? 32 : 16);
	if (to_long && (!emu_canonical(emu, rip) || !emu_canonical(emu, rsp)))
		return emu_gp(emu, 0);
	emu->rip = to_long ? rip : (u32)rip;
	emu->regs[X86_EMU_RSP] = to_long ? rsp : (u32)rsp;
	load_cs_ss(emu, cs | 3, (cs + 8) | 3, to_long, 3);
	return X86_OP_OK;
}
