/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The interrupt controllers of a PC: i8259 pair, IOAPIC, one LAPIC a vCPU, the i8254 timer, and
 * MSI.
 *
 * A VM has all in the kernel (KVM_CREATE_IRQCHIP), only the LAPICs (split irqchip), or none. The
 * mode is set once, under kvm->lock, before the first vCPU, and read without a lock afterwards.
 */
#ifndef KVM_X86_IRQCHIP_H
#define KVM_X86_IRQCHIP_H

#include <linux/bitmap.h>
#include <kvm/irq.h>
#include <kvm/vcpu.h>

struct lapic;
struct ioapic;
struct i8259;
struct i8254;
struct apic_map;
struct kvm_arg;

enum x86_irqchip_mode {
	IRQCHIP_NONE,
	IRQCHIP_KERNEL,
	IRQCHIP_SPLIT,
};

struct x86_irqchip {
	/* enum x86_irqchip_mode; smp_store_release when complete */
	int			mode;
	struct i8259		*pic;
	struct ioapic		*ioapic;
	struct i8254		*pit;
	DECLARE_BITMAP(split_vectors, 256);	/* split: level-triggered ones of the routes */
	u16			split_pins;	/* reserved routes for a user-space IOAPIC */
	/* from APIC id to vCPU: rebuilt once a batch of changes */
	struct apic_map __rcu	*map;
	struct mutex		map_lock;	/* writers of map */
	atomic_t		map_dirty;
	u64			x2apic_format;	/* KVM_CAP_X2APIC_API flags */
};

bool irqchip_has_lapic(struct kvm *kvm);		/* kernel or split */
bool irqchip_full(struct kvm *kvm);

/* What a message or an IPI says, in the LAPIC's terms (SDM vol 3, 10.6.1 and 10.11). */
struct apic_message {
	u32	dest;		/* APIC id or logical destination */
	u8	vector;
	u8	delivery;	/* APIC_DM_* >> 8 */
	bool	logical;
	bool	level;		/* trigger mode */
	bool	assert;
	u8	shorthand;	/* 0 none, 1 self, 2 all, 3 all but self */
	bool	msi_redir_hint;
};

/*
 * VM: create and destroy (irqchip.c), state ioctls.
 */
void irqchip_vm_init(struct kvm *kvm);
void irqchip_vm_release(struct kvm *kvm);
void irqchip_vm_destroy(struct kvm *kvm);
long irqchip_vm_create(struct kvm *kvm, struct kvm_arg *arg);		/* KVM_CREATE_IRQCHIP */
int irqchip_vm_split(struct kvm *kvm, struct kvm_enable_cap *cap);	/* KVM_CAP_SPLIT_IRQCHIP */
long irqchip_vm_get(struct kvm *kvm, struct kvm_arg *arg);		/* KVM_GET_IRQCHIP */
long irqchip_vm_set(struct kvm *kvm, struct kvm_arg *arg);
long irqchip_vm_create_pit2(struct kvm *kvm, struct kvm_arg *arg);
long irqchip_vm_create_pit(struct kvm *kvm, struct kvm_arg *arg);
long irqchip_vm_get_pit(struct kvm *kvm, struct kvm_arg *arg);
long irqchip_vm_set_pit(struct kvm *kvm, struct kvm_arg *arg);
long irqchip_vm_get_pit2(struct kvm *kvm, struct kvm_arg *arg);
long irqchip_vm_set_pit2(struct kvm *kvm, struct kvm_arg *arg);
long irqchip_vm_reinject(struct kvm *kvm, struct kvm_arg *arg);	/* KVM_REINJECT_CONTROL */
int irqchip_route_set(struct kvm *kvm, struct kvm_irq_route *route,
		      const struct kvm_irq_routing_entry *entry);
int irqchip_signal_msi(struct kvm *kvm, const struct kvm_msi *msi);
void irqchip_routing_changed(struct kvm *kvm);

/* vCPU: LAPIC. */
int lapic_create(struct kvm_vcpu *vcpu);
void lapic_free(struct kvm_vcpu *vcpu);
void lapic_reset(struct kvm_vcpu *vcpu, bool init);
long lapic_vcpu_get(struct kvm_vcpu *vcpu, struct kvm_arg *arg);	/* KVM_GET_LAPIC */
long lapic_vcpu_set(struct kvm_vcpu *vcpu, struct kvm_arg *arg);
/* IA32_APIC_BASE: 0, or 1 for #GP */
int lapic_set_base(struct kvm_vcpu *vcpu, u64 value, bool host);
u64 lapic_get_tpr(struct kvm_vcpu *vcpu);		/* as CR8: 0 to 15 */
void lapic_set_tpr(struct kvm_vcpu *vcpu, unsigned long cr8);
void *lapic_page(struct kvm_vcpu *vcpu);
void lapic_tpr_changed(struct kvm_vcpu *vcpu);
int lapic_x2apic_read(struct kvm_vcpu *vcpu, u32 msr, u64 *data);	/* 0, or 1 for #GP */
int lapic_x2apic_write(struct kvm_vcpu *vcpu, u32 msr, u64 data);
u64 lapic_tscdeadline_get(struct kvm_vcpu *vcpu);
void lapic_tscdeadline_set(struct kvm_vcpu *vcpu, u64 tsc);
void lapic_cpuid_changed(struct kvm_vcpu *vcpu);
/* apicv.c: a backend whose hardware takes interrupts out of the register page. */
void lapic_may_be_hardware(struct kvm_vcpu *vcpu);
void lapic_set_by_hardware(struct kvm_vcpu *vcpu, bool on, bool notified);
hpa_t lapic_posted_at(struct kvm_vcpu *vcpu);
bool lapic_by_hardware(struct kvm_vcpu *vcpu);
u16 lapic_interrupt_status(struct kvm_vcpu *vcpu);
void lapic_hardware_eoi(struct kvm_vcpu *vcpu, u8 vector);
void lapic_eoi_vectors(struct kvm_vcpu *vcpu, u64 *words);
bool lapic_is_x2apic(struct kvm_vcpu *vcpu);
bool lapic_reads_from_page(u32 reg);
void lapic_written_in_page(struct kvm_vcpu *vcpu, u32 reg);
bool lapic_hw_enabled(struct kvm_vcpu *vcpu);		/* APIC_BASE.EN */
/* xAPIC register page: MMIO accesses at the APIC base are offered here first. 0, or -EOPNOTSUPP. */
int lapic_mmio_read(struct kvm_vcpu *vcpu, gpa_t gpa, int len, void *val);
int lapic_mmio_write(struct kvm_vcpu *vcpu, gpa_t gpa, int len, const void *val);

/*
 * Interrupts of this vCPU. has: a vector is deliverable now as to TPR/PPR (of PIC and LAPIC; timers
 * are delivered into IRR first). take: acknowledge it, -1 if none. highest: the highest in IRR, for
 * CR8 interception, -1 none.
 */
bool irqchip_has_interrupt(struct kvm_vcpu *vcpu);
bool irqchip_has_injection(struct kvm_vcpu *vcpu);	/* one that is ours to inject */
int irqchip_take_interrupt(struct kvm_vcpu *vcpu);
int irqchip_highest_irr(struct kvm_vcpu *vcpu);
/* Fire timers that are due into IRR (or LVT): before each look for interrupts. */
void irqchip_deliver_timers(struct kvm_vcpu *vcpu);
/* The timer is the hrtimer's now: the vCPU will not be in the guest when it is due. */
void irqchip_timer_to_host(struct kvm_vcpu *vcpu);
void lapic_timer_hardware(struct kvm_vcpu *vcpu);	/* timer_arm was told so */
bool irqchip_timer_pending(struct kvm_vcpu *vcpu);	/* something that would unblock the vCPU */
/* runs on another CPU now: hrtimers follow */
void irqchip_vcpu_moved(struct kvm_vcpu *vcpu);
bool irqchip_nmi_from_pit(struct kvm_vcpu *vcpu);
bool lapic_accepts_extint(struct kvm_vcpu *vcpu);

/*
 * INIT and SIPI; the vCPU's own thread. pending: there is one that can be taken now. accept: take
 * them: resets the vCPU, starts it; call with vCPU loaded. 0 or -errno.
 */
bool lapic_init_sipi_pending(struct kvm_vcpu *vcpu);
bool lapic_init_latched(struct kvm_vcpu *vcpu);
void lapic_latch_init(struct kvm_vcpu *vcpu, bool latched);
int lapic_accept_init_sipi(struct kvm_vcpu *vcpu);

/*
 * What KVM_EXIT_IOAPIC_EOI reports (split irqchip), and the vector of the last SIPI
 * (KVM_GET_VCPU_EVENTS).
 */
int lapic_pending_eoi_vector(struct kvm_vcpu *vcpu);
u8 lapic_sipi_vector(struct kvm_vcpu *vcpu);
void lapic_set_sipi_vector(struct kvm_vcpu *vcpu, u8 vector);

/* Split irqchip: KVM_INTERRUPT is user space's i8259. 0, -EEXIST one waits already. */
int lapic_user_extint(struct kvm_vcpu *vcpu, u8 vector);
bool lapic_user_extint_ready(struct kvm_vcpu *vcpu);

/* PV EOI (pv MSR, MSR_KVM_PV_EOI_EN): 0, or 1 for #GP. Sync around the entry; after it, if armed. */
int lapic_pv_eoi_set(struct kvm_vcpu *vcpu, u64 msr);
void lapic_pv_eoi_before_entry(struct kvm_vcpu *vcpu);
void lapic_pv_eoi_after_exit(struct kvm_vcpu *vcpu);

/* vapic.c: a TPR in guest memory, if active, and the VMM told of TPR accesses. */
void vapic_before_entry(struct kvm_vcpu *vcpu);
void vapic_after_exit(struct kvm_vcpu *vcpu);
void vapic_tpr_accessed(struct kvm_vcpu *vcpu, bool write);
long vapic_vcpu_set_addr(struct kvm_vcpu *vcpu, struct kvm_arg *arg);
long vapic_vcpu_report_tpr(struct kvm_vcpu *vcpu, struct kvm_arg *arg);

/*
 * Send to all LAPICs that @msg addresses; returns > 0 delivered, 0 coalesced, -1 nobody. Any
 * context but NMI.
 */
int apic_send(struct kvm *kvm, struct lapic *source, const struct apic_message *msg);
/* An id, a mode, or the set of vCPUs has changed: the map is out of date. */
void apic_map_changed(struct kvm *kvm);
/* The map is rebuilt if a change asked for it; after a batch of changes. May sleep. */
void apic_map_update(struct kvm *kvm);
/* for hypercalls; srcu or rcu held */
struct kvm_vcpu *apic_id_to_vcpu(struct kvm *kvm, u32 apic_id);

#endif /* KVM_X86_IRQCHIP_H */
