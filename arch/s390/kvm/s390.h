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
#include "stats.h"

/* Requests of ours. */
/* the prefix pages may be gone: bring them in before the entry */
#define KVM_REQ_PREFIX	(KVM_REQ_ARCH + 0)
/* the VM's TOD clock was set */
#define KVM_REQ_CLOCK	((KVM_REQ_ARCH + 1) | KVM_REQ_WAIT | KVM_REQ_NO_WAKE)
#define KVM_REQ_STARTED	(KVM_REQ_ARCH + 2)	/* vcpu->stopped has changed */
#define KVM_REQ_IRQ	(KVM_REQ_ARCH + 3)	/* an interrupt has become pending */
/* whether the host may protect guest pages is to be looked at again */
#define KVM_REQ_PROTECTION	((KVM_REQ_ARCH + 4) | KVM_REQ_WAIT | KVM_REQ_NO_WAKE)
/* what the VM says of a state description has changed */
#define KVM_REQ_CONTROLS	((KVM_REQ_ARCH + 5) | KVM_REQ_WAIT | KVM_REQ_NO_WAKE)
/* a walk of the guest's tables waits for the interlock */
#define KVM_REQ_INTERLOCK	((KVM_REQ_ARCH + 6) | KVM_REQ_WAIT | KVM_REQ_NO_WAKE)

/*
 * Kinds of interrupts that a CPU may take, in order of priority (PoP 6); the prefix first, as it
 * says where the others go.
 */
enum s390_irq {
	IRQ_SET_PREFIX,
	IRQ_PROG,
	IRQ_PER,		/* not pending by a bit: v->per.code */
	IRQ_MCHK,		/* or floating */
	IRQ_EMERGENCY,
	IRQ_EXT_CALL,
	IRQ_CLOCK_COMP,
	IRQ_CPU_TIMER,
	IRQ_SERVICE,		/* floating, not pending by a bit */
	IRQ_PFAULT_INIT,
	IRQ_FLOAT_EXT,		/* as IRQ_SERVICE */
	IRQ_IO,			/* as IRQ_SERVICE */
	IRQ_RESTART,
	IRQ_STOP,		/* no interrupt: s390_exit_stopped() */
};

/* what our own tables have room for; see s390_max_vcpus() */
#define S390_MAX_VCPUS	255

/* Pending interrupts of one CPU. */
struct s390_local_irqs {
	spinlock_t		lock;		/* guards the rest; taken with irqs on */
	/* bits of enum s390_irq; read without lock as a hint */
	unsigned long		pending;
	DECLARE_BITMAP(emergency, S390_MAX_VCPUS);	/* by address of the sender */
	u16			ext_call_from;
	bool			stop_store;	/* store the status when stopped */
	u32			new_prefix;
	u64			pfault_token;
	struct kvm_s390_pgm_info pgm;
	struct kvm_s390_mchk_info mchk;
};

#define S390_BREAKPOINTS	50	/* of KVM_SET_GUEST_DEBUG */
#define S390_WATCH_MAX		64	/* bytes of one watchpoint */

struct s390_breakpoint;

/* Control registers 9 to 11, as one thing. */
struct s390_per_range {
	u64	cr9;
	u64	start;
	u64	end;
};

/* PER events of the guest's own that it is to be interrupted for before its next instruction. */
struct s390_per {
	u8	code;		/* 0: none */
	u8	atmid;
	u8	access_id;
	u8	ilc;
	bool	insn;		/* of an instruction that we execute: its stores count */
	u64	address;
};

struct s390_vcpu {
	struct kvm_vcpu		vcpu;		/* first */
	struct sie_block	*sie;		/* in a page of its own */
	struct gmap		*gmap;		/* the VM's, or its own (ucontrol.c) */
	u64			gprs[16];
	u32			acrs[16];
	/* or, on a machine without vectors, 16 registers one after the other */
	u64			vrs[32][2];
	u32			fpc;
	u64			diag318;	/* what the guest's control program is */
	struct {				/* of DIAGNOSE 258 */
		u64	token_at;		/* KVM_S390_PFAULT_TOKEN_INVALID: none is wanted */
		u64	select;			/* these bits of the PSW's mask must be as @compare */
		u64	compare;
	} pfault;
	bool			stopped;	/* PoP 4, CPU states; written under irq.lock */
	struct s390_local_irqs	irq;
	/* clock comparator and CPU timer while the guest waits */
	struct hrtimer		timer;
	bool			waiting;	/* in an enabled wait */
	bool			told;		/* has taken KVM_REQ_IRQ: see s390_float_pass_on() */
	bool			windows;	/* SIE is to leave: s390_irq_windows() */
	bool			has_gs;		/* guarded storage is exchanged with the thread's */
	u64			feature_sync;	/* KVM_SYNC_* that features bring */
	struct s390_per		per;
	struct kvm_gpa_cache	prefix_area;	/* of irq.c */

	struct {				/* KVM_SET_GUEST_DEBUG */
		u32			control;
		bool			on;
		bool			hit;	/* user space is to be told @exit */
		bool			stored;	/* a watchpoint may have changed */
		unsigned int		n;
		struct s390_breakpoint	*bp;
		struct s390_per_range	range;	/* that finds them */
		u64			passed;	/* address of a breakpoint that has been told */
		struct kvm_debug_exit_arch exit;
		/* the guest's own, while it is in SIE */
		u64			guest_cr[3];
		bool			guest_per;
	} debug;

	struct {				/* of the thread, during KVM_RUN */
		bool	saved;			/* the guest's are in the machine */
		u32	acrs[16];
		u32	fpc;
		void	*fpregs;
		struct gs_cb *gs_cb;
	} host;

	struct s390_vcpu_counters stat;
};

/* One floating I/O interrupt. */
struct s390_io_irq {
	struct list_head	node;
	u32			type;		/* KVM_S390_INT_IO(...) */
	struct kvm_s390_io_info	io;
};

/* One floating external interrupt that carries parameters of its own. */
struct s390_ext_irq {
	struct list_head	node;
	u32			type;		/* KVM_S390_INT_VIRTIO or ..._PFAULT_DONE */
	struct kvm_s390_ext_info ext;
};

#define S390_ISCS	8

/*
 * Adapter-interruption suppression, a mode a subclass (devices/s390_flic.rst). SINGLE becomes NONE by
 * the first interrupt.
 */
#define AIS_ALL		0
#define AIS_SINGLE	1
#define AIS_NONE	2

#define S390_MAX_ADAPTERS	64

struct s390_adapter {
	u8	isc;
	bool	swap;		/* its indicators are counted from the left */
	bool	maskable;
	bool	masked;
	bool	suppressible;	/* by its subclass's mode, where the VM has AIS */
};

struct s390_vm {
	struct kvm		kvm;		/* first */
	struct s390_adapter	*adapters[S390_MAX_ADAPTERS];	/* added under kvm->lock */
	bool			irqchip;	/* KVM_CAP_S390_IRQCHIP was enabled */
	bool			has_ais;	/* KVM_CAP_S390_AIS was enabled; under kvm->lock */

	struct {
		/* guards the rest, and that a mode and the interrupt by it are one; outermost */
		struct mutex	lock;
		u8		single;		/* subclasses in single mode, from the left */
		u8		none;		/* of which no more interrupts come */
	} ais;

	bool			ucontrol;	/* KVM_VM_S390_UCONTROL */
	/* changes only while there is no vCPU, under kvm->lock; NULL with ucontrol */
	struct gmap		*gmap;
	u64			mem_limit;	/* first address that is too high; U64_MAX: none */
	struct sie_sca		*sca;		/* or struct sie_esca */
	bool			sca_extended;
	struct mutex		walk_lock;	/* guards sca's places and @walkers */
	unsigned int		walkers;	/* threads that hold the interlock */
	struct {			/* written under kvm->lock */
		struct sie_crypto_page *page;	/* below 2 GB */
		u8	index;		/* of the block in use */
		u8	wrap;		/* SIE_EXECB2_AES, SIE_EXECB2_DEA */
		bool	apie;
	} crypto;
	struct kvm_s390_vm_cpu_subfunc *subfunc;	/* that the VMM has set */
	u16			ibc;
	/* list for the guest, 2048 bits in a page below 2 GB; what KVM can give, behind it */
	u64			*facilities;
	u64			*fac_mask;
	u64			cpuid;
	u64			feat;		/* KVM_S390_VM_CPU_FEAT_*, from the left */
	/* guest TOD - host TOD, and to its left if they have an index; written under kvm->lock */
	u64			epoch;
	u8			epoch_index;
	/* KVM_SET_MP_STATE was used: the VMM starts and stops */
	bool			user_cpu_state;
	bool			user_sigp;
	bool			user_stsi;
	bool			user_instr0;
	bool			css_support;
	bool			has_flic;	/* under kvm->lock */
	struct {
		bool			on;		/* changes under kvm->lock, before the first vCPU */
		bool			migrating;	/* under slots_lock, as the next */
		struct s390_cmma_dirty	*dirty;		/* read under kvm->srcu */
	} cmma;
	bool			host_protects;	/* see host_protect.c; never cleared */
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
		struct list_head	ext;		/* struct s390_ext_irq, oldest first */
		unsigned int		n_ext;
	} irq;

	struct s390_vm_counters	stat;
};

static inline struct s390_vcpu *to_s390(struct kvm_vcpu *vcpu)
{
	return container_of(vcpu, struct s390_vcpu, vcpu);
}

static inline struct s390_vm *to_s390_vm(struct kvm *kvm)
{
	return container_of(kvm, struct s390_vm, kvm);
}

static inline struct s390_vm *vm_of(const struct s390_vcpu *v)
{
	return to_s390_vm(v->vcpu.kvm);
}

static inline struct sie_page *sie_page(const struct s390_vcpu *v)
{
	return container_of(v->sie, struct sie_page, block);
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

/* One more of what @stat, S390_STAT(), is the counter of. */
static inline void s390_count(struct s390_vcpu *v, unsigned int stat)
{
	++*(u64 *)((void *)&v->stat + stat);
}

/* Adapter-interruption suppression: ours, not the machine's. */
#define S390_FACILITY_AIS	72

static inline u64 facility_bit(unsigned int nr)
{
	return 1ULL << (63 - nr % 64);
}

static inline bool s390_facility(const struct s390_vm *vm, unsigned int nr)
{
	return vm->facilities[nr / 64] & facility_bit(nr);
}

/* caps.c */
extern const struct kvm_cap_table s390_caps;
int s390_vm_enable_cap(struct kvm *kvm, struct kvm_enable_cap *cap);

/* vm.c */
extern const struct kvm_ioctl_table s390_vm_ioctls;
int s390_vm_init(struct kvm *kvm, unsigned long type);
void s390_vm_destroy(struct kvm *kvm);

/* stats.c */
extern const struct kvm_stat_table s390_vm_stats;
extern const struct kvm_stat_table s390_vcpu_stats;

/* attr.c: KVM_*_DEVICE_ATTR of a VM */
long s390_vm_set_attr(struct kvm *kvm, struct kvm_arg *arg);
long s390_vm_get_attr(struct kvm *kvm, struct kvm_arg *arg);
long s390_vm_has_attr(struct kvm *kvm, struct kvm_arg *arg);

/* facilities.c: the processor that a guest sees */
void s390_facilities_init(void);
void s390_facilities_default(struct s390_vm *vm);
u64 s390_host_cpuid(void);
u16 s390_host_ibc(void);
#define S390_FACILITY_WORDS	256

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
u64 s390_sync_fields(const struct s390_vcpu *v);
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
bool s390_hpage_offered(const struct s390_vm *vm);
int s390_hpage_enable(struct s390_vm *vm);
struct gmap *s390_gmap_new(struct kvm *kvm, u64 limit);
int s390_gmap_init(struct s390_vm *vm);
int s390_limit_change(struct s390_vm *vm, u64 limit);
int s390_prefix_map(struct s390_vcpu *v);
int s390_gmap_fault(struct s390_vcpu *v, gpa_t gpa, bool write);
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
bool s390_has_frames(struct kvm *kvm, gfn_t gfn, u64 n);
void s390_memory_init(void);
void s390_memory_exit(void);

/* ucontrol.c */
int s390_vcpu_gmap_init(struct s390_vcpu *v);
void s390_vcpu_gmap_exit(struct s390_vcpu *v);
long s390_ucas_map(struct kvm_vcpu *vcpu, struct kvm_arg *arg);
long s390_ucas_unmap(struct kvm_vcpu *vcpu, struct kvm_arg *arg);
long s390_vcpu_fault_ioctl(struct kvm_vcpu *vcpu, struct kvm_arg *arg);
vm_fault_t s390_vcpu_mmap_fault(struct kvm_vcpu *vcpu, struct vm_fault *vmf);
int s390_ucontrol_turn_end(struct s390_vcpu *v, int fault);

/* host_protect.c */
void s390_protection_check(struct kvm *kvm, const struct kvm_slot *slot);
void s390_protection_recheck(struct kvm *kvm);
void s390_protection_update(struct s390_vcpu *v);
bool s390_host_protected(struct s390_vcpu *v);

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

/* cmma.c */
int s390_insn_essa(struct s390_vcpu *v);
int s390_cmma_enable(struct s390_vm *vm, void __user *user);
int s390_cmma_clear(struct s390_vm *vm, void __user *user);
int s390_migration_start_set(struct s390_vm *vm, void __user *user);
int s390_migration_stop_set(struct s390_vm *vm, void __user *user);
int s390_migration_status_get(struct s390_vm *vm, void __user *user);
void s390_migration_stop(struct s390_vm *vm);
long s390_get_cmma_bits(struct kvm *kvm, struct kvm_arg *arg);
long s390_set_cmma_bits(struct kvm *kvm, struct kvm_arg *arg);

/* pfault.c */
int s390_diag_pfault(struct s390_vcpu *v);
bool s390_pfault(struct s390_vcpu *v, gpa_t gpa);
void s390_async_pf_done(struct kvm_vcpu *vcpu, u64 token);
void s390_pfault_end(struct s390_vcpu *v);
int s390_pfault_enable(struct s390_vm *vm);
int s390_pfault_disable(struct s390_vm *vm);

/* art.c */
int s390_art(struct s390_vcpu *v, u32 alet, u64 *asce, bool *fetch_only);

/* irq.c: what is pending and may come; delivery */
void s390_irq_init(struct s390_vcpu *v);
void s390_irq_drop(struct s390_vcpu *v);
void s390_irq_clear(struct s390_vcpu *v);
int s390_deliver(struct s390_vcpu *v);
bool s390_irq_deliverable(struct s390_vcpu *v);
bool s390_clock_comp_due(const struct s390_vcpu *v);
bool s390_cpu_timer_due(const struct s390_vcpu *v);
void s390_irq_windows(struct s390_vcpu *v);
bool s390_stop_wanted(struct s390_vcpu *v);
void s390_stop_taken(struct s390_vcpu *v);
int s390_ext_timer(struct s390_vcpu *v, u16 code);
int s390_supervisor_call(struct s390_vcpu *v, u8 code);
int s390_inject_pgm(struct s390_vcpu *v, const struct kvm_s390_pgm_info *pgm);
int s390_inject_pgm_code(struct s390_vcpu *v, u16 code);

/* features.c: what a facility of the machine brings to a CPU */
#define FACILITY_TOPOLOGY	11
#define FACILITY_RI		64
#define FACILITY_MSA3		76
#define FACILITY_BPB		82
#define FACILITY_VX		129
#define FACILITY_GS		133
#define FACILITY_MULTI_EPOCH	139
#define FACILITY_ETOKEN		156
int s390_feature_enable(struct s390_vm *vm, u32 cap);
bool s390_has(const struct s390_vm *vm, unsigned int facility);
void s390_features_init(struct s390_vcpu *v);
void s390_features_take(struct s390_vcpu *v, u64 dirty);
void s390_features_give(struct s390_vcpu *v);
void s390_features_reset(struct s390_vcpu *v, bool clear);
void s390_gs_enter(struct s390_vcpu *v);
void s390_gs_leave(struct s390_vcpu *v);

/* subfunc.c, crypto.c: attributes of a VM; attr.c lists them */
void s390_subfunc_init(void);
int s390_machine_subfunc_get(struct s390_vm *vm, void __user *user);
int s390_processor_subfunc_get(struct s390_vm *vm, void __user *user);
int s390_processor_subfunc_set(struct s390_vm *vm, void __user *user);
int s390_crypto_init(struct s390_vm *vm);
void s390_crypto_free(struct s390_vm *vm);
void s390_crypto_controls(struct s390_vcpu *v);
bool s390_crypto_has_ap(struct s390_vm *vm);
int s390_crypto_aes_on(struct s390_vm *vm, void __user *user);
int s390_crypto_aes_off(struct s390_vm *vm, void __user *user);
int s390_crypto_dea_on(struct s390_vm *vm, void __user *user);
int s390_crypto_dea_off(struct s390_vm *vm, void __user *user);
int s390_crypto_apie_on(struct s390_vm *vm, void __user *user);
int s390_crypto_apie_off(struct s390_vm *vm, void __user *user);

/* topology.c */
bool s390_topology_there(struct s390_vm *vm);
void s390_topology_changed(struct s390_vm *vm, bool changed);
int s390_insn_ptf(struct s390_vcpu *v);
int s390_topology_clear(struct s390_vm *vm, void __user *user);
int s390_topology_set(struct s390_vm *vm, void __user *user);
int s390_topology_get(struct s390_vm *vm, void __user *user);

/* sca.c */
unsigned int s390_max_vcpus(void);
int s390_sca_init(struct s390_vm *vm);
void s390_sca_free(struct s390_vm *vm);
int s390_sca_room(struct s390_vm *vm, unsigned int id);
void s390_sca_enter(struct s390_vcpu *v);
void s390_sca_leave(struct s390_vcpu *v);
void s390_sca_controls(struct s390_vcpu *v);
void s390_walk_begin(struct s390_vm *vm);
void s390_walk_end(struct s390_vm *vm);
void s390_walk_wait(struct s390_vm *vm);
void s390_interlock_settle(struct s390_vm *vm);

/* guestdbg.c: program-event recording, the guest's and a debugger's */
#define S390_GUESTDBG_FLAGS							\
	(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP | KVM_GUESTDBG_USE_HW_BP)
#define PGM_PER			0x80	/* in a program-interruption code */
#define ASCE_ALTERATION		0x080	/* storage-alteration events of this space count */
void s390_per_machine(struct s390_vcpu *v);
void s390_per_insn(struct s390_vcpu *v);
void s390_per_retry(struct s390_vcpu *v);
void s390_per_store(struct s390_vcpu *v, u64 addr, u64 len, u64 asce, u8 asce_id, u8 ar);
void s390_debug_enter(struct s390_vcpu *v);
void s390_debug_leave(struct s390_vcpu *v);
int s390_debug_hit(struct s390_vcpu *v);
int s390_debug_breakpoint(struct s390_vcpu *v);
void s390_debug_free(struct s390_vcpu *v);
long s390_set_guest_debug(struct kvm_vcpu *vcpu, struct kvm_arg *arg);

/* inject.c: how interrupts become pending */
int s390_inject_local(struct s390_vcpu *v, const struct kvm_s390_irq *irq);
int s390_inject_state(struct s390_vcpu *v, const struct kvm_s390_irq *irqs, unsigned int n);
#define S390_BY_KERNEL	1
#define S390_BY_USER	2
int s390_inject_float(struct kvm *kvm, const struct kvm_s390_irq *irq, int who);
void s390_float_clear(struct kvm *kvm);
void s390_float_pass_on(struct s390_vcpu *v);
bool s390_float_io_take(struct s390_vm *vm, u8 isc_mask, u32 schid, struct s390_io_irq *out);
void s390_float_io_return(struct s390_vm *vm, const struct s390_io_irq *from);
bool s390_float_ext_take(struct s390_vm *vm, struct s390_ext_irq *out);
int s390_float_list(struct s390_vm *vm, struct kvm_s390_irq *irqs, unsigned int room);
long s390_vm_interrupt(struct kvm *kvm, struct kvm_arg *arg);
long s390_vcpu_async_ioctl(struct kvm_vcpu *vcpu, unsigned int cmd, unsigned long arg);

/* adapter.c */
int s390_adapter_add(struct s390_vm *vm, const struct kvm_s390_io_adapter *info);
void s390_adapters_free(struct s390_vm *vm);
struct s390_adapter *s390_adapter_of(struct s390_vm *vm, u64 id);
int s390_adapter_interrupt(struct s390_vm *vm, unsigned int id,
			   const struct s390_adapter *adapter);
int s390_ais_enable(struct s390_vm *vm);
int s390_ais_set(struct s390_vm *vm, const struct kvm_s390_ais_req *req);
void s390_ais_set_all(struct s390_vm *vm, const struct kvm_s390_ais_all *all);
void s390_ais_get_all(struct s390_vm *vm, struct kvm_s390_ais_all *all);
int s390_route_set(struct kvm *kvm, struct kvm_irq_route *route,
		   const struct kvm_irq_routing_entry *entry);
bool s390_irqchip(struct kvm *kvm);
bool s390_irqfd_allowed(struct kvm *kvm, struct kvm_irqfd *args);
long s390_vm_create_irqchip(struct kvm *kvm, struct kvm_arg *arg);

/* irq_state.c, flic.c */
extern const struct kvm_device_class s390_flic_class;
long s390_get_irq_state(struct kvm_vcpu *vcpu, struct kvm_arg *arg);
long s390_set_irq_state(struct kvm_vcpu *vcpu, struct kvm_arg *arg);

/* Is a floating interrupt pending? A hint, without lock. */
static inline bool s390_float_waits(const struct s390_vm *vm)
{
	return READ_ONCE(vm->irq.n_io) | READ_ONCE(vm->irq.n_ext) | READ_ONCE(vm->irq.service) |
	       READ_ONCE(vm->irq.mchk_pending);
}

/* May s390_deliver() find anything? Context: the CPU's own thread. */
static inline bool s390_irq_waits(struct s390_vcpu *v)
{
	return READ_ONCE(v->irq.pending) || v->per.code || s390_float_waits(vm_of(v)) ||
	       (v->sie->psw.mask & PSW_MASK_EXT &&
		(s390_clock_comp_due(v) || s390_cpu_timer_due(v)));
}

/* clock.c */
int s390_wait(struct s390_vcpu *v);
void s390_clock_set(struct kvm *kvm, u8 index, u64 tod);
void s390_clock_get(const struct s390_vm *vm, u8 *index, u64 *tod);
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
#define PGM_ALET		0x28	/* to 0x2d: access-register translation */
#define PGM_ALEN		0x29
#define PGM_ALE_SEQUENCE	0x2a
#define PGM_ASTE_VALIDITY	0x2b
#define PGM_ASTE_SEQUENCE	0x2c
#define PGM_EXT_AUTHORITY	0x2d
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
#define EXT_VIRTIO		0x2603

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
