/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest that does one memory access after another as the test tells it, so that a test about
 * memory reads as a list of accesses and what became of them.
 */
#ifndef SELFTEST_AGENT_H
#define SELFTEST_AGENT_H

#include "vm.h"

enum agent_op { AGENT_NONE, AGENT_READ, AGENT_WRITE, AGENT_INC };

void guest_agent(void);

/* A VM whose first vCPU is an agent and waits for its first order. */
struct vm *agent_vm(unsigned int options);

/* Give an order and run; the exit it led to, GUEST_SYNC when the access went through. */
int agent_order(struct vm *vm, enum agent_op op, uint64_t gpa, uint64_t value);

/* Give an order and run; 0 or the -errno of KVM_RUN. */
int agent_try(struct vm *vm, enum agent_op op, uint64_t gpa, uint64_t value);

/* The access must go through. Accesses are of 8 bytes. */
uint64_t agent_read(struct vm *vm, uint64_t gpa);
void agent_write(struct vm *vm, uint64_t gpa, uint64_t value);

/* The access must leave as MMIO at this address; it is completed, a read with @value. */
void agent_expect_mmio(struct vm *vm, enum agent_op op, uint64_t gpa, uint64_t value);

#endif
