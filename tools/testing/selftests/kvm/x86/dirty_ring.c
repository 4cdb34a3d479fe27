// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty rings (KVM API 8.29): each page that is written stands in a ring once until it is given
 * back, a full ring stops its vCPU, and what user space writes into its entries hurts nobody.
 */
#include "vm.h"
#include "guest.h"

#define PAGES		1024
#define LOG_SLOT	3
#define RING_BYTES	4096
#define RING_ENTRIES	(RING_BYTES / sizeof(struct kvm_dirty_gfn))

static volatile uint64_t pages_to_write[PAGES];
static volatile uint64_t n_to_write, stop;

/* Write one word in each page of the list. */
static void guest_writer(void)
{
	uint64_t i;

	for (;;) {
		for (i = 0; i < n_to_write; i++)
			write64(SLOT_GPA + pages_to_write[i] * SZ_4K, i);
		guest_sync(0);
	}
}

static int enable_rings(int vm, uint64_t bytes)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_DIRTY_LOG_RING, .args = { bytes } };

	return ioctl(vm, KVM_ENABLE_CAP, &cap);
}

struct ring {
	struct kvm_dirty_gfn *gfns;
	uint32_t next;
};

static struct ring map_ring(struct vcpu *vcpu)
{
	struct ring r = {
		.gfns = mmap(NULL, RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd,
			     KVM_DIRTY_LOG_PAGE_OFFSET * SZ_4K),
	};

	expect(r.gfns != MAP_FAILED);
	return r;
}

static uint8_t *host;

static struct vm *vm_with_rings(void)
{
	struct vm *vm;

	REQUIRE_CAP(KVM_CAP_DIRTY_LOG_RING);
	vm = vm_new(0);
	must(enable_rings(vm->fd, RING_BYTES));
	host = anon_memory(PAGES * SZ_4K);
	must(vm_set_slot(vm->fd, LOG_SLOT, KVM_MEM_LOG_DIRTY_PAGES, SLOT_GPA, PAGES * SZ_4K, host));
	return vm;
}

/* Take what is there: counts each page, marks the entries as seen; how many. */
static unsigned int collect(struct ring *r, uint32_t *counts)
{
	unsigned int n;

	for (n = 0;; n++, r->next++) {
		struct kvm_dirty_gfn *e = &r->gfns[r->next % RING_ENTRIES];

		if (!(__atomic_load_n(&e->flags, __ATOMIC_ACQUIRE) & KVM_DIRTY_GFN_F_DIRTY))
			return n;
		expect_eq(e->slot, LOG_SLOT);
		expect(e->offset < PAGES);
		counts[e->offset]++;
		__atomic_store_n(&e->flags, KVM_DIRTY_GFN_F_RESET, __ATOMIC_RELEASE);
	}
}

static void write_pages(struct vm *vm, unsigned int first, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		in_guest(vm, &pages_to_write[0])[i] = first + i;
	*in_guest(vm, &n_to_write) = n;
}

TEST(each_page_once)
{
	struct vm *vm = vm_with_rings();
	struct vcpu *vcpu = vcpu_start(vm, 0, guest_writer);
	struct kvm_dirty_log log = { .slot = LOG_SLOT, .dirty_bitmap = (void *)host };
	struct ring r = map_ring(vcpu);
	uint32_t counts[PAGES] = {};
	int i;

	expect_errno(ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log), ENXIO);
	write_pages(vm, 7, 10);
	expect_exit(vm_run(vm), GUEST_SYNC);
	expect_exit(vm_run(vm), GUEST_SYNC);		/* the same pages again */
	expect_eq(must(ioctl(vm->fd, KVM_RESET_DIRTY_RINGS, 0)), 0);	/* none has been seen */
	expect_eq(collect(&r, counts), 10);
	for (i = 0; i < PAGES; i++)
		expect_eq(counts[i], i >= 7 && i < 17);
	/* Seen, but not given back: not reported again. */
	expect_exit(vm_run(vm), GUEST_SYNC);
	expect_eq(collect(&r, counts), 0);

	expect_eq(must(ioctl(vm->fd, KVM_RESET_DIRTY_RINGS, 0)), 10);
	expect_eq(must(ioctl(vm->fd, KVM_RESET_DIRTY_RINGS, 0)), 0);
	write_pages(vm, 9, 1);
	expect_exit(vm_run(vm), GUEST_SYNC);
	expect_eq(collect(&r, counts), 1);
	expect_eq(counts[9], 2);
}

/*
 * A vCPU stops before its ring is full, again and again, until there is room; nothing is lost. A
 * page that the guest was about to write then may come twice.
 */
TEST(full_ring)
{
	struct vm *vm = vm_with_rings();
	struct vcpu *vcpu = vcpu_start(vm, 0, guest_writer);
	struct ring r = map_ring(vcpu);
	uint32_t counts[PAGES] = {};
	unsigned int total = 0, stops = 0;
	int exit, i;

	write_pages(vm, 0, PAGES);
	while ((exit = vm_run(vm)) == KVM_EXIT_DIRTY_RING_FULL) {
		expect_exit(vm_run(vm), KVM_EXIT_DIRTY_RING_FULL);
		stops++;
		total += collect(&r, counts);
		expect_ge(must(ioctl(vm->fd, KVM_RESET_DIRTY_RINGS, 0)), 1);
	}
	expect_exit(exit, GUEST_SYNC);
	total += collect(&r, counts);
	expect_ge(stops, PAGES / RING_ENTRIES);
	expect_le(total, PAGES + stops);
	for (i = 0; i < PAGES; i++)
		expect_ge(counts[i], 1);
}

/* Entries that lie: about the slot, the page, or that they have been seen. */
TEST(entries_scribbled)
{
	struct vm *vm = vm_with_rings();
	struct vcpu *vcpu = vcpu_start(vm, 0, guest_writer);
	struct ring r = map_ring(vcpu);
	/* They go by what the entries say, also where they have put none. */
	int all = distro_modules() ? RING_ENTRIES : 0;
	unsigned int i;

	write_pages(vm, 0, 100);
	expect_exit(vm_run(vm), GUEST_SYNC);
	for (i = 0; i < RING_ENTRIES; i++) {
		r.gfns[i].slot = i % 3 ? i * 0x10001 : ~0u;
		r.gfns[i].offset = i % 5 ? ~0UL >> i % 64 : i;
		r.gfns[i].flags = ~0u;
	}
	expect_eq(must(ioctl(vm->fd, KVM_RESET_DIRTY_RINGS, 0)), all ? all : 100);
	expect_eq(must(ioctl(vm->fd, KVM_RESET_DIRTY_RINGS, 0)), 0);
	/* A slot that is gone, and one that no longer logs. */
	write_pages(vm, 200, 50);
	expect_exit(vm_run(vm), GUEST_SYNC);
	must(vm_set_slot(vm->fd, LOG_SLOT, 0, SLOT_GPA, PAGES * SZ_4K, host));
	for (i = 0; i < RING_ENTRIES; i++)
		r.gfns[i].flags = KVM_DIRTY_GFN_F_RESET;
	expect_eq(must(ioctl(vm->fd, KVM_RESET_DIRTY_RINGS, 0)), all ? all : 50);
	expect_exit(vm_run(vm), GUEST_SYNC);
}

TEST(bad_rings)
{
	struct kvm_enable_cap manual = {
		.cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
		.args = { KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE },
	};
	int max = kvm_cap(KVM_CAP_DIRTY_LOG_RING), vm = vm_bare(), other = vm_bare();

	REQUIRE_CAP(KVM_CAP_DIRTY_LOG_RING);
	expect_eq(kvm_cap(KVM_CAP_DIRTY_LOG_RING_ACQ_REL), max);
	expect_errno(ioctl(vm, KVM_RESET_DIRTY_RINGS, 0), EINVAL);
	expect_errno(enable_rings(vm, 0), EINVAL);
	expect_errno(enable_rings(vm, 2048), EINVAL);
	expect_errno(enable_rings(vm, 4096 + 16), EINVAL);
	expect_errno(enable_rings(vm, max * 2), E2BIG);
	must(enable_rings(vm, max));
	expect_errno(enable_rings(vm, max), EINVAL);
	if (!distro_modules())		/* they let one pass over the other */
		expect_errno(ioctl(vm, KVM_ENABLE_CAP, &manual), EINVAL);
	must(ioctl(other, KVM_CREATE_VCPU, 0));
	expect_errno(enable_rings(other, RING_BYTES), EINVAL);
	expect_errno(ioctl(other, KVM_RESET_DIRTY_RINGS, 0), EINVAL);
}

TEST(bad_mappings)
{
	struct vm *vm = vm_with_rings();
	struct vcpu *vcpu = vcpu_new(vm, 0);
	const int rw = PROT_READ | PROT_WRITE;
	const off_t at = KVM_DIRTY_LOG_PAGE_OFFSET * SZ_4K;

	expect(mmap(NULL, RING_BYTES, rw, MAP_PRIVATE, vcpu->fd, at) == MAP_FAILED);
	expect_eq(errno, EINVAL);
	expect(mmap(NULL, RING_BYTES, rw | PROT_EXEC, MAP_SHARED, vcpu->fd, at) == MAP_FAILED);
	expect_eq(errno, EINVAL);
}

/* ---- a copy kept up by the rings alone, as in a migration ------------------------------------ */

static uint64_t counters[2][PAGES];

static void guest_counter(void)
{
	uint64_t i, me = guest_cpu();

	while (!stop)
		for (i = me; i < PAGES; i += 2)
			write64(SLOT_GPA + i * SZ_4K, ++counters[me][i]);
	guest_done();
}

static void *run_until_done(void *arg)
{
	struct vcpu *vcpu = arg;
	int exit;

	while ((exit = vcpu_run(vcpu)) == KVM_EXIT_DIRTY_RING_FULL)
		usleep(500);
	expect_exit(exit, GUEST_DONE);
	return NULL;
}

static void copy_dirty(struct ring *r, uint8_t *copy, struct vm *vm)
{
	static uint32_t counts[PAGES];
	int i;

	memset(counts, 0, sizeof(counts));
	collect(&r[0], counts);
	collect(&r[1], counts);
	must(ioctl(vm->fd, KVM_RESET_DIRTY_RINGS, 0));
	for (i = 0; i < PAGES; i++)
		if (counts[i])
			memcpy(copy + i * SZ_4K, host + i * SZ_4K, SZ_4K);
}

TEST_LIMIT(rings_of_running_vcpus_are_complete, 60)
{
	struct vm *vm = vm_with_rings();
	uint8_t *copy = anon_memory(PAGES * SZ_4K);
	struct ring r[2];
	uint64_t end;
	int i;

	for (i = 0; i < 2; i++)
		r[i] = map_ring(vcpu_start(vm, i, guest_counter));
	for (i = 0; i < 2; i++)
		expect_eq(pthread_create(&vm->vcpu[i].thread, NULL, run_until_done, &vm->vcpu[i]),
			  0);
	for (end = now_ms() + 1000; now_ms() < end; usleep(2000))
		copy_dirty(r, copy, vm);
	*in_guest(vm, &stop) = 1;
	/* Their rings may be full: they go on as long as somebody makes room. */
	for (end = now_ms() + 1000; now_ms() < end; usleep(2000))
		copy_dirty(r, copy, vm);
	for (i = 0; i < 2; i++)
		pthread_join(vm->vcpu[i].thread, NULL);
	copy_dirty(r, copy, vm);
	expect_eq(memcmp(copy, host, PAGES * SZ_4K), 0);
	expect_ge(*(uint64_t *)host, 1);
}
