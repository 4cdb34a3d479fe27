// SPDX-License-Identifier: GPL-2.0-only
/*
 * Booting: the image, the boot parameters and the tables go into memory, and the first CPU is
 * set to the kernel's 64-bit entry, or its 16-bit one. The other CPUs wait for the kernel to start
 * them.
 */
#include <linux/qemu_fw_cfg.h>
#include <stdio.h>
#include <string.h>
#include "dev/virtio_mmio.h"
#include "devices.h"
#include "util.h"
#include "x86/boot.h"
#include "x86/bzimage.h"

#define LOADER_OTHER	0xff	/* an identifier for loaders without one */
#define COMMAND_LINE_MAX	4096
#define BDA_EBDA_SEGMENT	0x40e
#define BDA_BASE_MEMORY		0x413	/* KiB */

bool boot_without_acpi, boot_by_real_mode;

static struct bzimage image;
static struct boot_layout layout;
static char command_line[COMMAND_LINE_MAX];

static uint64_t low_end(const struct options *opt)
{
	return opt->mem < LOW_MEMORY_MAX ? opt->mem : LOW_MEMORY_MAX;
}

/*
 * The user's words; without ACPI, a word for each virtio device (kernel-parameters,
 * "virtio_mmio.device").
 */
static size_t make_command_line(const struct options *opt)
{
	size_t n = snprintf(command_line, COMMAND_LINE_MAX, "%s", opt->append);
	unsigned int i;

	for (i = 0; boot_without_acpi && i < devices_count(opt) && n < COMMAND_LINE_MAX; i++)
		n += snprintf(command_line + n, COMMAND_LINE_MAX - n,
			      "%svirtio_mmio.device=%d@0x%x:%d:%d", n ? " " : "", VIRTIO_MMIO_SIZE,
			      VIRTIO_BASE + i * VIRTIO_STRIDE, virtio_irqs[i], i);
	if (n >= COMMAND_LINE_MAX)
		die(VM_USAGE, "--append: is too long");
	return n;
}

void boot_check(const struct options *opt)
{
	const char *wrong = bzimage_parse(&image, opt->kernel.data, opt->kernel.size);

	if (wrong)
		die(VM_SETUP, "--kernel %s: %s", opt->kernel.path, wrong);
	wrong = bzimage_place(&image, low_end(opt), opt->initrd.size, make_command_line(opt),
			      &layout);
	if (wrong)
		die(VM_SETUP, "--kernel %s: %s", opt->kernel.path, wrong);
}

/* All addresses are ours, or have been checked: a failure would be a fault of the layout. */
static void put(struct vmm *vm, uint64_t gpa, const void *data, size_t size)
{
	if (!mem_write(&vm->mem, gpa, data, size))
		die(VM_SETUP, "nothing can be written at 0x%llx", (unsigned long long)gpa);
}

static void make_e820(const struct options *opt, struct e820_map *map)
{
	const struct {
		uint64_t	from, to;
		enum e820_kind	kind;
	} rows[] = {
		{ 0,			EBDA_AT,			E820_USABLE },
		{ EBDA_AT,		VIDEO_AT,			E820_KEPT },
		{ TABLES_AT,		MPTABLE_AT + MPTABLE_SIZE,	E820_KEPT },
		{ KERNEL_MEMORY_AT,	low_end(opt),			E820_USABLE },
		{ IDENTITY_MAP_AT,	TSS_AT + 0x3000,		E820_KEPT },
		{ HIGH_MEMORY_BASE,	HIGH_MEMORY_BASE + opt->mem - low_end(opt), E820_USABLE },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].to > rows[i].from &&
		    e820_add(map, rows[i].from, rows[i].to - rows[i].from, rows[i].kind))
			die(VM_SETUP, "the memory map contradicts itself");
}

/* The image's header as a loader leaves it. */
static struct setup_header make_header(const struct options *opt)
{
	struct setup_header h = image.header;

	h.type_of_loader = LOADER_OTHER;
	h.cmd_line_ptr = COMMAND_LINE_AT;
	h.code32_start = layout.kernel;
	h.ramdisk_image = layout.initrd;
	h.ramdisk_size = opt->initrd.size;
	/* What an image brings along for other loaders is not for this one. */
	h.setup_data = 0;
	return h;
}

/* Documentation/x86/zero-page.rst: all zero but this. */
static void put_parameters(struct vmm *vm, uint64_t rsdp, const struct e820_map *map)
{
	static struct boot_params params;

	params.hdr = make_header(&vm->opt);
	params.acpi_rsdp_addr = rsdp;
	params.e820_entries = map->n;
	memcpy(params.e820_table, map->entry, map->n * sizeof(map->entry[0]));
	put(vm, BOOT_PARAMS_AT, &params, sizeof(params));
}

/* The kernel's 16-bit code makes the parameters by itself, and finds the tables by their marks. */
static void enter_kernel(struct vmm *vm, uint64_t rsdp)
{
	const struct setup_header header = make_header(&vm->opt);
	struct e820_map map = { };

	make_e820(&vm->opt, &map);
	if (boot_by_real_mode) {
		real_mode_load(vm, &image, &header, &map);
		return;
	}
	put_parameters(vm, rsdp, &map);
	cpu_enter_64(&vm->vcpus[0], layout.entry, BOOT_PARAMS_AT);
}

/* The tables, and the words in the BIOS' data area by which kernels find the EBDA. */
static uint64_t put_tables(struct vmm *vm)
{
	const struct machine_layout machine = {
		.cpus		= vm->opt.cpus,
		.n_virtio	= devices_count(&vm->opt),
	};
	const uint16_t ebda = EBDA_AT >> 4, base_memory = EBDA_AT >> 10;
	uint8_t *acpi = mem_at(&vm->mem, TABLES_AT, TABLES_SIZE);

	put(vm, BDA_EBDA_SEGMENT, &ebda, sizeof(ebda));
	put(vm, BDA_BASE_MEMORY, &base_memory, sizeof(base_memory));
	if (!mp_table(mem_at(&vm->mem, MPTABLE_AT, MPTABLE_SIZE), MPTABLE_SIZE, MPTABLE_AT,
		      &machine))
		die(VM_SETUP, "the MP table does not fit");
	if (boot_without_acpi)
		return 0;
	if (!acpi_tables(acpi, TABLES_SIZE, TABLES_AT, &machine))
		die(VM_SETUP, "the ACPI tables do not fit");
	return TABLES_AT;
}

/* What was loaded, and where: the same things that QEMU tells its firmware. */
static void tell_fw_cfg(const struct vmm *vm, struct fw_cfg *f)
{
	const struct options *opt = &vm->opt;

	fw_cfg_add_number(f, FW_CFG_NB_CPUS, opt->cpus, 2);
	fw_cfg_add_number(f, FW_CFG_MAX_CPUS, opt->cpus, 2);
	fw_cfg_add_number(f, FW_CFG_KERNEL_ADDR, layout.kernel, 4);
	fw_cfg_add_number(f, FW_CFG_KERNEL_SIZE, image.code_size, 4);
	fw_cfg_add(f, FW_CFG_KERNEL_DATA, opt->kernel.data + image.code_offset, image.code_size);
	fw_cfg_add_number(f, FW_CFG_SETUP_SIZE, image.code_offset, 4);
	fw_cfg_add(f, FW_CFG_SETUP_DATA, opt->kernel.data, image.code_offset);
	fw_cfg_add_number(f, FW_CFG_INITRD_ADDR, layout.initrd, 4);
	fw_cfg_add_number(f, FW_CFG_INITRD_SIZE, opt->initrd.size, 4);
	fw_cfg_add(f, FW_CFG_INITRD_DATA, opt->initrd.data, opt->initrd.size);
	fw_cfg_add_number(f, FW_CFG_CMDLINE_ADDR, COMMAND_LINE_AT, 4);
	fw_cfg_add_number(f, FW_CFG_CMDLINE_SIZE, strlen(command_line) + 1, 4);
	fw_cfg_add(f, FW_CFG_CMDLINE_DATA, command_line, strlen(command_line) + 1);
}

void boot_load(struct vmm *vm, struct fw_cfg *fw_cfg)
{
	put(vm, layout.kernel, vm->opt.kernel.data + image.code_offset, image.code_size);
	if (layout.initrd)
		put(vm, layout.initrd, vm->opt.initrd.data, vm->opt.initrd.size);
	put(vm, COMMAND_LINE_AT, command_line, strlen(command_line) + 1);
	tell_fw_cfg(vm, fw_cfg);
	enter_kernel(vm, put_tables(vm));
}
