/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory slots: which host addresses stand behind which guest frames.
 *
 * Each address space has one immutable table. Readers hold kvm->srcu (a vCPU does whenever it is in
 * KVM_RUN outside the guest); writers hold kvm->slots_lock, build the next table beside the current
 * one and publish it.
 */
#ifndef KVM_MEMSLOT_H
#define KVM_MEMSLOT_H

#include <kvm/types.h>
#include <uapi/linux/kvm.h>

/*
 * Slots user space may name in one address space; the top bits of kvm_userspace_memory_region.slot
 * are the space.
 */
#define KVM_USER_SLOTS		32764
#define KVM_INTERNAL_SLOTS	3	/* ids from KVM_USER_SLOTS on, made by the architecture */
/* in flags: being deleted or moved; a fault treats it as "come again" */
#define KVM_SLOT_INVALID	BIT(16)

struct kvm_slot_arch;			/* the architecture's part; allocated in slot_prepare */

struct kvm_slot {
	gfn_t			base_gfn;
	unsigned long		npages;
	hva_t			hva;		/* where base_gfn begins in the VMM */
	u32			flags;		/* KVM_MEM_*, KVM_SLOT_INVALID */
	u16			id;
	u8			as_id;		/* address space */
	/* set while KVM_MEM_LOG_DIRTY_PAGES; atomic bit operations */
	unsigned long		*dirty_bitmap;
	struct kvm_slot_arch	*arch;
};

enum kvm_slot_change {
	SLOT_CREATE,
	SLOT_DELETE,
	SLOT_MOVE,
	SLOT_FLAGS,
};

/*
 * A range of guest frames of one slot, as the MMU notifier and the dirty log hand it to the
 * architecture.
 */
struct kvm_gfn_range {
	const struct kvm_slot	*slot;
	gfn_t			start;
	gfn_t			end;		/* exclusive */
	bool			may_block;	/* the callee may drop mmu_lock and sleep */
};

/*
 * kvm_slots() - the current table of address space @as_id
 * Context: kvm->srcu or kvm->slots_lock held.
 */
struct kvm_slots *kvm_slots(struct kvm *kvm, int as_id);

/*
 * The table's number, to validate caches of lookups: no two tables of a VM have the same. While
 * readers of the table before may still be about, KVM_SLOTS_CHANGING is set in it, and the number
 * changes once more when they are gone; so what was looked up before the number was read, in the
 * same srcu section, is at worst kept under a number that does not last. A cache that holds a
 * pointer into the table must not be filled while the bit is set. srcu held.
 */
#define KVM_SLOTS_CHANGING	1ULL
u64 kvm_slots_generation(struct kvm *kvm, int as_id);

/*
 * Lookup by gfn; NULL when no slot has it. Slots being deleted are found, with KVM_SLOT_INVALID
 * set.
 */
struct kvm_slot *kvm_slots_find(struct kvm_slots *slots, gfn_t gfn);
struct kvm_slot *kvm_slot_find(struct kvm *kvm, gfn_t gfn);		/* address space 0 */
/* the vCPU's address space */
struct kvm_slot *kvm_vcpu_slot_find(struct kvm_vcpu *vcpu, gfn_t gfn);

/* The slot that user space calls @id, or NULL. Context: kvm->slots_lock held. */
struct kvm_slot *kvm_slot_by_id(struct kvm *kvm, int as_id, u16 id);

/* Walk all slots of a table in order of gfn. */
unsigned int kvm_slots_count(const struct kvm_slots *slots);
struct kvm_slot *kvm_slots_at(const struct kvm_slots *slots, unsigned int i);
#define kvm_for_each_slot(slot, i, slots)					\
	for ((i) = 0; (i) < kvm_slots_count(slots) &&				\
	     ((slot) = kvm_slots_at(slots, i), true); (i)++)

static inline hva_t kvm_slot_hva(const struct kvm_slot *slot, gfn_t gfn)
{
	return slot->hva + ((gfn - slot->base_gfn) << PAGE_SHIFT);
}

/* Is @slot one that the guest may see as memory (not absent, not going away)? */
static inline bool kvm_slot_visible(const struct kvm_slot *slot)
{
	return slot && !(READ_ONCE(slot->flags) & KVM_SLOT_INVALID);
}

static inline bool kvm_slot_logs_dirty(const struct kvm_slot *slot)
{
	return slot && slot->dirty_bitmap;
}

/**
 * kvm_set_memory_region - create, delete, move or re-flag a slot
 * @region: id in .slot (user or internal), address space in the bits above 16
 *
 * Context: kvm->slots_lock held; may sleep. Return: 0, or -EINVAL (alignment, flags, id, wrap, what
 * may not change), -EEXIST (overlap), -ENOMEM. A failed call changes nothing.
 */
int kvm_set_memory_region(struct kvm *kvm, const struct kvm_userspace_memory_region *region);

/* Set up and free a VM's tables. */
int kvm_slots_init(struct kvm *kvm);
void kvm_slots_destroy(struct kvm *kvm);

/* ioctl rows' functions (virt/kvm/dirty_log.c). */
struct kvm_arg;
long kvm_vm_get_dirty_log(struct kvm *kvm, struct kvm_arg *arg);
long kvm_vm_clear_dirty_log(struct kvm *kvm, struct kvm_arg *arg);

/*
 * kvm_mark_dirty() - the guest or the host has written @gfn of @slot
 * Context: kvm->srcu held; any context otherwise. Nothing happens when the slot does not log.
 */
void kvm_mark_dirty(struct kvm *kvm, const struct kvm_slot *slot, gfn_t gfn);
bool kvm_dirty_ring_full(struct kvm_vcpu *vcpu);	/* then KVM_EXIT_DIRTY_RING_FULL */

#endif /* KVM_MEMSLOT_H */
