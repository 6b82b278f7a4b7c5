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
	/* Of one structure of SMBIOS, with its strings. */
	STRUCTURE_LIMIT = 65536,
	STRUCTURES_MAX = 64,
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
 * A structure is followed by its strings, each with its NUL, and by another NUL. Returns the
 * string that carries a word, or NULL. *ret_n: how many do.
 */
static char *find_string(char *bytes, size_t size, unsigned int *ret_n)
{
	size_t place = size > 1 ? (unsigned char)bytes[1] : size, length;
	char *found = NULL;

	bytes[size] = '\0';
	for (; place < size && bytes[place]; place += length + 1) {
		length = strlen(bytes + place);
		if (strncmp(bytes + place, HOSTPLACE_STRING, strlen(HOSTPLACE_STRING)))
			continue;
		found = bytes + place + strlen(HOSTPLACE_STRING);
		++*ret_n;
	}
	return found;
}

/* Reads one structure of OEM strings. Returns as hostplace_read(). */
static int read_structure(const struct paths *paths, unsigned int number, unsigned int *ret_n,
			  struct hostword *ret_word, char *ret_reason)
{
	char path[PATH_SIZE], line[HOSTWORD_LIMIT + 2], *bytes, *string;
	size_t size;
	int r;

	snprintf(path, sizeof(path), "%s/firmware/dmi/entries/11-%u/raw", paths->sysfs, number);
	r = read_bytes(path, STRUCTURE_LIMIT, &bytes, &size);
	if (r)
		return r;
	string = find_string(bytes, size, ret_n);
	if (string) {
		snprintf(line, sizeof(line) - 1, "%s", string);
		r = parse_line(line, ret_word, ret_reason);
	}
	free(bytes);
	return string ? r : 0;
}

static int read_smbios(const struct paths *paths, struct hostword *ret_word, char *ret_reason)
{
	unsigned int number, n = 0, found = 0;
	int r, result = -ENOENT;

	for (number = 0; number < STRUCTURES_MAX; number++) {
		r = read_structure(paths, number, &n, ret_word, ret_reason);
		if (r == -ENOENT)
			break;
		if (n != found || r)
			result = r;
		found = n;
	}
	if (n < 2)
		return result;
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
		snprintf(ret_reason, HOSTWORD_REASON_SIZE, "%s", strerror(-r));
	return r;
}
