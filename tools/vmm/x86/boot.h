/* SPDX-License-Identifier: GPL-2.0-only */
/* From a kernel image to a CPU that is about to run it. */
#ifndef X86_BOOT_H
#define X86_BOOT_H

#include "dev/fw_cfg.h"
#include "x86/bzimage.h"
#include "x86/machine.h"

/* --no-acpi */
extern bool boot_without_acpi;

/* --real-mode */
extern bool boot_by_real_mode;

/* Do kernel, initrd, command line and memory go together? Dies if not. */
void boot_check(const struct options *opt);

/* Write all of it into guest memory, tell fw_cfg, and set up the first CPU. */
void boot_load(struct vmm *vm, struct fw_cfg *fw_cfg);

/* real_mode.c: the image's set-up code with this header, a BIOS, and the first CPU at its entry. */
void real_mode_load(struct vmm *vm, const struct bzimage *image, const struct setup_header *header,
		    const struct e820_map *map);

#endif
