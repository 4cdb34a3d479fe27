/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small virtual machine monitor: what all its parts know of each other.
 *
 * One process is one VM. The main thread sets everything up, then waits in one loop (loop.h) for
 * what comes from outside and from queues; each vCPU has a thread that runs the guest and serves
 * its exits. A VM ends once: whoever finds a reason says it by vm_end(), the first one counts,
 * and the main thread stops the others, says the reason in one line and makes of it the exit
 * status.
 *
 * Files here know no architecture. What one brings is behind arch.h; the devices (dev/) know
 * neither the machine they are built into nor KVM.
 */
#ifndef VMM_H
#define VMM_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/kvm.h>
#include "memory.h"
#include "util.h"

#define MAX_CPUS	64
#define MAX_DISKS	4

/* The exit statuses of the program; Documentation/vmm.md explains them. */
enum vm_status {
	VM_OK		= 0,	/* the guest switched itself off or asked for a reset */
	VM_SETUP	= 1,	/* it was not started: a file, the kernel image, /dev/kvm */
	VM_USAGE	= 2,
	VM_CRASH	= 3,	/* it cannot go on: triple fault, internal error, failed entry */
	VM_STOPPED	= 4,	/* from outside: the keyboard, a signal */
	VM_TIMEOUT	= 5,	/* --timeout */
	VM_RUNNING	= -1,
};

/* A file in memory; data is NULL when there is none. */
struct image {
	const char	*path;
	uint8_t		*data;
	size_t		size;
};

struct options {
	struct image	kernel, initrd;
	const char	*append;
	uint64_t	mem;		/* bytes */
	unsigned int	cpus;
	unsigned int	timeout;	/* seconds, 0: none */
	bool		stats;
	/* Where typed input goes, if not to the serial one. */
	bool		virtio_console, arch_console;
	const char	*disks[MAX_DISKS];
	unsigned int	n_disks;
};

#define MAX_EXIT_REASONS	48

struct vcpu {
	struct vmm	*vmm;
	unsigned int	id;
	int		fd;
	struct kvm_run	*run;
	size_t		run_size;
	pthread_t	thread;
	bool		started;
	bool		done;		/* written by the thread at its end, read by main */
	/* Written by the thread alone; read when it has ended. */
	uint64_t	exits[MAX_EXIT_REASONS];
	uint64_t	user_us, system_us;
};

struct vmm {
	struct options	opt;
	int		kvm_fd, vm_fd;
	struct guest_mem mem;
	struct vcpu	vcpus[MAX_CPUS];
	pthread_mutex_t	end_lock;	/* guards: status, reason */
	enum vm_status	status;
	char		reason[160];
};

extern struct vmm vmm;

/* main.c: no way back: one line to stderr, the terminal restored, the status is the program's. */
void __noreturn __printf(2, 3) die(enum vm_status status, const char *fmt, ...);
void __printf(1, 2) warn(const char *fmt, ...);

/* main.c: the VM has ended, or a signal says that it is to. */
bool stopping(void);

/* options.c */
void options_parse(struct options *opt, int argc, char **argv);
uint64_t parse_number(const char *name, const char *text, uint64_t min, uint64_t max);
void image_load(struct image *image, const char *what);

/* kvm.c: the ioctl layer. Those that cannot fail in a sane host die with a line. */
void kvm_open(struct vmm *vm);
int kvm_has(const struct vmm *vm, int cap);
int vm_ioctl(const struct vmm *vm, unsigned long request, const char *name, const void *arg);
void vm_add_memory(struct vmm *vm, uint64_t gpa, uint64_t size);
void vm_irq_line(const struct vmm *vm, unsigned int gsi, bool level);
bool vm_ioeventfd(const struct vmm *vm, uint32_t flags, uint64_t addr, unsigned int len,
		  uint64_t value, int fd);
int vm_irqfd(const struct vmm *vm, unsigned int gsi);
void vcpu_create(struct vmm *vm, unsigned int id);
int vcpu_ioctl(const struct vcpu *vcpu, unsigned long request, const char *name, void *arg);

/* vcpu.c */
void vcpu_kick(const struct vcpu *vcpu);	/* out of the guest, of a thread that has begun */
void vcpus_run(struct vmm *vm);
void vcpus_stop(struct vmm *vm);

/**
 * vm_end - end the VM, from any thread
 * @vm: the VM
 * @status: what becomes the program's exit status
 * @fmt: the reason, one line without its newline
 *
 * The first call counts. It does not wait: the guest's other CPUs run on for a moment.
 */
void __printf(3, 4) vm_end(struct vmm *vm, enum vm_status status, const char *fmt, ...);
bool vm_ended(struct vmm *vm);

/* stats.c */
void stats_begin(void);
void stats_collect(struct vcpu *vcpu);
void stats_print(struct vmm *vm);

#endif
