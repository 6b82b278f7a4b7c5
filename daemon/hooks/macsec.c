/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * 10-macsec: interfaces of MACsec stop sending under the keys and packet numbers that other
 * clones have as well, and the daemon that has agreed on those is stopped. 50-macsec has it
 * agree on others. Keys that were set by hand, and that nothing replaces, are deleted by
 * 10-macsec-manual, which is disabled as shipped: who comes in by them is locked out.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/deadline.h"
#include "base/text.h"
#include "keys/netns.h"
#include "keys/place.h"
#include "keys/secy.h"
#include "keys/standby.h"
#include "supplicant.h"

enum {
	NOT_APPLICABLE = 77,
	/* Who was not heard of for 6 seconds is gone for the others (MKA Life Time). */
	SILENCE_MS = 8000,
	AGREE_MS = 30000,
};

struct work {
	/* manual: to see to keys that nothing replaces, and not to those that a daemon does. */
	bool drill, quiet, manual;
	/* Held when they are needed first. */
	bool looked;
	struct supplicants supplicants;
	/* healing: interfaces of its own network name space; waiting: those without a key. */
	unsigned int done, failed, healing, waiting;
};

static const struct netns own_netns = { .name = "" };

/* ---- what it says ---------------------------------------------------------------- */

static const char *in(const struct netns *netns)
{
	return *netns->name ? ", network name space " : "";
}

/* Ends a line, with a command on an interface if one can be told. */
static void end_line(const struct netns *netns, const char *name, const char *text,
		     const char *verb, const char *rest)
{
	char buffer[PLACE_COMMAND_SIZE];
	const char *command = text_is_plain(name) ? place_command(netns, buffer) : NULL;

	if (command)
		printf("%s%s%s %s %s\n", text, command, verb, name, rest);
	else
		putchar('\n');
}

/* What is in a name space of others is told, and never makes the hook fail. */
static void report(struct work *work, const struct netns *netns, const char *name,
		   const char *what, const char *why)
{
	work->failed += !netns->foreign;
	if (work->quiet)
		return;
	text_print(stdout, "%s%s%s: %s%s", name, in(netns), netns->name, what, why);
	end_line(netns, name, "; to stop it: ", "ip link set", "down");
}

static void complain(struct work *work, const struct netns *netns, const char *what, int error)
{
	work->failed += !netns->foreign;
	text_print(stdout, "MACsec%s%s: %s%s%s\n", in(netns), netns->name, what, error ? ": " : "",
		   error ? strerror(-error) : "");
}

/* ---- keys ---------------------------------------------------------------------------- */

static void forget(struct work *work, struct secy_socket *socket, const struct netns *netns,
		   const struct secy *interface)
{
	const char *name = interface->name;
	int r;

	work->done += !netns->foreign;
	if (work->drill) {
		text_print(stdout, "%s%s%s: would delete its keys\n", name, in(netns), netns->name);
		return;
	}
	r = secy_forget(socket, interface);
	if (r) {
		report(work, netns, name, "its keys cannot be deleted: ", strerror(-r));
		return;
	}
	if (work->quiet || !interface->keys)
		return;
	text_print(stdout, "%s%s%s: sends nothing until it has new keys", name, in(netns),
		   netns->name);
	end_line(netns, work->manual ? name : "", "; give each to its other ends as well: ",
		 "ip macsec add", "tx sa 0 pn 1 on key ID KEY");
}

static void leave(struct work *work, const struct netns *netns, const struct secy *interface)
{
	if (work->quiet)
		return;
	if (interface->untold)
		report(work, netns, interface->name,
		       "it has so many senders that the kernel does not tell its keys, which stay in use unless 10-macsec-manual deletes them",
		       "");
	else
		text_print(stdout, "%s%s%s: its keys, which nothing replaces, are left to 10-macsec-manual\n",
			   interface->name, in(netns), netns->name);
}

/*
 * Of a daemon also one without a key: it may be about to give it one. What is left is named at
 * last.
 */
static void see_to(struct work *work, struct secy_socket *socket, const struct netns *netns,
		   const struct secy_list *list)
{
	const struct secy *interface;
	bool mine;
	size_t i;

	for (i = 0; i < 2 * list->n; i++) {
		interface = &list->interfaces[i % list->n];
		mine = interface->heals != work->manual;
		if (mine != (i < list->n) || !(interface->heals || interface->keys))
			continue;
		if (mine)
			forget(work, socket, netns, interface);
		else if (!interface->heals)
			leave(work, netns, interface);
	}
}

/*
 * Others than the system's own wpa_supplicant, and those in other name spaces, 50-macsec
 * cannot have agree on new keys, so what they have agreed on counts as set by hand.
 */
static void find_healing(struct work *work, struct secy_list *list)
{
	size_t i, n = 0;
	int r = secy_listen(list);

	if (r || list->more_listeners)
		complain(work, &own_netns, "who listens cannot be told", r ? r : -E2BIG);
	for (i = 0; i < list->n; i++)
		n += secy_perhaps_by_mka(&list->interfaces[i]);
	if (n && !work->looked) {
		work->looked = true;
		r = supplicants_find(&work->supplicants);
		if (r && r != -ENOENT)
			complain(work, &own_netns, SUPPLICANT " is not trusted", r);
	}
	if (n)
		supplicants_match(&work->supplicants, list);
	work->healing = work->waiting = 0;
	for (i = 0; i < list->n; i++) {
		work->healing += list->interfaces[i].heals;
		work->waiting += list->interfaces[i].heals && !list->interfaces[i].keys;
	}
}

static void visit(const struct netns *netns, void *context)
{
	struct work *work = context;
	struct secy_list list;
	struct secy_socket socket;
	int r = secy_open(&socket);

	if (r == -ENOENT || r == -EPROTONOSUPPORT)
		return;
	if (!r) {
		r = secy_list(&socket, &list);
		if (!r) {
			if (!*netns->name)
				find_healing(work, &list);
			see_to(work, &socket, netns, &list);
			if (list.more)
				complain(work, netns, "there are more interfaces than are looked at", 0);
			secy_free(&list);
		}
		secy_close(&socket);
	}
	if (r)
		complain(work, netns, "the kernel does not tell its interfaces", r);
}

/* ---- 10-macsec, 10-macsec-manual ------------------------------------------------------- */

static void visit_other(const struct netns *netns, void *context)
{
	if (*netns->name)
		visit(netns, context);
}

static void missed(const struct netns *netns, int error, void *context)
{
	struct work *work = context;

	work->failed += !netns->foreign;
	text_print(stdout, "network name space %s: not looked at: %s\n", netns->name,
		   place_reason(error));
}

static void walk(struct work *work)
{
	const struct netns_visitor visitor = {
		.visit = visit_other, .missed = missed, .context = work,
	};
	int r = netns_walk(NETNS_WALK_MS, &visitor);

	if (r) {
		work->failed++;
		printf("not all network name spaces were looked at: %s\n", place_reason(r));
	}
}

/* It has keys from before as well, and may be about to give one to the kernel. */
static void stop_supplicants(struct work *work)
{
	const char *generation = getenv("VMGEN_GENERATION");
	unsigned int done = work->done;
	int r = generation ? supplicants_note(strtoull(generation, NULL, 10)) : 0;

	work->failed += supplicants_stop(&work->supplicants);
	work->quiet = true;
	visit(&own_netns, work);
	work->quiet = false;
	work->done = done;
	if (r)
		complain(work, &own_netns, "cannot note that wpa_supplicant is stopped", r);
}

/* Others make name spaces, so a look at all of them comes last. */
static int stop(bool drill, bool manual)
{
	struct work work = { .drill = drill, .manual = manual };

	visit(&own_netns, &work);
	if (work.healing && !manual && !drill)
		stop_supplicants(&work);
	walk(&work);
	supplicants_release(&work.supplicants);
	if (work.failed)
		return EXIT_FAILURE;
	if (work.done)
		return EXIT_SUCCESS;
	puts(manual ? "no interface of MACsec has keys that nothing replaces" :
		      "no interface of MACsec has keys of a daemon");
	return NOT_APPLICABLE;
}

/* ---- 50-macsec --------------------------------------------------------------------------- */

static volatile sig_atomic_t is_ended;

static void end(int number)
{
	is_ended = number;
}

static void look(struct work *work, bool say)
{
	struct secy_socket socket;
	struct secy_list list;
	size_t i;
	int r = secy_open(&socket);

	work->healing = work->waiting = 0;
	if (r == -ENOENT || r == -EPROTONOSUPPORT)
		return;
	if (!r) {
		r = secy_list(&socket, &list);
		secy_close(&socket);
	}
	if (r) {
		complain(work, &own_netns, "the kernel does not tell its interfaces", r);
		return;
	}
	find_healing(work, &list);
	for (i = 0; say && i < list.n; i++)
		if (list.interfaces[i].heals && !list.interfaces[i].keys)
			text_print(stdout, "%s has no new keys yet: look after its other end, or restart what runs " SUPPLICANT "\n",
				   list.interfaces[i].name);
	secy_free(&list);
}

static bool is_superseded(uint64_t generation)
{
	return supplicants_generation() > generation;
}

/* Waits until there are keys, if that is wanted. */
static void wait_for(struct work *work, uint64_t generation, int ms, bool keys)
{
	const struct timespec pause = { .tv_nsec = 200000000 };
	int64_t deadline = deadline_in(ms);

	while (!is_ended && !is_superseded(generation) && deadline_left(deadline)) {
		nanosleep(&pause, NULL);
		if (!keys)
			continue;
		/* Somebody may have started it again. */
		supplicants_release(&work->supplicants);
		(void)supplicants_find(&work->supplicants);
		look(work, false);
		if (!work->waiting || work->failed)
			return;
	}
}

/* In no case does one of them stay stopped, unless a newer guard has done that. */
static void go_on(struct work *work, uint64_t generation)
{
	if (is_superseded(generation))
		return;
	work->failed += supplicants_continue(&work->supplicants);
	/* It may have done so in between. */
	if (is_superseded(generation))
		supplicants_stop(&work->supplicants);
}

static int tell(struct work *work, uint64_t generation, bool agrees)
{
	if (is_superseded(generation)) {
		puts("a newer change has stopped wpa_supplicant again, and its 50-macsec continues it");
		return EXIT_SUCCESS;
	}
	if (is_ended)
		puts("it was to end before new keys were agreed on");
	else
		look(work, true);
	if (is_ended || work->failed || work->waiting)
		return EXIT_FAILURE;
	if (agrees && !work->healing) {
		puts("no wpa_supplicant is left to agree on new keys: restart what runs it");
		return EXIT_FAILURE;
	}
	puts(agrees ? "new keys are agreed on" : "wpa_supplicant continues");
	return EXIT_SUCCESS;
}

/*
 * A daemon that was silent for so long is gone for its other ends, and they for it, so they
 * begin a new session. To start it again would do the same, if something knew how.
 */
static int agree_anew(struct work *work, uint64_t generation)
{
	const struct sigaction action = { .sa_handler = end };
	const bool agrees = work->waiting;

	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	work->failed += supplicants_stop(&work->supplicants);
	wait_for(work, generation, SILENCE_MS, false);
	if (!is_ended && !is_superseded(generation))
		visit(&own_netns, work);
	go_on(work, generation);
	if (agrees && !work->failed)
		wait_for(work, generation, AGREE_MS, true);
	return tell(work, generation, agrees);
}

static int agree(bool drill)
{
	const char *text = getenv("VMGEN_GENERATION");
	uint64_t generation = text ? strtoull(text, NULL, 10) : supplicants_generation();
	struct work work = { .quiet = true, .looked = true };
	int r, status;

	if (drill)
		return NOT_APPLICABLE;
	r = supplicants_find(&work.supplicants);
	if (r && r != -ENOENT)
		complain(&work, &own_netns, SUPPLICANT " is not trusted", r);
	look(&work, false);
	if (work.waiting || supplicants_count_stopped(&work.supplicants))
		status = is_superseded(generation) ? tell(&work, generation, false) :
						     agree_anew(&work, generation);
	else
		status = work.failed ? EXIT_FAILURE : NOT_APPLICABLE;
	supplicants_release(&work.supplicants);
	return status;
}

int main(int argc, char **argv)
{
	const char *name = argc && strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : "";
	const char *event;
	bool drill;
	int r = standby_wait();

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (r == -ENODATA)
		return EXIT_SUCCESS;
	if (r) {
		printf("cannot stand by: %s\n", strerror(-r));
		return EXIT_FAILURE;
	}
	event = getenv("VMGEN_EVENT");
	drill = event && !strcmp(event, "test");
	if (!drill && (!event || strcmp(event, "changed")))
		return NOT_APPLICABLE;
	return strncmp(name, "50-", 3) ? stop(drill, strstr(name, "-manual")) : agree(drill);
}
