// SPDX-License-Identifier: GPL-2.0-only
/*
 * A table of CPUID entries as data: what the instruction answers by it, and what it says about the
 * processor that it describes. No vCPU and no host.
 *
 * A table is what user space made it: leaves may be absent, in any order, and twice; the first that
 * fits counts. An entry whose index does not matter answers for every index.
 */
#include <uapi/asm/kvm.h>
#include <uapi/asm/kvm_para.h>

#include "cpuid_table.h"

#define LEAF_TOPOLOGY		0x0000000b
#define LEAF_TOPOLOGY_2		0x0000001f
#define LEAF_ADDRESS_SIZES	0x80000008

/**
 * cpuid_table_find - the entry for a leaf
 * @e: the table, of @n entries
 * @n: may be 0
 * @function: the leaf
 * @index: the subleaf
 *
 * Return: NULL when there is none.
 */
struct kvm_cpuid_entry2 *cpuid_table_find(struct kvm_cpuid_entry2 *e, unsigned int n, u32 function,
					  u32 index)
{
	for (; n; n--, e++)
		if (e->function == function &&
		    (!(e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) || e->index == index))
			return e;
	return NULL;
}

/*
 * A leaf beyond the limit of its range: an Intel CPU answers with the highest basic leaf (SDM vol 2,
 * CPUID), an AMD one with zeros.
 */
static struct kvm_cpuid_entry2 *beyond_limit(struct kvm_cpuid_entry2 *e, unsigned int n,
					     u32 function, u32 index)
{
	struct kvm_cpuid_entry2 *basic = cpuid_table_find(e, n, 0, 0), *limit;

	if (!basic)
		return NULL;
	limit = cpuid_table_find(e, n, function & 0xffff0000, 0);
	if (limit && function <= limit->eax)
		return NULL;
	return cpuid_table_find(e, n, basic->eax, index);
}

/* Topology: a subleaf past the last still names itself and the x2APIC id (SDM vol 2, leaf 0BH). */
static void past_last_level(struct cpuid_answer *a, struct kvm_cpuid_entry2 *e, unsigned int n,
			    u32 function, u32 index)
{
	const struct kvm_cpuid_entry2 *level = cpuid_table_find(e, n, function, 1);

	if (!level)
		return;
	a->ecx = index & 0xff;
	a->edx = level->edx;
}

/**
 * cpuid_table_read - execute CPUID
 * @e: the table, of @n entries
 * @n: may be 0: then all is 0
 * @amd: of an AMD processor
 * @function: EAX
 * @index: ECX
 */
struct cpuid_answer cpuid_table_read(struct kvm_cpuid_entry2 *e, unsigned int n, bool amd,
				     u32 function, u32 index)
{
	const struct kvm_cpuid_entry2 *entry = cpuid_table_find(e, n, function, index);
	struct cpuid_answer a = { .found = entry };

	if (!entry && !amd) {
		entry = beyond_limit(e, n, function, index);
		a.used_limit = entry;
	}
	if (entry) {
		a.eax = entry->eax;
		a.ebx = entry->ebx;
		a.ecx = entry->ecx;
		a.edx = entry->edx;
	} else if (function == LEAF_TOPOLOGY || function == LEAF_TOPOLOGY_2) {
		past_last_level(&a, e, n, function, index);
	}
	return a;
}

/* Does leaf 0 name AMD, or Hygon, whose processors are AMD's? */
bool cpuid_table_is_amd(struct kvm_cpuid_entry2 *e, unsigned int n)
{
	/* as EBX, EDX, ECX spell them */
	static const char names[][13] = { "AuthenticAMD", "HygonGenuine" };
	const struct kvm_cpuid_entry2 *entry = cpuid_table_find(e, n, 0, 0);
	u32 name[3];
	unsigned int i;

	if (!entry)
		return false;
	name[0] = entry->ebx;
	name[1] = entry->edx;
	name[2] = entry->ecx;
	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (!memcmp(name, names[i], sizeof(name)))
			return true;
	return false;
}

/**
 * cpuid_table_pv - where the table has KVM's own leaves
 * @e: the table, of @n entries
 * @n: may be 0
 * @features: EAX of the leaf behind the signature, 0 without it
 *
 * A VMM that offers other interfaces as well moves KVM's up by multiples of 0x100 (cpuid.rst).
 * Return: the leaf of the signature, 0 without it.
 */
u32 cpuid_table_pv(struct kvm_cpuid_entry2 *e, unsigned int n, u32 *features)
{
	static const char signature[12] = "KVMKVMKVM\0\0";
	const struct kvm_cpuid_entry2 *entry;
	u32 base, name[3];

	*features = 0;
	for (base = KVM_CPUID_SIGNATURE; base < KVM_CPUID_SIGNATURE + 0x10000; base += 0x100) {
		entry = cpuid_table_find(e, n, base, 0);
		if (!entry)
			continue;
		name[0] = entry->ebx;
		name[1] = entry->ecx;
		name[2] = entry->edx;
		if (memcmp(name, signature, sizeof(name)))
			continue;
		entry = cpuid_table_find(e, n, base + 1, 0);
		if (entry)
			*features = entry->eax;
		return base;
	}
	return 0;
}

/* 36 where the table does not say (SDM vol 3, 4.1.4); more than 52 there cannot be. */
unsigned int cpuid_table_maxphyaddr(struct kvm_cpuid_entry2 *e, unsigned int n)
{
	const struct kvm_cpuid_entry2 *entry = cpuid_table_find(e, n, LEAF_ADDRESS_SIZES, 0);
	unsigned int bits = entry ? entry->eax & 0xff : 0;

	if (!bits)
		return 36;
	return bits < 52 ? bits : 52;
}

/* Canonical form is known for 48 and 57 bits only; 0: user space does not say. */
bool cpuid_table_valid(struct kvm_cpuid_entry2 *e, unsigned int n)
{
	const struct kvm_cpuid_entry2 *entry = cpuid_table_find(e, n, LEAF_ADDRESS_SIZES, 0);
	u32 virt = entry ? (entry->eax >> 8) & 0xff : 0;

	return !virt || virt == 48 || virt == 57;
}
