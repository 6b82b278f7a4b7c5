# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# What stands as proof and takes hours: a soak, programs that do anything with the nodes, and what
# of the module was executed. Part of the Makefile, after tests/matrix.mk.

# --- Long forms ---------------------------------------------------------------

HOURS   ?= 2
MINUTES ?= 30
soak_test  := $(O)/check/6.12/soak.t
nodes_test := $(O)/check/debug/nodes.t

soak: export VMGEN_HOURS := $(HOURS)
soak: $(call needs,$(soak_test))
	$(call prove,$(soak_test))

check-nodes: export VMGEN_MINUTES := $(MINUTES)
check-nodes: $(call needs,$(nodes_test))
	$(call prove,$(nodes_test))

# The lines of the module that the guests of kernels with sanitizers execute: those of
# make check-debug and check-nodes, as far as they ran in this build directory.
coverage:
	@$(harness).coverage debug

# --- A short form of all ------------------------------------------------------

proof_tests := tests/t-model.sh tests/t-fuzz.sh $(nodes_test) $(soak_test)
check-proof: $(call needs,$(call chosen,$(proof_tests)))
	$(if $(TESTS),,@$(PYTHON) tests/mutants/run.py --place $(O)/mutants $(proof_mutants))
	$(call prove,$(proof_tests))

help::
	@echo 'make check-proof  a short form of what follows, and the model of the protocol'
	@echo 'make soak       one guest for HOURS=$(HOURS): snapshots without end'
	@echo 'make check-nodes  programs do anything with the nodes, for MINUTES=$(MINUTES)'
	@echo 'make coverage   lines of the module that make check-debug and check-nodes executed'

.PHONY: soak check-nodes coverage check-proof
