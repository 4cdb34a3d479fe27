// SPDX-License-Identifier: GPL-2.0-only
/*
 * The emulator's hands on vector and x87 registers.
 *
 * In KVM_RUN the guest's registers are the thread's own: either in the CPU, or in the image that
 * the kernel loads before it returns to user space. begin() has them loaded, and end() lets the
 * scheduler save them again; in between there is no preemption, and no instruction that could
 * fault.
 *
 * The last needs care: an x87 exception that the guest has raised and not masked is pending, and
 * the next x87 or MMX instruction that waits for it, ours included, raises #MF (SDM vol 1, 8.6). So
 * its summary bit is looked at first, and the fault is made the guest's.
 */
#include <linux/kernel.h>
#include <asm/fpu/api.h>
#include "insn_fpu.h"
#include "x86.h"

#define SW_SUMMARY	0x80	/* status word: an unmasked exception is pending */

struct xmm {
	u8 b[16];
};

struct ymm {
	u8 b[32];
};

struct fximage {
	u8 b[512];
};

static void begin(void)
{
	fpregs_lock();
	fpregs_assert_state_consistent();
	if (test_thread_flag(TIF_NEED_FPU_LOAD))
		switch_fpu_return();
}

static void end(void)
{
	fpregs_unlock();
}

static bool x87_exception_pending(void)
{
	u16 sw;

	asm volatile("fnstsw %0" : "=m" (sw));
	return sw & SW_SUMMARY;
}

/* For what waits. If it says X86_OP_FAULT, there is nothing to end. */
static enum x86_op_result begin_waiting(struct x86_emu *emu)
{
	begin();
	if (!x87_exception_pending())
		return X86_OP_OK;
	end();
	emu->exception = (struct x86_emu_exception){ .vector = X86_EMU_MF };
	return X86_OP_FAULT;
}

/*
 * A register's number is part of the instruction: the assembler makes one for each, and %1 chooses.
 * insn has the number where it says \\n.
 */
#define EACH_REG(list, insn)	".irp n," list "\n cmp $\\n, %1\n jne 1f\n" insn "\n1:\n.endr"
#define EIGHT		"0,1,2,3,4,5,6,7"
#define SIXTEEN		EIGHT ",8,9,10,11,12,13,14,15"

static void read_xmm(unsigned int nr, struct xmm *v)
{
	asm volatile(EACH_REG(SIXTEEN, "movdqu %%xmm\\n, %0") : "=m" (*v) : "r" (nr) : "cc");
}

static void read_ymm(unsigned int nr, struct ymm *v)
{
	asm volatile(EACH_REG(SIXTEEN, "vmovdqu %%ymm\\n, %0") : "=m" (*v) : "r" (nr) : "cc");
}

static void write_xmm(unsigned int nr, const struct xmm *v)
{
	asm volatile(EACH_REG(SIXTEEN, "movdqu %0, %%xmm\\n") : : "m" (*v), "r" (nr) : "cc");
}

/* With VEX, whose rule it is that the rest of the register becomes zero. */
static void write_xmm_zero_upper(unsigned int nr, const struct xmm *v)
{
	asm volatile(EACH_REG(SIXTEEN, "vmovdqu %0, %%xmm\\n") : : "m" (*v), "r" (nr) : "cc");
}

static void write_ymm(unsigned int nr, const struct ymm *v)
{
	asm volatile(EACH_REG(SIXTEEN, "vmovdqu %0, %%ymm\\n") : : "m" (*v), "r" (nr) : "cc");
}

static void read_mmx(unsigned int nr, u64 *value)
{
	asm volatile(EACH_REG(EIGHT, "movq %%mm\\n, %0") : "=m" (*value) : "r" (nr) : "cc");
}

static void write_mmx(unsigned int nr, u64 value)
{
	asm volatile(EACH_REG(EIGHT, "movq %0, %%mm\\n") : : "m" (value), "r" (nr) : "cc");
}

enum x86_op_result insn_vec_read(struct x86_emu *emu, unsigned int nr, void *buf,
				 unsigned int size)
{
	if (size > 16 && !boot_cpu_has(X86_FEATURE_AVX))
		return X86_OP_UNHANDLED;
	begin();
	if (size > 16)
		read_ymm(nr, buf);
	else
		read_xmm(nr, buf);
	end();
	return X86_OP_OK;
}

enum x86_op_result insn_vec_write(struct x86_emu *emu, unsigned int nr, const void *buf,
				  unsigned int size, bool zero_upper)
{
	if ((size > 16 || zero_upper) && !boot_cpu_has(X86_FEATURE_AVX))
		return X86_OP_UNHANDLED;
	begin();
	if (size > 16)
		write_ymm(nr, buf);
	else if (zero_upper)
		write_xmm_zero_upper(nr, buf);
	else
		write_xmm(nr, buf);
	end();
	return X86_OP_OK;
}

enum x86_op_result insn_mmx_read(struct x86_emu *emu, unsigned int nr, u64 *value)
{
	enum x86_op_result r = begin_waiting(emu);

	if (r != X86_OP_OK)
		return r;
	read_mmx(nr, value);
	end();
	return X86_OP_OK;
}

enum x86_op_result insn_mmx_write(struct x86_emu *emu, unsigned int nr, u64 value)
{
	enum x86_op_result r = begin_waiting(emu);

	if (r != X86_OP_OK)
		return r;
	write_mmx(nr, value);
	end();
	return X86_OP_OK;
}

enum x86_op_result insn_fxsave(struct x86_emu *emu, void *buf)
{
	begin();
	asm volatile("fxsaveq %0" : "=m" (*(struct fximage *)buf));
	end();
	return X86_OP_OK;
}

/* The emulator has checked MXCSR, which is all that FXRSTOR could object to. */
enum x86_op_result insn_fxrstor(struct x86_emu *emu, const void *buf)
{
	begin();
	asm volatile("fxrstorq %0" : : "m" (*(const struct fximage *)buf));
	end();
	return X86_OP_OK;
}

enum x86_op_result insn_fpu(struct x86_emu *emu, enum x86_emu_fpu_op op, u16 *word)
{
	bool waits = op == X86_EMU_FLDCW || op == X86_EMU_FWAIT;
	enum x86_op_result r = X86_OP_OK;

	if (waits)
		r = begin_waiting(emu);
	else
		begin();
	if (r != X86_OP_OK)
		return r;
	switch (op) {
	case X86_EMU_FNINIT:
		asm volatile("fninit");
		break;
	case X86_EMU_FNCLEX:
		asm volatile("fnclex");
		break;
	case X86_EMU_FNSTSW:
		asm volatile("fnstsw %0" : "=m" (*word));
		break;
	case X86_EMU_FNSTCW:
		asm volatile("fnstcw %0" : "=m" (*word));
		break;
	case X86_EMU_FLDCW:
		asm volatile("fldcw %0" : : "m" (*word));
		break;
	case X86_EMU_FWAIT:
		break;
	}
	end();
	return X86_OP_OK;
}
