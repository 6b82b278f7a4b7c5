/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * vmgenctl wait: until the generation differs from a known one, and, if asked,
 * until vmgend has repaired the system.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/systemd.h"
#include "base/text.h"
#include "ctl.h"
#include "ctl/view/arguments.h"
#include "ctl/view/view.h"
#include "ctl/view/vmgend.h"

/* systemd starts vmgend again after a second. */
#define RESTART_NS	INT64_C(5000000000)

struct wait {
	/* NULL: without the kernel module vmgend may have something else to go by. */
	struct vmgen *device;
	bool settled;
	bool has_known;
	uint64_t known;
	/* CLOCK_BOOTTIME; negative: none. */
	int64_t deadline_ns;
};

static int64_t left_ns(const struct wait *wait)
{
	int64_t left;

	if (wait->deadline_ns < 0)
		return -1;
	left = wait->deadline_ns - boottime_ns();
	return left > 0 ? left : 0;
}

static int parse_generation(const char *text, uint64_t *ret_generation)
{
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	*ret_generation = strtoull(text, &end, 10);
	return errno || *end ? -EINVAL : 0;
}

static int parse(int argc, char **argv, struct wait *wait)
{
	static const struct option table[] = {
		{ "settled", no_argument, NULL, 's' },
		{ "timeout", required_argument, NULL, 't' },
		{ .name = NULL },
	};
	int option;

	while ((option = arguments_option(argc, argv, table)) != -1) {
		if (option == 's')
			wait->settled = true;
		else if (option != 't' || arguments_deadline(optarg, &wait->deadline_ns))
			return -EINVAL;
	}
	if (optind == argc)
		return 0;
	wait->has_known = true;
	if (parse_generation(argv[optind], &wait->known)) {
		text_print(stderr, "vmgenctl: \"%s\" is not a generation: use a number, as vmgenctl wait prints it\n", argv[optind]);
		return -EINVAL;
	}
	optind++;
	return arguments_end(argc, argv, "wait") ? 0 : -E2BIG;
}

static bool vmgend_runs(const struct ctl *ctl)
{
	struct json_object *status = NULL;
	bool running = false;

	if (vmgend_status(ctl->runtime_dir, &status, &running))
		return false;
	json_object_put(status);
	return running;
}

/*
 * Returns 0 when vmgend has handled the present generation, else -EAGAIN;
 * -ENXIO: the host provides no ID; -ESRCH: vmgend does not run.
 */
static int check_handled(const struct ctl *ctl, struct wait *wait, uint64_t *ret_generation)
{
	struct vmgen_event event;
	uint64_t handled;
	int r = vmgen_event(wait->device, &event, sizeof(event));

	if (r)
		return r;
	if (event.flags & VMGEN_NO_ID)
		return -ENXIO;
	if (!vmgend_runs(ctl))
		return -ESRCH;
	if (vmgend_generation(ctl->runtime_dir, &handled) || handled != event.generation)
		return -EAGAIN;
	*ret_generation = event.generation;
	return 0;
}

/* Returns 0: what vmgend says is what is waited for; -EAGAIN; -ESRCH: it does not run. */
static int check_told(const struct ctl *ctl, struct wait *wait, uint64_t *ret_generation)
{
	struct json_object *status;
	uint64_t generation;
	bool running, handled;
	int r;

	r = vmgend_status(ctl->runtime_dir, &status, &running);
	if (r)
		return r == -ENOENT ? -ESRCH : r;
	r = json_get_number(status, "generation", &generation);
	handled = view_is_true(status, "handled");
	json_object_put(status);
	if (r)
		return r;
	if (!running)
		return -ESRCH;
	/* Without a known one, and not for settled, this is where it begins. */
	if (!wait->has_known && !wait->settled) {
		wait->has_known = true;
		wait->known = generation;
	}
	if ((wait->has_known && generation == wait->known) || (wait->settled && !handled))
		return -EAGAIN;
	*ret_generation = generation;
	return 0;
}

/* Looks again and again, because vmgend may end without a word. */
static int wait_handled(const struct ctl *ctl, struct wait *wait, uint64_t *ret_generation)
{
	const struct timespec pause = { .tv_nsec = 100000000 };
	int64_t seen_ns = boottime_ns();
	int r;

	for (;;) {
		r = wait->device ? check_handled(ctl, wait, ret_generation) :
		    check_told(ctl, wait, ret_generation);
		if (r == -EAGAIN)
			seen_ns = boottime_ns();
		/* It may just be starting again. */
		else if (r != -ESRCH || boottime_ns() - seen_ns > RESTART_NS)
			return r;
		if (!left_ns(wait))
			return -ETIMEDOUT;
		nanosleep(&pause, NULL);
	}
}

static int wait_change(const struct wait *wait, uint64_t *ret_generation)
{
	uint64_t known = wait->known;
	struct vmgen_event event;
	int r;

	/* For settled alone, the present generation will do. */
	if (!wait->has_known && !wait->settled) {
		r = vmgen_event(wait->device, &event, sizeof(event));
		if (r)
			return r;
		known = event.generation;
	}
	return vmgen_wait(wait->device, known, left_ns(wait), ret_generation);
}

static bool vmgend_has_another(const struct ctl *ctl)
{
	struct view view;
	bool fallback;

	view_read(ctl, &view);
	fallback = view.fallback;
	view_clear(&view);
	return fallback;
}

static enum ctl_exit report(int r, uint64_t generation)
{
	switch (r) {
	case 0:
		text_print(stdout, "%" PRIu64 "\n", generation);
		return CTL_OK;
	case -ETIMEDOUT:
		return CTL_TIMEOUT;
	case -ESRCH:
		text_print(stderr, "vmgenctl: vmgend is not running: %s\n",
			   systemd_or("systemctl start vmgend", "start it with the init system of this machine"));
		return CTL_NOT_RUNNING;
	case -ENXIO:
		text_print(stderr, "vmgenctl: the host provides no ID: give the device of this VM a GUID on the host\n");
		return CTL_NO_ID;
	default:
		text_print(stderr, "vmgenctl: cannot wait: %s\n", strerror(-r));
		return CTL_FAILED;
	}
}

enum ctl_exit ctl_wait(const struct ctl *ctl, int argc, char **argv)
{
	struct wait wait = { .deadline_ns = -1 };
	uint64_t generation = 0;
	enum guest guest;
	int r;

	if (parse(argc, argv, &wait))
		return CTL_USAGE;
	r = vmgen_open(ctl->device, VMGEN_VMGENID, &wait.device);
	if (r && !vmgend_has_another(ctl)) {
		guest = guest_diagnose(r, ctl->device, GUEST_SYSFS);
		text_print(stderr, "vmgenctl: cannot use %s: %s; %s\n", ctl->device, strerror(-r),
			   guest_explain(guest, GUEST_SYSFS));
		return ctl_guest_exit(guest);
	}
	r = wait.device ? wait_change(&wait, &generation) : 0;
	if (!r && (wait.settled || !wait.device))
		r = wait_handled(ctl, &wait, &generation);
	vmgen_close(wait.device);
	return report(r, generation);
}
