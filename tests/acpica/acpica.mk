# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# The module's code on the kernel's ACPICA, in user space: part of the Makefile.

acpica_tests := $(patsubst %.c,%.t,$(wildcard tests/acpica/t-*.c))
# The machine that is played, without the programs.
acpica_obj   := $(patsubst %.c,%.o,$(filter-out tests/acpica/find.c tests/acpica/t-%.c,$(wildcard tests/acpica/*.c))) \
		kmod/acpi.o kmod/device.o kmod/vmclock.o
acpica_uses  := kmod/acpi.c kmod/device.c kmod/vmclock.c kmod/vmgenc.h kmod/uapi/vmgen/vmgenid.h
# What ACPICA and those who include its headers are both told.
acpica_defines := -D_LINUX -DACPI_PCI_CONFIGURED -DUSE_NATIVE_ALLOCATE_ZEROED
acpica_tuned := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
export ACPICA_SRC

$(O)/acpica/.source: force
	@mkdir -p $(@D); echo '$(ACPICA_SRC)' | cmp -s - $@ || echo '$(ACPICA_SRC)' >$@

# The headers of the kernel that these files include and user space has not got: what they need
# of them is in kernel.h.
$(O)/acpica/kernel: $(acpica_uses) tests/acpica/acpica.mk
	$(call say,GEN)
	$(Q)rm -rf $@ && mkdir -p $@/linux $@/asm
	$(Q)for h in $$(sed -nE 's/^#include <((linux|asm)\/.*)>/\1/p' $(acpica_uses) | sort -u); do \
		echo "#include <$$h>" | $(CC) -E -x c - >/dev/null 2>&1 || : >$@/$$h; \
	done

# The flavour (1), its compiler (2), what that is told (3), and what for ACPICA alone (4).
define acpica_flavour
$(O)/$(1)/acpica/acpica.a: tests/vm/harness/acpica.py $(O)/acpica/.source tests/acpica/acpica.mk | need-deps
	$$(call say,ACPICA)
	$(Q)$$(harness).acpica build $$(@D) -- $(2) $(3) $(4) $(acpica_defines)

$(acpica_obj:%=$(O)/$(1)/%) $(O)/$(1)/tests/acpica/find.o $(acpica_tests:%.t=$(O)/$(1)/%.o): \
	$(O)/$(1)/%.o: %.c $(O)/$(1)/acpica/acpica.a $(O)/acpica/kernel $(O)/.flags
	$$(call say,CC)
	$(Q)mkdir -p $$(@D)
	$(Q)$(2) -D_GNU_SOURCE $(acpica_defines) -Itests -I$(O)/acpica/kernel -I$(O)/$(1)/acpica \
		-isystem $(O)/$(1)/acpica/include -isystem $(O)/$(1)/acpica/include/acpi -isystem kmod/uapi \
		$$(filter -Werror -std=% -W% -M%,$$(CFLAGS)) -Wno-unused-parameter -Wno-write-strings $(3) \
		$$(if $$(filter kmod/%,$$<),-include tests/acpica/kernel.h) -c -o $$@ $$<

$(O)/$(1)/tests/acpica/machine.a: $(acpica_obj:%=$(O)/$(1)/%)
	$$(call say,AR)
	$(Q)rm -f $$@; ar rcs $$@ $$^
endef
$(eval $(call acpica_flavour,asan,$(CC),$(acpica_tuned)))
# For fuzzers, tests/fuzz/acpi/acpi.mk: of ACPICA's own faults there are so many that it has to go on.
$(eval $(call acpica_flavour,fuzz,clang,$(acpica_tuned) -fsanitize=fuzzer-no-link,-fsanitize-recover=all))

$(O)/asan/tests/acpica/find $(acpica_tests:%=$(O)/asan/%): $(O)/asan/tests/acpica/machine.a \
	$(O)/asan/acpica/acpica.a
$(O)/asan/tests/acpica/find: $(O)/asan/tests/acpica/find.o
$(acpica_tests:%=$(O)/asan/%): %.t: %.o
$(O)/asan/tests/acpica/find $(acpica_tests:%=$(O)/asan/%):
	$(call say,LD)
	$(Q)$(CC) $(acpica_tuned) -o $@ $(filter %.o,$^) $(filter %machine.a,$^) $(filter %acpica.a,$^) -pthread

# -f and -oa: as they are written, also where that is wrong on purpose.
$(O)/tests/tables/%.aml: tests/tables/%.asl | need-deps
	$(call say,IASL)
	$(Q)mkdir -p $(@D) && { iasl -f -oa -p $(@D)/$* $< >$(@D)/$*.log 2>&1; test -s $@; } || { cat $(@D)/$*.log; exit 1; }
$(acpica_tests:%=$(O)/asan/%): $(O)/tests/tables/events.aml $(O)/tests/tables/twice.aml

# This one is in Python, because guests are asked the same.
$(O)/asan/tests/acpica/tables.t: tests/acpica/acpica.mk
	$(Q)mkdir -p $(@D)
	$(Q)printf '#!/bin/sh\nPYTHONPATH=%s/tests/vm exec $(PYTHON) %s/tests/acpica/t-tables.py acpica\n' \
		'$(CURDIR)' '$(CURDIR)' >$@ && chmod +x $@
$(O)/asan/tests/acpica/tables.t: | $(O)/asan/tests/acpica/find

acpica_checked := $(acpica_tests:%=$(O)/asan/%) $(O)/asan/tests/acpica/tables.t
acpica: $(O)/asan/tests/acpica/find $(acpica_checked)

help::
	@echo 'make acpica     the module on ACPICA: $(O)/asan/tests/acpica/find; ACPICA_SRC= names a kernel'

.PHONY: acpica
