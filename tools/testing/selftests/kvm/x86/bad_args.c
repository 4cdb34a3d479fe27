// SPDX-License-Identifier: GPL-2.0-only
/*
 * Arguments that must be refused, as a table: what the kernel gave out with one or two fields made
 * wrong, or something that lacks what it needs. Each row names the errno, and after each the whole
 * state that the requests can change is compared: a refused request has changed nothing.
 *
 * Tables of the same kind for memory slots, irqfds, ioeventfds and MSR filters are with their own
 * tests.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stddef.h>

#include "vm.h"
#include "guest.h"

enum on { ON_SYSTEM, ON_VM, ON_VCPU };

/* Which VM: one of the option sets of vm_new(), each with one vCPU of id 0 and slot 0. */
#define PLAIN	0
#define CHIPS	VM_IRQCHIP
#define SPLIT	VM_SPLIT
#define PIT	(VM_IRQCHIP | VM_PIT)

struct poke {
	unsigned int offset, size;
	uint64_t value;
};

struct row {
	const char *what;
	enum on on;
	unsigned int options;
	unsigned long set, get;		/* @get fills the argument first, 0: it is all zero */
	struct poke poke[2];
	uint64_t by_value;		/* for requests without a pointer */
	int error;
	int laxer_elsewhere;		/* the distribution's modules let it through */
};

#define FIELD(type, field, v)							\
	{ offsetof(type, field), sizeof(((type *)0)->field), (v) }

#define VCPU(s_, g_) .on = ON_VCPU, .set = (s_), .get = (g_)
#define VM(s_, g_) .on = ON_VM, .set = (s_), .get = (g_)
#define SREGS(f, v) VCPU(KVM_SET_SREGS, KVM_GET_SREGS), .poke = { FIELD(struct kvm_sregs, f, v) }
#define ENTRY(f, v)								\
	{ sizeof(struct kvm_irq_routing) + offsetof(struct kvm_irq_routing_entry, f),	\
	  sizeof(((struct kvm_irq_routing_entry *)0)->f), (v) }
#define ONE_ROUTE FIELD(struct kvm_irq_routing, nr, 1)
#define CAP(c, a) FIELD(struct kvm_enable_cap, cap, c), FIELD(struct kvm_enable_cap, args[0], a)

static const struct row vcpu_rows[] = {
	{ "CR0 bit 32", SREGS(cr0, 0x180010033), .error = EINVAL },
	{ "CR0 PG without PE", SREGS(cr0, 0x80000010), .error = EINVAL },
	{ "CR0 NW without CD", SREGS(cr0, 0xa0010033), .error = EINVAL },
	{ "CR4 bit 63", SREGS(cr4, 1UL << 63 | 0x620), .error = EINVAL },
	{ "CR4 without PAE in long mode", SREGS(cr4, 0), .error = EINVAL },
	{ "CR3 beyond the physical address", SREGS(cr3, 1UL << 60), .error = EINVAL },
	{ "EFER bit 1", SREGS(efer, 0xd02), .error = EINVAL, .laxer_elsewhere = 1 },
	{ "EFER LME with PG but not LMA", SREGS(efer, 0x900), .error = EINVAL },
	{ "EFER LMA alone", SREGS(efer, 0x400), .error = EINVAL },
	{ "APIC base bit 63", SREGS(apic_base, 1UL << 63 | 0xfee00900), .options = CHIPS,
	  .error = EINVAL },
	{ "APIC base x2APIC but off", SREGS(apic_base, 0xfee00500), .options = CHIPS,
	  .error = EINVAL },
	{ "SREGS2 flag", VCPU(KVM_SET_SREGS2, KVM_GET_SREGS2),
	  .poke = { FIELD(struct kvm_sregs2, flags, 2) }, .error = EINVAL },
	{ "SREGS2 PDPTRs in long mode", VCPU(KVM_SET_SREGS2, KVM_GET_SREGS2),
	  .poke = { FIELD(struct kvm_sregs2, flags, 1) }, .error = EINVAL },
	{ "DEBUGREGS flag", VCPU(KVM_SET_DEBUGREGS, KVM_GET_DEBUGREGS),
	  .poke = { FIELD(struct kvm_debugregs, flags, 1) }, .error = EINVAL },
	{ "DR6 bit 32", VCPU(KVM_SET_DEBUGREGS, KVM_GET_DEBUGREGS),
	  .poke = { FIELD(struct kvm_debugregs, dr6, 1UL << 32) }, .error = EINVAL },
	{ "DR7 bit 63", VCPU(KVM_SET_DEBUGREGS, KVM_GET_DEBUGREGS),
	  .poke = { FIELD(struct kvm_debugregs, dr7, 1UL << 63) }, .error = EINVAL },
	{ "17 XCRs", VCPU(KVM_SET_XCRS, KVM_GET_XCRS),
	  .poke = { FIELD(struct kvm_xcrs, nr_xcrs, KVM_MAX_XCRS + 1) }, .error = EINVAL },
	{ "XCRS flag", VCPU(KVM_SET_XCRS, KVM_GET_XCRS),
	  .poke = { FIELD(struct kvm_xcrs, flags, 1) }, .error = EINVAL },
	{ "XCR0 of 0", VCPU(KVM_SET_XCRS, KVM_GET_XCRS),
	  .poke = { FIELD(struct kvm_xcrs, xcrs[0].value, 0) }, .error = EINVAL },
	{ "XCR0 with YMM but not SSE", VCPU(KVM_SET_XCRS, KVM_GET_XCRS),
	  .poke = { FIELD(struct kvm_xcrs, xcrs[0].value, 5) }, .error = EINVAL },
	{ "XCR0 bit 62", VCPU(KVM_SET_XCRS, KVM_GET_XCRS),
	  .poke = { FIELD(struct kvm_xcrs, xcrs[0].value, 1UL << 62 | 3) }, .error = EINVAL },
	{ "XSAVE of an unknown component", VCPU(KVM_SET_XSAVE, KVM_GET_XSAVE),
	  .poke = { { 512, 8, 1UL << 61 } }, .error = EINVAL },
	{ "XSAVE header, reserved", VCPU(KVM_SET_XSAVE, KVM_GET_XSAVE),
	  .poke = { { 528, 8, 1 } }, .error = EINVAL },
	{ "XSAVE in compact form", VCPU(KVM_SET_XSAVE, KVM_GET_XSAVE),
	  .poke = { { 520, 8, 1UL << 63 } }, .error = EINVAL },
	{ "XSAVE with a bad MXCSR", VCPU(KVM_SET_XSAVE, KVM_GET_XSAVE),
	  .poke = { { 24, 4, 0xffffffff }, { 512, 8, 3 } }, .error = EINVAL },
	{ "FPU with a bad MXCSR", VCPU(KVM_SET_FPU, KVM_GET_FPU),
	  .poke = { FIELD(struct kvm_fpu, mxcsr, 0xffffffff) }, .error = EINVAL,
	  .laxer_elsewhere = 1 },
	{ "EVENTS flag", VCPU(KVM_SET_VCPU_EVENTS, KVM_GET_VCPU_EVENTS),
	  .poke = { FIELD(struct kvm_vcpu_events, flags, 1U << 31) }, .error = EINVAL },
	{ "exception 32", VCPU(KVM_SET_VCPU_EVENTS, KVM_GET_VCPU_EVENTS),
	  .poke = { FIELD(struct kvm_vcpu_events, exception.injected, 1),
		    FIELD(struct kvm_vcpu_events, exception.nr, 32) }, .error = EINVAL },
	{ "NMI as an exception", VCPU(KVM_SET_VCPU_EVENTS, KVM_GET_VCPU_EVENTS),
	  .poke = { FIELD(struct kvm_vcpu_events, exception.injected, 1),
		    FIELD(struct kvm_vcpu_events, exception.nr, 2) }, .error = EINVAL },
	{ "payload that is not enabled", VCPU(KVM_SET_VCPU_EVENTS, KVM_GET_VCPU_EVENTS),
	  .poke = { FIELD(struct kvm_vcpu_events, flags, KVM_VCPUEVENT_VALID_PAYLOAD) },
	  .error = EINVAL },
	{ "MP state 77", VCPU(KVM_SET_MP_STATE, KVM_GET_MP_STATE), .options = CHIPS,
	  .poke = { FIELD(struct kvm_mp_state, mp_state, 77) }, .error = EINVAL },
	{ "halted without a local APIC", VCPU(KVM_SET_MP_STATE, KVM_GET_MP_STATE),
	  .poke = { FIELD(struct kvm_mp_state, mp_state, KVM_MP_STATE_INIT_RECEIVED) },
	  .error = EINVAL },
	{ "interrupt 256", VCPU(KVM_INTERRUPT, 0), .poke = { { 0, 4, 256 } }, .error = EINVAL },
	{ "interrupt -1", VCPU(KVM_INTERRUPT, 0), .poke = { { 0, 4, ~0U } }, .error = EINVAL },
	{ "interrupt past the chips", VCPU(KVM_INTERRUPT, 0), .options = CHIPS,
	  .poke = { { 0, 4, 0x40 } }, .error = ENXIO },
	{ "no LAPIC to get", VCPU(KVM_GET_LAPIC, 0), .error = EINVAL },
	{ "no LAPIC to set", VCPU(KVM_SET_LAPIC, 0), .error = EINVAL },
	{ "VAPIC without LAPIC", VCPU(KVM_SET_VAPIC_ADDR, 0), .poke = { { 0, 8, 0x5000 } },
	  .error = EINVAL },
	{ "VAPIC in no memory", VCPU(KVM_SET_VAPIC_ADDR, 0), .options = CHIPS,
	  .poke = { { 0, 8, HOLE_GPA } }, .error = EINVAL },
	{ "TPR reporting flag", VCPU(KVM_TPR_ACCESS_REPORTING, 0), .options = CHIPS,
	  .poke = { FIELD(struct kvm_tpr_access_ctl, flags, 1) }, .error = EINVAL },
	{ "no MCE banks", VCPU(KVM_X86_SETUP_MCE, 0), .error = EINVAL },
	{ "255 MCE banks", VCPU(KVM_X86_SETUP_MCE, 0), .poke = { { 0, 8, 255 } },
	  .error = EINVAL },
	{ "MCG_CAP bit 40", VCPU(KVM_X86_SETUP_MCE, 0), .poke = { { 0, 8, 1UL << 40 | 10 } },
	  .error = EINVAL },
	{ "MCE of bank 255", VCPU(KVM_X86_SET_MCE, 0),
	  .poke = { FIELD(struct kvm_x86_mce, status, 1UL << 63),
		    FIELD(struct kvm_x86_mce, bank, 255) }, .error = EINVAL },
	{ "MCE that is not valid", VCPU(KVM_X86_SET_MCE, 0),
	  .poke = { FIELD(struct kvm_x86_mce, status, 1) }, .error = EINVAL },
	{ "signal mask of 4 bytes", VCPU(KVM_SET_SIGNAL_MASK, 0), .poke = { { 0, 4, 4 } },
	  .error = EINVAL },
	{ "signal mask of 16 bytes", VCPU(KVM_SET_SIGNAL_MASK, 0), .poke = { { 0, 4, 16 } },
	  .error = EINVAL },
	{ "257 CPUID entries", VCPU(KVM_SET_CPUID2, 0), .poke = { { 0, 4, 257 } },
	  .error = E2BIG },
	{ "all CPUID entries", VCPU(KVM_SET_CPUID2, 0), .poke = { { 0, 4, ~0U } },
	  .error = E2BIG },
	{ "257 old CPUID entries", VCPU(KVM_SET_CPUID, 0), .poke = { { 0, 4, 257 } },
	  .error = E2BIG },
	{ "no room for CPUID", VCPU(KVM_GET_CPUID2, 0), .error = E2BIG },
	{ "too many MSRs to set", VCPU(KVM_SET_MSRS, 0), .poke = { { 0, 4, 1 << 20 } },
	  .error = E2BIG },
	{ "too many MSRs to get", VCPU(KVM_GET_MSRS, 0), .poke = { { 0, 4, ~0U } },
	  .error = E2BIG },
	{ "no clock to say it stood still", VCPU(KVM_KVMCLOCK_CTRL, 0), .error = EINVAL },
	{ "KVM_RUN with an argument", VCPU(KVM_RUN, 0), .by_value = 1, .error = EINVAL },
	{ "unknown capability", VCPU(KVM_ENABLE_CAP, 0), .poke = { CAP(0x7fff, 1) },
	  .error = EINVAL },
};

static const struct row vm_rows[] = {
	{ "TSS at 4 GiB", VM(KVM_SET_TSS_ADDR, 0), .by_value = 1UL << 32, .error = EINVAL },
	{ "TSS up to 4 GiB", VM(KVM_SET_TSS_ADDR, 0), .by_value = 0xfffff000, .error = EINVAL },
	{ "identity map after a vCPU", VM(KVM_SET_IDENTITY_MAP_ADDR, 0),
	  .poke = { { 0, 8, 0xfeffc000 } }, .error = EINVAL },
	{ "boot CPU after a vCPU", VM(KVM_SET_BOOT_CPU_ID, 0), .by_value = 3, .error = EBUSY },
	{ "irqchip after a vCPU", VM(KVM_CREATE_IRQCHIP, 0), .error = EINVAL },
	{ "irqchip twice", VM(KVM_CREATE_IRQCHIP, 0), .options = CHIPS, .error = EEXIST },
	{ "irqchip after split", VM(KVM_CREATE_IRQCHIP, 0), .options = SPLIT, .error = EEXIST },
	{ "PIT without irqchip", VM(KVM_CREATE_PIT2, 0), .error = ENOENT, .laxer_elsewhere = 1 },
	{ "PIT with split", VM(KVM_CREATE_PIT2, 0), .options = SPLIT, .error = ENOENT,
	  .laxer_elsewhere = 1 },
	{ "PIT twice", VM(KVM_CREATE_PIT2, 0), .options = PIT, .error = EEXIST },
	{ "old PIT twice", VM(KVM_CREATE_PIT, 0), .options = PIT, .error = EEXIST },
	{ "get no irqchip", VM(KVM_GET_IRQCHIP, 0), .error = ENXIO },
	{ "set no irqchip", VM(KVM_SET_IRQCHIP, 0), .error = ENXIO },
	{ "get split irqchip", VM(KVM_GET_IRQCHIP, 0), .options = SPLIT, .error = ENXIO },
	{ "set split irqchip", VM(KVM_SET_IRQCHIP, 0), .options = SPLIT, .error = ENXIO },
	{ "get irqchip 3", VM(KVM_GET_IRQCHIP, 0), .options = CHIPS, .poke = { { 0, 4, 3 } },
	  .error = EINVAL },
	{ "set irqchip 3", VM(KVM_SET_IRQCHIP, 0), .options = CHIPS, .poke = { { 0, 4, 3 } },
	  .error = EINVAL },
	{ "set irqchip -1", VM(KVM_SET_IRQCHIP, 0), .options = CHIPS, .poke = { { 0, 4, ~0U } },
	  .error = EINVAL },
	{ "get no PIT", VM(KVM_GET_PIT2, 0), .options = CHIPS, .error = ENXIO },
	{ "set no PIT", VM(KVM_SET_PIT2, 0), .options = CHIPS, .error = ENXIO },
	{ "get no old PIT", VM(KVM_GET_PIT, 0), .options = CHIPS, .error = ENXIO },
	{ "set no old PIT", VM(KVM_SET_PIT, 0), .options = CHIPS, .error = ENXIO },
	{ "reinjection without PIT", VM(KVM_REINJECT_CONTROL, 0), .options = CHIPS,
	  .error = ENXIO },
	{ "line without irqchip", VM(KVM_IRQ_LINE, 0), .poke = { { 0, 4, 5 } }, .error = ENXIO },
	{ "line status without irqchip", VM(KVM_IRQ_LINE_STATUS, 0), .poke = { { 0, 4, 5 } },
	  .error = ENXIO },
	{ "MSI without irqchip", VM(KVM_SIGNAL_MSI, 0), .error = EINVAL },
	{ "MSI flag", VM(KVM_SIGNAL_MSI, 0), .options = CHIPS,
	  .poke = { FIELD(struct kvm_msi, flags, 1 << 5) }, .error = EINVAL },
	{ "routes without irqchip", VM(KVM_SET_GSI_ROUTING, 0), .error = EINVAL },
	{ "4097 routes", VM(KVM_SET_GSI_ROUTING, 0), .options = CHIPS,
	  .poke = { FIELD(struct kvm_irq_routing, nr, 4097) }, .error = EINVAL },
	{ "routing flag", VM(KVM_SET_GSI_ROUTING, 0), .options = CHIPS,
	  .poke = { FIELD(struct kvm_irq_routing, flags, 1) }, .error = EINVAL },
	{ "route of type 0", VM(KVM_SET_GSI_ROUTING, 0), .options = CHIPS, .poke = { ONE_ROUTE },
	  .error = EINVAL },
	{ "route of type 99", VM(KVM_SET_GSI_ROUTING, 0), .options = CHIPS,
	  .poke = { ONE_ROUTE, ENTRY(type, 99) }, .error = EINVAL },
	{ "GSI 4096", VM(KVM_SET_GSI_ROUTING, 0), .options = CHIPS,
	  .poke = { ONE_ROUTE, { 8, 8, 4096 | 1UL << 32 } }, .error = EINVAL },
	{ "zone of neither memory nor ports", VM(KVM_REGISTER_COALESCED_MMIO, 0),
	  .poke = { FIELD(struct kvm_coalesced_mmio_zone, size, 16),
		    FIELD(struct kvm_coalesced_mmio_zone, pio, 2) }, .error = EINVAL },
	{ "no zone of such a kind", VM(KVM_UNREGISTER_COALESCED_MMIO, 0),
	  .poke = { FIELD(struct kvm_coalesced_mmio_zone, pio, 2) }, .error = EINVAL },
	{ "log of no slot", VM(KVM_GET_DIRTY_LOG, 0), .poke = { { 0, 4, 3 } }, .error = ENOENT },
	{ "log of a slot without one", VM(KVM_GET_DIRTY_LOG, 0), .error = ENOENT },
	{ "log of slot 65535", VM(KVM_GET_DIRTY_LOG, 0), .poke = { { 0, 4, 0xffff } },
	  .error = EINVAL },
	{ "log of address space 9", VM(KVM_GET_DIRTY_LOG, 0), .poke = { { 0, 4, 9 << 16 } },
	  .error = EINVAL },
	{ "clear log of no slot", VM(KVM_CLEAR_DIRTY_LOG, 0), .poke = { { 0, 4, 3 } },
	  .error = ENOENT },
	{ "clock flag 0", VM(KVM_SET_CLOCK, KVM_GET_CLOCK), .poke = { { 8, 4, 1 } },
	  .error = EINVAL },
	{ "clock flag 31", VM(KVM_SET_CLOCK, KVM_GET_CLOCK), .poke = { { 8, 4, 1U << 31 } },
	  .error = EINVAL },
	{ "vCPU twice", VM(KVM_CREATE_VCPU, 0), .by_value = 0, .error = EEXIST },
	{ "vCPU of no possible id", VM(KVM_CREATE_VCPU, 0), .by_value = 1UL << 31,
	  .error = EINVAL },
	{ "vCPU id above 32 bits", VM(KVM_CREATE_VCPU, 0), .by_value = 1UL << 32 | 1,
	  .error = EINVAL, .laxer_elsewhere = 1 },
	{ "device of no type", VM(KVM_CREATE_DEVICE, 0), .poke = { { 0, 4, 0xffff } },
	  .error = ENODEV },
	{ "capability flag", VM(KVM_ENABLE_CAP, 0),
	  .poke = { FIELD(struct kvm_enable_cap, cap, KVM_CAP_X2APIC_API),
		    FIELD(struct kvm_enable_cap, flags, 1) }, .error = EINVAL },
	{ "split after a vCPU", VM(KVM_ENABLE_CAP, 0), .poke = { CAP(KVM_CAP_SPLIT_IRQCHIP, 24) },
	  .error = EEXIST },
	{ "split with 4097 pins", VM(KVM_ENABLE_CAP, 0),
	  .poke = { CAP(KVM_CAP_SPLIT_IRQCHIP, 4097) }, .error = EINVAL },
	{ "X2APIC_API bit 5", VM(KVM_ENABLE_CAP, 0), .poke = { CAP(KVM_CAP_X2APIC_API, 1 << 5) },
	  .error = EINVAL },
	{ "exits that are none", VM(KVM_ENABLE_CAP, 0),
	  .poke = { CAP(KVM_CAP_X86_DISABLE_EXITS, 1 << 20) }, .error = EINVAL },
	{ "manual clearing bit 5", VM(KVM_ENABLE_CAP, 0),
	  .poke = { CAP(KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, 1 << 5) }, .error = EINVAL },
	{ "initially set, not manual", VM(KVM_ENABLE_CAP, 0),
	  .poke = { CAP(KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, KVM_DIRTY_LOG_INITIALLY_SET) },
	  .error = EINVAL },
	{ "polling for 2^32 ns", VM(KVM_ENABLE_CAP, 0),
	  .poke = { CAP(KVM_CAP_HALT_POLL, 1UL << 32) }, .error = EINVAL },
	{ "unknown capability", VM(KVM_ENABLE_CAP, 0), .poke = { CAP(0x7fff, 1) },
	  .error = EINVAL },
	{ "VM of type 5", .on = ON_SYSTEM, .set = KVM_CREATE_VM, .by_value = 5, .error = EINVAL },
	{ "no room for CPUID", .on = ON_SYSTEM, .set = KVM_GET_SUPPORTED_CPUID, .error = E2BIG },
	{ "no room for emulated CPUID", .on = ON_SYSTEM, .set = KVM_GET_EMULATED_CPUID,
	  .error = E2BIG },
	{ "no room for MSR indices", .on = ON_SYSTEM, .set = KVM_GET_MSR_INDEX_LIST,
	  .error = E2BIG },
	{ "too many feature MSRs", .on = ON_SYSTEM, .set = KVM_GET_MSRS,
	  .poke = { { 0, 4, 1 << 20 } }, .error = E2BIG },
};

/* ---- the state that none of them may change -------------------------------------------------- */

struct state {
	uint8_t bytes[16 * SZ_4K];
	unsigned int n;
};

static void add_state(struct state *s, int fd, unsigned long get, uint32_t first_word)
{
	uint8_t *at = s->bytes + s->n;

	memset(at, 0, _IOC_SIZE(get));
	memcpy(at, &first_word, _IOC_SIZE(get) < 4 ? 0 : 4);
	if (ioctl(fd, get, at) < 0)
		memset(at, 0, _IOC_SIZE(get));
	s->n += _IOC_SIZE(get);
	expect_le(s->n, sizeof(s->bytes));
}

static void take_state(struct state *s, struct vm *vm)
{
	static const unsigned long of_vcpu[] = {
		KVM_GET_REGS, KVM_GET_SREGS, KVM_GET_FPU, KVM_GET_XSAVE, KVM_GET_XCRS,
		KVM_GET_DEBUGREGS, KVM_GET_VCPU_EVENTS, KVM_GET_MP_STATE, KVM_GET_LAPIC,
	};
	unsigned int i;

	s->n = 0;
	for (i = 0; i < ARRAY_SIZE(of_vcpu); i++)
		add_state(s, vm->vcpu[0].fd, of_vcpu[i], 0);
	for (i = 0; i < 3; i++)
		add_state(s, vm->fd, KVM_GET_IRQCHIP, i);
}

static void expect_same_state(const struct row *row, const struct state *a, const struct state *b)
{
	unsigned int i;

	expect_eq(a->n, b->n);
	for (i = 0; i < a->n; i++)
		if (a->bytes[i] != b->bytes[i])
			fail("%s: was refused, and changed byte %u of the state", row->what, i);
}

/* ---- walking the tables ---------------------------------------------------------------------- */

static void guest_nothing(void)
{
}

static struct vm *vm_of(unsigned int options)
{
	static struct vm *vms[8];

	if (!vms[options])
		vms[options] = vm_start_with(options, guest_nothing);
	return vms[options];
}

static int fd_of(const struct row *row)
{
	static int kvm = -1;
	struct vm *vm = vm_of(row->options);

	if (kvm < 0)
		kvm = kvm_open();
	return row->on == ON_SYSTEM ? kvm : row->on == ON_VM ? vm->fd : vm->vcpu[0].fd;
}

static unsigned long argument(const struct row *row)
{
	static uint8_t arg[4 * SZ_4K];
	unsigned int i;

	if (_IOC_DIR(row->set) == _IOC_NONE && row->set != KVM_REINJECT_CONTROL)
		return row->by_value;
	memset(arg, 0, sizeof(arg));
	if (row->get)
		must(ioctl(fd_of(row), row->get, arg));
	for (i = 0; i < ARRAY_SIZE(row->poke); i++)
		memcpy(arg + row->poke[i].offset, &row->poke[i].value, row->poke[i].size);
	return (uintptr_t)arg;
}

static void must_refuse(const struct row *rows, unsigned int n)
{
	static struct state before, after;
	const struct row *row;
	long r;

	for (row = rows; row < rows + n; row++) {
		if (row->laxer_elsewhere && distro_modules())
			continue;
		take_state(&before, vm_of(row->options));
		r = ioctl(fd_of(row), row->set, argument(row));
		if (r != -1 || errno != row->error)
			fail("%s: %ld, %s, expected %s", row->what, r,
			     r < 0 ? strerror(errno) : "", strerror(row->error));
		take_state(&after, vm_of(row->options));
		expect_same_state(row, &before, &after);
	}
	note("%u rows", n);
	expect_exit(vm_run(vm_of(PLAIN)), GUEST_DONE);
}

TEST(vcpu_requests)
{
	must_refuse(vcpu_rows, ARRAY_SIZE(vcpu_rows));
}

TEST(vm_requests)
{
	must_refuse(vm_rows, ARRAY_SIZE(vm_rows));
}

/* ---- numbers that are nearly right ----------------------------------------------------------- */

/* The distribution's modules give EINVAL on system and vCPU descriptors; see system.c. */
static void expect_unknown(int fd, unsigned long request)
{
	static uint8_t arg[4 * SZ_4K];
	long r = ioctl(fd, request, arg);

	if (r != -1 || (errno != ENOTTY && !(distro_modules() && errno == EINVAL)))
		fail("request %#x: %ld, %s", (unsigned int)request, r,
		     r < 0 ? strerror(errno) : "");
}

/* Some numbers stand for two requests, told apart by size and direction. */
static int is_request(uint32_t request)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vm_rows); i++)
		if ((uint32_t)vm_rows[i].set == request)
			return 1;
	for (i = 0; i < ARRAY_SIZE(vcpu_rows); i++)
		if ((uint32_t)vcpu_rows[i].set == request)
			return 1;
	/* Numbers without size and direction belong to requests that take a number. */
	return !(request >> 16);
}

/* Each number of the tables with another size, and with another direction: not the same request. */
static void resized(const struct row *rows, unsigned int n)
{
	static const uint16_t sizes[] = { 0, 1, 4, 8, 12, 24, 4096, 16383 };
	unsigned int i, j, dir;

	for (i = 0; i < n; i++)
		for (j = 0; j <= ARRAY_SIZE(sizes); j++)
			for (dir = 0; dir < 4; dir++) {
				unsigned int nr = _IOC_NR(rows[i].set);
				unsigned int size = j < ARRAY_SIZE(sizes) ? sizes[j] :
						    _IOC_SIZE(rows[i].set);

				if (!is_request(_IOC(dir, KVMIO, nr, size)))
					expect_unknown(fd_of(&rows[i]),
						       _IOC(dir, KVMIO, nr, size));
			}
}

TEST(other_sizes_and_directions)
{
	resized(vcpu_rows, ARRAY_SIZE(vcpu_rows));
	resized(vm_rows, ARRAY_SIZE(vm_rows));
}

/* Statistics can be read, and nothing else. */
static void expect_statistics_only(int fd)
{
	uint64_t word = 0;
	char path[64];
	int again;

	expect_unknown(fd, KVM_GET_API_VERSION);
	expect_unknown(fd, KVM_RUN);
	expect_unknown(fd, KVM_CREATE_VCPU);
	expect_unknown(fd, KVM_GET_STATS_FD);
	expect_unknown(fd, 0x5401);
	expect_errno(write(fd, &word, sizeof(word)), EBADF);
	expect_errno(pread(fd, &word, sizeof(word), -1), EINVAL);
	expect_eq(must(pread(fd, &word, sizeof(word), 1L << 62)), 0);
	expect_eq(must(pread(fd, &word, sizeof(word), 1 << 20)), 0);
	expect_eq(must(pread(fd, &word, 0, 0)), 0);
	expect_errno(pread(fd, (void *)0x7ffffffff000, sizeof(word), 0), EFAULT);
	/* An anonymous file cannot be opened by its name. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_RDWR);
	expect(again < 0);
}

TEST(statistics_descriptors)
{
	struct vm *vm = vm_of(CHIPS);

	REQUIRE_CAP(KVM_CAP_BINARY_STATS_FD);
	expect_statistics_only(must(ioctl(vm->fd, KVM_GET_STATS_FD, 0)));
	expect_statistics_only(must(ioctl(vm->vcpu[0].fd, KVM_GET_STATS_FD, 0)));
}

/* What is no file of bytes: reads, writes and seeks fail, and change nothing. */
TEST(reads_and_writes)
{
	struct vm *vm = vm_of(PLAIN);
	int fds[] = { kvm_open(), vm->fd, vm->vcpu[0].fd };
	char buf[16];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(fds); i++) {
		expect_errno(read(fds[i], buf, sizeof(buf)), EINVAL);
		expect_errno(write(fds[i], buf, sizeof(buf)), EINVAL);
		expect(pread(fds[i], buf, sizeof(buf), 100) < 0);
		expect_errno(ftruncate(fds[i], 0), EINVAL);
	}
	/* Only a vCPU has pages to map, and only so many. */
	expect(mmap(NULL, SZ_4K, PROT_READ, MAP_SHARED, vm->fd, 0) == MAP_FAILED);
	expect(mmap(NULL, SZ_4K, PROT_READ, MAP_SHARED, fds[0], 0) == MAP_FAILED);
	expect_exit(vm_run(vm), GUEST_DONE);
}

/* ---- the log must not be lost with the call that failed -------------------------------------- */

static void guest_writes_page(void)
{
	write64(SLOT_GPA + 5 * SZ_4K, 1);
}

TEST(log_that_cannot_be_copied_out)
{
	struct vm *vm = vm_start(guest_writes_page);
	uint64_t bitmap[4] = { 0 };
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = NULL };

	vm_add_slot(vm, SLOT_GPA, 16 * SZ_4K, KVM_MEM_LOG_DIRTY_PAGES);
	expect_exit(vm_run(vm), GUEST_DONE);
	expect_errno(ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log), EFAULT);
	log.dirty_bitmap = bitmap;
	must(ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log));
	/* The distribution's modules have taken the bit with them. */
	if (!distro_modules())
		expect_eq(bitmap[0], 1 << 5);
}
