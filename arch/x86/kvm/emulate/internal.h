/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the emulator's own files share: the rows of the opcode tables, and the helpers below them.
 *
 * A row says all that the decoder must know of an opcode, and names the function that executes it.
 * That function finds its operands loaded in emu->dst, src and src2, works on emu->regs, rip and
 * rflags freely (the entry point takes them back when it fails), and leaves the result in dst.val,
 * which is then written where dst came from.
 */
#ifndef KVM_X86_EMULATE_INTERNAL_H
#define KVM_X86_EMULATE_INTERNAL_H

#include "emulate.h"

typedef enum x86_op_result x86_emu_fn(struct x86_emu *emu);

/* RFLAGS (SDM vol 1, 3.4.3). */
#define FL_CF		0x00000001UL
#define FL_FIXED	0x00000002UL
#define FL_PF		0x00000004UL
#define FL_AF		0x00000010UL
#define FL_ZF		0x00000040UL
#define FL_SF		0x00000080UL
#define FL_TF		0x00000100UL
#define FL_IF		0x00000200UL
#define FL_DF		0x00000400UL
#define FL_OF		0x00000800UL
#define FL_IOPL		0x00003000UL
#define FL_NT		0x00004000UL
#define FL_RF		0x00010000UL
#define FL_VM		0x00020000UL
#define FL_AC		0x00040000UL
#define FL_VIF		0x00080000UL
#define FL_VIP		0x00100000UL
#define FL_ID		0x00200000UL
#define FL_ARITH	(FL_CF | FL_PF | FL_AF | FL_ZF | FL_SF | FL_OF)

#define CR0_PE		0x00000001UL
#define CR0_MP		0x00000002UL
#define CR0_EM		0x00000004UL
#define CR0_TS		0x00000008UL
#define CR4_TSD		0x00000004UL
#define CR4_DE		0x00000008UL
#define CR4_PCE		0x00000100UL
#define CR4_OSFXSR	0x00000200UL
#define CR4_UMIP	0x00000800UL
#define CR4_OSXSAVE	0x00040000UL
#define DR6_BD		0x00002000U
#define DR6_BS		0x00004000U
#define DR6_BT		0x00008000U

#define MSR_EFER_NR	0xc0000080
#define EFER_SCE	0x001
#define EFER_LMA	0x400
#define EFER_FFXSR	0x4000

/*
 * Operands, named as in the opcode maps of SDM vol 2, appendix A: E is the ModRM register or memory
 * operand, G the ModRM register, Z a register in the opcode's low bits, I an immediate, J a
 * relative target, O an absolute offset; b, w, d, q, v, z are sizes. Those up to OP_LAST_MODRM need
 * a ModRM.
 */
enum operand_code {
	OP_NONE,
	OP_EB, OP_EW, OP_ED, OP_EV, OP_GB, OP_GW, OP_GV,
	OP_GY,			/* 4 or 8 bytes */
	OP_EY,
	OP_RV_MW,		/* a register of operand size, or 16 bits of memory */
	OP_M,			/* memory of which only the address is used */
	OP_E,			/* either, left alone: the function reads it */
	OP_SW,			/* a segment register's number; the function reads it */
	/* ModRM.reg names something else: a control, debug or vector register */
	OP_R,
	OP_LAST_MODRM = OP_R,
	OP_ZB, OP_ZV, OP_AL, OP_AX, OP_AX16, OP_CL, OP_DX,
	OP_1,
	OP_OB, OP_FIRST_IMM = OP_OB, OP_OV,	/* from here on: bytes behind ModRM */
	OP_IB, OP_IBS,		/* the latter sign-extended to operand size */
	OP_IW, OP_IZ, OP_IV,
	OP_JB, OP_JZ,
	OP_AP,			/* far pointer: imm is the offset, imm2 the selector */
	OP_IB2,			/* a second immediate byte */
	OP_NR_CODES
};

/* Row flags. */
#define F_KNOWN		0x00000001	/* a valid opcode; needed only where there is no function */
#define F_MODRM		0x00000002	/* has a ModRM byte though no operand says so */
#define F_MODREG	0x00000004	/* ModRM.mod is ignored: always a register */
#define F_MEM		0x00000008	/* ModRM must name memory */
#define F_LOCK		0x00000020	/* LOCK is allowed when dst is memory */
#define F_PRIV		0x00000040	/* CPL 0 only, else #GP(0) */
#define F_PROT		0x00000080	/* #UD in real and virtual-8086 mode */
#define F_NO64		0x00000100	/* #UD in 64-bit mode */
#define F_ONLY64	0x00000200
/* 64-bit operands are the default in 64-bit mode; no 32-bit form */
#define F_D64		0x00000400
#define F_NEAR		0x00000800	/* a near branch: the same, and Intel ignores 66 */
#define F_WO		0x00001000	/* dst is written, not read */
#define F_RO		0x00002000	/* dst is read, not written */
#define F_STRING	0x00004000
#define F_BITOFF	0x00008000	/* src is a bit offset that also moves the memory operand */
/* touches other memory than its operand: stack, tables, second string */
#define F_MORE_MEM	0x00010000
#define F_LOCKED	0x00020000	/* locked even without the prefix */
#define F_POP		0x00040000	/* the address is computed with rsp already popped */
#define F_WRITES	0x00080000	/* the function itself writes the memory operand */
/* 64-bit operands always in 64-bit mode, 32-bit ones elsewhere */
#define F_Q64		0x00400000
/* Not an opcode but a table: ->sub, indexed by what the group's kind says. */
#define G_REG		0x10000000	/* ModRM.reg */
#define G_MOD3		0x20000000	/* 0: memory; 1: register */
#define G_RM		0x30000000	/* ModRM.rm */
#define G_SIMD		0x40000000	/* 0: no prefix; 1: 66; 2: F3; 3: F2 */
#define G_MODE64	0x50000000	/* 1: 64-bit mode */
#define G_MASK		0xf0000000

struct x86_emu_row {
	union {
		x86_emu_fn *fn;
		const struct x86_emu_row *sub;
	};
	u32 flags;
	u8 dst, src, src2;	/* enum operand_code */
	u8 icpt;		/* enum x86_emu_icpt */
};

extern const struct x86_emu_row x86_emu_map_1byte[256];
extern const struct x86_emu_row x86_emu_map_0f[256];
extern const struct x86_emu_row x86_emu_map_0f38[256];
extern const struct x86_emu_row x86_emu_map_0f3a[256];
const struct x86_emu_row *x86_emu_vex_row(unsigned int map, u8 opcode);

/* operand.c: sizes, registers, segments, memory, stack */
u64 emu_mask(unsigned int bytes);
s64 emu_sext(u64 val, unsigned int bytes);
u64 emu_reg(const struct x86_emu *emu, unsigned int reg, unsigned int size);
void emu_set_reg(struct x86_emu *emu, unsigned int reg, unsigned int size, u64 val);
const struct x86_emu_seg *emu_seg(struct x86_emu *emu, unsigned int seg);
void emu_set_seg(struct x86_emu *emu, unsigned int seg, const struct x86_emu_seg *val);
u64 emu_msr(struct x86_emu *emu, u32 index);
bool emu_canonical(const struct x86_emu *emu, u64 addr);
enum x86_op_result emu_linear(struct x86_emu *emu, unsigned int seg, u64 ea, unsigned int size,
			      unsigned int acc, u64 *linear);
enum x86_op_result emu_read(struct x86_emu *emu, unsigned int seg, u64 ea, void *buf,
			    unsigned int size, unsigned int acc);
enum x86_op_result emu_write(struct x86_emu *emu, unsigned int seg, u64 ea, const void *buf,
			     unsigned int size, unsigned int acc);
unsigned int emu_acc(const struct x86_emu *emu);
enum x86_op_result emu_read_operand(struct x86_emu *emu, unsigned int offset, void *buf,
				    unsigned int size);
enum x86_op_result emu_write_operand(struct x86_emu *emu, unsigned int offset, const void *buf,
				     unsigned int size);
enum x86_op_result emu_load_operands(struct x86_emu *emu);
enum x86_op_result emu_store_dst(struct x86_emu *emu);
unsigned int emu_stack_bytes(struct x86_emu *emu);
void emu_add_rsp(struct x86_emu *emu, s64 delta);
enum x86_op_result emu_push(struct x86_emu *emu, u64 val, unsigned int size);
enum x86_op_result emu_push_block(struct x86_emu *emu, const void *buf, unsigned int bytes,
				  unsigned int unit);
enum x86_op_result emu_pop(struct x86_emu *emu, u64 *val, unsigned int size);
enum x86_op_result emu_peek(struct x86_emu *emu, unsigned int offset, u64 *val, unsigned int size);

/* execute.c */
enum x86_emu_outcome emu_outcome(enum x86_op_result r);
void emu_begin(struct x86_emu *emu);
void emu_commit(struct x86_emu *emu);
void emu_roll_back(struct x86_emu *emu);
enum x86_op_result emu_exception(struct x86_emu *emu, unsigned int vector, bool has_error,
				 u32 error);
enum x86_op_result emu_intercept(struct x86_emu *emu, enum x86_emu_stage stage);

static inline enum x86_op_result emu_ud(struct x86_emu *emu)
{
	return emu_exception(emu, X86_EMU_UD, false, 0);
}

static inline enum x86_op_result emu_nm(struct x86_emu *emu)
{
	return emu_exception(emu, X86_EMU_NM, false, 0);
}

static inline enum x86_op_result emu_gp(struct x86_emu *emu, u32 error)
{
	return emu_exception(emu, X86_EMU_GP, true, error);
}

static inline bool emu_long64(const struct x86_emu *emu)
{
	return emu->mode == X86_EMU_LONG64;
}

/* Protected mode in the narrow sense: descriptors are what segment registers load. */
static inline bool emu_protected(const struct x86_emu *emu)
{
	return emu->mode >= X86_EMU_PROT16;
}

static inline void emu_set_flags(struct x86_emu *emu, u64 mask, u64 val)
{
	emu->rflags = (emu->rflags & ~mask) | (val & mask);
}

static inline unsigned int emu_iopl(const struct x86_emu *emu)
{
	return (emu->rflags & FL_IOPL) >> 12;
}

/* string.c */
enum x86_op_result emu_string(struct x86_emu *emu, bool *again);

/* io.c */
enum x86_op_result emu_io_allowed(struct x86_emu *emu, u16 port, unsigned int size);

/* branch.c */
enum x86_op_result emu_jump(struct x86_emu *emu, u64 target, unsigned int size);
bool emu_condition(u64 rflags, unsigned int cc);

/* alu.c */
u64 emu_result_flags(u64 res, unsigned int size);

/* The functions that rows name. alu.c: */
x86_emu_fn op_add, op_or, op_adc, op_sbb, op_and, op_sub, op_xor, op_cmp, op_test;
x86_emu_fn op_inc, op_dec, op_not, op_neg, op_xadd, op_cmpxchg, op_cmpxchg8b;
x86_emu_fn op_daa, op_das, op_aaa, op_aas, op_aam, op_aad;
/* muldiv.c */
x86_emu_fn op_mul, op_imul, op_imul2, op_imul3, op_div, op_idiv;
/* shift.c */
x86_emu_fn op_rol, op_ror, op_rcl, op_rcr, op_shl, op_shr, op_sar, op_shld, op_shrd;
x86_emu_fn op_bt, op_bts, op_btr, op_btc, op_bsf, op_bsr, op_popcnt;
/* move.c */
x86_emu_fn op_nop, op_mov, op_movsx, op_xchg, op_lea, op_cbw, op_cwd, op_bswap, op_xlat, op_movbe;
x86_emu_fn op_setcc, op_cmovcc, op_lahf, op_sahf, op_cmc, op_clc, op_stc, op_cld, op_std;
x86_emu_fn op_push, op_pop, op_pusha, op_popa, op_pushf, op_popf, op_enter, op_leave, op_salc;
x86_emu_fn op_bound;
/* branch.c */
x86_emu_fn op_jmp, op_jmp_abs, op_jcc, op_call, op_call_abs, op_ret, op_loop, op_jcxz;
/* string.c */
x86_emu_fn op_movs, op_cmps, op_stos, op_lods, op_scas, op_ins, op_outs;
/* io.c */
x86_emu_fn op_in, op_out;
/* system.c */
x86_emu_fn op_cpuid, op_hlt, op_wbinvd, op_hypercall, op_cli, op_sti, op_ac, op_mov_from_cr;
x86_emu_fn op_mov_to_cr, op_mov_from_dr, op_mov_to_dr, op_smsw, op_lmsw, op_clts, op_rdmsr;
x86_emu_fn op_wrmsr, op_rdtsc, op_rdtscp, op_rdpmc, op_xgetbv, op_xsetbv, op_invlpg, op_swapgs;
x86_emu_fn op_clflush;
/* segment.c */
x86_emu_fn op_mov_from_sreg, op_mov_to_sreg, op_push_sreg, op_pop_sreg, op_load_far;
x86_emu_fn op_sldt, op_str, op_lldt, op_ltr, op_lar, op_lsl, op_verr, op_verw, op_arpl;
x86_emu_fn op_sgdt, op_sidt, op_lgdt, op_lidt;
/* far.c */
x86_emu_fn op_jmp_far, op_call_far, op_jmp_far_mem, op_call_far_mem, op_ret_far, op_iret;
x86_emu_fn op_int, op_int3, op_into;
/* simd.c */
x86_emu_fn op_vec_move, op_fxsave, op_fxrstor, op_fninit, op_fnclex, op_fnstcw, op_fnstsw, op_fldcw;
x86_emu_fn op_fwait;
/* fastcall.c */
x86_emu_fn op_syscall, op_sysret, op_sysenter, op_sysexit;

#endif
