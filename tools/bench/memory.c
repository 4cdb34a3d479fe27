// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's memory: faults of the nested page tables, changes of memory slots, the dirty log.
 */
#include "bench.h"

#define FAULT_PAGES	1024
#define LARGE_PAGES	32
#define LOG_STRIDE	(64 * SZ_4K)	/* a page in 64 is written to: 4096 of 1 GiB */
#define LOG_ROUNDS	9
#define SLOT_ROUNDS	65
#define SLOT_SIZE	(16 * SZ_4K)
#define FAR_GPA		0x100000000UL	/* where slots are that the guest does not use */

static uint64_t touch_step, touch_count;	/* the guest's */

/* The first write to each page; again when user space asks for it. */
GUEST_CODE guest_touch(void)
{
	uint64_t i, t, step = GUEST_ONCE(touch_step), n = GUEST_ONCE(touch_count);

	for (;;) {
		for (i = 0; i < n; i++) {
			t = rdtsc();
			write64(SLOT_GPA + i * step, 1);
			guest_samples[i] = rdtsc() - t;
		}
		guest_sync(0);
	}
}

static struct vm *touching_vm(uint64_t step, uint64_t count)
{
	struct vm *vm;

	touch_step = step;
	touch_count = count;
	vm = vm_start_with(VM_IRQCHIP, guest_touch);
	/* Pages of its own that a guest takes at its first round are in no sample. */
	memset(in_guest(vm, &guest_samples[0]), 0, sizeof(guest_samples));
	return vm;
}

/* Aligned to the large page that the guest's address is aligned to. */
static uint8_t *aligned_memory(uint64_t size, int advice)
{
	uint8_t *p = anon_memory(size + SZ_2M);

	p += -(uintptr_t)p & (SZ_2M - 1);
	must(madvise(p, size, advice));
	return p;
}

static void add_memory(struct vm *vm, uint32_t flags, uint64_t size, void *host)
{
	must(vm_set_slot(vm->fd, vm->next_slot++, flags, SLOT_GPA, size, host));
}

static void measure_faults(uint64_t step, uint64_t count, int advice, int populate)
{
	uint8_t *host = aligned_memory(step * count, advice);
	struct vm *vm = touching_vm(step, count);
	uint64_t i;

	for (i = 0; populate && i < step * count; i += SZ_4K)
		host[i] = 1;
	add_memory(vm, 0, step * count, host);
	expect_exit(vm_run(vm), GUEST_SYNC);
	take_guest_samples(vm, count);
	vm_free(vm);
	munmap(host, step * count);
}

static void npt_fault(void)
{
	measure_faults(SZ_4K, FAULT_PAGES, MADV_NOHUGEPAGE, 1);
}

static void npt_fault_new(void)
{
	measure_faults(SZ_4K, FAULT_PAGES, MADV_NOHUGEPAGE, 0);
}

static void npt_fault_2m(void)
{
	measure_faults(SZ_2M, LARGE_PAGES, MADV_HUGEPAGE, 1);
}

/* The write to a page that is mapped, and whose being written to is to be logged. */
static void npt_fault_logged(void)
{
	uint8_t *host = aligned_memory(FAULT_PAGES * SZ_4K, MADV_NOHUGEPAGE);
	struct vm *vm = touching_vm(SZ_4K, FAULT_PAGES);
	uint32_t slot = vm->next_slot;

	add_memory(vm, 0, FAULT_PAGES * SZ_4K, host);
	expect_exit(vm_run(vm), GUEST_SYNC);
	must(vm_set_slot(vm->fd, slot, KVM_MEM_LOG_DIRTY_PAGES, SLOT_GPA, FAULT_PAGES * SZ_4K,
			 host));
	expect_exit(vm_run(vm), GUEST_SYNC);
	take_guest_samples(vm, FAULT_PAGES);
	vm_free(vm);
	munmap(host, FAULT_PAGES * SZ_4K);
}

static void dirty_log(int write)
{
	static uint64_t bitmap[SZ_1G / SZ_4K / 64];
	uint8_t *host = aligned_memory(SZ_1G, MADV_NOHUGEPAGE);
	struct vm *vm = touching_vm(LOG_STRIDE, SZ_1G / LOG_STRIDE);
	struct kvm_dirty_log log = { .slot = vm->next_slot, .dirty_bitmap = bitmap };
	int i;

	memset(bitmap, 0xff, sizeof(bitmap));
	add_memory(vm, KVM_MEM_LOG_DIRTY_PAGES, SZ_1G, host);
	expect_exit(vm_run(vm), GUEST_SYNC);
	must(ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log));
	for (i = 0; i < LOG_ROUNDS; i++) {
		if (write)
			expect_exit(vm_run(vm), GUEST_SYNC);
		MEASURE(must(ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log)));
		expect_eq(bitmap[1], write);
	}
	vm_free(vm);
	munmap(host, SZ_1G);
}

static void dirty_log_empty(void)
{
	dirty_log(0);
}

static void dirty_log_sparse(void)
{
	dirty_log(1);
}

/*
 * Slots: what is measured is done to one more than there are. The vCPU has run, so there are
 * translations to look at.
 */
enum slot_change { SLOT_ADD, SLOT_DELETE, SLOT_MOVE };

static uint64_t far_gpa(unsigned int slot)
{
	return FAR_GPA + 2 * slot * SLOT_SIZE;
}

GUEST_CODE guest_nothing(void)
{
}

static void change_slots(unsigned int present, enum slot_change change)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_nothing);
	uint8_t *host = anon_memory((present + 1) * SLOT_SIZE);
	uint8_t *mine = host + present / 2 * SLOT_SIZE;
	uint64_t gpa;
	unsigned int i;

	run_to_done(&vm->vcpu[0]);
	for (i = vm->next_slot; i < present; i++)
		must(vm_set_slot(vm->fd, i, 0, far_gpa(i), SLOT_SIZE,
				 host + (i + (i >= present / 2)) * SLOT_SIZE));
	/* The one that is changed lies in their middle. */
	gpa = far_gpa(present / 2) + SLOT_SIZE;
	busy_begin();
	for (i = 0; i < SLOT_ROUNDS; i++) {
		uint64_t t[4];

		t[0] = rdtsc();
		must(vm_set_slot(vm->fd, present, 0, gpa, SLOT_SIZE, mine));
		t[1] = rdtsc();
		must(vm_set_slot(vm->fd, present, 0, far_gpa(present), SLOT_SIZE, mine));
		t[2] = rdtsc();
		must(vm_set_slot(vm->fd, present, 0, 0, 0, NULL));
		t[3] = rdtsc();
		sample(change == SLOT_ADD ? t[1] - t[0] :
		       change == SLOT_MOVE ? t[2] - t[1] : t[3] - t[2]);
	}
	busy_end();
	vm_free(vm);
	munmap(host, (present + 1) * SLOT_SIZE);
}

#define SLOT_ROW(id, present, change)	\
	static void id(void)		\
	{				\
		change_slots(present, change); \
	}

SLOT_ROW(slot_add_4, 4, SLOT_ADD)
SLOT_ROW(slot_move_4, 4, SLOT_MOVE)
SLOT_ROW(slot_delete_4, 4, SLOT_DELETE)
SLOT_ROW(slot_add_400, 400, SLOT_ADD)
SLOT_ROW(slot_move_400, 400, SLOT_MOVE)
SLOT_ROW(slot_delete_400, 400, SLOT_DELETE)

const struct bench_row memory_rows[] = {
	{ "npt_fault",		npt_fault },
	{ "npt_fault_new",	npt_fault_new },
	{ "npt_fault_2m",	npt_fault_2m },
	{ "npt_fault_logged",	npt_fault_logged },
	{ "dirty_log_empty",	dirty_log_empty },
	{ "dirty_log_sparse",	dirty_log_sparse },
	{ "slot_add_4",		slot_add_4 },
	{ "slot_move_4",	slot_move_4 },
	{ "slot_delete_4",	slot_delete_4 },
	{ "slot_add_400",	slot_add_400 },
	{ "slot_move_400",	slot_move_400 },
	{ "slot_delete_400",	slot_delete_400 },
	{ }
};
