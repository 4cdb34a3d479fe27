/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The SVM backend's own: its vCPU object, its per-CPU object, and what its files say to each other.
 *
 * A vCPU has one VMCB. Guest state that no C code keeps a copy of lives there: RIP, RSP, RAX,
 * RFLAGS (the first three are copied to and from x86_vcpu.regs around each entry, so the registers
 * are always current outside), segments, descriptor tables, the MSRs that VMLOAD and VMSAVE switch.
 * Whoever changes a field of the VMCB marks its group dirty with svm_dirty(), else the CPU may use
 * the value of its own cache (APM vol 2, 15.15).
 *
 * Sections of the APM are those of volume 2.
 */
#ifndef KVM_SVM_H
#define KVM_SVM_H

#include <asm/svm.h>
#include "../x86.h"
#include "entry.h"

/* Clean bits: groups of VMCB fields that the CPU may keep (15.15.3). */
enum svm_clean {
	CLEAN_INTERCEPTS,	/* intercepts, TSC offset, pause filter */
	CLEAN_PERM_MAPS,	/* IOPM and MSRPM addresses */
	CLEAN_ASID,
	CLEAN_INTR,		/* int_ctl and int_vector */
	CLEAN_NPT,		/* nested_cr3, g_pat */
	CLEAN_CR,		/* CR0, CR3, CR4, EFER */
	CLEAN_DR,		/* DR6, DR7 */
	CLEAN_DT,		/* GDTR, IDTR */
	CLEAN_SEG,		/* CS, DS, SS, ES, CPL */
	CLEAN_CR2,
	CLEAN_LBR,		/* DEBUGCTL and the branch records */
	CLEAN_ALL	= 0x7ff,
};

/* int_ctl and CR2 change on nearly every way in: they are never taken as clean. */
#define CLEAN_AFTER_RUN		(CLEAN_ALL & ~(BIT(CLEAN_INTR) | BIT(CLEAN_CR2)))

struct vcpu_svm {
	struct x86_vcpu		x86;		/* first: common code allocates by vcpu_size */
	struct vmcb		*vmcb;
	u32			*msrpm;		/* two pages: MSRs that do not exit */
	struct svm_entry	entry;		/* what the assembly needs */

	u64			asid_generation;	/* that our ASID is of; 0: we have none */
	int			asid_cpu;

	bool			host_saved;	/* the host VMCB is this load's */
	bool			cr0_shadowed;	/* hardware's CR0 is not the guest's */

	/* NMIs are blocked until the guest has completed an IRET (inject.c). */
	bool			nmi_masked;
	bool			iret_running;	/* the unblocking IRET is next, at iret_rip */
	bool			leave_at_once;	/* an NMI waits for the event of this entry */
	bool			nmi_step;	/* it is being stepped by our own TF */
	bool			nmi_stepped;	/* ... and the exit at hand ended that step */
	unsigned long		iret_rip;
	unsigned long		step_rflags;	/* TF and RF as the guest had them */

	/* RIP was moved over the INT n whose event is injected, from soft_old to soft_new. */
	bool			soft_injected;
	unsigned long		soft_old, soft_new;

	u64			virt_spec_ctrl;
	u64			tsc_aux;
	u64			tsc_ratio;
	u64			debugctl;
	u8			entry_tpr;	/* V_TPR at the last entry */
};

/* One physical CPU. Its own, preemption off. */
struct svm_cpu {
	void		*hsave;			/* VM_HSAVE_PA: the hardware's own */
	struct vmcb	*host;			/* VMSAVE of the host */
	u32		next_asid, max_asid;
	u64		asid_generation;
	struct vmcb	*last_vmcb;		/* ran here last */
	u64		tsc_ratio;		/* what MSR_AMD64_TSC_RATIO holds */
};

DECLARE_PER_CPU(struct svm_cpu, svm_cpu);

static inline struct vcpu_svm *to_svm(const struct kvm_vcpu *vcpu)
{
	return container_of(to_x86(vcpu), struct vcpu_svm, x86);
}

static inline void svm_dirty(struct vcpu_svm *svm, enum svm_clean group)
{
	svm->vmcb->control.clean &= ~BIT(group);
}

/* Intercepts are numbered as in asm/svm.h: bits of the six words, counted through. */
static inline void svm_intercept(struct vcpu_svm *svm, unsigned int nr, bool on)
{
	u32 *word = &svm->vmcb->control.intercepts[nr / 32];
	u32 mask = BIT(nr % 32);

	if (!!(*word & mask) == on)
		return;
	*word ^= mask;
	svm_dirty(svm, CLEAN_INTERCEPTS);
}

static inline bool svm_intercepted(const struct vcpu_svm *svm, unsigned int nr)
{
	return svm->vmcb->control.intercepts[nr / 32] & BIT(nr % 32);
}

/* Parameters, main.c. */
struct svm_pause_filter {
	u16	count, thresh;		/* 0: the processor has none */
	u16	grow, shrink, max;	/* of count: pause_window.c */
};

extern struct svm_pause_filter svm_pause_filter;

/* setup.c */
extern void *svm_iopm;
extern int svm_tsc_aux_slot;			/* of user_return.c; negative: no TSC_AUX here */
int svm_hardware_setup(void);
void svm_hardware_unsetup(void);

/* cpu.c */
int svm_cpus_alloc(void);
void svm_cpus_free(void);
int svm_cpu_enable(void);
void svm_cpu_disable(void);
void svm_tsc_ratio_load(u64 ratio);
void svm_asid_check(struct vcpu_svm *svm);	/* before an entry: have a valid ASID */
void svm_forget_vmcb(struct vmcb *vmcb);	/* it is about to be freed */

/* vmcb.c */
int svm_vcpu_create(struct kvm_vcpu *vcpu);
void svm_vcpu_destroy(struct kvm_vcpu *vcpu);
void svm_vcpu_reset(struct kvm_vcpu *vcpu, bool init);
void svm_vcpu_load(struct kvm_vcpu *vcpu, int cpu);
void svm_vcpu_put(struct kvm_vcpu *vcpu);
void svm_update_intercepts(struct kvm_vcpu *vcpu);
void svm_put_pause_window(struct vcpu_svm *svm);	/* the one of x86_vcpu */
void svm_flush_tlb(struct kvm_vcpu *vcpu, enum x86_flush what, gva_t gva);
void svm_load_root(struct kvm_vcpu *vcpu, hpa_t root, int level);
void svm_write_tsc(struct kvm_vcpu *vcpu, u64 offset, u64 ratio);

/* state.c */
void svm_get_segment(struct kvm_vcpu *vcpu, struct kvm_segment *out, int seg);
void svm_set_segment(struct kvm_vcpu *vcpu, const struct kvm_segment *in, int seg);
u64 svm_segment_base(struct kvm_vcpu *vcpu, int seg);
int svm_get_cpl(struct kvm_vcpu *vcpu);
u32 svm_cs_bits(struct kvm_vcpu *vcpu);
void svm_get_dt(struct kvm_vcpu *vcpu, bool idt, struct kvm_dtable *out);
void svm_set_dt(struct kvm_vcpu *vcpu, bool idt, const struct kvm_dtable *in);
void svm_set_cr0(struct kvm_vcpu *vcpu, unsigned long cr0);
void svm_cr3_changed(struct kvm_vcpu *vcpu);
void svm_set_cr4(struct kvm_vcpu *vcpu, unsigned long cr4);
void svm_set_efer(struct kvm_vcpu *vcpu, u64 efer);
void svm_set_dr7(struct kvm_vcpu *vcpu, unsigned long dr7);
void svm_sync_drs(struct kvm_vcpu *vcpu);
void svm_cache_reg(struct kvm_vcpu *vcpu, unsigned int reg);
unsigned long svm_get_rflags(struct kvm_vcpu *vcpu);
void svm_set_rflags(struct kvm_vcpu *vcpu, unsigned long rflags);

/* msr.c */
int svm_get_msr(struct kvm_vcpu *vcpu, struct x86_msr *msr);
int svm_set_msr(struct kvm_vcpu *vcpu, const struct x86_msr *msr);
bool svm_has_msr(u32 index);
void svm_msrpm_init(struct vcpu_svm *svm);
void svm_msrpm_update(struct vcpu_svm *svm);
void svm_msr_reset(struct vcpu_svm *svm);
#define SVM_MSRPM_ORDER		1

/* inject.c */
void svm_inject_exception(struct kvm_vcpu *vcpu);
void svm_inject_interrupt(struct kvm_vcpu *vcpu, bool reinject);
void svm_inject_nmi(struct kvm_vcpu *vcpu);
void svm_cancel_injection(struct kvm_vcpu *vcpu);
bool svm_interrupt_allowed(struct kvm_vcpu *vcpu);
bool svm_nmi_allowed(struct kvm_vcpu *vcpu);
void svm_want_irq_window(struct kvm_vcpu *vcpu);
void svm_want_nmi_window(struct kvm_vcpu *vcpu);
void svm_irq_window_close(struct vcpu_svm *svm);
void svm_update_cr8_intercept(struct kvm_vcpu *vcpu, int tpr, int irr);
u32 svm_get_shadow(struct kvm_vcpu *vcpu);
void svm_set_shadow(struct kvm_vcpu *vcpu, u32 mask);
bool svm_get_nmi_mask(struct kvm_vcpu *vcpu);
void svm_set_nmi_mask(struct kvm_vcpu *vcpu, bool masked);
void svm_nmi_step_end(struct vcpu_svm *svm);
void svm_requeue_undelivered(struct vcpu_svm *svm);	/* after an exit: what exit_int_info says */
void svm_iret_check(struct vcpu_svm *svm);	/* after an exit: is the IRET done? */

/* run.c */
void svm_prepare_switch(struct kvm_vcpu *vcpu);
enum x86_fastpath svm_enter(struct kvm_vcpu *vcpu, bool immediate_exit);
void svm_handle_exit_irqoff(struct kvm_vcpu *vcpu);

/* exits.c */
int svm_handle_exit(struct kvm_vcpu *vcpu, enum x86_fastpath fastpath);
void svm_exit_info(struct kvm_vcpu *vcpu, struct x86_exit_info *info);
unsigned int svm_insn_length(struct kvm_vcpu *vcpu);
bool svm_can_emulate(struct kvm_vcpu *vcpu, const u8 *bytes, unsigned int n);

#endif /* KVM_SVM_H */
