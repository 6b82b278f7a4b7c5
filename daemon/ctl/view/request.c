/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * Asks vmgend for a drill: leaves a request in its runtime directory, tells it by a
 * signal, and looks for the answer in status.json.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "arguments.h"
#include "base/compat.h"
#include "base/json.h"
#include "base/paths.h"
#include "base/systemd.h"
#include "base/text.h"
#include "process/lock.h"
#include "request.h"
#include "results.h"
#include "vmgend.h"

/* Between looks at status.json, which is replaced each time. */
enum { PAUSE_NS = 50000000 };

/* What goes on between the request and its answer. */
struct exchange {
	const struct ctl *ctl;
	const struct request *request;
	char id[17];
	char locks[PATH_MAX];
	int dir_fd, lock_fd;
	bool told_waiting;
};

static enum ctl_exit complain(int r)
{
	switch (r) {
	case -EACCES:
	case -EPERM:
		text_print(stderr, "vmgenctl: only root may run hooks\n");
		return CTL_NO_RIGHTS;
	case -ESRCH:
	case -ENOENT:
		text_print(stderr, "vmgenctl: vmgend is not running: %s\n",
			   systemd_or("systemctl start vmgend", "start it with the init system of this machine"));
		return CTL_NOT_RUNNING;
	case -EAGAIN:
		text_print(stderr, "vmgenctl: vmgend did not take the request, because it was just starting, or the request was damaged; try again\n");
		return CTL_FAILED;
	case -ETIMEDOUT:
		text_print(stderr, "vmgenctl: the timeout is over; hooks that are running continue, see vmgenctl status --json\n");
		return CTL_TIMEOUT;
	default:
		text_print(stderr, "vmgenctl: cannot ask vmgend: %s\n", file_strerror(r));
		return CTL_FAILED;
	}
}

/* One at a time, or the answer to one would take the place of another's. */
static int open_exchange(struct exchange *exchange)
{
	const char *directory = exchange->ctl->runtime_dir;
	pid_t holder = 0;
	uint64_t random;
	int r;

	if (snprintf(exchange->locks, sizeof(exchange->locks), "%s/" NAME_LOCKS, directory) >=
	    (int)sizeof(exchange->locks))
		return -ENAMETOOLONG;
	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return -errno;
	snprintf(exchange->id, sizeof(exchange->id), "%016" PRIx64, random);
	r = lock_holder(exchange->locks, "vmgend", &holder);
	if (!r)
		r = lock_open(exchange->locks, "trigger", &exchange->lock_fd);
	if (r)
		return r;
	r = lock_take(exchange->lock_fd, &holder);
	if (r == -EWOULDBLOCK)
		text_print(stderr, "vmgenctl: process %d waits for a drill already\n", (int)holder);
	if (!r) {
		exchange->dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		r = exchange->dir_fd < 0 ? -errno : 0;
	}
	if (r)
		close(exchange->lock_fd);
	return r;
}

static int write_request(const struct exchange *exchange)
{
	struct json_object *json = json_object_new_object();
	const struct request *request = exchange->request;
	int r = -ENOMEM;

	if (json &&
	    !json_add(json, "id", json_object_new_string(exchange->id)) &&
	    !json_add(json, "real", json_object_new_boolean(request->real)) &&
	    (!request->hook || !json_add(json, "hook", json_object_new_string(request->hook))) &&
	    (!request->rerun || !json_add(json, "rerun", json_object_new_string(request->rerun))))
		r = json_replace_file(exchange->dir_fd, NAME_TRIGGER, json, 0600, FILE_ATOMIC);
	json_object_put(json);
	return r;
}

/* The descriptor makes sure that no other process gets the signal. */
static int signal_vmgend(const struct exchange *exchange)
{
	pid_t pid, still;
	int fd, r;

	r = lock_holder(exchange->locks, "vmgend", &pid);
	if (r)
		return r;
	fd = pidfd_open(pid, 0);
	if (fd < 0)
		return -errno;
	r = lock_holder(exchange->locks, "vmgend", &still);
	if (!r && still != pid)
		r = -ESRCH;
	if (!r && pidfd_send_signal(fd, SIGUSR1, NULL, 0))
		r = -errno;
	close(fd);
	return r;
}

/* Returns 0; -EINPROGRESS: not over yet; -ENOENT: it is another's, or none. */
static int judge_drill(struct exchange *exchange, struct json_object *status)
{
	struct json_object *drill;
	const char *id, *phase;
	bool ours, over;

	if (!json_object_object_get_ex(status, "drill", &drill) ||
	    json_get_text(drill, "id", &id) || json_get_text(drill, "phase", &phase))
		return -ENOENT;
	ours = !strcmp(id, exchange->id);
	over = !strcmp(phase, "over");
	if (ours && over)
		return 0;
	if (!over && !(ours && !strcmp(phase, "running")) && !exchange->told_waiting) {
		exchange->told_waiting = true;
		text_print(stderr, "vmgenctl: waiting for hooks that are running\n");
	}
	return ours ? -EINPROGRESS : -ENOENT;
}

static int look(struct exchange *exchange, struct json_object **ret_status)
{
	/* Before the status, because vmgend removes it after it has told. */
	bool taken = faccessat(exchange->dir_fd, NAME_TRIGGER, F_OK, 0) && errno == ENOENT;
	struct json_object *status;
	bool running;
	int r;

	r = vmgend_status(exchange->ctl->runtime_dir, &status, &running);
	if (r)
		return r == -ENOENT ? -ESRCH : r;
	r = judge_drill(exchange, status);
	if (!r) {
		*ret_status = status;
		return 0;
	}
	json_object_put(status);
	if (!running)
		return -ESRCH;
	return r == -ENOENT && taken ? -EAGAIN : -EINPROGRESS;
}

static int wait_for_answer(struct exchange *exchange, struct json_object **ret_status)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	int64_t deadline = exchange->request->deadline_ns;
	int r;

	for (;;) {
		r = look(exchange, ret_status);
		if (r != -EINPROGRESS)
			return r;
		if (deadline >= 0 && boottime_ns() >= deadline)
			return -ETIMEDOUT;
		nanosleep(&pause, NULL);
	}
}

static enum ctl_exit ask(struct exchange *exchange)
{
	struct json_object *status;
	enum ctl_exit code;
	int r;

	r = write_request(exchange);
	if (!r)
		r = signal_vmgend(exchange);
	if (!r)
		r = wait_for_answer(exchange, &status);
	if (r) {
		/* Nobody must find it later. */
		(void)unlinkat(exchange->dir_fd, NAME_TRIGGER, 0);
		return complain(r);
	}
	code = results_print(exchange->ctl, status, exchange->request->rerun,
			     exchange->request->json);
	json_object_put(status);
	return code;
}

enum ctl_exit request_run(const struct ctl *ctl, const struct request *request)
{
	struct exchange exchange = { .ctl = ctl, .request = request };
	enum ctl_exit code;
	int r;

	r = open_exchange(&exchange);
	if (r == -EWOULDBLOCK)
		return CTL_FAILED;
	if (r)
		return complain(r);
	code = ask(&exchange);
	close(exchange.dir_fd);
	close(exchange.lock_fd);
	return code;
}
