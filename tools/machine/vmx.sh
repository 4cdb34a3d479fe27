# SPDX-License-Identifier: GPL-2.0-only
#
# The VMX machine: Bochs with an Intel processor and a small kernel of its own (vmx.config), booted from a CD image.
#
# Bochs has nothing to share the host's files by: the job, and what is given by --copy, lie in the initramfs.
#
# Sourced by `machine`, whose variables it reads; the functions are those of svm.sh.

backend=kvm-intel

kind_defaults()
{
	programs='bochs-bin xorriso'
	host=no
	mem=${mem:-512} limit=${limit:-300}
	cpus_given=${cpus_given:-1}
	cpus=$cpus_given
	model=${model:-corei7_haswell_4770}
	# Without them a kernel on an emulated processor of that time flushes caches by reading 64 KiB in a loop.
	# Halted processors wake up by interrupts: MWAIT can miss the store that it waits for. See Documentation/testing.md.
	words="mitigations=off idle=halt"
}

kind_modules()
{
	:
}

# What an emulated processor has to unpack is packed by lz4, which takes it a quarter of the instructions that gzip does.
# The boot medium. isolinux reads its configuration and the two files from the root of the image.
make_iso()
{
	local iso=$work/iso

	mkdir "$iso" && cp /usr/lib/ISOLINUX/isolinux.bin /usr/lib/syslinux/modules/bios/ldlinux.c32 "$iso/" &&
	cp "$guest_kernel" "$iso/linux" && lz4 -lq1 < "$work/initramfs" > "$iso/initrd" || return
	cat > "$iso/isolinux.cfg" <<-END
		default linux
		prompt 0
		timeout 0
		label linux
		kernel /linux
		append initrd=/initrd $*
	END
	xorriso -as mkisofs -quiet -o "$work/boot.iso" -b isolinux.bin -c boot.cat -no-emul-boot -boot-load-size 4 \
		-boot-info-table "$iso" 2> "$work/xorriso.err" || { cat "$work/xorriso.err" >&2; return 1; }
}

# Time is instructions executed, and nothing waits for the wall clock. The quantum is what each of several processors executes
# before it is the next one's turn: the most that Bochs takes, which saves a third of the time.
configure_bochs()
{
	cat <<-END
		config_interface: textconfig
		display_library: sdl2
		cpu: model=$model, count=$cpus:1:1, ips=50000000, quantum=32, reset_on_triple_fault=0, ignore_bad_msrs=1
		memory: guest=$mem, host=$mem
		romimage: file=/usr/share/bochs/BIOS-bochs-latest, options=fastboot
		vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
		pci: enabled=1, chipset=i440fx
		ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
		ata0-master: type=cdrom, path=$work/boot.iso, status=inserted
		boot: cdrom
		clock: sync=none, time0=1700000000, rtc_sync=0
		com1: enabled=1, mode=file, dev=$work/output
		com2: enabled=1, mode=file, dev=$klog
		mouse: enabled=0
		log: $work/bochs.log
		panic: action=fatal
		error: action=report
		info: action=report
		debug: action=ignore
	END
}

# The debugger is compiled in: it is told to go on. Descriptor 8 lets the reader of the output begin, and end if Bochs fails
# before it opens it.
kind_start()
{
	make_iso "$*" || die "no boot medium"
	configure_bochs > "$work/bochsrc"
	echo c > "$work/bochs.commands"
	SDL_VIDEODRIVER=dummy SDL_AUDIODRIVER=dummy bochs-bin -q -unlock -f "$work/bochsrc" -rc "$work/bochs.commands" \
		< /dev/null > "$work/bochs.out" 2>&1 8> "$work/output" &
	emulator=$!
}

kind_hung()
{
	:
}

kind_errors()
{
	grep -aE '>>PANIC<<|exception\(\): 3rd' "$work/bochs.log" 2> /dev/null | grep -v 'soft power off' | tail -n 20
}
