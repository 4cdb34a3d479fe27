// SPDX-License-Identifier: GPL-2.0-only
/*
 * What operations cost on the KVM of s390 that is loaded: a line "bench: NAME MEDIAN LEAST MOST"
 * for each row.
 *
 * Hercules counts the instructions of each processor, and tells by DIAGNOSE F08 to whoever asks,
 * in the problem state too. It counts them by the dozen, and an interruption or the end of SIE
 * cuts a dozen short. So a single operation is not measured: a sample is a batch of them, divided,
 * and the figure is the median of the batches, exact to some parts of a hundred.
 *
 * Guests are instructions (lib/s390.h). A batch is one KVM_RUN of a loop when the operation stays
 * in the kernel, else as many calls as it has operations.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "frame.h"
#include "s390.h"

#define BATCHES		15
#define REPEATS		256

#define FAR_AT		0x10000000UL		/* a second slot */
#define FAR_SIZE	0x4000000UL
#define SEGMENT		0x100000UL
#define PAGE		0x1000UL

#define CR0_RESET	0xe0
#define CR0_EMERGENCY	0x4000
#define CR0_CLOCK_COMP	0x800
#define WAIT_TOD	(1000UL << 12)		/* a millisecond */

/* Does @insns as often as R2 says, leaves, and begins again. R9 counts. */
#define LOOP(insns)	"0: lgr %r9,%r2\n 1: " insns "\n brctg %r9,1b\n" S390_END "\n j 0b"

static uint32_t instructions(void)
{
	register uint64_t count asm("1") = 0;

	asm volatile("diag %0,%%r0,0xf08" : "+d"(count) : : "memory");
	return count;
}

/* A batch of @n on this side. */
#define MEASURE(n, statement)							\
	do {									\
		uint32_t t_ = instructions();					\
										\
		statement;							\
		sample((uint32_t)(instructions() - t_) / (n));			\
	} while (0)

static void stop_vm(struct s390_vm *vm)
{
	munmap(vm->run, must(ioctl(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0)));
	close(vm->cpu);
	close(vm->fd);
	close(vm->kvm);
	munmap(vm->mem, MEM_SIZE);
	free(vm);
}

static void set_cr0(struct s390_vm *vm, uint64_t value)
{
	struct kvm_sregs sregs;

	must(ioctl(vm->cpu, KVM_GET_SREGS, &sregs));
	sregs.crs[0] = value;
	must(ioctl(vm->cpu, KVM_SET_SREGS, &sregs));
}

/* Batches of a guest's loop; the first is for warming up. */
static void measure_loop(struct s390_vm *vm, unsigned int n)
{
	int i;

	vm->run->s.regs.gprs[2] = n;
	s390_run_to_end(vm);
	for (i = 0; i < BATCHES; i++) {
		vm->run->s.regs.gprs[2] = n;
		MEASURE(n, s390_run_to_end(vm));
	}
	stop_vm(vm);
}

INSNS(to_user_guest, "0: " S390_END "\n j 0b");

static void run_often(struct s390_vm *vm)
{
	int i;

	for (i = 0; i < REPEATS; i++)
		ioctl(vm->cpu, KVM_RUN, 0);
}

static void to_user(void)
{
	struct s390_vm *vm = s390_vm_of(to_user_guest);
	int i;

	s390_run_to_end(vm);
	for (i = 0; i < BATCHES; i++)
		MEASURE(REPEATS, run_often(vm));
	stop_vm(vm);
}

#define LOOP_ROW(id, insns)							\
	INSNS(id##_guest, LOOP(insns));						\
										\
	static void id(void)							\
	{									\
		measure_loop(s390_vm_of(id##_guest), REPEATS);			\
	}

LOOP_ROW(sigp_sense, "lghi %r7,0; sigp %r6,%r7,1")
LOOP_ROW(diag_yield, "diag %r0,%r0,0x44")
LOOP_ROW(stsi_vms, "llilh %r4,2; llilh %r0,0x3000; oill %r0,2; lghi %r1,2\n"
	 ".insn s,0xb27d0000,0(%r4)")
LOOP_ROW(set_prefix, "llilh %r4,2; spx 0(%r4)")

/* R2 is an operand here: the count comes by R10. */
INSNS(notify_loop, "0: lgr %r9,%r10\n 1: lghi %r1,3; lgr %r2,%r8; lghi %r3,1; diag %r1,%r3,0x500\n"
	"brctg %r9,1b\n" S390_END "\n j 0b");

static void notify(void)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_S390_CSS_SUPPORT };
	struct s390_vm *vm = s390_vm_of(notify_loop);
	struct kvm_ioeventfd event = {
		.datamatch = 1, .addr = 0x10005, .len = 8, .fd = must(eventfd(0, 0)),
		.flags = KVM_IOEVENTFD_FLAG_VIRTIO_CCW_NOTIFY | KVM_IOEVENTFD_FLAG_DATAMATCH,
	};

	must(ioctl(vm->cpu, KVM_ENABLE_CAP, &cap));
	must(ioctl(vm->fd, KVM_IOEVENTFD, &event));
	vm->run->s.regs.gprs[8] = event.addr;
	vm->run->s.regs.gprs[10] = REPEATS;
	measure_loop(vm, REPEATS);
	close(event.fd);
}

/*
 * The handler of an external interruption leaves, and returns to where interruptions are enabled.
 */
INSNS(interrupted_guest, "0: j 0b\n .balign 4\n .globl interrupted_at\n interrupted_at: " S390_END
	"\n lpswe 0x130(%r0)");
extern const char interrupted_at[];

static void inject_and_run(struct s390_vm *vm)
{
	const struct kvm_s390_irq irq = { .type = KVM_S390_INT_EMERGENCY };

	must(ioctl(vm->cpu, KVM_S390_IRQ, &irq));
	ioctl(vm->cpu, KVM_RUN, 0);
}

static void inject_often(struct s390_vm *vm)
{
	int i;

	for (i = 0; i < REPEATS; i++)
		inject_and_run(vm);
}

static void interrupt(void)
{
	struct s390_vm *vm = s390_vm_of(interrupted_guest);
	int i;

	*s390_word(vm, LC_EXT_NEW) = PSW_64;
	*s390_word(vm, LC_EXT_NEW + 8) = CODE_AT + (interrupted_at - interrupted_guest);
	vm->run->psw_mask = PSW_64 | PSW_EXTERNAL;
	set_cr0(vm, CR0_RESET | CR0_EMERGENCY);
	inject_and_run(vm);
	expect_eq(vm->run->exit_reason, KVM_EXIT_S390_SIEIC);
	expect_eq(vm->run->s390_sieic.ipb >> 16, 0x777);
	for (i = 0; i < BATCHES; i++)
		MEASURE(REPEATS, inject_often(vm));
	stop_vm(vm);
}

/* Waits until the clock comparator's interruption, which goes on behind the wait. */
INSNS(waiting_guest,
	"0: lgr %r9,%r2\n"
	"1: stck 0(%r4); lg %r6,0(%r4); algr %r6,%r3; stg %r6,0(%r4); sckc 0(%r4); lpswe 16(%r4)\n"
	".globl waiting_ends\n waiting_ends: brctg %r9,1b\n" S390_END "\n j 0b");
extern const char waiting_ends[];

static void clock_wait(void)
{
	struct s390_vm *vm = s390_vm_of(waiting_guest);

	*s390_word(vm, LC_EXT_NEW) = PSW_64;
	*s390_word(vm, LC_EXT_NEW + 8) = CODE_AT + (waiting_ends - waiting_guest);
	*s390_word(vm, DATA_AT + 16) = PSW_64 | PSW_EXTERNAL | PSW_WAIT;
	set_cr0(vm, CR0_RESET | CR0_CLOCK_COMP);
	vm->run->s.regs.gprs[3] = WAIT_TOD;
	vm->run->s.regs.gprs[4] = DATA_AT;
	measure_loop(vm, 16);
}

/* Stores to R3, R3 + R4, ... */
INSNS(touching_guest, "0: lgr %r9,%r2; lgr %r6,%r3\n 1: stg %r9,0(%r6); agr %r6,%r4; brctg %r9,1b\n"
	S390_END "\n j 0b");

struct far {
	struct s390_vm	*vm;
	uint8_t		*area, *host;
	struct kvm_userspace_memory_region slot;
};

static void far_start(struct far *f, unsigned int flags)
{
	f->vm = s390_vm_of(touching_guest);
	f->area = mmap(NULL, FAR_SIZE + SEGMENT, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	expect(f->area != MAP_FAILED);
	f->host = (uint8_t *)(((uintptr_t)f->area + SEGMENT - 1) & -SEGMENT);
	f->slot = (struct kvm_userspace_memory_region) {
		.slot = 1, .flags = flags, .guest_phys_addr = FAR_AT, .memory_size = FAR_SIZE,
		.userspace_addr = (uintptr_t)f->host,
	};
	must(ioctl(f->vm->fd, KVM_SET_USER_MEMORY_REGION, &f->slot));
}

static void far_touch(struct far *f, uint64_t n, uint64_t step)
{
	f->vm->run->s.regs.gprs[2] = n;
	f->vm->run->s.regs.gprs[3] = FAR_AT;
	f->vm->run->s.regs.gprs[4] = step;
	s390_run_to_end(f->vm);
}

static void far_stop(struct far *f)
{
	stop_vm(f->vm);
	munmap(f->area, FAR_SIZE + SEGMENT);
}

static void fault_new(void)
{
	struct far f;
	int i;

	far_start(&f, 0);
	far_touch(&f, REPEATS, PAGE);
	for (i = 0; i < BATCHES; i++) {
		must(madvise(f.host, FAR_SIZE, MADV_DONTNEED));
		MEASURE(REPEATS, far_touch(&f, REPEATS, PAGE));
	}
	far_stop(&f);
}

/* The page is there for the VMM; the guest's segment is not yet linked to it. */
static void fault_segment(void)
{
	const unsigned int n = FAR_SIZE / SEGMENT;
	uint64_t size = FAR_SIZE;
	struct far f;
	int i;

	far_start(&f, 0);
	far_touch(&f, n, SEGMENT);
	for (i = 0; i < BATCHES; i++) {
		f.slot.memory_size = 0;
		must(ioctl(f.vm->fd, KVM_SET_USER_MEMORY_REGION, &f.slot));
		f.slot.memory_size = size;
		must(ioctl(f.vm->fd, KVM_SET_USER_MEMORY_REGION, &f.slot));
		MEASURE(n, far_touch(&f, n, SEGMENT));
	}
	far_stop(&f);
}

static uint64_t bitmap[FAR_SIZE / PAGE / 64];

static void log_rows(unsigned int dirty, int log_is_measured)
{
	struct kvm_dirty_log log = { .slot = 1, .dirty_bitmap = bitmap };
	struct far f;
	int i;

	far_start(&f, KVM_MEM_LOG_DIRTY_PAGES);
	far_touch(&f, REPEATS, 64 * PAGE);
	must(ioctl(f.vm->fd, KVM_GET_DIRTY_LOG, &log));
	for (i = 0; i < BATCHES; i++) {
		if (log_is_measured) {
			if (dirty)
				far_touch(&f, dirty, 64 * PAGE);
			MEASURE(1, must(ioctl(f.vm->fd, KVM_GET_DIRTY_LOG, &log)));
		} else {
			MEASURE(dirty, far_touch(&f, dirty, 64 * PAGE));
			must(ioctl(f.vm->fd, KVM_GET_DIRTY_LOG, &log));
		}
	}
	far_stop(&f);
}

static void fault_logged(void)
{
	log_rows(REPEATS, 0);
}

static void dirty_log_empty(void)
{
	log_rows(0, 1);
}

static void dirty_log_sparse(void)
{
	log_rows(REPEATS, 1);
}

/* Slots of a segment, all of the same memory. */
static void set_slot(struct far *f, unsigned int nr, uint64_t size)
{
	struct kvm_userspace_memory_region slot = {
		.slot = 2 + nr, .guest_phys_addr = 0x20000000UL + nr * 2 * SEGMENT,
		.memory_size = size, .userspace_addr = (uintptr_t)f->host,
	};

	must(ioctl(f->vm->fd, KVM_SET_USER_MEMORY_REGION, &slot));
}

static void measure_slots(unsigned int present, int deleting)
{
	struct far f;
	unsigned int i;

	far_start(&f, 0);
	for (i = 0; i < present - 2; i++)
		set_slot(&f, i, SEGMENT);
	for (i = 0; i < BATCHES; i++) {
		if (deleting) {
			set_slot(&f, present, SEGMENT);
			MEASURE(1, set_slot(&f, present, 0));
		} else {
			MEASURE(1, set_slot(&f, present, SEGMENT));
			set_slot(&f, present, 0);
		}
	}
	far_stop(&f);
}

static void slot_add_4(void)
{
	measure_slots(4, 0);
}

static void slot_delete_4(void)
{
	measure_slots(4, 1);
}

static void slot_add_400(void)
{
	measure_slots(400, 0);
}

static void slot_delete_400(void)
{
	measure_slots(400, 1);
}

static void create_vm(void)
{
	int kvm = must(open("/dev/kvm", O_RDWR)), vm, i;

	for (i = 0; i < BATCHES; i++) {
		MEASURE(1, vm = must(ioctl(kvm, KVM_CREATE_VM, 0)));
		close(vm);
	}
	close(kvm);
}

static void create_vcpu(void)
{
	int kvm = must(open("/dev/kvm", O_RDWR)), vm, cpu, i;

	for (i = 0; i < BATCHES; i++) {
		vm = must(ioctl(kvm, KVM_CREATE_VM, 0));
		MEASURE(1, cpu = must(ioctl(vm, KVM_CREATE_VCPU, 0)));
		close(cpu);
		close(vm);
	}
	close(kvm);
}

static void first_run(void)
{
	struct s390_vm *vm;
	int i;

	for (i = 0; i < BATCHES; i++) {
		vm = s390_vm_of(to_user_guest);
		MEASURE(1, s390_run_to_end(vm));
		stop_vm(vm);
	}
}

static const struct bench_row rows[] = {
	{ "diag_user",		to_user },
	{ "sigp_sense",		sigp_sense },
	{ "diag_yield",		diag_yield },
	{ "stsi",		stsi_vms },
	{ "set_prefix",		set_prefix },
	{ "notify",		notify },
	{ "interrupt",		interrupt },
	{ "clock_wait",		clock_wait },
	{ "fault_new",		fault_new },
	{ "fault_segment",	fault_segment },
	{ "fault_logged",	fault_logged },
	{ "dirty_log_empty",	dirty_log_empty },
	{ "dirty_log_sparse",	dirty_log_sparse },
	{ "slot_add_4",		slot_add_4 },
	{ "slot_delete_4",	slot_delete_4 },
	{ "slot_add_400",	slot_add_400 },
	{ "slot_delete_400",	slot_delete_400 },
	{ "create_vm",		create_vm },
	{ "create_vcpu",	create_vcpu },
	{ "first_run",		first_run },
	{ }
};

int main(int argc, char **argv)
{
	(void)argc;
	measure_rows(rows, argv + 1);
	return 0;
}
