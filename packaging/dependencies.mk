# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# The Debian packages that targets need, in groups: each adds to those before it. What building
# needs is told by Build-Depends in packaging/debian/control alone. Part of the Makefile.

# The targets that need a group.
needs_build := deb% sysext
needs_docs  := $(if $(debian),docs)
needs_rpm   := $(if $(debian),rpm)
needs_test  := abi acpica check% demo fetched fuzz% modules module-%
needs_bench := bench

# --- Each with its reason -----------------------------------------------------

# As in Build-Depends, without blanks; some have other names in other releases.
deps_rpm  := rpm             # rpmbuild

# Of this one no other is made.
deps_docs := mandoc          # makes HTML of the manual pages

deps_test := $(deps_rpm)
deps_test += gcc-12|gcc      # the compiler of the kernels that make check boots
deps_test += clang lld       # other compilers that have to accept the code
deps_test += openssl         # who loads the provider
deps_test += mandoc          # lint of the manual pages
deps_test += python3         # tests/vm
deps_test += perl git        # prove, which runs the tests, and what it asks for files
deps_test += qemu-system-x86 seabios   # boots kernels
deps_test += qemu-system-arm device-tree-compiler    # boots a machine with a device tree
# Not gcc-aarch64-linux-gnu, which cannot be installed beside gcc-multilib.
deps_test += binutils-aarch64-linux-gnu libc6-dev-arm64-cross libgcc-12-dev-arm64-cross # its programs
deps_test += qemu-efi-aarch64     # and by UEFI, with ACPI
deps_test += qemu-user-static|qemu-user-binfmt   # runs what configures the packages of a Debian for it
deps_test += ovmf                 # boots them by UEFI, where the ID lies in ACPI NVS memory
deps_test += swtpm tpm2-tools     # a TPM, for a mark outside the disk, and what writes to it
deps_test += qemu-utils e2fsprogs # disks of whole systems
deps_test += busybox-static       # the shell of the guests
deps_test += acpica-tools         # iasl and acpiexec, for ACPI tables to inject, and vmgen-acpi-check
deps_test += python3-libfdt       # with which that reads device trees
deps_test += debian-archive-keyring   # kernels of other suites are checked against it
deps_test += mmdebstrap mount     # tool chains newer than this machine's, and Samba
deps_test += iproute2             # addresses of a network that only a test sees
deps_test += pahole libelf1t64|libelf1 kmod   # what building a module calls
deps_test += dkms                 # tests of its configuration
deps_test += spin                 # tries every order of the steps of the models (*.pml)
deps_test += sparse coccinelle ocaml # checks of the module; some of coccicheck are in OCaml
deps_test += abigail-tools        # compares the library's ABI with the recorded one
deps_test += shellcheck codespell pyflakes3   # checks of scripts and prose
deps_test += procps util-linux    # sysctl(8), setpriv(1), chrt(1) and taskset(1) for the guests
deps_test += systemd              # systemd-analyze(1), for the unit
deps_test += android-libboringssl # whose fork sentinel is zeroed
deps_test += valgrind             # memcheck of the library
deps_test += libclang-rt-dev|libclang-rt-14-dev   # libFuzzer
deps_test += wireguard-tools      # what configures WireGuard in guests
deps_test += wpasupplicant        # agrees on keys of MACsec there
deps_test += musl-tools           # another C library
deps_test += gcc-multilib         # a 32-bit program for 64-bit kernels
deps_test += lintian rpmlint      # check the packages
deps_test += prometheus prometheus-node-exporter   # promtool, for rules; and they run for them
deps_test += jq                   # a line of vmgenctl(1)
deps_test += flex bison bc libelf-dev xz-utils   # what building a kernel calls

deps_bench := $(deps_test)
deps_bench += python3-matplotlib  # draws what make bench has measured
deps_bench += stress-ng           # its device stressor

# --- Installing them ----------------------------------------------------------

control := packaging/debian/control
listed   = $(subst $(space),$(,),$(strip $(deps_$(1))))
# The last group that a target of this make needs.
group   := $(lastword $(foreach g,build docs rpm test bench,$(if $(filter $(needs_$(g)),$(MAKECMDGOALS)),$(g))))
sudo     = $(if $(filter 0,$(shell id -u)),,sudo)
apt      = $(sudo) env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends \
	   -o DPkg::Lock::Timeout=300

ifneq ($(shell command -v apt-get 2>/dev/null),)
deps: deps-build
$(addprefix deps-,build docs rpm test bench): deps-%:
	$(sudo) apt-get update -q
	$(apt) build-dep ./packaging
	$(if $(deps_$*),$(apt) satisfy '$(call listed,$*)')

need-deps: lacking = $(or $(group),test)
need-deps:
	@{ dpkg-checkbuilddeps $(control) $(if $(deps_$(lacking)),&& \
		dpkg-checkbuilddeps -d '$(call listed,$(lacking))' $(control)); } >/dev/null 2>&1 || \
		{ echo 'Installing what make deps-$(lacking) installs' && \
		  $(MAKE) --no-print-directory deps-$(lacking); }
else
deps deps-build deps-docs deps-rpm deps-test deps-bench need-deps:
	@echo 'make $(or $(MAKECMDGOALS),all): there is no apt-get here, and what this needs has' \
		'the names of Debian packages. make, make kmod and make rpm do without:' \
		'see README.md, "Install".' >&2; exit 1
endif

ifneq ($(group),)
$(O)/.flags: | need-deps
endif

help::
	@printf '\nDebian packages that targets need, in packaging/dependencies.mk; they install them:\n'
	@echo 'make deps       what building needs, by packaging/debian/control; for make deb'
	@echo 'make deps-docs  and mandoc, for make docs'
	@echo 'make deps-rpm   and rpmbuild, for make rpm on Debian'
	@echo 'make deps-test  and QEMU, other compilers, checkers; for make check and make demo'
	@echo 'make deps-bench   and what make bench draws with'

.PHONY: deps deps-build deps-docs deps-rpm deps-test deps-bench need-deps
