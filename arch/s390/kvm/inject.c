// SPDX-License-Identifier: GPL-2.0-only
/*
 * How interrupts become pending: from the VMM (KVM_S390_INTERRUPT, KVM_S390_IRQ, the state ioctls)
 * and from SIGP.
 *
 * An interrupt is local, for one CPU, or floating, for the first CPU that lets it in. Local ones
 * are bits and a few words in the CPU; of the floating ones, the service signal and a machine check
 * are single, I/O interrupts queue by subclass, up to KVM_S390_MAX_FLOAT_IRQS of them.
 */
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "s390.h"
#include "trace_s390.h"

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
	__set_bit(array_index_nospec(irq->u.emerg.code, S390_MAX_VCPUS), v->irq.emergency);
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

static int add_pfault_init(struct s390_vcpu *v, const struct kvm_s390_irq *irq)
{
	v->irq.pfault_token = irq->u.ext.ext_params2;
	__set_bit(IRQ_PFAULT_INIT, &v->irq.pending);
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
	u16	stat;
	int	(*add)(struct s390_vcpu *v, const struct kvm_s390_irq *irq);
} local_kinds[] = {
	{ KVM_S390_INT_EMERGENCY,	S390_STAT(inject_emergency_signal), add_emergency },
	{ KVM_S390_INT_EXTERNAL_CALL,	S390_STAT(inject_external_call),    add_ext_call },
	{ KVM_S390_PROGRAM_INT,		S390_STAT(inject_program),	    add_pgm },
	{ KVM_S390_SIGP_SET_PREFIX,	S390_STAT(inject_set_prefix),	    add_set_prefix },
	{ KVM_S390_SIGP_STOP,		S390_STAT(inject_stop_signal),	    add_stop },
	{ KVM_S390_RESTART,		S390_STAT(inject_restart),	    add_restart },
	{ KVM_S390_INT_CLOCK_COMP,	S390_STAT(inject_ckc),		    add_clock_comp },
	{ KVM_S390_INT_CPU_TIMER,	S390_STAT(inject_cputm),	    add_cpu_timer },
	{ KVM_S390_MCHK,		S390_STAT(inject_mchk),		    add_mchk },
	{ KVM_S390_INT_PFAULT_INIT,	S390_STAT(inject_pfault_init),	    add_pfault_init },
};

/* For the tracepoint: as KVM_S390_INTERRUPT has it. */
static noinline void trace_local(const struct s390_vcpu *v, const struct kvm_s390_irq *irq)
{
	struct kvm_s390_interrupt packed = { .type = irq->type };

	switch (irq->type) {
	case KVM_S390_PROGRAM_INT:
		packed.parm = irq->u.pgm.code;
		break;
	case KVM_S390_SIGP_SET_PREFIX:
		packed.parm = irq->u.prefix.address;
		break;
	case KVM_S390_INT_EMERGENCY:
	case KVM_S390_INT_EXTERNAL_CALL:
		packed.parm = irq->u.emerg.code;	/* the same place as .extcall */
		break;
	case KVM_S390_MCHK:
		packed.parm64 = irq->u.mchk.mcic;
		break;
	case KVM_S390_INT_PFAULT_INIT:
		packed.parm64 = irq->u.ext.ext_params2;
		break;
	}
	trace_kvm_s390_inject_vcpu(v, &packed);
}

/* irq.lock held. Return: as the functions of the kinds; -EINVAL a type that is not of a CPU. */
static int add_local(struct s390_vcpu *v, const struct kvm_s390_irq *irq)
{
	int i, r;

	lockdep_assert_held(&v->irq.lock);
	for (i = 0; i < ARRAY_SIZE(local_kinds); i++) {
		if (local_kinds[i].type != irq->type)
			continue;
		r = local_kinds[i].add(v, irq);
		if (r)
			return r;
		s390_count(v, local_kinds[i].stat);
		if (trace_kvm_s390_inject_vcpu_enabled())
			trace_local(v, irq);
		return 0;
	}
	return -EINVAL;
}

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
	int r;

	spin_lock(&v->irq.lock);
	r = add_local(v, irq);
	spin_unlock(&v->irq.lock);
	if (!r)
		notify(v);
	return min(r, 0);
}

/**
 * s390_inject_state - make all of these pending at one CPU, or none
 * @v: the CPU
 * @irqs: kinds and parameters
 * @n: how many
 *
 * Context: any thread. Return: as s390_inject_local(); -EBUSY also when anything is pending.
 */
int s390_inject_state(struct s390_vcpu *v, const struct kvm_s390_irq *irqs, unsigned int n)
{
	int r = 0;

	spin_lock(&v->irq.lock);
	if (v->irq.pending) {
		r = -EBUSY;
	} else {
		for (; n && r >= 0; irqs++, n--)
			r = add_local(v, irqs);
		if (r < 0)
			s390_irq_drop(v);
	}
	spin_unlock(&v->irq.lock);
	if (r >= 0)
		notify(v);
	return min(r, 0);
}

/*
 * Floating interrupts.
 */

/* One that sleeps, would take it, and has not been told of another yet. */
static bool notify_sleeper(struct kvm *kvm, const struct s390_vcpu *but)
{
	struct kvm_vcpu *vcpu;
	unsigned long i;

	kvm_for_each_vcpu(i, vcpu, kvm) {
		if (to_s390(vcpu) == but || !READ_ONCE(to_s390(vcpu)->waiting) ||
		    kvm_request_test(vcpu, KVM_REQ_IRQ) || !s390_irq_deliverable(to_s390(vcpu)))
			continue;
		notify(to_s390(vcpu));
		return true;
	}
	return false;
}

/* A sleeper is enough; without one each CPU must look, and open a window. */
static void notify_float(struct kvm *kvm)
{
	struct kvm_vcpu *vcpu;
	unsigned long i;

	if (notify_sleeper(kvm, NULL))
		return;
	kvm_for_each_vcpu(i, vcpu, kvm)
		notify(to_s390(vcpu));
}

/**
 * s390_float_pass_on - have another CPU look at the floating interrupts that are left
 * @v: one that was told of them, and goes on, to user space perhaps, without having taken all
 *
 * It may have been interrupted by something more urgent, or stopped, and those that sleep know
 * nothing of what it was to take. Context: the CPU's own thread.
 */
void s390_float_pass_on(struct s390_vcpu *v)
{
	if (s390_float_waits(vm_of(v)))
		notify_sleeper(v->vcpu.kvm, v);
}

/*
 * A control block that is announced while another still is, is a mistake of the sender's that is
 * passed over.
 */
static void add_service(struct s390_vm *vm, u32 parm)
{
	if (vm->irq.service_parm & SERVICE_SCCB)
		parm &= SERVICE_EVENTS;
	vm->stat.inject_service_signal++;
	vm->irq.service_parm |= parm & (SERVICE_EVENTS | SERVICE_SCCB);
	vm->irq.service = true;
}

static void add_float_mchk(struct s390_vm *vm, const struct kvm_s390_mchk_info *mchk)
{
	if (!vm->irq.mchk_pending)
		vm->irq.mchk = (struct kvm_s390_mchk_info){ };
	vm->stat.inject_float_mchk++;
	vm->irq.mchk.cr14 |= mchk->cr14;
	vm->irq.mchk.mcic |= mchk->mcic;
	vm->irq.mchk_pending = true;
}

/* The lists have a limit together. */
static bool lists_full(const struct s390_vm *vm)
{
	return vm->irq.n_io + vm->irq.n_ext >= KVM_S390_MAX_FLOAT_IRQS;
}

static unsigned int isc_of(const struct s390_io_irq *irq)
{
	return (irq->io.io_int_word >> 27) & (S390_ISCS - 1);
}

static int add_io(struct s390_vm *vm, struct s390_io_irq *irq)
{
	if (lists_full(vm))
		return -EBUSY;
	vm->stat.inject_io++;
	list_add_tail(&irq->node, &vm->irq.io[isc_of(irq)]);
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

/* The end of a page fault may not be lost: there are no more than were begun. */
static int inject_ext(struct s390_vm *vm, const struct kvm_s390_irq *from, int who)
{
	bool must = from->type == KVM_S390_INT_PFAULT_DONE && who == S390_BY_KERNEL;
	struct s390_ext_irq *irq = kzalloc(sizeof(*irq),
					   GFP_KERNEL_ACCOUNT | (must ? __GFP_NOFAIL : 0));
	int r = 0;

	if (!irq)
		return -ENOMEM;
	irq->type = from->type;
	irq->ext = from->u.ext;
	spin_lock(&vm->irq.lock);
	if (lists_full(vm) && !must) {
		r = -EBUSY;
	} else {
		if (irq->type == KVM_S390_INT_VIRTIO)
			vm->stat.inject_virtio++;
		else
			vm->stat.inject_pfault_done++;
		list_add_tail(&irq->node, &vm->irq.ext);
		WRITE_ONCE(vm->irq.n_ext, vm->irq.n_ext + 1);
	}
	spin_unlock(&vm->irq.lock);
	if (r)
		kfree(irq);
	return r;
}

/* The oldest. */
bool s390_float_ext_take(struct s390_vm *vm, struct s390_ext_irq *out)
{
	struct s390_ext_irq *irq;

	spin_lock(&vm->irq.lock);
	irq = list_first_entry_or_null(&vm->irq.ext, struct s390_ext_irq, node);
	if (irq) {
		list_del(&irq->node);
		WRITE_ONCE(vm->irq.n_ext, vm->irq.n_ext - 1);
	}
	spin_unlock(&vm->irq.lock);
	if (!irq)
		return false;
	*out = *irq;
	kfree(irq);
	return true;
}

static void trace_float(const struct kvm_s390_irq *irq, int who)
{
	struct kvm_s390_interrupt packed = { .type = irq->type };

	switch (irq->type) {
	case KVM_S390_INT_SERVICE:
	case KVM_S390_INT_VIRTIO:
	case KVM_S390_INT_PFAULT_DONE:
		packed.parm = irq->u.ext.ext_params;
		packed.parm64 = irq->u.ext.ext_params2;
		break;
	case KVM_S390_MCHK:
		packed.parm = irq->u.mchk.cr14;
		packed.parm64 = irq->u.mchk.mcic;
		break;
	default:
		packed.parm = (u32)irq->u.io.subchannel_id << 16 | irq->u.io.subchannel_nr;
		packed.parm64 = (u64)irq->u.io.io_int_parm << 32 | irq->u.io.io_int_word;
		break;
	}
	trace_kvm_s390_inject_vm(&packed, who);
}

/**
 * s390_inject_float - make an interrupt pending that any CPU may take
 * @kvm: the VM
 * @irq: kind and parameters
 * @who: for the tracepoint, S390_BY_KERNEL or S390_BY_USER
 *
 * Context: sleeps. Return: 0, -EINVAL not a floating one, -ENOMEM, -EBUSY too many wait.
 */
int s390_inject_float(struct kvm *kvm, const struct kvm_s390_irq *irq, int who)
{
	struct s390_vm *vm = to_s390_vm(kvm);
	int r = 0;

	if (irq->type <= KVM_S390_INT_IO_MAX) {
		r = inject_io(vm, irq);
	} else if (irq->type == KVM_S390_INT_VIRTIO || irq->type == KVM_S390_INT_PFAULT_DONE) {
		r = inject_ext(vm, irq, who);
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
	if (r)
		return r;
	if (trace_kvm_s390_inject_vm_enabled())
		trace_float(irq, who);
	notify_float(kvm);
	return 0;
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

/*
 * What was taken goes back to where it was: it is the oldest of its subclass again. It may not be
 * lost, be the lists full by now or not.
 */
void s390_float_io_return(struct s390_vm *vm, const struct s390_io_irq *from)
{
	struct s390_io_irq *irq = kmemdup(from, sizeof(*from), GFP_KERNEL_ACCOUNT | __GFP_NOFAIL);

	spin_lock(&vm->irq.lock);
	list_add(&irq->node, &vm->irq.io[isc_of(irq)]);
	WRITE_ONCE(vm->irq.n_io, vm->irq.n_io + 1);
	spin_unlock(&vm->irq.lock);
	notify_float(&vm->kvm);
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
	struct s390_ext_irq *ext;
	struct s390_io_irq *io;
	unsigned int isc, n = 0;

	spin_lock(&vm->irq.lock);
	for (isc = 0; isc < S390_ISCS; isc++) {
		list_for_each_entry(io, &vm->irq.io[isc], node) {
			irq = (struct kvm_s390_irq){ .type = io->type, .u.io = io->io };
			list_add_irq(irqs, room, &n, &irq);
		}
	}
	list_for_each_entry(ext, &vm->irq.ext, node) {
		irq = (struct kvm_s390_irq){ .type = ext->type, .u.ext = ext->ext };
		list_add_irq(irqs, room, &n, &irq);
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

/* Context: sleeps. */
void s390_float_clear(struct kvm *kvm)
{
	struct s390_vm *vm = to_s390_vm(kvm);
	struct s390_ext_irq ignored_ext;
	struct s390_io_irq ignored;

	while (s390_float_io_take(vm, 0xff, 0, &ignored))
		cond_resched();
	while (s390_float_ext_take(vm, &ignored_ext))
		cond_resched();
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
		irq->u.mchk.cr14 = in->parm;
		irq->u.mchk.mcic = in->parm64;
		break;
	case KVM_S390_INT_PFAULT_INIT:
		irq->u.ext.ext_params2 = in->parm64;
		break;
	}
	return 0;
}

long s390_vm_interrupt(struct kvm *kvm, struct kvm_arg *arg)
{
	const struct kvm_s390_interrupt *in = arg->data;
	struct kvm_s390_irq irq = { .type = in->type };

	if (in->type == KVM_S390_INT_SERVICE || in->type == KVM_S390_INT_VIRTIO ||
	    in->type == KVM_S390_INT_PFAULT_DONE) {
		irq.u.ext.ext_params = in->parm;
		irq.u.ext.ext_params2 = in->parm64;
	} else if (in->type == KVM_S390_MCHK) {
		irq.u.mchk.cr14 = in->parm;
		irq.u.mchk.mcic = in->parm64;
	} else {
		irq.u.io.subchannel_id = in->parm >> 16;
		irq.u.io.subchannel_nr = in->parm & 0xffff;
		irq.u.io.io_int_parm = in->parm64 >> 32;
		irq.u.io.io_int_word = (u32)in->parm64;
	}
	return s390_inject_float(kvm, &irq, S390_BY_USER);
}

static noinline long vcpu_irq(struct s390_vcpu *v, void __user *user)
{
	struct kvm_s390_irq irq;

	if (copy_from_user(&irq, user, sizeof(irq)))
		return -EFAULT;
	return s390_inject_local(v, &irq);
}

static noinline long vcpu_interrupt(struct s390_vcpu *v, void __user *user)
{
	struct kvm_s390_interrupt in;
	struct kvm_s390_irq irq;
	int r;

	if (copy_from_user(&in, user, sizeof(in)))
		return -EFAULT;
	r = unpack_local(&in, &irq);
	return r ? r : s390_inject_local(v, &irq);
}

/*
 * From any thread, while another is in KVM_RUN: not under vcpu->mutex. Asked at every ioctl, and
 * has no frame to make for those that are none of its own.
 */
long s390_vcpu_async_ioctl(struct kvm_vcpu *vcpu, unsigned int cmd, unsigned long arg)
{
	if (cmd == KVM_S390_IRQ)
		return vcpu_irq(to_s390(vcpu), (void __user *)arg);
	if (cmd == KVM_S390_INTERRUPT)
		return vcpu_interrupt(to_s390(vcpu), (void __user *)arg);
	return -ENOIOCTLCMD;
}
