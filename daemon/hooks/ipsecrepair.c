/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The repair: the daemons are killed and their units started, so that they agree on new keys.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "association.h"
#include "base/deadline.h"
#include "base/text.h"
#include "process/capture.h"

enum {
	KILL_MS = 5000,
	CALL_MS = 10000,
	START_MS = 60000,
	/* For the policies of tunnels that the daemon begins by itself. */
	BACK_MS = 20000,
};

extern char **environ;

static const struct timespec pause_of_looks = { .tv_nsec = 50000000 };

/* What has to be repaired, and for which change. */
struct repair {
	struct association_note note;
	uint64_t own;
	/* In seconds of CLOCK_REALTIME: what the kernel got later is the new daemons'. */
	uint64_t since;
	unsigned int left;
};

static bool is_superseded(const struct repair *repair)
{
	struct association_note now;

	association_read(&now);
	return now.generation > repair->own;
}

static int systemctl(const char *verb, const char *option, const char *unit)
{
	const char *const argv[] = { "systemctl", option, verb, unit, NULL };

	return capture_output(argv, environ, CALL_MS, NULL, 0);
}

/* Does not wait in systemctl: a newer guard may freeze what starts. */
static int start(const struct repair *repair, const char *unit)
{
	int64_t deadline = deadline_in(START_MS);
	int r;

	/* Or it may have been started too often of late. */
	(void)systemctl("reset-failed", "--quiet", unit);
	r = systemctl("start", "--no-block", unit);
	/* It may be called failed meanwhile, while commands of its unit clean up. */
	while (!r && !is_superseded(repair) && systemctl("is-active", "--quiet", unit)) {
		if (!deadline_left(deadline))
			r = -ETIMEDOUT;
		nanosleep(&pause_of_looks, NULL);
	}
	return r;
}

/* Those that run are frozen, or they have been started again already. */
static struct ike_unit *find_frozen(struct ike_units *units, const struct association_note *note,
				    const char *name)
{
	size_t i;
	int r;

	for (i = 0; i < units->n; i++) {
		r = ike_is_frozen(&units->unit[i]);
		if (!strcmp(units->unit[i].name, name) &&
		    (r == 1 || (r < 0 && association_has(note, name))))
			return &units->unit[i];
	}
	return NULL;
}

static bool runs(const struct ike_units *units, const char *name)
{
	size_t i;

	for (i = 0; i < units->n; i++)
		if (!strcmp(units->unit[i].name, name))
			return true;
	return false;
}

static int restart(struct repair *repair, struct ike_units *units, const char *name)
{
	struct ike_unit *unit = find_frozen(units, &repair->note, name);
	int r = unit ? ike_kill(unit, deadline_in(KILL_MS)) : 0;

	if (!r && (unit || !runs(units, name)))
		r = start(repair, name);
	if (!r)
		text_print(stdout, "%s is started anew\n", name);
	else
		text_print(stdout, "%s did not start; what its policies matched stays blocked; when it runs, lift that: "
			   ASSOCIATION_LIFT "\n", name);
	return !!r;
}

static int restart_all(struct repair *repair, struct ike_units *units)
{
	char names[ASSOCIATION_UNITS_SIZE], *name, *rest = names;
	int status = 0;

	snprintf(names, sizeof(names), "%s", repair->note.units);
	while ((name = strtok_r(rest, " ", &rest)))
		status |= restart(repair, units, name);
	return status;
}

/* ---- blocks -------------------------------------------------------------- */

static int lift_here(struct netlink *xfrm, void *context)
{
	struct repair *repair = context;
	unsigned int left;
	int r = ipsec_lift(xfrm, repair->since, &left);

	if (!r)
		repair->left += left;
	return r;
}

static int yield_here(struct netlink *xfrm, void *context)
{
	struct ipsec_policies policies;
	char text[128];
	size_t i;
	int r;

	(void)context;
	r = ipsec_yield(xfrm);
	if (!r)
		r = ipsec_list(xfrm, &policies);
	if (r)
		return r;
	for (i = 0; i < policies.n; i++) {
		if (policies.policy[i].kind != IPSEC_REST)
			continue;
		ipsec_describe(&policies.policy[i], text, sizeof(text));
		printf("%s: no policy is back, so it stays blocked until one is; to lift that: ip xfrm policy delete dir out index %u\n",
		       text, policies.policy[i].info.index);
	}
	ipsec_free(&policies);
	return 0;
}

static int lift(struct repair *repair)
{
	struct ike_namespaces namespaces;
	int64_t deadline = deadline_in(BACK_MS);
	struct ike_units units;
	int r;

	do {
		if (is_superseded(repair))
			return 0;
		repair->left = 0;
		ike_find(ike_mounts, NULL, &units);
		r = association_visit(&units, lift_here, repair, &namespaces);
		ike_release(&units);
		if (!repair->left && (!r || r == -EPROTONOSUPPORT))
			return 0;
		nanosleep(&pause_of_looks, NULL);
	} while (deadline_left(deadline));
	/* Those of before drop what they cannot encrypt, as the blocks do. */
	repair->since = 0;
	repair->left = 0;
	ike_find(ike_mounts, NULL, &units);
	r = association_visit(&units, lift_here, repair, &namespaces);
	if (!r && repair->left)
		r = association_visit(&units, yield_here, NULL, &namespaces);
	ike_release(&units);
	return r;
}

/* ---- all of it ----------------------------------------------------------- */

/* A guard that was killed has left no note. */
static void add_frozen(struct association_note *note, struct ike_units *units)
{
	size_t i;

	for (i = 0; i < units->n; i++)
		if (ike_is_frozen(&units->unit[i]) == 1)
			association_add(note, units->unit[i].name);
}

static int repair_all(struct repair *repair, struct ike_units *units)
{
	struct association_blocked blocked = { .required = 0 };
	struct ike_namespaces namespaces;
	size_t i;
	int r;

	/* Only what stands still is ours. */
	for (i = 0; i < units->n; i++)
		if (find_frozen(units, &repair->note, units->unit[i].name))
			break;
	if (i < units->n) {
		r = association_visit(units, association_forget, &blocked, &namespaces);
		if (r && r != -EPROTONOSUPPORT)
			printf("not all SAs and policies could be reached: %s\n", strerror(-r));
	}
	repair->since = time(NULL);
	if (restart_all(repair, units))
		return 1;
	r = lift(repair);
	if (is_superseded(repair)) {
		printf("a newer change has stopped it again, whose 50-ipsec goes on\n");
		return 0;
	}
	if (r) {
		printf("the blocks could not be lifted: %s; then: " ASSOCIATION_LIFT "\n", strerror(-r));
		return 1;
	}
	repair->note.units[0] = '\0';
	return !!association_write(&repair->note);
}

int association_repair(bool drill)
{
	struct repair repair;
	struct ike_units units;
	int status = 0;

	association_read(&repair.note);
	repair.own = association_generation(&repair.note);
	ike_find(ike_mounts, NULL, &units);
	add_frozen(&repair.note, &units);
	if (!*repair.note.units) {
		printf("no IKE daemon was stopped\n");
		status = NOT_APPLICABLE;
	} else if (repair.note.generation > repair.own) {
		printf("a newer change has stopped it again, whose 50-ipsec goes on\n");
	} else if (drill) {
		text_print(stdout, "would start%s anew\n", repair.note.units);
	} else {
		status = repair_all(&repair, &units);
	}
	ike_release(&units);
	return status;
}
