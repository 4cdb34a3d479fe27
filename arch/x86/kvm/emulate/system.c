// SPDX-License-Identifier: GPL-2.0-only
/*
 * System instructions: control, debug and model-specific registers, caches, and the like.
 *
 * Privilege that holds without condition is in the opcode's row; here is what depends on CR4 or on
 * the operand. Whether a value is allowed in a register is for the ops to say.
 */
#include "internal.h"

#define MSR_TSC			0x10
#define MSR_TSC_AUX_NR		0xc0000103
#define MSR_KERNEL_GS_BASE_NR	0xc0000102
#define DR7_GD			0x2000

static u64 cr(struct x86_emu *emu, unsigned int nr)
{
	return emu->ops->get_cr(emu, nr);
}

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

enum x86_op_result op_wbinvd(struct x86_emu *emu)
{
	return emu->ops->wbinvd ? emu->ops->wbinvd(emu) : X86_OP_UNHANDLED;
}

enum x86_op_result op_hypercall(struct x86_emu *emu)
{
	return emu->ops->hypercall ? emu->ops->hypercall(emu) : X86_OP_UNHANDLED;
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

/* CLAC and STAC. */
enum x86_op_result op_ac(struct x86_emu *emu)
{
	if (emu->cpl)
		return emu_ud(emu);
	emu_set_flags(emu, FL_AC, emu->insn.rm & 1 ? FL_AC : 0);
	return X86_OP_OK;
}

static bool is_cr(unsigned int nr)
{
	return nr == 0 || (nr >= 2 && nr <= 4) || nr == 8;
}

enum x86_op_result op_mov_from_cr(struct x86_emu *emu)
{
	unsigned int nr = emu->insn.reg;

	if (!is_cr(nr))
		return emu_ud(emu);
	emu_set_reg(emu, emu->insn.rm, emu->insn.op_bytes, cr(emu, nr));
	return X86_OP_OK;
}

enum x86_op_result op_mov_to_cr(struct x86_emu *emu)
{
	unsigned int nr = emu->insn.reg;

	if (!is_cr(nr))
		return emu_ud(emu);
	return emu->ops->set_cr(emu, nr, emu_reg(emu, emu->insn.rm, emu->insn.op_bytes));
}

/*
 * DR4 and DR5 are DR6 and DR7, or undefined with CR4.DE. With DR7.GD any access is a #DB, before it
 * happens (SDM vol 3, 17.2.4).
 */
static enum x86_op_result check_dr(struct x86_emu *emu, unsigned int *nr)
{
	*nr = emu->insn.reg;
	if (*nr > 7)
		return emu_ud(emu);
	if (*nr == 4 || *nr == 5) {
		if (cr(emu, 4) & CR4_DE)
			return emu_ud(emu);
		*nr += 2;
	}
	if (emu->ops->get_dr(emu, 7) & DR7_GD) {
		emu->db_pending |= DR6_BD;
		return emu_exception(emu, X86_EMU_DB, false, 0);
	}
	return X86_OP_OK;
}

enum x86_op_result op_mov_from_dr(struct x86_emu *emu)
{
	enum x86_op_result r;
	unsigned int nr;

	r = check_dr(emu, &nr);
	if (!r)
		emu_set_reg(emu, emu->insn.rm, emu->insn.op_bytes, emu->ops->get_dr(emu, nr));
	return r;
}

/* The upper halves of DR6 and DR7 must be zero. */
enum x86_op_result op_mov_to_dr(struct x86_emu *emu)
{
	u64 val = emu_reg(emu, emu->insn.rm, emu->insn.op_bytes);
	enum x86_op_result r;
	unsigned int nr;

	r = check_dr(emu, &nr);
	if (r)
		return r;
	if (nr >= 6 && val >> 32)
		return emu_gp(emu, 0);
	return emu->ops->set_dr(emu, nr, val);
}

enum x86_op_result op_smsw(struct x86_emu *emu)
{
	if (emu->cpl && cr(emu, 4) & CR4_UMIP)
		return emu_gp(emu, 0);
	emu->dst.val = cr(emu, 0);
	return X86_OP_OK;
}

/* LMSW changes PE, MP, EM and TS, and cannot clear PE. */
enum x86_op_result op_lmsw(struct x86_emu *emu)
{
	u64 old = cr(emu, 0), mask = CR0_PE | CR0_MP | CR0_EM | CR0_TS;
	u64 val = (old & ~mask) | (emu->src.val & mask) | (old & CR0_PE);

	return emu->ops->set_cr(emu, 0, val);
}

enum x86_op_result op_clts(struct x86_emu *emu)
{
	return emu->ops->set_cr(emu, 0, cr(emu, 0) & ~CR0_TS);
}

static void set_edx_eax(struct x86_emu *emu, u64 val)
{
	emu->regs[X86_EMU_RAX] = (u32)val;
	emu->regs[X86_EMU_RDX] = val >> 32;
}

static u64 edx_eax(const struct x86_emu *emu)
{
	return (u64)(u32)emu->regs[X86_EMU_RDX] << 32 | (u32)emu->regs[X86_EMU_RAX];
}

enum x86_op_result op_rdmsr(struct x86_emu *emu)
{
	enum x86_op_result r;
	u64 val = 0;

	emu->msr_explicit = true;
	r = emu->ops->read_msr(emu, emu->regs[X86_EMU_RCX], &val);
	if (!r)
		set_edx_eax(emu, val);
	return r;
}

enum x86_op_result op_wrmsr(struct x86_emu *emu)
{
	emu->msr_explicit = true;
	return emu->ops->write_msr(emu, emu->regs[X86_EMU_RCX], edx_eax(emu));
}

/* Time is for user code, too, unless CR4.TSD says no. */
static enum x86_op_result check_tsc(struct x86_emu *emu)
{
	if (emu->cpl && cr(emu, 4) & CR4_TSD)
		return emu_gp(emu, 0);
	return emu_intercept(emu, X86_EMU_STAGE_CHECKED);
}

enum x86_op_result op_rdtsc(struct x86_emu *emu)
{
	enum x86_op_result r = check_tsc(emu);

	if (!r)
		set_edx_eax(emu, emu_msr(emu, MSR_TSC));
	return r;
}

enum x86_op_result op_rdtscp(struct x86_emu *emu)
{
	enum x86_op_result r = op_rdtsc(emu);

	if (!r)
		emu->regs[X86_EMU_RCX] = (u32)emu_msr(emu, MSR_TSC_AUX_NR);
	return r;
}

enum x86_op_result op_rdpmc(struct x86_emu *emu)
{
	enum x86_op_result r;
	u64 val = 0;

	if (!emu->ops->read_pmc)
		return X86_OP_UNHANDLED;
	if (emu->cpl && !(cr(emu, 4) & CR4_PCE))
		return emu_gp(emu, 0);
	r = emu_intercept(emu, X86_EMU_STAGE_CHECKED);
	if (!r)
		r = emu->ops->read_pmc(emu, emu->regs[X86_EMU_RCX], &val);
	if (!r)
		set_edx_eax(emu, val);
	return r;
}

enum x86_op_result op_xgetbv(struct x86_emu *emu)
{
	enum x86_op_result r;
	u64 val = 0;

	if (!(cr(emu, 4) & CR4_OSXSAVE))
		return emu_ud(emu);
	if (!emu->ops->get_xcr)
		return X86_OP_UNHANDLED;
	r = emu->ops->get_xcr(emu, emu->regs[X86_EMU_RCX], &val);
	if (!r)
		set_edx_eax(emu, val);
	return r;
}

enum x86_op_result op_xsetbv(struct x86_emu *emu)
{
	if (!(cr(emu, 4) & CR4_OSXSAVE))
		return emu_ud(emu);
	if (emu->cpl)
		return emu_gp(emu, 0);
	if (!emu->ops->set_xcr)
		return X86_OP_UNHANDLED;
	return emu->ops->set_xcr(emu, emu->regs[X86_EMU_RCX], edx_eax(emu));
}

/* INVLPG checks nothing: an address that is not canonical is not cached either. */
enum x86_op_result op_invlpg(struct x86_emu *emu)
{
	unsigned int seg = emu->insn.seg;
	u64 linear = emu->ea;

	if (!emu->ops->invlpg)
		return X86_OP_UNHANDLED;
	if (!emu_long64(emu))
		linear = (u32)(linear + emu_seg(emu, seg)->base);
	else if (seg == X86_EMU_FS || seg == X86_EMU_GS)
		linear += emu_seg(emu, seg)->base;
	return emu_canonical(emu, linear) ? emu->ops->invlpg(emu, linear) : X86_OP_OK;
}

enum x86_op_result op_swapgs(struct x86_emu *emu)
{
	struct x86_emu_seg gs = *emu_seg(emu, X86_EMU_GS);
	u64 old = gs.base;

	gs.base = emu_msr(emu, MSR_KERNEL_GS_BASE_NR);
	emu_set_seg(emu, X86_EMU_GS, &gs);
	emu->msr_explicit = false;
	return emu->ops->write_msr(emu, MSR_KERNEL_GS_BASE_NR, old);
}

/* CLFLUSH and its kin access one byte, and have nothing to flush. */
enum x86_op_result op_clflush(struct x86_emu *emu)
{
	u8 byte;

	return emu_read_operand(emu, 0, &byte, 1);
}
