#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# Ways to install exclude each other: from source and packages, in a chroot of this machine's own
# files, whose changes are in memory. What a message says is then done, literally.
#
# functions are called through ok, and scripts are for the chroot
# shellcheck disable=SC2317,SC2016

cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

if [ "${1-}" != inside ]; then
	exec unshare --mount --pid --fork --kill-child sh "$0" inside
fi
scratch=$(mktemp -d) || exit 1
trap 'umount -l "$scratch" && rmdir "$scratch"' EXIT
suite=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
top=$PWD
O=${O:-build}
build=$(realpath "$O")
packages=$(TZ=UTC PYTHONPATH=tests/vm python3 -m harness.repository "$suite")
root=$scratch/root

# over DIRECTORY TARGET NAME: what changes there changes in memory.
over() {
	mkdir -p "$2" "$scratch/$3" "$scratch/$3.work" &&
		mount -t overlay overlay -o "lowerdir=$1,upperdir=$scratch/$3,workdir=$scratch/$3.work" "$2"
}

# The programs of this build, and those of the packages, which leave the module alone: to
# build it takes long, and other tests do.
mount -t tmpfs tmpfs "$scratch" && over / "$root" upper &&
	mount --rbind /dev "$root/dev" && mount -t proc proc "$root/proc" &&
	mount -t tmpfs tmpfs "$root/run" && mount -t tmpfs tmpfs "$root/tmp" || exit 1

# The build has the same name as outside, or all would be built again; others install it meanwhile.
case $O in
/*) place=$root$O ;;
*) place=$root/tmp/source/$O ;;
esac
over "$top" "$root/tmp/source" source && over "$build" "$place" build &&
	mkdir "$root/tmp/debs" && mount --bind "$packages" "$root/tmp/debs" || exit 1
printf '#!/bin/sh\necho "dkms $*" >>/tmp/dkms\n' >"$root/usr/local/sbin/dkms"
chmod 755 "$root/usr/local/sbin/dkms"
# The index of this machine's manual pages takes longest, each time, and is nothing of ours.
ln -sf true "$root/usr/bin/mandb"
# A person who types the command in a message says yes.
echo 'APT::Get::Assume-Yes "true";' >"$root/etc/apt/apt.conf.d/99yes"

# in_root COMMAND, as another machine
in_root() {
	env -u MAKEFLAGS -u MAKELEVEL -u O -u DESTDIR LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
		chroot "$root" sh -c "$1" </dev/null
}

install_source() {
	in_root 'make -s -C /tmp/source install O='"$O"
}

# What dpkg is not to ask, it would ask nobody here, and fail.
install_packages() {
	in_root 'cd /tmp/debs && dpkg -i vmgend_*.deb libvmgen1_*.deb vmgen-dkms_*.deb'
}

# refused_with WORDS COMMAND...: it fails, with these words, and nothing has changed.
refused_with() {
	words=$1
	shift
	find "$scratch/upper" -type f ! -path '*/var/*' | sort >"$scratch/before"
	if "$@" >"$scratch/said" 2>&1; then
		echo 'it was not refused'
		return 1
	fi
	cat "$scratch/said"
	grep -qF "$words" "$scratch/said" &&
		find "$scratch/upper" -type f ! -path '*/var/*' | sort | diff "$scratch/before" -
}

# The command of a message: what follows "as root:", on that line or the next.
said_command() {
	sed -n '/as root:/{s/.*as root: *//;/./p;n;s/^  //p}' "$scratch/said" | sort -u
}

do_as_said() {
	command=$(said_command)
	[ -n "$command" ] && [ "$(printf '%s\n' "$command" | wc -l)" = 1 ] && echo "$command" && in_root "$command"
}

# What is called vmgen or names it, but for what is mounted and what a package manager or DKMS keeps.
left() {
	in_root 'find /etc /usr /var/lib /run -iname "*vmgen*" ! -path "/var/lib/dpkg/*"
		find /etc/systemd /etc/ld.so.conf.d -xtype l
		grep -n vmgen /etc/ssl/openssl.cnf' >"$scratch/left"
	grep -vxFf "$scratch/known" "$scratch/left"
}

prepare_use() {
	in_root 'systemctl enable vmgend.service && mkdir -p /var/lib/dkms/vmgenc/0.1.0 &&
		test -L /etc/systemd/system/sysinit.target.wants/vmgend.service && vmgenctl openssl enable'
}

same_unit() {
	in_root 'systemctl is-enabled vmgend.service &&
		! test -e /usr/local/lib/systemd/system/vmgend.service' &&
		in_root 'readlink -f /etc/systemd/system/sysinit.target.wants/vmgend.service' |
			grep -E '^(/usr)?/lib/systemd/system/vmgend.service$'
}

purge_beside() {
	in_root 'systemctl enable vmgend.service && mkdir -p /var/lib/vmgen/fence && apt-get purge vmgend &&
		test -L /etc/systemd/system/sysinit.target.wants/vmgend.service && test -d /var/lib/vmgen/fence'
}

touch "$scratch/known"
left >"$scratch/before" || :
mv "$scratch/before" "$scratch/known"

ok 'make install' install_source
ok 'enabled, as the README has it, and with the provider' prepare_use
for deb in "$packages"/*.deb; do
	name=${deb##*/}
	case $name in *-dbgsym_*) continue ;; esac
	ok "${name%%_*} is not installed over that" refused_with /usr/lib/vmgen/uninstall \
		in_root "dpkg --unpack --force-depends /tmp/debs/$name"
done
ok 'what it says takes that away, without the source' do_as_said
ok 'also from DKMS' grep -qx 'dkms remove vmgenc/0.1.0 --all' "$root/tmp/dkms"
rm -rf "$root/var/lib/dkms/vmgenc" "$root/tmp/dkms"
empty 'nothing is left of it' left
ok 'the packages are installed, and dpkg asks nothing' install_packages
ok 'the unit is that of the package, and enabled' same_unit
ok 'make install is refused over the packages' refused_with 'apt-get remove' install_source
ok 'also with DESTDIR=/' refused_with 'apt-get remove' \
	in_root 'make -s -C /tmp/source install DESTDIR=/ O='"$O"
ok 'what it says removes those' do_as_said
ok 'make install works then' install_source
ok 'and is not undone by a purge of those' purge_beside
in_root 'rm /usr/lib/vmgen/uninstall'
ok 'vmgend also finds what is left when the note of it is lost' \
	refused_with 'make uninstall' in_root 'dpkg --unpack /tmp/debs/vmgend_*.deb'
ok 'make uninstall does without that note' in_root 'make -s -C /tmp/source uninstall O='"$O"
in_root 'mkdir -p /etc/systemd/system/sysinit.target.wants && ln -s /usr/local/lib/systemd/system/vmgend.service \
	/etc/systemd/system/sysinit.target.wants'
ok 'and a unit that is enabled from there, and gone' \
	refused_with sysinit.target.wants in_root 'dpkg --unpack /tmp/debs/vmgend_*.deb'
ok 'which the command in the message removes' do_as_said
ok 'the packages are installed again' install_packages
ok 'and purged' in_root 'apt-get purge vmgend libvmgen1 vmgen-dkms'
empty 'nothing is left of them' left
printf '#!/bin/sh\necho vmgend libvmgen\n' >"$root/usr/local/bin/rpm"
chmod 755 "$root/usr/local/bin/rpm"
ok 'make install is refused over packages of RPM, too' refused_with 'dnf remove vmgend libvmgen' install_source
tap_done
