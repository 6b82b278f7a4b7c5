/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The guard: nothing leaves under old keys from now on, and nothing in plain text.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "association.h"

static void freeze(struct ike_unit *unit)
{
	/* Tried once more where an error can be told. */
	(void)ike_freeze(unit);
}

static int freeze_all(struct ike_units *units)
{
	size_t i;
	int r, status = 0;

	for (i = 0; i < units->n; i++) {
		r = ike_freeze(&units->unit[i]);
		if (r) {
			printf("%s cannot be frozen: %s; stop it by hand: systemctl kill --signal=KILL %s\n",
			       units->unit[i].name, strerror(-r), units->unit[i].name);
			status = 1;
		} else {
			printf("%s is frozen\n", units->unit[i].name);
		}
	}
	return status;
}

static int note(const struct ike_units *units)
{
	struct association_note noted;
	size_t i;
	int r;

	association_read(&noted);
	/* What an older repair may have killed and not started yet stays on it. */
	noted.generation = association_generation(&noted);
	noted.since = 0;
	for (i = 0; i < units->n; i++)
		association_add(&noted, units->unit[i].name);
	r = association_write(&noted);
	if (r)
		printf("it cannot be noted what was stopped: %s; an older repair may start it\n",
		       strerror(-r));
	return !!r;
}

static void name_optional(const struct association_blocked *blocked)
{
	char text[128];
	unsigned int i;

	for (i = 0; i < blocked->optional && i < ASSOCIATION_NAMED_MAX; i++) {
		ipsec_describe(&blocked->named[i], text, sizeof(text));
		printf("%s: without an SA this policy would let it through in plain text (level use)\n",
		       text);
	}
	if (i < blocked->optional)
		printf("and %u others of level use\n", blocked->optional - i);
}

static int report(int r, const struct association_blocked *blocked)
{
	if (r == -EPROTONOSUPPORT) {
		printf("no SA is seen: xfrm_user is not loaded\n");
		return 0;
	}
	if (r == -EINVAL)
		printf("this kernel has no sub policies (CONFIG_XFRM_SUB_POLICY): the SAs are forgotten, but nothing is blocked; what a daemon lets out in plain text when it starts, it lets out at 50-ipsec too\n");
	else if (r)
		printf("not all SAs and policies could be reached: %s\n", strerror(-r));
	else
		printf("its SAs are forgotten, and what its policies match (%u) is blocked until 50-ipsec has started it again\n",
		       blocked->required + blocked->optional);
	name_optional(blocked);
	return !!r;
}

static int forget_here(struct netlink *xfrm, pid_t elsewhere, void *context)
{
	(void)elsewhere;
	return association_forget(xfrm, context);
}

static int count_here(struct netlink *xfrm, pid_t elsewhere, void *context)
{
	struct ipsec_policies policies;
	int r = ipsec_list(xfrm, &policies);

	(void)elsewhere;
	if (r)
		return r;
	association_count(&policies, context);
	ipsec_free(&policies);
	return 0;
}

static int drill_units(const struct ike_units *units, struct ike_namespaces *ret_known)
{
	struct association_blocked blocked = { .required = 0 };
	int r = association_visit(units, count_here, &blocked, ret_known);
	size_t i;

	for (i = 0; i < units->n; i++)
		printf("would freeze %s, and start it again with 50-ipsec\n", units->unit[i].name);
	if (r && r != -EPROTONOSUPPORT) {
		printf("its policies cannot be read: %s\n", strerror(-r));
		return 1;
	}
	printf("would forget its SAs, and block what its policies match (%u) until then\n",
	       blocked.required + blocked.optional);
	name_optional(&blocked);
	return 0;
}

static int stop_units(struct ike_units *units, struct ike_namespaces *ret_known)
{
	struct association_blocked blocked = { .required = 0 };
	int status, r = association_visit(units, forget_here, &blocked, ret_known);

	status = freeze_all(units);
	status |= note(units);
	return report(r, &blocked) | status;
}

int association_stop(bool drill)
{
	struct ike_namespaces known = { .n = 0 };
	struct ike_units units;
	int status = NOT_APPLICABLE;

	ike_find(ike_mounts, drill ? NULL : freeze, &units);
	if (units.n)
		status = drill ? drill_units(&units, &known) : stop_units(&units, &known);
	else
		printf("no IKE daemon runs here\n");
	association_name_manual(&known);
	ike_release(&units);
	return status;
}
