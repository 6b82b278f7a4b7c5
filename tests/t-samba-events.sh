#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# The table of events in vmgend-samba-ad(8), the numbers in the program, and the tests that see
# them belong together.
#
# functions are called through ok and empty
# shellcheck disable=SC2317

cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

page=daemon/samba/vmgend-samba-ad.8.scd
rooms=daemon/samba/samba_ad

# rows PAGE: "numbers test" of each row of the table.
rows() {
	sed -n '/^# EVENTS/,/^# LIMITS/p' "$1" | awk '
		/^\|  / { number = $2; sub(/,$/, "", number) }
		/^:  (_t-[a-z]+_|-)$/ { gsub(/_/, "", $2); print number, $2 }'
}

# unseen PAGE: rows with a test that does not look for the event.
unseen() {
	rows "$1" | while read -r number test; do
		[ "$test" = - ] || grep -qE "\\b$number\\b" "tests/samba/$test.py" || echo "$number $test"
	done
}

logged() { sed -nE 's/^[A-Z_]+ = ([0-9]{4})$/\1/p' "$rooms/log.py" | sort; }

# untold: numbers of log.py that nobody logs.
untold() {
	sed -nE 's/^([A-Z_]+) = [0-9]{4}$/\1/p' "$rooms/log.py" | while read -r name; do
		grep -rqE "event\((log\.)?$name," "$rooms" || echo "$name"
	done
}

has_rows() { [ "$(rows "$page" | wc -l)" -gt 10 ]; }

same() { [ "$(rows "$page" | awk '$2 != "-" { print $1 }' | sort)" = "$(logged)" ]; }

wrong_one_is_found() { [ "$(sed 's/^|  2172,/|  2999,/' "$page" | unseen -)" = '2999 t-word' ]; }

ok 'the manual has a table of events' has_rows
empty 'the test that it names looks for each' unseen "$page"
ok 'they are those that the program has' same
empty 'each of these is logged' untold
ok 'control: a wrong number is found' wrong_one_is_found
tap_done
