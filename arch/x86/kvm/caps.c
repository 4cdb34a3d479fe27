// SPDX-License-Identifier: GPL-2.0-only
/*
 * Capabilities of x86: what KVM_CHECK_EXTENSION answers beyond the core's rows, and what
 * KVM_ENABLE_CAP turns on for a VM or a vCPU.
 *
 * A capability stands in the table only when what it promises is there. Enabling one is a row as
 * well; its function gets the arguments alone, and refuses without having changed anything.
 */
#include <asm/cpufeature.h>
#include <uapi/linux/kvm_para.h>
#include "msr_filter.h"
#include "vm.h"
#include "x86.h"

/*
 * What CHECK_EXTENSION and ENABLE_CAP must agree on.
 */
#define X2APIC_API_FLAGS	(KVM_X2APIC_API_USE_32BIT_IDS | \
				 KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK)
#define HYPERCALL_EXITS		BIT(KVM_HC_MAP_GPA_RANGE)
#define QUIRKS			(KVM_X86_QUIRK_LINT0_REENABLED | KVM_X86_QUIRK_CD_NW_CLEARED | \
				 KVM_X86_QUIRK_LAPIC_MMIO_HOLE | KVM_X86_QUIRK_OUT_7E_INC_RIP | \
				 KVM_X86_QUIRK_MISC_ENABLE_NO_MWAIT | \
				 KVM_X86_QUIRK_FIX_HYPERCALL_INSN | \
				 KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS)

#define BUS_LOCK_MODES		(KVM_BUS_LOCK_DETECTION_OFF | KVM_BUS_LOCK_DETECTION_EXIT)
#define NOTIFY_FLAGS		(KVM_X86_NOTIFY_VMEXIT_ENABLED | KVM_X86_NOTIFY_VMEXIT_USER)

/* Set by a backend whose hardware can. */
bool x86_can_exit_on_bus_lock __read_mostly;
EXPORT_SYMBOL_GPL(x86_can_exit_on_bus_lock);
bool x86_can_notify __read_mostly;
EXPORT_SYMBOL_GPL(x86_can_notify);

/* A guest may have MWAIT only where the host's wakes up again by itself: with a timer that runs. */
static u64 exits_to_disable(void)
{
	u64 exits = KVM_X86_DISABLE_EXITS_HLT | KVM_X86_DISABLE_EXITS_PAUSE;

	if (boot_cpu_has(X86_FEATURE_MWAIT) && boot_cpu_has(X86_FEATURE_ARAT) &&
	    !boot_cpu_has_bug(X86_BUG_MONITOR))
		exits |= KVM_X86_DISABLE_EXITS_MWAIT;
	return exits;
}

static int cap_disable_exits(struct kvm *kvm)
{
	return exits_to_disable();
}

static int cap_tsc_control(struct kvm *kvm)
{
	return x86_tsc_ratio_one != 0;
}

static int cap_xcrs(struct kvm *kvm)
{
	return boot_cpu_has(X86_FEATURE_XSAVE);
}

static int cap_clock(struct kvm *kvm)
{
	return KVM_CLOCK_TSC_STABLE | KVM_CLOCK_REALTIME | KVM_CLOCK_HOST_TSC;
}

static int cap_bus_lock(struct kvm *kvm)
{
	return x86_can_exit_on_bus_lock ? BUS_LOCK_MODES : 0;
}

static int cap_notify(struct kvm *kvm)
{
	return x86_can_notify;
}

static const struct kvm_cap caps[] = {
	/* CPUID, registers, MSRs. */
	{ KVM_CAP_EXT_CPUID, 1 },
	{ KVM_CAP_EXT_EMUL_CPUID, 1 },
	{ KVM_CAP_GET_MSR_FEATURES, 1 },
	{ KVM_CAP_X86_MSR_FILTER, 1 },
	{ KVM_CAP_X86_USER_SPACE_MSR, 1 },
	{ KVM_CAP_SREGS2, 1 },
	{ KVM_CAP_XSAVE, 1 },
	{ KVM_CAP_XSAVE2, .get = x86_cap_xsave2 },
	{ KVM_CAP_XCRS, .get = cap_xcrs },
	{ KVM_CAP_SYNC_REGS, KVM_SYNC_X86_VALID_FIELDS },
	{ KVM_CAP_SYS_ATTRIBUTES, 1 },
	{ KVM_CAP_VCPU_ATTRIBUTES, 1 },
	{ KVM_CAP_MCE, X86_MCE_BANKS },
	{ KVM_CAP_DISABLE_QUIRKS, 1 },
	{ KVM_CAP_DISABLE_QUIRKS2, QUIRKS },
	/* Running. */
	{ KVM_CAP_HLT, 1 },
	{ KVM_CAP_MP_STATE, 1 },
	{ KVM_CAP_ENABLE_CAP, 1 },
	{ KVM_CAP_SET_TSS_ADDR, 1 },
	{ KVM_CAP_SET_IDENTITY_MAP_ADDR, 1 },
	{ KVM_CAP_SET_BOOT_CPU_ID, 1 },
	{ KVM_CAP_NOP_IO_DELAY, 1 },
	{ KVM_CAP_X86_DISABLE_EXITS, .get = cap_disable_exits },
	{ KVM_CAP_EXIT_ON_EMULATION_FAILURE, 1 },
	{ KVM_CAP_EXIT_HYPERCALL, HYPERCALL_EXITS },
	{ KVM_CAP_X86_BUS_LOCK_EXIT, .get = cap_bus_lock },
	{ KVM_CAP_X86_NOTIFY_VMEXIT, .get = cap_notify },
	{ KVM_CAP_VM_DISABLE_NX_HUGE_PAGES, 1 },
	/* Events and debugging. */
	{ KVM_CAP_USER_NMI, 1 },
	{ KVM_CAP_VCPU_EVENTS, 1 },
	{ KVM_CAP_INTR_SHADOW, 1 },
	{ KVM_CAP_EXCEPTION_PAYLOAD, 1 },
	{ KVM_CAP_X86_TRIPLE_FAULT_EVENT, 1 },
	{ KVM_CAP_X86_SMM, 1 },
	{ KVM_CAP_DEBUGREGS, 1 },
	{ KVM_CAP_SET_GUEST_DEBUG, 1 },
	{ KVM_CAP_SET_GUEST_DEBUG2, X86_GUESTDBG_FLAGS },
	{ KVM_CAP_X86_ROBUST_SINGLESTEP, 1 },
	/* Interrupt controllers. */
	{ KVM_CAP_IRQCHIP, 1 },
	{ KVM_CAP_SPLIT_IRQCHIP, 1 },
	{ KVM_CAP_IOAPIC_POLARITY_IGNORED, 1 },
	{ KVM_CAP_PIT, 1 },
	{ KVM_CAP_PIT2, 1 },
	{ KVM_CAP_PIT_STATE2, 1 },
	{ KVM_CAP_REINJECT_CONTROL, 1 },
	{ KVM_CAP_X2APIC_API, X2APIC_API_FLAGS },
	{ KVM_CAP_TSC_DEADLINE_TIMER, 1 },
	{ KVM_CAP_VAPIC, 1 },
	/* Time. */
	{ KVM_CAP_CLOCKSOURCE, 1 },
	{ KVM_CAP_ADJUST_CLOCK, .get = cap_clock },
	{ KVM_CAP_KVMCLOCK_CTRL, 1 },
	{ KVM_CAP_TSC_CONTROL, .get = cap_tsc_control },
	{ KVM_CAP_VM_TSC_CONTROL, .get = cap_tsc_control },
	{ KVM_CAP_GET_TSC_KHZ, 1 },
	{ KVM_CAP_STEAL_TIME, 1 },
	{ KVM_CAP_ENFORCE_PV_FEATURE_CPUID, 1 },
};

const struct kvm_cap_table x86_cap_table = KVM_CAP_TABLE(caps);

/*
 * KVM_ENABLE_CAP on a VM.
 */
static int enable_disabled_exits(struct kvm *kvm, struct kvm_enable_cap *cap)
{
	struct x86_vm *vm = to_x86_vm(kvm);
	u64 exits = cap->args[0];

	if (exits & ~exits_to_disable() || kvm->created_vcpus)
		return -EINVAL;
	vm->hlt_in_guest = exits & KVM_X86_DISABLE_EXITS_HLT;
	vm->pause_in_guest = exits & KVM_X86_DISABLE_EXITS_PAUSE;
	vm->mwait_in_guest = exits & KVM_X86_DISABLE_EXITS_MWAIT;
	return 0;
}

static int enable_x2apic_api(struct kvm *kvm, struct kvm_enable_cap *cap)
{
	if (cap->args[0] & ~(u64)X2APIC_API_FLAGS)
		return -EINVAL;
	to_x86_vm(kvm)->irqchip.x2apic_format |= cap->args[0];
	return 0;
}

static int enable_exception_payload(struct kvm *kvm, struct kvm_enable_cap *cap)
{
	to_x86_vm(kvm)->exception_payload = cap->args[0];
	return 0;
}

static int enable_triple_fault_event(struct kvm *kvm, struct kvm_enable_cap *cap)
{
	to_x86_vm(kvm)->triple_fault_event = cap->args[0];
	return 0;
}

static int enable_user_msrs(struct kvm *kvm, struct kvm_enable_cap *cap)
{
	return x86_vm_user_msrs(kvm, cap->args[0]);
}

static int enable_hypercall_exits(struct kvm *kvm, struct kvm_enable_cap *cap)
{
	if (cap->args[0] & ~(u64)HYPERCALL_EXITS)
		return -EINVAL;
	to_x86_vm(kvm)->hypercall_exits = cap->args[0];
	return 0;
}

static int enable_emulation_exits(struct kvm *kvm, struct kvm_enable_cap *cap)
{
	if (cap->args[0] & ~1ULL)
		return -EINVAL;
	to_x86_vm(kvm)->exit_on_emulation_failure = cap->args[0];
	return 0;
}

/* The older capability cannot be asked which there are, so it takes what it does not know. */
static int disable_quirks(struct kvm *kvm, struct kvm_enable_cap *cap)
{
	WRITE_ONCE(to_x86_vm(kvm)->disabled_quirks, cap->args[0] & QUIRKS);
	return 0;
}

static int disable_known_quirks(struct kvm *kvm, struct kvm_enable_cap *cap)
{
	return cap->args[0] & ~(u64)QUIRKS ? -EINVAL : disable_quirks(kvm, cap);
}

/* One mode of the two, or none of them: then it stays as it is (KVM API 7.22). */
static int choose_bus_lock_mode(struct kvm *kvm, struct kvm_enable_cap *cap)
{
	u64 mode = cap->args[0];

	if (!x86_can_exit_on_bus_lock || mode & ~(u64)BUS_LOCK_MODES || mode == BUS_LOCK_MODES)
		return -EINVAL;
	if (!mode)
		return 0;
	WRITE_ONCE(to_x86_vm(kvm)->bus_lock_exits, mode == KVM_BUS_LOCK_DETECTION_EXIT);
	kvm_request_all(kvm, KVM_REQ_INTERCEPTS);
	return 0;
}

/* While the VM is made: flags in the lower half, the window in the upper one (KVM API 7.33). */
static int enable_notify(struct kvm *kvm, struct kvm_enable_cap *cap)
{
	struct x86_vm *vm = to_x86_vm(kvm);
	u32 flags = cap->args[0];

	if (!x86_can_notify || flags & ~(u32)NOTIFY_FLAGS || kvm->created_vcpus)
		return -EINVAL;
	if (!(flags & KVM_X86_NOTIFY_VMEXIT_ENABLED))
		return -EINVAL;
	vm->notify.on = true;
	vm->notify.to_user = flags & KVM_X86_NOTIFY_VMEXIT_USER;
	vm->notify.window = cap->args[0] >> 32;
	return 0;
}

/* Once, before the first vCPU; 0 leaves it at what it is (KVM API 7.32). */
static int set_max_vcpu_id(struct kvm *kvm, struct kvm_enable_cap *cap)
{
	struct x86_vm *vm = to_x86_vm(kvm);

	if (cap->args[0] > X86_MAX_VCPU_IDS || vm->max_vcpu_id_set || kvm->created_vcpus)
		return -EINVAL;
	if (!cap->args[0])
		return 0;
	kvm->max_vcpu_id = cap->args[0];
	vm->max_vcpu_id_set = true;
	return 0;
}

static const struct {
	u32	cap;
	int	(*enable)(struct kvm *kvm, struct kvm_enable_cap *cap);
} switches[] = {
	{ KVM_CAP_SPLIT_IRQCHIP,		irqchip_vm_split },
	{ KVM_CAP_X2APIC_API,			enable_x2apic_api },
	{ KVM_CAP_X86_DISABLE_EXITS,		enable_disabled_exits },
	{ KVM_CAP_EXCEPTION_PAYLOAD,		enable_exception_payload },
	{ KVM_CAP_X86_TRIPLE_FAULT_EVENT,	enable_triple_fault_event },
	{ KVM_CAP_X86_USER_SPACE_MSR,		enable_user_msrs },
	{ KVM_CAP_EXIT_HYPERCALL,		enable_hypercall_exits },
	{ KVM_CAP_EXIT_ON_EMULATION_FAILURE,	enable_emulation_exits },
	{ KVM_CAP_DISABLE_QUIRKS,		disable_quirks },
	{ KVM_CAP_DISABLE_QUIRKS2,		disable_known_quirks },
	{ KVM_CAP_MAX_VCPU_ID,			set_max_vcpu_id },
	{ KVM_CAP_X86_BUS_LOCK_EXIT,		choose_bus_lock_mode },
	{ KVM_CAP_X86_NOTIFY_VMEXIT,		enable_notify },
	{ KVM_CAP_VM_DISABLE_NX_HUGE_PAGES,	mmu_nx_disable },
};

/**
 * x86_vm_enable_cap - KVM_ENABLE_CAP on a VM, for what the core does not know
 * @kvm: the VM; kvm->lock held
 * @cap: as user space gave it
 *
 * Return: 0; -EINVAL for a capability that cannot be enabled, flags, or a bad argument; what the
 * capability's own function returns.
 */
int x86_vm_enable_cap(struct kvm *kvm, struct kvm_enable_cap *cap)
{
	unsigned int i;

	lockdep_assert_held(&kvm->lock);
	if (cap->flags)
		return -EINVAL;
	for (i = 0; i < ARRAY_SIZE(switches); i++) {
		if (switches[i].cap == cap->cap)
			return switches[i].enable(kvm, cap);
	}
	return -EINVAL;
}

/*
 * KVM_ENABLE_CAP on a vCPU.
 */
static int enforce_pv_features(struct kvm_vcpu *vcpu, const struct kvm_enable_cap *cap)
{
	to_x86(vcpu)->pv.enforce_features = cap->args[0];
	return 0;
}

static const struct {
	u32	cap;
	int	(*enable)(struct kvm_vcpu *vcpu, const struct kvm_enable_cap *cap);
} vcpu_switches[] = {
	{ KVM_CAP_ENFORCE_PV_FEATURE_CPUID,	enforce_pv_features },
};

/**
 * x86_vcpu_enable_cap - KVM_ENABLE_CAP on a vCPU
 * @vcpu: loaded
 * @arg: struct kvm_enable_cap
 *
 * Return: 0; -EINVAL for a capability that no vCPU has of its own, or flags.
 */
long x86_vcpu_enable_cap(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	const struct kvm_enable_cap *cap = arg->data;
	unsigned int i;

	if (cap->flags)
		return -EINVAL;
	for (i = 0; i < ARRAY_SIZE(vcpu_switches); i++) {
		if (vcpu_switches[i].cap == cap->cap)
			return vcpu_switches[i].enable(vcpu, cap);
	}
	return -EINVAL;
}
