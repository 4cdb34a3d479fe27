/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The local APIC, as the files of this room see it.
 *
 * The register page has the layout of SDM vol 3, table 10-1, which is also that of KVM_GET_LAPIC.
 * Who may touch what:
 *   IRR, TMR      anyone, by atomic bit operations; a sender sets TMR first, then IRR
 *   posted        the same, in place of IRR, where hardware may be changing IRR (apicv.c)
 *   init_sipi     anyone, by atomic bit operations
 *   timer.pending set by the timer's interrupt, cleared by the vCPU's thread
 *   all the rest  the vCPU's own thread (vcpu->mutex); senders glance at ID, LDR, DFR, LVT0
 */
#ifndef KVM_X86_LAPIC_H
#define KVM_X86_LAPIC_H

#include <linux/hrtimer.h>
#include <asm/apicdef.h>
#include "../x86.h"
#include "apic_dest.h"
#include "../trace.h"

#define LAPIC_LVT_TIMER_MODE	(APIC_LVT_TIMER_PERIODIC | APIC_LVT_TIMER_TSCDEADLINE)
#define LAPIC_SPAN		PAGE_SIZE

/* Bits of lapic.init_sipi. */
#define LAPIC_INIT_PENDING	0
#define LAPIC_SIPI_PENDING	1

struct lapic_timer {
	struct hrtimer	hrtimer;
	u64		period;		/* ns, of the periodic mode */
	u64		deadline;	/* guest TSC; 0 when disarmed */
	u32		divide;		/* from TDCR */
	u32		mode;		/* from LVTT, as it was before the last write */
	bool		pending;	/* it has fired; the LVT is yet to be told */
	bool		in_hardware;	/* and not queued as hrtimer */
};

/*
 * In the page of registers, which end at 0x400: vectors on their way into IRR. It is laid out as
 * the posted-interrupt descriptor, whose other half nobody uses (SDM vol 3, table 30-1).
 */
#define LAPIC_POSTED		0x800

struct lapic {
	struct kvm_vcpu		*vcpu;
	u8			*regs;		/* one page */
	bool			sw_enabled;	/* mirrors SPIV bit 8 */
	bool			posts;		/* senders use posted[]; never changes */
	bool			by_hardware;	/* the hardware delivers, and changes IRR and ISR */
	bool			notified;	/* and takes over what is posted without an exit */
	unsigned long		*posted;	/* at LAPIC_POSTED */
	bool			no_page;	/* is not where the registers' page of the MMU is */
	bool			irr_pending;	/* false: IRR is known to be empty */
	s16			isr_highest;	/* highest vector in service, -1 none */
	u16			isr_count;
	/* split irqchip: what user space's IOAPIC must be told */
	int			eoi_vector;
	s16			user_vector;	/* split irqchip: from KVM_INTERRUPT, -1 none */
	unsigned long		init_sipi;
	u8			sipi_vector;
	struct lapic_timer	timer;
};

static inline struct lapic *to_lapic(const struct kvm_vcpu *vcpu)
{
	return to_x86(vcpu)->lapic;
}

static inline u32 lapic_reg(const struct lapic *a, u32 reg)
{
	return READ_ONCE(*(u32 *)(a->regs + reg));
}

static inline void lapic_reg_set(struct lapic *a, u32 reg, u32 val)
{
	WRITE_ONCE(*(u32 *)(a->regs + reg), val);
}

/* The 256-bit registers: eight words, 16 bytes apart. */
static inline unsigned long *lapic_vector_word(const struct lapic *a, u32 reg, u8 vector)
{
	return (unsigned long *)(a->regs + reg + ((vector >> 5) << 4));
}

static inline bool lapic_vector_test(const struct lapic *a, u32 reg, u8 vector)
{
	return test_bit(vector & 31, lapic_vector_word(a, reg, vector));
}

static inline u64 lapic_base(const struct lapic *a)
{
	return READ_ONCE(to_x86(a->vcpu)->apic_base);
}

static inline bool lapic_x2apic(const struct lapic *a)
{
	return lapic_base(a) & X2APIC_ENABLE;
}

/* Enabled by the MSR and by software: it accepts fixed interrupts. */
static inline bool lapic_enabled(const struct lapic *a)
{
	return (lapic_base(a) & MSR_IA32_APICBASE_ENABLE) && READ_ONCE(a->sw_enabled);
}

/* The id that physical destinations are compared with. */
static inline u32 lapic_id(const struct lapic *a)
{
	return lapic_x2apic(a) ? a->vcpu->id : lapic_reg(a, APIC_ID) >> 24;
}

/* lapic.c */
int lapic_accept(struct lapic *a, const struct apic_message *msg);
void lapic_timer_deliver(struct lapic *a);
void lapic_write_tpr(struct lapic *a, u8 tpr);
void lapic_eoi(struct lapic *a);
int lapic_highest_irr(struct lapic *a);
void lapic_update_ppr(struct lapic *a);
void lapic_recount(struct lapic *a);
void lapic_set_version(struct lapic *a);
void lapic_set_spiv(struct lapic *a, u32 val);
void lapic_place_changed(struct lapic *a);

int lapic_highest_isr(const struct lapic *a);
void lapic_wake(struct lapic *a);
void lapic_eoi_broadcast(struct lapic *a, u8 vector);

/* apicv.c */
void lapic_take_posted(struct lapic *a);
int lapic_post(struct lapic *a, u8 vector);
void irqchip_eoi_vectors_changed(struct kvm *kvm);

/* lapic_timer.c */
void lapic_timer_init(struct lapic *a);
void lapic_timer_stop(struct lapic *a);
void lapic_timer_set_initial(struct lapic *a, u32 count);
void lapic_timer_resume(struct lapic *a);
void lapic_timer_set_mode(struct lapic *a);
void lapic_timer_set_divide(struct lapic *a, u32 tdcr);
u32 lapic_timer_current(struct lapic *a);

/* apic_map.c */
struct lapic *apic_by_id(struct kvm *kvm, u32 id);
void apic_map_destroy(struct kvm *kvm);

#endif /* KVM_X86_LAPIC_H */
