#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# What hooks of DHCP clients meet on machines that those of tests/vm/t-lease.py are
# not like, in a mount namespace with programs of its own: a stranger's processes
# above all, of which none may be executed, or ended.
#
# Functions are called through ok, and scripts are for another shell:
# shellcheck disable=SC2317,SC2016

cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

hooks=$PWD/daemon/hooks
client=$(realpath "${O:-build}")/client
work=$(mktemp -d) || exit 1
chmod 755 "$work"
trap 'rm -rf "$work"' EXIT

# machine SCRIPT: $hooks and $work are set, and programs in $work/bin come first.
machine() {
	hooks=$hooks work=$work client=$client unshare --mount sh -ec '
		mount -t tmpfs -o mode=755 tmpfs "$work"
		cd "$work"
		mkdir bin place
		chmod 1777 place
		export PATH="$work/bin:$PATH" VMGEN_EVENT=test
		# program NAME SCRIPT
		program() {
			printf "#!/bin/sh\n%s\n" "$2" >"bin/$1"
			chmod +x "bin/$1"
		}
		cp "$client" client
		mount -t tmpfs -o mode=755 tmpfs /usr/libexec
		mkdir /usr/libexec/vmgen
		cp client /usr/libexec/vmgen
		mount -t tmpfs -o mode=755 tmpfs /run
		mkdir -p /run/systemd/system
		'"$1" 2>&1
}

# with_client SCRIPT: on a machine with a dhclient and a dhcpcd that only sleep, and
# ifupdown that has brought up eth0 and not eth1.
with_client() {
	machine 'mkdir up scratch
		mount -t overlay overlay -o lowerdir=/usr/sbin,upperdir=up,workdir=scratch /usr/sbin
		cp /bin/sleep /usr/sbin/dhclient
		cp /bin/sleep /usr/sbin/dhcpcd
		mkdir /run/dhcpcd
		program ifquery "echo lo=lo; echo eth0=home"
		program ifup "[ \"\$*\" = \"--no-act --force eth0=home\" ] || exit 0
			echo run-parts --exit-on-error /etc/network/if-pre-up.d
			echo \"CLIENT=-i;  dhclient -4 -v \\\$CLIENT -pf /run/dhclient.eth0.pid -lf /var/lib/dhcp/dhclient.eth0.leases eth0	-e IF_METRIC=5\"
			echo echo done"
		program systemd-run "echo \"\$*\" >>$work/started
			case \$* in *--no-block*) at_once=true ;; esac
			while [ \"\${1#--}\" != \"\$1\" ]; do shift; done
			\"\$@\" || \${at_once:-exit \$?}"
		touch started
		as="setpriv --reuid=65534 --regid=65534 --clear-groups"
		# wait_for COMMAND...
		wait_for() { until "$@"; do sleep 0.05; done; }
		runs() { [ /proc/$1/exe -ef "$2" ]; }
		# In a PID namespace of its own it is a child.
		begun() {
			for pid in $! $(cat /proc/$!/task/$!/children); do
				! runs $pid "$executable" || return 0
			done
			return 1
		}
		# begin COMMAND...: in the background; $pid. The caller may ignore signals.
		begin() {
			env --default-signal "$@" </dev/null >/dev/null 2>&1 &
			pids="$pids $!"
			wait_for begun
			pids="$pids $pid"
		}
		executable=/usr/sbin/dhclient pids=
		trap "kill -KILL \$pids 2>/dev/null || :" EXIT
		# hook STATUS NAME [EVENT]: what it says is in $said.
		hook() {
			r=0
			VMGEN_EVENT=${3:-changed} /usr/bin/timeout 60 "$hooks/$2" >said 2>&1 || r=$?
			cat said
			[ $r = "$1" ]
		}
		# But what looks for units to start.
		nothing_starts() { ! grep -v " $client_command restart " started; }
		client_command=/usr/libexec/vmgen/client
		lives() { kill -0 $pid; }
		# wait reaps it.
		ended() { wait $pid 2>/dev/null || :; ! kill -0 $pid 2>/dev/null; }
		'"$1"
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

# Its path leads to something else by the time the hook looks.
stranger() {
	with_client 'rmdir /run/systemd/system
		cp /bin/sleep place/dhclient
		chown 65534 place/dhclient
		executable=place/dhclient
		begin $as place/dhclient 3600
		printf "#!/bin/sh\nid >$work/place/proof\n" >place/x
		chmod 755 place/x
		mv place/x place/dhclient
		hook 77 40-dhclient
		lives
		[ ! -e place/proof ]'
}

# by_others COMMAND...: the system'\''s own program, but not run by root for this system.
by_others() {
	with_client "begin $* /usr/sbin/dhclient 3600"'
		hook 77 40-dhclient
		lives
		nothing_starts'
}

another_program() {
	with_client 'cp /bin/sleep place/dhclient
		executable=place/dhclient
		begin place/dhclient 3600
		echo $pid >/run/dhclient.eth0.pid
		hook 77 40-dhclient
		lives'
}

# begin_for FILE SCRIPT: ifupdown'\''s, whose arguments are not what ifup says.
from_configuration() {
	with_client 'begin /usr/sbin/dhclient 3600
		echo $pid >/run/dhclient.eth0.pid
		'"$1"'
		hook 0 40-dhclient test
		lives
		grep "would start again, as ifup does: CLIENT=-i;  dhclient -4 -v" said
		nothing_starts
		hook 0 40-dhclient
		ended
		cat started
		grep -e "--no-block --property=Type=forking --property=TimeoutStartSec=infinity" started |
			grep "dhclient -4 -v .*-pf /run/dhclient.eth0.pid .* eth0	-e IF_METRIC=5"
		! grep 3600 started'
}

# A PID file can be old: the number is another process'\''s now.
old_pid_file() {
	with_client 'begin $as /usr/sbin/dhclient 3600
		echo $pid >/run/dhclient.eth0.pid
		hook 77 40-dhclient
		lives'
}

# pid_file_of_others SCRIPT
pid_file_of_others() {
	with_client 'begin /usr/sbin/dhclient 3600
		echo $pid >/run/dhclient.eth0.pid
		'"$1"'
		hook 1 40-dhclient
		grep "/run/dhclient.eth0.pid is not believed" said
		lives'
}

by_hand() {
	with_client 'begin /usr/sbin/dhclient 3600
		hook 1 40-dhclient
		grep "neither a unit nor ifupdown has started it" said
		lives
		hook 1 40-dhclient test'
}

program_of_others() {
	with_client 'begin /usr/sbin/dhclient 3600
		'"$1"'
		hook 1 40-dhclient
		grep "/usr/sbin/dhclient is not trusted" said
		lives'
}

ifup_at_work() {
	with_client 'program timeout "exit 124"
		hook 1 40-dhclient
		grep "ifquery does not answer" said'
}

# dhcpcd RESULT STATUS COMMAND...: who runs it.
dhcpcd() {
	result=$1 status=$2
	shift 2
	with_client "executable=/usr/sbin/dhcpcd
		begin $* /usr/sbin/dhcpcd 3600"'
		echo $pid >/run/dhcpcd/eth0-4.pid
		hook '"$status"' 40-dhcpcd test
		lives
		hook '"$status"' 40-dhcpcd
		'"$result"
}

# The user of its own; a user of a directory service of that name is no such.
dhcpcd_user() {
	with_client 'cp /etc/passwd passwd
		echo "dhcpcd:x:64999:64999::/:/bin/false" >>passwd
		mount --bind passwd /etc/passwd
		executable=/usr/sbin/dhcpcd
		begin setpriv --reuid=64999 --regid=64999 --clear-groups /usr/sbin/dhcpcd 3600
		echo $pid >/run/dhcpcd/pid
		hook 0 40-dhcpcd
		ended'
}

ok 'networkd: what is no interface is no failure' networkd_with_bonding
ok "dhclient: a stranger's program of that name is not executed" stranger
ok "nor is the system's own ended that a stranger runs" by_others '$as'
for namespace in user net mount 'pid --fork'; do
	ok "nor one with a namespace of its own: ${namespace%% *}" by_others unshare \
		"--$namespace"
done
ok "nor root's process of that name that is another program" another_program
ok 'that of ifupdown is started anew as its configuration says, not its arguments' \
	from_configuration :
ok 'also after an upgrade has replaced its file' \
	from_configuration 'cp /bin/sleep /usr/sbin/new; mv /usr/sbin/new /usr/sbin/dhclient'
ok "a PID file that names a stranger's process by now is no reason to end that" old_pid_file
ok 'a PID file that others can write is not believed' \
	pid_file_of_others 'chmod 666 /run/dhclient.eth0.pid'
ok 'nor one that others own' pid_file_of_others 'chown 65534 /run/dhclient.eth0.pid'
ok 'nor a link' pid_file_of_others \
	'mv /run/dhclient.eth0.pid /run/another; ln -s another /run/dhclient.eth0.pid'
ok 'nor one in a directory that others can write' pid_file_of_others 'chmod 777 /run'
ok 'nor is a program that others can change' program_of_others 'chmod 777 /usr/sbin/dhclient'
ok 'one of which no configuration tells is named, and is a failure' by_hand
ok 'so is an ifupdown that does not answer' ifup_at_work
ok 'dhcpcd: that of root is told to ask' dhcpcd ended 0
ok "a stranger's is not, whatever a PID file says" dhcpcd lives 77 '$as'
ok 'nor one with a network of its own' dhcpcd lives 77 unshare --net
ok "one with the rights of dhcpcd's user is" dhcpcd_user
tap_done
