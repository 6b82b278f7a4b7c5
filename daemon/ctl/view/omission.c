/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Why hooks did not run.
 */
#include "omission.h"

#include <stdio.h>
#include <string.h>

#include "base/event.h"

/* Of a hook that would run by its file and its settings. */
static char *explain_event(const struct item *item, const struct occasion *occasion)
{
	unsigned int band = item->hook->band;
	char *text = NULL;
	enum event event;

	if (occasion->interrupted)
		return strdup("a change came before its turn, and runs it");
	if (event_parse(occasion->event, &event) || event_runs_band(event, occasion->intent, band))
		return strdup("it was installed or enabled after the hooks had been listed");
	if (event_runs_band(event, "clone", band))
		return strdup("at this event it runs with the declared intent clone alone");
	return asprintf(&text, "hooks of its number do not run at the event %s", occasion->event) < 0 ?
	       NULL : text;
}

char *omission_explain(const struct inventory *inventory, const struct item *item,
		       const struct occasion *occasion)
{
	char *text = NULL;

	switch (item->state) {
	case ITEM_ON:
		return explain_event(item, occasion);
	case ITEM_DISABLED:
		return asprintf(&text, "it is disabled: enabled = yes in %s/%s.conf enables it",
				inventory->config.hook_settings_dir, item->hook->name) < 0 ? NULL : text;
	case ITEM_MASKED:
		return asprintf(&text, "it is masked by %s/%s, an empty file or a link to /dev/null: remove that file to unmask it",
				item->hook->directory, item->hook->name) < 0 ? NULL : text;
	case ITEM_BAD_SETTINGS:
	case ITEM_UNUSABLE:
		break;
	}
	return strdup(item->reason ?: "");
}
