// SPDX-License-Identifier: GPL-2.0-only
/*
 * A page that stands for the registers of the LAPICs.
 *
 * Hardware that knows a LAPIC's registers recognizes accesses to them by the physical address that
 * they lead to (SDM vol 3, 30.4): all vCPUs of a VM have one page of the kernel's there, at the
 * address that the LAPIC has after reset. Nothing is ever read from it, or written to it.
 *
 * A vCPU whose LAPIC is not there (moved, in x2APIC mode, switched off), or whose accesses the VMM
 * wants to see, would find memory. So as long as there is such a vCPU, or a slot at that address,
 * the page is hidden from all of them: the address is a device's, as it is without such hardware.
 * The count of reasons and the entry change under mmu_lock. The page is no memory of the VMM's:
 * it stays where it is, and the notifier knows nothing of it.
 */
#include <asm/apicdef.h>
#include "tdp.h"

#define APIC_GFN	(APIC_DEFAULT_PHYS_BASE >> PAGE_SHIFT)

int apic_page_create(struct kvm *kvm)
{
	struct x86_mmu_vm *m = &to_x86_vm(kvm)->mmu;

	if (!mmu_tdp.apic_page)
		return 0;
	m->apic_page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	return m->apic_page ? 0 : -ENOMEM;
}

/* Nothing maps it any more. */
void apic_page_free(struct kvm *kvm)
{
	struct x86_mmu_vm *m = &to_x86_vm(kvm)->mmu;

	if (m->apic_page)
		put_page(m->apic_page);
	m->apic_page = NULL;
}

/* Where the backend finds it; INVALID_PAGE: there is none. */
hpa_t mmu_apic_page(struct kvm *kvm)
{
	struct page *page = to_x86_vm(kvm)->mmu.apic_page;

	return page ? pfn_to_hpa(page_to_pfn(page)) : INVALID_PAGE;
}
EXPORT_SYMBOL_GPL(mmu_apic_page);

/* May the page come to be at @gfn? Then that there is no memory is not worth remembering. */
bool apic_page_at(struct kvm_vcpu *vcpu, gfn_t gfn)
{
	return gfn == APIC_GFN && to_x86_vm(vcpu->kvm)->mmu.apic_page && to_x86(vcpu)->lapic;
}

/* A fault found no slot there. Return: false: it is hidden. The caches are filled. */
bool apic_page_map(struct kvm_vcpu *vcpu, gfn_t gfn, u32 access)
{
	struct x86_mmu_vm *m = &to_x86_vm(vcpu->kvm)->mmu;
	struct spte_want want = { .level = 1, .host_writable = true, .write = true };
	bool mapped = false;

	want.pfn = page_to_pfn(m->apic_page);
	read_lock(&vcpu->kvm->mmu_lock);
	if (!m->apic_hidden) {
		mapped = true;
		if (tdp_root_usable(to_x86(vcpu)->mmu.root_page))
			tdp_map(vcpu, gfn, &want, access);
	}
	read_unlock(&vcpu->kvm->mmu_lock);
	return mapped;
}

static bool zap(struct kvm *kvm)
{
	bool flush = false;
	int as_id;

	for (as_id = 0; as_id < KVM_ADDRESS_SPACES; as_id++)	/* also what the guest has in SMM */
		flush |= tdp_zap(kvm, as_id, APIC_GFN, APIC_GFN + 1, false, false);
	return flush;
}

/**
 * mmu_apic_page_hide - there is one more reason, or one less, not to have the page
 * @kvm: the VM
 * @hide: one more
 *
 * Context: takes mmu_lock. When the first reason is there, no vCPU has a translation to the page.
 */
void mmu_apic_page_hide(struct kvm *kvm, bool hide)
{
	struct x86_mmu_vm *m = &to_x86_vm(kvm)->mmu;

	if (!m->apic_page)
		return;
	write_lock(&kvm->mmu_lock);
	m->apic_hidden += hide ? 1 : -1;
	if (hide && m->apic_hidden == 1 && zap(kvm))
		kvm_flush_remote_tlbs(kvm);
	write_unlock(&kvm->mmu_lock);
}

bool apic_page_covers(const struct kvm_slot *slot)
{
	return slot && slot->base_gfn <= APIC_GFN && APIC_GFN < slot->base_gfn + slot->npages;
}
