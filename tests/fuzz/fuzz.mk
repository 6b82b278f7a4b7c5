# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# The fuzzers of user space: part of the Makefile.

fuzz_bin   := $(O)/fuzz/tests/fuzz
fuzz_names := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/*.c))
# Those of the library; all others are of vmgend and vmgenctl.
fuzz_lib   := device vmclock
fuzz_user  := $(filter-out $(fuzz_lib),$(fuzz_names))
# FUZZER-FAULT: a fuzzer with a fault in what it tries, which it has to find.
fuzz_faulty :=
fuzzers    := $(fuzz_names:%=$(fuzz_bin)/%)

# Clang alone has libFuzzer, which sees where the code branches.
fuzz_sanitize := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
fuzz_cc     = clang $(CPPFLAGS) -std=gnu11 $(WARN) $(filter -Werror,$(CFLAGS)) -MD -MP $(fuzz_sanitize) \
	      -fsanitize=fuzzer-no-link -fvisibility=hidden
fuzz_obj   := $(patsubst %,$(O)/fuzz/%,$(lib_obj) $(daemon_obj) $(ctl_obj) daemon/hooks/pageclock.o \
	      $(fuzz_names:%=tests/fuzz/%.o))
$(fuzz_obj): $(O)/fuzz/%.o: %.c $(O)/.flags | $(O)/have.h
	$(call say,CC)
	$(Q)mkdir -p $(@D)
	$(Q)$(fuzz_cc) -c -o $@ $<
$(filter-out $(lib_obj:%=$(O)/fuzz/%),$(fuzz_obj)): | $(O)/.libraries

# As in what ships, the names of the library are its own.
fuzz_groups = $(findstring -Wl$(,)--force-group-allocation,$(one_object))
$(O)/fuzz/libvmgen.o: $(lib_obj:%=$(O)/fuzz/%)
	$(call say,LD)
	$(Q)clang -nostdlib -r $(fuzz_groups) -o $@ $^ && $(OBJCOPY) --localize-hidden $@
$(O)/fuzz/user.a: $(patsubst %,$(O)/fuzz/%,$(daemon_obj) $(ctl_obj) daemon/hooks/pageclock.o) $(O)/fuzz/libvmgen.o \
	tests/fuzz/fuzz.mk
	$(call say,AR)
	$(Q)rm -f $@; $(AR) rcs $@ $(filter %.o,$^)

# fuzz_fault NAME, FUZZER, FILE, SCRIPT: a copy of the file, which sed has to change, goes before the archive.
define fuzz_fault
fuzz_faulty += $(2)-$(1)
$(O)/fuzz/$(1)/$(3).c: $(3).c tests/fuzz/fuzz.mk
	$$(call say,GEN)
	$(Q)mkdir -p $$(@D) && sed '$(4)' $$< >$$@.new && ! cmp -s $$< $$@.new && mv $$@.new $$@
$(O)/fuzz/$(1)/$(3).o: $(O)/fuzz/$(1)/$(3).c $(O)/.flags | $(O)/have.h
	$$(call say,CC)
	$(Q)$$(fuzz_cc) -iquote $(dir $(3)) -c -o $$@ $$<
$(fuzz_bin)/$(2)-$(1): $(fuzz_bin)/$(2).o $(O)/fuzz/$(1)/$(3).o
endef

$(eval $(call fuzz_fault,endless,smaps,daemon/sentinel/smaps,s/smaps->length >= SMAPS_LINE_SIZE - 1/0/))
$(eval $(call fuzz_fault,overrun,hostword,daemon/record/hostword,s/!record_name_valid(value)/0/))
$(eval $(call fuzz_fault,overlong,record,daemon/record/record,s/strlen(word) >= RECORD_WORD_SIZE/0/))
$(eval $(call fuzz_fault,turning,output,daemon/base/text,s/{ 0x2028$(,) 0x202e }$(,)//))
$(eval $(call fuzz_fault,leaking,proc,daemon/ctl/check/mounts,s/\tclose(info_fd);//))

# What stands in for calls of the code under test.
$(fuzz_lib:%=$(fuzz_bin)/%): private wraps := -Wl,--wrap=clock_gettime
$(fuzz_bin)/device: private wraps += $(wraps_of_calls)
$(fuzz_bin)/netlink: private wraps := $(addprefix -Wl$(,)--wrap=,mnl_socket_sendto mnl_socket_recvfrom deadline_wait)
$(fuzz_bin)/output $(fuzz_bin)/output-turning: private wraps := $(addprefix -Wl$(,)--wrap=,sink_write sink_send)
$(fuzz_bin)/program: private wraps := $(addprefix -Wl$(,)--wrap=,capture_output systemd_runs)
$(fuzz_bin)/status: private wraps := -Wl,--wrap=poll
$(fuzz_bin)/trigger: private wraps := -Wl,--wrap=sink_write

$(fuzz_lib:%=$(fuzz_bin)/%): %: %.o $(lib_obj:%=$(O)/fuzz/%)
$(fuzz_user:%=$(fuzz_bin)/%): %: %.o
$(patsubst %,$(fuzz_bin)/%,$(fuzz_user) $(fuzz_faulty)): $(O)/fuzz/user.a
$(patsubst %,$(fuzz_bin)/%,$(fuzz_names) $(fuzz_faulty)):
	$(call say,LD)
	$(Q)clang $(fuzz_sanitize) -fsanitize=fuzzer $(wraps) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LIBS)

# New inputs are kept beside the build; those worth it belong into tests/fuzz/seeds.
FUZZ_SECONDS ?= 600
fuzz: $(fuzzers) fuzz-acpi
	@for f in $(fuzz_names); do \
		mkdir -p $(O)/corpus/$$f && \
		$(fuzz_bin)/$$f -max_total_time=$(FUZZ_SECONDS) -timeout=60 \
			-artifact_prefix=$(O)/corpus/$$f- $(O)/corpus/$$f tests/fuzz/seeds/$$f || exit 1; \
	done

help::
	@echo 'make fuzz       fuzzes the library and vmgend, for FUZZ_SECONDS=$(FUZZ_SECONDS) a fuzzer'

.PHONY: fuzz
