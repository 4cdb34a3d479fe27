// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest memory in huge pages of 1 MB. All but the refusals wants the module parameter hpage=1.
 */
#include <fcntl.h>

#include "s390.h"

#define SLOT_AT	0x2000000UL
#define MB	0x100000UL

INSNS(peek, "llilh %r4,0x200; lg %r2,0(%r4); lghi %r3,5; "
	    "lay %r5,0x40000(%r4); stg %r3,8(%r5); " S390_END);

static int enable_hpage(int fd)
{
	return ioctl(fd, KVM_ENABLE_CAP, &(struct kvm_enable_cap){ .cap = KVM_CAP_S390_HPAGE_1M });
}

static int offered(struct s390_vm *vm)
{
	return ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_S390_HPAGE_1M) == 1;
}

static int enable_cmma(int fd)
{
	return s390_attr(fd, KVM_SET_DEVICE_ATTR, KVM_S390_VM_MEM_CTRL,
			 KVM_S390_VM_MEM_ENABLE_CMMA, NULL);
}

/* Two of the system's, as memory on its boundary. */
static uint8_t *huge(void)
{
	uint8_t *area;

	if (write_file("/proc/sys/vm/nr_hugepages", "8") < 0)
		skip("no huge pages");
	area = mmap(NULL, 2 * MB, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	if (area == MAP_FAILED)
		skip("MAP_HUGETLB: %s", strerror(errno));
	return area;
}

static int set_slot(struct s390_vm *vm, uint32_t flags, uint8_t *host)
{
	struct kvm_userspace_memory_region region = {
		.slot = 1, .flags = flags, .guest_phys_addr = SLOT_AT, .memory_size = 2 * MB,
		.userspace_addr = (uintptr_t)host,
	};

	return ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region);
}

/* Another VM on the same memory, enabled before its CPU is made. */
static void remake(struct s390_vm *vm)
{
	struct kvm_userspace_memory_region low = {
		.memory_size = MEM_SIZE, .userspace_addr = (uintptr_t)vm->mem,
	};

	if (!offered(vm))
		skip("KVM_CAP_S390_HPAGE_1M");
	vm->fd = must(ioctl(vm->kvm, KVM_CREATE_VM, 0));
	must(enable_hpage(vm->fd));
	must(ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &low));
	s390_first_cpu(vm);
}

TEST(guest_in_huge_pages)
{
	struct s390_vm *vm = s390_vm_of(peek);
	uint8_t *host = huge();

	remake(vm);
	*(uint64_t *)host = 4711;
	must(set_slot(vm, 0, host));
	s390_expect_icpt(vm, ICPT_INSTRUCTION);
	expect_eq(vm->run->s.regs.gprs[2], 4711);
	expect_eq(*(uint64_t *)(host + 0x40008), 5);
}

/*
 * A store makes pages of its segment dirty, and none elsewhere. The kernel's own module does not
 * get on here, where there is no KVM_CAP_S390_COW: the guest is told of the log's protection.
 */
TEST(dirty_log)
{
	struct s390_vm *vm = s390_vm_of(peek);
	uint8_t *host = huge(), bitmap[64] = { };
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = bitmap };

	remake(vm);
	if (distro_modules() && !ioctl(vm->kvm, KVM_CHECK_EXTENSION, KVM_CAP_S390_COW))
		skip("KVM_CAP_S390_COW");
	must(set_slot(vm, KVM_MEM_LOG_DIRTY_PAGES, host));
	must(ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log));
	s390_expect_icpt(vm, ICPT_INSTRUCTION);
	must(ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log));
	/* little-endian: page 0x40 is in byte 8 */
	expect_eq(bitmap[8] & 1, 1);
	expect(!memcmp(bitmap + 32, (uint8_t[32]) { }, 32));
	must(ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log));
	expect_eq(bitmap[8], 0);
	vm->run->psw_addr = CODE_AT;
	s390_expect_icpt(vm, ICPT_INSTRUCTION);
	must(ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log));
	expect_eq(bitmap[8] & 1, 1);
}

/* One excludes the other, and neither comes once there is a CPU. */
TEST(refusals)
{
	struct s390_vm *vm = s390_vm_of(peek);
	int none = must(ioctl(vm->kvm, KVM_CREATE_VM, 0));

	if (!offered(vm)) {
		expect_errno(enable_hpage(none), EINVAL);
		return;
	}
	expect_errno(enable_hpage(vm->fd), EBUSY);
	if (!enable_cmma(none))
		expect_errno(enable_hpage(none), EINVAL);
	none = must(ioctl(vm->kvm, KVM_CREATE_VM, 0));
	must(enable_hpage(none));
	if (!distro_modules())		/* ENXIO there, where the machine has none */
		expect_errno(enable_cmma(none), EINVAL);
}
