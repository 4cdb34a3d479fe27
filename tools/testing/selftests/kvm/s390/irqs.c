// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts: kinds, masks, order, and what a wrong one is answered with.
 */
#include <pthread.h>
#include <sys/eventfd.h>

#include "s390.h"

static uint16_t ext_code(struct s390_vm *vm)
{
	return *(uint16_t *)(vm->mem + LC_EXT_CODE);
}

/* All external subclasses and all of I/O, then an enabled wait. */
INSNS(enabled,
	"larl %r1,1f; lctlg %c0,%c0,0(%r1); lctlg %c6,%c6,8(%r1); lpswe 16(%r1)\n"
	".balign 8; 1: .quad 0x6200; .quad 0xff000000; .quad 0x0302000180000000,0x4444");

TEST(emergency_before_call_before_service)
{
	struct s390_vm *vm = s390_vm_of(enabled);

	must(s390_irq_floating(vm, KVM_S390_INT_SERVICE, 0x1000, 0));
	must(s390_irq_local(vm, KVM_S390_INT_EXTERNAL_CALL, 0));
	must(s390_irq_local(vm, KVM_S390_INT_EMERGENCY, 0));
	s390_expect_wait(vm, WAIT_OF(LC_EXT_NEW));
	expect_eq(ext_code(vm), 0x1201);
	vm->run->psw_mask = PSW_64 | PSW_WAIT | PSW_EXTERNAL;
	s390_expect_wait(vm, WAIT_OF(LC_EXT_NEW));
	expect_eq(ext_code(vm), 0x1202);
	vm->run->psw_mask = PSW_64 | PSW_WAIT | PSW_EXTERNAL;
	s390_expect_wait(vm, WAIT_OF(LC_EXT_NEW));
	expect_eq(ext_code(vm), 0x2401);
	expect_eq(*(uint32_t *)(vm->mem + LC_EXT_PARAMETER), 0x1000);
}

/* Disabled at first; the guest opens its masks one after the other. */
INSNS(windows,
	"larl %r1,1f; stosm 32(%r1),1; lctlg %c0,%c0,0(%r1); " S390_END "\n"
	".balign 8; 1: .quad 0x200; .quad 0,0,0,0");

TEST(windows_of_psw_and_control_register)
{
	struct s390_vm *vm = s390_vm_of(windows);

	must(s390_irq_floating(vm, KVM_S390_INT_SERVICE, 0x1000, 0));
	s390_expect_wait(vm, WAIT_OF(LC_EXT_NEW));
	expect_eq(ext_code(vm), 0x2401);
	/* behind the load of the register: 6 bytes of larl, 4 of stosm, 6 of lctlg */
	expect_eq(*s390_word(vm, LC_EXT_OLD + 8), CODE_AT + 16);
}

TEST(io_interrupt)
{
	struct s390_vm *vm = s390_vm_of(enabled);

	must(s390_irq_floating(vm, KVM_S390_INT_IO(0, 0, 0, 5), 0x00010005, 0x1234567830000000));
	must(s390_irq_floating(vm, KVM_S390_INT_IO(0, 0, 0, 6), 0x00010006, 0x1111111108000000));
	s390_expect_wait(vm, WAIT_OF(LC_IO_NEW));
	expect_eq(*(uint32_t *)(vm->mem + 0xb8), 0x00010006);	/* subclass 1 before 6 */
	expect_eq(*(uint32_t *)(vm->mem + 0xbc), 0x11111111);
	expect_eq(*(uint32_t *)(vm->mem + 0xc0), 0x08000000);
	vm->run->psw_mask = PSW_64 | PSW_WAIT | 0x0200000000000000;
	s390_expect_wait(vm, WAIT_OF(LC_IO_NEW));
	expect_eq(*(uint32_t *)(vm->mem + 0xb8), 0x00010005);
}

INSNS(plain, "lghi %r1,1; " S390_END);

TEST(program_interrupt)
{
	struct s390_vm *vm = s390_vm_of(plain);

	must(s390_irq_local(vm, KVM_S390_PROGRAM_INT, 0x13));
	s390_expect_wait(vm, WAIT_OF(LC_PGM_NEW));
	expect_eq(*(uint16_t *)(vm->mem + LC_PGM_CODE), 0x13);
	expect_eq(*s390_word(vm, LC_PGM_OLD + 8), CODE_AT);
}

TEST(restart_interrupt)
{
	struct s390_vm *vm = s390_vm_of(plain);

	must(s390_irq_local(vm, KVM_S390_RESTART, 0));
	s390_expect_wait(vm, WAIT_OF(LC_RESTART_NEW));
	expect_eq(*s390_word(vm, LC_RESTART_OLD + 8), CODE_AT);
}

INSNS(forever, "1: j 1b");

static void *stop_soon(void *vm)
{
	usleep(200000);
	must(s390_irq_local(vm, KVM_S390_SIGP_STOP, 0));
	return NULL;
}

/* A CPU that runs is got out of its guest, and user space is told. */
TEST(stop_while_running)
{
	struct s390_vm *vm = s390_vm_of(forever);
	pthread_t thread;

	expect_eq(pthread_create(&thread, NULL, stop_soon, vm), 0);
	s390_expect_icpt(vm, ICPT_STOP);
	pthread_join(thread, NULL);
	expect_eq(vm->run->psw_addr, CODE_AT);
	expect_eq(s390_mp_state(vm), KVM_MP_STATE_STOPPED);
}

static void *call_soon(void *vm)
{
	usleep(200000);
	must(s390_irq_local(vm, KVM_S390_INT_EMERGENCY, 0));
	return NULL;
}

/* A CPU that waits is woken. */
TEST(interrupt_ends_a_wait)
{
	struct s390_vm *vm = s390_vm_of(enabled);
	pthread_t thread;

	expect_eq(pthread_create(&thread, NULL, call_soon, vm), 0);
	s390_expect_wait(vm, WAIT_OF(LC_EXT_NEW));
	pthread_join(thread, NULL);
	expect_eq(ext_code(vm), 0x1201);
	expect_eq(*s390_word(vm, LC_EXT_OLD + 8), 0x4444);
}

/* The CPU timer runs down in a wait. */
INSNS(timer,
	"larl %r1,1f; spt 24(%r1); lctlg %c0,%c0,0(%r1); lpswe 8(%r1)\n"
	".balign 8; 1: .quad 0x400; .quad 0x0102000180000000,0x5555; .quad 0x8000000");

TEST(cpu_timer_in_a_wait)
{
	struct s390_vm *vm = s390_vm_of(timer);

	s390_expect_wait(vm, WAIT_OF(LC_EXT_NEW));
	expect_eq(ext_code(vm), 0x1005);
}

TEST(wrong_ones)
{
	struct s390_vm *vm = s390_vm_of(plain);
	struct kvm_s390_irq irq = { .type = KVM_S390_SIGP_STOP, .u.stop.flags = 2 };

	expect_errno(s390_irq_local(vm, KVM_S390_INT_SERVICE, 0), EINVAL);
	expect_errno(s390_irq_local(vm, 0xfffefffe, 0), EINVAL);
	expect_errno(s390_irq_floating(vm, KVM_S390_RESTART, 0, 0), EINVAL);
	expect_errno(ioctl(vm->cpu, KVM_S390_IRQ, &irq), EINVAL);
	expect_errno(s390_irq_local(vm, KVM_S390_INT_EXTERNAL_CALL, 0x10000), EINVAL);
	expect_errno(s390_irq_local(vm, KVM_S390_INT_EXTERNAL_CALL, 7), EINVAL);
	expect_errno(s390_irq_local(vm, KVM_S390_INT_EMERGENCY, 7), EINVAL);
	must(s390_irq_local(vm, KVM_S390_INT_EXTERNAL_CALL, 0));
	expect_errno(s390_irq_local(vm, KVM_S390_INT_EXTERNAL_CALL, 0), EBUSY);
	s390_expect_icpt(vm, ICPT_INSTRUCTION);		/* none of it has happened */
	expect_errno(s390_irq_local(vm, KVM_S390_SIGP_SET_PREFIX, 0x4000), EBUSY);
}

/*
 * The state of one CPU's interrupts, and the controller of the floating ones.
 */

static long irq_state(struct s390_vm *vm, unsigned long request, void *buf, uint32_t len)
{
	struct kvm_s390_irq_state state = { .buf = (uintptr_t)buf, .len = len };

	return ioctl(vm->cpu, request, &state);
}

TEST(irq_state_roundtrip)
{
	struct s390_vm *vm = s390_vm_of(plain), *to;
	struct kvm_s390_irq irqs[8];
	long size;

	expect_eq(irq_state(vm, KVM_S390_GET_IRQ_STATE, irqs, sizeof(irqs)), 0);
	must(s390_irq_local(vm, KVM_S390_INT_EMERGENCY, 0));
	must(s390_irq_local(vm, KVM_S390_INT_EXTERNAL_CALL, 0));
	must(s390_irq_local(vm, KVM_S390_PROGRAM_INT, 0x13));
	size = irq_state(vm, KVM_S390_GET_IRQ_STATE, irqs, sizeof(irqs));
	expect_eq(size, 3 * sizeof(irqs[0]));
	expect_errno(irq_state(vm, KVM_S390_GET_IRQ_STATE, irqs, sizeof(irqs[0])), ENOBUFS);
	expect_errno(irq_state(vm, KVM_S390_GET_IRQ_STATE, irqs, 0), EINVAL);
	expect_errno(irq_state(vm, KVM_S390_GET_IRQ_STATE, NULL, sizeof(irqs)), EFAULT);

	to = s390_vm_of(plain);
	expect_errno(irq_state(to, KVM_S390_SET_IRQ_STATE, irqs, 0), EINVAL);
	expect_errno(irq_state(to, KVM_S390_SET_IRQ_STATE, irqs, size - 1), EINVAL);
	expect_errno(irq_state(to, KVM_S390_SET_IRQ_STATE, irqs, 1000 * sizeof(irqs[0])), EINVAL);
	expect_eq(irq_state(to, KVM_S390_SET_IRQ_STATE, irqs, size), 0);
	expect_errno(irq_state(to, KVM_S390_SET_IRQ_STATE, irqs, size), EBUSY);
	s390_expect_wait(to, WAIT_OF(LC_PGM_NEW));
	expect_eq(*(uint16_t *)(to->mem + LC_PGM_CODE), 0x13);
	expect_eq(irq_state(to, KVM_S390_GET_IRQ_STATE, irqs, sizeof(irqs)), 2 * sizeof(irqs[0]));
}

TEST(flic_lists_and_clears)
{
	struct s390_vm *vm = s390_vm_of(plain);
	struct kvm_s390_irq irqs[4], service = {
		.type = KVM_S390_INT_SERVICE, .u.ext.ext_params = 0x2000,
	};
	int flic = s390_flic(vm);
	uint32_t schid = 0x00010005;

	must(s390_attr(flic, KVM_SET_DEVICE_ATTR, KVM_DEV_FLIC_ENQUEUE, sizeof(service), &service));
	must(s390_irq_floating(vm, KVM_S390_INT_IO(0, 0, 0, 5), schid, 0x1234567830000000));
	expect_eq(s390_attr(flic, KVM_GET_DEVICE_ATTR, KVM_DEV_FLIC_GET_ALL_IRQS, sizeof(irqs),
			    irqs), 2);
	expect_errno(s390_attr(flic, KVM_GET_DEVICE_ATTR, KVM_DEV_FLIC_GET_ALL_IRQS,
			       sizeof(irqs[0]), irqs), ENOMEM);
	must(s390_attr(flic, KVM_SET_DEVICE_ATTR, KVM_DEV_FLIC_CLEAR_IO_IRQ, sizeof(schid),
		       &schid));
	expect_eq(s390_attr(flic, KVM_GET_DEVICE_ATTR, KVM_DEV_FLIC_GET_ALL_IRQS, sizeof(irqs),
			    irqs), 1);
	expect_eq(irqs[0].type, KVM_S390_INT_SERVICE);
	expect_eq(irqs[0].u.ext.ext_params, 0x2000);
	must(s390_attr(flic, KVM_SET_DEVICE_ATTR, KVM_DEV_FLIC_CLEAR_IRQS, 0, NULL));
	expect_eq(s390_attr(flic, KVM_GET_DEVICE_ATTR, KVM_DEV_FLIC_GET_ALL_IRQS, sizeof(irqs),
			    irqs), 0);
	schid = 0;
	expect_errno(s390_attr(flic, KVM_SET_DEVICE_ATTR, KVM_DEV_FLIC_CLEAR_IO_IRQ, sizeof(schid),
			       &schid), EINVAL);
	expect_errno(s390_attr(flic, KVM_SET_DEVICE_ATTR, KVM_DEV_FLIC_ENQUEUE, 5, &service),
		     EINVAL);
	expect_errno(s390_attr(flic, KVM_SET_DEVICE_ATTR, 99, 0, NULL), EINVAL);
	expect_errno(s390_attr(flic, KVM_HAS_DEVICE_ATTR, 99, 0, NULL), ENXIO);
}

TEST(flic_adapter)
{
	struct s390_vm *vm = s390_vm_of(enabled);
	struct kvm_s390_io_adapter adapter = { .id = 3, .isc = 2, .maskable = 1 };
	int flic = s390_flic(vm);

	expect_errno(s390_attr(flic, KVM_SET_DEVICE_ATTR, KVM_DEV_FLIC_AIRQ_INJECT, 3, NULL),
		     EINVAL);
	must(s390_attr(flic, KVM_SET_DEVICE_ATTR, KVM_DEV_FLIC_ADAPTER_REGISTER, sizeof(adapter),
		       &adapter));
	expect_errno(s390_attr(flic, KVM_SET_DEVICE_ATTR, KVM_DEV_FLIC_ADAPTER_REGISTER,
			       sizeof(adapter), &adapter), EINVAL);
	must(s390_attr(flic, KVM_SET_DEVICE_ATTR, KVM_DEV_FLIC_AIRQ_INJECT, 3, NULL));
	s390_expect_wait(vm, WAIT_OF(LC_IO_NEW));
	expect_eq(*(uint32_t *)(vm->mem + 0xc0), 0x90000000);
}

TEST(one_flic)
{
	struct kvm_create_device args = { .type = KVM_DEV_TYPE_FLIC };
	struct s390_vm *vm = s390_vm_of(plain);

	s390_flic(vm);
	expect_errno(ioctl(vm->fd, KVM_CREATE_DEVICE, &args), EINVAL);
}

/*
 * An eventfd that is an adapter's interrupt: bits in guest storage, then the interrupt; none while
 * the summary bit is set still.
 */
TEST(irqfd_by_adapter)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_S390_IRQCHIP };
	struct kvm_s390_io_adapter adapter = { .id = 3, .isc = 2, .swap = 1 };
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry entry;
	} routing = {
		.head.nr = 1,
		.entry = {
			.gsi = 7,
			.type = KVM_IRQ_ROUTING_S390_ADAPTER,
			.u.adapter = {
				.ind_addr = DATA_AT, .ind_offset = 65,
				.summary_addr = DATA_AT + 0x1000, .summary_offset = 2,
				.adapter_id = 3,
			},
		},
	};
	struct kvm_irqfd irqfd = { .gsi = 7 };
	struct s390_vm *vm = s390_vm_of(enabled);
	int flic = s390_flic(vm), fd = must(eventfd(0, 0));
	uint64_t one = 1, end;

	irqfd.fd = fd;
	expect_errno(ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0), EINVAL);
	must(ioctl(vm->fd, KVM_ENABLE_CAP, &cap));
	must(ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0));
	must(s390_attr(flic, KVM_SET_DEVICE_ATTR, KVM_DEV_FLIC_ADAPTER_REGISTER, sizeof(adapter),
		       &adapter));
	must(ioctl(vm->fd, KVM_SET_GSI_ROUTING, &routing));
	must(ioctl(vm->fd, KVM_IRQFD, &irqfd));
	expect_eq(write(fd, &one, sizeof(one)), sizeof(one));
	s390_expect_wait(vm, WAIT_OF(LC_IO_NEW));
	expect_eq(*(uint32_t *)(vm->mem + 0xc0), 0x90000000);
	expect_eq(*s390_word(vm, DATA_AT), 0);
	expect_eq(*s390_word(vm, DATA_AT + 8), 1UL << 62);
	expect_eq(*s390_word(vm, DATA_AT + 0x1000), 1UL << 61);
	/* the summary is set still: the indicator comes, and no interrupt */
	*s390_word(vm, DATA_AT + 8) = 0;
	expect_eq(write(fd, &one, sizeof(one)), sizeof(one));
	end = now_ms() + 5000;
	while (!*(volatile uint64_t *)s390_word(vm, DATA_AT + 8) && now_ms() < end)
		usleep(1000);
	expect_eq(*s390_word(vm, DATA_AT + 8), 1UL << 62);
	usleep(100000);
	expect_eq(s390_attr(flic, KVM_GET_DEVICE_ATTR, KVM_DEV_FLIC_GET_ALL_IRQS, 72, &routing), 0);
}
