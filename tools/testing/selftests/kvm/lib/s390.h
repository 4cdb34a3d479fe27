/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VM of s390 as a test sees it: memory from 0 on, instructions at a fixed address, one CPU.
 *
 * The guest is a few instructions that the test has written in assembly. They run with DAT off and
 * all interruptions but program interruptions disabled; each new PSW in the lowcore is a disabled
 * wait that names its class, so what the test did not ask for ends there and is seen.
 */
#ifndef SELFTEST_S390_H
#define SELFTEST_S390_H

#include <linux/kvm.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness.h"

#define MEM_SIZE	0x1000000UL
#define CODE_AT		0x10000UL
#define DATA_AT		0x20000UL

/* A guest's segment table, its page table, and bits of their entries. */
#define SEGMENTS_AT	0x40000UL
#define PAGES_AT	0x50000UL
#define SEGMENT_INVALID	0x20UL
#define PAGE_PROTECTED	0x200UL
#define PAGE_INVALID	0x400UL

/* PSWs: the bits of the first doubleword. */
#define PSW_64		0x0000000180000000UL
#define PSW_DAT		0x0400000000000000UL
#define PSW_WAIT	0x0002000000000000UL
#define PSW_EXTERNAL	0x0100000000000000UL
#define PSW_IO		0x0200000000000000UL
#define PSW_MCHECK	0x0004000000000000UL

/* The lowcore (Principles of Operation, "Assigned Storage Locations"). */
enum {
	LC_EXT_PARAMETER	= 0x80,
	LC_EXT_CODE		= 0x86,
	LC_PGM_ILC		= 0x8c,
	LC_PGM_CODE		= 0x8e,
	LC_RESTART_OLD		= 0x120,
	LC_EXT_OLD		= 0x130,
	LC_SVC_OLD		= 0x140,
	LC_PGM_OLD		= 0x150,
	LC_MCHK_OLD		= 0x160,
	LC_IO_OLD		= 0x170,
	LC_RESTART_NEW		= 0x1a0,
	LC_EXT_NEW		= 0x1b0,
	LC_SVC_NEW		= 0x1c0,
	LC_PGM_NEW		= 0x1d0,
	LC_MCHK_NEW		= 0x1e0,
	LC_IO_NEW		= 0x1f0,
};

/* Where the disabled wait of a class is: its new PSW's place in the lowcore, and a mark. */
#define WAIT_OF(new)	(0xdead0000UL + (new))

/* Interception codes. */
enum {
	ICPT_INSTRUCTION	= 0x04,
	ICPT_WAIT		= 0x1c,
	ICPT_STOP		= 0x28,
	ICPT_OPERATION		= 0x2c,
};

struct s390_vm {
	int		kvm, fd, cpu;
	uint8_t		*mem;
	struct kvm_run	*run;
};

/* A further CPU of a VM. */
struct s390_cpu {
	int		fd;
	struct kvm_run	*run;
	pthread_t	thread;
};

/* Instructions for a guest: `INSNS(name, "lghi %r2,1; ...")`. */
#define INSNS(name, text)						\
	extern const char name[], name##_end[];				\
	asm(".pushsection .rodata\n.balign 8\n" #name ":\n" text "\n"	\
	    #name "_end:\n.popsection")

/* Counts in R3 until the word at DATA_AT is not 0. */
extern const char s390_counts[], s390_counts_end[];

struct s390_vm *s390_start(const char *code, const char *end);
#define s390_vm_of(name)	s390_start(name, name##_end)

/* kvm_run of a CPU of the VM. */
struct kvm_run *s390_map_run(struct s390_vm *vm, int cpu);

/* CPU 0 of a VM, as s390_start() makes it. */
void s390_first_cpu(struct s390_vm *vm);

/* CPU @id, whose PSW is as CPU 0's but for its address. */
void s390_add_cpu(struct s390_vm *vm, struct s390_cpu *cpu, int id, uint64_t at);

/* One KVM_RUN of it that must succeed, in a thread. */
void s390_start_cpu(struct s390_cpu *cpu);

/* Tables whose first @segments segments are the first MB of the memory each. */
void s390_make_tables(struct s390_vm *vm, unsigned int segments);

/* From its next KVM_RUN on CPU 0 translates by them. */
void s390_translate(struct s390_vm *vm);

/*
 * CPU 1, which translates by tables of one segment; it has run once, so that what goes by its PSW
 * (KVM_S390_MEMOP_LOGICAL_READ) is translated.
 */
int s390_translating_cpu(struct s390_vm *vm);

/* One KVM_RUN that must succeed; the exit reason. */
int s390_run(struct s390_vm *vm);

/* The same, which must end with an interception of this code. */
void s390_expect_icpt(struct s390_vm *vm, unsigned int code);

/* The same, in the disabled wait of a class, or at an address. */
void s390_expect_wait(struct s390_vm *vm, uint64_t address);

/* The end of a guest that has got to its end: an exit whose function code is the mark. */
#define S390_END	"diag %r0,%r0,0x777"

void s390_run_to_end(struct s390_vm *vm);

/* One KVM_RUN that must end in the disabled wait of program interruptions, with this code. */
void s390_expect_pgm(struct s390_vm *vm, unsigned int code);

int s390_mp_state(struct s390_vm *vm);

/* A statistic of a file of KVM_GET_STATS_FD, by its name; -1: there is none. */
int64_t s390_stat(int fd, const char *name);

/* KVM_S390_INTERRUPT of the CPU, and of the VM; 0 or -1. */
int s390_irq_local(struct s390_vm *vm, uint32_t type, uint32_t parm);
int s390_irq_floating(struct s390_vm *vm, uint32_t type, uint32_t parm, uint64_t parm64);

/* The VM's floating interrupt controller; an attribute of it, or of any device. */
int s390_flic(struct s390_vm *vm);
int s390_attr(int fd, unsigned long request, uint32_t group, uint64_t attr, void *addr);

static inline uint64_t s390_gpr(struct s390_vm *vm, int i)
{
	return vm->run->s.regs.gprs[i];
}

/* The condition code, as IPM has put it into a register, and of the PSW. */
static inline int s390_ipm(struct s390_vm *vm, int i)
{
	return (s390_gpr(vm, i) >> 28) & 3;
}

static inline int s390_cc(struct s390_vm *vm)
{
	return (vm->run->psw_mask >> 44) & 3;
}

static inline uint64_t *s390_word(struct s390_vm *vm, uint64_t at)
{
	return (uint64_t *)(vm->mem + at);
}

static inline uint64_t *s390_page_entry(struct s390_vm *vm, uint64_t address)
{
	return s390_word(vm, PAGES_AT + 8 * (address >> 12 & 0xff));
}

#endif
