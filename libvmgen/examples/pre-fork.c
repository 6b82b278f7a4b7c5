/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * pre-fork PORT [DEVICE]: a server on the loopback interface that gives
 * each client an identifier nobody else gets: a random prefix, which is
 * one process's alone, and a count. Two things would make another
 * process go on with the same prefix, fork(2) and a clone of the
 * machine, and each is told in its own way.
 */
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libvmgen.h>

#define CHILDREN	3

struct identifiers {
	struct vmgen_guard guard;
	uint64_t prefix;
	unsigned int count;
};

static int renew(void *arg)
{
	struct identifiers *ids = (struct identifiers *)arg;
	uint64_t prefix;

	if (getrandom(&prefix, sizeof(prefix), 0) != sizeof(prefix))
		return -EIO;
	ids->prefix = prefix;
	ids->count = 0;
	return 0;
}

/*
 * A device that is not there, or cannot tell, will not be able to later either.
 * One that cannot be asked any more is a failure, not an answer.
 */
static int now(struct vmgen *world, uint64_t *ret_generation)
{
	int r = vmgen_settled(world, ret_generation);

	return r == -EINVAL || r == -EOPNOTSUPP ? 0 : r;
}

/*
 * A clone that is made between renew and count hands out the same as its
 * siblings. So look before and after: what was made in between is of now.
 */
static int next(struct vmgen *world, struct identifiers *ids)
{
	uint64_t before = 0, after = 0;
	int r;

	do {
		r = now(world, &before);
		if (r >= 0)
			r = vmgen_guard_run(world, &ids->guard, 0, renew, ids);
		ids->count++;
		if (r >= 0)
			r = now(world, &after);
	} while (r >= 0 && after != before);
	return r;
}

static int serve(struct vmgen *world, int listener, struct identifiers *ids)
{
	int client, r;

	for (;;) {
		client = accept(listener, NULL, NULL);
		if (client < 0 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (client < 0)
			return -errno;
		/* After accept(), where the process waits for days. */
		r = next(world, ids);
		if (r < 0)
			dprintf(client, "error: %s\n", strerror(-r));
		else
			dprintf(client, "%016" PRIx64 "-%u\n", ids->prefix,
				ids->count);
		close(client);
	}
}

static int listen_on(uint16_t port)
{
	struct sockaddr_in address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	memset(&address, 0, sizeof(address));
	address.sin_family = AF_INET;
	address.sin_port = htons(port);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, SOMAXCONN) < 0)
		return -errno;
	return fd;
}

static int fail(int error)
{
	fprintf(stderr, "pre-fork: %s\n", strerror(-error));
	return 1;
}

int main(int argc, char **argv)
{
	struct identifiers ids = { VMGEN_GUARD_INIT, 0, 0 };
	struct vmgen *world = NULL;
	int i, listener, r;
	pid_t pid;

	if (argc < 2) {
		fprintf(stderr, "usage: pre-fork PORT [DEVICE]\n");
		return 2;
	}
	/* Once, while there may be privileges; the children use copies. */
	r = vmgen_open(argc > 2 ? argv[2] : NULL, 0, &world);
	if (r < 0)
		fprintf(stderr, "pre-fork: slow, no device: %s\n",
			strerror(-r));
	listener = listen_on((uint16_t)atoi(argv[1]));
	if (listener < 0)
		return fail(listener);
	/* Its start is the first event that needs an identifier. */
	r = next(world, &ids);
	if (r < 0)
		return fail(r);
	printf("%016" PRIx64 "-%u\n", ids.prefix, ids.count);
	fflush(stdout);
	for (i = 0; i < CHILDREN; i++) {
		pid = fork();
		if (pid < 0)
			return fail(-errno);
		if (pid > 0)
			continue;
		/*
		 * The guard is a copy too, and says that all is fresh: to the
		 * library a fork is no change. A new guard says renew.
		 */
		memset(&ids.guard, 0, sizeof(ids.guard));
		return fail(serve(world, listener, &ids));
	}
	while (wait(NULL) > 0)
		;
	vmgen_close(world);
	return 1;
}
