// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host's state: what an exit loads, and what we have to switch around it.
 *
 * An exit loads segments, control registers and some MSRs from the VMCS. Of the segment selectors
 * it takes none with a privilege other than 0, nor of an LDT (SDM vol 3, 27.2.3); user space may
 * have such in FS, GS, DS and ES. They, the base behind SWAPGS, and what an exit leaves shortened
 * (the limits of GDT and TSS, LDTR) are put right when the vCPU is put away: until then this thread
 * does not return to user space, and the kernel uses none of them.
 */
#include <asm/cpu_entry_area.h>
#include <asm/desc.h>
#include <asm/fsgsbase.h>
#include <asm/segment.h>
#include "vmx.h"

static void write_segments(void)
{
	vmcs_write16(HOST_CS_SELECTOR, __KERNEL_CS);
	vmcs_write16(HOST_SS_SELECTOR, __KERNEL_DS);
	vmcs_write16(HOST_TR_SELECTOR, GDT_ENTRY_TSS * 8);
}

static void write_tables(int cpu)
{
	struct desc_ptr idt;

	store_idt(&idt);
	vmcs_writen(HOST_IDTR_BASE, idt.address);
	vmcs_writen(HOST_TR_BASE, (unsigned long)&get_cpu_entry_area(cpu)->tss.x86_tss);
	vmcs_writen(HOST_GDTR_BASE, (unsigned long)get_cpu_gdt_ro(cpu));
}

static void write_msrs(void)
{
	u64 value;

	rdmsrl(MSR_IA32_SYSENTER_CS, value);
	vmcs_write32(HOST_IA32_SYSENTER_CS, value);
	rdmsrl(MSR_IA32_SYSENTER_ESP, value);
	vmcs_writen(HOST_IA32_SYSENTER_ESP, value);
	rdmsrl(MSR_IA32_SYSENTER_EIP, value);
	vmcs_writen(HOST_IA32_SYSENTER_EIP, value);
	rdmsrl(MSR_IA32_CR_PAT, value);
	vmcs_write64(HOST_IA32_PAT, value);
	rdmsrl(MSR_EFER, value);
	vmcs_write64(HOST_IA32_EFER, value);
}

/* Preemption off, the VMCS current. */
void vmx_host_state_once(struct vcpu_vmx *vmx)
{
	struct vmx_vmcs *vmcs = &vmx->vmcs;

	write_segments();
	write_tables(smp_processor_id());
	write_msrs();
	vmcs_writen(HOST_CR0, read_cr0());
	vmcs_writen(HOST_RIP, (unsigned long)vmx_exit_point);
	vmcs->host_cr3 = 0;	/* no value that it ever has */
	vmcs->host_cr4 = 0;
	vmcs->host_fs_base = 0;
	vmcs->host_gs_base = 0;
	vmcs_writen(HOST_FS_BASE, 0);
	vmcs_writen(HOST_GS_BASE, 0);
	vmcs->host_fs = 0;
	vmcs->host_gs = 0;
	vmcs->host_ds = 0;
	vmcs->host_es = 0;
	vmcs_write16(HOST_FS_SELECTOR, 0);
	vmcs_write16(HOST_GS_SELECTOR, 0);
	vmcs_write16(HOST_DS_SELECTOR, 0);
	vmcs_write16(HOST_ES_SELECTOR, 0);
	vmx->entry.host_rsp = 0;
}

/* A selector that an exit can load, else 0: the real one comes when the vCPU is put away. */
static u16 loadable(u16 selector)
{
	return selector & (SEGMENT_RPL_MASK | SEGMENT_TI_MASK) ? 0 : selector;
}

static void update_selector(u16 *shadow, unsigned long field, u16 value)
{
	if (*shadow == value)
		return;
	*shadow = value;
	vmcs_write_any(field, value);
}

static void update_base(unsigned long *shadow, unsigned long field, unsigned long value)
{
	if (*shadow == value)
		return;
	*shadow = value;
	vmcs_write_any(field, value);
}

void vmx_host_state_save(struct vcpu_vmx *vmx)
{
	struct vmx_vmcs *vmcs = &vmx->vmcs;

	current_save_fsgs();
	vmx->host_fs = current->thread.fsindex;
	vmx->host_gs = current->thread.gsindex;
	vmx->host_kernel_gs = current->thread.gsbase;
	savesegment(ds, vmx->host_ds);
	savesegment(es, vmx->host_es);
	store_ldt(vmx->host_ldt);

	update_selector(&vmcs->host_fs, HOST_FS_SELECTOR, loadable(vmx->host_fs));
	update_selector(&vmcs->host_gs, HOST_GS_SELECTOR, loadable(vmx->host_gs));
	update_selector(&vmcs->host_ds, HOST_DS_SELECTOR, loadable(vmx->host_ds));
	update_selector(&vmcs->host_es, HOST_ES_SELECTOR, loadable(vmx->host_es));
	update_base(&vmcs->host_fs_base, HOST_FS_BASE, current->thread.fsbase);
	update_base(&vmcs->host_gs_base, HOST_GS_BASE, cpu_kernelmode_gs_base(smp_processor_id()));
	wrmsrl(MSR_KERNEL_GS_BASE, vmx->kernel_gs);
}

void vmx_host_state_restore(struct vcpu_vmx *vmx)
{
	unsigned long flags;

	rdmsrl(MSR_KERNEL_GS_BASE, vmx->kernel_gs);
	if (vmx->host_ldt)
		asm volatile("lldt %0" : : "m" (vmx->host_ldt));
	if (vmx->vmcs.host_gs != vmx->host_gs) {
		/* Loads the base of the descriptor, to which the next but one line is the truth. */
		local_irq_save(flags);
		load_gs_index(vmx->host_gs);
		local_irq_restore(flags);
	}
	if (vmx->vmcs.host_fs != vmx->host_fs)
		loadsegment(fs, vmx->host_fs);
	if (vmx->vmcs.host_ds != vmx->host_ds)
		loadsegment(ds, vmx->host_ds);
	if (vmx->vmcs.host_es != vmx->host_es)
		loadsegment(es, vmx->host_es);
	invalidate_tss_limit();
	wrmsrl(MSR_KERNEL_GS_BASE, vmx->host_kernel_gs);
	load_fixmap_gdt(raw_smp_processor_id());
}
