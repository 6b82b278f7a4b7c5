/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * vmgend: repairs this system after its machine was cloned or restored from a
 * snapshot.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/notify.h"
#include "base/paths.h"
#include "guard/guardian.h"
#include "loop.h"
#include "options.h"
#include "repair/drill.h"
#include "repair/repair.h"
#include "repair/shutdown.h"
#include "repair/startup.h"
#include "repair/target.h"
#include "setup.h"
#include "witness/watcher.h"

enum {
	/* For the guardian to see a change that is seen here. */
	GUARDIAN_LIMIT_MS = 1000,
	/* Before a guardian or a guard that is missing is tried again; doubled each time. */
	FIRST_RETRY_SEC = 1,
	LAST_RETRY_SEC = 64,
};

struct daemon {
	const struct options *options;
	struct config config;
	struct witness witness;
	struct loop *loop;
	struct guardian guardian;
	/* The configuration is another one now. */
	bool guardian_outdated;
	unsigned int retry_sec;
	struct repair repair;
	struct drill drill;
	struct target target;
	/* -1: there is nobody to confirm to. */
	int watcher_fd;
	bool ready;
	enum exit_code exit_code;
};

static void stop(struct daemon *daemon, enum exit_code exit_code)
{
	daemon->exit_code = exit_code;
	loop_stop(daemon->loop);
}

/* Without one, vmgend runs the guards itself, and is slower at that. */
static int start_guardian(struct daemon *daemon)
{
	int r;

	r = guardian_start(&daemon->config, &daemon->guardian);
	if (!r && daemon->loop)
		r = loop_watch_guardian(daemon->loop, daemon->guardian.fd);
	if (r)
		log_error("cannot start the guardian: %s; guards start later than they could",
			  r == -EBUSY ? "the previous one hangs in the kernel" : strerror(-r));
	return r;
}

static void drop_guardian(struct daemon *daemon)
{
	(void)loop_watch_guardian(daemon->loop, -1);
	guardian_stop(&daemon->guardian);
}

/* Another one, which knows that there is nothing to do at its start. */
static void renew_guardian(struct daemon *daemon)
{
	static const struct keeper_order nothing = { .run.event = EVENT_NONE };

	daemon->guardian_outdated = false;
	drop_guardian(daemon);
	if (start_guardian(daemon))
		(void)loop_retry(daemon->loop, daemon->retry_sec);
	else
		(void)guardian_request(&daemon->guardian, &nothing);
}

static void settle(struct daemon *daemon)
{
	struct repair *repair = &daemon->repair;

	if (repair->failed) {
		stop(daemon, EXIT_FAILED);
		return;
	}
	if (repair->finished)
		daemon->retry_sec = FIRST_RETRY_SEC;
	if (repair->guard_lost || repair->guards_pending)
		(void)loop_retry(daemon->loop, daemon->retry_sec);
	if (daemon->guardian_outdated && repair_idle(repair))
		renew_guardian(daemon);
	if (!daemon->ready && !repair_holds_start(repair)) {
		daemon->ready = true;
		notify_ready();
	}
	if (repair->finished)
		target_start(&daemon->target);
	repair->finished = false;
	/* Readable all the time while hooks run, so not before. */
	if (repair_idle(repair) && daemon->watcher_fd >= 0)
		(void)loop_watch_once(daemon->loop, daemon->watcher_fd);
}

static void lose_guardian(struct daemon *daemon, const char *reason)
{
	log_error("the guardian %s; vmgend runs the guards itself until there is another one",
		  reason);
	drop_guardian(daemon);
	(void)loop_retry(daemon->loop, daemon->retry_sec);
	repair_take_over(&daemon->repair);
}

/* The guards come first: all that is done here may take their time or their CPU. */
static void let_guardian_begin(struct daemon *daemon, uint64_t generation)
{
	struct guardian_message message;
	int r;

	/* It says so once where changes follow each other at once. */
	if (daemon->guardian.begun == generation)
		return;
	r = guardian_read(&daemon->guardian, GUARDIAN_LIMIT_MS, &message);
	if (!r)
		repair_hear(&daemon->repair, &message);
	else if (r == -EAGAIN)
		lose_guardian(daemon, "has not detected the change");
}

/* guards_begun: the guardian has said so. */
static void look(struct daemon *daemon, bool guards_begun)
{
	uint64_t known = daemon->repair.seen.generation;
	struct sighting sighting;
	int r;

	r = witness_read(&daemon->witness);
	if (r == -EPIPE) {
		log_warning("the kernel's log was written faster than vmgend could read it; it may have reported a change");
		(void)repair_reseed(&daemon->repair.seen);
	}
	/* Of a host that is slow to write -ETIMEDOUT. */
	if (r == -EAGAIN || r == -EINTR || r == -EPIPE || r == -ETIMEDOUT)
		return;
	if (!r)
		r = sighting_look(&daemon->witness, &sighting);
	if (r == -ETIMEDOUT)
		return;
	if (r) {
		log_error("cannot read %s any more: %s", witness_node(daemon->witness.kind),
			  strerror(-r));
		stop(daemon, EXIT_FAILED);
		return;
	}
	/* The first read tells what was seen at the start. */
	if (sighting.generation != known) {
		if (!guards_begun && sighting.has_id)
			let_guardian_begin(daemon, sighting.generation);
		/* Hooks of a drill are in the way of those of a change, but not of the reseed. */
		repair_change(&daemon->repair, &sighting, drill_is_in_way(&daemon->drill));
		if (sighting.has_id)
			drill_stop(&daemon->drill);
	}
	settle(daemon);
}

static void on_witness(void *context)
{
	look(context, false);
}

static void on_guardian(void *context)
{
	struct daemon *daemon = context;
	struct guardian_message message;
	bool begun = false;
	int r;

	while (!(r = guardian_read(&daemon->guardian, 0, &message))) {
		/* One that works is not to be waited for so long. */
		daemon->retry_sec = FIRST_RETRY_SEC;
		repair_hear(&daemon->repair, &message);
		begun |= message.word == GUARDIAN_BEGUN;
	}
	if (r != -EAGAIN)
		lose_guardian(daemon, "is gone");
	/* Nothing else may have woken this process up. */
	if (begun)
		look(daemon, true);
	else
		settle(daemon);
}

static void on_retry(void *context)
{
	struct daemon *daemon = context;

	if (daemon->retry_sec < LAST_RETRY_SEC)
		daemon->retry_sec *= 2;
	if (repair_misses_guards(&daemon->repair))
		lose_guardian(daemon, "does not answer");
	else if (!daemon->guardian.pid)
		renew_guardian(daemon);
	repair_retry(&daemon->repair);
	settle(daemon);
}

/* SysGenID's generation moves after that of the witness, which so is looked at second. */
static void on_watcher(void *context)
{
	struct daemon *daemon = context;
	uint32_t generation = 0;
	int r;

	r = watcher_read(daemon->watcher_fd, &generation);
	on_witness(daemon);
	if (!r && repair_idle(&daemon->repair))
		r = watcher_confirm(daemon->watcher_fd, generation);
	/* -EINVAL: it has moved on, and is readable again. */
	if (!r || r == -EAGAIN || r == -EINTR || r == -EINVAL) {
		settle(daemon);
		return;
	}
	log_warning("cannot confirm changes to " WATCHER_NODE " any more: %s", strerror(-r));
	/* Nobody must wait for it any more. */
	close(daemon->watcher_fd);
	daemon->watcher_fd = -1;
}

static void on_child(void *context)
{
	struct daemon *daemon = context;

	target_advance(&daemon->target);
	/* In this order: what the start begins has been advanced there. */
	repair_advance(&daemon->repair);
	startup_advance(&daemon->repair);
	drill_advance(&daemon->drill);
	settle(daemon);
}

static void on_request(void *context)
{
	struct daemon *daemon = context;

	drill_request(&daemon->drill);
	settle(daemon);
}

static void on_reload(void *context)
{
	struct daemon *daemon = context;
	const struct options *options = daemon->options;
	char error[SETTINGS_ERROR_SIZE] = "the path of the configuration is too long";
	int r;

	if (daemon->ready)
		notify_reloading();
	r = config_reload(&daemon->config, options->config_path, options->config_required, error);
	if (r)
		log_error("the configuration was not reloaded: %s", error);
	else
		log_notice("the configuration was reloaded");
	daemon->guardian_outdated |= !r;
	settle(daemon);
	if (daemon->ready)
		notify_ready();
}

static void on_stop(void *context)
{
	struct daemon *daemon = context;

	notify_stopping();
	if (daemon->repair.run)
		log_notice("stopping during a run: hooks that are running continue, and the next start runs the rest");
	else if (!drill_is_in_way(&daemon->drill))
		shutdown_mark(&daemon->repair, &daemon->witness);
	stop(daemon, EXIT_STOPPED);
}

static void on_courier(void *context)
{
	struct daemon *daemon = context;

	courier_advance(daemon->repair.courier);
}

static void on_alive(void *context)
{
	(void)context;
	notify_alive();
}

static int watch(struct daemon *daemon)
{
	static const struct loop_handlers handlers = {
		.witness = on_witness, .guardian = on_guardian, .retry = on_retry,
		.courier = on_courier, .watcher = on_watcher, .child = on_child,
		.reload = on_reload, .request = on_request, .stop = on_stop, .alive = on_alive,
	};
	struct sighting sighting;
	int r;

	r = sighting_look(&daemon->witness, &sighting);
	if (r) {
		log_error("cannot read %s: %s", witness_node(daemon->witness.kind), strerror(-r));
		return r;
	}
	r = loop_new(&handlers, daemon, notify_alive_interval(), &daemon->loop);
	if (r) {
		log_error("cannot make the event loop: %s", strerror(-r));
		return r;
	}
	/* Most machines without the module have no such device. */
	if (watcher_open(WATCHER_NODE, &daemon->watcher_fd))
		daemon->watcher_fd = -1;
	repair_init(&daemon->repair, &daemon->config);
	daemon->repair.guardian = &daemon->guardian;
	daemon->repair.courier = setup_courier(&daemon->config);
	drill_init(&daemon->drill, &daemon->repair);
	startup_begin(&daemon->repair, &sighting);
	r = loop_watch(daemon->loop, witness_fd(&daemon->witness));
	if (!r && daemon->repair.courier)
		r = loop_watch_courier(daemon->loop, courier_fd(daemon->repair.courier));
	if (!r)
		r = loop_watch_guardian(daemon->loop, daemon->guardian.pid ? daemon->guardian.fd : -1);
	if (!r) {
		settle(daemon);
		/* A stop before the loop would be forgotten in it. */
		r = daemon->repair.failed ? 0 : loop_run(daemon->loop);
	}
	if (r)
		log_error("the event loop failed: %s", strerror(-r));
	repair_report(&daemon->repair, "stopped");
	drill_clear(&daemon->drill);
	repair_clear(&daemon->repair);
	daemon->repair.courier = courier_free(daemon->repair.courier);
	return r;
}

static enum exit_code run(const struct options *options, struct daemon *daemon)
{
	enum exit_code code;
	int r;

	if (options->check_device)
		return setup_check_device(daemon->config.device);
	code = setup_config(options, &daemon->config);
	if (options->check_config || code)
		return code;
	code = setup_witness(daemon->config.device, &daemon->witness);
	if (!code)
		code = setup_lock(&daemon->config);
	if (code)
		return code;
	/* Before anything that may hang. */
	(void)start_guardian(daemon);
	r = watch(daemon);
	guardian_stop(&daemon->guardian);
	return r ? EXIT_FAILED : daemon->exit_code;
}

/* A closed standard descriptor would become that of a file or a lock. */
static int open_standard_descriptors(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

int main(int argc, char **argv)
{
	struct options options = { .config_path = PATH_CONFIG };
	struct daemon daemon = { .options = &options, .retry_sec = FIRST_RETRY_SEC };
	int code, r;

	log_init();
	umask(022);
	/* The reader of the log may go away. */
	(void)signal(SIGPIPE, SIG_IGN);
	/* Until the loop takes them. */
	(void)signal(SIGHUP, SIG_IGN);
	(void)signal(SIGUSR1, SIG_IGN);
	r = open_standard_descriptors();
	if (r) {
		log_error("cannot open /dev/null: %s; mount /dev here", strerror(-r));
		return EXIT_FAILED;
	}
	r = config_init(&daemon.config);
	if (r) {
		log_error("cannot begin: %s", strerror(-r));
		return EXIT_FAILED;
	}
	code = options_parse(argc, argv, &options, &daemon.config);
	if (code < 0 && options.syslog)
		log_to_syslog();
	if (code < 0)
		code = run(&options, &daemon);
	daemon.loop = loop_free(daemon.loop);
	witness_close(&daemon.witness);
	config_clear(&daemon.config);
	return code;
}
