// SPDX-License-Identifier: GPL-2.0-only
/*
 * PV EOI: an end of interrupt that costs no exit.
 *
 * The guest gives us a word of its memory. Before an entry we set bit 0 of it when the EOI of the
 * interrupt in service has nothing to do but leave ISR: nothing waits for it. The guest then clears
 * the bit instead of writing the EOI register. After the exit we look: a bit that has gone was the
 * EOI; one still there is taken back, so that it is never set while we do not know about it.
 */
#include "ioapic.h"
#include "lapic.h"

static int write_word(struct kvm_vcpu *vcpu, u8 val)
{
	return kvm_write_guest_cached(vcpu->kvm, &to_x86(vcpu)->pv.eoi.page, 0, &val, sizeof(val));
}

/**
 * lapic_pv_eoi_set - write MSR_KVM_PV_EOI_EN
 * @vcpu: the vCPU
 * @msr: what is written
 *
 * Bit 0 enables, the rest is the word's guest physical address, four-byte aligned.
 * Context: vcpu->mutex, srcu.
 * Return: 0, or 1 for #GP.
 */
int lapic_pv_eoi_set(struct kvm_vcpu *vcpu, u64 msr)
{
	struct x86_pv *pv = &to_x86(vcpu)->pv;
	gpa_t gpa = msr & ~(u64)KVM_MSR_ENABLED;
	struct kvm_gpa_cache page;

	if (gpa & 3)
		return 1;
	if (msr & KVM_MSR_ENABLED) {
		if (kvm_gpa_cache_init(vcpu->kvm, &page, gpa, sizeof(u8)))
			return 1;
		pv->eoi.page = page;
	}
	pv->eoi.msr = msr;
	pv->eoi.armed = false;
	return 0;
}

/*
 * With an interrupt that waits, or another in service below, the EOI must make us look at events
 * again; with an IOAPIC pin or an ack notifier behind the vector, it must be passed on. Hardware
 * that delivers has to see each EOI, and sees it without an exit.
 */
static bool eoi_is_plain(struct lapic *a)
{
	return !a->by_hardware && a->isr_count == 1 && !READ_ONCE(a->irr_pending) &&
	       !irqchip_eoi_wanted(a->vcpu->kvm, a->isr_highest);
}

/*
 * Also undoes what was done for an entry that did not come about, when an interrupt has come since.
 */
void lapic_pv_eoi_before_entry(struct kvm_vcpu *vcpu)
{
	struct x86_pv *pv = &to_x86(vcpu)->pv;
	struct lapic *a = to_lapic(vcpu);
	bool plain;

	if (!(pv->eoi.msr & KVM_MSR_ENABLED) || !a)
		return;
	plain = eoi_is_plain(a);
	if (plain && !pv->eoi.armed)
		pv->eoi.armed = !write_word(vcpu, KVM_PV_EOI_ENABLED);
	else if (!plain && pv->eoi.armed)
		lapic_pv_eoi_after_exit(vcpu);
}

void lapic_pv_eoi_after_exit(struct kvm_vcpu *vcpu)
{
	struct x86_pv *pv = &to_x86(vcpu)->pv;
	u8 val;

	if (kvm_read_guest_cached(vcpu->kvm, &pv->eoi.page, 0, &val, sizeof(val)))
		return;		/* the guest took its memory away: try again at the next exit */
	if (!(val & KVM_PV_EOI_MASK)) {
		pv->eoi.armed = false;
		trace_kvm_pv_eoi(to_lapic(vcpu)->vcpu->vcpu_id, to_lapic(vcpu)->isr_highest);
		lapic_eoi(to_lapic(vcpu));
		return;
	}
	/* While the bit is there the guest may take its clearing for an EOI: it stays armed. */
	pv->eoi.armed = write_word(vcpu, val & ~KVM_PV_EOI_MASK) != 0;
}
