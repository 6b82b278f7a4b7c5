#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# vmgenctl openssl and services that may not open the device by what their units say: they are let,
# before the provider is on, and no more when it is off; nobody else is. What systemctl says is
# what that of systemd 252 has said of the same units.
#
# functions are called through ok and empty
# shellcheck disable=SC2317

cd "$(dirname "$0")/.." || exit 1
. tests/openssl.sh

# unit NAME PROGRAM PROPERTY...: one that is installed.
unit() {
	case $1 in *@) id=$1vmgen.service ;; *) id=$1.service ;; esac
	echo "$1.service disabled enabled" >>"$scratch/bin/list"
	program=$2
	shift 2
	printf '%s\n' "Id=$id" "$@" PrivateDevices=no DevicePolicy=auto LoadState=loaded \
		"ExecStart={ path=$program ; argv[]=$program -x ; ignore_errors=no ; start_time=[n/a] }" \
		>"$scratch/bin/$id.devices"
}

have_units() {
	uses=$(command -v openssl)
	unit plain "$uses"
	unit tunnel@ "$uses" 'DeviceAllow=/dev/null rw' 'DeviceAllow=/dev/net/tun rw'
	unit closed "$uses" DevicePolicy=closed
	unit clock "$uses" 'DeviceAllow=char-rtc r'
	# As systemd 252 has it, which forbids it nothing; a drop-in would forbid it all else.
	unit other "$uses" ProtectClock=yes
	unit login /bin/true 'DeviceAllow=char-drm rw'
	unit private "$uses" PrivateDevices=yes DevicePolicy=closed
	unit allowed "$uses" 'DeviceAllow=char-rtc r' "DeviceAllow=/dev/vmgenid r"
	unit misc "$uses" 'DeviceAllow=char-misc rw'
	unit written "$uses" 'DeviceAllow=/dev/vmgenid w'
	unit gone /nonexistent DevicePolicy=strict
	unit fifo "$scratch/bin/fifo" DevicePolicy=strict
	mkfifo "$scratch/bin/fifo"
}

# allowed UNIT...: these have a drop-in that lets them open the device, and no others.
allowed() {
	(cd /etc/systemd/system && grep -lx 'DeviceAllow=/dev/vmgenid r' ./*.d/vmgen-openssl-device.conf 2>/dev/null) |
		sed 's|^./||; s|.service.d/.*||' | sort >"$scratch/allowed"
	printf '%s\n' "$@" | sed '/^$/d' | sort | diff - "$scratch/allowed" &&
		{ [ $# != 0 ] || ! ls -d /etc/systemd/system/*.service.d; }
}

# Before it is on: who starts in between would have no random numbers.
lets_open() {
	: >"$scratch/bin/log"
	ctl enable >"$scratch/said" && cat "$scratch/said" && allowed closed clock tunnel@ written &&
		[ "$(grep -c '^[a-z@]*.service may open /dev/vmgenid' "$scratch/said")" = 4 ] &&
		[ "$(cat "$scratch/bin/log")" = 'reloaded ' ] && ctl enable >"$scratch/said" &&
		! grep 'may open' "$scratch/said" && allowed closed clock tunnel@ written
}

lets_no_more() {
	: >"$scratch/bin/log"
	ctl disable && allowed && [ "$(cat "$scratch/bin/log")" = 'reloaded ' ] && cmp "$scratch/shipped" "$conf"
}

# Nor does it where it cannot be switched on.
lets_nobody() {
	sed -i '1i openssl_conf = other\n[other]\nrandom = another\n[another]\nrandom = HASH-DRBG' "$conf" &&
		refuses 'chooses another generator' && allowed && cp "$scratch/shipped" "$conf" &&
		mv "$modules/vmgen.so" "$scratch" && refuses 'install libvmgen-openssl' && allowed &&
		mv "$scratch/vmgen.so" "$modules"
}

# One service alone, with any program; it goes on when all are switched off.
lets_one() {
	ctl enable --service login && allowed login &&
		ctl enable && allowed closed clock login tunnel@ written && ctl disable && allowed login &&
		ctl disable --service login && allowed
}

lets_own() {
	ctl enable && echo '# of the administrator' >>/etc/systemd/system/clock.service.d/vmgen-openssl-device.conf &&
		! ctl disable 2>"$scratch/error" && grep 'clock.service.d/.* was changed' "$scratch/error" && theirs &&
		allowed clock && rm -r /etc/systemd/system/clock.service.d && allowed
}

# Its administrator has a drop-in that comes later and begins the list again; then he does what he is told.
lets_last() {
	: >"$scratch/bin/closed.service.last"
	refuses 'closed.service may still not open /dev/vmgenid' && allowed &&
		grep -F 'add DeviceAllow=/dev/vmgenid r where systemctl cat closed.service has it last' "$scratch/error" &&
		sed -i '2i DeviceAllow=/dev/vmgenid r' "$scratch/bin/closed.service.devices" &&
		ctl enable && allowed clock tunnel@ written && ctl disable && allowed
}

# fails_to WORDS SCRIPT: where systemctl answers so.
fails_to() {
	mv "$scratch/bin/systemctl" "$scratch/bin/real" && printf '#!/bin/sh\n%s\n' "$2" >"$scratch/bin/systemctl" &&
		chmod 755 "$scratch/bin/systemctl" && refuses "$1" && allowed
	r=$?
	mv "$scratch/bin/real" "$scratch/bin/systemctl"
	return "$r"
}

# It gives up by itself where systemd has too much to do.
lets_late() {
	mv "$scratch/bin/systemctl" "$scratch/bin/real" && cat >"$scratch/bin/systemctl" <<END || return
#!/bin/sh
echo >>$scratch/bin/tries
[ \$((\$(wc -l <$scratch/bin/tries) % 3)) = 0 ] || exit 1
exec $scratch/bin/real "\$@"
END
	chmod 755 "$scratch/bin/systemctl" && ctl enable && [ -s "$scratch/bin/tries" ]
	r=$?
	mv "$scratch/bin/real" "$scratch/bin/systemctl"
	[ "$r" = 0 ] && ctl disable && allowed
}

cp "$O/vmgen.so" "$modules"
play_systemctl || exit 1
ok 'systemctl is asked again where it gave no answer' lets_late
have_units
ok 'services that may not open the device get a drop-in, if their program is linked with OpenSSL' lets_open
ok 'off, they lose it' lets_no_more
ok 'where it is not switched on they get none' lets_nobody
ok 'one service alone gets it as well' lets_one
ok 'one that somebody changed is left, and named' lets_own
ok 'where another drop-in takes it back, it is not switched on' lets_last
ok 'where systemd does not tell them, nothing is done' fails_to 'no answer that makes sense: run this again' 'exit 1'
ok 'nor where it says too much' fails_to 'no answer that makes sense: run this again' 'exec yes'
ok 'nor where it does not read what was written' fails_to 'no answer that makes sense' \
	"[ \$1 != daemon-reload ] && exec $scratch/bin/real \"\$@\""
tap_done
