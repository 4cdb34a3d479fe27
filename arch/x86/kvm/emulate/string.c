// SPDX-License-Identifier: GPL-2.0-only
/*
 * String instructions: MOVS, CMPS, STOS, LODS, SCAS, INS, OUTS, and their repetition.
 *
 * Each iteration is an instruction of its own (SDM vol 2, REP): it is committed before the next
 * begins, and a fault leaves the count and the pointers as the iterations before it made them. INS
 * and OUTS move as many elements at once as lie in one page, since each of their iterations may
 * cost an exit to user space.
 */
#include "internal.h"

/* then back to the caller, which looks for signals and interrupts */
#define MAX_ITERATIONS	1024

/* Bit 0 of the opcode tells bytes from the operand size; ports have no 64-bit elements. */
static unsigned int element_size(const struct x86_emu *emu)
{
	return emu->insn.opcode & 1 ? emu->insn.op_bytes : 1;
}

static u64 address_reg(const struct x86_emu *emu, unsigned int reg)
{
	return emu->regs[reg] & emu_mask(emu->insn.ad_bytes);
}

static void advance(struct x86_emu *emu, unsigned int reg, unsigned int bytes)
{
	u64 val = emu->regs[reg];

	val = emu->rflags & FL_DF ? val - bytes : val + bytes;
	emu_set_reg(emu, reg, emu->insn.ad_bytes, val);
}

/* ES:rDI cannot be overridden, DS:rSI can. */
static enum x86_op_result read_src(struct x86_emu *emu, u64 *val)
{
	*val = 0;
	return emu_read(emu, emu->insn.seg, address_reg(emu, X86_EMU_RSI), val, element_size(emu),
			emu_acc(emu));
}

static enum x86_op_result read_dst(struct x86_emu *emu, u64 *val)
{
	*val = 0;
	return emu_read(emu, X86_EMU_ES, address_reg(emu, X86_EMU_RDI), val, element_size(emu),
			emu_acc(emu));
}

static enum x86_op_result write_dst(struct x86_emu *emu, u64 val)
{
	return emu_write(emu, X86_EMU_ES, address_reg(emu, X86_EMU_RDI), &val, element_size(emu),
			 emu_acc(emu));
}

enum x86_op_result op_movs(struct x86_emu *emu)
{
	enum x86_op_result r;
	u64 val;

	r = read_src(emu, &val);
	if (!r)
		r = write_dst(emu, val);
	advance(emu, X86_EMU_RSI, element_size(emu));
	advance(emu, X86_EMU_RDI, element_size(emu));
	return r;
}

enum x86_op_result op_stos(struct x86_emu *emu)
{
	enum x86_op_result r = write_dst(emu, emu->regs[X86_EMU_RAX]);

	advance(emu, X86_EMU_RDI, element_size(emu));
	return r;
}

enum x86_op_result op_lods(struct x86_emu *emu)
{
	enum x86_op_result r;
	u64 val;

	r = read_src(emu, &val);
	emu_set_reg(emu, X86_EMU_RAX, element_size(emu), val);
	advance(emu, X86_EMU_RSI, element_size(emu));
	return r;
}

/* Compare as CMP does, with @a as its first operand. */
static enum x86_op_result compare(struct x86_emu *emu, u64 a, u64 b)
{
	emu->dst.size = element_size(emu);
	emu->dst.val = a & emu_mask(emu->dst.size);
	emu->src.val = b;
	return op_cmp(emu);
}

enum x86_op_result op_cmps(struct x86_emu *emu)
{
	enum x86_op_result r;
	u64 a, b;

	r = read_src(emu, &a);
	if (!r)
		r = read_dst(emu, &b);
	if (!r)
		r = compare(emu, a, b);
	advance(emu, X86_EMU_RSI, element_size(emu));
	advance(emu, X86_EMU_RDI, element_size(emu));
	return r;
}

enum x86_op_result op_scas(struct x86_emu *emu)
{
	enum x86_op_result r;
	u64 val;

	r = read_dst(emu, &val);
	if (!r)
		r = compare(emu, emu->regs[X86_EMU_RAX], val);
	advance(emu, X86_EMU_RDI, element_size(emu));
	return r;
}

static unsigned int port_size(const struct x86_emu *emu)
{
	unsigned int size = element_size(emu);

	return size == 8 ? 4 : size;
}

/*
 * How many elements to move at once: upwards, within one page, within the address size and the
 * buffer, and one at a time when each has to be trapped.
 */
static unsigned int batch(const struct x86_emu *emu, unsigned int reg, unsigned int size)
{
	u64 at = address_reg(emu, reg);
	u64 n = address_reg(emu, X86_EMU_RCX);
	u64 room = 0x1000 - (at & 0xfff);

	if (!emu->insn.rep || emu->rflags & (FL_DF | FL_TF))
		return 1;
	if (room > X86_EMU_BUF)
		room = X86_EMU_BUF;
	if (room > emu_mask(emu->insn.ad_bytes) - at)
		room = emu_mask(emu->insn.ad_bytes) - at;
	if (n > room / size)
		n = room / size;
	return n ? n : 1;
}

/* @n elements are done: of the count the last one is left to the loop that counts it. */
static void advance_batch(struct x86_emu *emu, unsigned int reg, unsigned int n, unsigned int size)
{
	advance(emu, reg, n * size);
	if (n > 1)
		emu_set_reg(emu, X86_EMU_RCX, emu->insn.ad_bytes, emu->regs[X86_EMU_RCX] - (n - 1));
}

/* The page offset counts, so a batch is cut where the linear address crosses a page, too. */
static unsigned int cut_to_page(u64 linear, unsigned int n, unsigned int size)
{
	unsigned int room = (0x1000 - (linear & 0xfff)) / size;

	return n <= room ? n : room ? room : 1;
}

enum x86_op_result op_ins(struct x86_emu *emu)
{
	unsigned int size = port_size(emu);
	unsigned int n = batch(emu, X86_EMU_RDI, size);
	unsigned int acc = emu_acc(emu) | X86_ACC_WRITE;
	u64 ea = address_reg(emu, X86_EMU_RDI), linear;
	enum x86_op_result r;

	r = emu_linear(emu, X86_EMU_ES, ea, size, acc, &linear);
	if (r)
		return r;
	n = cut_to_page(linear, n, size);
	if (n > 1 && emu_linear(emu, X86_EMU_ES, ea, n * size, acc, &linear))
		n = 1;				/* the limit ends the string: element by element */
	if (emu->ops->probe)			/* before the device gives its data away */
		r = emu->ops->probe(emu, linear, n * size, acc);
	if (!r)
		r = emu->ops->pio_in(emu, emu->regs[X86_EMU_RDX], size, emu->buf, n);
	if (!r)
		r = emu->ops->write(emu, linear, emu->buf, n * size, acc);
	advance_batch(emu, X86_EMU_RDI, n, size);
	return r;
}

enum x86_op_result op_outs(struct x86_emu *emu)
{
	unsigned int size = port_size(emu);
	unsigned int n = batch(emu, X86_EMU_RSI, size);
	unsigned int acc = emu_acc(emu);
	u64 ea = address_reg(emu, X86_EMU_RSI), linear;
	enum x86_op_result r;

	r = emu_linear(emu, emu->insn.seg, ea, size, acc, &linear);
	if (r)
		return r;
	n = cut_to_page(linear, n, size);
	if (n > 1 && emu_linear(emu, emu->insn.seg, ea, n * size, acc, &linear))
		n = 1;
	r = emu->ops->read(emu, linear, emu->buf, n * size, acc);
	if (!r)
		r = emu->ops->pio_out(emu, emu->regs[X86_EMU_RDX], size, emu->buf, n);
	advance_batch(emu, X86_EMU_RSI, n, size);
	return r;
}

static bool is_port_string(const struct x86_emu *emu)
{
	return emu->insn.opcode >= 0x6c && emu->insn.opcode <= 0x6f;
}

/* REPE and REPNE end by ZF, but only for CMPS and SCAS. */
static bool ended_by_zf(const struct x86_emu *emu)
{
	u8 op = emu->insn.opcode & 0xfe;

	if (op != 0xa6 && op != 0xae)
		return false;
	return !!(emu->rflags & FL_ZF) != (emu->insn.rep == 0xf3);
}

/* One iteration, and its commit with rip still on the instruction unless it was the last. */
static enum x86_op_result iterate(struct x86_emu *emu, bool *last)
{
	enum x86_op_result r = emu->insn.row->fn(emu);
	u64 count;

	if (r)
		return r;
	count = address_reg(emu, X86_EMU_RCX) - 1;
	emu_set_reg(emu, X86_EMU_RCX, emu->insn.ad_bytes, count);
	*last = !(count & emu_mask(emu->insn.ad_bytes)) || ended_by_zf(emu);
	if (!*last)
		emu->rip = emu->saved_rip;
	emu_commit(emu);
	emu->from_fault = false;		/* the next element is not where the fault was */
	return X86_OP_OK;
}

static enum x86_op_result repeat(struct x86_emu *emu, bool *again)
{
	u64 end = emu->rip;
	enum x86_op_result r;
	bool last = false;
	unsigned int i;

	if (!address_reg(emu, X86_EMU_RCX)) {
		/* A 32-bit count that is zero still clears the upper half. */
		emu_set_reg(emu, X86_EMU_RCX, emu->insn.ad_bytes, 0);
		return X86_OP_OK;
	}
	for (i = 0; i < MAX_ITERATIONS; i++) {
		r = iterate(emu, &last);
		if (r || last)
			return r;
		if (emu->rflags & FL_TF)
			break;
		if (emu->ops->iteration_done && !emu->ops->iteration_done(emu))
			break;
		emu->rip = end;
	}
	*again = true;
	return X86_OP_OK;
}

/**
 * emu_string - run a string instruction, repeated or not
 * @emu: begun, rip already on the next instruction
 * @again: set when iterations are left to do
 */
enum x86_op_result emu_string(struct x86_emu *emu, bool *again)
{
	enum x86_op_result r;

	if (is_port_string(emu)) {
		r = emu_io_allowed(emu, emu->regs[X86_EMU_RDX], port_size(emu));
		if (!r)
			r = emu_intercept(emu, X86_EMU_STAGE_CHECKED);
		if (r)
			return r;
	}
	return emu->insn.rep ? repeat(emu, again) : emu->insn.row->fn(emu);
}
