// SPDX-License-Identifier: GPL-2.0-only
/* The x86 machine: see machine.h. It is put together here, and here its exits arrive. */
#include <endian.h>
#include <linux/virtio_mmio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include "arch.h"
#include "bus.h"
#include "dev/fw_cfg.h"
#include "dev/serial.h"
#include "dev/virtio_mmio.h"
#include "devices.h"
#include "x86/boot.h"
#include "x86/machine.h"

const uint8_t virtio_irqs[MAX_VIRTIO] = { 5, 6, 7, 10, 11, 12, 14, 15 };

static_assert(MAX_DEVICES <= MAX_VIRTIO, "a place for each device");

static struct bus ports, mmio;
static struct serial serial;
static struct fw_cfg fw_cfg;
static struct virtio_mmio transports[MAX_DEVICES];

static void add(struct bus *bus, uint64_t at, uint64_t len, bus_fn fn, void *dev)
{
	if (bus_add(bus, at, len, fn, dev))
		die(VM_SETUP, "no place for a device at 0x%llx", (unsigned long long)at);
}

/* ---- options --------------------------------------------------------------------------------- */

static struct image files[FW_CFG_MAX_FILES];
static const char *file_names[FW_CFG_MAX_FILES];
static unsigned int n_files;

/* "NAME=FILE" */
static void set_fw_cfg(const char *value)
{
	char *text = strdup(value), *equals = strchr(text, '=');

	if (!equals || equals == text || equals - text >= 56)
		die(VM_USAGE, "--fw-cfg: '%s' is not NAME=FILE, the name up to 55 letters",
		    value);
	if (n_files == FW_CFG_MAX_FILES)
		die(VM_USAGE, "--fw-cfg: no more than %d", FW_CFG_MAX_FILES);
	*equals = 0;
	file_names[n_files] = text;
	files[n_files].path = equals + 1;
	image_load(&files[n_files++], "--fw-cfg");
}

static void set_no_acpi(const char *value)
{
	boot_without_acpi = true;
}

static void set_real_mode(const char *value)
{
	boot_by_real_mode = true;
}

const char *const arch_console;

const struct arch_option arch_options[] = {
	{ "--no-acpi", NULL, "MP table and command line in place of ACPI tables", set_no_acpi },
	{ "--real-mode", NULL, "enter the kernel at its 16-bit entry", set_real_mode },
	{ "--fw-cfg", "NAME=FILE", "a file for the guest in the fw_cfg device", set_fw_cfg },
	{ }
};

/* ---- devices --------------------------------------------------------------------------------- */

static void serial_irq(void *ctx, bool level)
{
	vm_irq_line(ctx, IRQ_SERIAL, level);
}

static void add_serial(struct vmm *vm)
{
	serial.set_irq = serial_irq;
	serial.ctx = vm;
	serial.send = console_write;
	serial.room = console_room;
	serial_init(&serial);
	add(&ports, PORT_SERIAL, SERIAL_PORTS, serial_access, &serial);
}

/*
 * The ports of fw_cfg: a selector and data, and the DMA address, which is big-endian, in two
 * halves.
 */
static void fw_cfg_access(void *dev, uint64_t offset, uint8_t *data, unsigned int len, bool write)
{
	const unsigned int dma = PORT_FW_CFG_DMA - PORT_FW_CFG;
	const unsigned int half = offset >= dma + 4;
	uint32_t value;

	if (offset >= dma) {
		if (len != 4 || (offset & 3)) {
			memset(data, 0, write ? 0 : len);
		} else if (!write) {
			value = htobe32(fw_cfg_dma_read(half));
			memcpy(data, &value, 4);
		} else {
			memcpy(&value, data, 4);
			(half ? fw_cfg_dma_low : fw_cfg_dma_high)(&fw_cfg, be32toh(value));
		}
	} else if (write && !offset && len == 2) {
		fw_cfg_select(&fw_cfg, bus_get(data, 2));
	} else if (!write && offset == 1) {
		fw_cfg_read(&fw_cfg, data, len);
	} else if (!write) {
		memset(data, 0, len);
	}
}

static void add_fw_cfg(struct vmm *vm)
{
	unsigned int i;

	fw_cfg_init(&fw_cfg, &vm->mem);
	for (i = 0; i < n_files; i++)
		if (fw_cfg_add_file(&fw_cfg, file_names[i], files[i].data, files[i].size))
			die(VM_USAGE, "--fw-cfg: %s is there twice", file_names[i]);
	add(&ports, PORT_FW_CFG, PORT_FW_CFG_DMA + 8 - PORT_FW_CFG, fw_cfg_access, NULL);
}

/* A queue's notification goes past us, to the main thread, where KVM can do it; else it exits. */
static void add_virtio(struct vmm *vm, unsigned int i, struct virtio_dev *dev)
{
	const uint64_t base = VIRTIO_BASE + i * VIRTIO_STRIDE;
	unsigned int q;

	transports[i].dev = dev;
	dev->irq_fd = vm_irqfd(vm, virtio_irqs[i]);
	for (q = 0; q < dev->n_queues; q++)
		vm_ioeventfd(vm, 0, base + VIRTIO_MMIO_QUEUE_NOTIFY, 4, q, dev->notify_fd[q]);
	add(&mmio, base, VIRTIO_MMIO_SIZE, virtio_mmio_access, &transports[i]);
}

/*
 * Each ISA line goes to an 8259 and to the IOAPIC; the timer's to the IOAPIC's pin 2, the
 * rest straight.
 */
static void set_routing(struct vmm *vm)
{
	struct {
		struct kvm_irq_routing		head;
		struct kvm_irq_routing_entry	entry[N_GSI + 16];
	} table = { };
	struct kvm_irq_routing_entry *e = table.entry;
	unsigned int gsi;

	for (gsi = 0; gsi < N_GSI; gsi++) {
		if (gsi == 2)
			continue;
		*e = (struct kvm_irq_routing_entry){ .gsi = gsi, .type = KVM_IRQ_ROUTING_IRQCHIP };
		e->u.irqchip.irqchip = KVM_IRQCHIP_IOAPIC;
		e++->u.irqchip.pin = gsi ?: 2;
		if (gsi >= 16)
			continue;
		*e = (struct kvm_irq_routing_entry){ .gsi = gsi, .type = KVM_IRQ_ROUTING_IRQCHIP };
		e->u.irqchip.irqchip = gsi < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE;
		e++->u.irqchip.pin = gsi & 7;
	}
	table.head.nr = e - table.entry;
	vm_ioctl(vm, KVM_SET_GSI_ROUTING, "KVM_SET_GSI_ROUTING", &table);
}

/*
 * What has to be before the first vCPU, in the order in which KVM wants it (KVM API 4.24,
 * 4.43, 4.44).
 */
static void add_chips(struct vmm *vm)
{
	const uint64_t identity_map = IDENTITY_MAP_AT;
	const struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };

	if (kvm_has(vm, KVM_CAP_SET_IDENTITY_MAP_ADDR))
		vm_ioctl(vm, KVM_SET_IDENTITY_MAP_ADDR, "KVM_SET_IDENTITY_MAP_ADDR", &identity_map);
	if (kvm_has(vm, KVM_CAP_SET_TSS_ADDR))
		vm_ioctl(vm, KVM_SET_TSS_ADDR, "KVM_SET_TSS_ADDR", (void *)TSS_AT);
	vm_ioctl(vm, KVM_CREATE_IRQCHIP, "KVM_CREATE_IRQCHIP", NULL);
	vm_ioctl(vm, KVM_CREATE_PIT2, "KVM_CREATE_PIT2", &pit);
	set_routing(vm);
}

bool arch_memory_shared(const struct vmm *vm)
{
	return false;
}

void arch_machine_init(struct vmm *vm)
{
	const uint64_t low = vm->opt.mem < LOW_MEMORY_MAX ? vm->opt.mem : LOW_MEMORY_MAX;
	struct virtio_dev *devs[MAX_DEVICES];
	unsigned int i;

	vm_add_memory(vm, 0, low);
	if (vm->opt.mem > low)
		vm_add_memory(vm, HIGH_MEMORY_BASE, vm->opt.mem - low);
	add_chips(vm);
	legacy_init(vm, &ports);
	add_serial(vm);
	add_fw_cfg(vm);
	devices_make(vm, devs);
	for (i = 0; i < devices_count(&vm->opt); i++)
		add_virtio(vm, i, devs[i]);
	devices_start_console(vm, serial_input, &serial);
}

void arch_machine_exit(struct vmm *vm)
{
}

/* KVM itself has a CPU that is not started wait. */
void arch_before_run(struct vcpu *vcpu)
{
}

void arch_wake(struct vcpu *vcpu)
{
}

void arch_check_images(const struct options *opt)
{
	boot_check(opt);
}

void arch_boot(struct vmm *vm)
{
	unsigned int i;

	for (i = 0; i < vm->opt.cpus; i++)
		cpu_setup(&vm->vcpus[i]);
	boot_load(vm, &fw_cfg);
}

/* ---- exits ----------------------------------------------------------------------------------- */

const char *arch_exit_name(unsigned int reason)
{
	return NULL;
}

void arch_print_exits(void)
{
}

/* A string instruction brings several values for one port. */
static void handle_io(struct kvm_run *run)
{
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	unsigned int i;

	for (i = 0; i < run->io.count; i++, data += run->io.size)
		bus_access(&ports, run->io.port, data, run->io.size,
			   run->io.direction == KVM_EXIT_IO_OUT);
}

bool arch_handle_exit(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		handle_io(run);
		return true;
	case KVM_EXIT_MMIO:
		bus_access(&mmio, run->mmio.phys_addr, run->mmio.data, run->mmio.len,
			   run->mmio.is_write);
		return true;
	default:
		return false;
	}
}

void arch_describe(struct vcpu *vcpu, char *text, size_t size)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs;

	if (ioctl(vcpu->fd, KVM_GET_REGS, &regs) || ioctl(vcpu->fd, KVM_GET_SREGS, &sregs))
		snprintf(text, size, "its registers cannot be read");
	else
		snprintf(text, size, "rip 0x%llx, cr0 0x%llx, cr3 0x%llx", regs.rip, sregs.cr0,
			 sregs.cr3);
}
