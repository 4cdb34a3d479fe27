/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the core say to each other and to nobody else.
 *
 * The functions of ioctl rows stand here beside the life cycle of each room, so that the tables in
 * system.c, vm.c and vcpu.c can name them. What an architecture may call is in include/kvm.
 */
#ifndef KVM_CORE_H
#define KVM_CORE_H

#include <kvm/arch_ops.h>
#include <kvm/device.h>
#include <kvm/guest_access.h>
#include <kvm/io_bus.h>
#include <kvm/mmu_notifier.h>

/* memslot.c, dirty_log.c (rows of the latter: include/kvm/memslot.h); slots_lock held */
long kvm_vm_set_memory_region(struct kvm *kvm, struct kvm_arg *arg);
int kvm_dirty_log_enable_manual(struct kvm *kvm, struct kvm_enable_cap *cap);
/* Let others at mmu_lock, with TLBs flushed first if *@flush. */
void kvm_dirty_breathe(struct kvm *kvm, bool *flush);

/* dirty_ring.c */
int kvm_dirty_ring_cap(struct kvm *kvm);
int kvm_dirty_ring_enable(struct kvm *kvm, struct kvm_enable_cap *cap);
int kvm_dirty_ring_create(struct kvm_vcpu *vcpu);
void kvm_dirty_ring_free(struct kvm_vcpu *vcpu);
struct page *kvm_dirty_ring_page(struct kvm_vcpu *vcpu, pgoff_t pgoff);
bool kvm_dirty_ring_mmap_ok(struct kvm_vcpu *vcpu, struct vm_area_struct *vma);
void kvm_dirty_ring_mark(struct kvm *kvm, const struct kvm_slot *slot, gfn_t gfn);
long kvm_vm_reset_dirty_rings(struct kvm *kvm, struct kvm_arg *arg);	/* ARG_NONE, LOCK_SLOTS */

/* coalesced_io.c; rows: ARG_IN, LOCK_SLOTS. The page is what vCPUs map for the ring. */
int kvm_coalesced_init(struct kvm *kvm);
void kvm_coalesced_destroy(struct kvm *kvm);
struct page *kvm_coalesced_page(struct kvm *kvm);
long kvm_vm_register_coalesced(struct kvm *kvm, struct kvm_arg *arg);
long kvm_vm_unregister_coalesced(struct kvm *kvm, struct kvm_arg *arg);

/* ioeventfd.c, irqfd.c; ARG_IN, LOCK_NONE */
long kvm_vm_ioeventfd(struct kvm *kvm, struct kvm_arg *arg);
long kvm_vm_irqfd(struct kvm *kvm, struct kvm_arg *arg);

/* irq_routing.c; LOCK_NONE; in this order ARG_USER, ARG_IN, ARG_INOUT, ARG_IN */
int kvm_irq_routing_init(struct kvm *kvm);
long kvm_vm_set_gsi_routing(struct kvm *kvm, struct kvm_arg *arg);
long kvm_vm_irq_line(struct kvm *kvm, struct kvm_arg *arg);
long kvm_vm_irq_line_status(struct kvm *kvm, struct kvm_arg *arg);
long kvm_vm_signal_msi(struct kvm *kvm, struct kvm_arg *arg);

/* device.c; ARG_INOUT, LOCK_NONE */
long kvm_vm_create_device(struct kvm *kvm, struct kvm_arg *arg);

/* async_pf.c; -ENOMEM */
int kvm_async_pf_module_init(void);
void kvm_async_pf_module_exit(void);

/* vfio_device.c; as kvm_device_class_register() */
int kvm_vfio_init(void);
void kvm_vfio_exit(void);

/* ioctl.c: what kind of file a request came on decides the table, and who is asked. */
struct kvm_ioctl_target {
	struct kvm	*kvm;	/* NULL: /dev/kvm */
	struct kvm_vcpu	*vcpu;	/* NULL: /dev/kvm or a VM */
};

extern const struct kvm_ioctl_table kvm_sys_ioctls;	/* system.c */
extern const struct kvm_ioctl_table kvm_vm_ioctls;	/* vm.c */
extern const struct kvm_ioctl_table kvm_vcpu_ioctls;	/* vcpu.c */
int kvm_ioctl_init(const struct kvm_arch_ops *ops);	/* -EINVAL: rows contradict; -ENOMEM */
void kvm_ioctl_exit(void);
long kvm_ioctl_dispatch(const struct kvm_ioctl_target *target, struct file *file, unsigned int cmd,
			unsigned long arg, bool compat);

/* main.c: virtualization on for the first user, off after the last. May sleep. */
int kvm_hw_get(void);
void kvm_hw_put(void);

/* system.c */
extern const struct file_operations kvm_sys_fops;

/* caps.c; @kvm is NULL on the system file */
int kvm_cap_get(struct kvm *kvm, unsigned int cap);

/* vm.c */
struct kvm *kvm_vm_create(unsigned long type, int fd);
extern const struct file_operations kvm_vm_fops;

/* vcpu.c */
long kvm_vm_create_vcpu(struct kvm *kvm, struct kvm_arg *arg);	/* ARG_VALUE, LOCK_NONE */
void kvm_vcpus_destroy(struct kvm *kvm);

/* request.c */
int kvm_request_init(void);
void kvm_request_exit(void);

/* stats.c; the rows' functions return a new file */
int kvm_stats_init(const struct kvm_arch_ops *ops);
void kvm_stats_exit(void);
int kvm_stats_vm_init(struct kvm *kvm, int fd);
void kvm_stats_vm_exit(struct kvm *kvm);
void kvm_stats_vcpu_init(struct kvm_vcpu *vcpu);
long kvm_vm_stats_fd(struct kvm *kvm, struct kvm_arg *arg);		/* ARG_NONE, LOCK_NONE */
long kvm_vcpu_stats_fd(struct kvm_vcpu *vcpu, struct kvm_arg *arg);	/* ARG_NONE, LOCK_NONE */

#endif /* KVM_CORE_H */
