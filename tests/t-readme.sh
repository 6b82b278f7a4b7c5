#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# Every command of the README is run by some test: by the one that the table
# names, or by tests/vm/t-debian.py, which reads the section Install itself.
#
# shellcheck disable=SC2317 # functions are called through ok and empty

cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

# command | file that runs it
table() {
	cat <<-'END'
		make demo|tests/t-demo.sh
		make check|.ci/run
		vmgend --check-config|tests/vm/t-debian.py
		vmgenctl hooks list|tests/vm/t-ctl.py
		vmgenctl trigger|tests/vm/t-ctl.py
		exec systemctl restart nginx|(a line of an example hook)
	END
}

commands() {
	awk '/^## /{ section = $0 } /^```sh$/{ on = 1; next } /^```$/{ on = 0 }
	     on && section != "## Install" && !/^#/' README.md
}

unknown() {
	commands | while read -r command; do
		table | grep -qF "$command|" || echo "$command"
	done
}

not_run() {
	table | while IFS='|' read -r command file; do
		case $file in
		\(*) ;;
		*) grep -qF "$command" "$file" || echo "$command: not in $file" ;;
		esac
	done
}

install_is_read() {
	grep -q '## Install' tests/vm/debian.py
}

empty 'each command of the README has a test' unknown
empty 'which runs it' not_run
ok 'those of its section Install are read by t-debian.py' install_is_read
tap_done
