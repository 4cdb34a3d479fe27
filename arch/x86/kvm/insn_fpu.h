/* SPDX-License-Identifier: GPL-2.0-only */
/* The emulator's ops on vector and x87 state: see insn_fpu.c; the contract: emulate/emulate.h. */
#ifndef KVM_X86_INSN_FPU_H
#define KVM_X86_INSN_FPU_H

#include "emulate/emulate.h"

enum x86_op_result insn_vec_read(struct x86_emu *emu, unsigned int nr, void *buf,
				 unsigned int size);
enum x86_op_result insn_vec_write(struct x86_emu *emu, unsigned int nr, const void *buf,
				  unsigned int size, bool zero_upper);
enum x86_op_result insn_mmx_read(struct x86_emu *emu, unsigned int nr, u64 *value);
enum x86_op_result insn_mmx_write(struct x86_emu *emu, unsigned int nr, u64 value);
enum x86_op_result insn_fxsave(struct x86_emu *emu, void *buf);
enum x86_op_result insn_fxrstor(struct x86_emu *emu, const void *buf);
enum x86_op_result insn_fpu(struct x86_emu *emu, enum x86_emu_fpu_op op, u16 *word);

#endif
