// SPDX-License-Identifier: GPL-2.0-only
/*
 * Adapters: sources of I/O interrupts that are known by a number, and the routes that lead to them.
 *
 * An adapter has no subchannel. It tells what has happened by bits in guest storage: an indicator
 * for the event, and a summary indicator for the adapter. Only when the summary was not set yet is
 * there an interrupt. A route (KVM_IRQ_ROUTING_S390_ADAPTER, KVM API 4.52) names adapter and bits,
 * so that an irqfd sets them and interrupts.
 *
 * Bits are counted from the right of a doubleword that is on its boundary or, for an adapter that
 * was registered with @swap, from the left, as a guest of this architecture does.
 */
#include <linux/highmem.h>
#include <linux/nospec.h>
#include <linux/slab.h>

#include "s390.h"
#include "trace_s390.h"

/* I/O interruption word of an adapter's: bit 0, and the subclass (PoP 6, I/O interruptions). */
#define INT_WORD_ADAPTER	0x80000000
#define INT_WORD_ISC_SHIFT	27

int s390_adapter_add(struct s390_vm *vm, const struct kvm_s390_io_adapter *info)
{
	unsigned int id = info->id;
	struct s390_adapter *adapter;
	int r = 0;

	if (id >= S390_MAX_ADAPTERS || info->isc >= S390_ISCS)
		return -EINVAL;
	id = array_index_nospec(id, S390_MAX_ADAPTERS);
	adapter = kzalloc(sizeof(*adapter), GFP_KERNEL_ACCOUNT);
	if (!adapter)
		return -ENOMEM;
	adapter->isc = info->isc;
	adapter->maskable = info->maskable;
	adapter->swap = info->swap;
	adapter->suppressible = info->flags & KVM_S390_ADAPTER_SUPPRESSIBLE;
	mutex_lock(&vm->kvm.lock);
	if (vm->adapters[id])
		r = -EINVAL;
	else
		WRITE_ONCE(vm->adapters[id], adapter);
	mutex_unlock(&vm->kvm.lock);
	if (r)
		kfree(adapter);
	return r;
}

void s390_adapters_free(struct s390_vm *vm)
{
	unsigned int i;

	for (i = 0; i < S390_MAX_ADAPTERS; i++)
		kfree(vm->adapters[i]);
}

struct s390_adapter *s390_adapter_of(struct s390_vm *vm, u64 id)
{
	if (id >= S390_MAX_ADAPTERS)
		return NULL;
	return READ_ONCE(vm->adapters[array_index_nospec(id, S390_MAX_ADAPTERS)]);
}

/*
 * Adapter-interruption suppression. In its single mode a subclass lets one interrupt of
 * suppressible adapters come, and is then in the mode in which none does, until the guest asks for
 * another mode (by an instruction that user space does).
 */

/* Context: kvm->lock held. The facility is told to guests, so that it comes before their CPUs. */
int s390_ais_enable(struct s390_vm *vm)
{
	lockdep_assert_held(&vm->kvm.lock);
	if (vm->kvm.created_vcpus)
		return -EBUSY;
	vm->facilities[S390_FACILITY_AIS / 64] |= facility_bit(S390_FACILITY_AIS);
	WRITE_ONCE(vm->has_ais, true);
	return 0;
}

/* A subclass's place in a mask, from the left. */
static u8 isc_bit(u8 isc)
{
	return 0x80 >> isc;
}

static unsigned int ais_mode(const struct s390_vm *vm, u8 isc)
{
	lockdep_assert_held(&vm->ais.lock);
	if (vm->ais.none & isc_bit(isc))
		return AIS_NONE;
	return vm->ais.single & isc_bit(isc) ? AIS_SINGLE : AIS_ALL;
}

/* Context: the VM has_ais. */
int s390_ais_set(struct s390_vm *vm, const struct kvm_s390_ais_req *req)
{
	if (req->isc >= S390_ISCS || req->mode > AIS_SINGLE)
		return -EINVAL;
	mutex_lock(&vm->ais.lock);
	trace_kvm_s390_modify_ais_mode(req->isc, ais_mode(vm, req->isc), req->mode);
	vm->ais.none &= ~isc_bit(req->isc);
	vm->ais.single &= ~isc_bit(req->isc);
	if (req->mode == AIS_SINGLE)
		vm->ais.single |= isc_bit(req->isc);
	mutex_unlock(&vm->ais.lock);
	return 0;
}

void s390_ais_set_all(struct s390_vm *vm, const struct kvm_s390_ais_all *all)
{
	mutex_lock(&vm->ais.lock);
	vm->ais.single = all->simm;
	vm->ais.none = all->nimm;
	mutex_unlock(&vm->ais.lock);
}

void s390_ais_get_all(struct s390_vm *vm, struct kvm_s390_ais_all *all)
{
	mutex_lock(&vm->ais.lock);
	all->simm = vm->ais.single;
	all->nimm = vm->ais.none;
	mutex_unlock(&vm->ais.lock);
}

static int inject(struct s390_vm *vm, const struct s390_adapter *adapter)
{
	struct kvm_s390_irq irq = { .type = KVM_S390_INT_IO(1, 0, 0, 0) };

	irq.u.io.io_int_word = INT_WORD_ADAPTER | (u32)adapter->isc << INT_WORD_ISC_SHIFT;
	return s390_inject_float(&vm->kvm, &irq, S390_BY_USER);
}

/* What cannot be made pending leaves the mode as it was. */
static int inject_in_mode(struct s390_vm *vm, unsigned int id, const struct s390_adapter *adapter)
{
	unsigned int mode;
	int r;

	mutex_lock(&vm->ais.lock);
	mode = ais_mode(vm, adapter->isc);
	if (mode == AIS_NONE) {
		trace_kvm_s390_airq_suppressed(id, adapter->isc);
		r = 0;
		goto out;
	}
	r = inject(vm, adapter);
	if (!r && mode == AIS_SINGLE) {
		vm->ais.none |= isc_bit(adapter->isc);
		trace_kvm_s390_modify_ais_mode(adapter->isc, AIS_SINGLE, AIS_NONE);
	}
out:
	mutex_unlock(&vm->ais.lock);
	return r;
}

/* Context: sleeps. Return: 0, also for one that is suppressed; or as s390_inject_float(). */
int s390_adapter_interrupt(struct s390_vm *vm, unsigned int id, const struct s390_adapter *adapter)
{
	if (READ_ONCE(vm->has_ais) && adapter->suppressible)
		return inject_in_mode(vm, id, adapter);
	return inject(vm, adapter);
}

/*
 * Set bit @nr behind @at, which need not be at the beginning of a doubleword: bits are counted on
 * from the one that the byte there begins with. Return: whether it was set before; -EFAULT no
 * storage there.
 */
static int set_indicator(struct kvm *kvm, gpa_t at, u64 nr, bool swap)
{
	unsigned int bit = at % sizeof(long) * BITS_PER_BYTE + nr % BITS_PER_LONG;
	struct kvm_slot *slot;
	struct kvm_pfn pfn;
	gfn_t gfn;
	void *word;
	int was;

	at = round_down(at, sizeof(long)) + nr / BITS_PER_LONG * sizeof(long);
	at += bit / BITS_PER_LONG * sizeof(long);
	bit %= BITS_PER_LONG;
	gfn = gpa_to_gfn(at);
	slot = kvm_slot_find(kvm, gfn);
	if (kvm_pfn_get(kvm, slot, gfn, KVM_PFN_WRITE, &pfn))
		return -EFAULT;
	if (!pfn.page) {
		kvm_pfn_put(&pfn, false);
		return -EFAULT;
	}
	word = page_address(pfn.page) + offset_in_page(at);
	was = test_and_set_bit(swap ? bit ^ (BITS_PER_LONG - 1) : bit, word);
	kvm_mark_dirty(kvm, slot, gfn);
	kvm_pfn_put(&pfn, true);
	return was;
}

static int set_indicators(struct kvm *kvm, const struct kvm_irq_route *route, bool swap)
{
	int idx = srcu_read_lock(&kvm->srcu);
	int r;

	r = set_indicator(kvm, route->adapter.ind_addr, route->adapter.ind_offset, swap);
	if (r >= 0)
		r = set_indicator(kvm, route->adapter.summary_addr, route->adapter.summary_offset,
				  swap);
	srcu_read_unlock(&kvm->srcu, idx);
	return r;
}

/* The indicators tell of an event even while the adapter is masked. */
static int route_deliver(struct kvm *kvm, struct kvm_irq_route *route, int source, int level,
			 bool line_status)
{
	struct s390_vm *vm = to_s390_vm(kvm);
	struct s390_adapter *adapter = s390_adapter_of(vm, route->adapter.adapter_id);
	int r;

	if (!level)
		return 0;	/* events, no levels */
	if (!adapter)
		return -1;
	r = set_indicators(kvm, route, adapter->swap);
	if (r)
		return r < 0 ? -1 : 0;
	if (READ_ONCE(adapter->masked))
		return 0;
	return s390_adapter_interrupt(vm, route->adapter.adapter_id, adapter) ? -1 : 1;
}

int s390_route_set(struct kvm *kvm, struct kvm_irq_route *route,
		   const struct kvm_irq_routing_entry *entry)
{
	if (entry->type != KVM_IRQ_ROUTING_S390_ADAPTER)
		return -EINVAL;
	route->type = entry->type;
	route->set = route_deliver;
	route->adapter.ind_addr = entry->u.adapter.ind_addr;
	route->adapter.summary_addr = entry->u.adapter.summary_addr;
	route->adapter.ind_offset = entry->u.adapter.ind_offset;
	route->adapter.summary_offset = entry->u.adapter.summary_offset;
	route->adapter.adapter_id = entry->u.adapter.adapter_id;
	return 0;
}

bool s390_irqchip(struct kvm *kvm)
{
	return READ_ONCE(to_s390_vm(kvm)->irqchip);
}

/* The guest does not acknowledge: nothing can be resampled. */
bool s390_irqfd_allowed(struct kvm *kvm, struct kvm_irqfd *args)
{
	return s390_irqchip(kvm) && !(args->flags & KVM_IRQFD_FLAG_RESAMPLE);
}

/* Routes may be set from now on, of which there are none yet. Context: kvm->lock held. */
long s390_vm_create_irqchip(struct kvm *kvm, struct kvm_arg *arg)
{
	return s390_irqchip(kvm) ? 0 : -EINVAL;
}
