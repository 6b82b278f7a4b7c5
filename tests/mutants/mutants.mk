# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# Whether tests notice when a line is wrong: part of the Makefile.

# One or two of each component, of those that are found soon.
proof_mutants :=

# What guests take from the build, for run.py, which asks for it in a copy of the tree.
mutants-guest: $(vm_programs)

MUTANTS ?=
check-mutants: | need-deps
	@$(PYTHON) tests/mutants/run.py --place $(O)/mutants $(MUTANTS)

help::
	@echo 'make check-mutants  breaks one line at a time; MUTANTS= names some of tests/mutants/lists'

.PHONY: check-mutants mutants-guest
