# SPDX-License-Identifier: GPL-2.0-only
#
# Load and unload a set of modules: a directory of them with a file "list", one a line in the order of loading, each with its
# parameters.
#
# Sourced, by any shell: by init, and by jobs that run with --no-modules, for which it lies in MACHINE_FILES beside the sets
# "modules" (ours) and "distribution". The last of each of these is the backend. It is all done with busybox, which is
# static: where it is done often, the libraries of kmod would take most of the time.

insert_each()
{
	local file args

	while read -r file args; do
		busybox insmod "$1/$file" $args || return 1
	done
}

# load_set DIRECTORY [PARAMETER]...: with further parameters of the backend
load_set()
{
	local dir=$1

	shift
	sed "\$ s/\$/ $*/" "$dir/list" | insert_each "$dir"
}

# All but the backend.
load_core()
{
	sed '$ d' "$1/list" | insert_each "$1"
}

# The modules by their names in /sys/module, in the order of unloading.
module_names()
{
	sed 's/\.ko.*//; s/-/_/g' "$1/list" | tac
}

unload_set()
{
	local name

	for name in $(module_names "$1"); do
		busybox rmmod "$name" || return 1
	done
}
