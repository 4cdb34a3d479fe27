/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Words that every room uses: address arithmetic, outcomes, and the objects' names.
 *
 * Addresses: gva (guest virtual), gpa (guest physical, bytes), gfn (gpa >> PAGE_SHIFT), hva (the VMM's virtual
 * address), pfn (host frame number). The typedefs come from <linux/kvm_types.h>.
 */
#ifndef KVM_TYPES_H
#define KVM_TYPES_H

#include <linux/kvm_types.h>
#include <linux/mm.h>
#include <kvm/compat.h>

struct kvm_slot;
struct kvm_slots;
struct kvm_irq_route;

/* SMM guests see a second address space; an architecture without one uses only number 0. */
#define KVM_ADDRESS_SPACES	2

/*
 * What an exit handler, and every function on the way from it, answers. A negative errno ends KVM_RUN with that
 * error; kvm_run is then not filled in.
 */
enum kvm_outcome {
	EXIT_TO_USER	= 0,	/* kvm_run is filled in: return 0 from KVM_RUN */
	EXIT_RESUME	= 1,	/* handled: enter the guest again */
};

#define INVALID_GPA	(~(gpa_t)0)

/* Frames to bytes and back, on the guest's side and on the host's. */
static inline gpa_t gfn_to_gpa(gfn_t gfn)	{ return gfn << PAGE_SHIFT; }
static inline gfn_t gpa_to_gfn(gpa_t gpa)	{ return gpa >> PAGE_SHIFT; }
static inline hpa_t pfn_to_hpa(kvm_pfn_t pfn)	{ return pfn << PAGE_SHIFT; }

#endif /* KVM_TYPES_H */
