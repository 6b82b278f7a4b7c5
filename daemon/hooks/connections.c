/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * 10-connections: ends the TCP connections of this machine to others, because its siblings go
 * on with the same session keys and counters, and a peer cannot tell one from the other. It
 * waits for nobody, and no RST leaves: that would end the connection of a sibling as well.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/deadline.h"
#include "base/event.h"
#include "base/file.h"
#include "base/text.h"
#include "keys/connection.h"
#include "keys/exception.h"
#include "keys/local.h"
#include "keys/netns.h"
#include "keys/place.h"
#include "keys/silence.h"
#include "keys/standby.h"

enum {
	DONE = 0,
	FAILED = 1,
	NOT_APPLICABLE = 77,
	/* No other network name space is entered after so long, and nothing ended after that. */
	END_MS = 60000,
	/* So many are named. */
	NAMED_MAX = 20,
};

/* What was made ready before anything happened, in this process's network name space. */
static struct {
	struct netlink diag, netfilter;
	int diag_error, netfilter_error;
	/* tcp_diag is loaded, and answers faster than the files of /proc. */
	bool loaded;
	/* The file of exceptions as it was read. */
	struct stat file;
	int file_error;
	char file_fault[EXCEPTION_ERROR_SIZE];
} ready;

static struct {
	/* foreign: where it is at work now others are root, and what happens is words only. */
	bool drill, failed, foreign;
	int64_t deadline;
	struct exceptions exceptions;
	unsigned long n_ended, n_ktls, n_kept, n_named;
} run;

static const char *place(const char *name, char text[NETNS_NAME_SIZE + 32])
{
	snprintf(text, NETNS_NAME_SIZE + 32, *name ? "network name space %s: " : "%s", name);
	return text;
}

static void __attribute__((format(printf, 2, 3))) fail(const char *name, const char *format, ...)
{
	char text[1024], where[NETNS_NAME_SIZE + 32];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	text_print(stdout, "%s%s\n", place(name, where), text);
	run.failed |= !run.foreign;
}

static const char *missing_right(const char *module)
{
	if (geteuid())
		return "run the hook as root, without a user in its settings";
	return strcmp(module, "nf_tables") ? "it needs CAP_NET_ADMIN" :
	       "it needs CAP_NET_ADMIN, and no other program may own the table " SILENCE_TABLE
	       " (nft list table inet " SILENCE_TABLE ")";
}

#define AGAIN "\"vmgenctl hooks run --real 10-connections\" tries again"

/* Without diag nobody knows them, and without nftables the RSTs would leave. */
static void fail_with(const char *name, const char *what, const char *module, int r)
{
	if (r == -EPERM)
		fail(name, "%s: not permitted: %s", what, missing_right(module));
	else if (r == -ENOENT || r == -EPROTONOSUPPORT || r == -EOPNOTSUPP || r == -EINVAL)
		fail(name, "%s: this kernel cannot, or its module is missing: modprobe %s; until then all connections stay",
		     what, module);
	else
		fail(name, "%s: %s: all connections stay; " AGAIN, what, strerror(-r));
}

/* Leaves those in the list that are to be ended. */
static void choose(struct connections *connections, const struct local *local)
{
	struct connection_ends ends;
	size_t i, n = 0;

	for (i = 0; i < connections->n; i++) {
		ends = connection_ends(&connections->all[i]);
		if (local_has(local, &ends.peer))
			continue;
		if (exception_holds(&run.exceptions, &ends))
			run.n_kept++;
		else
			connections->all[n++] = connections->all[i];
	}
	connections->n = n;
}

static int by_keys(const void *a, const void *b)
{
	return ((const struct connection *)b)->ktls - ((const struct connection *)a)->ktls;
}

static void tell(const char *name, const struct connection *connection)
{
	char text[CONNECTION_TEXT_SIZE], where[NETNS_NAME_SIZE + 32];

	if (run.n_named++ < NAMED_MAX)
		text_print(stdout, "%s%s %s%s\n", place(name, where),
			   run.drill ? "would end" : "ended", connection_text(connection, text),
			   connection->ktls ? " (kTLS)" : "");
	run.n_ended++;
	run.n_ktls += connection->ktls;
}

/* Returns 0, also where it was gone; -errno: there is no use in going on. */
static int end_one(const char *name, struct netlink *diag, const struct connection *connection)
{
	char text[CONNECTION_TEXT_SIZE];
	int r = connection_end(diag, connection);

	if (!r)
		tell(name, connection);
	if (!r || r == -ENOENT)
		return 0;
	if (r == -EOPNOTSUPP)
		fail(name, "this kernel cannot end connections: it is built without CONFIG_INET_DIAG_DESTROY");
	else if (r == -EPERM)
		fail_with(name, "ending connections", "tcp_diag", r);
	else
		fail(name, "%s stays: %s", connection_text(connection, text), strerror(-r));
	return r == -EOPNOTSUPP || r == -EPERM ? r : 0;
}

static void end_all(const char *name, struct netlink *diag, struct netlink *netfilter,
		    const struct connections *connections)
{
	bool late = false;
	size_t i, end = 0;
	int r = 0;

	for (i = 0; i < connections->n && !r; i++) {
		late = !deadline_left(run.deadline);
		if (late)
			break;
		if (i == end) {
			end = connections->n - i > SILENCE_MAX ? i + SILENCE_MAX : connections->n;
			r = silence_add(netfilter, &connections->all[i], end - i);
			if (r)
				break;
		}
		/* It says itself why not, and then no other can be ended either. */
		if (end_one(name, diag, &connections->all[i]))
			return;
	}
	if (late)
		fail(name, "%zu connections were not reached in time, and stay; " AGAIN,
		     connections->n - i);
	else if (r)
		fail(name, "%zu connections stay, because their RSTs cannot be dropped: %s",
		     connections->n - i, strerror(-r));
}

static void treat(const char *name, struct netlink *diag, struct netlink *netfilter,
		  struct connections *connections)
{
	size_t i;
	int r;

	/* In the kernel are keys that count on their own. */
	qsort(connections->all, connections->n, sizeof(*connections->all), by_keys);
	r = run.drill ? silence_prepare(netfilter) : silence_begin(netfilter);
	if (r)
		fail_with(name, "the RSTs of what is ended have to be dropped", "nf_tables", r);
	else if (run.drill)
		for (i = 0; i < connections->n; i++)
			tell(name, &connections->all[i]);
	else
		end_all(name, diag, netfilter, connections);
}

static void find_and_treat(const char *name, struct netlink *diag, struct netlink *netfilter)
{
	struct connections connections = { .n = 0 };
	struct local local = { .n = 0 };
	int r;

	r = connection_list(diag, &connections);
	if (r == -ETIMEDOUT || (!r && connections.full))
		fail(name, "there are more connections than this hook could list: the others stay; " AGAIN);
	else if (r)
		fail_with(name, "listing TCP connections", "tcp_diag", r);
	if (!r || r == -ETIMEDOUT) {
		r = local_read(&local);
		if (r == -E2BIG)
			fail(name, "there are more than %d addresses, so nobody knows which connections are local: all stay; remove some, then " AGAIN,
			     LOCAL_MAX);
		else if (r)
			fail(name, "the addresses of this machine cannot be read: %s: all connections stay",
			     strerror(-r));
	}
	if (!r) {
		choose(&connections, &local);
		if (connections.n)
			treat(name, diag, netfilter, &connections);
	}
	local_free(&local);
	connection_free(&connections);
}

static void visit(const struct netns *netns, void *context)
{
	struct netlink diag = { .socket = NULL }, netfilter = { .socket = NULL };
	const char *name = netns->name;
	int r;

	(void)context;
	run.foreign = netns->foreign;
	if (!ready.loaded && !connection_exists())
		return;
	if (!*name && !ready.diag_error && !ready.netfilter_error) {
		find_and_treat(name, &ready.diag, &ready.netfilter);
		return;
	}
	r = netlink_open(NETLINK_SOCK_DIAG, &diag);
	if (r)
		fail_with(name, "listing TCP connections", "tcp_diag", r);
	else if ((r = netlink_open(NETLINK_NETFILTER, &netfilter)))
		fail_with(name, "the RSTs of what is ended have to be dropped", "nf_tables", r);
	else
		find_and_treat(name, &diag, &netfilter);
	netlink_close(&netfilter);
	netlink_close(&diag);
}

static void missed(const struct netns *netns, int error, void *context)
{
	(void)context;
	run.foreign = netns->foreign;
	fail(netns->name, "cannot be entered: %s: its connections stay", place_reason(error));
}

static int report(void)
{
	if (run.n_named > NAMED_MAX)
		printf("and %lu more\n", run.n_named - NAMED_MAX);
	if (run.n_ended)
		printf("%s %lu TCP connections, %lu of them with keys in the kernel (kTLS)\n",
		       run.drill ? "would end" : "ended", run.n_ended, run.n_ktls);
	if (run.n_kept)
		printf("%lu TCP connections stay, because %s keeps them\n", run.n_kept,
		       EXCEPTION_PATH);
	if (run.failed)
		return FAILED;
	if (run.n_ended)
		return DONE;
	printf("no TCP connection to another machine is to be ended\n");
	return NOT_APPLICABLE;
}

static void read_exceptions(void)
{
	/* Before it is read: what is changed meanwhile is read again. */
	file_look(EXCEPTION_PATH, &ready.file);
	ready.file_error = exception_read(EXCEPTION_PATH, &run.exceptions, ready.file_fault);
}

/* A guard that stands by has the kernel load its modules, and asks the disk, beforehand. */
static void prepare(void)
{
	ready.diag_error = netlink_open(NETLINK_SOCK_DIAG, &ready.diag);
	ready.netfilter_error = netlink_open(NETLINK_NETFILTER, &ready.netfilter);
	read_exceptions();
	if (!getenv("VMGEN_STANDBY"))
		return;
	/* What fails now fails again when it is needed, and is told then. */
	ready.loaded = !ready.diag_error && !connection_prepare(&ready.diag);
	if (!ready.netfilter_error)
		(void)silence_prepare(&ready.netfilter);
	/* While it is open the way to it stays in memory. */
	(void)open(EXCEPTION_PATH, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

static int work(void)
{
	const struct netns_visitor visitor = { .visit = visit, .missed = missed };
	struct stat st;
	int r;

	file_look(EXCEPTION_PATH, &st);
	if (ready.file_error || !file_is_same(&st, &ready.file))
		read_exceptions();
	if (ready.file_error) {
		/* Whom it keeps nobody knows, and to end those may lock the administrator out. */
		text_print(stdout, "%s: all connections stay until that is fixed\n",
			   ready.file_fault);
		return FAILED;
	}
	run.deadline = deadline_in(END_MS);
	r = netns_walk(NETNS_WALK_MS, &visitor);
	run.foreign = false;
	if (r)
		fail("", "not all network name spaces were looked at: %s: connections of the others stay",
		     place_reason(r));
	return report();
}

int main(void)
{
	enum event event;
	const char *name;
	int r;

	setvbuf(stdout, NULL, _IOLBF, 0);
	prepare();
	r = standby_wait();
	if (r == -ENODATA)
		return DONE;
	if (r) {
		printf("cannot stand by: %s\n", strerror(-r));
		return FAILED;
	}
	name = getenv("VMGEN_EVENT");
	if (!name || event_parse(name, &event) || (event != EVENT_CHANGED && event != EVENT_TEST)) {
		printf("connections end by themselves unless the system keeps running\n");
		return NOT_APPLICABLE;
	}
	run.drill = event == EVENT_TEST;
	return work();
}
