// SPDX-License-Identifier: GPL-2.0-only
/*
 * Slots, faults, the dirty log, and the VMM's accesses by guest address.
 */
#define _GNU_SOURCE
#include "s390.h"

#define SLOT_AT	0x2000000UL
#define MB	0x100000UL

static void *aligned(unsigned long size)
{
	uint8_t *area = mmap(NULL, size + MB, PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	expect(area != MAP_FAILED);
	return (void *)(((uintptr_t)area + MB - 1) & ~(MB - 1));
}

static int set_slot(struct s390_vm *vm, uint32_t slot, uint32_t flags, uint64_t gpa, uint64_t size,
		    void *host)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot, .flags = flags, .guest_phys_addr = gpa, .memory_size = size,
		.userspace_addr = (uintptr_t)host,
	};

	return ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region);
}

INSNS(peek, "llilh %r4,0x200; lg %r2,0(%r4); lghi %r3,5; stg %r3,8(%r4); " S390_END);

TEST(slots_are_segments)
{
	struct s390_vm *vm = s390_vm_of(peek);
	uint8_t *host = aligned(2 * MB);

	expect_errno(set_slot(vm, 1, 0, SLOT_AT, MB / 2, host), EINVAL);
	expect_errno(set_slot(vm, 1, 0, SLOT_AT, MB, host + 4096), EINVAL);
	expect_errno(set_slot(vm, 1, 0, 0, MB, host), EEXIST);
	must(set_slot(vm, 1, 0, SLOT_AT, MB, host));
	*(uint64_t *)host = 4711;
	s390_expect_icpt(vm, ICPT_INSTRUCTION);
	expect_eq(vm->run->s.regs.gprs[2], 4711);
	expect_eq(((uint64_t *)host)[1], 5);
}

/* What is deleted is not there any more. */
TEST(deleted_slot)
{
	struct s390_vm *vm = s390_vm_of(peek);

	must(set_slot(vm, 1, 0, SLOT_AT, MB, aligned(MB)));
	s390_expect_icpt(vm, ICPT_INSTRUCTION);
	must(set_slot(vm, 1, 0, SLOT_AT, 0, NULL));
	vm->run->psw_addr = CODE_AT;
	s390_expect_wait(vm, WAIT_OF(LC_PGM_NEW));
	expect_eq(*(uint16_t *)(vm->mem + LC_PGM_CODE), 5);
}

TEST(moved_slot)
{
	struct s390_vm *vm = s390_vm_of(peek);
	uint64_t *host = aligned(MB);

	must(set_slot(vm, 1, 0, SLOT_AT + MB, MB, host));
	must(set_slot(vm, 1, 0, SLOT_AT, MB, host));
	*host = 9;
	s390_expect_icpt(vm, ICPT_INSTRUCTION);
	expect_eq(vm->run->s.regs.gprs[2], 9);
}

/* The VMM's memory goes and comes: the guest sees what is there now. */
TEST(remapped_memory)
{
	struct s390_vm *vm = s390_vm_of(peek);
	uint64_t *host = aligned(MB);

	must(set_slot(vm, 1, 0, SLOT_AT, MB, host));
	*host = 1;
	s390_expect_icpt(vm, ICPT_INSTRUCTION);
	expect_eq(vm->run->s.regs.gprs[2], 1);
	expect(mmap(host, MB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1,
		    0) == host);
	vm->run->psw_addr = CODE_AT;
	s390_expect_icpt(vm, ICPT_INSTRUCTION);
	expect_eq(vm->run->s.regs.gprs[2], 0);
}

/* A slot with nothing behind it is storage that is not there. */
TEST(slot_without_memory)
{
	struct s390_vm *vm = s390_vm_of(peek);
	uint64_t *host = aligned(MB);

	must(set_slot(vm, 1, 0, SLOT_AT, MB, host));
	must(munmap(host, MB));
	s390_expect_wait(vm, WAIT_OF(LC_PGM_NEW));
	expect_eq(*(uint16_t *)(vm->mem + LC_PGM_CODE), 5);
}

/* Private memory that was only read is written to: copied first. */
TEST(copy_on_write)
{
	struct s390_vm *vm = s390_vm_of(peek);
	uint64_t *host = aligned(MB);

	expect(mmap(host, MB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		    0) == host);
	must(set_slot(vm, 1, 0, SLOT_AT, MB, host));
	s390_expect_icpt(vm, ICPT_INSTRUCTION);
	expect_eq(vm->run->s.regs.gprs[2], 0);
	expect_eq(host[1], 5);
}

static void map_file(void *at, int flags)
{
	int fd = must(memfd_create("guest memory", 0));

	must(ftruncate(fd, MB));
	expect_eq(must(pwrite(fd, &(uint64_t){ 4711 }, 8, 0)), 8);
	expect(mmap(at, MB, PROT_READ | PROT_WRITE, flags | MAP_FIXED, fd, 0) == at);
	close(fd);
}

/*
 * Memory that the host protects only after the slot was made: a page of a file, mapped privately,
 * is read first and then written to. The kernel's own module hands the host's protection to the
 * guest on a machine without KVM_CAP_S390_COW, as that capability's absence says it may.
 */
static void expect_copied(struct s390_vm *vm, uint64_t *host, uint64_t value)
{
	if (distro_modules() && !ioctl(vm->kvm, KVM_CHECK_EXTENSION, KVM_CAP_S390_COW))
		skip("KVM_CAP_S390_COW");
	vm->run->psw_addr = CODE_AT;
	s390_expect_icpt(vm, ICPT_INSTRUCTION);
	expect_eq(vm->run->s.regs.gprs[2], value);
	expect_eq(host[1], 5);
}

TEST(copy_on_write_after_remap)
{
	struct s390_vm *vm = s390_vm_of(peek);
	uint64_t *host = aligned(MB);

	must(set_slot(vm, 1, 0, SLOT_AT, MB, host));
	s390_expect_icpt(vm, ICPT_INSTRUCTION);
	map_file(host, MAP_PRIVATE);
	expect_copied(vm, host, 4711);
}

TEST(copy_on_write_in_hole)
{
	struct s390_vm *vm = s390_vm_of(peek);
	uint64_t *host = aligned(MB);

	must(munmap(host, MB));
	must(set_slot(vm, 1, 0, SLOT_AT, MB, host));
	map_file(host, MAP_PRIVATE);
	expect_copied(vm, host, 4711);
}

/* A file that is shared is written, whoever has it mapped how. */
TEST(shared_file)
{
	struct s390_vm *vm = s390_vm_of(peek);
	uint64_t *host = aligned(MB);

	map_file(host, MAP_SHARED);
	must(set_slot(vm, 1, 0, SLOT_AT, MB, host));
	s390_expect_icpt(vm, ICPT_INSTRUCTION);
	expect_eq(vm->run->s.regs.gprs[2], 4711);
	expect_eq(host[1], 5);
}

TEST(dirty_log)
{
	struct s390_vm *vm = s390_vm_of(peek);
	/* little-endian: the first page is the last bit of the first byte */
	uint8_t bitmap[32] = { };
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = bitmap };

	must(set_slot(vm, 1, KVM_MEM_LOG_DIRTY_PAGES, SLOT_AT, MB, aligned(MB)));
	must(ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log));
	s390_expect_icpt(vm, ICPT_INSTRUCTION);
	must(ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log));
	expect_eq(bitmap[0], 1);
	expect(!memcmp(bitmap + 1, (uint8_t[31]){ }, 31));
	must(ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log));
	expect_eq(bitmap[0], 0);
	vm->run->psw_addr = CODE_AT;
	s390_expect_icpt(vm, ICPT_INSTRUCTION);
	must(ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log));
	expect_eq(bitmap[0], 1);
}

static long mem_op(struct s390_vm *vm, uint32_t op, uint64_t flags, uint64_t gaddr, void *buf,
		   uint32_t size)
{
	struct kvm_s390_mem_op args = {
		.op = op, .flags = flags, .gaddr = gaddr, .buf = (uintptr_t)buf, .size = size,
	};

	return ioctl(vm->cpu, KVM_S390_MEM_OP, &args);
}

INSNS(bare, S390_END);

TEST(mem_op)
{
	struct s390_vm *vm = s390_vm_of(bare);
	uint64_t value = 0x1234, got = 0;
	int max = ioctl(vm->kvm, KVM_CHECK_EXTENSION, KVM_CAP_S390_MEM_OP);

	expect(max > 0);
	s390_expect_icpt(vm, ICPT_INSTRUCTION);
	expect_eq(mem_op(vm, KVM_S390_MEMOP_LOGICAL_WRITE, 0, DATA_AT, &value, 8), 0);
	expect_eq(*s390_word(vm, DATA_AT), 0x1234);
	expect_eq(mem_op(vm, KVM_S390_MEMOP_LOGICAL_READ, 0, DATA_AT, &got, 8), 0);
	expect_eq(got, 0x1234);
	expect_eq(mem_op(vm, KVM_S390_MEMOP_LOGICAL_READ, KVM_S390_MEMOP_F_CHECK_ONLY, DATA_AT,
			 NULL, 8), 0);
	expect_eq(mem_op(vm, KVM_S390_MEMOP_LOGICAL_READ, 0, SLOT_AT, &got, 8), 5);
	expect_errno(mem_op(vm, KVM_S390_MEMOP_LOGICAL_READ, 0, DATA_AT, &got, 0), EINVAL);
	expect_errno(mem_op(vm, KVM_S390_MEMOP_LOGICAL_READ, 0, DATA_AT, &got, max + 1), E2BIG);
	expect_errno(mem_op(vm, KVM_S390_MEMOP_LOGICAL_READ, 1 << 20, DATA_AT, &got, 8), EINVAL);
	expect_errno(mem_op(vm, 99, 0, DATA_AT, &got, 8), EINVAL);
	/* access register 16 */
	expect_errno(ioctl(vm->cpu, KVM_S390_MEM_OP, &(struct kvm_s390_mem_op){
			     .op = KVM_S390_MEMOP_LOGICAL_READ, .gaddr = DATA_AT, .size = 8,
			     .buf = (uintptr_t)&got, .ar = 16 }), EINVAL);
	expect_eq(got, 0x1234);
	expect_errno(mem_op(vm, KVM_S390_MEMOP_LOGICAL_WRITE, 0, DATA_AT, NULL, 8), EFAULT);
}

/* The exception is the guest's when the VMM says so. */
TEST(mem_op_injects)
{
	struct s390_vm *vm = s390_vm_of(bare);
	uint64_t got;

	s390_expect_icpt(vm, ICPT_INSTRUCTION);
	expect_eq(mem_op(vm, KVM_S390_MEMOP_LOGICAL_READ, KVM_S390_MEMOP_F_INJECT_EXCEPTION,
			 SLOT_AT, &got, 8), 5);
	s390_expect_wait(vm, WAIT_OF(LC_PGM_NEW));
	expect_eq(*(uint16_t *)(vm->mem + LC_PGM_CODE), 5);
}

/*
 * Tables for 2 GB, of which one segment is there: page 0x20 of the space is frame 0x30, page 0x21 is
 * protected, page 0x22 is not there.
 */
static void make_tables(struct s390_vm *vm)
{
	s390_make_tables(vm, 1);
	*s390_page_entry(vm, 0x20000) = 0x30000;
	*s390_page_entry(vm, 0x21000) = 0x31000 | PAGE_PROTECTED;
	*s390_page_entry(vm, 0x22000) = PAGE_INVALID;
	s390_translate(vm);
}

TEST(mem_op_translates)
{
	struct s390_vm *vm = s390_vm_of(bare);
	uint64_t value = 77, got = 0;

	make_tables(vm);
	s390_expect_icpt(vm, ICPT_INSTRUCTION);
	expect_eq(mem_op(vm, KVM_S390_MEMOP_LOGICAL_WRITE, 0, 0x20010, &value, 8), 0);
	expect_eq(*s390_word(vm, 0x30010), 77);
	expect_eq(mem_op(vm, KVM_S390_MEMOP_LOGICAL_READ, 0, 0x21000, &got, 8), 0);
	expect_eq(mem_op(vm, KVM_S390_MEMOP_LOGICAL_WRITE, 0, 0x21000, &got, 8), 4);
	expect_eq(mem_op(vm, KVM_S390_MEMOP_LOGICAL_READ, 0, 0x22000, &got, 8), 0x11);
	expect_eq(mem_op(vm, KVM_S390_MEMOP_LOGICAL_READ, 0, MB, &got, 8), 0x10);
	expect_eq(mem_op(vm, KVM_S390_MEMOP_LOGICAL_READ, 0, 1UL << 31, &got, 8), 0x38);
	/* nothing is written when the end cannot be */
	value = 88;
	expect_eq(mem_op(vm, KVM_S390_MEMOP_LOGICAL_WRITE, 0, 0x20ffc, &value, 8), 4);
}

INSNS(translated,
      "llill %r4,0; oilh %r4,2; lg %r2,0x10(%r4); llilh %r5,2; oill %r5,0x1000; stg %r2,0(%r5)");

/*
 * The machine's own translation: a page that the guest's tables protect is the guest's exception.
 */
TEST(guest_protection_is_the_guests)
{
	struct s390_vm *vm = s390_vm_of(translated);

	make_tables(vm);
	*s390_word(vm, 0x30010) = 66;
	s390_expect_wait(vm, WAIT_OF(LC_PGM_NEW));
	expect_eq(*(uint16_t *)(vm->mem + LC_PGM_CODE), 4);
	expect_eq(vm->run->s.regs.gprs[2], 66);
	expect_eq(*s390_word(vm, 0xa8) & ~0xfffUL, 0x21000);
}

TEST(memory_limit)
{
	struct s390_vm *vm = s390_vm_of(peek);
	uint64_t limit = 0;
	struct kvm_device_attr attr = {
		.group = KVM_S390_VM_MEM_CTRL, .attr = KVM_S390_VM_MEM_LIMIT_SIZE,
		.addr = (uintptr_t)&limit,
	};

	must(ioctl(vm->fd, KVM_HAS_DEVICE_ATTR, &attr));
	must(ioctl(vm->fd, KVM_GET_DEVICE_ATTR, &attr));
	expect(limit >= MEM_SIZE);
	limit = 64 * MB;
	expect_errno(ioctl(vm->fd, KVM_SET_DEVICE_ATTR, &attr), EBUSY);
	attr.attr = 99;
	expect_errno(ioctl(vm->fd, KVM_HAS_DEVICE_ATTR, &attr), ENXIO);
	expect_errno(ioctl(vm->fd, KVM_SET_DEVICE_ATTR, &attr), ENXIO);
}

TEST(clock_attribute)
{
	struct s390_vm *vm = s390_vm_of(peek);
	uint64_t tod = 0x1234567812345678, got = 0;
	struct kvm_device_attr attr = {
		.group = KVM_S390_VM_TOD, .attr = KVM_S390_VM_TOD_LOW, .addr = (uintptr_t)&tod,
	};
	uint8_t high = 1;

	must(ioctl(vm->fd, KVM_SET_DEVICE_ATTR, &attr));
	attr.addr = (uintptr_t)&got;
	must(ioctl(vm->fd, KVM_GET_DEVICE_ATTR, &attr));
	expect_ge(got, tod);
	expect_le(got, tod + (20UL << 32));
	attr.attr = KVM_S390_VM_TOD_HIGH;
	attr.addr = (uintptr_t)&high;
	expect_errno(ioctl(vm->fd, KVM_SET_DEVICE_ATTR, &attr), EINVAL);
	attr.addr = 0;
	expect_errno(ioctl(vm->fd, KVM_GET_DEVICE_ATTR, &attr), EFAULT);
}

/* What is not available cannot be turned on, and nothing can once there is a CPU. */
TEST(cpu_features)
{
	struct s390_vm *vm = s390_vm_of(peek);
	int bare = must(ioctl(vm->kvm, KVM_CREATE_VM, 0));
	static struct kvm_s390_vm_cpu_feat feat;
	struct kvm_device_attr attr = {
		.group = KVM_S390_VM_CPU_MODEL, .attr = KVM_S390_VM_CPU_MACHINE_FEAT,
		.addr = (uintptr_t)&feat,
	};

	must(ioctl(bare, KVM_GET_DEVICE_ATTR, &attr));
	expect_errno(ioctl(bare, KVM_SET_DEVICE_ATTR, &attr), ENXIO);
	attr.attr = KVM_S390_VM_CPU_PROCESSOR_FEAT;
	must(ioctl(bare, KVM_SET_DEVICE_ATTR, &attr));
	expect_errno(ioctl(vm->fd, KVM_SET_DEVICE_ATTR, &attr), EBUSY);
	feat.feat[15] = 1;
	expect_errno(ioctl(bare, KVM_SET_DEVICE_ATTR, &attr), EINVAL);
	must(ioctl(bare, KVM_GET_DEVICE_ATTR, &attr));
	expect_eq(feat.feat[15], 0);
}

/*
 * Page 0x20 has key 1, protected against fetches too; 0x21 key 2, against stores alone; 0x22 key 9.
 */
static void set_keys(struct s390_vm *vm)
{
	uint8_t keys[3] = { 0x18, 0x20, 0x98 };
	struct kvm_s390_skeys args = {
		.start_gfn = 0x20, .count = 3, .skeydata_addr = (uintptr_t)keys,
	};

	memset(vm->mem + 0x20000, 1, 0x3000);
	must(ioctl(vm->fd, KVM_S390_SET_SKEYS, &args));
}

static long keyed_op(int fd, uint32_t op, uint64_t gaddr, uint8_t key)
{
	uint64_t value = 0;
	struct kvm_s390_mem_op args = {
		.op = op, .flags = KVM_S390_MEMOP_F_SKEY_PROTECTION, .gaddr = gaddr, .key = key,
		.buf = (uintptr_t)&value, .size = 8,
	};

	return ioctl(fd, KVM_S390_MEM_OP, &args);
}

static void expect_keys_count(int fd, uint32_t read, uint32_t write)
{
	expect_eq(keyed_op(fd, read, 0x20000, 1), 0);
	expect_eq(keyed_op(fd, read, 0x20000, 0), 0);
	expect_eq(keyed_op(fd, read, 0x20000, 2), 4);
	expect_eq(keyed_op(fd, write, 0x20000, 2), 4);
	expect_eq(keyed_op(fd, read, 0x21000, 1), 0);
	expect_eq(keyed_op(fd, write, 0x21000, 1), 4);
	expect_eq(keyed_op(fd, write, 0x21000, 2), 0);
	expect_eq(keyed_op(fd, read, 0x20ffc, 1), 0);
	expect_eq(keyed_op(fd, write, 0x20ffc, 1), 4);
	expect_eq(keyed_op(fd, read, SLOT_AT, 1), 5);
	expect_errno(keyed_op(fd, read, 0x20000, 16), EINVAL);
}

TEST(mem_op_by_key)
{
	struct s390_vm *vm = s390_vm_of(bare);

	s390_expect_icpt(vm, ICPT_INSTRUCTION);
	if (ioctl(vm->kvm, KVM_CHECK_EXTENSION, KVM_CAP_S390_MEM_OP_EXTENSION) <= 0)
		skip("KVM_CAP_S390_MEM_OP_EXTENSION");
	set_keys(vm);
	expect_keys_count(vm->cpu, KVM_S390_MEMOP_LOGICAL_READ, KVM_S390_MEMOP_LOGICAL_WRITE);
}

/* Control register 0 lets any key at pages of key 9. */
TEST(mem_op_storage_protection_override)
{
	struct s390_vm *vm = s390_vm_of(bare);

	s390_expect_icpt(vm, ICPT_INSTRUCTION);
	set_keys(vm);
	expect_eq(keyed_op(vm->cpu, KVM_S390_MEMOP_LOGICAL_WRITE, 0x22000, 3), 4);
	vm->run->s.regs.crs[0] |= 0x01000000;
	vm->run->kvm_dirty_regs = KVM_SYNC_CRS;
	vm->run->psw_addr = CODE_AT;
	s390_expect_icpt(vm, ICPT_INSTRUCTION);
	expect_eq(keyed_op(vm->cpu, KVM_S390_MEMOP_LOGICAL_WRITE, 0x22000, 3), 0);
	expect_eq(keyed_op(vm->cpu, KVM_S390_MEMOP_LOGICAL_WRITE, 0x20000, 3), 4);
}

TEST(mem_op_absolute)
{
	struct s390_vm *vm = s390_vm_of(bare);
	uint64_t value = 0x55, got = 0;
	struct kvm_s390_mem_op args = {
		.op = KVM_S390_MEMOP_ABSOLUTE_WRITE, .gaddr = DATA_AT, .buf = (uintptr_t)&value,
		.size = 8,
	};

	expect_eq(ioctl(vm->fd, KVM_S390_MEM_OP, &args), 0);
	expect_eq(*s390_word(vm, DATA_AT), 0x55);
	args.op = KVM_S390_MEMOP_ABSOLUTE_READ;
	args.buf = (uintptr_t)&got;
	expect_eq(ioctl(vm->fd, KVM_S390_MEM_OP, &args), 0);
	expect_eq(got, 0x55);
	args.flags = KVM_S390_MEMOP_F_INJECT_EXCEPTION;
	expect_errno(ioctl(vm->fd, KVM_S390_MEM_OP, &args), EINVAL);
	args.flags = 0;
	expect_errno(ioctl(vm->cpu, KVM_S390_MEM_OP, &args), EINVAL);
	args.op = KVM_S390_MEMOP_LOGICAL_READ;
	expect_errno(ioctl(vm->fd, KVM_S390_MEM_OP, &args), EINVAL);
	set_keys(vm);
	expect_keys_count(vm->fd, KVM_S390_MEMOP_ABSOLUTE_READ, KVM_S390_MEMOP_ABSOLUTE_WRITE);
}
