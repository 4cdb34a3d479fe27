/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The MMU room: how guest physical memory becomes host memory for the hardware, and how the host
 * walks the guest's own page tables.
 *
 * With two-dimensional paging (NPT, EPT) the hardware walks a table of ours from gpa to hpa: the
 * "direct" or TDP MMU (mmu/tdp*.c). Faults of several vCPUs install entries in parallel under
 * mmu_lock held for read, by cmpxchg; tables are freed after RCU. Zapping holds it for write.
 * Documentation/mmu.md has the protocol.
 */
#ifndef KVM_X86_MMU_H
#define KVM_X86_MMU_H

#include <linux/workqueue.h>
#include <kvm/memslot.h>
#include <kvm/vcpu.h>
#include "../exception.h"
#include "tdp_config.h"

/* Access of a fault or a walk; the bits of an x86 page-fault error code (SDM vol 3, 4.7). */
#define ACC_PRESENT	BIT(0)
#define ACC_WRITE	BIT(1)
#define ACC_USER	BIT(2)
#define ACC_RSVD	BIT(3)
#define ACC_FETCH	BIT(4)
#define ACC_PK		BIT(5)
#define ACC_IMPLICIT	BIT(31)		/* supervisor, whatever CPL and AC: descriptor tables */

/*
 * Everything that the shape of a translation depends on. Two roots with equal roles and gfns are
 * interchangeable.
 */
union mmu_role {
	u64 word;
	struct {
		u32 level:4;
		u32 direct:1;
		u32 smm:1;
		u32 guest_mode:1;
		u32 ad_disabled:1;
		u32 invalid:1;
		/* of the guest's own paging, for its walker */
		u32 paging:1;
		u32 guest_levels:3;	/* 0 no paging, 2, 3, 4, 5 */
		u32 cr0_wp:1;
		u32 cr4_pse:1;
		u32 cr4_smep:1;
		u32 cr4_smap:1;
		u32 cr4_pke:1;
		u32 efer_nx:1;
		u32 efer_lma:1;
	};
};

struct mmu_page;	/* one table of ours: mmu/ knows its layout */

struct x86_mmu_vm {
	struct list_head	roots;		/* of the direct MMU; read under mmu_lock and RCU */
	spinlock_t		roots_lock;	/* changes of roots; innermost */
	atomic64_t		tables;		/* linked: of all roots together */
	unsigned int		logging;	/* slots that log; slots_lock */
	struct page		*apic_page;	/* apic_page.c; NULL: none */
	unsigned int		apic_hidden;	/* reasons not to map it; mmu_lock */
	struct {
		spinlock_t		lock;		/* innermost */
		struct list_head	tables;		/* there for a fetch, oldest first; lock */
		struct delayed_work	recovery;
		bool			off;		/* set before the first vCPU */
	} nx;
	bool			list_writes;	/* vCPUs shall; written under slots_lock */
	bool			lists_writes;	/* each does; written under slots_lock */
};

#define MMU_CACHE_SIZE	16
struct mmu_cache {
	unsigned int	n;
	void		*objects[MMU_CACHE_SIZE];
};

/* The last walk for code, as what it has read: fetch.c. */
struct mmu_code {
	u64		generation;	/* of the slots that hva comes from; 0: nothing known */
	gva_t		page;
	u32		access;
	unsigned int	n;
	u64		cr3, efer;
	unsigned long	cr0, cr4;
	hva_t		hva;		/* where the page is */
	struct {
		const u64 __user	*hva;
		u64			value;
	} entries[5];
};

struct x86_mmu {
	union mmu_role	role;		/* current */
	hpa_t		root;		/* INVALID_PAGE when none is loaded */
	struct mmu_page	*root_page;
	struct mmu_cache tables;	/* unused ones; filled up before mmu_lock is taken */
	u64		pdptrs[4];	/* PAE: as loaded by MOV CR3 (SDM vol 3, 4.4.1) */
	/* The last MMIO access's translation, so that the emulator need not walk again (mmio.c) */
	u64		mmio_gen;
	gva_t		mmio_gva;
	gfn_t		mmio_gfn;
	unsigned int	mmio_access;
	struct mmu_code	code[2];
};

#define INVALID_PAGE	(~(hpa_t)0)

void mmu_configure(const struct mmu_tdp_config *c);

int mmu_module_init(void);
void mmu_module_exit(void);
int mmu_vm_init(struct kvm *kvm);
void mmu_vm_destroy(struct kvm *kvm);
int mmu_vcpu_create(struct kvm_vcpu *vcpu);
void mmu_vcpu_destroy(struct kvm_vcpu *vcpu);

/* CR0, CR4, EFER or CPUID changed: the role is made anew, the root kept if it still fits. */
void mmu_reset(struct kvm_vcpu *vcpu);
/* Make sure that a root is loaded and told to the backend; before each entry. 0 or -ENOMEM. */
int mmu_load(struct kvm_vcpu *vcpu);
void mmu_unload(struct kvm_vcpu *vcpu);
static inline bool mmu_has_root(const struct x86_mmu *mmu)
{
	return mmu->root != INVALID_PAGE;
}

/* A second-level fault, decoded by the backend. */
struct mmu_fault {
	gpa_t		gpa;
	u32		access;		/* ACC_*; ACC_PRESENT: an entry was there and forbade it */
	bool		on_guest_table;	/* hardware walked the guest's tables (NPT: bit 33) */
	u32		event;		/* that was being delivered, as the hardware says; or 0 */
	bool		has_gva;
	gva_t		gva;
	const u8	*insn;		/* bytes that the hardware has fetched, or NULL */
	unsigned int	insn_len;
};

/**
 * mmu_fault - resolve a second-level page fault, or hand the access to the emulator
 *
 * Context: vCPU loaded, srcu held, interrupts on; sleeps.
 * Return: enum kvm_outcome or a negative errno (-EFAULT: the VMM's memory is gone).
 */
int mmu_fault(struct kvm_vcpu *vcpu, const struct mmu_fault *fault);

/**
 * mmu_gva_to_gpa - walk the guest's page tables as the CPU would
 * @access: ACC_WRITE, ACC_FETCH, ACC_USER, ACC_IMPLICIT: of the access; the guest's CR0.WP, SMEP,
 * SMAP, NX, PKU rule
 * @e: filled in with the #PF when the guest's tables forbid the access
 *
 * Sets accessed and dirty bits as hardware does. Context: srcu held; sleeps.
 * Return: gpa, or INVALID_GPA with *@e filled in. With e->host_error that is no exception of the
 * guest: the VMM's memory behind its tables is not there.
 */
gpa_t mmu_gva_to_gpa(struct kvm_vcpu *vcpu, gva_t gva, u32 access, struct x86_exception *e);

/**
 * mmu_fetch - code bytes for the emulator
 * @linear: their address; they cross no page
 * @access: ACC_FETCH, and ACC_USER
 * @len: 15 at most
 *
 * Context: srcu held; sleeps.
 * Return: 0; -EACCES with *@e filled in: the guest's tables forbid it; else what
 * kvm_vcpu_read_guest() says.
 */
int mmu_fetch(struct kvm_vcpu *vcpu, gva_t linear, u32 access, void *buf, unsigned int len,
	      struct x86_exception *e);
void mmu_code_forget(struct kvm_vcpu *vcpu);

/*
 * The PDPTEs that @cr3 points to (PAE). read: as they stand in memory; false when there is none.
 * load: and check them; false when a reserved bit is set, too.
 */
static inline bool mmu_read_pdptrs(struct kvm_vcpu *vcpu, unsigned long cr3, u64 pdptrs[4])
{
	return !kvm_vcpu_read_guest(vcpu, cr3 & GENMASK(31, 5), pdptrs, 4 * sizeof(*pdptrs));
}

bool mmu_load_pdptrs(struct kvm_vcpu *vcpu, unsigned long cr3);
void mmu_put_pdptrs(struct kvm_vcpu *vcpu, const u64 *pdptrs);

/* Did the access to @gva end in MMIO at a known gpa last time? */
bool mmu_mmio_match_gva(struct kvm_vcpu *vcpu, gva_t gva, u32 access, gpa_t *gpa);
bool mmu_mmio_match_gpa(struct kvm_vcpu *vcpu, gpa_t gpa);
void mmu_mmio_remember(struct kvm_vcpu *vcpu, gva_t gva, gfn_t gfn, u32 access);
void mmu_mmio_forget(struct kvm_vcpu *vcpu);

/* The guest runs INVLPG through us. */
void mmu_invlpg(struct kvm_vcpu *vcpu, gva_t gva);

/* Core's slot and notifier ops, as in struct kvm_arch_ops. */
int mmu_slot_prepare(struct kvm *kvm, const struct kvm_slot *old, struct kvm_slot *new,
		     enum kvm_slot_change change);
void mmu_slot_commit(struct kvm *kvm, const struct kvm_slot *old, const struct kvm_slot *new,
		     enum kvm_slot_change change);
void mmu_slot_free(struct kvm *kvm, struct kvm_slot *slot);
void mmu_slot_flush(struct kvm *kvm, const struct kvm_slot *slot);
void mmu_flush_all(struct kvm *kvm);
bool mmu_unmap(struct kvm *kvm, const struct kvm_gfn_range *range);
bool mmu_age(struct kvm *kvm, const struct kvm_gfn_range *range);
bool mmu_test_age(struct kvm *kvm, const struct kvm_gfn_range *range);
void mmu_protect_dirty(struct kvm *kvm, const struct kvm_slot *slot, gfn_t base,
			unsigned long mask);
void mmu_sync_dirty(struct kvm *kvm, const struct kvm_slot *slot);

/* nx_huge.c */
int mmu_nx_disable(struct kvm *kvm, struct kvm_enable_cap *cap);
void mmu_nx_vm_release(struct kvm *kvm);

/* apic_page.c */
hpa_t mmu_apic_page(struct kvm *kvm);
void mmu_apic_page_hide(struct kvm *kvm, bool hide);

/* The hardware has listed a write (tdp_dirty.c): it goes to the log. srcu held. */
void mmu_write_listed(struct kvm_vcpu *vcpu, gpa_t gpa);
static inline bool mmu_lists_writes(const struct x86_mmu_vm *m)
{
	return READ_ONCE(m->list_writes);
}

#endif /* KVM_X86_MMU_H */
