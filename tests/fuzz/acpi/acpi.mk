# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# The fuzzers of the module's code on ACPICA: part of the Makefile.

acpi_fuzz    := $(O)/fuzz/tests/fuzz/acpi
# What judge.c and bound.c stand before.
acpi_wraps   := $(addprefix -Wl$(,)--wrap=,vmgenc_device_offer memremap memunmap acpi_get_object_info \
		acpi_get_name acpi_evaluate_object acpi_install_notify_handler acpi_install_sci_handler \
		acpi_attach_data acpi_detach_data acpi_os_allocate acpi_os_allocate_zeroed \
		acpi_os_acquire_object acpi_ds_exec_begin_op acpi_ds_load2_begin_op)
acpi_targets := table result address
acpi_sanitize := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

# The module with a fault: elements of ADDR of any type, memory that is freed, any address.
acpi_faulty  := $(addprefix $(O)/fuzz/,untyped/kmod/acpi.c freed/kmod/acpi.c unaligned/kmod/device.c)
# What sees the kernel's headers, and what does not.
acpi_inside  := $(addprefix $(acpi_fuzz)/,judge.o bound.o) $(acpi_faulty:%.c=%.o)
acpi_outside := $(patsubst %,$(acpi_fuzz)/%.o,$(acpi_targets) aml object)

$(O)/fuzz/untyped/kmod/acpi.c: private fault := s/half\[[01]\]\.type != ACPI_TYPE_INTEGER/0/
$(O)/fuzz/freed/kmod/acpi.c: private fault := s/\tif (addr->type/\tACPI_FREE((void *)addr);&/
$(O)/fuzz/unaligned/kmod/device.c: private fault := s/!IS_ALIGNED(phys, sizeof(u64))/0/
# It must make a difference.
$(acpi_faulty): $(O)/fuzz/%.c: tests/fuzz/acpi/acpi.mk kmod/acpi.c kmod/device.c
	$(call say,GEN)
	$(Q)mkdir -p $(@D) && sed '$(fault)' kmod/$(@F) >$@.new && ! cmp -s kmod/$(@F) $@.new && mv $@.new $@

$(acpi_fuzz)/judge.o: tests/fuzz/acpi/judge.c
$(acpi_fuzz)/bound.o: tests/fuzz/acpi/bound.c
$(acpi_faulty:%.c=%.o): %.o: %.c
$(acpi_inside): $(O)/fuzz/acpica/acpica.a $(O)/acpica/kernel $(acpica_uses) tests/acpica/kernel.h \
	tests/acpica/machine.h $(wildcard tests/fuzz/acpi/*.h) $(O)/.flags
	$(call say,CC)
	$(Q)mkdir -p $(@D)
	$(Q)clang -std=gnu11 -D_GNU_SOURCE $(acpica_defines) -Itests -Ikmod -I$(O)/acpica/kernel \
		-isystem $(O)/fuzz/acpica/include -isystem $(O)/fuzz/acpica/include/acpi -isystem kmod/uapi \
		-Wall -Wextra -Wno-unused-parameter $(acpi_sanitize) -fsanitize=fuzzer-no-link \
		-include tests/acpica/kernel.h -c -o $@ $(filter-out $(acpica_uses),$(filter %.c,$^))
$(acpi_outside): $(acpi_fuzz)/%.o: tests/fuzz/acpi/%.c tests/acpica/machine.h \
	$(wildcard tests/fuzz/acpi/*.h) $(O)/.flags
	$(call say,CC)
	$(Q)mkdir -p $(@D)
	$(Q)clang -std=gnu11 -D_GNU_SOURCE -Itests $(WARN) $(acpi_sanitize) -fsanitize=fuzzer-no-link \
		-c -o $@ $<

$(acpi_fuzz)/table: $(acpi_fuzz)/table.o
$(acpi_fuzz)/result: $(addprefix $(acpi_fuzz)/,result.o object.o)
$(acpi_fuzz)/address: $(acpi_fuzz)/address.o
$(acpi_fuzz)/result-untyped: $(addprefix $(acpi_fuzz)/,result.o object.o) $(O)/fuzz/untyped/kmod/acpi.o
$(acpi_fuzz)/result-freed: $(addprefix $(acpi_fuzz)/,result.o object.o) $(O)/fuzz/freed/kmod/acpi.o
$(acpi_fuzz)/address-unaligned: $(acpi_fuzz)/address.o $(O)/fuzz/unaligned/kmod/device.o
# The archive has the module's files as they are: it is asked for those that are not named.
$(acpi_fuzzers:%=$(O)/fuzz/%): $(addprefix $(acpi_fuzz)/,judge.o bound.o aml.o) \
	$(O)/fuzz/tests/acpica/machine.a $(O)/fuzz/acpica/acpica.a
	$(call say,LD)
	$(Q)clang $(acpi_sanitize) -fsanitize=fuzzer $(acpi_wraps) -o $@ $(filter %.o,$^) \
		$(filter %machine.a,$^) $(filter %acpica.a,$^) -pthread

# Tables as hypervisors have them; inputs that found something, in hexadecimal digits.
$(O)/fuzz/seeds: $(patsubst %.asl,$(O)/%.aml,$(wildcard tests/tables/*.asl)) \
	$(wildcard tests/fuzz/acpi/*.seeds) tests/fuzz/acpi/acpi.mk
	$(call say,SEEDS)
	$(Q)rm -rf $@ $@.new && mkdir -p $(addprefix $@.new/,$(acpi_targets))
	$(Q)cp $(filter %.aml,$^) $@.new/table
	$(Q)for s in $(filter %.seeds,$^); do \
		sed '/^#/d' $$s | while read -r name hex; do \
			$(PYTHON) -c 'import sys; sys.stdout.buffer.write(bytes.fromhex(sys.argv[1]))' "$$hex" \
				>$@.new/$$(basename $$s .seeds)/$$name || exit 1; \
		done || exit 1; \
	done
	$(Q)mv $@.new $@

# What ACPICA does not survive ends a job of several, and the next one goes on.
fuzz-acpi: $(addprefix $(acpi_fuzz)/,$(acpi_targets)) $(O)/fuzz/seeds
	@for t in $(acpi_targets); do \
		mkdir -p $(O)/corpus/acpi-$$t && \
		$(acpi_fuzz)/$$t -fork=1 -ignore_crashes=1 -ignore_timeouts=1 -ignore_ooms=1 -entropic=0 \
			-max_total_time=$(FUZZ_SECONDS) -timeout=60 -max_len=2000 -dict=tests/fuzz/acpi/names.dict \
			-artifact_prefix=$(O)/corpus/acpi-$$t- $(O)/corpus/acpi-$$t $(O)/fuzz/seeds/$$t \
			>$(O)/corpus/acpi-$$t.log 2>&1; \
		$(PYTHON) tests/fuzz/acpi/triage.py $(acpi_fuzz)/$$t $(O)/corpus/acpi-$$t.log \
			$(O)/corpus/acpi-$$t- || exit 1; \
	done

help::
	@echo 'make fuzz-acpi  fuzzes the module on ACPICA, for FUZZ_SECONDS=$(FUZZ_SECONDS) a fuzzer'

.PHONY: fuzz-acpi
