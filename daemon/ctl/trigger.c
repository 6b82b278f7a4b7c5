/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * vmgenctl trigger: has vmgend run hooks.
 */
#include <stdio.h>

#include "base/text.h"
#include "ctl.h"
#include "ctl/view/arguments.h"
#include "ctl/view/request.h"

enum ctl_exit ctl_trigger(const struct ctl *ctl, int argc, char **argv)
{
	static const struct option table[] = {
		{ "real", no_argument, NULL, 'r' },
		{ "failed", no_argument, NULL, 'f' },
		{ "timeout", required_argument, NULL, 't' },
		ARGUMENTS_JSON,
		{ .name = NULL },
	};
	struct request request = { .deadline_ns = -1 };
	int option;

	while ((option = arguments_option(argc, argv, table)) != -1) {
		if (option == 'r')
			request.real = true;
		else if (option == 'f')
			request.rerun = "failed";
		else if (option == 'j')
			request.json = true;
		else if (option != 't' || arguments_deadline(optarg, &request.deadline_ns))
			return CTL_USAGE;
	}
	if (!arguments_end(argc, argv, "trigger"))
		return CTL_USAGE;
	if (request.real && request.rerun) {
		text_print(stderr, "vmgenctl: --real runs all hooks, --failed only those that failed: use one of them\n");
		return CTL_USAGE;
	}
	return request_run(ctl, &request);
}
