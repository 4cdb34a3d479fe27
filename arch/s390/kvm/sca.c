// SPDX-License-Identifier: GPL-2.0-only
/*
 * The system control area: what the machine and the CPUs of a VM share.
 *
 * Its first doubleword is the interlock of translation tables. A CPU that invalidates an entry
 * (IPTE, IDTE, CSP) holds it meanwhile, and leaves SIE with the instruction when the host does;
 * the host holds it while it walks the guest's tables and uses what it found, so that no page
 * goes from under its hands that the guest believes to be free. Several of our threads may walk
 * at once: they are counted (vm->walkers), the first takes the interlock and the last releases
 * it.
 *
 * The rest says where each CPU's state description is, for the machine's own SIGP. The basic area
 * has 64 places. The extended one has 248 and takes its place, where the machine knows it, as
 * soon as a CPU needs it: all CPUs are out of SIE, or held off by the interlock, before the first
 * of them uses the new one. A machine without interpretation of SIGP needs no places at all.
 */
#include <linux/mm.h>
#include <linux/sched.h>
#include <asm/bitops.h>
#include <asm/sclp.h>

#include "s390.h"

#define IPTE_LOCKED	BIT_ULL(63)		/* bit 0 */
#define INTERLOCK_TRIES	100
#define ESCA_ORDER	get_order(sizeof(struct sie_esca))

static bool extended_possible(void)
{
	return sclp.has_esca && sclp.has_64bscao;
}

/* How many CPUs a VM may have. */
unsigned int s390_max_vcpus(void)
{
	if (extended_possible())
		return SIE_ESCA_CPUS;
	return sclp.has_sigpif ? SIE_SCA_CPUS : S390_MAX_VCPUS;
}

int s390_sca_init(struct s390_vm *vm)
{
	mutex_init(&vm->walk_lock);
	vm->sca = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT | GFP_DMA);
	return vm->sca ? 0 : -ENOMEM;
}

void s390_sca_free(struct s390_vm *vm)
{
	if (vm->sca_extended)
		free_pages((unsigned long)vm->sca, ESCA_ORDER);
	else
		free_page((unsigned long)vm->sca);
}

/* Context: as s390_crypto_controls(). */
void s390_sca_controls(struct s390_vcpu *v)
{
	struct s390_vm *vm = vm_of(v);
	unsigned long at;

	mutex_lock(&vm->walk_lock);
	at = (unsigned long)vm->sca;
	v->sie->sca_high = at >> 32;
	v->sie->sca_low = (u32)at;
	if (vm->sca_extended)
		v->sie->exec_ctl_b[1] |= SIE_EXECB1_ESCA;
	mutex_unlock(&vm->walk_lock);
}

/*
 * A CPU holds the interlock no longer than for an instruction; but a guest may leave hardly a
 * moment between, and Hercules leaves it locked when the instruction ends in a fault of the host's.
 * So after some attempts all CPUs are called out of SIE, and wait for walk_lock before they enter
 * again (s390_walk_wait()), as one does that is being made (s390_sca_enter()): with no instruction
 * under way the interlock is nobody's, whatever it says.
 */
static void interlock(struct s390_vm *vm)
{
	struct sie_sca *sca = vm->sca;
	unsigned int tries;

	lockdep_assert_held(&vm->walk_lock);
	for (tries = 0; tries < INTERLOCK_TRIES; tries++) {
		if (!READ_ONCE(sca->ipte) && !cmpxchg(&sca->ipte, 0, IPTE_LOCKED))
			return;
		cond_resched();
	}
	kvm_request_all(&vm->kvm, KVM_REQ_INTERLOCK);
	xchg(&sca->ipte, IPTE_LOCKED);
}

static void release(struct sie_sca *sca)
{
	smp_store_release(&sca->ipte, 0);	/* what we did with the tables comes before */
}

/* Around walks of the guest's tables, and what they are for. May nest. Context: sleeps. */
void s390_walk_begin(struct s390_vm *vm)
{
	mutex_lock(&vm->walk_lock);
	if (!vm->walkers++)
		interlock(vm);
	mutex_unlock(&vm->walk_lock);
}

void s390_walk_end(struct s390_vm *vm)
{
	mutex_lock(&vm->walk_lock);
	if (!--vm->walkers)
		release(vm->sca);
	mutex_unlock(&vm->walk_lock);
}

/*
 * A CPU left SIE as the interlock was locked. If none of our walks has it, it is free when this
 * returns, or was meanwhile. Context: sleeps.
 */
void s390_interlock_settle(struct s390_vm *vm)
{
	if (READ_ONCE(vm->walkers))
		return;
	s390_walk_begin(vm);
	s390_walk_end(vm);
}

/* Until a walk that wants the interlock has it. Context: the CPU's own thread outside SIE. */
void s390_walk_wait(struct s390_vm *vm)
{
	mutex_lock(&vm->walk_lock);
	mutex_unlock(&vm->walk_lock);
}

/*
 * The place of a CPU: where its state description is named, and the bits of those in use, which are
 * counted from the left. NULL: it has none. Context: walk_lock held.
 */
static u64 *place_of(struct s390_vm *vm, unsigned int id, unsigned long **used)
{
	struct sie_esca *esca = (struct sie_esca *)vm->sca;

	if (vm->sca_extended) {
		*used = (unsigned long *)esca->used;
		return &esca->cpu[id].block;
	}
	*used = (unsigned long *)&vm->sca->used;
	return id < SIE_SCA_CPUS ? &vm->sca->cpu[id].block : NULL;
}

static void enter(struct s390_vm *vm, unsigned int id, struct sie_block *block)
{
	unsigned long *used;
	u64 *place = place_of(vm, id, &used);

	if (!place || vm->ucontrol)
		return;
	*place = (u64)block;
	set_bit_inv(id, used);
}

/* Context: kvm->lock held. */
static int extend(struct s390_vm *vm)
{
	struct sie_sca *old = vm->sca;
	struct sie_esca *next;
	struct kvm_vcpu *vcpu;
	unsigned long i;

	next = (void *)__get_free_pages(GFP_KERNEL_ACCOUNT | __GFP_ZERO, ESCA_ORDER);
	if (!next)
		return -ENOMEM;
	s390_walk_begin(vm);		/* the old one stays locked for ever */
	mutex_lock(&vm->walk_lock);
	next->ipte = IPTE_LOCKED;
	next->utility = old->utility;
	vm->sca = (struct sie_sca *)next;
	vm->sca_extended = true;
	kvm_for_each_vcpu(i, vcpu, &vm->kvm)
		enter(vm, vcpu->id, to_s390(vcpu)->sie);
	mutex_unlock(&vm->walk_lock);
	kvm_request_all(&vm->kvm, KVM_REQ_CONTROLS);
	s390_walk_end(vm);
	free_page((unsigned long)old);
	return 0;
}

/* -EINVAL: no CPU can have this number; -ENOMEM. Context: kvm->lock held. */
int s390_sca_room(struct s390_vm *vm, unsigned int id)
{
	lockdep_assert_held(&vm->kvm.lock);
	if (id >= s390_max_vcpus())
		return -EINVAL;
	if (id < SIE_SCA_CPUS || !extended_possible() || vm->sca_extended)
		return 0;
	return extend(vm);
}

/*
 * CPUs of a user-controlled VM know nothing of each other, and have no places. Context: kvm->lock
 * held; the CPU is in the VM's table.
 */
void s390_sca_enter(struct s390_vcpu *v)
{
	mutex_lock(&vm_of(v)->walk_lock);
	enter(vm_of(v), v->vcpu.id, v->sie);
	mutex_unlock(&vm_of(v)->walk_lock);
	s390_sca_controls(v);
}

void s390_sca_leave(struct s390_vcpu *v)
{
	struct s390_vm *vm = vm_of(v);
	unsigned int id = v->vcpu.id;
	unsigned long *used;
	u64 *place;

	mutex_lock(&vm->walk_lock);
	place = place_of(vm, id, &used);
	if (place && *place == (u64)v->sie) {
		clear_bit_inv(id, used);
		*place = 0;
	}
	mutex_unlock(&vm->walk_lock);
}
