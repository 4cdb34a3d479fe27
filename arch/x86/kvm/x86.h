/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What VMX and SVM share: the x86 VM and vCPU objects, and the small accessors that everything uses.
 *
 * Both objects begin with the core's (struct kvm, struct kvm_vcpu); a backend's vCPU begins with struct x86_vcpu.
 * Functions pass struct kvm and struct kvm_vcpu and find their own part by to_x86() / to_x86_vm(). Each room (mmu/,
 * irqchip/, pv/, emulate/) has one member here, laid out in the room's own header.
 *
 * Fields of the vCPU without a note are its own thread's: touched under vcpu->mutex only.
 */
#ifndef KVM_X86_H
#define KVM_X86_H

#include <linux/types.h>
#include <asm/fpu/api.h>
#include <asm/fpu/types.h>
#include <asm/fpu/xcr.h>
#include <asm/debugreg.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <kvm/arch_ops.h>
#include <kvm/guest_access.h>
#include "cpuid.h"
#include "exception.h"
#include "insn_length.h"
#include "pause_window.h"
#include "tsc.h"
#include "irqchip/irqchip.h"
#include "mmu/mmu.h"
#include "pv/pv.h"

struct x86_emu;
struct x86_insn;	/* insn.c: the emulator and its replay log */

/* Numbered as ModRM and REX number them. */
enum x86_reg {
	GPR_RAX, GPR_RCX, GPR_RDX, GPR_RBX, GPR_RSP, GPR_RBP, GPR_RSI, GPR_RDI,
	GPR_R8, GPR_R9, GPR_R10, GPR_R11, GPR_R12, GPR_R13, GPR_R14, GPR_R15,
	GPR_RIP,
	NR_GPRS = GPR_RIP,
	/* Not in regs[]: kinds of state that a backend may read lazily */
	REG_CACHE_PDPTR, REG_CACHE_CR3, REG_CACHE_SEGMENTS, REG_CACHE_EXIT_INFO,
	NR_REG_CACHE,
};

enum x86_seg_index {
	SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_TR, SEG_LDTR, NR_SEGS,
};

/* Debug registers (SDM vol 3, 17.2), of a guest without RTM. */
#define DR6_WRITABLE	0xe00fUL
#define DR7_ENABLE_BITS	0xffUL
#define DR7_GENERAL_DETECT	BIT(13)
#define DR7_FIXED_1	0x400UL
#define DR7_WRITABLE	0xffff23ffUL

/* Requests of x86 beside the core's. */
#define X86_REQ(n)		(KVM_REQ_ARCH + (n))
#define KVM_REQ_EVENT		X86_REQ(0)	/* something to inject may have come, or become possible */
#define KVM_REQ_TRIPLE_FAULT	X86_REQ(1)
#define KVM_REQ_MMU_SYNC	X86_REQ(2)
#define KVM_REQ_CLOCK_UPDATE	X86_REQ(3)	/* write this vCPU's kvmclock page */
#define KVM_REQ_MASTERCLOCK	X86_REQ(4)	/* the VM's master clock is to be taken anew */
#define KVM_REQ_SCAN_IOAPIC	X86_REQ(5)	/* which vectors' EOI must be seen: routing or IOAPIC changed */
#define KVM_REQ_NMI		X86_REQ(6)	/* nmi_queued > 0 */
#define KVM_REQ_TLB_FLUSH_GUEST	X86_REQ(7)	/* as if the guest had flushed its own TLB */
#define KVM_REQ_TLB_FLUSH_CURRENT X86_REQ(8)	/* translations of the current root only */
#define KVM_REQ_MMU_RELOAD	(X86_REQ(9) | KVM_REQ_WAIT)	/* the root is obsolete */
#define KVM_REQ_STEAL_UPDATE	X86_REQ(10)
#define KVM_REQ_REPORT_TPR	X86_REQ(11)	/* TPR access exit is filled in */
#define KVM_REQ_INTERCEPTS	X86_REQ(12)	/* what update_intercepts looks at has changed */
#define KVM_REQ_IOAPIC_EOI_EXIT	X86_REQ(13)	/* split irqchip: user space's IOAPIC must see an EOI */
#define KVM_REQ_SMI		X86_REQ(14)	/* an SMI has come */

struct x86_msr_filter;

struct x86_vm {
	struct kvm		kvm;		/* first: the core allocates by vm_size */
	struct x86_mmu_vm	mmu;
	struct x86_irqchip	irqchip;
	struct x86_clock	clock;
	gpa_t			tss_addr;	/* KVM_SET_TSS_ADDR; VMX without unrestricted guest */
	gpa_t			identity_map_addr;
	hva_t			identity_map_hva;	/* of the backend's page there, or 0; slots_lock */
	u32			bsp_vcpu_id;	/* under kvm->lock, before the first vCPU */
	u64			disabled_quirks;
	/* KVM_CAP_X86_DISABLE_EXITS; set before the first vCPU */
	bool			hlt_in_guest, pause_in_guest, mwait_in_guest;
	u64			user_msr_mask;	/* KVM_CAP_X86_USER_SPACE_MSR: KVM_MSR_EXIT_REASON_* */
	struct x86_msr_filter __rcu *msr_filter;	/* msr_filter.c; written under kvm->lock, read under srcu */
	u64			hypercall_exits;	/* KVM_CAP_EXIT_HYPERCALL: bit n is hypercall n */
	bool			exception_payload;	/* KVM_CAP_EXCEPTION_PAYLOAD */
	bool			triple_fault_event;	/* KVM_CAP_X86_TRIPLE_FAULT_EVENT */
	bool			exit_on_emulation_failure;
	bool			max_vcpu_id_set;	/* KVM_CAP_MAX_VCPU_ID, once */
	bool			bus_lock_exits;		/* KVM_CAP_X86_BUS_LOCK_EXIT; kvm->lock, read without */
	struct {
		bool		on, to_user;
		u32		window;
	} notify;		/* KVM_CAP_X86_NOTIFY_VMEXIT; set before the first vCPU */
	struct {
		u64 mmu_shadow_zapped, mmu_pte_write, mmu_pde_zapped, mmu_flooded, mmu_recycled;
		u64 mmu_cache_miss, mmu_unsync, pages_4k, pages_2m, pages_1g, nx_lpage_splits;
		u64 max_mmu_page_hash_collisions, max_mmu_rmap_size;
	} stat;
};

/* Statistics of one vCPU; names as the kernel's, rows in stats.c. */
struct x86_vcpu_stats {
	u64 pf_taken, pf_fixed, pf_emulate, pf_spurious, pf_fast, pf_mmio_spte_created, pf_guest;
	u64 tlb_flush, invlpg;
	u64 exits, io_exits, mmio_exits, signal_exits, irq_window_exits, nmi_window_exits;
	u64 l1d_flush, halt_exits, request_irq_exits, irq_exits, host_state_reload, fpu_reload;
	u64 insn_emulation, insn_emulation_fail, hypercalls, irq_injections, nmi_injections, req_event;
	u64 nested_run, directed_yield_attempted, directed_yield_successful;
	u64 preemption_reported, preemption_other, guest_mode, notify_window_exits;
};

struct x86_vcpu {
	struct kvm_vcpu		vcpu;		/* first: the core allocates by vcpu_size */

	/* Registers. regs[] is current for a register whose bit is in regs_avail; a backend fills in lazily. */
	unsigned long		regs[NR_GPRS + 1];
	u32			regs_avail;
	u32			regs_dirty;
	/* What the guest believes; the backend holds what the hardware gets. cr3 by x86_cr3() only: it may be read lazily. */
	unsigned long		cr0, cr2, cr3, cr4, cr8;
	u64			efer;
	u64			pat;
	u64			xcr0;
	u64			xss;
	u64			apic_base;
	u64			misc_enable;
	u64			spec_ctrl;
	u64			arch_capabilities;
	u64			microcode_version;
	u64			smbase;
	u64			smi_count;
	u64			mcg_cap, mcg_status, mcg_ctl, mcg_ext_ctl, *mce_banks;
	u64			mtrr[40];	/* msr.c: stored for the guest, memory type is the host's */
	unsigned long		cr4_guest_reserved;	/* bits of CR4 that this guest's CPUID does not have */
	u64			reserved_gpa_bits;	/* from MAXPHYADDR up */
	u8			maxphyaddr;
	u32			pkru;		/* valid while not loaded; kept with the FPU state's by run.c */
	u32			host_pkru;	/* around an entry only */
	bool			long_mode_msrs_dirty;

	/* Debug registers: db[] and dr6/dr7 are the guest's; eff_db what hardware gets while user space debugs. */
	unsigned long		db[4], eff_db[4];
	unsigned long		dr6, dr7, guest_debug_dr7;
	bool			dr_dirty;	/* hardware has newer values: the guest owns the registers now */
	unsigned long		singlestep_rip;

	/* FPU: the guest's whole XSAVE state; in the registers while inside KVM_RUN (fpu.c). */
	struct fpu_guest	fpu;

	/* Events (events.c). */
	struct x86_events	events;
	int			mp_state;	/* KVM_MP_STATE_*; others look at it for wake-ups: READ/WRITE_ONCE */
	bool			preempted_in_kernel;	/* as of the last vcpu_put; read by others as a hint */
	/*
	 * The guest is between two instructions, and none of ours is being emulated that could use
	 * a translation later: only then may others take the vCPU for preempted (pv/steal.c).
	 */
	bool			between_insns;
	bool			unfit;		/* run_unfit() is to be called rather than enter() */
	bool			bus_locked;	/* by the guest, before the exit that user space is to see */

	/* What user space must answer before the guest goes on; io.c, insn.c. */
	int			(*complete_user)(struct kvm_vcpu *vcpu);
	struct x86_insn		*insn;
	struct insn_length	(*lengths)[INSN_LENGTH_WAYS];	/* a part of insn */
	u32			*pio_data;	/* the page that user space maps behind kvm_run, for KVM_EXIT_IO */
	struct {
		unsigned long	linear_rip;
		u16		port;
		u8		size;
	} pio;					/* the IN that user space answers */

	struct x86_mmu		mmu;
	struct lapic		*lapic;		/* NULL without an in-kernel LAPIC */
	struct {
		struct kvm_gpa_cache	page;
		bool			active, report_tpr;
	} vapic;
	struct x86_cpuid	cpuid;
	struct x86_tsc		tsc;
	struct x86_pv		pv;

	unsigned int		pause_window;	/* as the hardware has it */
	u64			host_xcr0;
	bool			has_run;	/* entered the guest once: CPUID is fixed from then on */
	unsigned int		last_cpu;	/* where it entered the guest last: for TLB and IBPB */
	u64			exit_qualification_a, exit_qualification_b;
	struct x86_vcpu_stats	stat;
};

/* Behaviour that user space can turn off (KVM_CAP_DISABLE_QUIRKS2): is it on? */
#define x86_has_quirk(kvm, name)	\
	(!(READ_ONCE(to_x86_vm(kvm)->disabled_quirks) & KVM_X86_QUIRK_##name))

static inline struct x86_vm *to_x86_vm(const struct kvm *kvm)
{
	return container_of(kvm, struct x86_vm, kvm);
}

static inline struct x86_vcpu *to_x86(const struct kvm_vcpu *vcpu)
{
	return container_of(vcpu, struct x86_vcpu, vcpu);
}

#include "ops.h"

/*
 * Registers.
 */
static inline unsigned long x86_reg_read(struct kvm_vcpu *vcpu, unsigned int reg)
{
	struct x86_vcpu *v = to_x86(vcpu);

	if (!(v->regs_avail & BIT(reg)))
		x86_op(cache_reg)(vcpu, reg);
	return v->regs[reg];
}

static inline void x86_reg_write(struct kvm_vcpu *vcpu, unsigned int reg, unsigned long val)
{
	struct x86_vcpu *v = to_x86(vcpu);

	v->regs[reg] = val;
	v->regs_avail |= BIT(reg);
	v->regs_dirty |= BIT(reg);
}

static inline unsigned long x86_rip(struct kvm_vcpu *vcpu)
{
	return x86_reg_read(vcpu, GPR_RIP);
}

static inline void x86_set_rip(struct kvm_vcpu *vcpu, unsigned long rip)
{
	x86_reg_write(vcpu, GPR_RIP, rip);
}

/* State that the backend reads only when somebody asks. */
static inline void x86_reg_need(struct kvm_vcpu *vcpu, enum x86_reg reg)
{
	if (!(to_x86(vcpu)->regs_avail & BIT(reg)))
		x86_op(cache_reg)(vcpu, reg);
}

static inline unsigned long x86_cr3(struct kvm_vcpu *vcpu)
{
	x86_reg_need(vcpu, REG_CACHE_CR3);
	return to_x86(vcpu)->cr3;
}

/* The backend is still to be told, by its cr3_changed(). */
static inline void x86_put_cr3(struct kvm_vcpu *vcpu, unsigned long cr3)
{
	struct x86_vcpu *v = to_x86(vcpu);

	v->cr3 = cr3;
	v->regs_avail |= BIT(REG_CACHE_CR3);
	v->regs_dirty |= BIT(REG_CACHE_CR3);
}

/* RFLAGS as the guest sees them: without the TF that user space's single step adds. */
unsigned long x86_rflags(struct kvm_vcpu *vcpu);
void x86_set_rflags(struct kvm_vcpu *vcpu, unsigned long rflags);

/* EDX:EAX of RDMSR, WRMSR and the like. */
static inline u64 x86_edx_eax(struct kvm_vcpu *vcpu)
{
	return (x86_reg_read(vcpu, GPR_RAX) & U32_MAX) | (u64)x86_reg_read(vcpu, GPR_RDX) << 32;
}

static inline bool x86_is_long_mode(struct kvm_vcpu *vcpu)
{
	return to_x86(vcpu)->efer & EFER_LMA;
}

static inline bool x86_is_paging(struct kvm_vcpu *vcpu)
{
	return to_x86(vcpu)->cr0 & X86_CR0_PG;
}

static inline bool x86_is_pae_paging(struct kvm_vcpu *vcpu)
{
	return x86_is_paging(vcpu) && (to_x86(vcpu)->cr4 & X86_CR4_PAE) && !x86_is_long_mode(vcpu);
}

static inline bool x86_is_protected(struct kvm_vcpu *vcpu)
{
	return to_x86(vcpu)->cr0 & X86_CR0_PE;
}

bool x86_is_64bit_code(struct kvm_vcpu *vcpu);	/* long mode and CS.L */
unsigned long x86_linear_rip(struct kvm_vcpu *vcpu);

static inline bool x86_is_canonical(struct kvm_vcpu *vcpu, u64 addr)
{
	unsigned int bits = to_x86(vcpu)->cr4 & X86_CR4_LA57 ? 57 : 48;

	return (u64)((s64)(addr << (64 - bits)) >> (64 - bits)) == addr;
}

/*
 * Control and debug registers with the checks of a MOV from the guest (cr.c). Return 0, or 1 when the guest must get
 * #GP(0); then nothing has changed. vcpu->mutex, srcu held (a CR3 or CR0 write may read PDPTEs).
 */
int x86_set_cr0(struct kvm_vcpu *vcpu, unsigned long cr0);
int x86_set_cr3(struct kvm_vcpu *vcpu, unsigned long cr3);
int x86_set_cr4(struct kvm_vcpu *vcpu, unsigned long cr4);
int x86_set_cr8(struct kvm_vcpu *vcpu, unsigned long cr8);
unsigned long x86_get_cr8(struct kvm_vcpu *vcpu);
int x86_set_efer(struct kvm_vcpu *vcpu, u64 efer, bool host);
int x86_set_xcr0(struct kvm_vcpu *vcpu, u64 xcr0);
int x86_set_dr(struct kvm_vcpu *vcpu, int dr, unsigned long val);
unsigned long x86_get_dr(struct kvm_vcpu *vcpu, int dr);
void x86_update_dr7(struct kvm_vcpu *vcpu);
bool x86_cr0_valid(unsigned long cr0);
bool x86_cr4_valid(struct kvm_vcpu *vcpu, unsigned long cr4);
bool x86_efer_valid(struct kvm_vcpu *vcpu, u64 efer);
void x86_lmsw(struct kvm_vcpu *vcpu, unsigned long msw);

/* Exits that a VMM may ask for; filled at hardware set-up. */
extern bool x86_can_exit_on_bus_lock, x86_can_notify;

/*
 * How long guests may spin (pause_window.c); the backend fills the rule in. grow: after an exit;
 * shrink: in vcpu_load; they tell whether vcpu's pause_window is another than before.
 */
extern struct pause_rule x86_pause_rule;
bool x86_pause_window_grow(struct kvm_vcpu *vcpu);
bool __x86_pause_window_shrink(struct kvm_vcpu *vcpu);

/* Requests of user space load a vCPU as well: they say nothing about who wants CPUs. */
static inline bool x86_pause_window_shrink(struct kvm_vcpu *vcpu)
{
	return unlikely(vcpu->scheduled) && __x86_pause_window_shrink(vcpu);
}

/* Which CR4 and EFER bits this host and backend support at all; filled at hardware set-up. */
extern u64 x86_efer_supported;
extern unsigned long x86_cr4_supported;
extern u64 x86_xcr0_supported;
extern u64 x86_host_efer, x86_host_xcr0;

/*
 * MSRs (msr.c). @host: user space asks: read-only MSRs may be written, CPUID is not consulted. Return 0, 1 (#GP for
 * the guest, not done for user space), or X86_MSR_UNKNOWN.
 */
#define X86_MSR_INVALID		1
#define X86_MSR_UNKNOWN		2
struct x86_msr {
	u32	index;
	bool	host;
	u64	data;
};
int x86_msr_get(struct kvm_vcpu *vcpu, struct x86_msr *msr);
/* PAT before anyone sets it: WB, WT, UC-, UC, twice (SDM vol 3, 12.12.4; APM vol 2, 7.8.2). */
#define X86_PAT_RESET	0x0007040600070406ULL
bool x86_pat_valid(u64 pat);
int x86_msr_set(struct kvm_vcpu *vcpu, const struct x86_msr *msr);
/* RDMSR and WRMSR exits: the whole job with #GP, user-space exits and the skip; enum kvm_outcome. */
int x86_exit_rdmsr(struct kvm_vcpu *vcpu);
int x86_exit_wrmsr(struct kvm_vcpu *vcpu);
int x86_msr_module_init(void);
void x86_msr_module_exit(void);
long x86_sys_get_msrs(struct kvm_arg *arg);
long x86_sys_get_msr_index_list(struct kvm_arg *arg);
long x86_sys_get_msr_feature_list(struct kvm_arg *arg);
long x86_vcpu_get_msrs(struct kvm_vcpu *vcpu, struct kvm_arg *arg);
long x86_vcpu_set_msrs(struct kvm_vcpu *vcpu, struct kvm_arg *arg);
void x86_msr_reset(struct kvm_vcpu *vcpu, bool init);

/*
 * Host MSRs that hold the guest's value until the return to user space (STAR, TSC_AUX, ...): user_return.c. Slots are
 * handed out at hardware set-up; set: preemption off.
 */
int x86_user_return_add(u32 msr);		/* slot, or -errno when the CPU has no such MSR */
int x86_user_return_set(unsigned int slot, u64 value, u64 mask);
int x86_user_return_init(void);
void x86_user_return_exit(void);
void x86_user_return_cpu_off(void);

/*
 * FPU (fpu.c).
 */
int x86_fpu_create(struct kvm_vcpu *vcpu);
void x86_fpu_free(struct kvm_vcpu *vcpu);
void x86_fpu_reset(struct kvm_vcpu *vcpu, bool init);
void x86_fpu_load(struct kvm_vcpu *vcpu);	/* into the registers, the task's own saved; in KVM_RUN */
void x86_fpu_put(struct kvm_vcpu *vcpu);
void x86_guest_xsave_load(struct kvm_vcpu *vcpu);	/* XCR0, XSS, PKRU just around the entry; irqs off */
void x86_host_xsave_load(struct kvm_vcpu *vcpu);
long x86_vcpu_get_fpu(struct kvm_vcpu *vcpu, struct kvm_arg *arg);
long x86_vcpu_set_fpu(struct kvm_vcpu *vcpu, struct kvm_arg *arg);
long x86_vcpu_get_xsave(struct kvm_vcpu *vcpu, struct kvm_arg *arg);
long x86_vcpu_get_xsave2(struct kvm_vcpu *vcpu, struct kvm_arg *arg);
long x86_vcpu_set_xsave(struct kvm_vcpu *vcpu, struct kvm_arg *arg);
long x86_vcpu_get_xcrs(struct kvm_vcpu *vcpu, struct kvm_arg *arg);
long x86_vcpu_set_xcrs(struct kvm_vcpu *vcpu, struct kvm_arg *arg);
int x86_cap_xsave2(struct kvm *kvm);

/* What KVM_SET_GUEST_DEBUG takes. */
#define X86_GUESTDBG_FLAGS							\
	(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP |			\
	 KVM_GUESTDBG_USE_SW_BP | KVM_GUESTDBG_USE_HW_BP |			\
	 KVM_GUESTDBG_INJECT_DB | KVM_GUESTDBG_INJECT_BP | KVM_GUESTDBG_BLOCKIRQ)

/* All registers at once (regs.c). set_sregs: -EINVAL and nothing changed; PDPTEs are the caller's. */
void x86_get_regs(struct kvm_vcpu *vcpu, struct kvm_regs *out);
void x86_set_regs(struct kvm_vcpu *vcpu, const struct kvm_regs *in);
void x86_get_sregs(struct kvm_vcpu *vcpu, struct kvm_sregs *out);
int x86_set_sregs(struct kvm_vcpu *vcpu, const struct kvm_sregs *in);
bool x86_sregs_valid(struct kvm_vcpu *vcpu, const struct kvm_sregs *in);

/* REGS, SREGS, SREGS2, DEBUGREGS, TRANSLATE, GUEST_DEBUG, SYNC_REGS (regs.c). */
long x86_vcpu_get_regs(struct kvm_vcpu *vcpu, struct kvm_arg *arg);
long x86_vcpu_set_regs(struct kvm_vcpu *vcpu, struct kvm_arg *arg);
long x86_vcpu_get_sregs(struct kvm_vcpu *vcpu, struct kvm_arg *arg);
long x86_vcpu_set_sregs(struct kvm_vcpu *vcpu, struct kvm_arg *arg);
long x86_vcpu_get_sregs2(struct kvm_vcpu *vcpu, struct kvm_arg *arg);
long x86_vcpu_set_sregs2(struct kvm_vcpu *vcpu, struct kvm_arg *arg);
long x86_vcpu_get_debugregs(struct kvm_vcpu *vcpu, struct kvm_arg *arg);
long x86_vcpu_set_debugregs(struct kvm_vcpu *vcpu, struct kvm_arg *arg);
long x86_vcpu_translate(struct kvm_vcpu *vcpu, struct kvm_arg *arg);
long x86_vcpu_set_guest_debug(struct kvm_vcpu *vcpu, struct kvm_arg *arg);
void x86_sync_regs_store(struct kvm_vcpu *vcpu);	/* to kvm_run, at the end of KVM_RUN */
int x86_sync_regs_load(struct kvm_vcpu *vcpu);		/* from kvm_run, at its start; 0 or -EINVAL */

/*
 * Instructions (insn.c): the emulator's glue. All return enum kvm_outcome or a negative errno.
 */
#define INSN_SKIP		BIT(0)	/* only step over it: it has been carried out */
#define INSN_FAULT		BIT(1)	/* begun by a fault at @gpa: see struct x86_emu */
#define INSN_TRAP_UD		BIT(2)	/* intercepted #UD: give #UD unless it is one we emulate for the guest */
int x86_insn_emulate(struct kvm_vcpu *vcpu, unsigned int flags, gpa_t gpa, gva_t gva, const u8 *bytes,
		     unsigned int n);
/* Step over the instruction at RIP: by the hardware's length if it gave one, else by the decoder. */
int x86_insn_skip(struct kvm_vcpu *vcpu);
int x86_insn_create(struct kvm_vcpu *vcpu);
void x86_insn_free(struct kvm_vcpu *vcpu);
int x86_task_switch(struct kvm_vcpu *vcpu, u16 selector, int idt_vector, int reason, bool has_error, u32 error);
/* Deliver in real mode by the emulator, to return behind an instruction of @insn_length bytes at RIP. */
int x86_int_real(struct kvm_vcpu *vcpu, u8 vector, unsigned int insn_length);

/* IN and OUT that need no emulator: port, size and direction known from the exit (io.c). Skips when it is done. */
int x86_fast_pio(struct kvm_vcpu *vcpu, u16 port, unsigned int size, bool in);
/* Reads and writes of device memory; io.c: 0 a kernel device took it, -EOPNOTSUPP user space must. */
int x86_mmio_read(struct kvm_vcpu *vcpu, gpa_t gpa, unsigned int len, void *val);
int x86_mmio_write(struct kvm_vcpu *vcpu, gpa_t gpa, unsigned int len, const void *val);

/* CPUID, HLT, hypercall, XSETBV, ... exits that both backends have: whole handlers (exits.c). */
int x86_exit_cpuid(struct kvm_vcpu *vcpu);
int x86_exit_hlt(struct kvm_vcpu *vcpu);
int x86_halt(struct kvm_vcpu *vcpu);		/* after the skip */
long x86_do_hypercall(struct kvm_vcpu *vcpu);	/* without the skip; value for RAX */
int x86_exit_hypercall(struct kvm_vcpu *vcpu);
int x86_exit_xsetbv(struct kvm_vcpu *vcpu);
int x86_exit_rdpmc(struct kvm_vcpu *vcpu);
int x86_exit_wbinvd(struct kvm_vcpu *vcpu);
int x86_exit_as_nop(struct kvm_vcpu *vcpu);	/* INVD */
int x86_exit_mwait(struct kvm_vcpu *vcpu);	/* MONITOR, MWAIT */
int x86_exit_pause(struct kvm_vcpu *vcpu);	/* too many of them */
int x86_exit_rsm(struct kvm_vcpu *vcpu);		/* smm.c */
int x86_exit_ud(struct kvm_vcpu *vcpu);		/* the instruction does not exist for this guest */
int x86_exit_internal_error(struct kvm_vcpu *vcpu, u32 suberror, unsigned int n, const u64 *data);

/* A machine check ended the guest: to the host's handler (mce.c). irqs off. */
void x86_machine_check(void);

/* Stop KVM_RUN with KVM_EXIT_INTERNAL_ERROR, suberror emulation. */
int x86_emulation_failed(struct kvm_vcpu *vcpu);

/* vCPU life cycle (vcpu.c), VM (vm.c), run loop (run.c). */
int x86_vcpu_create(struct kvm_vcpu *vcpu);
void x86_vcpu_created(struct kvm_vcpu *vcpu);
void x86_vcpu_destroy(struct kvm_vcpu *vcpu);
void x86_vcpu_load(struct kvm_vcpu *vcpu, int cpu);
void x86_vcpu_put(struct kvm_vcpu *vcpu);
void x86_vcpu_reset(struct kvm_vcpu *vcpu, bool init);	/* power-on, or INIT */
int x86_vcpu_run(struct kvm_vcpu *vcpu);
bool x86_vcpu_runnable(struct kvm_vcpu *vcpu);
bool x86_vcpu_wanted(struct kvm_vcpu *vcpu);

/* The module parameters that more than one file looks at. */
extern bool x86_ignore_msrs, x86_report_ignored_msrs;
extern bool x86_eager_page_split;

/**
 * kvm_x86_register - a backend is loaded: become a KVM
 * @ops: copied; its hardware_setup has not been called
 *
 * Return: 0, -EBUSY another backend is loaded, or what hardware_setup or the core said.
 */
int kvm_x86_register(const struct kvm_x86_ops *ops);
void kvm_x86_unregister(void);

#endif /* KVM_X86_H */
