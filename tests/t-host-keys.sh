#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# The hook 60-ssh-hostkeys with an sshd that is played: what it does where there is no
# key, and with one. The real one is in tests/vm/t-services.py.
#
# Functions are called through ok, and scripts are for another shell:
# shellcheck disable=SC2317,SC2016

cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

hook=$PWD/daemon/hooks/60-ssh-hostkeys
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# As that of OpenSSH 9.2 says it.
cat >"$work/sshd" <<'SSHD'
#!/bin/sh
[ ! -e key.bad ] || echo 'Permissions 0644 for key.bad are too open.' >&2
[ -e key ] || { printf 'sshd: no hostkeys available -- exiting.\r\n' >&2; exit 1; }
echo "hostkey $PWD/key"
SSHD
# What gets to the disk, in which order.
cat >"$work/sync" <<'SYNC'
#!/bin/sh
echo "$*" >>synced
exec /bin/sync "$@"
SYNC
chmod 755 "$work/sshd" "$work/sync"

# run STATUS TEXT SCRIPT [AFTER]: in an empty directory, with a /run of its own; then AFTER is true.
run() {
	hook=$hook work=$work unshare --mount sh -ec '
		mount -t tmpfs tmpfs /run
		mount -t tmpfs -o mode=755 tmpfs /usr/libexec
		install -D -m 644 "${hook%/*}/renewal" /usr/libexec/vmgen/renewal
		mkdir "$work/empty"
		mount -t tmpfs tmpfs "$work/empty"
		cd "$work/empty"
		export VMGEN_EVENT=adopted VMGEN_HINT=clone VMGEN_INTENT=clone VMGEN_ID_HASH=aaaa
		export PATH="$work:$PATH"
		'"$3"'
		r=0; $hook >said 2>&1 || r=$?
		cat said
		[ $r = '"$1"' ]
		grep -q "'"$2"'" said
		'"${4:-}" 2>&1
	result=$?
	rmdir "$work/empty"
	return "$result"
}

ok 'a template without any keys is no failure' run 77 'there are no host keys yet' ''
ok 'one whose keys sshd refuses is' run 1 'sshd -t says why' ': >key.bad'
ok 'a key that is there becomes another one' run 0 ' becomes SHA256:' \
	'ssh-keygen -q -t ed25519 -N "" -f key'
ok 'it is as secret as the one before, and the same user has it' run 0 ' becomes SHA256:' \
	'ssh-keygen -q -t ed25519 -N "" -f key; chmod 400 key; chown 12:34 key' \
	'[ "$(stat -c "%a %u:%g" key)" = "400 12:34" ]'
ok 'it is on the disk, and then its name' run 0 ' becomes SHA256:' \
	'ssh-keygen -q -t ed25519 -N "" -f key' \
	'[ "$(cat synced)" = "-- $PWD/key.vmgen $PWD/key.vmgen.pub
-- $PWD" ]'
ok 'one with a passphrase is a failure' run 1 'cannot be read as a private key without a passphrase' \
	'ssh-keygen -q -t ed25519 -N secret -f key' '[ ! -e key.vmgen ]'
tap_done
