// SPDX-License-Identifier: GPL-2.0-only
/*
 * Collaborative memory management: by the instruction ESSA a guest says of each page what it is to
 * it (stable, unused, volatile), and is told what the host has of it.
 *
 * The states are kept by the host beside each page-table entry (arch/s390/mm/pgtable.c), whose
 * paging heeds them. ESSA is never interpreted by the machine here: it always comes to us, so that
 * this is not bound to a machine that could, and a page that was given up is dropped at once.
 *
 * While a VMM moves the guest (KVM_S390_VM_MIGRATION), the frames whose state has changed since it
 * was last read have a bit in cmma.dirty. Writers of that pointer hold kvm->slots_lock and wait for
 * readers of kvm->srcu before they free what it was; any change of the slots ends the mode.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/page-states.h>
#include <asm/pgtable.h>

#include "s390.h"

#define STATE_BITS	(_PGSTE_GPS_USAGE_MASK | _PGSTE_GPS_NODAT)
#define STATE_SHIFT	24
#define CLEAN_GAP	16		/* so many clean values are dearer than the next call */

/* What ESSA says of the content. */
#define CONTENT_RESIDENT	0
#define CONTENT_PRESERVED	2
#define CONTENT_ZERO		3

struct s390_cmma_dirty {
	gfn_t		end;
	atomic64_t	n;
	unsigned long	bits[];
};

/* In a kvm->srcu section, or under slots_lock. */
static struct s390_cmma_dirty *dirty_of(struct s390_vm *vm)
{
	return READ_ONCE(vm->cmma.dirty);
}

static void mark_dirty(struct s390_vm *vm, gfn_t gfn)
{
	struct s390_cmma_dirty *dirty = dirty_of(vm);

	if (dirty && gfn < dirty->end && !test_and_set_bit(gfn, dirty->bits))
		atomic64_inc(&dirty->n);
}

static u64 content(unsigned long pte, unsigned long pgste)
{
	if (!(pte & _PAGE_INVALID))
		return CONTENT_RESIDENT;
	return pgste & _PGSTE_GPS_ZERO || pte == _PAGE_INVALID ? CONTENT_ZERO : CONTENT_PRESERVED;
}

/* Return: 0, -EFAULT. */
static int change_state(struct s390_vcpu *v, gpa_t abs, hva_t hva, unsigned int op, u64 *said)
{
	unsigned long pte, pgste;
	int r;

	mmap_read_lock(current->mm);
	r = pgste_perform_essa(current->mm, hva, op, &pte, &pgste);
	if (r > 0)
		__gmap_zap(v->gmap, abs);
	mmap_read_unlock(current->mm);
	if (r < 0)
		return r;
	*said = (pgste & _PGSTE_GPS_USAGE_MASK) >> (STATE_SHIFT - 2) | content(pte, pgste);
	if (op != ESSA_GET_STATE)
		mark_dirty(vm_of(v), gpa_to_gfn(abs));
	return 0;
}

int s390_insn_essa(struct s390_vcpu *v)
{
	struct s390_vm *vm = vm_of(v);
	unsigned int op = v->sie->ipb >> 28;
	gpa_t abs = s390_real_to_abs(v, s390_wrap(v, v->gprs[insn_rre_r2(v)]) & PAGE_MASK);
	struct kvm_slot *slot = kvm_slot_find(v->vcpu.kvm, gpa_to_gfn(abs));
	u64 said;
	int r;

	if (!READ_ONCE(vm->cmma.on))
		return s390_inject_pgm_code(v, PGM_OPERATION);
	if (in_problem_state(v))
		return s390_inject_pgm_code(v, PGM_PRIVILEGED);
	if (op > (s390_facility(vm, 147) ? ESSA_SET_STABLE_NODAT : ESSA_SET_STABLE_IF_RESIDENT))
		return s390_inject_pgm_code(v, PGM_SPECIFICATION);
	if (!kvm_slot_visible(slot))
		return s390_inject_pgm_code(v, PGM_ADDRESSING);
	r = change_state(v, abs, kvm_slot_hva(slot, gpa_to_gfn(abs)), op, &said);
	if (r)
		return r;
	v->gprs[insn_rre_r1(v)] = said;
	return EXIT_RESUME;
}

/*
 * Attributes.
 */

int s390_cmma_enable(struct s390_vm *vm, void __user *user)
{
	int r = -EBUSY;

	mutex_lock(&vm->kvm.lock);
	if (vm->ucontrol || vm->kvm.mm->context.allow_gmap_hpage_1m)
		r = -EINVAL;
	else if (!vm->kvm.created_vcpus)
		r = 0;
	if (!r)
		WRITE_ONCE(vm->cmma.on, true);
	mutex_unlock(&vm->kvm.lock);
	return r;
}

int s390_cmma_clear(struct s390_vm *vm, void __user *user)
{
	if (!READ_ONCE(vm->cmma.on))
		return -EINVAL;
	s390_reset_cmma(vm->kvm.mm);
	return 0;
}

/* All frames of all slots are dirty. NULL: no memory. */
static struct s390_cmma_dirty *new_dirty(struct kvm *kvm, gfn_t end)
{
	struct s390_cmma_dirty *dirty;
	struct kvm_slot *slot;
	unsigned int i;

	dirty = kvzalloc(struct_size(dirty, bits, BITS_TO_LONGS(end)), GFP_KERNEL_ACCOUNT);
	if (!dirty)
		return NULL;
	dirty->end = end;
	kvm_for_each_slot(slot, i, kvm_slots(kvm, 0)) {
		bitmap_set(dirty->bits, slot->base_gfn, slot->npages);
		atomic64_add(slot->npages, &dirty->n);
	}
	return dirty;
}

/* slots_lock held. Return: 0, -EINVAL, -ENOMEM. */
static int migration_start(struct s390_vm *vm)
{
	struct s390_cmma_dirty *dirty;
	struct kvm_slot *slot;
	unsigned int i;
	gfn_t end = 0;

	if (vm->cmma.migrating)
		return 0;
	kvm_for_each_slot(slot, i, kvm_slots(&vm->kvm, 0)) {
		if (!kvm_slot_logs_dirty(slot))
			return -EINVAL;
		end = max(end, slot->base_gfn + slot->npages);
	}
	if (!end)
		return -EINVAL;
	if (READ_ONCE(vm->cmma.on)) {
		dirty = new_dirty(&vm->kvm, end);
		if (!dirty)
			return -ENOMEM;
		smp_store_release(&vm->cmma.dirty, dirty);	/* what it says is there */
	}
	WRITE_ONCE(vm->cmma.migrating, true);
	return 0;
}

/* Also when slots change. Context: slots_lock held, no kvm->srcu section; sleeps. */
void s390_migration_stop(struct s390_vm *vm)
{
	struct s390_cmma_dirty *dirty = vm->cmma.dirty;

	lockdep_assert_held(&vm->kvm.slots_lock);

	WRITE_ONCE(vm->cmma.migrating, false);
	if (!dirty)
		return;
	WRITE_ONCE(vm->cmma.dirty, NULL);
	synchronize_srcu(&vm->kvm.srcu);
	kvfree(dirty);
}

int s390_migration_start_set(struct s390_vm *vm, void __user *user)
{
	int r;

	mutex_lock(&vm->kvm.slots_lock);
	r = migration_start(vm);
	mutex_unlock(&vm->kvm.slots_lock);
	return r;
}

int s390_migration_stop_set(struct s390_vm *vm, void __user *user)
{
	mutex_lock(&vm->kvm.slots_lock);
	s390_migration_stop(vm);
	mutex_unlock(&vm->kvm.slots_lock);
	return 0;
}

int s390_migration_status_get(struct s390_vm *vm, void __user *user)
{
	return put_user((u64)READ_ONCE(vm->cmma.migrating), (u64 __user *)user);
}

/*
 * KVM_S390_GET_CMMA_BITS, KVM_S390_SET_CMMA_BITS (KVM API 4.107, 4.108).
 */

/* -EFAULT: no such memory. Context: mmap_lock held, kvm->srcu held. */
static int read_state(struct kvm *kvm, gfn_t gfn, u8 *state)
{
	struct kvm_slot *slot = kvm_slot_find(kvm, gfn);
	unsigned long pgste;

	if (!kvm_slot_visible(slot) || get_pgste(kvm->mm, kvm_slot_hva(slot, gfn), &pgste))
		return -EFAULT;
	*state = (pgste & STATE_BITS) >> STATE_SHIFT;
	return 0;
}

/* All from args->start_gfn, up to where the memory ends. */
static int peek(struct kvm *kvm, struct kvm_s390_cmma_log *args, u8 *states)
{
	u32 i;

	for (i = 0; i < args->count; i++) {
		if (read_state(kvm, args->start_gfn + i, &states[i]))
			break;
		cond_resched();
	}
	if (!i && args->count)
		return -EFAULT;
	args->count = i;
	return 0;
}

static gfn_t next_dirty(const struct s390_cmma_dirty *dirty, gfn_t from)
{
	gfn_t gfn = find_next_bit(dirty->bits, dirty->end, from);

	return gfn < dirty->end ? gfn : find_first_bit(dirty->bits, dirty->end);
}

/* From the first that is dirty at or after args->start_gfn, or else of all, up to a gap. */
static int collect(struct kvm *kvm, struct s390_cmma_dirty *dirty, struct kvm_s390_cmma_log *args,
		   u8 *states)
{
	gfn_t start = next_dirty(dirty, min_t(gfn_t, args->start_gfn, dirty->end)), gfn;
	u32 room = args->count;

	args->count = 0;
	args->start_gfn = start < dirty->end ? start : 0;
	for (gfn = start; gfn < dirty->end && gfn - start < room; gfn++) {
		if (gfn - start >= args->count + CLEAN_GAP)
			break;
		/* first the bit: who changes the state now makes it dirty again */
		if (test_and_clear_bit(gfn, dirty->bits)) {
			atomic64_dec(&dirty->n);
			args->count = gfn - start + 1;
		}
		if (read_state(kvm, gfn, &states[gfn - start]))
			break;
		cond_resched();
	}
	return 0;
}

/*
 * They have not been told after all. For a clean one among them, once too often does no harm.
 * Context: slots_lock held.
 */
static void make_dirty_again(struct s390_vm *vm, const struct kvm_s390_cmma_log *args)
{
	u32 i;

	for (i = 0; i < args->count; i++)
		mark_dirty(vm, args->start_gfn + i);
}

static int get_states(struct kvm *kvm, struct kvm_s390_cmma_log *args, u8 *states)
{
	struct s390_cmma_dirty *dirty = dirty_of(to_s390_vm(kvm));
	bool peeks = args->flags & KVM_S390_CMMA_PEEK;
	int r;

	lockdep_assert_held(&kvm->slots_lock);

	if (!peeks && !dirty)
		return -EINVAL;
	mmap_read_lock(kvm->mm);
	r = peeks ? peek(kvm, args, states) : collect(kvm, dirty, args, states);
	mmap_read_unlock(kvm->mm);
	if (r)
		return r;
	if (copy_to_user(u64_to_user_ptr(args->values), states, args->count)) {
		if (!peeks)
			make_dirty_again(to_s390_vm(kvm), args);
		return -EFAULT;
	}
	args->remaining = dirty ? atomic64_read(&dirty->n) : 0;
	return 0;
}

long s390_get_cmma_bits(struct kvm *kvm, struct kvm_arg *arg)
{
	struct kvm_s390_cmma_log *args = arg->data;
	u8 *states;
	int r;

	if (!READ_ONCE(to_s390_vm(kvm)->cmma.on))
		return -ENXIO;
	if (args->flags & ~KVM_S390_CMMA_PEEK)
		return -EINVAL;
	args->count = min_t(u32, args->count, KVM_S390_SKEYS_MAX);
	states = kvzalloc(max_t(u32, args->count, 1), GFP_KERNEL_ACCOUNT);
	if (!states)
		return -ENOMEM;
	mutex_lock(&kvm->slots_lock);
	r = get_states(kvm, args, states);
	mutex_unlock(&kvm->slots_lock);
	kvfree(states);
	return r;
}

static int write_states(struct kvm *kvm, const struct kvm_s390_cmma_log *args, const u8 *states)
{
	struct kvm_slot *slot;
	gfn_t gfn;
	u32 i;

	if (!s390_has_frames(kvm, args->start_gfn, args->count))
		return -EFAULT;
	for (i = 0; i < args->count; i++) {
		gfn = args->start_gfn + i;
		slot = kvm_slot_find(kvm, gfn);
		if (!kvm_slot_visible(slot) ||
		    set_pgste_bits(kvm->mm, kvm_slot_hva(slot, gfn), args->mask & STATE_BITS,
				   (unsigned long)states[i] << STATE_SHIFT))
			return -EFAULT;
		cond_resched();
	}
	return 0;
}

/* No larger than what one KVM_S390_GET_CMMA_BITS gives. */
long s390_set_cmma_bits(struct kvm *kvm, struct kvm_arg *arg)
{
	const struct kvm_s390_cmma_log *args = arg->data;
	u8 *states;
	int idx, r;

	if (!READ_ONCE(to_s390_vm(kvm)->cmma.on))
		return -ENXIO;
	if (args->flags || args->count > KVM_S390_SKEYS_MAX)
		return -EINVAL;
	if (!args->count)
		return 0;
	states = vmemdup_user(u64_to_user_ptr(args->values), args->count);
	if (IS_ERR(states))
		return PTR_ERR(states);
	idx = srcu_read_lock(&kvm->srcu);
	mmap_read_lock(kvm->mm);
	r = write_states(kvm, args, states);
	mmap_read_unlock(kvm->mm);
	srcu_read_unlock(&kvm->srcu, idx);
	kvfree(states);
	return r;
}
