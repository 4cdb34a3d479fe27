// SPDX-License-Identifier: GPL-2.0-only
/*
 * The i8254 timer: three counters at 1.193182 MHz behind ports 0x40 to 0x43, and the port 0x61 by
 * which counter 2 is gated and heard.
 *
 * Counters do not count: each remembers when it was loaded, and what it shows is worked out from
 * the time that has passed. Counter 0 alone does something by itself: an hrtimer says when its
 * output rises, and a work item then pulses GSI 0.
 *
 * Ticks that the guest is too slow for are not lost (unless KVM_REINJECT_CONTROL turns that off):
 * they are counted, and the next is sent when the guest has acknowledged the one before. The ack
 * notifier of GSI 0 and the hrtimer both just queue the work. A tick that nobody could have seen,
 * because GSI 0 is masked everywhere, is not waited for.
 *
 * Reference: Intel 8254 data sheet.
 */
#include <linux/hrtimer.h>
#include <linux/math64.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>
#include "ioapic.h"
#include "lapic.h"

#define PIT_HZ			1193182
#define PIT_GSI			0
#define PIT_SOURCE		KVM_IRQ_SOURCE_ARCH

#define PIT_PORT		0x40
#define PIT_PORT_CONTROL	3	/* of the four */
#define SPEAKER_PORT		0x61

#define SPEAKER_GATE		BIT(0)
#define SPEAKER_DATA		BIT(1)
#define SPEAKER_REFRESH		BIT(4)
#define SPEAKER_OUT		BIT(5)

/* Which byte of a counter is accessed: rw_mode, and where read_state and write_state stand. */
enum byte_mode { BYTE_LATCH, BYTE_LOW, BYTE_HIGH, BYTE_BOTH, BYTE_BOTH_SECOND };

/* A guest must not be able to keep the host busy. */
#define MIN_PERIOD_NS		(200 * NSEC_PER_USEC)

struct i8254 {
	struct mutex		lock;		/* guards channel, flags, speaker */
	struct kvm		*kvm;
	struct kvm_pit_channel_state channel[3];
	u32			flags;		/* KVM_PIT_FLAGS_HPET_LEGACY */
	bool			speaker_data;
	struct hrtimer		timer;
	u64			period;		/* ns; 0: one shot */
	struct work_struct	tick;
	atomic_t		ticks;		/* due, and not sent yet */
	atomic_t		acked;		/* 1: the last one has been acknowledged */
	bool			reinject;	/* written under kvm->lock */
	struct kvm_irq_ack_notifier ack;
	struct kvm_io_device	dev;
	struct kvm_io_device	speaker;
	unsigned int		places;		/* on the bus; the last to go frees */
};

static struct i8254 *vm_pit(struct kvm *kvm)
{
	return to_x86_vm(kvm)->irqchip.pit;
}

static bool is_periodic(const struct kvm_pit_channel_state *c)
{
	return c->mode == 2 || c->mode == 3;
}

/*
 * What a counter shows now.
 */

/* Clocks since it was loaded. */
static u64 elapsed(const struct kvm_pit_channel_state *c)
{
	return mul_u64_u32_div(ktime_get_ns() - c->count_load_time, PIT_HZ, NSEC_PER_SEC);
}

static u16 current_count(const struct kvm_pit_channel_state *c)
{
	u64 d = elapsed(c);
	u32 rest;

	/* a square wave goes down by twos */
	div_u64_rem(c->mode == 3 ? 2 * d : d, c->count, &rest);
	return is_periodic(c) ? c->count - rest : c->count - d;
}

/* The OUT pin, mode by mode. */
static bool output(const struct kvm_pit_channel_state *c)
{
	u64 d = elapsed(c);
	u32 rest;

	div_u64_rem(d, c->count, &rest);
	switch (c->mode) {
	case 0:
		return d >= c->count;
	case 1:
		return d < c->count;
	case 2:		/* low during the last clock of each round */
		return rest != c->count - 1;
	case 3:
		return rest < (c->count + 1) / 2;
	default:	/* a strobe: low for one clock */
		return d != c->count;
	}
}

/*
 * Counter 0's interrupt.
 */

/* Nothing is owed, and nothing is waited for. */
static void forget_ticks(struct i8254 *pit)
{
	atomic_set(&pit->ticks, 0);
	atomic_set(&pit->acked, 1);
}

static void nmi_watchdog(struct kvm *kvm)
{
	struct kvm_vcpu *vcpu;
	unsigned long i;

	kvm_for_each_vcpu(i, vcpu, kvm) {
		if (irqchip_nmi_from_pit(vcpu))
			x86_inject_nmi(vcpu);
	}
}

static void send_tick(struct work_struct *work)
{
	struct i8254 *pit = container_of(work, struct i8254, tick);
	bool reinject = READ_ONCE(pit->reinject);
	int r;

	if (!atomic_read(&pit->ticks))
		return;
	if (reinject && !atomic_xchg(&pit->acked, 0))
		return;
	if (!reinject)
		atomic_set(&pit->ticks, 0);
	r = kvm_irq_set(pit->kvm, PIT_SOURCE, PIT_GSI, 1, false);
	kvm_irq_set(pit->kvm, PIT_SOURCE, PIT_GSI, 0, false);
	if (r < 0)
		forget_ticks(pit);
	nmi_watchdog(pit->kvm);
}

static void tick_acked(struct kvm_irq_ack_notifier *n)
{
	struct i8254 *pit = container_of(n, struct i8254, ack);

	atomic_set(&pit->acked, 1);
	if (atomic_dec_if_positive(&pit->ticks) > 0)
		queue_work(system_highpri_wq, &pit->tick);
}

static enum hrtimer_restart timer_fires(struct hrtimer *timer)
{
	struct i8254 *pit = container_of(timer, struct i8254, timer);

	atomic_inc(&pit->ticks);
	queue_work(system_highpri_wq, &pit->tick);
	if (!pit->period)
		return HRTIMER_NORESTART;
	hrtimer_add_expires_ns(timer, pit->period);
	return HRTIMER_RESTART;
}

static void stop_ticking(struct i8254 *pit)
{
	hrtimer_cancel(&pit->timer);
	cancel_work_sync(&pit->tick);
	forget_ticks(pit);
}

/* Counter 0 is loaded. An HPET in legacy mode takes its interrupt over. */
static void start_ticking(struct i8254 *pit)
{
	const struct kvm_pit_channel_state *c = &pit->channel[0];
	u64 ns = mul_u64_u32_div(c->count, NSEC_PER_SEC, PIT_HZ);

	lockdep_assert_held(&pit->lock);
	stop_ticking(pit);
	if (pit->flags & KVM_PIT_FLAGS_HPET_LEGACY || c->mode >= 5)
		return;
	pit->period = is_periodic(c) ? max_t(u64, ns, MIN_PERIOD_NS) : 0;
	hrtimer_start(&pit->timer, ktime_add_ns(ktime_get(), pit->period ? : ns),
		      HRTIMER_MODE_ABS);
}

static void load_counter(struct i8254 *pit, unsigned int i, u32 count)
{
	struct kvm_pit_channel_state *c = &pit->channel[i];

	c->count = count ? count : 0x10000;
	c->count_load_time = ktime_get_ns();
	if (i == 0)
		start_ticking(pit);
}

/* A rising gate starts the one-shot and strobe modes, and restarts the periodic ones. */
static void set_gate(struct i8254 *pit, unsigned int i, bool gate)
{
	struct kvm_pit_channel_state *c = &pit->channel[i];

	if (gate && !c->gate && c->mode != 0 && c->mode != 4)
		c->count_load_time = ktime_get_ns();
	c->gate = gate;
}

/*
 * Latches.
 */
static void latch_count(struct kvm_pit_channel_state *c)
{
	if (c->count_latched)
		return;
	c->latched_count = current_count(c);
	c->count_latched = c->rw_mode;
}

static void latch_status(struct kvm_pit_channel_state *c)
{
	if (c->status_latched)
		return;
	c->status = output(c) << 7 | c->rw_mode << 4 | (c->mode & 7) << 1 | c->bcd;
	c->status_latched = 1;
}

/* Bits 3 to 1 choose counters; bits 5 and 4, when clear, count and status. */
static void read_back(struct i8254 *pit, u8 val)
{
	unsigned int i;

	for (i = 0; i < 3; i++) {
		if (!(val & BIT(i + 1)))
			continue;
		if (!(val & BIT(5)))
			latch_count(&pit->channel[i]);
		if (!(val & BIT(4)))
			latch_status(&pit->channel[i]);
	}
}

static void write_control(struct i8254 *pit, u8 val)
{
	unsigned int i = val >> 6;
	u8 access = (val >> 4) & 3;
	struct kvm_pit_channel_state *c;

	if (i == 3) {
		read_back(pit, val);
		return;
	}
	c = &pit->channel[i];
	if (access == BYTE_LATCH) {
		latch_count(c);
		return;
	}
	c->rw_mode = access;
	c->read_state = access;
	c->write_state = access;
	c->mode = (val >> 1) & 7;
	if (c->mode > 5)	/* the top bit does not count for modes 2 and 3 */
		c->mode -= 4;
	c->bcd = val & 1;
	if (i == 0)	/* a new mode stops it until it is loaded */
		stop_ticking(pit);
}

static void write_counter(struct i8254 *pit, unsigned int i, u8 val)
{
	struct kvm_pit_channel_state *c = &pit->channel[i];

	switch (c->write_state) {
	case BYTE_LOW:
		load_counter(pit, i, val);
		break;
	case BYTE_HIGH:
		load_counter(pit, i, val << 8);
		break;
	case BYTE_BOTH:
		c->write_latch = val;
		c->write_state = BYTE_BOTH_SECOND;
		break;
	case BYTE_BOTH_SECOND:
		c->write_state = BYTE_BOTH;
		load_counter(pit, i, c->write_latch | val << 8);
		break;
	}
}

/* The next byte of @count; *@state moves on between the two of a pair. */
static u8 next_byte(u8 *state, u16 count)
{
	switch (*state) {
	case BYTE_HIGH:
		return count >> 8;
	case BYTE_BOTH:
		*state = BYTE_BOTH_SECOND;
		return count;
	case BYTE_BOTH_SECOND:
		*state = BYTE_BOTH;
		return count >> 8;
	default:
		return count;
	}
}

static u8 read_counter(struct i8254 *pit, unsigned int i)
{
	struct kvm_pit_channel_state *c = &pit->channel[i];
	u8 before = c->count_latched, val;

	if (c->status_latched) {
		c->status_latched = 0;
		return c->status;
	}
	if (!before)
		return next_byte(&c->read_state, current_count(c));
	val = next_byte(&c->count_latched, c->latched_count);
	if (before != BYTE_BOTH)	/* that was the last byte */
		c->count_latched = 0;
	return val;
}

/*
 * Ports.
 */
static int pit_read(struct kvm_vcpu *vcpu, struct kvm_io_device *dev, gpa_t port, int len,
		    void *val)
{
	struct i8254 *pit = container_of(dev, struct i8254, dev);
	unsigned int i = port & 3;

	memset(val, 0, len);
	if (i == PIT_PORT_CONTROL)	/* write only */
		return 0;
	mutex_lock(&pit->lock);
	*(u8 *)val = read_counter(pit, i);
	mutex_unlock(&pit->lock);
	return 0;
}

static int pit_write(struct kvm_vcpu *vcpu, struct kvm_io_device *dev, gpa_t port, int len,
		     const void *val)
{
	struct i8254 *pit = container_of(dev, struct i8254, dev);
	unsigned int i = port & 3;
	u8 byte = *(const u8 *)val;

	mutex_lock(&pit->lock);
	if (i == PIT_PORT_CONTROL)
		write_control(pit, byte);
	else
		write_counter(pit, i, byte);
	mutex_unlock(&pit->lock);
	return 0;
}

/* Bit 4 toggles with each memory refresh, every 15 us: programs measure time by it. */
static int speaker_read(struct kvm_vcpu *vcpu, struct kvm_io_device *dev, gpa_t port, int len,
			void *val)
{
	struct i8254 *pit = container_of(dev, struct i8254, speaker);
	u8 byte = 0;

	mutex_lock(&pit->lock);
	if (pit->channel[2].gate)
		byte |= SPEAKER_GATE;
	if (pit->speaker_data)
		byte |= SPEAKER_DATA;
	if (ktime_get_ns() >> 14 & 1)
		byte |= SPEAKER_REFRESH;
	if (output(&pit->channel[2]))
		byte |= SPEAKER_OUT;
	mutex_unlock(&pit->lock);
	memset(val, 0, len);
	*(u8 *)val = byte;
	return 0;
}

static int speaker_write(struct kvm_vcpu *vcpu, struct kvm_io_device *dev, gpa_t port, int len,
			 const void *val)
{
	struct i8254 *pit = container_of(dev, struct i8254, speaker);
	u8 byte = *(const u8 *)val;

	mutex_lock(&pit->lock);
	pit->speaker_data = byte & SPEAKER_DATA;
	set_gate(pit, 2, byte & SPEAKER_GATE);
	mutex_unlock(&pit->lock);
	return 0;
}

static void leave(struct i8254 *pit)
{
	if (!--pit->places)
		kfree(pit);
}

static void pit_gone(struct kvm_io_device *dev)
{
	leave(container_of(dev, struct i8254, dev));
}

static void speaker_gone(struct kvm_io_device *dev)
{
	leave(container_of(dev, struct i8254, speaker));
}

static const struct kvm_io_ops pit_ops = {
	.read		= pit_read,
	.write		= pit_write,
	.destroy	= pit_gone,
};

static const struct kvm_io_ops speaker_ops = {
	.read		= speaker_read,
	.write		= speaker_write,
	.destroy	= speaker_gone,
};

/*
 * Life cycle.
 */
static void reset(struct i8254 *pit)
{
	unsigned int i;

	for (i = 0; i < 3; i++) {
		pit->channel[i] = (struct kvm_pit_channel_state) {
			.mode		= 0xff,		/* none yet */
			.gate		= i != 2,
			.count		= 0x10000,
			.count_load_time = ktime_get_ns(),
		};
	}
	forget_ticks(pit);
}

/* kvm->lock held. */
static void set_reinject(struct i8254 *pit, bool on)
{
	if (pit->reinject == on)
		return;
	if (on) {
		forget_ticks(pit);
		kvm_irq_ack_register(pit->kvm, &pit->ack);
	} else {
		kvm_irq_ack_unregister(pit->kvm, &pit->ack);
	}
	WRITE_ONCE(pit->reinject, on);
}

static int join_bus(struct i8254 *pit, bool speaker)
{
	struct kvm *kvm = pit->kvm;
	int r;

	mutex_lock(&kvm->slots_lock);
	r = kvm_io_bus_register(kvm, KVM_BUS_PIO, PIT_PORT, 4, &pit->dev);
	if (r)
		goto out;
	pit->places = 1;
	if (!speaker)
		goto out;
	r = kvm_io_bus_register(kvm, KVM_BUS_PIO, SPEAKER_PORT, 1, &pit->speaker);
	if (r)
		kvm_io_bus_unregister(kvm, KVM_BUS_PIO, &pit->dev);
	else
		pit->places++;
out:
	mutex_unlock(&kvm->slots_lock);
	return r;
}

static long create(struct kvm *kvm, u32 flags)
{
	struct i8254 *pit;
	int r;

	lockdep_assert_held(&kvm->lock);
	if (vm_pit(kvm))
		return -EEXIST;
	if (!irqchip_full(kvm))
		return -ENOENT;
	pit = kzalloc(sizeof(*pit), GFP_KERNEL_ACCOUNT);
	if (!pit)
		return -ENOMEM;
	mutex_init(&pit->lock);
	hrtimer_init(&pit->timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS);
	pit->timer.function = timer_fires;
	INIT_WORK(&pit->tick, send_tick);
	pit->kvm = kvm;
	pit->ack.gsi = PIT_GSI;
	pit->ack.acked = tick_acked;
	pit->dev.ops = &pit_ops;
	pit->speaker.ops = &speaker_ops;
	reset(pit);
	r = join_bus(pit, flags & KVM_PIT_SPEAKER_DUMMY);
	if (r) {
		kfree(pit);
		return r;
	}
	set_reinject(pit, true);
	to_x86_vm(kvm)->irqchip.pit = pit;
	return 0;
}

long irqchip_vm_create_pit(struct kvm *kvm, struct kvm_arg *arg)
{
	return create(kvm, KVM_PIT_SPEAKER_DUMMY);
}

/* Return: 0, -EEXIST, -ENOENT without an i8259, -ENOMEM, -ENOSPC. */
long irqchip_vm_create_pit2(struct kvm *kvm, struct kvm_arg *arg)
{
	const struct kvm_pit_config *config = arg->data;

	return create(kvm, config->flags);
}

/* vCPUs do not run any more, and will not again. */
void i8254_stop(struct kvm *kvm)
{
	struct i8254 *pit = vm_pit(kvm);

	if (!pit)
		return;
	if (pit->reinject)
		kvm_irq_ack_unregister(kvm, &pit->ack);
	pit->reinject = false;
	stop_ticking(pit);
}

/*
 * State for user space. Rows of vm.c hold kvm->lock.
 */
long irqchip_vm_get_pit2(struct kvm *kvm, struct kvm_arg *arg)
{
	struct i8254 *pit = vm_pit(kvm);
	struct kvm_pit_state2 *s = arg->data;

	if (!pit)
		return -ENXIO;
	memset(s, 0, sizeof(*s));
	mutex_lock(&pit->lock);
	memcpy(s->channels, pit->channel, sizeof(s->channels));
	s->flags = pit->flags;
	if (pit->speaker_data)
		s->flags |= KVM_PIT_FLAGS_SPEAKER_DATA_ON;
	mutex_unlock(&pit->lock);
	return 0;
}

long irqchip_vm_get_pit(struct kvm *kvm, struct kvm_arg *arg)
{
	struct i8254 *pit = vm_pit(kvm);
	struct kvm_pit_state *s = arg->data;

	if (!pit)
		return -ENXIO;
	mutex_lock(&pit->lock);
	memcpy(s->channels, pit->channel, sizeof(s->channels));
	mutex_unlock(&pit->lock);
	return 0;
}

/* Counts are loaded now; what the counters had counted since they were loaded is not kept. */
static void set_channels(struct i8254 *pit, const struct kvm_pit_channel_state *from)
{
	unsigned int i;

	lockdep_assert_held(&pit->lock);
	memcpy(pit->channel, from, sizeof(pit->channel));
	for (i = 0; i < 3; i++) {
		if (pit->channel[i].count > 0x10000)
			pit->channel[i].count = 0x10000;
		load_counter(pit, i, pit->channel[i].count);
	}
}

long irqchip_vm_set_pit(struct kvm *kvm, struct kvm_arg *arg)
{
	struct i8254 *pit = vm_pit(kvm);
	const struct kvm_pit_state *s = arg->data;

	if (!pit)
		return -ENXIO;
	mutex_lock(&pit->lock);
	set_channels(pit, s->channels);
	mutex_unlock(&pit->lock);
	return 0;
}

long irqchip_vm_set_pit2(struct kvm *kvm, struct kvm_arg *arg)
{
	struct i8254 *pit = vm_pit(kvm);
	const struct kvm_pit_state2 *s = arg->data;

	if (!pit)
		return -ENXIO;
	mutex_lock(&pit->lock);
	pit->flags = s->flags & KVM_PIT_FLAGS_HPET_LEGACY;
	pit->speaker_data = s->flags & KVM_PIT_FLAGS_SPEAKER_DATA_ON;
	set_channels(pit, s->channels);
	mutex_unlock(&pit->lock);
	return 0;
}

long irqchip_vm_reinject(struct kvm *kvm, struct kvm_arg *arg)
{
	struct i8254 *pit = vm_pit(kvm);
	struct kvm_reinject_control control;

	if (copy_from_user(&control, arg->user, sizeof(control)))
		return -EFAULT;
	if (!pit)
		return -ENXIO;
	set_reinject(pit, control.pit_reinject);
	return 0;
}
