// SPDX-License-Identifier: GPL-2.0-only
/*
 * The processors: what CPUID says of them, a few MSRs, and the registers the 64-bit entry wants.
 *
 * All of CPUID is KVM's own offer, but for what tells processors apart: each vCPU is a core of one
 * package, with an APIC id that is its number.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include "util.h"
#include "x86/machine.h"

#define MAX_CPUID_ENTRIES	256
#define MSR_MTRR_DEF_TYPE	0x2ff
#define MTRR_ENABLED_WB		0x806	/* SDM vol 3, 12.11.2.1 */

#define CPUID0_EBX_AMD		0x68747541	/* "Auth" */
#define CPUID1_ECX_X2APIC	BIT(21)
#define CPUID1_ECX_DEADLINE	BIT(24)
#define CPUID1_ECX_HYPERVISOR	BIT(31)
#define CPUID1_EDX_HTT		BIT(28)
#define CPUID81_ECX_CMP_LEGACY	BIT(1)

/* Selectors of the boot protocol, and the table they are in. */
#define BOOT_CS			0x10
#define BOOT_DS			0x18
#define GDT_ENTRIES		4

#define CR0_PE			BIT(0)
#define CR0_PG			BIT(31)
#define CR4_PAE			BIT(5)
#define EFER_LME		BIT(8)
#define EFER_LMA		BIT(10)
#define RFLAGS_ONE		BIT(1)

#define PTE_PRESENT_WRITE	0x3
#define PTE_LARGE		0x80
#define PAGE			0x1000
#define ENTRIES			512

static unsigned int bits_for(unsigned int n)
{
	unsigned int bits = 0;

	while (1U << bits < n)
		bits++;
	return bits;
}

/*
 * Intel's description of threads and cores: one thread a core, and all cores (SDM vol 2,
 * CPUID.0BH).
 */
static void set_topology(struct kvm_cpuid_entry2 *e, unsigned int id, unsigned int cpus)
{
	const unsigned int level = e->index;

	e->eax = level == 1 ? bits_for(cpus) : 0;
	e->ebx = level == 0 ? 1 : level == 1 ? cpus : 0;
	e->ecx = level | (level < 2 ? (level + 1) << 8 : 0);
	e->edx = id;
}

/* Leaves in which AMD has what Intel's leaves 4 and 0xb have; on Intel they say something else. */
static void set_amd_leaf(struct kvm_cpuid_entry2 *e, unsigned int id, unsigned int cpus)
{
	switch (e->function) {
	case 0x80000001:
		e->ecx = (e->ecx & ~CPUID81_ECX_CMP_LEGACY) |
			 (cpus > 1 ? CPUID81_ECX_CMP_LEGACY : 0);
		break;
	case 0x80000008:	/* APM vol 3, E.4.7 */
		e->ecx = bits_for(cpus) << 12 | (cpus - 1);
		break;
	case 0x8000001e:	/* APM vol 3, E.4.17 */
		e->eax = id;
		e->ebx = id;
		e->ecx = 0;
		break;
	}
}

static void set_leaf(const struct vmm *vm, struct kvm_cpuid_entry2 *e, unsigned int id)
{
	const unsigned int cpus = vm->opt.cpus;

	switch (e->function) {
	case 1:
		e->ebx = (e->ebx & 0xffff) | id << 24 | cpus << 16;
		e->ecx |= CPUID1_ECX_X2APIC | CPUID1_ECX_HYPERVISOR;
		if (kvm_has(vm, KVM_CAP_TSC_DEADLINE_TIMER))
			e->ecx |= CPUID1_ECX_DEADLINE;
		e->edx = (e->edx & ~CPUID1_EDX_HTT) | (cpus > 1 ? CPUID1_EDX_HTT : 0);
		break;
	case 4:		/* no cache is shared; as many cores as there are */
		if (e->eax & 0x1f)
			e->eax = (e->eax & 0x3fff) | (cpus - 1) << 26;
		break;
	case 0xb:
	case 0x1f:
		set_topology(e, id, cpus);
		break;
	}
}

/* Leaf 0xb has as many entries as levels and one that ends them; KVM offers what the host has. */
static void add_topology(struct kvm_cpuid2 *all, unsigned int id, unsigned int cpus)
{
	unsigned int i, n = 0, level;

	for (i = 0; i < all->nent; i++)
		if (all->entries[i].function != 0xb)
			all->entries[n++] = all->entries[i];
	all->nent = n;
	if (all->entries[0].eax < 0xb || n + 3 > MAX_CPUID_ENTRIES)
		return;
	for (level = 0; level < 3; level++) {
		struct kvm_cpuid_entry2 *e = &all->entries[all->nent++];

		*e = (struct kvm_cpuid_entry2){ .function = 0xb, .index = level,
						.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX };
		set_topology(e, id, cpus);
	}
}

static void set_cpuid(struct vcpu *vcpu)
{
	static struct {
		struct kvm_cpuid2	head;
		struct kvm_cpuid_entry2	entries[MAX_CPUID_ENTRIES];
	} cpuid;
	struct kvm_cpuid2 *all = &cpuid.head;
	unsigned int i;
	bool amd;

	all->nent = MAX_CPUID_ENTRIES;
	if (ioctl(vcpu->vmm->kvm_fd, KVM_GET_SUPPORTED_CPUID, all) || !all->nent)
		die(VM_SETUP, "KVM_GET_SUPPORTED_CPUID: %s", strerror(errno));
	amd = all->entries[0].ebx == CPUID0_EBX_AMD;
	for (i = 0; i < all->nent; i++) {
		set_leaf(vcpu->vmm, &all->entries[i], vcpu->id);
		if (amd)
			set_amd_leaf(&all->entries[i], vcpu->id, vcpu->vmm->opt.cpus);
	}
	add_topology(all, vcpu->id, vcpu->vmm->opt.cpus);
	vcpu_ioctl(vcpu, KVM_SET_CPUID2, "KVM_SET_CPUID2", all);
}

/* Firmware's part: all memory is written back, whatever the processor has been reset to. */
static void set_msrs(struct vcpu *vcpu)
{
	struct {
		struct kvm_msrs		head;
		struct kvm_msr_entry	entry;
	} msrs = {
		.head	= { .nmsrs = 1 },
		.entry	= { .index = MSR_MTRR_DEF_TYPE, .data = MTRR_ENABLED_WB },
	};

	vcpu_ioctl(vcpu, KVM_SET_MSRS, "KVM_SET_MSRS", &msrs);
}

void cpu_setup(struct vcpu *vcpu)
{
	set_cpuid(vcpu);
	set_msrs(vcpu);
}

/* The first 4 GiB, in large pages: one table of four, and those. */
static uint64_t make_page_tables(const struct vmm *vm)
{
	uint64_t *table = mem_at(&vm->mem, PAGE_TABLES_AT, 6 * PAGE);
	unsigned int i;

	table[0] = (PAGE_TABLES_AT + PAGE) | PTE_PRESENT_WRITE;
	for (i = 0; i < 4; i++)
		table[ENTRIES + i] = (PAGE_TABLES_AT + (2 + i) * PAGE) | PTE_PRESENT_WRITE;
	for (i = 0; i < 4 * ENTRIES; i++)
		table[2 * ENTRIES + i] = (uint64_t)i << 21 | PTE_LARGE | PTE_PRESENT_WRITE;
	return PAGE_TABLES_AT;
}

/* The flat segments of the boot protocol, as KVM and as the guest's table have them. */
static struct kvm_segment flat_segment(uint16_t selector, bool code)
{
	return (struct kvm_segment){
		.limit = 0xffffffff, .selector = selector, .type = code ? 0xb : 0x3,
		.present = 1, .s = 1, .g = 1, .l = code, .db = !code,
	};
}

static uint64_t descriptor(const struct kvm_segment *s)
{
	return 0x000f00000000ffffULL | (uint64_t)(s->type | s->s << 4 | s->present << 7) << 40 |
	       (uint64_t)(s->l << 1 | s->db << 2 | s->g << 3) << 52;
}

static void set_segments(struct vcpu *vcpu, struct kvm_sregs *s)
{
	uint64_t gdt[GDT_ENTRIES] = { };

	s->cs = flat_segment(BOOT_CS, true);
	s->ds = flat_segment(BOOT_DS, false);
	s->es = s->ds;
	s->fs = s->ds;
	s->gs = s->ds;
	s->ss = s->ds;
	gdt[BOOT_CS / 8] = descriptor(&s->cs);
	gdt[BOOT_DS / 8] = descriptor(&s->ds);
	mem_write(&vcpu->vmm->mem, GDT_AT, gdt, sizeof(gdt));
	s->gdt.base = GDT_AT;
	s->gdt.limit = sizeof(gdt) - 1;
	s->idt.limit = 0;
}

/*
 * 64-bit mode, flat segments, the first 4 GiB mapped to themselves (boot.rst, "64-bit Boot
 * Protocol").
 */
void cpu_enter_64(struct vcpu *vcpu, uint64_t rip, uint64_t rsi)
{
	struct kvm_regs regs = { .rip = rip, .rsi = rsi, .rflags = RFLAGS_ONE };
	struct kvm_sregs s;

	vcpu_ioctl(vcpu, KVM_GET_SREGS, "KVM_GET_SREGS", &s);
	set_segments(vcpu, &s);
	s.cr3 = make_page_tables(vcpu->vmm);
	s.cr4 |= CR4_PAE;
	s.cr0 |= CR0_PE | CR0_PG;
	s.efer |= EFER_LME | EFER_LMA;
	vcpu_ioctl(vcpu, KVM_SET_SREGS, "KVM_SET_SREGS", &s);
	vcpu_ioctl(vcpu, KVM_SET_REGS, "KVM_SET_REGS", &regs);
}

void cpu_enter_real(struct vcpu *vcpu, uint16_t segment, uint16_t offset, uint16_t sp)
{
	struct kvm_regs regs = { .rsp = sp, .rflags = RFLAGS_ONE };
	struct kvm_sregs s;

	vcpu_ioctl(vcpu, KVM_GET_SREGS, "KVM_GET_SREGS", &s);
	s.ds.selector = segment;
	s.ds.base = (uint64_t)segment << 4;
	s.es = s.ds;
	s.fs = s.ds;
	s.gs = s.ds;
	s.ss = s.ds;
	s.cs.base = s.ds.base + offset;
	s.cs.selector = s.cs.base >> 4;
	vcpu_ioctl(vcpu, KVM_SET_SREGS, "KVM_SET_SREGS", &s);
	vcpu_ioctl(vcpu, KVM_SET_REGS, "KVM_SET_REGS", &regs);
}
