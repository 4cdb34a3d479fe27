// SPDX-License-Identifier: GPL-2.0-only
/*
 * Statistics of VMs and CPUs (KVM API 4.133): the names that the kernel's own module has, in the
 * binary file and in debugfs, and that what the guest does is counted.
 */
#include <fcntl.h>

#include "s390.h"

/* What the kernel's own shows, but for what the core counts on every architecture. */
static const char * const vm_names[] = {
	"inject_io", "inject_float_mchk", "inject_service_signal", "inject_virtio",
	"inject_pfault_done",
};

static const char * const vcpu_names[] = {
	"exit_userspace", "exit_null", "exit_external_request", "exit_io_request",
	"exit_external_interrupt", "exit_stop_request", "exit_validity", "exit_instruction",
	"exit_pei", "exit_program_interruption", "exit_instr_and_program",
	"exit_operation_exception", "exit_wait_state", "halt_no_poll_steal",
	"inject_ckc", "inject_cputm", "inject_external_call", "inject_emergency_signal",
	"inject_mchk", "inject_program", "inject_restart", "inject_set_prefix",
	"inject_stop_signal",
	"deliver_ckc", "deliver_cputm", "deliver_external_call", "deliver_emergency_signal",
	"deliver_service_signal", "deliver_virtio", "deliver_stop_signal",
	"deliver_prefix_signal", "deliver_restart_signal", "deliver_program", "deliver_io",
	"deliver_machine_check",
	"instruction_epsw", "instruction_essa", "instruction_io_other",
	"instruction_lpsw", "instruction_lpswe",
	"instruction_lctl", "instruction_lctlg", "instruction_stctl", "instruction_stctg",
	"instruction_pfmf", "instruction_ptff", "instruction_sck", "instruction_sckpf",
	"instruction_spx", "instruction_stpx", "instruction_stap", "instruction_iske",
	"instruction_rrbe", "instruction_sske", "instruction_ipte_interlock",
	"instruction_stsi", "instruction_stfl", "instruction_stidp", "instruction_tb",
	"instruction_tpi", "instruction_tprot", "instruction_tsch",
	"instruction_sigp_sense", "instruction_sigp_sense_running",
	"instruction_sigp_external_call", "instruction_sigp_emergency",
	"instruction_sigp_cond_emergency", "instruction_sigp_start", "instruction_sigp_stop",
	"instruction_sigp_stop_store_status", "instruction_sigp_store_status",
	"instruction_sigp_store_adtl_status", "instruction_sigp_arch", "instruction_sigp_prefix",
	"instruction_sigp_restart", "instruction_sigp_init_cpu_reset",
	"instruction_sigp_cpu_reset", "instruction_sigp_unknown",
	"instruction_diagnose_10", "instruction_diagnose_44", "instruction_diagnose_9c",
	"instruction_diagnose_258", "instruction_diagnose_308", "instruction_diagnose_500",
	"instruction_diagnose_other", "diag_9c_ignored", "diag_9c_forward",
	"inject_pfault_init", "pfault_sync",
};

/* The rest of the kernel's own: of what is not here. */
static const char * const not_here[] = {
	"instruction_gs", "instruction_lpswey", "instruction_ri",
	"instruction_sie", "instruction_sthyi",
};

static int stats_of(int fd)
{
	return must(ioctl(fd, KVM_GET_STATS_FD, 0));
}

INSNS(nothing, "diag 0,0,0x777");

static void all_there(int fd, const char * const *names, unsigned int n)
{
	char path[128];

	for (; n; names++, n--) {
		if (s390_stat(fd, *names) < 0)
			fail("no %s", *names);
		snprintf(path, sizeof(path), "/sys/kernel/debug/kvm/%s", *names);
		if (access(path, R_OK))
			fail("%s: %s", path, strerror(errno));
	}
}

TEST(names)
{
	struct s390_vm *vm = s390_vm_of(nothing);
	unsigned int i;

	all_there(stats_of(vm->fd), vm_names, ARRAY_SIZE(vm_names));
	all_there(stats_of(vm->cpu), vcpu_names, ARRAY_SIZE(vcpu_names));
	for (i = 0; i < ARRAY_SIZE(not_here); i++)
		expect_eq(s390_stat(stats_of(vm->cpu), not_here[i]) >= 0, distro_modules());
}

/* Counters that must have gone up by so much. */
struct moved {
	const char *name;
	unsigned int by;
};

static void expect_moved(int fd, const struct moved *m)
{
	int64_t v;

	for (; m->name; m++) {
		v = s390_stat(fd, m->name);
		if (v != m->by)
			fail("%s is %ld, not %u", m->name, (long)v, m->by);
	}
}

INSNS(insns,
	"lghi %r5,0x2000; lghi %r6,0; lghi %r2,3; lghi %r7,0x3000\n"
	"larl %r8,1f; spx 0(%r8); spx 0(%r8); stpx 0(%r5); stap 0(%r5)\n"
	"stidp 0(%r5); stsi 0(%r5); stfl 0; tb 0,%r7\n"
	"sigp %r2,%r6,1; sigp %r2,%r6,2; sigp %r2,%r6,3; sigp %r2,%r6,13; sigp %r2,%r6,21\n"
	"sigp %r2,%r6,18; sigp %r2,%r6,19\n"
	"diag 0,0,0x44; diag 0,0,0x44; diag 0,0,0x9c; diag 0,0,0x777\n"
	".balign 8; 1: .long 0");

TEST(instructions)
{
	static const struct moved expected[] = {
		{ "instruction_spx", 2 }, { "instruction_stpx", 1 }, { "instruction_stap", 1 },
		{ "instruction_stidp", 1 }, { "instruction_stsi", 1 }, { "instruction_stfl", 1 },
		{ "instruction_tb", 1 }, { "instruction_sigp_sense", 1 },
		{ "instruction_sigp_external_call", 1 }, { "instruction_sigp_emergency", 1 },
		{ "instruction_sigp_prefix", 1 }, { "instruction_sigp_sense_running", 1 },
		{ "instruction_sigp_arch", 1 }, { "instruction_sigp_cond_emergency", 1 },
		{ "instruction_diagnose_44", 2 }, { "instruction_diagnose_9c", 1 },
		{ "instruction_diagnose_other", 1 }, { "diag_9c_ignored", 1 },
		{ "exit_instruction", 19 }, { "exit_userspace", 1 }, { "exit_validity", 0 },
		{ }
	};
	struct s390_vm *vm = s390_vm_of(insns);

	s390_expect_icpt(vm, ICPT_INSTRUCTION);
	expect_moved(stats_of(vm->cpu), expected);
}

static void inject(int fd, uint32_t type, uint32_t parm, uint64_t parm64)
{
	struct kvm_s390_interrupt irq = { .type = type, .parm = parm, .parm64 = parm64 };

	must(ioctl(fd, KVM_S390_INTERRUPT, &irq));
}

INSNS(enabled,
	"larl %r1,1f; lctlg %c0,%c0,0(%r1); lctlg %c6,%c6,8(%r1); lpswe 16(%r1)\n"
	".balign 8; 1: .quad 0x6200; .quad 0xff000000; .quad 0x0302000180000000,0x4444");

static void start(struct s390_vm *vm, uint64_t wait)
{
	vm->run->psw_mask = PSW_64;
	vm->run->psw_addr = CODE_AT;
	s390_expect_wait(vm, WAIT_OF(wait));
}

TEST(interrupts)
{
	static const struct moved of_cpu[] = {
		{ "inject_emergency_signal", 1 }, { "deliver_emergency_signal", 1 },
		{ "inject_external_call", 1 }, { "deliver_external_call", 1 },
		{ "inject_program", 1 }, { "deliver_program", 1 },
		{ "inject_restart", 1 }, { "deliver_restart_signal", 1 },
		{ "deliver_service_signal", 1 }, { "deliver_virtio", 2 }, { "deliver_io", 2 },
		{ "inject_stop_signal", 1 },
		{ "deliver_machine_check", 0 }, { "deliver_ckc", 0 }, { }
	};
	static const struct moved of_vm[] = {
		{ "inject_service_signal", 1 }, { "inject_virtio", 2 }, { "inject_io", 2 },
		{ "inject_float_mchk", 0 }, { }
	};
	struct s390_vm *vm = s390_vm_of(enabled);

	inject(vm->cpu, KVM_S390_INT_EMERGENCY, 0, 0);
	inject(vm->cpu, KVM_S390_INT_EXTERNAL_CALL, 0, 0);
	inject(vm->fd, KVM_S390_INT_SERVICE, 0x1000, 0);
	inject(vm->fd, KVM_S390_INT_VIRTIO, 0x11, 0x2233);
	inject(vm->fd, KVM_S390_INT_VIRTIO, 0x11, 0x2233);
	inject(vm->fd, KVM_S390_INT_IO(0, 0, 0, 5), 5, 0x30000000);
	inject(vm->fd, KVM_S390_INT_IO(0, 0, 0, 5), 5, 0x30000000);
	start(vm, LC_EXT_NEW);
	start(vm, LC_EXT_NEW);
	start(vm, LC_EXT_NEW);
	start(vm, LC_EXT_NEW);
	start(vm, LC_EXT_NEW);
	start(vm, LC_IO_NEW);
	start(vm, LC_IO_NEW);
	inject(vm->cpu, KVM_S390_PROGRAM_INT, 0x13, 0);
	start(vm, LC_PGM_NEW);
	inject(vm->cpu, KVM_S390_RESTART, 0, 0);
	start(vm, LC_RESTART_NEW);
	inject(vm->cpu, KVM_S390_SIGP_STOP, 0, 0);
	s390_expect_icpt(vm, ICPT_STOP);
	expect_moved(stats_of(vm->cpu), of_cpu);
	/* The kernel's own has the name, and does not count a stop as delivered. */
	expect_eq(s390_stat(stats_of(vm->cpu), "deliver_stop_signal"), !distro_modules());
	expect_moved(stats_of(vm->fd), of_vm);
}
