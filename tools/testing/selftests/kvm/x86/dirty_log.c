// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty logging (KVM API 4.8, 4.116, 7.10): after the guest wrote some pages, exactly those bits
 * are set, once.
 */
#include "agent.h"
#include "guest.h"

#define PAGES		1024
#define LOG_SLOT	3
#define WORDS		(PAGES / 64)
#define MANUAL		KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE
#define INITIAL		KVM_DIRTY_LOG_INITIALLY_SET

static uint64_t bitmap[WORDS];
static uint64_t pages_to_write[WORDS];

/* Write one word in each page whose bit is set. */
static void guest_writer(void)
{
	uint64_t i;

	for (;;) {
		for (i = 0; i < PAGES; i++)
			if (GUEST_ONCE(pages_to_write[i / 64]) >> i % 64 & 1)
				write64(SLOT_GPA + i * SZ_4K + 8 * (i % 512), i);
		guest_sync(0);
	}
}

static uint8_t *host_memory(int huge)
{
	uint8_t *p = mmap(NULL, 4 * SZ_2M, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			  0);

	expect(p != MAP_FAILED);
	p = (void *)(((uintptr_t)p + SZ_2M - 1) & ~(SZ_2M - 1));
	madvise(p, PAGES * SZ_4K, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	return p;
}

static void set_log_slot(struct vm *vm, uint32_t flags, void *host)
{
	must(vm_set_slot(vm->fd, LOG_SLOT, flags, SLOT_GPA, PAGES * SZ_4K, host));
}

static int get_log(struct vm *vm)
{
	struct kvm_dirty_log log = { .slot = LOG_SLOT, .dirty_bitmap = bitmap };

	memset(bitmap, 0xee, sizeof(bitmap));
	return ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log);
}

static int clear_log(struct vm *vm, uint64_t first, uint32_t pages, void *bits)
{
	struct kvm_clear_dirty_log clear = {
		.slot = LOG_SLOT, .first_page = first, .num_pages = pages, .dirty_bitmap = bits,
	};

	return ioctl(vm->fd, KVM_CLEAR_DIRTY_LOG, &clear);
}

static void write_pages(struct vm *vm, const uint64_t *pages)
{
	memcpy(in_guest(vm, &pages_to_write[0]), pages, sizeof(bitmap));
	expect_exit(vm_run(vm), GUEST_SYNC);
}

static void expect_bits(const uint64_t *want)
{
	int i;

	for (i = 0; i < WORDS; i++)
		expect_eq(bitmap[i], want[i]);
}

static const uint64_t none[WORDS];
static const uint64_t some[WORDS] = {
	1, 0, 1UL << 63, 0xf0, [WORDS / 2] = 0x8001, [WORDS - 1] = 1UL << 63,
};
static const uint64_t others[WORDS] = { 0, ~0UL, 0, 0, 0, 0, [WORDS - 1] = 1 };

static void one_bit_per_page(int huge)
{
	struct vm *vm = vm_start(guest_writer);
	uint64_t all[WORDS];
	void *host = host_memory(huge);

	memset(all, 0xff, sizeof(all));
	set_log_slot(vm, 0, host);
	write_pages(vm, all);
	set_log_slot(vm, KVM_MEM_LOG_DIRTY_PAGES, host);
	must(get_log(vm));
	expect_bits(none);
	write_pages(vm, some);
	must(get_log(vm));
	expect_bits(some);
	must(get_log(vm));
	expect_bits(none);
	write_pages(vm, some);
	write_pages(vm, some);
	must(get_log(vm));
	expect_bits(some);
	write_pages(vm, others);
	must(get_log(vm));
	expect_bits(others);
	write_pages(vm, all);
	must(get_log(vm));
	expect_bits(all);
}

TEST(one_bit_per_small_page)
{
	one_bit_per_page(0);
}

/* The host backs the slot with large pages; the log still tells pages of 4 KiB. */
TEST(one_bit_per_page_of_a_large_one)
{
	one_bit_per_page(1);
}

/* Logging stops, the log is gone; it starts again, empty; the guest's data are whole at the end. */
TEST(switch_logging)
{
	struct vm *vm = vm_start(guest_writer);
	uint8_t *host = host_memory(1);
	uint64_t all[WORDS];
	int i;

	memset(all, 0xff, sizeof(all));
	for (i = 0; i < 3; i++) {
		set_log_slot(vm, KVM_MEM_LOG_DIRTY_PAGES, host);
		write_pages(vm, some);
		must(get_log(vm));
		expect_bits(some);
		write_pages(vm, others);
		set_log_slot(vm, 0, host);
		expect_errno(get_log(vm), ENOENT);
		write_pages(vm, all);
	}
	for (i = 0; i < PAGES; i++)
		expect_eq(*(uint64_t *)(host + i * SZ_4K + 8 * (i % 512)), i);
}

TEST(get_of_bad_slots)
{
	struct vm *vm = vm_start(guest_writer);
	struct kvm_dirty_log log = { .slot = 77, .dirty_bitmap = bitmap };

	expect_errno(ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log), ENOENT);
	log.slot = 0;
	expect_errno(ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log), ENOENT);
	log.slot = 0xffff;
	expect_errno(ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log), EINVAL);
	log.slot = 2 << 16;
	expect_errno(ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log), EINVAL);
	set_log_slot(vm, KVM_MEM_LOG_DIRTY_PAGES, host_memory(0));
	write_pages(vm, some);
	log.slot = LOG_SLOT;
	log.dirty_bitmap = NULL;
	expect_errno(ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log), EFAULT);
}

static void enable_manual(struct vm *vm, uint64_t flags)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, .args = { flags } };
	int offered = kvm_cap(KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2);

	if ((offered & flags) != flags)
		skip("KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2 has %#x, not %#llx", offered,
		     (unsigned long long)flags);
	must(ioctl(vm->fd, KVM_ENABLE_CAP, &cap));
}

/* Reading no longer clears; clearing clears what it names, and those pages are logged again. */
TEST(manual_clear)
{
	struct vm *vm = vm_start(guest_writer);
	uint64_t bits = 1UL << 63, left[WORDS];

	enable_manual(vm, MANUAL);
	set_log_slot(vm, KVM_MEM_LOG_DIRTY_PAGES, host_memory(1));
	write_pages(vm, some);
	must(get_log(vm));
	expect_bits(some);
	must(get_log(vm));
	expect_bits(some);
	must(clear_log(vm, 128, 64, &bits));
	memcpy(left, some, sizeof(left));
	left[2] = 0;
	must(get_log(vm));
	expect_bits(left);
	must(clear_log(vm, 0, PAGES, (void *)some));
	must(get_log(vm));
	expect_bits(none);
	write_pages(vm, some);
	must(get_log(vm));
	expect_bits(some);
}

TEST(manual_clear_of_bad_ranges)
{
	struct vm *vm = vm_start(guest_writer);
	uint64_t bits[WORDS + 1] = { 0 };

	enable_manual(vm, MANUAL);
	set_log_slot(vm, KVM_MEM_LOG_DIRTY_PAGES, host_memory(0));
	write_pages(vm, some);
	memset(bits, 0xff, sizeof(bits));
	expect_errno(clear_log(vm, 1, 64, bits), EINVAL);
	expect_errno(clear_log(vm, 0, 63, bits), EINVAL);
	expect_errno(clear_log(vm, PAGES, 64, bits), EINVAL);
	expect_errno(clear_log(vm, 0, PAGES + 64, bits), EINVAL);
	expect_errno(clear_log(vm, ~0UL - 63, 64, bits), EINVAL);
	expect_errno(clear_log(vm, 0, 64, (void *)8), EFAULT);
	must(get_log(vm));
	expect_bits(some);
}

/* With INITIALLY_SET all pages count as dirty until they are cleared for the first time. */
TEST(initially_set)
{
	struct vm *vm = vm_start(guest_writer);
	uint64_t all[WORDS];

	memset(all, 0xff, sizeof(all));
	enable_manual(vm, MANUAL | INITIAL);
	set_log_slot(vm, KVM_MEM_LOG_DIRTY_PAGES, host_memory(1));
	must(get_log(vm));
	expect_bits(all);
	write_pages(vm, others);
	must(clear_log(vm, 0, PAGES, all));
	must(get_log(vm));
	expect_bits(none);
	write_pages(vm, some);
	must(get_log(vm));
	expect_bits(some);
}

TEST(manual_protect_bad_flags)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, .args = { 1 << 7 },
	};
	int vm = vm_bare();

	REQUIRE_CAP(KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2);
	expect_errno(ioctl(vm, KVM_ENABLE_CAP, &cap), EINVAL);
	cap.args[0] = INITIAL;
	expect_errno(ioctl(vm, KVM_ENABLE_CAP, &cap), EINVAL);
	cap.args[0] = MANUAL;
	cap.flags = 1;
	expect_errno(ioctl(vm, KVM_ENABLE_CAP, &cap), EINVAL);
}

static uint64_t counters[PAGES] __attribute__((aligned(4096)));

/*
 * Count in one page after the other, for ever: each page's first word is how often it was written.
 */
static void guest_counter(void)
{
	uint64_t i;

	while (!GUEST_ONCE(pages_to_write[0]))
		for (i = 0; i < PAGES; i++)
			write64(SLOT_GPA + i * SZ_4K, ++counters[i]);
}

/*
 * A copy kept up by the log alone, as in a migration, is the guest's memory once the guest has
 * stopped: no write goes unlogged while the log is being read.
 */
TEST_LIMIT(log_of_a_running_guest_is_complete, 60)
{
	struct vm *vm = vm_start(guest_counter);
	uint8_t *host = host_memory(1), *copy = anon_memory(PAGES * SZ_4K);
	int round, i;

	set_log_slot(vm, KVM_MEM_LOG_DIRTY_PAGES, host);
	vcpu_run_async(&vm->vcpu[0]);
	for (round = 0; round < 30; round++) {
		usleep(20000);
		if (round == 29) {
			*(volatile uint64_t *)in_guest(vm, &pages_to_write[0]) = 1;
			vcpu_join(&vm->vcpu[0]);
		}
		must(get_log(vm));
		for (i = 0; i < PAGES; i++)
			if (bitmap[i / 64] >> i % 64 & 1)
				memcpy(copy + i * SZ_4K, host + i * SZ_4K, SZ_4K);
	}
	expect_eq(memcmp(copy, host, PAGES * SZ_4K), 0);
	expect_ge(*(uint64_t *)host, 1);
}
