// SPDX-License-Identifier: GPL-2.0-only
/*
 * Failures on the way (see lib/walk.h) of state out and in.
 *
 * Most state has a call to get it and one to set it: a row says which, how large it is, and how to
 * change it. A get that fails leaves the caller's memory alone. A set that fails has changed
 * nothing, which the get shows, and one that succeeds has changed all.
 */
#include "irq.h"
#include "walk.h"

#define MAX_STATE	12288

enum on { VM, VCPU };

/* A state: @init fills in what the call asks for, @change makes another state of it. */
struct state {
	unsigned long get, set;
	size_t size;
	enum on on;
	unsigned int options;
	void (*init)(void *state);
	void (*change)(void *state);
	void (*blur)(void *state);		/* what is of the moment and cannot be compared */
	size_t kept;				/* by a get that fails; 0: all */
};

static const struct state *st;
static char old[MAX_STATE], new[MAX_STATE], wanted[MAX_STATE], buf[MAX_STATE], before[MAX_STATE];

static int state_fd(struct scene *s)
{
	return st->on == VM ? s->vm->fd : s->vcpu->fd;
}

static void state_init(char *to, int fill)
{
	memset(to, fill, st->size);
	if (st->init)
		st->init(to);
}

/* The whole state, of which all can be compared. */
static void state_get(struct scene *s, char *to)
{
	state_init(to, 0);
	must(ioctl(state_fd(s), st->get, to));
	if (st->blur)
		st->blur(to);
}

static void state_set(struct scene *s, const char *from)
{
	memcpy(buf, from, st->size);
	must(ioctl(state_fd(s), st->set, buf));
}

static void expect_state(struct scene *s, const char *want)
{
	size_t i;

	state_get(s, buf);
	for (i = 0; i < st->size; i++) {
		if (buf[i] != want[i])
			fail("byte %#zx is %#x, not %#x", i, (unsigned char)buf[i],
			     (unsigned char)want[i]);
	}
}

static void get_prepare(struct scene *s)
{
	state_get(s, old);
}

static long get_call(struct scene *s)
{
	state_init(buf, 0xa5);
	memcpy(before, buf, st->size);
	return ioctl(state_fd(s), st->get, buf);
}

static void get_failed(struct scene *s __attribute__((unused)))
{
	expect(!memcmp(buf, before, st->kept ? st->kept : st->size));
}

static void get_done(struct scene *s)
{
	if (st->blur)
		st->blur(buf);
	/* What the call does not fill in is as it was. */
	expect(memcmp(buf, before, st->size));
	expect_state(s, old);
}

/* The new state is what the kernel makes of the change when nothing fails. */
static void set_prepare(struct scene *s)
{
	state_get(s, old);
	memcpy(wanted, old, st->size);
	st->change(wanted);
	state_set(s, wanted);
	state_get(s, new);
	expect(memcmp(old, new, st->size));
	state_set(s, old);
	expect_state(s, old);
}

static long set_call(struct scene *s)
{
	memcpy(buf, wanted, st->size);
	return ioctl(state_fd(s), st->set, buf);
}

static void set_failed(struct scene *s)
{
	expect_state(s, old);
}

static void set_done(struct scene *s)
{
	expect_state(s, new);
	state_set(s, old);
}

static void walk_get(const struct state *state)
{
	st = state;
	walk(&(struct walk) {
		.options = st->options, .prepare = get_prepare, .call = get_call,
		.failed = get_failed, .done = get_done,
	});
}

static void walk_set(const struct state *state)
{
	st = state;
	walk(&(struct walk) {
		.options = st->options, .prepare = set_prepare, .call = set_call,
		.failed = set_failed, .done = set_done,
	});
}

/* The change is the body; the rest of the row is given as fields. */
#define STATE(name, type, get_cmd, set_cmd, ...)				\
	static void change_##name(type *v);					\
	static const struct state state_##name = {				\
		.get = get_cmd, .set = set_cmd, .size = sizeof(type),		\
		.change = (void (*)(void *))change_##name, ##__VA_ARGS__	\
	};									\
	TEST_LIMIT(get_##name, WALK_SECONDS)					\
	{									\
		walk_get(&state_##name);					\
	}									\
	TEST_LIMIT(set_##name, WALK_SECONDS)					\
	{									\
		walk_set(&state_##name);					\
	}									\
	static void change_##name(type *v)

STATE(regs, struct kvm_regs, KVM_GET_REGS, KVM_SET_REGS, .on = VCPU)
{
	v->rax ^= 0x55;
}

STATE(sregs, struct kvm_sregs, KVM_GET_SREGS, KVM_SET_SREGS, .on = VCPU)
{
	v->cr2 ^= 0x1000;
	v->gdt.limit ^= 8;
}

STATE(sregs2, struct kvm_sregs2, KVM_GET_SREGS2, KVM_SET_SREGS2, .on = VCPU)
{
	v->cr2 ^= 0x1000;
	v->fs.base ^= 0x2000;
}

STATE(fpu, struct kvm_fpu, KVM_GET_FPU, KVM_SET_FPU, .on = VCPU)
{
	v->xmm[3][5] ^= 1;
}

/* Bits 0 and 1 of XSTATE_BV, which is at byte 512: without them the legacy part is not looked at. */
STATE(xsave, struct kvm_xsave, KVM_GET_XSAVE, KVM_SET_XSAVE, .on = VCPU)
{
	v->region[128] |= 3;
	v->region[40] ^= 1;
}

STATE(xsave2, struct kvm_xsave, KVM_GET_XSAVE2, KVM_SET_XSAVE, .on = VCPU)
{
	v->region[128] |= 3;
	v->region[44] ^= 1;
}

STATE(xcrs, struct kvm_xcrs, KVM_GET_XCRS, KVM_SET_XCRS, .on = VCPU)
{
	v->xcrs[0].value ^= 2;
}

STATE(debugregs, struct kvm_debugregs, KVM_GET_DEBUGREGS, KVM_SET_DEBUGREGS, .on = VCPU)
{
	v->db[2] ^= 0x10;
}

STATE(events, struct kvm_vcpu_events, KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS, .on = VCPU)
{
	v->nmi.masked ^= 1;
}

STATE(mp_state, struct kvm_mp_state, KVM_GET_MP_STATE, KVM_SET_MP_STATE, .on = VCPU,
      .options = VM_IRQCHIP)
{
	v->mp_state = v->mp_state == KVM_MP_STATE_HALTED ? KVM_MP_STATE_RUNNABLE :
							   KVM_MP_STATE_HALTED;
}

STATE(lapic, struct kvm_lapic_state, KVM_GET_LAPIC, KVM_SET_LAPIC, .on = VCPU,
      .options = VM_IRQCHIP)
{
	v->regs[APIC_TPR] ^= 0x20;
}

struct four_msrs {
	struct kvm_msrs head;
	struct kvm_msr_entry entry[4];
};

static void ask_msrs(void *state)
{
	static const uint32_t index[4] = {
		0x175,			/* SYSENTER_ESP */
		0x277,			/* PAT */
		0xc0000082,		/* LSTAR */
		0xc0000102,		/* KERNEL_GS_BASE */
	};
	struct four_msrs *v = state;
	unsigned int i;

	v->head.nmsrs = 4;
	for (i = 0; i < 4; i++)
		v->entry[i].index = index[i];
}

STATE(msrs, struct four_msrs, KVM_GET_MSRS, KVM_SET_MSRS, .on = VCPU, .init = ask_msrs)
{
	v->entry[0].data ^= 0x1000;
	v->entry[1].data ^= 1;
	v->entry[3].data ^= 0x2000;
}

struct many_leaves {
	struct kvm_cpuid2 head;
	struct kvm_cpuid_entry2 entry[256];
};

static void ask_leaves(void *state)
{
	((struct kvm_cpuid2 *)state)->nent = 256;
}

/*
 * The processor's name, which nothing hangs on. Two copies go out, so of a get that fails at the second
 * the leaves are there; but the caller's count, with which the call can be made again, is kept.
 */
STATE(cpuid2, struct many_leaves, KVM_GET_CPUID2, KVM_SET_CPUID2, .on = VCPU, .init = ask_leaves,
      .kept = sizeof(struct kvm_cpuid2))
{
	struct kvm_cpuid_entry2 *name = cpuid_find(&v->head, 0x80000002, 0);

	expect(name);
	name->eax ^= 0x20;
}

static void ask_master(void *state)
{
	((struct kvm_irqchip *)state)->chip_id = KVM_IRQCHIP_PIC_MASTER;
}

static void ask_ioapic(void *state)
{
	((struct kvm_irqchip *)state)->chip_id = KVM_IRQCHIP_IOAPIC;
}

STATE(pic, struct kvm_irqchip, KVM_GET_IRQCHIP, KVM_SET_IRQCHIP, .on = VM, .options = VM_IRQCHIP,
      .init = ask_master)
{
	v->chip.pic.imr ^= 0x12;
}

STATE(ioapic, struct kvm_irqchip, KVM_GET_IRQCHIP, KVM_SET_IRQCHIP, .on = VM,
      .options = VM_IRQCHIP, .init = ask_ioapic)
{
	v->chip.ioapic.redirtbl[4].fields.vector ^= 0x44;
}

/* The two structures begin alike. */
static void blur_pit(void *state)
{
	struct kvm_pit_state *v = state;
	unsigned int i;

	for (i = 0; i < 3; i++)
		v->channels[i].count_load_time = 0;
}

STATE(pit, struct kvm_pit_state, KVM_GET_PIT, KVM_SET_PIT, .on = VM, .options = VM_IRQCHIP | VM_PIT,
      .blur = blur_pit)
{
	v->channels[1].write_latch ^= 0x12;
}

STATE(pit2, struct kvm_pit_state2, KVM_GET_PIT2, KVM_SET_PIT2, .on = VM,
      .options = VM_IRQCHIP | VM_PIT, .blur = blur_pit)
{
	v->channels[1].write_latch ^= 0x12;
}

/*
 * What goes one way only, or is known otherwise.
 */

WALK(supported_cpuid)
{
	struct many_leaves v = { .head.nent = 256 };

	return ioctl(s->sys, KVM_GET_SUPPORTED_CPUID, &v);
}

WALK(emulated_cpuid)
{
	struct many_leaves v = { .head.nent = 256 };

	return ioctl(s->sys, KVM_GET_EMULATED_CPUID, &v);
}

struct many_msrs {
	struct kvm_msr_list head;
	uint32_t index[512];
};

WALK(msr_index_list)
{
	struct many_msrs v = { .head.nmsrs = 512 };

	return ioctl(s->sys, KVM_GET_MSR_INDEX_LIST, &v);
}

WALK(msr_feature_index_list)
{
	struct many_msrs v = { .head.nmsrs = 512 };

	return ioctl(s->sys, KVM_GET_MSR_FEATURE_INDEX_LIST, &v);
}

/* The revision of the microcode is a feature that every processor has. */
WALK(feature_msrs)
{
	struct four_msrs v = { .head.nmsrs = 1, .entry[0].index = 0x8b };

	return ioctl(s->sys, KVM_GET_MSRS, &v);
}

WALK(mce_cap)
{
	uint64_t v;

	return ioctl(s->sys, KVM_X86_GET_MCE_CAP_SUPPORTED, &v);
}

/* The old form, of 20-byte entries; what it has set is seen by the new one. */
struct few_leaves {
	struct kvm_cpuid head;
	struct kvm_cpuid_entry entry[2];
};

static struct many_leaves leaves;

static void get_leaves(struct scene *s)
{
	leaves.head.nent = 256;
	must(ioctl(s->vcpu->fd, KVM_GET_CPUID2, &leaves));
}

static void expect_all_leaves(struct scene *s)
{
	get_leaves(s);
	expect(leaves.head.nent > 2);
}

static void expect_two_leaves(struct scene *s)
{
	struct kvm_cpuid2 *all = supported_cpuid();

	get_leaves(s);
	expect_eq(leaves.head.nent, 2);
	must(ioctl(s->vcpu->fd, KVM_SET_CPUID2, all));
	free(all);
}

WALK(set_cpuid, .failed = expect_all_leaves, .done = expect_two_leaves)
{
	struct few_leaves v = {
		.head.nent = 2,
		.entry = { { .function = 0, .eax = 1 }, { .function = 1, .eax = 0x600 } },
	};

	return ioctl(s->vcpu->fd, KVM_SET_CPUID, &v);
}

#define FAR_FUTURE	1000000000000000ULL	/* eleven days */

static uint64_t clock_now(struct scene *s)
{
	struct kvm_clock_data v;

	must(ioctl(s->vm->fd, KVM_GET_CLOCK, &v));
	return v.clock;
}

static void expect_present(struct scene *s)
{
	expect(clock_now(s) < FAR_FUTURE);
}

static void expect_future(struct scene *s)
{
	struct kvm_clock_data v = { .clock = 0 };

	expect(clock_now(s) >= FAR_FUTURE);
	must(ioctl(s->vm->fd, KVM_SET_CLOCK, &v));
	expect_present(s);
}

WALK(set_clock, .failed = expect_present, .done = expect_future)
{
	struct kvm_clock_data v = { .clock = FAR_FUTURE };

	return ioctl(s->vm->fd, KVM_SET_CLOCK, &v);
}

WALK(get_clock)
{
	struct kvm_clock_data v;

	return ioctl(s->vm->fd, KVM_GET_CLOCK, &v);
}

WALK(reinject_control, .options = VM_IRQCHIP | VM_PIT)
{
	struct kvm_reinject_control v = { .pit_reinject = 1 };

	return ioctl(s->vm->fd, KVM_REINJECT_CONTROL, &v);
}

/* MSI to the one LAPIC there is, in physical mode; vector 0x41 then is in its IRR. */
#define MSI_VECTOR	0x41

static struct kvm_lapic_state lapic_at_rest;

static void enable_lapic(struct scene *s)
{
	must(ioctl(s->vcpu->fd, KVM_GET_LAPIC, &lapic_at_rest));
	lapic_at_rest.regs[APIC_SVR + 1] |= 1;
	must(ioctl(s->vcpu->fd, KVM_SET_LAPIC, &lapic_at_rest));
}

static int msi_came(struct scene *s)
{
	struct kvm_lapic_state v;

	must(ioctl(s->vcpu->fd, KVM_GET_LAPIC, &v));
	return v.regs[APIC_IRR + MSI_VECTOR / 32 * 16 + MSI_VECTOR % 32 / 8] >> MSI_VECTOR % 8 & 1;
}

static void expect_no_msi(struct scene *s)
{
	expect(!msi_came(s));
}

static void expect_msi(struct scene *s)
{
	expect(msi_came(s));
	must(ioctl(s->vcpu->fd, KVM_SET_LAPIC, &lapic_at_rest));
	expect_no_msi(s);
}

WALK(signal_msi, .options = VM_IRQCHIP, .prepare = enable_lapic, .failed = expect_no_msi,
     .done = expect_msi)
{
	struct kvm_msi v = { .address_lo = 0xfee00000, .data = MSI_VECTOR };

	return ioctl(s->vm->fd, KVM_SIGNAL_MSI, &v);
}

/* The filter takes MSR 0xc0000102 away; the guest says whether it is there. */
#define FILTERED	0xc0000102

static void guest_tries_msr(void)
{
	for (;;)
		guest_sync(try_rdmsr(FILTERED));
}

static uint64_t tried(struct scene *s)
{
	expect_exit(vm_run(s->vm), GUEST_SYNC);
	return s->vcpu->sync;
}

static void expect_unfiltered(struct scene *s)
{
	expect_eq(tried(s), NO_FAULT);
}

static void expect_filtered(struct scene *s)
{
	struct kvm_msr_filter none = { .flags = KVM_MSR_FILTER_DEFAULT_ALLOW };

	expect_eq(tried(s), VEC_GP);
	must(ioctl(s->vm->fd, KVM_X86_SET_MSR_FILTER, &none));
	expect_unfiltered(s);
}

WALK(set_msr_filter, .guest = guest_tries_msr, .failed = expect_unfiltered, .done = expect_filtered)
{
	uint8_t bits[2] = { 0 };
	struct kvm_msr_filter v = {
		.flags = KVM_MSR_FILTER_DEFAULT_ALLOW,
		.ranges = {
			{ KVM_MSR_FILTER_READ, 1, FILTERED, bits },
			{ KVM_MSR_FILTER_WRITE, 1, FILTERED, bits + 1 },
		},
	};

	return ioctl(s->vm->fd, KVM_X86_SET_MSR_FILTER, &v);
}

/* The offset of the TSC, an attribute of the vCPU; and an attribute of the system, which is only got. */
static long tsc_offset(struct scene *s, unsigned long cmd, uint64_t *v)
{
	struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL, .attr = KVM_VCPU_TSC_OFFSET, .addr = (uintptr_t)v,
	};

	return ioctl(s->vcpu->fd, cmd, &attr);
}

static uint64_t first_offset;

static void get_first_offset(struct scene *s)
{
	if (tsc_offset(s, KVM_HAS_DEVICE_ATTR, &first_offset) < 0)
		skip("the vCPU has no attributes");
	must(tsc_offset(s, KVM_GET_DEVICE_ATTR, &first_offset));
}

static void expect_offset(struct scene *s, uint64_t want)
{
	uint64_t v;

	must(tsc_offset(s, KVM_GET_DEVICE_ATTR, &v));
	expect_eq(v, want);
}

static void expect_first_offset(struct scene *s)
{
	expect_offset(s, first_offset);
}

static void expect_new_offset(struct scene *s)
{
	expect_offset(s, first_offset + SZ_1G);
	must(tsc_offset(s, KVM_SET_DEVICE_ATTR, &first_offset));
	expect_first_offset(s);
}

WALK(set_vcpu_attr, .prepare = get_first_offset, .failed = expect_first_offset,
     .done = expect_new_offset)
{
	uint64_t v = first_offset + SZ_1G;

	return tsc_offset(s, KVM_SET_DEVICE_ATTR, &v);
}

WALK(get_vcpu_attr, .prepare = get_first_offset)
{
	uint64_t v;

	return tsc_offset(s, KVM_GET_DEVICE_ATTR, &v);
}

WALK(get_system_attr)
{
	uint64_t v;
	struct kvm_device_attr attr = {
		.attr = KVM_X86_XCOMP_GUEST_SUPP, .addr = (uintptr_t)&v,
	};

	return ioctl(s->sys, KVM_GET_DEVICE_ATTR, &attr);
}

WALK(set_signal_mask)
{
	struct {
		struct kvm_signal_mask head;
		uint64_t set;
	} v = { .head.len = 8, .set = 1UL << 11 };

	return ioctl(s->vcpu->fd, KVM_SET_SIGNAL_MASK, &v);
}

WALK(set_guest_debug)
{
	struct kvm_guest_debug v = { .control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP };

	return ioctl(s->vcpu->fd, KVM_SET_GUEST_DEBUG, &v);
}

/* The guest's tables map one to one. */
WALK(translate)
{
	struct kvm_translation v = { .linear_address = 0x12345 };
	int r = ioctl(s->vcpu->fd, KVM_TRANSLATE, &v);

	if (!r) {
		expect_eq(v.valid, 1);
		expect_eq(v.physical_address, 0x12345);
	}
	return r;
}

/* The vector is where the events show it; without an irqchip, whose affair it would be. */
static int interrupt_waits(struct scene *s)
{
	struct kvm_vcpu_events v;

	must(ioctl(s->vcpu->fd, KVM_GET_VCPU_EVENTS, &v));
	return v.interrupt.injected;
}

static void expect_no_interrupt(struct scene *s)
{
	expect(!interrupt_waits(s));
}

static void expect_interrupt(struct scene *s)
{
	struct kvm_vcpu_events v;

	expect(interrupt_waits(s));
	must(ioctl(s->vcpu->fd, KVM_GET_VCPU_EVENTS, &v));
	v.interrupt.injected = 0;
	must(ioctl(s->vcpu->fd, KVM_SET_VCPU_EVENTS, &v));
	expect_no_interrupt(s);
}

WALK(interrupt, .failed = expect_no_interrupt, .done = expect_interrupt)
{
	struct kvm_interrupt v = { .irq = 0x41 };

	return ioctl(s->vcpu->fd, KVM_INTERRUPT, &v);
}

WALK(tpr_access_reporting, .options = VM_IRQCHIP)
{
	struct kvm_tpr_access_ctl v = { .enabled = 1 };

	return ioctl(s->vcpu->fd, KVM_TPR_ACCESS_REPORTING, &v);
}

WALK(set_vapic_addr, .options = VM_IRQCHIP)
{
	struct kvm_vapic_addr v = { .vapic_addr = 0x3000 };

	return ioctl(s->vcpu->fd, KVM_SET_VAPIC_ADDR, &v);
}

WALK(setup_mce)
{
	uint64_t v = 8;

	return ioctl(s->vcpu->fd, KVM_X86_SETUP_MCE, &v);
}

/* Bank 3, a corrected error: it is in the bank's MSRs, or it is not. */
#define MC3_STATUS	0x40d
#define MCE_VALID	(1ULL << 63)
#define MCE_ENABLED	(1ULL << 60)

static void use_mce(struct scene *s)
{
	uint64_t v = 8;

	must(ioctl(s->vcpu->fd, KVM_X86_SETUP_MCE, &v));
}

static void expect_no_mce(struct scene *s)
{
	uint64_t v;

	expect_eq(vcpu_get_msr(s->vcpu, MC3_STATUS, &v), 1);
	expect_eq(v, 0);
}

static void expect_mce(struct scene *s)
{
	uint64_t v;

	expect_eq(vcpu_get_msr(s->vcpu, MC3_STATUS, &v), 1);
	expect(v & MCE_VALID);
	expect_eq(vcpu_set_msr(s->vcpu, MC3_STATUS, 0), 1);
	expect_no_mce(s);
}

WALK(set_mce, .prepare = use_mce, .failed = expect_no_mce, .done = expect_mce)
{
	struct kvm_x86_mce v = { .bank = 3, .status = MCE_VALID | MCE_ENABLED };

	return ioctl(s->vcpu->fd, KVM_X86_SET_MCE, &v);
}

/* Kvmclock's page is where the guest said; "you were stopped" is written into it at the next entry. */
WALK(kvmclock_ctrl)
{
	int r = ioctl(s->vcpu->fd, KVM_KVMCLOCK_CTRL, 0);

	return r < 0 && errno == EINVAL ? 0 : r;	/* there is none in use */
}

/* No capability is for a vCPU. */
WALK(vcpu_enable_cap)
{
	struct kvm_enable_cap v = { .cap = KVM_CAP_HALT_POLL };
	int r = ioctl(s->vcpu->fd, KVM_ENABLE_CAP, &v);

	return r < 0 && errno == EINVAL ? 0 : r;
}
