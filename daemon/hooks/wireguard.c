/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Has WireGuard forget the session keys that were agreed before this machine was cloned or
 * restored: 10-wireguard at once, 30-wireguard once more when the clock is right, because
 * until then the peers may have ignored who wanted to agree on new ones.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "base/deadline.h"
#include "base/text.h"
#include "keys/link.h"
#include "keys/place.h"
#include "keys/standby.h"
#include "keys/wireguard.h"

enum {
	NOT_APPLICABLE = 77,
	COMMAND_SIZE = PLACE_COMMAND_SIZE + 64,
};

static const struct netns own_netns = { .name = "" };

struct work {
	/* Of this network name space, opened before there is a change. */
	struct netlink route, generic;
	/* 0: not known yet. */
	uint16_t family;
	bool drill, failed;
	size_t n_interfaces;
	int64_t deadline;
};

/* ---- messages ------------------------------------------------------------ */

/* Before, between and after the name of the network name space, if it is not the own one. */
struct where {
	const char *before, *name, *after;
};

static struct where where_is(const struct netns *netns)
{
	return *netns->name ? (struct where){ " (network name space ", netns->name, ")" } :
			      (struct where){ "", "", "" };
}

/* That of a foreign one is told, and is no failure: anybody who is root there could cause it. */
static void complain(struct work *work, const struct netns *netns, const char *what, int error)
{
	struct where where = where_is(netns);

	work->failed |= !netns->foreign;
	text_print(stdout, "%s%s%s%s: %s%s\n", what, where.before, where.name, where.after,
		   place_reason(error), !netns->foreign && (error == -EPERM || error == -EACCES) ?
		   "; the hook needs root with CAP_NET_ADMIN and CAP_SYS_ADMIN" : "");
}

/*
 * A command for somebody to copy, in brackets: none where others have chosen the words, or are
 * root and could make anything of it.
 */
static const char *command(const struct netns *netns, const char *verb, const char *name,
			   const char *rest, char text[COMMAND_SIZE])
{
	char buffer[PLACE_COMMAND_SIZE];
	const char *in = place_command(netns, buffer);

	if (!in || !text_is_plain(name))
		return "";
	snprintf(text, COMMAND_SIZE, " (\"%swg %s %s%s\")", in, verb, name, rest);
	return text;
}

static void tell_failure(const struct netns *netns, const char *name, int result)
{
	struct where where = where_is(netns);
	char text[COMMAND_SIZE];

	if (result == -EKEYREJECTED)
		text_print(stdout, "%s%s%s%s has lost its private key: give it back%s, or restart what has configured it\n",
			   name, where.before, where.name, where.after,
			   command(netns, "set", name, " private-key FILE", text));
	else if (result == -ESTALE)
		text_print(stdout, "%s%s%s%s has forgotten its session keys, but meanwhile somebody has changed its peers, its port or its mark: compare it%s with its configuration\n",
			   name, where.before, where.name, where.after,
			   command(netns, "show", name, "", text));
	else
		text_print(stdout, "%s%s%s%s may still use session keys of before the change: %s%s\n",
			   name, where.before, where.name, where.after, place_reason(result),
			   result == -EPERM ? "; the hook needs root with CAP_NET_ADMIN" :
			   "; \"vmgenctl hooks run --real 10-wireguard\" tries again");
}

static void tell(struct work *work, const struct netns *netns, const char *name, int result)
{
	struct where where = where_is(netns);

	/* It went while it was looked at, or has nothing to forget. */
	if (result == -ENODEV || result == -ENOKEY)
		return;
	work->n_interfaces++;
	/* In others' name spaces it is up to them what an interface has. */
	work->failed |= result && !netns->foreign && (result != -ESTALE || !*netns->name);
	if (result)
		tell_failure(netns, name, result);
	else
		text_print(stdout, work->drill ? "%s%s%s%s would forget its session keys\n" :
						 "%s%s%s%s has forgotten its session keys\n",
			   name, where.before, where.name, where.after);
}

/* ---- the work ------------------------------------------------------------ */

static int handle(struct work *work, struct netlink *generic, uint32_t index)
{
	int (*act)(struct netlink *generic, uint16_t family, uint32_t index) =
		work->drill ? wireguard_try : wireguard_forget;
	int r = -ENOENT;

	if (work->family)
		r = act(generic, work->family, index);
	if (r != -ENOENT)
		return r;
	/* The module was loaded, or loaded again, while this hook stood by. */
	r = netlink_family(generic, WG_GENL_NAME, &work->family);
	return r ? r : act(generic, work->family, index);
}

static void handle_all(struct work *work, const struct netns *netns, struct netlink *route,
		       struct netlink *generic)
{
	static struct link_list list;
	bool is_own = !*netns->name;
	size_t i;
	int r;

	r = link_list(route, WG_GENL_NAME, &list);
	if (r) {
		complain(work, netns, "cannot list interfaces", r);
		return;
	}
	if (list.more)
		complain(work, netns, "not all interfaces are handled", -E2BIG);
	for (i = 0; i < list.n; i++) {
		r = !is_own && !deadline_left(work->deadline) ? -ETIMEDOUT :
		    handle(work, generic, list.interfaces[i].index);
		tell(work, netns, list.interfaces[i].name, r);
	}
}

static void visit(const struct netns *netns, void *context)
{
	struct work *work = context;
	struct netlink route = { .socket = NULL }, generic = { .socket = NULL };
	int r;

	if (!*netns->name) {
		if (work->route.socket && work->generic.socket)
			handle_all(work, netns, &work->route, &work->generic);
		return;
	}
	r = netlink_open(NETLINK_ROUTE, &route);
	if (!r)
		r = netlink_open(NETLINK_GENERIC, &generic);
	if (r)
		complain(work, netns, "cannot ask the kernel", r);
	else
		handle_all(work, netns, &route, &generic);
	netlink_close(&generic);
	netlink_close(&route);
}

static void missed(const struct netns *netns, int error, void *context)
{
	complain(context, netns, "cannot look for interfaces", error);
}

/* All is told at the end: a slow reader must not hold the work up. */
static int handle_everywhere(struct work *work)
{
	const struct netns_visitor visitor = {
		.visit = visit, .missed = missed, .context = work,
	};
	int r;

	work->deadline = deadline_in(NETNS_WALK_MS);
	r = netns_walk(NETNS_WALK_MS, &visitor);
	if (r)
		complain(work, &own_netns, "there are network name spaces where nobody looked for interfaces", r);
	if (work->failed)
		return 1;
	if (work->n_interfaces)
		return 0;
	printf("no interface of WireGuard has a private key\n");
	return NOT_APPLICABLE;
}

/* Private keys pass through: not into swap, and not into a core file. */
static void keep_secrets(void)
{
	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)mlockall(MCL_CURRENT | MCL_FUTURE);
}

static int prepare(struct work *work)
{
	int r = netlink_open(NETLINK_ROUTE, &work->route);

	if (!r)
		r = netlink_open(NETLINK_GENERIC, &work->generic);
	if (r)
		return r;
	r = netlink_family(&work->generic, WG_GENL_NAME, &work->family);
	return r == -ENOENT ? 0 : r;
}

static int answer(struct work *work, int ready)
{
	const char *event = getenv("VMGEN_EVENT");

	work->drill = event && !strcmp(event, "test");
	if (!work->drill && (!event || strcmp(event, "changed"))) {
		printf("session keys are older than a change only at the event changed\n");
		return NOT_APPLICABLE;
	}
	if (ready && ready != -EPROTONOSUPPORT)
		complain(work, &own_netns, "cannot ask the kernel", ready);
	return handle_everywhere(work);
}

int main(int argc, char **argv)
{
	static char output[1 << 16];
	struct work work = { .family = 0 };
	int r, ready;

	(void)argc;
	keep_secrets();
	setvbuf(stdout, output, _IOFBF, sizeof(output));
	ready = prepare(&work);
	r = standby_wait();
	if (!r) {
		r = answer(&work, ready);
	} else if (r == -ENODATA) {
		r = 0;
	} else {
		fprintf(stderr, "%s: cannot stand by: %s\n", argv[0], strerror(-r));
		r = 1;
	}
	netlink_close(&work.generic);
	netlink_close(&work.route);
	return r;
}
