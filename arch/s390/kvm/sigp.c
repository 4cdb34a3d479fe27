// SPDX-License-Identifier: GPL-2.0-only
/*
 * SIGNAL PROCESSOR: a CPU asks another (or itself) to do something (PoP 4, CPU signaling and
 * response).
 *
 * Orders that only make something pending, and those that look, are ours. Orders that start, stop
 * and reset CPUs change what the VMM believes of them: start, restart and the resets are the VMM's,
 * and with KVM_CAP_S390_USER_SIGP all but the fast ones (KVM API 7.2).
 */
#include <linux/nospec.h>
#include <linux/types.h>
#include <asm/sigp.h>

#include "s390.h"
#include "trace.h"

struct sigp {
	struct s390_vcpu	*v;
	struct s390_vcpu	*to;		/* NULL: there is no CPU of that address */
	u64			parm;
	u32			*status;	/* low half of register R1 */
};

/* Answer with status bits. */
static int status(struct sigp *s, u32 bits)
{
	*s->status = bits;
	return SIGP_CC_STATUS_STORED;
}

static int inject(struct sigp *s, u32 type, u16 code)
{
	const struct kvm_s390_irq irq = { .type = type, .u.emerg.code = code };

	return s390_inject_local(s->to, &irq);
}

static int sense(struct sigp *s)
{
	u32 bits = 0;

	if (READ_ONCE(s->to->irq.pending) & BIT(IRQ_EXT_CALL))
		bits |= SIGP_STATUS_EXT_CALL_PENDING;
	if (READ_ONCE(s->to->stopped))
		bits |= SIGP_STATUS_STOPPED;
	return bits ? status(s, bits) : SIGP_CC_ORDER_CODE_ACCEPTED;
}

static int sense_running(struct sigp *s)
{
	if (READ_ONCE(s->to->sie->flags) & SIE_FLAG_RUNNING)
		return SIGP_CC_ORDER_CODE_ACCEPTED;
	return status(s, SIGP_STATUS_NOT_RUNNING);
}

static int external_call(struct sigp *s)
{
	int r = inject(s, KVM_S390_INT_EXTERNAL_CALL, s->v->vcpu.id);

	if (r == -EBUSY)
		return status(s, SIGP_STATUS_EXT_CALL_PENDING);
	return r ? r : SIGP_CC_ORDER_CODE_ACCEPTED;
}

static int emergency(struct sigp *s)
{
	return inject(s, KVM_S390_INT_EMERGENCY, s->v->vcpu.id) ?: SIGP_CC_ORDER_CODE_ACCEPTED;
}

/*
 * Refused is a CPU (PoP 4) that is stopped, enabled, and either in a wait at address 0 or in none
 * of the spaces that the parameter names.
 */
static bool may_signal(const struct sigp *s)
{
	const u64 masks = PSW_MASK_IO | PSW_MASK_EXT;
	const struct sie_block *sie = s->to->sie;
	u64 mask = READ_ONCE(sie->psw.mask);
	u16 asn = s->parm, primary = sie->cr[4], secondary = sie->cr[3];

	if (!READ_ONCE(s->to->stopped) || (mask & masks) != masks)
		return true;
	if (mask & PSW_MASK_WAIT)
		return sie->psw.addr;
	return primary == asn || secondary == asn;
}

static int cond_emergency(struct sigp *s)
{
	return may_signal(s) ? emergency(s) : status(s, SIGP_STATUS_INCORRECT_STATE);
}

static int stop(struct sigp *s, u32 flags)
{
	const struct kvm_s390_irq irq = { .type = KVM_S390_SIGP_STOP, .u.stop.flags = flags };
	int r = s390_inject_local(s->to, &irq);

	if (r == -EBUSY)
		return SIGP_CC_BUSY;
	return r ? r : SIGP_CC_ORDER_CODE_ACCEPTED;
}

static int plain_stop(struct sigp *s)
{
	return stop(s, 0);
}

static int stop_and_store(struct sigp *s)
{
	if (READ_ONCE(s->to->stopped))
		return -EOPNOTSUPP;	/* the status of a CPU at rest is the VMM's to store */
	return stop(s, KVM_S390_STOP_FLAG_STORE_STATUS);
}

static int order_prefix(struct sigp *s)
{
	const struct kvm_s390_irq irq = {
		.type = KVM_S390_SIGP_SET_PREFIX, .u.prefix.address = s->parm & SIE_PREFIX_MASK,
	};
	gfn_t gfn = gpa_to_gfn(irq.u.prefix.address);

	if (!kvm_slot_visible(kvm_slot_find(s->v->vcpu.kvm, gfn)) ||
	    !kvm_slot_visible(kvm_slot_find(s->v->vcpu.kvm, gfn + 1)))
		return status(s, SIGP_STATUS_INVALID_PARAMETER);
	if (s390_inject_local(s->to, &irq))
		return status(s, SIGP_STATUS_INCORRECT_STATE);
	return SIGP_CC_ORDER_CODE_ACCEPTED;
}

/*
 * Of a CPU that is stopped; its registers are in kvm_run, which only its own thread and the VMM may
 * read.
 */
static int store_status_at(struct sigp *s)
{
	if (!READ_ONCE(s->to->stopped))
		return status(s, SIGP_STATUS_INCORRECT_STATE);
	return -EOPNOTSUPP;
}

/* All CPUs are in z/Architecture mode already, and stay there. */
static int set_architecture(struct sigp *s)
{
	return status(s, SIGP_STATUS_INVALID_PARAMETER);
}

static int users(struct sigp *s)
{
	return -EOPNOTSUPP;
}

/* Order codes: PoP 4; asm/sigp.h. @fast: user space never wants it. */
#define COUNTED(name)	S390_STAT(instruction_sigp_##name)

static const struct {
	int	(*fn)(struct sigp *s);
	u16	stat;
	bool	fast;
} orders[] = {
	[SIGP_SENSE]			= { sense, COUNTED(sense), true },
	[SIGP_EXTERNAL_CALL]		= { external_call, COUNTED(external_call), true },
	[SIGP_EMERGENCY_SIGNAL]		= { emergency, COUNTED(emergency), true },
	[SIGP_START]			= { users, COUNTED(start) },
	[SIGP_STOP]			= { plain_stop, COUNTED(stop) },
	[SIGP_RESTART]			= { users, COUNTED(restart) },
	[SIGP_STOP_AND_STORE_STATUS]	= { stop_and_store, COUNTED(stop_store_status) },
	[SIGP_INITIAL_CPU_RESET]	= { users, COUNTED(init_cpu_reset) },
	[SIGP_CPU_RESET]		= { users, COUNTED(cpu_reset) },
	[SIGP_SET_PREFIX]		= { order_prefix, COUNTED(prefix) },
	[SIGP_STORE_STATUS_AT_ADDRESS]	= { store_status_at, COUNTED(store_status) },
	[SIGP_SET_ARCHITECTURE]		= { set_architecture, COUNTED(arch) },
	[SIGP_COND_EMERGENCY_SIGNAL]	= { cond_emergency, COUNTED(cond_emergency), true },
	[SIGP_SENSE_RUNNING]		= { sense_running, COUNTED(sense_running), true },
	[SIGP_STORE_ADDITIONAL_STATUS]	= { users, COUNTED(store_adtl_status) },
};

static int do_order(struct sigp *s, unsigned int code)
{
	bool known = code < ARRAY_SIZE(orders) && orders[code].fn;

	if (known)
		code = array_index_nospec(code, ARRAY_SIZE(orders));
	if (s->to || code == SIGP_SET_ARCHITECTURE)
		s390_count(s->v, known ? orders[code].stat : COUNTED(unknown));
	if (READ_ONCE(vm_of(s->v)->user_sigp) && !(known && orders[code].fast))
		return -EOPNOTSUPP;
	if (code == SIGP_SET_ARCHITECTURE)
		return set_architecture(s);
	if (!s->to)
		return SIGP_CC_NOT_OPERATIONAL;
	return known ? orders[code].fn(s) : -EOPNOTSUPP;
}

int s390_sigp(struct s390_vcpu *v)
{
	unsigned int r1 = insn_r1(v), r3 = insn_r3(v);
	struct kvm_vcpu *to = kvm_vcpu_by_id(v->vcpu.kvm, (u16)v->gprs[r3]);
	struct sigp s = {
		.v	= v,
		.to	= to ? to_s390(to) : NULL,
		.parm	= v->gprs[r1 | 1],
		.status	= (u32 *)&v->gprs[r1] + 1,
	};
	u8 code = insn_base_disp(v, NULL);
	int r;

	trace_kvm_s390_handle_sigp(v, code, v->gprs[r3], s.parm);
	r = do_order(&s, code);
	if (r == -EOPNOTSUPP)
		return EXIT_NOT_OURS;
	if (r < 0)
		return r;
	set_cc(v, r);
	return EXIT_RESUME;
}
