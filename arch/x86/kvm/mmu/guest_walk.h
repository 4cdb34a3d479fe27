/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest's page tables, walked as the CPU walks them: plain C over two callbacks, so that unit
 * tests run it too.
 *
 * Formats: none, 32-bit (2 levels), PAE (3), long mode (4, 5). What decides is in struct
 * guest_paging; how guest memory is reached is the caller's. SDM vol 3, chapter 4; APM vol 2,
 * chapter 5.
 */
#ifndef KVM_X86_MMU_GUEST_WALK_H
#define KVM_X86_MMU_GUEST_WALK_H

#include "../emulate/shim.h"

/* The access; the lower ones are the bits of the error code of #PF (SDM vol 3, figure 4-12). */
#define WALK_PRESENT	0x1u
#define WALK_WRITE	0x2u
#define WALK_USER	0x4u
#define WALK_RSVD	0x8u
#define WALK_FETCH	0x10u
#define WALK_PK		0x20u
#define WALK_IMPLICIT	0x80000000u

struct guest_paging {
	u64	cr3;
	u64	pdptrs[4];		/* PAE: as the CPU has loaded them */
	u8	levels;			/* 0 no paging, 2, 3, 4, 5 */
	u8	maxphyaddr;
	bool	wp, pse, smep, smap, pke, nx;
	bool	ac;			/* EFLAGS.AC */
	bool	gb_pages;		/* CPUID: 1G pages */
	bool	amd;			/* reserves bit 8 of the top-level entries */
	u32	pkru;
};

/* What a callback says. */
enum guest_walk_io {
	WALK_IO_OK,
	WALK_IO_CHANGED,	/* set_bits: the entry is no longer what was read */
	WALK_IO_NONE,		/* no memory there; set_bits: or it cannot be written */
	WALK_IO_ERROR,		/* the host fails us: the walk says nothing of the guest */
};

struct guest_walk_ops {
	/* Read an entry of @size (4 or 8) bytes at @gpa, which is aligned to it. */
	enum guest_walk_io (*read)(void *ctx, u64 gpa, unsigned int size, u64 *entry);
	/* Atomically make it @new if it still is @old. */
	enum guest_walk_io (*set_bits)(void *ctx, u64 gpa, unsigned int size, u64 old, u64 new);
};

#define GUEST_WALK_MAX	5

struct guest_walk {
	/* The request */
	const struct guest_paging *p;
	const struct guest_walk_ops *ops;
	void	*ctx;			/* passed to ops */
	u64	va;			/* linear; canonical where the format has such */
	u32	access;			/* WALK_WRITE, WALK_FETCH, WALK_USER, WALK_IMPLICIT */

	/* The result */
	u64	gpa;			/* valid when the access is allowed, ... */
	u32	error_code;		/* ... and when it is not, ... */
	bool	host_error;		/* ... unless a callback gave WALK_IO_ERROR */
	int	level;			/* of the entry that maps, or that stopped the walk */

	/* On the way: the entries read, by level - 1, and their rights together */
	u64	entries[GUEST_WALK_MAX];
	u64	where[GUEST_WALK_MAX];
	bool	user, write, nx;
};

/**
 * guest_walk - translate a linear address
 * @w: the request is filled in; set_bits may be NULL: accessed and dirty bits then stay
 *
 * Bits are set when the access is allowed, as hardware does at the latest (SDM vol 3, 4.8). An
 * entry that another CPU changes meanwhile makes the walk begin anew; memory that cannot be written
 * keeps its bits.
 *
 * Return: true with w->gpa filled in, or false with w->error_code, or false with w->host_error.
 */
bool guest_walk(struct guest_walk *w);

/* May the CPU load these four entries (SDM vol 3, 4.4.1)? */
bool guest_pdptrs_valid(const u64 pdptrs[4], unsigned int maxphyaddr);

#endif /* KVM_X86_MMU_GUEST_WALK_H */
