// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which storage an address means, and which exception it is when it means none: address spaces
 * named by access registers, low-address and key-controlled protection and what overrides them,
 * frames of a megabyte. Each case is put twice: to KVM, by KVM_S390_MEM_OP, and to the machine, by
 * an instruction of the guest's. The machine says what is right.
 */
#include "s390.h"

#define PSW_DAT		0x0400000000000000UL
#define PSW_AR		0x0000400000000000UL

/* Real addresses of the guest's tables. */
enum {
	PRIMARY_SEGMENTS	= 0x300000,
	PRIMARY_PAGES		= 0x304000,
	OTHER_SEGMENTS		= 0x308000,
	OTHER_PAGES		= 0x30c000,
	DUCT			= 0x310000,
	PRIMARY_ASTE		= 0x310040,
	LIST			= 0x310100,
	PRIMARY_LIST		= 0x310200,
	OTHER_ASTE		= 0x310300,
	AUTHORITY		= 0x310400,
};

#define PAGE		0x20000UL	/* a logical address, in each space */
#define PROTECTED	0x21000UL
#define ABSENT		0x22000UL
#define FRAME		0x40000UL	/* where PAGE is in the other space */
#define NO_STORAGE	0x40000000UL

enum {
	PGM_PROTECTION	= 0x04,
	PGM_ADDRESSING	= 0x05,
	PGM_SEGMENT	= 0x10,
	PGM_PAGE	= 0x11,
	PGM_TRANSLATION	= 0x12,
	PGM_ALET	= 0x28,
	PGM_ALEN,
	PGM_ALE_SEQUENCE,
	PGM_ASTE_VALIDITY,
	PGM_ASTE_SEQUENCE,
	PGM_EXT_AUTHORITY,
	PGM_ASCE_TYPE	= 0x38,
};

/* Protection, and what kind (bits 56, 60 and 61 of the TEID). */
#define PROT_LOW	.code = PGM_PROTECTION, .why = 0x80
#define PROT_DAT	.code = PGM_PROTECTION, .why = 0x04
#define PROT_KEY	.code = PGM_PROTECTION, .why = 0x08
#define PROT_LIST	.code = PGM_PROTECTION, .why = 0x0c

/* ALETs: entry 2, with the sequence number that make_lists() gives it. */
#define ALET		0x00050002U
#define ALET_PRIMARY	0x01050002U

INSNS(load, "lg %r2,0(%r4); " S390_END);
INSNS(bare, S390_END);
INSNS(store, "stg %r2,0(%r4); " S390_END);

static uint32_t *word(struct s390_vm *vm, uint64_t at)
{
	return (uint32_t *)(vm->mem + at);
}

/* 512 MB of which the first is mapped by pages, each to itself but for the three. */
static void make_space(struct s390_vm *vm, uint64_t segments, uint64_t pages, uint64_t frame)
{
	int i;

	for (i = 0; i < 512; i++)
		*s390_word(vm, segments + i * 8) = 0x20;
	*s390_word(vm, segments) = pages;
	for (i = 0; i < 256; i++)
		*s390_word(vm, pages + i * 8) = i * 4096;
	*s390_word(vm, pages + (PAGE >> 9)) = frame;
	*s390_word(vm, pages + (PROTECTED >> 9)) |= 0x200;
	*s390_word(vm, pages + (ABSENT >> 9)) |= 0x400;
}

static void make_entry(struct s390_vm *vm, uint64_t list)
{
	*word(vm, list + 2 * 16) = 0x00050000;
	*word(vm, list + 2 * 16 + 8) = OTHER_ASTE;
	*word(vm, list + 2 * 16 + 12) = 0x77;
}

/* Both lists have eight entries, all but the third invalid. */
static void make_lists(struct s390_vm *vm)
{
	int i;

	for (i = 0; i < 8; i++)
		*word(vm, LIST + i * 16) = *word(vm, PRIMARY_LIST + i * 16) = 0x80000000;
	make_entry(vm, LIST);
	make_entry(vm, PRIMARY_LIST);
	*word(vm, DUCT + 16) = LIST;
	*word(vm, PRIMARY_ASTE + 16) = PRIMARY_LIST;
	*word(vm, OTHER_ASTE) = AUTHORITY;
	*s390_word(vm, OTHER_ASTE + 8) = OTHER_SEGMENTS;
	*word(vm, OTHER_ASTE + 20) = 0x77;
}

struct case_of {
	void		(*spoil)(struct s390_vm *vm, struct kvm_sregs *sregs);
	uint64_t	at;
	uint32_t	alet;
	unsigned int	code;		/* 0: let through */
	int		write;
	uint8_t		key;		/* of the access; storage keys count with others than 0 */
	unsigned int	why;		/* of a protection exception: bits 56, 60, 61 of the TEID */
	int		kvm_only;	/* the machine is an emulated one, and wrong */
	int		primary;	/* the space is the primary one, no access register's */
};

/* With @run, the guest has run, in good order, before it is spoiled: so its PSW has been loaded. */
static void prepare(struct s390_vm *vm, const struct case_of *c, int run)
{
	struct kvm_sregs sregs;

	make_space(vm, PRIMARY_SEGMENTS, PRIMARY_PAGES, PAGE);
	make_space(vm, OTHER_SEGMENTS, OTHER_PAGES, FRAME);
	make_lists(vm);
	*s390_word(vm, FRAME) = 4711;
	must(ioctl(vm->cpu, KVM_GET_SREGS, &sregs));
	sregs.crs[1] = PRIMARY_SEGMENTS;
	sregs.crs[2] = DUCT;
	sregs.crs[5] = PRIMARY_ASTE;
	sregs.crs[7] = OTHER_SEGMENTS;
	sregs.crs[8] = 5 << 16;
	sregs.acrs[4] = c->alet;
	vm->run->psw_mask = PSW_64 | PSW_DAT | (c->primary ? 0 : PSW_AR);
	if (!run)
		vm->run->psw_mask |= (uint64_t)c->key << 52;
	if (c->primary)
		sregs.crs[1] = OTHER_SEGMENTS;
	if (run) {
		must(ioctl(vm->cpu, KVM_SET_SREGS, &sregs));
		s390_expect_icpt(vm, ICPT_INSTRUCTION);
	}
	if (c->spoil)
		c->spoil(vm, &sregs);
	if (c->primary)
		sregs.crs[1] = *s390_word(vm, OTHER_ASTE + 8);
	must(ioctl(vm->cpu, KVM_SET_SREGS, &sregs));
	vm->run->s.regs.gprs[4] = c->at;
	vm->run->s.regs.gprs[2] = 815;
	vm->run->kvm_dirty_regs = KVM_SYNC_GPRS;
}

static long mem_op(struct s390_vm *vm, const struct case_of *c, uint64_t flags, uint64_t *value)
{
	struct kvm_s390_mem_op args = {
		.op = c->write ? KVM_S390_MEMOP_LOGICAL_WRITE : KVM_S390_MEMOP_LOGICAL_READ,
		.flags = flags, .gaddr = c->at, .buf = (uintptr_t)value, .size = 8, .ar = 4,
	};

	if (c->key) {
		args.flags |= KVM_S390_MEMOP_F_SKEY_PROTECTION;
		args.key = c->key;
	}

	return ioctl(vm->cpu, KVM_S390_MEM_OP, &args);
}

static void expect_told(struct s390_vm *vm, const struct case_of *c)
{
	expect_eq(*(uint16_t *)(vm->mem + LC_PGM_CODE), c->code);
	if (c->code > PGM_ALET && c->code <= PGM_EXT_AUTHORITY)
		expect_eq(vm->mem[160], 4);
}

static int has_teid(unsigned int code)
{
	return code == PGM_PROTECTION || code == PGM_SEGMENT || code == PGM_PAGE ||
	       code == PGM_ASCE_TYPE;
}

/* Where, why, and whether it was a store or a fetch; Hercules has no more than the first. */
static uint64_t teid(const struct case_of *c)
{
	return (c->at & ~0xfffUL) | (c->write ? 0x400 : 0x800) | c->why | !c->primary;
}

/* What KVM says, and gives to the guest when it is told to. */
static void by_kvm(const struct case_of *c)
{
	struct s390_vm *vm = s390_vm_of(bare);
	uint64_t value = 815;

	prepare(vm, c, 1);
	expect_eq(mem_op(vm, c, KVM_S390_MEMOP_F_CHECK_ONLY, NULL), c->code);
	expect_eq(mem_op(vm, c, 0, &value), c->code);
	if (!c->code) {
		expect_eq(*s390_word(vm, FRAME), c->write ? 815 : 4711);
		expect_eq(value, c->write ? 815 : 4711);
		return;
	}
	expect_eq(mem_op(vm, c, KVM_S390_MEMOP_F_INJECT_EXCEPTION, &value), c->code);
	s390_expect_wait(vm, WAIT_OF(LC_PGM_NEW));
	expect_told(vm, c);
	if (has_teid(c->code))
		expect_eq(*s390_word(vm, 168), teid(c));
}

/* What the machine does. */
static void by_machine(const struct case_of *c)
{
	struct s390_vm *vm = c->write ? s390_vm_of(store) : s390_vm_of(load);

	prepare(vm, c, 0);
	if (c->code) {
		s390_expect_wait(vm, WAIT_OF(LC_PGM_NEW));
		expect_told(vm, c);
		return;
	}
	s390_expect_icpt(vm, ICPT_INSTRUCTION);
	/* Hercules goes past the very first load of its life by an access register. */
	if (!c->write && vm->run->s.regs.gprs[2] == 815) {
		vm->run->psw_addr = CODE_AT;
		s390_expect_icpt(vm, ICPT_INSTRUCTION);
	}
	expect_eq(*s390_word(vm, FRAME), c->write ? 815 : 4711);
	expect_eq(vm->run->s.regs.gprs[2], c->write ? 815 : 4711);
}

/*
 * The kernel's own module takes the access registers for KVM_S390_MEM_OP from the machine, where
 * outside of KVM_RUN the program's are.
 */
static void put(const struct case_of *c)
{
	if (!c->kvm_only)
		by_machine(c);
	if (c->primary || !distro_modules())
		by_kvm(c);
}

#define CASE(name, addr, token, ...)							\
	TEST(name)							\
	{								\
		const struct case_of c = { .at = addr, .alet = token, __VA_ARGS__ };	\
									\
		put(&c);						\
	}

/* The tables of a space: as a space named by a list, and as the primary one. */
#define TABLES(name, addr, ...)						\
	CASE(name, addr, ALET, __VA_ARGS__)				\
	CASE(name##_primary, addr, ALET, .primary = 1, __VA_ARGS__)

/* Each makes one thing wrong, or different, in tables or control registers. */
#define SPOIL(name)							\
	static void name(struct s390_vm *vm __attribute__((unused)),	\
			 struct kvm_sregs *sregs __attribute__((unused)))

CASE(named_by_list, PAGE, ALET)
CASE(named_by_list_written, PAGE, ALET, .write = 1)
CASE(named_by_primary_list, PAGE, ALET_PRIMARY)
CASE(secondary_space, PAGE, 1)
CASE(alet_reserved_bits, PAGE, ALET | 0x02000000, .code = PGM_ALET)

SPOIL(no_duct)
{
	sregs->crs[2] = NO_STORAGE;
}

SPOIL(no_primary_aste)
{
	sregs->crs[5] = NO_STORAGE;
}

SPOIL(list_nowhere)
{
	*word(vm, DUCT + 16) = NO_STORAGE;
}

CASE(duct_nowhere, PAGE, ALET, .spoil = no_duct, .code = PGM_ADDRESSING)
CASE(primary_aste_nowhere, PAGE, ALET_PRIMARY, .spoil = no_primary_aste, .code = PGM_ADDRESSING)
CASE(access_list_nowhere, PAGE, ALET, .spoil = list_nowhere, .code = PGM_ADDRESSING)
/* The length comes before the entry, wherever that would be. */
CASE(number_beyond_list, PAGE, 0x00050008, .spoil = list_nowhere, .code = PGM_ALEN)
CASE(entry_invalid, PAGE, 0x00050003, .code = PGM_ALEN)

SPOIL(longer_list)
{
	*word(vm, DUCT + 16) |= 1;
	*word(vm, LIST + 9 * 16) = 0x00050000;
	*word(vm, LIST + 9 * 16 + 8) = OTHER_ASTE;
	*word(vm, LIST + 9 * 16 + 12) = 0x77;
}

CASE(second_unit_of_list, PAGE, 0x00050009, .spoil = longer_list)

/* Both the sequence number and the ASTE are wrong: the first is said. */
SPOIL(no_other_aste)
{
	*word(vm, LIST + 2 * 16 + 8) = NO_STORAGE;
}

CASE(entry_sequence, PAGE, 0x00060002, .spoil = no_other_aste, .code = PGM_ALE_SEQUENCE)
CASE(aste_nowhere, PAGE, ALET, .spoil = no_other_aste, .code = PGM_ADDRESSING)

SPOIL(aste_invalid)
{
	*word(vm, OTHER_ASTE) |= 0x80000000;
	*word(vm, OTHER_ASTE + 20) = 0x78;
}

SPOIL(aste_other_sequence)
{
	*word(vm, OTHER_ASTE + 20) = 0x78;
	*word(vm, LIST + 2 * 16) |= 0x01000000;
}

CASE(aste_validity, PAGE, ALET, .spoil = aste_invalid, .code = PGM_ASTE_VALIDITY)
CASE(aste_sequence, PAGE, ALET, .spoil = aste_other_sequence, .code = PGM_ASTE_SEQUENCE)

/* Private: the guest has index 5, the entry is 6's. */
SPOIL(private_of_others)
{
	*word(vm, LIST + 2 * 16) |= 0x01000006;
	*word(vm, OTHER_ASTE + 4) = 0x10;
}

SPOIL(private_own)
{
	*word(vm, LIST + 2 * 16) |= 0x01000005;
}

/* Index 5 is the second pair of bits of the second byte: primary and secondary authority. */
SPOIL(private_authorized)
{
	private_of_others(vm, sregs);
	vm->mem[AUTHORITY + 1] = 0x10;
}

SPOIL(private_primary_only)
{
	private_of_others(vm, sregs);
	vm->mem[AUTHORITY + 1] = 0x20;
}

SPOIL(index_beyond_table)
{
	private_of_others(vm, sregs);
	memset(vm->mem + AUTHORITY, 0xff, 16);
	sregs->crs[8] = 0x20 << 16;
}

SPOIL(no_authority_table)
{
	private_of_others(vm, sregs);
	*word(vm, OTHER_ASTE) = NO_STORAGE;
}

CASE(authority_none, PAGE, ALET, .spoil = private_of_others, .code = PGM_EXT_AUTHORITY)
CASE(authority_own, PAGE, ALET, .spoil = private_own)
CASE(authority_by_table, PAGE, ALET, .spoil = private_authorized)
CASE(authority_primary_only, PAGE, ALET, .spoil = private_primary_only, .code = PGM_EXT_AUTHORITY)
CASE(authority_beyond_table, PAGE, ALET, .spoil = index_beyond_table, .code = PGM_EXT_AUTHORITY)
CASE(authority_table_nowhere, PAGE, ALET, .spoil = no_authority_table, .code = PGM_ADDRESSING)

SPOIL(fetch_only)
{
	*word(vm, LIST + 2 * 16) |= 0x02000000;
}

CASE(fetch_only_read, PAGE, ALET, .spoil = fetch_only)
CASE(fetch_only_written, PAGE, ALET, .spoil = fetch_only, .write = 1, PROT_LIST)

/* The tables of the space that was found. */
TABLES(page_protected, PROTECTED, .write = 1, PROT_DAT)
TABLES(page_absent, ABSENT, .code = PGM_PAGE)
TABLES(segment_absent, 0x100000, .code = PGM_SEGMENT)
TABLES(segment_beyond_table, 0x20000000, .code = PGM_SEGMENT)
TABLES(address_beyond_space, 0x80000000, .code = PGM_ASCE_TYPE)

SPOIL(wrong_type)
{
	*s390_word(vm, OTHER_SEGMENTS) |= 4;
}

SPOIL(common_in_private)
{
	*s390_word(vm, OTHER_SEGMENTS) |= 0x10;
	*s390_word(vm, OTHER_ASTE + 8) |= 0x100;
}

SPOIL(page_entry_bit)
{
	*s390_word(vm, OTHER_PAGES + (PAGE >> 9)) |= 0x800;
}

SPOIL(no_page_table)
{
	*s390_word(vm, OTHER_SEGMENTS) = NO_STORAGE;
}

SPOIL(segment_protected)
{
	*s390_word(vm, OTHER_SEGMENTS) |= 0x200;
}

SPOIL(real_space)
{
	*s390_word(vm, OTHER_ASTE + 8) = 0x20;
	*s390_word(vm, PAGE) = 4711;
}

TABLES(segment_of_wrong_type, PAGE, .spoil = wrong_type, .code = PGM_TRANSLATION)
TABLES(common_segment_in_private_space, PAGE, .spoil = common_in_private, .code = PGM_TRANSLATION)
TABLES(page_entry_reserved_bit, PAGE, .spoil = page_entry_bit, .code = PGM_TRANSLATION)
TABLES(page_table_nowhere, PAGE, .spoil = no_page_table, .code = PGM_ADDRESSING)
TABLES(segment_protects, PAGE, .spoil = segment_protected, .write = 1, PROT_DAT)
TABLES(space_is_real, PAGE, .spoil = real_space)

/* Low-address protection, and that a private space has none. */
SPOIL(low_address)
{
	sregs->crs[0] |= 0x10000000;
}

SPOIL(low_address_private)
{
	low_address(vm, sregs);
	*s390_word(vm, OTHER_ASTE + 8) |= 0x100;
	*s390_word(vm, OTHER_PAGES) = FRAME;
}

TABLES(low_address_written, 0x10, .spoil = low_address, .write = 1, PROT_LOW)
TABLES(low_address_second_page, 0x11f8, .spoil = low_address, .write = 1, PROT_LOW)
TABLES(low_address_in_private_space, 0, .spoil = low_address_private, .write = 1)
/*
 * It comes before what the tables say (PoP 6, priority of access exceptions); Hercules has it
 * after.
 */
SPOIL(low_address_absent)
{
	low_address(vm, sregs);
	*s390_word(vm, OTHER_PAGES) |= 0x400;
}

TABLES(low_address_first, 0x10, .kvm_only = 1, .spoil = low_address_absent, .write = 1, PROT_LOW)

/* A frame of a megabyte, where control register 0 allows it. */
SPOIL(large)
{
	sregs->crs[0] |= 0x800000;
	*s390_word(vm, OTHER_SEGMENTS) = 0x400;
	*s390_word(vm, PAGE) = 4711;
}

SPOIL(large_protected)
{
	large(vm, sregs);
	*s390_word(vm, OTHER_SEGMENTS) |= 0x200;
}

TABLES(large_frame, PAGE, .spoil = large)
TABLES(large_frame_protected, PAGE, .spoil = large_protected, .write = 1, PROT_DAT)

/*
 * Keys: the frame has key 1 and is protected against fetches, or key 9.
 */
static void set_key(struct s390_vm *vm, uint8_t key)
{
	struct kvm_s390_skeys args = {
		.start_gfn = FRAME >> 12, .count = 1, .skeydata_addr = (uintptr_t)&key,
	};

	must(ioctl(vm->fd, KVM_S390_SET_SKEYS, &args));
}

SPOIL(key_1)
{
	set_key(vm, 0x18);
}

SPOIL(key_1_fetchable)
{
	set_key(vm, 0x10);
}

SPOIL(key_9)
{
	set_key(vm, 0x98);
}

SPOIL(key_9_open)
{
	set_key(vm, 0x98);
	sregs->crs[0] |= 0x01000000;
}

SPOIL(low_key_1)
{
	set_key(vm, 0x18);
	*s390_word(vm, OTHER_PAGES) = FRAME;
	*s390_word(vm, FRAME + 0x100) = 4711;
}

SPOIL(low_key_1_open)
{
	low_key_1(vm, sregs);
	sregs->crs[0] |= 0x02000000;
}

SPOIL(low_key_1_private)
{
	low_key_1_open(vm, sregs);
	*s390_word(vm, OTHER_ASTE + 8) |= 0x100;
}

TABLES(key_fits, PAGE, .spoil = key_1, .key = 1, .write = 1)
TABLES(key_fetch_protected, PAGE, .spoil = key_1, .key = 2, PROT_KEY)
TABLES(key_store_protected, PAGE, .spoil = key_1, .key = 2, .write = 1, PROT_KEY)
TABLES(key_fetched, PAGE, .spoil = key_1_fetchable, .key = 2)
TABLES(key_9_protected, PAGE, .spoil = key_9, .key = 2, .write = 1, PROT_KEY)
TABLES(key_9_overridden, PAGE, .spoil = key_9_open, .key = 2, .write = 1)
TABLES(key_low_protected, 0x100, .spoil = low_key_1, .key = 2, PROT_KEY)
TABLES(key_low_overridden, 0x100, .spoil = low_key_1_open, .key = 2)
TABLES(key_low_private, 0x100, .spoil = low_key_1_private, .key = 2, PROT_KEY)
TABLES(key_low_not_beyond, 2044, .spoil = low_key_1_open, .key = 2, PROT_KEY)
