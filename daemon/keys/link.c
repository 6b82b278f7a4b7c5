/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 */
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "link.h"

struct question {
	const char *kind;
	struct link_list *list;
};

static bool is_of(const struct nlattr *information, const char *kind)
{
	const struct nlattr *attribute;

	if (mnl_attr_validate(information, MNL_TYPE_NESTED) < 0)
		return false;
	mnl_attr_for_each_nested(attribute, information)
		if (mnl_attr_get_type(attribute) == IFLA_INFO_KIND)
			return mnl_attr_validate(attribute, MNL_TYPE_STRING) >= 0 &&
			       mnl_attr_get_payload_len(attribute) >= strlen(kind) &&
			       !strncmp(mnl_attr_get_str(attribute), kind,
					mnl_attr_get_payload_len(attribute));
	return false;
}

static void add_link(struct link_list *list, uint32_t index, uint32_t lower, const char *name)
{
	if (list->n == LINKS_MAX) {
		list->more = true;
		return;
	}
	list->interfaces[list->n].index = index;
	list->interfaces[list->n].lower = lower;
	strcpy(list->interfaces[list->n++].name, name);
}

static int take_link(const struct nlmsghdr *message, void *context)
{
	const struct ifinfomsg *own = mnl_nlmsg_get_payload(message);
	struct question *question = context;
	const struct nlattr *attribute;
	bool is_one = false, elsewhere = false;
	const char *name = NULL;
	uint32_t lower = 0;

	if (message->nlmsg_type != RTM_NEWLINK ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(*own))
		return MNL_CB_OK;
	mnl_attr_for_each(attribute, message, sizeof(*own)) {
		switch (mnl_attr_get_type(attribute)) {
		case IFLA_IFNAME:
			if (!mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING))
				name = mnl_attr_get_str(attribute);
			break;
		case IFLA_LINK:
			if (!mnl_attr_validate(attribute, MNL_TYPE_U32))
				lower = mnl_attr_get_u32(attribute);
			break;
		case IFLA_LINK_NETNSID:
			elsewhere = true;
			break;
		case IFLA_LINKINFO:
			is_one = is_of(attribute, question->kind);
			break;
		}
	}
	if (is_one && name && strlen(name) < IF_NAMESIZE)
		add_link(question->list, own->ifi_index, elsewhere ? 0 : lower, name);
	return MNL_CB_OK;
}

/* Linux leaves out the others, unless it has never had an interface of this kind. */
int link_list(struct netlink *route, const char *kind, struct link_list *ret_list)
{
	struct question question = { .kind = kind, .list = ret_list };
	char buffer[128] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *request;
	struct nlattr *information;
	unsigned int i;
	int r = -EINTR;

	for (i = 0; i < NETLINK_TRIES && r == -EINTR; i++) {
		ret_list->n = 0;
		ret_list->more = false;
		request = netlink_begin(buffer, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg),
					NULL);
		information = mnl_attr_nest_start(request, IFLA_LINKINFO);
		mnl_attr_put_str(request, IFLA_INFO_KIND, kind);
		mnl_attr_nest_end(request, information);
		r = netlink_ask(route, request, take_link, &question);
	}
	return r;
}
