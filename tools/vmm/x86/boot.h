/* SPDX-License-Identifier: GPL-2.0-only */
/* From a kernel image to a CPU that is about to run it. */
#ifndef X86_BOOT_H
#define X86_BOOT_H

#include "dev/fw_cfg.h"
#include "x86/machine.h"

/* --no-acpi */
extern bool boot_without_acpi;

/* Do kernel, initrd, command line and memory go together? Dies if not. */
void boot_check(const struct options *opt);

/* Write all of it into guest memory, tell fw_cfg, and set up the first CPU. */
void boot_load(struct vmm *vm, struct fw_cfg *fw_cfg);

#endif
