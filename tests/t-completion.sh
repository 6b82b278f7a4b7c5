#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# What bash completes on the command lines of vmgenctl and vmgen-acpi-check is what --help
# says; what the manuals say is compared with that by t-options.sh.
#
# functions are called through ok and empty
# shellcheck disable=SC2317

cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh
. packaging/bash-completion/vmgenctl
. packaging/bash-completion/vmgen-acpi-check

program=$(realpath "${O:-build}/vmgenctl")
checker=$(realpath daemon/acpi/vmgen-acpi-check)

# complete_line WORD...: prints what the last word can become, one a line
complete_line() {
	complete_with _vmgenctl "$program" "$@"
}

complete_check() {
	complete_with _vmgen_acpi_check "$checker" "$@"
}

# complete_with FUNCTION PROGRAM WORD...
complete_with() {
	local function=$1
	shift
	COMP_WORDS=("$@")
	COMP_CWORD=$(($# - 1))
	COMPREPLY=()
	$function
	printf '%s\n' "${COMPREPLY[@]}" | sort
}

commands() {
	"$program" --help | awk '/^  [a-z]/ { print $1 }' | sort
}

# options COMMAND...
options() {
	"$program" "$@" --help | grep -oE '^ +--[a-z-]+=?' | tr -d ' ' | sort
}

some() {
	[ "$(commands | wc -l)" -ge 7 ] && [ "$(options hooks | wc -l)" -ge 4 ]
}

same_commands() {
	[ "$(complete_line '')" = "$(commands)" ]
}

other_options() {
	for command in $(commands); do
		[ "$(complete_line "$command" --)" = "$(options "$command")" ] || echo "$command"
	done
}

# Each is in the usage line above as well.
unused_options() {
	for command in $(commands); do
		options "$command" | sed 's/=$//' | grep -vx -e --help | while read -r option; do
			[ "$command" = hooks ] || "$program" "$command" --help | head -n 1 |
				grep -qF -e "$option" || echo "$command $option"
		done
	done
}

# completes WORDS WORD...
completes() {
	want=$1
	shift
	[ "$(complete_line "$@" | paste -sd ' ')" = "$want" ]
}

# Those that have a value end with "=".
options_of_check() {
	"$checker" --help | grep -oE '^  (-[a-z], )?--[a-z-]+( [A-Z=]+)?' |
		sed -E 's/^.*(--[a-z-]+)/\1/; s/ [A-Z=]+$/=/' | sort
}

same_options() {
	[ "$(options_of_check | wc -l)" -ge 4 ] && [ "$(complete_check --)" = "$(options_of_check)" ]
}

check_completes() {
	want=$1
	shift
	[ "$(complete_check "$@" | paste -sd ' ')" = "$want" ]
}

ok '--help has commands and options' some
ok 'all commands, and no other word' same_commands
empty 'all options of each command, and no other' other_options
empty 'its usage line has them too' unused_options
ok 'the beginning of a command' completes 'watch' wat
ok 'the words of hooks' completes 'list run why' hooks ''
ok 'the words of openssl' completes 'disable enable status' openssl ''
ok 'options of vmgenctl itself' completes '--device=' --dev
ok 'a command after an option' completes 'metrics' --device = /dev/x met
ok 'a file after =' completes 'README.md' metrics --output = README
ok 'all options of vmgen-acpi-check' same_options
ok 'the beginning of one, with its =' check_completes '--iomem=' --io
ok 'files and directories of it' check_completes 'tests/tables' tests/tab
ok 'a file after = there' check_completes 'NEWS.md' --iomem = NEW
tap_done
