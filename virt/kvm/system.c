// SPDX-License-Identifier: GPL-2.0-only
/*
 * What can be asked of /dev/kvm itself: which version, what it can do, and a new VM.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>

#include "core.h"

static long sys_api_version(struct kvm_arg *arg)
{
	return KVM_API_VERSION;
}

static long sys_check_extension(struct kvm_arg *arg)
{
	return kvm_cap_get(NULL, arg->value);
}

static long sys_vcpu_mmap_size(struct kvm_arg *arg)
{
	return kvm_arch->run_pages * PAGE_SIZE;
}

/*
 * The number of the file is taken first, since the VM's directory of statistics is named after it,
 * and installed last: until then nobody can reach what may yet fail.
 */
static long sys_create_vm(struct kvm_arg *arg)
{
	struct file *file;
	struct kvm *kvm;
	int fd;

	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;

	kvm = kvm_vm_create(arg->value, fd);
	if (IS_ERR(kvm)) {
		put_unused_fd(fd);
		return PTR_ERR(kvm);
	}

	file = anon_inode_getfile("kvm-vm", &kvm_vm_fops, kvm, O_RDWR);
	if (IS_ERR(file)) {
		kvm_put_kvm(kvm);
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	fd_install(fd, file);
	return fd;
}

static const struct kvm_ioctl rows[] = {
	KVM_SYS_IOCTL(KVM_GET_API_VERSION,	ARG_NONE,	sys_api_version),
	KVM_SYS_IOCTL(KVM_CREATE_VM,		ARG_VALUE,	sys_create_vm),
	KVM_SYS_IOCTL(KVM_CHECK_EXTENSION,	ARG_VALUE,	sys_check_extension),
	KVM_SYS_IOCTL(KVM_GET_VCPU_MMAP_SIZE,	ARG_NONE,	sys_vcpu_mmap_size),
};

const struct kvm_ioctl_table kvm_sys_ioctls = KVM_IOCTL_TABLE(rows);

static const struct kvm_ioctl_target nobody;

static long sys_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return kvm_ioctl_dispatch(&nobody, file, cmd, arg, false);
}

static long __maybe_unused sys_compat_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	return kvm_ioctl_dispatch(&nobody, file, cmd, arg, true);
}

/* A template: main.c copies it, to set the owner that is known when the architecture registers. */
const struct file_operations kvm_sys_fops = {
	.unlocked_ioctl	= sys_ioctl,
#ifdef CONFIG_COMPAT
	.compat_ioctl	= sys_compat_ioctl,
#endif
	.llseek		= noop_llseek,
};
