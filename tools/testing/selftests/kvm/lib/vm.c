// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/kvm by system calls: VMs, slots, vCPUs and the run loop. Knows no instruction set beyond the
 * guest's port.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sys/time.h>

#include "vm.h"
#include "guest.h"

int kvm_open(void)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		skip("there is no /dev/kvm");
	return must(fd);
}

int kvm_cap(int cap)
{
	int fd = kvm_open();
	int r = must(ioctl(fd, KVM_CHECK_EXTENSION, cap));

	close(fd);
	return r;
}

void require_cap(int cap, const char *name)
{
	if (!kvm_cap(cap))
		skip("%s is not reported", name);
}

int vcpu_mmap_size(void)
{
	int fd = kvm_open();
	int size = must(ioctl(fd, KVM_GET_VCPU_MMAP_SIZE, 0));

	close(fd);
	return size;
}

int vm_bare(void)
{
	int kvm = kvm_open(), vm;

	/* The MMU notifier is registered under all locks of the mm, which a signal may interrupt. */
	do
		vm = ioctl(kvm, KVM_CREATE_VM, 0);
	while (vm < 0 && errno == EINTR);
	must(vm);
	close(kvm);
	return vm;
}

void *anon_memory(uint64_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	expect(p != MAP_FAILED);
	return p;
}

int vm_set_slot(int vm, uint32_t slot, uint32_t flags, uint64_t gpa, uint64_t size, void *host)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.flags = flags,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)host,
	};

	return ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region);
}

void *vm_add_slot(struct vm *vm, uint64_t gpa, uint64_t size, uint32_t flags)
{
	void *host = anon_memory(size);

	must(vm_set_slot(vm->fd, vm->next_slot++, flags, gpa, size, host));
	return host;
}

struct vcpu *vcpu_new(struct vm *vm, unsigned int id)
{
	struct vcpu *vcpu = &vm->vcpu[vm->nr_vcpus];
	int size = vcpu_mmap_size();

	expect(vm->nr_vcpus < MAX_VCPUS);
	vcpu->vm = vm;
	vcpu->id = id;
	vcpu->fd = must(ioctl(vm->fd, KVM_CREATE_VCPU, id));
	vcpu->run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	expect(vcpu->run != MAP_FAILED);
	if (!vm->nr_vcpus++)
		vm->run = vcpu->run;
	return vcpu;
}

void vm_free(struct vm *vm)
{
	int size = vcpu_mmap_size();
	unsigned int i;

	for (i = 0; i < vm->nr_vcpus; i++) {
		munmap(vm->vcpu[i].run, size);
		close(vm->vcpu[i].fd);
	}
	close(vm->fd);
	munmap(vm->mem, LOW_MEM_SIZE);
	free(vm);
}

struct kvm_regs vcpu_regs(struct vcpu *vcpu)
{
	struct kvm_regs regs;

	must(ioctl(vcpu->fd, KVM_GET_REGS, &regs));
	return regs;
}

void vcpu_set_regs(struct vcpu *vcpu, const struct kvm_regs *regs)
{
	must(ioctl(vcpu->fd, KVM_SET_REGS, regs));
}

struct kvm_sregs vcpu_sregs(struct vcpu *vcpu)
{
	struct kvm_sregs sregs;

	must(ioctl(vcpu->fd, KVM_GET_SREGS, &sregs));
	return sregs;
}

/* Strings of a failed guest_expect() are constants of this program too, at the same addresses. */
static int guest_spoke(struct vcpu *vcpu)
{
	uint32_t op = *(uint32_t *)((uint8_t *)vcpu->run + vcpu->run->io.data_offset);
	struct kvm_regs regs = vcpu_regs(vcpu);

	switch (op) {
	case OP_SYNC:
		vcpu->sync = regs.rsi;
		return GUEST_SYNC;
	case OP_DONE:
		return GUEST_DONE;
	case OP_FAIL:
		fail_at((const char *)regs.rsi, (int)regs.rdi,
			"guest (vcpu %u): %s, got %#llx and %#llx",
			vcpu->id, (const char *)regs.r8, regs.r9, regs.r10);
	}
	fail("unknown word %#x from the guest at rip %#llx", op, regs.rip);
}

int vcpu_try_run(struct vcpu *vcpu)
{
	return ioctl(vcpu->fd, KVM_RUN, 0) < 0 ? -errno : 0;
}

static void nothing(int sig)
{
	(void)sig;
}

int vcpu_run_for(struct vcpu *vcpu, unsigned int ms)
{
	const struct sigaction action = { .sa_handler = nothing };
	/* Again and again, as the first may be over before KVM_RUN begins. */
	const struct itimerval often = { { .tv_usec = ms * 1000 }, { .tv_usec = ms * 1000 } };
	const struct itimerval never = { 0 };
	int r;

	must(sigaction(SIGALRM, &action, NULL));
	must(setitimer(ITIMER_REAL, &often, NULL));
	r = vcpu_try_run(vcpu);
	must(setitimer(ITIMER_REAL, &never, NULL));
	return r;
}

int vcpu_run(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	int r = vcpu_try_run(vcpu);

	if (r)
		fail("KVM_RUN of vcpu %u: %s", vcpu->id, strerror(-r));
	if (run->exit_reason == KVM_EXIT_IO && run->io.port == GUEST_PORT &&
	    run->io.direction == KVM_EXIT_IO_OUT && run->io.size == 4)
		return guest_spoke(vcpu);
	return run->exit_reason;
}

uint64_t kvm_stat(int fd, const char *name)
{
	int file = must(ioctl(fd, KVM_GET_STATS_FD, 0));
	struct kvm_stats_header head;
	uint64_t value;
	unsigned int i;
	char buf[256];

	expect_eq(pread(file, &head, sizeof(head), 0), sizeof(head));
	for (i = 0; i < head.num_desc; i++) {
		struct kvm_stats_desc *desc = (void *)buf;
		unsigned int size = sizeof(*desc) + head.name_size;

		expect_le(size, sizeof(buf));
		expect_eq(pread(file, buf, size, head.desc_offset + i * size), size);
		if (strcmp(desc->name, name))
			continue;
		expect_eq(pread(file, &value, 8, head.data_offset + desc->offset), 8);
		close(file);
		return value;
	}
	fail("there is no statistic %s", name);
}

static void *run_to_done(void *arg)
{
	struct vcpu *vcpu = arg;

	expect_exit(vcpu_run(vcpu), GUEST_DONE);
	return NULL;
}

void vcpu_run_async(struct vcpu *vcpu)
{
	expect_eq(pthread_create(&vcpu->thread, NULL, run_to_done, vcpu), 0);
}

void vcpu_join(struct vcpu *vcpu)
{
	expect_eq(pthread_join(vcpu->thread, NULL), 0);
}

const char *exit_name(int reason)
{
	static const char * const names[] = {
		[KVM_EXIT_UNKNOWN] = "UNKNOWN",
		[KVM_EXIT_IO] = "IO",
		[KVM_EXIT_DEBUG] = "DEBUG",
		[KVM_EXIT_HLT] = "HLT",
		[KVM_EXIT_MMIO] = "MMIO",
		[KVM_EXIT_IRQ_WINDOW_OPEN] = "IRQ_WINDOW_OPEN",
		[KVM_EXIT_SHUTDOWN] = "SHUTDOWN",
		[KVM_EXIT_FAIL_ENTRY] = "FAIL_ENTRY",
		[KVM_EXIT_INTR] = "INTR",
		[KVM_EXIT_INTERNAL_ERROR] = "INTERNAL_ERROR",
		[KVM_EXIT_SYSTEM_EVENT] = "SYSTEM_EVENT",
		[KVM_EXIT_IOAPIC_EOI] = "IOAPIC_EOI",
		[KVM_EXIT_X86_RDMSR] = "X86_RDMSR",
		[KVM_EXIT_X86_WRMSR] = "X86_WRMSR",
	};
	static __thread char number[2][16];
	static __thread int turn;

	if (reason == GUEST_SYNC)
		return "guest_sync";
	if (reason == GUEST_DONE)
		return "guest_done";
	if (reason >= 0 && reason < (int)ARRAY_SIZE(names) && names[reason])
		return names[reason];
	turn = !turn;
	snprintf(number[turn], sizeof(number[turn]), "%d", reason);
	return number[turn];
}
