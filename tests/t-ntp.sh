#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# The hook of the clock on machines that it meets seldom: which client of NTP it asks,
# and when nobody tells the time. In a mount namespace with programs of its own.
#
# Functions are called through ok, and scripts are for another shell:
# shellcheck disable=SC2317,SC2016

cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

hook=$PWD/daemon/hooks/20-clock
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# machine HOST SCRIPT: the status of the program that asks the host.
machine() {
	hook=$hook work=$work host=$1 unshare --mount sh -ec '
		mount -t tmpfs tmpfs "$work"
		cd "$work"
		mkdir bin
		export PATH="$work/bin:$PATH" VMGEN_EVENT=changed
		# program NAME SCRIPT: which ends the search for it.
		program() {
			printf "#!/bin/sh\n%s\n" "$2" >"bin/$1"
			chmod +x "bin/$1"
		}
		mount -t tmpfs tmpfs /usr/libexec
		mkdir /usr/libexec/vmgen
		printf "#!/bin/sh\nexit $host\n" >/usr/libexec/vmgen/clock
		chmod +x /usr/libexec/vmgen/clock
		mount -t tmpfs tmpfs /run
		mkdir -p /run/systemd/system
		program modprobe "exit 1"
		program chronyc "exit 1"
		program systemctl "exit 3"
		# No test is to last for as long as it says.
		program timeout "echo \$1 >patience; shift; exec /usr/bin/timeout 1 \"\$@\""
		# run STATUS TEXT: how it ends, and what it says.
		run() {
			r=0
			"$hook" >said 2>&1 || r=$?
			cat said
			[ $r = "$1" ] && grep -e "$2" said
		}
		'"$2" 2>&1
}

# unit NAME ANSWER PROGRAM: a client that is at work, and answers.
unit() {
	machine "$4" 'program systemctl "case \$* in
			*is-active*'"$1"'.service | \"restart '"$1"'.service\") echo \"\$*\" >>asked ;;
			*) exit 3 ;;
		esac"
		'"$3"'
		run '"$2"
}

chrony() {
	machine "$1" 'program chronyc "echo \"\$*\" >>asked; case \$2 in waitsync) exit '"$2"' ;; esac"
		'"$3"
}

nobody='nobody else tells this machine the time: install a client of NTP'
ok 'with a clock of the host alone it succeeds' machine 0 '"$hook" >said; [ ! -s said ]'
ok 'with neither it fails, and names the remedy' machine 77 "run 1 '$nobody'"
ok 'so it does where the host is not believed' machine 1 "run 1 '$nobody'"
ok 'so does a drill, which tells it before' machine 77 "VMGEN_EVENT=test; run 1 '$nobody'"
ok 'chronyd measures anew, and sets the clock' chrony 0 0 \
	'run 0 "chronyd has asked"; grep "reset sources" asked; grep "burst 4/4" asked; grep makestep asked'
ok 'the network is waited for, but not for long' chrony 0 1 \
	'run 0 "no server has told chronyd"; [ "$(cat patience)" = 5 ]; ! grep makestep asked'
ok 'longer where the host tells nothing, and that is a failure' chrony 77 1 \
	'run 1 "no server has told chronyd"; [ "$(cat patience)" = 20 ]'
ok 'a drill asks nobody' chrony 0 0 \
	'VMGEN_EVENT=test; run 0 "would have chronyd ask"; ! grep -v tracking asked'
ok 'systemd-timesyncd is restarted, and an old answer is none' unit systemd-timesyncd \
	'0 "no server has told systemd-timesyncd"' \
	'mkdir /run/systemd/timesync; touch /run/systemd/timesync/synchronized' 0
ok 'ntpsec is restarted' unit ntpsec '0 "ntpsec has asked"; grep "restart ntpsec" asked' \
	'program ntpq "echo associd=0 status=0615, leap=00"' 77
ok 'until it has an answer it knows nothing' unit ntpsec '1 "no server has told ntpsec"' \
	'program ntpq "echo associd=0 status=c016, leap=11"' 77
ok 'openntpd is restarted' unit openntpd '0 "openntpd has asked"; grep "restart openntpd" asked' \
	'program ntpctl "echo 1/1 peers valid, clock synced, stratum 2"' 77
ok 'it says so, too, while it has no answer' unit openntpd '1 "no server has told openntpd"' \
	'program ntpctl "echo 1/1 peers valid, clock unsynced"' 77
tap_done
