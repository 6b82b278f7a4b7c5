/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copyright (C) the vmgen authors
 *
 * The reseed, on the real random number generator.
 */
#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#include "random.h"
#include "scratch.h"
#include "tap.h"

int main(void)
{
	static const uint8_t id[VMGEN_ID_SIZE] = "0123456789abcde";
	size_t hardware = 99;
	int status;
	pid_t pid;

	scratch_create();
	equal(random_reseed(RANDOM_DEVICE, "/nonexistent", id, &hardware), 0, "reseeds without hardware");
	equal(hardware, 0, "and says so");
	scratch_write("short", "0123456789", 0600);
	equal(random_reseed(RANDOM_DEVICE, scratch_path("short"), NULL, &hardware), 0, "reseeds without an ID");
	equal(hardware, 10, "with what the hardware gave");
	if (mkfifo(scratch_path("fifo"), 0600))
		scratch_give_up("fifo");
	equal(random_reseed(RANDOM_DEVICE, scratch_path("fifo"), id, &hardware), 0, "reseeds with hardware that hangs");
	equal(hardware, 0, "and does not wait for it");
	equal(random_reseed("/nonexistent", "/nonexistent", id, &hardware), -ENOENT, "no device: told");
	equal(random_reseed("/dev/null", "/nonexistent", id, &hardware), -ENOTTY, "another device: told");
	equal(random_reseed("/dev/null", scratch_path("short"), id, &hardware), -ENOTTY, "and with hardware");
	equal(hardware, 0, "which it could not use");
	pid = fork();
	if (!pid)
		_exit(setuid(65534) || random_reseed(RANDOM_DEVICE, "/nonexistent", id, &hardware) != -EPERM);
	ok(waitpid(pid, &status, 0) == pid && !status, "without rights: told");
	ok(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD, "no child is left");
	return tap_done();
}
