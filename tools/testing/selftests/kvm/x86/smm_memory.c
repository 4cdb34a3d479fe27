// SPDX-License-Identifier: GPL-2.0-only
/*
 * System management mode: memory that is seen there only, and the dirty logs of two address spaces.
 */
#include "smm.h"

/*
 * Memory.
 */

TEST(smram_is_seen_in_smm_only)
{
	struct vm *vm = vm_start(guest_peeks);
	uint8_t *below = vm_add_slot(vm, SMRAM_GPA, SZ_64K, 0);
	struct vcpu *vcpu = &vm->vcpu[0];
	int i;

	add_smram(vm, peeking_handler, sizeof(peeking_handler), 0);
	move_smbase(vcpu);
	for (i = 0; i < 50; i++) {
		below[0x10] = i;
		smram[0x10] = 0x80 + i;
		run_to(vcpu, OUTSIDE);
		if (i)
			run_to(vcpu, OUTSIDE);	/* the first was read before the change */
		expect_eq(out_byte(vcpu), i);
		send_smi(vcpu);
		run_to(vcpu, INSIDE);
		expect_eq(out_byte(vcpu), 0x80 + i);
		run_to(vcpu, OUTSIDE);
		expect_eq(out_byte(vcpu), i);
		expect_eq(below[0x10], i);
		expect_eq(smram[0x10], 0x77);
	}
}

/* In address space 0 there is nothing at all: MMIO. */
TEST(smram_is_nothing_outside)
{
	struct vm *vm = vm_start(guest_peeks);

	add_smram(vm, peeking_handler, sizeof(peeking_handler), 0);
	expect_exit(vm_run(vm), KVM_EXIT_MMIO);
	expect_eq(vm->run->mmio.phys_addr, SMRAM_GPA + 0x10);
	expect_eq(vm->run->flags & KVM_RUN_X86_SMM, 0);
}

/* A device where the handler looks: the exit says that it comes from SMM. */
TEST(mmio_in_smm)
{
	/* mov 0xd0000000, %al; out %al, $INSIDE; rsm */
	static const uint8_t handler[] = {
		0x67, 0xa0, 0, 0, 0, 0xd0, 0xe6, INSIDE, 0x0f, 0xaa,
	};
	struct vm *vm = vm_start(guest_outside);
	struct vcpu *vcpu = &vm->vcpu[0];

	add_smram(vm, handler, sizeof(handler), 0);
	move_smbase(vcpu);
	run_to(vcpu, OUTSIDE);
	send_smi(vcpu);
	expect_exit(vcpu_run(vcpu), KVM_EXIT_MMIO);
	expect_eq(vcpu->run->mmio.phys_addr, HOLE_GPA);
	expect_eq(vcpu->run->flags & KVM_RUN_X86_SMM, KVM_RUN_X86_SMM);
	vcpu->run->mmio.data[0] = 0x3c;
	run_to(vcpu, INSIDE);
	expect_eq(out_byte(vcpu), 0x3c);
	expect_exit(vcpu_run(vcpu), GUEST_DONE);
	expect_eq(vcpu->run->flags & KVM_RUN_X86_SMM, 0);
}

/* Slots of the two spaces are each other's strangers, also when they have a number in common. */
TEST(slots_by_address_space)
{
	struct vm *vm = vm_new(0);
	uint8_t *a = anon_memory(SZ_64K);

	REQUIRE_CAP(KVM_CAP_X86_SMM);
	must(vm_set_slot(vm->fd, 5, 0, SLOT_GPA, SZ_64K, a));
	must(vm_set_slot(vm->fd, 1 << 16 | 5, 0, SLOT_GPA, SZ_64K, a));
	expect_errno(vm_set_slot(vm->fd, 1 << 16 | 6, 0, SLOT_GPA, SZ_4K, a), EEXIST);
	expect_errno(vm_set_slot(vm->fd, 2 << 16 | 6, 0, SLOT_GPA + SZ_2M, SZ_4K, a), EINVAL);
	must(vm_set_slot(vm->fd, 5, 0, SLOT_GPA, 0, a));
	expect_errno(vm_set_slot(vm->fd, 5, 0, SLOT_GPA, 0, a), EINVAL);
	must(vm_set_slot(vm->fd, 1 << 16 | 5, 0, SLOT_GPA, 0, a));
}

/*
 * Nobody writes to the handler itself; but the distribution's KVM maps it for writing when it is
 * fetched, and counts it as written.
 */
#define HANDLER_PAGE	(1UL << (HANDLER / SZ_4K))

static uint64_t dirty_pages(struct vm *vm, uint32_t slot)
{
	uint64_t bits[64] = { 0 };
	struct kvm_dirty_log log = { .slot = slot, .dirty_bitmap = bits };

	must(ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log));
	return bits[0] & ~HANDLER_PAGE;
}

static void guest_dirties(void)
{
	for (;;) {
		write8(SMRAM_GPA + 2 * SZ_4K, 1);
		guest_outside();
	}
}

/*
 * The byte at 10h is written by the handler, the map by the processor: pages 0 and 15 of SMRAM. The
 * guest writes page 2 of what lies at the same address.
 */
static void log_both(uint32_t manual)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2, .args = { manual },
	};
	struct vm *vm = vm_start(guest_dirties);
	struct vcpu *vcpu = &vm->vcpu[0];
	uint64_t all[4] = { ~0UL, ~0UL, ~0UL, ~0UL };
	struct kvm_clear_dirty_log clear = { .slot = SMRAM_SLOT, .num_pages = 64,
					     .dirty_bitmap = all };
	int i;

	must(ioctl(vm->fd, KVM_ENABLE_CAP, &cap));
	add_smram(vm, peeking_handler, sizeof(peeking_handler), KVM_MEM_LOG_DIRTY_PAGES);
	must(vm_set_slot(vm->fd, 1, KVM_MEM_LOG_DIRTY_PAGES, SMRAM_GPA, SMRAM_SIZE,
			 anon_memory(SMRAM_SIZE)));
	move_smbase(vcpu);
	for (i = 0; i < 3; i++) {
		run_to(vcpu, OUTSIDE);
		expect_eq(dirty_pages(vm, 1), 1 << 2);
		expect_eq(dirty_pages(vm, SMRAM_SLOT), 0);
		if (manual) {
			clear.slot = 1;
			must(ioctl(vm->fd, KVM_CLEAR_DIRTY_LOG, &clear));
			clear.slot = SMRAM_SLOT;
		}
		send_smi(vcpu);
		run_to(vcpu, INSIDE);
		expect_eq(dirty_pages(vm, SMRAM_SLOT), 1 << 15);
		run_to(vcpu, OUTSIDE);
		expect_eq(dirty_pages(vm, SMRAM_SLOT), manual ? 1 << 15 | 1 : 1);
		if (manual) {
			expect_eq(dirty_pages(vm, SMRAM_SLOT), 1 << 15 | 1);
			must(ioctl(vm->fd, KVM_CLEAR_DIRTY_LOG, &clear));
			clear.slot = 1;
			must(ioctl(vm->fd, KVM_CLEAR_DIRTY_LOG, &clear));
			clear.slot = SMRAM_SLOT;
		} else {
			dirty_pages(vm, 1);
		}
		expect_eq(dirty_pages(vm, SMRAM_SLOT), 0);
	}
	clear.slot = 2 << 16;
	expect_errno(ioctl(vm->fd, KVM_CLEAR_DIRTY_LOG, &clear), EINVAL);
}

TEST(dirty_logs)
{
	log_both(0);
}

TEST(dirty_logs_cleared_by_hand)
{
	log_both(KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE);
}

TEST(dirty_ring)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_DIRTY_LOG_RING, .args = { SZ_4K } };
	struct kvm_dirty_gfn *ring;
	struct vm *vm;
	struct vcpu *vcpu;
	unsigned int i, n = 0;
	static const struct {
		uint32_t slot, page;
	} pages[] = { { 1, 2 }, { SMRAM_SLOT, 15 }, { SMRAM_SLOT, 0 } };

	REQUIRE_CAP(KVM_CAP_DIRTY_LOG_RING);
	vm = vm_new(0);
	must(ioctl(vm->fd, KVM_ENABLE_CAP, &cap));
	vcpu = vcpu_start(vm, 0, guest_dirties);
	ring = mmap(NULL, SZ_4K, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd,
		    KVM_DIRTY_LOG_PAGE_OFFSET * SZ_4K);
	expect(ring != MAP_FAILED);
	add_smram(vm, peeking_handler, sizeof(peeking_handler), KVM_MEM_LOG_DIRTY_PAGES);
	must(vm_set_slot(vm->fd, 1, KVM_MEM_LOG_DIRTY_PAGES, SMRAM_GPA, SMRAM_SIZE,
			 anon_memory(SMRAM_SIZE)));
	move_smbase(vcpu);
	run_to(vcpu, OUTSIDE);
	send_smi(vcpu);
	run_to(vcpu, INSIDE);
	run_to(vcpu, OUTSIDE);
	for (i = 0; ring[i].flags & KVM_DIRTY_GFN_F_DIRTY; i++) {
		ring[i].flags = KVM_DIRTY_GFN_F_RESET;
		if (1UL << ring[i].offset == HANDLER_PAGE)
			continue;
		expect(n < ARRAY_SIZE(pages));
		expect_eq(ring[i].slot, pages[n].slot);
		expect_eq(ring[i].offset, pages[n].page);
		n++;
	}
	expect_eq(n, ARRAY_SIZE(pages));
	expect_eq(ioctl(vm->fd, KVM_RESET_DIRTY_RINGS, 0), i);
}
