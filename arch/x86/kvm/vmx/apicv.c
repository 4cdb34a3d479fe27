// SPDX-License-Identifier: GPL-2.0-only
/*
 * Help of the processor with the local APIC (SDM vol 3, chapter 30).
 *
 * The LAPIC's register page is the virtual-APIC page of the VMCS. Accesses to the APIC-access page
 * (mmu/apic_page.c), at the address of the LAPIC in the guest, are recognized as such: reads
 * and writes of the TPR are carried out in the virtual-APIC page without an exit, all others exit
 * with their offset, and the emulator does the rest.
 *
 * Virtual-interrupt delivery: the processor takes the vectors out of IRR itself, as soon as the
 * guest lets them in, and carries out EOIs and IPIs to oneself (irqchip/apicv.c). An EOI exits if
 * it is to be seen by an IOAPIC. Who has an interrupt for a vCPU that runs ends its turn, and the
 * next entry tells the processor; with posted interrupts it is told at once. APIC-register
 * virtualization: reads of most registers are carried out in the page too, and writes exit when
 * they are done there. In x2APIC mode the same is so of the MSRs, by a control that excludes that
 * of the APIC-access page; writes of MSRs other than TPR, EOI and SELF IPI exit before.
 */
#include <asm/apic.h>
#include <asm/irq_vectors.h>
#include "vmx.h"

/* What the qualification has in bits 15:12 (table 28-6). */
enum access_type { LINEAR_READ, LINEAR_WRITE, LINEAR_FETCH };

#define X2APIC_MSR(reg)		(APIC_BASE_MSR + ((reg) >> 4))
#define X2APIC_REGS		0x400	/* end of those that there are */

/* Module load: what is of no use without another control. */
void vmx_apicv_setup(void)
{
	if (!vmx_can(WORD_CPU, CPU_BASED_TPR_SHADOW)) {
		vmx_flexpriority = false;
		vmx_apicv_on = false;
	}
	if (!vmx_unrestricted)	/* real mode has no IDT that the processor could deliver by */
		vmx_apicv_on = false;
}

/* A new vCPU that nobody can send to yet. */
void vmx_apicv_create(struct vcpu_vmx *vmx)
{
	if (vmx_apicv_on && vmx->x86.lapic)
		lapic_may_be_hardware(&vmx->x86.vcpu);
}

/* A new VMCS; whether there is a TPR shadow has been decided. */
void vmx_apicv_init(struct vcpu_vmx *vmx)
{
	hpa_t page = mmu_apic_page(vmx->x86.vcpu.kvm);
	unsigned int i;

	if (page != INVALID_PAGE)
		vmcs_write64(APIC_ACCESS_ADDR, page);
	if (!vmx_apicv_on || !vmx->vtpr)
		return;
	memset(vmx->eoi_exits, 0, sizeof(vmx->eoi_exits));
	for (i = 0; i < ARRAY_SIZE(vmx->eoi_exits); i++)
		vmcs_write64_at(EOI_EXIT_BITMAP0, i, 0);
	vmcs_write16(GUEST_INTR_STATUS, 0);
	if (vmx_can(WORD_PIN, PIN_BASED_POSTED_INTR)) {
		vmcs_write16(POSTED_INTR_NV, POSTED_INTR_VECTOR);
		vmcs_write64(POSTED_INTR_DESC_ADDR, lapic_posted_at(&vmx->x86.vcpu));
	}
}

/*
 * Of the interrupts that come to a running guest's CPU, one vector is ours: it tells the processor
 * to take over what was posted (30.6). For its sake the exits of the others acknowledge them.
 */
static bool update_posted(struct vcpu_vmx *vmx, bool deliver)
{
	bool on = deliver && vmx_can(WORD_PIN, PIN_BASED_POSTED_INTR) &&
		  vmx_can(WORD_EXIT, VM_EXIT_ACK_INTR_ON_EXIT);

	vmx_control_set(vmx, WORD_PIN, PIN_BASED_POSTED_INTR, on);
	vmx_control_set(vmx, WORD_EXIT, VM_EXIT_ACK_INTR_ON_EXIT, on);
	return on;
}

void vmx_notify_posted(struct kvm_vcpu *vcpu)
{
	apic->send_IPI(READ_ONCE(vcpu->cpu), POSTED_INTR_VECTOR);
}

static void update_eoi_exits(struct vcpu_vmx *vmx)
{
	u64 words[ARRAY_SIZE(vmx->eoi_exits)] = { 0 };
	unsigned int i;

	lapic_eoi_vectors(&vmx->x86.vcpu, words);
	for (i = 0; i < ARRAY_SIZE(words); i++) {
		if (words[i] == vmx->eoi_exits[i])
			continue;
		vmx->eoi_exits[i] = words[i];
		vmcs_write64_at(EOI_EXIT_BITMAP0, i, words[i]);
	}
}

/*
 * The MSRs of x2APIC of which the processor makes accesses to the page: table 30-6 has those that
 * it writes.
 */
static void update_x2apic_msrs(struct vcpu_vmx *vmx, bool on, bool deliver, bool registers)
{
	unsigned int reg;

	for (reg = 0; reg < X2APIC_REGS; reg += 0x10)
		vmx_msr_bitmap_set(vmx, X2APIC_MSR(reg),
				   !on || !registers || !lapic_reads_from_page(reg), true);
	vmx_msr_bitmap_set(vmx, X2APIC_MSR(APIC_TASKPRI), !on, !on);
	vmx_msr_bitmap_set(vmx, X2APIC_MSR(APIC_EOI), true, !on || !deliver);
	vmx_msr_bitmap_set(vmx, X2APIC_MSR(APIC_SELF_IPI), true, !on || !deliver);
}

/* The LAPIC's mode, the vectors of IOAPICs, or what user space debugs has changed. */
void vmx_apicv_update(struct vcpu_vmx *vmx)
{
	struct kvm_vcpu *vcpu = &vmx->x86.vcpu;
	bool on, deliver, x2apic, page, registers;

	if (!vmx->vtpr)
		return;
	on = vmx_apicv_on && lapic_hw_enabled(vcpu);
	deliver = on && !(vcpu->guest_debug & KVM_GUESTDBG_BLOCKIRQ);
	x2apic = on && vmx_can(WORD_CPU2, SECONDARY_EXEC_VIRTUALIZE_X2APIC_MODE) &&
		 lapic_is_x2apic(vcpu);
	page = mmu_apic_page(vcpu->kvm) != INVALID_PAGE && !x2apic;
	registers = on && vmx_can(WORD_CPU2, SECONDARY_EXEC_APIC_REGISTER_VIRT);

	vmx_control_set(vmx, WORD_CPU2, SECONDARY_EXEC_VIRTUALIZE_APIC_ACCESSES, page);
	vmx_control_set(vmx, WORD_CPU2, SECONDARY_EXEC_VIRTUALIZE_X2APIC_MODE, x2apic);
	vmx_control_set(vmx, WORD_CPU2, SECONDARY_EXEC_APIC_REGISTER_VIRT, registers);
	vmx_control_set(vmx, WORD_CPU2, SECONDARY_EXEC_VIRTUAL_INTR_DELIVERY, deliver);
	if (vmx_apicv_on)
		update_x2apic_msrs(vmx, x2apic, deliver, registers);
	if (deliver)
		update_eoi_exits(vmx);
	lapic_set_by_hardware(vcpu, deliver, update_posted(vmx, deliver));
}

/* What waits and what is in service may be other than the processor remembers. */
void vmx_show_interrupts(struct kvm_vcpu *vcpu)
{
	u16 status = lapic_interrupt_status(vcpu);

	to_vmx(vcpu)->in_service = status >> 8;
	vmcs_write16(GUEST_INTR_STATUS, status);
}

/*
 * Whose delivery has the exit cut short? Of an interrupt that the processor has taken out of IRR
 * Bochs says what it said of the event before. But such an interrupt can be told: an event that we
 * have injected comes before IRR is looked at; one of an instruction has that one's length; a fault
 * has set RF in the flags that the exit has saved (28.3.3). What is none of these is the vector
 * that has gone into service last.
 */
u32 vmx_apicv_vectoring(struct vcpu_vmx *vmx, u32 info, bool injected)
{
	u8 in_service = vmcs_read16(GUEST_INTR_STATUS) >> 8;

	if (!in_service || (injected && in_service == vmx->in_service &&
			    (info & EVENT_MASK) == vmx->event_info))
		return info;
	switch (info & VECTORING_INFO_TYPE_MASK) {
	case INTR_TYPE_SOFT_INTR:
	case INTR_TYPE_PRIV_SW_EXCEPTION:
	case INTR_TYPE_SOFT_EXCEPTION:
		if (vmcs_read32(VM_EXIT_INSTRUCTION_LEN))
			return info;
		break;
	case INTR_TYPE_HARD_EXCEPTION:
		if (vmx_get_rflags(&vmx->x86.vcpu) & X86_EFLAGS_RF ||
		    (info & VECTORING_INFO_VECTOR_MASK) == X86_TRAP_DF)
			return info;
		break;
	}
	return VECTORING_INFO_VALID_MASK | INTR_TYPE_EXT_INTR | in_service;
}

int vmx_exit_eoi(struct kvm_vcpu *vcpu)
{
	lapic_hardware_eoi(vcpu, vmx_qualification(to_vmx(vcpu)));
	return EXIT_RESUME;
}

/* After the instruction (30.4.3.2). An IPI to oneself and an EOI have been carried out already. */
int vmx_exit_apic_write(struct kvm_vcpu *vcpu)
{
	lapic_written_in_page(vcpu, vmx_qualification(to_vmx(vcpu)) & APIC_ACCESS_OFFSET);
	return EXIT_RESUME;
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
