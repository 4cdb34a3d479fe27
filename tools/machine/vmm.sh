# SPDX-License-Identifier: GPL-2.0-only
#
# For jobs with several QEMUs that have one guest between them: start them, speak to their monitors, and look at what the
# guest's work says (tools/testing/interop/work.c). Sourced; needs bash.

work=$(mktemp -d)
declare -A vmm_pids
failures=0

cleanup()
{
	kill $(jobs -p) 2> /dev/null
	rm -rf "$work"
}
trap cleanup EXIT

fail()
{
	echo "${0##*/}: FAILED: $*"
	failures=$((failures + 1))
}

# For what leaves nothing to go on with.
give_up()
{
	local name

	fail "$*"
	for name in "${!vmm_pids[@]}"; do
		echo "--- $name: console"
		tail -n 30 "$work/$name.console"
		cat "$work/$name.err"
		if alive "$name"; then
			printf 'info status\ninfo registers -a\n' > "$work/$name.in" &
			sleep 3
		fi
		echo "--- $name: monitor"
		tr -d '\r' < "$work/$name.monitor" | grep -E '^(CPU#|[ER]IP=|VM status|Error|Migration)' | tail -n 20
	done
	exit 1
}

# The guest's initramfs, with its work in a second one behind the first.
make_image()
{
	local program

	program=$(readlink -f "$(dirname "$0")/../../testing/interop/bin/work")
	[ -x "$program" ] || { echo "${0##*/}: $program is not built"; exit 1; }
	mkdir "$work/more"
	cp "$program" "$work/more/work"
	(cd "$work/more" && find . | cpio --quiet -o -H newc -R 0:0) > "$work/more.img"
	cat "$MACHINE_FILES/guest.img" "$work/more.img" > "$work/guest.img"
}

# start_vmm NAME OPTION...: its console becomes NAME.console, its monitor NAME.in and NAME.monitor, keys go into NAME.keys.
start_vmm()
{
	local name=$1
	shift

	mkfifo "$work/$name.in" "$work/$name.out" "$work/$name.keys"
	: > "$work/$name.console"
	: > "$work/$name.monitor"
	cat < "$work/$name.out" >> "$work/$name.monitor" &
	qemu-system-x86_64 -accel kvm -display none -nic none -nodefaults -no-reboot \
		-chardev stdio,id=console,signal=off -serial chardev:console \
		-chardev "pipe,id=monitor,path=$work/$name" -mon monitor \
		-kernel "$MACHINE_KERNEL" -initrd "$work/guest.img" \
		-append "console=ttyS0 quiet loglevel=4 panic=-1" "$@" \
		0<> "$work/$name.keys" > "$work/$name.console" 2> "$work/$name.err" &
	vmm_pids[$name]=$!
}

alive()
{
	kill -0 "${vmm_pids[$1]}" 2> /dev/null
}

# until_true SECONDS NAME COMMAND...: false when the time is over, or the VMM of that name gone.
until_true()
{
	local seconds=$1 name=$2 begin=$SECONDS
	shift 2

	until "$@"; do
		[ $((SECONDS - begin)) -lt "$seconds" ] && alive "$name" || return 1
		sleep 0.2
	done
}

prompted()
{
	tail -c +$(($2 + 1)) "$work/$1.monitor" | tr -d '\r' | grep -q '^(qemu) $'
}

# ask NAME COMMAND: the monitor's answer, without the echo of the command.
ask()
{
	local name=$1 from

	until_true 60 "$name" prompted "$name" 0 || give_up "$name has no monitor"
	from=$(stat -c %s "$work/$name.monitor")
	printf '%s\n' "$2" > "$work/$name.in"
	until_true 200 "$name" prompted "$name" "$from" || give_up "$name does not answer to: $2"
	tail -c +$((from + 1)) "$work/$name.monitor" | tr -d '\r' | sed '1d; /^(qemu) $/d'
}

# do_it NAME COMMAND: a command that says nothing when all is well.
do_it()
{
	local said

	said=$(ask "$1" "$2")
	[ -z "$said" ] || give_up "$1: $2: $said"
}

# The number of the last line of the guest's work that came out of NAME.
line_number()
{
	tr -d '\r' < "$work/$1.console" | sed -n 's/^work: \([0-9]*\): .*/\1/p' | tail -n 1
}

beyond()
{
	local n

	n=$(line_number "$1")
	[ "${n:-0}" -ge "$2" ]
}

# work_until NAME N: until the guest's work has come to line N.
work_until()
{
	until_true 150 "$1" beyond "$1" "$2" || give_up "the work in $1 does not come to line $2"
}

# End the guest's work in NAME; it has to have found nothing, and the guest has to power off.
end_work()
{
	local status words

	echo > "$work/$1.keys"
	until_true 60 "$1" false
	alive "$1" && give_up "the guest in $1 does not end"
	wait "${vmm_pids[$1]}"
	status=$?
	[ $status = 0 ] || fail "$1 ended with status $status: $(cat "$work/$1.err")"
	for words in '0 findings' 'guest: work ended with 0' 'guest: ok kernel-log'; do
		grep -q "$words" "$work/$1.console" || fail "not seen on the console of $1: $words"
	done
}

# quit_vmm NAME: without a word to the guest.
quit_vmm()
{
	echo quit > "$work/$1.in"
	until_true 60 "$1" false
	alive "$1" && give_up "$1 does not quit"
	wait "${vmm_pids[$1]}" || fail "$1 ended with status $?: $(cat "$work/$1.err")"
}

# Among line numbers: what does not follow on its predecessor, but for one step back to the line behind "saved".
steps='
	NR == 1 && first && ($1 < saved || $1 > saved + 2) { print "begins with", $1; }
	NR > 1 && $1 != last + 1 {
		if (back && $1 < last && $1 >= saved && $1 <= saved + 2)
			back = 0
		else
			print last, "then", $1
	}
	{ last = $1 }
	END { if (back) print "no step back" }'

# look_at VARIABLE=VALUE CONSOLE...: what the consoles say one behind the other; a line may begin on one and end on the next.
look_at()
{
	local variable=$1 bad
	shift

	cat "$@" | tr -d '\r' > "$work/all"
	bad=$(grep -a -B 2 -A 1 'work: BAD' "$work/all" | head -n 12)
	[ -z "$bad" ] || fail "the work says: $bad"
	bad=$(awk -f "$(dirname "$0")/../known-faults" "$work/all" | grep -aE -f "$(dirname "$0")/../faults" | head -n 5)
	[ -z "$bad" ] || fail "the guest's kernel reports: $bad"
	bad=$(sed -n 's/^work: \([0-9]*\): .*/\1/p' "$work/all" | awk -v "saved=${saved:-0}" -v "$variable" "$steps")
	[ -z "$bad" ] || fail "the lines of the work do not follow one another: $bad"
}
