# SPDX-License-Identifier: GPL-2.0-only
#
# The SVM machine: QEMU's TCG with an AMD processor, the distribution's own kernel, the host's files over 9p.
#
# Sourced by `machine`, whose variables it reads. Each kind's file has the same functions: kind_defaults, kind_modules,
# kind_start, kind_hung, kind_errors.

backend=kvm-amd

kind_defaults()
{
	programs=qemu-system-x86_64
	mem=${mem:-4096} limit=${limit:-300}
	# On a busy host the kernel's check of its timer sees too few ticks, and the kernel gives up: it is not to check.
	words='tsc=reliable no_timer_check'
	# The first processor of several is to run no guest (Documentation/testing.md, "The machine's own faults").
	[ "$cpus" = 1 ] || spare_cpus=1
	# The time stamp counter is this computer's, unless it counts instructions.
	if [ $icount = no ]; then
		words+=" tsc_early_khz=$(tsc_khz "$here/tsc-khz.c")" || die "the rate of the time stamp counter is not to be had"
	fi
}

# Modules of the machine itself, before ours.
kind_modules()
{
	if [ $host = yes ]; then
		add_modules /modules virtio_pci 9pnet_virtio 9p
	fi
	if [ $built = no ] && [ $icount = no ]; then
		steady=$(need_steady "$here/steady" "$release") || die "the module steady does not build"
		strip -g -o "$tree/modules/steady.ko" "$steady"
		echo steady.ko >> "$tree/modules/list"
		words+=' maxcpus=1'	# until it is loaded; init brings the others up
	fi
}

# Start the emulator in the background; its process is $emulator. The job's output goes to standard output, the kernel's
# log into $klog.
kind_start()
{
	local machine=(-machine pc -cpu max -smp $((spare_cpus + cpus)) -m "$mem" -nodefaults -no-user-config -display none -no-reboot
		       -kernel "$guest_kernel" -initrd "$work/initramfs" -append "$*"
		       -chardev stdio,id=job,signal=off -serial chardev:job -serial "file:$klog"
		       -chardev pipe,id=monitor,path="$work/monitor" -mon monitor)

	if [ $icount = yes ]; then
		machine+=(-accel tcg -icount shift=0)
	else
		machine+=(-accel tcg,thread=multi
			  -fsdev local,id=host,path=/,security_model=none,readonly=on,multidevs=remap
			  -device virtio-9p-pci,fsdev=host,mount_tag=host)
	fi
	mkfifo "$work/monitor.in" "$work/monitor.out"
	qemu-system-x86_64 "${machine[@]}" < /dev/null > "$work/output" 2> "$work/emulator.err" &
	emulator=$!
	cat < "$work/monitor.out" > "$work/monitor" &
}

# An NMI, whose panic shows in the log where the processors were.
kind_hung()
{
	printf 'info registers -a\nnmi\n' > "$work/monitor.in"
	read -r -t 30 <> "$work/never"
}

# What of the emulator's own words is of interest; with a word, of a machine that hung.
kind_errors()
{
	if [ -z "${1:-}" ]; then
		grep -v 'terminating on signal' "$work/emulator.err"
	else
		grep -aE 'CPU#|RIP=' "$work/monitor" | tr -d '\r' | sed 's/^/    /'
	fi
}
