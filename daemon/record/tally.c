/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What became of fork sentinels, as text and as JSON.
 */
#include <errno.h>
#include <stdio.h>

#include "base/json.h"
#include "tally.h"

static const struct {
	const char *key, *text;
} kinds[TALLY_KINDS] = {
	[TALLY_ZEROED] = { "zeroed", "zeroed" },
	[TALLY_AWARE] = { "aware", "left to /dev/sysgenid" },
	[TALLY_REFUSED] = { "refused", "refused by the kernel" },
	[TALLY_BLOCKED] = { "blocked", "given up, as the process held the look up" },
	[TALLY_UNSEEN] = { "unseen", "not looked at" },
};

const char *tally_text(const struct tally *tally, char text[TALLY_TEXT_SIZE])
{
	int i, n = 0;

	for (i = 0; i < TALLY_KINDS; i++)
		if (i == TALLY_ZEROED || tally->counts[i])
			n += snprintf(text + n, TALLY_TEXT_SIZE - n, "%s%s: %u", n ? "; " : "",
				      kinds[i].text, tally->counts[i]);
	return text;
}

uint32_t tally_missed(const struct tally *tally)
{
	if (!tally->known)
		return 0;
	return tally->counts[TALLY_REFUSED] + tally->counts[TALLY_BLOCKED] +
	       tally->counts[TALLY_UNSEEN];
}

int tally_add_json(const struct tally *tally, struct json_object *json)
{
	struct json_object *counts;
	int i;

	if (!tally->known)
		return 0;
	counts = json_object_new_object();
	for (i = 0; counts && i < TALLY_KINDS; i++) {
		if (!json_add(counts, kinds[i].key, json_object_new_int64(tally->counts[i])))
			continue;
		json_object_put(counts);
		return -ENOMEM;
	}
	return json_add(json, "sentinels", counts);
}

int tally_from_json(struct json_object *json, struct tally *ret_tally)
{
	struct tally tally = { .known = true };
	struct json_object *counts;
	uint64_t count;
	int i;

	if (!json_object_object_get_ex(json, "sentinels", &counts)) {
		*ret_tally = (struct tally){ .known = false };
		return 0;
	}
	if (!json_object_is_type(counts, json_type_object))
		return -EBADMSG;
	for (i = 0; i < TALLY_KINDS; i++) {
		if (json_get_number(counts, kinds[i].key, &count) || count > UINT32_MAX)
			return -EBADMSG;
		tally.counts[i] = count;
	}
	*ret_tally = tally;
	return 0;
}
