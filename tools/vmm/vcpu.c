// SPDX-License-Identifier: GPL-2.0-only
/*
 * The vCPUs' threads.
 *
 * A thread runs its guest until the VM has ended. To call one out of it, somebody sends it a
 * signal; the handler sets immediate_exit in the run page (KVM API 5), so that a signal which comes
 * just before KVM_RUN is not lost. The thread clears it before it looks what was wanted. At the end
 * the signal is repeated until the thread says it is done, since the thread may not have come to
 * where the handler knows its run page.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "arch.h"
#include "loop.h"

#define KICK_SIGNAL	SIGUSR1

static __thread struct kvm_run *my_run;

static void kicked(int signal)
{
	if (my_run)
		__atomic_store_n(&my_run->immediate_exit, 1, __ATOMIC_RELAXED);
}

void vm_end(struct vmm *vm, enum vm_status status, const char *fmt, ...)
{
	va_list ap;

	pthread_mutex_lock(&vm->end_lock);
	if (vm->status == VM_RUNNING) {
		va_start(ap, fmt);
		vsnprintf(vm->reason, sizeof(vm->reason), fmt, ap);
		va_end(ap);
		__atomic_store_n(&vm->status, status, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&vm->end_lock);
	loop_wake();
}

bool vm_ended(struct vmm *vm)
{
	return __atomic_load_n(&vm->status, __ATOMIC_ACQUIRE) != VM_RUNNING;
}

static void crashed(struct vcpu *vcpu, const char *what)
{
	char where[80];

	arch_describe(vcpu, where, sizeof(where));
	vm_end(vcpu->vmm, VM_CRASH, "CPU %u: %s; %s", vcpu->id, what, where);
}

static void system_event(struct vcpu *vcpu)
{
	switch (vcpu->run->system_event.type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		return vm_end(vcpu->vmm, VM_OK, "the guest switched itself off");
	case KVM_SYSTEM_EVENT_RESET:
		return vm_end(vcpu->vmm, VM_OK, "the guest asked for a reset");
	default:
		return crashed(vcpu, "the guest says that it crashed");
	}
}

/* The reasons that every architecture has, and those that nobody expects. */
static void handle_exit(struct vcpu *vcpu)
{
	const struct kvm_run *run = vcpu->run;
	char what[80];

	switch (run->exit_reason) {
	case KVM_EXIT_INTR:
		return;
	case KVM_EXIT_SYSTEM_EVENT:
		return system_event(vcpu);
	case KVM_EXIT_SHUTDOWN:
		return crashed(vcpu, "triple fault");
	case KVM_EXIT_FAIL_ENTRY:
		snprintf(what, sizeof(what), "the processor refuses to enter, reason 0x%llx",
			 (unsigned long long)run->fail_entry.hardware_entry_failure_reason);
		return crashed(vcpu, what);
	case KVM_EXIT_INTERNAL_ERROR:
		snprintf(what, sizeof(what), "KVM cannot go on, suberror %u",
			 run->internal.suberror);
		return crashed(vcpu, what);
	default:
		if (arch_handle_exit(vcpu))
			return;
		snprintf(what, sizeof(what), "unexpected exit %u", run->exit_reason);
		return crashed(vcpu, what);
	}
}

static void count_exit(struct vcpu *vcpu)
{
	unsigned int reason = vcpu->run->exit_reason;

	if (reason >= MAX_EXIT_REASONS)
		reason = MAX_EXIT_REASONS - 1;
	vcpu->exits[reason]++;
}

static void *vcpu_thread(void *arg)
{
	struct vcpu *vcpu = arg;
	char what[80];

	my_run = vcpu->run;
	for (;;) {
		__atomic_store_n(&vcpu->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
		arch_before_run(vcpu);
		if (vm_ended(vcpu->vmm))
			break;
		if (!ioctl(vcpu->fd, KVM_RUN, 0)) {
			count_exit(vcpu);
			handle_exit(vcpu);
		} else if (errno != EINTR && errno != EAGAIN) {
			snprintf(what, sizeof(what), "KVM_RUN: %s", strerror(errno));
			crashed(vcpu, what);
		}
	}
	stats_collect(vcpu);
	__atomic_store_n(&vcpu->done, true, __ATOMIC_RELEASE);
	return NULL;
}

void vcpu_kick(const struct vcpu *vcpu)
{
	pthread_kill(vcpu->thread, KICK_SIGNAL);
}

void vcpus_run(struct vmm *vm)
{
	const struct sigaction kick = { .sa_handler = kicked };
	unsigned int i;
	int err;

	sigaction(KICK_SIGNAL, &kick, NULL);
	for (i = 0; i < vm->opt.cpus; i++) {
		err = pthread_create(&vm->vcpus[i].thread, NULL, vcpu_thread, &vm->vcpus[i]);
		if (err) {
			vm_end(vm, VM_SETUP, "no thread for CPU %u: %s", i, strerror(err));
			return;
		}
		vm->vcpus[i].started = true;
	}
}

void vcpus_stop(struct vmm *vm)
{
	unsigned int i;

	for (i = 0; i < vm->opt.cpus; i++) {
		struct vcpu *vcpu = &vm->vcpus[i];

		if (!vcpu->started)
			continue;
		while (!__atomic_load_n(&vcpu->done, __ATOMIC_ACQUIRE)) {
			vcpu_kick(vcpu);
			arch_wake(vcpu);
			usleep(1000);
		}
		pthread_join(vcpu->thread, NULL);
	}
}
