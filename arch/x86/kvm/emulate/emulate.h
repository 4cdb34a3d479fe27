/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The x86 instruction decoder and emulator: the contract with its caller (the glue).
 *
 * The emulator is a pure function of the registers in struct x86_emu and of what the ops answer. It
 * keeps no other state, writes no global, allocates nothing and never sleeps by itself (the ops
 * may).
 *
 * One instruction goes like this:
 *
 *	x86_emu_init(emu, ops);			forget the last instruction
 *	fill in mode, cpl, regs, rip, ...	the "request" fields
 *	x86_emu_decode(emu, bytes, n);		DONE, or FAULT (#UD, #GP, #PF of the fetch), ...
 *	x86_emu_execute(emu);			see enum x86_emu_outcome
 *
 * An instruction is all or nothing. Its reads come before its first write; regs, rip and rflags
 * change only when the outcome is DONE or AGAIN. So an op that needs an answer from user space says
 * X86_OP_USER, the outcome is X86_EMU_USER, and once the answer is there the glue calls
 * x86_emu_execute() again, without a second decode: the emulator repeats the same ops in the same
 * order, and the glue answers those that it has answered before from a log. Ops that only tell user
 * space something (a device write) need no answer: the glue queues them, says X86_OP_OK, and
 * delivers them after the outcome is known.
 *
 * A REP string instruction is many instructions in that sense. After each iteration registers are
 * committed and ops->iteration_done() is called: the log may be emptied there.
 */
#ifndef KVM_X86_EMULATE_H
#define KVM_X86_EMULATE_H

#include "shim.h"

#define X86_EMU_MAX_INSN	15	/* SDM vol 2, 2.3.11: one byte more is #GP(0) */
#define X86_EMU_BUF		1024	/* the largest single access of an op, in bytes */

struct x86_emu;
struct x86_emu_row;

enum x86_emu_mode {
	X86_EMU_REAL,		/* CR0.PE = 0 */
	X86_EMU_VM86,		/* RFLAGS.VM = 1; cpl must be 3 */
	X86_EMU_PROT16,		/* protected or compatibility mode, CS.D = 0 */
	X86_EMU_PROT32,		/* protected or compatibility mode, CS.D = 1 */
	X86_EMU_LONG64,		/* EFER.LMA = 1 and CS.L = 1 */
};

enum x86_emu_reg {
	X86_EMU_RAX, X86_EMU_RCX, X86_EMU_RDX, X86_EMU_RBX,
	X86_EMU_RSP, X86_EMU_RBP, X86_EMU_RSI, X86_EMU_RDI,
	X86_EMU_R8, X86_EMU_R9, X86_EMU_R10, X86_EMU_R11,
	X86_EMU_R12, X86_EMU_R13, X86_EMU_R14, X86_EMU_R15,
	X86_EMU_NR_REGS,
};

/* The first six are numbered as ModRM numbers them. */
enum x86_emu_seg_index {
	X86_EMU_ES, X86_EMU_CS, X86_EMU_SS, X86_EMU_DS, X86_EMU_FS, X86_EMU_GS,
	X86_EMU_TR, X86_EMU_LDTR,
	X86_EMU_NR_SEGS,
};

enum x86_emu_dt { X86_EMU_GDT, X86_EMU_IDT };

enum x86_emu_vector {
	X86_EMU_DE = 0, X86_EMU_DB = 1, X86_EMU_BP = 3, X86_EMU_OF = 4, X86_EMU_BR = 5,
	X86_EMU_UD = 6, X86_EMU_NM = 7, X86_EMU_DF = 8, X86_EMU_TS = 10, X86_EMU_NP = 11,
	X86_EMU_SF = 12, X86_EMU_GP = 13, X86_EMU_PF = 14, X86_EMU_MF = 16, X86_EMU_AC = 17,
	X86_EMU_XM = 19,
};

/* What x86_emu_decode(), x86_emu_execute() and the like return. */
enum x86_emu_outcome {
	/*
	 * Decoded; or executed: regs, rip, rflags are the new ones; see db_pending and
	 * interrupt_shadow.
	 */
	X86_EMU_DONE,
	/* Inject emu->exception. Nothing is committed, but what earlier iterations of a REP did. */
	X86_EMU_FAULT,
	/*
	 * An op waits for user space. Nothing is committed, as above. Call x86_emu_execute() again
	 * with the answer.
	 */
	X86_EMU_USER,
	/*
	 * A REP did a bounded number of iterations: committed, rip still on it. Enter the guest, or
	 * execute again.
	 */
	X86_EMU_AGAIN,
	/*
	 * An op said: nothing done, enter the guest, which runs or faults once more (memory changed
	 * under a LOCK).
	 */
	X86_EMU_RETRY,
	/* Not implemented; nothing changed. insn.bytes and insn.len say what it was. */
	X86_EMU_UNHANDLED,
	/* ops->intercept() took the instruction (a nested exit was made). Nothing is committed. */
	X86_EMU_INTERCEPTED,
	/* An op met an internal error. Nothing is committed. */
	X86_EMU_DEAD,
};

/* What an op returns; each but OK ends the instruction with the outcome of that name. */
enum x86_op_result {
	X86_OP_OK,
	X86_OP_FAULT,		/* the op has filled in emu->exception */
	X86_OP_USER,
	X86_OP_RETRY,
	X86_OP_INTERCEPTED,
	X86_OP_ERROR,
	X86_OP_UNHANDLED,	/* the op cannot do this one */
};

/* How memory is accessed: the flags of ops->read, write, compare_swap, probe. */
/* a read or probe whose bytes will be written: check for write permission */
#define X86_ACC_WRITE		0x01
/* implicit supervisor access (descriptor tables, TSS), whatever cpl is */
#define X86_ACC_SYSTEM		0x02
#define X86_ACC_STACK		0x04
#define X86_ACC_LOCKED		0x08
/*
 * The only explicit memory operand of an instruction begun by a fault (emu->from_fault): if it lies
 * in one page and its offset in the page is that of fault_gpa, it *is* fault_gpa, and need not be
 * walked again.
 */
#define X86_ACC_FAULTED		0x10

struct x86_emu_exception {
	u8	vector;
	/* INT n, INT3 or INTO outside real mode: inject as such; it returns to emu->next_rip */
	bool	software;
	bool	has_error;
	bool	has_address;	/* a page fault: address goes to CR2 */
	u32	error_code;
	u64	address;
};

/* A segment register, in the terms of neither VMCS nor VMCB. */
struct x86_emu_seg {
	u64	base;
	u32	limit;		/* the last valid byte; granularity is already applied */
	u16	selector;
	u8	type;		/* 4 bits, as in a descriptor */
	u8	dpl;
	bool	s, p, avl, l, db, g;
	bool	unusable;
};

struct x86_emu_table {
	u64	base;
	u16	limit;
};

/* Instructions that a nested hypervisor may intercept; struct x86_emu.insn.icpt. */
enum x86_emu_icpt {
	X86_ICPT_NONE,
	X86_ICPT_CR_READ, X86_ICPT_CR_WRITE,	/* MOV; the register is insn.reg */
	X86_ICPT_LMSW, X86_ICPT_SMSW, X86_ICPT_CLTS,
	X86_ICPT_DR_READ, X86_ICPT_DR_WRITE,
	X86_ICPT_SGDT, X86_ICPT_SIDT, X86_ICPT_LGDT, X86_ICPT_LIDT,
	X86_ICPT_SLDT, X86_ICPT_STR, X86_ICPT_LLDT, X86_ICPT_LTR,
	X86_ICPT_PUSHF, X86_ICPT_POPF, X86_ICPT_IRET, X86_ICPT_INTN,
	X86_ICPT_CPUID, X86_ICPT_RDTSC, X86_ICPT_RDTSCP, X86_ICPT_RDPMC, X86_ICPT_RDMSR,
	X86_ICPT_WRMSR,
	X86_ICPT_HLT, X86_ICPT_PAUSE, X86_ICPT_MWAIT, X86_ICPT_MONITOR, X86_ICPT_INVD,
	X86_ICPT_WBINVD,
	X86_ICPT_INVLPG, X86_ICPT_INVPCID, X86_ICPT_XSETBV, X86_ICPT_RSM,
	X86_ICPT_IN, X86_ICPT_OUT, X86_ICPT_INS, X86_ICPT_OUTS,
	X86_ICPT_VMCALL, X86_ICPT_VMMCALL, X86_ICPT_SVM, X86_ICPT_VMX,
};

/*
 * When ops->intercept() is asked (APM vol 2, 15.7: intercepts and exceptions have an order of
 * priority).
 */
enum x86_emu_stage {
	X86_EMU_STAGE_DECODED,		/* valid opcode, before any other check */
	/* after privilege (CPL, IOPL) and operand checks, before anything is done */
	X86_EMU_STAGE_CHECKED,
};

enum x86_emu_fpu_op { X86_EMU_FNINIT, X86_EMU_FNCLEX, X86_EMU_FNSTSW, X86_EMU_FNSTCW, X86_EMU_FLDCW,
		      X86_EMU_FWAIT };

/**
 * struct x86_emu_ops - what the emulator asks of its surroundings
 *
 * All take the struct x86_emu first, whose container the glue knows. An op that returns
 * X86_OP_FAULT has filled in emu->exception. Addresses are linear (segment base added, limit and
 * canonical form checked) unless named otherwise.
 * @size counts bytes and is at most X86_EMU_BUF; an access may cross pages and is then still all or
 * nothing. Optional ops may be NULL; an instruction that needs one is then X86_EMU_UNHANDLED,
 * unless said otherwise here.
 */
struct x86_emu_ops {
	/*
	 * Memory. fetch never crosses a page and is never asked for more than X86_EMU_MAX_INSN
	 * bytes.
	 */
	enum x86_op_result (*fetch)(struct x86_emu *emu, u64 linear, void *buf, unsigned int len);
	enum x86_op_result (*read)(struct x86_emu *emu, u64 linear, void *buf, unsigned int size,
				   unsigned int flags);
	enum x86_op_result (*write)(struct x86_emu *emu, u64 linear, const void *buf,
				    unsigned int size,
				    unsigned int flags);
	/* Atomic on guest memory, sizes 1 to 16. X86_OP_RETRY when memory no longer holds @old. */
	enum x86_op_result (*compare_swap)(struct x86_emu *emu, u64 linear, const void *old,
					   const void *new,
					   unsigned int size, unsigned int flags);
	/* Could this access be made? Faults if not, touches nothing. Optional: NULL means yes. */
	enum x86_op_result (*probe)(struct x86_emu *emu, u64 linear, unsigned int size,
				    unsigned int flags);

	/*
	 * Port I/O. size is 1, 2 or 4; count elements lie in buf; all or none are done. Permission
	 * is checked before.
	 */
	enum x86_op_result (*pio_in)(struct x86_emu *emu, u16 port, unsigned int size, void *buf,
				     unsigned int count);
	enum x86_op_result (*pio_out)(struct x86_emu *emu, u16 port, unsigned int size,
				      const void *buf,
				      unsigned int count);

	/*
	 * Segments and descriptor tables: cannot fail. set_seg of CS or SS also means that CPL is
	 * emu->cpl from now on.
	 */
	void (*get_seg)(struct x86_emu *emu, enum x86_emu_seg_index seg, struct x86_emu_seg *out);
	void (*set_seg)(struct x86_emu *emu, enum x86_emu_seg_index seg,
			const struct x86_emu_seg *in);
	void (*get_dt)(struct x86_emu *emu, enum x86_emu_dt dt, struct x86_emu_table *out);
	void (*set_dt)(struct x86_emu *emu, enum x86_emu_dt dt, const struct x86_emu_table *in);

	/*
	 * nr is 0, 2, 3, 4 or 8; 0 to 3, 6 or 7. A bad value is X86_OP_FAULT with #GP(0) filled in.
	 */
	u64 (*get_cr)(struct x86_emu *emu, unsigned int nr);
	enum x86_op_result (*set_cr)(struct x86_emu *emu, unsigned int nr, u64 value);
	u64 (*get_dr)(struct x86_emu *emu, unsigned int nr);
	enum x86_op_result (*set_dr)(struct x86_emu *emu, unsigned int nr, u64 value);

	/*
	 * MSRs. The emulator also reads EFER, STAR, LSTAR, CSTAR, SFMASK, SYSENTER_*, TSC and
	 * TSC_AUX by these, as the CPU does: then msr_explicit is false and the op must not fail
	 * nor go to user space.
	 */
	enum x86_op_result (*read_msr)(struct x86_emu *emu, u32 index, u64 *value);
	enum x86_op_result (*write_msr)(struct x86_emu *emu, u32 index, u64 value);
	enum x86_op_result (*read_pmc)(struct x86_emu *emu, u32 index, u64 *value);
	enum x86_op_result (*get_xcr)(struct x86_emu *emu, u32 index, u64 *value);
	enum x86_op_result (*set_xcr)(struct x86_emu *emu, u32 index, u64 value);

	void (*cpuid)(struct x86_emu *emu, u32 *eax, u32 *ebx, u32 *ecx, u32 *edx);
	enum x86_op_result (*hlt)(struct x86_emu *emu);
	/* also INVD; insn.icpt tells them apart */
	enum x86_op_result (*wbinvd)(struct x86_emu *emu);
	enum x86_op_result (*invlpg)(struct x86_emu *emu, u64 linear);
	/* VMCALL or VMMCALL: arguments and result are in emu->regs. Optional. */
	enum x86_op_result (*hypercall)(struct x86_emu *emu);

	/*
	 * Vector registers: size is 16 or 32. A write of 16 leaves bits 128 up alone unless
	 * @zero_upper. Optional.
	 */
	enum x86_op_result (*vec_read)(struct x86_emu *emu, unsigned int nr, void *buf,
				       unsigned int size);
	enum x86_op_result (*vec_write)(struct x86_emu *emu, unsigned int nr, const void *buf,
					unsigned int size,
					bool zero_upper);
	enum x86_op_result (*mmx_read)(struct x86_emu *emu, unsigned int nr, u64 *value);
	enum x86_op_result (*mmx_write)(struct x86_emu *emu, unsigned int nr, u64 value);
	/*
	 * buf is the 512-byte FXSAVE image; the emulator has masked what the instruction may not
	 * load. Optional.
	 */
	enum x86_op_result (*fxsave)(struct x86_emu *emu, void *buf);
	enum x86_op_result (*fxrstor)(struct x86_emu *emu, const void *buf);
	/*
	 * A few x87 instructions without arithmetic; @word is what FNSTSW, FNSTCW give and FLDCW
	 * takes. Optional.
	 */
	enum x86_op_result (*fpu)(struct x86_emu *emu, enum x86_emu_fpu_op op, u16 *word);

	/* IRET unblocks NMIs (SDM vol 3, 6.7.1). Optional: NULL means nothing to do. */
	void (*nmi_unmask)(struct x86_emu *emu);
	/*
	 * Nested virtualization; emu->insn says what and with which operands. Optional: NULL means
	 * no.
	 */
	enum x86_op_result (*intercept)(struct x86_emu *emu, enum x86_emu_stage stage);
	/*
	 * One iteration of a REP string instruction is committed in emu->regs; the log of answers
	 * may be emptied. Return false to stop here with X86_EMU_AGAIN (queued device writes, an
	 * event to inject). Optional: NULL means go on.
	 */
	bool (*iteration_done)(struct x86_emu *emu);
};

/* A decoded instruction. For the glue to read; made by x86_emu_decode() alone. */
struct x86_emu_insn {
	const struct x86_emu_row *row;
	u8	bytes[X86_EMU_MAX_INSN];
	u8	fetched;	/* valid bytes of the above: len of them, or more */
	u8	len;
	/* 0: one byte; 1: 0F; 2: 0F 38; 3: 0F 3A; the x87 escapes are in map 0 */
	u8	map;
	u8	opcode;
	u8	modrm, sib;
	u8	mod, reg, rm;	/* reg and rm with their REX or VEX extension bits */
	/* registers of the address, X86_EMU_NR_REGS for none; scale is a shift */
	u8	base, index;
	u8	scale;
	u8	rex;		/* 0x40 to 0x4f, or 0 */
	u8	op_bytes;	/* 2, 4 or 8 */
	u8	ad_bytes;	/* 2, 4 or 8 */
	/* segment of the memory operand: the override, or the default of the address */
	u8	seg;
	u8	rep;		/* 0xf2, 0xf3 or 0 */
	u8	simd;		/* the mandatory prefix: 0, 0x66, 0xf3, 0xf2 */
	u8	vex_vvvv;
	bool    lock, opsize, adsize, vex, vex_l, vex_w, evex, seg_override, has_modrm,
	rip_relative;
	u8	icpt;		/* enum x86_emu_icpt */
	s64	disp;
	u64	imm;		/* sign-extended where the instruction sign-extends it */
	u64	imm2;		/* selector of a far pointer, level of ENTER */
};

enum x86_emu_operand_kind { X86_EMU_OPND_VALUE, X86_EMU_OPND_REG, X86_EMU_OPND_MEM };

/* Private: an integer operand while the instruction runs. */
struct x86_emu_operand {
	u8	kind;		/* enum x86_emu_operand_kind */
	u8	size;		/* in bytes: 1, 2, 4 or 8 */
	u8	reg;
	u64	val;		/* zero-extended */
	u64	old;		/* as it was read */
};

struct x86_emu {
	const struct x86_emu_ops *ops;

	/*
	 * The request: filled in by the glue after x86_emu_init(). regs, rip, rflags and cpl are
	 * results as well.
	 */
	enum x86_emu_mode mode;
	u8	cpl;
	u8	va_bits;	/* 48, or 57 with CR4.LA57; init sets 48 */
	/* guest CPUID says AMD or Hygon: SYSCALL, SYSENTER, ... differ in legacy and long mode */
	bool	amd;
	bool	from_fault;	/* begun by a fault on guest physical memory at fault_gpa */
	bool	has_gva;	/* and the linear address is known, too */
	u64	fault_gpa;
	u64	fault_gva;
	u64	regs[X86_EMU_NR_REGS];
	u64	rip;		/* zero-extended to what the mode has */
	u64	rflags;

	/* Results. */
	/* valid after decode: rip of the instruction that follows in memory */
	u64	next_rip;
	struct x86_emu_exception exception;	/* valid with X86_EMU_FAULT */
	/*
	 * DR6 bits: of a trap due after DONE or AGAIN (BS from RFLAGS.TF, BT from a task switch),
	 * or of a #DB that the outcome is (BD).
	 */
	u32	db_pending;
	bool	interrupt_shadow;	/* MOV SS, POP SS; STI that set IF */
	bool	msr_explicit;	/* a read_msr or write_msr by RDMSR or WRMSR */
	struct x86_emu_insn insn;

	/* Private to the emulator from here on. */
	/* what is committed: back to it when something fails */
	u64	saved_regs[X86_EMU_NR_REGS];
	u64	saved_rip;
	u64	saved_rflags;
	u8	saved_cpl;
	u8	seg_cached;	/* bit per segment: segs[] holds what get_seg() said */
	/* the handler has written dst by itself, or there is nothing to write */
	bool	own_writeback;
	struct x86_emu_seg segs[X86_EMU_NR_SEGS];
	u64	ea;		/* offset of the memory operand in its segment */
	u64	linear;		/* the same with its segment's checks done */
	struct x86_emu_operand dst, src, src2;
	u8	buf[X86_EMU_BUF] __aligned(16);
};

/**
 * x86_emu_init - begin with a new instruction
 * @emu: embedded in the caller's vCPU; used by one thread at a time
 * @ops: how it reaches memory, ports and registers
 *
 * Clears the results and gives the request fields that have defaults their defaults. The caller
 * fills in the others.
 */
void x86_emu_init(struct x86_emu *emu, const struct x86_emu_ops *ops);

/**
 * x86_emu_decode - find out what stands at emu->rip
 * @emu: with its request filled in
 * @prefetched: bytes that the CPU has already fetched from there, or NULL
 * @n: how many; may be 0, more are fetched as needed
 *
 * Works for the length of every instruction, also of those that x86_emu_execute() does not know.
 *
 * Return: X86_EMU_DONE with emu->insn and emu->next_rip filled in; X86_EMU_FAULT for an undefined
 * opcode, a LOCK where none may be, more than 15 bytes, or a fetch that faults; else what the fetch
 * op said.
 */
enum x86_emu_outcome x86_emu_decode(struct x86_emu *emu, const u8 *prefetched, unsigned int n);

/**
 * x86_emu_execute - do what x86_emu_decode() found
 * @emu: decoded
 *
 * Return: any of enum x86_emu_outcome.
 */
enum x86_emu_outcome x86_emu_execute(struct x86_emu *emu);

/**
 * x86_emu_skip - step over a decoded instruction that something else has carried out
 * @emu: decoded
 *
 * Moves rip to next_rip, clears RFLAGS.RF, makes a single-step trap pending if RFLAGS.TF is set.
 */
void x86_emu_skip(struct x86_emu *emu);

/* Hints about a decoded instruction. */
/* it has an explicit or string memory operand */
bool x86_emu_has_memory(const struct x86_emu *emu);
bool x86_emu_writes_memory(const struct x86_emu *emu);	/* and may write it (pushes do not count) */
bool x86_emu_implemented(const struct x86_emu *emu);	/* x86_emu_execute() knows it */
/*
 * Does the instruction say what memory operand it has once, so that the fault's gpa is that
 * operand's?
 */
bool x86_emu_one_memory_operand(const struct x86_emu *emu);

enum x86_emu_switch_reason {
	/* as in VMX */
	X86_EMU_SWITCH_CALL, X86_EMU_SWITCH_IRET, X86_EMU_SWITCH_JMP, X86_EMU_SWITCH_GATE,
};

/**
 * x86_emu_task_switch - carry out a hardware task switch
 * @emu: initialised, request filled in, rip being what the old task shall return to; decode is not
 * needed
 * @selector: of the new TSS
 * @idt_vector: of an INT n, INT3 or INTO that caused it, whose gate's privilege is then checked;
 * else -1
 * @reason: as the hardware tells
 * @has_error: push @error on the new task's stack
 * @error: error code
 *
 * Return: X86_EMU_DONE with the new task's registers; X86_EMU_FAULT; what an op said. A fault after
 * the old task is saved is reported in the new task, as the CPU does (SDM vol 3, 7.3).
 */
enum x86_emu_outcome x86_emu_task_switch(struct x86_emu *emu, u16 selector, int idt_vector,
					 enum x86_emu_switch_reason reason, bool has_error,
					 u32 error);

/**
 * x86_emu_int_real - deliver an interrupt or exception in real mode
 * @emu: initialised, request filled in with mode X86_EMU_REAL, rip being the return address
 * @vector: index into the interrupt vector table
 *
 * Return: X86_EMU_DONE with rip, rflags, rsp and CS changed; X86_EMU_FAULT; what an op said.
 */
enum x86_emu_outcome x86_emu_int_real(struct x86_emu *emu, u8 vector);

#endif
