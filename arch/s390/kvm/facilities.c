// SPDX-License-Identifier: GPL-2.0-only
/*
 * The processor that a guest is shown: which of the host's facilities we can give on.
 *
 * A facility may be given to a guest if SIE interprets its instructions without our help, or we
 * have what they need of us. The numbers are those of STORE FACILITY LIST (PoP 4, facility
 * indications).
 */
#include <asm/cpu.h>
#include <asm/facility.h>
#include <asm/processor.h>
#include <asm/sclp.h>

#include "s390.h"

/* what we can give to any guest */
static u64 s390_facility_mask[S390_FACILITY_WORDS];

/* From, to: unprivileged instructions and DAT, which SIE does. */
static const u8 given[][2] = {
	{ 0, 3 },	/* N3, z/Architecture, its mode, DAT enhancement 1 */
	{ 6, 8 },	/* ASN-and-LX reuse; STFLE; enhanced DAT 1 */
	{ 9, 9 },	/* sense-running status */
	{ 10, 10 },	/* conditional SSKE */
	{ 13, 13 },	/* IPTE range */
	{ 14, 14 },	/* nonquiescing key setting */
	{ 16, 16 },	/* extended translation 2 */
	{ 17, 17 },	/* message-security assist */
	{ 18, 25 },	/* long displacement to store clock fast */
	{ 26, 28 },	/* parsing, MVCOS, TOD-clock steering */
	{ 30, 35 },	/* ETF3 enhancement to execute extensions */
	{ 36, 37 },	/* enhanced monitor, FP extension */
	{ 40, 43 },	/* set program parameters, FP support, DFP */
	{ 44, 45 },	/* PFPO, distinct operands and others */
	{ 47, 49 },	/* CMPSC, DFP zoned, execution hint */
	{ 51, 51 },	/* local TLB clearing */
	{ 52, 53 },	/* interlocked access 2, load/store on condition 2 */
	{ 54, 54 },	/* entropy encoding */
	{ 57, 58 },	/* MSA 5, miscellaneous instructions 2 */
	{ 61, 61 },	/* miscellaneous instructions 3 */
	{ 75, 77 },	/* fetch and store told in a TEID; MSA 3 and 4 */
	{ 80, 80 },	/* DFP packed conversion */
	{ 82, 82 },	/* branch-prediction blocking (features.c) */
	{ 139, 139 },	/* multiple epochs (features.c) */
	{ 146, 146 },	/* MSA 8 */
	{ 150, 151 },	/* sorting, DEFLATE */
	{ 155, 156 },	/* MSA 9, etoken (features.c) */
};

static bool may_give(unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(given); i++) {
		if (nr >= given[i][0] && nr <= given[i][1])
			return test_facility(nr);
	}
	return false;
}

void s390_facilities_init(void)
{
	unsigned int nr;

	for (nr = 0; nr < 256; nr++) {
		if (may_give(nr))
			s390_facility_mask[nr / 64] |= facility_bit(nr);
	}
}

/*
 * A new VM has all that there is. The list in its page is 2 KB, as much as the state description's
 * reader takes.
 */
void s390_facilities_default(struct s390_vm *vm)
{
	memcpy(vm->facilities, s390_facility_mask, sizeof(s390_facility_mask));
	memcpy(vm->fac_mask, s390_facility_mask, sizeof(s390_facility_mask));
}

/*
 * Instruction-blocking controls: the lowest and the highest level that the machine can show, in 12
 * bits each; 0 where there are none.
 */
u16 s390_host_ibc(void)
{
	return sclp.ibc & SIE_IBC_MASK;
}

/* What STORE CPU ID says of the host, the version as of a guest (PoP 10). */
u64 s390_host_cpuid(void)
{
	struct cpuid id;
	u64 value;

	get_cpu_id(&id);
	id.version = 0xff;
	memcpy(&value, &id, sizeof(value));
	return value;
}
