// SPDX-License-Identifier: GPL-2.0-only
/*
 * Moves between memory and vector registers, FXSAVE and FXRSTOR, and the x87 instructions without
 * arithmetic: what guests do to device memory, or to find out what CPU they run on.
 *
 * One table says what each move does; SSE, its VEX form and MMX share it. Forms without a memory
 * operand are never a reason to emulate, and are not implemented.
 */
#include "internal.h"

#define TO_MEM	0x01
#define ALIGNED	0x02		/* #GP(0) when the address is no multiple of the size */
#define MERGED	0x04		/* the rest of the register stays; under VEX it comes from vvvv */
#define MMX	0x08		/* without prefix it is an MMX register */
#define DQ	0x10		/* 4 bytes, or 8 with REX.W */
#define L0	0x20		/* VEX.L must be 0 */

#define NP	0x1		/* which mandatory prefixes, in a mask: none, 66, F3, F2 */
#define P66	0x2
#define PF3	0x4
#define PF2	0x8

struct vec_move {
	u8 map, opcode, prefixes;
	u8 size;		/* bytes of memory; 0: the whole vector */
	u8 at;			/* where in the register */
	u8 how;
};

static const struct vec_move moves[] = {
	{ 1, 0x10, NP | P66, 0, 0, 0 },			/* MOVUPS, MOVUPD */
	{ 1, 0x10, PF3, 4, 0, 0 },			/* MOVSS */
	{ 1, 0x10, PF2, 8, 0, 0 },			/* MOVSD */
	{ 1, 0x11, NP | P66, 0, 0, TO_MEM },
	{ 1, 0x11, PF3, 4, 0, TO_MEM },
	{ 1, 0x11, PF2, 8, 0, TO_MEM },
	{ 1, 0x12, NP | P66, 8, 0, MERGED | L0 },	/* MOVLPS, MOVLPD */
	{ 1, 0x13, NP | P66, 8, 0, TO_MEM | L0 },
	{ 1, 0x16, NP | P66, 8, 8, MERGED | L0 },	/* MOVHPS, MOVHPD */
	{ 1, 0x17, NP | P66, 8, 8, TO_MEM | L0 },
	{ 1, 0x28, NP | P66, 0, 0, ALIGNED },		/* MOVAPS, MOVAPD */
	{ 1, 0x29, NP | P66, 0, 0, TO_MEM | ALIGNED },
	{ 1, 0x2b, NP | P66, 0, 0, TO_MEM | ALIGNED },	/* MOVNTPS, MOVNTPD */
	{ 1, 0x6e, NP, 0, 0, MMX | DQ },		/* MOVD, MOVQ */
	{ 1, 0x6e, P66, 0, 0, DQ | L0 },
	{ 1, 0x6f, NP, 8, 0, MMX },			/* MOVQ */
	{ 1, 0x6f, P66, 0, 0, ALIGNED },			/* MOVDQA */
	{ 1, 0x6f, PF3, 0, 0, 0 },			/* MOVDQU */
	{ 1, 0x7e, NP, 0, 0, TO_MEM | MMX | DQ },
	{ 1, 0x7e, P66, 0, 0, TO_MEM | DQ | L0 },
	{ 1, 0x7e, PF3, 8, 0, L0 },			/* MOVQ */
	{ 1, 0x7f, NP, 8, 0, TO_MEM | MMX },
	{ 1, 0x7f, P66, 0, 0, TO_MEM | ALIGNED },
	{ 1, 0x7f, PF3, 0, 0, TO_MEM },
	{ 1, 0xd6, P66, 8, 0, TO_MEM | L0 },
	{ 1, 0xe7, NP, 8, 0, TO_MEM | MMX },		/* MOVNTQ */
	{ 1, 0xe7, P66, 0, 0, TO_MEM | ALIGNED },		/* MOVNTDQ */
	{ 1, 0xf0, PF2, 0, 0, 0 },			/* LDDQU */
	{ 2, 0x2a, P66, 0, 0, ALIGNED },			/* MOVNTDQA */
};

static const struct vec_move *find_move(const struct x86_emu_insn *insn)
{
	u8 prefix = insn->simd == 0x66 ? P66 : insn->simd == 0xf3 ? PF3 :
		    insn->simd == 0xf2 ? PF2 : NP;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(moves); i++) {
		if (moves[i].map == insn->map && moves[i].opcode == insn->opcode &&
		    moves[i].prefixes & prefix)
			return &moves[i];
	}
	return NULL;
}

/* Is the unit there, and the operating system ready for it? (SDM vol 3, 13.1; vol 2, 2.4) */
static enum x86_op_result check_unit(struct x86_emu *emu, bool mmx)
{
	u64 cr0 = emu->ops->get_cr(emu, 0), cr4 = emu->ops->get_cr(emu, 4), xcr0 = 0;

	if (emu->insn.vex) {
		if (!(cr4 & CR4_OSXSAVE) || !emu->ops->get_xcr ||
		    emu->ops->get_xcr(emu, 0, &xcr0) || (xcr0 & 6) != 6)
			return emu_ud(emu);
	} else if (cr0 & CR0_EM || (!mmx && !(cr4 & CR4_OSFXSR))) {
		return emu_ud(emu);
	}
	return cr0 & CR0_TS ? emu_nm(emu) : X86_OP_OK;
}

static bool vex_fields_valid(const struct x86_emu_insn *insn, const struct vec_move *m)
{
	if (!insn->vex)
		return true;
	if (insn->evex || m->how & MMX || (m->how & L0 && insn->vex_l))
		return false;
	return m->how & MERGED || !insn->vex_vvvv;
}

static enum x86_op_result load_mmx(struct x86_emu *emu, unsigned int size)
{
	enum x86_op_result r;
	u64 val = 0;

	r = emu_read_operand(emu, 0, &val, size);
	return r ? r : emu->ops->mmx_write(emu, emu->insn.reg & 7, val);
}

static enum x86_op_result store_mmx(struct x86_emu *emu, unsigned int size)
{
	enum x86_op_result r;
	u64 val;

	r = emu->ops->mmx_read(emu, emu->insn.reg & 7, &val);
	return r ? r : emu_write_operand(emu, 0, &val, size);
}

static enum x86_op_result move_mmx(struct x86_emu *emu, const struct vec_move *m,
				   unsigned int size)
{
	if (!emu->ops->mmx_read || !emu->ops->mmx_write)
		return X86_OP_UNHANDLED;
	return m->how & TO_MEM ? store_mmx(emu, size) : load_mmx(emu, size);
}

/* Everything but the part from memory is zero, or for MERGED as it is in a register. */
static enum x86_op_result load_vec(struct x86_emu *emu, const struct vec_move *m,
				   unsigned int size)
{
	const struct x86_emu_insn *insn = &emu->insn;
	enum x86_op_result r = X86_OP_OK;
	u8 val[32] __aligned(16) = { 0 };

	if (m->how & MERGED)
		r = emu->ops->vec_read(emu, insn->vex ? insn->vex_vvvv : insn->reg, val, 16);
	if (!r)
		r = emu_read_operand(emu, 0, val + m->at, size);
	if (r)
		return r;
	return emu->ops->vec_write(emu, insn->reg, val, size > 16 ? 32 : 16, insn->vex);
}

static enum x86_op_result store_vec(struct x86_emu *emu, const struct vec_move *m,
				    unsigned int size)
{
	u8 val[32] __aligned(16);
	enum x86_op_result r;

	r = emu->ops->vec_read(emu, emu->insn.reg, val, size > 16 ? 32 : 16);
	return r ? r : emu_write_operand(emu, 0, val + m->at, size);
}

static enum x86_op_result check_alignment(struct x86_emu *emu, unsigned int size)
{
	enum x86_op_result r;
	u64 linear;

	r = emu_linear(emu, emu->insn.seg, emu->ea, size, 0, &linear);
	if (!r && linear & (size - 1))
		r = emu_gp(emu, 0);
	return r;
}

enum x86_op_result op_vec_move(struct x86_emu *emu)
{
	const struct vec_move *m = find_move(&emu->insn);
	enum x86_op_result r;
	unsigned int size;

	if (!m || emu->insn.mod == 3)
		return X86_OP_UNHANDLED;
	if (!vex_fields_valid(&emu->insn, m))
		return emu->insn.evex ? X86_OP_UNHANDLED : emu_ud(emu);
	r = check_unit(emu, m->how & MMX);
	if (r)
		return r;
	size = m->size ? m->size : emu->insn.vex_l ? 32 : 16;
	if (m->how & DQ)
		size = emu->insn.op_bytes == 8 ? 8 : 4;
	if (m->how & MMX)
		return move_mmx(emu, m, size);
	if (!emu->ops->vec_read || !emu->ops->vec_write)
		return X86_OP_UNHANDLED;
	if (m->how & ALIGNED)
		r = check_alignment(emu, size);
	if (r)
		return r;
	return m->how & TO_MEM ? store_vec(emu, m, size) : load_vec(emu, m, size);
}

/*
 * The FXSAVE image (SDM vol 1, 10.5.1): x87 state in the first 160 bytes, XMM registers behind it,
 * half as many outside 64-bit mode; AMD's fast FXSAVE leaves them out for a 64-bit kernel.
 */
#define FX_X87		160
#define FX_XMM8		288
#define FX_XMM16	416
#define FX_MXCSR	24
#define FX_MXCSR_MASK	28
#define MXCSR_DEFAULT	0xffbf

static unsigned int fx_bytes(struct x86_emu *emu)
{
	if (!emu_long64(emu))
		return FX_XMM8;
	if (!emu->cpl && emu_msr(emu, MSR_EFER_NR) & EFER_FFXSR)
		return FX_X87;
	return FX_XMM16;
}

static enum x86_op_result check_fx(struct x86_emu *emu)
{
	u64 cr0 = emu->ops->get_cr(emu, 0);

	if (cr0 & CR0_EM)
		return emu_ud(emu);
	if (cr0 & CR0_TS)
		return emu_nm(emu);
	if (!emu->ops->fxsave || !emu->ops->fxrstor)
		return X86_OP_UNHANDLED;
	return check_alignment(emu, 16);
}

enum x86_op_result op_fxsave(struct x86_emu *emu)
{
	enum x86_op_result r = check_fx(emu);

	if (!r)
		r = emu->ops->fxsave(emu, emu->buf);
	return r ? r : emu_write_operand(emu, 0, emu->buf, fx_bytes(emu));
}

/* What memory does not bring stays: the image begins as the current state. */
enum x86_op_result op_fxrstor(struct x86_emu *emu)
{
	enum x86_op_result r = check_fx(emu);
	u32 mxcsr, mask;

	if (!r)
		r = emu->ops->fxsave(emu, emu->buf);
	if (r)
		return r;
	memcpy(&mask, emu->buf + FX_MXCSR_MASK, 4);
	r = emu_read_operand(emu, 0, emu->buf, fx_bytes(emu));
	if (r)
		return r;
	memcpy(&mxcsr, emu->buf + FX_MXCSR, 4);
	memcpy(emu->buf + FX_MXCSR_MASK, &mask, 4);
	if (mxcsr & ~(mask ? mask : MXCSR_DEFAULT))
		return emu_gp(emu, 0);
	return emu->ops->fxrstor(emu, emu->buf);
}

static enum x86_op_result x87(struct x86_emu *emu, enum x86_emu_fpu_op op, u16 *word)
{
	if (emu->ops->get_cr(emu, 0) & (CR0_EM | CR0_TS))
		return emu_nm(emu);
	return emu->ops->fpu ? emu->ops->fpu(emu, op, word) : X86_OP_UNHANDLED;
}

enum x86_op_result op_fninit(struct x86_emu *emu)
{
	return x87(emu, X86_EMU_FNINIT, NULL);
}

enum x86_op_result op_fnclex(struct x86_emu *emu)
{
	return x87(emu, X86_EMU_FNCLEX, NULL);
}

static enum x86_op_result store_word(struct x86_emu *emu, enum x86_emu_fpu_op op)
{
	enum x86_op_result r;
	u16 word = 0;

	r = x87(emu, op, &word);
	emu->dst.val = word;
	return r;
}

enum x86_op_result op_fnstcw(struct x86_emu *emu)
{
	return store_word(emu, X86_EMU_FNSTCW);
}

enum x86_op_result op_fnstsw(struct x86_emu *emu)
{
	return store_word(emu, X86_EMU_FNSTSW);
}

enum x86_op_result op_fldcw(struct x86_emu *emu)
{
	u16 word = emu->dst.val;

	return x87(emu, X86_EMU_FLDCW, &word);
}

/* FWAIT looks at MP and TS together, and not at EM. */
enum x86_op_result op_fwait(struct x86_emu *emu)
{
	u64 both = CR0_MP | CR0_TS;

	if ((emu->ops->get_cr(emu, 0) & both) == both)
		return emu_nm(emu);
	return emu->ops->fpu ? emu->ops->fpu(emu, X86_EMU_FWAIT, NULL) : X86_OP_UNHANDLED;
}
