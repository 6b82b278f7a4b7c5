#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Copyright (C) the vmgen authors
#
# The models of the protocol, beside the code that they describe: spin(1) tries every order of
# their steps, and finds no promise broken. Each promise is broken by a mutation of its model: a
# mistake that the code could have had, which spin has to find, as that one.
#
# functions are called through ok and empty, and prefer single quotes for sed:
# shellcheck disable=SC2317,SC2016

cd "$(dirname "$0")/.." || exit 1
. tests/tap.sh

top=$PWD
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT

kernel=kmod/generation.pml
user=daemon/repair/repair.pml

# search DIRECTORY MODEL OPTIMIZATION: what it says is kept in "out" there. More states than fit
# into this memory are an error of the search.
search() (
	cd "$1" && spin -a "$2" && gcc "-O$3" -w -DSAFETY -DMEMLIM=3000 -o pan pan.c && ./pan -m10000 >out 2>&1
)

# holds MODEL: in every state that there is.
holds() {
	name=$(basename "$1" .pml)
	mkdir -p "$scratch/$name" && search "$scratch/$name" "$top/$1" 2
	out=$scratch/$name/out
	cat "$out"
	grep -q ', errors: 0$' "$out" && ! grep -qE 'not completed|too small|out of memory|MEMLIM' "$out"
}

figures() {
	sed -nE "s|^ *([0-9.e+]+ states), stored.*|# $1: \1|p; s|.*(depth reached [0-9]+),.*|# $1: \1|p" \
		"$scratch/$(basename "$1" .pml)/out" >&2
}

# What no order of steps gets to. A process that goes on as long as its machine has no end.
unreached() {
	out=$scratch/$(basename "$1" .pml)/out
	awk '/^unreached in/ { where = $NF } /^\t.*, state [0-9]+, / && !/"-end-"$/ { print where ": " $0 }' "$out"
	grep -q '^unreached in init' "$out" || echo 'there is no list'
}

# breaks MODEL PROMISE SED: the search ends at this promise.
breaks() {
	mutation=$scratch/mutation
	rm -rf "$mutation" && mkdir "$mutation" && sed -E "$3" "$1" >"$mutation/model.pml"
	if cmp -s "$1" "$mutation/model.pml"; then
		echo 'the mutation does not fit the model any more'
		return 1
	fi
	diff "$1" "$mutation/model.pml"
	search "$mutation" model.pml 1
	cat "$mutation/out"
	echo "$1 $2" >>"$scratch/broken"
	grep -qE "^pan:1: assertion violated $2 " "$mutation/out"
}

# Promises are the variables that begin as true.
without_mutation() {
	for model in "$kernel" "$user"; do
		sed -nE 's/^bool ([a-z_]+) = true;$/\1/p' "$model" | while read -r promise; do
			grep -qx "$model $promise" "$scratch/broken" || echo "$model: $promise"
		done
	done
}

ok "$kernel holds what it promises" holds "$kernel"
figures "$kernel"
empty 'and all of it is reached' unreached "$kernel"
ok "$user holds what it promises" holds "$user"
figures "$user"
empty 'and all of it is reached' unreached "$user"

# Each a mistake: the module ...
ok '... looks before it listens, and not after that' breaks $kernel no_change_lost '/listening = true;/{n;d}'
ok '... wakes before it publishes' breaks $kernel no_change_lost \
	'/^\t\tpublish\(\);/d; s/^\t\tvmgenc_waiters_wake\(\);/&\n\t\tpublish();/'
ok '... is polled, and queues whoever asks after it has looked' breaks $kernel no_change_lost \
	'/^proctype polls/,/^}/{/^\twait_in/d; s/^\t   vmgenc_record\(\);/&\n\t   wait_in(queue_of_file);/}'
ok '... is told while it settles, and forgets that afterwards' breaks $kernel no_change_lost \
	's/(d_step \{ queued ->) queued = false;/\1/; s/^(\t   d_step \{) (running = false)/\1 queued = false; \2/'
ok '... publishes before it reseeds' breaks $kernel no_early_wake \
	'/^\t   vmgenc_random_reseed/d; s/^\t\tpublish\(\);/&\n\t\tvmgenc_random_reseed();/'
ok '... takes another ID than the one with which it has reseeded' breaks $kernel no_early_wake \
	's/^\t   vmgenc_random_reseed\(\);/\t   if\n\t   :: first -> vmgenc_random_reseed()\n\t   :: else\n\t   fi;/'
ok '... takes half an ID, and does not wait for the other half' breaks $kernel no_torn_id 's/^\t\tbegun == whole/\t\tskip/'
ok '... counts a reseed as a change' breaks $kernel no_false_generation 's/changed = \(adopted .*/changed = adopted;/'
ok '... answers a call without a look at the memory' breaks $kernel no_stale_answer \
	'/^proctype calls/,/^}/{/vmgenc_wait_settled/d}'
ok '... believes an ID that hibernation has written back' breaks $kernel no_doubt_left 's/adopted && !doubt/adopted/'
ok '... is gone while an interrupt is handled' breaks $kernel nothing_after_unload 's/^\thandlers == 0;/\tskip;/'

# vmgend ...
ok '... forgets a change that comes during a run' breaks $user each_change_handled 's/:: else -> pending = true/:: else/'
ok '... records an ID as handled before its hooks have run' breaks $user each_change_handled \
	's/(guard_ended) && \(hook_ended \|\| guards_only\) -> finish/\1 -> finish/'
ok '... begins a run anew that it finds on record' breaks $user hooks_run_once 's/(hook_ended = )disk.hook_ended/\1false/'
ok '... starts hooks before the run is on record' breaks $user hooks_run_once \
	'/^inline launch_changed/,/^}/{s/;$//; s/^\trepair_save.*/\tskip/; s/^(\td_step.*|\trepair_ask.*)/\1;/}'
ok '... has the guardian record a change before the guard begins' breaks $user guards_wait_for_no_disk \
	's/^\tatomic \{ begun = x; start_guard/\t!disk_hangs;\n&/'
ok '... lifts whatever fence there is' breaks $user no_newer_guard_undone \
	'/^inline fence_lift/,/^}/s/:: fence <= x/:: true/'
ok '... has an older guard replace the fence of a newer one' breaks $user no_newer_guard_undone \
	'/^inline fence_set/,/^}/s/:: fence <= x/:: true/'
empty 'each promise has a mutation' without_mutation
tap_done
