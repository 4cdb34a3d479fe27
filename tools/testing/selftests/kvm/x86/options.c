// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a VMM chooses for a VM or a vCPU: quirks to turn off, exits to ask for, MSRs to keep from the
 * guest, limits, attributes. Each choice is made, seen in the guest, and refused when it is wrong.
 */
#include <fcntl.h>

#include "irq.h"

#define MSR_KERNEL_GS	0xc0000102
#define MSR_MISC_ENABLE	0x1a0
#define MSR_X2APIC_ID	0x802
#define MSR_STEAL	0x4b564d03
#define HC_MAP_GPA_RANGE 12

static void nothing(void)
{
}

static int enable_on(int fd, uint32_t cap, uint64_t arg)
{
	struct kvm_enable_cap e = { .cap = cap, .args = { arg } };

	return ioctl(fd, KVM_ENABLE_CAP, &e);
}

static int enable(struct vm *vm, uint32_t cap, uint64_t arg)
{
	return enable_on(vm->fd, cap, arg);
}

/* Flags are reserved in every KVM_ENABLE_CAP, and a VM's capability is none of a vCPU. */
TEST(enable_cap_flags)
{
	struct kvm_enable_cap e = { .cap = KVM_CAP_EXCEPTION_PAYLOAD, .flags = 1, .args = { 1 } };
	struct vm *vm = vm_start(nothing);

	expect_errno(ioctl(vm->fd, KVM_ENABLE_CAP, &e), EINVAL);
	expect_errno(enable_on(vm->vcpu[0].fd, KVM_CAP_EXCEPTION_PAYLOAD, 1), EINVAL);
	expect_errno(enable(vm, KVM_CAP_ENFORCE_PV_FEATURE_CPUID, 1), EINVAL);
}

/* ---- MSRs (KVM API 4.97) --------------------------------------------------------------------- */

static void guest_denied(void)
{
	guest_sync(0);
	guest_expect_eq(try_rdmsr(MSR_KERNEL_GS), VEC_GP);
	guest_expect_eq(try_wrmsr(MSR_KERNEL_GS, 1), NO_FAULT);
	guest_expect_eq(try_rdmsr(0x10), VEC_GP);
	guest_expect_eq(try_wrmsr(MSR_X2APIC_ID, 0), VEC_GP);	/* read-only, filter or not */
	guest_expect_eq(try_rdmsr(MSR_X2APIC_ID), NO_FAULT);
	guest_sync(1);
	guest_expect_eq(rdmsr(MSR_KERNEL_GS), 1);
	guest_expect_eq(try_rdmsr(0x10), NO_FAULT);
}

/*
 * By default denied; of one MSR, which the guest otherwise reads and writes without an exit, writes
 * are let through. x2APIC registers are beyond the filter.
 */
TEST(msr_filter_default_deny)
{
	static uint8_t yes[8] = { 1 };
	struct kvm_msr_filter f = {
		.flags = KVM_MSR_FILTER_DEFAULT_DENY,
		.ranges[3] = { .flags = KVM_MSR_FILTER_WRITE, .base = MSR_KERNEL_GS, .nmsrs = 1,
			       .bitmap = yes },
	};
	struct kvm_msr_filter none = { .flags = KVM_MSR_FILTER_DEFAULT_ALLOW };
	struct kvm_msr_filter nothing_left = { .flags = KVM_MSR_FILTER_DEFAULT_DENY };
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_denied);
	uint64_t base;

	REQUIRE_CAP(KVM_CAP_X86_MSR_FILTER);
	expect_eq(vcpu_get_msr(&vm->vcpu[0], MSR_APICBASE, &base), 1);
	expect_eq(vcpu_set_msr(&vm->vcpu[0], MSR_APICBASE, base | APICBASE_X2), 1);
	run_to_sync(vm, 0);
	must(ioctl(vm->fd, KVM_X86_SET_MSR_FILTER, &f));
	/* Refused, and the filter that there is stays. */
	expect_errno(ioctl(vm->fd, KVM_X86_SET_MSR_FILTER, &nothing_left), EINVAL);
	f.ranges[3].bitmap = (uint8_t *)8;
	expect_errno(ioctl(vm->fd, KVM_X86_SET_MSR_FILTER, &f), EFAULT);
	run_to_sync(vm, 1);
	must(ioctl(vm->fd, KVM_X86_SET_MSR_FILTER, &none));
	expect_exit(vm_run(vm), GUEST_DONE);
}

static uint64_t base_written;	/* the guest's: with what its write ended */

static void guest_bad_value(void)
{
	GUEST_ONCE(base_written) = try_wrmsr(MSR_KERNEL_GS, 1UL << 62);
	guest_expect_eq(try_wrmsr(0x277, 7UL << 56 | 2), VEC_GP);
}

/* A value that the register does not take: reported as such, and user space has the last word. */
TEST(bad_msr_values_to_user_space)
{
	struct vm *vm = vm_new(0);
	struct kvm_run *run;

	REQUIRE_CAP(KVM_CAP_X86_USER_SPACE_MSR);
	must(enable(vm, KVM_CAP_X86_USER_SPACE_MSR, KVM_MSR_EXIT_REASON_INVAL));
	vcpu_start(vm, 0, guest_bad_value);
	run = vm->run;
	if (vm_run(vm) == KVM_EXIT_X86_WRMSR && run->msr.index == MSR_KERNEL_GS) {
		/* Where it exits at all, it is the guest's mistake; else the processor knows. */
		expect_eq(run->msr.reason, KVM_MSR_EXIT_REASON_INVAL);
		expect_exit(vm_run(vm), KVM_EXIT_X86_WRMSR);
		expect_eq(*in_guest(vm, &base_written), NO_FAULT);
	}
	expect_eq(run->exit_reason, KVM_EXIT_X86_WRMSR);
	expect_eq(run->msr.index, 0x277);
	expect_eq(run->msr.reason, KVM_MSR_EXIT_REASON_INVAL);
	expect_eq(run->msr.data, 7UL << 56 | 2);
	run->msr.error = 1;
	expect_exit(vm_run(vm), GUEST_DONE);
}

/* ---- quirks (KVM API 7.31) ------------------------------------------------------------------- */

static void require_quirk(int quirk)
{
	if (!(kvm_cap(KVM_CAP_DISABLE_QUIRKS2) & quirk))
		skip("KVM_CAP_DISABLE_QUIRKS2 does not offer %#x", quirk);
}

static struct vm *vm_without_quirk(unsigned int options, int quirk)
{
	struct vm *vm = vm_new(options);

	require_quirk(quirk);
	must(enable(vm, KVM_CAP_DISABLE_QUIRKS2, quirk));
	return vm;
}

TEST(bad_quirks)
{
	struct vm *vm = vm_new(0);

	REQUIRE_CAP(KVM_CAP_DISABLE_QUIRKS);
	REQUIRE_CAP(KVM_CAP_DISABLE_QUIRKS2);
	expect_errno(enable(vm, KVM_CAP_DISABLE_QUIRKS2, 1UL << 40), EINVAL);
	must(enable(vm, KVM_CAP_DISABLE_QUIRKS, KVM_X86_QUIRK_OUT_7E_INC_RIP));
	must(enable(vm, KVM_CAP_DISABLE_QUIRKS2, kvm_cap(KVM_CAP_DISABLE_QUIRKS2)));
}

static void guest_out_7e(void)
{
	outb(0x7e, 5);
	outb(0x7e, 6);
}

/* By default RIP is behind the OUT when user space hears of it; else at it. OUT %al, %dx: 0xee. */
TEST(quirk_out_7e)
{
	struct vm *plain = vm_start(guest_out_7e);
	struct vm *vm = vm_without_quirk(0, KVM_X86_QUIRK_OUT_7E_INC_RIP);
	struct vcpu *vcpu = vcpu_start(vm, 0, guest_out_7e);
	uint8_t value;

	expect_exit(vm_run(plain), KVM_EXIT_IO);
	value = plain->mem[vcpu_regs(&plain->vcpu[0]).rip - 1];
	if (value != 0xee)
		expect_eq(plain->mem[vcpu_regs(&plain->vcpu[0]).rip - 2], 0xe6);

	expect_exit(vm_run(vm), KVM_EXIT_IO);
	value = vm->mem[vcpu_regs(vcpu).rip];
	expect(value == 0xee || value == 0xe6);
	expect_eq(((uint8_t *)vcpu->run)[vcpu->run->io.data_offset], 5);
	expect_exit(vm_run(vm), KVM_EXIT_IO);
	expect_eq(((uint8_t *)vcpu->run)[vcpu->run->io.data_offset], 6);
	expect_exit(vm_run(vm), GUEST_DONE);
}

static uint32_t lvt0_at(struct vcpu *vcpu)
{
	struct kvm_lapic_state s;

	must(ioctl(vcpu->fd, KVM_GET_LAPIC, &s));
	return *(uint32_t *)(s.regs + APIC_LVT0);
}

TEST(quirk_lint0)
{
	struct vm *plain = vm_new(VM_IRQCHIP);
	struct vm *vm = vm_without_quirk(VM_IRQCHIP, KVM_X86_QUIRK_LINT0_REENABLED);

	expect_eq(lvt0_at(vcpu_new(plain, 0)), 0x700);
	expect_eq(lvt0_at(vcpu_new(vm, 0)), 0x10000);
}

static void guest_mwait_never_faults(void)
{
	guest_expect_eq(guest_try("xor %%ecx, %%ecx; xor %%edx, %%edx; monitor",
				  : : "a"(&guest_fault) : "rcx", "rdx", "memory"), NO_FAULT);
}

static void guest_mwait_faults(void)
{
	guest_expect_eq(guest_try("xor %%ecx, %%ecx; xor %%edx, %%edx; monitor",
				  : : "a"(&guest_fault) : "rcx", "rdx", "memory"), VEC_UD);
	guest_expect_eq(guest_try("xor %%ecx, %%ecx; mwait", : : "a"(0) : "rcx", "memory"), VEC_UD);
}

/* MONITOR and MWAIT in a guest whose CPUID does not have them. */
TEST(quirk_mwait)
{
	struct vm *vm = vm_without_quirk(0, KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS);
	struct vm *plain = vm_new(0);
	struct kvm_cpuid2 *list = supported_cpuid();

	cpuid_find(list, 1, 0)->ecx &= ~8;
	vcpu_start(plain, 0, guest_mwait_never_faults);
	must(ioctl(plain->vcpu[0].fd, KVM_SET_CPUID2, list));
	expect_exit(vm_run(plain), GUEST_DONE);
	vcpu_start(vm, 0, guest_mwait_faults);
	must(ioctl(vm->vcpu[0].fd, KVM_SET_CPUID2, list));
	expect_exit(vm_run(vm), GUEST_DONE);
}

static void guest_sees_mwait(void)
{
	uint64_t v = rdmsr(MSR_MISC_ENABLE);

	wrmsr(MSR_MISC_ENABLE, v | 1 << 18);
	guest_expect_eq(guest_cpuid(1, 0).ecx & 8, 8);
	wrmsr(MSR_MISC_ENABLE, v & ~(1UL << 18));
	guest_expect_eq(guest_cpuid(1, 0).ecx & 8, 0);
}

TEST(quirk_misc_enable_mwait)
{
	struct vm *vm = vm_without_quirk(0, KVM_X86_QUIRK_MISC_ENABLE_NO_MWAIT);

	vcpu_start(vm, 0, guest_sees_mwait);
	must(ioctl(vm->vcpu[0].fd, KVM_SET_CPUID2, supported_cpuid()));
	expect_exit(vm_run(vm), GUEST_DONE);
}

/* Both vendors' hypercalls; only one can be the machine's own. */
static unsigned int hypercalls_that_fault(void)
{
	unsigned int n = 0;

	n += guest_try("vmcall", : : "a"(1000) : "memory") == VEC_UD;
	n += guest_try("vmmcall", : : "a"(1000) : "memory") == VEC_UD;
	return n;
}

static void guest_hypercall_fixed(void)
{
	guest_expect_eq(hypercalls_that_fault(), 0);
}

static void guest_hypercall_not_fixed(void)
{
	guest_expect_eq(hypercalls_that_fault(), 1);
}

TEST(quirk_hypercall_insn)
{
	struct vm *vm = vm_without_quirk(0, KVM_X86_QUIRK_FIX_HYPERCALL_INSN);
	struct vm *plain = vm_start(guest_hypercall_fixed);

	expect_exit(vm_run(plain), GUEST_DONE);
	vcpu_start(vm, 0, guest_hypercall_not_fixed);
	expect_exit(vm_run(vm), GUEST_DONE);
}

/* ---- exits that user space asks for ---------------------------------------------------------- */

static uint64_t map_gpa_range(uint64_t gpa, uint64_t pages, uint64_t attrs)
{
	uint64_t ret;

	asm volatile("vmmcall" : "=a"(ret)
		     : "a"(HC_MAP_GPA_RANGE), "b"(gpa), "c"(pages), "d"(attrs), "S"(0) : "memory");
	return ret;
}

static void guest_maps(void)
{
	guest_expect_eq(map_gpa_range(0x1000, 3, 0x10), -1000);	/* KVM_ENOSYS: not asked for yet */
	guest_sync(0);
	guest_expect_eq(map_gpa_range(0x5000, 3, 0x12), 7);
	guest_expect_eq(map_gpa_range(0x5001, 3, 0x12), -22);
	guest_expect_eq(map_gpa_range(0x5000, 0, 0x12), -22);
	guest_expect_eq(map_gpa_range(0x5000, -1UL, 0x12), -22);
}

TEST(exit_hypercall)
{
	struct vm *vm = vm_start(guest_maps);
	struct kvm_run *run = vm->run;

	if (!(kvm_cap(KVM_CAP_EXIT_HYPERCALL) & 1 << HC_MAP_GPA_RANGE))
		skip("KVM_CAP_EXIT_HYPERCALL does not offer KVM_HC_MAP_GPA_RANGE");
	expect_errno(enable(vm, KVM_CAP_EXIT_HYPERCALL, 1), EINVAL);
	run_to_sync(vm, 0);
	must(enable(vm, KVM_CAP_EXIT_HYPERCALL, 1 << HC_MAP_GPA_RANGE));
	expect_exit(vm_run(vm), KVM_EXIT_HYPERCALL);
	expect_eq(run->hypercall.nr, HC_MAP_GPA_RANGE);
	expect_eq(run->hypercall.args[0], 0x5000);
	expect_eq(run->hypercall.args[1], 3);
	expect_eq(run->hypercall.args[2], 0x12);
	expect_eq(run->hypercall.longmode, 1);
	run->hypercall.ret = 7;
	expect_exit(vm_run(vm), GUEST_DONE);
}

static uint8_t user_stack[SZ_4K] __attribute__((aligned(16)));

/* In ring 3: an instruction that no emulator has, on a device; and a call of the kernel. */
static void user_code(void)
{
	asm volatile("fildl %0" : : "m"(*(uint32_t *)HOLE_GPA));
	asm volatile("int $0x81");
}

static void on_user_ud(struct trap_frame *f)
{
	hits[VEC_UD]++;
	f->rip += 7 - (*(uint8_t *)(f->rip + 1) != 0x04);	/* FILD with SIB, or relative to RIP */
	guest_sync(1);
	guest_done();
}

static void guest_user_fails(void)
{
	guest_on(VEC_UD, on_user_ud);
	asm volatile("push %0; push %1; push $2; push %2; push %3; iretq" : :
		     "r"((uint64_t)SEL_USER_DATA), "r"(user_stack + SZ_4K - 8),
		     "r"((uint64_t)SEL_USER_CODE), "r"(user_code) : "memory");
}

/* What a program of the guest does must not stop the guest; unless user space wants to see it. */
TEST(emulation_failure_of_a_program)
{
	struct vm *plain = vm_start(guest_user_fails);
	struct vm *vm = vm_start(guest_user_fails);

	REQUIRE_CAP(KVM_CAP_EXIT_ON_EMULATION_FAILURE);
	run_to_sync(plain, 1);
	expect_errno(enable(vm, KVM_CAP_EXIT_ON_EMULATION_FAILURE, 2), EINVAL);
	must(enable(vm, KVM_CAP_EXIT_ON_EMULATION_FAILURE, 1));
	expect_exit(vm_run(vm), KVM_EXIT_INTERNAL_ERROR);
	expect_eq(vm->run->emulation_failure.suberror, KVM_INTERNAL_ERROR_EMULATION);
	expect_eq(vm->run->emulation_failure.flags & 1, 1);
	expect_ge(vm->run->emulation_failure.insn_size, 2);
	expect_eq(vm->run->emulation_failure.insn_bytes[0], 0xdb);
}

/* KVM_CAP_X86_TRIPLE_FAULT_EVENT: a shutdown that has not been told of moves with the vCPU. */
TEST(triple_fault_event)
{
	struct vm *vm = vm_start(nothing);
	struct kvm_vcpu_events e = {};
	struct vcpu *vcpu = &vm->vcpu[0];

	REQUIRE_CAP(KVM_CAP_X86_TRIPLE_FAULT_EVENT);
	must(ioctl(vcpu->fd, KVM_GET_VCPU_EVENTS, &e));
	expect_eq(e.flags & KVM_VCPUEVENT_VALID_TRIPLE_FAULT, 0);
	e.flags |= KVM_VCPUEVENT_VALID_TRIPLE_FAULT;
	expect_errno(ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &e), EINVAL);

	must(enable(vm, KVM_CAP_X86_TRIPLE_FAULT_EVENT, 1));
	must(ioctl(vcpu->fd, KVM_GET_VCPU_EVENTS, &e));
	expect_ne(e.flags & KVM_VCPUEVENT_VALID_TRIPLE_FAULT, 0);
	expect_eq(e.triple_fault.pending, 0);
	e.triple_fault.pending = 1;
	must(ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &e));
	must(ioctl(vcpu->fd, KVM_GET_VCPU_EVENTS, &e));
	expect_eq(e.triple_fault.pending, 1);
	expect_exit(vm_run(vm), KVM_EXIT_SHUTDOWN);
}

TEST(triple_fault_event_taken_back)
{
	struct vm *vm = vm_start(nothing);
	struct kvm_vcpu_events e = {};

	REQUIRE_CAP(KVM_CAP_X86_TRIPLE_FAULT_EVENT);
	must(enable(vm, KVM_CAP_X86_TRIPLE_FAULT_EVENT, 1));
	must(ioctl(vm->vcpu[0].fd, KVM_GET_VCPU_EVENTS, &e));
	e.triple_fault.pending = 1;
	must(ioctl(vm->vcpu[0].fd, KVM_SET_VCPU_EVENTS, &e));
	e.triple_fault.pending = 0;
	must(ioctl(vm->vcpu[0].fd, KVM_SET_VCPU_EVENTS, &e));
	expect_exit(vm_run(vm), GUEST_DONE);
}

/* ---- limits and attributes ------------------------------------------------------------------- */

TEST(max_vcpu_id)
{
	int vm = vm_bare(), other = vm_bare(), max = kvm_cap(KVM_CAP_MAX_VCPU_ID);

	expect_errno(enable_on(vm, KVM_CAP_MAX_VCPU_ID, max + 1), EINVAL);
	must(enable_on(vm, KVM_CAP_MAX_VCPU_ID, 0));		/* as it is */
	must(enable_on(vm, KVM_CAP_MAX_VCPU_ID, max));
	must(ioctl(vm, KVM_CREATE_VCPU, max - 1));
	must(ioctl(other, KVM_CREATE_VCPU, 5));
	if (!distro_modules())		/* they refuse it only after a value that they know */
		expect_errno(enable_on(other, KVM_CAP_MAX_VCPU_ID, 4), EINVAL);
}

/* KVM_SET_TSC_KHZ on a VM (KVM API 4.55): what its next vCPUs begin with. */
TEST(vm_tsc_khz)
{
	struct vm *vm = vm_new(0);
	int khz = must(ioctl(vm->fd, KVM_GET_TSC_KHZ, 0));

	expect_ge(khz, 1000);
	must(ioctl(vm->fd, KVM_SET_TSC_KHZ, khz * 2));
	expect_eq(must(ioctl(vm->fd, KVM_GET_TSC_KHZ, 0)), khz * 2);
	expect_eq(must(ioctl(vcpu_new(vm, 0)->fd, KVM_GET_TSC_KHZ, 0)), khz * 2);
	must(ioctl(vm->fd, KVM_SET_TSC_KHZ, 0));
	expect_eq(must(ioctl(vcpu_new(vm, 1)->fd, KVM_GET_TSC_KHZ, 0)), khz);
	if (!distro_modules()) {	/* they take any value, and have the vCPU fail later */
		expect_errno(ioctl(vm->fd, KVM_SET_TSC_KHZ, 1UL << 32), EINVAL);
		if (!kvm_cap(KVM_CAP_VM_TSC_CONTROL))	/* a TSC cannot be slowed down then */
			expect_errno(ioctl(vm->fd, KVM_SET_TSC_KHZ, khz / 2), EINVAL);
		expect_eq(must(ioctl(vm->fd, KVM_GET_TSC_KHZ, 0)), khz);
	}
}

/* A vCPU's own, with and without hardware that scales. */
TEST(vcpu_tsc_khz)
{
	struct vm *vm = vm_start(nothing);
	struct vcpu *vcpu = &vm->vcpu[0];
	int khz = must(ioctl(vcpu->fd, KVM_GET_TSC_KHZ, 0));

	must(ioctl(vcpu->fd, KVM_SET_TSC_KHZ, khz * 2));
	expect_eq(must(ioctl(vcpu->fd, KVM_GET_TSC_KHZ, 0)), khz * 2);
	if (!kvm_cap(KVM_CAP_TSC_CONTROL) && !distro_modules())
		expect_errno(ioctl(vcpu->fd, KVM_SET_TSC_KHZ, khz / 2), EINVAL);
	if (!distro_modules())		/* they look at the lower half */
		expect_errno(ioctl(vcpu->fd, KVM_SET_TSC_KHZ, 1UL << 32), EINVAL);
	expect_eq(must(ioctl(vcpu->fd, KVM_GET_TSC_KHZ, 0)), khz * 2);
	expect_exit(vm_run(vm), GUEST_DONE);
}

static int attr(int fd, unsigned long request, uint32_t group, uint64_t which, void *addr)
{
	struct kvm_device_attr a = { .group = group, .attr = which, .addr = (uintptr_t)addr };

	return ioctl(fd, request, &a);
}

static uint64_t guest_tsc;

static void guest_tells_tsc(void)
{
	for (;;) {
		guest_tsc = rdtsc();
		guest_sync(0);
	}
}

/* The offset is what lies between the host's TSC and the guest's, which here is the same rate. */
TEST(tsc_offset)
{
	struct vm *vm = vm_start(guest_tells_tsc);
	int fd = vm->vcpu[0].fd;
	uint64_t offset, before;

	REQUIRE_CAP(KVM_CAP_VCPU_ATTRIBUTES);
	must(attr(fd, KVM_HAS_DEVICE_ATTR, KVM_VCPU_TSC_CTRL, KVM_VCPU_TSC_OFFSET, NULL));
	must(attr(fd, KVM_GET_DEVICE_ATTR, KVM_VCPU_TSC_CTRL, KVM_VCPU_TSC_OFFSET, &offset));
	before = rdtsc();
	expect_exit(vm_run(vm), GUEST_SYNC);
	expect_ge(*in_guest(vm, &guest_tsc), before + offset);
	expect_le(*in_guest(vm, &guest_tsc), rdtsc() + offset);

	offset = 1UL << 52;
	must(attr(fd, KVM_SET_DEVICE_ATTR, KVM_VCPU_TSC_CTRL, KVM_VCPU_TSC_OFFSET, &offset));
	before = rdtsc();
	expect_exit(vm_run(vm), GUEST_SYNC);
	expect_ge(*in_guest(vm, &guest_tsc), before + offset);
	expect_le(*in_guest(vm, &guest_tsc), rdtsc() + offset);
	offset = 0;
	must(attr(fd, KVM_GET_DEVICE_ATTR, KVM_VCPU_TSC_CTRL, KVM_VCPU_TSC_OFFSET, &offset));
	expect_eq(offset, 1UL << 52);
}

TEST(bad_vcpu_attributes)
{
	struct vm *vm = vm_start(nothing);
	int fd = vm->vcpu[0].fd;
	uint64_t v = 0;

	REQUIRE_CAP(KVM_CAP_VCPU_ATTRIBUTES);
	expect_errno(attr(fd, KVM_HAS_DEVICE_ATTR, KVM_VCPU_TSC_CTRL, 77, NULL), ENXIO);
	expect_errno(attr(fd, KVM_GET_DEVICE_ATTR, KVM_VCPU_TSC_CTRL, 77, &v), ENXIO);
	expect_errno(attr(fd, KVM_SET_DEVICE_ATTR, 5, KVM_VCPU_TSC_OFFSET, &v), ENXIO);
	expect_errno(attr(fd, KVM_GET_DEVICE_ATTR, KVM_VCPU_TSC_CTRL, KVM_VCPU_TSC_OFFSET,
			  (void *)8), EFAULT);
	expect_errno(attr(fd, KVM_SET_DEVICE_ATTR, KVM_VCPU_TSC_CTRL, KVM_VCPU_TSC_OFFSET,
			  (void *)8), EFAULT);
	/* A VM has none. */
	expect_errno(attr(vm->fd, KVM_GET_DEVICE_ATTR, 0, 0, &v), ENOTTY);
}

/* KVM_X86_XCOMP_GUEST_SUPP: the state components that CPUID offers. */
TEST(system_attributes)
{
	struct kvm_cpuid_entry2 *e = cpuid_find(supported_cpuid(), 0xd, 0);
	int kvm = kvm_open();
	uint64_t v = ~0UL;

	REQUIRE_CAP(KVM_CAP_SYS_ATTRIBUTES);
	must(attr(kvm, KVM_HAS_DEVICE_ATTR, 0, KVM_X86_XCOMP_GUEST_SUPP, NULL));
	must(attr(kvm, KVM_GET_DEVICE_ATTR, 0, KVM_X86_XCOMP_GUEST_SUPP, &v));
	if (e)
		expect_eq(v, e->eax | (uint64_t)e->edx << 32);
	expect_errno(attr(kvm, KVM_GET_DEVICE_ATTR, 0, 9, &v), ENXIO);
	expect_errno(attr(kvm, KVM_HAS_DEVICE_ATTR, 9, KVM_X86_XCOMP_GUEST_SUPP, NULL), ENXIO);
	expect_errno(attr(kvm, KVM_GET_DEVICE_ATTR, 0, KVM_X86_XCOMP_GUEST_SUPP, (void *)8),
		     EFAULT);
	expect_errno(attr(kvm, KVM_SET_DEVICE_ATTR, 0, KVM_X86_XCOMP_GUEST_SUPP, &v),
		     distro_modules() ? EINVAL : ENOTTY);	/* as for all that is unknown */
}

/* ---- the VFIO device (devices/vfio.rst) ------------------------------------------------------ */

static int vfio_device(int vm, uint32_t flags)
{
	struct kvm_create_device dev = { .type = KVM_DEV_TYPE_VFIO, .flags = flags, .fd = -1 };

	return ioctl(vm, KVM_CREATE_DEVICE, &dev) < 0 ? -1 : (int)dev.fd;
}

/* One a VM; gone with its file. */
TEST(vfio_device_life)
{
	int vm = vm_bare(), dev;

	if (vfio_device(vm, KVM_CREATE_DEVICE_TEST) < 0 && errno == ENODEV)
		skip("KVM_DEV_TYPE_VFIO is not there");
	dev = must(vfio_device(vm, 0));
	expect_errno(vfio_device(vm, 0), EBUSY);
	must(vfio_device(vm_bare(), 0));
	close(dev);
	dev = must(vfio_device(vm, 0));
	close(vm);
	close(dev);
}

TEST(vfio_device_attributes)
{
	int vm = vm_bare(), dev = vfio_device(vm, 0);
	int32_t null = open("/dev/null", O_RDWR), none = 999;

	if (dev < 0)
		skip("KVM_DEV_TYPE_VFIO is not there");
	must(attr(dev, KVM_HAS_DEVICE_ATTR, KVM_DEV_VFIO_GROUP, KVM_DEV_VFIO_GROUP_ADD, NULL));
	must(attr(dev, KVM_HAS_DEVICE_ATTR, KVM_DEV_VFIO_GROUP, KVM_DEV_VFIO_GROUP_DEL, NULL));
	expect_errno(attr(dev, KVM_HAS_DEVICE_ATTR, KVM_DEV_VFIO_GROUP,
			  KVM_DEV_VFIO_GROUP_SET_SPAPR_TCE, NULL), ENXIO);
	expect_errno(attr(dev, KVM_HAS_DEVICE_ATTR, 7, KVM_DEV_VFIO_GROUP_ADD, NULL), ENXIO);
	expect_errno(attr(dev, KVM_SET_DEVICE_ATTR, KVM_DEV_VFIO_GROUP, KVM_DEV_VFIO_GROUP_ADD,
			  (void *)8), EFAULT);
	expect_errno(attr(dev, KVM_SET_DEVICE_ATTR, KVM_DEV_VFIO_GROUP, KVM_DEV_VFIO_GROUP_ADD,
			  &none), EBADF);
	expect_errno(attr(dev, KVM_SET_DEVICE_ATTR, KVM_DEV_VFIO_GROUP, KVM_DEV_VFIO_GROUP_ADD,
			  &null), EINVAL);
	expect_errno(attr(dev, KVM_SET_DEVICE_ATTR, KVM_DEV_VFIO_GROUP, KVM_DEV_VFIO_GROUP_DEL,
			  &null), ENOENT);
	expect_errno(attr(dev, KVM_GET_DEVICE_ATTR, KVM_DEV_VFIO_GROUP, KVM_DEV_VFIO_GROUP_ADD,
			  &null), EPERM);
}

/* ---- paravirtual features as CPUID has them -------------------------------------------------- */

static void guest_pv_denied(void)
{
	guest_expect_eq(try_rdmsr(MSR_STEAL), VEC_GP);
	guest_expect_eq(try_wrmsr(MSR_STEAL, 0), VEC_GP);
	guest_expect_eq(try_rdmsr(0x4b564d01), NO_FAULT);	/* the new clock's is offered */
	guest_expect_eq(try_rdmsr(0x12), VEC_GP);		/* the old one's is not */
}

TEST(enforce_pv_features)
{
	struct vm *vm = vm_start(guest_pv_denied);
	struct kvm_cpuid2 *list = supported_cpuid();
	struct vcpu *vcpu = &vm->vcpu[0];

	REQUIRE_CAP(KVM_CAP_ENFORCE_PV_FEATURE_CPUID);
	cpuid_find(list, 0x40000001, 0)->eax = 1 << 3;	/* KVM_FEATURE_CLOCKSOURCE2 */
	must(ioctl(vcpu->fd, KVM_SET_CPUID2, list));
	must(enable_on(vcpu->fd, KVM_CAP_ENFORCE_PV_FEATURE_CPUID, 1));
	/* The guest is meant, not user space; they refuse both. */
	expect_eq(vcpu_set_msr(vcpu, MSR_STEAL, 0), !distro_modules());
	expect_exit(vm_run(vm), GUEST_DONE);
}

/* ---- help for a VMM that patches TPR accesses ------------------------------------------------ */

static uint32_t vapic_word __attribute__((aligned(64)));

static void guest_writes_tpr(void)
{
	apic_write(APIC_TPR, 0x30);
	guest_expect_eq(apic_read(APIC_TPR), 0x30);
	guest_sync(0);
	guest_expect_eq(vapic_word & 0xff, 0x30);
	GUEST_ONCE(vapic_word) = 0x50;
	guest_sync(1);
	guest_expect_eq(apic_read(APIC_TPR), 0x50);
}

TEST(tpr_access_and_vapic)
{
	struct kvm_tpr_access_ctl ctl = { .enabled = 1, .flags = 1 };
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_writes_tpr);
	struct kvm_vapic_addr addr = { .vapic_addr = HOLE_GPA };
	struct vcpu *vcpu = &vm->vcpu[0];
	int writes = 0, r;

	REQUIRE_CAP(KVM_CAP_VAPIC);
	expect_errno(ioctl(vcpu->fd, KVM_TPR_ACCESS_REPORTING, &ctl), EINVAL);
	expect_errno(ioctl(vcpu->fd, KVM_SET_VAPIC_ADDR, &addr), EINVAL);
	ctl.flags = 0;
	must(ioctl(vcpu->fd, KVM_TPR_ACCESS_REPORTING, &ctl));
	while ((r = vm_run(vm)) == KVM_EXIT_TPR_ACCESS)
		writes += vm->run->tpr_access.is_write;
	expect_exit(r, GUEST_SYNC);
	expect_eq(writes, 1);
	ctl.enabled = 0;
	must(ioctl(vcpu->fd, KVM_TPR_ACCESS_REPORTING, &ctl));

	*in_guest(vm, &vapic_word) = 0x30;
	addr.vapic_addr = (uintptr_t)&vapic_word;
	must(ioctl(vcpu->fd, KVM_SET_VAPIC_ADDR, &addr));
	run_to_sync(vm, 1);
	addr.vapic_addr = 0;
	must(ioctl(vcpu->fd, KVM_SET_VAPIC_ADDR, &addr));
	expect_exit(vm_run(vm), GUEST_DONE);
}

/* ---- machine checks -------------------------------------------------------------------------- */

#define MCI_VALID	(1UL << 63)
#define MCI_UC		(1UL << 61)
#define MCI_EN		(1UL << 60)

static void guest_corrected_error(void)
{
	guest_expect_eq(rdmsr(0x401), MCI_VALID | MCI_EN | 0x17);
	guest_expect_eq(rdmsr(0x402), 0x1234000);
	wrmsr(0x401, 0);
	guest_expect_eq(rdmsr(0x401), 0);
}

TEST(machine_check)
{
	struct vm *vm = vm_start(guest_corrected_error);
	struct vcpu *vcpu = &vm->vcpu[0];
	struct kvm_x86_mce mce = {
		.status = MCI_VALID | MCI_EN | 0x17, .addr = 0x1234000, .bank = 4,
	};
	uint64_t supported, cap;

	REQUIRE_CAP(KVM_CAP_MCE);
	must(ioctl(kvm_open(), KVM_X86_GET_MCE_CAP_SUPPORTED, &supported));
	cap = 4;
	must(ioctl(vcpu->fd, KVM_X86_SETUP_MCE, &cap));
	cap = 0;
	expect_errno(ioctl(vcpu->fd, KVM_X86_SETUP_MCE, &cap), EINVAL);
	cap = kvm_cap(KVM_CAP_MCE) + 1;
	expect_errno(ioctl(vcpu->fd, KVM_X86_SETUP_MCE, &cap), EINVAL);
	cap = 4 | (1UL << 60 & ~supported);
	expect_errno(ioctl(vcpu->fd, KVM_X86_SETUP_MCE, &cap), EINVAL);
	expect_errno(ioctl(vcpu->fd, KVM_X86_SET_MCE, &mce), EINVAL);	/* banks are 0 to 3 */
	mce.bank = 0;
	must(ioctl(vcpu->fd, KVM_X86_SET_MCE, &mce));
	expect_exit(vm_run(vm), GUEST_DONE);
}

/* An error that cannot be corrected, in a guest that has not turned machine checks on. */
TEST(machine_check_shuts_down)
{
	struct vm *vm = vm_start(nothing);
	struct kvm_x86_mce mce = { .status = MCI_VALID | MCI_UC | MCI_EN, .mcg_status = 5 };
	struct kvm_sregs s = vcpu_sregs(&vm->vcpu[0]);
	uint64_t cap = 4;

	REQUIRE_CAP(KVM_CAP_MCE);
	s.cr4 &= ~(1UL << 6);
	must(ioctl(vm->vcpu[0].fd, KVM_SET_SREGS, &s));
	must(ioctl(vm->vcpu[0].fd, KVM_X86_SETUP_MCE, &cap));
	must(ioctl(vm->vcpu[0].fd, KVM_X86_SET_MCE, &mce));
	expect_exit(vm_run(vm), KVM_EXIT_SHUTDOWN);
}

/* ---- older forms ----------------------------------------------------------------------------- */

TEST(pit_older_forms)
{
	struct vm *vm = vm_new(VM_IRQCHIP), *none = vm_new(VM_IRQCHIP);
	struct kvm_pit_config config = { 0 };
	struct kvm_pit_state s, again;

	expect_errno(ioctl(none->fd, KVM_GET_PIT, &s), ENXIO);
	must(ioctl(vm->fd, KVM_CREATE_PIT, 0));
	expect_errno(ioctl(vm->fd, KVM_CREATE_PIT2, &config), EEXIST);
	must(ioctl(vm->fd, KVM_GET_PIT, &s));
	s.channels[2].count = 0x4321;
	s.channels[2].mode = 3;
	must(ioctl(vm->fd, KVM_SET_PIT, &s));
	must(ioctl(vm->fd, KVM_GET_PIT, &again));
	expect_eq(again.channels[2].count, 0x4321);
	expect_errno(ioctl(none->fd, KVM_SET_PIT, &s), ENXIO);
}

TEST(pit_reinjection)
{
	struct kvm_reinject_control on = { .pit_reinject = 1 }, off = { 0 };
	struct vm *vm = vm_new(VM_IRQCHIP | VM_PIT), *none = vm_new(VM_IRQCHIP);

	REQUIRE_CAP(KVM_CAP_REINJECT_CONTROL);
	expect_errno(ioctl(none->fd, KVM_REINJECT_CONTROL, &on), ENXIO);
	must(ioctl(vm->fd, KVM_REINJECT_CONTROL, &off));
	must(ioctl(vm->fd, KVM_REINJECT_CONTROL, &on));
	expect_errno(ioctl(vm->fd, KVM_REINJECT_CONTROL, (void *)8), EFAULT);
}

/* Nothing is emulated that is not also supported, or it stands in this list (KVM API 4.88). */
TEST(emulated_cpuid)
{
	struct { struct kvm_cpuid2 head; struct kvm_cpuid_entry2 e[256]; } list = {};
	struct { struct kvm_cpuid2 head; } none = {};
	int kvm = kvm_open();

	REQUIRE_CAP(KVM_CAP_EXT_EMUL_CPUID);
	expect_errno(ioctl(kvm, KVM_GET_EMULATED_CPUID, &none), E2BIG);
	list.head.nent = 256;
	must(ioctl(kvm, KVM_GET_EMULATED_CPUID, &list));
	expect_le(list.head.nent, 256);
	expect_errno(ioctl(kvm, KVM_GET_EMULATED_CPUID, (void *)8), EFAULT);
}

/* KVM_CAP_X2APIC_API: its flags, and ids of 32 bits in KVM_GET_LAPIC. */
TEST(x2apic_api)
{
	struct vm *vm = vm_new(VM_IRQCHIP);
	int flags = kvm_cap(KVM_CAP_X2APIC_API);
	struct kvm_lapic_state s;
	struct vcpu *vcpu;
	uint64_t base;

	REQUIRE_CAP(KVM_CAP_X2APIC_API);
	expect_errno(enable(vm, KVM_CAP_X2APIC_API, 1 << 9), EINVAL);
	must(enable(vm, KVM_CAP_X2APIC_API, flags));
	vcpu = vcpu_start(vm, 3, nothing);
	expect_eq(vcpu_get_msr(vcpu, MSR_APICBASE, &base), 1);
	expect_eq(vcpu_set_msr(vcpu, MSR_APICBASE, base | APICBASE_X2), 1);
	must(ioctl(vcpu->fd, KVM_GET_LAPIC, &s));
	expect_eq(*(uint32_t *)(s.regs + APIC_ID), 3);
}

/* KVM_SET_CPUID has entries without an index (KVM API 4.20). */
static void guest_sees_old_cpuid(void)
{
	struct cpuid_regs r = guest_cpuid(0x40000000, 5);

	guest_expect_eq(r.eax, 0x40000001);
	guest_expect_eq(r.edx, 0x77);
}

TEST(cpuid_older_form)
{
	struct { struct kvm_cpuid head; struct kvm_cpuid_entry e[1]; } list = {
		.head.nent = 1,
		.e[0] = { .function = 0x40000000, .eax = 0x40000001, .edx = 0x77 },
	};
	struct vm *vm = vm_start(guest_sees_old_cpuid);
	int fd = vm->vcpu[0].fd;
	struct kvm_cpuid2 *back = calloc(1, sizeof(*back) + 4 * sizeof(back->entries[0]));

	must(ioctl(fd, KVM_SET_CPUID, &list));
	back->nent = 4;
	must(ioctl(fd, KVM_GET_CPUID2, back));
	expect_eq(back->nent, 1);
	expect_eq(back->entries[0].flags, 0);
	list.head.nent = 100000;
	expect_errno(ioctl(fd, KVM_SET_CPUID, &list), E2BIG);
	expect_errno(ioctl(fd, KVM_SET_CPUID, (void *)8), EFAULT);
	expect_exit(vm_run(vm), GUEST_DONE);
}

/* ---- events ---------------------------------------------------------------------------------- */

static uint64_t fault_cr2;

static void on_page_fault(struct trap_frame *f)
{
	(void)f;
	asm volatile("mov %%cr2, %0" : "=r"(fault_cr2));
	hits[VEC_PF]++;
}

static void guest_takes_page_fault(void)
{
	guest_on(VEC_PF, on_page_fault);
	guest_sync(0);
	guest_expect_eq(GUEST_ONCE(hits[VEC_PF]), 1);
	guest_expect_eq(GUEST_ONCE(fault_cr2), 0xabcde000);
}

/* An exception that waits shows its address, and CR2 has it only when it is delivered. */
TEST(exception_payload)
{
	struct vm *vm = vm_start(guest_takes_page_fault);
	int fd = vm->vcpu[0].fd;
	struct kvm_vcpu_events e;

	REQUIRE_CAP(KVM_CAP_EXCEPTION_PAYLOAD);
	run_to_sync(vm, 0);
	must(ioctl(fd, KVM_GET_VCPU_EVENTS, &e));
	expect_eq(e.flags & KVM_VCPUEVENT_VALID_PAYLOAD, 0);
	e.flags |= KVM_VCPUEVENT_VALID_PAYLOAD;
	expect_errno(ioctl(fd, KVM_SET_VCPU_EVENTS, &e), EINVAL);

	must(enable(vm, KVM_CAP_EXCEPTION_PAYLOAD, 1));
	must(ioctl(fd, KVM_GET_VCPU_EVENTS, &e));
	expect_ne(e.flags & KVM_VCPUEVENT_VALID_PAYLOAD, 0);
	e.exception.pending = 1;
	e.exception.injected = 0;
	e.exception.nr = VEC_PF;
	e.exception.has_error_code = 1;
	e.exception_has_payload = 1;
	e.exception_payload = 0xabcde000;
	must(ioctl(fd, KVM_SET_VCPU_EVENTS, &e));
	must(ioctl(fd, KVM_GET_VCPU_EVENTS, &e));
	expect_eq(e.exception.pending, 1);
	expect_eq(e.exception_payload, 0xabcde000);
	expect_ne(vcpu_sregs(&vm->vcpu[0]).cr2, 0xabcde000);
	expect_exit(vm_run(vm), GUEST_DONE);
}

/* KVM_CAP_SET_GUEST_DEBUG2 says which flags KVM_SET_GUEST_DEBUG takes: each of them, and no other. */
TEST(guest_debug_flags)
{
	const uint32_t inject = KVM_GUESTDBG_INJECT_DB | KVM_GUESTDBG_INJECT_BP;
	uint32_t flags = kvm_cap(KVM_CAP_SET_GUEST_DEBUG2), bit;
	struct vm *vm = vm_start(nothing);

	REQUIRE_CAP(KVM_CAP_SET_GUEST_DEBUG2);
	for (bit = 1; bit; bit <<= 1) {
		struct kvm_guest_debug d = { .control = bit | KVM_GUESTDBG_ENABLE };

		if (bit & inject)
			continue;
		if (flags & bit)
			must(ioctl(vm->vcpu[0].fd, KVM_SET_GUEST_DEBUG, &d));
		else if (!distro_modules())	/* they pass over what they do not know */
			expect_errno(ioctl(vm->vcpu[0].fd, KVM_SET_GUEST_DEBUG, &d), EINVAL);
	}
	must(ioctl(vm->vcpu[0].fd, KVM_SET_GUEST_DEBUG, &(struct kvm_guest_debug){ 0 }));
	expect_exit(vm_run(vm), GUEST_DONE);
}

static void guest_active_low(void)
{
	apic_only();
	guest_on(0x61, on_apic_irq);
	ioapic_route(9, 0x61, 1 << 13);
	guest_sync(0);
	sti_and_cli();
	guest_expect_eq(hit_count(0x61), 1);
}

/* A pin that says it is active low: user space says "asserted" all the same. */
TEST(ioapic_polarity)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_active_low);

	REQUIRE_CAP(KVM_CAP_IOAPIC_POLARITY_IGNORED);
	run_to_sync(vm, 0);
	irq_line(vm, 9, 1);
	irq_line(vm, 9, 0);
	expect_exit(vm_run(vm), GUEST_DONE);
}

/* ---- polling before a sleep (KVM API 7.20) --------------------------------------------------- */

/* One of a vCPU's binary statistics (KVM API 4.133). */
static uint64_t vcpu_stat(int vcpu, const char *name)
{
	int fd = must(ioctl(vcpu, KVM_GET_STATS_FD, NULL));
	struct kvm_stats_header h;
	struct kvm_stats_desc *d;
	uint64_t value = 0;
	unsigned int i;

	must(pread(fd, &h, sizeof(h), 0));
	d = calloc(1, sizeof(*d) + h.name_size);
	for (i = 0; i < h.num_desc; i++) {
		must(pread(fd, d, sizeof(*d) + h.name_size,
			   h.desc_offset + i * (sizeof(*d) + h.name_size)));
		if (!strcmp(d->name, name)) {
			must(pread(fd, &value, sizeof(value), h.data_offset + d->offset));
			close(fd);
			return value;
		}
	}
	fail("there is no %s", name);
}

static void guest_halts(void)
{
	int i;

	apic_only();
	guest_on(0x61, on_apic_irq);
	apic_write(APIC_TDCR, 0xb);
	for (i = 1; i <= 20; i++) {
		apic_write(APIC_LVTT, 0x61);
		apic_write(APIC_TMICT, 100000);
		wait_hits(0x61, i);
	}
}

TEST(halt_poll)
{
	struct kvm_enable_cap flags = { .cap = KVM_CAP_HALT_POLL, .flags = 1 };
	struct vm *on = vm_start_with(VM_IRQCHIP, guest_halts);
	struct vm *off = vm_start_with(VM_IRQCHIP, guest_halts);

	REQUIRE_CAP(KVM_CAP_HALT_POLL);
	expect_errno(ioctl(on->fd, KVM_ENABLE_CAP, &flags), EINVAL);
	expect_errno(enable(on, KVM_CAP_HALT_POLL, 1UL << 32), EINVAL);
	must(enable(on, KVM_CAP_HALT_POLL, 1000000));
	must(enable(off, KVM_CAP_HALT_POLL, 0));
	expect_exit(vm_run(on), GUEST_DONE);
	expect_exit(vm_run(off), GUEST_DONE);
	expect_ge(vcpu_stat(on->vcpu[0].fd, "halt_attempted_poll"), 1);
	expect_eq(vcpu_stat(off->vcpu[0].fd, "halt_attempted_poll"), 0);
	expect_ge(vcpu_stat(off->vcpu[0].fd, "halt_exits"), 20);
}
