// SPDX-License-Identifier: GPL-2.0-only
/*
 * Storage keys: access control, fetch protection, reference and change, one key a page (PoP 3).
 *
 * The host keeps a guest page's key beside the page's table entry, and in the frame while there is
 * one (arch/s390/mm/pgtable.c). It begins to do so when the first guest of the VMM uses keys at
 * all, s390_enable_skey(); until then every key is 0. Their instructions leave SIE.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/pgtable.h>

#include "s390.h"
#include "trace.h"

#define KEY_BITS	0xfe		/* all but the one that is none */

/*
 * Call one of the host's functions on the page at @abs, bringing the page in when the function
 * wants it there. Return: what the function does; -ENOENT no slot; -EFAULT.
 */
struct key_op {
	int	(*fn)(struct key_op *op, struct mm_struct *mm, unsigned long hva);
	u8	key;
	u8	old;
	bool	quiesce_not;
	bool	if_ref;		/* conditional: the reference bit need not match */
	bool	if_change;
};

static int key_op_at(struct kvm *kvm, gpa_t abs, struct key_op *op)
{
	struct kvm_slot *slot = kvm_slot_find(kvm, gpa_to_gfn(abs));
	struct mm_struct *mm = current->mm;
	bool unlocked;
	hva_t hva;
	int r, tries;

	if (!kvm_slot_visible(slot))
		return -ENOENT;
	hva = kvm_slot_hva(slot, gpa_to_gfn(abs));
	mmap_read_lock(mm);
	for (tries = 0; tries < 2; tries++) {
		r = op->fn(op, mm, hva);
		if (r != -EFAULT || fixup_user_fault(mm, hva, FAULT_FLAG_WRITE, &unlocked))
			break;
	}
	mmap_read_unlock(mm);
	return r;
}

static int op_set(struct key_op *op, struct mm_struct *mm, unsigned long hva)
{
	return cond_set_guest_storage_key(mm, hva, op->key, &op->old, op->quiesce_not, op->if_ref,
					  op->if_change);
}

static int op_get(struct key_op *op, struct mm_struct *mm, unsigned long hva)
{
	return get_guest_storage_key(mm, hva, &op->key);
}

static int op_reset_reference(struct key_op *op, struct mm_struct *mm, unsigned long hva)
{
	return reset_guest_reference_bit(mm, hva);
}

/* The key of a page. Return: 0, -ENOENT no slot, -EFAULT. */
int s390_key_at(struct kvm *kvm, gpa_t abs, u8 *key)
{
	struct key_op op = { .fn = op_get };
	int r = key_op_at(kvm, abs, &op);

	*key = op.key;
	return r;
}

/* Key 0 opens all, others their own, and each what is not protected against fetches (PoP 3). */
bool s390_key_fits(u8 storage_key, u8 access_key, bool write)
{
	if (!access_key || storage_key >> 4 == access_key)
		return true;
	return !write && !(storage_key & _PAGE_FP_BIT);
}

/* The outcome of an operation on behalf of the guest, when it is not a success. */
static int failed(struct s390_vcpu *v, int r)
{
	return r == -ENOENT ? s390_inject_pgm_code(v, PGM_ADDRESSING) : r;
}

static gpa_t page_of_r2(struct s390_vcpu *v)
{
	return s390_wrap(v, v->gprs[insn_rre_r2(v)]) & PAGE_MASK;
}

/* The first of its kind has the host keep keys. */
static int keys_wanted(struct s390_vcpu *v)
{
	trace_kvm_s390_skey_related_inst(v);
	return s390_enable_skey();
}

int s390_insn_iske(struct s390_vcpu *v)
{
	struct key_op op = { .fn = op_get };
	unsigned int r1 = insn_rre_r1(v);
	int r = keys_wanted(v);

	if (!r)
		r = key_op_at(v->vcpu.kvm, s390_real_to_abs(v, page_of_r2(v)), &op);
	if (r)
		return failed(v, r);
	v->gprs[r1] = (v->gprs[r1] & ~0xffULL) | op.key;
	return EXIT_RESUME;
}

int s390_insn_rrbe(struct s390_vcpu *v)
{
	struct key_op op = { .fn = op_reset_reference };
	int r = keys_wanted(v);

	if (!r)
		r = key_op_at(v->vcpu.kvm, s390_real_to_abs(v, page_of_r2(v)), &op);
	if (r < 0)
		return failed(v, r);
	set_cc(v, r);
	return EXIT_RESUME;
}

/* SSKE's M3 field (PoP 10): nonquiescing, reference and change bypassed, multiple blocks. */
#define M3_NQ	8
#define M3_MR	4
#define M3_MC	2
#define M3_MB	1

static unsigned int sske_m3(struct s390_vcpu *v)
{
	unsigned int m3 = v->sie->ipb >> 28;

	if (!s390_facility(vm_of(v), 8))
		m3 &= ~M3_MB;
	if (!s390_facility(vm_of(v), 10))
		m3 &= ~(M3_MR | M3_MC);
	if (!s390_facility(vm_of(v), 14))
		m3 &= ~M3_NQ;
	return m3;
}

static struct key_op key_to_set(u64 key, bool nq, bool mr, bool mc)
{
	return (struct key_op) {
		.fn = op_set, .key = key & KEY_BITS, .quiesce_not = nq, .if_ref = mr,
		.if_change = mc,
	};
}

/* The blocks from R2 to the end of its megabyte; real addresses are absolute then. */
static int sske_blocks(struct s390_vcpu *v, struct key_op *op)
{
	gpa_t at = page_of_r2(v), end = (at | (BIT(20) - 1)) + 1;
	int r;

	for (; at < end; at += PAGE_SIZE) {
		r = key_op_at(v->vcpu.kvm, at, op);
		if (r < 0)
			return failed(v, r);
	}
	v->gprs[insn_rre_r2(v)] = s390_wrap(v, end);
	return EXIT_RESUME;
}

int s390_insn_sske(struct s390_vcpu *v)
{
	unsigned int m3 = sske_m3(v), r1 = insn_rre_r1(v);
	struct key_op op = key_to_set(v->gprs[r1], m3 & M3_NQ, m3 & M3_MR, m3 & M3_MC);
	int r = s390_enable_skey();

	if (r)
		return r;
	if (m3 & M3_MB)
		return sske_blocks(v, &op);
	r = key_op_at(v->vcpu.kvm, s390_real_to_abs(v, page_of_r2(v)), &op);
	if (r < 0)
		return failed(v, r);
	if (m3 & (M3_MR | M3_MC)) {
		v->gprs[r1] = (v->gprs[r1] & ~0xff00ULL) | (u64)op.old << 8;
		set_cc(v, r);
	}
	return EXIT_RESUME;
}

/* PFMF's first operand (PoP 10): what to do, to frames of which size, with which key. */
#define PFMF_NQ		0x40000
#define PFMF_KEY	0x20000
#define PFMF_CLEAR	0x10000
#define PFMF_MR		0x400
#define PFMF_MC		0x200
#define PFMF_RESERVED	0xfff80101ULL

/* 0: 4 KB, 1: to the end of 1 MB, 2: of 2 GB. */
static gpa_t pfmf_end(gpa_t at, unsigned int size)
{
	static const u8 shift[] = { PAGE_SHIFT, 20, 31 };

	return (at | (BIT_ULL(shift[size]) - 1)) + 1;
}

/* @abs: one frame. Return: 0, or what ends the instruction, in *@exit. */
static int pfmf_frame(struct s390_vcpu *v, gpa_t abs, u64 op, struct key_op *key)
{
	int r = 0;

	if (op & PFMF_CLEAR)
		r = kvm_clear_guest(v->vcpu.kvm, abs, PAGE_SIZE);
	if (!r && op & PFMF_KEY)
		r = key_op_at(v->vcpu.kvm, abs, key);
	return min(r, 0);
}

static int pfmf_frames(struct s390_vcpu *v, gpa_t at, gpa_t end, u64 op)
{
	struct key_op key = key_to_set(op, op & PFMF_NQ, op & PFMF_MR, op & PFMF_MC);
	unsigned int r2 = insn_rre_r2(v);
	bool one = end - at <= PAGE_SIZE;
	int r;

	/* frames of more than a page are absolute, one page is real */
	for (; at < end; at += PAGE_SIZE) {
		r = pfmf_frame(v, one ? s390_real_to_abs(v, at) : at, op, &key);
		if (r)
			return failed(v, r);
		if (!one)
			v->gprs[r2] = s390_wrap(v, at + PAGE_SIZE);
		if (signal_pending(current) && at + PAGE_SIZE < end) {
			s390_insn_retry(v);	/* interruptible: goes on where R2 says */
			return EXIT_RESUME;
		}
	}
	return EXIT_RESUME;
}

int s390_insn_pfmf(struct s390_vcpu *v)
{
	u64 op = v->gprs[insn_rre_r1(v)];
	unsigned int size = (op >> 12) & 7;
	gpa_t at = page_of_r2(v);
	int r;

	if (!s390_facility(vm_of(v), 8))
		return s390_inject_pgm_code(v, PGM_OPERATION);
	if (op & PFMF_RESERVED || size > 2 || (size == 2 && !s390_facility(vm_of(v), 78)) ||
	    (op & PFMF_NQ && !s390_facility(vm_of(v), 14)))
		return s390_inject_pgm_code(v, PGM_SPECIFICATION);
	if (!s390_facility(vm_of(v), 10))
		op &= ~(PFMF_MR | PFMF_MC);
	if (op & PFMF_KEY) {
		r = s390_enable_skey();
		if (r)
			return r;
	}
	return pfmf_frames(v, at, pfmf_end(at, size), op);
}

/*
 * ioctls (KVM API 4.90, 4.91).
 */

static int skeys_check(const struct kvm_s390_skeys *args)
{
	return args->flags || !args->count || args->count > KVM_S390_SKEYS_MAX ? -EINVAL : 0;
}

static int each_key(struct kvm *kvm, const struct kvm_s390_skeys *args, u8 *keys, struct key_op *op)
{
	int idx = srcu_read_lock(&kvm->srcu), r = 0;
	u64 i;

	if (!s390_has_frames(kvm, args->start_gfn, args->count))
		r = -EFAULT;
	for (i = 0; i < args->count && r >= 0; i++) {
		if (op->fn == op_set)
			op->key = keys[i];
		r = key_op_at(kvm, gfn_to_gpa(args->start_gfn + i), op);
		keys[i] = op->key;
		cond_resched();
	}
	srcu_read_unlock(&kvm->srcu, idx);
	return r == -ENOENT ? -EFAULT : min(r, 0);
}

long s390_get_skeys(struct kvm *kvm, struct kvm_arg *arg)
{
	const struct kvm_s390_skeys *args = arg->data;
	struct key_op op = { .fn = op_get };
	int r = skeys_check(args);
	u8 *keys;

	if (r)
		return r;
	if (!mm_uses_skeys(current->mm))
		return KVM_S390_GET_SKEYS_NONE;
	keys = kvmalloc(args->count, GFP_KERNEL_ACCOUNT);
	if (!keys)
		return -ENOMEM;
	r = each_key(kvm, args, keys, &op);
	if (!r && copy_to_user(u64_to_user_ptr(args->skeydata_addr), keys, args->count))
		r = -EFAULT;
	kvfree(keys);
	return r;
}

static int keys_valid(const u8 *keys, u64 n)
{
	for (; n; keys++, n--) {
		if (*keys & ~KEY_BITS)
			return -EINVAL;
	}
	return 0;
}

/* All keys are looked at before the first is set. */
long s390_set_skeys(struct kvm *kvm, struct kvm_arg *arg)
{
	const struct kvm_s390_skeys *args = arg->data;
	struct key_op op = { .fn = op_set };
	int r = skeys_check(args);
	u8 *keys;

	if (r)
		return r;
	keys = vmemdup_user(u64_to_user_ptr(args->skeydata_addr), args->count);
	if (IS_ERR(keys))
		return PTR_ERR(keys);
	r = keys_valid(keys, args->count);
	if (!r)
		r = s390_enable_skey();
	if (!r)
		r = each_key(kvm, args, keys, &op);
	kvfree(keys);
	return r;
}
