/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The invalidate sequence: how a guest fault and a change of the VMM's page tables stay out of each
 * other's way.
 *
 * A fault reads kvm_mn_seq(), resolves its page without mmu_lock, takes mmu_lock, asks
 * kvm_mn_retry(), and installs only when the answer is no. The notifier counts itself in under
 * kvm->mn_lock before it takes mmu_lock to unmap, and raises the sequence before it counts itself
 * out, so a page whose mapping has gone, or is going, is never installed.
 */
#ifndef KVM_MMU_NOTIFIER_H
#define KVM_MMU_NOTIFIER_H

#include <kvm/vm.h>

static inline unsigned long kvm_mn_seq(struct kvm *kvm)
{
	unsigned long seq = READ_ONCE(kvm->mn_seq);

	/* pairs with the notifier's smp_wmb(): the sequence is read before the page tables are */
	smp_rmb();
	return seq;
}

/*
 * Is @hva in the hull of what is being invalidated? Without mmu_lock a hint, which saves resolving
 * a page that would have to be given back.
 */
static inline bool kvm_mn_busy(struct kvm *kvm, hva_t hva)
{
	return unlikely(READ_ONCE(kvm->mn_active)) &&
	       hva >= READ_ONCE(kvm->mn_start) && hva < READ_ONCE(kvm->mn_end);
}

/*
 * Must the fault that read @seq begin again? @hva: the page it resolved. Context: kvm->mmu_lock
 * held (read or write).
 */
static inline bool kvm_mn_retry(struct kvm *kvm, unsigned long seq, hva_t hva)
{
	lockdep_assert_held(&kvm->mmu_lock);

	if (kvm_mn_busy(kvm, hva))
		return true;
	/* an invalidation that has ended has raised the sequence before it lowered mn_active */
	smp_rmb();
	return READ_ONCE(kvm->mn_seq) != seq;
}

int kvm_mn_register(struct kvm *kvm);	/* on kvm->mm, which must be current's */
void kvm_mn_unregister(struct kvm *kvm);

#endif /* KVM_MMU_NOTIFIER_H */
