/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What vmgenctl check finds of processes that have generators of their own in them, and above
 * all OpenSSL's: which take their random numbers from vmgen's provider, and which were started
 * too early for that, do not read its configuration, or have an OpenSSL that nobody else can
 * configure.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/paths.h"
#include "census.h"
#include "ctl/openssl/sslconf.h"
#include "ctl/systemd/manager.h"
#include "ctl/view/doubt.h"
#include "ctl/view/inventory.h"
#include "finding.h"
#include "generators.h"
#include "restarts.h"
#include "roll.h"

enum { LIMIT = 1 << 16 };

#define RESTART_UNITS	"list their units in /etc/vmgen/restart-units"

static const char restart[] = "restart those that use it, or " RESTART_UNITS;
static const char allow[] =
	"restart those that use it; what may not open it gets no random numbers, so a service with DevicePolicy=, "
	"DeviceAllow= or ProtectClock= needs DeviceAllow=" PATH_DEVICE " r as well";

/* What is said of those that are not well, in this order. */
static const struct {
	enum census_kind kind;
	enum finding_state state;
	const char *text, *remedy;
} words[] = {
	{ CENSUS_STATIC, FINDING_NOTE,
	  "services and other processes with an OpenSSL of their own, which no configuration reaches", RESTART_UNITS },
	{ CENSUS_WITHOUT_DEVICE, FINDING_WARNING,
	  "services and other processes that had no " PATH_DEVICE
	  " when they loaded the provider, or may not open it", allow },
	{ CENSUS_FIPS, FINDING_WARNING,
	  "services and other processes with OpenSSL's FIPS provider, whose own random numbers every clone has as well",
	  RESTART_UNITS },
	{ CENSUS_STRANGE, FINDING_NOTE,
	  "processes that could not be examined, because reading the file of their program may hang",
	  RESTART_UNITS " if they use OpenSSL" },
	{ CENSUS_UNKNOWN, FINDING_WARNING,
	  "processes that could not be examined in time",
	  "run this again; ls -ld /proc/PID tells whose a process is" },
};

/* Of those that were not reached although it is enabled. */
static void tell_node(struct findings *findings)
{
	char *text = NULL;

	if (file_read(AT_FDCWD, SSLCONF_SYSTEM, LIMIT, &text, NULL) == 0 && !strstr(text, SSLCONF_NODE))
		finding_add(findings, "openssl", FINDING_WARNING,
			    "have " SSLCONF_NODE " in openssl.cnf name what openssl_conf names, then vmgenctl openssl enable",
			    "Node.js has a section of its own in OpenSSL's configuration, where the provider is not");
	free(text);
}

static void tell_provided(const struct view *view, unsigned int count, struct findings *findings)
{
	const char *doubt = doubt_random(view);

	if (count && doubt)
		finding_add(findings, "openssl", FINDING_WARNING, "",
			    "processes whose OpenSSL takes the kernel's random numbers, which a clone may have as well: %u: %s",
			    count, doubt);
	else if (count)
		finding_add(findings, "openssl", FINDING_OK, "",
			    "processes whose OpenSSL takes random numbers that no clone has: %u",
			    count);
}

static void tell(const struct view *view, const struct census *census, bool enabled,
		 struct findings *findings)
{
	char names[CENSUS_NAMES_SIZE];
	unsigned int count = roll_names(census, CENSUS_UNPROTECTED, false, names);
	size_t i;

	if (count)
		finding_add(findings, "openssl", enabled ? FINDING_WARNING : FINDING_NOTE,
			    enabled ? restart : "vmgenctl openssl enable, then restart them",
			    "services and other processes with OpenSSL whose random numbers every clone has as well: %u: %s",
			    count, names);
	if (count && enabled && census->has_node)
		tell_node(findings);
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		count = roll_names(census, words[i].kind, !(CENSUS_COPIED & 1U << words[i].kind), names);
		if (count)
			finding_add(findings, "openssl", words[i].state, words[i].remedy,
				    "%s: %u: %s", words[i].text, count, names);
	}
	tell_provided(view, census->kinds[CENSUS_PROTECTED].count, findings);
	count = census->kinds[CENSUS_FORBIDDEN].count;
	if (count && geteuid())
		finding_add(findings, "openssl", FINDING_NOTE, "run this as root",
			    "only root can tell of %u other processes which generators they have in them",
			    count);
	else if (count)
		finding_add(findings, "openssl", FINDING_NOTE, "run this outside of the container",
			    "processes that root may not examine here: %u", count);
}

/* Which services a change restarts; one that is not known to be is named. */
static void mark_restarted(const struct ctl *ctl, struct census *census, struct findings *findings)
{
	char error[SETTINGS_ERROR_SIZE];
	struct inventory inventory;
	const struct item *hook;
	int r = 0;

	/* check_service() says why there is none. */
	if (inventory_read(ctl->config, &inventory, error))
		return;
	hook = inventory_find(&inventory, "80-restart-units");
	if (hook && hook->state == ITEM_ON)
		r = restarts_mark(ctl, false, census);
	inventory_clear(&inventory);
	if (r)
		finding_add(findings, "programs", FINDING_WARNING, "run this again",
			    "which services auto stands for in /etc/vmgen/restart-units cannot be told: %s",
			    manager_error(r));
}

void check_openssl(const struct ctl *ctl, const struct view *view, struct findings *findings)
{
	bool enabled = !access(SSLCONF_SYSTEM, F_OK);
	const struct census_aid aid = {
		.device = !access(ctl->device, F_OK),
		.sentinels = sentinels_are_zeroed(ctl, "/proc"),
	};
	static struct census census;
	int r = census_take("/proc", &aid, &census_limits, &census);

	if (r) {
		finding_add(findings, "openssl", FINDING_WARNING, "run this again",
			    "no process could be examined for OpenSSL: %s", strerror(-r));
		return;
	}
	mark_restarted(ctl, &census, findings);
	tell(view, &census, enabled, findings);
	generators_tell(&census, findings);
}
