// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host reads and writes guest memory.
 *
 * A guest address is turned into the VMM's address of the same byte, and the copy is an ordinary
 * user copy in the VMM's mm: swapping, copy-on-write, userfaultfd and hardware poison are the
 * host's affair. The copy goes slot by slot, for within a slot host addresses follow each other as
 * guest addresses do.
 *
 * What is written is marked dirty after the copy, so a report that misses the mark is followed by
 * one that has it; and also when the copy fails, since a part may have been written.
 */
#include <linux/highmem.h>
#include <linux/io.h>
#include <linux/uaccess.h>

#include "core.h"
#include "slot_index.h"

enum guest_op {
	GUEST_READ,
	GUEST_WRITE,
	GUEST_CLEAR,
};

/* A stretch of guest memory that is one stretch of host addresses as well. */
struct span {
	struct kvm_slot	*slot;
	hva_t		hva;
	unsigned long	len;
};

/* The slot that has @gfn and may be used so, or NULL. */
static struct kvm_slot *usable_slot(struct kvm_slots *slots, gfn_t gfn, bool write)
{
	struct kvm_slot *slot = kvm_slots_find(slots, gfn);

	if (!kvm_slot_visible(slot) || (write && slot->flags & KVM_MEM_READONLY))
		return NULL;
	return slot;
}

/* The longest span from @gpa on, no longer than @len. */
static int find_span(struct kvm_slots *slots, gpa_t gpa, unsigned long len, bool write,
		     struct span *span)
{
	gpa_t left;

	span->slot = usable_slot(slots, gpa_to_gfn(gpa), write);
	if (!span->slot)
		return -ENOENT;
	left = gfn_to_gpa(slot_gfn_end(span->slot)) - gpa;
	span->hva = kvm_slot_hva(span->slot, gpa_to_gfn(gpa)) + offset_in_page(gpa);
	span->len = min_t(u64, len, left);
	return 0;
}

static void mark_dirty(struct kvm *kvm, const struct kvm_slot *slot, gpa_t gpa, unsigned long len)
{
	gfn_t gfn = gpa_to_gfn(gpa), last = gpa_to_gfn(gpa + len - 1);

	for (; gfn <= last; gfn++)
		kvm_mark_dirty(kvm, slot, gfn);
}

/* What was not copied, in bytes. */
static unsigned long copy_span(const struct span *span, void *buf, enum guest_op op)
{
	void __user *user = (void __user *)span->hva;

	switch (op) {
	case GUEST_READ:
		return copy_from_user(buf, user, span->len);
	case GUEST_WRITE:
		return copy_to_user(user, buf, span->len);
	default:
		return clear_user(user, span->len);
	}
}

static int access_guest(struct kvm *kvm, struct kvm_slots *slots, gpa_t gpa, void *buf,
			unsigned long len, enum guest_op op)
{
	bool write = op != GUEST_READ;
	unsigned long missing;
	struct span span;

	if (gpa + len < gpa)
		return -ENOENT;
	for (; len; gpa += span.len, len -= span.len) {
		if (find_span(slots, gpa, len, write, &span))
			return -ENOENT;
		missing = copy_span(&span, buf, op);
		if (write)
			mark_dirty(kvm, span.slot, gpa, span.len);
		if (missing)
			return -EFAULT;
		if (buf)
			buf += span.len;
	}
	return 0;
}

int kvm_read_guest(struct kvm *kvm, gpa_t gpa, void *buf, unsigned long len)
{
	return access_guest(kvm, kvm_slots(kvm, 0), gpa, buf, len, GUEST_READ);
}
EXPORT_SYMBOL_GPL(kvm_read_guest);

int kvm_write_guest(struct kvm *kvm, gpa_t gpa, const void *buf, unsigned long len)
{
	return access_guest(kvm, kvm_slots(kvm, 0), gpa, (void *)buf, len, GUEST_WRITE);
}
EXPORT_SYMBOL_GPL(kvm_write_guest);

int kvm_clear_guest(struct kvm *kvm, gpa_t gpa, unsigned long len)
{
	return access_guest(kvm, kvm_slots(kvm, 0), gpa, NULL, len, GUEST_CLEAR);
}
EXPORT_SYMBOL_GPL(kvm_clear_guest);

static struct kvm_slots *vcpu_slots(struct kvm_vcpu *vcpu)
{
	return kvm_slots(vcpu->kvm, vcpu->as_id);
}

int kvm_vcpu_read_guest(struct kvm_vcpu *vcpu, gpa_t gpa, void *buf, unsigned long len)
{
	return access_guest(vcpu->kvm, vcpu_slots(vcpu), gpa, buf, len, GUEST_READ);
}
EXPORT_SYMBOL_GPL(kvm_vcpu_read_guest);

int kvm_vcpu_write_guest(struct kvm_vcpu *vcpu, gpa_t gpa, const void *buf, unsigned long len)
{
	return access_guest(vcpu->kvm, vcpu_slots(vcpu), gpa, (void *)buf, len, GUEST_WRITE);
}
EXPORT_SYMBOL_GPL(kvm_vcpu_write_guest);

int kvm_vcpu_read_guest_atomic(struct kvm_vcpu *vcpu, gpa_t gpa, void *buf, unsigned long len)
{
	struct span span;

	if (offset_in_page(gpa) + len > PAGE_SIZE)
		return -EFAULT;
	if (find_span(vcpu_slots(vcpu), gpa, len, false, &span))
		return -EFAULT;
	return copy_from_user_nofault(buf, (void __user *)span.hva, len) ? -EFAULT : 0;
}
EXPORT_SYMBOL_GPL(kvm_vcpu_read_guest_atomic);

hva_t kvm_vcpu_gfn_to_hva(struct kvm_vcpu *vcpu, gfn_t gfn, bool *writable)
{
	struct kvm_slot *slot = usable_slot(vcpu_slots(vcpu), gfn, false);

	if (writable)
		*writable = slot && !(slot->flags & KVM_MEM_READONLY);
	return slot ? kvm_slot_hva(slot, gfn) : KVM_HVA_ERROR;
}
EXPORT_SYMBOL_GPL(kvm_vcpu_gfn_to_hva);

/*
 * Caches. A table's number is read through the same pointer as the lookup is made, so a cache whose
 * number is that of the current table has a slot of that table, which lives as long as the srcu
 * section. A number with KVM_SLOTS_CHANGING does not last, and such a cache is looked up again next
 * time.
 */
static int fill_cache(struct kvm_slots *slots, struct kvm_gpa_cache *c)
{
	struct span span;

	c->slot = NULL;
	c->generation = READ_ONCE(slots->generation);
	if (find_span(slots, c->gpa, c->len, false, &span) || span.len < c->len)
		return -EFAULT;
	c->hva = span.hva;
	c->slot = span.slot;
	return 0;
}

int kvm_gpa_cache_init(struct kvm *kvm, struct kvm_gpa_cache *c, gpa_t gpa, unsigned long len)
{
	c->slot = NULL;
	c->gpa = gpa;
	c->len = len;
	if (!len || gpa + len - 1 < gpa) {
		c->len = 0;
		return -EINVAL;
	}
	return fill_cache(kvm_slots(kvm, 0), c);
}
EXPORT_SYMBOL_GPL(kvm_gpa_cache_init);

/* Host address of [@offset, @offset + @len) of the cached place for an access, or KVM_HVA_ERROR. */
static hva_t use_cache(struct kvm *kvm, struct kvm_gpa_cache *c, unsigned int offset,
		       unsigned long len, bool write)
{
	struct kvm_slots *slots = kvm_slots(kvm, 0);
	u64 generation = READ_ONCE(slots->generation);

	if (WARN_ON_ONCE(offset > c->len || len > c->len - offset) || !c->len)
		return KVM_HVA_ERROR;
	if (c->generation != generation || generation & KVM_SLOTS_CHANGING)
		fill_cache(slots, c);
	if (!c->slot || (write && c->slot->flags & KVM_MEM_READONLY))
		return KVM_HVA_ERROR;
	return c->hva + offset;
}

int kvm_read_guest_cached(struct kvm *kvm, struct kvm_gpa_cache *c, unsigned int offset, void *buf,
			  unsigned long len)
{
	hva_t hva = use_cache(kvm, c, offset, len, false);

	if (hva == KVM_HVA_ERROR)
		return -ENOENT;
	return copy_from_user(buf, (void __user *)hva, len) ? -EFAULT : 0;
}
EXPORT_SYMBOL_GPL(kvm_read_guest_cached);

int kvm_write_guest_cached(struct kvm *kvm, struct kvm_gpa_cache *c, unsigned int offset,
			   const void *buf, unsigned long len)
{
	hva_t hva = use_cache(kvm, c, offset, len, true);
	unsigned long missing;

	if (hva == KVM_HVA_ERROR)
		return -ENOENT;
	missing = copy_to_user((void __user *)hva, buf, len);
	mark_dirty(kvm, c->slot, c->gpa + offset, len);
	return missing ? -EFAULT : 0;
}
EXPORT_SYMBOL_GPL(kvm_write_guest_cached);

/*
 * Maps. The kernel's own mapping is not one that the MMU notifier knows of, so it needs a page with
 * a reference. Memory that has no struct page at all (the host was booted with mem=) can be mapped
 * by its address: it is never given to anyone else. A frame of a driver's mapping that has one
 * cannot: it may be freed under us.
 */
static void *map_frame(const struct kvm_pfn *p)
{
	if (p->page)
		return kmap(p->page);
	if (pfn_valid(p->pfn) || !IS_ENABLED(CONFIG_HAS_IOMEM))
		return NULL;
	return memremap(pfn_to_hpa(p->pfn), PAGE_SIZE, MEMREMAP_WB);
}

int kvm_vcpu_map(struct kvm_vcpu *vcpu, gfn_t gfn, struct kvm_map *map)
{
	struct kvm_slot *slot = kvm_vcpu_slot_find(vcpu, gfn);
	int r = kvm_pfn_get(vcpu->kvm, slot, gfn, KVM_PFN_WRITE, &map->pfn);

	map->hva = NULL;
	if (r)
		return r;
	map->gfn = gfn;
	map->as_id = vcpu->as_id;
	map->hva = map_frame(&map->pfn);
	if (!map->hva) {
		kvm_pfn_put(&map->pfn, false);
		return -EFAULT;
	}
	return 0;
}
EXPORT_SYMBOL_GPL(kvm_vcpu_map);

/* The slot may have changed since: what was written is marked where the frame is now. */
void kvm_vcpu_unmap(struct kvm_vcpu *vcpu, struct kvm_map *map, bool dirty)
{
	struct kvm *kvm = vcpu->kvm;

	if (!map->hva)
		return;
	if (map->pfn.page)
		kunmap(map->pfn.page);
	else if (IS_ENABLED(CONFIG_HAS_IOMEM))
		memunmap(map->hva);
	map->hva = NULL;
	if (dirty) {
		kvm_mark_dirty(kvm, kvm_slots_find(kvm_slots(kvm, map->as_id), map->gfn), map->gfn);
		if (map->pfn.page)
			set_page_dirty_lock(map->pfn.page);
	}
	kvm_pfn_put(&map->pfn, false);
}
EXPORT_SYMBOL_GPL(kvm_vcpu_unmap);
