// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VMCS's life: made with the vCPU, put into the state of power-on or INIT, loaded on a CPU; and
 * its controls, intercepts, and TLB flushes.
 *
 * Controls that never change are vmx_caps.initial; those that hang on the VM's settings, on the
 * guest's CPUID or on what user space debugs are computed in vmx_update_intercepts(); those of CR8,
 * windows and the timer belong to the code that needs them (inject.c, run.c).
 */
#include <linux/gfp.h>
#include <linux/moduleparam.h>
#include "vmx.h"

#ifdef KVM_VMCS_COUNT
unsigned long vmcs_reads, vmcs_writes;
module_param(vmcs_reads, ulong, 0444);
module_param(vmcs_writes, ulong, 0444);
#endif

static unsigned long bad_field;		/* of VMREAD or VMWRITE: the last that failed, and 1 */

noinline unsigned long vmcs_read_failed(unsigned long field)
{
	WRITE_ONCE(bad_field, field | BIT(31));
	return 0;
}

noinline void vmcs_write_failed(unsigned long field, unsigned long value)
{
	WRITE_ONCE(bad_field, field | BIT(31));
}

/* Not where it happens: that may be where nothing can be logged. */
static void report_bad_field(void)
{
	unsigned long field = READ_ONCE(bad_field);

	if (likely(!field) || kvm_rebooting)
		return;
	WRITE_ONCE(bad_field, 0);
	WARN_ONCE(1, "kvm_intel: no access to VMCS field 0x%lx\n", field & ~BIT(31));
}

void vmx_control_write(struct vmx_vmcs *vmcs, enum vmx_control word, u32 value)
{
	vmcs->ctl[word] = value;
	switch (word) {
	case WORD_PIN:
		vmcs_write32(PIN_BASED_VM_EXEC_CONTROL, value);
		break;
	case WORD_CPU:
		vmcs_write32(CPU_BASED_VM_EXEC_CONTROL, value);
		break;
	case WORD_CPU2:
		vmcs_write32(SECONDARY_VM_EXEC_CONTROL, value);
		break;
	case WORD_EXIT:
		vmcs_write32(VM_EXIT_CONTROLS, value);
		break;
	default:
		vmcs_write32(VM_ENTRY_CONTROLS, value);
		break;
	}
}

/*
 * #DB and #AC can be made to recur without end in their own delivery: the guest would never be
 * left. #UD is for the hypercall instruction of the other vendor, #MC the host's.
 */
#define ALWAYS_INTERCEPTED \
	(BIT(X86_TRAP_DB) | BIT(X86_TRAP_AC) | BIT(X86_TRAP_UD) | BIT(X86_TRAP_MC))

void vmx_update_exceptions(struct vcpu_vmx *vmx)
{
	u32 exceptions = vmx->rm.on ? ~0U : ALWAYS_INTERCEPTED;

	if (vmx->x86.vcpu.guest_debug & KVM_GUESTDBG_USE_SW_BP)
		exceptions |= BIT(X86_TRAP_BP);
	if (vmx->vmcs.exceptions == exceptions)
		return;
	vmx->vmcs.exceptions = exceptions;
	vmcs_write32(EXCEPTION_BITMAP, exceptions);
}

/* Instructions that the hardware has and this guest's CPUID has not: without the control, #UD. */
static const struct {
	u32		control;
	unsigned int	features[2];
} guest_features[] = {
	{ SECONDARY_EXEC_ENABLE_RDTSCP,		{ X86_FEATURE_RDTSCP, X86_FEATURE_RDPID } },
	{ SECONDARY_EXEC_ENABLE_INVPCID,	{ X86_FEATURE_INVPCID, X86_FEATURE_INVPCID } },
	{ SECONDARY_EXEC_XSAVES,		{ X86_FEATURE_XSAVES, X86_FEATURE_XSAVES } },
	{ SECONDARY_EXEC_ENABLE_USR_WAIT_PAUSE,	{ X86_FEATURE_WAITPKG, X86_FEATURE_WAITPKG } },
};

void vmx_update_intercepts(struct kvm_vcpu *vcpu)
{
	const struct x86_vm *vm = to_x86_vm(vcpu->kvm);
	struct vcpu_vmx *vmx = to_vmx(vcpu);
	unsigned int i;

	vmx_control_set(vmx, WORD_CPU, CPU_BASED_HLT_EXITING, !vm->hlt_in_guest);
	vmx_control_set(vmx, WORD_CPU, CPU_BASED_MWAIT_EXITING | CPU_BASED_MONITOR_EXITING,
			!vm->mwait_in_guest);
	vmx_control_set(vmx, WORD_CPU2, SECONDARY_EXEC_PAUSE_LOOP_EXITING,
			vmx_ple_gap && !vm->pause_in_guest);
	vmx_control_set(vmx, WORD_CPU2, SECONDARY_EXEC_BUS_LOCK_DETECTION,
			READ_ONCE(vm->bus_lock_exits));
	vmx_control_set(vmx, WORD_CPU2, SECONDARY_EXEC_NOTIFY_VM_EXITING, vm->notify.on);
	for (i = 0; i < ARRAY_SIZE(guest_features); i++)
		vmx_control_set(vmx, WORD_CPU2, guest_features[i].control,
				vmx_can(WORD_CPU2, guest_features[i].control) &&
				(x86_guest_has(vcpu, guest_features[i].features[0]) ||
				 x86_guest_has(vcpu, guest_features[i].features[1])));
	vmx_pml_update(vmx);
	vmx_apicv_update(vmx);
	vmx_update_exceptions(vmx);
	vmx_msr_bitmap_update(vmx);
}

/* A new VMCS: every field that is in use gets its value once, whatever the shadows say. */
static void init_controls(struct vcpu_vmx *vmx)
{
	unsigned int i;

	for (i = 0; i < NR_WORDS; i++)
		vmx_control_write(&vmx->vmcs, i, vmx_caps.initial[i]);
	vmx->vmcs.exceptions = 0;
	vmcs_write32(EXCEPTION_BITMAP, 0);
	vmcs_write32(PAGE_FAULT_ERROR_CODE_MASK, 0);
	vmcs_write32(PAGE_FAULT_ERROR_CODE_MATCH, 0);
	vmcs_write32(CR3_TARGET_COUNT, 0);
	vmcs_write32(VM_EXIT_MSR_STORE_COUNT, 0);
	vmcs_write32(VM_EXIT_MSR_LOAD_COUNT, 0);
	vmcs_write32(VM_ENTRY_MSR_LOAD_COUNT, 0);
	vmcs_write32(VM_ENTRY_INTR_INFO_FIELD, 0);
	vmcs_write64(VMCS_LINK_POINTER, ~0ULL);
	vmcs_write64(MSR_BITMAP, __pa(vmx->msr_bitmap));
	vmcs_writen(CR0_GUEST_HOST_MASK, ~0UL);
	vmcs_writen(CR4_GUEST_HOST_MASK, ~0UL);
	if (vmx->vpid)
		vmcs_write16(VIRTUAL_PROCESSOR_ID, vmx->vpid);
	else
		vmx_control_set(vmx, WORD_CPU2, SECONDARY_EXEC_ENABLE_VPID, false);
	if (vmx_ple_gap) {
		vmcs_write32(PLE_GAP, vmx_ple_gap);
		vmcs_write32(PLE_WINDOW, vmx->x86.pause_window);
	}
	if (vmx_can(WORD_CPU2, SECONDARY_EXEC_XSAVES))
		vmcs_write64(XSS_EXIT_BITMAP, 0);
	if (vmx_can(WORD_CPU2, SECONDARY_EXEC_NOTIFY_VM_EXITING))
		vmcs_write32(NOTIFY_WINDOW, to_x86_vm(vmx->x86.vcpu.kvm)->notify.window);
	vmx_pml_init(vmx);
}

/*
 * With a LAPIC here the TPR of its page is the guest's CR8: the processor reads and writes it
 * there. Without one user space has to see each change.
 */
static void init_tpr(struct vcpu_vmx *vmx)
{
	void *page = lapic_page(&vmx->x86.vcpu);
	bool shadow = page && vmx_can(WORD_CPU, CPU_BASED_TPR_SHADOW);

	vmx->vtpr = shadow ? page + APIC_TASKPRI : NULL;
	if (shadow)
		vmcs_write64(VIRTUAL_APIC_PAGE_ADDR, __pa(page));
	vmx->vmcs.tpr_threshold = 0;
	vmcs_write32(TPR_THRESHOLD, 0);
	vmx_control_set(vmx, WORD_CPU, CPU_BASED_TPR_SHADOW, shadow);
	vmx_control_set(vmx, WORD_CPU, CPU_BASED_CR8_LOAD_EXITING | CPU_BASED_CR8_STORE_EXITING,
			!shadow);
	vmx_apicv_init(vmx);
}

/* Access rights of a segment as power-on and INIT leave it (SDM vol 3, table 10-1). */
#define AR_DATA		(VMX_AR_P_MASK | VMX_AR_S_MASK | 3)
#define AR_CODE		(VMX_AR_P_MASK | VMX_AR_S_MASK | 11)
#define AR_LDT		(VMX_AR_P_MASK | VMX_AR_TYPE_LDT)
#define AR_TSS		(VMX_AR_P_MASK | VMX_AR_TYPE_BUSY_32_TSS)

static void reset_segments(void)
{
	static const u32 ar[] = {
		AR_DATA, AR_CODE, AR_DATA, AR_DATA, AR_DATA, AR_DATA, AR_LDT, AR_TSS,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ar); i++) {
		bool cs = i == 1;

		vmcs_write16_at(GUEST_ES_SELECTOR, i, cs ? 0xf000 : 0);
		vmcs_writen_at(GUEST_ES_BASE, i, cs ? 0xffff0000 : 0);
		vmcs_write32_at(GUEST_ES_LIMIT, i, 0xffff);
		vmcs_write32_at(GUEST_ES_AR_BYTES, i, ar[i]);
	}
	vmcs_writen(GUEST_GDTR_BASE, 0);
	vmcs_write32(GUEST_GDTR_LIMIT, 0xffff);
	vmcs_writen(GUEST_IDTR_BASE, 0);
	vmcs_write32(GUEST_IDTR_LIMIT, 0xffff);
}

static void reset_guest_state(struct vcpu_vmx *vmx)
{
	reset_segments();
	vmcs_write32(GUEST_SYSENTER_CS, 0);
	vmcs_writen(GUEST_SYSENTER_ESP, 0);
	vmcs_writen(GUEST_SYSENTER_EIP, 0);
	vmcs_write64(GUEST_IA32_DEBUGCTL, 0);
	vmcs_writen(GUEST_PENDING_DBG_EXCEPTIONS, 0);
	vmcs_write32(GUEST_ACTIVITY_STATE, GUEST_ACTIVITY_ACTIVE);
	vmcs_write32(GUEST_INTERRUPTIBILITY_INFO, 0);
	memset(&vmx->nmi, 0, sizeof(vmx->nmi));
	vmcs_write64(GUEST_IA32_PAT, vmx->x86.pat);
	vmx->cached = 0;
}

/*
 * Control and debug registers, EFER and the GPRs are common code's to set, through the ops; the
 * VMCS starts with their values of reset, so that the order does not matter.
 */
void vmx_vcpu_reset(struct kvm_vcpu *vcpu, bool init)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);

	vmx->event = false;
	vmx->vectoring = 0;
	vmx_real_reset(vmx);
	if (!init) {
		init_controls(vmx);
		init_tpr(vmx);
	}
	vmcs_write32(VM_ENTRY_INTR_INFO_FIELD, 0);
	vmx_control_set(vmx, WORD_CPU, CPU_BASED_INTR_WINDOW_EXITING | CPU_BASED_NMI_WINDOW_EXITING,
			false);
	reset_guest_state(vmx);
	vmx_set_efer(vcpu, vmx->x86.efer);
	vmx_set_cr0(vcpu, vmx->x86.cr0);
	vmx_set_cr4(vcpu, vmx->x86.cr4);
	vmx_cr3_changed(vcpu);
	if (!init)
		vmx_msr_reset(vmx);
	vmx_update_intercepts(vcpu);
	vmx->flush |= FLUSH_PENDING_VPID;
}

int vmx_vcpu_create(struct kvm_vcpu *vcpu)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);
	int r = vmx_identity_create(vcpu->kvm);

	if (r)
		return r;
	vmx->vmcs.cpu = -1;
	vmx->vmcs.page = vmx_vmcs_page_alloc();
	if (!vmx->vmcs.page)
		return -ENOMEM;
	vmx->msr_bitmap = (void *)__get_free_page(GFP_KERNEL_ACCOUNT);
	if (!vmx->msr_bitmap)
		goto no_bitmap;
	if (vmx_pml_create(vmx))
		goto no_pml;
	vmx_msr_bitmap_init(vmx);
	vmx->entry.regs = vmx->x86.regs;
	vmx->x86.regs_avail = ~0;
	vmx->x86.pause_window = x86_pause_rule.base;
	vmx->vpid = vmx_vpid_get();
	vmx_apicv_create(vmx);
	return 0;

no_pml:
	free_page((unsigned long)vmx->msr_bitmap);
no_bitmap:
	free_page((unsigned long)vmx->vmcs.page);
	return -ENOMEM;
}

void vmx_vcpu_destroy(struct kvm_vcpu *vcpu)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);

	vmx_vmcs_forget(&vmx->vmcs);
	vmx_vpid_put(vmx->vpid);
	vmx_pml_destroy(vmx);
	free_page((unsigned long)vmx->msr_bitmap);
	free_page((unsigned long)vmx->vmcs.page);
}

void vmx_vcpu_load(struct kvm_vcpu *vcpu, int cpu)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);

	vmx_vmcs_load(vmx, cpu);
	vmx->l1d_stale = true;
	if (x86_pause_window_shrink(vcpu))
		vmcs_write32(PLE_WINDOW, vmx->x86.pause_window);
}

void vmx_vcpu_put(struct kvm_vcpu *vcpu)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);

	if (vmx->host_saved)
		vmx_host_state_restore(vmx);
	vmx->host_saved = false;
	report_bad_field();
}

/*
 * TLB flushes are noted, and made right before the next entry, on the CPU that it is on. An address
 * has room for one; two are everything.
 */
void vmx_flush_tlb(struct kvm_vcpu *vcpu, enum x86_flush what, gva_t gva)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);

	switch (what) {
	case FLUSH_ALL:
		vmx->flush |= FLUSH_PENDING_EPT | FLUSH_PENDING_VPID;
		break;
	case FLUSH_CURRENT:
		vmx->flush |= FLUSH_PENDING_EPT;
		break;
	case FLUSH_GUEST:
		vmx->flush |= FLUSH_PENDING_VPID;
		break;
	case FLUSH_GVA:
		if (vmx->flush & FLUSH_PENDING_GVA)
			vmx->flush |= FLUSH_PENDING_VPID;
		vmx->flush |= FLUSH_PENDING_GVA;
		vmx->flush_gva = gva;
		break;
	}
}

static void flush_eptp(u64 eptp)
{
	bool one = vmx_caps.ept_vpid & VMX_EPT_EXTENT_CONTEXT_BIT;
	const struct { u64 eptp, zero; } operand = { eptp, 0 };
	unsigned long type = one ? VMX_EPT_EXTENT_CONTEXT : VMX_EPT_EXTENT_GLOBAL;

	asm volatile("1: invept %0, %1\n"
		     "2:\n"
		     _ASM_EXTABLE(1b, 2b)
		     : : "m" (operand), "r" (type) : "memory", "cc");
}

static void flush_tag(unsigned long type, u16 vpid, gva_t gva)
{
	const struct { u64 vpid, gva; } operand = { vpid, gva };

	asm volatile("1: invvpid %0, %1\n"
		     "2:\n"
		     _ASM_EXTABLE(1b, 2b)
		     : : "m" (operand), "r" (type) : "memory", "cc");
}

static bool invvpid_has(u64 extent)
{
	return vmx_caps.ept_vpid >> 32 & extent;
}

static void flush_vpid(struct vcpu_vmx *vmx)
{
	if (!(vmx->flush & FLUSH_PENDING_VPID) &&
	    invvpid_has(VMX_VPID_EXTENT_INDIVIDUAL_ADDR_BIT) &&
	    x86_is_canonical(&vmx->x86.vcpu, vmx->flush_gva))
		flush_tag(VMX_VPID_EXTENT_INDIVIDUAL_ADDR, vmx->vpid, vmx->flush_gva);
	else if (invvpid_has(VMX_VPID_EXTENT_SINGLE_CONTEXT_BIT))
		flush_tag(VMX_VPID_EXTENT_SINGLE_CONTEXT, vmx->vpid, 0);
	else
		flush_tag(VMX_VPID_EXTENT_ALL_CONTEXT, 0, 0);
}

/* Context: irqs off, right before an entry. */
void vmx_flush_pending(struct vcpu_vmx *vmx)
{
	if (vmx->flush & FLUSH_PENDING_EPT)
		flush_eptp(vmx->eptp);
	if (vmx->vpid && vmx->flush & (FLUSH_PENDING_VPID | FLUSH_PENDING_GVA))
		flush_vpid(vmx);
	vmx->flush = 0;
}

void vmx_load_root(struct kvm_vcpu *vcpu, hpa_t root, int level)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);

	vmx->eptp = root | VMX_EPTP_MT_WB | (level == 5 ? VMX_EPTP_PWL_5 : VMX_EPTP_PWL_4);
	if (vmx_ept_ad_on)
		vmx->eptp |= VMX_EPTP_AD_ENABLE_BIT;
	vmcs_write64(EPT_POINTER, vmx->eptp);
}

void vmx_write_tsc(struct kvm_vcpu *vcpu, u64 offset, u64 ratio)
{
	vmcs_write64(TSC_OFFSET, offset);
	if (vmx_can(WORD_CPU2, SECONDARY_EXEC_TSC_SCALING))
		vmcs_write64(TSC_MULTIPLIER, ratio);
}
