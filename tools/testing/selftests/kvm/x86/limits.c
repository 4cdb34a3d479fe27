// SPDX-License-Identifier: GPL-2.0-only
/*
 * What keeps a guest from holding up the machine: exits on locks of the bus, exits when it lets in
 * no event for long, and a limit to UMWAIT.
 *
 * Each hangs on the processor. Where it is there it is used; where not, it is not reported, and
 * asking for it is refused.
 */
#include "irq.h"

static void nothing(void)
{
}

static int enable(int fd, uint32_t cap, uint64_t arg)
{
	struct kvm_enable_cap e = { .cap = cap, .args = { arg } };

	return ioctl(fd, KVM_ENABLE_CAP, &e);
}

/* ---- locks of the bus (KVM API 7.22) --------------------------------------------------------- */

#define BUS_LOCK_MODES	(KVM_BUS_LOCK_DETECTION_OFF | KVM_BUS_LOCK_DETECTION_EXIT)

static uint8_t lines[192] __attribute__((aligned(64)));

/* A locked access to what lies in two cache lines. */
static void guest_locks_the_bus(void)
{
	uint32_t *split = (uint32_t *)&lines[62];
	uint32_t i;

	for (i = 0; ; i++) {
		GUEST_ONCE(*split) = i;
		asm volatile("lock incl %0" : "+m"(*split));
		guest_expect_eq(GUEST_ONCE(*split), i + 1);
		guest_sync(i);
	}
}

/* All that the capability is not, as the argument. */
static void bad_modes(int fd)
{
	expect_errno(enable(fd, KVM_CAP_X86_BUS_LOCK_EXIT, BUS_LOCK_MODES), EINVAL);
	expect_errno(enable(fd, KVM_CAP_X86_BUS_LOCK_EXIT, 4), EINVAL);
	expect_errno(enable(fd, KVM_CAP_X86_BUS_LOCK_EXIT, 1ULL << 32), EINVAL);
	expect_errno(enable(fd, KVM_CAP_X86_BUS_LOCK_EXIT,
			    KVM_BUS_LOCK_DETECTION_EXIT | 1ULL << 63), EINVAL);
}

TEST(bus_lock_not_there)
{
	struct vm *vm = vm_start(guest_locks_the_bus);

	if (kvm_cap(KVM_CAP_X86_BUS_LOCK_EXIT))
		skip("this processor has bus lock exits");
	bad_modes(vm->fd);
	/*
	 * KVM_CHECK_EXTENSION tells the modes that there are (7.22): none. The distribution's take
	 * one all the same, and do nothing.
	 */
	if (!distro_modules()) {
		expect_errno(enable(vm->fd, KVM_CAP_X86_BUS_LOCK_EXIT, 1), EINVAL);
		expect_errno(enable(vm->fd, KVM_CAP_X86_BUS_LOCK_EXIT, 2), EINVAL);
	}
	expect_exit(vm_run(vm), GUEST_SYNC);
	expect_eq(vm->run->flags, 0);
}

static void run_to_next(struct vm *vm, uint64_t n)
{
	expect_exit(vm_run(vm), GUEST_SYNC);
	expect_eq(vm->vcpu[0].sync, n);
	expect_eq(vm->run->flags & KVM_RUN_X86_BUS_LOCK, 0);
}

/* Off until asked for; each lock is then one exit, the instruction done; and off again. */
TEST(bus_lock_exits)
{
	struct vm *vm = vm_start(guest_locks_the_bus);

	if (!kvm_cap(KVM_CAP_X86_BUS_LOCK_EXIT))
		skip("this processor has no bus lock exits");
	expect_eq(kvm_cap(KVM_CAP_X86_BUS_LOCK_EXIT), BUS_LOCK_MODES);
	bad_modes(vm->fd);
	expect_errno(enable(vm->vcpu[0].fd, KVM_CAP_X86_BUS_LOCK_EXIT, 2), EINVAL);
	run_to_next(vm, 0);
	must(enable(vm->fd, KVM_CAP_X86_BUS_LOCK_EXIT, KVM_BUS_LOCK_DETECTION_EXIT));
	expect_exit(vm_run(vm), KVM_EXIT_X86_BUS_LOCK);
	expect_eq(vm->run->flags & KVM_RUN_X86_BUS_LOCK, KVM_RUN_X86_BUS_LOCK);
	run_to_next(vm, 1);
	must(enable(vm->fd, KVM_CAP_X86_BUS_LOCK_EXIT, KVM_BUS_LOCK_DETECTION_OFF));
	run_to_next(vm, 2);
}

/* ---- no room for events (KVM API 7.33) ------------------------------------------------------- */

#define WINDOW(cycles)	((uint64_t)(cycles) << 32)
#define NOTIFY		KVM_X86_NOTIFY_VMEXIT_ENABLED
#define NOTIFY_USER	(KVM_X86_NOTIFY_VMEXIT_ENABLED | KVM_X86_NOTIFY_VMEXIT_USER)

static void bad_notify_flags(int fd)
{
	expect_errno(enable(fd, KVM_CAP_X86_NOTIFY_VMEXIT, 0), EINVAL);
	expect_errno(enable(fd, KVM_CAP_X86_NOTIFY_VMEXIT, KVM_X86_NOTIFY_VMEXIT_USER), EINVAL);
	expect_errno(enable(fd, KVM_CAP_X86_NOTIFY_VMEXIT, NOTIFY | 4), EINVAL);
	expect_errno(enable(fd, KVM_CAP_X86_NOTIFY_VMEXIT, NOTIFY | 1U << 31), EINVAL);
	expect_errno(enable(fd, KVM_CAP_X86_NOTIFY_VMEXIT, WINDOW(1 << 20)), EINVAL);
}

TEST(notify_not_there)
{
	struct vm *vm = vm_new(0);

	if (kvm_cap(KVM_CAP_X86_NOTIFY_VMEXIT))
		skip("this processor has notify exits");
	bad_notify_flags(vm->fd);
	expect_errno(enable(vm->fd, KVM_CAP_X86_NOTIFY_VMEXIT, WINDOW(1 << 20) | NOTIFY), EINVAL);
	expect_errno(enable(vm->fd, KVM_CAP_X86_NOTIFY_VMEXIT, WINDOW(0) | NOTIFY_USER), EINVAL);
	expect_exit(vcpu_run(vcpu_start(vm, 0, nothing)), GUEST_DONE);
}

static void guest_lets_events_in(void)
{
	int i;

	for (i = 0; i < 1000000; i++)
		asm volatile("");
}

/* Before the first vCPU only. A guest that holds on to nothing meets no such exit. */
TEST(notify_exits)
{
	struct vm *vm = vm_new(0);
	struct vcpu *vcpu;

	if (!kvm_cap(KVM_CAP_X86_NOTIFY_VMEXIT))
		skip("this processor has no notify exits");
	bad_notify_flags(vm->fd);
	must(enable(vm->fd, KVM_CAP_X86_NOTIFY_VMEXIT, WINDOW(1 << 17) | NOTIFY_USER));
	vcpu = vcpu_start(vm, 0, guest_lets_events_in);
	expect_errno(enable(vm->fd, KVM_CAP_X86_NOTIFY_VMEXIT, WINDOW(1 << 17) | NOTIFY), EINVAL);
	expect_exit(vcpu_run(vcpu), GUEST_DONE);
	expect_eq(kvm_stat(vcpu->fd, "notify_window_exits"), 0);
}

/* ---- UMWAIT and TPAUSE (SDM vol 2) ----------------------------------------------------------- */

#define MSR_UMWAIT_CONTROL	0xe1
#define WAITPKG			(1 << 5)	/* CPUID leaf 7, ECX */

static int is_listed(uint32_t msr)
{
	struct kvm_msr_list *list = calloc(1, sizeof(*list) + 1024 * sizeof(uint32_t));
	unsigned int i;

	list->nmsrs = 1024;
	must(ioctl(kvm_open(), KVM_GET_MSR_INDEX_LIST, list));
	for (i = 0; i < list->nmsrs && list->indices[i] != msr; i++)
		;
	return i < list->nmsrs;
}

static struct kvm_cpuid2 *cpuid_with(uint32_t waitpkg)
{
	struct kvm_cpuid2 *list = supported_cpuid();
	struct kvm_cpuid_entry2 *e = cpuid_find(list, 7, 0);

	if (!e)
		skip("CPUID has no leaf 7");
	e->ecx = (e->ecx & ~WAITPKG) | waitpkg;
	return list;
}

static int have_waitpkg(void)
{
	struct kvm_cpuid_entry2 *e = cpuid_find(supported_cpuid(), 7, 0);

	return e && e->ecx & WAITPKG;
}

static void guest_without_limit(void)
{
	guest_expect_eq(try_rdmsr(MSR_UMWAIT_CONTROL), VEC_GP);
	guest_expect_eq(try_wrmsr(MSR_UMWAIT_CONTROL, 0), VEC_GP);
}

/* The register comes with the feature; whoever says it is there has no register for it. */
TEST(waitpkg_not_there)
{
	struct vm *vm = vm_start(guest_without_limit);
	uint64_t v;

	if (have_waitpkg())
		skip("this processor has UMWAIT");
	expect(!is_listed(MSR_UMWAIT_CONTROL));
	/* What is not supported fails (4.19). The distribution's answer 0, and take it. */
	if (!distro_modules()) {
		expect_eq(vcpu_get_msr(&vm->vcpu[0], MSR_UMWAIT_CONTROL, &v), 0);
		expect_eq(vcpu_set_msr(&vm->vcpu[0], MSR_UMWAIT_CONTROL, 0), 0);
	}
	must(ioctl(vm->vcpu[0].fd, KVM_SET_CPUID2, cpuid_with(WAITPKG)));
	expect_exit(vm_run(vm), GUEST_DONE);
}

/* Until a time that has passed, in C0.1. */
static int tpause(void)
{
	return guest_try(".byte 0x66, 0x0f, 0xae, 0xf1", : : "a"(0), "d"(0), "c"(1) : "memory");
}

static void guest_waits(void)
{
	guest_expect_eq(rdmsr(MSR_UMWAIT_CONTROL), 0x1001);
	guest_expect_eq(try_wrmsr(MSR_UMWAIT_CONTROL, 2), VEC_GP);
	guest_expect_eq(try_wrmsr(MSR_UMWAIT_CONTROL, 1ULL << 32), VEC_GP);
	guest_expect_eq(tpause(), NO_FAULT);
	wrmsr(MSR_UMWAIT_CONTROL, 0xfffffffd);
	guest_expect_eq(tpause(), NO_FAULT);
	guest_sync(0);
	guest_expect_eq(rdmsr(MSR_UMWAIT_CONTROL), 0xfffffffd);
}

TEST(waitpkg)
{
	struct vm *vm = vm_start(guest_waits);
	struct vcpu *vcpu = &vm->vcpu[0];
	uint64_t v;

	if (!have_waitpkg())
		skip("this processor has no UMWAIT");
	expect(is_listed(MSR_UMWAIT_CONTROL));
	must(ioctl(vcpu->fd, KVM_SET_CPUID2, cpuid_with(WAITPKG)));
	expect_eq(vcpu_set_msr(vcpu, MSR_UMWAIT_CONTROL, 2), 0);
	expect_eq(vcpu_set_msr(vcpu, MSR_UMWAIT_CONTROL, 1ULL << 32), 0);
	expect_eq(vcpu_get_msr(vcpu, MSR_UMWAIT_CONTROL, &v), 1);
	expect_eq(v, 0);
	expect_eq(vcpu_set_msr(vcpu, MSR_UMWAIT_CONTROL, 0x1001), 1);
	expect_exit(vm_run(vm), GUEST_SYNC);
	expect_eq(vcpu_get_msr(vcpu, MSR_UMWAIT_CONTROL, &v), 1);
	expect_eq(v, 0xfffffffd);
	expect_exit(vm_run(vm), GUEST_DONE);
}

static void guest_may_not_wait(void)
{
	guest_without_limit();
	guest_expect_eq(tpause(), VEC_UD);
}

/* The processor has it, the guest's CPUID has not: no register, and no instruction. */
TEST(waitpkg_kept_from_a_guest)
{
	struct vm *vm = vm_start(guest_may_not_wait);

	if (!have_waitpkg())
		skip("this processor has no UMWAIT");
	must(ioctl(vm->vcpu[0].fd, KVM_SET_CPUID2, cpuid_with(0)));
	expect_exit(vm_run(vm), GUEST_DONE);
}
