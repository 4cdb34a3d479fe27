/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the second-level tables of this machine are like.
 */
#ifndef KVM_X86_MMU_TDP_CONFIG_H
#define KVM_X86_MMU_TDP_CONFIG_H

#include <kvm/types.h>

/* What hardware setup tells the room, once. */
struct mmu_tdp_config {
	bool	enabled;
	u8	max_level;		/* 4 or 5: of our tables */
	u8	max_page_level;		/* largest mapping: 2 for 2M, 3 for 1G */
	bool	ept;			/* entry format */
	bool	ept_ad, ept_exec_only;
	bool	npt_nx;			/* the host's EFER.NX, which counts for nested tables too */
	bool	apic_page;		/* accesses to a LAPIC's registers: see apic_page.c */
	bool	lists_writes;		/* of entries whose dirty bit it sets: see tdp_dirty.c */
	u64	sme_mask;
};

#endif /* KVM_X86_MMU_TDP_CONFIG_H */
