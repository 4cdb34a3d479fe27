/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ioctls as table rows.
 *
 * A row says what a request needs: how its argument travels, which lock it runs under, whether the vCPU is loaded. The
 * dispatcher (virt/kvm/ioctl.c) copies the argument in, takes the lock, calls the one function, releases, and copies
 * out when the function succeeded. A handler never takes a lock that its row could name. The core has one table for
 * each kind of file, the architecture adds one of its own for each.
 */
#ifndef KVM_IOCTL_H
#define KVM_IOCTL_H

#include <kvm/types.h>

enum kvm_arg_kind {
	ARG_NONE,	/* the argument must be 0 */
	ARG_ANY,	/* the argument is not looked at */
	ARG_VALUE,	/* the argument itself: arg->value */
	ARG_IN,		/* _IOC_SIZE bytes at the user pointer are copied into arg->data */
	ARG_OUT,	/* arg->data starts zeroed and is copied out when the handler returns >= 0 */
	ARG_INOUT,	/* both */
	ARG_USER,	/* variable length: the handler copies from and to arg->user itself */
};

enum kvm_lock_class {
	LOCK_NONE,
	LOCK_VM,	/* kvm->lock */
	LOCK_SLOTS,	/* kvm->slots_lock */
	LOCK_VCPU,	/* vcpu->mutex, with the vCPU loaded on this CPU */
	LOCK_VCPU_IDLE,	/* vcpu->mutex, vCPU not loaded */
};

struct kvm_arg {
	unsigned long	value;
	void __user	*user;
	void		*data;	/* kernel copy, _IOC_SIZE(cmd) bytes; 8-byte aligned */
	unsigned int	cmd;
	bool		compat;	/* from a 32-bit program */
	struct file	*file;
};

struct kvm_ioctl {
	unsigned int		cmd;
	u8			arg;	/* enum kvm_arg_kind */
	u8			lock;	/* enum kvm_lock_class */
	const char		*name;
	union {
		long (*sys)(struct kvm_arg *arg);
		long (*vm)(struct kvm *kvm, struct kvm_arg *arg);
		long (*vcpu)(struct kvm_vcpu *vcpu, struct kvm_arg *arg);
	};
};

#define KVM_SYS_IOCTL(_cmd, _arg, _fn) \
	{ .cmd = (_cmd), .arg = (_arg), .lock = LOCK_NONE, .name = #_cmd, .sys = (_fn) }
#define KVM_VM_IOCTL(_cmd, _arg, _lock, _fn) \
	{ .cmd = (_cmd), .arg = (_arg), .lock = (_lock), .name = #_cmd, .vm = (_fn) }
#define KVM_VCPU_IOCTL(_cmd, _arg, _lock, _fn) \
	{ .cmd = (_cmd), .arg = (_arg), .lock = (_lock), .name = #_cmd, .vcpu = (_fn) }

/* A table and its length, as the architecture hands it to the core. */
struct kvm_ioctl_table {
	const struct kvm_ioctl	*rows;
	unsigned int		n;
};

#define KVM_IOCTL_TABLE(_rows)	{ .rows = (_rows), .n = ARRAY_SIZE(_rows) }

/*
 * Capabilities as rows. A row with @value answers with that number; one with @get asks. @kvm is NULL when the question
 * comes on the system fd.
 */
struct kvm_cap {
	unsigned int	cap;
	int		value;
	int		(*get)(struct kvm *kvm);
};

struct kvm_cap_table {
	const struct kvm_cap	*rows;
	unsigned int		n;
};

#define KVM_CAP_TABLE(_rows)	{ .rows = (_rows), .n = ARRAY_SIZE(_rows) }

#endif /* KVM_IOCTL_H */
