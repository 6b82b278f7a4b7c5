/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What vmgenctl check finds of session keys with counters, which clones and a restore use
 * again: what is configured, whether a hook has them forgotten, and what helps if none does.
 */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl/view/inventory.h"
#include "finding.h"
#include "network.h"
#include "sessions.h"
#include "tunnels.h"

#define CHAPTER		"see WHAT WAS AGREED BEFORE THE SNAPSHOT in vmgen-security(7)"
#define REPEAT		"whose session keys clones and a restore use again"

enum { REMEDY_SIZE = 2 * PATH_MAX };

static const char restart[] = "80-restart-units";
static const char connections[] = "10-connections";

/* Of each kind: the hooks that it takes; none: nothing that is shipped helps. */
static const struct {
	const char *text;
	/* What forgets, and what begins again where the former stops something. */
	const char *hooks[2];
	/* Of what cannot be told from here, and the hook says in a drill. */
	const char *condition;
} words[NETWORK_KINDS] = {
	[NETWORK_WIREGUARD] = { "WireGuard interfaces", { "10-wireguard" }, NULL },
	[NETWORK_MACSEC] = {
		"MACsec interfaces", { "10-macsec", "50-macsec" },
		", if /sbin/wpa_supplicant has agreed on them"
	},
	[NETWORK_MACSEC_MANUAL] = {
		"MACsec interfaces with keys set by hand", { "10-macsec-manual" }, NULL
	},
	[NETWORK_OVPN] = { "interfaces of OpenVPN in the kernel", { NULL }, NULL },
	[NETWORK_WIRELESS] = { "wireless interfaces", { NULL }, NULL },
	[NETWORK_IPSEC] = { "SAs of IPsec", { "10-ipsec", "50-ipsec" }, NULL },
	[NETWORK_IPSEC_MANUAL] = { "SAs of IPsec without a known daemon", { "10-ipsec-manual" }, NULL },
	[NETWORK_TLS] = {
		"TCP connections with TLS in the kernel", { connections },
		", but for those within this machine and in /etc/vmgen/kept-connections"
	},
};

/* Returns whether the hook would run; if not, what to do about that. */
static bool hook_runs(const struct inventory *inventory, const char *name,
		      enum finding_state *ret_state, char ret_remedy[REMEDY_SIZE])
{
	const struct item *item = inventory_find(inventory, name);

	if (item && item->state == ITEM_ON)
		return true;
	*ret_state = FINDING_WARNING;
	if (!item) {
		snprintf(ret_remedy, REMEDY_SIZE, "install the hook %s, which comes with vmgend", name);
	} else if (item->state == ITEM_DISABLED) {
		snprintf(ret_remedy, REMEDY_SIZE, "enabled = yes in %s/%s.conf%s, see vmgend-hooks(7)",
			 inventory->config.hook_settings_dir, name,
			 strstr(name, "-manual") ? ", if you can set others afterwards" : "");
	} else if (item->state == ITEM_MASKED) {
		snprintf(ret_remedy, REMEDY_SIZE, "rm %s/%s, which masks the hook",
			 item->hook->directory, name);
	} else {
		/* What is wrong with it stands where all hooks do. */
		snprintf(ret_remedy, REMEDY_SIZE, "fix the hook %s", name);
		*ret_state = FINDING_PROBLEM;
	}
	return false;
}

/* Returns how many of them run, up to the first that does not; that one's remedy. */
static size_t count_running(const struct inventory *inventory, const char *const hooks[2],
			    enum finding_state *ret_state, char ret_remedy[REMEDY_SIZE])
{
	size_t i;

	*ret_state = FINDING_WARNING;
	snprintf(ret_remedy, REMEDY_SIZE, CHAPTER);
	for (i = 0; i < 2 && hooks[i]; i++)
		if (!hook_runs(inventory, hooks[i], ret_state, ret_remedy))
			break;
	return i;
}

static void tell_covered(enum network_kind kind, uint64_t count, const char *names,
			 struct findings *findings)
{
	const char *condition = words[kind].condition, *hook = words[kind].hooks[0];
	char remedy[REMEDY_SIZE];

	snprintf(remedy, sizeof(remedy), "vmgenctl hooks run %s names those", hook);
	finding_add(findings, "keys", condition ? FINDING_NOTE : FINDING_OK, condition ? remedy : "",
		    "%s whose session keys %s ends at a change%s: %" PRIu64 "%s%s", words[kind].text,
		    hook, condition ? condition : "", count, *names ? ": " : "", names);
}

static void tell_kind(const struct inventory *inventory, const struct network *network,
		      enum network_kind kind, struct findings *findings)
{
	const char *text = words[kind].text;
	const char *names = network->kinds[kind].names, *colon = *names ? ": " : "";
	uint64_t count = network->kinds[kind].count;
	enum finding_state state;
	char remedy[REMEDY_SIZE];
	size_t n_running;

	if (!count)
		return;
	n_running = count_running(inventory, words[kind].hooks, &state, remedy);
	if (!n_running)
		finding_add(findings, "keys", state, remedy, "%s " REPEAT ": %" PRIu64 "%s%s", text,
			    count, colon, names);
	else if (n_running < 2 && words[kind].hooks[1])
		finding_add(findings, "keys", state, remedy,
			    "%s that are down after a change, because %s stops them and no hook starts them again: %" PRIu64 "%s%s",
			    text, words[kind].hooks[0], count, colon, names);
	else
		tell_covered(kind, count, names, findings);
}

static void tell_blocks(const struct network *network, struct findings *findings)
{
	const struct network_block *block;
	char remedy[REMEDY_SIZE];
	unsigned int i;

	for (i = 0; i < network->n_blocks && i < NETWORK_BLOCKS_MAX; i++) {
		block = &network->blocks[i];
		snprintf(remedy, sizeof(remedy), "when the tunnel is up: vmgenctl hooks run --real 50-ipsec%s%s",
			 *block->command ? "; at once: " : "", block->command);
		finding_add(findings, "keys", FINDING_WARNING, remedy,
			    "blocked by 10-ipsec until the IKE daemon's policy is back: %s",
			    block->text);
	}
	if (i < network->n_blocks)
		finding_add(findings, "keys", FINDING_WARNING,
			    "when the tunnels are up: vmgenctl hooks run --real 50-ipsec",
			    "blocked by 10-ipsec likewise: %u others", network->n_blocks - i);
}

static void tell_network(const struct inventory *inventory, struct findings *findings)
{
	struct network network;
	enum network_kind kind;

	network_look(&network);
	for (kind = 0; kind < NETWORK_KINDS; kind++)
		tell_kind(inventory, &network, kind, findings);
	tell_blocks(&network, findings);
	if (geteuid() || network.forbidden)
		finding_add(findings, "keys", FINDING_NOTE,
			    geteuid() ? "run this as root" : "run this outside of the container",
			    "what has session keys in IPsec and in other network name spaces cannot be seen here");
	else if (network.cut)
		finding_add(findings, "keys", FINDING_WARNING, "run this again; lsns -t net lists them",
			    "there are too many network name spaces to look for session keys in all");
	else if (network.n_missed)
		finding_add(findings, "keys", FINDING_WARNING, "run this again",
			    "network name spaces that could not be entered: %u: %s",
			    network.n_missed, network.missed);
	if (*network.foreign)
		finding_add(findings, "keys", FINDING_NOTE, "lsns -t net lists them",
			    "network name spaces of other users that were not looked at: %s",
			    network.foreign);
	if (network.error)
		finding_add(findings, "keys", FINDING_WARNING, "run this again",
			    "the kernel does not tell all that has session keys: %s",
			    strerror(-network.error));
}

static void tell_sessions(const struct inventory *inventory, struct findings *findings)
{
	enum finding_state state = FINDING_WARNING;
	struct sessions sessions;
	char remedy[REMEDY_SIZE];
	bool runs;
	size_t i;

	sessions_look(&sessions);
	runs = hook_runs(inventory, connections, &state, remedy);
	for (i = 0; i < SESSIONS_KINDS; i++) {
		if (sessions.kinds[i].count && !runs)
			finding_add(findings, "keys", state, remedy, "%s " REPEAT ": %u: %s",
				    sessions_text(i), sessions.kinds[i].count,
				    sessions.kinds[i].names);
	}
	if (sessions.error)
		finding_add(findings, "keys", FINDING_WARNING, "run this again",
			    "not all mounts could be looked at: %s", strerror(-sessions.error));
}

/* listed: of those that are listed and not killed, or of those that are not listed. */
static size_t join_units(const struct tunnels *tunnels, bool listed, char *text, size_t size)
{
	size_t i, n = 0, used = 0;

	for (i = 0; i < tunnels->n; i++) {
		const struct tunnel *tunnel = &tunnels->units[i];

		if (tunnel->listed != listed || (listed && tunnel->killed))
			continue;
		n++;
		if (used < size)
			used += snprintf(text + used, size - used, "%s%s", used ? ", " : "",
					 tunnel->unit);
	}
	return n;
}

static void tell_tunnels(const struct inventory *inventory, struct findings *findings)
{
	char text[1024] = "", remedy[REMEDY_SIZE];
	enum finding_state state = FINDING_WARNING;
	struct tunnels tunnels;
	size_t n;

	tunnels_look(&tunnels);
	n = join_units(&tunnels, false, text, sizeof(text));
	if (n)
		finding_add(findings, "keys", FINDING_WARNING,
			    "list them in /etc/vmgen/restart-units, with RestartKillSignal=SIGKILL: "
			    CHAPTER, "units " REPEAT ": %zu: %s", n, text);
	n = join_units(&tunnels, true, text, sizeof(text));
	if (n && tunnels.error)
		finding_add(findings, "keys", FINDING_WARNING, "run this again",
			    "it is not known whether a restart kills these units at once:  %zu: %s", n, text);
	else if (n)
		finding_add(findings, "keys", FINDING_WARNING,
			    "systemctl edit UNIT, and write: [Service] RestartKillSignal=SIGKILL (not tried)",
			    "units that say goodbye under the copied key when they are restarted: %zu: %s",
			    n, text);
	n = tunnels.n;
	if (n && join_units(&tunnels, false, text, sizeof(text)) < n &&
	    !hook_runs(inventory, restart, &state, remedy))
		finding_add(findings, "keys", state, remedy,
			    "units in /etc/vmgen/restart-units are not restarted");
	if (tunnels.more)
		finding_add(findings, "keys", FINDING_WARNING, CHAPTER,
			    "there are more units with session keys than are named here");
}

void check_keys(const struct ctl *ctl, struct findings *findings)
{
	char error[SETTINGS_ERROR_SIZE];
	struct inventory inventory;

	/* Without hooks nothing is covered, and check_service() says why. */
	if (inventory_read(ctl->config, &inventory, error))
		return;
	tell_sessions(&inventory, findings);
	tell_tunnels(&inventory, findings);
	tell_network(&inventory, findings);
	inventory_clear(&inventory);
}
