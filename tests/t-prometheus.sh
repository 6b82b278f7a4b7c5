#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# packaging/prometheus: rules that promtool accepts and that do what tests/prometheus says, a
# dashboard, and that they ask for metrics that vmgenctl(1) has. And what that page says of machines
# with one ID.
#
# functions are called through ok and empty
# shellcheck disable=SC2317

cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
rules=packaging/prometheus/vmgen.rules.yml
dashboard=packaging/prometheus/vmgen-dashboard.json
page=daemon/vmgenctl.1.scd

# section NAME: of the page
section() {
	awk -v name="# $1" '/^# / { on = $0 == name } on' "$page"
}

alerts() {
	sed -nE 's/^ +- alert: (\w+)$/\1/p' "$rules"
}

# try FILE...: these tests, on the rules in the scratch directory
try() {
	cp tests/prometheus/*.yml "$scratch" && (cd "$scratch" && promtool test rules "$@")
}

rules_do() {
	cp "$rules" "$scratch" && try rules.yml days.yml
}

# unnoticed SED ALERT...: those that this changes, all at once, and whose own tests pass
unnoticed() {
	sed -E "$1" "$rules" >"$scratch/vmgen.rules.yml"
	shift
	try rules.yml days.yml >"$scratch/out" 2>&1
	for alert; do
		grep -qE "alertname(: |=.\")$alert\b" "$scratch/out" || echo "$alert"
	done
}

# Those that wait.
patient() {
	awk '/- alert:/ { alert = $3 } / for:/ { print alert }' "$rules"
}

not_noticed() {
	[ "$(patient | wc -l)" -gt 5 ] || echo 'hardly any alert waits'
	# shellcheck disable=SC2046
	unnoticed 's/(- alert: .*)/\1s/' $(alerts)
	# shellcheck disable=SC2046
	unnoticed 's/ for:.*/ for: 0m/' $(patient)
}

# Each change of the rules by which they are worse; the first has an alert fire always.
changes() {
	for alert in $(alerts); do
		sed -n "/- alert: $alert\$/,/labels:/p" "$rules" | grep -qE ' (==|>=) [013]\b' &&
			printf '%s\n' "/- alert: $alert\$/,/labels:/s/ (==|>=) [013]\b/ >= 0/g"
	done
	cat <<-'END'
		s/ and vmgen:id_draw:shared($|\))/\1/
		s/and changes\(vmgen:id_draw:shared\[10m\]\) > 0//
		s/count by \(id_hash, instance\) \(vmgen:id_draw:shared\)/vmgen:id_draw:shared/
		s/max_over_time/min_over_time/
		s/min_over_time/max_over_time/
		s/\[10m\]/[30s]/
		s/\) > 1$/) > 2/
		s/\[1h\]\)\) - 1 > 0/[1h])) > 0/
		s/ or changes\(vmgen_generation\[1h\]\) >= 3//
		s/ unless vmgen_verdict == 9//
		s/ unless ignoring .*//
		s/offset 1h or/offset 5m or/
		s/offset 1d/offset 2d/
		s/offset 1w/offset 3w/
	END
}

# A few at a time: each has a directory of its own.
not_found() {
	[ "$(changes | wc -l)" -gt 15 ] || echo 'hardly anything is changed'
	export scratch rules
	# shellcheck disable=SC2016 # for the shells that it starts
	changes | xargs -d '\n' -n 1 -P "$(nproc)" sh -c '
		mkdir "$scratch/$$" && cp tests/prometheus/*.yml "$scratch/$$" && cd "$scratch/$$" ||
			{ echo "not tried: $1"; exit 0; }
		sed -E "$1" "$OLDPWD/$rules" >vmgen.rules.yml
		if cmp -s vmgen.rules.yml "$OLDPWD/$rules"; then
			echo "nothing is changed: $1"
		elif ! promtool check rules vmgen.rules.yml >out 2>&1; then
			echo "is no rule: $1"
		elif promtool test rules rules.yml >out 2>&1; then
			case $1 in *Module*|*Intent*|*offset*)
				promtool test rules days.yml >out 2>&1 || exit 0 ;;
			esac
			echo "not found: $1"
		fi' changed
}

# ---- names ---------------------------------------------------------------------------

alerts_of_page() { section PROMETHEUS | sed -nE 's/^\|[[ ] \*(Vmgen\w+)\*$/\1/p'; }

same_alerts() {
	[ "$(alerts | wc -l)" -gt 5 ] && [ "$(alerts)" = "$(alerts_of_page)" ]
}

# What vmgenctl(1) has, and what the rules record.
metrics() {
	section METRICS | sed -nE 's/^\|[[ ] \*([a-z_]+)\*$/vmgen_\1/p' | sed 's/^vmgen_vmgend_build/vmgend_build/'
	sed -nE 's/^ +- record: ([a-z_:0-9]+)$/\1/p' "$rules"
}

expressions() {
	jq -r '.panels[].targets[].expr' "$1"
	jq -r '.templating.list[] | select(.type == "query") | .query.query' "$1"
}

# unknown FILE: names in text that are no metric
unknown() {
	grep -oE '\bvmgend?[_:][a-z_:0-9]+\b' "$1" | sort -u >"$scratch/names"
	[ "$(wc -l <"$scratch/names")" -gt 10 ] || echo 'hardly any metric is named'
	grep -vxF "$(metrics)" "$scratch/names"
}

of_rules() {
	grep -vE '^ *#|summary:|description:' "${1:-$rules}" >"$scratch/text"
	unknown "$scratch/text"
}

of_dashboard() {
	expressions "${1:-$dashboard}" >"$scratch/text"
	unknown "$scratch/text"
}

unknown_is_found() {
	sed 's/vmgen_fenced/vmgen_closed/' "$rules" >"$scratch/changed"
	[ "$(of_rules "$scratch/changed")" = vmgen_closed ] || return
	sed 's/vmgen_verdict/vmgen_virdict/' "$dashboard" >"$scratch/changed"
	[ "$(of_dashboard "$scratch/changed")" = vmgen_virdict ]
}

# ---- the dashboard -------------------------------------------------------------------

# What Grafana would ask for, as rules, with its variables filled in.
queries() {
	echo 'groups: [{name: queries, rules: ['
	jq -r '.panels[].targets[].expr' "$1" | sed 's/\$[a-z]*/.*/g' | jq -R '{record: "x", expr: .}' | sed 's/^}/},/'
	echo ']}]'
}

# The name of all, "x", is no matter.
accepts_queries() {
	[ "$(queries "${1:-$dashboard}" | grep -c '"expr"')" -gt 10 ] || return
	queries "${1:-$dashboard}" >"$scratch/queries.yml" &&
		promtool check rules --lint=none "$scratch/queries.yml"
}

refuses_queries() {
	sed 's/count(vmgen_protected/count((vmgen_protected/' "$dashboard" >"$scratch/changed"
	! accepts_queries "$scratch/changed"
}

# No panel lies on another, and each has a number of its own.
well_laid() {
	jq -e '([.panels[].id] | length == (unique | length)) and
		([.panels[].gridPos | range(.x; .x + .w) as $x | range(.y; .y + .h) as $y | [$x, $y]]
		 | length == (unique | length)) and all(.panels[]; .gridPos.x + .gridPos.w <= 24)' "$dashboard"
}

# ---- what is printed -----------------------------------------------------------------

# In a root of its own, where there are fences and an intent.
prints_metrics() {
	mkdir -p "$scratch/state/fence" && chmod 700 "$scratch/state" "$scratch/state/fence" && echo '{}' >"$scratch/state/fence/a.service" &&
		printf '[vmgend]\nintent-file=%s\n' "$scratch/state/dropped" >"$scratch/conf" &&
		"${O:-build}/vmgenctl" --state-dir="$scratch/state" --config="$scratch/conf" metrics >"$scratch/out" &&
		grep -qxF 'vmgen_fenced{unit="a.service"} 1' "$scratch/out" &&
		promtool check metrics <"$scratch/out"
}

# block TEXT: the lines of the block of the page that has this in it
block() {
	awk -v text="$1" '/^```/ { if (on && index(block, text)) printf "%s", block; on = !on; block = ""; next }
		on { block = block $0 "\n" }' "$page"
}

# The example of the page, by the lines of the page.
example_of_hash() {
	hash=$(section METRICS | grep -oE '\b[0-9a-f]{64}\b') &&
		[ "$(VMGEN_ID_HASH=$hash sh -c "$(block sha256sum)")" = 60e4f431e6eaa833 ] &&
		section METRICS | grep -qw 60e4f431e6eaa833
}

# d has no ID, e is no VM, f says nothing.
finds_with_jq() {
	mkdir "$scratch/json" && cd "$scratch/json" || return
	for name in a:60e4f431e6eaa833 b:437d820d63aaef91 c:60e4f431e6eaa833; do
		printf '{"version":1,"verdict":0,"id_valid":true,"id_metric":"%s"}\n' "${name#*:}" >"${name%:*}.json"
	done
	echo '{"version":1,"verdict":9,"id_valid":false}' | tee d.json >e.json
	: >f.json
	[ "$(sh -c "$1")" = '60e4f431e6eaa833: a.json c.json' ] && rm c.json && [ -z "$(sh -c "$1")" ]
}

ok 'promtool accepts the rules' promtool check rules "$rules"
ok 'each does what it should' rules_do
empty 'an alert that never fires is found, and one that does not wait' not_noticed
empty 'a rule that does something else is found' not_found
ok 'vmgenctl(1) has the same alerts' same_alerts
empty 'the rules ask for metrics that there are' of_rules
empty 'and so does the dashboard' of_dashboard
ok 'a metric that there is not is found' unknown_is_found
ok 'the dashboard is JSON, and its panels lie beside each other' well_laid
ok 'promtool accepts its queries' accepts_queries
ok 'and not one that is none' refuses_queries
ok 'promtool accepts what vmgenctl metrics prints' prints_metrics
ok 'the example of a hash in vmgenctl(1) is right' example_of_hash
ok 'the line for jq there finds machines with one ID' finds_with_jq "$(block 'jq -nr' | sed -n '/^jq/,$p')"
tap_done
