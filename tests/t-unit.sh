#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# The units of packaging/systemd: systemd understands them, and what the README
# says of their security is so.
#
# shellcheck disable=SC2317 # functions are called through ok and empty

cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
# A unit is verified with the programs that it starts.
sed -e 's|@SBINDIR@/vmgend|/bin/true|g' \
	packaging/systemd/vmgend.service.in >"$scratch/vmgend.service"
cp packaging/systemd/vmgen-changed.target "$scratch"

complaints() {
	systemd-analyze verify --man=no "$scratch"/vmgend.service "$scratch"/vmgen-changed.target 2>&1 |
		grep vmgen
}

exposure() {
	systemd-analyze security --offline=true --no-pager "$scratch/vmgend.service" |
		sed -n 's/^→ .*: \([0-9.]*\) .*/\1/p'
}

is_in_page() {
	grep -qF "gives the unit $(exposure) of 10" daemon/vmgen.7.scd
}

# What it leaves out of what systemd-analyze asks for, without a word of why.
# Of these it sets what it can.
without_reason() {
	systemd-analyze security --offline=true --no-pager "$scratch/vmgend.service" |
		sed -n 's/^✗ \([A-Za-z]*\)=.*/\1/p' | sort -u | while read -r directive; do
		case $directive in
		CapabilityBoundingSet|SystemCallFilter|RestrictAddressFamilies) ;;
		*) grep -q "^# .*\<$directive\>.*:" "$scratch/vmgend.service" || echo "$directive" ;;
		esac
	done
}

empty 'systemd finds no mistake in the units' complaints
ok 'vmgen(7) has the figure of systemd-analyze security' is_in_page
empty 'each directive that is left out has its reason' without_reason
tap_done
