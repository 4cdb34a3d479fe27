// SPDX-License-Identifier: GPL-2.0-only
/*
 * Services that a VMM switches on one by one: debugging a guest, MSRs left to user space, registers
 * in the run page, the second form of SREGS, and paravirtual helpers of KVM's own CPUID leaves.
 */
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>

#include "irq.h"
#include "vmx.h"

static void nothing(void)
{
}

static int enable(struct vm *vm, uint32_t cap, uint64_t arg)
{
	struct kvm_enable_cap e = { .cap = cap, .args = { arg } };

	return ioctl(vm->fd, KVM_ENABLE_CAP, &e);
}

/* ---- KVM_SET_GUEST_DEBUG (KVM API 4.87) ------------------------------------------------------ */

/* Three instructions of known length between two labels. */
extern const char debug_start[], debug_second[], debug_third[], debug_end[];
static uint64_t debug_word;

static void guest_debugged(void)
{
	asm volatile("debug_start: nop\n debug_second: mov $5, %%eax\n"
		     "debug_third: mov %%rax, %0\n debug_end: nop"
		     : "=m"(debug_word) : : "rax");
}

static void set_debug(struct vm *vm, uint32_t control, uint64_t dr0, uint64_t dr7)
{
	struct kvm_guest_debug d = { .control = control, .arch.debugreg = { dr0, [7] = dr7 } };

	must(ioctl(vm->vcpu[0].fd, KVM_SET_GUEST_DEBUG, &d));
}

/*
 * QEMU's TCG neither asks the hypervisor about INT3 nor takes debug registers from the VMCB, so
 * that these cannot work in it. Its processor says what it is.
 */
static void skip_in_tcg(void)
{
	char line[128];
	FILE *f = fopen("/proc/cpuinfo", "r");

	while (f && fgets(line, sizeof(line), f))
		if (strstr(line, "QEMU TCG"))
			skip("the machine's CPU is QEMU's TCG");
	if (f)
		fclose(f);
}

static void expect_debug(struct vm *vm, uint32_t exception, const char *pc)
{
	expect_exit(vm_run(vm), KVM_EXIT_DEBUG);
	expect_eq(vm->run->debug.arch.exception, exception);
	expect_eq(vm->run->debug.arch.pc, (uintptr_t)pc);
	expect_eq(vcpu_regs(&vm->vcpu[0]).rip, (uintptr_t)pc);
}

TEST(single_step)
{
	struct vm *vm = vm_start(guest_debugged);
	struct kvm_regs regs = vcpu_regs(&vm->vcpu[0]);

	regs.rip = (uintptr_t)debug_start;
	vcpu_set_regs(&vm->vcpu[0], &regs);
	fails_in_bochs("the first of several single steps ends before its instruction");
	set_debug(vm, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP, 0, 0);
	expect_debug(vm, VEC_DB, debug_second);
	expect_eq(vm->run->debug.arch.dr6 & 1 << 14, 1 << 14);
	expect_debug(vm, VEC_DB, debug_third);
	expect_debug(vm, VEC_DB, debug_end);
	expect_eq(*in_guest(vm, &debug_word), 5);
	/* The guest's own view has no trap flag in it. */
	expect_eq(vcpu_regs(&vm->vcpu[0]).rflags & 1 << 8, 0);
	set_debug(vm, 0, 0, 0);
	expect_exit(vm_run(vm), GUEST_DONE);
}

TEST(software_breakpoint)
{
	struct vm *vm = vm_start(guest_debugged);
	uint8_t *code = in_guest(vm, (uint8_t *)debug_third), saved = *code;

	skip_in_tcg();
	*code = 0xcc;
	set_debug(vm, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP, 0, 0);
	expect_debug(vm, VEC_BP, debug_third);
	*code = saved;
	expect_exit(vm_run(vm), GUEST_DONE);
	expect_eq(*in_guest(vm, &debug_word), 5);
}

TEST(hardware_breakpoint)
{
	struct vm *vm = vm_start(guest_debugged);

	skip_in_tcg();
	set_debug(vm, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP, (uintptr_t)debug_third, 0x402);
	expect_debug(vm, VEC_DB, debug_third);
	expect_eq(vm->run->debug.arch.dr6 & 0xf, 1);
	set_debug(vm, 0, 0, 0);
	expect_exit(vm_run(vm), GUEST_DONE);
}

/* A watched word: the trap comes after the write. */
TEST(hardware_watchpoint)
{
	struct vm *vm = vm_start(guest_debugged);

	skip_in_tcg();
	set_debug(vm, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP, (uintptr_t)&debug_word,
		  0x402 | 1 << 16 | 3 << 18);
	expect_debug(vm, VEC_DB, debug_end);
	expect_eq(*in_guest(vm, &debug_word), 5);
	set_debug(vm, 0, 0, 0);
	expect_exit(vm_run(vm), GUEST_DONE);
}

/* A guest's own INT3 is its own when nobody debugs it. */
static void guest_own_int3(void)
{
	guest_expect_eq(guest_try("int3", :), VEC_BP);
}

TEST(no_debugger)
{
	struct vm *vm = vm_start(guest_own_int3);

	expect_exit(vm_run(vm), GUEST_DONE);
}

TEST(bad_guest_debug)
{
	struct kvm_guest_debug d = { .control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_INJECT_DB };
	struct vm *vm = vm_start(nothing);

	d.control = 1 << 12;
	if (ioctl(vm->vcpu[0].fd, KVM_SET_GUEST_DEBUG, &d) < 0)
		expect_eq(errno, EINVAL);
	expect_exit(vm_run(vm), GUEST_DONE);
}

/* ---- MSRs of user space (KVM API 4.97, 7.23) ------------------------------------------------- */

#define UNKNOWN_MSR	0x4b000000
#define FILTERED_MSR	0xc0000082	/* LSTAR */

static void guest_msr_to_user(void)
{
	guest_expect_eq(rdmsr(UNKNOWN_MSR), 0x1122334455667788);
	wrmsr(UNKNOWN_MSR, 0x99);
	guest_expect_eq(try_rdmsr(UNKNOWN_MSR + 1), VEC_GP);
	guest_expect_eq(try_wrmsr(UNKNOWN_MSR + 1, 0), VEC_GP);
}

static void expect_msr(struct vm *vm, int reason, uint32_t index, uint32_t why)
{
	expect_exit(vm_run(vm), reason);
	expect_eq(vm->run->msr.index, index);
	expect_eq(vm->run->msr.reason, why);
	vm->run->msr.error = 0;
}

TEST(unknown_msrs_to_user_space)
{
	struct vm *vm = vm_new(0);
	struct kvm_run *run;

	REQUIRE_CAP(KVM_CAP_X86_USER_SPACE_MSR);
	must(enable(vm, KVM_CAP_X86_USER_SPACE_MSR, KVM_MSR_EXIT_REASON_UNKNOWN));
	vcpu_start(vm, 0, guest_msr_to_user);
	run = vm->run;
	expect_msr(vm, KVM_EXIT_X86_RDMSR, UNKNOWN_MSR, KVM_MSR_EXIT_REASON_UNKNOWN);
	run->msr.data = 0x1122334455667788;
	expect_msr(vm, KVM_EXIT_X86_WRMSR, UNKNOWN_MSR, KVM_MSR_EXIT_REASON_UNKNOWN);
	expect_eq(run->msr.data, 0x99);
	expect_msr(vm, KVM_EXIT_X86_RDMSR, UNKNOWN_MSR + 1, KVM_MSR_EXIT_REASON_UNKNOWN);
	run->msr.error = 1;
	expect_msr(vm, KVM_EXIT_X86_WRMSR, UNKNOWN_MSR + 1, KVM_MSR_EXIT_REASON_UNKNOWN);
	run->msr.error = 1;
	expect_exit(vm_run(vm), GUEST_DONE);
}

static void guest_filtered(void)
{
	guest_sync(0);
	guest_expect_eq(try_rdmsr(FILTERED_MSR), VEC_GP);
	guest_expect_eq(try_wrmsr(FILTERED_MSR, 0x1000), VEC_GP);
	guest_expect_eq(try_wrmsr(FILTERED_MSR + 1, 0x1000), NO_FAULT);
	guest_sync(1);
	guest_expect_eq(rdmsr(FILTERED_MSR), 77);
	guest_sync(2);
	guest_expect_eq(try_wrmsr(FILTERED_MSR, 0x1000), NO_FAULT);
}

/* One bit an MSR, 1 for allowed: the range of one is denied to reads and writes. */
static int deny(struct vm *vm, uint32_t base, uint32_t n, uint32_t flags)
{
	static uint8_t bits[64];
	struct kvm_msr_filter filter = {
		.flags = KVM_MSR_FILTER_DEFAULT_ALLOW,
		.ranges[0] = { .flags = flags, .base = base, .nmsrs = n, .bitmap = bits },
	};

	return ioctl(vm->fd, KVM_X86_SET_MSR_FILTER, &filter);
}

TEST(msr_filter)
{
	struct kvm_msr_filter none = { .flags = KVM_MSR_FILTER_DEFAULT_ALLOW };
	struct vm *vm = vm_start(guest_filtered);

	REQUIRE_CAP(KVM_CAP_X86_MSR_FILTER);
	run_to_sync(vm, 0);
	must(deny(vm, FILTERED_MSR, 1, KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE));
	run_to_sync(vm, 1);
	/* User space itself is not filtered, and may take the access over. */
	expect_eq(vcpu_set_msr(&vm->vcpu[0], FILTERED_MSR, 0x2000), 1);
	must(enable(vm, KVM_CAP_X86_USER_SPACE_MSR, KVM_MSR_EXIT_REASON_FILTER));
	expect_msr(vm, KVM_EXIT_X86_RDMSR, FILTERED_MSR, KVM_MSR_EXIT_REASON_FILTER);
	vm->run->msr.data = 77;
	run_to_sync(vm, 2);
	must(ioctl(vm->fd, KVM_X86_SET_MSR_FILTER, &none));
	expect_exit(vm_run(vm), GUEST_DONE);
}

TEST(bad_msr_filters)
{
	struct kvm_msr_filter bad = { .flags = 1 << 5 };
	struct vm *vm = vm_start(nothing);

	REQUIRE_CAP(KVM_CAP_X86_MSR_FILTER);
	expect_errno(ioctl(vm->fd, KVM_X86_SET_MSR_FILTER, &bad), EINVAL);
	expect_errno(deny(vm, FILTERED_MSR, 1, 1 << 5), EINVAL);
	expect_errno(deny(vm, FILTERED_MSR, 1, 0), EINVAL);
	expect_errno(deny(vm, FILTERED_MSR, 1 << 24, KVM_MSR_FILTER_READ), EINVAL);
	expect_errno(enable(vm, KVM_CAP_X86_USER_SPACE_MSR, 1 << 9), EINVAL);
}

/* ---- registers in the run page (KVM API 5, kvm_valid_regs and kvm_dirty_regs) ---------------- */

static void guest_counts(void)
{
	asm volatile("1: inc %%rbx; outb %%al, $0x70; jmp 1b" : : : "rbx");
}

TEST(sync_regs)
{
	struct vm *vm = vm_start(guest_counts);
	struct kvm_run *run = vm->run;
	int fields = kvm_cap(KVM_CAP_SYNC_REGS);

	if ((fields & KVM_SYNC_X86_VALID_FIELDS) != KVM_SYNC_X86_VALID_FIELDS)
		skip("KVM_CAP_SYNC_REGS is %#x", fields);
	run->kvm_valid_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
	expect_exit(vm_run(vm), KVM_EXIT_IO);
	expect_eq(run->s.regs.regs.rip, vcpu_regs(&vm->vcpu[0]).rip);
	expect_eq(run->s.regs.sregs.cr3, vcpu_sregs(&vm->vcpu[0]).cr3);
	run->s.regs.regs.rbx = 0x1000;
	run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
	expect_exit(vm_run(vm), KVM_EXIT_IO);
	expect_eq(run->s.regs.regs.rbx, 0x1001);
	expect_eq(run->kvm_dirty_regs, 0);
	/* Changed but not marked: not taken. */
	run->s.regs.regs.rbx = 0x5000;
	expect_exit(vm_run(vm), KVM_EXIT_IO);
	expect_eq(run->s.regs.regs.rbx, 0x1002);
	run->kvm_valid_regs = 1 << 30;
	expect_errno(ioctl(vm->vcpu[0].fd, KVM_RUN, 0), EINVAL);
	run->kvm_valid_regs = 0;
	run->kvm_dirty_regs = 1 << 30;
	expect_errno(ioctl(vm->vcpu[0].fd, KVM_RUN, 0), EINVAL);
	run->kvm_dirty_regs = 0;
	expect_exit(vm_run(vm), KVM_EXIT_IO);
	expect_eq(vcpu_regs(&vm->vcpu[0]).rbx, 0x1003);
}

TEST(sregs2)
{
	struct vm *vm = vm_start(nothing);
	struct kvm_sregs s = vcpu_sregs(&vm->vcpu[0]);
	struct kvm_sregs2 s2;

	REQUIRE_CAP(KVM_CAP_SREGS2);
	must(ioctl(vm->vcpu[0].fd, KVM_GET_SREGS2, &s2));
	expect_eq(s2.cr3, s.cr3);
	expect_eq(s2.cs.selector, s.cs.selector);
	expect_eq(s2.flags, 0);		/* no PDPTRs in long mode */
	s2.gs.base = 0x1234000;
	must(ioctl(vm->vcpu[0].fd, KVM_SET_SREGS2, &s2));
	expect_eq(vcpu_sregs(&vm->vcpu[0]).gs.base, 0x1234000);
	s2.flags = 1 << 5;
	expect_errno(ioctl(vm->vcpu[0].fd, KVM_SET_SREGS2, &s2), EINVAL);
	s2.flags = 0;
	s2.cr4 |= 1UL << 40;
	expect_errno(ioctl(vm->vcpu[0].fd, KVM_SET_SREGS2, &s2), EINVAL);
	expect_exit(vm_run(vm), GUEST_DONE);
}

/* ---- paravirtual services (cpuid.rst, msr.rst, hypercalls.rst) ------------------------------- */

#define HC_UNKNOWN	0x4321
#define HC_KICK_CPU	5
#define NOT_IMPLEMENTED	(-1000L)
#define NOT_PERMITTED	(-1L)

static long hypercall(long nr, long a, long b)
{
	long r;

	asm volatile("vmmcall" : "=a"(r) : "a"(nr), "b"(a), "c"(b), "d"(0), "S"(0) : "memory");
	return r;
}

static void guest_hypercalls(void)
{
	guest_expect_eq(hypercall(HC_UNKNOWN, 0, 0), NOT_IMPLEMENTED);
	guest_expect_eq(hypercall(HC_KICK_CPU, 0, 0), 0);
}

TEST(hypercalls)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_hypercalls);

	expect_exit(vm_run(vm), GUEST_DONE);
}

/* Steal time: an even version, and time that only grows. */
#define MSR_STEAL	0x4b564d03

static struct {
	uint64_t steal;
	uint32_t version, flags;
	uint8_t preempted, rest[47];
} steal __attribute__((aligned(64)));

static void guest_steal_time(void)
{
	uint64_t before;

	guest_expect_eq(guest_cpuid(0x40000001, 0).eax >> 5 & 1, 1);
	wrmsr(MSR_STEAL, (uintptr_t)&steal | 1);
	guest_sync(0);
	guest_expect_eq(GUEST_ONCE(steal.version) & 1, 0);
	guest_expect(GUEST_ONCE(steal.version) != 0);
	before = GUEST_ONCE(steal.steal);
	guest_sync(1);
	guest_expect(GUEST_ONCE(steal.steal) >= before);
	guest_expect_eq(GUEST_ONCE(steal.preempted), 0);
	guest_expect_eq(try_wrmsr(MSR_STEAL, (uintptr_t)&steal | 3), VEC_GP);
	wrmsr(MSR_STEAL, 0);
}

TEST(steal_time)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_steal_time);

	if (!(cpuid_find(supported_cpuid(), 0x40000001, 0)->eax & 1 << 5))
		skip("KVM_FEATURE_STEAL_TIME is not reported");
	run_to_sync(vm, 0);
	usleep(20000);
	run_to_sync(vm, 1);
	expect_exit(vm_run(vm), GUEST_DONE);
}

/* PV EOI: the guest finds the bit set in its word, clears it, and need not write the EOI register. */
#define MSR_PV_EOI	0x4b564d04

static uint32_t eoi_word __attribute__((aligned(4)));
static uint32_t saved_eois;

static void on_irq_with_pv_eoi(struct trap_frame *f)
{
	uint8_t was_set;

	hits[f->vector]++;
	asm volatile("btrl $0, %0; setc %1" : "+m"(eoi_word), "=qm"(was_set) : : "memory");
	if (was_set)
		saved_eois++;
	else
		apic_eoi();
}

static void guest_pv_eoi(void)
{
	int i;

	guest_on(0x61, on_irq_with_pv_eoi);
	apic_only();
	wrmsr(MSR_PV_EOI, (uintptr_t)&eoi_word | 1);
	for (i = 0; i < 20; i++) {
		apic_write(APIC_ICR, 1 << 18 | 0x61);
		wait_hits(0x61, i + 1);
		guest_expect_eq(apic_read(APIC_ISR + 0x30), 0);
	}
}

TEST(pv_eoi)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_pv_eoi);

	if (!(cpuid_find(supported_cpuid(), 0x40000001, 0)->eax & 1 << 6))
		skip("KVM_FEATURE_PV_EOI is not reported");
	expect_exit(vm_run(vm), GUEST_DONE);
	/* A processor that carries out EOIs itself has to see them. */
	if (apicv())
		expect_eq(*in_guest(vm, &saved_eois), 0);
	else
		expect_ge(*in_guest(vm, &saved_eois), 1);
}

/* ---- the rest -------------------------------------------------------------------------------- */

static void guest_who_is_bsp(void)
{
	guest_expect_eq(rdmsr(MSR_APICBASE) >> 8 & 1, guest_cpu() == 1);
}

TEST(boot_cpu_id)
{
	struct vm *vm = vm_new(VM_IRQCHIP);
	int i;

	REQUIRE_CAP(KVM_CAP_SET_BOOT_CPU_ID);
	must(ioctl(vm->fd, KVM_SET_BOOT_CPU_ID, 1));
	for (i = 0; i < 2; i++)
		expect_exit(vcpu_run(vcpu_start(vm, i, guest_who_is_bsp)), GUEST_DONE);
	expect_errno(ioctl(vm->fd, KVM_SET_BOOT_CPU_ID, 0), EBUSY);
}

TEST(tss_and_identity_map_address)
{
	struct vm *vm = vm_new(0);
	uint64_t addr = 0xfeffc000;

	if (ioctl(vm->fd, KVM_SET_TSS_ADDR, 0xfffbd000) < 0)
		fail("KVM_SET_TSS_ADDR: %s", strerror(errno));
	REQUIRE_CAP(KVM_CAP_SET_IDENTITY_MAP_ADDR);
	must(ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &addr));
	vcpu_start(vm, 0, nothing);
	expect_errno(ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &addr), EINVAL);
	expect_exit(vm_run(vm), GUEST_DONE);
}

/* KVM_CAP_X86_DISABLE_EXITS: a HLT that no longer exits cannot be seen; what is offered must be real. */
TEST(disable_exits)
{
	int offered = kvm_cap(KVM_CAP_X86_DISABLE_EXITS);
	struct vm *vm = vm_new(VM_IRQCHIP);

	if (!offered)
		skip("KVM_CAP_X86_DISABLE_EXITS is not reported");
	must(enable(vm, KVM_CAP_X86_DISABLE_EXITS, offered & KVM_X86_DISABLE_EXITS_PAUSE));
	expect_errno(enable(vm, KVM_CAP_X86_DISABLE_EXITS, 1 << 20), EINVAL);
	vcpu_start(vm, 0, nothing);
	expect_exit(vm_run(vm), GUEST_DONE);
}

/* An exit clears DR7; a watchpoint that somebody has on the VMM must be there again. */
static volatile uint64_t watched;

static uint64_t watch_hits(int fd)
{
	uint64_t n = 0;

	expect_eq(read(fd, &n, sizeof(n)), sizeof(n));
	return n;
}

TEST(host_watchpoint_survives)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_BREAKPOINT, .size = sizeof(attr), .exclude_kernel = 1,
		.bp_type = HW_BREAKPOINT_W, .bp_addr = (uintptr_t)&watched, .bp_len = HW_BREAKPOINT_LEN_8,
	};
	int fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
	struct vm *vm = vm_start(nothing);

	if (fd < 0)
		skip("no watchpoints by perf_event_open: %s", strerror(errno));
	watched = 1;
	if (watch_hits(fd) != 1)
		skip("the machine's watchpoints do not work");
	expect_exit(vm_run(vm), GUEST_DONE);
	watched = 2;
	expect_eq(watch_hits(fd), 2);
}

/* A single-stepped guest without the kernel's help: TF set by itself. */
static uint32_t steps;

static void on_own_step(struct trap_frame *f)
{
	(void)f;
	steps++;
}

static void guest_steps_itself(void)
{
	guest_on(VEC_DB, on_own_step);
	asm volatile("pushf; orl $0x100, (%%rsp); popf\n nop\n xor %%eax, %%eax; cpuid\n"
		     "pushf; andl $~0x100, (%%rsp); popf" : : : "rax", "rbx", "rcx", "rdx", "cc");
	/* NOP, XOR, CPUID, PUSHF, AND and POPF: also the instruction that KVM itself does. */
	guest_expect_eq(GUEST_ONCE(steps), 6);
}

TEST(trap_flag)
{
	struct vm *vm = vm_start(guest_steps_itself);

	expect_exit(vm_run(vm), GUEST_DONE);
}
