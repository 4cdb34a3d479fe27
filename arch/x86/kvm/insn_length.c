// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lengths of instructions that exit again and again, for hardware that does not tell them.
 *
 * To step over CPUID, RDMSR, HLT and their like, the decoder has to walk the guest's page tables
 * and fetch: several times what the rest of the exit costs. So a few lengths are remembered, by
 * linear address, CR3 and mode, together with the bytes themselves and where the VMM has them
 * mapped. A length is used when those bytes still stand there: code that was overwritten is decoded
 * anew.
 *
 * What is not walked again is the guest's page tables. A guest that maps another page at the same
 * address under the same CR3, with another form of an exiting instruction at the same offset, while
 * the old page keeps its bytes, is stepped over by the old form's length. Only its own RIP is wrong
 * then, as if it had kept the old translation in a TLB.
 */
#include <linux/hash.h>
#include <linux/uaccess.h>
#include "insn_length.h"
#include "x86.h"

#define WORD	sizeof(u64)

static u64 bytes_mask(unsigned int len)
{
	return len < WORD ? BIT_ULL(8 * len) - 1 : ~0ULL;
}

static struct insn_length *ways_of(struct kvm_vcpu *vcpu, u64 linear)
{
	return to_x86(vcpu)->lengths[hash_64(linear, INSN_LENGTH_BITS)];
}

/*
 * What gives the same bytes at the same address another meaning; CS.D is the default of operand and
 * address sizes.
 */
static u8 mode_of(struct kvm_vcpu *vcpu, bool wide)
{
	bool db = !wide && x86_op(cs_bits)(vcpu) & CS_DEFAULT_32;

	return wide | x86_is_paging(vcpu) << 1 | vcpu->as_id << 2 | db << 3;
}

/* Is @l still what stands at its address? */
static bool length_holds(struct kvm_vcpu *vcpu, const struct insn_length *l, bool wide)
{
	u64 bytes;

	if (!l->len || l->cr3 != x86_cr3(vcpu) || l->mode != mode_of(vcpu, wide))
		return false;
	if (l->generation != kvm_slots_generation(vcpu->kvm, vcpu->as_id))
		return false;		/* the mapping may be another */
	if (__get_user(bytes, l->hva))
		return false;
	return !((bytes ^ l->bytes) & bytes_mask(l->len));
}

/**
 * insn_length_find - the length of the instruction at @linear, if it is known
 * @vcpu: whose code it is
 * @linear: linear address of the instruction
 * @wide: the vCPU is in 64-bit mode
 *
 * Context: KVM_RUN, srcu held; may sleep.
 * Return: bytes, or 0.
 */
unsigned int insn_length_find(struct kvm_vcpu *vcpu, u64 linear, bool wide)
{
	const struct insn_length *l = ways_of(vcpu, linear);
	unsigned int way;

	for (way = 0; way < INSN_LENGTH_WAYS; way++, l++)
		if (l->linear == linear && length_holds(vcpu, l, wide))
			return l->len;
	return 0;
}

/**
 * insn_length_remember - the decoder has found out
 * @vcpu: whose code it is
 * @linear: linear address of the instruction
 * @wide: the vCPU is in 64-bit mode
 * @bytes: the instruction
 * @len: how many; long ones, and those at the end of a page, are not remembered
 *
 * Context: KVM_RUN, srcu held; may sleep.
 */
void insn_length_remember(struct kvm_vcpu *vcpu, u64 linear, bool wide, const u8 *bytes,
			  unsigned int len)
{
	struct insn_length *l = ways_of(vcpu, linear), new = {
		.linear = linear, .cr3 = x86_cr3(vcpu), .mode = mode_of(vcpu, wide),
	};
	u32 access = ACC_FETCH | (x86_op(get_cpl)(vcpu) == 3 ? ACC_USER : 0);
	struct x86_exception e;
	gpa_t gpa;
	hva_t hva;

	if (len > WORD || offset_in_page(linear) + WORD > PAGE_SIZE)
		return;
	/* Before the lookup: a change after it shows as another generation. */
	new.generation = kvm_slots_generation(vcpu->kvm, vcpu->as_id);
	gpa = mmu_gva_to_gpa(vcpu, linear, access, &e);
	if (gpa == INVALID_GPA)
		return;
	hva = kvm_vcpu_gfn_to_hva(vcpu, gpa_to_gfn(gpa), NULL);
	if (hva == KVM_HVA_ERROR)
		return;
	new.hva = (const u64 __user *)(hva + offset_in_page(gpa));
	if (!access_ok(new.hva, WORD) || __get_user(new.bytes, new.hva))
		return;
	if (memcmp(&new.bytes, bytes, len))
		return;			/* it has changed meanwhile */
	new.len = len;
	/* The newest first; the oldest goes, or what is no longer right about the same address. */
	if (l[0].linear != linear)
		l[1] = l[0];
	l[0] = new;
}
