// SPDX-License-Identifier: GPL-2.0-only
/*
 * Why SIE ended: one row an interception code (UAPI asm/sie.h, sie_intercept_code), one function a
 * row.
 *
 * An interception that is not ours is user space's: KVM_EXIT_S390_SIEIC with the code and the
 * instruction, and the CPU as the machine left it. So is one that cannot be: a validity
 * interception says that the state description is wrong, and entering again would only bring it
 * back.
 */
#include <linux/nospec.h>
#include <linux/sched/signal.h>
#include <asm/lowcore.h>

#include "s390.h"
#include "trace.h"
#include "trace_s390.h"

/* Leave with KVM_EXIT_S390_SIEIC (KVM API 5). */
int s390_exit_sieic(struct s390_vcpu *v)
{
	struct kvm_run *run = v->vcpu.run;

	run->exit_reason = KVM_EXIT_S390_SIEIC;
	run->s390_sieic.icptcode = v->sie->icpt_code;
	run->s390_sieic.ipa = v->sie->ipa;
	run->s390_sieic.ipb = v->sie->ipb;
	return EXIT_TO_USER;
}

/* Length of an instruction by the two leftmost bits of its first byte (PoP 5). */
static unsigned int insn_length(u8 first)
{
	static const u8 length[] = { 2, 4, 4, 6 };

	return length[first >> 6];
}

/*
 * The PSW is behind the intercepted instruction. Of one that was executed, what is there is
 * EXECUTE, of 4 bytes that begin with 44, or EXECUTE RELATIVE LONG, of 6.
 */
unsigned int s390_icpt_length(struct s390_vcpu *v)
{
	u8 first;

	if (!(v->sie->icpt_status & SIE_STATUS_EXECUTED))
		return insn_length(v->sie->ipa >> 8);
	if (s390_fetch_byte(v, s390_wrap(v, v->sie->psw.addr - 4), &first))
		return 4;
	return first == 0x44 ? 4 : 6;
}

/* Do the intercepted instruction over: the PSW goes back to it. */
void s390_insn_retry(struct s390_vcpu *v)
{
	v->sie->psw.addr = s390_wrap(v, v->sie->psw.addr - s390_icpt_length(v));
	s390_per_retry(v);
}

static int exit_host(struct s390_vcpu *v)
{
	v->stat.exit_null++;
	return EXIT_RESUME;
}

static int exit_insn(struct s390_vcpu *v)
{
	int r;

	v->stat.exit_instruction++;
	trace_kvm_s390_intercept_instruction(v);
	if (unlikely(v->debug.on || v->sie->psw.mask & PSW_MASK_PER))
		s390_per_insn(v);
	r = s390_insn(v);
	v->per.insn = false;
	return r == EXIT_NOT_OURS ? s390_exit_sieic(v) : r;
}

/*
 * What the machine would have stored in the prefix area, had the interruption been the guest's at
 * once.
 */
static void pgm_from_block(const struct s390_vcpu *v, struct kvm_s390_pgm_info *pgm)
{
	const struct sie_block *sie = v->sie;

	*pgm = (struct kvm_s390_pgm_info) {
		.code		= sie->pgm_code,
		.trans_exc_code	= sie->trans_exc_code,
		.mon_code	= sie->mon_code,
		.mon_class_nr	= sie->mon_class,
		.data_exc_code	= sie->data_exc_code,
		.exc_access_id	= sie->exc_access_id,
		.op_access_id	= sie->op_access_id,
		.flags		= KVM_S390_PGM_FLAGS_ILC_VALID | KVM_S390_PGM_FLAGS_NO_REWIND |
				  (sie->pgm_ilc & KVM_S390_PGM_FLAGS_ILC_MASK),
	};
}

/*
 * A program interruption whose new PSW leads to the very instruction that caused it would go on for
 * ever: it is user space's. @addr: of that instruction, or of what was fetched in vain.
 */
static bool pgm_would_loop(struct s390_vcpu *v, u64 addr)
{
	struct sie_psw psw;

	if (s390_read_real(v, offsetof(struct lowcore, program_new_psw), &psw, sizeof(psw)))
		return true;
	return psw.addr == addr && psw.mask == v->sie->psw.mask;
}

static bool may_loop(const struct s390_vcpu *v)
{
	return v->sie->pgm_code == PGM_SPECIFICATION || v->sie->pgm_code == PGM_ADDRESSING;
}

static int prog(struct s390_vcpu *v)
{
	bool per = v->sie->pgm_code & PGM_PER;
	struct kvm_s390_pgm_info pgm;

	trace_kvm_s390_intercept_prog(v);
	v->sie->pgm_code &= ~PGM_PER;
	if (s390_host_protected(v)) {	/* done over, and its events come again */
		v->sie->psw.addr = s390_wrap(v, v->sie->psw.addr - v->sie->pgm_ilc);
		return EXIT_RESUME;
	}
	if (per)
		s390_per_machine(v);
	if (!v->sie->pgm_code)
		return EXIT_RESUME;
	if (may_loop(v) && pgm_would_loop(v, v->sie->psw.addr))
		return s390_exit_sieic(v);
	pgm_from_block(v, &pgm);
	return s390_inject_pgm(v, &pgm);
}

static int exit_prog(struct s390_vcpu *v)
{
	v->stat.exit_program_interruption++;
	return prog(v);
}

/*
 * Both: the instruction has been taken back by the machine, and is to be seen with its
 * interruption.
 */
static int exit_insn_prog(struct s390_vcpu *v)
{
	v->stat.exit_instr_and_program++;
	return prog(v);
}

/* The guest has opened its mask: what is pending is delivered on the way back. */
static int exit_ext_request(struct s390_vcpu *v)
{
	v->stat.exit_external_request++;
	return EXIT_RESUME;
}

/*
 * A timer's interruption, not yet delivered: it is due still when we look. A new PSW that is
 * enabled again would be interrupted for ever (clock comparator and CPU timer stay due until they
 * are set).
 */
static int exit_ext(struct s390_vcpu *v)
{
	struct sie_psw psw;

	v->stat.exit_external_interrupt++;
	if (s390_read_real(v, offsetof(struct lowcore, external_new_psw), &psw, sizeof(psw)))
		return -EFAULT;
	if (psw.mask & PSW_MASK_EXT)
		return s390_exit_sieic(v);
	if (v->sie->ext_code == EXT_CLOCK_COMP || v->sie->ext_code == EXT_CPU_TIMER)
		return s390_ext_timer(v, v->sie->ext_code);
	return s390_exit_sieic(v);
}

static int exit_io_request(struct s390_vcpu *v)
{
	v->stat.exit_io_request++;
	return EXIT_RESUME;
}

/*
 * A wait that nothing can end is user space's to judge; one that something may, is slept through.
 */
static int exit_wait(struct s390_vcpu *v)
{
	v->stat.exit_wait_state++;
	if (!(v->sie->psw.mask & (PSW_MASK_EXT | PSW_MASK_IO | PSW_MASK_MCHECK)))
		return s390_exit_sieic(v);
	return s390_wait(v);
}

static int exit_validity(struct s390_vcpu *v)
{
	v->stat.exit_validity++;
	trace_kvm_s390_intercept_validity(v);
	if (kvm_request_test(&v->vcpu, KVM_REQ_PREFIX))
		return EXIT_RESUME;	/* the prefix pages went as it entered */
	pr_warn_ratelimited("kvm_s390: CPU %d: validity interception %04x %08x\n", v->vcpu.id,
			    v->sie->ipa,
			    v->sie->ipb);
	return s390_exit_sieic(v);
}

/* Only our own bar ends SIE this way; a stop is looked at before each entry. */
static int exit_stop(struct s390_vcpu *v)
{
	v->stat.exit_stop_request++;
	return EXIT_RESUME;
}

#define INSN_STFLE	0xb2b0
#define INSN_ESSA	0xb9ab

/* An instruction that the machine does not know. */
static int exit_operation(struct s390_vcpu *v)
{
	v->stat.exit_operation_exception++;
	trace_kvm_s390_handle_operexc(v);
	if (v->sie->ipa == INSN_STFLE || v->sie->ipa == INSN_ESSA)
		return exit_insn(v);
	if (v->sie->ipa == 0 && READ_ONCE(vm_of(v)->user_instr0))
		return s390_exit_sieic(v);
	if (pgm_would_loop(v, s390_wrap(v, v->sie->psw.addr - s390_icpt_length(v))))
		return s390_exit_sieic(v);
	s390_per_insn(v);
	return s390_inject_pgm_code(v, PGM_OPERATION);
}

#define INSN_MVPG	0xb254

/* Bring in the page that a general register of MOVE PAGE names. Return: as s390_translate(). */
static int mvpg_page(struct s390_vcpu *v, unsigned int reg, bool write,
		     struct kvm_s390_pgm_info *pgm)
{
	const struct s390_access a = {
		.addr	= s390_wrap(v, v->gprs[reg]) & PAGE_MASK,
		.ar	= reg,
		.write	= write,
	};
	gpa_t abs;
	int r = s390_translate(v, &a, &abs, pgm);

	if (r)
		return r;
	r = s390_gmap_fault(v, abs, write);
	if (r != -EFAULT)
		return r;
	*pgm = (struct kvm_s390_pgm_info){ .code = PGM_ADDRESSING };
	return PGM_ADDRESSING;
}

/*
 * The machine has begun an instruction that it cannot end without us. Of MOVE PAGE a page is not
 * there in the host: it is begun again with both. There is no other while SIGP is not left to the
 * machine.
 */
static int exit_partial(struct s390_vcpu *v)
{
	struct kvm_s390_pgm_info pgm;
	int r;

	v->stat.exit_pei++;
	if (v->sie->ipa != INSN_MVPG)
		return s390_exit_sieic(v);
	r = mvpg_page(v, insn_rre_r2(v), false, &pgm) ?: mvpg_page(v, insn_rre_r1(v), true, &pgm);
	if (r)
		return r > 0 ? s390_inject_pgm(v, &pgm) : r;
	s390_insn_retry(v);
	return EXIT_RESUME;
}

static int (*const exits[])(struct s390_vcpu *v) = {
	[SIE_CODE_HOST]		= exit_host,
	[SIE_CODE_INSN]		= exit_insn,
	[SIE_CODE_PROG]		= exit_prog,
	[SIE_CODE_INSN_PROG]	= exit_insn_prog,
	[SIE_CODE_EXT_REQ]	= exit_ext_request,
	[SIE_CODE_EXT]		= exit_ext,
	[SIE_CODE_IO_REQ]	= exit_io_request,
	[SIE_CODE_WAIT]		= exit_wait,
	[SIE_CODE_VALIDITY]	= exit_validity,
	[SIE_CODE_STOP]		= exit_stop,
	[SIE_CODE_OPEREXC]	= exit_operation,
	[SIE_CODE_PARTIAL]	= exit_partial,
};

int s390_handle_exit(struct s390_vcpu *v)
{
	unsigned int code = v->sie->icpt_code;

	if (code >= ARRAY_SIZE(exits) || !exits[code])
		return s390_exit_sieic(v);
	code = array_index_nospec(code, ARRAY_SIZE(exits));
	return exits[code](v);
}

/*
 * The stop that somebody asked for: the status if they want it, and user space is told
 * (interception code 28).
 */
int s390_exit_stopped(struct s390_vcpu *v)
{
	bool store = v->irq.stop_store;
	int r = 0;

	v->stat.deliver_stop_signal++;
	trace_kvm_s390_stop_request(true, store ? KVM_S390_STOP_FLAG_STORE_STATUS : 0);
	if (store) {
		s390_registers_fetch(v);
		r = s390_store_status(v, KVM_S390_STORE_STATUS_NOADDR);
	}
	if (!READ_ONCE(vm_of(v)->user_cpu_state))
		s390_stop(v);
	else
		s390_stop_taken(v);
	if (r)
		return r;
	v->sie->icpt_code = SIE_CODE_STOP;
	return s390_exit_sieic(v);
}

/*
 * sie64a returned -EFAULT: the host's fault handler found no segment at thread.gmap_addr, or
 * nothing of the VMM's behind it. The instruction was nullified. Whatever the VMM has nothing
 * behind, the guest has addressed storage that is not there.
 */
int s390_host_fault(struct s390_vcpu *v)
{
	gpa_t gpa = current->thread.gmap_addr & PAGE_MASK;
	bool write = current->thread.gmap_write_flag;
	struct kvm_s390_pgm_info pgm = {
		.code	= PGM_ADDRESSING,
		.flags	= KVM_S390_PGM_FLAGS_NO_REWIND,
	};
	unsigned int length = 4;
	u8 first;
	int r;

	v->stat.host_faults++;
	trace_kvm_s390_sie_fault(v);
	if (!current->thread.gmap_int_code)
		return -EFAULT;
	if (current->thread.gmap_pfault) {
		current->thread.gmap_pfault = 0;
		if (s390_pfault(v, gpa))
			return EXIT_RESUME;
	}
	r = s390_gmap_fault(v, gpa, write);
	if (r != -EFAULT)
		return r ? r : EXIT_RESUME;

	if (!s390_fetch_byte(v, v->sie->psw.addr, &first))
		length = insn_length(first);
	pgm.flags |= KVM_S390_PGM_FLAGS_ILC_VALID | length;
	v->sie->psw.addr = s390_wrap(v, v->sie->psw.addr + length);
	return s390_inject_pgm(v, &pgm);
}
