// SPDX-License-Identifier: GPL-2.0-only
/*
 * Subfunctions of instructions (devices/vm.rst of the kernel, 2.5 and 2.6): which function codes an
 * instruction has, as it says itself.
 *
 * Each instruction with a query function stores a bitmap of 16 bytes (32 for SORTL and DFLTCC) at
 * the address in register 1; PERFORM LOCKED OPERATION is asked code by code. Guests execute these
 * instructions in SIE, so what they have is what we find here. What user space sets is kept, and
 * given back: it is the VMM's own record of the model it wants.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/cpacf.h>
#include <asm/facility.h>
#include <asm/timex.h>

#include "s390.h"

static struct kvm_s390_vm_cpu_subfunc machine;

/* PLO with the test bit tells by condition code 0 that it has a code (PoP 7). */
static bool plo_has(u8 code)
{
	unsigned long r0 = code | 0x100;
	int cc;

	asm volatile("	lgr	0,%[r0]\n"
		     "	plo	0,0(0),0,0(0)\n"
		     "	ipm	%[cc]\n"
		     "	srl	%[cc],28\n"
		     : [cc] "=d" (cc) : [r0] "d" (r0) : "cc", "0");
	return !cc;
}

/* Both store 32 bytes. */
static void query_sortl(u8 *mask)
{
	asm volatile("	lghi	0,0\n"
		     "	lgr	1,%[at]\n"
		     "	.insn	rre,0xb9380000,2,4\n"
		     : : [at] "a" (mask) : "cc", "memory", "0", "1");
}

static void query_dfltcc(u8 *mask)
{
	asm volatile("	lghi	0,0\n"
		     "	lgr	1,%[at]\n"
		     "	.insn	rrf,0xb9390000,2,4,6,0\n"
		     : : [at] "a" (mask) : "cc", "memory", "0", "1");
}

static void query_crypto(void)
{
	cpacf_query(CPACF_KMAC, (cpacf_mask_t *)machine.kmac);
	cpacf_query(CPACF_KMC, (cpacf_mask_t *)machine.kmc);
	cpacf_query(CPACF_KM, (cpacf_mask_t *)machine.km);
	cpacf_query(CPACF_KIMD, (cpacf_mask_t *)machine.kimd);
	cpacf_query(CPACF_KLMD, (cpacf_mask_t *)machine.klmd);
	cpacf_query(CPACF_PCKMO, (cpacf_mask_t *)machine.pckmo);
	cpacf_query(CPACF_KMCTR, (cpacf_mask_t *)machine.kmctr);
	cpacf_query(CPACF_KMF, (cpacf_mask_t *)machine.kmf);
	cpacf_query(CPACF_KMO, (cpacf_mask_t *)machine.kmo);
	cpacf_query(CPACF_PCC, (cpacf_mask_t *)machine.pcc);
	cpacf_query(CPACF_PRNO, (cpacf_mask_t *)machine.ppno);
	cpacf_query(CPACF_KMA, (cpacf_mask_t *)machine.kma);
	if (test_facility(155))
		__cpacf_query(CPACF_KDSA, (cpacf_mask_t *)machine.kdsa);
}

void s390_subfunc_init(void)
{
	unsigned int i;

	for (i = 0; i < 256; i++) {
		if (plo_has(i))
			machine.plo[i / 8] |= 0x80 >> (i % 8);
	}
	if (test_facility(28))
		ptff(machine.ptff, sizeof(machine.ptff), PTFF_QAF);
	query_crypto();
	if (test_facility(150))
		query_sortl(machine.sortl);
	if (test_facility(151))
		query_dfltcc(machine.dfltcc);
}

int s390_machine_subfunc_get(struct s390_vm *vm, void __user *user)
{
	return copy_to_user(user, &machine, sizeof(machine)) ? -EFAULT : 0;
}

/* -EINVAL: nothing has been written yet. */
int s390_processor_subfunc_get(struct s390_vm *vm, void __user *user)
{
	struct kvm_s390_vm_cpu_subfunc *copy = NULL;
	int r;

	mutex_lock(&vm->kvm.lock);
	if (vm->subfunc)
		copy = kmemdup(vm->subfunc, sizeof(*copy), GFP_KERNEL_ACCOUNT);
	r = copy ? 0 : vm->subfunc ? -ENOMEM : -EINVAL;
	mutex_unlock(&vm->kvm.lock);
	if (!r && copy_to_user(user, copy, sizeof(*copy)))
		r = -EFAULT;
	kfree(copy);
	return r;
}

int s390_processor_subfunc_set(struct s390_vm *vm, void __user *user)
{
	struct kvm_s390_vm_cpu_subfunc *next = memdup_user(user, sizeof(*next));
	int r = -EBUSY;

	if (IS_ERR(next))
		return PTR_ERR(next);
	mutex_lock(&vm->kvm.lock);
	if (!vm->kvm.created_vcpus) {
		swap(vm->subfunc, next);
		r = 0;
	}
	mutex_unlock(&vm->kvm.lock);
	kfree(next);
	return r;
}
