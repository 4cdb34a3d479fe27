// SPDX-License-Identifier: GPL-2.0-only
/* The s390 machine: see machine.h. It is put together here, and here its exits arrive. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include "arch.h"
#include "devices.h"
#include "s390/chsc.h"
#include "s390/css.h"
#include "s390/ebcdic.h"
#include "s390/image.h"
#include "s390/machine.h"
#include "s390/sclp.h"
#include "s390/virtio_ccw.h"

/* Interception codes, as the state description of SIE has them. */
enum {
	ICPT_INSTRUCTION	= 0x04,
	ICPT_PROGRAM		= 0x08,
	ICPT_EXTERNAL		= 0x14,
	ICPT_WAIT		= 0x1c,
	ICPT_VALIDITY		= 0x20,
	ICPT_STOP		= 0x28,
	ICPT_OPERATION		= 0x2c,
};

/* A guest that was asked to end by an operator says by this wait that it has. */
#define QUIESCED_AT	0xfff

#define INSN_TSCH	0xb235

#define DIAG_IPL	0x308
#define DIAG_VIRTIO	0x500
#define VIRTIO_NOTIFY	3

/* The block of STSI 3.2.2: the first of the machines in it is this one. */
#define STSI_MACHINES	3
#define STSI_NAME_AT	44
#define NAME_BYTES	8

enum {
	IPL_CLEAR_RESET		= 0,
	IPL_NORMAL_RESET	= 1,
	IPL_LOAD_CLEAR		= 3,
	IPL_LOAD_NORMAL_DUMP	= 4,
	IPL_SET			= 5,
	IPL_STORE		= 6,
	IPL_LOAD_NORMAL		= 7,
};

#define IPL_NO_CONFIGURATION	0x0102

#define EVENTS_PENDING	1	/* in the parameter of a service signal */

static const char *machine_name = "vmm";

static void set_name(const char *value)
{
	const char *c;

	for (c = value; *c > ' ' && *c <= '~'; c++)
		;
	if (!*value || *c || c - value > NAME_BYTES)
		die(VM_USAGE, "--name: 1 to %d characters, not '%s'", NAME_BYTES, value);
	machine_name = value;
}

const struct arch_option arch_options[] = {
	{ "--name", "NAME", "what the guest is told that its machine is called (vmm)", set_name },
	{ }
};

const char *const arch_console = "operator";

static struct sclp sclp;
static struct image_layout layout;
static struct virtio_ccw transports[MAX_DEVICES];

static_assert(MAX_DEVICES <= MAX_SUBCHANNELS, "a place for each device");

/* ---- the machine ----------------------------------------------------------------------------- */

static void service_signal(struct vmm *vm, uint32_t parameter)
{
	struct kvm_s390_interrupt irq = { .type = KVM_S390_INT_SERVICE, .parm = parameter };

	vm_ioctl(vm, KVM_S390_INTERRUPT, "KVM_S390_INTERRUPT", &irq);
}

static void attention(void *ctx)
{
	service_signal(ctx, EVENTS_PENDING);
}

/*
 * What comes to us where KVM can do that: all orders of SIGNAL PROCESSOR that are not among the
 * frequent ones, and STORE SYSTEM INFORMATION, in which the guest has a name.
 */
static void take_instructions(struct vmm *vm)
{
	const struct kvm_enable_cap sigp = { .cap = KVM_CAP_S390_USER_SIGP };
	const struct kvm_enable_cap stsi = { .cap = KVM_CAP_S390_USER_STSI };

	if (kvm_has(vm, KVM_CAP_S390_USER_SIGP))
		vm_ioctl(vm, KVM_ENABLE_CAP, "KVM_ENABLE_CAP(KVM_CAP_S390_USER_SIGP)", &sigp);
	if (kvm_has(vm, KVM_CAP_S390_USER_STSI))
		vm_ioctl(vm, KVM_ENABLE_CAP, "KVM_ENABLE_CAP(KVM_CAP_S390_USER_STSI)", &stsi);
}

static void add_devices(struct vmm *vm)
{
	struct virtio_dev *devs[MAX_DEVICES];
	unsigned int i;

	devices_make(vm, devs);
	if (devices_count(&vm->opt) && !kvm_has(vm, KVM_CAP_S390_CSS_SUPPORT))
		die(VM_SETUP, "this host's KVM leaves no channels to us: no virtio devices");
	for (i = 0; i < devices_count(&vm->opt); i++)
		virtio_ccw_add(vm, &transports[i], devs[i]);
}

bool arch_memory_shared(const struct vmm *vm)
{
	return !kvm_has(vm, KVM_CAP_S390_COW);
}

void arch_machine_init(struct vmm *vm)
{
	vm_add_memory(vm, 0, vm->opt.mem);
	take_instructions(vm);
	sclp.mem = &vm->mem;
	sclp.operator = vm->opt.arch_console;
	sclp.cpus = vm->opt.cpus;
	sclp.memory = vm->opt.mem;
	sclp.send = console_write;
	sclp.room = console_room;
	sclp.attention = attention;
	sclp.ctx = vm;
	sclp_init(&sclp);
	add_devices(vm);
	devices_start_console(vm, sclp_input, &sclp);
}

void arch_machine_exit(struct vmm *vm)
{
}

void arch_check_images(const struct options *opt)
{
	const char *wrong;

	wrong = image_parse(opt->kernel.data, opt->kernel.size, strlen(opt->append)) ?:
		image_place(opt->kernel.size, opt->initrd.size, opt->mem, &layout);
	if (wrong)
		die(VM_SETUP, "--kernel %s: %s", opt->kernel.path, wrong);
}

/* All addresses have been checked: a failure would be a fault of the layout. */
static void put(struct vmm *vm, uint64_t gpa, const void *data, size_t size)
{
	if (size && !mem_write(&vm->mem, gpa, data, size))
		die(VM_SETUP, "nothing can be written at 0x%llx", (unsigned long long)gpa);
}

void arch_boot(struct vmm *vm)
{
	const struct options *opt = &vm->opt;
	const uint64_t initrd[2] = { opt->initrd.size ? layout.initrd_at : 0, opt->initrd.size };
	struct kvm_enable_cap css = { .cap = KVM_CAP_S390_CSS_SUPPORT };
	struct kvm_run *run = vm->vcpus[0].run;

	put(vm, 0, opt->kernel.data, opt->kernel.size);
	put(vm, layout.initrd_at, opt->initrd.data, opt->initrd.size);
	put(vm, INITRD_WORDS_AT, initrd, sizeof(initrd));
	put(vm, COMMAND_LINE_AT, opt->append, strlen(opt->append) + 1);
	if (!css_empty())
		vcpu_ioctl(&vm->vcpus[0], KVM_ENABLE_CAP, "KVM_ENABLE_CAP", &css);
	cpus_init(vm);
	run->psw_mask = PSW_64BIT;
	run->psw_addr = IMAGE_ENTRY;
}

/* ---- instructions ---------------------------------------------------------------------------- */

static void program_interruption(struct vcpu *vcpu, unsigned int code)
{
	struct kvm_s390_interrupt irq = { .type = KVM_S390_PROGRAM_INT, .parm = code };

	vcpu_ioctl(vcpu, KVM_S390_INTERRUPT, "KVM_S390_INTERRUPT", &irq);
}

static void set_cc(struct vcpu *vcpu, uint64_t cc)
{
	vcpu->run->psw_mask = (vcpu->run->psw_mask & ~PSW_CC) | cc << PSW_CC_SHIFT;
}

/* Each instruction's function returns 0, or the code of the program interruption that ends it. */

/*
 * The prefix area is where the first two pages are, and the other way round. It is read from the
 * run page, where KVM leaves it.
 */
static uint64_t absolute(const struct vcpu *vcpu, uint64_t real)
{
	const uint64_t prefix = vcpu->run->s.regs.prefix;

	if (real < 8192)
		return real + prefix;
	return real - prefix < 8192 ? real - prefix : real;
}

static unsigned int service_call(struct vcpu *vcpu, const struct insn *insn)
{
	const uint32_t command = insn->gpr[insn->ipb >> 20 & 15];
	const uint32_t sccb = insn->gpr[insn->ipb >> 16 & 15];
	unsigned int code = sclp_service(&sclp, command, absolute(vcpu, sccb));

	if (code)
		return code;
	set_cc(vcpu, 0);
	service_signal(vcpu->vmm, sccb | (sclp_pending(&sclp) ? EVENTS_PENDING : 0));
	return 0;
}

static unsigned int signal_processor(struct vcpu *vcpu, const struct insn *insn)
{
	set_cc(vcpu, cpu_signal(vcpu, insn));
	return 0;
}

/* DIAGNOSE 308. What KVM serves itself comes as an exit of its own. */
static unsigned int diagnose_ipl(struct vcpu *vcpu, const struct insn *insn)
{
	if (insn_r1(insn) & 1)
		return PGM_SPECIFICATION;
	switch (insn->gpr[insn_r3(insn)]) {
	case IPL_CLEAR_RESET:
	case IPL_NORMAL_RESET:
	case IPL_LOAD_CLEAR:
	case IPL_LOAD_NORMAL_DUMP:
	case IPL_LOAD_NORMAL:
		vm_end(vcpu->vmm, VM_OK, "the guest asked for a reset");
		return 0;
	case IPL_SET:
	case IPL_STORE:
		/* It was not loaded from a device. */
		insn->gpr[insn_r1(insn) + 1] = IPL_NO_CONFIGURATION;
		return 0;
	default:
		return PGM_SPECIFICATION;
	}
}

/* DIAGNOSE 500. What KVM does not turn into an event by itself. */
static unsigned int diagnose_virtio(struct vcpu *vcpu, const struct insn *insn)
{
	if (insn->gpr[1] != VIRTIO_NOTIFY)
		return PGM_SPECIFICATION;
	insn->gpr[2] = virtio_ccw_notify(insn->gpr[2], insn->gpr[3]) ? 0 : -EINVAL;
	return 0;
}

static unsigned int diagnose(struct vcpu *vcpu, const struct insn *insn)
{
	switch (insn_address(insn) & 0xffff) {
	case DIAG_IPL:
		return diagnose_ipl(vcpu, insn);
	case DIAG_VIRTIO:
		return diagnose_virtio(vcpu, insn);
	default:
		return PGM_SPECIFICATION;
	}
}

/* There is none such. */
static unsigned int not_operational(struct vcpu *vcpu, const struct insn *insn)
{
	set_cc(vcpu, 3);
	return 0;
}

static unsigned int subchannel(struct vcpu *vcpu, const struct insn *insn)
{
	unsigned int cc, code;

	if (css_empty())
		return not_operational(vcpu, insn);
	code = css_instruction(vcpu, insn, &cc);
	if (!code)
		set_cc(vcpu, cc);
	return code;
}

/* No report waits; limits and measurements can be set, and are not used. */
static unsigned int no_report(struct vcpu *vcpu, const struct insn *insn)
{
	set_cc(vcpu, 1);
	return 0;
}

static unsigned int no_matter(struct vcpu *vcpu, const struct insn *insn)
{
	return 0;
}

static unsigned int nothing_pending(struct vcpu *vcpu, const struct insn *insn)
{
	set_cc(vcpu, 0);
	return 0;
}

/* The page is a real one, by the register of the first operand. */
static unsigned int subsystem_call(struct vcpu *vcpu, const struct insn *insn)
{
	const uint64_t page = insn->gpr[insn->ipb >> 20 & 15];

	if (css_empty())
		return not_operational(vcpu, insn);
	if (page & 4095)
		return PGM_SPECIFICATION;
	if (!mem_at(&vcpu->vmm->mem, absolute(vcpu, page), 4096))
		return PGM_ADDRESSING;
	if (!chsc_serve(&vcpu->vmm->mem, absolute(vcpu, page)))
		return PGM_OPERAND;
	set_cc(vcpu, 0);
	return 0;
}

/* By the bits of the first halfword that are the operation's code; with the names of the counts. */
static const struct {
	uint16_t	mask, code;
	unsigned int	(*serve)(struct vcpu *vcpu, const struct insn *insn);
	const char	*name;
} instructions[] = {
	{ 0xff00, 0x8300, diagnose,		"diagnose" },
	{ 0xff00, 0xae00, signal_processor,	"signal-processor" },
	{ 0xffff, 0xb220, service_call,		"service-call" },
	{ 0xffff, 0xb230, subchannel,		"clear-subchannel" },
	{ 0xffff, 0xb231, subchannel,		"halt-subchannel" },
	{ 0xffff, 0xb232, subchannel,		"modify-subchannel" },
	{ 0xffff, 0xb233, subchannel,		"start-subchannel" },
	{ 0xffff, 0xb234, subchannel,		"store-subchannel" },
	{ 0xffff, 0xb235, subchannel,		"test-subchannel" },
	{ 0xffff, 0xb236, nothing_pending,	"test-pending" },
	{ 0xffff, 0xb237, no_matter,		"set-address-limit" },
	{ 0xffff, 0xb238, subchannel,		"resume-subchannel" },
	{ 0xffff, 0xb239, no_report,		"store-channel-report" },
	{ 0xffff, 0xb23b, not_operational,	"reset-channel-path" },
	{ 0xffff, 0xb23c, no_matter,		"set-channel-monitor" },
	{ 0xffff, 0xb25f, subsystem_call,	"channel-subsystem-call" },
	{ 0xffff, 0xb276, subchannel,		"cancel-subchannel" },
};

static uint64_t counts[ARRAY_SIZE(instructions)];

void arch_print_exits(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(instructions); i++)
		if (counts[i])
			fprintf(stderr, "stats: instruction %-17s %12llu\n", instructions[i].name,
				(unsigned long long)counts[i]);
}

static unsigned int serve(struct vcpu *vcpu, const struct insn *insn)
{
	unsigned int i;

	if (vcpu->run->psw_mask & PSW_PROBLEM)
		return PGM_PRIVILEGED;
	for (i = 0; i < ARRAY_SIZE(instructions); i++) {
		if ((insn->ipa & instructions[i].mask) != instructions[i].code)
			continue;
		__atomic_fetch_add(&counts[i], 1, __ATOMIC_RELAXED);
		return instructions[i].serve(vcpu, insn);
	}
	return PGM_OPERATION;
}

static void instruction(struct vcpu *vcpu, uint16_t ipa, uint32_t ipb,
			unsigned int (*how)(struct vcpu *vcpu, const struct insn *insn))
{
	struct kvm_regs regs;
	const struct insn insn = { .ipa = ipa, .ipb = ipb, .gpr = (uint64_t *)regs.gprs };
	unsigned int code;

	vcpu_ioctl(vcpu, KVM_GET_REGS, "KVM_GET_REGS", &regs);
	code = how(vcpu, &insn);
	if (code && code != PGM_GIVEN)
		program_interruption(vcpu, code);
	else if (!code)
		vcpu_ioctl(vcpu, KVM_SET_REGS, "KVM_SET_REGS", &regs);
}

/* ---- exits ----------------------------------------------------------------------------------- */

const char *arch_exit_name(unsigned int reason)
{
	switch (reason) {
	case KVM_EXIT_S390_SIEIC:
		return "s390-intercept";
	case KVM_EXIT_S390_RESET:
		return "s390-reset";
	case KVM_EXIT_S390_STSI:
		return "s390-store-system-information";
	case KVM_EXIT_S390_TSCH:
		return "s390-test-subchannel";
	default:
		return NULL;
	}
}

static void crashed(struct vcpu *vcpu, const char *what)
{
	char where[80];

	arch_describe(vcpu, where, sizeof(where));
	vm_end(vcpu->vmm, VM_CRASH, "CPU %u: %s; %s", vcpu->id, what, where);
}

/* A wait that no interruption can end. */
static void disabled_wait(struct vcpu *vcpu)
{
	if (vcpu->run->psw_addr == QUIESCED_AT)
		vm_end(vcpu->vmm, VM_OK, "the guest switched itself off");
	else
		crashed(vcpu, "disabled wait");
}

static unsigned int test_subchannel(struct vcpu *vcpu, const struct insn *insn)
{
	unsigned int cc, code = css_test_subchannel(vcpu, insn, &cc);

	if (!code)
		set_cc(vcpu, cc);
	return code;
}

/* KVM has stored the block, where the instruction says; the name in it is ours. */
static void name_machine(struct vcpu *vcpu)
{
	const struct kvm_run *run = vcpu->run;
	uint8_t name[NAME_BYTES];
	struct kvm_s390_mem_op access = {
		.gaddr	= run->s390_stsi.addr + STSI_NAME_AT,
		.flags	= KVM_S390_MEMOP_F_INJECT_EXCEPTION,
		.size	= sizeof(name),
		.op	= KVM_S390_MEMOP_LOGICAL_WRITE,
		.buf	= (uintptr_t)name,
		.ar	= run->s390_stsi.ar,
	};

	if (run->s390_stsi.fc != STSI_MACHINES)
		return;
	ascii_to_ebcdic(name, sizeof(name), machine_name);
	vcpu_ioctl(vcpu, KVM_S390_MEM_OP, "KVM_S390_MEM_OP", &access);
}

static void intercept(struct vcpu *vcpu)
{
	const struct kvm_run *run = vcpu->run;
	const unsigned int code = run->s390_sieic.icptcode;
	char what[60];

	switch (code) {
	case ICPT_INSTRUCTION:
		return instruction(vcpu, run->s390_sieic.ipa, run->s390_sieic.ipb, serve);
	case ICPT_WAIT:
		return disabled_wait(vcpu);
	case ICPT_STOP:
		return cpu_stopped(vcpu);
	case ICPT_PROGRAM:
		return crashed(vcpu, "a program interruption that repeats itself");
	case ICPT_EXTERNAL:
		return crashed(vcpu, "an external interruption that repeats itself");
	default:
		snprintf(what, sizeof(what), "interception 0x%02x", code);
		return crashed(vcpu, what);
	}
}

bool arch_handle_exit(struct vcpu *vcpu)
{
	switch (vcpu->run->exit_reason) {
	case KVM_EXIT_S390_SIEIC:
		intercept(vcpu);
		return true;
	case KVM_EXIT_S390_TSCH:
		instruction(vcpu, INSN_TSCH, vcpu->run->s390_tsch.ipb, test_subchannel);
		return true;
	case KVM_EXIT_S390_STSI:
		name_machine(vcpu);
		return true;
	case KVM_EXIT_S390_RESET:
		vm_end(vcpu->vmm, VM_OK, "the guest asked for a reset");
		return true;
	default:
		return false;
	}
}

void arch_describe(struct vcpu *vcpu, char *text, size_t size)
{
	snprintf(text, size, "PSW %016llx %016llx", (unsigned long long)vcpu->run->psw_mask,
		 (unsigned long long)vcpu->run->psw_addr);
}
