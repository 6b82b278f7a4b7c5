# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# Whether tests notice when a line is wrong: part of the Makefile.

# One of each component and two of vmgend, of those that are found soon and without a guest.
proof_mutants := any-notify raw-id-noted-late nonce-not-drawn history-not-synced seed-not-synced \
		 wait-early host-key-mode-lost fence-of-newer-lifted

# What guests take from the build, for run.py, which asks for it in a copy of the tree.
mutants-guest: $(vm_programs)

MUTANTS ?=
check-mutants: | need-deps
	@$(PYTHON) tests/mutants/run.py --place $(O)/mutants $(MUTANTS)

help::
	@echo 'make check-mutants  breaks one line at a time; MUTANTS= names some of tests/mutants/lists'

.PHONY: check-mutants mutants-guest
