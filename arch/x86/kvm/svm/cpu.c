// SPDX-License-Identifier: GPL-2.0-only
/*
 * One physical CPU: SVM switched on, the pages that the hardware and we save the host in, and its
 * ASIDs.
 *
 * An ASID tags TLB entries, so that an entry of the guest needs no flush. Each CPU hands out its
 * own, counting up; when they have run out it begins a new generation with a flush of everything,
 * and every vCPU that shows up with an older generation gets a new number. So a vCPU that needs a
 * flush, or has been on another CPU meanwhile, only has to forget its generation. ASID 0 is the
 * host's (APM vol 2, 15.16).
 */
#include <linux/cpu.h>
#include <linux/gfp.h>
#include "svm.h"
#include <asm/virtext.h>

DEFINE_PER_CPU(struct svm_cpu, svm_cpu);

static void cpu_free(struct svm_cpu *c)
{
	free_page((unsigned long)c->hsave);
	free_page((unsigned long)c->host);
	c->hsave = NULL;
	c->host = NULL;
}

static int cpu_alloc(struct svm_cpu *c)
{
	c->hsave = (void *)get_zeroed_page(GFP_KERNEL);
	c->host = (void *)get_zeroed_page(GFP_KERNEL);
	if (c->hsave && c->host)
		return 0;
	cpu_free(c);
	return -ENOMEM;
}

void svm_cpus_free(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		cpu_free(per_cpu_ptr(&svm_cpu, cpu));
}

int svm_cpus_alloc(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		if (cpu_alloc(per_cpu_ptr(&svm_cpu, cpu))) {
			svm_cpus_free();
			return -ENOMEM;
		}
	}
	return 0;
}

static void set_tsc_ratio(struct svm_cpu *c, u64 ratio)
{
	wrmsr(MSR_AMD64_TSC_RATIO, (u32)ratio, (u32)(ratio >> 32));
	c->tsc_ratio = ratio;
}

/*
 * The ratio holds for the guest only, and stays in the MSR until another guest wants another.
 * Preemption off.
 */
void svm_tsc_ratio_load(u64 ratio)
{
	struct svm_cpu *c = this_cpu_ptr(&svm_cpu);

	if (boot_cpu_has(X86_FEATURE_TSCRATEMSR) && c->tsc_ratio != ratio)
		set_tsc_ratio(c, ratio);
}

/**
 * svm_cpu_enable - switch SVM on for this CPU
 *
 * Context: irqs off.
 * Return: 0, or -EBUSY when somebody else has done so already.
 */
int svm_cpu_enable(void)
{
	struct svm_cpu *c = this_cpu_ptr(&svm_cpu);
	u64 efer;

	rdmsrl(MSR_EFER, efer);
	if (efer & EFER_SVME)
		return -EBUSY;

	/* The first vCPU to come exhausts the pool, and so begins a generation with a flush. */
	c->max_asid = cpuid_ebx(SVM_CPUID_FUNC) - 1;
	c->next_asid = c->max_asid + 1;
	c->asid_generation++;
	c->last_vmcb = NULL;

	wrmsrl(MSR_EFER, efer | EFER_SVME);
	wrmsrl(MSR_VM_HSAVE_PA, __pa(c->hsave));
	if (boot_cpu_has(X86_FEATURE_TSCRATEMSR))
		set_tsc_ratio(c, SVM_TSC_RATIO_DEFAULT);
	return 0;
}

void svm_cpu_disable(void)
{
	svm_tsc_ratio_load(SVM_TSC_RATIO_DEFAULT);
	cpu_svm_disable();
}

void svm_asid_check(struct vcpu_svm *svm)
{
	struct svm_cpu *c = this_cpu_ptr(&svm_cpu);
	struct vmcb_control_area *ctl = &svm->vmcb->control;

	if (likely(svm->asid_generation == c->asid_generation))
		return;
	if (c->next_asid > c->max_asid) {
		c->asid_generation++;
		c->next_asid = 1;
		ctl->tlb_ctl = TLB_CONTROL_FLUSH_ALL_ASID;
	}
	svm->asid_generation = c->asid_generation;
	ctl->asid = c->next_asid++;
	svm_dirty(svm, CLEAN_ASID);
}

/* The page may come back as another VM's VMCB, which must not pass for the one that ran last. */
void svm_forget_vmcb(struct vmcb *vmcb)
{
	int cpu;

	for_each_possible_cpu(cpu)
		cmpxchg(&per_cpu(svm_cpu, cpu).last_vmcb, vmcb, NULL);
}
