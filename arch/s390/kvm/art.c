// SPDX-License-Identifier: GPL-2.0-only
/*
 * Access-register translation (PoP 5): from an access-list-entry token (ALET) to the address space
 * that it names.
 *
 * ALET -> (dispatchable-unit control table or primary ASTE: where the list is) -> access-list entry
 * (ALE) -> ASN-second-table entry (ASTE) -> address-space-control element. Each step has its
 * exception, and they are looked for in the order in which PoP 6 ranks them, which is that of the
 * steps. Everything lies in the guest's real storage, which its other CPUs may change meanwhile:
 * each entry is read once.
 */
#include "s390.h"

#define ALET_RESERVED	0xfe000000
#define ALET_PRIMARY	0x01000000		/* the list is the primary space's */
#define ALET_SEQUENCE	0x00ff0000
#define ALET_NUMBER	0x0000ffff

#define CR_TABLE_ORIGIN	0x7fffffc0		/* in control registers 2 and 5 */
#define DESIGNATION_AT	16			/* of the list, in both tables */
#define ALD_ORIGIN	0x7fffff80
#define ALD_LENGTH	0x7f			/* in units of 8 entries, less 1 */

struct ale {
	u32	word;		/* ALE_*, ALET_SEQUENCE */
	u32	unused;
	u32	aste;				/* its origin */
	u32	aste_sequence;
};

#define ALE_INVALID	0x80000000
#define ALE_FETCH_ONLY	0x02000000
#define ALE_PRIVATE	0x01000000
#define ALE_AUTHORITY	0x0000ffff
#define ALE_ASTE_ORIGIN	0x7fffffc0

struct aste {
	u32	word;				/* ASTE_*; origin of the authority table */
	u32	lengths;			/* ASTE_AT_LENGTH */
	u64	asce;
	u32	ald;
	u32	sequence;
};

#define ASTE_INVALID	0x80000000
#define ASTE_AT_ORIGIN	0x7ffffffc
/* in units of 4 bytes, less 1 */
#define ASTE_AT_LENGTH(aste)	(((aste)->lengths >> 4) & 0xfff)

static int find_entry(struct s390_vcpu *v, u32 alet, struct ale *ale)
{
	u64 table = v->sie->cr[alet & ALET_PRIMARY ? 5 : 2] & CR_TABLE_ORIGIN;
	unsigned int number = alet & ALET_NUMBER;
	u32 ald;
	int r;

	r = s390_read_real(v, table + DESIGNATION_AT, &ald, sizeof(ald));
	if (r)
		return r;
	if (number >> 3 > (ald & ALD_LENGTH))
		return PGM_ALEN;
	r = s390_read_real(v, (ald & ALD_ORIGIN) + number * sizeof(*ale), ale, sizeof(*ale));
	if (r)
		return r;
	if (ale->word & ALE_INVALID)
		return PGM_ALEN;
	return (ale->word ^ alet) & ALET_SEQUENCE ? PGM_ALE_SEQUENCE : 0;
}

static int find_space(struct s390_vcpu *v, const struct ale *ale, struct aste *aste)
{
	int r = s390_read_real(v, ale->aste & ALE_ASTE_ORIGIN, aste, sizeof(*aste));

	if (r)
		return r;
	if (aste->word & ASTE_INVALID)
		return PGM_ASTE_VALIDITY;
	return aste->sequence == ale->aste_sequence ? 0 : PGM_ASTE_SEQUENCE;
}

/*
 * A private entry is for its owner, whose extended authorization index is in control register 8,
 * and for those whom the space's authority table gives secondary authority: two bits an index.
 */
static int authorize(struct s390_vcpu *v, const struct ale *ale, const struct aste *aste)
{
	u16 eax = v->sie->cr[8] >> 16;
	u8 four;
	int r;

	if (!(ale->word & ALE_PRIVATE) || eax == (ale->word & ALE_AUTHORITY))
		return 0;
	if (eax >> 4 > ASTE_AT_LENGTH(aste))
		return PGM_EXT_AUTHORITY;
	r = s390_read_real(v, (aste->word & ASTE_AT_ORIGIN) + (eax >> 2), &four, sizeof(four));
	if (r)
		return r;
	return four & (0x40 >> (eax & 3) * 2) ? 0 : PGM_EXT_AUTHORITY;
}

/**
 * s390_art - the address space that an access-list-entry token names
 * @v: whose control registers count
 * @alet: not 0 or 1, which name spaces without a list
 * @asce: filled in with 0
 * @fetch_only: filled in with 0
 *
 * Context: kvm->srcu held; sleeps. Return: 0, a program-interruption code, a negative errno.
 */
int s390_art(struct s390_vcpu *v, u32 alet, u64 *asce, bool *fetch_only)
{
	struct aste aste;
	struct ale ale;
	int r;

	if (alet & ALET_RESERVED)
		return PGM_ALET;
	r = find_entry(v, alet, &ale);
	if (!r)
		r = find_space(v, &ale, &aste);
	if (!r)
		r = authorize(v, &ale, &aste);
	if (r)
		return r;
	*asce = aste.asce;
	*fetch_only = ale.word & ALE_FETCH_ONLY;
	return 0;
}
