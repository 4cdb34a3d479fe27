// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty rings: each vCPU reports the pages that it dirties in a ring that user space has mapped
 * (KVM API 8.29), instead of one bitmap a slot that has to be searched.
 *
 * The slot's bitmap stays, inside: its bit says that the page stands in a ring, so that it is put
 * there once, whoever writes it how often. User space takes entries and marks them RESET;
 * KVM_RESET_DIRTY_RINGS takes their bits down and protects their pages again, with TLBs flushed
 * before it returns, exactly as GET_DIRTY_LOG does (dirty_log.c).
 *
 * The entries are user space's to scribble on. So nothing of the ring's state is in them: where it
 * begins and ends is known here, and a slot and offset that are read back are checked like an
 * ioctl's argument. A VMM that lies about them loses pages of its own guest's log, no more.
 *
 * A vCPU does not enter the guest with fewer than RESERVED entries free: it exits instead, with
 * KVM_EXIT_DIRTY_RING_FULL. What is dirtied between two looks fits into the reserve; a page that
 * finds no place all the same is not reported.
 */
#include <linux/log2.h>
#include <linux/vmalloc.h>

#include "core.h"
#include "dirty_bitmap.h"

#define RING_RESERVED		64
#define RING_MAX_BYTES		(65536 * sizeof(struct kvm_dirty_gfn))

struct kvm_dirty_ring {
	raw_spinlock_t		lock;	/* guards pushed; taken with a run queue's lock held */
	u32			pushed;	/* entries ever put in */
	u32			reset;	/* entries ever taken back; slots_lock */
	u32			size;	/* a power of 2 */
	struct kvm_dirty_gfn	*gfns;	/* mapped by user space */
};

/* KVM_CHECK_EXTENSION: the largest ring in bytes; 0 where its mapping has no place. */
int kvm_dirty_ring_cap(struct kvm *kvm)
{
	return KVM_DIRTY_LOG_PAGE_OFFSET ? RING_MAX_BYTES : 0;
}

/**
 * kvm_dirty_ring_enable - KVM_CAP_DIRTY_LOG_RING(_ACQ_REL) is enabled
 * @kvm: the VM
 * @cap: args[0]: bytes of each vCPU's ring
 *
 * Context: takes kvm->lock and slots_lock.
 * Return: 0; -E2BIG; -EINVAL for a size that is no power of 2 or less than a page and the reserve,
 * when it is on already, after the first vCPU, or with KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2.
 */
int kvm_dirty_ring_enable(struct kvm *kvm, struct kvm_enable_cap *cap)
{
	u64 size = cap->args[0];
	int r = -EINVAL;

	if (cap->flags || !is_power_of_2(size) || size < PAGE_SIZE ||
	    size <= RING_RESERVED * sizeof(struct kvm_dirty_gfn) || !kvm_dirty_ring_cap(kvm))
		return -EINVAL;
	if (size > RING_MAX_BYTES)
		return -E2BIG;
	mutex_lock(&kvm->lock);
	mutex_lock(&kvm->slots_lock);
	if (!kvm->created_vcpus && !kvm->dirty_ring_bytes && !kvm->dirty_log_manual) {
		WRITE_ONCE(kvm->dirty_ring_bytes, size);
		r = 0;
	}
	mutex_unlock(&kvm->slots_lock);
	mutex_unlock(&kvm->lock);
	return r;
}

/* A new vCPU's ring, where the VM has them; 0 or -ENOMEM. */
int kvm_dirty_ring_create(struct kvm_vcpu *vcpu)
{
	u32 bytes = vcpu->kvm->dirty_ring_bytes;
	struct kvm_dirty_ring *ring;

	if (!bytes)
		return 0;
	ring = kzalloc(sizeof(*ring), GFP_KERNEL_ACCOUNT);
	if (!ring)
		return -ENOMEM;
	ring->gfns = __vmalloc(bytes, GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!ring->gfns) {
		kfree(ring);
		return -ENOMEM;
	}
	raw_spin_lock_init(&ring->lock);
	ring->size = bytes / sizeof(*ring->gfns);
	vcpu->dirty_ring = ring;
	return 0;
}

void kvm_dirty_ring_free(struct kvm_vcpu *vcpu)
{
	if (!vcpu->dirty_ring)
		return;
	vfree(vcpu->dirty_ring->gfns);
	kfree(vcpu->dirty_ring);
}

/* The page of the ring that is mapped at @pgoff of the vCPU's file; NULL: none of the ring's. */
struct page *kvm_dirty_ring_page(struct kvm_vcpu *vcpu, pgoff_t pgoff)
{
	pgoff_t n = pgoff - KVM_DIRTY_LOG_PAGE_OFFSET;

	if (!vcpu->dirty_ring || n >= vcpu->kvm->dirty_ring_bytes / PAGE_SIZE)
		return NULL;
	return vmalloc_to_page((void *)vcpu->dirty_ring->gfns + n * PAGE_SIZE);
}

/* May @vma be of the vCPU's file? The ring is shared by nature, and no code. */
bool kvm_dirty_ring_mmap_ok(struct kvm_vcpu *vcpu, struct vm_area_struct *vma)
{
	pgoff_t first = KVM_DIRTY_LOG_PAGE_OFFSET;
	pgoff_t last = first + vcpu->kvm->dirty_ring_bytes / PAGE_SIZE;

	if (!vcpu->dirty_ring || vma->vm_pgoff >= last || vma->vm_pgoff + vma_pages(vma) <= first)
		return true;
	return (vma->vm_flags & VM_SHARED) && !(vma->vm_flags & VM_EXEC);
}

/*
 * Putting in.
 */
static u32 ring_used(const struct kvm_dirty_ring *ring)
{
	return READ_ONCE(ring->pushed) - READ_ONCE(ring->reset);
}

/**
 * kvm_dirty_ring_full - must user space make room before the vCPU goes on?
 * @vcpu: about to enter the guest; KVM_REQ_DIRTY_RING has been made of it
 */
bool kvm_dirty_ring_full(struct kvm_vcpu *vcpu)
{
	const struct kvm_dirty_ring *ring = vcpu->dirty_ring;

	return ring && ring_used(ring) >= ring->size - RING_RESERVED;
}
EXPORT_SYMBOL_GPL(kvm_dirty_ring_full);

static void ring_push(struct kvm_dirty_ring *ring, u32 slot, u64 offset)
{
	struct kvm_dirty_gfn *entry;
	unsigned long flags;

	raw_spin_lock_irqsave(&ring->lock, flags);
	if (ring_used(ring) < ring->size) {
		entry = &ring->gfns[ring->pushed & (ring->size - 1)];
		entry->slot = slot;
		entry->offset = offset;
		/* User space that sees the flag sees the page. */
		smp_store_release(&entry->flags, KVM_DIRTY_GFN_F_DIRTY);
		WRITE_ONCE(ring->pushed, ring->pushed + 1);
	}
	raw_spin_unlock_irqrestore(&ring->lock, flags);
}

/* Whose ring: that of the vCPU that runs here, or the first's when none of this VM does. */
static struct kvm_vcpu *pusher(struct kvm *kvm)
{
	struct kvm_vcpu *vcpu = kvm_running_vcpu();

	return vcpu && vcpu->kvm == kvm ? vcpu : kvm_vcpu_at(kvm, 0);
}

/**
 * kvm_dirty_ring_mark - a page of a slot that logs has been written
 * @kvm: has rings
 * @slot: logs
 * @gfn: in @slot
 *
 * Context: any, also atomic. Does nothing while there is no vCPU, and so no ring.
 */
void kvm_dirty_ring_mark(struct kvm *kvm, const struct kvm_slot *slot, gfn_t gfn)
{
	u64 offset = gfn - slot->base_gfn;
	struct kvm_vcpu *vcpu;

	if (!kvm_online_vcpus(kvm) || test_and_set_bit_le(offset, slot->dirty_bitmap))
		return;
	vcpu = pusher(kvm);
	ring_push(vcpu->dirty_ring, (u32)slot->as_id << 16 | slot->id, offset);
	if (kvm_dirty_ring_full(vcpu))
		kvm_request(vcpu, KVM_REQ_DIRTY_RING);
}

/*
 * Taking back.
 */

/* User space says that it has seen the page: report it again when it is written again. */
static bool page_reset(struct kvm *kvm, u32 name, u64 offset)
{
	u32 as_id = name >> 16;
	u16 id = name;
	struct kvm_slot *slot;

	lockdep_assert_held(&kvm->slots_lock);
	lockdep_assert_held_write(&kvm->mmu_lock);
	if (as_id >= kvm_arch->address_spaces || id >= KVM_USER_SLOTS)
		return false;
	slot = kvm_slot_by_id(kvm, as_id, id);
	if (!kvm_slot_logs_dirty(slot) || offset >= slot->npages)
		return false;
	if (!test_and_clear_bit_le(offset, slot->dirty_bitmap))
		return false;
	kvm_arch->protect_dirty(kvm, slot,
				slot->base_gfn + round_down(offset, (u64)BITS_PER_LONG),
				BIT(offset % BITS_PER_LONG));
	return true;
}

static unsigned int ring_reset(struct kvm *kvm, struct kvm_dirty_ring *ring, bool *flush)
{
	unsigned int n = 0;

	while (ring_used(ring)) {
		struct kvm_dirty_gfn *entry = &ring->gfns[ring->reset & (ring->size - 1)];
		u32 slot;
		u64 offset;

		/* Pairs with user space's store of RESET, after it has read the entry. */
		if (!(smp_load_acquire(&entry->flags) & KVM_DIRTY_GFN_F_RESET))
			break;
		slot = READ_ONCE(entry->slot);
		offset = READ_ONCE(entry->offset);
		WRITE_ONCE(entry->flags, 0);
		/* Whoever puts a page here does so after our read of the last one. */
		smp_store_release(&ring->reset, ring->reset + 1);
		*flush |= page_reset(kvm, slot, offset);
		n++;
		kvm_dirty_breathe(kvm, flush);
	}
	return n;
}

/**
 * kvm_vm_reset_dirty_rings - KVM_RESET_DIRTY_RINGS
 * @kvm: the VM; slots_lock held
 * @arg: none
 *
 * Return: how many entries of all rings are free again; -EINVAL without rings.
 */
long kvm_vm_reset_dirty_rings(struct kvm *kvm, struct kvm_arg *arg)
{
	struct kvm_vcpu *vcpu;
	bool flush = false;
	unsigned long i;
	long n = 0;

	if (!kvm->dirty_ring_bytes)
		return -EINVAL;
	write_lock(&kvm->mmu_lock);
	kvm_for_each_vcpu(i, vcpu, kvm)
		n += ring_reset(kvm, vcpu->dirty_ring, &flush);
	if (flush)
		kvm_flush_remote_tlbs(kvm);
	write_unlock(&kvm->mmu_lock);
	return n;
}
