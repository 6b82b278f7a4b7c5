/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * What vmgend needs before it can watch: its configuration, a witness, and to be
 * alone. What cannot be had is told here.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/guest.h"
#include "base/log.h"
#include "config/inspection.h"
#include "process/lock.h"
#include "repair/repair.h"
#include "setup.h"

/* Of settings whose hook is not there the first mistake alone is told. */
static enum exit_code check_hooks(const struct config *config, char *error)
{
	if (config_check_hooks(config, error) || config_check_users(config, error)) {
		log_error("%s", error);
		return EXIT_CONFIG;
	}
	return inspection_check_all(config, log_line) ? EXIT_CONFIG : EXIT_STOPPED;
}

enum exit_code setup_config(const struct options *options, struct config *config)
{
	static const struct sighting nothing = { .has_id = false };
	char error[SETTINGS_ERROR_SIZE] = "the path of the configuration is too long";

	if (config_read(config, options->config_path, options->config_required, error)) {
		log_error("%s", error);
		/* No other fault ever skips this. */
		if (!options->check_config)
			(void)repair_reseed(&nothing);
		return EXIT_CONFIG;
	}
	/* In daily use a mistake in a hook's file stops that hook alone. */
	return options->check_config ? check_hooks(config, error) : EXIT_STOPPED;
}

/* What is lost is said once, and in status.json. */
static void log_losses(enum witness_kind kind)
{
	const char *text;
	unsigned int i, loss;

	for (i = 0; (loss = witness_loss(i, &text)); i++)
		if (witness_losses(kind) & loss)
			log_warning("without it %s", text);
}

enum exit_code setup_witness(const char *node, struct witness *ret_witness)
{
	enum witness_kind kind;
	enum guest guest;
	int r, error;

	r = witness_open(node, GUEST_SYSFS, ret_witness, &error);
	kind = ret_witness->kind;
	if (!error) {
		if (witness_losses(kind))
			log_warning("%s shows no ID, only a counter", witness_node(kind));
		log_losses(kind);
		return EXIT_STOPPED;
	}
	guest = guest_diagnose(error, node, GUEST_SYSFS);
	if (!r) {
		log_warning("cannot use %s: %s; %s", node, strerror(-error),
			    guest_explain(guest, GUEST_SYSFS));
		log_warning("changes are detected by %s instead", witness_node(kind));
		log_losses(kind);
		return EXIT_STOPPED;
	}
	log_error("cannot use %s: %s; %s", node, strerror(-error),
		  guest_explain(guest, GUEST_SYSFS));
	if (guest == GUEST_NO_RIGHTS)
		return EXIT_NO_RIGHTS;
	return guest == GUEST_BROKEN || guest == GUEST_NO_NODE || guest == GUEST_NO_SYSFS ?
		EXIT_FAILED : EXIT_NO_DEVICE;
}

/* What is there and cannot be used is to be fixed, unlike a VM without any. */
enum exit_code setup_check_device(const char *node)
{
	struct witness witness = { .device = NULL };
	enum exit_code code = setup_witness(node, &witness);

	if (!code)
		puts(witness_node(witness.kind));
	witness_close(&witness);
	if (code == EXIT_NO_DEVICE &&
	    guest_diagnose(-ENOENT, node, GUEST_SYSFS) != GUEST_NO_DEVICE)
		return EXIT_FAILED;
	return code;
}

enum exit_code setup_lock(const struct config *config)
{
	char directory[PATH_MAX];
	pid_t holder = 0;
	int fd, r;

	if (mkdir(config->runtime_dir, 0755) && errno != EEXIST) {
		r = -errno;
		log_error("cannot create %s: %s", config->runtime_dir, file_strerror(r));
		return r == -EACCES || r == -EPERM ? EXIT_NO_RIGHTS : EXIT_FAILED;
	}
	snprintf(directory, sizeof(directory), "%s/lock", config->runtime_dir);
	r = lock_open(directory, "vmgend", &fd);
	if (!r)
		r = lock_take(fd, &holder);
	if (!r)
		return EXIT_STOPPED;
	if (r == -EWOULDBLOCK) {
		log_error("vmgend is already running as process %d", (int)holder);
		return EXIT_RUNNING;
	}
	log_error("cannot lock %s/vmgend: %s", directory, file_strerror(r));
	return r == -EACCES || r == -EPERM ? EXIT_NO_RIGHTS : EXIT_FAILED;
}

struct courier *setup_courier(const struct config *config)
{
	struct courier_places places = {
		.devices = "/dev", .credentials = getenv("CREDENTIALS_DIRECTORY"),
	};
	struct courier *courier = NULL;
	char ports[PATH_MAX];
	int r;

	snprintf(ports, sizeof(ports), "%s/class/virtio-ports", config->sysfs);
	places.ports = ports;
	r = courier_new(&places, &courier);
	if (r)
		log_error("cannot tell the host of repairs: %s", strerror(-r));
	return courier;
}
