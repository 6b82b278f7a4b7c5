/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * vmgen-changed.target. systemctl(1) asks for it in a process of its own: it can
 * reach systemd before there is a D-Bus, and nothing that it waits for can hold
 * vmgend up.
 */
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "log.h"
#include "target.h"

#define TARGET	"vmgen-changed.target"

static int spawn(pid_t *ret_pid)
{
	static const char *const argv[] = {
		"systemctl", "--no-block", "--no-ask-password", "start", TARGET, NULL,
	};
	posix_spawnattr_t attributes;
	sigset_t none, all;
	int r;

	r = posix_spawnattr_init(&attributes);
	if (r)
		return -r;
	sigemptyset(&none);
	sigfillset(&all);
	(void)posix_spawnattr_setsigmask(&attributes, &none);
	(void)posix_spawnattr_setsigdefault(&attributes, &all);
	(void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	r = posix_spawnp(ret_pid, argv[0], NULL, &attributes, (char *const *)argv, environ);
	posix_spawnattr_destroy(&attributes);
	return -r;
}

void target_start(struct target *target)
{
	int r;

	if (sd_booted() <= 0)
		return;
	target->again = target->pid != 0;
	if (target->again)
		return;
	r = spawn(&target->pid);
	if (!r)
		return;
	target->pid = 0;
	log_warning("cannot start " TARGET ": systemctl: %s", strerror(-r));
}

void target_advance(struct target *target)
{
	int status;

	if (!target->pid || waitpid(target->pid, &status, WNOHANG) != target->pid)
		return;
	target->pid = 0;
	if (status)
		log_warning("cannot start " TARGET ": systemctl says why above; is the unit installed?");
	if (target->again)
		target_start(target);
}
