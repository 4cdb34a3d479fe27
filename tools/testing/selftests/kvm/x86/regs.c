// SPDX-License-Identifier: GPL-2.0-only
/*
 * vCPU state, set and read from outside and seen from inside: what was set is what the guest finds,
 * what the guest leaves is what is read, and what cannot be is refused with nothing changed.
 */
#include "agent.h"
#include "guest.h"

#define MSR_TSC		0x10
#define MSR_SYSENTER_CS	0x174
#define MSR_PAT		0x277
#define MSR_STAR	0xc0000081
#define MSR_LSTAR	0xc0000082
#define MSR_CSTAR	0xc0000083
#define MSR_SFMASK	0xc0000084
#define MSR_FS_BASE	0xc0000100
#define MSR_GS_BASE	0xc0000101
#define MSR_KERNEL_GS	0xc0000102
#define MSR_TSC_AUX	0xc0000103

#define MANY_MSRS	10000

static void nothing(void)
{
}

/* ---- general registers ----------------------------------------------------------------------- */

/*
 * Exits with every register as it came in, plus one. The port number takes DX, the operation EAX;
 * both come back.
 */
asm(".pushsection .text\n"
    "guest_add_one:\n"
    "inc %rbx\n inc %rcx\n inc %rsi\n inc %rdi\n inc %rbp\n"
    "inc %r8\n inc %r9\n inc %r10\n inc %r11\n inc %r12\n inc %r13\n inc %r14\n inc %r15\n"
    "lea 1(%rax), %r15\n lea 1(%rdx), %r14\n"
    "out %al, $0x77\n"
    "hlt\n"
    ".popsection");
void guest_add_one(void);

TEST(regs)
{
	struct vm *vm = vm_start(guest_add_one);
	struct kvm_regs in, out;
	uint64_t *word = (uint64_t *)&in;
	unsigned int i;

	in = vcpu_regs(&vm->vcpu[0]);
	for (i = 0; i < 16; i++)
		if (&word[i] != (uint64_t *)&in.rsp)
			word[i] = 0x8123456789abcd00 * (i + 1);
	vcpu_set_regs(&vm->vcpu[0], &in);
	out = vcpu_regs(&vm->vcpu[0]);
	expect_eq(memcmp(&in, &out, sizeof(in)), 0);
	expect_exit(vm_run(vm), KVM_EXIT_IO);
	out = vcpu_regs(&vm->vcpu[0]);
	expect_eq(out.rax, in.rax);
	expect_eq(out.rbx, in.rbx + 1);
	expect_eq(out.rcx, in.rcx + 1);
	expect_eq(out.rdx, in.rdx);
	expect_eq(out.rsi, in.rsi + 1);
	expect_eq(out.rdi, in.rdi + 1);
	expect_eq(out.rbp, in.rbp + 1);
	expect_eq(out.rsp, in.rsp);
	expect_eq(out.r8, in.r8 + 1);
	expect_eq(out.r13, in.r13 + 1);
	expect_eq(out.r14, in.rdx + 1);
	expect_eq(out.r15, in.rax + 1);
}

/* Bit 1 of RFLAGS is always set; RIP and RFLAGS set from outside are where the guest goes on. */
TEST(rip_and_rflags)
{
	struct vm *vm = vm_start(nothing);
	struct kvm_regs regs = vcpu_regs(&vm->vcpu[0]);

	regs.rflags = 0x8d5;
	vcpu_set_regs(&vm->vcpu[0], &regs);
	expect_eq(vcpu_regs(&vm->vcpu[0]).rflags, 0x8d7);
	regs.rip = (uintptr_t)guest_add_one;
	vcpu_set_regs(&vm->vcpu[0], &regs);
	expect_exit(vm_run(vm), KVM_EXIT_IO);
	regs.rip = (uintptr_t)nothing;
	vcpu_set_regs(&vm->vcpu[0], &regs);
	expect_exit(vm_run(vm), GUEST_DONE);
}

/* ---- segments and control registers ---------------------------------------------------------- */

TEST(sregs_round_trip)
{
	struct vm *vm = vm_start(nothing);
	struct kvm_sregs in = vcpu_sregs(&vm->vcpu[0]), out;

	in.fs.base = 0x1122334455667000;
	in.fs.base &= 0x7fffffffffff;
	in.gs.base = 0xffff800000001000;
	in.ds.limit = 0xfffff;
	in.ds.g = 0;
	in.cr2 = 0x123456;
	in.cr8 = 7;
	in.gdt.limit = 0x1234;
	in.idt.base = 0x777000;
	must(ioctl(vm->vcpu[0].fd, KVM_SET_SREGS, &in));
	out = vcpu_sregs(&vm->vcpu[0]);
	expect_eq(out.fs.base, in.fs.base);
	expect_eq(out.gs.base, in.gs.base);
	expect_eq(out.ds.limit, in.ds.limit);
	expect_eq(out.ds.g, 0);
	expect_eq(out.cr2, in.cr2);
	expect_eq(out.cr8, in.cr8);
	expect_eq(out.gdt.limit, in.gdt.limit);
	expect_eq(out.idt.base, in.idt.base);
	expect_eq(out.tr.base, in.tr.base);
	expect_eq(out.efer, in.efer);
	expect_eq(out.cr4, in.cr4);
}

/* State at reset (SDM vol 3, table 9-1). */
TEST(reset_state)
{
	struct vm *vm = vm_new(VM_IRQCHIP);
	struct vcpu *vcpu = vcpu_new(vm, 0);
	struct kvm_sregs s = vcpu_sregs(vcpu);
	struct kvm_regs r = vcpu_regs(vcpu);

	expect_eq(r.rip, 0xfff0);
	expect_eq(r.rflags, 2);
	expect_eq(s.cs.selector, 0xf000);
	expect_eq(s.cs.base, 0xffff0000);
	expect_eq(s.cs.limit, 0xffff);
	expect_eq(s.ds.base, 0);
	expect_eq(s.ds.limit, 0xffff);
	expect_eq(s.cr0, 0x60000010);
	expect_eq(s.cr3, 0);
	expect_eq(s.cr4, 0);
	expect_eq(s.efer, 0);
	expect_eq(s.idt.limit, 0xffff);
	expect_eq(s.gdt.limit, 0xffff);
	expect_eq(s.apic_base, 0xfee00900);	/* enabled, bootstrap processor */
}

static void expect_bad_sregs(struct vm *vm, const char *what, const struct kvm_sregs *bad)
{
	struct kvm_sregs before = vcpu_sregs(&vm->vcpu[0]), after;
	long r = ioctl(vm->vcpu[0].fd, KVM_SET_SREGS, bad);

	if (r != -1 || errno != EINVAL)
		fail("%s: %ld, %s", what, r, strerror(errno));
	after = vcpu_sregs(&vm->vcpu[0]);
	if (memcmp(&before, &after, sizeof(before)))
		fail("%s: refused, but something changed", what);
}

#define BAD(what, change)						\
	do {								\
		struct kvm_sregs s = good;				\
		change;							\
		expect_bad_sregs(vm, what, &s);				\
	} while (0)

TEST(bad_sregs)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, nothing);
	const struct kvm_sregs good = vcpu_sregs(&vm->vcpu[0]);

	BAD("CR0 high bits", s.cr0 |= 1UL << 32);
	BAD("CR0.PG without PE", s.cr0 &= ~1UL);
	BAD("CR0.NW without CD", s.cr0 |= 1UL << 29);
	BAD("CR4 reserved bit", s.cr4 |= 1UL << 30);
	BAD("CR4 high bits", s.cr4 |= 1UL << 32);
	BAD("long mode without PAE", s.cr4 &= ~(1UL << 5));
	BAD("LME and PG without LMA", s.efer &= ~(1UL << 10));
	BAD("LMA without LME", s.efer &= ~(1UL << 8));
	BAD("CR3 above the physical address width", s.cr3 |= 1UL << 60);
	BAD("APIC base reserved bits", s.apic_base |= 1);
	BAD("x2APIC without enable", s.apic_base = (s.apic_base & ~APICBASE_EN) | APICBASE_X2);
	BAD("APIC base too high", s.apic_base |= 1UL << 60);
	expect_exit(vm_run(vm), GUEST_DONE);
}

/* One bit of interrupt_bitmap is an interrupt to be delivered first (KVM API 4.14). */
static uint32_t hits[256];

static void count_hit(struct trap_frame *f)
{
	hits[f->vector]++;
}

static void guest_finds_interrupt(void)
{
	guest_on(0x66, count_hit);
	guest_sync(0);
	sti();
	guest_expect_eq(GUEST_ONCE(hits[0x66]), 1);
}

TEST(sregs_interrupt_bitmap)
{
	struct vm *vm = vm_start(guest_finds_interrupt);
	struct kvm_regs regs;
	struct kvm_sregs s;

	expect_exit(vm_run(vm), GUEST_SYNC);
	/* Complete the port access, then make the guest able to take it. */
	vm->run->immediate_exit = 1;
	expect_eq(-vcpu_try_run(&vm->vcpu[0]), EINTR);
	vm->run->immediate_exit = 0;
	regs = vcpu_regs(&vm->vcpu[0]);
	regs.rflags |= 1 << 9;
	vcpu_set_regs(&vm->vcpu[0], &regs);
	s = vcpu_sregs(&vm->vcpu[0]);
	expect_eq(s.interrupt_bitmap[1], 0);
	s.interrupt_bitmap[0x66 / 64] |= 1UL << 0x66 % 64;
	must(ioctl(vm->vcpu[0].fd, KVM_SET_SREGS, &s));
	s = vcpu_sregs(&vm->vcpu[0]);
	expect_eq(s.interrupt_bitmap[1], 1UL << 0x66 % 64);
	expect_exit(vm_run(vm), GUEST_DONE);
}

/* ---- FPU and XSAVE --------------------------------------------------------------------------- */

static uint64_t xmm_image[4] __attribute__((aligned(16)));

static void guest_moves_xmm(void)
{
	asm volatile("fld1; pcmpeqd %%xmm3, %%xmm3" : : : "memory");
	guest_sync(0);
	asm volatile("movdqa %%xmm3, %0" : "=m"(xmm_image[0]));
	xmm_image[0]++;
	asm volatile("movdqa %0, %%xmm12" : : "m"(xmm_image[0]));
	guest_sync(0);
	asm volatile("movdqa %%xmm12, %0" : "=m"(xmm_image[2]));
	guest_sync(0);
}

TEST(fpu)
{
	struct vm *vm = vm_start(guest_moves_xmm);
	struct kvm_fpu fpu, again;
	int cpu = vm->vcpu[0].fd;

	/*
	 * First let the guest use the FPU and SSE: before that the distribution's modules take x87
	 * and SSE state to be in their initial configuration, and KVM_SET_FPU does not tell them
	 * otherwise.
	 */
	expect_exit(vm_run(vm), GUEST_SYNC);
	must(ioctl(cpu, KVM_GET_FPU, &fpu));
	expect_eq(fpu.fcw, 0x37f);
	expect_eq(*(uint64_t *)fpu.xmm[3], ~0UL);
	/* The distribution's modules leave this field of struct kvm_fpu at 0. */
	if (!distro_modules())
		expect_eq(fpu.mxcsr, 0x1f80);
	memset(fpu.xmm[3], 0x5a, 16);
	memset(fpu.fpr[2], 0x3c, 10);
	fpu.fcw = 0x27f;
	must(ioctl(cpu, KVM_SET_FPU, &fpu));
	must(ioctl(cpu, KVM_GET_FPU, &again));
	expect_eq(memcmp(fpu.xmm, again.xmm, sizeof(fpu.xmm)), 0);
	expect_eq(memcmp(fpu.fpr[2], again.fpr[2], 10), 0);
	expect_eq(again.fcw, 0x27f);
	expect_exit(vm_run(vm), GUEST_SYNC);
	must(ioctl(cpu, KVM_GET_FPU, &again));
	expect_eq(*(uint64_t *)again.xmm[12], 0x5a5a5a5a5a5a5a5b);
	expect_eq(*(uint64_t *)(again.xmm[12] + 8), 0x5a5a5a5a5a5a5a5a);
	expect_exit(vm_run(vm), GUEST_SYNC);
	expect_eq(*in_guest(vm, &xmm_image[2]), 0x5a5a5a5a5a5a5a5b);
}

/*
 * The host's own registers are not the guest's: each side finds its own after the other used the
 * same.
 */
static void guest_overwrites_xmm(void)
{
	for (;;) {
		asm volatile("pcmpeqd %%xmm5, %%xmm5" : : : "memory");
		guest_sync(0);
		asm volatile("movdqa %%xmm5, %0" : "=m"(xmm_image[0]));
		guest_expect_eq(xmm_image[0], ~0UL);
	}
}

TEST(fpu_host_state_is_kept)
{
	static uint64_t pattern[2] __attribute__((aligned(16))) = { 0x1234, 0x5678 };
	static uint64_t now[2] __attribute__((aligned(16)));
	struct vm *vm = vm_start(guest_overwrites_xmm);
	int cpu = vm->vcpu[0].fd, i;
	long r;

	for (i = 0; i < 20; i++) {
		asm volatile("movdqa %2, %%xmm5; syscall; movdqa %%xmm5, %1"
			     : "=a"(r), "=m"(now[0])
			     : "m"(pattern[0]), "a"(16L), "D"((long)cpu), "S"((long)KVM_RUN),
			     "d"(0L)
			     : "rcx", "r11", "memory");
		expect_eq(r, 0);
		expect_eq(now[0], 0x1234);
		expect_eq(now[1], 0x5678);
	}
}

TEST(xsave)
{
	struct vm *vm = vm_start(guest_moves_xmm);
	struct kvm_xsave *x = calloc(1, SZ_64K), *again = calloc(1, SZ_64K);
	int cpu = vm->vcpu[0].fd;
	uint64_t *xstate_bv = (uint64_t *)&x->region[128];
	uint32_t *mxcsr = &x->region[6];

	REQUIRE_CAP(KVM_CAP_XSAVE);
	must(ioctl(cpu, KVM_GET_XSAVE, x));
	expect_eq(*mxcsr, 0x1f80);
	expect_exit(vm_run(vm), GUEST_SYNC);
	memset(&x->region[(160 + 3 * 16) / 4], 0x5a, 16);
	*xstate_bv |= 2;
	must(ioctl(cpu, KVM_SET_XSAVE, x));
	expect_exit(vm_run(vm), GUEST_SYNC);
	must(ioctl(cpu, KVM_GET_XSAVE, again));
	expect_eq(*(uint64_t *)&again->region[(160 + 12 * 16) / 4], 0x5a5a5a5a5a5a5a5b);
	*xstate_bv |= 1UL << 62;
	expect_errno(ioctl(cpu, KVM_SET_XSAVE, x), EINVAL);
	*xstate_bv &= ~(1UL << 62);
	*mxcsr = ~0u;
	expect_errno(ioctl(cpu, KVM_SET_XSAVE, x), EINVAL);
}

TEST(xsave2)
{
	struct vm *vm = vm_start(guest_moves_xmm);
	int size = must(ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_XSAVE2));
	uint8_t *big, *small = calloc(1, SZ_4K);

	if (!size)
		skip("KVM_CAP_XSAVE2 is not reported");
	expect_ge(size, 4096);
	big = calloc(1, size + 64);
	memset(big + size, 0xee, 64);
	expect_exit(vm_run(vm), GUEST_SYNC);
	must(ioctl(vm->vcpu[0].fd, KVM_GET_XSAVE2, big));
	must(ioctl(vm->vcpu[0].fd, KVM_GET_XSAVE, small));
	expect_eq(memcmp(big, small, 1024), 0);
	expect_eq(big[size], 0xee);
}

static uint64_t seen_xcr0;

static void guest_reads_xcr0(void)
{
	uint32_t lo, hi;
	uint64_t cr4;

	asm volatile("mov %%cr4, %0; or $0x40000, %0; mov %0, %%cr4" : "=&r"(cr4));
	asm volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	seen_xcr0 = lo;
	/* CPUID tells that OSXSAVE is on, though no one set CPUID anew. */
	guest_expect_eq(guest_cpuid(1, 0).ecx >> 27 & 1, 1);
	guest_sync(0);
}

TEST(xcrs)
{
	struct vm *vm = vm_start(guest_reads_xcr0);
	struct kvm_xcrs x = { 0 };
	int cpu = vm->vcpu[0].fd;

	REQUIRE_CAP(KVM_CAP_XCRS);
	must(ioctl(cpu, KVM_GET_XCRS, &x));
	expect_eq(x.nr_xcrs, 1);
	expect_eq(x.xcrs[0].xcr, 0);
	expect_eq(x.xcrs[0].value, 1);
	x.xcrs[0].value = 3;
	must(ioctl(cpu, KVM_SET_XCRS, &x));
	expect_exit(vm_run(vm), GUEST_SYNC);
	expect_eq(*in_guest(vm, &seen_xcr0), 3);
	x.xcrs[0].value = 2;		/* x87 state is not optional */
	expect_errno(ioctl(cpu, KVM_SET_XCRS, &x), EINVAL);
	x.xcrs[0].value = 5;		/* nor is SSE state with AVX */
	expect_errno(ioctl(cpu, KVM_SET_XCRS, &x), EINVAL);
	x.xcrs[0].value = 1UL << 60;
	expect_errno(ioctl(cpu, KVM_SET_XCRS, &x), EINVAL);
	x.nr_xcrs = KVM_MAX_XCRS + 1;
	expect_errno(ioctl(cpu, KVM_SET_XCRS, &x), EINVAL);
	must(ioctl(cpu, KVM_GET_XCRS, &x));
	expect_eq(x.xcrs[0].value, 3);
}

/* ---- debug registers ------------------------------------------------------------------------- */

static uint64_t seen_dr[4];

static void guest_debug_registers(void)
{
	asm volatile("mov %%dr0, %0" : "=r"(seen_dr[0]));
	asm volatile("mov %%dr3, %0" : "=r"(seen_dr[3]));
	asm volatile("mov %0, %%dr1" : : "r"(0x1111UL));
	guest_sync(0);
}

TEST(debugregs)
{
	struct vm *vm = vm_start(guest_debug_registers);
	struct kvm_debugregs d = { 0 };
	int cpu = vm->vcpu[0].fd;

	must(ioctl(cpu, KVM_GET_DEBUGREGS, &d));
	expect_eq(d.dr6, 0xffff0ff0);
	expect_eq(d.dr7, 0x400);
	d.db[0] = 0x4000;
	d.db[3] = 0x7fffffff1000;
	must(ioctl(cpu, KVM_SET_DEBUGREGS, &d));
	expect_exit(vm_run(vm), GUEST_SYNC);
	expect_eq(in_guest(vm, &seen_dr[0])[0], 0x4000);
	expect_eq(in_guest(vm, &seen_dr[0])[3], 0x7fffffff1000);
	must(ioctl(cpu, KVM_GET_DEBUGREGS, &d));
	expect_eq(d.db[1], 0x1111);
	d.dr7 |= 1UL << 32;
	expect_errno(ioctl(cpu, KVM_SET_DEBUGREGS, &d), EINVAL);
	d.dr7 = 0x400;
	d.dr6 |= 1UL << 40;
	expect_errno(ioctl(cpu, KVM_SET_DEBUGREGS, &d), EINVAL);
	d.dr6 = 0xffff0ff0;
	d.flags = 1;
	expect_errno(ioctl(cpu, KVM_SET_DEBUGREGS, &d), EINVAL);
}

/* ---- events ---------------------------------------------------------------------------------- */

static uint64_t seen_error = ~0UL;

static void on_injected_gp(struct trap_frame *f)
{
	seen_error = f->error;
	hits[f->vector]++;
}

static void guest_gets_events(void)
{
	guest_on(VEC_GP, on_injected_gp);
	guest_on(VEC_NMI, count_hit);
	guest_sync(0);
	guest_expect_eq(GUEST_ONCE(hits[VEC_GP]), 1);
	guest_expect_eq(GUEST_ONCE(seen_error), 0x1234);
	guest_sync(0);
	guest_expect_eq(GUEST_ONCE(hits[VEC_NMI]), 1);
}

static struct kvm_vcpu_events get_events(struct vm *vm)
{
	struct kvm_vcpu_events e;

	must(ioctl(vm->vcpu[0].fd, KVM_GET_VCPU_EVENTS, &e));
	return e;
}

TEST(vcpu_events)
{
	struct vm *vm = vm_start(guest_gets_events);
	struct kvm_vcpu_events e;

	expect_exit(vm_run(vm), GUEST_SYNC);
	e = get_events(vm);
	expect_eq(e.exception.injected, 0);
	expect_eq(e.nmi.pending, 0);
	e.exception.injected = 1;
	e.exception.nr = VEC_GP;
	e.exception.has_error_code = 1;
	e.exception.error_code = 0x1234;
	must(ioctl(vm->vcpu[0].fd, KVM_SET_VCPU_EVENTS, &e));
	e = get_events(vm);
	expect_eq(e.exception.injected, 1);
	expect_eq(e.exception.nr, VEC_GP);
	expect_eq(e.exception.error_code, 0x1234);
	expect_exit(vm_run(vm), GUEST_SYNC);
	e = get_events(vm);
	expect_eq(e.exception.injected, 0);
	e.flags |= KVM_VCPUEVENT_VALID_NMI_PENDING;
	e.nmi.pending = 1;
	must(ioctl(vm->vcpu[0].fd, KVM_SET_VCPU_EVENTS, &e));
	expect_eq(get_events(vm).nmi.pending, 1);
	expect_exit(vm_run(vm), GUEST_DONE);
}

TEST(bad_vcpu_events)
{
	struct vm *vm = vm_start(nothing);
	struct kvm_vcpu_events e = get_events(vm), bad = e;

	bad.flags = 1u << 31;
	expect_errno(ioctl(vm->vcpu[0].fd, KVM_SET_VCPU_EVENTS, &bad), EINVAL);
	bad = e;
	bad.exception.injected = 1;
	bad.exception.nr = 32;
	expect_errno(ioctl(vm->vcpu[0].fd, KVM_SET_VCPU_EVENTS, &bad), EINVAL);
	bad.exception.nr = VEC_NMI;
	expect_errno(ioctl(vm->vcpu[0].fd, KVM_SET_VCPU_EVENTS, &bad), EINVAL);
	expect_exit(vm_run(vm), GUEST_DONE);
}

/* ---- MSRs ------------------------------------------------------------------------------------ */

static const struct {
	uint32_t index;
	uint64_t value, other;
} msr_rows[] = {
	{ MSR_SYSENTER_CS, 0x1230, 0x18 },
	{ 0x175, 0x123450, 0xffffe000 },	/* SYSENTER: 32 bits on AMD */
	{ 0x176, 0xfff01230, 0x1000 },
	{ MSR_STAR, 0x0023001000000000, 0 },
	{ MSR_LSTAR, 0xffffffff81234560, 0x1000 },
	{ MSR_CSTAR, 0xffffffff81234570, 0x2000 },
	{ MSR_SFMASK, 0x47700, 0x200 },
	{ MSR_KERNEL_GS, 0xffff888812345000, 0x3000 },
	{ MSR_FS_BASE, 0x7f1234567000, 0x4000 },
	{ MSR_GS_BASE, 0x7f1234568000, 0x5000 },
	{ MSR_PAT, 0x0007040600070406, 0x0606060606060606 },
	{ 0x2ff, 0xc06, 0x800 },			/* MTRR default type */
	{ 0x200, 0x80000006, 0 }, { 0x201, 0xf80000800, 0 },
	{ 0x250, 0x0606060606060606, 0 },
};

static void guest_checks_msrs(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(msr_rows); i++) {
		uint64_t v = rdmsr(msr_rows[i].index);

		if (v != msr_rows[i].value)
			guest_fail(__FILE__, __LINE__, "MSR (a: index, b: value)",
				   msr_rows[i].index, v);
		wrmsr(msr_rows[i].index, msr_rows[i].other);
	}
	guest_sync(0);
}

TEST(msrs)
{
	struct vm *vm = vm_start(guest_checks_msrs);
	unsigned int i;
	uint64_t v;

	for (i = 0; i < ARRAY_SIZE(msr_rows); i++)
		if (!vcpu_set_msr(&vm->vcpu[0], msr_rows[i].index, msr_rows[i].value))
			fail("MSR %#x does not take %#llx", msr_rows[i].index,
			     (unsigned long long)msr_rows[i].value);
	expect_exit(vm_run(vm), GUEST_SYNC);
	for (i = 0; i < ARRAY_SIZE(msr_rows); i++) {
		expect_eq(vcpu_get_msr(&vm->vcpu[0], msr_rows[i].index, &v), 1);
		if (v != msr_rows[i].other)
			fail("MSR %#x: the guest wrote %#llx, got %#llx", msr_rows[i].index,
			     (unsigned long long)msr_rows[i].other, (unsigned long long)v);
	}
}

/*
 * The answer to a list is how many of its entries, from the start, went through (KVM API 4.18,
 * 4.19).
 */
TEST(msr_list_stops_at_the_first_bad_one)
{
	struct vm *vm = vm_start(nothing);
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry[4];
	} list = {
		.head.nmsrs = 4,
		.entry = {
			{ .index = MSR_LSTAR, .data = 0x1000 },
			{ .index = MSR_CSTAR, .data = 0x2000 },
			{ .index = 0x12345 }, { .index = MSR_SFMASK, .data = 0x100 },
		},
	};
	uint64_t v;

	expect_eq(must(ioctl(vm->vcpu[0].fd, KVM_SET_MSRS, &list)), 2);
	expect_eq(must(ioctl(vm->vcpu[0].fd, KVM_GET_MSRS, &list)), 2);
	vcpu_get_msr(&vm->vcpu[0], MSR_SFMASK, &v);
	expect_eq(v, 0);
	expect_eq(vcpu_set_msr(&vm->vcpu[0], MSR_PAT, 0x0202020202020202), 0);
	expect_eq(vcpu_set_msr(&vm->vcpu[0], MSR_KERNEL_GS, 1UL << 62), 0);
	vcpu_get_msr(&vm->vcpu[0], MSR_PAT, &v);
	expect_eq(v, 0x0007040600070406);
}

TEST(msr_list_too_long)
{
	struct kvm_msrs *list = calloc(1, sizeof(*list) + MANY_MSRS * sizeof(list->entries[0]));
	struct vm *vm = vm_start(nothing);

	list->nmsrs = MANY_MSRS;
	expect_errno(ioctl(vm->vcpu[0].fd, KVM_GET_MSRS, list), E2BIG);
	expect_errno(ioctl(vm->vcpu[0].fd, KVM_SET_MSRS, list), E2BIG);
	list->nmsrs = 0;
	expect_eq(must(ioctl(vm->vcpu[0].fd, KVM_GET_MSRS, list)), 0);
}

static uint64_t tsc_in_guest;

static void guest_reads_tsc(void)
{
	tsc_in_guest = rdtsc();
	guest_sync(0);
	guest_expect(rdtsc() > tsc_in_guest);
}

/* The TSC is set far ahead and goes on from there. */
TEST(tsc)
{
	const uint64_t ahead = 1UL << 50;
	struct vm *vm = vm_start(guest_reads_tsc);
	uint64_t v;

	expect_eq(vcpu_set_msr(&vm->vcpu[0], MSR_TSC, ahead), 1);
	expect_exit(vm_run(vm), GUEST_SYNC);
	expect_ge(*in_guest(vm, &tsc_in_guest), ahead);
	expect_eq(vcpu_get_msr(&vm->vcpu[0], MSR_TSC, &v), 1);
	expect_ge(v, *in_guest(vm, &tsc_in_guest));
	expect_le(v - ahead, 1UL << 40);
	expect_exit(vm_run(vm), GUEST_DONE);
}

TEST(tsc_khz)
{
	struct vm *vm = vm_start(nothing);

	REQUIRE_CAP(KVM_CAP_GET_TSC_KHZ);
	expect_ge(must(ioctl(vm->vcpu[0].fd, KVM_GET_TSC_KHZ, 0)), 1000);
}

/* ---- CPUID ----------------------------------------------------------------------------------- */

static void guest_checks_cpuid(void)
{
	struct cpuid_regs r = guest_cpuid(0x40000000, 0);

	guest_expect_eq(r.ebx, 0x11111111);
	r = guest_cpuid(0x40000000, 7);		/* the index means nothing to this leaf */
	guest_expect_eq(r.edx, 0x33333333);
	r = guest_cpuid(4, 1);
	guest_expect_eq(r.eax, 0x44);
	r = guest_cpuid(4, 0);
	guest_expect_eq(r.eax, 0x43);
	r = guest_cpuid(4, 99);
	guest_expect_eq(r.eax, 0);
	r = guest_cpuid(0x40001234, 0);
	guest_expect_eq(r.eax | r.ebx | r.ecx | r.edx, 0);
}

static struct kvm_cpuid2 *small_cpuid(void)
{
	static struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 e[7];
	} list = {
		.head.nent = 7,
		.e = {
			{ .function = 0, .eax = 13, .ebx = 0x68747541, .ecx = 0x444d4163,
			  .edx = 0x69746e65 },
			{ .function = 0x40000000, .eax = 0x40000000, .ebx = 0x11111111,
			  .edx = 0x33333333 },
			{ .function = 4, .index = 0, .eax = 0x43,
			  .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX },
			{ .function = 4, .index = 1, .eax = 0x44,
			  .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX },
			/* FPU, PSE, TSC, MSR, PAE, APIC, FXSR, SSE, SSE2 */
			{ .function = 1, .edx = 0x07000279 },
			{ .function = 0x80000000, .eax = 0x80000008 },
			{ .function = 0x80000001, .edx = 1 << 29 | 1 << 20 },
		},
	};

	return &list.head;
}

TEST(cpuid)
{
	struct kvm_cpuid2 *set = small_cpuid();
	struct kvm_cpuid2 *got = calloc(1, sizeof(*got) + 64 * sizeof(got->entries[0]));
	struct vm *vm = vm_new(0);
	struct vcpu *vcpu = vcpu_new(vm, 0);
	unsigned int i;

	must(ioctl(vcpu->fd, KVM_SET_CPUID2, set));
	vcpu_set_long_mode(vcpu, guest_checks_cpuid);
	got->nent = 64;
	must(ioctl(vcpu->fd, KVM_GET_CPUID2, got));
	/* nent is "in/out" in KVM API 4.21; the distribution's modules never write it back here. */
	if (!distro_modules())
		expect_eq(got->nent, set->nent);
	for (i = 0; i < set->nent; i++) {
		expect_eq(got->entries[i].function, set->entries[i].function);
		expect_eq(got->entries[i].index, set->entries[i].index);
		expect_eq(got->entries[i].eax, set->entries[i].eax);
		expect_eq(got->entries[i].ebx, set->entries[i].ebx);
	}
	got->nent = set->nent - 1;
	expect_errno(ioctl(vcpu->fd, KVM_GET_CPUID2, got), E2BIG);
	expect_exit(vm_run(vm), GUEST_DONE);
}

TEST(cpuid_too_long)
{
	struct kvm_cpuid2 *list = calloc(1, sizeof(*list) + 10000 * sizeof(list->entries[0]));
	struct vm *vm = vm_start(nothing);

	list->nent = 10000;
	expect_errno(ioctl(vm->vcpu[0].fd, KVM_SET_CPUID2, list), E2BIG);
	expect_exit(vm_run(vm), GUEST_DONE);
}

/*
 * After its first run a vCPU's CPUID can no longer change; setting the same again is no change (KVM
 * API 4.20).
 */
TEST(cpuid_after_run)
{
	struct vm *vm = vm_start(nothing);
	struct kvm_cpuid2 *list = supported_cpuid();

	must(ioctl(vm->vcpu[0].fd, KVM_SET_CPUID2, list));
	expect_exit(vm_run(vm), GUEST_DONE);
	must(ioctl(vm->vcpu[0].fd, KVM_SET_CPUID2, list));
	cpuid_find(list, 0, 0)->ebx ^= 1;
	expect_errno(ioctl(vm->vcpu[0].fd, KVM_SET_CPUID2, list), EINVAL);
}

/*
 * A feature that CPUID does not show cannot be switched on, neither by the guest nor from outside.
 */
static void guest_tries_la57(void)
{
	uint64_t cr4;

	asm volatile("mov %%cr4, %0" : "=r"(cr4));
	guest_expect_eq(guest_try("mov %0, %%cr4", : : "r"(cr4 | 1 << 20)), VEC_GP);	/* SMEP */
}

TEST(cr4_follows_cpuid)
{
	struct vm *vm = vm_new(0);
	struct vcpu *vcpu = vcpu_new(vm, 0);
	struct kvm_sregs s;

	must(ioctl(vcpu->fd, KVM_SET_CPUID2, small_cpuid()));
	vcpu_set_long_mode(vcpu, guest_tries_la57);
	s = vcpu_sregs(vcpu);
	s.cr4 |= 1 << 20;
	expect_errno(ioctl(vcpu->fd, KVM_SET_SREGS, &s), EINVAL);
	expect_exit(vm_run(vm), GUEST_DONE);
}

/* ---- local APIC and the rest ----------------------------------------------------------------- */

TEST(lapic_state)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, nothing), *none = vm_start(nothing);
	struct vcpu *ap = vcpu_start(vm, 3, nothing);
	struct kvm_lapic_state l, again;

	expect_errno(ioctl(none->vcpu[0].fd, KVM_GET_LAPIC, &l), EINVAL);
	must(ioctl(ap->fd, KVM_GET_LAPIC, &l));
	expect_eq(*(uint32_t *)(l.regs + 0x20), 3u << 24);
	expect_eq(*(uint32_t *)(l.regs + 0x30) & 0xff, 0x14);
	expect_eq(*(uint32_t *)(l.regs + 0xf0), 0xff);
	expect_eq(*(uint32_t *)(l.regs + 0xe0), 0xffffffff);
	*(uint32_t *)(l.regs + 0xf0) = 0x1ff;
	*(uint32_t *)(l.regs + 0x80) = 0x40;
	*(uint32_t *)(l.regs + 0x350) = 0x700;
	*(uint32_t *)(l.regs + 0x100 + 0x10 * 4) = 1 << 5;	/* vector 0x85 in service */
	must(ioctl(ap->fd, KVM_SET_LAPIC, &l));
	must(ioctl(ap->fd, KVM_GET_LAPIC, &again));
	expect_eq(*(uint32_t *)(again.regs + 0xf0), 0x1ff);
	expect_eq(*(uint32_t *)(again.regs + 0x80), 0x40);
	expect_eq(*(uint32_t *)(again.regs + 0x350), 0x700);
	expect_eq(*(uint32_t *)(again.regs + 0x140), 1 << 5);
}

TEST(translate)
{
	struct vm *vm = vm_start(nothing);
	struct kvm_translation t = { .linear_address = 0x123456 };

	must(ioctl(vm->vcpu[0].fd, KVM_TRANSLATE, &t));
	expect_eq(t.valid, 1);
	expect_eq(t.physical_address, 0x123456);
	vm_map(vm, HOLE_GPA, 0, 0);
	t.linear_address = HOLE_GPA;
	must(ioctl(vm->vcpu[0].fd, KVM_TRANSLATE, &t));
	expect_eq(t.valid, 0);
}
