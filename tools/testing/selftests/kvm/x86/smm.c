// SPDX-License-Identifier: GPL-2.0-only
/*
 * System management mode: what an SMI saves and RSM loads, in every mode, what RSM refuses, SMBASE,
 * and a vCPU in SMM that is moved elsewhere.
 */
#include "smm.h"

/* Fields of the AMD64 map and of the legacy one, counted from SMBASE. */
#define WIDE(at)	(0x8000 + (at))
#define WIDE_CR0	WIDE(0x7f58)
#define WIDE_CR3	WIDE(0x7f50)
#define WIDE_CR4	WIDE(0x7f48)
#define WIDE_EFER	WIDE(0x7ed0)
#define WIDE_DR7	WIDE(0x7f60)
#define WIDE_SMBASE	WIDE(0x7f00)
#define MAP_REVISION	WIDE(0x7efc)

static void at_map(unsigned int at, void *to, unsigned int size)
{
	memcpy(to, smram + at, size);
}

static uint64_t map_field(unsigned int at, unsigned int size)
{
	uint64_t v = 0;

	at_map(at, &v, size);
	return v;
}

/* outb %al, $OUTSIDE; jmp to it: the same in 16, 32 and 64 bits. */
static const uint8_t outside_loop[] = { 0xe6, OUTSIDE, 0xeb, 0xfc };
#define LOOP_GPA	0x2000UL

/*
 * Entry and RSM: every register, in every mode.
 */
#define CR0_PE		1UL
#define CR0_PG		(1UL << 31)
#define CR4_PSE		(1UL << 4)
#define CR4_PAE		(1UL << 5)
#define RFLAGS_IOPL	0x3000UL
#define RFLAGS_VM	(1UL << 17)
#define TABLE_GPA	0x6000UL	/* two pages */
#define TSS_GPA		0x8000UL

static struct kvm_segment flat(uint16_t selector, unsigned int type, unsigned int dpl)
{
	return (struct kvm_segment) {
		.selector = selector | dpl, .limit = 0xffffffff, .type = type, .present = 1,
		.dpl = dpl, .s = 1, .db = 1, .g = 1,
	};
}

static void set_flat(struct kvm_sregs *s, unsigned int dpl)
{
	s->cs = flat(SEL_CODE, 0xb, dpl);
	s->ss = flat(SEL_DATA, 3, dpl);
	s->ds = s->es = s->ss;
	s->fs = s->gs = s->ss;
	s->fs.base = 0x12345000;
	s->gs.base = 0x23456000;
}

/* One more mode: what of @s and @r differs from 64-bit mode. */
#define MODE(name)								\
	static void name(struct vm *vm __attribute__((unused)), struct kvm_sregs *s,	\
			 struct kvm_regs *r __attribute__((unused)))

static void leave_paging(struct kvm_sregs *s)
{
	s->cr0 = (s->cr0 | CR0_PE) & ~CR0_PG;
	s->cr4 = 0;
	s->efer = 0;
}

MODE(real_mode)
{
	struct kvm_segment seg = { .limit = 0xffff, .type = 3, .present = 1, .s = 1 };

	leave_paging(s);
	s->cr0 &= ~CR0_PE;
	s->ss = s->ds = s->es = s->fs = s->gs = seg;
	seg.type = 0xb;
	s->cs = seg;
	s->ds.selector = 0x1234;
	s->ds.base = 0x12340;
}

/* QEMU's TCG aborts at a port that it has to look up in a TSS that is busy, as it must be. */
static int on_tcg(void)
{
	return !memcmp(&(uint32_t) { guest_cpuid(0x40000000, 0).ebx }, "TCGT", 4);
}

MODE(virtual_8086)
{
	struct kvm_segment seg = { .limit = 0xffff, .type = 3, .present = 1, .s = 1, .dpl = 3 };

	if (on_tcg())
		skip("a CPU that can do port I/O in virtual-8086 mode");
	leave_paging(s);
	s->cs = s->ss = s->ds = s->es = s->fs = s->gs = seg;
	s->es.selector = 0x1234;
	s->es.base = 0x12340;
	/* Ports are asked of the TSS here: all bits of its map are 0. */
	*(uint16_t *)(vm->mem + TSS_GPA + 0x66) = 0x68;
	s->tr.base = TSS_GPA;
	s->tr.limit = 0xff;
	r->rflags |= RFLAGS_VM | RFLAGS_IOPL;
}

MODE(protected_mode)
{
	leave_paging(s);
	set_flat(s, 0);
}

MODE(protected_ring_3)
{
	leave_paging(s);
	set_flat(s, 3);
	r->rflags |= RFLAGS_IOPL;
}

MODE(two_level_paging)
{
	uint32_t *pd = (uint32_t *)(vm->mem + TABLE_GPA);
	unsigned int i;

	protected_mode(vm, s, r);
	for (i = 0; i < 1024; i++)
		pd[i] = i << 22 | PTE_P | PTE_W | PTE_U | PTE_PS;
	s->cr3 = TABLE_GPA;
	s->cr4 = CR4_PSE;
	s->cr0 |= CR0_PG;
}

MODE(pae_paging)
{
	uint64_t *pdpt = (uint64_t *)(vm->mem + TABLE_GPA);
	uint64_t *pd = pdpt + 512;
	unsigned int i;

	protected_mode(vm, s, r);
	pdpt[0] = (TABLE_GPA + SZ_4K) | PTE_P;
	for (i = 0; i < 512; i++)
		pd[i] = i * SZ_2M | PTE_P | PTE_W | PTE_PS;
	s->cr3 = TABLE_GPA;
	s->cr4 = CR4_PAE;
	s->cr0 |= CR0_PG;
}

MODE(long_mode)
{
	s->fs.base = 0x7fff12345678;
	s->gs.base = 0xffff888012345678;
}

MODE(compatibility_mode)
{
	set_flat(s, 0);
}

MODE(long_ring_3)
{
	set_flat(s, 3);
	s->cs.l = 1;
	s->cs.db = 0;
	r->rflags |= RFLAGS_IOPL;
}

struct whole {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_debugregs dr;
};

static struct whole whole_of(struct vcpu *vcpu)
{
	struct whole w;

	w.regs = vcpu_regs(vcpu);
	w.sregs = vcpu_sregs(vcpu);
	must(ioctl(vcpu->fd, KVM_GET_DEBUGREGS, &w.dr));
	return w;
}

static void put_whole(struct vcpu *vcpu, const struct whole *w)
{
	must(ioctl(vcpu->fd, KVM_SET_SREGS, &w->sregs));
	vcpu_set_regs(vcpu, &w->regs);
	must(ioctl(vcpu->fd, KVM_SET_DEBUGREGS, &w->dr));
}

static void expect_same_segment(const char *name, const struct kvm_segment *a,
				const struct kvm_segment *b)
{
	if (a->unusable && b->unusable)
		return;
	if (memcmp(a, b, sizeof(*a)))
		fail("%s: base %llx limit %x selector %x type %x p %d dpl %d db %d s %d l %d g %d, "
		     "was %llx %x %x %x %d %d %d %d %d %d", name, b->base, b->limit, b->selector,
		     b->type, b->present, b->dpl, b->db, b->s, b->l, b->g, a->base, a->limit,
		     a->selector, a->type, a->present, a->dpl, a->db, a->s, a->l, a->g);
}

static void expect_same(const struct whole *a, const struct whole *b, int wide)
{
	const uint64_t *ra = (const void *)&a->regs, *rb = (const void *)&b->regs;
	unsigned int i;

	for (i = 0; i < sizeof(a->regs) / 8; i++)
		if (wide)
			expect_eq(rb[i], ra[i]);
		else if (i < 8 || i >= 16)	/* R8 to R15 are not of this world */
			expect_eq((uint32_t)rb[i], (uint32_t)ra[i]);
	expect_same_segment("CS", &a->sregs.cs, &b->sregs.cs);
	expect_same_segment("SS", &a->sregs.ss, &b->sregs.ss);
	expect_same_segment("DS", &a->sregs.ds, &b->sregs.ds);
	expect_same_segment("ES", &a->sregs.es, &b->sregs.es);
	expect_same_segment("FS", &a->sregs.fs, &b->sregs.fs);
	expect_same_segment("GS", &a->sregs.gs, &b->sregs.gs);
	expect_same_segment("TR", &a->sregs.tr, &b->sregs.tr);
	expect_same_segment("LDTR", &a->sregs.ldt, &b->sregs.ldt);
	expect_eq(b->sregs.gdt.base, a->sregs.gdt.base);
	expect_eq(b->sregs.gdt.limit, a->sregs.gdt.limit);
	expect_eq(b->sregs.idt.base, a->sregs.idt.base);
	expect_eq(b->sregs.idt.limit, a->sregs.idt.limit);
	expect_eq(b->sregs.cr0, a->sregs.cr0);
	expect_eq(b->sregs.cr2, a->sregs.cr2);
	expect_eq(b->sregs.cr3, a->sregs.cr3);
	expect_eq(b->sregs.cr4, a->sregs.cr4);
	expect_eq(b->sregs.cr8, a->sregs.cr8);
	if (wide)
		expect_eq(b->sregs.efer, a->sregs.efer);
	expect_eq(b->dr.dr6, a->dr.dr6);
	expect_eq(b->dr.dr7, a->dr.dr7);
	expect(!memcmp(a->dr.db, b->dr.db, sizeof(a->dr.db)));
}

static void expect_flat(const struct kvm_segment *s)
{
	expect_eq(s->selector, 0);
	expect_eq(s->base, 0);
	expect_eq(s->limit, 0xffffffff);
	expect_eq(s->present, 1);
	expect_eq(s->dpl, 0);
}

/* APM vol 2, table 10-2. The general registers are undefined, and not looked at. */
static void expect_handler_state(const struct whole *before, const struct whole *in, int wide)
{
	const struct kvm_sregs *s = &in->sregs;

	expect_ge(in->regs.rip, HANDLER);	/* the OUT may have been stepped over */
	expect_le(in->regs.rip, HANDLER + 2);
	expect_eq(in->regs.rflags, 2);
	expect_eq(s->cs.base, SMRAM_GPA);
	expect_eq(s->cs.selector, (SMRAM_GPA >> 4) & 0xffff);
	expect_eq(s->cs.limit, 0xffffffff);
	expect_flat(&s->ss);
	expect_flat(&s->ds);
	expect_flat(&s->es);
	expect_flat(&s->fs);
	expect_flat(&s->gs);
	expect_eq(s->cr0, before->sregs.cr0 & ~(CR0_PE | CR0_PG | 4 | 8));
	expect_eq(s->cr4, 0);
	if (wide)
		expect_eq(s->efer, 0);
	expect_eq(in->dr.dr7, 0x400);
	expect_eq(s->gdt.base, before->sregs.gdt.base);
	expect_eq(s->gdt.limit, before->sregs.gdt.limit);
	if (!distro_modules())		/* there it is gone, as on some processors */
		expect_eq(s->idt.base, before->sregs.idt.base);
	expect_same_segment("TR in SMM", &before->sregs.tr, &s->tr);
}

/* What the manuals place in the map. The RIP of the loop at its OUT, or behind it. */
static void expect_map(const struct whole *w, int wide)
{
	const struct kvm_regs *r = &w->regs;
	const struct {
		unsigned int at[2];
		uint64_t value;
	} fields[] = {
		{ { 0x7ff8, 0x7fd0 }, r->rax }, { { 0x7ff0, 0x7fd4 }, r->rcx },
		{ { 0x7fe8, 0x7fd8 }, r->rdx }, { { 0x7fe0, 0x7fdc }, r->rbx },
		{ { 0x7fd8, 0x7fe0 }, r->rsp }, { { 0x7fd0, 0x7fe4 }, r->rbp },
		{ { 0x7fc8, 0x7fe8 }, r->rsi }, { { 0x7fc0, 0x7fec }, r->rdi },
		{ { 0x7fb8 }, r->r8 }, { { 0x7f80 }, r->r15 },
		{ { 0x7f70, 0x7ff4 }, r->rflags }, { { 0x7f68, 0x7fcc }, w->dr.dr6 },
		{ { 0x7f60, 0x7fc8 }, w->dr.dr7 }, { { 0x7f58, 0x7ffc }, w->sregs.cr0 },
		{ { 0x7f50, 0x7ff8 }, w->sregs.cr3 }, { { 0x7f48 }, w->sregs.cr4 },
		{ { 0x7ed0 }, w->sregs.efer },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(fields); i++)
		if (fields[i].at[!wide])
			expect_eq(map_field(0x8000 + fields[i].at[!wide], wide ? 8 : 4),
				  wide ? fields[i].value : (uint32_t)fields[i].value);
	expect_eq(map_field(MAP_REVISION, 4), wide ? 0x20064 : 0x20000);
	expect_eq(map_field(wide ? WIDE_SMBASE : WIDE(0x7ef8), 4), SMRAM_GPA);
	expect_eq(map_field(wide ? WIDE_HALT : WIDE(0x7f02), 1), 0);
}

/* The handler's world must not show through: nothing of it is as it was. */
static void scramble(struct vcpu *vcpu, struct whole *w)
{
	uint64_t rip = w->regs.rip, rflags = w->regs.rflags;

	memset(&w->regs, 0x5a, sizeof(w->regs));
	w->regs.rip = rip;
	w->regs.rflags = rflags;
	w->sregs.ds.selector = 0x777;
	w->sregs.ds.base = 0x7770;
	w->sregs.fs.base = 0x77770;
	w->sregs.gdt.base = 0x9000;
	w->sregs.idt.limit = 0x3ff;
	w->sregs.cr3 = 0x5000;
	w->dr.dr6 = 0xffff0ff0;
	put_whole(vcpu, w);
}

typedef void (*mode_setter)(struct vm *vm, struct kvm_sregs *s, struct kvm_regs *r);

static void enter_mode(struct vm *vm, mode_setter mode)
{
	struct whole w = whole_of(&vm->vcpu[0]);
	uint64_t *r = (uint64_t *)&w.regs;
	unsigned int i;

	for (i = 0; i < 16; i++)
		r[i] = 0x1111111111111111UL * i + 0x123;
	w.regs.rip = LOOP_GPA;
	w.regs.rflags = 2 | 0x8d5;		/* carry, zero, overflow, ... */
	w.sregs.cr2 = 0xcafe;
	w.dr.dr6 = 0xffff0ff1;
	w.dr.db[1] = 0x1234;
	mode(vm, &w.sregs, &w.regs);
	put_whole(&vm->vcpu[0], &w);
}

static void round_trip(struct vm *vm, int wide)
{
	struct vcpu *vcpu = &vm->vcpu[0];
	struct whole before, in, after;

	run_to(vcpu, OUTSIDE);
	before = whole_of(vcpu);
	send_smi(vcpu);
	expect_eq(events_of(vcpu).smi.pending, 1);
	run_to(vcpu, INSIDE);
	in = whole_of(vcpu);
	expect_handler_state(&before, &in, wide);
	expect_map(&before, wide);
	scramble(vcpu, &in);
	/* QEMU's TCG marks PAE's top entries as accessed, a bit that is reserved there. */
	*(uint64_t *)(vm->mem + TABLE_GPA) &= ~PTE_A;
	run_to(vcpu, OUTSIDE);
	after = whole_of(vcpu);
	expect_same(&before, &after, wide);
}

static void every_register(mode_setter mode, int wide)
{
	struct vm *vm = vm_new(0);
	int i;

	if (wide)
		vcpu_start(vm, 0, guest_return);
	else
		vcpu_set_long_mode(vcpu_new(vm, 0), guest_return);
	add_smram(vm, stopping_handler, sizeof(stopping_handler), 0);
	move_smbase(&vm->vcpu[0]);
	memcpy(vm->mem + LOOP_GPA, outside_loop, sizeof(outside_loop));
	enter_mode(vm, mode);
	for (i = 0; i < 3; i++)
		round_trip(vm, wide);
}

#define EVERY_REGISTER(mode)				\
	TEST(every_register_##mode)			\
	{						\
		every_register(mode, 1);		\
	}
/* Without a CPUID that has long mode the map is the one of 32 bits. */
#define EVERY_REGISTER_LEGACY(mode)			\
	EVERY_REGISTER(mode)				\
	TEST(legacy_map_##mode)				\
	{						\
		every_register(mode, 0);		\
	}

EVERY_REGISTER_LEGACY(real_mode)
EVERY_REGISTER_LEGACY(virtual_8086)
EVERY_REGISTER_LEGACY(protected_mode)
EVERY_REGISTER_LEGACY(protected_ring_3)
EVERY_REGISTER_LEGACY(two_level_paging)
EVERY_REGISTER_LEGACY(pae_paging)
EVERY_REGISTER(long_mode)
EVERY_REGISTER(compatibility_mode)
EVERY_REGISTER(long_ring_3)

/* User space has put the vCPU into what its CPUID does not have. */
TEST(state_that_cpuid_has_not)
{
	struct kvm_cpuid2 none = { .nent = 0 };
	struct kvm_sregs s;
	struct vm *vm;
	int i;

	for (i = 0; i < 2; i++) {
		vm = vm_new(i ? VM_IRQCHIP : 0);
		vcpu_start(vm, 0, guest_outside);
		if (i) {
			must(ioctl(vm->vcpu[0].fd, KVM_GET_SREGS, &s));
			s.apic_base |= 0xc00;	/* x2APIC */
			must(ioctl(vm->vcpu[0].fd, KVM_SET_SREGS, &s));
		}
		must(ioctl(vm->vcpu[0].fd, KVM_SET_CPUID2, &none));
		add_smram(vm, stopping_handler, sizeof(stopping_handler), 0);
		move_smbase(&vm->vcpu[0]);
		send_smi(&vm->vcpu[0]);
		run_to(&vm->vcpu[0], INSIDE);
		vm_free(vm);
	}
}

/*
 * RSM that must not succeed.
 */
static void guest_rsm(void)
{
	guest_expect_eq(guest_try("rsm", :), VEC_UD);
}

TEST(rsm_outside_smm)
{
	expect_exit(vm_run(vm_start(guest_rsm)), GUEST_DONE);
}

/* APM vol 2, 10.3.6; SDM vol 3, 31.4.1. */
static void shutdown_by(unsigned int at, unsigned int size, uint64_t value)
{
	struct vm *vm = smm_vm(0, guest_outside);

	run_to(&vm->vcpu[0], OUTSIDE);
	send_smi(&vm->vcpu[0]);
	run_to(&vm->vcpu[0], INSIDE);
	memcpy(smram + at, &value, size);
	expect_exit(vm_run(vm), KVM_EXIT_SHUTDOWN);
	vm_free(vm);
}

TEST(rsm_of_impossible_states)
{
	shutdown_by(WIDE_CR0, 8, CR0_PG | 0x10);		/* paging without protection */
	shutdown_by(WIDE_CR0, 8, 1UL << 29 | CR0_PE | 0x10);	/* NW without CD */
	shutdown_by(WIDE_CR4, 8, CR4_PAE | 1UL << 31);
	shutdown_by(WIDE_CR4, 8, 0);				/* long mode without PAE */
	shutdown_by(WIDE_EFER, 8, 1UL << 62 | 0xd00);
}

/* The distribution's KVM looks at fewer of them; the manuals name these as well. */
TEST(rsm_of_impossible_states_more)
{
	if (distro_modules())
		skip("the distribution's KVM takes the upper half of DR7 and of CR0 as they come");
	shutdown_by(WIDE_DR7, 8, 1UL << 32 | 0x400);
	shutdown_by(WIDE_CR0, 8, 1UL << 32 | CR0_PG | CR0_PE | 0x10);
	shutdown_by(WIDE_CR3, 8, 1UL << 63);
}

/* SMRAM without memory in it: the state cannot be read back. */
TEST(rsm_without_memory)
{
	struct vm *vm = smm_vm(0, guest_outside);
	struct vcpu *vcpu = &vm->vcpu[0];

	run_to(vcpu, OUTSIDE);
	send_smi(vcpu);
	run_to(vcpu, INSIDE);
	must(vm_set_slot(vm->fd, SMRAM_SLOT, 0, SMRAM_GPA, 0, smram));
	must(vm_set_slot(vm->fd, SMRAM_SLOT, 0, SMRAM_GPA, SZ_4K, smram));
	/* The handler's second instruction, where there is still memory. */
	smram[0] = 0x0f;
	smram[1] = 0xaa;
	vcpu_set_regs(vcpu, &(struct kvm_regs) { .rip = 0, .rflags = 2 });
	/* The distribution's KVM calls that an error of its own. */
	expect_exit(vcpu_run(vcpu), distro_modules() ? KVM_EXIT_INTERNAL_ERROR : KVM_EXIT_SHUTDOWN);
}

/*
 * SMBASE.
 */
TEST(smbase_is_moved_by_the_handler)
{
	/* movl $SMRAM_GPA + 64K, %cs:0xff00; out %al, $INSIDE; rsm */
	static const uint8_t handler[] = {
		0x66, 0x2e, 0xc7, 0x06, 0x00, 0xff, 0x00, 0x00, 0x01, 0x20,
		0xe6, INSIDE, 0x0f, 0xaa,
	};
	struct vm *vm = vm_start(guest_peeks);
	struct vcpu *vcpu = &vm->vcpu[0];
	uint64_t base;

	vm_add_slot(vm, SMRAM_GPA, SZ_64K, 0);
	add_smram(vm, handler, sizeof(handler), 0);
	expect_eq(vcpu_get_msr(vcpu, MSR_SMBASE, &base), 1);
	expect_eq(base, 0x30000);
	move_smbase(vcpu);
	run_to(vcpu, OUTSIDE);
	send_smi(vcpu);
	run_to(vcpu, INSIDE);
	expect_eq(vcpu_sregs(vcpu).cs.base, SMRAM_GPA);
	expect_eq(vcpu_get_msr(vcpu, MSR_SMBASE, &base), 1);
	expect_eq(base, SMRAM_GPA);
	run_to(vcpu, OUTSIDE);
	expect_eq(vcpu_get_msr(vcpu, MSR_SMBASE, &base), 1);
	expect_eq(base, SMRAM_GPA + SZ_64K);
	send_smi(vcpu);
	run_to(vcpu, INSIDE);
	expect_eq(vcpu_sregs(vcpu).cs.base, SMRAM_GPA + SZ_64K);
	expect_eq(map_field(SZ_64K + WIDE_SMBASE, 4), SMRAM_GPA + SZ_64K);
}

static void guest_smbase(void)
{
	guest_expect_eq(try_rdmsr(MSR_SMBASE), VEC_GP);
	guest_expect_eq(try_wrmsr(MSR_SMBASE, 0x40000), VEC_GP);
	guest_expect_eq(try_wrmsr(MSR_SMI_COUNT, 0), VEC_GP);
	guest_expect_eq(rdmsr(MSR_SMI_COUNT), 0);
	guest_outside();
	guest_expect_eq(rdmsr(MSR_SMI_COUNT), 1);
}

TEST(msrs)
{
	/* mov $0x9e, %cx; movzx %cx, %ecx; rdmsr; outl %eax, $INSIDE; rsm */
	static const uint8_t handler[] = {
		0x66, 0xb9, 0x9e, 0, 0, 0, 0x0f, 0x32, 0x66, 0xe7, INSIDE, 0x0f, 0xaa,
	};
	struct vm *vm = vm_start(guest_smbase);
	struct vcpu *vcpu = &vm->vcpu[0];

	add_smram(vm, handler, sizeof(handler), 0);
	move_smbase(vcpu);
	run_to(vcpu, OUTSIDE);
	send_smi(vcpu);
	if (distro_modules()) {		/* it lets nobody read it, against SDM vol 4, table 2-2 */
		expect_exit(vcpu_run(vcpu), KVM_EXIT_SHUTDOWN);
		return;
	}
	run_to(vcpu, INSIDE);
	expect_eq(*(uint32_t *)((uint8_t *)vcpu->run + vcpu->run->io.data_offset), SMRAM_GPA);
	expect_exit(vcpu_run(vcpu), GUEST_DONE);
}

/*
 * State out and in.
 */
static void copy_msr(struct vcpu *from, struct vcpu *to, uint32_t msr)
{
	uint64_t value;

	expect_eq(vcpu_get_msr(from, msr, &value), 1);
	expect_eq(vcpu_set_msr(to, msr, value), 1);
}

/* To a VM with the same memory, in the middle of the handler and with another SMI waiting. */
TEST(moved_in_smm)
{
	struct vm *vm = smm_vm(0, guest_outside), *there;
	uint8_t *low = vm->mem, *copy = smram;
	struct vcpu *vcpu = &vm->vcpu[0];
	struct kvm_vcpu_events e;
	struct whole before, in, after;

	run_to(vcpu, OUTSIDE);
	before = whole_of(vcpu);
	send_smi(vcpu);
	run_to(vcpu, INSIDE);
	vcpu->run->immediate_exit = 1;
	expect_eq(vcpu_try_run(vcpu), -EINTR);
	send_smi(vcpu);
	in = whole_of(vcpu);
	e = events_of(vcpu);
	expect_eq(e.smi.smm, 1);
	expect_eq(e.smi.pending, 1);

	there = vm_start(guest_return);
	add_smram(there, stopping_handler, sizeof(stopping_handler), 0);
	memcpy(there->mem, low, LOW_MEM_SIZE);
	memcpy(smram, copy, SMRAM_SIZE);
	copy_msr(vcpu, &there->vcpu[0], MSR_SMBASE);
	copy_msr(vcpu, &there->vcpu[0], MSR_SMI_COUNT);
	put_whole(&there->vcpu[0], &in);
	must(ioctl(there->vcpu[0].fd, KVM_SET_VCPU_EVENTS, &e));
	vm_free(vm);

	vcpu = &there->vcpu[0];
	run_to(vcpu, INSIDE);		/* RSM, and the other SMI */
	after = whole_of(vcpu);
	expect_handler_state(&before, &after, 1);
	expect_eq(events_of(vcpu).smi.pending, 0);
	expect_exit(vcpu_run(vcpu), GUEST_DONE);
	expect_eq(events_of(vcpu).smi.smm, 0);
}

/* Put into SMM and out of it by user space alone, as a reset of the machine does. */
TEST(events_put_in_and_out)
{
	struct vm *vm = smm_vm(0, guest_peeks);
	struct vcpu *vcpu = &vm->vcpu[0];
	uint8_t *below = vm_add_slot(vm, SMRAM_GPA, SZ_64K, 0);
	struct kvm_vcpu_events e;

	below[0x10] = 1;
	smram[0x10] = 2;
	run_to(vcpu, OUTSIDE);
	expect_eq(out_byte(vcpu), 1);
	e = events_of(vcpu);
	e.smi.smm = 1;
	e.smi.smm_inside_nmi = 1;
	must(ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &e));
	e = events_of(vcpu);
	expect_eq(e.smi.smm, 1);
	expect_eq(e.smi.smm_inside_nmi, 1);
	expect_exit(vcpu_run(vcpu), KVM_EXIT_IO);
	expect_eq(out_byte(vcpu), 2);
	expect_eq(vcpu->run->flags & KVM_RUN_X86_SMM, KVM_RUN_X86_SMM);
	/* Without the flag nothing of it changes. */
	e.flags &= ~KVM_VCPUEVENT_VALID_SMM;
	e.smi.smm = 0;
	must(ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &e));
	expect_eq(events_of(vcpu).smi.smm, 1);
	e.flags |= KVM_VCPUEVENT_VALID_SMM;
	must(ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &e));
	expect_eq(events_of(vcpu).smi.smm, 0);
	run_to(vcpu, OUTSIDE);
	expect_eq(out_byte(vcpu), 1);
}

/* Who waits for a SIPI is not in SMM, nor the other way round. */
TEST(no_smm_where_sipi_is_awaited)
{
	struct vm *vm = vm_new(VM_IRQCHIP);
	struct kvm_mp_state waiting = { .mp_state = KVM_MP_STATE_INIT_RECEIVED };
	struct kvm_vcpu_events e;
	struct vcpu *vcpu;

	REQUIRE_CAP(KVM_CAP_X86_SMM);
	vcpu_start(vm, 0, guest_return);
	vcpu = vcpu_start(vm, 1, guest_return);
	e = events_of(vcpu);
	e.smi.smm = 1;
	must(ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &e));
	expect_errno(ioctl(vcpu->fd, KVM_SET_MP_STATE, &waiting), EINVAL);
	expect_eq(mp_state(vcpu), KVM_MP_STATE_RUNNABLE);
	e.smi.smm = 0;
	must(ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &e));
	must(ioctl(vcpu->fd, KVM_SET_MP_STATE, &waiting));
	e.smi.pending = 1;
	expect_errno(ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &e), EINVAL);
	expect_eq(events_of(vcpu).smi.pending, 0);
}

static int listed(uint32_t msr)
{
	struct {
		struct kvm_msr_list head;
		uint32_t index[1024];
	} list = { .head.nmsrs = 1024 };
	unsigned int i;

	must(ioctl(kvm_open(), KVM_GET_MSR_INDEX_LIST, &list));
	for (i = 0; i < list.head.nmsrs; i++)
		if (list.index[i] == msr)
			return 1;
	return 0;
}

TEST(smbase_is_listed)
{
	REQUIRE_CAP(KVM_CAP_X86_SMM);
	expect(listed(MSR_SMBASE));
	expect(listed(MSR_SMI_COUNT));
}
