// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory slots: changing the table.
 *
 * A reader sees the memory map before a change or after it, never half of it: a change builds the
 * next table beside the current one, publishes it with one pointer, waits until nobody reads the
 * old one, and only then frees what the change made unreachable (the old table itself is kept, to
 * build the next but one in). Everything that can fail is done
 * before the first publication, so a failed call changes nothing and a begun one always ends.
 *
 * A slot that is deleted or moved goes in two steps, or a fault could bring back a translation that
 * is being removed: it is marked KVM_SLOT_INVALID, and who may have seen it without the mark is
 * waited for, so no fault can make a new translation; then the architecture drops those that are
 * there; then the table without it is published. The MMU notifier finds the slot until that last
 * step, since until then its memory may be mapped.
 *
 * Ids are for the ioctls alone, all of which hold kvm->slots_lock: slot_ids is no part of the
 * tables, and changes in place.
 *
 * Publication and notifier: see publish() below. Writers hold kvm->slots_lock, and nobody in an
 * srcu read section may take it. Searching is in slot_index.c.
 */
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "core.h"
#include "dirty_bitmap.h"
#include "slot_index.h"

#define SLOT_MAX_PAGES	((unsigned long)INT_MAX)
/* kvm_userspace_memory_region.slot: the address space above, the id below */
#define SLOT_AS_SHIFT	16

/* A change on its way: what is there, what will be, and the table that has it. */
struct slot_update {
	struct kvm		*kvm;
	int			as_id;
	enum kvm_slot_change	change;
	struct kvm_slot		*old;		/* NULL: create */
	struct kvm_slot		*new;		/* NULL: delete */
	struct kvm_slots	*next;
};

struct kvm_slots *kvm_slots(struct kvm *kvm, int as_id)
{
	as_id = array_index_nospec(as_id, KVM_ADDRESS_SPACES);
	return srcu_dereference_check(kvm->slots[as_id], &kvm->srcu,
				      lockdep_is_held(&kvm->slots_lock) ||
				      !refcount_read(&kvm->users));
}
EXPORT_SYMBOL_GPL(kvm_slots);

u64 kvm_slots_generation(struct kvm *kvm, int as_id)
{
	return READ_ONCE(kvm_slots(kvm, as_id)->generation);
}
EXPORT_SYMBOL_GPL(kvm_slots_generation);

struct kvm_slot *kvm_slot_find(struct kvm *kvm, gfn_t gfn)
{
	return kvm_slots_find(kvm_slots(kvm, 0), gfn);
}
EXPORT_SYMBOL_GPL(kvm_slot_find);

struct kvm_slot *kvm_vcpu_slot_find(struct kvm_vcpu *vcpu, gfn_t gfn)
{
	return kvm_slots_find(kvm_slots(vcpu->kvm, vcpu->as_id), gfn);
}
EXPORT_SYMBOL_GPL(kvm_vcpu_slot_find);

struct kvm_slot *kvm_slot_by_id(struct kvm *kvm, int as_id, u16 id)
{
	lockdep_assert_held(&kvm->slots_lock);
	return xa_load(&kvm->slot_ids[array_index_nospec(as_id, KVM_ADDRESS_SPACES)], id);
}

EXPORT_SYMBOL_GPL(kvm_slots_find);
EXPORT_SYMBOL_GPL(kvm_slots_count);
EXPORT_SYMBOL_GPL(kvm_slots_at);

/*
 * Memory for a table of @n slots: that of the table before the current one, if it is large enough,
 * and else some with room for a few more. kvm_slots_derive() fills it in.
 */
static struct kvm_slots *take_table(struct kvm *kvm, unsigned int n)
{
	struct kvm_slots *slots = kvm->slots_spare;
	unsigned int capacity = n + n / 4 + 2;

	if (slots && slots->capacity >= n) {
		kvm->slots_spare = NULL;
		capacity = slots->capacity;
	} else {
		slots = kvmalloc(kvm_slots_bytes(capacity), GFP_KERNEL_ACCOUNT);
	}
	if (slots)
		*slots = (struct kvm_slots){ .capacity = capacity };
	return slots;
}

/* Nobody reads @slots any more, or ever has. */
static void give_table(struct kvm *kvm, struct kvm_slots *slots)
{
	if (slots && (!kvm->slots_spare || kvm->slots_spare->capacity < slots->capacity))
		swap(slots, kvm->slots_spare);
	kvfree(slots);
}

/* The pointer changes only while no invalidation is under way; see publish(). */
static bool try_publish(struct kvm *kvm, int as_id, struct kvm_slots *next)
{
	bool idle;

	spin_lock(&kvm->mn_lock);
	idle = !kvm->mn_active;
	if (idle)
		rcu_assign_pointer(kvm->slots[as_id], next);
	spin_unlock(&kvm->mn_lock);
	return idle;
}

/*
 * Make @next the table of @as_id, and wait for readers of the one before.
 *
 * An invalidation of host addresses looks the slots up once, when it begins, and that must do for
 * all of it: a slot that came later would have pages that it does not unmap. So the pointer changes
 * under mn_lock and only when no invalidation is under way: one that began before is waited for,
 * one that begins later finds the new table.
 *
 * The generation is odd (KVM_SLOTS_CHANGING) until readers of the old table are gone.
 */
static void publish(struct kvm *kvm, int as_id, struct kvm_slots *next)
{
	struct kvm_slots *old = kvm_slots(kvm, as_id);

	lockdep_assert_held(&kvm->slots_lock);

	next->generation = kvm->slots_generation | KVM_SLOTS_CHANGING;
	rcuwait_wait_event(&kvm->mn_wait, try_publish(kvm, as_id, next), TASK_UNINTERRUPTIBLE);
	synchronize_srcu_expedited(&kvm->srcu);

	kvm->slots_generation += 2;
	WRITE_ONCE(next->generation, kvm->slots_generation);
	give_table(kvm, old);
}

/*
 * From the return on nobody uses the slot. The table is the same one, but what was cached of it
 * under its number no longer holds; the number stays odd until the table is replaced.
 */
static void retire(struct slot_update *u)
{
	struct kvm *kvm = u->kvm;
	struct kvm_slots *slots = kvm_slots(kvm, u->as_id);

	lockdep_assert_held(&kvm->slots_lock);

	WRITE_ONCE(slots->generation, kvm->slots_generation | KVM_SLOTS_CHANGING);
	WRITE_ONCE(u->old->flags, u->old->flags | KVM_SLOT_INVALID);
	synchronize_srcu_expedited(&kvm->srcu);
	kvm->slots_generation += 2;
}

static void free_slot(struct kvm_slot *slot)
{
	kvfree(slot->dirty_bitmap);
	kfree(slot);
}

/* A new slot's own parts: the dirty bitmap is taken over from @old while logging goes on. */
static int take_or_make_bitmap(struct slot_update *u)
{
	struct kvm_slot *new = u->new;

	if (!(new->flags & KVM_MEM_LOG_DIRTY_PAGES))
		return 0;
	if (u->old && u->old->dirty_bitmap) {
		new->dirty_bitmap = u->old->dirty_bitmap;
		return 0;
	}
	new->dirty_bitmap = kvzalloc(2 * dirty_bytes(new->npages), GFP_KERNEL_ACCOUNT);
	if (!new->dirty_bitmap)
		return -ENOMEM;
	if (u->kvm->dirty_log_manual & KVM_DIRTY_LOG_INITIALLY_SET)
		dirty_set_all(new->dirty_bitmap, new->npages);
	return 0;
}

/* Free @new's bitmap unless it is @old's. */
static void drop_bitmap(struct slot_update *u)
{
	if (u->new && !(u->old && u->old->dirty_bitmap == u->new->dirty_bitmap))
		kvfree(u->new->dirty_bitmap);
}

/* A place for the id of a slot that comes; give_id() cannot fail then. */
static int take_id(struct slot_update *u)
{
	if (u->change != SLOT_CREATE)
		return 0;
	return xa_reserve(&u->kvm->slot_ids[u->as_id], u->new->id, GFP_KERNEL_ACCOUNT);
}

static void drop_id(struct slot_update *u)
{
	if (u->change == SLOT_CREATE)
		xa_release(&u->kvm->slot_ids[u->as_id], u->new->id);
}

static void give_id(struct slot_update *u)
{
	struct xarray *ids = &u->kvm->slot_ids[u->as_id];

	if (u->new)
		xa_store(ids, u->new->id, u->new, GFP_KERNEL_ACCOUNT);
	else
		xa_erase(ids, u->old->id);
}

static int make_table(struct slot_update *u)
{
	const struct kvm_slots *cur = kvm_slots(u->kvm, u->as_id);

	u->next = take_table(u->kvm, cur->n - !!u->old + !!u->new);
	if (!u->next)
		return -ENOMEM;
	kvm_slots_derive(u->next, cur, u->old, u->new);
	return 0;
}

/*
 * Everything that can fail. The architecture comes last, since what it has prepared cannot be taken
 * back without harm to what @new shares with @old.
 */
static int prepare(struct slot_update *u)
{
	int r;

	if (u->new) {
		r = take_or_make_bitmap(u);
		if (r)
			return r;
	}
	r = take_id(u);
	if (r)
		goto no_id;
	r = make_table(u);
	if (r)
		goto no_table;
	r = kvm_arch->slot_prepare(u->kvm, u->old, u->new, u->change);
	if (r)
		goto no_table;
	return 0;

no_table:
	give_table(u->kvm, u->next);
	drop_id(u);
no_id:
	drop_bitmap(u);
	return r;
}

/* What @old had and @new has not taken over. Nobody can reach it any more. */
static void free_old(struct slot_update *u)
{
	struct kvm_slot *old = u->old;

	if (!old)
		return;
	if (u->change != SLOT_FLAGS)
		kvm_arch->slot_free(u->kvm, old);
	if (u->new && u->new->dirty_bitmap == old->dirty_bitmap)
		old->dirty_bitmap = NULL;
	free_slot(old);
}

static int change_slot(struct slot_update *u)
{
	int r = prepare(u);

	if (r)
		return r;
	if (u->change == SLOT_DELETE || u->change == SLOT_MOVE) {
		retire(u);
		kvm_arch->slot_flush(u->kvm, u->old);
	}
	publish(u->kvm, u->as_id, u->next);
	give_id(u);
	kvm_arch->slot_commit(u->kvm, u->old, u->new, u->change);
	free_old(u);
	return 0;
}

/* What can be said of a region without looking at the slots that are there. */
static int check_region(const struct kvm_userspace_memory_region *r)
{
	u32 as_id = r->slot >> SLOT_AS_SHIFT;
	u16 id = r->slot;

	if (r->flags & ~(KVM_MEM_LOG_DIRTY_PAGES | kvm_arch->slot_flags))
		return -EINVAL;
	if ((r->memory_size | r->guest_phys_addr | r->userspace_addr) & ~PAGE_MASK)
		return -EINVAL;
	if (r->memory_size != (unsigned long)r->memory_size ||
	    r->memory_size >> PAGE_SHIFT > SLOT_MAX_PAGES)
		return -EINVAL;
	if (r->userspace_addr != (unsigned long)r->userspace_addr ||
	    r->userspace_addr != untagged_addr(r->userspace_addr) ||
	    !access_ok((void __user *)(unsigned long)r->userspace_addr, r->memory_size))
		return -EINVAL;
	if (as_id >= kvm_arch->address_spaces || id >= KVM_USER_SLOTS + KVM_INTERNAL_SLOTS)
		return -EINVAL;
	if (r->guest_phys_addr + r->memory_size < r->guest_phys_addr)
		return -EINVAL;
	return 0;
}

static int apply(struct kvm *kvm, const struct kvm_slot *want)
{
	struct kvm_slots *slots = kvm_slots(kvm, want->as_id);
	struct slot_update u = {
		.kvm	= kvm,
		.as_id	= want->as_id,
		.old	= kvm_slot_by_id(kvm, want->as_id, want->id),
	};
	int change = kvm_slot_change_of(u.old, want);
	int r;

	if (change == SLOT_SAME)
		return 0;
	if (change < 0)
		return change;
	u.change = change;
	if ((change == SLOT_CREATE || change == SLOT_MOVE) &&
	    kvm_slots_overlap(slots, want->base_gfn, want->npages, u.old))
		return -EEXIST;

	if (change != SLOT_DELETE) {
		u.new = kmemdup(want, sizeof(*want), GFP_KERNEL_ACCOUNT);
		if (!u.new)
			return -ENOMEM;
		if (change == SLOT_FLAGS)
			u.new->arch = u.old->arch;
	}
	r = change_slot(&u);
	if (r)
		kfree(u.new);
	return r;
}

int kvm_set_memory_region(struct kvm *kvm, const struct kvm_userspace_memory_region *region)
{
	int r = check_region(region);
	struct kvm_slot want = {
		.base_gfn	= gpa_to_gfn(region->guest_phys_addr),
		.npages		= region->memory_size >> PAGE_SHIFT,
		.hva		= region->userspace_addr,
		.flags		= region->flags,
		.id		= (u16)region->slot,
		.as_id		= region->slot >> SLOT_AS_SHIFT,
	};

	lockdep_assert_held(&kvm->slots_lock);

	return r ?: apply(kvm, &want);
}
EXPORT_SYMBOL_GPL(kvm_set_memory_region);

/* KVM_SET_USER_MEMORY_REGION: the ids above are the architecture's own. */
long kvm_vm_set_memory_region(struct kvm *kvm, struct kvm_arg *arg)
{
	const struct kvm_userspace_memory_region *region = arg->data;

	if ((u16)region->slot >= KVM_USER_SLOTS)
		return -EINVAL;
	return kvm_set_memory_region(kvm, region);
}

/* Callers: the VM is being made or unmade; nobody else has it. */
int kvm_slots_init(struct kvm *kvm)
{
	int i;

	/* no table has number 0, so no zeroed cache is taken for a filled one */
	kvm->slots_generation = 2;
	for (i = 0; i < KVM_ADDRESS_SPACES; i++)
		xa_init(&kvm->slot_ids[i]);
	for (i = 0; i < KVM_ADDRESS_SPACES; i++) {
		struct kvm_slots *empty = take_table(kvm, 0);

		if (!empty)
			goto fail;
		empty->generation = kvm->slots_generation;
		rcu_assign_pointer(kvm->slots[i], empty);
	}
	return 0;

fail:
	kvm_slots_destroy(kvm);
	return -ENOMEM;
}

void kvm_slots_destroy(struct kvm *kvm)
{
	struct kvm_slots *slots;
	struct kvm_slot *slot;
	unsigned int n;
	int i;

	for (i = 0; i < KVM_ADDRESS_SPACES; i++) {
		xa_destroy(&kvm->slot_ids[i]);
		slots = rcu_dereference_protected(kvm->slots[i], true);
		if (!slots)
			continue;
		kvm_for_each_slot(slot, n, slots) {
			kvm_arch->slot_free(kvm, slot);
			free_slot(slot);
		}
		RCU_INIT_POINTER(kvm->slots[i], NULL);
		kvfree(slots);
	}
	kvfree(kvm->slots_spare);
}
