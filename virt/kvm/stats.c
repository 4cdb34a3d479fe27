// SPDX-License-Identifier: GPL-2.0-only
/*
 * Statistics, told twice: as the binary file of KVM_GET_STATS_FD, and as text files in debugfs.
 *
 * Both come from rows (include/kvm/stats.h). When the architecture registers, the core's rows and
 * its own are put one behind the other, and the part of the binary file that is the same for every
 * VM (header, descriptors) is made once:
 *
 *	header | id, 48 bytes | a descriptor with its 48-byte name for each row | the values
 *
 * A counter has one writer and no lock, so a reader gets each value whole (64 bits), but not all of
 * one moment.
 *
 * /sys/kernel/debug/kvm has a file a row with the sum over all VMs, and a directory <pid>-<fd> a VM
 * with the VM's values, or the sums of its vCPUs'. Histograms are in the binary file only. Writing
 * 0 clears a counter.
 */
#include <linux/anon_inodes.h>
#include <linux/debugfs.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <uapi/linux/kvm.h>

#include "core.h"

static const struct kvm_stat_row vm_rows[] = {
	KVM_STAT_COUNTER(struct kvm, stat.remote_tlb_flush, "remote_tlb_flush"),
	KVM_STAT_COUNTER(struct kvm, stat.remote_tlb_flush_requests, "remote_tlb_flush_requests"),
};

static const struct kvm_stat_row vcpu_rows[] = {
	KVM_STAT_COUNTER(struct kvm_vcpu, stat.halt_successful_poll, "halt_successful_poll"),
	KVM_STAT_COUNTER(struct kvm_vcpu, stat.halt_attempted_poll, "halt_attempted_poll"),
	KVM_STAT_COUNTER(struct kvm_vcpu, stat.halt_poll_invalid, "halt_poll_invalid"),
	KVM_STAT_COUNTER(struct kvm_vcpu, stat.halt_wakeup, "halt_wakeup"),
	KVM_STAT_NSEC(struct kvm_vcpu, stat.halt_poll_success_ns, "halt_poll_success_ns"),
	KVM_STAT_NSEC(struct kvm_vcpu, stat.halt_poll_fail_ns, "halt_poll_fail_ns"),
	KVM_STAT_NSEC(struct kvm_vcpu, stat.halt_wait_ns, "halt_wait_ns"),
	KVM_STAT_LOGHIST_NSEC(struct kvm_vcpu, stat.halt_poll_success_hist,
			      "halt_poll_success_hist"),
	KVM_STAT_LOGHIST_NSEC(struct kvm_vcpu, stat.halt_poll_fail_hist, "halt_poll_fail_hist"),
	KVM_STAT_LOGHIST_NSEC(struct kvm_vcpu, stat.halt_wait_hist, "halt_wait_hist"),
	KVM_STAT_INSTANT(struct kvm_vcpu, stat.blocking, "blocking"),
};

/* A descriptor as it stands in the file: the name has its full size. */
struct file_desc {
	struct kvm_stats_desc	d;
	char			name[KVM_STATS_NAME_SIZE];
};

static_assert(offsetof(struct file_desc, name) == sizeof(struct kvm_stats_desc));

/* One kind of object: all its rows, and what a file of it begins with. */
struct stat_kind {
	const struct kvm_stat_row	**rows;
	unsigned int			n;
	unsigned int			values;		/* of all rows */
	struct kvm_stats_header		header;
	struct file_desc		*descs;
};

static struct stat_kind vm_kind, vcpu_kind;

static struct dentry *debugfs_root;

/* What a debugfs file shows: of one VM, or of all where @kvm is NULL. */
struct kvm_stat_file {
	struct kvm			*kvm;
	const struct kvm_stat_row	*row;
	bool				of_vcpus;
};

static struct kvm_stat_file *all_files;		/* those in the root */

static void kind_add_rows(struct stat_kind *k, const struct kvm_stat_row *row, unsigned int n)
{
	for (; n; row++, n--) {
		k->rows[k->n++] = row;
		k->values += row->n;
	}
}

static void desc_fill(struct file_desc *desc, const struct kvm_stat_row *row, u32 offset)
{
	desc->d.flags = row->flags;
	desc->d.exponent = row->exponent;
	desc->d.size = row->n;
	desc->d.offset = offset;
	desc->d.bucket_size = row->bucket_size;
	strscpy(desc->name, row->name, sizeof(desc->name));
}

static void kind_describe(struct stat_kind *k)
{
	u32 offset = 0;
	unsigned int i;

	for (i = 0; i < k->n; i++) {
		desc_fill(&k->descs[i], k->rows[i], offset);
		offset += k->rows[i]->n * sizeof(u64);
	}

	k->header.name_size = KVM_STATS_NAME_SIZE;
	k->header.num_desc = k->n;
	k->header.id_offset = sizeof(k->header);
	k->header.desc_offset = k->header.id_offset + KVM_STATS_NAME_SIZE;
	k->header.data_offset = k->header.desc_offset + k->n * sizeof(*k->descs);
}

static void kind_exit(struct stat_kind *k)
{
	kfree(k->descs);
	kfree(k->rows);
	memset(k, 0, sizeof(*k));
}

static int kind_init(struct stat_kind *k, const struct kvm_stat_row *core, unsigned int n,
		     const struct kvm_stat_table *arch)
{
	k->rows = kcalloc(n + arch->n, sizeof(*k->rows), GFP_KERNEL);
	k->descs = kcalloc(n + arch->n, sizeof(*k->descs), GFP_KERNEL);
	if (!k->rows || !k->descs) {
		kind_exit(k);
		return -ENOMEM;
	}
	kind_add_rows(k, core, n);
	kind_add_rows(k, arch->rows, arch->n);
	kind_describe(k);
	return 0;
}

static u64 *row_values(void *object, const struct kvm_stat_row *row)
{
	return object + row->offset;
}

/*
 * The binary file.
 */

/* Write the values of @object behind each other. */
static void copy_values(const struct stat_kind *k, void *object, u64 *to)
{
	unsigned int i, j;

	for (i = 0; i < k->n; i++) {
		for (j = 0; j < k->rows[i]->n; j++)
			*to++ = READ_ONCE(row_values(object, k->rows[i])[j]);
	}
}

static ssize_t stats_read(const struct stat_kind *k, void *object, const char *id,
			  char __user *buf, size_t len, loff_t *pos)
{
	size_t size = k->header.data_offset + k->values * sizeof(u64);
	void *image = kvzalloc(size, GFP_KERNEL_ACCOUNT);
	ssize_t r;

	if (!image)
		return -ENOMEM;

	memcpy(image, &k->header, sizeof(k->header));
	strscpy(image + k->header.id_offset, id, KVM_STATS_NAME_SIZE);
	memcpy(image + k->header.desc_offset, k->descs, k->n * sizeof(*k->descs));
	copy_values(k, object, image + k->header.data_offset);
	r = simple_read_from_buffer(buf, len, pos, image, size);
	kvfree(image);
	return r;
}

static ssize_t vm_stats_read(struct file *file, char __user *buf, size_t len, loff_t *pos)
{
	struct kvm *kvm = file->private_data;

	return stats_read(&vm_kind, kvm, kvm->stats_id, buf, len, pos);
}

static int vm_stats_release(struct inode *inode, struct file *file)
{
	kvm_put_kvm(file->private_data);
	return 0;
}

static const struct file_operations vm_stats_fops = {
	.owner		= THIS_MODULE,
	.read		= vm_stats_read,
	.release	= vm_stats_release,
	.llseek		= noop_llseek,
};

static ssize_t vcpu_stats_read(struct file *file, char __user *buf, size_t len, loff_t *pos)
{
	struct kvm_vcpu *vcpu = file->private_data;

	return stats_read(&vcpu_kind, vcpu, vcpu->stats_id, buf, len, pos);
}

static int vcpu_stats_release(struct inode *inode, struct file *file)
{
	struct kvm_vcpu *vcpu = file->private_data;

	kvm_put_kvm(vcpu->kvm);
	return 0;
}

static const struct file_operations vcpu_stats_fops = {
	.owner		= THIS_MODULE,
	.read		= vcpu_stats_read,
	.release	= vcpu_stats_release,
	.llseek		= noop_llseek,
};

/*
 * The file keeps the VM, since its statistics can be read after all other files of the VM are
 * closed.
 */
static long stats_fd(const char *name, const struct file_operations *fops, struct kvm *kvm,
		     void *object)
{
	struct file *file;
	int fd = get_unused_fd_flags(O_CLOEXEC);

	if (fd < 0)
		return fd;

	kvm_get_kvm(kvm);
	file = anon_inode_getfile(name, fops, object, O_RDONLY);
	if (IS_ERR(file)) {
		kvm_put_kvm_no_destroy(kvm);
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	file->f_mode |= FMODE_PREAD;
	fd_install(fd, file);
	return fd;
}

long kvm_vm_stats_fd(struct kvm *kvm, struct kvm_arg *arg)
{
	return stats_fd("kvm-vm-stats", &vm_stats_fops, kvm, kvm);
}

long kvm_vcpu_stats_fd(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	char name[32];

	snprintf(name, sizeof(name), "kvm-vcpu-stats:%d", vcpu->id);
	return stats_fd(name, &vcpu_stats_fops, vcpu->kvm, vcpu);
}

/*
 * The text files.
 */

static u64 vm_sum(struct kvm *kvm, const struct kvm_stat_file *f)
{
	struct kvm_vcpu *vcpu;
	unsigned long i;
	u64 sum = 0;

	if (!f->of_vcpus)
		return READ_ONCE(*row_values(kvm, f->row));

	kvm_for_each_vcpu(i, vcpu, kvm)
		sum += READ_ONCE(*row_values(vcpu, f->row));
	return sum;
}

static void vm_clear(struct kvm *kvm, const struct kvm_stat_file *f)
{
	struct kvm_vcpu *vcpu;
	unsigned long i;

	if (!f->of_vcpus) {
		WRITE_ONCE(*row_values(kvm, f->row), 0);
		return;
	}
	kvm_for_each_vcpu(i, vcpu, kvm)
		WRITE_ONCE(*row_values(vcpu, f->row), 0);
}

/*
 * A VM's own files are removed, and their readers waited for, before it loses its vCPUs; kvm_lock
 * keeps the others.
 */
static int stat_file_get(void *data, u64 *val)
{
	const struct kvm_stat_file *f = data;
	struct kvm *kvm;

	*val = 0;
	if (f->kvm) {
		*val = vm_sum(f->kvm, f);
		return 0;
	}
	mutex_lock(&kvm_lock);
	list_for_each_entry(kvm, &kvm_vms, node)
		*val += vm_sum(kvm, f);
	mutex_unlock(&kvm_lock);
	return 0;
}

static bool is_instant(const struct kvm_stat_row *row)
{
	return (row->flags & KVM_STATS_TYPE_MASK) == KVM_STATS_TYPE_INSTANT;
}

static int stat_file_clear(void *data, u64 val)
{
	const struct kvm_stat_file *f = data;
	struct kvm *kvm;

	if (val)
		return -EINVAL;
	/* The mode does not keep root from it, and what is there now is counted down again. */
	if (is_instant(f->row))
		return -EPERM;
	if (f->kvm) {
		vm_clear(f->kvm, f);
		return 0;
	}
	mutex_lock(&kvm_lock);
	list_for_each_entry(kvm, &kvm_vms, node)
		vm_clear(kvm, f);
	mutex_unlock(&kvm_lock);
	return 0;
}

DEFINE_DEBUGFS_ATTRIBUTE(stat_file_fops, stat_file_get, stat_file_clear, "%llu\n");

static void add_files(struct dentry *dir, const struct stat_kind *k, struct kvm *kvm,
		      struct kvm_stat_file *f)
{
	const struct kvm_stat_row *row;
	unsigned int i;

	for (i = 0; i < k->n; i++, f++) {
		row = k->rows[i];
		f->kvm = kvm;
		f->row = row;
		f->of_vcpus = k == &vcpu_kind;
		if (row->n == 1)
			debugfs_create_file_unsafe(row->name, is_instant(row) ? 0444 : 0644, dir, f,
						   &stat_file_fops);
	}
}

/*
 * The files of one directory. Returns what must be freed after the directory is gone, NULL without
 * memory.
 */
static struct kvm_stat_file *fill_dir(struct dentry *dir, struct kvm *kvm)
{
	struct kvm_stat_file *files;

	files = kcalloc(vm_kind.n + vcpu_kind.n, sizeof(*files), GFP_KERNEL_ACCOUNT);
	if (!files)
		return NULL;
	add_files(dir, &vm_kind, kvm, files);
	add_files(dir, &vcpu_kind, kvm, files + vm_kind.n);
	return files;
}

/**
 * kvm_stats_vm_init - a directory in debugfs for a new VM
 * @kvm: the VM
 * @fd: of its file
 *
 * A VM does without, where debugfs is not there or the name is taken: by one whose file was closed
 * while vCPUs live.
 *
 * Return: 0 or -ENOMEM.
 */
int kvm_stats_vm_init(struct kvm *kvm, int fd)
{
	struct dentry *dir;
	char name[32];

	snprintf(name, sizeof(name), "%d-%d", task_pid_nr(current), fd);
	dir = debugfs_lookup(name, debugfs_root);
	if (dir) {
		dput(dir);
		return 0;
	}
	dir = debugfs_create_dir(name, debugfs_root);
	if (IS_ERR(dir))
		return 0;

	kvm->stat_files = fill_dir(dir, kvm);
	if (!kvm->stat_files) {
		debugfs_remove(dir);
		return -ENOMEM;
	}
	kvm->debugfs = dir;
	return 0;
}

void kvm_stats_vm_exit(struct kvm *kvm)
{
	debugfs_remove(kvm->debugfs);
	kfree(kvm->stat_files);
	kvm->debugfs = NULL;
	kvm->stat_files = NULL;
}

/*
 * A vCPU's directory holds what the architecture shows of it; the counters are summed in the VM's.
 */
void kvm_stats_vcpu_init(struct kvm_vcpu *vcpu)
{
	struct dentry *dir;
	char name[24];

	if (!kvm_arch->vcpu_debugfs || !vcpu->kvm->debugfs)
		return;

	snprintf(name, sizeof(name), "vcpu%d", vcpu->id);
	dir = debugfs_create_dir(name, vcpu->kvm->debugfs);
	if (!IS_ERR(dir))
		kvm_arch->vcpu_debugfs(vcpu, dir);
}

/**
 * kvm_stats_init - merge the rows of core and architecture, make the root of the text files
 * @ops: the architecture's table
 *
 * Return: 0 or -ENOMEM; that debugfs is not there is no error.
 */
int kvm_stats_init(const struct kvm_arch_ops *ops)
{
	int r = kind_init(&vm_kind, vm_rows, ARRAY_SIZE(vm_rows), &ops->vm_stats);

	if (r)
		return r;
	r = kind_init(&vcpu_kind, vcpu_rows, ARRAY_SIZE(vcpu_rows), &ops->vcpu_stats);
	if (r)
		goto no_vcpu;

	debugfs_root = debugfs_create_dir("kvm", NULL);
	all_files = fill_dir(debugfs_root, NULL);
	if (all_files)
		return 0;

	debugfs_remove(debugfs_root);
	r = -ENOMEM;
	kind_exit(&vcpu_kind);
no_vcpu:
	kind_exit(&vm_kind);
	return r;
}

void kvm_stats_exit(void)
{
	debugfs_remove(debugfs_root);
	kfree(all_files);
	kind_exit(&vcpu_kind);
	kind_exit(&vm_kind);
}
