/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * A handle of libvmgen that the host uses from outside, step by step: reads the
 * names of functions from standard input, one a line with its arguments, and
 * answers each with a line of numbers, first what the function returned.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <vmgen/vmgenid.h>

#include "libvmgen.h"

static struct vmgen *v;
static struct vmgen_guard guard;
static int runs;

static int count_run(void *arg)
{
	(void)arg;
	runs++;
	return 0;
}

/* open FLAGS [PATH] */
static void do_open(char *args)
{
	char *path = strchr(args, ' ');

	printf("%d", vmgen_open(path ? path + 1 : NULL, (unsigned int)strtoul(args, NULL, 0), &v));
}

static void do_close(char *args)
{
	(void)args;
	v = vmgen_close(v);
	printf("0");
}

static void do_info(char *args)
{
	struct vmgen_info info = { 0 };
	int r = vmgen_info(v, &info, sizeof(info));

	(void)args;
	printf("%d %u %u %" PRIu64, r, info.device, info.flags, info.generation);
}

static void do_changed(char *args)
{
	(void)args;
	printf("%d", vmgen_changed(v));
}

static void do_changed_now(char *args)
{
	(void)args;
	printf("%d", vmgen_changed_now(v));
}

static void do_generation(char *args)
{
	(void)args;
	printf("%" PRIu64, vmgen_generation(v));
}

static void do_event(char *args)
{
	struct vmgen_event event = { 0 };
	int r = vmgen_event(v, &event, sizeof(event));

	(void)args;
	printf("%d %" PRIu64, r, event.generation);
}

/* wait KNOWN NANOSECONDS */
static void do_wait(char *args)
{
	uint64_t generation = 0;
	char *end;
	uint64_t known = strtoull(args, &end, 0);
	int r = vmgen_wait(v, known, strtoll(end, NULL, 0), &generation);

	printf("%d %" PRIu64, r, generation);
}

static void do_fd(char *args)
{
	int r = vmgen_fd(v);

	(void)args;
	printf("%d", r < 0 ? r : 0);
}

/* poll MILLISECONDS */
static void do_poll(char *args)
{
	struct pollfd p = { .fd = vmgen_fd(v), .events = POLLIN };
	int r = poll(&p, 1, atoi(args));

	printf("%d %d", r, p.revents);
}

static void do_read(char *args)
{
	struct vmgen_event event = { 0 };
	int r = vmgen_read(v, &event, sizeof(event));

	(void)args;
	printf("%d %" PRIu64, r, event.generation);
}

/* read(2) of the descriptor, with nothing of the library before it. */
static void do_take(char *args)
{
	struct vmgenid_record record = { .generation = 0 };
	ssize_t n = read(vmgen_fd(v), &record, sizeof(record));

	(void)args;
	printf("%d %" PRIu64, n < 0 ? -errno : (int)n, (uint64_t)record.generation);
}

/* take_until KNOWN: does so until the mapped page has another generation. */
static void do_take_until(char *args)
{
	uint64_t known = strtoull(args, NULL, 0);
	struct vmgenid_record record;

	while (vmgen_generation(v) == known)
		(void)!read(vmgen_fd(v), &record, sizeof(record));
	printf("0");
}

static void do_id(char *args)
{
	uint8_t id[VMGEN_ID_SIZE];

	(void)args;
	printf("%d", vmgen_id(v, id));
}

static void do_getrandom(char *args)
{
	uint8_t bytes[8];

	(void)args;
	printf("%d", vmgen_getrandom(v, bytes, sizeof(bytes)));
}

static void do_guard(char *args)
{
	int r = vmgen_guard_run(v, &guard, 0, count_run, NULL);

	(void)args;
	printf("%d %d", r, runs);
}

/* As a program does that becomes a daemon. */
static void do_close_all(char *args)
{
	(void)args;
	printf("%d", close_range(STDERR_FILENO + 1, ~0U, 0));
}

static const struct {
	const char *name;
	void (*call)(char *args);
} functions[] = {
	{ "open", do_open },
	{ "close", do_close },
	{ "info", do_info },
	{ "changed", do_changed },
	{ "changed_now", do_changed_now },
	{ "generation", do_generation },
	{ "event", do_event },
	{ "wait", do_wait },
	{ "fd", do_fd },
	{ "poll", do_poll },
	{ "read", do_read },
	{ "take", do_take },
	{ "take_until", do_take_until },
	{ "id", do_id },
	{ "getrandom", do_getrandom },
	{ "guard", do_guard },
	{ "close_all", do_close_all },
};

static void call(const char *name, char *args)
{
	size_t i;

	for (i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
		if (!strcmp(functions[i].name, name))
			return functions[i].call(args);
	printf("unknown: %s", name);
}

int main(void)
{
	char line[256];
	char *args;

	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		args = line + strcspn(line, " ");
		if (*args)
			*args++ = '\0';
		call(line, args);
		putchar('\n');
		fflush(stdout);
	}
	vmgen_close(v);
	return 0;
}
