// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ports and device memory: first the devices in the kernel, then user space.
 *
 * A plain IN or OUT is served here without the emulator. An OUT is complete when user space is told of it, so RIP moves
 * on first: a VMM that resets the vCPU in the handler finds it past the instruction. An IN completes when KVM_RUN is
 * called again.
 */
#include <kvm/io_bus.h>
#include <kvm/trace.h>
#include "trace.h"
#include "x86.h"
#include "io.h"

static bool is_apic_page(struct kvm_vcpu *vcpu, gpa_t gpa)
{
	struct x86_vcpu *v = to_x86(vcpu);

	return v->lapic && (gpa & PAGE_MASK) == (v->apic_base & MSR_IA32_APICBASE_BASE);
}

int x86_mmio_read(struct kvm_vcpu *vcpu, gpa_t gpa, unsigned int len, void *val)
{
	int r = -EOPNOTSUPP;

	if (is_apic_page(vcpu, gpa))
		r = lapic_mmio_read(vcpu, gpa, len, val);
	if (r)
		r = kvm_io_bus_read(vcpu, KVM_BUS_MMIO, gpa, len, val);
	if (!r)
		trace_kvm_mmio(KVM_TRACE_MMIO_READ, len, gpa, val);
	return r;
}

int x86_mmio_write(struct kvm_vcpu *vcpu, gpa_t gpa, unsigned int len, const void *val)
{
	int r = -EOPNOTSUPP;

	if (is_apic_page(vcpu, gpa))
		r = lapic_mmio_write(vcpu, gpa, len, val);
	if (r)
		r = kvm_io_bus_write(vcpu, KVM_BUS_MMIO, gpa, len, val);
	if (!r)
		trace_kvm_mmio(KVM_TRACE_MMIO_WRITE, len, gpa, (void *)val);
	return r;
}

int x86_pio_read(struct kvm_vcpu *vcpu, u16 port, unsigned int size, void *val)
{
	int r = kvm_io_bus_read(vcpu, KVM_BUS_PIO, port, size, val);

	if (!r)
		trace_kvm_pio(KVM_PIO_IN, port, size, 1, val);
	return r;
}

int x86_pio_write(struct kvm_vcpu *vcpu, u16 port, unsigned int size, const void *val)
{
	trace_kvm_pio(KVM_PIO_OUT, port, size, 1, val);
	return kvm_io_bus_write(vcpu, KVM_BUS_PIO, port, size, val);
}

void x86_exit_io(struct kvm_vcpu *vcpu, u16 port, unsigned int size, unsigned int count, bool in)
{
	struct kvm_run *run = vcpu->run;

	run->exit_reason = KVM_EXIT_IO;
	run->io.direction = in ? KVM_EXIT_IO_IN : KVM_EXIT_IO_OUT;
	run->io.size = size;
	run->io.port = port;
	run->io.count = count;
	run->io.data_offset = X86_PIO_PAGE * PAGE_SIZE;
}

void x86_exit_mmio(struct kvm_vcpu *vcpu, gpa_t gpa, unsigned int len, const void *val)
{
	struct kvm_run *run = vcpu->run;

	to_x86(vcpu)->stat.mmio_exits++;
	run->exit_reason = KVM_EXIT_MMIO;
	run->mmio.phys_addr = gpa;
	run->mmio.len = len;
	run->mmio.is_write = !!val;
	if (val)
		memcpy(run->mmio.data, val, len);
	trace_kvm_mmio(val ? KVM_TRACE_MMIO_WRITE : KVM_TRACE_MMIO_READ_UNSATISFIED, len, gpa, (void *)val);
}

/* IN zero-extends to 64 bits only with a 32-bit operand. */
static void set_accumulator(struct kvm_vcpu *vcpu, unsigned int size, u32 val)
{
	unsigned long rax = x86_reg_read(vcpu, GPR_RAX);

	if (size == 4)
		rax = val;
	else
		rax = (rax & ~GENMASK(size * 8 - 1, 0)) | (val & GENMASK(size * 8 - 1, 0));
	x86_reg_write(vcpu, GPR_RAX, rax);
}

static int complete_in(struct kvm_vcpu *vcpu)
{
	struct x86_vcpu *v = to_x86(vcpu);
	u32 val;

	/* User space may have moved the vCPU meanwhile (reset, migration): then the IN never happened. */
	if (x86_linear_rip(vcpu) != v->pio.linear_rip)
		return EXIT_RESUME;
	val = READ_ONCE(*v->pio_data);
	trace_kvm_pio(KVM_PIO_IN, v->pio.port, v->pio.size, 1, &val);
	set_accumulator(vcpu, v->pio.size, val);
	return x86_insn_skip(vcpu);
}

static int fast_in(struct kvm_vcpu *vcpu, u16 port, unsigned int size)
{
	struct x86_vcpu *v = to_x86(vcpu);
	u32 val = 0;

	if (!x86_pio_read(vcpu, port, size, &val)) {
		set_accumulator(vcpu, size, val);
		return x86_insn_skip(vcpu);
	}
	v->pio.port = port;
	v->pio.size = size;
	v->pio.linear_rip = x86_linear_rip(vcpu);
	v->complete_user = complete_in;
	x86_exit_io(vcpu, port, size, 1, true);
	return EXIT_TO_USER;
}

static int fast_out(struct kvm_vcpu *vcpu, u16 port, unsigned int size)
{
	u32 val = x86_reg_read(vcpu, GPR_RAX);
	int r;

	r = x86_insn_skip(vcpu);
	if (r < 0)
		return r;
	if (!x86_pio_write(vcpu, port, size, &val))
		return r;
	/* The write goes before a debug exit of the skip: it must not be lost. */
	*to_x86(vcpu)->pio_data = val;
	x86_exit_io(vcpu, port, size, 1, false);
	return EXIT_TO_USER;
}

static int complete_out(struct kvm_vcpu *vcpu)
{
	if (x86_linear_rip(vcpu) != to_x86(vcpu)->pio.linear_rip)
		return EXIT_RESUME;
	return x86_insn_skip(vcpu);
}

/* Port 0x7e is where firmware asks a VMM for help, which may want to see RIP at the OUT itself. */
#define HELP_PORT	0x7e

static int out_in_place(struct kvm_vcpu *vcpu, u16 port, unsigned int size)
{
	struct x86_vcpu *v = to_x86(vcpu);
	u32 val = x86_reg_read(vcpu, GPR_RAX);

	if (!x86_pio_write(vcpu, port, size, &val))
		return x86_insn_skip(vcpu);
	*v->pio_data = val;
	v->pio.linear_rip = x86_linear_rip(vcpu);
	v->complete_user = complete_out;
	x86_exit_io(vcpu, port, size, 1, false);
	return EXIT_TO_USER;
}

int x86_fast_pio(struct kvm_vcpu *vcpu, u16 port, unsigned int size, bool in)
{
	to_x86(vcpu)->stat.io_exits++;
	if (unlikely(port == HELP_PORT && !in && !x86_has_quirk(vcpu->kvm, OUT_7E_INC_RIP)))
		return out_in_place(vcpu, port, size);
	return in ? fast_in(vcpu, port, size) : fast_out(vcpu, port, size);
}
EXPORT_SYMBOL_GPL(x86_fast_pio);
