/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Asynchronous page faults: a page of the guest's whose coming takes long is brought in by a
 * worker, while the vCPU runs on.
 *
 * Whether the guest can do something else meanwhile, and how it is told, is the architecture's. It
 * tells the guest that a page is missing and calls kvm_async_pf_start() with a token of its own;
 * when the page is there, or cannot come, kvm_arch_ops.async_pf_done is called with that token.
 */
#ifndef KVM_ASYNC_PF_H
#define KVM_ASYNC_PF_H

#include <kvm/types.h>

#define KVM_ASYNC_PF_PER_VCPU	64

/* One vCPU's, in struct kvm_vcpu. */
struct kvm_async_pfs {
	spinlock_t	lock;		/* guards the rest; irqs on, innermost */
	unsigned int	n;		/* under way, those forgotten included */
	u64		round;		/* rises when all that are under way are forgotten */
};

/**
 * kvm_async_pf_start - have a page brought in
 * @vcpu: for whose guest
 * @hva: where it is in the VMM
 * @token: for kvm_arch_ops.async_pf_done
 *
 * Context: the vCPU's thread; sleeps. Return: whether the page is under way; if not, too many are,
 * or there is no memory, and the vCPU has to wait for it itself.
 */
bool kvm_async_pf_start(struct kvm_vcpu *vcpu, hva_t hva, u64 token);

/*
 * The guest waits for none of them any more (reset): their end will not be told. Context: any
 * thread.
 */
void kvm_async_pf_forget(struct kvm_vcpu *vcpu);

/*
 * Wait until none is under way, of any vCPU of @kvm. The caller sees to it that none is begun.
 * Context: no lock that a fault may need. Return: 0, -EINTR.
 */
int kvm_async_pf_wait(struct kvm *kvm);

#endif /* KVM_ASYNC_PF_H */
