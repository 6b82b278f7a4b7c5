/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The places of a host's word. What is in them may be anybody's: the driver of fw_cfg takes
 * the list of files at its start, so a machine that was restored beside another list reads
 * some other file there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hostplace.h"

enum {
	PATH_SIZE = 512,
	/* Of SMBIOS: the whole table, and the types of its structures. */
	TABLE_LIMIT = 1 << 20,
	SMBIOS_HEADER = 4,
	SMBIOS_OEM_STRINGS = 11,
	SMBIOS_END = 127,
};

struct paths {
	const char *sysfs, *credentials;
};

/* The caller frees ret_bytes, which has room for one more. Returns 0 or -errno. */
static int read_bytes(const char *path, size_t limit, char **ret_bytes, size_t *ret_size)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), r = 0;
	char *bytes;
	size_t used = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	bytes = malloc(limit + 1);
	if (!bytes)
		r = -ENOMEM;
	while (!r && (n = read(fd, bytes + used, limit + 1 - used))) {
		if (n < 0 && errno != EINTR)
			r = -errno;
		else if (n > 0 && (used += n) > limit)
			r = -EFBIG;
	}
	close(fd);
	if (r) {
		free(bytes);
		return r;
	}
	*ret_bytes = bytes;
	*ret_size = used;
	return 0;
}

/* For what is always whole, and needs no newline to tell so. */
static int parse_line(char *line, struct hostword *ret_word, char *ret_reason)
{
	size_t length = strlen(line);

	if (!length || line[length - 1] != '\n')
		line[length++] = '\n';
	return hostword_parse(line, length, ret_word, ret_reason);
}

static int read_fw_cfg(const struct paths *paths, struct hostword *ret_word, char *ret_reason)
{
	char path[PATH_SIZE], *bytes;
	size_t size;
	int r;

	snprintf(path, sizeof(path), "%s/" HOSTPLACE_FW_CFG, paths->sysfs);
	r = read_bytes(path, HOSTWORD_LIMIT, &bytes, &size);
	if (r)
		return r;
	r = hostword_parse(bytes, size, ret_word, ret_reason);
	free(bytes);
	return r;
}

/*
 * The table of all structures, which Linux shows whether or not it has a driver for single ones.
 * Each has its formatted part, of the length in its second byte, then strings, each with its
 * NUL, and one more NUL, or two where it has no string.
 */
struct table {
	char *bytes;
	size_t size;
};

/* Where the strings of the structure at place begin; the end of the table: it has none. */
static size_t strings_of(const struct table *table, size_t place)
{
	size_t length;

	/* The one before may have had no end. */
	if (place > table->size || table->size - place < SMBIOS_HEADER)
		return table->size;
	length = (unsigned char)table->bytes[place + 1];
	return length < SMBIOS_HEADER || table->size - place < length ? table->size : place + length;
}

/* Returns the string that carries a word, or NULL. *ret_n: how many do. */
static const char *find_string(const struct table *table, unsigned int *ret_n)
{
	size_t place = 0, string;
	const char *found = NULL;
	int type;

	for (*ret_n = 0; (string = strings_of(table, place)) < table->size; place = string + 1) {
		type = (unsigned char)table->bytes[place];
		if (type == SMBIOS_END)
			break;
		/* The first of the two NULs. */
		if (!table->bytes[string])
			string++;
		for (; string < table->size && table->bytes[string];
		     string += strlen(table->bytes + string) + 1) {
			if (type != SMBIOS_OEM_STRINGS ||
			    strncmp(table->bytes + string, HOSTPLACE_STRING, strlen(HOSTPLACE_STRING)))
				continue;
			found = table->bytes + string + strlen(HOSTPLACE_STRING);
			++*ret_n;
		}
	}
	return found;
}

static int read_smbios(const struct paths *paths, struct hostword *ret_word, char *ret_reason)
{
	char path[PATH_SIZE], line[HOSTWORD_LIMIT + 2];
	struct table table;
	const char *string;
	unsigned int n;
	int r;

	snprintf(path, sizeof(path), "%s/" HOSTPLACE_SMBIOS, paths->sysfs);
	r = read_bytes(path, TABLE_LIMIT, &table.bytes, &table.size);
	if (r)
		return r;
	table.bytes[table.size] = '\0';
	string = find_string(&table, &n);
	if (string)
		snprintf(line, sizeof(line) - 1, "%s", string);
	free(table.bytes);
	if (n < 2)
		return string ? parse_line(line, ret_word, ret_reason) : -ENOENT;
	snprintf(ret_reason, HOSTWORD_REASON_SIZE, "the firmware has %u strings that begin with "
		 HOSTPLACE_STRING ", and one could be left over", n);
	return -EBADMSG;
}

static int read_credential(const struct paths *paths, struct hostword *ret_word, char *ret_reason)
{
	char path[PATH_SIZE], *bytes;
	size_t size;
	int r;

	if (!paths->credentials)
		return -ENOENT;
	snprintf(path, sizeof(path), "%s/" HOSTPLACE_CREDENTIAL, paths->credentials);
	r = read_bytes(path, HOSTWORD_LIMIT, &bytes, &size);
	if (r)
		return r;
	bytes[size] = '\0';
	/* It may have padding as well. */
	r = memchr(bytes, '\n', size) ? hostword_parse(bytes, size, ret_word, ret_reason) :
	    parse_line(bytes, ret_word, ret_reason);
	free(bytes);
	return r;
}

static const struct {
	const char *name;
	int (*read)(const struct paths *paths, struct hostword *ret_word, char *ret_reason);
	bool live;
} places[HOSTPLACES] = {
	{ "fw_cfg", read_fw_cfg, true },
	/* Both are as they were at the boot. */
	{ "smbios", read_smbios, false },
	{ "credential", read_credential, false },
};

const char *hostplace_name(size_t place)
{
	return places[place].name;
}

bool hostplace_is_live(size_t place)
{
	return places[place].live;
}

int hostplace_read(size_t place, const char *sysfs, const char *credentials,
		   struct hostword *ret_word, char ret_reason[HOSTWORD_REASON_SIZE])
{
	const struct paths paths = { .sysfs = sysfs, .credentials = credentials };
	int r;

	*ret_reason = '\0';
	r = places[place].read(&paths, ret_word, ret_reason);
	if (r && r != -ENOENT && !*ret_reason)
		snprintf(ret_reason, HOSTWORD_REASON_SIZE, "%s", r == -EFBIG ?
			 "it is longer than any word, so this is something else" : strerror(-r));
	return r;
}
