// SPDX-License-Identifier: GPL-2.0-only
/* A VM of s390: see s390.h. */
#include <fcntl.h>

#include "s390.h"

static int create_vm(int kvm)
{
	return must(ioctl(kvm, KVM_CREATE_VM, 0));
}

/* A disabled wait for each class of interruption. */
static void fill_lowcore(struct s390_vm *vm)
{
	uint64_t at;

	for (at = LC_RESTART_NEW; at <= LC_IO_NEW; at += 16) {
		*s390_word(vm, at) = PSW_64 | PSW_WAIT;
		*s390_word(vm, at + 8) = WAIT_OF(at);
	}
}

struct kvm_run *s390_map_run(struct s390_vm *vm, int cpu)
{
	long size = must(ioctl(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0));
	struct kvm_run *run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0);

	expect(run != MAP_FAILED);
	return run;
}

void s390_first_cpu(struct s390_vm *vm)
{
	vm->cpu = must(ioctl(vm->fd, KVM_CREATE_VCPU, 0));
	vm->run = s390_map_run(vm, vm->cpu);
	vm->run->psw_mask = PSW_64;
	vm->run->psw_addr = CODE_AT;
}

struct s390_vm *s390_start(const char *code, const char *end)
{
	struct kvm_userspace_memory_region slot = { .memory_size = MEM_SIZE };
	struct s390_vm *vm = calloc(1, sizeof(*vm));
	uint8_t *area;

	vm->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (vm->kvm < 0)
		skip("/dev/kvm: %s", strerror(errno));
	vm->fd = create_vm(vm->kvm);
	/* On a boundary of a segment of page tables. */
	area = mmap(NULL, MEM_SIZE + 0x100000, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		    -1, 0);
	expect(area != MAP_FAILED);
	vm->mem = (uint8_t *)(((uintptr_t)area + 0xfffff) & ~0xfffffUL);
	slot.userspace_addr = (uintptr_t)vm->mem;
	must(ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &slot));
	s390_first_cpu(vm);
	fill_lowcore(vm);
	memcpy(vm->mem + CODE_AT, code, end - code);
	return vm;
}

void s390_add_cpu(struct s390_vm *vm, struct s390_cpu *cpu, int id, uint64_t at)
{
	cpu->fd = must(ioctl(vm->fd, KVM_CREATE_VCPU, id));
	cpu->run = s390_map_run(vm, cpu->fd);
	cpu->run->psw_mask = PSW_64;
	cpu->run->psw_addr = at;
}

static void *run_cpu(void *arg)
{
	struct s390_cpu *cpu = arg;

	must(ioctl(cpu->fd, KVM_RUN, 0));
	return NULL;
}

void s390_start_cpu(struct s390_cpu *cpu)
{
	expect_eq(pthread_create(&cpu->thread, NULL, run_cpu, cpu), 0);
}

void s390_make_tables(struct s390_vm *vm, unsigned int segments)
{
	unsigned int i;

	for (i = 0; i < 2048; i++)
		*s390_word(vm, SEGMENTS_AT + 8 * i) = i < segments ? PAGES_AT : SEGMENT_INVALID;
	for (i = 0; i < 256; i++)
		*s390_page_entry(vm, i << 12) = i << 12;
}

void s390_translate(struct s390_vm *vm)
{
	vm->run->psw_mask |= PSW_DAT;
	vm->run->s.regs.crs[0] = 0xe0;
	vm->run->s.regs.crs[1] = SEGMENTS_AT | 3;
	vm->run->kvm_dirty_regs |= KVM_SYNC_CRS;
}

INSNS(s390_counts, ".globl s390_counts, s390_counts_end\n"
		   "llilh %r4,2; lghi %r3,0; 1: aghi %r3,1; ltg %r5,0(%r4); jz 1b; " S390_END);
INSNS(one_exit, S390_END);

int s390_translating_cpu(struct s390_vm *vm)
{
	struct kvm_sregs sregs;
	struct s390_cpu cpu;

	s390_add_cpu(vm, &cpu, 1, CODE_AT + 0x100);
	s390_make_tables(vm, 1);
	memcpy(vm->mem + CODE_AT + 0x100, one_exit, one_exit_end - one_exit);
	must(ioctl(cpu.fd, KVM_GET_SREGS, &sregs));
	sregs.crs[1] = SEGMENTS_AT | 3;
	must(ioctl(cpu.fd, KVM_SET_SREGS, &sregs));
	cpu.run->psw_mask |= PSW_DAT;
	must(ioctl(cpu.fd, KVM_RUN, 0));
	return cpu.fd;
}

int s390_run(struct s390_vm *vm)
{
	must(ioctl(vm->cpu, KVM_RUN, 0));
	return vm->run->exit_reason;
}

void s390_expect_icpt(struct s390_vm *vm, unsigned int code)
{
	expect_eq(s390_run(vm), KVM_EXIT_S390_SIEIC);
	expect_eq(vm->run->s390_sieic.icptcode, code);
}

void s390_expect_wait(struct s390_vm *vm, uint64_t address)
{
	s390_expect_icpt(vm, ICPT_WAIT);
	expect_eq(vm->run->psw_addr, address);
}

void s390_run_to_end(struct s390_vm *vm)
{
	s390_expect_icpt(vm, ICPT_INSTRUCTION);
	expect_eq(vm->run->s390_sieic.ipa >> 8, 0x83);
	expect_eq(vm->run->s390_sieic.ipb >> 16, 0x777);
}

void s390_expect_pgm(struct s390_vm *vm, unsigned int code)
{
	s390_expect_wait(vm, WAIT_OF(LC_PGM_NEW));
	expect_eq(*(uint16_t *)(vm->mem + LC_PGM_CODE), code);
}

/*
 * KVM API 4.38: the state is in the struct, and the result 0. The kernel's own module gives the
 * state as the result and leaves the struct alone.
 */
int s390_mp_state(struct s390_vm *vm)
{
	struct kvm_mp_state state = { };
	int r = must(ioctl(vm->cpu, KVM_GET_MP_STATE, &state));

	if (distro_modules())
		return r;
	expect_eq(r, 0);
	return state.mp_state;
}

int s390_irq_local(struct s390_vm *vm, uint32_t type, uint32_t parm)
{
	struct kvm_s390_interrupt irq = { .type = type, .parm = parm };

	return ioctl(vm->cpu, KVM_S390_INTERRUPT, &irq);
}

int s390_irq_floating(struct s390_vm *vm, uint32_t type, uint32_t parm, uint64_t parm64)
{
	struct kvm_s390_interrupt irq = { .type = type, .parm = parm, .parm64 = parm64 };

	return ioctl(vm->fd, KVM_S390_INTERRUPT, &irq);
}

int s390_flic(struct s390_vm *vm)
{
	struct kvm_create_device args = { .type = KVM_DEV_TYPE_FLIC };

	must(ioctl(vm->fd, KVM_CREATE_DEVICE, &args));
	return args.fd;
}

int s390_attr(int fd, unsigned long request, uint32_t group, uint64_t attr, void *addr)
{
	struct kvm_device_attr args = { .group = group, .attr = attr, .addr = (uintptr_t)addr };

	return ioctl(fd, request, &args);
}

/* Which the header says, too. */
#define NAME_SIZE	48

int64_t s390_stat(int fd, const char *name)
{
	struct kvm_stats_header header;
	struct {
		struct kvm_stats_desc desc;
		char name[NAME_SIZE];
	} d;
	uint64_t v;
	unsigned int i;

	expect_eq(must(pread(fd, &header, sizeof(header), 0)), sizeof(header));
	expect_eq(header.name_size, NAME_SIZE);
	for (i = 0; i < header.num_desc; i++) {
		must(pread(fd, &d, sizeof(d.desc) + sizeof(d.name),
			   header.desc_offset + i * (sizeof(d.desc) + sizeof(d.name))));
		if (strcmp(d.name, name))
			continue;
		must(pread(fd, &v, sizeof(v), header.data_offset + d.desc.offset));
		return v;
	}
	return -1;
}
