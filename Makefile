# SPDX-License-Identifier: GPL-2.0-only
#
# Build the modules out of tree, against the headers of an installed kernel. See `make help`.

VERSION	:= 0.1

# Whose headers: the running kernel's when it is a Debian 6.1, else the newest 6.1 that is installed.
running	:= $(shell uname -r)
headers	:= $(wildcard $(if $(filter 6.1.0-%-amd64,$(running)),/lib/modules/$(running)/build))
newest	= $(shell ls -d /usr/src/linux-headers-6.1.0-*-amd64 2>/dev/null | \
	grep -vE -e '-(cloud|rt)-' | sort -V | tail -n 1)
KDIR	?= $(or $(headers),$(newest))

# Warnings are errors: W=1 for the compiler, C=1 for sparse. `make C=0` builds where sparse is not installed.
W	?= 1
C	?= 1
V	?= 0
KMAKE	= $(MAKE) -C $(or $(KDIR),$(error no headers of a 6.1 kernel here: run `make setup` or give KDIR=)) \
	  M=$(CURDIR) W=$(W) C=$(C) V=$(V) CONFIG_MODULE_SIG_ALL=

all: modules

modules:
	$(KMAKE) modules

# A single object, its assembly or its preprocessed source: make virt/kvm/vm.o
single	:= $(filter %.o %.s %.i,$(MAKECMDGOALS))
$(single):
	$(KMAKE) $@

# Beside the distribution's modules, not over them: depmod prefers updates/.
release	= $(shell sed -n 's/.*UTS_RELEASE "\(.*\)"/\1/p' $(KDIR)/include/generated/utsrelease.h)
updates	= $(INSTALL_MOD_PATH)/lib/modules/$(release)/updates
depmod	= PATH=$$PATH:/sbin:/usr/sbin depmod $(if $(INSTALL_MOD_PATH),-b $(INSTALL_MOD_PATH)) $(release)

modules_install: modules
	$(KMAKE) modules_install INSTALL_MOD_DIR=updates INSTALL_MOD_STRIP=1
	$(depmod)

modules_uninstall:
	rm -fv $(updates)/kvm.ko $(updates)/kvm-amd.ko $(updates)/kvm-intel.ko
	$(depmod)

# What the targets below need of this machine; installs it when it is lacking.
setup:
	tools/setup

# The whole way: an emulated machine, our modules in it, and a guest on them, of the distribution's QEMU or (VMM=own) of
# tools/vmm. With BACKEND=vmx the machine is Bochs, in which QEMU would take too long: the VMM is tools/vmm. With
# ARCH=s390 it is Hercules, all is cross-built, and the VMM is that, too.
VMM	?= qemu
BACKEND	?= $(if $(filter s390,$(ARCH)),sie,svm)
run: run-$(BACKEND)

run-svm: setup
	$(MAKE) modules
	$(if $(filter own,$(VMM)),$(MAKE) -s -C tools/vmm)
	tools/machine/machine svm tools/machine/jobs/$(if $(filter own,$(VMM)),vmm-guest,boot-guest)

small	= tools/vmm/build/vmm tools/machine/vmm-init tools/machine/faults tools/machine/known-faults
run-vmx:
	tools/setup --vmx
	$(MAKE) -s -C tools/vmm
	tools/machine/machine vmx $(addprefix --copy ,$(small)) tools/machine/jobs/vmm-guest

run-sie:
	tools/setup --s390
	$(MAKE) -s -C tools/vmm ARCH=s390
	tools/machine/machine sie $(addprefix --copy ,$(patsubst %/build/vmm,%/build/s390/vmm,$(small))) tools/machine/jobs/vmm-guest

# The static program tools/vmm/build/vmm; with ARCH=s390 tools/vmm/build/s390/vmm.
vmm:
	$(MAKE) -C tools/vmm

# All tests. SUITES= names those to run, such as "unit selftests"; see tools/testing/check.
check: setup
	tools/testing/check $(SUITES)

# The tests again on kernels with KASAN, lockdep, kmemleak and the like, which are built first, once. No
# part of `check`.
check-debug:
	tools/setup --debug
	tools/setup --s390-debug
	tools/testing/check debug debug-sie

# What operations cost beside the kernel's own modules, counted in instructions, on each machine; fails
# where it is too much. See Documentation/performance.md.
bench:
	tools/setup --bench
	tools/setup --vmx
	tools/setup --s390
	$(MAKE) modules
	tools/bench/run

clean:
	$(KMAKE) clean
	rm -rf out
	for dir in $(wildcard tools/testing/*/Makefile tools/testing/selftests/kvm/Makefile tools/vmm/Makefile); do \
		$(MAKE) -s -C $$(dirname $$dir) clean || exit; \
	done

help:
	@echo 'make                    build kvm.ko, kvm-amd.ko and kvm-intel.ko (those that have sources)'
	@echo 'make run                boot a guest on them in an emulated machine, and show its console'
	@echo 'make run VMM=own        the same with our own small VMM, tools/vmm, in place of QEMU'
	@echo 'make run BACKEND=vmx    the same, ours, on kvm-intel.ko in a machine with an Intel processor'
	@echo 'make run ARCH=s390      the same, ours, on kvm_s390.ko in a machine with a processor of the z/Architecture'
	@echo 'make vmm                build that VMM'
	@echo 'make check              all tests; SUITES="unit boots" runs those alone'
	@echo 'make check-debug        the tests on a kernel with checkers; builds that kernel first'
	@echo 'make bench              costs of operations, beside those of the distribution'"'"'s modules'
	@echo 'make setup              install what building and testing need and is not there'
	@echo 'make modules_install    install them into updates/ of the kernel they were built for'
	@echo 'make modules_uninstall  take them away again: the modules of the distribution are back'
	@echo 'make clean              remove what was built'
	@echo 'make DIR/FILE.o         build one object (also .s and .i)'
	@echo
	@echo 'KDIR=DIR                the kernel headers to build against, now: $(KDIR)'
	@echo 'V=1                     show the commands;  C=0: without sparse;  W=0: fewer warnings'

.PHONY: all modules setup run run-svm run-vmx run-sie vmm check check-debug bench modules_install modules_uninstall clean help $(single)
