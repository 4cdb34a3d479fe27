// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's side of a test: its tables, its trap dispatcher, its way to say that an expectation
 * failed.
 *
 * All of it is plain data of the program. The host fills the tables in the guest's copy of the
 * image (x86.c), so two VMs never share them.
 */
#include "guest.h"

struct guest_fault guest_fault;
volatile uint64_t guest_resume;
guest_handler guest_handlers[256];

void guest_trap(struct trap_frame *f);

/* The host reads the operands from the registers named here. */
void guest_fail(const char *file, int line, const char *what, uint64_t a, uint64_t b)
{
	register uint64_t r8 asm("r8") = (uintptr_t)what;
	register uint64_t r9 asm("r9") = a;
	register uint64_t r10 asm("r10") = b;

	for (;;)
		asm volatile("outl %%eax, %%dx" : :
			     "a"(OP_FAIL), "d"(GUEST_PORT), "S"(file), "D"((long)line),
			     "r"(r8), "r"(r9), "r"(r10) : "memory");
}

/* Where a guest function returns to. */
void guest_return(void)
{
	for (;;)
		guest_done();
}

void guest_trap(struct trap_frame *f)
{
	guest_handler handler = *(volatile guest_handler *)&guest_handlers[f->vector];
	uint64_t cr2;

	if (handler) {
		handler(f);
		return;
	}
	asm volatile("mov %%cr2, %0" : "=r"(cr2));
	if (f->vector >= 32 || !guest_resume)
		guest_fail("guest", f->vector, "no handler for this vector (a: rip, b: cr2)",
			   f->rip, cr2);
	guest_fault.vector = f->vector;
	guest_fault.error = f->error;
	guest_fault.cr2 = cr2;
	guest_fault.rip = f->rip;
	f->rip = guest_resume;
}
