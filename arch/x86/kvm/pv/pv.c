// SPDX-License-Identifier: GPL-2.0-only
/*
 * The paravirtual services as tables: their MSRs, their feature bits, their hypercalls.
 */
#include <linux/bitops.h>
#include <linux/nospec.h>
#include <asm/apicdef.h>
#include <uapi/linux/kvm_para.h>
#include "../x86.h"

u32 pv_supported_features(void)
{
	return BIT(KVM_FEATURE_CLOCKSOURCE) | BIT(KVM_FEATURE_CLOCKSOURCE2) |
	       BIT(KVM_FEATURE_CLOCKSOURCE_STABLE_BIT) | BIT(KVM_FEATURE_NOP_IO_DELAY) |
	       BIT(KVM_FEATURE_STEAL_TIME) | BIT(KVM_FEATURE_PV_TLB_FLUSH) |
	       BIT(KVM_FEATURE_PV_EOI) | BIT(KVM_FEATURE_PV_UNHALT) |
	       BIT(KVM_FEATURE_PV_SEND_IPI) | BIT(KVM_FEATURE_PV_SCHED_YIELD) |
	       BIT(KVM_FEATURE_POLL_CONTROL);
}

/* A service is there for whoever asks, unless user space wants the guest's CPUID to decide. */
static bool offered(struct kvm_vcpu *vcpu, unsigned int feature)
{
	return !to_x86(vcpu)->pv.enforce_features ||
	       to_x86(vcpu)->cpuid.pv_features & BIT(feature);
}

/*
 * MSRs.
 */
static u64 get_wall(struct kvm_vcpu *vcpu)
{
	return to_x86_vm(vcpu->kvm)->clock.wall_gpa;
}

static u64 get_system_time(struct kvm_vcpu *vcpu)
{
	return to_x86(vcpu)->pv.clock.msr;
}

static u64 get_steal(struct kvm_vcpu *vcpu)
{
	return to_x86(vcpu)->pv.steal.msr;
}

static u64 get_pv_eoi(struct kvm_vcpu *vcpu)
{
	return to_x86(vcpu)->pv.eoi.msr;
}

static u64 get_poll_control(struct kvm_vcpu *vcpu)
{
	return to_x86(vcpu)->pv.poll_control;
}

static int set_wall(struct kvm_vcpu *vcpu, u64 data, bool host)
{
	return kvmclock_wall_msr_set(vcpu, data);
}

static int set_system_time(struct kvm_vcpu *vcpu, u64 data, bool host)
{
	return kvmclock_msr_set(vcpu, data, false, host);
}

static int set_old_system_time(struct kvm_vcpu *vcpu, u64 data, bool host)
{
	return kvmclock_msr_set(vcpu, data, true, host);
}

static int set_steal(struct kvm_vcpu *vcpu, u64 data, bool host)
{
	return pv_steal_msr_set(vcpu, data);
}

static int set_pv_eoi(struct kvm_vcpu *vcpu, u64 data, bool host)
{
	return lapic_pv_eoi_set(vcpu, data);
}

static int set_poll_control(struct kvm_vcpu *vcpu, u64 data, bool host)
{
	if (data & ~1ULL)
		return 1;
	to_x86(vcpu)->pv.poll_control = data;
	return 0;
}

const u32 pv_msrs[] = {
	MSR_KVM_SYSTEM_TIME, MSR_KVM_WALL_CLOCK, MSR_KVM_SYSTEM_TIME_NEW, MSR_KVM_WALL_CLOCK_NEW,
	MSR_KVM_STEAL_TIME, MSR_KVM_PV_EOI_EN, MSR_KVM_POLL_CONTROL,
};

const unsigned int pv_nr_msrs = ARRAY_SIZE(pv_msrs);

static const struct {
	u32	index;
	u64	(*get)(struct kvm_vcpu *vcpu);
	int	(*set)(struct kvm_vcpu *vcpu, u64 data, bool host);
	u8	feature;
} msr_rows[] = {
	{ MSR_KVM_SYSTEM_TIME,		get_system_time,	set_old_system_time,
	  KVM_FEATURE_CLOCKSOURCE },
	{ MSR_KVM_WALL_CLOCK,		get_wall,		set_wall,
	  KVM_FEATURE_CLOCKSOURCE },
	{ MSR_KVM_SYSTEM_TIME_NEW,	get_system_time,	set_system_time,
	  KVM_FEATURE_CLOCKSOURCE2 },
	{ MSR_KVM_WALL_CLOCK_NEW,	get_wall,		set_wall,
	  KVM_FEATURE_CLOCKSOURCE2 },
	{ MSR_KVM_STEAL_TIME,		get_steal,		set_steal,
	  KVM_FEATURE_STEAL_TIME },
	{ MSR_KVM_PV_EOI_EN,		get_pv_eoi,		set_pv_eoi,
	  KVM_FEATURE_PV_EOI },
	{ MSR_KVM_POLL_CONTROL,		get_poll_control,	set_poll_control,
	  KVM_FEATURE_POLL_CONTROL },
};

int pv_msr_get(struct kvm_vcpu *vcpu, u32 index, u64 *data, bool host)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(msr_rows); i++) {
		if (msr_rows[i].index != index)
			continue;
		if (!host && !offered(vcpu, msr_rows[i].feature))
			return X86_MSR_INVALID;
		*data = msr_rows[i].get(vcpu);
		return 0;
	}
	return X86_MSR_UNKNOWN;
}

int pv_msr_set(struct kvm_vcpu *vcpu, u32 index, u64 data, bool host)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(msr_rows); i++) {
		if (msr_rows[i].index != index)
			continue;
		if (!host && !offered(vcpu, msr_rows[i].feature))
			return X86_MSR_INVALID;
		return msr_rows[i].set(vcpu, data, host);
	}
	return X86_MSR_UNKNOWN;
}

/*
 * Hypercalls.
 */
struct hypercall {
	unsigned long	a[4];
	bool		wide;		/* 64-bit mode */
};

static long hc_poll_irq(struct kvm_vcpu *vcpu, const struct hypercall *h)
{
	return 0;		/* the exit was all it is for */
}

/*
 * The CPU goes to the vCPU that holds what the caller waits for, if that is ready and not running.
 */
static void yield_to_apic(struct kvm_vcpu *vcpu, u32 apic_id)
{
	struct kvm_vcpu *target = apic_id_to_vcpu(vcpu->kvm, apic_id);
	struct x86_vcpu_stats *stat = &to_x86(vcpu)->stat;

	stat->directed_yield_attempted++;
	if (target && target != vcpu && READ_ONCE(target->ready) && kvm_vcpu_yield_to(target))
		stat->directed_yield_successful++;
}

/* A halted vCPU whose turn it is with a lock; a1: its APIC id. */
static long hc_kick_cpu(struct kvm_vcpu *vcpu, const struct hypercall *h)
{
	struct kvm_vcpu *target = apic_id_to_vcpu(vcpu->kvm, h->a[1]);

	if (!target)
		return 0;
	WRITE_ONCE(to_x86(target)->pv.unhalted, true);
	kvm_request(target, KVM_REQ_EVENT);
	kvm_vcpu_kick(target);
	yield_to_apic(vcpu, h->a[1]);
	return 0;
}

static long hc_sched_yield(struct kvm_vcpu *vcpu, const struct hypercall *h)
{
	yield_to_apic(vcpu, h->a[0]);
	return 0;
}

/*
 * a0, a1: a bitmap of APIC ids from a2 on, as wide as two registers; a3: ICR. Returns how many got
 * it.
 */
static long hc_send_ipi(struct kvm_vcpu *vcpu, const struct hypercall *h)
{
	unsigned int width = h->wide ? 64 : 32, half, bit;
	struct apic_message msg = {
		.vector		= h->a[3] & APIC_VECTOR_MASK,
		.delivery	= (h->a[3] & APIC_MODE_MASK) >> 8,
		.level		= h->a[3] & APIC_INT_LEVELTRIG,
		.assert		= h->a[3] & APIC_INT_ASSERT,
	};
	unsigned long bits;
	long n = 0;

	if (!to_x86(vcpu)->lapic)
		return -KVM_ENOSYS;
	if (h->a[3] & (APIC_DEST_ALLBUT | APIC_DEST_LOGICAL))
		return -KVM_EINVAL;
	for (half = 0; half < 2; half++) {
		bits = h->a[half];
		for_each_set_bit(bit, &bits, width) {
			msg.dest = (u32)h->a[2] + half * width + bit;
			n += apic_send(vcpu->kvm, to_x86(vcpu)->lapic, &msg) > 0;
		}
	}
	return n;
}

/* a0: where to write; a1: which clock. */
static long hc_clock_pairing(struct kvm_vcpu *vcpu, const struct hypercall *h)
{
	if (h->a[1] != KVM_CLOCK_PAIRING_WALLCLOCK)
		return -KVM_EOPNOTSUPP;
	return kvmclock_pair(vcpu, h->a[0]);
}

/* feature: the bit of KVM_CPUID_FEATURES that offers it; 0 where there is none. */
static const struct {
	long	(*call)(struct kvm_vcpu *vcpu, const struct hypercall *h);
	u8	feature;
} hypercalls[] = {
	[KVM_HC_VAPIC_POLL_IRQ]	= { hc_poll_irq },
	[KVM_HC_KICK_CPU]	= { hc_kick_cpu, KVM_FEATURE_PV_UNHALT },
	[KVM_HC_CLOCK_PAIRING]	= { hc_clock_pairing },
	[KVM_HC_SEND_IPI]	= { hc_send_ipi, KVM_FEATURE_PV_SEND_IPI },
	[KVM_HC_SCHED_YIELD]	= { hc_sched_yield, KVM_FEATURE_PV_SCHED_YIELD },
};

long pv_hypercall(struct kvm_vcpu *vcpu, unsigned long nr, unsigned long a0, unsigned long a1,
		  unsigned long a2, unsigned long a3, bool op_64_bit)
{
	const struct hypercall h = { .a = { a0, a1, a2, a3 }, .wide = op_64_bit };

	if (nr >= ARRAY_SIZE(hypercalls))
		return -KVM_ENOSYS;
	nr = array_index_nospec(nr, ARRAY_SIZE(hypercalls));
	if (!hypercalls[nr].call)
		return -KVM_ENOSYS;
	if (hypercalls[nr].feature && !offered(vcpu, hypercalls[nr].feature))
		return -KVM_ENOSYS;
	return hypercalls[nr].call(vcpu, &h);
}

/*
 * Life cycle.
 */
void pv_vcpu_reset(struct kvm_vcpu *vcpu)
{
	struct x86_pv *pv = &to_x86(vcpu)->pv;

	kvmclock_reset(vcpu);
	pv->steal.msr = 0;
	pv->steal.usable = false;
	pv->eoi.msr = 0;
	pv->eoi.armed = false;
	pv->poll_control = 1;
	pv->unhalted = false;
}

/* A guest that polls for itself has turned the host's polling off. */
bool pv_halt_poll_ok(struct kvm_vcpu *vcpu)
{
	return to_x86(vcpu)->pv.poll_control & 1;
}
