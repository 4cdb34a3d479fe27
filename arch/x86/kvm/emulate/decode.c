// SPDX-License-Identifier: GPL-2.0-only
/*
 * The decoder: bytes to struct x86_emu_insn.
 *
 * Bytes are taken one at a time from emu->insn.bytes, which is filled by the fetch op as far as the
 * page goes, and over its end only when an instruction really crosses it. So a fetch faults exactly
 * when the CPU's would, and nothing behind the fifteenth byte is ever looked at.
 *
 * The order is that of the encoding (SDM vol 2, 2.1): prefixes, REX or VEX, opcode, ModRM, SIB,
 * displacement, immediates.
 */
#include "internal.h"

/* Take up to @want more bytes into the instruction's buffer, in one page and within CS. */
static enum x86_op_result fetch_more(struct x86_emu *emu)
{
	struct x86_emu_insn *insn = &emu->insn;
	unsigned int want = X86_EMU_MAX_INSN - insn->fetched;
	u64 ip = emu->rip + insn->fetched;
	const struct x86_emu_seg *cs;
	unsigned int in_page;
	u64 linear = ip;
	enum x86_op_result r;

	if (!want)
		return emu_gp(emu, 0);
	if (emu_long64(emu)) {
		if (!emu_canonical(emu, ip))
			return emu_gp(emu, 0);
	} else {
		cs = emu_seg(emu, X86_EMU_CS);
		if (ip > cs->limit)
			return emu_gp(emu, 0);
		if (want - 1 > cs->limit - ip)
			want = cs->limit - ip + 1;
		linear = (u32)(cs->base + ip);
	}
	in_page = 0x1000 - (linear & 0xfff);
	if (want > in_page)
		want = in_page;
	r = emu->ops->fetch(emu, linear, insn->bytes + insn->fetched, want);
	if (!r)
		insn->fetched += want;
	return r;
}

static enum x86_op_result next_byte(struct x86_emu *emu, u8 *byte)
{
	struct x86_emu_insn *insn = &emu->insn;
	enum x86_op_result r;

	if (insn->len == insn->fetched) {
		r = fetch_more(emu);
		if (r)
			return r;
	}
	*byte = insn->bytes[insn->len++];
	return X86_OP_OK;
}

/* The next @size bytes as a little-endian number. */
static enum x86_op_result next_number(struct x86_emu *emu, unsigned int size, u64 *val)
{
	enum x86_op_result r;
	unsigned int i;
	u8 byte;

	*val = 0;
	for (i = 0; i < size; i++) {
		r = next_byte(emu, &byte);
		if (r)
			return r;
		*val |= (u64)byte << (8 * i);
	}
	return X86_OP_OK;
}

static enum x86_op_result next_signed(struct x86_emu *emu, unsigned int size, u64 *val)
{
	enum x86_op_result r = next_number(emu, size, val);

	if (!r)
		*val = (u64)emu_sext(*val, size);
	return r;
}

/* Is @byte a legacy prefix? Then note it. */
static bool take_prefix(struct x86_emu *emu, u8 byte)
{
	static const u8 segs[8] = { X86_EMU_ES, X86_EMU_CS, X86_EMU_SS, X86_EMU_DS };
	struct x86_emu_insn *insn = &emu->insn;

	switch (byte) {
	case 0x26: case 0x2e: case 0x36: case 0x3e:
		if (!emu_long64(emu)) {		/* ignored there, and FS or GS before it stay */
			insn->seg_override = true;
			insn->seg = segs[(byte >> 3) & 3];
		}
		return true;
	case 0x64: case 0x65:
		insn->seg_override = true;
		insn->seg = byte == 0x64 ? X86_EMU_FS : X86_EMU_GS;
		return true;
	case 0x66:
		insn->opsize = true;
		return true;
	case 0x67:
		insn->adsize = true;
		return true;
	case 0xf0:
		insn->lock = true;
		return true;
	case 0xf2: case 0xf3:
		insn->rep = byte;
		return true;
	}
	return false;
}

static enum x86_op_result decode_prefixes(struct x86_emu *emu)
{
	struct x86_emu_insn *insn = &emu->insn;
	enum x86_op_result r;
	u8 byte;

	for (;;) {
		r = next_byte(emu, &byte);
		if (r)
			return r;
		if (take_prefix(emu, byte)) {
			insn->rex = 0;		/* counts only right before the opcode */
			continue;
		}
		if (!emu_long64(emu) || (byte & 0xf0) != 0x40)
			break;
		insn->rex = byte;
	}
	insn->opcode = byte;
	insn->simd = insn->rep ? insn->rep : insn->opsize ? 0x66 : 0;
	return X86_OP_OK;
}

/*
 * C4, C5, 62 and 8F are other instructions when what would be their ModRM byte says so: outside
 * 64-bit mode LDS, LES and BOUND have memory operands (mod is not 3), and POP has ModRM.reg 0.
 */
static bool is_vex(struct x86_emu *emu, u8 opcode, u8 next)
{
	if (opcode == 0x8f)
		return (next & 0x1f) >= 8;
	return emu_long64(emu) || next >= 0xc0;
}

static enum x86_op_result vex_payload(struct x86_emu *emu, u8 *map)
{
	static const u8 simd[4] = { 0, 0x66, 0xf3, 0xf2 };
	struct x86_emu_insn *insn = &emu->insn;
	unsigned int len = insn->opcode == 0xc5 ? 1 : insn->opcode == 0x62 ? 3 : 2;
	enum x86_op_result r;
	u64 bytes;
	u8 b0, b1;

	r = next_number(emu, len, &bytes);
	if (r)
		return r;
	b0 = bytes;
	b1 = len == 1 ? b0 & 0x7f : bytes >> 8;		/* C5: R in the top bit, W is not there */
	*map = len == 1 ? 1 : b0 & (len == 3 ? 7 : 0x1f);
	insn->rex = 0x40 | ((b0 & 0x80) ? 0 : 4);
	if (len > 1)
		insn->rex |= ((b0 & 0x40) ? 0 : 2) | ((b0 & 0x20) ? 0 : 1);
	if (!emu_long64(emu))
		insn->rex = 0;
	insn->vex_w = b1 & 0x80;
	insn->vex_vvvv = (~b1 >> 3) & 15;
	insn->vex_l = len < 3 && (b1 & 4);
	insn->simd = simd[b1 & 3];
	insn->evex = len == 3;
	return X86_OP_OK;
}

/* VEX (C4, C5), EVEX (62) or XOP (8F): SDM vol 2, 2.3 and 2.7; APM vol 3, 1.2.7. */
static enum x86_op_result decode_vex(struct x86_emu *emu)
{
	struct x86_emu_insn *insn = &emu->insn;
	bool bad = insn->rex || insn->simd || insn->lock || !emu_protected(emu);
	enum x86_op_result r;
	u8 map;

	insn->vex = true;
	r = vex_payload(emu, &map);
	if (!r)
		r = next_byte(emu, &insn->opcode);
	if (r)
		return r;
	insn->map = map;
	insn->row = x86_emu_vex_row(map, insn->opcode);
	return bad || !insn->row ? emu_ud(emu) : X86_OP_OK;
}

static enum x86_op_result decode_opcode(struct x86_emu *emu)
{
	struct x86_emu_insn *insn = &emu->insn;
	const struct x86_emu_row *map = x86_emu_map_1byte;
	u8 op = insn->opcode;
	enum x86_op_result r;

	if (op == 0xc4 || op == 0xc5 || op == 0x62 || op == 0x8f) {
		r = next_byte(emu, &insn->modrm);
		if (r)
			return r;
		insn->len--;
		if (is_vex(emu, op, insn->modrm))
			return decode_vex(emu);
	}
	if (op == 0x0f) {
		map = x86_emu_map_0f;
		insn->map = 1;
		r = next_byte(emu, &insn->opcode);
		if (r)
			return r;
		if (insn->opcode == 0x38 || insn->opcode == 0x3a) {
			insn->map = insn->opcode == 0x38 ? 2 : 3;
			map = insn->map == 2 ? x86_emu_map_0f38 : x86_emu_map_0f3a;
			r = next_byte(emu, &insn->opcode);
			if (r)
				return r;
		}
	}
	insn->row = &map[insn->opcode];
	return X86_OP_OK;
}

static enum x86_op_result decode_modrm(struct x86_emu *emu)
{
	struct x86_emu_insn *insn = &emu->insn;
	enum x86_op_result r;

	if (insn->has_modrm)
		return X86_OP_OK;
	insn->has_modrm = true;
	r = next_byte(emu, &insn->modrm);
	insn->mod = insn->modrm >> 6;
	insn->reg = ((insn->modrm >> 3) & 7) | ((insn->rex & 4) << 1);
	insn->rm = (insn->modrm & 7) | ((insn->rex & 1) << 3);
	return r;
}

static unsigned int group_index(const struct x86_emu *emu, u32 kind)
{
	const struct x86_emu_insn *insn = &emu->insn;

	switch (kind) {
	case G_REG:
		return insn->reg & 7;
	case G_MOD3:
		return insn->mod == 3;
	case G_RM:
		return insn->rm & 7;
	case G_SIMD:
		return insn->simd == 0x66 ? 1 : insn->simd == 0xf3 ? 2 : insn->simd == 0xf2 ? 3 : 0;
	default:
		return emu_long64(emu);
	}
}

static bool row_defined(const struct x86_emu *emu, const struct x86_emu_row *row)
{
	if (!row->fn && !(row->flags & F_KNOWN))
		return false;
	if (row->flags & F_NO64 && emu_long64(emu))
		return false;
	if (row->flags & F_ONLY64 && !emu_long64(emu))
		return false;
	return !(row->flags & F_PROT) || emu_protected(emu);
}

/* From the opcode's row through its groups to the one that says what it is. */
static enum x86_op_result resolve_row(struct x86_emu *emu)
{
	const struct x86_emu_row *row = emu->insn.row;
	enum x86_op_result r;

	while (row->flags & G_MASK) {
		u32 kind = row->flags & G_MASK;

		if (row->flags & F_NO64 && emu_long64(emu))
			return emu_ud(emu);
		if (kind != G_MODE64 && kind != G_SIMD) {
			r = decode_modrm(emu);
			if (r)
				return r;
		}
		row = &row->sub[group_index(emu, kind)];
	}
	emu->insn.row = row;
	return row_defined(emu, row) ? X86_OP_OK : emu_ud(emu);
}

static bool code_has_modrm(u8 code)
{
	return code > OP_NONE && code <= OP_LAST_MODRM;
}

static bool row_has_modrm(const struct x86_emu_row *row)
{
	return row->flags & F_MODRM || code_has_modrm(row->dst) || code_has_modrm(row->src) ||
	       code_has_modrm(row->src2);
}

static void decode_sizes(struct x86_emu *emu)
{
	struct x86_emu_insn *insn = &emu->insn;
	bool wide = emu->mode >= X86_EMU_PROT32;
	u32 flags = insn->row->flags;

	insn->op_bytes = wide != (insn->opsize && !insn->vex) ? 4 : 2;
	insn->ad_bytes = wide != insn->adsize ? 4 : 2;
	if (emu_long64(emu)) {
		insn->ad_bytes = insn->adsize ? 4 : 8;
		if (insn->vex ? insn->vex_w : insn->rex & 8)
			insn->op_bytes = 8;
		else if (flags & F_D64 && !insn->opsize)
			insn->op_bytes = 8;
		else if (flags & F_NEAR && !(insn->opsize && emu->amd))
			insn->op_bytes = 8;
	}
	if (flags & F_Q64)
		insn->op_bytes = emu_long64(emu) ? 8 : 4;
	if (insn->vex && insn->op_bytes == 2)
		insn->op_bytes = 4;
}

/* SDM vol 2, table 2-1. */
static enum x86_op_result decode_address16(struct x86_emu *emu)
{
	static const u8 base[8] = {
		X86_EMU_RBX, X86_EMU_RBX, X86_EMU_RBP, X86_EMU_RBP,
		X86_EMU_RSI, X86_EMU_RDI, X86_EMU_RBP, X86_EMU_RBX,
	};
	static const u8 index[8] = {
		X86_EMU_RSI, X86_EMU_RDI, X86_EMU_RSI, X86_EMU_RDI,
		X86_EMU_NR_REGS, X86_EMU_NR_REGS, X86_EMU_NR_REGS, X86_EMU_NR_REGS,
	};
	struct x86_emu_insn *insn = &emu->insn;
	u8 rm = insn->rm & 7;
	enum x86_op_result r;
	u64 disp = 0;

	insn->base = base[rm];
	insn->index = index[rm];
	if (insn->mod == 0 && rm == 6) {
		insn->base = X86_EMU_NR_REGS;
		r = next_signed(emu, 2, &disp);
	} else {
		r = next_signed(emu, insn->mod, &disp);		/* mod is 0, 1 or 2: its bytes */
	}
	insn->disp = disp;
	return r;
}

static enum x86_op_result decode_sib(struct x86_emu *emu)
{
	struct x86_emu_insn *insn = &emu->insn;
	enum x86_op_result r = next_byte(emu, &insn->sib);

	insn->scale = insn->sib >> 6;
	insn->index = ((insn->sib >> 3) & 7) | ((insn->rex & 2) << 2);
	insn->base = (insn->sib & 7) | ((insn->rex & 1) << 3);
	if (insn->index == X86_EMU_RSP)
		insn->index = X86_EMU_NR_REGS;
	return r;
}

/* SDM vol 2, tables 2-2 and 2-3; RIP-relative: 2.2.1.6. */
static enum x86_op_result decode_address32(struct x86_emu *emu)
{
	struct x86_emu_insn *insn = &emu->insn;
	unsigned int disp_bytes = insn->mod == 1 ? 1 : insn->mod == 2 ? 4 : 0;
	enum x86_op_result r = X86_OP_OK;
	u64 disp;

	insn->base = insn->rm;
	if ((insn->rm & 7) == 4)
		r = decode_sib(emu);
	if (insn->mod == 0 && (insn->base & 7) == 5) {
		insn->rip_relative = emu_long64(emu) && (insn->rm & 7) == 5;
		insn->base = X86_EMU_NR_REGS;
		disp_bytes = 4;
	}
	if (!r)
		r = next_signed(emu, disp_bytes, &disp);
	if (!r)
		insn->disp = disp;
	return r;
}

static enum x86_op_result decode_address(struct x86_emu *emu)
{
	struct x86_emu_insn *insn = &emu->insn;
	enum x86_op_result r;

	if (insn->mod == 3)
		return X86_OP_OK;
	r = insn->ad_bytes == 2 ? decode_address16(emu) : decode_address32(emu);
	if (!insn->seg_override && (insn->base == X86_EMU_RSP || insn->base == X86_EMU_RBP))
		insn->seg = X86_EMU_SS;
	return r;
}

/* The immediate bytes of one operand, if it has any. */
static enum x86_op_result decode_immediate(struct x86_emu *emu, u8 code)
{
	struct x86_emu_insn *insn = &emu->insn;
	unsigned int z = insn->op_bytes == 2 ? 2 : 4;
	enum x86_op_result r;

	switch (code) {
	case OP_IB:
		return next_number(emu, 1, &insn->imm);
	case OP_IB2:
		return next_number(emu, 1, &insn->imm2);
	case OP_IBS: case OP_JB:
		return next_signed(emu, 1, &insn->imm);
	case OP_IW:
		return next_number(emu, 2, &insn->imm);
	case OP_IZ: case OP_JZ:
		return next_signed(emu, z, &insn->imm);
	case OP_IV:
		return next_number(emu, insn->op_bytes, &insn->imm);
	case OP_OB: case OP_OV:
		return next_number(emu, insn->ad_bytes, &insn->imm);
	case OP_AP:
		r = next_number(emu, z, &insn->imm);
		return r ? r : next_number(emu, 2, &insn->imm2);
	}
	return X86_OP_OK;
}

static enum x86_op_result decode_operands(struct x86_emu *emu)
{
	struct x86_emu_insn *insn = &emu->insn;
	const struct x86_emu_row *row = insn->row;
	enum x86_op_result r = X86_OP_OK;

	if (row_has_modrm(row)) {
		r = decode_modrm(emu);
		if (row->flags & F_MODREG)
			insn->mod = 3;
		if (!r)
			r = decode_address(emu);
	}
	if (!r && row->dst >= OP_FIRST_IMM)
		r = decode_immediate(emu, row->dst);
	if (!r && row->src >= OP_FIRST_IMM)
		r = decode_immediate(emu, row->src);
	if (!r && row->src2 >= OP_FIRST_IMM)
		r = decode_immediate(emu, row->src2);
	return r;
}

/* On AMD LOCK MOV CR0 is MOV CR8, for code outside 64-bit mode (APM vol 3, MOV CRn). */
static void alternative_cr8(struct x86_emu *emu)
{
	struct x86_emu_insn *insn = &emu->insn;

	if (!insn->lock || !emu->amd || insn->reg)
		return;
	if (insn->icpt != X86_ICPT_CR_READ && insn->icpt != X86_ICPT_CR_WRITE)
		return;
	insn->lock = false;
	insn->reg = 8;
}

/* What makes a known opcode undefined: the wrong kind of operand, LOCK where it may not be. */
static bool operands_valid(const struct x86_emu *emu)
{
	const struct x86_emu_insn *insn = &emu->insn;
	u32 flags = insn->row->flags;
	u8 sreg = insn->reg & 7;

	if (flags & F_MEM && insn->mod == 3)
		return false;
	if (insn->row->dst == OP_SW && sreg == X86_EMU_CS)
		return false;
	if ((insn->row->dst == OP_SW || insn->row->src == OP_SW) && sreg > X86_EMU_GS)
		return false;
	if (insn->lock)
		return flags & F_LOCK && insn->has_modrm && insn->mod != 3;
	return true;
}

static enum x86_op_result decode(struct x86_emu *emu)
{
	struct x86_emu_insn *insn = &emu->insn;
	enum x86_op_result r;

	r = decode_prefixes(emu);
	if (!r)
		r = decode_opcode(emu);
	if (!r)
		r = resolve_row(emu);
	if (r)
		return r;
	insn->icpt = insn->row->icpt;
	decode_sizes(emu);
	r = decode_operands(emu);
	if (r)
		return r;
	alternative_cr8(emu);
	emu->next_rip = emu->rip + insn->len;
	if (!emu_long64(emu))
		emu->next_rip = (u32)emu->next_rip;
	return operands_valid(emu) ? X86_OP_OK : emu_ud(emu);
}

enum x86_emu_outcome x86_emu_decode(struct x86_emu *emu, const u8 *prefetched, unsigned int n)
{
	struct x86_emu_insn *insn = &emu->insn;

	memset(insn, 0, sizeof(*insn));
	insn->base = X86_EMU_NR_REGS;
	insn->index = X86_EMU_NR_REGS;
	insn->seg = X86_EMU_DS;
	if (n > X86_EMU_MAX_INSN)
		n = X86_EMU_MAX_INSN;
	if (prefetched)
		memcpy(insn->bytes, prefetched, n);
	insn->fetched = prefetched ? n : 0;
	return emu_outcome(decode(emu));
}

bool x86_emu_implemented(const struct x86_emu *emu)
{
	return emu->insn.row && emu->insn.row->fn;
}

static bool has_offset(const struct x86_emu_row *row)
{
	return row->dst == OP_OB || row->dst == OP_OV || row->src == OP_OB || row->src == OP_OV;
}

bool x86_emu_has_memory(const struct x86_emu *emu)
{
	const struct x86_emu_insn *insn = &emu->insn;

	return (insn->has_modrm && insn->mod != 3) || has_offset(insn->row) ||
	       insn->row->flags & F_STRING;
}

static bool is_memory_code(u8 code)
{
	return (code >= OP_EB && code <= OP_EV) || code == OP_EY || code == OP_RV_MW ||
	       code == OP_OB || code == OP_OV;
}

bool x86_emu_writes_memory(const struct x86_emu *emu)
{
	const struct x86_emu_row *row = emu->insn.row;

	if (!x86_emu_has_memory(emu))
		return false;
	if (row->flags & F_WRITES)
		return true;
	if (row->flags & F_LOCKED && !(row->flags & F_RO))
		return true;
	return is_memory_code(row->dst) && !(row->flags & F_RO);
}

bool x86_emu_one_memory_operand(const struct x86_emu *emu)
{
	return x86_emu_has_memory(emu) && !(emu->insn.row->flags & F_MORE_MEM);
}
