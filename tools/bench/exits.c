// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exits that one vCPU takes without waiting for anything: those served in the kernel, and those
 * that user space has to see. Measured by the guest, from before the instruction to behind it.
 *
 * The VM has its interrupt controllers in the kernel, as QEMU's has. User space does no more than
 * look at the reason and call KVM_RUN again.
 */
#include "bench.h"
#include "irq.h"

#define PORT		0x2f8
#define X2APIC_MSR(reg)	(0x800 + ((reg) >> 4))
#define APIC_EOI	0xb0
#define MISC_ENABLE	0x1a0

static void measure(void (*guest)(void))
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest);

	run_to_done(&vm->vcpu[0]);
	take_guest_samples(vm, REPEATS);
	vm_free(vm);
}

static void x2apic_on(void)
{
	wrmsr(MSR_APICBASE, rdmsr(MSR_APICBASE) | APICBASE_X2);
	wrmsr(X2APIC_MSR(APIC_SVR), 0x1ff);
}

#define NOTHING		(void)0

#define EXIT_ROW(id, set_up, statement)						\
	GUEST_CODE do_##id(void)						\
	{									\
		set_up;								\
		GUEST_MEASURE(statement);					\
	}									\
										\
	static void id(void)							\
	{									\
		measure(do_##id);						\
	}

EXIT_ROW(cpuid, NOTHING, guest_cpuid(0, 0))
EXIT_ROW(rdmsr_, NOTHING, rdmsr(MISC_ENABLE))
EXIT_ROW(wrmsr_, uint64_t value = rdmsr(MISC_ENABLE), wrmsr(MISC_ENABLE, value))
EXIT_ROW(xapic_read, apic_enable(), apic_read(APIC_ID))
EXIT_ROW(xapic_write, apic_enable(), apic_eoi())
EXIT_ROW(x2apic_read, x2apic_on(), rdmsr(X2APIC_MSR(APIC_ID)))
EXIT_ROW(x2apic_write, x2apic_on(), wrmsr(X2APIC_MSR(APIC_EOI), 0))
EXIT_ROW(pio_out, NOTHING, outb(PORT, 0))
EXIT_ROW(pio_in, NOTHING, inb(PORT))
EXIT_ROW(mmio_write, NOTHING, write32(HOLE_GPA, 0))
EXIT_ROW(mmio_read, NOTHING, read32(HOLE_GPA))

const struct bench_row exit_rows[] = {
	{ "cpuid",		cpuid },
	{ "rdmsr",		rdmsr_ },
	{ "wrmsr",		wrmsr_ },
	{ "xapic_read",		xapic_read },
	{ "xapic_write",	xapic_write },
	{ "x2apic_read",	x2apic_read },
	{ "x2apic_write",	x2apic_write },
	{ "pio_out",		pio_out },
	{ "pio_in",		pio_in },
	{ "mmio_write",		mmio_write },
	{ "mmio_read",		mmio_read },
	{ }
};
