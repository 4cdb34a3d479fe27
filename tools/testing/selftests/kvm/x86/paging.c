// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's own page tables, as KVM walks them when it must do so itself: for KVM_TRANSLATE and for
 * instructions that it emulates. Every paging mode that the CPU has, the pages' sizes, and the faults.
 */
#include "irq.h"

#define CR0_PE		(1UL << 0)
#define CR0_WP		(1UL << 16)
#define CR0_PG		(1UL << 31)
#define CR4_PSE		(1UL << 4)
#define CR4_PAE		(1UL << 5)
#define CR4_LA57	(1UL << 12)
#define EFER_LME	(1UL << 8)
#define EFER_LMA	(1UL << 10)
#define EFER_NXE	(1UL << 11)

/* Tables and targets in low memory, away from the program's image. */
#define T0		0x900000UL
#define T1		0x901000UL
#define T2		0x902000UL
#define T3		0x903000UL
#define T4		0x904000UL
#define PAGE		0xa00000UL

static void nothing(void)
{
}

static void set_entry64(struct vm *vm, uint64_t table, unsigned int i, uint64_t entry)
{
	((uint64_t *)(vm->mem + table))[i] = entry;
}

static void set_entry32(struct vm *vm, uint64_t table, unsigned int i, uint32_t entry)
{
	((uint32_t *)(vm->mem + table))[i] = entry;
}

static struct kvm_translation translate(struct vm *vm, uint64_t linear)
{
	struct kvm_translation t = { .linear_address = linear };

	must(ioctl(vm->vcpu[0].fd, KVM_TRANSLATE, &t));
	return t;
}

static void expect_page(struct vm *vm, uint64_t linear, uint64_t gpa)
{
	struct kvm_translation t = translate(vm, linear);

	if (!t.valid || t.physical_address != gpa)
		fail("%#llx: valid %u, %#llx, expected %#llx", (unsigned long long)linear, t.valid,
		     t.physical_address, (unsigned long long)gpa);
}

static void expect_none(struct vm *vm, uint64_t linear)
{
	struct kvm_translation t = translate(vm, linear);

	if (t.valid)
		fail("%#llx is mapped to %#llx", (unsigned long long)linear, t.physical_address);
}

/* A protected mode of 32 bits with these bits of CR4, tables at T0. */
static void use_32bit_paging(struct vm *vm, uint64_t cr4)
{
	struct kvm_sregs s = vcpu_sregs(&vm->vcpu[0]);

	s.efer = 0;
	s.cr4 = cr4;
	s.cr3 = T0;
	s.cr0 = CR0_PE | CR0_PG | CR0_WP;
	s.cs.l = 0;
	s.cs.db = 1;
	must(ioctl(vm->vcpu[0].fd, KVM_SET_SREGS, &s));
}

TEST(real_mode_has_no_paging)
{
	struct vm *vm = vm_new(0);

	vcpu_set_real_mode(vcpu_new(vm, 0), 0);
	expect_page(vm, 0x12345, 0x12345);
	expect_page(vm, 0xfffffff0, 0xfffffff0);
}

TEST(two_levels)
{
	struct vm *vm = vm_start(nothing);

	set_entry32(vm, T0, 1, T1 | PTE_P | PTE_W);
	set_entry32(vm, T1, 5, PAGE | PTE_P);
	set_entry32(vm, T0, 2, 0x00c00000 | PTE_P | PTE_PS);
	set_entry32(vm, T0, 1023, T1 | PTE_P);
	use_32bit_paging(vm, CR4_PSE);
	expect_page(vm, 0x405123, PAGE + 0x123);
	expect_none(vm, 0x404123);
	expect_page(vm, 0x8abcde, 0xcabcde);		/* 4 MiB */
	expect_page(vm, 0xffc05008, PAGE + 8);
	expect_none(vm, 0xc00000);
	/* Bits 20:13 of a 4 MiB entry are bits 39:32 of its address. */
	set_entry32(vm, T0, 3, 0x00c00000 | 1 << 13 | PTE_P | PTE_PS);
	expect_page(vm, 0xc00010, 0x100c00010);
}

/* Without CR4.PSE, bit 7 of a directory entry means nothing. */
TEST(two_levels_without_pse)
{
	struct vm *vm = vm_start(nothing);

	set_entry32(vm, T0, 1, T1 | PTE_P | PTE_PS);
	set_entry32(vm, T1, 5, PAGE | PTE_P);
	use_32bit_paging(vm, 0);
	expect_page(vm, 0x405123, PAGE + 0x123);
}

TEST(three_levels)
{
	struct vm *vm = vm_start(nothing);

	set_entry64(vm, T0, 0, T1 | PTE_P);
	set_entry64(vm, T0, 3, T2 | PTE_P);
	set_entry64(vm, T1, 1, 0xc00000 | PTE_P | PTE_PS);
	set_entry64(vm, T2, 511, T3 | PTE_P);
	set_entry64(vm, T3, 511, PAGE | PTE_P);
	use_32bit_paging(vm, CR4_PAE);
	expect_page(vm, 0x212345, 0xc12345);		/* 2 MiB */
	expect_page(vm, 0xfffff678, PAGE + 0x678);
	expect_none(vm, 0x40000000);
	expect_none(vm, 0xffffe000);
}

static void four_level_tables(struct vm *vm)
{
	set_entry64(vm, T0, 0, T1 | PTE_P | PTE_W);
	set_entry64(vm, T0, 511, T1 | PTE_P | PTE_W);
	set_entry64(vm, T1, 0, T2 | PTE_P | PTE_W);
	set_entry64(vm, T1, 1, 0x40000000 | PTE_P | PTE_W | PTE_PS);
	set_entry64(vm, T2, 3, 0xc00000 | PTE_P | PTE_PS);
	set_entry64(vm, T2, 4, T3 | PTE_P);
	set_entry64(vm, T3, 7, PAGE | PTE_P | PTE_NX);
	set_entry64(vm, T3, 8, (PAGE | 1UL << 51) | PTE_P);
}

static void expect_four_levels(struct vm *vm)
{
	expect_page(vm, 0x612345, 0xc12345);			/* 2 MiB */
	expect_page(vm, 0x7fffffff, 0x7fffffff);		/* 1 GiB */
	expect_page(vm, 0x807abc, PAGE + 0xabc);
	expect_page(vm, 0xffffff8000807abc, PAGE + 0xabc);
	expect_none(vm, 0x806000);
	expect_none(vm, 0x808000);				/* a reserved bit */
	expect_none(vm, 0x80000000);
}

static void use_64bit_paging(struct vm *vm, uint64_t cr4)
{
	struct kvm_sregs s = vcpu_sregs(&vm->vcpu[0]);

	s.cr3 = T0;
	s.cr4 |= cr4;
	must(ioctl(vm->vcpu[0].fd, KVM_SET_SREGS, &s));
}

TEST(four_levels)
{
	struct vm *vm = vm_start(nothing);

	if (!(cpuid_find(supported_cpuid(), 0x80000001, 0)->edx & 1 << 26))
		skip("the CPU has no pages of 1 GiB");
	four_level_tables(vm);
	use_64bit_paging(vm, 0);
	expect_four_levels(vm);
}

TEST(five_levels)
{
	struct kvm_cpuid_entry2 *leaf = cpuid_find(supported_cpuid(), 7, 0);
	struct vm *vm = vm_start(nothing);
	struct kvm_sregs s;

	if (!leaf || !(leaf->ecx & 1 << 16))
		skip("KVM offers no 5-level paging");
	set_entry64(vm, T4, 0, T0 | PTE_P | PTE_W);
	set_entry64(vm, T4, 5, T0 | PTE_P | PTE_W);
	four_level_tables(vm);
	s = vcpu_sregs(&vm->vcpu[0]);
	s.cr3 = T4;
	s.cr4 |= CR4_LA57;
	must(ioctl(vm->vcpu[0].fd, KVM_SET_SREGS, &s));
	expect_page(vm, 0x612345, 0xc12345);
	expect_page(vm, 5UL << 48 | 0x807abc, PAGE + 0xabc);
	expect_none(vm, 6UL << 48 | 0x807abc);
}

/* ---- emulated accesses through the guest's tables -------------------------------------------- */

#define WINDOW		0xd0200000UL

/* MMIO through a small page, which the emulator marks accessed and dirty as a CPU does. */
static void guest_mmio_by_page(void)
{
	(void)read32(WINDOW);
	guest_sync(0);
	write32(WINDOW, 7);
	guest_sync(1);
	guest_expect_eq(guest_try("movl $1, (%0)", : : "r"(WINDOW + SZ_4K) : "memory"), VEC_PF);
	guest_expect_eq(guest_fault.error, 3);
	guest_expect_eq(guest_fault.cr2, WINDOW + SZ_4K);
}

TEST(accessed_and_dirty)
{
	struct vm *vm = vm_start(guest_mmio_by_page);

	vm_map(vm, WINDOW, HOLE_GPA, PTE_P | PTE_W);
	vm_map(vm, WINDOW + SZ_4K, HOLE_GPA, PTE_P);
	expect_exit(vm_run(vm), KVM_EXIT_MMIO);
	expect_eq(vm->run->mmio.phys_addr, HOLE_GPA);
	run_to_sync(vm, 0);
	expect_eq(*vm_pte(vm, WINDOW) & (PTE_A | PTE_D), PTE_A);
	expect_exit(vm_run(vm), KVM_EXIT_MMIO);
	run_to_sync(vm, 1);
	expect_eq(*vm_pte(vm, WINDOW) & (PTE_A | PTE_D), PTE_A | PTE_D);
	expect_exit(vm_run(vm), GUEST_DONE);
}

/*
 * Protected mode of 32 bits with two levels: a device's register read, changed and written, by way
 * of a mapping that is not one to one.
 */
REAL_CODE(paged_32bit,
	  "cli\n xorw %ax, %ax\n movw %ax, %ds\n"
	  "lgdtl (3f - paged_32bit + 0x1000)\n"
	  "movl $0x900000, %eax\n movl %eax, %cr3\n"
	  "movl $0x10, %eax\n movl %eax, %cr4\n"
	  "movl $0x80010011, %eax\n movl %eax, %cr0\n"
	  "ljmpl $8, $(1f - paged_32bit + 0x1000)\n"
	  ".code32\n 1: movw $16, %ax\n movw %ax, %ds\n"
	  "movl (0x80000010), %ebx\n addl $1, (0x80000014)\n movl %ebx, (0x200000)\n"
	  "hlt\n"
	  ".balign 8\n 2: .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff\n"
	  "3: .word 23\n .long (2b - paged_32bit + 0x1000)");

TEST(mmio_in_32bit_paging)
{
	struct vm *vm = vm_start_real(paged_32bit, paged_32bit_end);
	struct kvm_run *run = vm->run;

	set_entry32(vm, T0, 0, PTE_P | PTE_W | PTE_PS);			/* low 4 MiB, one to one */
	set_entry32(vm, T0, 0x200, T1 | PTE_P | PTE_W);
	set_entry32(vm, T1, 0, HOLE_GPA | PTE_P | PTE_W);
	expect_exit(vm_run(vm), KVM_EXIT_MMIO);
	expect_eq(run->mmio.phys_addr, HOLE_GPA + 0x10);
	*(uint32_t *)run->mmio.data = 0x1234;
	expect_exit(vm_run(vm), KVM_EXIT_MMIO);
	expect_eq(run->mmio.phys_addr, HOLE_GPA + 0x14);
	expect_eq(run->mmio.is_write, 0);
	*(uint32_t *)run->mmio.data = 41;
	expect_exit(vm_run(vm), KVM_EXIT_MMIO);
	expect_eq(run->mmio.is_write, 1);
	expect_eq(*(uint32_t *)run->mmio.data, 42);
	expect_exit(vm_run(vm), KVM_EXIT_HLT);
	expect_eq(*(uint32_t *)(vm->mem + 0x200000), 0x1234);
}
