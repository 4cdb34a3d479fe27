// SPDX-License-Identifier: GPL-2.0-only
/*
 * The exceptions of intercepted instructions (PoP 6 and 10): each row of a table is an instruction
 * whose operand is at 0(R4), with what its operand is like; each test is an exception, and takes
 * every row that can have it. A row is a VM of its own.
 *
 * Where the kernel's own module differs in the same machine, the row says so.
 */
#include "s390.h"

#define PSW_PROBLEM	0x0001000000000000UL
#define CR0_LOW_PROT	(1UL << 28)

enum {
	PGM_OPERATION		= 0x01,
	PGM_PRIVILEGED		= 0x02,
	PGM_PROTECTION		= 0x04,
	PGM_ADDRESSING		= 0x05,
	PGM_SPECIFICATION	= 0x06,
	PGM_SEGMENT		= 0x10,
	PGM_PAGE		= 0x11,
};

/* Beyond all memory, and below 2 GB, as a prefix has to be. */
#define NOWHERE		0x40000000UL

enum {
	FETCH	= 1,		/* has an operand by logical address that must be there */
	STORE	= 2,
	ANY	= 4,		/* the problem state may */
	REAL	= 8,		/* the operand is a frame, by real address in R4 */
};

struct insn {
	const char	*name, *code, *end;
	unsigned int	align, flags;
	uint64_t	r0, r1;
};

#define BYTES_OF(id, text)	INSNS(id##_code, text)
#define ROW(id, unit, kind, ...)	{ .name = #id, .code = id##_code, .end = id##_code_end,	\
					  .align = unit, .flags = kind, __VA_ARGS__ }

BYTES_OF(spx, "spx 0(%r4)");
BYTES_OF(stpx, "stpx 0(%r4)");
BYTES_OF(stap, "stap 0(%r4)");
BYTES_OF(stidp, "stidp 0(%r4)");
BYTES_OF(sck, "sck 0(%r4)");
BYTES_OF(stsi, ".insn s,0xb27d0000,0(%r4)");
BYTES_OF(stfl, ".insn s,0xb2b10000,0");
BYTES_OF(stfle, ".insn s,0xb2b00000,0(%r4)");
BYTES_OF(lpsw, "lpsw 0(%r4)");
BYTES_OF(lpswe, "lpswe 0(%r4)");
BYTES_OF(lctl, "lctl %c2,%c3,0(%r4)");
BYTES_OF(lctlg, "lctlg %c2,%c3,0(%r4)");
BYTES_OF(stctl, "stctl %c2,%c3,0(%r4)");
BYTES_OF(stctg, "stctg %c2,%c3,0(%r4)");
BYTES_OF(iske, "iske %r5,%r4");
BYTES_OF(sske, "sske %r5,%r4");
BYTES_OF(rrbe, "rrbe %r0,%r4");
BYTES_OF(pfmf, ".insn rre,0xb9af0000,%r1,%r4");
BYTES_OF(tb, "tb %r0,%r4");
BYTES_OF(tprot, "tprot 0(%r4),0");
BYTES_OF(ipte, "ipte %r4,%r5");
BYTES_OF(idte, "idte %r4,%r6,%r2");
BYTES_OF(csp, "csp %r2,%r4");
BYTES_OF(cspg, "cspg %r2,%r4");
BYTES_OF(sckpf, "sckpf");
BYTES_OF(servc, ".insn rre,0xb2200000,%r5,%r4");
BYTES_OF(sigp, "sigp %r6,%r5,1");
BYTES_OF(diag_44, "diag %r0,%r0,0x44");
BYTES_OF(diag_500, "diag %r0,%r0,0x500");
BYTES_OF(csch, "csch");
BYTES_OF(hsch, "hsch");
BYTES_OF(msch, "msch 0(%r4)");
BYTES_OF(ssch, "ssch 0(%r4)");
BYTES_OF(stsch, "stsch 0(%r4)");
BYTES_OF(tsch, "tsch 0(%r4)");
BYTES_OF(tpi, "tpi 0(%r4)");
BYTES_OF(sal, "sal");
BYTES_OF(rsch, "rsch");
BYTES_OF(stcrw, "stcrw 0(%r4)");
BYTES_OF(stcps, "stcps 0(%r4)");
BYTES_OF(rchp, "rchp");
BYTES_OF(schm, "schm");
BYTES_OF(xsch, ".insn s,0xb2760000,0");
BYTES_OF(epsw, "epsw %r5,%r6");

static const struct insn insns[] = {
	ROW(spx,	4,	FETCH),
	ROW(stpx,	4,	STORE),
	ROW(stap,	2,	STORE),
	ROW(stidp,	8,	STORE),
	ROW(sck,	8,	FETCH),
	ROW(stsi,	4096,	STORE, .r0 = 0x30000002, .r1 = 2),
	ROW(stfl,	0,	0),
	ROW(stfle,	8,	STORE | ANY),
	ROW(lpsw,	8,	FETCH),
	ROW(lpswe,	8,	FETCH),
	ROW(lctl,	4,	FETCH),
	ROW(lctlg,	8,	FETCH),
	ROW(stctl,	4,	STORE),
	ROW(stctg,	8,	STORE),
	ROW(iske,	0,	REAL),
	ROW(sske,	0,	REAL),
	ROW(rrbe,	0,	REAL),
	ROW(pfmf,	0,	REAL, .r1 = 0x10000),
	ROW(tb,		0,	REAL),
	ROW(tprot,	0,	0),
	ROW(ipte,	0,	0),
	ROW(idte,	0,	0),
	ROW(csp,	0,	0),
	ROW(cspg,	0,	0),
	ROW(sckpf,	0,	0),
	ROW(servc,	0,	0),
	ROW(sigp,	0,	0),
	ROW(diag_44,	0,	0),
	ROW(diag_500,	0,	0),
	ROW(csch,	0,	0),
	ROW(hsch,	0,	0),
	ROW(msch,	0,	0),
	ROW(ssch,	0,	0),
	ROW(stsch,	0,	0),
	ROW(tsch,	0,	0),
	ROW(tpi,	4,	0),
	ROW(sal,	0,	0),
	ROW(rsch,	0,	0),
	ROW(stcrw,	0,	0),
	ROW(stcps,	0,	0),
	ROW(rchp,	0,	0),
	ROW(schm,	0,	0),
	ROW(xsch,	0,	0),
	ROW(epsw,	0,	ANY),
};

static struct s390_vm *start(const struct insn *insn, uint64_t operand)
{
	struct s390_vm *vm = s390_start(insn->code, insn->end);

	vm->run->s.regs.gprs[0] = insn->r0;
	vm->run->s.regs.gprs[1] = insn->r1;
	vm->run->s.regs.gprs[4] = operand;
	return vm;
}

static void stop(struct s390_vm *vm)
{
	close(vm->cpu);
	close(vm->fd);
	close(vm->kvm);
}

/* Where the old PSW is: behind an instruction that was suppressed, at one that was nullified. */
static uint64_t old_address(struct s390_vm *vm, unsigned int code)
{
	if (code == PGM_SEGMENT || code == PGM_PAGE)
		return CODE_AT;
	return CODE_AT + *(uint16_t *)(vm->mem + LC_PGM_ILC);
}

/* The guest must end with this exception: 0, or 1 and what there was instead is shown. */
static int differs(struct s390_vm *vm, const struct insn *insn, unsigned int want)
{
	unsigned int got = 0, exit = s390_run(vm);

	if (exit == KVM_EXIT_S390_SIEIC && vm->run->s390_sieic.icptcode == ICPT_WAIT &&
	    vm->run->psw_addr == WAIT_OF(LC_PGM_NEW))
		got = *(uint16_t *)(vm->mem + LC_PGM_CODE);
	if (got != want)
		note("%s: exception %#x, not %#x (exit %u, interception %#x)", insn->name, got,
		     want, exit, vm->run->s390_sieic.icptcode);
	else if (*s390_word(vm, LC_PGM_OLD + 8) != old_address(vm, want))
		note("%s: the old PSW is at %#lx", insn->name, *s390_word(vm, LC_PGM_OLD + 8));
	else
		return 0;
	return 1;
}

/* Every instruction that @flags select, with this operand. */
static void each(unsigned int some, unsigned int none, uint64_t operand, uint64_t psw, uint64_t cr0,
		 unsigned int want)
{
	unsigned int bad = 0, i, n = 0;
	const struct insn *insn;
	struct s390_vm *vm;

	for (i = 0; i < ARRAY_SIZE(insns); i++) {
		insn = &insns[i];
		if ((some && !(insn->flags & some)) || insn->flags & none)
			continue;
		vm = start(insn, operand);
		vm->run->psw_mask |= psw;
		vm->run->s.regs.crs[0] = 0xe0 | cr0;
		vm->run->kvm_dirty_regs = KVM_SYNC_CRS;
		bad += differs(vm, insn, want);
		stop(vm);
		n++;
	}
	expect(n);
	expect_eq(bad, 0);
}

TEST(privileged_in_the_problem_state)
{
	each(0, ANY, DATA_AT, PSW_PROBLEM, 0, PGM_PRIVILEGED);
}

/* The kernel's own module has TPI an operation exception while no interrupt was ever injected. */
TEST(operand_not_aligned)
{
	unsigned int bad = 0, i;
	struct s390_vm *vm;

	for (i = 0; i < ARRAY_SIZE(insns); i++) {
		if (!insns[i].align || (distro_modules() && !strcmp(insns[i].name, "tpi")))
			continue;
		vm = start(&insns[i], DATA_AT + insns[i].align / 2);
		bad += differs(vm, &insns[i], PGM_SPECIFICATION);
		stop(vm);
	}
	expect_eq(bad, 0);
}

TEST(operand_nowhere)
{
	each(FETCH | STORE, 0, NOWHERE, 0, 0, PGM_ADDRESSING);
}

TEST(frame_nowhere)
{
	if (distro_modules())
		skip("keys that the emulator sets itself");
	each(REAL, 0, NOWHERE, 0, 0, PGM_ADDRESSING);
}

TEST(low_address_protection)
{
	each(STORE, 0, 0, 0, CR0_LOW_PROT, PGM_PROTECTION);
}

/*
 * Dynamic address translation (PoP 3): one segment, of which each page is where it is, but for
 * three that are not as they should be.
 */
#define PROTECTED_AT	0x80000UL
#define INVALID_AT	0x81000UL
#define NOWHERE_AT	0x82000UL
#define NEXT_SEGMENT	0x100000UL
#define TEID		0xa8

static void translate(struct s390_vm *vm)
{
	s390_make_tables(vm, 1);
	*s390_page_entry(vm, PROTECTED_AT) |= PAGE_PROTECTED;
	*s390_page_entry(vm, INVALID_AT) |= PAGE_INVALID;
	*s390_page_entry(vm, NOWHERE_AT) = NOWHERE;
	s390_translate(vm);
}

/* The address is told too; not the kind of access, which not every machine tells. */
static void each_translated(unsigned int some, uint64_t operand, unsigned int want)
{
	unsigned int bad = 0, i;
	struct s390_vm *vm;

	for (i = 0; i < ARRAY_SIZE(insns); i++) {
		if (!(insns[i].flags & some))
			continue;
		vm = start(&insns[i], operand);
		translate(vm);
		bad += differs(vm, &insns[i], want);
		if (want != PGM_ADDRESSING && (*s390_word(vm, TEID) & ~0xfffUL) != operand) {
			note("%s: TEID %#lx", insns[i].name, *s390_word(vm, TEID));
			bad++;
		}
		stop(vm);
	}
	expect_eq(bad, 0);
}

TEST(page_protected)
{
	each_translated(STORE, PROTECTED_AT, PGM_PROTECTION);
}

TEST(page_invalid)
{
	each_translated(FETCH | STORE, INVALID_AT, PGM_PAGE);
}

TEST(segment_invalid)
{
	each_translated(FETCH | STORE, NEXT_SEGMENT, PGM_SEGMENT);
}

TEST(page_nowhere)
{
	each_translated(FETCH | STORE, NOWHERE_AT, PGM_ADDRESSING);
}
