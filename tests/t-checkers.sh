#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# The kernel's own checkers, sparse and checkpatch, find nothing in the module.
#
# functions are called through ok and empty
# shellcheck disable=SC2317

cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
kernel=$(PYTHONPATH=tests/vm python3 -m harness.kernel headers 6.1) || exit 1

sparse_findings() {
	cp -r kmod "$scratch/sparse"
	env -u MAKEFLAGS make -s -C "$kernel" M="$scratch/sparse" W=1 C=2 CF=-D__CHECK_ENDIAN__ modules 2>&1 |
		grep -v 'Skipping BTF'
}

checkpatch() {
	PYTHONPATH=tests/vm python3 -m harness.checkpatch --terse -f kmod/*.[ch] kmod/uapi/vmgen/*.h
}

empty 'sparse finds nothing' sparse_findings
ok 'checkpatch finds nothing' checkpatch
tap_done
