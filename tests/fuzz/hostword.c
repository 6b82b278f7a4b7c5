/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The word of the host, wherever it leaves one; what it controls there may be anything. What is
 * taken was said: it holds in the bytes, for a plainer reading, too.
 *
 * Input: "f" for a file of fw_cfg, "s" for the table of SMBIOS, "c" for a credential; then it.
 */
#include <ctype.h>
#include <errno.h>

#include "place.h"
#include "record/hostplace.h"
#include "record/intentfile.h"

#define SYSFS		PLACE "/sys"
#define CREDENTIALS	PLACE "/credentials"

static const struct {
	char letter;
	const char *path;
} places[HOSTPLACES] = {
	{ 'f', SYSFS "/" HOSTPLACE_FW_CFG },
	{ 's', SYSFS "/" HOSTPLACE_SMBIOS },
	{ 'c', CREDENTIALS "/" HOSTPLACE_CREDENTIAL },
};

static bool says(const uint8_t *data, size_t size, const char *key, const char *value)
{
	char text[128];

	snprintf(text, sizeof(text), " %s=%s", key, value);
	return memmem(data, size, text, strlen(text));
}

static void try(size_t place, const uint8_t *data, size_t size)
{
	struct hostword word, untouched;
	char reason[HOSTWORD_REASON_SIZE];
	const char *p;
	int r;

	memset(&word, 0xa5, sizeof(word));
	memcpy(&untouched, &word, sizeof(word));
	memset(reason, 0xa5, sizeof(reason));
	place_write(places[place].path, data, size);
	r = hostplace_read(place, SYSFS, CREDENTIALS, &word, reason);
	for (p = reason; *p; p++)
		demand(isprint((unsigned char)*p) && p < reason + sizeof(reason) - 1);
	if (r) {
		demand(!memcmp(&untouched, &word, sizeof(word)));
		demand((r == -ENOENT) == !*reason);
		return;
	}
	demand(!*reason && hash_valid(word.id_hash) && intent_valid(word.intent));
	demand(memmem(data, size, "vmgen-intent 1 ", 15));
	demand(says(data, size, "intent", word.intent));
	demand(!*word.name || (record_name_valid(word.name) && says(data, size, "name", word.name)));
}

/* All directories above a file. */
static void make_way(const char *path)
{
	char above[PATH_MAX], *slash = above;

	strcpy(above, path);
	while ((slash = strchr(slash + 1, '/'))) {
		*slash = '\0';
		(void)mkdir(above, 0755);
		*slash = '/';
	}
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	size_t i;

	(void)argc;
	(void)argv;
	place_create();
	for (i = 0; i < HOSTPLACES; i++)
		make_way(places[i].path);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int before = count_descriptors();
	size_t i;

	for (i = 0; size && i < HOSTPLACES; i++)
		if (places[i].letter == *data)
			try(i, data + 1, size - 1);
	demand(count_descriptors() == before);
	return 0;
}
