/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The VMX backend's own: its vCPU object, its per-CPU object, and what its files say to each other.
 *
 * A vCPU has one VMCS. Guest state that no C code keeps a copy of lives there: RIP, RSP, RFLAGS,
 * CR3, segments, descriptor tables. RIP, RSP and CR3 are read when somebody asks, and written back
 * before the next entry if they have changed; all other registers are switched by entry.S.
 *
 * Sections of the SDM are those of volume 3.
 */
#ifndef KVM_VMX_H
#define KVM_VMX_H

#include "../x86.h"
#include "entry.h"
#include "vmcs.h"

/* Fields that may be looked at more than once an exit: read once. */
enum vmx_cached {
	CACHED_QUALIFICATION,
	CACHED_INTR_INFO,
	CACHED_RFLAGS,
	CACHED_INTERRUPTIBILITY,
	CACHED_SS_AR,
	CACHED_CS_AR,
	NR_CACHED,
};

/* MSRs that stay in the hardware until the return to user space (msr.c). */
enum vmx_syscall_msr { SYSCALL_STAR, SYSCALL_LSTAR, SYSCALL_MASK, NR_SYSCALL_MSRS };

/* A segment register as the VMCS has it. */
struct vmx_seg {
	u64	base;
	u32	limit;
	u32	ar;
	u16	selector;
};

/* Real mode in virtual-8086 mode: see realmode.c. */
struct vmx_real {
	bool		on;		/* PE is clear, and the hardware cannot have it so */
	u8		in_hw;		/* bit per segment: selector and base are in the VMCS */
	u16		iopl;		/* the guest's, in place */
	struct {
		bool	noted;		/* to be delivered by the emulator */
		u8	vector;
		u8	insn_length;	/* of the instruction that it returns behind, or 0 */
	} event;
	struct vmx_seg	seg[SEG_TR + 1];
};

struct vcpu_vmx {
	struct x86_vcpu		x86;		/* first: common code allocates by vcpu_size */
	struct vmx_vmcs		vmcs;
	struct vmx_entry	entry;		/* what the assembly needs */
	unsigned long		*msr_bitmap;	/* a page: MSRs that do not exit */

	u32			exit_reason;	/* of the last exit, with its upper bits */
	bool			refused;	/* VM_INSTRUCTION_ERROR says why */
	u32			vectoring;	/* the event that the exit cut short, or 0 */
	u32			cached;		/* valid ones, by enum vmx_cached */
	unsigned long		cache[NR_CACHED];

	u16			vpid;		/* 0: none */
	/* To be flushed before the next entry: enum vmx_flush. */
	u8			flush;
	gva_t			flush_gva;
	u64			eptp;

	bool			host_saved;	/* the VMCS has this load's host state */
	bool			event;		/* one is to be injected with the next entry */
	u16			event_info;	/* the last one: EVENT_MASK of its word */
	struct {			/* NMIs, where the processor keeps no account of them */
		bool		blocked;
		u64		until;	/* ktime_get_ns(): no longer than that */
		bool		wanted;	/* one waits */
	} nmi;
	struct vmx_real		rm;
	bool			l1d_stale;	/* what the L1 cache holds is not for the guest */
	u8			in_service;	/* the vector that we showed the processor last */
	u64			eoi_exits[4];	/* vectors whose EOI exits, as the VMCS has them */
	u64			timer_tsc;	/* leave the guest then; 0: never */
	u64			*pml;		/* a page: what the hardware lists; NULL: none */
	u8			entry_tpr;	/* the virtual TPR at the last entry */
	u8			*vtpr;		/* the TPR in the virtual-APIC page; NULL: no shadow */

	/* The host's, while the guest's are loaded. */
	u64			host_kernel_gs;
	u16			host_ldt;
	u16			host_fs, host_gs, host_ds, host_es;

	u64			kernel_gs;	/* while it is not in the MSR */
	u64			syscall[NR_SYSCALL_MSRS];
	u64			cstar;
	u64			tsc_aux;
	u32			umwait_control;
};

#define EVENT_MASK	(INTR_INFO_VECTOR_MASK | INTR_INFO_INTR_TYPE_MASK)

enum vmx_flush {
	FLUSH_PENDING_EPT	= BIT(0),	/* what was made from our root */
	FLUSH_PENDING_VPID	= BIT(1),	/* what bears our VPID */
	FLUSH_PENDING_GVA	= BIT(2),	/* of that, the address flush_gva */
};

/* One physical CPU. Its own, preemption off. */
struct vmx_cpu {
	void			*vmxon;		/* the region of VMXON: the hardware's own */
	struct vmx_vmcs		*current_vmcs;
	struct list_head	loaded;		/* VMCSs that it may keep parts of; irqs off */
	bool			on;
};

DECLARE_PER_CPU(struct vmx_cpu, vmx_cpu);

/* What this host can do; setup.c. */
struct vmx_caps {
	u64	basic, misc, ept_vpid;
	u32	available[NR_WORDS];	/* may be set */
	u32	initial[NR_WORDS];	/* are set in a new VMCS */
	unsigned long cr0_fixed1, cr4_fixed0, cr4_fixed1;
};

extern struct vmx_caps vmx_caps;

static inline bool vmx_can(enum vmx_control word, u32 bits)
{
	return (vmx_caps.available[word] & bits) == bits;
}

static inline struct vcpu_vmx *to_vmx(const struct kvm_vcpu *vcpu)
{
	return container_of(to_x86(vcpu), struct vcpu_vmx, x86);
}

/* Controls. */
void vmx_control_write(struct vmx_vmcs *vmcs, enum vmx_control word, u32 value);

static __always_inline void vmx_control_set(struct vcpu_vmx *vmx, enum vmx_control word, u32 bits,
					    bool on)
{
	u32 now = vmx->vmcs.ctl[word], next = on ? now | bits : now & ~bits;

	if (next != now)
		vmx_control_write(&vmx->vmcs, word, next);
}

static inline bool vmx_control_has(const struct vcpu_vmx *vmx, enum vmx_control word, u32 bits)
{
	return vmx->vmcs.ctl[word] & bits;
}

/* Cached fields. */
#define VMX_CACHED(vmx, which, read) ({					\
	if (!((vmx)->cached & BIT(which))) {				\
		(vmx)->cache[which] = (read);				\
		(vmx)->cached |= BIT(which);				\
	}								\
	(vmx)->cache[which];						\
})

static inline void vmx_cache_put(struct vcpu_vmx *vmx, enum vmx_cached which, unsigned long value)
{
	vmx->cache[which] = value;
	vmx->cached |= BIT(which);
}

static inline unsigned long vmx_qualification(struct vcpu_vmx *vmx)
{
	return VMX_CACHED(vmx, CACHED_QUALIFICATION, vmcs_readn(EXIT_QUALIFICATION));
}

static inline u32 vmx_intr_info(struct vcpu_vmx *vmx)
{
	return VMX_CACHED(vmx, CACHED_INTR_INFO, vmcs_read32(VM_EXIT_INTR_INFO));
}

static inline u32 vmx_interruptibility(struct vcpu_vmx *vmx)
{
	return VMX_CACHED(vmx, CACHED_INTERRUPTIBILITY, vmcs_read32(GUEST_INTERRUPTIBILITY_INFO));
}

/* A bit of the reason: the bus was locked by the instruction before (28.2.1). */
#define VMX_EXIT_BUS_LOCKED	BIT(26)

/* The number of the reason, without the bits that say more. */
static inline u16 vmx_reason(const struct vcpu_vmx *vmx)
{
	return vmx->exit_reason;
}

/* Parameters, main.c. */
extern bool vmx_vpid_on, vmx_ept_ad_on, vmx_unrestricted, vmx_vnmi_on, vmx_timer_on, vmx_pml_on;
extern bool vmx_flexpriority, vmx_apicv_on;
extern unsigned int vmx_ple_gap;		/* 0: the processor does not look for loops */
extern struct pause_rule vmx_ple_window;

/* setup.c */
extern int vmx_tsc_aux_slot;			/* of user_return.c; negative: no TSC_AUX here */
int vmx_hardware_setup(void);
void vmx_hardware_unsetup(void);

/* controls.c */
int vmx_read_caps(void);

/* cpu.c */
int vmx_cpus_alloc(void);
void vmx_cpus_free(void);
int vmx_cpu_enable(void);
void vmx_cpu_disable(void);
void vmx_emergency_disable(void);
void *vmx_vmcs_page_alloc(void);
void vmx_vmcs_load(struct vcpu_vmx *vmx, int cpu);	/* make it current; preemption off */
void vmx_vmcs_forget(struct vmx_vmcs *vmcs);		/* no CPU keeps parts of it any more */
u16 vmx_vpid_get(void);
void vmx_vpid_put(u16 vpid);

/* vmcs.c */
int vmx_vcpu_create(struct kvm_vcpu *vcpu);
void vmx_vcpu_destroy(struct kvm_vcpu *vcpu);
void vmx_vcpu_reset(struct kvm_vcpu *vcpu, bool init);
void vmx_vcpu_load(struct kvm_vcpu *vcpu, int cpu);
void vmx_vcpu_put(struct kvm_vcpu *vcpu);
void vmx_update_intercepts(struct kvm_vcpu *vcpu);
void vmx_update_exceptions(struct vcpu_vmx *vmx);	/* the exception bitmap */
void vmx_flush_tlb(struct kvm_vcpu *vcpu, enum x86_flush what, gva_t gva);
void vmx_flush_pending(struct vcpu_vmx *vmx);
void vmx_load_root(struct kvm_vcpu *vcpu, hpa_t root, int level);
void vmx_write_tsc(struct kvm_vcpu *vcpu, u64 offset, u64 ratio);

/* host.c */
void vmx_host_state_once(struct vcpu_vmx *vmx);	/* what stays the same on one CPU */
void vmx_host_state_save(struct vcpu_vmx *vmx);	/* what this thread has, once a load */
void vmx_host_state_restore(struct vcpu_vmx *vmx);

/* state.c */
struct vmx_seg vmx_read_segment(struct vcpu_vmx *vmx, int seg);	/* as it is in the VMCS */
void vmx_put_segment(struct vcpu_vmx *vmx, int seg, const struct vmx_seg *s);
void vmx_get_segment(struct kvm_vcpu *vcpu, struct kvm_segment *out, int seg);
void vmx_set_segment(struct kvm_vcpu *vcpu, const struct kvm_segment *in, int seg);
u64 vmx_segment_base(struct kvm_vcpu *vcpu, int seg);
u32 vmx_cs_bits(struct kvm_vcpu *vcpu);
int vmx_get_cpl(struct kvm_vcpu *vcpu);
void vmx_get_dt(struct kvm_vcpu *vcpu, bool idt, struct kvm_dtable *out);
void vmx_set_dt(struct kvm_vcpu *vcpu, bool idt, const struct kvm_dtable *in);
void vmx_set_cr0(struct kvm_vcpu *vcpu, unsigned long cr0);
void vmx_cr3_changed(struct kvm_vcpu *vcpu);
void vmx_set_cr4(struct kvm_vcpu *vcpu, unsigned long cr4);
void vmx_set_efer(struct kvm_vcpu *vcpu, u64 efer);
void vmx_set_dr7(struct kvm_vcpu *vcpu, unsigned long dr7);
void vmx_sync_drs(struct kvm_vcpu *vcpu);
void vmx_cache_reg(struct kvm_vcpu *vcpu, unsigned int reg);
unsigned long vmx_get_rflags(struct kvm_vcpu *vcpu);
void vmx_set_rflags(struct kvm_vcpu *vcpu, unsigned long rflags);
void vmx_step_in_shadow(struct vcpu_vmx *vmx);

/* realmode.c: nothing of it is called, or does something, with unrestricted guest */
struct vmx_seg vmx_real_segment(struct vcpu_vmx *vmx, int seg);
void vmx_real_set_segment(struct vcpu_vmx *vmx, int seg, const struct vmx_seg *s);
bool vmx_real_fit(const struct vcpu_vmx *vmx);
void vmx_real_to_hw(struct vcpu_vmx *vmx);
unsigned long vmx_real_rflags(const struct vcpu_vmx *vmx, unsigned long hw);
unsigned long vmx_real_set_rflags(struct vcpu_vmx *vmx, unsigned long rflags);
void vmx_real_switch(struct vcpu_vmx *vmx, bool pe);
void vmx_real_reset(struct vcpu_vmx *vmx);
unsigned long vmx_restricted_cr0(struct vcpu_vmx *vmx, unsigned long cr0);
unsigned long vmx_restricted_cr4(struct vcpu_vmx *vmx, unsigned long cr4);
u64 vmx_restricted_efer(struct vcpu_vmx *vmx, u64 efer);
void vmx_real_note_event(struct vcpu_vmx *vmx, u8 vector, u8 insn_length);
int vmx_real_deliver(struct vcpu_vmx *vmx);

/* unfit.c */
bool vmx_is_fit(struct vcpu_vmx *vmx);
int vmx_run_unfit(struct kvm_vcpu *vcpu);

/* identity.c */
int vmx_identity_create(struct kvm *kvm);
void vmx_identity_destroy(struct kvm *kvm);

/* msr.c */
int vmx_get_msr(struct kvm_vcpu *vcpu, struct x86_msr *msr);
int vmx_set_msr(struct kvm_vcpu *vcpu, const struct x86_msr *msr);
bool vmx_has_msr(u32 index);
int vmx_msr_setup(void);
void vmx_msr_bitmap_init(struct vcpu_vmx *vmx);
void vmx_msr_bitmap_update(struct vcpu_vmx *vmx);
void vmx_msr_bitmap_set(struct vcpu_vmx *vmx, u32 index, bool read_exits, bool write_exits);
void vmx_msr_reset(struct vcpu_vmx *vmx);
void vmx_msrs_load(struct vcpu_vmx *vmx);	/* those that stay until the return to user space */
void vmx_msrs_changed(struct vcpu_vmx *vmx);

/* inject.c */
void vmx_inject_exception(struct kvm_vcpu *vcpu);
void vmx_inject_interrupt(struct kvm_vcpu *vcpu, bool reinject);
void vmx_inject_nmi(struct kvm_vcpu *vcpu);
void vmx_cancel_injection(struct kvm_vcpu *vcpu);
bool vmx_interrupt_allowed(struct kvm_vcpu *vcpu);
bool vmx_nmi_allowed(struct kvm_vcpu *vcpu);
void vmx_want_irq_window(struct kvm_vcpu *vcpu);
void vmx_want_nmi_window(struct kvm_vcpu *vcpu);
void vmx_update_cr8_intercept(struct kvm_vcpu *vcpu, int tpr, int irr);
u32 vmx_get_shadow(struct kvm_vcpu *vcpu);
void vmx_set_shadow(struct kvm_vcpu *vcpu, u32 mask);
bool vmx_get_nmi_mask(struct kvm_vcpu *vcpu);
void vmx_set_nmi_mask(struct kvm_vcpu *vcpu, bool masked);
void vmx_requeue_undelivered(struct vcpu_vmx *vmx);	/* after an exit */
void vmx_dump_refused(struct vcpu_vmx *vmx, u32 why);	/* dump.c */
void vmx_nmi_look(struct vcpu_vmx *vmx);	/* without virtual NMIs: at each exit while blocked or wanted */
void vmx_nmi_unblocked(struct vcpu_vmx *vmx);	/* an IRET faulted that ended the NMI's blocking */

/* run.c */
void vmx_prepare_switch(struct kvm_vcpu *vcpu);
enum x86_fastpath vmx_enter(struct kvm_vcpu *vcpu, bool immediate_exit);
void vmx_handle_exit_irqoff(struct kvm_vcpu *vcpu);

/* l1d.c */
int vmx_l1d_setup(void);
void vmx_l1d_unsetup(void);
void vmx_l1d_flush(struct vcpu_vmx *vmx);	/* before an entry, if it is needed */

/* apicv.c */
void vmx_apicv_setup(void);
void vmx_apicv_create(struct vcpu_vmx *vmx);
void vmx_apicv_init(struct vcpu_vmx *vmx);
void vmx_apicv_update(struct vcpu_vmx *vmx);
void vmx_show_interrupts(struct kvm_vcpu *vcpu);
void vmx_notify_posted(struct kvm_vcpu *vcpu);
u32 vmx_apicv_vectoring(struct vcpu_vmx *vmx, u32 info, bool injected);
int vmx_exit_apic_access(struct kvm_vcpu *vcpu);
int vmx_exit_apic_write(struct kvm_vcpu *vcpu);
int vmx_exit_eoi(struct kvm_vcpu *vcpu);

/* timer.c */
bool vmx_timer_arm(struct kvm_vcpu *vcpu, u64 tsc);
void vmx_timer_before_entry(struct vcpu_vmx *vmx, bool immediate_exit);
void vmx_timer_after_exit(struct vcpu_vmx *vmx);
int vmx_exit_timer(struct kvm_vcpu *vcpu);

/* pml.c */
int vmx_pml_create(struct vcpu_vmx *vmx);
void vmx_pml_destroy(struct vcpu_vmx *vmx);
void vmx_pml_init(struct vcpu_vmx *vmx);
void vmx_pml_update(struct vcpu_vmx *vmx);
void vmx_pml_collect(struct vcpu_vmx *vmx);

/* exits.c */
int vmx_handle_exit(struct kvm_vcpu *vcpu, enum x86_fastpath fastpath);
void vmx_exit_info(struct kvm_vcpu *vcpu, struct x86_exit_info *info);
unsigned int vmx_insn_length(struct kvm_vcpu *vcpu);
bool vmx_can_emulate(struct kvm_vcpu *vcpu, const u8 *bytes, unsigned int n);

#endif /* KVM_VMX_H */
