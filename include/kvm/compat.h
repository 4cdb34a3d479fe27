/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one place for kernel versions.
 *
 * The modules are built against a distribution's headers. Whatever differs from one kernel to the
 * next is given one name here, and the rest of the tree uses that name; no other file tests
 * LINUX_VERSION_CODE.
 */
#ifndef KVM_COMPAT_H
#define KVM_COMPAT_H

#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "this KVM is built for Linux 6.1 and later"
#endif

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#include <linux/unaligned.h>
#else
#include <asm/unaligned.h>
#endif

/* get_user_pages(): a signal of any kind ends the wait, not only a fatal one. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
#define KVM_FOLL_INTERRUPTIBLE	FOLL_INTERRUPTIBLE
#else
#define KVM_FOLL_INTERRUPTIBLE	0
#endif

/* Exported by the kernel for its own KVM, and declared in none of its headers. */
#ifdef CONFIG_X86
extern bool itlb_multihit_kvm_mitigation;
#endif

#endif /* KVM_COMPAT_H */
