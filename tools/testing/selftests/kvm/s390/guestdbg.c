// SPDX-License-Identifier: GPL-2.0-only
/*
 * Program-event recording: by a debugger (KVM_SET_GUEST_DEBUG), by the guest itself, and by both at
 * once (Principles of Operation, "Program-Event Recording").
 */
#include <signal.h>

#include "s390.h"

#define PSW_PER		0x4000000000000000UL

#define PER_BRANCH	0x80000000UL
#define PER_IFETCH	0x40000000UL
#define PER_STORE	0x20000000UL

enum { LC_PER_CODE = 0x96, LC_PER_ADDRESS = 0x98 };

/*
 * Instructions at known addresses; the doublewords at the end are what they store to. The first
 * has a storage operand: of others the emulated machine keeps no length, and after a PER event of
 * the very first instruction that it executes in SIE it would be 2 bytes too far.
 */
INSNS(steps,
	"lh %r1,0(%r0)\n"				/* 00 */
	"lghi %r2,6\n"					/* 04 */
	"larl %r4,steps+0x40\n"				/* 08 */
	"stg %r2,0(%r4)\n"				/* 0e */
	"lghi %r5,1\n"					/* 14 */
	"diag %r0,%r0,0x777\n"				/* 18 */
	"lghi %r7,1\n"					/* 1c */
	"stap 8(%r4)\n"					/* 20 */
	"j steps+0x2c; nopr; nopr\n"			/* 24 */
	"nopr; nopr; lghi %r8,8\n"			/* 2c */
	"diag %r0,%r0,0x778\n"				/* 34 */
	".org steps+0x40; .quad 0,0");

#define AT(offset)	(CODE_AT + (offset))

static int debug(struct s390_vm *vm, uint32_t control, uint32_t n, struct kvm_hw_breakpoint *bp)
{
	struct kvm_guest_debug dbg = {
		.control = control, .arch = { .nr_hw_bp = n, .hw_bp = bp },
	};

	return ioctl(vm->cpu, KVM_SET_GUEST_DEBUG, &dbg);
}

static void expect_debug(struct s390_vm *vm, uint8_t type, uint64_t addr, uint64_t psw)
{
	expect_eq(s390_run(vm), KVM_EXIT_DEBUG);
	expect_eq(vm->run->debug.arch.type, type);
	expect_eq(vm->run->debug.arch.addr, addr);
	expect_eq(vm->run->psw_addr, psw);
}

static void expect_step(struct s390_vm *vm, uint64_t offset)
{
	expect_debug(vm, KVM_SINGLESTEP, AT(offset), AT(offset));
}

static void expect_diag(struct s390_vm *vm, unsigned int mark)
{
	s390_expect_icpt(vm, ICPT_INSTRUCTION);
	expect_eq(vm->run->s390_sieic.ipb >> 16, mark);
}

static void set_crs(struct s390_vm *vm, uint64_t cr9, uint64_t cr10, uint64_t cr11)
{
	vm->run->s.regs.crs[0] = 0xe0;
	vm->run->s.regs.crs[14] = 0xc2000000;
	vm->run->s.regs.crs[9] = cr9;
	vm->run->s.regs.crs[10] = cr10;
	vm->run->s.regs.crs[11] = cr11;
	vm->run->kvm_dirty_regs = KVM_SYNC_CRS;
}

TEST(capability)
{
	struct s390_vm *vm = s390_vm_of(steps);

	uint32_t flags;

	expect_eq(ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_SET_GUEST_DEBUG), 1);
	flags = ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_SET_GUEST_DEBUG2);
	/* the kernel's own reports KVM_GUESTDBG_EXIT_PENDING too, and refuses it */
	expect_eq(flags & ~(distro_modules() ? 1U << 28 : 0),
		  KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_USE_HW_BP);
}

/* Each instruction is told once, those that leave to user space after it has done its part. */
TEST(single_step)
{
	struct s390_vm *vm = s390_vm_of(steps);

	must(debug(vm, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP, 0, NULL));
	expect_step(vm, 0x04);
	expect_step(vm, 0x08);
	expect_step(vm, 0x0e);
	expect_step(vm, 0x14);
	expect_step(vm, 0x18);
	expect_diag(vm, 0x777);
	if (distro_modules())		/* where the address that is told is what the union had before */
		expect_eq(s390_run(vm), KVM_EXIT_DEBUG);
	else
		expect_step(vm, 0x1c);
	expect_step(vm, 0x20);
	expect_step(vm, 0x24);		/* STAP, which KVM executes */
	expect_step(vm, 0x2c);
	expect_eq(vm->run->psw_mask & PSW_PER, 0);
	expect_eq(vm->run->s.regs.crs[9], 0);
	must(debug(vm, 0, 0, NULL));
	expect_diag(vm, 0x778);
}

TEST(enabled_without_anything)
{
	struct s390_vm *vm = s390_vm_of(steps);

	must(debug(vm, KVM_GUESTDBG_ENABLE, 0, NULL));
	expect_diag(vm, 0x777);
	must(debug(vm, KVM_GUESTDBG_SINGLESTEP, 0, NULL));	/* not enabled */
	expect_diag(vm, 0x778);
}

/*
 * It stops before the instruction, and goes on behind it; also one that a branch leads to, and
 * one of KVM's own instructions.
 */
TEST(breakpoints)
{
	struct kvm_hw_breakpoint bp[] = {
		{ .addr = AT(0x08), .type = KVM_HW_BP, .len = 1 },
		{ .addr = AT(0x20), .type = KVM_HW_BP, .len = 1 },
		{ .addr = AT(0x2c), .type = KVM_HW_BP, .len = 1 },
	};
	struct s390_vm *vm = s390_vm_of(steps);

	must(debug(vm, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP, 3, bp));
	expect_debug(vm, KVM_HW_BP, AT(0x08), AT(0x08));
	expect_eq(vm->run->s.regs.gprs[2], 6);
	expect_eq(vm->run->s.regs.gprs[4], 0);
	expect_diag(vm, 0x777);
	expect_debug(vm, KVM_HW_BP, AT(0x20), AT(0x20));
	expect_debug(vm, KVM_HW_BP, AT(0x2c), AT(0x2c));
	expect_diag(vm, 0x778);
	expect_eq(*s390_word(vm, AT(0x40)), 6);
}

/*
 * At the instruction that is next anyway. (The kernel's own module lets it be executed and tells of
 * it then, with the PSW behind it.)
 */
TEST(breakpoint_at_the_psw)
{
	struct kvm_hw_breakpoint bp = { .addr = AT(0), .type = KVM_HW_BP, .len = 1 };
	struct s390_vm *vm = s390_vm_of(steps);

	must(debug(vm, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP, 1, &bp));
	expect_debug(vm, KVM_HW_BP, AT(0), distro_modules() ? AT(4) : AT(0));
	expect_diag(vm, 0x777);
}

/* By a program interruption, and by the LPSWE that ends its handler. */
INSNS(handler,
	"lghi %r1,0x150; .short 0x0000\n"		/* 00: an operation exception at 04 */
	"lghi %r2,2\n"					/* 06 */
	"diag %r0,%r0,0x777\n"				/* 0a */
	".org handler+0x20; lghi %r3,3; lpswe 0(%r1)\n");

TEST(breakpoints_at_new_psws)
{
	struct kvm_hw_breakpoint bp[] = {
		{ .addr = AT(0x20), .type = KVM_HW_BP, .len = 1 },
		{ .addr = AT(0x06), .type = KVM_HW_BP, .len = 1 },
	};
	struct s390_vm *vm = s390_vm_of(handler);

	*s390_word(vm, LC_PGM_NEW) = PSW_64;
	*s390_word(vm, LC_PGM_NEW + 8) = AT(0x20);
	must(debug(vm, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP, 2, bp));
	if (distro_modules())
		skip("not told there before the instruction");
	expect_debug(vm, KVM_HW_BP, AT(0x20), AT(0x20));
	expect_eq(*s390_word(vm, LC_PGM_OLD) & PSW_PER, 0);
	expect_debug(vm, KVM_HW_BP, AT(0x06), AT(0x06));
	expect_eq(vm->run->s.regs.gprs[3], 3);
	expect_diag(vm, 0x777);
}

INSNS(svc, "lghi %r1,1; svc 17; lghi %r2,2; diag %r0,%r0,0x777; .org svc+0x20; lghi %r3,3\n"
	   "lpswe 0x140(%r0)");

/* A supervisor call is an instruction, and then the handler's are. */
TEST(single_step_over_svc)
{
	struct s390_vm *vm = s390_vm_of(svc);

	*s390_word(vm, LC_SVC_NEW) = PSW_64;
	*s390_word(vm, LC_SVC_NEW + 8) = AT(0x20);
	must(debug(vm, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP, 0, NULL));
	expect_step(vm, 0x04);
	expect_step(vm, 0x20);
	expect_eq(*(uint16_t *)(vm->mem + 0x8a), 17);
	expect_eq(*(uint16_t *)(vm->mem + 0x88), 2);
	expect_eq(*s390_word(vm, 0x148), AT(0x06));
	expect_step(vm, 0x24);
	expect_step(vm, 0x06);
	must(debug(vm, 0, 0, NULL));
	expect_diag(vm, 0x777);
}

TEST(watchpoints)
{
	struct kvm_hw_breakpoint bp[] = {
		{ .addr = AT(0x40), .phys_addr = AT(0x40), .type = KVM_HW_WP_WRITE, .len = 8 },
		{ .addr = AT(0x48), .phys_addr = AT(0x48), .type = KVM_HW_WP_WRITE, .len = 2 },
	};
	struct s390_vm *vm = s390_vm_of(steps);

	vm->mem[AT(0x48)] = 0xff;
	must(debug(vm, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP, 2, bp));
	expect_debug(vm, KVM_HW_WP_WRITE, AT(0x40), AT(0x14));
	expect_diag(vm, 0x777);
	if (!distro_modules()) {	/* what KVM stores for the guest is not seen there */
		expect_debug(vm, KVM_HW_WP_WRITE, AT(0x48), AT(0x24));
		expect_diag(vm, 0x778);
	}
}

/* All that is wrong is refused, and what was set before stays. */
TEST(bad_input)
{
	struct kvm_hw_breakpoint bp[51] = { { .addr = AT(0x08), .type = KVM_HW_BP, .len = 1 } };
	const uint32_t hw = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP;
	struct s390_vm *vm = s390_vm_of(steps);
	int bit, i;

	for (i = 0; i < 51; i++)
		bp[i] = bp[0];
	must(debug(vm, hw, 1, bp));
	for (bit = 2; bit < 32; bit++) {
		if (bit != 16)
			expect_errno(debug(vm, KVM_GUESTDBG_ENABLE | 1U << bit, 0, NULL), EINVAL);
	}
	expect_errno(debug(vm, hw, 51, bp), EINVAL);
	expect_errno(debug(vm, hw, 0xffffffff, bp), EINVAL);
	expect_errno(debug(vm, hw, 1, (void *)-4096), EFAULT);
	bp[1] = (struct kvm_hw_breakpoint){ .type = KVM_HW_WP_WRITE, .len = 4096 };
	expect_errno(debug(vm, hw, 2, bp), EINVAL);
	bp[1].len = 8;
	bp[1].phys_addr = MEM_SIZE - 4;
	expect_errno(debug(vm, hw, 2, bp), EFAULT);
	if (!distro_modules()) {	/* which takes any type, and no bytes to watch */
		bp[1].type = 5;
		expect_errno(debug(vm, hw, 2, bp), EINVAL);
		bp[1].type = KVM_HW_WP_WRITE;
		bp[1].len = 0;
		expect_errno(debug(vm, hw, 2, bp), EINVAL);
		expect_debug(vm, KVM_HW_BP, AT(0x08), AT(0x08));
	}
	bp[1] = bp[0];
	must(debug(vm, hw, 50, bp));
}

/*
 * The guest's own: the machine's instructions, and those that KVM executes, are told alike.
 */

static void expect_per(struct s390_vm *vm, uint8_t code, uint64_t addr, uint64_t next)
{
	s390_expect_wait(vm, WAIT_OF(LC_PGM_NEW));
	expect_eq(*(uint16_t *)(vm->mem + LC_PGM_CODE), 0x80);
	expect_eq(vm->mem[LC_PER_CODE], code);
	if (!distro_modules())
		expect_eq(vm->mem[LC_PER_CODE + 1], 0xe0);	/* 64 bits, no DAT */
	expect_eq(*s390_word(vm, LC_PER_ADDRESS), addr);
	expect_eq(*s390_word(vm, LC_PGM_OLD + 8), next);
	expect(*s390_word(vm, LC_PGM_OLD) & PSW_PER);
	if (code != 0x80)
		expect_eq(*(uint16_t *)(vm->mem + LC_PGM_ILC), next - addr);
}

static struct s390_vm *own_per(uint64_t cr9, uint64_t from, uint64_t to)
{
	struct s390_vm *vm = s390_vm_of(steps);

	set_crs(vm, cr9, from, to);
	vm->run->psw_mask = PSW_64 | PSW_PER;
	return vm;
}

TEST(guest_fetch)
{
	struct s390_vm *vm = own_per(PER_IFETCH, AT(0x0e), AT(0x0f));

	expect_per(vm, 0x40, AT(0x0e), AT(0x14));
}

TEST(guest_store)
{
	struct s390_vm *vm = own_per(PER_STORE, AT(0x47), AT(0x47));

	expect_per(vm, 0x20, AT(0x0e), AT(0x14));
}

TEST(guest_branch)
{
	struct s390_vm *vm = own_per(PER_BRANCH, 0, 0);

	expect_diag(vm, 0x777);
	expect_per(vm, 0x80, AT(0x24), AT(0x2c));
}

TEST(guest_fetch_of_intercepted)
{
	struct s390_vm *vm = own_per(PER_IFETCH, AT(0x20), AT(0x21));

	expect_diag(vm, 0x777);
	expect_per(vm, 0x40, AT(0x20), AT(0x24));
}

TEST(guest_fetch_of_user_space)
{
	struct s390_vm *vm = own_per(PER_IFETCH, AT(0x18), AT(0x19));

	expect_diag(vm, 0x777);
	expect_per(vm, 0x40, AT(0x18), AT(0x1c));
}

/* STAP stores for the guest, into a part of the range. */
TEST(guest_store_of_intercepted)
{
	struct s390_vm *vm = own_per(PER_STORE, AT(0x49), AT(0x100));

	if (distro_modules())
		skip("what KVM stores for the guest is not told there");
	expect_diag(vm, 0x777);
	expect_per(vm, 0x20, AT(0x20), AT(0x24));
}

TEST(guest_store_beside)
{
	struct s390_vm *vm = own_per(PER_STORE, AT(0x4a), AT(0x100));

	expect_diag(vm, 0x777);
	expect_diag(vm, 0x778);
}

/* An exception and an event are one interruption. */
INSNS(stap_nowhere, "lghi %r4,1; stap 0(%r4)");

TEST(guest_event_with_exception)
{
	struct s390_vm *vm = s390_vm_of(stap_nowhere);

	set_crs(vm, PER_IFETCH, AT(4), AT(7));
	vm->run->psw_mask = PSW_64 | PSW_PER;
	s390_expect_wait(vm, WAIT_OF(LC_PGM_NEW));
	expect_eq(*(uint16_t *)(vm->mem + LC_PGM_CODE), 0x86);
	expect_eq(vm->mem[LC_PER_CODE], 0x40);
	expect_eq(*s390_word(vm, LC_PER_ADDRESS), AT(4));
}

/*
 * The host's own write protection of the page (its copy is shared with a child) is nobody's
 * event: the instruction is done over, and told once. (The kernel's own module makes it a
 * protection exception of the guest's in this machine.)
 */
INSNS(store, "llilh %r4,2; lg %r2,8(%r4); stg %r2,0(%r4); " S390_END);

TEST(guest_event_and_host_protection)
{
	struct s390_vm *vm = s390_vm_of(store);
	pid_t child;

	if (distro_modules())
		skip("a protection exception there");
	expect(mmap(vm->mem + DATA_AT, 0x1000, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED);
	*s390_word(vm, DATA_AT + 8) = 0x1234;
	child = must(fork());
	if (!child) {
		pause();
		_exit(0);
	}
	set_crs(vm, PER_IFETCH, AT(0x0a), AT(0x0b));
	vm->run->psw_mask = PSW_64 | PSW_PER;
	expect_per(vm, 0x40, AT(0x0a), AT(0x10));
	expect_eq(*s390_word(vm, DATA_AT), 0x1234);
	kill(child, SIGKILL);
}

/*
 * Both at once: the debugger's are told to it alone, and the guest's to the guest, with the address
 * of its own. The guest's registers are those that it has set.
 */
TEST(guest_and_debugger)
{
	struct kvm_hw_breakpoint bp = { .addr = AT(0x04), .type = KVM_HW_BP, .len = 1 };
	struct s390_vm *vm = own_per(PER_IFETCH, AT(0x0e), AT(0x0f));

	must(debug(vm, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP, 1, &bp));
	expect_debug(vm, KVM_HW_BP, AT(0x04), AT(0x04));
	expect_eq(vm->run->s.regs.crs[9], PER_IFETCH);
	expect_eq(vm->run->s.regs.crs[10], AT(0x0e));
	expect_eq(*(uint16_t *)(vm->mem + LC_PGM_CODE), 0);
	expect_per(vm, 0x40, AT(0x0e), AT(0x14));
}

/* What the guest loads and stores while a debugger steps is its own. */
INSNS(crs,
	"larl %r4,crs+0x40\n"				/* 00 */
	"lctlg %c9,%c11,0(%r4)\n"			/* 06 */
	"stctg %c9,%c11,0x20(%r4)\n"			/* 0c */
	"diag %r0,%r0,0x777\n"
	".org crs+0x40; .quad 0x20000000,0x1000,0x2000,0,0,0,0");

TEST(control_registers_while_stepping)
{
	struct s390_vm *vm = s390_vm_of(crs);

	must(debug(vm, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP, 0, NULL));
	expect_step(vm, 0x06);
	expect_step(vm, 0x0c);
	expect_step(vm, 0x12);
	expect_eq(*s390_word(vm, AT(0x60)), 0x20000000);
	expect_eq(*s390_word(vm, AT(0x68)), 0x1000);
	expect_eq(*s390_word(vm, AT(0x70)), 0x2000);
	must(debug(vm, 0, 0, NULL));
	expect_diag(vm, 0x777);
	expect_eq(vm->run->s.regs.crs[9], 0x20000000);
}

/*
 * Stepping into a program interruption of the machine's: the handler's first instruction is next.
 */
INSNS(dividing, "lghi %r1,0; lghi %r3,0; dsgr %r2,%r1");

TEST(single_step_into_exception)
{
	struct s390_vm *vm = s390_vm_of(dividing);

	must(debug(vm, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP, 0, NULL));
	expect_step(vm, 0x04);
	expect_step(vm, 0x08);
	expect_eq(s390_run(vm), KVM_EXIT_DEBUG);
	if (distro_modules())
		skip("told there before the interruption");
	expect_eq(vm->run->psw_addr, WAIT_OF(LC_PGM_NEW));
	expect_eq(*(uint16_t *)(vm->mem + LC_PGM_CODE), 9);
	expect_eq(*s390_word(vm, LC_PGM_OLD) & PSW_PER, 0);
}
