// SPDX-License-Identifier: GPL-2.0-only
/*
 * Help of the processor with the local APIC (SDM vol 3, chapter 30).
 *
 * The LAPIC's register page is the virtual-APIC page of the VMCS. Accesses to the APIC-access page
 * (mmu/apic_page.c), at the address of the LAPIC in the guest, are recognized as such: reads
 * and writes of the TPR are carried out in the virtual-APIC page without an exit, all others exit
 * with their offset, and the emulator does the rest.
 */
#include "vmx.h"

/* What the qualification has in bits 15:12 (table 28-6). */
enum access_type { LINEAR_READ, LINEAR_WRITE, LINEAR_FETCH };

/* Module load: what is of no use without another control. */
void vmx_apicv_setup(void)
{
	if (!vmx_can(WORD_CPU, CPU_BASED_TPR_SHADOW))
		vmx_flexpriority = false;
}

/* A new VMCS; whether there is a TPR shadow has been decided. */
void vmx_apicv_init(struct vcpu_vmx *vmx)
{
	hpa_t page = mmu_apic_page(vmx->x86.vcpu.kvm);
	bool on = vmx->vtpr && page != INVALID_PAGE;

	if (on)
		vmcs_write64(APIC_ACCESS_ADDR, page);
	vmx_control_set(vmx, WORD_CPU2, SECONDARY_EXEC_VIRTUALIZE_APIC_ACCESSES, on);
}

/*
 * In the middle of a delivery there is no instruction to emulate: the guest has its IDT, its stack
 * or its tables there.
 */
int vmx_exit_apic_access(struct kvm_vcpu *vcpu)
{
	struct vcpu_vmx *vmx = to_vmx(vcpu);
	unsigned long q = vmx_qualification(vmx);
	gpa_t gpa = APIC_DEFAULT_PHYS_BASE | (q & APIC_ACCESS_OFFSET);
	const u64 data[] = { vmx->vectoring, q, gpa };

	if (vmx->vectoring)
		return x86_exit_internal_error(vcpu, KVM_INTERNAL_ERROR_DELIVERY_EV,
					       ARRAY_SIZE(data), data);
	if (q >> 12 > LINEAR_WRITE)
		return x86_insn_emulate(vcpu, 0, 0, 0, NULL, 0);
	return x86_insn_emulate(vcpu, INSN_FAULT, gpa, 0, NULL, 0);
}
