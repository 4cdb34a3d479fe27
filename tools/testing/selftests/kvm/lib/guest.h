/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What guest code may use. No libc call is safe there: the C library picks its string functions for
 * the host's CPU and keeps state behind %fs. Everything here is inline or lives in guest.c and
 * traps.S.
 */
#ifndef SELFTEST_GUEST_H
#define SELFTEST_GUEST_H

#include <stdint.h>

#define GUEST_PORT	0x5e0

enum guest_op { OP_SYNC = 1, OP_DONE, OP_FAIL };

#define PTE_P		(1UL << 0)
#define PTE_W		(1UL << 1)
#define PTE_U		(1UL << 2)
#define PTE_A		(1UL << 5)
#define PTE_D		(1UL << 6)
#define PTE_PS		(1UL << 7)
#define PTE_NX		(1UL << 63)

/* Selectors in the guest's GDT. */
#define SEL_CODE	0x08
#define SEL_DATA	0x10
#define SEL_USER_CODE	0x1b
#define SEL_USER_DATA	0x23
#define SEL_TSS		0x30		/* 16 bytes a vCPU: it tells which one runs */

enum vector {
	VEC_DE = 0, VEC_DB = 1, VEC_NMI = 2, VEC_BP = 3, VEC_OF = 4, VEC_UD = 6, VEC_DF = 8,
	VEC_TS = 10,
	VEC_NP = 11, VEC_SS = 12, VEC_GP = 13, VEC_PF = 14, NO_FAULT = 256,
};

struct trap_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};

typedef void (*guest_handler)(struct trap_frame *frame);

/* The last fault taken by guest_try(). */
struct guest_fault {
	volatile uint64_t vector, error, cr2, rip;
};

extern struct guest_fault guest_fault;
extern volatile uint64_t guest_resume;
extern guest_handler guest_handlers[256];
extern uint64_t guest_idt[256][2];
extern uint64_t guest_pml4[512];

void guest_return(void);
void guest_fail(const char *file, int line, const char *what, uint64_t a, uint64_t b)
	__attribute__((noreturn));

static inline void guest_call(enum guest_op op, uint64_t value)
{
	asm volatile("outl %%eax, %%dx" : : "a"(op), "d"(GUEST_PORT), "S"(value) : "memory");
}

static inline void guest_sync(uint64_t value)
{
	guest_call(OP_SYNC, value);
}

static inline void guest_done(void)
{
	guest_call(OP_DONE, 0);
}

#define guest_expect(cond)							\
	do {									\
		if (!(cond))							\
			guest_fail(__FILE__, __LINE__, #cond, 0, 0);		\
	} while (0)

#define guest_expect_eq(a, b)							\
	do {									\
		uint64_t a_ = (a), b_ = (b);					\
		if (a_ != b_)							\
			guest_fail(__FILE__, __LINE__, #a " == " #b, a_, b_);	\
	} while (0)

/*
 * Execute one instruction; gives the vector of its fault or NO_FAULT. Not for use on two vCPUs at
 * once.
 */
#define guest_try(insn, ...)							\
	({									\
		guest_fault.vector = NO_FAULT;					\
		asm volatile("push %%rax\n\tlea 1f(%%rip), %%rax\n\t"		\
			     "mov %%rax, guest_resume(%%rip)\n\tpop %%rax\n\t"	\
			     insn "\n1:\tmovq $0, guest_resume(%%rip)"		\
			     __VA_ARGS__);					\
		guest_fault.vector;						\
	})

static inline void guest_on(int vector, guest_handler handler)
{
	*(volatile guest_handler *)&guest_handlers[vector] = handler;
}

/* Which vCPU runs this: its place in the VM, told by its task register. */
static inline unsigned int guest_cpu(void)
{
	uint64_t sel = 0;

	asm volatile("str %0" : "=r"(sel));
	return ((sel & 0xffff) - SEL_TSS) / 16;
}

#define GUEST_IN(name, type)							\
	static inline type name(uint16_t port)					\
	{									\
		type v;								\
		asm volatile("in %1, %0" : "=a"(v) : "d"(port));		\
		return v;							\
	}
#define GUEST_OUT(name, type)							\
	static inline void name(uint16_t port, type v)				\
	{									\
		asm volatile("out %0, %1" : : "a"(v), "d"(port) : "memory");	\
	}
#define GUEST_READ(name, type)							\
	static inline type name(uint64_t addr)					\
	{									\
		type v;								\
		asm volatile("mov %1, %0" : "=r"(v) : "m"(*(type *)addr) : "memory"); \
		return v;							\
	}
#define GUEST_WRITE(name, type)							\
	static inline void name(uint64_t addr, type v)				\
	{									\
		asm volatile("mov %1, %0" : "=m"(*(type *)addr) : "r"(v) : "memory"); \
	}

GUEST_IN(inb, uint8_t)
GUEST_IN(inw, uint16_t)
GUEST_IN(inl, uint32_t)
GUEST_OUT(outb, uint8_t)
GUEST_OUT(outw, uint16_t)
GUEST_OUT(outl, uint32_t)
GUEST_READ(read8, uint8_t)
GUEST_READ(read16, uint16_t)
GUEST_READ(read32, uint32_t)
GUEST_READ(read64, uint64_t)
GUEST_WRITE(write8, uint8_t)
GUEST_WRITE(write16, uint16_t)
GUEST_WRITE(write32, uint32_t)
GUEST_WRITE(write64, uint64_t)

static inline uint64_t rdmsr(uint32_t index)
{
	uint32_t lo, hi;

	asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(index));
	return lo | (uint64_t)hi << 32;
}

static inline void wrmsr(uint32_t index, uint64_t v)
{
	asm volatile("wrmsr" : : "c"(index), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
}

#define try_rdmsr(index)							\
	guest_try("rdmsr", : : "c"(index) : "rax", "rdx", "memory")
#define try_wrmsr(index, v)							\
	guest_try("wrmsr", : : "c"(index), "a"((uint32_t)(v)),			\
		  "d"((uint32_t)((uint64_t)(v) >> 32)) : "memory")

struct cpuid_regs {
	uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid_regs guest_cpuid(uint32_t leaf, uint32_t index)
{
	struct cpuid_regs r;

	asm volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
		     : "a"(leaf), "c"(index));
	return r;
}

static inline uint64_t rdtsc(void)
{
	uint32_t lo, hi;

	asm volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return lo | (uint64_t)hi << 32;
}

static inline void sti(void)
{
	asm volatile("sti; nop" : : : "memory");
}

static inline void cli(void)
{
	asm volatile("cli" : : : "memory");
}

/*
 * Sleep until an interrupt was taken; back with interrupts off, so a flag can be tested without a
 * race.
 */
static inline void sti_hlt_cli(void)
{
	asm volatile("sti; hlt; cli" : : : "memory");
}

static inline void hlt(void)
{
	asm volatile("hlt" : : : "memory");
}

static inline void cpu_relax(void)
{
	asm volatile("pause" : : : "memory");
}

#define guest_barrier()	asm volatile("" : : : "memory")
#define GUEST_ONCE(x)	(*(volatile __typeof__(x) *)&(x))

static inline uint32_t fetch_add(uint32_t *p, uint32_t v)
{
	asm volatile("lock xadd %0, %1" : "+r"(v), "+m"(*p) : : "memory");
	return v;
}

/* Local APIC, either by its page or, after x2apic_enable(), by MSRs; @reg is the page's offset. */
#define APIC_GPA	0xfee00000UL
#define MSR_APICBASE	0x1b
#define APICBASE_X2	(1UL << 10)
#define APICBASE_EN	(1UL << 11)

static inline uint32_t apic_read(uint32_t reg)
{
	return read32(APIC_GPA + reg);
}

static inline void apic_write(uint32_t reg, uint32_t v)
{
	write32(APIC_GPA + reg, v);
}

static inline void apic_enable(void)
{
	apic_write(0xf0, 0x1ff);	/* spurious vector 255, software enable */
}

static inline void apic_eoi(void)
{
	apic_write(0xb0, 0);
}

#endif
