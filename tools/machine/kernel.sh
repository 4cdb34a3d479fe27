# SPDX-License-Identifier: GPL-2.0-only
#
# The kernel that a machine boots: the distribution's stock image, of the version that the modules are built for.
#
# The image's package is fetched and unpacked into a cache, never installed. A cache entry appears whole or not at all
# (it is moved into place), so any number of machines may start at once.
#
# Sourced by `machine` and by `setup`; needs bash.

cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/kvm-machine

# The directory of the headers: the same choice as the Makefile's.
headers_dir()
{
	local dir=${KDIR:-}

	if [ -z "$dir" ] && [[ $(uname -r) == 6.1.0-*-amd64 ]]; then
		dir=/lib/modules/$(uname -r)/build
	fi
	if [ -z "$dir" ] || [ ! -d "$dir" ]; then
		dir=$(find /usr/src -maxdepth 1 -name 'linux-headers-6.1.0-*-amd64' \
			! -name '*-cloud-*' ! -name '*-rt-*' | sort -V | tail -n 1)
	fi
	[ -n "$dir" ] && readlink -f "$dir"
}

# Their release, such as 6.1.0-56-amd64.
headers_release()
{
	local dir

	dir=$(headers_dir) || return
	sed -n 's/.*UTS_RELEASE "\(.*\)"/\1/p' "$dir/include/generated/utsrelease.h"
}

# The unpacked image of a release lies here.
kernel_root()
{
	echo "$cache/linux-image-$1"
}

fetch_image()
{
	local release=$1 root tmp want have

	root=$(kernel_root "$release")
	mkdir -p "$cache"
	tmp=$(mktemp -d "$cache/fetch.XXXXXX")
	chmod 755 "$tmp"
	# The very version of the headers if the archive still has it, else what it has under this name.
	want=$(dpkg-query -W -f '${Version}' "linux-headers-$release" 2>/dev/null) || want=
	if ! (cd "$tmp" && { [ -n "$want" ] && apt-get -q download "linux-image-$release=$want" 2>/dev/null ||
			     apt-get -q download "linux-image-$release"; }) >&2; then
		rm -rf "$tmp"
		echo "machine: no package linux-image-$release to be had; run tools/setup" >&2
		return 1
	fi
	have=$(dpkg-deb -f "$tmp"/*.deb Version)
	[ -z "$want" ] || [ "$have" = "$want" ] ||
		echo "machine: NOTE: the headers are $want, the kernel image is $have" >&2
	mkdir "$tmp/root"
	dpkg-deb -x "$tmp"/*.deb "$tmp/root"
	# Debian unpacks to /lib/modules; depmod reads it there.
	depmod -b "$tmp/root" "$release"
	echo "$have" > "$tmp/root/version"
	mv -T "$tmp/root" "$root" 2>/dev/null || [ -d "$root" ]
	rm -rf "$tmp"
}

# Fetch the image of a release unless it is there.
need_image()
{
	[ -s "$(kernel_root "$1")/version" ] || fetch_image "$1"
}

# Build the module that an emulated machine needs to stand patching of the kernel's code (see steady/), into the cache,
# and print its path.
need_steady()
{
	local source=$1 release=$2 built tmp

	built=$cache/steady-$release-$(cat "$source/Kbuild" "$source/steady.c" | cksum | tr ' ' -)
	if [ ! -f "$built/steady.ko" ]; then
		mkdir -p "$cache"
		tmp=$(mktemp -d "$cache/steady.XXXXXX") || return
		cp "$source/Kbuild" "$source/steady.c" "$tmp/"
		if ! env -u MAKEFLAGS -u MAKELEVEL make -s -C "$(headers_dir)" "M=$tmp" modules > "$tmp/log" 2>&1; then
			cat "$tmp/log" >&2
			rm -rf "$tmp"
			return 1
		fi
		mv -T "$tmp" "$built" 2> /dev/null || rm -rf "$tmp"
	fi
	echo "$built/steady.ko"
}

# Build a small program of this directory for this computer, into the cache, and print its path.
need_program()
{
	local source=$1 built

	built=$cache/$(basename "$source" .c)-$(cksum < "$source" | tr ' ' -)
	if [ ! -x "$built" ]; then
		mkdir -p "$cache"
		gcc -O2 -o "$built.$$" "$source" >&2 && mv "$built.$$" "$built" || return
	fi
	echo "$built"
}

# Fetch the static busybox of another architecture, by package lists of its own, so that this computer is not made to know
# that architecture; print its path.
need_busybox()
{
	local arch=$1 built=$cache/busybox-$1 tmp options

	if [ ! -x "$built" ]; then
		mkdir -p "$cache"
		tmp=$(mktemp -d "$cache/fetch.XXXXXX") || return
		mkdir -p "$tmp"/{lists,archives}/partial
		chmod -R 755 "$tmp"
		options="-q -o APT::Architecture=$arch -o APT::Architectures=$arch -o Dir::State::Lists=$tmp/lists
			 -o Dir::State::status=/dev/null -o Dir::Cache=$tmp"
		echo "machine: fetching busybox for $arch" >&2
		(cd "$tmp" && apt-get $options update && apt-get $options download busybox-static &&
		 dpkg-deb -x ./*.deb . && mv bin/busybox "$built") > "$tmp/log" 2>&1 || cat "$tmp/log" >&2
		rm -rf "$tmp"
	fi
	[ -x "$built" ] && echo "$built"
}

# The rate of this computer's time stamp counter.
tsc_khz()
{
	"$(need_program "$1")"
}
