#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# What the programs say in the chroot of an image that is being built, where /dev, /proc and /sys
# are empty.
#
# functions are called through ok
# shellcheck disable=SC2317

cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

build=${O:-build}
# The mounts are nobody else's, and end with this test.
if [ -z "$VMGEN_TEST_INSIDE" ]; then
	scratch=$(mktemp -d) || exit 1
	VMGEN_TEST_INSIDE=$scratch unshare --mount --propagation private "$0"
	status=$?
	rmdir "$scratch"
	exit $status
fi
root=$VMGEN_TEST_INSIDE
mount -t tmpfs -o mode=755 tmpfs "$root" && mkdir -p "$root/usr" "$root/var/lib" "$root/own" || exit 1
mkdir "$root/dev" "$root/etc" "$root/proc" "$root/run" "$root/sys" "$root/tmp"
for name in bin lib lib64 sbin; do
	ln -s usr/$name "$root/$name"
done
mount --bind /usr "$root/usr" && cp "$build/vmgend" "$build/vmgenctl" "$root/own" || exit 1

# says STATUS TEXT COMMAND...
says() {
	status=$1 text=$2
	shift 2
	output=$(timeout 30 chroot "$root" "$@" 2>&1 </dev/null)
	[ $? = "$status" ] && echo "$output" | grep -e "$text" && return
	echo "$output"
	return 1
}

ok 'vmgend names what it needs' says 1 'cannot open /dev/null: .*; mount /dev here' /own/vmgend --check-config
ok 'also when it is to run' says 1 'mount /dev here' /own/vmgend
ok 'vmgenctl status tells that nothing is protected' says 1 '^protected:   NO' /own/vmgenctl status
ok 'so does vmgenctl check' says 1 'This machine is NOT protected' /own/vmgenctl check
ok 'the reason is /sys, not what the VM may have' says 1 '/sys is not mounted' /own/vmgenctl status
mkdir "$root/var/lib/vmgen" && echo '{}' >"$root/var/lib/vmgen/state.json"
ok 'vmgenctl forget is for golden images, so it needs none of that' says 0 '' /own/vmgenctl forget
ok 'and has no record left' test ! -e "$root/var/lib/vmgen/state.json"
mount --rbind /dev "$root/dev"
ok 'also when it is to run, vmgend misses /sys' says 1 '/sys is not mounted' /own/vmgend --check-device
# Which devices this machine has is its own matter.
sees_sys() {
	chroot "$root" mount -t sysfs sysfs /sys && chroot "$root" /own/vmgenctl status >"$root/tmp/status" 2>&1
	[ $? -gt 1 ] && ! grep /sys "$root/tmp/status"
}
ok 'as told, /sys is mounted, and vmgenctl looks there' sees_sys
ok 'with /dev a configuration can be checked' says 0 '' /own/vmgend --check-config
mkdir -p "$root/etc/vmgen/hooks.d" && printf '\357\273\277#!/bin/sh\n' >"$root/etc/vmgen/hooks.d/80-web" &&
	chmod 755 "$root/etc/vmgen" "$root/etc/vmgen/hooks.d" "$root/etc/vmgen/hooks.d/80-web"
ok 'and with it the hooks: what could not run fails' says 6 '80-web: .* byte order mark' /own/vmgend --check-config
ok 'and vmgenctl hooks list says the same' says 8 '80-web.*unusable' /own/vmgenctl hooks list
ok 'with its remedy' says 8 'sed -i' /own/vmgenctl hooks list
tap_done
