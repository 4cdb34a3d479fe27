// SPDX-License-Identifier: GPL-2.0-only
/*
 * Program-event recording (PER, PoP 4): the guest's own, and a debugger's by KVM_SET_GUEST_DEBUG.
 *
 * PER is PSW bit 1 and control registers 9 to 11: which events, between which two addresses. The
 * guest's own is the machine's affair, as long as the machine executes the guest's instructions. Of
 * an instruction that we execute for it, we find its events (s390_per_insn(), s390_per_store()) and
 * keep them in v->per until the program interruption before the next entry.
 *
 * A debugger has what it asks for in the registers while the guest is in SIE, together with what
 * the guest has there, so that both see their events; the guest's own values are back in the
 * state description all the rest of the time. Meanwhile whatever could show the guest the
 * difference, or take PER away from the debugger by another PSW, comes to us: loads and stores of
 * control registers, LPSW(E), SVC, every program interruption. (Results of EPSW, STNSM and STOSM
 * show the bit.) Of an event the debugger takes what is its own, and the guest gets what it has
 * asked for.
 *
 * A breakpoint stops before its instruction. PER tells of an instruction that was executed: so the
 * range begins one instruction earlier and branches into it are told too, and before each entry the
 * PSW is compared with the breakpoints. One that has been told is not told again until its
 * instruction has been executed.
 *
 * A watchpoint says where its storage is in absolute addresses too. PER does not tell where a store
 * went: the watchpoint was hit when what it covers has changed.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/ptrace.h>
#include <asm/sclp.h>

#include "s390.h"

/* Events in control register 9, as in the left byte of a PER code. */
#define CODE_OF(cr9)	((cr9) >> 24)

#define LONGEST_INSN	6
#define NOWHERE		1		/* no instruction is at an odd address */

#define DEBUG_ICPT	(SIE_ICPT_PGM_ALL | SIE_ICPT_LPSW | SIE_ICPT_STCTL)
#define DEBUG_LCTL	0x0070		/* control registers 9 to 11 */

struct s390_breakpoint {
	u64	addr;
	u64	abs;
	u32	len;
	u8	type;			/* KVM_HW_BP, KVM_HW_WP_WRITE */
	u8	old[S390_WATCH_MAX];	/* what a watchpoint's storage had */
};

static bool covers(const struct s390_per_range *r, u64 addr)
{
	if (r->start <= r->end)
		return r->start <= addr && addr <= r->end;
	return r->start <= addr || addr <= r->end;	/* it wraps (PoP 4, PER) */
}

/* What the guest has asked for: nothing while its PSW says so. */
static struct s390_per_range guest_range(const struct s390_vcpu *v)
{
	const u64 *cr = v->sie->cr;

	if (!(v->sie->psw.mask & PSW_MASK_PER))
		return (struct s390_per_range){ };
	return (struct s390_per_range){ .cr9 = cr[9], .start = cr[10], .end = cr[11] };
}

/* One range for the events of both. */
static void widen(struct s390_per_range *r, const struct s390_per_range *by)
{
	if (!(by->cr9 & PER_EVENT_MASK))
		return;
	if (!(r->cr9 & PER_EVENT_MASK)) {
		*r = *by;
		return;
	}
	r->cr9 |= by->cr9;
	if (r->start > r->end || by->start > by->end) {
		r->start = 0;
		r->end = U64_MAX;
		return;
	}
	r->start = min(r->start, by->start);
	r->end = max(r->end, by->end);
}

/*
 * Events that reach beyond a range, or less far than a range, for one of the two: without the
 * restriction. Nullification would keep the instruction from a debugger's single step.
 */
static u64 shared_controls(u64 ours, u64 guests)
{
	u64 cr9 = ours | guests;

	if (guests & PER_EVENT_BRANCH && !(guests & PER_CONTROL_BRANCH_ADDRESS))
		cr9 &= ~PER_CONTROL_BRANCH_ADDRESS;
	if (ours & PER_EVENT_STORE)
		cr9 &= ~PER_CONTROL_ALTERATION;
	return cr9 & ~(PER_EVENT_NULLIFICATION | PER_CONTROL_SUSPENSION);
}

/* The debugger's registers in. Context: just before SIE; s390_debug_leave() just behind. */
void s390_debug_enter(struct s390_vcpu *v)
{
	const struct s390_per_range guest = guest_range(v);
	struct s390_per_range range = v->debug.range;
	struct sie_block *sie = v->sie;

	memcpy(v->debug.guest_cr, &sie->cr[9], sizeof(v->debug.guest_cr));
	v->debug.guest_per = sie->psw.mask & PSW_MASK_PER;

	widen(&range, &guest);
	sie->cr[9] = shared_controls(range.cr9, guest.cr9);
	sie->cr[10] = range.start;
	sie->cr[11] = range.end;
	sie->psw.mask |= PSW_MASK_PER;
	sie->icpt_ctl |= DEBUG_ICPT;
	sie->lctl_ctl |= DEBUG_LCTL;
	sie->svc_ctl = SIE_SVC_ALL;
}

void s390_debug_leave(struct s390_vcpu *v)
{
	struct sie_block *sie = v->sie;

	memcpy(&sie->cr[9], v->debug.guest_cr, sizeof(v->debug.guest_cr));
	if (!v->debug.guest_per)
		sie->psw.mask &= ~PSW_MASK_PER;
	sie->icpt_ctl &= ~DEBUG_ICPT;
	sie->lctl_ctl &= ~DEBUG_LCTL;
	sie->svc_ctl = 0;
}

static void hit(struct s390_vcpu *v, u8 type, u64 addr)
{
	v->debug.hit = true;
	v->debug.exit.type = type;
	v->debug.exit.addr = addr;
}

/* The instruction at @addr has been executed, or was the guest's to see fail. */
static void executed(struct s390_vcpu *v, u64 addr)
{
	if (v->debug.passed == addr)
		v->debug.passed = NOWHERE;
	if (v->debug.control & KVM_GUESTDBG_SINGLESTEP)
		hit(v, KVM_SINGLESTEP, 0);
}

/* Of the events in @code, those that the guest itself has asked for. */
static u8 guests_events(const struct s390_vcpu *v, u8 code, u64 address)
{
	const struct s390_per_range guest = guest_range(v);
	u64 asked = guest.cr9 & PER_EVENT_MASK;

	if (!covers(&guest, address))
		asked &= ~(PER_EVENT_IFETCH | PER_EVENT_NULLIFICATION);
	if (guest.cr9 & PER_CONTROL_BRANCH_ADDRESS && !covers(&guest, v->sie->psw.addr))
		asked &= ~PER_EVENT_BRANCH;
	return code & CODE_OF(asked);
}

/*
 * Addressing and translation mode: bits of the PSW, with a mark that they are there (PoP 4, PER).
 */
static u8 atmid(const struct s390_vcpu *v)
{
	u64 mask = v->sie->psw.mask;

	return (mask & PSW_MASK_EA ? 0x80 : 0) | 0x40 | (mask & PSW_MASK_BA ? 0x20 : 0) |
	       (mask & PSW_MASK_DAT ? 0x10 : 0) | (mask & PSW_MASK_ASC) >> 44;
}

/**
 * s390_per_machine - the machine has left the guest with events that it has not delivered
 * @v: CPU whose state description has had a program-interruption code with the bit for PER
 *
 * What is the guest's becomes pending in v->per, what is the debugger's in v->debug. Context: in
 * KVM_RUN.
 */
void s390_per_machine(struct s390_vcpu *v)
{
	struct sie_block *sie = v->sie;
	u8 code = sie->per_code;

	if (v->debug.on) {
		executed(v, sie->per_address);
		v->debug.stored = code & CODE_OF(PER_EVENT_STORE);
		code = guests_events(v, code, sie->per_address);
	}
	v->per = (struct s390_per){
		.code		= code,
		.atmid		= sie->per_atmid,
		.access_id	= sie->per_access_id,
		.address	= sie->per_address,
		.ilc		= sie->pgm_ilc & 6,
	};
}

/* An intercepted instruction, before it is executed by us or by user space. */
void s390_per_insn(struct s390_vcpu *v)
{
	const struct s390_per_range guest = guest_range(v);
	unsigned int ilc;
	u64 addr;

	if (likely(!v->debug.on && !(guest.cr9 & PER_EVENT_MASK)))
		return;
	ilc = s390_icpt_length(v);
	addr = s390_wrap(v, v->sie->psw.addr - ilc);
	v->per = (struct s390_per){ .atmid = atmid(v), .address = addr, .ilc = ilc, .insn = true };
	if (guest.cr9 & PER_EVENT_IFETCH && covers(&guest, addr))
		v->per.code |= CODE_OF(PER_EVENT_IFETCH);
	if (v->debug.on) {
		executed(v, addr);
		v->debug.stored = true;		/* perhaps */
	}
}

/* The instruction will be executed again: nothing has happened. */
void s390_per_retry(struct s390_vcpu *v)
{
	v->per.code = 0;
	v->per.insn = false;
	v->debug.hit = false;
}

/*
 * A store to [addr, addr + len) by the instruction in hand, to the space of @asce if DAT is on,
 * which is @asce_id (of TEIDs). With the control for it only spaces count that are marked.
 */
void s390_per_store(struct s390_vcpu *v, u64 addr, u64 len, u64 asce, u8 asce_id, u8 ar)
{
	const struct s390_per_range guest = guest_range(v);
	bool dat = v->sie->psw.mask & PSW_MASK_DAT;

	if (!v->per.insn || !(guest.cr9 & PER_EVENT_STORE))
		return;
	if (guest.cr9 & PER_CONTROL_ALTERATION && dat && !(asce & ASCE_ALTERATION))
		return;
	/* does either contain an end of the other? */
	if (!covers(&guest, addr) && !covers(&guest, addr + len - 1) && guest.start - addr >= len)
		return;
	v->per.code |= CODE_OF(PER_EVENT_STORE);
	if (dat) {
		v->per.atmid |= asce_id;
		v->per.access_id = asce_id == 1 ? ar : 0;
	}
}

static bool has_changed(struct s390_vcpu *v, struct s390_breakpoint *b)
{
	u8 now[S390_WATCH_MAX];

	if (kvm_read_guest(v->vcpu.kvm, b->abs, now, b->len) || !memcmp(now, b->old, b->len))
		return false;
	memcpy(b->old, now, b->len);
	return true;
}

static void look_at_storage(struct s390_vcpu *v)
{
	unsigned int i;

	v->debug.stored = false;
	for (i = 0; i < v->debug.n; i++) {
		struct s390_breakpoint *b = &v->debug.bp[i];

		if (b->type == KVM_HW_WP_WRITE && has_changed(v, b))
			hit(v, KVM_HW_WP_WRITE, b->addr);
	}
}

static bool at_breakpoint(const struct s390_vcpu *v)
{
	u64 addr = v->sie->psw.addr;
	unsigned int i;

	if (addr == v->debug.passed)
		return false;
	for (i = 0; i < v->debug.n; i++) {
		if (v->debug.bp[i].type == KVM_HW_BP && v->debug.bp[i].addr == addr)
			return true;
	}
	return false;
}

static int debug_exit(struct s390_vcpu *v)
{
	struct kvm_run *run = v->vcpu.run;

	if (v->debug.exit.type == KVM_SINGLESTEP)
		v->debug.exit.addr = v->sie->psw.addr;
	run->exit_reason = KVM_EXIT_DEBUG;
	run->debug.arch = v->debug.exit;
	v->debug.hit = false;
	return EXIT_TO_USER;
}

/*
 * Before interrupts are delivered: has the last instruction hit anything? Context: in KVM_RUN,
 * kvm->srcu held; sleeps. Return: EXIT_RESUME; EXIT_TO_USER with KVM_EXIT_DEBUG.
 */
int s390_debug_hit(struct s390_vcpu *v)
{
	if (v->debug.stored)
		look_at_storage(v);
	return v->debug.hit ? debug_exit(v) : EXIT_RESUME;
}

/* After that: does the next instruction have a breakpoint? Return: as s390_debug_hit(). */
int s390_debug_breakpoint(struct s390_vcpu *v)
{
	if (!at_breakpoint(v))
		return EXIT_RESUME;
	v->debug.passed = v->sie->psw.addr;
	hit(v, KVM_HW_BP, v->sie->psw.addr);
	return debug_exit(v);
}

/* The range that finds @b. */
static struct s390_per_range range_of(const struct s390_breakpoint *b)
{
	struct s390_per_range r = { .start = b->addr };

	if (b->type == KVM_HW_WP_WRITE) {
		r.cr9 = PER_EVENT_STORE;
		r.end = b->addr + b->len - 1;
		return r;
	}
	r.cr9 = PER_EVENT_IFETCH | PER_EVENT_BRANCH | PER_CONTROL_BRANCH_ADDRESS;
	r.start -= LONGEST_INSN;
	r.end = b->addr;
	return r;
}

static int breakpoint_in(struct s390_vcpu *v, const struct kvm_hw_breakpoint *from,
			 struct s390_breakpoint *b)
{
	if (from->type != KVM_HW_BP && from->type != KVM_HW_WP_WRITE)
		return -EINVAL;
	b->type = from->type;
	b->addr = from->addr;
	if (b->type == KVM_HW_BP)
		return 0;
	if (!from->len || from->len > S390_WATCH_MAX)
		return -EINVAL;
	b->abs = from->phys_addr;
	b->len = from->len;
	return kvm_read_guest(v->vcpu.kvm, b->abs, b->old, b->len) ? -EFAULT : 0;
}

/* Copies in what user space lists. Return: its number; NULL in *@out with none. */
static int breakpoints_in(struct s390_vcpu *v, const struct kvm_guest_debug_arch *arch,
			  struct s390_breakpoint **out)
{
	struct kvm_hw_breakpoint *list;
	struct s390_breakpoint *bp;
	unsigned int i;
	int r = 0;

	*out = NULL;
	if (!arch->nr_hw_bp || !arch->hw_bp)
		return 0;
	if (arch->nr_hw_bp > S390_BREAKPOINTS)
		return -EINVAL;
	list = memdup_user(arch->hw_bp, arch->nr_hw_bp * sizeof(*list));
	if (IS_ERR(list))
		return PTR_ERR(list);
	bp = kcalloc(arch->nr_hw_bp, sizeof(*bp), GFP_KERNEL_ACCOUNT);
	if (!bp)
		r = -ENOMEM;
	for (i = 0; !r && i < arch->nr_hw_bp; i++)
		r = breakpoint_in(v, &list[i], &bp[i]);
	kfree(list);
	if (r) {
		kfree(bp);
		return r;
	}
	*out = bp;
	return i;
}

static struct s390_per_range debug_range(u32 control, const struct s390_breakpoint *bp,
					 unsigned int n)
{
	struct s390_per_range all = { };
	unsigned int i;

	if (control & KVM_GUESTDBG_SINGLESTEP)
		all = (struct s390_per_range){ .cr9 = PER_EVENT_IFETCH, .end = U64_MAX };
	for (i = 0; i < n; i++) {
		const struct s390_per_range one = range_of(&bp[i]);

		widen(&all, &one);
	}
	return all;
}

void s390_debug_free(struct s390_vcpu *v)
{
	kfree(v->debug.bp);
	v->debug.bp = NULL;
	v->debug.n = 0;
}

/*
 * KVM_SET_GUEST_DEBUG: all that was set before is replaced. -EINVAL: the machine does not leave a
 * guest for PER events; bits, types, lengths and numbers that are not. -EFAULT: no storage behind a
 * watchpoint.
 */
long s390_set_guest_debug(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	const struct kvm_guest_debug *dbg = arg->data;
	struct s390_vcpu *v = to_s390(vcpu);
	struct s390_breakpoint *bp = NULL;
	u32 control = dbg->control;
	int n = 0, idx;

	if (!sclp.has_gpere || control & ~S390_GUESTDBG_FLAGS)
		return -EINVAL;
	if (!(control & KVM_GUESTDBG_ENABLE))
		control = 0;
	if (control & KVM_GUESTDBG_USE_HW_BP) {
		idx = srcu_read_lock(&vcpu->kvm->srcu);
		n = breakpoints_in(v, &dbg->arch, &bp);
		srcu_read_unlock(&vcpu->kvm->srcu, idx);
		if (n < 0)
			return n;
	}

	s390_debug_free(v);
	v->debug.control = control;
	v->debug.on = control & (KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_USE_HW_BP);
	v->debug.bp = bp;
	v->debug.n = n;
	v->debug.range = debug_range(control, bp, n);
	v->debug.stored = false;
	v->debug.hit = false;
	if (!v->debug.on)
		v->debug.passed = NOWHERE;
	if (v->debug.on)
		sie_flags_set(v->sie, SIE_FLAG_GUEST_PER);
	else
		sie_flags_clear(v->sie, SIE_FLAG_GUEST_PER);
	return 0;
}
