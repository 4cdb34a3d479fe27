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
struct hypercall {
	unsigned long	nr;
	unsigned long	a[4];
	bool		wide;		/* 64-bit mode */
};

static struct hypercall hypercall_of(struct kvm_vcpu *vcpu)
{
	static const u8 regs[] = { GPR_RBX, GPR_RCX, GPR_RDX, GPR_RSI };
	struct hypercall h = { .wide = x86_is_64bit_code(vcpu) };
	unsigned long mask = h.wide ? ~0UL : U32_MAX;
	int i;

	h.nr = x86_reg_read(vcpu, GPR_RAX) & mask;
	for (i = 0; i < ARRAY_SIZE(regs); i++)
		h.a[i] = x86_reg_read(vcpu, regs[i]) & mask;
	to_x86(vcpu)->stat.hypercalls++;
	trace_kvm_hypercall(h.nr, h.a[0], h.a[1], h.a[2], h.a[3]);
	return h;
}

static long do_hypercall(struct kvm_vcpu *vcpu, const struct hypercall *h)
{
	long ret = -KVM_EPERM;

	if (!x86_op(get_cpl)(vcpu))
		ret = pv_hypercall(vcpu, h->nr, h->a[0], h->a[1], h->a[2], h->a[3], h->wide);
	return h->wide ? ret : (u32)ret;
}

long x86_do_hypercall(struct kvm_vcpu *vcpu)
{
	const struct hypercall h = hypercall_of(vcpu);

	return do_hypercall(vcpu, &h);
}

static int complete_hypercall(struct kvm_vcpu *vcpu)
{
	u64 ret = READ_ONCE(vcpu->run->hypercall.ret);

	x86_reg_write(vcpu, GPR_RAX, x86_is_64bit_code(vcpu) ? ret : (u32)ret);
	return x86_insn_skip(vcpu);
}

/*
 * KVM_HC_MAP_GPA_RANGE (first page, number of pages, attributes): what a change of attributes means
 * is known to user space alone.
 */
static bool is_for_user(struct kvm_vcpu *vcpu, const struct hypercall *h)
{
	return unlikely(h->nr == KVM_HC_MAP_GPA_RANGE) && !x86_op(get_cpl)(vcpu) &&
	       to_x86_vm(vcpu->kvm)->hypercall_exits & BIT(KVM_HC_MAP_GPA_RANGE);
}

static bool range_valid(const struct hypercall *h)
{
	gfn_t first = gpa_to_gfn(h->a[0]);

	return PAGE_ALIGNED(h->a[0]) && h->a[1] && first + h->a[1] > first;
}

static int hypercall_to_user(struct kvm_vcpu *vcpu, const struct hypercall *h)
{
	struct kvm_run *run = vcpu->run;

	run->exit_reason = KVM_EXIT_HYPERCALL;
	memset(&run->hypercall, 0, sizeof(run->hypercall));
	run->hypercall.nr = h->nr;
	run->hypercall.args[0] = h->a[0];
	run->hypercall.args[1] = h->a[1];
	run->hypercall.args[2] = h->a[2];
	run->hypercall.longmode = h->wide;
	to_x86(vcpu)->complete_user = complete_hypercall;
	return EXIT_TO_USER;
}

int x86_exit_hypercall(struct kvm_vcpu *vcpu)
{
	const struct hypercall h = hypercall_of(vcpu);
	bool for_user = is_for_user(vcpu, &h);
	long ret = -KVM_EINVAL;

	if (for_user && range_valid(&h))
		return hypercall_to_user(vcpu, &h);
	if (!for_user)
		ret = do_hypercall(vcpu, &h);
	x86_reg_write(vcpu, GPR_RAX, h.wide ? ret : (u32)ret);
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

/*
 * Guest memory is cached coherently, and devices are emulated or snooped: there is nothing to write
 * back. Unless the guest has a device whose DMA goes past the caches.
 */
int x86_exit_wbinvd(struct kvm_vcpu *vcpu)
{
	if (atomic_read(&vcpu->kvm->noncoherent_groups))
		wbinvd_on_all_cpus();
	return x86_insn_skip(vcpu);
}
EXPORT_SYMBOL_GPL(x86_exit_wbinvd);

int x86_exit_as_nop(struct kvm_vcpu *vcpu)
{
	return x86_insn_skip(vcpu);
}
EXPORT_SYMBOL_GPL(x86_exit_as_nop);

/*
 * MONITOR and MWAIT do nothing, also in a guest whose CPUID does not have them: there are such that
 * rely on it (KVM API 7.31, KVM_X86_QUIRK_MWAIT_NEVER_UD_FAULTS).
 */
int x86_exit_mwait(struct kvm_vcpu *vcpu)
{
	const struct kvm_cpuid_entry2 *e;

	if (likely(x86_has_quirk(vcpu->kvm, MWAIT_NEVER_UD_FAULTS)))
		return x86_insn_skip(vcpu);
	e = x86_cpuid_find(vcpu, 1, 0);
	if (e && e->ecx & BIT(X86_FEATURE_MWAIT & 31))
		return x86_insn_skip(vcpu);
	return x86_exit_ud(vcpu);
}
EXPORT_SYMBOL_GPL(x86_exit_mwait);

/* A spinning kernel waits for a vCPU that holds a lock, which is then in the kernel too. */
int x86_exit_pause(struct kvm_vcpu *vcpu)
{
	kvm_vcpu_on_spin(vcpu, x86_op(get_cpl)(vcpu) == 0);
	return x86_insn_skip(vcpu);
}
EXPORT_SYMBOL_GPL(x86_exit_pause);

struct pause_rule x86_pause_rule __read_mostly;
EXPORT_SYMBOL_GPL(x86_pause_rule);

static bool put_pause_window(struct kvm_vcpu *vcpu, unsigned int window)
{
	unsigned int old = to_x86(vcpu)->pause_window;

	if (window == old)
		return false;
	to_x86(vcpu)->pause_window = window;
	trace_kvm_ple_window_update(vcpu->id, window, old);
	return true;
}

bool x86_pause_window_grow(struct kvm_vcpu *vcpu)
{
	return put_pause_window(vcpu, pause_window_grown(&x86_pause_rule,
							 to_x86(vcpu)->pause_window));
}
EXPORT_SYMBOL_GPL(x86_pause_window_grow);

bool __x86_pause_window_shrink(struct kvm_vcpu *vcpu)
{
	if (to_x86_vm(vcpu->kvm)->pause_in_guest)
		return false;
	return put_pause_window(vcpu, pause_window_shrunk(&x86_pause_rule,
							  to_x86(vcpu)->pause_window));
}
EXPORT_SYMBOL_GPL(__x86_pause_window_shrink);

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
