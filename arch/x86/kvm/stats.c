// SPDX-License-Identifier: GPL-2.0-only
/*
 * Statistics of x86 as rows. The names are those of the kernel's KVM, which tools know.
 */
#include "vm.h"

#define VM(_name)	KVM_STAT_COUNTER(struct x86_vm, stat._name, #_name)
#define VM_NOW(_name)	KVM_STAT_INSTANT(struct x86_vm, stat._name, #_name)
#define VM_MAX(_name)	KVM_STAT_PEAK(struct x86_vm, stat._name, #_name)
#define VCPU(_name)	KVM_STAT_COUNTER(struct x86_vcpu, stat._name, #_name)
#define VCPU_NOW(_name)	KVM_STAT_INSTANT(struct x86_vcpu, stat._name, #_name)

static const struct kvm_stat_row vm_rows[] = {
	VM(mmu_shadow_zapped),
	VM(mmu_pte_write),
	VM(mmu_pde_zapped),
	VM(mmu_flooded),
	VM(mmu_recycled),
	VM(mmu_cache_miss),
	VM_NOW(mmu_unsync),
	VM_NOW(pages_4k),
	VM_NOW(pages_2m),
	VM_NOW(pages_1g),
	VM_NOW(nx_lpage_splits),
	VM_MAX(max_mmu_rmap_size),
	VM_MAX(max_mmu_page_hash_collisions),
};

static const struct kvm_stat_row vcpu_rows[] = {
	VCPU(pf_taken),
	VCPU(pf_fixed),
	VCPU(pf_emulate),
	VCPU(pf_spurious),
	VCPU(pf_fast),
	VCPU(pf_mmio_spte_created),
	VCPU(pf_guest),
	VCPU(tlb_flush),
	VCPU(invlpg),
	VCPU(exits),
	VCPU(io_exits),
	VCPU(mmio_exits),
	VCPU(signal_exits),
	VCPU(irq_window_exits),
	VCPU(nmi_window_exits),
	VCPU(l1d_flush),
	VCPU(halt_exits),
	VCPU(request_irq_exits),
	VCPU(irq_exits),
	VCPU(host_state_reload),
	VCPU(fpu_reload),
	VCPU(insn_emulation),
	VCPU(insn_emulation_fail),
	VCPU(hypercalls),
	VCPU(irq_injections),
	VCPU(nmi_injections),
	VCPU(req_event),
	VCPU(nested_run),
	VCPU(directed_yield_attempted),
	VCPU(directed_yield_successful),
	VCPU(preemption_reported),
	VCPU(preemption_other),
	VCPU_NOW(guest_mode),
	VCPU(notify_window_exits),
};

const struct kvm_stat_table x86_vm_stat_table = KVM_STAT_TABLE(vm_rows);
const struct kvm_stat_table x86_vcpu_stat_table = KVM_STAT_TABLE(vcpu_rows);
