#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# Every remedy that the programs print is run by a test, or says that it was not tried: those
# of tests/remedies/tried, which is compared with the sources. What only looks is run here.
#
# shellcheck disable=SC2016,SC2317 # messages have variables; functions are called through ok

cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT

remedies() {
	python3 tests/remedies/extraction.py "$@"
}

# A copy of the sources in which a file has one more message is found out.
finds() {
	rm -rf "$scratch/tree" && mkdir "$scratch/tree" && cp -r daemon kmod libvmgen "$scratch/tree" &&
		printf '%s\n' "$2" >>"$scratch/tree/$1" &&
		[ "$(remedies "$scratch/tree" missing)" = "$1: $3" ]
}

# Of one that says that nobody tried it nothing is asked.
passes() {
	! finds "$@" && [ -z "$(remedies "$scratch/tree" missing)" ]
}

many() {
	[ "$(remedies . list | wc -l)" -gt 150 ] &&
		[ "$(grep -vc '^#' tests/remedies/tried)" -gt 150 ]
}

ok 'there are many' many
empty 'each has a test, or says that it was not tried' remedies . missing
empty 'each row is one of a program' remedies . stale
empty 'each test has what its row says' remedies . unproven
ok 'a new one in C is found' finds daemon/main.c \
	'static const char *new = "it is broken: modprobe " "nonsense";' 'modprobe nonsense'
ok 'in the module' finds kmod/main.c 'pr_err("%s: unload it by hand\n", name);' 'unload it by hand'
ok 'in Python' finds daemon/samba/samba_ad/main.py 'say(f"{name} is old; samba-tool dbcheck --cure={name}")' \
	'samba-tool dbcheck --cure=X'
ok 'in a hook' finds daemon/hooks/20-clock 'echo "chronyd hangs: systemctl kill --now $unit"' \
	'systemctl kill --now X'
ok "in the module's Makefile" finds kmod/Makefile '$(if $(x),,$(error no $(x): install gcc-$(x)))' 'install gcc-X'
ok 'what was not tried says so' passes daemon/main.c \
	'static const char *new = "it is broken: modprobe nonsense (not tried)";' 'modprobe nonsense'
empty 'none has the ID change at each boot' \
	grep -rn 'guid=auto' daemon kmod libvmgen --include='*.[ch]' --include='*.py'
ok 'df -h and df -i tell where' eval 'df -h / && df -i /'
ok 'ls -ld /proc/PID tells whose a process is' eval "ls -ld /proc/$$ | grep -w root"
ok 'lsns -t net lists network name spaces' eval 'lsns -t net | grep -w net'
tap_done
