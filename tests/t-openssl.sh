#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# vmgenctl openssl and the provider as it is installed, with this machine's OpenSSL,
# in an /etc that nobody else sees: on, off, and every way in which it must not be
# switched on. What services do with it is tested in tests/vm/t-openssl.py; here
# systemctl is played, and says what their units have (tests/openssl.sh).
#
# functions are called through ok and empty
# shellcheck disable=SC2317

cd "$(dirname "$0")/.." || exit 1
. tests/openssl.sh

active() {
	[ "$(openssl list -providers | sed -n 's/^  \([a-z]*\)$/\1/p' | paste -sd' ')" = "$1" ]
}

# enabled PROVIDERS: it can be switched on, keeps these, and off again byte for byte.
switches() {
	cp "$conf" "$scratch/before"
	ctl enable && ours && active "$1" && ctl enable && ours && ctl disable && theirs &&
		cmp "$scratch/before" "$conf" && [ ! -e "$own" ]
}

configure() {
	cat >"$conf"
}

without_module() {
	ctl enable && mv "$modules/vmgen.so" "$scratch" && theirs && exits 1 status &&
		mv "$scratch/vmgen.so" "$modules" && ours && ctl disable
}

# Others go on with what was written before.
fails_later() {
	ctl enable && cp "$own" "$scratch/own" && mv "$modules/vmgen.so" "$scratch" &&
		sed -i '1i openssl_conf = other\n[other]' "$conf" && exits 1 enable &&
		cmp "$own" "$scratch/own" && mv "$scratch/vmgen.so" "$modules" &&
		sed -i 1,2d "$conf" && ours && ctl disable
}

# Other lines that come after ours stay where they are.
later_edit() {
	ctl enable && echo '# of the administrator' >>"$conf" && ctl disable &&
		{ cat "$scratch/shipped"; echo '# of the administrator'; } | cmp - "$conf"
}

# All else is switched off nevertheless.
changed_drop_in() {
	drop_in=/etc/systemd/system/other.service.d/vmgen-openssl.conf
	mkdir -p "${drop_in%/*}" && echo '# of the administrator' >"$drop_in" && ctl enable || return
	ctl disable --all 2>"$scratch/error"
	[ $? = 1 ] && grep -F "$drop_in was changed" "$scratch/error" && [ -s "$drop_in" ] &&
		theirs && cmp "$scratch/shipped" "$conf" && rm -r "${drop_in%/*}"
}

# What TLS needs of OpenSSL: keys, a certificate, a signature that verifies.
works() {
	ctl enable && (
		cd "$scratch" && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
			-subj /CN=test -keyout key -out certificate -days 2 &&
			openssl x509 -in certificate -pubkey -noout >public &&
			openssl dgst -sha256 -sign key -out signature shipped &&
			openssl dgst -sha256 -verify public -signature signature shipped &&
			openssl genpkey -algorithm RSA -out rsa && openssl dhparam -noout -dsaparam 512
	) && ctl disable
}

# Threads have generators of their own, which libcrypto frees at exit in an order of its
# own. None draws by then: with that libcrypto crashes by itself.
ends() {
	ctl enable && /usr/bin/python3 -c 'import ssl, threading
drawn = threading.Barrier(51)
def draw(stay):
    ssl.RAND_bytes(16)
    drawn.wait()
    stay and threading.Event().wait()
for number in range(50):
    threading.Thread(target=draw, args=[number % 2], daemon=True).start()
drawn.wait()
print(sum("ossl-modules/vmgen.so" in line for line in open("/proc/self/maps")))' \
		>"$scratch/loaded" && ctl disable && grep '^[1-9]' "$scratch/loaded"
}

# The provider brings another libcrypto to a program that OpenSSL is linked into, which may end first,
# as somebody else has used it: whether or not the program has drawn, and by a cipher or without, also
# one that frees a generator last of all.
linked() {
	cat >"$scratch/linked.c" <<'END' && cc -o "$scratch/linked" "$scratch/linked.c" -l:libcrypto.a -ldl -pthread || return
#include <dlfcn.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
static EVP_RAND *method;
static EVP_RAND_CTX *own;
static void finish(void)
{
	EVP_RAND_CTX_free(own);
	EVP_RAND_free(method);
}
int main(int argc, char **argv)
{
	static unsigned char bytes[1 << 16];
	int size = argc > 1 ? atoi(argv[1]) : 0;
	int (*other)(uint64_t, void *) =
		argc > 2 ? (int (*)(uint64_t, void *))dlsym(dlopen(argv[2], RTLD_NOW), "OPENSSL_init_crypto") : NULL;

	if (other && !other(0, NULL))
		return 3;
	atexit(finish);
	OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL);
	if (size && (RAND_bytes(bytes, size) != 1 || !(method = EVP_RAND_fetch(NULL, "VMGEN", NULL)) ||
		     !(own = EVP_RAND_CTX_new(method, NULL))))
		return 2;
	puts(!OSSL_PROVIDER_available(NULL, "vmgen") ? "without" : !size ? "with" :
	     OSSL_PROVIDER_get0_name(EVP_RAND_get0_provider(EVP_RAND_CTX_get0_rand(RAND_get0_public(NULL)))));
	return 0;
}
END
	for words in '0 ' '16 ' '8192 ' '0 libcrypto.so.3' '16 libcrypto.so.3' '8192 libcrypto.so.3'; do
		other=${words#* }
		ctl enable && "$scratch/linked" "${words%% *}" ${other:+"$other"} >"$scratch/said"
		status=$?
		ctl disable
		echo "$words: status $status, $(cat "$scratch/said")"
		[ "$status" = 0 ] && grep -xE 'with|vmgen' "$scratch/said" || return
	done
}

# A thread may be in its code when libcrypto unloads it.
stays() {
	/usr/bin/python3 -c 'import _ctypes, sys
_ctypes.dlclose(_ctypes.dlopen(sys.argv[1], 2))
sys.exit(sys.argv[1] not in open("/proc/self/maps").read())' "$1"
}

# names UNIT WORDS: what the environment of a unit is.
names() {
	printf '%s\n' "$2" >"$scratch/bin/$1.service"
}

# A provider that leaves a mark wherever it is loaded, and a configuration that names it.
make_strange() {
	echo '#include <fcntl.h>
	static void __attribute__((constructor)) mark(void) { open("'"$scratch/mark"'", O_CREAT, 0600); }' \
		>"$scratch/strange.c" && mkdir "$home" && cc -shared -fPIC -o "$home/strange.so" "$scratch/strange.c" &&
		cat >"$home/strange.cnf" <<END
openssl_conf = start
[start]
providers = list
[list]
default = on
strange = strange
[on]
activate = 1
[strange]
module = $home/strange.so
activate = 1
END
}

# The mark is left if anybody has OpenSSL read it.
leaves_mark() {
	OPENSSL_CONF=$1 openssl list -providers && rm "$scratch/mark"
}

# distrusts WORDS: status of the unit says why it does not ask, and nothing is loaded.
distrusts() {
	ctl status --service=strange 2>"$scratch/error"
	[ $? = 1 ] && cat "$scratch/error" && grep -qF -e "$1" "$scratch/error" && [ ! -e "$scratch/mark" ]
}

stranger_file() {
	chown 65534 "$home/strange.cnf" && names strange "A=b OPENSSL_CONF=$home/strange.cnf C=d" &&
		distrusts "$home/strange.cnf belongs to user 65534, not to root (chown root:root $home/strange.cnf)"
}

stranger_directory() {
	chown 0 "$home/strange.cnf" && chown 65534 "$home" && distrusts "$home belongs to user 65534"
}

stranger_link() {
	ln -s "$home/strange.cnf" /etc/link.cnf && names strange OPENSSL_CONF=/etc/link.cnf &&
		distrusts '/etc/link.cnf: is a symbolic link'
}

stranger_fifo() {
	mkfifo /etc/stranger && chown 65534 /etc/stranger && names strange OPENSSL_CONF=/etc/stranger &&
		distrusts '/etc/stranger: is not a regular file'
}

# Root's own, which waits for somebody to write anyway.
root_fifo() {
	mkfifo /etc/fifo && echo .include /etc/fifo >/etc/hangs.cnf && names strange OPENSSL_CONF=/etc/hangs.cnf &&
		distrusts 'no answer within 15 s: see what this says: env OPENSSL_CONF=/etc/hangs.cnf openssl list'
}

# As systemctl quotes what is not plain.
other_words() {
	names strange "MY_OPENSSL_CONF=/no \"A=b OPENSSL_CONF=/no\" \$'A=\\' OPENSSL_CONF=/no'" &&
		ctl status --service=strange | grep -F "OpenSSL's own" &&
		names strange "\"A=b\\\" OPENSSL_CONF=/no\" OPENSSL_CONF=$home/strange.cnf" &&
		distrusts "$home belongs to user"
}

shell_words() {
	names strange "\"OPENSSL_CONF=/etc/\\\$(touch $scratch/mark)\"" && distrusts 'plain characters' &&
		names strange "OPENSSL_CONF=/etc/\$(touch\${IFS}$scratch/mark)" && distrusts 'No such file' &&
		names strange OPENSSL_CONF=relative.cnf && distrusts 'relative.cnf, which is no absolute path'
}

# What root has written and root alone can change is read, with what it names.
root_file() {
	chown 0 "$home" && names strange "OPENSSL_CONF=$home/strange.cnf" || return
	ctl status --service=strange
	[ $? = 1 ] && rm "$scratch/mark"
}

# cannot WORDS: status with another openssl, which is a line of shell.
cannot() {
	mkdir -p "$scratch/other" && printf '#!/bin/sh\n%s\n' "$2" >"$scratch/other/openssl" &&
		chmod 755 "$scratch/other/openssl" && ! PATH=$scratch/other:$PATH ctl status 2>"$scratch/error" &&
		cat "$scratch/error" && grep -qF -e "$1" "$scratch/error"
}

nothing_on() {
	PATH=$scratch/other:$PATH exits 0 disable --all && mkdir -p "${own%/*}" && echo >"$own" &&
		PATH=$scratch/other:$PATH exits 1 disable --all && rm "$own"
}

service() {
	ctl enable --service other && exits 8 status --service other && theirs &&
		ctl disable --service other && exits 1 status --service other &&
		ctl enable --service other && names other '"OPENSSL_CONF=/a b"' && ctl disable --service other &&
		exits 1 enable --service other && [ ! -e /etc/systemd/system/other.service.d ]
}

# Nor is one written over.
service_changed() {
	drop_in=/etc/systemd/system/other.service.d/vmgen-openssl.conf
	rm "$scratch/bin/other.service" && ctl enable --service other && echo '# of the administrator' >>"$drop_in" &&
		cp "$drop_in" "$scratch/changed" && exits 1 enable --service other &&
		exits 1 disable --service other && cmp "$drop_in" "$scratch/changed" && rm -r "${drop_in%/*}"
}

promises_nothing() {
	ctl enable >"$scratch/enabled" && grep -F 'a clone may have as well: there is no device' "$scratch/enabled" &&
		! grep -F 'no clone has' "$scratch/enabled" && ctl disable
}

# Node.js has OpenSSL begin elsewhere.
node_has() {
	cat >"$scratch/node.cnf" <<END
.include $conf
[default]
openssl_conf = \$nodejs_conf
END
	[ "$(OPENSSL_CONF=$scratch/node.cnf generators)" = "$1 $1 $1" ]
}

node() {
	ctl enable >"$scratch/said" && node_has vmgen && ! grep Node "$scratch/said" && ctl disable &&
		! grep -q nodejs_conf "$conf"
}

# check_names_node NAME COMMAND: looks at a process that is named so, and has OpenSSL.
check_names_node() {
	mkfifo "$scratch/end" || return
	OPENSSL_CONF=/dev/null /usr/bin/python3 -c 'import ssl, sys
open("/proc/self/comm", "w").write(sys.argv[1])
sys.stdin.read()' "$1" <"$scratch/end" &
	exec 3>"$scratch/end"
	until grep -qx "$1" "/proc/$!/comm" || [ ! -e "/proc/$!" ]; do sleep 0.1; done
	"$O/vmgenctl" check >"$scratch/checked"
	exec 3>&-
	wait $!
	rm "$scratch/end"
	grep -F "$1 ($!)" "$scratch/checked" || return
	if "$2"; then grep 'nodejs_conf in openssl.cnf' "$scratch/checked"; else ! grep nodejs_conf "$scratch/checked"; fi
}

# It is left alone, and everybody is told.
node_elsewhere() {
	ctl enable >"$scratch/said" && ours && node_has default && grep 'Node.js still uses .* nodejs_conf' "$scratch/said" &&
		check_names_node node true && check_names_node node-MainThread true
}

node_included() {
	printf 'nodejs_conf = other\n[other]\n' >/etc/hostname.cnf && ctl enable >"$scratch/said" && ours && node_has default &&
		grep Node.js "$scratch/said" && ctl disable
}

# What that says to do.
node_joins() {
	sed -i 's/^nodejs_conf = .*/nodejs_conf = start/' "$conf" && ctl enable >"$scratch/said" && ours && node_has vmgen &&
		! grep Node "$scratch/said" && check_names_node node false && ctl disable
}

for_root() {
	setpriv --reuid=65534 --clear-groups "$O/vmgenctl" openssl enable
	[ $? = 4 ]
}

ok 'before, random numbers are of OpenSSL' theirs
ok 'status says so' exits 1 status
ok 'without the provider it is not switched on' refuses 'install libvmgen-openssl'
cp "$O/vmgen.so" "$modules"
ok 'by the configuration that Debian ships: on and off' switches 'default vmgen'
ok 'programs go on to work with it' works
ok 'one with threads ends well' ends
ok 'one that OpenSSL is linked into ends well' linked
ok 'its code stays where it is' stays "$modules/vmgen.so"
ok 'twice off is no mistake' exits 0 disable
ok 'nor for all services where there is none' exits 0 disable --all
ok 'a drop-in that somebody changed is left, and named' changed_drop_in
ok 'if the provider goes, programs go on as before' without_module
ok 'where it fails, what was switched on before stays as it was' fails_later
ok 'lines that somebody adds later stay' later_edit

ok 'where nothing can vouch for them, nothing is promised' promises_nothing
ctl enable >/dev/null
ok 'switched on, status misses the device' exits 8 status
sed -i 's/^# vmgen-provider(7)/# changed/' "$conf"
cp "$conf" "$scratch/before"
ok 'lines of ours that somebody changed are left alone' exits 1 disable
ok 'byte for byte' cmp "$conf" "$scratch/before"
cp "$scratch/shipped" "$conf"
ok 'without our lines our file goes' exits 0 disable

printf 'somebody = else\n' >"$own"
ok 'nor is a file of somebody else replaced' exits 1 enable
ok 'or removed' exits 1 disable
ok 'the configuration is as it was' cmp "$scratch/shipped" "$conf"
rm "$own"

configure <<'END'
openssl_conf = start
[start]
providers = list
[list]
default = on
legacy = on
[on]
activate = 1
END
ok 'providers that are named stay' switches 'default legacy vmgen'
configure <<'END'
openssl_conf = start
[ start ] # with a list that activates nothing
providers = list
[list]
legacy = off
[off]
identity = legacy
END
ok 'the default one stays where nobody named it' switches 'default vmgen'
printf '[req]\ndefault_bits = 2048' | configure
ok 'a file without a start or a last newline' switches 'default vmgen'
: >"$conf"
ok 'an empty one' switches 'default vmgen'
ok 'Node.js, which does not read openssl_conf, has it too' node
configure <<'END'
openssl_conf = start
nodejs_conf = elsewhere
[start]
[elsewhere]
providers = list
[list]
default = on
[on]
activate = 1
END
ok 'where it begins elsewhere it is left alone, and named' node_elsewhere
ok 'until it begins where all others do' node_joins
echo '.include /etc/hostname.cnf' >"$conf"
ok 'where another file may say where, too' node_included
configure <<END
openssl_conf = start
[start]
providers = list
[list]
default = on
fips = fips
[on]
activate = 1
[fips]
module = $modules/legacy.so
activate = 1
END
ok 'a FIPS provider has to have its own' refuses 'the FIPS provider makes random numbers of its own'
configure <<'END'
openssl_conf = start
[start]
random = other
[other]
random = HASH-DRBG
END
ok 'another choice of the generator is respected' refuses 'chooses another generator'
configure <<'END'
name = start
openssl_conf = $name
[start]
END
ok 'what only OpenSSL can read is refused' refuses 'must be names of sections'
printf 'a = b\0' >"$conf"
ok 'so is what is no text' refuses 'is no text'
rm "$conf"
ok 'and that there is none' exits 1 enable
cp "$scratch/shipped" "$conf"

home=/etc/home
play_systemctl && make_strange || exit 1
ok 'one service: on and off, also where it names another one meanwhile' service
ok 'a drop-in that somebody changed is not written over' service_changed
ok 'what a configuration names is loaded by those who read it' leaves_mark "$home/strange.cnf"
ok 'one that a stranger can change is not read' stranger_file
ok 'nor one in a directory that he can change' stranger_directory
ok 'nor what a link leads to' stranger_link
ok 'nor a FIFO' stranger_fifo
ok 'one that never ends is not waited for' root_fifo
ok 'only the word OPENSSL_CONF counts' other_words
ok 'none of it is for a shell' shell_words
ok "root's own is read, whatever it names" root_file
ok 'no openssl' cannot 'install the package openssl' 'exit 127'
ok 'then nothing is on, unless our file says so' nothing_on
ok 'one that fails' cannot 'failed with exit status 3: see what this says: openssl list' 'exit 3'
ok 'one that never stops' cannot 'openssl says more than' 'exec yes'

ok 'a word that is none' exits 2 start
ok 'no word' exits 2
ok 'a service that is none' exits 2 enable --service 'a b'
ok 'all of them cannot be switched on' exits 2 enable --all
ok 'one is not all' exits 2 disable --all --service nginx
ok 'only root switches it on' for_root
tap_done
