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

#define AGAIN	"vmgenctl hooks run --real 50-ipsec"

extern char **environ;

static const struct timespec pause_of_looks = { .tv_nsec = 50000000 };

/* What has to be repaired, and for which change. */
struct repair {
	/* Its since: what the kernel got later is the new daemons'. */
	struct association_note note;
	/* Those of it that have been started. */
	struct association_note started;
	uint64_t own;
	/* Blocks, while they are lifted; at last those that stay, and that give way. */
	bool also_old;
	unsigned int left, stuck, giving_way;
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

	/* Or it may have been started too often in a short time. */
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
static const struct ike_unit *find_frozen(const struct ike_units *units, const char *name)
{
	size_t i;

	for (i = 0; i < units->n; i++)
		if (!strcmp(units->unit[i].name, name) && ike_is_frozen(&units->unit[i]) == 1)
			return &units->unit[i];
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

static int restart(struct repair *repair, const struct ike_units *units, const char *name)
{
	const struct ike_unit *unit = find_frozen(units, name);
	int r = unit ? ike_kill(unit, deadline_in(KILL_MS)) : 0;

	/* Another run may have started it. */
	if (!unit && runs(units, name))
		return 0;
	if (!r)
		r = start(repair, name);
	if (!r)
		text_print(stdout, "%s is started again\n", name);
	else
		text_print(stdout, "%s did not start; what its policies matched stays blocked; when it can start: "
			   AGAIN "; or lift that in its network name space: " ASSOCIATION_LIFT "\n",
			   name);
	return !!r;
}

static int restart_all(struct repair *repair, const struct ike_units *units)
{
	char names[ASSOCIATION_UNITS_SIZE], *name, *rest = names;
	int status = 0;

	snprintf(names, sizeof(names), "%s", repair->note.units);
	while ((name = strtok_r(rest, " ", &rest))) {
		if (restart(repair, units, name))
			status = 1;
		else
			association_add(&repair->started, name);
	}
	return status;
}

/* Returns how many of them have ended since, which is told if that is final. */
static unsigned int count_ended(const struct repair *repair, bool final)
{
	char names[ASSOCIATION_UNITS_SIZE], *name, *rest = names;
	struct ike_units units;
	unsigned int n = 0;

	ike_find(ike_mounts, NULL, &units);
	snprintf(names, sizeof(names), "%s", repair->started.units);
	while ((name = strtok_r(rest, " ", &rest))) {
		if (runs(&units, name))
			continue;
		n++;
		if (final)
			text_print(stdout, "%s does not run, see systemctl status %s; what its policies matched stays blocked; when it can start: "
				   AGAIN "\n", name, name);
	}
	ike_release(&units);
	return n;
}

/* ---- blocks -------------------------------------------------------------- */

static int lift_here(struct netlink *xfrm, pid_t elsewhere, void *context)
{
	struct repair *repair = context;
	unsigned int left;
	int r = ipsec_lift(xfrm, repair->note.since, repair->also_old, &left);

	(void)elsewhere;
	if (!r)
		repair->left += left;
	return r;
}

static void name_block(struct repair *repair, const struct ipsec_policy *block, pid_t elsewhere)
{
	bool gives_way = block->kind == IPSEC_REST;
	char text[128], command[160], enter[64] = "";

	repair->giving_way += gives_way;
	repair->stuck += !gives_way;
	if (repair->giving_way + repair->stuck > ASSOCIATION_NAMED_MAX)
		return;
	ipsec_describe(block, text, sizeof(text));
	ipsec_write_removal(block, command, sizeof(command));
	if (elsewhere)
		snprintf(enter, sizeof(enter), "nsenter -t %d -n ", elsewhere);
	printf("%s: %s; to lift that at once: %s%s\n", text,
	       gives_way ? "no policy is back, so it stays blocked until one is" :
			   "only an old policy of level use is there, so it stays blocked",
	       enter, command);
}

static int yield_here(struct netlink *xfrm, pid_t elsewhere, void *context)
{
	(void)elsewhere;
	(void)context;
	return ipsec_yield(xfrm);
}

static int name_here(struct netlink *xfrm, pid_t elsewhere, void *context)
{
	struct repair *repair = context;
	struct ipsec_policies policies;
	int r = ipsec_list(xfrm, &policies);
	size_t i;

	if (r)
		return r;
	for (i = 0; i < policies.n; i++)
		if (policies.policy[i].kind & (IPSEC_BLOCK | IPSEC_REST))
			name_block(repair, &policies.policy[i], elsewhere);
	ipsec_free(&policies);
	return 0;
}

static int visit_all(struct repair *repair, association_visitor *visit)
{
	struct ike_units units;
	int r;

	repair->left = 0;
	ike_find(ike_mounts, NULL, &units);
	r = association_visit_also_own(&units, visit, repair);
	ike_release(&units);
	return r;
}

static int lift(struct repair *repair)
{
	int64_t deadline = deadline_in(BACK_MS);
	int r;

	do {
		if (is_superseded(repair))
			return 0;
		r = visit_all(repair, lift_here);
		if (!r && !repair->left && !count_ended(repair, false))
			return visit_all(repair, name_here);
		nanosleep(&pause_of_looks, NULL);
	} while (deadline_left(deadline));
	/* Those of before drop what they cannot encrypt, as the blocks do. */
	repair->also_old = true;
	r = visit_all(repair, lift_here);
	if (!r && repair->left)
		r = visit_all(repair, yield_here);
	return r ? r : visit_all(repair, name_here);
}

/* Returns the exit status. What is left stays on the note, so that to run this again helps. */
static int conclude(struct repair *repair, int r, int status)
{
	unsigned int n = repair->giving_way + repair->stuck;
	bool ended;

	if (is_superseded(repair)) {
		printf("a newer change has stopped it again, and its 50-ipsec starts it\n");
		return 0;
	}
	if (n > ASSOCIATION_NAMED_MAX)
		printf("and %u others: ip xfrm policy\n", n - ASSOCIATION_NAMED_MAX);
	if (n)
		printf("when their policies are back, this takes the blocks away: " AGAIN "\n");
	if (r)
		printf("the blocks could not be lifted: %s; then: " AGAIN "\n", strerror(-r));
	ended = count_ended(repair, true);
	if (status || r || ended || repair->stuck)
		return 1;
	/* If somebody stops it from now on, it has to stay stopped. */
	repair->note.units[0] = '\0';
	if (!n)
		repair->note.since = 0;
	return !!association_write(&repair->note);
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

static int forget_here(struct netlink *xfrm, pid_t elsewhere, void *context)
{
	(void)elsewhere;
	return association_forget(xfrm, context);
}

/* Returns 0 or -errno of the note. What a run before this one has started goes on. */
static int prepare(struct repair *repair, const struct ike_units *units)
{
	struct association_blocked blocked = { .required = 0 };
	struct ike_namespaces namespaces;
	size_t i;
	int r;

	/* Only what stands still is ours. */
	for (i = 0; i < units->n; i++)
		if (find_frozen(units, units->unit[i].name))
			break;
	if (i == units->n && repair->note.since)
		return 0;
	if (i < units->n) {
		r = association_visit(units, forget_here, &blocked, &namespaces);
		if (r == -EINVAL)
			printf("nothing is blocked while it starts (no CONFIG_XFRM_SUB_POLICY)\n");
		else if (r && r != -EPROTONOSUPPORT)
			printf("not all SAs and policies could be reached: %s\n", strerror(-r));
	}
	repair->note.since = time(NULL);
	return association_write(&repair->note);
}

static int repair_all(struct repair *repair, struct ike_units *units)
{
	int r = prepare(repair, units), status;

	if (r)
		printf("it cannot be noted when it is started: %s\n", strerror(-r));
	status = restart_all(repair, units);
	/* Those that run need not wait for the others. */
	if (status && !*repair->started.units)
		return status;
	r = lift(repair);
	return conclude(repair, r, status);
}

int association_repair(bool drill)
{
	struct repair repair = { .own = 0 };
	struct ike_units units;
	int status = 0;

	association_read(&repair.note);
	repair.own = association_generation(&repair.note);
	ike_find(ike_mounts, NULL, &units);
	add_frozen(&repair.note, &units);
	if (!*repair.note.units && !repair.note.since) {
		printf("no IKE daemon was stopped\n");
		status = NOT_APPLICABLE;
	} else if (repair.note.generation > repair.own) {
		printf("a newer change has stopped it again, and its 50-ipsec starts it\n");
	} else if (drill) {
		if (*repair.note.units)
			text_print(stdout, "would start%s again\n", repair.note.units);
		printf("would lift the blocks of what has a policy again\n");
	} else {
		status = repair_all(&repair, &units);
	}
	ike_release(&units);
	return status;
}
