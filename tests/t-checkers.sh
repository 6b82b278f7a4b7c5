#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# The kernel's own checkers, sparse and checkpatch, find nothing in the module,
# and no two of its files call each other, also not by way of a third.
#
# Functions are called through ok and empty
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

# "FILE OTHER" where FILE uses what OTHER defines: read from the source, without its
# comments, because no build has all files.
uses() {
	mkdir "$scratch/plain"
	for f in kmod/*.c; do
		gcc-12 -fpreprocessed -E -P "$f" | sed -E 's/(struct|enum) vmgenc_[a-z_]+//g' \
			>"$scratch/plain/${f##*/}"
	done
	(cd "$scratch/plain" && awk '
		/^[a-z]/ && !/^static/ && match($0, /vmgenc_[a-z_]+/) {
			owner[substr($0, RSTART, RLENGTH)] = FILENAME
		}
		{
			while (match($0, /vmgenc_[a-z_]+/)) {
				used[FILENAME, substr($0, RSTART, RLENGTH)]
				$0 = substr($0, RSTART + RLENGTH)
			}
		}
		END {
			for (u in used) {
				split(u, part, SUBSEP)
				if (part[2] in owner && owner[part[2]] != part[1])
					print part[1], owner[part[2]]
			}
		}' ./*.c)
}

circles() {
	uses | tsort >/dev/null
}

empty 'sparse finds nothing' sparse_findings
empty 'no two files of the module use each other' circles
ok 'checkpatch finds nothing' checkpatch
tap_done
