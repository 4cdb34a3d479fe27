# SPDX-License-Identifier: GPL-2.0-only
#
# For jobs that run with --no-modules: load and unload a set of KVM modules, "modules" (ours) or "distribution". Sourced; needs
# bash. With busybox, which is static: where it is done often, the libraries of kmod would take most of the time.

load_set()
{
	local file args

	while read -r file args; do
		busybox insmod "$MACHINE_FILES/${file#/files/}" $args || return 1
	done < "$MACHINE_FILES/$1/list"
}

unload_set()
{
	local name

	for name in $(tac "$MACHINE_FILES/$1/list" | sed 's,.*/\([^/]*\)\.ko.*,\1,; s/-/_/g'); do
		busybox rmmod "$name" || return 1
	done
}
