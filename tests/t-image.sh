#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# What "cloud-init clean" runs, with vmgend there and after it was removed: its
# script is a setting, and stays behind until a purge. And an image of a machine that shows
# nothing of itself.
#
# Functions are called through ok, and scripts are for another shell:
# shellcheck disable=SC2317,SC2016

cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

script=$(realpath "${O:-build}")/80-vmgen
program=/usr/local/bin/vmgenctl
work=$(mktemp -d /run/vmgen-test-XXXXXX) || exit 1
trap 'rm -rf "$work"' EXIT

# machine SCRIPT: with a record of its own, and $program a file that is not there. Beside it somebody
# has put a program with the name of one of the system's.
machine() {
	script=$script program=$program work=$work unshare --mount sh -ec '
		mount -t tmpfs tmpfs "$work"
		mount -t tmpfs tmpfs /var/lib
		mount -t tmpfs tmpfs "${program%/*}"
		mkdir /var/lib/vmgen
		echo record >/var/lib/vmgen/state.json
		echo seed >/var/lib/vmgen/seed
		echo mark >/var/lib/vmgen/image
		printf "#!/bin/sh\nexit 9\n" >"${program%/*}/rm"
		chmod +x "${program%/*}/rm"
		'"$1" 2>&1
}

removed() {
	machine 'sh "$script"
		[ "$(ls /var/lib/vmgen)" = seed ]
		/bin/rm -r /var/lib/vmgen
		sh "$script"'
}

# forgets STATUS
forgets() {
	machine "printf '#!/bin/sh\necho \"\$*\" >$work/asked\nexit $1\n' >\$program
		"'chmod +x $program
		r=0
		sh "$script" || r=$?
		[ $r = '"$1"' ]; [ "$(cat $work/asked)" = forget ]
		[ -e /var/lib/vmgen/state.json ]
		[ -e /var/lib/vmgen/image ]'
}

# unnamed FILE: a machine with an empty sysfs, until that file tells it from others.
unnamed() {
	work=$work file=$1 ctl=$(realpath "${O:-build}")/vmgenctl unshare --mount sh -ec '
		mount -t tmpfs tmpfs /sys
		mkdir -p "$work/hooks" "$work/state" "$work/run" /sys/class/dmi/id /sys/class/net/eth0/device
		chmod 700 "$work/state"
		printf "#!/bin/sh\n" >"$work/hooks/60-own"
		chmod 755 "$work/hooks/60-own"
		printf "[vmgend]\nhook-path = $work/hooks\n" >"$work/conf"
		prepare() {
			"$ctl" --config="$work/conf" --state-dir="$work/state" --runtime-dir="$work/run" \
				image prepare >"$work/said" 2>&1 || { cat "$work/said"; false; }
			grep -q 60-own "$work/said"
		}
		prepare
		grep -q "give it a UUID or a network card, then prepare it again" "$work/said"
		echo 0 >/sys/class/net/eth0/addr_assign_type
		case $file in
		*product_uuid) echo 0a1b2c3d-0000-4000-8000-00000000000a >"$file" ;;
		*address) echo 52:54:00:00:00:0a >"$file" ;;
		esac
		prepare
		! grep -q "give it" "$work/said"'
}

# Or dpkg would ask about it, where the packages take the place of an installation from source.
same_in_packages() {
	make -s O="$work/other" PREFIX=/usr "$work/other/80-vmgen" && cmp "$script" "$work/other/80-vmgen"
}

ok 'cloud-init clean works after vmgend was removed, and no copy gets the record' removed
ok 'with vmgend there, vmgenctl forget does it' forgets 0
ok 'and says whether it could' forgets 7
ok 'image prepare warns where nothing tells the machine from others, until a UUID does' \
	unnamed /sys/class/dmi/id/product_uuid
ok 'or a network card' unnamed /sys/class/net/eth0/address
ok 'it has the same bytes in the packages' same_in_packages
tap_done
