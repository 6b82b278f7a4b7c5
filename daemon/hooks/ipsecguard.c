/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The guard: nothing leaves under old keys from now on, and nothing in plain text.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "association.h"
#include "base/text.h"
#include "base/trust.h"
#include "keys/netns.h"

/* There: the administrator keys SAs by hand, and wants them forgotten as well. */
#define ALSO_MANUAL	"/etc/vmgen/forget-manual-sas"

enum { WALK_MS = 1000 };

struct others {
	const struct association_namespaces *known;
	unsigned int unknown, missed;
	bool drill, forget, forbidden;
	int error;
};

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
	for (i = 0; i < units->n; i++)
		association_add(&noted, units->unit[i].name);
	r = association_write(&noted);
	if (r)
		printf("it cannot be noted what was stopped: %s; an older repair may start it\n",
		       strerror(-r));
	return !!r;
}

static int report(int r, const struct association_blocked *blocked)
{
	if (r == -EPROTONOSUPPORT) {
		printf("no SA is seen: xfrm_user is not loaded\n");
		return 0;
	}
	if (r == -EINVAL)
		printf("this kernel has no sub policies (CONFIG_XFRM_SUB_POLICY): the SAs are forgotten, but nothing is blocked if the daemon flushes its policies\n");
	else if (r)
		printf("not all SAs and policies could be reached: %s\n", strerror(-r));
	else
		printf("its SAs are forgotten, and what its policies match (%u) is blocked until 50-ipsec has started it again\n",
		       blocked->required + blocked->optional);
	if (blocked->optional)
		printf("%u of them would let it through in plain text without an SA (level use)\n",
		       blocked->optional);
	return !!r;
}

/* ---- SAs that nobody known has agreed on --------------------------------- */

static int count_here(struct others *others, unsigned int *ret_n)
{
	struct association_blocked blocked = { .required = 0 };
	struct netlink xfrm;
	int r = ipsec_open(&xfrm);

	if (r)
		return r;
	r = ipsec_count(&xfrm, ret_n);
	if (!r && *ret_n && others->forget && !others->drill)
		r = association_forget(&xfrm, &blocked);
	netlink_close(&xfrm);
	return r;
}

static void look_here(const char *name, void *context)
{
	struct others *others = context;
	const char *where = *name ? name : "of this system", *what;
	unsigned int n = 0;
	struct stat st;
	size_t i;
	int r;

	if (!stat("/proc/thread-self/ns/net", &st))
		for (i = 0; i < others->known->n; i++)
			if (others->known->inode[i] == st.st_ino)
				return;
	r = count_here(others, &n);
	if (r == -EPERM)
		others->forbidden = true;
	if (r == -EPROTONOSUPPORT || r == -EPERM)
		return;
	if (r) {
		text_print(stdout, "network name space %s: %s\n", where, strerror(-r));
		others->error = r;
	}
	if (!n)
		return;
	others->unknown += n;
	what = !others->forget ? "are left alone, because nothing known would agree on new ones" :
	       others->drill ? "would be forgotten" : "are forgotten";
	text_print(stdout, "network name space %s: %u SAs that no known daemon has agreed on %s\n",
		   where, n, what);
}

static void miss(const char *name, int error, void *context)
{
	struct others *others = context;

	text_print(stdout, "network name space %s was not looked at: %s\n", name, strerror(-error));
	others->missed++;
}

static bool wants_manual(void)
{
	char reason[256];
	int fd, r = trust_open(ALSO_MANUAL, O_RDONLY, &fd, reason, sizeof(reason));

	if (!r)
		close(fd);
	else if (r != -ENOENT)
		text_print(stdout, "%s\n", reason);
	return !r;
}

/* Returns the exit status, and in ret_found whether there is anything. */
static int see_to_others(const struct association_namespaces *known, bool drill, bool *ret_found)
{
	struct others others = { .known = known, .drill = drill, .forget = wants_manual() };
	const struct netns_visitor visitor = {
		.visit = look_here, .missed = miss, .context = &others,
	};
	int r = netns_walk(WALK_MS, &visitor);

	if (r)
		printf("not all network name spaces were looked at: %s\n", strerror(-r));
	if (others.forbidden)
		printf("SAs are not to be seen here: this needs CAP_NET_ADMIN\n");
	if (others.unknown && !others.forget)
		printf("other copies of this machine have their keys and counters too: replace them, on both ends; see vmgend-hooks(7)\n");
	*ret_found = others.unknown || others.error;
	return r || others.error || others.missed || (others.unknown && !others.forget);
}

/* ---- the daemons --------------------------------------------------------- */

static int count_blocks(struct netlink *xfrm, void *context)
{
	struct association_blocked *blocked = context;
	struct ipsec_policies policies;
	int r = ipsec_list(xfrm, &policies);

	if (r)
		return r;
	blocked->required += ipsec_count_of(&policies, IPSEC_REQUIRED);
	blocked->optional += ipsec_count_of(&policies, IPSEC_OPTIONAL);
	ipsec_free(&policies);
	return 0;
}

static int drill_units(const struct ike_units *units, struct association_namespaces *ret_known)
{
	struct association_blocked blocked = { .required = 0 };
	int r = association_visit(units, count_blocks, &blocked, ret_known);
	size_t i;

	for (i = 0; i < units->n; i++)
		printf("would freeze %s, and start it again with 50-ipsec\n", units->unit[i].name);
	if (r && r != -EPROTONOSUPPORT) {
		printf("its policies cannot be read: %s\n", strerror(-r));
		return 1;
	}
	printf("would forget its SAs, and block what its policies match (%u) until then\n",
	       blocked.required + blocked.optional);
	return 0;
}

static int stop_units(struct ike_units *units, struct association_namespaces *ret_known)
{
	struct association_blocked blocked = { .required = 0 };
	int status, r = association_visit(units, association_forget, &blocked, ret_known);

	status = freeze_all(units);
	status |= note(units);
	return report(r, &blocked) | status;
}

int association_stop(bool drill)
{
	struct association_namespaces known = { .n = 0 };
	struct ike_units units;
	int status = 0, other;
	bool found;

	ike_find(ike_mounts, drill ? NULL : freeze, &units);
	if (units.n)
		status = drill ? drill_units(&units, &known) : stop_units(&units, &known);
	other = see_to_others(&known, drill, &found);
	if (!units.n && !found) {
		printf("no IKE daemon runs here, and no SAs are seen\n");
		return other ? other : NOT_APPLICABLE;
	}
	ike_release(&units);
	return status | other;
}
