// SPDX-License-Identifier: GPL-2.0-only
/* A VM of s390: see s390.h. */
#include <fcntl.h>

#include "s390.h"

static int create_vm(int kvm)
{
	return must(ioctl(kvm, KVM_CREATE_VM, 0));
}

/* A disabled wait for each class of interruption. */
static void fill_lowcore(struct s390_vm *vm)
{
	uint64_t at;

	for (at = LC_RESTART_NEW; at <= LC_IO_NEW; at += 16) {
		*s390_word(vm, at) = PSW_64 | PSW_WAIT;
		*s390_word(vm, at + 8) = WAIT_OF(at);
	}
}

struct s390_vm *s390_start(const char *code, const char *end)
{
	struct kvm_userspace_memory_region slot = { .memory_size = MEM_SIZE };
	struct s390_vm *vm = calloc(1, sizeof(*vm));
	uint8_t *area;
	long size;

	vm->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (vm->kvm < 0)
		skip("/dev/kvm: %s", strerror(errno));
	vm->fd = create_vm(vm->kvm);
	/* On a boundary of a segment of page tables. */
	area = mmap(NULL, MEM_SIZE + 0x100000, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		    -1, 0);
	expect(area != MAP_FAILED);
	vm->mem = (uint8_t *)(((uintptr_t)area + 0xfffff) & ~0xfffffUL);
	slot.userspace_addr = (uintptr_t)vm->mem;
	must(ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &slot));
	vm->cpu = must(ioctl(vm->fd, KVM_CREATE_VCPU, 0));
	size = must(ioctl(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0));
	vm->run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vm->cpu, 0);
	expect(vm->run != MAP_FAILED);
	fill_lowcore(vm);
	memcpy(vm->mem + CODE_AT, code, end - code);
	vm->run->psw_mask = PSW_64;
	vm->run->psw_addr = CODE_AT;
	return vm;
}

int s390_run(struct s390_vm *vm)
{
	must(ioctl(vm->cpu, KVM_RUN, 0));
	return vm->run->exit_reason;
}

void s390_expect_icpt(struct s390_vm *vm, unsigned int code)
{
	expect_eq(s390_run(vm), KVM_EXIT_S390_SIEIC);
	expect_eq(vm->run->s390_sieic.icptcode, code);
}

void s390_expect_wait(struct s390_vm *vm, uint64_t address)
{
	s390_expect_icpt(vm, ICPT_WAIT);
	expect_eq(vm->run->psw_addr, address);
}

/*
 * KVM API 4.38: the state is in the struct, and the result 0. The kernel's own module gives the
 * state as the result and leaves the struct alone.
 */
int s390_mp_state(struct s390_vm *vm)
{
	struct kvm_mp_state state = { };
	int r = must(ioctl(vm->cpu, KVM_GET_MP_STATE, &state));

	if (distro_modules())
		return r;
	expect_eq(r, 0);
	return state.mp_state;
}
