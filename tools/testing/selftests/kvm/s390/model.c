// SPDX-License-Identifier: GPL-2.0-only
/*
 * The processor that a VM is given: attributes of the CPU model, of cryptography and of the clock;
 * features that the emulated machine has not, and is to refuse; more CPUs than places in a basic
 * system control area; the interlock of translation tables.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/stat.h>

#include "s390.h"

INSNS(bare, S390_END);

/* A VM without a CPU. */
static struct s390_vm *empty_vm(void)
{
	struct s390_vm *vm = calloc(1, sizeof(*vm));

	vm->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (vm->kvm < 0)
		skip("/dev/kvm: %s", strerror(errno));
	vm->fd = must(ioctl(vm->kvm, KVM_CREATE_VM, 0));
	return vm;
}

static int attr(struct s390_vm *vm, unsigned long request, uint32_t group, uint64_t nr, void *data)
{
	return s390_attr(vm->fd, request, group, nr, data);
}

static int set(struct s390_vm *vm, uint32_t group, uint64_t nr, void *data)
{
	return attr(vm, KVM_SET_DEVICE_ATTR, group, nr, data);
}

static int get(struct s390_vm *vm, uint32_t group, uint64_t nr, void *data)
{
	return attr(vm, KVM_GET_DEVICE_ATTR, group, nr, data);
}

static void *const nowhere = (void *)-4096L;

static struct kvm_s390_vm_cpu_processor processor;
static struct kvm_s390_vm_cpu_machine machine;
static struct kvm_s390_vm_cpu_subfunc functions, read_back;

#define MODEL	KVM_S390_VM_CPU_MODEL

static int facility(const __u64 *list, int nr)
{
	return list[nr / 64] >> (63 - nr % 64) & 1;
}

/* The list a VM begins with is of what KVM can give and the machine has. */
TEST(facility_lists)
{
	struct s390_vm *vm = empty_vm();
	int i;

	must(get(vm, MODEL, KVM_S390_VM_CPU_MACHINE, &machine));
	must(get(vm, MODEL, KVM_S390_VM_CPU_PROCESSOR, &processor));
	for (i = 0; i < 256; i++)
		expect_eq(processor.fac_list[i] & ~machine.fac_mask[i], 0);
	expect(facility(processor.fac_list, 17));
	expect(facility(processor.fac_list, 76));
	expect(!facility(processor.fac_list, 129));
	expect_errno(set(vm, MODEL, KVM_S390_VM_CPU_MACHINE, &machine), ENXIO);
	expect_errno(get(vm, MODEL, KVM_S390_VM_CPU_MACHINE, nowhere), EFAULT);
	processor.cpuid = 0xff12345678900000;
	processor.fac_list[1] = 0;
	must(set(vm, MODEL, KVM_S390_VM_CPU_PROCESSOR, &processor));
	memset(&processor, 0, sizeof(processor));
	must(get(vm, MODEL, KVM_S390_VM_CPU_PROCESSOR, &processor));
	expect_eq(processor.cpuid, 0xff12345678900000);
	expect_eq(processor.fac_list[1], 0);
}

/* What instructions say of themselves: the query function is always there (function code 0). */
TEST(machine_subfunctions)
{
	struct s390_vm *vm = empty_vm();

	expect_eq(attr(vm, KVM_HAS_DEVICE_ATTR, MODEL, KVM_S390_VM_CPU_MACHINE_SUBFUNC, NULL), 0);
	must(get(vm, MODEL, KVM_S390_VM_CPU_MACHINE_SUBFUNC, &functions));
	expect_eq(functions.plo[0], 0xff);
	expect(functions.km[0] & 0x80);
	expect(functions.kimd[0] & 0x40);		/* SHA-1 */
	expect(functions.pckmo[0] & 0x80);
	expect(functions.kmctr[0] & 0x80);
	expect_eq(functions.kma[0], 0);			/* an extension that the emulator lacks */
	expect_errno(get(vm, MODEL, KVM_S390_VM_CPU_MACHINE_SUBFUNC, nowhere), EFAULT);
	expect_errno(set(vm, MODEL, KVM_S390_VM_CPU_MACHINE_SUBFUNC, &functions), ENXIO);
}

/*
 * devices/vm.rst: reading fails as long as nothing was written. (The kernel's own module reads the
 * machine's then.)
 */
TEST(processor_subfunctions)
{
	struct s390_vm *vm = empty_vm();

	if (!distro_modules())
		expect_errno(get(vm, MODEL, KVM_S390_VM_CPU_PROCESSOR_SUBFUNC, &functions), EINVAL);
	memset(&functions, 0x5a, sizeof(functions));
	expect_errno(set(vm, MODEL, KVM_S390_VM_CPU_PROCESSOR_SUBFUNC, nowhere), EFAULT);
	must(set(vm, MODEL, KVM_S390_VM_CPU_PROCESSOR_SUBFUNC, &functions));
	must(get(vm, MODEL, KVM_S390_VM_CPU_PROCESSOR_SUBFUNC, &read_back));
	expect(!memcmp(&functions, &read_back, offsetof(struct kvm_s390_vm_cpu_subfunc, reserved)));
	must(ioctl(vm->fd, KVM_CREATE_VCPU, 0));
	memset(&functions, 0, sizeof(functions));
	expect_errno(set(vm, MODEL, KVM_S390_VM_CPU_PROCESSOR_SUBFUNC, &functions), EBUSY);
	must(get(vm, MODEL, KVM_S390_VM_CPU_PROCESSOR_SUBFUNC, &read_back));
	expect_eq(read_back.km[3], 0x5a);
}

TEST(model_once_there_is_a_cpu)
{
	struct kvm_s390_vm_cpu_feat feat = { };
	struct s390_vm *vm = empty_vm();

	must(get(vm, MODEL, KVM_S390_VM_CPU_PROCESSOR, &processor));
	must(ioctl(vm->fd, KVM_CREATE_VCPU, 0));
	expect_errno(set(vm, MODEL, KVM_S390_VM_CPU_PROCESSOR, &processor), EBUSY);
	expect_errno(set(vm, MODEL, KVM_S390_VM_CPU_PROCESSOR_FEAT, &feat), EBUSY);
	memset(&feat, 0xff, sizeof(feat));
	expect_errno(set(vm, MODEL, KVM_S390_VM_CPU_PROCESSOR_FEAT, &feat), EINVAL);
	expect_errno(get(vm, MODEL, 99, &feat), ENXIO);
}

/* Capabilities whose facility the emulated machine has not, and those that need none. */
TEST(features_the_machine_lacks)
{
	static const uint32_t lacking[] = {
		KVM_CAP_S390_VECTOR_REGISTERS, KVM_CAP_S390_RI, KVM_CAP_S390_GS,
	};
	struct s390_vm *vm = empty_vm(), *running = s390_vm_of(bare);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(lacking); i++) {
		struct kvm_enable_cap cap = { .cap = lacking[i] };

		expect_eq(ioctl(vm->fd, KVM_CHECK_EXTENSION, lacking[i]), 0);
		expect_errno(ioctl(vm->fd, KVM_ENABLE_CAP, &cap), EINVAL);
		expect_errno(ioctl(running->fd, KVM_ENABLE_CAP, &cap), EBUSY);
		cap.flags = 1;
		expect_errno(ioctl(vm->fd, KVM_ENABLE_CAP, &cap), EINVAL);
	}
	expect_eq(ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_S390_BPB), 0);
	expect_eq(ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_S390_DIAG318), 1);
	must(get(vm, MODEL, KVM_S390_VM_CPU_PROCESSOR, &processor));
	expect_eq(processor.fac_list[2], distro_modules() ? processor.fac_list[2] : 0);
}

/* What the VMM says of the control program stays; of features that are not there nothing does. */
TEST(shared_registers_of_features)
{
	struct s390_vm *vm = s390_vm_of(bare);

	if (vm->run->kvm_valid_regs)
		expect_eq(vm->run->kvm_valid_regs & (KVM_SYNC_RICCB | KVM_SYNC_GSCB | KVM_SYNC_BPBC |
						     KVM_SYNC_ETOKEN | KVM_SYNC_VRS), 0);
	vm->run->s.regs.diag318 = 0x0500000000012345;
	vm->run->s.regs.etoken = 7;
	vm->run->s.regs.riccb[0] = 7;
	vm->run->kvm_dirty_regs = KVM_SYNC_DIAG318 | KVM_SYNC_ETOKEN | KVM_SYNC_RICCB;
	s390_expect_icpt(vm, ICPT_INSTRUCTION);
	expect_eq(vm->run->s.regs.diag318, 0x0500000000012345);
	if (!distro_modules()) {	/* which leaves in kvm_run what it does not take */
		expect_eq(vm->run->s.regs.etoken, 0);
		expect_eq(vm->run->s.regs.riccb[0], 0);
	}
	vm->run->s.regs.diag318 = 1;
	vm->run->psw_addr = CODE_AT;
	s390_expect_icpt(vm, ICPT_INSTRUCTION);		/* not dirty: not taken */
	if (!distro_modules())
		expect_eq(vm->run->s.regs.diag318, 0x0500000000012345);
}

/*
 * Protected keys. A guest wraps the same key before and after a new wrapping key is made.
 */

/* PCKMO, AES of 128 bits: the key's 16 bytes and a pattern of 32 follow each other at R1. */
INSNS(wrap,
	"llilh %r1,2; lghi %r0,0x12; .insn rre,0xb9280000,0,0\n"
	S390_END "; j wrap");

static struct kvm_device_attr crypto(uint64_t nr)
{
	return (struct kvm_device_attr){ .group = KVM_S390_VM_CRYPTO, .attr = nr };
}

/* With CPUs or without: it is no part of the model. */
TEST(crypto_attributes)
{
	struct s390_vm *vm = s390_vm_of(bare);
	struct kvm_device_attr a;
	uint64_t i;

	for (i = 0; i < 4; i++) {
		a = crypto(i);
		expect_eq(ioctl(vm->fd, KVM_HAS_DEVICE_ATTR, &a), 0);
		expect_eq(ioctl(vm->fd, KVM_SET_DEVICE_ATTR, &a), 0);
		expect_errno(ioctl(vm->fd, KVM_GET_DEVICE_ATTR, &a), ENXIO);
	}
	for (; i < 6; i++) {		/* there are no adapter queues in this machine */
		a = crypto(i);
		expect_errno(ioctl(vm->fd, KVM_HAS_DEVICE_ATTR, &a), ENXIO);
		expect_errno(ioctl(vm->fd, KVM_SET_DEVICE_ATTR, &a), EOPNOTSUPP);
	}
	a = crypto(i);
	expect_errno(ioctl(vm->fd, KVM_HAS_DEVICE_ATTR, &a), ENXIO);
	expect_errno(ioctl(vm->fd, KVM_SET_DEVICE_ATTR, &a), ENXIO);
	s390_expect_icpt(vm, ICPT_INSTRUCTION);
}

TEST(crypto_without_facility)
{
	struct s390_vm *vm = empty_vm();
	struct kvm_device_attr a;
	uint64_t i;

	must(get(vm, MODEL, KVM_S390_VM_CPU_PROCESSOR, &processor));
	processor.fac_list[1] &= ~(1UL << (127 - 76));
	must(set(vm, MODEL, KVM_S390_VM_CPU_PROCESSOR, &processor));
	for (i = 0; i < 4; i++) {
		a = crypto(i);
		expect_errno(ioctl(vm->fd, KVM_SET_DEVICE_ATTR, &a), EINVAL);
	}
}

static void *keys_change(void *arg)
{
	struct s390_vm *vm = arg;
	struct kvm_device_attr a;
	int i;

	for (i = 0; i < 400; i++) {
		a = crypto(i & 3);
		must(ioctl(vm->fd, KVM_SET_DEVICE_ATTR, &a));
	}
	return NULL;
}

/* Beside a CPU that runs, and asks for keys to be wrapped. */
TEST(crypto_beside_a_running_cpu)
{
	struct s390_vm *vm = s390_vm_of(wrap);
	pthread_t thread;
	int i;

	must(-pthread_create(&thread, NULL, keys_change, vm));
	for (i = 0; i < 400; i++) {
		s390_run(vm);
		expect_eq(vm->run->exit_reason, KVM_EXIT_S390_SIEIC);
		vm->run->psw_addr = CODE_AT;
		vm->run->psw_mask = PSW_64;
	}
	pthread_join(thread, NULL);
}

/*
 * The clock's extension: the emulated machine's has none.
 */
TEST(clock_extension)
{
	struct kvm_s390_vm_tod_clock clock = { .epoch_idx = 1, .tod = 5 }, now = { };
	struct s390_vm *vm = empty_vm();
	uint8_t high = 1;

	must(get(vm, KVM_S390_VM_TOD, KVM_S390_VM_TOD_EXT, &now));
	expect_eq(now.epoch_idx, 0);
	expect_errno(set(vm, KVM_S390_VM_TOD, KVM_S390_VM_TOD_EXT, &clock), EINVAL);
	expect_errno(set(vm, KVM_S390_VM_TOD, KVM_S390_VM_TOD_HIGH, &high), EINVAL);
	expect_errno(set(vm, KVM_S390_VM_TOD, KVM_S390_VM_TOD_EXT, nowhere), EFAULT);
	clock.tod = now.tod;
	must(get(vm, KVM_S390_VM_TOD, KVM_S390_VM_TOD_EXT, &now));
	expect_ge(now.tod, clock.tod);		/* nothing was set */
	clock = (struct kvm_s390_vm_tod_clock){ .tod = 1UL << 40 };
	must(set(vm, KVM_S390_VM_TOD, KVM_S390_VM_TOD_EXT, &clock));
	must(get(vm, KVM_S390_VM_TOD, KVM_S390_VM_TOD_EXT, &now));
	expect_ge(now.tod, 1UL << 40);
	expect_le(now.tod, (1UL << 40) + (60UL << 32));
}

/*
 * As many CPUs as promised: the emulated machine interprets no SIGP, so that they need no places in
 * the system control area. The last of them works.
 */
INSNS(address, "llilh %r4,2; stap 0(%r4); " S390_END);

TEST_LIMIT(as_many_cpus_as_promised, 60)
{
	struct s390_vm *vm = s390_vm_of(address);
	int max = must(ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS)), i;

	expect_eq(max, 255);
	for (i = 1; i < max; i++)
		vm->cpu = must(ioctl(vm->fd, KVM_CREATE_VCPU, i));
	expect_errno(ioctl(vm->fd, KVM_CREATE_VCPU, max), EINVAL);
	vm->run = s390_map_run(vm, vm->cpu);
	vm->run->psw_mask = PSW_64;
	vm->run->psw_addr = CODE_AT;
	s390_expect_icpt(vm, ICPT_INSTRUCTION);
	expect_eq(*(uint16_t *)(vm->mem + DATA_AT), max - 1);
}

/*
 * The interlock: a guest invalidates a page-table entry over and over, while the VMM reads through
 * the guest's tables. Neither waits for the other for ever, and what the VMM reads is the page's
 * content, or an exception. (What the interlock keeps away is in pfault.c.)
 *
 * Real is virtual, but that page 0x60 is invalidated and made valid again. Code runs without DAT;
 * the VMM's access goes by the PSW of the CPU in the VMM's hands, with DAT.
 */
INSNS(invalidate,
	"llilh %r1,5\n"					/* the page table */
	"llilh %r2,6; llilh %r5,6; lghi %r6,2000\n"
	"0: ipte %r1,%r2\n"
	"stg %r5,0x300(%r1)\n"
	"brctg %r6,0b\n" S390_END);

static int all_read;

static void *reads(void *arg)
{
	int i, r, cpu = *(int *)arg;
	uint64_t word, end = now_ms() + 5000;
	struct kvm_s390_mem_op op = {
		.gaddr = 0x60000, .size = 8, .op = KVM_S390_MEMOP_LOGICAL_READ,
		.buf = (uintptr_t)&word,
	};

	for (i = 0; i < 500 || now_ms() < end; i++) {
		word = 0;
		r = must(ioctl(cpu, KVM_S390_MEM_OP, &op));
		expect(r == 0 || r == 0x11);
		if (!r)
			expect_eq(word, 0x1234);
	}
	__atomic_store_n(&all_read, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static void invalidates(struct s390_vm *vm)
{
	int i;

	for (i = 0; i < 20; i++) {
		vm->run->psw_addr = CODE_AT;
		s390_expect_icpt(vm, ICPT_INSTRUCTION);
		expect_eq(vm->run->s390_sieic.ipb >> 16, 0x777);
	}
}

TEST_LIMIT(interlock, 60)
{
	struct s390_vm *vm = s390_vm_of(invalidate);
	int reader = s390_translating_cpu(vm);
	pthread_t thread;

	*s390_word(vm, 0x60000) = 0x1234;
	must(-pthread_create(&thread, NULL, reads, &reader));
	do
		invalidates(vm);
	while (!__atomic_load_n(&all_read, __ATOMIC_SEQ_CST));
	pthread_join(thread, NULL);
}

/*
 * A CPU that invalidates an entry which the host has to bring in, or to let it write to, gets to it.
 * With the kernel's own it does not in Hercules, which takes the interlock and then faults.
 */
TEST(interlock_of_an_instruction_that_faults)
{
	struct s390_vm *vm = s390_vm_of(invalidate);
	struct kvm_userspace_memory_region logged = {
		.flags = KVM_MEM_LOG_DIRTY_PAGES, .memory_size = MEM_SIZE,
		.userspace_addr = (uintptr_t)vm->mem,
	};

	if (distro_modules())
		skip("the kernel's own does not get on");
	invalidates(vm);
	must(ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &logged));
	invalidates(vm);
	expect(!(*s390_page_entry(vm, 0x60000) & PAGE_INVALID));
}

static void *creates(void *arg)
{
	struct s390_vm *vm = arg;
	int i;

	for (i = 1; i < 200; i++)
		must(ioctl(vm->fd, KVM_CREATE_VCPU, i));
	return NULL;
}

/*
 * CPUs appear beside one that runs, and uses the interlock, which on some machines moves to another
 * place meanwhile.
 */
TEST_LIMIT(more_cpus_beside_a_running_one, 60)
{
	struct s390_vm *vm = s390_vm_of(invalidate);
	pthread_t thread;

	if (must(ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS)) < 200)
		skip("places for so many");
	s390_make_tables(vm, 1);
	must(-pthread_create(&thread, NULL, creates, vm));
	invalidates(vm);
	pthread_join(thread, NULL);
	invalidates(vm);
}

/*
 * The limit on halt polling by the host's own steal time: 200 waits of 2 ms, which are polled for,
 * or with a limit of 0 % are not.
 */
INSNS(waits,
	"larl %r4,waits+0x80; lghi %r6,200\n"
	"0: stck 0(%r4); lg %r5,0(%r4); agfi %r5,0x800000; stg %r5,8(%r4); sckc 8(%r4)\n"
	"larl %r7,waits+0x90; lpswe 0(%r7)\n"
	".org waits+0x50; brctg %r6,0b; " S390_END "\n"
	".org waits+0x80; .quad 0,0,0x0102000180000000,0x10050");

static void parameter(const char *module, const char *name, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/module/%s/parameters/%s", module, name);
	must(write_file(path, value));
}

/* To the guest's end; the CPU's statistics. */
static int wait_often(struct s390_vm *vm)
{
	int stats = must(ioctl(vm->cpu, KVM_GET_STATS_FD, 0));

	*s390_word(vm, LC_EXT_NEW) = PSW_64;
	*s390_word(vm, LC_EXT_NEW + 8) = CODE_AT + 0x50;
	vm->run->s.regs.crs[0] = 0x8e0;
	vm->run->kvm_dirty_regs = KVM_SYNC_CRS;
	s390_expect_icpt(vm, ICPT_INSTRUCTION);
	expect_eq(vm->run->s390_sieic.ipb >> 16, 0x777);
	return stats;
}

static void steal_limit(const char *percent)
{
	parameter(distro_modules() ? "kvm" : "kvm_s390", "halt_poll_max_steal", percent);
}

/* @refused: how many were not polled for. */
static int64_t polls_with(const char *limit, int64_t *refused)
{
	int stats;

	steal_limit(limit);
	stats = wait_often(s390_vm_of(waits));
	*refused = s390_stat(stats, "halt_no_poll_steal");
	return s390_stat(stats, "halt_attempted_poll");
}

TEST(polling_by_steal_time)
{
	int64_t never, always, refused, not_refused;

	/* the emulated machine is slow: its waits are longer than what is polled for by default */
	parameter("kvm", "halt_poll_ns", "400000000");
	never = polls_with("0", &refused);
	always = polls_with("100", &not_refused);
	parameter("kvm", "halt_poll_ns", "50000");
	steal_limit("10");
	expect_eq(never, 0);
	expect_ge(always, 20);
	expect_ge(refused, 100);
	expect_eq(not_refused, 0);
}

/* KVM_CAP_HALT_POLL (KVM API 7.20): a VM's own limit counts, whatever the parameter is. */
static int64_t polls_of_vm(unsigned int ns, const char *others)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_HALT_POLL, .args = { ns } };
	struct s390_vm *vm = s390_vm_of(waits);

	must(ioctl(vm->fd, KVM_ENABLE_CAP, &cap));
	parameter("kvm", "halt_poll_ns", others);
	return s390_stat(wait_often(vm), "halt_attempted_poll");
}

TEST(polling_by_the_vms_limit)
{
	int64_t none, some;

	steal_limit("100");
	none = polls_of_vm(0, "400000000");
	some = polls_of_vm(400000000, "0");
	parameter("kvm", "halt_poll_ns", "50000");
	steal_limit("10");
	expect_eq(none, 0);
	expect_ge(some, 20);
}

/* The parameters of the kernel's own, and their values when nobody has set them. */
TEST(parameters)
{
	static const struct {
		const char	*name, *value;
		mode_t		mode;
		int		of_core;
	} rows[] = {
		{ "halt_poll_ns",		"50000",	0644,	1 },
		{ "halt_poll_ns_grow",		"2",		0644,	1 },
		{ "halt_poll_ns_grow_start",	"10000",	0644,	1 },
		{ "halt_poll_ns_shrink",	"0",		0644,	1 },
		{ "diag9c_forwarding_hz",	"0",		0644,	0 },
		{ "halt_poll_max_steal",	"10",		0644,	0 },
		{ "hpage",			NULL,		0444,	0 },
	};
	char path[128], value[32];
	struct stat st;
	unsigned int i;
	ssize_t n;
	int fd;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		snprintf(path, sizeof(path), "/sys/module/%s/parameters/%s",
			 rows[i].of_core || distro_modules() ? "kvm" : "kvm_s390", rows[i].name);
		fd = must(open(path, O_RDONLY));
		must(fstat(fd, &st));
		expect_eq(st.st_mode & 0777, rows[i].mode);
		n = must(read(fd, value, sizeof(value) - 1));
		value[n] = 0;
		if (rows[i].value && (atoi(value) != atoi(rows[i].value)))
			fail("%s is %s", rows[i].name, value);
		if (!rows[i].value)
			expect(!strcmp(value, "0\n") || !strcmp(value, "1\n"));
		close(fd);
	}
}

/*
 * Topology: the report of a change is set by a new CPU, taken by the guest's function 2, and the
 * VMM's to set and see; functions 0 and 1, and STSI 15.1.2, are the VMM's.
 */
#define TOPOLOGY	KVM_S390_VM_CPU_TOPOLOGY

/* PTF %r2 */
#define PTF	".long 0xb9a20020;"

INSNS(topology,
	"lghi %r2,2;" PTF "ipm %r3;" PTF "ipm %r4; " S390_END "\n"
	"lghi %r2,1;" PTF "\n"
	"llilh %r0,0xf000; oill %r0,1; lghi %r1,2; llilh %r5,2; .long 0xb27d5000\n"
	"lghi %r2,3;" PTF);

static struct s390_vm *with_topology(void)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_S390_CPU_TOPOLOGY };
	struct s390_vm *vm = empty_vm(), *other = s390_vm_of(topology);

	expect_eq(ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_S390_CPU_TOPOLOGY), 1);
	expect_errno(ioctl(other->fd, KVM_ENABLE_CAP, &cap), EBUSY);
	expect_errno(attr(vm, KVM_HAS_DEVICE_ATTR, TOPOLOGY, 0, NULL), ENXIO);
	expect_errno(set(vm, TOPOLOGY, 1, NULL), ENXIO);
	must(ioctl(vm->fd, KVM_ENABLE_CAP, &cap));
	expect_eq(attr(vm, KVM_HAS_DEVICE_ATTR, TOPOLOGY, 0, NULL), 0);
	vm->mem = other->mem;
	return vm;
}

static uint8_t changed(struct s390_vm *vm)
{
	uint8_t byte = 0xff;

	must(get(vm, TOPOLOGY, 0, &byte));
	return byte;
}

TEST(topology_report)
{
	struct s390_vm *vm = with_topology();

	must(set(vm, TOPOLOGY, 0, NULL));
	expect_eq(changed(vm), 0);
	must(set(vm, TOPOLOGY, 1, NULL));
	expect_eq(changed(vm), 1);
	expect_errno(get(vm, TOPOLOGY, 0, nowhere), EFAULT);
	must(set(vm, TOPOLOGY, 0, NULL));
	must(ioctl(vm->fd, KVM_CREATE_VCPU, 0));
	expect_eq(changed(vm), 1);
	must(get(vm, MODEL, KVM_S390_VM_CPU_PROCESSOR, &processor));
	expect(facility(processor.fac_list, 11));
}

TEST(topology_instructions)
{
	struct kvm_enable_cap stsi = { .cap = KVM_CAP_S390_USER_STSI };
	struct s390_vm *vm = with_topology();
	struct kvm_userspace_memory_region slot = {
		.memory_size = MEM_SIZE, .userspace_addr = (uintptr_t)vm->mem,
	};

	if (distro_modules())
		skip("function 2 is the machine's, which leaves it to us");
	must(ioctl(vm->fd, KVM_ENABLE_CAP, &stsi));
	must(ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &slot));
	vm->cpu = must(ioctl(vm->fd, KVM_CREATE_VCPU, 0));
	vm->run = s390_map_run(vm, vm->cpu);
	vm->run->psw_mask = PSW_64;
	vm->run->psw_addr = CODE_AT;
	s390_expect_icpt(vm, ICPT_INSTRUCTION);
	expect_eq(vm->run->s390_sieic.ipb >> 16, 0x777);
	expect_eq(vm->run->s.regs.gprs[3] >> 28 & 3, 1);
	expect_eq(vm->run->s.regs.gprs[4] >> 28 & 3, 0);
	expect_eq(changed(vm), 0);
	s390_expect_icpt(vm, ICPT_INSTRUCTION);
	expect_eq(vm->run->s390_sieic.ipa, 0xb9a2);
	expect_eq(s390_run(vm), KVM_EXIT_S390_STSI);
	expect_eq(vm->run->s390_stsi.fc, 15);
	expect_eq(vm->run->s390_stsi.sel1, 1);
	expect_eq(vm->run->s390_stsi.sel2, 2);
	expect_eq(vm->run->s390_stsi.addr, DATA_AT);
	s390_expect_wait(vm, WAIT_OF(LC_PGM_NEW));
	expect_eq(*(uint16_t *)(vm->mem + LC_PGM_CODE), 6);
}
