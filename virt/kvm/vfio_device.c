// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_DEV_TYPE_VFIO: by this device a VMM tells KVM which VFIO groups its VM uses, and VFIO whose
 * VM that is (devices/vfio.rst). One a VM.
 *
 * vfio.ko may not be loaded, and must not be needed: its functions are looked up when a group comes
 * or goes. While a group is on the list its file is held, and vfio.ko with it.
 *
 * A group whose IOMMU cannot make DMA look into the CPU's caches makes the VM's DMA incoherent:
 * then what the guest does about caches has to be done (kvm->noncoherent_groups).
 */
#include <linux/file.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vfio.h>

#include "core.h"

struct vfio_group_of_vm {
	struct list_head	node;
	struct file		*file;
	bool			noncoherent;
};

struct vfio_room {
	struct mutex		lock;		/* guards groups */
	struct list_head	groups;
};

static bool is_group(struct file *file)
{
	bool (*fn)(struct file *file) = symbol_get(vfio_file_is_group);
	bool yes;

	if (!fn)
		return false;
	yes = fn(file);
	symbol_put(vfio_file_is_group);
	return yes;
}

static bool is_coherent(struct file *file)
{
	bool (*fn)(struct file *file) = symbol_get(vfio_file_enforced_coherent);
	bool yes;

	if (!fn)
		return false;
	yes = fn(file);
	symbol_put(vfio_file_enforced_coherent);
	return yes;
}

static void tell_vfio(struct file *file, struct kvm *kvm)
{
	void (*fn)(struct file *file, struct kvm *kvm) = symbol_get(vfio_file_set_kvm);

	if (!fn)
		return;
	fn(file, kvm);
	symbol_put(vfio_file_set_kvm);
}

static struct vfio_group_of_vm *find_group(struct vfio_room *room, const struct file *file)
{
	struct vfio_group_of_vm *g;

	lockdep_assert_held(&room->lock);
	list_for_each_entry(g, &room->groups, node)
		if (g->file == file)
			return g;
	return NULL;
}

/* Takes over the reference to @file when it succeeds. */
static int add_group(struct kvm_device *dev, struct file *file)
{
	struct vfio_room *room = dev->private;
	struct vfio_group_of_vm *g;

	if (!is_group(file))
		return -EINVAL;
	if (find_group(room, file))
		return -EEXIST;
	g = kzalloc(sizeof(*g), GFP_KERNEL_ACCOUNT);
	if (!g)
		return -ENOMEM;
	g->file = file;
	g->noncoherent = !is_coherent(file);
	if (g->noncoherent)
		atomic_inc(&dev->kvm->noncoherent_groups);
	list_add_tail(&g->node, &room->groups);
	tell_vfio(file, dev->kvm);
	return 0;
}

static void drop_group(struct kvm_device *dev, struct vfio_group_of_vm *g)
{
	list_del(&g->node);
	tell_vfio(g->file, NULL);
	if (g->noncoherent)
		atomic_dec(&dev->kvm->noncoherent_groups);
	fput(g->file);
	kfree(g);
}

static int vfio_add(struct kvm_device *dev, int fd)
{
	struct vfio_room *room = dev->private;
	struct file *file = fget(fd);
	int r;

	if (!file)
		return -EBADF;
	mutex_lock(&room->lock);
	r = add_group(dev, file);
	mutex_unlock(&room->lock);
	if (r)
		fput(file);
	return r;
}

static int vfio_del(struct kvm_device *dev, int fd)
{
	struct vfio_room *room = dev->private;
	struct file *file = fget(fd);
	struct vfio_group_of_vm *g;

	if (!file)
		return -EBADF;
	mutex_lock(&room->lock);
	g = find_group(room, file);
	if (g)
		drop_group(dev, g);
	mutex_unlock(&room->lock);
	fput(file);
	return g ? 0 : -ENOENT;
}

/*
 * The class.
 */
static int vfio_has_attr(struct kvm_device *dev, struct kvm_device_attr *attr)
{
	if (attr->group != KVM_DEV_VFIO_GROUP)
		return -ENXIO;
	switch (attr->attr) {
	case KVM_DEV_VFIO_GROUP_ADD:
	case KVM_DEV_VFIO_GROUP_DEL:
		return 0;
	default:
		return -ENXIO;
	}
}

static int vfio_set_attr(struct kvm_device *dev, struct kvm_device_attr *attr)
{
	int r = vfio_has_attr(dev, attr);
	s32 fd;

	if (r)
		return r;
	if (get_user(fd, (s32 __user *)u64_to_user_ptr(attr->addr)))
		return -EFAULT;
	return attr->attr == KVM_DEV_VFIO_GROUP_ADD ? vfio_add(dev, fd) : vfio_del(dev, fd);
}

static const struct kvm_device_class vfio_class;

static int vfio_create(struct kvm_device *dev, u32 type)
{
	struct kvm_device *other;
	struct vfio_room *room;

	lockdep_assert_held(&dev->kvm->lock);
	list_for_each_entry(other, &dev->kvm->devices, node)
		if (other->class == &vfio_class)
			return -EBUSY;
	room = kzalloc(sizeof(*room), GFP_KERNEL_ACCOUNT);
	if (!room)
		return -ENOMEM;
	mutex_init(&room->lock);
	INIT_LIST_HEAD(&room->groups);
	dev->private = room;
	return 0;
}

static void vfio_release(struct kvm_device *dev)
{
	struct vfio_room *room = dev->private;
	struct vfio_group_of_vm *g, *next;

	mutex_lock(&room->lock);
	list_for_each_entry_safe(g, next, &room->groups, node)
		drop_group(dev, g);
	mutex_unlock(&room->lock);
	mutex_destroy(&room->lock);
	kfree(room);
}

static const struct kvm_device_class vfio_class = {
	.name		= "kvm-vfio",
	.create		= vfio_create,
	.release	= vfio_release,
	.has_attr	= vfio_has_attr,
	.set_attr	= vfio_set_attr,
};

int kvm_vfio_init(void)
{
	return kvm_device_class_register(&vfio_class, KVM_DEV_TYPE_VFIO);
}

void kvm_vfio_exit(void)
{
	kvm_device_class_unregister(KVM_DEV_TYPE_VFIO);
}
