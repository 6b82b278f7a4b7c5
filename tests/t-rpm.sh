#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# The RPM packages: that rpmbuild makes them of the spec file, what rpmlint says
# of them, what is in them, and that they come and go, with their scriptlets, which are told what
# they asked systemd, DKMS and the kernel for. make check-all also builds those for akmods, and with
# these the module, and upgrades.
#
# functions are called through ok and empty
# shellcheck disable=SC2317

cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
spec=packaging/rpm/vmgen.spec
root=$scratch/root
version=$(sed -n 's/^Version: *//p' "$spec")
ssl=$(openssl version -d | cut -d '"' -f 2)
release=6.11.4-301.fc41.x86_64

build() {
	make -s rpm O="$scratch" RPMFLAGS="$1"
}

packages() {
	find "$scratch/rpm/RPMS" -name '*.rpm'
}

without_errors() {
	# shellcheck disable=SC2046 # several files
	rpmlint -c packaging/rpm/rpmlint.toml "$spec" $(packages) >"$scratch/lint" 2>&1
	tail -n 1 "$scratch/lint"
	grep ' E: ' "$scratch/lint"
	grep -q ' 0 errors' "$scratch/lint"
}

version() {
	for file in packaging/rpm/*.spec; do
		[ "$(sed -n 's/^VERSION *:= *//p' Makefile)" = "$(sed -n 's/^Version: *//p' "$file")" ] || return
	done
}

names() {
	packages | sed -E 's,.*/(.*)-[0-9.]+-[0-9]+.*\.([a-z0-9_]+)\.rpm,\1 \2,' |
		sed "s/ $(uname -m)$//" | sort | paste -sd ,
}

# options WORD...: which package with the module the spec file makes then
options() {
	rpmspec -q --qf '%{NAME}\n' "$@" "$spec" | grep -e dkms -e akmod | paste -sd ' '
}

# gforth has a program and a manual of that name.
free_names() {
	for rpm in $(packages); do
		rpm -qpl "$rpm" 2>/dev/null
	done | sort >"$scratch/files"
	grep -qx /usr/sbin/vmgend "$scratch/files" &&
		! grep -E '^/usr/(bin/vmgen|share/man/man1/vmgen\.1.*)$' "$scratch/files"
}

# Directories may be: those who have files there own them, as Fedora wants it.
in_two_packages() {
	for rpm in $(packages); do
		rpm -qp --qf '[%{FILEMODES:perms} %{FILENAMES}\n]' "$rpm" 2>/dev/null
	done | sed -n '/^d/!s/^[^ ]* //p' | sort | uniq -d | grep -v /.build-id
}

# copy_libraries PROGRAM: into that system, those that it is linked with
copy_libraries() {
	ldd "$1" | grep -o '/[^ ]*' | while read -r library; do
		install -D "$library" "$root$library" || return
	done
}

# A system with a shell, OpenSSL, and programs that tell what they were asked for.
make_root() {
	mkdir -p "$root/bin" "$root/dev" "$root/run/systemd/system" "$root/lib/modules/$release/build" &&
		mknod -m 666 "$root/dev/null" c 1 3 && touch "$root/lib/modules/$release/build/Makefile" &&
		mkdir -p "$root/usr/bin" "$root/$ssl" && cp "$ssl/openssl.cnf" "$root/$ssl" || return
	for program in /bin/sh /usr/bin/env /usr/bin/head /usr/bin/openssl /usr/bin/readlink /usr/bin/rm; do
		cp "$program" "$root$program" && copy_libraries "$program" || return
	done
	for program in systemctl dkms modprobe depmod; do
		cat >"$root/bin/$program" <<-'END'
			#!/bin/sh
			echo "${0##*/} $*" >>/called
			case "${0##*/} $*" in
			'systemctl --no-reload preset '*) >/enabled ;;
			'systemctl -q is-enabled '*) test -e /enabled ;;
			'systemctl show '*)
				for unit; do :; done
				printf '%s\n' "Id=$unit" "Names=$unit" LoadState=loaded ActiveState=inactive SubState=dead \
					"DropInPaths=$(echo "/etc/systemd/system/$unit.d"/*.conf)" ExecStartPre= ;;
			esac
		END
		chmod +x "$root/bin/$program"
	done
	find "$root" >"$scratch/before"
}

# rpm_root WORD...: rpm there; what was called is in $root/called. That of Debian wants to be told
# that it is meant, and warns of directories that are others'.
rpm_root() {
	: >"$root/called"
	rpm --force-debian --root "$root" --nodeps "$@" >"$scratch/all" 2>&1
	status=$?
	grep -v '^warning: .*remove failed' "$scratch/all" >"$scratch/said"
	return "$status"
}

# Nothing was said.
quietly() {
	"$@"
	set -- $?
	! grep . "$scratch/said" && return "$1"
}

called() {
	diff - "$root/called"
}

installed() {
	# shellcheck disable=SC2046 # several files
	make_root && quietly rpm_root -i $(packages) && copy_libraries "$root/usr/bin/vmgenctl" && 
		[ "$("$root/usr/bin/vmgenctl" --version)" = "vmgenctl $version" ] &&
		cmp kmod/main.c "$root"/usr/src/vmgenc-*/main.c &&
		[ -L "$root/usr/lib64/libvmgen.so" ] && [ -e "$root/usr/lib64/libvmgen.so.1" ]
}

asked_by_installation() {
	called <<-END
		systemctl --no-reload preset vmgend.service
		systemctl --system daemon-reload
		dkms add -m vmgenc -v $version
		dkms install -m vmgenc -v $version -k $release
		modprobe -q vmgenc
		systemctl -q is-enabled vmgend.service
		systemctl daemon-reload
		systemctl restart vmgend.service
	END
}

# Real systemd, with what Fedora says of all others.
enabled_by_preset() {
	echo 'disable *' >"$root/usr/lib/systemd/system-preset/99-default-disable.preset"
	systemctl --root="$root" preset vmgend.service && systemctl --root="$root" is-enabled vmgend.service
	status=$?
	systemctl --root="$root" disable vmgend.service
	rm "$root/usr/lib/systemd/system-preset/99-default-disable.preset"
	return "$status"
}

calls_of_upgrade() {
	cat <<-END
		systemctl daemon-reload
		systemctl try-restart vmgend.service
		dkms remove -m vmgenc -v $version --all
		dkms add -m vmgenc -v $version
		dkms install -m vmgenc -v $version -k $release
		modprobe -q vmgenc
		systemctl -q is-enabled vmgend.service
		systemctl daemon-reload
		systemctl restart vmgend.service
	END
}

# Also what is replaced by the same version has its module afterwards; and somebody's program of
# that name, which is no make install, does not hold it up.
replaced() {
	install -D /dev/null "$root/usr/local/bin/vmgenctl"
	# shellcheck disable=SC2046 # several files
	quietly rpm_root -U --replacepkgs $(packages) && {
		echo 'systemctl --system daemon-reload'
		echo 'systemctl --system daemon-reload'
		calls_of_upgrade
	} | called
	status=$?
	rm "$root/usr/local/bin/vmgenctl"
	return "$status"
}

# Debian's OpenSSL looks for providers elsewhere.
provider_enabled() {
	modules=$(openssl version -m | cut -d '"' -f 2)
	mkdir -p "$root${modules%/*}" && ln -s /usr/lib64/ossl-modules "$root$modules" || return
	cp "$root/$ssl/openssl.cnf" "$scratch" && chroot "$root" vmgenctl openssl enable &&
		! cmp -s "$root/$ssl/openssl.cnf" "$scratch/openssl.cnf" && rm "$root$modules"
}

# A unit of Samba, which asked by what goes.
fenced() {
	mkdir -p "$root/var/lib/vmgen/fence" &&
		echo 'was rolled back' >"$root/var/lib/vmgen/fence/samba-ad-dc.service" &&
		rpm_root -e vmgend-samba && cat "$scratch/said" &&
		cat "$root/etc/systemd/system/samba-ad-dc.service.d/zz-vmgen-fence.conf" "$root/called" &&
		grep -q 'daemon-reload' "$root/called"
}

# One at a time, before anything is there.
refused_each() {
	packages >"$scratch/list" && [ -s "$scratch/list" ] && while read -r rpm; do
		refused "$rpm" || return
	done <"$scratch/list"
}

refused() {
	make_root && install -D /dev/null "$root/usr/local/sbin/vmgend" && ! rpm_root -i "$@" &&
		grep -F 'make uninstall, in its source directory' "$scratch/said" && ! [ -e "$root/usr/sbin/vmgend" ] &&
		install -D /dev/null "$root/usr/lib/vmgen/uninstall" && ! rpm_root -i "$@" &&
		grep -F 'Take that away first, as root: /usr/lib/vmgen/uninstall' "$scratch/said"
	status=$?
	rm -r "$root"
	return "$status"
}

erased() {
	# shellcheck disable=SC2046 # several names
	rpm_root -e $(rpm --root "$root" -qa)
	grep -F 'stay down until vmgend is installed again' "$scratch/said" && grep -F samba-ad-dc.service "$scratch/said" &&
		grep vmgenctl "$root/etc/systemd/system/samba-ad-dc.service.d/zz-vmgen-fence.conf" &&
		rm -r "$root/etc/systemd" "$root/var/lib/vmgen" || return
	sed -i '/^systemctl show /d' "$root/called"
	sort -o "$root/called" "$root/called" && called <<-END &&
		dkms remove -m vmgenc -v $version --all
		systemctl --no-reload disable --now vmgend.service
		systemctl daemon-reload
	END
		cmp "$root/$ssl/openssl.cnf" "$scratch/openssl.cnf"
}

# Directories that others have files in belong to others.
left() {
	find "$root/etc" "$root/usr" \( ! -type d -o -name '*vmgen*' -o -name '*samba*' \) |
		grep -vxFf "$scratch/before"
	! [ -e "$root/etc/cloud" ] || echo /etc/cloud
}

# What dnf is given there: one package for each word.
those_of_readme() {
	# shellcheck disable=SC2046 # several patterns
	set -- $(sed -n "s,^dnf install ,,p" README.md | sed "s,\./build,$scratch,g")
	[ "$(rpm -qp --qf '%{NAME} ' "$@")" = 'vmgend vmgen-dkms ' ]
}

# Of an image: nobody runs there, and there are no headers, of which is told.
image() {
	# shellcheck disable=SC2046 # several files
	rm -r "$root/run/systemd" "$root/lib/modules/$release" && rpm_root -i $(packages) && called <<-END &&
		systemctl --no-reload preset vmgend.service
		dkms add -m vmgenc -v $version
	END
	[ "$(cat "$scratch/said")" = 'vmgen-dkms: no kernel has its headers here, so none has the module: install kernel-devel, then "dkms autoinstall"' ]
}

image_erased() {
	# shellcheck disable=SC2046 # several names
	quietly rpm_root -e $(rpm --root "$root" -qa) && sort -o "$root/called" "$root/called" && called <<-END
		dkms remove -m vmgenc -v $version --all
		systemctl --no-reload disable vmgend.service
	END
}

# What only make check-all does. First, the same in another directory, another second.
the_same() {
	make -s rpm O="$scratch/further/below" && diff -r "$scratch/rpm/RPMS" "$scratch/further/below/rpm/RPMS" &&
		rm -r "$scratch/further"
}

# A build with both kinds of the module, later than that before.
upgraded() {
	mv "$scratch/rpm" "$scratch/earlier" && build "--with akmod --with dkms --define 'dist .2'" &&
		make_root && rpm_root -i "$scratch"/earlier/RPMS/*/vmgend-0*.rpm "$scratch"/earlier/RPMS/*/vmgen-dkms*.rpm &&
		quietly rpm_root -U "$scratch"/rpm/RPMS/*/vmgend-0*.rpm "$scratch"/rpm/RPMS/*/vmgen-dkms*.rpm && calls_of_upgrade | called
}

akmod_instead() {
	quietly rpm_root -e vmgen-dkms && quietly rpm_root -i "$scratch"/rpm/RPMS/noarch/akmod-vmgenc*.rpm &&
		[ -s "$root/usr/src/akmods/vmgenc-kmod.latest" ] && called </dev/null
}

# As akmodsbuild does, and with a key, which akmods makes.
kmod_built() {
	mkdir -p "$scratch/pki/private" "$scratch/pki/certs" &&
		openssl req -new -x509 -newkey rsa:2048 -nodes -subj '/CN=akmods of a test' -outform DER \
			-keyout "$scratch/pki/private/private_key.priv" -out "$scratch/pki/certs/public_key.der" 2>"$scratch/log" &&
		env -u MAKEFLAGS rpmbuild --define "_topdir $scratch/kmod" --define "kernels $kernel" --define "kdir $headers" \
			--define "akmods_pki $scratch/pki" --target "$(uname -m)" --nodeps \
			--rebuild "$root/usr/src/akmods/vmgenc-kmod.latest"
}

kmod_installed() {
	quietly rpm_root -i "$scratch/kmod/RPMS/$(uname -m)/kmod-vmgenc-$kernel-$version-1"*.rpm && called <<-END &&
		depmod $kernel
		modprobe -q vmgenc
		systemctl -q is-enabled vmgend.service
		systemctl daemon-reload
		systemctl restart vmgend.service
	END
	module=$root/usr/lib/modules/$kernel/extra/vmgenc/vmgenc.ko &&
		[ "$(modinfo -F signer "$module")" = 'akmods of a test' ] &&
		[ "$(rpm --root "$root" -qf "/usr/lib/modules/$kernel/extra/vmgenc/")" = "kmod-vmgenc-$kernel-$version-1.$(uname -m)" ] &&
		quietly rpm_root -e "kmod-vmgenc-$kernel" && called <<-END
			depmod $kernel
		END
}

ok 'the spec file is of this version' version
ok 'make rpm' build
ok 'rpmlint finds no errors' without_errors
ok 'the packages are those of Fedora'\''s manner' test "$(names)" = \
	'libvmgen,libvmgen-devel,libvmgen-openssl,vmgen-acpi-check noarch,vmgen-dkms noarch,vmgend,vmgend-samba'
ok 'akmods takes the place of DKMS' test "$(options --with akmod)" = akmod-vmgenc
ok 'or stands beside it' test "$(options --with akmod --with dkms)" = 'vmgen-dkms akmod-vmgenc'
ok 'the README names those to install' those_of_readme
ok 'no file has the name of another package' free_names
empty 'no file is in two packages' in_two_packages
ok 'none of them is installed over make install' refused_each
ok 'rpm installs them, and the programs run' installed
ok 'which has systemd and DKMS do what is to be done' asked_by_installation
ok 'the preset of vmgend enables it where others are disabled' enabled_by_preset
ok 'packages that are replaced have their module again, and vmgend is restarted' replaced
ok 'a fence outlasts vmgend-samba' fenced
ok 'the provider of OpenSSL is switched on' provider_enabled
ok 'rpm takes them away, names what is fenced, and switches the provider off before' erased
empty 'all of them' left
ok 'in an image nothing is started, and what is missing is told' image
ok 'nor stopped' image_erased
if [ "$VMGEN_ALL" ]; then
	ok 'another build gives the same bytes' the_same
	rm -r "$root"
	headers=$(PYTHONPATH=tests/vm python3 -m harness.kernel headers 6.1) || exit 1
	kernel=${headers##*/linux-headers-}
	ok 'an upgrade has its module, and restarts vmgend' upgraded
	ok 'the package for akmods is there instead' akmod_instead
	ok 'of which a package with the module for one kernel is made' kmod_built
	ok 'it is loaded, signed, and where akmods looks for it' kmod_installed
fi
tap_done
