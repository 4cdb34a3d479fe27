// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tracepoints of s390: their fields, and what a guest's run writes by them. The kernel's own
 * module has the same, and two more (STHYI, IBS), for things that are not here.
 */
#include <fcntl.h>

#include "s390.h"

#define TRACING	"/sys/kernel/tracing/"

static size_t read_file(const char *name, char *buf, size_t size)
{
	int fd = open(name, O_RDONLY);
	size_t len = 0;
	long n;

	if (fd < 0)
		fail("%s: %s", name, strerror(errno));
	while (len < size - 1 && (n = must(read(fd, buf + len, size - 1 - len))) > 0)
		len += n;
	buf[len] = 0;
	close(fd);
	return len;
}

/*
 * Fields.
 */

#define CPU	"int id;unsigned long pswmask;unsigned long pswaddr;"

static const struct {
	const char *name, *fields;
} events[] = {
	{ "kvm-s390/kvm_s390_airq_suppressed", "__u32 id;__u8 isc;" },
	{ "kvm-s390/kvm_s390_create_vcpu",
	  "unsigned int id;struct kvm_vcpu * vcpu;struct kvm_s390_sie_block * sie_block;" },
	{ "kvm-s390/kvm_s390_create_vm", "unsigned long type;" },
	{ "kvm-s390/kvm_s390_deliver_interrupt",
	  "int id;__u32 inttype;__u64 data0;__u64 data1;" },
	{ "kvm-s390/kvm_s390_destroy_vcpu", "unsigned int id;" },
	{ "kvm-s390/kvm_s390_enable_css", "void * kvm;" },
	{ "kvm-s390/kvm_s390_inject_vcpu", "int id;__u32 inttype;__u32 parm;__u64 parm64;" },
	{ "kvm-s390/kvm_s390_inject_vm", "__u32 inttype;__u32 parm;__u64 parm64;int who;" },
	{ "kvm-s390/kvm_s390_modify_ais_mode", "__u8 isc;__u16 from;__u16 to;" },
	{ "kvm-s390/kvm_s390_request_resets", "__u64 resets;" },
	{ "kvm-s390/kvm_s390_stop_request", "unsigned char stop_irq;unsigned char flags;" },
	{ "kvm-s390/kvm_s390_vcpu_start_stop", "unsigned int id;int state;" },
	{ "kvm/kvm_s390_handle_diag", CPU "__u16 code;" },
	{ "kvm/kvm_s390_handle_lctl", CPU "int g;int reg1;int reg3;u64 addr;" },
	{ "kvm/kvm_s390_handle_operexc", CPU "__u64 instruction;" },
	{ "kvm/kvm_s390_handle_prefix", CPU "int set;u32 address;" },
	{ "kvm/kvm_s390_handle_sigp", CPU "__u8 order_code;__u16 cpu_addr;__u32 parameter;" },
	{ "kvm/kvm_s390_handle_sigp_pei", CPU "__u8 order_code;__u16 cpu_addr;" },
	{ "kvm/kvm_s390_handle_stap", CPU "u64 address;" },
	{ "kvm/kvm_s390_handle_stctl", CPU "int g;int reg1;int reg3;u64 addr;" },
	{ "kvm/kvm_s390_handle_stfl", CPU "unsigned int facility_list;" },
	{ "kvm/kvm_s390_handle_stsi", CPU "int fc;int sel1;int sel2;u64 addr;" },
	{ "kvm/kvm_s390_intercept_instruction", CPU "__u64 instruction;" },
	{ "kvm/kvm_s390_intercept_prog", CPU "__u16 code;" },
	{ "kvm/kvm_s390_intercept_validity", CPU "__u16 viwhy;" },
	{ "kvm/kvm_s390_major_guest_pfault", CPU },
	{ "kvm/kvm_s390_pfault_done", CPU "long pfault_token;" },
	{ "kvm/kvm_s390_pfault_init", CPU "long pfault_token;" },
	{ "kvm/kvm_s390_sie_enter", CPU "int cpuflags;" },
	{ "kvm/kvm_s390_sie_exit", CPU "u8 icptcode;" },
	{ "kvm/kvm_s390_sie_fault", CPU },
	{ "kvm/kvm_s390_skey_related_inst", CPU },
};

/* The types and names of a format's own fields, each with its semicolon. */
static void fields_of(char *format, char *out)
{
	char *line, *end;

	*out = 0;
	while ((line = strstr(format, "field:"))) {
		line += strlen("field:");
		end = strchr(line, ';');
		format = end + 1;
		*end = 0;
		if (!strstr(line, " common_"))
			strcat(strcat(out, line), ";");
	}
}

TEST(fields)
{
	static char format[65536], fields[65536];
	char name[128];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(events); i++) {
		snprintf(name, sizeof(name), TRACING "events/%s/format", events[i].name);
		read_file(name, format, sizeof(format));
		fields_of(format, fields);
		if (strcmp(fields, events[i].fields))
			fail("%s: %s", events[i].name, fields);
	}
}

/*
 * Values.
 */

static char log[1 << 20], *at;

static void trace_on(void)
{
	must(write_file(TRACING "trace", "\n"));
	must(write_file(TRACING "events/kvm/enable", "1"));
	must(write_file(TRACING "events/kvm-s390/enable", "1"));
}

static void trace_off(void)
{
	must(write_file(TRACING "events/kvm/enable", "0"));
	must(write_file(TRACING "events/kvm-s390/enable", "0"));
	read_file(TRACING "trace", log, sizeof(log));
	at = log;
}

/* The next event that is looked for, among others. */
static void expect_event(const char *text)
{
	char *found = strstr(at, text);

	if (!found) {
		note("%.2000s", at);
		fail("no event: %s", text);
	}
	at = found + strlen(text);
}

INSNS(insns,
	"lghi %r5,0x2000; lghi %r6,7; lghi %r2,3\n"
	"spx 1f; stpx 0(%r5); stap 8(%r5)\n"
	"sigp %r2,%r6,1; diag 0,0,0x44\n"
	"stfl 0; lgr %r0,%r0; .long 0\n"
	".balign 8; 1: .long 0");

/* PSWs as the events show them are behind the instruction. */
TEST(instructions)
{
	struct s390_vm *vm;

	trace_on();
	vm = s390_vm_of(insns);
	s390_expect_wait(vm, WAIT_OF(LC_PGM_NEW));
	trace_off();
	/* The kernel's own says nothing of a VM as it is created. */
	if (!distro_modules())
		expect_event("kvm_s390_create_vm: create vm\n");
	expect_event("kvm_s390_create_vcpu: create cpu 0 at ");
	expect_event("kvm_s390_vcpu_start_stop: starting cpu 0\n");
	expect_event("kvm_s390_sie_enter: 00[0000000180000000-0000000000010000]: "
		     "entering sie flags ");
	expect_event("kvm_s390_sie_exit: 00[0000000180000000-0000000000010010]: "
		     "exit sie icptcode 4 (Instruction)\n");
	expect_event("kvm_s390_intercept_instruction: 00[0000000180000000-0000000000010010]: "
		     "intercepted instruction b210");
	expect_event(" (0xB2 SPX)\n");
	expect_event("kvm_s390_handle_prefix: 00[0000000180000000-0000000000010010]: "
		     "setting prefix to 00000000\n");
	expect_event("kvm_s390_handle_prefix: 00[0000000180000000-0000000000010014]: "
		     "storing prefix to 00000000\n");
	expect_event("kvm_s390_handle_stap: 00[0000000180000000-0000000000010018]: "
		     "storing cpu address to 0000000000002008\n");
	expect_event("kvm_s390_handle_sigp: 00[0000000180000000-000000000001001c]: "
		     "handle sigp order 01 (SIGP sense), cpu address 0007, parameter 00000000\n");
	expect_event("kvm_s390_handle_diag: 00[0000300180000000-0000000000010020]: "
		     "handle diagnose call 0044 (DIAG (0x44) time slice end)\n");
	expect_event("kvm_s390_handle_stfl: 00[0000300180000000-0000000000010024]: "
		     "store facility list value ");
	expect_event("kvm_s390_handle_operexc: 00[0000300180000000-000000000001002a]: "
		     "operation exception on instruction 0000000000000000 (0x0)\n");
	expect_event("kvm_s390_inject_vcpu: inject (vcpu 0): "
		     "type:fffe0001 (program interrupt) parm:1 parm64:0\n");
	expect_event("kvm_s390_deliver_interrupt: deliver interrupt (vcpu 0): "
		     "type:fffe0001 (program interrupt) data:00000001 0000000000000000\n");
	expect_event("kvm_userspace_exit: reason KVM_EXIT_S390_SIEIC (13)\n");
}

/* An external interrupt and one of I/O, which the guest enables one after the other. */
INSNS(enable,
	"larl %r1,1f; lctlg %c0,%c0,0(%r1); lctlg %c6,%c6,8(%r1); stosm 32(%r1),3\n"
	".balign 8; 1: .quad 0x6200; .quad 0xff000000; .quad 0,0,0");

TEST(interrupts)
{
	struct s390_vm *vm = s390_vm_of(enable);

	trace_on();
	must(s390_irq_floating(vm, KVM_S390_INT_SERVICE, 0x1000, 0));
	must(s390_irq_floating(vm, KVM_S390_INT_IO(0, 0, 0, 5), 0x00010005, 0x1234567830000000));
	must(s390_irq_local(vm, KVM_S390_INT_EMERGENCY, 0));
	must(s390_irq_local(vm, KVM_S390_RESTART, 0));
	/* The restart has taken the CPU where nothing else is enabled. */
	s390_expect_wait(vm, WAIT_OF(LC_RESTART_NEW));
	vm->run->psw_mask = PSW_64;
	vm->run->psw_addr = CODE_AT;
	s390_expect_wait(vm, WAIT_OF(LC_EXT_NEW));
	vm->run->psw_mask = PSW_64 | PSW_WAIT | PSW_IO;
	s390_expect_wait(vm, WAIT_OF(LC_IO_NEW));
	trace_off();
	expect_event("kvm_s390_inject_vm: inject (from user): "
		     "type:ffff2401 (sclp interrupt) parm:1000 parm64:0\n");
	expect_event("kvm_s390_inject_vm: inject (from user): "
		     "type:5 (subchannel I/O interrupt) parm:10005 parm64:1234567830000000\n");
	expect_event("kvm_s390_inject_vcpu: inject (vcpu 0): "
		     "type:ffff1201 (sigp emergency) parm:0 parm64:0\n");
	expect_event("kvm_s390_inject_vcpu: inject (vcpu 0): "
		     "type:fffe0003 (sigp restart) parm:0 parm64:0\n");
	expect_event("kvm_s390_deliver_interrupt: deliver interrupt (vcpu 0): "
		     "type:fffe0003 (sigp restart) data:00000000 0000000000000000\n");
	expect_event("kvm_s390_deliver_interrupt: deliver interrupt (vcpu 0): "
		     "type:ffff1201 (sigp emergency) data:00000000 0000000000000000\n");
	expect_event("kvm_s390_deliver_interrupt: deliver interrupt (vcpu 0): "
		     "type:5 (subchannel I/O interrupt) data:00010005 1234567830000000\n");
}

TEST(stop_and_channels)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_S390_CSS_SUPPORT };
	struct kvm_s390_irq irq = {
		.type = KVM_S390_SIGP_STOP,
		.u.stop.flags = KVM_S390_STOP_FLAG_STORE_STATUS,
	};
	struct s390_vm *vm = s390_vm_of(insns);

	trace_on();
	must(ioctl(vm->cpu, KVM_ENABLE_CAP, &cap));
	vm->run->psw_mask = PSW_64 | PSW_WAIT;
	s390_expect_icpt(vm, ICPT_WAIT);
	must(ioctl(vm->cpu, KVM_S390_IRQ, &irq));
	s390_expect_icpt(vm, ICPT_STOP);
	trace_off();
	expect_event("kvm_s390_enable_css: enabling channel I/O support (kvm @ ");
	expect_event("kvm_s390_inject_vcpu: inject (vcpu 0): "
		     "type:fffe0000 (sigp stop) parm:0 parm64:0\n");
	expect_event("kvm_s390_stop_request: stop request, stop irq = 1, flags = 00000001\n");
	expect_event("kvm_s390_vcpu_start_stop: stopping cpu 0\n");
}

/* Adapter interrupts in the mode that lets one come. */
TEST(suppression)
{
	struct kvm_create_device args = { .type = KVM_DEV_TYPE_FLIC };
	struct kvm_enable_cap cap = { .cap = KVM_CAP_S390_AIS };
	struct kvm_s390_io_adapter adapter = {
		.id = 3, .isc = 2, .flags = KVM_S390_ADAPTER_SUPPRESSIBLE,
	};
	struct kvm_s390_ais_req req = { .isc = 2, .mode = 1 };
	struct s390_vm *vm = s390_vm_of(insns);
	int fd = must(ioctl(vm->kvm, KVM_CREATE_VM, 0)), i;

	must(ioctl(fd, KVM_ENABLE_CAP, &cap));
	must(ioctl(fd, KVM_CREATE_DEVICE, &args));
	must(s390_attr(args.fd, KVM_SET_DEVICE_ATTR, KVM_DEV_FLIC_ADAPTER_REGISTER, 0, &adapter));
	trace_on();
	must(s390_attr(args.fd, KVM_SET_DEVICE_ATTR, KVM_DEV_FLIC_AISM, 0, &req));
	for (i = 0; i < 2; i++)
		must(s390_attr(args.fd, KVM_SET_DEVICE_ATTR, KVM_DEV_FLIC_AIRQ_INJECT, 3, NULL));
	trace_off();
	expect_event("kvm_s390_modify_ais_mode: for isc 2, modifying interruption mode from "
		     "ALL-Interruptions Mode to Single-Interruption Mode\n");
	expect_event("kvm_s390_inject_vm: inject (from user): "
		     "type:4000000 (adapter I/O interrupt) parm:0 parm64:90000000\n");
	expect_event("kvm_s390_modify_ais_mode: for isc 2, modifying interruption mode from "
		     "Single-Interruption Mode to No-Interruptions Mode\n");
	expect_event("kvm_s390_airq_suppressed: adapter I/O interrupt suppressed (id:3 isc:2)\n");
}
