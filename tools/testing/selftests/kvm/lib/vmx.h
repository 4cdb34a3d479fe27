/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What tests of VMX share: the module's parameters say what is in use, and a count of exits says
 * that it is at work.
 */
#ifndef SELFTEST_VMX_H
#define SELFTEST_VMX_H

#include <fcntl.h>

#include "irq.h"

/* A parameter of the module as its file has it; 0 where there is none. */
static inline int parameter(const char *name, char *text, int size)
{
	char path[128];
	int fd, n;

	snprintf(path, sizeof(path), "/sys/module/kvm_intel/parameters/%s", name);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return 0;
	n = read(fd, text, size - 1);
	close(fd);
	text[n > 0 ? n : 0] = 0;
	return n > 0;
}

/* Y, or the test is skipped. */
static inline void require(const char *name)
{
	char text[32];

	if (!parameter(name, text, sizeof(text)))
		skip("kvm_intel has no parameter %s", name);
	if (text[0] != 'Y')
		skip("%s is N", name);
}

/* Does the processor deliver and end the local APIC's interrupts? */
static inline int apicv(void)
{
	char text[32];

	return parameter("enable_apicv", text, sizeof(text)) && text[0] == 'Y';
}

/* As run_to_sync(); how many exits it took. */
static inline uint64_t exits_of(struct vm *vm, uint64_t sync)
{
	uint64_t before = kvm_stat(vm->vcpu[0].fd, "exits");

	run_to_sync(vm, sync);
	return kvm_stat(vm->vcpu[0].fd, "exits") - before;
}

#endif
