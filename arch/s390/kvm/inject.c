// SPDX-License-Identifier: GPL-2.0-only
/*
 * How interrupts become pending: from the VMM (KVM_S390_INTERRUPT, KVM_S390_IRQ, the state ioctls)
 * and from SIGP.
 *
 * An interrupt is local, for one CPU, or floating, for the first CPU that lets it in. Local ones
 * are bits and a few words in the CPU; of the floating ones, the service signal and a machine check
 * are single, I/O interrupts queue by subclass, up to KVM_S390_MAX_FLOAT_IRQS of them.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "s390.h"

/*
 * Service signal: bit 31 (and 30) say that events wait, the rest is the address of a control block.
 */
#define SERVICE_EVENTS	0x3
#define SERVICE_SCCB	0xfffffff8

static void notify(struct s390_vcpu *v)
{
	kvm_request(&v->vcpu, KVM_REQ_IRQ);
	kvm_vcpu_kick(&v->vcpu);
}

static bool cpu_exists(struct s390_vcpu *v, unsigned int id)
{
	return id < S390_MAX_VCPUS && kvm_vcpu_by_id(v->vcpu.kvm, id);
}

/*
 * The functions below: irq.lock held. Return 1 when nothing has become pending, and no more is to
 * be done.
 */

static int add_pgm(struct s390_vcpu *v, const struct kvm_s390_irq *irq)
{
	v->irq.pgm = irq->u.pgm;
	__set_bit(IRQ_PROG, &v->irq.pending);
	return 0;
}

static int add_set_prefix(struct s390_vcpu *v, const struct kvm_s390_irq *irq)
{
	if (!v->stopped)
		return -EBUSY;
	v->irq.new_prefix = irq->u.prefix.address & SIE_PREFIX_MASK;
	__set_bit(IRQ_SET_PREFIX, &v->irq.pending);
	return 0;
}

static int add_stop(struct s390_vcpu *v, const struct kvm_s390_irq *irq)
{
	if (irq->u.stop.flags & ~KVM_S390_STOP_FLAG_STORE_STATUS)
		return -EINVAL;
	if (v->stopped && !irq->u.stop.flags)
		return 1;
	if (__test_and_set_bit(IRQ_STOP, &v->irq.pending))
		return -EBUSY;
	v->irq.stop_store = irq->u.stop.flags & KVM_S390_STOP_FLAG_STORE_STATUS;
	return 0;
}

static int add_restart(struct s390_vcpu *v, const struct kvm_s390_irq *irq)
{
	__set_bit(IRQ_RESTART, &v->irq.pending);
	return 0;
}

static int add_clock_comp(struct s390_vcpu *v, const struct kvm_s390_irq *irq)
{
	__set_bit(IRQ_CLOCK_COMP, &v->irq.pending);
	return 0;
}

static int add_cpu_timer(struct s390_vcpu *v, const struct kvm_s390_irq *irq)
{
	__set_bit(IRQ_CPU_TIMER, &v->irq.pending);
	return 0;
}

static int add_emergency(struct s390_vcpu *v, const struct kvm_s390_irq *irq)
{
	if (!cpu_exists(v, irq->u.emerg.code))
		return -EINVAL;
	__set_bit(irq->u.emerg.code, v->irq.emergency);
	__set_bit(IRQ_EMERGENCY, &v->irq.pending);
	return 0;
}

static int add_ext_call(struct s390_vcpu *v, const struct kvm_s390_irq *irq)
{
	if (!cpu_exists(v, irq->u.extcall.code))
		return -EINVAL;
	if (__test_and_set_bit(IRQ_EXT_CALL, &v->irq.pending))
		return -EBUSY;
	v->irq.ext_call_from = irq->u.extcall.code;
	return 0;
}

/* Several machine checks become one that says all of them. */
static int add_mchk(struct s390_vcpu *v, const struct kvm_s390_irq *irq)
{
	struct kvm_s390_mchk_info *mchk = &v->irq.mchk;

	if (!__test_and_set_bit(IRQ_MCHK, &v->irq.pending))
		*mchk = (struct kvm_s390_mchk_info){ };
	mchk->cr14 |= irq->u.mchk.cr14;
	mchk->mcic |= irq->u.mchk.mcic;
	mchk->ext_damage_code = irq->u.mchk.ext_damage_code;
	mchk->failing_storage_address = irq->u.mchk.failing_storage_address;
	return 0;
}

static const struct {
	u32	type;
	int	(*add)(struct s390_vcpu *v, const struct kvm_s390_irq *irq);
} local_kinds[] = {
	{ KVM_S390_PROGRAM_INT,		add_pgm },
	{ KVM_S390_SIGP_SET_PREFIX,	add_set_prefix },
	{ KVM_S390_SIGP_STOP,		add_stop },
	{ KVM_S390_RESTART,		add_restart },
	{ KVM_S390_INT_CLOCK_COMP,	add_clock_comp },
	{ KVM_S390_INT_CPU_TIMER,	add_cpu_timer },
	{ KVM_S390_INT_EMERGENCY,	add_emergency },
	{ KVM_S390_INT_EXTERNAL_CALL,	add_ext_call },
	{ KVM_S390_MCHK,		add_mchk },
};

/**
 * s390_inject_local - make an interrupt pending at one CPU
 * @v: the CPU
 * @irq: kind and parameters
 *
 * Context: any thread. Return: 0, -EINVAL a type or parameter that is not of a CPU, -EBUSY (KVM API
 * 4.92).
 */
int s390_inject_local(struct s390_vcpu *v, const struct kvm_s390_irq *irq)
{
	int i, r = -EINVAL;

	spin_lock(&v->irq.lock);
	for (i = 0; i < ARRAY_SIZE(local_kinds); i++) {
		if (local_kinds[i].type == irq->type)
			r = local_kinds[i].add(v, irq);
	}
	spin_unlock(&v->irq.lock);
	if (!r)
		notify(v);
	return min(r, 0);
}

/*
 * Floating interrupts.
 */

/* One that sleeps and would take it is enough; else each must look, and open a window. */
static void notify_float(struct kvm *kvm)
{
	struct kvm_vcpu *vcpu;
	unsigned long i;

	kvm_for_each_vcpu(i, vcpu, kvm) {
		if (READ_ONCE(to_s390(vcpu)->waiting) && s390_irq_deliverable(to_s390(vcpu))) {
			notify(to_s390(vcpu));
			return;
		}
	}
	kvm_for_each_vcpu(i, vcpu, kvm)
		notify(to_s390(vcpu));
}

/*
 * A control block that is announced while another still is, is a mistake of the sender's that is
 * passed over.
 */
static void add_service(struct s390_vm *vm, u32 parm)
{
	if (vm->irq.service_parm & SERVICE_SCCB)
		parm &= SERVICE_EVENTS;
	vm->irq.service_parm |= parm & (SERVICE_EVENTS | SERVICE_SCCB);
	vm->irq.service = true;
}

static void add_float_mchk(struct s390_vm *vm, const struct kvm_s390_mchk_info *mchk)
{
	if (!vm->irq.mchk_pending)
		vm->irq.mchk = (struct kvm_s390_mchk_info){ };
	vm->irq.mchk.cr14 |= mchk->cr14;
	vm->irq.mchk.mcic |= mchk->mcic;
	vm->irq.mchk_pending = true;
}

static int add_io(struct s390_vm *vm, struct s390_io_irq *irq)
{
	unsigned int isc = (irq->io.io_int_word >> 27) & (S390_ISCS - 1);

	if (vm->irq.n_io >= KVM_S390_MAX_FLOAT_IRQS)
		return -EBUSY;
	list_add_tail(&irq->node, &vm->irq.io[isc]);
	WRITE_ONCE(vm->irq.n_io, vm->irq.n_io + 1);
	return 0;
}

static int inject_io(struct s390_vm *vm, const struct kvm_s390_irq *from)
{
	struct s390_io_irq *irq = kzalloc(sizeof(*irq), GFP_KERNEL_ACCOUNT);
	int r;

	if (!irq)
		return -ENOMEM;
	irq->type = from->type;
	irq->io = from->u.io;
	spin_lock(&vm->irq.lock);
	r = add_io(vm, irq);
	spin_unlock(&vm->irq.lock);
	if (r)
		kfree(irq);
	return r;
}

/**
 * s390_inject_float - make an interrupt pending that any CPU may take
 * @kvm: the VM
 * @irq: kind and parameters
 *
 * Context: sleeps. Return: 0, -EINVAL not a floating one, -ENOMEM, -EBUSY too many wait.
 */
int s390_inject_float(struct kvm *kvm, const struct kvm_s390_irq *irq)
{
	struct s390_vm *vm = to_s390_vm(kvm);
	int r = 0;

	if (irq->type <= KVM_S390_INT_IO_MAX) {
		r = inject_io(vm, irq);
	} else if (irq->type == KVM_S390_INT_SERVICE || irq->type == KVM_S390_MCHK) {
		spin_lock(&vm->irq.lock);
		if (irq->type == KVM_S390_MCHK)
			add_float_mchk(vm, &irq->u.mchk);
		else
			add_service(vm, irq->u.ext.ext_params);
		spin_unlock(&vm->irq.lock);
	} else {
		return -EINVAL;
	}
	if (!r)
		notify_float(kvm);
	return r;
}

static bool is_of(const struct s390_io_irq *irq, u32 schid)
{
	return !schid ||
	       schid == ((u32)irq->io.subchannel_id << 16 | irq->io.subchannel_nr);
}

/*
 * Take the oldest of the most important subclass in @isc_mask; @schid: only of this subchannel, if
 * not 0.
 */
bool s390_float_io_take(struct s390_vm *vm, u8 isc_mask, u32 schid, struct s390_io_irq *out)
{
	struct s390_io_irq *irq, *found = NULL;
	unsigned int isc;

	spin_lock(&vm->irq.lock);
	for (isc = 0; isc < S390_ISCS && !found; isc++) {
		if (!(isc_mask & (0x80 >> isc)))
			continue;
		list_for_each_entry(irq, &vm->irq.io[isc], node) {
			if (!is_of(irq, schid))
				continue;
			found = irq;
			break;
		}
	}
	if (found) {
		list_del(&found->node);
		WRITE_ONCE(vm->irq.n_io, vm->irq.n_io - 1);
	}
	spin_unlock(&vm->irq.lock);
	if (!found)
		return false;
	*out = *found;
	kfree(found);
	return true;
}

/* Add one to a list that has room for @room; counts on when it has not. */
static void list_add_irq(struct kvm_s390_irq *irqs, unsigned int room, unsigned int *n,
			 const struct kvm_s390_irq *irq)
{
	if (*n < room)
		irqs[*n] = *irq;
	++*n;
}

/* Tell all that wait, without taking any. Return: how many, -ENOMEM more than @room. */
int s390_float_list(struct s390_vm *vm, struct kvm_s390_irq *irqs, unsigned int room)
{
	struct kvm_s390_irq irq;
	struct s390_io_irq *io;
	unsigned int isc, n = 0;

	spin_lock(&vm->irq.lock);
	for (isc = 0; isc < S390_ISCS; isc++) {
		list_for_each_entry(io, &vm->irq.io[isc], node) {
			irq = (struct kvm_s390_irq){ .type = io->type, .u.io = io->io };
			list_add_irq(irqs, room, &n, &irq);
		}
	}
	if (vm->irq.service) {
		irq = (struct kvm_s390_irq) {
			.type = KVM_S390_INT_SERVICE, .u.ext.ext_params = vm->irq.service_parm,
		};
		list_add_irq(irqs, room, &n, &irq);
	}
	if (vm->irq.mchk_pending) {
		irq = (struct kvm_s390_irq){ .type = KVM_S390_MCHK, .u.mchk = vm->irq.mchk };
		list_add_irq(irqs, room, &n, &irq);
	}
	spin_unlock(&vm->irq.lock);
	return n > room ? -ENOMEM : n;
}

void s390_float_clear(struct kvm *kvm)
{
	struct s390_vm *vm = to_s390_vm(kvm);
	struct s390_io_irq ignored;

	while (s390_float_io_take(vm, 0xff, 0, &ignored))
		;
	spin_lock(&vm->irq.lock);
	vm->irq.service = false;
	vm->irq.service_parm = 0;
	vm->irq.mchk_pending = false;
	spin_unlock(&vm->irq.lock);
}

/*
 * ioctls. KVM_S390_INTERRUPT packs the parameters of all kinds into two numbers (KVM API 4.77).
 */

static int unpack_local(const struct kvm_s390_interrupt *in, struct kvm_s390_irq *irq)
{
	*irq = (struct kvm_s390_irq){ .type = in->type };
	switch (in->type) {
	case KVM_S390_PROGRAM_INT:
		if (in->parm & 0xffff0000)
			return -EINVAL;
		irq->u.pgm.code = in->parm;
		break;
	case KVM_S390_SIGP_SET_PREFIX:
		irq->u.prefix.address = in->parm;
		break;
	case KVM_S390_SIGP_STOP:
		irq->u.stop.flags = in->parm;
		break;
	case KVM_S390_INT_EXTERNAL_CALL:
	case KVM_S390_INT_EMERGENCY:
		if (in->parm & 0xffff0000)
			return -EINVAL;
		irq->u.emerg.code = in->parm;	/* the same place as .extcall */
		break;
	case KVM_S390_MCHK:
		irq->u.mchk.mcic = in->parm64;
		break;
	}
	return 0;
}

long s390_vm_interrupt(struct kvm *kvm, struct kvm_arg *arg)
{
	const struct kvm_s390_interrupt *in = arg->data;
	struct kvm_s390_irq irq = { .type = in->type };

	if (in->type == KVM_S390_INT_SERVICE) {
		irq.u.ext.ext_params = in->parm;
	} else if (in->type == KVM_S390_MCHK) {
		irq.u.mchk.cr14 = in->parm;
		irq.u.mchk.mcic = in->parm64;
	} else {
		irq.u.io.subchannel_id = in->parm >> 16;
		irq.u.io.subchannel_nr = in->parm & 0xffff;
		irq.u.io.io_int_parm = in->parm64 >> 32;
		irq.u.io.io_int_word = (u32)in->parm64;
	}
	return s390_inject_float(kvm, &irq);
}

/* From any thread, while another is in KVM_RUN: not under vcpu->mutex. */
long s390_vcpu_async_ioctl(struct kvm_vcpu *vcpu, unsigned int cmd, unsigned long arg)
{
	struct kvm_s390_interrupt in;
	struct kvm_s390_irq irq;
	int r;

	if (cmd == KVM_S390_IRQ) {
		if (copy_from_user(&irq, (void __user *)arg, sizeof(irq)))
			return -EFAULT;
		return s390_inject_local(to_s390(vcpu), &irq);
	}
	if (cmd == KVM_S390_INTERRUPT) {
		if (copy_from_user(&in, (void __user *)arg, sizeof(in)))
			return -EFAULT;
		r = unpack_local(&in, &irq);
		return r ? r : s390_inject_local(to_s390(vcpu), &irq);
	}
	return -ENOIOCTLCMD;
}
