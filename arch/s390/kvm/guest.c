// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest storage as the guest's CPU addresses it: logical address -> (dynamic address translation)
 * -> real address -> (prefixing) -> absolute address, which is the gpa of the slots.
 *
 * Each exception that the architecture knows on this way is told by its program-interruption code
 * and details, so that the caller can give it to the guest. The order is PoP's: low-address
 * protection, then translation from the top table down, then protection, then addressing. Table
 * entries are read once.
 */
#include <linux/sched.h>
#include <asm/lowcore.h>
#include <asm/switch_to.h>

#include "s390.h"

#define CR0_EDAT	BIT_ULL(23)		/* bit 40: enhanced DAT */
#define CR0_LOW_PROT	BIT_ULL(28)		/* bit 35: low-address protection */

/* Address-space-control element and table entries (PoP 3, dynamic address translation). */
#define ASCE_ORIGIN	(~0xfffULL)
#define ASCE_PRIVATE	0x100
#define ASCE_REAL	0x020
#define ASCE_TYPE	0x00c
#define ENTRY_ORIGIN	(~0xfffULL)
#define ENTRY_FRAME	0x400			/* format control: a frame, no table */
#define ENTRY_PROTECT	0x200
#define ENTRY_INVALID	0x020
#define ENTRY_TYPE	0x00c
#define ENTRY_COMMON	0x010
#define TABLE_ORIGIN	(~0x7ffULL)		/* of a page table, in a segment entry */
#define PTE_INVALID	0x400
#define PTE_PROTECT	0x200
#define PTE_ZERO	0x800

/* Bits of a translation-exception identification (PoP 3, assigned storage locations, real 168) */
#define TEID_PROT_DAT	0x004		/* which protection: bits 56, 60 and 61 */
#define TEID_PROT_KEY	0x008
#define TEID_PROT_LIST	0x00c
#define TEID_PROT_LOW	0x080
#define TEID_STORE	0x400
#define TEID_FETCH	0x800

/* Addresses are as long as the addressing mode says (PoP 5). */
u64 s390_wrap(const struct s390_vcpu *v, u64 addr)
{
	if (v->sie->psw.mask & PSW_MASK_EA)
		return addr;
	return addr & (v->sie->psw.mask & PSW_MASK_BA ? 0x7fffffff : 0xffffff);
}

/* The first 8 KB and the prefix area change places (PoP 3, prefixing). */
gpa_t s390_real_to_abs(const struct s390_vcpu *v, gpa_t real)
{
	u32 prefix = s390_prefix(v);

	if (real < 2 * PAGE_SIZE)
		return real + prefix;
	if (real - prefix < 2 * PAGE_SIZE)
		return real - prefix;
	return real;
}

/*
 * An access to real or absolute storage that the host made for the guest: what its failure means.
 */
static int outcome(int r)
{
	return r == -ENOENT ? PGM_ADDRESSING : r;
}

int s390_read_real(struct s390_vcpu *v, gpa_t real, void *buf, unsigned long len)
{
	return outcome(kvm_read_guest(v->vcpu.kvm, s390_real_to_abs(v, real), buf, len));
}

int s390_write_real(struct s390_vcpu *v, gpa_t real, const void *buf, unsigned long len)
{
	return outcome(kvm_write_guest(v->vcpu.kvm, s390_real_to_abs(v, real), buf, len));
}

/* One translation on its way. */
struct walk {
	struct s390_vcpu	*v;
	u64			addr;
	u64			asce;
	/* as in a TEID: 0 primary, 1 access register, 2 secondary, 3 home */
	u8			asce_id;
	bool			fetch_only;	/* by the access list */
	bool			protected;	/* by any entry on the way */
	u64			prot;		/* TEID_PROT_* of the exception */
};

/*
 * What access registers hold: 0 and 1 name the primary and the secondary space, the rest entries of
 * access lists. Register 0 counts as 0.
 */
static int ar_space(struct s390_vcpu *v, u8 ar, struct walk *w)
{
	u32 alet;

	if (v->host.saved)
		save_access_regs(v->acrs);
	alet = ar ? v->acrs[ar] : 0;
	if (alet > 1)
		return s390_art(v, alet, &w->asce, &w->fetch_only);
	w->asce = v->sie->cr[alet ? 7 : 1];
	return 0;
}

static int choose_space(const struct s390_access *a, struct walk *w)
{
	struct s390_vcpu *v = w->v;
	u64 mode = v->sie->psw.mask & PSW_MASK_ASC;

	if (a->asce & ACCESS_TEID)
		mode = (u64)(a->asce & 3) << 46;
	/*
	 * instructions come from the primary space, but in home mode from there (PoP 3, translation
	 * modes)
	 */
	else if (a->fetch && mode != PSW_ASC_HOME)
		mode = PSW_ASC_PRIMARY;
	w->asce_id = mode >> 46;
	switch (mode) {
	case PSW_ASC_PRIMARY:
		w->asce = v->sie->cr[1];
		return 0;
	case PSW_ASC_SECONDARY:
		w->asce = v->sie->cr[7];
		return 0;
	case PSW_ASC_HOME:
		w->asce = v->sie->cr[13];
		return 0;
	default:
		return ar_space(v, a->ar, w);
	}
}

/* The code of a translation that ends at the table of @level: 4 region first, ... 1 segment. */
static int invalid_at(unsigned int level)
{
	static const u8 codes[] = {
		PGM_PAGE, PGM_SEGMENT, PGM_REGION_THIRD, PGM_REGION_SECOND, PGM_REGION_FIRST,
	};

	return codes[level];
}

static int read_entry(struct walk *w, u64 at, u64 *entry)
{
	return outcome(kvm_read_guest(w->v->vcpu.kvm, at, entry, sizeof(*entry)));
}

static bool edat(const struct walk *w, unsigned int nr)
{
	return w->v->sie->cr[0] & CR0_EDAT && s390_facility(vm_of(w->v), nr);
}

/* A frame of 1 MB or 2 GB, where enhanced DAT allows it. */
static bool is_frame(const struct walk *w, unsigned int level, u64 entry)
{
	return entry & ENTRY_FRAME && ((level == 1 && edat(w, 8)) || (level == 2 && edat(w, 78)));
}

static int walk_page(struct walk *w, u64 segment, gpa_t *real)
{
	u64 pte;
	int r;

	r = read_entry(w, (segment & TABLE_ORIGIN) + ((w->addr >> PAGE_SHIFT) & 0xff) * 8, &pte);
	if (r)
		return r;
	if (pte & PTE_INVALID)
		return PGM_PAGE;
	if (pte & PTE_ZERO)
		return PGM_TRANSLATION;
	w->protected |= pte & PTE_PROTECT;
	*real = (pte & PAGE_MASK) | (w->addr & ~PAGE_MASK);
	return 0;
}

/* Is the index within the part of the table that is there? In units of 512 entries. */
static bool in_table(u64 index, unsigned int first, unsigned int last)
{
	return index >> 9 >= first && index >> 9 <= last;
}

/*
 * From the table of @level at @origin down. The last two bits of an ASCE or region entry are the
 * next table's length, bits 56 and 57 its offset.
 */
static int walk_tables(struct walk *w, unsigned int level, gpa_t *real)
{
	u64 entry = w->asce, origin = w->asce & ASCE_ORIGIN, index;
	unsigned int first = 0, last = entry & 3, shift;
	int r;

	for (;; level--) {
		/* a segment is 1 MB, each region 2048 of the next */
		shift = 9 + 11 * level;
		index = (w->addr >> shift) & 0x7ff;
		if (!in_table(index, first, last))
			return invalid_at(level);
		r = read_entry(w, origin + index * 8, &entry);
		if (r)
			return r;
		if (entry & ENTRY_INVALID)
			return invalid_at(level);
		if ((entry & ENTRY_TYPE) >> 2 != level - 1)
			return PGM_TRANSLATION;
		if ((level == 1 || is_frame(w, level, entry)) && entry & ENTRY_COMMON &&
		    w->asce & ASCE_PRIVATE)
			return PGM_TRANSLATION;
		if (level == 1 || edat(w, 8))
			w->protected |= entry & ENTRY_PROTECT;
		if (is_frame(w, level, entry)) {
			*real = (entry & ~(BIT_ULL(shift) - 1)) | (w->addr & (BIT_ULL(shift) - 1));
			return 0;
		}
		if (level == 1)
			return walk_page(w, entry, real);
		origin = entry & ENTRY_ORIGIN;
		first = (entry >> 6) & 3;
		last = entry & 3;
	}
}

static int walk(struct walk *w, gpa_t *real)
{
	unsigned int level = ((w->asce & ASCE_TYPE) >> 2) + 1;

	if (w->asce & ASCE_REAL) {
		*real = w->addr;
		return 0;
	}
	/* an address beyond what the top table can name */
	if (level < 4 && w->addr >> (20 + 11 * level))
		return PGM_ASCE_TYPE;
	return walk_tables(w, level, real);
}

/* What the guest is told with @code; PoP 6. */
static int fail(const struct s390_access *a, const struct walk *w, int code,
		struct kvm_s390_pgm_info *pgm)
{
	*pgm = (struct kvm_s390_pgm_info){ .code = code };
	if (code <= 0 || code == PGM_ADDRESSING || code == PGM_TRANSLATION)
		return code;
	pgm->trans_exc_code = (w->addr & PAGE_MASK) | w->asce_id;
	pgm->trans_exc_code |= a->write ? TEID_STORE : TEID_FETCH;
	if (code == PGM_PROTECTION)
		pgm->trans_exc_code |= w->prot;
	pgm->exc_access_id = w->asce_id == 1 ? a->ar : 0;
	return code;
}

/*
 * Bytes 0-511 and 4096-4607 may not be stored to, if the guest says so and the space is no private
 * one (PoP 3).
 */
static bool low_protected(const struct walk *w, bool dat)
{
	if (!(w->v->sie->cr[0] & CR0_LOW_PROT) || (dat && w->asce & ASCE_PRIVATE))
		return false;
	return !(w->addr & ~0x11ffULL);
}

#define CR0_FETCH_OVERRIDE	BIT_ULL(25)	/* bit 38: of the first 2 KB */
#define FETCH_OVERRIDE_END	2048UL
#define CR0_STORE_OVERRIDE	BIT_ULL(24)	/* bit 39: of pages with key 9 */

static int protection(struct walk *w, u64 prot)
{
	w->prot = prot;
	return PGM_PROTECTION;
}

/* Key-controlled protection, and what overrides it (PoP 3). */
static int check_key(const struct s390_access *a, struct walk *w, bool dat, gpa_t abs)
{
	u64 cr0 = w->v->sie->cr[0];
	u8 key;
	int r;

	r = outcome(s390_key_at(w->v->vcpu.kvm, abs, &key));
	if (r || s390_key_fits(key, a->key, a->write))
		return r;
	if (cr0 & CR0_STORE_OVERRIDE && key >> 4 == 9)
		return 0;
	if (!a->write && cr0 & CR0_FETCH_OVERRIDE && w->addr < FETCH_OVERRIDE_END &&
	    !(dat && w->asce & ASCE_PRIVATE))
		return 0;
	return protection(w, TEID_PROT_KEY);
}

/**
 * s390_translate - a logical address to an absolute one
 * @v: whose PSW and control registers count
 * @a: the access
 * @abs: filled in with 0
 * @pgm: filled in with a code
 *
 * Context: kvm->srcu held; sleeps; in KVM_RUN or not. Return: 0, a program-interruption code,
 * -EFAULT.
 */
int s390_translate(struct s390_vcpu *v, const struct s390_access *a, gpa_t *abs,
		   struct kvm_s390_pgm_info *pgm)
{
	struct walk w = { .v = v, .addr = s390_wrap(v, a->addr) };
	bool dat = v->sie->psw.mask & PSW_MASK_DAT;
	gpa_t real = w.addr;
	int r = 0;

	if (dat)
		r = choose_space(a, &w);
	if (!r && a->write && low_protected(&w, dat))
		r = protection(&w, TEID_PROT_LOW);
	if (!r && dat) {
		s390_walk_begin(vm_of(v));
		r = walk(&w, &real);
		s390_walk_end(vm_of(v));
	}
	if (!r && a->write && w.fetch_only)
		r = protection(&w, TEID_PROT_LIST);
	if (!r && a->write && w.protected)
		r = protection(&w, TEID_PROT_DAT);
	if (!r && a->keyed && a->key)
		r = check_key(a, &w, dat, s390_real_to_abs(v, real));
	if (r)
		return fail(a, &w, r, pgm);
	*abs = s390_real_to_abs(v, real);
	return 0;
}

/* Call @fn for each part of one page, and one protection, of [addr, addr + len). */
static int each_page(struct s390_vcpu *v, const struct s390_access *a, void *buf, unsigned long len,
		     struct kvm_s390_pgm_info *pgm,
		     int (*fn)(struct kvm *kvm, gpa_t abs, void *buf, unsigned long n, bool write))
{
	struct s390_access part = *a;
	unsigned long n;
	gpa_t abs;
	int r;

	for (; len; len -= n, part.addr += n, buf += buf ? n : 0) {
		part.addr = s390_wrap(v, part.addr);
		n = min(len, PAGE_SIZE - (part.addr & ~PAGE_MASK));
		if (part.addr < FETCH_OVERRIDE_END)
			n = min(n, FETCH_OVERRIDE_END - (unsigned long)part.addr);
		r = s390_translate(v, &part, &abs, pgm);
		if (r)
			return r;
		r = outcome(fn(v->vcpu.kvm, abs, buf, n, a->write));
		if (r > 0)
			*pgm = (struct kvm_s390_pgm_info){ .code = r };
		if (r)
			return r;
	}
	return 0;
}

static int look(struct kvm *kvm, gpa_t abs, void *buf, unsigned long n, bool write)
{
	return kvm_slot_visible(kvm_slot_find(kvm, gpa_to_gfn(abs))) ? 0 : -ENOENT;
}

static int copy(struct kvm *kvm, gpa_t abs, void *buf, unsigned long n, bool write)
{
	return write ? kvm_write_guest(kvm, abs, buf, n) : kvm_read_guest(kvm, abs, buf, n);
}

/* Would the access be let through? As s390_guest_access() without copying. */
int s390_check_access(struct s390_vcpu *v, const struct s390_access *a, unsigned long len,
		      struct kvm_s390_pgm_info *pgm)
{
	return each_page(v, a, NULL, len, pgm, look);
}

/* The store is an instruction's that we execute: PER may want to hear of it. */
static void record_store(struct s390_vcpu *v, const struct s390_access *a, unsigned long len)
{
	struct walk w = { .v = v };

	if (v->sie->psw.mask & PSW_MASK_DAT && choose_space(a, &w))
		return;
	s390_per_store(v, s390_wrap(v, a->addr), len, w.asce, w.asce_id, a->ar);
}

/**
 * s390_guest_access - read or write at a logical address
 * @v: as of s390_translate()
 * @a: as of s390_translate()
 * @buf: in the kernel
 * @len: may go over pages; all of it is translated before anything is written
 * @pgm: as of s390_translate()
 *
 * Context and return: as s390_translate().
 */
int s390_guest_access(struct s390_vcpu *v, const struct s390_access *a, void *buf,
		      unsigned long len,
		      struct kvm_s390_pgm_info *pgm)
{
	bool dat = v->sie->psw.mask & PSW_MASK_DAT;
	int r;

	/* what was translated stays so until it has been copied */
	if (dat)
		s390_walk_begin(vm_of(v));
	r = a->write ? s390_check_access(v, a, len, pgm) : 0;
	if (!r)
		r = each_page(v, a, buf, len, pgm, copy);
	if (dat)
		s390_walk_end(vm_of(v));
	if (!r && unlikely(a->write && v->per.insn))
		record_store(v, a, len);
	return r;
}

/* One byte of an instruction. Return: not 0 when the guest could not have fetched it. */
int s390_fetch_byte(struct s390_vcpu *v, u64 addr, u8 *byte)
{
	const struct s390_access a = { .addr = addr, .fetch = true };
	struct kvm_s390_pgm_info pgm;

	return s390_guest_access(v, &a, byte, 1, &pgm);
}
