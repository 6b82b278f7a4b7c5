# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# What is installed, and what packages are made of it. Part of the Makefile, which builds it.

# --- Installation -------------------------------------------------------------

# mode:source:directory, for install.sh.
files := 755:$(O)/vmgend:$(SBINDIR) \
	 755:$(O)/vmgenctl:$(BINDIR) \
	 755:$(O)/clock:$(LIBEXECDIR) \
	 755:$(O)/client:$(LIBEXECDIR) \
	 755:$(O)/listed:$(LIBEXECDIR) \
	 755:daemon/hooks/renewal:$(LIBEXECDIR) \
	 644:$(O)/libvmgen.a:$(LIBDIR) \
	 755:$(O)/$(so):$(LIBDIR) \
	 644:$(O)/libvmgen.pc:$(LIBDIR)/pkgconfig \
	 644:libvmgen/libvmgen.h:$(INCLUDEDIR) \
	 $(foreach h,$(wildcard kmod/uapi/vmgen/*.h),\
		644:$(h):$(INCLUDEDIR)/vmgen 644:$(h):$(DKMSDIR)/uapi/vmgen) \
	 644:$(O)/identities:$(DATADIR)/vmgen \
	 644:packaging/prometheus/vmgen.rules.yml:$(DATADIR)/vmgen/prometheus \
	 644:packaging/prometheus/vmgen-dashboard.json:$(DATADIR)/vmgen/prometheus \
	 644:packaging/bash-completion/vmgenctl:$(COMPLETIONDIR) \
	 644:packaging/bash-completion/vmgen-acpi-check:$(COMPLETIONDIR) \
	 644:packaging/modules-load.d/vmgenc.conf:$(MODULESLOADDIR) \
	 755:daemon/samba/vmgend-samba-ad:$(SBINDIR) \
	 $(foreach m,$(wildcard daemon/samba/samba_ad/*.py),644:$(m):$(PREFIX)/lib/vmgen/samba_ad) \
	 755:daemon/acpi/vmgen-acpi-check:$(BINDIR) \
	 $(foreach m,$(wildcard daemon/acpi/acpi_check/*.py),644:$(m):$(PREFIX)/lib/vmgen/acpi_check) \
	 644:$(O)/dkms.conf:$(DKMSDIR) \
	 $(foreach f,$(wildcard kmod/*.[ch] kmod/*.awk kmod/Kbuild kmod/Makefile),644:$(f):$(DKMSDIR)) \
	 $(foreach m,$(man) $(man_links),644:$(O)/$(m):$(MANDIR)/man$(patsubst .%,%,$(suffix $(m))))
ifeq ($(PROVIDER),yes)
files += 644:$(provider):$(PROVIDERDIR)
endif
ifeq ($(SYSTEMD),yes)
files += 644:$(O)/vmgend.service:$(UNITDIR) \
	 755:$(O)/vmgen-generator:$(GENERATORDIR) \
	 644:packaging/systemd/vmgen-changed.target:$(UNITDIR) \
	 644:packaging/systemd/vmgen.catalog:$(CATALOGDIR) \
	 644:$(O)/vmgen.conf:$(UNITDIR)/samba-ad-dc.service.d \
	 644:$(O)/vmgen.conf:$(UNITDIR)/samba.service.d
endif
hooks := $(wildcard daemon/hooks/[0-9][0-9]-*)
files += $(patsubst %,755:%:$(HOOKSDIR),$(filter-out %.conf,$(hooks)) $(hook_programs:%=$(O)/%))
# What an administrator may have changed stays, in both.
settings := $(patsubst %,644:%:$(CONFDIR)/hooks.conf.d,$(filter %.conf,$(hooks))) \
	    $(foreach f,kept-connections replica-units restart-units,644:daemon/hooks/$(f):$(CONFDIR)) \
	    644:daemon/hooks/example/README:$(CONFDIR)/hooks.d \
	    755:daemon/hooks/example/80-restart-web.example:$(CONFDIR)/hooks.d \
	    755:$(O)/80-vmgen:$(CLEANDIR)
$(foreach f,$(files) $(settings),$(if $(findstring :,$(f)),,$(error A directory to install into has \
	a blank in it, in front of "$(f)", where make takes names apart: name another directory)))
# The directories that are nobody else's, should the note of those that were made be lost.
own    := $(DKMSDIR) $(DKMSDIR)/uapi $(DKMSDIR)/uapi/vmgen $(INCLUDEDIR)/vmgen $(LIBEXECDIR) \
	  $(DATADIR)/vmgen $(DATADIR)/vmgen/prometheus $(PREFIX)/lib/vmgen $(PREFIX)/lib/vmgen/samba_ad $(PREFIX)/lib/vmgen/acpi_check $(UNITDIR)/samba-ad-dc.service.d \
	  $(UNITDIR)/samba.service.d $(HOOKSDIR) $(patsubst %/,%,$(dir $(HOOKSDIR))) $(CONFDIR) $(CONFDIR)/hooks.conf.d $(CONFDIR)/hooks.d
lists = printf '%s\n' $(files:%=file:%) $(settings:%=setting:%) $(own:%=own:%) \
	link:$(so):$(LIBDIR)/$(soname) link:$(soname):$(LIBDIR)/libvmgen.so

install: all
	@$(lists) | sh packaging/install.sh $@ $(O)/uninstall

uninstall:
	@$(lists) | sh packaging/install.sh $@ $(O)/uninstall

# --- Packages -----------------------------------------------------------------

# What is packed: as git has it where this directory is git's own, and else all that is there
# but what was built. Root builds in others' directories too. Another build of the same commit
# gives the same bytes.
git     := $(and $(wildcard .git),$(shell command -v git 2>/dev/null),git -c safe.directory='*')
changed := $(if $(git),$(shell $(git) log -1 --format=%ct 2>/dev/null))
export SOURCE_DATE_EPOCH ?= $(or $(changed),$(shell date -r NEWS.md +%s))
built   := .git build $(patsubst $(CURDIR)/%,%,$(abspath $(O)))
sources  = $(if $(git),$(git) ls-files -z,find . \( -name __pycache__ $(built:%=-o -path './%') \) \
	-prune -o ! -type d -printf '%P\0')
tar_flags = --mode=u=rwX,go=rX --mtime=@$(SOURCE_DATE_EPOCH) --owner=0 --group=0 --numeric-owner
tarball := $(O)/dist/vmgen-$(VERSION).tar.gz
dist:
	@mkdir -p $(dir $(tarball)) && $(sources) >$(tarball).list
	@test -s $(tarball).list || { echo 'make dist: git lists no files here' >&2; exit 1; }
	LC_ALL=C sort -z $(tarball).list | tar -c --null -T - --transform 's,^,vmgen-$(VERSION)/,' \
		$(tar_flags) >$(tarball:.gz=) && rm $(tarball).list
	gzip -nf $(tarball:.gz=)

deb_tree := $(O)/deb/vmgen-$(VERSION)
deb: deb-tree | need-deps
	cd $(deb_tree) && env -u MAKEFLAGS -u MAKELEVEL -u O dpkg-buildpackage -us -uc -b

changelog = printf '%s (%s) unstable; urgency=medium\n\n  * See NEWS.md.\n\n -- %s  %s\n' \
	"$(1)" '$(VERSION)' "$$(sed -n 's/^Maintainer: //p' packaging/debian/control)" \
	"$$(LC_ALL=C date -u -R -d @$(SOURCE_DATE_EPOCH))"

# What dpkg-buildpackage takes, also in a chroot of another release of Debian. Packages of an earlier
# version go, but those that make deb-module has made beside them stay.
deb-tree: dist
	mkdir -p $(O)/deb && find $(O)/deb -mindepth 1 -maxdepth 1 ! -name 'vmgen-module-*' -exec rm -rf {} +
	tar -xf $(tarball) -C $(O)/deb --no-same-owner
	cp -r packaging/debian $(deb_tree)/debian
	mkdir $(deb_tree)/debian/source && echo '3.0 (native)' >$(deb_tree)/debian/source/format
	$(call changelog,vmgen) >$(deb_tree)/debian/changelog

# On Debian what the spec file asks for goes by other names, and deps has it.
debian   := $(wildcard /etc/debian_version)
rpm_tree := $(abspath $(O))/rpm
# Nor where it was built; Fedora's tools see to that, and look for sources there.
mapped := $(if $(debian),CPPFLAGS=-ffile-prefix-map=$(rpm_tree)/BUILD=.)
rpmbuild = env -u MAKEFLAGS -u MAKELEVEL -u O $(mapped) rpmbuild $(1) --define '_topdir $(rpm_tree)' \
	--define 'use_source_date_epoch_as_buildtime 1' --define 'clamp_mtime_to_source_date_epoch 1' \
	--define '_buildhost localhost' $(if $(debian),--nodeps) $(RPMFLAGS) packaging/rpm/vmgen.spec
# Not -ba: in the source package is where it was made, and others would have its checksum in them.
rpm: dist | $(if $(debian),need-deps)
	rm -rf $(rpm_tree) && mkdir -p $(rpm_tree)/SOURCES
	cp $(tarball) $(rpm_tree)/SOURCES
	$(call rpmbuild,-bs)
	$(call rpmbuild,-bb)

help::
	@printf '\nInstallation and packages, in packaging/packages.mk:\n'
	@echo 'make install    DESTDIR= PREFIX=$(PREFIX); make uninstall takes it away'
	@echo 'make dist       the source as it is packed, vmgen-$(VERSION).tar.gz, into O=build/dist'
	@echo 'make deb        Debian packages, into O=build/deb'
	@echo 'make rpm        RPM packages, into O=build/rpm; RPMFLAGS= for rpmbuild'

.PHONY: install uninstall dist deb deb-tree rpm
