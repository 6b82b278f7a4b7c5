# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# The module for one kernel, for machines that do not build it: signed if there is a key, and in
# a package. Part of the Makefile.

# Told before anything is built.
odd      = $(shell printf %s '$(subst ','\'',$(KREL))' | tr -d 'A-Za-z0-9.+~_-')
headers  = $(if $(odd)$(if $(KREL),,none),$(error KREL= is no release of a kernel: take what \
	"uname -r" prints there))$(if $(wildcard $(KDIR)/Makefile),,$(error There are no headers of \
	Linux $(KREL)$(if $(filter file,$(origin KREL)),$(,) the kernel that runs$(,)) in $(KDIR): \
	install linux-headers-$(KREL)$(,) as Debian calls them$(,) or say by KDIR= where they \
	are$(if $(with_headers),$(,) or by KREL= one of: $(with_headers))))
# In the chroot of an image the kernel that runs is the host's.
with_headers = $(patsubst /lib/modules/%/build/Makefile,%,$(wildcard /lib/modules/*/build/Makefile))
STRIP   ?= strip
sign     = STRIP='$(STRIP)' packaging/module/sign '$(KDIR)' '$(SIGN_KEY)' '$(SIGN_CERT)'

define take
	$(Q)cp $(O)/kmod-$(KREL)/vmgenc.ko $(1)
	$(if $(SIGN_KEY),,$(Q)$(STRIP) --strip-debug $(1))
endef

module_tree := $(O)/deb/vmgen-module-$(KREL)
deb-module: kmod | need-deps
	$(Q)rm -rf $(module_tree) && mkdir -p $(module_tree)
	$(call take,$(module_tree).ko)
	$(Q)set -e; set -- $$(packaging/module/lay '$(KREL)' $(module_tree).ko $(module_tree)); \
	rm $(module_tree).ko; \
	$(call changelog,$$1) >$(module_tree)/debian/changelog; \
	cd $(module_tree) && env -u MAKEFLAGS -u MAKELEVEL -u O dpkg-buildpackage -us -uc -b -a $$2

# An extension for systemd-sysext has no /etc, and is merged after modules are loaded. Programs look
# for libraries in a directory of our own, or those would take the place of the system's.
sysext := $(abspath $(O))/sysext
sysext: kmod | need-deps
	$(Q)rm -rf $(sysext)/vmgen
	$(Q)$(MAKE) --no-print-directory install O=$(sysext) DESTDIR=$(sysext)/vmgen PREFIX=/usr \
		PROVIDER=no CONFDIR=/usr/share/vmgen/etc CLEANDIR=/usr/src MODULESLOADDIR=/usr/src \
		LDFLAGS='$(LDFLAGS) -s -Wl,-rpath,/usr/lib/vmgen'
	$(call take,$(sysext)/vmgenc.ko)
	$(Q)packaging/sysext/lay '$(KREL)' $(sysext)/vmgenc.ko $(sysext)/vmgen
	$(Q)tar -C $(sysext) --sort=name $(tar_flags) -czf $(sysext)/vmgen-sysext.tar.gz vmgen
	@echo '  TAR     $(sysext)/vmgen-sysext.tar.gz'

help::
	@echo 'make deb-module the module for KREL= in a Debian package of its own, into O=build/deb;'
	@echo '                SIGN_KEY= SIGN_CERT= sign it, and so they do for make kmod'
	@echo 'make sysext     an extension for systemd-sysext, with the module for KREL=, into O=build/sysext'

.PHONY: deb-module sysext
