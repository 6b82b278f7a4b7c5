/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * vmgenctl forget: clears what must not be in a system that is made to be
 * copied (a golden image). The first start of vmgend in a copy then adopts the
 * ID that it finds.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/systemd.h"
#include "base/text.h"
#include "config/config.h"
#include "ctl.h"
#include "ctl/view/arguments.h"
#include "record/fencefile.h"
#include "record/imagefile.h"
#include "record/intentfile.h"
#include "record/statefile.h"

static bool is_at_work(int fd)
{
	struct state state = { .boot_id = "" };
	bool at_work;

	/* One that cannot be read is best forgotten. */
	at_work = !state_load(fd, &state, NULL) && *state.run.id_hash;
	state_clear(&state);
	return at_work;
}

static int name_fence(const char *unit, const struct fence *fence, void *context)
{
	(void)fence;
	(void)context;
	text_print(stderr, "vmgenctl: %s stays fenced, in every copy (vmgenctl fence lift %s)\n", unit,
		   unit);
	return 0;
}

static void name_image(int fd)
{
	struct image image;
	const char *reason;

	if (image_read(fd, &image, &reason) != -ENOENT)
		text_print(stderr, "vmgenctl: the mark of vmgenctl image prepare stays, for every copy (vmgenctl image show)\n");
}

static enum ctl_exit forget(const struct ctl *ctl, int fd, const char *dropped)
{
	int r;

	if (is_at_work(fd)) {
		text_print(stderr, "vmgenctl: a change is not handled yet: %s, then forget\n",
			   systemd_or("systemctl start vmgend && vmgenctl wait --settled",
				      "start vmgend, vmgenctl wait --settled"));
		return CTL_NOT_HANDLED;
	}
	/* In this order: without a record no intent is used. */
	r = state_forget(fd);
	if (!r)
		r = intent_remove(fd, dropped);
	if (!r)
		r = fence_each(ctl->state_dir, name_fence, NULL);
	if (!r)
		name_image(fd);
	return r ? ctl_state_error(ctl, r) : CTL_OK;
}

enum ctl_exit ctl_forget(const struct ctl *ctl, int argc, char **argv)
{
	static const struct option table[] = { { .name = NULL } };
	char error[SETTINGS_ERROR_SIZE] = "the path of the configuration is too long";
	struct config config;
	enum ctl_exit code;
	int fd = -1, r;

	if (arguments_option(argc, argv, table) != -1 || !arguments_end(argc, argv, "forget"))
		return CTL_USAGE;
	code = ctl_open_state(ctl, &fd);
	if (code)
		return code;
	if (config_init(&config)) {
		text_print(stderr, "vmgenctl: out of memory\n");
		code = CTL_FAILED;
	} else {
		/* A mistake in it must not leave the record in an image. */
		r = config_read(&config, ctl->config, false, error);
		code = forget(ctl, fd, config.intent_file);
		if (r)
			text_print(stderr, "vmgenctl: %s; if it names another intent-file than %s, that is not looked for\n",
				   error, config.intent_file);
		if (r && !code)
			code = CTL_FAILED;
		config_clear(&config);
	}
	close(fd);
	return code;
}
