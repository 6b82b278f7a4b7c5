#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# vmgenctl check on a machine where a user has 10,000 processes: it ends, and needs no
# more memory than it does without them. What such a user can do besides is in
# tests/vm/t-stranger.py.
#
# functions are called through ok
# shellcheck disable=SC2317

cd "$(dirname "$0")/.." || exit 1

count=10000
if [ -z "$scratch" ]; then
	scratch=$(mktemp -d) || exit 1
	trap 'rm -rf "$scratch"' EXIT
	chmod 755 "$scratch"
	export scratch
	# They end with the first of them.
	unshare --pid --mount-proc --fork --kill-child bash "$0"
	exit
fi
. tests/tap.sh

O=$(realpath "${O:-build}")
cp "$O/tests/vm/guest/stranger" "$scratch/stranger" || exit 1
export PATH="$scratch:$PATH"

are_there() {
	setpriv --reuid=65534 --regid=65534 --clear-groups stranger sleep "$count" \
		>"$scratch/said" 2>&1 &
	until grep -q ready "$scratch/said"; do
		kill -0 $! || return
		sleep 0.1
	done
	[ "$(find /proc -maxdepth 1 -name '[0-9]*' | wc -l)" -gt "$count" ]
}

# KiB, of which a look at each process would need a multiple if it kept what it saw.
room=131072

# The exit status says what else this machine has, or has not.
ends() {
	(
		ulimit -v "$room" || exit
		exec timeout -s KILL 60 "$O/vmgenctl" check "$@" >"$scratch/$#"
	)
	[ $? -lt 128 ]
}

ok "there are $count processes" are_there
began=$(date +%s%N)
ok 'vmgenctl check ends' ends
echo "# after $((($(date +%s%N) - began) / 1000000)) ms"
ok 'and has come to its end' grep -q '^This machine is' "$scratch/0"
ok 'vmgenctl check --json ends' ends --json
ok 'and is JSON' python3 -m json.tool "$scratch/1" /dev/null
tap_done
