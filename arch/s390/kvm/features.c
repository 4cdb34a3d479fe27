// SPDX-License-Identifier: GPL-2.0-only
/*
 * Features of a CPU that a facility of the machine brings: what the state description has to say
 * for the guest to have them, and their registers in kvm_run. A row a feature.
 *
 * A guest has a feature when both its own facility list and the machine's have the facility. Four
 * are in a new VM's list only once a capability has been enabled (s390_feature_enable()): their
 * registers are new to the VMM.
 *
 * Runtime instrumentation and guarded storage are state that belongs to the thread when it is no
 * guest. The first is exchanged by SIE, between the machine and a block that the state description
 * names. The second stays in the machine, as vectors do: the host, which loads and stores them by
 * current->thread.gs_cb, is shown the guest's (s390_gs_enter()).
 *
 * Block and annex lie in the page of the state description.
 */
#include <linux/sched.h>
#include <asm/ctl_reg.h>
#include <asm/facility.h>
#include <asm/guarded_storage.h>
#include <asm/sclp.h>

#include "s390.h"

struct feature {
	u8	facility;
	u16	sync;			/* KVM_SYNC_*, of its own */
	u8	exec_ctl_b[3];
	bool	annex;
	u32	exec_ctl;
	u32	exec_ctl_d;
};

static const struct feature features[] = {
	{ .facility = FACILITY_TOPOLOGY, .exec_ctl_b = { SIE_EXECB_PTF } },
	{ .facility = FACILITY_RI, .sync = KVM_SYNC_RICCB, .exec_ctl_b = { [2] = SIE_EXECB2_RI } },
	{ .facility = FACILITY_BPB, .sync = KVM_SYNC_BPBC },
	{ .facility = FACILITY_VX, .exec_ctl = SIE_EXEC_VX, .exec_ctl_d = SIE_EXECD_HOST_REGS },
	{ .facility = FACILITY_GS, .sync = KVM_SYNC_GSCB, .exec_ctl_b = { SIE_EXECB_GS },
	  .exec_ctl_d = SIE_EXECD_HOST_REGS, .annex = true },
	{ .facility = FACILITY_MULTI_EPOCH, .exec_ctl_d = SIE_EXECD_MULTI_EPOCH },
	{ .facility = FACILITY_ETOKEN, .sync = KVM_SYNC_ETOKEN,
	  .exec_ctl_d = SIE_EXECD_ETOKEN, .annex = true },
};

/* Facilities that come with a capability: itself, and what builds on it. */
static const u8 of_vectors[] = { FACILITY_VX, 134, 135, 148, 152, 165, 192 };
static const u8 of_ri[] = { FACILITY_RI };
static const u8 of_gs[] = { FACILITY_GS };
static const u8 of_topology[] = { FACILITY_TOPOLOGY };

static const struct {
	u32		cap;
	const u8	*facilities;
	unsigned int	n;
} optional[] = {
	{ KVM_CAP_S390_VECTOR_REGISTERS,	of_vectors,	ARRAY_SIZE(of_vectors) },
	{ KVM_CAP_S390_RI,			of_ri,		ARRAY_SIZE(of_ri) },
	{ KVM_CAP_S390_GS,			of_gs,		ARRAY_SIZE(of_gs) },
	{ KVM_CAP_S390_CPU_TOPOLOGY,		of_topology,	ARRAY_SIZE(of_topology) },
};

static void give_facility(struct s390_vm *vm, unsigned int nr)
{
	vm->facilities[nr / 64] |= facility_bit(nr);
	vm->fac_mask[nr / 64] |= facility_bit(nr);
}

/*
 * KVM_ENABLE_CAP of a feature. -EBUSY: there is a CPU already; -EINVAL: the machine has none, or
 * @cap is no such. Context: kvm->lock held.
 */
int s390_feature_enable(struct s390_vm *vm, u32 cap)
{
	unsigned int i, j;

	lockdep_assert_held(&vm->kvm.lock);
	for (i = 0; i < ARRAY_SIZE(optional); i++) {
		if (optional[i].cap == cap)
			break;
	}
	if (i == ARRAY_SIZE(optional))
		return -EINVAL;
	if (vm->kvm.created_vcpus)
		return -EBUSY;
	if (!test_facility(optional[i].facilities[0]))
		return -EINVAL;
	for (j = 0; j < optional[i].n; j++) {
		if (test_facility(optional[i].facilities[j]))
			give_facility(vm, optional[i].facilities[j]);
	}
	return 0;
}

bool s390_has(const struct s390_vm *vm, unsigned int facility)
{
	return s390_facility(vm, facility) && test_facility(facility);
}

/* Context: the CPU is not yet anybody's; its page is zero. */
void s390_features_init(struct s390_vcpu *v)
{
	struct sie_block *sie = v->sie;
	const struct feature *f;
	unsigned int i;

	v->feature_sync = KVM_SYNC_DIAG318;
	for (f = features; f < features + ARRAY_SIZE(features); f++) {
		if (!s390_has(vm_of(v), f->facility))
			continue;
		v->feature_sync |= f->sync;
		sie->exec_ctl |= f->exec_ctl;
		sie->exec_ctl_d |= f->exec_ctl_d;
		for (i = 0; i < ARRAY_SIZE(f->exec_ctl_b); i++)
			sie->exec_ctl_b[i] |= f->exec_ctl_b[i];
		if (f->annex)
			sie->annex = (unsigned long)&sie_page(v)->annex | SDNXC;
	}
	v->has_gs = s390_has(vm_of(v), FACILITY_GS);
	if (s390_has(vm_of(v), FACILITY_RI))
		sie->ri_block = (unsigned long)sie_page(v)->ri;
}

static void set_bpb(struct s390_vcpu *v, bool on)
{
	v->sie->fpf = (v->sie->fpf & ~SIE_FPF_BPB) | (on ? SIE_FPF_BPB : 0);
}

/* @dirty: fields that this guest has, and no others (s390_sync_fields()). */
void s390_features_take(struct s390_vcpu *v, u64 dirty)
{
	const struct kvm_sync_regs *regs = &v->vcpu.run->s.regs;
	struct sie_page *page = sie_page(v);

	if (dirty & KVM_SYNC_RICCB)
		memcpy(page->ri, regs->riccb, sizeof(page->ri));
	if (dirty & KVM_SYNC_BPBC)
		set_bpb(v, regs->bpbc);
	if (dirty & KVM_SYNC_GSCB)
		memcpy(&page->annex.gscb, regs->gscb, sizeof(page->annex.gscb));
	if (dirty & KVM_SYNC_ETOKEN) {
		page->annex.etoken = regs->etoken;
		page->annex.etoken_extension = regs->etoken_extension;
	}
	if (dirty & KVM_SYNC_DIAG318) {
		v->diag318 = regs->diag318;
		v->sie->program_code = v->diag318 >> 56;
	}
}

/* Those that the guest has not are zero. */
void s390_features_give(struct s390_vcpu *v)
{
	struct kvm_sync_regs *regs = &v->vcpu.run->s.regs;
	const struct sie_page *page = sie_page(v);

	memcpy(regs->riccb, page->ri, sizeof(regs->riccb));
	regs->bpbc = !!(v->sie->fpf & SIE_FPF_BPB);
	memcpy(regs->gscb, &page->annex.gscb, sizeof(regs->gscb));
	regs->etoken = page->annex.etoken;
	regs->etoken_extension = page->annex.etoken_extension;
	regs->diag318 = v->diag318;
}

/* An initial reset blocks no predictions, and instruments nothing; a clear reset has no guards. */
void s390_features_reset(struct s390_vcpu *v, bool clear)
{
	set_bpb(v, false);
	memset(sie_page(v)->ri, 0, sizeof(sie_page(v)->ri));
	if (clear)
		memset(&sie_page(v)->annex.gscb, 0, sizeof(sie_page(v)->annex.gscb));
}

/*
 * The thread's guards out of the machine, the guest's in. Context: in KVM_RUN, preemption on; both
 * only with v->has_gs.
 */
void s390_gs_enter(struct s390_vcpu *v)
{
	preempt_disable();
	__ctl_set_bit(2, 4);
	save_gs_cb(current->thread.gs_cb);
	v->host.gs_cb = current->thread.gs_cb;
	current->thread.gs_cb = &sie_page(v)->annex.gscb;
	restore_gs_cb(current->thread.gs_cb);
	preempt_enable();
}

void s390_gs_leave(struct s390_vcpu *v)
{
	preempt_disable();
	save_gs_cb(current->thread.gs_cb);
	current->thread.gs_cb = v->host.gs_cb;
	restore_gs_cb(current->thread.gs_cb);
	if (!current->thread.gs_cb)
		__ctl_clear_bit(2, 4);
	preempt_enable();
}
