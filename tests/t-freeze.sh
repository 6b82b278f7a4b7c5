#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# Which units 10-samba-ad freezes, in a tree that looks like that of cgroups.
#
# Functions are called through ok, and scripts are for another shell:
# shellcheck disable=SC2317,SC2016

cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

hook=$(realpath "${O:-build}")/10-samba-ad
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
printf '#!/bin/sh\necho "$@" >"%s/ran"\n' "$work" >"$work/vmgend-samba-ad"
chmod 755 "$work/vmgend-samba-ad"

# machine SCRIPT: that has these units.
machine() {
	rm -f "$work/ran"
	hook=$hook work=$work unshare --mount sh -ec '
		mount -t tmpfs tmpfs /sys/fs/cgroup
		mount -t tmpfs tmpfs /run
		mkdir -p /run/vmgen/samba-ad
		PATH=$work:$PATH
		cd /sys/fs/cgroup
		# unit PATH [PROCESS]
		unit() {
			mkdir -p "system.slice/$1"
			echo 0 >"system.slice/$1/cgroup.freeze"
			echo "${2:-}" >"system.slice/$1/cgroup.procs"
		}
		frozen() {
			[ "$(cat "system.slice/$1/cgroup.freeze")" = 1 ]
		}
		# "!" would not end the script.
		running() {
			[ "$(cat "system.slice/$1/cgroup.freeze")" = 0 ]
		}
		unit samba-ad-dc.service
		unit other.service
		'"$1" 2>&1
}

change='VMGEN_EVENT=changed $hook'
ok 'the usual unit, at any event but a drill' machine "
	VMGEN_EVENT=test \$hook; running samba-ad-dc.service; $change; frozen samba-ad-dc.service"
ok 'and no other' machine "$change; running other.service"
ok 'then the program does the rest' machine "$change; [ \"\$(cat \$work/ran)\" = stop ]"
ok 'also where no unit runs' machine "rm -r system.slice; $change; [ -e \$work/ran ]"
ok 'units that are named, instances of templates among them' machine '
	unit dc.service; unit "system-dc\x2dof.slice/dc-of@one.service"
	touch /run/vmgen/samba-ad/dc.service "/run/vmgen/samba-ad/dc-of@one.service"
	touch /run/vmgen/samba-ad/gone.service /run/vmgen/samba-ad/other.service.new
	'"$change"'
	frozen dc.service; frozen "system-dc\x2dof.slice/dc-of@one.service"
	running other.service'
ok 'and units that have a file' machine '
	mount -t tmpfs tmpfs /etc; mkdir -p /etc/vmgen/samba-ad.d; unit dc.service; unit none.service
	touch /etc/vmgen/samba-ad.d/dc.service /etc/vmgen/samba-ad.d/none
	'"$change"'
	frozen dc.service; running none.service'
ok 'BIND that has the database of Samba open' machine '
	mkdir -p /run/sam.ldb.d; touch /run/sam.ldb.d/part.ldb
	sleep 60 3</run/sam.ldb.d/part.ldb & unit named.service $!
	'"$change"'; kill $!; frozen named.service'
ok 'and no other BIND' machine '
	sleep 60 & unit named.service $!
	'"$change"'; kill $!; running named.service'
tap_done
