// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvmclock: the VM's clock, and the page by which a guest reads it without an exit.
 *
 * The VM's clock is CLOCK_MONOTONIC_RAW plus an offset, 0 when the VM is made. A vCPU's page holds
 * one moment as (guest TSC, VM clock) and the TSC's rate; the guest works out "now" from it.
 *
 * While the host itself runs on its TSC and all TSCs of the VM agree, every page is made from one
 * and the same moment, the master's: then a guest gets the same time from all pages, and they say
 * so by the stable bit. The moment is taken once and kept as long as the conditions last: taking it
 * anew would move the clock by what the TSC's rate was rounded by. Without it each vCPU has a
 * moment of its own, and the guest takes care that its time does not go back.
 *
 * A page is written with its version odd meanwhile, so that a reader notices (asm/pvclock-abi.h).
 */
#include <linux/irq_work.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/pvclock_gtod.h>
#include <linux/suspend.h>
#include <linux/timekeeper_internal.h>
#include <linux/clocksource.h>
#include <asm/tsc.h>
#include <uapi/linux/kvm_para.h>
#include "../x86.h"

/* How often pages are made anew that have no master's moment in common. */
#define RESYNC_PERIOD		(300 * HZ)

/* The host's clock source is its TSC. Written under the timekeeper's lock. */
static bool host_uses_tsc;

static struct x86_clock *vm_clock(struct kvm *kvm)
{
	return &to_x86_vm(kvm)->clock;
}

/*
 * A rate as the page has it: ns = ((tsc << shift) * mul) >> 32.
 */
struct rate {
	u32	mul;
	s8	shift;
};

static struct rate rate_of_khz(u32 khz)
{
	u64 hz = (u64)khz * 1000;
	struct rate r = { .shift = 0 };

	while (hz > 2 * NSEC_PER_SEC) {
		hz >>= 1;
		r.shift--;
	}
	while (hz <= NSEC_PER_SEC) {
		hz <<= 1;
		r.shift++;
	}
	r.mul = div64_u64((u64)NSEC_PER_SEC << 32, hz);
	return r;
}

static u64 cycles_to_ns(u64 cycles, struct rate r)
{
	cycles = r.shift < 0 ? cycles >> -r.shift : cycles << r.shift;
	return mul_u64_u32_shr(cycles, r.mul, 32);
}

/*
 * The VM's clock.
 */

/* A moment of the host: its TSC and CLOCK_MONOTONIC_RAW at once. */
struct moment {
	u64	tsc;
	u64	ns;
};

/* Two readings one after the other; nothing may come between. */
static struct moment moment_apart(void)
{
	struct moment m;
	unsigned long flags;

	local_irq_save(flags);
	m.tsc = rdtsc_ordered();
	m.ns = ktime_get_raw_ns();
	local_irq_restore(flags);
	return m;
}

struct clock_view {
	bool		master;
	struct moment	at;		/* the master's, if there is one */
	s64		offset;
};

static struct clock_view clock_view(struct kvm *kvm)
{
	struct x86_clock *c = vm_clock(kvm);
	struct clock_view v;
	unsigned int seq;

	do {
		seq = read_seqcount_begin(&c->seq);
		v = (struct clock_view) {
			.master	= c->use_master,
			.at	= { .tsc = c->master_tsc, .ns = c->master_ns },
			.offset	= c->offset_ns,
		};
	} while (read_seqcount_retry(&c->seq, seq));
	return v;
}

/* Host time, in the VM clock's terms, when the TSC stands at @tsc. */
static u64 master_ns_at(const struct clock_view *v, u64 tsc)
{
	s64 delta = tsc - v->at.tsc;

	/* Another CPU's TSC may lag the one the moment was taken on by a little. */
	return v->at.ns + (delta > 0 ? cycles_to_ns(delta, rate_of_khz(tsc_khz)) : 0);
}

u64 kvmclock_vm_ns(struct kvm *kvm)
{
	struct clock_view v = clock_view(kvm);

	return v.offset + (v.master ? master_ns_at(&v, rdtsc_ordered()) : ktime_get_raw_ns());
}

/*
 * The page.
 */

/*
 * Publish @info: version odd, contents, version even. An error may leave an odd version, on which
 * the guest's readers wait: the page is to be written again.
 */
static int write_page(struct kvm_vcpu *vcpu, struct x86_kvmclock *k,
		      struct pvclock_vcpu_time_info *info)
{
	const unsigned int body = offsetof(struct pvclock_vcpu_time_info, pad0);
	struct kvm *kvm = vcpu->kvm;
	u32 version = (k->info.version | 1) + 2;	/* odd, and new */
	int r;

	r = kvm_write_guest_cached(kvm, &k->page, 0, &version, sizeof(version));
	if (r)
		return r;
	smp_wmb();	/* the odd version, then the contents */
	info->version = version + 1;
	r = kvm_write_guest_cached(kvm, &k->page, body, (u8 *)info + body, sizeof(*info) - body);
	if (r)
		return r;
	smp_wmb();	/* the contents, then the even version */
	r = kvm_write_guest_cached(kvm, &k->page, 0, &info->version, sizeof(info->version));
	if (!r)
		k->info = *info;
	return r;
}

/*
 * "You were stopped" is for the guest to clear; and the version goes on from what is there, which
 * may be another VMM's.
 */
static u8 take_over_page(struct kvm_vcpu *vcpu, struct x86_kvmclock *k)
{
	struct pvclock_vcpu_time_info old;
	u8 flags = 0;

	if (kvm_read_guest_cached(vcpu->kvm, &k->page, 0, &old, sizeof(old)))
		return 0;
	k->info.version = old.version;
	if (k->pause_flag || (old.flags & PVCLOCK_GUEST_STOPPED))
		flags |= PVCLOCK_GUEST_STOPPED;
	return flags;
}

/**
 * kvmclock_update - make a vCPU's page anew
 * @vcpu: loaded, in its own thread, srcu held
 *
 * Return: 0; 1 when the rate of the TSC is not known, so that there is nothing to write; -EFAULT
 * when the VMM's memory is not there: the request is made again, for the next KVM_RUN. A page that
 * the guest has in no slot is its own affair.
 */
int kvmclock_update(struct kvm_vcpu *vcpu)
{
	struct x86_kvmclock *k = &to_x86(vcpu)->pv.clock;
	struct pvclock_vcpu_time_info info = { 0 };
	u32 khz = x86_tsc_hardware_khz(vcpu);
	struct clock_view v;
	struct rate rate;
	int r;

	if (!k->active)
		return 0;
	if (!khz)
		return 1;
	v = clock_view(vcpu->kvm);
	if (!v.master)
		v.at = moment_apart();
	rate = rate_of_khz(khz);
	info.tsc_timestamp = x86_tsc_read_guest(vcpu, v.at.tsc);
	info.system_time = v.at.ns + v.offset;
	info.tsc_to_system_mul = rate.mul;
	info.tsc_shift = rate.shift;
	info.flags = take_over_page(vcpu, k);
	if (v.master)
		info.flags |= PVCLOCK_TSC_STABLE_BIT;
	r = write_page(vcpu, k, &info);
	if (r == -EFAULT) {
		kvm_request(vcpu, KVM_REQ_CLOCK_UPDATE);
		return r;
	}
	if (!r)
		k->pause_flag = false;
	return 0;
}

static void update_all_pages(struct kvm *kvm)
{
	struct kvm_vcpu *vcpu;
	unsigned long i;

	kvm_for_each_vcpu(i, vcpu, kvm) {
		if (!READ_ONCE(to_x86(vcpu)->pv.clock.active))
			continue;
		kvm_request(vcpu, KVM_REQ_CLOCK_UPDATE);
		kvm_vcpu_kick(vcpu);
	}
}

/*
 * The master's moment.
 */

/* One moment by one reading of the TSC; only while that is what the host's clock reads. */
static struct moment moment_of_host(struct system_time_snapshot *snap)
{
	ktime_get_snapshot(snap);
	return (struct moment) { .tsc = snap->cycles, .ns = ktime_to_ns(snap->raw) };
}

static bool all_matched(struct kvm *kvm)
{
	struct x86_clock *c = vm_clock(kvm);

	lockdep_assert_held(&c->tsc_lock);
	return c->gen_matched && c->gen_matched == kvm_online_vcpus(kvm);
}

/**
 * kvmclock_master_update - the conditions for a master clock may have changed
 * @kvm: the VM
 *
 * Context: any but hard irq. Pages follow when their vCPUs get to it.
 */
void kvmclock_master_update(struct kvm *kvm)
{
	struct x86_clock *c = vm_clock(kvm);
	struct system_time_snapshot snap;
	unsigned long flags;
	struct moment m;
	bool on, changed;

	raw_spin_lock_irqsave(&c->tsc_lock, flags);
	on = READ_ONCE(host_uses_tsc) && all_matched(kvm);
	changed = on != c->use_master || c->master_lost != READ_ONCE(x86_tsc_lost);
	if (changed) {
		write_seqcount_begin(&c->seq);
		c->use_master = on;
		c->master_lost = READ_ONCE(x86_tsc_lost);
		if (on) {
			m = moment_of_host(&snap);
			c->master_tsc = m.tsc;
			c->master_ns = m.ns;
		}
		write_seqcount_end(&c->seq);
	}
	raw_spin_unlock_irqrestore(&c->tsc_lock, flags);
	if (changed)
		update_all_pages(kvm);
}

/*
 * The host's clock source changes. The notifier runs inside the timekeeper's lock, where nothing
 * may be woken: from there it goes by irq_work to a work item.
 */
static void source_changed_work(struct work_struct *work)
{
	struct kvm *kvm;

	mutex_lock(&kvm_lock);
	list_for_each_entry(kvm, &kvm_vms, node)
		kvmclock_master_update(kvm);
	mutex_unlock(&kvm_lock);
}

static DECLARE_WORK(source_work, source_changed_work);

static void source_changed_irq(struct irq_work *work)
{
	queue_work(system_long_wq, &source_work);
}

static DEFINE_IRQ_WORK(source_irq_work, source_changed_irq);

static int timekeeper_changed(struct notifier_block *nb, unsigned long stepped, void *data)
{
	const struct timekeeper *tk = data;
	bool tsc = tk->tkr_mono.clock->vdso_clock_mode == VDSO_CLOCKMODE_TSC;

	if (likely(tsc == host_uses_tsc))
		return NOTIFY_OK;
	WRITE_ONCE(host_uses_tsc, tsc);
	irq_work_queue(&source_irq_work);
	return NOTIFY_OK;
}

/* The TSC may have begun again, and a master's moment with it. */
void kvmclock_resume(void)
{
	irq_work_queue(&source_irq_work);
}

static struct notifier_block timekeeper_notifier = {
	.notifier_call = timekeeper_changed,
};

/*
 * The host goes to sleep: its guests will find time gone, and are told that they were stopped, so
 * that their watchdogs take it for that.
 */
static void all_were_stopped(void)
{
	struct kvm_vcpu *vcpu;
	struct kvm *kvm;
	unsigned long i;

	mutex_lock(&kvm_lock);
	list_for_each_entry(kvm, &kvm_vms, node) {
		kvm_for_each_vcpu(i, vcpu, kvm) {
			if (!READ_ONCE(to_x86(vcpu)->pv.clock.active))
				continue;
			WRITE_ONCE(to_x86(vcpu)->pv.clock.pause_flag, true);
			kvm_request(vcpu, KVM_REQ_CLOCK_UPDATE);
		}
	}
	mutex_unlock(&kvm_lock);
}

static int power_changes(struct notifier_block *nb, unsigned long what, void *unused)
{
	if (what == PM_SUSPEND_PREPARE || what == PM_HIBERNATION_PREPARE)
		all_were_stopped();
	return NOTIFY_DONE;
}

static struct notifier_block power_notifier = {
	.notifier_call = power_changes,
};

int kvmclock_module_init(void)
{
	int r = register_pm_notifier(&power_notifier);

	if (r)
		return r;
	r = pvclock_gtod_register_notifier(&timekeeper_notifier);
	if (r)
		unregister_pm_notifier(&power_notifier);
	return r;
}

void kvmclock_module_exit(void)
{
	unregister_pm_notifier(&power_notifier);
	pvclock_gtod_unregister_notifier(&timekeeper_notifier);
	irq_work_sync(&source_irq_work);
	cancel_work_sync(&source_work);
}

static void resync_work(struct work_struct *work)
{
	struct x86_clock *c = container_of(to_delayed_work(work), struct x86_clock, resync);
	struct x86_vm *vm = container_of(c, struct x86_vm, clock);

	if (!READ_ONCE(c->use_master))
		update_all_pages(&vm->kvm);
	schedule_delayed_work(&c->resync, RESYNC_PERIOD);
}

/* The clock of a new VM begins at 0. */
void x86_tsc_vm_init(struct kvm *kvm)
{
	struct x86_clock *c = vm_clock(kvm);

	raw_spin_lock_init(&c->tsc_lock);
	seqcount_raw_spinlock_init(&c->seq, &c->tsc_lock);
	c->offset_ns = -ktime_get_raw_ns();
	c->default_khz = tsc_khz;
	INIT_DELAYED_WORK(&c->resync, resync_work);
	schedule_delayed_work(&c->resync, RESYNC_PERIOD);
}

void x86_tsc_vm_destroy(struct kvm *kvm)
{
	cancel_delayed_work_sync(&vm_clock(kvm)->resync);
}

/*
 * MSRs.
 */

/**
 * kvmclock_msr_set - MSR_KVM_SYSTEM_TIME(_NEW): where the vCPU's page is, and whether it is wanted
 * @vcpu: loaded
 * @data: address with bit 0 as the switch
 * @old_msr: by the old number
 * @host: user space does
 *
 * An address without memory behind it leaves the clock off; there is no #GP for it.
 * Return: 0.
 */
int kvmclock_msr_set(struct kvm_vcpu *vcpu, u64 data, bool old_msr, bool host)
{
	struct x86_kvmclock *k = &to_x86(vcpu)->pv.clock;

	k->msr = data;
	WRITE_ONCE(k->active, false);
	if (!(data & KVM_MSR_ENABLED))
		return 0;
	if (kvm_gpa_cache_init(vcpu->kvm, &k->page, data & ~(u64)KVM_MSR_ENABLED, sizeof(k->info)))
		return 0;
	WRITE_ONCE(k->active, true);
	kvm_request(vcpu, KVM_REQ_MASTERCLOCK);
	kvm_request(vcpu, KVM_REQ_CLOCK_UPDATE);
	return 0;
}

/**
 * kvmclock_wall_msr_set - MSR_KVM_WALL_CLOCK(_NEW): write the wall-clock time of the VM clock's
 * zero
 * @vcpu: srcu held
 * @data: guest physical address
 *
 * Return: 0; -EFAULT when the VMM's memory is not there: the guest's instruction is to be executed
 * again. An address in no slot is the guest's own affair.
 */
int kvmclock_wall_msr_set(struct kvm_vcpu *vcpu, u64 data)
{
	struct kvm *kvm = vcpu->kvm;
	struct pvclock_wall_clock w;
	u64 zero;
	u32 version;
	int r;

	vm_clock(kvm)->wall_gpa = data;
	if (!data)
		return 0;
	r = kvm_read_guest(kvm, data, &version, sizeof(version));
	if (r)
		goto out;
	version = (version | 1) + 2;
	r = kvm_write_guest(kvm, data, &version, sizeof(version));
	if (r)
		goto out;
	smp_wmb();	/* as in write_page() */
	zero = ktime_get_real_ns() - kvmclock_vm_ns(kvm);
	w.version = version + 1;
	w.sec = div_u64_rem(zero, NSEC_PER_SEC, &w.nsec);
	r = kvm_write_guest(kvm, data + sizeof(version), &w.sec, sizeof(w) - sizeof(version));
	if (r)
		goto out;
	smp_wmb();	/* as in write_page() */
	r = kvm_write_guest(kvm, data, &w.version, sizeof(w.version));
out:
	return r == -EFAULT ? r : 0;
}

void kvmclock_reset(struct kvm_vcpu *vcpu)
{
	struct x86_kvmclock *k = &to_x86(vcpu)->pv.clock;

	WRITE_ONCE(k->active, false);
	k->msr = 0;
	k->pause_flag = false;
}

long kvmclock_pair(struct kvm_vcpu *vcpu, gpa_t gpa)
{
	struct kvm_clock_pairing pair = { 0 };
	struct system_time_snapshot snap;
	struct timespec64 real;

	if (!READ_ONCE(host_uses_tsc))
		return -KVM_EOPNOTSUPP;
	ktime_get_snapshot(&snap);
	real = ktime_to_timespec64(snap.real);
	pair.sec = real.tv_sec;
	pair.nsec = real.tv_nsec;
	pair.tsc = x86_tsc_read_guest(vcpu, snap.cycles);
	return kvm_write_guest(vcpu->kvm, gpa, &pair, sizeof(pair)) ? -KVM_EFAULT : 0;
}

/*
 * ioctls (KVM API 4.29, 4.30, 4.72).
 */

/* With the master clock all that is reported is of one moment, and says so. */
long kvmclock_vm_get_clock(struct kvm *kvm, struct kvm_arg *arg)
{
	struct clock_view v = clock_view(kvm);
	struct kvm_clock_data *data = arg->data;
	struct system_time_snapshot snap;
	struct moment now;

	memset(data, 0, sizeof(*data));
	if (!v.master) {
		data->clock = ktime_get_raw_ns() + v.offset;
		return 0;
	}
	now = moment_of_host(&snap);
	data->clock = master_ns_at(&v, now.tsc) + v.offset;
	data->host_tsc = now.tsc;
	data->realtime = ktime_to_ns(snap.real);
	data->flags = KVM_CLOCK_TSC_STABLE | KVM_CLOCK_REALTIME | KVM_CLOCK_HOST_TSC;
	return 0;
}

/*
 * The pages of vCPUs that are not in KVM_RUN, at once: Linux reads the first vCPU's page from user
 * mode on every vCPU, and must not find there the time from before, because that vCPU is the last
 * to be run again. Who is in KVM_RUN follows the kick.
 */
static void update_pages_at_rest(struct kvm *kvm)
{
	struct kvm_vcpu *vcpu;
	unsigned long i;

	kvm_for_each_vcpu(i, vcpu, kvm) {
		if (!mutex_trylock(&vcpu->mutex))
			continue;
		kvm_vcpu_load(vcpu);
		kvm_vcpu_srcu_lock(vcpu);
		if (kvm_request_take(vcpu, KVM_REQ_CLOCK_UPDATE))
			kvmclock_update(vcpu);	/* KVM_RUN tells of an error */
		kvm_vcpu_srcu_unlock(vcpu);
		kvm_vcpu_put(vcpu);
		mutex_unlock(&vcpu->mutex);
	}
}

#define CLOCK_FLAGS	(KVM_CLOCK_TSC_STABLE | KVM_CLOCK_REALTIME | KVM_CLOCK_HOST_TSC)

long kvmclock_vm_set_clock(struct kvm *kvm, struct kvm_arg *arg)
{
	const struct kvm_clock_data *data = arg->data;
	struct x86_clock *c = vm_clock(kvm);
	u64 clock = data->clock, real;
	unsigned long flags;

	if (data->flags & ~CLOCK_FLAGS)		/* what GET_CLOCK gave may be given back */
		return -EINVAL;
	if (data->flags & KVM_CLOCK_REALTIME) {
		real = ktime_get_real_ns();	/* time went on while the VM was on its way */
		if (real > data->realtime)
			clock += real - data->realtime;
	}
	raw_spin_lock_irqsave(&c->tsc_lock, flags);
	clock -= kvmclock_vm_ns(kvm);
	write_seqcount_begin(&c->seq);
	c->offset_ns += clock;
	write_seqcount_end(&c->seq);
	raw_spin_unlock_irqrestore(&c->tsc_lock, flags);
	update_all_pages(kvm);
	update_pages_at_rest(kvm);
	return 0;
}

long kvmclock_vcpu_ctrl(struct kvm_vcpu *vcpu, struct kvm_arg *arg)
{
	struct x86_kvmclock *k = &to_x86(vcpu)->pv.clock;

	if (!k->active)
		return -EINVAL;
	k->pause_flag = true;
	kvm_request(vcpu, KVM_REQ_CLOCK_UPDATE);
	return 0;
}
