/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * SAs of network name spaces where no known daemon is. They were set by hand, or by what would
 * not agree on others, so who comes in by them is locked out when they are forgotten.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "association.h"
#include "base/text.h"
#include "keys/netns.h"
#include "keys/place.h"

struct others {
	const struct ike_namespaces *known;
	/* What is done about them. */
	const char *what;
	bool forget, forbidden, failed;
	unsigned int count;
	struct association_blocked blocked;
	/* In other user name spaces, whose owners decide about no exit status. */
	unsigned int foreign, foreign_missed;
};

static int see_to(struct others *others, unsigned int *ret_n)
{
	struct netlink xfrm;
	int r = ipsec_open(&xfrm);

	if (r)
		return r;
	r = ipsec_count(&xfrm, ret_n);
	if (!r && *ret_n && others->forget)
		r = association_forget(&xfrm, &others->blocked);
	netlink_close(&xfrm);
	return r;
}

static void look_here(const struct netns *netns, void *context)
{
	const char *where = *netns->name ? netns->name : "of this system";
	struct others *others = context;
	unsigned int n = 0;
	int r;

	if (ike_is_in(others->known))
		return;
	r = see_to(others, &n);
	if (netns->foreign) {
		others->foreign += n;
		others->foreign_missed += r && r != -EPROTONOSUPPORT;
		return;
	}
	if (r == -EPERM)
		others->forbidden = true;
	if (r == -EPROTONOSUPPORT || r == -EPERM)
		return;
	others->count += n;
	if (r) {
		others->failed = true;
		text_print(stdout, "network name space %s: %s\n", where, strerror(-r));
	} else if (n) {
		text_print(stdout, "network name space %s: %u SAs that no known daemon has agreed on %s\n",
			   where, n, others->what);
	}
}

static void miss(const struct netns *netns, int error, void *context)
{
	struct others *others = context;

	if (netns->foreign) {
		others->foreign_missed++;
		return;
	}
	others->failed = true;
	text_print(stdout, "network name space %s was not looked at: %s\n", netns->name,
		   place_reason(error));
}

static void walk(struct others *others)
{
	const struct netns_visitor visitor = {
		.visit = look_here, .missed = miss, .context = others,
	};
	int r = netns_walk(NETNS_WALK_MS, &visitor);

	if (r) {
		others->failed = true;
		printf("not all network name spaces were looked at: %s\n", place_reason(r));
	}
	if (others->foreign)
		printf("%u SAs in network name spaces of other user name spaces %s\n",
		       others->foreign, others->what);
	if (others->foreign_missed)
		printf("%u network name spaces of other user name spaces were not looked at\n",
		       others->foreign_missed);
	if (others->forbidden)
		printf("this hook cannot see SAs: it needs CAP_NET_ADMIN\n");
}

void association_name_manual(const struct ike_namespaces *known)
{
	struct others others = { .known = known, .what = "are left to 10-ipsec-manual" };

	walk(&others);
}

int association_forget_manual(bool drill)
{
	struct ike_namespaces known;
	struct others others = {
		.known = &known, .forget = !drill, .blocked.only_optional = true,
		.what = drill ? "would be forgotten" : "are forgotten",
	};
	struct ike_units units;

	/* Those of a daemon that is missing here are to be forgotten as well, by 10-ipsec. */
	ike_find(ike_mounts, NULL, &units);
	ike_find_namespaces(&units, &known);
	ike_release(&units);
	walk(&others);
	if (others.count && !drill)
		printf("set others on both ends; until then what must be encrypted is dropped\n");
	if (others.blocked.optional)
		printf("what would leave in plain text without an SA (policies of level use: %u) is blocked; when there are others, in that network name space: " ASSOCIATION_LIFT "\n",
		       others.blocked.optional);
	if (others.failed)
		return 1;
	if (others.count)
		return 0;
	if (!others.foreign)
		printf("no SAs without a known IKE daemon are seen\n");
	return NOT_APPLICABLE;
}
