#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# The hook 60-machine-id, with an /etc and a /var of its own: when it does nothing,
# and that wherever it is killed, the next run leaves one ID in all places. The
# services that it restarts are in tests/vm/t-services.py.
#
# Functions are called through ok, and scripts are for another shell:
# shellcheck disable=SC2317,SC2016

cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

hook=$PWD/daemon/hooks/60-machine-id
old=0123456789abcdef0123456789abcdef
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# machine SCRIPT: in a mount namespace; $hook, $old and $work are set.
machine() {
	hook=$hook old=$old work=$work unshare --mount sh -ec '
		mount -t tmpfs tmpfs "$work"
		cd "$work"
		mkdir up scratch bin
		mount -t overlay overlay -o lowerdir=/etc,upperdir=up,workdir=scratch /etc
		mount -t tmpfs tmpfs /run
		mount -t tmpfs tmpfs /var/lib
		mount -t tmpfs -o mode=755 tmpfs /usr/libexec
		install -D -m 644 "${hook%/*}/renewal" /usr/libexec/vmgen/renewal
		mkdir /var/lib/dbus /var/lib/vmgen
		rm -f /etc/machine-id
		echo $old >/etc/machine-id
		echo $old >/var/lib/dbus/machine-id
		export VMGEN_EVENT=changed VMGEN_HINT=unknown VMGEN_INTENT=clone VMGEN_ID_HASH=aaaa
		'"$1" 2>&1
}

# stays STATUS SETTINGS
stays() {
	machine "r=0; env $2 \$hook || r=\$?; [ \$r = $1 ]; [ \"\$(cat /etc/machine-id)\" = \$old ]
		[ -z \"\$(ls /var/lib/vmgen)\" ]"
}

becomes_another() {
	machine '$hook
		new=$(cat /etc/machine-id)
		echo "$new" | grep -Eqx "[0-9a-f]{32}"
		[ "$new" != $old ]
		[ "$(stat -c %a /etc/machine-id)" = 444 ]
		[ "$(cat /var/lib/dbus/machine-id)" = "$new" ]
		grep -qx "old=$old" /var/lib/vmgen/machine-id
		[ "$(stat -c %a /var/lib/vmgen/machine-id)" = 600 ]
		$hook
		[ "$(cat /etc/machine-id)" = "$new" ]
		VMGEN_ID_HASH=bbbb $hook
		[ "$(cat /etc/machine-id)" != "$new" ]
		grep -qx "old=$new" /var/lib/vmgen/machine-id'
}

link_stays() {
	machine 'ln -sf /etc/machine-id /var/lib/dbus/machine-id
		$hook
		[ -L /var/lib/dbus/machine-id ]
		[ "$(cat /var/lib/dbus/machine-id)" != $old ]'
}

no_file_is_a_failure() {
	machine 'for command in "mkdir" "ln -s machine-id"; do
			rm -rf /etc/machine-id; $command /etc/machine-id
			r=0; $hook >said 2>&1 || r=$?; cat said
			[ $r = 1 ]; grep -q "^/etc/machine-id: cannot be read" said; [ -z "$(ls /var/lib/vmgen)" ]
		done'
}

# A first boot without a machine ID, and a disk that was not writable when systemd looked.
made_by_systemd_stays() {
	machine 'mount --bind /var/lib/dbus/machine-id /etc/machine-id
		mkdir /run/systemd
		touch /run/systemd/first-boot
		r=0; $hook >said || r=$?
		[ $r = 77 ]; grep -q "made it in this boot" said
		[ "$(cat /etc/machine-id)" = $old ] && [ -z "$(ls /var/lib/vmgen)" ]'
}

# at_event EVENT UNITS: which units it restarts; systemctl is played.
at_event() {
	event=$1 units=$2 machine 'mkdir -p /run/systemd/system /run/vmgen
		for program in systemctl systemd-tmpfiles; do
			printf "#!/bin/sh\necho \"\${0##*/} \$*\" >>$work/asked\n" >bin/$program
			chmod 755 bin/$program
		done
		VMGEN_EVENT=$event PATH=$work/bin:$PATH $hook >said
		[ "$(cat /etc/machine-id)" != $old ]; [ -e /run/vmgen/machine-id ]
		[ "$(sed -n "s/^systemctl try-restart //p" asked | tr "\n" " ")" = "$units" ]'
}

# A service that does not come back fails the hook, which does the rest anyway.
failing_restart_is_told() {
	machine 'mkdir -p /run/systemd/system
		printf "%s\n" "#!/bin/sh" "echo \"\$*\" >>$work/asked" "! echo \"\$*\" | grep -q journald" >bin/systemctl
		chmod 755 bin/systemctl
		r=0; PATH=$work/bin:$PATH $hook >said || r=$?
		[ $r = 1 ]
		[ "$(cat /etc/machine-id)" != $old ]; grep -q networkd asked'
}

# Each boot takes that one.
command_line_stays() {
	machine 'echo "quiet systemd.machine_id=$old" >cmdline
		mount --bind cmdline /proc/cmdline
		r=0; $hook >said || r=$?
		[ $r = 1 ]; grep -q "change it there" said
		[ "$(cat /etc/machine-id)" = $old ]; [ -z "$(ls /var/lib/vmgen)" ]'
}

# What is mounted there hides the file.
mounted_stays() {
	machine 'mount --bind /var/lib/dbus/machine-id /etc/machine-id
		r=0; $hook >said || r=$?
		[ $r = 1 ]; grep -q reboot said
		[ "$(cat /etc/machine-id)" = $old ]'
}

bad_record_is_refused() {
	machine 'printf "for=aaaa\nnew=0123\n" >/var/lib/vmgen/machine-id
		r=0; $hook >said || r=$?
		[ $r = 1 ]; grep -q "is damaged" said
		[ "$(cat /etc/machine-id)" = $old ]'
}

# Each of the programs kills all of the hook instead of its nth call.
killed_anywhere() {
	machine '
		for program in mv sync rm chmod; do
			printf "%s\n" "#!/bin/sh" "echo >>$work/calls" \
				"[ \$(wc -l <$work/calls) != \$n ] || kill -KILL 0" \
				"exec $(command -v $program) \"\$@\"" >bin/$program
			chmod 755 bin/$program
		done
		export n=1
		while :; do
			: >calls
			export VMGEN_ID_HASH=kill$n
			r=0
			old=$(cat /etc/machine-id)
			PATH=$work/bin:$PATH setsid -w $hook || r=$?
			seen=$(cat /etc/machine-id)
			[ $r != 0 ] || break
			$hook
			new=$(cat /etc/machine-id)
			echo "$new" | grep -Eqx "[0-9a-f]{32}"
			[ "$new" != "$old" ]
			[ "$seen" = "$old" ] || [ "$seen" = "$new" ]
			[ "$(cat /var/lib/dbus/machine-id)" = "$new" ]
			grep -qx "new=$new" /var/lib/vmgen/machine-id
			n=$((n + 1))
		done
		[ "$n" -gt 15 ]'
}

ok 'without an intent nothing changes' stays 77 VMGEN_INTENT=
ok 'nor on a restore' stays 77 VMGEN_INTENT=restore
ok 'nor on a hint' stays 77 'VMGEN_INTENT= VMGEN_HINT=clone'
ok 'nor if what was said cannot be true' stays 1 VMGEN_HINT=rollback
ok 'nor in a drill' stays 0 'VMGEN_INTENT= VMGEN_EVENT=test'
ok 'on intent clone the ID is another one, the same at each run for that change' becomes_another
ok 'the link of D-Bus stays one' link_stays
ok 'a file that is mounted is left alone' mounted_stays
ok 'so is one that the command line of the kernel overrides' command_line_stays
ok 'so is one that systemd has made in this boot, and that is no failure' made_by_systemd_stays
ok 'while the system is up journald and networkd are restarted' \
	at_event changed 'systemd-journald.service systemd-networkd.service '
ok 'one that does not come back fails the hook' failing_restart_is_told
ok 'at boot only what has started' at_event boot-changed 'systemd-journald.service '
ok 'in a copy of an image, too' at_event adopted 'systemd-journald.service '
ok 'what is no file is not taken for missing' no_file_is_a_failure
ok 'a record that is damaged is refused' bad_record_is_refused
ok 'killed anywhere, the next run leaves one ID in all places' killed_anywhere
tap_done
