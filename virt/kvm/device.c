// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_CREATE_DEVICE: devices of the VM that are files, with attributes to set and get (KVM API 4.79
 * to 4.81).
 *
 * A class is registered by whoever implements it. A device lives as long as the VM, since the guest
 * may use it after its file is closed; only a class with a release function ends its devices with
 * their files. The file holds a reference to the VM.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "core.h"

static DEFINE_SPINLOCK(classes_lock);
static const struct kvm_device_class *classes[KVM_DEV_TYPE_MAX];	/* under classes_lock */

int kvm_device_class_register(const struct kvm_device_class *ops, u32 type)
{
	int r = 0;

	if (type >= ARRAY_SIZE(classes))
		return -ENOSPC;
	spin_lock(&classes_lock);
	if (classes[type])
		r = -EBUSY;
	else
		classes[type] = ops;
	spin_unlock(&classes_lock);
	return r;
}
EXPORT_SYMBOL_GPL(kvm_device_class_register);

void kvm_device_class_unregister(u32 type)
{
	if (type >= ARRAY_SIZE(classes))
		return;
	spin_lock(&classes_lock);
	classes[type] = NULL;
	spin_unlock(&classes_lock);
}
EXPORT_SYMBOL_GPL(kvm_device_class_unregister);

static const struct kvm_device_class *class_of(u32 type)
{
	const struct kvm_device_class *class;

	if (type >= ARRAY_SIZE(classes))
		return NULL;
	type = array_index_nospec(type, ARRAY_SIZE(classes));
	spin_lock(&classes_lock);
	class = classes[type];
	spin_unlock(&classes_lock);
	return class;
}

typedef int (*attr_fn)(struct kvm_device *dev, struct kvm_device_attr *attr);

static long call_attr(struct kvm_device *dev, attr_fn fn, unsigned long arg)
{
	struct kvm_device_attr attr;

	if (!fn)
		return -EPERM;
	if (copy_from_user(&attr, (void __user *)arg, sizeof(attr)))
		return -EFAULT;
	return fn(dev, &attr);
}

static long device_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct kvm_device *dev = file->private_data;
	const struct kvm_device_class *class = dev->class;

	if (dev->kvm->mm != current->mm || READ_ONCE(dev->kvm->dead))
		return -EIO;
	switch (cmd) {
	case KVM_SET_DEVICE_ATTR:
		return call_attr(dev, class->set_attr, arg);
	case KVM_GET_DEVICE_ATTR:
		return call_attr(dev, class->get_attr, arg);
	case KVM_HAS_DEVICE_ATTR:
		return call_attr(dev, class->has_attr, arg);
	default:
		return class->ioctl ? class->ioctl(dev, cmd, arg) : -ENOTTY;
	}
}

static int device_release(struct inode *inode, struct file *file)
{
	struct kvm_device *dev = file->private_data;
	struct kvm *kvm = dev->kvm;

	if (dev->class->release) {
		mutex_lock(&kvm->lock);
		list_del(&dev->node);
		dev->class->release(dev);
		mutex_unlock(&kvm->lock);
		kfree(dev);
	}
	kvm_put_kvm(kvm);
	return 0;
}

static const struct file_operations device_fops = {
	.owner		= THIS_MODULE,
	.unlocked_ioctl	= device_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
	.release	= device_release,
	.llseek		= noop_llseek,
};

static struct kvm_device *make_device(struct kvm *kvm, const struct kvm_device_class *class,
				      u32 type)
{
	struct kvm_device *dev = kzalloc(sizeof(*dev), GFP_KERNEL_ACCOUNT);
	int r;

	if (!dev)
		return ERR_PTR(-ENOMEM);
	dev->class = class;
	dev->kvm = kvm;

	mutex_lock(&kvm->lock);
	r = class->create(dev, type);
	if (!r)
		list_add(&dev->node, &kvm->devices);
	mutex_unlock(&kvm->lock);
	if (r) {
		kfree(dev);
		return ERR_PTR(r);
	}
	return dev;
}

/*
 * The device has no file: as if it had been closed, or as if the VM went, whichever ends its kind.
 */
static void unmake_device(struct kvm_device *dev)
{
	struct kvm *kvm = dev->kvm;

	mutex_lock(&kvm->lock);
	list_del(&dev->node);
	if (dev->class->release)
		dev->class->release(dev);
	mutex_unlock(&kvm->lock);
	if (!dev->class->release && dev->class->destroy)
		dev->class->destroy(dev);
	kfree(dev);
}

/* A file for @dev that nobody has seen yet. It takes a reference to the VM. */
static struct file *make_file(struct kvm_device *dev)
{
	struct file *file;

	kvm_get_kvm(dev->kvm);
	file = anon_inode_getfile(dev->class->name, &device_fops, dev, O_RDWR);
	if (IS_ERR(file))
		kvm_put_kvm_no_destroy(dev->kvm);
	return file;
}

/*
 * The number of the file is told before there is one: a file could not be taken back without its
 * release, and a device that stays without one could not be made again.
 */
static int create_device(struct kvm *kvm, const struct kvm_device_class *class,
			 struct kvm_create_device *args, struct kvm_create_device __user *user)
{
	struct kvm_device *dev;
	struct file *file;
	int r;

	args->fd = get_unused_fd_flags(O_CLOEXEC);
	if ((int)args->fd < 0)
		return args->fd;
	dev = make_device(kvm, class, args->type);
	r = PTR_ERR_OR_ZERO(dev);
	if (r)
		goto no_device;
	r = put_user(args->fd, &user->fd);
	if (r)
		goto no_file;
	file = make_file(dev);
	r = PTR_ERR_OR_ZERO(file);
	if (r)
		goto no_file;
	if (class->init)
		class->init(dev);
	fd_install(args->fd, file);
	return 0;

no_file:
	unmake_device(dev);
no_device:
	put_unused_fd(args->fd);
	return r;
}

/*
 * KVM_CREATE_DEVICE: -ENODEV for a type that is not there; with KVM_CREATE_DEVICE_TEST only that is
 * said.
 */
long kvm_vm_create_device(struct kvm *kvm, struct kvm_arg *arg)
{
	const struct kvm_device_class *class;
	struct kvm_create_device args;

	if (copy_from_user(&args, arg->user, sizeof(args)))
		return -EFAULT;
	class = class_of(args.type);
	if (!class)
		return -ENODEV;
	if (args.flags & ~KVM_CREATE_DEVICE_TEST)
		return -EINVAL;
	if (args.flags & KVM_CREATE_DEVICE_TEST)
		return 0;
	return create_device(kvm, class, &args, arg->user);
}

/* Nobody has the VM any more; what is left are devices that live with it. */
void kvm_devices_destroy(struct kvm *kvm)
{
	struct kvm_device *dev, *next;

	list_for_each_entry_safe(dev, next, &kvm->devices, node) {
		list_del(&dev->node);
		if (dev->class->destroy)
			dev->class->destroy(dev);
		kfree(dev);
	}
}
