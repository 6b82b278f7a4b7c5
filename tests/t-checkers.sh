#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# The kernel's own checkers, sparse, the compiler with W=12, checkpatch --strict and
# coccicheck, find nothing in the module, and no two of its files call each other, also not by way of a third.
#
# Functions are called through ok and empty
# shellcheck disable=SC2317

cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
kernel=$(PYTHONPATH=tests/vm python3 -m harness.kernel headers 6.1) || exit 1
checkers=$(PYTHONPATH=tests/vm python3 -m harness.checkers) || exit 1

# But for what the kernel's own headers say: macros that wait have one variable twice, and
# GENMASK() and min() compare more than they need.
compiler_findings() {
	cp -r kmod "$scratch/sparse"
	env -u MAKEFLAGS -u KCFLAGS make -s -C "$kernel" M="$scratch/sparse" \
		W=12 C=2 CF=-D__CHECK_ENDIAN__ modules >"$scratch/log" 2>&1 || cat "$scratch/log"
	grep -E '(warning|error): ' "$scratch/log" | grep -vE \
		"symbol '__ret' shadows|^/[^:]*/include/.*\[-W(shadow|type-limits)\]\$"
}

checkpatch() {
	perl "$checkers/checkpatch.pl" --terse -f kmod/*.[ch] kmod/uapi/vmgen/*.h
}

# "DIRECTORY FILE...": what the kernel's make coccicheck MODE=report does, without its tree.
coccicheck() {
	directory=$1
	shift
	for f in "$@"; do
		options=$(sed -nE 's|^//+ *Options: *||p' "$f")
		# shellcheck disable=SC2086
		spatch -D report --no-show-diff --very-quiet --cocci-file "$f" $options \
			-I kmod/uapi --dir "$directory" 2>&1 | grep -v 'should .* be a metavariable'
	done
}

cocci_findings() {
	set -- "$checkers"/coccinelle/[filnt]*/*.cocci
	# Of api/ and misc/ most is about style, or about what drivers of devices do.
	[ -z "$VMGEN_ALL" ] ||
		set -- "$@" "$checkers"/coccinelle/[am]*/*.cocci "$checkers"/coccinelle/api/*/*.cocci
	[ $# -ge 20 ] || echo 'the scripts of the kernel are not there'
	coccicheck kmod "$@"
}

cocci_finds() {
	mkdir "$scratch/fault" &&
		printf 'void f(char *p)\n{\n\tif (p)\n\t\tkfree(p);\n}\n' >"$scratch/fault/fault.c"
	coccicheck "$scratch/fault" "$checkers/coccinelle/free/ifnullfree.cocci" | grep 'fault.c:4'
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

empty 'sparse and the compiler find nothing' compiler_findings
empty 'no two files of the module use each other' circles
ok 'checkpatch finds nothing' checkpatch
empty 'coccicheck finds nothing' cocci_findings
ok 'coccicheck finds a fault' cocci_finds
tap_done
