// SPDX-License-Identifier: GPL-2.0-only
/*
 * Classes of interruption: which of several that are pending comes first (Principles of Operation
 * 6, "Priority of Interruptions"), which subclass masks let it in, and what it leaves in storage.
 */
#include <pthread.h>

#include "s390.h"

#define PSW_OPEN	(PSW_64 | PSW_EXTERNAL | PSW_IO | PSW_MCHECK)

/* Subclass masks. */
#define CR0_EXTERNAL	0x6e00UL	/* emergency, call, clock comparator, CPU timer, service */
#define CR6_ALL		0xff000000UL
#define CR14_CHANNEL	0x10000000UL	/* channel report pending */
#define CR14_WARNING	0x01000000UL

#define MCIC_CHANNEL	0x00400f1d40330000UL
#define MCIC_WARNING	0x00800f1d40330000UL

INSNS(nothing, "diag %r0,%r0,0x777");

static void set_masks(struct s390_vm *vm, uint64_t cr0, uint64_t cr6, uint64_t cr14)
{
	struct kvm_sregs sregs;

	must(ioctl(vm->cpu, KVM_GET_SREGS, &sregs));
	sregs.crs[0] = cr0;
	sregs.crs[6] = cr6;
	sregs.crs[14] = cr14;
	must(ioctl(vm->cpu, KVM_SET_SREGS, &sregs));
}

static void set_timer(struct s390_vm *vm, uint64_t id, uint64_t value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)&value };

	must(ioctl(vm->cpu, KVM_SET_ONE_REG, &reg));
}

static struct s390_vm *quiet_timers(struct s390_vm *vm)
{
	set_timer(vm, KVM_REG_S390_CLOCK_COMP, -1UL);
	set_timer(vm, KVM_REG_S390_CPU_TIMER, 1UL << 60);
	return vm;
}

/* One KVM_RUN with this PSW mask at the instructions, which ends in the wait of a class. */
static void start(struct s390_vm *vm, uint64_t mask, uint64_t new)
{
	vm->run->psw_mask = mask;
	vm->run->psw_addr = CODE_AT;
	s390_expect_wait(vm, WAIT_OF(new));
}

/* The same, which ends at the instruction: nothing came. */
static void start_undisturbed(struct s390_vm *vm, uint64_t mask)
{
	vm->run->psw_mask = mask;
	vm->run->psw_addr = CODE_AT;
	s390_expect_icpt(vm, ICPT_INSTRUCTION);
}

static int local(struct s390_vm *vm, struct kvm_s390_irq irq)
{
	return ioctl(vm->cpu, KVM_S390_IRQ, &irq);
}

#define LOCAL(vm, ...)	local(vm, (struct kvm_s390_irq){ __VA_ARGS__ })

static uint16_t ext_code(struct s390_vm *vm)
{
	return *(uint16_t *)(vm->mem + LC_EXT_CODE);
}

static uint32_t word32(struct s390_vm *vm, uint64_t at)
{
	return *(uint32_t *)(vm->mem + at);
}

/*
 * Order.
 */

/*
 * Each new PSW lets the classes behind it in, so that all come before an instruction is executed,
 * and each old PSW names the class before.
 */
TEST(order_of_classes)
{
	struct s390_vm *vm = s390_vm_of(nothing);

	set_masks(vm, CR0_EXTERNAL, CR6_ALL, CR14_CHANNEL);
	*s390_word(vm, LC_PGM_NEW) = PSW_OPEN | PSW_WAIT;
	*s390_word(vm, LC_MCHK_NEW) = PSW_64 | PSW_EXTERNAL | PSW_IO | PSW_WAIT;
	*s390_word(vm, LC_EXT_NEW) = PSW_64 | PSW_IO | PSW_WAIT;
	must(LOCAL(vm, .type = KVM_S390_RESTART));
	must(s390_irq_floating(vm, KVM_S390_INT_IO(0, 0, 0, 5), 5, 0x30000000));
	must(LOCAL(vm, .type = KVM_S390_INT_EMERGENCY));
	must(s390_irq_floating(vm, KVM_S390_MCHK, CR14_CHANNEL, MCIC_CHANNEL));
	must(LOCAL(vm, .type = KVM_S390_PROGRAM_INT, .u.pgm.code = 0x13));
	start(vm, PSW_OPEN, LC_RESTART_NEW);
	expect_eq(*s390_word(vm, LC_PGM_OLD + 8), CODE_AT);
	expect_eq(*s390_word(vm, LC_MCHK_OLD + 8), WAIT_OF(LC_PGM_NEW));
	expect_eq(*s390_word(vm, LC_EXT_OLD + 8), WAIT_OF(LC_MCHK_NEW));
	expect_eq(*s390_word(vm, LC_IO_OLD + 8), WAIT_OF(LC_EXT_NEW));
	expect_eq(*s390_word(vm, LC_RESTART_OLD + 8), WAIT_OF(LC_IO_NEW));
}

/* What the new PSW of the one before does not let in, waits. */
TEST(disabled_by_the_one_before)
{
	struct s390_vm *vm = quiet_timers(s390_vm_of(nothing));

	set_masks(vm, CR0_EXTERNAL, CR6_ALL, CR14_CHANNEL);
	must(s390_irq_floating(vm, KVM_S390_INT_IO(0, 0, 0, 5), 5, 0x30000000));
	must(LOCAL(vm, .type = KVM_S390_INT_EMERGENCY));
	must(s390_irq_floating(vm, KVM_S390_MCHK, CR14_CHANNEL, MCIC_CHANNEL));
	start(vm, PSW_OPEN, LC_MCHK_NEW);
	start(vm, PSW_OPEN, LC_EXT_NEW);
	start(vm, PSW_OPEN, LC_IO_NEW);
	start_undisturbed(vm, PSW_OPEN);
}

TEST(order_of_external)
{
	struct s390_vm *vm = s390_vm_of(nothing);

	must(ioctl(vm->fd, KVM_CREATE_VCPU, 1));
	set_masks(vm, CR0_EXTERNAL, 0, 0);
	must(s390_irq_floating(vm, KVM_S390_INT_SERVICE, 0x1000, 0));
	set_timer(vm, KVM_REG_S390_CPU_TIMER, -1UL);
	set_timer(vm, KVM_REG_S390_CLOCK_COMP, 0);
	must(LOCAL(vm, .type = KVM_S390_INT_EXTERNAL_CALL, .u.extcall.code = 1));
	must(LOCAL(vm, .type = KVM_S390_INT_EMERGENCY, .u.emerg.code = 1));
	must(LOCAL(vm, .type = KVM_S390_INT_EMERGENCY, .u.emerg.code = 0));
	start(vm, PSW_OPEN, LC_EXT_NEW);
	expect_eq(word32(vm, 0x84), 0x00001201);	/* of each sender one, by its address */
	start(vm, PSW_OPEN, LC_EXT_NEW);
	expect_eq(word32(vm, 0x84), 0x00011201);
	start(vm, PSW_OPEN, LC_EXT_NEW);
	expect_eq(word32(vm, 0x84), 0x00011202);
	start(vm, PSW_OPEN, LC_EXT_NEW);
	expect_eq(ext_code(vm), 0x1004);
	/* a comparator that is past stays so until it is set */
	start(vm, PSW_OPEN, LC_EXT_NEW);
	expect_eq(ext_code(vm), 0x1004);
	set_timer(vm, KVM_REG_S390_CLOCK_COMP, -1UL);
	start(vm, PSW_OPEN, LC_EXT_NEW);
	expect_eq(ext_code(vm), 0x1005);
	set_timer(vm, KVM_REG_S390_CPU_TIMER, 1UL << 60);
	start(vm, PSW_OPEN, LC_EXT_NEW);
	expect_eq(ext_code(vm), 0x2401);
	start_undisturbed(vm, PSW_OPEN);
}

/* Each external subclass by its own bit of control register 0, and by no other. */
TEST(external_masks)
{
	static const struct {
		uint32_t type;
		uint16_t code;
		uint64_t mask;
	} kinds[] = {
		{ KVM_S390_INT_EMERGENCY, 0x1201, 0x4000 },
		{ KVM_S390_INT_EXTERNAL_CALL, 0x1202, 0x2000 },
		{ KVM_S390_INT_CLOCK_COMP, 0x1004, 0x0800 },
		{ KVM_S390_INT_CPU_TIMER, 0x1005, 0x0400 },
	};
	struct s390_vm *vm = quiet_timers(s390_vm_of(nothing));
	/* The kernel's own delivers those of the timers only while the timers are due. */
	unsigned int i, n = distro_modules() ? 2 : ARRAY_SIZE(kinds);

	for (i = 0; i < n; i++) {
		must(LOCAL(vm, .type = kinds[i].type));
		set_masks(vm, CR0_EXTERNAL & ~kinds[i].mask, CR6_ALL, 0);
		start_undisturbed(vm, PSW_OPEN);
		set_masks(vm, kinds[i].mask, 0, 0);
		start_undisturbed(vm, PSW_64 | PSW_IO | PSW_MCHECK);
		start(vm, PSW_OPEN, LC_EXT_NEW);
		expect_eq(ext_code(vm), kinds[i].code);
		start_undisturbed(vm, PSW_OPEN);
	}
}

TEST(virtio_parameters)
{
	struct s390_vm *vm = s390_vm_of(nothing);

	set_masks(vm, 0x200, 0, 0);
	must(s390_irq_floating(vm, KVM_S390_INT_VIRTIO, 0x11, 0x1122334455667788));
	must(s390_irq_floating(vm, KVM_S390_INT_VIRTIO, 0x12, 0));
	start(vm, PSW_OPEN, LC_EXT_NEW);
	expect_eq(word32(vm, 0x84), 0x0d002603);
	expect_eq(word32(vm, LC_EXT_PARAMETER), 0x11);
	expect_eq(*s390_word(vm, 0x11b8), 0x1122334455667788);
	start(vm, PSW_OPEN, LC_EXT_NEW);
	expect_eq(word32(vm, LC_EXT_PARAMETER), 0x12);
	start_undisturbed(vm, PSW_OPEN);
}

/*
 * I/O.
 */

static void io(struct s390_vm *vm, unsigned int isc, uint16_t nr)
{
	must(s390_irq_floating(vm, KVM_S390_INT_IO(0, 0, 0, nr), 0x10000 | nr, (uint64_t)isc << 27));
}

TEST(io_subclasses)
{
	struct s390_vm *vm = s390_vm_of(nothing);
	unsigned int isc;

	for (isc = 8; isc--;)
		io(vm, isc, isc);
	io(vm, 3, 100);
	set_masks(vm, 0, 0, 0);
	start_undisturbed(vm, PSW_OPEN);
	set_masks(vm, 0, 0x10000000, 0);
	start_undisturbed(vm, PSW_64 | PSW_EXTERNAL);
	start(vm, PSW_OPEN, LC_IO_NEW);
	expect_eq(word32(vm, 0xb8), 0x10003);
	start(vm, PSW_OPEN, LC_IO_NEW);
	expect_eq(word32(vm, 0xb8), 0x10064);		/* the younger of its subclass */
	start_undisturbed(vm, PSW_OPEN);
	set_masks(vm, 0, CR6_ALL, 0);
	for (isc = 0; isc < 8; isc++) {
		if (isc == 3)
			continue;
		start(vm, PSW_OPEN, LC_IO_NEW);
		expect_eq(word32(vm, 0xb8), 0x10000 | isc);
		expect_eq(word32(vm, 0xc0), isc << 27);
	}
	start_undisturbed(vm, PSW_OPEN);
}

/*
 * Machine checks.
 */

INSNS(loads_cr14,
	"larl %r1,1f; lctlg %c14,%c14,0(%r1); diag %r0,%r0,0x777\n"
	".balign 8; 1: .quad 0x01000000");

/*
 * The register save areas, from real location 0x1200 on. (A channel report is floating; the kernel's own
 * does not deliver one that was made pending for one CPU.)
 */
TEST(machine_check_saves)
{
	struct s390_vm *vm = s390_vm_of(loads_cr14);
	struct kvm_fpu fpu = { .fprs = { 0x1111, 0x2222 } };
	struct kvm_regs regs = { .gprs = { 5, 6, 7, [13] = 13, 14, 15 } };
	struct kvm_sregs sregs;

	must(ioctl(vm->cpu, KVM_GET_SREGS, &sregs));
	sregs.acrs[3] = 0xac3;
	must(ioctl(vm->cpu, KVM_SET_SREGS, &sregs));
	must(ioctl(vm->cpu, KVM_SET_FPU, &fpu));
	must(ioctl(vm->cpu, KVM_SET_REGS, &regs));
	set_timer(vm, KVM_REG_S390_CLOCK_COMP, 0x1234567800000000);
	must(LOCAL(vm, .type = KVM_S390_MCHK, .u.mchk = {
		.cr14 = CR14_WARNING, .mcic = MCIC_WARNING, .ext_damage_code = 0x11223344,
		.failing_storage_address = 0x5566,
	}));
	/* disabled by the PSW, then by the control register, which the guest loads */
	start_undisturbed(vm, PSW_64);
	must(ioctl(vm->cpu, KVM_SET_REGS, &regs));
	set_masks(vm, 0, 0, CR14_CHANNEL);
	start(vm, PSW_64 | PSW_MCHECK, LC_MCHK_NEW);
	expect_eq(*s390_word(vm, LC_MCHK_OLD + 8), CODE_AT + 12);
	expect_eq(*s390_word(vm, 0xe8), MCIC_WARNING);
	expect_eq(word32(vm, 0xf4), 0x11223344);
	expect_eq(*s390_word(vm, 0xf8), 0x5566);
	expect_eq(*s390_word(vm, 0x1200), 0x1111);
	expect_eq(*s390_word(vm, 0x1208), 0x2222);
	expect_eq(*s390_word(vm, 0x1280), 5);
	expect_eq(*s390_word(vm, 0x1290), 7);
	expect_eq(*s390_word(vm, 0x12f8), 15);
	expect_eq(*s390_word(vm, 0x1330) & ~0UL >> 8, 0x12345678000000);	/* 7 bytes, at 0x1331 */
	expect_eq(word32(vm, 0x134c), 0xac3);
	expect_eq(*s390_word(vm, 0x13f0), CR14_WARNING);
}

/* Several become one. */
TEST(machine_checks_together)
{
	struct s390_vm *vm = s390_vm_of(nothing);

	must(LOCAL(vm, .type = KVM_S390_MCHK, .u.mchk = { .cr14 = CR14_CHANNEL, .mcic = 1UL << 54 }));
	must(LOCAL(vm, .type = KVM_S390_MCHK, .u.mchk = { .cr14 = CR14_WARNING, .mcic = 1UL << 55 }));
	set_masks(vm, 0, 0, CR14_CHANNEL);
	start(vm, PSW_OPEN, LC_MCHK_NEW);
	expect_eq(*s390_word(vm, 0xe8), 3UL << 54);
	start_undisturbed(vm, PSW_OPEN);
}

/*
 * Stop and restart.
 */

TEST(stop_with_status)
{
	struct s390_vm *vm = s390_vm_of(nothing);
	struct kvm_regs regs = { .gprs = { [7] = 0x7777 } };

	start_undisturbed(vm, PSW_64);		/* so that it operates */
	must(ioctl(vm->cpu, KVM_SET_REGS, &regs));
	must(LOCAL(vm, .type = KVM_S390_SIGP_STOP,
		   .u.stop.flags = KVM_S390_STOP_FLAG_STORE_STATUS));
	expect_errno(LOCAL(vm, .type = KVM_S390_SIGP_STOP), EBUSY);
	vm->run->psw_addr = 0x4444;
	s390_expect_icpt(vm, ICPT_STOP);
	expect_eq(*s390_word(vm, 0x12b8), 0x7777);
	expect_eq(*s390_word(vm, 0x1308), 0x4444);
	expect_eq(s390_mp_state(vm), KVM_MP_STATE_STOPPED);
}

TEST(stop_without_status)
{
	struct s390_vm *vm = s390_vm_of(nothing);

	start_undisturbed(vm, PSW_64);
	*s390_word(vm, 0x1308) = 0x77;
	must(LOCAL(vm, .type = KVM_S390_SIGP_STOP));
	s390_expect_icpt(vm, ICPT_STOP);
	expect_eq(*s390_word(vm, 0x1308), 0x77);
	expect_eq(s390_mp_state(vm), KVM_MP_STATE_STOPPED);
}

/*
 * The prefix of a CPU that is stopped; what comes then goes into the new prefix area. The kernel's
 * own restarts the CPU first, though the prefix was the order of a CPU at rest.
 */
TEST(set_prefix_first)
{
	uint64_t prefix = distro_modules() ? 0 : 0x4000;
	struct kvm_mp_state state = { .mp_state = KVM_MP_STATE_STOPPED };
	struct s390_vm *vm = s390_vm_of(nothing);

	must(ioctl(vm->cpu, KVM_SET_MP_STATE, &state));
	must(LOCAL(vm, .type = KVM_S390_RESTART));
	must(LOCAL(vm, .type = KVM_S390_SIGP_SET_PREFIX, .u.prefix.address = 0x4000));
	*s390_word(vm, 0x4000 + LC_RESTART_NEW) = PSW_64 | PSW_WAIT;
	*s390_word(vm, 0x4000 + LC_RESTART_NEW + 8) = 0x5555;
	state.mp_state = KVM_MP_STATE_OPERATING;
	must(ioctl(vm->cpu, KVM_SET_MP_STATE, &state));
	s390_expect_wait(vm, prefix ? 0x5555 : WAIT_OF(LC_RESTART_NEW));
	expect_eq(*s390_word(vm, prefix + LC_RESTART_OLD + 8), CODE_AT);
}

/*
 * Limits and states.
 */

/* One more than a VM may have waiting. */
TEST_LIMIT(floating_limit, 120)
{
	struct s390_vm *vm = s390_vm_of(nothing);
	size_t size = (KVM_S390_MAX_FLOAT_IRQS + 1) * sizeof(struct kvm_s390_irq);
	struct kvm_s390_irq *irqs = mmap(NULL, size, PROT_READ | PROT_WRITE,
					 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int flic = s390_flic(vm);

	if (!access("/proc/self/fail-nth", F_OK))
		skip("a debug kernel's checkers take too long for so many");
	expect(irqs != MAP_FAILED);		/* all of type 0, I/O */
	must(s390_attr(flic, KVM_SET_DEVICE_ATTR, KVM_DEV_FLIC_ENQUEUE,
		       size - sizeof(*irqs), irqs));
	expect_errno(s390_attr(flic, KVM_SET_DEVICE_ATTR, KVM_DEV_FLIC_ENQUEUE, sizeof(*irqs),
			       irqs), EBUSY);
	expect_errno(s390_irq_floating(vm, KVM_S390_INT_IO(0, 0, 0, 5), 5, 0), EBUSY);
	/* All lists together; with the kernel's own each by itself. */
	if (!distro_modules())
		expect_errno(s390_irq_floating(vm, KVM_S390_INT_VIRTIO, 5, 0), EBUSY);
	must(s390_irq_floating(vm, KVM_S390_INT_SERVICE, 0x1000, 0));
	must(s390_attr(flic, KVM_SET_DEVICE_ATTR, KVM_DEV_FLIC_CLEAR_IRQS, 0, NULL));
	must(s390_irq_floating(vm, KVM_S390_INT_IO(0, 0, 0, 5), 5, 0));
}

static long state(struct s390_vm *vm, unsigned long request, void *buf, uint32_t len)
{
	struct kvm_s390_irq_state args = { .buf = (uintptr_t)buf, .len = len };

	return ioctl(vm->cpu, request, &args);
}

/* A bad one among good ones: none of them is pending. */
TEST(state_as_a_whole)
{
	struct kvm_s390_irq irqs[64 + 33] = {
		{ .type = KVM_S390_INT_EMERGENCY }, { .type = KVM_S390_RESTART },
		{ .type = KVM_S390_INT_SERVICE },
	};
	struct s390_vm *vm = s390_vm_of(nothing);

	expect_errno(state(vm, KVM_S390_SET_IRQ_STATE, irqs, 3 * sizeof(*irqs)), EINVAL);
	/* The kernel's own leaves those before the bad one. */
	if (!distro_modules())
		expect_eq(state(vm, KVM_S390_GET_IRQ_STATE, irqs, sizeof(*irqs)), 0);
	expect_errno(state(vm, KVM_S390_SET_IRQ_STATE, irqs, sizeof(*irqs) + 1), EINVAL);
	expect_errno(state(vm, KVM_S390_SET_IRQ_STATE, irqs, -1U), EINVAL);
	expect_errno(state(vm, KVM_S390_SET_IRQ_STATE, NULL, sizeof(*irqs)), EFAULT);
}

/* Every type that is not one. */
TEST(unknown_types)
{
	static const uint32_t not_local[] = {
		0, KVM_S390_INT_IO(0, 0, 0, 5), KVM_S390_INT_IO_MAX, 0xfffe0009, 0xfffe1001,
		0xffff1203, KVM_S390_INT_SERVICE, KVM_S390_INT_VIRTIO, 0xffffffff,
	};
	static const uint32_t not_floating[] = {
		KVM_S390_SIGP_STOP, KVM_S390_PROGRAM_INT, KVM_S390_SIGP_SET_PREFIX,
		KVM_S390_RESTART, KVM_S390_INT_CLOCK_COMP, KVM_S390_INT_CPU_TIMER,
		KVM_S390_INT_EMERGENCY, KVM_S390_INT_EXTERNAL_CALL, 0xfffe0009, 0xffffffff,
	};
	struct s390_vm *vm = s390_vm_of(nothing);
	struct kvm_s390_irq irq;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(not_local); i++) {
		struct kvm_s390_interrupt old = { .type = not_local[i] };

		expect_errno(LOCAL(vm, .type = not_local[i]), EINVAL);
		expect_errno(ioctl(vm->cpu, KVM_S390_INTERRUPT, &old), EINVAL);
	}
	for (i = 0; i < ARRAY_SIZE(not_floating); i++)
		expect_errno(s390_irq_floating(vm, not_floating[i], 0, 0), EINVAL);
	expect_errno(ioctl(vm->cpu, KVM_S390_IRQ, NULL), EFAULT);
	expect_errno(ioctl(vm->cpu, KVM_S390_INTERRUPT, NULL), EFAULT);
	expect_errno(ioctl(vm->fd, KVM_S390_INTERRUPT, NULL), EFAULT);
	expect_eq(state(vm, KVM_S390_GET_IRQ_STATE, &irq, sizeof(irq)), 0);
	start_undisturbed(vm, PSW_OPEN);
}

/*
 * A floating interrupt is for a CPU that lets it in, and for one of them.
 */

INSNS(wait_for_io,
	"lctlg %c6,%c6,0(%r4); lpswe 8(%r4)\n");

/* CPU @id waits for I/O of these subclasses, and for emergency signals, with its own prefix. */
static void start_waiting(struct s390_vm *vm, struct s390_cpu *cpu, int id, uint64_t isc)
{
	uint64_t prefix = 0x100000 + id * 0x2000, parm = DATA_AT + id * 0x100;

	s390_add_cpu(vm, cpu, id, CODE_AT);
	memcpy(vm->mem + prefix, vm->mem, 0x2000);
	*s390_word(vm, parm) = isc;
	*s390_word(vm, parm + 8) = PSW_64 | PSW_WAIT | PSW_IO;
	*s390_word(vm, parm + 16) = 0x4444;
	cpu->run->s.regs.gprs[4] = parm;
	cpu->run->s.regs.prefix = prefix;
	cpu->run->kvm_dirty_regs = KVM_SYNC_PREFIX | KVM_SYNC_GPRS;
	s390_start_cpu(cpu);
}

static void expect_taken(struct s390_cpu *cpu)
{
	pthread_join(cpu->thread, NULL);
	expect_eq(cpu->run->exit_reason, KVM_EXIT_S390_SIEIC);
	expect_eq(cpu->run->s390_sieic.icptcode, ICPT_WAIT);
	expect_eq(cpu->run->psw_addr, WAIT_OF(LC_IO_NEW));
}

/*
 * The second comes before the first has been taken, and must not wait for a CPU that takes but one.
 * With the kernel's own it does, while another CPU sleeps that would take it.
 */
TEST(floating_to_who_lets_it_in)
{
	struct s390_vm *vm = s390_vm_of(wait_for_io);
	struct s390_cpu cpus[3];

	if (distro_modules())
		skip("the kernel's own leaves one waiting");
	start_waiting(vm, &cpus[0], 1, 0x80000000);
	start_waiting(vm, &cpus[1], 2, 0x40000000);
	start_waiting(vm, &cpus[2], 3, 0x40000000);
	usleep(200000);
	io(vm, 1, 11);
	io(vm, 1, 12);
	expect_taken(&cpus[1]);
	expect_taken(&cpus[2]);
	expect_eq(word32(vm, 0x1040b8) + word32(vm, 0x1060b8), 0x20000 + 11 + 12);
	usleep(100000);
	expect_eq(word32(vm, 0x1020b8), 0);
	io(vm, 0, 13);
	expect_taken(&cpus[0]);
	expect_eq(word32(vm, 0x1020b8), 0x1000d);
}

/* A CPU that is stopped before it has taken what it was told of. */
TEST(floating_after_a_stop)
{
	struct s390_vm *vm = s390_vm_of(wait_for_io);
	struct kvm_s390_irq stop = { .type = KVM_S390_SIGP_STOP };
	struct s390_cpu cpus[2];
	unsigned int i;

	if (distro_modules())
		skip("the kernel's own leaves one waiting");
	for (i = 0; i < 2; i++)
		start_waiting(vm, &cpus[i], i + 1, 0x40000000);
	usleep(200000);
	io(vm, 1, 11);
	must(ioctl(cpus[0].fd, KVM_S390_IRQ, &stop));
	io(vm, 1, 12);
	pthread_join(cpus[0].thread, NULL);
	expect_taken(&cpus[1]);
}
