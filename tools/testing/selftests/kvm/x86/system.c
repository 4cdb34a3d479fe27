// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/kvm itself and what every descriptor below it must refuse: versions, capabilities, unknown
 * requests, bad arguments, list sizes, the run page's mapping.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>

#include "vm.h"
#include "guest.h"

/* Requests of KVM's own number space that no kernel has, and one of another subsystem (TCGETS). */
static const unsigned long unknown_requests[] = {
	_IO(KVMIO, 0xff), _IOW(KVMIO, 0xfe, uint64_t), _IOR(KVMIO, 0x3f, uint32_t), 0x5401, 0, ~0u,
};

/*
 * ENOTTY is what ioctl(2) promises for "the specified request does not apply to the kind of
 * object". The distribution's modules give EINVAL instead on the system and vCPU descriptors, which
 * tells a VMM nothing.
 */
static void refuses(int fd, unsigned long request)
{
	int allowed = distro_modules() ? EINVAL : ENOTTY;
	long r = ioctl(fd, request, 0);

	if (r != -1 || (errno != ENOTTY && errno != allowed))
		fail("request %#lx: %ld, %s", request, r, strerror(errno));
}

static void refuses_unknown(int fd)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(unknown_requests); i++)
		refuses(fd, unknown_requests[i]);
}

TEST(api_version)
{
	expect_eq(must(ioctl(kvm_open(), KVM_GET_API_VERSION, 0)), 12);
}

/* The argument of requests that take none must be 0 (KVM API 4.1, 4.5: "Parameters: none"). */
TEST(no_argument_expected)
{
	int kvm = kvm_open();

	expect_errno(ioctl(kvm, KVM_GET_API_VERSION, 1), EINVAL);
	expect_errno(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 1), EINVAL);
}

TEST(unknown_requests_on_system)
{
	refuses_unknown(kvm_open());
}

TEST(unknown_requests_on_vm)
{
	refuses_unknown(vm_bare());
}

TEST(unknown_requests_on_vcpu)
{
	int vm = vm_bare();

	refuses_unknown(must(ioctl(vm, KVM_CREATE_VCPU, 0)));
}

/* A request is known on one kind of descriptor only. */
TEST(requests_of_another_level)
{
	int kvm = kvm_open(), vm = vm_bare();
	int vcpu = must(ioctl(vm, KVM_CREATE_VCPU, 0));

	refuses(kvm, KVM_RUN);
	refuses(kvm, KVM_CREATE_VCPU);
	refuses(vm, KVM_RUN);
	refuses(vm, KVM_CREATE_VM);
	refuses(vm, KVM_GET_API_VERSION);
	refuses(vcpu, KVM_CREATE_VCPU);
	refuses(vcpu, KVM_GET_VCPU_MMAP_SIZE);
}

/* x86 has one machine type, 0. */
TEST(create_vm_of_unknown_type)
{
	int kvm = kvm_open();

	expect_errno(ioctl(kvm, KVM_CREATE_VM, 0xdead), EINVAL);
	expect_errno(ioctl(kvm, KVM_CREATE_VM, ~0UL), EINVAL);
}

TEST(unknown_capability)
{
	int kvm = kvm_open();

	expect_eq(must(ioctl(kvm, KVM_CHECK_EXTENSION, 0xffffff)), 0);
	expect_eq(must(ioctl(kvm, KVM_CHECK_EXTENSION, ~0UL)), 0);
}

/* What no VMM of ours could live without, on the system and on the VM descriptor alike. */
TEST(capabilities)
{
	static const struct {
		int cap, min;
	} rows[] = {
		{ KVM_CAP_USER_MEMORY, 1 }, { KVM_CAP_IRQCHIP, 1 }, { KVM_CAP_HLT, 1 },
		{ KVM_CAP_EXT_CPUID, 1 }, { KVM_CAP_NR_VCPUS, 1 }, { KVM_CAP_MAX_VCPUS, 4 },
		{ KVM_CAP_MAX_VCPU_ID, 4 }, { KVM_CAP_NR_MEMSLOTS, 32 }, { KVM_CAP_MP_STATE, 1 },
		{ KVM_CAP_SYNC_MMU, 1 }, { KVM_CAP_DESTROY_MEMORY_REGION_WORKS, 1 },
		{ KVM_CAP_JOIN_MEMORY_REGIONS_WORKS, 1 }, { KVM_CAP_IMMEDIATE_EXIT, 1 },
		{ KVM_CAP_CHECK_EXTENSION_VM, 1 }, { KVM_CAP_READONLY_MEM, 1 },
	};
	int kvm = kvm_open(), vm = vm_bare();
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		int on_system = must(ioctl(kvm, KVM_CHECK_EXTENSION, rows[i].cap));

		if (on_system < rows[i].min)
			fail("capability %d is %d, less than %d", rows[i].cap, on_system,
			     rows[i].min);
		expect_eq(must(ioctl(vm, KVM_CHECK_EXTENSION, rows[i].cap)), on_system);
	}
	expect_le(kvm_cap(KVM_CAP_NR_VCPUS), kvm_cap(KVM_CAP_MAX_VCPUS));
	expect_le(kvm_cap(KVM_CAP_MAX_VCPUS), kvm_cap(KVM_CAP_MAX_VCPU_ID));
}

TEST(run_page_size)
{
	int size = vcpu_mmap_size();

	expect_ge(size, sizeof(struct kvm_run));
	expect_eq(size % SZ_4K, 0);
}

static sigjmp_buf fault_jump;

static void on_bus_error(int sig)
{
	siglongjmp(fault_jump, sig);
}

/*
 * The mapping ends where KVM_GET_VCPU_MMAP_SIZE says: beyond it there is no page, which is SIGBUS.
 */
TEST(run_page_ends)
{
	int size = vcpu_mmap_size();
	int vcpu = must(ioctl(vm_bare(), KVM_CREATE_VCPU, 0));
	volatile char *p = mmap(NULL, size + SZ_4K, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	int sig;

	signal(SIGBUS, on_bus_error);
	if (p == MAP_FAILED)
		return;
	p[0] = 0;
	p[size - 1] = 0;
	sig = sigsetjmp(fault_jump, 1);
	if (!sig) {
		p[size] = 0;
		fail("the page beyond the run page is there");
	}
	expect_eq(sig, SIGBUS);
}

/* Two mappings show one page, which stays when vCPU and VM descriptors are gone. */
TEST(run_page_is_shared_and_lives)
{
	int size = vcpu_mmap_size();
	int vm = vm_bare(), vcpu = must(ioctl(vm, KVM_CREATE_VCPU, 0));
	struct kvm_run *a = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	struct kvm_run *b = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);

	expect(a != MAP_FAILED && b != MAP_FAILED);
	close(vcpu);
	close(vm);
	a->request_interrupt_window = 0x5a;
	expect_eq(b->request_interrupt_window, 0x5a);
}

/*
 * A list that does not fit gives E2BIG; for CPUID nothing else is promised about nent then (KVM API
 * 4.46).
 */
TEST(cpuid_list_sizes)
{
	struct kvm_cpuid2 *all = supported_cpuid();
	size_t bytes = sizeof(*all) + all->nent * sizeof(all->entries[0]);
	struct kvm_cpuid2 *list = calloc(1, bytes);
	int kvm = kvm_open();

	expect_ge(all->nent, 10);
	list->nent = all->nent - 1;
	expect_errno(ioctl(kvm, KVM_GET_SUPPORTED_CPUID, list), E2BIG);
	list->nent = 0;
	expect_errno(ioctl(kvm, KVM_GET_SUPPORTED_CPUID, list), E2BIG);
	list->nent = all->nent;
	must(ioctl(kvm, KVM_GET_SUPPORTED_CPUID, list));
	expect_eq(list->nent, all->nent);
	expect_errno(ioctl(kvm, KVM_GET_SUPPORTED_CPUID, NULL), EFAULT);
}

/* No leaf twice, none but KVM's own above the range that each range's first leaf announces. */
TEST(supported_cpuid_is_a_set)
{
	struct kvm_cpuid2 *list = supported_cpuid();
	unsigned int i, j;

	for (i = 0; i < list->nent; i++)
		for (j = 0; j < i; j++)
			expect(list->entries[i].function != list->entries[j].function ||
			       (list->entries[i].index != list->entries[j].index &&
				(list->entries[i].flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX)));
	expect(cpuid_find(list, 0, 0));
	expect(cpuid_find(list, 1, 0));
	expect(cpuid_find(list, 0x80000001, 0));
	for (i = 0; i < list->nent; i++)
		if (list->entries[i].function < 0x40000000)
			expect_le(list->entries[i].function, cpuid_find(list, 0, 0)->eax);
}

/* The VM descriptor's list of MSRs: too small a list tells the count needed (KVM API 4.3). */
static void msr_list_protocol(unsigned long request)
{
	struct kvm_msr_list probe = { .nmsrs = 0 }, *list;
	int kvm = kvm_open();
	unsigned int n, i, j;

	if (ioctl(kvm, request, &probe) < 0)
		expect_eq(errno, E2BIG);
	n = probe.nmsrs;
	expect_ge(n, 1);
	list = calloc(1, sizeof(*list) + n * sizeof(list->indices[0]));
	list->nmsrs = n - 1;
	expect_errno(ioctl(kvm, request, list), E2BIG);
	expect_eq(list->nmsrs, n);
	must(ioctl(kvm, request, list));
	expect_eq(list->nmsrs, n);
	for (i = 0; i < n; i++)
		for (j = 0; j < i; j++)
			expect_ne(list->indices[i], list->indices[j]);
	expect_errno(ioctl(kvm, request, NULL), EFAULT);
}

TEST(msr_index_list)
{
	msr_list_protocol(KVM_GET_MSR_INDEX_LIST);
}

TEST(msr_feature_index_list)
{
	REQUIRE_CAP(KVM_CAP_GET_MSR_FEATURES);
	msr_list_protocol(KVM_GET_MSR_FEATURE_INDEX_LIST);
}

/* Each MSR of the list can be read, and written back with what was read. */
TEST(listed_msrs_can_be_read_and_written)
{
	struct kvm_msr_list *list = calloc(1, sizeof(*list) + 1024 * sizeof(uint32_t));
	struct vm *vm = vm_new(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_start(vm, 0, NULL);
	unsigned int i;
	uint64_t v;

	list->nmsrs = 1024;
	must(ioctl(kvm_open(), KVM_GET_MSR_INDEX_LIST, list));
	for (i = 0; i < list->nmsrs; i++) {
		if (!vcpu_get_msr(vcpu, list->indices[i], &v))
			fail("MSR %#x of the list cannot be read", list->indices[i]);
		if (!vcpu_set_msr(vcpu, list->indices[i], v))
			fail("MSR %#x does not take its own value %#llx", list->indices[i],
			     (unsigned long long)v);
	}
}

TEST(create_device_of_unknown_type)
{
	struct kvm_create_device dev = { .type = 0x7fffffff, .flags = KVM_CREATE_DEVICE_TEST };
	int vm = vm_bare();

	expect_errno(ioctl(vm, KVM_CREATE_DEVICE, &dev), ENODEV);
	dev.flags = 0;
	expect_errno(ioctl(vm, KVM_CREATE_DEVICE, &dev), ENODEV);
}

TEST(enable_cap_refuses_unknown)
{
	struct kvm_enable_cap cap = { .cap = 0x7fffffff };
	int vm = vm_bare(), vcpu = must(ioctl(vm, KVM_CREATE_VCPU, 0));

	expect_errno(ioctl(vm, KVM_ENABLE_CAP, &cap), EINVAL);
	expect_errno(ioctl(vcpu, KVM_ENABLE_CAP, &cap), EINVAL);
}

TEST(bad_pointers)
{
	void *bad = (void *)0x7ffffffff000;	/* the first address that is not the user's */
	int vm = vm_bare(), vcpu = must(ioctl(vm, KVM_CREATE_VCPU, 0));

	expect_errno(ioctl(vm, KVM_SET_USER_MEMORY_REGION, bad), EFAULT);
	expect_errno(ioctl(vm, KVM_GET_DIRTY_LOG, bad), EFAULT);
	expect_errno(ioctl(vm, KVM_IRQFD, bad), EFAULT);
	expect_errno(ioctl(vm, KVM_IOEVENTFD, bad), EFAULT);
	expect_errno(ioctl(vm, KVM_CREATE_DEVICE, bad), EFAULT);
	expect_errno(ioctl(vcpu, KVM_GET_REGS, bad), EFAULT);
	expect_errno(ioctl(vcpu, KVM_SET_REGS, bad), EFAULT);
	expect_errno(ioctl(vcpu, KVM_SET_SREGS, bad), EFAULT);
	expect_errno(ioctl(vcpu, KVM_SET_CPUID2, bad), EFAULT);
	expect_errno(ioctl(vcpu, KVM_GET_MSRS, bad), EFAULT);
	expect_errno(ioctl(vcpu, KVM_SET_MSRS, bad), EFAULT);
}

TEST(unknown_requests_on_device)
{
	struct kvm_create_device dev = { .type = KVM_DEV_TYPE_VFIO };
	struct kvm_device_attr attr = { .group = 77 };

	if (ioctl(vm_bare(), KVM_CREATE_DEVICE, &dev) < 0)
		skip("there is no device that can be made");
	refuses_unknown(dev.fd);
	expect_errno(ioctl(dev.fd, KVM_HAS_DEVICE_ATTR, &attr), ENXIO);
	expect_errno(ioctl(dev.fd, KVM_SET_DEVICE_ATTR, &attr), ENXIO);
}
