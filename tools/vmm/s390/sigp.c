// SPDX-License-Identifier: GPL-2.0-only
/*
 * The CPUs' states, and SIGNAL PROCESSOR (Principles of Operation, "CPU Signaling and Response").
 *
 * A CPU is operating or stopped. The thread of a stopped one waits here, outside of KVM, so that
 * whoever signals to it can do with it what the order says, there and then, under the lock. An
 * operating one is first made to stop: by an interruption, which ends with a stop that KVM tells us
 * of, or, where the order is a reset, by parking its thread; until that has come about the order is
 * answered "busy", and the guest repeats it.
 *
 * When the last CPU has stopped, nothing can start any: the guest has switched itself off.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include "arch.h"
#include "s390/machine.h"

enum order {
	SENSE			= 0x01,
	START			= 0x04,
	STOP			= 0x05,
	RESTART			= 0x06,
	STOP_AND_STORE_STATUS	= 0x09,
	INITIAL_CPU_RESET	= 0x0b,
	CPU_RESET		= 0x0c,
	SET_PREFIX		= 0x0d,
	STORE_STATUS		= 0x0e,
	SET_ARCHITECTURE	= 0x12,
};

enum {
	CC_ACCEPTED		= 0,
	CC_STATUS_STORED	= 1,
	CC_BUSY			= 2,
	CC_NOT_OPERATIONAL	= 3,
};

/* The status that goes with CC_STATUS_STORED. */
enum {
	STATUS_INVALID_ORDER	 = 0x002,
	STATUS_STOPPED		 = 0x040,
	STATUS_INVALID_PARAMETER = 0x100,
	STATUS_INCORRECT_STATE	 = 0x200,
};

static struct cpu {
	bool	stopped;
	bool	stopping;	/* an interruption is under way that stops it */
	bool	store_status;	/* when it has stopped */
	bool	park;
} cpus[MAX_CPUS];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;	/* guards cpus[] */
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static void set_state(struct vcpu *vcpu, bool stopped)
{
	struct kvm_mp_state state = {
		.mp_state = stopped ? KVM_MP_STATE_STOPPED : KVM_MP_STATE_OPERATING,
	};

	vcpu_ioctl(vcpu, KVM_SET_MP_STATE, "KVM_SET_MP_STATE", &state);
	cpus[vcpu->id].stopped = stopped;
	pthread_cond_broadcast(&changed);
}

static bool all_stopped(const struct vmm *vm)
{
	unsigned int i;

	for (i = 0; i < vm->opt.cpus; i++)
		if (!cpus[i].stopped)
			return false;
	return true;
}

void cpus_init(struct vmm *vm)
{
	unsigned int i;

	pthread_mutex_lock(&lock);
	for (i = 0; i < vm->opt.cpus; i++)
		set_state(&vm->vcpus[i], i > 0);
	pthread_mutex_unlock(&lock);
}

static void store_status(struct vcpu *vcpu, uint64_t where)
{
	vcpu_ioctl(vcpu, KVM_S390_STORE_STATUS, "KVM_S390_STORE_STATUS", (void *)where);
}

void cpu_stopped(struct vcpu *vcpu)
{
	struct cpu *cpu = &cpus[vcpu->id];

	pthread_mutex_lock(&lock);
	if (cpu->store_status)
		store_status(vcpu, KVM_S390_STORE_STATUS_PREFIXED);
	cpu->stopping = false;
	cpu->store_status = false;
	set_state(vcpu, true);
	if (all_stopped(vcpu->vmm))
		vm_end(vcpu->vmm, VM_OK, "the guest switched itself off");
	pthread_mutex_unlock(&lock);
}

void arch_before_run(struct vcpu *vcpu)
{
	struct cpu *cpu = &cpus[vcpu->id];

	pthread_mutex_lock(&lock);
	if (cpu->park) {
		cpu->park = false;
		set_state(vcpu, true);
	}
	while (cpu->stopped && !vm_ended(vcpu->vmm))
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
}

void arch_wake(struct vcpu *vcpu)
{
	pthread_mutex_lock(&lock);
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

/* ---- orders: each returns the condition code ------------------------------------------------- */

struct signal {
	struct vcpu	*from, *to;
	uint64_t	parameter;
	uint32_t	status;
};

static unsigned int answer(struct signal *s, uint32_t status)
{
	s->status = status;
	return CC_STATUS_STORED;
}

static void interrupt(struct vcpu *to, uint32_t type)
{
	struct kvm_s390_interrupt irq = { .type = type };

	vcpu_ioctl(to, KVM_S390_INTERRUPT, "KVM_S390_INTERRUPT", &irq);
}

static unsigned int sense(struct signal *s)
{
	return cpus[s->to->id].stopped ? answer(s, STATUS_STOPPED) : CC_ACCEPTED;
}

static unsigned int start(struct signal *s)
{
	if (cpus[s->to->id].stopped)
		set_state(s->to, false);
	return CC_ACCEPTED;
}

static unsigned int stop(struct signal *s)
{
	struct cpu *cpu = &cpus[s->to->id];

	if (!cpu->stopped && !cpu->stopping) {
		cpu->stopping = true;
		interrupt(s->to, KVM_S390_SIGP_STOP);
	}
	return CC_ACCEPTED;
}

static unsigned int stop_and_store(struct signal *s)
{
	if (cpus[s->to->id].stopped)
		store_status(s->to, KVM_S390_STORE_STATUS_PREFIXED);
	else
		cpus[s->to->id].store_status = true;
	return stop(s);
}

/* A stopped CPU takes the interruption when it is operating again, which it is from now on. */
static unsigned int restart(struct signal *s)
{
	interrupt(s->to, KVM_S390_RESTART);
	return start(s);
}

/* What takes a CPU that is stopped, or for a reset is made to. */
static bool parked(struct signal *s)
{
	struct cpu *cpu = &cpus[s->to->id];

	if (cpu->stopped)
		return true;
	cpu->park = true;
	vcpu_kick(s->to);
	return false;
}

static unsigned int initial_reset(struct signal *s)
{
	if (!parked(s))
		return CC_BUSY;
	vcpu_ioctl(s->to, KVM_S390_INITIAL_RESET, "KVM_S390_INITIAL_RESET", NULL);
	return CC_ACCEPTED;
}

static unsigned int reset(struct signal *s)
{
	if (!parked(s))
		return CC_BUSY;
	if (kvm_has(s->to->vmm, KVM_CAP_S390_VCPU_RESETS))
		vcpu_ioctl(s->to, KVM_S390_NORMAL_RESET, "KVM_S390_NORMAL_RESET", NULL);
	return CC_ACCEPTED;
}

static unsigned int set_prefix(struct signal *s)
{
	struct kvm_s390_interrupt irq = { .type = KVM_S390_SIGP_SET_PREFIX };

	/* Both pages of it have to be memory. */
	irq.parm = s->parameter & 0x7fffe000;
	if (!mem_at(&s->from->vmm->mem, irq.parm, 8192))
		return answer(s, STATUS_INVALID_PARAMETER);
	if (!cpus[s->to->id].stopped)
		return answer(s, STATUS_INCORRECT_STATE);
	vcpu_ioctl(s->to, KVM_S390_INTERRUPT, "KVM_S390_INTERRUPT", &irq);
	return CC_ACCEPTED;
}

static unsigned int store(struct signal *s)
{
	const uint64_t where = s->parameter & 0x7ffffe00;

	if (!mem_at(&s->from->vmm->mem, where, 512))
		return answer(s, STATUS_INVALID_PARAMETER);
	if (!cpus[s->to->id].stopped)
		return answer(s, STATUS_INCORRECT_STATE);
	store_status(s->to, where);
	return CC_ACCEPTED;
}

/* All CPUs are in the z/Architecture mode for good, and this is what a CPU in that mode answers. */
static unsigned int set_architecture(struct signal *s)
{
	return answer(s, STATUS_INVALID_PARAMETER);
}

static const struct {
	enum order	code;
	unsigned int	(*serve)(struct signal *s);
} orders[] = {
	{ SENSE,			sense },
	{ START,			start },
	{ STOP,				stop },
	{ RESTART,			restart },
	{ STOP_AND_STORE_STATUS,	stop_and_store },
	{ INITIAL_CPU_RESET,		initial_reset },
	{ CPU_RESET,			reset },
	{ SET_PREFIX,			set_prefix },
	{ STORE_STATUS,			store },
	{ SET_ARCHITECTURE,		set_architecture },
};

static unsigned int serve(struct signal *s, uint8_t order)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(orders); i++)
		if (orders[i].code == order)
			return orders[i].serve(s);
	return answer(s, STATUS_INVALID_ORDER);
}

unsigned int cpu_signal(struct vcpu *from, const struct insn *insn)
{
	const unsigned int r1 = insn_r1(insn);
	const uint16_t address = insn->gpr[insn_r3(insn)];
	const uint8_t order = insn_address(insn);
	struct signal s = { .from = from, .parameter = insn->gpr[r1 | 1] };
	unsigned int cc;

	/* The one order that is for all: an address is not looked at. */
	if (address >= from->vmm->opt.cpus && order != SET_ARCHITECTURE)
		return CC_NOT_OPERATIONAL;
	s.to = &from->vmm->vcpus[order == SET_ARCHITECTURE ? from->id : address];
	pthread_mutex_lock(&lock);
	cc = serve(&s, order);
	pthread_mutex_unlock(&lock);
	if (cc == CC_STATUS_STORED)
		insn->gpr[r1] = (insn->gpr[r1] & ~0xffffffffULL) | s.status;
	return cc;
}
