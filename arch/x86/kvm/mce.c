// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's machine-check banks: set up by user space, and errors that user space reports to the guest. And the
 * host's machine checks that came while a guest ran.
 *
 * A bank is four registers: CTL, STATUS, ADDR, MISC (SDM vol 3, 15.3.2). The MSRs themselves are in msr.c.
 */
#include <linux/nospec.h>
#include <asm/mce.h>
#include "vm.h"
#include "x86.h"

/* Of IA32_MCG_CAP beside the number of banks: a global CTL, and recovery by the operating system. */
#define MCG_CAP_SUPPORTED	((u64)(MCG_CTL_P | MCG_SER_P))

struct mce_bank {
	u64 ctl, status, addr, misc;
};

static struct mce_bank *bank_of(struct x86_vcpu *v, unsigned int i)
{
	return (struct mce_bank *)v->mce_banks + array_index_nospec(i, X86_MCE_BANKS);
}

/*
 * A machine check that ended the guest is handled as one that hit the VMM's user code: if it cannot
 * be undone, the VMM dies for it.
 */
void x86_machine_check(void)
{
	struct pt_regs regs = {
		.cs	= 3,
		.flags	= X86_EFLAGS_IF,
	};

	if (IS_ENABLED(CONFIG_X86_MCE))
		do_machine_check(&regs);
}
EXPORT_SYMBOL_GPL(x86_machine_check);

long x86_sys_get_mce_cap(struct kvm_arg *arg)
{
	*(u64 *)arg->data = MCG_CAP_SUPPORTED;
	return 0;
}

/* KVM API, KVM_X86_SETUP_MCE: the value of IA32_MCG_CAP. */
long x86_vcpu_setup_mce(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	struct x86_vcpu *v = to_x86(vcpu);
	u64 cap = *(u64 *)arg->data;
	unsigned int i, banks = cap & MCG_BANKCNT_MASK;

	if (!banks || banks > X86_MCE_BANKS)
		return -EINVAL;
	if (cap & ~(MCG_CAP_SUPPORTED | MCG_BANKCNT_MASK))
		return -EINVAL;
	v->mcg_cap = cap;
	v->mcg_ctl = cap & MCG_CTL_P ? ~0ULL : 0;
	for (i = 0; i < banks; i++)
		bank_of(v, i)->ctl = ~0ULL;
	return 0;
}

static void record(struct mce_bank *b, const struct kvm_x86_mce *mce)
{
	u64 overflow = b->status & MCI_STATUS_VAL ? MCI_STATUS_OVER : 0;

	b->status = mce->status | overflow;
	b->addr = mce->addr;
	b->misc = mce->misc;
}

/* An uncorrected error raises #MC; while one is being handled, or with CR4.MCE clear, the CPU shuts down. */
static void uncorrected(struct kvm_vcpu *vcpu, struct mce_bank *b, const struct kvm_x86_mce *mce)
{
	struct x86_vcpu *v = to_x86(vcpu);

	if ((v->mcg_cap & MCG_CTL_P) && v->mcg_ctl != ~0ULL)
		return;		/* reporting is turned off, globally or for this bank */
	if (b->ctl != ~0ULL)
		return;
	if ((v->mcg_status & MCG_STATUS_MCIP) || !(v->cr4 & X86_CR4_MCE)) {
		kvm_request(vcpu, KVM_REQ_TRIPLE_FAULT);
		return;
	}
	record(b, mce);
	v->mcg_status = mce->mcg_status;
	x86_queue_exception(vcpu, X86_TRAP_MC);
}

long x86_vcpu_set_mce(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	const struct kvm_x86_mce *mce = arg->data;
	struct x86_vcpu *v = to_x86(vcpu);
	struct mce_bank *b;

	if (mce->bank >= (v->mcg_cap & MCG_BANKCNT_MASK) || !(mce->status & MCI_STATUS_VAL))
		return -EINVAL;
	b = bank_of(v, mce->bank);
	if (mce->status & MCI_STATUS_UC)
		uncorrected(vcpu, b, mce);
	else if (!(b->status & MCI_STATUS_VAL) || !(b->status & MCI_STATUS_UC))
		record(b, mce);
	else			/* the graver error stays on record (SDM vol 3, 15.3.2.2.1) */
		b->status |= MCI_STATUS_OVER;
	return 0;
}
