/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * How a change travels through vmgend, as a model for spin(1): tests/t-model.sh tries every order
 * of these steps, and ends vmgend between any two of them. A step is what others can see of the
 * code, under the names that it has there; it changes with the code.
 *
 * An ID is a number here, and the generation is the same number. There are one guard, which
 * fences, and one hook of the bands from 20 on, which lifts a fence as those of band 50 do.
 *
 * Not in here: a snapshot of memory and disk together, because that is a state of this model that
 * goes on with another ID; drills, intents and policies; keepers that are killed, hooks that fail;
 * whoever holds the lock of fences for longer than a guard waits for it (FENCE_LOCK_MS).
 */
#define LAST	3
#define greater(a, b)	(a > b -> a : b)

/*
 * What is promised; tests/t-model.sh has a mutation of this model for each. Each is true, and
 * spin names the one that is not.
 */
/*
 * When all is quiet the present ID is on record as handled, and its guard has run. So has its hook,
 * if vmgend knows that the system was up when it changed. Of IDs that follow each other during a
 * run this is the last one.
 */
bool each_change_handled = true;
/* For one ID, unless what is on record of it was lost, or went back with the disk. */
bool hooks_run_once = true;
/*
 * Where there is a guardian its guard begins, whether or not the disk answers. Of a change between
 * the start of a guardian and its first look vmgend has to tell it, which may wait for the disk.
 */
bool guards_wait_for_no_disk = true;
/* A fence belongs to the newest generation that has had a guard, until that one's hook lifts it. */
bool no_newer_guard_undone = true;

inline promise(name, condition) {
	d_step { name = (condition); assert(name) }
}

/* The ID that the module shows, and whether it has changed since the module was loaded. */
byte id = 1, last = 2;
bool changed_here;
/* The power is off; vmgend, its guardian is killed; the disk does not answer any more. */
bool off, kill_vmgend, kill_guardian, disk_hangs;
byte mishaps = 2;
bool vmgend_lives, guardian_lives;
/* The ID of the first look of the guardian, if vmgend still spoke of the one before. */
byte content;

/* state.json: all zeros if it cannot be read. guards_only: of the event */
typedef state {
	byte handled, unfinished;
	bool guards_only, guard_ended, hook_ended, other_boot
};
state disk;

/* Keepers that live, and hold the lock of the run: of the guard for each ID, of the hook. */
bool guard_runs[LAST + 1];
byte hook_runs;
#define no_keeper	(!guard_runs[1] && !guard_runs[2] && !guard_runs[3] && hook_runs == 0)
/* Of the guard, the newest ID: it began, has done its work; turn.c: who waits, whose turn it is. */
byte guarded = 1, guard_done, wants, turn;
/* What vmgend asks of the guardian, 0 for nothing, and what that tells last: guard/message.h */
chan orders = [4] of { byte };
byte over;
/* 0: not fenced; or the generation */
byte fence;
/* Of the hook: for which ID it began last, for which it has ended; what was on record is gone. */
byte ran = 1, hook_over = 1;
bool record_gone;
/* Handled by guards alone. */
byte without_hook;

#define recorded	(disk.handled == ran || (disk.unfinished == ran && disk.hook_ended))

/* --- run/keeper.c ------------------------------------------------------------------------ */

/* fence_set(): one that is newer stays. */
inline fence_set(x) {
	d_step {
		!disk_hangs ->
		if
		:: fence <= x ->
			promise(no_newer_guard_undone, fence <= x);
			fence = x
		:: else
		fi
	}
}

/*
 * keep_guard(): whoever waits for the turn ends who has it, who may hang with the disk. An older
 * one that is late does so as well; vmgend makes up for that, because there is no result then.
 */
proctype guard(byte x) {
end:	do
	:: guard_runs[x] ->
		{
			wants = x;
			d_step {
				turn == 0 || disk_hangs ->
				turn = x;
				wants = (wants == x -> 0 : wants);
				guarded = greater(guarded, x)
			};
			fence_set(x);
			d_step { turn = (turn == x -> 0 : turn); guard_done = greater(guard_done, x) };
			/* report_guard(): by another process, for which only the next vmgend waits */
			d_step {
				!disk_hangs ->
				disk.guard_ended = (disk.guard_ended || disk.unfinished == x);
				guard_runs[x] = false
			}
		} unless {
			atomic {
				off || (turn == x && wants != 0 && wants != x) ->
				turn = (turn == x -> 0 : turn);
				wants = (off -> 0 : wants);
				guard_runs[x] = false
			}
		}
	od
}

inline start_guard(x) {
	d_step { guard_runs[x] = true; guard_done = (guard_done == x -> 0 : guard_done) }
}

/* fence_lift(), by vmgenctl fence, which holds the lock */
inline fence_lift(x) {
	if
	:: fence <= x ->
		promise(no_newer_guard_undone, fence <= x);
		fence = 0
	:: else
	fi
}

/* keep(): what the hook has done is on disk before its end is told. */
proctype hook() {
end:	do
	:: hook_runs != 0 ->
		{
			d_step {
				!disk_hangs ->
				promise(hooks_run_once, ran != hook_runs || record_gone);
				ran = hook_runs;
				record_gone = (record_gone && disk.unfinished != hook_runs);
				fence_lift(hook_runs)
			};
			d_step {
				!disk_hangs ->
				disk.hook_ended = (disk.hook_ended || disk.unfinished == hook_runs)
			};
			d_step { hook_over = hook_runs; hook_runs = 0 }
		} unless {
			off -> hook_runs = 0
		}
	od
}

/* --- guard/vigil.c ----------------------------------------------------------------------- */

inline release(x) {
	atomic { begun = x; start_guard(x) }
}

/* It has a guard ready at any time: hold() asks the disk for none that has not changed. */
proctype guardian() {
	byte seen, begun, order;
	bool waits, asked;

end_gone:
	do
	:: guardian_lives ->
		atomic { seen = id; waits = true };
		{
end:			do
			/* on_witness() */
			:: id != seen ->
				seen = id;
				if
				:: begun != seen -> release(seen)
				:: else
				fi
			/* on_daemon(); an order for an older ID than that of the guards is void. */
			:: atomic {
				orders?order ->
				waits = false;
				asked = (order != 0 && order >= begun);
				content = (order != seen && begun != seen -> seen : content)
			   };
				if
				:: order > begun -> release(order)
				:: else
				fi;
				order = 0
			/* on_time(): no word from vmgend for GUARDIAN_PATIENCE_MS */
			:: waits -> atomic { waits = false; start_guard(seen) }
			/* tell_results() */
			:: asked && (guard_done >= begun || !guard_runs[begun]) ->
				atomic { over = begun; asked = false }
			:: !vmgend_lives -> break
			od
		} unless {
			off || kill_guardian
		};
		atomic {
			kill_guardian = false;
			guardian_lives = false;
			content = 0; seen = 0; begun = 0; order = 0; asked = false
		}
	od
}

/* --- main.c, repair.c, startup.c --------------------------------------------------------- */

inline guardian_start() {
	atomic {
		do
		:: orders?_
		:: empty(orders) -> break
		od;
		guardian_lives = true;
		over = 0
	}
}

/* guardian_request(): a guardian may end at any time. */
inline repair_ask_guardian(x) {
	atomic { orders!x; pending_guard = (x != 0 && guardian_lives) }
}

/* policy_save(): the record as a whole, as vmgend knows it */
inline repair_save(x, done) {
	d_step {
		!disk_hangs ->
		disk.handled = done;
		disk.unfinished = x;
		disk.guards_only = (x != 0 && guards_only);
		disk.guard_ended = (x != 0 && guard_ended);
		disk.hook_ended = (x != 0 && hook_ended);
		disk.other_boot = false
	}
}

inline launch_changed() {
	d_step { current = seen; guards_only = false; guard_ended = false; hook_ended = false };
	repair_ask_guardian(current);
	repair_save(current, handled)
}

/* sighting_decide(): of a record that cannot be read the event is unknown. */
inline begin() {
	d_step {
		!disk_hangs ->
		handled = disk.handled;
		if
		:: disk.unfinished == seen ->
			current = seen;
			guards_only = (disk.guards_only || (disk.other_boot && !changed_here));
			guard_ended = disk.guard_ended;
			hook_ended = disk.hook_ended
		:: disk.unfinished == 0 && handled == seen
		:: else ->
			current = seen;
			guards_only = ((disk.other_boot && !changed_here) || (handled == 0 && disk.unfinished == 0))
		fi
	};
	repair_ask_guardian(current);
	repair_save(current, handled)
}

/* Before the keepers of an earlier vmgend have ended. */
inline wait_for_hooks() {
	atomic {
		!disk_hangs ->
		if
		:: disk.unfinished == seen || (disk.unfinished == 0 && disk.handled == seen) -> orders!0
		:: else -> orders!seen
		fi
	};
	no_keeper
}

inline finish() {
	d_step { handled = current; without_hook = (guards_only -> current : without_hook) };
	repair_save(0, handled);
	current = 0
}

proctype vmgend() {
	byte seen, handled, current, own_guard, own_hook;
	bool guards_only, guard_ended, hook_ended, pending, pending_guard;

end_gone:
	do
	:: vmgend_lives ->
		{
			guardian_start();
			seen = id;
			if
			:: no_keeper
			:: !no_keeper -> wait_for_hooks()
			fi;
			begin();
end:			do
			/* repair_change() */
			:: id != seen ->
				seen = id;
				if
				:: current == 0 -> launch_changed()
				:: else -> pending = true
				fi
			/* repair_hear(): GUARDIAN_OVER */
			:: pending_guard && over == current ->
				atomic { pending_guard = false; guard_ended = (guard_done >= current) };
				repair_save(current, handled)
			/* lose_guardian(), repair_take_over() and renew_guardian() */
			:: !guardian_lives ->
				pending_guard = false;
				guardian_start();
				orders!0
			/* advance_run(): what has ended, what is next */
			:: own_guard != 0 && (guard_done >= own_guard || !guard_runs[own_guard]) ->
				atomic { guard_ended = (guard_done >= own_guard); own_guard = 0 }
			:: own_hook != 0 && hook_over == own_hook -> atomic { own_hook = 0; hook_ended = true }
			:: current != 0 && !pending && !pending_guard && own_guard == 0 && own_hook == 0 ->
				if
				:: !guard_ended -> atomic { own_guard = current; start_guard(current) }
				:: guard_ended && !hook_ended && !guards_only ->
					atomic { own_hook = current; hook_over = 0; hook_runs = current }
				:: guard_ended && (hook_ended || guards_only) -> finish()
				fi
			/* repair_resume() */
			:: pending && own_guard == 0 && own_hook == 0 ->
				pending = false;
				launch_changed()
			od
		} unless {
			off || kill_vmgend
		};
		atomic {
			vmgend_lives = false;
			seen = 0; handled = 0; current = 0; own_guard = 0; own_hook = 0;
			guards_only = false; guard_ended = false; hook_ended = false;
			pending = false; pending_guard = false
		}
	od
}

/* --- The host, the power, and the service manager ---------------------------------------- */

/* To the first ID; of an unfinished run to a record that cannot be read. */
inline disk_goes_back() {
	if
	:: skip
	:: d_step {
		last == 2 ->
		disk.handled = (disk.handled > 0 && disk.unfinished == 0 -> 1 : 0);
		record_gone = true;
		disk.unfinished = 0;
		disk.guards_only = false;
		disk.guard_ended = false;
		disk.hook_ended = false
	   }
	fi
}

/* Its guardian ends with it, and the service manager starts the next one. */
inline restart_vmgend() {
	kill_vmgend = true;
	!vmgend_lives && !guardian_lives;
	disk_goes_back();
	d_step { kill_vmgend = false; vmgend_lives = true }
}

inline reboot() {
	off = true;
	!vmgend_lives && !guardian_lives && no_keeper;
	d_step { record_gone = (record_gone || !recorded); changed_here = false; disk.other_boot = true };
	disk_goes_back();
	if
	:: id < last -> id++
	:: skip
	fi;
	d_step { off = false; vmgend_lives = true }
}

/* Nothing moves any more by itself. */
inline check() {
	promise(each_change_handled, disk_hangs || (disk.handled == id && disk.unfinished == 0));
	promise(each_change_handled, disk_hangs || guarded == id);
	promise(each_change_handled, disk_hangs || ran == id || without_hook == id);
	promise(guards_wait_for_no_disk, guarded == id || !guardian_lives || content == id)
}

/*
 * Two mishaps around one change; or one around two, of which the first came while vmgend was not
 * running. There the disk does not go back.
 */
init {
	disk.handled = 1;
	if
	:: d_step { id = 2; changed_here = true; last = 3; mishaps = 1 }
	:: skip
	fi;
	vmgend_lives = true;
	atomic {
		run vmgend();
		run guardian();
		run guard(1);
		run guard(2);
		run guard(3);
		run hook()
	};
	do
	:: id < last -> d_step { id++; changed_here = true }
	:: mishaps > 0 && !disk_hangs ->
		mishaps--;
		if
		:: restart_vmgend()
		:: reboot()
		:: guardian_lives -> kill_guardian = true
		:: disk_hangs = true
		fi
	:: break
	od;
	timeout;
	check();
	/* Whoever waits for a disk that does not answer. */
	off = true
}
