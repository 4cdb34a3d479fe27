// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VM's set of interrupt controllers: made as a whole, saved and restored chip by chip; and the
 * questions of the run loop that i8259 and LAPIC answer together.
 */
#include <linux/slab.h>
#include "ioapic.h"
#include "lapic.h"

static int irqchip_mode(struct kvm *kvm)
{
	/* Pairs with the release when the mode is set: the chips are there. */
	return smp_load_acquire(&to_x86_vm(kvm)->irqchip.mode);
}

bool irqchip_has_lapic(struct kvm *kvm)
{
	return irqchip_mode(kvm) != IRQCHIP_NONE;
}
EXPORT_SYMBOL_GPL(irqchip_has_lapic);

bool irqchip_full(struct kvm *kvm)
{
	return irqchip_mode(kvm) == IRQCHIP_KERNEL;
}

/*
 * Interrupts of a vCPU. The i8259 goes first, as its INT pin does.
 */
static bool pic_requests(struct kvm_vcpu *vcpu)
{
	struct i8259 *pic = to_x86_vm(vcpu->kvm)->irqchip.pic;

	if (pic ? !READ_ONCE(pic->output) : to_lapic(vcpu)->user_vector < 0)
		return false;
	return lapic_accepts_extint(vcpu);
}

static int pic_take(struct kvm_vcpu *vcpu)
{
	struct lapic *a = to_lapic(vcpu);
	int vector = a->user_vector;

	if (to_x86_vm(vcpu->kvm)->irqchip.pic)
		return i8259_acknowledge(vcpu->kvm);
	a->user_vector = -1;
	return vector;
}

bool irqchip_has_interrupt(struct kvm_vcpu *vcpu)
{
	if (!to_lapic(vcpu))
		return false;
	return pic_requests(vcpu) || lapic_peek(vcpu) >= 0;
}

bool irqchip_has_injection(struct kvm_vcpu *vcpu)
{
	if (!lapic_by_hardware(vcpu))
		return irqchip_has_interrupt(vcpu);
	return pic_requests(vcpu);
}

int irqchip_take_interrupt(struct kvm_vcpu *vcpu)
{
	if (!to_lapic(vcpu))
		return -1;
	if (pic_requests(vcpu))
		return pic_take(vcpu);
	return lapic_by_hardware(vcpu) ? -1 : lapic_take(vcpu);
}

/*
 * Creation. GSIs 0 to 15 lead to the i8259 and to the IOAPIC's pin of that number, 16 to 23 to the
 * IOAPIC alone; user space changes what its board wires otherwise.
 */
#define PIC_GSIS	16

static void default_entry(struct kvm_irq_routing_entry *e, u32 gsi, u32 irqchip, u32 pin)
{
	*e = (struct kvm_irq_routing_entry) {
		.gsi		= gsi,
		.type		= KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip	= { .irqchip = irqchip, .pin = pin },
	};
}

static int set_default_routing(struct kvm *kvm)
{
	struct kvm_irq_routing_entry *entries;
	unsigned int n = 0, gsi;
	int r;

	entries = kcalloc(PIC_GSIS + KVM_IOAPIC_NUM_PINS, sizeof(*entries), GFP_KERNEL);
	if (!entries)
		return -ENOMEM;
	for (gsi = 0; gsi < PIC_GSIS; gsi++)
		default_entry(&entries[n++], gsi, gsi < 8 ? KVM_IRQCHIP_PIC_MASTER :
			      KVM_IRQCHIP_PIC_SLAVE, gsi & 7);
	for (gsi = 0; gsi < KVM_IOAPIC_NUM_PINS; gsi++)
		default_entry(&entries[n++], gsi, KVM_IRQCHIP_IOAPIC, gsi);
	r = kvm_irq_routing_set(kvm, entries, n);
	kfree(entries);
	return r;
}

static int create_chips(struct kvm *kvm)
{
	int r;

	mutex_lock(&kvm->slots_lock);
	r = i8259_create(kvm);
	if (r)
		goto out;
	r = ioapic_create(kvm);
	if (r)
		i8259_undo(kvm);
out:
	mutex_unlock(&kvm->slots_lock);
	return r;
}

static void undo_chips(struct kvm *kvm)
{
	mutex_lock(&kvm->slots_lock);
	ioapic_undo(kvm);
	i8259_undo(kvm);
	mutex_unlock(&kvm->slots_lock);
}

/**
 * irqchip_vm_create - KVM_CREATE_IRQCHIP: all controllers in the kernel
 * @kvm: the VM
 * @arg: of the ioctl
 *
 * Context: kvm->lock held.
 * Return: 0, -EEXIST there is one already, -EINVAL a vCPU exists, -ENOMEM.
 */
long irqchip_vm_create(struct kvm *kvm, struct kvm_arg *arg)
{
	long r;

	lockdep_assert_held(&kvm->lock);
	if (irqchip_has_lapic(kvm))
		return -EEXIST;
	if (kvm->created_vcpus)
		return -EINVAL;
	r = create_chips(kvm);
	if (r)
		return r;
	r = set_default_routing(kvm);
	if (r) {
		undo_chips(kvm);
		return r;
	}
	smp_store_release(&to_x86_vm(kvm)->irqchip.mode, IRQCHIP_KERNEL);
	return 0;
}

/**
 * irqchip_vm_split - KVM_CAP_SPLIT_IRQCHIP: LAPICs in the kernel, the rest in user space
 * @kvm: the VM
 * @cap: as user space filled it in
 *
 * args[0] is the number of pins of user space's IOAPIC: GSIs below it are its entries.
 * Context: kvm->lock held.
 * Return: 0, -EINVAL too many pins, -EEXIST there is an irqchip or a vCPU already, -ENOMEM.
 */
int irqchip_vm_split(struct kvm *kvm, struct kvm_enable_cap *cap)
{
	struct x86_irqchip *chip = &to_x86_vm(kvm)->irqchip;
	int r;

	lockdep_assert_held(&kvm->lock);
	if (cap->args[0] > KVM_MAX_IRQ_ROUTES)
		return -EINVAL;
	if (irqchip_has_lapic(kvm) || kvm->created_vcpus)
		return -EEXIST;
	r = kvm_irq_routing_set(kvm, NULL, 0);
	if (r)
		return r;
	chip->split_pins = cap->args[0];
	smp_store_release(&chip->mode, IRQCHIP_SPLIT);
	return 0;
}

void irqchip_vm_init(struct kvm *kvm)
{
	struct x86_irqchip *chip = &to_x86_vm(kvm)->irqchip;

	mutex_init(&chip->map_lock);
	atomic_set(&chip->map_dirty, 0);
}

/* vCPUs are still there, and will not run again: what might send to them by itself stops. */
void irqchip_vm_release(struct kvm *kvm)
{
	i8254_stop(kvm);
	ioapic_stop(kvm);
}

/* vCPUs are gone; the buses still hold the chips, and free them. */
void irqchip_vm_destroy(struct kvm *kvm)
{
	struct x86_irqchip *chip = &to_x86_vm(kvm)->irqchip;

	chip->pic = NULL;
	chip->ioapic = NULL;
	chip->pit = NULL;
	apic_map_destroy(kvm);
	mutex_destroy(&chip->map_lock);
}

/*
 * KVM_GET_IRQCHIP, KVM_SET_IRQCHIP.
 */
long irqchip_vm_get(struct kvm *kvm, struct kvm_arg *arg)
{
	struct x86_irqchip *chip = &to_x86_vm(kvm)->irqchip;
	struct kvm_irqchip *state = arg->data;

	if (!irqchip_full(kvm))
		return -ENXIO;
	switch (state->chip_id) {
	case KVM_IRQCHIP_PIC_MASTER:
	case KVM_IRQCHIP_PIC_SLAVE:
		i8259_get_state(chip->pic, state->chip_id == KVM_IRQCHIP_PIC_SLAVE,
				&state->chip.pic);
		return 0;
	case KVM_IRQCHIP_IOAPIC:
		ioapic_get_state(chip->ioapic, &state->chip.ioapic);
		return 0;
	default:
		return -EINVAL;
	}
}

long irqchip_vm_set(struct kvm *kvm, struct kvm_arg *arg)
{
	struct x86_irqchip *chip = &to_x86_vm(kvm)->irqchip;
	const struct kvm_irqchip *state = arg->data;

	if (!irqchip_full(kvm))
		return -ENXIO;
	switch (state->chip_id) {
	case KVM_IRQCHIP_PIC_MASTER:
	case KVM_IRQCHIP_PIC_SLAVE:
		i8259_set_state(chip->pic, state->chip_id == KVM_IRQCHIP_PIC_SLAVE,
				&state->chip.pic);
		return 0;
	case KVM_IRQCHIP_IOAPIC:
		ioapic_set_state(chip->ioapic, &state->chip.ioapic);
		return 0;
	default:
		return -EINVAL;
	}
}
