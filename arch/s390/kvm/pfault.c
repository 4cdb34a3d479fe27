// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pseudo page faults: a guest that has asked for it by DIAGNOSE 258 is told when a page has to be
 * fetched by the host (external interrupt "init"), does something else, and is told when the page
 * is there ("done"). Both carry a token, a doubleword that the host reads at the time of the fault
 * from a place that the guest has named: its operating system keeps there who is running.
 *
 * The host's fault handler leaves it to us to wait, when gmap->pfault_enabled is set
 * (KVM_DEV_FLIC_APF_ENABLE) and the page is not to be had at once: thread.gmap_pfault. If the guest
 * can take the interrupt, the core's worker fetches the page (virt/kvm/async_pf.c), else we wait.
 */
#include <linux/sched.h>
#include <kvm/async_pf.h>

#include "s390.h"
#include "trace.h"

/* The parameter block, its function codes and the return codes of DIAGNOSE 258. */
struct pfault_block {
	u16	diag;
	u16	function;
	u16	doublewords;
	u16	version;
	u64	token_at;
	u64	select;
	u64	compare;
	u64	format;
};

#define BLOCK_DOUBLEWORDS	5
#define BLOCK_VERSION		2
#define FORMAT_ZARCH		BIT_ULL(63)	/* of 64 bits each */
#define FUNCTION_TOKEN		0
#define FUNCTION_CANCEL		1
#define RC_OK			0
#define RC_NOT_ACTIVE		4
#define RC_ACTIVE		8

#define CR0_SERVICE		0x200

static bool active(const struct s390_vcpu *v)
{
	return v->pfault.token_at != KVM_S390_PFAULT_TOKEN_INVALID;
}

/* The token of a guest that has one already stays. */
static int establish(struct s390_vcpu *v, const struct pfault_block *block)
{
	gpa_t abs = s390_real_to_abs(v, block->token_at);

	if (block->compare & ~block->select || block->token_at & 7 ||
	    block->format != FORMAT_ZARCH)
		return s390_inject_pgm_code(v, PGM_SPECIFICATION);
	if (!kvm_slot_visible(kvm_slot_find(v->vcpu.kvm, gpa_to_gfn(abs))))
		return s390_inject_pgm_code(v, PGM_ADDRESSING);
	v->gprs[insn_r3(v)] = active(v) ? RC_ACTIVE : RC_OK;
	if (!active(v)) {
		v->pfault.token_at = block->token_at;
		v->pfault.select = block->select;
		v->pfault.compare = block->compare;
	}
	return EXIT_RESUME;
}

/* Pages that are on their way are told of still. */
static int cancel(struct s390_vcpu *v, const struct pfault_block *block)
{
	if (block->token_at || block->select || block->compare || block->format)
		return s390_inject_pgm_code(v, PGM_SPECIFICATION);
	v->gprs[insn_r3(v)] = active(v) ? RC_OK : RC_NOT_ACTIVE;
	v->pfault.token_at = KVM_S390_PFAULT_TOKEN_INVALID;
	return EXIT_RESUME;
}

int s390_diag_pfault(struct s390_vcpu *v)
{
	const struct s390_access a = { .addr = v->gprs[insn_r1(v)], .ar = insn_r1(v) };
	struct kvm_s390_pgm_info pgm;
	struct pfault_block block;
	int r;

	if (a.addr & 7)
		return s390_inject_pgm_code(v, PGM_SPECIFICATION);
	r = s390_guest_access(v, &a, &block, sizeof(block), &pgm);
	if (r)
		return r > 0 ? s390_inject_pgm(v, &pgm) : r;
	if (block.diag != 0x258 || block.version != BLOCK_VERSION ||
	    block.doublewords < BLOCK_DOUBLEWORDS)
		return s390_inject_pgm_code(v, PGM_SPECIFICATION);
	switch (block.function) {
	case FUNCTION_TOKEN:
		return establish(v, &block);
	case FUNCTION_CANCEL:
		return cancel(v, &block);
	default:
		return EXIT_NOT_OURS;
	}
}

/* Would the guest take an interrupt now, and nothing else before it? */
static bool can_be_told(struct s390_vcpu *v)
{
	return active(v) && READ_ONCE(v->gmap->pfault_enabled) &&
	       (v->sie->psw.mask & v->pfault.select) == v->pfault.compare &&
	       v->sie->psw.mask & PSW_MASK_EXT && v->sie->cr[0] & CR0_SERVICE &&
	       !s390_irq_deliverable(v);
}

/**
 * s390_pfault - the host's fault handler would have had to wait
 * @v: the CPU, out of SIE
 * @gpa: the page that is not there
 *
 * Context: kvm->srcu held; sleeps. Return: whether the guest is told and goes on; if not, the page
 * is to be waited for.
 */
bool s390_pfault(struct s390_vcpu *v, gpa_t gpa)
{
	struct kvm_slot *slot = kvm_slot_find(v->vcpu.kvm, gpa_to_gfn(gpa));
	struct kvm_s390_irq init = { .type = KVM_S390_INT_PFAULT_INIT };

	trace_kvm_s390_major_guest_pfault(v);
	if (!can_be_told(v) || !kvm_slot_visible(slot) ||
	    s390_read_real(v, v->pfault.token_at, &init.u.ext.ext_params2,
			   sizeof(init.u.ext.ext_params2)) ||
	    !kvm_async_pf_start(&v->vcpu, kvm_slot_hva(slot, gpa_to_gfn(gpa)),
				init.u.ext.ext_params2)) {
		v->stat.pfault_sync++;
		return false;
	}
	trace_kvm_s390_pfault_init(v, init.u.ext.ext_params2);
	s390_inject_local(v, &init);
	return true;
}

/* kvm_arch_ops.async_pf_done */
void s390_async_pf_done(struct kvm_vcpu *vcpu, u64 token)
{
	const struct kvm_s390_irq done = {
		.type = KVM_S390_INT_PFAULT_DONE, .u.ext.ext_params2 = token,
	};

	trace_kvm_s390_pfault_done(to_s390(vcpu), token);
	s390_inject_float(vcpu->kvm, &done, S390_BY_KERNEL);
}

/* A reset, or the VMM's word. */
void s390_pfault_end(struct s390_vcpu *v)
{
	v->pfault.token_at = KVM_S390_PFAULT_TOKEN_INVALID;
	kvm_async_pf_forget(&v->vcpu);
}

/*
 * KVM_DEV_FLIC_APF_ENABLE. -EINVAL: a user-controlled VM, whose CPUs have address spaces of their
 * own.
 */
int s390_pfault_enable(struct s390_vm *vm)
{
	int r = 0;

	mutex_lock(&vm->kvm.lock);
	if (vm->gmap)
		WRITE_ONCE(vm->gmap->pfault_enabled, true);
	else
		r = -EINVAL;
	mutex_unlock(&vm->kvm.lock);
	return r;
}

/*
 * KVM_DEV_FLIC_APF_DISABLE_WAIT: none is begun any more when the CPUs that have read the old value
 * have left their section; then those under way are waited for.
 */
int s390_pfault_disable(struct s390_vm *vm)
{
	mutex_lock(&vm->kvm.lock);
	if (!vm->gmap) {
		mutex_unlock(&vm->kvm.lock);
		return -EINVAL;
	}
	WRITE_ONCE(vm->gmap->pfault_enabled, false);
	mutex_unlock(&vm->kvm.lock);
	synchronize_srcu(&vm->kvm.srcu);
	return kvm_async_pf_wait(&vm->kvm);
}
