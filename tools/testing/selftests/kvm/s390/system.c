// SPDX-License-Identifier: GPL-2.0-only
/*
 * The interface itself, and the requests that s390 has of the core: what is reported, what is
 * enabled, and what bad arguments give (KVM API 4).
 */
#include <fcntl.h>
#include <sys/eventfd.h>

#include "s390.h"

INSNS(nothing, S390_END "\n j nothing");

static int kvm_file(void)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (kvm < 0)
		skip("/dev/kvm: %s", strerror(errno));
	return kvm;
}

TEST(api_version)
{
	int kvm = kvm_file();

	expect_eq(ioctl(kvm, KVM_GET_API_VERSION, 0), 12);
	expect_errno(ioctl(kvm, KVM_GET_API_VERSION, 1), EINVAL);
	expect_ge(must(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0)), sizeof(struct kvm_run));
	expect_errno(ioctl(kvm, KVM_CREATE_VM, 77), EINVAL);
}

/* On the system file and on a VM's; what is not known is 0. */
TEST(capabilities)
{
	static const unsigned int ones[] = {
		KVM_CAP_USER_MEMORY, KVM_CAP_DESTROY_MEMORY_REGION_WORKS, KVM_CAP_SYNC_MMU,
		KVM_CAP_ONE_REG, KVM_CAP_SYNC_REGS, KVM_CAP_MP_STATE, KVM_CAP_ENABLE_CAP,
		KVM_CAP_ENABLE_CAP_VM, KVM_CAP_CHECK_EXTENSION_VM, KVM_CAP_VM_ATTRIBUTES,
		KVM_CAP_DEVICE_CTRL, KVM_CAP_IMMEDIATE_EXIT, KVM_CAP_IOEVENTFD, KVM_CAP_IRQFD,
		KVM_CAP_HALT_POLL, KVM_CAP_BINARY_STATS_FD, KVM_CAP_S390_PSW, KVM_CAP_S390_GMAP,
		KVM_CAP_S390_CSS_SUPPORT, KVM_CAP_S390_IRQCHIP, KVM_CAP_S390_USER_SIGP,
		KVM_CAP_S390_USER_STSI, KVM_CAP_S390_SKEYS, KVM_CAP_S390_INJECT_IRQ,
		KVM_CAP_S390_IRQ_STATE, KVM_CAP_S390_USER_INSTR0, KVM_CAP_S390_VCPU_RESETS,
	};
	struct s390_vm *vm = s390_vm_of(nothing);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ones); i++) {
		expect_eq(ioctl(vm->kvm, KVM_CHECK_EXTENSION, ones[i]), 1);
		expect_eq(ioctl(vm->fd, KVM_CHECK_EXTENSION, ones[i]), 1);
	}
	expect_ge(ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_NR_MEMSLOTS), 32);
	expect_ge(ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS), 1);
	/* what is recommended: as many as there are processors */
	expect_eq(ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_NR_VCPUS),
		  sysconf(_SC_NPROCESSORS_ONLN));
	expect_ge(ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_S390_MEM_OP), 4096);
	expect_eq(ioctl(vm->fd, KVM_CHECK_EXTENSION, 0x7fffffff), 0);
}

/* What other architectures have, or what this machine lacks, is not there. */
TEST(not_reported)
{
	static const unsigned int none[] = {
		KVM_CAP_DIRTY_LOG_RING, KVM_CAP_READONLY_MEM,
		KVM_CAP_COALESCED_MMIO, KVM_CAP_COALESCED_PIO, KVM_CAP_SIGNAL_MSI, KVM_CAP_IRQCHIP,
		KVM_CAP_S390_PROTECTED, KVM_CAP_S390_PROTECTED_DUMP, KVM_CAP_S390_ZPCI_OP,
		KVM_CAP_S390_GS, KVM_CAP_S390_BPB, KVM_CAP_IRQFD_RESAMPLE,
		KVM_CAP_IRQ_INJECT_STATUS,
	};
	struct s390_vm *vm = s390_vm_of(nothing);
	unsigned int i, bad = 0;

	for (i = 0; i < ARRAY_SIZE(none); i++) {
		/* the kernel's own reports this of every machine */
		if (distro_modules() && none[i] == KVM_CAP_IRQFD_RESAMPLE)
			continue;
		if (ioctl(vm->fd, KVM_CHECK_EXTENSION, none[i])) {
			note("capability %u is reported", none[i]);
			bad++;
		}
	}
	expect_eq(bad, 0);
}

TEST(enable_cap_refuses)
{
	struct s390_vm *vm = s390_vm_of(nothing);
	struct kvm_enable_cap cap = { .cap = 0x7fffffff };

	expect_errno(ioctl(vm->fd, KVM_ENABLE_CAP, &cap), EINVAL);
	expect_errno(ioctl(vm->cpu, KVM_ENABLE_CAP, &cap), EINVAL);
	cap.cap = KVM_CAP_S390_USER_SIGP;
	cap.flags = 1;
	expect_errno(ioctl(vm->fd, KVM_ENABLE_CAP, &cap), EINVAL);
	cap.cap = KVM_CAP_S390_CSS_SUPPORT;
	expect_errno(ioctl(vm->cpu, KVM_ENABLE_CAP, &cap), EINVAL);
	cap.flags = 0;
	cap.cap = KVM_CAP_S390_PSW;
	expect_errno(ioctl(vm->fd, KVM_ENABLE_CAP, &cap), EINVAL);
	expect_errno(ioctl(vm->cpu, KVM_ENABLE_CAP, &cap), EINVAL);
}

TEST(halt_poll)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_HALT_POLL, .args = { 1000 } };
	struct s390_vm *vm = s390_vm_of(nothing);

	must(ioctl(vm->fd, KVM_ENABLE_CAP, &cap));
	s390_run_to_end(vm);
	cap.flags = 1;
	expect_errno(ioctl(vm->fd, KVM_ENABLE_CAP, &cap), EINVAL);
}

TEST(devices)
{
	struct s390_vm *vm = s390_vm_of(nothing);
	struct kvm_create_device dev = { .type = 0x7777 };

	expect_errno(ioctl(vm->fd, KVM_CREATE_DEVICE, &dev), ENODEV);
	dev.type = KVM_DEV_TYPE_FLIC;
	dev.flags = KVM_CREATE_DEVICE_TEST;
	must(ioctl(vm->fd, KVM_CREATE_DEVICE, &dev));
	dev.flags = 0;
	must(ioctl(vm->fd, KVM_CREATE_DEVICE, &dev));
	expect_errno(ioctl(dev.fd, _IO(KVMIO, 0xfe), 0), ENOTTY);
}

/*
 * Requests of the core for which there is nothing here. The kernel's own module has other errors.
 */
TEST(requests_without_meaning)
{
	struct s390_vm *vm = s390_vm_of(nothing);
	struct kvm_coalesced_mmio_zone zone = { .addr = 0x10000000, .size = 8 };

	expect_errno(ioctl(vm->fd, KVM_SIGNAL_MSI, &(struct kvm_msi){ }), ENOTTY);
	if (distro_modules())
		return;
	expect_errno(ioctl(vm->fd, KVM_REGISTER_COALESCED_MMIO, &zone), ENOTTY);
	expect_errno(ioctl(vm->fd, KVM_UNREGISTER_COALESCED_MMIO, &zone), ENOTTY);
	expect_errno(ioctl(vm->fd, KVM_IRQ_LINE, &(struct kvm_irq_level){ }), ENXIO);
	expect_errno(ioctl(vm->fd, KVM_IRQ_LINE_STATUS, &(struct kvm_irq_level){ }), ENXIO);
	expect_errno(ioctl(vm->fd, KVM_RESET_DIRTY_RINGS, 0), EINVAL);
}

/*
 * The log that is cleared by the VMM, a part of it at a time (KVM API 4.117). The kernel's own
 * module does not report it on s390.
 */
TEST(dirty_log_by_parts)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
		.args = { KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE },
	};
	static uint64_t bitmap[MEM_SIZE / 4096 / 64];
	struct s390_vm *vm = s390_vm_of(nothing);
	struct kvm_userspace_memory_region slot = {
		.flags = KVM_MEM_LOG_DIRTY_PAGES, .memory_size = MEM_SIZE,
		.userspace_addr = (uintptr_t)vm->mem,
	};
	struct kvm_clear_dirty_log clear = { .dirty_bitmap = bitmap, .num_pages = 64 };

	if (!ioctl(vm->fd, KVM_CHECK_EXTENSION, cap.cap))
		skip("no KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2");
	must(ioctl(vm->fd, KVM_ENABLE_CAP, &cap));
	must(ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &slot));
	must(ioctl(vm->fd, KVM_CLEAR_DIRTY_LOG, &clear));
	clear.first_page = 1;
	expect_errno(ioctl(vm->fd, KVM_CLEAR_DIRTY_LOG, &clear), EINVAL);
	clear.first_page = 0;
	clear.num_pages = 63;
	expect_errno(ioctl(vm->fd, KVM_CLEAR_DIRTY_LOG, &clear), EINVAL);
	clear.num_pages = 64;
	clear.slot = 9;
	expect_errno(ioctl(vm->fd, KVM_CLEAR_DIRTY_LOG, &clear), ENOENT);
}

TEST(signal_mask)
{
	struct s390_vm *vm = s390_vm_of(nothing);
	struct {
		struct kvm_signal_mask head;
		uint64_t mask;
	} __attribute__((packed)) mask = { .head.len = 8 };

	must(ioctl(vm->cpu, KVM_SET_SIGNAL_MASK, &mask));
	s390_run_to_end(vm);
	mask.head.len = 4;
	expect_errno(ioctl(vm->cpu, KVM_SET_SIGNAL_MASK, &mask), EINVAL);
	must(ioctl(vm->cpu, KVM_SET_SIGNAL_MASK, NULL));
}

/* Groups and attributes of a VM and of the controller that are not there. */
TEST(unknown_attributes)
{
	static const unsigned long requests[] = {
		KVM_HAS_DEVICE_ATTR, KVM_GET_DEVICE_ATTR, KVM_SET_DEVICE_ATTR,
	};
	static const struct {
		unsigned int	group;
		uint64_t	attr;
	} unknown[] = {
		{ 0x7777, 0 }, { KVM_S390_VM_TOD, 0x7777 }, { KVM_S390_VM_MEM_CTRL, 0x7777 },
		{ KVM_S390_VM_CPU_MODEL, 0x7777 }, { KVM_S390_VM_CRYPTO, 0x7777 },
		{ KVM_S390_VM_MIGRATION, 0x7777 },
	};
	struct s390_vm *vm = s390_vm_of(nothing);
	struct kvm_device_attr attr = { };
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(unknown); i++) {
		for (j = 0; j < ARRAY_SIZE(requests); j++) {
			attr.group = unknown[i].group;
			attr.attr = unknown[i].attr;
			/* the kernel's own sets what it does not know of migration */
			if (distro_modules() && attr.group == KVM_S390_VM_MIGRATION)
				continue;
			expect_errno(ioctl(vm->fd, requests[j], &attr), ENXIO);
		}
	}
}

/* An attribute's value that points nowhere, for each that can be read. */
TEST(attributes_nowhere)
{
	static const struct {
		unsigned int	group;
		uint64_t	attr;
	} known[] = {
		{ KVM_S390_VM_TOD, KVM_S390_VM_TOD_LOW }, { KVM_S390_VM_TOD, KVM_S390_VM_TOD_HIGH },
		{ KVM_S390_VM_MEM_CTRL, KVM_S390_VM_MEM_LIMIT_SIZE },
		{ KVM_S390_VM_CPU_MODEL, KVM_S390_VM_CPU_PROCESSOR },
		{ KVM_S390_VM_CPU_MODEL, KVM_S390_VM_CPU_MACHINE },
		{ KVM_S390_VM_CPU_MODEL, KVM_S390_VM_CPU_PROCESSOR_FEAT },
		{ KVM_S390_VM_CPU_MODEL, KVM_S390_VM_CPU_MACHINE_FEAT },
	};
	struct s390_vm *vm = s390_vm_of(nothing);
	struct kvm_device_attr attr = { .addr = -4096UL };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(known); i++) {
		attr.group = known[i].group;
		attr.attr = known[i].attr;
		must(ioctl(vm->fd, KVM_HAS_DEVICE_ATTR, &attr));
		expect_errno(ioctl(vm->fd, KVM_GET_DEVICE_ATTR, &attr), EFAULT);
	}
}

/* A prefix outside of memory: KVM_RUN says so at once, before the machine could (ucontrol.c). */
TEST(prefix_nowhere)
{
	struct s390_vm *vm = s390_vm_of(nothing);

	vm->run->s.regs.prefix = 0x40000000;
	vm->run->kvm_dirty_regs = KVM_SYNC_PREFIX;
	expect_errno(ioctl(vm->cpu, KVM_RUN, 0), EFAULT);
}

/* Shorter than a file of statistics, and one per CPU. */
TEST(statistics_file)
{
	struct s390_vm *vm = s390_vm_of(nothing);
	struct kvm_stats_header head;
	int fds[2], i;

	fds[0] = must(ioctl(vm->fd, KVM_GET_STATS_FD, 0));
	fds[1] = must(ioctl(vm->cpu, KVM_GET_STATS_FD, 0));
	for (i = 0; i < 2; i++) {
		expect_eq(read(fds[i], &head, sizeof(head)), sizeof(head));
		expect_ge(head.num_desc, 1);
	}
}
