// SPDX-License-Identifier: GPL-2.0-only
/*
 * Setting up an x86 guest: the program's image in low memory, descriptor tables, page tables, vCPU
 * state.
 *
 * Page tables map the first 4 GiB one to one with 2 MiB pages, user accessible; vm_map() splits one
 * where a test wants something finer. SMEP and SMAP stay off, so user pages do the supervisor no
 * harm.
 */
#include <elf.h>
#include <sys/auxv.h>

#include "vm.h"
#include "guest.h"

#define STACK_SIZE	SZ_64K

#define CR0_PE		(1UL << 0)
#define CR0_MP		(1UL << 1)
#define CR0_NE		(1UL << 5)
#define CR0_WP		(1UL << 16)
#define CR0_PG		(1UL << 31)
#define CR4_PAE		(1UL << 5)
#define CR4_OSFXSR	(1UL << 9)
#define CR4_OSXMMEXCPT	(1UL << 10)
#define EFER_LME	(1UL << 8)
#define EFER_LMA	(1UL << 10)
#define EFER_NXE	(1UL << 11)

#define GDT_ENTRIES	(SEL_TSS / 8 + 2 * MAX_VCPUS)

static uint64_t guest_gdt[GDT_ENTRIES];
uint64_t guest_idt[256][2];
static uint32_t guest_tss[MAX_VCPUS][32];
uint64_t guest_pml4[512] __attribute__((aligned(4096)));
static uint64_t guest_pdpt[512] __attribute__((aligned(4096)));
static uint64_t guest_pd[4][512] __attribute__((aligned(4096)));
static uint8_t guest_stack[MAX_VCPUS][STACK_SIZE] __attribute__((aligned(4096)));

extern const char guest_trap_stubs[];

static void copy_image(struct vm *vm)
{
	const Elf64_Phdr *ph = (void *)getauxval(AT_PHDR);
	unsigned long n = getauxval(AT_PHNUM);

	for (; n; n--, ph++) {
		if (ph->p_type != PT_LOAD)
			continue;
		expect_le(ph->p_vaddr + ph->p_memsz, TABLE_HEAP_GPA);
		memcpy(vm->mem + ph->p_vaddr, (void *)ph->p_vaddr, ph->p_memsz);
	}
}

static void fill_gdt(struct vm *vm)
{
	uint64_t *gdt = (uint64_t *)in_guest(vm, &guest_gdt[0]);
	unsigned int i;

	gdt[SEL_CODE / 8] = 0x00af9b000000ffff;
	gdt[SEL_DATA / 8] = 0x00cf93000000ffff;
	gdt[SEL_USER_CODE / 8] = 0x00affb000000ffff;
	gdt[SEL_USER_DATA / 8] = 0x00cff3000000ffff;
	for (i = 0; i < MAX_VCPUS; i++) {
		uint64_t base = (uintptr_t)guest_tss[i];
		uint64_t *stack = (uint64_t *)in_guest(vm, &guest_tss[i][1]);

		gdt[SEL_TSS / 8 + 2 * i] = 0x0000890000000067 | (base & 0xffffff) << 16 |
					   (base >> 24 & 0xff) << 56;
		gdt[SEL_TSS / 8 + 2 * i + 1] = base >> 32;
		/* RSP0, for traps out of ring 3: the middle of this vCPU's stack. */
		*stack = (uintptr_t)guest_stack[i] + STACK_SIZE / 2;
	}
}

static void fill_idt(struct vm *vm)
{
	unsigned int v;

	for (v = 0; v < 256; v++) {
		uint64_t entry = (uintptr_t)guest_trap_stubs + 16 * v;
		uint64_t *gate = in_guest(vm, &guest_idt[v][0]);

		gate[0] = (entry & 0xffff) | SEL_CODE << 16 | 0x8e00UL << 32 |
			  (entry >> 16 & 0xffff) << 48;
		gate[1] = entry >> 32;
	}
}

static void fill_page_tables(struct vm *vm)
{
	const uint64_t table = PTE_P | PTE_W | PTE_U;
	unsigned int i, j;

	*in_guest(vm, &guest_pml4[0]) = (uintptr_t)guest_pdpt | table;
	for (i = 0; i < 4; i++) {
		*in_guest(vm, &guest_pdpt[i]) = (uintptr_t)guest_pd[i] | table;
		for (j = 0; j < 512; j++)
			*in_guest(vm, &guest_pd[i][j]) = (i * SZ_1G + j * SZ_2M) | table | PTE_PS;
	}
}

/* The table below *@entry at the next level, made or split off a large page when there is none. */
static uint64_t *next_table(struct vm *vm, uint64_t *entry)
{
	const uint64_t addr_mask = 0x000ffffffffff000;
	uint64_t *table;
	unsigned int i;

	if ((*entry & PTE_P) && !(*entry & PTE_PS))
		return (uint64_t *)(vm->mem + (*entry & addr_mask));
	expect_le(vm->table_heap + SZ_4K, LOW_MEM_SIZE);
	table = (uint64_t *)(vm->mem + vm->table_heap);
	for (i = 0; i < 512 && (*entry & PTE_P); i++)
		table[i] = (*entry & ~PTE_PS) + i * SZ_4K;
	*entry = vm->table_heap | PTE_P | PTE_W | PTE_U;
	vm->table_heap += SZ_4K;
	return table;
}

uint64_t *vm_pte(struct vm *vm, uint64_t va)
{
	uint64_t *table = (uint64_t *)in_guest(vm, &guest_pml4[0]);
	int shift;

	for (shift = 39; shift > 12; shift -= 9)
		table = next_table(vm, &table[va >> shift & 511]);
	return &table[va >> 12 & 511];
}

void vm_map(struct vm *vm, uint64_t va, uint64_t gpa, uint64_t flags)
{
	*vm_pte(vm, va) = gpa | flags;
}

struct vm *vm_new(unsigned int options)
{
	struct vm *vm = calloc(1, sizeof(*vm));
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };	/* port 0x61 too */
	struct kvm_enable_cap split = { .cap = KVM_CAP_SPLIT_IRQCHIP, .args = { 24 } };

	expect(vm);
	vm->options = options;
	vm->fd = vm_bare();
	vm->mem = anon_memory(LOW_MEM_SIZE);
	vm->table_heap = TABLE_HEAP_GPA;
	must(vm_set_slot(vm->fd, vm->next_slot++, 0, 0, LOW_MEM_SIZE, vm->mem));
	copy_image(vm);
	fill_gdt(vm);
	fill_idt(vm);
	fill_page_tables(vm);
	if (options & VM_IRQCHIP)
		must(ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0));
	if (options & VM_PIT)
		must(ioctl(vm->fd, KVM_CREATE_PIT2, &pit));
	if (options & VM_SPLIT)
		must(ioctl(vm->fd, KVM_ENABLE_CAP, &split));
	return vm;
}

static struct kvm_segment flat_segment(uint16_t selector, int code, int dpl)
{
	return (struct kvm_segment) {
		.selector = selector, .limit = 0xffffffff, .type = code ? 0xb : 3,
		.present = 1, .dpl = dpl, .s = 1, .l = code, .db = !code, .g = 1,
	};
}

/*
 * Where no interrupt can come but by KVM_INTERRUPT, they are on: Bochs never leaves a guest that
 * spins with interrupts off.
 */
static uint64_t first_rflags(const struct vm *vm)
{
	return vm->options & (VM_IRQCHIP | VM_SPLIT) ? 2 : 0x202;
}

void vcpu_set_long_mode(struct vcpu *vcpu, void (*guest)(void))
{
	unsigned int n = vcpu - vcpu->vm->vcpu;
	uint64_t sp = (uintptr_t)guest_stack[n] + STACK_SIZE - 8;
	struct kvm_sregs s = vcpu_sregs(vcpu);
	struct kvm_regs regs = {
		.rip = (uintptr_t)guest, .rsp = sp, .rflags = first_rflags(vcpu->vm),
	};

	s.cs = flat_segment(SEL_CODE, 1, 0);
	s.ds = s.es = s.fs = s.gs = s.ss = flat_segment(SEL_DATA, 0, 0);
	s.tr = (struct kvm_segment) {
		.base = (uintptr_t)guest_tss[n], .limit = 0x67, .selector = SEL_TSS + 16 * n,
		.type = 0xb, .present = 1,
	};
	s.ldt.unusable = 1;
	s.ldt.present = 0;
	s.gdt.base = (uintptr_t)guest_gdt;
	s.gdt.limit = sizeof(guest_gdt) - 1;
	s.idt.base = (uintptr_t)guest_idt;
	s.idt.limit = sizeof(guest_idt) - 1;
	s.cr0 = CR0_PE | CR0_MP | CR0_NE | CR0_WP | CR0_PG;
	s.cr3 = (uintptr_t)guest_pml4;
	s.cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT;
	s.efer = EFER_LME | EFER_LMA | EFER_NXE;
	must(ioctl(vcpu->fd, KVM_SET_SREGS, &s));
	*(uint64_t *)(vcpu->vm->mem + sp) = (uintptr_t)guest_return;
	vcpu_set_regs(vcpu, &regs);
}

void vcpu_set_real_mode(struct vcpu *vcpu, uint64_t ip)
{
	struct kvm_sregs s = vcpu_sregs(vcpu);
	struct kvm_regs regs = { .rip = ip, .rsp = 0xf000, .rflags = 2 };

	s.cs.base = 0;
	s.cs.selector = 0;
	must(ioctl(vcpu->fd, KVM_SET_SREGS, &s));
	vcpu_set_regs(vcpu, &regs);
}

/* Every vCPU may use all that KVM supports; its APIC id is its vCPU id. */
struct vcpu *vcpu_start(struct vm *vm, unsigned int id, void (*guest)(void))
{
	struct vcpu *vcpu = vcpu_new(vm, id);
	struct kvm_cpuid2 *cpuid = supported_cpuid();
	struct kvm_cpuid_entry2 *leaf = cpuid_find(cpuid, 1, 0);
	struct kvm_mp_state runnable = { .mp_state = KVM_MP_STATE_RUNNABLE };

	expect(leaf);
	leaf->ebx = (leaf->ebx & 0xffffff) | id << 24;
	must(ioctl(vcpu->fd, KVM_SET_CPUID2, cpuid));
	free(cpuid);
	vcpu_set_long_mode(vcpu, guest);
	must(ioctl(vcpu->fd, KVM_SET_MP_STATE, &runnable));
	return vcpu;
}

struct vm *vm_start_with(unsigned int options, void (*guest)(void))
{
	struct vm *vm = vm_new(options);

	vcpu_start(vm, 0, guest);
	return vm;
}

struct vm *vm_start(void (*guest)(void))
{
	return vm_start_with(0, guest);
}

struct vm *vm_start_real(const void *code, const void *end)
{
	struct vm *vm = vm_new(0);

	memcpy(vm->mem + REAL_CODE_GPA, code, (const char *)end - (const char *)code);
	vcpu_set_real_mode(vcpu_new(vm, 0), REAL_CODE_GPA);
	return vm;
}

struct kvm_cpuid2 *supported_cpuid(void)
{
	const unsigned int max = 256;
	struct kvm_cpuid2 *list = calloc(1, sizeof(*list) + max * sizeof(list->entries[0]));
	int kvm = kvm_open();

	expect(list);
	list->nent = max;
	must(ioctl(kvm, KVM_GET_SUPPORTED_CPUID, list));
	close(kvm);
	return list;
}

struct kvm_cpuid_entry2 *cpuid_find(struct kvm_cpuid2 *list, uint32_t leaf, uint32_t index)
{
	struct kvm_cpuid_entry2 *e;

	for (e = list->entries; e < list->entries + list->nent; e++)
		if (e->function == leaf &&
		    (!(e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) || e->index == index))
			return e;
	return NULL;
}

int is_amd(void)
{
	struct kvm_cpuid2 *cpuid = supported_cpuid();
	struct kvm_cpuid_entry2 *leaf = cpuid_find(cpuid, 0, 0);
	int amd = leaf && leaf->ebx == 0x68747541;	/* "Auth"enticAMD */

	free(cpuid);
	return amd;
}

int is_unrestricted(void)
{
	FILE *f = fopen("/sys/module/kvm_intel/parameters/unrestricted_guest", "r");
	int c = f ? fgetc(f) : 'Y';

	if (f)
		fclose(f);
	return c == 'Y';
}

struct one_msr {
	struct kvm_msrs head;
	struct kvm_msr_entry entry;
};

int vcpu_get_msr(struct vcpu *vcpu, uint32_t index, uint64_t *value)
{
	struct one_msr msr = { .head.nmsrs = 1, .entry.index = index };
	int n = must(ioctl(vcpu->fd, KVM_GET_MSRS, &msr));

	*value = msr.entry.data;
	return n;
}

int vcpu_set_msr(struct vcpu *vcpu, uint32_t index, uint64_t value)
{
	struct one_msr msr = { .head.nmsrs = 1, .entry = { .index = index, .data = value } };

	return must(ioctl(vcpu->fd, KVM_SET_MSRS, &msr));
}
