// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts of a CPU: what is pending, what its masks let in, and how it is delivered.
 *
 * Before each entry every interrupt that is pending and enabled is taken, highest priority first
 * (PoP 6, priority of interruptions): its parameters and the old PSW go into the prefix area, the
 * new PSW comes from there. One row a kind. For what is pending and not enabled, a window is asked
 * of SIE: it leaves when the guest loads the mask in question.
 *
 * Clock comparator and CPU timer need no mark that they are pending: they are, for as long as their
 * value says so.
 */
#include <asm/lowcore.h>

#include "s390.h"
#include "trace_s390.h"

/* Subclass masks of external interrupts in control register 0 (PoP 6). */
#define CR0_EMERGENCY	0x4000
#define CR0_EXT_CALL	0x2000
#define CR0_CLOCK_COMP	0x0800
#define CR0_CPU_TIMER	0x0400
#define CR0_SERVICE	0x0200

#define LCTL_CR0	0x8000
#define LCTL_CR6	0x0200
#define LCTL_CR14	0x0002

#define LC(field)	offsetof(struct lowcore, field)

void s390_irq_init(struct s390_vcpu *v)
{
	spin_lock_init(&v->irq.lock);
}

/* All that waits for this CPU alone goes. */
void s390_irq_drop(struct s390_vcpu *v)
{
	lockdep_assert_held(&v->irq.lock);
	v->irq.pending = 0;
	v->irq.stop_store = false;
	bitmap_zero(v->irq.emergency, S390_MAX_VCPUS);
}

/* A reset. */
void s390_irq_clear(struct s390_vcpu *v)
{
	spin_lock(&v->irq.lock);
	s390_irq_drop(v);
	spin_unlock(&v->irq.lock);
}

/*
 * The prefix area. Offsets are those of the host's own lowcore, which is the same thing.
 */

/* Where it is in the VMM, looked up when it or the slots have changed. */
static struct kvm_gpa_cache *prefix_area(struct s390_vcpu *v)
{
	struct kvm_gpa_cache *area = &v->prefix_area;

	if (unlikely(area->gpa != s390_prefix(v) || !area->len))
		kvm_gpa_cache_init(v->vcpu.kvm, area, s390_prefix(v), 2 * PAGE_SIZE);
	return area;
}

static int put(struct s390_vcpu *v, unsigned int at, const void *from, unsigned int len)
{
	return kvm_write_guest_cached(v->vcpu.kvm, prefix_area(v), at, from, len) ? -EFAULT : 0;
}

static int put16(struct s390_vcpu *v, unsigned int at, u16 value)
{
	return put(v, at, &value, sizeof(value));
}

static int put32(struct s390_vcpu *v, unsigned int at, u32 value)
{
	return put(v, at, &value, sizeof(value));
}

static int put64(struct s390_vcpu *v, unsigned int at, u64 value)
{
	return put(v, at, &value, sizeof(value));
}

static int put8(struct s390_vcpu *v, unsigned int at, u8 value)
{
	return put(v, at, &value, sizeof(value));
}

/* Old PSW out, new PSW in: from here on the guest is in its handler. */
static int swap_psw(struct s390_vcpu *v, unsigned int old, unsigned int new)
{
	struct sie_psw psw;

	if (put(v, old, &v->sie->psw, sizeof(psw)) ||
	    kvm_read_guest_cached(v->vcpu.kvm, &v->prefix_area, new, &psw, sizeof(psw)))
		return -EFAULT;
	v->sie->psw = psw;
	v->waiting = false;
	return EXIT_RESUME;
}

static bool psw_has(const struct s390_vcpu *v, u64 mask)
{
	return v->sie->psw.mask & mask;
}

static bool ext_open(const struct s390_vcpu *v, u64 subclass)
{
	return psw_has(v, PSW_MASK_EXT) && v->sie->cr[0] & subclass;
}

static bool is_pending(const struct s390_vcpu *v, enum s390_irq irq)
{
	return READ_ONCE(v->irq.pending) & BIT(irq);
}

/* Take a kind that has no more to it than its being pending. */
static void take(struct s390_vcpu *v, enum s390_irq irq)
{
	spin_lock(&v->irq.lock);
	__clear_bit(irq, &v->irq.pending);
	spin_unlock(&v->irq.lock);
}

/* Types of external interrupts are their codes. */
#define EXT_TYPE(code)	(0xffff0000 | (code))

static_assert(EXT_TYPE(EXT_SERVICE) == KVM_S390_INT_SERVICE);
static_assert(EXT_TYPE(EXT_CLOCK_COMP) == KVM_S390_INT_CLOCK_COMP);

static int deliver_ext(struct s390_vcpu *v, u16 code, u16 cpu, u32 parm)
{
	const struct {
		u32	parm;
		u16	cpu;
		u16	code;
	} told = { parm, cpu, code };

	static_assert(LC(ext_cpu_addr) == LC(ext_params) + 4);
	static_assert(LC(ext_int_code) == LC(ext_params) + 6);

	trace_kvm_s390_deliver_interrupt(v, EXT_TYPE(code), cpu ?: parm, 0);
	if (put(v, LC(ext_params), &told, sizeof(told)))
		return -EFAULT;
	return swap_psw(v, LC(external_old_psw), LC(external_new_psw));
}

/*
 * Program interruptions.
 */

/* Is the instruction to be done over: does the old PSW point to it (PoP 6, nullification)? */
static bool nullifies(u16 code)
{
	switch (code) {
	case PGM_SEGMENT:
	case PGM_PAGE:
	case 0x16:			/* trace table */
	case 0x20 ... 0x27:		/* AFX to LSX translation */
	case 0x29 ... 0x34:		/* ALEN translation to stack operation */
	case PGM_ASCE_TYPE:
	case PGM_REGION_FIRST ... PGM_REGION_THIRD:
		return true;
	default:
		return false;
	}
}

/* Length of the instruction that was intercepted last. */
static unsigned int last_ilc(struct s390_vcpu *v)
{
	switch (v->sie->icpt_code) {
	case SIE_CODE_INSN:
	case SIE_CODE_INSN_PROG:
	case SIE_CODE_OPEREXC:
		return s390_icpt_length(v);
	case SIE_CODE_PROG:
		return v->sie->pgm_ilc & 6;
	default:
		return 0;
	}
}

static int put_translation(struct s390_vcpu *v, const struct kvm_s390_pgm_info *pgm)
{
	return put64(v, LC(trans_exc_code), pgm->trans_exc_code) ?: put8(v, LC(exc_access_id),
									 pgm->exc_access_id) ?:
	       put8(v, LC(op_access_id), pgm->op_access_id);
}

/* What goes with a code into the prefix area (PoP 6, program interruption). */
static int put_pgm_details(struct s390_vcpu *v, const struct kvm_s390_pgm_info *pgm)
{
	switch (pgm->code & 0x7f) {
	case PGM_PROTECTION:
	case PGM_SEGMENT:
	case PGM_PAGE:
	case 0x20 ... 0x25:
	case PGM_ASCE_TYPE:
	case PGM_REGION_FIRST ... PGM_REGION_THIRD:
		return put_translation(v, pgm);
	case 0x28 ... 0x2f:
		return put8(v, LC(exc_access_id), pgm->exc_access_id);
	case 0x07:			/* data */
	case 0x08 ... 0x0f:
		return put32(v, LC(data_exc_code), pgm->data_exc_code);
	case 0x40:			/* monitor event */
		return put16(v, LC(mon_class_num), pgm->mon_class_nr) ?: put64(v, LC(monitor_code),
									       pgm->mon_code);
	default:
		return 0;
	}
}

static int put_per(struct s390_vcpu *v, const struct kvm_s390_pgm_info *pgm)
{
	if (!(pgm->code & 0x80))
		return 0;
	return put8(v, LC(per_code), pgm->per_code) ?: put8(v, LC(per_atmid), pgm->per_atmid) ?:
	       put64(v, LC(per_address), pgm->per_address) ?: put8(v, LC(per_access_id),
								   pgm->per_access_id);
}

/* Events that wait are told with the exception that comes first: one interruption (PoP 6). */
static void add_per(struct s390_vcpu *v, struct kvm_s390_pgm_info *pgm)
{
	pgm->code |= PGM_PER;
	pgm->per_code = v->per.code;
	pgm->per_atmid = v->per.atmid;
	pgm->per_address = v->per.address;
	pgm->per_access_id = v->per.access_id;
	v->per.code = 0;
}

static int deliver_pgm(struct s390_vcpu *v, const struct kvm_s390_pgm_info *pgm)
{
	unsigned int ilc = last_ilc(v);
	struct kvm_s390_pgm_info with_per;

	if (v->per.code) {
		with_per = *pgm;
		add_per(v, &with_per);
		pgm = &with_per;
	}
	v->stat.deliver_program++;
	trace_kvm_s390_deliver_interrupt(v, KVM_S390_PROGRAM_INT, pgm->code, 0);
	if (pgm->flags & KVM_S390_PGM_FLAGS_ILC_VALID)
		ilc = pgm->flags & KVM_S390_PGM_FLAGS_ILC_MASK;
	if (nullifies(pgm->code & 0x7f) && !(pgm->flags & KVM_S390_PGM_FLAGS_NO_REWIND))
		v->sie->psw.addr = s390_wrap(v, v->sie->psw.addr - ilc);
	if (put16(v, LC(pgm_ilc), ilc) || put16(v, LC(pgm_code), pgm->code) ||
	    put_pgm_details(v, pgm) || put_per(v, pgm) ||
	    put64(v, LC(pgm_last_break), v->sie->break_addr))
		return -EFAULT;
	return swap_psw(v, LC(program_old_psw), LC(program_new_psw));
}

/**
 * s390_inject_pgm - a program interruption, now
 * @v: the CPU, between two entries
 * @pgm: what the guest is to be told
 *
 * Context: kvm->srcu held; sleeps. Return: EXIT_RESUME, -EFAULT no prefix area.
 */
int s390_inject_pgm(struct s390_vcpu *v, const struct kvm_s390_pgm_info *pgm)
{
	const struct kvm_s390_interrupt irq = { .type = KVM_S390_PROGRAM_INT, .parm = pgm->code };

	v->stat.inject_program++;
	trace_kvm_s390_inject_vcpu(v, &irq);
	return deliver_pgm(v, pgm);
}

int s390_inject_pgm_code(struct s390_vcpu *v, u16 code)
{
	const struct kvm_s390_pgm_info pgm = { .code = code };

	return s390_inject_pgm(v, &pgm);
}

/* PER events that are no other exception's company. */
static bool per_ready(struct s390_vcpu *v)
{
	return v->per.code;
}

static int per_deliver(struct s390_vcpu *v)
{
	const struct kvm_s390_pgm_info pgm = {
		.flags	= KVM_S390_PGM_FLAGS_ILC_VALID | KVM_S390_PGM_FLAGS_NO_REWIND | v->per.ilc,
	};

	return v->per.code ? s390_inject_pgm(v, &pgm) : EXIT_RESUME;
}

static bool pgm_ready(struct s390_vcpu *v)
{
	return is_pending(v, IRQ_PROG);
}

static int pgm_deliver(struct s390_vcpu *v)
{
	struct kvm_s390_pgm_info pgm;

	spin_lock(&v->irq.lock);
	pgm = v->irq.pgm;
	__clear_bit(IRQ_PROG, &v->irq.pending);
	spin_unlock(&v->irq.lock);
	return deliver_pgm(v, &pgm);
}

/*
 * Machine checks: of this CPU, or floating. Their subclass is a bit of control register 14.
 */

static bool mchk_open(const struct s390_vcpu *v, const struct kvm_s390_mchk_info *mchk)
{
	return psw_has(v, PSW_MASK_MCHECK) && (!mchk->cr14 || mchk->cr14 & v->sie->cr[14]);
}

static bool mchk_ready(struct s390_vcpu *v)
{
	struct s390_vm *vm = vm_of(v);

	return (is_pending(v, IRQ_MCHK) && mchk_open(v, &v->irq.mchk)) ||
	       (READ_ONCE(vm->irq.mchk_pending) && mchk_open(v, &vm->irq.mchk));
}

static bool mchk_take(struct s390_vcpu *v, struct kvm_s390_mchk_info *mchk)
{
	struct s390_vm *vm = vm_of(v);
	bool found = false;

	spin_lock(&v->irq.lock);
	if (is_pending(v, IRQ_MCHK) && mchk_open(v, &v->irq.mchk)) {
		*mchk = v->irq.mchk;
		__clear_bit(IRQ_MCHK, &v->irq.pending);
		found = true;
	}
	spin_lock(&vm->irq.lock);
	if (!found && vm->irq.mchk_pending && mchk_open(v, &vm->irq.mchk)) {
		*mchk = vm->irq.mchk;
		vm->irq.mchk_pending = false;
		found = true;
	}
	spin_unlock(&vm->irq.lock);
	spin_unlock(&v->irq.lock);
	return found;
}

/* The registers are saved as for a store status, to the CPU's own prefix area. */
static int mchk_deliver(struct s390_vcpu *v)
{
	struct kvm_s390_mchk_info mchk;

	if (!mchk_take(v, &mchk))
		return EXIT_RESUME;
	v->stat.deliver_machine_check++;
	trace_kvm_s390_deliver_interrupt(v, KVM_S390_MCHK, mchk.cr14, mchk.mcic);
	s390_registers_fetch(v);
	if (s390_store_status(v, KVM_S390_STORE_STATUS_PREFIXED) ||
	    put64(v, LC(mcck_interruption_code), mchk.mcic) ||
	    put32(v, LC(external_damage_code), mchk.ext_damage_code) ||
	    put64(v, LC(failing_storage_address), mchk.failing_storage_address))
		return -EFAULT;
	return swap_psw(v, LC(mcck_old_psw), LC(mcck_new_psw));
}

/* SVC, where the machine does not do it (a debugger is at work). */
int s390_supervisor_call(struct s390_vcpu *v, u8 code)
{
	if (put32(v, LC(svc_int_code), last_ilc(v) << 16 | code))
		return -EFAULT;
	return swap_psw(v, LC(svc_old_psw), LC(svc_new_psw));
}

/*
 * External interrupts.
 */

static bool emergency_ready(struct s390_vcpu *v)
{
	return is_pending(v, IRQ_EMERGENCY) && ext_open(v, CR0_EMERGENCY);
}

/* One of each sender; the rest stays pending. */
static int emergency_deliver(struct s390_vcpu *v)
{
	unsigned int from;

	spin_lock(&v->irq.lock);
	from = find_first_bit(v->irq.emergency, S390_MAX_VCPUS);
	__clear_bit(from, v->irq.emergency);
	if (bitmap_empty(v->irq.emergency, S390_MAX_VCPUS))
		__clear_bit(IRQ_EMERGENCY, &v->irq.pending);
	spin_unlock(&v->irq.lock);
	if (from >= S390_MAX_VCPUS)
		return EXIT_RESUME;
	v->stat.deliver_emergency_signal++;
	return deliver_ext(v, EXT_EMERGENCY, from, 0);
}

static bool ext_call_ready(struct s390_vcpu *v)
{
	return is_pending(v, IRQ_EXT_CALL) && ext_open(v, CR0_EXT_CALL);
}

static int ext_call_deliver(struct s390_vcpu *v)
{
	u16 from;

	spin_lock(&v->irq.lock);
	from = v->irq.ext_call_from;
	__clear_bit(IRQ_EXT_CALL, &v->irq.pending);
	spin_unlock(&v->irq.lock);
	v->stat.deliver_external_call++;
	return deliver_ext(v, EXT_CALL, from, 0);
}

/*
 * The comparison is unsigned, unless CR0 says that the clock has a sign (PoP 4, clock comparator).
 */
bool s390_clock_comp_due(const struct s390_vcpu *v)
{
	u64 now;

	if (!(v->sie->cr[0] & CR0_CLOCK_COMP))
		return false;
	now = s390_guest_tod(v);
	if (v->sie->cr[0] & (1ULL << 53))	/* bit 10: clock-comparator sign control */
		return (s64)v->sie->clock_comp < (s64)now;
	return v->sie->clock_comp < now;
}

bool s390_cpu_timer_due(const struct s390_vcpu *v)
{
	return v->sie->cr[0] & CR0_CPU_TIMER && (s64)v->sie->cpu_timer < 0;
}

static bool clock_comp_ready(struct s390_vcpu *v)
{
	return ext_open(v, CR0_CLOCK_COMP) &&
	       (is_pending(v, IRQ_CLOCK_COMP) || s390_clock_comp_due(v));
}

static int clock_comp_deliver(struct s390_vcpu *v)
{
	take(v, IRQ_CLOCK_COMP);
	v->stat.deliver_ckc++;
	return deliver_ext(v, EXT_CLOCK_COMP, 0, 0);
}

static bool cpu_timer_ready(struct s390_vcpu *v)
{
	return ext_open(v, CR0_CPU_TIMER) && (is_pending(v,
							 IRQ_CPU_TIMER) || s390_cpu_timer_due(v));
}

static int cpu_timer_deliver(struct s390_vcpu *v)
{
	take(v, IRQ_CPU_TIMER);
	v->stat.deliver_cputm++;
	return deliver_ext(v, EXT_CPU_TIMER, 0, 0);
}

/*
 * SIE has recognized a timer's interruption, at a time that our own reading of the clock need not
 * have reached.
 */
int s390_ext_timer(struct s390_vcpu *v, u16 code)
{
	return code == EXT_CLOCK_COMP ? clock_comp_deliver(v) : cpu_timer_deliver(v);
}

static bool service_ready(struct s390_vcpu *v)
{
	return READ_ONCE(vm_of(v)->irq.service) && ext_open(v, CR0_SERVICE);
}

static int service_deliver(struct s390_vcpu *v)
{
	struct s390_vm *vm = vm_of(v);
	bool found;
	u32 parm;

	spin_lock(&vm->irq.lock);
	found = vm->irq.service;
	parm = vm->irq.service_parm;
	vm->irq.service = false;
	vm->irq.service_parm = 0;
	spin_unlock(&vm->irq.lock);
	if (!found)
		return EXIT_RESUME;
	v->stat.deliver_service_signal++;
	return deliver_ext(v, EXT_SERVICE, 0, parm);
}

/*
 * External interrupts with a parameter of 64 bits: of virtio's old transport (KVM API 4.77), and
 * the two of a pseudo page fault. They have the service signal's subclass, and are told apart by
 * what stands for the CPU address.
 */
#define SUBCODE_PFAULT_INIT	0x0600
#define SUBCODE_PFAULT_DONE	0x0680
#define SUBCODE_VIRTIO		0x0d00

static int deliver_ext2(struct s390_vcpu *v, u16 subcode, u32 parm, u64 parm2)
{
	if (put64(v, LC(ext_params2), parm2))
		return -EFAULT;
	return deliver_ext(v, EXT_VIRTIO, subcode, parm);
}

static bool ext2_ready(struct s390_vcpu *v)
{
	return READ_ONCE(vm_of(v)->irq.n_ext) && ext_open(v, CR0_SERVICE);
}

static int ext2_deliver(struct s390_vcpu *v)
{
	struct s390_ext_irq irq;

	if (!s390_float_ext_take(vm_of(v), &irq))
		return EXIT_RESUME;
	trace_kvm_s390_deliver_interrupt(v, irq.type, irq.ext.ext_params, irq.ext.ext_params2);
	if (irq.type == KVM_S390_INT_PFAULT_DONE)
		return deliver_ext2(v, SUBCODE_PFAULT_DONE, 0, irq.ext.ext_params2);
	v->stat.deliver_virtio++;
	return deliver_ext2(v, SUBCODE_VIRTIO, irq.ext.ext_params, irq.ext.ext_params2);
}

static bool pfault_init_ready(struct s390_vcpu *v)
{
	return is_pending(v, IRQ_PFAULT_INIT) && ext_open(v, CR0_SERVICE);
}

static int pfault_init_deliver(struct s390_vcpu *v)
{
	u64 token;

	spin_lock(&v->irq.lock);
	token = v->irq.pfault_token;
	__clear_bit(IRQ_PFAULT_INIT, &v->irq.pending);
	spin_unlock(&v->irq.lock);
	trace_kvm_s390_deliver_interrupt(v, KVM_S390_INT_PFAULT_INIT, 0, token);
	return deliver_ext2(v, SUBCODE_PFAULT_INIT, 0, token);
}

/*
 * I/O: by interruption subclass, each a bit of control register 6.
 */

static u8 isc_mask(const struct s390_vcpu *v)
{
	return v->sie->cr[6] >> 24;
}

static bool io_waits(struct s390_vm *vm, u8 mask)
{
	unsigned int isc;

	for (isc = 0; isc < S390_ISCS; isc++) {
		if (mask & (0x80 >> isc) && !list_empty_careful(&vm->irq.io[isc]))
			return true;
	}
	return false;
}

static bool io_ready(struct s390_vcpu *v)
{
	return psw_has(v, PSW_MASK_IO) && READ_ONCE(vm_of(v)->irq.n_io) && io_waits(vm_of(v),
										    isc_mask(v));
}

static int io_deliver(struct s390_vcpu *v)
{
	struct s390_io_irq irq;

	/* what is told of it stands there as it does here */
	static_assert(sizeof(irq.io) == 12);
	static_assert(LC(io_int_word) == LC(subchannel_id) +
		      offsetof(struct kvm_s390_io_info, io_int_word));

	if (!s390_float_io_take(vm_of(v), isc_mask(v), 0, &irq))
		return EXIT_RESUME;
	v->stat.deliver_io++;
	trace_kvm_s390_deliver_interrupt(v, irq.type, (u32)irq.io.subchannel_id << 16 |
						      irq.io.subchannel_nr,
					 (u64)irq.io.io_int_parm << 32 | irq.io.io_int_word);
	if (put(v, LC(subchannel_id), &irq.io, sizeof(irq.io)))
		return -EFAULT;
	return swap_psw(v, LC(io_old_psw), LC(io_new_psw));
}

/*
 * SIGP's.
 */

static bool set_prefix_ready(struct s390_vcpu *v)
{
	return is_pending(v, IRQ_SET_PREFIX);
}

static int set_prefix_deliver(struct s390_vcpu *v)
{
	take(v, IRQ_SET_PREFIX);
	v->stat.deliver_prefix_signal++;
	trace_kvm_s390_deliver_interrupt(v, KVM_S390_SIGP_SET_PREFIX, v->irq.new_prefix, 0);
	s390_set_prefix(v, v->irq.new_prefix);
	return EXIT_RESUME;
}

static bool restart_ready(struct s390_vcpu *v)
{
	return is_pending(v, IRQ_RESTART);
}

static int restart_deliver(struct s390_vcpu *v)
{
	take(v, IRQ_RESTART);
	v->stat.deliver_restart_signal++;
	trace_kvm_s390_deliver_interrupt(v, KVM_S390_RESTART, 0, 0);
	return swap_psw(v, LC(restart_old_psw), LC(restart_psw));
}

static const struct {
	bool	(*ready)(struct s390_vcpu *v);
	int	(*deliver)(struct s390_vcpu *v);
} kinds[] = {
	[IRQ_SET_PREFIX]	= { set_prefix_ready,	set_prefix_deliver },
	[IRQ_PROG]		= { pgm_ready,		pgm_deliver },
	[IRQ_PER]		= { per_ready,		per_deliver },
	[IRQ_MCHK]		= { mchk_ready,		mchk_deliver },
	[IRQ_EMERGENCY]		= { emergency_ready,	emergency_deliver },
	[IRQ_EXT_CALL]		= { ext_call_ready,	ext_call_deliver },
	[IRQ_CLOCK_COMP]	= { clock_comp_ready,	clock_comp_deliver },
	[IRQ_CPU_TIMER]		= { cpu_timer_ready,	cpu_timer_deliver },
	[IRQ_SERVICE]		= { service_ready,	service_deliver },
	[IRQ_PFAULT_INIT]	= { pfault_init_ready,	pfault_init_deliver },
	[IRQ_FLOAT_EXT]		= { ext2_ready,		ext2_deliver },
	[IRQ_IO]		= { io_ready,		io_deliver },
	[IRQ_RESTART]		= { restart_ready,	restart_deliver },
};

/* Kinds that are worth asking: a bit each. Most entries have none or one. */
static unsigned long candidates(const struct s390_vcpu *v)
{
	unsigned long irqs = READ_ONCE(v->irq.pending) & ~BIT(IRQ_STOP);

	if (v->per.code)
		irqs |= BIT(IRQ_PER);
	if (v->sie->cr[0] & (CR0_CLOCK_COMP | CR0_CPU_TIMER))
		irqs |= BIT(IRQ_CLOCK_COMP) | BIT(IRQ_CPU_TIMER);
	if (!s390_float_waits(vm_of(v)))
		return irqs;
	return irqs | BIT(IRQ_MCHK) | BIT(IRQ_SERVICE) | BIT(IRQ_FLOAT_EXT) | BIT(IRQ_IO);
}

bool s390_irq_deliverable(struct s390_vcpu *v)
{
	unsigned long irqs;

	for (irqs = candidates(v); irqs; irqs &= irqs - 1) {
		if (kinds[__ffs(irqs)].ready(v))
			return true;
	}
	return false;
}

/**
 * s390_deliver - everything that is pending and enabled
 * @v: the CPU, about to be entered
 *
 * One round through the kinds: what a new PSW enables again (a clock comparator that is still due)
 * is for the next, between which the thread looks at its signals.
 *
 * Context: kvm->srcu held; sleeps. Return: EXIT_RESUME, -EFAULT no prefix area.
 */
int s390_deliver(struct s390_vcpu *v)
{
	unsigned long irqs;
	unsigned int irq;
	int r;

	for (irqs = candidates(v); irqs; irqs &= irqs - 1) {
		irq = __ffs(irqs);
		if (!kinds[irq].ready(v))
			continue;
		r = kinds[irq].deliver(v);
		if (r != EXIT_RESUME)
			return r;
	}
	return EXIT_RESUME;
}

bool s390_stop_wanted(struct s390_vcpu *v)
{
	return is_pending(v, IRQ_STOP);
}

void s390_stop_taken(struct s390_vcpu *v)
{
	take(v, IRQ_STOP);
}

/*
 * Windows.
 */

static bool ext_pending(struct s390_vcpu *v)
{
	const unsigned long external = BIT(IRQ_EMERGENCY) | BIT(IRQ_EXT_CALL) |
				       BIT(IRQ_CLOCK_COMP) | BIT(IRQ_CPU_TIMER) |
				       BIT(IRQ_PFAULT_INIT);

	return READ_ONCE(vm_of(v)->irq.service) || READ_ONCE(vm_of(v)->irq.n_ext) ||
	       READ_ONCE(v->irq.pending) & external;
}

static bool mchk_pending(struct s390_vcpu *v)
{
	return is_pending(v, IRQ_MCHK) || READ_ONCE(vm_of(v)->irq.mchk_pending);
}

/*
 * Ask SIE to leave when the guest enables what is pending: at first the PSW's mask, and once that
 * is open, loads of the control register that holds the subclasses. Context: what is deliverable
 * has been delivered.
 */
void s390_irq_windows(struct s390_vcpu *v)
{
	struct sie_block *sie = v->sie;
	u32 flags = 0, icpt = 0;
	u16 lctl = 0;

	if (ext_pending(v)) {
		if (psw_has(v, PSW_MASK_EXT))
			lctl |= LCTL_CR0;
		else
			flags |= SIE_FLAG_EXT;
	}
	if (READ_ONCE(vm_of(v)->irq.n_io)) {
		if (psw_has(v, PSW_MASK_IO))
			lctl |= LCTL_CR6;
		else
			flags |= SIE_FLAG_IO;
	}
	if (mchk_pending(v)) {
		if (psw_has(v, PSW_MASK_MCHECK))
			lctl |= LCTL_CR14;
		else
			icpt |= SIE_ICPT_LPSW;
	}
	sie->lctl_ctl = lctl;
	sie->icpt_ctl = (sie->icpt_ctl & ~SIE_ICPT_LPSW) | icpt;
	v->windows = flags | icpt | lctl;
	if ((sie->flags & (SIE_FLAG_EXT | SIE_FLAG_IO)) != flags) {
		sie_flags_clear(sie, SIE_FLAG_EXT | SIE_FLAG_IO);
		sie_flags_set(sie, flags);
	}
}
