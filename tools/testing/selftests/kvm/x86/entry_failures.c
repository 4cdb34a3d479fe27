// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest states that no VM entry accepts (SDM vol 3, 27.2 and 27.3), set through the ioctls.
 *
 * What the ioctls do not refuse, VMX does: KVM_RUN ends with KVM_EXIT_FAIL_ENTRY and the hardware's
 * reason. The VM is none the worse for it: with the state set right it goes on. Without
 * "unrestricted guest" some of the states are the emulator's to run, and then anything but a hang
 * will do. Of SVM's own checks these are not.
 */
#include <stdbool.h>
#include "vm.h"
#include "guest.h"

#define INVALID_STATE	0x80000021	/* exit reason 33, with the bit for failed entries */
#define INVALID_CONTROL	7		/* VM-instruction error */
#define NON_CANONICAL	0x0000800000000000UL
#define FLAG_IF		(1UL << 9)
#define FLAG_VM		(1UL << 17)

struct state {
	struct kvm_regs r;
	struct kvm_sregs s;
	struct kvm_vcpu_events e;
};

static uint32_t rounds;

static void guest_rounds(void)
{
	sti();
	for (;;)
		guest_sync(++rounds);
}

static void get_state(struct vcpu *vcpu, struct state *st)
{
	st->r = vcpu_regs(vcpu);
	st->s = vcpu_sregs(vcpu);
	must(ioctl(vcpu->fd, KVM_GET_VCPU_EVENTS, &st->e));
}

/* Return: whether all of it was taken. */
static bool set_state(struct vcpu *vcpu, const struct state *st)
{
	return !ioctl(vcpu->fd, KVM_SET_SREGS, &st->s) && !ioctl(vcpu->fd, KVM_SET_REGS, &st->r) &&
	       !ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &st->e);
}

/* The states: one function each, that spoils a good one. */
#define SPOIL(name, text) \
	static void name(struct state *st) { text; }

SPOIL(cs_data, st->s.cs.type = 3)
SPOIL(cs_system, st->s.cs.s = 0)
SPOIL(cs_absent, st->s.cs.present = 0)
SPOIL(cs_dpl, st->s.cs.dpl = 2)
SPOIL(cs_long_and_32, st->s.cs.db = 1)
SPOIL(cs_high_base, st->s.cs.base = 1UL << 32)
SPOIL(ss_code, st->s.ss.type = 11)
SPOIL(ss_read_only, st->s.ss.type = 1)
SPOIL(ss_system, st->s.ss.s = 0)
SPOIL(ss_high_base, st->s.ss.base = 1UL << 32)
SPOIL(ds_execute_only, st->s.ds.type = 9)
SPOIL(ds_system, st->s.ds.s = 0)
SPOIL(es_high_base, st->s.es.base = 1UL << 32)
SPOIL(fs_base, st->s.fs.base = NON_CANONICAL)
SPOIL(gs_base, st->s.gs.base = NON_CANONICAL)
SPOIL(tr_no_tss, st->s.tr.type = 5)
SPOIL(tr_ldt_bit, st->s.tr.selector |= 4)
SPOIL(tr_base, st->s.tr.base = NON_CANONICAL)
SPOIL(tr_code, st->s.tr.s = 1)
SPOIL(ldt_type, st->s.ldt.present = 1; st->s.ldt.unusable = 0; st->s.ldt.type = 11)
SPOIL(ldt_ldt_bit, st->s.ldt.present = 1; st->s.ldt.unusable = 0; st->s.ldt.type = 2;
      st->s.ldt.selector |= 4)
SPOIL(ldt_base, st->s.ldt.present = 1; st->s.ldt.unusable = 0; st->s.ldt.type = 2;
      st->s.ldt.base = NON_CANONICAL)
SPOIL(gdt_base, st->s.gdt.base = NON_CANONICAL)
SPOIL(idt_base, st->s.idt.base = NON_CANONICAL)
SPOIL(rip_high, st->r.rip = NON_CANONICAL)
SPOIL(flags_bit3, st->r.rflags |= 1 << 3)
SPOIL(flags_high, st->r.rflags |= 1UL << 40)
SPOIL(flags_vm, st->r.rflags |= FLAG_VM)
SPOIL(interrupt_masked, st->r.rflags &= ~FLAG_IF; st->e.interrupt.injected = 1;
      st->e.interrupt.nr = 0x30)
SPOIL(shadow_masked, st->r.rflags &= ~FLAG_IF; st->e.interrupt.shadow = KVM_X86_SHADOW_INT_STI;
      st->e.flags |= KVM_VCPUEVENT_VALID_SHADOW)
SPOIL(shadow_and_interrupt, st->e.interrupt.shadow = KVM_X86_SHADOW_INT_STI;
      st->e.flags |= KVM_VCPUEVENT_VALID_SHADOW; st->e.interrupt.injected = 1;
      st->e.interrupt.nr = 0x30)
SPOIL(error_code_of_ud, st->e.exception.injected = 1; st->e.exception.nr = VEC_UD;
      st->e.exception.has_error_code = 1)
SPOIL(error_code_missing, st->e.exception.injected = 1; st->e.exception.nr = VEC_GP)
SPOIL(error_code_wide, st->e.exception.injected = 1; st->e.exception.nr = VEC_GP;
      st->e.exception.has_error_code = 1; st->e.exception.error_code = 0x12340000)

static const struct spoilt {
	const char *what;
	void (*spoil)(struct state *st);
	uint32_t reason;
	bool emulated;		/* without unrestricted guest */
	bool differs;		/* by processor: may run */
} states[] = {
#define STATE(name, ...)	{ .what = #name, .spoil = name, __VA_ARGS__ }
	STATE(cs_data, .differs = true),	/* data will do with unrestricted guest */
	STATE(cs_system, .reason = INVALID_STATE, .emulated = true),
	STATE(cs_absent, .reason = INVALID_STATE, .emulated = true),
	STATE(cs_dpl, .reason = INVALID_STATE, .emulated = true),
	STATE(cs_long_and_32, .reason = INVALID_STATE),
	STATE(cs_high_base, .reason = INVALID_STATE, .emulated = true),
	STATE(ss_code, .reason = INVALID_STATE, .emulated = true),
	STATE(ss_read_only, .reason = INVALID_STATE, .emulated = true),
	STATE(ss_system, .reason = INVALID_STATE, .emulated = true),
	STATE(ss_high_base, .reason = INVALID_STATE, .emulated = true),
	STATE(ds_execute_only, .reason = INVALID_STATE, .emulated = true),
	STATE(ds_system, .reason = INVALID_STATE, .emulated = true),
	STATE(es_high_base, .reason = INVALID_STATE, .emulated = true),
	STATE(fs_base, .reason = INVALID_STATE),
	STATE(gs_base, .reason = INVALID_STATE),
	STATE(tr_no_tss, .differs = true),	/* made right: it can be but one in long mode */
	STATE(tr_ldt_bit, .reason = INVALID_STATE),
	STATE(tr_base, .reason = INVALID_STATE),
	STATE(tr_code, .reason = INVALID_STATE),
	STATE(ldt_type, .reason = INVALID_STATE),
	STATE(ldt_ldt_bit, .reason = INVALID_STATE),
	STATE(ldt_base, .reason = INVALID_STATE),
	STATE(gdt_base, .reason = INVALID_STATE),
	STATE(idt_base, .reason = INVALID_STATE),
	STATE(rip_high, .reason = INVALID_STATE, .differs = true),
	STATE(flags_bit3, .reason = INVALID_STATE),
	STATE(flags_high, .reason = INVALID_STATE),
	STATE(flags_vm, .reason = INVALID_STATE, .emulated = true),
	STATE(interrupt_masked, .reason = INVALID_STATE),
	STATE(shadow_masked, .reason = INVALID_STATE),
	STATE(shadow_and_interrupt, .reason = INVALID_STATE),
	STATE(error_code_of_ud, .reason = INVALID_CONTROL),
	STATE(error_code_missing, .reason = INVALID_CONTROL),
	STATE(error_code_wide, .reason = INVALID_CONTROL),
};

/* Nothing is left of an instruction that user space had a part in. */
static void finish_exit(struct vcpu *vcpu)
{
	vcpu->run->immediate_exit = 1;
	expect_eq(vcpu_try_run(vcpu), -EINTR);
	vcpu->run->immediate_exit = 0;
}

static void expect_goes_on(struct vm *vm, const struct state *good, uint32_t round)
{
	expect(set_state(&vm->vcpu[0], good));
	*in_guest(vm, &rounds) = round;
	expect_exit(vm_run(vm), GUEST_SYNC);
	expect_eq(vm->vcpu[0].sync, round + 1);
	finish_exit(&vm->vcpu[0]);
}

/* The second time is like the first, as nothing has changed. */
static bool fails_entry(struct vm *vm, uint32_t reason)
{
	int i, exit;

	for (i = 0; i < 2; i++) {
		exit = vm_run(vm);
		if (exit != KVM_EXIT_FAIL_ENTRY) {
			note("exit %s, and no failed entry", exit_name(exit));
			return false;
		}
		if (vm->run->fail_entry.hardware_entry_failure_reason != reason) {
			note("reason %#llx, expected %#x", (unsigned long long)
			     vm->run->fail_entry.hardware_entry_failure_reason, reason);
			return false;
		}
	}
	return true;
}

TEST(states_that_no_entry_accepts)
{
	bool restricted = !is_unrestricted();
	struct vm *vm = vm_start(guest_rounds);
	unsigned int i, wrong = 0;
	struct state good, bad;

	if (is_amd())
		skip("these are VMX's checks");
	expect_exit(vm_run(vm), GUEST_SYNC);
	finish_exit(&vm->vcpu[0]);
	get_state(&vm->vcpu[0], &good);
	for (i = 0; i < ARRAY_SIZE(states); i++) {
		note("%s", states[i].what);
		bad = good;
		states[i].spoil(&bad);
		if (!set_state(&vm->vcpu[0], &bad))
			fail("%s was refused: %s", states[i].what, strerror(errno));
		if ((restricted && states[i].emulated) || states[i].differs)
			vcpu_run_for(&vm->vcpu[0], 100);	/* it may fail, run or loop */
		else
			wrong += !fails_entry(vm, states[i].reason);
		expect_goes_on(vm, &good, 100 * i);
	}
	expect_eq(wrong, 0);
}

/* What the ioctls refuse themselves changes nothing. */
SPOIL(cr0_paging_alone, st->s.cr0 &= ~1UL)
SPOIL(cr0_nw_alone, st->s.cr0 |= 1UL << 29)
SPOIL(cr4_reserved, st->s.cr4 |= 1UL << 30)
SPOIL(long_mode_without_pae, st->s.cr4 &= ~(1UL << 5))
SPOIL(cr3_high, st->s.cr3 |= 1UL << 62)
SPOIL(efer_reserved, st->s.efer |= 1UL << 30)
SPOIL(lme_without_lma, st->s.efer &= ~(1UL << 10))
SPOIL(cr8_high, st->s.cr8 = 16)
SPOIL(exception_32, st->e.exception.injected = 1; st->e.exception.nr = 32)
SPOIL(exception_nmi, st->e.exception.injected = 1; st->e.exception.nr = VEC_NMI)

static const struct spoilt refused[] = {
	STATE(cr0_paging_alone), STATE(cr0_nw_alone), STATE(cr4_reserved),
	STATE(long_mode_without_pae), STATE(cr3_high), STATE(efer_reserved),
	STATE(lme_without_lma, .differs = true), STATE(cr8_high, .differs = true),
	STATE(exception_32), STATE(exception_nmi),
};

TEST(states_that_are_refused)
{
	struct vm *vm = vm_start(guest_rounds);
	struct vcpu *vcpu = &vm->vcpu[0];
	struct state good, bad, now;
	unsigned int i;

	expect_exit(vm_run(vm), GUEST_SYNC);
	finish_exit(vcpu);
	get_state(vcpu, &good);
	for (i = 0; i < ARRAY_SIZE(refused); i++) {
		/* The distribution's take any CR8, and EFER.LMA without LME. */
		if (refused[i].differs && distro_modules())
			continue;
		note("%s", refused[i].what);
		expect(set_state(vcpu, &good));
		bad = good;
		refused[i].spoil(&bad);
		expect(!set_state(vcpu, &bad) && errno == EINVAL);
		get_state(vcpu, &now);
		expect(!memcmp(&now, &good, sizeof(now)));
		expect_goes_on(vm, &good, 100 * i);
	}
}

/* PAE paging: PDPTEs with reserved bits, which only KVM_SET_SREGS2 can bring. */
TEST(bad_pdptes)
{
	struct vm *vm = vm_start(guest_rounds);
	struct vcpu *vcpu = &vm->vcpu[0];
	struct kvm_sregs2 s = { 0 };
	struct state good;

	REQUIRE_CAP(KVM_CAP_SREGS2);
	if (is_amd())
		skip("these are VMX's checks");
	expect_exit(vm_run(vm), GUEST_SYNC);
	finish_exit(vcpu);
	get_state(vcpu, &good);
	must(ioctl(vcpu->fd, KVM_GET_SREGS2, &s));
	s.efer = 0;
	s.cs.l = 0;
	s.cs.db = 1;
	s.pdptrs[2] = PTE_P | PTE_W;
	s.flags = KVM_SREGS2_FLAGS_PDPTRS_VALID;
	must(ioctl(vcpu->fd, KVM_SET_SREGS2, &s));
	expect(fails_entry(vm, INVALID_STATE));
	expect_goes_on(vm, &good, 1);
}
