// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of a virtual CPU: state description, place in the system control area, CPU state.
 *
 * A CPU that is not operating is stopped (PoP 4, CPU states). The first one created is, for the
 * VMM's comfort, started by the first KVM_RUN, unless the VMM has taken the CPU states over by
 * KVM_SET_MP_STATE.
 */
#include <linux/mm.h>
#include <asm/sclp.h>

#include "s390.h"
#include "trace_s390.h"

/*
 * Storage keys are emulated, so their instructions leave; so does STFL(E), whose answer is the VM's
 * own list.
 */
static void block_init(struct s390_vcpu *v)
{
	struct s390_vm *vm = vm_of(v);
	struct sie_block *sie = v->sie;

	sie->flags = SIE_FLAG_ZARCH | SIE_FLAG_PAGEABLE | SIE_FLAG_STOPPED;
	sie->mem_limit = v->gmap->asce_end;
	sie->icpt_ctl = SIE_ICPT_OPEREXC | SIE_ICPT_STFL | SIE_ICPT_ISKE | SIE_ICPT_SSKE |
			SIE_ICPT_RRBE | SIE_ICPT_TPROT;
	sie->exec_ctl = SIE_EXEC_MVPG;
	if (MACHINE_HAS_ESOP) {
		sie->exec_ctl |= SIE_EXEC_PROT_TO_GUEST;
		sie->exec_ctl_b[0] |= SIE_EXECB_HOST_PROT;
	}
	if (sclp.has_siif)
		sie->exec_ctl |= SIE_EXEC_SII;
	if (s390_facility(vm, 8))
		sie->flags |= SIE_FLAG_GUEST_EDAT;
	if (s390_facility(vm, 78))
		sie->flags |= SIE_FLAG_GUEST_EDAT2;
	sie->cpu_addr = v->vcpu.id;
	sie->facilities = (u32)(unsigned long)vm->facilities;
	sie->prefix = vm->ibc;
	s390_features_init(v);
}

int s390_vcpu_precreate(struct kvm *kvm, unsigned int id)
{
	return s390_sca_room(to_s390_vm(kvm), id);
}

int s390_vcpu_create(struct kvm_vcpu *vcpu)
{
	struct s390_vcpu *v = to_s390(vcpu);
	int r;

	v->sie = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!v->sie)
		return -ENOMEM;
	r = s390_vcpu_gmap_init(v);
	if (r) {
		free_page((unsigned long)v->sie);
		return r;
	}
	v->stopped = true;
	v->pfault.token_at = KVM_S390_PFAULT_TOKEN_INVALID;
	v->debug.passed = 1;	/* nowhere */
	s390_irq_init(v);
	block_init(v);
	s390_clock_init(v);
	s390_initial_reset(v);
	vcpu->run->kvm_valid_regs = s390_sync_fields(v);
	return 0;
}

/* Only now is the id known to be ours alone. */
void s390_vcpu_created(struct kvm_vcpu *vcpu)
{
	struct s390_vcpu *v = to_s390(vcpu);

	v->sie->epoch = vm_of(v)->epoch;
	v->sie->epoch_index = vm_of(v)->epoch_index;
	kvm_request(vcpu, KVM_REQ_PROTECTION);
	s390_sca_enter(v);
	s390_crypto_controls(v);
	s390_topology_changed(vm_of(v), true);
	trace_kvm_s390_create_vcpu(v);
}

void s390_vcpu_destroy(struct kvm_vcpu *vcpu)
{
	struct s390_vcpu *v = to_s390(vcpu);

	trace_kvm_s390_destroy_vcpu(vcpu->id);
	hrtimer_cancel(&v->timer);
	s390_debug_free(v);
	s390_sca_leave(v);
	s390_vcpu_gmap_exit(v);
	free_page((unsigned long)v->sie);
}

/* sie64a takes the address space from the CPU's lowcore. */
void s390_vcpu_load(struct kvm_vcpu *vcpu, int cpu)
{
	struct s390_vcpu *v = to_s390(vcpu);

	gmap_enable(v->gmap);
	sie_flags_set(v->sie, SIE_FLAG_RUNNING);
}

void s390_vcpu_put(struct kvm_vcpu *vcpu)
{
	struct s390_vcpu *v = to_s390(vcpu);

	sie_flags_clear(v->sie, SIE_FLAG_RUNNING);
	gmap_disable(v->gmap);
}

/* The pages at the new place are brought in before the next entry. */
void s390_set_prefix(struct s390_vcpu *v, u32 prefix)
{
	v->sie->prefix = (prefix & SIE_PREFIX_MASK) | (v->sie->prefix & SIE_IBC_MASK);
	kvm_request(&v->vcpu, KVM_REQ_PREFIX);
}

/* Also of another CPU: what it is doing in SIE ends. */
void s390_stop(struct s390_vcpu *v)
{
	spin_lock(&v->irq.lock);
	if (!v->stopped)
		trace_kvm_s390_vcpu_start_stop(v->vcpu.id, false);
	WRITE_ONCE(v->stopped, true);
	sie_flags_set(v->sie, SIE_FLAG_STOPPED);
	__clear_bit(IRQ_STOP, &v->irq.pending);
	v->irq.stop_store = false;
	spin_unlock(&v->irq.lock);
	kvm_request(&v->vcpu, KVM_REQ_STARTED);
	kvm_vcpu_kick(&v->vcpu);
}

/* Nobody has to be told: a CPU that is stopped is not in KVM_RUN. Context: vcpu->mutex held. */
void s390_start(struct s390_vcpu *v)
{
	lockdep_assert_held(&v->vcpu.mutex);
	spin_lock(&v->irq.lock);
	if (v->stopped)
		trace_kvm_s390_vcpu_start_stop(v->vcpu.id, true);
	WRITE_ONCE(v->stopped, false);
	sie_flags_clear(v->sie, SIE_FLAG_STOPPED);
	spin_unlock(&v->irq.lock);
}

static long get_mp_state(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	struct kvm_mp_state *state = arg->data;

	state->mp_state = to_s390(vcpu)->stopped ? KVM_MP_STATE_STOPPED : KVM_MP_STATE_OPERATING;
	return 0;
}

/* KVM API 4.39: from the first call on, CPU states are the VMM's affair. */
static long set_mp_state(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	const struct kvm_mp_state *state = arg->data;
	struct s390_vcpu *v = to_s390(vcpu);

	if (state->mp_state != KVM_MP_STATE_STOPPED && state->mp_state != KVM_MP_STATE_OPERATING)
		return -ENXIO;
	WRITE_ONCE(vm_of(v)->user_cpu_state, true);
	if (state->mp_state == KVM_MP_STATE_STOPPED)
		s390_stop(v);
	else
		s390_start(v);
	return 0;
}

/* -EBUSY: the PSW of a CPU that operates is its own (KVM_S390_SET_INITIAL_PSW). */
static long set_initial_psw(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	const struct kvm_s390_psw *psw = arg->data;
	struct s390_vcpu *v = to_s390(vcpu);

	if (!v->stopped)
		return -EBUSY;
	v->vcpu.run->psw_mask = psw->mask;
	v->vcpu.run->psw_addr = psw->addr;
	return 0;
}

/* To the absolute address given, or in the CPU's prefix area for the two special values. */
static long store_status(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	struct s390_vcpu *v = to_s390(vcpu);
	int idx = srcu_read_lock(&vcpu->kvm->srcu);
	long r;

	r = s390_store_status(v, arg->value);
	srcu_read_unlock(&vcpu->kvm->srcu, idx);
	return r;
}

static long vcpu_enable_cap(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	const struct kvm_enable_cap *cap = arg->data;

	if (cap->flags || cap->cap != KVM_CAP_S390_CSS_SUPPORT)
		return -EINVAL;
	if (!READ_ONCE(to_s390_vm(vcpu->kvm)->css_support))
		trace_kvm_s390_enable_css(vcpu->kvm);
	WRITE_ONCE(to_s390_vm(vcpu->kvm)->css_support, true);
	return 0;
}

static const struct kvm_ioctl rows[] = {
	KVM_VCPU_IOCTL(KVM_GET_REGS,		ARG_OUT,   LOCK_VCPU,	s390_get_regs),
	KVM_VCPU_IOCTL(KVM_SET_REGS,		ARG_IN,	   LOCK_VCPU,	s390_set_regs),
	KVM_VCPU_IOCTL(KVM_GET_SREGS,		ARG_OUT,   LOCK_VCPU,	s390_get_sregs),
	KVM_VCPU_IOCTL(KVM_SET_SREGS,		ARG_IN,	   LOCK_VCPU,	s390_set_sregs),
	KVM_VCPU_IOCTL(KVM_GET_FPU,		ARG_OUT,   LOCK_VCPU,	s390_get_fpu),
	KVM_VCPU_IOCTL(KVM_SET_FPU,		ARG_IN,	   LOCK_VCPU,	s390_set_fpu),
	KVM_VCPU_IOCTL(KVM_GET_ONE_REG,		ARG_IN,	   LOCK_VCPU,	s390_get_one_reg),
	KVM_VCPU_IOCTL(KVM_SET_ONE_REG,		ARG_IN,	   LOCK_VCPU,	s390_set_one_reg),
	KVM_VCPU_IOCTL(KVM_GET_MP_STATE,	ARG_OUT,   LOCK_VCPU,	get_mp_state),
	KVM_VCPU_IOCTL(KVM_SET_MP_STATE,	ARG_IN,	   LOCK_VCPU,	set_mp_state),
	KVM_VCPU_IOCTL(KVM_S390_SET_INITIAL_PSW, ARG_IN,   LOCK_VCPU,	set_initial_psw),
	KVM_VCPU_IOCTL(KVM_S390_STORE_STATUS,	ARG_VALUE, LOCK_VCPU,	store_status),
	KVM_VCPU_IOCTL(KVM_S390_NORMAL_RESET,	ARG_ANY,   LOCK_VCPU,	s390_normal_reset_ioctl),
	KVM_VCPU_IOCTL(KVM_S390_INITIAL_RESET,	ARG_ANY,   LOCK_VCPU,	s390_initial_reset_ioctl),
	KVM_VCPU_IOCTL(KVM_S390_CLEAR_RESET,	ARG_ANY,   LOCK_VCPU,	s390_clear_reset_ioctl),
	KVM_VCPU_IOCTL(KVM_S390_GET_IRQ_STATE,	ARG_IN,	   LOCK_VCPU,	s390_get_irq_state),
	KVM_VCPU_IOCTL(KVM_S390_SET_IRQ_STATE,	ARG_IN,	   LOCK_VCPU,	s390_set_irq_state),
	KVM_VCPU_IOCTL(KVM_SET_GUEST_DEBUG,	ARG_IN,	   LOCK_VCPU,	s390_set_guest_debug),
	KVM_VCPU_IOCTL(KVM_S390_MEM_OP,		ARG_IN,	   LOCK_VCPU,	s390_vcpu_mem_op),
	KVM_VCPU_IOCTL(KVM_S390_UCAS_MAP,	ARG_IN,	   LOCK_VCPU,	s390_ucas_map),
	KVM_VCPU_IOCTL(KVM_S390_UCAS_UNMAP,	ARG_IN,	   LOCK_VCPU,	s390_ucas_unmap),
	KVM_VCPU_IOCTL(KVM_S390_VCPU_FAULT,	ARG_VALUE, LOCK_VCPU,	s390_vcpu_fault_ioctl),
	KVM_VCPU_IOCTL(KVM_ENABLE_CAP,		ARG_IN,	   LOCK_VCPU,	vcpu_enable_cap),
};

const struct kvm_ioctl_table s390_vcpu_ioctls = KVM_IOCTL_TABLE(rows);
