// SPDX-License-Identifier: GPL-2.0-only
/*
 * The local APIC's registers, as the guest reaches them: the MMIO page of xAPIC mode, the MSRs of
 * x2APIC mode, and the state that user space saves and restores.
 *
 * One table says of each register how each mode may reach it, which bits can be written, and what
 * a write does beyond being stored. xAPIC mode ignores what is not there; x2APIC mode gives #GP for
 * absent registers and reserved bits (SDM vol 3, 10.4.1 and table 10-6).
 */
#include <linux/nospec.h>
#include "ioapic.h"
#include "lapic.h"

#define XR	BIT(0)		/* xAPIC: read, write */
#define XW	BIT(1)
#define MR	BIT(2)		/* x2APIC: read, write */
#define MW	BIT(3)

struct reg_row {
	u8	access;
	u32	writable;
	void	(*write)(struct lapic *a, u32 reg, u32 val);	/* NULL: only stored */
};

static void write_id_or_ldr(struct lapic *a, u32 reg, u32 val)
{
	lapic_reg_set(a, reg, val);
	apic_map_changed(a->vcpu->kvm);
}

/* The low 28 bits of the destination format are all ones (10.6.2.2). */
static void write_dfr(struct lapic *a, u32 reg, u32 val)
{
	write_id_or_ldr(a, reg, val | 0x0fffffff);
}

static void write_tpr(struct lapic *a, u32 reg, u32 val)
{
	lapic_write_tpr(a, val);
}

static void write_eoi(struct lapic *a, u32 reg, u32 val)
{
	lapic_eoi(a);
}

static void write_spiv(struct lapic *a, u32 reg, u32 val)
{
	if (!(lapic_reg(a, APIC_LVR) & APIC_LVR_DIRECTED_EOI))
		val &= ~APIC_SPIV_DIRECTED_EOI;
	lapic_set_spiv(a, val);
}

/* No error is ever latched: delivery between our LAPICs cannot fail. */
static void write_esr(struct lapic *a, u32 reg, u32 val)
{
	lapic_reg_set(a, APIC_ESR, 0);
}

static void send_ipi(struct lapic *a)
{
	u32 icr = lapic_reg(a, APIC_ICR), icr2 = lapic_reg(a, APIC_ICR2);
	struct apic_message msg = {
		.dest		= lapic_x2apic(a) ? icr2 : icr2 >> 24,
		.vector		= icr & APIC_VECTOR_MASK,
		.delivery	= GET_APIC_DELIVERY_MODE(icr),
		.logical	= icr & APIC_DEST_LOGICAL,
		.level		= icr & APIC_INT_LEVELTRIG,
		.assert		= icr & APIC_INT_ASSERT,
		.shorthand	= (icr & APIC_DEST_ALLBUT) >> 18,
	};

	trace_kvm_apic_ipi(icr, msg.dest);
	apic_send(a->vcpu->kvm, a, &msg);
}

/* It is sent at once: the delivery status never reads as pending. */
static void write_icr(struct lapic *a, u32 reg, u32 val)
{
	lapic_reg_set(a, APIC_ICR, val);
	send_ipi(a);
}

static void write_self_ipi(struct lapic *a, u32 reg, u32 val)
{
	struct apic_message msg = { .vector = val, .assert = true };

	trace_kvm_apic_ipi(val | APIC_DEST_SELF | APIC_DM_FIXED, 0);
	lapic_accept(a, &msg);
}

static void write_lvt(struct lapic *a, u32 reg, u32 val)
{
	u32 old = lapic_reg(a, reg);

	if (!a->sw_enabled)
		val |= APIC_LVT_MASKED;
	lapic_reg_set(a, reg, val | (old & APIC_LVT_REMOTE_IRR));
	if (reg == APIC_LVT0)	/* an i8259 that waits may be let through now */
		kvm_request(a->vcpu, KVM_REQ_EVENT);
}

static void write_lvtt(struct lapic *a, u32 reg, u32 val)
{
	if (!x86_guest_has(a->vcpu, X86_FEATURE_TSC_DEADLINE_TIMER))
		val &= ~APIC_LVT_TIMER_TSCDEADLINE;
	write_lvt(a, reg, val);
	lapic_timer_set_mode(a);
}

static void write_tmict(struct lapic *a, u32 reg, u32 val)
{
	lapic_timer_set_initial(a, val);
}

static void write_tdcr(struct lapic *a, u32 reg, u32 val)
{
	lapic_timer_set_divide(a, val);
}

#define LVT_COMMON	(APIC_VECTOR_MASK | APIC_LVT_MASKED)
#define LVT_DELIVERY	(LVT_COMMON | APIC_MODE_MASK)
#define LVT_PIN		(LVT_DELIVERY | APIC_INPUT_POLARITY | APIC_LVT_LEVEL_TRIGGER)
#define LVT_STATUS	(APIC_SEND_PENDING | APIC_LVT_REMOTE_IRR)
#define ICR_WRITABLE	(APIC_VECTOR_MASK | APIC_MODE_MASK | APIC_DEST_LOGICAL | APIC_INT_ASSERT | \
			 APIC_INT_LEVELTRIG | APIC_DEST_ALLBUT)
#define SPIV_WRITABLE	(APIC_VECTOR_MASK | APIC_SPIV_APIC_ENABLED | APIC_SPIV_FOCUS_DISABLED | \
			 APIC_SPIV_DIRECTED_EOI)

#define ROW(reg)	[(reg) >> 4]
#define ROWS(reg, n)	[(reg) >> 4 ... ((reg) >> 4) + (n) - 1]

static const struct reg_row reg_rows[] = {
	ROW(APIC_ID)		= { XR | XW | MR, 0xff000000, write_id_or_ldr },
	ROW(APIC_LVR)		= { XR | MR },
	ROW(APIC_TASKPRI)	= { XR | XW | MR | MW, 0xff, write_tpr },
	ROW(APIC_ARBPRI)	= { XR },
	ROW(APIC_PROCPRI)	= { XR | MR },
	ROW(APIC_EOI)		= { XW | MW, 0, write_eoi },
	ROW(APIC_LDR)		= { XR | XW | MR, APIC_LDR_MASK, write_id_or_ldr },
	ROW(APIC_DFR)		= { XR | XW, 0xf0000000, write_dfr },
	ROW(APIC_SPIV)		= { XR | XW | MR | MW, SPIV_WRITABLE, write_spiv },
	ROWS(APIC_ISR, 8)	= { XR | MR },
	ROWS(APIC_TMR, 8)	= { XR | MR },
	ROWS(APIC_IRR, 8)	= { XR | MR },
	ROW(APIC_ESR)		= { XR | XW | MR | MW, 0, write_esr },
	ROW(APIC_ICR)		= { XR | XW | MR | MW, ICR_WRITABLE, write_icr },
	ROW(APIC_ICR2)		= { XR | XW, 0xff000000 },
	ROW(APIC_LVTT)          = { XR | XW | MR | MW, LVT_COMMON | LAPIC_LVT_TIMER_MODE,
				    write_lvtt },
	ROW(APIC_LVTTHMR)	= { XR | XW | MR | MW, LVT_DELIVERY, write_lvt },
	ROW(APIC_LVTPC)		= { XR | XW | MR | MW, LVT_DELIVERY, write_lvt },
	ROW(APIC_LVT0)		= { XR | XW | MR | MW, LVT_PIN, write_lvt },
	ROW(APIC_LVT1)		= { XR | XW | MR | MW, LVT_PIN, write_lvt },
	ROW(APIC_LVTERR)	= { XR | XW | MR | MW, LVT_COMMON, write_lvt },
	ROW(APIC_TMICT)		= { XR | XW | MR | MW, U32_MAX, write_tmict },
	ROW(APIC_TMCCT)		= { XR | MR },
	ROW(APIC_TDCR)		= { XR | XW | MR | MW, 0xb, write_tdcr },
	ROW(APIC_SELF_IPI)	= { MW, APIC_VECTOR_MASK, write_self_ipi },
};

static const struct reg_row *find_row(u32 reg, u8 access)
{
	unsigned int i = reg >> 4;
	const struct reg_row *row;

	if (i >= ARRAY_SIZE(reg_rows))
		return NULL;
	row = &reg_rows[array_index_nospec(i, ARRAY_SIZE(reg_rows))];
	return row->access & access ? row : NULL;
}

static void write_reg(struct lapic *a, const struct reg_row *row, u32 reg, u32 val)
{
	trace_kvm_apic_write(reg, val);
	if (row->write)
		row->write(a, reg, val);
	else
		lapic_reg_set(a, reg, val);
}

static u32 read_reg(struct lapic *a, u32 reg)
{
	u32 val;

	switch (reg) {
	case APIC_TMCCT:
		val = lapic_timer_current(a);
		break;
	case APIC_IRR ... APIC_IRR + 0x70:
		lapic_take_posted(a);
		val = lapic_reg(a, reg);
		break;
	case APIC_PROCPRI:
		lapic_update_ppr(a);
		fallthrough;
	default:
		val = lapic_reg(a, reg);
	}
	trace_kvm_apic_read(reg, val);
	return val;
}

/*
 * xAPIC: the register page.
 */

/*
 * No register page: x2APIC mode, or turned off. Then the address belongs to user space, but old
 * VMMs count on reads of all ones instead (a quirk).
 */
static bool mmio_hole(struct kvm_vcpu *vcpu)
{
	return !(to_x86_vm(vcpu->kvm)->disabled_quirks & KVM_X86_QUIRK_LAPIC_MMIO_HOLE);
}

static bool has_mmio(struct kvm_vcpu *vcpu)
{
	return lapic_hw_enabled(vcpu) && !lapic_x2apic(to_lapic(vcpu));
}

int lapic_mmio_read(struct kvm_vcpu *vcpu, gpa_t gpa, int len, void *val)
{
	unsigned int offset = gpa & (LAPIC_SPAN - 1);
	struct lapic *a = to_lapic(vcpu);
	u32 reg = offset & ~0xf, data = 0;

	if (!a)
		return -EOPNOTSUPP;
	if (!has_mmio(vcpu)) {
		if (!mmio_hole(vcpu))
			return -EOPNOTSUPP;
		memset(val, 0xff, len);
		return 0;
	}
	/* Only the first four bytes of every sixteen exist, and only whole (10.4.1). */
	memset(val, 0, len);
	offset &= 0xf;
	if (offset + len <= sizeof(data) && find_row(reg, XR)) {
		if (reg == APIC_TASKPRI)
			vapic_tpr_accessed(vcpu, false);
		data = read_reg(a, reg);
		memcpy(val, (u8 *)&data + offset, len);
	}
	return 0;
}

int lapic_mmio_write(struct kvm_vcpu *vcpu, gpa_t gpa, int len, const void *val)
{
	u32 reg = gpa & (LAPIC_SPAN - 1);
	struct lapic *a = to_lapic(vcpu);
	const struct reg_row *row;
	u32 data;

	if (!a)
		return -EOPNOTSUPP;
	if (!has_mmio(vcpu))
		return mmio_hole(vcpu) ? 0 : -EOPNOTSUPP;
	if (len != sizeof(data) || (reg & 0xf))
		return 0;
	row = find_row(reg, XW);
	if (!row)
		return 0;
	memcpy(&data, val, sizeof(data));
	if (reg == APIC_TASKPRI)
		vapic_tpr_accessed(vcpu, true);
	write_reg(a, row, reg, data & row->writable);
	apic_map_update(vcpu->kvm);
	return 0;
}

/*
 * x2APIC: MSRs 0x800 and up, one for each 16 bytes of the page.
 */
static bool x2apic_usable(struct kvm_vcpu *vcpu)
{
	return to_lapic(vcpu) && lapic_x2apic(to_lapic(vcpu));
}

int lapic_x2apic_read(struct kvm_vcpu *vcpu, u32 msr, u64 *data)
{
	u32 reg = (msr - APIC_BASE_MSR) << 4;

	if (!x2apic_usable(vcpu) || !find_row(reg, MR))
		return 1;
	*data = read_reg(to_lapic(vcpu), reg);
	if (reg == APIC_ICR)
		*data |= (u64)lapic_reg(to_lapic(vcpu), APIC_ICR2) << 32;
	return 0;
}

int lapic_x2apic_write(struct kvm_vcpu *vcpu, u32 msr, u64 data)
{
	u32 reg = (msr - APIC_BASE_MSR) << 4;
	struct lapic *a = to_lapic(vcpu);
	const struct reg_row *row;

	row = x2apic_usable(vcpu) ? find_row(reg, MW) : NULL;
	if (!row)
		return 1;
	if (reg == APIC_ICR) {
		/* Bit 12 was the delivery status; a writer that copies it back means no harm. */
		lapic_reg_set(a, APIC_ICR2, data >> 32);
		data = (u32)data & ~APIC_ICR_BUSY;
	}
	/*
	 * So with the status bits of an LVT: read-only, not reserved. Linux writes back all it has
	 * read.
	 */
	if (reg >= APIC_LVTT && reg <= APIC_LVTERR)
		data &= ~(u64)LVT_STATUS;
	if (data & ~(u64)row->writable)
		return 1;
	write_reg(a, row, reg, data);
	apic_map_update(vcpu->kvm);
	return 0;
}

/*
 * Hardware that carries accesses out in the page.
 */

/* Reads of it need nobody but the page. ICR is there in halves, and PPR may be of yesterday. */
bool lapic_reads_from_page(u32 reg)
{
	return find_row(reg, MR) && reg != APIC_ICR && reg != APIC_TMCCT && reg != APIC_PROCPRI;
}
EXPORT_SYMBOL_GPL(lapic_reads_from_page);

/**
 * lapic_written_in_page - the guest has written a register in the page
 * @vcpu: the vCPU
 * @reg: its offset
 *
 * What was written stands there with every bit of it, and what was there before is lost.
 * Context: as lapic_mmio_write(), right after the instruction.
 */
void lapic_written_in_page(struct kvm_vcpu *vcpu, u32 reg)
{
	const struct reg_row *row = find_row(reg, XW | MW);
	struct lapic *a = to_lapic(vcpu);

	if (!row)
		return;
	lapic_reg_set(a, reg, lapic_reg(a, reg) & row->writable);
	write_reg(a, row, reg, lapic_reg(a, reg));
	apic_map_update(vcpu->kvm);
}
EXPORT_SYMBOL_GPL(lapic_written_in_page);

/*
 * KVM_GET_LAPIC and KVM_SET_LAPIC. In x2APIC mode the id is a whole word inside; user space gets it
 * so when it asked for 32-bit ids (KVM_CAP_X2APIC_API), else as xAPIC has it, in the top byte.
 */
static bool wide_ids(struct kvm *kvm)
{
	return to_x86_vm(kvm)->irqchip.x2apic_format & KVM_X2APIC_API_USE_32BIT_IDS;
}

static u32 *state_reg(struct kvm_lapic_state *s, u32 reg)
{
	return (u32 *)(s->regs + reg);
}

long lapic_vcpu_get(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	struct kvm_lapic_state *s = arg->data;
	struct lapic *a = to_lapic(vcpu);

	if (!a)
		return -EINVAL;
	irqchip_deliver_timers(vcpu);
	lapic_take_posted(a);
	memcpy(s->regs, a->regs, sizeof(s->regs));
	*state_reg(s, APIC_TMCCT) = lapic_timer_current(a);
	if (lapic_x2apic(a) && !wide_ids(vcpu->kvm))
		*state_reg(s, APIC_ID) <<= 24;
	return 0;
}

/* The id and what follows from it are not user space's to choose in x2APIC mode. */
static int fix_x2apic_ids(struct lapic *a, struct kvm_lapic_state *s)
{
	u32 id = a->vcpu->id;

	if (wide_ids(a->vcpu->kvm) && *state_reg(s, APIC_ID) != id)
		return -EINVAL;
	*state_reg(s, APIC_ID) = id;
	*state_reg(s, APIC_LDR) = x2apic_ldr(id);
	return 0;
}

long lapic_vcpu_set(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	struct kvm_lapic_state *s = arg->data;
	struct lapic *a = to_lapic(vcpu);
	int r;

	if (!a)
		return -EINVAL;
	if (lapic_x2apic(a)) {
		r = fix_x2apic_ids(a, s);
		if (r)
			return r;
	}
	lapic_timer_stop(a);
	lapic_take_posted(a);
	memcpy(a->regs, s->regs, sizeof(s->regs));
	lapic_set_version(a);
	lapic_recount(a);
	lapic_timer_resume(a);
	apic_map_changed(vcpu->kvm);
	apic_map_update(vcpu->kvm);
	kvm_request(vcpu, KVM_REQ_EVENT);
	return 0;
}
