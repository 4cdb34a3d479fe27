/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A VM as a test sees it: low memory with the guest's code in it, more slots where the test wants
 * them, vCPUs.
 *
 * The guest runs the very functions of the test program. The program is linked at fixed addresses
 * inside the VM's low memory; creating a VM copies the whole program image there, and the guest's
 * page tables map addresses one to one. So &variable is the same number on both sides, and
 * in_guest(vm, &variable) is where the host finds the guest's copy.
 */
#ifndef SELFTEST_VM_H
#define SELFTEST_VM_H

#include <linux/kvm.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness.h"

#define LOW_MEM_SIZE	0x1000000UL	/* slot 0, from guest physical 0 */
#define REAL_CODE_GPA	0x1000UL	/* real-mode snippets start here */
#define TABLE_HEAP_GPA	0x800000UL	/* page tables of vm_map(), to the end of low memory */
#define SLOT_GPA	0x10000000UL	/* first address that tests use for slots of their own */
#define HOLE_GPA	0xd0000000UL	/* in the guest's page tables, in no slot */
#define MAX_VCPUS	8

/* What vcpu_run() gives when the guest spoke to the test rather than to hardware. */
enum { GUEST_SYNC = 0x10000, GUEST_DONE };

/* Options of vm_new(). */
enum {
	VM_IRQCHIP	= 1 << 0,	/* PIC, IOAPIC and local APICs in the kernel */
	VM_SPLIT	= 1 << 1,	/* local APICs in the kernel only */
	VM_PIT		= 1 << 2,
};

struct vm;

struct vcpu {
	struct vm *vm;
	int fd;
	unsigned int id;
	struct kvm_run *run;
	uint64_t sync;			/* the value of the last guest_sync() */
	pthread_t thread;
};

struct vm {
	int fd;
	uint8_t *mem;			/* low memory */
	uint64_t table_heap;
	unsigned int options;		/* VM_* */
	unsigned int next_slot;
	unsigned int nr_vcpus;
	struct vcpu vcpu[MAX_VCPUS];
	struct kvm_run *run;		/* of the first vCPU */
};

/* A new descriptor of /dev/kvm; skips the test when there is none. */
int kvm_open(void);
int kvm_cap(int cap);
int vcpu_mmap_size(void);
void require_cap(int cap, const char *name);
#define REQUIRE_CAP(cap)	require_cap(cap, #cap)

/* Is this an AMD processor, by what a guest's CPUID may say? */
int is_amd(void);

/* Does the processor run real mode in a guest by itself? */
int is_unrestricted(void);

/* Nothing but the descriptor: no memory, no vCPU. */
int vm_bare(void);

struct vm *vm_new(unsigned int options);
struct vm *vm_start(void (*guest)(void));
struct vm *vm_start_with(unsigned int options, void (*guest)(void));
struct vm *vm_start_real(const void *code, const void *end);
void vm_free(struct vm *vm);

int vm_set_slot(int vm, uint32_t slot, uint32_t flags, uint64_t gpa, uint64_t size, void *host);
void *vm_add_slot(struct vm *vm, uint64_t gpa, uint64_t size, uint32_t flags);
void *anon_memory(uint64_t size);

#define in_guest(vm, ptr)	((__typeof__(ptr))((vm)->mem + (uintptr_t)(ptr)))

/*
 * A vCPU as the kernel made it; one in 64-bit mode about to call @guest; one in real mode at
 * REAL_CODE_GPA.
 */
struct vcpu *vcpu_new(struct vm *vm, unsigned int id);
struct vcpu *vcpu_start(struct vm *vm, unsigned int id, void (*guest)(void));
void vcpu_set_long_mode(struct vcpu *vcpu, void (*guest)(void));
void vcpu_set_real_mode(struct vcpu *vcpu, uint64_t ip);

/*
 * One KVM_RUN that must succeed; an exit reason, or GUEST_*. A failed guest_expect() fails the test
 * here.
 */
int vcpu_run(struct vcpu *vcpu);
/* One KVM_RUN; 0 or -errno. */
int vcpu_try_run(struct vcpu *vcpu);
/* The same, which a signal ends after @ms: -EINTR. */
int vcpu_run_for(struct vcpu *vcpu, unsigned int ms);
#define vm_run(vm)		vcpu_run(&(vm)->vcpu[0])

/* Run on a thread of its own until GUEST_DONE; any other exit fails the test. */
void vcpu_run_async(struct vcpu *vcpu);
void vcpu_join(struct vcpu *vcpu);

const char *exit_name(int reason);
#define expect_exit(run, reason)						\
	do {									\
		int r_ = (run);							\
		if (r_ != (reason))						\
			fail("%s: exit %s, expected %s", #run, exit_name(r_),	\
			     exit_name(reason));				\
	} while (0)

struct kvm_regs vcpu_regs(struct vcpu *vcpu);
struct kvm_sregs vcpu_sregs(struct vcpu *vcpu);
void vcpu_set_regs(struct vcpu *vcpu, const struct kvm_regs *regs);
struct kvm_cpuid2 *supported_cpuid(void);
struct kvm_cpuid_entry2 *cpuid_find(struct kvm_cpuid2 *list, uint32_t leaf, uint32_t index);

/* One MSR from outside; 1 when the kernel took it, 0 when it did not. */
int vcpu_get_msr(struct vcpu *vcpu, uint32_t index, uint64_t *value);
int vcpu_set_msr(struct vcpu *vcpu, uint32_t index, uint64_t value);

/* One statistic by its name, of a VM or of a vCPU: the first value it has. */
uint64_t kvm_stat(int fd, const char *name);

/* The guest's page tables, changed from outside while no vCPU runs. @flags are PTE_* bits. */
void vm_map(struct vm *vm, uint64_t va, uint64_t gpa, uint64_t flags);
uint64_t *vm_pte(struct vm *vm, uint64_t va);

/* Bytes of a program for real mode: `extern const char name[], name_end[]` in read-only data. */
#define REAL_CODE(name, text)							\
	extern const char name[], name##_end[];					\
	asm(".pushsection .rodata\n.code16\n" #name ":\n" text "\n"		\
	    #name "_end:\n.code64\n.popsection")

#endif
