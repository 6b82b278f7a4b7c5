/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The command line of vmgend, and how it answers: its exit status.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "config/config.h"

/* Those of systemd.exec(5) and the LSB. */
enum exit_code {
	EXIT_STOPPED = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_NO_RIGHTS = 4,
	EXIT_NO_DEVICE = 5,
	EXIT_CONFIG = 6,
	EXIT_RUNNING = 75,
};

struct options {
	const char *config_path;
	bool config_required;
	bool check_config;
	bool check_device;
	bool syslog;
};

/*
 * Parses the command line; paths go to config. Says what is wrong on standard
 * error. Returns -1 to go on, or the exit status.
 */
int options_parse(int argc, char **argv, struct options *options, struct config *config);

#endif /* OPTIONS_H */
