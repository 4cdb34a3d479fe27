// SPDX-License-Identifier: GPL-2.0-only
/*
 * Collaborative memory management: ESSA, the states of pages as user space reads and writes them,
 * and the migration mode.
 *
 * The kernel's own module has all of it only where the machine interprets ESSA, which the emulated
 * one does not: there these tests are skipped, but for the last two.
 */
#include "s390.h"

#define MB		0x100000UL

/* ESSA r1,r2,op: the state of the page at r2 becomes what op says, r1 has what it was. */
INSNS(unused, ".long 0xb9ab2012; .long 0xb9ab0032; " S390_END);
INSNS(seven, ".long 0xb9ab7012; " S390_END);
INSNS(ask, ".long 0xb9ab0012; " S390_END);

static int set_attr(int fd, uint32_t group, uint64_t attr)
{
	return s390_attr(fd, KVM_SET_DEVICE_ATTR, group, attr, NULL);
}

static int log_of(struct s390_vm *vm, uint32_t flags)
{
	struct kvm_userspace_memory_region slot = {
		.flags = flags, .memory_size = MEM_SIZE, .userspace_addr = (uintptr_t)vm->mem,
	};

	return ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &slot);
}

/* Another VM on the same memory, of which CMMA was enabled before its CPU was made. */
static void enable(struct s390_vm *vm)
{
	vm->fd = must(ioctl(vm->kvm, KVM_CREATE_VM, 0));
	if (set_attr(vm->fd, KVM_S390_VM_MEM_CTRL, KVM_S390_VM_MEM_ENABLE_CMMA))
		skip("KVM_S390_VM_MEM_ENABLE_CMMA: %s", strerror(errno));
	must(log_of(vm, KVM_MEM_LOG_DIRTY_PAGES));
	s390_first_cpu(vm);
	vm->run->s.regs.gprs[2] = DATA_AT;
	vm->run->kvm_dirty_regs = KVM_SYNC_GPRS;
}

static long get(struct s390_vm *vm, struct kvm_s390_cmma_log *log, uint64_t gfn, uint32_t count,
		uint32_t flags, uint8_t *values)
{
	*log = (struct kvm_s390_cmma_log){
		.start_gfn = gfn, .count = count, .flags = flags, .values = (uintptr_t)values,
	};
	return ioctl(vm->fd, KVM_S390_GET_CMMA_BITS, log);
}

static long set(struct s390_vm *vm, uint64_t gfn, uint32_t count, uint64_t mask, uint8_t *values)
{
	struct kvm_s390_cmma_log log = {
		.start_gfn = gfn, .count = count, .mask = mask, .values = (uintptr_t)values,
	};

	return ioctl(vm->fd, KVM_S390_SET_CMMA_BITS, &log);
}

TEST(page_unused)
{
	struct s390_vm *vm = s390_vm_of(unused);
	struct kvm_s390_cmma_log log;
	uint8_t values[3] = { 9, 9, 9 };

	enable(vm);
	*s390_word(vm, DATA_AT) = 1;
	s390_expect_icpt(vm, ICPT_INSTRUCTION);
	expect_eq(vm->run->s.regs.gprs[1] >> 2, 0);	/* it was stable */
	expect_eq(vm->run->s.regs.gprs[3] >> 2, 1);
	must(get(vm, &log, (DATA_AT >> 12) - 1, 3, KVM_S390_CMMA_PEEK, values));
	expect_eq(log.count, 3);
	expect_eq(log.start_gfn, (DATA_AT >> 12) - 1);
	expect_eq(log.remaining, 0);
	expect(!memcmp(values, (uint8_t[]){ 0, 1, 0 }, 3));
	must(set_attr(vm->fd, KVM_S390_VM_MEM_CTRL, KVM_S390_VM_MEM_CLR_CMMA));
	must(get(vm, &log, DATA_AT >> 12, 1, KVM_S390_CMMA_PEEK, values));
	expect_eq(values[0], 0);
}

TEST(essa_exceptions)
{
	struct s390_vm *vm = s390_vm_of(seven);

	enable(vm);
	s390_expect_wait(vm, WAIT_OF(LC_PGM_NEW));
	expect_eq(*(uint16_t *)(vm->mem + LC_PGM_CODE), 6);
	vm = s390_vm_of(ask);
	enable(vm);
	vm->run->s.regs.gprs[2] = 2 * MEM_SIZE;
	s390_expect_wait(vm, WAIT_OF(LC_PGM_NEW));
	expect_eq(*(uint16_t *)(vm->mem + LC_PGM_CODE), 5);
	/* in problem state */
	vm = s390_vm_of(ask);
	enable(vm);
	vm->run->psw_mask |= 1UL << 48;
	s390_expect_wait(vm, WAIT_OF(LC_PGM_NEW));
	expect_eq(*(uint16_t *)(vm->mem + LC_PGM_CODE), 2);
}

/* States that user space sets, of those bits that it names. */
TEST(states_set)
{
	struct s390_vm *vm = s390_vm_of(ask);
	uint8_t values[2] = { 0x43, 0x02 }, got[2] = { };
	struct kvm_s390_cmma_log log;

	enable(vm);
	must(set(vm, DATA_AT >> 12, 2, 0x43000000, values));
	must(get(vm, &log, DATA_AT >> 12, 2, KVM_S390_CMMA_PEEK, got));
	expect(!memcmp(values, got, 2));
	must(set(vm, DATA_AT >> 12, 2, 0x01000000, (uint8_t[]){ 0, 1 }));
	must(get(vm, &log, DATA_AT >> 12, 2, KVM_S390_CMMA_PEEK, got));
	expect(got[0] == 0x42 && got[1] == 0x03);
	/* to the end of memory, and beyond it */
	must(get(vm, &log, (MEM_SIZE >> 12) - 1, 2, KVM_S390_CMMA_PEEK, got));
	expect_eq(log.count, 1);
	expect_errno(get(vm, &log, MEM_SIZE >> 12, 2, KVM_S390_CMMA_PEEK, got), EFAULT);
	expect_errno(set(vm, MEM_SIZE >> 12, 2, 0x43000000, values), EFAULT);
	/* what is partly there is not set in part */
	expect_errno(set(vm, (MEM_SIZE >> 12) - 1, 2, 0x43000000, values), EFAULT);
	must(get(vm, &log, (MEM_SIZE >> 12) - 1, 1, KVM_S390_CMMA_PEEK, got));
	expect_eq(got[0], 0);
}

TEST(bad_requests)
{
	struct s390_vm *vm = s390_vm_of(ask);
	struct kvm_s390_cmma_log log = { .count = 1, .flags = 1 };
	uint8_t value;

	enable(vm);
	expect_errno(set_attr(vm->fd, KVM_S390_VM_MEM_CTRL, KVM_S390_VM_MEM_ENABLE_CMMA), EBUSY);
	expect_errno(ioctl(vm->fd, KVM_S390_SET_CMMA_BITS, &log), EINVAL);
	expect_errno(get(vm, &log, 0, 1, 2, &value), EINVAL);
	expect_errno(get(vm, &log, 0, 1, 0, &value), EINVAL);
	expect_errno(get(vm, &log, 0, 1, KVM_S390_CMMA_PEEK, NULL), EFAULT);
	expect_errno(set(vm, 0, 1, ~0UL, NULL), EFAULT);
	expect_errno(set(vm, 0, 0x7fffffff, ~0UL, &value), EINVAL);
}

static uint64_t migrating(struct s390_vm *vm)
{
	uint64_t status = 99;

	must(s390_attr(vm->fd, KVM_GET_DEVICE_ATTR, KVM_S390_VM_MIGRATION,
		     KVM_S390_VM_MIGRATION_STATUS, &status));
	return status;
}

/* All pages once, then those that have changed. */
TEST(migration)
{
	static uint8_t values[MEM_SIZE >> 12];
	struct s390_vm *vm = s390_vm_of(unused);
	struct kvm_s390_cmma_log log;

	enable(vm);
	must(set_attr(vm->fd, KVM_S390_VM_MIGRATION, KVM_S390_VM_MIGRATION_START));
	must(get(vm, &log, 0, sizeof(values) - 2, 0, values));
	expect_eq(log.count, sizeof(values) - 2);
	expect_eq(log.remaining, 2);
	must(get(vm, &log, 0, sizeof(values), 0, values));
	expect_eq(log.start_gfn, sizeof(values) - 2);
	expect_eq(log.count, 2);
	expect_eq(log.remaining, 0);
	s390_expect_icpt(vm, ICPT_INSTRUCTION);
	must(get(vm, &log, 0, 0, KVM_S390_CMMA_PEEK, values));
	expect_eq(log.remaining, 1);
	/* what could not be told is still to be told */
	expect_errno(get(vm, &log, 0, 64, 0, NULL), EFAULT);
	/* also when it is before where the search begins */
	must(get(vm, &log, (DATA_AT >> 12) + 1, 64, 0, values));
	expect_eq(log.start_gfn, DATA_AT >> 12);
	expect_eq(log.count, 1);
	expect_eq(log.remaining, 0);
	expect_eq(values[0], 1);
	must(get(vm, &log, 0, 64, 0, values));
	expect_eq(log.count, 0);
	must(set_attr(vm->fd, KVM_S390_VM_MIGRATION, KVM_S390_VM_MIGRATION_STOP));
	expect_errno(get(vm, &log, 0, 64, 0, values), EINVAL);
}

/* Of a VM without CMMA: no requests, no instruction. */
TEST(not_enabled)
{
	struct s390_vm *vm = s390_vm_of(ask);
	struct kvm_s390_cmma_log log;
	uint8_t value = 0;

	expect_errno(get(vm, &log, 0, 1, KVM_S390_CMMA_PEEK, &value), ENXIO);
	expect_errno(set(vm, 0, 1, ~0UL, &value), ENXIO);
	expect(set_attr(vm->fd, KVM_S390_VM_MEM_CTRL, KVM_S390_VM_MEM_CLR_CMMA) == -1);
	vm->run->s.regs.gprs[2] = DATA_AT;
	vm->run->kvm_dirty_regs = KVM_SYNC_GPRS;
	s390_expect_wait(vm, WAIT_OF(LC_PGM_NEW));
	expect_eq(*(uint16_t *)(vm->mem + LC_PGM_CODE), 1);
}

/*
 * The mode itself needs no CMMA, but the dirty log of all slots (devices/vm.rst, 5.2); that the
 * kernel's own module asks for only where there is CMMA.
 */
TEST(migration_mode)
{
	struct s390_vm *vm = s390_vm_of(ask);
	int none = must(ioctl(vm->kvm, KVM_CREATE_VM, 0));

	expect_errno(set_attr(none, KVM_S390_VM_MIGRATION, KVM_S390_VM_MIGRATION_START), EINVAL);
	expect_eq(migrating(vm), 0);
	if (!distro_modules())
		expect_errno(set_attr(vm->fd, KVM_S390_VM_MIGRATION, KVM_S390_VM_MIGRATION_START),
			     EINVAL);
	expect_errno(set_attr(vm->fd, KVM_S390_VM_MIGRATION, KVM_S390_VM_MIGRATION_STATUS), ENXIO);
	must(log_of(vm, KVM_MEM_LOG_DIRTY_PAGES));
	must(set_attr(vm->fd, KVM_S390_VM_MIGRATION, KVM_S390_VM_MIGRATION_START));
	must(set_attr(vm->fd, KVM_S390_VM_MIGRATION, KVM_S390_VM_MIGRATION_START));
	expect_eq(migrating(vm), 1);
	expect_errno(s390_attr(vm->fd, KVM_GET_DEVICE_ATTR, KVM_S390_VM_MIGRATION,
			     KVM_S390_VM_MIGRATION_STATUS, NULL), EFAULT);
	must(set_attr(vm->fd, KVM_S390_VM_MIGRATION, KVM_S390_VM_MIGRATION_STOP));
	must(set_attr(vm->fd, KVM_S390_VM_MIGRATION, KVM_S390_VM_MIGRATION_STOP));
	expect_eq(migrating(vm), 0);
	must(set_attr(vm->fd, KVM_S390_VM_MIGRATION, KVM_S390_VM_MIGRATION_START));
	must(log_of(vm, 0));
	expect_eq(migrating(vm), 0);
}
