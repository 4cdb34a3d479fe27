# SPDX-License-Identifier: GPL-2.0-only
#
# The SIE machine: Hercules, an emulator of the mainframe whose SIE instruction runs guests, with a small kernel of its own
# (sie.config); or with --qemu the same kernel in QEMU's TCG, which has no SIE, but newer facilities.
#
# Hercules has one console, which knows lines of EBCDIC and is not the place for a job's output: that is written on a
# tape, whose file tape-words.c reads on this side. The console has the kernel's log. What the emulator has to be told
# goes by a fifo; it is told to end when its last processor has stopped.
#
# There is no share of the host's files: the job, and what is given by --copy, lie in the initramfs.
#
# Sourced by `machine`, whose variables it reads; the functions are those of svm.sh.

backend=kvm_s390
# The kernel's own is one module.
stock_backend=
setup_option=--s390
initrd_at=0x02000000
# Addresses in the image at which the kernel looks for the initrd's address and size and for its command line.
initrd_words_at=0x00010408 command_line_at=0x00010480

kind_defaults()
{
	programs="$([ $qemu = yes ] && echo qemu-system-s390x || echo hercules) s390x-linux-gnu-gcc"
	host=no
	mem=${mem:-1024} limit=${limit:-300}
	cpus_given=${cpus_given:-1}
	cpus=$cpus_given
	cross=$(cross_prefix sie)
	[ $debug = no ] || setup_option=--s390-debug
	busybox=$(need_busybox s390x) || die "no busybox for s390x to be had; run tools/setup --s390"
	# Messages of the kernel wait for the console rather than being dropped.
	words="sclp_con_drop=0 sclp_con_pages=64"
	if [ $qemu = yes ]; then
		console=ttysclp0 job_line=/dev/hvc0
	else
		console=ttyS0 job_line=tape
	fi
}

kind_modules()
{
	:
}

start_qemu()
{
	qemu-system-s390x -machine s390-ccw-virtio -accel tcg,thread=multi -cpu max -smp "$cpus" -m "$mem" \
		-nodefaults -no-user-config -display none -no-reboot \
		-kernel "$guest_kernel" -initrd "$work/initramfs" -append "$*" \
		-chardev stdio,id=job,signal=off -device virtio-serial-ccw -device virtconsole,chardev=job \
		-chardev "file,id=log,path=$klog" -device sclpconsole,chardev=log \
		-chardev pipe,id=monitor,path="$work/monitor" -mon monitor \
		< /dev/null > "$work/output" 2> "$work/emulator.err" &
	emulator=$!
	cat < "$work/monitor.out" > "$work/monitor" &
}

# What Hercules loads: files and the addresses they go to.
lay_out()
{
	local size

	size=$(stat -L -c %s "$work/initramfs") || return
	printf "$(printf '%016x%016x' $((initrd_at)) "$size" | sed 's/../\\x&/g')" > "$work/initrd.words"
	printf '%s\0' "$*" > "$work/command-line"
	# Not a link: Hercules wants to own what it loads.
	cp -L "$guest_kernel" "$work/kernel" || return
	cat > "$work/linux.ins" <<-LIST
		kernel 0x00000000
		initramfs $initrd_at
		initrd.words $initrd_words_at
		command-line $command_line_at
	LIST
}

configure_hercules()
{
	cat <<-LIST
		CPUSERIAL 002623
		CPUMODEL  2097
		MODEL     EMULATOR
		ARCHMODE  ESAME
		MAINSIZE  $mem
		XPNDSIZE  0
		NUMCPU    $cpus
		LOADPARM  ........
		OSTAILOR  QUIET
		PANRATE   2000
		TIMERINT  10000
		0181 3490 tape.aws
	LIST
}

# What Hercules says: of its panel, of orders of SIGP, and the console's lines, of which the kernel's get the brackets of their
# time back. When the last CPU has stopped, or waits for good, or Hercules has met an error, it is told to end. What it says of
# itself before the kernel is loaded and after the end is left out, but for errors.
listen()
{
	local line loaded=no cpu time='^ *([0-9]+\.[0-9]{6})! (.*)' sigp='SIGP (Stop|Start|Restart) .* CPU([0-9]+),.* CC 0'
	local -A running=([0000]=yes)

	while IFS= read -r line; do
		case $line in
			SYS=* | STATUS=* | MIPS=* | SIOS=* | DEV[=A-Z]* | PSW=* | CPUPCT=* | *SIGP*' CC 2') continue ;;
			*'ipl linux.ins') loaded=yes ;;
		esac
		if [[ $line =~ $time ]]; then
			printf -v line '[%12s] %s' "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
		elif [[ $line =~ $sigp ]]; then
			cpu=${BASH_REMATCH[2]}
			[ ${BASH_REMATCH[1]} = Stop ] && unset "running[$cpu]" || running[$cpu]=yes
		elif [[ $line == *HHCCP011I* || $line =~ ^HHC[A-Z]{2}[0-9]{3}E ]]; then
			running=()
			loaded=yes
		fi
		[ $loaded = no ] || printf '%s\n' "$line"
		if [ $loaded = yes ] && [ ${#running[@]} = 0 ]; then
			echo exit 1<> "$work/panel"
			loaded=no
		fi
	done
}

start_hercules()
{
	lay_out "$*" || die "the kernel cannot be laid out"
	configure_hercules > "$work/hercules.cnf"
	echo 'ipl linux.ins' > "$work/hercules.rc"
	: > "$work/tape.aws"
	mkfifo "$work/panel" "$work/said"
	listen < "$work/said" > "$klog" &
	(cd "$work" && exec env HERCULES_RC=hercules.rc hercules -d -f hercules.cnf -l dyngui <> panel > said 2>&1) &
	emulator=$!
	"$(need_program "$here/tape-words.c")" "$work/tape.aws" $emulator > "$work/output" &
}

kind_start()
{
	if [ $qemu = yes ]; then
		mkfifo "$work/monitor.in" "$work/monitor.out"
		start_qemu "$@"
	else
		start_hercules "$@"
	fi
}

# Where the processors were.
kind_hung()
{
	local cpu

	if [ $qemu = yes ]; then
		echo 'info registers -a' > "$work/monitor.in"
	else
		for ((cpu = 0; cpu < cpus; cpu++)); do
			printf 'cpu %d\nstop\npsw\ngpr\n' $cpu 1<> "$work/panel"
		done
	fi
	read -r -t 5 <> "$work/never"
}

kind_errors()
{
	if [ $qemu = yes ]; then
		[ -n "${1:-}" ] && tr -d '\r' < "$work/monitor" | grep -aE 'PSW|CPU#' | sed 's/^/    /'
		grep -v 'terminating on signal' "$work/emulator.err"
	fi
}
