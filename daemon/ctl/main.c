/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * vmgenctl: asks the device and vmgend's files.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/commandline.h"
#include "base/file.h"
#include "base/paths.h"
#include "base/text.h"
#include "ctl.h"

#ifndef VERSION
#error "the Makefile defines VERSION"
#endif

#define JSON_OPTION \
	"      --json             print JSON instead of words\n"

/* Also what completes command lines: packaging/bash-completion/vmgenctl. */
static const struct command {
	const char *name;
	const char *arguments;
	const char *summary;
	enum ctl_exit (*run)(const struct ctl *ctl, int argc, char **argv);
	/* A line for each subcommand ("  NAME ...") and option; may be NULL. */
	const char *details;
} commands[] = {
	{
		"status", "[--json]", "show whether this machine is protected, and whether the last change was handled",
		ctl_status, JSON_OPTION,
	},
	{
		"check", "[--json|--units]", "show what protects this machine, what does not, and the remedy",
		ctl_check,
		"      --units            only the services that 80-restart-units restarts for \"auto\"\n"
		JSON_OPTION,
	},
	{
		"wait", "[--settled] [--timeout=SECONDS] [KNOWN]",
		"wait for a change, or with --settled until it is handled", ctl_wait,
		"      --settled          until vmgend has handled it\n"
		"      --timeout=SECONDS  no longer than this\n",
	},
	{
		"watch", "[--json]", "print each change and what vmgend does, line by line",
		ctl_watch, JSON_OPTION,
	},
	{
		"hooks", "list|why|run [OPTION]... [NAME]",
		"list hooks, explain why one runs or not, run one", ctl_hooks,
		"  list                   all hooks, in the order in which they run\n"
		"  why NAME               its file, its settings, and what is wrong with it\n"
		"  run NAME               run it alone, in a drill as vmgenctl trigger\n"
		"      --real             run: for real, with event changed\n"
		"      --timeout=SECONDS  run: wait no longer than this\n"
		JSON_OPTION,
	},
	{
		"trigger", "[--real|--failed] [--timeout=SECONDS] [--json]",
		"start a drill: run all hooks with event test, and show what they print", ctl_trigger,
		"      --real             for real: reseed, then run all hooks with event changed\n"
		"      --failed           for real: only the hooks that failed in the last run\n"
		"      --timeout=SECONDS  wait no longer than this\n"
		JSON_OPTION,
	},
	{
		"history", "[--json]", "list the runs that finished, the latest last", ctl_history,
		JSON_OPTION,
	},
	{
		"intent", "clone [--now [--timeout=SECONDS]] | restore|clear|show",
		"declare what the next change will be", ctl_intent,
		"  clone                  the next change makes this machine a clone\n"
		"  restore                the next change restores this machine\n"
		"  clear                  clear the declared intent\n"
		"  show                   what is declared, by the host too\n"
		"      --now              clone: the last change was that; run the hooks that waited\n"
		"      --timeout=SECONDS  with --now: wait no longer than this\n",
	},
	{
		"fence", "set [--force] UNIT REASON | lift|check|show UNIT | list",
		"keep a unit down until somebody has fixed what a change broke", ctl_fence,
		"  set UNIT REASON        keep it down: it asks before it starts\n"
		"      --force            set: also a unit that systemd does not know\n"
		"  lift UNIT              let it start again\n"
		"  check UNIT             for ExecStartPre=: fails while it is fenced\n"
		"  show UNIT              why it is fenced, and whether it is down\n"
		"  list                   all that are fenced\n",
	},
	{
		"openssl", "enable|disable|status [--service=UNIT] | disable --all",
		"make OpenSSL use random numbers that no clone has", ctl_openssl,
		"  enable                 for all programs, in the configuration of OpenSSL\n"
		"  disable                restore that configuration\n"
		"  status                 what a program that starts now would use\n"
		"      --service=UNIT     for this service alone\n"
		"      --all              for every program and each service\n",
	},
	{
		"image", "prepare|show|undo", "give each copy of this system an identity of its own",
		ctl_image,
		"  prepare                as forget, and mark this system for its copies\n"
		"  show                   whether it is marked, and what a copy runs\n"
		"  undo                   remove the mark\n",
	},
	{
		"identity", "list [--json]", "list what a clone of this machine would share with it",
		ctl_identity,
		"  list                   what this machine has, and what renews it\n"
		JSON_OPTION,
	},
	{
		"forget", "", "clear the record, in a system that will be copied",
		ctl_forget, NULL,
	},
	{
		"metrics", "[--output=FILE]", "print the status for Prometheus", ctl_metrics,
		"      --output=FILE      replace FILE in one step\n",
	},
};

enum { N_COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static void usage(FILE *stream)
{
	size_t i;

	fprintf(stream,
		"Usage: vmgenctl [OPTION]... COMMAND [ARGUMENT]...\n"
		"Shows whether this virtual machine was cloned or restored, and repaired.\n"
		"\n");
	for (i = 0; i < N_COMMANDS; i++)
		fprintf(stream, "  %s %s\n          %s\n", commands[i].name, commands[i].arguments,
			commands[i].summary);
	fprintf(stream,
		"\n"
		"      --device=NODE      instead of " PATH_DEVICE "\n"
		"      --runtime-dir=DIR  instead of " PATH_RUNTIME_DIR "\n"
		"      --state-dir=DIR    instead of " PATH_STATE_DIR "\n"
		"      --config=FILE      of vmgend, instead of " PATH_CONFIG "\n"
		"      --inventory=FILE   of identities, instead of " PATH_IDENTITIES "\n"
		"      --help             print this text and exit\n"
		"      --version          print the version and exit\n"
		"\n"
		"COMMAND --help explains a command. The exit status is the answer. See vmgenctl(1).\n");
}

static void usage_of(const struct command *command)
{
	printf("Usage: vmgenctl %s %s\n%s\n\n", command->name, command->arguments,
	       command->summary);
	printf("%s      --help             print this text and exit\n", command->details ?: "");
}

static bool wants_help(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && strcmp(argv[i], "--"); i++)
		if (!strcmp(argv[i], "--help"))
			return true;
	return false;
}

static enum ctl_exit run_command(const struct ctl *ctl, int argc, char **argv)
{
	enum ctl_exit code;
	size_t i;

	for (i = 0; i < N_COMMANDS; i++) {
		if (strcmp(commands[i].name, argv[0]))
			continue;
		if (wants_help(argc, argv)) {
			usage_of(&commands[i]);
			return CTL_OK;
		}
		/* Starts getopt_long() again, with the arguments of the command. */
		optind = 0;
		code = commands[i].run(ctl, argc, argv);
		if (code == CTL_USAGE)
			text_print(stderr, "Usage: vmgenctl %s %s\n", commands[i].name,
				   commands[i].arguments);
		return code;
	}
	text_print(stderr, "vmgenctl: unknown command \"%s\": vmgenctl --help lists all\n", argv[0]);
	return CTL_USAGE;
}

/* What was printed to a full disk is not there for who reads it. */
static enum ctl_exit finish(enum ctl_exit code)
{
	int r = fflush(stdout) || ferror(stdout) ? -errno : 0;

	if (!r || code == CTL_FAILED)
		return code;
	text_print(stderr, "vmgenctl: cannot write the output: %s\n", file_strerror(r));
	return code ? code : CTL_FAILED;
}

int main(int argc, char **argv)
{
	enum { DEVICE = 1, RUNTIME_DIR, STATE_DIR, CONFIG, INVENTORY, HELP, VERSION_OPTION };
	static const struct option table[] = {
		{ "device", required_argument, NULL, DEVICE },
		{ "runtime-dir", required_argument, NULL, RUNTIME_DIR },
		{ "state-dir", required_argument, NULL, STATE_DIR },
		{ "config", required_argument, NULL, CONFIG },
		{ "inventory", required_argument, NULL, INVENTORY },
		{ "help", no_argument, NULL, HELP },
		{ "version", no_argument, NULL, VERSION_OPTION },
		{ .name = NULL },
	};
	struct ctl ctl = {
		.device = PATH_DEVICE, .runtime_dir = PATH_RUNTIME_DIR,
		.state_dir = PATH_STATE_DIR, .config = PATH_CONFIG,
		.inventory = PATH_IDENTITIES,
	};
	int option;

	/* What follows the command belongs to the command. */
	while ((option = commandline_option("vmgenctl", argc, argv, true, table)) != -1) {
		switch (option) {
		case DEVICE:
			ctl.device = optarg;
			break;
		case RUNTIME_DIR:
			ctl.runtime_dir = optarg;
			break;
		case STATE_DIR:
			ctl.state_dir = optarg;
			break;
		case CONFIG:
			ctl.config = optarg;
			break;
		case INVENTORY:
			ctl.inventory = optarg;
			break;
		case HELP:
			usage(stdout);
			return CTL_OK;
		case VERSION_OPTION:
			puts("vmgenctl " VERSION);
			return CTL_OK;
		default:
			text_print(stderr, "vmgenctl: options of a command go after it: vmgenctl COMMAND --help lists them\n");
			return CTL_USAGE;
		}
	}
	if (optind == argc) {
		usage(stderr);
		return CTL_USAGE;
	}
	return finish(run_command(&ctl, argc - optind, argv + optind));
}
