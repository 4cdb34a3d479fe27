/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is counted: one line a counter, from which come the fields (s390.h) and what user space sees
 * of them (stats.c). The names are those of the kernel's statistics, so that tools find them.
 *
 * A CPU's counters are written by its own thread, but for those of interrupts that become pending:
 * these are written under its irq.lock, a VM's under irq.lock of the VM.
 */
#ifndef KVM_S390_STATS_H
#define KVM_S390_STATS_H

#define S390_VM_STATS(X)			\
	X(inject_io)				\
	X(inject_float_mchk)			\
	X(inject_service_signal)		\
	X(inject_virtio)			\
	X(inject_pfault_done)

#define S390_VCPU_STATS(X)			\
	/* entries into SIE, and faults in it that the host's handler has left to us */	\
	X(exits)				\
	X(host_faults)				\
	/* interceptions, and returns to user space */	\
	X(exit_userspace)			\
	X(exit_null)				\
	X(exit_external_request)		\
	X(exit_io_request)			\
	X(exit_external_interrupt)		\
	X(exit_stop_request)			\
	X(exit_validity)			\
	X(exit_instruction)			\
	X(exit_pei)				\
	X(exit_program_interruption)		\
	X(exit_instr_and_program)		\
	X(exit_operation_exception)		\
	X(exit_wait_state)			\
	X(halt_no_poll_steal)			\
	X(pfault_sync)				\
	/* interrupts made pending for the CPU, and taken by it */	\
	X(inject_ckc)				\
	X(inject_cputm)				\
	X(inject_external_call)			\
	X(inject_emergency_signal)		\
	X(inject_mchk)				\
	X(inject_pfault_init)			\
	X(inject_program)			\
	X(inject_restart)			\
	X(inject_set_prefix)			\
	X(inject_stop_signal)			\
	X(deliver_ckc)				\
	X(deliver_cputm)			\
	X(deliver_external_call)		\
	X(deliver_emergency_signal)		\
	X(deliver_service_signal)		\
	X(deliver_virtio)			\
	X(deliver_stop_signal)			\
	X(deliver_prefix_signal)		\
	X(deliver_restart_signal)		\
	X(deliver_program)			\
	X(deliver_io)				\
	X(deliver_machine_check)		\
	/* instructions that came to us */	\
	X(instruction_epsw)			\
	X(instruction_essa)			\
	X(instruction_io_other)			\
	X(instruction_lpsw)			\
	X(instruction_lpswe)			\
	X(instruction_lctl)			\
	X(instruction_lctlg)			\
	X(instruction_stctl)			\
	X(instruction_stctg)			\
	X(instruction_pfmf)			\
	X(instruction_ptff)			\
	X(instruction_sck)			\
	X(instruction_sckpf)			\
	X(instruction_spx)			\
	X(instruction_stpx)			\
	X(instruction_stap)			\
	X(instruction_iske)			\
	X(instruction_rrbe)			\
	X(instruction_sske)			\
	X(instruction_ipte_interlock)		\
	X(instruction_stsi)			\
	X(instruction_stfl)			\
	X(instruction_stidp)			\
	X(instruction_tb)			\
	X(instruction_tpi)			\
	X(instruction_tprot)			\
	X(instruction_tsch)			\
	X(instruction_sigp_sense)		\
	X(instruction_sigp_sense_running)	\
	X(instruction_sigp_external_call)	\
	X(instruction_sigp_emergency)		\
	X(instruction_sigp_cond_emergency)	\
	X(instruction_sigp_start)		\
	X(instruction_sigp_stop)		\
	X(instruction_sigp_stop_store_status)	\
	X(instruction_sigp_store_status)	\
	X(instruction_sigp_store_adtl_status)	\
	X(instruction_sigp_arch)		\
	X(instruction_sigp_prefix)		\
	X(instruction_sigp_restart)		\
	X(instruction_sigp_init_cpu_reset)	\
	X(instruction_sigp_cpu_reset)		\
	X(instruction_sigp_unknown)		\
	X(instruction_diagnose_10)		\
	X(instruction_diagnose_44)		\
	X(instruction_diagnose_9c)		\
	X(instruction_diagnose_258)		\
	X(instruction_diagnose_308)		\
	X(instruction_diagnose_500)		\
	X(instruction_diagnose_other)		\
	X(diag_9c_ignored)			\
	X(diag_9c_forward)

#define S390_STAT_FIELD(name)	u64 name;

struct s390_vm_counters {
	S390_VM_STATS(S390_STAT_FIELD)
};

struct s390_vcpu_counters {
	S390_VCPU_STATS(S390_STAT_FIELD)
};

/* A counter of a CPU's, for tables of what has one. */
#define S390_STAT(name)	offsetof(struct s390_vcpu_counters, name)

#endif /* KVM_S390_STATS_H */
