// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lives of VMs and vCPUs: how they begin, what stops a running vCPU, and every way in which a
 * process may leave them.
 *
 * What a death must leave behind is nothing. The modules' reference count cannot be seen to drop
 * from inside one test, so the runner unloads the modules after all programs; a leaked VM fails
 * that.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "agent.h"
#include "guest.h"

static void guest_spin(void)
{
	for (;;)
		cpu_relax();
}

static void guest_sync_forever(void)
{
	uint64_t i;

	for (i = 0;; i++)
		guest_sync(i);
}

static void guest_nothing(void)
{
}

TEST(vcpu_ids)
{
	int vm = vm_bare(), max = kvm_cap(KVM_CAP_MAX_VCPU_ID);

	expect_errno(ioctl(vm, KVM_CREATE_VCPU, max), EINVAL);
	expect_errno(ioctl(vm, KVM_CREATE_VCPU, max + 1), EINVAL);
	expect_errno(ioctl(vm, KVM_CREATE_VCPU, -1), EINVAL);
	must(ioctl(vm, KVM_CREATE_VCPU, max - 1));
	must(ioctl(vm, KVM_CREATE_VCPU, 0));
	must(ioctl(vm, KVM_CREATE_VCPU, 3));
	expect_errno(ioctl(vm, KVM_CREATE_VCPU, 3), EEXIST);
	expect_errno(ioctl(vm, KVM_CREATE_VCPU, max - 1), EEXIST);
	must(ioctl(vm, KVM_CREATE_VCPU, 2));
}

/* A closed descriptor does not free the id: vCPUs live as long as their VM. */
TEST(vcpu_id_stays_taken)
{
	int vm = vm_bare();

	close(must(ioctl(vm, KVM_CREATE_VCPU, 1)));
	expect_errno(ioctl(vm, KVM_CREATE_VCPU, 1), EEXIST);
}

TEST(as_many_vcpus_as_promised)
{
	int vm = vm_bare(), max = kvm_cap(KVM_CAP_NR_VCPUS), i;

	for (i = 0; i < max; i++)
		must(ioctl(vm, KVM_CREATE_VCPU, i));
}

/* KVM_CAP_MAX_VCPU_ID lowered for one VM, once and before its first vCPU (KVM API 7.31). */
TEST(vcpu_id_limit_of_one_vm)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_MAX_VCPU_ID, .args = { 4 } };
	int vm = vm_bare();

	if (ioctl(vm, KVM_ENABLE_CAP, &cap) < 0)
		skip("KVM_CAP_MAX_VCPU_ID cannot be enabled");
	expect_errno(ioctl(vm, KVM_CREATE_VCPU, 4), EINVAL);
	must(ioctl(vm, KVM_CREATE_VCPU, 3));
	cap.args[0] = 5;
	expect_errno(ioctl(vm, KVM_ENABLE_CAP, &cap), EINVAL);
}

TEST(vcpu_info_files)
{
	char link[64] = "", path[64];
	struct vm *vm = vm_start(guest_nothing);

	snprintf(path, sizeof(path), "/proc/self/fd/%d", vm->fd);
	expect_ge(readlink(path, link, sizeof(link) - 1), 1);
	expect(!strcmp(link, "anon_inode:kvm-vm"));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", vm->vcpu[0].fd);
	memset(link, 0, sizeof(link));
	expect_ge(readlink(path, link, sizeof(link) - 1), 1);
	expect(!strcmp(link, "anon_inode:kvm-vcpu:0"));
}

/* ---- what ends KVM_RUN ----------------------------------------------------------------------- */

TEST(immediate_exit)
{
	struct vm *vm = vm_start(guest_sync_forever);

	vm->run->immediate_exit = 1;
	expect_errno(ioctl(vm->vcpu[0].fd, KVM_RUN, 0), EINTR);
	expect_errno(ioctl(vm->vcpu[0].fd, KVM_RUN, 0), EINTR);
	vm->run->immediate_exit = 0;
	expect_exit(vm_run(vm), GUEST_SYNC);
	expect_eq(vm->vcpu[0].sync, 0);
	/*
	 * The port access pending from the last exit is completed all the same, and the guest does
	 * not go on.
	 */
	vm->run->immediate_exit = 1;
	expect_errno(ioctl(vm->vcpu[0].fd, KVM_RUN, 0), EINTR);
	vm->run->immediate_exit = 0;
	expect_exit(vm_run(vm), GUEST_SYNC);
	expect_eq(vm->vcpu[0].sync, 1);
}

static void on_signal(int sig)
{
	(void)sig;
}

static void catch_signal(int sig)
{
	struct sigaction action = { .sa_handler = on_signal };

	must(sigaction(sig, &action, NULL));
}

TEST(signal_interrupts_a_spinning_guest)
{
	struct vm *vm = vm_start(guest_spin);
	int i;

	for (i = 0; i < 3; i++) {
		expect_eq(vcpu_run_for(&vm->vcpu[0], 50), -EINTR);
		expect_eq(vm->run->exit_reason, KVM_EXIT_INTR);
	}
}

TEST(signal_interrupts_a_halted_guest)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, hlt);

	expect_eq(vcpu_run_for(&vm->vcpu[0], 50), -EINTR);
	expect_eq(vm->run->exit_reason, KVM_EXIT_INTR);
}

/* An application processor that waits for its SIPI is as easily interrupted. */
TEST(signal_interrupts_a_waiting_vcpu)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_nothing);
	struct vcpu *ap = vcpu_new(vm, 1);
	struct kvm_mp_state state;

	must(ioctl(ap->fd, KVM_GET_MP_STATE, &state));
	expect_eq(state.mp_state, KVM_MP_STATE_UNINITIALIZED);
	expect_eq(vcpu_run_for(ap, 50), -EINTR);
}

/*
 * The mask holds during KVM_RUN only: what the thread blocks can be let through there, and ends the
 * run.
 */
TEST(signal_mask)
{
	struct {
		struct kvm_signal_mask head;
		uint64_t set;
	} __attribute__((packed)) mask = { .head.len = 8, .set = 0 };
	struct vm *vm = vm_start(guest_spin);
	sigset_t blocked, pending;

	catch_signal(SIGUSR1);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	must(sigprocmask(SIG_BLOCK, &blocked, NULL));
	must(ioctl(vm->vcpu[0].fd, KVM_SET_SIGNAL_MASK, &mask));
	raise(SIGUSR1);
	expect_errno(ioctl(vm->vcpu[0].fd, KVM_RUN, 0), EINTR);
	/* Still blocked outside, still pending: only the run saw it. */
	must(sigpending(&pending));
	expect_eq(sigismember(&pending, SIGUSR1), 1);
	mask.head.len = 4;
	expect_errno(ioctl(vm->vcpu[0].fd, KVM_SET_SIGNAL_MASK, &mask), EINVAL);
	must(ioctl(vm->vcpu[0].fd, KVM_SET_SIGNAL_MASK, NULL));
}

/* ---- halt and MP state ----------------------------------------------------------------------- */

TEST(hlt_without_irqchip)
{
	struct vm *vm = vm_start(hlt);

	expect_exit(vm_run(vm), KVM_EXIT_HLT);
	expect_exit(vm_run(vm), GUEST_DONE);
}

TEST(mp_state)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, hlt);
	struct kvm_mp_state state = { .mp_state = KVM_MP_STATE_HALTED };
	struct vcpu *ap = vcpu_start(vm, 1, guest_nothing);

	must(ioctl(ap->fd, KVM_GET_MP_STATE, &state));
	expect_eq(state.mp_state, KVM_MP_STATE_RUNNABLE);
	expect_exit(vcpu_run(ap), GUEST_DONE);

	/* Halted by its own instruction; woken by being declared runnable. */
	expect_eq(vcpu_run_for(&vm->vcpu[0], 50), -EINTR);
	must(ioctl(vm->vcpu[0].fd, KVM_GET_MP_STATE, &state));
	expect_eq(state.mp_state, KVM_MP_STATE_HALTED);
	state.mp_state = KVM_MP_STATE_RUNNABLE;
	must(ioctl(vm->vcpu[0].fd, KVM_SET_MP_STATE, &state));
	expect_exit(vm_run(vm), GUEST_DONE);
}

TEST(bad_mp_state)
{
	struct vm *vm = vm_start(hlt);
	struct kvm_mp_state state = { .mp_state = 77 };

	expect_errno(ioctl(vm->vcpu[0].fd, KVM_SET_MP_STATE, &state), EINVAL);
	/* Without local APICs in the kernel nothing could ever end these states. */
	state.mp_state = KVM_MP_STATE_UNINITIALIZED;
	expect_errno(ioctl(vm->vcpu[0].fd, KVM_SET_MP_STATE, &state), EINVAL);
	expect_exit(vm_run(vm), KVM_EXIT_HLT);
}

/* ---- other processes ------------------------------------------------------------------------- */

static void use_from_child(void *arg)
{
	struct vm *vm = arg;
	struct kvm_regs regs;

	expect_errno(ioctl(vm->vcpu[0].fd, KVM_RUN, 0), EIO);
	expect_errno(ioctl(vm->vcpu[0].fd, KVM_GET_REGS, &regs), EIO);
	expect_errno(ioctl(vm->fd, KVM_CREATE_VCPU, 1), EIO);
	expect_errno(vm_set_slot(vm->fd, 9, 0, SLOT_GPA, SZ_4K, vm->mem), EIO);
	expect_errno(ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_IRQCHIP), EIO);
}

/*
 * A VM belongs to the address space that made it (KVM API 3): in a forked child its descriptors
 * give EIO.
 */
TEST(fds_in_a_forked_child)
{
	struct vm *vm = vm_start(guest_sync_forever);

	expect_eq(in_child(use_from_child, vm), 0);
	expect_exit(vm_run(vm), GUEST_SYNC);
	expect_exit(vm_run(vm), GUEST_SYNC);
}

/* The maker dies; a child holds the last descriptors, and closes them. */
TEST(child_outlives_the_maker)
{
	int ready[2];
	char c;

	must(pipe(ready));
	if (!must(fork())) {
		struct vm *vm = vm_start(guest_sync_forever);

		expect_exit(vm_run(vm), GUEST_SYNC);
		if (!must(fork())) {
			usleep(100000);
			expect_errno(ioctl(vm->vcpu[0].fd, KVM_RUN, 0), EIO);
			close(vm->vcpu[0].fd);
			close(vm->fd);
			must(write(ready[1], "x", 1));
		}
		_exit(0);
	}
	expect_eq(must(read(ready[0], &c, 1)), 1);
}

static void run_in_new_vm(void *arg)
{
	int *ready = arg;
	struct vm *vm = vm_new(VM_IRQCHIP);

	vcpu_start(vm, 0, guest_spin);
	vcpu_run_async(vcpu_start(vm, 1, guest_spin));
	must(write(ready[1], "x", 1));
	vcpu_try_run(&vm->vcpu[0]);
}

/* SIGKILL while two vCPUs spin: both threads end, and with them the VM. */
TEST(killed_while_running)
{
	int ready[2], status, i;
	char c;
	pid_t pid;

	must(pipe(ready));
	for (i = 0; i < 5; i++) {
		pid = must(fork());
		if (!pid) {
			run_in_new_vm(ready);
			_exit(0);
		}
		must(read(ready[0], &c, 1));
		usleep(i * 10000);
		must(kill(pid, SIGKILL));
		must(waitpid(pid, &status, 0));
		expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	}
}

/* ---- descriptors closed in any order --------------------------------------------------------- */

enum { F_VM, F_VCPU0, F_VCPU1, F_STATS, F_COUNT };

static void open_all(int fds[F_COUNT], struct kvm_run **run)
{
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_sync_forever);

	vcpu_start(vm, 1, guest_sync_forever);
	expect_exit(vm_run(vm), GUEST_SYNC);
	fds[F_VM] = vm->fd;
	fds[F_VCPU0] = vm->vcpu[0].fd;
	fds[F_VCPU1] = vm->vcpu[1].fd;
	fds[F_STATS] = ioctl(vm->fd, KVM_GET_STATS_FD, 0);
	*run = vm->run;
	munmap(vm->mem, LOW_MEM_SIZE);
}

/* Every order of closing, with the run pages still mapped; after the VM's, a vCPU still answers. */
static void close_in_orders(int *order, int n)
{
	int fds[F_COUNT], i, j, t;
	struct kvm_run *run;
	struct kvm_regs regs;

	if (n < F_COUNT) {
		for (i = n; i < F_COUNT; i++) {
			t = order[n], order[n] = order[i], order[i] = t;
			close_in_orders(order, n + 1);
			t = order[n], order[n] = order[i], order[i] = t;
		}
		return;
	}
	open_all(fds, &run);
	for (i = 0; i < F_COUNT; i++) {
		if (fds[order[i]] >= 0)
			must(close(fds[order[i]]));
		for (j = i + 1; j < F_COUNT; j++)
			if (order[j] == F_VCPU0 || order[j] == F_VCPU1)
				must(ioctl(fds[order[j]], KVM_GET_REGS, &regs));
	}
	run->immediate_exit = 1;
	munmap(run, SZ_4K);
}

TEST_LIMIT(fds_closed_in_every_order, 60)
{
	int order[F_COUNT] = { F_VM, F_VCPU0, F_VCPU1, F_STATS };

	close_in_orders(order, 0);
}

/* The VM's descriptor is gone, the vCPU's alone keeps it alive, memory and all. */
TEST(vcpu_keeps_its_vm)
{
	struct vm *vm = vm_start(guest_sync_forever);
	uint64_t i;

	close(vm->fd);
	for (i = 0; i < 3; i++) {
		expect_exit(vm_run(vm), GUEST_SYNC);
		expect_eq(vm->vcpu[0].sync, i);
	}
}

/* A vCPU's descriptor passed through a socket and closed at the sender. */
TEST(fd_passed_on)
{
	struct vm *vm = vm_start(guest_sync_forever);
	char control[CMSG_SPACE(sizeof(int))] = { 0 }, byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	int pair[2];

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &vm->vcpu[0].fd, sizeof(int));
	must(sendmsg(pair[0], &msg, 0));
	close(vm->vcpu[0].fd);
	close(vm->fd);
	must(recvmsg(pair[1], &msg, 0));
	memcpy(&vm->vcpu[0].fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	expect_exit(vm_run(vm), GUEST_SYNC);
}

/* Slots, routing, ioeventfds and the like are all alive when the last descriptor goes. */
TEST(destroyed_with_everything_in_use)
{
	int i;

	for (i = 0; i < 20; i++) {
		struct vm *vm = vm_start_with(VM_IRQCHIP | VM_PIT, guest_sync_forever);

		vm_add_slot(vm, SLOT_GPA, SZ_2M, KVM_MEM_LOG_DIRTY_PAGES);
		vm_add_slot(vm, SLOT_GPA + SZ_2M, SZ_2M, KVM_MEM_READONLY);
		expect_exit(vm_run(vm), GUEST_SYNC);
		vm_free(vm);
	}
}

/*
 * One vCPU is run by one thread at a time; the others wait their turn or are refused, none may be
 * lost.
 */
static void *run_a_while(void *arg)
{
	struct vcpu *vcpu = arg;
	int i;

	for (i = 0; i < 200; i++)
		must(ioctl(vcpu->fd, KVM_RUN, 0));
	return NULL;
}

TEST(one_vcpu_two_threads)
{
	struct vm *vm = vm_start(guest_sync_forever);
	pthread_t other;

	expect_eq(pthread_create(&other, NULL, run_a_while, &vm->vcpu[0]), 0);
	run_a_while(&vm->vcpu[0]);
	pthread_join(other, NULL);
	expect_exit(vm_run(vm), GUEST_SYNC);
	expect_eq(vm->vcpu[0].sync, 400);
}

/* ---- many at once ---------------------------------------------------------------------------- */

static void live_and_die(void *arg)
{
	int i;

	for (i = 0; i < 15; i++) {
		struct vm *vm = vm_new((long)arg & 1 ? VM_IRQCHIP : 0);

		vcpu_start(vm, 0, guest_sync_forever);
		vcpu_start(vm, 1, guest_nothing);
		expect_exit(vcpu_run(&vm->vcpu[1]), GUEST_DONE);
		expect_exit(vm_run(vm), GUEST_SYNC);
		vm_free(vm);
	}
}

TEST_LIMIT(processes_make_vms_at_once, 60)
{
	int status;
	long i;

	for (i = 0; i < 4; i++)
		if (!must(fork())) {
			live_and_die((void *)i);
			_exit(0);
		}
	for (i = 0; i < 4; i++) {
		must(wait(&status));
		expect_eq(status, 0);
	}
}

#define CPU1_ONLINE	"/sys/devices/system/cpu/cpu1/online"

/* A CPU goes and comes back while vCPUs run, and while a VM is made: its vCPUs go on elsewhere. */
TEST_LIMIT(cpu_hotplug, 60)
{
	struct vm *vm = vm_new(VM_IRQCHIP), *other;
	pthread_t threads[2];
	int i;

	if (write_file(CPU1_ONLINE, "1") != 1)
		skip("no second CPU that can be switched off");
	for (i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, run_a_while, vcpu_start(vm, i, guest_sync_forever));
	for (i = 0; i < 2; i++) {
		expect_eq(write_file(CPU1_ONLINE, "0"), 1);
		other = vm_start(guest_nothing);
		expect_exit(vm_run(other), GUEST_DONE);
		expect_eq(write_file(CPU1_ONLINE, "1"), 1);
		expect_exit(vm_run(vm_start(guest_nothing)), GUEST_DONE);
	}
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
}
