// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guests that spin with PAUSE: they exit when the hardware's window is over, each vCPU's window
 * grows with every such exit, and shrinks when the vCPU has been off its CPU. Seen by the
 * tracepoint kvm_ple_window_update, which is told of each change.
 */
#include "vmx.h"

#define TRACING	"/sys/kernel/tracing"
#define EVENT	TRACING "/events/kvm/kvm_ple_window_update/enable"
#define VEC	0x70

struct change {
	unsigned int vcpu, old, new;
	char word[16];
};

static struct change changes[256];
static unsigned int nr_changes;

static unsigned long number_of(const char *module, const char *name)
{
	char path[128], text[32] = "";
	int fd;

	snprintf(path, sizeof(path), "/sys/module/%s/parameters/%s", module, name);
	fd = must(open(path, O_RDONLY));
	must(read(fd, text, sizeof(text) - 1));
	close(fd);
	return strtoul(text, NULL, 10);
}

/* What windows begin with. */
static unsigned int first_window(void)
{
	unsigned int first;

	if (is_amd()) {
		first = number_of("kvm_amd", "pause_filter_count");
		if (!first)
			skip("the processor has no PAUSE filter");
		return first;
	}
	if (!number_of("kvm_intel", "ple_gap"))
		skip("the processor does not look for loops of PAUSEs");
	return number_of("kvm_intel", "ple_window");
}

static void watch(void)
{
	if (access(EVENT, W_OK))
		skip("no %s", EVENT);
	must(write_file(TRACING "/trace", "\n"));
	must(write_file(EVENT, "1"));
}

/* Reads what has been traced since the last time. */
static void read_changes(void)
{
	FILE *f = fopen(TRACING "/trace", "r");
	struct change c;
	char line[256], *at;

	nr_changes = 0;
	while (f && fgets(line, sizeof(line), f) && nr_changes < ARRAY_SIZE(changes)) {
		at = strstr(line, "kvm_ple_window_update: ");
		if (line[0] == '#' || !at)
			continue;
		if (sscanf(at, "kvm_ple_window_update: vcpu %u old %u new %u (%15[a-z])", &c.vcpu,
			   &c.old, &c.new, c.word) != 4)
			fail("traced: %s", line);
		changes[nr_changes++] = c;
	}
	expect(f);
	fclose(f);
	must(write_file(TRACING "/trace", "\n"));
}

static unsigned int grown(void)
{
	unsigned int i, n = 0;

	for (i = 0; i < nr_changes; i++)
		n += changes[i].new > changes[i].old;
	return n;
}

/* Each begins where the one before has ended, and the word is the direction's. */
static void expect_chain(unsigned int window)
{
	unsigned int i;

	for (i = 0; i < nr_changes; i++) {
		expect_eq(changes[i].old, window);
		expect_ne(changes[i].new, window);
		expect(!strcmp(changes[i].word,
			       changes[i].new > window ? "growed" : "shrinked"));
		window = changes[i].new;
	}
}

/* In cycles, of which a PAUSE takes at least one. */
static uint64_t spin, nap;

static void spin_for(uint64_t cycles)
{
	uint64_t begin = rdtsc();

	while (rdtsc() - begin < cycles)
		cpu_relax();
}

/* Interrupts are on while it spins: in Bochs nothing of the host's ends a guest without them. */
static void guest_spins(void)
{
	uint32_t naps = 0;

	guest_on(VEC, on_apic_irq);
	apic_only();
	apic_write(APIC_TDCR, 0xb);
	apic_write(APIC_LVTT, VEC);
	for (;;) {
		sti();
		spin_for(GUEST_ONCE(spin));
		cli();
		if (GUEST_ONCE(nap)) {
			apic_write(APIC_TMICT, GUEST_ONCE(nap));
			wait_hits(VEC, ++naps);
		}
		guest_sync(0);
	}
}

static void run(struct vm *vm, uint64_t cycles, uint64_t nap_ns)
{
	*in_guest(vm, &spin) = cycles;
	*in_guest(vm, &nap) = nap_ns;
	expect_exit(vm_run(vm), GUEST_SYNC);
	read_changes();
}

/* The host's own work may take the CPU away now and then; but not all the time. */
TEST(window_grows_with_each_exit)
{
	unsigned int first = first_window();
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_spins);
	uint64_t exits = kvm_stat(vm->vcpu[0].fd, "exits");

	watch();
	run(vm, 256UL * first, 0);
	exits = kvm_stat(vm->vcpu[0].fd, "exits") - exits;
	expect_chain(first);
	note("%u changes, %lu exits", nr_changes, exits);
	expect_ge(grown(), 3);
	expect_ge(exits, grown());
	expect_le(grown(), 64);		/* a window that stayed would have ended 256 times */
	expect_eq(changes[0].vcpu, 0);
}

/* A halted vCPU is off its CPU, and begins anew. */
TEST(window_shrinks_off_the_cpu)
{
	unsigned int first = first_window(), i, j;
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_spins);

	watch();
	for (i = 0; i < 5; i++) {
		run(vm, 64UL * first, 20000000);
		for (j = 0; j < nr_changes && changes[j].new > changes[j].old; j++)
			;
		note("%u changes, the first shrink is number %u", nr_changes, j);
		expect_ge(j, 1);
		expect(j < nr_changes);
		expect_ge(changes[j].new, first);
	}
}

/* What user space asks of a vCPU moves nothing. */
TEST(window_outlives_requests)
{
	unsigned int first = first_window(), i, n = 0;
	struct vm *vm = vm_start_with(VM_IRQCHIP, guest_spins);

	watch();
	run(vm, 256UL * first, 0);
	for (i = 0; i < 50; i++) {
		vcpu_regs(&vm->vcpu[0]);
		run(vm, 4UL * first, 0);
		n += grown();
	}
	note("%u exits in 50 turns", n);
	expect_le(n, 25);
}

TEST(no_exits_where_they_are_disabled)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_X86_DISABLE_EXITS, .args[0] = KVM_X86_DISABLE_EXITS_PAUSE,
	};
	unsigned int first = first_window();
	struct vm *vm;

	if (!(kvm_cap(KVM_CAP_X86_DISABLE_EXITS) & KVM_X86_DISABLE_EXITS_PAUSE))
		skip("exits for PAUSEs cannot be disabled");
	vm = vm_new(VM_IRQCHIP);
	must(ioctl(vm->fd, KVM_ENABLE_CAP, &cap));
	vcpu_start(vm, 0, guest_spins);
	watch();
	run(vm, 256UL * first, 0);
	expect_eq(nr_changes, 0);
}
