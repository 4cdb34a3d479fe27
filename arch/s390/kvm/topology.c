// SPDX-License-Identifier: GPL-2.0-only
/*
 * CPU topology (facility 11, KVM API 8.39): which CPU is on which socket is the VMM's to say, as
 * the answers to PERFORM TOPOLOGY FUNCTION 0 and 1 and to STSI 15.1.x. What is ours is the bit
 * that says that it has changed since the guest asked last (function 2): in the system control
 * area, where the machine itself tests and clears it, if it interprets that function.
 */
#include <linux/uaccess.h>

#include "s390.h"

bool s390_topology_there(struct s390_vm *vm)
{
	return s390_facility(vm, FACILITY_TOPOLOGY);
}

/* Both forms of the area have it in the same place. Atomic: the machine and all of us. */
static unsigned long *report(struct s390_vm *vm)
{
	return (unsigned long *)&vm->sca->utility;
}

/* Context: any CPU's creation, with walk_lock not held. */
void s390_topology_changed(struct s390_vm *vm, bool changed)
{
	mutex_lock(&vm->walk_lock);	/* the area stays where it is */
	if (changed)
		set_bit_inv(0, report(vm));
	else
		clear_bit_inv(0, report(vm));
	mutex_unlock(&vm->walk_lock);
}

static bool take_report(struct s390_vm *vm)
{
	bool was;

	mutex_lock(&vm->walk_lock);
	was = test_and_clear_bit(63, report(vm));
	mutex_unlock(&vm->walk_lock);
	return was;
}

/*
 * PERFORM TOPOLOGY FUNCTION: the function in the last byte of R1, whose others are zero (PoP 10).
 */
int s390_insn_ptf(struct s390_vcpu *v)
{
	u64 function = v->gprs[insn_rre_r1(v)];

	if (!s390_topology_there(vm_of(v)))
		return s390_inject_pgm_code(v, PGM_OPERATION);
	if (function > 2)
		return s390_inject_pgm_code(v, PGM_SPECIFICATION);
	if (function < 2)
		return EXIT_NOT_OURS;
	set_cc(v, take_report(vm_of(v)));
	return EXIT_RESUME;
}

/* The attributes of the group are the values: 0 no change is reported, 1 one is. */
static int set_to(struct s390_vm *vm, bool changed)
{
	if (!s390_topology_there(vm))
		return -ENXIO;
	s390_topology_changed(vm, changed);
	return 0;
}

int s390_topology_clear(struct s390_vm *vm, void __user *user)
{
	return set_to(vm, false);
}

int s390_topology_set(struct s390_vm *vm, void __user *user)
{
	return set_to(vm, true);
}

int s390_topology_get(struct s390_vm *vm, void __user *user)
{
	u8 changed;

	if (!s390_topology_there(vm))
		return -ENXIO;
	mutex_lock(&vm->walk_lock);
	changed = test_bit_inv(0, report(vm));
	mutex_unlock(&vm->walk_lock);
	return put_user(changed, (u8 __user *)user);
}
