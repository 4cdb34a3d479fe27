// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ioctl layer: /dev/kvm, the VM and its memory, lines and events of devices, vCPUs.
 *
 * A request that fails here is a fault of this program or a limit of the host, and the program ends
 * with a line that names the request. Those whose failure has an answer return it.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include "arch.h"
#include "loop.h"
#include "vmm.h"

#define API_VERSION	12	/* KVM API 4.1: it does not change any more */

void kvm_open(struct vmm *vm)
{
	int version;

	vm->kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (vm->kvm_fd < 0)
		die(VM_SETUP, "/dev/kvm: %s", strerror(errno));
	version = ioctl(vm->kvm_fd, KVM_GET_API_VERSION, 0);
	if (version != API_VERSION)
		die(VM_SETUP, "/dev/kvm: API version %d, not %d", version, API_VERSION);
	vm->vm_fd = ioctl(vm->kvm_fd, KVM_CREATE_VM, 0);
	if (vm->vm_fd < 0)
		die(VM_SETUP, "KVM_CREATE_VM: %s", strerror(errno));
}

int kvm_has(const struct vmm *vm, int cap)
{
	int r = ioctl(vm->vm_fd, KVM_CHECK_EXTENSION, cap);

	return r > 0 ? r : 0;
}

int vm_ioctl(const struct vmm *vm, unsigned long request, const char *name, const void *arg)
{
	int r = ioctl(vm->vm_fd, request, arg);

	if (r < 0)
		die(VM_SETUP, "%s: %s", name, strerror(errno));
	return r;
}

int vcpu_ioctl(const struct vcpu *vcpu, unsigned long request, const char *name, void *arg)
{
	int r = ioctl(vcpu->fd, request, arg);

	if (r < 0)
		die(VM_SETUP, "%s of CPU %u: %s", name, vcpu->id, strerror(errno));
	return r;
}

void vm_add_memory(struct vmm *vm, uint64_t gpa, uint64_t size)
{
	struct kvm_userspace_memory_region region = {
		.slot			= vm->mem.n,
		.guest_phys_addr	= gpa,
		.memory_size		= size,
	};
	uint8_t *host = mem_reserve(size, arch_memory_shared(vm));

	if (!host)
		die(VM_SETUP, "no %llu MiB of memory: %s", (unsigned long long)size >> 20,
		    strerror(errno));
	if (mem_add(&vm->mem, gpa, size, host))
		die(VM_SETUP, "memory at 0x%llx does not fit in", (unsigned long long)gpa);
	region.userspace_addr = (uintptr_t)host;
	vm_ioctl(vm, KVM_SET_USER_MEMORY_REGION, "KVM_SET_USER_MEMORY_REGION", &region);
}

void vm_irq_line(const struct vmm *vm, unsigned int gsi, bool level)
{
	const struct kvm_irq_level line = { .irq = gsi, .level = level };

	vm_ioctl(vm, KVM_IRQ_LINE, "KVM_IRQ_LINE", &line);
}

/*
 * A write of @value to @addr becomes an event, without an exit to us; @flags say what kind of
 * address it is, if not one of memory. False: it will come as an exit.
 */
bool vm_ioeventfd(const struct vmm *vm, uint32_t flags, uint64_t addr, unsigned int len,
		  uint64_t value, int fd)
{
	const struct kvm_ioeventfd event = {
		.datamatch	= value,
		.addr		= addr,
		.len		= len,
		.fd		= fd,
		.flags		= flags | KVM_IOEVENTFD_FLAG_DATAMATCH,
	};

	return !ioctl(vm->vm_fd, KVM_IOEVENTFD, &event);
}

/* An eventfd whose signals are edges on an interrupt line. */
int vm_irqfd(const struct vmm *vm, unsigned int gsi)
{
	const struct kvm_irqfd irqfd = { .fd = event_new(), .gsi = gsi };

	vm_ioctl(vm, KVM_IRQFD, "KVM_IRQFD", &irqfd);
	return irqfd.fd;
}

void vcpu_create(struct vmm *vm, unsigned int id)
{
	struct vcpu *vcpu = &vm->vcpus[id];
	int size;

	vcpu->vmm = vm;
	vcpu->id = id;
	vcpu->fd = ioctl(vm->vm_fd, KVM_CREATE_VCPU, (unsigned long)id);
	if (vcpu->fd < 0)
		die(VM_SETUP, "KVM_CREATE_VCPU %u: %s", id, strerror(errno));
	size = ioctl(vm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (size < (int)sizeof(struct kvm_run))
		die(VM_SETUP, "KVM_GET_VCPU_MMAP_SIZE: %d", size);
	vcpu->run_size = size;
	vcpu->run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED)
		die(VM_SETUP, "the run page of CPU %u: %s", id, strerror(errno));
}
