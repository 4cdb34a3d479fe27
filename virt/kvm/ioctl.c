// SPDX-License-Identifier: GPL-2.0-only
/*
 * One way in for every ioctl: look the row up, bring the argument in, lock, call, unlock, bring the
 * answer out.
 *
 * There are three kinds of files, and for each kind the core has a table and the architecture
 * another. When the architecture registers, both are merged into an index by the low byte of the
 * request, so that a lookup is one array access and mostly one comparison. A request that two rows
 * claim is a bug that refuses to register.
 *
 * User memory is never touched under a lock that a row names, but by ARG_USER handlers. A handler
 * that fails leaves the caller's memory as it was.
 */
#include <linux/compat.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "core.h"

/* For each _IOC_NR(cmd) where in @lists its rows are, with a NULL behind them. */
struct ioctl_index {
	const struct kvm_ioctl	**lists;
	const struct kvm_ioctl	**of[_IOC_NRMASK + 1];
};

enum file_kind {
	FILE_SYS,
	FILE_VM,
	FILE_VCPU,
	NR_FILE_KINDS,
};

/* Written while no file of any kind is open. */
static struct ioctl_index indexes[NR_FILE_KINDS];

/* Copies up to this size stand on the stack: registers and all that is asked for often. */
#define SMALL_ARG	512

static bool arg_is_copied(const struct kvm_ioctl *row)
{
	return row->arg == ARG_IN || row->arg == ARG_OUT || row->arg == ARG_INOUT;
}

static const struct kvm_ioctl *ioctl_find(const struct ioctl_index *index, unsigned int cmd)
{
	const struct kvm_ioctl *const *row = index->of[_IOC_NR(cmd)];

	while (*row && (*row)->cmd != cmd)
		row++;
	return *row;
}

/* A row may only name locks that exist behind its kind of file, and copies of some size. */
static bool row_valid(enum file_kind kind, const struct kvm_ioctl *row)
{
	static const u8 strongest[] = {
		[FILE_SYS]	= LOCK_NONE,
		[FILE_VM]	= LOCK_SLOTS,
		[FILE_VCPU]	= LOCK_VCPU_IDLE,
	};

	return row->sys && row->lock <= strongest[kind] &&
	       (!arg_is_copied(row) || _IOC_SIZE(row->cmd));
}

/* Put the rows of @table at the ends of their lists. */
static int index_fill(struct ioctl_index *index, enum file_kind kind,
		      const struct kvm_ioctl_table *table)
{
	const struct kvm_ioctl *row, **place;

	for (row = table->rows; row < table->rows + table->n; row++) {
		if (!row_valid(kind, row))
			goto bad;
		for (place = index->of[_IOC_NR(row->cmd)]; *place; place++) {
			if ((*place)->cmd == row->cmd)
				goto bad;
		}
		*place = row;
	}
	return 0;
bad:
	pr_err("kvm: %s: two rows, or one that cannot be\n", row->name);
	return -EINVAL;
}

static void index_count(u16 *count, const struct kvm_ioctl_table *table)
{
	unsigned int i;

	for (i = 0; i < table->n; i++)
		count[_IOC_NR(table->rows[i].cmd)]++;
}

static int index_build(enum file_kind kind, const struct kvm_ioctl_table *core,
		       const struct kvm_ioctl_table *arch)
{
	struct ioctl_index *index = &indexes[kind];
	const struct kvm_ioctl **place;
	u16 count[_IOC_NRMASK + 1] = { };
	int nr, r;

	index->lists = kcalloc(core->n + arch->n + ARRAY_SIZE(count), sizeof(*place), GFP_KERNEL);
	if (!index->lists)
		return -ENOMEM;

	index_count(count, core);
	index_count(count, arch);
	place = index->lists;
	for (nr = 0; nr <= _IOC_NRMASK; nr++) {
		index->of[nr] = place;
		place += count[nr] + 1;
	}

	r = index_fill(index, kind, core);
	return r ?: index_fill(index, kind, arch);
}

/**
 * kvm_ioctl_init - merge the tables of core and architecture
 * @ops: the architecture's table
 *
 * Context: no file of ours is open yet; sleeps.
 * Return: 0, -EINVAL when two rows claim one request or a row is impossible, -ENOMEM.
 */
int kvm_ioctl_init(const struct kvm_arch_ops *ops)
{
	int r;

	r = index_build(FILE_SYS, &kvm_sys_ioctls, &ops->sys_ioctls);
	if (!r)
		r = index_build(FILE_VM, &kvm_vm_ioctls, &ops->vm_ioctls);
	if (!r)
		r = index_build(FILE_VCPU, &kvm_vcpu_ioctls, &ops->vcpu_ioctls);
	if (r)
		kvm_ioctl_exit();
	return r;
}

void kvm_ioctl_exit(void)
{
	int kind;

	for (kind = 0; kind < NR_FILE_KINDS; kind++)
		kfree(indexes[kind].lists);
	memset(indexes, 0, sizeof(indexes));
}

/* Inline, as is the next: KVM_RUN comes this way once for every exit to user space. */
static __always_inline int row_lock(const struct kvm_ioctl *row, const struct kvm_ioctl_target *t)
{
	if (row->lock >= LOCK_VCPU) {
		if (mutex_lock_killable(&t->vcpu->mutex))
			return -EINTR;
		if (row->lock == LOCK_VCPU)
			kvm_vcpu_load(t->vcpu);
	} else if (row->lock == LOCK_SLOTS) {
		mutex_lock(&t->kvm->slots_lock);
	} else if (row->lock == LOCK_VM) {
		mutex_lock(&t->kvm->lock);
	}
	return 0;
}

static __always_inline void row_unlock(const struct kvm_ioctl *row,
				       const struct kvm_ioctl_target *t)
{
	if (row->lock >= LOCK_VCPU) {
		if (row->lock == LOCK_VCPU)
			kvm_vcpu_put(t->vcpu);
		mutex_unlock(&t->vcpu->mutex);
	} else if (row->lock == LOCK_SLOTS) {
		mutex_unlock(&t->kvm->slots_lock);
	} else if (row->lock == LOCK_VM) {
		mutex_unlock(&t->kvm->lock);
	}
}

static long row_call(const struct kvm_ioctl *row, const struct kvm_ioctl_target *t,
		     struct kvm_arg *arg)
{
	long r = row_lock(row, t);

	if (r)
		return r;

	if (t->vcpu)
		r = row->vcpu(t->vcpu, arg);
	else if (t->kvm)
		r = row->vm(t->kvm, arg);
	else
		r = row->sys(arg);

	row_unlock(row, t);
	return r;
}

#ifdef CONFIG_COMPAT
/*
 * Requests whose number is the same for a 32-bit program, and which hold a pointer in a union with
 * a u64: only its first four bytes were written.
 */
static void compat_fix(unsigned int cmd, void *data)
{
	struct kvm_clear_dirty_log *clear = data;
	struct kvm_dirty_log *get = data;

	if (cmd == KVM_GET_DIRTY_LOG)
		get->dirty_bitmap = compat_ptr(*(compat_uptr_t *)&get->padding2);
	else if (cmd == KVM_CLEAR_DIRTY_LOG)
		clear->dirty_bitmap = compat_ptr(*(compat_uptr_t *)&clear->padding2);
}
#else
static void compat_fix(unsigned int cmd, void *data)
{
}
#endif

static long call_with_copy(const struct kvm_ioctl *row, const struct kvm_ioctl_target *t,
			   struct kvm_arg *arg)
{
	size_t size = _IOC_SIZE(row->cmd);
	long r;

	if (row->arg == ARG_OUT)
		memset(arg->data, 0, size);
	else if (copy_from_user(arg->data, arg->user, size))
		return -EFAULT;
	if (arg->compat)
		compat_fix(row->cmd, arg->data);

	r = row_call(row, t, arg);
	if (r >= 0 && row->arg != ARG_IN && copy_to_user(arg->user, arg->data, size))
		return -EFAULT;
	return r;
}

/*
 * Own functions, so that KVM_RUN has no large frame to make and, where the compiler clears stacks,
 * to clear.
 */
static noinline long call_small(const struct kvm_ioctl *row, const struct kvm_ioctl_target *t,
				struct kvm_arg *arg)
{
	u64 data[SMALL_ARG / sizeof(u64)];

	arg->data = data;
	return call_with_copy(row, t, arg);
}

static noinline long call_large(const struct kvm_ioctl *row, const struct kvm_ioctl_target *t,
				struct kvm_arg *arg)
{
	long r;

	arg->data = kmalloc(_IOC_SIZE(row->cmd), GFP_KERNEL_ACCOUNT);
	if (!arg->data)
		return -ENOMEM;

	r = call_with_copy(row, t, arg);
	kfree(arg->data);
	return r;
}

static const struct ioctl_index *target_index(const struct kvm_ioctl_target *t)
{
	if (t->vcpu)
		return &indexes[FILE_VCPU];
	return t->kvm ? &indexes[FILE_VM] : &indexes[FILE_SYS];
}

/**
 * kvm_ioctl_dispatch - do one request
 * @target: whom it is for
 * @file: that it came on
 * @cmd: the request's number
 * @raw: the argument as it came
 * @compat: the caller is a 32-bit program
 *
 * Context: process context of the caller; sleeps.
 * Return: what the row's function returns; -ENOTTY no such request; -EINVAL an argument where there
 * is none; -EFAULT; -ENOMEM; -EINTR a fatal signal came while another thread had the vCPU.
 */
long kvm_ioctl_dispatch(const struct kvm_ioctl_target *target, struct file *file, unsigned int cmd,
			unsigned long raw, bool compat)
{
	const struct kvm_ioctl *row = ioctl_find(target_index(target), cmd);
	struct kvm_arg arg = {
		.value	= raw,
		.user	= compat ? compat_ptr(raw) : (void __user *)raw,
		.cmd	= cmd,
		.compat	= compat,
		.file	= file,
	};

	if (!row)
		return -ENOTTY;
	if (arg_is_copied(row) && _IOC_SIZE(cmd) <= SMALL_ARG)
		return call_small(row, target, &arg);
	if (arg_is_copied(row))
		return call_large(row, target, &arg);
	if (row->arg == ARG_NONE && raw)
		return -EINVAL;
	return row_call(row, target, &arg);
}
