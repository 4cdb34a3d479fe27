// SPDX-License-Identifier: GPL-2.0-only
/*
 * Instructions on device memory, which KVM emulates, against the same instructions on plain memory,
 * which the CPU executes: registers, flags and memory must come out the same.
 *
 * The device is a page pair that the test serves in user space, as a memory that remembers what is
 * written. The guest does all comparisons; the host only answers.
 */
#include "guest.h"
#include "vm.h"

#define DEVICE_BYTES	0x2000
#define OPERAND		0x100		/* where operands are; 64 bytes from there are compared */

#define FL_ALL		0x8d5
#define FL_NO_AF	0x8c5
#define FL_CF_OF	0x801
#define FL_CF		0x001
#define FL_ZF		0x040

/* What an instruction may use: memory at (%rdi), at (%rsi) where it is a string, and these. */
struct state {
	uint64_t rax, rcx, rdx, rsi, rdi, rflags;
};

void run_case(const void *code, struct state *state);

asm(".pushsection .text\n"
    "run_case:\n"
    "	push %rbx\n"
    "	mov %rdi, %r10\n"
    "	mov %rsi, %r11\n"
    "	mov $0x1122334455667788, %rbx\n"
    "	mov 0(%r11), %rax\n"
    "	mov 8(%r11), %rcx\n"
    "	mov 16(%r11), %rdx\n"
    "	mov 24(%r11), %rsi\n"
    "	mov 32(%r11), %rdi\n"
    "	push 40(%r11)\n"
    "	popf\n"
    "	call *%r10\n"
    "	pushf\n"
    "	pop 40(%r11)\n"
    "	cld\n"
    "	mov %rax, 0(%r11)\n"
    "	mov %rcx, 8(%r11)\n"
    "	mov %rdx, 16(%r11)\n"
    "	mov %rsi, 24(%r11)\n"
    "	mov %rdi, 32(%r11)\n"
    "	pop %rbx\n"
    "	ret\n"
    ".popsection");

struct insn_case {
	const char *text;
	const void *code;
	uint32_t flags;			/* those that the manual defines */
	uint16_t at;			/* operand's offset, OPERAND if 0 */
};

/* One instruction, or a few, as a function of its own. */
#define CASE_AT(n, insn, fl, off)						\
	{ insn, ({ extern const char case_##n[];				\
		   asm(".pushsection .text.cases, \"ax\"\n"			\
		       "case_" #n ": " insn "\n\tret\n.popsection");		\
		   (const void *)case_##n; }), fl, off }

static uint8_t ram[DEVICE_BYTES] __attribute__((aligned(4096)));

static void fill(uint64_t base)
{
	unsigned int i;

	for (i = 0; i < 64; i += 8)
		write64(base + OPERAND + i, 0x0123456789abcdef * (i / 8 + 3));
	write64(base + 0xff8, 0xfedcba9876543210);
	write64(base + 0x1000, 0x0f1e2d3c4b5a6978);
}

static void compare_memory(uint64_t a, uint64_t b, const char *text)
{
	unsigned int i;

	for (i = 0; i < 64; i += 8)
		if (read64(a + OPERAND + i) != read64(b + OPERAND + i))
			guest_fail(__FILE__, __LINE__, text, read64(a + OPERAND + i),
				   read64(b + OPERAND + i));
	if (read64(a + 0xff8) != read64(b + 0xff8) || read64(a + 0x1000) != read64(b + 0x1000))
		guest_fail(__FILE__, __LINE__, text, read64(a + 0xff8), read64(b + 0xff8));
}

static void compare_register(uint64_t emulated, uint64_t native, const char *text)
{
	if (emulated != native)
		guest_fail(__FILE__, __LINE__, text, emulated, native);
}

static struct state run_on(const struct insn_case *c, uint64_t base, unsigned int round)
{
	struct state s = {
		.rax = round == 2 ? read64(base + OPERAND) : 0xffffffff80000001 * round + 5,
		.rcx = round == 1 ? 3 : 0x8000000000000007,
		.rdx = 0x0123456789abcdef,
		.rsi = base + OPERAND + 0x20,
		.rdi = base + (c->at ? c->at : OPERAND),
		.rflags = round & 1 ? 0x8d7 : 0x2,
	};

	fill(base);
	run_case(c->code, &s);
	s.rsi -= base;
	s.rdi -= base;
	return s;
}

static void run_both(const struct insn_case *c)
{
	struct state native, emulated;
	unsigned int round;

	for (round = 0; round < 3; round++) {
		native = run_on(c, (uintptr_t)ram, round);
		emulated = run_on(c, HOLE_GPA, round);
		compare_register(emulated.rax, native.rax, c->text);
		compare_register(emulated.rcx, native.rcx, c->text);
		compare_register(emulated.rdx, native.rdx, c->text);
		compare_register(emulated.rsi, native.rsi, c->text);
		compare_register(emulated.rdi, native.rdi, c->text);
		compare_register(emulated.rflags & c->flags, native.rflags & c->flags, c->text);
		compare_memory(HOLE_GPA, (uintptr_t)ram, c->text);
	}
}

#define RUN(n, insn, fl)	CASE_AT(n, insn, fl, 0)
#define CROSS(n, insn, fl)	CASE_AT(n, insn, fl, 0xffd)

static void run_list(const struct insn_case *c, unsigned int n)
{
	while (n--)
		run_both(c++);
	guest_done();
}

static void guest_integer(void)
{
	const struct insn_case list[] = {
		RUN(mov1, "mov %ah, (%rdi)", FL_ALL),
		RUN(mov2, "movw $0x1234, 2(%rdi)", FL_ALL),
		RUN(mov3, "mov (%rdi), %eax", FL_ALL),
		RUN(mov4, "mov %rdx, 8(%rdi)", FL_ALL),
		RUN(mov5, "movzbl 1(%rdi), %eax", FL_ALL),
		RUN(mov6, "movswq 6(%rdi), %rax", FL_ALL),
		RUN(mov7, "movslq 4(%rdi), %rdx", FL_ALL),
		RUN(mov8, "movnti %rdx, (%rdi)", FL_ALL),
		RUN(add, "add %eax, (%rdi)", FL_ALL),
		RUN(adc, "adc (%rdi), %rax", FL_ALL),
		RUN(sbb, "sbbb $0x7f, 3(%rdi)", FL_ALL),
		RUN(sub, "lock subw $5, (%rdi)", FL_ALL),
		RUN(and, "and %rdx, (%rdi)", FL_NO_AF),
		RUN(or, "lock orl $0x80000000, (%rdi)", FL_NO_AF),
		RUN(xor, "xor (%rdi), %dl", FL_NO_AF),
		RUN(cmp, "cmp %rax, (%rdi)", FL_ALL),
		RUN(test, "testb $0x40, 5(%rdi)", FL_NO_AF),
		RUN(inc, "lock incq (%rdi)", FL_ALL),
		RUN(dec, "decb (%rdi)", FL_ALL),
		RUN(neg, "negl (%rdi)", FL_ALL),
		RUN(not, "notw (%rdi)", FL_ALL),
		RUN(xchg, "xchg %rax, (%rdi)", FL_ALL),
		RUN(xadd, "lock xadd %ecx, (%rdi)", FL_ALL),
		RUN(cmpxchg, "lock cmpxchg %rdx, (%rdi)", FL_ALL),
		RUN(cmpxchg8b, "lock cmpxchg8b (%rdi)", FL_ALL),
		RUN(cmpxchg16b, "lock cmpxchg16b (%rdi)", FL_ALL),
		RUN(bts, "lock btsl $7, (%rdi)", FL_CF),
		RUN(btr, "mov $70, %ecx\n btr %ecx, (%rdi)", FL_CF),
		RUN(bsf, "bsf (%rdi), %rax", FL_ZF),
		RUN(shl, "shlq $4, (%rdi)", FL_CF),
		RUN(sar, "sarl $1, (%rdi)", FL_NO_AF),
		RUN(rol, "rolw $1, (%rdi)", FL_ALL),
		RUN(shld, "shldl $1, %edx, (%rdi)", FL_NO_AF),
		RUN(mul, "mulq (%rdi)", FL_CF_OF),
		RUN(imul, "imul $-3, (%rdi), %rax", FL_CF_OF),
		RUN(div, "xor %edx, %edx\n divl 4(%rdi)", 0),
		RUN(cmov, "cmovs (%rdi), %eax", FL_ALL),
		RUN(setcc, "setc (%rdi)", FL_ALL),
		RUN(push, "push (%rdi)\n pop 8(%rdi)", FL_ALL),
		CROSS(cross_read, "mov (%rdi), %rax", FL_ALL),
		CROSS(cross_write, "mov %rdx, (%rdi)", FL_ALL),
		CROSS(cross_modify, "addl $0x12345678, (%rdi)", FL_ALL),
	};

	run_list(list, ARRAY_SIZE(list));
}

static void guest_strings(void)
{
	const struct insn_case list[] = {
		RUN(movsb, "movsb", FL_ALL),
		RUN(movsq, "mov $3, %ecx\n rep movsq", FL_ALL),
		RUN(movsd_down, "std\n mov $2, %ecx\n rep movsl", FL_ALL),
		RUN(stosw, "mov $5, %ecx\n rep stosw", FL_ALL),
		RUN(lodsb, "lodsb", FL_ALL),
		RUN(scasb, "mov $0xcd, %al\n mov $8, %ecx\n repne scasb", FL_ALL),
		RUN(cmpsw, "mov $4, %ecx\n repe cmpsw", FL_ALL),
		CROSS(movs_cross, "mov $7, %ecx\n rep movsb", FL_ALL),
	};

	run_list(list, ARRAY_SIZE(list));
}

static void sse_on(void)
{
	uint64_t v;

	asm volatile("mov %%cr0, %0\n and $~0xc, %0\n or $2, %0\n mov %0, %%cr0\n"
		     "mov %%cr4, %0\n or $0x600, %0\n mov %0, %%cr4\n fninit" : "=&r"(v));
}

#define LOAD_XMM	"movq %rdx, %xmm1\n pshufd $0x1b, %xmm1, %xmm1\n"
#define TAKE_XMM	"\n movq %xmm1, %rax\n movhlps %xmm1, %xmm1\n movq %xmm1, %rdx"

static void guest_vectors(void)
{
	const struct insn_case list[] = {
		RUN(movups_r, "movups (%rdi), %xmm1" TAKE_XMM, FL_ALL),
		RUN(movups_w, LOAD_XMM "movups %xmm1, 4(%rdi)", FL_ALL),
		RUN(movaps_w, LOAD_XMM "movaps %xmm1, (%rdi)", FL_ALL),
		RUN(movdqa_r, "movdqa 16(%rdi), %xmm1" TAKE_XMM, FL_ALL),
		RUN(movdqu_w, LOAD_XMM "movdqu %xmm1, 1(%rdi)", FL_ALL),
		RUN(movntdq, LOAD_XMM "movntdq %xmm1, (%rdi)", FL_ALL),
		RUN(movss, LOAD_XMM "movss (%rdi), %xmm1" TAKE_XMM, FL_ALL),
		RUN(movlps, LOAD_XMM "movlps (%rdi), %xmm1" TAKE_XMM, FL_ALL),
		RUN(movhpd, LOAD_XMM "movhpd 8(%rdi), %xmm1" TAKE_XMM, FL_ALL),
		RUN(movq_w, LOAD_XMM "movq %xmm1, (%rdi)", FL_ALL),
		RUN(movd_r, "movd (%rdi), %xmm1" TAKE_XMM, FL_ALL),
		RUN(movq_mmx, "movq (%rdi), %mm3\n movq %mm3, 8(%rdi)\n emms", FL_ALL),
		RUN(fnstcw, "fnstcw (%rdi)\n fnstsw 2(%rdi)", FL_ALL),
		CASE_AT(cross_vec, LOAD_XMM "movups %xmm1, (%rdi)", FL_ALL, 0xffc),
	};

	sse_on();
	run_list(list, ARRAY_SIZE(list));
}

/* Serve the device until the guest speaks. */
static uint8_t device[DEVICE_BYTES];
static unsigned int accesses;

static int serve(struct vm *vm)
{
	uint64_t at;
	int exit;

	while ((exit = vm_run(vm)) == KVM_EXIT_MMIO) {
		accesses++;
		at = vm->run->mmio.phys_addr - HOLE_GPA;
		expect(at < DEVICE_BYTES && at + vm->run->mmio.len <= DEVICE_BYTES);
		if (vm->run->mmio.is_write)
			memcpy(device + at, vm->run->mmio.data, vm->run->mmio.len);
		else
			memcpy(vm->run->mmio.data, device + at, vm->run->mmio.len);
	}
	/*
	 * API.rst, KVM_EXIT_INTERNAL_ERROR: what an emulator does not know may end so. Ours knows
	 * all.
	 */
	if (exit == KVM_EXIT_INTERNAL_ERROR && distro_modules())
		skip("the distribution's emulator lacks one of these");
	return exit;
}

TEST(integer_on_device)
{
	expect_exit(serve(vm_start(guest_integer)), GUEST_DONE);
	expect_ge(accesses, 500);
}

static void guest_movbe(void)
{
	const struct insn_case list[] = {
		RUN(movbe, "movbe %eax, (%rdi)", FL_ALL),
	};

	run_list(list, ARRAY_SIZE(list));
}

TEST(movbe_on_device)
{
	if (!(cpuid_find(supported_cpuid(), 1, 0)->ecx & 1 << 22))
		skip("the CPU has no MOVBE");
	expect_exit(serve(vm_start(guest_movbe)), GUEST_DONE);
	expect_ge(accesses, 2);
}

TEST(strings_on_device)
{
	expect_exit(serve(vm_start(guest_strings)), GUEST_DONE);
	expect_ge(accesses, 100);
}

TEST(vectors_on_device)
{
	expect_exit(serve(vm_start(guest_vectors)), GUEST_DONE);
	expect_ge(accesses, 150);
}

/* An x87 exception that waits is the guest's to take, also when the next MMX move is emulated. */
static void guest_pending_x87(void)
{
	static const uint16_t unmasked = 0x37b;		/* all but divide by zero */
	uint64_t v;

	sse_on();
	asm volatile("mov %%cr0, %0\n or $0x20, %0\n mov %0, %%cr0" : "=&r"(v));	/* NE */
	asm volatile("fldcw %0\n fld1\n fldz\n fdivrp %%st, %%st(1)" : : "m"(unmasked));
	guest_expect_eq(guest_try("movq (%%rdi), %%mm0", : : "D"(HOLE_GPA) : "memory"), 16);
	asm volatile("fnclex");
	guest_expect_eq(guest_try("movq (%%rdi), %%mm0", : : "D"(HOLE_GPA) : "memory"), NO_FAULT);
	guest_done();
}

TEST(pending_x87_exception)
{
	expect_exit(serve(vm_start(guest_pending_x87)), GUEST_DONE);
}

/* Faults of emulated instructions are those of the CPU. */
static void guest_faults(void)
{
	uint64_t unmapped = 0x500000000000;

	sse_on();
	guest_expect_eq(guest_try("movaps %%xmm0, 8(%%rdi)", : : "D"(HOLE_GPA) : "memory"), VEC_GP);
	guest_expect_eq(guest_try("xor %%edx, %%edx\n divl (%%rdi)",
				  : : "D"(HOLE_GPA) : "rax", "rdx", "memory"), VEC_DE);
	/*
	 * A copy whose other end is not there: the device is not asked twice, the fault is right.
	 */
	guest_expect_eq(guest_try("movsl", : : "S"(HOLE_GPA), "D"(unmapped) : "memory"), VEC_PF);
	guest_expect_eq(guest_fault.cr2, unmapped);
	guest_expect_eq(guest_fault.error, 2);
	guest_expect_eq(guest_try("movsl", : : "S"(unmapped), "D"(HOLE_GPA) : "memory"), VEC_PF);
	guest_expect_eq(guest_fault.cr2, unmapped);
	guest_expect_eq(guest_fault.error, 0);
	guest_done();
}

TEST(faults_on_device)
{
	expect_exit(serve(vm_start(guest_faults)), GUEST_DONE);
}

/* Single steps: one trap behind each instruction, whether emulated or not. */
static volatile unsigned int steps;
static volatile uint64_t step_rip[16], step_dr6[16];

static void on_step(struct trap_frame *frame)
{
	uint64_t dr6;

	asm volatile("mov %%dr6, %0" : "=r"(dr6));
	if (steps < ARRAY_SIZE(step_rip)) {
		step_rip[steps] = frame->rip;
		step_dr6[steps] = dr6;
	}
	steps++;
	asm volatile("mov %0, %%dr6" : : "r"(0xffff0ff0UL));
}

extern const char step_a[], step_b[], step_c[], step_d[];

static void guest_steps(void)
{
	uint64_t val = 0x55;

	guest_on(VEC_DB, on_step);
	asm volatile("pushf\n orq $0x100, (%%rsp)\n popf\n"
		     "mov %%rax, (%%rdi)\n step_a: mov (%%rdi), %%rax\n step_b: cpuid\n step_c:\n"
		     "pushf\n andq $~0x100, (%%rsp)\n step_d: popf"
		     : "+a"(val) : "D"(HOLE_GPA) : "rbx", "rcx", "rdx", "memory");
	/* the two loads and stores, cpuid, pushf, and, popf */
	guest_expect_eq(steps, 6);
	guest_expect_eq(step_rip[0], (uintptr_t)step_a);
	guest_expect_eq(step_rip[1], (uintptr_t)step_b);
	guest_expect_eq(step_rip[2], (uintptr_t)step_c);
	guest_expect_eq(step_rip[4], (uintptr_t)step_d);
	guest_expect_eq(step_dr6[0] & 0x4000, 0x4000);
	guest_expect_eq(step_dr6[2] & 0x4000, 0x4000);
	guest_done();
}

TEST(single_steps)
{
	/*
	 * A store handed to user space takes the step's trap away there; the manual knows no such
	 * thing.
	 */
	if (distro_modules())
		skip("the distribution's emulator loses a step");
	fails_in_bochs("a single step behind an entry ends before its instruction");
	expect_exit(serve(vm_start(guest_steps)), GUEST_DONE);
}

/*
 * The emulator runs the bytes that the CPU would: after each change of where the code lies, and of the
 * code. A function of the guest writes a number to the device; which one says which bytes were taken.
 */
#define CODE_VA		0xe0000000UL

static const uint8_t store_number[] = { 0xc6, 0x07, 0, 0xc3 };	/* movb $0, (%rdi); ret */
#define NUMBER_AT	2

static uint8_t code_pages[2][SZ_4K] __attribute__((aligned(4096)));
static uint64_t *code_pte[2];		/* the guest's: of CODE_VA and of 2 MiB above it */

static void store_at(uint64_t va)
{
	((void (*)(uint64_t))va)(HOLE_GPA);
}

static void invlpg(uint64_t va)
{
	asm volatile("invlpg (%0)" : : "r"(va) : "memory");
}

/* The entry that points to the table which maps @va; tables lie where their addresses say. */
static uint64_t *guest_pde(uint64_t va)
{
	uint64_t *table = guest_pml4;
	int shift;

	for (shift = 39; shift > 21; shift -= 9)
		table = (uint64_t *)(table[va >> shift & 511] & ~0xfffUL);
	return &table[va >> 21 & 511];
}

static void guest_moves_code(void)
{
	uint64_t *pte = GUEST_ONCE(code_pte[0]), pde;

	store_at(CODE_VA);				/* 1 */
	store_at(CODE_VA);				/* 1 */
	*pte = (uintptr_t)code_pages[1] | (*pte & 0xfff);
	invlpg(CODE_VA);
	store_at(CODE_VA);				/* 2: another page */
	pde = *guest_pde(CODE_VA);
	*guest_pde(CODE_VA) = *guest_pde(CODE_VA + SZ_2M);
	invlpg(CODE_VA);
	store_at(CODE_VA);				/* 1: another table */
	GUEST_ONCE(code_pages[0][NUMBER_AT]) = 3;
	store_at(CODE_VA);				/* 3: other bytes */
	*guest_pde(CODE_VA) = pde;
	invlpg(CODE_VA);
	store_at(CODE_VA);				/* 2: the first table again */
	store_at(CODE_VA + SZ_2M);			/* 3 */
	guest_done();
}

static void put_code(uint8_t *page, uint8_t number)
{
	memcpy(page, store_number, sizeof(store_number));
	page[NUMBER_AT] = number;
}

static void expect_number(struct vm *vm, unsigned int number)
{
	expect_exit(vm_run(vm), KVM_EXIT_MMIO);
	expect_eq(vm->run->mmio.phys_addr, HOLE_GPA);
	expect_eq(vm->run->mmio.is_write, 1);
	expect_eq(vm->run->mmio.data[0], number);
}

TEST(code_that_moves)
{
	static const uint8_t numbers[] = { 1, 1, 2, 1, 3, 2, 3 };
	struct vm *vm = vm_start(guest_moves_code);
	unsigned int i;

	for (i = 0; i < 2; i++) {
		put_code(in_guest(vm, &code_pages[i][0]), i + 1);
		vm_map(vm, CODE_VA + i * SZ_2M, (uintptr_t)code_pages[0],
		       PTE_P | PTE_W | PTE_U);
		*in_guest(vm, &code_pte[i]) =
			(void *)((uint8_t *)vm_pte(vm, CODE_VA + i * SZ_2M) - vm->mem);
	}
	for (i = 0; i < ARRAY_SIZE(numbers); i++)
		expect_number(vm, numbers[i]);
	expect_exit(vm_run(vm), GUEST_DONE);
}

/* The same where the VMM puts other memory below the guest's feet; also across the end of a page. */
static void guest_stores_again(void)
{
	for (;;) {
		store_at(SLOT_GPA);
		store_at(SLOT_GPA + SZ_4K - NUMBER_AT);
	}
}

TEST(code_in_another_slot)
{
	struct vm *vm = vm_start(guest_stores_again);
	uint32_t slot = vm->next_slot;
	uint8_t *host[2];
	unsigned int i;

	for (i = 0; i < 2; i++) {
		host[i] = anon_memory(2 * SZ_4K);
		put_code(host[i], 1 + i);
		put_code(host[i] + SZ_4K - NUMBER_AT, 11 + i);
	}
	for (i = 0; i < 6; i++) {
		if (i)
			must(vm_set_slot(vm->fd, slot, 0, SLOT_GPA, 0, NULL));
		must(vm_set_slot(vm->fd, slot, 0, SLOT_GPA, 2 * SZ_4K, host[i & 1]));
		expect_number(vm, 1 + (i & 1));
		expect_number(vm, 11 + (i & 1));
		expect_number(vm, 1 + (i & 1));
		expect_number(vm, 11 + (i & 1));
	}
}
