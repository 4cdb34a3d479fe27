// SPDX-License-Identifier: GPL-2.0-only
/*
 * DIAGNOSE: the guest asks its hypervisor (Documentation/virt/kvm/s390/s390-diag.rst of the
 * kernel). The function code is the last halfword of the second operand's address. What is not ours
 * is user space's.
 */
#include <linux/moduleparam.h>
#include <linux/ratelimit.h>
#include <asm/gmap.h>
#include <asm/smp.h>
#include <kvm/io_bus.h>

#include "s390.h"
#include "trace.h"
#include "trace_s390.h"

#define DIAG_RELEASE_PAGES	0x010
#define DIAG_YIELD		0x044
#define DIAG_YIELD_TO		0x09c
#define DIAG_PFAULT		0x258
#define DIAG_IPL		0x308
#define DIAG_VIRTIO		0x500

#define IPL_RESET_CLEAR		3
#define IPL_RESET_NORMAL	4
#define VIRTIO_CCW_NOTIFY	3

/*
 * The pages from R1 to R3, by absolute addresses, have no content any more; not those of the prefix
 * area.
 */
static int diag_release_pages(struct s390_vcpu *v)
{
	u64 start = v->gprs[insn_r1(v)], end = v->gprs[insn_r3(v)] + PAGE_SIZE;
	u64 prefix = s390_prefix(v);
	struct gmap *gmap = v->gmap;

	if ((start | end) & ~PAGE_MASK || start >= end || start < 2 * PAGE_SIZE)
		return s390_inject_pgm_code(v, PGM_SPECIFICATION);
	/* the two pages at the prefix are those at 0 to the guest, and stay */
	if (end <= prefix || start >= prefix + 2 * PAGE_SIZE) {
		gmap_discard(gmap, start, end);
		return EXIT_RESUME;
	}
	if (start < prefix)
		gmap_discard(gmap, start, prefix);
	if (end > prefix + 2 * PAGE_SIZE)
		gmap_discard(gmap, prefix + 2 * PAGE_SIZE, end);
	return EXIT_RESUME;
}

static int diag_yield(struct s390_vcpu *v)
{
	kvm_vcpu_on_spin(&v->vcpu, true);
	return EXIT_RESUME;
}

static unsigned int diag9c_forwarding_hz;
module_param(diag9c_forwarding_hz, uint, 0644);
MODULE_PARM_DESC(diag9c_forwarding_hz,
		 "yields passed on to the hypervisor below, at most so many a second (0: none)");

/*
 * A CPU whose thread runs needs no yield of ours. But the processor it runs on may be one that a
 * hypervisor below has taken away (s390-diag.rst of the kernel).
 */
static bool forward_yield(struct kvm_vcpu *to)
{
	static struct ratelimit_state limit = RATELIMIT_STATE_INIT_FLAGS("diag9c", HZ, 0,
									 RATELIMIT_MSG_ON_RELEASE);
	unsigned int hz = READ_ONCE(diag9c_forwarding_hz);
	int cpu = READ_ONCE(to->cpu);

	if (!hz || cpu < 0 || !(READ_ONCE(to_s390(to)->sie->flags) & SIE_FLAG_RUNNING) ||
	    !arch_vcpu_is_preempted(cpu))
		return false;
	WRITE_ONCE(limit.burst, min_t(unsigned int, hz, INT_MAX));
	if (!__ratelimit(&limit))
		return false;
	smp_yield_cpu(cpu);
	return true;
}

static int diag_yield_to(struct s390_vcpu *v)
{
	struct kvm_vcpu *to = kvm_vcpu_by_id(v->vcpu.kvm, (u16)v->gprs[insn_r1(v)]);

	if (to && to != &v->vcpu && forward_yield(to))
		v->stat.diag_9c_forward++;
	else if (!to || to == &v->vcpu || !kvm_vcpu_yield_to(to))
		v->stat.diag_9c_ignored++;
	return EXIT_RESUME;
}

/*
 * The subcode is in R3. Subcodes 3 and 4 reset the whole system, which user space does and then
 * starts the CPU where it shall go on.
 */
static int diag_ipl(struct s390_vcpu *v)
{
	u64 subcode = v->gprs[insn_r3(v)] & 0xffff;
	struct kvm_run *run = v->vcpu.run;

	if (subcode != IPL_RESET_CLEAR && subcode != IPL_RESET_NORMAL)
		return EXIT_NOT_OURS;
	if (!READ_ONCE(vm_of(v)->user_cpu_state))
		s390_stop(v);
	run->exit_reason = KVM_EXIT_S390_RESET;
	run->s390_reset_flags = KVM_S390_RESET_SUBSYSTEM | KVM_S390_RESET_IPL |
				KVM_S390_RESET_CPU_INIT;
	if (subcode == IPL_RESET_CLEAR)
		run->s390_reset_flags |= KVM_S390_RESET_CLEAR;
	trace_kvm_s390_request_resets(run->s390_reset_flags);
	return EXIT_TO_USER;
}

/*
 * A notification of virtio-ccw: R2 has the subchannel, R3 the queue. An ioeventfd of that address
 * takes it; R2 is then 0, the cookie, of which we have no use.
 */
static int diag_virtio(struct s390_vcpu *v)
{
	u64 queue = v->gprs[3];

	if (v->gprs[1] != VIRTIO_CCW_NOTIFY || !READ_ONCE(vm_of(v)->css_support))
		return EXIT_NOT_OURS;
	if (kvm_io_bus_write(&v->vcpu, KVM_BUS_VIRTIO_CCW, (u32)v->gprs[2], sizeof(queue), &queue))
		return EXIT_NOT_OURS;
	v->gprs[2] = 0;
	return EXIT_RESUME;
}

#define COUNTED(name)	S390_STAT(instruction_diagnose_##name)

static const struct {
	u16	code;
	u16	stat;
	int	(*fn)(struct s390_vcpu *v);
} codes[] = {
	{ DIAG_RELEASE_PAGES,	COUNTED(10),	diag_release_pages },
	{ DIAG_YIELD,		COUNTED(44),	diag_yield },
	{ DIAG_YIELD_TO,	COUNTED(9c),	diag_yield_to },
	{ DIAG_PFAULT,		COUNTED(258),	s390_diag_pfault },
	{ DIAG_IPL,		COUNTED(308),	diag_ipl },
	{ DIAG_VIRTIO,		COUNTED(500),	diag_virtio },
};

int s390_diag(struct s390_vcpu *v)
{
	u16 code = insn_base_disp(v, NULL);
	int i;

	trace_kvm_s390_handle_diag(v, code);
	for (i = 0; i < ARRAY_SIZE(codes); i++) {
		if (codes[i].code != code)
			continue;
		s390_count(v, codes[i].stat);
		return codes[i].fn(v);
	}
	v->stat.instruction_diagnose_other++;
	return EXIT_NOT_OURS;
}
