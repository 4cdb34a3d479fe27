// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's protected keys: KVM_S390_VM_CRYPTO (devices/vm.rst of the kernel, 4).
 *
 * PCKMO (message-security-assist extension 3, facility 76) encrypts a key of the guest's under a
 * wrapping key of its CPU; other instructions take it in that form. For a guest the wrapping keys
 * are in the crypto control block, exclusive-ored as masks to the machine's own, one for DEA and
 * one for AES, and each has a control in the state description. A new key makes what was wrapped
 * before worthless, which is what a VMM wants that resets its guest.
 *
 * A VM has two such blocks. A change is made in the one that no CPU uses, then all CPUs are told,
 * and waited for: no CPU ever sees half of a key.
 *
 * Adapter queues (APIE) can be interpreted where the machine has such instructions; the guest
 * owns no queue, so that the masks of the block stay zero.
 */
#include <linux/mm.h>
#include <linux/random.h>
#include <asm/ap.h>
#include <asm/facility.h>

#include "s390.h"

/* The block in use. Context: kvm->lock held, or the VM new. */
static struct sie_crypto *current_block(struct s390_vm *vm)
{
	return &vm->crypto.page->block[vm->crypto.index];
}

/* Random numbers are asked for once: most of what they cost is to begin. */
static void new_keys(struct s390_vm *vm, struct sie_crypto *block, u8 fresh)
{
	struct {
		u8	aes[sizeof(block->aes)];
		u8	dea[sizeof(block->dea)];
	} keys;

	get_random_bytes(&keys, sizeof(keys));
	if (!(vm->crypto.wrap & SIE_EXECB2_AES))
		memzero_explicit(block->aes, sizeof(block->aes));
	else if (fresh & SIE_EXECB2_AES)
		memcpy(block->aes, keys.aes, sizeof(block->aes));
	if (!(vm->crypto.wrap & SIE_EXECB2_DEA))
		memzero_explicit(block->dea, sizeof(block->dea));
	else if (fresh & SIE_EXECB2_DEA)
		memcpy(block->dea, keys.dea, sizeof(block->dea));
	memzero_explicit(&keys, sizeof(keys));
}

/* A new VM wraps both, if the machine can. */
int s390_crypto_init(struct s390_vm *vm)
{
	vm->crypto.page = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT | GFP_DMA);
	if (!vm->crypto.page)
		return -ENOMEM;
	if (test_facility(FACILITY_MSA3)) {
		vm->crypto.wrap = SIE_EXECB2_AES | SIE_EXECB2_DEA;
		new_keys(vm, current_block(vm), vm->crypto.wrap);
	}
	return 0;
}

void s390_crypto_free(struct s390_vm *vm)
{
	if (vm->crypto.page)
		memzero_explicit(vm->crypto.page, sizeof(*vm->crypto.page));
	free_page((unsigned long)vm->crypto.page);
}

/*
 * Context: the CPU's own thread outside SIE (KVM_REQ_CONTROLS), or a CPU that is not yet anybody's.
 */
void s390_crypto_controls(struct s390_vcpu *v)
{
	struct s390_vm *vm = vm_of(v);
	u8 index = smp_load_acquire(&vm->crypto.index);	/* pairs with change() */
	struct sie_block *sie = v->sie;

	sie->exec_ctl &= ~SIE_EXEC_APIE;
	sie->exec_ctl_b[2] &= ~(SIE_EXECB2_AES | SIE_EXECB2_DEA);
	sie->crypto = 0;
	if (READ_ONCE(vm->crypto.apie))
		sie->exec_ctl |= SIE_EXEC_APIE;
	if (s390_has(vm, FACILITY_MSA3))
		sie->exec_ctl_b[2] |= READ_ONCE(vm->crypto.wrap);
	if (s390_has(vm, FACILITY_MSA3) || READ_ONCE(vm->crypto.apie))
		sie->crypto = (u32)(unsigned long)&vm->crypto.page->block[index] |
			      SIE_CRYPTO_FORMAT1;
}

/* @fresh: keys that are made anew. Context: kvm->lock held; sleeps. */
static void change(struct s390_vm *vm, u8 wrap, u8 fresh)
{
	struct sie_crypto *next = &vm->crypto.page->block[!vm->crypto.index];

	lockdep_assert_held(&vm->kvm.lock);
	*next = *current_block(vm);
	WRITE_ONCE(vm->crypto.wrap, wrap);
	new_keys(vm, next, fresh);
	/* the keys come before: pairs with s390_crypto_controls() */
	smp_store_release(&vm->crypto.index, !vm->crypto.index);
	kvm_request_all(&vm->kvm, KVM_REQ_CONTROLS);
	memzero_explicit(&vm->crypto.page->block[!vm->crypto.index], sizeof(*next));
}

/* -EINVAL: the guest has no protected keys. */
static int set_wrap(struct s390_vm *vm, u8 which, bool on)
{
	int r = -EINVAL;

	mutex_lock(&vm->kvm.lock);
	if (s390_has(vm, FACILITY_MSA3)) {
		change(vm, on ? vm->crypto.wrap | which : vm->crypto.wrap & ~which, which);
		r = 0;
	}
	mutex_unlock(&vm->kvm.lock);
	return r;
}

int s390_crypto_aes_on(struct s390_vm *vm, void __user *user)
{
	return set_wrap(vm, SIE_EXECB2_AES, true);
}

int s390_crypto_aes_off(struct s390_vm *vm, void __user *user)
{
	return set_wrap(vm, SIE_EXECB2_AES, false);
}

int s390_crypto_dea_on(struct s390_vm *vm, void __user *user)
{
	return set_wrap(vm, SIE_EXECB2_DEA, true);
}

int s390_crypto_dea_off(struct s390_vm *vm, void __user *user)
{
	return set_wrap(vm, SIE_EXECB2_DEA, false);
}

bool s390_crypto_has_ap(struct s390_vm *vm)
{
	return ap_instructions_available();
}

/* -EOPNOTSUPP: the machine has no adapter queues. */
static int set_apie(struct s390_vm *vm, bool on)
{
	if (!s390_crypto_has_ap(vm))
		return -EOPNOTSUPP;
	mutex_lock(&vm->kvm.lock);
	WRITE_ONCE(vm->crypto.apie, on);
	kvm_request_all(&vm->kvm, KVM_REQ_CONTROLS);
	mutex_unlock(&vm->kvm.lock);
	return 0;
}

int s390_crypto_apie_on(struct s390_vm *vm, void __user *user)
{
	return set_apie(vm, true);
}

int s390_crypto_apie_off(struct s390_vm *vm, void __user *user)
{
	return set_apie(vm, false);
}
