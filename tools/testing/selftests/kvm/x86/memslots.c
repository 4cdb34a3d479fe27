// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_SET_USER_MEMORY_REGION (KVM API 4.35): which changes are made, which are refused, and that a
 * refused one has changed nothing, as the guest sees it.
 */
#include "agent.h"
#include "guest.h"

#define MARK		0x600df00d12345678UL
#define MAX_SLOT_PAGES	((1UL << 31) - 1)

/* Two slots with a gap between them, each with a mark at its start; slots 5 and 6. */
#define A_GPA		SLOT_GPA
#define B_GPA		(SLOT_GPA + 4 * SZ_2M)
#define A_SIZE		SZ_2M

struct layout {
	struct vm *vm;
	uint8_t *a, *b;
};

static struct layout two_slots(void)
{
	struct layout l = { .vm = agent_vm(0), .a = anon_memory(A_SIZE), .b = anon_memory(A_SIZE) };

	must(vm_set_slot(l.vm->fd, 5, 0, A_GPA, A_SIZE, l.a));
	must(vm_set_slot(l.vm->fd, 6, 0, B_GPA, A_SIZE, l.b));
	*(uint64_t *)l.a = MARK;
	*(uint64_t *)l.b = MARK + 1;
	return l;
}

static void expect_unchanged(struct layout *l, uint64_t round)
{
	expect_eq(agent_read(l->vm, A_GPA), MARK);
	expect_eq(agent_read(l->vm, B_GPA), MARK + 1);
	agent_write(l->vm, A_GPA + A_SIZE - 8, round);
	expect_eq(*(uint64_t *)(l->a + A_SIZE - 8), round);
	agent_expect_mmio(l->vm, AGENT_READ, A_GPA - 8, round);
	agent_expect_mmio(l->vm, AGENT_WRITE, A_GPA + A_SIZE, round);
	agent_expect_mmio(l->vm, AGENT_READ, B_GPA + A_SIZE, round);
}

TEST(refused_changes_change_nothing)
{
	struct layout l = two_slots();
	const uint64_t a = (uintptr_t)l.a, last = ~0UL - SZ_4K + 1;
	const struct {
		const char *what;
		uint32_t slot, flags;
		uint64_t gpa, size, host;
		int error;
	} rows[] = {
		{ "size not of pages", 7, 0, B_GPA + SZ_2M, SZ_4K + 1, a, EINVAL },
		{ "address not of pages", 7, 0, B_GPA + SZ_2M + 8, SZ_4K, a, EINVAL },
		{ "host address not of pages", 7, 0, B_GPA + SZ_2M, SZ_4K, a + 8, EINVAL },
		{ "host address not the user's", 7, 0, B_GPA + SZ_2M, SZ_4K, last, EINVAL },
		{ "host address above the user's", 7, 0, B_GPA + SZ_2M, SZ_4K, 1UL << 63, EINVAL },
		{ "address wraps", 7, 0, last, 2 * SZ_4K, a, EINVAL },
		{ "too many pages", 7, 0, 1UL << 40, (MAX_SLOT_PAGES + 1) * SZ_4K, SZ_4K, EINVAL },
		{ "unknown flag", 7, 1U << 31, B_GPA + SZ_2M, SZ_4K, a, EINVAL },
		{ "unknown flag 2", 7, 1U << 4, B_GPA + SZ_2M, SZ_4K, a, EINVAL },
		{ "address space 2", 7 | 2 << 16, 0, B_GPA + SZ_2M, SZ_4K, a, EINVAL },
		{ "address space 65535", 7 | 0xffffU << 16, 0, B_GPA + SZ_2M, SZ_4K, a, EINVAL },
		{ "slot id past the limit", kvm_cap(KVM_CAP_NR_MEMSLOTS), 0, B_GPA + SZ_2M, SZ_4K,
		  a, EINVAL },
		{ "slot id 65535", 0xffff, 0, B_GPA + SZ_2M, SZ_4K, a, EINVAL },
		{ "overlap, inside", 7, 0, A_GPA + SZ_4K, SZ_4K, a, EEXIST },
		{ "overlap, at the start", 7, 0, A_GPA - SZ_4K, 2 * SZ_4K, a, EEXIST },
		{ "overlap, at the end", 7, 0, A_GPA + A_SIZE - SZ_4K, 2 * SZ_4K, a, EEXIST },
		{ "overlap, around", 7, 0, A_GPA - SZ_4K, A_SIZE + 2 * SZ_4K, a, EEXIST },
		{ "overlap, the same", 7, 0, A_GPA, A_SIZE, a, EEXIST },
		{ "move onto the other", 6, 0, A_GPA + SZ_4K, A_SIZE, (uintptr_t)l.b, EEXIST },
		{ "delete what is not there", 7, 0, 0, 0, 0, EINVAL },
		{ "change of size", 5, 0, A_GPA, A_SIZE / 2, a, EINVAL },
		{ "change of host address", 5, 0, A_GPA, A_SIZE, a + SZ_4K, EINVAL },
		{ "becoming read-only", 5, KVM_MEM_READONLY, A_GPA, A_SIZE, a, EINVAL },
	};
	unsigned int i;

	expect_unchanged(&l, 1);
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		long r = vm_set_slot(l.vm->fd, rows[i].slot, rows[i].flags, rows[i].gpa,
				     rows[i].size,
				     (void *)rows[i].host);

		if (r != -1 || errno != rows[i].error)
			fail("%s: %ld, %s", rows[i].what, r, strerror(errno));
		expect_unchanged(&l, i + 2);
	}
}

TEST(create_and_delete)
{
	struct vm *vm = agent_vm(0);
	uint64_t *host = anon_memory(SZ_4K);
	int i;

	agent_expect_mmio(vm, AGENT_READ, A_GPA, 17);
	for (i = 0; i < 3; i++) {
		must(vm_set_slot(vm->fd, 9, 0, A_GPA, SZ_4K, host));
		*host = MARK + i;
		expect_eq(agent_read(vm, A_GPA), MARK + i);
		agent_write(vm, A_GPA + 8, i);
		expect_eq(host[1], i);
		must(vm_set_slot(vm->fd, 9, 0, A_GPA, 0, host));
		agent_expect_mmio(vm, AGENT_READ, A_GPA, i);
		agent_expect_mmio(vm, AGENT_WRITE, A_GPA, i);
		expect_eq(*host, MARK + i);
	}
}

/*
 * By whole large pages, and by one small page, after which a large mapping of the old alignment
 * would be wrong.
 */
TEST(move)
{
	static const uint64_t to[] = {
		B_GPA, B_GPA + SZ_4K, A_GPA + 3 * SZ_4K, A_GPA, A_GPA + SZ_4K,
	};
	struct vm *vm = agent_vm(0);
	uint8_t *host = mmap(NULL, 3 * SZ_2M, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			     -1, 0);
	uint64_t at = A_GPA, off;
	unsigned int i;

	host = (void *)(((uintptr_t)host + SZ_2M - 1) & ~(SZ_2M - 1));
	madvise(host, 2 * SZ_2M, MADV_HUGEPAGE);
	for (off = 0; off < 2 * SZ_2M; off += SZ_4K)
		*(uint64_t *)(host + off) = MARK + off;
	must(vm_set_slot(vm->fd, 9, 0, at, 2 * SZ_2M, host));
	for (i = 0; i <= ARRAY_SIZE(to); i++) {
		for (off = 0; off < 2 * SZ_2M; off += 37 * SZ_4K)
			expect_eq(agent_read(vm, at + off), MARK + off);
		agent_expect_mmio(vm, AGENT_READ, at - 8, i);
		agent_expect_mmio(vm, AGENT_READ, at + 2 * SZ_2M, i);
		if (i == ARRAY_SIZE(to))
			break;
		at = to[i];
		must(vm_set_slot(vm->fd, 9, 0, at, 2 * SZ_2M, host));
	}
}

/* The guest reads; its write is an MMIO exit and changes nothing; the host's write is seen. */
TEST(read_only_slot)
{
	struct vm *vm = agent_vm(0);
	uint64_t *host;

	REQUIRE_CAP(KVM_CAP_READONLY_MEM);
	host = vm_add_slot(vm, A_GPA, SZ_4K, KVM_MEM_READONLY);
	*host = MARK;
	expect_eq(agent_read(vm, A_GPA), MARK);
	agent_expect_mmio(vm, AGENT_WRITE, A_GPA, 1);
	expect_eq(*host, MARK);
	*host = MARK + 1;
	expect_eq(agent_read(vm, A_GPA), MARK + 1);
	agent_expect_mmio(vm, AGENT_WRITE, A_GPA + 8, 1);
	expect_eq(host[1], 0);
}

/* A read-only slot may stand on memory that the process itself cannot write. */
TEST(read_only_slot_on_read_only_memory)
{
	struct vm *vm = agent_vm(0);
	uint64_t *host;

	REQUIRE_CAP(KVM_CAP_READONLY_MEM);
	host = vm_add_slot(vm, A_GPA, SZ_4K, KVM_MEM_READONLY);
	*host = MARK;
	must(mprotect(host, SZ_4K, PROT_READ));
	expect_eq(agent_read(vm, A_GPA), MARK);
	agent_expect_mmio(vm, AGENT_WRITE, A_GPA, 1);
	expect_eq(*host, MARK);
}

/* Slots may share host memory: two addresses of one page. */
TEST(aliases)
{
	struct vm *vm = agent_vm(0);
	uint64_t *host = anon_memory(SZ_4K);

	must(vm_set_slot(vm->fd, 1, 0, A_GPA, SZ_4K, host));
	must(vm_set_slot(vm->fd, 2, 0, B_GPA, SZ_4K, host));
	agent_write(vm, A_GPA, MARK);
	expect_eq(agent_read(vm, B_GPA), MARK);
	agent_write(vm, B_GPA, MARK + 1);
	expect_eq(agent_read(vm, A_GPA), MARK + 1);
	must(vm_set_slot(vm->fd, 1, 0, A_GPA, 0, host));
	expect_eq(agent_read(vm, B_GPA), MARK + 1);
}

/*
 * Neighbours are two slots even where host memory continues; an access across the border reaches
 * both.
 */
TEST(access_across_two_slots)
{
	struct vm *vm = agent_vm(0);
	uint8_t *first = vm_add_slot(vm, A_GPA, SZ_4K, 0);
	uint8_t *second = vm_add_slot(vm, A_GPA + SZ_4K, SZ_4K, 0);

	agent_write(vm, A_GPA + SZ_4K - 4, 0x8877665544332211);
	expect_eq(*(uint32_t *)(first + SZ_4K - 4), 0x44332211);
	expect_eq(*(uint32_t *)second, 0x88776655);
	expect_eq(agent_read(vm, A_GPA + SZ_4K - 4), 0x8877665544332211);
}

/* Slots come and go in two orders; lookup must find each one's own page at every step. */
TEST(many_slots)
{
	const unsigned int n = 200;
	struct vm *vm = agent_vm(0);
	uint64_t *host = anon_memory(n * SZ_4K);
	unsigned int i, slot;

	for (i = 0; i < n; i++) {
		slot = i * 77 % n;	/* 77 and 200 have no common factor: every slot once */
		host[slot * 512] = MARK + slot;
		must(vm_set_slot(vm->fd, 1 + slot, 0, A_GPA + 2 * slot * SZ_4K, SZ_4K,
				 host + slot * 512));
	}
	for (i = 0; i < n; i++)
		expect_eq(agent_read(vm, A_GPA + 2 * i * SZ_4K), MARK + i);
	for (i = 0; i < n; i += 2)
		must(vm_set_slot(vm->fd, 1 + i, 0, 0, 0, NULL));
	for (i = 0; i < n; i++) {
		if (i % 2)
			expect_eq(agent_read(vm, A_GPA + 2 * i * SZ_4K), MARK + i);
		else
			agent_expect_mmio(vm, AGENT_READ, A_GPA + 2 * i * SZ_4K, i);
	}
}

/* The highest slot id is usable, and a slot of many GiB costs nothing until it is touched. */
TEST(huge_slot_with_highest_id)
{
	const uint64_t size = 64 * SZ_1G, gpa = 4 * SZ_1G;
	struct vm *vm = agent_vm(0);
	uint64_t off, window = HOLE_GPA;
	uint8_t *host = anon_memory(size);

	must(vm_set_slot(vm->fd, kvm_cap(KVM_CAP_NR_MEMSLOTS) - 1, 0, gpa, size, host));
	/* A window of its own for each page: the guest's TLB knows no old translation of it. */
	for (off = 0; off < size; off += 4 * SZ_1G + 17 * SZ_2M, window += SZ_4K) {
		vm_map(vm, window, gpa + off, PTE_P | PTE_W);
		agent_write(vm, window, MARK + off);
		expect_eq(*(uint64_t *)(host + off), MARK + off);
	}
	vm_map(vm, window, gpa + size - SZ_4K, PTE_P | PTE_W);
	agent_write(vm, window, MARK);
	expect_eq(*(uint64_t *)(host + size - SZ_4K), MARK);
}

/*
 * Nothing behind the slot: the guest's access ends the run with EFAULT, and works once memory is
 * there.
 */
TEST(slot_without_memory)
{
	struct vm *vm = agent_vm(0);
	uint8_t *host = vm_add_slot(vm, A_GPA, SZ_64K, 0);

	expect_eq(agent_read(vm, A_GPA), 0);
	must(munmap(host, SZ_64K));
	expect_eq(-agent_try(vm, AGENT_READ, A_GPA, 0), EFAULT);
	expect(mmap(host, SZ_64K, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS,
		    -1, 0) == host);
	*(uint64_t *)host = MARK;
	expect_exit(vm_run(vm), GUEST_SYNC);
	expect_eq(vm->vcpu[0].sync, MARK);
}

static uint64_t beat;

static void guest_beats(void)
{
	for (;;) {
		guest_barrier();
		write64(A_GPA, ++beat);
		if (read64(A_GPA + 8))
			return;
	}
}

static void *run_once(void *arg)
{
	return (void *)(long)vcpu_run(arg);
}

/* Deleted under a running guest: its next access is MMIO. Put back: it goes on. */
TEST(delete_under_a_running_vcpu)
{
	struct vm *vm = vm_start(guest_beats);
	uint64_t *host = anon_memory(SZ_4K), seen;
	void *reason;
	int i;

	for (i = 0; i < 20; i++) {
		must(vm_set_slot(vm->fd, 7, 0, A_GPA, SZ_4K, host));
		pthread_create(&vm->vcpu[0].thread, NULL, run_once, &vm->vcpu[0]);
		seen = host[0];
		while (GUEST_ONCE(host[0]) < seen + 100)
			usleep(100);
		must(vm_set_slot(vm->fd, 7, 0, A_GPA, 0, host));
		seen = GUEST_ONCE(host[0]);
		usleep(1000);
		expect_eq(GUEST_ONCE(host[0]), seen);
		pthread_join(vm->vcpu[0].thread, &reason);
		expect_exit((long)reason, KVM_EXIT_MMIO);
		memset(vm->run->mmio.data, 0, 8);
	}
	must(vm_set_slot(vm->fd, 7, 0, A_GPA, SZ_4K, host));
	host[1] = 1;
	expect_exit(vm_run(vm), GUEST_DONE);
}
