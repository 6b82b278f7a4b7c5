# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# make help lists the targets.

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:
.SUFFIXES:

VERSION    := 0.1.0
# Bump whenever the ABI of libvmgen breaks.
SOVERSION  := 1

# no: without libsystemd, and systemd's units are not installed; without the provider for OpenSSL 3.
SYSTEMD    ?= yes
PROVIDER   ?= yes
$(foreach v,SYSTEMD PROVIDER,$(if $(filter yes no,$($(v))),,$(error $(v)=$($(v)): it is yes or no)))

# An empty one would build into the root directory.
override O := $(or $(O),build)
ifneq ($(words $(O)),1)
$(error O=$(O) has a blank in it, which targets of make cannot have: name another directory)
endif
ifneq ($(words $(CURDIR)),1)
$(error $(CURDIR) has a blank in it, and make takes its names apart there: move the source)
endif
PREFIX     ?= /usr/local
BINDIR     ?= $(PREFIX)/bin
SBINDIR    ?= $(PREFIX)/sbin
LIBDIR     ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
COMPLETIONDIR ?= $(PREFIX)/share/bash-completion/completions
DATADIR    ?= $(PREFIX)/share
MANDIR     ?= $(PREFIX)/share/man
UNITDIR    ?= $(PREFIX)/lib/systemd/system
GENERATORDIR ?= $(UNITDIR)-generators
CATALOGDIR ?= $(PREFIX)/lib/systemd/catalog
MODULESLOADDIR ?= $(PREFIX)/lib/modules-load.d
# Where cloud-init, vmgend, its hooks and DKMS look, with any prefix.
CLEANDIR   ?= /etc/cloud/clean.d
CONFDIR    ?= /etc/vmgen
HOOKSDIR   ?= /usr/lib/vmgen/hooks.d
LIBEXECDIR ?= /usr/libexec/vmgen
# Where OpenSSL looks for providers.
PROVIDERDIR ?= $(shell $(PKG_CONFIG) --variable=modulesdir libcrypto 2>/dev/null)
DKMSDIR    ?= /usr/src/vmgenc-$(VERSION)
KREL       ?= $(shell uname -r)
KDIR       ?= /lib/modules/$(KREL)/build
PKG_CONFIG ?= pkg-config
PYTHON     ?= python3

# --- Flags --------------------------------------------------------------------

ifneq ($(V),1)
Q   := @
say  = @printf '  %-7s %s\n' $(1) $(patsubst $(O)/%,%,$@);
endif

CFLAGS ?= -O2 -g
WARN   := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	  -Wpointer-arith -Wwrite-strings -Wformat=2 -Wundef -Wvla
# Each with the package of Debian that has it, and what does without it.
libs   := libevent_core:libevent-dev inih:libinih-dev json-c:libjson-c-dev libmd:libmd-dev \
	  libmnl:libmnl-dev libnftnl:libnftnl-dev $(if $(filter yes,$(SYSTEMD)),libsystemd:libsystemd-dev:SYSTEMD=no)
CRYPTO_LIBS ?= -lcrypto
LIBS   ?= $(shell $(PKG_CONFIG) --libs $(foreach l,$(libs),$(firstword $(subst :, ,$(l)))))

# Where hooks find our programs, if the system's PATH has not got it.
empty :=
space := $(empty) $(empty)
own_path := $(subst $(space),,$(patsubst %,%:,$(filter-out /usr/%bin /usr/local/%bin,$(SBINDIR) $(BINDIR))))

# Ours are overrides: CFLAGS= on the command line must not lose them.
override CPPFLAGS += -D_GNU_SOURCE -DVERSION='"$(VERSION)"' -DBINDIR='"$(BINDIR)"' -DDATADIR='"$(DATADIR)"' -DOWN_DIRECTORIES='"$(own_path)"' -Ilibvmgen -Idaemon -Itests -I$(O) \
		     -isystem kmod/uapi
override CFLAGS   += -std=gnu11 $(WARN) -MD -MP
ifdef SAN
override CFLAGS   += -fsanitize=$(SAN) -fno-omit-frame-pointer
endif
# Continuous integration: a warning is an error there.
ifneq ($(filter 1 true,$(WERROR) $(CI)),)
override CFLAGS   += -Werror
export KCFLAGS    := -Werror
endif
plain :=
asan  := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
tsan  := -fsanitize=thread -fno-omit-frame-pointer

# Every object depends on the command line that would build it and on what is looked for, and what
# names installed files on where those go.
$(O)/.flags: text = $(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) SYSTEMD=$(SYSTEMD) PROVIDER=$(PROVIDER) $(libs) $(probes)
$(O)/.paths: text = $(PREFIX) $(BINDIR) $(SBINDIR) $(LIBDIR) $(INCLUDEDIR)
$(O)/.flags $(O)/.paths: force
	@mkdir -p $(@D); echo '$(subst ','\'',$(text))' | cmp -s - $@ || \
		echo '$(subst ','\'',$(text))' >$@
force:

# What the C library has, by the header that declares it; daemon/base/compat.h supplies the rest.
probes := _Fork:unistd.h close_range:unistd.h execveat:unistd.h pidfd_open:sys/pidfd.h scandirat:dirent.h \
	  sigabbrev_np:string.h strerrordesc_np:string.h
$(O)/have.h: $(O)/.flags
	$(call say,PROBE)
	$(Q)probe() { \
		printf '\043include <%s>\nint main(void) { return (long)%s == 1; }\n' "$${1#*:}" "$${1%:*}" | \
			$(CC) $(CPPFLAGS) $(filter-out -MD -MP,$(CFLAGS)) $(LDFLAGS) -o $@.probe -x c -; }; \
	probe getpid:unistd.h && \
	for p in $(probes); do ! probe $$p 2>/dev/null || echo "$${p%:*}"; done | \
		tr a-z A-Z | sed 's/^/#define HAVE_/' >$@ && rm -f $@.probe

# What is missing, before the compiler lacks its header. LIBS= is the caller's.
$(O)/.libraries: $(O)/.flags
	@$(PKG_CONFIG) --version >/dev/null 2>&1 || \
		{ echo 'vmgen: $(PKG_CONFIG) is missing; on Debian it comes with pkg-config' >&2; exit 1; }
	@printf '%s\n' $(if $(filter file,$(origin LIBS)),$(libs)) \
		$(if $(filter yes,$(PROVIDER)),'libcrypto >= 3:libssl-dev:PROVIDER=no') | { \
		found=:; while IFS=: read -r library package option; do \
			[ -z "$$library" ] || $(PKG_CONFIG) --exists "$$library" || { found=false; \
			echo "vmgen: $$library is missing; on Debian it comes with $$package$${option:+, and make $$option does without it}" >&2; }; \
		done; $$found; } && touch $@

# --- User space ---------------------------------------------------------------

lib_obj    := $(patsubst %.c,%.o,$(wildcard libvmgen/*.c))
# Those of vmgend, each above the ones before it; CONTRIBUTING.md tells what is in them.
rooms      := base process keys config rng record sentinel courier witness run guard repair identity
daemon_obj := $(patsubst %.c,%.o,$(filter-out daemon/main.c,$(wildcard daemon/*.c $(rooms:%=daemon/%/*.c))))
ctl_obj    := $(patsubst %.c,%.o,$(filter-out daemon/ctl/main.c,$(wildcard daemon/ctl/*.c daemon/ctl/*/*.c)))
# Hooks that are programs: NN-NAME, NN-NAME-manual or NN-NAME-ad of daemon/hooks/NAME.c.
hook_programs := 10-connections 10-ipsec 10-ipsec-manual 10-macsec 10-macsec-manual 10-replica 10-samba-ad 10-wireguard 30-wireguard 50-ipsec 50-macsec
unit       := $(patsubst %.c,%.t,$(wildcard tests/unit/t-*.c))
# Of those, what tests the library alone.
lib_unit   := $(addprefix tests/unit/,t-source.t t-generation.t t-guard.t t-holder.t t-device.t t-vmgenid.t \
	      t-handle.t t-threads.t t-faults.t t-errors.t)
# The OpenSSL provider is loaded by any program, so it brings its libvmgen along.
ssl_obj    := $(patsubst %.c,%.o,$(wildcard libvmgen/openssl/*.c))
ssl_unit   := $(patsubst %,tests/unit/t-%.t,openssl stream fetch confined cleanup)
ifeq ($(PROVIDER),no)
unit       := $(filter-out $(ssl_unit),$(unit))
ssl_unit   :=
endif
# Those of the module on ACPICA, and the same with a fault, which they have to find.
acpi_fuzzers := $(addprefix tests/fuzz/acpi/,table result address result-untyped result-freed address-unaligned)
guest      := $(patsubst %.c,%,$(filter-out tests/vm/guest/init.c,$(wildcard tests/vm/guest/*.c)))
examples   := $(patsubst %.c,%,$(wildcard libvmgen/examples/*.c))
# Those of systemd.
units      := $(if $(filter yes,$(SYSTEMD)),$(O)/vmgend.service $(O)/vmgen.conf $(O)/vmgen-generator)
provider   := $(if $(filter yes,$(PROVIDER)),$(O)/vmgen.so)
bench      := $(patsubst %.c,%,$(filter-out tests/bench/guest/u32.c,$(wildcard tests/bench/guest/*.c)))
man        := $(patsubst %.scd,%,$(wildcard kmod/*.scd packaging/*.scd libvmgen/*.scd $(if $(provider),libvmgen/openssl/*.scd) daemon/*.scd daemon/acpi/*.scd daemon/samba/*.scd))
# Functions that share a page with the first of them.
also_open    := close info reopen
also_changed := changed_now generation settled
also_wait    := event fd read
man_links    := $(patsubst %,libvmgen/vmgen_%.3,$(also_open) $(also_changed) $(also_wait))
soname     := libvmgen.so.$(SOVERSION)
so         := $(soname).0.0

all: $(O)/vmgend $(O)/vmgenctl $(O)/clock $(O)/client $(O)/listed $(hook_programs:%=$(O)/%) $(O)/libvmgen.a $(O)/$(so) $(provider) $(O)/libvmgen.pc \
     $(units) $(O)/dkms.conf $(O)/80-vmgen $(O)/identities $(man:%=$(O)/%) $(man_links:%=$(O)/%)

# What is made of others' libraries.
linked := $(ssl_obj) $(patsubst %.c,%.o,$(wildcard daemon/*.c daemon/*/*.c daemon/*/*/*.c))

, := ,
# A program may have any names of its own: the archive is one object, in which ours are local.
# The compiler finds linker and objcopy of its target by itself. Groups, which hold what each
# object brings again, would be sought by names that are local by then; lld does not know the word.
OBJCOPY   ?= $(or $(shell $(CC) -print-prog-name=objcopy 2>/dev/null),objcopy)
one_object = $(filter-out -fsanitize=% -flto%,$(CFLAGS)) -fno-lto -nostdlib -r \
	     $(shell $(CC) -Wl,--help 2>/dev/null | sed -n 's/.*\(--force-group-allocation\).*/-Wl,\1/p')

define link
	$(call say,LD)
	$(Q)$(CC) $(CFLAGS) $($(1)) $(LDFLAGS) $(wraps) -Wl,--as-needed,-z,now -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LIBS)
endef

# The same rules once as shipped and once with sanitizers, for the tests.
define flavour
$(1)/%.o: %.c $(O)/.flags | $(O)/have.h
	$$(call say,CC)
	$(Q)mkdir -p $$(@D)
	$(Q)$$(CC) $$(CPPFLAGS) $$(CFLAGS) $$($(2)) $$(plain_code) -fPIC -fvisibility=hidden -c -o $$@ $$<

$(linked:%=$(1)/%): | $(O)/.libraries

# With -flto there would be nothing in the archive that another compiler can link.
$(lib_obj:%=$(1)/%): private plain_code := $(if $(findstring -flto,$(CFLAGS)),-fno-lto)
$(1)/libvmgen.o: $(lib_obj:%=$(1)/%)
	$$(call say,LD)
	$(Q)$$(CC) $$(one_object) -o $$@ $$^ && $$(OBJCOPY) --localize-hidden $$@
$(1)/libvmgen.a: $(1)/libvmgen.o
$(1)/provider.a: $(ssl_obj:%=$(1)/%)
$(1)/daemon.a: $(daemon_obj:%=$(1)/%)
$(1)/ctl.a: $(ctl_obj:%=$(1)/%)
$(1)/libvmgen.a $(1)/provider.a $(1)/daemon.a $(1)/ctl.a:
	$$(call say,AR)
	$(Q)rm -f $$@; $$(AR) rcs $$@ $$^

$(1)/vmgend: $(1)/daemon/main.o $(1)/daemon.a $(1)/libvmgen.a
$(1)/vmgenctl: $(1)/daemon/ctl/main.o $(1)/ctl.a $(1)/daemon.a $(1)/libvmgen.a
$(1)/vmgend $(1)/vmgenctl:
	$$(call link,$(2))
$(1)/clock: $(patsubst %,$(1)/daemon/hooks/%.o,clock pageclock)
$(1)/client: $(patsubst %,$(1)/daemon/hooks/%.o,client candidate $(if $(filter yes,$(SYSTEMD)),unit,unitless))
$(1)/listed: $(1)/daemon/hooks/listed.o $(1)/daemon.a
$(foreach p,$(hook_programs),$(eval $(1)/$(p): $(1)/daemon/hooks/$(word 2,$(subst -, ,$(p))).o $(1)/daemon.a))
$(1)/10-macsec $(1)/10-macsec-manual $(1)/50-macsec: $(patsubst %,$(1)/daemon/hooks/%.o,candidate supplicant)
$(1)/10-ipsec $(1)/10-ipsec-manual $(1)/50-ipsec $(1)/tests/unit/t-ike.t: \
	$(patsubst %,$(1)/daemon/hooks/%.o,association ipsecguard ipsecmanual ipsecrepair)
$(1)/10-replica $(1)/10-samba-ad: $(1)/daemon/hooks/freezer.o
$(1)/10-replica: $(patsubst %,$(1)/daemon/%.o,hooks/fencing hooks/members ctl/systemd/alias ctl/systemd/dropin ctl/systemd/manager ctl/systemd/mask)
$(1)/vmgen-generator: $(patsubst %,$(1)/daemon/%.o,hooks/generator hooks/members ctl/systemd/dropin) $(1)/daemon.a
$(1)/tests/unit/t-pageclock.t: $(1)/daemon/hooks/pageclock.o
$(1)/tests/unit/t-ipsecmanual.t $(1)/tests/unit/t-ipsecrepair.t: $(1)/daemon/hooks/association.o
$(1)/clock $(1)/client $(1)/listed $(1)/vmgen-generator $(hook_programs:%=$(1)/%):
	$$(call link,$(2))
$(guest:%=$(1)/%) $(examples:%=$(1)/%): %: %.o $(1)/libvmgen.a
	$$(call link,$(2))
$(lib_unit:%=$(1)/%): %.t: %.o $(1)/libvmgen.a
	$$(call link,$(2))
# Before glibc 2.34 they are libraries of their own.
$(unit:%=$(1)/%): private LIBS += -pthread -lutil -ldl
$(ssl_unit:%=$(1)/%): private LIBS := $(CRYPTO_LIBS)
$(ssl_unit:%=$(1)/%): %.t: %.o $(1)/provider.a $(lib_obj:%=$(1)/%)
	$$(call link,$(2))
$(1)/tests/unit/%.t: $(1)/tests/unit/%.o $(1)/ctl.a $(1)/daemon.a $(1)/libvmgen.a
	$$(call link,$(2))
# What tests/unit/calls.h stands in for.
$(addprefix $(1)/tests/unit/,t-device.t t-vmgenid.t t-threads.t t-faults.t t-handle.t t-errors.t) $(ssl_unit:%=$(1)/%): \
	private wraps := $(wraps_of_calls)
$(1)/tests/unit/t-wireguard.t: private wraps := $(addprefix -Wl$(,)--wrap=mnl_socket_,sendto recvfrom get_fd)
endef
wraps_of_calls := $(addprefix -Wl$(,)--wrap=,calloc stat __xstat open fstat __fxstat mmap ioctl read pread \
		  write close fcntl getrandom nanosleep syscall)
$(eval $(call flavour,$(O),plain))
$(eval $(call flavour,$(O)/asan,asan))
$(eval $(call flavour,$(O)/tsan,tsan))

# A dependency that is missing fails here, not at the user's; sanitizers are one.
defs := $(if $(SAN),,-Wl,-z,defs)
$(O)/$(so): $(lib_obj:%=$(O)/%) libvmgen/libvmgen.map
	$(call say,LD)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -shared $(defs) -Wl,-soname,$(soname) \
		-Wl,--version-script=libvmgen/libvmgen.map -o $@ $(filter %.o,$^)

# Code that a thread may be in stays, no matter what is unloaded at exit.
$(O)/vmgen.so: $(ssl_obj:%=$(O)/%) $(lib_obj:%=$(O)/%) libvmgen/openssl/vmgen.map
	$(call say,LD)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -shared $(defs) -Wl,-z,nodelete \
		-Wl,--version-script=libvmgen/openssl/vmgen.map -o $@ $(filter %.o,$^) $(CRYPTO_LIBS)

# What programs can see of the library: from a directory with just its header,
# because the types of all others are its own.
$(O)/libvmgen.abi: $(O)/$(so) libvmgen/libvmgen.h
	$(call say,ABI)
	$(Q)mkdir -p $(O)/include && cp libvmgen/libvmgen.h $(O)/include
	$(Q)abidw --headers-dir $(O)/include --drop-private-types --exported-interfaces-only \
		--no-corpus-path --no-comp-dir-path --no-show-locs --type-id-style hash $< | \
		sed '1a <!-- SPDX-License-Identifier: BSD-2-Clause -->\n<!-- Copyright (C) the vmgen authors -->' >$@

abi: $(O)/libvmgen.abi
	cp $< libvmgen/libvmgen.abi

# What make bench measures with finds its libraries beside itself, also in a guest.
bench_lib := $(addprefix $(O)/tests/bench/guest/,$(soname) libu32.so)
$(O)/tests/bench/guest/$(soname): $(O)/$(so)
	$(Q)mkdir -p $(@D) && cp -p $< $@
$(O)/tests/bench/guest/libu32.so: $(O)/tests/bench/guest/u32.o
	$(call say,LD)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -shared -Wl,-soname,$(@F) -o $@ $<
$(O)/tests/bench/guest/tls: private libraries := -lssl -lcrypto
$(bench:%=$(O)/%): %: %.o $(bench_lib)
	$(call say,LD)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -Wl,--as-needed,-z,now,-rpath,'$$ORIGIN' -o $@ $< $(bench_lib) \
		$(libraries)

# PID 1 of the guests has nothing to load libraries with yet.
$(O)/tests/vm/guest/init: tests/vm/guest/init.c $(O)/.flags
	$(call say,CC)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -static -o $@ $<

# The guests have no 32-bit libraries, of the sanitizers neither.
$(O)/asan/tests/vm/guest/abi32: tests/vm/guest/abi.c $(O)/.flags
	$(call say,CC)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -m32 -static -o $@ $<

# The programs of ARM guests; CFLAGS may be this machine's.
$(O)/aarch64/tests/vm/guest/%: tests/vm/guest/%.c $(wildcard libvmgen/*.c) $(O)/.flags
	$(call say,CC)
	$(Q)mkdir -p $(@D)
	$(Q)clang --target=aarch64-linux-gnu $(CPPFLAGS) -std=gnu11 -O2 $(WARN) -static \
		-o $@ $(filter %.c,$^)

expand = sed -e 's|@VERSION@|$(VERSION)|g' -e 's|@PREFIX@|$(PREFIX)|g' \
	-e 's|@LIBDIR@|$(LIBDIR)|g' -e 's|@INCLUDEDIR@|$(INCLUDEDIR)|g' \
	-e 's|@SBINDIR@|$(SBINDIR)|g' -e 's|@BINDIR@|$(BINDIR)|g' -e 's|@OWN_PATH@|$(own_path)|g'
$(O)/libvmgen.pc: libvmgen/libvmgen.pc.in
$(O)/vmgend.service: packaging/systemd/vmgend.service.in
$(O)/vmgen.conf: packaging/systemd/samba-ad-dc.service.d/vmgen.conf.in
$(O)/dkms.conf: kmod/dkms.conf.in
$(O)/80-vmgen: packaging/cloud-init/80-vmgen.in
$(O)/libvmgen.pc $(O)/vmgend.service $(O)/vmgen.conf $(O)/dkms.conf $(O)/80-vmgen: $(O)/.paths Makefile
	$(call say,GEN)
	$(Q)$(expand) $(filter %.in,$^) >$@

# Where it is installed nothing else says what it is an inventory of.
$(O)/identities: daemon/identity/inventory
	$(call say,GEN)
	$(Q)cp $< $@

# A backslash is scdoc's own, and a C program's too; tabs are narrower in a page. The first line
# has man call tbl(1).
include = awk '/^@include / { file = "expand libvmgen/examples/" $$2; \
	while ((file | getline line) > 0) { gsub(/\\/, "&&", line); print line } next } 1'
$(man:%=$(O)/%): $(O)/%: %.scd $(O)/.flags
	$(call say,MAN)
	$(Q)mkdir -p $(@D) && { printf '%s\n' "'\\\" t"; $(include) $< | scdoc; } >$@
$(O)/libvmgen/libvmgen.3: $(examples:%=%.c)

$(also_open:%=$(O)/libvmgen/vmgen_%.3): page := vmgen_open.3
$(also_changed:%=$(O)/libvmgen/vmgen_%.3): page := vmgen_changed.3
$(also_wait:%=$(O)/libvmgen/vmgen_%.3): page := vmgen_wait.3
$(man_links:%=$(O)/%): $(O)/.flags
	$(call say,MAN)
	$(Q)mkdir -p $(@D) && echo '.so man3/$(page)' >$@

# --- Kernel module ------------------------------------------------------------

# Kbuild before 6.13 cannot build elsewhere, so it gets a copy for each kernel.
# O= and CC= mean something else to it, so no variable of this make may reach it. The bytes do
# not tell where it was built.
kmod: kdir := $(abspath $(O))/kmod-$(KREL)
kmod:
	@$(headers)$(sign)
	$(Q)mkdir -p $(kdir) && cp -pur kmod/. $(kdir)
	$(Q)env -u MAKEFLAGS KCFLAGS='$(KCFLAGS) -ffile-prefix-map=$(kdir)=.' $(MAKE) -C $(kdir) KDIR=$(abspath $(KDIR)) $(if $(KCC),CC=$(KCC)) $(if $(V),V=$(V)) modules
	@$(sign) $(kdir)/vmgenc.ko

clean:
	rm -rf build

# --- What the rest of the tree adds -------------------------------------------

help::
	@echo 'make            library, daemon, manual pages, into O=build'
	@echo 'make kmod       the kernel module, for KREL=$(KREL)'
	@echo 'make abi        records the ABI of the library; a release does'
	@echo 'SYSTEMD=no      without libsystemd and units; PROVIDER=no without the provider for OpenSSL 3'
	@echo 'Variables: O= V=1 CC= CFLAGS= SAN=address,undefined WERROR=1'

.PHONY: all abi kmod clean help force

include tests/acpica/acpica.mk
include tests/fuzz/fuzz.mk
include tests/fuzz/acpi/acpi.mk
include tests/matrix.mk
include tests/mutants/mutants.mk
include tests/proof.mk
include packaging/packages.mk
include packaging/module/module.mk
include packaging/html/html.mk
include packaging/dependencies.mk

-include $(shell find $(O) -type f -name '*.d' 2>/dev/null)
