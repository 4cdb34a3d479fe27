// SPDX-License-Identifier: GPL-2.0-only
/*
 * The attributes of a VM as a table: each one asked the way it cannot be, with flags, with data
 * that is nowhere, and in the wrong state of the VM; after each refusal all attributes are as they
 * were. And the limit of guest memory.
 */
#include <fcntl.h>
#include <pthread.h>

#include "s390.h"

#define MB	0x100000UL
#define GB	(1024 * MB)
#define TB	(1024 * GB)
#define PB	(1024 * TB)
#define NO_LIMIT	UINT64_MAX	/* KVM_S390_NO_MEM_LIMIT */

static void *const nowhere = (void *)-4096L;

enum {
	GET	= 1,
	SET	= 2,
	MOVES	= 4,		/* the value changes by itself */
};

struct row {
	const char	*name;
	uint32_t	group;
	uint64_t	attr;
	unsigned int	ways, size;
	int		with_cpu, early;	/* errno of setting it with a CPU, and without */
};

#define A(what, nr, ...) { .name = #nr, .group = KVM_S390_VM_##what, .attr = KVM_S390_VM_##nr,	\
			   __VA_ARGS__ }

/* devices/vm.rst. What a machine may lack, and then has not as an attribute, is in model.c. */
static const struct row rows[] = {
	A(TOD, TOD_LOW, GET | SET | MOVES, 8),
	A(TOD, TOD_HIGH, GET | SET, 1),
	A(TOD, TOD_EXT, GET | SET | MOVES, sizeof(struct kvm_s390_vm_tod_clock)),
	A(MEM_CTRL, MEM_LIMIT_SIZE, GET | SET, 8, EBUSY),
	A(MEM_CTRL, MEM_ENABLE_CMMA, SET, 0, EBUSY),
	A(MEM_CTRL, MEM_CLR_CMMA, SET, 0, EINVAL, EINVAL),
	A(MIGRATION, MIGRATION_START, SET, 0, EINVAL, EINVAL),
	A(MIGRATION, MIGRATION_STOP, SET, 0),
	A(MIGRATION, MIGRATION_STATUS, GET, 8),
	A(CPU_MODEL, CPU_MACHINE, GET, sizeof(struct kvm_s390_vm_cpu_machine)),
	A(CPU_MODEL, CPU_PROCESSOR, GET | SET, sizeof(struct kvm_s390_vm_cpu_processor), EBUSY),
	A(CPU_MODEL, CPU_MACHINE_FEAT, GET, sizeof(struct kvm_s390_vm_cpu_feat)),
	A(CPU_MODEL, CPU_PROCESSOR_FEAT, GET | SET, sizeof(struct kvm_s390_vm_cpu_feat), EBUSY),
	A(CPU_MODEL, CPU_MACHINE_SUBFUNC, GET, sizeof(struct kvm_s390_vm_cpu_subfunc)),
	A(CPU_MODEL, CPU_PROCESSOR_SUBFUNC, GET | SET, sizeof(struct kvm_s390_vm_cpu_subfunc),
	  EBUSY),
	A(CRYPTO, CRYPTO_ENABLE_AES_KW, SET),
	A(CRYPTO, CRYPTO_ENABLE_DEA_KW, SET),
	A(CRYPTO, CRYPTO_DISABLE_AES_KW, SET),
	A(CRYPTO, CRYPTO_DISABLE_DEA_KW, SET),
};

/* The kernel's own module has no CMMA here; it answers for what of migration it does not know. */
static int left_out(const struct row *row)
{
	return distro_modules() &&
	       (row->group == KVM_S390_VM_MIGRATION || (row->group == KVM_S390_VM_MEM_CTRL &&
							row->attr != KVM_S390_VM_MEM_LIMIT_SIZE));
}

static struct s390_vm *empty_vm(unsigned long type)
{
	struct s390_vm *vm = calloc(1, sizeof(*vm));

	vm->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (vm->kvm < 0)
		skip("/dev/kvm: %s", strerror(errno));
	vm->fd = must(ioctl(vm->kvm, KVM_CREATE_VM, type));
	return vm;
}

static int get(struct s390_vm *vm, const struct row *row, void *data)
{
	return s390_attr(vm->fd, KVM_GET_DEVICE_ATTR, row->group, row->attr, data);
}

static int set(struct s390_vm *vm, const struct row *row, void *data)
{
	return s390_attr(vm->fd, KVM_SET_DEVICE_ATTR, row->group, row->attr, data);
}

static __thread uint8_t values[2][ARRAY_SIZE(rows)][4096];

/* All that can be read, and what reading fails with. */
static void take(struct s390_vm *vm, int i)
{
	unsigned int n;

	memset(values[i], 0, sizeof(values[i]));
	for (n = 0; n < ARRAY_SIZE(rows); n++) {
		if ((rows[n].ways & (GET | MOVES)) == GET && get(vm, &rows[n], values[i][n]))
			values[i][n][0] = errno;
		/* the machine's own identification differs from processor to processor */
		if (rows[n].size == sizeof(struct kvm_s390_vm_cpu_machine))
			memset(values[i][n], 0, 8);
	}
}

static void expect_as_it_was(struct s390_vm *vm, const char *what)
{
	unsigned int n;

	take(vm, 1);
	for (n = 0; n < ARRAY_SIZE(rows); n++) {
		if (memcmp(values[0][n], values[1][n], sizeof(values[0][n])))
			fail("%s has changed %s", what, rows[n].name);
	}
}

static void expect_refused(int r, int err, const struct row *row, const char *how)
{
	int got = r ? errno : 0;

	if (got != err)
		fail("%s, %s: errno %d, not %d", row->name, how, got, err);
}

/* What no state of the VM allows. */
static void refuse_always(struct s390_vm *vm, const struct row *row, int set_err)
{
	struct kvm_device_attr flags = {
		.flags = 1, .group = row->group, .attr = row->attr, .addr = (uintptr_t)values[1],
	};

	/* the kernel's own has it, and says that it has not */
	if (!distro_modules() || row->size != sizeof(struct kvm_s390_vm_tod_clock))
		expect_refused(s390_attr(vm->fd, KVM_HAS_DEVICE_ATTR, row->group, row->attr, NULL),
			       0, row, "asked for");
	if (!(row->ways & GET))
		expect_refused(get(vm, row, values[1]), ENXIO, row, "read");
	else if (row->attr != KVM_S390_VM_CPU_PROCESSOR_SUBFUNC ||
		 row->group != KVM_S390_VM_CPU_MODEL)
		expect_refused(get(vm, row, nowhere), EFAULT, row, "read to nowhere");
	if (!(row->ways & SET))
		expect_refused(set(vm, row, values[1]), ENXIO, row, "set");
	/* the kernel's own looks for a CPU first, and clears the subfunctions when it fails */
	else if (row->size && (!distro_modules() ||
			       (set_err != EBUSY &&
				row->size != sizeof(struct kvm_s390_vm_cpu_subfunc))))
		expect_refused(set(vm, row, nowhere), EFAULT, row, "set from nowhere");
	if (distro_modules())
		return;
	expect_refused(ioctl(vm->fd, KVM_GET_DEVICE_ATTR, &flags), EINVAL, row, "read with flags");
	expect_refused(ioctl(vm->fd, KVM_SET_DEVICE_ATTR, &flags), EINVAL, row, "set with flags");
}

static void refuse(struct s390_vm *vm, int cpu)
{
	static __thread uint8_t data[4096];
	unsigned int n;
	int err;

	take(vm, 0);
	for (n = 0; n < ARRAY_SIZE(rows); n++) {
		if (left_out(&rows[n]))
			continue;
		err = cpu ? rows[n].with_cpu : rows[n].early;
		refuse_always(vm, &rows[n], err);
		if (err) {
			memset(data, 0, sizeof(data));
			*(uint64_t *)data = GB;
			if (rows[n].group == KVM_S390_VM_CPU_MODEL)
				*(uint64_t *)data = 0;
			expect_refused(set(vm, &rows[n], data), err, &rows[n], "in this state");
		}
		expect_as_it_was(vm, rows[n].name);
	}
}

TEST(refused_without_a_cpu)
{
	refuse(empty_vm(0), 0);
}

TEST(refused_with_a_cpu)
{
	struct s390_vm *vm = empty_vm(0);

	must(ioctl(vm->fd, KVM_CREATE_VCPU, 0));
	refuse(vm, 1);
}

static void *run(void *arg)
{
	s390_run_to_end(arg);
	return NULL;
}

static void *refuse_often(void *arg)
{
	int i;

	for (i = 0; i < 10; i++)
		refuse(arg, 1);
	return NULL;
}

/* By two threads, while the CPU is in the guest. */
TEST_LIMIT(refused_twice_at_once, 60)
{
	struct s390_vm *vm = s390_vm_of(s390_counts);
	pthread_t runner, threads[2];
	int i;

	expect_eq(pthread_create(&runner, NULL, run, vm), 0);
	for (i = 0; i < 2; i++)
		expect_eq(pthread_create(&threads[i], NULL, refuse_often, vm), 0);
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	__atomic_store_n(s390_word(vm, DATA_AT), 1, __ATOMIC_SEQ_CST);
	pthread_join(runner, NULL);
}

/* Before the first and behind the last of each group; groups that are not. */
TEST(unknown_ones)
{
	static const unsigned long requests[] = {
		KVM_HAS_DEVICE_ATTR, KVM_GET_DEVICE_ATTR, KVM_SET_DEVICE_ATTR,
	};
	static const struct {
		uint32_t	group;
		uint64_t	attr;
	} unknown[] = {
		{ KVM_S390_VM_MEM_CTRL, 3 }, { KVM_S390_VM_MEM_CTRL, 1UL << 32 },
		{ KVM_S390_VM_TOD, 3 }, { KVM_S390_VM_TOD, -1UL },
		{ KVM_S390_VM_CRYPTO, 6 }, { KVM_S390_VM_CPU_MODEL, 64 },
		{ KVM_S390_VM_CPU_MODEL, -1UL }, { 6, 0 }, { -1U, 0 },
	};
	struct s390_vm *vm = empty_vm(0);
	unsigned int cpu, i, j;

	for (cpu = 0; cpu < 2; cpu++) {
		take(vm, 0);
		for (i = 0; i < ARRAY_SIZE(unknown) * ARRAY_SIZE(requests); i++) {
			j = i / ARRAY_SIZE(requests);
			expect_errno(s390_attr(vm->fd, requests[i % ARRAY_SIZE(requests)],
					       unknown[j].group, unknown[j].attr, values),
				     ENXIO);
		}
		expect_as_it_was(vm, "an unknown attribute");
		if (!cpu)
			must(ioctl(vm->fd, KVM_CREATE_VCPU, 0));
	}
}

static int set_limit(struct s390_vm *vm, uint64_t limit)
{
	return s390_attr(vm->fd, KVM_SET_DEVICE_ATTR, KVM_S390_VM_MEM_CTRL,
			 KVM_S390_VM_MEM_LIMIT_SIZE, &limit);
}

static uint64_t limit_of(struct s390_vm *vm)
{
	uint64_t limit = 0;

	must(s390_attr(vm->fd, KVM_GET_DEVICE_ATTR, KVM_S390_VM_MEM_CTRL,
		       KVM_S390_VM_MEM_LIMIT_SIZE, &limit));
	return limit;
}

/*
 * Rounded up to what the levels of tables reach, and back to none. The kernel's own module goes on
 * to tell the machine's limit, and takes slots beyond the one that was set.
 */
TEST(limit_is_rounded)
{
	static const uint64_t limits[][2] = {
		{ 1, 2 * GB }, { 64 * MB, 2 * GB }, { 2 * GB, 2 * GB }, { 2 * GB + 1, 4 * TB },
		{ 4 * TB, 4 * TB }, { 4 * TB + 1, 8 * PB }, { 8 * PB, 8 * PB },
		{ 8 * PB + 1, NO_LIMIT }, { 3 * GB, 4 * TB },
		{ -4096UL, NO_LIMIT }, { 64 * MB, 2 * GB },
		{ NO_LIMIT, NO_LIMIT },
	};
	struct s390_vm *vm = empty_vm(0);
	unsigned int i;

	if (!distro_modules())
		expect_eq(limit_of(vm), NO_LIMIT);
	for (i = 0; i < ARRAY_SIZE(limits); i++) {
		if (distro_modules() && limits[i][0] == NO_LIMIT)
			continue;
		must(set_limit(vm, limits[i][0]));
		if (!distro_modules())
			expect_eq(limit_of(vm), limits[i][1]);
	}
}

TEST(limits_that_cannot_be)
{
	struct s390_vm *vm = empty_vm(0);
	uint64_t was = limit_of(vm);

	expect_errno(set_limit(vm, 0), EINVAL);
	expect_errno(set_limit(vm, -2UL), E2BIG);
	expect_eq(limit_of(vm), was);
	must(ioctl(vm->fd, KVM_CREATE_VCPU, 0));
	expect_errno(set_limit(vm, 0), EINVAL);
	expect_errno(set_limit(vm, 2 * GB), EBUSY);
	expect_errno(set_limit(vm, 4 * TB), EBUSY);
	expect_eq(limit_of(vm), was);
}

static int add_slot(struct s390_vm *vm, unsigned int nr, uint64_t at, void *mem)
{
	struct kvm_userspace_memory_region slot = {
		.slot = nr, .guest_phys_addr = at, .memory_size = MB,
		.userspace_addr = (uintptr_t)mem,
	};

	return ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &slot);
}

static uint8_t *memory(void)
{
	uint8_t *area = mmap(NULL, 3 * MB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
			     0);

	expect(area != MAP_FAILED);
	return (uint8_t *)(((uintptr_t)area + MB - 1) & ~(MB - 1));
}

TEST(slots_and_the_limit)
{
	struct s390_vm *vm = empty_vm(0);
	uint8_t *mem = memory();

	if (distro_modules())
		skip("takes slots beyond the limit");
	must(set_limit(vm, 64 * MB));
	expect_errno(add_slot(vm, 0, 2 * GB, mem), EINVAL);
	must(add_slot(vm, 0, 2 * GB - MB, mem));
	must(set_limit(vm, 4 * TB));
	must(add_slot(vm, 1, 2 * GB, mem + MB));
	expect_errno(set_limit(vm, 2 * GB), EINVAL);
	expect_eq(limit_of(vm), 4 * TB);
}

/* R4 is the last doubleword below the limit, R5 the first above. */
INSNS(reach, "lg %r2,0(%r4); diag %r0,%r0,0x500; lg %r3,0(%r5)\n" S390_END);

TEST(guest_beyond_the_limit)
{
	struct s390_vm *vm = empty_vm(0);

	must(set_limit(vm, 64 * MB));
	vm->mem = memory();
	must(add_slot(vm, 0, 0, vm->mem));
	must(add_slot(vm, 1, 2 * GB - MB, vm->mem + MB));
	vm->cpu = must(ioctl(vm->fd, KVM_CREATE_VCPU, 0));
	vm->run = s390_map_run(vm, vm->cpu);
	memcpy(vm->mem + CODE_AT, reach, reach_end - reach);
	*s390_word(vm, LC_PGM_NEW) = PSW_64 | PSW_WAIT;
	*s390_word(vm, LC_PGM_NEW + 8) = WAIT_OF(LC_PGM_NEW);
	*s390_word(vm, 2 * MB - 8) = 4711;
	vm->run->psw_mask = PSW_64;
	vm->run->psw_addr = CODE_AT;
	vm->run->s.regs.gprs[4] = 2 * GB - 8;
	vm->run->s.regs.gprs[5] = 2 * GB;
	s390_expect_icpt(vm, ICPT_INSTRUCTION);
	expect_eq(s390_gpr(vm, 2), 4711);
	s390_expect_pgm(vm, 5);
}
