/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an architecture brings: a machine around the CPUs, a way to boot a kernel on it, and the
 * exits that only it knows. One directory has all of it, and the Makefile takes one directory.
 */
#ifndef ARCH_H
#define ARCH_H

#include "vmm.h"

/* An option of the architecture's own; @value is NULL when the option takes none. */
struct arch_option {
	const char	*name, *value, *help;
	void		(*set)(const char *value);
};

/* Ends with a row without a name. */
extern const struct arch_option arch_options[];

/* What --console calls the architecture's own console; NULL: it has none. */
extern const char *const arch_console;

/* Names of the exit reasons that only this architecture has; NULL for others. */
const char *arch_exit_name(unsigned int reason);

/* Lines of statistics that tell one exit reason's causes apart, where it has several. */
void arch_print_exits(void);

/* Look at kernel and initrd before anything else is done; dies when they cannot be booted. */
void arch_check_images(const struct options *opt);

/* Is guest memory to be shared, since the host's copy-on-write of it is seen by the guest? */
bool arch_memory_shared(const struct vmm *vm);

/* After the VM is made: memory, interrupt controllers, devices. */
void arch_machine_init(struct vmm *vm);

/* After all vCPUs are made: kernel and tables into memory, each CPU's registers. */
void arch_boot(struct vmm *vm);

/* The VM is about to end, nothing runs any more: let go of devices. */
void arch_machine_exit(struct vmm *vm);

/*
 * The CPU is about to run, or to run on: what was wanted of it, and where it has to wait, waiting.
 * Its thread calls it, and looks afterwards whether the VM has ended.
 */
void arch_before_run(struct vcpu *vcpu);

/* The VM has ended: arch_before_run() is to return. Called until it has. */
void arch_wake(struct vcpu *vcpu);

/*
 * Serve the exit in vcpu->run. Returns false when the architecture does not know the reason; an
 * exit that ends the VM has called vm_end().
 */
bool arch_handle_exit(struct vcpu *vcpu);

/* Where the CPU stands, for the line that says that it cannot go on. Its thread calls it. */
void arch_describe(struct vcpu *vcpu, char *text, size_t size);

#endif
