# SPDX-License-Identifier: GPL-2.0-only
#
# Kernels that machines need and no distribution has, and our modules for them.
#
# A kernel has a name: "debug" (checkers, for any machine of QEMU's), "vmx" (small, for Bochs),
# "sie" (small, for Hercules, of another architecture) or "sie-debug" (that with checkers: the files
# of "sie" and its own over them). It is built from the distribution's source of the version that the
# headers are of, with tools/machine/NAME.patch if there is one, and with tools/machine/NAME.config
# over tinyconfig. It lies in the cache under a name made of all that went into it, and is laid out
# there as the stock image is (kernel.sh), so that the machine need not tell them apart. The modules
# are built in out/NAME of the clone, a tree of links to the sources: the objects for the stock
# kernel stay as they are.
#
# Of the debug kernel's own code KASAN instruments only what keeps pointers into memory of others
# for later: timers, wait queues, work, notifiers, files, lists. The rest would double the time of
# the build and of each run, and finds nothing of ours.
#
# Sourced by `machine` and by `setup`, after kernel.sh; needs bash.

config_dir=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")

debug_kasan=KASAN_SANITIZE=n
for object in hrtimer timer workqueue srcutree build_utility mmu_notifier user-return-notifier \
	      notifier eventfd file_table anon_inodes list_debug rbtree xarray radix-tree \
	      interval_tree irqbypass; do
	debug_kasan+=" KASAN_SANITIZE_$object.o=y"
done

# Words for make that are no settings.
build_words()
{
	case $1 in
		debug) echo "$debug_kasan" ;;
		sie-debug) echo "$debug_kasan KASAN_SANITIZE_gmap.o=y" ;;
	esac
}

# The architecture that a kernel is of, as the kernel's source calls it, and the prefix of its tools.
built_arch()
{
	case $1 in
		sie*) echo s390 ;;
		*) echo x86 ;;
	esac
}

cross_prefix()
{
	case $1 in
		sie*) echo s390x-linux-gnu- ;;
	esac
}

# What every make on a kernel's tree is told, and nothing more where the tree is of this computer's kind.
arch_words()
{
	[ -z "$(cross_prefix "$1")" ] || echo "ARCH=$(built_arch "$1") CROSS_COMPILE=$(cross_prefix "$1")"
}

# The files of a kernel that have an ending, the later over the earlier.
files_of()
{
	case $1 in
		*-debug) echo "$config_dir/${1%-debug}.$2" ;;
	esac
	echo "$config_dir/$1.$2"
}

patch_of()
{
	cat $(files_of "$1" patch) 2> /dev/null
}

# The version of the source package: the headers' own, if they are a package.
source_version()
{
	dpkg-query -W -f '${Version}' "linux-headers-$(headers_release)" 2> /dev/null ||
		apt-cache show linux-source-6.1 | sed -n 's/^Version: //p' | head -n 1
}

# Without those that a later one takes back.
settings()
{
	cat $(files_of "$1" config) | grep -E '^(# )?CONFIG_[A-Z0-9_]+(=| is not set)' |
		awk '{ name = $0; sub(/^# /, "", name); sub(/[= ].*/, "", name) }
		     { line[NR] = $0; of[NR] = name; last[name] = NR }
		     END { for (i = 1; i <= NR; i++) if (last[of[i]] == i) print line[i] }'
}

built_dir()
{
	local key

	key=$({ source_version; "$(cross_prefix "$1")gcc" -dumpfullversion; build_words "$1"; settings "$1"
		patch_of "$1"; } | sha256sum | cut -c 1-12)
	echo "$cache/linux-$1-$key"
}

# Unpack the source, once a version.
need_source()
{
	local source=$1 tmp

	[ ! -d "$source" ] || return 0
	tmp=$(mktemp -d "$cache/fetch.XXXXXX")
	chmod 755 "$tmp"
	echo "machine: fetching and unpacking the kernel's source" >&2
	if (cd "$tmp" && mkdir tree &&
	    apt-get -q download "linux-source-6.1=$(source_version)" > /dev/null &&
	    dpkg-deb -x ./*.deb . &&
	    tar -C tree --strip-components=1 --no-same-owner -xf usr/src/linux-source-6.1.tar.xz) >&2; then
		mv -T "$tmp/tree" "$source"
	else
		echo "machine: no source of the kernel $(source_version) to be had; run tools/setup" >&2
	fi
	rm -rf "$tmp"
	[ -d "$source" ]
}

# The source that a kernel is built from: all have one, but for a kernel that has a patch, which has a
# tree of links into it with what is patched its own.
patched_source()
{
	local name=$1 source=$2 own=$3

	if [ -z "$(patch_of "$name")" ]; then
		echo "$source"
		return
	fi
	rm -rf "$own"
	cp -al "$source" "$own" && patch_of "$name" | patch -s -p1 -d "$own" >&2 && echo "$own"
}

# A line for every hundred objects of a build, and the words that are not about an object.
show_progress()
{
	awk '/^  [A-Z0-9_]+ / {
			if (++n % 100 == 0) {
				print "machine: '"$1"' kernel: " n " steps"
				fflush()
			}
			next
	     }
	     /warning: override|^#|merged configuration|^$/ { next }
	     !/^make/ { print "    " $0; fflush() }' >&2
}

# A setting that the kernel's configuration did not take would be a checker that is silently not
# there.
check_config()
{
	local missing

	missing=$(settings "$1" | grep -vxF -f "$2" |
		  while read -r line; do
			name=${line#\# }
			name=${name%%[= ]*}
			# What is not offered at all is not set either.
			[[ $line == *'is not set' ]] && ! grep -q "^$name=" "$2" || echo "$line"
		  done)
	[ -z "$missing" ] || echo "machine: the $1 kernel's configuration lacks:" $missing >&2
	[ -z "$missing" ]
}

build_kernel()
{
	local name=$1 dir=$2 source build=$2/build root=$2/root release make

	# The output directory's name is in its files: it is built in place and marked when it is
	# whole.
	mkdir -p "$build" "$root/boot"
	source=$(patched_source "$name" "$3" "$dir/source") || return
	# Not as a part of the make that started this, if one did.
	make="env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make $(arch_words "$name")"
	if ! (set -o pipefail
	      {
		$make -s -C "$source" O="$build" tinyconfig &&
		"$source/scripts/kconfig/merge_config.sh" -m -O "$build" "$build/.config" \
			$(files_of "$name" config) > /dev/null &&
		$make -s -C "$build" olddefconfig &&
		check_config "$name" "$build/.config" &&
		$make -j"$(nproc)" -C "$build" $(build_words "$name") UBSAN_SANITIZE=n \
			bzImage modules &&
		$make -s -C "$build" INSTALL_MOD_PATH="$root" modules_install
	      } 2>&1 | show_progress "$name"); then
		echo "machine: the $name kernel does not build" >&2
		return 1
	fi
	release=$(cat "$build/include/config/kernel.release")
	cp "$build/arch/$(built_arch "$name")/boot/bzImage" "$root/boot/vmlinuz-$release" || return
	echo "$release" > "$root/version"
}

# Build the kernel of a name unless it is there. One builds; whoever comes meanwhile waits for it.
need_built_kernel()
{
	local dir source

	dir=$(built_dir "$1")
	[ -s "$dir/root/version" ] && return
	mkdir -p "$cache"
	(
		flock 9
		[ ! -s "$dir/root/version" ] || exit 0
		source=$cache/linux-source-$(source_version)
		need_source "$source" || exit 1
		echo "machine: building the $1 kernel, once; it takes some minutes" >&2
		build_kernel "$1" "$dir" "$source"
	) 9> "$cache/$1.lock"
}

built_release()
{
	cat "$(built_dir "$1")/root/version"
}

# build_modules_for NAME TREE OUT [WORD]...: our modules for it, of a tree, in a directory of its own,
# with further words for make; what they say is shown only if it goes wrong.
build_modules_for()
{
	local name=$1 top=$2 out=$3 file
	shift 3

	mkdir -p "$out"
	(
		flock 9
		cd "$top" || exit 1
		# Links whose file is gone would be built still.
		find "$out" -xtype l -delete
		find Kbuild include virt arch -type f \( -name '*.[chS]' -o -name Kbuild \) \
			-printf '%h\n' | sort -u | (cd "$out" && xargs mkdir -p)
		find Kbuild include virt arch -type f \( -name '*.[chS]' -o -name Kbuild \) ! -name '*.mod.c' |
		while read -r file; do
			[ -L "$out/$file" ] || ln -s "$top/$file" "$out/$file"
		done
		# Warnings are the ordinary build's to find.
		env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make $(arch_words "$name") -s -j"$(nproc)" \
			-C "$(built_dir "$name")/build" M="$out" W=0 C=0 "$@" modules > "$out/build.log" 2>&1 ||
			{ cat "$out/build.log" >&2; exit 1; }
	) 9> "$out/lock"
}
