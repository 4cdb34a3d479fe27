// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pseudo page faults: a guest whose page is slow in coming is told so, and told when it has come.
 * The page is this program's to bring, by userfaultfd.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sys/syscall.h>

#include "s390.h"

#define MB		0x100000UL
#define SLOT_AT		0x2000000UL
#define TOKEN_AT	0x910UL
#define MARK_AT		0x920UL		/* the guest was told that it has to wait */
#define WAIT_PSW_AT	0x930UL
#define TOKEN		0x1234567890UL
#define CR0_SERVICE	0x200UL

enum {
	/* codes of DIAGNOSE by which the guest ends */
	TOLD		= 0x501,	/* that the page has come */
	THROUGH		= 0x777,	/* the load is through */
};

/*
 * DIAGNOSE 258 by the block at r1; interrupts; a load from the slot. In the handler, of "init": a
 * mark, and a wait for another.
 */
INSNS(guest, "diag %r1,%r3,0x258; "
	     "guest_on: stosm 0x940,1; "
	     "guest_load: lg %r2,0(%r4); diag %r0,%r0,0x777; "
	     "guest_ext: llgh %r5,0x84; lg %r6,0x11b8; tmll %r5,0x80; jo guest_done; "
	     "stg %r6,0x920; lpswe 0x930; "
	     "guest_done: diag %r0,%r0,0x501");
extern const char guest_ext[], guest_load[];

struct block {
	uint16_t diag, function, doublewords, version;
	uint64_t token_at, select, compare, format;
};

struct pager {
	struct s390_vm	*vm;
	int		fd, flic;
	uint8_t		*host;
	pthread_t	thread;
	int		wait_for_mark;
};

static int flic_set(int flic, uint32_t group)
{
	struct kvm_device_attr attr = { .group = group };

	return ioctl(flic, KVM_SET_DEVICE_ATTR, &attr);
}

/* One page, and not before the guest has been told, if it is to be. */
static void *bring_page(void *arg)
{
	static uint64_t page[512] __attribute__((aligned(4096)));
	struct pager *p = arg;
	struct uffd_msg msg;
	struct uffdio_copy copy = { .src = (uintptr_t)page, .len = 4096 };

	must(read(p->fd, &msg, sizeof(msg)));
	expect_eq(msg.event, UFFD_EVENT_PAGEFAULT);
	while (p->wait_for_mark && !*(volatile uint64_t *)(p->vm->mem + MARK_AT))
		usleep(1000);
	page[0] = 4711;
	copy.dst = msg.arg.pagefault.address & ~0xfffUL;
	must(ioctl(p->fd, UFFDIO_COPY, &copy));
	return NULL;
}

static void missing_memory(struct pager *p)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register area = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct kvm_userspace_memory_region slot = {
		.slot = 1, .guest_phys_addr = SLOT_AT, .memory_size = MB,
	};

	p->host = mmap(NULL, 2 * MB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	expect(p->host != MAP_FAILED);
	p->host = (void *)(((uintptr_t)p->host + MB - 1) & ~(MB - 1));
	p->fd = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (p->fd < 0)
		skip("userfaultfd: %s", strerror(errno));
	must(ioctl(p->fd, UFFDIO_API, &api));
	area.range.start = (uintptr_t)p->host;
	area.range.len = MB;
	must(ioctl(p->fd, UFFDIO_REGISTER, &area));
	slot.userspace_addr = (uintptr_t)p->host;
	must(ioctl(p->vm->fd, KVM_SET_USER_MEMORY_REGION, &slot));
}

static struct block *block_of(struct s390_vm *vm)
{
	return (struct block *)(vm->mem + DATA_AT);
}

static void start(struct pager *p)
{
	struct s390_vm *vm = s390_vm_of(guest);
	struct kvm_sregs sregs;

	if (ioctl(vm->kvm, KVM_CHECK_EXTENSION, KVM_CAP_ASYNC_PF) != 1)
		skip("KVM_CAP_ASYNC_PF");
	*p = (struct pager){ .vm = vm };
	missing_memory(p);
	p->flic = s390_flic(vm);
	*block_of(vm) = (struct block){
		.diag = 0x258, .doublewords = 5, .version = 2, .token_at = TOKEN_AT,
		.format = 1UL << 63,
	};
	*s390_word(vm, TOKEN_AT) = TOKEN;
	*s390_word(vm, WAIT_PSW_AT) = PSW_64 | PSW_WAIT | PSW_EXTERNAL;
	*s390_word(vm, LC_EXT_NEW) = PSW_64;
	*s390_word(vm, LC_EXT_NEW + 8) = CODE_AT + (guest_ext - guest);
	must(ioctl(vm->cpu, KVM_GET_SREGS, &sregs));
	sregs.crs[0] |= CR0_SERVICE;
	must(ioctl(vm->cpu, KVM_SET_SREGS, &sregs));
	vm->run->s.regs.gprs[1] = DATA_AT;
	vm->run->s.regs.gprs[3] = 99;
	vm->run->s.regs.gprs[4] = SLOT_AT;
	vm->run->kvm_dirty_regs = KVM_SYNC_GPRS;
}

static void start_pager(struct pager *p, int wait_for_mark)
{
	p->wait_for_mark = wait_for_mark;
	expect(!pthread_create(&p->thread, NULL, bring_page, p));
}

static void expect_end(struct s390_vm *vm, unsigned int code)
{
	s390_expect_icpt(vm, ICPT_INSTRUCTION);
	expect_eq(vm->run->s390_sieic.ipa, 0x8300);
	expect_eq(vm->run->s390_sieic.ipb >> 16, code);
}

TEST(told_and_told)
{
	struct pager p;

	start(&p);
	must(flic_set(p.flic, KVM_DEV_FLIC_APF_ENABLE));
	start_pager(&p, 1);
	expect_end(p.vm, TOLD);
	expect_eq(p.vm->run->s.regs.gprs[3], 0);
	expect_eq(p.vm->run->s.regs.gprs[5], 0x680);
	expect_eq(p.vm->run->s.regs.gprs[6], TOKEN);
	expect_eq(*s390_word(p.vm, MARK_AT), TOKEN);
	expect_eq(*(uint16_t *)(p.vm->mem + LC_EXT_CODE), 0x2603);
	expect(!pthread_join(p.thread, NULL));
	p.vm->run->psw_addr = CODE_AT + (guest_load - guest);
	expect_end(p.vm, THROUGH);
	expect_eq(p.vm->run->s.regs.gprs[2], 4711);
}

/* Nobody is told: the load takes as long as it takes. */
static void expect_waited(struct pager *p)
{
	start_pager(p, 0);
	expect_end(p->vm, THROUGH);
	expect_eq(p->vm->run->s.regs.gprs[2], 4711);
	expect_eq(*s390_word(p->vm, MARK_AT), 0);
}

TEST(not_enabled_by_the_vmm)
{
	struct pager p;

	start(&p);
	expect_waited(&p);
}

TEST(disabled_by_the_vmm)
{
	struct pager p;

	start(&p);
	must(flic_set(p.flic, KVM_DEV_FLIC_APF_ENABLE));
	must(flic_set(p.flic, KVM_DEV_FLIC_APF_DISABLE_WAIT));
	expect_waited(&p);
}

/* The guest wants to be told in problem state only, and is in supervisor state. */
TEST(not_in_this_state)
{
	struct pager p;

	start(&p);
	must(flic_set(p.flic, KVM_DEV_FLIC_APF_ENABLE));
	block_of(p.vm)->select = block_of(p.vm)->compare = 1UL << 48;
	expect_waited(&p);
}

TEST(subclass_closed)
{
	struct kvm_sregs sregs;
	struct pager p;

	start(&p);
	must(flic_set(p.flic, KVM_DEV_FLIC_APF_ENABLE));
	must(ioctl(p.vm->cpu, KVM_GET_SREGS, &sregs));
	sregs.crs[0] &= ~CR0_SERVICE;
	must(ioctl(p.vm->cpu, KVM_SET_SREGS, &sregs));
	expect_waited(&p);
}

/* One KVM_RUN of the DIAGNOSE alone: what is behind it is an instruction that leaves. */
static void diag(struct s390_vm *vm)
{
	static const char end[] = { (char)0x83, 0x00, 0x07, 0x77 };

	memcpy(vm->mem + CODE_AT + 4, end, sizeof(end));
	vm->run->psw_addr = CODE_AT;
	vm->run->psw_mask = PSW_64;
	must(ioctl(vm->cpu, KVM_RUN, 0));
}

static uint64_t rc_of_diag(struct s390_vm *vm)
{
	diag(vm);
	expect_eq(vm->run->s390_sieic.icptcode, ICPT_INSTRUCTION);
	return vm->run->s.regs.gprs[3];
}

static void expect_pgm(struct s390_vm *vm, unsigned int code)
{
	diag(vm);
	expect_eq(vm->run->s390_sieic.icptcode, ICPT_WAIT);
	expect_eq(vm->run->psw_addr, WAIT_OF(LC_PGM_NEW));
	expect_eq(*(uint16_t *)(vm->mem + LC_PGM_CODE), code);
}

/* Established once; told how in one-regs; cancelled once. */
TEST(handshake)
{
	uint64_t token = 0;
	struct kvm_one_reg reg = { .id = KVM_REG_S390_PFTOKEN, .addr = (uintptr_t)&token };
	struct pager p;

	start(&p);
	must(ioctl(p.vm->cpu, KVM_GET_ONE_REG, &reg));
	expect_eq(token, KVM_S390_PFAULT_TOKEN_INVALID);
	expect_eq(rc_of_diag(p.vm), 0);
	must(ioctl(p.vm->cpu, KVM_GET_ONE_REG, &reg));
	expect_eq(token, TOKEN_AT);
	expect_eq(p.vm->run->s.regs.pft, TOKEN_AT);
	block_of(p.vm)->token_at = 0x800;
	expect_eq(rc_of_diag(p.vm), 8);
	must(ioctl(p.vm->cpu, KVM_GET_ONE_REG, &reg));
	expect_eq(token, TOKEN_AT);
	block_of(p.vm)->function = 1;
	expect_pgm(p.vm, 6);		/* a cancel names no token */
	block_of(p.vm)->token_at = 0;
	expect_pgm(p.vm, 6);		/* and has no format */
	block_of(p.vm)->format = 0;
	expect_eq(rc_of_diag(p.vm), 0);
	expect_eq(rc_of_diag(p.vm), 4);
	must(ioctl(p.vm->cpu, KVM_GET_ONE_REG, &reg));
	expect_eq(token, KVM_S390_PFAULT_TOKEN_INVALID);
}

TEST(bad_blocks)
{
	struct pager p;
	struct block *b;

	start(&p);
	b = block_of(p.vm);
	b->version = 1;
	expect_pgm(p.vm, 6);
	b->version = 2;
	b->doublewords = 4;
	expect_pgm(p.vm, 6);
	b->doublewords = 5;
	b->diag = 0x259;
	expect_pgm(p.vm, 6);
	b->diag = 0x258;
	b->compare = 1;
	expect_pgm(p.vm, 6);
	b->compare = 0;
	b->format = 0;
	expect_pgm(p.vm, 6);
	b->format = 1UL << 63;
	b->token_at = 0x901;
	expect_pgm(p.vm, 6);
	b->token_at = SLOT_AT + MB;
	expect_pgm(p.vm, 5);
	/* a block that is nowhere, or not on a doubleword */
	p.vm->run->s.regs.gprs[1] = SLOT_AT + MB;
	p.vm->run->kvm_dirty_regs = KVM_SYNC_GPRS;
	expect_pgm(p.vm, 5);
	p.vm->run->s.regs.gprs[1] = DATA_AT + 4;
	p.vm->run->kvm_dirty_regs = KVM_SYNC_GPRS;
	expect_pgm(p.vm, 6);
}

/* A function that is not known is user space's. */
TEST(unknown_function)
{
	struct pager p;

	start(&p);
	block_of(p.vm)->function = 7;
	diag(p.vm);
	expect_eq(p.vm->run->s390_sieic.icptcode, ICPT_INSTRUCTION);
	expect_eq(p.vm->run->s390_sieic.ipb >> 16, 0x258);
}

/* Both interrupts from user space, as a VMM gives them to a guest that has moved. */
TEST(injected)
{
	struct kvm_s390_interrupt init = { .type = KVM_S390_INT_PFAULT_INIT, .parm64 = 77 };
	struct kvm_s390_interrupt done = { .type = KVM_S390_INT_PFAULT_DONE, .parm64 = 77 };
	struct pager p;

	start(&p);
	must(ioctl(p.vm->cpu, KVM_S390_INTERRUPT, &init));
	must(ioctl(p.vm->fd, KVM_S390_INTERRUPT, &done));
	expect_end(p.vm, TOLD);
	expect_eq(p.vm->run->s.regs.gprs[5], 0x680);
	expect_eq(p.vm->run->s.regs.gprs[6], 77);
	expect_eq(*s390_word(p.vm, MARK_AT), 77);
}

/* What is pending is told, and is set again. */
TEST(irq_state)
{
	struct kvm_s390_irq irq = { .type = KVM_S390_INT_PFAULT_INIT, .u.ext.ext_params2 = 78 };
	struct kvm_s390_irq got[4] = { };
	struct kvm_s390_irq_state state = { .buf = (uintptr_t)&irq, .len = sizeof(irq) };
	struct pager p;

	start(&p);
	must(ioctl(p.vm->cpu, KVM_S390_SET_IRQ_STATE, &state));
	state.buf = (uintptr_t)got;
	state.len = sizeof(got);
	expect_eq(ioctl(p.vm->cpu, KVM_S390_GET_IRQ_STATE, &state), sizeof(irq));
	expect_eq(got[0].type, KVM_S390_INT_PFAULT_INIT);
	expect_eq(got[0].u.ext.ext_params2, 78);
}

static void *disable(void *arg)
{
	struct pager *p = arg;

	while (!*(volatile uint64_t *)(p->vm->mem + MARK_AT))
		usleep(1000);
	must(flic_set(p->flic, KVM_DEV_FLIC_APF_DISABLE_WAIT));
	/* before the page had come it would not have returned */
	expect_eq(*(uint64_t *)p->host, 4711);
	return NULL;
}

/* To take the permission back is to wait for the page under way. */
TEST(disable_waits)
{
	struct pager p;
	pthread_t thread;

	start(&p);
	must(flic_set(p.flic, KVM_DEV_FLIC_APF_ENABLE));
	expect(!pthread_create(&thread, NULL, disable, &p));
	start_pager(&p, 1);
	expect_end(p.vm, TOLD);
	expect(!pthread_join(thread, NULL));
}

/* The program ends while a page is under way. */
TEST(end_meanwhile)
{
	struct pager p;

	start(&p);
	must(flic_set(p.flic, KVM_DEV_FLIC_APF_ENABLE));
	*s390_word(p.vm, WAIT_PSW_AT) = PSW_64 | PSW_WAIT;
	s390_expect_icpt(p.vm, ICPT_WAIT);
	expect_eq(*s390_word(p.vm, MARK_AT), TOKEN);
}

/*
 * Not of pseudo page faults, but of a page that is slow in coming: as long as the VMM's access
 * waits for what it has translated, the guest's other CPU invalidates no entry.
 *
 * Page 0x60 is invalidated over and over by a guest without DAT, page 0x61 is the first of the slot.
 */
INSNS(invalidates, "0: ipte %r1,%r2; stg %r2,0x300(%r1); aghi %r6,1; stg %r6,0(%r7)\n"
		   "ltg %r8,8(%r7); jz 0b; " S390_END);

static void *run_to_end(void *vm)
{
	s390_run_to_end(vm);
	return NULL;
}

struct reader {
	int		cpu, result;
	uint64_t	word;
	pthread_t	thread;
};

static void *read_page(void *arg)
{
	struct reader *reader = arg;
	struct kvm_s390_mem_op op = {
		.gaddr = 0x61000, .size = 8, .op = KVM_S390_MEMOP_LOGICAL_READ,
		.buf = (uintptr_t)&reader->word,
	};

	reader->result = ioctl(reader->cpu, KVM_S390_MEM_OP, &op);
	return NULL;
}

static uint64_t times(struct s390_vm *vm)
{
	return __atomic_load_n(s390_word(vm, DATA_AT), __ATOMIC_SEQ_CST);
}

static void await_more(struct s390_vm *vm)
{
	uint64_t begun = times(vm);

	while (times(vm) < begun + 10)
		usleep(1000);
}

TEST(interlock_while_a_page_comes)
{
	static uint64_t page[512] __attribute__((aligned(4096)));
	struct uffdio_copy copy = { .src = (uintptr_t)page, .len = 4096 };
	struct s390_vm *vm = s390_vm_of(invalidates);
	struct pager p = { .vm = vm };
	struct reader reader = { };
	struct uffd_msg msg;
	pthread_t runner;
	uint64_t before;

	missing_memory(&p);
	reader.cpu = s390_translating_cpu(vm);
	*s390_page_entry(vm, 0x61000) = SLOT_AT;
	vm->run->s.regs.gprs[1] = PAGES_AT;
	vm->run->s.regs.gprs[2] = 0x60000;
	vm->run->s.regs.gprs[7] = DATA_AT;
	expect_eq(pthread_create(&runner, NULL, run_to_end, vm), 0);
	await_more(vm);
	expect_eq(pthread_create(&reader.thread, NULL, read_page, &reader), 0);
	must(read(p.fd, &msg, sizeof(msg)));
	usleep(20000);
	before = times(vm);
	usleep(300000);
	expect_eq(times(vm), before);
	page[0] = 4711;
	copy.dst = msg.arg.pagefault.address & ~0xfffUL;
	must(ioctl(p.fd, UFFDIO_COPY, &copy));
	pthread_join(reader.thread, NULL);
	expect_eq(reader.result, 0);
	expect_eq(reader.word, 4711);
	await_more(vm);
	*(volatile uint64_t *)s390_word(vm, DATA_AT + 8) = 1;
	pthread_join(runner, NULL);
}
