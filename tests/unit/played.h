/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * A whole vmgend in a child, on a device that the test plays: a generation in
 * shared memory, and a file that is written when it has moved, which each opener
 * hears of. Its files are in the test's scratch directory.
 */
#ifndef PLAYED_H
#define PLAYED_H

int vmgend_main(int argc, char **argv);
#define main vmgend_main
#include "main.c"
#undef main

#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "scratch.h"

static struct { uint64_t generation; bool no_poll, no_id; } *device;
/* Of this process: each has its own, as of the real device. */
static int device_fd = -1;

int vmgen_open(const char *node, unsigned int flags, struct vmgen **ret_device)
{
	(void)node;
	(void)flags;
	device_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (inotify_add_watch(device_fd, scratch_path("device"), IN_MODIFY) < 0)
		return -errno;
	*ret_device = (struct vmgen *)device;
	return 0;
}

struct vmgen *vmgen_close(struct vmgen *v)
{
	(void)v;
	return NULL;
}

int vmgen_info(struct vmgen *v, struct vmgen_info *ret_info, size_t size)
{
	const struct vmgen_info info = { .device = VMGEN_VMGENID, .flags = VMGEN_INFO_ID_VALID };

	(void)v;
	memcpy(ret_info, &info, size);
	return 0;
}

int vmgen_fd(const struct vmgen *v)
{
	(void)v;
	return device->no_poll ? -ENOSYS : device_fd;
}

int vmgen_event(struct vmgen *v, struct vmgen_event *ret_event, size_t size)
{
	const struct vmgen_event event = { .generation = device->generation };

	(void)v;
	memcpy(ret_event, &event, size);
	return 0;
}

int vmgen_read(struct vmgen *v, struct vmgen_event *ret_event, size_t size)
{
	char events[4096];

	if (read(device_fd, events, sizeof(events)) < 0 && !device->no_poll)
		return -errno;
	return vmgen_event(v, ret_event, size);
}

int vmgen_id(struct vmgen *v, uint8_t ret_id[VMGEN_ID_SIZE])
{
	(void)v;
	if (device->no_id)
		return -ENODATA;
	memset(ret_id, 'A' + device->generation, VMGEN_ID_SIZE);
	return 0;
}

static void played_create(void)
{
	device = mmap(NULL, sizeof(*device), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (device == MAP_FAILED)
		scratch_give_up("device");
	device->generation = 1;
	scratch_write("device", "", 0600);
}

static inline void played_change(void)
{
	device->generation++;
	scratch_write("device", "x", 0600);
}

static pid_t start_vmgend(void)
{
	char config_option[PATH_MAX + 16], state_option[PATH_MAX + 16], runtime_option[PATH_MAX + 16];
	char *argv[] = { (char *)"vmgend", config_option, state_option, runtime_option, NULL };
	pid_t pid;

	snprintf(config_option, sizeof(config_option), "--config=%s", scratch_path("conf"));
	snprintf(state_option, sizeof(state_option), "--state-dir=%s", scratch_path("state"));
	snprintf(runtime_option, sizeof(runtime_option), "--runtime-dir=%s", scratch_path("run"));
	fflush(stdout);
	pid = fork();
	if (pid)
		return pid;
	/* vmgenctl looks at the name before it sends a signal. */
	(void)prctl(PR_SET_NAME, "vmgend");
	umask(077);
	_exit(vmgend_main(4, argv));
}

/* Ends it, or waits for its end if signal_number is 0. Returns its status as a shell does. */
static int end_vmgend(pid_t pid, int signal_number)
{
	int status;

	if (signal_number)
		(void)kill(pid, signal_number);
	if (waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

#endif /* PLAYED_H */
