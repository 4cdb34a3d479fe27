// SPDX-License-Identifier: GPL-2.0-only
/*
 * User-controlled VMs: the program fills each CPU's address space and sees everything that its
 * guest does.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "s390.h"

#define MB	0x100000UL

/* State description: the PSW, the prefix, where guest storage begins and ends. */
#define SIE_PREFIX	0x004
#define SIE_MEM_ORIGIN	0x080
#define SIE_MEM_LIMIT	0x088
#define SIE_PSW_ADDR	0x098

struct ucpu {
	int		kvm, fd, cpu;
	uint8_t		*mem, *sie;
	struct kvm_run	*run;
};

static uint8_t *memory(void)
{
	uint8_t *area = mmap(NULL, 3 * MB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
			     0);

	expect(area != MAP_FAILED);
	return (uint8_t *)(((uintptr_t)area + MB - 1) & ~(MB - 1));
}

/* With two segments of memory that are not yet the guest's. */
static struct ucpu make(const char *code, const char *end)
{
	struct ucpu u = { .kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC) };

	if (u.kvm < 0)
		skip("/dev/kvm: %s", strerror(errno));
	if (ioctl(u.kvm, KVM_CHECK_EXTENSION, KVM_CAP_S390_UCONTROL) != 1)
		skip("KVM_CAP_S390_UCONTROL");
	u.fd = must(ioctl(u.kvm, KVM_CREATE_VM, KVM_VM_S390_UCONTROL));
	u.cpu = must(ioctl(u.fd, KVM_CREATE_VCPU, 0));
	u.run = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, u.cpu, 0);
	u.sie = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, u.cpu,
		     KVM_S390_SIE_PAGE_OFFSET * 4096);
	expect(u.run != MAP_FAILED && u.sie != MAP_FAILED);
	u.mem = memory();
	memset(u.mem, 0, 2 * MB);
	memcpy(u.mem + CODE_AT, code, end - code);
	u.run->psw_mask = PSW_64;
	u.run->psw_addr = CODE_AT;
	return u;
}

#define ucpu_of(name)	make(name, name##_end)

static int map(const struct ucpu *u, void *user, uint64_t vcpu, uint64_t length)
{
	struct kvm_s390_ucas_mapping mapping = {
		.user_addr = (uintptr_t)user, .vcpu_addr = vcpu, .length = length,
	};

	return ioctl(u->cpu, KVM_S390_UCAS_MAP, &mapping);
}

static int unmap(const struct ucpu *u, uint64_t vcpu, uint64_t length)
{
	struct kvm_s390_ucas_mapping mapping = { .vcpu_addr = vcpu, .length = length };

	return ioctl(u->cpu, KVM_S390_UCAS_UNMAP, &mapping);
}

INSNS(reach, "llilh %r4,0x10; lg %r2,0(%r4); lghi %r3,5; stg %r3,8(%r4); diag %r0,%r0,0x501; "
	     "svc 7; diag %r0,%r0,0x777");

/* The kernel's own module shows the stops by which it gets a CPU out of SIE as well. */
static void expect_diag(const struct ucpu *u, unsigned int code)
{
	do {
		must(ioctl(u->cpu, KVM_RUN, 0));
		expect_eq(u->run->exit_reason, KVM_EXIT_S390_SIEIC);
	} while (distro_modules() && u->run->s390_sieic.icptcode == ICPT_STOP);
	expect_eq(u->run->s390_sieic.icptcode, ICPT_INSTRUCTION);
	expect_eq(u->run->s390_sieic.ipa, 0x8300);
	expect_eq(u->run->s390_sieic.ipb >> 16, code);
}

static void expect_fault(const struct ucpu *u, uint64_t at)
{
	must(ioctl(u->cpu, KVM_RUN, 0));
	expect_eq(u->run->exit_reason, KVM_EXIT_S390_UCONTROL);
	expect_eq(u->run->s390_ucontrol.trans_exc_code & ~0xfffUL, at);
	expect_eq(u->run->s390_ucontrol.pgm_code, 0x10);
}

/* A fault, the segment, the instruction again, and what it did. */
TEST(fault_and_map)
{
	struct ucpu u = ucpu_of(reach);

	must(map(&u, u.mem, 0, MB));
	must(ioctl(u.cpu, KVM_S390_VCPU_FAULT, 0));
	must(ioctl(u.cpu, KVM_S390_VCPU_FAULT, 0x1000));
	*(uint64_t *)(u.mem + MB) = 4711;
	expect_fault(&u, MB);
	expect_fault(&u, MB);
	must(map(&u, u.mem + MB, MB, MB));
	expect_diag(&u, 0x501);
	expect_eq(u.run->s.regs.gprs[2], 4711);
	expect_eq(*(uint64_t *)(u.mem + MB + 8), 5);
	/* and away again */
	must(unmap(&u, MB, MB));
	u.run->psw_addr = CODE_AT;
	expect_fault(&u, MB);
}

/* DIAGNOSE 0x44 and 0x308 are user space's as well; a supervisor call is the machine's. */
INSNS(calls, "diag %r0,%r0,0x44; diag %r0,%r0,0x308; svc 7; diag %r0,%r0,1");

TEST(all_interceptions)
{
	struct ucpu u = ucpu_of(calls);

	must(map(&u, u.mem, 0, MB));
	*(uint64_t *)(u.mem + LC_SVC_NEW) = PSW_64;
	*(uint64_t *)(u.mem + LC_SVC_NEW + 8) = CODE_AT + 10;
	must(ioctl(u.cpu, KVM_S390_VCPU_FAULT, 0));
	must(ioctl(u.cpu, KVM_S390_VCPU_FAULT, 0x1000));
	expect_diag(&u, 0x44);
	expect_diag(&u, 0x308);
	expect_diag(&u, 1);
	expect_eq(*(uint16_t *)(u.mem + 0x8a), 7);
	expect_eq(*(uint64_t *)(u.sie + SIE_PSW_ADDR), CODE_AT + 14);
}

/*
 * The prefix area is not there: the machine says so, and user space may use KVM_S390_VCPU_FAULT
 * (KVM API 4.67). The kernel's own module does not let it come to that.
 */
TEST(no_prefix_area)
{
	struct ucpu u = ucpu_of(reach);

	must(map(&u, u.mem, MB, MB));
	if (distro_modules()) {
		expect_errno(ioctl(u.cpu, KVM_RUN, 0), EFAULT);
		return;
	}
	must(ioctl(u.cpu, KVM_RUN, 0));
	expect_eq(u.run->exit_reason, KVM_EXIT_S390_SIEIC);
	expect_eq(u.run->s390_sieic.icptcode, 0x20);
}

static void expect_validity(struct ucpu *u)
{
	must(ioctl(u->cpu, KVM_RUN, 0));
	expect_eq(u->run->exit_reason, KVM_EXIT_S390_SIEIC);
	expect_eq(u->run->s390_sieic.icptcode, 0x20);
}

/*
 * A state description that cannot be: storage that begins where it has ended, a prefix behind its
 * end. The machine does not enter the guest and KVM_RUN says so, as often as it is asked; with what
 * was wrong set right the guest goes on where it was.
 */
TEST(validity_interceptions)
{
	struct ucpu u = ucpu_of(reach);
	uint64_t *origin = (uint64_t *)(u.sie + SIE_MEM_ORIGIN);
	uint64_t *limit = (uint64_t *)(u.sie + SIE_MEM_LIMIT), was = *limit;
	uint32_t *prefix = (uint32_t *)(u.sie + SIE_PREFIX);
	int i;

	must(map(&u, u.mem, 0, 2 * MB));
	must(ioctl(u.cpu, KVM_S390_VCPU_FAULT, 0));
	must(ioctl(u.cpu, KVM_S390_VCPU_FAULT, 0x1000));
	*(uint64_t *)(u.mem + LC_SVC_NEW) = PSW_64;
	*(uint64_t *)(u.mem + LC_SVC_NEW + 8) = CODE_AT;
	*limit = 0;
	*origin = MB;
	for (i = 0; i < 3; i++)
		expect_validity(&u);
	*origin = 0;
	*prefix = MB;
	for (i = 0; i < 3; i++)
		expect_validity(&u);
	expect_eq(*(uint64_t *)(u.sie + SIE_PSW_ADDR), CODE_AT);
	*prefix = 0;
	*limit = was;
	expect_diag(&u, 0x501);
}

/* The state description is the program's: a prefix that it sets is the guest's. */
TEST(state_description)
{
	struct ucpu u = ucpu_of(reach);

	must(map(&u, u.mem, 0, 2 * MB));
	must(ioctl(u.cpu, KVM_S390_VCPU_FAULT, 0x8000));
	must(ioctl(u.cpu, KVM_S390_VCPU_FAULT, 0x9000));
	*(uint32_t *)(u.sie + SIE_PREFIX) = 0x8000;
	*(uint64_t *)(u.mem + 0x8000 + LC_SVC_NEW) = PSW_64;
	*(uint64_t *)(u.mem + 0x8000 + LC_SVC_NEW + 8) = CODE_AT;
	*(uint64_t *)(u.mem + LC_SVC_NEW + 8) = 1;
	expect_diag(&u, 0x501);
	expect_diag(&u, 0x501);
	expect_eq(*(uint16_t *)(u.mem + 0x808a), 7);
}

TEST(bad_mappings)
{
	struct ucpu u = ucpu_of(reach);

	expect_errno(map(&u, u.mem + 4096, 0, MB), EINVAL);
	expect_errno(map(&u, u.mem, 4096, MB), EINVAL);
	expect_errno(map(&u, u.mem, 0, MB + 4096), EINVAL);
	expect_errno(map(&u, u.mem, 0, 0), EINVAL);
	expect_errno(map(&u, u.mem, -MB, 2 * MB), EINVAL);
	expect_errno(map(&u, (void *)-MB, 0, 2 * MB), EINVAL);
	expect_errno(unmap(&u, 4096, MB), EINVAL);
	expect_errno(unmap(&u, 0, 0), EINVAL);
	expect_errno(ioctl(u.cpu, KVM_S390_UCAS_MAP, NULL), EFAULT);
	expect_errno(ioctl(u.cpu, KVM_S390_VCPU_FAULT, 0), EFAULT);
	must(map(&u, u.mem, 0, MB));
	must(munmap(u.mem, MB));
	expect_errno(ioctl(u.cpu, KVM_S390_VCPU_FAULT, 0), EFAULT);
}

/* What such a VM has not. */
TEST(no_slots)
{
	struct ucpu u = ucpu_of(reach);
	struct kvm_userspace_memory_region region = {
		.memory_size = MB, .userspace_addr = (uintptr_t)u.mem,
	};
	uint64_t limit = 64 * MB;
	struct kvm_device_attr attr = {
		.group = KVM_S390_VM_MEM_CTRL, .attr = KVM_S390_VM_MEM_LIMIT_SIZE,
		.addr = (uintptr_t)&limit,
	};

	expect_errno(ioctl(u.fd, KVM_SET_USER_MEMORY_REGION, &region), EINVAL);
	expect_errno(ioctl(u.fd, KVM_SET_DEVICE_ATTR, &attr), EINVAL);
	expect_errno(ioctl(u.fd, KVM_CREATE_IRQCHIP, 0), EINVAL);
}

/* Requests that want guest memory find none, and the CPU still runs. */
TEST(no_memory_of_the_vms)
{
	struct ucpu u = ucpu_of(reach);
	uint8_t buf[16] = { };
	struct kvm_s390_skeys keys = { .count = 1, .skeydata_addr = (uintptr_t)buf };
	struct kvm_s390_cmma_log cmma = {
		.count = 1, .flags = KVM_S390_CMMA_PEEK, .values = (uintptr_t)buf,
	};
	struct kvm_s390_mem_op op = {
		.gaddr = CODE_AT, .size = 8, .buf = (uintptr_t)buf,
		.op = KVM_S390_MEMOP_ABSOLUTE_WRITE,
	};
	struct kvm_dirty_log log = { .dirty_bitmap = buf };

	must(map(&u, u.mem, 0, MB));
	expect_errno(ioctl(u.fd, KVM_S390_SET_SKEYS, &keys), EFAULT);
	expect_errno(ioctl(u.fd, KVM_S390_GET_CMMA_BITS, &cmma), ENXIO);
	expect_errno(s390_attr(u.fd, KVM_SET_DEVICE_ATTR, KVM_S390_VM_MIGRATION,
			       KVM_S390_VM_MIGRATION_START, NULL), EINVAL);
	/* the kernel's own does not know the attribute in this machine, and has another error */
	if (!distro_modules()) {
		expect_errno(s390_attr(u.fd, KVM_SET_DEVICE_ATTR, KVM_S390_VM_MEM_CTRL,
				       KVM_S390_VM_MEM_ENABLE_CMMA, NULL), EINVAL);
		expect_errno(ioctl(u.fd, KVM_GET_DIRTY_LOG, &log), ENOENT);
	}
	expect_eq(ioctl(u.fd, KVM_S390_MEM_OP, &op), 5);
	op.op = KVM_S390_MEMOP_LOGICAL_WRITE;
	expect_eq(ioctl(u.cpu, KVM_S390_MEM_OP, &op), 5);
	expect_errno(ioctl(u.cpu, KVM_S390_STORE_STATUS, 0x2000), EFAULT);
	expect_fault(&u, MB);
}

static void read_state_description(void *cpu)
{
	volatile uint8_t *sie = mmap(NULL, 4096, PROT_READ, MAP_SHARED, *(int *)cpu,
				     KVM_S390_SIE_PAGE_OFFSET * 4096);

	expect(sie != MAP_FAILED);
	note("%d", sie[0]);
}

/* And what other VMs have not. */
TEST(other_vms)
{
	struct s390_vm *vm = s390_vm_of(reach);
	struct ucpu u = { .cpu = vm->cpu };
	int status;

	expect_errno(map(&u, memory(), 64 * MB, MB), EINVAL);
	expect_errno(unmap(&u, 64 * MB, MB), EINVAL);
	status = in_child(read_state_description, &vm->cpu);
	expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
	must(ioctl(vm->cpu, KVM_S390_VCPU_FAULT, 0));
	expect_errno(ioctl(vm->cpu, KVM_S390_VCPU_FAULT, 64 * MB), EFAULT);
	expect_errno(ioctl(vm->kvm, KVM_CREATE_VM, 2), EINVAL);
}

static void create_unprivileged(void *kvm)
{
	must(setuid(1000));
	expect_errno(ioctl(*(int *)kvm, KVM_CREATE_VM, KVM_VM_S390_UCONTROL), EINVAL);
}

TEST(needs_privilege)
{
	struct ucpu u = ucpu_of(reach);
	int status = in_child(create_unprivileged, &u.kvm);

	expect(WIFEXITED(status) && !WEXITSTATUS(status));
}

INSNS(two, "l %r2,0x800; diag %r0,%r0,0x501");

/* Each CPU has an address space of its own. */
TEST(space_of_each_cpu)
{
	struct ucpu u = ucpu_of(two), v = u;
	int i;

	if (distro_modules())
		skip("the kernel's own leaves a second CPU at its first PSW: a stop, each time");
	v.cpu = must(ioctl(u.fd, KVM_CREATE_VCPU, 1));
	v.run = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, v.cpu, 0);
	memcpy(u.mem + MB, u.mem, MB);
	*(uint32_t *)(u.mem + 0x800) = 11;
	*(uint32_t *)(u.mem + MB + 0x800) = 22;
	must(map(&u, u.mem, 0, MB));
	must(map(&v, u.mem + MB, 0, MB));
	v.run->psw_mask = PSW_64;
	for (i = 0; i < 2; i++) {
		must(ioctl(u.cpu, KVM_S390_VCPU_FAULT, i * 4096));
		must(ioctl(v.cpu, KVM_S390_VCPU_FAULT, i * 4096));
	}
	v.run->psw_addr = CODE_AT;
	expect_diag(&u, 0x501);
	expect_diag(&v, 0x501);
	expect_eq(u.run->s.regs.gprs[2], 11);
	expect_eq(v.run->s.regs.gprs[2], 22);
}
