#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# The house rules of CONTRIBUTING.md, as far as a program can tell.
#
# The functions are called through ok and empty:
# shellcheck disable=SC2317

cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

sources() {
	git ls-files --cached --others --exclude-standard -- "$@"
}

without_spdx() {
	sources ':!LICENSES' ':!tests/fuzz/seeds' | while read -r f; do
		head -n 3 "$f" | grep -q 'SPDX-License-Identifier: ' || echo "$f"
	done
}

without_copyright() {
	sources ':!LICENSES' ':!tests/fuzz/seeds' | while read -r f; do
		head -n 5 "$f" | grep -q 'Copyright (C) the vmgen authors' || echo "$f"
	done
}

catch_all_names() {
	sources | grep -E '(^|/)(util|utils|common|helpers?|misc)\.[a-z]+$'
}

version_tests() {
	sources kmod ':!kmod/compat.h' | xargs grep -nE 'LINUX_VERSION_CODE|KERNEL_VERSION\('
}

long_files() {
	sources '*.c' '*.h' '*.py' '*.sh' | xargs wc -l | awk '$2 != "total" && $1 > 450'
}

skipped_tests() {
	sources tests ':!tests/vm/harness/tap.py' ':!tests/t-style.sh' | xargs grep -niE '# *(skip|todo)\b'
}

# Text of others goes to a terminal, a log or a metric by way of daemon/base/text.c; main.c has
# its own usage, and metrics.c numbers and its own words.
raw_prints() {
	sources 'daemon/*.c' ':!daemon/base/text.c' ':!daemon/hooks' | xargs grep -nE \
		'(^|[^a-z_])(f?printf|vf?printf|dprintf|perror|warnx?|errx?)\(([^"]*"[^"]*%[-*0-9.]*s|[^"]*$)' |
		grep -vE '^daemon/(ctl/main|ctl/metrics|options)\.c:[0-9]+:\s*f?printf\((stream|out|"Usage|"%s)'
}

scripts() {
	sources | while read -r f; do
		head -n 1 "$f" | grep -qE '^#!/bin/(sh|bash)' && echo "$f"
	done
}

lint_manuals() {
	sources '*.scd' | while read -r page; do
		# scdoc puts empty paragraphs around its lists.
		mandoc -T lint -W warning "${O:-build}/${page%.scd}" | grep -v 'skipping paragraph macro'
	done
}

empty 'every file names its licence' without_spdx
empty 'every file names its copyright' without_copyright
empty 'no file has a catch-all name' catch_all_names
empty 'kernel versions stand in kmod/compat.h only' version_tests
empty 'no file is far over 400 lines' long_files
empty 'no test can be skipped' skipped_tests
empty 'vmgend and vmgenctl print no text of others as it is' raw_prints
# shellcheck disable=SC2046
ok 'shellcheck' shellcheck -x $(scripts)
# shellcheck disable=SC2046
ok 'pyflakes' pyflakes3 $(sources '*.py')
# shellcheck disable=SC2046
ok 'codespell' codespell $(sources ':!LICENSES')
empty 'mandoc finds nothing in the manual pages' lint_manuals
tap_done
