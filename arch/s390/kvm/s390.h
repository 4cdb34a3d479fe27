/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The objects of this architecture, and what its files say to each other.
 *
 * A guest's CPU state is in its state description (sie.h) and beside it in struct s390_vcpu; its
 * own thread has both, under vcpu->mutex. What others may want of it is in irq, under irq.lock, or
 * a request.
 */
#ifndef KVM_S390_S390_H
#define KVM_S390_S390_H

#include <asm/gmap.h>
#include <kvm/arch_ops.h>
#include <kvm/guest_access.h>
#include <kvm/mmu_notifier.h>
#include "sie.h"

/* Requests of ours. */
/* the prefix pages may be gone: bring them in before the entry */
#define KVM_REQ_PREFIX	(KVM_REQ_ARCH + 0)
/* the VM's TOD clock was set */
#define KVM_REQ_CLOCK	((KVM_REQ_ARCH + 1) | KVM_REQ_WAIT | KVM_REQ_NO_WAKE)
#define KVM_REQ_IRQ	(KVM_REQ_ARCH + 3)	/* an interrupt has become pending */
#define KVM_REQ_STARTED	(KVM_REQ_ARCH + 2)	/* vcpu->stopped has changed */

/* Kinds of interrupts that a CPU may have pending; the order has no meaning. */
enum s390_irq {
	IRQ_PROG,
	IRQ_MCHK,
	IRQ_EMERGENCY,
	IRQ_EXT_CALL,
	IRQ_CLOCK_COMP,
	IRQ_CPU_TIMER,
	IRQ_RESTART,
	IRQ_SET_PREFIX,
	IRQ_STOP,
};

#define S390_MAX_VCPUS	SIE_SCA_CPUS

/* Pending interrupts of one CPU. */
struct s390_local_irqs {
	spinlock_t		lock;		/* guards the rest; taken with irqs on */
	/* bits of enum s390_irq; read without lock as a hint */
	unsigned long		pending;
	DECLARE_BITMAP(emergency, S390_MAX_VCPUS);	/* by address of the sender */
	u16			ext_call_from;
	bool			stop_store;	/* store the status when stopped */
	u32			new_prefix;
	struct kvm_s390_pgm_info pgm;
	struct kvm_s390_mchk_info mchk;
};

struct s390_vcpu {
	struct kvm_vcpu		vcpu;		/* first */
	struct sie_block	*sie;		/* in a page of its own */
	u64			gprs[16];
	u32			acrs[16];
	/* or, on a machine without vectors, 16 registers one after the other */
	u64			vrs[32][2];
	u32			fpc;
	u64			pfault[3];	/* token, select, compare: kept for the VMM */
	bool			stopped;	/* PoP 4, CPU states; written under irq.lock */
	struct s390_local_irqs	irq;
	/* clock comparator and CPU timer while the guest waits */
	struct hrtimer		timer;
	bool			waiting;	/* in an enabled wait */

	struct {				/* of the thread, during KVM_RUN */
		bool	saved;			/* the guest's are in the machine */
		u32	acrs[16];
		u32	fpc;
		void	*fpregs;
	} host;

	struct {
		u64 exits;
		u64 exit_null;
		u64 exit_instruction;
		u64 exit_program_interruption;
		u64 exit_external_request;
		u64 exit_external_interrupt;
		u64 exit_io_request;
		u64 exit_stop_request;
		u64 exit_validity;
		u64 exit_wait_state;
		u64 exit_operation_exception;
		u64 exit_userspace;
		u64 host_faults;
	} stat;
};

/* One floating I/O interrupt. */
struct s390_io_irq {
	struct list_head	node;
	u32			type;		/* KVM_S390_INT_IO(...) */
	struct kvm_s390_io_info	io;
};

#define S390_ISCS	8

#define S390_MAX_ADAPTERS	64

struct s390_adapter {
	u8	isc;
	bool	swap;		/* its indicators are counted from the left */
	bool	maskable;
	bool	masked;		/* xchg() */
};

struct s390_vm {
	struct kvm		kvm;		/* first */
	struct s390_adapter	*adapters[S390_MAX_ADAPTERS];	/* added under kvm->lock */
	bool			irqchip;	/* KVM_CAP_S390_IRQCHIP was enabled */
	/* changes only while there is no vCPU, under kvm->lock */
	struct gmap		*gmap;
	u64			mem_limit;	/* first address that is too high; U64_MAX: none */
	struct sie_sca		*sca;
	/* list for the guest, 2048 bits; a page below 2 GB */
	u64			*facilities;
	u64			cpuid;
	u64			feat;		/* KVM_S390_VM_CPU_FEAT_*, from the left */
	u64			epoch;		/* guest TOD - host TOD; written under kvm->lock */
	/* KVM_SET_MP_STATE was used: the VMM starts and stops */
	bool			user_cpu_state;
	bool			user_sigp;
	bool			user_stsi;
	bool			user_instr0;
	bool			css_support;
	bool			has_flic;	/* under kvm->lock */
	bool			uses_keys;	/* the host keeps storage keys; under kvm->lock */

	struct {
		/* guards the rest; inside a vCPU's irq.lock */
		spinlock_t		lock;
		bool			service;	/* pending, with @service_parm */
		u32			service_parm;
		bool			mchk_pending;
		struct kvm_s390_mchk_info mchk;
		struct list_head	io[S390_ISCS];	/* struct s390_io_irq, oldest first */
		unsigned int		n_io;
		unsigned int		next;		/* index of the vCPU that was woken last */
	} irq;
};

static inline struct s390_vcpu *to_s390(struct kvm_vcpu *vcpu)
{
	return container_of(vcpu, struct s390_vcpu, vcpu);
}

static inline struct s390_vm *to_s390_vm(struct kvm *kvm)
{
	return container_of(kvm, struct s390_vm, kvm);
}

static inline struct s390_vm *vm_of(struct s390_vcpu *v)
{
	return to_s390_vm(v->vcpu.kvm);
}

static inline u32 s390_prefix(const struct s390_vcpu *v)
{
	return v->sie->prefix & SIE_PREFIX_MASK;
}

static inline void sie_flags_set(struct sie_block *sie, u32 bits)
{
	atomic_or(bits, (atomic_t *)&sie->flags);
}

static inline void sie_flags_clear(struct sie_block *sie, u32 bits)
{
	atomic_andnot(bits, (atomic_t *)&sie->flags);
}

static inline bool s390_facility(const struct s390_vm *vm, unsigned int nr)
{
	return vm->facilities[nr / 64] & (1ULL << (63 - nr % 64));
}

/* caps.c */
extern const struct kvm_cap_table s390_caps;
int s390_vm_enable_cap(struct kvm *kvm, struct kvm_enable_cap *cap);

/* vm.c */
extern const struct kvm_ioctl_table s390_vm_ioctls;
extern const struct kvm_stat_table s390_vcpu_stats;
int s390_vm_init(struct kvm *kvm, unsigned long type);
void s390_vm_destroy(struct kvm *kvm);

/* attr.c: KVM_*_DEVICE_ATTR of a VM */
long s390_vm_set_attr(struct kvm *kvm, struct kvm_arg *arg);
long s390_vm_get_attr(struct kvm *kvm, struct kvm_arg *arg);
long s390_vm_has_attr(struct kvm *kvm, struct kvm_arg *arg);

/* facilities.c: the processor that a guest sees */
void s390_facilities_init(void);
void s390_facilities_default(struct s390_vm *vm);
u64 s390_host_cpuid(void);
extern u64 s390_facility_mask[256];	/* what we can give to a guest */

/* vcpu.c */
extern const struct kvm_ioctl_table s390_vcpu_ioctls;
int s390_vcpu_precreate(struct kvm *kvm, unsigned int id);
int s390_vcpu_create(struct kvm_vcpu *vcpu);
void s390_vcpu_created(struct kvm_vcpu *vcpu);
void s390_vcpu_destroy(struct kvm_vcpu *vcpu);
void s390_vcpu_load(struct kvm_vcpu *vcpu, int cpu);
void s390_vcpu_put(struct kvm_vcpu *vcpu);
void s390_set_prefix(struct s390_vcpu *v, u32 prefix);
void s390_stop(struct s390_vcpu *v);
void s390_start(struct s390_vcpu *v);

/* regs.c */
void s390_initial_reset(struct s390_vcpu *v);
long s390_get_regs(struct kvm_vcpu *vcpu, struct kvm_arg *arg);
long s390_set_regs(struct kvm_vcpu *vcpu, struct kvm_arg *arg);
long s390_get_sregs(struct kvm_vcpu *vcpu, struct kvm_arg *arg);
long s390_set_sregs(struct kvm_vcpu *vcpu, struct kvm_arg *arg);
long s390_get_fpu(struct kvm_vcpu *vcpu, struct kvm_arg *arg);
long s390_set_fpu(struct kvm_vcpu *vcpu, struct kvm_arg *arg);
long s390_get_one_reg(struct kvm_vcpu *vcpu, struct kvm_arg *arg);
long s390_set_one_reg(struct kvm_vcpu *vcpu, struct kvm_arg *arg);
long s390_normal_reset_ioctl(struct kvm_vcpu *vcpu, struct kvm_arg *arg);
long s390_initial_reset_ioctl(struct kvm_vcpu *vcpu, struct kvm_arg *arg);
long s390_clear_reset_ioctl(struct kvm_vcpu *vcpu, struct kvm_arg *arg);
u64 s390_sync_fields(void);
void s390_registers_fetch(struct s390_vcpu *v);
void s390_psw_in(struct s390_vcpu *v);
int s390_sync_in(struct s390_vcpu *v);
void s390_sync_out(struct s390_vcpu *v);
int s390_store_status(struct s390_vcpu *v, gpa_t at);
u64 s390_guest_tod(const struct s390_vcpu *v);

/* run.c */
int s390_vcpu_run(struct kvm_vcpu *vcpu);
void s390_vcpu_bar(struct kvm_vcpu *vcpu);
void s390_vcpu_leave(struct kvm_vcpu *vcpu);
bool s390_vcpu_runnable(struct kvm_vcpu *vcpu);
bool s390_vcpu_wanted(struct kvm_vcpu *vcpu);
bool s390_vcpu_in_kernel(struct kvm_vcpu *vcpu);

/* intercept.c */
int s390_handle_exit(struct s390_vcpu *v);
int s390_exit_sieic(struct s390_vcpu *v);
int s390_exit_stopped(struct s390_vcpu *v);
int s390_host_fault(struct s390_vcpu *v);
void s390_insn_retry(struct s390_vcpu *v);
unsigned int s390_icpt_length(struct s390_vcpu *v);

/* memory.c */
int s390_gmap_init(struct s390_vm *vm);
int s390_limit_change(struct s390_vm *vm, u64 limit);
int s390_prefix_map(struct s390_vcpu *v);
int s390_gmap_fault(struct s390_vm *vm, gpa_t gpa, bool write);
int s390_slot_prepare(struct kvm *kvm, const struct kvm_slot *old, struct kvm_slot *new,
		      enum kvm_slot_change change);
void s390_slot_commit(struct kvm *kvm, const struct kvm_slot *old, const struct kvm_slot *new,
		      enum kvm_slot_change change);
void s390_slot_free(struct kvm *kvm, struct kvm_slot *slot);
void s390_slot_flush(struct kvm *kvm, const struct kvm_slot *slot);
void s390_flush_all(struct kvm *kvm);
bool s390_unmap(struct kvm *kvm, const struct kvm_gfn_range *range);
void s390_protect_dirty(struct kvm *kvm, const struct kvm_slot *slot, gfn_t base,
			unsigned long mask);
void s390_sync_dirty(struct kvm *kvm, const struct kvm_slot *slot);
void s390_memory_init(void);
void s390_memory_exit(void);

/*
 * guest.c: the guest's memory as its CPU sees it. Return: 0; a program-interruption code (> 0) with
 * *@pgm filled in for s390_inject_pgm(); a negative errno that ends KVM_RUN.
 */
struct s390_access {
	u64	addr;		/* logical */
	u8	ar;		/* access register, when the PSW says that they count */
	u8	asce;		/* which space: by the PSW, or as below */
	bool	write;
	bool	fetch;		/* of an instruction */
	bool	keyed;		/* with @key: storage keys are looked at */
	u8	key;
};

/* + primary, access register, secondary, home: as bits 62 and 63 of a TEID say */
#define ACCESS_TEID	4

gpa_t s390_real_to_abs(const struct s390_vcpu *v, gpa_t real);
int s390_translate(struct s390_vcpu *v, const struct s390_access *a, gpa_t *abs,
		   struct kvm_s390_pgm_info *pgm);
int s390_guest_access(struct s390_vcpu *v, const struct s390_access *a, void *buf,
		      unsigned long len,
		      struct kvm_s390_pgm_info *pgm);
int s390_check_access(struct s390_vcpu *v, const struct s390_access *a, unsigned long len,
		      struct kvm_s390_pgm_info *pgm);
int s390_fetch_byte(struct s390_vcpu *v, u64 addr, u8 *byte);
u64 s390_wrap(const struct s390_vcpu *v, u64 addr);
int s390_read_real(struct s390_vcpu *v, gpa_t real, void *buf, unsigned long len);
int s390_write_real(struct s390_vcpu *v, gpa_t real, const void *buf, unsigned long len);

/* irq.c: what is pending and may come; delivery */
void s390_irq_init(struct s390_vcpu *v);
void s390_irq_clear(struct s390_vcpu *v);
int s390_deliver(struct s390_vcpu *v);
bool s390_irq_deliverable(struct s390_vcpu *v);
bool s390_clock_comp_due(const struct s390_vcpu *v);
bool s390_cpu_timer_due(const struct s390_vcpu *v);
void s390_irq_windows(struct s390_vcpu *v);
bool s390_stop_wanted(struct s390_vcpu *v);
void s390_stop_taken(struct s390_vcpu *v);
int s390_ext_timer(struct s390_vcpu *v, u16 code);
int s390_inject_pgm(struct s390_vcpu *v, const struct kvm_s390_pgm_info *pgm);
int s390_inject_pgm_code(struct s390_vcpu *v, u16 code);

/* inject.c: how interrupts become pending */
int s390_inject_local(struct s390_vcpu *v, const struct kvm_s390_irq *irq);
int s390_inject_float(struct kvm *kvm, const struct kvm_s390_irq *irq);
void s390_float_clear(struct kvm *kvm);
bool s390_float_io_take(struct s390_vm *vm, u8 isc_mask, u32 schid, struct s390_io_irq *out);
int s390_float_list(struct s390_vm *vm, struct kvm_s390_irq *irqs, unsigned int room);
long s390_vm_interrupt(struct kvm *kvm, struct kvm_arg *arg);
long s390_vcpu_async_ioctl(struct kvm_vcpu *vcpu, unsigned int cmd, unsigned long arg);

/* adapter.c */
int s390_adapter_add(struct s390_vm *vm, const struct kvm_s390_io_adapter *info);
void s390_adapters_free(struct s390_vm *vm);
struct s390_adapter *s390_adapter_of(struct s390_vm *vm, u64 id);
int s390_adapter_interrupt(struct s390_vm *vm, const struct s390_adapter *adapter);
int s390_route_set(struct kvm *kvm, struct kvm_irq_route *route,
		   const struct kvm_irq_routing_entry *entry);
bool s390_irqchip(struct kvm *kvm);
bool s390_irqfd_allowed(struct kvm *kvm, struct kvm_irqfd *args);
long s390_vm_create_irqchip(struct kvm *kvm, struct kvm_arg *arg);

/* irq_state.c, flic.c */
extern const struct kvm_device_class s390_flic_class;
long s390_get_irq_state(struct kvm_vcpu *vcpu, struct kvm_arg *arg);
long s390_set_irq_state(struct kvm_vcpu *vcpu, struct kvm_arg *arg);

/* clock.c */
int s390_wait(struct s390_vcpu *v);
void s390_clock_set(struct kvm *kvm, u64 tod);
void s390_clock_init(struct s390_vcpu *v);

/* priv.c, keys.c, sigp.c, diag.c: intercepted instructions; they answer as exit handlers do */
#define EXIT_NOT_OURS	2	/* user space's: leave with KVM_EXIT_S390_SIEIC */
int s390_insn(struct s390_vcpu *v);
int s390_sigp(struct s390_vcpu *v);
int s390_diag(struct s390_vcpu *v);
int s390_insn_iske(struct s390_vcpu *v);
int s390_insn_sske(struct s390_vcpu *v);
int s390_insn_rrbe(struct s390_vcpu *v);
int s390_insn_pfmf(struct s390_vcpu *v);

/* keys.c: may a page be accessed with a key; absolute address */
bool s390_key_fits(u8 storage_key, u8 access_key, bool write);
int s390_key_at(struct kvm *kvm, gpa_t abs, u8 *key);

/* memop.c, keys.c: ioctls */
long s390_vm_mem_op(struct kvm *kvm, struct kvm_arg *arg);
#define S390_MEM_OP_MAX	65536	/* KVM_CAP_S390_MEM_OP */
long s390_vcpu_mem_op(struct kvm_vcpu *vcpu, struct kvm_arg *arg);
long s390_get_skeys(struct kvm *kvm, struct kvm_arg *arg);
long s390_set_skeys(struct kvm *kvm, struct kvm_arg *arg);

/* Program-interruption codes (PoP 6; UAPI asm/sie.h, icpt_prog_codes). */
#define PGM_OPERATION		0x01
#define PGM_PRIVILEGED		0x02
#define PGM_PROTECTION		0x04
#define PGM_ADDRESSING		0x05
#define PGM_SPECIFICATION	0x06
#define PGM_SEGMENT		0x10
#define PGM_PAGE		0x11
#define PGM_TRANSLATION		0x12
#define PGM_SPECIAL_OPERATION	0x13
#define PGM_OPERAND		0x15
#define PGM_ALET		0x28
#define PGM_ASCE_TYPE		0x38
#define PGM_REGION_FIRST	0x39
#define PGM_REGION_SECOND	0x3a
#define PGM_REGION_THIRD	0x3b

/* External-interruption codes (PoP 6). */
#define EXT_EMERGENCY		0x1201
#define EXT_CALL		0x1202
#define EXT_CLOCK_COMP		0x1004
#define EXT_CPU_TIMER		0x1005
#define EXT_SERVICE		0x2401

/* Operands of the instruction in ipa and ipb (PoP 5, instruction formats). */
static inline unsigned int insn_r1(const struct s390_vcpu *v)
{
	return (v->sie->ipa >> 4) & 0xf;
}

static inline unsigned int insn_r3(const struct s390_vcpu *v)
{
	return v->sie->ipa & 0xf;
}

/* The registers of an RRE instruction. */
static inline unsigned int insn_rre_r1(const struct s390_vcpu *v)
{
	return (v->sie->ipb >> 20) & 0xf;
}

static inline unsigned int insn_rre_r2(const struct s390_vcpu *v)
{
	return (v->sie->ipb >> 16) & 0xf;
}

/*
 * Base and 12-bit displacement in the second halfword (formats S and RS); *@ar is the base's
 * number.
 */
static inline u64 insn_base_disp(const struct s390_vcpu *v, u8 *ar)
{
	unsigned int base = v->sie->ipb >> 28, disp = (v->sie->ipb >> 16) & 0xfff;

	if (ar)
		*ar = base;
	return (base ? v->gprs[base] : 0) + disp;
}

/* The same with 20 bits, signed (RSY): the high byte comes after the low 12 bits. */
static inline u64 insn_base_disp20(const struct s390_vcpu *v, u8 *ar)
{
	unsigned int base = v->sie->ipb >> 28;
	s64 disp = (s8)(v->sie->ipb >> 8);

	disp = disp * 4096 + ((v->sie->ipb >> 16) & 0xfff);
	if (ar)
		*ar = base;
	return (base ? v->gprs[base] : 0) + disp;
}

static inline void set_cc(struct s390_vcpu *v, unsigned int cc)
{
	v->sie->psw.mask = (v->sie->psw.mask & ~PSW_MASK_CC) | ((u64)cc << 44);
}

static inline bool in_problem_state(const struct s390_vcpu *v)
{
	return v->sie->psw.mask & PSW_MASK_PSTATE;
}

#endif /* KVM_S390_S390_H */
