/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What tests of system management mode share: SMRAM, handlers, and running to where they stop.
 *
 * The handlers are bytes of real mode at SMBASE + 8000h. They stop at a port, and what there is to
 * be done or looked at in SMM the test does from outside. Address space 1 is all of low memory, as
 * it is in address space 0, and SMRAM, which is nowhere else.
 */
#ifndef SELFTEST_SMM_H
#define SELFTEST_SMM_H

#include "irq.h"

#define SMRAM_GPA	0x20000000UL	/* in address space 1 */
#define SMRAM_SIZE	(4 * SZ_64K)	/* one for each vCPU */
#define SMRAM_SLOT	(1U << 16 | 1)
#define ALIAS_SLOT	(1U << 16)
#define HANDLER		0x8000UL
#define MSR_SMBASE	0x9e
#define MSR_SMI_COUNT	0x34

#define OUTSIDE		0x71	/* the port at which the guest stops */
#define INSIDE		0x72	/* ... and its SMI handler */

/* The AMD64 map, counted from SMBASE: 1 when the SMI came in HLT. */
#define WIDE_HALT	0xfec9

/* outb %al, $INSIDE; rsm */
static const uint8_t stopping_handler[] __attribute__((unused)) = { 0xe6, INSIDE, 0x0f, 0xaa };

static uint8_t *smram;

/* A VM with SMRAM in it, and a handler for each vCPU that may come. */
static inline void add_smram(struct vm *vm, const void *handler, unsigned int size,
			     uint32_t flags)
{
	unsigned int i;

	REQUIRE_CAP(KVM_CAP_X86_SMM);
	expect_eq(ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_MULTI_ADDRESS_SPACE), 2);
	smram = anon_memory(SMRAM_SIZE);
	for (i = 0; i < SMRAM_SIZE / SZ_64K; i++)
		memcpy(smram + i * SZ_64K + HANDLER, handler, size);
	must(vm_set_slot(vm->fd, ALIAS_SLOT, 0, 0, LOW_MEM_SIZE, vm->mem));
	must(vm_set_slot(vm->fd, SMRAM_SLOT, flags, SMRAM_GPA, SMRAM_SIZE, smram));
}

static inline void move_smbase(struct vcpu *vcpu)
{
	expect_eq(vcpu_set_msr(vcpu, MSR_SMBASE, SMRAM_GPA + vcpu->id * SZ_64K), 1);
}

static inline struct vm *smm_vm(unsigned int options, void (*guest)(void))
{
	struct vm *vm = vm_start_with(options, guest);

	add_smram(vm, stopping_handler, sizeof(stopping_handler), 0);
	move_smbase(&vm->vcpu[0]);
	return vm;
}

static inline void send_smi(struct vcpu *vcpu)
{
	must(ioctl(vcpu->fd, KVM_SMI, 0));
}

/* Run to one of the two ports; the flag in kvm_run must say which side that is. */
static inline void run_to(struct vcpu *vcpu, uint16_t port)
{
	expect_exit(vcpu_run(vcpu), KVM_EXIT_IO);
	expect_eq(vcpu->run->io.port, port);
	expect_eq(!!(vcpu->run->flags & KVM_RUN_X86_SMM), port == INSIDE);
}

static inline struct kvm_vcpu_events events_of(struct vcpu *vcpu)
{
	struct kvm_vcpu_events e;

	must(ioctl(vcpu->fd, KVM_GET_VCPU_EVENTS, &e));
	expect(e.flags & KVM_VCPUEVENT_VALID_SMM);
	return e;
}

static inline uint32_t mp_state(struct vcpu *vcpu)
{
	struct kvm_mp_state mp;

	must(ioctl(vcpu->fd, KVM_GET_MP_STATE, &mp));
	return mp.mp_state;
}

static inline void guest_outside(void)
{
	asm volatile("outb %%al, %0" : : "i"(OUTSIDE) : "memory");
}

/* Shows a byte of SMRAM and overwrites it: mov %cs:0x10, %al; out; movb $0x77, %cs:0x10; rsm. */
static const uint8_t peeking_handler[] __attribute__((unused)) = {
	0x2e, 0xa0, 0x10, 0x00, 0xe6, INSIDE, 0x2e, 0xc6, 0x06, 0x10, 0x00, 0x77, 0x0f, 0xaa,
};

static inline void guest_peeks(void)
{
	for (;;)
		asm volatile("outb %%al, %0" : : "i"(OUTSIDE), "a"(read8(SMRAM_GPA + 0x10)));
}

static inline uint8_t out_byte(struct vcpu *vcpu)
{
	return *((uint8_t *)vcpu->run + vcpu->run->io.data_offset);
}

#endif
