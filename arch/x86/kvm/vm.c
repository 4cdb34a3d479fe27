// SPDX-License-Identifier: GPL-2.0-only
/*
 * The x86 side of a VM: its creation, the tables of ioctls of the system and of a VM, and the table of ops that the
 * core calls.
 */
#include "attr.h"
#include "msr_filter.h"
#include "x86.h"
#include "vm.h"

static int x86_vm_init(struct kvm *kvm, unsigned long type)
{
	struct x86_vm *vm = to_x86_vm(kvm);
	int r;

	if (type)
		return -EINVAL;
	vm->identity_map_addr = 0xfffbc000;	/* KVM API 4.41: until user space names another */
	vm->tss_addr = INVALID_GPA;
	r = mmu_vm_init(kvm);
	if (r)
		return r;
	irqchip_vm_init(kvm);
	x86_tsc_vm_init(kvm);
	r = x86_cold(vm_init)(kvm);
	if (r)
		goto no_backend;
	return 0;

no_backend:
	x86_tsc_vm_destroy(kvm);
	irqchip_vm_destroy(kvm);
	mmu_vm_destroy(kvm);
	return r;
}

static void x86_vm_destroy(struct kvm *kvm)
{
	x86_cold(vm_destroy)(kvm);
	x86_tsc_vm_destroy(kvm);
	irqchip_vm_destroy(kvm);
	mmu_vm_destroy(kvm);
	x86_msr_filter_destroy(kvm);
}

/* The work of clock and MMU, and the timers of the chips, stop before the vCPUs go. */
static void x86_vm_release(struct kvm *kvm)
{
	irqchip_vm_release(kvm);
	mmu_nx_vm_release(kvm);
	cancel_delayed_work_sync(&to_x86_vm(kvm)->clock.resync);
}

static long x86_vm_set_tss_addr(struct kvm *kvm, struct kvm_arg *arg)
{
	/* Three pages that must lie below 4 GiB (KVM API 4.36). */
	if (arg->value > U32_MAX - 3 * PAGE_SIZE || !PAGE_ALIGNED(arg->value))
		return -EINVAL;
	to_x86_vm(kvm)->tss_addr = arg->value;
	return 0;
}

static long x86_vm_set_identity_map_addr(struct kvm *kvm, struct kvm_arg *arg)
{
	u64 addr = *(u64 *)arg->data;

	if (kvm->created_vcpus)
		return -EINVAL;
	if (addr > U32_MAX - PAGE_SIZE || !PAGE_ALIGNED(addr))
		return -EINVAL;
	to_x86_vm(kvm)->identity_map_addr = addr ? addr : 0xfffbc000;
	return 0;
}

static long x86_vm_set_boot_cpu_id(struct kvm *kvm, struct kvm_arg *arg)
{
	if (kvm->created_vcpus)
		return -EBUSY;
	to_x86_vm(kvm)->bsp_vcpu_id = arg->value;
	return 0;
}

static bool x86_irqfd_allowed(struct kvm *kvm, struct kvm_irqfd *args)
{
	/* A resampling irqfd needs to see the EOI of a pin, and pins are here only with the whole irqchip. */
	return args->flags & KVM_IRQFD_FLAG_RESAMPLE ? irqchip_full(kvm) : irqchip_has_lapic(kvm);
}

static void x86_vcpu_send_ipi(struct kvm_vcpu *vcpu, int cpu)
{
	smp_send_reschedule(cpu);
}

static const struct kvm_ioctl sys_ioctls[] = {
	KVM_SYS_IOCTL(KVM_GET_SUPPORTED_CPUID,		ARG_USER, x86_sys_get_supported_cpuid),
	KVM_SYS_IOCTL(KVM_GET_EMULATED_CPUID,		ARG_USER, x86_sys_get_emulated_cpuid),
	KVM_SYS_IOCTL(KVM_GET_MSR_INDEX_LIST,		ARG_USER, x86_sys_get_msr_index_list),
	KVM_SYS_IOCTL(KVM_GET_MSR_FEATURE_INDEX_LIST,	ARG_USER, x86_sys_get_msr_feature_list),
	KVM_SYS_IOCTL(KVM_GET_MSRS,			ARG_USER, x86_sys_get_msrs),
	KVM_SYS_IOCTL(KVM_X86_GET_MCE_CAP_SUPPORTED,	ARG_OUT,  x86_sys_get_mce_cap),
	KVM_SYS_IOCTL(KVM_HAS_DEVICE_ATTR,		ARG_IN,	  x86_sys_has_attr),
	KVM_SYS_IOCTL(KVM_GET_DEVICE_ATTR,		ARG_IN,	  x86_sys_get_attr),
};

static const struct kvm_ioctl vm_ioctls[] = {
	KVM_VM_IOCTL(KVM_SET_TSS_ADDR,		ARG_VALUE, LOCK_VM,	x86_vm_set_tss_addr),
	KVM_VM_IOCTL(KVM_SET_IDENTITY_MAP_ADDR,	ARG_IN,	   LOCK_VM,	x86_vm_set_identity_map_addr),
	KVM_VM_IOCTL(KVM_SET_BOOT_CPU_ID,	ARG_VALUE, LOCK_VM,	x86_vm_set_boot_cpu_id),
	KVM_VM_IOCTL(KVM_CREATE_IRQCHIP,	ARG_ANY,   LOCK_VM,	irqchip_vm_create),
	KVM_VM_IOCTL(KVM_GET_IRQCHIP,		ARG_INOUT, LOCK_NONE,	irqchip_vm_get),
	KVM_VM_IOCTL(KVM_SET_IRQCHIP,		ARG_IN,	   LOCK_NONE,	irqchip_vm_set),
	KVM_VM_IOCTL(KVM_CREATE_PIT,		ARG_ANY,   LOCK_VM,	irqchip_vm_create_pit),
	KVM_VM_IOCTL(KVM_CREATE_PIT2,		ARG_IN,	   LOCK_VM,	irqchip_vm_create_pit2),
	KVM_VM_IOCTL(KVM_GET_PIT,		ARG_OUT,   LOCK_VM,	irqchip_vm_get_pit),
	KVM_VM_IOCTL(KVM_SET_PIT,		ARG_IN,	   LOCK_VM,	irqchip_vm_set_pit),
	KVM_VM_IOCTL(KVM_GET_PIT2,		ARG_OUT,   LOCK_VM,	irqchip_vm_get_pit2),
	KVM_VM_IOCTL(KVM_SET_PIT2,		ARG_IN,	   LOCK_VM,	irqchip_vm_set_pit2),
	KVM_VM_IOCTL(KVM_REINJECT_CONTROL,	ARG_USER,  LOCK_VM,	irqchip_vm_reinject),
	KVM_VM_IOCTL(KVM_X86_SET_MSR_FILTER,	ARG_IN,	   LOCK_VM,	x86_vm_set_msr_filter),
	KVM_VM_IOCTL(KVM_SET_TSC_KHZ,		ARG_VALUE, LOCK_VM,	x86_vm_set_tsc_khz),
	KVM_VM_IOCTL(KVM_GET_TSC_KHZ,		ARG_ANY,   LOCK_VM,	x86_vm_get_tsc_khz),
	KVM_VM_IOCTL(KVM_GET_CLOCK,		ARG_OUT,   LOCK_NONE,	kvmclock_vm_get_clock),
	KVM_VM_IOCTL(KVM_SET_CLOCK,		ARG_IN,	   LOCK_NONE,	kvmclock_vm_set_clock),
};

static struct kvm_arch_ops x86_arch = {
	.vm_size	= sizeof(struct x86_vm),
	.max_vcpus	= X86_MAX_VCPUS,
	.max_vcpu_ids	= X86_MAX_VCPU_IDS,
	.address_spaces	= KVM_ADDRESS_SPACES,	/* the second is for SMM */
	.slot_flags	= KVM_MEM_READONLY,
	.run_pages	= 3,	/* kvm_run, the data of ports, the ring of coalesced accesses */
	.coalesced_page	= KVM_COALESCED_MMIO_PAGE_OFFSET,

	.suspend	= x86_tsc_suspend,
	.resume		= x86_tsc_resume,

	.vm_init	= x86_vm_init,
	.vm_release	= x86_vm_release,
	.vm_destroy	= x86_vm_destroy,
	.vm_enable_cap	= x86_vm_enable_cap,

	.vcpu_precreate	= x86_vcpu_precreate,
	.vcpu_create	= x86_vcpu_create,
	.vcpu_created	= x86_vcpu_created,
	.vcpu_destroy	= x86_vcpu_destroy,
	.vcpu_load	= x86_vcpu_load,
	.vcpu_put	= x86_vcpu_put,
	.vcpu_run	= x86_vcpu_run,
	.vcpu_runnable	= x86_vcpu_runnable,
	.vcpu_wanted	= x86_vcpu_wanted,
	.vcpu_in_kernel	= x86_vcpu_in_kernel,
	.vcpu_halt_poll_ok = pv_halt_poll_ok,
	.vcpu_interrupt	= x86_vcpu_send_ipi,
	.vcpu_fault	= x86_vcpu_fault,

	.slot_prepare	= mmu_slot_prepare,
	.slot_commit	= mmu_slot_commit,
	.slot_free	= mmu_slot_free,
	.slot_flush	= mmu_slot_flush,
	.flush_all	= mmu_flush_all,
	.unmap		= mmu_unmap,
	.age		= mmu_age,
	.test_age	= mmu_test_age,
	.protect_dirty	= mmu_protect_dirty,
	.sync_dirty	= mmu_sync_dirty,

	.route_set	= irqchip_route_set,
	.irqchip_in_kernel = irqchip_has_lapic,
	.irqfd_allowed	= x86_irqfd_allowed,
	.signal_msi	= irqchip_signal_msi,
	.routing_changed = irqchip_routing_changed,

	.sys_ioctls	= KVM_IOCTL_TABLE(sys_ioctls),
	.vm_ioctls	= KVM_IOCTL_TABLE(vm_ioctls),
};

int x86_register_arch(const struct kvm_x86_ops *ops)
{
	x86_arch.owner = ops->owner;
	x86_arch.vcpu_size = ops->vcpu_size;
	x86_arch.cpu_enable = ops->cpu_enable;
	x86_arch.cpu_disable = x86_cpu_disable;
	x86_arch.vcpu_ioctls = x86_vcpu_ioctl_table;
	x86_arch.caps = x86_cap_table;
	x86_arch.vm_stats = x86_vm_stat_table;
	x86_arch.vcpu_stats = x86_vcpu_stat_table;
	return kvm_register_arch(&x86_arch);
}
