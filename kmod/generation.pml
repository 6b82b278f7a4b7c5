/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copyright (C) the vmgen authors
 *
 * How a change travels through the module, as a model for spin(1): tests/t-model.sh tries every
 * order of these steps. A step is what others can see of the code, under the names that it has
 * there; it changes with the code.
 *
 * An ID is a number here, and both of its halves have it. The host writes the halves one after
 * the other. Every state of the model is one in which a snapshot can be taken: whoever starts
 * from it later finds another ID in memory, which is the host's next step.
 *
 * The kernel RNG is what has been mixed in (pool) and what it draws from (rng): clones differ by
 * the ID alone, so what is drawn tells them apart from the ID on that the last reseed had.
 *
 * Not in here: other devices than one, a VMClock, an ID that is all zeros, /dev/sysgenid, who
 * detected a change, errors of the reseed. Memory is sequentially consistent; what the barriers
 * do instead is said beside them in the code.
 */
#define CHANGES	2
#define LAST	(1 + CHANGES)
#define smaller(a, b)	(a < b -> a : b)

/*
 * What is promised; tests/t-model.sh has a mutation of this model for each. Each is true, and
 * spin names the one that is not.
 */
/* Of a change of which nobody is told the next call tells. */
bool no_change_lost = true;
/* The generation moves once for a change at most, and not without one. */
bool no_false_generation = true;
/* Whoever has seen a generation draws what no sibling draws. */
bool no_early_wake = true;
/* What looks at the memory knows of every change that was there when it was asked. */
bool no_stale_answer = true;
/*
 * The ID that is taken is whole if the host writes the second half within the pause of take(),
 * and if the ID before was settled when it began: torn() compares with that. If not, half an ID
 * may be taken for a change; the other half is the next one, at once.
 */
bool no_torn_id = true;
/* After hibernation there is a reseed, whatever the ID is. */
bool no_doubt_left = true;
/* Nobody queues work of a worker that is gone. */
bool nothing_after_unload = true;

inline promise(name, condition) {
	d_step { name = (condition); assert(name) }
}

/* --- The host ---------------------------------------------------------------------------- */

byte memory[2] = 1;
/* Of the host's IDs: the last whose first half is written, whose halves both are. */
byte begun = 1, whole = 1;
/* The ID before was not settled yet when the host began to write this one. */
bool hurried;
/* The last change of which somebody is told by one of these: */
byte told;
bool notify, timer_due, woken_up;

mtype = { INTERRUPTS, NOTIFIES, IS_POLLED, SLEEPS, HIBERNATES };
mtype machine;
mtype = { NOBODY, READS, POLLS, MAPS, MAPS_RAW, CALLS };
mtype reader;

/* --- The module: struct vmgenc ----------------------------------------------------------- */

byte settled[2];
byte generation = 1, page_generation = 1;
bool adopted, doubtful;
byte pool, rng;
/* The reseed that hibernation calls for. */
bool owed;
/* The oldest ID that the generation may stand for. */
byte stands_for;
bool lock;

/* The work of the kthread worker is queued, is running; no more is taken, it is gone. */
bool queued, running, cancelling, destroyed;
/* vmgenc_device_listen(); how many handlers are running; vmgenc_timer_init(); a file can be open */
bool listening, polling, may_open;
byte handlers;

/* waiters.c: in which queue the one reader waits, and whether it has been woken. */
mtype = { NOWHERE, PRIVILEGED, SETTLING, OTHERS };
mtype waits_in = NOWHERE;
bool woken, others_queued;

/* --- generation.c ------------------------------------------------------------------------ */

/* Takes no lock, so what is compared is of two moments, and each may be half written. */
inline vmgenc_differs() {
	d_step { a = memory[0]; b = memory[1] };
	d_step { differs = (a != settled[0] || b != settled[1]); a = 0; b = 0 }
}

inline queue_work() {
	promise(nothing_after_unload, !destroyed);
	queued = !cancelling
}

inline vmgenc_notice() {
	vmgenc_differs();
	if
	:: differs -> atomic { queue_work() }
	:: else
	fi
}

inline vmgenc_distrust() {
	d_step { doubtful = true; owed = true };
	atomic { queue_work() }
}

inline wake_queue(queue) {
	woken = (woken || waits_in == queue)
}

/* The others have a thread of their own. */
inline vmgenc_waiters_wake() {
	d_step { wake_queue(PRIVILEGED); wake_queue(SETTLING); others_queued = true }
}

/* random.c: half an ID tells no clones apart. */
inline vmgenc_random_reseed() {
	d_step {
		pool = (pool < smaller(id[0], id[1]) -> smaller(id[0], id[1]) : pool);
		rng = pool;
		owed = false
	}
}

inline take() {
	first = true;
	do
	:: id[0] = memory[0];
	   id[1] = memory[1];
	   vmgenc_random_reseed();
	   if
	   :: first && (id[0] == settled[0]) != (id[1] == settled[1]) ->
		/* usleep_range(): the host is faster. */
		begun == whole
	   :: else
	   fi;
	   first = false;
	   if
	   :: memory[0] == id[0] && memory[1] == id[1] -> break
	   :: else
	   fi
	od
}

inline move_generation() {
	d_step {
		generation++;
		stands_for = smaller(id[0], id[1]);
		/* What was adopted is generation 1, and was at least the first ID. */
		promise(no_false_generation, generation <= begun);
	}
	page_generation = generation
}

inline publish() {
	atomic {
		!lock -> lock = true;
		promise(no_torn_id, id[0] == id[1] || hurried);
		changed = (adopted && !(id[0] == settled[0] && id[1] == settled[1]));
		stands_for = (adopted -> stands_for : smaller(id[0], id[1]));
		adopted = true
	};
	if
	:: changed -> move_generation()
	:: else
	fi;
	settled[0] = id[0];
	d_step { settled[1] = id[1]; lock = false }
}

inline settle() {
	if
	:: adopted && !doubt -> vmgenc_differs()
	:: else -> differs = true
	fi;
	if
	:: differs ->
		take();
		publish();
		vmgenc_waiters_wake();
		/* Of a snapshot taken after the last comparison in take(). */
		vmgenc_notice()
	:: else ->
		vmgenc_waiters_wake()
	fi
}

proctype worker() {
	byte id[2], a, b;
	bool differs, changed, first, doubt;

end:	do
	:: d_step { queued -> queued = false; running = true; doubt = doubtful; doubtful = false };
	   settle();
	   d_step { running = false; id[0] = 0; id[1] = 0; a = 0; b = 0; differs = false; changed = false }
	:: destroyed -> break
	od
}

/* waiters.c: wake_others() */
proctype others_worker() {
end:	do
	:: d_step { others_queued -> others_queued = false; wake_queue(OTHERS) }
	od
}

/* --- Who tells the module: acpi.c, timer.c, power.c -------------------------------------- */

/*
 * The first to know, before the host goes on. Where the module does not listen, the interrupt is
 * lost for it, and so is the notification.
 */
inline handle_sci() {
	if
	:: atomic { listening -> handlers++ };
	   vmgenc_notice();
	   handlers--
	:: else
	fi
}

/* The in-tree driver compares for itself, and reseeds before or after. */
inline vmgenid_notify() {
	d_step {
		a = smaller(memory[0], memory[1]);
		pool = (pool < a -> a : pool);
		rng = pool;
		a = 0
	}
}

inline ours() {
	if
	:: atomic { listening -> handlers++ };
	   vmgenc_notice();
	   /* vmgenc_device_notified() waits: kthread_flush_work() */
	   !queued && !running;
	   handlers--
	:: else
	fi
}

proctype handle_notify() {
	byte a, b;
	bool differs;

end:	do
	:: atomic { notify -> notify = false };
	   if
	   :: vmgenid_notify(); ours()
	   :: ours(); vmgenid_notify()
	   fi
	od
}

/* The deferrable timer looks at some time after each change. */
proctype handle_timer() {
	byte a, b;
	bool differs;

end:	do
	:: atomic { timer_due && polling -> timer_due = false; handlers++ };
	   vmgenc_notice();
	   handlers--
	od
}

/* Of S3, or hibernation whose image held the old ID and was written over the new one. */
proctype handle_wake() {
	byte a, b;
	bool differs;

end:	do
	:: atomic { woken_up && listening -> woken_up = false; handlers++ };
	   if
	   :: machine == HIBERNATES -> vmgenc_distrust()
	   :: else -> vmgenc_notice()
	   fi;
	   handlers--
	:: atomic { woken_up && !listening -> woken_up = false }
	od
}

inline write_id() {
	d_step {
		hurried = (settled[0] != begun || settled[1] != begun);
		begun++;
		memory[0] = begun
	};
	d_step { memory[1] = begun; whole = begun }
}

inline tell() {
	d_step {
		told = whole;
		notify = (machine == NOTIFIES);
		timer_due = (machine == IS_POLLED);
		woken_up = (machine == SLEEPS || machine == HIBERNATES)
	};
	if
	:: machine == INTERRUPTS -> handle_sci()
	:: else
	fi
}

/*
 * A change of which nobody is told is found by the next call that looks. What comes while the
 * module is loaded does not depend on who asks later.
 */
proctype host() {
	byte a, b;
	bool differs;

	may_open || reader == NOBODY;
	do
	:: begun < LAST && machine != HIBERNATES ->
		write_id();
		if
		:: tell()
		:: skip
		fi
	/* Nothing has changed. */
	:: reader == NOBODY -> tell(); break
	:: break
	od
}

/* --- Who asks: chardev.c, sysctl.c ------------------------------------------------------- */

/* What the reader has seen last. */
byte seen = 1;
bool privileged;

#define queue_of_file	(privileged -> PRIVILEGED : OTHERS)
#define queue_to_settle	(privileged -> PRIVILEGED : SETTLING)

/* prepare_to_wait() or poll_wait(): before the condition is looked at */
inline wait_in(queue) {
	d_step { waits_in = queue; woken = false }
}

inline vmgenc_wait_settled() {
	do
	:: wait_in(queue_to_settle);
	   vmgenc_notice();
	   if
	   :: differs -> woken
	   :: else -> waits_in = NOWHERE; break
	   fi
	od
}

inline vmgenc_record() {
	d_step { !lock -> record = generation; stood_for = stands_for }
}

inline draw(oldest) {
	promise(no_early_wake, rng >= oldest)
}

/* A blocking read(2). The first one, which returns at once, is over. */
proctype reads() {
	byte record, stood_for, a, b;
	bool differs;

	may_open;
	do
	:: vmgenc_wait_settled();
	   vmgenc_record();
	   if
	   :: record != seen ->
		seen = record;
		draw(stood_for)
	   :: else ->
		do
		:: wait_in(queue_of_file);
		   vmgenc_record();
		   vmgenc_differs();
		   if
		   :: record != seen || differs -> waits_in = NOWHERE; break
		   :: else
		   fi;
end_asleep:	   woken
		od
	   fi;
	   atomic { record = 0; stood_for = 0; differs = false }
	od
}

/* poll(2), then a read(2) that does not block. */
proctype polls() {
	byte record, stood_for, a, b;
	bool differs;

	may_open;
	wait_in(queue_of_file);
	do
	:: vmgenc_notice();
	   vmgenc_record();
	   if
	   :: !differs && record != seen ->
		seen = record;
		draw(stood_for)
	   :: else ->
		d_step { record = 0; stood_for = 0 };
end_asleep:	d_step { woken -> woken = false }
	   fi
	od
}

/* Page 0 alone, without a system call. */
proctype maps() {
	byte stood_for;

	may_open;
end:	do
	:: d_step { page_generation != seen -> seen = page_generation; stood_for = stands_for };
	   draw(stood_for)
	od
}

/* vmgen_settle() of libvmgen: page 1, and ioctl WAIT when it has moved. */
proctype maps_raw() {
	byte known[2], a, b, asked;
	bool differs;

	may_open;
	d_step { known[0] = 1; known[1] = 1 };
end:	do
	:: d_step {
		memory[0] != known[0] || memory[1] != known[1] ->
		known[0] = memory[0];
		known[1] = memory[1];
		asked = whole
	   };
	   vmgenc_wait_settled();
	   draw(asked);
	   asked = 0
	od
}

/* ioctl INFO, sysctl dev.vmgenc.0.generation, a read(2) that does not block. */
proctype calls() {
	byte record, stood_for, asked, a, b;
	bool differs;

	may_open;
	do
	:: asked = whole;
	   vmgenc_wait_settled();
	   vmgenc_record();
	   promise(no_stale_answer, stood_for >= asked);
	   draw(stood_for);
	   d_step { record = 0; stood_for = 0; asked = 0 }
	:: break
	od
}

/* --- main.c ------------------------------------------------------------------------------ */

/* vmgenc_init(), at any moment of the host's. */
inline load() {
	/* vmgenc_generation_init(): the first ID is adopted. */
	queued = true;
	!queued && !running;
	/* vmgenc_device_listen() */
	listening = true;
	vmgenc_notice();
	polling = true;
	may_open = true
}

/* vmgenc_exit() */
inline unload() {
	may_open = false;
	/* vmgenc_timer_exit() */
	polling = false;
	/* vmgenc_device_ignore() and vmgenc_power_exit(): no handler is running any more. */
	listening = false;
	handlers == 0;
	/* vmgenc_generation_exit() */
	d_step { cancelling = true; queued = false };
	!running;
	destroyed = true
}

/* Nothing moves any more by itself. */
inline check() {
	promise(no_change_lost, settled[0] >= told && settled[1] >= told);
	promise(no_change_lost, reader == NOBODY || reader == MAPS_RAW || reader == CALLS ||
		seen == generation);
	promise(no_doubt_left, !owed)
}

/* An open file keeps the module loaded. */
proctype module() {
	byte a, b;
	bool differs;

	load();
	if
	:: skip -> timeout; check()
	:: reader == NOBODY -> unload()
	fi
}

/*
 * Who tells and who asks meet in the worker alone, so each of those is tried beside all of these,
 * and each of these beside one of those.
 */
init {
	atomic {
		run host();
		run worker();
		run module();
		if
		:: reader = NOBODY;
		   if
		   :: machine = HIBERNATES; run handle_wake()
		   :: machine = INTERRUPTS
		   fi
		:: machine = INTERRUPTS;
		   if
		   :: reader = CALLS; run calls()
		   :: reader = POLLS; privileged = true; run polls()
		   :: reader = READS; run others_worker(); run reads()
		   :: reader = MAPS_RAW; privileged = true; run maps_raw()
		   fi
		:: reader = MAPS; run maps();
		   machine = NOTIFIES; run handle_notify()
		:: reader = NOBODY;
		   if
		   :: machine = NOTIFIES; run handle_notify()
		   :: machine = IS_POLLED; run handle_timer()
		   :: machine = SLEEPS; run handle_wake()
		   fi
		fi
	}
}
