// SPDX-License-Identifier: GPL-2.0-only
/*
 * The x86 side of a vCPU: creation, reset, load and put, and its table of ioctls.
 */
#include <linux/nospec.h>
#include <asm/nospec-branch.h>
#include "attr.h"
#include "smm.h"
#include "x86.h"
#include "vm.h"
#include "io.h"

int x86_vcpu_precreate(struct kvm *kvm, unsigned int id)
{
	/* With pins reserved for a user-space IOAPIC, or a LAPIC here, ids are APIC ids: 32 bits only as x2APIC. */
	return 0;
}

static int alloc_buffers(struct kvm_vcpu *vcpu)
{
	struct x86_vcpu *v = to_x86(vcpu);

	v->pio_data = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!v->pio_data)
		return -ENOMEM;
	v->mce_banks = kcalloc(X86_MCE_BANKS * 4, sizeof(u64), GFP_KERNEL_ACCOUNT);
	if (!v->mce_banks) {
		free_page((unsigned long)v->pio_data);
		return -ENOMEM;
	}
	return 0;
}

static void free_buffers(struct kvm_vcpu *vcpu)
{
	kfree(to_x86(vcpu)->mce_banks);
	free_page((unsigned long)to_x86(vcpu)->pio_data);
}

int x86_vcpu_create(struct kvm_vcpu *vcpu)
{
	struct x86_vcpu *v = to_x86(vcpu);
	bool lapic = irqchip_has_lapic(vcpu->kvm);
	int r;

	v->last_cpu = UINT_MAX;
	v->regs_avail = ~0;
	v->mcg_cap = X86_MCE_BANKS;
	v->maxphyaddr = 36;		/* until CPUID says otherwise (SDM vol 3, 4.1.4) */
	v->reserved_gpa_bits = GENMASK_ULL(63, v->maxphyaddr);
	v->mp_state = lapic && vcpu->id != to_x86_vm(vcpu->kvm)->bsp_vcpu_id ? KVM_MP_STATE_UNINITIALIZED
									     : KVM_MP_STATE_RUNNABLE;
	v->pat = X86_PAT_RESET;
	v->apic_base = APIC_DEFAULT_PHYS_BASE | MSR_IA32_APICBASE_ENABLE;
	if (vcpu->id == to_x86_vm(vcpu->kvm)->bsp_vcpu_id)
		v->apic_base |= MSR_IA32_APICBASE_BSP;

	r = alloc_buffers(vcpu);
	if (r)
		return r;
	r = x86_fpu_create(vcpu);
	if (r)
		goto no_fpu;
	r = x86_insn_create(vcpu);
	if (r)
		goto no_insn;
	r = mmu_vcpu_create(vcpu);
	if (r)
		goto no_mmu;
	if (lapic) {
		r = lapic_create(vcpu);
		if (r)
			goto no_lapic;
	}
	r = x86_cold(vcpu_create)(vcpu);
	if (r)
		goto no_backend;
	r = x86_tsc_vcpu_init(vcpu);
	if (r)
		goto no_tsc;
	kvm_vcpu_load(vcpu);
	x86_vcpu_reset(vcpu, false);
	mmu_reset(vcpu);
	kvm_vcpu_put(vcpu);
	return 0;

no_tsc:
	x86_cold(vcpu_destroy)(vcpu);
no_backend:
	if (lapic)
		lapic_free(vcpu);
no_lapic:
	mmu_vcpu_destroy(vcpu);
no_mmu:
	x86_insn_free(vcpu);
no_insn:
	x86_fpu_free(vcpu);
no_fpu:
	free_buffers(vcpu);
	return r;
}

/* Others can find it now: it takes its place in the APIC map, and its TSC joins those of the others. */
void x86_vcpu_created(struct kvm_vcpu *vcpu)
{
	if (mutex_lock_killable(&vcpu->mutex))
		return;
	kvm_vcpu_load(vcpu);
	x86_tsc_write(vcpu, 0, true);
	kvm_vcpu_put(vcpu);
	mutex_unlock(&vcpu->mutex);
	/* A filter that was set meanwhile asked only vCPUs that were there. */
	kvm_request(vcpu, KVM_REQ_INTERCEPTS);
	apic_map_changed(vcpu->kvm);
	apic_map_update(vcpu->kvm);
}

void x86_vcpu_destroy(struct kvm_vcpu *vcpu)
{
	kvmclock_reset(vcpu);
	kvm_vcpu_load(vcpu);
	mmu_unload(vcpu);
	kvm_vcpu_put(vcpu);
	x86_cold(vcpu_destroy)(vcpu);
	if (to_x86(vcpu)->lapic)
		lapic_free(vcpu);
	mmu_vcpu_destroy(vcpu);
	x86_insn_free(vcpu);
	x86_fpu_free(vcpu);
	x86_cpuid_free(vcpu);
	free_buffers(vcpu);
}

/* General registers after reset or INIT: SDM vol 3, table 9-1. */
static void reset_regs(struct kvm_vcpu *vcpu)
{
	struct x86_vcpu *v = to_x86(vcpu);
	u32 eax = 1, ebx, ecx = 0, edx;

	memset(v->regs, 0, sizeof(v->regs));
	v->regs_avail = ~0;
	v->regs_dirty = ~0;
	if (x86_cpuid_find(vcpu, 1, 0))
		x86_cpuid_query(vcpu, &eax, &ebx, &ecx, &edx);
	else
		eax = 0x600;			/* a family 6 of no model: what a CPU without CPUID table gives */
	x86_reg_write(vcpu, GPR_RDX, eax);
	x86_reg_write(vcpu, GPR_RIP, 0xfff0);
}

static void reset_debug(struct x86_vcpu *v)
{
	memset(v->db, 0, sizeof(v->db));
	v->dr6 = DR6_RESERVED;
	v->dr7 = DR7_FIXED_1;
	x86_update_dr7(&v->vcpu);
}

static void reset_events(struct kvm_vcpu *vcpu)
{
	struct x86_events *e = &to_x86(vcpu)->events;

	atomic_set(&e->nmi_queued, 0);
	e->nmi_pending = 0;
	smm_reset(vcpu);
	x86_clear_injected(vcpu);
	e->exception.pending = false;
}

void x86_vcpu_reset(struct kvm_vcpu *vcpu, bool init)
{
	struct x86_vcpu *v = to_x86(vcpu);
	unsigned long cr0 = X86_CR0_ET;

	lapic_reset(vcpu, init);
	reset_events(vcpu);
	reset_regs(vcpu);
	reset_debug(v);
	v->cr2 = 0;
	if (!init) {
		v->smbase = 0x30000;
		v->smi_count = 0;
		x86_msr_reset(vcpu, init);
		x86_fpu_reset(vcpu, init);
		pv_vcpu_reset(vcpu);
	}
	/* INIT keeps CD and NW, reset sets them. */
	cr0 |= init ? v->cr0 & (X86_CR0_CD | X86_CR0_NW) : X86_CR0_CD | X86_CR0_NW;
	x86_put_cr3(vcpu, 0);
	v->cr8 = 0;
	x86_cold(vcpu_reset)(vcpu, init);
	x86_cold(set_cr0)(vcpu, cr0);
	x86_cold(set_cr4)(vcpu, 0);
	x86_cold(set_efer)(vcpu, 0);
	x86_cold(update_intercepts)(vcpu);
	x86_op(set_rflags)(vcpu, X86_EFLAGS_FIXED);
	mmu_reset(vcpu);
	mmu_mmio_forget(vcpu);
	x86_cpuid_runtime_update(vcpu);
	if (init)
		x86_op(flush_tlb)(vcpu, FLUSH_GUEST, 0);
}
EXPORT_SYMBOL_GPL(x86_vcpu_reset);

/* Context: preemption off. */
void x86_vcpu_load(struct kvm_vcpu *vcpu, int cpu)
{
	struct x86_vcpu *v = to_x86(vcpu);

	x86_op(vcpu_load)(vcpu, cpu);
	if (unlikely(v->last_cpu != cpu)) {
		irqchip_vcpu_moved(vcpu);
		v->last_cpu = cpu;
	}
	x86_tsc_load(vcpu, cpu);
	if (v->pv.steal.msr & KVM_MSR_ENABLED)
		kvm_request(vcpu, KVM_REQ_STEAL_UPDATE);
}

/* Context: preemption off. */
void x86_vcpu_put(struct kvm_vcpu *vcpu)
{
	WRITE_ONCE(to_x86(vcpu)->preempted_in_kernel,
		   READ_ONCE(vcpu->preempted) && !x86_op(get_cpl)(vcpu));
	pv_steal_put(vcpu);
	irqchip_timer_to_host(vcpu);
	x86_op(vcpu_put)(vcpu);
	x86_tsc_put(vcpu);
	x86_host_debug_restore(vcpu);
}

bool x86_vcpu_in_kernel(struct kvm_vcpu *vcpu)
{
	return READ_ONCE(to_x86(vcpu)->preempted_in_kernel);
}

void x86_cpu_disable(void)
{
	x86_cold(cpu_disable)();
	x86_user_return_cpu_off();
}

vm_fault_t x86_vcpu_fault(struct kvm_vcpu *vcpu, struct vm_fault *vmf)
{
	struct page *page;

	if (vmf->pgoff != X86_PIO_PAGE)
		return VM_FAULT_SIGBUS;
	page = virt_to_page(to_x86(vcpu)->pio_data);
	get_page(page);
	vmf->page = page;
	return 0;
}

static long get_mp_state(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	struct kvm_mp_state *mp = arg->data;
	int r;

	r = lapic_accept_init_sipi(vcpu);
	if (r < 0)
		return r;
	mp->mp_state = to_x86(vcpu)->mp_state;
	return 0;
}

static long set_mp_state(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	const struct kvm_mp_state *mp = arg->data;
	struct x86_vcpu *v = to_x86(vcpu);

	smm_collect(vcpu);
	switch (mp->mp_state) {
	case KVM_MP_STATE_RUNNABLE:
		break;
	case KVM_MP_STATE_INIT_RECEIVED:
	case KVM_MP_STATE_SIPI_RECEIVED:
		/* An INIT waits for RSM; and who waits for a SIPI takes no SMI. */
		if (v->events.in_smm || v->events.smi_pending)
			return -EINVAL;
		fallthrough;
	case KVM_MP_STATE_UNINITIALIZED:
	case KVM_MP_STATE_HALTED:
		if (!v->lapic)		/* user space keeps these states itself then (KVM API 4.38) */
			return -EINVAL;
		break;
	default:
		return -EINVAL;
	}
	WRITE_ONCE(v->mp_state, mp->mp_state);
	kvm_request(vcpu, KVM_REQ_EVENT);
	return 0;
}

static const struct kvm_ioctl vcpu_ioctls[] = {
	KVM_VCPU_IOCTL(KVM_GET_REGS,		ARG_OUT,	LOCK_VCPU,	x86_vcpu_get_regs),
	KVM_VCPU_IOCTL(KVM_SET_REGS,		ARG_IN,		LOCK_VCPU,	x86_vcpu_set_regs),
	KVM_VCPU_IOCTL(KVM_GET_SREGS,		ARG_OUT,	LOCK_VCPU,	x86_vcpu_get_sregs),
	KVM_VCPU_IOCTL(KVM_SET_SREGS,		ARG_IN,		LOCK_VCPU,	x86_vcpu_set_sregs),
	KVM_VCPU_IOCTL(KVM_GET_SREGS2,		ARG_OUT,	LOCK_VCPU,	x86_vcpu_get_sregs2),
	KVM_VCPU_IOCTL(KVM_SET_SREGS2,		ARG_IN,		LOCK_VCPU,	x86_vcpu_set_sregs2),
	KVM_VCPU_IOCTL(KVM_GET_FPU,		ARG_OUT,	LOCK_VCPU,	x86_vcpu_get_fpu),
	KVM_VCPU_IOCTL(KVM_SET_FPU,		ARG_IN,		LOCK_VCPU,	x86_vcpu_set_fpu),
	KVM_VCPU_IOCTL(KVM_GET_XSAVE,		ARG_USER,	LOCK_VCPU,	x86_vcpu_get_xsave),
	KVM_VCPU_IOCTL(KVM_GET_XSAVE2,		ARG_USER,	LOCK_VCPU,	x86_vcpu_get_xsave2),
	KVM_VCPU_IOCTL(KVM_SET_XSAVE,		ARG_USER,	LOCK_VCPU,	x86_vcpu_set_xsave),
	KVM_VCPU_IOCTL(KVM_GET_XCRS,		ARG_OUT,	LOCK_VCPU,	x86_vcpu_get_xcrs),
	KVM_VCPU_IOCTL(KVM_SET_XCRS,		ARG_IN,		LOCK_VCPU,	x86_vcpu_set_xcrs),
	KVM_VCPU_IOCTL(KVM_GET_DEBUGREGS,	ARG_OUT,	LOCK_VCPU,	x86_vcpu_get_debugregs),
	KVM_VCPU_IOCTL(KVM_SET_DEBUGREGS,	ARG_IN,		LOCK_VCPU,	x86_vcpu_set_debugregs),
	KVM_VCPU_IOCTL(KVM_SET_GUEST_DEBUG,	ARG_IN,		LOCK_VCPU,	x86_vcpu_set_guest_debug),
	KVM_VCPU_IOCTL(KVM_TRANSLATE,		ARG_INOUT,	LOCK_VCPU,	x86_vcpu_translate),
	KVM_VCPU_IOCTL(KVM_GET_VCPU_EVENTS,	ARG_OUT,	LOCK_VCPU,	x86_vcpu_get_events),
	KVM_VCPU_IOCTL(KVM_SET_VCPU_EVENTS,	ARG_IN,		LOCK_VCPU,	x86_vcpu_set_events),
	KVM_VCPU_IOCTL(KVM_INTERRUPT,		ARG_IN,		LOCK_VCPU,	x86_vcpu_interrupt),
	KVM_VCPU_IOCTL(KVM_NMI,			ARG_ANY,	LOCK_VCPU,	x86_vcpu_nmi),
	KVM_VCPU_IOCTL(KVM_SMI,			ARG_ANY,	LOCK_VCPU,	smm_vcpu_smi),
	KVM_VCPU_IOCTL(KVM_GET_MP_STATE,	ARG_OUT,	LOCK_VCPU,	get_mp_state),
	KVM_VCPU_IOCTL(KVM_SET_MP_STATE,	ARG_IN,		LOCK_VCPU,	set_mp_state),
	KVM_VCPU_IOCTL(KVM_ENABLE_CAP,		ARG_IN,		LOCK_VCPU,	x86_vcpu_enable_cap),
	KVM_VCPU_IOCTL(KVM_HAS_DEVICE_ATTR,	ARG_IN,		LOCK_VCPU,	x86_vcpu_has_attr),
	KVM_VCPU_IOCTL(KVM_GET_DEVICE_ATTR,	ARG_IN,		LOCK_VCPU,	x86_vcpu_get_attr),
	KVM_VCPU_IOCTL(KVM_SET_DEVICE_ATTR,	ARG_IN,		LOCK_VCPU,	x86_vcpu_set_attr),
	KVM_VCPU_IOCTL(KVM_GET_LAPIC,		ARG_OUT,	LOCK_VCPU,	lapic_vcpu_get),
	KVM_VCPU_IOCTL(KVM_SET_LAPIC,		ARG_IN,		LOCK_VCPU,	lapic_vcpu_set),
	KVM_VCPU_IOCTL(KVM_SET_VAPIC_ADDR,	ARG_IN,		LOCK_VCPU,	vapic_vcpu_set_addr),
	KVM_VCPU_IOCTL(KVM_TPR_ACCESS_REPORTING, ARG_INOUT,	LOCK_VCPU,	vapic_vcpu_report_tpr),
	KVM_VCPU_IOCTL(KVM_SET_CPUID,		ARG_USER,	LOCK_VCPU,	x86_vcpu_set_cpuid),
	KVM_VCPU_IOCTL(KVM_SET_CPUID2,		ARG_USER,	LOCK_VCPU,	x86_vcpu_set_cpuid2),
	KVM_VCPU_IOCTL(KVM_GET_CPUID2,		ARG_USER,	LOCK_VCPU,	x86_vcpu_get_cpuid2),
	KVM_VCPU_IOCTL(KVM_GET_MSRS,		ARG_USER,	LOCK_VCPU,	x86_vcpu_get_msrs),
	KVM_VCPU_IOCTL(KVM_SET_MSRS,		ARG_USER,	LOCK_VCPU,	x86_vcpu_set_msrs),
	KVM_VCPU_IOCTL(KVM_X86_SETUP_MCE,	ARG_IN,		LOCK_VCPU,	x86_vcpu_setup_mce),
	KVM_VCPU_IOCTL(KVM_X86_SET_MCE,		ARG_IN,		LOCK_VCPU,	x86_vcpu_set_mce),
	KVM_VCPU_IOCTL(KVM_SET_TSC_KHZ,		ARG_VALUE,	LOCK_VCPU,	x86_vcpu_set_tsc_khz),
	KVM_VCPU_IOCTL(KVM_GET_TSC_KHZ,		ARG_ANY,	LOCK_VCPU,	x86_vcpu_get_tsc_khz),
	KVM_VCPU_IOCTL(KVM_KVMCLOCK_CTRL,	ARG_ANY,	LOCK_VCPU,	kvmclock_vcpu_ctrl),
};

const struct kvm_ioctl_table x86_vcpu_ioctl_table = KVM_IOCTL_TABLE(vcpu_ioctls);
