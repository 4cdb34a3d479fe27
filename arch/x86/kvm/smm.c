// SPDX-License-Identifier: GPL-2.0-only
/*
 * System management mode: an SMI takes the vCPU out of whatever it does into a world of its own,
 * RSM takes it back (APM vol 2, 10; SDM vol 3, 31).
 *
 * Two things make that world. The first is memory: in SMM a vCPU sees address space 1, where the
 * VMM has put what is to be hidden otherwise. vcpu->as_id says so to every accessor, and it changes
 * together with events.in_smm, in set_mode() alone. MMU roots are per address space, so the other
 * world's root stays for the way back.
 *
 * The second is the save-state map: on entry all registers are written to SMRAM, on RSM whatever is
 * there by then is loaded. A state that no processor could be in ends in a shutdown. The map is the
 * processor's own affair in most places; software may know only some of its fields. There are two
 * forms, the one of AMD64, for guests whose CPUID has long mode, and the older one of 32 bits; both
 * are columns of the same rows. Fields that the manuals do not place lie where QEMU's own processor
 * has them, so that a machine caught in SMM can be moved.
 *
 * An SMI waits while the vCPU is in SMM, and while another event is being delivered; it goes before
 * NMIs and interrupts. In SMM NMIs are masked until an IRET, INITs are latched, SIPIs are lost.
 */
#include <linux/kernel.h>
#include "smm.h"
#include "trace.h"

/* Where the map lies, counted from SMBASE. Its fields are counted from SMBASE + 8000h. */
#define HANDLER_OFFSET	0x8000
#define MAP_OFFSET	0x7e00
#define MAP_SIZE	0x200

/* SMBASE can be moved; I/O instructions are not restarted. The low half is the map's form. */
#define REVISION_SMBASE	BIT(17)
#define REVISION_AMD64	0x64

/* What a vCPU takes along. */
struct smm_state {
	struct kvm_regs	regs;
	struct kvm_sregs sregs;
	u64		dr6, dr7;
	u32		smbase;
	u32		revision;
	u8		halted;		/* the SMI came in HLT: RSM goes back to it */
	u8		shadow;		/* KVM_X86_SHADOW_INT_* */
};

/* A field of the map: where and how wide. Width 0: this form has none. */
struct place {
	u16	at;
	u8	size;
};

enum form { AMD64, LEGACY, NR_FORMS };

struct field {
	u16		member;
	u8		size;
	struct place	place[NR_FORMS];
};

#define FIELD(_member, _wide, _wide_size, _narrow, _narrow_size) {		\
	.member = offsetof(struct smm_state, _member),				\
	.size = sizeof_field(struct smm_state, _member),			\
	.place = { { _wide, _wide_size }, { _narrow, _narrow_size } },		\
}

/* APM vol 2, table 10-1; SDM vol 3, table 31-1. */
static const struct field fields[] = {
	FIELD(regs.rax,		0x7ff8, 8, 0x7fd0, 4),
	FIELD(regs.rcx,		0x7ff0, 8, 0x7fd4, 4),
	FIELD(regs.rdx,		0x7fe8, 8, 0x7fd8, 4),
	FIELD(regs.rbx,		0x7fe0, 8, 0x7fdc, 4),
	FIELD(regs.rsp,		0x7fd8, 8, 0x7fe0, 4),
	FIELD(regs.rbp,		0x7fd0, 8, 0x7fe4, 4),
	FIELD(regs.rsi,		0x7fc8, 8, 0x7fe8, 4),
	FIELD(regs.rdi,		0x7fc0, 8, 0x7fec, 4),
	FIELD(regs.r8,		0x7fb8, 8, 0, 0),
	FIELD(regs.r9,		0x7fb0, 8, 0, 0),
	FIELD(regs.r10,		0x7fa8, 8, 0, 0),
	FIELD(regs.r11,		0x7fa0, 8, 0, 0),
	FIELD(regs.r12,		0x7f98, 8, 0, 0),
	FIELD(regs.r13,		0x7f90, 8, 0, 0),
	FIELD(regs.r14,		0x7f88, 8, 0, 0),
	FIELD(regs.r15,		0x7f80, 8, 0, 0),
	FIELD(regs.rip,		0x7f78, 8, 0x7ff0, 4),
	FIELD(regs.rflags,	0x7f70, 8, 0x7ff4, 4),
	FIELD(dr6,		0x7f68, 8, 0x7fcc, 4),
	FIELD(dr7,		0x7f60, 8, 0x7fc8, 4),
	FIELD(sregs.cr0,	0x7f58, 8, 0x7ffc, 4),
	FIELD(sregs.cr3,	0x7f50, 8, 0x7ff8, 4),
	FIELD(sregs.cr4,	0x7f48, 8, 0x7f14, 4),
	FIELD(sregs.efer,	0x7ed0, 8, 0, 0),
	FIELD(sregs.gdt.base,	0x7e68, 8, 0x7f74, 4),
	FIELD(sregs.gdt.limit,	0x7e64, 4, 0x7f70, 4),
	FIELD(sregs.idt.base,	0x7e88, 8, 0x7f58, 4),
	FIELD(sregs.idt.limit,	0x7e84, 4, 0x7f54, 4),
	FIELD(smbase,		0x7f00, 4, 0x7ef8, 4),
	FIELD(revision,		0x7efc, 4, 0x7efc, 4),
	FIELD(halted,		0x7ec9, 1, 0x7f02, 2),
	FIELD(shadow,		0x7ecb, 1, 0x7f10, 1),
};

/*
 * Segments. AMD64: selector, attributes, limit, base in 16 bytes. Legacy: the selector by itself,
 * elsewhere attributes, limit and base of 4 bytes each.
 */
static const struct {
	u16	member;
	u16	wide;
	u16	selector, narrow;
} segments[] = {
	{ offsetof(struct kvm_sregs, es),  0x7e00, 0x7fa8, 0x7f84 },
	{ offsetof(struct kvm_sregs, cs),  0x7e10, 0x7fac, 0x7f90 },
	{ offsetof(struct kvm_sregs, ss),  0x7e20, 0x7fb0, 0x7f9c },
	{ offsetof(struct kvm_sregs, ds),  0x7e30, 0x7fb4, 0x7f2c },
	{ offsetof(struct kvm_sregs, fs),  0x7e40, 0x7fb8, 0x7f38 },
	{ offsetof(struct kvm_sregs, gs),  0x7e50, 0x7fbc, 0x7f44 },
	{ offsetof(struct kvm_sregs, ldt), 0x7e70, 0x7fc0, 0x7f78 },
	{ offsetof(struct kvm_sregs, tr),  0x7e90, 0x7fc4, 0x7f5c },
};

static u64 load(const void *from, unsigned int size)
{
	u64 value = 0;

	memcpy(&value, from, size);
	return value;
}

static void *at(u8 *map, u16 offset)
{
	return map + offset - MAP_OFFSET;
}

/* The upper half of a descriptor's second word, without the limit. */
static u16 attributes_of(const struct kvm_segment *s)
{
	return s->type | s->s << 4 | s->dpl << 5 | s->present << 7 | s->avl << 12 | s->l << 13 |
	       s->db << 14 | s->g << 15;
}

static void put_attributes(struct kvm_segment *s, u16 a)
{
	s->type = a & 0xf;
	s->s = a >> 4 & 1;
	s->dpl = a >> 5 & 3;
	s->present = a >> 7 & 1;
	s->avl = a >> 12 & 1;
	s->l = a >> 13 & 1;
	s->db = a >> 14 & 1;
	s->g = a >> 15;
	s->unusable = !s->present;
}

static void segment_to_map(const struct kvm_segment *s, u8 *map, unsigned int i, enum form form)
{
	u16 attributes = s->unusable ? attributes_of(s) & ~BIT(7) : attributes_of(s);
	bool wide = form == AMD64;
	u16 offset = wide ? segments[i].wide + 2 : segments[i].narrow;

	memcpy(at(map, wide ? segments[i].wide : segments[i].selector), &s->selector, 2);
	memcpy(at(map, offset), &attributes, 2);
	offset += wide ? 2 : 4;
	memcpy(at(map, offset), &s->limit, 4);
	memcpy(at(map, offset + 4), &s->base, wide ? 8 : 4);
}

static void segment_from_map(struct kvm_segment *s, u8 *map, unsigned int i, enum form form)
{
	bool wide = form == AMD64;
	u16 offset = wide ? segments[i].wide + 2 : segments[i].narrow;

	s->selector = load(at(map, wide ? segments[i].wide : segments[i].selector), 2);
	put_attributes(s, load(at(map, offset), 2));
	offset += wide ? 2 : 4;
	s->limit = load(at(map, offset), 4);
	s->base = load(at(map, offset + 4), wide ? 8 : 4);
}

static void to_map(const struct smm_state *s, u8 *map, enum form form)
{
	unsigned int i;
	u64 value;

	memset(map, 0, MAP_SIZE);
	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		value = load((const void *)s + fields[i].member, fields[i].size);
		memcpy(at(map, fields[i].place[form].at), &value, fields[i].place[form].size);
	}
	for (i = 0; i < ARRAY_SIZE(segments); i++)
		segment_to_map((const void *)&s->sregs + segments[i].member, map, i, form);
}

/* What this form does not have stays as it is in @s. */
static void from_map(struct smm_state *s, u8 *map, enum form form)
{
	unsigned int i;
	u64 value;

	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		if (!fields[i].place[form].size)
			continue;
		value = load(at(map, fields[i].place[form].at), fields[i].place[form].size);
		memcpy((void *)s + fields[i].member, &value, fields[i].size);
	}
	for (i = 0; i < ARRAY_SIZE(segments); i++)
		segment_from_map((void *)&s->sregs + segments[i].member, map, i, form);
}

static enum form form_of(struct kvm_vcpu *vcpu)
{
	return x86_guest_has(vcpu, X86_FEATURE_LM) ? AMD64 : LEGACY;
}

static gpa_t map_gpa(struct kvm_vcpu *vcpu)
{
	return to_x86(vcpu)->smbase + HANDLER_OFFSET + MAP_OFFSET;
}

/* The MMU has the old world's root still: mmu_reset() is the caller's, with the new registers. */
static void set_mode(struct kvm_vcpu *vcpu, bool smm)
{
	struct x86_vcpu *v = to_x86(vcpu);

	trace_kvm_enter_smm(vcpu->id, v->smbase, smm);
	v->events.in_smm = smm;
	vcpu->as_id = smm;
	/* NMIs that are no longer masked, an INIT that was latched, the next SMI. */
	kvm_request(vcpu, KVM_REQ_EVENT);
}

/*
 * In.
 */

void smm_send_smi(struct kvm_vcpu *vcpu)
{
	kvm_request(vcpu, KVM_REQ_SMI);
	kvm_vcpu_kick(vcpu);
}

long smm_vcpu_smi(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	smm_send_smi(vcpu);
	return 0;
}

void smm_smi_came(struct kvm_vcpu *vcpu)
{
	to_x86(vcpu)->events.smi_pending = true;
	kvm_request(vcpu, KVM_REQ_EVENT);
}

void smm_collect(struct kvm_vcpu *vcpu)
{
	if (kvm_request_take(vcpu, KVM_REQ_SMI))
		smm_smi_came(vcpu);
}

static void capture(struct kvm_vcpu *vcpu, struct smm_state *s, enum form form)
{
	struct x86_vcpu *v = to_x86(vcpu);

	memset(s, 0, sizeof(*s));
	x86_get_regs(vcpu, &s->regs);
	x86_get_sregs(vcpu, &s->sregs);
	s->dr6 = v->dr6;
	s->dr7 = v->dr7;
	s->smbase = v->smbase;
	s->revision = REVISION_SMBASE | (form == AMD64 ? REVISION_AMD64 : 0);
	s->halted = v->events.smi_in_halt;
	s->shadow = x86_op(get_shadow)(vcpu);
}

/* APM vol 2, table 10-2: real mode without limits. What is not named here stays as it was. */
static void make_handler_state(struct smm_state *s, enum form form)
{
	const struct kvm_segment data = {
		.limit = U32_MAX, .type = 3, .s = 1, .present = 1, .g = 1,
	};

	s->sregs.ds = data;
	s->sregs.es = data;
	s->sregs.fs = data;
	s->sregs.gs = data;
	s->sregs.ss = data;
	s->sregs.cs = data;
	s->sregs.cs.selector = s->smbase >> 4;
	s->sregs.cs.base = s->smbase;
	s->sregs.cr0 &= ~(X86_CR0_PE | X86_CR0_EM | X86_CR0_TS | X86_CR0_PG);
	s->sregs.cr4 = 0;
	/*
	 * Whose CPUID has no long mode may have NXE, which the map has no place for; and user space
	 * may have put it in long mode.
	 */
	s->sregs.efer &= form == AMD64 ? 0 : ~(EFER_LME | EFER_LMA);
	s->regs.rip = HANDLER_OFFSET;
	s->regs.rflags = X86_EFLAGS_FIXED;
}

/* The map goes to SMRAM first: as long as that may fail nothing has happened. */
static int write_map(struct kvm_vcpu *vcpu, const struct smm_state *s, enum form form)
{
	u8 map[MAP_SIZE];
	int r;

	to_map(s, map, form);
	vcpu->as_id = 1;
	r = kvm_vcpu_write_guest(vcpu, map_gpa(vcpu), map, sizeof(map));
	vcpu->as_id = 0;
	return r == -EFAULT ? r : 0;	/* into the void, where the VMM has put no memory */
}

static int enter_smm(struct kvm_vcpu *vcpu)
{
	struct x86_events *e = &to_x86(vcpu)->events;
	enum form form = form_of(vcpu);
	struct smm_state s;

	capture(vcpu, &s, form);
	if (write_map(vcpu, &s, form)) {
		kvm_request(vcpu, KVM_REQ_EVENT);
		return -EFAULT;
	}
	e->smi_pending = false;
	e->smi_in_halt = false;
	e->smm_inside_nmi = x86_cold(get_nmi_mask)(vcpu);
	to_x86(vcpu)->smi_count++;

	make_handler_state(&s, form);
	x86_op(set_shadow)(vcpu, 0);
	set_mode(vcpu, true);
	if (KVM_BUG_ON(x86_set_sregs(vcpu, &s.sregs), vcpu->kvm))
		return -EIO;
	x86_set_regs(vcpu, &s.regs);
	x86_set_dr(vcpu, 7, DR7_FIXED_1);
	x86_cold(set_nmi_mask)(vcpu, true);
	return 0;
}

/**
 * smm_take_smi - enter SMM, for an SMI that is pending and not held back by SMM itself
 * @vcpu: in KVM_RUN, between two entries; srcu held; may sleep
 * @immediate_exit: set when another event goes first, and the SMI right behind it
 *
 * Return: 0; -EFAULT when the VMM's memory of SMRAM is not there: the SMI is pending still.
 */
int smm_take_smi(struct kvm_vcpu *vcpu, bool *immediate_exit)
{
	struct x86_events *e = &to_x86(vcpu)->events;

	if (!x86_event_on_its_way(e))
		return enter_smm(vcpu);
	e->smi_in_halt = false;
	*immediate_exit = true;
	return 0;
}

/*
 * Out.
 */

/* What RFLAGS has; all else is reserved, and reads as 0 but for bit 1 (SDM vol 1, 3.4.3). */
#define RFLAGS_DEFINED	0x3f7fd5UL

static int shutdown(struct kvm_vcpu *vcpu)
{
	kvm_request(vcpu, KVM_REQ_TRIPLE_FAULT);
	return EXIT_RESUME;
}

static bool state_valid(struct kvm_vcpu *vcpu, const struct smm_state *s)
{
	return x86_sregs_valid(vcpu, &s->sregs) && x86_efer_valid(vcpu, s->sregs.efer) &&
	       !((s->dr6 | s->dr7) >> 32);
}

/* Both kinds at once are none; and where interrupts are off STI has none. */
static u32 shadow_of(const struct smm_state *s)
{
	if (s->shadow & KVM_X86_SHADOW_INT_MOV_SS)
		return KVM_X86_SHADOW_INT_MOV_SS;
	return s->regs.rflags & X86_EFLAGS_IF ? s->shadow & KVM_X86_SHADOW_INT_STI : 0;
}

/*
 * The map has no place for PAE's top entries: they come from the guest's tables. Bad ones map
 * nothing. (SVM reads them from there at any time by itself.)
 */
static void load_pdptrs(struct kvm_vcpu *vcpu)
{
	static const u64 none[4];

	if (!mmu_load_pdptrs(vcpu, x86_cr3(vcpu)))
		mmu_put_pdptrs(vcpu, none);
}

static int leave_smm(struct kvm_vcpu *vcpu, struct smm_state *s)
{
	struct x86_vcpu *v = to_x86(vcpu);

	v->smbase = s->smbase;
	set_mode(vcpu, false);
	if (KVM_BUG_ON(x86_set_sregs(vcpu, &s->sregs), vcpu->kvm))
		return -EIO;
	s->regs.rflags &= RFLAGS_DEFINED;
	x86_set_regs(vcpu, &s->regs);
	x86_set_dr(vcpu, 6, s->dr6);
	x86_set_dr(vcpu, 7, s->dr7);
	x86_op(set_shadow)(vcpu, shadow_of(s));
	/* The NMI handler that was interrupted has its IRET yet to come. */
	x86_cold(set_nmi_mask)(vcpu, v->events.smm_inside_nmi);
	v->events.smm_inside_nmi = false;
	if (x86_is_pae_paging(vcpu))
		load_pdptrs(vcpu);
	return s->halted & 1 ? x86_halt(vcpu) : EXIT_RESUME;
}

/**
 * x86_exit_rsm - the guest executes RSM
 * @vcpu: in KVM_RUN; srcu held; may sleep
 *
 * Outside SMM there is no such instruction.
 *
 * Return: enum kvm_outcome; -EFAULT when the VMM's memory of SMRAM is not there: nothing has
 * happened, and RSM is executed again.
 */
int x86_exit_rsm(struct kvm_vcpu *vcpu)
{
	enum form form = form_of(vcpu);
	struct smm_state s;
	u8 map[MAP_SIZE];
	int r;

	if (!to_x86(vcpu)->events.in_smm)
		return x86_exit_ud(vcpu);
	r = kvm_vcpu_read_guest(vcpu, map_gpa(vcpu), map, sizeof(map));
	if (r == -EFAULT)
		return r;
	capture(vcpu, &s, form);
	if (r)		/* no memory there: its bits read as ones */
		memset(map, 0xff, sizeof(map));
	from_map(&s, map, form);
	return state_valid(vcpu, &s) ? leave_smm(vcpu, &s) : shutdown(vcpu);
}
EXPORT_SYMBOL_GPL(x86_exit_rsm);

void smm_reset(struct kvm_vcpu *vcpu)
{
	struct x86_events *e = &to_x86(vcpu)->events;

	e->smi_pending = false;
	e->smi_in_halt = false;
	e->smm_inside_nmi = false;
	if (e->in_smm)
		set_mode(vcpu, false);
}

/*
 * As user space sees it.
 */

void smm_get_events(struct kvm_vcpu *vcpu, struct kvm_vcpu_events *out)
{
	const struct x86_events *e = &to_x86(vcpu)->events;

	smm_collect(vcpu);
	out->smi.smm = e->in_smm;
	out->smi.pending = e->smi_pending;
	out->smi.smm_inside_nmi = e->smm_inside_nmi;
	out->smi.latched_init = lapic_init_latched(vcpu);
	out->flags |= KVM_VCPUEVENT_VALID_SMM;
}

/* Who waits for a SIPI takes no SMI, and cannot have begun to wait in SMM. */
bool smm_events_valid(struct kvm_vcpu *vcpu, const struct kvm_vcpu_events *in)
{
	if (!(in->flags & KVM_VCPUEVENT_VALID_SMM) || !(in->smi.smm || in->smi.pending))
		return true;
	return to_x86(vcpu)->mp_state != KVM_MP_STATE_INIT_RECEIVED;
}

void smm_set_events(struct kvm_vcpu *vcpu, const struct kvm_vcpu_events *in)
{
	struct x86_events *e = &to_x86(vcpu)->events;

	if (!(in->flags & KVM_VCPUEVENT_VALID_SMM))
		return;
	kvm_request_drop(vcpu, KVM_REQ_SMI);
	e->smi_pending = in->smi.pending;
	e->smm_inside_nmi = in->smi.smm && in->smi.smm_inside_nmi;
	if (e->in_smm != !!in->smi.smm) {
		set_mode(vcpu, in->smi.smm);
		mmu_reset(vcpu);
	}
	lapic_latch_init(vcpu, in->smi.latched_init);
}
