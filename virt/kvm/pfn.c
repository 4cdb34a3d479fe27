// SPDX-License-Identifier: GPL-2.0-only
/*
 * From a guest frame to the host page behind it.
 *
 * The host's page tables are the truth; three ways lead to them, from cheap to dear: a walk without
 * locks that finds a page that is there already; get_user_pages(), which makes it be there; and,
 * for mappings of device memory that get_user_pages() refuses, the page-table entry itself. The
 * first two give a reference to the page. The third gives none, since such memory need not be
 * counted at all: there only the MMU notifier keeps a translation true, and nobody may hold on to
 * the frame beyond it.
 *
 * A read fault asks for a writable page if one is to be had at no cost, which spares the guest a
 * second fault.
 */
#include <linux/highmem.h>
#include <linux/ioport.h>
#include <linux/sched/mm.h>
#include <linux/swap.h>

#include "core.h"

/* One resolution on its way. */
struct pfn_req {
	struct kvm	*kvm;
	hva_t		hva;
	unsigned int	flags;		/* KVM_PFN_* */
	bool		slot_writable;
	struct kvm_pfn	*out;
};

static bool asks_write(const struct pfn_req *q)
{
	return q->flags & KVM_PFN_WRITE;
}

static int found_page(const struct pfn_req *q, struct page *page, bool writable)
{
	*q->out = (struct kvm_pfn) {
		.pfn		= page_to_pfn(page),
		.page		= page,
		.writable	= writable && q->slot_writable,
	};
	return 0;
}

/*
 * The page, if it is mapped and, with FOLL_WRITE, lets us write; without locks and without
 * sleeping.
 */
static bool gup_fast(const struct pfn_req *q, unsigned int gup, struct page **page)
{
	return get_user_pages_fast_only(q->hva, 1, gup, page) == 1;
}

static int resolve_fast(const struct pfn_req *q)
{
	struct page *page;

	if (current->mm != q->kvm->mm)
		return -EAGAIN;
	if (q->slot_writable && gup_fast(q, FOLL_WRITE, &page))
		return found_page(q, page, true);
	if (!asks_write(q) && gup_fast(q, 0, &page))
		return found_page(q, page, false);
	return -EAGAIN;
}

/* For a worker that has no part in the VMM's mm: it may be gone. */
static long gup_remote(const struct pfn_req *q, unsigned int gup, struct page **page)
{
	struct mm_struct *mm = q->kvm->mm;
	int locked = 1;
	long n;

	if (!mmget_not_zero(mm))
		return -EFAULT;
	mmap_read_lock(mm);
	n = get_user_pages_remote(mm, q->hva, 1, gup, page, NULL, &locked);
	if (locked)
		mmap_read_unlock(mm);
	mmput(mm);
	return n;
}

static unsigned int gup_flags(const struct pfn_req *q)
{
	return FOLL_HWPOISON |
	       (asks_write(q) ? FOLL_WRITE : 0) |
	       (q->flags & KVM_PFN_NOWAIT ? FOLL_NOWAIT : 0) |
	       (q->flags & KVM_PFN_KILLABLE ? KVM_FOLL_INTERRUPTIBLE : 0);
}

/* -EFAULT: not memory that can be counted, or nothing at all. */
static int gup_error(const struct pfn_req *q, long n)
{
	switch (n) {
	case -EHWPOISON:
	case -EFAULT:
		return n;
	case -EINTR:
	case -ERESTARTSYS:
		return -EINTR;
	case -EAGAIN:
		return -EAGAIN;
	default:
		return q->flags & KVM_PFN_NOWAIT ? -EAGAIN : -EFAULT;
	}
}

static int resolve_slow(const struct pfn_req *q)
{
	bool local = current->mm == q->kvm->mm;
	struct page *page, *better;
	long n;

	might_sleep();
	if (local)
		n = get_user_pages_unlocked(q->hva, 1, &page, gup_flags(q));
	else
		n = gup_remote(q, gup_flags(q), &page);
	if (n != 1)
		return gup_error(q, n);

	if (asks_write(q))
		return found_page(q, page, true);
	if (local && q->slot_writable && gup_fast(q, FOLL_WRITE, &better)) {
		put_page(page);
		return found_page(q, better, true);
	}
	return found_page(q, page, false);
}

/* The entry at q->hva, mmap_lock held. -ENOENT: absent, or it does not let us write and we must. */
static int read_pte(const struct pfn_req *q)
{
	spinlock_t *ptl;
	pte_t *ptep, pte;

	if (follow_pte(q->kvm->mm, q->hva, &ptep, &ptl))
		return -ENOENT;
	__acquire(ptl);		/* follow_pte() says nothing of it to sparse */
	pte = *ptep;
	pte_unmap_unlock(ptep, ptl);

	if (asks_write(q) && !pte_write(pte))
		return -ENOENT;
	*q->out = (struct kvm_pfn) {
		.pfn		= pte_pfn(pte),
		.writable	= pte_write(pte) && q->slot_writable,
	};
	return 0;
}

/*
 * As read_pte(), and -EAGAIN when the VMM's mapping has to be looked up anew; mmap_lock held before
 * and after.
 */
static int resolve_pte(const struct pfn_req *q)
{
	unsigned int fault = asks_write(q) ? FAULT_FLAG_WRITE : 0;
	struct mm_struct *mm = q->kvm->mm;
	struct vm_area_struct *vma = vma_lookup(mm, q->hva);
	bool unlocked = false;
	int r;

	if (!vma || !(vma->vm_flags & (VM_IO | VM_PFNMAP)) ||
	    (asks_write(q) && !(vma->vm_flags & VM_WRITE)))
		return -EFAULT;
	r = read_pte(q);
	if (r != -ENOENT)
		return r;
	if (q->flags & KVM_PFN_NOWAIT)
		return -EAGAIN;

	if (fixup_user_fault(mm, q->hva, fault, &unlocked))
		return -EFAULT;
	if (unlocked)
		return -EAGAIN;		/* mmap_lock was let go: @vma may be gone */
	return read_pte(q) ? -EFAULT : 0;
}

static int resolve_pfnmap(const struct pfn_req *q)
{
	struct mm_struct *mm = q->kvm->mm;
	int r;

	if (!mmget_not_zero(mm))
		return -EFAULT;
	mmap_read_lock(mm);
	do {
		r = resolve_pte(q);
	} while (r == -EAGAIN && !(q->flags & KVM_PFN_NOWAIT) && !fatal_signal_pending(current));
	mmap_read_unlock(mm);
	mmput(mm);
	return r;
}

int kvm_pfn_get(struct kvm *kvm, const struct kvm_slot *slot, gfn_t gfn, unsigned int flags,
		struct kvm_pfn *out)
{
	struct pfn_req q = { .kvm = kvm, .flags = flags, .out = out };
	int r;

	if (!kvm_slot_visible(slot) || gfn - slot->base_gfn >= slot->npages)
		return -ENOENT;
	q.hva = kvm_slot_hva(slot, gfn);
	q.slot_writable = !(slot->flags & KVM_MEM_READONLY);
	if (asks_write(&q) && !q.slot_writable)
		return -EROFS;

	r = resolve_fast(&q);
	if (!r || flags & KVM_PFN_ATOMIC)
		return r;
	r = resolve_slow(&q);
	if (r == -EFAULT)
		r = resolve_pfnmap(&q);
	return r;
}
EXPORT_SYMBOL_GPL(kvm_pfn_get);

void kvm_pfn_put(const struct kvm_pfn *p, bool dirty)
{
	if (!p->page)
		return;
	if (dirty)
		kvm_pfn_set_dirty(p->pfn);
	put_page(p->page);
}
EXPORT_SYMBOL_GPL(kvm_pfn_put);

/*
 * The page of @pfn if the host keeps account of its use: not the zero page, not a hole, not device
 * memory.
 */
static struct page *tracked_page(kvm_pfn_t pfn)
{
	struct page *page;

	if (!pfn_valid(pfn) || is_zero_pfn(pfn))
		return NULL;
	page = pfn_to_page(pfn);
	return PageReserved(page) ? NULL : page;
}

/*
 * The bit alone, with no word to the file system: it was told when the page was made writable in
 * the VMM's page tables, and will be asked before it becomes clean, which is a round of the MMU
 * notifier.
 */
void kvm_pfn_set_dirty(kvm_pfn_t pfn)
{
	struct page *page = tracked_page(pfn);

	if (page)
		SetPageDirty(page);
}
EXPORT_SYMBOL_GPL(kvm_pfn_set_dirty);

void kvm_pfn_set_accessed(kvm_pfn_t pfn)
{
	struct page *page = tracked_page(pfn);

	if (page)
		mark_page_accessed(page);
}
EXPORT_SYMBOL_GPL(kvm_pfn_set_accessed);

bool kvm_pfn_is_device(kvm_pfn_t pfn)
{
	if (pfn_valid(pfn))
		return !is_zero_pfn(pfn) && PageReserved(pfn_to_page(pfn));
	return !page_is_ram(pfn);
}
EXPORT_SYMBOL_GPL(kvm_pfn_is_device);
