// SPDX-License-Identifier: GPL-2.0-only
/*
 * Privileged instructions that SIE does not do: one row an opcode, one function an instruction (PoP
 * 10).
 *
 * They come with the instruction in ipa and ipb and the PSW behind it. In the problem state they
 * are privileged-operation exceptions. What has no row, and what a function calls EXIT_NOT_OURS, is
 * user space's.
 */
#include <linux/minmax.h>
#include <linux/seq_file.h>
#include <asm/lowcore.h>
#include <asm/sysinfo.h>
#include <asm/unaligned.h>

#include "s390.h"
#include "trace.h"

static int privileged(struct s390_vcpu *v)
{
	return s390_inject_pgm_code(v, PGM_PRIVILEGED);
}

static int specification(struct s390_vcpu *v)
{
	return s390_inject_pgm_code(v, PGM_SPECIFICATION);
}

/* Store a result where an instruction of format S says; *@stored: no exception came of it. */
static int store_operand(struct s390_vcpu *v, const void *value, unsigned int len, bool *stored)
{
	struct s390_access a = { .write = true };
	struct kvm_s390_pgm_info pgm;
	int r;

	*stored = false;
	a.addr = s390_wrap(v, insn_base_disp(v, &a.ar));
	if (a.addr & (min(len, 8u) - 1))
		return specification(v);
	r = s390_guest_access(v, &a, (void *)value, len, &pgm);
	if (r > 0)
		return s390_inject_pgm(v, &pgm);
	*stored = !r;
	return r ? r : EXIT_RESUME;
}

static int load_operand(struct s390_vcpu *v, void *value, unsigned int len, bool *loaded)
{
	struct kvm_s390_pgm_info pgm;
	struct s390_access a = { };
	int r;

	*loaded = false;
	a.addr = s390_wrap(v, insn_base_disp(v, &a.ar));
	if (a.addr & (min(len, 8u) - 1))
		return specification(v);
	r = s390_guest_access(v, &a, value, len, &pgm);
	if (r > 0)
		return s390_inject_pgm(v, &pgm);
	*loaded = !r;
	return r ? r : EXIT_RESUME;
}

static int insn_spx(struct s390_vcpu *v)
{
	u32 prefix;
	bool ok;
	int r = load_operand(v, &prefix, sizeof(prefix), &ok);

	if (!ok)
		return r;
	prefix &= SIE_PREFIX_MASK;
	if (!kvm_slot_visible(kvm_slot_find(v->vcpu.kvm, gpa_to_gfn(prefix))) ||
	    !kvm_slot_visible(kvm_slot_find(v->vcpu.kvm, gpa_to_gfn(prefix) + 1)))
		return s390_inject_pgm_code(v, PGM_ADDRESSING);
	s390_set_prefix(v, prefix);
	trace_kvm_s390_handle_prefix(v, true, prefix);
	return EXIT_RESUME;
}

static int insn_stpx(struct s390_vcpu *v)
{
	u32 prefix = s390_prefix(v);
	bool ok;
	int r = store_operand(v, &prefix, sizeof(prefix), &ok);

	if (ok)
		trace_kvm_s390_handle_prefix(v, false, prefix);
	return r;
}

static int insn_stap(struct s390_vcpu *v)
{
	u16 address = v->vcpu.id;
	bool ok;
	int r = store_operand(v, &address, sizeof(address), &ok);

	if (ok)
		trace_kvm_s390_handle_stap(v, s390_wrap(v, insn_base_disp(v, NULL)));
	return r;
}

static int insn_stidp(struct s390_vcpu *v)
{
	bool ok;

	return store_operand(v, &vm_of(v)->cpuid, sizeof(u64), &ok);
}

/* The VM's clock; its CPUs agree on it. */
static int insn_sck(struct s390_vcpu *v)
{
	bool ok;
	u64 tod;
	int r = load_operand(v, &tod, sizeof(tod), &ok);

	if (!ok)
		return r;
	kvm_vcpu_srcu_unlock(&v->vcpu);		/* kvm->lock comes before it */
	mutex_lock(&v->vcpu.kvm->lock);
	s390_clock_set(v->vcpu.kvm, 0, tod);
	mutex_unlock(&v->vcpu.kvm->lock);
	kvm_vcpu_srcu_lock(&v->vcpu);
	set_cc(v, 0);
	return EXIT_RESUME;
}

/* The first word of the list, at real 200. */
static int insn_stfl(struct s390_vcpu *v)
{
	u32 word = vm_of(v)->facilities[0] >> 32;
	int r = s390_write_real(v, offsetof(struct lowcore, stfl_fac_list), &word, sizeof(word));

	if (r)
		return r > 0 ? s390_inject_pgm_code(v, r) : r;
	trace_kvm_s390_handle_stfl(v, word);
	return EXIT_RESUME;
}

/* Doublewords of the list that have a one or one behind them. */
static unsigned int facility_words(const struct s390_vm *vm)
{
	unsigned int n = S390_FACILITY_WORDS;

	while (n > 1 && !vm->facilities[n - 1])
		n--;
	return n;
}

/*
 * Any state may ask (PoP 7). R0 has the number of doublewords less one, and gets how many there
 * are, less one.
 */
static int insn_stfle(struct s390_vcpu *v)
{
	unsigned int n = facility_words(vm_of(v)), room = (v->gprs[0] & 0xff) + 1;
	struct s390_access a = { .write = true };
	struct kvm_s390_pgm_info pgm;
	int r;

	if (!s390_facility(vm_of(v), 7))
		return s390_inject_pgm_code(v, PGM_OPERATION);
	a.addr = s390_wrap(v, insn_base_disp(v, &a.ar));
	if (a.addr & 7)
		return specification(v);
	r = s390_guest_access(v, &a, vm_of(v)->facilities, 8 * min(n, room), &pgm);
	if (r)
		return r > 0 ? s390_inject_pgm(v, &pgm) : r;
	v->gprs[0] = (v->gprs[0] & ~0xffULL) | (n - 1);
	set_cc(v, room >= n ? 0 : 3);
	return EXIT_RESUME;
}

/*
 * STSI (PoP 10). Levels 1 and 2 are the machine's own; what stands at level 3, the VMs, is ours:
 * one more above those that the host itself is in.
 */
static void stsi_322(struct s390_vcpu *v, struct sysinfo_3_2_2 *info)
{
	unsigned int n;

	if (stsi(info, 3, 2, 2))
		info->count = 0;
	n = min_t(unsigned int, info->count, ARRAY_SIZE(info->vm) - 1);
	memmove(&info->vm[1], &info->vm[0], n * sizeof(info->vm[0]));
	memset(&info->vm[0], 0, sizeof(info->vm[0]));
	info->count = n + 1;
	info->vm[0].cpus_total = kvm_online_vcpus(v->vcpu.kvm);
	info->vm[0].cpus_configured = info->vm[0].cpus_total;
	info->vm[0].caf = 1000;
	/* KVMguest */
	memcpy(info->vm[0].name, "\xd2\xe5\xd4\xc7\xa4\x85\xa2\xa3", 8);
	/* KVM/Linux */
	memcpy(info->vm[0].cpi, "\xd2\xe5\xd4\x61\xd3\x89\x95\xa4\xa7\x40\x40\x40\x40\x40\x40\x40",
	       16);
}

static void stsi_to_user(struct s390_vcpu *v, u64 addr, u8 ar, unsigned int fc, unsigned int sel1,
			 unsigned int sel2)
{
	struct kvm_run *run = v->vcpu.run;

	run->exit_reason = KVM_EXIT_S390_STSI;
	run->s390_stsi.addr = addr;
	run->s390_stsi.ar = ar;
	run->s390_stsi.fc = fc;
	run->s390_stsi.sel1 = sel1;
	run->s390_stsi.sel2 = sel2;
}

/* Fill in the block of a function code and its selectors. Return: false when there is no such. */
static bool stsi_fill(struct s390_vcpu *v, unsigned int fc, unsigned int sel1, unsigned int sel2,
		      void *block)
{
	if (fc == 3) {
		if (sel1 != 2 || sel2 != 2)
			return false;
		stsi_322(v, block);
		return true;
	}
	return !stsi(block, fc, sel1, sel2);
}

static int stsi_store(struct s390_vcpu *v, unsigned int fc, unsigned int sel1, unsigned int sel2)
{
	struct s390_access a = { .write = true };
	struct kvm_s390_pgm_info pgm;
	void *block;
	int r;

	a.addr = s390_wrap(v, insn_base_disp(v, &a.ar));
	if (a.addr & ~PAGE_MASK)
		return specification(v);
	block = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!block)
		return -ENOMEM;
	if (!stsi_fill(v, fc, sel1, sel2, block)) {
		free_page((unsigned long)block);
		set_cc(v, 3);
		return EXIT_RESUME;
	}
	r = s390_guest_access(v, &a, block, PAGE_SIZE, &pgm);
	free_page((unsigned long)block);
	if (r)
		return r > 0 ? s390_inject_pgm(v, &pgm) : r;
	trace_kvm_s390_handle_stsi(v, fc, sel1, sel2, a.addr);
	set_cc(v, 0);
	v->gprs[0] = 0;
	if (!READ_ONCE(vm_of(v)->user_stsi))
		return EXIT_RESUME;
	stsi_to_user(v, a.addr, a.ar, fc, sel1, sel2);
	return EXIT_TO_USER;
}

/* The topology, which the VMM knows, if it wants to be asked (KVM API 8.39). */
static bool stsi_topology(struct s390_vcpu *v, unsigned int sel1, unsigned int sel2)
{
	return s390_facility(vm_of(v), FACILITY_TOPOLOGY) && READ_ONCE(vm_of(v)->user_stsi) &&
	       sel1 == 1 && sel2 >= 2 && sel2 <= 6;
}

static int stsi_15(struct s390_vcpu *v, unsigned int sel1, unsigned int sel2)
{
	u64 addr;
	u8 ar;

	addr = s390_wrap(v, insn_base_disp(v, &ar));
	if (addr & ~PAGE_MASK)
		return specification(v);
	stsi_to_user(v, addr, ar, 15, sel1, sel2);
	return EXIT_TO_USER;
}

static int insn_stsi(struct s390_vcpu *v)
{
	unsigned int fc = (v->gprs[0] >> 28) & 0xf, sel1 = v->gprs[0] & 0xff,
	sel2 = v->gprs[1] & 0xffff;

	if (fc == 15 && stsi_topology(v, sel1, sel2)) {
		if (v->gprs[0] & 0x0fffff00 || v->gprs[1] & 0xffff0000)
			return specification(v);
		return stsi_15(v, sel1, sel2);
	}
	if (fc > 3) {
		set_cc(v, 3);
		return EXIT_RESUME;
	}
	/* reserved bits of the selectors (PoP 10) */
	if (fc && ((v->gprs[0] & 0x0fffff00) || (v->gprs[1] & 0xffff0000)))
		return specification(v);
	if (!fc) {
		v->gprs[0] = 3 << 28;	/* the level we are at */
		set_cc(v, 0);
		return EXIT_RESUME;
	}
	return stsi_store(v, fc, sel1, sel2);
}

/* Outcomes of TEST PROTECTION. */
enum {
	TPROT_STORE	= 0,
	TPROT_FETCH	= 1,
	TPROT_NEITHER	= 2,
	TPROT_NOWHERE	= 3,	/* no translation */
};

/*
 * TEST PROTECTION: may a byte be fetched and stored with the key in bits 56-59 of the second
 * operand's address? Exceptions of translation are an answer, but for those that say that storage
 * is not there or the tables are broken (PoP 10).
 */
static int insn_tprot(struct s390_vcpu *v)
{
	unsigned int base = (v->sie->ipb >> 12) & 0xf;
	u64 second = (v->sie->ipb & 0xfff) + (base ? v->gprs[base] : 0);
	struct s390_access a = { .keyed = true, .key = (second >> 4) & 0xf };
	struct kvm_s390_pgm_info pgm;
	int r;

	a.addr = s390_wrap(v, insn_base_disp(v, &a.ar));
	r = s390_check_access(v, &a, 1, &pgm);
	if (r < 0)
		return r;
	if (r == PGM_ADDRESSING || r == PGM_TRANSLATION)
		return s390_inject_pgm(v, &pgm);
	if (r) {
		set_cc(v, r == PGM_PROTECTION ? TPROT_NEITHER : TPROT_NOWHERE);
		return EXIT_RESUME;
	}
	a.write = true;
	r = s390_check_access(v, &a, 1, &pgm);
	if (r < 0)
		return r;
	set_cc(v, r ? TPROT_FETCH : TPROT_STORE);
	return EXIT_RESUME;
}

/* TEST BLOCK: the page at a real address is cleared, and usable. */
static int insn_tb(struct s390_vcpu *v)
{
	gpa_t real = s390_wrap(v, v->gprs[insn_rre_r2(v)]) & PAGE_MASK;
	int r = kvm_clear_guest(v->vcpu.kvm, s390_real_to_abs(v, real), PAGE_SIZE);

	if (r == -ENOENT)
		return s390_inject_pgm_code(v, PGM_ADDRESSING);
	if (r)
		return r;
	set_cc(v, 0);
	v->gprs[0] = 0;
	return EXIT_RESUME;
}

/*
 * Control registers, loaded and stored by us only while a window is open on one of them. Registers
 * from R1 to R3, and on from 0 after 15.
 */
static int access_crs(struct s390_vcpu *v, u64 addr, u8 ar, unsigned int size, bool store)
{
	unsigned int first = insn_r1(v), n = ((insn_r3(v) - first) & 0xf) + 1, i;
	struct s390_access a = { .addr = addr, .ar = ar, .write = store };
	struct kvm_s390_pgm_info pgm;
	u8 image[16 * 8];
	u64 *cr;
	int r;

	if (addr & (size - 1))
		return specification(v);
	if (store)
		trace_kvm_s390_handle_stctl(v, size == 8, insn_r1(v), insn_r3(v), addr);
	else
		trace_kvm_s390_handle_lctl(v, size == 8, insn_r1(v), insn_r3(v), addr);
	for (i = 0; store && i < n; i++) {
		cr = &v->sie->cr[(first + i) & 0xf];
		memcpy(image + i * size, (u8 *)cr + 8 - size, size);
	}
	r = s390_guest_access(v, &a, image, n * size, &pgm);
	if (r)
		return r > 0 ? s390_inject_pgm(v, &pgm) : r;
	for (i = 0; !store && i < n; i++) {
		cr = &v->sie->cr[(first + i) & 0xf];
		/* the right half, of a 32-bit load */
		memcpy((u8 *)cr + 8 - size, image + i * size, size);
	}
	return EXIT_RESUME;
}

static int insn_lctl(struct s390_vcpu *v)
{
	u8 ar;
	u64 addr = s390_wrap(v, insn_base_disp(v, &ar));

	return access_crs(v, addr, ar, 4, false);
}

static int insn_stctl(struct s390_vcpu *v)
{
	u8 ar;
	u64 addr = s390_wrap(v, insn_base_disp(v, &ar));

	return access_crs(v, addr, ar, 4, true);
}

static int insn_lctlg(struct s390_vcpu *v)
{
	u8 ar;
	u64 addr = s390_wrap(v, insn_base_disp20(v, &ar));

	return access_crs(v, addr, ar, 8, false);
}

static int insn_stctg(struct s390_vcpu *v)
{
	u8 ar;
	u64 addr = s390_wrap(v, insn_base_disp20(v, &ar));

	return access_crs(v, addr, ar, 8, true);
}

/*
 * Bits that are zero in every z/Architecture PSW, and addresses that fit their mode (PoP 4, PSW).
 */
#define PSW_ZERO	0xb80800fe7fffffffULL

static bool psw_valid(const struct sie_psw *psw)
{
	if (psw->mask & PSW_ZERO)
		return false;
	if (psw->mask & PSW_MASK_EA)
		return psw->mask & PSW_MASK_BA;
	return !(psw->addr & (psw->mask & PSW_MASK_BA ? ~0x7fffffffULL : ~0xffffffULL));
}

/*
 * A PSW that cannot be is loaded all the same, and is an exception then (PoP 6, early recognition).
 */
static int load_psw(struct s390_vcpu *v, const struct sie_psw *psw)
{
	const struct kvm_s390_pgm_info pgm = {
		.code	= PGM_SPECIFICATION,
		.flags	= KVM_S390_PGM_FLAGS_ILC_VALID | KVM_S390_PGM_FLAGS_NO_REWIND,
	};

	v->sie->psw = *psw;
	return psw_valid(psw) ? EXIT_RESUME : s390_inject_pgm(v, &pgm);
}

/* The short form: 12 is a one, 31 bits of address and its mode in the second word. */
static int insn_lpsw(struct s390_vcpu *v)
{
	struct sie_psw psw;
	u64 word;
	bool ok;
	int r = load_operand(v, &word, sizeof(word), &ok);

	if (!ok)
		return r;
	if (!(word & (1ULL << 51)))
		return specification(v);
	psw.mask = (word & ~(1ULL << 51) & 0xffffffff80000000ULL);
	psw.addr = word & 0x7fffffff;
	return load_psw(v, &psw);
}

static int insn_lpswe(struct s390_vcpu *v)
{
	struct sie_psw psw;
	bool ok;
	int r = load_operand(v, &psw, sizeof(psw), &ok);

	return ok ? load_psw(v, &psw) : r;
}

/* Again by the machine itself, when whoever held the interlock has let it go. */
static int insn_retry(struct s390_vcpu *v)
{
	s390_interlock_settle(vm_of(v));
	s390_insn_retry(v);
	return EXIT_RESUME;
}

/*
 * The channel subsystem is user space's. Without one there are no channels, which is condition code
 * 3.
 */
static int insn_io(struct s390_vcpu *v)
{
	if (READ_ONCE(vm_of(v)->css_support))
		return EXIT_NOT_OURS;
	set_cc(v, 3);
	return EXIT_RESUME;
}

/*
 * TEST PENDING INTERRUPTION: take one that is enabled, and tell it in storage instead of
 * interrupting.
 */
static int insn_tpi(struct s390_vcpu *v)
{
	struct s390_access a = { .write = true };
	struct kvm_s390_pgm_info pgm;
	struct s390_io_irq irq;
	u64 code[2];
	int r;

	a.addr = s390_wrap(v, insn_base_disp(v, &a.ar));
	if (a.addr & 3)
		return specification(v);
	if (!s390_float_io_take(vm_of(v), v->sie->cr[6] >> 24, 0, &irq)) {
		set_cc(v, 0);
		return EXIT_RESUME;
	}
	code[0] = (u64)irq.io.subchannel_id << 48 | (u64)irq.io.subchannel_nr << 32 |
		  irq.io.io_int_parm;
	code[1] = (u64)irq.io.io_int_word << 32;
	if (a.addr) {
		r = s390_guest_access(v, &a, code, 8, &pgm);
	} else {
		/* at address 0 the prefix area's own fields */
		r = s390_write_real(v, offsetof(struct lowcore, subchannel_id), code, 12);
		pgm = (struct kvm_s390_pgm_info){ .code = r };
	}
	if (r) {
		s390_float_io_return(vm_of(v), &irq);
		return r > 0 ? s390_inject_pgm(v, &pgm) : r;
	}
	set_cc(v, 1);
	return EXIT_RESUME;
}

/*
 * TEST SUBCHANNEL: an interrupt of this subchannel that waits, whatever its subclass, is told to
 * user space with it (KVM API 6.4).
 */
static int insn_tsch(struct s390_vcpu *v)
{
	struct kvm_run *run = v->vcpu.run;
	struct s390_io_irq irq = { };

	if (!READ_ONCE(vm_of(v)->css_support))
		return insn_io(v);
	run->exit_reason = KVM_EXIT_S390_TSCH;
	run->s390_tsch.dequeued = (u32)v->gprs[1] &&
				  s390_float_io_take(vm_of(v), 0xff, v->gprs[1], &irq);
	run->s390_tsch.subchannel_id = irq.io.subchannel_id;
	run->s390_tsch.subchannel_nr = irq.io.subchannel_nr;
	run->s390_tsch.io_int_parm = irq.io.io_int_parm;
	run->s390_tsch.io_int_word = irq.io.io_int_word;
	run->s390_tsch.ipb = v->sie->ipb;
	return EXIT_TO_USER;
}

static int insn_servc(struct s390_vcpu *v)
{
	return EXIT_NOT_OURS;
}

/* EXTRACT PSW comes to us only where the machine does not do it. */
static int insn_epsw(struct s390_vcpu *v)
{
	unsigned int r1 = insn_rre_r1(v), r2 = insn_rre_r2(v);
	u64 mask = v->sie->psw.mask;

	v->gprs[r1] = (v->gprs[r1] & ~0xffffffffULL) | mask >> 32;
	if (r2)
		v->gprs[r2] = (v->gprs[r2] & ~0xffffffffULL) | (mask & 0xffffffff);
	return EXIT_RESUME;
}

/*
 * PERFORM TIMING FACILITY FUNCTION: a guest cannot steer the clock. It has the function by which it
 * learns that, which stores a mask at the address in R1 (PoP 10); the others are not there,
 * condition code 3.
 */
static int insn_ptff(struct s390_vcpu *v)
{
	const struct s390_access a = { .addr = s390_wrap(v, v->gprs[1]), .ar = 1, .write = true };
	u64 mask[2] = { 1ULL << 63 };
	struct kvm_s390_pgm_info pgm;
	int r;

	if (!s390_facility(vm_of(v), 28))
		return s390_inject_pgm_code(v, PGM_OPERATION);
	if (v->gprs[0] & 0x80)
		return specification(v);
	if (v->gprs[0] & 0x7f) {
		set_cc(v, 3);
		return EXIT_RESUME;
	}
	r = s390_guest_access(v, &a, mask, sizeof(mask), &pgm);
	if (r)
		return r > 0 ? s390_inject_pgm(v, &pgm) : r;
	set_cc(v, 0);
	return EXIT_RESUME;
}

/* SET CLOCK PROGRAMMABLE FIELD, from the right quarter of R0; the one before it is zero. */
static int insn_sckpf(struct s390_vcpu *v)
{
	if (v->gprs[0] & 0xffff0000)
		return specification(v);
	v->sie->tod_prog = v->gprs[0] & 0xffff;
	return EXIT_RESUME;
}

static int insn_svc(struct s390_vcpu *v)
{
	return s390_supervisor_call(v, v->sie->ipa & 0xff);
}

struct insn_row {
	u16	op;
	bool	any_state;	/* the problem state may do it too */
	int	(*fn)(struct s390_vcpu *v);
	u16	stat;			/* its counter, or 0 */
};

#define COUNTED(name)	S390_STAT(instruction_##name)

/* Instructions of one byte's opcode in the left byte, of two in both. */
static const struct insn_row one_byte[] = {
	{ 0x0a00, true,  insn_svc },
	{ 0x8200, false, insn_lpsw, COUNTED(lpsw) },
	{ 0x8300, false, s390_diag },
	{ 0xae00, false, s390_sigp },
	{ 0xb600, false, insn_stctl, COUNTED(stctl) },
	{ 0xb700, false, insn_lctl, COUNTED(lctl) },
};

static const struct insn_row two_bytes[] = {
	{ 0x0104, true,  insn_ptff, COUNTED(ptff) },
	{ 0x0107, false, insn_sckpf, COUNTED(sckpf) },
	{ 0xb202, false, insn_stidp, COUNTED(stidp) },
	{ 0xb204, false, insn_sck, COUNTED(sck) },
	{ 0xb210, false, insn_spx, COUNTED(spx) },
	{ 0xb211, false, insn_stpx, COUNTED(stpx) },
	{ 0xb212, false, insn_stap, COUNTED(stap) },
	{ 0xb220, false, insn_servc },
	{ 0xb221, false, insn_retry, COUNTED(ipte_interlock) },	/* IPTE */
	{ 0xb229, false, s390_insn_iske, COUNTED(iske) },
	{ 0xb22a, false, s390_insn_rrbe, COUNTED(rrbe) },
	{ 0xb22b, false, s390_insn_sske, COUNTED(sske) },
	{ 0xb22c, false, insn_tb, COUNTED(tb) },
	{ 0xb230, false, insn_io, COUNTED(io_other) },	/* CSCH */
	{ 0xb231, false, insn_io, COUNTED(io_other) },	/* HSCH */
	{ 0xb232, false, insn_io, COUNTED(io_other) },	/* MSCH */
	{ 0xb233, false, insn_io, COUNTED(io_other) },	/* SSCH */
	{ 0xb234, false, insn_io, COUNTED(io_other) },	/* STSCH */
	{ 0xb235, false, insn_tsch, COUNTED(tsch) },
	{ 0xb236, false, insn_tpi, COUNTED(tpi) },
	{ 0xb237, false, insn_io, COUNTED(io_other) },	/* SAL */
	{ 0xb238, false, insn_io, COUNTED(io_other) },	/* RSCH */
	{ 0xb239, false, insn_io, COUNTED(io_other) },	/* STCRW */
	{ 0xb23a, false, insn_io, COUNTED(io_other) },	/* STCPS */
	{ 0xb23b, false, insn_io, COUNTED(io_other) },	/* RCHP */
	{ 0xb23c, false, insn_io, COUNTED(io_other) },	/* SCHM */
	{ 0xb250, false, insn_retry, COUNTED(ipte_interlock) },	/* CSP */
	{ 0xb25f, false, insn_io, COUNTED(io_other) },	/* CHSC */
	{ 0xb276, false, insn_io, COUNTED(io_other) },	/* XSCH */
	{ 0xb27d, false, insn_stsi, COUNTED(stsi) },
	{ 0xb2b0, true,  insn_stfle },
	{ 0xb2b1, false, insn_stfl, COUNTED(stfl) },
	{ 0xb2b2, false, insn_lpswe, COUNTED(lpswe) },
	{ 0xb98a, false, insn_retry, COUNTED(ipte_interlock) },	/* CSPG */
	{ 0xb98d, true,  insn_epsw, COUNTED(epsw) },
	{ 0xb98e, false, insn_retry, COUNTED(ipte_interlock) },	/* IDTE */
	{ 0xb9a2, false, s390_insn_ptf },
	{ 0xb9ab, true,  s390_insn_essa, COUNTED(essa) },
	{ 0xb9af, false, s390_insn_pfmf, COUNTED(pfmf) },
	{ 0xe501, false, insn_tprot, COUNTED(tprot) },
};

/* RSY: the second byte of the opcode is the last of the instruction. */
static const struct insn_row split[] = {
	{ 0xeb25, false, insn_stctg, COUNTED(stctg) },
	{ 0xeb2f, false, insn_lctlg, COUNTED(lctlg) },
};

static const struct insn_row *find(const struct insn_row *row, unsigned int n, u16 op)
{
	for (; n; row++, n--) {
		if (row->op == op)
			return row;
	}
	return NULL;
}

/* An intercepted instruction. Return: as exit handlers, or EXIT_NOT_OURS. */
int s390_insn(struct s390_vcpu *v)
{
	u16 ipa = v->sie->ipa;
	const struct insn_row *row = find(one_byte, ARRAY_SIZE(one_byte), ipa & 0xff00);

	if (!row)
		row = find(two_bytes, ARRAY_SIZE(two_bytes), ipa);
	if (!row)
		row = find(split, ARRAY_SIZE(split), (ipa & 0xff00) | (v->sie->ipb & 0xff));
	if (!row)
		return EXIT_NOT_OURS;
	if (row->stat)
		s390_count(v, row->stat);
	if (!row->any_state && in_problem_state(v))
		return privileged(v);
	return row->fn(v);
}
