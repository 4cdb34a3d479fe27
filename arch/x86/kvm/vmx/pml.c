// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page-modification logging: the processor lists the frames whose dirty bit it sets (SDM vol 3,
 * 29.3.6).
 *
 * Each vCPU has a list of 512 addresses, filled from its end; the index in the VMCS is of the next
 * one to be written, and wraps below 0 when none is left, which exits. While a slot of the VM logs
 * the list is collected at every exit, so that it is empty whenever the vCPU is not in the guest:
 * the log in memory is then whole. mmu/tdp_dirty.c says which entries rely on it.
 */
#include <linux/gfp.h>
#include "vmx.h"

#define PML_ENTRIES	(PAGE_SIZE / sizeof(u64))

int vmx_pml_create(struct vcpu_vmx *vmx)
{
	if (!vmx_pml_on)
		return 0;
	vmx->pml = (u64 *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	return vmx->pml ? 0 : -ENOMEM;
}

void vmx_pml_destroy(struct vcpu_vmx *vmx)
{
	free_page((unsigned long)vmx->pml);
}

/* A new VMCS. */
void vmx_pml_init(struct vcpu_vmx *vmx)
{
	if (!vmx->pml)
		return;
	vmcs_write64(PML_ADDRESS, __pa(vmx->pml));
	vmcs_write16(GUEST_PML_INDEX, PML_ENTRIES - 1);
}

/* Slots of the VM have begun to log, or have ceased to. */
void vmx_pml_update(struct vcpu_vmx *vmx)
{
	bool on = vmx->pml && mmu_lists_writes(&to_x86_vm(vmx->x86.vcpu.kvm)->mmu);

	vmx_control_set(vmx, WORD_CPU2, SECONDARY_EXEC_ENABLE_PML, on);
}

/* After an exit; srcu held. */
void vmx_pml_collect(struct vcpu_vmx *vmx)
{
	u16 index = vmcs_read16(GUEST_PML_INDEX);
	unsigned int i = index < PML_ENTRIES ? index + 1 : 0;

	if (i == PML_ENTRIES)
		return;
	for (; i < PML_ENTRIES; i++)
		mmu_write_listed(&vmx->x86.vcpu, vmx->pml[i]);
	vmcs_write16(GUEST_PML_INDEX, PML_ENTRIES - 1);
}
