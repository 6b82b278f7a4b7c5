/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * A hook that stands by takes one packet, its environment, and nothing else.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keys/standby.h"
#include "run/environment.h"
#include "tap.h"

extern char **environ;

_Static_assert((int)STANDBY_PACKET_SIZE == (int)ENVIRONMENT_PACKET_SIZE, "both sides agree");

/* By the exit status of a child: its own error, if the environment is not as it should be. */
static int wait_in_child(int fd, const char *name, const char *value)
{
	static char standby[] = "VMGEN_STANDBY=1", *before[] = { standby, NULL };
	char target[16];
	int status, r;

	if (!fork()) {
		environ = before;
		if (dup2(fd, STDIN_FILENO) < 0)
			_exit(200);
		r = standby_wait();
		if (r)
			_exit(getenv("VMGEN_STANDBY") && !environ[1] ? -r : 201);
		if (getenv("VMGEN_STANDBY") || strcmp(getenv(name) ?: "", value))
			_exit(202);
		_exit(readlink("/proc/self/fd/0", target, sizeof(target)) == 9 ? 0 : 203);
	}
	return wait(&status) < 0 || !WIFEXITED(status) ? -1 : WEXITSTATUS(status);
}

/* size: 0: the packet never comes. */
static int hand_over(const void *packet, size_t size, const char *name, const char *value)
{
	int fds[2], status;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) ||
	    (size && send(fds[0], packet, size, 0) != (ssize_t)size))
		return -1;
	close(fds[0]);
	status = wait_in_child(fds[1], name, value);
	close(fds[1]);
	return status;
}

static void test_good(void)
{
	static const struct hook hook = { .name = "10-a", .directory = "/hooks", .band = 10 };
	struct record run = { .event = EVENT_CHANGED, .generation = 42, .source = "vmgenid", .hint = "unknown" };
	char packet[ENVIRONMENT_PACKET_SIZE], full[STANDBY_PACKET_SIZE];
	struct environment environment;
	ssize_t size;

	memset(run.id_hash, 'a', sizeof(run.id_hash) - 1);
	environment_init(&environment, &run, &hook, NULL);
	size = environment_pack(&environment, packet);
	ok(size > 0, "an environment fits");
	equal(hand_over(packet, size, "VMGEN_GENERATION", "42"), 0, "what vmgend sends is taken");
	equal(hand_over(packet, size, "VMGEN_INTENT", ""), 0, "with what is empty");
	equal(hand_over("HOME=/a=b", 10, "HOME", "/a=b"), 0, "a value may hold an equals sign");
	memset(full, 'x', sizeof(full));
	memcpy(full, "VMGEN_HINT=", 11);
	full[sizeof(full) - 1] = '\0';
	equal(hand_over(full, sizeof(full), "VMGEN_HINT", full + 11), 0, "as much as there may be");
	environment.envp[0] = full;
	equal(environment_pack(&environment, packet), -E2BIG, "vmgend sends no more than that");
}

static void test_bad(void)
{
	static const struct {
		const char *what, *packet;
		size_t size;
		int error;
	} cases[] = {
		{ "the end of file", "", 0, ENODATA },
		{ "text without its end", "VMGEN_EVENT=a", 13, EBADMSG },
		{ "a name without a value", "VMGEN_EVENT", 12, EBADMSG },
		{ "an empty text", "", 1, EBADMSG },
		{ "one after others", "VMGEN_EVENT=a\0", 15, EBADMSG },
		{ "a value without a name", "=a", 3, EBADMSG },
		{ "what the loader heeds", "VMGEN_EVENT=a\0LD_PRELOAD=/a", 28, EBADMSG },
		{ "no whole name of ours", "VMGEN_=a", 9, EBADMSG },
		{ "part of a name", "PAT=/a", 7, EBADMSG },
		{ "an odd name", "VMGEN_\033[2J=a", 13, EBADMSG },
	};
	static char much[STANDBY_PACKET_SIZE + 1] = "VMGEN_HINT=a";
	int pipe_fds[2];
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ok(hand_over(cases[i].packet, cases[i].size, "VMGEN_EVENT", "a") == cases[i].error,
		      "%s: nothing is taken", cases[i].what);
	equal(hand_over(much, sizeof(much), "", ""), EMSGSIZE, "nor does more than there may be");
	if (!pipe(pipe_fds))
		equal(wait_in_child(pipe_fds[0], "", ""), ENOTSOCK, "what is no socket is refused");
}

int main(void)
{
	unsetenv("VMGEN_STANDBY");
	equal(standby_wait(), 0, "who was executed in the usual way waits for nothing");
	test_good();
	test_bad();
	return tap_done();
}
