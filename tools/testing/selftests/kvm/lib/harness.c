// SPDX-License-Identifier: GPL-2.0-only
/*
 * The runner: fork, limit, judge, report.
 *
 * Each test leads a process group. When it ends, by itself or by its time limit, the whole group is
 * killed, so that a child it lost cannot outlive it. The limit is kept by the parent: a test that
 * blocks every signal still ends.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"

enum { EXIT_PASS = 0, EXIT_FAIL = 1, EXIT_SKIP = 4 };

static struct test *tests, **tests_tail = &tests;
static unsigned int passed, failed, skipped;
static char *skip_reason;	/* one page that each test shares with the runner */
static char *todo_reason;	/* its second half */

void test_register(struct test *t)
{
	*tests_tail = t;
	tests_tail = &t->next;
}

/*
 * All of @line, though the test's own signals may interrupt a write to a slow console before it has
 * begun or in its middle.
 */
static void write_all(const char *line, size_t bytes)
{
	ssize_t n;

	while (bytes) {
		n = write(STDOUT_FILENO, line, bytes);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			_exit(EXIT_FAIL);
		line += n;
		bytes -= n;
	}
}

/* One write per line: threads of a test may speak at the same time. */
static void say(const char *head, const char *fmt, va_list ap)
{
	char line[512];
	int n = snprintf(line, sizeof(line), "# %s", head);

	n += vsnprintf(line + n, sizeof(line) - n - 1, fmt, ap);
	if (n > (int)sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n++] = '\n';
	write_all(line, n);
}

void note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("", fmt, ap);
	va_end(ap);
}

void skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(skip_reason, 256, fmt, ap);
	va_end(ap);
	_exit(EXIT_SKIP);
}

/* The test machine's kind is in its jobs' environment. */
void fails_in_bochs(const char *why)
{
	const char *machine = getenv("MACHINE");

	if (machine && !strcmp(machine, "vmx"))
		snprintf(todo_reason, 256, "%s", why);
}

/* A module built out of tree says so. */
int distro_modules(void)
{
	char taint[16] = "";
	int fd = open("/sys/module/kvm/taint", O_RDONLY);

	if (fd < 0)
		return 0;
	if (read(fd, taint, sizeof(taint) - 1) < 0)
		taint[0] = 0;
	close(fd);
	return !strchr(taint, 'O');
}

void fail_at(const char *file, int line, const char *fmt, ...)
{
	char head[128];
	va_list ap;

	snprintf(head, sizeof(head), "%s:%d: ", file, line);
	va_start(ap, fmt);
	say(head, fmt, ap);
	va_end(ap);
	_exit(EXIT_FAIL);
}

/* Truncated, as a shell does it: a trace buffer is emptied by that. */
int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC), r;

	if (fd < 0)
		return -1;
	r = write(fd, text, strlen(text));
	close(fd);
	return r;
}

uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
}

int in_child(void (*body)(void *), void *arg)
{
	int status;
	pid_t pid = must(fork());

	if (!pid) {
		body(arg);
		_exit(EXIT_PASS);
	}
	must(waitpid(pid, &status, 0));
	return status;
}

/* Wait for a child with a limit: its pidfd becomes readable when it ends. */
static int wait_limited(pid_t pid, unsigned int seconds)
{
	struct pollfd p = { .fd = syscall(SYS_pidfd_open, pid, 0), .events = POLLIN };
	int status = 0;

	if (p.fd < 0 || poll(&p, 1, seconds * 1000) != 1) {
		printf("# no end after %u seconds\n", seconds);
		status = -1;
	}
	kill(-pid, SIGKILL);
	kill(pid, SIGKILL);
	waitpid(pid, status < 0 ? NULL : &status, 0);
	if (p.fd >= 0)
		close(p.fd);
	return status;
}

static void run_one(struct test *t, unsigned int number)
{
	int status;
	pid_t pid;

	fflush(stdout);
	*todo_reason = 0;
	pid = fork();
	if (!pid) {
		setpgid(0, 0);
		t->body();
		_exit(EXIT_PASS);
	}
	setpgid(pid, pid);
	status = wait_limited(pid, t->seconds);

	if (WIFSIGNALED(status) && status >= 0)
		printf("# killed by signal %d\n", WTERMSIG(status));
	if (status >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_PASS) {
		passed++;
		printf("ok %u %s\n", number, t->name);
	} else if (status >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SKIP) {
		skipped++;
		printf("ok %u %s # SKIP %s\n", number, t->name, skip_reason);
	} else if (*todo_reason) {
		skipped++;
		printf("not ok %u %s # TODO %s\n", number, t->name, todo_reason);
	} else {
		failed++;
		printf("not ok %u %s\n", number, t->name);
	}
}

/*
 * Keep two VMs for as long as the program runs, one vCPU with a local APIC and one without.
 *
 * The first and the last VM of a system make the kernel patch its own code (preempt notifiers hang
 * on a static key, and so does what a KVM does for vCPUs with no APIC, or with one switched off).
 * QEMU's TCG, when two of its CPUs are busy, now and then keeps executing the breakpoint of such a
 * patch for ever, and the whole machine hangs. So let it happen once a program, not once a test.
 */
static void hold_vms(void)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int vm = ioctl(kvm, KVM_CREATE_VM, 0);

	ioctl(vm, KVM_CREATE_VCPU, 0);
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	ioctl(vm, KVM_CREATE_IRQCHIP, 0);
	ioctl(vm, KVM_CREATE_VCPU, 0);
	close(kvm);
}

static int chosen(const struct test *t, char **names)
{
	if (!*names)
		return 1;
	for (; *names; names++)
		if (!strcmp(*names, t->name))
			return 1;
	return 0;
}

int main(int argc, char **argv)
{
	unsigned int n = 0;
	struct test *t;

	(void)argc;
	skip_reason = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (skip_reason == MAP_FAILED)
		return EXIT_FAIL;
	todo_reason = skip_reason + 2048;
	hold_vms();
	for (t = tests; t; t = t->next)
		n += chosen(t, argv + 1);
	printf("KTAP version 1\n1..%u\n", n);
	for (n = 0, t = tests; t; t = t->next)
		if (chosen(t, argv + 1))
			run_one(t, ++n);
	printf("# pass:%u fail:%u skip:%u\n", passed, failed, skipped);
	if (failed || !n)
		return EXIT_FAIL;
	return passed ? EXIT_PASS : EXIT_SKIP;
}
