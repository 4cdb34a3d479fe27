// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exits that VMX and SVM have alike: each a whole handler for the backend's table.
 */
#include <linux/kernel.h>
#include <linux/smp.h>
#include <uapi/linux/kvm_para.h>
#include "trace.h"
#include "x86.h"

int x86_exit_cpuid(struct kvm_vcpu *vcpu)
{
	u32 eax = x86_reg_read(vcpu, GPR_RAX), ebx;
	u32 ecx = x86_reg_read(vcpu, GPR_RCX), edx;

	x86_cpuid_query(vcpu, &eax, &ebx, &ecx, &edx);
	x86_reg_write(vcpu, GPR_RAX, eax);
	x86_reg_write(vcpu, GPR_RBX, ebx);
	x86_reg_write(vcpu, GPR_RCX, ecx);
	x86_reg_write(vcpu, GPR_RDX, edx);
	return x86_insn_skip(vcpu);
}
EXPORT_SYMBOL_GPL(x86_exit_cpuid);

/* HLT has been stepped over: to sleep in the kernel, or tell user space when it has the LAPIC. */
int x86_halt(struct kvm_vcpu *vcpu)
{
	struct x86_vcpu *v = to_x86(vcpu);

	v->stat.halt_exits++;
	if (!v->lapic) {
		vcpu->run->exit_reason = KVM_EXIT_HLT;
		return EXIT_TO_USER;
	}
	WRITE_ONCE(v->mp_state, KVM_MP_STATE_HALTED);
	return EXIT_RESUME;
}

int x86_exit_hlt(struct kvm_vcpu *vcpu)
{
	int r = x86_insn_skip(vcpu);

	return r == EXIT_RESUME ? x86_halt(vcpu) : r;
}
EXPORT_SYMBOL_GPL(x86_exit_hlt);

/* KVM hypercall ABI: number and four arguments in RAX, RBX, RCX, RDX, RSI; only the kernel may call. */
long x86_do_hypercall(struct kvm_vcpu *vcpu)
{
	unsigned long nr = x86_reg_read(vcpu, GPR_RAX), a[4];
	bool wide = x86_is_64bit_code(vcpu);
	long ret;
	int i;

	a[0] = x86_reg_read(vcpu, GPR_RBX);
	a[1] = x86_reg_read(vcpu, GPR_RCX);
	a[2] = x86_reg_read(vcpu, GPR_RDX);
	a[3] = x86_reg_read(vcpu, GPR_RSI);
	if (!wide) {
		nr = (u32)nr;
		for (i = 0; i < 4; i++)
			a[i] = (u32)a[i];
	}
	to_x86(vcpu)->stat.hypercalls++;
	trace_kvm_hypercall(nr, a[0], a[1], a[2], a[3]);
	if (x86_op(get_cpl)(vcpu))
		ret = -KVM_EPERM;
	else
		ret = pv_hypercall(vcpu, nr, a[0], a[1], a[2], a[3], wide);
	return wide ? ret : (u32)ret;
}

int x86_exit_hypercall(struct kvm_vcpu *vcpu)
{
	x86_reg_write(vcpu, GPR_RAX, x86_do_hypercall(vcpu));
	return x86_insn_skip(vcpu);
}
EXPORT_SYMBOL_GPL(x86_exit_hypercall);

int x86_exit_xsetbv(struct kvm_vcpu *vcpu)
{
	if (x86_op(get_cpl)(vcpu) || (u32)x86_reg_read(vcpu, GPR_RCX) != XCR_XFEATURE_ENABLED_MASK ||
	    x86_set_xcr0(vcpu, x86_edx_eax(vcpu))) {
		x86_queue_gp(vcpu);
		return EXIT_RESUME;
	}
	return x86_insn_skip(vcpu);
}
EXPORT_SYMBOL_GPL(x86_exit_xsetbv);

/* No virtual PMU yet: every counter number is one that does not exist. */
int x86_exit_rdpmc(struct kvm_vcpu *vcpu)
{
	x86_queue_gp(vcpu);
	return EXIT_RESUME;
}
EXPORT_SYMBOL_GPL(x86_exit_rdpmc);

/* Guest memory is cached coherently and devices are emulated or snooped: there is nothing to write back. */
int x86_exit_wbinvd(struct kvm_vcpu *vcpu)
{
	return x86_insn_skip(vcpu);
}
EXPORT_SYMBOL_GPL(x86_exit_wbinvd);

int x86_exit_as_nop(struct kvm_vcpu *vcpu)
{
	return x86_insn_skip(vcpu);
}
EXPORT_SYMBOL_GPL(x86_exit_as_nop);

int x86_exit_ud(struct kvm_vcpu *vcpu)
{
	x86_queue_ud(vcpu);
	return EXIT_RESUME;
}
EXPORT_SYMBOL_GPL(x86_exit_ud);

int x86_exit_internal_error(struct kvm_vcpu *vcpu, u32 suberror, unsigned int n, const u64 *data)
{
	struct kvm_run *run = vcpu->run;

	run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	run->internal.suberror = suberror;
	run->internal.ndata = min_t(unsigned int, n, ARRAY_SIZE(run->internal.data));
	memcpy(run->internal.data, data, min_t(unsigned int, n, ARRAY_SIZE(run->internal.data)) * sizeof(u64));
	return EXIT_TO_USER;
}
EXPORT_SYMBOL_GPL(x86_exit_internal_error);
