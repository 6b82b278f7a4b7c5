/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Lists of units that administrators write, and the inventory of identities: what is taken has
 * names that can be names, and each mistake has a line that names the file.
 *
 * Input: such a list, and an inventory, as parts.h has them.
 */
#include <errno.h>

#include "base/unitlist.h"
#include "base/unitname.h"
#include "identity/identityfile.h"
#include "parts.h"
#include "place.h"

#define LIST		PLACE "/units"
#define INVENTORY	PLACE "/identities"

static void try_list(enum unitlist_kind kind)
{
	static struct unitlist list;
	char unit[NAME_MAX + 1];
	const char *fault, *end;
	size_t i;

	memset(&list, 0xa5, sizeof(list));
	unitlist_read(LIST, kind, &list);
	demand(list.n <= UNITLIST_MAX && (kind == UNITLIST_AUTO || !list.automatic));
	for (i = 0; i < list.n; i++) {
		demand(!unitname_complete(list.entries[i].unit, unit));
		demand(!strcmp(list.entries[i].unit, unit));
		demand(unitlist_find(&list, unit) == &list.entries[i]);
		demand(kind == UNITLIST_AUTO || !list.entries[i].excepted);
	}
	demand(memchr(list.faults, '\0', sizeof(list.faults)));
	for (fault = list.faults; *fault; fault = end + 1) {
		end = strchr(fault, '\n');
		demand(end && can_be_shown(fault, end - fault, ""));
		demand(!strncmp(fault, LIST ", line ", strlen(LIST ", line ")));
	}
}

/* Each field is in the file, as far as nothing between them is in the way. */
static void try_inventory(const char *text, size_t size)
{
	struct identity_list list, untouched;
	char error[IDENTITY_ERROR_SIZE] = "";
	const struct identity *identity;
	size_t i;
	int r;

	memset(&list, 0xa5, sizeof(list));
	memcpy(&untouched, &list, sizeof(list));
	r = identity_list_read(INVENTORY, &list, error);
	if (r) {
		demand(!memcmp(&list, &untouched, sizeof(list)));
		demand(strstr(error, INVENTORY) && is_line(error));
		return;
	}
	for (i = 0; i < list.n; i++) {
		identity = &list.items[i];
		demand(*identity->name && *identity->harm && *identity->renewal && *identity->source);
		demand(!strpbrk(identity->name, "/ \n\t") && !strpbrk(identity->where, "\n\t"));
		demand(strlen(identity->hook) < IDENTITY_HOOK_SIZE);
		demand(memmem(text, size, identity->renewal, strlen(identity->renewal)));
		demand(memmem(text, size, identity->command, strlen(identity->command)));
	}
	identity_list_clear(&list);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	place_create();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct parts parts = { data, size };
	int before = count_descriptors();
	size_t length = 0;
	char *text = part_take(&parts, &length);

	place_write(LIST, text, length);
	free(text);
	try_list(UNITLIST_PLAIN);
	try_list(UNITLIST_AUTO);
	text = part_take(&parts, &length);
	if (text) {
		place_write(INVENTORY, text, length);
		try_inventory(text, length);
	}
	free(text);
	demand(count_descriptors() == before);
	return 0;
}
