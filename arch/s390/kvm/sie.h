/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The state description: what SIE loads a guest CPU from and leaves it in (format 2,
 * z/Architecture).
 *
 * Names are ours. The layout is that of the interpretive-execution facility as its public
 * descriptions and Hercules' source (esa390.h, SIE2BK) have it. Two words of it belong to the
 * host's sie64a, which reads and writes them at the offsets of its asm-offsets (main.c asserts
 * them): in_sie and bar.
 *
 * General registers 14 and 15, the control registers, the PSW, the prefix and the timers of the
 * guest are in the state description; registers 0 to 13 go through memory (sie64a's second
 * argument); access and floating-point registers stay in the machine's own.
 */
#ifndef KVM_S390_SIE_H
#define KVM_S390_SIE_H

#include <linux/build_bug.h>
#include <linux/types.h>
#include <asm/guarded_storage.h>

struct sie_psw {
	u64	mask;
	u64	addr;
};

struct sie_block {
	/* 0x000 SIE_FLAG_*; also written by other CPUs: atomic operations */
	u32	flags;
	/* 0x004 and in the low 12 bits what instructions the guest knows (IBC) */
	u32	prefix;
	u8	pad_008[0x00c - 0x008];
	/* 0x00c bit 0: from just before SIE to just after; sie64a's */
	u32	in_sie;
	u8	pad_010[0x020 - 0x010];
	u32	bar;			/* 0x020 SIE_BAR_*: sie64a does not enter */
	u8	pad_024[0x028 - 0x024];
	u64	cpu_timer;		/* 0x028 */
	u64	clock_comp;		/* 0x030 */
	u64	epoch;			/* 0x038 is added to the host's TOD clock */
	u32	svc_ctl;		/* 0x040 */
	/* 0x044 bit n from the left: intercept loads of control register n */
	u16	lctl_ctl;
	u16	cpu_addr;		/* 0x046 */
	u32	icpt_ctl;		/* 0x048 SIE_ICPT_* */
	u32	exec_ctl;		/* 0x04c SIE_EXEC_* */
	u8	icpt_code;		/* 0x050 SIE_CODE_* */
	u8	icpt_status;		/* 0x051 */
	u16	last_host_cpu;		/* 0x052 */
	u8	pad_054[0x056 - 0x054];
	/* 0x056 the first halfword of the intercepted instruction */
	u16	ipa;
	u32	ipb;			/* 0x058 the other two */
	u32	sca_high;		/* 0x05c */
	u8	fpf;			/* 0x060 */
	u8	exec_ctl_b[3];		/* 0x061 */
	u32	sca_low;		/* 0x064 */
	u8	pad_068;
	u8	epoch_index;		/* 0x069 to the left of @epoch */
	u8	program_code;		/* 0x06a of the control program (DIAGNOSE 318) */
	u8	pad_06b;
	u32	tod_prog;		/* 0x06c */
	u8	pad_070[0x080 - 0x070];
	u64	mem_origin;		/* 0x080 */
	u64	mem_limit;		/* 0x088 address of the last MB, in units of bytes */
	struct sie_psw psw;		/* 0x090 */
	u64	gr14;			/* 0x0a0 */
	u64	gr15;			/* 0x0a8 */
	u8	pad_0b0[0x0c4 - 0x0b0];
	/*
	 * interruption parameters, in the order and at the distances of the prefix area (PoP 3,
	 * assigned storage)
	 */
	u16	ext_cpu_addr;		/* 0x0c4 */
	u16	ext_code;		/* 0x0c6 */
	u8	pad_0c8[0x0cd - 0x0c8];
	u8	pgm_ilc;		/* 0x0cd */
	u16	pgm_code;		/* 0x0ce */
	u32	data_exc_code;		/* 0x0d0 */
	u16	mon_class;		/* 0x0d4 */
	u8	per_code;		/* 0x0d6 */
	u8	per_atmid;		/* 0x0d7 */
	u64	per_address;		/* 0x0d8 */
	u8	exc_access_id;		/* 0x0e0 */
	u8	per_access_id;		/* 0x0e1 */
	u8	op_access_id;		/* 0x0e2 */
	u8	pad_0e3[0x0e8 - 0x0e3];
	u64	trans_exc_code;		/* 0x0e8 */
	u64	mon_code;		/* 0x0f0 */
	u8	pad_0f8[0x0fc - 0x0f8];
	/* 0x0fc of the crypto control block, below 2 GB; with its format */
	u32	crypto;
	u64	cr[16];			/* 0x100 */
	u64	break_addr;		/* 0x180 of the last branch */
	u8	pad_188[0x190 - 0x188];
	u64	annex;			/* 0x190 with its length, as a power of 2 */
	u8	pad_198[0x1a0 - 0x198];
	u32	facilities;		/* 0x1a0 address of the facility list, below 2 GB */
	u8	pad_1a4[0x1c8 - 0x1a4];
	u32	exec_ctl_d;		/* 0x1c8 */
	u8	pad_1cc[0x1de - 0x1cc];
	u8	prog_param[8];		/* 0x1de */
	u8	pad_1e6[0x1f0 - 0x1e6];
	u64	ri_block;		/* 0x1f0 runtime-instrumentation controls */
	u8	pad_1f8[0x200 - 0x1f8];
} __aligned(512);

#define SIE_AT(field, at)	static_assert(offsetof(struct sie_block, field) == (at))
SIE_AT(in_sie, 0x00c);
SIE_AT(bar, 0x020);
SIE_AT(cpu_timer, 0x028);
SIE_AT(lctl_ctl, 0x044);
SIE_AT(icpt_code, 0x050);
SIE_AT(ipa, 0x056);
SIE_AT(sca_low, 0x064);
SIE_AT(epoch_index, 0x069);
SIE_AT(tod_prog, 0x06c);
SIE_AT(mem_origin, 0x080);
SIE_AT(psw, 0x090);
SIE_AT(gr14, 0x0a0);
SIE_AT(ext_code, 0x0c6);
SIE_AT(pgm_code, 0x0ce);
SIE_AT(per_address, 0x0d8);
SIE_AT(trans_exc_code, 0x0e8);
SIE_AT(crypto, 0x0fc);
SIE_AT(cr, 0x100);
SIE_AT(break_addr, 0x180);
SIE_AT(annex, 0x190);
SIE_AT(facilities, 0x1a0);
SIE_AT(exec_ctl_d, 0x1c8);
SIE_AT(prog_param, 0x1de);
SIE_AT(ri_block, 0x1f0);
static_assert(sizeof(struct sie_block) == 512);

/* flags: requests to intervene (byte 0), what the guest is (bytes 2 and 3) */
#define SIE_FLAG_STOPPED	0x80000000
#define SIE_FLAG_WAIT		0x10000000
#define SIE_FLAG_EXT_CALL	0x08000000
#define SIE_FLAG_STOP		0x04000000	/* leave the guest now: SIE_CODE_STOP */
#define SIE_FLAG_IO		0x02000000	/* leave it when it enables I/O interrupts */
#define SIE_FLAG_EXT		0x01000000	/* leave it when it enables external interrupts */
#define SIE_FLAG_RUNNING	0x00800000
#define SIE_FLAG_ZARCH		0x00000800
/* guest storage is a space of the host's, translated by its ASCE */
#define SIE_FLAG_PAGEABLE	0x00000080
#define SIE_FLAG_GUEST_EDAT	0x00000004
#define SIE_FLAG_GUEST_PER	0x00000001	/* leave the guest for its PER events */
#define SIE_FLAG_GUEST_EDAT2	0x00000010

#define SIE_PREFIX_MASK		0x7fffe000
#define SIE_IBC_MASK		0x00000fff
#define SIE_IN_SIE		BIT(0)
#define SIE_BAR_REQUEST		BIT(1)		/* sie64a tests the low two bits */

/* icpt_ctl */
#define SIE_ICPT_OPEREXC	0x80000000
#define SIE_ICPT_PGM_ALL	0x20000000	/* every program interruption */
#define SIE_ICPT_STFL		0x10000000	/* store facility list (extended) */
#define SIE_ICPT_LPSW		0x00400000
#define SIE_ICPT_STCTL		0x00040000
#define SIE_ICPT_ISKE		0x00004000
#define SIE_ICPT_SSKE		0x00002000
#define SIE_ICPT_RRBE		0x00001000
#define SIE_ICPT_TPROT		0x00000200

/* svc_ctl */
#define SIE_SVC_ALL		0x80000000

/* exec_ctl */
#define SIE_EXEC_IB		0x40000000	/* the guest loads a PSW without leaving to us */
/* the guest takes external interrupts of its timers by itself */
#define SIE_EXEC_CEI		0x80000000
#define SIE_EXEC_SIGP		0x10000000
#define SIE_EXEC_MVPG		0x01000000
/* protection exceptions of the guest are the guest's */
#define SIE_EXEC_PROT_TO_GUEST	0x00002000
#define SIE_EXEC_VX		0x00020000
#define SIE_EXEC_APIE		0x00000008	/* adapter queues */
#define SIE_EXEC_SII		0x00000001
/* exec_ctl_b[0] */
#define SIE_EXECB_HOST_PROT	0x02		/* host protection is told from the guest's */
#define SIE_EXECB_SRSI		0x04
#define SIE_EXECB_GS		0x40		/* guarded storage */
#define SIE_EXECB_PTF		0x20		/* topology function 2 */
/* exec_ctl_b[1] */
#define SIE_EXECB1_CMMA		0x80
#define SIE_EXECB1_ESCA		0x04		/* the system control area is extended */
/* exec_ctl_b[2] */
#define SIE_EXECB2_AES		0x08		/* wrap keys */
#define SIE_EXECB2_DEA		0x04
#define SIE_EXECB2_RI		0x01

/* exec_ctl_d */
#define SIE_EXECD_HOST_REGS	0x20000000	/* vectors and guards stay in the machine */
#define SIE_EXECD_MULTI_EPOCH	0x08000000
#define SIE_EXECD_ETOKEN	0x02000000

#define SIE_FPF_BPB		0x20		/* branch predictions are blocked */
#define SIE_CRYPTO_FORMAT1	0x01		/* with wrapping keys */

/* icpt_code: why the guest was left (UAPI: sie_intercept_code) */
#define SIE_CODE_HOST		0x00
#define SIE_CODE_INSN		0x04
#define SIE_CODE_PROG		0x08
#define SIE_CODE_INSN_PROG	0x0c
#define SIE_CODE_EXT_REQ	0x10
#define SIE_CODE_EXT		0x14
#define SIE_CODE_IO_REQ		0x18
#define SIE_CODE_WAIT		0x1c
#define SIE_CODE_VALIDITY	0x20
#define SIE_CODE_STOP		0x28
#define SIE_CODE_OPEREXC	0x2c
#define SIE_CODE_PARTIAL	0x38

/* icpt_status */
#define SIE_STATUS_EXECUTED	0x01		/* the instruction is the target of an EXECUTE */

/*
 * The host's, exported: 0, or -EFAULT when a page of the guest could not be brought in
 * (thread.gmap_addr).
 */
int sie64a(struct sie_block *sie, u64 *gprs);

/*
 * The system control area: what the CPUs of a guest share with the machine. The basic form has 64
 * places; a place that is in use has its bit in @used, from the left.
 */
struct sie_sca_cpu {
	u8	pad_00;
	u8	sigp_ctl;
	u8	pad_02[6];
	u64	block;			/* of this CPU */
	u8	pad_10[16];
};

#define SIE_SCA_CPUS	64

struct sie_sca {
	u64	ipte;			/* interlock of IPTE and the host's walks of guest tables */
	u8	pad_08[0x30 - 0x08];
	u64	used;			/* 0x30 */
	u64	utility;		/* 0x38 bit 0: the topology has changed */
	struct sie_sca_cpu cpu[SIE_SCA_CPUS];	/* 0x40 */
};

static_assert(offsetof(struct sie_sca, used) == 0x30);
static_assert(offsetof(struct sie_sca, cpu) == 0x40);
static_assert(sizeof(struct sie_sca_cpu) == 32);
static_assert(sizeof(struct sie_sca) <= 4096);

/* The extended form. */
#define SIE_ESCA_CPUS	248

struct sie_esca_cpu {
	u8	pad_00[8];
	u64	block;
	u8	pad_10[48];
};

struct sie_esca {
	u64	ipte;			/* as above */
	u8	pad_08[0x38 - 0x08];
	u64	utility;		/* 0x38 */
	u64	used[4];		/* 0x40 */
	u8	pad_60[0x100 - 0x60];
	struct sie_esca_cpu cpu[256];	/* 0x100; the last eight are nobody's */
};

static_assert(offsetof(struct sie_esca, ipte) == offsetof(struct sie_sca, ipte));
static_assert(offsetof(struct sie_esca, utility) == offsetof(struct sie_sca, utility));
static_assert(offsetof(struct sie_esca, used) == 0x40);
static_assert(offsetof(struct sie_esca, cpu) == 0x100);
static_assert(sizeof(struct sie_esca_cpu) == 64);

/* The crypto control block: queues that are the guest's (none), and masks of its wrapping keys. */
struct sie_crypto {
	u8	queues[0x48];
	u8	dea[24];		/* 0x48 */
	u8	aes[32];		/* 0x60 */
	u8	queues_2[128];		/* 0x80 */
};

static_assert(offsetof(struct sie_crypto, dea) == 0x48);
static_assert(offsetof(struct sie_crypto, aes) == 0x60);
static_assert(sizeof(struct sie_crypto) == 0x100);

struct sie_crypto_page {
	struct sie_crypto block[2];
};

/* The annex of a state description, 256 bytes on a boundary of as many. */
struct sie_annex {
	u64		pad_00[2];
	struct gs_cb	gscb;		/* 0x10 */
	u64		etoken;		/* 0x30 */
	u64		etoken_extension;
	u8		pad_40[0x100 - 0x40];
};

static_assert(offsetof(struct sie_annex, etoken) == 0x30);
static_assert(sizeof(struct sie_annex) == 0x100);

/* The page that a state description has to itself, and what else it names. */
struct sie_page {
	struct sie_block	block;
	u8			ri[64] __aligned(64);
	struct sie_annex	annex __aligned(256);
};

static_assert(sizeof(struct sie_page) <= 4096);

#endif /* KVM_S390_SIE_H */
