#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# What hooks of DHCP clients meet on machines that those of tests/vm/t-lease.py are
# not like, in a mount namespace with programs of its own.
#
# Functions are called through ok, and scripts are for another shell:
# shellcheck disable=SC2317,SC2016

cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

hooks=$PWD/daemon/hooks
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# machine SCRIPT: $hooks and $work are set, and programs in $work/bin come first.
machine() {
	hooks=$hooks work=$work unshare --mount sh -ec '
		mount -t tmpfs tmpfs "$work"
		cd "$work"
		mkdir bin
		export PATH="$work/bin:$PATH" VMGEN_EVENT=test
		# program NAME SCRIPT
		program() {
			printf "#!/bin/sh\n%s\n" "$2" >"bin/$1"
			chmod +x "bin/$1"
		}
		mount -t tmpfs tmpfs /run
		mkdir -p /run/systemd/system
		'"$1" 2>&1
}

# The module bonding has a file among the interfaces.
networkd_with_bonding() {
	machine 'mount -t tmpfs tmpfs /sys/class/net
		mkdir -p /sys/class/net/eth0 /run/systemd/netif/leases
		echo bond0 >/sys/class/net/bonding_masters
		echo 2 >/sys/class/net/eth0/ifindex
		touch /run/systemd/netif/leases/2
		program systemctl "exit 0"
		[ "$($hooks/40-networkd)" = "would renew the lease of eth0" ]'
}

# dhclient TYPE ARGUMENT...: how it is started anew.
dhclient() {
	machine 'program systemd-run "echo \"\$*\" >$work/started"
		sh -c "sleep 60; :" dhclient '"$2"' >/dev/null 2>&1 &
		program pidof "echo $!"
		VMGEN_EVENT=changed $hooks/40-dhclient
		kill $!
		grep -q -e "--property=TimeoutStartSec=infinity --property=Type='"$1"' sh -c .* dhclient '"$2"'\$" started'
}

ok 'networkd: what is no interface is no failure' networkd_with_bonding
ok 'dhclient: one that goes to the background may take its time' dhclient forking '-v eth0'
ok 'dhclient: one that never does so is not killed for that' dhclient exec '-d eth0'
tap_done
