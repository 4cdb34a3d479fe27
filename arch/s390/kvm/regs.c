// SPDX-License-Identifier: GPL-2.0-only
/*
 * A CPU's registers, as ioctls, as the shared part of kvm_run, as resets leave them, and as status
 * stored in memory.
 */
#include <linux/sched.h>
#include <linux/uaccess.h>
#include <asm/fpu/api.h>
#include <asm/lowcore.h>
#include <asm/unaligned.h>

#include "s390.h"

/* What control registers 0 and 14 have after an initial reset (PoP 4, CPU reset). */
#define CR0_RESET	0xe0
#define CR14_RESET	0xc2000000

u64 s390_guest_tod(const struct s390_vcpu *v)
{
	return get_tod_clock_fast() + v->sie->epoch;
}

/*
 * The registers in kvm_run. General, access and floating-point registers are shared without further
 * word: what stands there between two runs is what the CPU has. The others count when their bit in
 * kvm_dirty_regs says so. Each word is read once, and an FPC that would fault when it is loaded
 * counts as 0.
 */
u64 s390_sync_fields(const struct s390_vcpu *v)
{
	return KVM_SYNC_PREFIX | KVM_SYNC_GPRS | KVM_SYNC_ACRS | KVM_SYNC_CRS | KVM_SYNC_ARCH0 |
	       KVM_SYNC_PFAULT | (MACHINE_HAS_VX ? KVM_SYNC_VRS : KVM_SYNC_FPRS) |
	       v->feature_sync;
}

/*
 * To find out whether the machine would load it means to load it: nothing may save the register
 * meanwhile.
 */
static u32 valid_fpc(u32 fpc)
{
	unsigned long flags;
	int r;

	local_irq_save(flags);
	r = test_fp_ctl(fpc);
	local_irq_restore(flags);
	return r ? 0 : fpc;
}

static size_t fpregs_size(void)
{
	return MACHINE_HAS_VX ? sizeof_field(struct kvm_sync_regs,
					     vrs) : sizeof_field(struct kvm_sync_regs, fprs);
}

static void take_shared(struct s390_vcpu *v)
{
	const struct kvm_sync_regs *regs = &v->vcpu.run->s.regs;
	u32 fpc = READ_ONCE(regs->fpc);

	memcpy(v->gprs, regs->gprs, sizeof(v->gprs));
	memcpy(v->acrs, regs->acrs, sizeof(v->acrs));
	memcpy(v->vrs, regs->vrs, fpregs_size());
	v->fpc = valid_fpc(fpc);
}

static void give_shared(struct s390_vcpu *v)
{
	struct kvm_sync_regs *regs = &v->vcpu.run->s.regs;

	memcpy(regs->gprs, v->gprs, sizeof(regs->gprs));
	memcpy(regs->acrs, v->acrs, sizeof(regs->acrs));
	memcpy(regs->vrs, v->vrs, fpregs_size());
	regs->fpc = v->fpc;
	regs->prefix = s390_prefix(v);
	memcpy(regs->crs, v->sie->cr, sizeof(regs->crs));
	regs->todpr = v->sie->tod_prog;
	regs->cputm = v->sie->cpu_timer;
	regs->ckc = v->sie->clock_comp;
	regs->pp = get_unaligned_be64(v->sie->prog_param);
	regs->gbea = v->sie->break_addr;
	regs->pft = v->pfault.token_at;
	regs->pfs = v->pfault.select;
	regs->pfc = v->pfault.compare;
	s390_features_give(v);
}

static void take_arch0(struct s390_vcpu *v, const struct kvm_sync_regs *regs)
{
	v->sie->tod_prog = regs->todpr;
	v->sie->clock_comp = regs->ckc;
	v->sie->cpu_timer = regs->cputm;
	put_unaligned_be64(regs->pp, v->sie->prog_param);
	v->sie->break_addr = regs->gbea;
}

void s390_psw_in(struct s390_vcpu *v)
{
	v->sie->psw.mask = READ_ONCE(v->vcpu.run->psw_mask);
	v->sie->psw.addr = READ_ONCE(v->vcpu.run->psw_addr);
}

/* The registers that @dirty names. */
static void take_dirty(struct s390_vcpu *v, u64 dirty)
{
	const struct kvm_sync_regs *regs = &v->vcpu.run->s.regs;

	if (dirty & KVM_SYNC_PREFIX)
		s390_set_prefix(v, regs->prefix);
	if (dirty & KVM_SYNC_CRS)
		memcpy(v->sie->cr, regs->crs, sizeof(regs->crs));
	if (dirty & KVM_SYNC_ARCH0)
		take_arch0(v, regs);
	if (dirty & KVM_SYNC_PFAULT) {
		v->pfault.select = regs->pfs;
		v->pfault.compare = regs->pfc;
		v->pfault.token_at = regs->pft;
		if (regs->pft == KVM_S390_PFAULT_TOKEN_INVALID)
			s390_pfault_end(v);
	}
	s390_features_take(v, dirty & s390_sync_fields(v));
}

/*
 * At the begin of KVM_RUN. -EINVAL: bits that are of no register. Registers that this machine lacks
 * are zero and stay so, as for any that a capability of their own has not offered.
 */
int s390_sync_in(struct s390_vcpu *v)
{
	struct kvm_run *run = v->vcpu.run;
	u64 valid = READ_ONCE(run->kvm_valid_regs), dirty = READ_ONCE(run->kvm_dirty_regs);

	if ((valid | dirty) & ~KVM_SYNC_S390_VALID_FIELDS)
		return -EINVAL;
	s390_psw_in(v);
	take_shared(v);
	if (dirty)
		take_dirty(v, dirty);
	WRITE_ONCE(run->kvm_dirty_regs, 0);
	return 0;
}

/* At its end. */
void s390_sync_out(struct s390_vcpu *v)
{
	v->vcpu.run->psw_mask = v->sie->psw.mask;
	v->vcpu.run->psw_addr = v->sie->psw.addr;
	give_shared(v);
}

/* A CPU reset: what is pending at this CPU goes (PoP 4, resets). */
static void normal_reset(struct s390_vcpu *v)
{
	v->sie->psw.mask &= ~PSW_MASK_RI;
	s390_pfault_end(v);
	s390_per_retry(v);
	s390_irq_clear(v);
}

void s390_initial_reset(struct s390_vcpu *v)
{
	struct sie_block *sie = v->sie;

	normal_reset(v);
	sie->psw = (struct sie_psw){ };
	v->vcpu.run->psw_mask = 0;
	v->vcpu.run->psw_addr = 0;
	memset(sie->cr, 0, sizeof(sie->cr));
	sie->cr[0] = CR0_RESET;
	sie->cr[14] = CR14_RESET;
	sie->clock_comp = 0;
	sie->cpu_timer = 0;
	sie->tod_prog = 0;
	sie->break_addr = 1;
	put_unaligned_be64(0, sie->prog_param);
	s390_features_reset(v, false);
	v->fpc = 0;
	s390_set_prefix(v, 0);
}

static void clear_reset(struct s390_vcpu *v)
{
	s390_initial_reset(v);
	s390_features_reset(v, true);
	memset(v->gprs, 0, sizeof(v->gprs));
	memset(v->acrs, 0, sizeof(v->acrs));
	memset(v->vrs, 0, sizeof(v->vrs));
}

/*
 * After a reset the shared registers are ours again: what the VMM wrote there before counts no more
 * (KVM API 4.122 to 4.124).
 */
static long reset_done(struct s390_vcpu *v)
{
	if (!READ_ONCE(vm_of(v)->user_cpu_state))
		s390_stop(v);
	give_shared(v);
	return 0;
}

long s390_normal_reset_ioctl(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	take_shared(to_s390(vcpu));
	normal_reset(to_s390(vcpu));
	return reset_done(to_s390(vcpu));
}

long s390_initial_reset_ioctl(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	take_shared(to_s390(vcpu));
	s390_initial_reset(to_s390(vcpu));
	return reset_done(to_s390(vcpu));
}

long s390_clear_reset_ioctl(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	take_shared(to_s390(vcpu));
	clear_reset(to_s390(vcpu));
	return reset_done(to_s390(vcpu));
}

/*
 * Floating-point registers are the left halves of the first 16 vector registers, where there are
 * such.
 */
static u64 *fpr(struct s390_vcpu *v, unsigned int i)
{
	return MACHINE_HAS_VX ? &v->vrs[i][0] : &((u64 *)v->vrs)[i];
}

long s390_get_regs(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	struct kvm_regs *regs = arg->data;

	take_shared(to_s390(vcpu));
	memcpy(regs->gprs, to_s390(vcpu)->gprs, sizeof(regs->gprs));
	return 0;
}

long s390_set_regs(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	const struct kvm_regs *regs = arg->data;

	memcpy(to_s390(vcpu)->gprs, regs->gprs, sizeof(regs->gprs));
	memcpy(vcpu->run->s.regs.gprs, regs->gprs, sizeof(regs->gprs));
	return 0;
}

long s390_get_sregs(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	struct kvm_sregs *sregs = arg->data;

	take_shared(to_s390(vcpu));
	memcpy(sregs->acrs, to_s390(vcpu)->acrs, sizeof(sregs->acrs));
	memcpy(sregs->crs, to_s390(vcpu)->sie->cr, sizeof(sregs->crs));
	return 0;
}

long s390_set_sregs(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	struct kvm_sync_regs *shared = &vcpu->run->s.regs;
	const struct kvm_sregs *sregs = arg->data;

	memcpy(to_s390(vcpu)->acrs, sregs->acrs, sizeof(sregs->acrs));
	memcpy(to_s390(vcpu)->sie->cr, sregs->crs, sizeof(sregs->crs));
	memcpy(shared->acrs, sregs->acrs, sizeof(sregs->acrs));
	memcpy(shared->crs, sregs->crs, sizeof(sregs->crs));
	return 0;
}

long s390_get_fpu(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	struct s390_vcpu *v = to_s390(vcpu);
	struct kvm_fpu *fpu = arg->data;
	unsigned int i;

	take_shared(v);
	for (i = 0; i < 16; i++)
		fpu->fprs[i] = *fpr(v, i);
	fpu->fpc = v->fpc;
	return 0;
}

long s390_set_fpu(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	struct s390_vcpu *v = to_s390(vcpu);
	const struct kvm_fpu *fpu = arg->data;
	unsigned int i;

	take_shared(v);
	for (i = 0; i < 16; i++)
		*fpr(v, i) = fpu->fprs[i];
	v->fpc = valid_fpc(fpu->fpc);
	give_shared(v);
	return 0;
}

/* One register of KVM_GET_ONE_REG: where it is. The number says how wide. */
static void *one_reg(struct s390_vcpu *v, u64 id)
{
	switch (id) {
	case KVM_REG_S390_TODPR:
		return &v->sie->tod_prog;
	case KVM_REG_S390_EPOCHDIFF:
		return &v->sie->epoch;
	case KVM_REG_S390_CPU_TIMER:
		return &v->sie->cpu_timer;
	case KVM_REG_S390_CLOCK_COMP:
		return &v->sie->clock_comp;
	case KVM_REG_S390_PFTOKEN:
		return &v->pfault.token_at;
	case KVM_REG_S390_PFSELECT:
		return &v->pfault.select;
	case KVM_REG_S390_PFCOMPARE:
		return &v->pfault.compare;
	case KVM_REG_S390_PP:
		return v->sie->prog_param;
	case KVM_REG_S390_GBEA:
		return &v->sie->break_addr;
	default:
		return NULL;
	}
}

static size_t one_reg_size(u64 id)
{
	return 1 << ((id & KVM_REG_SIZE_MASK) >> KVM_REG_SIZE_SHIFT);
}

long s390_get_one_reg(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	const struct kvm_one_reg *reg = arg->data;
	void *at = one_reg(to_s390(vcpu), reg->id);

	if (!at)
		return -EINVAL;
	return copy_to_user(u64_to_user_ptr(reg->addr), at, one_reg_size(reg->id)) ? -EFAULT : 0;
}

long s390_set_one_reg(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	const struct kvm_one_reg *reg = arg->data;
	void *at = one_reg(to_s390(vcpu), reg->id);
	u64 value;

	if (!at)
		return -EINVAL;
	if (copy_from_user(&value, u64_to_user_ptr(reg->addr), one_reg_size(reg->id)))
		return -EFAULT;
	memcpy(at, &value, one_reg_size(reg->id));
	return 0;
}

/*
 * Status (PoP 4, store status): a save area of 512 bytes whose first byte is at absolute 4608, or
 * that far behind the address given; in the prefix area it is the save area of the lowcore.
 */
#define SAVE_AREA	offsetof(struct lowcore, floating_pt_save_area)

struct status {
	u64	fprs[16];		/* 0x1200 */
	u64	gprs[16];		/* 0x1280 */
	struct sie_psw psw;		/* 0x1300 */
	u64	pad_1310;
	u32	prefix;			/* 0x1318 */
	u32	fpc;
	u32	pad_1320;
	u32	tod_prog;		/* 0x1324 */
	u64	cpu_timer;
	u64	clock_comp;		/* 0x1330, without its rightmost byte */
	u64	pad_1338;
	u32	acrs[16];		/* 0x1340 */
	u64	crs[16];		/* 0x1380 */
};

static_assert(SAVE_AREA == 0x1200);
static_assert(offsetof(struct status, prefix) == 0x118);
static_assert(offsetof(struct status, acrs) == 0x140);
static_assert(sizeof(struct status) == 0x200);

static void status_fill(struct s390_vcpu *v, struct status *s)
{
	unsigned int i;

	for (i = 0; i < 16; i++)
		s->fprs[i] = *fpr(v, i);
	memcpy(s->gprs, v->gprs, sizeof(s->gprs));
	s->psw = v->sie->psw;
	s->prefix = s390_prefix(v);
	s->fpc = v->fpc;
	s->tod_prog = v->sie->tod_prog;
	s->cpu_timer = v->sie->cpu_timer;
	s->clock_comp = v->sie->clock_comp >> 8;
	memcpy(s->acrs, v->acrs, sizeof(s->acrs));
	memcpy(s->crs, v->sie->cr, sizeof(s->crs));
}

/*
 * @at: absolute address, or KVM_S390_STORE_STATUS_NOADDR (the fixed place) or
 * KVM_S390_STORE_STATUS_PREFIXED. Context: kvm->srcu held; the CPU's registers are not in the
 * machine. Return: 0, -EFAULT no memory there.
 */
int s390_store_status(struct s390_vcpu *v, gpa_t at)
{
	struct kvm *kvm = v->vcpu.kvm;
	gpa_t lowcore = at == KVM_S390_STORE_STATUS_PREFIXED ? s390_prefix(v) : 0;
	bool in_lowcore = at == KVM_S390_STORE_STATUS_NOADDR ||
			  at == KVM_S390_STORE_STATUS_PREFIXED;
	struct status s = { };
	u8 zarch = 1;

	if (in_lowcore)
		at = lowcore + SAVE_AREA;
	/* nothing is stored where not all can be */
	if (!s390_has_frames(kvm, gpa_to_gfn(at),
			     gpa_to_gfn(at + sizeof(s) - 1) - gpa_to_gfn(at) + 1))
		return -EFAULT;
	status_fill(v, &s);
	if (kvm_write_guest(kvm, at, &s, sizeof(s)))
		return -EFAULT;
	/* the architecture's mark is stored too: byte 163 of the prefix area */
	if (in_lowcore && kvm_write_guest(kvm, lowcore + offsetof(struct lowcore, ar_mode_id),
					  &zarch, 1))
		return -EFAULT;
	return 0;
}
