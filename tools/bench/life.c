// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of a VM: what making it, its vCPU and that one's first entry cost, and what its end
 * does.
 */
#include <unistd.h>

#include "bench.h"

#define ROUNDS		33
#define OLD_PAGES	1024	/* that a VM has touched before it ends */

static void create_vm(void)
{
	int kvm = kvm_open();
	int i, vm;

	busy_begin();
	for (i = 0; i < ROUNDS; i++) {
		MEASURE(vm = must(ioctl(kvm, KVM_CREATE_VM, 0)));
		close(vm);
	}
	busy_end();
	close(kvm);
}

static void create_vcpu(void)
{
	struct vm *vm;
	unsigned int i, id;

	for (i = 0; i < ROUNDS / MAX_VCPUS; i++) {
		vm = vm_new(VM_IRQCHIP);
		busy_begin();
		for (id = 0; id < MAX_VCPUS; id++) {
			struct vcpu *vcpu = &vm->vcpu[id];

			MEASURE(vcpu->fd = must(ioctl(vm->fd, KVM_CREATE_VCPU, id)));
		}
		busy_end();
		for (id = 0; id < MAX_VCPUS; id++)
			close(vm->vcpu[id].fd);
		vm_free(vm);
	}
}

GUEST_CODE guest_nothing(void)
{
}

static void first_run(void)
{
	struct vm *vm;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		vm = vm_start_with(VM_IRQCHIP, guest_nothing);
		MEASURE(must(ioctl(vm->vcpu[0].fd, KVM_RUN, 0)));
		expect_eq(vm->run->exit_reason, KVM_EXIT_IO);
		vm_free(vm);
	}
}

GUEST_CODE guest_fills(void)
{
	uint64_t i;

	for (i = 0; i < OLD_PAGES; i++)
		write64(SLOT_GPA + i * SZ_4K, 1);
}

/* The last references: the mapped run page, the vCPU's file, the VM's. */
static void teardown(void)
{
	uint8_t *host = anon_memory(OLD_PAGES * SZ_4K);
	int size = vcpu_mmap_size();
	int i;

	must(madvise(host, OLD_PAGES * SZ_4K, MADV_NOHUGEPAGE));
	busy_begin();
	for (i = 0; i < ROUNDS; i++) {
		struct vm *vm = vm_start_with(VM_IRQCHIP, guest_fills);

		must(vm_set_slot(vm->fd, vm->next_slot++, 0, SLOT_GPA, OLD_PAGES * SZ_4K, host));
		run_to_done(&vm->vcpu[0]);
		MEASURE(munmap(vm->run, size); close(vm->vcpu[0].fd); close(vm->fd));
		munmap(vm->mem, LOW_MEM_SIZE);
		free(vm);
	}
	busy_end();
	munmap(host, OLD_PAGES * SZ_4K);
}

const struct bench_row life_rows[] = {
	{ "create_vm",		create_vm },
	{ "create_vcpu",	create_vcpu },
	{ "first_run",		first_run },
	{ "teardown",		teardown },
	{ }
};
