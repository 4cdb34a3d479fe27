// SPDX-License-Identifier: GPL-2.0-only
/*
 * Port I/O, and the right to do it: IOPL and the bitmap in the TSS (SDM vol 1, 19.5).
 */
#include "internal.h"

#define TSS_IO_BASE	0x66	/* offset of the bitmap's offset, in 32- and 64-bit TSSs alike */

/* A port's bits may lie in two bytes, so two are always read, both within the limit. */
static enum x86_op_result check_bitmap(struct x86_emu *emu, u16 port, unsigned int size)
{
	const struct x86_emu_seg *tr = emu_seg(emu, X86_EMU_TR);
	u16 base = 0, bits = 0;
	enum x86_op_result r;
	u32 at;

	if (tr->unusable || !tr->p || (tr->type & ~2) != 9 || tr->limit < TSS_IO_BASE + 1)
		return emu_gp(emu, 0);
	r = emu->ops->read(emu, tr->base + TSS_IO_BASE, &base, 2, X86_ACC_SYSTEM);
	if (r)
		return r;
	at = base + port / 8;
	if (at + 1 > tr->limit)
		return emu_gp(emu, 0);
	r = emu->ops->read(emu, tr->base + at, &bits, 2, X86_ACC_SYSTEM);
	if (r)
		return r;
	return (bits >> (port & 7)) & ((1U << size) - 1) ? emu_gp(emu, 0) : X86_OP_OK;
}

/**
 * emu_io_allowed - may this code access a port?
 * @emu: running
 * @port: first port
 * @size: 1, 2 or 4 ports
 *
 * Return: X86_OP_OK; X86_OP_FAULT with #GP(0), or with what reading the TSS met.
 */
enum x86_op_result emu_io_allowed(struct x86_emu *emu, u16 port, unsigned int size)
{
	if (emu->mode == X86_EMU_REAL)
		return X86_OP_OK;
	if (emu->mode != X86_EMU_VM86 && emu->cpl <= emu_iopl(emu))
		return X86_OP_OK;
	return check_bitmap(emu, port, size);
}

static unsigned int port_size(const struct x86_emu *emu)
{
	return emu->dst.size == 8 ? 4 : emu->dst.size;
}

static enum x86_op_result check(struct x86_emu *emu)
{
	enum x86_op_result r = emu_io_allowed(emu, emu->src.val, port_size(emu));

	return r ? r : emu_intercept(emu, X86_EMU_STAGE_CHECKED);
}

enum x86_op_result op_in(struct x86_emu *emu)
{
	enum x86_op_result r = check(emu);
	u32 val = 0;

	if (!r)
		r = emu->ops->pio_in(emu, emu->src.val, port_size(emu), &val, 1);
	if (!r)
		emu_set_reg(emu, X86_EMU_RAX, port_size(emu), val);
	emu->own_writeback = true;
	return r;
}

enum x86_op_result op_out(struct x86_emu *emu)
{
	enum x86_op_result r = check(emu);
	u32 val = emu->dst.val;

	return r ? r : emu->ops->pio_out(emu, emu->src.val, port_size(emu), &val, 1);
}
