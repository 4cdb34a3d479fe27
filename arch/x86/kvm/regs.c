// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vCPU's registers as user space reads and writes them: REGS, SREGS, SREGS2, DEBUGREGS,
 * TRANSLATE, GUEST_DEBUG, and the copies of them in kvm_run (SYNC_REGS).
 *
 * User space sets what it likes between two runs, but not what no CPU could be in: SREGS are
 * checked as a whole before the first of them is applied, and a refused call has changed nothing.
 */
#include <linux/kernel.h>
#include "x86.h"

/* struct kvm_regs has its registers in an order of its own. */
static const struct {
	u16	offset;
	u8	reg;
} gprs[] = {
	{ offsetof(struct kvm_regs, rax), GPR_RAX },	{ offsetof(struct kvm_regs, rbx), GPR_RBX },
	{ offsetof(struct kvm_regs, rcx), GPR_RCX },	{ offsetof(struct kvm_regs, rdx), GPR_RDX },
	{ offsetof(struct kvm_regs, rsi), GPR_RSI },	{ offsetof(struct kvm_regs, rdi), GPR_RDI },
	{ offsetof(struct kvm_regs, rsp), GPR_RSP },	{ offsetof(struct kvm_regs, rbp), GPR_RBP },
	{ offsetof(struct kvm_regs, r8), GPR_R8 },	{ offsetof(struct kvm_regs, r9), GPR_R9 },
	{ offsetof(struct kvm_regs, r10), GPR_R10 },	{ offsetof(struct kvm_regs, r11), GPR_R11 },
	{ offsetof(struct kvm_regs, r12), GPR_R12 },	{ offsetof(struct kvm_regs, r13), GPR_R13 },
	{ offsetof(struct kvm_regs, r14), GPR_R14 },	{ offsetof(struct kvm_regs, r15), GPR_R15 },
	{ offsetof(struct kvm_regs, rip), GPR_RIP },
};

void x86_get_regs(struct kvm_vcpu *vcpu, struct kvm_regs *out)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(gprs); i++)
		*(u64 *)((void *)out + gprs[i].offset) = x86_reg_read(vcpu, gprs[i].reg);
	out->rflags = x86_rflags(vcpu);
}

void x86_set_regs(struct kvm_vcpu *vcpu, const struct kvm_regs *in)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(gprs); i++)
		x86_reg_write(vcpu, gprs[i].reg, *(const u64 *)((const void *)in + gprs[i].offset));
	x86_set_rflags(vcpu, in->rflags | X86_EFLAGS_FIXED);
	/*
	 * What was about to be raised belonged to the instruction that is no longer the next one.
	 */
	to_x86(vcpu)->events.exception.pending = false;
	kvm_request(vcpu, KVM_REQ_EVENT);
}

long x86_vcpu_get_regs(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	x86_get_regs(vcpu, arg->data);
	return 0;
}

long x86_vcpu_set_regs(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	x86_set_regs(vcpu, arg->data);
	return 0;
}

/*
 * SREGS. The two structures begin alike; what they have in common is handled as one.
 */
static const struct {
	u16	offset;
	u8	seg;
} segments[] = {
	{ offsetof(struct kvm_sregs, cs), SEG_CS },	{ offsetof(struct kvm_sregs, ds), SEG_DS },
	{ offsetof(struct kvm_sregs, es), SEG_ES },	{ offsetof(struct kvm_sregs, fs), SEG_FS },
	{ offsetof(struct kvm_sregs, gs), SEG_GS },	{ offsetof(struct kvm_sregs, ss), SEG_SS },
	{ offsetof(struct kvm_sregs, tr), SEG_TR },
	{ offsetof(struct kvm_sregs, ldt), SEG_LDTR },
};

static_assert(offsetof(struct kvm_sregs, apic_base) == offsetof(struct kvm_sregs2, apic_base));
static_assert(offsetof(struct kvm_sregs, cr0) == offsetof(struct kvm_sregs2, cr0));

/* All but the last member, which is the bitmap in one and the PDPTEs in the other. */
void x86_get_sregs(struct kvm_vcpu *vcpu, struct kvm_sregs *out)
{
	struct x86_vcpu *v = to_x86(vcpu);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(segments); i++)
		x86_cold(get_segment)(vcpu, (void *)out + segments[i].offset, segments[i].seg);
	x86_cold(get_dt)(vcpu, false, &out->gdt);
	x86_cold(get_dt)(vcpu, true, &out->idt);
	out->cr0 = v->cr0;
	out->cr2 = v->cr2;
	out->cr3 = x86_cr3(vcpu);
	out->cr4 = v->cr4;
	out->cr8 = x86_get_cr8(vcpu);
	out->efer = v->efer;
	out->apic_base = v->apic_base;
}

static void get_sregs(struct kvm_vcpu *vcpu, struct kvm_sregs *out)
{
	const struct x86_events *e = &to_x86(vcpu)->events;

	x86_get_sregs(vcpu, out);
	memset(out->interrupt_bitmap, 0, sizeof(out->interrupt_bitmap));
	if (e->interrupt.injected && !e->interrupt.soft)
		__set_bit(e->interrupt.vector, (unsigned long *)out->interrupt_bitmap);
}

long x86_vcpu_get_sregs(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	get_sregs(vcpu, arg->data);
	return 0;
}

long x86_vcpu_get_sregs2(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	struct kvm_sregs2 *out = arg->data;
	struct kvm_sregs common;

	x86_get_sregs(vcpu, &common);
	memcpy(out, &common, offsetof(struct kvm_sregs2, flags));
	if (x86_is_pae_paging(vcpu)) {
		kvm_vcpu_srcu_lock(vcpu);	/* SVM reads them from the guest's tables */
		x86_reg_need(vcpu, REG_CACHE_PDPTR);
		kvm_vcpu_srcu_unlock(vcpu);
		memcpy(out->pdptrs, to_x86(vcpu)->mmu.pdptrs, sizeof(out->pdptrs));
		out->flags |= KVM_SREGS2_FLAGS_PDPTRS_VALID;
	}
	return 0;
}

/* Modes that need each other (SDM vol 3, 2.2.1 and 4.1.1; APM vol 2, 14.6). */
static bool modes_agree(struct kvm_vcpu *vcpu, const struct kvm_sregs *in)
{
	if ((in->efer & EFER_LME) && (in->cr0 & X86_CR0_PG))
		return (in->cr4 & X86_CR4_PAE) && (in->efer & EFER_LMA) &&
		       !(in->cr3 & to_x86(vcpu)->reserved_gpa_bits);
	return !(in->efer & EFER_LMA) && !in->cs.l;
}

bool x86_sregs_valid(struct kvm_vcpu *vcpu, const struct kvm_sregs *in)
{
	return x86_cr0_valid(in->cr0) && x86_cr4_valid(vcpu, in->cr4) && !(in->cr8 & ~0xfULL) &&
	       !(in->efer & ~x86_efer_supported) && modes_agree(vcpu, in);
}

/* The mode first, so that the rest is seen in its light. */
static void set_sregs_mode(struct kvm_vcpu *vcpu, const struct kvm_sregs *in)
{
	struct x86_vcpu *v = to_x86(vcpu);
	unsigned long cr4 = v->cr4;

	x86_cold(set_efer)(vcpu, in->efer);
	x86_cold(set_cr0)(vcpu, in->cr0 | X86_CR0_ET);
	x86_cold(set_cr4)(vcpu, in->cr4);
	v->cr2 = in->cr2;
	x86_put_cr3(vcpu, in->cr3);
	x86_cold(cr3_changed)(vcpu);
	if ((cr4 ^ in->cr4) & (X86_CR4_OSXSAVE | X86_CR4_PKE))
		x86_cpuid_runtime_update(vcpu);
}

/*
 * A VMM that keeps the states of its processors itself starts the boot processor by putting it at
 * the reset vector; it need not know of KVM_SET_MP_STATE.
 */
static void start_at_reset_vector(struct kvm_vcpu *vcpu, const struct kvm_sregs *in)
{
	if (vcpu->id == to_x86_vm(vcpu->kvm)->bsp_vcpu_id && x86_rip(vcpu) == 0xfff0 &&
	    in->cs.selector == 0xf000 && in->cs.base == 0xffff0000 && !(in->cr0 & X86_CR0_PE))
		WRITE_ONCE(to_x86(vcpu)->mp_state, KVM_MP_STATE_RUNNABLE);
}

/* Returns -EINVAL with nothing changed. The PDPTEs are left to the caller. */
int x86_set_sregs(struct kvm_vcpu *vcpu, const struct kvm_sregs *in)
{
	unsigned int i;

	if (!x86_sregs_valid(vcpu, in) || lapic_set_base(vcpu, in->apic_base, true))
		return -EINVAL;

	for (i = 0; i < ARRAY_SIZE(segments); i++)
		x86_cold(set_segment)(vcpu, (const void *)in + segments[i].offset, segments[i].seg);
	x86_cold(set_dt)(vcpu, false, &in->gdt);
	x86_cold(set_dt)(vcpu, true, &in->idt);
	set_sregs_mode(vcpu, in);
	x86_set_cr8(vcpu, in->cr8);
	start_at_reset_vector(vcpu, in);
	mmu_reset(vcpu);
	x86_op(flush_tlb)(vcpu, FLUSH_GUEST, 0);
	kvm_request(vcpu, KVM_REQ_EVENT);
	return 0;
}

/*
 * With PAE paging the four PDPTEs are registers, loaded from where CR3 points unless user space
 * brings them along.
 */
static void reload_pdptrs(struct kvm_vcpu *vcpu)
{
	if (!x86_is_pae_paging(vcpu))
		return;
	kvm_vcpu_srcu_lock(vcpu);
	mmu_load_pdptrs(vcpu, x86_cr3(vcpu));
	kvm_vcpu_srcu_unlock(vcpu);
}

/* The PDPTEs are the caller's to load: KVM_RUN holds srcu, the ioctl does not. */
static int set_sregs(struct kvm_vcpu *vcpu, const struct kvm_sregs *in)
{
	unsigned int vector;
	int r = x86_set_sregs(vcpu, in);

	if (r)
		return r;
	vector = find_first_bit((const unsigned long *)in->interrupt_bitmap, KVM_NR_INTERRUPTS);
	if (vector < KVM_NR_INTERRUPTS)
		x86_requeue_interrupt(vcpu, vector, false);
	return 0;
}

long x86_vcpu_set_sregs(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	int r = set_sregs(vcpu, arg->data);

	if (!r)
		reload_pdptrs(vcpu);
	return r;
}

long x86_vcpu_set_sregs2(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	const struct kvm_sregs2 *in = arg->data;
	bool pdptrs = in->flags & KVM_SREGS2_FLAGS_PDPTRS_VALID;
	bool pae = (in->cr0 & X86_CR0_PG) && (in->cr4 & X86_CR4_PAE) && !(in->efer & EFER_LMA);
	struct kvm_sregs common = {};
	int r;

	if (in->flags & ~KVM_SREGS2_FLAGS_PDPTRS_VALID)
		return -EINVAL;
	if (pdptrs && !pae)
		return -EINVAL;
	memcpy(&common, in, offsetof(struct kvm_sregs2, flags));
	r = x86_set_sregs(vcpu, &common);
	if (r)
		return r;
	if (pdptrs)
		mmu_put_pdptrs(vcpu, in->pdptrs);
	else
		reload_pdptrs(vcpu);
	return 0;
}

/*
 * Debugging.
 */
long x86_vcpu_get_debugregs(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	const struct x86_vcpu *v = to_x86(vcpu);
	struct kvm_debugregs *out = arg->data;
	int i;

	for (i = 0; i < 4; i++)
		out->db[i] = v->db[i];
	out->dr6 = v->dr6;
	out->dr7 = v->dr7;
	return 0;
}

long x86_vcpu_set_debugregs(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	const struct kvm_debugregs *in = arg->data;
	struct x86_vcpu *v = to_x86(vcpu);
	int i;

	if (in->flags || in->dr6 >> 32 || in->dr7 >> 32)
		return -EINVAL;
	for (i = 0; i < 4; i++)
		v->db[i] = in->db[i];
	v->dr6 = in->dr6;
	v->dr7 = in->dr7;
	x86_update_dr7(vcpu);
	return 0;
}

/* A #DB or #BP that the debugger found to be the guest's own is given back to it. */
static int reinject_debug(struct kvm_vcpu *vcpu, u32 control)
{
	if (!(control & (KVM_GUESTDBG_INJECT_DB | KVM_GUESTDBG_INJECT_BP)))
		return 0;
	if (to_x86(vcpu)->events.exception.pending)
		return -EBUSY;
	if (control & KVM_GUESTDBG_INJECT_DB)
		x86_queue_db(vcpu, 0);
	else
		x86_queue_exception(vcpu, X86_TRAP_BP);
	return 0;
}

static void take_breakpoints(struct x86_vcpu *v, const struct kvm_guest_debug *in)
{
	int i;

	for (i = 0; i < 4; i++)
		v->eff_db[i] = in->arch.debugreg[i];
	v->guest_debug_dr7 = in->arch.debugreg[7];
}

long x86_vcpu_set_guest_debug(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	const struct kvm_guest_debug *in = arg->data;
	struct x86_vcpu *v = to_x86(vcpu);
	unsigned long rflags;
	int r;

	if (in->control & ~X86_GUESTDBG_FLAGS)
		return -EINVAL;
	r = reinject_debug(vcpu, in->control);
	if (r)
		return r;

	rflags = x86_rflags(vcpu);	/* the guest's own, without what the old settings add */
	vcpu->guest_debug = in->control & KVM_GUESTDBG_ENABLE ? in->control : 0;
	if (vcpu->guest_debug & KVM_GUESTDBG_USE_HW_BP)
		take_breakpoints(v, in);
	x86_update_dr7(vcpu);
	if (vcpu->guest_debug & KVM_GUESTDBG_SINGLESTEP)
		v->singlestep_rip = x86_linear_rip(vcpu);
	x86_set_rflags(vcpu, rflags);
	x86_cold(update_intercepts)(vcpu);
	return 0;
}

/* KVM API 4.7: by the guest's tables as they are now, as the kernel of the guest would. */
long x86_vcpu_translate(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	struct kvm_translation *tr = arg->data;
	struct x86_exception e;
	gpa_t gpa;

	kvm_vcpu_srcu_lock(vcpu);
	gpa = mmu_gva_to_gpa(vcpu, tr->linear_address, ACC_IMPLICIT, &e);
	kvm_vcpu_srcu_unlock(vcpu);
	if (gpa == INVALID_GPA && e.host_error)
		return -EFAULT;
	tr->physical_address = gpa;
	tr->valid = gpa != INVALID_GPA;
	tr->writeable = 1;
	tr->usermode = 0;
	return 0;
}

/*
 * SYNC_REGS: the same in kvm_run, which user space may change at any time: copied once, then
 * checked and used.
 */
static noinline void store_regs(struct kvm_vcpu *vcpu, u64 valid)
{
	struct kvm_sync_regs *s = &vcpu->run->s.regs;
	struct kvm_vcpu_events events = {};
	struct kvm_arg arg = { .data = &events };

	if (valid & KVM_SYNC_X86_REGS)
		x86_get_regs(vcpu, &s->regs);
	if (valid & KVM_SYNC_X86_SREGS)
		get_sregs(vcpu, &s->sregs);
	if (valid & KVM_SYNC_X86_EVENTS) {
		x86_vcpu_get_events(vcpu, &arg);
		s->events = events;
	}
}

/* Two short functions for each KVM_RUN, and apart from them what makes room for the copies. */
void x86_sync_regs_store(struct kvm_vcpu *vcpu)
{
	u64 valid = READ_ONCE(vcpu->run->kvm_valid_regs);

	if (unlikely(valid))
		store_regs(vcpu, valid);
}

/* Once: behind the barrier the compiler cannot go back to the original. */
static void copy_once(void *to, const void *from, size_t size)
{
	memcpy(to, from, size);
	barrier();
}

static int load_sregs(struct kvm_vcpu *vcpu)
{
	struct kvm_sregs copy;
	int r;

	copy_once(&copy, &vcpu->run->s.regs.sregs, sizeof(copy));
	r = set_sregs(vcpu, &copy);
	if (!r && x86_is_pae_paging(vcpu))
		mmu_load_pdptrs(vcpu, x86_cr3(vcpu));
	return r;
}

static int load_events(struct kvm_vcpu *vcpu)
{
	struct kvm_vcpu_events copy;
	struct kvm_arg arg = { .data = &copy };

	copy_once(&copy, &vcpu->run->s.regs.events, sizeof(copy));
	return x86_vcpu_set_events(vcpu, &arg);
}

static noinline int load_regs(struct kvm_vcpu *vcpu, u64 dirty)
{
	struct kvm_regs regs;

	if (dirty & KVM_SYNC_X86_REGS) {
		copy_once(&regs, &vcpu->run->s.regs.regs, sizeof(regs));
		x86_set_regs(vcpu, &regs);
	}
	if (dirty & KVM_SYNC_X86_SREGS && load_sregs(vcpu))
		return -EINVAL;
	if (dirty & KVM_SYNC_X86_EVENTS && load_events(vcpu))
		return -EINVAL;
	vcpu->run->kvm_dirty_regs = 0;
	return 0;
}

int x86_sync_regs_load(struct kvm_vcpu *vcpu)
{
	u64 dirty = READ_ONCE(vcpu->run->kvm_dirty_regs);

	if ((READ_ONCE(vcpu->run->kvm_valid_regs) | dirty) & ~(u64)KVM_SYNC_X86_VALID_FIELDS)
		return -EINVAL;
	return unlikely(dirty) ? load_regs(vcpu, dirty) : 0;
}
