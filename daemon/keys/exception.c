/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/trust.h"
#include "exception.h"

enum {
	LINE_LIMIT = 1024,
	MAPPED_BITS = 96,
};

#define BLANKS " \t\r\n\v\f"

struct reader {
	const char *path;
	unsigned int line;
	char *error;
};

static int __attribute__((format(printf, 2, 3)))
refuse(const struct reader *reader, const char *format, ...)
{
	va_list args;
	int n;

	n = snprintf(reader->error, EXCEPTION_ERROR_SIZE, "%s, line %u: ", reader->path,
		     reader->line);
	if (n < 0 || n >= EXCEPTION_ERROR_SIZE)
		return -EINVAL;
	va_start(args, format);
	vsnprintf(reader->error + n, EXCEPTION_ERROR_SIZE - n, format, args);
	va_end(args);
	return -EINVAL;
}

static bool parse_number(const char *text, unsigned long least, unsigned long most,
			 unsigned long *ret_number)
{
	unsigned long number;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	number = strtoul(text, &end, 10);
	if (errno || *end || number < least || number > most)
		return false;
	*ret_number = number;
	return true;
}

static bool match(const struct in6_addr *address, const struct in6_addr *network, unsigned int bits)
{
	unsigned int bytes = bits / 8, rest = bits % 8;

	if (memcmp(address, network, bytes))
		return false;
	return !rest || !((address->s6_addr[bytes] ^ network->s6_addr[bytes]) >> (8 - rest));
}

/* Is it the first of its network? Otherwise the length may be mistyped, and keeps too many. */
static bool is_network(const struct in6_addr *address, unsigned int bits)
{
	unsigned int i;

	for (i = bits; i < 128; i++)
		if (address->s6_addr[i / 8] & 0x80 >> i % 8)
			return false;
	return true;
}

static int take_address(const struct reader *reader, char *word, struct in6_addr *ret_address,
			unsigned int *ret_bits)
{
	char *slash = strchr(word, '/');
	struct in6_addr address = IN6ADDR_ANY_INIT;
	unsigned long bits, most;
	bool wide;

	if (slash)
		*slash = '\0';
	wide = strchr(word, ':');
	if (!wide)
		address.s6_addr[10] = address.s6_addr[11] = 0xff;
	if (inet_pton(wide ? AF_INET6 : AF_INET, word, &address.s6_addr[wide ? 0 : 12]) != 1)
		return refuse(reader, "\"%.100s\" is no address: write one as 192.0.2.1, 192.0.2.0/24 or 2001:db8::/64, not a name",
			      word);
	bits = most = wide ? 128 : 32;
	if (slash && !parse_number(slash + 1, 1, most, &bits))
		return refuse(reader, "\"%.20s\" is no length of a prefix: write a number from 1 to %lu after the '/'",
			      slash + 1, most);
	bits += wide ? 0 : MAPPED_BITS;
	if (!is_network(&address, bits))
		return refuse(reader, "\"%.100s\" is no network of /%.20s: correct the length, or write the network's first address",
			      word, slash + 1);
	*ret_address = address;
	*ret_bits = bits;
	return 0;
}

static int take_port(const struct reader *reader, const char *word, uint16_t *ret_port)
{
	unsigned long port;

	if (!parse_number(word, 1, 65535, &port))
		return refuse(reader, "\"%.100s\" is no port: write a number from 1 to 65535", word);
	*ret_port = port;
	return 0;
}

static int take_condition(const struct reader *reader, const char *name, char *value,
			  struct exception *exception)
{
	if (!strcmp(name, "address"))
		return exception->own_bits ? -EEXIST :
		       take_address(reader, value, &exception->own, &exception->own_bits);
	if (!strcmp(name, "peer"))
		return exception->peer_bits ? -EEXIST :
		       take_address(reader, value, &exception->peer, &exception->peer_bits);
	if (!strcmp(name, "port"))
		return exception->own_port ? -EEXIST :
		       take_port(reader, value, &exception->own_port);
	if (!strcmp(name, "peer-port"))
		return exception->peer_port ? -EEXIST :
		       take_port(reader, value, &exception->peer_port);
	return refuse(reader, "\"%.100s\" is none of address, port, peer and peer-port", name);
}

/* Returns 1 where the line says nothing. */
static int take_line(const struct reader *reader, char *line, struct exception *ret_exception)
{
	struct exception exception = { .own_port = 0 };
	char *rest, *name, *value;
	int r;

	line[strcspn(line, "#")] = '\0';
	name = strtok_r(line, BLANKS, &rest);
	if (!name)
		return 1;
	for (; name; name = strtok_r(NULL, BLANKS, &rest)) {
		value = strtok_r(NULL, BLANKS, &rest);
		if (!value)
			return refuse(reader, "nothing follows \"%.100s\": write, for example, \"port 22\" or \"peer 192.0.2.0/24\"",
				      name);
		r = take_condition(reader, name, value, &exception);
		if (r == -EEXIST)
			return refuse(reader, "\"%.100s\" is there twice: write the second into a line of its own",
				      name);
		if (r)
			return r;
	}
	*ret_exception = exception;
	return 0;
}

static int check_text(const struct reader *reader, const char *line, size_t length)
{
	if (length > LINE_LIMIT)
		return refuse(reader, "has more than %d bytes: write less into one line",
			      LINE_LIMIT);
	/* It would hide the rest of its line. */
	if (strlen(line) != length)
		return refuse(reader, "holds a zero byte: save the file as UTF-8");
	return 0;
}

static int add(const struct reader *reader, struct exceptions *exceptions,
	       const struct exception *exception)
{
	if (exceptions->n == EXCEPTION_MAX)
		return refuse(reader, "is one more than the %d that are possible: write prefixes",
			      EXCEPTION_MAX);
	exceptions->all[exceptions->n++] = *exception;
	return 0;
}

static int read_lines(struct reader *reader, FILE *file, struct exceptions *exceptions)
{
	struct exception exception;
	char *line = NULL;
	size_t size = 0;
	ssize_t length;
	int r = 0;

	while (!r && (length = getline(&line, &size, file)) >= 0) {
		reader->line++;
		r = check_text(reader, line, length);
		if (!r)
			r = take_line(reader, line, &exception);
		if (!r)
			r = add(reader, exceptions, &exception);
		else if (r > 0)
			r = 0;
	}
	if (!r && !feof(file)) {
		r = -(errno ? errno : EIO);
		(void)refuse(reader, "cannot read on: %s", strerror(-r));
	}
	free(line);
	return r;
}

int exception_read(const char *path, struct exceptions *ret_exceptions,
		   char ret_error[EXCEPTION_ERROR_SIZE])
{
	struct reader reader = { .path = path, .error = ret_error };
	FILE *file;
	int fd, r;

	ret_exceptions->n = 0;
	r = trust_open(path, O_RDONLY, &fd, ret_error, EXCEPTION_ERROR_SIZE);
	if (r)
		return r == -ENOENT ? 0 : r;
	file = fdopen(fd, "r");
	if (!file) {
		r = -errno;
		snprintf(ret_error, EXCEPTION_ERROR_SIZE, "%s: %s", path, strerror(-r));
		close(fd);
		return r;
	}
	r = read_lines(&reader, file, ret_exceptions);
	fclose(file);
	return r;
}

bool exception_holds(const struct exceptions *exceptions, const struct connection_ends *ends)
{
	const struct exception *e;

	for (e = exceptions->all; e < exceptions->all + exceptions->n; e++)
		if (match(&ends->own, &e->own, e->own_bits) &&
		    match(&ends->peer, &e->peer, e->peer_bits) &&
		    (!e->own_port || e->own_port == ends->own_port) &&
		    (!e->peer_port || e->peer_port == ends->peer_port))
			return true;
	return false;
}
