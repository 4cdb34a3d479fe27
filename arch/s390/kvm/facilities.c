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

#include "s390.h"

u64 s390_facility_mask[256];

/* From, to: unprivileged instructions and DAT, which SIE does. */
static const u8 given[][2] = {
	{ 0, 3 },	/* N3, z/Architecture, its mode, DAT enhancement 1 */
	{ 6, 8 },	/* ASN-and-LX reuse; STFLE; enhanced DAT 1 */
	{ 9, 9 },	/* sense-running status */
	{ 10, 10 },	/* conditional SSKE */
	{ 13, 13 },	/* IPTE range */
	{ 14, 14 },	/* nonquiescing key setting */
	{ 16, 16 },	/* extended translation 2 */
	{ 18, 25 },	/* long displacement to store clock fast */
	{ 26, 28 },	/* parsing, MVCOS, TOD-clock steering */
	{ 30, 35 },	/* ETF3 enhancement to execute extensions */
	{ 37, 37 },	/* FP extension */
	{ 40, 42 },	/* set program parameters, FP support, DFP */
	{ 44, 45 },	/* PFPO, distinct operands and others */
	{ 47, 49 },	/* CMPSC, DFP zoned, execution hint */
	{ 51, 51 },	/* local TLB clearing */
	{ 52, 53 },	/* interlocked access 2, load/store on condition 2 */
	{ 54, 54 },	/* entropy encoding */
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

	for (nr = 0; nr < 64; nr++) {
		if (may_give(nr))
			s390_facility_mask[nr / 64] |= 1ULL << (63 - nr % 64);
	}
}

/*
 * A new VM has all that there is. The list in its page is 2 KB, as much as the state description's
 * reader takes.
 */
void s390_facilities_default(struct s390_vm *vm)
{
	memcpy(vm->facilities, s390_facility_mask, sizeof(s390_facility_mask));
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
