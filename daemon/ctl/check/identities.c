/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What vmgenctl check finds of identities: how many of them a clone of this machine would
 * have too. That is no fault of this machine, but who makes clones should know it.
 */
#include "ctl/view/inventory.h"
#include "finding.h"
#include "identity/identityfile.h"

struct count {
	size_t here, renewed, unseen;
};

static void count_all(const struct inventory *hooks, const struct identity_list *list,
		      struct count *count)
{
	const struct item *item;
	enum identity_state state;
	size_t i;

	for (i = 0; i < list->n; i++) {
		state = identity_look(&list->items[i], NULL);
		count->here += state == IDENTITY_HERE;
		count->unseen += state == IDENTITY_UNSEEN;
		item = state == IDENTITY_HERE ? inventory_find(hooks, list->items[i].hook) : NULL;
		count->renewed += item && item->state == ITEM_ON;
	}
}

void check_identities(const struct ctl *ctl, struct findings *findings)
{
	char error[IDENTITY_ERROR_SIZE], wrong[SETTINGS_ERROR_SIZE];
	struct count count = { .here = 0 };
	struct identity_list list;
	struct inventory hooks;

	/* Without hooks nothing is renewed, and check_service() says why. */
	if (inventory_read(ctl->config, &hooks, wrong))
		return;
	if (identity_list_read(ctl->inventory, &list, error)) {
		finding_add(findings, "identity", FINDING_WARNING,
			    "install vmgend again, which has it",
			    "vmgenctl cannot tell what a clone of this machine would share with it: %s", error);
		inventory_clear(&hooks);
		return;
	}
	count_all(&hooks, &list, &count);
	finding_add(findings, "identity", FINDING_NOTE, "vmgenctl identity list",
		    "identities of this machine that a clone would share:  %zu; of these, hooks renew %zu on intent clone",
		    count.here, count.renewed);
	if (count.unseen)
		finding_add(findings, "identity", FINDING_NOTE, "run this as root",
			    "identities that this user cannot see:  %zu", count.unseen);
	identity_list_clear(&list);
	inventory_clear(&hooks);
}
