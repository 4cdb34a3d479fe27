// SPDX-License-Identifier: GPL-2.0-only
/*
 * Privileged instructions, a guest of a few of them a test; what they are to do is the Principles
 * of Operation's.
 */
#include <sys/eventfd.h>

#include "s390.h"

static uint64_t gpr(struct s390_vm *vm, int i)
{
	struct kvm_regs regs;

	must(ioctl(vm->cpu, KVM_GET_REGS, &regs));
	return regs.gprs[i];
}

/* Condition code of the guest's PSW. */
static int cc(struct s390_vm *vm)
{
	return (vm->run->psw_mask >> 44) & 3;
}

INSNS(prefix,
	"llilh %r4,2; stpx 0(%r4); llilh %r1,0x10; st %r1,8(%r4); spx 8(%r4); stpx 16(%r4)\n"
	"lghi %r2,0x123; stg %r2,0x300(%r0); stap 20(%r4)\n" S390_END);

/* What the guest stores at 0x300 goes to the prefix area. */
TEST(set_and_store_prefix)
{
	struct s390_vm *vm = s390_vm_of(prefix);

	s390_run_to_end(vm);
	expect_eq(*(uint32_t *)(vm->mem + DATA_AT), 0);
	expect_eq(*(uint32_t *)(vm->mem + DATA_AT + 16), 0x100000);
	expect_eq(*s390_word(vm, 0x300), 0);
	expect_eq(*s390_word(vm, 0x100300), 0x123);
	expect_eq(*(uint16_t *)(vm->mem + DATA_AT + 20), 0);
	expect_eq(vm->run->s.regs.prefix, 0x100000);
}

INSNS(prefix_beyond, "llilh %r4,2; llilh %r1,0x4000; st %r1,0(%r4); spx 0(%r4)");

TEST(prefix_without_memory)
{
	struct s390_vm *vm = s390_vm_of(prefix_beyond);

	s390_expect_wait(vm, WAIT_OF(LC_PGM_NEW));
	expect_eq(*(uint16_t *)(vm->mem + LC_PGM_CODE), 5);
	expect_eq(*(uint16_t *)(vm->mem + LC_PGM_ILC), 4);
}

INSNS(misaligned, "llilh %r4,2; stpx 2(%r4)");

TEST(misaligned_operand)
{
	struct s390_vm *vm = s390_vm_of(misaligned);

	s390_expect_wait(vm, WAIT_OF(LC_PGM_NEW));
	expect_eq(*(uint16_t *)(vm->mem + LC_PGM_CODE), 6);
}

/* The problem state has none of them. */
INSNS(problem,
	"larl %r1,1f; lpswe 0(%r1); .balign 8; 1: .quad 0x0001000180000000; .quad 0x10020\n"
	".org problem+0x20; llilh %r4,2; stpx 0(%r4)");

TEST(problem_state)
{
	struct s390_vm *vm = s390_vm_of(problem);

	s390_expect_wait(vm, WAIT_OF(LC_PGM_NEW));
	expect_eq(*(uint16_t *)(vm->mem + LC_PGM_CODE), 2);
}

INSNS(identify,
	"llilh %r4,2; stidp 0(%r4); stfl 0; lghi %r0,3; .insn s,0xb2b00000,16(%r4)\n" S390_END);

/* STFL's word at real 200 is the beginning of STFLE's list, and that of the VM's attribute. */
TEST(facilities)
{
	static struct kvm_s390_vm_cpu_processor cpu;
	struct kvm_device_attr attr = {
		.group = KVM_S390_VM_CPU_MODEL,
		.attr = KVM_S390_VM_CPU_PROCESSOR,
		.addr = (uintptr_t)&cpu,
	};
	struct s390_vm *vm = s390_vm_of(identify);

	s390_run_to_end(vm);
	must(ioctl(vm->fd, KVM_GET_DEVICE_ATTR, &attr));
	expect_eq(*(uint32_t *)(vm->mem + 200), cpu.fac_list[0] >> 32);
	expect(cpu.fac_list[0] & (1UL << 61));		/* z/Architecture is installed */
	expect_ne(*s390_word(vm, DATA_AT), 0);
	if (!distro_modules())	/* there the emulator shows the host's list, whatever the VM's is */
		expect_eq(*s390_word(vm, DATA_AT + 16), cpu.fac_list[0]);
}

INSNS(stsi_level, "lghi %r0,0; lghi %r1,0; .insn s,0xb27d0000,0(%r0)\n" S390_END);

TEST(stsi_current_level)
{
	struct s390_vm *vm = s390_vm_of(stsi_level);

	s390_run_to_end(vm);
	expect_eq(gpr(vm, 0) >> 28, 3);
	expect_eq(cc(vm), 0);
}

INSNS(stsi_vms,
	"llilh %r4,2; llilh %r0,0x3000; oill %r0,2; lghi %r1,2; .insn s,0xb27d0000,0(%r4)\n" S390_END);

TEST(stsi_virtual_machines)
{
	struct s390_vm *vm = s390_vm_of(stsi_vms);

	s390_run_to_end(vm);
	expect_eq(cc(vm), 0);
	expect_eq(vm->mem[DATA_AT + 31] & 0xf, 1);	/* one level: this VM */
}

INSNS(stsi_none,
	"llilh %r4,2; llilh %r0,0x3000; oill %r0,7; lghi %r1,2; .insn s,0xb27d0000,0(%r4)\n" S390_END);

TEST(stsi_unknown_selector)
{
	struct s390_vm *vm = s390_vm_of(stsi_none);

	s390_run_to_end(vm);
	expect_eq(cc(vm), 3);
}

TEST(stsi_to_user_space)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_S390_USER_STSI };
	struct s390_vm *vm = s390_vm_of(stsi_vms);

	must(ioctl(vm->fd, KVM_ENABLE_CAP, &cap));
	expect_eq(s390_run(vm), KVM_EXIT_S390_STSI);
	expect_eq(vm->run->s390_stsi.addr, DATA_AT);
	expect_eq(vm->run->s390_stsi.fc, 3);
	expect_eq(vm->run->s390_stsi.sel1, 2);
	expect_eq(vm->run->s390_stsi.sel2, 2);
}

INSNS(tprot, "llilh %r4,2; tprot 0(%r4),0; ipm %r2; llilh %r1,0x4000; tprot 0(%r1),0");

/* Of storage that is there: all allowed; of what is not: an exception. */
TEST(test_protection)
{
	struct s390_vm *vm = s390_vm_of(tprot);

	s390_expect_wait(vm, WAIT_OF(LC_PGM_NEW));
	expect_eq(*(uint16_t *)(vm->mem + LC_PGM_CODE), 5);
	expect_eq((gpr(vm, 2) >> 28) & 3, 0);
}

INSNS(keys,
	"llilh %r4,2; lghi %r1,0x34; sske %r1,%r4; lghi %r2,-1; iske %r2,%r4; rrbe %r0,%r4\n"
	"ipm %r5; iske %r3,%r4\n" S390_END);

/* The kernel's own module has the machine set keys, and this emulator does not get through it. */
static struct s390_vm *vm_with_keys(void)
{
	if (distro_modules())
		skip("keys that the emulator sets itself");
	return s390_vm_of(keys);
}

TEST(storage_keys)
{
	struct s390_vm *vm = vm_with_keys();

	s390_run_to_end(vm);
	expect_eq(gpr(vm, 2), ~0xffUL | 0x34);
	expect_eq((gpr(vm, 5) >> 28) & 3, 2);		/* it was referenced, and not changed */
	expect_eq(gpr(vm, 3) & 0xff, 0x30);
}

/* The VMM sees the guest's keys, and the guest the VMM's. */
TEST(keys_by_ioctl)
{
	struct s390_vm *vm = vm_with_keys();
	uint8_t keys[2] = { 0x11, 0x22 };
	struct kvm_s390_skeys args = {
		.start_gfn = DATA_AT >> 12, .count = 1, .skeydata_addr = (uintptr_t)keys,
	};

	expect_eq(ioctl(vm->fd, KVM_S390_GET_SKEYS, &args), KVM_S390_GET_SKEYS_NONE);
	s390_run_to_end(vm);
	expect_eq(ioctl(vm->fd, KVM_S390_GET_SKEYS, &args), 0);
	expect_eq(keys[0], 0x30);
	keys[0] = 0xa0;
	must(ioctl(vm->fd, KVM_S390_SET_SKEYS, &args));
	keys[0] = 0;
	expect_eq(ioctl(vm->fd, KVM_S390_GET_SKEYS, &args), 0);
	expect_eq(keys[0], 0xa0);
	expect_eq(keys[1], 0x22);
	args.count = 0;
	expect_errno(ioctl(vm->fd, KVM_S390_GET_SKEYS, &args), EINVAL);
	args.count = KVM_S390_SKEYS_MAX + 1;
	expect_errno(ioctl(vm->fd, KVM_S390_SET_SKEYS, &args), EINVAL);
	args.count = 1;
	keys[0] = 1;
	expect_errno(ioctl(vm->fd, KVM_S390_SET_SKEYS, &args), EINVAL);
	args.start_gfn = MEM_SIZE >> 12;
	keys[0] = 0;
	expect_errno(ioctl(vm->fd, KVM_S390_SET_SKEYS, &args), EFAULT);
}

INSNS(reset, "lghi %r1,4; diag %r1,%r1,0x308");

TEST(diagnose_308_resets)
{
	struct s390_vm *vm = s390_vm_of(reset);

	expect_eq(s390_run(vm), KVM_EXIT_S390_RESET);
	expect_eq(vm->run->s390_reset_flags, KVM_S390_RESET_SUBSYSTEM | KVM_S390_RESET_CPU_INIT |
		  KVM_S390_RESET_IPL);
}

INSNS(release,
	"llilh %r4,2; lghi %r1,77; stg %r1,0(%r4); lgr %r2,%r4; diag %r4,%r2,0x10\n"
	"lg %r3,0(%r4); diag %r0,%r0,0x44\n" S390_END);

/* A page that is given back is a page of zeros. */
TEST(diagnose_10_releases)
{
	struct s390_vm *vm = s390_vm_of(release);

	s390_run_to_end(vm);
	expect_eq(gpr(vm, 3), 77);	/* the memory is shared: what is behind it stays */
}

INSNS(setclock,
	"llilh %r4,2; sck 0(%r4); ipm %r5; stck 8(%r4)\n" S390_END);

TEST(set_clock)
{
	struct s390_vm *vm = s390_vm_of(setclock);
	uint64_t tod = 0x123456789abcdef0;

	*s390_word(vm, DATA_AT) = tod;
	s390_run_to_end(vm);
	expect_eq((gpr(vm, 5) >> 28) & 3, 0);
	expect_ge(*s390_word(vm, DATA_AT + 8), tod);
	expect_le(*s390_word(vm, DATA_AT + 8), tod + (20UL << 32));	/* some 20 s */
}

/*
 * Bits of a PSW that must be zero make it a specification exception, with the PSW already loaded.
 */
INSNS(badpsw, "larl %r1,1f; lpswe 0(%r1); .balign 8; 1: .quad 0x8000000180000000,0x4444");

TEST(invalid_psw)
{
	struct s390_vm *vm = s390_vm_of(badpsw);

	s390_expect_wait(vm, WAIT_OF(LC_PGM_NEW));
	expect_eq(*(uint16_t *)(vm->mem + LC_PGM_CODE), 6);
	expect_eq(*s390_word(vm, LC_PGM_OLD + 8), 0x4444);
}

/* The new PSW for it is the invalid instruction itself: user space is told, rather than nobody. */
INSNS(invalid, ".short 0");

TEST(operation_exception_loop)
{
	struct s390_vm *vm = s390_vm_of(invalid);

	*s390_word(vm, LC_PGM_NEW) = PSW_64;
	*s390_word(vm, LC_PGM_NEW + 8) = CODE_AT;
	s390_expect_icpt(vm, ICPT_OPERATION);
}

/* With the capability it is an exit at once. */
TEST(instruction_0_to_user_space)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_S390_USER_INSTR0 };
	struct s390_vm *vm = s390_vm_of(invalid);

	must(ioctl(vm->fd, KVM_ENABLE_CAP, &cap));
	s390_expect_icpt(vm, ICPT_OPERATION);
	expect_eq(vm->run->s390_sieic.ipa, 0);
}

/* A notification of virtio-ccw: of the subchannel in R2, the queue in R3. */
INSNS(notify, "lghi %r1,3; llilh %r2,1; oill %r2,5; lghi %r3,1; diag %r1,%r3,0x500; lgr %r4,%r2\n"
	"lghi %r1,3; llilh %r2,1; oill %r2,5; lghi %r3,2; diag %r1,%r3,0x500");

/* An ioeventfd takes its queue's; another queue's is user space's. */
TEST(virtio_notification)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_S390_CSS_SUPPORT };
	struct s390_vm *vm = s390_vm_of(notify);
	struct kvm_ioeventfd event = {
		.datamatch = 1, .addr = 0x10005, .len = 8, .fd = must(eventfd(0, 0)),
		.flags = KVM_IOEVENTFD_FLAG_VIRTIO_CCW_NOTIFY | KVM_IOEVENTFD_FLAG_DATAMATCH,
	};
	uint64_t count = 0;

	must(ioctl(vm->cpu, KVM_ENABLE_CAP, &cap));
	must(ioctl(vm->fd, KVM_IOEVENTFD, &event));
	s390_expect_icpt(vm, ICPT_INSTRUCTION);
	expect_eq(vm->run->s390_sieic.ipb >> 16, 0x500);
	expect_eq(gpr(vm, 3), 2);
	expect(!(gpr(vm, 4) >> 63));		/* a cookie, no error */
	expect_eq(read(event.fd, &count, sizeof(count)), sizeof(count));
	expect_eq(count, 1);
}
