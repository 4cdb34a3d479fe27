// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host changes the memory behind a slot while the guest has it mapped: the guest must see every
 * change at once (KVM_CAP_SYNC_MMU, KVM API 4.35), and no fault of several vCPUs at once may lose
 * or double a page.
 */
#define _GNU_SOURCE
#include "agent.h"
#include "guest.h"

#define MARK	0xabcdef0123456789UL
#define BIG	(32UL << 20)

static void map_again(void *at, size_t size, int prot)
{
	expect(mmap(at, size, prot, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == at);
}

TEST(memory_replaced)
{
	struct vm *vm = agent_vm(0);
	uint64_t *host = vm_add_slot(vm, SLOT_GPA, SZ_64K, 0);
	int i;

	for (i = 0; i < 20; i++) {
		host[0] = MARK + i;
		expect_eq(agent_read(vm, SLOT_GPA), MARK + i);
		agent_write(vm, SLOT_GPA + SZ_4K, i);
		expect_eq(host[512], i);
		map_again(host, SZ_64K, PROT_READ | PROT_WRITE);
		expect_eq(agent_read(vm, SLOT_GPA), 0);
		expect_eq(agent_read(vm, SLOT_GPA + SZ_4K), 0);
	}
}

TEST(memory_given_back)
{
	struct vm *vm = agent_vm(0);
	uint64_t *host = vm_add_slot(vm, SLOT_GPA, SZ_64K, 0);

	agent_write(vm, SLOT_GPA + 8, MARK);
	expect_eq(host[1], MARK);
	must(madvise(host, SZ_64K, MADV_DONTNEED));
	expect_eq(agent_read(vm, SLOT_GPA + 8), 0);
	agent_write(vm, SLOT_GPA + 8, MARK);
	expect_eq(host[1], MARK);
}

/*
 * The guest first reads, which may map the zero page or a shared one; its write must then not go
 * astray.
 */
TEST(copy_on_write)
{
	struct vm *vm = agent_vm(0);
	uint64_t *host = vm_add_slot(vm, SLOT_GPA, SZ_64K, 0);
	pid_t pid;

	expect_eq(agent_read(vm, SLOT_GPA), 0);
	agent_write(vm, SLOT_GPA, MARK);
	expect_eq(host[0], MARK);
	pid = must(fork());
	if (!pid) {
		sleep(20);	/* keeps every page shared with the parent */
		_exit(0);
	}
	expect_eq(agent_read(vm, SLOT_GPA), MARK);
	host[0] = MARK + 1;
	expect_eq(agent_read(vm, SLOT_GPA), MARK + 1);
	agent_write(vm, SLOT_GPA, MARK + 2);
	expect_eq(host[0], MARK + 2);
	expect_eq(agent_read(vm, SLOT_GPA), MARK + 2);
}

/* The guest may not write what the process may not; its reads go on. */
TEST(memory_becomes_read_only)
{
	struct vm *vm = agent_vm(0);
	uint64_t *host = vm_add_slot(vm, SLOT_GPA, SZ_4K, 0);

	agent_write(vm, SLOT_GPA, MARK);
	must(mprotect(host, SZ_4K, PROT_READ));
	expect_eq(agent_read(vm, SLOT_GPA), MARK);
	expect_eq(-agent_try(vm, AGENT_WRITE, SLOT_GPA, 1), EFAULT);
	expect_eq(host[0], MARK);
	must(mprotect(host, SZ_4K, PROT_READ | PROT_WRITE));
	expect_exit(vm_run(vm), GUEST_SYNC);
	expect_eq(host[0], 1);
}

static uint64_t stop;

/* Readers of a page that always holds one value twice, or nothing at all. */
static void guest_reader(void)
{
	while (!GUEST_ONCE(stop)) {
		uint64_t a = read64(SLOT_GPA + 4 * SZ_4K * guest_cpu());

		guest_expect(!a || a == MARK);
		write64(SLOT_GPA + SZ_64K + SZ_4K * guest_cpu(), MARK);
	}
}

TEST(memory_changes_under_running_vcpus)
{
	struct vm *vm = vm_new(0);
	uint8_t *host = vm_add_slot(vm, SLOT_GPA, 2 * SZ_64K, 0);
	uint64_t end = now_ms() + 5000;
	int i, cpu;

	for (cpu = 0; cpu < 2; cpu++)
		vcpu_run_async(vcpu_start(vm, cpu, guest_reader));
	for (i = 0; i < 200 && (i < 10 || now_ms() < end); i++) {
		for (cpu = 0; cpu < 2; cpu++)
			*(uint64_t *)(host + 4 * SZ_4K * cpu) = MARK;
		usleep(500);
		if (i % 2)
			must(madvise(host, 2 * SZ_64K, MADV_DONTNEED));
		else
			map_again(host, 2 * SZ_64K, PROT_READ | PROT_WRITE);
	}
	note("%d rounds", i);
	/*
	 * Pages given back are not written again through a forgotten mapping: what is new is all
	 * zero or the mark.
	 */
	*(volatile uint64_t *)in_guest(vm, &stop) = 1;
	for (cpu = 0; cpu < 2; cpu++)
		vcpu_join(&vm->vcpu[cpu]);
	for (i = 0; i < 2 * (int)SZ_64K / 8; i++)
		expect(!((uint64_t *)host)[i] || ((uint64_t *)host)[i] == MARK);
}

/* Every vCPU walks the whole region from another start, and adds its own number to each page. */
static void guest_adder(void)
{
	uint64_t pages = BIG / SZ_4K, me = guest_cpu(), i;

	for (i = 0; i < pages; i++) {
		uint64_t page = (i + (me / 2) * (pages / 2)) % pages;

		asm volatile("lock addq %1, (%0)" : : "r"(SLOT_GPA + page * SZ_4K + 8 * (page % 512)),
			     "r"(1UL << 8 * me) : "memory");
	}
}

static void add_from_four_vcpus(int advice)
{
	struct vm *vm = vm_new(0);
	uint8_t *host = vm_add_slot(vm, SLOT_GPA, BIG, 0);
	uint64_t i, word;

	madvise(host, BIG, advice);
	for (i = 0; i < 4; i++)
		vcpu_start(vm, i, guest_adder);
	for (i = 0; i < 4; i++)
		vcpu_run_async(&vm->vcpu[i]);
	for (i = 0; i < 4; i++)
		vcpu_join(&vm->vcpu[i]);
	for (word = 0; word < BIG / 8; word++) {
		uint64_t page = word / 512;

		expect_eq(((uint64_t *)host)[word], word % 512 == page % 512 ? 0x01010101 : 0);
	}
}

TEST_LIMIT(faults_of_four_vcpus_small_pages, 60)
{
	add_from_four_vcpus(MADV_NOHUGEPAGE);
}

TEST_LIMIT(faults_of_four_vcpus_large_pages, 60)
{
	add_from_four_vcpus(MADV_HUGEPAGE);
}

/* Memory of another object than anonymous pages: a shared file, seen by guest and host alike. */
TEST(memfd)
{
	struct vm *vm = agent_vm(0);
	int fd = must(memfd_create("slot", 0));
	uint64_t *host, *other;

	must(ftruncate(fd, SZ_64K));
	host = mmap(NULL, SZ_64K, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	other = mmap(NULL, SZ_64K, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	expect(host != MAP_FAILED && other != MAP_FAILED);
	must(vm_set_slot(vm->fd, 4, 0, SLOT_GPA, SZ_64K, host));
	agent_write(vm, SLOT_GPA, MARK);
	expect_eq(*other, MARK);
	*other = MARK + 1;
	expect_eq(agent_read(vm, SLOT_GPA), MARK + 1);
	/* Cut the file: the page is gone, and comes back empty when the file grows again. */
	must(ftruncate(fd, 0));
	expect_eq(-agent_try(vm, AGENT_READ, SLOT_GPA, 0), EFAULT);
	must(ftruncate(fd, SZ_64K));
	expect_exit(vm_run(vm), GUEST_SYNC);
	expect_eq(vm->vcpu[0].sync, 0);
}
