// SPDX-License-Identifier: GPL-2.0-only
/*
 * A LAPIC whose interrupts the hardware delivers (virtual-interrupt delivery; SDM vol 3, 30.1 and
 * 30.2).
 *
 * While the guest runs, the hardware moves vectors from IRR to ISR, delivers them, and takes them
 * out at the EOI, all in the register page, and by plain writes. So a sender must not touch IRR:
 * it posts the vector beside it, makes the request and kicks, and the vCPU's thread takes over what
 * was posted before it looks at IRR. Outside the guest the page is the whole truth: the two numbers
 * that the hardware keeps besides, the highest vector in IRR and in ISR, are made from it again
 * whenever something may have changed. Nothing is cached of it: irr_pending stays up, and ISR is
 * counted anew.
 *
 * Hardware that takes over by itself what was posted (posted-interrupt processing, 30.6) is sent a
 * notification in place of the kick.
 *
 * It is one vCPU's matter whether the hardware delivers, and may change between two entries: not
 * while the LAPIC is switched off, nor while a debugger holds interrupts off. An i8259's interrupts
 * are always ours to inject.
 */
#include "ioapic.h"
#include "lapic.h"

/* The vCPU is new, and nobody can send to it, or tell it of vectors, yet: it asks when it runs. */
void lapic_may_be_hardware(struct kvm_vcpu *vcpu)
{
	struct lapic *a = to_lapic(vcpu);

	a->posted = (unsigned long *)(a->regs + LAPIC_POSTED);
	a->posts = true;
	kvm_request(vcpu, KVM_REQ_SCAN_IOAPIC);
}
EXPORT_SYMBOL_GPL(lapic_may_be_hardware);

/* Where the hardware finds what is posted. */
hpa_t lapic_posted_at(struct kvm_vcpu *vcpu)
{
	return __pa(to_lapic(vcpu)->posted);
}
EXPORT_SYMBOL_GPL(lapic_posted_at);

/*
 * The request is made all the same: for a vCPU that has left the guest before the notification
 * comes. One that has not keeps it until it leaves for another reason.
 */
static void notify(struct lapic *a)
{
	kvm_request(a->vcpu, KVM_REQ_EVENT);
	if (READ_ONCE(a->vcpu->mode) == VCPU_IN_GUEST)
		x86_cold(notify_posted)(a->vcpu);
	else
		kvm_vcpu_kick(a->vcpu);
}

/*
 * By a sender. What waits in IRR may be on its way into the guest at this moment: so a vector that
 * is there is posted all the same, and only told to have been there. Return: 1 posted, 0 the same
 * vector was waiting already.
 */
int lapic_post(struct lapic *a, u8 vector)
{
	bool waits = lapic_vector_test(a, APIC_IRR, vector);

	if (test_and_set_bit(vector, a->posted))
		return 0;
	WRITE_ONCE(a->irr_pending, true);
	if (READ_ONCE(a->notified))
		notify(a);
	else
		lapic_wake(a);
	return !waits;
}

/* From where they were posted into IRR. Context: the vCPU's thread, not in the guest. */
void lapic_take_posted(struct lapic *a)
{
	unsigned int i;
	u64 word;

	if (!a->posts)
		return;
	for (i = 0; i < BITS_TO_LONGS(256); i++) {
		if (!READ_ONCE(a->posted[i]))
			continue;
		word = xchg(&a->posted[i], 0);
		lapic_reg_set(a, APIC_IRR + i * 0x20,
			      lapic_reg(a, APIC_IRR + i * 0x20) | (u32)word);
		lapic_reg_set(a, APIC_IRR + i * 0x20 + 0x10,
			      lapic_reg(a, APIC_IRR + i * 0x20 + 0x10) | word >> 32);
	}
}

bool lapic_by_hardware(struct kvm_vcpu *vcpu)
{
	return to_lapic(vcpu) && to_lapic(vcpu)->by_hardware;
}
EXPORT_SYMBOL_GPL(lapic_by_hardware);

/* @notified: see struct lapic. Context: vcpu->mutex, vCPU loaded. */
void lapic_set_by_hardware(struct kvm_vcpu *vcpu, bool on, bool notified)
{
	struct lapic *a = to_lapic(vcpu);

	if (!a || a->by_hardware == on)
		return;
	a->by_hardware = on;
	WRITE_ONCE(a->notified, notified);
	lapic_recount(a);
	kvm_request(vcpu, KVM_REQ_EVENT);
}
EXPORT_SYMBOL_GPL(lapic_set_by_hardware);

/*
 * The guest interrupt status (25.4.2): the highest vector in service, and the highest that is
 * requested.
 */
u16 lapic_interrupt_status(struct kvm_vcpu *vcpu)
{
	struct lapic *a = to_lapic(vcpu);
	int irr = lapic_highest_irr(a), isr = lapic_highest_isr(a);

	if (!lapic_enabled(a))
		irr = 0;
	return max(isr, 0) << 8 | max(irr, 0);
}
EXPORT_SYMBOL_GPL(lapic_interrupt_status);

/* The guest has ended a vector that somebody else wants to hear of; it is out of ISR. */
void lapic_hardware_eoi(struct kvm_vcpu *vcpu, u8 vector)
{
	trace_kvm_eoi(vcpu->vcpu_id, vector);
	lapic_eoi_broadcast(to_lapic(vcpu), vector);
}
EXPORT_SYMBOL_GPL(lapic_hardware_eoi);

bool lapic_is_x2apic(struct kvm_vcpu *vcpu)
{
	return to_lapic(vcpu) && lapic_x2apic(to_lapic(vcpu));
}
EXPORT_SYMBOL_GPL(lapic_is_x2apic);

/* Vectors whose EOI must be seen: set in a bitmap of four words. */
void lapic_eoi_vectors(struct kvm_vcpu *vcpu, u64 *words)
{
	unsigned int vector;

	for (vector = 0; vector < 256; vector++)
		if (irqchip_eoi_wanted(vcpu->kvm, vector))
			words[vector / 64] |= BIT_ULL(vector % 64);
}
EXPORT_SYMBOL_GPL(lapic_eoi_vectors);

/*
 * A vector that is new among them is delivered only by an entry that comes after its sender's
 * request, and so after this one. Only who takes it over without an exit must be made to exit now.
 * Any context.
 */
void irqchip_eoi_vectors_changed(struct kvm *kvm)
{
	struct kvm_vcpu *vcpu;
	unsigned long i;

	kvm_for_each_vcpu(i, vcpu, kvm) {
		if (!to_lapic(vcpu) || !to_lapic(vcpu)->posts)
			continue;
		kvm_request(vcpu, KVM_REQ_SCAN_IOAPIC);
		if (READ_ONCE(to_lapic(vcpu)->notified))
			kvm_vcpu_kick(vcpu);
	}
}
