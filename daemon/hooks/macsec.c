/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * 10-macsec: interfaces of MACsec stop sending under the keys and packet numbers that other
 * clones have as well, and the daemon that has agreed on those is stopped, until 50-macsec
 * starts it anew. Keys that were given by hand are forgotten only if that is wanted.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "candidate.h"
#include "keys/secy.h"
#include "keys/manual.h"
#include "keys/netns.h"
#include "keys/standby.h"

#define DAEMON	"/sbin/wpa_supplicant"
#define CLIENT	"/usr/libexec/vmgen/client"

enum {
	NOT_APPLICABLE = 77,
	WALK_MS = 5000,
};

struct work {
	/* Which keys, and whether to say what happens to them. */
	bool by_hand, drill, quiet;
	/* Interfaces: with keys that shall be gone; with others. */
	unsigned int done, others, failed;
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
	if (work->by_hand)
		text_print(stdout, "%s: give each to its other ends as well: ip macsec add %s tx sa 0 pn 1 on key ID KEY\n",
			   interface->name, interface->name);
}

/*
 * Of MKA also one without a key: its daemon may be about to give it one. In other network name
 * spaces 50-macsec starts no daemon, so nothing replaces a key there either.
 */
static void consider(struct work *work, struct secy_socket *socket, const char *netns,
		     const struct secy *interface)
{
	bool heals = !*netns && secy_by_mka(interface);

	if (heals != work->by_hand && (heals || interface->keys))
		forget(work, socket, netns, interface);
	else if (interface->keys)
		work->others++;
}

static void visit(const char *netns, void *context)
{
	struct work *work = context;
	struct secy_list list;
	struct secy_socket socket;
	size_t i;
	int r = secy_open(&socket);

	if (r == -ENOENT || r == -EPROTONOSUPPORT)
		return;
	if (!r) {
		r = secy_list(&socket, &list);
		for (i = 0; !r && i < list.n; i++)
			consider(work, &socket, netns, &list.interfaces[i]);
		if (!r)
			secy_free(&list);
		secy_close(&socket);
	}
	if (r) {
		work->failed++;
		text_print(stdout, "MACsec%s%s: the kernel does not tell its interfaces: %s\n",
			   in(netns), netns, strerror(-r));
	}
}

static void missed(const char *netns, int error, void *context)
{
	struct work *work = context;

	work->failed++;
	text_print(stdout, "network name space %s: not looked into: %s\n", netns,
		   strerror(-error));
}

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

/*
 * It has the keys as well, and may be about to give them to the kernel. Stopped it is still
 * there for 50-macsec to find.
 */
static void stop_daemons(struct work *work)
{
	struct program program;
	struct process process;
	struct dirent *entry;
	DIR *processes;
	int r = program_open(DAEMON, &program);

	if (r) {
		work->failed += r != -ENOENT;
		if (r != -ENOENT)
			printf("%s is not trusted, so it goes on: %s\n", DAEMON, strerror(-r));
		return;
	}
	processes = opendir("/proc");
	while (processes && (entry = readdir(processes))) {
		if (atoi(entry->d_name) <= 1 ||
		    process_hold(atoi(entry->d_name), &program, 0, &process))
			continue;
		r = process_signal(&process, SIGSTOP);
		printf("process %d, %s: %s\n", process.pid, DAEMON,
		       r ? strerror(-r) : "stopped until 50-macsec starts it anew");
		work->failed += r != 0;
		process_release(&process);
	}
	if (processes)
		closedir(processes);
	program_close(&program);
}

/* The disk is asked last. */
static void see_to_manual(struct work *work)
{
	struct work manual = { .by_hand = true, .drill = work->drill };

	if (!manual_wanted()) {
		printf("interfaces of MACsec with keys that nothing replaces: %u; they stay in use unless there is " MANUAL_FILE "\n",
		       work->others);
		work->failed++;
		return;
	}
	walk(&manual);
	work->done += manual.done;
	work->failed += manual.failed;
}

static int stop(bool drill)
{
	struct work work = { .drill = drill }, again = { .quiet = true };

	walk(&work);
	if (work.done && !drill) {
		stop_daemons(&work);
		visit("", &again);
		work.failed += again.failed;
	}
	if (work.others)
		see_to_manual(&work);
	if (work.failed)
		return EXIT_FAILURE;
	if (work.done)
		return EXIT_SUCCESS;
	puts("no interface of MACsec has keys");
	return NOT_APPLICABLE;
}

/* What the daemon has in memory was agreed before as well. */
static int start(void)
{
	struct secy_list list = { .n = 0 };
	bool by_mka = false;
	struct secy_socket socket;
	size_t i;
	int r = secy_open(&socket);

	if (!r) {
		r = secy_list(&socket, &list);
		secy_close(&socket);
	}
	for (i = 0; i < list.n; i++)
		by_mka |= secy_by_mka(&list.interfaces[i]);
	secy_free(&list);
	if (r && r != -ENOENT && r != -EPROTONOSUPPORT) {
		printf("MACsec: the kernel does not tell its interfaces: %s\n", strerror(-r));
		return EXIT_FAILURE;
	}
	if (!by_mka)
		return NOT_APPLICABLE;
	execl(CLIENT, "client", "restart", DAEMON, NULL);
	perror(CLIENT);
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
	return strncmp(name, "50-", 3) ? stop(drill) : start();
}
