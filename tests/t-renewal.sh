#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# Hooks that renew an identity, with an /etc and a /var of their own: when they do nothing, and
# that wherever one is killed, the next run leaves one new identity in all places. The real
# services are in tests/vm/t-renewal.py.
#
# Functions are called through ok, and scripts are for another shell:
# shellcheck disable=SC2317,SC2016

cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

hooks=$PWD/daemon/hooks
names='hostname dhcp-duid iscsi-initiator nvme-host snmp-engine container-engine'
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# What a machine has, and what its identity is: a line each, all of which become others.
cat >"$work/fixtures" <<'FIXTURES'
put() {
	mkdir -p "${1%/*}"
	cat >"$1"
	echo "$1" >>"$work/files"
}

set_up() {
	case $1 in
	hostname)
		hostname web.example
		echo web.example | put /etc/hostname
		printf '%s\n' '127.0.0.1	localhost' '127.0.1.1	web.example web # mine: web' \
			'192.0.2.7	web.example web' '127.0.1.2 webmail WEB' | put /etc/hosts
		;;
	dhcp-duid)
		printf '%s\n' 'default-duid "\000\001\000\001.\020AB\\\"";' 'lease6 {' \
			'  interface "none0";' '    iaaddr 2001:db8::7 {' '    }' '}' \
			'lease {' '  fixed-address 192.0.2.7;' '}' '# kept' | put /var/lib/dhcp/dhclient6.none0.leases
		echo 00:01:00:01:2e:0a:52:54:00:00:00:0a | put /var/lib/dhcpcd/duid
		echo of the original | put /var/lib/dhcpcd/none0.lease6
		;;
	iscsi-initiator)
		printf '%s\n' '## DO NOT EDIT' 'InitiatorName=iqn.1993-08.org.debian:01:a9f1c6bd2e07' |
			put /etc/iscsi/initiatorname.iscsi
		chmod 600 /etc/iscsi/initiatorname.iscsi
		;;
	nvme-host)
		echo nqn.2014-08.org.nvmexpress:uuid:0a1b2c3d-0000-4000-8000-00000000000a | put /etc/nvme/hostnqn
		echo 0a1b2c3d-0000-4000-8000-00000000000a | put /etc/nvme/hostid
		;;
	snmp-engine)
		printf '%s\n' 'engineBoots 7' 'oldEngineID 0x80001f8880aaaaaaaabbbbbbbb00000000' |
			put /var/lib/snmp/snmpd.conf
		printf '%s\n' 'usmUser 1 3 0x80001f888011 "trap" "trap" NULL .1.3.6.1.6.3.10.1.1.1 0x00' \
			'oldEngineID 0x80001f8880ccccccccbbbbbbbb00000000' | put /var/lib/snmp/snmptrapd.conf
		;;
	container-engine)
		echo '{"crv":"P-256","d":"x","kid":"AAAA:BBBB","kty":"EC"}' | put /etc/docker/key.json
		printf %s 0a1b2c3d-0000-4000-8000-00000000000a | put /var/lib/docker/engine-id
		printf %s 0a1b2c3d-0000-4000-8000-00000000000b |
			put /var/lib/containerd/io.containerd.grpc.v1.introspection/uuid
		;;
	esac
}

shown() {
	case $1 in
	hostname) cat /etc/hostname; uname -n; grep '^127.0.1' /etc/hosts ;;
	dhcp-duid)
		grep default-duid /var/lib/dhcp/*.leases; cat /var/lib/dhcpcd/duid
		;;
	iscsi-initiator) grep Name /etc/iscsi/initiatorname.iscsi ;;
	nvme-host) cat /etc/nvme/hostnqn /etc/nvme/hostid ;;
	snmp-engine) grep -h oldEngineID /var/lib/snmp/*.conf ;;
	container-engine)
		for file in /var/lib/docker/engine-id /var/lib/containerd/*/uuid; do
			printf '%s\n' "$(cat "$file")"
		done
		cat /etc/docker/key.json 2>/dev/null || echo "no key, $(cat /var/lib/docker/engine-id)"
		;;
	esac
}

# renewed BEFORE: all lines are others.
renewed() {
	shown "$name" >"$work/now"
	printf '%s\n' "$1" >"$work/then"
	[ "$(wc -l <"$work/now")" = "$(wc -l <"$work/then")" ]
	! grep -Fx -f "$work/now" "$work/then"
}
FIXTURES

# machine NAME SCRIPT: $hook is its hook, $name what it is called; bin comes first in PATH. In a
# script "!" and what stands before "&&" end nothing but its last line.
machine() {
	hook=$hooks/60-$1 name=$1 work=$work unshare --mount --uts sh -ec '
		. "$work/fixtures"
		mount -t tmpfs tmpfs "$work"
		cd "$work"
		mkdir up scratch bin
		mount -t overlay overlay -o lowerdir=/etc,upperdir=up,workdir=scratch /etc
		for place in /run /var/lib /sys/class; do mount -t tmpfs tmpfs $place; done
		mount -t tmpfs -o mode=755 tmpfs /usr/libexec
		install -D -m 644 "${hook%/*}/renewal" /usr/libexec/vmgen/renewal
		printf "#!/bin/sh\nexit 77\n" >/usr/libexec/vmgen/client
		chmod 755 /usr/libexec/vmgen/client
		mkdir /var/lib/vmgen
		rm -rf /etc/iscsi /etc/nvme /etc/snmp /etc/docker
		export VMGEN_EVENT=boot-changed VMGEN_HINT=unknown VMGEN_INTENT=clone VMGEN_ID_HASH=aaaa
		export VMGEN_NAME=web-3 PATH="$work/bin:$PATH"
		set_up $name
		before=$(shown $name)
		# says STATUS TEXT: nothing changes.
		says() {
			r=0
			$hook >$work/said 2>&1 || r=$?
			cat $work/said
			[ $r = $1 ] && grep -q -- "$2" $work/said && [ "$(shown $name)" = "$before" ]
		}
		fails() {
			if "$@"; then return 1; fi
		}
		'"$2" 2>&1
}

# all SCRIPT: on a machine for each hook.
all() {
	for name in $names; do
		machine "$name" "$1" || { echo "60-$name"; return 1; }
	done
}

stays='VMGEN_INTENT= says 77 "nobody said that this is a clone"
	VMGEN_INTENT=restore says 77 "declared intent is restore"
	VMGEN_HINT=rollback says 1 "are those of a rollback"
	VMGEN_EVENT=test VMGEN_INTENT= VMGEN_NAME= says 0 "would be"
	[ -z "$(ls /var/lib/vmgen)" ]'

nothing='rm -rf /etc/iscsi /etc/nvme /etc/docker /var/lib/*
	[ $name = hostname ] || { r=0; $hook >said || r=$?; [ $r = 77 ]; }'

becomes_another='$hook
	renewed "$before"
	once=$(shown $name)
	$hook
	[ "$(shown $name)" = "$once" ]
	VMGEN_ID_HASH=bbbb VMGEN_NAME=mail-4 $hook
	renewed "$once"
	[ -z "$(find /etc /var -name "*.vmgen")" ]'

# Each of the programs that change what is seen kills all of the hook instead of its nth call.
killed_anywhere='
	for program in mv rm; do
		printf "%s\n" "#!/bin/sh" "echo >>$work/calls" \
			"[ \$(wc -l <$work/calls) != \$n ] || kill -KILL 0" \
			"exec $(command -v $program) \"\$@\"" >bin/$program
		chmod 755 bin/$program
	done
	path=${PATH#*:}
	export n=1
	while :; do
		PATH=$path
		rm -rf /var/lib/*
		mkdir /var/lib/vmgen
		set_up $name
		before=$(shown $name)
		: >calls
		r=0
		PATH=$work/bin:$path setsid -w $hook >/dev/null 2>&1 || r=$?
		[ $r != 0 ] || break
		$hook >/dev/null
		renewed "$before"
		n=$((n + 1))
	done
	[ "$n" -gt 4 ]'

ok 'without an intent, on a restore and in a drill nothing changes' all "$stays"
ok 'where there is nothing of it a hook does not apply' all "$nothing"
ok 'in a clone all is another, the same at each run for that change' all "$becomes_another"
ok 'killed anywhere, the next run leaves all of it new' all "$killed_anywhere"

# A file that cannot be read: the memory of this shell, which has nothing at 0.
unreadable='for file in $(grep -v lease6 files | sort -u); do
		mount --bind /proc/$$/mem $file
		r=0; $hook >said 2>&1 || r=$?
		umount $file
		echo "$file: $r"; cat said
		[ $r != 0 ]
		[ $r != 77 ]
		grep -F $file said
		[ "$(shown $name)" = "$before" ]
	done
	$hook; renewed "$before"'
ok 'what cannot be read stays, and is not taken for missing' all "$unreadable"

# failing: names the file that is not as it was, and has not taken it for missing.
failing='failing() {
		r=0
		$hook >said 2>&1 || r=$?
		echo "$1: $r"; cat said
		[ $r != 0 ] && [ $r != 77 ] && grep -F "$1" said
	}
	'
no_file='for file in $(grep -v lease6 files | sort -u); do
		cp -a $file kept
		rm $file
		mkdir $file; failing $file; rmdir $file
		ln -s ${file##*/} $file; failing $file; rm $file
		cp -a kept $file
		place=${file%/*}
		if [ $place != /etc ]; then
			mv $place kept.d; ln -s ${place##*/} $place; failing $place; rm $place; mv kept.d $place
		fi
		# Where Docker has a link, the others of the engines get their IDs anyway.
		[ $name = container-engine ] || [ "$(shown $name)" = "$before" ]
	done
	$hook; renewed "$before"'
ok 'nor what is no file' all "$failing$no_file"

fails_alone='
	printf "%s\n" "#!/bin/sh" "case \$* in *01:*|*duid\ /d*|*ID\ 0x*) exit 1 ;; esac" \
		"exec $(command -v sed) \"\$@\"" >bin/sed
	chmod 755 bin/sed; fails $hook; [ "$(shown $name)" = "$before" ]; rm bin/sed; $hook; renewed "$before"'
names='iscsi-initiator snmp-engine dhcp-duid'
ok 'what cannot be edited stays' all "$fails_alone"
ok 'a host without a name for it leaves the host name' machine hostname \
	'VMGEN_NAME= says 77 "told none"'
ok 'what cannot be a host name is refused' machine hostname \
	'for bad in web_3 -web "a b" web..3 web- "$(printf a%.0s $(seq 64))"; do
		VMGEN_NAME=$bad says 1 "give one of letters, digits"
	done'
ok 'only the lines of this machine itself follow, and comments stay' machine hostname \
	'$hook; cat /etc/hosts; grep -qx "127.0.1.1	web-3.example web-3 # mine: web" /etc/hosts
	grep -qx "192.0.2.7	web.example web" /etc/hosts; grep -qx "127.0.1.2 webmail web-3" /etc/hosts
	grep -qx "127.0.0.1	localhost" /etc/hosts'
ok 'a name with a domain takes the place of the other' machine hostname \
	'VMGEN_NAME=db.example.org $hook
	grep -qx "127.0.1.1	db.example.org db # mine: web" /etc/hosts
	grep -qx "127.0.1.2 webmail db db.example.org" /etc/hosts'
ok 'where the original is called localhost its lines stay' machine hostname \
	'echo localhost >/etc/hostname; cp /etc/hosts was; $hook
	cmp /etc/hosts was && grep -qx web-3 /etc/hostname'
ok 'another name for the same change is taken' machine hostname \
	'$hook; VMGEN_NAME=web-4 $hook; grep -q "	web-4.example web-4 " /etc/hosts
	! grep -q web-3 /etc/hosts && [ "$(uname -n)" = web-4 ]'
ok 'DHCP leases by the DUID of the original are forgotten, and others stay' machine dhcp-duid \
	'other=/var/lib/dhcp/dhclient.none0.leases
	printf "%s\n" "lease {" "  fixed-address 192.0.2.7;" "}" >$other; cp $other was
	$hook; file=/var/lib/dhcp/dhclient6.none0.leases; fails grep "lease\|address\|iaaddr\|}" $file
	[ ! -e /var/lib/dhcpcd/none0.lease6 ]; cmp $other was; grep "# kept" $file
	[ "$(grep -c "default-duid \"\(.[0-7]\{3\}\)\{18\}\";" $file)" = 1 ]'
ok 'dhclient may write a DUID anew in its own way' machine dhcp-duid \
	'file=/var/lib/dhcp/dhclient6.none0.leases
	printf "%s\n" "for=aaaa" "new=0004150669225cad6c425d80a7259e2f9c6c" >/var/lib/vmgen/dhcp-duid
	printf "%s\n" "default-duid \"\000\004\025\006i\\\"\\\\\255lB]\200\247%\236/\234l\";" "lease {" >$file
	r=0; $hook >said || r=$?; cat said; cat $file /var/lib/vmgen/dhcp-duid; grep -q "^lease" $file'
ok 'dhcpcd that goes by the UUID of the firmware gets a DUID' machine dhcp-duid \
	'rm /var/lib/dhcpcd/duid && $hook && grep -Ex "00:04(:[0-9a-f]{2}){16}" /var/lib/dhcpcd/duid'
ok 'an interface whose name is a command is not executed' machine dhcp-duid \
	'rm -r /var/lib/dhcp; echo "[ -e \"\$4\" ] || exit 77" >/usr/libexec/vmgen/client; mkdir /run/dhcpcd
	printf "#!/bin/sh\necho none0=none0\n" >bin/ifquery; printf "#!/bin/sh\necho \$0 \$*\n" >bin/ip
	cp bin/ip bin/ifup; chmod 755 bin/*; echo 4194999 >/run/dhcpcd/none0.pid
	echo 4194999 >"/run/dhcpcd/\$(>evil).pid"
	for interface in none0 "x;>evil" "\$(>evil)" "*"; do
		mkdir -p "/sys/class/net/$interface"; : >"/var/lib/dhcpcd/$interface.lease"
	done
	VMGEN_EVENT=changed fails $hook >said 2>&1; cat said; grep -q "/ip addr flush dev none0 dynamic$" said
	grep -q "/ifup --force none0=none0$" said; grep -q "evil).pid: neither a unit nor" said
	[ -z "$(grep /ip said | grep -v " none0 ")" ] && [ ! -e evil ]'
ok 'of two dhcpcd each loses its own addresses, and what it wrote till its end' machine dhcp-duid \
	'rm -r /var/lib/dhcp /var/lib/dhcpcd/none0.lease6; mkdir /run/dhcpcd
	printf "%s\n" "[ -e \"\$4\" ] || exit 77" "[ \$2 = 0 ] || : >/var/lib/dhcpcd/\$(basename \$4 .pid | cut -d- -f1).lease" \
		>/usr/libexec/vmgen/client
	printf "#!/bin/sh\necho none=none\n" >bin/ifquery; printf "#!/bin/sh\necho \$0 \$*\n" >bin/ip
	cp bin/ip bin/ifup; chmod 755 bin/*; echo 4194999 | tee /run/dhcpcd/none0.pid >/run/dhcpcd/none1-4.pid
	for interface in none0 none1; do
		mkdir -p "/sys/class/net/$interface"; : >"/var/lib/dhcpcd/$interface.lease"
	done
	VMGEN_EVENT=changed $hook >said 2>&1; cat said; [ -z "$(ls /var/lib/dhcpcd | grep lease)" ]
	[ "$(grep /ip said | sed "s,.*/,,")" = "$(echo ip addr flush dev none0 dynamic
		echo ip -4 addr flush dev none1 dynamic)" ]'
ok 'an initiator that is logged in keeps its name' machine iscsi-initiator \
	'mkdir -p /sys/class/iscsi_session/session1
	echo iqn.2026-01.example:disk >/sys/class/iscsi_session/session1/targetname
	says 1 "logged in to iqn.2026-01.example:disk: unmount"
	VMGEN_EVENT=test says 1 "logged in to"'
ok 'its file is named where sed alone fails' machine iscsi-initiator \
	'printf "#!/bin/sh\nexit 1\n" >bin/sed; chmod 755 bin/sed
	says 1 "^/etc/iscsi/initiatorname.iscsi: cannot be read"; rm bin/sed; $hook; renewed "$before"'
ok 'one that somebody has chosen is left to him' machine iscsi-initiator \
	'sed -i s/a9f1c6bd2e07/web/ /etc/iscsi/initiatorname.iscsi
	before=$(shown $name); VMGEN_EVENT=test says 1 "choose another"; [ -z "$(ls /var/lib/vmgen)" ]
	says 1 "choose another one for this machine"; says 1 "choose another"
	sed -i s/:web/:web-3/ /etc/iscsi/initiatorname.iscsi; before=$(shown $name)
	says 0 "has chosen another one: iqn.1993-08.org.debian:01:web-3"'
ok 'of two names in its file the first counts' machine iscsi-initiator \
	'echo InitiatorName=iqn.1993-08.org.debian:01:b9f1c6bd2e07 >>/etc/iscsi/initiatorname.iscsi
	before=$(shown $name) && $hook && renewed "$before" && [ "$(shown $name | uniq | wc -l)" = 1 ]'
ok 'the mode of its file stays' machine iscsi-initiator \
	'$hook && [ "$(stat -c %a /etc/iscsi/initiatorname.iscsi)" = 600 ] && grep -q "DO NOT" /etc/iscsi/*'
ok 'an NVMe host that is connected stays, a disk of this machine does not count' machine nvme-host \
	'mkdir -p /sys/class/nvme/nvme0 /sys/class/nvme/nvme1
	echo pcie >/sys/class/nvme/nvme0/transport; echo tcp >/sys/class/nvme/nvme1/transport
	echo nqn.2026-01.example:disk >/sys/class/nvme/nvme1/subsysnqn
	says 1 "connected to nqn.2026-01.example:disk: unmount"
	rm -r /sys/class/nvme/nvme1 && $hook && renewed "$before"'
ok 'a name that somebody has chosen is left to him' machine nvme-host \
	'echo nqn.2026-01.example:web >/etc/nvme/hostnqn
	before=$(shown $name) && says 1 "choose another one for this machine"
	echo nqn.2014-08.org.nvmexpress:uuid:0a1b2c3d-0000-4000-8000-00000000000c >/etc/nvme/hostnqn
	before=$(shown $name) && says 0 "has chosen another one"'
ok 'other files that name the host are named, also when it runs again' machine nvme-host \
	'echo "[{\"hostid\":\"$(cat /etc/nvme/hostid)\"}]" >/etc/nvme/config.json
	fails $hook >said; grep "stands in /etc/nvme/config.json as well" said; fails $hook
	echo "[]" >/etc/nvme/config.json; $hook'
ok 'an SNMP engine with users keeps its ID, which their keys are made of' machine snmp-engine \
	'echo "usmUser 1 3 0x80001F8880AAAAAAAABBBBBBBB00000000 \"a\" \"a\" NULL" >>/var/lib/snmp/snmpd.conf
	VMGEN_EVENT=test says 1 "take the lines oldEngineID"; [ -z "$(ls /var/lib/vmgen)" ]
	says 1 "take the lines oldEngineID and usmUser out of it"; says 1 "take the lines"
	sed -i s/AAAAAAAA/DDDDDDDD/I /var/lib/snmp/snmpd.conf; before=$(shown $name)
	says 0 "somebody has chosen another one"'
ok 'so does one whose ID is set' machine snmp-engine \
	'echo "exactEngineID 0x80001f888011" | put /etc/snmp/snmpd.conf
	says 1 "set in /etc/snmp/snmpd.conf: change it there"'
ok 'whether it is set is for who can read that' machine snmp-engine "$failing"'
	for file in /etc/snmp/snmpd.conf /etc/snmp/snmpd.conf.d/x.conf /etc/snmp/snmp.conf; do
		echo "# none" | put $file
		mount --bind /proc/$$/mem $file; failing $file; umount $file; rm $file
		mkdir $file; failing $file; VMGEN_EVENT=test failing $file; rmdir $file
		ln -s ${file##*/} $file; failing $file; rm $file
		[ "$(shown $name)" = "$before" ]; [ -z "$(ls /var/lib/vmgen)" ]
	done
	for place in /etc/snmp/snmpd.conf.d /etc/snmp; do
		rmdir $place; ln -s ${place##*/} $place; failing $place; rm $place
	done
	mkdir /etc/snmp; ln -s /dev/null /etc/snmp/snmp.conf; ln -s nowhere /etc/snmp/snmpd.conf; $hook; renewed "$before"'
ok 'also as another writes it' machine snmp-engine 'echo " EngineID web" | put /etc/snmp/snmpd.local.conf
	says 1 "set in /etc/snmp/snmpd.local.conf: change it there"'
ok 'engines beside each other get different ones' machine snmp-engine \
	'$hook && [ "$(shown $name | sort -u | wc -l)" = 2 ]'
asks='mkdir -p /run/systemd/system; cat >bin/systemctl <<-PROGRAM
		#!/bin/sh
		[ "\$2" != is-active ] || exit 3
		echo "\$*: \$(grep -c "^oldEngineID.*bbbbbbbb" /var/lib/snmp/snmpd.conf)" >>asked
	PROGRAM
	chmod 755 bin/systemctl; echo snmpd.service | put /run/vmgen/snmp-engine
	'
ok 'an agent that was being stopped when the hook was killed is waited for' machine snmp-engine "$asks"'
	$hook; printf "%s\n" "stop snmpd.service: 1" "start snmpd.service: 0" | diff asked -'
ok 'it is started where the hook fails, too' machine snmp-engine "$asks"'
	printf "#!/bin/sh\ncase \$* in */snmp/*) exit 1 ;; esac\nexec $(command -v mv) \"\$@\"\n" >bin/mv
	chmod 755 bin/mv; fails $hook; printf "%s\n" "stop snmpd.service: 1" "start snmpd.service: 1" | diff asked -
	rm bin/mv; $hook; renewed "$before"; [ ! -e /run/vmgen/snmp-engine ]'
# Debian's agent owns the directory, and the file before it ends once.
agents='chown 65534:65534 /var/lib/snmp; chmod 600 /var/lib/snmp/*
	printf "%s\n" secret "oldEngineID 0x80001f8880eeee" >/etc/victim; chmod 600 /etc/victim; cp /etc/victim was
	# The directory of tests may be one that it cannot enter.
	cd /; rights() { stat -c "%n %a %u:%g" "$@"; }
	rights=$(rights /etc/victim)
	untouched() { cmp /etc/victim $work/was && [ "$(rights /etc/victim)" = "$rights" ]; }
	'
ok 'what its agent owns is renewed as well' machine snmp-engine "$agents"'
	chown 65534:65534 /var/lib/snmp/snmptrapd.conf; $hook; renewed "$before"
	[ "$(rights /var/lib/snmp/* | cut -d " " -f 2 | sort -u)" = 600 ]'
ok 'a link that an agent puts there leads root nowhere' machine snmp-engine "$agents"'
	ln -s /etc/victim /var/lib/snmp/x.conf; $hook; untouched
	! grep -r secret /var/lib/snmp/ --exclude x.conf'
ok 'nor one that it puts there meanwhile' machine snmp-engine "$agents"'
	printf "%s\n" "#!/bin/sh" "$(command -v rm) \"\$@\"" \
		"case \$* in *lib/snmp/*) touch $work/planted; ln -s /etc/victim \"\$3\" ;; esac" >$work/bin/rm
	chmod 755 $work/bin/rm && ! $hook && [ -e $work/planted ] && untouched'
ok 'nor does a name with blanks in it' machine snmp-engine "$agents"'
	cp /var/lib/snmp/snmpd.conf "/var/lib/snmp/x etc y.conf"
	$hook && [ ! -e /etc/etc.vmgen ] && [ ! -e /etc/etc ] && [ ! -e /etc.vmgen ]'
ok 'the node of a swarm is left to the reader, and is a failure' machine container-engine \
	'echo | put /var/lib/docker/swarm/certificates/swarm-node.crt
	fails $hook >said; grep "remove /var/lib/docker/swarm" said; renewed "$before"; fails $hook
	echo another >/var/lib/docker/swarm/certificates/swarm-node.crt; $hook'
ok 'what Docker has made since stays' machine container-engine \
	'$hook && echo "{\"kid\":\"CCCC:DDDD\"}" >/etc/docker/key.json && $hook && [ -s /etc/docker/key.json ]'
ok 'Docker and containerd are found where their settings have them' machine container-engine \
	'echo "{\"debug\": true, \"data-root\": \"/var/lib/other\"}" >/etc/docker/daemon.json
	printf "%s\n" version "root = \"/var/lib/third\"" | put /etc/containerd/config.toml
	mv /var/lib/docker /var/lib/other; mv /var/lib/containerd /var/lib/third
	$hook && ! grep -r 0a1b2c3d /var/lib/other /var/lib/third'
remapped='root=/var/lib/docker/231072.231072; mkdir -m 710 $root; chown 0:231072 $root
	printf %s 0a1b2c3d-0000-4000-8000-00000000000d >$root/engine-id
	'
ok 'so is what Docker has below for remapped users, beside that of before' machine container-engine "$remapped"'
	echo | put $root/swarm/certificates/swarm-node.crt
	echo | put /var/lib/docker/swarm/certificates/swarm-node.crt
	fails $hook >said; grep "remove $root/swarm" said; grep "remove /var/lib/docker/swarm," said
	renewed "$before"; once=$(cat $root/engine-id); fails grep "^0a1b" $root/engine-id
	[ "$(sed -n s/^old=//p /var/lib/vmgen/docker-231072.231072)" = 0a1b2c3d-0000-4000-8000-00000000000d ]
	[ "$once" != "$(cat /var/lib/docker/engine-id)" ]; rm -r $root/swarm
	fails $hook; [ "$(cat $root/engine-id)" = "$once" ]; rm -r /var/lib/docker/swarm; $hook'
ok 'nobody else leads root astray there' machine container-engine "$remapped"'
	echo secret >/etc/victim; ln -sf /etc/victim $root/engine-id
	for bad in "chown 231072" "chmod 770"; do
		chown 0 $root; chmod 710 $root; $bad $root; rm -rf /var/lib/vmgen/*
		VMGEN_EVENT=test fails $hook >said; grep "write there: $root: look" said; [ -z "$(ls /var/lib/vmgen)" ]
		fails $hook >said 2>&1; cat said; grep "write there: $root: look" said; renewed "$before"
		[ -L $root/engine-id ]; grep -x secret /etc/victim; fails grep -r secret /var/lib/vmgen said
	done
	chown 0 $root; chmod 710 $root
	VMGEN_EVENT=test fails $hook >said; grep "is a link, which Docker never makes: $root/engine-id: remove it" said
	fails $hook >said 2>&1; cat said; grep -x secret /etc/victim; fails grep -r secret /var/lib/vmgen said
	rm $root/engine-id; $hook
	mkdir -p $root/swarm/certificates; mkfifo $root/swarm/certificates/swarm-node.crt; timeout 30 $hook'
tap_done
