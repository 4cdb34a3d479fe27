// SPDX-License-Identifier: GPL-2.0-only
/*
 * One physical CPU: VMX switched on, the VMCS that is current on it, and those that it may keep
 * parts of.
 *
 * A CPU keeps a VMCS's contents to itself until VMCLEAR writes them to memory (SDM vol 3, 25.1). So
 * a vCPU that comes to another CPU first has its VMCS cleared by the one it was on; and before VMX
 * is switched off on a CPU, all that are in its list are. The list is its own, changed with
 * interrupts off, by an interrupt if another CPU asks.
 *
 * A VPID tags TLB entries. There are enough of them for each vCPU to have its own for life; what a
 * CPU holds from an earlier stay of the vCPU is flushed when it comes back.
 */
#include <linux/bitmap.h>
#include <linux/cpu.h>
#include <linux/gfp.h>
#include <linux/smp.h>
#include <linux/perf_event.h>
#include <asm/nospec-branch.h>
#include <asm/virtext.h>
#include "vmx.h"

DEFINE_PER_CPU(struct vmx_cpu, vmx_cpu);

static DECLARE_BITMAP(vpids, VMX_NR_VPIDS);	/* taken; 0 is the host's */
static DEFINE_SPINLOCK(vpid_lock);

/* A page for VMXON or a VMCS begins with the revision of the format (A.1). */
void *vmx_vmcs_page_alloc(void)
{
	u32 *page = (u32 *)get_zeroed_page(GFP_KERNEL_ACCOUNT);

	if (page)
		*page = vmx_basic_vmcs_revision_id(vmx_caps.basic);
	return page;
}

void vmx_cpus_free(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		free_page((unsigned long)per_cpu(vmx_cpu, cpu).vmxon);
		per_cpu(vmx_cpu, cpu).vmxon = NULL;
	}
}

int vmx_cpus_alloc(void)
{
	int cpu;

	bitmap_zero(vpids, VMX_NR_VPIDS);
	__set_bit(0, vpids);
	for_each_possible_cpu(cpu) {
		struct vmx_cpu *c = per_cpu_ptr(&vmx_cpu, cpu);

		INIT_LIST_HEAD(&c->loaded);
		c->current_vmcs = NULL;
		c->on = false;
		c->vmxon = vmx_vmcs_page_alloc();
		if (!c->vmxon) {
			vmx_cpus_free();
			return -ENOMEM;
		}
	}
	return 0;
}

static bool enter_root_operation(u64 pa)
{
	asm goto("1: vmxon %0\n"
		 _ASM_EXTABLE(1b, %l[fault])
		 : : "m" (pa) : "memory", "cc" : fault);
	return true;
fault:
	return false;
}

/**
 * vmx_cpu_enable - switch VMX on for this CPU
 *
 * Context: irqs off.
 * Return: 0, -EBUSY when somebody else has done so already, -EIO when it does not let itself.
 */
int vmx_cpu_enable(void)
{
	struct vmx_cpu *c = this_cpu_ptr(&vmx_cpu);

	if (cr4_read_shadow() & X86_CR4_VMXE)
		return -EBUSY;
	intel_pt_handle_vmx(1);
	cr4_set_bits(X86_CR4_VMXE);
	if (!enter_root_operation(__pa(c->vmxon))) {
		cr4_clear_bits(X86_CR4_VMXE);
		intel_pt_handle_vmx(0);
		return -EIO;
	}
	c->on = true;
	return 0;
}

/* Context: irqs off, on the CPU that may keep parts of it. */
static void clear_here(struct vmx_vmcs *vmcs)
{
	struct vmx_cpu *c = this_cpu_ptr(&vmx_cpu);

	vmcs_clear(__pa(vmcs->page));
	if (c->current_vmcs == vmcs)
		c->current_vmcs = NULL;
	list_del(&vmcs->link);
	smp_wmb();	/* off the list before another CPU may put it on its own */
	WRITE_ONCE(vmcs->cpu, -1);
}

static void clear_all(struct vmx_cpu *c)
{
	struct vmx_vmcs *vmcs, *next;

	list_for_each_entry_safe(vmcs, next, &c->loaded, link)
		clear_here(vmcs);
}

void vmx_cpu_disable(void)
{
	struct vmx_cpu *c = this_cpu_ptr(&vmx_cpu);

	clear_all(c);
	c->on = false;
	cpu_vmxoff();
	intel_pt_handle_vmx(0);
}

/* The kernel that a crash boots must find memory, not a VMCS that is written out to it later. */
void vmx_emergency_disable(void)
{
	struct vmx_cpu *c = this_cpu_ptr(&vmx_cpu);
	struct vmx_vmcs *vmcs;

	if (!c->on)
		return;
	list_for_each_entry(vmcs, &c->loaded, link)
		vmcs_clear(__pa(vmcs->page));
	cpu_vmxoff();
}

/*
 * The VMCS's way from CPU to CPU.
 */

static void clear_by_ipi(void *data)
{
	struct vmx_vmcs *vmcs = data;

	if (vmcs->cpu == smp_processor_id())	/* else the CPU went offline, and did it then */
		clear_here(vmcs);
}

void vmx_vmcs_forget(struct vmx_vmcs *vmcs)
{
	int cpu = READ_ONCE(vmcs->cpu);

	if (cpu >= 0)
		smp_call_function_single(cpu, clear_by_ipi, vmcs, 1);
}

static void join(struct vmx_cpu *c, struct vcpu_vmx *vmx, int cpu)
{
	unsigned long flags;

	vmx_vmcs_forget(&vmx->vmcs);
	local_irq_save(flags);
	smp_rmb();	/* pairs with clear_here() */
	vmcs_clear(__pa(vmx->vmcs.page));	/* a new one has to be, once */
	list_add(&vmx->vmcs.link, &c->loaded);
	WRITE_ONCE(vmx->vmcs.cpu, cpu);
	vmx->entry.launched = false;
	local_irq_restore(flags);
}

static noinline void make_current(struct vmx_cpu *c, struct vcpu_vmx *vmx, int cpu)
{
	bool moved = vmx->vmcs.cpu != cpu;

	if (moved)
		join(c, vmx, cpu);
	if (c->current_vmcs != &vmx->vmcs) {
		c->current_vmcs = &vmx->vmcs;
		if (!vmcs_load(__pa(vmx->vmcs.page)))
			vmcs_write_failed(0, __pa(vmx->vmcs.page));
		/* What one guest has trained must not steer another. */
		indirect_branch_prediction_barrier();
	}
	if (moved) {
		vmx_host_state_once(vmx);
		vmx->flush |= FLUSH_PENDING_EPT | FLUSH_PENDING_VPID;
	}
}

void vmx_vmcs_load(struct vcpu_vmx *vmx, int cpu)
{
	struct vmx_cpu *c = per_cpu_ptr(&vmx_cpu, cpu);

	if (unlikely(vmx->vmcs.cpu != cpu || c->current_vmcs != &vmx->vmcs))
		make_current(c, vmx, cpu);
}

/*
 * VPIDs. Without one each entry and exit flushes the TLB.
 */

u16 vmx_vpid_get(void)
{
	unsigned long vpid;

	if (!vmx_vpid_on)
		return 0;
	spin_lock(&vpid_lock);
	vpid = find_next_zero_bit(vpids, VMX_NR_VPIDS, 1);
	if (vpid < VMX_NR_VPIDS)
		__set_bit(vpid, vpids);
	else
		vpid = 0;
	spin_unlock(&vpid_lock);
	return vpid;
}

void vmx_vpid_put(u16 vpid)
{
	if (!vpid)
		return;
	spin_lock(&vpid_lock);
	__clear_bit(vpid, vpids);
	spin_unlock(&vpid_lock);
}
