// SPDX-License-Identifier: GPL-2.0-only
/*
 * The emulator's glue: where instructions come from, and how their accesses reach memory, devices and user space.
 *
 * An instruction that reads a device of user space cannot be finished in one KVM_RUN. So each device read is answered
 * from a log first: what user space (or a device in the kernel, whose reads may have side effects) has answered before
 * is there. A read beyond the end of the log stops the emulation, KVM_RUN returns, the answer is appended, and the
 * instruction is executed again from its start. Device writes come after an instruction's reads; those for user space
 * are queued and handed out, one KVM_RUN each, after the instruction has completed. An iteration of a REP empties the
 * log.
 *
 * Nothing here trusts kvm_run to be unchanged: of an answer only the data is taken.
 */
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "emulate/emulate.h"
#include "insn_fpu.h"
#include "io.h"
#include "trace.h"
#include "msr_filter.h"
#include "x86.h"

#define LOG_BYTES	1024	/* as much as one op may read */
#define QUEUE_ENTRIES	136	/* an access of 1024 bytes, 8 a time, that may begin unaligned */

struct insn_write {
	gpa_t	gpa;
	u8	len;
	u8	data[8];
};

struct x86_insn {
	struct x86_emu	emu;
	struct kvm_vcpu	*vcpu;

	/* Answers of device reads, in the order in which the instruction asks; log_pos: how far this run has come. */
	u8		log[LOG_BYTES];
	unsigned int	log_len, log_pos;
	/* What user space is being asked. */
	gpa_t		want_gpa;
	u16		want_port;
	unsigned int	want_size, want_count;	/* count 0: MMIO */
	/* Device writes that user space must see. */
	struct insn_write queue[QUEUE_ENTRIES];
	unsigned int	queued, handed_out;
	struct {
		u16		port;
		u8		size;
		unsigned int	count;		/* 0: none */
	} out;
	bool		halted;		/* HLT was emulated */
	int		error;		/* for KVM_RUN to return, with X86_EMU_DEAD; 0: none */
	unsigned long	linear_rip;	/* of the instruction that waits for user space */
	/* Of instructions that are stepped over; here rather than in a vCPU that fits in a page. */
	struct insn_length lengths[1 << INSN_LENGTH_BITS][INSN_LENGTH_WAYS];
};

static struct kvm_vcpu *vcpu_of(struct x86_emu *emu)
{
	return container_of(emu, struct x86_insn, emu)->vcpu;
}

static struct x86_insn *insn_of(struct x86_emu *emu)
{
	return container_of(emu, struct x86_insn, emu);
}

/*
 * The host's fault, not the guest's: KVM_RUN returns the error, and nothing has happened to the
 * instruction.
 */
static enum x86_op_result host_error(struct x86_emu *emu)
{
	insn_of(emu)->error = -EFAULT;
	return X86_OP_ERROR;
}

static enum x86_op_result fault(struct x86_emu *emu, const struct x86_exception *e)
{
	if (e->host_error)
		return host_error(emu);
	emu->exception = (struct x86_emu_exception){
		.vector = e->vector,
		.has_error = e->has_error,
		.has_address = e->has_address,
		.error_code = e->error_code,
		.address = e->address,
	};
	return X86_OP_FAULT;
}

static enum x86_op_result gp(struct x86_emu *emu)
{
	emu->exception = (struct x86_emu_exception){ .vector = X86_EMU_GP, .has_error = true };
	return X86_OP_FAULT;
}

/*
 * Memory.
 */

/* A part of an access that lies in one page. */
struct chunk {
	gpa_t		gpa;
	unsigned int	len;
	bool		device;		/* no slot has it, and the last access to it has found that out */
};

static u32 walk_access(const struct x86_emu *emu, unsigned int flags, u32 access)
{
	if (flags & X86_ACC_WRITE)
		access |= ACC_WRITE;
	if (flags & X86_ACC_SYSTEM)
		access |= ACC_IMPLICIT;
	else if (emu->cpl == 3)
		access |= ACC_USER;
	return access;
}

/* The fault's own gpa stands for the operand if it is that page: same offset, and no page crossed. */
static bool is_faulted_operand(const struct x86_emu *emu, u64 linear, unsigned int len, unsigned int flags)
{
	return (flags & X86_ACC_FAULTED) && emu->from_fault &&
	       offset_in_page(linear) == offset_in_page(emu->fault_gpa) &&
	       offset_in_page(linear) + len <= PAGE_SIZE;
}

static enum x86_op_result translate(struct x86_emu *emu, u64 linear, unsigned int len, u32 access,
				    unsigned int flags, struct chunk *c)
{
	struct kvm_vcpu *vcpu = vcpu_of(emu);
	struct x86_exception e;

	c->len = len;
	c->device = false;
	if (is_faulted_operand(emu, linear, len, flags)) {
		c->gpa = emu->fault_gpa;
		c->device = mmu_mmio_match_gpa(vcpu, c->gpa);
		return X86_OP_OK;
	}
	if (mmu_mmio_match_gva(vcpu, linear, access, &c->gpa))
		return X86_OP_OK;
	c->gpa = mmu_gva_to_gpa(vcpu, linear, access, &e);
	return c->gpa == INVALID_GPA ? fault(emu, &e) : X86_OP_OK;
}

/* Both pages of an access are translated before anything is done to either. Returns the number of chunks or < 0. */
static enum x86_op_result split(struct x86_emu *emu, u64 linear, unsigned int size, u32 access, unsigned int flags,
				struct chunk *c, unsigned int *n)
{
	unsigned int first = min_t(unsigned int, size, PAGE_SIZE - offset_in_page(linear));
	enum x86_op_result r;

	*n = 1;
	r = translate(emu, linear, first, access, flags, &c[0]);
	if (r != X86_OP_OK || first == size)
		return r;
	*n = 2;
	linear += first;
	if (emu->mode != X86_EMU_LONG64)
		linear = (u32)linear;
	return translate(emu, linear, size - first, access, flags, &c[1]);
}

static bool from_log(struct x86_insn *in, void *buf, unsigned int len)
{
	if (in->log_pos + len > in->log_len)
		return false;
	memcpy(buf, in->log + in->log_pos, len);
	in->log_pos += len;
	return true;
}

static bool to_log(struct x86_insn *in, const void *buf, unsigned int len)
{
	if (in->log_len + len > LOG_BYTES)
		return false;
	memcpy(in->log + in->log_len, buf, len);
	in->log_len += len;
	return true;
}

/* kvm_run has room for 8 bytes a time; an access that crosses a page may leave any number below that. */
static unsigned int piece(unsigned int len)
{
	return min(len, 8u);
}

static enum x86_op_result device_read(struct x86_insn *in, gpa_t gpa, void *buf, unsigned int len)
{
	unsigned int n;

	for (; len; len -= n, gpa += n, buf += n) {
		n = piece(len);
		if (from_log(in, buf, n))
			continue;
		if (in->log_len + n > LOG_BYTES)
			return X86_OP_UNHANDLED;
		if (!x86_mmio_read(in->vcpu, gpa, n, buf)) {
			to_log(in, buf, n);
			in->log_pos = in->log_len;
			continue;
		}
		in->want_gpa = gpa;
		in->want_size = n;
		in->want_count = 0;
		return X86_OP_USER;
	}
	return X86_OP_OK;
}

static enum x86_op_result device_write(struct x86_insn *in, gpa_t gpa, const void *buf, unsigned int len)
{
	struct insn_write *w;
	unsigned int n;

	for (; len; len -= n, gpa += n, buf += n) {
		n = piece(len);
		if (!x86_mmio_write(in->vcpu, gpa, n, buf))
			continue;
		if (in->queued == QUEUE_ENTRIES)
			return X86_OP_UNHANDLED;
		w = &in->queue[in->queued++];
		w->gpa = gpa;
		w->len = n;
		memcpy(w->data, buf, n);
	}
	return X86_OP_OK;
}

static enum x86_op_result op_read(struct x86_emu *emu, u64 linear, void *buf, unsigned int size, unsigned int flags)
{
	struct x86_insn *in = insn_of(emu);
	enum x86_op_result r;
	struct chunk c[2];
	unsigned int i, n;
	int err;

	r = split(emu, linear, size, walk_access(emu, flags, 0), flags, c, &n);
	for (i = 0; r == X86_OP_OK && i < n; i++) {
		err = c[i].device ? -ENOENT : kvm_vcpu_read_guest(in->vcpu, c[i].gpa, buf, c[i].len);
		if (err)
			r = err == -EFAULT ? host_error(emu) :
					     device_read(in, c[i].gpa, buf, c[i].len);
		buf += c[i].len;
	}
	return r;
}

static enum x86_op_result op_write(struct x86_emu *emu, u64 linear, const void *buf, unsigned int size,
				   unsigned int flags)
{
	struct x86_insn *in = insn_of(emu);
	enum x86_op_result r;
	struct chunk c[2];
	unsigned int i, n;
	int err;

	r = split(emu, linear, size, walk_access(emu, flags, ACC_WRITE), flags, c, &n);
	for (i = 0; r == X86_OP_OK && i < n; i++) {
		err = c[i].device ? -ENOENT : kvm_vcpu_write_guest(in->vcpu, c[i].gpa, buf, c[i].len);
		if (err)
			r = err == -EFAULT ? host_error(emu) :
					     device_write(in, c[i].gpa, buf, c[i].len);
		buf += c[i].len;
	}
	return r;
}

#define TRY_CMPXCHG(type, p, old, new, label) ({				\
	type __o, __n;								\
	memcpy(&__o, old, sizeof(type));					\
	memcpy(&__n, new, sizeof(type));					\
	__try_cmpxchg_user((type __user *)(p), &__o, __n, label);		\
})

/* Atomic on the VMM's own mapping; 0, 1 when memory has changed, -EFAULT. */
static int user_cmpxchg(void __user *p, const void *old, const void *new, unsigned int size)
{
	if (!access_ok(p, size))
		return -EFAULT;
	switch (size) {
	case 1:
		return TRY_CMPXCHG(u8, p, old, new, fault1);
	case 2:
		return TRY_CMPXCHG(u16, p, old, new, fault2);
	case 4:
		return TRY_CMPXCHG(u32, p, old, new, fault4);
	default:
		return TRY_CMPXCHG(u64, p, old, new, fault8);
	}
}

static enum x86_op_result op_cmpxchg(struct x86_emu *emu, u64 linear, const void *old, const void *new,
				     unsigned int size, unsigned int flags)
{
	struct kvm_vcpu *vcpu = vcpu_of(emu);
	struct kvm_slot *slot;
	enum x86_op_result r;
	struct chunk c[2];
	bool writable;
	unsigned int n;
	hva_t hva;
	int ret;

	r = split(emu, linear, size, walk_access(emu, flags, ACC_WRITE), flags, c, &n);
	if (r != X86_OP_OK)
		return r;
	/* Split locks and 16-byte ones: not atomic, like a device write. */
	if (n > 1 || size > 8 || !is_power_of_2(size))
		return op_write(emu, linear, new, size, flags);
	hva = kvm_vcpu_gfn_to_hva(vcpu, gpa_to_gfn(c[0].gpa), &writable);
	if (hva == KVM_HVA_ERROR || !writable)
		return op_write(emu, linear, new, size, flags);
	ret = user_cmpxchg((void __user *)(hva + offset_in_page(c[0].gpa)), old, new, size);
	if (ret < 0)
		return host_error(emu);
	if (ret)
		return X86_OP_RETRY;
	slot = kvm_vcpu_slot_find(vcpu, gpa_to_gfn(c[0].gpa));
	kvm_mark_dirty(vcpu->kvm, slot, gpa_to_gfn(c[0].gpa));
	return X86_OP_OK;
}

static enum x86_op_result op_probe(struct x86_emu *emu, u64 linear, unsigned int size, unsigned int flags)
{
	struct chunk c[2];
	unsigned int n;

	return split(emu, linear, size, walk_access(emu, flags, 0), flags, c, &n);
}

/* Code in device memory cannot be run: there is no way to ask user space for a fetch. */
static enum x86_op_result op_fetch(struct x86_emu *emu, u64 linear, void *buf, unsigned int len)
{
	u32 access = ACC_FETCH | (emu->cpl == 3 ? ACC_USER : 0);
	struct x86_exception e;
	int r;

	r = mmu_fetch(vcpu_of(emu), linear, access, buf, len, &e);
	if (r == -EACCES)
		return fault(emu, &e);
	if (r == -EFAULT)
		return host_error(emu);
	return r ? X86_OP_UNHANDLED : X86_OP_OK;
}

/*
 * Ports.
 */
static enum x86_op_result op_pio_in(struct x86_emu *emu, u16 port, unsigned int size, void *buf, unsigned int count)
{
	struct x86_insn *in = insn_of(emu);
	unsigned int i;

	if (from_log(in, buf, size * count))
		return X86_OP_OK;
	if (in->log_len + size * count > LOG_BYTES)
		return X86_OP_UNHANDLED;
	for (i = 0; i < count; i++) {
		if (x86_pio_read(in->vcpu, port, size, buf + i * size))
			break;
	}
	if (i == count) {
		to_log(in, buf, size * count);
		in->log_pos = in->log_len;
		return X86_OP_OK;
	}
	in->want_port = port;
	in->want_size = size;
	in->want_count = count;
	return X86_OP_USER;
}

static enum x86_op_result op_pio_out(struct x86_emu *emu, u16 port, unsigned int size, const void *buf,
				     unsigned int count)
{
	struct x86_insn *in = insn_of(emu);
	unsigned int i;

	for (i = 0; i < count; i++) {
		if (x86_pio_write(in->vcpu, port, size, buf + i * size))
			break;
	}
	if (i == count)
		return X86_OP_OK;
	if (in->out.count || size * count > PAGE_SIZE)
		return X86_OP_UNHANDLED;
	in->out.port = port;
	in->out.size = size;
	in->out.count = count;
	memcpy(to_x86(in->vcpu)->pio_data, buf, size * count);
	return X86_OP_OK;
}

/*
 * Registers.
 */
static const u8 seg_numbers[X86_EMU_NR_SEGS] = {
	[X86_EMU_ES] = SEG_ES, [X86_EMU_CS] = SEG_CS, [X86_EMU_SS] = SEG_SS, [X86_EMU_DS] = SEG_DS,
	[X86_EMU_FS] = SEG_FS, [X86_EMU_GS] = SEG_GS, [X86_EMU_TR] = SEG_TR, [X86_EMU_LDTR] = SEG_LDTR,
};

static void op_get_seg(struct x86_emu *emu, enum x86_emu_seg_index seg, struct x86_emu_seg *out)
{
	struct kvm_segment s;

	x86_cold(get_segment)(vcpu_of(emu), &s, seg_numbers[seg]);
	*out = (struct x86_emu_seg){
		.base = s.base, .limit = s.limit, .selector = s.selector, .type = s.type, .dpl = s.dpl, .s = s.s,
		.p = s.present, .avl = s.avl, .l = s.l, .db = s.db, .g = s.g, .unusable = s.unusable,
	};
}

static void op_set_seg(struct x86_emu *emu, enum x86_emu_seg_index seg, const struct x86_emu_seg *in)
{
	struct kvm_segment s = {
		.base = in->base, .limit = in->limit, .selector = in->selector, .type = in->type, .dpl = in->dpl,
		.s = in->s, .present = in->p, .avl = in->avl, .l = in->l, .db = in->db, .g = in->g,
		.unusable = in->unusable,
	};

	x86_cold(set_segment)(vcpu_of(emu), &s, seg_numbers[seg]);
}

static void op_get_dt(struct x86_emu *emu, enum x86_emu_dt dt, struct x86_emu_table *out)
{
	struct kvm_dtable t;

	x86_cold(get_dt)(vcpu_of(emu), dt == X86_EMU_IDT, &t);
	out->base = t.base;
	out->limit = t.limit;
}

static void op_set_dt(struct x86_emu *emu, enum x86_emu_dt dt, const struct x86_emu_table *in)
{
	struct kvm_dtable t = { .base = in->base, .limit = in->limit };

	x86_cold(set_dt)(vcpu_of(emu), dt == X86_EMU_IDT, &t);
}

static u64 op_get_cr(struct x86_emu *emu, unsigned int nr)
{
	struct x86_vcpu *v = to_x86(vcpu_of(emu));

	switch (nr) {
	case 0:
		return v->cr0;
	case 2:
		return v->cr2;
	case 3:
		return x86_cr3(&v->vcpu);
	case 4:
		return v->cr4;
	default:
		return x86_get_cr8(&v->vcpu);
	}
}

static enum x86_op_result op_set_cr(struct x86_emu *emu, unsigned int nr, u64 value)
{
	struct kvm_vcpu *vcpu = vcpu_of(emu);
	int bad;

	trace_kvm_cr(1, nr, value);
	switch (nr) {
	case 0:
		bad = x86_set_cr0(vcpu, value);
		break;
	case 2:
		to_x86(vcpu)->cr2 = value;
		bad = 0;
		break;
	case 3:
		bad = x86_set_cr3(vcpu, value);
		break;
	case 4:
		bad = x86_set_cr4(vcpu, value);
		break;
	default:
		bad = x86_set_cr8(vcpu, value);
		break;
	}
	return bad ? gp(emu) : X86_OP_OK;
}

static u64 op_get_dr(struct x86_emu *emu, unsigned int nr)
{
	return x86_get_dr(vcpu_of(emu), nr);
}

static enum x86_op_result op_set_dr(struct x86_emu *emu, unsigned int nr, u64 value)
{
	return x86_set_dr(vcpu_of(emu), nr, value) ? gp(emu) : X86_OP_OK;
}

static enum x86_op_result op_read_msr(struct x86_emu *emu, u32 index, u64 *value)
{
	struct x86_msr msr = { .index = index };

	if (!x86_msr_allowed(vcpu_of(emu), index, KVM_MSR_FILTER_READ) ||
	    x86_msr_get(vcpu_of(emu), &msr))
		return gp(emu);
	*value = msr.data;
	return X86_OP_OK;
}

static enum x86_op_result op_write_msr(struct x86_emu *emu, u32 index, u64 value)
{
	struct x86_msr msr = { .index = index, .data = value };
	int r;

	if (!x86_msr_allowed(vcpu_of(emu), index, KVM_MSR_FILTER_WRITE))
		return gp(emu);
	r = x86_msr_set(vcpu_of(emu), &msr);
	if (r == -EFAULT)
		return host_error(emu);
	return r ? gp(emu) : X86_OP_OK;
}

static enum x86_op_result op_read_pmc(struct x86_emu *emu, u32 index, u64 *value)
{
	return gp(emu);
}

static enum x86_op_result op_get_xcr(struct x86_emu *emu, u32 index, u64 *value)
{
	if (index != XCR_XFEATURE_ENABLED_MASK)
		return gp(emu);
	*value = to_x86(vcpu_of(emu))->xcr0;
	return X86_OP_OK;
}

static enum x86_op_result op_set_xcr(struct x86_emu *emu, u32 index, u64 value)
{
	if (index != XCR_XFEATURE_ENABLED_MASK || x86_set_xcr0(vcpu_of(emu), value))
		return gp(emu);
	return X86_OP_OK;
}

static void op_cpuid(struct x86_emu *emu, u32 *eax, u32 *ebx, u32 *ecx, u32 *edx)
{
	x86_cpuid_query(vcpu_of(emu), eax, ebx, ecx, edx);
}

static enum x86_op_result op_hlt(struct x86_emu *emu)
{
	insn_of(emu)->halted = true;
	return X86_OP_OK;
}

static enum x86_op_result op_wbinvd(struct x86_emu *emu)
{
	return X86_OP_OK;
}

static enum x86_op_result op_invlpg(struct x86_emu *emu, u64 linear)
{
	mmu_invlpg(vcpu_of(emu), linear);
	return X86_OP_OK;
}

static enum x86_op_result op_hypercall(struct x86_emu *emu)
{
	emu->regs[X86_EMU_RAX] = x86_do_hypercall(vcpu_of(emu));
	return X86_OP_OK;
}

static void op_nmi_unmask(struct x86_emu *emu)
{
	x86_cold(set_nmi_mask)(vcpu_of(emu), false);
}

/* After an iteration: answers are used up; go on only when nothing waits to be handed out. */
static bool op_iteration_done(struct x86_emu *emu)
{
	struct x86_insn *in = insn_of(emu);

	in->log_len = 0;
	in->log_pos = 0;
	return !in->queued && !in->out.count && !signal_pending(current) && !need_resched();
}

static const struct x86_emu_ops emu_ops = {
	.fetch		= op_fetch,
	.read		= op_read,
	.write		= op_write,
	.compare_swap	= op_cmpxchg,
	.probe		= op_probe,
	.pio_in		= op_pio_in,
	.pio_out	= op_pio_out,
	.get_seg	= op_get_seg,
	.set_seg	= op_set_seg,
	.get_dt		= op_get_dt,
	.set_dt		= op_set_dt,
	.get_cr		= op_get_cr,
	.set_cr		= op_set_cr,
	.get_dr		= op_get_dr,
	.set_dr		= op_set_dr,
	.read_msr	= op_read_msr,
	.write_msr	= op_write_msr,
	.read_pmc	= op_read_pmc,
	.get_xcr	= op_get_xcr,
	.set_xcr	= op_set_xcr,
	.cpuid		= op_cpuid,
	.hlt		= op_hlt,
	.wbinvd		= op_wbinvd,
	.invlpg		= op_invlpg,
	.hypercall	= op_hypercall,
	.vec_read	= insn_vec_read,
	.vec_write	= insn_vec_write,
	.mmx_read	= insn_mmx_read,
	.mmx_write	= insn_mmx_write,
	.fxsave		= insn_fxsave,
	.fxrstor	= insn_fxrstor,
	.fpu		= insn_fpu,
	.nmi_unmask	= op_nmi_unmask,
	.iteration_done	= op_iteration_done,
};

/*
 * One instruction.
 */
static enum x86_emu_mode mode_of(struct kvm_vcpu *vcpu, unsigned long rflags)
{
	u32 cs;

	if (!x86_is_protected(vcpu))
		return X86_EMU_REAL;
	if (rflags & X86_EFLAGS_VM)
		return X86_EMU_VM86;
	cs = x86_op(cs_bits)(vcpu);
	if (x86_is_long_mode(vcpu) && cs & CS_LONG)
		return X86_EMU_LONG64;
	return cs & CS_DEFAULT_32 ? X86_EMU_PROT32 : X86_EMU_PROT16;
}

#define ALL_GPRS	GENMASK(NR_GPRS - 1, 0)

static_assert(sizeof_field(struct x86_emu, regs) == NR_GPRS * sizeof(unsigned long));

static void load_registers(struct x86_insn *in)
{
	struct kvm_vcpu *vcpu = in->vcpu;
	struct x86_vcpu *v = to_x86(vcpu);
	struct x86_emu *emu = &in->emu;

	while (unlikely(~v->regs_avail & ALL_GPRS))
		x86_op(cache_reg)(vcpu, __ffs(~v->regs_avail & ALL_GPRS));
	memcpy(emu->regs, v->regs, sizeof(emu->regs));
	emu->rip = x86_rip(vcpu);
	emu->rflags = x86_rflags(vcpu);
}

/* The vCPU into a fresh request. */
static void begin(struct x86_insn *in)
{
	struct kvm_vcpu *vcpu = in->vcpu;
	struct x86_emu *emu = &in->emu;

	x86_emu_init(emu, &emu_ops);
	load_registers(in);
	emu->mode = mode_of(vcpu, emu->rflags);
	emu->cpl = x86_op(get_cpl)(vcpu);
	emu->va_bits = to_x86(vcpu)->cr4 & X86_CR4_LA57 ? 57 : 48;
	emu->amd = to_x86(vcpu)->cpuid.amd;
	in->log_len = 0;
	in->log_pos = 0;
	in->queued = 0;
	in->handed_out = 0;
	in->out.count = 0;
	in->halted = false;
	in->error = 0;
}

/* And back: what the emulator has committed. */
static void commit(struct x86_insn *in)
{
	struct kvm_vcpu *vcpu = in->vcpu;
	struct x86_vcpu *v = to_x86(vcpu);
	struct x86_emu *emu = &in->emu;

	memcpy(v->regs, emu->regs, sizeof(emu->regs));
	v->regs_avail |= ALL_GPRS;
	v->regs_dirty |= ALL_GPRS;
	x86_set_rip(vcpu, emu->rip);
	if (emu->rflags != x86_rflags(vcpu))
		x86_set_rflags(vcpu, emu->rflags);
}

static int next_write(struct kvm_vcpu *vcpu)
{
	struct x86_insn *in = to_x86(vcpu)->insn;
	struct insn_write *w;

	if (in->handed_out == in->queued)
		return EXIT_RESUME;
	w = &in->queue[in->handed_out++];
	to_x86(vcpu)->complete_user = next_write;
	x86_exit_mmio(vcpu, w->gpa, w->len, w->data);
	return EXIT_TO_USER;
}

/* Device writes that only user space can do. */
static int hand_out(struct x86_insn *in)
{
	if (in->out.count) {
		x86_exit_io(in->vcpu, in->out.port, in->out.size, in->out.count, false);
		if (in->queued)
			to_x86(in->vcpu)->complete_user = next_write;
		return EXIT_TO_USER;
	}
	return next_write(in->vcpu);
}

static int debug_exit(struct kvm_vcpu *vcpu, unsigned long dr6)
{
	struct kvm_run *run = vcpu->run;

	run->exit_reason = KVM_EXIT_DEBUG;
	run->debug.arch.dr6 = dr6 | DR6_RESERVED;
	run->debug.arch.pc = x86_linear_rip(vcpu);
	run->debug.arch.exception = X86_TRAP_DB;
	return EXIT_TO_USER;
}

/* A trap that is due after an instruction: user space's single step, which hides the guest's own. */
static int traps(struct kvm_vcpu *vcpu, u32 db_pending)
{
	if (vcpu->guest_debug & KVM_GUESTDBG_SINGLESTEP)
		return debug_exit(vcpu, DR_STEP);
	if (db_pending)
		x86_queue_db(vcpu, db_pending);
	return EXIT_RESUME;
}

static int done(struct x86_insn *in)
{
	struct kvm_vcpu *vcpu = in->vcpu;
	int r, step;

	commit(in);
	if (x86_op(get_shadow)(vcpu) && !in->emu.interrupt_shadow)
		kvm_request(vcpu, KVM_REQ_EVENT);	/* interrupts held off by it may come now */
	x86_op(set_shadow)(vcpu, in->emu.interrupt_shadow ? KVM_X86_SHADOW_INT_MOV_SS | KVM_X86_SHADOW_INT_STI : 0);
	step = traps(vcpu, in->emu.db_pending);
	r = hand_out(in);	/* a device write goes before a debug exit: it must not be lost */
	if (r != EXIT_RESUME)
		return r;
	return step == EXIT_RESUME && in->halted ? x86_halt(vcpu) : step;
}

/*
 * A program in the guest must not be able to stop the guest: to it, the instruction does not exist.
 * Unless user space has asked to see every failure (KVM API 7.27).
 */
int x86_emulation_failed(struct kvm_vcpu *vcpu)
{
	struct x86_emu *emu = &to_x86(vcpu)->insn->emu;
	struct kvm_run *run = vcpu->run;

	to_x86(vcpu)->stat.insn_emulation_fail++;
	if (x86_op(get_cpl)(vcpu) && !to_x86_vm(vcpu->kvm)->exit_on_emulation_failure) {
		x86_queue_ud(vcpu);
		return EXIT_RESUME;
	}
	trace_kvm_emulate_insn(x86_rip(vcpu), x86_cold(segment_base)(vcpu, SEG_CS), emu->insn.bytes,
			       emu->insn.fetched, emu->mode, true);
	run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
	run->emulation_failure.suberror = KVM_INTERNAL_ERROR_EMULATION;
	run->emulation_failure.ndata = 3;	/* flags, and 16 bytes of instruction */
	if (emu->insn.fetched)
		run->emulation_failure.flags = KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES;
	else		/* there was nothing to fetch from */
		run->emulation_failure.flags = 0;
	run->emulation_failure.insn_size = emu->insn.fetched;
	memcpy(run->emulation_failure.insn_bytes, emu->insn.bytes, sizeof(run->emulation_failure.insn_bytes));
	return EXIT_TO_USER;
}
EXPORT_SYMBOL_GPL(x86_emulation_failed);

static int queue_fault(struct x86_insn *in)
{
	const struct x86_emu_exception *x = &in->emu.exception;

	/* INT n outside real mode the CPU delivers by itself; in a state that it cannot be entered in, nobody does. */
	if (x->software)
		return x86_emulation_failed(in->vcpu);
	if (x->vector == X86_TRAP_DB) {		/* DR7.GD */
		x86_queue_db(in->vcpu, in->emu.db_pending);
		return EXIT_RESUME;
	}
	if (x->has_address && x->vector == X86_TRAP_PF)
		to_x86(in->vcpu)->stat.pf_guest++;
	x86_queue(in->vcpu, &(struct x86_exception){
		.vector = x->vector, .has_error = x->has_error, .error_code = x->error_code,
		.has_address = x->has_address, .address = x->address });
	return EXIT_RESUME;
}

static int answered(struct kvm_vcpu *vcpu);
static int execute_again(struct kvm_vcpu *vcpu);

static int ask_user(struct x86_insn *in)
{
	struct kvm_vcpu *vcpu = in->vcpu;

	in->linear_rip = x86_linear_rip(vcpu);
	to_x86(vcpu)->complete_user = answered;
	if (in->want_count)
		x86_exit_io(vcpu, in->want_port, in->want_size, in->want_count, true);
	else
		x86_exit_mmio(vcpu, in->want_gpa, in->want_size, NULL);
	return EXIT_TO_USER;
}

/* An iteration of a repeated instruction: a step of its own when the guest single-steps. */
static int stepped(struct x86_insn *in)
{
	int step = in->emu.db_pending ? traps(in->vcpu, in->emu.db_pending) : EXIT_RESUME;
	int r = hand_out(in);

	return r == EXIT_RESUME ? step : r;
}

/* What an outcome of the emulator means for KVM_RUN. */
static int conclude(struct x86_insn *in, enum x86_emu_outcome outcome)
{
	switch (outcome) {
	case X86_EMU_DONE:
		return done(in);
	case X86_EMU_FAULT:
		commit(in);
		return queue_fault(in);
	case X86_EMU_USER:
		commit(in);
		return ask_user(in);
	case X86_EMU_AGAIN:
		commit(in);
		return stepped(in);
	case X86_EMU_RETRY:
	case X86_EMU_INTERCEPTED:
		return EXIT_RESUME;
	case X86_EMU_DEAD:
		if (!in->error)
			break;
		commit(in);	/* what earlier iterations of a REP did */
		if (in->log_len) {	/* a device may not give its answers twice */
			in->linear_rip = x86_linear_rip(in->vcpu);
			to_x86(in->vcpu)->complete_user = execute_again;
		}
		return in->error;
	case X86_EMU_UNHANDLED:
		break;
	}
	return x86_emulation_failed(in->vcpu);
}

/* The instruction from its start, with what is in the log. */
static int execute_again(struct kvm_vcpu *vcpu)
{
	struct x86_insn *in = to_x86(vcpu)->insn;

	/* The vCPU was moved elsewhere meanwhile: the instruction is no more. */
	if (x86_linear_rip(vcpu) != in->linear_rip)
		return EXIT_RESUME;
	in->log_pos = 0;
	in->queued = 0;
	in->error = 0;
	load_registers(in);	/* user space may have set some meanwhile */
	return conclude(in, x86_emu_execute(&in->emu));
}

/* User space has answered a read: into the log with it. */
static int answered(struct kvm_vcpu *vcpu)
{
	struct x86_insn *in = to_x86(vcpu)->insn;
	unsigned int len = in->want_size * (in->want_count ? in->want_count : 1);

	if (in->want_count)
		to_log(in, to_x86(vcpu)->pio_data, len);
	else
		to_log(in, vcpu->run->mmio.data, len);
	return execute_again(vcpu);
}

/*
 * An intercepted #UD: only the other vendor's hypercall instruction is ours to carry out, and that
 * only as long as user space leaves it to us.
 */
static int undefined(struct kvm_vcpu *vcpu, const struct x86_emu *emu)
{
	bool hypercall = emu->insn.icpt == X86_ICPT_VMCALL || emu->insn.icpt == X86_ICPT_VMMCALL;

	if (hypercall && x86_has_quirk(vcpu->kvm, FIX_HYPERCALL_INSN))
		return x86_exit_hypercall(vcpu);
	return x86_exit_ud(vcpu);
}

int x86_insn_emulate(struct kvm_vcpu *vcpu, unsigned int flags, gpa_t gpa, gva_t gva, const u8 *bytes,
		     unsigned int n)
{
	struct x86_insn *in = to_x86(vcpu)->insn;
	struct x86_emu *emu = &in->emu;
	enum x86_emu_outcome outcome;

	to_x86(vcpu)->stat.insn_emulation++;
	begin(in);
	if (flags & INSN_FAULT) {
		emu->from_fault = true;
		emu->fault_gpa = gpa;
	}
	outcome = x86_emu_decode(emu, bytes, n);
	if (outcome == X86_EMU_DONE) {
		trace_kvm_emulate_insn(emu->rip, x86_cold(segment_base)(vcpu, SEG_CS), emu->insn.bytes,
				       emu->insn.len, emu->mode, false);
		if (unlikely(emu->insn.icpt == X86_ICPT_RSM))	/* a register file of its own */
			return x86_exit_rsm(vcpu);
		if (flags & INSN_TRAP_UD)
			return undefined(vcpu, emu);
		outcome = x86_emu_execute(emu);
	} else if (flags & INSN_TRAP_UD) {
		return x86_exit_ud(vcpu);
	}
	return conclude(in, outcome);
}
EXPORT_SYMBOL_GPL(x86_insn_emulate);

/* Step over what the decoder finds. */
static int skip_decoded(struct kvm_vcpu *vcpu, unsigned long linear, bool wide)
{
	struct x86_insn *in = to_x86(vcpu)->insn;
	enum x86_emu_outcome outcome;

	begin(in);
	outcome = x86_emu_decode(&in->emu, NULL, 0);
	if (outcome != X86_EMU_DONE)
		return conclude(in, outcome);
	insn_length_remember(vcpu, linear, wide, in->emu.insn.bytes, in->emu.insn.len);
	x86_set_rip(vcpu, in->emu.next_rip);
	return EXIT_RESUME;
}

/* What the code segment is like matters only to an IP that leaves the low 4 GiB. */
static void skip_known(struct kvm_vcpu *vcpu, unsigned long rip, unsigned int len)
{
	unsigned long next = rip + len;

	if (unlikely((rip ^ next) >> 32) && !x86_is_64bit_code(vcpu))
		next = (u32)next;
	x86_set_rip(vcpu, next);
}

/* The hardware has not told the length: it is remembered, or the instruction is decoded. */
static int skip_unknown(struct kvm_vcpu *vcpu, unsigned long rip)
{
	bool wide = x86_is_64bit_code(vcpu);
	unsigned long linear = wide ? rip : (u32)(x86_cold(segment_base)(vcpu, SEG_CS) + rip);
	unsigned int len = insn_length_find(vcpu, linear, wide);

	if (!len)
		return skip_decoded(vcpu, linear, wide);
	skip_known(vcpu, rip, len);
	return EXIT_RESUME;
}

int x86_insn_skip(struct kvm_vcpu *vcpu)
{
	unsigned long rip = x86_rip(vcpu);
	unsigned int len = x86_op(insn_length)(vcpu);
	unsigned long rflags;
	int r;

	if (len) {
		skip_known(vcpu, rip, len);
	} else {
		r = skip_unknown(vcpu, rip);
		if (r != EXIT_RESUME)
			return r;
	}
	if (x86_op(get_shadow)(vcpu)) {
		x86_op(set_shadow)(vcpu, 0);
		kvm_request(vcpu, KVM_REQ_EVENT);	/* interrupts held off by it may come now */
	}
	rflags = x86_op(get_rflags)(vcpu);
	if (unlikely(rflags & X86_EFLAGS_RF))
		x86_op(set_rflags)(vcpu, rflags & ~X86_EFLAGS_RF);
	if (unlikely(rflags & X86_EFLAGS_TF) || unlikely(vcpu->guest_debug & KVM_GUESTDBG_SINGLESTEP))
		return traps(vcpu, DR_STEP);
	return EXIT_RESUME;
}
EXPORT_SYMBOL_GPL(x86_insn_skip);

int x86_task_switch(struct kvm_vcpu *vcpu, u16 selector, int idt_vector, int reason, bool has_error, u32 error)
{
	struct x86_insn *in = to_x86(vcpu)->insn;

	begin(in);
	return conclude(in, x86_emu_task_switch(&in->emu, selector, idt_vector, reason, has_error, error));
}
EXPORT_SYMBOL_GPL(x86_task_switch);

int x86_int_real(struct kvm_vcpu *vcpu, u8 vector, unsigned int insn_length)
{
	struct x86_insn *in = to_x86(vcpu)->insn;
	unsigned long rip = x86_rip(vcpu);
	enum x86_emu_outcome outcome;

	begin(in);
	in->emu.rip = insn_length ? (u16)(rip + insn_length) : rip;
	outcome = x86_emu_int_real(&in->emu, vector);
	if (outcome != X86_EMU_DONE)
		in->emu.rip = rip;
	/* A vector table in a device of user space: there is no instruction to come back to. */
	return conclude(in, outcome == X86_EMU_USER ? X86_EMU_UNHANDLED : outcome);
}
EXPORT_SYMBOL_GPL(x86_int_real);

int x86_insn_create(struct kvm_vcpu *vcpu)
{
	struct x86_insn *in = kvzalloc(sizeof(*in), GFP_KERNEL_ACCOUNT);

	if (!in)
		return -ENOMEM;
	in->vcpu = vcpu;
	to_x86(vcpu)->insn = in;
	to_x86(vcpu)->lengths = in->lengths;
	return 0;
}

void x86_insn_free(struct kvm_vcpu *vcpu)
{
	kvfree(to_x86(vcpu)->insn);
}
