/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How the host reaches guest memory: copies by gpa, caches of one place, and the page behind a gfn
 * for the MMU.
 *
 * Copies go through the VMM's mapping (hva), in the VMM's mm, and may fault and sleep. Every write
 * marks the page dirty. All need kvm->srcu; the vcpu variants use the address space the vCPU is in
 * (SMM or not).
 */
#ifndef KVM_GUEST_ACCESS_H
#define KVM_GUEST_ACCESS_H

#include <kvm/memslot.h>

/*
 * Return: 0; -ENOENT when a part has no slot or, for writes, a read-only one: the guest's affair;
 * -EFAULT when the VMM's memory is not there or there is none to bring it in: the host's, and the
 * guest must not be told anything by it. A part may have been copied then.
 */
int kvm_read_guest(struct kvm *kvm, gpa_t gpa, void *buf, unsigned long len);
int kvm_write_guest(struct kvm *kvm, gpa_t gpa, const void *buf, unsigned long len);
int kvm_clear_guest(struct kvm *kvm, gpa_t gpa, unsigned long len);
int kvm_vcpu_read_guest(struct kvm_vcpu *vcpu, gpa_t gpa, void *buf, unsigned long len);
int kvm_vcpu_write_guest(struct kvm_vcpu *vcpu, gpa_t gpa, const void *buf, unsigned long len);
/* Within one page and without sleeping (pages must be present): for callers in atomic context. */
int kvm_vcpu_read_guest_atomic(struct kvm_vcpu *vcpu, gpa_t gpa, void *buf, unsigned long len);

#define KVM_HVA_ERROR		((hva_t)-1)	/* no slot, or read-only for a write */
/*
 * hva of @gfn; *@writable (may be NULL) says whether the slot lets the guest write. KVM_HVA_ERROR
 * when no slot.
 */
hva_t kvm_vcpu_gfn_to_hva(struct kvm_vcpu *vcpu, gfn_t gfn, bool *writable);

/*
 * A place that is read or written again and again (kvmclock page, steal time). The lookup is
 * repeated only when the slot table has changed. @len must not cross a slot; init fails with
 * -EFAULT then, and with -EINVAL on a wrap; reads and writes fail as those by gpa do.
 */
struct kvm_gpa_cache {
	u64		generation;
	gpa_t		gpa;
	hva_t		hva;
	unsigned long	len;
	struct kvm_slot	*slot;
};

int kvm_gpa_cache_init(struct kvm *kvm, struct kvm_gpa_cache *c, gpa_t gpa, unsigned long len);
int kvm_read_guest_cached(struct kvm *kvm, struct kvm_gpa_cache *c, unsigned int offset, void *buf,
			  unsigned long len);
int kvm_write_guest_cached(struct kvm *kvm, struct kvm_gpa_cache *c, unsigned int offset,
			   const void *buf, unsigned long len);

/*
 * The page behind a gfn.
 */
struct kvm_pfn {
	kvm_pfn_t	pfn;
	/* holds a reference; NULL for memory without struct page counts (PFNMAP) */
	struct page	*page;
	/* the mapping lets us write, though only a read may have been asked for */
	bool		writable;
};

#define KVM_PFN_WRITE		BIT(0)	/* the guest writes: break copy-on-write */
#define KVM_PFN_NOWAIT		BIT(1)	/* do not sleep for I/O: -EAGAIN instead */
#define KVM_PFN_ATOMIC		BIT(2)	/* do not sleep at all: -EAGAIN instead */
#define KVM_PFN_KILLABLE	BIT(3)	/* a signal ends the wait: -EINTR */

/**
 * kvm_pfn_get - resolve the host page behind a guest frame
 * @slot: the slot that has @gfn, valid under kvm->srcu; NULL is allowed
 * @flags: KVM_PFN_*
 *
 * Read the invalidate sequence (kvm_mn_seq) before this call and check it again under mmu_lock
 * afterwards.
 *
 * Context: kvm->srcu held; sleeps unless KVM_PFN_ATOMIC. Return: 0 and *@out filled, to be given
 * back with kvm_pfn_put(); -ENOENT no (visible) slot; -EROFS a write to a read-only slot; -EFAULT
 * the VMM has nothing there; -EHWPOISON; -EAGAIN; -EINTR.
 */
int kvm_pfn_get(struct kvm *kvm, const struct kvm_slot *slot, gfn_t gfn, unsigned int flags,
		struct kvm_pfn *out);

/* Give the page back; @dirty: it was or can be written through the mapping that was made of it. */
void kvm_pfn_put(const struct kvm_pfn *p, bool dirty);

/* Mark by pfn, for an SPTE that is going away: the page is accessed or dirty. Any context. */
void kvm_pfn_set_dirty(kvm_pfn_t pfn);
void kvm_pfn_set_accessed(kvm_pfn_t pfn);
/* Is @pfn not RAM (device memory): the guest mapping must not be cached as write-back memory. */
bool kvm_pfn_is_device(kvm_pfn_t pfn);

/*
 * A guest page mapped into the kernel for a while (nested, VAPIC). Unmap marks it dirty when
 * @dirty. May sleep.
 */
struct kvm_map {
	struct kvm_pfn	pfn;
	void		*hva;		/* kernel address of the page */
	gfn_t		gfn;
	u8		as_id;		/* where the vCPU was when it mapped */
};
int kvm_vcpu_map(struct kvm_vcpu *vcpu, gfn_t gfn, struct kvm_map *map);
void kvm_vcpu_unmap(struct kvm_vcpu *vcpu, struct kvm_map *map, bool dirty);

#endif /* KVM_GUEST_ACCESS_H */
