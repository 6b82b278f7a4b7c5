#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# What 10-replica freezes, fences and ends, and in which order, in a tree that looks like that of
# cgroups; and that 80-restart-units reads its list in the same way. There is no
# service manager here; systemctl and vmgenctl are played.
#
# Functions are called through ok, and scripts are for another shell:
# shellcheck disable=SC2317,SC2016

cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

build=$(realpath "${O:-build}")
restart=$PWD/daemon/hooks/80-restart-units
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# Both note what they are asked, and what is frozen by then, and fenced before the first question.
cat >"$work/vmgenctl" <<'PROGRAM'
#!/bin/sh
work=${0%/*}
case "$1 $2" in "check --units") printf 'web.service\nb.service\n'; exit ${found:-0} ;; esac
. $work/first-files
cd /sys/fs/cgroup
echo "fence $4 with $(find . -name cgroup.freeze -exec grep -lx 1 {} + | wc -l) frozen" >>$work/asked
case $4 in gone*) exit 1 ;; doubt*) [ -e $work/certain ] || exit 1 ;; late*) [ -e $work/late ] && [ -z "$VMGEN_GENERATION" ] || { touch $work/late; exit 8; } ;; esac
PROGRAM
cat >"$work/systemctl" <<'PROGRAM'
#!/bin/sh
work=${0%/*}
. $work/first-files
for unit; do :; done
case "$1 $2" in
"show --no-pager")
	echo "ask $unit" >>$work/asked
	printf '%s\n' Id=$unit Names=$unit LoadState=loaded ActiveState=active SubState=running
	file=/etc/systemd/system/$unit.d/zz-vmgen-fence.conf
	grep -q 'fence check' $file || exit 0
	printf '%s\n' "DropInPaths=$file" "ExecStartPre={ path=vmgenctl ; argv[]=vmgenctl fence check $unit ; ignore_errors=no ; }" ;;
"show --property=Id")
	[ ! -e $work/hangs ] || exit 1
	key=Id=
	case $3 in --value) key= && shift ;; esac
	shift 3
	for unit; do
		case $unit in doubtful.service) unit=real.service ;; doubtless.service) unit=../real.service ;; esac
		printf '%s\n\n' "$key$unit"
	done ;;
"show --property=LoadState") [ ! -e $work/hangs ] || { echo "load $unit" >>$work/asked; exit 1; }; case $unit in gone*) echo not-found ;; *) echo loaded ;; esac ;;
"show --property=ActiveState") case $unit in idle* | gone*) echo inactive ;; dies*) grep -qs ^try-restart $work/asked && echo failed || echo active ;; *) echo active ;; esac ;;
"show --property=SubState") case $unit in wrapper*) echo exited ;; *) echo running ;; esac ;;
daemon-reload*) echo "$1" >>$work/asked; [ ! -e $work/hangs ] || exit 1 ;;
*) echo "$1 $2 $unit" >>$work/asked ;;
esac
case "$1 $unit" in "kill stubborn.service" | "try-restart refuses.service") exit 1 ;; esac
PROGRAM
cat >"$work/first-files" <<'PROGRAM'
mkdir $work/first 2>/dev/null && ls /var/lib/vmgen/fence /etc/systemd/system >$work/first/files
PROGRAM
chmod 755 "$work/vmgenctl" "$work/systemctl"

# machine LIST SCRIPT: with these units in the list, a line each.
machine() {
	rm -rf "$work/asked" "$work/late" "$work/certain" "$work/first" "$work/hangs"
	build=$build restart=$restart work=$work list=$1 unshare --mount sh -ec '
		mount -t tmpfs tmpfs /sys/fs/cgroup
		mount -t tmpfs -o mode=755 tmpfs /run
		mount -t tmpfs -o mode=755 tmpfs /etc
		mount -t tmpfs -o mode=755 tmpfs /usr/libexec
		mount -t tmpfs -o mode=755 tmpfs /var/lib
		mkdir -p /run/systemd/system /etc/systemd/system /etc/vmgen /usr/libexec/vmgen
		cp $build/listed /usr/libexec/vmgen
		[ -z "$list" ] || printf "%b\n" "$list" | tee /etc/vmgen/replica-units >/etc/vmgen/restart-units
		PATH=$work:$PATH
		export VMGEN_EVENT=changed VMGEN_GENERATION=2
		cd /sys/fs/cgroup
		unit() {
			mkdir -p "$1"
			echo 0 >"$1/cgroup.freeze"
		}
		is() {
			[ "$(cat "$1/cgroup.freeze")" = $2 ]
		}
		# hook STATUS: what it says is in $said.
		hook() {
			status=0
			said=$($build/10-replica 2>&1) || status=$?
			echo "$said"
			[ $status = $1 ]
		}
		# "!" would not end the script.
		asked_nothing() {
			[ ! -e $work/asked ]
		}
		for name in a b other real stubborn doubt; do unit system.slice/$name.service; done
		unit "system.slice/system-db.slice/db@one.service"
		unit other.slice/far.slice/odd.service
		'"$2" 2>&1
}

ok 'without a list it does not apply' machine '' 'hook 77; asked_nothing'
ok 'nor with an empty one' machine '# a\n' 'hook 77; asked_nothing; echo "$said" | grep -q "lists no unit"'
ok 'all are frozen before the first is fenced, and killed when all are' machine 'a\nb # b\ndb@one' '
	hook 0
	cat $work/asked
	grep fence $work/asked | sort >$work/all; grep -v fence $work/asked >>$work/all
	[ "$(sed -n 1p $work/asked)" = daemon-reload ]
	sed -n 2,4p $work/asked | sort | cmp - $work/all 2>&1 | grep -q "EOF on -"
	printf "%s\n" "fence a.service with 3 frozen" "fence b.service with 3 frozen" \
		"fence db@one.service with 3 frozen" daemon-reload "kill --signal=KILL a.service" \
		"stop --no-block a.service" "kill --signal=KILL b.service" "stop --no-block b.service" \
		"kill --signal=KILL db@one.service" "stop --no-block db@one.service" | diff - $work/all'
ok 'they go on to their end, and others are left alone' machine 'a' '
	hook 0; is system.slice/a.service 0; is system.slice/other.service 0
	grep -q other $work/asked && exit 1 || :'
ok 'at each event but a drill' machine 'a' '
	for VMGEN_EVENT in boot-changed unknown; do hook 0; grep -q "kill.*a.service" $work/asked; rm $work/asked; done'
ok 'one that does not run is fenced alone' machine 'idle' '
	hook 0; [ "$(sed 1d $work/asked)" = "fence idle.service with 0 frozen" ]
	echo "$said" | grep -qx "idle.service: is fenced"'
ok 'one in another slice is frozen with them' machine 'odd\na' '
	hook 0; grep -qx "fence a.service with 2 frozen" $work/asked; is other.slice/far.slice/odd.service 0
	grep -qx "kill --signal=KILL odd.service" $work/asked'
ok 'one that is listed by another name is killed when it is fenced' machine 'alias\na' '
	hook 0; grep -qx "fence alias.service with 1 frozen" $work/asked
	grep -qx "kill --signal=KILL alias.service" $work/asked'
ok 'one that is listed twice is killed once' machine 'a\na.service' '
	hook 0; [ "$(grep -c fence $work/asked)" = 1 ] && [ "$(grep -c "kill.*a.service" $work/asked)" = 1 ]'
ok 'what a user has called so is left alone' machine 'mine' '
	unit user.slice/user-1.slice/user@1.service/app.slice/mine.service
	hook 0; grep -q "with 0 frozen" $work/asked'
ok 'a unit that may not ask for its fence stays frozen, until the hook is run again' machine 'doubt\na' '
	hook 1; is system.slice/doubt.service 1; is system.slice/a.service 0
	grep -q "kill.*doubt" $work/asked && exit 1 || :
	echo "$said" | grep -q "doubt.service: .*stays frozen.*vmgenctl hooks run --real 10-replica"
	touch $work/certain; hook 0; grep -q "kill.*doubt" $work/asked; is system.slice/doubt.service 0'
ok 'it is masked meanwhile, wherever its file is, so that it is not started anew' machine 'doubt\na' '
	hook 1; mask=/run/systemd/system.control/doubt.service
	[ "$(readlink $mask)" = /dev/null ]; [ ! -L /run/systemd/system.control/a.service ]
	[ "$(grep -c daemon-reload $work/asked)" = 2 ]; echo "$said" | grep -q "doubt.service.*masked until the next boot"
	touch $work/certain; hook 0; [ ! -L $mask ]'
ok 'and if systemd does not take that it says so' machine 'doubt' '
	touch $work/hangs; hook 1; echo "$said" | grep -q "doubt.service.*systemd does not answer, and may start it again"'
ok 'of an alias it is the unit itself, or that could start all the same' machine 'doubt\ndoubtful\ndoubtless' '
	masks=/run/systemd/system.control; hook 1; ls $masks; [ "$(readlink $masks/real.service)" = /dev/null ]
	[ "$(echo $(ls $masks))" = "doubt.service doubtless.service real.service" ]
	touch $work/certain; hook 0; [ -z "$(ls $masks)" ]'
ok 'where systemd does not answer both, as its files tell' machine 'doubtful\ndoubt@one\ndoubt' '
	mkdir /run/systemd/transient; cd /etc/systemd/system; touch real.service real@.service other.service ../other.service
	ln -s /etc/systemd/system/doubted.service /run/systemd/transient/doubtful.service; ln -s real.service doubted.service
	ln -s real@.service doubt@.service; ln -s ../other.service doubt.service
	masks=/run/systemd/system.control; touch $work/hangs; hook 1; ls $masks
	[ "$(echo $(ls $masks))" = "doubt.service doubt@one.service doubtful.service real.service real@one.service" ]
	rm $work/hangs; $build/vmgenctl fence lift doubtful; ls $masks
	[ "$(echo $(ls $masks))" = "doubt.service doubt@one.service real@one.service" ]'
ok 'a drop-in that somebody has changed is told at once: to try again is no help' machine 'a' '
	mkdir -p /run/real /etc/systemd/system/a.service.d; ln -s $build/vmgenctl /run/real; PATH=/run/real:$PATH
	echo "# mine" >/etc/systemd/system/a.service.d/zz-vmgen-fence.conf
	hook 1; cat $work/asked; [ "$(grep -c "^ask a.service" $work/asked)" = 1 ]
	echo "$said" | grep "a.service is fenced, but .*its drop-in zz-vmgen-fence.conf was changed: remove it"
	echo "$said" | grep -q "a.service: is not fenced for certain, .*masked until the next boot"
	rm /etc/systemd/system/a.service.d/*; hook 0; grep -qx "kill --signal=KILL a.service" $work/asked'
ok 'a name that systemd does not know is told, and not masked, or it would look like one that is down' machine 'gone\na' '
	hook 1; echo "$said" | grep -q "line 1: there is no unit gone.service: correct its name"
	echo "$said" | grep -qx "gone.service: is fenced anyway: vmgenctl fence lift gone.service"
	[ ! -L /run/systemd/system.control/gone.service ]; [ -e /var/lib/vmgen/fence/gone.service ]
	echo "$said" | grep -q "gone.*masked" && exit 1 || :; grep -q "kill.*a.service" $work/asked'
ok 'where systemd does not answer it is asked once for such names, and all are masked' machine 'gone1\ngone2\ndoubt' '
	touch $work/hangs; hook 1; [ "$(grep -c "^load" $work/asked)" = 1 ]
	for name in gone1 gone2 doubt; do [ -L /run/systemd/system.control/$name.service ]; done'
ok 'what somebody else has put there stays' machine 'a' '
	mkdir -p /run/systemd/system.control; ln -s /etc/a.service /run/systemd/system.control/a.service
	hook 0; [ -L /run/systemd/system.control/a.service ]'
ok 'it is tried again, as an administrator, for whom vmgenctl waits longer' machine 'late\na' '
	hook 0; [ "$(grep -c "fence late" $work/asked)" = 2 ]; [ "$(grep -c "fence a" $work/asked)" = 1 ]
	grep -q "kill.*late" $work/asked'
ok 'so does one that is not killed' machine 'stubborn' 'hook 1; is system.slice/stubborn.service 1'
ok 'units that all others need, and vmgen, are not frozen' machine "$(printf '%s\\n' vmgend vmgen-merged modprobe@vmgenc \
		systemd-journald systemd-journald.socket udev dbus dbus.socket dbus-broker init.scope)a" '
	for name in vmgend systemd-journald dbus; do unit system.slice/$name.service; done
	hook 1; for name in vmgend systemd-journald dbus; do is system.slice/$name.service 0; done
	[ "$(grep fence $work/asked)" = "fence a.service with 1 frozen" ]
	for number in 1 2 3 4 5 6 7 8 9 10; do echo "$said" | grep "/etc/vmgen/replica-units, line $number: " | grep -E "(take it out|list a service or a socket)$"; done'
ok 'but a container is' machine 'systemd-nspawn@db' 'hook 0; grep -q "fence systemd-nspawn@db.service" $work/asked'
ok 'mistakes are told, and the rest is fenced' machine 'a b\n$(b)\nvmgend\nx.timer\ndb@\na' '
	hook 1
	[ "$(grep fence $work/asked)" = "fence a.service with 1 frozen" ]
	for number in 1 2 3 4 5; do echo "$said" | grep -q "/etc/vmgen/replica-units, line $number: "; done
	[ "$(echo "$said" | grep -c "^/etc/vmgen/replica-units, line")" = 5 ]'
# fix LIST LIST: the hook does not take the first, and takes the second, which is as it says.
fix() {
	machine "$1" 'VMGEN_EVENT=test; hook 1' && machine "$2" 'VMGEN_EVENT=test; hook 0'
}

ok 'two in a line' fix 'a b' 'a\nb'
ok 'the daemon itself' fix 'vmgend\na' 'a'
ok 'what asks for no fence' fix 'x.timer' 'x.service'
ok 'a template' fix 'db@' 'db@one'
ok 'what is not there' fix 'gone' 'a'
ok 'what only starts others' fix 'wrapper' 'db@one'
ok 'an alias' fix 'doubtful' 'real'
ok 'its unit is named' machine 'doubtful\na' '
	VMGEN_EVENT=test; hook 1; echo "$said" | grep -q "line 1: doubtful.service is an alias, .* list the unit itself, real.service$"
	echo "$said" | grep -qx "would freeze, fence and kill a.service"'
ok 'it is named' machine 'wrapper\na' '
	VMGEN_EVENT=test; hook 1; echo "$said" | grep -qx "would freeze, fence and kill a.service"
	echo "$said" | grep -q "line 1: wrapper.service has no process of its own"'
ok 'a list that others can change is refused' machine 'a' '
	chmod 666 /etc/vmgen/replica-units; hook 1; asked_nothing; is system.slice/a.service 0'
ok 'a drill changes nothing' machine 'a\nidle\ngone' '
	VMGEN_EVENT=test; hook 1; asked_nothing; is system.slice/a.service 0
	echo "$said" | grep -qx "would freeze, fence and kill a.service"
	echo "$said" | grep -qx "would fence idle.service, which does not run"
	echo "$said" | grep -q "line 3: there is no unit gone.service: correct its name"'
ok 'nor is it a remedy for one to run it in earnest' machine 'idle' '
	touch $work/hangs; VMGEN_EVENT=test; hook 1; echo "$said" | grep -q "idle.service: systemd does not .*: vmgenctl hooks run 10-replica$"
	echo "$said" | grep -e --real && exit 1 || :; rm $work/hangs; hook 0'
ok 'it tells which would run on until systemd has taken the fence' machine 'a\nb\nfar' '
	rm system.slice/b.service/cgroup.freeze; VMGEN_EVENT=test; hook 0
	printf "%s\n" "would freeze, fence and kill a.service" \
		"would fence and kill b.service, which cannot be frozen, and runs on until then" \
		"would fence and kill far.service, which cannot be frozen, and runs on until then" >$work/told
	echo "$said" | diff - $work/told'
ok 'where there is nothing to mask systemd reads nothing anew' machine 'gone\na' '
	hook 1; cat $work/asked; [ "$(grep -c daemon-reload $work/asked)" = 1 ]'
ok 'without systemd it says so' machine 'a' 'rm -r /run/systemd; hook 1; echo "$said" | grep -q "a guard of your own"'
ok 'all are fenced on disk before systemd is asked' machine 'a\nhung\nb\nidle' '
	hook 0; for unit in a hung b idle; do
		grep -qx $unit.service $work/first/files; grep -qx $unit.service.d $work/first/files
	done; [ "$(sed -n 2p /var/lib/vmgen/fence/idle.service | cut -d" " -f1,2)" = "generation 2" ]'
# It has had them ask from their start on, so that nobody has to wait for systemd.
ok 'vmgen-generator has them ask as the guard does, but no unit that others need' machine 'a\nvmgend\nx y\ndb@one' '
	mkdir /run/late; $build/vmgen-generator /run/late /run /run
	[ "$(ls /run/late)" = "$(printf "%s\n" a.service.d db@one.service.d)" ]; hook 1
	for unit in a db@one; do cmp /run/late/$unit.service.d/* /etc/systemd/system/$unit.service.d/*; done'
ok 'then systemd need not read anything anew, which takes long in a boot' machine 'a\nidle' '
	mkdir /run/systemd/generator; $build/vmgen-generator /run/systemd/generator
	hook 0; [ "$(grep -c fence $work/asked)" = 2 ]; grep -q daemon-reload $work/asked && exit 1 || :'
ok 'unless one of them was listed since' machine 'a\nidle' '
	mkdir /run/systemd/generator; $build/vmgen-generator /run/systemd/generator
	echo b >>/etc/vmgen/replica-units; hook 0; [ "$(grep -c daemon-reload $work/asked)" = 1 ]'
ok 'or was masked' machine 'a\nidle' '
	mkdir -p /run/systemd/generator /run/systemd/system.control; $build/vmgen-generator /run/systemd/generator
	ln -s /dev/null /run/systemd/system.control/a.service; hook 0; grep -q daemon-reload $work/asked'
ok 'it tells what it cannot write, and writes the others' machine 'a\nb' '
	mkdir -p /run/late/a.service.d/zz-vmgen-fence.conf; status=0
	said=$($build/vmgen-generator /run/late 2>&1) || status=$?; echo "$said"
	[ $status = 1 ]; echo "$said" | grep -q "vmgen-generator: a.service "; [ -f /run/late/b.service.d/* ]'
ok 'without a list it writes nothing' machine '' 'mkdir /run/late; $build/vmgen-generator /run/late; [ -z "$(ls /run/late)" ]'
ok '64 units are all frozen before one is fenced' machine "$(seq -f 'many@%g' 64 | paste -sd '|' | sed 's/|/\\n/g')" '
	for number in $(seq 64); do unit "system.slice/system-many.slice/many@$number.service"; done
	hook 0; grep -qx "fence many@1.service with 64 frozen" $work/asked'

# number FILE NAME: what a constant, or a setting, is there.
number() {
	sed -nE "s/.*\\b$2 = ([0-9]+).*/\\1/p" "$1"
}

# With a service manager that answers, and hangs when it is told to read units again.
fences_all_in_time() {
	turns=$(($(number daemon/base/unitlist.h UNITLIST_MAX) / $(number daemon/hooks/fencing.c AT_ONCE)))
	each=$(($(number daemon/ctl/systemd/manager.h MANAGER_QUICK_MS) +
		$(number daemon/ctl/systemd/manager.h MANAGER_QUICK_RELOAD_MS)))
	echo "$turns times $each ms"
	file=daemon/hooks/fencing.c
	again=$(($(number "$file" DOUBT_MS) + $(number "$file" FENCE_MS) + 2 * $(number "$file" RELOAD_MS) +
		$(number "$file" NAMES_MS) + $(number daemon/hooks/replica.c ASK_MS)))
	[ $((turns * each + again)) -lt $(($(number daemon/hooks/10-replica.conf timeout) * 1000)) ]
}

ok 'its time is enough for the longest list and a manager that hangs' fences_all_in_time
ok '80-restart-units takes the same lines' machine 'a # b\n\n#\ndb@one' '
	[ "$($restart)" = "restarting a.service db@one.service" ]'
ok 'and tells the same mistakes' machine 'a b\n$(b)\nvmgend\na' '
	status=0; said=$($restart 2>&1) || status=$?; echo "$said"; [ $status = 1 ]
	for number in 1 2 3; do echo "$said" | grep -q "/etc/vmgen/restart-units, line $number: "; done
	echo "$said" | grep -qx "restarting a.service"'
ok 'auto adds those that vmgenctl finds, each once' machine '!c\nb # mine\nauto' '
	[ "$($restart)" = "restarting web.service b.service" ]'
ok 'a drill shows them' machine 'auto' '
	[ "$(VMGEN_EVENT=test $restart)" = "would restart web.service b.service" ]; asked_nothing'
ok 'one that does not come back is a failure' machine 'a\ndies' '
	status=0; said=$($restart 2>&1) || status=$?; echo "$said"; [ $status = 1 ]
	echo "$said" | grep -qx "dies.service did not come back (failed): systemctl status dies.service"'
ok 'so is a restart that systemd refuses' machine 'refuses' '
	status=0; said=$($restart 2>&1) || status=$?; echo "$said"; [ $status = 1 ]
	echo "$said" | grep -qx "restarting refuses.service"'
ok 'that some may be missing is told, and the others are restarted' machine 'auto' '
	export found=1; status=0; said=$($restart 2>&1) || status=$?; echo "$said"; [ $status = 1 ]
	echo "$said" | grep -qx "/etc/vmgen/restart-units, line 1: auto may have left out units: vmgenctl check"
	echo "$said" | grep -qx "restarting web.service b.service"'
ok 'without auto nobody looks, and an exception alone lists nothing' machine '!b' '
	status=0; said=$($restart 2>&1) || status=$?; echo "$said"; [ $status = 77 ]'
ok 'for 10-replica auto is the name of a unit' machine 'auto' '
	hook 0; grep -qx "fence auto.service with 0 frozen" $work/asked'
ok 'and does without a list' machine '' '
	status=0; said=$($restart 2>&1) || status=$?; [ $status = 77 ]; echo "$said" | grep -q "lists no unit"'

# Recipes of vmgend-hooks(7), in files of their own.
mkdir "$work/recipes" "$work/played"
awk -v into="$work/recipes/" '
	/^# / { on = $0 == "# REPLICATED STORES" }
	/^## / { name = $2 }
	on && /^```/ {
		if (text ~ /vmgenctl fence lift/)
			printf "%s", text >(into name)
		inside = !inside
		text = ""
		next
	}
	inside { text = text $0 "\n" }
' daemon/vmgend-hooks.7.scd
# Each step is noted; the one whose number is in $fails fails.
cat >"$work/played/step" <<'PROGRAM'
#!/bin/sh
echo "${0##*/} $*" >>$work/steps
case "${0##*/} $*" in *"member remove") exit 1 ;; *"member list") echo "8e9e05c52164694d, started, c, http://c, http://c, false" ;; esac
[ "$(wc -l <$work/steps)" != "$fails" ]
PROGRAM
printf '#!/bin/sh\ncase $1 in -i) . $work/played/step ;; *) exec /usr/bin/sed "$@" ;; esac\n' >"$work/played/sed"
chmod 755 "$work/played/"*
for name in dsctl etcdctl mariadb mv runuser sleep systemctl vmgenctl; do
	ln -s step "$work/played/$name"
done

# steps RECIPE NUMBER: types it where the step of that number fails, and counts lifted fences.
steps() {
	rm -f "$work/steps"
	played=$work/played
	fails=$2 work=$work PATH=$played:$PATH unshare --mount sh -c '
		mount -t tmpfs tmpfs /etc; mkdir /etc/default; . "$0"' "$1" >"$work/typed" 2>&1
	lifted=$(grep -c '^vmgenctl fence lift' "$work/steps")
}

# A step that failed leaves the fence, but for what the recipe itself tries again.
keeps_fence() {
	steps "$1" 0
	sed -n '/^vmgenctl/q; p' "$work/steps" >"$work/before"
	cat "$work/steps"
	[ "$lifted" = 1 ] && grep -q '^systemctl start' "$work/steps" && [ -s "$work/before" ] || return 1
	number=0
	while read -r step; do
		number=$((number + 1))
		case $step in *"member add"* | *"member list") continue ;; esac
		steps "$1" "$number"
		[ "$lifted" = 0 ] || { echo "lifted without: $step" && return 1; }
	done <"$work/before"
}

ok 'there are four recipes' test "$(cd "$work/recipes" && echo ./*s ./*a ./*L ./*d)" = './389-ds ./Galera ./PostgreSQL ./etcd'
for recipe in "$work/recipes/"*; do
	ok "the recipe of ${recipe##*/} lifts no fence after what failed" keeps_fence "$recipe"
done
tap_done
