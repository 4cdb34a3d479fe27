// SPDX-License-Identifier: GPL-2.0-only
/*
 * The agent's two halves. An order lies in the guest's copy of `order`; the answer comes by
 * guest_sync().
 */
#include "agent.h"
#include "guest.h"

static struct {
	uint64_t op, gpa, value;
} order;

void guest_agent(void)
{
	uint64_t answer = 0;

	for (;;) {
		guest_sync(answer);
		guest_barrier();
		switch (order.op) {
		case AGENT_READ:
			answer = read64(order.gpa);
			break;
		case AGENT_WRITE:
			write64(order.gpa, order.value);
			break;
		case AGENT_INC:
			asm volatile("lock incq (%0)" : : "r"(order.gpa) : "memory");
			break;
		}
	}
}

struct vm *agent_vm(unsigned int options)
{
	struct vm *vm = vm_start_with(options, guest_agent);

	expect_exit(vm_run(vm), GUEST_SYNC);
	return vm;
}

static void give_order(struct vm *vm, enum agent_op op, uint64_t gpa, uint64_t value)
{
	__typeof__(order) *o = in_guest(vm, &order);

	o->op = op;
	o->gpa = gpa;
	o->value = value;
}

int agent_order(struct vm *vm, enum agent_op op, uint64_t gpa, uint64_t value)
{
	give_order(vm, op, gpa, value);
	return vm_run(vm);
}

int agent_try(struct vm *vm, enum agent_op op, uint64_t gpa, uint64_t value)
{
	give_order(vm, op, gpa, value);
	return vcpu_try_run(&vm->vcpu[0]);
}

uint64_t agent_read(struct vm *vm, uint64_t gpa)
{
	expect_exit(agent_order(vm, AGENT_READ, gpa, 0), GUEST_SYNC);
	return vm->vcpu[0].sync;
}

void agent_write(struct vm *vm, uint64_t gpa, uint64_t value)
{
	expect_exit(agent_order(vm, AGENT_WRITE, gpa, value), GUEST_SYNC);
}

void agent_expect_mmio(struct vm *vm, enum agent_op op, uint64_t gpa, uint64_t value)
{
	struct kvm_run *run = vm->run;

	expect_exit(agent_order(vm, op, gpa, value), KVM_EXIT_MMIO);
	expect_eq(run->mmio.phys_addr, gpa);
	expect_eq(run->mmio.len, 8);
	expect_eq(run->mmio.is_write, op == AGENT_WRITE);
	if (op == AGENT_WRITE)
		expect_eq(*(uint64_t *)run->mmio.data, value);
	else
		*(uint64_t *)run->mmio.data = value;
	expect_exit(vm_run(vm), GUEST_SYNC);
	if (op == AGENT_READ)
		expect_eq(vm->vcpu[0].sync, value);
}
