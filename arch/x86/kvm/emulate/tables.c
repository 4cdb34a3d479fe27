// SPDX-License-Identifier: GPL-2.0-only
/*
 * The opcode maps: one byte, 0F, 0F 38 and 0F 3A, with their groups (SDM vol 2, appendix A; APM vol
 * 3, appendix A).
 *
 * A row with no function but F_KNOWN is an instruction whose length the decoder must know, to step
 * over it, and which the emulator does not execute. An empty row is an undefined opcode: #UD.
 */
#include "internal.h"

#define ROW(f, d, s, fl)	{ { .fn = f }, fl, OP_##d, OP_##s, OP_NONE, X86_ICPT_NONE }
#define ROW3(f, d, s, s2, fl)	{ { .fn = f }, fl, OP_##d, OP_##s, OP_##s2, X86_ICPT_NONE }
#define ROWI(f, d, s, fl, i)	{ { .fn = f }, fl, OP_##d, OP_##s, OP_NONE, X86_ICPT_##i }
#define GROUP(kind, rows)	{ { .sub = rows }, kind, OP_NONE, OP_NONE, OP_NONE, X86_ICPT_NONE }
#define KNOWN(fl)		ROW(NULL, NONE, NONE, F_KNOWN | (fl))
#define KNOWN_RM		KNOWN(F_MODRM)
#define KNOWN_RM_IB		ROW(NULL, NONE, IB, F_KNOWN | F_MODRM)
#define KNOWNI(fl, i)		ROWI(NULL, NONE, NONE, F_KNOWN | (fl), i)
#define UNDEFINED		{ { .fn = NULL }, 0, OP_NONE, OP_NONE, OP_NONE, X86_ICPT_NONE }

#define PUSH_SREG		ROW(op_push_sreg, NONE, NONE, F_NO64)
#define POP_SREG		ROW(op_pop_sreg, NONE, NONE, F_NO64 | F_MORE_MEM)

/* simd.c finds out by its own table which prefixes there are; the rest is not implemented. */
#define VEC_LOAD		ROW(op_vec_move, E, NONE, F_RO)
#define VEC_STORE		ROW(op_vec_move, E, NONE, F_RO | F_WRITES)

#define ALU(base, f, fl)				\
	[(base) + 0] = ROW(f, EB, GB, (fl)),		\
	[(base) + 1] = ROW(f, EV, GV, (fl)),		\
	[(base) + 2] = ROW(f, GB, EB, (fl) & F_RO),	\
	[(base) + 3] = ROW(f, GV, EV, (fl) & F_RO),	\
	[(base) + 4] = ROW(f, AL, IB, (fl) & F_RO),	\
	[(base) + 5] = ROW(f, AX, IZ, (fl) & F_RO)

#define ALU_GROUP(d, s) {				\
	ROW(op_add, d, s, F_LOCK), ROW(op_or, d, s, F_LOCK),	\
	ROW(op_adc, d, s, F_LOCK), ROW(op_sbb, d, s, F_LOCK),	\
	ROW(op_and, d, s, F_LOCK), ROW(op_sub, d, s, F_LOCK),	\
	ROW(op_xor, d, s, F_LOCK), ROW(op_cmp, d, s, F_RO) }

#define SHIFT_GROUP(d, s) {				\
	ROW(op_rol, d, s, 0), ROW(op_ror, d, s, 0),	\
	ROW(op_rcl, d, s, 0), ROW(op_rcr, d, s, 0),	\
	ROW(op_shl, d, s, 0), ROW(op_shr, d, s, 0),	\
	ROW(op_shl, d, s, 0), ROW(op_sar, d, s, 0) }

static const struct x86_emu_row group1_eb_ib[8] = ALU_GROUP(EB, IB);
static const struct x86_emu_row group1_ev_iz[8] = ALU_GROUP(EV, IZ);
static const struct x86_emu_row group1_ev_ibs[8] = ALU_GROUP(EV, IBS);
static const struct x86_emu_row group2_eb_ib[8] = SHIFT_GROUP(EB, IB);
static const struct x86_emu_row group2_ev_ib[8] = SHIFT_GROUP(EV, IB);
static const struct x86_emu_row group2_eb_1[8] = SHIFT_GROUP(EB, 1);
static const struct x86_emu_row group2_ev_1[8] = SHIFT_GROUP(EV, 1);
static const struct x86_emu_row group2_eb_cl[8] = SHIFT_GROUP(EB, CL);
static const struct x86_emu_row group2_ev_cl[8] = SHIFT_GROUP(EV, CL);

static const struct x86_emu_row group1a[8] = {
	[0] = ROW(op_pop, EV, NONE, F_WO | F_D64 | F_POP | F_MORE_MEM),
};

static const struct x86_emu_row group3_b[8] = {
	ROW(op_test, EB, IB, F_RO), ROW(op_test, EB, IB, F_RO),
	ROW(op_not, EB, NONE, F_LOCK), ROW(op_neg, EB, NONE, F_LOCK),
	ROW(op_mul, EB, NONE, F_RO), ROW(op_imul, EB, NONE, F_RO),
	ROW(op_div, EB, NONE, F_RO), ROW(op_idiv, EB, NONE, F_RO),
};

static const struct x86_emu_row group3_v[8] = {
	ROW(op_test, EV, IZ, F_RO), ROW(op_test, EV, IZ, F_RO),
	ROW(op_not, EV, NONE, F_LOCK), ROW(op_neg, EV, NONE, F_LOCK),
	ROW(op_mul, EV, NONE, F_RO), ROW(op_imul, EV, NONE, F_RO),
	ROW(op_div, EV, NONE, F_RO), ROW(op_idiv, EV, NONE, F_RO),
};

static const struct x86_emu_row group4[8] = {
	ROW(op_inc, EB, NONE, F_LOCK), ROW(op_dec, EB, NONE, F_LOCK),
};

static const struct x86_emu_row group5[8] = {
	ROW(op_inc, EV, NONE, F_LOCK),
	ROW(op_dec, EV, NONE, F_LOCK),
	ROW(op_call_abs, EV, NONE, F_RO | F_NEAR | F_MORE_MEM),
	ROW(op_call_far_mem, M, NONE, F_MEM | F_MORE_MEM),
	ROW(op_jmp_abs, EV, NONE, F_RO | F_NEAR),
	ROW(op_jmp_far_mem, M, NONE, F_MEM | F_MORE_MEM),
	ROW(op_push, EV, NONE, F_RO | F_D64 | F_MORE_MEM),
};

/* XABORT and XBEGIN (F8 in place of a ModRM byte) raise #UD: transactions are never offered. */
static const struct x86_emu_row group11_b[8] = { ROW(op_mov, EB, IB, F_WO) };
static const struct x86_emu_row group11_v[8] = { ROW(op_mov, EV, IZ, F_WO) };

static const struct x86_emu_row row_63[2] = {
	ROW(op_arpl, EW, GW, F_PROT),
	ROW(op_movsx, GV, ED, F_WO),		/* MOVSXD */
};

/* x87: whatever is done to the control and status words alone. */
static const struct x86_emu_row group_d9[8] = {
	[0 ... 4] = KNOWN_RM,
	[5] = ROW(op_fldcw, EW, NONE, F_RO),
	[6] = KNOWN_RM,
	[7] = ROW(op_fnstcw, EW, NONE, F_WO),
};

static const struct x86_emu_row group_db_4[8] = {
	[0 ... 1] = KNOWN_RM,
	[2] = ROW(op_fnclex, E, NONE, F_RO),
	[3] = ROW(op_fninit, E, NONE, F_RO),
	[4 ... 7] = KNOWN_RM,
};

static const struct x86_emu_row group_db[8] = {
	[0 ... 3] = KNOWN_RM, [4] = GROUP(G_RM, group_db_4), [5 ... 7] = KNOWN_RM,
};

static const struct x86_emu_row group_dd[8] = {
	[0 ... 6] = KNOWN_RM, [7] = ROW(op_fnstsw, EW, NONE, F_WO),
};

static const struct x86_emu_row group_df_4[8] = {
	[0] = ROW3(op_fnstsw, AX16, NONE, E, F_WO), [1 ... 7] = KNOWN_RM,
};

static const struct x86_emu_row group_df[8] = {
	[0 ... 3] = KNOWN_RM, [4] = GROUP(G_RM, group_df_4), [5 ... 7] = KNOWN_RM,
};

static const struct x86_emu_row row_d9[2] = { GROUP(G_REG, group_d9), KNOWN_RM };
static const struct x86_emu_row row_db[2] = { KNOWN_RM, GROUP(G_REG, group_db) };
static const struct x86_emu_row row_dd[2] = { GROUP(G_REG, group_dd), KNOWN_RM };
static const struct x86_emu_row row_df[2] = { KNOWN_RM, GROUP(G_REG, group_df) };

const struct x86_emu_row x86_emu_map_1byte[256] = {
	ALU(0x00, op_add, F_LOCK),
	[0x06] = PUSH_SREG, [0x07] = POP_SREG,
	ALU(0x08, op_or, F_LOCK),
	[0x0e] = PUSH_SREG,
	ALU(0x10, op_adc, F_LOCK),
	[0x16] = PUSH_SREG, [0x17] = POP_SREG,
	ALU(0x18, op_sbb, F_LOCK),
	[0x1e] = PUSH_SREG, [0x1f] = POP_SREG,
	ALU(0x20, op_and, F_LOCK),
	[0x27] = ROW(op_daa, NONE, NONE, F_NO64),
	ALU(0x28, op_sub, F_LOCK),
	[0x2f] = ROW(op_das, NONE, NONE, F_NO64),
	ALU(0x30, op_xor, F_LOCK),
	[0x37] = ROW(op_aaa, NONE, NONE, F_NO64),
	ALU(0x38, op_cmp, F_RO),
	[0x3f] = ROW(op_aas, NONE, NONE, F_NO64),
	[0x40 ... 0x47] = ROW(op_inc, ZV, NONE, F_NO64),	/* in 64-bit mode: REX prefixes */
	[0x48 ... 0x4f] = ROW(op_dec, ZV, NONE, F_NO64),
	[0x50 ... 0x57] = ROW(op_push, ZV, NONE, F_RO | F_D64),
	[0x58 ... 0x5f] = ROW(op_pop, ZV, NONE, F_WO | F_D64),
	[0x60] = ROW(op_pusha, NONE, NONE, F_NO64),
	[0x61] = ROW(op_popa, NONE, NONE, F_NO64),
	[0x62] = ROW(op_bound, GV, M, F_RO | F_NO64 | F_MEM),
	[0x63] = GROUP(G_MODE64, row_63),
	[0x68] = ROW(op_push, IZ, NONE, F_RO | F_D64),
	[0x69] = ROW3(op_imul3, GV, EV, IZ, F_WO),
	[0x6a] = ROW(op_push, IBS, NONE, F_RO | F_D64),
	[0x6b] = ROW3(op_imul3, GV, EV, IBS, F_WO),
	[0x6c] = ROWI(op_ins, NONE, NONE, F_STRING | F_WRITES, INS),
	[0x6d] = ROWI(op_ins, NONE, NONE, F_STRING | F_WRITES, INS),
	[0x6e] = ROWI(op_outs, NONE, NONE, F_STRING, OUTS),
	[0x6f] = ROWI(op_outs, NONE, NONE, F_STRING, OUTS),
	[0x70 ... 0x7f] = ROW(op_jcc, JB, NONE, F_RO | F_NEAR),
	[0x80] = GROUP(G_REG, group1_eb_ib),
	[0x81] = GROUP(G_REG, group1_ev_iz),
	[0x82] = GROUP(G_REG | F_NO64, group1_eb_ib),
	[0x83] = GROUP(G_REG, group1_ev_ibs),
	[0x84] = ROW(op_test, EB, GB, F_RO),
	[0x85] = ROW(op_test, EV, GV, F_RO),
	[0x86] = ROW(op_xchg, EB, GB, F_LOCK | F_LOCKED),
	[0x87] = ROW(op_xchg, EV, GV, F_LOCK | F_LOCKED),
	[0x88] = ROW(op_mov, EB, GB, F_WO),
	[0x89] = ROW(op_mov, EV, GV, F_WO),
	[0x8a] = ROW(op_mov, GB, EB, F_WO),
	[0x8b] = ROW(op_mov, GV, EV, F_WO),
	[0x8c] = ROW(op_mov_from_sreg, RV_MW, SW, F_WO),
	[0x8d] = ROW(op_lea, GV, M, F_WO | F_MEM),
	[0x8e] = ROW(op_mov_to_sreg, SW, EW, F_MORE_MEM),
	[0x8f] = GROUP(G_REG, group1a),
	[0x90 ... 0x97] = ROW(op_xchg, ZV, AX, 0),
	[0x98] = ROW(op_cbw, NONE, NONE, 0),
	[0x99] = ROW(op_cwd, NONE, NONE, 0),
	[0x9a] = ROW(op_call_far, NONE, AP, F_NO64),
	[0x9b] = ROW(op_fwait, NONE, NONE, 0),
	[0x9c] = ROWI(op_pushf, NONE, NONE, F_D64, PUSHF),
	[0x9d] = ROWI(op_popf, NONE, NONE, F_D64, POPF),
	[0x9e] = ROW(op_sahf, NONE, NONE, 0),
	[0x9f] = ROW(op_lahf, NONE, NONE, 0),
	[0xa0] = ROW(op_mov, AL, OB, F_WO),
	[0xa1] = ROW(op_mov, AX, OV, F_WO),
	[0xa2] = ROW(op_mov, OB, AL, F_WO),
	[0xa3] = ROW(op_mov, OV, AX, F_WO),
	[0xa4] = ROW(op_movs, NONE, NONE, F_STRING | F_MORE_MEM | F_WRITES),
	[0xa5] = ROW(op_movs, NONE, NONE, F_STRING | F_MORE_MEM | F_WRITES),
	[0xa6] = ROW(op_cmps, NONE, NONE, F_STRING | F_MORE_MEM),
	[0xa7] = ROW(op_cmps, NONE, NONE, F_STRING | F_MORE_MEM),
	[0xa8] = ROW(op_test, AL, IB, F_RO),
	[0xa9] = ROW(op_test, AX, IZ, F_RO),
	[0xaa] = ROW(op_stos, NONE, NONE, F_STRING | F_WRITES),
	[0xab] = ROW(op_stos, NONE, NONE, F_STRING | F_WRITES),
	[0xac] = ROW(op_lods, NONE, NONE, F_STRING),
	[0xad] = ROW(op_lods, NONE, NONE, F_STRING),
	[0xae] = ROW(op_scas, NONE, NONE, F_STRING),
	[0xaf] = ROW(op_scas, NONE, NONE, F_STRING),
	[0xb0 ... 0xb7] = ROW(op_mov, ZB, IB, F_WO),
	[0xb8 ... 0xbf] = ROW(op_mov, ZV, IV, F_WO),
	[0xc0] = GROUP(G_REG, group2_eb_ib),
	[0xc1] = GROUP(G_REG, group2_ev_ib),
	[0xc2] = ROW(op_ret, IW, NONE, F_RO | F_NEAR),
	[0xc3] = ROW(op_ret, NONE, NONE, F_NEAR),
	[0xc4] = ROW(op_load_far, R, M, F_NO64 | F_MEM | F_MORE_MEM),
	[0xc5] = ROW(op_load_far, R, M, F_NO64 | F_MEM | F_MORE_MEM),
	[0xc6] = GROUP(G_REG, group11_b),
	[0xc7] = GROUP(G_REG, group11_v),
	[0xc8] = ROW3(op_enter, NONE, IW, IB2, F_D64),
	[0xc9] = ROW(op_leave, NONE, NONE, F_D64),
	[0xca] = ROW(op_ret_far, NONE, IW, 0),
	[0xcb] = ROW(op_ret_far, NONE, NONE, 0),
	[0xcc] = ROW(op_int3, NONE, NONE, 0),
	[0xcd] = ROWI(op_int, NONE, IB, 0, INTN),
	[0xce] = ROW(op_into, NONE, NONE, F_NO64),
	[0xcf] = ROWI(op_iret, NONE, NONE, 0, IRET),
	[0xd0] = GROUP(G_REG, group2_eb_1),
	[0xd1] = GROUP(G_REG, group2_ev_1),
	[0xd2] = GROUP(G_REG, group2_eb_cl),
	[0xd3] = GROUP(G_REG, group2_ev_cl),
	[0xd4] = ROW(op_aam, NONE, IB, F_NO64),
	[0xd5] = ROW(op_aad, NONE, IB, F_NO64),
	[0xd6] = ROW(op_salc, NONE, NONE, F_NO64),
	[0xd7] = ROW(op_xlat, NONE, NONE, 0),
	[0xd8] = KNOWN_RM,
	[0xd9] = GROUP(G_MOD3, row_d9),
	[0xda] = KNOWN_RM,
	[0xdb] = GROUP(G_MOD3, row_db),
	[0xdc] = KNOWN_RM,
	[0xdd] = GROUP(G_MOD3, row_dd),
	[0xde] = KNOWN_RM,
	[0xdf] = GROUP(G_MOD3, row_df),
	[0xe0 ... 0xe2] = ROW(op_loop, JB, NONE, F_RO | F_NEAR),
	[0xe3] = ROW(op_jcxz, JB, NONE, F_RO | F_NEAR),
	[0xe4] = ROWI(op_in, AL, IB, F_WO, IN),
	[0xe5] = ROWI(op_in, AX, IB, F_WO, IN),
	[0xe6] = ROWI(op_out, AL, IB, F_RO, OUT),
	[0xe7] = ROWI(op_out, AX, IB, F_RO, OUT),
	[0xe8] = ROW(op_call, JZ, NONE, F_RO | F_NEAR),
	[0xe9] = ROW(op_jmp, JZ, NONE, F_RO | F_NEAR),
	[0xea] = ROW(op_jmp_far, NONE, AP, F_NO64),
	[0xeb] = ROW(op_jmp, JB, NONE, F_RO | F_NEAR),
	[0xec] = ROWI(op_in, AL, DX, F_WO, IN),
	[0xed] = ROWI(op_in, AX, DX, F_WO, IN),
	[0xee] = ROWI(op_out, AL, DX, F_RO, OUT),
	[0xef] = ROWI(op_out, AX, DX, F_RO, OUT),
	[0xf1] = KNOWN(0),
	[0xf4] = ROWI(op_hlt, NONE, NONE, F_PRIV, HLT),
	[0xf5] = ROW(op_cmc, NONE, NONE, 0),
	[0xf6] = GROUP(G_REG, group3_b),
	[0xf7] = GROUP(G_REG, group3_v),
	[0xf8] = ROW(op_clc, NONE, NONE, 0),
	[0xf9] = ROW(op_stc, NONE, NONE, 0),
	[0xfa] = ROW(op_cli, NONE, NONE, 0),
	[0xfb] = ROW(op_sti, NONE, NONE, 0),
	[0xfc] = ROW(op_cld, NONE, NONE, 0),
	[0xfd] = ROW(op_std, NONE, NONE, 0),
	[0xfe] = GROUP(G_REG, group4),
	[0xff] = GROUP(G_REG, group5),
};

static const struct x86_emu_row group6[8] = {
	ROWI(op_sldt, RV_MW, NONE, F_WO | F_PROT, SLDT),
	ROWI(op_str, RV_MW, NONE, F_WO | F_PROT, STR),
	ROWI(op_lldt, NONE, EW, F_PROT | F_PRIV | F_MORE_MEM, LLDT),
	ROWI(op_ltr, NONE, EW, F_PROT | F_PRIV | F_MORE_MEM, LTR),
	ROW(op_verr, NONE, EW, F_PROT | F_MORE_MEM),
	ROW(op_verw, NONE, EW, F_PROT | F_MORE_MEM),
};

static const struct x86_emu_row group7_vmx[8] = {
	[1] = ROWI(op_hypercall, E, NONE, F_RO, VMCALL),
	[2] = KNOWNI(F_MODRM, VMX),
	[3] = KNOWNI(F_MODRM, VMX),
	[4] = KNOWNI(F_MODRM, VMX),
};

static const struct x86_emu_row group7_monitor[8] = {
	[0] = KNOWNI(F_MODRM | F_PRIV, MONITOR),
	[1] = KNOWNI(F_MODRM | F_PRIV, MWAIT),
	[2] = ROW(op_ac, E, NONE, F_RO),			/* CLAC */
	[3] = ROW(op_ac, E, NONE, F_RO),			/* STAC */
	[7] = KNOWN_RM,						/* ENCLS */
};

static const struct x86_emu_row group7_xcr[8] = {
	[0] = ROW(op_xgetbv, E, NONE, F_RO),
	[1] = ROWI(op_xsetbv, E, NONE, F_RO, XSETBV),
	[4] = KNOWNI(F_MODRM, VMX),				/* VMFUNC */
	[5] = KNOWN_RM, [6] = KNOWN_RM, [7] = KNOWN_RM,		/* XEND, XTEST, ENCLU */
};

static const struct x86_emu_row group7_svm[8] = {
	[0] = KNOWNI(F_MODRM | F_PRIV, SVM),
	[1] = ROWI(op_hypercall, E, NONE, F_RO, VMMCALL),
	[2 ... 7] = KNOWNI(F_MODRM | F_PRIV, SVM),
};

static const struct x86_emu_row group7_misc5[8] = {
	[0] = KNOWN_RM, [2] = KNOWN_RM,				/* SETSSBSY, SAVEPREVSSP */
	[6] = KNOWN_RM, [7] = KNOWN_RM,				/* RDPKRU, WRPKRU */
};

static const struct x86_emu_row group7_misc7[8] = {
	[0] = ROW(op_swapgs, E, NONE, F_RO | F_ONLY64 | F_PRIV),
	[1] = ROWI(op_rdtscp, E, NONE, F_RO, RDTSCP),
	[2] = KNOWNI(F_MODRM | F_PRIV, MONITOR),		/* MONITORX */
	[3] = KNOWNI(F_MODRM | F_PRIV, MWAIT),			/* MWAITX */
	[4] = KNOWN_RM, [5] = KNOWN_RM, [6] = KNOWN_RM, [7] = KNOWN_RM,
};

static const struct x86_emu_row row_0f01_0[2] = {
	ROWI(op_sgdt, M, NONE, F_WRITES, SGDT), GROUP(G_RM, group7_vmx),
};

static const struct x86_emu_row row_0f01_1[2] = {
	ROWI(op_sidt, M, NONE, F_WRITES, SIDT), GROUP(G_RM, group7_monitor),
};

static const struct x86_emu_row row_0f01_2[2] = {
	ROWI(op_lgdt, M, NONE, F_PRIV, LGDT), GROUP(G_RM, group7_xcr),
};

static const struct x86_emu_row row_0f01_3[2] = {
	ROWI(op_lidt, M, NONE, F_PRIV, LIDT), GROUP(G_RM, group7_svm),
};

static const struct x86_emu_row row_0f01_5[2] = {
	KNOWN_RM, GROUP(G_RM, group7_misc5),			/* RSTORSSP */
};

static const struct x86_emu_row row_0f01_7[2] = {
	ROWI(op_invlpg, M, NONE, F_PRIV, INVLPG), GROUP(G_RM, group7_misc7),
};

static const struct x86_emu_row group7[8] = {
	GROUP(G_MOD3, row_0f01_0), GROUP(G_MOD3, row_0f01_1),
	GROUP(G_MOD3, row_0f01_2), GROUP(G_MOD3, row_0f01_3),
	ROWI(op_smsw, RV_MW, NONE, F_WO, SMSW),
	GROUP(G_MOD3, row_0f01_5),
	ROWI(op_lmsw, NONE, EW, F_PRIV, LMSW),
	GROUP(G_MOD3, row_0f01_7),
};

static const struct x86_emu_row group8[8] = {
	[4] = ROW(op_bt, EV, IB, F_RO),
	[5] = ROW(op_bts, EV, IB, F_LOCK),
	[6] = ROW(op_btr, EV, IB, F_LOCK),
	[7] = ROW(op_btc, EV, IB, F_LOCK),
};

static const struct x86_emu_row group9_mem[8] = {
	[1] = ROW(op_cmpxchg8b, M, NONE, F_MEM | F_LOCK | F_WRITES | F_RO),
	[3 ... 5] = KNOWN_RM,					/* XRSTORS, XSAVEC, XSAVES */
	[6] = KNOWNI(F_MODRM, VMX), [7] = KNOWNI(F_MODRM, VMX),
};

static const struct x86_emu_row group9_reg[8] = {
	[6] = KNOWN_RM, [7] = KNOWN_RM,				/* RDRAND, RDSEED or RDPID */
};

static const struct x86_emu_row row_0fc7[2] = {
	GROUP(G_REG, group9_mem), GROUP(G_REG, group9_reg),
};

static const struct x86_emu_row row_0f78[4] = {
	KNOWNI(F_MODRM, VMX), ROW3(NULL, NONE, IB, IB2, F_KNOWN | F_MODRM),
	UNDEFINED, ROW3(NULL, NONE, IB, IB2, F_KNOWN | F_MODRM),
};

static const struct x86_emu_row row_0f7e[4] = { VEC_STORE, VEC_STORE, VEC_LOAD, UNDEFINED };

static const struct x86_emu_row group15_mem[8] = {
	[0] = ROW(op_fxsave, E, NONE, F_RO | F_WRITES | F_MEM),
	[1] = ROW(op_fxrstor, E, NONE, F_RO | F_MEM),
	[2 ... 6] = KNOWN_RM,
	[7] = ROW(op_clflush, E, NONE, F_RO | F_MEM),
};

/* With a prefix they are others: UMONITOR, TPAUSE, INCSSP ... */
static const struct x86_emu_row row_fence[4] = {
	ROW(op_nop, E, NONE, F_RO), KNOWN_RM, KNOWN_RM, KNOWN_RM,
};

static const struct x86_emu_row group15_reg[8] = {
	[0 ... 4] = KNOWN_RM,
	[5] = GROUP(G_SIMD, row_fence),
	[6] = GROUP(G_SIMD, row_fence),
	[7] = GROUP(G_SIMD, row_fence),
};

static const struct x86_emu_row row_0fae[2] = {
	GROUP(G_REG, group15_mem), GROUP(G_REG, group15_reg),
};

static const struct x86_emu_row row_0fb8[4] = {
	[2] = ROW(op_popcnt, GV, EV, F_WO),
};

const struct x86_emu_row x86_emu_map_0f[256] = {
	[0x00] = GROUP(G_REG, group6),
	[0x01] = GROUP(G_REG, group7),
	[0x02] = ROW(op_lar, GV, EW, F_WO | F_PROT | F_MORE_MEM),
	[0x03] = ROW(op_lsl, GV, EW, F_WO | F_PROT | F_MORE_MEM),
	[0x05] = ROW(op_syscall, NONE, NONE, 0),
	[0x06] = ROWI(op_clts, NONE, NONE, F_PRIV, CLTS),
	[0x07] = ROW(op_sysret, NONE, NONE, 0),
	[0x08] = ROWI(op_wbinvd, NONE, NONE, F_PRIV, INVD),
	[0x09] = ROWI(op_wbinvd, NONE, NONE, F_PRIV, WBINVD),
	[0x0d] = ROW(op_nop, E, NONE, F_RO),			/* PREFETCHW */
	[0x0e] = KNOWN(0),					/* FEMMS */
	[0x0f] = KNOWN_RM_IB,					/* 3DNow! */
	[0x10] = VEC_LOAD, [0x11] = VEC_STORE,
	[0x12] = VEC_LOAD, [0x13] = VEC_STORE,
	[0x14 ... 0x15] = KNOWN_RM,
	[0x16] = VEC_LOAD, [0x17] = VEC_STORE,
	[0x18 ... 0x1f] = ROW(op_nop, E, NONE, F_RO),
	[0x20] = ROWI(op_mov_from_cr, R, NONE, F_MODREG | F_PRIV | F_Q64, CR_READ),
	[0x21] = ROWI(op_mov_from_dr, R, NONE, F_MODREG | F_PRIV | F_Q64, DR_READ),
	[0x22] = ROWI(op_mov_to_cr, R, NONE, F_MODREG | F_PRIV | F_Q64, CR_WRITE),
	[0x23] = ROWI(op_mov_to_dr, R, NONE, F_MODREG | F_PRIV | F_Q64, DR_WRITE),
	[0x28] = VEC_LOAD, [0x29] = VEC_STORE,
	[0x2a] = KNOWN_RM, [0x2b] = VEC_STORE,
	[0x2c ... 0x2f] = KNOWN_RM,
	[0x30] = ROWI(op_wrmsr, NONE, NONE, F_PRIV, WRMSR),
	[0x31] = ROWI(op_rdtsc, NONE, NONE, 0, RDTSC),
	[0x32] = ROWI(op_rdmsr, NONE, NONE, F_PRIV, RDMSR),
	[0x33] = ROWI(op_rdpmc, NONE, NONE, 0, RDPMC),
	[0x34] = ROW(op_sysenter, NONE, NONE, 0),
	[0x35] = ROW(op_sysexit, NONE, NONE, 0),
	[0x37] = KNOWN(0),					/* GETSEC */
	[0x40 ... 0x4f] = ROW(op_cmovcc, GV, EV, 0),
	[0x50 ... 0x6d] = KNOWN_RM,
	[0x6e ... 0x6f] = VEC_LOAD,
	[0x70 ... 0x73] = KNOWN_RM_IB,
	[0x74 ... 0x76] = KNOWN_RM,
	[0x77] = KNOWN(0),					/* EMMS */
	[0x78] = GROUP(G_SIMD, row_0f78),
	[0x79] = KNOWN_RM,
	[0x7c ... 0x7d] = KNOWN_RM,
	[0x7e] = GROUP(G_SIMD, row_0f7e),
	[0x7f] = VEC_STORE,
	[0x80 ... 0x8f] = ROW(op_jcc, JZ, NONE, F_RO | F_NEAR),
	[0x90 ... 0x9f] = ROW(op_setcc, EB, NONE, F_WO),
	[0xa0] = ROW(op_push_sreg, NONE, NONE, F_D64),
	[0xa1] = ROW(op_pop_sreg, NONE, NONE, F_D64),
	[0xa2] = ROWI(op_cpuid, NONE, NONE, 0, CPUID),
	[0xa3] = ROW(op_bt, EV, GV, F_RO | F_BITOFF),
	[0xa4] = ROW3(op_shld, EV, GV, IB, 0),
	[0xa5] = ROW3(op_shld, EV, GV, CL, 0),
	[0xa8] = ROW(op_push_sreg, NONE, NONE, F_D64),
	[0xa9] = ROW(op_pop_sreg, NONE, NONE, F_D64),
	[0xaa] = KNOWNI(0, RSM),
	[0xab] = ROW(op_bts, EV, GV, F_LOCK | F_BITOFF),
	[0xac] = ROW3(op_shrd, EV, GV, IB, 0),
	[0xad] = ROW3(op_shrd, EV, GV, CL, 0),
	[0xae] = GROUP(G_MOD3, row_0fae),
	[0xaf] = ROW(op_imul2, GV, EV, 0),
	[0xb0] = ROW(op_cmpxchg, EB, GB, F_LOCK),
	[0xb1] = ROW(op_cmpxchg, EV, GV, F_LOCK),
	[0xb2] = ROW(op_load_far, R, M, F_MEM | F_MORE_MEM),
	[0xb3] = ROW(op_btr, EV, GV, F_LOCK | F_BITOFF),
	[0xb4 ... 0xb5] = ROW(op_load_far, R, M, F_MEM | F_MORE_MEM),
	[0xb6] = ROW(op_mov, GV, EB, F_WO),
	[0xb7] = ROW(op_mov, GV, EW, F_WO),
	[0xb8] = GROUP(G_SIMD, row_0fb8),
	[0xba] = GROUP(G_REG, group8),
	[0xbb] = ROW(op_btc, EV, GV, F_LOCK | F_BITOFF),
	[0xbc] = ROW(op_bsf, GV, EV, 0),
	[0xbd] = ROW(op_bsr, GV, EV, 0),
	[0xbe] = ROW(op_movsx, GV, EB, F_WO),
	[0xbf] = ROW(op_movsx, GV, EW, F_WO),
	[0xc0] = ROW(op_xadd, EB, GB, F_LOCK),
	[0xc1] = ROW(op_xadd, EV, GV, F_LOCK),
	[0xc2] = KNOWN_RM_IB,
	[0xc3] = ROW(op_mov, EY, GY, F_WO | F_MEM),		/* MOVNTI */
	[0xc4 ... 0xc6] = KNOWN_RM_IB,
	[0xc7] = GROUP(G_MOD3, row_0fc7),
	[0xc8 ... 0xcf] = ROW(op_bswap, ZV, NONE, 0),
	[0xd0 ... 0xd5] = KNOWN_RM,
	[0xd6] = VEC_STORE,
	[0xd7 ... 0xe6] = KNOWN_RM,
	[0xe7] = VEC_STORE,
	[0xe8 ... 0xef] = KNOWN_RM,
	[0xf0] = VEC_LOAD,
	[0xf1 ... 0xfe] = KNOWN_RM,
};

static const struct x86_emu_row row_0f38f0[4] = {
	ROW(op_movbe, GV, EV, F_WO | F_MEM), ROW(op_movbe, GV, EV, F_WO | F_MEM),
	UNDEFINED, KNOWN_RM,					/* CRC32 */
};

static const struct x86_emu_row row_0f38f1[4] = {
	ROW(op_movbe, EV, GV, F_WO | F_MEM), ROW(op_movbe, EV, GV, F_WO | F_MEM),
	UNDEFINED, KNOWN_RM,
};

const struct x86_emu_row x86_emu_map_0f38[256] = {
	[0x00 ... 0x0b] = KNOWN_RM,
	[0x10] = KNOWN_RM, [0x14 ... 0x15] = KNOWN_RM, [0x17] = KNOWN_RM,
	[0x1c ... 0x1e] = KNOWN_RM,
	[0x20 ... 0x25] = KNOWN_RM,
	[0x28 ... 0x29] = KNOWN_RM,
	[0x2a] = VEC_LOAD,
	[0x2b] = KNOWN_RM,
	[0x30 ... 0x41] = KNOWN_RM,
	[0x80 ... 0x81] = KNOWNI(F_MODRM | F_PRIV | F_MEM | F_PROT, VMX),
	[0x82] = KNOWNI(F_MODRM | F_PRIV | F_MEM, INVPCID),
	[0xc8 ... 0xcd] = KNOWN_RM, [0xcf] = KNOWN_RM,
	[0xd8] = KNOWN_RM, [0xdb ... 0xdf] = KNOWN_RM,
	[0xf0] = GROUP(G_SIMD, row_0f38f0),
	[0xf1] = GROUP(G_SIMD, row_0f38f1),
	[0xf5 ... 0xf6] = KNOWN_RM,				/* WRUSS, ADCX, ADOX, WRSS */
	[0xf8 ... 0xf9] = KNOWN_RM,				/* MOVDIR64B, ENQCMD, MOVDIRI */
};

const struct x86_emu_row x86_emu_map_0f3a[256] = {
	[0x08 ... 0x0f] = KNOWN_RM_IB,
	[0x14 ... 0x17] = KNOWN_RM_IB,
	[0x20 ... 0x22] = KNOWN_RM_IB,
	[0x40 ... 0x44] = KNOWN_RM_IB,
	[0x60 ... 0x63] = KNOWN_RM_IB,
	[0xcc] = KNOWN_RM_IB, [0xce ... 0xcf] = KNOWN_RM_IB,
	[0xdf] = KNOWN_RM_IB,
};

/* Most instructions under VEX, EVEX and XOP are known by their length alone. */
static const struct x86_emu_row vex_none = KNOWN(F_PROT);
static const struct x86_emu_row vex_rm = KNOWN(F_MODRM | F_PROT);
static const struct x86_emu_row vex_rm_ib = ROW(NULL, NONE, IB, F_KNOWN | F_MODRM | F_PROT);
static const struct x86_emu_row vex_rm_id = ROW(NULL, NONE, IZ, F_KNOWN | F_MODRM | F_PROT);

/* The moves that VEX has in common with SSE use the rows of the latter. */
static bool is_vec_move(const struct x86_emu_row *row)
{
	return row->flags & G_MASK ? row->sub == row_0f7e : row->fn == op_vec_move;
}

/**
 * x86_emu_vex_row - the row of an opcode under a VEX, EVEX or XOP prefix
 * @map: the prefix' map number: 1 to 3 as after 0F, 0F 38, 0F 3A; 5 and 6 of EVEX; 8 to 10 of XOP
 * @opcode: the byte after the prefix
 *
 * Return: the row, or NULL when there is no such map.
 */
const struct x86_emu_row *x86_emu_vex_row(unsigned int map, u8 opcode)
{
	switch (map) {
	case 1:
		if (is_vec_move(&x86_emu_map_0f[opcode]))
			return &x86_emu_map_0f[opcode];
		if (opcode == 0x77)			/* VZEROUPPER, VZEROALL */
			return &vex_none;
		if (opcode >= 0x70 && opcode <= 0x73)
			return &vex_rm_ib;
		if (opcode == 0xc2 || (opcode >= 0xc4 && opcode <= 0xc6))
			return &vex_rm_ib;
		return &vex_rm;
	case 2:
		return is_vec_move(&x86_emu_map_0f38[opcode]) ? &x86_emu_map_0f38[opcode] : &vex_rm;
	case 5: case 6: case 9:
		return &vex_rm;
	case 3: case 8:
		return &vex_rm_ib;
	case 10:
		return &vex_rm_id;
	}
	return NULL;
}
