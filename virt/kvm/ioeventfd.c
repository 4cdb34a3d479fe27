// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioeventfd: a guest's write to an address or port signals an eventfd, and the vCPU runs on (KVM
 * API 4.59).
 *
 * Each is a device on a bus. It may ask for a length and a value; one of length 0 takes a write of
 * any length, and if it stands for an MMIO address it is also on KVM_BUS_FAST_MMIO, where the
 * address alone is looked up, before anyone has decoded the instruction.
 */
#include <linux/eventfd.h>
#include <linux/slab.h>

#include "core.h"

struct ioeventfd {
	struct list_head	node;	/* of kvm->ioeventfds; slots_lock */
	struct eventfd_ctx	*ctx;
	u64			addr;
	u64			value;	/* wanted, if @match */
	u32			len;
	bool			match;
	enum kvm_bus		bus;
	struct kvm_io_device	dev;
	struct kvm_io_device	fast;	/* the same on KVM_BUS_FAST_MMIO */
};

static u64 value_of(const void *val, int len)
{
	switch (len) {
	case 1:
		return *(const u8 *)val;
	case 2:
		return get_unaligned((const u16 *)val);
	case 4:
		return get_unaligned((const u32 *)val);
	default:
		return get_unaligned((const u64 *)val);
	}
}

static bool takes(const struct ioeventfd *e, gpa_t addr, int len, const void *val)
{
	if (addr != e->addr)
		return false;
	if (!e->len)
		return true;
	return len == e->len && (!e->match || value_of(val, len) == e->value);
}

static int io_write(struct kvm_vcpu *vcpu, struct kvm_io_device *dev, gpa_t addr, int len,
		    const void *val)
{
	struct ioeventfd *e = container_of(dev, struct ioeventfd, dev);

	if (!takes(e, addr, len, val))
		return -EOPNOTSUPP;
	eventfd_signal(e->ctx, 1);
	return 0;
}

static int fast_write(struct kvm_vcpu *vcpu, struct kvm_io_device *dev, gpa_t addr, int len,
		      const void *val)
{
	struct ioeventfd *e = container_of(dev, struct ioeventfd, fast);

	if (addr != e->addr)
		return -EOPNOTSUPP;
	eventfd_signal(e->ctx, 1);
	return 0;
}

static void io_free(struct ioeventfd *e)
{
	eventfd_ctx_put(e->ctx);
	kfree(e);
}

static void io_destroy(struct kvm_io_device *dev)
{
	struct ioeventfd *e = container_of(dev, struct ioeventfd, dev);

	list_del(&e->node);
	io_free(e);
}

static const struct kvm_io_ops io_ops = {
	.write		= io_write,
	.destroy	= io_destroy,
	.uncounted	= true,
};

/* No destroy: the first device's frees both. */
static const struct kvm_io_ops fast_ops = {
	.write		= fast_write,
	.uncounted	= true,
};

static bool wants_fast(const struct ioeventfd *e)
{
	return e->bus == KVM_BUS_MMIO && !e->len;
}

static int check_args(const struct kvm_ioeventfd *args)
{
	const u32 other_bus = KVM_IOEVENTFD_FLAG_PIO | KVM_IOEVENTFD_FLAG_VIRTIO_CCW_NOTIFY;

	if (args->flags & ~KVM_IOEVENTFD_VALID_FLAG_MASK)
		return -EINVAL;
	if ((args->flags & other_bus) == other_bus)
		return -EINVAL;
	if (args->len > 8 || (args->len & (args->len - 1)))	/* 0, 1, 2, 4, 8 */
		return -EINVAL;
	if (args->addr + args->len < args->addr)
		return -EINVAL;
	if (!args->len && args->flags & KVM_IOEVENTFD_FLAG_DATAMATCH)
		return -EINVAL;
	return 0;
}

static enum kvm_bus args_bus(const struct kvm_ioeventfd *args)
{
	if (args->flags & KVM_IOEVENTFD_FLAG_PIO)
		return KVM_BUS_PIO;
	if (args->flags & KVM_IOEVENTFD_FLAG_VIRTIO_CCW_NOTIFY)
		return KVM_BUS_VIRTIO_CCW;
	return KVM_BUS_MMIO;
}

static struct ioeventfd *io_make(const struct kvm_ioeventfd *args)
{
	struct eventfd_ctx *ctx = eventfd_ctx_fdget(args->fd);
	struct ioeventfd *e;

	if (IS_ERR(ctx))
		return ERR_CAST(ctx);
	e = kzalloc(sizeof(*e), GFP_KERNEL_ACCOUNT);
	if (!e) {
		eventfd_ctx_put(ctx);
		return ERR_PTR(-ENOMEM);
	}
	e->ctx = ctx;
	e->addr = args->addr;
	e->len = args->len;
	e->bus = args_bus(args);
	e->match = args->flags & KVM_IOEVENTFD_FLAG_DATAMATCH;
	e->value = e->match ? args->datamatch : 0;
	e->dev.ops = &io_ops;
	e->fast.ops = &fast_ops;
	return e;
}

/* Can one write be meant for both? */
static bool conflict(const struct ioeventfd *a, const struct ioeventfd *b)
{
	if (a->bus != b->bus || a->addr != b->addr)
		return false;
	if (!a->len || !b->len)
		return true;
	return a->len == b->len && (!a->match || !b->match || a->value == b->value);
}

static int io_register(struct kvm *kvm, struct ioeventfd *e)
{
	struct ioeventfd *other;
	int r;

	lockdep_assert_held(&kvm->slots_lock);

	list_for_each_entry(other, &kvm->ioeventfds, node) {
		if (conflict(e, other))
			return -EEXIST;
	}
	r = kvm_io_bus_register(kvm, e->bus, e->addr, e->len, &e->dev);
	if (r)
		return r;
	if (wants_fast(e)) {
		r = kvm_io_bus_register(kvm, KVM_BUS_FAST_MMIO, e->addr, 0, &e->fast);
		if (r) {
			kvm_io_bus_unregister(kvm, e->bus, &e->dev);
			return r;
		}
	}
	list_add_tail(&e->node, &kvm->ioeventfds);
	return 0;
}

static long assign(struct kvm *kvm, const struct kvm_ioeventfd *args)
{
	struct ioeventfd *e = io_make(args);
	int r;

	if (IS_ERR(e))
		return PTR_ERR(e);
	mutex_lock(&kvm->slots_lock);
	r = io_register(kvm, e);
	mutex_unlock(&kvm->slots_lock);
	if (r)
		io_free(e);
	return r;
}

static bool same(const struct ioeventfd *e, const struct kvm_ioeventfd *args,
		 const struct eventfd_ctx *ctx)
{
	bool match = args->flags & KVM_IOEVENTFD_FLAG_DATAMATCH;

	return e->ctx == ctx && e->bus == args_bus(args) && e->addr == args->addr &&
	       e->len == args->len && e->match == match && (!match || e->value == args->datamatch);
}

static struct ioeventfd *io_find(struct kvm *kvm, const struct kvm_ioeventfd *args,
				 const struct eventfd_ctx *ctx)
{
	struct ioeventfd *e;

	lockdep_assert_held(&kvm->slots_lock);

	list_for_each_entry(e, &kvm->ioeventfds, node) {
		if (same(e, args, ctx))
			return e;
	}
	return NULL;
}

static long deassign(struct kvm *kvm, const struct kvm_ioeventfd *args)
{
	struct eventfd_ctx *ctx = eventfd_ctx_fdget(args->fd);
	struct ioeventfd *e;

	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	mutex_lock(&kvm->slots_lock);
	e = io_find(kvm, args, ctx);
	if (e) {
		if (wants_fast(e))
			kvm_io_bus_unregister(kvm, KVM_BUS_FAST_MMIO, &e->fast);
		kvm_io_bus_unregister(kvm, e->bus, &e->dev);
		io_destroy(&e->dev);
	}
	mutex_unlock(&kvm->slots_lock);
	eventfd_ctx_put(ctx);
	return e ? 0 : -ENOENT;
}

/*
 * KVM_IOEVENTFD. Making one needs the file table and memory before slots_lock, so the row takes no
 * lock.
 */
long kvm_vm_ioeventfd(struct kvm *kvm, struct kvm_arg *arg)
{
	const struct kvm_ioeventfd *args = arg->data;
	int r = check_args(args);

	if (r)
		return r;
	if (args->flags & KVM_IOEVENTFD_FLAG_DEASSIGN)
		return deassign(kvm, args);
	return assign(kvm, args);
}
