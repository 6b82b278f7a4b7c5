# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# What is tested, and where: scenarios by kernels, domain controllers by suites, packages by
# releases of Debian. Part of the Makefile, which builds what is run here.

# What make check boots and which scenarios it runs there: those that show most
# on every kernel, the others on the usual ones; make check-all adds what has shown
# nothing there that others did not. KERNELS= runs all on its own.
SCENARIOS  ?= $(filter-out cross elsewhere fleet install minimal readme source sysext upgrade upstream,$(patsubst tests/vm/t-%.py,%,$(wildcard tests/vm/t-*.py)))
# make bench has one; what it measures is much the same on all.
bench_kernels := $(or $(KERNELS),6.12)
ifndef KERNELS
usual      := 5.10 6.1 6.1-cloud 6.12
arm        := 6.1-arm64 6.12-arm64 6.12-rt-arm64 newest-arm64
one        := 6.12
KERNELS    := $(usual) 6.12-rt 7.2 newest newest-rt $(arm)
# Suspend: the oldest, one without Linux's own driver, and new ones.
only_sleep := 5.10 6.1-cloud 6.12 newest
only_first := 5.10 6.12
only_reduced := 6.12
# vmgend makes do without what Linux got later; on a new one other scenarios run it.
only_daemon := 5.10
more_daemon := 6.12
only_sysgenid := 6.12
more_sysgenid := 5.10
# An emulated ARM is slow, and a restore shows both of its descriptions on each kernel.
only_devicetree := 6.1-arm64 6.12-arm64
also_siblings := newest-arm64
also_restore  := 6.12-arm64
endif
everywhere := restore siblings
# What differs little from kernel to kernel: a new one, and the oldest in check-all.
on_one     := clones connections ctl identity late malformed remedies several silent stale steps \
	      storm timer torn tunnels unload unseeded
$(foreach s,$(on_one),$(eval more_$(s) := 5.10))
more_tunnels := 5.10 6.1-cloud
more_connections := 5.10 6.1-cloud newest
more_sleep := 6.1 6.12-rt 7.2 newest-rt
more_first := 6.1-cloud newest-rt
more_reduced := 5.10
# What Linux's driver binds: before it was a platform driver, after, and since 7.0.
only_bound := 6.12
more_bound := 6.1 newest
# Drivers of virtio that are modules, and kernels without packets of vsock.
only_report := 6.12
more_report := 5.10 6.1-cloud newest
only_orchestrator := 6.12
more_orchestrator := 6.1-cloud
# What a whole system adds to tests/unit/t-sentinel.c and t-lookout.c: clones.
only_sentinel := none
more_sentinel := 6.12
# vmgend is the same on all.
only_faults  := 6.1-cloud
only_hostile := 6.12
# Hours of it are in make soak; make check-proof has minutes.
only_soak := none
more_soak := 6.12
only_hostword := 6.12
more_hostword := 5.10 6.1 newest
# A whole system has a kernel of its own, and what ACPI tables can look like
# takes a boot each.
whole := bullseye clock copies debian fence foreign inventory ipsec lease mac openssl programs renewal replica samba \
	 services shutdown stranger sysprep sysvinit told
$(foreach s,$(whole),$(eval only_$(s) := 6.1))
# Packages for ARM: make check has the module and its library there.
only_foreign := none
more_foreign := 6.12-arm64
# What nginx, sshd, Python do with what hooks and provider have replaced. The hooks on files are
# in tests/t-host-keys.sh and t-machine-id.sh, at a clone's boot in debian; the provider is in
# tests/t-openssl.sh and tests/unit/t-openssl.c.
only_services := none
more_services := 6.1
only_openssl := none
more_openssl := 6.1
# The lines of vmgen-programs(7), one by one.
only_programs := none
more_programs := 6.1
# Debian 11 from source: user space older than what vmgen is written for.
only_bullseye := none
more_bullseye := 5.10
# Ten boots of a whole system; the scenario debian has one after an orderly end.
only_shutdown := none
more_shutdown := 6.1
# A host: QEMU as libvirt runs it, and what is typed there less often.
only_libvirt := 6.12
only_migration := none
more_migration := 6.12
# Four clones, Prometheus and what it scrapes; tests/t-prometheus.sh has the rules.
only_metrics := none
more_metrics := 6.1
# Hosts in a machine that is emulated: long, and for make check-hosts alone.
emulated := kvm xen
$(foreach s,$(emulated),$(eval only_$(s) := none))
# Many boots; the scenario debian has a clone of a stopped VM.
only_copies := none
more_copies := 6.1
# Stores that are slow where they are emulated; tests/t-replica.sh has the guard.
only_replica := none
more_replica := 6.1
# What QEMU and drivers do, of which vmgen is no part.
only_mac := none
more_mac := 6.1
# Installations with very many packages, of which each starts slowly.
only_inventory := none
more_inventory := 6.1
# With the packages whose identities are renewed; tests/t-renewal.sh has the hooks on files.
only_renewal := none
more_renewal := 6.1
# With libguestfs, whose appliance is emulated; tests/vm/t-copies.py has other templates.
only_sysprep := none
more_sysprep := 6.1
# Without systemd.
only_sysvinit := none
more_sysvinit := 6.1
# Debian as its host speaks to it; the scenario hostword has the live restore.
only_told := none
more_told := 6.1
only_shapes := 6.1-cloud
# Nor where the machine matters more than the kernel: firmware, its memory that
# hibernation writes back, ACPI without an SCI.
only_firmware := 6.12
only_acpi := 6.12
# Linux's driver in another form, the newest, and QEMU's ARM machine.
more_acpi := 6.1 newest 6.12-arm64
only_hibernate := 6.12
only_secureboot := 6.12
more_secureboot := 6.1 newest
only_nvs := 6.12
only_policy := 6.12
only_boots := 6.12
only_keys := 6.12
more_keys := 7.2
# These take many clones.
only_asleep := 6.12
only_awslc  := 6.12
only_order  := 6.12
only_midway := 6.1-cloud
only_spinners := 6.1
only_herd   := 6.12
more_herd   := 6.1-cloud
# Linux has no driver of its own there.
only_counter := 6.12
more_counter := 5.10 6.1
# Without Linux's own notifier for WireGuard, and with it.
only_wireguard := 6.1-cloud 6.12
more_wireguard := 5.10 6.1
# An interface of MACsec is much the same on all.
only_macsec := 6.12
more_macsec := 5.10 6.1-cloud
# The library is the same on all; only these have Linux's VMClock.
only_crowd  := 6.12
more_crowd  := 6.1
only_sources := 6.1-cloud 6.12
only_vmclock := newest
more_vmclock := 7.2
# Without the module there is the kernel's log, and there VMClock as well.
only_witness := 6.1
more_witness := 7.2
# This is about what only the kernel with sanitizers does.
only_mutants := debug debug-arm64
only_nodes   := debug
# A kernel that is built for it, from the same source, so only make check-all does.
only_bare := bare
# What make check-debug leaves out: what comes with kernels of its own, or talks
# over a network, which that kernel has not; what is about user space or about
# speed, which on that kernel takes minutes and finds nothing more; and what
# counts instructions, of which there are so many there that ACPI gives up
# (hibernate), that programs ahead of all others leave no time to the rest
# (order), or that one by one they take half an hour (midway).
not_debug   := $(whole) acpi awslc bare boots bound clones connections crowd ctl daemon devicetree examples faults \
	       first herd hibernate hostile keys libvirt macsec metrics midway migration orchestrator order policy remedies report secureboot soak sources spinners \
	       uefi vmclock wireguard witness
# ARM, with a device tree and with ACPI under UEFI.
on_arm          := $(filter %-arm64,$(KERNELS))
only_devicetree ?= $(or $(on_arm),none)
only_uefi       := $(or $(on_arm),none)
also_restore    ?= $(on_arm)
also_siblings   ?= $(on_arm)
more_devicetree := 6.12-rt-arm64 newest-arm64
more_restore    := 6.1-arm64 6.12-rt-arm64 newest-arm64
more_siblings   := 6.1-arm64 6.12-arm64 6.12-rt-arm64
# Programs as their authors write them.
only_examples := 6.1-cloud
some    = $(if $(filter $(1),$(everywhere)),,$(if $(filter $(1),$(on_one)),$(one),$(usual)))
runs_on = $(filter $(KERNELS),$(or $(only_$(1)),$(call some,$(1)),$(filter-out %-arm64,$(KERNELS))) $(also_$(1)))
# What make check-all adds.
adds_on = $(filter-out $(call runs_on,$(1)),$(filter $(KERNELS),$(more_$(1))))

# --- What is run --------------------------------------------------------------

# The package of what scenarios import, of which some modules are programs.
harness = PYTHONPATH=tests/vm $(PYTHON) -m harness

vm_programs := $(O)/tests/vm/guest/init $(guest:%=$(O)/asan/%) $(O)/asan/tests/vm/guest/abi32 \
	       $(examples:%=$(O)/asan/%) $(O)/tsan/tests/vm/guest/crowd \
	       $(addprefix $(O)/tests/vm/guest/,boringssl chatter chore draw first flood info listen mute nodes rights stamp stranger strike window) $(O)/asan/vmgend $(O)/asan/vmgenctl $(O)/asan/clock $(hook_programs:%=$(O)/asan/%) \
	       $(if $(filter %-arm64,$(KERNELS))$(filter check-debug,$(MAKECMDGOALS)),$(patsubst %,$(O)/aarch64/tests/vm/guest/%,init abi draw info library notice))
vm_tests    := $(foreach s,$(whole) $(filter-out $(whole),$(SCENARIOS)),$(if $(filter $(s),$(SCENARIOS)),\
	       $(foreach k,$(call runs_on,$(s)),$(O)/check/$(k)/$(s).t)))
more_tests  := $(foreach s,$(SCENARIOS),$(foreach k,$(call adds_on,$(s)),$(O)/check/$(k)/$(s).t))

# With larger pages: the ID's place in one, and the mapping of it.
more_tests  += $(if $(filter uefi,$(SCENARIOS)),$(if $(on_arm),$(O)/check/newest-16k-arm64/uefi.t))
more_tests  += $(if $(filter bare,$(SCENARIOS)),$(O)/check/bare/bare.t)

# The unit tests for ARM, built by the cross compiler of that release of Debian.
more_tests  += $(O)/check/bookworm/cross.t

# OpenSSL's own tests, on the provider: OpenSSL has to be built for them.
more_tests  += $(O)/check/bookworm/upstream.t

# Real hosts, and QEMU's newest. The kernels are those that make check-all takes there.
on_hosts    := 6.1/kvm 6.1/xen 6.12/libvirt 6.12/migration 6.12/restore 6.12/acpi 6.12-arm64/acpi newest/vmclock
hosts_tests := $(patsubst %,$(O)/check/%.t,$(foreach s,$(SCENARIOS),$(filter %/$(s),$(on_hosts))))

debug_tests := $(patsubst %,$(O)/check/debug/%.t,$(filter-out $(not_debug),$(SCENARIOS))) \
	       $(patsubst %,$(O)/check/debug-arm64/%.t,$(filter devicetree mutants,$(SCENARIOS)))

# What check-hooks runs to its end, and in Debian 13.
long_tests  := $(patsubst %,$(O)/check/6.1/%.t,samba services) $(O)/check/6.12-trixie/samba.t

# A whole Debian of each of these releases: with the packages, and the newer OpenSSL.
release_tests := $(patsubst %,$(O)/check/%.t,bookworm/fleet bookworm/install)
more_tests    += $(patsubst %,$(O)/check/%.t,bookworm/upgrade trixie/install trixie/upgrade trixie/sysext 6.12-trixie/inventory 6.12-trixie/openssl 6.12-trixie/renewal \
		 $(foreach r,bookworm trixie testing,$(r)/minimal))

# The README's own lines, in a booted Debian that has nothing: compilers are slow there.
readme_tests := $(foreach r,bookworm trixie testing,$(foreach w,readme elsewhere source,$(O)/check/$(r)/$(w).t))
more_tests   += $(readme_tests)

# One file for each scenario and kernel, so that prove has a line for each.
$(sort $(vm_tests) $(more_tests) $(debug_tests) $(long_tests) $(release_tests) $(hosts_tests)): tests/matrix.mk
	@mkdir -p $(@D)
	@printf '#!/bin/sh\nexec $(PYTHON) %s/tests/vm/t-%s.py %s\n' \
		'$(CURDIR)' '$(basename $(notdir $@))' '$(notdir $(@D))' >$@ && chmod +x $@

# Domain controllers with the Samba of these suites; make check has what shows most, with the
# first, and make check-all what is written before the repair comes.
samba_suites  := bookworm trixie testing
samba_names   := $(patsubst tests/samba/t-%.py,%,$(wildcard tests/samba/t-*.py))
samba_tests   := $(foreach s,$(samba_suites),$(samba_names:%=$(O)/check/$(s)/samba-%.t))
samba_checked := $(patsubst %,$(O)/check/bookworm/samba-%.t,again boots clone crash full master \
		 nested rollback units)

more_tests    += $(O)/check/bookworm/samba-late.t

$(samba_tests): tests/matrix.mk
	@mkdir -p $(@D)
	@printf '#!/bin/sh\nPYTHONPATH=%s/tests/vm exec $(PYTHON) %s/tests/samba/t-%s.py %s\n' \
		'$(CURDIR)' '$(CURDIR)' '$(patsubst samba-%,%,$(basename $(notdir $@)))' \
		'$(notdir $(@D))' >$@ && chmod +x $@

# What is built before the tests is built on all CPUs; a -j of the caller's counts.
ifneq ($(filter check%,$(MAKECMDGOALS)),)
MAKEFLAGS += -j$(shell nproc)
endif

# All that are missing at once: each alone would read the lists of packages again.
ifneq ($(and $(filter check check-all,$(MAKECMDGOALS)),$(if $(TESTS),,all)),)
$(KERNELS:%=module-%): | fetched
endif
fetched: | need-deps
	@$(harness).kernel fetch $(KERNELS)

modules: $(KERNELS:%=module-%)
module-%: force | need-deps
	$(Q)$(harness).module $* --source kmod --out $(O)/modules/$*

# What files of tests need that is built: those in $(O), and what guests and scripts take from it.
kernels_of = $(sort $(foreach t,$(filter $(O)/check/%,$(1)),$(notdir $(patsubst %/,%,$(dir $(t))))))
needs      = all $(filter $(O)/%,$(1)) \
	     $(if $(filter $(O)/check/%,$(1)),$(vm_programs)) \
	     $(if $(filter %/malformed.t %/shapes.t,$(1)),$(O)/asan/tests/acpica/find) \
	     $(patsubst %,module-%,$(filter-out $(samba_suites),$(call kernels_of,$(1)))) \
	     $(if $(filter tests/%,$(1)),$(tried) $(bench:%=$(O)/%))

# TESTS= has a run's place: one file that failed, alone, with the settings that it failed with.
chosen = $(or $(TESTS),$(1))
# Blanks in values are out of the way meanwhile.
given  = $(subst ~,\ ,$(filter-out TESTS=%,$(subst \ ,~,$(MAKEOVERRIDES))))
again  = make $@ $(subst ','\'',$(given))
define prove
	@$(PYTHON) tests/runner/suite.py --log $(O)/$(if $(TESTS),again,$@).log --again '$(strip $(again))' \
		$(call chosen,$(1))
endef

export O
asan_tests := $(unit:%=$(O)/asan/%)
unit_tests := $(asan_tests) $(lib_unit:%=$(O)/tsan/%) $(ssl_unit:%=$(O)/tsan/%)
# What tests/t-valgrind.sh and tests/t-fuzz.sh run.
tried      := $(lib_unit:%=$(O)/%) $(fuzzers) $(fuzz_faulty:%=$(fuzz_bin)/%) $(acpi_fuzzers:%=$(O)/fuzz/%) $(O)/fuzz/seeds
host_tests := $(wildcard tests/t-*.sh) $(acpica_checked)
# Those that take long come first where nothing is known of an earlier run.
check_tests := $(release_tests) $(vm_tests) $(samba_checked) $(host_tests) $(unit_tests)
check: $(call needs,$(call chosen,$(check_tests)))
	$(call prove,$(check_tests))

check-all: export VMGEN_ALL := 1
check-all: $(call needs,$(call chosen,$(check_tests) $(more_tests)))
	@echo 'Beyond make check: figures of siblings on stock kernels, order with 2 CPUs,$(patsubst $(O)/check/%.t, %,$(more_tests))'
	$(call prove,$(check_tests) $(more_tests))

# For daily work: the source, the unit tests, and on one kernel what shows most.
quick_kernel  := $(firstword $(filter 6.12,$(KERNELS)) $(KERNELS))
quick         := $(filter ctl daemon restore siblings unwatched window,$(SCENARIOS))
quick_scripts := checkers compilers completion manual options readme runner style
quick_tests   := $(quick:%=$(O)/check/$(quick_kernel)/%.t) $(quick_scripts:%=tests/t-%.sh) $(asan_tests) \
		 $(acpica_checked)
check-quick: $(call needs,$(call chosen,$(quick_tests)))
	$(call prove,$(quick_tests))

# Where a machine leaves them little. One of SCENARIOS= and UNITS= leaves the other out.
REPEAT ?= 10
UNITS  ?= $(if $(filter command environment,$(origin SCENARIOS)),,$(patsubst tests/unit/t-%.t,%,$(unit)))
steady_tests := $(if $(filter command environment,$(origin UNITS)),\
			$(if $(filter command environment,$(origin SCENARIOS)),$(vm_tests)),$(vm_tests)) \
		$(UNITS:%=$(O)/asan/tests/unit/t-%.t)
check-steady: $(call needs,$(call chosen,$(steady_tests)))
	@$(PYTHON) tests/runner/steady.py --repeat $(REPEAT) --again '$(strip $(again))' \
		$(call chosen,$(steady_tests))

# The hooks, also where that takes longer.
check-hooks: export VMGEN_LONG := 1
check-hooks: $(call needs,$(call chosen,$(long_tests) $(samba_tests)))
	$(call prove,$(long_tests) $(samba_tests))

# Xen, KVM and libvirt, with the commands that their users type.
check-hosts: export VMGEN_ALL := 1
check-hosts: $(call needs,$(call chosen,$(hosts_tests)))
	$(call prove,$(hosts_tests))

check-debug: $(call needs,$(call chosen,$(debug_tests)))
	$(call prove,$(debug_tests))

# The long form; VMGEN_SEED= repeats the moments of a run before.
KILLS ?= 500
CUTS  ?= 100
check-faults: export VMGEN_KILLS := $(KILLS)
check-faults: export VMGEN_CUTS  := $(CUTS)
check-faults: $(call needs,$(call chosen,$(filter %/faults.t,$(vm_tests))))
	$(call prove,$(filter %/faults.t,$(vm_tests)))

static_tests := tests/t-checkers.sh tests/t-compilers.sh tests/t-style.sh
check-static: all
	$(call prove,$(static_tests))

# Without prove, which would keep the list of kernels to itself.
check-kernels: export KCFLAGS := -Werror
check-kernels: | need-deps
	@$(harness).headers

demo: all module-6.1-cloud $(O)/tests/vm/guest/init $(O)/tests/vm/guest/draw
	@$(harness).demo $(if $(CLONES),'$(subst ','\'',$(CLONES))')

bench: all $(bench_kernels:%=module-%) $(addprefix $(O)/tests/vm/guest/,init chatter draw stamp waiters) $(bench:%=$(O)/%)
	@PYTHONPATH=tests/vm $(PYTHON) tests/bench/report.py --kernels $(bench_kernels) -- $(PARTS)

help::
	@printf '\nTests, in tests/matrix.mk:\n'
	@echo 'make demo       two clones of one snapshot side by side, without and with vmgen; CLONES=4:'
	@echo '                so many with it, and when each reports to its host that it is repaired'
	@echo 'make check      all tests; KERNELS= and SCENARIOS= choose among them, TESTS= names files'
	@echo 'make check-static   of these, the checks of the source alone'
	@echo 'make check-quick    for daily work: the source, unit tests, one kernel'
	@echo 'make check-all  and on more kernels what differs little there'
	@echo 'make check-steady   scenarios and unit tests, REPEAT=$(REPEAT) times each on a busy CPU;'
	@echo '                KERNELS=, SCENARIOS= and UNITS= choose among them'
	@echo 'make check-kernels  builds the module for every kernel that Debian has'
	@echo 'make check-hooks  what ships as hooks: domain controllers of $(samba_suites)'
	@echo 'make check-hosts  real hypervisors: Xen and KVM in an emulated machine, libvirt'
	@echo 'make check-faults  vmgend: KILLS=$(KILLS), CUTS=$(CUTS) of the power'
	@echo 'make check-debug  the scenarios on kernels with sanitizers, built at first'
	@echo 'make bench      what a check costs and misses; KERNELS= and PARTS= choose'

.PHONY: fetched modules check check-all check-quick check-steady check-debug check-faults check-hooks check-hosts check-static check-kernels demo bench
