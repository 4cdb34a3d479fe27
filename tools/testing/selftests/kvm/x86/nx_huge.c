// SPDX-License-Identifier: GPL-2.0-only
/*
 * No code in large pages (kvm.nx_huge_pages): data leaves a large page whole, a fetch splits it,
 * after a while it is made whole again; by parameter and by VM.
 *
 * The VMs here have their own program in small pages, so that what statistics say is of the slot.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "guest.h"
#include "huge.h"
#include "vm.h"

#define PARAMETERS	"/sys/module/kvm/parameters/"
#define LARGE_PAGES	4UL
#define SIZE		(LARGE_PAGES * SZ_2M)
#define SLOT		7
#define RET		0xc3
#define MARK		0x600df00d00000000UL

/* ---- parameters ------------------------------------------------------------------------------ */

static int try_set(const char *name, const char *text)
{
	char path[128];
	int r;

	snprintf(path, sizeof(path), PARAMETERS "%s", name);
	r = write_file(path, text);
	if (r < 0 && (errno == ENOENT || errno == EACCES))
		skip("no parameter %s to be written", name);
	return r;
}

static void set(const char *name, const char *text)
{
	if (try_set(name, text) < 0)
		fail("%s = %s: %s", name, text, strerror(errno));
}

static void expect_parameter(const char *name, const char *text)
{
	char path[128], have[32] = "";
	int fd;

	snprintf(path, sizeof(path), PARAMETERS "%s", name);
	fd = must(open(path, O_RDONLY));
	must(read(fd, have, sizeof(have) - 1));
	close(fd);
	have[strcspn(have, "\n")] = 0;
	if (strcmp(have, text))
		fail("%s is %s, expected %s", name, have, text);
}

/* Each test says what it wants; the last one of the program puts the defaults back. */
static void use(const char *mode, const char *ratio, const char *period_ms)
{
	set("nx_huge_pages_recovery_ratio", ratio);
	set("nx_huge_pages_recovery_period_ms", period_ms);
	set("nx_huge_pages", mode);
}

/* ---- a guest that reads, writes and calls ---------------------------------------------------- */

enum { READ, WRITE, CALL };

static uint64_t what, at, value;

static void guest(void)
{
	for (;;) {
		guest_sync(0);
		guest_barrier();
		if (what == CALL)
			asm volatile("call *%0" : : "r"(at) : "memory");
		else if (what == WRITE)
			write64(at, value);
		else
			value = read64(at);
	}
}

static void go(struct vm *vm, uint64_t op, uint64_t offset, uint64_t v)
{
	*in_guest(vm, &what) = op;
	*in_guest(vm, &at) = SLOT_GPA + offset;
	*in_guest(vm, &value) = v;
	expect_exit(vm_run(vm), GUEST_SYNC);
}

static void call(struct vm *vm, uint64_t offset)
{
	go(vm, CALL, offset, 0);
}

static uint64_t data(struct vm *vm, uint64_t offset)
{
	go(vm, READ, offset, 0);
	return *in_guest(vm, &value);
}

static uint64_t counted(struct vm *vm, const char *name)
{
	return kvm_stat(vm->fd, name);
}

/* One of those pages in which nothing but our own slot lies. */
#define expect_pages(vm, large, split)						\
	do {									\
		expect_eq(counted(vm, "pages_2m"), large);				\
		expect_eq(counted(vm, "nx_lpage_splits"), split);			\
	} while (0)

static uint8_t *huge_memory(uint64_t size)
{
	uint8_t *p = anon_memory(size + SZ_2M);

	p = (uint8_t *)(((uintptr_t)p + SZ_2M - 1) & ~(SZ_2M - 1));
	madvise(p, size, MADV_HUGEPAGE);
	memset(p, 0, size);
	/* A small kernel may have none, or not tell. */
	return smaps_bytes(p, "AnonHugePages") < size ? hugetlb_memory(size, 21) : p;
}

/* Each 4K page of the slot begins with its mark; a RET stands further on. */
#define CODE	0x100

static void fill(uint8_t *host)
{
	uint64_t off;

	for (off = 0; off < SIZE; off += SZ_4K) {
		*(uint64_t *)(host + off) = MARK + off;
		host[off + CODE] = RET;
	}
}

static struct vm *vm_without_vcpus(void)
{
	struct vm *vm;

	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	vm = vm_new(0);
	memset(vm->mem + REAL_CODE_GPA, 0, 1);
	prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);
	return vm;
}

static uint8_t *begin(struct vm *vm)
{
	uint8_t *host = huge_memory(SIZE);

	fill(host);
	if (!vm->nr_vcpus)
		vcpu_start(vm, 0, guest);
	must(vm_set_slot(vm->fd, SLOT, 0, SLOT_GPA, SIZE, host));
	expect_exit(vm_run(vm), GUEST_SYNC);
	expect_pages(vm, 0, 0);
	return host;
}

static void touch_all(struct vm *vm)
{
	uint64_t off;

	for (off = 0; off < SIZE; off += SZ_2M / 4)
		expect_eq(data(vm, off), MARK + off);
}

static void wait_for_splits(struct vm *vm, uint64_t n)
{
	uint64_t end = now_ms() + 20000;

	while (counted(vm, "nx_lpage_splits") != n) {
		if (now_ms() > end)
			fail("still %lu splits", counted(vm, "nx_lpage_splits"));
		usleep(1000);
	}
}

/* ---- with the mitigation --------------------------------------------------------------------- */

TEST(data_leaves_large_pages_whole)
{
	struct vm *vm = vm_without_vcpus();
	uint8_t *host;

	use("force", "60", "0");
	expect_parameter("nx_huge_pages", "Y");
	host = begin(vm);
	touch_all(vm);
	expect_pages(vm, LARGE_PAGES, 0);
	go(vm, WRITE, SZ_2M + 8, 7);
	expect_eq(*(uint64_t *)(host + SZ_2M + 8), 7);
	expect_pages(vm, LARGE_PAGES, 0);
}

/* Then code runs there, data beside it stays what it was, and the two do not take turns. */
TEST(a_fetch_splits)
{
	struct vm *vm = vm_without_vcpus();
	uint64_t small, faults, i;

	use("force", "60", "0");
	begin(vm);
	touch_all(vm);
	small = counted(vm, "pages_4k");
	call(vm, SZ_2M + 5 * SZ_4K + CODE);
	expect_pages(vm, LARGE_PAGES - 1, 1);
	expect_ge(counted(vm, "pages_4k"), small + 1);
	for (i = 0; i < 512; i++)
		expect_eq(data(vm, SZ_2M + i * SZ_4K), MARK + SZ_2M + i * SZ_4K);
	expect_pages(vm, LARGE_PAGES - 1, 1);
	expect_ge(counted(vm, "pages_4k"), small + 512);
	expect_le(counted(vm, "pages_4k"), small + 520);	/* some of the program's own */
	faults = kvm_stat(vm->vcpu[0].fd, "pf_taken");
	for (i = 0; i < 512; i += 7) {
		call(vm, SZ_2M + i * SZ_4K + CODE);
		expect_eq(data(vm, SZ_2M + i * SZ_4K), MARK + SZ_2M + i * SZ_4K);
	}
	expect_le(kvm_stat(vm->vcpu[0].fd, "pf_taken"), faults + 4);
	expect_pages(vm, LARGE_PAGES - 1, 1);
}

/* Where nothing was mapped a fetch maps a small page, and what comes later does not undo it. */
TEST(a_fetch_comes_first)
{
	struct vm *vm = vm_without_vcpus();

	use("force", "60", "0");
	begin(vm);
	call(vm, CODE);
	expect_pages(vm, 0, 1);
	touch_all(vm);
	expect_pages(vm, LARGE_PAGES - 1, 1);
	call(vm, SZ_2M - SZ_4K + CODE);
	expect_pages(vm, LARGE_PAGES - 1, 1);
}

/* The slot's end is the tables' end. */
TEST(splits_go_with_the_slot)
{
	struct vm *vm = vm_without_vcpus();

	use("force", "60", "0");
	begin(vm);
	touch_all(vm);
	call(vm, CODE);
	call(vm, 3 * SZ_2M + CODE);
	expect_pages(vm, LARGE_PAGES - 2, 2);
	must(vm_set_slot(vm->fd, SLOT, 0, 0, 0, NULL));
	expect_pages(vm, 0, 0);
}

/* The host takes pages back and gives others: code is there to be written anew, and runs. */
TEST(memory_behind_code_is_replaced)
{
	struct vm *vm = vm_without_vcpus();
	uint8_t *host;
	int i;

	use("force", "60", "0");
	host = begin(vm);
	for (i = 0; i < 5; i++) {
		call(vm, SZ_2M + CODE);
		must(madvise(host + SZ_2M, SZ_2M, MADV_DONTNEED));
		expect_eq(data(vm, SZ_2M + 7 * SZ_4K), 0);
		fill(host);
		touch_all(vm);
	}
	call(vm, SZ_2M + CODE);
	expect_ge(counted(vm, "nx_lpage_splits"), 1);
}

/* Where the guest sees the page's quarters, and its code. */
#define WINDOW(i)	(HOLE_GPA - SLOT_GPA + (i) * SZ_4K)
#define QUARTER		(SZ_1G / 4)

static struct vm *vm_with_1g_page(void)
{
	const uint64_t gpa = 4 * SZ_1G, at_code = 300 * SZ_2M + 9 * SZ_4K;
	uint8_t *host = hugetlb_memory(SZ_1G, 30);
	struct vm *vm = vm_without_vcpus();
	int i;

	vcpu_start(vm, 0, guest);
	for (i = 0; i < 4; i++)
		vm_map(vm, SLOT_GPA + WINDOW(i), gpa + i * QUARTER, PTE_P | PTE_W);
	vm_map(vm, SLOT_GPA + WINDOW(4), gpa + at_code, PTE_P | PTE_W);
	host[at_code + CODE] = RET;
	must(vm_set_slot(vm->fd, SLOT, 0, gpa, SZ_1G, host));
	expect_exit(vm_run(vm), GUEST_SYNC);
	return vm;
}

/* A page of 1 GiB comes apart in two steps, and what has no code stays in pages of 2 MiB. */
TEST_LIMIT(code_in_a_1g_page, 60)
{
	struct vm *vm;
	int i, round;

	if (!(cpuid_find(supported_cpuid(), 0x80000001, 0)->edx >> 26 & 1))
		skip("the CPU has no pages of 1 GiB");
	use("force", "0", "20");
	vm = vm_with_1g_page();
	for (round = 0; round < 3; round++) {
		for (i = 0; i < 4; i++)
			go(vm, WRITE, WINDOW(i), MARK + i + round);
		expect_eq(counted(vm, "pages_1g"), 1);
		call(vm, WINDOW(4) + CODE);
		expect_eq(counted(vm, "pages_1g"), 0);
		expect_eq(counted(vm, "nx_lpage_splits"), 2);
		for (i = 0; i < 4; i++)
			expect_eq(data(vm, WINDOW(i)), MARK + i + round);
		expect_ge(counted(vm, "pages_2m"), 4);
		expect_le(counted(vm, "pages_2m"), 511);
		expect_eq(counted(vm, "nx_lpage_splits"), 2);
		set("nx_huge_pages_recovery_ratio", "1");
		wait_for_splits(vm, 0);
		set("nx_huge_pages_recovery_ratio", "0");
	}
}

/* ---- recovery -------------------------------------------------------------------------------- */

TEST(split_pages_become_whole_again)
{
	struct vm *vm = vm_without_vcpus();
	int i;

	use("force", "1", "100");
	begin(vm);
	for (i = 0; i < 3; i++) {
		touch_all(vm);
		expect_eq(counted(vm, "pages_2m"), LARGE_PAGES);
		call(vm, CODE);
		call(vm, SZ_2M + CODE);
		wait_for_splits(vm, 0);
		touch_all(vm);
		expect_pages(vm, LARGE_PAGES, 0);
	}
}

/* The number of split pages, after the turn that is changing it, if one is: they go one by one. */
static uint64_t splits_between_turns(struct vm *vm)
{
	uint64_t before, now = counted(vm, "nx_lpage_splits");

	do {
		before = now;
		usleep(50000);
		now = counted(vm, "nx_lpage_splits");
	} while (now != before);
	return now;
}

/* One part in so many at a time, rounded up. */
TEST(recovery_takes_a_share)
{
	struct vm *vm = vm_without_vcpus();
	uint64_t i, n = LARGE_PAGES, now, turns = 0;

	use("force", "0", "1000");
	begin(vm);
	for (i = 0; i < LARGE_PAGES; i++)
		call(vm, i * SZ_2M + CODE);
	expect_eq(counted(vm, "nx_lpage_splits"), n);
	usleep(1000000);
	expect_eq(counted(vm, "nx_lpage_splits"), n);	/* a ratio of 0: never */
	set("nx_huge_pages_recovery_ratio", "2");
	while (n) {
		now = splits_between_turns(vm);
		if (now != n) {
			expect_eq(now, n - (n + 1) / 2);
			n = now;
			turns++;
		}
	}
	expect_eq(turns, 3);
}

/* A period that is shortened counts at once, though the one before would have been an hour. */
TEST(a_new_period_counts_at_once)
{
	struct vm *vm = vm_without_vcpus();

	use("force", "1", "0");
	begin(vm);
	call(vm, CODE);
	usleep(300000);
	expect_eq(counted(vm, "nx_lpage_splits"), 1);
	set("nx_huge_pages_recovery_period_ms", "50");
	wait_for_splits(vm, 0);
}

/* ---- the dirty log --------------------------------------------------------------------------- */

static uint64_t bitmap[SIZE / SZ_4K / 64];

static void expect_logged(struct vm *vm, uint64_t page, uint64_t every)
{
	struct kvm_dirty_log log = { .slot = SLOT, .dirty_bitmap = bitmap };
	uint64_t i;

	must(ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log));
	for (i = 0; i < SIZE / SZ_4K; i++) {
		int written = i >= page && (i - page) % every == 0;

		/* The distribution's report a page that was only fetched from as well. */
		if (written || !distro_modules())
			expect_eq(bitmap[i / 64] >> i % 64 & 1, written);
	}
}

/* Code is run in it before, while and after it logs. */
TEST(logged_slots)
{
	struct vm *vm = vm_without_vcpus();
	uint8_t *host;
	uint64_t i;
	int round;

	use("force", "60", "0");
	host = begin(vm);
	for (round = 0; round < 3; round++) {
		touch_all(vm);
		call(vm, CODE);
		expect_ge(counted(vm, "nx_lpage_splits"), 1);
		must(vm_set_slot(vm->fd, SLOT, KVM_MEM_LOG_DIRTY_PAGES, SLOT_GPA, SIZE, host));
		call(vm, SZ_4K + CODE);
		call(vm, SZ_2M + CODE);
		expect_logged(vm, SIZE, 1);
		for (i = 3; i < SIZE / SZ_4K; i += 61)
			go(vm, WRITE, i * SZ_4K + 16, i);
		expect_logged(vm, 3, 61);
		call(vm, 3 * SZ_4K + CODE);
		expect_logged(vm, SIZE, 1);
		must(vm_set_slot(vm->fd, SLOT, 0, SLOT_GPA, SIZE, host));
		call(vm, 2 * SZ_2M + CODE);
		expect_eq(data(vm, SZ_2M), MARK + SZ_2M);
	}
	set("nx_huge_pages_recovery_ratio", "1");
	set("nx_huge_pages_recovery_period_ms", "50");
	wait_for_splits(vm, 0);
	touch_all(vm);
	expect_eq(counted(vm, "pages_2m"), LARGE_PAGES);
}

/* ---- without it ------------------------------------------------------------------------------ */

static int disable(int vm, uint64_t arg)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_VM_DISABLE_NX_HUGE_PAGES, .args[0] = arg,
	};

	return ioctl(vm, KVM_ENABLE_CAP, &cap);
}

TEST(disabled_by_the_vm)
{
	struct vm *vm = vm_without_vcpus();

	REQUIRE_CAP(KVM_CAP_VM_DISABLE_NX_HUGE_PAGES);
	use("force", "60", "0");
	must(disable(vm->fd, 0));
	must(disable(vm->fd, 0));
	begin(vm);
	touch_all(vm);
	call(vm, CODE);
	call(vm, SZ_2M + CODE);
	expect_pages(vm, LARGE_PAGES, 0);
	set("nx_huge_pages", "off");
	set("nx_huge_pages", "force");
	touch_all(vm);
	call(vm, CODE);
	expect_pages(vm, LARGE_PAGES, 0);
}

/* Who may not boot the computer may not do this either (KVM API 8.38). */
static void disable_as_nobody(void *arg)
{
	struct vm *vm = arg;

	expect_errno(disable(vm->fd, 0), EIO);	/* a VM is its process's own */
	must(setuid(65534));
	vm = vm_without_vcpus();
	expect_errno(disable(vm->fd, 0), EPERM);
	expect_errno(disable(vm->fd, 1), EPERM);
}

TEST(disabling_is_refused)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_VM_DISABLE_NX_HUGE_PAGES, .flags = 1,
	};
	struct vm *vm = vm_without_vcpus();

	REQUIRE_CAP(KVM_CAP_VM_DISABLE_NX_HUGE_PAGES);
	expect_errno(disable(vm->fd, 1), EINVAL);
	expect_errno(disable(vm->fd, ~0UL), EINVAL);
	expect_errno(ioctl(vm->fd, KVM_ENABLE_CAP, &cap), EINVAL);
	chmod("/dev/kvm", 0666);
	expect_eq(in_child(disable_as_nobody, vm), 0);
	vcpu_new(vm, 0);
	expect_errno(disable(vm->fd, 0), EINVAL);
}

/* ---- changes of the parameter ---------------------------------------------------------------- */

/* All mappings go when it changes, whatever they are; they come back as they should now be. */
TEST(changed_at_run_time)
{
	struct vm *vm = vm_without_vcpus();
	int i;

	use("off", "60", "0");
	begin(vm);
	for (i = 0; i < 3; i++) {
		touch_all(vm);
		call(vm, CODE);
		expect_pages(vm, LARGE_PAGES, 0);
		set("nx_huge_pages", "force");
		expect_pages(vm, 0, 0);
		touch_all(vm);
		expect_pages(vm, LARGE_PAGES, 0);
		call(vm, CODE);
		expect_pages(vm, LARGE_PAGES - 1, 1);
		set("nx_huge_pages", "force");
		expect_pages(vm, LARGE_PAGES - 1, 1);
		set("nx_huge_pages", "off");
		expect_pages(vm, 0, 0);
	}
}

TEST(values)
{
	static const struct { const char *text, *shown; } good[] = {
		{ "force", "Y" }, { "off", "N" }, { "1", "Y" }, { "0", "N" }, { "Y", "Y" },
		{ "n", "N" }, { "on\n", "Y" }, { "off\n", "N" }, { "force\n", "Y" },
	};
	static const char * const numbers[] = { "0", "1", "60", "4294967295" };
	static const char * const names[] = {
		"nx_huge_pages_recovery_ratio", "nx_huge_pages_recovery_period_ms",
	};
	struct vm *vm = vm_without_vcpus();
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(good); i++) {
		set("nx_huge_pages", good[i].text);
		expect_parameter("nx_huge_pages", good[i].shown);
	}
	expect_errno(try_set("nx_huge_pages", "2"), EINVAL);
	expect_errno(try_set("nx_huge_pages", "\n"), EINVAL);
	expect_errno(try_set("nx_huge_pages", "maybe"), EINVAL);
	/* It could not be taken back, and this VM might need it. */
	expect_errno(try_set("nx_huge_pages", "never"), EBUSY);
	expect_parameter("nx_huge_pages", "Y");
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		for (j = 0; j < ARRAY_SIZE(numbers); j++) {
			set(names[i], numbers[j]);
			expect_parameter(names[i], numbers[j]);
		}
		expect_errno(try_set(names[i], "4294967296"), ERANGE);
		expect_errno(try_set(names[i], "-1"), EINVAL);
		expect_parameter(names[i], "4294967295");
	}
	vm_free(vm);
}

/* What sysfs says about the host is what the parameter says. */
TEST(the_host_is_told)
{
	static const char path[] = "/sys/devices/system/cpu/vulnerabilities/itlb_multihit";
	char text[64];
	int on, fd, n;

	for (on = 1; on >= 0; on--) {
		set("nx_huge_pages", on ? "force" : "off");
		fd = open(path, O_RDONLY);
		if (fd < 0)
			skip("no %s", path);
		n = must(read(fd, text, sizeof(text) - 1));
		text[n] = 0;
		close(fd);
		if (!strncmp(text, "Not affected", 12))
			skip("the processor has no iTLB multihit");
		note("%.*s", (int)strcspn(text, "\n"), text);
		expect(strstr(text, on ? "Split huge pages" : "Vulnerable"));
	}
}

/* ---- all of it at once ----------------------------------------------------------------------- */

static uint64_t stop;

static void guest_calls(void)
{
	uint64_t i;

	sti();		/* or nothing of the host's would end it in Bochs */
	for (i = 0; !GUEST_ONCE(stop); i += 37 * SZ_4K)
		asm volatile("call *%0" : : "r"(SLOT_GPA + i % SIZE + CODE) : "memory");
	guest_done();
}

static void guest_counts(void)
{
	uint64_t n, off;

	sti();
	for (n = 1; !GUEST_ONCE(stop); n++) {
		for (off = 0; off < SIZE; off += 61 * SZ_4K) {
			guest_expect_eq(read64(SLOT_GPA + off + 24), n - 1);
			write64(SLOT_GPA + off + 24, n);
		}
	}
	guest_done();
}

/* Code and data everywhere, recovery all the time, the parameter to and fro, the log on and off. */
TEST_LIMIT(everything_at_once, 60)
{
	uint64_t end;
	struct vm *vm = vm_without_vcpus();
	uint8_t *host = huge_memory(SIZE);
	unsigned int i;

	use("force", "1", "5");
	fill(host);
	vcpu_start(vm, 0, guest_calls);
	vcpu_start(vm, 1, guest_counts);
	must(vm_set_slot(vm->fd, SLOT, 0, SLOT_GPA, SIZE, host));
	vcpu_run_async(&vm->vcpu[0]);
	vcpu_run_async(&vm->vcpu[1]);
	end = now_ms() + 3000;
	for (i = 0; now_ms() < end; i++) {
		usleep(30000);
		if (i % 8 == 3)
			set("nx_huge_pages", "off");
		else if (i % 8 == 4)
			set("nx_huge_pages", "force");
		else if (i % 8 == 6)
			madvise(host, SIZE, MADV_COLD);
		must(vm_set_slot(vm->fd, SLOT, i & 1 ? KVM_MEM_LOG_DIRTY_PAGES : 0, SLOT_GPA, SIZE,
				 host));
	}
	*in_guest(vm, &stop) = 1;
	vcpu_join(&vm->vcpu[0]);
	vcpu_join(&vm->vcpu[1]);
	must(vm_set_slot(vm->fd, SLOT, 0, 0, 0, NULL));
	expect_pages(vm, 0, 0);
}

/* No test, but what must be last: the program leaves the module as it was loaded. */
TEST(defaults_are_back)
{
	use("auto", "60", "0");
	expect_parameter("nx_huge_pages_recovery_ratio", "60");
	expect_parameter("nx_huge_pages_recovery_period_ms", "0");
}
