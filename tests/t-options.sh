#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# The manual pages name the options, commands, exit statuses, settings and
# parameters that the programs have, and no others; so does --help.
#
# functions are called through ok and empty, and patterns have signs of the shell
# shellcheck disable=SC2317,SC2016

cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

export LC_ALL=C
O=${O:-build}
# Settings are read only where nobody but root can change them.
root=$(mktemp -d /run/vmgen-test-XXXXXX) || exit 1
trap 'rm -rf "$root"' EXIT

# Where the pages are that are looked at; a copy has mistakes.
pages=.
vmgend=daemon/vmgend.8.scd
vmgenctl=daemon/vmgenctl.1.scd
samba=daemon/samba/vmgend-samba-ad.8.scd
acpi=daemon/acpi/vmgen-acpi-check.1.scd
conf=daemon/vmgend.conf.5.scd
hooks=daemon/vmgend-hooks.7.scd
module=kmod/vmgenid.4.scd
mapfile -t every < <(git ls-files --cached --others --exclude-standard '*.scd')

# same WHAT ONE OTHER: prints what only one of the two functions prints. What
# neither prints would be the same too. The programs are asked once.
same() {
	[ -e "$root/$2" ] || $2 | sort -u >"$root/$2"
	[ -s "$root/$2" ] || echo "$1: $2 finds none"
	$3 | sort -u | diff "$root/$2" - | sed -n "s/^< /$1: $3 lacks /p; s/^> /$1: $2 lacks /p"
}

# section PAGE NAME: its lines
section() {
	awk -v name="# $2" '/^# / { on = $0 == name; next } on' "$pages/$1"
}

# Bold words at the beginning of a line, as a list of definitions has them.
defined() {
	grep -E '^\*' | grep -oE "\*$1\*" | tr -d '*'
}

# ---- options -----------------------------------------------------------------

help_of_vmgend() { "$O/vmgend" --help | grep -oE -e '--[a-z-]+'; }
table_of_vmgend() { sed -nE 's/.*\{ "([a-z-]+)", [a-z]+_argument.*/--\1/p' daemon/options.c; }
page_of_vmgend() { section "$vmgend" OPTIONS | defined '--[a-z-]+'; }

help_of_samba() {
	python3 daemon/samba/vmgend-samba-ad --help | grep -oE -e '--[a-z-]+'
}

table_of_samba() {
	echo --help		# argparse's own
	sed -nE 's/.*add_argument\("(--[a-z-]+)".*/\1/p' daemon/samba/samba_ad/options.py
}

page_of_samba() { section "$samba" OPTIONS | defined '--[a-z-]+'; }

commands_of_samba() {
	python3 daemon/samba/vmgend-samba-ad --help | sed -nE '/^commands:/,$ s/^  ([a-z-]+) .*/\1/p'
}

page_commands_of_samba() { section "$samba" COMMANDS | defined '[a-z-]+'; }

help_of_acpi() {
	python3 daemon/acpi/vmgen-acpi-check --help | grep -oE '^  (-[a-z], )?--[a-z-]+' | grep -oE -e '--[a-z-]+'
}

table_of_acpi() {
	echo --help
	sed -nE 's/.*add_argument\("(--[a-z-]+)".*/\1/p' daemon/acpi/acpi_check/program.py
}

page_of_acpi() { section "$acpi" OPTIONS | defined '--[a-z-]+'; }

# What it judges.
points() {
	grep -ohE '\b(holds|fails|unknown|note|unsure)\("[A-Za-z0-9_]+"' daemon/acpi/acpi_check/requirements.py |
		sed -E 's/.*"(.*)"/\1/'
	sed -n 's/^MAPPED = //p' daemon/acpi/acpi_check/requirements.py | grep -oE '[A-Za-z0-9]+'
}

page_points() { section "$acpi" REQUIREMENTS | sed 's/\\//g' | defined '[A-Za-z0-9_]+'; }
marks() { sed -nE '/^class Mark/,/^class Verdict/ s/^    [A-Z]+ = "(.*)"$/\1/p' daemon/acpi/acpi_check/facts.py; }
page_marks() { section "$acpi" DESCRIPTION | defined '[a-z ]+'; }

# ---- vmgenctl: lines "COMMAND SUBCOMMAND" and "COMMAND --OPTION" ----------------

commands() { "$O/vmgenctl" --help | sed -nE 's/^  ([a-z]+).*/\1/p'; }
global() { "$O/vmgenctl" --help | sed -nE 's/^      (--[a-z-]+).*/\1/p'; }
page_global() { section "$vmgenctl" OPTIONS | defined '--[a-z-]+'; }

table_of_vmgenctl() {
	sed -nE 's/.*\{ "([a-z-]+)", [a-z]+_argument.*/--\1/p' daemon/ctl/*.c daemon/ctl/*/*.c
	grep -q ARGUMENTS_JSON daemon/ctl/view/arguments.h && echo --json
}

help_of_vmgenctl() {
	global
	for c in $(commands); do
		"$O/vmgenctl" "$c" --help
	done | grep -oE '^ +--[a-z-]+' | tr -d ' '
}

words() {
	for c in $(commands); do
		echo "$c"
		"$O/vmgenctl" "$c" --help | sed -nE -e '/--help/d' -e "s/^ +(--[a-z-]+|[a-z]+)([ =].*|\$)/$c \1/p"
	done
}

# Of the synopsis; "*fence* *lift*|*check* _UNIT_" are two words.
page_words() {
	section "$vmgenctl" SYNOPSIS | sed -n 's/^\*vmgenctl\* \[_OPTION_\]\.\.\. //p' |
		awk '{
			command = ""
			while (match($0, /\*[a-z-]+\*/)) {
				word = substr($0, RSTART + 1, RLENGTH - 2)
				$0 = substr($0, RSTART + RLENGTH)
				print command word
				if (command == "")
					command = word " "
			}
		}'
}

# Each command has a paragraph of its own, and the words that follow it there are its own.
page_described() {
	section "$vmgenctl" COMMANDS | sed -nE '/^(\*[a-z* ]+\*( _[A-Z]+_)?(, )?)+$/ { s/, /\n/g; p }' |
		sed -E 's/ _[A-Z]+_//; s/\*//g'
}

# A command that has words of its own is described by those.
to_describe() {
	words | sed 's/ --.*//' | sort -ru |
		awk '{ if (NF > 1) has[$1]; if (NF > 1 || !($1 in has)) print }'
}

# vmgenctl COMMAND anywhere in the texts.
named() {
	cat "${every[@]/#/$pages/}" "$pages/README.md" daemon/hooks/[0-9]* |
		grep -oE '(^|[`*(=+ ]|sbin/)(\*vmgenctl\* \*[a-z]+|(^|[`*(=+])vmgenctl [a-z]+)' |
		sed -nE 's/.*vmgenctl\*? \*?//p'
}

unknown_commands() {
	[ -e "$root/commands" ] || commands >"$root/commands"
	named | sort -u | grep -vxF "$(commands)"
}

# ---- exit statuses -------------------------------------------------------------

# Of an enum with values.
statuses() {
	sed -nE "s/^\\t?$1[A-Z_]+ = ([0-9]+),?\$/\\1/p" "$2"
}

of_vmgend() { statuses EXIT_ daemon/options.h; }
page_of_vmgend_exit() { section "$vmgend" 'EXIT STATUS' | defined '[0-9]+'; }
of_vmgenctl() { statuses CTL_ daemon/ctl/view/session.h; }
page_of_vmgenctl_exit() { section "$vmgenctl" 'EXIT STATUS' | defined '[0-9]+'; }
of_samba() { statuses '' daemon/samba/samba_ad/ends.py; }
page_of_samba_exit() { section "$samba" 'EXIT STATUS' | defined '[0-9]+'; }
of_acpi() { seq 0 $(($(sed -nE 's/^OBEYS, .* = range\(([0-9])\)$/\1/p' daemon/acpi/acpi_check/report.py) - 1)); }
help_of_acpi_exit() { python3 daemon/acpi/vmgen-acpi-check --help | sed -n '/^exit status/,$p' | grep -oE '\b[0-9]\b'; }
page_of_acpi_exit() { section "$acpi" 'EXIT STATUS' | defined '[0-9]+'; }

# ---- settings, environment, parameters --------------------------------------------

# keys TABLE: of the parser
keys() {
	awk -v table="$1" '$0 ~ table "\\[\\]" { on = 1 } /^};/ { on = 0 } on' daemon/config/config.c |
		sed -nE 's/^\t\{ "([a-z-]+)".*/\1/p'
}

keys_of_vmgend() { keys daemon_table; }
page_keys() { section "$conf" KEYS | defined '[a-z-]+'; }
keys_of_hooks() { keys hook_table; }
page_hook_keys() { section "$hooks" SETTINGS | defined '[a-z-]+'; }

# That the parser itself takes each key that the manual has.
refused_keys() {
	for key in $(page_keys); do
		printf '[vmgend]\n%s = \001\n' "$key" >"$root/vmgend.conf"
		"$O/vmgend" --check-config --config="$root/vmgend.conf" 2>&1 |
			grep -q "bad value .* of \"$key\"" || echo "$key"
	done
}

# Those of the journal, and its messages that have an explanation.
sources() { sed -nE 's/^\t\[WITNESS_[A-Z]+\] = \{ "([a-z]+)".*/\1/p' daemon/witness/witness.c; }
page_sources() { sed -n 's/^[[:blank:]]The source that told of the change: //p' "$pages/$hooks" | grep -oE '[a-z]{3,}'; }
page_source_member() { grep 'and the device node' "$pages/$vmgend" | grep -oE '"[a-z]+"' | tr -d '"'; }

fields() { sed -nE 's/.*add(_number)?\(&entry, "((VMGEN|MESSAGE)_[A-Z]+)".*/\2/p' daemon/base/journal.c; }
page_fields() { section "$vmgend" JOURNAL | defined '[A-Z_]+'; }
messages() { sed -nE 's/^\t\[MESSAGE_[A-Z_]+\]\t+= "([0-9a-f]{32})".*/\1/p' daemon/base/journal.c; }
explained() { sed -nE 's/^-- ([0-9a-f]{32})$/\1/p' packaging/systemd/vmgen.catalog; }

environment() {
	sed -nE 's/.*set\(environment, "([A-Z_]+)".*/\1/p; s/.*"([A-Z_]+)=" PATH_.*/\1/p' daemon/run/environment.c
}

page_environment() { section "$hooks" ENVIRONMENT | defined '[A-Z_]+'; }

parameters() {
	sed -nE 's/^module_param(_named)?\(([a-z_]+),.*/parameter \2/p' kmod/*.c
	sed -nE 's/.*\.procname = "([a-z_]+)".*/dev.vmgenc.0.\1/p' kmod/*.c
}

page_parameters() {
	section "$module" 'SYSCTL AND PARAMETERS' | grep -oE '^\*dev[a-z0-9_.]+\*' | tr -d '*'
	section "$module" 'SYSCTL AND PARAMETERS' | grep -oE '[pP]arameter \*[a-z_]+\*' | tr -d '*' | tr P p
}

# Names in the pages of the library and of the module, which the headers have.
constants() { grep -ohE '\bVMGEN_[A-Z][A-Z_]*[A-Z]\b' libvmgen/libvmgen.h | grep -vxE 'VMGEN_(MUST_CHECK|ALIGNED)'; }
page_constants() { grep -ohE '\bVMGEN_[A-Z][A-Z_]*[A-Z]\b' "$pages"/libvmgen/*.scd; }

unknown_constants() {
	grep -ohE '\b(VMGENID|SYSGENID)_[A-Z_]+[A-Z]\b' "${every[@]/#/$pages/}" | sort -u |
		grep -vxF "$(grep -ohE '\b(VMGENID|SYSGENID)_[A-Z_]+\b' kmod/uapi/vmgen/*.h)"
}

# ---- words of JSON and metrics ------------------------------------------------------

findings() {
	sed -nE 's/.*finding_add\([a-z]+, "([a-z-]+)".*/\1/p' daemon/ctl/*.c daemon/ctl/*/*.c
}

page_findings() {
	section "$vmgenctl" JSON | awk '/The names are/ { on = 1 } on; /One name may/ { exit }' |
		grep -oE '_[a-z-]+_' | tr -d _
}

# Members of what is printed for programs; state.json is vmgend's own business.
members() {
	sed -nE 's/.*json_add\([a-z]+, "([a-z_]+)".*/\1/p' daemon/repair/statusfile.c \
		daemon/record/record.c daemon/ctl/*.c daemon/ctl/*/*.c
}

unknown_members() {
	members | sort -u | grep -vxF "$({ section "$vmgend" STATUS; section "$vmgenctl" JSON; } |
		grep -oE '\*[a-z_]+\*' | tr -d '*')"
}

# What detects a change, "NUMBER word": the kernel log and the rest have one word for it.
detectors() {
	names=$(sed -nE 's/^\t(VMGENID_SOURCE_[A-Z]+)[ \t]*= ([0-9]),.*/\1 \2/p' kmod/uapi/vmgen/vmgenid.h)
	sed -nE 's/^\t*\[(VMGENID_SOURCE_[A-Z]+)\][ \t]*= "([a-z-]+)",$/\1 \2/p' "$1" |
		while read -r name word; do
			echo "$(echo "$names" | sed -n "s/^$name //p") $word"
		done
}

detectors_of_module() { detectors kmod/generation.c; }
detectors_of_vmgenctl() { detectors daemon/ctl/view/view.c; }
words_of_detectors() { detectors_of_vmgenctl | cut -d ' ' -f 2; }

page_detectors() {
	section "$vmgenctl" JSON | awk '/\*detected_by\*$/ { on = 1 } /^$/ { on = 0 } on' |
		grep -oE '"[a-z]+"' | tr -d '"'
}

metrics() {
	sed -nE -e 's/.*(metric|gauge|number|value)\(out, "([a-z_]+)".*/\2/p' \
		-e 's/.*# TYPE (vmgend_[a-z_]+) .*/\1/p' daemon/ctl/metrics.c
}

page_metrics() { section "$vmgenctl" METRICS | sed -nE 's/^\|[[ ] \*([a-z_]+)\*$/\1/p'; }

# --------------------------------------------------------------------------------------

differences() {
	same 'option of vmgend' table_of_vmgend help_of_vmgend
	same 'option of vmgend' help_of_vmgend page_of_vmgend
	same 'option of vmgend-samba-ad' table_of_samba help_of_samba
	same 'option of vmgend-samba-ad' help_of_samba page_of_samba
	same 'command of vmgend-samba-ad' commands_of_samba page_commands_of_samba
	same 'option of vmgen-acpi-check' help_of_acpi table_of_acpi
	same 'option of vmgen-acpi-check' help_of_acpi page_of_acpi
	same 'point of vmgen-acpi-check' points page_points
	same 'mark of vmgen-acpi-check' marks page_marks
	same 'option of vmgenctl' table_of_vmgenctl help_of_vmgenctl
	same 'option of vmgenctl' global page_global
	same 'word of vmgenctl' words page_words
	same 'paragraph of vmgenctl' to_describe page_described
	same 'exit status of vmgend' of_vmgend page_of_vmgend_exit
	same 'exit status of vmgenctl' of_vmgenctl page_of_vmgenctl_exit
	same 'exit status of vmgend-samba-ad' of_samba page_of_samba_exit
	same 'exit status of vmgen-acpi-check' help_of_acpi_exit of_acpi
	same 'exit status of vmgen-acpi-check' help_of_acpi_exit page_of_acpi_exit
	same 'key of vmgend.conf' keys_of_vmgend page_keys
	same 'setting of hooks' keys_of_hooks page_hook_keys
	same 'variable of hooks' environment page_environment
	same 'source of changes' sources page_sources
	same 'source of changes' sources page_source_member
	same 'field of the journal' fields page_fields
	same 'message of the journal' messages explained
	same 'parameter of vmgenc' parameters page_parameters
	same 'finding of check' findings page_findings
	same 'metric' metrics page_metrics
	same 'what detects' detectors_of_module detectors_of_vmgenctl
	same 'what detects' words_of_detectors page_detectors
	same 'constant of libvmgen' constants page_constants
	unknown_commands | sed 's/^/no such command: vmgenctl /'
	unknown_members | sed 's/^/no such member in the manual: /'
	unknown_constants | sed 's/^/no such constant: /'
}

# One mistake in a copy of the pages each: sed's script and the page.
mistakes() {
	cat <<-END
		/^\*--syslog\*/d|$vmgend
		s/^\*--syslog\*/*--sys-log*/|$vmgend
		s/^\*75\*/*76*/|$vmgend
		s/\*trigger\* \[\*--real\*.\*--failed\*\]/*trigger*/|$vmgenctl
		s/\*metrics\* \[\*--output\*=_FILE_\]/& [*--quiet*]/|$vmgenctl
		s/^\*hooks why\* _HOOK_/*hooks who* _HOOK_/|$vmgenctl
		s/^\*--state-dir\*/*--states*/|$vmgenctl
		s/^\*124\*/*125*/|$vmgenctl
		s/_entropy_, //|$vmgenctl
		s/^\*id_untrusted\*/*id_doubtful*/|$vmgenctl
		s/^\*reseed_errno\*/*errno*/|$vmgend
		s/^\*VMGEN_OUTCOME\*/*VMGEN_OUTCOMES*/|$vmgend
		s/\*spurious_notifies_total\*/*spurious_total*/|$vmgenctl
		s/\*vmgend_build_info\*/*vmgend_info*/|$vmgenctl
		s/^\*--dry-run\*/*--dry*/|$samba
		s/^\*verify\*/*check*/|$samba
		s/^\*77\*/*78*/|$samba
		s/^\*--iomem\*/*--map*/|$acpi
		s/^\*R1e\*/*R1f*/|$acpi
		s/^\*checksum\*/*sum*/|$acpi
		s/^\*cannot tell\*/*unknown*/|$acpi
		s/^\*3\*/*4*/|$acpi
		s/^\*seed-file\*/*seedfile*/|$conf
		s/^\*retries\*/*retry*/|$hooks
		s/^\*VMGEN_HINT\*/*VMGEN_HINTS*/|$hooks
		s/sysgenid or kmsg/sysgenid or syslog/|$hooks
		s/"sysgenid" or "kmsg"/"sysgenid" or "syslog"/|$vmgend
		s/vmgenctl trigger/vmgenctl drill/|$hooks
		s/^\*dev.vmgenc.0.hid\*/*dev.vmgenc.0.hids*/|$module
		s/VMGENID_WAIT/VMGENID_WAITS/|$module
		s/VMGEN_INFO_RAW/VMGEN_INFO_RAWER/|libvmgen/vmgen_open.3.scd
		s/"interrupt" (of ACPI)/"sci"/|$vmgenctl
		s/vmgenctl intent/vmgenctl intention/|README.md
	END
}

not_found() {
	while IFS='|' read -r script page; do
		rm -rf "$root/copy" && mkdir "$root/copy" &&
			cp --parents README.md "${every[@]}" "$root/copy"
		sed -i "$script" "$root/copy/$page"
		cmp -s "$page" "$root/copy/$page" && echo "$page has no: $script"
		pages=$root/copy
		[ -n "$(differences)" ] || echo "$page: $script"
		pages=.
	done < <(mistakes)
}

empty 'the pages name what the programs have, and nothing else' differences
empty 'vmgend itself takes the keys of vmgend.conf(5)' refused_keys
empty 'a mistake in a page is found' not_found
tap_done
