// SPDX-License-Identifier: GPL-2.0-only
/* From the command line to the exit status: the order of things. See vmm.h for who does what. */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "arch.h"
#include "console.h"
#include "loop.h"

struct vmm vmm = {
	.end_lock	= PTHREAD_MUTEX_INITIALIZER,
	.status		= VM_RUNNING,
};

static volatile sig_atomic_t last_signal;

static void say(const char *fmt, va_list ap)
{
	char line[256];

	vsnprintf(line, sizeof(line), fmt, ap);
	fprintf(stderr, "vmm: %s\n", line);
}

void warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

void die(enum vm_status status, const char *fmt, ...)
{
	va_list ap;

	console_restore();
	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
	exit(status);
}

static void signalled(int number)
{
	last_signal = number;
	loop_wake();
}

/* Without SA_RESTART: a thread that waits for its output to be read has to hear of the end. */
static void catch_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	const struct sigaction action = { .sa_handler = signalled };
	unsigned int i;

	signal(SIGPIPE, SIG_IGN);
	for (i = 0; i < ARRAY_SIZE(signals); i++)
		sigaction(signals[i], &action, NULL);
}

bool stopping(void)
{
	return last_signal || vm_ended(&vmm);
}

static bool ended(void *arg)
{
	if (last_signal)
		vm_end(&vmm, VM_STOPPED, "ended by signal %d", (int)last_signal);
	return vm_ended(&vmm);
}

static void set_up(int argc, char **argv)
{
	unsigned int i, max;

	options_parse(&vmm.opt, argc, argv);
	image_load(&vmm.opt.kernel, "--kernel");
	image_load(&vmm.opt.initrd, "--initrd");
	arch_check_images(&vmm.opt);
	kvm_open(&vmm);
	max = kvm_has(&vmm, KVM_CAP_MAX_VCPUS);
	if (max && vmm.opt.cpus > max)
		die(VM_SETUP, "--cpus: this host allows %u", max);
	loop_init();
	catch_signals();
	arch_machine_init(&vmm);
	for (i = 0; i < vmm.opt.cpus; i++)
		vcpu_create(&vmm, i);
	arch_boot(&vmm);
}

int main(int argc, char **argv)
{
	set_up(argc, argv);
	stats_begin();
	vcpus_run(&vmm);
	if (!loop_run(ended, NULL, vmm.opt.timeout))
		vm_end(&vmm, VM_TIMEOUT, "ended after %u s (--timeout)", vmm.opt.timeout);
	vcpus_stop(&vmm);
	arch_machine_exit(&vmm);
	console_restore();
	warn("%s", vmm.reason);
	if (vmm.opt.stats)
		stats_print(&vmm);
	return vmm.status;
}
