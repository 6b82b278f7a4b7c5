#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# What the hooks for Samba say where Python is missing, or is there with the few
# modules of python3-minimal only.
#
# Functions are called through ok, and scripts are for another shell:
# shellcheck disable=SC2317,SC2016

cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

top=$PWD
built=$(realpath "${O:-build}")
export built
library=$(/usr/bin/python3 -c 'import json, os; print(os.path.dirname(os.path.dirname(json.__file__)))')
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
mkdir "$work/scratch"
dpkg -L "$(dpkg -S "$library/json/__init__.py" | cut -d : -f 1)" | grep '\.py$' >"$work/modules"

# machine SCRIPT: with directories that may be changed, and without the processes of others.
machine() {
	top=$top work=$work library=$library unshare --mount --pid --fork --mount-proc sh -ec '
		mount -t tmpfs tmpfs "$work/scratch"
		cd "$work/scratch"
		# change DIRECTORY
		change() {
			mkdir -p "up$1" "scratch$1"
			mount -t overlay overlay -o "lowerdir=$1,upperdir=up$1,workdir=scratch$1" "$1"
		}
		change /usr/bin
		change /usr/sbin
		change "$library"
		mount -t tmpfs tmpfs /var/lib
		mount -t tmpfs tmpfs /run
		export PATH="$top/daemon/samba:$PATH"
		# A program of that name that has such a file open.
		server() {
			mkdir -p "scratch/opt/sbin"
			cp /bin/sleep scratch/opt/sbin/samba
			touch scratch/sam.ldb
			scratch/opt/sbin/samba 600 3<scratch/sam.ldb >/dev/null 2>&1 &
			until [ "$(readlink /proc/$!/exe)" -ef scratch/opt/sbin/samba ]; do :; done
		}
		# stranger PROGRAM: a process that has the name, and in /proc files of root.
		stranger() {
			cp "$(command -v "$1")" /run/samba
			chmod 4755 /run/samba
			setpriv --reuid=65534 --clear-groups /run/samba 600 >/dev/null 2>&1 &
			until [ "$(cat /proc/$!/comm)" = samba ]; do :; done
			[ -O /proc/$!/comm ]
		}
		# hooks STATUS TEXT: of both, in a drill and at a change.
		hooks() {
			for hook in 10-samba-ad 50-samba-ad; do
				for event in test changed; do
					r=0
					file=$top/daemon/hooks/$hook
					[ -e "$file" ] || file=$built/$hook
					VMGEN_EVENT=$event VMGEN_GENERATION=2 "$file" >said 2>&1 || r=$?
					echo "$hook: $r, $(cat said)"
					[ $r = $1 ]
					grep -q "$2" said
				done
			done
		}
		'"$1" 2>&1
}

minimal='xargs rm -f <"$work/modules"'
samba='touch /usr/sbin/samba; chmod 755 /usr/sbin/samba'
packages='install the packages python3 and python3-samba'

ok 'without Samba nothing applies' machine 'hooks 77 "Samba is not installed\|does not run"'
ok 'nor without Python' machine 'rm /usr/bin/python3; hooks 77 "Samba is not installed"'
ok 'nor with python3-minimal' machine "$minimal; hooks 77 'Samba is not installed'"
ok 'with Samba the missing packages are named: without Python' \
	machine "$samba; rm /usr/bin/python3; hooks 1 '$packages'"
ok 'and with python3-minimal' machine "$samba; $minimal; hooks 1 'module .* is missing: $packages'"
running='is a domain controller that nothing protects'
ok 'a Samba that is not where packages have it is not called missing' machine "server; hooks 1 '$running'"
ok 'nor without Python' machine "server; rm /usr/bin/python3; hooks 1 '$packages'"
ok 'nor with python3-minimal' machine "server; $minimal; hooks 1 '$packages'"
empty='Samba is not installed'
ok "somebody else's process of that name is no Samba: without Python" \
	machine "stranger sleep; rm /usr/bin/python3; hooks 77 '$empty'"
ok 'and with python3-minimal' machine "stranger sleep; $minimal; hooks 77 '$empty'"
source='
	modules=/run/real/lib/python3/dist-packages
	mkdir -p $modules/samba; touch $modules/samba/__init__.py /run/real/lib/libx.so.0; ln -s real /run/link
	use() { PYTHONPATH=$top/daemon/samba /usr/bin/python3 -Bc "
from samba_ad import prefix
import sys
prefix.use(\"/run/link\")
print(sys.path)"; }'
ok 'a Samba of source is loaded from where it was checked' \
	machine "$source; use >said; grep -q \"'\$modules'\" said"
ok 'not with a library that others can write' \
	machine "$source; chmod 666 /run/real/lib/libx.so.0; if use >said 2>&1; then exit 1; fi; grep -q 'chmod go-w' said"
tap_done
