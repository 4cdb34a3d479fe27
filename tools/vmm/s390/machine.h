/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The s390 machine: memory from 0 on, CPUs, the SCLP, and a subchannel for each virtio device
 * (css.h). Without devices there is no channel subsystem: every instruction that asks for a
 * subchannel is told that there is none (condition code 3).
 *
 * Host and guest have the same byte order, that of the architecture: structures that the guest sees
 * are written down as they are.
 */
#ifndef S390_MACHINE_H
#define S390_MACHINE_H

#include "vmm.h"

/* Codes of program interruptions (Principles of Operation, "Program Interruption"). */
enum {
	PGM_OPERATION		= 0x01,
	PGM_PRIVILEGED		= 0x02,
	PGM_ADDRESSING		= 0x05,
	PGM_SPECIFICATION	= 0x06,
	PGM_OPERAND		= 0x15,
	PGM_GIVEN		= 0x10000,	/* not one: KVM has made one pending */
};

/* Bits of a PSW's first doubleword. */
#define PSW_IO			0x0200000000000000ULL
#define PSW_EXTERNAL		0x0100000000000000ULL
#define PSW_MACHINE_CHECK	0x0004000000000000ULL
#define PSW_WAIT		0x0002000000000000ULL
#define PSW_PROBLEM		0x0001000000000000ULL
#define PSW_CC_SHIFT		44
#define PSW_CC			(3ULL << PSW_CC_SHIFT)
#define PSW_64BIT		0x0000000180000000ULL

/* An intercepted instruction: its first 16 bits, and the 32 behind. */
struct insn {
	uint16_t	ipa;
	uint32_t	ipb;
	uint64_t	*gpr;		/* the CPU's; what is changed is taken over */
};

static inline unsigned int insn_r1(const struct insn *i)	/* of RS and RSY */
{
	return i->ipa >> 4 & 15;
}

static inline unsigned int insn_r3(const struct insn *i)
{
	return i->ipa & 15;
}

/* The second operand's address, base and displacement. */
static inline uint64_t insn_address(const struct insn *i)
{
	const unsigned int base = i->ipb >> 28;

	return (base ? i->gpr[base] : 0) + (i->ipb >> 16 & 0xfff);
}

/*
 * sigp.c: the CPUs' states, and SIGNAL PROCESSOR as far as KVM leaves it to us. Returns the
 * condition code.
 */
void cpus_init(struct vmm *vm);
unsigned int cpu_signal(struct vcpu *from, const struct insn *insn);

/* The CPU has come to the stop that it was told to make; its thread calls it. */
void cpu_stopped(struct vcpu *vcpu);

#endif
