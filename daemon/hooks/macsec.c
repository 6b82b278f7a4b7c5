/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * 10-macsec: interfaces of MACsec stop sending under the keys and packet numbers that other
 * clones have as well, and the daemon that has agreed on those is stopped. 50-macsec has it
 * agree on others. Keys that were given by hand, and that nothing replaces, are deleted by
 * 10-macsec-manual, which is disabled as shipped: who comes in by them is locked out.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/deadline.h"
#include "base/text.h"
#include "candidate.h"
#include "keys/netns.h"
#include "keys/place.h"
#include "keys/secy.h"
#include "keys/standby.h"

#define DAEMON	"/sbin/wpa_supplicant"

enum {
	NOT_APPLICABLE = 77,
	WALK_MS = 5000,
	/* Who was not heard of for 6 seconds is gone for the others (MKA Life Time). */
	LIFE_SECONDS = 8,
	AGREE_MS = 30000,
};

struct work {
	/* manual: to see to keys that nothing replaces, and not to those that a daemon does. */
	bool drill, quiet, manual;
	unsigned int done, failed;
};

static const char *in(const char *netns)
{
	return *netns ? ", network name space " : "";
}

static void report(struct work *work, const char *netns, const char *name, int error)
{
	work->failed++;
	text_print(stdout, "%s%s%s: its keys cannot be deleted: %s; to stop it: ip link set %s down\n",
		   name, in(netns), netns, strerror(-error), name);
}

static void forget(struct work *work, struct secy_socket *socket, const char *netns,
		   const struct secy *interface)
{
	int r;

	work->done++;
	if (work->drill) {
		text_print(stdout, "%s%s%s: would delete its keys\n", interface->name, in(netns),
			   netns);
		return;
	}
	r = secy_forget(socket, interface);
	if (r) {
		report(work, netns, interface->name, r);
		return;
	}
	if (work->quiet || !interface->keys)
		return;
	text_print(stdout, "%s%s%s: sends nothing until it has new keys\n", interface->name,
		   in(netns), netns);
	if (work->manual)
		text_print(stdout, "%s: give each to its other ends as well: ip macsec add %s tx sa 0 pn 1 on key ID KEY\n",
			   interface->name, interface->name);
}

static void leave(const struct work *work, const char *netns, const struct secy *interface)
{
	if (!work->quiet)
		text_print(stdout, "%s%s%s: its keys, which nothing replaces, are left to 10-macsec-manual\n",
			   interface->name, in(netns), netns);
}

/*
 * Of MKA also one without a key: its daemon may be about to give it one. In other network name
 * spaces 50-macsec starts no daemon, so nothing replaces a key there either. What is left is
 * named at last.
 */
static void see_to(struct work *work, struct secy_socket *socket, const char *netns,
		   const struct secy_list *list)
{
	const struct secy *interface;
	bool heals, own;
	size_t i;

	for (i = 0; i < 2 * list->n; i++) {
		interface = &list->interfaces[i % list->n];
		heals = !*netns && secy_by_mka(interface);
		own = heals != work->manual;
		if (own != (i < list->n) || !(heals || interface->keys))
			continue;
		if (own)
			forget(work, socket, netns, interface);
		else if (!heals)
			leave(work, netns, interface);
	}
}

static void visit(const struct netns *where, void *context)
{
	struct work *work = context;
	const char *netns = where->name;
	struct secy_list list;
	struct secy_socket socket;
	int r = secy_open(&socket);

	if (r == -ENOENT || r == -EPROTONOSUPPORT)
		return;
	if (!r) {
		r = secy_list(&socket, &list);
		if (!r) {
			see_to(work, &socket, netns, &list);
			secy_free(&list);
		}
		secy_close(&socket);
	}
	if (r) {
		work->failed++;
		text_print(stdout, "MACsec%s%s: the kernel does not tell its interfaces: %s\n",
			   in(netns), netns, strerror(-r));
	}
}

static void missed(const struct netns *netns, int error, void *context)
{
	struct work *work = context;

	work->failed++;
	text_print(stdout, "network name space %s: not looked into: %s\n", netns->name,
		   place_reason(error));
}

static const struct netns own_netns = { .name = "" };

static void walk(struct work *work)
{
	const struct netns_visitor visitor = {
		.visit = visit, .missed = missed, .context = work,
	};
	int r = netns_walk(WALK_MS, &visitor);

	if (r) {
		work->failed++;
		printf("not all network name spaces were looked into: %s\n", strerror(-r));
	}
}

/* Tells the daemons of this network name space; returns how many cannot be told. */
static unsigned int signal_daemons(int number)
{
	struct program program;
	struct process process;
	struct dirent *entry;
	unsigned int failed = 0;
	DIR *processes;
	int r = program_open(DAEMON, &program);

	if (r) {
		printf("%s, which is to agree on new keys, is not %s: restart what does: %s\n", DAEMON,
		       r == -ENOENT ? "there" : "trusted", strerror(-r));
		return 1;
	}
	processes = opendir("/proc");
	while (processes && (entry = readdir(processes))) {
		if (atoi(entry->d_name) <= 1 ||
		    process_hold(atoi(entry->d_name), &program, 0, &process))
			continue;
		r = process_signal(&process, number);
		if (r)
			printf("process %d, %s: %s\n", process.pid, DAEMON, strerror(-r));
		failed += r != 0;
		process_release(&process);
	}
	if (processes)
		closedir(processes);
	program_close(&program);
	return failed;
}

static int stop(bool drill, bool manual)
{
	struct work work = { .drill = drill, .manual = manual };
	struct work again = { .quiet = true };

	walk(&work);
	/* It has keys from before as well, and may be about to give one to the kernel. */
	if (work.done && !manual && !drill) {
		work.failed += signal_daemons(SIGSTOP);
		visit(&own_netns, &again);
		work.failed += again.failed;
	}
	if (work.failed)
		return EXIT_FAILURE;
	if (work.done)
		return EXIT_SUCCESS;
	puts(manual ? "no interface of MACsec has keys that nothing replaces" :
		      "no interface of MACsec has keys of a daemon");
	return NOT_APPLICABLE;
}

/* Returns how many interfaces of MKA are without a key; -errno. */
static int count_waiting(bool say)
{
	struct secy_socket socket;
	struct secy_list list;
	size_t i;
	int n = 0, r = secy_open(&socket);

	if (r)
		return r == -ENOENT || r == -EPROTONOSUPPORT ? 0 : r;
	r = secy_list(&socket, &list);
	secy_close(&socket);
	if (r)
		return r;
	for (i = 0; i < list.n; i++) {
		if (!secy_by_mka(&list.interfaces[i]) || list.interfaces[i].keys)
			continue;
		n++;
		if (say)
			text_print(stdout, "%s has no new keys yet: look after its other end, or restart what runs %s\n",
				   list.interfaces[i].name, DAEMON);
	}
	secy_free(&list);
	return n;
}

/*
 * A daemon that was silent for so long is gone for its other ends, and they for it, so they
 * begin a new session. To start it anew would come to the same, if something knew how.
 */
static int agree(bool drill)
{
	const struct timespec life = { .tv_sec = LIFE_SECONDS }, pause = { .tv_nsec = 200000000 };
	struct work again = { .quiet = true };
	bool over = false;
	int64_t deadline;
	int n = count_waiting(false);

	if (n > 0 && !drill) {
		again.failed = signal_daemons(SIGSTOP);
		nanosleep(&life, NULL);
		visit(&own_netns, &again);
		again.failed += signal_daemons(SIGCONT);
		deadline = deadline_in(AGREE_MS);
		while ((n = count_waiting(over)) > 0 && !over) {
			nanosleep(&pause, NULL);
			over = !deadline_left(deadline);
		}
		if (!n && !again.failed) {
			puts("new keys are agreed on");
			return EXIT_SUCCESS;
		}
	} else if (n >= 0) {
		return NOT_APPLICABLE;
	}
	if (n < 0)
		printf("MACsec: the kernel does not tell its interfaces: %s\n", strerror(-n));
	return EXIT_FAILURE;
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
