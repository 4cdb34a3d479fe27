// SPDX-License-Identifier: GPL-2.0-only
/*
 * Arguments that have to be refused: a table of requests, each with the error that the documents
 * name. A refused request has changed nothing: registers, interrupts, storage, keys and attributes
 * are as they were. Then all of it by two threads at once, beside a CPU that runs.
 *
 * The VM has a CPU that is stopped and never run, to which the requests go, and a second one that
 * runs. Of the attributes attrs.c has a table of its own, of pointers hostile.c, of interrupts that
 * are not classes.c.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>

#include "s390.h"

#define MB		0x100000UL
#define MEM_OP_MAX	0x10000
#define nowhere		0xffffffffffff0000UL

enum kind { SYSTEM, VM, CPU, FLIC, KINDS };

/*
 * The kernel's own module takes a slot that does not begin with a segment of the guest's, and one
 * that is beyond all addresses of its user; it has set the keys before one that is refused or has
 * no frame, and stored the part of a status for which there is memory. Such a row is not for it.
 */
#define SKIP_ORACLE	(-1)

struct row {
	enum kind	kind;
	unsigned long	request;
	const char	*what;
	int		error;
	const void	*arg;
	int		oracle;		/* another error of the kernel's own, or the above */
};

static uint8_t buffer[MEM_OP_MAX + 8];
static uint8_t odd_keys[] = { 0x10, 0x20, 0x31, 0x40 };
static uint8_t two_keys[] = { 0x50, 0x60 };
static struct kvm_s390_irq local = { .type = KVM_S390_RESTART };

#define BUFFER	((uintptr_t)buffer)

/* The macros: an argument in memory, and a number. A row's last member, if any, is the oracle's. */
#define R(k, req, err, type, ...)						\
	{ .kind = k, .request = req, .what = #req " " #__VA_ARGS__, .error = err,	\
	  .arg = &(const type) { __VA_ARGS__ } }
#define RO(k, req, err, own, type, ...)						\
	{ .kind = k, .request = req, .what = #req " " #__VA_ARGS__, .error = err,	\
	  .arg = &(const type) { __VA_ARGS__ }, .oracle = own }
#define N(k, req, err, number)							\
	{ .kind = k, .request = req, .what = #req " " #number, .error = err,		\
	  .arg = (const void *)(number) }

#define LOGICAL(...)								\
	R(CPU, KVM_S390_MEM_OP, EINVAL, struct kvm_s390_mem_op, .gaddr = DATA_AT,	\
	  .buf = BUFFER, __VA_ARGS__)
#define ABSOLUTE(...)								\
	R(VM, KVM_S390_MEM_OP, EINVAL, struct kvm_s390_mem_op, .gaddr = DATA_AT,	\
	  .buf = BUFFER, __VA_ARGS__)
#define SLOT(err, ...)								\
	R(VM, KVM_SET_USER_MEMORY_REGION, err, struct kvm_userspace_memory_region, __VA_ARGS__)
#define LOCAL(err, ...)								\
	R(CPU, KVM_S390_IRQ, err, struct kvm_s390_irq, __VA_ARGS__)
#define ONE_REG(req, err, ...)							\
	R(CPU, req, err, struct kvm_one_reg, __VA_ARGS__)
#define FL(req, err, ...)							\
	R(FLIC, req, err, struct kvm_device_attr, __VA_ARGS__)

static const struct row rows[] = {
	N(SYSTEM, KVM_CREATE_VM, EINVAL, 2),
	N(SYSTEM, KVM_CREATE_VM, EINVAL, -1UL),
	N(SYSTEM, KVM_GET_VCPU_MMAP_SIZE, EINVAL, 1),

	N(VM, KVM_CREATE_VCPU, EEXIST, 0),
	N(VM, KVM_CREATE_VCPU, EINVAL, 4096),
	N(VM, KVM_CREATE_VCPU, EINVAL, -1UL),

	/* slots: segments on both sides, no more flags than there are, no overlap, no wrap */
	RO(VM, KVM_SET_USER_MEMORY_REGION, EINVAL, SKIP_ORACLE,
	   struct kvm_userspace_memory_region, .slot = 1, .guest_phys_addr = MEM_SIZE + 4096,
	   .memory_size = MB, .userspace_addr = 0x10000000),
	SLOT(EINVAL, .slot = 1, .guest_phys_addr = MEM_SIZE, .memory_size = MB + 4096),
	SLOT(EINVAL, .slot = 1, .guest_phys_addr = MEM_SIZE, .memory_size = MB,
	     .userspace_addr = 0x10001000),
	SLOT(EINVAL, .slot = 1, .guest_phys_addr = MEM_SIZE, .memory_size = MB,
	     .flags = KVM_MEM_READONLY, .userspace_addr = 0x10000000),
	SLOT(EINVAL, .slot = 1, .guest_phys_addr = MEM_SIZE, .memory_size = MB,
	     .flags = 1U << 31, .userspace_addr = 0x10000000),
	SLOT(EINVAL, .slot = 1U << 16, .guest_phys_addr = MEM_SIZE, .memory_size = MB,
	     .userspace_addr = 0x10000000),
	SLOT(EINVAL, .slot = 0x7fff, .guest_phys_addr = MEM_SIZE, .memory_size = MB,
	     .userspace_addr = 0x10000000),
	SLOT(EINVAL, .slot = 1, .guest_phys_addr = -MB, .memory_size = 2 * MB,
	     .userspace_addr = 0x10000000),
	RO(VM, KVM_SET_USER_MEMORY_REGION, EINVAL, SKIP_ORACLE,
	   struct kvm_userspace_memory_region, .slot = 1, .guest_phys_addr = MEM_SIZE,
	   .memory_size = 2 * MB, .userspace_addr = -MB),
	SLOT(EEXIST, .slot = 1, .guest_phys_addr = MEM_SIZE - MB, .memory_size = 2 * MB,
	     .userspace_addr = 0x10000000),
	SLOT(EINVAL, .slot = 0, .memory_size = MEM_SIZE / 2, .userspace_addr = 0x10000000),
	SLOT(EINVAL, .slot = 1),

	/* dirty logs: of no slot, of one without a log */
	R(VM, KVM_GET_DIRTY_LOG, ENOENT, struct kvm_dirty_log, .dirty_bitmap = buffer),
	R(VM, KVM_GET_DIRTY_LOG, ENOENT, struct kvm_dirty_log, .slot = 5, .dirty_bitmap = buffer),
	R(VM, KVM_GET_DIRTY_LOG, EINVAL, struct kvm_dirty_log, .slot = 0x7fff,
	  .dirty_bitmap = buffer),
	R(VM, KVM_GET_DIRTY_LOG, EINVAL, struct kvm_dirty_log, .slot = 1U << 16,
	  .dirty_bitmap = buffer),

	/* eventfds */
	R(VM, KVM_IOEVENTFD, EINVAL, struct kvm_ioeventfd, .len = 8, .flags = 1U << 31),
	R(VM, KVM_IOEVENTFD, EINVAL, struct kvm_ioeventfd, .len = 9,
	  .flags = KVM_IOEVENTFD_FLAG_VIRTIO_CCW_NOTIFY),
	R(VM, KVM_IOEVENTFD, EBADF, struct kvm_ioeventfd, .len = 8, .fd = -1,
	  .flags = KVM_IOEVENTFD_FLAG_VIRTIO_CCW_NOTIFY),
	R(VM, KVM_IOEVENTFD, EINVAL, struct kvm_ioeventfd, .len = 8, .addr = -1UL,
	  .flags = KVM_IOEVENTFD_FLAG_VIRTIO_CCW_NOTIFY),
	R(VM, KVM_IRQFD, EINVAL, struct kvm_irqfd, .flags = 1U << 31),
	R(VM, KVM_IRQFD, EINVAL, struct kvm_irqfd, .flags = KVM_IRQFD_FLAG_RESAMPLE),
	R(VM, KVM_SET_GSI_ROUTING, EINVAL, struct kvm_irq_routing, .nr = 4097),
	R(VM, KVM_SET_GSI_ROUTING, EINVAL, struct kvm_irq_routing, .flags = 1),

	/* devices */
	R(VM, KVM_CREATE_DEVICE, ENODEV, struct kvm_create_device, .type = 0x7fff),
	R(VM, KVM_CREATE_DEVICE, EINVAL, struct kvm_create_device, .type = KVM_DEV_TYPE_FLIC),

	/* storage by absolute addresses: operation, flags, size, key */
	ABSOLUTE(.op = KVM_S390_MEMOP_ABSOLUTE_READ),
	ABSOLUTE(.op = KVM_S390_MEMOP_LOGICAL_READ, .size = 8),
	ABSOLUTE(.op = KVM_S390_MEMOP_LOGICAL_WRITE, .size = 8),
	ABSOLUTE(.op = KVM_S390_MEMOP_SIDA_WRITE, .size = 8),
	ABSOLUTE(.op = KVM_S390_MEMOP_ABSOLUTE_WRITE, .size = 8,
		 .flags = KVM_S390_MEMOP_F_INJECT_EXCEPTION),
	ABSOLUTE(.op = KVM_S390_MEMOP_ABSOLUTE_WRITE, .size = 8, .flags = 1ULL << 63),
	ABSOLUTE(.op = KVM_S390_MEMOP_ABSOLUTE_WRITE, .size = 8,
		 .flags = KVM_S390_MEMOP_F_SKEY_PROTECTION, .key = 16),
	ABSOLUTE(.op = KVM_S390_MEMOP_ABSOLUTE_READ, .size = 8,
		 .flags = KVM_S390_MEMOP_F_SKEY_PROTECTION, .key = 255),
	R(VM, KVM_S390_MEM_OP, E2BIG, struct kvm_s390_mem_op, .gaddr = DATA_AT, .buf = BUFFER,
	  .op = KVM_S390_MEMOP_ABSOLUTE_WRITE, .size = MEM_OP_MAX + 1),
	R(VM, KVM_S390_MEM_OP, E2BIG, struct kvm_s390_mem_op, .gaddr = DATA_AT, .buf = BUFFER,
	  .op = KVM_S390_MEMOP_ABSOLUTE_READ, .size = -1U),
	R(VM, KVM_S390_MEM_OP, EFAULT, struct kvm_s390_mem_op, .gaddr = DATA_AT, .buf = nowhere,
	  .op = KVM_S390_MEMOP_ABSOLUTE_WRITE, .size = 8),

	/* and by logical ones: access registers too */
	LOGICAL(.op = KVM_S390_MEMOP_LOGICAL_WRITE),
	LOGICAL(.op = KVM_S390_MEMOP_ABSOLUTE_WRITE, .size = 8),
	LOGICAL(.op = 99, .size = 8),
	LOGICAL(.op = KVM_S390_MEMOP_LOGICAL_WRITE, .size = 8, .flags = 8),
	LOGICAL(.op = KVM_S390_MEMOP_LOGICAL_WRITE, .size = 8, .ar = 16),
	LOGICAL(.op = KVM_S390_MEMOP_LOGICAL_READ, .size = 8, .ar = 255),
	LOGICAL(.op = KVM_S390_MEMOP_LOGICAL_WRITE, .size = 8, .ar = 16,
		.flags = KVM_S390_MEMOP_F_CHECK_ONLY),
	LOGICAL(.op = KVM_S390_MEMOP_LOGICAL_WRITE, .size = 8, .key = 16,
		.flags = KVM_S390_MEMOP_F_SKEY_PROTECTION),
	LOGICAL(.op = KVM_S390_MEMOP_LOGICAL_WRITE, .size = 8, .key = 255,
		.flags = KVM_S390_MEMOP_F_SKEY_PROTECTION | KVM_S390_MEMOP_F_CHECK_ONLY),
	R(CPU, KVM_S390_MEM_OP, E2BIG, struct kvm_s390_mem_op, .gaddr = DATA_AT, .buf = BUFFER,
	  .op = KVM_S390_MEMOP_LOGICAL_WRITE, .size = MEM_OP_MAX + 1),
	R(CPU, KVM_S390_MEM_OP, EFAULT, struct kvm_s390_mem_op, .gaddr = DATA_AT, .buf = nowhere,
	  .op = KVM_S390_MEMOP_LOGICAL_WRITE, .size = 8),

	/* storage keys: count, flags, a bit that no key has, where no memory is */
	R(VM, KVM_S390_GET_SKEYS, EINVAL, struct kvm_s390_skeys, .skeydata_addr = BUFFER),
	R(VM, KVM_S390_GET_SKEYS, EINVAL, struct kvm_s390_skeys, .count = (1 << 20) + 1,
	  .skeydata_addr = BUFFER),
	R(VM, KVM_S390_GET_SKEYS, EINVAL, struct kvm_s390_skeys, .count = 1, .flags = 1,
	  .skeydata_addr = BUFFER),
	R(VM, KVM_S390_GET_SKEYS, EFAULT, struct kvm_s390_skeys, .count = 2,
	  .start_gfn = MEM_SIZE / 4096 - 1, .skeydata_addr = BUFFER),
	R(VM, KVM_S390_SET_SKEYS, EINVAL, struct kvm_s390_skeys, .skeydata_addr = BUFFER),
	R(VM, KVM_S390_SET_SKEYS, EINVAL, struct kvm_s390_skeys, .count = (1 << 20) + 1,
	  .skeydata_addr = BUFFER),
	R(VM, KVM_S390_SET_SKEYS, EINVAL, struct kvm_s390_skeys, .count = 1, .flags = 1,
	  .skeydata_addr = BUFFER),
	RO(VM, KVM_S390_SET_SKEYS, EINVAL, SKIP_ORACLE, struct kvm_s390_skeys, .count = 4,
	   .skeydata_addr = (uintptr_t)odd_keys),
	RO(VM, KVM_S390_SET_SKEYS, EFAULT, SKIP_ORACLE, struct kvm_s390_skeys, .count = 2,
	   .start_gfn = MEM_SIZE / 4096 - 1, .skeydata_addr = (uintptr_t)two_keys),
	R(VM, KVM_S390_SET_SKEYS, EFAULT, struct kvm_s390_skeys, .count = 1,
	  .skeydata_addr = nowhere),

	/* interrupts */
	LOCAL(EINVAL, .type = KVM_S390_INT_SERVICE),
	LOCAL(EINVAL, .type = KVM_S390_INT_IO(0, 0, 0, 5)),
	LOCAL(EINVAL, .type = 0xfffe0009),
	LOCAL(EINVAL, .type = KVM_S390_INT_EMERGENCY, .u.emerg.code = 7),
	LOCAL(EINVAL, .type = KVM_S390_INT_EMERGENCY, .u.emerg.code = 0xffff),
	LOCAL(EINVAL, .type = KVM_S390_INT_EXTERNAL_CALL, .u.extcall.code = 0xffff),
	LOCAL(EINVAL, .type = KVM_S390_SIGP_STOP, .u.stop.flags = 2),
	R(CPU, KVM_S390_INTERRUPT, EINVAL, struct kvm_s390_interrupt, .type = KVM_S390_PROGRAM_INT,
	  .parm = 0x10000),
	R(CPU, KVM_S390_INTERRUPT, EINVAL, struct kvm_s390_interrupt,
	  .type = KVM_S390_INT_EMERGENCY, .parm = 0x10000),
	R(VM, KVM_S390_INTERRUPT, EINVAL, struct kvm_s390_interrupt, .type = KVM_S390_RESTART),
	R(VM, KVM_S390_INTERRUPT, EINVAL, struct kvm_s390_interrupt, .type = 0xfffe0009),
	R(CPU, KVM_S390_SET_IRQ_STATE, EINVAL, struct kvm_s390_irq_state, .buf = BUFFER),
	R(CPU, KVM_S390_SET_IRQ_STATE, EINVAL, struct kvm_s390_irq_state, .buf = BUFFER,
	  .len = sizeof(struct kvm_s390_irq) - 1),
	R(CPU, KVM_S390_SET_IRQ_STATE, EINVAL, struct kvm_s390_irq_state, .buf = BUFFER,
	  .len = -1U),
	R(CPU, KVM_S390_GET_IRQ_STATE, EINVAL, struct kvm_s390_irq_state, .buf = BUFFER),

	/* registers and states of a CPU */
	ONE_REG(KVM_GET_ONE_REG, EINVAL, .id = 0, .addr = BUFFER),
	ONE_REG(KVM_SET_ONE_REG, EINVAL, .id = KVM_REG_S390 | KVM_REG_SIZE_U64 | 0xff,
		.addr = BUFFER),
	ONE_REG(KVM_SET_ONE_REG, EINVAL, .id = KVM_REG_S390_TODPR ^ KVM_REG_SIZE_U32 ^
		KVM_REG_SIZE_U64, .addr = BUFFER),
	ONE_REG(KVM_SET_ONE_REG, EINVAL, .id = KVM_REG_S390_TODPR ^ KVM_REG_S390 ^ KVM_REG_X86,
		.addr = BUFFER),
	ONE_REG(KVM_SET_ONE_REG, EFAULT, .id = KVM_REG_S390_TODPR, .addr = nowhere),
	R(CPU, KVM_SET_MP_STATE, ENXIO, struct kvm_mp_state, .mp_state = KVM_MP_STATE_HALTED),
	R(CPU, KVM_SET_MP_STATE, ENXIO, struct kvm_mp_state, .mp_state = KVM_MP_STATE_CHECK_STOP),
	R(CPU, KVM_SET_MP_STATE, ENXIO, struct kvm_mp_state, .mp_state = KVM_MP_STATE_LOAD),
	R(CPU, KVM_SET_MP_STATE, ENXIO, struct kvm_mp_state, .mp_state = -1U),
	N(CPU, KVM_S390_STORE_STATUS, EFAULT, MEM_SIZE),
	{ CPU, KVM_S390_STORE_STATUS, "status across the end of memory", EFAULT,
	  (void *)(MEM_SIZE - 511), SKIP_ORACLE },
	R(CPU, KVM_SET_GUEST_DEBUG, EINVAL, struct kvm_guest_debug, .control = 1U << 31),
	R(CPU, KVM_SET_GUEST_DEBUG, EINVAL, struct kvm_guest_debug,
	  .control = KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP,
	  .arch = { .nr_hw_bp = 51, .hw_bp = (void *)buffer }),
	R(CPU, KVM_ENABLE_CAP, EINVAL, struct kvm_enable_cap, .cap = KVM_CAP_S390_CSS_SUPPORT,
	  .flags = 1),
	R(CPU, KVM_ENABLE_CAP, EINVAL, struct kvm_enable_cap, .cap = KVM_CAP_S390_USER_SIGP),
	R(VM, KVM_ENABLE_CAP, EINVAL, struct kvm_enable_cap, .cap = KVM_CAP_S390_CSS_SUPPORT),
	R(VM, KVM_ENABLE_CAP, EBUSY, struct kvm_enable_cap, .cap = KVM_CAP_S390_AIS),
	R(VM, KVM_ENABLE_CAP, EINVAL, struct kvm_enable_cap, .cap = KVM_CAP_S390_USER_STSI,
	  .flags = 1),
	R(CPU, KVM_S390_UCAS_MAP, EINVAL, struct kvm_s390_ucas_mapping,
	  .user_addr = 0x10000000, .vcpu_addr = MEM_SIZE, .length = MB),
	R(CPU, KVM_S390_UCAS_UNMAP, EINVAL, struct kvm_s390_ucas_mapping,
	  .vcpu_addr = 0, .length = MB),
	N(CPU, KVM_S390_VCPU_FAULT, EFAULT, MEM_SIZE),

	/* the controller: what is only set, only read, and is not */
	FL(KVM_GET_DEVICE_ATTR, EINVAL, .group = KVM_DEV_FLIC_ENQUEUE, .attr = 72, .addr = BUFFER),
	FL(KVM_GET_DEVICE_ATTR, EINVAL, .group = KVM_DEV_FLIC_CLEAR_IRQS),
	FL(KVM_GET_DEVICE_ATTR, EINVAL, .group = KVM_DEV_FLIC_APF_ENABLE),
	FL(KVM_GET_DEVICE_ATTR, EINVAL, .group = KVM_DEV_FLIC_APF_DISABLE_WAIT),
	FL(KVM_GET_DEVICE_ATTR, EINVAL, .group = KVM_DEV_FLIC_ADAPTER_REGISTER, .addr = BUFFER),
	FL(KVM_GET_DEVICE_ATTR, EINVAL, .group = KVM_DEV_FLIC_ADAPTER_MODIFY, .addr = BUFFER),
	FL(KVM_GET_DEVICE_ATTR, EINVAL, .group = KVM_DEV_FLIC_CLEAR_IO_IRQ, .attr = 4,
	   .addr = BUFFER),
	FL(KVM_GET_DEVICE_ATTR, EINVAL, .group = KVM_DEV_FLIC_AISM, .addr = BUFFER),
	FL(KVM_GET_DEVICE_ATTR, EINVAL, .group = KVM_DEV_FLIC_AIRQ_INJECT),
	FL(KVM_GET_DEVICE_ATTR, EINVAL, .group = 0, .addr = BUFFER),
	FL(KVM_GET_DEVICE_ATTR, EINVAL, .group = 12, .addr = BUFFER),
	FL(KVM_GET_DEVICE_ATTR, EINVAL, .group = KVM_DEV_FLIC_GET_ALL_IRQS, .attr = 0,
	   .addr = BUFFER),
	FL(KVM_GET_DEVICE_ATTR, EINVAL, .group = KVM_DEV_FLIC_GET_ALL_IRQS,
	   .attr = KVM_S390_FLIC_MAX_BUFFER + 1, .addr = BUFFER),
	FL(KVM_GET_DEVICE_ATTR, EOPNOTSUPP, .group = KVM_DEV_FLIC_AISM_ALL, .attr = 2,
	   .addr = BUFFER),
	FL(KVM_SET_DEVICE_ATTR, EINVAL, .group = KVM_DEV_FLIC_GET_ALL_IRQS, .attr = 72,
	   .addr = BUFFER),
	FL(KVM_SET_DEVICE_ATTR, EINVAL, .group = KVM_DEV_FLIC_ENQUEUE, .attr = 71, .addr = BUFFER),
	FL(KVM_SET_DEVICE_ATTR, EINVAL, .group = KVM_DEV_FLIC_ENQUEUE,
	   .attr = KVM_S390_FLIC_MAX_BUFFER + 72, .addr = BUFFER),
	FL(KVM_SET_DEVICE_ATTR, EINVAL, .group = KVM_DEV_FLIC_ENQUEUE, .attr = 72,
	   .addr = (uintptr_t)&local),
	FL(KVM_SET_DEVICE_ATTR, EFAULT, .group = KVM_DEV_FLIC_ENQUEUE, .attr = 72,
	   .addr = nowhere),
	FL(KVM_SET_DEVICE_ATTR, EINVAL, .group = KVM_DEV_FLIC_CLEAR_IO_IRQ, .attr = 3,
	   .addr = BUFFER),
	FL(KVM_SET_DEVICE_ATTR, EINVAL, .group = KVM_DEV_FLIC_CLEAR_IO_IRQ, .attr = 5,
	   .addr = BUFFER),
	FL(KVM_SET_DEVICE_ATTR, EFAULT, .group = KVM_DEV_FLIC_ADAPTER_REGISTER, .addr = nowhere),
	FL(KVM_SET_DEVICE_ATTR, EFAULT, .group = KVM_DEV_FLIC_ADAPTER_MODIFY, .addr = nowhere),
	FL(KVM_SET_DEVICE_ATTR, EINVAL, .group = KVM_DEV_FLIC_ADAPTER_MODIFY, .addr = BUFFER),
	FL(KVM_SET_DEVICE_ATTR, EINVAL, .group = KVM_DEV_FLIC_AIRQ_INJECT, .attr = 64),
	FL(KVM_SET_DEVICE_ATTR, EOPNOTSUPP, .group = KVM_DEV_FLIC_AISM, .addr = BUFFER),
	FL(KVM_SET_DEVICE_ATTR, EOPNOTSUPP, .group = KVM_DEV_FLIC_AISM_ALL, .addr = BUFFER),
	FL(KVM_SET_DEVICE_ATTR, EINVAL, .group = 12, .addr = BUFFER),
	FL(KVM_HAS_DEVICE_ATTR, ENXIO, .group = 0),
	FL(KVM_HAS_DEVICE_ATTR, ENXIO, .group = 12),
	FL(KVM_HAS_DEVICE_ATTR, ENXIO, .group = -1U),
};

struct world {
	struct s390_vm	*vm;
	int		fds[KINDS];
};

static struct world start(void)
{
	struct s390_vm *vm = s390_vm_of(s390_counts);
	const struct kvm_mp_state stopped = { KVM_MP_STATE_STOPPED };
	/* so that there are keys: nobody has used any before */
	const struct kvm_s390_skeys one_key = {
		.count = 1, .skeydata_addr = (uintptr_t)odd_keys,
	};
	struct world w = {
		.vm = vm, .fds = { vm->kvm, vm->fd, vm->cpu, s390_flic(vm) },
	};
	struct kvm_regs regs;

	must(ioctl(vm->cpu, KVM_SET_MP_STATE, &stopped));
	memset(&regs, 0x77, sizeof(regs));
	must(ioctl(vm->cpu, KVM_SET_REGS, &regs));
	must(ioctl(vm->fd, KVM_S390_SET_SKEYS, &one_key));
	return w;
}

/* All that a refused request could have changed. */
struct state {
	struct kvm_regs		regs;
	struct kvm_sregs	sregs;
	struct kvm_fpu		fpu;
	struct kvm_s390_irq	irqs[16], floating[16];
	long			n_irqs, n_floating;
	uint64_t		one_regs[4];
	uint8_t			keys[64], last_key, page[3 * 4096];
	int			mp_state;
};

static void take(struct world *w, struct state *s)
{
	static const uint64_t ids[] = {
		KVM_REG_S390_TODPR, KVM_REG_S390_CLOCK_COMP, KVM_REG_S390_CPU_TIMER,
		KVM_REG_S390_GBEA,
	};
	struct kvm_s390_irq_state irqs = { .buf = (uintptr_t)s->irqs, .len = sizeof(s->irqs) };
	struct kvm_s390_skeys keys = {
		.count = sizeof(s->keys), .skeydata_addr = (uintptr_t)s->keys,
	};
	struct kvm_s390_skeys last = {
		.count = 1, .start_gfn = MEM_SIZE / 4096 - 1,
		.skeydata_addr = (uintptr_t)&s->last_key,
	};
	unsigned int i;

	memset(s, 0, sizeof(*s));
	must(ioctl(w->vm->cpu, KVM_GET_REGS, &s->regs));
	must(ioctl(w->vm->cpu, KVM_GET_SREGS, &s->sregs));
	must(ioctl(w->vm->cpu, KVM_GET_FPU, &s->fpu));
	s->n_irqs = must(ioctl(w->vm->cpu, KVM_S390_GET_IRQ_STATE, &irqs));
	s->n_floating = must(s390_attr(w->fds[FLIC], KVM_GET_DEVICE_ATTR,
				       KVM_DEV_FLIC_GET_ALL_IRQS, sizeof(s->floating),
				       s->floating));
	/* the CPU timer of a CPU that is stopped stands still */
	for (i = 0; i < ARRAY_SIZE(ids); i++) {
		struct kvm_one_reg reg = { ids[i], (uintptr_t)&s->one_regs[i] };

		must(ioctl(w->vm->cpu, KVM_GET_ONE_REG, &reg));
	}
	/* without the bits of reference and change */
	must(ioctl(w->vm->fd, KVM_S390_GET_SKEYS, &keys));
	for (i = 0; i < sizeof(s->keys); i++)
		s->keys[i] &= 0xf8;
	must(ioctl(w->vm->fd, KVM_S390_GET_SKEYS, &last));
	s->last_key &= 0xf8;
	memcpy(s->page, w->vm->mem, 4096);
	memcpy(s->page + 4096, w->vm->mem + DATA_AT, 4096);
	memcpy(s->page + 2 * 4096, w->vm->mem + MEM_SIZE - 4096, 4096);
	s->mp_state = s390_mp_state(w->vm);
}

/* Return: as it should be? */
static int one(struct world *w, const struct row *row)
{
	int error = row->error, got;

	if (distro_modules() && row->oracle == SKIP_ORACLE)
		return 1;
	if (distro_modules() && row->oracle > 0)
		error = row->oracle;
	got = ioctl(w->fds[row->kind], row->request, row->arg) == -1 ? errno : 0;
	if (got != error)
		note("row %u, %s: errno %d, not %d", (unsigned int)(row - rows), row->what, got,
		     error);
	return got == error;
}

TEST_LIMIT(refused, 60)
{
	static struct state before, after;
	struct world w = start();
	unsigned int i, right = 0;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		take(&w, &before);
		right += one(&w, &rows[i]);
		take(&w, &after);
		if (memcmp(&before, &after, sizeof(before))) {
			note("row %u, %s has changed something", i, rows[i].what);
			right--;
		}
	}
	expect_eq(right, ARRAY_SIZE(rows));
}

static void *refuse_all(void *arg)
{
	unsigned int i, times;

	for (times = 0; times < 20; times++) {
		for (i = 0; i < ARRAY_SIZE(rows); i++)
			expect(one(arg, &rows[i]));
	}
	return NULL;
}

TEST_LIMIT(refused_twice_at_once, 120)
{
	const struct kvm_mp_state operating = { KVM_MP_STATE_OPERATING };
	static struct state before, after;
	struct world w = start();
	pthread_t threads[2];
	struct s390_cpu cpu;
	unsigned int i;

	s390_add_cpu(w.vm, &cpu, 1, CODE_AT);
	must(ioctl(cpu.fd, KVM_SET_MP_STATE, &operating));
	take(&w, &before);
	s390_start_cpu(&cpu);
	for (i = 0; i < 2; i++)
		expect_eq(pthread_create(&threads[i], NULL, refuse_all, &w), 0);
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	take(&w, &after);
	expect(!memcmp(&before, &after, sizeof(before)));
	__atomic_store_n(s390_word(w.vm, DATA_AT), 1, __ATOMIC_SEQ_CST);
	pthread_join(cpu.thread, NULL);
	expect_eq(cpu.run->exit_reason, KVM_EXIT_S390_SIEIC);
	expect_eq(cpu.run->s390_sieic.icptcode, ICPT_INSTRUCTION);
	expect_eq(cpu.run->s390_sieic.ipb >> 16, 0x777);
	expect_ne(cpu.run->s.regs.gprs[3], 0);
}
