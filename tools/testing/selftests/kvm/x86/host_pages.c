// SPDX-License-Identifier: GPL-2.0-only
/*
 * What kind of pages the host has behind a slot: large ones that the guest's translations must
 * really use, split for the dirty log and joined after it, device memory, poisoned pages, pages
 * that the host merges, ages and pages out.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/swap.h>

#include "agent.h"
#include "guest.h"
#include "huge.h"

#define MARK	0x600df00d00000000UL
#define LARGE	(4 * SZ_2M)

/* Memory whose address is a multiple of @align. */
static uint8_t *aligned_memory(uint64_t size, uint64_t align)
{
	uint8_t *p = anon_memory(size + align);

	return (uint8_t *)(((uintptr_t)p + align - 1) & ~(align - 1));
}

static uint8_t *huge_memory(uint64_t size)
{
	uint8_t *host = aligned_memory(size, SZ_2M);

	madvise(host, size, MADV_HUGEPAGE);
	memset(host, 0, size);
	if (smaps_bytes(host, "AnonHugePages") < size)
		skip("the host has no huge pages to give");
	return host;
}

static uint64_t pages(struct vm *vm, int shift)
{
	return kvm_stat(vm->fd, shift == 30 ? "pages_1g" : shift == 21 ? "pages_2m" : "pages_4k");
}

/* Write and read one word every @step of the slot. */
static void touch(struct vm *vm, uint8_t *host, uint64_t gpa, uint64_t size, uint64_t step,
		  uint64_t mark)
{
	uint64_t off;

	for (off = 0; off < size; off += step) {
		agent_write(vm, gpa + off + 8, mark + off);
		expect_eq(*(uint64_t *)(host + off + 8), mark + off);
		expect_eq(agent_read(vm, gpa + off + 8), mark + off);
	}
}

/* ---- 2 MiB ----------------------------------------------------------------------------------- */

TEST(large_pages_are_used)
{
	struct vm *vm = agent_vm(0);
	uint8_t *host = huge_memory(LARGE);
	uint64_t before = pages(vm, 21);

	must(vm_set_slot(vm->fd, 7, 0, SLOT_GPA, LARGE, host));
	touch(vm, host, SLOT_GPA, LARGE, SZ_2M / 4, MARK);
	expect_eq(pages(vm, 21), before + LARGE / SZ_2M);
	must(vm_set_slot(vm->fd, 7, 0, 0, 0, NULL));
	expect_eq(pages(vm, 21), before);
}

/*
 * A slot whose guest and host addresses disagree below 2 MiB, and one that begins and ends in the
 * middle of a large page: no translation may reach beyond what the slot shows.
 */
TEST(large_pages_only_where_they_fit)
{
	struct vm *vm = agent_vm(0);
	uint8_t *host = huge_memory(LARGE);
	uint64_t before = pages(vm, 21);

	must(vm_set_slot(vm->fd, 7, 0, SLOT_GPA + SZ_4K, LARGE - SZ_2M, host));
	touch(vm, host, SLOT_GPA + SZ_4K, LARGE - SZ_2M, SZ_2M / 8, MARK);
	expect_eq(pages(vm, 21), before);
	must(vm_set_slot(vm->fd, 7, 0, 0, 0, NULL));

	must(vm_set_slot(vm->fd, 7, 0, SLOT_GPA + SZ_2M / 2, LARGE - SZ_2M, host + SZ_2M / 2));
	touch(vm, host + SZ_2M / 2, SLOT_GPA + SZ_2M / 2, LARGE - SZ_2M, SZ_2M / 8, MARK + 1);
	expect_eq(pages(vm, 21), before + LARGE / SZ_2M - 2);
	agent_expect_mmio(vm, AGENT_READ, SLOT_GPA + SZ_2M / 2 - 8, 1);
	agent_expect_mmio(vm, AGENT_WRITE, SLOT_GPA + LARGE - SZ_2M / 2, 2);
}

/* Logging splits, page by page it is told what is written, and afterwards they are whole again. */
TEST(large_pages_split_and_join)
{
	static uint64_t bitmap[LARGE / SZ_4K / 64];
	struct kvm_dirty_log log = { .slot = 7, .dirty_bitmap = bitmap };
	struct vm *vm = agent_vm(0);
	uint8_t *host = huge_memory(LARGE);
	uint64_t before = pages(vm, 21), i, n;
	int round;

	must(vm_set_slot(vm->fd, 7, 0, SLOT_GPA, LARGE, host));
	for (round = 0; round < 3; round++) {
		touch(vm, host, SLOT_GPA, LARGE, SZ_2M / 2, MARK + round);
		expect_eq(pages(vm, 21), before + LARGE / SZ_2M);
		must(vm_set_slot(vm->fd, 7, KVM_MEM_LOG_DIRTY_PAGES, SLOT_GPA, LARGE, host));
		expect_eq(agent_read(vm, SLOT_GPA + 8), MARK + round);
		touch(vm, host, SLOT_GPA, LARGE, 97 * SZ_4K, MARK + 7);
		expect_eq(pages(vm, 21), before);
		must(ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log));
		for (i = 0; i < LARGE / SZ_4K; i++)
			expect_eq(bitmap[i / 64] >> i % 64 & 1, i % 97 == 0);
		/* Protected anew: the same writes are seen again. */
		touch(vm, host, SLOT_GPA, SZ_2M, 97 * SZ_4K, MARK + 8);
		must(ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log));
		for (i = 0, n = 0; i < LARGE / SZ_4K; i++)
			n += bitmap[i / 64] >> i % 64 & 1;
		expect_eq(n, (SZ_2M + 97 * SZ_4K - 1) / (97 * SZ_4K));
		must(vm_set_slot(vm->fd, 7, 0, SLOT_GPA, LARGE, host));
	}
	touch(vm, host, SLOT_GPA, LARGE, SZ_2M / 2, MARK);
	expect_eq(pages(vm, 21), before + LARGE / SZ_2M);
}

/* One small page of a large one is given back: the rest keeps its contents. */
TEST(part_of_a_large_page_given_back)
{
	struct vm *vm = agent_vm(0);
	uint8_t *host = huge_memory(LARGE);
	uint64_t before = pages(vm, 21), i;

	must(vm_set_slot(vm->fd, 7, 0, SLOT_GPA, LARGE, host));
	for (i = 0; i < SZ_2M; i += SZ_4K)
		*(uint64_t *)(host + i) = MARK + i;
	expect_eq(agent_read(vm, SLOT_GPA), MARK);
	expect_ge(pages(vm, 21), before + 1);
	must(madvise(host + 9 * SZ_4K, SZ_4K, MADV_DONTNEED));
	for (i = 0; i < SZ_2M; i += 3 * SZ_4K)
		expect_eq(agent_read(vm, SLOT_GPA + i), i == 9 * SZ_4K ? 0 : MARK + i);
	expect_eq(pages(vm, 21), before);
	agent_write(vm, SLOT_GPA + 9 * SZ_4K, 5);
	expect_eq(*(uint64_t *)(host + 9 * SZ_4K), 5);
}

/* ---- hugetlbfs ------------------------------------------------------------------------------- */

static void hugetlb(uint64_t size, int shift, uint64_t gpa)
{
	struct vm *vm = agent_vm(0);
	uint8_t *host = hugetlb_memory(size, shift);
	uint64_t before = pages(vm, shift), window = HOLE_GPA, off;

	must(vm_set_slot(vm->fd, 7, 0, gpa, size, host));
	for (off = 0; off < size; off += size / 8, window += SZ_4K) {
		vm_map(vm, window, gpa + off, PTE_P | PTE_W);
		agent_write(vm, window, MARK + off);
		expect_eq(*(uint64_t *)(host + off), MARK + off);
	}
	expect_eq(pages(vm, shift), before + (size >> shift));
	/* The log takes them apart. */
	must(vm_set_slot(vm->fd, 7, KVM_MEM_LOG_DIRTY_PAGES, gpa, size, host));
	agent_write(vm, window - SZ_4K, MARK + 1);
	expect_le(pages(vm, shift), before + (size >> shift) - 1);
	must(vm_set_slot(vm->fd, 7, 0, gpa, size, host));
	agent_write(vm, window - SZ_4K, MARK + 2);
	expect_eq(*(uint64_t *)(host + size - size / 8), MARK + 2);
	must(vm_set_slot(vm->fd, 7, 0, 0, 0, NULL));
	expect_eq(pages(vm, shift), before);
	munmap(host, size);
}

TEST(hugetlb_2m)
{
	hugetlb(LARGE, 21, SLOT_GPA);
}

TEST_LIMIT(hugetlb_1g, 60)
{
	if (!(cpuid_find(supported_cpuid(), 0x80000001, 0)->edx >> 26 & 1))
		skip("the CPU has no pages of 1 GiB");
	hugetlb(SZ_1G, 30, 4 * SZ_1G);
}

/* ---- device memory --------------------------------------------------------------------------- */

/* The kernel's own time data, which every process has: no struct page is counted for it. */
static void *time_page(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	unsigned long start;
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (strstr(line, "[vvar]") && sscanf(line, "%lx-", &start) == 1) {
			fclose(f);
			return (void *)start;
		}
	skip("there is no [vvar]");
}

TEST(pfnmap_read_only)
{
	uint32_t *vvar = time_page();
	struct vm *vm = agent_vm(0);

	must(vm_set_slot(vm->fd, 7, KVM_MEM_READONLY, SLOT_GPA, SZ_4K, vvar));
	/* The second word, the clock mode, does not change. */
	expect_eq(agent_read(vm, SLOT_GPA) >> 32, vvar[1]);
	agent_expect_mmio(vm, AGENT_WRITE, SLOT_GPA, 1);
	expect_eq(agent_read(vm, SLOT_GPA) >> 32, vvar[1]);
	/* In a slot that can be written it is not to be had for writing. */
	must(vm_set_slot(vm->fd, 8, 0, SLOT_GPA + SZ_2M, SZ_4K, vvar));
	expect_eq(agent_read(vm, SLOT_GPA + SZ_2M) >> 32, vvar[1]);
	expect_eq(-agent_try(vm, AGENT_WRITE, SLOT_GPA + SZ_2M, 1), EFAULT);
}

#define BAR_MEMORY	0x200
#define BAR_PREFETCH	0x2000

/* A BAR that is plain memory (prefetchable), and big enough, of some PCI device; or -1. */
static int memory_bar(void)
{
	DIR *dir = opendir("/sys/bus/pci/devices");
	unsigned long start, end, flags;
	char path[320];
	struct dirent *d;
	FILE *f;
	int bar, fd = -1;

	while (dir && fd < 0 && (d = readdir(dir))) {
		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource", d->d_name);
		f = fopen(path, "r");
		for (bar = 0; f && bar < 6 && fd < 0; bar++) {
			if (fscanf(f, "%lx %lx %lx", &start, &end, &flags) != 3)
				break;
			if ((flags & (BAR_MEMORY | BAR_PREFETCH)) != (BAR_MEMORY | BAR_PREFETCH) ||
			    end - start < SZ_64K)
				continue;
			snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource%d",
				 d->d_name, bar);
			fd = open(path, O_RDWR);
			if (fd >= 0)
				note("%s", path);
		}
		if (f)
			fclose(f);
	}
	if (dir)
		closedir(dir);
	return fd;
}

TEST(pfnmap_device)
{
	struct vm *vm = agent_vm(0);
	int fd = memory_bar(), i;
	uint64_t *bar;

	if (fd < 0)
		skip("no PCI device with memory");
	bar = mmap(NULL, SZ_64K, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (bar == MAP_FAILED)
		skip("the device's memory cannot be mapped");
	must(vm_set_slot(vm->fd, 7, 0, SLOT_GPA, SZ_64K, bar));
	for (i = 0; i < 16; i++) {
		agent_write(vm, SLOT_GPA + i * SZ_4K, MARK + i);
		expect_eq(*(volatile uint64_t *)(bar + 512 * i), MARK + i);
		*(volatile uint64_t *)(bar + 512 * i + 1) = MARK - i;
		expect_eq(agent_read(vm, SLOT_GPA + i * SZ_4K + 8), MARK - i);
	}
	/* Gone from the VMM: gone for the guest. */
	must(munmap(bar, SZ_64K));
	expect_eq(-agent_try(vm, AGENT_READ, SLOT_GPA, 0), EFAULT);
	close(fd);
}

/* ---- poisoned memory ------------------------------------------------------------------------- */

static siginfo_t bus_error;

static void on_sigbus(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	bus_error = *info;
}

/*
 * The page of a slot that the hardware has reported bad: the thread of the vCPU that touches it
 * gets SIGBUS with the address, as if it had touched it itself; with another page there the guest
 * goes on.
 */
TEST(poisoned_page)
{
	struct sigaction action = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };
	struct vm *vm = agent_vm(0);
	uint64_t *host = vm_add_slot(vm, SLOT_GPA, SZ_64K, 0);
	uint64_t *bad = host + 3 * 512;

	agent_write(vm, SLOT_GPA + 3 * SZ_4K, MARK);
	agent_write(vm, SLOT_GPA + 4 * SZ_4K, MARK);
	must(sigaction(SIGBUS, &action, NULL));
	if (madvise(bad, SZ_4K, MADV_HWPOISON) < 0)
		skip("the kernel cannot poison a page: %s", strerror(errno));
	memset(&bus_error, 0, sizeof(bus_error));
	expect_eq(-agent_try(vm, AGENT_READ, SLOT_GPA + 3 * SZ_4K, 0), EINTR);
	expect_eq(bus_error.si_code, BUS_MCEERR_AR);
	expect_eq((uintptr_t)bus_error.si_addr, (uintptr_t)bad);
	expect_eq(bus_error.si_addr_lsb, 12);
	expect(mmap(bad, SZ_4K, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS,
		    -1, 0) == bad);
	expect_exit(vm_run(vm), GUEST_SYNC);
	expect_eq(vm->vcpu[0].sync, 0);
	expect_eq(agent_read(vm, SLOT_GPA + 4 * SZ_4K), MARK);
}

/* ---- merged pages ---------------------------------------------------------------------------- */

/* KSM makes one page of equal ones behind the guest's back; who writes gets his own again. */
TEST_LIMIT(merged_pages, 60)
{
	struct vm *vm = agent_vm(0);
	const unsigned int n = 64;
	uint8_t *host = aligned_memory(n * SZ_4K, SZ_2M);
	uint64_t end = now_ms() + 6000, i;
	unsigned char text[32] = "";
	int fd;

	if (write_file("/sys/kernel/mm/ksm/run", "1") < 0)
		skip("the kernel has no KSM");
	write_file("/sys/kernel/mm/ksm/sleep_millisecs", "5");
	write_file("/sys/kernel/mm/ksm/pages_to_scan", "500");
	madvise(host, n * SZ_4K, MADV_NOHUGEPAGE);
	must(vm_set_slot(vm->fd, 7, 0, SLOT_GPA, n * SZ_4K, host));
	for (i = 0; i < n; i++)
		agent_write(vm, SLOT_GPA + i * SZ_4K, MARK);
	must(madvise(host, n * SZ_4K, MADV_MERGEABLE));
	do {
		usleep(50000);
		fd = must(open("/sys/kernel/mm/ksm/pages_sharing", O_RDONLY));
		must(read(fd, text, sizeof(text) - 1));
		close(fd);
	} while (atoi((char *)text) < (int)n - 4 && now_ms() < end);
	note("%d pages share", atoi((char *)text));
	for (i = 0; i < n; i++)
		expect_eq(agent_read(vm, SLOT_GPA + i * SZ_4K), MARK);
	for (i = 0; i < n; i += 2)
		agent_write(vm, SLOT_GPA + i * SZ_4K, MARK + i);
	for (i = 0; i < n; i++)
		expect_eq(*(uint64_t *)(host + i * SZ_4K), i % 2 ? MARK : MARK + i);
	write_file("/sys/kernel/mm/ksm/run", "2");
	for (i = 0; i < n; i++)
		expect_eq(agent_read(vm, SLOT_GPA + i * SZ_4K), i % 2 ? MARK : MARK + i);
	write_file("/sys/kernel/mm/ksm/run", "0");
}

/* ---- aged and paged out ---------------------------------------------------------------------- */

/* Pages of a file that the kernel drops and reads again, in a slot as read-only as they are. */
TEST(file_paged_out)
{
	struct vm *vm = agent_vm(0);
	int fd = must(open("/proc/self/exe", O_RDONLY)), round;
	const uint64_t size = 32 * SZ_4K;
	uint64_t *file = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0), i;

	expect(file != MAP_FAILED);
	must(vm_set_slot(vm->fd, 7, KVM_MEM_READONLY, SLOT_GPA, size, file));
	for (round = 0; round < 5; round++) {
		for (i = 0; i < size; i += SZ_4K)
			expect_eq(agent_read(vm, SLOT_GPA + i + 0x40), file[i / 8 + 8]);
		madvise(file, size, round % 2 ? MADV_COLD : MADV_PAGEOUT);
	}
	agent_expect_mmio(vm, AGENT_WRITE, SLOT_GPA, 1);
}

static uint64_t frame_of(void *p)
{
	int fd = must(open("/proc/self/pagemap", O_RDONLY));
	uint64_t entry = 0;

	expect_eq(pread(fd, &entry, 8, (uintptr_t)p / SZ_4K * 8), 8);
	close(fd);
	expect(entry >> 63);
	return entry & ((1UL << 55) - 1);
}

/* The kernel's own question whether a page was used finds the guest's use of it. */
TEST(guest_use_is_seen)
{
	struct vm *vm = agent_vm(0);
	uint64_t *host = vm_add_slot(vm, SLOT_GPA, SZ_64K, 0), frame, word, bit;
	int fd = open("/sys/kernel/mm/page_idle/bitmap", O_RDWR), round;

	if (fd < 0)
		skip("the kernel does not track idle pages");
	madvise(host, SZ_64K, MADV_NOHUGEPAGE);
	agent_write(vm, SLOT_GPA, MARK);
	must(madvise(host, SZ_4K, MADV_COLD));		/* onto the lists that are looked at */
	frame = frame_of(host);
	bit = 1UL << frame % 64;
	for (round = 0; round < 5; round++) {
		expect_eq(pwrite(fd, &bit, 8, frame / 64 * 8), 8);
		expect_eq(pread(fd, &word, 8, frame / 64 * 8), 8);
		if (!(word & bit))
			skip("the page is of a kind that cannot be idle");
		usleep(1000);
		expect_eq(pread(fd, &word, 8, frame / 64 * 8), 8);
		expect_eq(word & bit, bit);
		expect_eq(agent_read(vm, SLOT_GPA), MARK);
		expect_eq(pread(fd, &word, 8, frame / 64 * 8), 8);
		expect_eq(word & bit, 0);
	}
}

/* A swap area on a compressed RAM disk, when there is such a device: 1 or an end by skip(). */
static void swap_on_zram(void)
{
	struct {
		uint8_t boot[1024];
		uint32_t version, last_page, bad_pages, rest[764 - 3];
		uint8_t pad[4086 - 1024 - 764 * 4];
		char magic[10];
	} head = { .version = 1, .last_page = 32 * 256 - 1, .magic = "SWAPSPACE2" };
	int fd;

	if (write_file("/sys/block/zram0/disksize", "32M") < 0 &&
	    access("/sys/block/zram0", F_OK))
		skip("there is no zram device for swap space");
	fd = must(open("/dev/zram0", O_RDWR));
	expect_eq(write(fd, &head, sizeof(head)), SZ_4K);
	must(fsync(fd));
	close(fd);
	if (swapon("/dev/zram0", 0) < 0 && errno != EBUSY)
		fail("swapon: %s", strerror(errno));
}

#define BEATS	10

static uint64_t beats, allowed;

static void guest_beats(void)
{
	uint64_t i, n;

	for (n = 1; n <= BEATS; n++) {
		while (GUEST_ONCE(allowed) < n)
			asm volatile("pause");
		for (i = 0; i < SZ_2M; i += SZ_4K) {
			guest_expect_eq(read64(SLOT_GPA + i), n - 1);
			write64(SLOT_GPA + i, n);
		}
		GUEST_ONCE(beats) = n;
	}
}

/*
 * Swapped out again and again while the guest counts in each page. The kernel leaves what was used
 * since it last looked, and may find little to take meanwhile; so the guest rests after each beat
 * until some of it is in swap.
 */
TEST_LIMIT(swapped_out, 60)
{
	struct vm *vm = vm_start(guest_beats);
	uint8_t *host = aligned_memory(SZ_2M, SZ_2M);
	uint64_t swapped, most = 0, n, i;
	int looks, rounds = 0;

	swap_on_zram();
	must(vm_set_slot(vm->fd, 7, 0, SLOT_GPA, SZ_2M, host));
	vcpu_run_async(&vm->vcpu[0]);
	for (n = 1; n <= BEATS; n++) {
		*(volatile uint64_t *)in_guest(vm, &allowed) = n;
		while (*(volatile uint64_t *)in_guest(vm, &beats) < n) {
			must(madvise(host, SZ_2M, MADV_PAGEOUT));
			usleep(3000);
			rounds++;
		}
		for (looks = 0, swapped = 0; !swapped && looks < 20; looks++) {
			must(madvise(host, SZ_2M, MADV_PAGEOUT));
			swapped = smaps_bytes(host, "Swap");
		}
		expect_ge(swapped, SZ_4K);
		most = swapped > most ? swapped : most;
	}
	vcpu_join(&vm->vcpu[0]);
	note("%d rounds beside the guest, up to %llu pages in swap", rounds,
	     (unsigned long long)most / SZ_4K);
	for (i = 0; i < SZ_2M; i += SZ_4K)
		expect_eq(*(uint64_t *)(host + i), BEATS);
	must(swapoff("/dev/zram0"));
}
