/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The command line of vmgend.
 */
#include <errno.h>
#include <stdio.h>

#include "base/commandline.h"
#include "base/paths.h"
#include "base/text.h"
#include "options.h"

#ifndef VERSION
#error "the Makefile defines VERSION"
#endif

static void usage(FILE *stream)
{
	fprintf(stream,
		"Usage: vmgend [OPTION]...\n"
		"Repairs this system after its virtual machine was cloned or restored.\n"
		"\n"
		"      --config=FILE      instead of " PATH_CONFIG "\n"
		"      --check-config     check the configuration and exit\n"
		"      --check-device     print what tells of changes and exit\n"
		"      --device=NODE      instead of " PATH_DEVICE "\n"
		"      --state-dir=DIR    instead of " PATH_STATE_DIR "\n"
		"      --runtime-dir=DIR  instead of " PATH_RUNTIME_DIR "\n"
		"      --syslog           log to syslog, not to standard error\n"
		"      --help             print this text and exit\n"
		"      --version          print the version and exit\n"
		"\n"
		"It stays in the foreground. See vmgend(8) and vmgend-hooks(7).\n");
}

static int set_path(char **path, const char *value)
{
	int r = settings_parse_path(value, path);

	if (r == -EINVAL)
		text_print(stderr, "vmgend: \"%s\" is not an absolute path: use one that begins with /\n", value);
	return r;
}

int options_parse(int argc, char **argv, struct options *options, struct config *config)
{
	enum { CONFIG = 1, CHECK_CONFIG, CHECK_DEVICE, DEVICE, STATE_DIR, RUNTIME_DIR, SYSLOG,
	       HELP, VERSION_OPTION };
	static const struct option table[] = {
		{ "config", required_argument, NULL, CONFIG },
		{ "check-config", no_argument, NULL, CHECK_CONFIG },
		{ "check-device", no_argument, NULL, CHECK_DEVICE },
		{ "device", required_argument, NULL, DEVICE },
		{ "state-dir", required_argument, NULL, STATE_DIR },
		{ "runtime-dir", required_argument, NULL, RUNTIME_DIR },
		{ "syslog", no_argument, NULL, SYSLOG },
		{ "help", no_argument, NULL, HELP },
		{ "version", no_argument, NULL, VERSION_OPTION },
		{ .name = NULL },
	};
	int option, r = 0;

	while (!r && (option = commandline_option("vmgend", argc, argv, false, table)) != -1) {
		switch (option) {
		case CONFIG:
			options->config_path = optarg;
			options->config_required = true;
			break;
		case CHECK_CONFIG:
			options->check_config = true;
			break;
		case CHECK_DEVICE:
			options->check_device = true;
			break;
		case DEVICE:
			r = set_path(&config->device, optarg);
			break;
		case STATE_DIR:
			r = set_path(&config->state_dir, optarg);
			break;
		case RUNTIME_DIR:
			r = set_path(&config->runtime_dir, optarg);
			break;
		case SYSLOG:
			options->syslog = true;
			break;
		case HELP:
			usage(stdout);
			return EXIT_STOPPED;
		case VERSION_OPTION:
			puts("vmgend " VERSION);
			return EXIT_STOPPED;
		default:
			r = -EINVAL;
		}
	}
	if (!r && optind == argc)
		return -1;
	if (!r)
		text_print(stderr, "vmgend: unexpected argument \"%s\"\n", argv[optind]);
	fprintf(stderr, "vmgend: vmgend --help lists all options\n");
	return EXIT_USAGE;
}
