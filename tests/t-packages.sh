#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# The Debian packages: what lintian says of them, what is in them, and that
# another build gives the same bytes: one by the README's commands in a system
# without git, from what make dist has packed, the other here, from git.
#
# functions are called through ok and empty
# shellcheck disable=SC2317

cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
suite=$(sed -n "s/^VERSION_CODENAME=//p" /etc/os-release)

# Those that other tests install; built when something has changed since.
one=$(umask 022 && TZ=UTC PYTHONPATH=tests/vm python3 -m harness.repository "$suite")

# As on a system without apt.
names_what_it_lacks() {
	for target in deps deb bench; do
		# shellcheck disable=SC2016 # for the inner shell
		unshare --mount sh -ec 'mount --bind /dev/null /usr/bin/apt-get
			exec make -s "$1" O="$2"' sh "$target" "$scratch/lacking" 2>"$scratch/errors" &&
			return 1
		grep -q "^make $target: there is no apt-get here, .* make rpm do without" \
			"$scratch/errors" || { cat "$scratch/errors"; return 1; }
	done
}

# Elsewhere what make rpm needs has other names, so nothing is asked of apt there.
rpm_without_apt() {
	unshare --mount sh -ec 'mount --bind /dev/null /usr/bin/apt-get
		exec make -n all rpm debian=' >"$scratch/commands" 2>&1 || return
	grep 'rpmbuild -bb' "$scratch/commands" && ! grep 'no apt-get here' "$scratch/commands"
}

# Of files, by the last paragraph of the copyright file that names them; texts of licences and inputs
# of fuzzers have no header.
other_licences() {
	PYTHONPATH=tests/vm python3 - "$tarball" <<-'END'
		import fnmatch, pathlib, re, sys, tarfile

		text = pathlib.Path("packaging/debian/copyright").read_text("utf-8")
		paragraphs = re.findall(r"(?m)^Files: ((?:.*)(?:\n .*)*)\nCopyright: .*\nLicense: (.*)$", text)
		with tarfile.open(sys.argv[1]) as tar:
		    for name in (name.split("/", 1)[1] for name in tar.getnames()):
		        head = pathlib.Path(name).read_bytes()[:300].decode("utf-8", "replace")
		        told = re.search(r"SPDX-License-Identifier: ([\w.() -]+?) *(\*/|-->)?\n", head)
		        if not told or name.startswith("LICENSES/"):
		            continue
		        own = re.sub("[()]", "", told[1]).replace("GPL-2.0 WITH ", "GPL-2.0-only-with-")
		        held = [licence for files, licence in paragraphs
		                if any(fnmatch.fnmatchcase(name, pattern) for pattern in files.split())][-1]
		        if own.replace(" OR ", " or ") != held:
		            print(f"{name}: {own}, and the copyright file says {held}")
	END
}

build_elsewhere() {
	umask 027
	TZ=Asia/Tokyo make -s deb O="$scratch/another/place"
}

# Packages of modules are made with another target.
keeps_modules() {
	mkdir -p "$scratch/beside/deb" && touch "$scratch/beside/deb/vmgend_0.0.9_amd64.deb" \
		"$scratch/beside/deb/vmgen-module-6.1.0_0.1.0_amd64.deb" &&
		make -s deb-tree O="$scratch/beside" &&
		[ "$(cd "$scratch/beside/deb" && echo *.deb)" = vmgen-module-6.1.0_0.1.0_amd64.deb ]
}

# headers BUILDINFO: the versions of what was included.
headers() {
	grep -o '[a-z0-9.+-]*-dev (= .*)' "$1"
}

# same_code DEB DEB: all but what tells lines in the headers of others, and the hashes of that.
same_code() {
	case $1 in *-dbgsym_*) return ;; esac
	rm -rf "$scratch/a" "$scratch/b" && dpkg-deb -R "$1" "$scratch/a" && dpkg-deb -R "$2" "$scratch/b" &&
		[ "$(cd "$scratch/a" && find . | sort)" = "$(cd "$scratch/b" && find . | sort)" ] || return
	(cd "$scratch/a" && find . -type f) | while read -r file; do
		cmp -s "$scratch/a/$file" "$scratch/b/$file" || [ "$file" = ./DEBIAN/md5sums ] && continue
		for root in a b; do
			objcopy --strip-debug -R .note.gnu.build-id -R .gnu_debuglink "$scratch/$root/$file" || exit
		done
		cmp "$scratch/a/$file" "$scratch/b/$file" || exit
	done
}

# Other compilers may give others: the files of what was installed tell. Where this machine has older
# headers, debug information may differ, and nothing else.
same_bytes() {
	other=$scratch/another/place/deb
	for deb in "$one"/*.deb; do
		cmp "$deb" "$other/${deb##*/}" && continue
		[ "$(headers "$one"/*.buildinfo)" != "$(headers "$other"/*.buildinfo)" ] &&
			same_code "$deb" "$other/${deb##*/}" && continue
		diff "$one"/*.buildinfo "$other"/*.buildinfo
		return 1
	done
	ls "$one"/*.deb
}

# What is git's is another directory, above; and a file that was built is none of the source.
packs_the_same() {
	git init -q "$scratch" && tar -xf "$tarball" -C "$scratch" &&
		cd "$scratch"/vmgen-* && umask 077 || return
	mkdir -p build/deb daemon/__pycache__ && touch build/deb/x daemon/__pycache__/x
	env -u SOURCE_DATE_EPOCH make -s dist O=./other && cmp other/dist/*.tar.gz "$tarball" &&
		env -u SOURCE_DATE_EPOCH make -s dist O="$scratch/outside" && ls "$scratch/outside/dist/"*
}

another_file_is_packed() {
	cd "$scratch"/vmgen-* && touch daemon/more && make -s dist &&
		tar -tf build/dist/*.tar.gz | grep -q '/daemon/more$'
}

# As root, of a checkout that is another user's.
packs_of_others() {
	git clone -q . "$scratch/others" && cp Makefile "$scratch/others" &&
		cp packaging/*.mk "$scratch/others/packaging" && chown -R nobody "$scratch/others" &&
		cd "$scratch/others" && make -s dist && tar -tf build/dist/*.tar.gz | grep -q '/Makefile$'
}

without_complaint() {
	lintian --fail-on error,warning "$one"/*.changes
}

# gforth has a program and a manual of that name.
free_names() {
	for deb in "$one"/*.deb; do
		dpkg-deb -c "$deb" || return
	done >"$scratch/files" && grep -q ' ./usr/sbin/vmgend$' "$scratch/files" &&
		! grep -E ' \./usr/(bin/vmgen|share/man/man1/vmgen\.1.*)$' "$scratch/files"
}

# With a systemctl that tells what it was asked for.
reloads_systemd() {
	deb=$(echo "$one"/vmgend-samba_*.deb)
	dpkg-deb -e "$deb" "$scratch/control" && mkdir "$scratch/bin" || return
	printf '#!/bin/sh\necho "$*" >>"%s/asked"\n' "$scratch" >"$scratch/bin/systemctl"
	chmod +x "$scratch/bin/systemctl"
	for script in 'postinst configure' 'postrm remove'; do
		rm -f "$scratch/asked"
		# shellcheck disable=SC2016,SC2086 # for the inner shell; two words
		PATH=$scratch/bin:$PATH control=$scratch/control unshare --mount sh -ec '
			mount -t tmpfs tmpfs /run
			mkdir -p /run/systemd/system
			"$control/$1" "$2"' sh $script || return
		grep -q daemon-reload "$scratch/asked" || return
	done
}

# What "vmgenctl fence set" has written, and masks of 10-replica, and nothing of others.
purges_drop_ins() {
	deb=$(echo "$one"/vmgend_*.deb)
	dpkg-deb -e "$deb" "$scratch/vmgend" || return
	# shellcheck disable=SC2016 # for the inner shell
	PATH=$scratch/bin:$PATH control=$scratch/vmgend unshare --mount sh -ec '
		for directory in /etc /var/lib /run; do mount -t tmpfs tmpfs $directory; done
		cd /etc
		mkdir -p systemd/system/a.service.d systemd/system/b.service.d /var/lib/vmgen/fence
		touch systemd/system/a.service.d/zz-vmgen-fence.conf systemd/system/b.service.d/own.conf
		cp systemd/system/a.service.d/* systemd/system/b.service.d
		masks=/run/systemd/system.control
		mkdir -p $masks/b.service.d; ln -s /dev/null $masks/a.service; ln -s /etc/b.service $masks/b.service
		"$control/postrm" remove
		test -e systemd/system/a.service.d/zz-vmgen-fence.conf && test -L $masks/a.service
		"$control/postrm" purge
		test "$(echo $(ls $masks))" = "b.service b.service.d"
		test "$(find systemd/system -mindepth 2)" = systemd/system/b.service.d/own.conf
		test "$(ls systemd/system)" = b.service.d && ! test -e /var/lib/vmgen'
}

# Removed, and then "make install" was run; and in another root, as dpkg has it.
purges_none_of_others() {
	# shellcheck disable=SC2016 # for the inner shell
	PATH=$scratch/bin:$PATH control=$scratch unshare --mount sh -ec '
		for directory in /etc /var/lib /run /mnt; do mount -t tmpfs tmpfs $directory; done
		for root in "" /mnt; do
			mkdir -p $root/var/lib/vmgen $root/etc/vmgen/samba-ad.d $root/etc/systemd/system/a.service.d
			touch $root/etc/systemd/system/a.service.d/zz-vmgen-fence.conf
		done
		kept() {
			test -d $1/var/lib/vmgen && test -d $1/etc/vmgen/samba-ad.d &&
				test -e $1/etc/systemd/system/a.service.d/zz-vmgen-fence.conf
		}
		export DPKG_ROOT=/mnt
		mkdir -p /mnt/usr/lib/vmgen && touch /mnt/usr/lib/vmgen/uninstall
		"$control/samba/postrm" purge
		"$control/vmgend/postrm" purge 2>&1 | grep "Run that again"
		kept /mnt
		rm /mnt/usr/lib/vmgen/uninstall
		"$control/samba/postrm" purge
		"$control/vmgend/postrm" purge
		test "$(find /mnt -name "*vmgen*")" = /mnt/usr/lib/vmgen
		kept ""'
}

# As what an administrator has put around vmgenctl.
lets_upgrades_pass() {
	mkdir -p "$scratch/around/usr/local/bin" && touch "$scratch/around/usr/local/bin/vmgenctl" &&
		export DPKG_ROOT="$scratch/around" &&
		! "$scratch/vmgend/preinst" install 2>"$scratch/said" && grep bin/vmgenctl "$scratch/said" &&
		"$scratch/vmgend/preinst" upgrade 0.1.0
	set -- $?
	unset DPKG_ROOT
	return "$1"
}

# Samba's units no longer ask for their fences: vmgenctl, played here, has them ask it.
keeps_fences() {
	deb=$(echo "$one"/vmgend-samba_*.deb)
	dpkg-deb -e "$deb" "$scratch/kept" || return
	printf '#!/bin/sh\necho "$*" >>"%s/fenced"\n' "$scratch" >"$scratch/bin/vmgenctl"
	chmod +x "$scratch/bin/vmgenctl"
	# shellcheck disable=SC2016 # for the inner shell
	PATH=$scratch/bin:$PATH control=$scratch/kept unshare --mount sh -ec '
		for directory in /etc /var/lib /run; do mount -t tmpfs tmpfs $directory; done
		mkdir -p /var/lib/vmgen/fence /etc/systemd/system/b.service.d
		echo "its data went back" >/var/lib/vmgen/fence/samba.service
		touch /var/lib/vmgen/fence/b.service /etc/systemd/system/b.service.d/zz-vmgen-fence.conf
		"$control/postrm" upgrade 1
		"$control/postrm" remove' || return
	rm "$scratch/bin/vmgenctl"
	[ "$(cat "$scratch/fenced")" = 'fence set samba.service its data went back' ]
}

# As "vmgend-samba-ad protect" has.
purges_protection() {
	deb=$(echo "$one"/vmgend-samba_*.deb)
	dpkg-deb -e "$deb" "$scratch/samba" || return
	# shellcheck disable=SC2016 # for the inner shell
	PATH=$scratch/bin:$PATH control=$scratch/samba unshare --mount sh -ec '
		for directory in /etc /var/lib /run; do mount -t tmpfs tmpfs $directory; done
		cd /etc
		mkdir -p systemd/system/a.service.d systemd/system/b.service.d vmgen/samba-ad.d
		echo "# Written by vmgend-samba-ad protect." >systemd/system/a.service.d/vmgen.conf
		echo "# by hand" >systemd/system/b.service.d/vmgen.conf
		touch vmgen/samba-ad.d/a.service vmgen/samba-ad-elsewhere
		"$control/postrm" remove
		test -e systemd/system/a.service.d/vmgen.conf
		"$control/postrm" purge
		test "$(find systemd/system -mindepth 2)" = systemd/system/b.service.d/vmgen.conf
		test "$(ls systemd/system)" = b.service.d && ! test -e vmgen/samba-ad.d'
}

ok 'make deb' ls "$one"/*.changes
ok 'lintian finds neither errors nor warnings' without_complaint
ok 'no file has the name of another package' free_names
ok 'vmgend-samba has systemd read its part of the unit of Samba, and forget it' reloads_systemd
ok 'vmgend, purged, takes away what has units ask for fences' purges_drop_ins
ok 'vmgend-samba, purged, takes away what it has written into units' purges_protection
ok 'neither takes what make install goes on with, nor from another root' purges_none_of_others
ok 'a file in /usr/local does not hold up an upgrade' lets_upgrades_pass
ok 'vmgend-samba, removed, leaves what it has fenced to vmgenctl' keeps_fences
ok 'make deb elsewhere, in another time zone' build_elsewhere
ok 'gives the same bytes' same_bytes
ok 'make deb takes away what an earlier one has made, but no package of a module' keeps_modules
tarball=$(echo "$scratch/another/place/dist/"*.tar.gz)
ok 'the source, unpacked, is packed to the same bytes without git' packs_the_same
ok 'with a file that came after' another_file_is_packed
ok 'root packs the checkout of another user' packs_of_others
ok 'without apt it says so, and what goes on nevertheless' names_what_it_lacks
ok 'that is make rpm, on another system' rpm_without_apt
empty 'the copyright file says of each file what its header says' other_licences
tap_done
